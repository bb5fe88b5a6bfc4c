package pebble

import (
	"slices"
	"sort"
	"sync"
	"sync/atomic"

	"github.com/assayhq/assay/market"
)

// A series is one run of rows: chunks on disk and a tail of fresh rows, which is
// in memory and, as records of the tail space, on disk.
//
// The writer goroutine alone changes it. Readers take the view, which is never
// changed once published: its tail belongs exactly to the chunks as they were
// after view.merges merges. Rows that come late, or that replace another, stand
// apart from the tail in a short list, so that not the whole tail has to be copied
// for each of them: the candle of the running minute changes all the time.
type series[T any] struct {
	*kind[T]
	sid  uint32
	name name
	view atomic.Pointer[view[T]]
	// moving is held while rows go from the tail to chunks, from before the
	// transaction is applied until the new view is published. A reader that sees
	// chunks newer than its view waits for it.
	moving sync.Mutex

	// symbol is the one the venue used last; most rows share it.
	symbol atomic.Pointer[string]

	// The rest is the writer's.
	summary
	named  bool   // its name is on disk
	tail   []T    // sorted; grows in place, never changes in place
	late   []T    // sorted; newer than the tail; never changes in place
	fresh  []T    // accepted in this transaction, in the order they came
	lo, hi uint64 // tail records on disk: lo inclusive, hi exclusive
	stored int    // rows in those records, replaced ones included
	counts int    // rows of the tail that the store's sum of tails has in it
	ids    *identities
	high   uint64 // no number in a chunk is higher; means something if numbered then
	highs  bool   // some number is in a chunk
	staged bool   // changed in this transaction
	merged bool   // its tail goes to chunks in this transaction
}

type view[T any] struct {
	tail, late []T
	summary
}

func newSeries[T any](k *kind[T], sid uint32, n name) *series[T] {
	s := &series[T]{kind: k, sid: sid, name: n}
	s.view.Store(&view[T]{})
	return s
}

// publish shows readers what the writer has applied.
func (s *series[T]) publish() {
	s.view.Store(&view[T]{tail: s.tail, late: s.late, summary: s.summary})
	s.staged = false
	if s.merged {
		s.merged = false
		s.moving.Unlock()
	}
}

// mostLate is how many late rows stand apart.
const mostLate = 64

// unmerged gives all rows that are in no chunk, sorted.
func (s *series[T]) unmerged() []T {
	if len(s.late) == 0 {
		return s.tail
	}
	return s.merge(nil, s.tail, s.late)
}

func (s *series[T]) pending() int { return len(s.tail) + len(s.late) }

// insert takes rows into the tail and gives those that were kept. Of rows that
// share a time, those that were kept stand in the order they came. rows is the
// caller's to give away.
func (s *series[T]) insert(rows []T) []T {
	var late []T
	kept := rows[:0]
	for i := range rows {
		r := &rows[i]
		if n := len(s.tail); n > 0 && (s.after(&s.tail[n-1], r) || s.wins != nil && s.time(&s.tail[n-1]) == s.time(r)) {
			late = append(late, *r)
			continue
		}
		s.tail = append(s.tail, *r)
		kept = append(kept, *r)
	}
	if len(late) == 0 {
		return kept
	}
	if len(late)+len(s.late) > mostLate {
		sort.SliceStable(late, func(i, j int) bool { return s.after(&late[j], &late[i]) })
		all := s.unmerged()
		s.late = nil
		if s.wins == nil {
			s.tail = s.merge(nil, all, late)
			return append(kept, late...)
		}
		var taken []T
		s.tail, taken = s.fold(all, late)
		return append(kept, taken...)
	}
	own := append(make([]T, 0, len(s.late)+len(late)), s.late...)
	for i := range late {
		r := &late[i]
		at := sort.Search(len(own), func(j int) bool { return s.after(&own[j], r) })
		if s.wins != nil {
			if at > 0 && s.time(&own[at-1]) == s.time(r) {
				if s.wins(&own[at-1], r) {
					own[at-1] = *r
					kept = append(kept, *r)
				}
				continue
			}
			if same := s.between(s.tail, s.time(r), s.time(r)+1); len(same) > 0 && !s.wins(&same[0], r) {
				continue
			}
		}
		own = slices.Insert(own, at, *r)
		kept = append(kept, *r)
	}
	s.late = own
	return kept
}

// fold merges sorted rows, several of which may share a time, into a tail of one
// row a time. taken are the rows that were kept.
func (k *kind[T]) fold(tail, rows []T) (merged, taken []T) {
	merged = make([]T, 0, len(tail)+len(rows))
	i := 0
	for j := 0; j < len(rows); {
		t := k.time(&rows[j])
		for i < len(tail) && k.time(&tail[i]) < t {
			merged = append(merged, tail[i])
			i++
		}
		best, have := rows[j], false
		if i < len(tail) && k.time(&tail[i]) == t {
			best, have = tail[i], true
			i++
		}
		changed := !have
		if have && k.wins(&best, &rows[j]) {
			best, changed = rows[j], true
		}
		for j++; j < len(rows) && k.time(&rows[j]) == t; j++ {
			if k.wins(&best, &rows[j]) {
				best, changed = rows[j], true
			}
		}
		merged = append(merged, best)
		if changed {
			taken = append(taken, best)
		}
	}
	return append(merged, tail[i:]...), taken
}

// merge appends to dst two sorted runs as one. Where a kind has one row a time,
// the newer run's row takes the place of the older's if it wins.
func (k *kind[T]) merge(dst, older, newer []T) []T {
	if dst == nil {
		dst = make([]T, 0, len(older)+len(newer))
	}
	i := 0
	for j := range newer {
		for i < len(older) && !k.after(&older[i], &newer[j]) {
			if k.wins != nil && k.time(&older[i]) == k.time(&newer[j]) {
				break
			}
			dst = append(dst, older[i])
			i++
		}
		if k.wins != nil && i < len(older) && k.time(&older[i]) == k.time(&newer[j]) {
			if !k.wins(&older[i], &newer[j]) {
				dst = append(dst, older[i])
				i++
				continue
			}
			i++
		}
		dst = append(dst, newer[j])
	}
	return append(dst, older[i:]...)
}

// between gives the rows from from (inclusive) to to (exclusive) of sorted rows.
func (k *kind[T]) between(rows []T, from, to int64) []T {
	i := sort.Search(len(rows), func(i int) bool { return k.time(&rows[i]) >= from })
	n := sort.Search(len(rows)-i, func(j int) bool { return k.time(&rows[i+j]) >= to })
	return rows[i : i+n]
}

// listed tells whether the series is told to those who ask what there is.
func (s *series[T]) listed() bool { return !s.hidden }

// describe tells of the series as readers see it; false when it holds nothing.
func (s *series[T]) describe() (market.Stored, bool) {
	v := s.view.Load()
	d := market.Stored{
		Series:   market.Series{Venue: s.name.venue, Pair: s.name.pair},
		Channel:  s.channel,
		Interval: s.name.interval,
		Rows:     v.rows + int64(len(v.tail)+len(v.late)),
	}
	first, last := int64(forever), int64(noTime)
	if v.chunks > 0 {
		first, last = v.first, v.last
	}
	for _, rows := range [][]T{v.tail, v.late} {
		if n := len(rows); n > 0 {
			first, last = min(first, s.time(&rows[0])), max(last, s.time(&rows[n-1]))
		}
	}
	d.First, d.Last = timeOf(first), timeOf(last)
	return d, d.Rows > 0
}
