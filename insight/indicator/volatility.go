package indicator

import "math"

// realizedOf is a volatility from the bars of a window: of gives what a bar adds to the
// variance, and share what the sum over n bars is multiplied by for the variance of one.
func realizedOf(f Function, inputs []Input, first int, share func(n float64) float64, of func(in []float64, before float64) float64) Function {
	f.Group, f.Inputs = Volatility, inputs
	f.Params = []Param{period(20, 1), perYear()}
	f.Outputs = []Output{annual()}
	f.begin = func(p []float64) int { return int(p[0]) - 1 + first }
	f.open = func(p []float64) core {
		return &realized{sum: newTotal(int(p[0])), of: of, times: float64(share(p[0]) * p[1]), wait: first}
	}
	return f
}

func perYear() Param {
	return Param{Name: "optInPeriodsPerYear", Doc: "Bars in a year: 365 for days, 8760 for hours; 1 leaves it per bar", Default: 365, Min: 1, Max: 1e9}
}

func annual() Output {
	return Output{Name: "outReal", Unit: Ratio, Form: Line, Doc: "A fraction for a year: 0.6 is 60 %"}
}

type realized struct {
	sum   total
	of    func(in []float64, before float64) float64
	times float64
	wait  int // bars that only give a close
	close float64
}

func (r *realized) step(in, out []float64) {
	before := r.close
	r.close = in[len(in)-1]
	if r.wait > 0 {
		r.wait--
		return
	}
	r.sum.push(r.of(in, before))
	out[0] = math.Sqrt(float64(r.times * max(0, r.sum.sum)))
}

func (r *realized) take(from core) {
	f := from.(*realized)
	r.sum.take(&f.sum)
	r.wait, r.close = f.wait, f.close
}

// logOf is ln(a/b), and 0 where prices have no logarithm.
func logOf(a, b float64) float64 {
	if a <= 0 || b <= 0 {
		return 0
	}
	return math.Log(a / b)
}

// twoLn2 is 2 ln 2 - 1, the weight of the body in Garman's and Klass's estimate.
const twoLn2 = 2*math.Ln2 - 1

func garmanKlassOf(in []float64) float64 {
	r, b := logOf(in[1], in[2]), logOf(in[3], in[0])
	return float64(r*r)/2 - float64(twoLn2*float64(b*b))
}

func rogersSatchellOf(in []float64) float64 {
	return float64(logOf(in[1], in[3])*logOf(in[1], in[0])) + float64(logOf(in[2], in[3])*logOf(in[2], in[0]))
}

var ohlc = []Input{OpenPrice, High, Low, Close}

func perBar(n float64) float64 { return 1 / n }

func parkinson() Function {
	return realizedOf(Function{
		Name: "PARKINSON", Title: "Parkinson Volatility",
		Doc:     "Volatility from the ranges of bars: five times less noisy than from closes, blind to gaps and to drift.",
		Formula: "sqrt(N/(4 n ln 2) sum ln(high/low)^2)",
		Source:  "Michael Parkinson, Journal of Business 53, 1980.",
	}, []Input{High, Low}, 0, func(n float64) float64 { return 1 / (4 * n * math.Ln2) }, func(in []float64, _ float64) float64 {
		r := logOf(in[0], in[1])
		return float64(r * r)
	})
}

func garmanKlass() Function {
	return realizedOf(Function{
		Name: "GARMANKLASS", Title: "Garman-Klass Volatility",
		Doc:     "Volatility from ranges and bodies of bars: seven times less noisy than from closes, blind to gaps.",
		Formula: "sqrt(N/n sum(ln(high/low)^2/2 - (2 ln 2 - 1) ln(close/open)^2))",
		Source:  "Mark Garman and Michael Klass, Journal of Business 53, 1980.",
	}, ohlc, 0, perBar, func(in []float64, _ float64) float64 { return garmanKlassOf(in) })
}

func rogersSatchell() Function {
	return realizedOf(Function{
		Name: "ROGERSSATCHELL", Title: "Rogers-Satchell Volatility",
		Doc:     "Volatility from whole bars that a drift does not disturb; blind to gaps.",
		Formula: "sqrt(N/n sum(ln(high/close) ln(high/open) + ln(low/close) ln(low/open)))",
		Source:  "L. C. G. Rogers and S. E. Satchell, Annals of Applied Probability 1, 1991.",
	}, ohlc, 0, perBar, func(in []float64, _ float64) float64 { return rogersSatchellOf(in) })
}

