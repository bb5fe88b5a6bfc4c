package indicator

import "math"

func stddev() Function {
	return Function{
		Name: "STDDEV", Title: "Standard Deviation", Group: Statistic,
		Inputs: []Input{Real}, Params: []Param{period(5, 2), deviations("optInNbDev", 1)},
		Outputs: []Output{{Name: "outReal", Unit: Price, Form: Line, PriceDegree: 1}},
		Doc:     "How far the last bars lie from their mean, as the root of the mean square.",
		Formula: "d sqrt(sum (x[i] - mean)^2 / n)",
		Source:  "Common; TA-Lib STDDEV.",
		Notes:   "Divided by n (population), as in TA-Lib. TA-Lib takes a variance below 1e-8 (1e-14 in later versions) for 0, which hides all movement of small prices; here it is what it is.",
		begin:   last,
		open: func(p []float64) core {
			return &deviation{s: newSpread(int(p[0])), times: p[1], root: true}
		},
	}
}

func variance() Function {
	return Function{
		Name: "VAR", Title: "Variance", Group: Statistic,
		Inputs: []Input{Real}, Params: []Param{period(5, 1), deviations("optInNbDev", 1)},
		Outputs: []Output{{Name: "outReal", Unit: Squared, Form: Line, PriceDegree: 2}},
		Doc:     "The mean square distance of the last bars from their mean.",
		Formula: "sum (x[i] - mean)^2 / n",
		Source:  "Common; TA-Lib VAR.",
		Notes:   "Divided by n (population). The number of deviations changes nothing, as in TA-Lib.",
		begin:   last,
		open:    func(p []float64) core { return &deviation{s: newSpread(int(p[0]))} },
	}
}

func deviations(name string, def float64) Param {
	return Param{Name: name, Doc: "Number of standard deviations", Default: def, Min: -1000, Max: 1000}
}

// spread keeps mean and variance of a window by sums of values and of squares, in the
// order of TA-Lib's, so that even what rounding adds is the same. Where that would show,
// it is mended: a window of equal values has no variance at all, and when what is in the
// window is a thousand times smaller than what was, both sums are begun anew.
type spread struct {
	w       window // of the values before the newest; its sum is not used
	sum, sq float64
	peak    float64 // greatest sum of squares since they were begun
	last    float64
	equal   int // how many of the newest values are the same
	n       int

	// Of the last push, once there were n: sums of values and squares, mean, variance.
	total, square, mean, variance float64
}

func newSpread(n int) spread { return spread{w: newWindow(n), n: n} }

func (s *spread) push(x float64) {
	if s.equal > 0 && x == s.last {
		s.equal++
	} else {
		s.equal = 1
	}
	s.last = x
	s.w.push(x)
	s.sum += x
	s.sq += float64(x * x)
	if !s.w.full() {
		return
	}
	s.peak = max(s.peak, s.sq)
	if s.sq < s.peak*1e-6 {
		s.anew()
	}
	n := float64(s.n)
	s.total, s.square = s.sum, s.sq
	s.mean = s.sum / n
	s.variance = max(0, s.sq/n-float64(s.mean*s.mean))
	if s.equal >= s.n {
		s.mean, s.variance = x, 0
	}
	old := s.w.ago(s.n - 1)
	s.sum -= old
	s.sq -= float64(old * old)
}

func (s *spread) anew() {
	s.sum, s.sq = 0, 0
	for i := s.n - 1; i >= 0; i-- {
		x := s.w.ago(i)
		s.sum += x
		s.sq += float64(x * x)
	}
	s.peak = s.sq
}

func (s *spread) take(from *spread) {
	w := s.w
	*s = *from
	s.w = w
	s.w.take(&from.w)
}

type deviation struct {
	s     spread
	times float64
	root  bool
}

func (d *deviation) step(in, out []float64) {
	d.s.push(in[0])
	v := d.s.variance
	if d.root {
		v = float64(math.Sqrt(v) * d.times)
	}
	out[0] = v
}

