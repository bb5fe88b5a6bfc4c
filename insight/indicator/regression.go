package indicator

import "math"

const (
	leastSquares = "Least squares (Legendre, 1805); TA-Lib "
	fitIs        = "x[i] = b + m i fitted by least squares to the last n bars, i = 0 ... n-1"
)

func fitOf(f Function, out Output, of func(m, b, n float64) float64) Function {
	f.Group, f.Inputs, f.Params, f.Outputs = Statistic, []Input{Real}, []Param{period(14, 2)}, []Output{out}
	f.Source = leastSquares + f.Name + "."
	f.begin = last
	f.open = func(p []float64) core { return &fit{w: newWindow(int(p[0])), of: of} }
	return f
}

func linearreg() Function {
	return fitOf(Function{Name: "LINEARREG", Title: "Linear Regression", Doc: "The end of the straight line through the last bars.", Formula: "b + m (n-1); " + fitIs},
		overPrice("outReal"), func(m, b, n float64) float64 { return b + float64(m*(n-1)) })
}

func linearregAngle() Function {
	return fitOf(Function{Name: "LINEARREG_ANGLE", Title: "Linear Regression Angle", Doc: "The angle of the straight line through the last bars: it depends on the unit of the price.", Formula: "arctan(m) in degrees; " + fitIs},
		Output{Name: "outReal", Unit: Degrees, Form: Line, Least: -90, Most: 90, Free: true}, func(m, b, n float64) float64 { return math.Atan(m) * (180.0 / math.Pi) })
}

func linearregIntercept() Function {
	return fitOf(Function{Name: "LINEARREG_INTERCEPT", Title: "Linear Regression Intercept", Doc: "The beginning of the straight line through the last bars.", Formula: "b; " + fitIs},
		overPrice("outReal"), func(m, b, n float64) float64 { return b })
}

func linearregSlope() Function {
	return fitOf(Function{Name: "LINEARREG_SLOPE", Title: "Linear Regression Slope", Doc: "The rise per bar of the straight line through the last bars.", Formula: "m; " + fitIs},
		Output{Name: "outReal", Unit: Price, Form: Line, PriceDegree: 1}, func(m, b, n float64) float64 { return m })
}

func tsf() Function {
	return fitOf(Function{Name: "TSF", Title: "Time Series Forecast", Doc: "Where the straight line through the last bars would be at the next.", Formula: "b + m n; " + fitIs},
		overPrice("outReal"), func(m, b, n float64) float64 { return b + float64(m*n) })
}

type fit struct {
	w  window
	of func(m, b, n float64) float64
}

func (f *fit) step(in, out []float64) {
	f.w.push(in[0])
	if !f.w.full() {
		return
	}
	n := float64(len(f.w.buf))
	sx := n * (n - 1) / 2
	sxx := n * (n - 1) * (2*n - 1) / 6
	var sy, sxy float64
	for i := len(f.w.buf) - 1; i >= 0; i-- {
		y := f.w.ago(i)
		sy += y
		sxy += float64(float64(i) * y)
	}
	m := (float64(n*sxy) - float64(sx*sy)) / (float64(sx*sx) - float64(n*sxx))
	b := (sy - float64(m*sx)) / n
	out[0] = f.of(m, b, n)
}

func (f *fit) take(from core) { f.w.take(&from.(*fit).w) }

func correl() Function {
	return Function{
		Name: "CORREL", Title: "Pearson's Correlation Coefficient (r)", Group: Statistic, Inputs: []Input{Real, Real1}, Params: []Param{period(30, 1)},
		Outputs: []Output{{Name: "outReal", Unit: Ratio, Form: Line, Least: -1, Most: 1}},
		Doc:     "Whether two columns move together: 1 in step, -1 against each other, 0 without connection.",
		Formula: "sum (x - mx)(y - my) / sqrt(sum (x - mx)^2 sum (y - my)^2) over n bars", Source: "Karl Pearson, 1895; TA-Lib CORREL.",
		Notes: "Of the values themselves, not of their changes, as in TA-Lib: two prices that trend the same way are highly correlated. 0 when one does not move.",
		begin: last, open: func(p []float64) core { return &correlation{x: newSpread(int(p[0])), y: newSpread(int(p[0]))} },
	}
}

