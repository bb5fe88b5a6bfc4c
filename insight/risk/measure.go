package risk

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/assayhq/assay/fault"
)

// Options are how Measure measures. The zero value is: no riskless return, 400 resamples,
// blocks by length, seed 1.
type Options struct {
	RiskFree  float64 // a year, as a fraction: 0.04
	Resamples int     // of the block bootstrap; 0 is 400, below 0 none, at most 10,000
	Block     int     // periods; 0 is the cube root of n, rounded
	Seed      uint64  // 0 is 1
}

// Value is what a metric is for some returns.
type Value struct {
	Metric    *Metric
	Value     float64 // when Known
	Known     bool
	Why       string  // it is not known
	Low, High float64 // when Bounded: 95 % of resamples are between them
	Bounded   bool
	N         int // returns that it is of
}

// Report is a measured series.
type Report struct {
	From, To  time.Time
	N         int // returns
	PerYear   float64
	RiskFree  float64 // a year
	Resamples int
	Block     int
	Seed      uint64
	Values    []Value // in the order of the catalogue; those that need a benchmark only with one
}

// Value gives one by its metric's name.
func (r *Report) Value(name string) (Value, bool) {
	for _, v := range r.Values {
		if v.Metric.Name == name {
			return v, true
		}
	}
	return Value{}, false
}

// check fills in the defaults.
func (o Options) check(n int) (Options, error) {
	if !(o.RiskFree > -1 && o.RiskFree < 10) {
		return o, fault.At(fault.Invalid, "rf", "the riskless return of a year is a fraction such as 0.04, above -1 and below 10, not %v", o.RiskFree)
	}
	switch {
	case o.Resamples == 0:
		o.Resamples = 400
	case o.Resamples < 0:
		o.Resamples = 0
	case o.Resamples > 10_000:
		return o, fault.At(fault.Invalid, "resamples", "at most 10,000 resamples, not %d", o.Resamples)
	}
	if o.Block == 0 {
		o.Block = max(1, int(math.Round(math.Cbrt(float64(n)))))
	}
	if o.Block < 1 || o.Block > n {
		return o, fault.At(fault.Invalid, "block", "a block is 1 to %d periods, not %d", n, o.Block)
	}
	if o.Seed == 0 {
		o.Seed = 1
	}
	return o, nil
}

// period is the riskless return of a period.
func (o Options) period(perYear float64) float64 {
	if o.RiskFree == 0 {
		return 0
	}
	return math.Pow(1+o.RiskFree, 1/perYear) - 1
}

// Measure computes the metrics of a catalogue. bench may be nil; its times are those of r,
// which Align makes. The intervals are percentiles of a circular block bootstrap, in which
// r and the benchmark stay side by side.
func Measure(catalogue []Metric, r Returns, bench *Returns, o Options) (Report, error) {
	if r.Len() == 0 {
		return Report{}, fault.New(fault.Invalid, "there are no returns")
	}
	o, err := o.check(r.Len())
	if err != nil {
		return Report{}, err
	}
	var b []float64
	if bench != nil {
		if err := together(r, *bench); err != nil {
			return Report{}, err
		}
		b = bench.Simple().v
	}
	simple := r.Simple().v
	s := &sample{per: r.perYear, rf: o.period(r.perYear)}
	s.fill(simple, b)
	out := Report{From: r.from, To: r.To(), N: r.Len(), PerYear: r.perYear, RiskFree: o.RiskFree, Resamples: o.Resamples, Block: o.Block, Seed: o.Seed}
	for i := range catalogue {
		m := &catalogue[i]
		if m.Benchmark && b == nil {
			continue
		}
		out.Values = append(out.Values, m.of(s))
	}
	if r.Len() >= leastToResample {
		resample(&out, simple, b, s)
	}
	return out, nil
}

// leastToResample is the fewest returns of which an interval is told: with fewer the
// resamples are too alike to say anything.
const leastToResample = 20

// of computes the metric; what is not finite is not known.
func (m *Metric) of(s *sample) Value {
	v := Value{Metric: m, N: len(s.r)}
	if v.N < m.MinN {
		v.Why = "too few returns"
		return v
	}
	v.Value = m.compute(s)
	if v.Value-v.Value != 0 {
		v.Value, v.Why = 0, m.Undefined
		if v.Why == "" {
			v.Why = "it is too great for a number"
		}
		return v
	}
	v.Known = true
	return v
}

