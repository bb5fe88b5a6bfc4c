package indicator

import "math"

func bandOf(name, doc string) Output {
	return Output{Name: name, Unit: Price, Form: Band, OnPrice: true, PriceDegree: 1, Doc: doc}
}

func lineOf(name, doc string) Output {
	o := bandOf(name, doc)
	o.Form = Line
	return o
}

func multiple(def float64, doc string) Param {
	return Param{Name: "optInMultiplier", Doc: doc, Default: def, Max: 1000}
}

func keltner() Function {
	return Function{
		Name: "KELTNER", Title: "Keltner Channels", Group: Overlap, Inputs: []Input{High, Low, Close},
		Params:  []Param{period(20, 2), span("optInAtrPeriod", "Bars of the average true range", 10, 1), multiple(2, "Average true ranges from the middle to a band")},
		Outputs: []Output{bandOf("outUpper", ""), lineOf("outMiddle", "The exponential mean of the close"), bandOf("outLower", "")},
		Doc:     "A mean with a band of average true ranges about it: closes beyond it are out of the ordinary.",
		Formula: "ema(close, n) + m ATR(a), ema(close, n), ema(close, n) - m ATR(a)",
		Source:  "Chester Keltner, How To Make Money in Commodities, 1960; with exponential mean and ATR: Linda Raschke, 1980s.",
		begin:   func(p []float64) int { return int(max(p[0]-1, p[1])) },
		settle:  func(p []float64) int { return max(fade(2/(p[0]+1)), fade(1/p[1])) },
		open: func(p []float64) core {
			return &raschke{newSmooth(int(p[0]), 2/(p[0]+1)), ranges{n: int(p[1])}, p[2]}
		},
	}
}

type raschke struct {
	middle smooth
	atr    ranges
	times  float64
}

func (k *raschke) step(in, out []float64) {
	m := k.middle.next(in[2])
	w := float64(k.times * k.atr.next(in[0], in[1], in[2]))
	out[0], out[1], out[2] = m+w, m, m-w
}

func (k *raschke) take(from core) { *k = *from.(*raschke) }

func donchian() Function {
	return Function{
		Name: "DONCHIAN", Title: "Donchian Channels", Group: Overlap, Inputs: []Input{High, Low}, Params: []Param{period(20, 1)},
		Outputs: []Output{bandOf("outUpper", "The highest high"), lineOf("outMiddle", "The middle between the bands"), bandOf("outLower", "The lowest low")},
		Doc:     "The extremes of the last bars. A high beyond the upper band of the bar before is a breakout.",
		Formula: "max(high), (max(high) + min(low))/2, min(low) over n bars, the newest among them",
		Source:  "Richard Donchian, 1960s.",
		begin:   last,
		open:    func(p []float64) core { return &extremes{newChannel(int(p[0]))} },
	}
}

type extremes struct{ c channel }

func (e *extremes) step(in, out []float64) {
	h, l := e.c.push(in[0], in[1])
	out[0], out[1], out[2] = h, (h+l)/2, l
}

func (e *extremes) take(from core) { e.c.take(&from.(*extremes).c) }

func chandelier() Function {
	return Function{
		Name: "CHANDELIER", Title: "Chandelier Exit", Group: Overlap, Inputs: []Input{High, Low, Close},
		Params:  []Param{period(22, 1), multiple(3, "Average true ranges from the extreme to the stop")},
		Outputs: []Output{lineOf("outLong", "A stop below a long position"), lineOf("outShort", "A stop above a short position")},
		Doc:     "Stops that hang some average true ranges from the extreme of the last bars.",
		Formula: "max(high) - m ATR(n), min(low) + m ATR(n), extremes over n bars",
		Source:  "Charles Le Beau; Alexander Elder, Come Into My Trading Room, 2002.",
		begin:   func(p []float64) int { return int(p[0]) },
		settle:  func(p []float64) int { return fade(1 / p[0]) },
		open:    func(p []float64) core { return &hanging{newChannel(int(p[0])), ranges{n: int(p[0])}, p[1]} },
	}
}

type hanging struct {
	c     channel
	atr   ranges
	times float64
}

func (s *hanging) step(in, out []float64) {
	h, l := s.c.push(in[0], in[1])
	w := float64(s.times * s.atr.next(in[0], in[1], in[2]))
	out[0], out[1] = h-w, l+w
}

func (s *hanging) take(from core) {
	f := from.(*hanging)
	s.c.take(&f.c)
	s.atr = f.atr
}

func supertrend() Function {
	return Function{
		Name: "SUPERTREND", Title: "SuperTrend", Group: Overlap, Inputs: []Input{High, Low, Close},
		Params: []Param{period(10, 1), multiple(3, "Average true ranges from the middle of the bar to the stop")},
		Outputs: []Output{lineOf("outReal", "The stop: below prices in a rise, above them in a fall"),
			{Name: "outDirection", Unit: Ratio, Form: Marks, Least: -1, Most: 1, Doc: "1 in a rise, -1 in a fall"}},
		Doc: "A stop that only moves with the trend and changes sides when the close goes through it.",
		Formula: "L = p - m ATR(n), not below L[t-1] while close[t-1] > L[t-1]; U = p + m ATR(n), not above U[t-1] while close[t-1] < U[t-1]; p = (high + low)/2; " +
			"a rise ends when close < L, a fall when close > U",
		Source: "Olivier Seban, 2000s.", Notes: "It begins with a rise when the close is not below p. TradingView gives the direction with the other sign.",
		begin:  func(p []float64) int { return int(p[0]) },
		settle: func(p []float64) int { return fade(1/p[0]) + int(40*(1+p[1])*(1+p[1])) },
		open:   func(p []float64) core { return &trailing{atr: ranges{n: int(p[0])}, times: p[1]} },
	}
}

