package indicator

import "math"

func rsi() Function {
	return Function{
		Name: "RSI", Title: "Relative Strength Index", Group: Momentum,
		Inputs: []Input{Real}, Params: []Param{period(14, 2)},
		Outputs: []Output{{Name: "outReal", Unit: Index, Form: Line, Least: 0, Most: 100}},
		Doc:     "How much of the recent movement went up, from 0 (none) to 100 (all). Above 70 is often read as overbought, below 30 as oversold.",
		Formula: "100 G/(G+L): G and L are the means of gains and losses per bar, each smoothed as m[t] = (m[t-1] (n-1) + v)/n and begun with a simple mean of n",
		Source:  "J. Welles Wilder, New Concepts in Technical Trading Systems, 1978; TA-Lib RSI.",
		Notes:   "0 while nothing has moved, as in TA-Lib.",
		begin:   func(p []float64) int { return int(p[0]) },
		settle:  func(p []float64) int { return fade(1 / p[0]) },
		open:    func(p []float64) core { return &strength{n: int(p[0])} },
		batch:   strengths,
	}
}

// strength is the state of the RSI: Wilder's means of gains and losses.
type strength struct {
	n          int
	count      int // bars taken, up to n+1
	last       float64
	gain, loss float64 // sums until there are n changes
}

func (s *strength) step(in, out []float64) {
	x := in[0]
	d := x - s.last
	s.last = x
	up := rise(d)
	down := up - d
	n := float64(s.n)
	switch {
	case s.count > s.n:
		s.gain += float64((up - s.gain) * (1 / n))
		s.loss += float64((down - s.loss) * (1 / n))
	case s.count == 0:
		s.count++
		return
	default:
		s.gain += up
		s.loss += down
		if s.count == s.n {
			s.gain /= n
			s.loss /= n
		}
		s.count++
	}
	out[0] = share(s.gain, s.loss)
}

func (s *strength) take(from core) { *s = *from.(*strength) }

// share is the part of a that is in a+b, as a percentage; 0 when both are 0.
func share(a, b float64) float64 {
	if a+b == 0 {
		return 0
	}
	return 100 * (a / (a + b))
}

func strengths(p []float64, in, out [][]float64) {
	n := int(p[0])
	s := strength{n: n}
	x, o := in[0], out[0]
	for t := 0; t <= n; t++ {
		s.step(x[t:t+1], o[t:t+1])
	}
	blank(o[:n])
	gain, loss, prev, k := s.gain, s.loss, s.last, 1/float64(n)
	x, o = x[n+1:], o[n+1:]
	o = o[:len(x)]
	for i, v := range x {
		d := v - prev
		prev = v
		up := rise(d)
		gain += float64((up - gain) * k)
		loss += float64((up - d - loss) * k)
		o[i] = share(gain, loss)
	}
}

// rise is the change when it is above 0, else 0, without asking: the answer is as good as
// random, and a processor guesses it wrong half the time.
func rise(d float64) float64 { return float64(d*0.5) + math.Abs(d*0.5) }
