package indicator

const sarDoc = "A stop that follows the trend and comes nearer each time the trend makes a new extreme. When the price touches it, it changes sides."

func sar() Function {
	return Function{
		Name: "SAR", Title: "Parabolic SAR", Group: Overlap, Inputs: []Input{High, Low},
		Params: []Param{
			{Name: "optInAcceleration", Doc: "First acceleration, and what each new extreme adds", Default: 0.02, Max: 100},
			{Name: "optInMaximum", Doc: "Greatest acceleration", Default: 0.2, Max: 100}},
		Outputs: []Output{{Name: "outReal", Unit: Price, Form: Dots, OnPrice: true, PriceDegree: 1}},
		Doc:     sarDoc,
		Formula: "sar[t+1] = sar[t] + a (extreme - sar[t]), not inside the last two bars; a grows with each new extreme",
		Source:  wilder + "SAR.",
		Notes:   "Begins long unless the second bar moved down further than up, as in TA-Lib. Where it stands depends on the start until it first changes sides.",
		begin:   func([]float64) int { return 1 }, settle: func(p []float64) int { return changing(p[0]) },
		open: func(p []float64) core {
			a := min(p[0], p[1])
			return &parabola{up: pace{a, a, p[1]}, down: pace{a, a, p[1]}}
		},
	}
}

func sarext() Function {
	acc := func(name, doc string, def float64) Param { return Param{Name: name, Doc: doc, Default: def, Max: 100} }
	return Function{
		Name: "SAREXT", Title: "Parabolic SAR - Extended", Group: Overlap, Inputs: []Input{High, Low},
		Params: []Param{
			{Name: "optInStartValue", Doc: "First stop: above 0 begins long, below 0 short, 0 as SAR", Min: -1e12, Max: 1e12, OfPrice: true},
			acc("optInOffsetOnReverse", "Part of the price by which the stop keeps further off when it changes sides", 0),
			acc("optInAccelerationInitLong", "First acceleration while long", 0.02), acc("optInAccelerationLong", "What each new high adds", 0.02), acc("optInAccelerationMaxLong", "Greatest acceleration while long", 0.2),
			acc("optInAccelerationInitShort", "First acceleration while short", 0.02), acc("optInAccelerationShort", "What each new low adds", 0.02), acc("optInAccelerationMaxShort", "Greatest acceleration while short", 0.2)},
		Outputs: []Output{{Name: "outReal", Unit: Price, Form: Dots, OnPrice: true, PriceDegree: 1, Doc: "Below 0 while short"}},
		Doc:     sarDoc + " Here both sides have settings of their own, and the sign tells the side.",
		Formula: "as SAR, times -1 while short",
		Source:  "TA-Lib SAREXT.",
		begin:   func([]float64) int { return 1 }, settle: func(p []float64) int { return changing(min(p[2], p[5])) },
		open: func(p []float64) core {
			return &parabola{start: p[0], offset: p[1], signed: true,
				up: pace{min(p[2], p[4]), min(p[3], p[4]), p[4]}, down: pace{min(p[5], p[7]), min(p[6], p[7]), p[7]}}
		},
	}
}

// changing is Settle: by then it has changed sides, unless the stop does not move.
func changing(a float64) int {
	if a == 0 {
		return -1
	}
	return 1000
}

// pace is how the stop speeds up on one side.
type pace struct{ first, step, most float64 }

type parabola struct {
	up, down      pace
	start, offset float64
	signed        bool

	bars      int
	high, low float64 // of the bar before
	long      bool
	sar       float64
	extreme   float64
	a         float64
}

func (p *parabola) step(in, out []float64) {
	high, low := in[0], in[1]
	prevHigh, prevLow := p.high, p.low
	p.high, p.low = high, low
	p.bars++
	switch p.bars {
	case 1:
		return
	case 2:
		p.begin(prevHigh, prevLow)
		prevHigh, prevLow = high, low
	}
	value := p.sar
	switch {
	case p.long && low <= p.sar:
		p.long = false
		value = max(p.extreme, prevHigh, high)
		value += float64(value * p.offset)
		p.a, p.extreme = p.down.first, low
		p.sar = max(value+float64(p.a*(p.extreme-value)), prevHigh, high)
	case p.long:
		if high > p.extreme {
			p.extreme = high
			p.a = min(p.a+p.up.step, p.up.most)
		}
		p.sar = min(p.sar+float64(p.a*(p.extreme-p.sar)), prevLow, low)
	case high >= p.sar:
		p.long = true
		value = min(p.extreme, prevLow, low)
		value -= float64(value * p.offset)
		p.a, p.extreme = p.up.first, high
		p.sar = min(value+float64(p.a*(p.extreme-value)), prevLow, low)
		out[0] = value
		return
	default:
		if low < p.extreme {
			p.extreme = low
			p.a = min(p.a+p.down.step, p.down.most)
		}
		p.sar = max(p.sar+float64(p.a*(p.extreme-p.sar)), prevHigh, high)
		out[0] = p.sign(value)
		return
	}
	if p.long {
		out[0] = value
	} else {
		out[0] = p.sign(value)
	}
}

func (p *parabola) sign(v float64) float64 {
	if p.signed {
		return -v
	}
	return v
}

// begin chooses the side at the second bar.
func (p *parabola) begin(high, low float64) {
	up, down := p.high-high, low-p.low
	p.long = !(down > 0 && up < down)
	if p.start != 0 {
		p.long = p.start > 0
	}
	if p.long {
		p.extreme, p.sar, p.a = p.high, low, p.up.first
	} else {
		p.extreme, p.sar, p.a = p.low, high, p.down.first
	}
	if p.start != 0 {
		p.sar = abs(p.start)
	}
}

func (p *parabola) take(from core) { *p = *from.(*parabola) }
