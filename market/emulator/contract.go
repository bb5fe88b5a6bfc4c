package emulator

import (
	"math"
	"strconv"
	"time"
)

// terms is what a venue says of a perpetual beside its trades and book.
type terms struct {
	mark, index float64
	hourly      float64 // funding per hour, as a part of the position's value
	interest    float64 // open positions, in the unit of the listing's sizes
}

// terms are those of a moment: the index is the world's fair price, the mark what the
// venue's makers want, funding follows the distance of the two, and the open positions
// swell and shrink slowly. All of it is a function of time, so history can be asked for.
func (p *pit) terms(at time.Time) terms {
	at = at.Truncate(time.Second)
	t := terms{index: p.v.world.Fair(p.pair, at), mark: p.mid(at)}
	t.hourly = math.Max(-0.003, math.Min((t.mark/t.index-1)/8+0.0000125, 0.003))
	seed := mix(p.v.world.seed, label(string(p.v.id)), label(string(p.pair)))
	usd := 2e7 * math.Exp(0.1*math.Tanh(walk(mix(seed, 79, 0), at.UnixNano())/200))
	t.interest = float64(p.sized(usd)) / math.Pow10(p.qd)
	return t
}

// spot, mark and interest are parts of the terms; interest in units of the last decimal
// of a size.
func (p *pit) spot(at time.Time) float64 { return p.terms(at).index }
func (p *pit) mark(at time.Time) float64 { return p.terms(at).mark }
func (p *pit) interest(at time.Time) int64 {
	return int64(p.terms(at).interest * math.Pow10(p.qd))
}

// eight is how often most venues pay funding.
const eight = 8 * time.Hour

// due is the funding that is paid at the end of the interval that at lies in: fixed when
// it begins, so that the stream and the history tell the same.
func (p *pit) due(at time.Time, every time.Duration) (rate float64, when time.Time) {
	start := at.UTC().Truncate(every)
	return p.terms(start).hourly * every.Hours(), start.Add(every)
}

// pays is the funding of the interval that at lies in.
func (p *pit) pays(at time.Time, every time.Duration) float64 {
	r, _ := p.due(at, every)
	return r
}

// settled are the payments from..to, both inclusive, as far as the venue's history goes.
func (p *pit) settled(from, to time.Time, every time.Duration) (at []time.Time, rate []float64) {
	if first := p.tape.reach("1h"); from.Before(first) {
		from = first
	}
	for when := from.UTC().Add(every - 1).Truncate(every); !when.After(to); when = when.Add(every) {
		at, rate = append(at, when), append(rate, p.pays(when.Add(-every), every))
	}
	return at, rate
}

// fundings are the rates of venues that state the one of the hour that begins, from..to,
// both inclusive.
func (p *pit) fundings(from, to time.Time) (at []time.Time, rate []float64) {
	at, rate = p.settled(from, to, time.Hour)
	for i := range at {
		rate[i] = p.terms(at[i]).hourly
	}
	return at, rate
}

// forced tells whether a trade closed the position of one who had lost the margin: few did.
func (p *pit) forced(t *trade) bool { return p.perp && t.id%97 == 0 }

// decimals writes a figure with so many decimals.
func decimals(f float64, n int) string { return strconv.FormatFloat(f, 'f', n, 64) }

// digits writes a figure as venues do that print what they computed.
func digits(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// closing is an order by which the venue closes a position that has lost its margin.
type closing struct {
	px, qty int64
	sell    bool // it closes a long position
	at      time.Time
}

// closingIn gives the order of a second, if there was one: about one in forty has it.
// It follows from the seed and the time, and stands a little off the price, on the side
// that hurt.
func (p *pit) closingIn(second time.Time) (closing, bool) {
	n := mix(p.v.world.seed, label(string(p.v.id)+string(p.pair)), uint64(second.Unix()))
	if n%40 != 0 {
		return closing{}, false
	}
	f := closing{qty: 1 + int64(n>>8%500), sell: n>>20%2 == 0, at: second.Add(time.Duration(n>>24%1000) * time.Millisecond)}
	off := 1.002
	if f.sell {
		off = 0.998
	}
	f.px = p.cents(p.mid(second) * off)
	return f, true
}
