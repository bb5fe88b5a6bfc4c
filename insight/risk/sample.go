package risk

import (
	"math"
	"slices"
)

// sample is what metrics are computed of: simple returns, the benchmark's at the same
// times, and what several metrics need, worked out once.
type sample struct {
	r, b []float64 // b is nil without a benchmark
	per  float64   // periods in a year
	rf   float64   // riskless return per period

	mean, sd float64 // of r; sd with n-1, NaN for one return
	bmean    float64
	bvar     float64 // with n-1
	cov      float64 // of r and b, with n-1
	m2       float64 // sums of powers of the distance from the mean
	m3, m4   float64

	sum, gains, losses float64 // of r; gains >= 0, losses is below zero or zero
	wins, falls, moves int     // r > 0, r < 0, r != 0
	below              float64 // sum of min(r-rf,0)^2
	wealth             float64 // what 1 became
	sorted             []float64
	dd                 []float64 // how far under the highest value so far, 0 to -1
	deepest            float64
	ddSquares          float64
}

// fill works everything out. The buffers of an older sample are used again.
func (s *sample) fill(r, b []float64) {
	s.r, s.b = r, b
	n := float64(len(r))
	s.sum, s.gains, s.losses, s.below, s.ddSquares = 0, 0, 0, 0, 0
	s.wins, s.falls = 0, 0
	s.dd = s.dd[:0]
	wealth, peak := 1.0, 1.0
	s.deepest = 0
	for _, x := range r {
		s.sum += x
		switch {
		case x > 0:
			s.wins++
			s.gains += x
		case x < 0:
			s.falls++
			s.losses += x
		}
		if e := x - s.rf; e < 0 {
			s.below += float64(e * e)
		}
		wealth *= 1 + x
		peak = max(peak, wealth)
		d := wealth/peak - 1
		s.dd = append(s.dd, d)
		s.deepest = min(s.deepest, d)
		s.ddSquares += float64(d * d)
	}
	s.moves = s.wins + s.falls
	s.wealth = wealth
	s.mean = s.sum / n
	s.m2, s.m3, s.m4 = 0, 0, 0
	for _, x := range r {
		d := x - s.mean
		q := float64(d * d)
		s.m2 += q
		s.m3 += float64(q * d)
		s.m4 += float64(q * q)
	}
	if flat(r) {
		s.m2, s.m3, s.m4 = 0, 0, 0 // rounding must not make risk of none
	}
	s.sd = math.Sqrt(s.m2 / (n - 1))
	s.sorted = append(s.sorted[:0], r...)
	slices.Sort(s.sorted)
	if b == nil {
		return
	}
	s.bmean = sum(b) / n
	s.bvar, s.cov = 0, 0
	for i, x := range b {
		d := x - s.bmean
		s.bvar += float64(d * d)
		s.cov += float64(d * (r[i] - s.mean))
	}
	if flat(b) {
		s.bvar, s.cov = 0, 0
	}
	s.bvar /= n - 1
	s.cov /= n - 1
}

func flat(v []float64) bool {
	for _, x := range v {
		if x != v[0] {
			return false
		}
	}
	return true
}

func sum(v []float64) (s float64) {
	for _, x := range v {
		s += x
	}
	return s
}

// quantile is of sorted values, linear between them (R's type 7, numpy's default).
func quantile(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return math.NaN()
	}
	h := q * float64(len(sorted)-1)
	i := int(h)
	if i+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	return sorted[i] + float64((h-float64(i))*(sorted[i+1]-sorted[i]))
}

// normalAt is the p-quantile of the standard normal distribution.
func normalAt(p float64) float64 { return math.Sqrt2 * math.Erfinv(2*p-1) }

// normalUpTo is the probability of a standard normal value up to x.
func normalUpTo(x float64) float64 { return 0.5 * math.Erfc(-x/math.Sqrt2) }

// over divides; by zero is not defined, whatever stands above.
func over(a, b float64) float64 {
	if b == 0 {
		return math.NaN()
	}
	return a / b
}

// runs is the longest run of values that fit.
func runs(v []float64, fits func(float64) bool) float64 {
	longest, now := 0, 0
	for _, x := range v {
		if fits(x) {
			now++
			longest = max(longest, now)
		} else {
			now = 0
		}
	}
	return float64(longest)
}

// meanBelow is the mean of the values below a bound, or the bound where there are none.
func meanBelow(v []float64, bound float64) float64 {
	s, n := 0.0, 0
	for _, x := range v {
		if x < bound {
			s += x
			n++
		}
	}
	if n == 0 {
		return bound
	}
	return s / float64(n)
}

// spread is the standard deviation with n-1.
func spread(v []float64) (mean, sd float64) {
	if len(v) == 0 {
		return math.NaN(), math.NaN()
	}
	mean = sum(v) / float64(len(v))
	s := 0.0
	for _, x := range v {
		s += float64((x - mean) * (x - mean))
	}
	return mean, math.Sqrt(s / float64(len(v)-1))
}
