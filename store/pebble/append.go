package pebble

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
)

// A group is the rows of one series in one request. Its rows are the store's own copy.
type group[T any] struct {
	series *series[T]
	rows   []T
}

// A request is what the writer has to do for one caller.
type request struct {
	trades       []group[market.Trade]
	quotes       []group[market.Quote]
	candles      []group[market.Candle]
	derivatives  []group[market.Derivative] // settled ones too
	liquidations []group[market.Liquidation]
	gaps         []market.Gap
	frames       []block
	alone        func(*txn) error // runs in a transaction of its own
	lent         []func()         // gives the rows' memory back once they are stored
	done         chan error
}

// The longest name a venue, pair or interval may have.
const maxName = 255

// Append stores what b holds, books and notices apart, and returns when it is on
// disk. It copies what it keeps: b may be reused at once. A batch that cannot be
// stored is refused as a whole. When ctx ends while the disk works, Append returns
// its error and the rows may or may not be stored; appending them again is safe.
func (s *Store) Append(ctx context.Context, b *market.Batch) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(b.Trades)+len(b.Quotes)+len(b.Candles)+len(b.Derivatives)+len(b.Liquidations)+len(b.Gaps) == 0 {
		return nil
	}
	r := &request{done: make(chan error, 1)}
	if err := s.copyTrades(r, b.Trades); err != nil {
		return err
	}
	if err := s.copyQuotes(r, b.Quotes); err != nil {
		return err
	}
	if err := s.copyCandles(r, b.Candles); err != nil {
		return err
	}
	if err := s.copyDerivatives(r, b.Derivatives); err != nil {
		return err
	}
	if err := s.copyLiquidations(r, b.Liquidations); err != nil {
		return err
	}
	if err := copyGaps(r, b.Gaps); err != nil {
		return err
	}
	return s.submit(ctx, r)
}

