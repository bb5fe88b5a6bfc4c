package feed

import (
	"slices"
	"strings"
	"time"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/clean"
)

// Core is the market.Board: what follows answers from memory.
var _ market.Board = (*Core)(nil)

// Now is the time of the data.
func (c *Core) Now() time.Time {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.replaying {
		return c.now
	}
	return time.Now().UTC()
}

// Simulated tells whether the data is not real, with a sentence for people.
func (c *Core) Simulated() (bool, string) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.simulated != "", c.simulated
}

func (c *Core) all() []*Station {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.stations
}

func (c *Core) station(v market.VenueID) *Station {
	for _, s := range c.all() {
		if s.driver.Spec.ID == v {
			return s
		}
	}
	return nil
}

// Venues tells how each venue is doing.
func (c *Core) Venues() []market.VenueState {
	sim, _ := c.Simulated()
	var out []market.VenueState
	for _, s := range c.all() {
		s.mu.Lock()
		v := s.state
		v.Instruments = len(s.intake.table.All())
		v.LagP50, v.LagP99 = s.lags.percentiles()
		s.mu.Unlock()
		v.Simulated = sim
		out = append(out, v)
	}
	return out
}

// Instruments lists what all venues trade.
func (c *Core) Instruments() []market.Instrument {
	var out []market.Instrument
	for _, s := range c.all() {
		out = append(out, s.Instruments()...)
	}
	c.mu.RLock()
	out = append(out, c.remembered...)
	c.mu.RUnlock()
	slices.SortStableFunc(out, func(a, b market.Instrument) int {
		if d := strings.Compare(string(a.Pair), string(b.Pair)); d != 0 {
			return d
		}
		return strings.Compare(string(a.Venue), string(b.Venue))
	})
	return slices.CompactFunc(out, func(a, b market.Instrument) bool { return a.Venue == b.Venue && a.Pair == b.Pair })
}

// Remember adds what a store has rows of, so that history can be asked for before
// the exchanges have sent their lists, and of pairs they trade no more.
func (c *Core) Remember(stored []market.Stored) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range stored {
		if s.Venue == market.ConsensusVenue || slices.ContainsFunc(c.remembered, func(in market.Instrument) bool { return in.Venue == s.Venue && in.Pair == s.Pair }) {
			continue
		}
		in := market.Instrument{Venue: s.Venue, Pair: s.Pair, Kind: s.Pair.Kind(), Base: s.Pair.Base(), Quote: s.Pair.Quote(), Status: market.StatusUnknown, Guessed: true}
		c.remembered = append(c.remembered, in)
	}
}

// Price gives the consensus price of an asset. A quote other than USD is converted
// by the ratio of the two prices.
func (c *Core) Price(a, quote asset.Code) (market.ConsensusPrice, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	p, ok := c.prices[a]
	if !ok || quote == USD || quote == "" {
		return p, ok
	}
	q, ok := c.prices[quote]
	if !ok {
		return market.ConsensusPrice{}, false
	}
	return cross(p, q)
}

// cross turns two prices in USD into the price of one in the other.
func cross(p, q market.ConsensusPrice) (market.ConsensusPrice, bool) {
	out := p
	scale := min(p.Price.Scale()+q.Price.Scale()+2, 14)
	var err error
	if out.Price.Decimal, err = p.Price.Quo(q.Price.Decimal, scale); err != nil {
		return out, false
	}
	if !q.High.IsZero() && !q.Low.IsZero() && !p.Low.IsNeg() {
		out.Low.Decimal, _ = p.Low.Quo(q.High.Decimal, scale)
		out.High.Decimal, _ = p.High.Quo(q.Low.Decimal, scale)
	}
	out.Quote = q.Asset
	out.Marks |= q.Marks
	out.Confidence = min(p.Confidence, q.Confidence)
	if q.At.Before(out.At) {
		out.At = q.At
	}
	out.Sources = nil
	for _, s := range p.Sources {
		if v, err := s.Price.Quo(q.Price.Decimal, scale); err == nil && s.Status == market.Used {
			s.Price.Decimal = v
			s.Rate, _ = s.Rate.Quo(q.Price.Decimal, scale)
		}
		out.Sources = append(out.Sources, s)
	}
	return out, true
}

// Prices gives every consensus price.
func (c *Core) Prices(quote asset.Code) []market.ConsensusPrice {
	c.mu.RLock()
	codes := make([]asset.Code, 0, len(c.prices))
	for a := range c.prices {
		codes = append(codes, a)
	}
	c.mu.RUnlock()
	slices.Sort(codes)
	var out []market.ConsensusPrice
	for _, a := range codes {
		if p, ok := c.Price(a, quote); ok {
			out = append(out, p)
		}
	}
	return out
}

// Quotes gives the best bid and ask of a pair at every venue: of its valid book
// where there is one, else the last quote.
func (c *Core) Quotes(p market.Pair) []market.Quote {
	var out []market.Quote
	for _, s := range c.all() {
		s.mu.Lock()
		q, ok := s.quotes[p]
		if m := s.machine(p); m != nil && m.Valid() {
			bid, ok1 := m.Book.Bid(0)
			ask, ok2 := m.Book.Ask(0)
			_, at := m.Last()
			if seen := s.books[p].conn.books[s.books[p].symbol].seen; ok1 && ok2 && (!ok || seen.After(q.Received)) {
				ok = true
				q = market.Quote{Venue: s.driver.Spec.ID, Pair: p, Symbol: s.books[p].symbol, Bid: bid.Price, BidQty: bid.Qty, Ask: ask.Price, AskQty: ask.Qty, At: at, Received: seen}
			}
		}
		s.mu.Unlock()
		if ok {
			out = append(out, q)
		}
	}
	return out
}

