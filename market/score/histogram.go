package score

import (
	"math"

	"github.com/assayhq/assay/market"
)

// histogram counts positive values in steps of half an octave, from 1/256 to 2^20.
// Values outside fall into the first and last step.
type histogram [56]uint32

const lowest = 1.0 / 256

func (h *histogram) add(v float64) {
	i := 0
	if v > lowest {
		i = min(int(math.Log2(v/lowest)*2), len(h)-1)
	}
	h[i]++
}

func (h *histogram) plus(o *histogram) {
	for i, n := range o {
		h[i] += n
	}
}

// spread gives the percentiles, each the middle of its step.
func (h *histogram) spread() market.Spread {
	var s market.Spread
	for _, n := range h {
		s.N += int64(n)
	}
	if s.N == 0 {
		return s
	}
	for _, q := range []struct {
		at  float64
		out *float64
	}{{0.50, &s.P50}, {0.90, &s.P90}, {0.99, &s.P99}} {
		var sum int64
		for i, n := range h {
			if sum += int64(n); float64(sum) >= q.at*float64(s.N) {
				*q.out = lowest * math.Exp2((float64(i)+0.5)/2)
				break
			}
		}
	}
	return s
}
