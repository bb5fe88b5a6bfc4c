package markettest

import (
	"context"
	"errors"
	"iter"
	"maps"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
)

// Memory is the plainest market.History: slices that are sorted when read. It is
// what the engines are compared with, and good enough for tests of others. It
// forgets everything at Close.
type Memory struct {
	mu      sync.Mutex
	closed  bool
	trades  map[market.Series][]market.Trade
	known   map[string][]time.Time // of trades: what each is known by, and where it stands
	quotes  map[market.Series]map[time.Time]market.Quote
	candles map[bar]map[time.Time]market.Candle
	earlier map[bar]map[time.Time][]market.Candle             // versions that others took the place of
	said    map[market.Series]map[time.Time]market.Derivative // statements
	paid    map[market.Series]map[time.Time]market.Derivative // settled funding
	ended   map[market.Series][]market.Liquidation
	gaps    map[string]market.Gap
}

type bar struct {
	market.Series
	market.Interval
}

var _ market.History = (*Memory)(nil)

// NewMemory makes an empty one.
func NewMemory() *Memory {
	return &Memory{
		trades:  map[market.Series][]market.Trade{},
		known:   map[string][]time.Time{},
		quotes:  map[market.Series]map[time.Time]market.Quote{},
		candles: map[bar]map[time.Time]market.Candle{},
		earlier: map[bar]map[time.Time][]market.Candle{},
		said:    map[market.Series]map[time.Time]market.Derivative{},
		paid:    map[market.Series]map[time.Time]market.Derivative{},
		ended:   map[market.Series][]market.Liquidation{},
		gaps:    map[string]market.Gap{},
	}
}

func firstSet(a, b time.Time) time.Time {
	if a.IsZero() {
		return b
	}
	return a
}

// Append stores a batch.
func (m *Memory) Append(ctx context.Context, b *market.Batch) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return errors.New("the history is closed")
	}
	for _, t := range b.Trades {
		if t.Venue == "" || t.Pair == "" {
			return fault.At(fault.Invalid, "trades", "a trade needs a venue and a pair")
		}
	}
	for _, d := range b.Derivatives {
		if d.Venue == "" || d.Pair == "" || d.Settled && d.FundingAt.IsZero() {
			return fault.At(fault.Invalid, "derivatives", "a derivative needs a venue and a pair, and the time it was paid at if it is settled")
		}
	}
	for _, l := range b.Liquidations {
		if l.Venue == "" || l.Pair == "" {
			return fault.At(fault.Invalid, "liquidations", "a liquidation needs a venue and a pair")
		}
	}
	for _, t := range b.Trades {
		s := market.Series{Venue: t.Venue, Pair: t.Pair}
		key := string(s.Venue) + " " + string(s.Pair) + " #" + t.ID
		if t.ID == "" {
			key = say(t)
		}
		if !slices.ContainsFunc(m.known[key], func(at time.Time) bool { return t.At.Sub(at).Abs() <= time.Minute }) {
			m.known[key] = append(m.known[key], t.At)
			m.trades[s] = append(m.trades[s], t)
		}
	}
	for _, q := range b.Quotes {
		s := market.Series{Venue: q.Venue, Pair: q.Pair}
		if m.quotes[s] == nil {
			m.quotes[s] = map[time.Time]market.Quote{}
		}
		m.quotes[s][firstSet(q.At, q.Received)] = q
	}
	for _, c := range b.Candles {
		k := bar{market.Series{Venue: c.Venue, Pair: c.Pair}, c.Interval}
		if m.candles[k] == nil {
			m.candles[k], m.earlier[k] = map[time.Time]market.Candle{}, map[time.Time][]market.Candle{}
		}
		old, ok := m.candles[k][c.Open]
		gone := old
		switch wins := c.Revision > old.Revision || c.Revision == old.Revision && c.Known.After(old.Known); {
		case !ok:
			m.candles[k][c.Open] = c
			continue
		case c.Same(&old):
			continue
		case wins:
			m.candles[k][c.Open] = c
		default:
			gone = c
		}
		over := gone.Complete || !gone.Known.Before(c.Interval.Next(c.Open))
		if over && gone.Known.Before(m.candles[k][c.Open].Known) && !slices.Contains(m.earlier[k][c.Open], gone) {
			m.earlier[k][c.Open] = append(m.earlier[k][c.Open], gone)
		}
	}
	for _, d := range b.Derivatives {
		s, of := market.Series{Venue: d.Venue, Pair: d.Pair}, m.said
		if d.Settled {
			of = m.paid
		}
		if of[s] == nil {
			of[s] = map[time.Time]market.Derivative{}
		}
		if old, ok := of[s][d.When()]; ok && d.Settled {
			if old.Received = d.Received; old == d {
				continue
			}
		}
		of[s][d.When()] = d
	}
	for _, l := range b.Liquidations {
		s := market.Series{Venue: l.Venue, Pair: l.Pair}
		if !slices.ContainsFunc(m.ended[s], func(o market.Liquidation) bool { return alike(&o, &l) }) {
			m.ended[s] = append(m.ended[s], l)
		}
	}
	for _, g := range b.Gaps {
		m.gaps[g.ID] = g
	}
	return nil
}