// resample sets the intervals.
func resample(out *Report, r, b []float64, like *sample) {
	draws := make([][]float64, len(out.Values))
	s := &sample{per: like.per, rf: like.rf}
	rng := rand.New(rand.NewPCG(out.Seed, 0x7269736b))
	rr := make([]float64, len(r))
	var bb []float64
	if b != nil {
		bb = make([]float64, len(b))
	}
	index := make([]int, len(r))
	for range out.Resamples {
		blocks(rng, index, len(r), out.Block)
		for i, j := range index {
			rr[i] = r[j]
			if b != nil {
				bb[i] = b[j]
			}
		}
		s.fill(rr, bb)
		for i := range out.Values {
			if v := &out.Values[i]; v.Known && v.Metric.Interval {
				if x := v.Metric.compute(s); x-x == 0 {
					draws[i] = append(draws[i], x)
				}
			}
		}
	}
	for i, d := range draws {
		// Where many resamples have no value, the others are a choice, not a sample.
		if len(d) < 50 || len(d)*10 < out.Resamples*9 {
			continue
		}
		slices.Sort(d)
		v := &out.Values[i]
		v.Low, v.High, v.Bounded = quantile(d, 0.025), quantile(d, 0.975), true
	}
}

// blocks draws indices of 0 to n-1 in runs of a length; after the last comes the first.
func blocks(rng *rand.Rand, index []int, n, length int) {
	for i := 0; i < len(index); {
		at := rng.IntN(n)
		for j := 0; j < length && i < len(index); j++ {
			index[i] = (at + j) % n
			i++
		}
	}
}

// Quantstats gives the numbers of quantstats 0.0.81 under its names, of the returns that it
// makes of prices: the first price gets a return of 0. bench may be nil; its returns are made
// of its whole history first and then taken at the times of the asset.
func Quantstats(p Prices, bench *Prices, perYear, rf float64) (map[string]float64, error) {
	at, r, err := filled(p)
	if err != nil {
		return nil, err
	}
	var b *Returns
	if bench != nil {
		bat, bv, err := filled(*bench)
		if err != nil {
			return nil, err
		}
		var both []time.Time
		var own, other []float64
		for i, j := 0, 0; i < len(at) && j < len(bat); {
			switch c := at[i].Compare(bat[j]); {
			case c < 0:
				i++
			case c > 0:
				j++
			default:
				both, own, other = append(both, at[i]), append(own, r[i]), append(other, bv[j])
				i, j = i+1, j+1
			}
		}
		x, err := NewReturns(time.Time{}, both, other, Simple, perYear)
		if err != nil {
			return nil, err
		}
		at, r, b = both, own, &x
	}
	own, err := NewReturns(time.Time{}, at, r, Simple, perYear)
	if err != nil {
		return nil, err
	}
	rep, err := Measure(Catalogue(), own, b, Options{RiskFree: rf, Resamples: -1})
	if err != nil {
		return nil, err
	}
	out := map[string]float64{}
	for _, v := range rep.Values {
		if v.Known && v.Metric.Quantstats != "" {
			out[v.Metric.Quantstats] = v.Value
		}
	}
	return out, nil
}

// filled are the changes of prices with a 0 for the first.
func filled(p Prices) ([]time.Time, []float64, error) {
	r, err := p.Returns(Simple, 1)
	if err != nil {
		return nil, nil, err
	}
	return p.at, append([]float64{0}, r.v...), nil
}

// DeflatedSharpe is the probability that the true Sharpe ratio is above what the best of
// some trials without any skill would have shown. trials is how many settings were tried
// before this one was chosen, spreadOf the standard deviation of their Sharpe ratios per
// period; 0 takes 1/sqrt(n-1), that of trials without skill. Source: Bailey and Lopez de
// Prado 2014. Unavailable: fewer than 4 returns, or none that moves.
func DeflatedSharpe(r Returns, trials int, spreadOf float64) (float64, error) {
	if trials < 1 || spreadOf < 0 || spreadOf-spreadOf != 0 {
		return 0, fault.At(fault.Invalid, "trials", "there was at least one trial, with a finite spread that is not below zero")
	}
	if r.Len() < 4 {
		return 0, fault.New(fault.Unavailable, "%d returns are too few; it takes 4", r.Len())
	}
	s := &sample{per: r.perYear}
	s.fill(r.Simple().v, nil)
	if spreadOf == 0 {
		spreadOf = 1 / math.Sqrt(float64(len(s.r)-1))
	}
	const euler = 0.57721566490153286
	best := 0.0
	if trials > 1 {
		n := float64(trials)
		best = spreadOf * ((1-euler)*normalAt(1-1/n) + euler*normalAt(1-1/(n*math.E)))
	}
	p := psr(s, kurtosis(s)+3, best)
	if math.IsNaN(p) {
		return 0, fault.New(fault.Unavailable, "the Sharpe ratio is not defined: all returns are equal, or their skewness is beyond the formula")
	}
	return p, nil
}
