package indicator

// candles are the last bars of a series, as patterns look at them: bar 0 is the newest,
// bar 1 the one before it. A pattern compares bodies and shadows with what was usual
// before; what is usual is told by measures.
type candles struct {
	ring [16]candle
	n    int // bars taken
}

type candle struct{ o, h, l, c float64 }

// measure is what a body or a shadow is compared with: factor times the mean of kind
// over the bars before (with 0 bars: of the bar itself).
type measure struct {
	kind   int
	bars   int
	factor float64
}

const (
	ofBody = iota
	ofRange
	ofShadows // both shadows, halved
)

// The measures with TA-Lib's defaults.
var (
	bodyLong        = measure{ofBody, 10, 1}
	bodyShort       = measure{ofBody, 10, 1}
	bodyDoji        = measure{ofRange, 10, 0.1}
	shadowLong      = measure{ofBody, 0, 1}
	shadowVeryLong  = measure{ofBody, 0, 2}
	shadowShort     = measure{ofShadows, 10, 1}
	shadowVeryShort = measure{ofRange, 10, 0.1}
	near            = measure{ofRange, 5, 0.2}
	far             = measure{ofRange, 5, 0.6}
	equal           = measure{ofRange, 5, 0.05}
)

func (s *candles) push(o, h, l, c float64) {
	s.ring[s.n&15] = candle{o, h, l, c}
	s.n++
}

// at is the bar k before the newest.
func (s *candles) at(k int) *candle { return &s.ring[(s.n-1-k)&15] }

func (s *candles) open(k int) float64  { return s.at(k).o }
func (s *candles) high(k int) float64  { return s.at(k).h }
func (s *candles) low(k int) float64   { return s.at(k).l }
func (s *candles) close(k int) float64 { return s.at(k).c }

func (s *candles) top(k int) float64    { c := s.at(k); return max(c.o, c.c) }
func (s *candles) bottom(k int) float64 { c := s.at(k); return min(c.o, c.c) }
func (s *candles) body(k int) float64   { c := s.at(k); return abs(c.c - c.o) }
func (s *candles) upper(k int) float64  { c := s.at(k); return c.h - max(c.o, c.c) }
func (s *candles) lower(k int) float64  { c := s.at(k); return min(c.o, c.c) - c.l }
func (s *candles) length(k int) float64 { c := s.at(k); return c.h - c.l }

// rises and falls are the colours: a bar that closes where it opened rises.
func (s *candles) rises(k int) bool { c := s.at(k); return c.c >= c.o }
func (s *candles) falls(k int) bool { return !s.rises(k) }

// sign is 100 for a rising bar, -100 for a falling one.
func (s *candles) sign(k int) float64 {
	if s.rises(k) {
		return 100
	}
	return -100
}

// Gaps between bodies, and between whole bars.
func (s *candles) bodyGapUp(a, b int) bool   { return s.bottom(a) > s.top(b) }
func (s *candles) bodyGapDown(a, b int) bool { return s.top(a) < s.bottom(b) }
func (s *candles) gapUp(a, b int) bool       { return s.low(a) > s.high(b) }
func (s *candles) gapDown(a, b int) bool     { return s.high(a) < s.low(b) }

// usual is a measure as it stood at bar k.
func (s *candles) usual(m measure, k int) float64 {
	if m.bars == 0 {
		return m.factor * s.kind(m.kind, k)
	}
	var sum float64
	for i := k + m.bars; i > k; i-- {
		sum += s.kind(m.kind, i)
	}
	v := float64(m.factor*sum) / float64(m.bars)
	if m.kind == ofShadows {
		v /= 2
	}
	return v
}

func (s *candles) kind(kind, k int) float64 {
	switch kind {
	case ofBody:
		return s.body(k)
	case ofRange:
		return s.length(k)
	}
	return s.upper(k) + s.lower(k)
}

// Shorthands of the comparisons that most patterns make.
func (s *candles) long(k int) bool     { return s.body(k) > s.usual(bodyLong, k) }
func (s *candles) short(k int) bool    { return s.body(k) < s.usual(bodyShort, k) }
func (s *candles) small(k int) bool    { return s.body(k) <= s.usual(bodyShort, k) }
func (s *candles) doji(k int) bool     { return s.body(k) <= s.usual(bodyDoji, k) }
func (s *candles) noUpper(k int) bool  { return s.upper(k) < s.usual(shadowVeryShort, k) }
func (s *candles) noLower(k int) bool  { return s.lower(k) < s.usual(shadowVeryShort, k) }
func (s *candles) hasUpper(k int) bool { return s.upper(k) > s.usual(shadowVeryShort, k) }
func (s *candles) hasLower(k int) bool { return s.lower(k) > s.usual(shadowVeryShort, k) }
func (s *candles) within(x, of float64, m measure, k int) bool {
	d := s.usual(m, k)
	return x >= of-d && x <= of+d
}

// rule tells whether a pattern ends at the newest bar: 100 rising, -100 falling, 0 none;
// 80 and -80 where it is only just one.
// p has the function's parameters.
type rule func(s *candles, p []float64) float64

