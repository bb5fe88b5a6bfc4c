package grade

import (
	"math"
	"slices"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/insight"
)

// EvenBands are the default: cuts at 20, 40, 60 and 80.
func EvenBands() insight.Bands {
	return insight.Bands{Name: "even", Cuts: []float64{20, 40, 60, 80}, Labels: []string{"very weak", "weak", "neutral", "strong", "very strong"}, Hysteresis: 2, Confirm: 2}
}

// TokenMetricsBands are the words that Token Metrics publishes for its trader grade: from
// 81 surging, from 61 gaining, from 41 steady, from 21 losing, else crashing. Hysteresis
// and confirmation are ours.
func TokenMetricsBands() insight.Bands {
	return insight.Bands{Name: "tokenmetrics", Cuts: []float64{21, 41, 61, 81}, Labels: []string{"crashing", "losing", "steady", "gaining", "surging"}, Hysteresis: 2, Confirm: 2}
}

// BandsNamed gives a scheme: even or tokenmetrics. The error is Invalid.
func BandsNamed(name string) (insight.Bands, error) {
	all := []insight.Bands{EvenBands(), TokenMetricsBands()}
	if i := slices.IndexFunc(all, func(b insight.Bands) bool { return b.Name == name }); i >= 0 {
		return all[i], nil
	}
	return insight.Bands{}, fault.New(fault.Invalid, "there are no bands %.40q; write even or tokenmetrics", name)
}

// CheckBands tells what is wrong with bands of one's own. The error is Invalid.
func CheckBands(b insight.Bands) error {
	switch {
	case len(b.Cuts) == 0 || len(b.Cuts) > 20 || len(b.Labels) != len(b.Cuts)+1:
		return fault.New(fault.Invalid, "bands need 1 to 20 cuts and one label more than cuts, not %d and %d", len(b.Cuts), len(b.Labels))
	case !slices.IsSorted(b.Cuts) || b.Cuts[0] <= 0 || b.Cuts[len(b.Cuts)-1] >= 100:
		return fault.New(fault.Invalid, "cuts of bands must rise and lie between 0 and 100: %v", b.Cuts)
	case !(b.Hysteresis >= 0 && b.Hysteresis <= 10):
		return fault.New(fault.Invalid, "the hysteresis of bands is 0 to 10 points, not %v", b.Hysteresis)
	case b.Confirm < 1 || b.Confirm > 30:
		return fault.New(fault.Invalid, "bands are confirmed by 1 to 30 closes, not %d", b.Confirm)
	}
	for i := range b.Cuts[1:] {
		if b.Cuts[i+1]-b.Cuts[i] <= 2*b.Hysteresis {
			return fault.New(fault.Invalid, "cuts %v and %v are closer than twice the hysteresis of %v", b.Cuts[i], b.Cuts[i+1], b.Hysteresis)
		}
	}
	return nil
}

// Bander follows one grade and says which band it is in. The zero value has seen nothing.
type Bander struct {
	in      int8 // band, 1 is the lowest; 0: none yet
	up      bool // where those that wait want to go
	waiting int8 // closes in a row that were outside
	nearest int8 // the least move that all of them allow
}

// Close takes the grade at a close and gives the band's place in Labels, -1 without one.
// The first grade sets the band at once. After that the band changes when the grade was a
// hysteresis beyond its edge on Confirm closes in a row; of several bands it goes to the
// nearest that all those closes were in or beyond. NaN is a close without a grade: there
// is no band, and the next grade begins anew.
func (s *Bander) Close(b *insight.Bands, v float64) int {
	if math.IsNaN(v) {
		*s = Bander{}
		return -1
	}
	if s.in == 0 {
		s.in = 1
		for _, c := range b.Cuts {
			if v >= c {
				s.in++
			}
		}
		return int(s.in) - 1
	}
	// The highest band that v has risen into, and the lowest it has fallen into, with the
	// hysteresis on the far side of each cut.
	risen, fallen := int8(1), int8(len(b.Cuts)+1)
	for i, c := range b.Cuts {
		if v >= c+b.Hysteresis {
			risen = int8(i) + 2
		}
	}
	for i := len(b.Cuts) - 1; i >= 0; i-- {
		if v < b.Cuts[i]-b.Hysteresis {
			fallen = int8(i) + 1
		}
	}
	switch {
	case risen > s.in:
		s.wait(true, risen)
	case fallen < s.in:
		s.wait(false, fallen)
	default:
		s.waiting = 0
	}
	if int(s.waiting) >= b.Confirm {
		s.in, s.waiting = s.nearest, 0
	}
	return int(s.in) - 1
}

func (s *Bander) wait(up bool, to int8) {
	switch {
	case s.waiting == 0 || s.up != up:
		s.up, s.waiting, s.nearest = up, 1, to
	case up:
		s.waiting, s.nearest = s.waiting+1, min(s.nearest, to)
	default:
		s.waiting, s.nearest = s.waiting+1, max(s.nearest, to)
	}
}