// alike tells whether two liquidations of a series are one.
func alike(a, b *market.Liquidation) bool {
	return a.When().Equal(b.When()) && a.ID == b.ID && (a.ID != "" || a.Side == b.Side && a.Price == b.Price && a.Qty == b.Qty)
}

// part gives the rows of a range from rows in any order. Rows of one time stay
// in the order of before, and then as they came.
func part[T any](rows []T, at func(T) time.Time, before func(a, b T) bool, r market.Range) []T {
	rows = slices.Clone(rows)
	sort.SliceStable(rows, func(i, j int) bool {
		if a, b := at(rows[i]), at(rows[j]); !a.Equal(b) {
			return a.Before(b)
		}
		return before != nil && before(rows[i], rows[j])
	})
	rows = slices.DeleteFunc(rows, func(v T) bool {
		return at(v).Before(r.From) || !r.To.IsZero() && !at(v).Before(r.To)
	})
	if r.Reverse {
		slices.Reverse(rows)
	}
	if r.Limit > 0 && len(rows) > r.Limit {
		rows = rows[:r.Limit]
	}
	return rows
}

func give[T any](ctx context.Context, rows []T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, v := range rows {
			if ctx.Err() != nil {
				break
			}
			if !yield(v, nil) {
				return
			}
		}
		if err := ctx.Err(); err != nil {
			var none T
			yield(none, err)
		}
	}
}

// Trades gives the trades of a series.
func (m *Memory) Trades(ctx context.Context, s market.Series, r market.Range) iter.Seq2[market.Trade, error] {
	m.mu.Lock()
	defer m.mu.Unlock()
	return give(ctx, part(then(m.trades[s], r, func(t market.Trade) time.Time { return t.Received }), func(t market.Trade) time.Time { return firstSet(t.At, t.Received) }, numberBefore, r))
}

// numberBefore orders trades of one time: those with numbers first, by number.
func numberBefore(a, b market.Trade) bool {
	na, nb := digits(a.ID), digits(b.ID)
	if !na || !nb {
		return na && !nb
	}
	if len(a.ID) != len(b.ID) {
		return len(a.ID) < len(b.ID)
	}
	return a.ID < b.ID
}

func digits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == "" && (s[0] != '0' || len(s) == 1)
}

func values[K comparable, T any](m map[K]T) []T {
	out := make([]T, 0, len(m))
	for _, v := range m {
		out = append(out, v)
	}
	return out
}

// Quotes gives the quotes of a series.
func (m *Memory) Quotes(ctx context.Context, s market.Series, r market.Range) iter.Seq2[market.Quote, error] {
	m.mu.Lock()
	defer m.mu.Unlock()
	return give(ctx, part(then(values(m.quotes[s]), r, func(q market.Quote) time.Time { return q.Received }), func(q market.Quote) time.Time { return firstSet(q.At, q.Received) }, nil, r))
}

