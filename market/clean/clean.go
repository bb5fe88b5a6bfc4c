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
	// IDs is how many trade ids, and how many liquidations, are remembered per series [4096].
	IDs int
	// Funding is the largest part of a position's value that is paid in one interval
	// without being an outlier [0.05].
	Funding float64
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
	if r.Funding == 0 {
		r.Funding = 0.05
	}
	return r
}

// Stats is what was seen of one series.
type Stats struct {
	Events [Kinds]int64     // by kind, as Channels lists them
	Marks  [Kinds][16]int64 // by kind, then by bit
	Last   [Kinds]time.Time // when we received the last one
}

// Kinds is how many kinds of value are judged.
const Kinds = 5

// Channels lists the kinds: trades, quotes, book updates, derivatives, liquidations.
func Channels() [Kinds]market.Channel {
	return [Kinds]market.Channel{market.Trades, market.Quotes, market.Books, market.Derivatives, market.Liquidations}
}

// Machine marks the values of many series. Not safe for concurrent use.
type Machine struct {
	rules  Rules
	series map[market.Series]*series
	sorted []float64
}

type series struct {
	Stats
	last   [Kinds]time.Time // venue's time of the newest value
	said   [16]time.Time    // of the newest statement, by what it states: channels of a venue differ in time
	prices window           // of trades
	valued window           // of mark prices
	ids    memory           // of trades
	closed memory           // liquidations
}

// window is the last prices, with what is usual among them.
type window struct {
	prices []float64
	next   int
	median float64
	mad    float64
	fresh  int // prices since the median was computed
}

// memory remembers the last of many things by their hashes.
type memory struct {
	seen map[uint64]struct{}
	ring []uint64
	at   int
}

// New makes a machine.
func New(r Rules) *Machine {
	return &Machine{rules: r.filled(), series: map[market.Series]*series{}}
}

func (m *Machine) get(v market.VenueID, p market.Pair) *series {
	k := market.Series{Venue: v, Pair: p}
	s := m.series[k]
	if s == nil {
		s = &series{}
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
	for i := range b.Derivatives {
		d := &b.Derivatives[i]
		s := m.get(d.Venue, d.Pair)
		m.derivative(s, d)
		s.note(3, d.Marks, d.Received)
	}
	for i := range b.Liquidations {
		l := &b.Liquidations[i]
		s := m.get(l.Venue, l.Pair)
		m.liquidation(s, l)
		s.note(4, l.Marks, l.Received)
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
	if t.ID != "" && s.ids.has(hash(t.ID), m.rules.IDs) {
		t.Marks |= market.Duplicate
		return // what follows would judge the same trade twice
	}
	if m.rules.Nameless {
		if s.ids.has(hash(Name(t)), m.rules.IDs) && t.ID == "" && t.Marks&market.Backfilled != 0 {
			t.Marks |= market.Duplicate
			return
		}
	}
	t.Marks |= m.order(&s.last[0], t.At) | m.clock(t.At, t.Received)
	p := t.Price.Float64()
	if m.far(&s.prices, p, 1) {
		t.Marks |= market.Outlier
	}
	m.add(&s.prices, p)
}

// order tells whether a value is older than the one before it.
func (m *Machine) order(last *time.Time, at time.Time) market.Mark {
	if at.Before(*last) {
		return market.OutOfOrder
	}
	*last = at
	return 0
}

// clock tells whether a value's time is ahead of ours.
func (m *Machine) clock(at, received time.Time) market.Mark {
	if !received.IsZero() && at.Sub(received) > m.rules.Ahead {
		return market.Ahead
	}
	return 0
}

// derivative judges a statement: settled funding may be of any age, and is judged by its
// rate alone.
func (m *Machine) derivative(s *series, d *market.Derivative) {
	if d.Has&market.StatedFunding != 0 {
		if f := d.Funding.Float64(); f > m.rules.Funding || f < -m.rules.Funding {
			d.Marks |= market.Outlier
		}
	}
	if d.Settled {
		return
	}
	if !d.At.IsZero() {
		d.Marks |= m.order(&s.said[d.Has&15], d.At) | m.clock(d.At, d.Received)
	}
	if d.Has&market.StatedMark != 0 {
		p := d.Mark.Float64()
		if m.far(&s.valued, p, 1) {
			d.Marks |= market.Outlier
		}
		m.add(&s.valued, p)
	}
}

// bankrupt is how many times farther than a trade a liquidation may be from recent
// trades: where the venue states the price at which the margin is gone, nobody traded
// there yet.
const bankrupt = 4

func (m *Machine) liquidation(s *series, l *market.Liquidation) {
	if s.closed.has(hash(l.ID, l.At.UTC().Format(time.RFC3339Nano), l.Side.String(), l.Price.String(), l.Qty.String()), m.rules.IDs) {
		l.Marks |= market.Duplicate
		return
	}
	if !l.At.IsZero() {
		l.Marks |= m.order(&s.last[4], l.At) | m.clock(l.At, l.Received)
	}
	if m.far(&s.prices, l.Price.Float64(), bankrupt) {
		l.Marks |= market.Outlier
	}
}

// enough is how many prices a judgement needs.
const enough = 7

// far tells whether a price is far from those of a window: times the usual bounds.
func (m *Machine) far(w *window, p, times float64) bool {
	if len(w.prices) < enough {
		return false
	}
	if w.fresh >= 4 || w.median == 0 {
		m.spread(w)
	}
	d := p - w.median
	if d < 0 {
		d = -d
	}
	return d > w.median*m.rules.Floor*times && d > w.mad*m.rules.Spreads*times
}

func (m *Machine) add(w *window, p float64) {
	w.fresh++
	if len(w.prices) < m.rules.Window {
		w.prices = append(w.prices, p)
		return
	}
	w.prices[w.next] = p
	w.next = (w.next + 1) % len(w.prices)
}

// spread computes the median and the median absolute deviation of the window.
// Statistics: binary floats are good enough for a judgement, prices stay exact.
func (m *Machine) spread(w *window) {
	m.sorted = append(m.sorted[:0], w.prices...)
	slices.Sort(m.sorted)
	w.median = m.sorted[len(m.sorted)/2]
	for i, p := range m.sorted {
		d := p - w.median
		if d < 0 {
			d = -d
		}
		m.sorted[i] = d
	}
	slices.Sort(m.sorted)
	w.mad, w.fresh = m.sorted[len(m.sorted)/2], 0
}

// hash is FNV-1a over the parts, each with an end.
func hash(parts ...string) uint64 {
	const prime, offset = 1099511628211, 14695981039346656037
	h := uint64(offset)
	for _, p := range parts {
		for i := range len(p) {
			h = (h ^ uint64(p[i])) * prime
		}
		h *= prime
	}
	return h
}

// has tells whether h came before, and remembers it.
func (r *memory) has(h uint64, bound int) bool {
	if _, ok := r.seen[h]; ok {
		return true
	}
	if r.seen == nil {
		r.seen = map[uint64]struct{}{}
	}
	if len(r.ring) < bound {
		r.ring = append(r.ring, h)
	} else {
		delete(r.seen, r.ring[r.at])
		r.ring[r.at] = h
		r.at = (r.at + 1) % bound
	}
	r.seen[h] = struct{}{}
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
	q.Marks |= m.order(&s.last[1], q.At)
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
