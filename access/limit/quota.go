package limit

import (
	"math"
	"sync/atomic"
	"time"
)

const (
	usedBits = 48
	// MaxUnits is the largest quota in units; a count stays there.
	MaxUnits = 1<<usedBits - 1
)

// quota counts the units of one calendar period. Period and count share a word, so that
// one compare-and-swap both counts and turns the page. The page never turns back: with
// a clock that goes back the later period goes on.
type quota struct{ word atomic.Uint64 }

func split(w, period uint64) (uint64, int64) {
	if p := w >> usedBits; p >= period {
		return p, int64(w & MaxUnits)
	}
	return period, 0
}

func join(period uint64, used int64) uint64 { return period<<usedBits | uint64(min(used, MaxUnits)) }

// used gives the units counted in the period.
func (q *quota) used(period uint64) int64 {
	_, n := split(q.word.Load(), period)
	return n
}

// take counts n units unless they would pass the limit; 0 is unlimited. It gives the
// period in which they were counted and the sum.
func (q *quota) take(period uint64, n, limit int64) (uint64, int64, bool) {
	for {
		w := q.word.Load()
		p, used := split(w, period)
		if limit > 0 && n > limit-used {
			return p, used, false
		}
		if q.word.CompareAndSwap(w, join(p, used+n)) {
			return p, used + n, true
		}
	}
}

// give takes n back, if their period has not ended.
func (q *quota) give(period uint64, n int64) {
	for {
		w := q.word.Load()
		p, used := split(w, 0)
		if p != period || q.word.CompareAndSwap(w, join(p, max(used-n, 0))) {
			return
		}
	}
}

// date is a moment in calendar periods of UTC.
type date struct {
	nano       int64
	day, month uint64        // since 1970; months since year 0
	dayLeft    time.Duration // until the day ends
	monthLeft  time.Duration
}

// dateOf is arithmetic alone, since it is asked for each request: years that begin in
// March make the leap day the last (Neri and Schneider, "Euclidean affine functions and
// their application to calendar algorithms", 2023). Times before 1970 count as 1970.
func dateOf(now time.Time) date {
	const dayLong = int64(24 * time.Hour)
	n := now.UnixNano()
	day := max(n, 0) / dayLong
	c := 4*uint64(day+719468) + 3 // quarters of days since 1 March of year 0
	century, rest := c/146097, c%146097/4*4+3
	year, ofYear := century*100+rest/1461, rest%1461/4
	m := (5*ofYear + 2) / 153 // months since March
	first, next := (153*m+2)/5, (153*(m+1)+2)/5
	if m == 11 { // February
		next = first + 28
		if y := year + 1; y%4 == 0 && (y%100 != 0 || y%400 == 0) {
			next++
		}
	}
	left := (day+1)*dayLong - n
	return date{
		nano: n, day: uint64(day), month: year*12 + m + 2, // March is the third month
		dayLeft: time.Duration(left), monthLeft: time.Duration(left + int64(next-1-ofYear)*dayLong),
	}
}

func standing(limit, used int64, reset time.Duration) Standing {
	if limit == 0 {
		return Standing{}
	}
	return Standing{Limit: limit, Remaining: max(limit-used, 0), Reset: reset}
}

// slots is a semaphore that never waits.
type slots struct{ held atomic.Int64 }

// enter takes n slots of a total; 0 is unlimited, yet counted.
func (s *slots) enter(n, total int64) bool {
	if total == 0 {
		total = math.MaxInt64
	}
	for {
		h := s.held.Load()
		if n > total-h {
			return false
		}
		if s.held.CompareAndSwap(h, h+n) {
			return true
		}
	}
}

// leave gives n back. Giving more than is held is a mistake of the caller that must not
// widen the limit for ever.
func (s *slots) leave(n int64) {
	for {
		h := s.held.Load()
		if s.held.CompareAndSwap(h, max(h-n, 0)) {
			return
		}
	}
}
