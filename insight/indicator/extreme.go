package indicator

// extreme finds the greatest (or with sign -1 the least) value of a window and where it
// is. When the best leaves the window it is looked for again, from the oldest on.
type extreme struct {
	w    window // its sum is not used
	sign float64
	late bool // of equal values found on looking again, the later counts
	t    int  // index in the series of the newest value
	best float64
	at   int // index of the best
}

func newHighest(n int) extreme { return extreme{w: newWindow(n), sign: 1, t: -1} }
func newLowest(n int) extreme  { return extreme{w: newWindow(n), sign: -1, t: -1} }

// push takes a value and gives the best of the window.
func (e *extreme) push(x float64) float64 {
	e.w.push(x)
	e.t++
	x *= e.sign
	switch {
	case e.t == 0 || x >= e.best:
		e.best, e.at = x, e.t
	case e.at <= e.t-len(e.w.buf):
		e.search()
	}
	return e.best * e.sign
}

func (e *extreme) search() {
	n := len(e.w.buf)
	e.best, e.at = e.w.ago(n-1)*e.sign, e.t-n+1
	for i := n - 2; i >= 0; i-- {
		if x := e.w.ago(i) * e.sign; x > e.best || e.late && x == e.best {
			e.best, e.at = x, e.t-i
		}
	}
}

func (e *extreme) take(from *extreme) {
	w := e.w
	*e = *from
	e.w = w
	e.w.take(&from.w)
}

func maxOf() Function {
	return peakOf(Function{Name: "MAX", Title: "Highest value over a period", Formula: "max(x[t-n+1] ... x[t])", Source: "TA-Lib MAX."}, overPrice("outReal"))
}
func minOf() Function {
	return peakOf(Function{Name: "MIN", Title: "Lowest value over a period", Formula: "min(x[t-n+1] ... x[t])", Source: "TA-Lib MIN."}, overPrice("outReal"))
}
func minmax() Function {
	return peakOf(Function{Name: "MINMAX", Title: "Lowest and highest values over a period", Formula: "min and max of x[t-n+1] ... x[t]", Source: "TA-Lib MINMAX."}, overPrice("outMin"), overPrice("outMax"))
}
func maxindex() Function {
	return peakOf(Function{Name: "MAXINDEX", Title: "Index of highest value over a period", Formula: "i with x[i] = max(x[t-n+1] ... x[t]), counted from the first bar of the series", Source: "TA-Lib MAXINDEX.", Notes: tied}, position("outInteger"))
}
func minindex() Function {
	return peakOf(Function{Name: "MININDEX", Title: "Index of lowest value over a period", Formula: "i with x[i] = min(x[t-n+1] ... x[t]), counted from the first bar of the series", Source: "TA-Lib MININDEX.", Notes: tied}, position("outInteger"))
}
func minmaxindex() Function {
	return peakOf(Function{Name: "MINMAXINDEX", Title: "Indexes of lowest and highest values over a period", Formula: "as MININDEX and MAXINDEX", Source: "TA-Lib MINMAXINDEX.", Notes: tied}, position("outMinIdx"), position("outMaxIdx"))
}

const tied = "Of equal values the newest counts as it comes; when the best has left the window, the oldest of those that remain, as in TA-Lib."

func position(name string) Output { return Output{Name: name, Unit: Bars, Form: Line} }

func peakOf(f Function, outputs ...Output) Function {
	f.Group, f.Inputs, f.Params, f.Outputs, f.begin = MathOp, []Input{Real}, []Param{period(30, 2)}, outputs, last
	f.Doc = "The extremes of the last bars."
	index, both := outputs[0].Unit == Bars, len(outputs) == 2
	low := both || f.Name[:3] == "MIN"
	f.open = func(p []float64) core {
		n := int(p[0])
		k := &peaks{index: index}
		if low {
			k.list = append(k.list, newLowest(n))
		}
		if both || !low {
			k.list = append(k.list, newHighest(n))
		}
		return k
	}
	return f
}

type peaks struct {
	list  []extreme
	index bool
}

func (k *peaks) step(in, out []float64) {
	for i := range k.list {
		out[i] = k.list[i].push(in[0])
		if k.index {
			out[i] = float64(k.list[i].at)
		}
	}
}

func (k *peaks) take(from core) {
	f := from.(*peaks)
	for i := range k.list {
		k.list[i].take(&f.list[i])
	}
}

// channel is the highest high and the lowest low of a window.
type channel struct{ high, low extreme }

func newChannel(n int) channel { return channel{newHighest(n), newLowest(n)} }

func (c *channel) push(high, low float64) (highest, lowest float64) {
	return c.high.push(high), c.low.push(low)
}

func (c *channel) take(from *channel) {
	c.high.take(&from.high)
	c.low.take(&from.low)
}

