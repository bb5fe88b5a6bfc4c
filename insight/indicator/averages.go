package indicator

// The moving averages that others can be made with, in the order of TA-Lib's MAType.
const (
	typeSMA = iota
	typeEMA
	typeWMA
	typeDEMA
	typeTEMA
	typeTRIMA
	typeKAMA
	typeMAMA
	typeT3
)

func averageTypes() []string {
	return []string{"SMA", "EMA", "WMA", "DEMA", "TEMA", "TRIMA", "KAMA", "MAMA", "T3"}
}

// maType is the parameter that chooses an average.
func maType(name string) Param {
	return Param{Name: name, Doc: "Kind of moving average", Max: typeT3, Integer: true, Choices: averageTypes()}
}

// average is a moving average at work: a core of one input and output.
type average interface {
	core
	// next takes a value; the answer counts once there were before(...) values before it.
	next(x float64) float64
}

// newAverage makes the average of a kind over n bars. An average over one bar is the bar.
func newAverage(kind, n int) average {
	if n <= 1 && kind != typeMAMA {
		return &same1{}
	}
	switch kind {
	case typeEMA:
		e := newSmooth(n, 2/(float64(n)+1))
		return &e
	case typeWMA:
		return newWeighted(n)
	case typeDEMA:
		return newChain(n, 2, []float64{2, -1})
	case typeTEMA:
		return newChain(n, 3, []float64{3, -3, 1})
	case typeTRIMA:
		return newTriangle(n)
	case typeKAMA:
		return newAdaptive(n)
	case typeMAMA:
		return newMother(0.5, 0.05)
	case typeT3:
		return newT3(n, 0.7)
	}
	return &mean{w: newWindow(n)}
}

// before is how many bars go before the first value of an average.
func before(kind, n int) int {
	switch {
	case kind == typeMAMA:
		return 32
	case n <= 1:
		return 0
	case kind == typeDEMA:
		return 2 * (n - 1)
	case kind == typeTEMA:
		return 3 * (n - 1)
	case kind == typeT3:
		return 6 * (n - 1)
	case kind == typeKAMA:
		return n
	}
	return n - 1
}

// fading is Settle of an average.
func fading(kind, n int) int {
	switch {
	case n <= 1 && kind != typeMAMA:
		return 0
	case kind == typeEMA:
		return fade(2 / (float64(n) + 1))
	case kind == typeDEMA, kind == typeTEMA, kind == typeT3:
		// Means of means fade later than one: the slope of (k t)^m e^(-k t).
		return fade(2/(float64(n)+1)) * 3
	case kind == typeKAMA, kind == typeMAMA:
		return fade(1.0/240) * 2 // at its slowest
	}
	return 0
}

// same1 is the average over one bar.
type same1 struct{}

func (same1) step(in, out []float64) { out[0] = in[0] }
func (same1) next(x float64) float64 { return x }
func (same1) take(core)              {}

func overPrice(name string) Output {
	return Output{Name: name, Unit: Price, Form: Line, OnPrice: true, PriceDegree: 1}
}

func averageOf(kind int, f Function) Function {
	f.Group, f.Inputs, f.Outputs = Overlap, []Input{Real}, []Output{overPrice("outReal")}
	if f.Params == nil {
		f.Params = []Param{period(30, 2)}
	}
	f.begin = func(p []float64) int { return before(kind, int(p[0])) }
	if fading(kind, 30) > 0 {
		f.settle = func(p []float64) int { return fading(kind, int(p[0])) }
	}
	if f.open == nil {
		f.open = func(p []float64) core { return newAverage(kind, int(p[0])) }
	}
	return f
}

func wma() Function {
	return averageOf(typeWMA, Function{
		Name: "WMA", Title: "Weighted Moving Average",
		Doc:     "A mean in which the newest bar weighs n, the one before n-1, and so on down to 1.",
		Formula: "(n x[t] + (n-1) x[t-1] + ... + x[t-n+1]) / (n(n+1)/2)",
		Source:  "Common; TA-Lib WMA.",
	})
}