// Candles gives the candles of a series.
func (m *Memory) Candles(ctx context.Context, s market.Series, i market.Interval, r market.Range) iter.Seq2[market.Candle, error] {
	m.mu.Lock()
	defer m.mu.Unlock()
	k := bar{s, i}
	rows := values(m.candles[k])
	if !r.KnownAt.IsZero() {
		rows = nil
		for open, c := range m.candles[k] {
			versions, best := append(slices.Clone(m.earlier[k][open]), c), -1
			for n, v := range versions {
				if v.Known.After(r.KnownAt) {
					continue
				}
				if best < 0 || v.Revision > versions[best].Revision || v.Revision == versions[best].Revision && v.Known.After(versions[best].Known) {
					best = n
				}
			}
			if best >= 0 {
				rows = append(rows, versions[best])
			}
		}
		r.KnownAt = time.Time{}
	}
	return give(ctx, part(rows, func(c market.Candle) time.Time { return c.Open }, nil, r))
}

// Corrections tells which candles were given otherwise before.
func (m *Memory) Corrections(ctx context.Context, s market.Series, i market.Interval, r market.Range) iter.Seq2[market.Correction, error] {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []market.Correction
	for open, vs := range m.earlier[bar{s, i}] {
		for _, c := range market.Corrections(append(slices.Clone(vs), m.candles[bar{s, i}][open])) {
			if r.KnownAt.IsZero() || !c.After.Known.After(r.KnownAt) {
				out = append(out, c)
			}
		}
	}
	before := func(a, b market.Correction) bool { return a.After.Known.Before(b.After.Known) }
	return give(ctx, part(out, func(c market.Correction) time.Time { return c.Before.Open }, before, r))
}

// then leaves out what became known after a range's KnownAt.
func then[T any](rows []T, r market.Range, received func(T) time.Time) []T {
	if r.KnownAt.IsZero() {
		return rows
	}
	return slices.DeleteFunc(slices.Clone(rows), func(v T) bool { return received(v).After(r.KnownAt) })
}

// Derivatives gives the statements of a series.
func (m *Memory) Derivatives(ctx context.Context, s market.Series, r market.Range) iter.Seq2[market.Derivative, error] {
	m.mu.Lock()
	defer m.mu.Unlock()
	return give(ctx, part(then(values(m.said[s]), r, learned), whenSaid, nil, r))
}

// Funding gives the settled funding of a series.
func (m *Memory) Funding(ctx context.Context, s market.Series, r market.Range) iter.Seq2[market.Derivative, error] {
	m.mu.Lock()
	defer m.mu.Unlock()
	return give(ctx, part(then(values(m.paid[s]), r, learned), whenSaid, nil, r))
}

func learned(d market.Derivative) time.Time { return d.Received }

func whenSaid(d market.Derivative) time.Time { return d.When() }

// Liquidations gives the liquidations of a series.
func (m *Memory) Liquidations(ctx context.Context, s market.Series, r market.Range) iter.Seq2[market.Liquidation, error] {
	m.mu.Lock()
	defer m.mu.Unlock()
	return give(ctx, part(then(m.ended[s], r, func(l market.Liquidation) time.Time { return l.Received }), whenClosed, nil, r))
}

func whenClosed(l market.Liquidation) time.Time { return l.When() }

// Gaps gives the gaps that overlap a range.
func (m *Memory) Gaps(ctx context.Context, s market.Series, r market.Range) iter.Seq2[market.Gap, error] {
	m.mu.Lock()
	defer m.mu.Unlock()
	var rows []market.Gap
	for _, g := range m.gaps {
		if s.Venue != "" && g.Venue != s.Venue || s.Pair != "" && g.Pair != "" && g.Pair != s.Pair {
			continue
		}
		if (r.To.IsZero() || g.From.Before(r.To)) && (g.To.IsZero() || g.To.After(r.From) || !g.From.Before(r.From)) {
			rows = append(rows, g)
		}
	}
	return give(ctx, part(rows, func(g market.Gap) time.Time { return g.From }, func(a, b market.Gap) bool { return a.ID < b.ID }, market.Range{Limit: r.Limit, Reverse: r.Reverse}))
}

