package grade

import "math"

// technical fills the parts of TA from the last taWindow bars, and the turnover. With a
// forming bar that is the last one; its volume counts nowhere.
func (m *Machine) technical(x *Member, forming *Bar, s *Scores) {
	b := x.Bars
	end := x.Last + 1
	start := max(0, end-taWindow)
	high, low, closes, volume := b.High[start:end], b.Low[start:end], b.Close[start:end], b.Volume[start:end]
	if forming != nil {
		high = append(append(make([]float64, 0, len(high)+1), high...), forming.High)
		low = append(append(make([]float64, 0, len(low)+1), low...), forming.Low)
		closes = append(append(make([]float64, 0, len(closes)+1), closes...), forming.Close)
	}
	n := len(closes)
	c := closes[n-1]
	if n > 30 {
		s.scored(pMomentum, momentum(closes))
	}
	if n > 26 {
		fast, e1 := m.ema.Batch(m.ema12, [][]float64{closes})
		slow, e2 := m.ema.Batch(m.ema26, [][]float64{closes})
		atr, e3 := m.atr.Batch(m.atr14, [][]float64{high, low, closes})
		if e1 == nil && e2 == nil && e3 == nil {
			s.scored(pCrossover, 100*phi(ratio(apart(fast[0][n-1], slow[0][n-1]), atr[0][n-1])))
			s.settled[pCrossover] = n > 26+m.ema.Settle(m.ema26)
		}
	}
	if n > 14 {
		if rsi, err := m.rsi.Batch(m.rsi14, [][]float64{closes}); err == nil {
			v := rsi[0][n-1]
			if flat(closes) {
				v = 50 // nothing rose and nothing fell
			}
			s.scored(pRSI, v)
			s.settled[pRSI] = n > 14+m.rsi.Settle(m.rsi14)
		}
	}
	if n >= 55 {
		top, bottom := math.Inf(-1), math.Inf(1)
		for i := n - 55; i < n; i++ {
			top, bottom = math.Max(top, high[i]), math.Min(bottom, low[i])
		}
		v := 50.0
		if top > bottom {
			v = 100 * (c - bottom) / (top - bottom)
		}
		s.scored(pChannel, math.Max(0, math.Min(100, v)))
	}
	if v := len(volume); v >= 90 && n > 7 {
		m7, _ := meanSD(volume[v-7:])
		m90, sd := meanSD(volume[v-90:])
		z := ratio(m7-m90, sd)
		switch r := closes[n-1] - closes[n-8]; {
		case r < 0:
			z = -z
		case r == 0:
			z = 0
		}
		s.scored(pVolume, 100*phi(z))
	}
	if v := len(volume); v >= 30 && forming == nil {
		sum := 0.0
		for i := v - 30; i < v; i++ {
			sum += float64(volume[i] * closes[i])
		}
		s.set(pTurnover, sum/30)
	}
}

// scored takes a part whose number is its score.
func (s *Scores) scored(p part, v float64) {
	s.set(p, v)
	if s.why[p] == ok {
		s.score[p] = v
	}
}

func momentum(closes []float64) float64 {
	n := len(closes)
	var r [30]float64
	for i := range r {
		r[i] = math.Log(closes[n-30+i] / closes[n-31+i])
	}
	_, sd := meanSD(r[:])
	return 100 * phi(ratio(math.Log(closes[n-1]/closes[n-21]), sd*math.Sqrt(20)))
}

// ratio is a/b. When b is nothing beside a, as in a flat window, it is zero if a is zero
// too, and otherwise without bound in a's direction.
func ratio(a, b float64) float64 {
	if a == 0 {
		return 0
	}
	return a / b
}

// apart is a-b, and zero when they differ only by rounding.
func apart(a, b float64) float64 {
	if math.Abs(a-b) <= 1e-12*math.Abs(b) {
		return 0
	}
	return a - b
}

func flat(x []float64) bool {
	for _, v := range x {
		if v != x[0] {
			return false
		}
	}
	return true
}
