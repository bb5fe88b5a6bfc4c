package feed

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/book"
	"github.com/assayhq/assay/market/candle"
	"github.com/assayhq/assay/market/clean"
	"github.com/assayhq/assay/market/venue"
)

// Station is everything of one venue: its intake, cleansing, bars and present
// state. Its lock is held for the length of one frame, some microseconds; readers
// take it to copy. Frames of all its connections go through it one after another.
type Station struct {
	core   *Core
	driver *venue.Driver

	mu      sync.Mutex
	intake  *Intake
	clean   *clean.Machine
	bars    map[market.Pair]*candle.Machine
	books   map[market.Pair]*conned
	quotes  map[market.Pair]market.Quote
	trades  map[market.Pair]*ring
	deals   map[market.Pair]*contract
	seqs    map[seqKey]uint64
	down    map[string]outage // lost connections, by the name their successors share
	before  *outage           // Assay was not running
	back    []outage          // those that came back and are to be mended
	lags    lags
	state   market.VenueState
	scratch []market.Event
	rows    market.Batch
	gaps    []market.Gap // the newest, for the board
	watch   watch        // how it behaves
}

type conned struct {
	conn   *Conn
	symbol string
}

type seqKey struct {
	channel  market.Channel
	pair     market.Pair
	interval market.Interval
}

// NewStation adds a venue to the core.
func (c *Core) NewStation(d *venue.Driver) *Station {
	s := &Station{
		core: c, driver: d,
		intake: NewIntake(d, func(symbol string) string { return string(c.assets.Normalize(string(d.Spec.ID), symbol)) }),
		clean:  clean.New(clean.Rules{Nameless: d.REST.Nameless}),
		bars:   map[market.Pair]*candle.Machine{}, books: map[market.Pair]*conned{},
		quotes: map[market.Pair]market.Quote{}, trades: map[market.Pair]*ring{}, deals: map[market.Pair]*contract{}, seqs: map[seqKey]uint64{},
		down: map[string]outage{}, watch: newWatch(d.Spec.ID),
	}
	s.state = market.VenueState{
		ID: d.Spec.ID, Name: d.Spec.Name, State: "connecting", Docs: d.Spec.Docs, History: d.Spec.History,
		Channels: d.Current().Channels, Intervals: d.REST.Intervals, Quirks: d.Spec.Quirks,
	}
	c.mu.Lock()
	c.stations = append(slices.Clip(c.stations), s)
	c.mu.Unlock()
	return s
}

// Driver gives the venue.
func (s *Station) Driver() *venue.Driver { return s.driver }

// Instruments gives a copy of the venue's instruments.
func (s *Station) Instruments() []market.Instrument {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]market.Instrument, 0, len(s.intake.table.All()))
	for _, in := range s.intake.table.All() {
		out = append(out, *in)
	}
	return out
}

// Connect opens a connection in the intake; see Intake.Connect.
func (s *Station) Connect(id, addr string, at time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err := s.intake.Connect(id, addr, at)
	s.state.Connections = len(s.intake.order)
	return err
}

// connectAs opens a live connection, which speaks the given dialect.
func (s *Station) connectAs(d *venue.Dialect, id, addr string, at time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err := s.intake.ConnectAs(d, id, addr, at)
	s.state.Connections = len(s.intake.order)
	return err
}

// expect prepares the books that a connection is about to subscribe to.
func (s *Station) expect(conn string, subs []venue.Sub) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, ok := s.intake.Conn(conn)
	if !ok {
		return
	}
	for _, sub := range subs {
		if sub.Channel == market.Books {
			c.Expect(sub.Instrument)
			s.books[sub.Instrument.Pair] = &conned{c, sub.Instrument.Symbol}
		}
	}
}

// Frame takes one message of a connection. An unreadable one is an error, already
// counted and recorded as a gap. It gives notices the owner of the connection acts on.
func (s *Station) Frame(conn string, data []byte, at time.Time, number int64) ([]market.Notice, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, ok := s.intake.Conn(conn)
	if !ok {
		return nil, fmt.Errorf("no connection %q", conn)
	}
	b, err := c.Frame(data, at, number)
	s.watch.listen(data, b.Notices, err, at)
	s.state.Messages++
	if err != nil {
		s.state.DecodeFails++
		s.watch.score.Unreadable(at)
	}
	if o, ok := s.down[stem(conn)]; ok && !b.Empty() {
		o.gap.To = at
		delete(s.down, stem(conn))
		s.back = append(s.back, o)
		b.Gaps = append(b.Gaps, o.gap)
		for _, m := range s.bars {
			m.Settle(o.gap.From, at)
		}
	}
	s.take(c, b, at)
	return slices.Clone(b.Notices), err
}

// HTTP takes the answer to a REST request.
func (s *Station) HTTP(url string, body []byte, at time.Time, number int64) (*market.Batch, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.intake.HTTP(url, body, at, number)
	s.watch.answered(url, body, &s.intake.raw, err, at)
	if err != nil {
		return b, err
	}
	s.take(nil, b, at)
	return b.Clone(), nil
}

