// Package candle builds bars from trades and longer bars from shorter ones.
//
// Machine makes the bars of one series from its trades, in event time: a bar opens
// with its first trade, closes when a later one begins or when Tick says that time
// has passed, and is revised when late trades come. Roll makes longer bars from
// shorter ones. Pure: no clock, no I/O. An interval without trades has no bar. The
// feed owns the machines; the candle reader rolls.
package candle

import (
	"time"

	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/money"
)

// Base lists the intervals a Machine makes; all others are rolled up from them.
func Base() []market.Interval { return []market.Interval{"1s", "1m"} }

// kept is how many closed bars of each base interval wait for late trades.
var kept = [...]int{60, 60}

// Grace is how long after its end a bar waits for late trades before Tick closes it.
const Grace = 2 * time.Second

// TurnoverDecimals bounds the decimals of a turnover: more are rounded half to even.
const TurnoverDecimals = 8

type bar struct {
	market.Candle
	volume   money.Sum
	turnover money.Sum
	first    time.Time // of the earliest and latest trade in it
	last     time.Time
	over     bool
}

// Machine builds the bars of one (venue, pair). Not safe for concurrent use.
type Machine struct {
	venue market.VenueID
	pair  market.Pair
	since time.Time // trades are known from here on
	doubt []span
	rows  [2]row
	// Missed counts trades too late for any bar kept here.
	Missed int64
}

type span struct{ from, to time.Time }

type row struct {
	interval market.Interval
	bars     []*bar // ascending; the last may be open
}

// New makes a machine for a series whose trades are complete from since on.
func New(v market.VenueID, p market.Pair, since time.Time) *Machine {
	m := &Machine{venue: v, pair: p, since: since}
	for i, b := range Base() {
		m.rows[i].interval = b
	}
	return m
}

// Apply adds a trade. Bars that changed are emitted, open ones too. A trade that
// is a Duplicate changes nothing; one that came after its bar closed revises the bar
// and is marked Late.
func (m *Machine) Apply(t *market.Trade, emit func(market.Candle)) {
	if t.Marks&market.Duplicate != 0 || t.At.IsZero() {
		return
	}
	for i := range m.rows {
		r := &m.rows[i]
		open := r.interval.Start(t.At)
		n := len(r.bars)
		switch {
		case n == 0 || r.bars[n-1].Open.Before(open):
			if n > 0 && !r.bars[n-1].over {
				m.finish(r.bars[n-1], emit)
			}
			m.trim(r, kept[i])
			b := m.begin(r.interval, open)
			r.bars = append(r.bars, b)
			b.add(t)
			emit(b.view())
		case r.bars[n-1].Open.Equal(open):
			b := r.bars[n-1]
			m.revise(b, t, emit)
		default:
			m.late(r, open, t, kept[i], emit)
		}
	}
}

func (m *Machine) trim(r *row, keep int) {
	if n := len(r.bars); n >= keep {
		copy(r.bars, r.bars[n-keep+1:])
		clear(r.bars[keep-1:])
		r.bars = r.bars[:keep-1]
	}
}

func (m *Machine) begin(i market.Interval, open time.Time) *bar {
	return &bar{Candle: market.Candle{Venue: m.venue, Pair: m.pair, Interval: i, Open: open}}
}

// revise adds a trade to a bar; one that was over gets a new revision.
func (m *Machine) revise(b *bar, t *market.Trade, emit func(market.Candle)) {
	if b.over {
		b.Revision++
		b.Marks |= market.Revised
		t.Marks |= market.Late
	}
	b.add(t)
	emit(b.view())
}

func (m *Machine) late(r *row, open time.Time, t *market.Trade, keep int, emit func(market.Candle)) {
	t.Marks |= market.Late
	at := len(r.bars)
	for at > 0 && r.bars[at-1].Open.After(open) {
		at--
	}
	if at > 0 && r.bars[at-1].Open.Equal(open) {
		m.revise(r.bars[at-1], t, emit)
		return
	}
	if at == 0 && len(r.bars) >= keep-1 {
		if r.interval == "1m" {
			m.Missed++ // older than all we keep: the store's trades have it, the bar does not
		}
		return
	}
	b := m.begin(r.interval, open)
	r.bars = append(r.bars, nil)
	copy(r.bars[at+1:], r.bars[at:])
	r.bars[at] = b
	b.over, b.Revision = true, 1
	b.Marks |= market.Revised
	b.add(t)
	b.Complete = m.trusted(b)
	emit(b.view())
}

