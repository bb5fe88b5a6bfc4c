package indicator

func span(name, doc string, def, least float64) Param {
	return Param{Name: name, Doc: doc, Default: def, Min: least, Max: 100000, Integer: true}
}

// delayed is an average that begins some bars late.
type delayed struct {
	a    average
	wait int // bars that are left before it begins
}

// newDelayed makes an average that has its first value after first bars.
func newDelayed(kind, n, first int) delayed {
	return delayed{newAverage(kind, n), first - before(kind, n)}
}

func (d *delayed) next(x float64) float64 {
	if d.wait > 0 {
		d.wait--
		return 0
	}
	return d.a.next(x)
}

func (d *delayed) take(from *delayed) {
	d.a.take(from.a)
	d.wait = from.wait
}

// gap is the distance between a fast average and a slow one. The fast one begins so late
// that both have their first value at the same bar, as TA-Lib has it.
type gap struct {
	fast delayed
	slow average
	more int // bars that are left before both have values
}

func newGap(fastKind, fast, slowKind, slow int) gap {
	// A longer one that is ready sooner (another kind) waits as well.
	first := max(before(fastKind, fast), before(slowKind, slow))
	return gap{newDelayed(fastKind, fast, first), newAverage(slowKind, slow), first}
}

// next gives both averages; ok once they have values.
func (g *gap) next(x float64) (fast, slow float64, ok bool) {
	fast, slow = g.fast.next(x), g.slow.next(x)
	if g.more > 0 {
		g.more--
		return 0, 0, false
	}
	return fast, slow, true
}

func (g *gap) take(from *gap) {
	g.fast.take(&from.fast)
	g.slow.take(from.slow)
	g.more = from.more
}

func macdOutputs() []Output {
	return []Output{
		{Name: "outMACD", Unit: Price, Form: Line, PriceDegree: 1, Doc: "The fast average less the slow one"},
		{Name: "outMACDSignal", Unit: Price, Form: Line, PriceDegree: 1, Doc: "The average of that"},
		{Name: "outMACDHist", Unit: Price, Form: Histogram, PriceDegree: 1, Doc: "The first less the second"},
	}
}

const (
	macdDoc    = "Whether the recent mean is above or below the longer one, and whether the distance grows. The histogram crosses zero when the momentum turns."
	macdSource = "Gerald Appel, late 1970s; TA-Lib "
	macdSeed   = "The fast average begins so late that both have their first value at the same bar, as in TA-Lib; programs that begin it at the first bar differ until the start has faded."
)

func macd() Function {
	return Function{
		Name: "MACD", Title: "Moving Average Convergence/Divergence", Group: Momentum,
		Inputs:  []Input{Real},
		Params:  []Param{span("optInFastPeriod", "Bars of the fast average", 12, 2), span("optInSlowPeriod", "Bars of the slow average", 26, 2), span("optInSignalPeriod", "Bars of the signal", 9, 1)},
		Outputs: macdOutputs(), Doc: macdDoc,
		Formula: "macd = ema(x, fast) - ema(x, slow); signal = ema(macd, n); histogram = macd - signal",
		Source:  macdSource + "MACD.", Notes: macdSeed + " Fast and slow are exchanged when the fast one is the longer.",
		begin: func(p []float64) int { return int(max(p[0], p[1])) - 1 + int(p[2]) - 1 },
		// A difference of means is small beside them: what is left of the start weighs more in it.
		settle: func(p []float64) int { return fade(2/(max(p[0], p[1])+1))*3/2 + fade(2/(p[2]+1)) },
		open: func(p []float64) core {
			fast, slow := int(min(p[0], p[1])), int(max(p[0], p[1]))
			return newConvergence(fast, 2/(float64(fast)+1), slow, 2/(float64(slow)+1), int(p[2]))
		},
		batch: func(p []float64, in, out [][]float64) {
			fast, slow := int(min(p[0], p[1])), int(max(p[0], p[1]))
			convergences(newConvergence(fast, 2/(float64(fast)+1), slow, 2/(float64(slow)+1), int(p[2])), in[0], out)
		},
	}
}