// Closed ends a connection.
func (s *Station) Closed(conn string, at time.Time, why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, ok := s.intake.Conn(conn)
	if !ok {
		return
	}
	b := c.Close(at, why)
	for _, g := range b.Gaps {
		if g.Kind != market.Disconnected || g.Channel != "" {
			continue
		}
		if old, ok := s.down[stem(conn)]; ok { // it had not come back: the first outage goes on
			b.Gaps = slices.DeleteFunc(b.Gaps, func(x market.Gap) bool { return x.ID == g.ID })
			s.down[stem(conn)] = old
			break
		}
		o := outage{gap: g, last: map[market.Pair]market.Trade{}}
		for p, r := range s.trades {
			if t := r.newest(1); len(t) > 0 {
				o.last[p] = t[0]
			}
		}
		s.down[stem(conn)] = o
		break
	}
	s.state.Connections = len(s.intake.order)
	s.take(c, b, at)
}

// Interrupted says that Assay itself was not running since from; last are the last
// trades that are stored. When the venue is live again the gap is closed, and the
// trades it missed are fetched like those of a lost connection. Call it before Run.
func (s *Station) Interrupted(from time.Time, last map[market.Pair]market.Trade) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before = &outage{last: last, gap: market.Gap{
		Venue: s.driver.Spec.ID, Kind: market.PlannedRestart, From: from, Missing: -1, Detail: "Assay was not running",
	}}
}

// resume turns the interruption into an outage of a connection that is about to be made.
func (s *Station) resume(conn string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.before == nil {
		return
	}
	o := *s.before
	o.gap.Conn = conn
	o.gap.ID = fmt.Sprintf("%s|%s||%s|%d", o.gap.Venue, conn, o.gap.Kind, o.gap.From.UnixNano())
	s.down[conn] = o
	s.take(nil, &market.Batch{Gaps: []market.Gap{o.gap}}, o.gap.From)
}

// stem is a connection's name without the number that each reconnect gives it.
func stem(conn string) string {
	name, _, _ := strings.Cut(conn, "#")
	return name
}

// take is the one way of all values: mark, build bars, remember, publish, record.
func (s *Station) take(c *Conn, b *market.Batch, at time.Time) {
	s.clean.Apply(b)
	s.scratch = s.scratch[:0]
	s.rows.Reset()
	emit := func(k market.Candle) { s.candle(k) }
	for i := range b.Gaps { // first: see Conn.lost
		s.gap(&b.Gaps[i], at, emit)
	}
	for i := range b.Trades {
		s.trade(&b.Trades[i], at, emit)
	}
	for i := range b.Quotes {
		q := b.Quotes[i]
		s.quotes[q.Pair] = q
		s.publish(market.Quotes, q.Pair, "", func(e *market.Event) { e.Quote = &q })
		s.lag(q.Pair, at, q.At)
	}
	for i := range b.Books {
		s.book(c, &b.Books[i])
	}
	for i := range b.Candles {
		k := b.Candles[i]
		k.Marks |= market.VenueBar
		b.Candles[i].Marks |= market.VenueBar
		if k.Complete {
			s.rows.Candles = append(s.rows.Candles, k)
		}
	}
	for i := range b.Derivatives {
		s.derivative(&b.Derivatives[i], at)
	}
	for i := range b.Liquidations {
		s.liquidation(&b.Liquidations[i])
	}
	for i := range b.Notices {
		if b.Notices[i].Kind == market.Strange {
			s.state.Strange++
			s.watch.score.Strange(at)
		}
	}
	if !b.Empty() {
		s.state.LastData = at
	}
	s.core.offers(s, b, at)
	s.core.bus.Publish(s.scratch)
	s.rows.Trades, s.rows.Quotes, s.rows.Gaps, s.rows.Liquidations = b.Trades, b.Quotes, b.Gaps, b.Liquidations
	s.core.writer.Add(closed(&s.rows))
	s.rows.Trades, s.rows.Quotes, s.rows.Gaps, s.rows.Liquidations = nil, nil, nil, nil
}

func (s *Station) trade(t *market.Trade, at time.Time, emit func(market.Candle)) {
	s.observe(t, at)
	m := s.bars[t.Pair]
	if m == nil {
		since := at
		if t.Marks&market.Backfilled != 0 && t.At.Before(since) {
			since = t.At
		}
		m = candle.New(t.Venue, t.Pair, since)
		s.bars[t.Pair] = m
	}
	m.Apply(t, emit)
	r := s.trades[t.Pair]
	if r == nil {
		r = &ring{}
		s.trades[t.Pair] = r
	}
	v := *t
	if t.Marks&market.Duplicate == 0 {
		r.add(v)
		s.publish(market.Trades, t.Pair, "", func(e *market.Event) { e.Trade = &v })
	}
	if t.Marks&market.Backfilled == 0 {
		s.lag(t.Pair, at, t.At)
	}
}

