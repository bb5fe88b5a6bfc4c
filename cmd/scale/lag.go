package main

import (
	"math"
	"time"
)

// lags counts how late events were, in steps of about four percent. It takes no memory
// that grows.
type lags struct {
	n    [1024]int64
	all  int64
	most time.Duration
}

func (l *lags) add(d time.Duration) {
	d = max(d, time.Microsecond)
	i := int(math.Log2(float64(d)/1000) * 16)
	l.n[min(i, len(l.n)-1)]++
	l.all++
	l.most = max(l.most, d)
}

func (l *lags) at(share float64) time.Duration {
	left := int64(share * float64(l.all))
	for i, n := range l.n {
		if left -= n; left < 0 {
			return min(time.Duration(1000*math.Exp2(float64(i+1)/16)), l.most)
		}
	}
	return l.most
}
