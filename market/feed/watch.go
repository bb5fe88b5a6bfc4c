package feed

import (
	"cmp"
	"encoding/json"
	"errors"
	"math"
	"net/url"
	"slices"
	"time"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/drift"
	"github.com/assayhq/assay/market/score"
)

// watch is what a station knows of its venue's behaviour, beside its data.
type watch struct {
	score *score.Machine
	fair  map[market.Pair]fair
	pairs []market.Pair // in the order in which they were seen; sampled in turns
	known map[market.Pair]bool
	turn  int
	// stream and rest notice when the venue changes what it sends.
	stream, rest *drift.Watch
}

// fair is where the consensus sees a pair.
type fair struct {
	price  float64 // in the pair's own quote
	bound  float64 // relative distance from which a trade is astray
	at     time.Time
	frozen bool
}

func newWatch(v market.VenueID) watch {
	return watch{score: score.New(v), fair: map[market.Pair]fair{}, known: map[market.Pair]bool{}, stream: drift.New(), rest: drift.New()}
}

// turns is how many ticks it takes to sample every pair once: five seconds at ten ticks
// a second. The work is spread so that no frame waits long for the station's lock.
const turns = 50

// astrayFloor is the smallest relative distance from the consensus at which a trade can
// be astray; astrayFresh is how old the consensus may be to judge by it.
const (
	astrayFloor = 0.01
	astrayFresh = 10 * time.Second
)

// see puts a pair on the list of those sampled.
func (w *watch) see(p market.Pair) {
	if !w.known[p] {
		w.known[p] = true
		w.pairs = append(w.pairs, p)
	}
}

// gap takes a word of a gap's life. Its time is the latest the gap itself states.
func (w *watch) gap(g *market.Gap) {
	at := g.From
	if g.To.After(at) {
		at = g.To
	}
	if g.Repaired.After(at) {
		at = g.Repaired
	}
	w.score.Gap(g, at)
}

// lag notes how late a value came.
func (s *Station) lag(p market.Pair, received, at time.Time) {
	s.lags.add(received, at)
	s.watch.see(p)
	if !at.IsZero() {
		s.watch.score.Lag(p, received, received.Sub(at))
	}
}

// observe judges a trade by what the others say: it marks it when it is far from the
// consensus of the moment, and gives it to the score. The lock is held.
func (s *Station) observe(t *market.Trade, at time.Time) {
	if f, ok := s.watch.fair[t.Pair]; ok && t.Marks&market.Backfilled == 0 && at.Sub(f.at) < astrayFresh {
		if math.Abs(t.Price.Float64()/f.price-1) > f.bound {
			t.Marks |= market.Astray
		}
	}
	bid, ask := s.best(t.Pair)
	s.watch.score.Trade(t, bid, ask, at)
}

// best gives the best prices of a pair as its book or last quote has them; 0 if unknown.
func (s *Station) best(p market.Pair) (bid, ask float64) {
	if m := s.machine(p); m != nil {
		if !m.Valid() {
			return 0, 0
		}
		b, ok1 := m.Book.Bid(0)
		a, ok2 := m.Book.Ask(0)
		if ok1 && ok2 {
			return b.Price.Float64(), a.Price.Float64()
		}
		return 0, 0
	}
	q, ok := s.quotes[p]
	if !ok {
		return 0, 0
	}
	return q.Bid.Float64(), q.Ask.Float64()
}

// compare notes where the consensus sees this venue's pairs.
func (s *Station) compare(prices []market.ConsensusPrice, now time.Time) {
	for i := range prices {
		p := &prices[i]
		if p.Marks&market.Stale != 0 || len(p.Sources) < 3 {
			continue
		}
		whole := p.Price.Float64()
		band := (p.High.Float64() - p.Low.Float64()) / 2 / whole
		for j := range p.Sources {
			c := &p.Sources[j]
			if c.Venue != s.driver.Spec.ID || c.Rate.IsZero() {
				continue
			}
			s.watch.fair[c.Pair] = fair{price: whole / c.Rate.Float64(), bound: astrayFloor + 3*band, at: now, frozen: c.Status == market.IsFrozen}
			if c.Status == market.Used || c.Status == market.IsOut {
				s.watch.score.Away(c.Pair, now, (c.Price.Float64()/whole-1)*10000)
			}
		}
		for j := range p.Sources { // a frozen offer is not converted
			if c := &p.Sources[j]; c.Venue == s.driver.Spec.ID && c.Status == market.IsFrozen {
				f := s.watch.fair[c.Pair]
				f.frozen = true
				s.watch.fair[c.Pair] = f
			}
		}
	}
}

// sample looks at one part of the pairs, and in the first turn at the venue.
func (s *Station) sample(now time.Time) {
	w := &s.watch
	w.turn = (w.turn + 1) % turns
	if w.turn == 0 {
		w.score.Sample("", now, score.Sample{Good: s.state.State == "live"})
	}
	for i := w.turn; i < len(w.pairs); i += turns {
		p := w.pairs[i]
		w.score.Sample(p, now, s.look(p, now))
	}
}