func (s *Station) candle(k market.Candle) {
	s.publish(market.Candles, k.Pair, k.Interval, func(e *market.Event) { e.Candle = &k })
	s.rows.Candles = append(s.rows.Candles, k)
}

func (s *Station) book(c *Conn, u *market.BookUpdate) {
	if c != nil {
		s.books[u.Pair] = &conned{c, u.Symbol}
	} else if s.books[u.Pair] == nil {
		for _, o := range s.intake.order {
			if o.books[u.Symbol] != nil {
				s.books[u.Pair] = &conned{o, u.Symbol}
			}
		}
	}
	s.publish(market.Books, u.Pair, "", func(e *market.Event) {
		v := *u
		v.Bids, v.Asks = slices.Clone(u.Bids), slices.Clone(u.Asks)
		e.Book = &v
	})
	s.lag(u.Pair, u.Received, u.At)
}

// publish appends an event and numbers it, copying only if somebody listens.
func (s *Station) publish(ch market.Channel, p market.Pair, i market.Interval, fill func(*market.Event)) {
	k := seqKey{ch, p, i}
	s.seqs[k]++
	t := market.Topic{Channel: ch, Venue: s.driver.Spec.ID, Pair: p, Interval: i}
	if !s.core.bus.Wants(t) {
		return
	}
	e := market.Event{Channel: ch, Venue: s.driver.Spec.ID, Pair: p, Seq: s.seqs[k]}
	fill(&e)
	s.scratch = append(s.scratch, e)
}

// gap remembers and announces a gap, and puts the bars of that time in doubt.
func (s *Station) gap(g *market.Gap, at time.Time, emit func(market.Candle)) {
	if len(s.gaps) >= 500 {
		s.gaps = s.gaps[1:]
	}
	s.gaps = append(s.gaps, *g)
	s.watch.gap(g)
	if g.To.IsZero() || g.To.Equal(g.From) {
		s.state.Gaps++
	}
	v := *g
	if g.Channel == market.Books {
		s.publish(market.Books, g.Pair, "", func(e *market.Event) { e.Gap = &v })
		return
	}
	s.publish(Gaps, "", "", func(e *market.Event) { e.Gap = &v })
	if g.Channel == "" || g.Channel == market.Trades {
		for p, m := range s.bars {
			if g.Pair == "" || g.Pair == p {
				if g.Repaired.IsZero() {
					if g.To.IsZero() || g.To.Equal(g.From) {
						m.Doubt(g.From, g.To, at, emit)
					}
				} else {
					m.Trust(g.From, at, emit)
				}
			}
		}
	}
}

// Repaired says that backfill filled a gap of trades for one pair, or for all pairs ("").
func (s *Station) Repaired(g market.Gap, at time.Time, rows int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g.Repaired, g.Restored = at, rows
	s.take(nil, &market.Batch{Gaps: []market.Gap{g}}, at)
}

// tick closes bars and looks at what the venue is like. now is the time of the data;
// prices are the consensus prices that were computed at it.
func (s *Station) tick(now time.Time, prices []market.ConsensusPrice) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.compare(prices, now)
	s.sample(now)
	s.scratch = s.scratch[:0]
	s.rows.Reset()
	for _, m := range s.bars {
		m.Tick(now, func(k market.Candle) { s.candle(k) })
	}
	for _, c := range s.deals {
		s.keep(c, now)
	}
	s.core.bus.Publish(s.scratch)
	s.core.writer.Add(closed(&s.rows))
}

// machine gives the book of a pair that is published. The lock is held.
func (s *Station) machine(p market.Pair) *book.Machine {
	b := s.books[p]
	if b == nil {
		return nil
	}
	l := b.conn.books[b.symbol]
	if l == nil {
		return nil
	}
	return l.m
}

// ring keeps the newest trades of a pair, or its newest liquidations.
type ring = last[market.Trade]

type last[T any] struct {
	rows [200]T
	next int
	n    int
}

func (r *last[T]) add(t T) {
	r.rows[r.next] = t
	r.next = (r.next + 1) % len(r.rows)
	r.n = min(r.n+1, len(r.rows))
}

// newest gives up to limit trades, newest first.
func (r *last[T]) newest(limit int) []T {
	if limit <= 0 || limit > r.n {
		limit = r.n
	}
	out := make([]T, 0, limit)
	for i := range limit {
		out = append(out, r.rows[(r.next-1-i+2*len(r.rows))%len(r.rows)])
	}
	return out
}

// lags keeps the last differences between our clock and the venue's.
type lags struct {
	d    [512]time.Duration
	next int
	n    int
}

func (l *lags) add(received, at time.Time) {
	if at.IsZero() {
		return
	}
	l.d[l.next] = received.Sub(at)
	l.next = (l.next + 1) % len(l.d)
	l.n = min(l.n+1, len(l.d))
}

func (l *lags) percentiles() (p50, p99 time.Duration) {
	if l.n == 0 {
		return 0, 0
	}
	s := slices.Clone(l.d[:l.n])
	slices.Sort(s)
	return s[l.n/2], s[l.n*99/100]
}
