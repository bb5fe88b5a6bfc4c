package indicator

import "math"

const (
	wilder  = "J. Welles Wilder, New Concepts in Technical Trading Systems, 1978; TA-Lib "
	dmIs    = "+DM = high - high[t-1] when that is above 0 and above low[t-1] - low, else 0; -DM the other way round; each summed as s[t] = s[t-1] - s[t-1]/n + v, begun with the plain sum of n-1"
	diIs    = dmIs + "; +DI = 100 +DM/TR, -DI = 100 -DM/TR, TR summed likewise"
	dxIs    = diIs + "; DX = 100 |+DI - -DI| / (+DI + -DI)"
	stayDX  = "While nothing moves it keeps its value, as in TA-Lib."
	flatDI  = "0 while there is no range, as in TA-Lib."
	dirDoc  = "Wilder's directional movement: how much of the range of the bars reaches beyond the bar before, up or down."
	trendIs = "How strongly prices go one way, whichever: above 25 is often read as a trend, below 20 as none."
)

func directionalOf(f Function, n int, out Output, least float64, begin func(n int) int, read func(*directional, []float64)) Function {
	f.Group, f.Params, f.Outputs = Momentum, []Param{period(14, least)}, []Output{out}
	f.Inputs = []Input{High, Low, Close}
	if n == 2 {
		f.Inputs = []Input{High, Low}
	}
	f.begin = func(p []float64) int { return begin(int(p[0])) }
	f.settle = func(p []float64) int { return fade(1/p[0]) * 2 }
	f.open = func(p []float64) core { return &movement{d: directional{n: int(p[0])}, read: read} }
	return f
}

func index100(name string) Output {
	return Output{Name: name, Unit: Index, Form: Line, Most: 100}
}

func plusDM() Function {
	return directionalOf(Function{Name: "PLUS_DM", Title: "Plus Directional Movement", Doc: dirDoc, Formula: dmIs, Source: wilder + "PLUS_DM."}, 2,
		Output{Name: "outReal", Unit: Price, Form: Line, PriceDegree: 1}, 1, beginDM, func(d *directional, out []float64) { out[0] = d.plus })
}

func minusDM() Function {
	return directionalOf(Function{Name: "MINUS_DM", Title: "Minus Directional Movement", Doc: dirDoc, Formula: dmIs, Source: wilder + "MINUS_DM."}, 2,
		Output{Name: "outReal", Unit: Price, Form: Line, PriceDegree: 1}, 1, beginDM, func(d *directional, out []float64) { out[0] = d.minus })
}

func plusDI() Function {
	return directionalOf(Function{Name: "PLUS_DI", Title: "Plus Directional Indicator", Doc: dirDoc, Formula: diIs, Source: wilder + "PLUS_DI.", Notes: flatDI}, 3,
		index100("outReal"), 1, func(n int) int { return n }, func(d *directional, out []float64) { out[0], _ = d.indicators() })
}

func minusDI() Function {
	return directionalOf(Function{Name: "MINUS_DI", Title: "Minus Directional Indicator", Doc: dirDoc, Formula: diIs, Source: wilder + "MINUS_DI.", Notes: flatDI}, 3,
		index100("outReal"), 1, func(n int) int { return n }, func(d *directional, out []float64) { _, out[0] = d.indicators() })
}

func dx() Function {
	return directionalOf(Function{Name: "DX", Title: "Directional Movement Index", Doc: trendIs, Formula: dxIs, Source: wilder + "DX.", Notes: stayDX}, 3,
		index100("outReal"), 2, func(n int) int { return n }, func(d *directional, out []float64) { out[0] = d.dx })
}

func beginDM(n int) int { return max(n-1, 1) }

// directional keeps the sums of directional movement and true range.
type directional struct {
	n                int
	seen             int // bars, up to n+1
	high, low, close float64
	plus, minus, tr  float64
	dx               float64
	moved            bool // the last bar gave a DX
}

func (d *directional) next(high, low, close float64) {
	up, down := high-d.high, d.low-low
	tr := trueRange(high, low, d.close)
	first := d.seen == 0
	d.high, d.low, d.close = high, low, close
	if d.seen <= d.n {
		d.seen++
	}
	if first {
		return
	}
	n := float64(d.n)
	switch {
	case d.n == 1:
		d.plus, d.minus, d.tr = 0, 0, 0
	case d.seen > d.n:
		d.plus -= float64(d.plus * (1 / n))
		d.minus -= float64(d.minus * (1 / n))
		d.tr -= float64(d.tr * (1 / n))
	}
	switch {
	case down > 0 && up < down:
		d.minus += down
	case up > 0 && up > down:
		d.plus += up
	}
	d.tr += tr
	if d.seen <= d.n {
		return
	}
	d.moved = false
	if d.tr != 0 {
		// Of +DI and -DI it is the same: both are divided by the true range.
		if sum := d.minus + d.plus; sum > 0 {
			d.dx, d.moved = 100*(math.Abs(d.minus-d.plus)/sum), true
		}
	}
}

