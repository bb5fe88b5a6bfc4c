package indicator

import "math"

func zscore() Function {
	f := bandPlace(Function{
		Name: "ZSCORE", Title: "Z-Score", Group: Statistic,
		Outputs: []Output{ratio("outReal")},
		Doc:     "How many standard deviations the value lies from the mean of the last bars.",
		Formula: "(x - mean)/sd over n bars; sd is STDDEV's", Source: "Common.",
		Notes: "The deviation is divided by n (population). 0 when nothing moves.",
	}, func(x, mean, sd float64) float64 {
		if sd == 0 {
			return 0
		}
		return (x - mean) / sd
	})
	f.Params = f.Params[:1]
	open := f.open
	f.open = func(p []float64) core { return open([]float64{p[0], 0.5}) }
	return f
}

func hurst() Function {
	return Function{
		Name: "HURST", Title: "Hurst Exponent", Group: Statistic, Inputs: []Input{Real},
		Params:  []Param{{Name: "optInTimePeriod", Doc: "Number of returns; sizes of parts are 8, 16, 32 ... up to it", Default: 128, Min: 16, Max: 4096, Integer: true}},
		Outputs: []Output{ratio("outReal")},
		Doc:     "Whether returns go on (above 0.5) or turn back (below), out of how their range grows with time. Of a hundred bars it is a rough guess: a random walk gives 0.5 to 0.65.",
		Formula: "slope of ln(R/S) over ln(m), m = 8, 16, 32 ... n: R/S is the mean over parts of m returns, newest first, of (max - min of the running sums of r - mean)/sd; r = ln(x[t]/x[t-1])",
		Source:  "H. E. Hurst, Transactions of the American Society of Civil Engineers 116, 1951; Benoit Mandelbrot and James Wallis, 1969.",
		Notes:   "Not corrected for short series, which puts it above 0.5 for a random walk. Parts in which nothing moves are left out; 0.5 when fewer than two sizes are left.",
		begin:   func(p []float64) int { return int(p[0]) },
		open:    func(p []float64) core { return &rescaled{w: newWindow(int(p[0]))} },
	}
}

type rescaled struct {
	w     window
	last  float64
	begun bool
}

func (h *rescaled) step(in, out []float64) {
	last, first := h.last, !h.begun
	h.last, h.begun = in[0], true
	if first {
		return
	}
	h.w.push(logOf(in[0], last))
	if h.w.full() {
		out[0] = h.slope()
	}
}

func (h *rescaled) slope() float64 {
	n := len(h.w.buf)
	var k, sx, sy, sxx, sxy float64
	for m := 8; m <= n; m *= 2 {
		var sum, parts float64
		for at := 0; at+m <= n; at += m {
			if r := h.part(at, m); r > 0 {
				sum += r
				parts++
			}
		}
		if parts > 0 {
			x, y := math.Log(float64(m)), math.Log(sum/parts)
			k, sx, sy, sxx, sxy = k+1, sx+x, sy+y, sxx+float64(x*x), sxy+float64(x*y)
		}
	}
	if k < 2 {
		return 0.5
	}
	return (float64(k*sxy) - float64(sx*sy)) / (float64(k*sxx) - float64(sx*sx))
}

// part is the rescaled range of m returns, the newest of them at steps back; 0 when
// they do not move.
func (h *rescaled) part(at, m int) float64 {
	var sum float64
	for i := at; i < at+m; i++ {
		sum += h.w.ago(i)
	}
	mean := sum / float64(m)
	var squares, run, high, low float64
	for i := at; i < at+m; i++ {
		d := h.w.ago(i) - mean
		squares += float64(d * d)
		run += d
		high, low = max(high, run), min(low, run)
	}
	variance := squares / float64(m)
	if variance <= 1e-24*mean*mean { // all the same, but for rounding
		return 0
	}
	return (high - low) / math.Sqrt(variance)
}

func (h *rescaled) take(from core) {
	f := from.(*rescaled)
	h.w.take(&f.w)
	h.last, h.begun = f.last, f.begun
}