// weighted is the state of a linearly weighted mean. What rounding adds to its two sums
// is taken out each time the window has gone round.
type weighted struct {
	w     window
	parts float64 // sum of value times weight
}

func newWeighted(n int) *weighted { return &weighted{w: newWindow(n)} }

func (m *weighted) step(in, out []float64) { out[0] = m.next(in[0]) }

func (m *weighted) next(x float64) float64 {
	n := float64(len(m.w.buf))
	m.parts += float64(n*x) - m.w.sum
	m.w.push(x)
	if m.w.at == 0 {
		m.parts = 0
		for i, v := range m.w.buf {
			m.parts += float64(v * float64(i+1))
		}
	}
	return m.parts / (n * (n + 1) / 2)
}

func (m *weighted) take(from core) {
	f := from.(*weighted)
	m.parts = f.parts
	m.w.take(&f.w)
}

func dema() Function {
	return averageOf(typeDEMA, Function{
		Name: "DEMA", Title: "Double Exponential Moving Average",
		Doc:     "An exponential mean with most of its lag taken out: twice the mean, less the mean of the mean.",
		Formula: "2 ema(x) - ema(ema(x))",
		Source:  "Patrick G. Mulloy, Technical Analysis of Stocks & Commodities, 1994; TA-Lib DEMA.",
	})
}

func tema() Function {
	return averageOf(typeTEMA, Function{
		Name: "TEMA", Title: "Triple Exponential Moving Average",
		Doc:     "As DEMA, with one mean more: it lags less and overshoots more.",
		Formula: "3 ema(x) - 3 ema(ema(x)) + ema(ema(ema(x)))",
		Source:  "Patrick G. Mulloy, Technical Analysis of Stocks & Commodities, 1994; TA-Lib TEMA.",
	})
}

// chain is up to six exponential means, each of the one before it, and a sum of them.
type chain struct {
	links   [6]smooth
	n       int // links in use
	weights [6]float64
}

func newChain(n, links int, weights []float64) *chain {
	c := &chain{n: links}
	for i := range links {
		c.links[i] = newSmooth(n, 2/(float64(n)+1))
	}
	copy(c.weights[:], weights)
	return c
}

func (c *chain) step(in, out []float64) { out[0] = c.next(in[0]) }

func (c *chain) next(x float64) float64 {
	for i := range c.n {
		l := &c.links[i]
		x = l.next(x)
		if l.count < l.n { // the next mean begins with this one's first value
			return 0
		}
	}
	var sum float64
	for i := range c.n {
		sum += float64(c.weights[i] * c.links[i].value)
	}
	return sum
}

func (c *chain) take(from core) { *c = *from.(*chain) }

func t3() Function {
	f := averageOf(typeT3, Function{
		Name: "T3", Title: "Triple Exponential Moving Average (T3)",
		Params: []Param{period(5, 2), {Name: "optInVFactor", Doc: "How much of the lag is taken out: 0 none, 1 most", Default: 0.7, Max: 1}},
		Doc:    "Six exponential means, weighted so that it is smooth and lags little.",
		Formula: "c1 e6 + c2 e5 + c3 e4 + c4 e3, where e1 is ema(x) and each next the ema of the one before; " +
			"c1 = -v^3, c2 = 3v^2+3v^3, c3 = -6v^2-3v-3v^3, c4 = 1+3v+v^3+3v^2",
		Source: "Tim Tillson, Technical Analysis of Stocks & Commodities, January 1998; TA-Lib T3.",
		open:   func(p []float64) core { return newT3(int(p[0]), p[1]) },
	})
	return f
}

