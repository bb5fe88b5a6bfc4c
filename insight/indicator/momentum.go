package indicator

func cmou() Function {
	return Function{
		Name: "CMOU", Title: "Chande Momentum Oscillator, unsmoothed", Group: Momentum, Inputs: []Input{Real}, Params: []Param{period(14, 1)},
		Outputs: []Output{{Name: "outReal", Unit: Index, Form: Line, Least: -100, Most: 100}},
		Doc:     "Gains less losses of the last bars, as a part of both: -100 only losses, 100 only gains.",
		Formula: "100 (G - L)/(G + L), G and L the sums of gains and losses over n bars",
		Source:  "Tushar Chande and Stanley Kroll, The New Technical Trader, 1994.",
		Notes:   "As Chande has it; CMO is TA-Lib's, which smooths as RSI does. 0 when nothing moves.",
		begin:   func(p []float64) int { return int(p[0]) },
		open:    func(p []float64) core { c := newPlain(int(p[0])); return &c },
	}
}

// plain is the unsmoothed momentum oscillator.
type plain struct {
	gain, loss total
	last       float64
	begun      bool
}

func newPlain(n int) plain { return plain{gain: newTotal(n), loss: newTotal(n)} }

func (c *plain) next(x float64) (v float64, ok bool) {
	d := x - c.last
	first := !c.begun
	c.last, c.begun = x, true
	if first {
		return 0, false
	}
	c.gain.push(max(d, 0))
	c.loss.push(max(-d, 0))
	if s := c.gain.sum + c.loss.sum; s > 0 {
		v = 100 * ((c.gain.sum - c.loss.sum) / s)
	}
	return v, c.gain.full()
}

func (c *plain) step(in, out []float64) { out[0], _ = c.next(in[0]) }

func (c *plain) take(from core) {
	f := from.(*plain)
	c.last, c.begun = f.last, f.begun
	c.gain.take(&f.gain)
	c.loss.take(&f.loss)
}

func tsi() Function {
	return Function{
		Name: "TSI", Title: "True Strength Index", Group: Momentum, Inputs: []Input{Real},
		Params: []Param{span("optInSlowPeriod", "Bars of the first mean", 25, 1), span("optInFastPeriod", "Bars of the mean of that", 13, 1), span("optInSignalPeriod", "Bars of the signal", 13, 1)},
		Outputs: []Output{{Name: "outReal", Unit: Index, Form: Line, Least: -100, Most: 100},
			{Name: "outSignal", Unit: Index, Form: Line, Least: -100, Most: 100, Doc: "The exponential mean of that"}},
		Doc:     "Changes smoothed twice, as a part of their smoothed sizes: above 0 prices rise on the whole.",
		Formula: "100 ema(ema(d, slow), fast) / ema(ema(|d|, slow), fast), d = x[t] - x[t-1]; signal = ema(tsi, n)",
		Source:  "William Blau, Technical Analysis of Stocks & Commodities, November 1991.", Notes: "0 while nothing has moved.",
		begin: func(p []float64) int { return int(p[0]) + int(p[1]) + int(p[2]) - 2 },
		settle: func(p []float64) int {
			return (fading(typeEMA, int(p[0]))+fading(typeEMA, int(p[1])))*3/2 + fading(typeEMA, int(p[2]))
		},
		open: func(p []float64) core {
			s := &trueStrength{signal: newStage(typeEMA, int(p[2]))}
			for i := range s.way {
				s.way[i], s.size[i] = newStage(typeEMA, int(p[i])), newStage(typeEMA, int(p[i]))
			}
			return s
		},
	}
}

type trueStrength struct {
	way, size twice
	signal    stage
	last      float64
	begun     bool
}

// twice is an average of an average.
type twice [2]stage

func newTwice(kind, first, second int) twice {
	return twice{newStage(kind, first), newStage(kind, second)}
}

func (w *twice) next(x float64) (v float64, ok bool) {
	if v, ok = w[0].next(x); ok {
		v, ok = w[1].next(v)
	}
	return v, ok
}

func (w *twice) take(from *twice) {
	w[0].take(&from[0])
	w[1].take(&from[1])
}

func (s *trueStrength) step(in, out []float64) {
	d := in[0] - s.last
	first := !s.begun
	s.last, s.begun = in[0], true
	if first {
		return
	}
	way, ok := s.way.next(d)
	size, _ := s.size.next(abs(d))
	if !ok {
		return
	}
	out[0] = 0
	if size > 0 {
		out[0] = min(100, max(-100, 100*(way/size)))
	}
	out[1], _ = s.signal.next(out[0])
}

func (s *trueStrength) take(from core) {
	f := from.(*trueStrength)
	s.last, s.begun = f.last, f.begun
	s.way.take(&f.way)
	s.size.take(&f.size)
	s.signal.take(&f.signal)
}

func smi() Function {
	return Function{
		Name: "SMI", Title: "Stochastic Momentum Index", Group: Momentum, Inputs: []Input{High, Low, Close},
		Params: []Param{span("optInTimePeriod", "Bars of the range", 13, 1), span("optInSlowPeriod", "Bars of the first mean", 25, 1), span("optInFastPeriod", "Bars of the mean of that", 2, 1), span("optInSignalPeriod", "Bars of the signal", 9, 1)},
		Outputs: []Output{{Name: "outReal", Unit: Index, Form: Line, Least: -100, Most: 100},
			{Name: "outSignal", Unit: Index, Form: Line, Least: -100, Most: 100, Doc: "The exponential mean of that"}},
		Doc:     "How far the close lies from the middle of the range, as a part of half the range, both smoothed twice: 100 at the top, -100 at the bottom.",
		Formula: "200 ema(ema(close - (H + L)/2, slow), fast) / ema(ema(H - L, slow), fast), H and L the extremes of n bars; signal = ema(smi, s)",
		Source:  "William Blau, Technical Analysis of Stocks & Commodities, January 1993.", Notes: "0 while there was no range.",
		begin: func(p []float64) int { return int(p[0]) + int(p[1]) + int(p[2]) + int(p[3]) - 4 },
		settle: func(p []float64) int {
			return (fading(typeEMA, int(p[1]))+fading(typeEMA, int(p[2])))*3/2 + fading(typeEMA, int(p[3]))
		},
		open: func(p []float64) core {
			slow, fast := int(p[1]), int(p[2])
			return &blau{newChannel(int(p[0])), newTwice(typeEMA, slow, fast), newTwice(typeEMA, slow, fast), newStage(typeEMA, int(p[3]))}
		},
	}
}

type blau struct {
	c           channel
	away, width twice
	signal      stage
}

func (b *blau) step(in, out []float64) {
	h, l := b.c.push(in[0], in[1])
	if !b.c.high.w.full() {
		return
	}
	away, ok := b.away.next(in[2] - (h+l)/2)
	width, _ := b.width.next(h - l)
	if !ok {
		return
	}
	out[0] = 0
	if width > 0 {
		out[0] = min(100, max(-100, 200*(away/width)))
	}
	out[1], _ = b.signal.next(out[0])
}

func (b *blau) take(from core) {
	f := from.(*blau)
	b.c.take(&f.c)
	b.away.take(&f.away)
	b.width.take(&f.width)
	b.signal.take(&f.signal)
}

func ao() Function {
	return Function{
		Name: "AO", Title: "Awesome Oscillator", Group: Momentum, Inputs: []Input{High, Low},
		Params:  []Param{span("optInFastPeriod", "Bars of the fast mean", 5, 1), span("optInSlowPeriod", "Bars of the slow mean", 34, 1)},
		Outputs: []Output{{Name: "outReal", Unit: Price, Form: Histogram, PriceDegree: 1}},
		Doc:     "Whether the middle of the bars is above or below its longer mean.",
		Formula: "sma(p, fast) - sma(p, slow), p = (high + low)/2",
		Source:  "Bill Williams, New Trading Dimensions, 1998.",
		begin:   func(p []float64) int { return int(max(p[0], p[1])) - 1 },
		open:    func(p []float64) core { return &awesome{mean{newWindow(int(p[0]))}, mean{newWindow(int(p[1]))}} },
	}
}

type awesome struct{ fast, slow mean }

func (a *awesome) step(in, out []float64) {
	p := (in[0] + in[1]) / 2
	out[0] = a.fast.next(p) - a.slow.next(p)
}

func (a *awesome) take(from core) {
	f := from.(*awesome)
	a.fast.w.take(&f.fast.w)
	a.slow.w.take(&f.slow.w)
}

func pvo() Function {
	return Function{
		Name: "PVO", Title: "Percentage Volume Oscillator", Group: Volume, Inputs: []Input{Vol},
		Params: []Param{span("optInFastPeriod", "Bars of the fast mean", 12, 1), span("optInSlowPeriod", "Bars of the slow mean", 26, 1), span("optInSignalPeriod", "Bars of the signal", 9, 1)},
		Outputs: []Output{{Name: "outPVO", Unit: Percent, Form: Line, Doc: "The distance between the means"}, {Name: "outSignal", Unit: Percent, Form: Line, Doc: "The exponential mean of that"},
			{Name: "outHistogram", Unit: Percent, Form: Histogram, Doc: "The first less the second"}},
		Doc:     "Whether volume lately is above or below its longer mean.",
		Formula: "100 (ema(v, fast) - ema(v, slow)) / ema(v, slow); signal = ema(pvo, n); histogram = pvo - signal",
		Source:  "Common.", Notes: "0 while there was no volume. " + macdSeed,
		begin:  func(p []float64) int { return int(max(p[0], p[1])) - 1 + int(p[2]) - 1 },
		settle: func(p []float64) int { return fading(typeEMA, int(max(p[0], p[1])))*3/2 + fading(typeEMA, int(p[2])) },
		open: func(p []float64) core {
			return &volumes{newGap(typeEMA, int(p[0]), typeEMA, int(p[1])), newStage(typeEMA, int(p[2]))}
		},
	}
}

type volumes struct {
	g      gap
	signal stage
}

func (v *volumes) step(in, out []float64) {
	fast, slow, ok := v.g.next(in[0])
	if !ok {
		return
	}
	d := 0.0
	if slow != 0 {
		d = (fast - slow) / slow * 100
	}
	s, _ := v.signal.next(d)
	out[0], out[1], out[2] = d, s, d-s
}

func (v *volumes) take(from core) {
	f := from.(*volumes)
	v.g.take(&f.g)
	v.signal.take(&f.signal)
}
