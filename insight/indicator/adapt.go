package indicator

import "math"

func mcginley() Function {
	return Function{
		Name: "MCGINLEY", Title: "McGinley Dynamic", Group: Overlap, Inputs: []Input{Real}, Params: []Param{period(10, 1)}, Outputs: []Output{overPrice("outReal")},
		Doc:     "A mean that follows quickly when prices fall below it and slowly when they rise above.",
		Formula: "m[t] = m[t-1] + (x[t] - m[t-1]) min(1, 1/(n (x[t]/m[t-1])^4)), begun with the first price",
		Source:  "John R. McGinley, Journal of the Market Technicians Association, 1991.",
		Notes:   "Without the bound of 1 a fall to half would throw it far below the price. Some programs multiply n by 0.6.",
		begin:   last,
		settle:  func(p []float64) int { return fade(1/p[0]) * 3 },
		open:    func(p []float64) core { return &dynamic{n: p[0]} },
	}
}

type dynamic struct {
	n, value float64
	begun    bool
}

func (d *dynamic) step(in, out []float64) {
	x := in[0]
	if !d.begun || d.value == 0 {
		d.value, d.begun = x, true
	} else {
		q := x / d.value
		q = float64(q * q)
		if w := float64(d.n * float64(q*q)); w > 1 {
			d.value += (x - d.value) / w
		} else {
			d.value = x
		}
	}
	out[0] = d.value
}

func (d *dynamic) take(from core) { *d = *from.(*dynamic) }

func vidya() Function {
	return Function{
		Name: "VIDYA", Title: "Variable Index Dynamic Average", Group: Overlap, Inputs: []Input{Real},
		Params:  []Param{period(14, 1), span("optInMomentumPeriod", "Bars of the momentum that sets the pace", 9, 1)},
		Outputs: []Output{overPrice("outReal")},
		Doc:     "An exponential mean that is quick when prices go one way and stands still when they go nowhere.",
		Formula: "v[t] = v[t-1] + 2/(n+1) |CMOU(x, m)/100| (x[t] - v[t-1]), begun with the price before its first bar",
		Source:  "Tushar Chande, Technical Analysis of Stocks & Commodities, March 1992; with the momentum oscillator: The New Technical Trader, 1994.",
		begin:   func(p []float64) int { return int(p[1]) },
		settle:  func(p []float64) int { return fade(2/(p[0]+1)) * 6 * int(math.Ceil(math.Sqrt(p[1]))) },
		open:    func(p []float64) core { return &paced{c: newPlain(int(p[1])), k: 2 / (p[0] + 1)} },
	}
}

type paced struct {
	c        plain
	k, value float64
}

func (v *paced) step(in, out []float64) {
	m, ok := v.c.next(in[0])
	if !ok {
		v.value = in[0]
		return
	}
	v.value += float64((in[0] - v.value) * float64(v.k*abs(m)/100))
	out[0] = v.value
}

func (v *paced) take(from core) {
	f := from.(*paced)
	v.c.take(&f.c)
	v.value = f.value
}

func frama() Function {
	return Function{
		Name: "FRAMA", Title: "Fractal Adaptive Moving Average", Group: Overlap, Inputs: []Input{High, Low}, Params: []Param{period(16, 2)}, Outputs: []Output{overPrice("outReal")},
		Doc: "An exponential mean whose pace comes from the fractal dimension of the ranges: quick in a straight trend, slow where prices fill the plane.",
		Formula: "f[t] = f[t-1] + a (p - f[t-1]), p = (high + low)/2; a = exp(-4.6 (D - 1)) from 0.01 to 1; D = (ln(R1 + R2) - ln R3)/ln 2; " +
			"R1, R2: ranges of the two halves of the window over n/2; R3: range of the whole over n",
		Source: "John Ehlers, Technical Analysis of Stocks & Commodities, October 2005.",
		Notes:  "The halves are as long as n allows: of an odd n one bar is left out. Without any range the pace stays. It begins with the p before its first bar.",
		begin:  func(p []float64) int { return int(p[0])/2*2 - 1 },
		settle: func([]float64) int { return fade(0.01) },
		open: func(p []float64) core {
			h := int(p[0]) / 2
			return &fractal{half: newChannel(h), highs: newWindow(h + 1), lows: newWindow(h + 1), pace: 1}
		},
	}
}

type fractal struct {
	half        channel
	highs, lows window // of the newer half, and so, half a window ago, of the older
	n           int    // bars until the window was full
	pace, value float64
}

func (f *fractal) step(in, out []float64) {
	p := (in[0] + in[1]) / 2
	h, l := f.half.push(in[0], in[1])
	f.highs.push(h)
	f.lows.push(l)
	size := len(f.half.high.w.buf)
	if f.n < 2*size-1 {
		f.n++
		f.value = p
		return
	}
	oh, ol := f.highs.ago(size), f.lows.ago(size)
	halves := (h - l + oh - ol) / float64(size)
	whole := (max(h, oh) - min(l, ol)) / float64(2*size)
	if halves > 0 && whole > 0 {
		d := math.Log(halves/whole) / math.Ln2
		f.pace = min(1, max(0.01, math.Exp(-4.6*(d-1))))
	}
	f.value += float64((p - f.value) * f.pace)
	out[0] = f.value
}

func (f *fractal) take(from core) {
	g := from.(*fractal)
	f.half.take(&g.half)
	f.highs.take(&g.highs)
	f.lows.take(&g.lows)
	f.n, f.pace, f.value = g.n, g.pace, g.value
}
