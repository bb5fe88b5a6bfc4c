// Package limit says how much an app may do: plans as versioned data, one lock-free
// rate bucket, calendar quotas and slots for concurrency that are taken all or nothing,
// and the leases by which several nodes share one limit.
//
// It never reads a clock, never waits and never talks: time is an argument and the
// messages between Holder (a node) and Authority are values that the owner carries over
// any transport, which may lose, delay, repeat and reorder them.
//
// What always holds: in no window of time does an app get more than rate x window +
// burst units, nor more than its quota in a UTC day or month; on any number of nodes,
// whatever dies. A fault makes an app get less for a moment, never more. Nothing is
// taken by a refusal. gate calls it for each request and carries the messages; a store that
// nodes share keeps the authority, see Call.
package limit

import (
	"strings"
	"time"
)

// Policy is a set of limits, one bit each.
type Policy uint8

// The limits of an account.
const (
	Burst       Policy = 1 << iota // rate and burst, see Bucket
	Day                            // units in a calendar day, UTC
	Month                          // units in a calendar month, UTC
	Concurrency                    // requests at the same time
)

var policyNames = [...]string{"burst", "day", "month", "concurrency"}

// Names lists the limits in the set as headers and problem documents name them.
func (p Policy) Names() []string {
	var out []string
	for i, n := range policyNames {
		if p&(1<<i) != 0 {
			out = append(out, n)
		}
	}
	return out
}

// String joins the names by commas.
func (p Policy) String() string { return strings.Join(p.Names(), ",") }

// Standing is how an account stands against one limit after the request.
type Standing struct {
	Limit     int64         // units when nothing is used; 0: unlimited, and the rest means nothing
	Remaining int64         // units left now
	Reset     time.Duration // until Remaining is Limit again
}

// Answer is the decision on one request.
type Answer struct {
	Allowed    bool
	Violated   Policy        // every limit that the request breaks; 0 when allowed
	RetryAfter time.Duration // until the same request could pass; 0 when allowed or when waiting for others to Leave
	Rate       Standing
	Day        Standing
	Month      Standing
	policy     string // value of RateLimit-Policy, made once per plan
}
