package pebble

import (
	"slices"
	"sort"
	"time"

	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/money"

	lsm "github.com/cockroachdb/pebble/v2"
)

// sameWithin is how far apart in time two trades with one id may stand and still
// be the same trade: venues give the same trade in milliseconds on one channel and
// nanoseconds on another. Farther apart they are two trades, because venues do
// start their numbering again.
const sameWithin = int64(time.Minute)

// A bare is all of a trade that has no id: what it is known by.
type bare struct {
	at, received int64
	price, qty   money.Decimal
	symbol       string
	marks        market.Mark
	side         market.Side
	aggregate    bool
}

func bareOf(t *market.Trade) bare {
	return bare{nanos(t.At), nanos(t.Received), t.Price.Decimal, t.Qty.Decimal, t.Symbol, t.Marks, t.Side, t.Aggregate}
}

// identities tells which trades are in a set of rows.
type identities struct {
	numbers map[uint64]struct{} // of a tail
	sorted  []uint64            // of a chunk, in its place
	ids     map[string]struct{}
	bares   map[bare]struct{}
}

// identitiesOf a tail can be added to.
func identitiesOf(runs ...[]market.Trade) *identities {
	k := &identities{numbers: map[uint64]struct{}{}, ids: map[string]struct{}{}, bares: map[bare]struct{}{}}
	for _, rows := range runs {
		for i := range rows {
			k.add(&rows[i])
		}
	}
	return k
}

// identitiesIn a chunk are asked only, so numbers need no map.
func identitiesIn(rows []market.Trade) *identities {
	k := &identities{ids: map[string]struct{}{}, bares: map[bare]struct{}{}, sorted: make([]uint64, 0, len(rows))}
	for i := range rows {
		if n, ok := number(rows[i].ID); ok {
			k.sorted = append(k.sorted, n)
		} else {
			k.add(&rows[i])
		}
	}
	slices.Sort(k.sorted)
	return k
}

// add remembers t and tells whether it is new.
func (k *identities) add(t *market.Trade) bool {
	if n, ok := number(t.ID); ok {
		_, had := k.numbers[n]
		k.numbers[n] = struct{}{}
		return !had
	}
	if t.ID == "" {
		b := bareOf(t)
		_, had := k.bares[b]
		k.bares[b] = struct{}{}
		return !had
	}
	_, had := k.ids[t.ID]
	k.ids[t.ID] = struct{}{}
	return !had
}

// has tells whether t is in a chunk.
func (k *identities) has(t *market.Trade) (ok bool) {
	if n, isNumber := number(t.ID); isNumber {
		_, ok = slices.BinarySearch(k.sorted, n)
		return ok
	}
	if t.ID == "" {
		_, ok = k.bares[bareOf(t)]
		return ok
	}
	_, ok = k.ids[t.ID]
	return ok
}

// newTrades drops from rows those that the series has already. A trade whose
// number is above every number so far is new without looking: that is the way of
// nearly every live trade. The others are looked for in the tail and in the
// chunks around their time.
func (s *Store) newTrades(sr *series[market.Trade], rows []market.Trade) ([]market.Trade, error) {
	kept := rows[:0]
	var doubtful []int // places in kept that may be in a chunk
	for i := range rows {
		t := rows[i]
		n, numeric := number(t.ID)
		if numeric && (!sr.numbered || n > sr.number) {
			sr.numbered, sr.number = true, n
			if sr.ids != nil {
				sr.ids.add(&t)
			}
			kept = append(kept, t)
			continue
		}
		if sr.ids == nil {
			sr.ids = identitiesOf(sr.tail, sr.late, kept)
		}
		if !sr.ids.add(&t) {
			continue
		}
		if numeric && (!sr.highs || n > sr.high) {
			kept = append(kept, t) // above every number in the chunks
			continue
		}
		if at := tradeTime(&t); sr.chunks > 0 && at <= plus(sr.last, sameWithin) && at >= plus(sr.first, -sameWithin) {
			doubtful = append(doubtful, len(kept))
		}
		kept = append(kept, t)
	}
	if len(doubtful) == 0 {
		return kept, nil
	}
	seen, err := s.inChunks(sr, kept, doubtful)
	if err != nil || len(seen) == 0 {
		return kept, err
	}
	out := kept[:0]
	for i := range kept {
		if !seen[i] {
			out = append(out, kept[i])
		}
	}
	return out, nil
}

// plus adds without running over either end of time.
func plus(t, d int64) int64 {
	switch sum := t + d; {
	case d > 0 && sum < t:
		return forever
	case d < 0 && sum > t:
		return noTime
	default:
		return sum
	}
}

