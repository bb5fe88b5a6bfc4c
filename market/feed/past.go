package feed

import (
	"context"
	"net/http"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/venue"
)

// Past asks a venue for its history beside the live feed: within a share of what the
// feed leaves of the allowance, and without touching what is live. What it reads is
// the caller's: nothing is published, no bar is built of it. Safe for many at once.
type Past struct {
	get    *Getter
	driver *venue.Driver

	list   chan struct{} // one reading of the instrument list at a time
	mu     sync.Mutex
	intake *Intake
	read   time.Time // when the list was read
}

// Past makes the side of the venue that answers questions about history.
func (l *Live) Past() *Past {
	d := l.station.driver
	code := func(symbol string) string { return string(l.station.core.assets.Normalize(string(d.Spec.ID), symbol)) }
	return &Past{get: l.get, driver: d, intake: NewIntake(d, code), list: make(chan struct{}, 1)}
}

// Driver gives the venue.
func (p *Past) Driver() *venue.Driver { return p.driver }

// listAge is how old the instrument list may be when a pair is not in it.
const listAge = 10 * time.Minute

// Instrument gives what the venue lists of a pair; fault.Unknown if it does not.
func (p *Past) Instrument(ctx context.Context, pair market.Pair) (market.Instrument, error) {
	select {
	case p.list <- struct{}{}:
		defer func() { <-p.list }()
	case <-ctx.Done():
		return market.Instrument{}, ctx.Err()
	}
	in, ok := p.find(pair)
	if !ok && time.Since(p.read) > listAge {
		for a, more := (venue.Ask{What: venue.AskInstruments}), true; more; {
			b, err := p.Page(ctx, a, 1)
			if err != nil {
				return in, err
			}
			if p.driver.REST.Next == nil {
				break
			}
			a, more = p.driver.REST.Next(a, b)
		}
		p.read = time.Now()
		in, ok = p.find(pair)
	}
	if !ok {
		return in, fault.At(fault.Unknown, "pair", "%s does not list %s; GET /v1/instruments?venue=%s has what it lists", p.driver.Spec.Name, pair, p.driver.Spec.ID)
	}
	return in, nil
}

func (p *Past) find(pair market.Pair) (market.Instrument, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if in, ok := p.intake.table.ByPair(pair); ok && !in.Guessed {
		return *in, true
	}
	return market.Instrument{}, false
}

// Page asks once, when share of what the feed leaves allows it, and gives what the
// answer said. Failures come as *fault.Error.
func (p *Past) Page(ctx context.Context, a venue.Ask, share float64) (*market.Batch, error) {
	r, err := p.driver.REST.Request(a)
	if err != nil {
		return nil, err
	}
	if err := p.get.spare(ctx, r, share); err != nil {
		return nil, err
	}
	url, body, _, err := p.get.pass(ctx, r)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	b, err := p.intake.HTTP(url, body, time.Now().UTC(), 0)
	if err != nil {
		if fault.Of(err) == fault.Exhausted {
			p.get.pause(http.Header{}, http.StatusTooManyRequests)
		}
		return nil, err
	}
	p.get.fine()
	return b.Clone(), nil
}

// fine says that the venue answers again.
func (g *Getter) fine() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.bans = 0
}

// spent counts the weight of requests by the minute.
type spent struct {
	minute    time.Time
	now, last float64
}

func (s *spent) at(t time.Time) {
	switch m := t.Truncate(time.Minute); {
	case m.Equal(s.minute):
	case m.Equal(s.minute.Add(time.Minute)):
		s.minute, s.last, s.now = m, s.now, 0
	default:
		s.minute, s.last, s.now = m, 0, 0
	}
}

// rate is the weight per second over the last minute.
func (s *spent) rate(t time.Time) float64 {
	s.at(t)
	return (s.now + s.last*(1-t.Sub(s.minute).Minutes())) / 60
}

// spend notes what the feed asks for.
func (g *Getter) spend(r venue.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	name, now := g.budget(r), time.Now()
	if g.used[name] == nil {
		g.used[name] = &spent{}
	}
	g.used[name].at(now)
	g.used[name].now += float64(max(r.Weight, 1))
}

// leastLeft is the part of an allowance that history may always share in: a feed that
// uses all of it for long has a trouble that waiting does not end.
const leastLeft = 0.05

// spare waits until a share of what the feed leaves of an allowance allows a request.
// It is before the request's own turn: the feed never waits for it.
func (g *Getter) spare(ctx context.Context, r venue.Request, share float64) error {
	name := g.budget(r)
	whole := rate.Limit(1) // a venue that states no limit: one a second
	burst := 1
	if l := g.limits[name]; l != nil {
		whole, burst = l.Limit(), l.Burst()
	}
	for n := max(r.Weight, 1); n > 0; {
		g.mu.Lock()
		p := g.pace[name]
		if p == nil {
			p = rate.NewLimiter(whole, max(burst/2, 1))
			g.pace[name] = p
		}
		left := whole
		if s := g.used[name]; s != nil {
			left = max(whole-rate.Limit(s.rate(time.Now())), leastLeft*whole)
		}
		p.SetLimit(left * rate.Limit(share))
		g.mu.Unlock()
		part := min(n, p.Burst())
		if err := p.WaitN(ctx, part); err != nil {
			return err
		}
		n -= part
	}
	return nil
}
