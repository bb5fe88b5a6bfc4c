package risk

import (
	"math"

	"github.com/assayhq/assay/fault"
)

// Method is how a value at risk is computed.
type Method string

// The methods.
const (
	Historical    Method = "historical"
	Normal        Method = "normal"
	CornishFisher Method = "cornish_fisher"
)

// Title is the method's name for people.
func (m Method) Title() string {
	if m == CornishFisher {
		return "Cornish-Fisher"
	}
	return string(m)
}

// ValueAtRisk is the return of a period that a share tail of periods is below, such as 0.05.
// Shortfall is the mean of those. Invalid: a method or a share that is none. Unavailable:
// too few returns, or moments beyond what Cornish and Fisher's expansion is good for.
func ValueAtRisk(r Returns, m Method, tail float64) (value, shortfall_ float64, err error) {
	if m != Historical && m != Normal && m != CornishFisher {
		return 0, 0, fault.At(fault.Invalid, "method", "there is no method %q; there are historical, normal, cornish_fisher", string(m))
	}
	if !(tail > 0 && tail < 0.5) {
		return 0, 0, fault.At(fault.Invalid, "tail", "the share is above 0 and below 0.5, not %v", tail)
	}
	if least := map[Method]int{Historical: 1, Normal: 2, CornishFisher: 4}[m]; r.Len() < least {
		return 0, 0, fault.New(fault.Unavailable, "%d returns are too few; it takes %d", r.Len(), least)
	}
	s := &sample{per: r.perYear}
	s.fill(r.Simple().v, nil)
	value, shortfall_ = valueAtRisk(s, m, tail), shortfall(s, m, tail)
	if math.IsNaN(value) || math.IsNaN(shortfall_) {
		return 0, 0, fault.New(fault.Unavailable, "skewness and kurtosis are beyond what the expansion is good for; take historical")
	}
	return value, shortfall_, nil
}

func valueAtRisk(s *sample, m Method, tail float64) float64 {
	switch m {
	case Historical:
		return quantile(s.sorted, tail)
	case Normal:
		return s.mean + float64(normalAt(tail)*s.sd)
	}
	if s.m2 == 0 {
		return s.mean
	}
	sk, k := skew(s), kurtosis(s)
	if !monotone(sk, k, tail) {
		return math.NaN()
	}
	return s.mean + float64(s.sd*stretched(normalAt(tail), sk, k))
}

// stretched is Cornish and Fisher's quantile for the normal one.
func stretched(z, s, k float64) float64 {
	return z + float64((z*z-1)*s/6) + float64((z*z*z-3*z)*k/24) - float64((2*z*z*z-5*z)*s*s/36)
}

// monotone tells whether a worse probability has a worse quantile from the tail on: the
// derivative by z is not below zero down to z = -4.
func monotone(s, k, tail float64) bool {
	for z := normalAt(tail); z >= -4; z -= 0.05 {
		if 1+float64(z*s/3)+float64((z*z-1)*k/8)-float64((6*z*z-5)*s*s/36) < 0 {
			return false
		}
	}
	return true
}

func shortfall(s *sample, m Method, tail float64) float64 {
	switch m {
	case Historical:
		bound, total, n := quantile(s.sorted, tail), 0.0, 0
		for _, x := range s.sorted {
			if x > bound {
				break
			}
			total += x
			n++
		}
		return over(total, float64(n))
	case Normal:
		z := normalAt(tail)
		return s.mean - float64(s.sd*math.Exp(-z*z/2)/math.Sqrt(2*math.Pi)/tail)
	}
	if s.m2 == 0 {
		return s.mean
	}
	sk, k := skew(s), kurtosis(s)
	if !monotone(sk, k, tail) {
		return math.NaN()
	}
	// The mean over the tail of a polynomial in z: the moments of z below z0 are known.
	z := normalAt(tail)
	d := math.Exp(-z*z/2) / math.Sqrt(2*math.Pi) / tail
	z1, z2, z3 := -d, 1-z*d, -(z*z+2)*d // means of z, z^2, z^3 below z0
	return s.mean + float64(s.sd*(z1+(z2-1)*sk/6+(z3-3*z1)*k/24-(2*z3-5*z1)*sk*sk/36))
}
