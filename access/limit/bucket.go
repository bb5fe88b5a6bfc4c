package limit

import (
	"math"
	"sync/atomic"
	"time"
)

// The largest rate (units per second) and burst (units): with them no sum of
// nanoseconds below leaves int64 before the year 2190.
const (
	MaxRate  = 1_000_000_000
	MaxBurst = 1_000_000_000
)

// frozen marks a bucket that a change of plan has replaced.
const frozen = math.MaxInt64

// Bucket is one rate limiter by the generic cell rate algorithm (ITU-T I.371, "virtual
// scheduling"): full is the time at which it would be full again. It is changed by
// compare-and-swap only, so a busy caller on many cores never waits. The zero Bucket
// limits nothing.
type Bucket struct {
	full  atomic.Int64 // nanoseconds since 1970
	unit  int64        // nanoseconds one unit takes to come back, rounded up: never above the rate
	burst int64        // units
}

// NewBucket makes a full bucket; a rate of 0 limits nothing. Values are clamped to 1 ..
// MaxRate and MaxBurst.
func NewBucket(rate, burst int64) *Bucket {
	b := &Bucket{}
	b.init(rate, burst)
	return b
}

func (b *Bucket) init(rate, burst int64) {
	if rate <= 0 {
		return
	}
	rate, b.burst = min(rate, MaxRate), min(max(burst, 1), MaxBurst)
	b.unit = (int64(time.Second) + rate - 1) / rate
}

// Take asks for cost units at now. A cost above the burst takes a full bucket: a
// request that is allowed at all must be able to pass some time.
func (b *Bucket) Take(now time.Time, cost int64) Answer {
	s, wait, ok := b.take(now.UnixNano(), cost, true)
	return answer(s, wait, ok)
}

// Peek tells what Take would answer, and takes nothing.
func (b *Bucket) Peek(now time.Time, cost int64) Answer {
	s, wait, ok := b.take(now.UnixNano(), cost, false)
	return answer(s, wait, ok)
}

func answer(s Standing, wait int64, ok bool) Answer {
	a := Answer{Allowed: ok, Rate: s, RetryAfter: time.Duration(wait)}
	if !ok {
		a.Violated = Burst
	}
	return a
}

// take answers the standing, the wait in nanoseconds and whether it may pass. A frozen
// bucket answers no with no wait.
func (b *Bucket) take(now, cost int64, commit bool) (Standing, int64, bool) {
	if b.unit == 0 {
		return Standing{}, 0, b.full.Load() != frozen
	}
	room, need := b.unit*b.burst, b.unit*min(max(cost, 0), b.burst)
	for {
		old := b.full.Load()
		if old == frozen {
			return Standing{}, 0, false
		}
		next := max(old, now) + need
		if wait := next - now - room; wait > 0 {
			return b.standing(max(old-now, 0)), wait, false
		}
		if !commit {
			return b.standing(max(old-now, 0)), 0, true
		}
		if b.full.CompareAndSwap(old, next) {
			return b.standing(next - now), 0, true
		}
	}
}

// standing may see more than a full debt when the clock went back.
func (b *Bucket) standing(debt int64) Standing {
	return Standing{Limit: b.burst, Remaining: max(b.burst-(debt+b.unit-1)/b.unit, 0), Reset: time.Duration(debt)}
}

// Idle tells whether the bucket is full, so that forgetting it changes nothing.
func (b *Bucket) Idle(now time.Time) bool { return b.full.Load() <= now.UnixNano() }

// adopt gives this new bucket the units that were used of another whose full was as
// given: at most all of its own.
func (b *Bucket) adopt(old *Bucket, full, now int64) {
	if b.unit == 0 || old.unit == 0 || full <= now {
		return
	}
	used := (full - now + old.unit - 1) / old.unit
	b.full.Store(now + min(used, b.burst)*b.unit)
}
