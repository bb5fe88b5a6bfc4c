package risk

import (
	"cmp"
	"slices"
	"time"
)

// Drawdown is a fall from a high until that high is reached again.
type Drawdown struct {
	Start     time.Time     // of the high
	Trough    time.Time     // of the lowest value
	End       time.Time     // when the high was reached again; zero: not yet
	Depth     float64       // of the trough under the high, -0.5 is half
	Now       float64       // where it stands at the end of the data; 0 when recovered
	Periods   int           // under the high
	Days      float64       // from the high to the end, or to the end of the data
	Recovered bool          // End is known
	Recovery  time.Duration // from the trough to the end; 0 when not recovered
}

// Drawdowns lists the deepest falls, deepest first, most of them at most (0 is all). The
// start counts as a high.
func Drawdowns(r Returns, most int) []Drawdown {
	var list []Drawdown
	wealth, peak, high := 1.0, 1.0, r.from
	var d *Drawdown
	var at time.Time
	for i, x := range r.Simple().v {
		at = r.at[i]
		wealth *= 1 + x
		if wealth >= peak {
			if d != nil {
				d.End, d.Recovered, d.Now = at, true, 0
				d.Recovery = at.Sub(d.Trough)
				d.Days = at.Sub(d.Start).Hours() / 24
				d = nil
			}
			peak, high = wealth, at
			continue
		}
		if d == nil {
			list = append(list, Drawdown{Start: high})
			d = &list[len(list)-1]
		}
		d.Periods++
		d.Now = wealth/peak - 1
		if d.Now < d.Depth {
			d.Depth, d.Trough = d.Now, at
		}
		d.Days = at.Sub(d.Start).Hours() / 24
	}
	slices.SortStableFunc(list, func(a, b Drawdown) int { return cmp.Compare(a.Depth, b.Depth) })
	if most > 0 && len(list) > most {
		list = list[:most]
	}
	return list
}
