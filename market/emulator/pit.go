package emulator

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/assayhq/assay/market"
)

// event is what happened in a pit at one moment.
type event struct {
	pit     *pit
	at      time.Time // simulated clock, before skew, to the microsecond
	changes []change
	trades  []trade
	fills   []*fill // of orders of simulated accounts, each with its trade
}

// pit is where one listing trades: its book, its tape and its recent past.
type pit struct {
	*listing
	v       *Venue
	rng     *rand.Rand
	book    ladder
	version uint64 // events so far
	updates uint64 // level changes so far: Binance's numbering
	last    time.Time
	rate    float64 // events per second
	tape    tape
	truth   *Truth
	topics  []*topic
	us      map[string]uint64 // counters that outlive a topic (Bybit's u)
	resting []*ticket         // of simulated accounts, oldest first; the book holds them too
}

func newPit(v *Venue, l *listing, at time.Time) *pit {
	seed := mix(v.world.seed, label(string(v.id)), label(string(l.pair)))
	n := v.world.nature(l.pair.Base())
	lively := n.lively
	if q := l.quote(); q == "EUR" || q == "USDC" {
		lively *= 0.4
	}
	rate := v.opt.Rate
	if rate <= 0 {
		rate = v.world.opt.Rate
	}
	p := &pit{listing: l, v: v, rng: rand.New(rand.NewPCG(seed, 0x5eed)), last: at, rate: rate * lively, us: map[string]uint64{}}
	p.updates = 1e9 + seed%1e9
	p.tape = newTape(p, seed, at)
	p.truth = newTruth(p)
	mid := p.mid(at)
	for range v.world.opt.Depth {
		for _, ask := range []bool{false, true} {
			if px := p.quotePrice(mid, ask); px > 0 && p.book.size(px, ask) == 0 {
				p.book.apply(change{ask, px, p.quoteSize(px, mid)})
			}
		}
	}
	p.truth.record(at, nil)
	return p
}

// mid is where the pit's makers want the price now.
func (p *pit) mid(at time.Time) float64 {
	return p.v.world.local(p.v.id, market.NewPair(p.pair.Base(), p.pair.Quote()), p.v.lagOf(p), at)
}

// half is half of the spread makers ask for, in price units of the listing.
func (p *pit) half(mid float64) int64 {
	h := mid * 0.00004 * math.Pow10(p.pd)
	return max(int64(h)/p.tick, 1) * p.tick
}

// breadth is how far from the fair price makers quote on average, as a share of it.
func (p *pit) breadth() float64 {
	if p.v.world.nature(p.pair.Base()).yearly < 0.1 {
		return 0.0006
	}
	return 0.002
}

// quotePrice picks a price for a new order, never crossing; 0 when none is sensible.
func (p *pit) quotePrice(mid float64, ask bool) int64 {
	m := p.cents(mid)
	off := int64(p.rng.ExpFloat64()*mid*p.breadth()*math.Pow10(p.pd)) / p.tick * p.tick
	if ask {
		px := m + p.half(mid) + off
		if len(p.book.bids) > 0 {
			px = max(px, p.book.bids[0].px+p.tick)
		}
		return px
	}
	px := m - p.half(mid) - off
	if len(p.book.asks) > 0 {
		px = min(px, p.book.asks[0].px-p.tick)
	}
	return px
}

// notional is a lognormal amount of dollars as a size of this listing.
func (p *pit) notional(median, sigma, mid float64) int64 {
	return p.sized(median * math.Exp(sigma*p.rng.NormFloat64()))
}

func (p *pit) quoteSize(px int64, mid float64) int64 {
	away := math.Abs(float64(px)/math.Pow10(p.pd)/mid-1) * 1000
	return p.notional(2500*(1+away), 1.1, mid)
}

// step lets one event happen at a moment after the last one.
func (p *pit) step(at time.Time) *event {
	at = at.Truncate(time.Microsecond)
	if !at.After(p.last) {
		at = p.last.Add(time.Microsecond)
	}
	e := &event{pit: p, at: at}
	mid := p.mid(at)
	m := p.cents(mid)
	switch r := p.rng.Float64(); {
	case len(p.book.asks) > 0 && p.book.asks[0].px < m:
		p.catchUp(e, m, true)
	case len(p.book.bids) > 0 && p.book.bids[0].px > m:
		p.catchUp(e, m, false)
	case r < 0.12:
		p.take(e, p.rng.IntN(2) == 0, p.notional(350, 1.4, mid), 0, 3)
	case r < 0.62:
		p.offer(e, mid, p.rng.IntN(2) == 0)
	default:
		p.cancel(e, p.rng.IntN(2) == 0)
	}
	p.tend(e, mid)
	p.close(e)
	return e
}

