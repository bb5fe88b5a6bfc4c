package indicator

func ratio(name string) Output { return Output{Name: name, Unit: Ratio, Form: Line} }

func bop() Function {
	return Function{
		Name: "BOP", Title: "Balance Of Power", Group: Momentum, Inputs: []Input{OpenPrice, High, Low, Close},
		Outputs: []Output{{Name: "outReal", Unit: Ratio, Form: Line, Least: -1, Most: 1}},
		Doc:     "Which part of its range the bar went from open to close: 1 all the way up, -1 all the way down.",
		Formula: "(close - open) / (high - low)", Source: "Igor Livshin, Technical Analysis of Stocks & Commodities, August 2001; TA-Lib BOP.",
		Notes: "0 when there is no range, as in TA-Lib.",
		begin: none,
		open: func([]float64) core {
			return each1(func(in []float64) float64 {
				if d := in[1] - in[2]; d > 0 {
					return (in[3] - in[0]) / d
				}
				return 0
			})
		},
	}
}

func none([]float64) int { return 0 }

// each1 is the state of a function of one bar: there is none.
type each1 func(in []float64) float64

func (f each1) step(in, out []float64) { out[0] = f(in) }
func (f each1) take(core)              {}

func cci() Function {
	return Function{
		Name: "CCI", Title: "Commodity Channel Index", Group: Momentum, Inputs: []Input{High, Low, Close}, Params: []Param{period(14, 2)},
		Outputs: []Output{{Name: "outReal", Unit: Index, Form: Line}},
		Doc:     "How far the typical price lies from its mean, in mean deviations. Beyond 100 and -100 is unusual.",
		Formula: "(p[t] - mean) / (0.015 sum |p[i] - mean| / n), p = (high + low + close)/3",
		Source:  "Donald Lambert, Commodities, October 1980; TA-Lib CCI.",
		Notes:   "0 when nothing moves, as in TA-Lib.",
		begin:   last, open: func(p []float64) core { return &lambert{w: newWindow(int(p[0]))} },
	}
}

type lambert struct{ w window }

func (l *lambert) step(in, out []float64) {
	p := (in[0] + in[1] + in[2]) / 3
	l.w.push(p)
	out[0] = 0
	if !l.w.full() {
		return
	}
	n := float64(len(l.w.buf))
	var sum, away float64
	for _, x := range l.w.buf {
		sum += x
	}
	mean := sum / n
	flat := true
	for _, x := range l.w.buf {
		away += abs(x - mean)
		flat = flat && x == p
	}
	if d := p - mean; !flat && d != 0 && away != 0 {
		out[0] = d / (0.015 * (away / n))
	}
}

func (l *lambert) take(from core) { l.w.take(&from.(*lambert).w) }

func cmo() Function {
	return Function{
		Name: "CMO", Title: "Chande Momentum Oscillator", Group: Momentum, Inputs: []Input{Real}, Params: []Param{period(14, 2)},
		Outputs: []Output{{Name: "outReal", Unit: Index, Form: Line, Least: -100, Most: 100}},
		Doc:     "Gains less losses, as a part of both: -100 only losses, 100 only gains.",
		Formula: "100 (G - L)/(G + L), G and L smoothed as in RSI",
		Source:  "Tushar Chande and Stanley Kroll, The New Technical Trader, 1994; TA-Lib CMO.",
		Notes:   "Gains and losses are smoothed as Wilder does, as in TA-Lib. Chande himself, and R's TTR, take plain sums: values differ by up to 50.",
		begin:   func(p []float64) int { return int(p[0]) },
		settle:  func(p []float64) int { return fade(1/p[0]) * 3 / 2 },
		open:    func(p []float64) core { return &chande{strength{n: int(p[0])}} },
	}
}

type chande struct{ s strength }

func (c *chande) step(in, out []float64) {
	c.s.step(in, out)
	out[0] = 0
	if sum := c.s.gain + c.s.loss; sum != 0 {
		out[0] = 100 * ((c.s.gain - c.s.loss) / sum)
	}
}

