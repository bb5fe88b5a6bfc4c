package anomaly

import (
	"math"
	"slices"
)

// season expects a value by the hour of the week: the median of up to four weeks, and
// the median absolute deviation around it. An hour without history falls back on
// averages of about an hour and a day. The scale is never below the key's own usual
// residual nor below a floor, so that four equal weeks do not make the fifth a sin.
// Values are logarithms, kept in 16 bits: 1/2048, up to 32.
type season struct {
	weeks    [168][4]uint16 // newest first; 0 is none
	hour     float32        // average, memory of an hour of samples
	day      float32        // average, memory of a day of samples
	residual float32        // average distance of values from what was expected
	n        uint32
}

const fixed = 2048

// expect gives what is usual in an hour of the week, and the scale of what differs.
func (s *season) expect(how int, floor float64) (median, scale float64, young bool) {
	var v [4]uint16
	n := 0
	for _, x := range s.weeks[how] {
		if x > 0 {
			v[n] = x
			n++
		}
	}
	mad := 0.0
	if n == 0 {
		young = true
		median = float64(max(s.hour, s.day))
	} else {
		slices.Sort(v[:n])
		med := func() float64 { return (float64(v[(n-1)/2]) + float64(v[n/2])) / 2 / fixed }
		median = med()
		for i := range n {
			v[i] = uint16(math.Abs(float64(v[i]) - median*fixed))
		}
		slices.Sort(v[:n])
		mad = med()
	}
	return median, max(1.4826*mad, 1.2533*float64(s.residual), floor), young
}

// z is how far a value is from the usual in units of the scale. The hours beside
// count too: what usually happens at nine may happen at five to nine.
func (s *season) z(how int, x, floor float64) (z, median float64) {
	z = math.Inf(1)
	for _, d := range [...]int{0, 167, 1} {
		m, sc, young := s.expect((how+d)%168, floor)
		if young && d != 0 {
			continue
		}
		if q := (x - m) / sc; math.Abs(q) < math.Abs(z) {
			z, median = q, m
		}
	}
	return z, median
}

// learn takes the value of a sample into the averages, clipped to three scales.
func (s *season) learn(how int, x, floor float64, perHour float64) {
	m, sc, _ := s.expect(how, floor)
	if s.n == 0 {
		s.hour, s.day = float32(x), float32(x)
	}
	s.n++
	c := x
	if s.n > 60 {
		c = min(max(x, m-3*sc), m+3*sc)
	}
	s.hour += (float32(c) - s.hour) / float32(perHour)
	s.day += (float32(c) - s.day) / float32(24*perHour)
	s.residual += (float32(math.Abs(c-m)) - s.residual) / float32(min(float64(s.n), 24*7*perHour))
}

// week stores the value of an hour that is over.
func (s *season) week(how int, x float64) {
	w := &s.weeks[how]
	copy(w[1:], w[:3])
	w[0] = uint16(min(max(x*fixed, 1), math.MaxUint16))
}

// cusum adds up how far values lie above what is usual, less an allowance, and so
// finds what is small but lasts. Source: E. S. Page, Continuous inspection schemes,
// Biometrika 41 (1954).
type cusum float64

func (c *cusum) add(x, allowance float64) float64 {
	*c = cusum(max(0, float64(*c)+x-allowance))
	return float64(*c)
}
