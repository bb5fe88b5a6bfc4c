package webhook

import (
	"math/rand/v2"
	"time"
)

// schedule is how long after the start of attempt n attempt n+1 is made; the first is at
// once. In all 75 h 35 min 5 s, without jitter, which outlasts a weekend.
var schedule = [...]time.Duration{
	0, 5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour,
	5 * time.Hour, 10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
}

// Attempts is how many attempts a delivery gets.
const Attempts = len(schedule)

// Wait is how long to wait before attempt n+1 once attempt n (from 1) has failed: the
// schedule and up to a tenth of it more, by r in [0, 1), so that endpoints that failed
// together are not all called together. ok is false when attempt n was the last.
func Wait(n int, r float64) (d time.Duration, ok bool) {
	if n < 1 || n >= Attempts {
		return 0, false
	}
	d = schedule[n]
	return d + time.Duration(float64(d)/10*r), true
}

func random() float64 { return rand.Float64() }
