package risk

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/assayhq/assay/fault"
)

// ConeOptions are how a cone is drawn. The zero value is the default of each field.
type ConeOptions struct {
	Horizon int       // periods ahead; 30
	Shares  []float64 // parts of the paths that a band holds; 0.5, 0.8, 0.9
	Paths   int       // 2000
	Block   int       // periods that stay together; 5
	Memory  float64   // weight that the movement of a period keeps in the next, 0.94 as RiskMetrics 1996
	Seed    uint64    // 1
}

// Band is where a share of the paths is, a number of periods ahead, as multiples of the
// last price.
type Band struct {
	Ahead  int
	Share  float64
	Low    float64
	High   float64
	Median float64
}

// Cone is where the price may go if the future is drawn from the past: not a forecast of
// its direction, which is taken out.
type Cone struct {
	From  time.Time // of the last price
	N     int       // returns that it is drawn from
	Bands []Band    // by Ahead, then Share
}

func (o ConeOptions) check(n int) (ConeOptions, error) {
	if o.Horizon == 0 {
		o.Horizon = 30
	}
	if o.Shares == nil {
		o.Shares = []float64{0.5, 0.8, 0.9}
	}
	if o.Paths == 0 {
		o.Paths = 2000
	}
	if o.Block == 0 {
		o.Block = 5
	}
	if o.Memory == 0 {
		o.Memory = 0.94
	}
	if o.Seed == 0 {
		o.Seed = 1
	}
	if o.Horizon < 1 || o.Horizon > 365 || o.Paths < 100 || o.Paths > 20_000 || o.Block < 1 || o.Block > 60 || !(o.Memory > 0 && o.Memory < 1) || len(o.Shares) > 10 {
		return o, fault.At(fault.Invalid, "cone", "a cone has 1 to 365 periods, 100 to 20,000 paths, blocks of 1 to 60 periods, a memory between 0 and 1, and at most 10 shares")
	}
	for _, s := range o.Shares {
		if !(s > 0 && s < 1) {
			return o, fault.At(fault.Invalid, "shares", "a share is between 0 and 1, not %v", s)
		}
	}
	if n < leastForCone {
		return o, fault.New(fault.Unavailable, "%d returns are too few to draw a cone from; it takes %d", n, leastForCone)
	}
	return o, nil
}

const leastForCone = 60

// NewCone draws paths by filtered historical simulation (Barone-Adesi, Giannopoulos and
// Vosper 1999): each past log return is divided by the movement expected then (exponentially
// weighted), blocks of the quotients are drawn, and multiplied by the movement expected
// from now on. So a calm time gives a narrow cone, and falls stay as fat as they were.
func NewCone(r Returns, o ConeOptions) (Cone, error) {
	o, err := o.check(r.Len())
	if err != nil {
		return Cone{}, err
	}
	v, err := logs(r)
	if err != nil {
		return Cone{}, err
	}
	ends := paths(v, o, nil)
	c := Cone{From: r.To(), N: len(v)}
	for h := range o.Horizon {
		col := ends[h]
		slices.Sort(col)
		for _, s := range o.Shares {
			c.Bands = append(c.Bands, Band{h + 1, s, math.Exp(quantile(col, (1-s)/2)), math.Exp(quantile(col, (1+s)/2)), math.Exp(quantile(col, 0.5))})
		}
	}
	return c, nil
}

func logs(r Returns) ([]float64, error) {
	if r.kind == Log {
		return r.v, nil
	}
	out := make([]float64, len(r.v))
	for i, x := range r.v {
		if x == -1 {
			return nil, fault.New(fault.Unavailable, "the price went to zero: there is no cone from there")
		}
		out[i] = math.Log1p(x)
	}
	return out, nil
}

