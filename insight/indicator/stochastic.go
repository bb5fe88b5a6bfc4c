package indicator

const (
	stochDoc    = "Where the close lies in the range of the last bars, from 0 at its bottom to 100 at its top, smoothed. Above 80 is often read as overbought, below 20 as oversold."
	stochSource = "George Lane, 1950s; TA-Lib "
)

func percentOf(name, doc string) Output {
	return Output{Name: name, Unit: Index, Form: Line, Most: 100, Doc: doc}
}

func stoch() Function {
	return Function{
		Name: "STOCH", Title: "Stochastic", Group: Momentum, Inputs: []Input{High, Low, Close},
		Params: []Param{span("optInFastK_Period", "Bars of the range", 5, 1), span("optInSlowK_Period", "Bars of %K's average", 3, 1), maType("optInSlowK_MAType"),
			span("optInSlowD_Period", "Bars of %D", 3, 1), maType("optInSlowD_MAType")},
		Outputs: []Output{percentOf("outSlowK", "The place in the range, smoothed"), percentOf("outSlowD", "The average of that")},
		Doc:     stochDoc,
		Formula: "k = 100 (close - min(low)) / (max(high) - min(low)) over n bars; slow %K = average(k); slow %D = average(slow %K)",
		Source:  stochSource + "STOCH.", Notes: "k is 0 when there is no range, as in TA-Lib.",
		begin: func(p []float64) int {
			return int(p[0]) - 1 + before(int(p[2]), int(p[1])) + before(int(p[4]), int(p[3]))
		},
		settle: func(p []float64) int { return fading(int(p[2]), int(p[1])) + fading(int(p[4]), int(p[3])) },
		open: func(p []float64) core {
			return &slowStochastic{newFast(int(p[0])), newStage(int(p[2]), int(p[1])), newStage(int(p[4]), int(p[3]))}
		},
		batch: slowStochastics,
	}
}

// slowStochastics is slowStochastic over columns, to the same bits.
func slowStochastics(p []float64, in, out [][]float64) {
	n := int(p[0])
	places(n, in[0], in[1], in[2], out[0], out[1])
	// Each average is made out of one column into the other.
	at := n - 1
	averagesOf(int(p[2]), int(p[1]), out[1][at:], out[0][at:])
	at += before(int(p[2]), int(p[1]))
	averagesOf(int(p[4]), int(p[3]), out[0][at:], out[1][at:])
	at += before(int(p[4]), int(p[3]))
	blank(out[0][:at])
	blank(out[1][:at])
}

// averagesOf is an average over a column.
func averagesOf(kind, n int, in, out []float64) {
	switch {
	case n <= 1 && kind != typeMAMA:
		copy(out, in)
	case kind == typeSMA:
		means(n, in, out)
	case kind == typeEMA:
		smooths(n, 2/(float64(n)+1), in, out)
	default:
		a := newAverage(kind, n)
		for i, x := range in {
			out[i] = a.next(x)
		}
	}
}

func stochf() Function {
	return Function{
		Name: "STOCHF", Title: "Stochastic Fast", Group: Momentum, Inputs: []Input{High, Low, Close},
		Params:  []Param{span("optInFastK_Period", "Bars of the range", 5, 1), span("optInFastD_Period", "Bars of %D", 3, 1), maType("optInFastD_MAType")},
		Outputs: []Output{percentOf("outFastK", "The place in the range"), percentOf("outFastD", "The average of that")},
		Doc:     stochDoc,
		Formula: "%K = 100 (close - min(low)) / (max(high) - min(low)) over n bars; %D = average(%K)",
		Source:  stochSource + "STOCHF.", Notes: "%K is 0 when there is no range, as in TA-Lib.",
		begin:  func(p []float64) int { return int(p[0]) - 1 + before(int(p[2]), int(p[1])) },
		settle: func(p []float64) int { return fading(int(p[2]), int(p[1])) },
		open:   func(p []float64) core { return &fastStochastic{newFast(int(p[0])), newStage(int(p[2]), int(p[1]))} },
	}
}

func stochrsi() Function {
	return Function{
		Name: "STOCHRSI", Title: "Stochastic Relative Strength Index", Group: Momentum, Inputs: []Input{Real},
		Params:  []Param{period(14, 2), span("optInFastK_Period", "Bars of the range", 5, 1), span("optInFastD_Period", "Bars of %D", 3, 1), maType("optInFastD_MAType")},
		Outputs: []Output{percentOf("outFastK", "The place in the range"), percentOf("outFastD", "The average of that")},
		Doc:     "Where the RSI lies in its own range of the last bars: quicker than the RSI, and restless.",
		Formula: "STOCHF with the RSI in the place of high, low and close",
		Source:  "Tushar Chande and Stanley Kroll, The New Technical Trader, 1994; TA-Lib STOCHRSI.",
		Notes:   "%D is the average of the fast %K, as in TA-Lib; some programs smooth %K first, some give values from 0 to 1.",
		begin:   func(p []float64) int { return int(p[0]) + int(p[1]) - 1 + before(int(p[3]), int(p[2])) },
		settle:  func(p []float64) int { return fade(1/p[0]) + fading(int(p[3]), int(p[2])) },
		open: func(p []float64) core {
			return &strengthStochastic{strength{n: int(p[0])}, fastStochastic{newFast(int(p[1])), newStage(int(p[3]), int(p[2]))}}
		},
	}
}

// fast is the place in the range; ok once the window is full.
type fast struct{ c channel }

func newFast(n int) fast { return fast{newChannel(n)} }

func (f *fast) next(high, low, close float64) (k float64, ok bool) {
	h, l := f.c.push(high, low)
	return place(h, l, close), f.c.high.w.full()
}

// stage is an average that knows when it has a value.
type stage struct {
	a    average
	wait int
}

func newStage(kind, n int) stage { return stage{newAverage(kind, n), before(kind, n)} }

func (s *stage) next(x float64) (v float64, ok bool) {
	v = s.a.next(x)
	if s.wait > 0 {
		s.wait--
		return v, false
	}
	return v, true
}

func (s *stage) take(from *stage) {
	s.a.take(from.a)
	s.wait = from.wait
}

type fastStochastic struct {
	k fast
	d stage
}

func (s *fastStochastic) step(in, out []float64) {
	if k, ok := s.k.next(in[0], in[1], in[2]); ok {
		d, _ := s.d.next(k)
		out[0], out[1] = k, d
	}
}

func (s *fastStochastic) take(from core) {
	f := from.(*fastStochastic)
	s.k.c.take(&f.k.c)
	s.d.take(&f.d)
}

type slowStochastic struct {
	f    fast
	k, d stage
}

func (s *slowStochastic) step(in, out []float64) {
	x, ok := s.f.next(in[0], in[1], in[2])
	if !ok {
		return
	}
	if x, ok = s.k.next(x); ok {
		out[0] = x
		out[1], _ = s.d.next(x)
	}
}

func (s *slowStochastic) take(from core) {
	f := from.(*slowStochastic)
	s.f.c.take(&f.f.c)
	s.k.take(&f.k)
	s.d.take(&f.d)
}

type strengthStochastic struct {
	rsi  strength
	fast fastStochastic
}

func (s *strengthStochastic) step(in, out []float64) {
	ready := s.rsi.count >= s.rsi.n
	s.rsi.step(in, out)
	if ready {
		v := [3]float64{out[0], out[0], out[0]}
		s.fast.step(v[:], out)
	}
}

func (s *strengthStochastic) take(from core) {
	f := from.(*strengthStochastic)
	s.rsi = f.rsi
	s.fast.take(&f.fast)
}
