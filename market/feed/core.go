package feed

import (
	"log/slog"
	"sync"
	"time"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/candle"
	"github.com/assayhq/assay/market/consensus"
	"github.com/assayhq/assay/money"
)

// Gaps is the channel on which gaps of whole connections are announced.
const Gaps market.Channel = "gaps"

// Publisher is what the core needs of a bus.
type Publisher interface {
	Publish(events []market.Event)
	Wants(t market.Topic) bool
}

// Assets is what the core needs of the catalogue.
type Assets interface {
	Normalize(venue, symbol string) asset.Code
	IsFiat(asset.Code) bool
	IsStable(asset.Code) (asset.Code, bool)
}

// Core is where all venues meet: it keeps the consensus, publishes events and hands
// rows to the recorder. Its parts for one venue are Stations.
type Core struct {
	assets Assets
	bus    Publisher
	writer *Writer
	log    *slog.Logger

	mu         sync.RWMutex // guards what follows; never held while a station's is taken
	stations   []*Station
	fair       *consensus.Machine
	fairBars   map[asset.Code]*fairBars
	prices     map[asset.Code]market.ConsensusPrice
	priceSeq   map[asset.Code]uint64
	barSeq     map[seqKey]uint64
	lastAll    time.Time
	simulated  string
	remembered []market.Instrument
	replaying  bool
	now        time.Time // time of the data
}

// USD is the quote of the consensus.
const USD asset.Code = "USD"

// NewCore makes a core. writer may be nil: then nothing is recorded.
func NewCore(a Assets, bus Publisher, writer *Writer, log *slog.Logger) *Core {
	return &Core{
		assets: a, bus: bus, writer: writer, log: log,
		fair:     consensus.New(USD, a.IsStable, a.IsFiat),
		fairBars: map[asset.Code]*fairBars{}, prices: map[asset.Code]market.ConsensusPrice{}, priceSeq: map[asset.Code]uint64{}, barSeq: map[seqKey]uint64{},
	}
}

// Simulate says, on everything the board gives, that the data is not real, and why.
func (c *Core) Simulate(note string) {
	c.mu.Lock()
	c.simulated = note
	c.mu.Unlock()
}

// Replay says that time comes from the data, not from the wall clock.
func (c *Core) Replay(note string) {
	c.mu.Lock()
	c.replaying = true
	c.simulated = note
	c.mu.Unlock()
}

// offers gives the consensus what a batch says of best prices. The station's lock is held.
func (c *Core) offers(s *Station, b *market.Batch, at time.Time) {
	if len(b.Quotes)+len(b.Books)+len(b.Trades)+len(b.Gaps) == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if at.After(c.now) {
		c.now = at
	}
	for i := range b.Quotes {
		q := &b.Quotes[i]
		c.fair.Offer(q.Venue, q.Pair, q.Bid, q.Ask, at)
	}
	for i := range b.Books {
		u := &b.Books[i]
		m := s.machine(u.Pair)
		if m == nil || !m.Valid() {
			continue
		}
		bid, ok1 := m.Book.Bid(0)
		ask, ok2 := m.Book.Ask(0)
		if ok1 && ok2 {
			c.fair.Offer(u.Venue, u.Pair, bid.Price, ask.Price, at)
		}
	}
	for i := range b.Trades {
		t := &b.Trades[i]
		if t.Marks&market.Backfilled == 0 {
			c.fair.Traded(t, at)
			if t.Pair.Spot() {
				c.fairBar(t.Pair.Base(), at).traded(t.Qty)
			}
		}
	}
	for i := range b.Gaps {
		if g := &b.Gaps[i]; g.Channel == market.Books && g.To.IsZero() {
			c.fair.Withdraw(g.Venue, g.Pair)
		}
	}
}