// paths gives the log changes of all paths by period ahead. only, where given, names the
// periods that are kept.
func paths(v []float64, o ConeOptions, only []int) [][]float64 {
	// The expected movement before each return; the first is that of the first month.
	start := min(len(v), 30)
	variance := 0.0
	for _, x := range v[:start] {
		variance += float64(x * x)
	}
	variance /= float64(start)
	floor := 0.0 // a time without movement must not make quotients without bound
	for _, x := range v {
		floor += float64(x * x)
	}
	floor = floor / float64(len(v)) / 100
	q := make([]float64, len(v))
	mean := 0.0
	for i, x := range v {
		if floor > 0 {
			q[i] = x / math.Sqrt(max(variance, floor))
		}
		mean += q[i]
		variance = float64(o.Memory*variance) + float64((1-o.Memory)*x*x)
	}
	mean /= float64(len(v))
	scale := 0.0
	for i := range q {
		q[i] -= mean // the past direction is not known to go on
		scale += float64(q[i] * q[i])
	}
	// Along a path the expected movement is fed with quotients of size one, so that it neither
	// grows nor dies; the changes themselves keep their size, which is above one because the
	// expectation lags behind.
	if scale = math.Sqrt(scale / float64(len(q))); scale > 0 {
		for i := range q {
			q[i] /= scale
		}
	}
	now := max(variance, floor)
	long := 100 * floor // the movement of the whole history
	rng := rand.New(rand.NewPCG(o.Seed, 0x636f6e65))
	out := make([][]float64, o.Horizon)
	for h := range out {
		if only == nil || slices.Contains(only, h) {
			out[h] = make([]float64, o.Paths)
		}
	}
	for p := range o.Paths {
		s, at, left, total := now, 0, 0, 0.0
		for h := range o.Horizon {
			if left == 0 {
				at, left = rng.IntN(len(q)), o.Block
			}
			e := math.Sqrt(s) * q[at%len(q)]
			x := e * scale
			at++
			left--
			total += x
			s = float64(o.Memory*s) + float64((1-o.Memory)*e*e)
			s = float64(0.98*s) + float64(0.02*long) // in the long run it is as it was
			if out[h] != nil {
				out[h][p] = total
			}
		}
	}
	return out
}

// Coverage is how often the truth was in bands that were drawn before it.
type Coverage struct {
	Share  float64
	Ahead  int
	N      int     // cones
	Inside float64 // part of them that held the truth: Share, if the cones are right
}

// Cover draws cones of the last train returns at every step-th time and looks where the
// price was at the horizon. Later returns are never used for a cone.
func Cover(r Returns, train, step int, o ConeOptions) ([]Coverage, error) {
	o, err := o.check(train)
	if err != nil {
		return nil, err
	}
	if step < 1 || r.Len() < train+o.Horizon {
		return nil, fault.New(fault.Unavailable, "%d returns are too few to try cones of %d periods on %d", r.Len(), o.Horizon, train)
	}
	v, err := logs(r)
	if err != nil {
		return nil, err
	}
	if n := (len(v)-train-o.Horizon)/step + 1; n*o.Paths*o.Horizon > 200_000_000 {
		return nil, fault.New(fault.TooLarge, "%d cones of %d paths and %d periods are too much at once; take a longer step", n, o.Paths, o.Horizon)
	}
	out := make([]Coverage, len(o.Shares))
	for i, s := range o.Shares {
		out[i] = Coverage{Share: s, Ahead: o.Horizon}
	}
	for t := train; t+o.Horizon <= len(v); t += step {
		o := o
		o.Seed += uint64(t)
		ends := paths(v[t-train:t], o, []int{o.Horizon - 1})[o.Horizon-1]
		slices.Sort(ends)
		truth := sum(v[t : t+o.Horizon])
		for i, s := range o.Shares {
			out[i].N++
			if truth >= quantile(ends, (1-s)/2) && truth <= quantile(ends, (1+s)/2) {
				out[i].Inside++
			}
		}
	}
	for i := range out {
		out[i].Inside /= float64(out[i].N)
	}
	return out, nil
}