// Series lists what is stored.
func (m *Memory) Series(ctx context.Context) ([]market.Stored, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []market.Stored
	add := func(s market.Series, c market.Channel, i market.Interval, times []time.Time) {
		if len(times) > 0 {
			first, last := slices.MinFunc(times, time.Time.Compare), slices.MaxFunc(times, time.Time.Compare)
			out = append(out, market.Stored{Series: s, Channel: c, Interval: i, Rows: int64(len(times)), First: first, Last: last})
		}
	}
	for s, rows := range m.trades {
		var times []time.Time
		for _, t := range rows {
			times = append(times, firstSet(t.At, t.Received))
		}
		add(s, market.Trades, "", times)
	}
	for s, rows := range m.quotes {
		var times []time.Time
		for at := range rows {
			times = append(times, at)
		}
		add(s, market.Quotes, "", times)
	}
	for b, rows := range m.candles {
		var times []time.Time
		for at := range rows {
			times = append(times, at)
		}
		add(b.Series, market.Candles, b.Interval, times)
	}
	for ch, of := range map[market.Channel]map[market.Series]map[time.Time]market.Derivative{market.Derivatives: m.said, market.Funding: m.paid} {
		for s, rows := range of {
			add(s, ch, "", slices.Collect(maps.Keys(rows)))
		}
	}
	for s, rows := range m.ended {
		var times []time.Time
		for _, l := range rows {
			times = append(times, l.When())
		}
		add(s, market.Liquidations, "", times)
	}
	return out, nil
}

// Retain deletes what is too old.
func (m *Memory) Retain(ctx context.Context, now time.Time, limits []market.Retention) (gone int64, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	before := func(c market.Channel, i market.Interval) time.Time {
		var keep time.Duration
		for _, l := range limits {
			if l.Channel == c && l.Interval == "" {
				keep = l.Keep
			}
		}
		for _, l := range limits {
			if l.Channel == c && l.Interval == i && i != "" {
				keep = l.Keep
			}
		}
		if keep <= 0 {
			return time.Time{}
		}
		return now.Add(-keep)
	}
	for s, rows := range m.trades {
		n := len(rows)
		m.trades[s] = slices.DeleteFunc(rows, func(t market.Trade) bool {
			old := firstSet(t.At, t.Received).Before(before(market.Trades, ""))
			if old { // forgotten: it may come again
				delete(m.known, string(s.Venue)+" "+string(s.Pair)+" #"+t.ID)
				delete(m.known, say(t))
			}
			return old
		})
		gone += int64(n - len(m.trades[s]))
	}
	for _, rows := range m.quotes {
		for at := range rows {
			if at.Before(before(market.Quotes, "")) {
				delete(rows, at)
				gone++
			}
		}
	}
	for b, rows := range m.candles {
		for at := range rows {
			if at.Before(before(market.Candles, b.Interval)) {
				gone += 1 + int64(len(m.earlier[b][at]))
				delete(rows, at)
				delete(m.earlier[b], at)
			}
		}
	}
	for ch, of := range map[market.Channel]map[market.Series]map[time.Time]market.Derivative{market.Derivatives: m.said, market.Funding: m.paid} {
		for _, rows := range of {
			for at := range rows {
				if at.Before(before(ch, "")) {
					delete(rows, at)
					gone++
				}
			}
		}
	}
	for s, rows := range m.ended {
		n := len(rows)
		m.ended[s] = slices.DeleteFunc(rows, func(l market.Liquidation) bool { return l.When().Before(before(market.Liquidations, "")) })
		gone += int64(n - len(m.ended[s]))
	}
	return gone, nil
}

// Close forgets everything.
func (m *Memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	return nil
}