func (d *directional) indicators() (plus, minus float64) {
	if d.tr == 0 {
		return 0, 0
	}
	return 100 * (d.plus / d.tr), 100 * (d.minus / d.tr)
}

type movement struct {
	d    directional
	read func(*directional, []float64)
}

func (m *movement) step(in, out []float64) {
	m.d.next(in[0], in[1], in[len(in)-1])
	m.read(&m.d, out)
}

func (m *movement) take(from core) { m.d = from.(*movement).d }

func adx() Function {
	return Function{
		Name: "ADX", Title: "Average Directional Movement Index", Group: Momentum, Inputs: []Input{High, Low, Close}, Params: []Param{period(14, 2)},
		Outputs: []Output{index100("outReal")}, Doc: trendIs,
		Formula: dxIs + "; adx = (adx[t-1] (n-1) + DX)/n, begun with the mean of n",
		Source:  wilder + "ADX.", Notes: stayDX,
		begin:  func(p []float64) int { return 2*int(p[0]) - 1 },
		settle: func(p []float64) int { return fade(1/p[0]) * 3 },
		open:   func(p []float64) core { return &trend{d: directional{n: int(p[0])}} },
		batch:  trends,
	}
}

type trend struct {
	d     directional
	count int // values of DX's places in the first mean
	value float64
}

func (a *trend) next(high, low, close float64) float64 {
	a.d.next(high, low, close)
	if a.d.seen <= a.d.n {
		return 0
	}
	n := float64(a.d.n)
	switch {
	case a.count < a.d.n:
		a.count++
		if a.d.moved {
			a.value += a.d.dx
		}
		if a.count == a.d.n {
			a.value /= n
		}
	case a.d.moved:
		a.value += float64((a.d.dx - a.value) * (1 / n))
	}
	return a.value
}

func (a *trend) step(in, out []float64) { out[0] = a.next(in[0], in[1], in[2]) }

func (a *trend) take(from core) { *a = *from.(*trend) }

// trends is trend over columns, to the same bits.
func trends(p []float64, in, out [][]float64) {
	n := int(p[0])
	a := trend{d: directional{n: n}}
	high, low, close, o := in[0], in[1], in[2], out[0]
	begin := 2*n - 1
	for t := 0; t <= begin; t++ {
		o[t] = a.next(high[t], low[t], close[t])
	}
	blank(o[:begin])
	d := a.d
	k, value := 1/float64(n), a.value
	high, low, close, o = high[begin+1:], low[begin+1:], close[begin+1:], o[begin+1:]
	low, close, o = low[:len(high)], close[:len(high)], o[:len(high)]
	lastHigh, lastLow, lastClose, plus, minus, tr := d.high, d.low, d.close, d.plus, d.minus, d.tr
	for i, h := range high {
		l := low[i]
		up, down := h-lastHigh, lastLow-l
		plus -= float64(plus * k)
		minus -= float64(minus * k)
		tr -= float64(tr * k)
		switch {
		case down > 0 && up < down:
			minus += down
		case up > 0 && up > down:
			plus += up
		}
		tr += trueRange(h, l, lastClose)
		lastHigh, lastLow, lastClose = h, l, close[i]
		if sum := minus + plus; tr != 0 && sum > 0 {
			dx := 100 * (math.Abs(minus-plus) / sum)
			value += float64((dx - value) * k)
		}
		o[i] = value
	}
}

func adxr() Function {
	return Function{
		Name: "ADXR", Title: "Average Directional Movement Index Rating", Group: Momentum, Inputs: []Input{High, Low, Close}, Params: []Param{period(14, 2)},
		Outputs: []Output{index100("outReal")}, Doc: trendIs + " The mean of now and of n bars ago: it turns later than the ADX.",
		Formula: "(adx[t] + adx[t-n+1]) / 2",
		Source:  wilder + "ADXR.", Notes: stayDX,
		begin:  func(p []float64) int { return 3*int(p[0]) - 2 },
		settle: func(p []float64) int { return fade(1/p[0]) * 3 },
		open:   func(p []float64) core { return &rating{trend{d: directional{n: int(p[0])}}, newWindow(int(p[0]))} },
	}
}

type rating struct {
	t trend
	w window
}

func (r *rating) step(in, out []float64) {
	v := r.t.next(in[0], in[1], in[2])
	r.w.push(v)
	out[0] = (v + r.w.buf[r.w.at]) / 2
}

func (r *rating) take(from core) {
	f := from.(*rating)
	r.t = f.t
	r.w.take(&f.w)
}