func (d *deviation) take(from core) {
	f := from.(*deviation)
	d.s.take(&f.s)
}

func bbands() Function {
	band := func(name, doc string, form Form) Output {
		o := overPrice(name)
		o.Doc, o.Form = doc, form
		return o
	}
	return Function{
		Name: "BBANDS", Title: "Bollinger Bands", Group: Overlap,
		Inputs:  []Input{Real},
		Params:  []Param{period(5, 2), deviations("optInNbDevUp", 2), deviations("optInNbDevDn", 2), maType("optInMAType")},
		Outputs: []Output{band("outRealUpperBand", "The average and the deviations above it", Band), band("outRealMiddleBand", "The average", Line), band("outRealLowerBand", "The average less the deviations", Band)},
		Doc:     "A moving average with a band of standard deviations about it. Prices near a band are far from their mean for their recent variability.",
		Formula: "average + u sd, average, average - d sd; sd is STDDEV of the same n bars",
		Source:  "John Bollinger, 1980s; Bollinger on Bollinger Bands, 2001; TA-Lib BBANDS.",
		Notes:   "5 bars unless told, as in TA-Lib; Bollinger himself uses 20. The deviation is always about the simple mean.",
		begin:   func(p []float64) int { return max(before(int(p[3]), int(p[0])), int(p[0])-1) },
		settle:  func(p []float64) int { return fading(int(p[3]), int(p[0])) },
		open: func(p []float64) core {
			b := &bollinger{s: newSpread(int(p[0])), up: p[1], down: p[2]}
			if p[3] != typeSMA {
				b.middle = newAverage(int(p[3]), int(p[0]))
			}
			return b
		},
		batch: bollingers,
	}
}

// bollingers is bollinger over a column, to the same bits.
func bollingers(p []float64, in, out [][]float64) {
	n := int(p[0])
	if p[3] != typeSMA {
		f := bbands()
		f.steps(p, in, out)
		return
	}
	size, u, v := p[0], p[1], p[2]
	var sum, sq, peak, last float64
	equal := 0
	for _, c := range in[0][:n-1] {
		if equal++; c != last {
			equal = 1
		}
		last = c
		sum += c
		sq += float64(c * c)
	}
	x, leaving := in[0][n-1:], in[0]
	upper, middle, lower := out[0][n-1:], out[1][n-1:], out[2][n-1:]
	leaving, upper, middle, lower = leaving[:len(x)], upper[:len(x)], middle[:len(x)], lower[:len(x)]
	for t, c := range x {
		if equal++; c != last {
			equal = 1
		}
		last = c
		sum += c
		sq += float64(c * c)
		if sq > peak {
			peak = sq
		} else if sq < peak*1e-6 {
			sum, sq = 0, 0
			for _, c := range in[0][t : t+n] {
				sum += c
				sq += float64(c * c)
			}
			peak = sq
		}
		mean := sum / size
		variance := sq/size - float64(mean*mean)
		if variance < 0 {
			variance = 0
		}
		if equal >= n {
			mean, variance = c, 0
		}
		old := leaving[t]
		sum -= old
		sq -= float64(old * old)
		sd := math.Sqrt(variance)
		middle[t], upper[t], lower[t] = mean, mean+float64(sd*u), mean-float64(sd*v)
	}
}

type bollinger struct {
	s        spread
	middle   average // nil: the mean that s knows
	up, down float64
}

func (b *bollinger) step(in, out []float64) {
	x := in[0]
	b.s.push(x)
	m, v := b.s.mean, b.s.variance
	if b.middle != nil {
		m = b.middle.next(x)
	}
	sd := math.Sqrt(v)
	out[0], out[1], out[2] = m+float64(sd*b.up), m, m-float64(sd*b.down)
}

func (b *bollinger) take(from core) {
	f := from.(*bollinger)
	b.s.take(&f.s)
	if b.middle != nil {
		b.middle.take(f.middle)
	}
}