func gkyz() Function {
	return realizedOf(Function{
		Name: "GKYZ", Title: "Garman-Klass Volatility with gaps",
		Doc:     "Garman's and Klass's volatility with the gap from the close before the bar.",
		Formula: "sqrt(N/n sum(ln(open/close[t-1])^2 + ln(high/low)^2/2 - (2 ln 2 - 1) ln(close/open)^2))",
		Source:  "Dennis Yang and Qiang Zhang's extension, Journal of Business 73, 2000.",
	}, ohlc, 1, perBar, func(in []float64, before float64) float64 {
		g := logOf(in[0], before)
		return float64(g*g) + garmanKlassOf(in)
	})
}

func closeVolatility() Function {
	return Function{
		Name: "VOLATILITY", Title: "Close-to-Close Volatility", Group: Volatility, Inputs: []Input{Real},
		Params:  []Param{period(20, 2), perYear()},
		Outputs: []Output{annual()},
		Doc:     "The standard deviation of logarithmic returns, made annual: the volatility that is meant when nothing else is said.",
		Formula: "sqrt(N sum (r[i] - mean)^2/(n-1)) of n returns r[t] = ln(x[t]/x[t-1])",
		Source:  "Common.", Notes: "R's TTR counts prices: its n is one more.",
		begin: func(p []float64) int { return int(p[0]) },
		open:  func(p []float64) core { return &returns{s: newSpread(int(p[0])), times: p[1] * p[0] / (p[0] - 1)} },
	}
}

type returns struct {
	s     spread
	times float64
	last  float64
	begun bool
}

func (r *returns) step(in, out []float64) {
	last, first := r.last, !r.begun
	r.last, r.begun = in[0], true
	if first {
		return
	}
	r.s.push(logOf(in[0], last))
	out[0] = math.Sqrt(float64(r.times * r.s.variance))
}

func (r *returns) take(from core) {
	f := from.(*returns)
	r.s.take(&f.s)
	r.last, r.begun = f.last, f.begun
}

func yangZhang() Function {
	return Function{
		Name: "YANGZHANG", Title: "Yang-Zhang Volatility", Group: Volatility, Inputs: ohlc,
		Params:  []Param{period(20, 2), perYear(), {Name: "optInAlpha", Doc: "Sets the weight of the bodies", Default: 1.34, Min: 1.01, Max: 10}},
		Outputs: []Output{annual()},
		Doc:     "Volatility from whole bars and the gaps between them, that neither drift nor gaps disturb.",
		Formula: "sqrt(N (var(ln(open/close[t-1])) + k var(ln(close/open)) + (1-k) RS)), variances divided by n-1, RS as ROGERSSATCHELL per bar, k = (a-1)/(a + (n+1)/(n-1))",
		Source:  "Dennis Yang and Qiang Zhang, Journal of Business 73, 2000.",
		begin:   func(p []float64) int { return int(p[0]) },
		open: func(p []float64) core {
			n, a := p[0], p[2]
			return &independent{gap: newSpread(int(n)), body: newSpread(int(n)), rs: newTotal(int(n)), n: n, year: p[1], k: (a - 1) / (a + (n+1)/(n-1))}
		},
	}
}

type independent struct {
	gap, body  spread
	rs         total
	n, year, k float64
	close      float64
	begun      bool
}

func (y *independent) step(in, out []float64) {
	before, first := y.close, !y.begun
	y.close, y.begun = in[3], true
	if first {
		return
	}
	y.gap.push(logOf(in[0], before))
	y.body.push(logOf(in[3], in[0]))
	y.rs.push(rogersSatchellOf(in))
	sample := y.n / (y.n - 1)
	v := float64(sample*y.gap.variance) + float64(y.k*float64(sample*y.body.variance)) + float64((1-y.k)*(max(0, y.rs.sum)/y.n))
	out[0] = math.Sqrt(float64(y.year * v))
}

func (y *independent) take(from core) {
	f := from.(*independent)
	y.gap.take(&f.gap)
	y.body.take(&f.body)
	y.rs.take(&f.rs)
	y.close, y.begun = f.close, f.begun
}