func (b *bar) add(t *market.Trade) {
	if b.Trades == 0 || t.At.Before(b.first) {
		b.O, b.first = t.Price, t.At
	}
	if b.Trades == 0 || !t.At.Before(b.last) {
		b.C, b.last = t.Price, t.At
	}
	if b.Trades == 0 || t.Price.Cmp(b.H.Decimal) > 0 {
		b.H = t.Price
	}
	if b.Trades == 0 || t.Price.Cmp(b.L.Decimal) < 0 {
		b.L = t.Price
	}
	b.Trades++
	b.volume.Add(t.Qty.Decimal)
	b.turnover.AddProduct(t.Price.Decimal, t.Qty.Decimal)
	if t.Received.After(b.Known) {
		b.Known = t.Received
	}
}

// view gives the candle with its sums filled in.
func (b *bar) view() market.Candle {
	c := b.Candle
	v, _ := b.volume.Decimal(money.MaxDigits)
	c.Volume = money.Qty{Decimal: v}
	c.Turnover, _ = b.turnover.Decimal(TurnoverDecimals)
	return c
}

// trusted tells whether no trade of the bar's interval is missing as far as known.
func (m *Machine) trusted(b *bar) bool {
	if b.Open.Before(m.since) {
		return false
	}
	end := b.Interval.Next(b.Open)
	for _, s := range m.doubt {
		if s.from.Before(end) && (s.to.IsZero() || s.to.After(b.Open)) {
			return false
		}
	}
	return true
}

func (m *Machine) finish(b *bar, emit func(market.Candle)) {
	b.over = true
	b.Complete = m.trusted(b)
	if end := b.Interval.Next(b.Open); b.Known.Before(end) {
		b.Known = end
	}
	emit(b.view())
}

// Tick closes the bars whose end and grace have passed.
func (m *Machine) Tick(now time.Time, emit func(market.Candle)) {
	for i := range m.rows {
		r := &m.rows[i]
		if n := len(r.bars); n > 0 && !r.bars[n-1].over && !r.interval.Next(r.bars[n-1].Open).Add(Grace).After(now) {
			m.finish(r.bars[n-1], emit)
		}
	}
}

// Doubt says that trades between from and to may be missing; a zero to is open. at is
// when that became known.
func (m *Machine) Doubt(from, to, at time.Time, emit func(market.Candle)) {
	m.doubt = append(m.doubt, span{from, to})
	if len(m.doubt) > 256 { // forget the oldest: its bars are stored as incomplete already
		m.doubt = m.doubt[1:]
	}
	m.rejudge(at, emit)
}

// Settle ends an open doubt that began at from: trades are known again since to.
func (m *Machine) Settle(from, to time.Time) {
	for i := range m.doubt {
		if m.doubt[i].from.Equal(from) {
			m.doubt[i].to = to
		}
	}
}

// Trust says at a moment that what was missing since from has been filled in.
func (m *Machine) Trust(from, at time.Time, emit func(market.Candle)) {
	for i := range m.doubt {
		if m.doubt[i].from.Equal(from) {
			m.doubt = append(m.doubt[:i], m.doubt[i+1:]...)
			break
		}
	}
	m.rejudge(at, emit)
}

func (m *Machine) rejudge(at time.Time, emit func(market.Candle)) {
	for i := range m.rows {
		for _, b := range m.rows[i].bars {
			if !b.over {
				continue
			}
			if c := m.trusted(b); c != b.Complete {
				b.Complete = c
				b.Revision++
				b.Marks |= market.Revised
				if at.After(b.Known) {
					b.Known = at
				}
				emit(b.view())
			}
		}
	}
}

// Open gives the unfinished bar of a base interval.
func (m *Machine) Open(i market.Interval) (market.Candle, bool) {
	for k := range m.rows {
		r := &m.rows[k]
		if n := len(r.bars); r.interval == i && n > 0 && !r.bars[n-1].over {
			return r.bars[n-1].view(), true
		}
	}
	return market.Candle{}, false
}