func found(yes bool, value float64) float64 {
	if yes {
		return value
	}
	return 0
}

// pattern is a pattern told as data: the rest of its Function is the same for all.
type pattern struct {
	name, title string
	begin       int     // bars before the first answer: the pattern's own and those of its measures
	penetration float64 // default of the parameter; 0: there is none
	words       string
	rule        rule
}

func patterns() []Function {
	var list []Function
	for _, p := range append(singles(), append(pairs(), append(triples(), longer()...)...)...) {
		list = append(list, p.function(func(v []float64) core { return &spotter{rule: p.rule, p: v, begin: p.begin} }))
	}
	h := pattern{name: "CDLHIKKAKE", title: "Hikkake Pattern", begin: 5,
		words: "an inside bar, then a bar that breaks it on one side: 100 when that was the low side, -100 the high side; and 200 or -200 when within three bars the close comes out on the other side of the inside bar"}
	m := pattern{name: "CDLHIKKAKEMOD", title: "Modified Hikkake Pattern", begin: 10,
		words: "as CDLHIKKAKE with two inside bars, the first of which closes near the end that is broken"}
	list = append(list,
		h.function(func([]float64) core { return &hikkake{find: inside, begin: 2} }),
		m.function(func([]float64) core { return &hikkake{find: insideTwice, begin: 7} }))
	return list
}

func (p pattern) function(open func([]float64) core) Function {
	f := Function{
		Name: p.name, Title: p.title, Group: Pattern, Inputs: []Input{OpenPrice, High, Low, Close},
		Outputs: []Output{{Name: "outInteger", Unit: Signal, Form: Marks, OnPrice: true, Least: -200, Most: 200, Doc: "100 rising, -100 falling, 0 none"}},
		Doc:     p.title + ": " + p.words + ".",
		Formula: "A body is long or short beside the mean of the 10 before, a doji when at most a tenth of the mean range of the 10 before; near, far and equal are 0.2, 0.6 and 0.05 of the mean range of the 5 before. " + p.words,
		Source:  "After Steve Nison, Japanese Candlestick Charting Techniques, 1991, and Thomas Bulkowski, Encyclopedia of Candlestick Charts, 2008, with the measures of TA-Lib " + p.name + ".",
		Notes:   "A name for a shape, not a forecast: it says nothing of what follows, and TA-Lib does not ask for the trend before it.",
		begin:   func([]float64) int { return p.begin }, open: open,
	}
	if p.penetration > 0 {
		f.Params = []Param{{Name: "optInPenetration", Doc: "How far the last body reaches into the first, as a part of it", Default: p.penetration, Max: 1000}}
	}
	return f
}

// spotter applies a rule to each bar.
type spotter struct {
	s     candles
	rule  rule
	p     []float64
	begin int
}

func (x *spotter) step(in, out []float64) {
	x.s.push(in[0], in[1], in[2], in[3])
	out[0] = 0
	if x.s.n > x.begin {
		out[0] = x.rule(&x.s, x.p)
	}
}

func (x *spotter) take(from core) { x.s = from.(*spotter).s }

// hikkake is a pattern with an end that may come later.
type hikkake struct {
	s         candles
	find      rule
	begin     int
	result    float64
	at        int // index of the bar that had it; 0: none
	high, low float64
}

func (x *hikkake) step(in, out []float64) {
	x.s.push(in[0], in[1], in[2], in[3])
	t := x.s.n - 1
	out[0] = 0
	if t < x.begin {
		return
	}
	if r := x.find(&x.s, nil); r != 0 {
		x.result, x.at = r, t
		x.high, x.low = x.s.high(1), x.s.low(1)
		out[0] = r
		return
	}
	if c := in[3]; x.at > 0 && t <= x.at+3 && (x.result > 0 && c > x.high || x.result < 0 && c < x.low) {
		out[0] = 2 * x.result
		x.at = 0
	}
}

func (x *hikkake) take(from core) {
	f := from.(*hikkake)
	x.s, x.result, x.at, x.high, x.low = f.s, f.result, f.at, f.high, f.low
}

func inside(s *candles, _ []float64) float64 {
	if s.high(1) < s.high(2) && s.low(1) > s.low(2) {
		switch {
		case s.high(0) < s.high(1) && s.low(0) < s.low(1):
			return 100
		case s.high(0) > s.high(1) && s.low(0) > s.low(1):
			return -100
		}
	}
	return 0
}

func insideTwice(s *candles, _ []float64) float64 {
	if s.high(2) < s.high(3) && s.low(2) > s.low(3) && s.high(1) < s.high(2) && s.low(1) > s.low(2) {
		switch {
		case s.high(0) < s.high(1) && s.low(0) < s.low(1) && s.close(2) <= s.low(2)+s.usual(near, 2):
			return 100
		case s.high(0) > s.high(1) && s.low(0) > s.low(1) && s.close(2) >= s.high(2)-s.usual(near, 2):
			return -100
		}
	}
	return 0
}
