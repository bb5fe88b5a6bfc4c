package indicator

// never is Settle of a running total.
func never([]float64) int { return -1 }

const adIs = "AD[t] = AD[t-1] + volume ((close - low) - (high - close)) / (high - low)"

func ad() Function {
	return Function{
		Name: "AD", Title: "Chaikin A/D Line", Group: Volume, Inputs: []Input{High, Low, Close, Vol},
		Outputs: []Output{{Name: "outReal", Unit: Amount, Form: Line, VolumeDegree: 1}},
		Doc:     "A running total of volume, counted up when the close is near the high and down when it is near the low. Only its course tells something: it begins with the series.",
		Formula: adIs, Source: "Marc Chaikin, 1970s; TA-Lib AD.", Notes: "A bar without range adds nothing.",
		begin: none, settle: never, open: func([]float64) core { return &line{} },
	}
}

// line is the state of the A/D line.
type line struct{ value float64 }

func (l *line) next(high, low, close, volume float64) float64 {
	if d := high - low; d > 0 {
		l.value += float64(((close - low) - (high - close)) / d * volume)
	}
	return l.value
}

func (l *line) step(in, out []float64) { out[0] = l.next(in[0], in[1], in[2], in[3]) }
func (l *line) take(from core)         { *l = *from.(*line) }

func adosc() Function {
	return Function{
		Name: "ADOSC", Title: "Chaikin A/D Oscillator", Group: Volume, Inputs: []Input{High, Low, Close, Vol},
		Params:  []Param{span("optInFastPeriod", "Bars of the fast average", 3, 2), span("optInSlowPeriod", "Bars of the slow average", 10, 2)},
		Outputs: []Output{{Name: "outReal", Unit: Amount, Form: Line, VolumeDegree: 1}},
		Doc:     "Whether the A/D line rises or falls lately.",
		Formula: "ema(AD, fast) - ema(AD, slow), both begun with the first value of AD; " + adIs,
		Source:  "Marc Chaikin; TA-Lib ADOSC.",
		begin:   func(p []float64) int { return int(max(p[0], p[1])) - 1 },
		settle:  func(p []float64) int { return fade(2/(max(p[0], p[1])+1)) * 2 },
		open: func(p []float64) core {
			return &chaikin{kf: 2 / (p[0] + 1), ks: 2 / (p[1] + 1)}
		},
	}
}

type chaikin struct {
	ad         line
	kf, ks     float64
	fast, slow float64
	begun      bool
}

func (c *chaikin) step(in, out []float64) {
	v := c.ad.next(in[0], in[1], in[2], in[3])
	if !c.begun {
		c.fast, c.slow, c.begun = v, v, true
	} else {
		c.fast = float64(c.kf*v) + float64((1-c.kf)*c.fast)
		c.slow = float64(c.ks*v) + float64((1-c.ks)*c.slow)
	}
	out[0] = c.fast - c.slow
}

func (c *chaikin) take(from core) { *c = *from.(*chaikin) }

func obv() Function {
	return Function{
		Name: "OBV", Title: "On Balance Volume", Group: Volume, Inputs: []Input{Real, Vol},
		Outputs: []Output{{Name: "outReal", Unit: Amount, Form: Line, VolumeDegree: 1}},
		Doc:     "A running total of volume, added when the price rises and taken off when it falls. Only its course tells something: it begins with the series.",
		Formula: "obv[t] = obv[t-1] + sign(x[t] - x[t-1]) volume, begun with the first volume",
		Source:  "Joseph Granville, Granville's New Key to Stock Market Profits, 1963; TA-Lib OBV.",
		begin:   none, settle: never, open: func([]float64) core { return &balance{} },
	}
}

type balance struct {
	last, value float64
	begun       bool
}

func (b *balance) step(in, out []float64) {
	switch x := in[0]; {
	case !b.begun:
		b.value, b.begun = in[1], true
	case x > b.last:
		b.value += in[1]
	case x < b.last:
		b.value -= in[1]
	}
	b.last = in[0]
	out[0] = b.value
}

func (b *balance) take(from core) { *b = *from.(*balance) }
