package indicator

import "math"

func ema() Function {
	return Function{
		Name: "EMA", Title: "Exponential Moving Average", Group: Overlap,
		Inputs: []Input{Real}, Params: []Param{period(30, 2)},
		Outputs: []Output{{Name: "outReal", Unit: Price, Form: Line, OnPrice: true, PriceDegree: 1}},
		Doc:     "A mean in which each bar weighs less than the one after it: new prices move it at once, old ones fade and never quite leave.",
		Formula: "ema[t] = ema[t-1] + 2/(n+1) (x[t] - ema[t-1]), begun with the mean of the first n bars",
		Source:  "Common; TA-Lib EMA.",
		Notes:   "Begun with a simple mean as TA-Lib does; TradingView begins with the first price, which differs until the start has faded.",
		begin:   last,
		settle:  func(p []float64) int { return fade(2 / (p[0] + 1)) },
		open:    func(p []float64) core { e := newSmooth(int(p[0]), 2/(p[0]+1)); return &e },
		batch:   func(p []float64, in, out [][]float64) { smooths(int(p[0]), 2/(p[0]+1), in[0], out[0]) },
	}
}

// smooth is an exponential mean that begins with a simple one. It has a value from the
// n-th step on.
//
// It keeps what the newest value is above the mean: rest[t] = (x[t] - x[t-1] + rest[t-1]) (1-k)
// says the same as ema[t] = ema[t-1] + k (x[t] - ema[t-1]), with one operation less to wait
// for in each step, and while x stands still the mean comes to be x to the bit.
type smooth struct {
	keep  float64 // 1-k: what is left of the rest after a step
	n     int     // values of the simple mean at the start
	count int     // values taken, up to n
	value float64 // the sum until there are n
	last  float64
	rest  float64 // last less value
}

// newSmooth makes the mean that weighs the newest value k.
func newSmooth(n int, k float64) smooth { return smooth{keep: 1 - k, n: n} }

func (e *smooth) step(in, out []float64) { out[0] = e.next(in[0]) }

// next takes a value; before the n-th the answer means nothing.
func (e *smooth) next(x float64) float64 {
	if e.count >= e.n {
		e.rest = float64((x - e.last + e.rest) * e.keep)
		e.last = x
		e.value = x - e.rest
		return e.value
	}
	e.count++
	e.value += x
	if e.count == e.n {
		e.value /= float64(e.n)
		e.last, e.rest = x, x-e.value
	}
	return e.value
}

func (e *smooth) take(from core) { *e = *from.(*smooth) }

// smooths is smooth over a column, to the same bits.
func smooths(n int, k float64, in, out []float64) {
	var v float64
	for _, x := range in[:n] {
		v += x
	}
	v /= float64(n)
	out[n-1] = v
	last, keep := in[n-1], 1-k
	rest := last - v
	x, o := in[n:], out[n:]
	o = o[:len(x)]
	for i, x := range x {
		rest = float64((x - last + rest) * keep)
		last = x
		o[i] = x - rest
	}
}

// fade is how many steps it takes until a value weighs less than a millionth, when the
// newest weighs k.
func fade(k float64) int {
	if k >= 1 {
		return 1
	}
	return int(math.Ceil(math.Log(1e-6) / math.Log(1-k)))
}
