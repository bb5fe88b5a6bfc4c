package indicator

import "math"

// hilbert measures the dominant cycle of a series by a Hilbert transform of prices
// smoothed over four bars, as John Ehlers published it (Rocket Science for Traders, 2001)
// and TA-Lib computes it: even and odd bars have filters of their own.
type hilbert struct {
	wait      int // bars that only fill the smoothing
	t         int // index of the next bar
	past      [4]float64
	sub, sum  float64 // of the smoothing
	trailing  float64
	smoothed  float64
	filters   [4]quadrature // of detrender, Q1, jI, jQ
	slot      int
	i1, q1    float64    // in-phase and quadrature part of this bar
	odd, even [2]float64 // detrender of two and three bars before, for each kind of bar
	i2, q2    float64
	re, im    float64
	period    float64 // of the dominant cycle, in bars
	smooth    float64 // the period, smoothed
}

// quadrature is one filter: index 0 for even bars, 1 for odd ones.
type quadrature struct {
	ring  [2][3]float64
	prev  [2]float64
	input [2]float64
	value float64
}

func (q *quadrature) next(x float64, odd, slot int, adjust float64) float64 {
	const a, b = 0.0962, 0.5769
	ax := float64(a * x)
	v := -q.ring[odd][slot]
	q.ring[odd][slot] = ax
	v += ax
	v -= q.prev[odd]
	q.prev[odd] = float64(b * q.input[odd])
	v += q.prev[odd]
	q.input[odd] = x
	q.value = float64(v * adjust)
	return q.value
}

// next takes a bar; ok once the transform has begun.
func (h *hilbert) next(x float64) (ok bool) {
	t := h.t
	h.t++
	old := h.past[t&3] // four bars ago
	h.past[t&3] = x
	if t < 3 {
		h.sub += x
		h.sum += float64(x * float64(t+1))
		return false
	}
	if t > 3 {
		h.trailing = old
	}
	h.sub += x
	h.sub -= h.trailing
	h.sum += float64(x * 4)
	h.smoothed = float64(h.sum * 0.1)
	h.sum -= h.sub
	if t < h.wait {
		return false
	}
	adjust := float64(0.075*h.period) + 0.54
	odd := t & 1
	mine, other := &h.even, &h.odd
	if odd == 1 {
		mine, other = &h.odd, &h.even
	}
	d := h.filters[0].next(h.smoothed, odd, h.slot, adjust)
	h.q1 = h.filters[1].next(d, odd, h.slot, adjust)
	h.i1 = mine[1]
	ji := h.filters[2].next(h.i1, odd, h.slot, adjust)
	jq := h.filters[3].next(h.q1, odd, h.slot, adjust)
	if odd == 0 {
		if h.slot++; h.slot == 3 {
			h.slot = 0
		}
	}
	q2 := float64(0.2*(h.q1+ji)) + float64(0.8*h.q2)
	i2 := float64(0.2*(h.i1-jq)) + float64(0.8*h.i2)
	other[1], other[0] = other[0], d

	h.re = float64(0.2*(float64(i2*h.i2)+float64(q2*h.q2))) + float64(0.8*h.re)
	h.im = float64(0.2*(float64(i2*h.q2)-float64(q2*h.i2))) + float64(0.8*h.im)
	h.i2, h.q2 = i2, q2
	was, p := h.period, h.period
	if h.im != 0 && h.re != 0 {
		p = 360 / float64(math.Atan(h.im/h.re)*(180/math.Pi))
	}
	p = min(p, 1.5*was)
	p = max(p, 0.67*was)
	p = max(6, min(50, p))
	h.period = float64(0.2*p) + float64(0.8*was)
	h.smooth = float64(0.33*h.period) + float64(0.67*h.smooth)
	return true
}

const (
	shortWait = 12 // of functions that begin at bar 32
	longWait  = 37 // of functions that begin at bar 63
	smoothest = 50 // bars of the longest cycle
)

// cycle adds the phase of the cycle and the trend line through it.
type cycle struct {
	h        hilbert
	smoothed [smoothest]float64 // ring of smoothed prices
	prices   [smoothest + 1]float64
	at       int // of the newest smoothed price, then of the next
	phase    float64
	trends   [3]float64
	line     float64
}

func (c *cycle) next(x float64) (ok bool) {
	c.prices[c.h.t%len(c.prices)] = x
	if !c.h.next(x) {
		return false
	}
	c.smoothed[c.at] = c.h.smoothed
	n := int(c.h.smooth + 0.5)
	c.turn(n)
	c.trend(n)
	if c.at++; c.at == smoothest {
		c.at = 0
	}
	return true
}

// turn finds where in the cycle of n bars the series is.
func (c *cycle) turn(n int) {
	var re, im float64
	at := c.at
	for i := range n {
		a := float64(float64(i)*(2*math.Pi)) / float64(n)
		sin, cos := math.Sincos(a)
		x := c.smoothed[at]
		re += float64(sin * x)
		im += float64(cos * x)
		if at--; at < 0 {
			at = smoothest - 1
		}
	}
	switch {
	case im != 0:
		c.phase = float64(math.Atan(re/im) * (180 / math.Pi))
	case re < 0:
		c.phase -= 90
	case re > 0:
		c.phase += 90
	}
	c.phase += 90
	c.phase += 360 / c.h.smooth
	if im < 0 {
		c.phase += 180
	}
	if c.phase > 315 {
		c.phase -= 360
	}
}

// trend is the mean over one cycle, smoothed over four bars.
func (c *cycle) trend(n int) {
	var sum float64
	t := c.h.t - 1
	for i := range n {
		sum += c.prices[(t-i)%len(c.prices)]
	}
	if n > 0 {
		sum /= float64(n)
	}
	c.line = (float64(4*sum) + float64(3*c.trends[0]) + float64(2*c.trends[1]) + c.trends[2]) / 10
	c.trends[2], c.trends[1], c.trends[0] = c.trends[1], c.trends[0], sum
}
