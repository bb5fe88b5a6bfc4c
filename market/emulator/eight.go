package emulator

import "time"

// eight is how often most venues pay funding.
const eight = 8 * time.Hour

// due is the funding that is paid at the end of the eight hours that at lies in: fixed
// when they begin, so that the stream and the history tell the same.
func (p *pit) due(at time.Time) (rate float64, when time.Time) {
	start := at.UTC().Truncate(eight)
	return p.terms(start).hourly * 8, start.Add(eight)
}

// settled are the payments from..to, both inclusive, as far as the venue's history goes.
func (p *pit) settled(from, to time.Time) (at []time.Time, rate []float64) {
	if first := p.tape.reach("1h"); from.Before(first) {
		from = first
	}
	for when := from.UTC().Add(eight - 1).Truncate(eight); !when.After(to); when = when.Add(eight) {
		r, _ := p.due(when.Add(-eight))
		at, rate = append(at, when), append(rate, r)
	}
	return at, rate
}
