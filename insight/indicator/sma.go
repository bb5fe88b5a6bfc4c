package indicator

func sma() Function {
	return Function{
		Name: "SMA", Title: "Simple Moving Average", Group: Overlap,
		Inputs: []Input{Real}, Params: []Param{period(30, 2)},
		Outputs: []Output{{Name: "outReal", Unit: Price, Form: Line, OnPrice: true, PriceDegree: 1}},
		Doc:     "The mean of the last bars. It smooths, and lags by half its length.",
		Formula: "(x[t] + x[t-1] + ... + x[t-n+1]) / n",
		Source:  "Common; TA-Lib SMA.",
		begin:   last, open: func(p []float64) core { return &mean{w: newWindow(int(p[0]))} },
		batch: func(p []float64, in, out [][]float64) { means(int(p[0]), in[0], out[0]) },
	}
}

// mean is the state of a simple moving average.
type mean struct{ w window }

func (m *mean) step(in, out []float64) { out[0] = m.next(in[0]) }

func (m *mean) next(x float64) float64 {
	m.w.push(x)
	return m.w.sum / float64(len(m.w.buf))
}

func (m *mean) take(from core) { m.w.take(&from.(*mean).w) }

// means is mean over a column, to the same bits: the order of the sums is window's.
func means(n int, in, out []float64) {
	var sum, fresh float64
	size := float64(n)
	for _, x := range in[:n] {
		fresh += x
	}
	sum, fresh = fresh, 0
	out[n-1] = sum / size
	x, old, o := in[n:], in, out[n:]
	old, o = old[:len(x)], o[:len(x)]
	if n < 16 {
		left := n
		for i, v := range x {
			sum += v - old[i]
			fresh += v
			if left--; left == 0 {
				sum, fresh, left = fresh, 0, n
			}
			o[i] = sum / size
		}
		return
	}
	for len(x) > 0 { // each time round until the window is about to be summed anew
		k := min(n-1, len(x))
		for i, v := range x[:k] {
			sum += v - old[i]
			fresh += v
			o[i] = sum / size
		}
		if k == len(x) {
			return
		}
		sum, fresh = fresh+x[k], 0
		o[k] = sum / size
		x, old, o = x[n:], old[n:], o[n:]
	}
}
