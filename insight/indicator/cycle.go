package indicator

import "math"

const ehlers = "John F. Ehlers, Rocket Science for Traders, 2001; TA-Lib "

// forgetCycle is Settle of what is made of a cycle: its period is smoothed, and the filters
// reach back some dozens of bars more. Measured: see the exam.
func forgetCycle([]float64) int { return 400 }

func cycleOf(f Function, begin int, outputs ...Output) Function {
	f.Inputs, f.Outputs, f.Source = []Input{Real}, outputs, ehlers+f.Name+"."
	if f.Group == "" {
		f.Group = Cycle
	}
	f.begin, f.settle = func([]float64) int { return begin }, forgetCycle
	return f
}

func htDCPeriod() Function {
	f := cycleOf(Function{Name: "HT_DCPERIOD", Title: "Hilbert Transform - Dominant Cycle Period", Doc: "How many bars the strongest cycle of the series lasts, from 6 to 50.",
		Formula: "period of the phase of the analytic signal, bounded and smoothed"}, 32, Output{Name: "outReal", Unit: Ratio, Form: Line, Doc: "In bars"})
	f.open = func([]float64) core {
		return &transform{h: hilbert{wait: shortWait}, read: func(h *hilbert, out []float64) { out[0] = h.smooth }}
	}
	return f
}

func htPhasor() Function {
	part := func(name, doc string) Output {
		return Output{Name: name, Unit: Price, Form: Line, PriceDegree: 1, Doc: doc}
	}
	f := cycleOf(Function{Name: "HT_PHASOR", Title: "Hilbert Transform - Phasor Components", Doc: "The two parts of the analytic signal of the series.",
		Formula: "in-phase part I1 and quadrature part Q1 of the detrended, smoothed price"}, 32, part("outInPhase", "In phase"), part("outQuadrature", "A quarter of a cycle apart"))
	f.open = func([]float64) core {
		return &transform{h: hilbert{wait: shortWait}, read: func(h *hilbert, out []float64) { out[0], out[1] = h.i1, h.q1 }}
	}
	return f
}

type transform struct {
	h    hilbert
	read func(h *hilbert, out []float64)
}

func (x *transform) step(in, out []float64) {
	x.h.next(in[0])
	x.read(&x.h, out)
}

func (x *transform) take(from core) { x.h = from.(*transform).h }

func htDCPhase() Function {
	f := cycleOf(Function{Name: "HT_DCPHASE", Title: "Hilbert Transform - Dominant Cycle Phase", Doc: "Where in its strongest cycle the series is.",
		Formula: "phase of the discrete Fourier component of the dominant period over the smoothed prices, in degrees"}, 63, Output{Name: "outReal", Unit: Degrees, Form: Line})
	f.open = func([]float64) core {
		return newPhase(func(c *cycle, out []float64) { out[0] = c.phase })
	}
	return f
}

func htSine() Function {
	wave := func(name, doc string) Output {
		return Output{Name: name, Unit: Ratio, Form: Line, Least: -1, Most: 1, Doc: doc}
	}
	f := cycleOf(Function{Name: "HT_SINE", Title: "Hilbert Transform - SineWave", Doc: "The strongest cycle as a sine, and the same an eighth of a cycle ahead: they cross at its turns, and run side by side in a trend.",
		Formula: "sin(phase), sin(phase + 45 degrees); phase as HT_DCPHASE"}, 63, wave("outSine", "The cycle"), wave("outLeadSine", "An eighth of a cycle ahead"))
	f.open = func([]float64) core {
		return newPhase(func(c *cycle, out []float64) { out[0], out[1] = waves(c.phase) })
	}
	return f
}

func waves(phase float64) (sine, lead float64) {
	return math.Sin(float64(phase * (math.Pi / 180))), math.Sin(float64((phase + 45) * (math.Pi / 180)))
}

func htTrendline() Function {
	f := cycleOf(Function{Name: "HT_TRENDLINE", Title: "Hilbert Transform - Instantaneous Trendline", Group: Overlap, Doc: "The series without its strongest cycle.",
		Formula: "mean of the prices over one dominant cycle, weighed 4 3 2 1 over four bars"}, 63, overPrice("outReal"))
	f.open = func([]float64) core {
		return newPhase(func(c *cycle, out []float64) { out[0] = c.line })
	}
	return f
}

type phase struct {
	c    cycle
	read func(c *cycle, out []float64)
}

