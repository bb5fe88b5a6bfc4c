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
	for t := 0; t < n; t++ {
		sum += in[t] - 0
		fresh += in[t]
	}
	sum, fresh = fresh, 0
	out[n-1] = sum / size
	for t := n; t < len(in); {
		end := min(t+n, len(in)) // until the window has gone round once more
		x, old, o := in[t:end], in[t-n:end-n], out[t:end]
		old, o = old[:len(x)], o[:len(x)]
		for i, v := range x {
			sum += v - old[i]
			fresh += v
			if i == n-1 {
				sum = fresh
			}
			o[i] = sum / size
		}
		if end-t == n {
			fresh = 0
		}
		t = end
	}
}
