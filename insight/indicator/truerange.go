package indicator

import "math"

// trueRange is the range of a bar together with the close before it.
func trueRange(high, low, before float64) float64 {
	r := high - low
	if a := math.Abs(high - before); a > r {
		r = a
	}
	if a := math.Abs(low - before); a > r {
		r = a
	}
	return r
}

func trange() Function {
	return Function{
		Name: "TRANGE", Title: "True Range", Group: Volatility, Inputs: []Input{High, Low, Close},
		Outputs: []Output{{Name: "outReal", Unit: Price, Form: Line, PriceDegree: 1}},
		Doc:     "The range of the bar, with the gap from the close before it.",
		Formula: "max(high - low, |high - close[t-1]|, |low - close[t-1]|)", Source: wilder + "TRANGE.",
		begin: func([]float64) int { return 1 }, open: func([]float64) core { return &span1{} },
	}
}

type span1 struct{ close float64 }

func (s *span1) step(in, out []float64) {
	out[0] = trueRange(in[0], in[1], s.close)
	s.close = in[2]
}

func (s *span1) take(from core) { *s = *from.(*span1) }

func atr() Function {
	return Function{
		Name: "ATR", Title: "Average True Range", Group: Volatility, Inputs: []Input{High, Low, Close}, Params: []Param{period(14, 1)},
		Outputs: []Output{{Name: "outReal", Unit: Price, Form: Line, PriceDegree: 1}},
		Doc:     "How far prices move in a bar, gaps included, lately.",
		Formula: "atr[t] = (atr[t-1] (n-1) + TR)/n, begun with the mean of n; TR as TRANGE",
		Source:  wilder + "ATR.",
		begin:   func(p []float64) int { return int(p[0]) },
		settle:  func(p []float64) int { return fade(1 / p[0]) },
		open:    func(p []float64) core { return &ranges{n: int(p[0])} },
		batch: func(p []float64, in, out [][]float64) {
			r := ranges{n: int(p[0])}
			high, low, close, o := in[0], in[1], in[2], out[0]
			for t := 0; t <= r.n; t++ {
				o[t] = r.next(high[t], low[t], close[t])
			}
			blank(o[:r.n])
			high, low, close, o = high[r.n+1:], low[r.n+1:], close[r.n+1:], o[r.n+1:]
			low, close, o = low[:len(high)], close[:len(high)], o[:len(high)]
			v, before, k := r.value, r.close, 1/float64(r.n)
			for i, h := range high {
				v += float64((trueRange(h, low[i], before) - v) * k)
				before = close[i]
				o[i] = v
			}
		},
	}
}

func natr() Function {
	return Function{
		Name: "NATR", Title: "Normalized Average True Range", Group: Volatility, Inputs: []Input{High, Low, Close}, Params: []Param{period(14, 1)},
		Outputs: []Output{{Name: "outReal", Unit: Percent, Form: Line}},
		Doc:     "The average true range as a percentage of the close: it can be compared between assets.",
		Formula: "100 atr / close",
		Source:  "John Forman, Technical Analysis of Stocks & Commodities, May 2006; TA-Lib NATR.",
		Notes:   "0 when the close is 0.",
		begin:   func(p []float64) int { return int(p[0]) },
		settle:  func(p []float64) int { return fade(1 / p[0]) },
		open:    func(p []float64) core { return &ranges{n: int(p[0]), percent: true} },
	}
}

// ranges is Wilder's mean of true ranges.
type ranges struct {
	n       int
	percent bool
	count   int // bars, up to n+1
	close   float64
	value   float64 // a sum until there are n
}

func (r *ranges) next(high, low, close float64) float64 {
	tr := trueRange(high, low, r.close)
	r.close = close
	n := float64(r.n)
	switch {
	case r.count > r.n:
		r.value += float64((tr - r.value) * (1 / n))
	case r.count == 0:
		r.count++
		return 0
	default:
		r.value += tr
		if r.count == r.n {
			r.value /= n
		}
		r.count++
	}
	return r.value
}

func (r *ranges) step(in, out []float64) {
	out[0] = r.next(in[0], in[1], in[2])
	if r.percent {
		if in[2] == 0 {
			out[0] = 0
			return
		}
		out[0] = out[0] / in[2] * 100
	}
}

func (r *ranges) take(from core) { *r = *from.(*ranges) }