func (c *chande) take(from core) { *c = *from.(*chande) }

func imi() Function {
	return Function{
		Name: "IMI", Title: "Intraday Momentum Index", Group: Momentum, Inputs: []Input{OpenPrice, Close}, Params: []Param{period(14, 2)},
		Outputs: []Output{index100("outReal")},
		Doc:     "The RSI of what happens within bars: rises from open to close as a part of all movement.",
		Formula: "100 sum(max(close-open, 0)) / sum |close-open| over n bars",
		Source:  "Tushar Chande and Stanley Kroll, The New Technical Trader, 1994; TA-Lib IMI.",
		Notes:   "0 while nothing moves.",
		begin:   last, open: func(p []float64) core {
			return &flows{up: newTotal(int(p[0])), down: newTotal(int(p[0])), kind: byBody}
		},
	}
}

func mfi() Function {
	return Function{
		Name: "MFI", Title: "Money Flow Index", Group: Momentum, Inputs: []Input{High, Low, Close, Vol}, Params: []Param{period(14, 2)},
		Outputs: []Output{index100("outReal")},
		Doc:     "The RSI with volume in it: money that changed hands at rising typical prices, as a part of all.",
		Formula: "100 sum(flow where p rose) / sum(flow), flow = p volume, p = (high + low + close)/3, over n bars; a bar with p unchanged counts for neither",
		Source:  "Gene Quong and Avrum Soudack, Technical Analysis of Stocks & Commodities, March 1989; TA-Lib MFI.",
		Notes:   "TA-Lib gives 0 when the flows sum to less than 1, which silences coins of small prices; here only when they are 0.",
		begin:   func(p []float64) int { return int(p[0]) },
		open: func(p []float64) core {
			return &flows{up: newTotal(int(p[0])), down: newTotal(int(p[0])), kind: byFlow}
		},
	}
}

const (
	byBody = iota
	byFlow
)

// flows is the part of what went up in what went.
type flows struct {
	up, down total
	kind     int
	last     float64
	begun    bool
}

func (f *flows) step(in, out []float64) {
	var up, down float64
	if f.kind == byBody {
		d := in[1] - in[0]
		up, down = max(d, 0), max(-d, 0)
	} else {
		p := (in[0] + in[1] + in[2]) / 3
		d, first := p-f.last, !f.begun
		f.last, f.begun = p, true
		if first {
			return
		}
		switch flow := p * in[3]; {
		case d > 0:
			up = flow
		case d < 0:
			down = flow
		}
	}
	f.up.push(up)
	f.down.push(down)
	out[0] = share(f.up.sum, f.down.sum)
}

func (f *flows) take(from core) {
	g := from.(*flows)
	f.last, f.begun = g.last, g.begun
	f.up.take(&g.up)
	f.down.take(&g.down)
}

func changeOf(f Function, out Output, of func(x, old float64) float64) Function {
	f.Group, f.Inputs, f.Params, f.Outputs = Momentum, []Input{Real}, []Param{period(10, 1)}, []Output{out}
	f.begin = func(p []float64) int { return int(p[0]) }
	f.open = func(p []float64) core { return &change{w: newWindow(int(p[0])), of: of} }
	return f
}

type change struct {
	w  window
	of func(x, old float64) float64
}

func (c *change) step(in, out []float64) { out[0] = c.of(in[0], c.w.push(in[0])) }
func (c *change) take(from core)         { c.w.take(&from.(*change).w) }

func mom() Function {
	return changeOf(Function{Name: "MOM", Title: "Momentum", Doc: "The change over the last bars.", Formula: "x[t] - x[t-n]", Source: "Common; TA-Lib MOM."},
		Output{Name: "outReal", Unit: Price, Form: Line, PriceDegree: 1}, func(x, old float64) float64 { return x - old })
}

const zeroOld = "0 when the older value is 0."

