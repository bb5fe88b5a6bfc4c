// Package clean marks what is wrong with values and counts it.
//
// It never drops, changes or reorders anything: a late, doubled, crossed or far-off
// value goes on with a mark, and consumers choose. Pure: events in, marks out; times
// come with the values, no clock is read. The feed runs every batch through it
// before anything else sees it.
package clean

import (
	"slices"
	"strconv"
	"time"

	"github.com/assayhq/assay/market"
)

// Rules are the limits. The zero value of a field takes the default in brackets.
type Rules struct {
	// Ahead is how far a venue's time may be in front of ours before the value is
	// marked [2 s].
	Ahead time.Duration
	// Window is how many trades the outlier rule looks back on [31].
	Window int
	// Floor is the smallest relative distance from the median that can be an outlier [0.05].
	Floor float64
	// Spreads is how many median absolute deviations away is an outlier [12].
	Spreads float64
	// IDs is how many trade ids are remembered per series [4096].
	IDs int
	// Nameless says that the venue's past trades come without ids: one that agrees in
	// time, price, size and side with another is the same.
	Nameless bool
}

func (r Rules) filled() Rules {
	if r.Ahead == 0 {
		r.Ahead = 2 * time.Second
	}
	if r.Window == 0 {
		r.Window = 31
	}
	if r.Floor == 0 {
		r.Floor = 0.05
	}
	if r.Spreads == 0 {
		r.Spreads = 12
	}
	if r.IDs == 0 {
		r.IDs = 4096
	}
	return r
}

// Stats is what was seen of one series.
type Stats struct {
	Events [3]int64     // trades, quotes, book updates
	Marks  [3][16]int64 // by kind, then by bit
	Last   [3]time.Time // when we received the last one
}

// Machine marks the values of many series. Not safe for concurrent use.
type Machine struct {
	rules  Rules
	series map[market.Series]*series
	sorted []float64
}

type series struct {
	Stats
	lastTrade time.Time
	lastQuote time.Time
	prices    []float64
	next      int
	ids       map[uint64]struct{}
	ring      []uint64
	at        int
	median    float64
	mad       float64
	fresh     int // trades since the median was computed
}

// New makes a machine.
func New(r Rules) *Machine {
	return &Machine{rules: r.filled(), series: map[market.Series]*series{}}
}

func (m *Machine) get(v market.VenueID, p market.Pair) *series {
	k := market.Series{Venue: v, Pair: p}
	s := m.series[k]
	if s == nil {
		s = &series{ids: map[uint64]struct{}{}}
		m.series[k] = s
	}
	return s
}

// Apply sets the marks of everything in the batch.
func (m *Machine) Apply(b *market.Batch) {
	for i := range b.Trades {
		t := &b.Trades[i]
		s := m.get(t.Venue, t.Pair)
		m.trade(s, t)
		s.note(0, t.Marks, t.Received)
	}
	for i := range b.Quotes {
		q := &b.Quotes[i]
		s := m.get(q.Venue, q.Pair)
		m.quote(s, q)
		s.note(1, q.Marks, q.Received)
	}
	for i := range b.Books {
		u := &b.Books[i]
		s := m.get(u.Venue, u.Pair)
		if !u.At.IsZero() && u.At.Sub(u.Received) > m.rules.Ahead {
			u.Marks |= market.Ahead
		}
		s.note(2, u.Marks, u.Received)
	}
}

func (s *series) note(kind int, marks market.Mark, at time.Time) {
	s.Events[kind]++
	s.Last[kind] = at
	for i := 0; marks != 0; i, marks = i+1, marks>>1 {
		if marks&1 != 0 {
			s.Marks[kind][i]++
		}
	}
}

func (m *Machine) trade(s *series, t *market.Trade) {
	if t.ID != "" && s.seen(t.ID, m.rules.IDs) {
		t.Marks |= market.Duplicate
		return // what follows would judge the same trade twice
	}
	if m.rules.Nameless {
		if s.seen(Name(t), m.rules.IDs) && t.ID == "" && t.Marks&market.Backfilled != 0 {
			t.Marks |= market.Duplicate
			return
		}
	}
	if t.At.Before(s.lastTrade) {
		t.Marks |= market.OutOfOrder
	} else {
		s.lastTrade = t.At
	}
	if !t.Received.IsZero() && t.At.Sub(t.Received) > m.rules.Ahead {
		t.Marks |= market.Ahead
	}
	p := t.Price.Float64()
	if len(s.prices) >= 7 {
		if s.fresh >= 4 || s.median == 0 {
			m.spread(s)
		}
		d := p - s.median
		if d < 0 {
			d = -d
		}
		if d > s.median*m.rules.Floor && d > s.mad*m.rules.Spreads {
			t.Marks |= market.Outlier
		}
	}
	s.fresh++
	if len(s.prices) < m.rules.Window {
		s.prices = append(s.prices, p)
		return
	}
	s.prices[s.next] = p
	s.next = (s.next + 1) % len(s.prices)
}

// spread computes the median and the median absolute deviation of the window.
// Statistics: binary floats are good enough for a judgement, prices stay exact.
func (m *Machine) spread(s *series) {
	m.sorted = append(m.sorted[:0], s.prices...)
	slices.Sort(m.sorted)
	s.median = m.sorted[len(m.sorted)/2]
	for i, p := range m.sorted {
		d := p - s.median
		if d < 0 {
			d = -d
		}
		m.sorted[i] = d
	}
	slices.Sort(m.sorted)
	s.mad, s.fresh = m.sorted[len(m.sorted)/2], 0
}

// seen tells whether the id came before, and remembers it.
func (s *series) seen(id string, bound int) bool {
	const prime, offset = 1099511628211, 14695981039346656037
	h := uint64(offset)
	for i := range len(id) {
		h = (h ^ uint64(id[i])) * prime
	}
	if _, ok := s.ids[h]; ok {
		return true
	}
	if len(s.ring) < bound {
		s.ring = append(s.ring, h)
	} else {
		delete(s.ids, s.ring[s.at])
		s.ring[s.at] = h
		s.at = (s.at + 1) % bound
	}
	s.ids[h] = struct{}{}
	return false
}

// Name is how a trade of a venue whose past trades come without ids is known: by its time
// to the millisecond, price, size and side.
func Name(t *market.Trade) string {
	b := strconv.AppendInt(nil, t.At.UnixMilli(), 10)
	b = append(t.Price.Trim().Append(append(b, ' ')), ' ')
	b = append(t.Qty.Trim().Append(b), ' ')
	return string(append(b, t.Side.String()...))
}

func (m *Machine) quote(s *series, q *market.Quote) {
	if !q.Bid.IsZero() && !q.Ask.IsZero() && q.Bid.Cmp(q.Ask.Decimal) >= 0 {
		q.Marks |= market.Crossed
	}
	if q.At.IsZero() {
		return
	}
	if q.At.Before(s.lastQuote) {
		q.Marks |= market.OutOfOrder
	} else {
		s.lastQuote = q.At
	}
	if q.At.Sub(q.Received) > m.rules.Ahead {
		q.Marks |= market.Ahead
	}
}

// Stats gives what was seen of a series.
func (m *Machine) Stats(k market.Series) (Stats, bool) {
	s, ok := m.series[k]
	if !ok {
		return Stats{}, false
	}
	return s.Stats, true
}

// All lists the series seen.
func (m *Machine) All(yield func(market.Series, *Stats)) {
	for k, s := range m.series {
		yield(k, &s.Stats)
	}
}
