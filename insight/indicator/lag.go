package indicator

import "math"

func hma() Function {
	return Function{
		Name: "HMA", Title: "Hull Moving Average", Group: Overlap, Inputs: []Input{Real}, Params: []Param{period(20, 2)}, Outputs: []Output{overPrice("outReal")},
		Doc:     "A weighted mean made of weighted means so that hardly any lag is left: smooth, quick, and it overshoots at turns.",
		Formula: "wma(2 wma(x, n/2) - wma(x, n), sqrt n), lengths cut to whole numbers",
		Source:  "Alan Hull, 2005.", Notes: "Some programs round the lengths instead of cutting them.",
		begin: func(p []float64) int { return int(p[0]) - 1 + int(math.Sqrt(p[0])) - 1 },
		open: func(p []float64) core {
			n := int(p[0])
			return &hull{newAverage(typeWMA, n/2), newStage(typeWMA, n), newAverage(typeWMA, int(math.Sqrt(p[0])))}
		},
	}
}

type hull struct {
	half average
	full stage
	last average
}

func (h *hull) step(in, out []float64) {
	half := h.half.next(in[0])
	if full, ok := h.full.next(in[0]); ok {
		out[0] = h.last.next(2*half - full)
	}
}

func (h *hull) take(from core) {
	f := from.(*hull)
	h.half.take(f.half)
	h.full.take(&f.full)
	h.last.take(f.last)
}

func zlema() Function {
	return Function{
		Name: "ZLEMA", Title: "Zero Lag Exponential Moving Average", Group: Overlap, Inputs: []Input{Real},
		Params:  []Param{period(20, 2), {Name: "optInLag", Doc: "Bars of lag to take out; a half is between two bars; -1 is (n-1)/2, cut", Default: -1, Min: -1, Max: 100000}},
		Outputs: []Output{overPrice("outReal")},
		Doc:     "An exponential mean of prices to which their recent change was added, so that the lag goes.",
		Formula: "z[t] = z[t-1] + 2/(n+1) (2 x[t] - x[t-lag] - z[t-1]), begun with the mean of the first n bars, or of lag bars when that is later",
		Source:  "John Ehlers and Ric Way, Technical Analysis of Stocks & Commodities, November 2010.",
		Notes:   "R's TTR takes (n+1)/2 as the lag: set it.",
		begin:   func(p []float64) int { return max(int(p[0]), int(math.Ceil(zeroLag(p)))) - 1 },
		settle:  func(p []float64) int { return fade(2 / (p[0] + 1)) },
		open: func(p []float64) core {
			lag := zeroLag(p)
			back := int(lag)
			first := max(int(p[0]), int(math.Ceil(lag)))
			return &lagless{e: newSmooth(first, 2/(p[0]+1)), w: newWindow(back + 2), back: back, part: lag - float64(back)}
		},
	}
}

func zeroLag(p []float64) float64 {
	if p[1] < 0 {
		return math.Floor((p[0] - 1) / 2)
	}
	return p[1]
}

type lagless struct {
	e    smooth
	w    window // the newest value and those it looks back on
	back int
	part float64 // of the way to the bar before that
}

func (l *lagless) step(in, out []float64) {
	x := in[0]
	l.w.push(x)
	if l.e.count >= l.e.n {
		a, b := l.w.ago(l.back), l.w.ago(l.back+1)
		x = 2*x - (float64(a*(1-l.part)) + float64(b*l.part))
	}
	out[0] = l.e.next(x)
}

func (l *lagless) take(from core) {
	f := from.(*lagless)
	l.e = f.e
	l.w.take(&f.w)
}

func alma() Function {
	return Function{
		Name: "ALMA", Title: "Arnaud Legoux Moving Average", Group: Overlap, Inputs: []Input{Real},
		Params: []Param{period(9, 2), {Name: "optInOffset", Doc: "Where in the window the weights are greatest: 0 at the oldest bar, 1 at the newest", Default: 0.85, Max: 1},
			{Name: "optInSigma", Doc: "How narrow the weights are", Default: 6, Min: 0.1, Max: 100}},
		Outputs: []Output{overPrice("outReal")},
		Doc:     "A mean with weights in the form of a bell that stands towards the new end of the window.",
		Formula: "sum w[i] x[t-n+1+i] / sum w, w[i] = exp(-(i - offset (n-1))^2 / (2 s^2)), s = n/sigma, i = 0 ... n-1",
		Source:  "Arnaud Legoux and Dimitrios Kouzis-Loukas, 2009.", Notes: "Some programs cut offset (n-1) to a whole number.",
		begin: last,
		open: func(p []float64) core {
			n := int(p[0])
			b := &bell{w: newWindow(n), weights: make([]float64, n)}
			m, s := float64(p[1]*(p[0]-1)), p[0]/p[2]
			var sum float64
			for i := range b.weights {
				d := (float64(i) - m) / s
				b.weights[i] = math.Exp(-float64(d*d) / 2)
				sum += b.weights[i]
			}
			if sum == 0 { // a bell so narrow that it misses every bar
				b.weights[int(math.Round(m))], sum = 1, 1
			}
			for i := range b.weights {
				b.weights[i] /= sum
			}
			return b
		},
	}
}