// correlation sums in the order of TA-Lib's.
type correlation struct {
	x, y spread
	xy   float64
}

func (c *correlation) step(in, out []float64) {
	peakX, peakY := c.x.peak, c.y.peak
	c.x.push(in[0])
	c.y.push(in[1])
	c.xy += float64(in[0] * in[1])
	out[0] = 0
	n := float64(c.x.n)
	if !c.x.w.full() {
		return
	}
	if c.x.peak < peakX || c.y.peak < peakY { // one began its sums anew
		c.xy = 0
		for i := c.x.n - 1; i >= 0; i-- {
			c.xy += float64(c.x.w.ago(i) * c.y.w.ago(i))
		}
	}
	if c.x.equal < c.x.n && c.y.equal < c.y.n {
		sx, sy := c.x.total, c.y.total
		p := (c.x.square - float64(sx*sx)/n) * (c.y.square - float64(sy*sy)/n)
		if p > 0 {
			out[0] = max(-1, min(1, (c.xy-float64(sx*sy)/n)/math.Sqrt(p)))
		}
	}
	c.xy -= float64(c.x.w.ago(c.x.n-1) * c.y.w.ago(c.y.n-1))
}

func (c *correlation) take(from core) {
	f := from.(*correlation)
	c.x.take(&f.x)
	c.y.take(&f.y)
	c.xy = f.xy
}

func beta() Function {
	return Function{
		Name: "BETA", Title: "Beta", Group: Statistic, Inputs: []Input{Real, Real1}, Params: []Param{period(5, 1)},
		Outputs: []Output{ratio("outReal")},
		Doc:     "How much the second column moves for a movement of the first.",
		Formula: "cov(a, b)/var(a), a and b the changes per bar of the first and second column as fractions, over n changes",
		Source:  "William Sharpe, 1964; TA-Lib BETA.",
		Notes:   "The first column is the market in it, as in TA-Lib. 0 when it does not move; a change from 0 counts as 0.",
		begin:   func(p []float64) int { return int(p[0]) },
		open:    func(p []float64) core { return &comovement{a: newWindow(int(p[0])), b: newWindow(int(p[0]))} },
	}
}

type comovement struct {
	a, b   window // of changes
	la, lb float64
	begun  bool
	aa, ab float64
	peak   float64
	live   int // changes of a that are not 0
}

func (c *comovement) step(in, out []float64) {
	var da, db float64
	if c.la != 0 {
		da = (in[0] - c.la) / c.la
	}
	if c.lb != 0 {
		db = (in[1] - c.lb) / c.lb
	}
	first := !c.begun
	c.la, c.lb, c.begun = in[0], in[1], true
	if first {
		return
	}
	oa, ob := c.a.push(da), c.b.push(db)
	if da != 0 {
		c.live++
	}
	if oa != 0 {
		c.live--
	}
	c.aa += float64(da*da) - float64(oa*oa)
	c.ab += float64(da*db) - float64(oa*ob)
	c.peak = max(c.peak, c.aa)
	if c.a.at == 0 || c.aa < c.peak*1e-6 {
		c.aa, c.ab = 0, 0
		for i, x := range c.a.buf {
			c.aa += float64(x * x)
			c.ab += float64(x * c.b.buf[i])
		}
		c.peak = c.aa
	}
	out[0] = 0
	n := float64(len(c.a.buf))
	sa, sb := c.a.sum, c.b.sum
	if d := float64(n*c.aa) - float64(sa*sa); c.live > 0 && d > 1e-14*n*c.aa {
		out[0] = (float64(n*c.ab) - float64(sa*sb)) / d
	}
}

func (c *comovement) take(from core) {
	f := from.(*comovement)
	a, b := c.a, c.b
	*c = *f
	c.a, c.b = a, b
	c.a.take(&f.a)
	c.b.take(&f.b)
}