func midpoint() Function {
	return Function{
		Name: "MIDPOINT", Title: "MidPoint over period", Group: Overlap, Inputs: []Input{Real}, Params: []Param{period(14, 2)}, Outputs: []Output{overPrice("outReal")},
		Doc: "The middle between the extremes of the last bars.", Formula: "(max(x) + min(x)) / 2 over n bars", Source: "TA-Lib MIDPOINT.",
		begin: last, open: func(p []float64) core { return &middle{newChannel(int(p[0]))} },
	}
}

func midprice() Function {
	return Function{
		Name: "MIDPRICE", Title: "Midpoint Price over period", Group: Overlap, Inputs: []Input{High, Low}, Params: []Param{period(14, 2)}, Outputs: []Output{overPrice("outReal")},
		Doc: "The middle of the range of the last bars.", Formula: "(max(high) + min(low)) / 2 over n bars", Source: "TA-Lib MIDPRICE.",
		begin: last, open: func(p []float64) core { return &middle{newChannel(int(p[0]))} },
	}
}

type middle struct{ c channel }

func (m *middle) step(in, out []float64) {
	h, l := m.c.push(in[0], in[len(in)-1])
	out[0] = (h + l) / 2
}

func (m *middle) take(from core) { m.c.take(&from.(*middle).c) }

func willr() Function {
	return Function{
		Name: "WILLR", Title: "Williams' %R", Group: Momentum, Inputs: []Input{High, Low, Close}, Params: []Param{period(14, 2)},
		Outputs: []Output{{Name: "outReal", Unit: Index, Form: Line, Least: -100, Most: 0}},
		Doc:     "Where the close lies in the range of the last bars: 0 at its top, -100 at its bottom.",
		Formula: "-100 (max(high) - close) / (max(high) - min(low)) over n bars",
		Source:  "Larry Williams, How I Made One Million Dollars Last Year Trading Commodities, 1973; TA-Lib WILLR.",
		Notes:   "0 when there is no range, as in TA-Lib.",
		begin:   last, open: func(p []float64) core { return &williams{newChannel(int(p[0]))} },
	}
}

type williams struct{ c channel }

func (w *williams) step(in, out []float64) {
	h, l := w.c.push(in[0], in[1])
	out[0] = 0
	if d := (h - l) / -100; d != 0 {
		out[0] = (h - in[2]) / d
	}
}

func (w *williams) take(from core) { w.c.take(&from.(*williams).c) }

func aroon() Function {
	return Function{
		Name: "AROON", Title: "Aroon", Group: Momentum, Inputs: []Input{High, Low}, Params: []Param{period(14, 2)},
		Outputs: []Output{{Name: "outAroonDown", Unit: Index, Form: Line, Most: 100, Doc: "How lately the lowest low was: 100 now, 0 n bars ago"}, {Name: "outAroonUp", Unit: Index, Form: Line, Most: 100, Doc: "The same of the highest high"}},
		Doc:     "How long ago the extremes of the last bars were: a trend makes new ones again and again.",
		Formula: "100 (n - bars since the extreme of the last n+1 bars) / n",
		Source:  "Tushar Chande, Technical Analysis of Stocks & Commodities, September 1995; TA-Lib AROON.",
		begin:   func(p []float64) int { return int(p[0]) },
		open:    func(p []float64) core { return newSince(int(p[0]), false) },
	}
}

func aroonosc() Function {
	return Function{
		Name: "AROONOSC", Title: "Aroon Oscillator", Group: Momentum, Inputs: []Input{High, Low}, Params: []Param{period(14, 2)},
		Outputs: []Output{{Name: "outReal", Unit: Index, Form: Line, Least: -100, Most: 100}},
		Doc:     "Aroon up less Aroon down: above 0 the newer extreme is a high.",
		Formula: "100 (index of the highest high - index of the lowest low) / n over n+1 bars",
		Source:  "Tushar Chande, Technical Analysis of Stocks & Commodities, September 1995; TA-Lib AROONOSC.",
		begin:   func(p []float64) int { return int(p[0]) },
		open:    func(p []float64) core { return newSince(int(p[0]), true) },
	}
}

// since is the state of Aroon: of equal extremes the newest counts.
type since struct {
	c          channel
	n          float64
	difference bool
}

func newSince(n int, difference bool) *since {
	s := &since{c: newChannel(n + 1), n: float64(n), difference: difference}
	s.c.high.late, s.c.low.late = true, true
	return s
}

func (s *since) step(in, out []float64) {
	s.c.push(in[0], in[1])
	factor := 100 / s.n
	if s.difference {
		out[0] = factor * float64(s.c.high.at-s.c.low.at)
		return
	}
	out[0] = factor * (s.n - float64(s.c.low.t-s.c.low.at))
	out[1] = factor * (s.n - float64(s.c.high.t-s.c.high.at))
}

func (s *since) take(from core) { s.c.take(&from.(*since).c) }
