package indicator

import "math"

func crsi() Function {
	return Function{
		Name: "CRSI", Title: "Connors RSI", Group: Momentum, Inputs: []Input{Real},
		Params:  []Param{period(3, 2), span("optInStreakPeriod", "Bars of the RSI of streaks", 2, 2), span("optInRankPeriod", "Changes that the newest is ranked among", 100, 1)},
		Outputs: []Output{index100("outReal")},
		Doc:     "How far a short movement has gone, in three ways: a quick RSI, the RSI of how many bars in a row rose or fell, and how the newest change ranks among the last ones. Above 90 and below 10 is read as stretched.",
		Formula: "(RSI(x, n) + RSI(streak, s) + rank)/3: streak counts bars in a row that rose (above 0) or fell (below 0), 0 when unchanged; rank = 100 (how many of the r changes before, in per cent, are less than the newest)/r",
		Source:  "Larry Connors and Cesar Alvarez, An Introduction to ConnorsRSI, 2012.",
		begin:   func(p []float64) int { return int(max(p[0], p[1], p[2]+1)) },
		settle:  func(p []float64) int { return fade(1/max(p[0], p[1])) * 2 },
		open: func(p []float64) core {
			return &connors{price: strength{n: int(p[0])}, runs: strength{n: int(p[1])}, changes: newSorted(int(p[2]))}
		},
	}
}

type connors struct {
	price, runs  strength
	changes      sorted
	last, streak float64
	begun        bool
}

func (c *connors) step(in, out []float64) {
	x := in[0]
	c.price.step(in, out)
	a, rank := out[0], 0.0
	if c.begun {
		switch {
		case x > c.last:
			c.streak = max(c.streak, 0) + 1
		case x < c.last:
			c.streak = min(c.streak, 0) - 1
		default:
			c.streak = 0
		}
		change := 0.0
		if c.last != 0 {
			change = x/c.last - 1
		}
		less, _ := c.changes.below(change)
		rank = 100 * float64(less) / float64(len(c.changes.w.buf))
		c.changes.push(change)
	}
	c.last, c.begun = x, true
	s := [1]float64{c.streak}
	c.runs.step(s[:], out)
	out[0] = (a + out[0] + rank) / 3
}

func (c *connors) take(from core) {
	f := from.(*connors)
	c.price, c.runs, c.last, c.streak, c.begun = f.price, f.runs, f.last, f.streak, f.begun
	c.changes.take(&f.changes)
}

func rvi() Function {
	return Function{
		Name: "RVI", Title: "Relative Volatility Index", Group: Volatility, Inputs: []Input{Real},
		Params:  []Param{period(14, 1), span("optInDeviationPeriod", "Bars of the deviation", 10, 2)},
		Outputs: []Output{index100("outReal")},
		Doc:     "The RSI of variability: which part of it came with rising prices. Above 50 confirms a rise.",
		Formula: "100 U/(U + D): U and D are Wilder's means over n bars of the deviation of the last m prices, where x rose and where it fell, else of 0",
		Source:  "Donald Dorsey, Technical Analysis of Stocks & Commodities, June 1993.",
		Notes:   "RVGI is the relative vigor index, which some call RVI. 0 while nothing has moved.",
		begin:   func(p []float64) int { return int(p[1]) - 1 + int(p[0]) - 1 },
		settle:  func(p []float64) int { return fade(1/p[0]) * 2 },
		open: func(p []float64) core {
			return &dorsey{s: newSpread(int(p[1])), up: wilderStage(int(p[0])), down: wilderStage(int(p[0]))}
		},
	}
}

type dorsey struct {
	s        spread
	up, down stage
	last     float64
}

func (d *dorsey) step(in, out []float64) {
	x, last := in[0], d.last
	d.last = x
	d.s.push(x)
	if !d.s.w.full() {
		return
	}
	var up, down float64
	switch sd := math.Sqrt(d.s.variance); {
	case x > last:
		up = sd
	case x < last:
		down = sd
	}
	u, _ := d.up.next(up)
	w, _ := d.down.next(down)
	out[0] = share(u, w)
}

func (d *dorsey) take(from core) {
	f := from.(*dorsey)
	d.s.take(&f.s)
	d.up.take(&f.up)
	d.down.take(&f.down)
	d.last = f.last
}

func rvgi() Function {
	return Function{
		Name: "RVGI", Title: "Relative Vigor Index", Group: Momentum, Inputs: []Input{OpenPrice, High, Low, Close}, Params: []Param{period(10, 1)},
		Outputs: []Output{{Name: "outReal", Unit: Ratio, Form: Line, Least: -1, Most: 1}, {Name: "outSignal", Unit: Ratio, Form: Line, Least: -1, Most: 1, Doc: "That smoothed over four bars"}},
		Doc:     "Which part of the range bars go from open to close, smoothed: in a rise bars close above their open.",
		Formula: "sum(s(close - open)) / sum(s(high - low)) over n bars, s(x) = (x[t] + 2 x[t-1] + 2 x[t-2] + x[t-3])/6; signal = s of that",
		Source:  "John Ehlers, Technical Analysis of Stocks & Commodities, January 2002.", Notes: "0 where there was no range.",
		begin: func(p []float64) int { return int(p[0]) + 5 },
		open: func(p []float64) core {
			return &vigor{bodies: newWindow(4), ranges: newWindow(4), ratios: newWindow(4), body: newWindow(int(p[0])), span: newTotal(int(p[0]))}
		},
	}
}

type vigor struct {
	bodies, ranges, ratios window // of the last four bars
	body                   window
	span                   total
}

// symmetric weighs the last four values 1, 2, 2, 1.
func symmetric(w *window) float64 {
	return (w.ago(0) + 2*w.ago(1) + 2*w.ago(2) + w.ago(3)) / 6
}

func (v *vigor) step(in, out []float64) {
	v.bodies.push(in[3] - in[0])
	v.ranges.push(in[1] - in[2])
	if !v.bodies.full() {
		return
	}
	v.body.push(symmetric(&v.bodies))
	v.span.push(symmetric(&v.ranges))
	if !v.body.full() {
		return
	}
	r := 0.0
	if v.span.sum != 0 {
		r = min(1, max(-1, v.body.sum/v.span.sum))
	}
	v.ratios.push(r)
	out[0], out[1] = r, symmetric(&v.ratios)
}

func (v *vigor) take(from core) {
	f := from.(*vigor)
	v.bodies.take(&f.bodies)
	v.ranges.take(&f.ranges)
	v.ratios.take(&f.ratios)
	v.body.take(&f.body)
	v.span.take(&f.span)
}
