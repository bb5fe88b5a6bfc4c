package grade

import "math"

// quant fills the six measures over one year and over three from simple daily returns.
// work is scratch.
func quant(x *Member, s *Scores, work *[2][longDays]float64) {
	end := x.Last + 1
	start := max(0, end-longDays-1)
	c := x.Bars.Close[start:end]
	if len(c)-1 < quantLeast {
		return
	}
	r := work[0][:len(c)-1]
	for i := range r {
		r[i] = c[i+1]/c[i] - 1
	}
	six(r[max(0, len(r)-quantDays):], work[1][:], pSharpe, s)
	six(r, work[1][:], pSharpeLong, s)
}

// six sets the measures from first on. work is scratch of r's length at least.
func six(r, work []float64, first part, s *Scores) {
	mean, sd := meanSD(r)
	n := float64(len(r))
	var down, gains, losses float64
	curve, top, deepest := 1.0, 1.0, 0.0
	for _, v := range r {
		if v < 0 {
			down += float64(v * v)
			losses -= v
		} else {
			gains += v
		}
		curve *= 1 + v
		switch {
		case curve > top:
			top = curve
		case curve < top*(1-deepest):
			deepest = 1 - curve/top
		}
	}
	root := math.Sqrt(year)
	w := work[:len(r)]
	copy(w, r)
	low := math.Abs(quantile(w, 0.05, 0))
	high := math.Abs(quantile(w, 0.95, int(0.05*(n-1))))
	for i, v := range [6]float64{mean / sd * root, mean / math.Sqrt(down/n) * root, deepest, sd * root, high / low, gains / losses} {
		s.set(first+part(i), v)
		s.count[first+part(i)] = n
	}
}
