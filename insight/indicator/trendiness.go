package indicator

import "math"

func tdi() Function {
	return Function{
		Name: "TDI", Title: "Trend Detection Index", Group: Momentum, Inputs: []Input{Real},
		Params:  []Param{period(20, 1), {Name: "optInMultiple", Doc: "How many times as long the second window is", Default: 2, Min: 1, Max: 100, Integer: true}},
		Outputs: []Output{{Name: "outTDI", Unit: Price, Form: Line, PriceDegree: 1, Doc: "Above 0: a trend"}, {Name: "outDirection", Unit: Price, Form: Line, PriceDegree: 1, Doc: "Its direction: above 0 upwards"}},
		Doc:     "Whether prices go one way or to and fro, and which way.",
		Formula: "m = x[t] - x[t-n]; direction = sum(m) over n bars; tdi = |direction| - (sum |m| over k n bars - sum |m| over n bars)",
		Source:  "M. H. Pee, Technical Analysis of Stocks & Commodities, October 2001.",
		begin:   func(p []float64) int { return int(p[0]) + int(p[0])*int(p[1]) - 1 },
		open: func(p []float64) core {
			n := int(p[0])
			return &detection{past: newWindow(n), way: newWindow(n), size: newTotal(n), long: newTotal(n * int(p[1]))}
		},
	}
}

type detection struct {
	past, way  window
	size, long total
}

func (d *detection) step(in, out []float64) {
	ready := d.past.full()
	m := in[0] - d.past.push(in[0])
	if !ready {
		return
	}
	d.way.push(m)
	d.size.push(abs(m))
	d.long.push(abs(m))
	out[0], out[1] = abs(d.way.sum)-(d.long.sum-d.size.sum), d.way.sum
}

func (d *detection) take(from core) {
	f := from.(*detection)
	d.past.take(&f.past)
	d.way.take(&f.way)
	d.size.take(&f.size)
	d.long.take(&f.long)
}

func vhf() Function {
	return Function{
		Name: "VHF", Title: "Vertical Horizontal Filter", Group: Momentum, Inputs: []Input{Real}, Params: []Param{period(28, 2)},
		Outputs: []Output{{Name: "outReal", Unit: Ratio, Form: Line, Most: 1}},
		Doc:     "How straight prices went: near 1 a trend, near 0 to and fro.",
		Formula: "(max(x) - min(x)) over n bars / sum |x[i] - x[i-1]| over n changes",
		Source:  "Adam White, Futures, August 1991.", Notes: "0 when nothing moves.",
		begin: func(p []float64) int { return int(p[0]) },
		open:  func(p []float64) core { return &straight{c: newChannel(int(p[0])), moves: newTotal(int(p[0]))} },
	}
}

type straight struct {
	c     channel
	moves total
	last  float64
	begun bool
}

func (s *straight) step(in, out []float64) {
	x, last, first := in[0], s.last, !s.begun
	s.last, s.begun = x, true
	h, l := s.c.push(x, x)
	if first {
		return
	}
	s.moves.push(abs(x - last))
	out[0] = 0
	if s.moves.sum > 0 {
		out[0] = min(1, (h-l)/s.moves.sum)
	}
}

func (s *straight) take(from core) {
	f := from.(*straight)
	s.c.take(&f.c)
	s.moves.take(&f.moves)
	s.last, s.begun = f.last, f.begun
}

func snr() Function {
	return Function{
		Name: "SNR", Title: "Signal to Noise Ratio", Group: Momentum, Inputs: []Input{High, Low, Close}, Params: []Param{period(14, 1)},
		Outputs: []Output{ratio("outReal")},
		Doc:     "How far prices went in the last bars, beside how far they move in one bar.",
		Formula: "|close[t] - close[t-n]| / ATR(n)",
		Source:  "As in R's TTR.", Notes: "0 while nothing has moved.",
		begin:  func(p []float64) int { return int(p[0]) },
		settle: func(p []float64) int { return fade(1 / p[0]) },
		open:   func(p []float64) core { return &noise{ranges{n: int(p[0])}, newWindow(int(p[0]))} },
	}
}

type noise struct {
	atr  ranges
	past window
}

func (n *noise) step(in, out []float64) {
	a := n.atr.next(in[0], in[1], in[2])
	d := abs(in[2] - n.past.push(in[2]))
	out[0] = 0
	if a > 0 {
		out[0] = d / a
	}
}

func (n *noise) take(from core) {
	f := from.(*noise)
	n.atr = f.atr
	n.past.take(&f.past)
}

func chop() Function {
	return Function{
		Name: "CHOP", Title: "Choppiness Index", Group: Momentum, Inputs: []Input{High, Low, Close}, Params: []Param{period(14, 2)},
		Outputs: []Output{{Name: "outReal", Unit: Index, Form: Line}},
		Doc:     "How much prices move to and fro inside their range: near 100 they go nowhere, near 0 straight. Above 61.8 is often read as choppy, below 38.2 as a trend.",
		Formula: "100 log(sum(TR) / (max(high) - min(low))) / log n, over n bars; TR as TRANGE",
		Source:  "E. W. Dreiss, 1990s.", Notes: "0 when there is no range. A gap before the window can take it above 100.",
		begin: func(p []float64) int { return int(p[0]) },
		open:  func(p []float64) core { return &choppy{c: newChannel(int(p[0])), moves: newTotal(int(p[0]))} },
	}
}

type choppy struct {
	c     channel
	moves total
	close float64
	begun bool
}

func (c *choppy) step(in, out []float64) {
	close, first := c.close, !c.begun
	c.close, c.begun = in[2], true
	h, l := c.c.push(in[0], in[1])
	if first {
		return
	}
	c.moves.push(trueRange(in[0], in[1], close))
	out[0] = 0
	if d := h - l; d > 0 {
		out[0] = 100 * (math.Log(c.moves.sum/d) / math.Log(float64(len(c.moves.buf))))
	}
}

func (c *choppy) take(from core) {
	f := from.(*choppy)
	c.c.take(&f.c)
	c.moves.take(&f.moves)
	c.close, c.begun = f.close, f.begun
}
