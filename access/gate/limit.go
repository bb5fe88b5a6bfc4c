package gate

import (
	"math"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"
)

// Limit is what a rate limiter answered: how the caller stands after the request.
type Limit struct {
	Allowed    bool
	Rate       int           // units per second that come back
	Burst      int           // units when full
	Remaining  int           // units left now
	Reset      time.Duration // until full again
	RetryAfter time.Duration // until the same request would pass; 0 when allowed
	policy     string
}

// Set writes the limit as headers: the IETF draft's RateLimit and RateLimit-Policy
// (draft-ietf-httpapi-ratelimit-headers, as of 2026), the older X-RateLimit-* that
// clients know, and Retry-After when the request was refused.
func (l *Limit) Set(h http.Header) {
	if l.Burst == 0 {
		return
	}
	reset, left := strconv.Itoa(seconds(l.Reset)), strconv.Itoa(l.Remaining)
	v := &[5]string{l.policy, `"app";r=` + left + ";t=" + reset, strconv.Itoa(l.Burst), left, reset} // one allocation for all
	h["Ratelimit-Policy"] = v[0:1:1]
	h["Ratelimit"] = v[1:2:2]
	h["X-Ratelimit-Limit"] = v[2:3:3]
	h["X-Ratelimit-Remaining"] = v[3:4:4]
	h["X-Ratelimit-Reset"] = v[4:5:5]
	if !l.Allowed {
		h["Retry-After"] = []string{strconv.Itoa(max(1, seconds(l.RetryAfter)))}
	}
}

func seconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }

// bucket is one GCRA limiter: tat is the time at which it would be full again. It is
// changed by compare-and-swap only, so that a hot caller on many cores never waits.
type bucket struct {
	tat         atomic.Int64 // nanoseconds of the wall clock
	rate, burst int
	unit        int64 // nanoseconds one unit takes to come back
	policy      string
}

func newBucket(rate, burst int) *bucket {
	rate, burst = max(rate, 1), max(burst, 1)
	window := (burst + rate - 1) / rate
	return &bucket{
		rate: rate, burst: burst, unit: int64(time.Second) / int64(rate),
		policy: `"app";q=` + strconv.Itoa(burst) + ";w=" + strconv.Itoa(window),
	}
}

// take asks for cost units at now. A cost above the burst takes a full bucket: a
// request that is allowed at all must be able to pass some time. Nothing is taken by
// a refusal.
func (b *bucket) take(now time.Time, cost int) Limit {
	t, room := now.UnixNano(), b.unit*int64(b.burst)
	need := b.unit * int64(min(max(cost, 0), b.burst))
	for {
		old := b.tat.Load()
		next := max(old, t) + need
		l := Limit{Rate: b.rate, Burst: b.burst, policy: b.policy}
		if wait := next - t - room; wait > 0 {
			full := max(old-t, 0)
			l.Remaining = int((room - full) / b.unit)
			l.Reset, l.RetryAfter = time.Duration(full), time.Duration(wait)
			return l
		}
		if b.tat.CompareAndSwap(old, next) {
			l.Allowed = true
			l.Remaining = int((room - (next - t)) / b.unit)
			l.Reset = time.Duration(next - t)
			return l
		}
	}
}

// idle tells whether the bucket is full, so that forgetting it changes nothing.
func (b *bucket) idle(now time.Time) bool { return b.tat.Load() <= now.UnixNano() }

// maxRate bounds what a key may be given.
const maxRate = math.MaxInt32 / 4