func newT3(n int, v float64) *chain {
	cube := float64(v * v * v)
	square := float64(v * v)
	return newChain(n, 6, []float64{0, 0, 1 + 3*v + cube + 3*square, -6*square - 3*v - 3*cube, 3*square + 3*cube, -cube})
}

func trima() Function {
	return averageOf(typeTRIMA, Function{
		Name: "TRIMA", Title: "Triangular Moving Average",
		Doc:     "A mean in which the middle of the window weighs most: very smooth, and late.",
		Formula: "sma(sma(x, a), b) with a = b = (n+1)/2 for odd n, and a = n/2+1, b = n/2 for even n",
		Source:  "Common; TA-Lib TRIMA.",
	})
}

// triangle is a mean of means.
type triangle struct{ a, b mean }

func newTriangle(n int) *triangle {
	return &triangle{mean{newWindow(n/2 + 1)}, mean{newWindow((n + 1) / 2)}}
}

func (m *triangle) step(in, out []float64) { out[0] = m.next(in[0]) }

func (m *triangle) next(x float64) float64 {
	x = m.a.next(x)
	if !m.a.w.full() {
		return 0
	}
	return m.b.next(x)
}

func (m *triangle) take(from core) {
	f := from.(*triangle)
	m.a.w.take(&f.a.w)
	m.b.w.take(&f.b.w)
}

func kama() Function {
	return averageOf(typeKAMA, Function{
		Name: "KAMA", Title: "Kaufman Adaptive Moving Average",
		Doc: "A mean that is quick while prices go one way and slow while they go to and fro.",
		Formula: "k[t] = k[t-1] + s^2 (x[t] - k[t-1]), s = e (2/3 - 2/31) + 2/31, " +
			"e = |x[t] - x[t-n]| / sum of |x[i] - x[i-1]| over n bars",
		Source: "Perry J. Kaufman, Trading Systems and Methods; TA-Lib KAMA.",
		Notes:  "e is 1 while nothing moves, as in TA-Lib.",
	})
}

// adaptive is the state of KAMA.
type adaptive struct {
	past  window // prices
	moves total  // between them
	last  float64
	value float64
}

func newAdaptive(n int) *adaptive { return &adaptive{past: newWindow(n), moves: newTotal(n)} }

func (m *adaptive) step(in, out []float64) { out[0] = m.next(in[0]) }

func (m *adaptive) next(x float64) float64 {
	if m.past.count == 0 {
		m.past.push(x)
		m.last, m.value = x, x
		return x
	}
	m.moves.push(abs(x - m.last))
	ready := m.past.full()
	way := x - m.past.push(x) // n bars ago
	if ready {
		e := 1.0
		if m.moves.sum > way && m.moves.sum != 0 {
			e = abs(way / m.moves.sum)
		}
		s := float64(e*(2.0/3-2.0/31)) + 2.0/31
		m.value += float64((x - m.value) * float64(s*s))
	} else {
		m.value = x
	}
	m.last = x
	return m.value
}

func (m *adaptive) take(from core) {
	f := from.(*adaptive)
	m.past.take(&f.past)
	m.moves.take(&f.moves)
	m.last, m.value = f.last, f.value
}

func ma() Function {
	return Function{
		Name: "MA", Title: "Moving Average", Group: Overlap,
		Inputs: []Input{Real}, Params: []Param{period(30, 1), maType("optInMAType")}, Outputs: []Output{overPrice("outReal")},
		Doc:     "The moving average of the kind that is chosen.",
		Formula: "see SMA, EMA, WMA, DEMA, TEMA, TRIMA, KAMA, MAMA, T3",
		Source:  "TA-Lib MA.",
		begin:   func(p []float64) int { return before(int(p[1]), int(p[0])) },
		settle:  func(p []float64) int { return fading(int(p[1]), int(p[0])) },
		open:    func(p []float64) core { return newAverage(int(p[1]), int(p[0])) },
	}
}

func abs(x float64) float64 {
	if x < 0 {
		return -x
	}
	return x
}
