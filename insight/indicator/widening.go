package indicator

import "math"

func chaikinVolatility() Function {
	return Function{
		Name: "CHAIKINVOL", Title: "Chaikin Volatility", Group: Volatility, Inputs: []Input{High, Low},
		Params:  []Param{period(10, 1), span("optInRocPeriod", "Bars of the change", 10, 1)},
		Outputs: []Output{{Name: "outReal", Unit: Percent, Form: Line}},
		Doc:     "Whether bars grow longer or shorter.",
		Formula: "100 (e[t]/e[t-m] - 1), e = ema(high - low, n)",
		Source:  "Marc Chaikin, 1980s.", Notes: zeroOld,
		begin:  func(p []float64) int { return int(p[0]) - 1 + int(p[1]) },
		settle: func(p []float64) int { return fading(typeEMA, int(p[0])) + int(p[1]) },
		open:   func(p []float64) core { return &widening{newStage(typeEMA, int(p[0])), newWindow(int(p[1]))} },
	}
}

type widening struct {
	e    stage
	past window
}

func (w *widening) step(in, out []float64) {
	e, ok := w.e.next(in[0] - in[1])
	if !ok {
		return
	}
	old := w.past.push(e)
	out[0] = 0
	if old > 0 {
		out[0] = 100 * (e/old - 1)
	}
}

func (w *widening) take(from core) {
	f := from.(*widening)
	w.e.take(&f.e)
	w.past.take(&f.past)
}

func ulcer() Function {
	return Function{
		Name: "ULCER", Title: "Ulcer Index", Group: Volatility, Inputs: []Input{Real}, Params: []Param{period(14, 1)},
		Outputs: []Output{{Name: "outReal", Unit: Percent, Form: Line}},
		Doc:     "How deep below their last high prices were lately: it counts falls only.",
		Formula: "sqrt(sum d^2 / n), d = 100 (x - max(x over n bars))/max(x over n bars)",
		Source:  "Peter Martin and Byron McCann, The Investor's Guide to Fidelity Funds, 1989.", Notes: "d is 0 when the highest is not above 0.",
		begin: func(p []float64) int { return 2 * (int(p[0]) - 1) },
		open:  func(p []float64) core { return &drawn{newHighest(int(p[0])), newTotal(int(p[0]))} },
	}
}

type drawn struct {
	high    extreme
	squares total
}

func (d *drawn) step(in, out []float64) {
	h := d.high.push(in[0])
	if !d.high.w.full() {
		return
	}
	fall := 0.0
	if h > 0 {
		fall = 100 * (in[0] - h) / h
	}
	d.squares.push(float64(fall * fall))
	out[0] = math.Sqrt(d.squares.sum / float64(len(d.squares.buf)))
}

func (d *drawn) take(from core) {
	f := from.(*drawn)
	d.high.take(&f.high)
	d.squares.take(&f.squares)
}