// submit hands r to the writer and waits for its answer.
func (s *Store) submit(ctx context.Context, r *request) error {
	if err := ctx.Err(); err != nil {
		return err // a select would toss a coin
	}
	s.life.RLock()
	if s.closed {
		s.life.RUnlock()
		return errClosed()
	}
	select {
	case s.queue <- r:
		s.life.RUnlock()
	case <-ctx.Done():
		s.life.RUnlock()
		return ctx.Err()
	}
	select {
	case err := <-r.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// A sorter deals rows out to groups, in the order they stand in the batch.
type sorter[T any] struct {
	table  *table[T]
	groups []group[T]
	at     map[name]int
	last   name
	lastAt int
	place  []int // group of each row
	count  []int
}

func (s *sorter[T]) next(st *Store, n name, i int) error {
	if len(s.groups) > 0 && n == s.last {
		s.place[i] = s.lastAt
		s.count[s.lastAt]++
		return nil
	}
	g, ok := s.at[n]
	if !ok {
		sr := find(st, s.table, n)
		if sr == nil {
			return errClosed()
		}
		g = len(s.groups)
		s.groups = append(s.groups, group[T]{series: sr})
		s.count = append(s.count, 0)
		s.at[sr.name] = g
	}
	s.last, s.lastAt = s.groups[g].series.name, g
	s.place[i] = g
	s.count[g]++
	return nil
}

// deal gives each group room for its rows out of one lent piece of memory.
func (s *sorter[T]) deal(r *request, rows int) {
	pool := &s.table.lent
	lent, _ := pool.Get().(*[]T)
	if lent == nil || cap(*lent) < rows {
		lent = new([]T)
		*lent = make([]T, rows)
	}
	all := (*lent)[:rows]
	r.lent = append(r.lent, func() { pool.Put(lent) })
	for g, n := range s.count {
		s.groups[g].rows, all = all[:0:n], all[n:]
	}
}

func newSorter[T any](t *table[T], rows int) *sorter[T] {
	return &sorter[T]{table: t, at: map[name]int{}, place: make([]int, rows)}
}

func checkName(kind string, i int, v market.VenueID, p market.Pair) error {
	if v == "" || p == "" || len(v) > maxName || len(p) > maxName {
		return fault.At(fault.Invalid, fmt.Sprintf("%s[%d]", kind, i), "a row needs a venue and a pair of 1 to %d bytes; this has %.40q and %.40q", maxName, v, p)
	}
	return nil
}

func checkTimes(kind string, i int, at, second time.Time, names [2]string) error {
	if !storable(at) {
		return badTime(fmt.Sprintf("%s[%d].%s", kind, i, names[0]), at)
	}
	if !storable(second) {
		return badTime(fmt.Sprintf("%s[%d].%s", kind, i, names[1]), second)
	}
	return nil
}

// symbol gives the store's own copy of a symbol; nearly always the series has it.
func (s *series[T]) ownSymbol(sym string) string {
	if p := s.symbol.Load(); p != nil && *p == sym {
		return *p
	}
	sym = strings.Clone(sym)
	s.symbol.Store(&sym)
	return sym
}

func (s *Store) copyTrades(r *request, rows []market.Trade) error {
	if len(rows) == 0 {
		return nil
	}
	d := newSorter(s.trades, len(rows))
	ids := 0
	for i := range rows {
		t := &rows[i]
		if err := checkName("trades", i, t.Venue, t.Pair); err != nil {
			return err
		}
		if err := checkTimes("trades", i, t.At, t.Received, [2]string{"at", "received"}); err != nil {
			return err
		}
		if t.Side > market.Sell {
			return fault.At(fault.Invalid, fmt.Sprintf("trades[%d].side", i), "%d is no side", t.Side)
		}
		if err := d.next(s, name{venue: t.Venue, pair: t.Pair}, i); err != nil {
			return err
		}
		ids += len(t.ID)
	}
	d.deal(r, len(rows))
	text := make([]byte, 0, ids)
	for i := range rows {
		text = append(text, rows[i].ID...)
	}
	all := string(text)
	for i := range rows {
		g := &d.groups[d.place[i]]
		t := rows[i]
		t.Venue, t.Pair = g.series.name.venue, g.series.name.pair
		t.ID, all = all[:len(t.ID)], all[len(t.ID):]
		t.Symbol = g.series.ownSymbol(t.Symbol)
		t.At, t.Received = clean(t.At), clean(t.Received)
		g.rows = append(g.rows, t)
	}
	r.trades = d.groups
	return nil
}

func (s *Store) copyQuotes(r *request, rows []market.Quote) error {
	if len(rows) == 0 {
		return nil
	}
	d := newSorter(s.quotes, len(rows))
	for i := range rows {
		q := &rows[i]
		if err := checkName("quotes", i, q.Venue, q.Pair); err != nil {
			return err
		}
		if err := checkTimes("quotes", i, q.At, q.Received, [2]string{"at", "received"}); err != nil {
			return err
		}
		if err := d.next(s, name{venue: q.Venue, pair: q.Pair}, i); err != nil {
			return err
		}
	}
	d.deal(r, len(rows))
	for i := range rows {
		g := &d.groups[d.place[i]]
		q := rows[i]
		q.Venue, q.Pair = g.series.name.venue, g.series.name.pair
		q.Symbol = g.series.ownSymbol(q.Symbol)
		q.At, q.Received = clean(q.At), clean(q.Received)
		g.rows = append(g.rows, q)
	}
	r.quotes = d.groups
	return nil
}

func (s *Store) copyCandles(r *request, rows []market.Candle) error {
	if len(rows) == 0 {
		return nil
	}
	d := newSorter(s.candles, len(rows))
	for i := range rows {
		c := &rows[i]
		if err := checkName("candles", i, c.Venue, c.Pair); err != nil {
			return err
		}
		if err := checkTimes("candles", i, c.Open, c.Known, [2]string{"open", "known"}); err != nil {
			return err
		}
		if c.Open.IsZero() {
			return fault.At(fault.Invalid, fmt.Sprintf("candles[%d].open", i), "a candle needs the start of its interval")
		}
		if len(c.Interval) > maxName || c.Interval.Length() <= 0 {
			return fault.At(fault.Invalid, fmt.Sprintf("candles[%d].interval", i), "%.20q is no interval; write a number and one of s m h d w M", c.Interval)
		}
		if err := d.next(s, name{venue: c.Venue, pair: c.Pair, interval: c.Interval}, i); err != nil {
			return err
		}
	}
	d.deal(r, len(rows))
	for i := range rows {
		g := &d.groups[d.place[i]]
		c := rows[i]
		c.Venue, c.Pair, c.Interval = g.series.name.venue, g.series.name.pair, g.series.name.interval
		c.Open, c.Known = clean(c.Open), clean(c.Known)
		g.rows = append(g.rows, c)
	}
	r.candles = d.groups
	return nil
}