// Tick computes the consensus prices that changed, closes bars that are over and
// publishes both. now is the time of the data: wall clock live, event time in a replay.
func (c *Core) Tick(now time.Time) {
	var events []market.Event
	var rows market.Batch
	c.mu.Lock()
	if now.After(c.now) {
		c.now = now
	}
	all := now.Sub(c.lastAll) >= time.Second
	if all {
		c.lastAll = now
	}
	emit := func(k market.Candle) { rows.Candles = append(rows.Candles, k) }
	var prices []market.ConsensusPrice
	c.fair.Tick(now, all, func(p market.ConsensusPrice) {
		prices = append(prices, p)
		old, had := c.prices[p.Asset]
		c.prices[p.Asset] = p
		if p.Marks&market.Stale == 0 {
			c.fairBar(p.Asset, now).price(p.Price, now, emit)
		}
		if had && old.Price == p.Price && old.Confidence == p.Confidence && now.Sub(old.Computed) < time.Second {
			return
		}
		c.priceSeq[p.Asset]++
		v := p
		events = append(events, market.Event{Channel: market.Prices, Venue: market.ConsensusVenue, Pair: market.NewPair(p.Asset, p.Quote), Price: &v, Seq: c.priceSeq[p.Asset]})
	})
	for _, f := range c.fairBars {
		f.tick(now, emit)
	}
	for i := range rows.Candles {
		k := rows.Candles[i]
		n := seqKey{market.Candles, k.Pair, k.Interval}
		c.barSeq[n]++
		events = append(events, market.Event{Channel: market.Candles, Venue: k.Venue, Pair: k.Pair, Candle: &k, Seq: c.barSeq[n]})
	}
	c.mu.Unlock()
	c.mu.RLock()
	stations := c.stations
	c.mu.RUnlock()
	for _, s := range stations {
		s.tick(now, prices)
	}
	c.bus.Publish(events)
	c.writer.Add(closed(&rows))
}

// closed keeps the candles that are worth storing: those that are over.
func closed(b *market.Batch) *market.Batch {
	kept := b.Candles[:0]
	for _, k := range b.Candles {
		if k.Complete || k.Revision > 0 || k.Marks&market.VenueBar != 0 || !k.Interval.Next(k.Open).After(k.Known) { // open bars live in memory only
			kept = append(kept, k)
		}
	}
	b.Candles = kept
	return b
}

func (c *Core) fairBar(a asset.Code, at time.Time) *fairBars {
	f := c.fairBars[a]
	if f == nil {
		f = newFairBars(market.NewPair(a, USD), at)
		c.fairBars[a] = f
	}
	return f
}

// fairBars builds the consensus candles of one asset from its fair price, sampled
// whenever it changes and at least once a second; volume is the base volume of all
// its spot pairs. Turnover is not known and stays zero.
type fairBars struct {
	pair  market.Pair
	since time.Time
	rows  [2]fairRow
}

type fairRow struct {
	interval market.Interval
	k        market.Candle
	volume   money.Sum
	open     bool
}

func newFairBars(p market.Pair, since time.Time) *fairBars {
	f := &fairBars{pair: p, since: since}
	for i, b := range candle.Base() {
		f.rows[i].interval = b
	}
	return f
}

func (f *fairBars) traded(q money.Qty) {
	for i := range f.rows {
		f.rows[i].volume.Add(q.Decimal)
	}
}

func (f *fairBars) price(p money.Price, at time.Time, emit func(market.Candle)) {
	f.tick(at, emit)
	for i := range f.rows {
		r := &f.rows[i]
		if !r.open {
			r.open = true
			r.k = market.Candle{Venue: market.ConsensusVenue, Pair: f.pair, Interval: r.interval, Open: r.interval.Start(at), O: p, H: p, L: p, Trades: -1}
		}
		if p.Cmp(r.k.H.Decimal) > 0 {
			r.k.H = p
		}
		if p.Cmp(r.k.L.Decimal) < 0 {
			r.k.L = p
		}
		r.k.C, r.k.Known = p, at
		emit(r.view())
	}
}

func (r *fairRow) view() market.Candle {
	k := r.k
	v, _ := r.volume.Decimal(money.MaxDigits)
	k.Volume = money.Qty{Decimal: v}
	return k
}

// tick closes the bars whose interval is over.
func (f *fairBars) tick(now time.Time, emit func(market.Candle)) {
	for i := range f.rows {
		r := &f.rows[i]
		if r.open && !r.interval.Next(r.k.Open).After(now) {
			r.k.Complete = !r.k.Open.Before(f.since)
			r.k.Known = now
			emit(r.view())
			r.open, r.volume = false, money.Sum{}
		}
	}
}

func (f *fairBars) current(i market.Interval) (market.Candle, bool) {
	for k := range f.rows {
		if r := &f.rows[k]; r.interval == i && r.open {
			return r.view(), true
		}
	}
	return market.Candle{}, false
}
