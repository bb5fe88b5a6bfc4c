package meter

import (
	"bufio"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"maps"
	"slices"
	"strconv"
	"time"
)

// Origin is one run of one node: its counters begin at zero.
type Origin struct {
	Node string
	Boot uint64 // random
}

// series is one counter.
type series struct {
	origin Origin
	key    Key
	hour   int64 // its beginning, in minutes since 1970
}

// row is the value of a counter: the sum so far, as of record seq.
type row struct {
	series
	Counts
	seq   uint64
	dirty bool
}

func (r *row) add(c Counts) { r.Counts.add(c) }

// Ledger holds counters of any number of nodes and boots. It is not safe for concurrent
// use.
type Ledger struct {
	hours map[int64]map[series]*row
	size  int
}

// NewLedger makes an empty one.
func NewLedger() *Ledger { return &Ledger{hours: map[int64]map[series]*row{}} }

// row gives the row of a counter, made if need be.
func (l *Ledger) row(s series) *row {
	m := l.hours[s.hour]
	if m == nil {
		m = map[series]*row{}
		l.hours[s.hour] = m
	}
	r := m[s]
	if r == nil {
		r = &row{series: s}
		m[s] = r
		l.size++
	}
	return r
}

// merge takes the larger of what is known and r, which is the later: sums only grow.
func (l *Ledger) merge(r row) {
	h := l.row(r.series)
	h.seq = max(h.seq, r.seq)
	h.Requests, h.Units, h.Bytes = max(h.Requests, r.Requests), max(h.Units, r.Units), max(h.Bytes, r.Bytes)
}

// Merge reads a segment file of any node up to its end or first damage; damage is an
// error, and what stands before it is merged.
func (l *Ledger) Merge(segment io.Reader) error {
	_, err := readSegment(segment, l.merge)
	return err
}

// keep forgets the oldest hours when there are more than n.
func (l *Ledger) keep(n int) {
	if len(l.hours) <= n {
		return
	}
	old := slices.Sorted(maps.Keys(l.hours))
	for _, m := range old[:len(old)-n] {
		l.size -= len(l.hours[m])
		delete(l.hours, m)
	}
}

// all copies every row.
func (l *Ledger) all() []row {
	out := make([]row, 0, l.size)
	for _, rows := range l.hours {
		for _, r := range rows {
			out = append(out, *r)
		}
	}
	return out
}

func byOrigin(a, b row) int {
	return cmp.Or(cmp.Compare(a.origin.Node, b.origin.Node), cmp.Compare(a.origin.Boot, b.origin.Boot), cmp.Compare(a.hour, b.hour))
}

// between copies the rows of hours that begin in [from, to).
func (l *Ledger) between(from, to time.Time) []row {
	var out []row
	for m, rows := range l.hours {
		if t := time.Unix(m*60, 0); t.Before(from) || !t.Before(to) {
			continue
		}
		for _, r := range rows {
			out = append(out, *r)
		}
	}
	return out
}

// By says what a sum is split by.
type By uint8

// The splits; they are combined with |.
const (
	ByApp By = 1 << iota
	ByRing
	ByKey
	ByClass
	ByStatus
	ByHour
	ByDay
)

// Line is one sum. What it is not split by is empty.
type Line struct {
	From time.Time // start of the hour or day, UTC; zero when not split by time
	Key
	Counts
}

// Usage sums the hours that begin in [from, to), split as by says, in order of time and
// then names. Fields of f that are not empty must be equal.
func (l *Ledger) Usage(from, to time.Time, f Key, by By) []Line {
	s := newSums(f, by)
	for _, m := range l.within(from, to) {
		s.add(m, l.hours[m], nil)
	}
	return s.lines()
}

// within gives the hours that begin in [from, to).
func (l *Ledger) within(from, to time.Time) (out []int64) {
	for m := range l.hours {
		if t := time.Unix(m*60, 0); !t.Before(from) && t.Before(to) {
			out = append(out, m)
		}
	}
	return out
}

// sums are the lines of an answer while they are made.
type sums struct {
	f    Key
	by   By
	span int64
	of   map[group]*Counts
}

type group struct {
	at  int64
	key Key
}