// look measures a pair at a moment. Depth is a statistic, in binary floats.
func (s *Station) look(p market.Pair, now time.Time) score.Sample {
	var out score.Sample
	bid, ask := s.best(p)
	if bid > 0 && ask > bid {
		out.Spread = (ask - bid) / (ask + bid) * 2 * 10000
	}
	out.Frozen = s.watch.fair[p].frozen
	m := s.machine(p)
	if m == nil {
		q, ok := s.quotes[p]
		out.Good = ok && now.Sub(q.Received) <= s.silence(market.Quotes)
		return out
	}
	if !m.Valid() {
		return out
	}
	out.Good = now.Sub(s.books[p].conn.books[s.books[p].symbol].seen) <= s.silence(market.Books)
	mid := (bid + ask) / 2
	side := func(nth func(int) (market.Level, bool), inner, outer float64, near, far *float64, sign float64) {
		for i := 0; ; i++ {
			l, ok := nth(i)
			price := l.Price.Float64()
			if !ok || (price-outer)*sign > 0 {
				return
			}
			v := price * l.Qty.Float64()
			*far += v
			if (price-inner)*sign <= 0 {
				*near += v
			}
		}
	}
	side(m.Book.Bid, mid*0.999, mid*0.99, &out.Depth[0], &out.Depth[2], -1)
	side(m.Book.Ask, mid*1.001, mid*1.01, &out.Depth[1], &out.Depth[3], 1)
	return out
}

// listen looks at a frame for what is not as it was. err is what the decoder said.
func (w *watch) listen(frame []byte, notices []market.Notice, err error, at time.Time) {
	if err != nil {
		w.stream.Odd(true, err.Error(), frame, at)
		return
	}
	w.stream.Look(frame, at)
	for i := range notices {
		if notices[i].Kind == market.Strange {
			w.stream.Odd(false, notices[i].Text, frame, at)
		}
	}
}

// answered does the same with an answer of REST.
func (w *watch) answered(address string, body []byte, b *market.Batch, err error, at time.Time) {
	u, bad := url.Parse(address)
	if bad != nil {
		return
	}
	var f *fault.Error
	switch {
	case err != nil && !errors.As(err, &f): // what the venue refused is an answer, too
		w.rest.Odd(true, u.Path+": "+err.Error(), body, at)
		return
	case err != nil:
		return
	}
	w.rest.Answer(u.Path, body, at)
	for i := range b.Notices {
		if b.Notices[i].Kind == market.Strange {
			w.rest.Odd(false, u.Path+": "+b.Notices[i].Text, body, at)
		}
	}
}

// Drift tells what changed in what venues send; "" means all.
func (c *Core) Drift(v market.VenueID) []market.Finding {
	var out []market.Finding
	for _, s := range c.all() {
		if v != "" && s.driver.Spec.ID != v {
			continue
		}
		s.mu.Lock()
		for on, w := range map[string]*drift.Watch{"stream": s.watch.stream, "rest": s.watch.rest} {
			for _, f := range w.Findings() {
				f.Venue, f.On = s.driver.Spec.ID, on
				out = append(out, f)
			}
		}
		s.mu.Unlock()
	}
	slices.SortStableFunc(out, func(a, b market.Finding) int {
		return cmp.Or(cmp.Compare(a.Venue, b.Venue), b.Last.Compare(a.Last), cmp.Compare(a.On+a.Kind+a.What, b.On+b.Kind+b.What))
	})
	return out
}

// learned is what a station knows of its venue's messages, as it is kept.
type learned struct {
	Stream *drift.Watch `json:"stream"`
	REST   *drift.Watch `json:"rest"`
}

// Learned gives what is known of the members of a venue's messages, to be kept over a
// restart; Learn takes it back.
func (s *Station) Learned() ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return json.Marshal(learned{s.watch.stream, s.watch.rest})
}

// Learn takes what was learned before. Call it before Run.
func (s *Station) Learn(text []byte) error {
	l := learned{drift.New(), drift.New()}
	if err := json.Unmarshal(text, &l); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watch.stream, s.watch.rest = l.Stream, l.REST
	return nil
}

// AcceptDrift makes known all that is news of a venue; ok is false if it is not followed.
func (c *Core) AcceptDrift(v market.VenueID) (ok bool) {
	s := c.station(v)
	if s == nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watch.stream.Accept()
	s.watch.rest.Accept()
	return true
}

// Scores tells how venues behaved over the last day; "" for v or p means all.
func (c *Core) Scores(v market.VenueID, p market.Pair) []market.Score {
	now := c.Now()
	var out []market.Score
	for _, s := range c.all() {
		if v != "" && s.driver.Spec.ID != v {
			continue
		}
		s.mu.Lock()
		out = append(out, s.watch.score.Scores(p, now)...)
		s.mu.Unlock()
	}
	return out
}