// close numbers what happened and writes it down.
func (p *pit) close(e *event) {
	p.last = e.at
	p.version++
	p.updates += uint64(len(e.changes))
	for i := range e.trades {
		p.tape.print(&e.trades[i])
	}
	for _, f := range e.fills {
		f.id = e.trades[f.trade].id
	}
	p.truth.record(e.at, e.changes)
}

// catchUp moves the book after the fair price has passed its best level: takers eat
// some of what is mispriced, makers pull the rest.
func (p *pit) catchUp(e *event, m int64, ask bool) {
	if p.rng.Float64() < 0.4 {
		p.take(e, ask, math.MaxInt64, m, 2)
	}
	for range 40 {
		side := p.side(ask)
		if len(side) < 2 || ask == (side[0].px >= m) {
			break
		}
		if p.ours(ask, side[0].px) > 0 {
			p.take(e, ask, math.MaxInt64, m, 1) // nobody pulls it, so somebody takes it
			continue
		}
		p.change(e, ask, side[0].px, 0)
	}
}

// take lets a taker buy (ask side) or sell up to qty, over at most n levels and, when
// limit is not 0, not beyond limit. One trade per level, a nanosecond apart.
func (p *pit) take(e *event, ask bool, qty, limit int64, n int) {
	for ; n > 0 && qty > 0; n-- {
		side := p.side(ask)
		if len(side) < 2 {
			return
		}
		best := side[0]
		if limit != 0 && ask == (best.px >= limit) {
			return
		}
		q := min(qty, best.qty)
		qty -= q
		t := trade{px: best.px, qty: q, sell: !ask, at: e.at.Add(time.Duration(len(e.trades)))}
		e.trades = append(e.trades, t)
		p.reach(e, ask, best.px, q)
		p.change(e, ask, best.px, best.qty-q)
	}
}

func (p *pit) offer(e *event, mid float64, ask bool) {
	px := p.quotePrice(mid, ask)
	if px <= 0 {
		return
	}
	p.change(e, ask, px, p.book.size(px, ask)+p.quoteSize(px, mid))
}

func (p *pit) cancel(e *event, ask bool) {
	side := p.side(ask)
	if len(side) < 4 {
		return
	}
	r := side[p.rng.IntN(len(side))]
	left := int64(0)
	if p.rng.Float64() < 0.35 {
		left = r.qty / int64(2+p.rng.IntN(4)) / p.lot * p.lot
	}
	p.change(e, ask, r.px, left)
}

// tend keeps the book's shape: about Depth levels, and a best level near the fair price.
func (p *pit) tend(e *event, mid float64) {
	m, h, want := p.cents(mid), p.half(mid), p.v.world.opt.Depth
	want = min(want, int(3*p.breadth()*mid*math.Pow10(p.pd))/int(p.tick)) // coarse ticks leave room for few
	for _, ask := range []bool{false, true} {
		side := p.side(ask)
		if n := len(side); n > want+want/10 {
			p.change(e, ask, side[n-1].px, 0)
		} else if n < want*9/10 {
			p.offer(e, mid, ask)
		}
		if side = p.side(ask); len(side) > 0 {
			gap := side[0].px - m
			px := m + h
			if !ask {
				gap, px = -gap, m-h
			}
			other := p.side(!ask)
			free := len(other) == 0 || ask == (px > other[0].px) && px != other[0].px
			if gap > 5*h && free && px > 0 {
				p.change(e, ask, px, p.quoteSize(px, mid))
			}
		}
	}
}

func (p *pit) side(ask bool) []rung {
	if ask {
		return p.book.asks
	}
	return p.book.bids
}

// change alters one level and notes it; a second change of a level in one event is
// kept apart, because each has its own number on Binance.
// What rests there of simulated accounts stays: makers can only take back their own.
func (p *pit) change(e *event, ask bool, px, qty int64) {
	if len(p.resting) > 0 {
		qty = p.settle(ask, px, qty)
	}
	c := change{ask, px, qty}
	p.book.apply(c)
	e.changes = append(e.changes, c)
}

// wait is the time from a moment to the next event.
func (p *pit) wait(from time.Time) time.Duration {
	rate := p.rate
	if p.v.opt.Burst > 1 && from.Unix()%10 < 2 {
		rate *= p.v.opt.Burst
	}
	d := time.Duration(p.rng.ExpFloat64() / rate * float64(time.Second))
	return max(d, time.Microsecond)
}