// Book gives a venue's book of a pair. ok is false when the venue has none.
func (c *Core) Book(v market.VenueID, p market.Pair, depth int) (market.BookView, bool) {
	s := c.station(v)
	if s == nil {
		return market.BookView{}, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.machine(p)
	if m == nil {
		return market.BookView{}, false
	}
	out := market.BookView{Venue: v, Pair: p, Valid: m.Valid(), Integrity: Integrity(m.Rule(), m.Sums > 0), Seq: s.seqs[seqKey{market.Books, p, ""}]}
	_, out.At = m.Last()
	out.Received = s.books[p].conn.books[s.books[p].symbol].seen
	if !m.Valid() {
		l := m.Loss()
		out.Reason = string(l.Kind) + ": " + l.Detail
		if l.Kind == "" {
			out.Reason = "the book is being joined"
		}
		return out, true
	}
	out.Bids, out.Asks = m.Book.Top(depth, nil, nil)
	return out, true
}

// LastTrades gives a venue's newest trades of a pair, newest first; all venues
// together when v is "".
func (c *Core) LastTrades(v market.VenueID, p market.Pair, limit int) []market.Trade {
	var out []market.Trade
	for _, s := range c.all() {
		if v != "" && s.driver.Spec.ID != v {
			continue
		}
		s.mu.Lock()
		if r := s.trades[p]; r != nil {
			out = append(out, r.newest(limit)...)
		}
		s.mu.Unlock()
	}
	slices.SortStableFunc(out, func(a, b market.Trade) int { return b.At.Compare(a.At) })
	if limit > 0 && len(out) > limit {
		out = out[:limit]
	}
	return out
}

// OpenCandle gives the unfinished bar of a base interval (1s, 1m); the reader of
// candles rolls the longer ones.
func (c *Core) OpenCandle(v market.VenueID, p market.Pair, i market.Interval) (market.Candle, bool) {
	if v == market.ConsensusVenue {
		c.mu.RLock()
		defer c.mu.RUnlock()
		f := c.fairBars[p.Base()]
		if f == nil || f.pair != p {
			return market.Candle{}, false
		}
		return f.current(i)
	}
	s := c.station(v)
	if s == nil {
		return market.Candle{}, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.bars[p]
	if m == nil {
		return market.Candle{}, false
	}
	return m.Open(i)
}

// Quality tells what is known of the data; "" for v or p means all.
func (c *Core) Quality(v market.VenueID, p market.Pair) []market.Quality {
	now := c.Now()
	var out []market.Quality
	for _, s := range c.all() {
		if v != "" && s.driver.Spec.ID != v {
			continue
		}
		s.mu.Lock()
		out = append(out, s.quality(p, now)...)
		s.mu.Unlock()
	}
	slices.SortStableFunc(out, func(a, b market.Quality) int {
		if d := strings.Compare(string(a.Pair), string(b.Pair)); d != 0 {
			return d
		}
		return strings.Compare(string(a.Venue)+string(a.Channel), string(b.Venue)+string(b.Channel))
	})
	return out
}

func (s *Station) quality(p market.Pair, now time.Time) []market.Quality {
	var out []market.Quality
	channels := clean.Channels()
	s.clean.All(func(k market.Series, st *clean.Stats) {
		if p != "" && k.Pair != p {
			return
		}
		for i, ch := range channels {
			if st.Events[i] == 0 {
				continue
			}
			q := market.Quality{Venue: k.Venue, Pair: k.Pair, Channel: ch, State: "live", LastData: st.Last[i], Events: st.Events[i], Marks: map[string]int64{}, StaleAfter: s.silence(ch)}
			for b, name := range market.MarkNames() {
				if st.Marks[i][b] > 0 {
					q.Marks[name] = st.Marks[i][b]
				}
			}
			if q.StaleAfter > 0 && now.Sub(q.LastData) > q.StaleAfter {
				q.State = "stale"
			}
			if ch == market.Books {
				if m := s.machine(k.Pair); m != nil {
					q.Integrity = Integrity(m.Rule(), m.Sums > 0)
					if !m.Valid() {
						q.State = "joining"
					}
				}
			}
			s.gapCounts(&q)
			out = append(out, q)
		}
	})
	return out
}

// gapCounts counts each gap once, by its last word.
func (s *Station) gapCounts(q *market.Quality) {
	last := map[string]*market.Gap{}
	for i := range s.gaps {
		g := &s.gaps[i]
		if (g.Pair == "" || g.Pair == q.Pair) && (g.Channel == "" || g.Channel == q.Channel) {
			last[g.ID] = g
		}
	}
	for _, g := range last {
		q.Gaps++
		if g.To.IsZero() {
			q.OpenGaps++
		}
		if !g.Repaired.IsZero() {
			q.Repaired++
		}
	}
}

// silence is after how long a channel of this venue counts as stale.
func (s *Station) silence(ch market.Channel) time.Duration {
	if d := s.driver.Current().Session.Silence[ch]; d > 0 {
		return d
	}
	switch ch {
	case market.Derivatives:
		return freshStatement
	case market.Liquidations:
		return 0 // none for hours is good news, not silence
	}
	return time.Minute
}