func newSums(f Key, by By) *sums {
	return &sums{f, by, map[By]int64{ByHour: 60, ByDay: 24 * 60}[by&(ByHour|ByDay)], map[group]*Counts{}}
}

// add counts the rows of an hour, without those of origins in but.
func (s *sums) add(m int64, rows map[series]*row, but map[Origin]bool) {
	g := group{}
	if s.span > 0 {
		g.at = m - m%s.span
	}
	for x, r := range rows {
		if !s.f.matches(x.key) || but[x.origin] {
			continue
		}
		g.key = x.key.only(s.by)
		c := s.of[g]
		if c == nil {
			c = &Counts{}
			s.of[g] = c
		}
		c.add(r.Counts)
	}
}

func (s *sums) lines() []Line {
	out := make([]Line, 0, len(s.of))
	for g, c := range s.of {
		n := Line{Key: g.key, Counts: *c}
		if s.span > 0 {
			n.From = time.Unix(g.at*60, 0).UTC()
		}
		out = append(out, n)
	}
	slices.SortFunc(out, func(a, b Line) int { return cmp.Or(a.From.Compare(b.From), a.Key.compare(b.Key)) })
	return out
}

func (k Key) matches(o Key) bool {
	return (k.App == "" || k.App == o.App) && (k.Ring == "" || k.Ring == o.Ring) && (k.Key == "" || k.Key == o.Key) &&
		(k.Class == "" || k.Class == o.Class) && (k.Status == 0 || k.Status == o.Status)
}

func (k Key) only(by By) Key {
	for _, f := range [...]struct {
		bit  By
		text *string
	}{{ByApp, &k.App}, {ByRing, &k.Ring}, {ByKey, &k.Key}, {ByClass, &k.Class}} {
		if by&f.bit == 0 {
			*f.text = ""
		}
	}
	if by&ByStatus == 0 {
		k.Status = 0
	}
	return k
}

func (k Key) compare(o Key) int {
	return cmp.Or(cmp.Compare(k.App, o.App), cmp.Compare(k.Ring, o.Ring), cmp.Compare(k.Key, o.Key),
		cmp.Compare(k.Class, o.Class), cmp.Compare(k.Status, o.Status))
}

// Export writes the counters of hours in [from, to) as CloudEvents 1.0, one JSON
// object a line, of type assay.usage.v1. The id follows from the counter alone, so that
// a receiver which knows an id already can drop the event. Only hours that have passed for
// every node should be asked for.
func (l *Ledger) Export(w io.Writer, from, to time.Time) error { return export(w, l.between(from, to)) }

type event struct {
	SpecVersion string    `json:"specversion"`
	Type        string    `json:"type"`
	ID          string    `json:"id"`
	Source      string    `json:"source"`
	Subject     string    `json:"subject"` // the app
	Time        time.Time `json:"time"`    // start of the hour
	ContentType string    `json:"datacontenttype"`
	Data        usage     `json:"data"`
}

type usage struct {
	Ring     string `json:"ring"`
	Key      string `json:"key"`
	Class    string `json:"class"`
	Status   uint8  `json:"status"`
	Requests int64  `json:"requests"`
	Units    int64  `json:"units"`
	Bytes    int64  `json:"bytes"`
}

func export(w io.Writer, rows []row) error {
	slices.SortFunc(rows, func(a, b row) int {
		return cmp.Or(cmp.Compare(a.hour, b.hour), byOrigin(a, b), a.key.compare(b.key))
	})
	b := bufio.NewWriter(w)
	e := json.NewEncoder(b)
	var buf []byte
	for i := range rows {
		r := &rows[i]
		buf = appendSeries(appendOrigin(buf[:0], r.origin), &r.series)
		sum := sha256.Sum256(buf)
		err := e.Encode(event{
			SpecVersion: "1.0", Type: "assay.usage.v1", ID: hex.EncodeToString(sum[:16]),
			Source:  "assay/" + r.origin.Node + "/" + strconv.FormatUint(r.origin.Boot, 16),
			Subject: r.key.App, Time: time.Unix(r.hour*60, 0).UTC(), ContentType: "application/json",
			Data: usage{r.key.Ring, r.key.Key, r.key.Class, r.key.Status, r.Requests, r.Units, r.Bytes},
		})
		if err != nil {
			return err
		}
	}
	return b.Flush()
}
