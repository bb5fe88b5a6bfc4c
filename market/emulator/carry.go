package emulator

import (
	"math"
	"strconv"
	"time"

	"github.com/assayhq/assay/market"
)

// carry is what a perpetual is said to be beside its book and trades: index, mark,
// funding and open interest. All of it follows from the world and the time, so that
// history and stream tell the same.
type carry struct{ *pit }

// index is the fair price of the spot behind the contract.
func (c carry) index(at time.Time) float64 {
	return c.v.world.Fair(market.NewPair(c.pair.Base(), c.pair.Quote()), at)
}

// mark is between the index and where the pit's makers are.
func (c carry) mark(at time.Time) float64 { return (c.index(at) + c.mid(at)) / 2 }

// rate is what longs pay at the end of the interval that at falls in: the premium of
// the hours before it, and a small interest. It is fixed when the interval begins.
func (c carry) rate(at time.Time, every time.Duration) float64 {
	start, premium := at.UTC().Truncate(every), 0.0
	for i := range 8 {
		t := start.Add(-time.Duration(i) * every / 8)
		premium += c.mid(t)/c.index(t) - 1
	}
	return (premium/8 + 0.0001) * every.Hours() / 8
}

// interest is all open positions, in units of the last decimal of a size.
func (c carry) interest(at time.Time) int64 {
	base := 80e6 / natureOf(c.pair.Base()).usd
	sway := 1 + 0.05*math.Tanh(walk(mix(c.v.world.seed, label(string(c.pair)), 31), at.Truncate(time.Second).UnixNano())/200)
	return int64(base * sway * math.Pow10(c.qd))
}

// rounded writes a computed value with so many decimals.
func rounded(x float64, decimals int) string { return strconv.FormatFloat(x, 'f', decimals, 64) }
