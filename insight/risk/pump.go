package risk

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/assayhq/assay/fault"
)

// PumpOptions are what counts as a pump. The zero value is the default of each field.
type PumpOptions struct {
	Window  int     // bars before, that a bar is compared with; 48
	Price   float64 // how many deviations the rise has to stand out; 4
	Volume  float64 // how many deviations the volume has to stand out; 3
	Reverse int     // bars in which the rise has to be given back; 12
	Given   float64 // part of the rise that has to be given back; 0.6
}

// Pump is a sudden rise with sudden volume, and what became of it.
type Pump struct {
	At       time.Time // start of the bar that stood out; known at its close
	Rise     float64   // of the close from the close before, as a fraction
	Top      float64   // highest price until it ended
	PriceZ   float64   // the rise in robust deviations of the window before
	VolumeZ  float64   // the logarithm of the volume, the same way
	Dumped   bool      // it was given back
	DumpedAt time.Time // start of the bar whose close showed it
	Given    float64   // part of the rise up to the top that was given back by the last close looked at
	Open     bool      // too few bars came since to know
	Reasons  []string  // in sentences, from the numbers
}

// Pumps looks for rises that stand out in price and volume together, and whether they were
// given back. It is a screen, not a finding of fact: news do the same, and the reversal
// tells them apart only afterwards. What is said of a bar uses bars up to it, Dumped those
// up to DumpedAt. The deviations are robust (median and 1.4826 times the median distance
// from it), so that one pump does not hide the next.
func Pumps(bars []Bar, o PumpOptions) ([]Pump, error) {
	if o.Window == 0 {
		o.Window = 48
	}
	if o.Price == 0 {
		o.Price = 4
	}
	if o.Volume == 0 {
		o.Volume = 3
	}
	if o.Reverse == 0 {
		o.Reverse = 12
	}
	if o.Given == 0 {
		o.Given = 0.6
	}
	if o.Window < 10 || o.Window > 1000 || o.Reverse < 1 || o.Reverse > 500 || !(o.Price > 0) || !(o.Volume > 0) || !(o.Given > 0 && o.Given <= 1) {
		return nil, fault.At(fault.Invalid, "pumps", "a window has 10 to 1000 bars, a reversal 1 to 500, deviations are above zero, and the part given back is above 0 and at most 1")
	}
	if err := checkBars(bars); err != nil {
		return nil, err
	}
	var out []Pump
	moves, volumes := make([]float64, 0, o.Window), make([]float64, 0, o.Window)
	for t := o.Window + 1; t < len(bars); t++ {
		before := bars[t-1].Close
		if before <= 0 || bars[t].Volume <= 0 {
			continue
		}
		rise := bars[t].Close/before - 1
		if rise <= 0 {
			continue
		}
		moves, volumes = moves[:0], volumes[:0]
		for i := t - o.Window; i < t; i++ {
			if c := bars[i-1].Close; c > 0 {
				moves = append(moves, bars[i].Close/c-1)
			}
			volumes = append(volumes, math.Log1p(bars[i].Volume))
		}
		pz, vz := standsOut(rise, moves, 0.001), standsOut(math.Log1p(bars[t].Volume), volumes, 0.05)
		if pz < o.Price || vz < o.Volume {
			continue
		}
		p := Pump{At: bars[t].At, Rise: rise, PriceZ: pz, VolumeZ: vz, Top: bars[t].High}
		p.Reasons = []string{
			fmt.Sprintf("the price rose %.1f %% in one bar, %.1f deviations beyond the %d bars before", 100*rise, pz, o.Window),
			fmt.Sprintf("the volume stood out by %.1f deviations", vz),
		}
		end := min(t+o.Reverse, len(bars)-1)
		i := t
		for i < end && !p.Dumped {
			i++
			p.Top = max(p.Top, bars[i].High)
			p.Given = (p.Top - bars[i].Close) / (p.Top - before)
			if p.Given >= o.Given {
				p.Dumped, p.DumpedAt = true, bars[i].At
			}
		}
		switch {
		case p.Dumped:
			p.Reasons = append(p.Reasons, fmt.Sprintf("%.0f %% of the rise was given back within %d bars", 100*p.Given, i-t))
		case t+o.Reverse >= len(bars):
			p.Open = true
			p.Reasons = append(p.Reasons, fmt.Sprintf("only %d of %d bars have passed since: whether it is given back is not known", len(bars)-1-t, o.Reverse))
		default:
			p.Reasons = append(p.Reasons, fmt.Sprintf("it was not given back within %d bars", o.Reverse))
		}
		out = append(out, p)
		t = i // the same rise is told once
	}
	return out, nil
}

// standsOut is how many robust deviations a value is above the median. The deviation is at
// least a floor, so that after a time without movement not everything stands out.
func standsOut(x float64, window []float64, floor float64) float64 {
	if len(window) == 0 {
		return 0
	}
	s := slices.Clone(window)
	slices.Sort(s)
	middle := quantile(s, 0.5)
	for i, v := range window {
		s[i] = math.Abs(v - middle)
	}
	slices.Sort(s)
	return (x - middle) / max(floor, 1.4826*quantile(s, 0.5))
}