type bell struct {
	w       window
	weights []float64 // of the oldest value first; never changed
}

func (b *bell) step(in, out []float64) {
	b.w.push(in[0])
	var sum float64
	old := b.w.buf[b.w.at:]
	for i, x := range old {
		sum += float64(x * b.weights[i])
	}
	for i, x := range b.w.buf[:b.w.at] {
		sum += float64(x * b.weights[len(old)+i])
	}
	out[0] = sum
}

func (b *bell) take(from core) { b.w.take(&from.(*bell).w) }

func rma() Function {
	return Function{
		Name: "RMA", Title: "Wilder's Moving Average", Group: Overlap, Inputs: []Input{Real}, Params: []Param{period(14, 1)}, Outputs: []Output{overPrice("outReal")},
		Doc:     "The mean inside RSI, ATR and ADX: an exponential one that weighs the newest bar 1/n, so as slow as an EMA of 2n-1 bars.",
		Formula: "r[t] = r[t-1] + (x[t] - r[t-1])/n, begun with the mean of the first n bars",
		Source:  "J. Welles Wilder, New Concepts in Technical Trading Systems, 1978.",
		begin:   last, settle: func(p []float64) int { return fade(1 / p[0]) },
		open:  func(p []float64) core { e := newSmooth(int(p[0]), 1/p[0]); return &e },
		batch: func(p []float64, in, out [][]float64) { smooths(int(p[0]), 1/p[0], in[0], out[0]) },
	}
}

// wilderStage is Wilder's mean as a stage.
func wilderStage(n int) stage {
	e := newSmooth(n, 1/float64(n))
	return stage{&e, n - 1}
}

func gmma() Function {
	f := Function{
		Name: "GMMA", Title: "Guppy Multiple Moving Average", Group: Overlap, Inputs: []Input{Real},
		Doc:     "Six short exponential means for what traders do and six long ones for what investors do: trends are where the groups lie apart, turns where they cross.",
		Formula: "ema(x, n) of n = 3, 5, 8, 10, 12, 15 and 30, 35, 40, 45, 50, 60",
		Source:  "Daryl Guppy, Trend Trading, 2004.",
		begin:   func([]float64) int { return 59 },
		settle:  func([]float64) int { return fade(2.0 / 61) },
		open: func([]float64) core {
			g := &guppy{}
			for i, n := range guppyLengths {
				g[i] = newSmooth(n, 2/(float64(n)+1))
			}
			return g
		},
	}
	for _, name := range []string{"outEMA3", "outEMA5", "outEMA8", "outEMA10", "outEMA12", "outEMA15", "outEMA30", "outEMA35", "outEMA40", "outEMA45", "outEMA50", "outEMA60"} {
		f.Outputs = append(f.Outputs, overPrice(name))
	}
	return f
}

var guppyLengths = [12]int{3, 5, 8, 10, 12, 15, 30, 35, 40, 45, 50, 60}

type guppy [12]smooth

func (g *guppy) step(in, out []float64) {
	for i := range g {
		out[i] = g[i].next(in[0])
	}
}

func (g *guppy) take(from core) { *g = *from.(*guppy) }

func dpo() Function {
	return Function{
		Name: "DPO", Title: "Detrended Price Oscillator", Group: Momentum, Inputs: []Input{Real}, Params: []Param{period(20, 2)},
		Outputs: []Output{{Name: "outReal", Unit: Price, Form: Line, PriceDegree: 1}},
		Doc:     "The price of half a window ago beside the mean of the window about it: cycles without the trend. It tells of the past, n/2+1 bars late.",
		Formula: "x[t - n/2 - 1] - sma(x, n)[t]",
		Source:  "Common.",
		Notes:   "Charts draw the value n/2+1 bars further left, beside its price. There it was made of prices that came later: a test on such a series sees the future. Here it stands at the bar that made it known.",
		begin:   func(p []float64) int { return max(int(p[0])-1, int(p[0])/2+1) },
		open:    func(p []float64) core { return &detrended{newWindow(int(p[0])), newWindow(int(p[0])/2 + 2)} },
	}
}

type detrended struct{ w, past window }

func (d *detrended) step(in, out []float64) {
	d.w.push(in[0])
	d.past.push(in[0])
	out[0] = d.past.ago(len(d.past.buf)-1) - d.w.sum/float64(len(d.w.buf))
}

func (d *detrended) take(from core) {
	f := from.(*detrended)
	d.w.take(&f.w)
	d.past.take(&f.past)
}
