package risk

import (
	"math"
	"math/rand/v2"
	"slices"

	"github.com/assayhq/assay/fault"
)

// Correlation is how two assets move together, of the log returns between times that both
// have.
type Correlation struct {
	N         int     // returns
	Left      int     // prices of either that had no partner at the same time
	Pearson   float64 // of log returns
	Low, High float64 // 95 % of it, by circular block bootstrap; both 0 without Bounded
	Bounded   bool
	Spearman  float64 // of their ranks; equal returns share the mean rank
	// Tail is the share at each end that TailDown and TailUp look at.
	Tail float64
	// TailDown is of the periods in which the first was in its worst Tail, the part in which
	// the other was in its own worst Tail. Independent assets have Tail.
	TailDown float64
	TailUp   float64 // the same at the best end
	TailN    int     // how many periods a tail has
}

// Correlate compares two assets by time. least is the fewest common returns (0 is 20), tail
// the share for the dependence of extremes (0 is 0.05). Unavailable: fewer in common, or one
// of them never moved. Invalid: shares that are none.
func Correlate(a, b Prices, least int, tail float64, o Options) (Correlation, error) {
	if tail == 0 {
		tail = 0.05
	}
	if least == 0 {
		least = 20
	}
	if !(tail > 0 && tail < 0.5) || least < 3 {
		return Correlation{}, fault.At(fault.Invalid, "tail", "a tail is above 0 and below 0.5, and the least overlap 3 returns or more")
	}
	x, y := Align(a, b)
	c := Correlation{Left: a.Len() + b.Len() - 2*x.Len(), Tail: tail}
	if x.Len()-1 < least {
		return c, fault.New(fault.Unavailable, "they have %d returns in common; it takes %d", max(0, x.Len()-1), least)
	}
	rx, err := x.Returns(Log, 365)
	if err != nil {
		return c, err
	}
	ry, err := y.Returns(Log, 365)
	if err != nil {
		return c, err
	}
	if o, err = o.check(rx.Len()); err != nil {
		return c, err
	}
	c.N = rx.Len()
	c.Pearson = pearson(rx.v, ry.v)
	if math.IsNaN(c.Pearson) {
		return c, fault.New(fault.Unavailable, "one of them never moved: no correlation is defined")
	}
	c.Spearman = pearson(ranks(rx.v), ranks(ry.v))
	c.TailDown, c.TailUp, c.TailN = tails(rx.v, ry.v, tail)
	rng := rand.New(rand.NewPCG(o.Seed, 0x636f7272))
	var draws []float64
	u, v, index := make([]float64, c.N), make([]float64, c.N), make([]int, c.N)
	for range o.Resamples {
		blocks(rng, index, c.N, o.Block)
		for i, j := range index {
			u[i], v[i] = rx.v[j], ry.v[j]
		}
		if p := pearson(u, v); !math.IsNaN(p) {
			draws = append(draws, p)
		}
	}
	if len(draws) >= 50 && len(draws)*10 >= o.Resamples*9 {
		slices.Sort(draws)
		c.Low, c.High, c.Bounded = quantile(draws, 0.025), quantile(draws, 0.975), true
	}
	return c, nil
}

// pearson is NaN where one never moves.
func pearson(a, b []float64) float64 {
	if len(a) < 2 || flat(a) || flat(b) {
		return math.NaN()
	}
	n := float64(len(a))
	ma, mb := sum(a)/n, sum(b)/n
	var aa, bb, ab float64
	for i := range a {
		x, y := a[i]-ma, b[i]-mb
		aa += float64(x * x)
		bb += float64(y * y)
		ab += float64(x * y)
	}
	return min(1, max(-1, over(ab, math.Sqrt(aa)*math.Sqrt(bb))))
}

// ranks are 1 for the least; equal values share the mean of their ranks.
func ranks(v []float64) []float64 {
	order := make([]int, len(v))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int {
		switch {
		case v[i] < v[j]:
			return -1
		case v[i] > v[j]:
			return 1
		}
		return i - j
	})
	out := make([]float64, len(v))
	for i := 0; i < len(order); {
		j := i
		for j < len(order) && v[order[j]] == v[order[i]] {
			j++
		}
		for _, k := range order[i:j] {
			out[k] = float64(i+j+1) / 2
		}
		i = j
	}
	return out
}

// tails is the dependence of extremes at both ends, and how many periods an end has.
func tails(a, b []float64, tail float64) (down, up float64, n int) {
	k := max(1, int(math.Round(tail*float64(len(a)))))
	ra, rb := ranks(a), ranks(b)
	for i := range ra {
		// Shared ranks at the edge count as outside, for both in the same way.
		if ra[i] <= float64(k) && rb[i] <= float64(k) {
			down++
		}
		if top := float64(len(a) - k); ra[i] > top && rb[i] > top {
			up++
		}
	}
	return down / float64(k), up / float64(k), k
}
