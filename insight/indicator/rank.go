package indicator

import "slices"

// sorted is a window that also keeps its values in order.
type sorted struct {
	w    window // its sum is not used
	list []float64
}

func newSorted(n int) sorted { return sorted{newWindow(n), make([]float64, 0, n)} }

func (s *sorted) push(x float64) {
	full := s.w.full()
	if old := s.w.push(x); full {
		i, _ := slices.BinarySearch(s.list, old)
		s.list = slices.Delete(s.list, i, i+1)
	}
	i, _ := slices.BinarySearch(s.list, x)
	s.list = slices.Insert(s.list, i, x)
}

// below is how many values are less than x, and how many equal it.
func (s *sorted) below(x float64) (less, equal int) {
	less, _ = slices.BinarySearch(s.list, x)
	for _, v := range s.list[less:] {
		if v != x {
			break
		}
		equal++
	}
	return less, equal
}

func (s *sorted) median() float64 {
	n := len(s.list)
	return (s.list[(n-1)/2] + s.list[n/2]) / 2
}

// away is the k-th smallest distance from m (0 is the smallest), m between the first and
// the last value: two runs of growing distances go out from it.
func (s *sorted) away(m float64, k int) (d float64) {
	right, _ := slices.BinarySearch(s.list, m)
	left := right - 1
	for ; k >= 0; k-- {
		if left < 0 || right < len(s.list) && s.list[right]-m <= m-s.list[left] {
			d = s.list[right] - m
			right++
		} else {
			d = m - s.list[left]
			left--
		}
	}
	return d
}

func (s *sorted) take(from *sorted) {
	s.w.take(&from.w)
	s.list = append(s.list[:0], from.list...)
}

// ordered is the state of a function of a sorted window.
type ordered struct {
	s  sorted
	of func(s *sorted, x float64) float64
}

func (o *ordered) step(in, out []float64) {
	o.s.push(in[0])
	out[0] = o.of(&o.s, in[0])
}

func (o *ordered) take(from core) { o.s.take(&from.(*ordered).s) }

func orderedOf(f Function, def float64, of func(p []float64) func(s *sorted, x float64) float64) Function {
	f.Group, f.Inputs, f.begin = Statistic, []Input{Real}, last
	f.Params = append([]Param{period(def, 1)}, f.Params...)
	f.open = func(p []float64) core { return &ordered{newSorted(int(p[0])), of(p)} }
	return f
}

func median() Function {
	return orderedOf(Function{
		Name: "MEDIAN", Title: "Running Median", Outputs: []Output{overPrice("outReal")},
		Doc:     "The value in the middle of the last bars: a mean that a single wild price does not move.",
		Formula: "the middle of n sorted values; of an even n the mean of the two in the middle", Source: "Common.",
	}, 21, func([]float64) func(*sorted, float64) float64 {
		return func(s *sorted, _ float64) float64 { return s.median() }
	})
}

func mad() Function {
	return orderedOf(Function{
		Name: "MAD", Title: "Median Absolute Deviation",
		Params:  []Param{{Name: "optInConstant", Doc: "What it is multiplied by; 1.4826 makes it a standard deviation where values are normal", Default: 1.4826, Min: 0.001, Max: 1000}},
		Outputs: []Output{{Name: "outReal", Unit: Price, Form: Line, PriceDegree: 1}},
		Doc:     "How far values lie from their median, as a median: a deviation that wild prices do not move.",
		Formula: "c median(|x[i] - median(x)|) over n bars", Source: "Frank Hampel, Journal of the American Statistical Association 69, 1974.",
	}, 20, func(p []float64) func(*sorted, float64) float64 {
		c := p[1]
		return func(s *sorted, _ float64) float64 {
			m, n := s.median(), len(s.list)
			return float64(c * ((s.away(m, (n-1)/2) + s.away(m, n/2)) / 2))
		}
	})
}

func percentRank() Function {
	return orderedOf(Function{
		Name: "PERCENTRANK", Title: "Percent Rank", Outputs: []Output{index100("outReal")},
		Doc:     "How many of the last values the newest exceeds, in per cent, equal ones and itself counted half.",
		Formula: "100 (count(x[i] < x[t]) + count(x[i] = x[t])/2)/n over n bars, the newest among them", Source: "As in R's TTR.",
		Notes: "Others leave the newest out, or count equal ones whole or not at all.",
	}, 50, func([]float64) func(*sorted, float64) float64 {
		return func(s *sorted, x float64) float64 {
			less, equal := s.below(x)
			return 100 * ((float64(less) + float64(equal)/2) / float64(len(s.list)))
		}
	})
}
