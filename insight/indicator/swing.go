package indicator

import "math"

func stc() Function {
	return Function{
		Name: "STC", Title: "Schaff Trend Cycle", Group: Momentum, Inputs: []Input{Real},
		Params: []Param{span("optInFastPeriod", "Bars of the fast mean", 23, 1), span("optInSlowPeriod", "Bars of the slow mean", 50, 1), span("optInCyclePeriod", "Bars of the range", 10, 2),
			{Name: "optInFactor", Doc: "Weight of the newest value in the smoothing", Default: 0.5, Min: 0.01, Max: 1}},
		Outputs: []Output{index100("outReal")},
		Doc:     "Where the MACD lies in its range, and where that lies in its own: it turns sooner than the MACD and rests at 0 and 100. Above 75 and below 25 are read as trends.",
		Formula: "m = ema(x, fast) - ema(x, slow); k(y) = 100 (y - min y)/(max y - min y) over n bars; s(y)[t] = s[t-1] + f (y[t] - s[t-1]), begun with y; stc = s(k(s(k(m))))",
		Source:  "Doug Schaff, 1999; Technical Analysis of Stocks & Commodities, 2008.", Notes: "Where there is no range k stays; 0 before there was any.",
		begin:  func(p []float64) int { return int(max(p[0], p[1])) - 1 + 2*(int(p[2])-1) },
		settle: func(p []float64) int { return fading(typeEMA, int(max(p[0], p[1])))*2 + 2*(int(p[2])+fade(p[3])) },
		open: func(p []float64) core {
			n := int(p[2])
			return &schaff{g: newGap(typeEMA, int(p[0]), typeEMA, int(p[1])), rounds: [2]placing{{c: newChannel(n)}, {c: newChannel(n)}}, factor: p[3]}
		},
	}
}

// placing is the place in the range, smoothed.
type placing struct {
	c        channel
	k, value float64
	begun    bool
}

func (p *placing) next(x, factor float64) (v float64, ok bool) {
	h, l := p.c.push(x, x)
	if !p.c.high.w.full() {
		return 0, false
	}
	if d := h - l; d > 0 {
		p.k = 100 * ((x - l) / d)
	}
	if !p.begun {
		p.value, p.begun = p.k, true
	} else {
		p.value += float64((p.k - p.value) * factor)
	}
	return p.value, true
}

func (p *placing) take(from *placing) {
	p.c.take(&from.c)
	p.k, p.value, p.begun = from.k, from.value, from.begun
}

type schaff struct {
	g      gap
	rounds [2]placing
	factor float64
}

func (s *schaff) step(in, out []float64) {
	fast, slow, ok := s.g.next(in[0])
	v := fast - slow
	for i := range s.rounds {
		if !ok {
			return
		}
		v, ok = s.rounds[i].next(v, s.factor)
	}
	out[0] = v
}

func (s *schaff) take(from core) {
	f := from.(*schaff)
	s.g.take(&f.g)
	for i := range s.rounds {
		s.rounds[i].take(&f.rounds[i])
	}
}

func fisher() Function {
	return Function{
		Name: "FISHER", Title: "Fisher Transform", Group: Momentum, Inputs: []Input{High, Low}, Params: []Param{period(9, 1)},
		Outputs: []Output{{Name: "outFisher", Unit: Index, Form: Line}, {Name: "outTrigger", Unit: Index, Form: Line, Doc: "The value of the bar before"}},
		Doc:     "The place of the price in its range, stretched so that its ends become peaks: sharp turns.",
		Formula: "v[t] = 0.66 ((p - min p)/(max p - min p) - 0.5) + 0.67 v[t-1], from -0.999 to 0.999, p = (high + low)/2; f[t] = 0.5 ln((1 + v)/(1 - v)) + 0.5 f[t-1]",
		Source:  "John Ehlers, Technical Analysis of Stocks & Commodities, November 2002.", Notes: "Both begin with 0. Without a range the price counts as in the middle.",
		begin:  func(p []float64) int { return int(p[0]) },
		settle: func([]float64) int { return 2 * fade(0.33) },
		open:   func(p []float64) core { return &transformed{c: newChannel(int(p[0]))} },
	}
}

type transformed struct {
	c         channel
	v, fisher float64
}

func (t *transformed) step(in, out []float64) {
	p := (in[0] + in[1]) / 2
	h, l := t.c.push(p, p)
	if !t.c.high.w.full() {
		return
	}
	x := 0.0
	if d := h - l; d > 0 {
		x = (p-l)/d - 0.5
	}
	t.v = min(0.999, max(-0.999, float64(0.66*x)+float64(0.67*t.v)))
	out[1] = t.fisher
	t.fisher = float64(0.5*math.Log((1+t.v)/(1-t.v))) + float64(0.5*t.fisher)
	out[0] = t.fisher
}

func (t *transformed) take(from core) {
	f := from.(*transformed)
	t.c.take(&f.c)
	t.v, t.fisher = f.v, f.fisher
}

func kdj() Function {
	return Function{
		Name: "KDJ", Title: "KDJ", Group: Momentum, Inputs: []Input{High, Low, Close},
		Params:  []Param{span("optInFastK_Period", "Bars of the range", 9, 1), span("optInSlowK_Period", "Bars of K", 3, 1), span("optInSlowD_Period", "Bars of D", 3, 1)},
		Outputs: []Output{percentOf("outK", "The place in the range, smoothed"), percentOf("outD", "That smoothed again"), {Name: "outJ", Unit: Index, Form: Line, Least: -200, Most: 300, Doc: "What K is ahead of D, once more: beyond 0 and 100 it is stretched"}},
		Doc:     "The stochastic as it is used in East Asia: smoothed as Wilder does, with a third line that exaggerates.",
		Formula: "r = 100 (close - min(low)) / (max(high) - min(low)) over n bars; K = K[t-1] + (r - K[t-1])/k; D = D[t-1] + (K - D[t-1])/d; both begun with 50; J = 3K - 2D",
		Source:  "George Lane's stochastic in the form common in China and Taiwan.", Notes: "r is 50 when there is no range.",
		begin:  last,
		settle: func(p []float64) int { return (fade(1/p[1]) + fade(1/p[2])) * 3 / 2 },
		open:   func(p []float64) core { return &kd{c: newChannel(int(p[0])), nk: p[1], nd: p[2], k: 50, d: 50} },
	}
}

type kd struct {
	c            channel
	nk, nd, k, d float64
}

func (k *kd) step(in, out []float64) {
	h, l := k.c.push(in[0], in[1])
	if !k.c.high.w.full() {
		return
	}
	r := 50.0
	if d := h - l; d > 0 {
		r = 100 * ((in[2] - l) / d)
	}
	k.k += (r - k.k) / k.nk
	k.d += (k.k - k.d) / k.nd
	out[0], out[1], out[2] = k.k, k.d, float64(3*k.k)-float64(2*k.d)
}

func (k *kd) take(from core) {
	f := from.(*kd)
	k.c.take(&f.c)
	k.k, k.d = f.k, f.d
}