func macdfix() Function {
	return Function{
		Name: "MACDFIX", Title: "Moving Average Convergence/Divergence Fix 12/26", Group: Momentum,
		Inputs: []Input{Real}, Params: []Param{span("optInSignalPeriod", "Bars of the signal", 9, 1)},
		Outputs: macdOutputs(), Doc: macdDoc,
		Formula: "as MACD with averages that weigh the newest bar 0.15 and 0.075",
		Source:  macdSource + "MACDFIX.", Notes: macdSeed,
		begin:  func(p []float64) int { return 25 + int(p[0]) - 1 },
		settle: func(p []float64) int { return fade(0.075)*3/2 + fade(2/(p[0]+1)) },
		open:   func(p []float64) core { return newConvergence(12, 0.15, 26, 0.075, int(p[0])) },
		batch: func(p []float64, in, out [][]float64) {
			convergences(newConvergence(12, 0.15, 26, 0.075, int(p[0])), in[0], out)
		},
	}
}

// convergence is the state of the MACD of exponential means.
type convergence struct {
	fast, slow, signal smooth
	seen               int
}

func newConvergence(fast int, kf float64, slow int, ks float64, signal int) *convergence {
	return &convergence{newSmooth(fast, kf), newSmooth(slow, ks), newSmooth(signal, 2/(float64(signal)+1)), 0}
}

func (c *convergence) step(in, out []float64) {
	x := in[0]
	c.slow.next(x)
	if c.seen >= c.slow.n-c.fast.n {
		c.fast.next(x)
	}
	c.seen++
	if c.seen >= c.slow.n {
		d := c.fast.value - c.slow.value
		s := c.signal.next(d)
		out[0], out[1], out[2] = d, s, d-s
	}
}

func (c *convergence) take(from core) { *c = *from.(*convergence) }

// convergences is convergence over a column, to the same bits.
func convergences(c *convergence, x []float64, out [][]float64) {
	begin := c.slow.n + c.signal.n - 2
	var o [3]float64
	for t := 0; t <= begin; t++ {
		c.step(x[t:t+1], o[:])
	}
	a, b, h := out[0], out[1], out[2]
	a[begin], b[begin], h[begin] = o[0], o[1], o[2]
	last, fast, slow, kf, ks := c.fast.last, c.fast.rest, c.slow.rest, c.fast.keep, c.slow.keep
	before, signal, kn := c.signal.last, c.signal.rest, c.signal.keep
	x = x[begin+1:]
	a, b, h = a[begin+1:][:len(x)], b[begin+1:][:len(x)], h[begin+1:][:len(x)]
	for i, v := range x {
		fast = float64((v - last + fast) * kf)
		slow = float64((v - last + slow) * ks)
		last = v
		d := (v - fast) - (v - slow)
		signal = float64((d - before + signal) * kn)
		before = d
		s := d - signal
		a[i], b[i], h[i] = d, s, d-s
	}
}

func macdext() Function {
	return Function{
		Name: "MACDEXT", Title: "MACD with averages of choice", Group: Momentum,
		Inputs: []Input{Real},
		Params: []Param{span("optInFastPeriod", "Bars of the fast average", 12, 2), maType("optInFastMAType"),
			span("optInSlowPeriod", "Bars of the slow average", 26, 2), maType("optInSlowMAType"),
			span("optInSignalPeriod", "Bars of the signal", 9, 1), maType("optInSignalMAType")},
		Outputs: macdOutputs(), Doc: macdDoc,
		Formula: "as MACD with the averages that are chosen",
		Source:  macdSource + "MACDEXT.", Notes: macdSeed,
		begin: func(p []float64) int {
			return max(before(int(p[1]), int(p[0])), before(int(p[3]), int(p[2]))) + before(int(p[5]), int(p[4]))
		},
		settle: func(p []float64) int {
			return max(fading(int(p[1]), int(p[0])), fading(int(p[3]), int(p[2])))*3/2 + fading(int(p[5]), int(p[4]))
		},
		open: func(p []float64) core {
			fast, fk, slow, sk := int(p[0]), int(p[1]), int(p[2]), int(p[3])
			if slow < fast {
				fast, fk, slow, sk = slow, sk, fast, fk
			}
			return &extended{gap: newGap(fk, fast, sk, slow), signal: newAverage(int(p[5]), int(p[4]))}
		},
	}
}

