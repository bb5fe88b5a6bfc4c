package rotation

import (
	"strconv"
	"time"

	"github.com/assayhq/assay/access"
)

// Evidence is what is known of a ring's traffic when time passes.
type Evidence struct {
	// Known is false when there is none to go by: nothing is retired early then.
	Known bool
	// Stragglers are callers that still use an old key and were not seen with the new one.
	Stragglers int
	// Quiet is true when the old keys were not used for as long as their callers ever paused.
	Quiet bool
	// Forecast is when the last of them will have moved, going on as now; zero: unknown.
	Forecast time.Time
	// Refused counts refusals, by key id, of callers that the key had served within the
	// day before it was suspended.
	Refused map[string]int
}

// Refusals of one suspended key after which its suspension is undone, and how long after it.
const (
	undoAfter  = 5
	undoWithin = 15 * time.Minute
	maxUndone  = 2
)

// reminders are the times before a retirement at which stragglers are named.
var reminders = []time.Duration{7 * 24 * time.Hour, 72 * time.Hour, 24 * time.Hour, time.Hour}

// Tick lets time pass: what was not confirmed is withdrawn unless it was pushed, what is proven or due is
// suspended or extended, what was suspended in error comes back, and what is over is
// retired. It gives no events when nothing changed.
func Tick(r *access.Ring, e Evidence, now time.Time) (ev []Event) {
	x := r.Rotation
	for i := range r.Keys {
		k := &r.Keys[i]
		p := r.Policy.WithDefaults(k.Scopes)
		switch {
		case k.State == access.Staged && x != nil && x.To == k.N && now.Sub(x.Started) >= p.Confirm && (x.Push.Step == access.PushStaged || x.Push.Step == access.PushDone):
			// Whoever reads the secret gets this key, however late: withdrawing it would lock
			// its client out. Both keys go on, and its owner is told once.
			if x.Reminded == 0 {
				x.Reminded = 1
				ev = append(ev, event("ring.push_unread", k, "to", x.Push.To, "name", x.Push.Name))
			}
		case k.State == access.Staged && x != nil && x.To == k.N && now.Sub(x.Started) >= p.Confirm:
			k.State, k.Ended = access.Withdrawn, now
			x.Phase, x.Ended = access.RolledBack, now
			ev = append(ev, event("key.withdrawn", k, "because", "not used within "+p.Confirm.String()))
		case k.State == access.Retiring:
			ev = append(ev, retiring(r, k, p, e, now)...)
		case k.State == access.Suspended && e.Refused[k.ID] >= undoAfter && now.Sub(k.Ended) <= undoWithin && x != nil && x.From == k.N && x.Undone < maxUndone:
			if more, err := Undo(r, k.ID, "its callers were refused and have not moved", now); err == nil {
				ev = append(ev, more...)
			}
		case k.State == access.Suspended && !now.Before(k.UndoUntil):
			k.State, k.Ended = access.Retired, now
			ev = append(ev, event("key.retired", k))
			if x != nil && x.From == k.N && x.Phase == access.Closed {
				x.Phase, x.Ended = access.Done, now
			}
		}
	}
	return ev
}

func retiring(r *access.Ring, k *access.Key, p access.Policy, e Evidence, now time.Time) []Event {
	x := r.Rotation
	switch {
	case !now.Before(k.RetireAt):
		if p.Deadline == access.Extend && x != nil && e.Stragglers > 0 && k.RetireAt.Before(x.Limit) && confirmed(r, k.N, now) {
			// Not reached in good order: nodes refuse it since RetireAt. See early below.
			k.RetireAt = min2(x.Limit, now.Add(24*time.Hour))
			x.RetireAt = k.RetireAt
			return []Event{event("key.retiring", k, "retire_at", stamp(k.RetireAt), "because", "stragglers remain")}
		}
		return []Event{suspend(r, k, "its date", now)}
	case p.Deadline == access.Extend && x != nil && e.Stragglers > 0 && k.RetireAt.Sub(now) < 2*Settle && k.RetireAt.Before(x.Limit):
		// Before the date comes, so that no node refuses it on its own clock.
		k.RetireAt = min2(x.Limit, now.Add(max(x.Overlap/4, access.MinOverlap)))
		x.RetireAt = k.RetireAt
		return []Event{event("key.retiring", k, "retire_at", stamp(k.RetireAt), "because", "stragglers remain")}
	case p.Proven && e.Known && e.Stragglers == 0 && e.Quiet && confirmed(r, k.N, now):
		return []Event{suspend(r, k, "all its traffic has moved", now)}
	}
	if x == nil || e.Stragglers == 0 {
		return nil
	}
	due := 0
	for _, d := range reminders {
		if k.RetireAt.Sub(now) <= d && d < x.Overlap {
			due++
		}
	}
	if late := !e.Forecast.IsZero() && e.Forecast.After(k.RetireAt); late && x.Reminded == 0 {
		due = max(due, 1)
	}
	if due <= x.Reminded {
		return nil
	}
	x.Reminded = due
	return []Event{event("key.straggler_detected", k, "stragglers", strconv.Itoa(e.Stragglers), "retire_at", stamp(k.RetireAt), "forecast", stampOr(e.Forecast, "unknown"))}
}

func min2(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func stampOr(t time.Time, def string) string {
	if t.IsZero() {
		return def
	}
	return stamp(t)
}

// Refuse is the share of a retiring key's requests, in percent, that a brown-out
// refuses at a time: 1, 5 and 25 % for five minutes each, 24, 12 and 2 hours before
// the date (in overlaps under two days at the same parts of it). 0 outside.
func Refuse(k *access.Key, p access.Policy, overlap time.Duration, now time.Time) int {
	if p.Deadline != access.Brownout || k.State != access.Retiring {
		return 0
	}
	scale := min(float64(overlap)/float64(48*time.Hour), 1)
	length := time.Duration(float64(5*time.Minute) * max(scale, 0.05))
	for _, b := range []struct {
		before time.Duration
		share  int
	}{{24 * time.Hour, 1}, {12 * time.Hour, 5}, {2 * time.Hour, 25}} {
		from := k.RetireAt.Add(-time.Duration(float64(b.before) * scale))
		if !now.Before(from) && now.Before(from.Add(length)) {
			return b.share
		}
	}
	return 0
}

// Due tells whether the policy asks for a rotation on schedule at now.
func Due(r *access.Ring, now time.Time) bool {
	if r.Policy.Every <= 0 {
		return false
	}
	k := r.Latest()
	return k != nil && k.State == access.Active && k.Live(now) && now.Sub(k.Created) >= r.Policy.Every && r.Accepting(now) == 1
}