type trailing struct {
	atr          ranges
	times        float64
	bars         int // until there is a range
	lower, upper float64
	close, way   float64
}

func (s *trailing) step(in, out []float64) {
	w := float64(s.times * s.atr.next(in[0], in[1], in[2]))
	close, before := in[2], s.close
	s.close = close
	if s.bars < s.atr.n {
		s.bars++
		return
	}
	p := (in[0] + in[1]) / 2
	lower, upper := p-w, p+w
	switch {
	case s.way == 0:
		s.way = -1
		if close >= p {
			s.way = 1
		}
	default:
		if before > s.lower {
			lower = max(lower, s.lower)
		}
		if before < s.upper {
			upper = min(upper, s.upper)
		}
		if s.way > 0 && close < lower || s.way < 0 && close > upper {
			s.way = -s.way
		}
	}
	s.lower, s.upper = lower, upper
	out[0], out[1] = lower, s.way
	if s.way < 0 {
		out[0] = upper
	}
}

func (s *trailing) take(from core) { *s = *from.(*trailing) }

func pbands() Function {
	return Function{
		Name: "PBANDS", Title: "Price Bands of smoothed prices", Group: Overlap, Inputs: []Input{Real},
		Params:  []Param{period(20, 2), span("optInFastPeriod", "Bars of the mean that stands for the price", 2, 1), {Name: "optInNbDev", Doc: "Standard deviations from the middle to a band", Default: 2, Max: 1000}},
		Outputs: []Output{bandOf("outUpper", ""), lineOf("outMiddle", "The slow mean"), bandOf("outLower", "")},
		Doc:     "Bands about a mean, from how far a fast mean strays from it: a single wild price widens them less than it does Bollinger's.",
		Formula: "sma(x, n) + d sd, sma(x, n), sma(x, n) - d sd; sd is STDDEV over n bars of sma(x, fast) - sma(x, n)",
		Source:  "As in R's TTR.",
		begin:   func(p []float64) int { return int(max(p[0], p[1])) - 1 + int(p[0]) - 1 },
		open: func(p []float64) core {
			n := int(p[0])
			return &strayed{newGap(typeSMA, int(p[1]), typeSMA, n), newSpread(n), p[2]}
		},
	}
}

type strayed struct {
	g     gap
	s     spread
	times float64
}

func (b *strayed) step(in, out []float64) {
	fast, slow, ok := b.g.next(in[0])
	if !ok {
		return
	}
	b.s.push(fast - slow)
	w := float64(b.times * math.Sqrt(b.s.variance))
	out[0], out[1], out[2] = slow+w, slow, slow-w
}

func (b *strayed) take(from core) {
	f := from.(*strayed)
	b.g.take(&f.g)
	b.s.take(&f.s)
}

const ofBollinger = "John Bollinger, Bollinger on Bollinger Bands, 2001."

func percentB() Function {
	return bandPlace(Function{
		Name: "PERCENTB", Title: "Bollinger %B", Group: Overlap,
		Outputs: []Output{ratio("outReal")},
		Doc:     "Where the price lies between the Bollinger bands: 1 at the upper, 0 at the lower, beyond that outside.",
		Formula: "(x - lower)/(upper - lower); bands as BBANDS about the simple mean", Source: ofBollinger, Notes: "0.5 when the bands are one.",
	}, func(x, mean, width float64) float64 {
		if width == 0 {
			return 0.5
		}
		return (x-mean)/width + 0.5
	})
}

func bbwidth() Function {
	return bandPlace(Function{
		Name: "BBWIDTH", Title: "Bollinger BandWidth", Group: Volatility,
		Outputs: []Output{ratio("outReal")},
		Doc:     "How wide the Bollinger bands are beside their mean. A squeeze is when it is lowest for months.",
		Formula: "(upper - lower)/mean; bands as BBANDS about the simple mean", Source: ofBollinger, Notes: "A fraction; some programs give per cent. 0 when the mean is 0.",
	}, func(x, mean, width float64) float64 {
		if mean == 0 {
			return 0
		}
		return width / mean
	})
}

func bandPlace(f Function, of func(x, mean, width float64) float64) Function {
	f.Inputs, f.Params, f.begin = []Input{Real}, []Param{period(20, 2), {Name: "optInNbDev", Doc: "Standard deviations from the mean to a band", Default: 2, Max: 1000}}, last
	f.open = func(p []float64) core { return &banded{newSpread(int(p[0])), p[1], of} }
	return f
}

type banded struct {
	s     spread
	times float64
	of    func(x, mean, width float64) float64
}

func (b *banded) step(in, out []float64) {
	b.s.push(in[0])
	if b.s.w.full() {
		out[0] = b.of(in[0], b.s.mean, float64(2*b.times*math.Sqrt(b.s.variance)))
	}
}

func (b *banded) take(from core) { b.s.take(&from.(*banded).s) }