type extended struct {
	gap    gap
	signal average
}

func (e *extended) step(in, out []float64) {
	fast, slow, ok := e.gap.next(in[0])
	if ok {
		d := fast - slow
		s := e.signal.next(d)
		out[0], out[1], out[2] = d, s, d-s
	}
}

func (e *extended) take(from core) {
	f := from.(*extended)
	e.gap.take(&f.gap)
	e.signal.take(f.signal)
}

func priceOscillator(f Function, percent bool) Function {
	f.Group, f.Inputs = Momentum, []Input{Real}
	f.Params = []Param{span("optInFastPeriod", "Bars of the fast average", 12, 2), span("optInSlowPeriod", "Bars of the slow average", 26, 2), maType("optInMAType")}
	f.begin = func(p []float64) int { return before(int(p[2]), int(max(p[0], p[1]))) }
	f.settle = func(p []float64) int { return fading(int(p[2]), int(max(p[0], p[1]))) * 3 / 2 }
	f.open = func(p []float64) core {
		return &oscillator{newGap(int(p[2]), int(min(p[0], p[1])), int(p[2]), int(max(p[0], p[1]))), percent}
	}
	return f
}

func apo() Function {
	return priceOscillator(Function{
		Name: "APO", Title: "Absolute Price Oscillator",
		Outputs: []Output{{Name: "outReal", Unit: Price, Form: Line, PriceDegree: 1}},
		Doc:     "The distance between a fast moving average and a slow one.",
		Formula: "average(x, fast) - average(x, slow)",
		Source:  "Common; TA-Lib APO.",
		Notes:   "Simple averages unless told, as in TA-Lib 0.4.",
	}, false)
}

func ppo() Function {
	return priceOscillator(Function{
		Name: "PPO", Title: "Percentage Price Oscillator",
		Outputs: []Output{{Name: "outReal", Unit: Percent, Form: Line}},
		Doc:     "The distance between a fast moving average and a slow one, as a percentage of the slow one: it can be compared between assets.",
		Formula: "100 (average(x, fast) - average(x, slow)) / average(x, slow)",
		Source:  "Common; TA-Lib PPO.",
		Notes:   "Simple averages unless told, as in TA-Lib 0.4. 0 when the slow average is 0.",
	}, true)
}

type oscillator struct {
	gap     gap
	percent bool
}

func (o *oscillator) step(in, out []float64) {
	fast, slow, _ := o.gap.next(in[0])
	switch d := fast - slow; {
	case !o.percent:
		out[0] = d
	case slow == 0:
		out[0] = 0
	default:
		out[0] = d / slow * 100
	}
}

func (o *oscillator) take(from core) { o.gap.take(&from.(*oscillator).gap) }

func trix() Function {
	return Function{
		Name: "TRIX", Title: "1-day Rate-Of-Change of a Triple Smooth EMA", Group: Momentum,
		Inputs: []Input{Real}, Params: []Param{period(30, 1)},
		Outputs: []Output{{Name: "outReal", Unit: Percent, Form: Line}},
		Doc:     "The change per bar of a mean that was smoothed three times: only long movements are left in it.",
		Formula: "100 (e3[t]/e3[t-1] - 1), e3 = ema(ema(ema(x)))",
		Source:  "Jack Hutson, Technical Analysis of Stocks & Commodities, 1983; TA-Lib TRIX.",
		begin:   func(p []float64) int { return 3*(int(p[0])-1) + 1 },
		settle:  func(p []float64) int { return fading(typeTEMA, int(p[0])) },
		open:    func(p []float64) core { return &tripleChange{c: newChain(int(p[0]), 3, []float64{0, 0, 1})} },
	}
}

type tripleChange struct {
	c    *chain
	last float64
}

func (x *tripleChange) step(in, out []float64) {
	v := x.c.next(in[0])
	out[0] = 0
	if x.last != 0 {
		out[0] = (v/x.last - 1) * 100
	}
	x.last = v
}

func (x *tripleChange) take(from core) {
	f := from.(*tripleChange)
	x.c.take(f.c)
	x.last = f.last
}
