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

// fundings are the rates that were settled at full hours from..to, both inclusive, as far
// as the venue's history goes.
func (p *pit) fundings(from, to time.Time) (at []time.Time, rate []float64) {
	first := p.tape.reach("1h")
	if from.Before(first) {
		from = first
	}
	hour := from.Truncate(time.Hour)
	if hour.Before(from) {
		hour = hour.Add(time.Hour)
	}
	for ; !hour.After(to); hour = hour.Add(time.Hour) {
		at, rate = append(at, hour), append(rate, p.terms(hour).hourly)
	}
	return at, rate
}

// forced tells whether a trade closed the position of one who had lost the margin: few did.
func (p *pit) forced(t *trade) bool { return p.perp && t.id%97 == 0 }

// decimals writes a figure with so many decimals.
func decimals(f float64, n int) string { return strconv.FormatFloat(f, 'f', n, 64) }

// digits writes a figure as venues do that print what they computed.
func digits(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }
