package indicator

func cmf() Function {
	return Function{
		Name: "CMF", Title: "Chaikin Money Flow", Group: Volume, Inputs: []Input{High, Low, Close, Vol}, Params: []Param{period(20, 1)},
		Outputs: []Output{{Name: "outReal", Unit: Ratio, Form: Line, Least: -1, Most: 1}},
		Doc:     "Whether volume came with closes near the high (up to 1) or near the low (down to -1).",
		Formula: "sum(v ((close - low) - (high - close))/(high - low)) / sum(v) over n bars",
		Source:  "Marc Chaikin, 1980s.", Notes: "A bar without range counts as in the middle. 0 where there was no volume.",
		begin: last, open: func(p []float64) core { return &money{newTotal(int(p[0])), newTotal(int(p[0]))} },
	}
}

type money struct{ flow, volume total }

func (m *money) step(in, out []float64) {
	flow := 0.0
	if d := in[0] - in[1]; d > 0 {
		flow = float64(((in[2] - in[1]) - (in[0] - in[2])) / d * in[3])
	}
	m.flow.push(flow)
	m.volume.push(in[3])
	out[0] = 0
	if m.volume.sum != 0 {
		out[0] = m.flow.sum / m.volume.sum
	}
}

func (m *money) take(from core) {
	f := from.(*money)
	m.flow.take(&f.flow)
	m.volume.take(&f.volume)
}

func force() Function {
	return Function{
		Name: "FORCE", Title: "Force Index", Group: Volume, Inputs: []Input{Real, Vol}, Params: []Param{period(13, 1)},
		Outputs: []Output{{Name: "outReal", Unit: Amount, Form: Line, PriceDegree: 1, VolumeDegree: 1}},
		Doc:     "How far prices moved times how much was traded doing so, smoothed: above 0 buyers are the stronger.",
		Formula: "ema((x[t] - x[t-1]) v[t], n)",
		Source:  "Alexander Elder, Trading for a Living, 1993.",
		begin:   func(p []float64) int { return int(p[0]) },
		settle:  func(p []float64) int { return fading(typeEMA, int(p[0])) * 3 / 2 },
		open:    func(p []float64) core { return &elder{e: newStage(typeEMA, int(p[0]))} },
	}
}

type elder struct {
	e     stage
	last  float64
	begun bool
}

func (e *elder) step(in, out []float64) {
	d, first := in[0]-e.last, !e.begun
	e.last, e.begun = in[0], true
	if !first {
		out[0], _ = e.e.next(float64(d * in[1]))
	}
}

func (e *elder) take(from core) {
	f := from.(*elder)
	e.e.take(&f.e)
	e.last, e.begun = f.last, f.begun
}

func emv() Function {
	ease := func(name, doc string) Output {
		return Output{Name: name, Unit: Squared, Form: Line, PriceDegree: 2, VolumeDegree: -1, Doc: doc}
	}
	return Function{
		Name: "EMV", Title: "Ease of Movement", Group: Volume, Inputs: []Input{High, Low, Vol},
		Params:  []Param{period(14, 1), {Name: "optInDivisor", Doc: "Volume is counted in this many, so that the figures are of a handy size", Default: 10000, Min: 1, Max: 1e15}},
		Outputs: []Output{ease("outEMV", "Of the bar"), ease("outAverage", "The simple mean of the last n")},
		Doc:     "How easily prices move: far on little volume.",
		Formula: "(p[t] - p[t-1]) (high - low)/(v/divisor), p = (high + low)/2; average = sma of it",
		Source:  "Richard W. Arms, Volume Cycles in the Stock Market, 1983.", Notes: "0 for a bar without volume.",
		begin: func(p []float64) int { return int(p[0]) },
		open:  func(p []float64) core { return &easy{w: newWindow(int(p[0])), divisor: p[1]} },
	}
}

type easy struct {
	w       window
	divisor float64
	last    float64
	begun   bool
}

func (e *easy) step(in, out []float64) {
	p := (in[0] + in[1]) / 2
	d, first := p-e.last, !e.begun
	e.last, e.begun = p, true
	if first {
		return
	}
	out[0] = 0
	if in[2] != 0 {
		out[0] = float64(d*(in[0]-in[1])) / in[2] * e.divisor
	}
	e.w.push(out[0])
	out[1] = e.w.sum / float64(len(e.w.buf))
}

func (e *easy) take(from core) {
	f := from.(*easy)
	e.w.take(&f.w)
	e.last, e.begun = f.last, f.begun
}

const fosback = "Paul Dysart, 1930s; Norman Fosback, Stock Market Logic, 1976."

func nvi() Function {
	return indexed(Function{
		Name: "NVI", Title: "Negative Volume Index",
		Doc:     "An index that takes part in price changes on the bars whose volume fell: what is done while the crowd is away.",
		Formula: "nvi[t] = nvi[t-1] x[t]/x[t-1] where v[t] < v[t-1], else nvi[t-1]; begun with 1000", Source: fosback,
	}, func(v, before float64) bool { return v < before })
}

func pvi() Function {
	return indexed(Function{
		Name: "PVI", Title: "Positive Volume Index",
		Doc:     "An index that takes part in price changes on the bars whose volume rose: what the crowd does.",
		Formula: "pvi[t] = pvi[t-1] x[t]/x[t-1] where v[t] > v[t-1], else pvi[t-1]; begun with 1000", Source: fosback,
	}, func(v, before float64) bool { return v > before })
}

func indexed(f Function, counts func(v, before float64) bool) Function {
	f.Group, f.Inputs = Volume, []Input{Real, Vol}
	f.Outputs = []Output{{Name: "outReal", Unit: Index, Form: Line}}
	f.Notes = "Only its course tells something: it begins with the series. A change from 0 does not count."
	f.begin, f.settle = none, never
	f.open = func([]float64) core { return &crowd{counts: counts} }
	return f
}

type crowd struct {
	counts     func(v, before float64) bool
	price, vol float64
	value      float64
	begun      bool
}

func (c *crowd) step(in, out []float64) {
	switch {
	case !c.begun:
		c.value, c.begun = 1000, true
	case c.price != 0 && c.counts(in[1], c.vol):
		c.value *= in[0] / c.price
	}
	c.price, c.vol = in[0], in[1]
	out[0] = c.value
}

func (c *crowd) take(from core) { *c = *from.(*crowd) }

func pvt() Function {
	return Function{
		Name: "PVT", Title: "Price Volume Trend", Group: Volume, Inputs: []Input{Real, Vol},
		Outputs: []Output{{Name: "outReal", Unit: Amount, Form: Line, VolumeDegree: 1}},
		Doc:     "As OBV, but each bar adds its volume times the relative change: small changes count little. Only its course tells something: it begins with the series.",
		Formula: "pvt[t] = pvt[t-1] + v (x[t]/x[t-1] - 1), begun with 0",
		Source:  "Common.", Notes: "A change from 0 does not count.",
		begin: none, settle: never, open: func([]float64) core { return &proportion{} },
	}
}

type proportion struct{ last, value float64 }

func (p *proportion) step(in, out []float64) {
	if p.last != 0 {
		p.value += float64(in[1] * (in[0]/p.last - 1))
	}
	p.last = in[0]
	out[0] = p.value
}

func (p *proportion) take(from core) { *p = *from.(*proportion) }