func roc() Function {
	return changeOf(Function{Name: "ROC", Title: "Rate of change", Doc: "The change over the last bars, as a percentage.", Formula: "100 (x[t]/x[t-n] - 1)", Source: "Common; TA-Lib ROC.", Notes: zeroOld},
		Output{Name: "outReal", Unit: Percent, Form: Line}, func(x, old float64) float64 {
			if old == 0 {
				return 0
			}
			return (x/old - 1) * 100
		})
}

func rocp() Function {
	return changeOf(Function{Name: "ROCP", Title: "Rate of change Percentage", Doc: "The change over the last bars, as a fraction.", Formula: "(x[t] - x[t-n])/x[t-n]", Source: "Common; TA-Lib ROCP.", Notes: zeroOld},
		ratio("outReal"), func(x, old float64) float64 {
			if old == 0 {
				return 0
			}
			return (x - old) / old
		})
}

func rocr() Function {
	return changeOf(Function{Name: "ROCR", Title: "Rate of change ratio", Doc: "The value beside that of some bars ago.", Formula: "x[t]/x[t-n]", Source: "Common; TA-Lib ROCR.", Notes: zeroOld},
		ratio("outReal"), func(x, old float64) float64 {
			if old == 0 {
				return 0
			}
			return x / old
		})
}

func rocr100() Function {
	return changeOf(Function{Name: "ROCR100", Title: "Rate of change ratio 100 scale", Doc: "The value as a percentage of that of some bars ago.", Formula: "100 x[t]/x[t-n]", Source: "Common; TA-Lib ROCR100.", Notes: zeroOld},
		Output{Name: "outReal", Unit: Percent, Form: Line}, func(x, old float64) float64 {
			if old == 0 {
				return 0
			}
			return x / old * 100
		})
}

func ultosc() Function {
	return Function{
		Name: "ULTOSC", Title: "Ultimate Oscillator", Group: Momentum, Inputs: []Input{High, Low, Close},
		Params:  []Param{span("optInTimePeriod1", "Bars of the shortest window", 7, 1), span("optInTimePeriod2", "Bars of the middle window", 14, 1), span("optInTimePeriod3", "Bars of the longest window", 28, 1)},
		Outputs: []Output{index100("outReal")},
		Doc:     "How much of the true range was gained by the close, in three windows at once.",
		Formula: "100 (4 B1/R1 + 2 B2/R2 + B3/R3)/7: sums over each window of B = close - min(low, close[t-1]) and R = true range; the shortest window weighs most",
		Source:  "Larry Williams, Technical Analysis of Stocks & Commodities, 1985; TA-Lib ULTOSC.",
		Notes:   "A window without range counts as 0, as in TA-Lib.",
		begin:   func(p []float64) int { return int(max(p[0], p[1], p[2])) },
		open: func(p []float64) core {
			a, b, c := int(p[0]), int(p[1]), int(p[2])
			lo, hi := min(a, b, c), max(a, b, c)
			return &ultimate{windows: [3]pressure{newPressure(lo), newPressure(a + b + c - lo - hi), newPressure(hi)}}
		},
	}
}

type pressure struct{ buying, trueRange total }

func newPressure(n int) pressure { return pressure{newTotal(n), newTotal(n)} }

type ultimate struct {
	windows [3]pressure
	close   float64
	begun   bool
}

func (u *ultimate) step(in, out []float64) {
	close, first := u.close, !u.begun
	u.close, u.begun = in[2], true
	if first {
		return
	}
	buying, tr := in[2]-min(in[1], close), trueRange(in[0], in[1], close)
	var sum float64
	for i, weight := range [3]float64{4, 2, 1} {
		w := &u.windows[i]
		w.buying.push(buying)
		w.trueRange.push(tr)
		if w.trueRange.sum != 0 {
			sum += float64(weight * (w.buying.sum / w.trueRange.sum))
		}
	}
	out[0] = 100 * (sum / 7)
}

func (u *ultimate) take(from core) {
	f := from.(*ultimate)
	u.close, u.begun = f.close, f.begun
	for i := range u.windows {
		u.windows[i].buying.take(&f.windows[i].buying)
		u.windows[i].trueRange.take(&f.windows[i].trueRange)
	}
}