// inChunks tells which of the doubtful rows are in a chunk around their time.
func (s *Store) inChunks(sr *series[market.Trade], rows []market.Trade, doubtful []int) (map[int]bool, error) {
	doubtful = slices.Clone(doubtful)
	sort.Slice(doubtful, func(a, b int) bool { return tradeTime(&rows[doubtful[a]]) < tradeTime(&rows[doubtful[b]]) })
	it, err := s.chunks(sr.sid)
	if err != nil {
		return nil, err
	}
	defer it.Close()
	seen := map[int]bool{}
	type loaded struct {
		last  int64
		known *identities
	}
	var window []loaded
	ahead := seekChunk(it, sr.sid, plus(tradeTime(&rows[doubtful[0]]), -sameWithin))
	for _, d := range doubtful {
		t := &rows[d]
		at := tradeTime(t)
		for len(window) > 0 && window[0].last < plus(at, -sameWithin) {
			window = window[1:]
		}
		for ; ahead && chunkFirst(it.Key()) <= plus(at, sameWithin); ahead = it.Next() {
			h, err := headAt(s, sr, it)
			if err != nil {
				return nil, err
			}
			if h.last < plus(at, -sameWithin) {
				continue
			}
			_, e, err := load(s, sr, it, true)
			if err != nil {
				return nil, err
			}
			e.once.Do(func() { e.known = identitiesIn(e.rows.([]market.Trade)) })
			window = append(window, loaded{h.last, e.known})
		}
		for _, w := range window {
			if w.known.has(t) {
				seen[d] = true
				break
			}
		}
	}
	return seen, nil
}

// chunks gives an iterator over the summary and the chunks of a series.
func (s *Store) chunks(sid uint32) (*lsm.Iterator, error) {
	return s.db.NewIter(&lsm.IterOptions{LowerBound: summaryOf(sid), UpperBound: afterChunks(sid)})
}

const chunkKeyLen = 1 + 4 + 1 + 8

// seekChunk goes to the last chunk that begins at or before t, or else the first
// one; false when there is none.
func seekChunk(it *lsm.Iterator, sid uint32, t int64) bool {
	var buf [chunkKeyLen]byte
	if t < forever {
		if it.SeekLT(appendChunkKey(buf[:], sid, t+1)) && len(it.Key()) == chunkKeyLen {
			return true
		}
	}
	return it.SeekGE(appendChunkKey(buf[:], sid, noTime))
}

// headAt reads the head of the chunk the iterator stands on.
func headAt[T any](s *Store, sr *series[T], it *lsm.Iterator) (head, error) {
	v, err := it.ValueAndErr()
	if err != nil {
		return head{}, err
	}
	h, _, err := readHead(v)
	if err != nil {
		return h, s.damaged(sr.name, err)
	}
	return h, nil
}

// load reads the chunk the iterator stands on, from the cache if it is there.
func load[T any](s *Store, sr *series[T], it *lsm.Iterator, keep bool) (head, *entry, error) {
	v, err := it.ValueAndErr()
	if err != nil {
		return head{}, nil, err
	}
	h, body, err := readHead(v)
	if err != nil {
		return h, nil, s.damaged(sr.name, err)
	}
	key := cacheKey{sr.sid, chunkFirst(it.Key()), h.version}
	if e := s.cache.get(key); e != nil {
		return h, e, nil
	}
	c := s.coders.Get().(*coder)
	rows, err := sr.kind.parse(c, body, sr.name)
	s.coders.Put(c)
	if err == nil && len(rows) != h.rows {
		err = errCorrupt
	}
	if err != nil {
		return h, nil, s.damaged(sr.name, err)
	}
	e := &entry{key: key, rows: rows, bytes: int64(len(rows)*sr.bytes) + 200}
	if keep {
		e = s.cache.put(e)
	}
	return h, e, nil
}

// newRows drops from rows those that are there already, of a kind that tells by
// kind.same. Rows are alike only at one time, so no more than one chunk is looked at
// for each; nearly every row is behind all chunks.
func newRows[T any](s *Store, sr *series[T], rows []T) ([]T, error) {
	var it *lsm.Iterator
	defer func() {
		if it != nil {
			_ = it.Close()
		}
	}()
	kept := rows[:0]
	for i := range rows {
		r := &rows[i]
		at := sr.time(r)
		known := sr.has(kept, r) || sr.has(sr.between(sr.tail, at, plus(at, 1)), r) || sr.has(sr.between(sr.late, at, plus(at, 1)), r)
		if !known && sr.chunks > 0 && at >= sr.first && at <= sr.last {
			if it == nil {
				var err error
				if it, err = s.chunks(sr.sid); err != nil {
					return nil, err
				}
			}
			if !seekChunk(it, sr.sid, at) {
				return nil, s.damaged(sr.name, errCorrupt)
			}
			_, e, err := load(s, sr, it, true)
			if err != nil {
				return nil, err
			}
			known = sr.has(sr.between(e.rows.([]T), at, plus(at, 1)), r)
		}
		if !known {
			kept = append(kept, *r)
		}
	}
	return kept, nil
}

// has tells whether one of the rows is the same as r.
func (k *kind[T]) has(rows []T, r *T) bool {
	for i := range rows {
		if k.time(&rows[i]) == k.time(r) && k.same(&rows[i], r) {
			return true
		}
	}
	return false
}