func newPhase(read func(c *cycle, out []float64)) *phase {
	return &phase{c: cycle{h: hilbert{wait: longWait}}, read: read}
}

func (p *phase) step(in, out []float64) {
	p.c.next(in[0])
	p.read(&p.c, out)
}

func (p *phase) take(from core) { p.c = from.(*phase).c }

func htTrendMode() Function {
	f := cycleOf(Function{Name: "HT_TRENDMODE", Title: "Hilbert Transform - Trend vs Cycle Mode", Doc: "1 while the series trends, 0 while it goes in cycles.",
		Formula: "0 after the sine and its lead crossed for half a cycle, and while the phase moves by 0.67 to 1.5 of a cycle's rate; 1 whenever the price is 1.5 % or more from HT_TRENDLINE"}, 63, Output{Name: "outInteger", Unit: Flag, Form: Histogram, Most: 1})
	f.open = func([]float64) core { return &mode{c: cycle{h: hilbert{wait: longWait}}} }
	return f
}

type mode struct {
	c          cycle
	days       int // since sine and lead crossed
	sine, lead float64
}

func (m *mode) step(in, out []float64) {
	was := m.c.phase
	at := m.c.at
	if !m.c.next(in[0]) {
		return
	}
	sine, lead := waves(m.c.phase)
	crossed := sine > lead && m.sine <= m.lead || sine < lead && m.sine >= m.lead
	m.sine, m.lead = sine, lead
	trend := 1.0
	if crossed {
		m.days, trend = 0, 0
	}
	m.days++
	p := m.c.h.smooth
	if float64(m.days) < 0.5*p {
		trend = 0
	}
	if d := m.c.phase - was; p != 0 && d > 0.67*360/p && d < 1.5*360/p {
		trend = 0
	}
	if l := m.c.line; l != 0 && math.Abs((m.c.smoothed[at]-l)/l) >= 0.015 {
		trend = 1
	}
	out[0] = trend
}

func (m *mode) take(from core) { *m = *from.(*mode) }

func mama() Function {
	limit := func(name, doc string, def float64) Param {
		return Param{Name: name, Doc: doc, Default: def, Min: 0.01, Max: 0.99}
	}
	return Function{
		Name: "MAMA", Title: "MESA Adaptive Moving Average", Group: Overlap, Inputs: []Input{Real},
		Params:  []Param{limit("optInFastLimit", "Greatest weight of the newest bar", 0.5), limit("optInSlowLimit", "Least weight of the newest bar", 0.05)},
		Outputs: []Output{overPrice("outMAMA"), overPrice("outFAMA")},
		Doc:     "A mean that follows fast when the phase of the cycle moves slowly, as it does in a trend; and the following mean of that. They cross when the trend turns.",
		Formula: "mama[t] = a x[t] + (1-a) mama[t-1], a = fast / max(1, degrees that the phase fell since the bar before), not below slow; fama likewise of mama with a/2",
		Source:  "John F. Ehlers, MESA and Trading Market Cycles, 2001; TA-Lib MAMA.",
		begin:   func([]float64) int { return 32 },
		settle:  func(p []float64) int { return fade(min(p[0], p[1])/2) * 2 },
		open:    func(p []float64) core { return newMother(p[0], p[1]) },
	}
}

type mother struct {
	h          hilbert
	fast, slow float64
	phase      float64
	mama, fama float64
}

func newMother(fast, slow float64) *mother {
	return &mother{h: hilbert{wait: shortWait}, fast: fast, slow: slow}
}

func (m *mother) next(x float64) float64 {
	if !m.h.next(x) {
		return 0
	}
	var phase float64
	if m.h.i1 != 0 {
		phase = float64(math.Atan(m.h.q1/m.h.i1) * (180 / math.Pi))
	}
	a := m.fast
	if d := m.phase - phase; d > 1 {
		a = max(m.fast/d, m.slow)
	}
	m.phase = phase
	m.mama = float64(a*x) + float64((1-a)*m.mama)
	a *= 0.5
	m.fama = float64(a*m.mama) + float64((1-a)*m.fama)
	return m.mama
}

func (m *mother) step(in, out []float64) {
	m.next(in[0])
	out[0] = m.mama
	if len(out) > 1 {
		out[1] = m.fama
	}
}

func (m *mother) take(from core) { *m = *from.(*mother) }
