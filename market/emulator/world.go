package emulator

import (
	"math"
	"time"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/market"
)

// World is the market that all venues see: one fair price per asset, a seeded
// random walk that can be read at any time. It has no state and can be shared.
type World struct {
	seed uint64
	opt  WorldOptions
}

// WorldOptions tune a World; the zero value is a good market.
type WorldOptions struct {
	// Rate is how many events (placements, cancels, takers) a liquid market has per
	// second; less liquid ones have a fraction of it. Default 8.
	Rate float64
	// Fast moves the markets as fast as the subscribed clients read. Not for use
	// inside synctest, where a world that never rests stops the clock.
	Fast bool
	// Depth is about how many levels rest on each side of a book. Default 160.
	Depth int
	// History is how far back candles go when a venue starts. Default 48 h.
	History time.Duration
	// Days is how many days back candles of a day and longer go when a venue starts;
	// those of an hour go back fifteen of them. With it prices have swings of
	// months too. Default 0: no candle reaches further back than History.
	Days int
	// Tape is how far back single trades go when a venue starts. Default 30 min.
	Tape time.Duration
	// Volatility multiplies the realistic one. Default 1.
	Volatility float64
}

// hourDays is how many days back candles of an hour go in a world with Days.
const hourDays = 15

// NewWorld makes the market that belongs to a seed.
func NewWorld(seed uint64, opt WorldOptions) *World {
	if opt.Rate <= 0 {
		opt.Rate = 8
	}
	if opt.Depth <= 0 {
		opt.Depth = 160
	}
	if opt.History <= 0 {
		opt.History = 48 * time.Hour
	}
	if opt.Tape <= 0 {
		opt.Tape = 30 * time.Minute
	}
	if opt.Volatility <= 0 {
		opt.Volatility = 1
	}
	opt.History = max(opt.History, opt.Tape).Truncate(time.Minute)
	opt.Tape = opt.Tape.Truncate(time.Minute)
	return &World{seed: seed, opt: opt}
}

// nature is what an asset is like: its price in dollars, its deviation per year, and
// how lively its markets are compared with Bitcoin's.
type nature struct {
	usd, yearly, lively float64
}

// nature tells what an asset is like. Invented coins take theirs from the seed.
func (w *World) nature(a asset.Code) nature {
	if !invented(a) {
		return natureOf(a)
	}
	x := mix(w.seed, label(string(a)), 3)
	part := func(shift uint) float64 { return float64(x>>shift&0xffff) / 0xffff }
	return nature{usd: math.Exp(math.Log(0.05) + part(0)*math.Log(10000)), yearly: 0.6 + 0.8*part(16), lively: 0.1 + 0.9*part(32)}
}

func natureOf(a asset.Code) nature {
	switch a {
	case "BTC":
		return nature{65000, 0.50, 1}
	case "ETH":
		return nature{1900, 0.65, 0.8}
	case "SOL":
		return nature{77, 0.85, 0.6}
	case "XRP":
		return nature{1.15, 0.85, 0.5}
	case "DOGE":
		return nature{0.0705, 0.95, 0.4}
	case "ADA":
		return nature{0.2650, 0.90, 0.3}
	case "LTC":
		return nature{46.5, 0.70, 0.15}
	case "USDT":
		return nature{1.0004, 0.004, 0.4}
	case "USDC":
		return nature{0.9999, 0.003, 0.3}
	case "KRW":
		return nature{0.000715, 0.07, 0.4}
	case "EUR":
		return nature{1.1540, 0.08, 0.4}
	}
	return nature{1, 0, 0.3}
}

// dollars is the fair price of an asset in US dollars.
func (w *World) dollars(a asset.Code, at time.Time) float64 {
	n := w.nature(a)
	if n.yearly == 0 {
		return n.usd
	}
	perSecond := n.yearly * w.opt.Volatility / math.Sqrt(365*86400)
	// The walk starts anywhere; taking it back to zero at the lattice's own origin
	// would fix one moment only, so the level is damped instead.
	x := walk(mix(w.seed, label(string(a)), 1), at.UnixNano()) * perSecond
	level := 0.3 * math.Tanh(x/0.3)
	if w.opt.Days > 0 {
		level += 0.8 * math.Tanh(swing(mix(w.seed, label(string(a)), 2), at.UnixNano())*perSecond/0.8)
	}
	return n.usd * math.Exp(level)
}

// Fair is the price that a pair has in this world, before any venue's own basis:
// what a good consensus should find. For statistics, hence a float.
func (w *World) Fair(p market.Pair, at time.Time) float64 {
	return w.dollars(p.Base(), at) / w.dollars(p.Quote(), at)
}

// local is the fair price as one venue sees it: late by its lag, off by its basis.
func (w *World) local(v market.VenueID, p market.Pair, lag time.Duration, at time.Time) float64 {
	seed := mix(w.seed, label(string(v)), label(string(p)))
	fixed := 1.5e-4 * bell(seed, 77, 0)
	const slow = 20 * time.Second
	i := at.UnixNano() / int64(slow)
	f := float64(at.UnixNano()-i*int64(slow)) / float64(slow)
	a, b := bell(seed, 78, uint64(i)), bell(seed, 78, uint64(i)+1)
	drift := 4e-5 * (a + (b-a)*f)
	if w.nature(p.Base()).yearly < 0.01 && w.nature(p.Quote()).yearly < 0.01 {
		fixed, drift = fixed/4, drift/4
	}
	return w.Fair(p, at.Add(-lag)) * (1 + fixed + drift)
}
