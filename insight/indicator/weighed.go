package indicator

import "math"

const unweighed = "Where there was no volume at all it is the plain mean."

func vwma() Function {
	return Function{
		Name: "VWMA", Title: "Volume Weighted Moving Average", Group: Overlap, Inputs: []Input{Real, Vol}, Params: []Param{period(20, 1)}, Outputs: []Output{overPrice("outReal")},
		Doc:     "A mean in which a bar weighs as much as was traded in it.",
		Formula: "sum(x v) / sum(v) over n bars", Source: "Common.", Notes: unweighed,
		begin: last, open: func(p []float64) core { return newWeighed(int(p[0]), func(in []float64) float64 { return in[0] }) },
	}
}

func rvwap() Function {
	return Function{
		Name: "RVWAP", Title: "Rolling Volume Weighted Average Price", Group: Overlap, Inputs: []Input{High, Low, Close, Vol}, Params: []Param{period(20, 1)}, Outputs: []Output{overPrice("outReal")},
		Doc:     "What was paid on average in the last bars, as near as bars tell it. It has no session: for markets that never close.",
		Formula: "sum(p v) / sum(v) over n bars, p = (high + low + close)/3", Source: "Common.", Notes: unweighed,
		begin: last, open: func(p []float64) core { return newWeighed(int(p[0]), typical) },
	}
}

func typical(in []float64) float64 { return (in[0] + in[1] + in[2]) / 3 }

type weighed struct {
	price        func(in []float64) float64
	paid, volume total
	prices       window
}

func newWeighed(n int, price func([]float64) float64) *weighed {
	return &weighed{price, newTotal(n), newTotal(n), newWindow(n)}
}

func (w *weighed) step(in, out []float64) {
	x, v := w.price(in), in[len(in)-1]
	w.paid.push(float64(x * v))
	w.volume.push(v)
	w.prices.push(x)
	if w.volume.sum == 0 {
		out[0] = w.prices.sum / float64(len(w.prices.buf))
		return
	}
	out[0] = w.paid.sum / w.volume.sum
}

func (w *weighed) take(from core) {
	f := from.(*weighed)
	w.paid.take(&f.paid)
	w.volume.take(&f.volume)
	w.prices.take(&f.prices)
}

func vwap() Function {
	return Function{
		Name: "VWAP", Title: "Volume Weighted Average Price of the day", Group: Overlap, Inputs: []Input{Time, High, Low, Close, Vol}, Outputs: []Output{overPrice("outReal")},
		Doc:     "What was paid on average since the day began, at 00:00 UTC, as near as bars tell it.",
		Formula: "sum(p v) / sum(v) since the day began, p = (high + low + close)/3", Source: "Common.",
		Notes:  "Each UTC day is a session. On bars of a day or longer it is the bar's own price: RVWAP is for these. Before there was volume in a day it is p.",
		begin:  none,
		settle: func([]float64) int { return 1440 }, // a day of minutes
		open:   func([]float64) core { return &session{} },
	}
}

type session struct {
	day          float64
	begun        bool
	paid, volume float64
}

func (s *session) step(in, out []float64) {
	if day := math.Floor(in[0] / 86400000); !s.begun || day != s.day {
		*s = session{day: day, begun: true}
	}
	p := typical(in[1:])
	s.paid += float64(p * in[4])
	s.volume += in[4]
	out[0] = p
	if s.volume != 0 {
		out[0] = s.paid / s.volume
	}
}

func (s *session) take(from core) { *s = *from.(*session) }

func evwma() Function {
	return Function{
		Name: "EVWMA", Title: "Elastic Volume Weighted Moving Average", Group: Overlap, Inputs: []Input{Real, Vol}, Params: []Param{period(20, 1)}, Outputs: []Output{overPrice("outReal")},
		Doc:     "A mean in which each bar takes the place of the part of the last bars' volume that it traded: an average price of what is held.",
		Formula: "e[t] = ((V - v[t]) e[t-1] + v[t] x[t])/V, V = sum(v) over n bars; begun with x at the n-th bar",
		Source:  "Christian P. Fries, 2001.", Notes: "Where there was no volume it stays.",
		begin:  last,
		settle: func(p []float64) int { return fade(1/p[0]) * 2 },
		open:   func(p []float64) core { return &elastic{volume: newTotal(int(p[0]))} },
	}
}

type elastic struct {
	volume total
	value  float64
	begun  bool
}

func (e *elastic) step(in, out []float64) {
	x, v := in[0], in[1]
	e.volume.push(v)
	switch sum := e.volume.sum; {
	case !e.volume.full():
		return
	case !e.begun:
		e.value, e.begun = x, true
	case sum > 0:
		e.value = (float64((sum-v)*e.value) + float64(v*x)) / sum
	}
	out[0] = e.value
}

func (e *elastic) take(from core) {
	f := from.(*elastic)
	e.volume.take(&f.volume)
	e.value, e.begun = f.value, f.begun
}
