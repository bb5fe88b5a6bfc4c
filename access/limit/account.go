package limit

import (
	"sync/atomic"
	"time"
)

// Used is what an account has used, to be kept over a restart.
type Used struct {
	At    time.Time // when this was true; Day and Month count for the periods it lies in
	Full  time.Time // when the rate bucket is full again
	Day   int64     // units
	Month int64     // units
}

// Account holds the limits of one app. All methods may be called at the same time; none
// allocates (save Change) and none waits, except for the few instructions of a Change.
type Account struct {
	tariff                               atomic.Pointer[tariff]
	day, month                           quota
	requests, connections, subscriptions slots
}

// tariff is a plan in force with the bucket that belongs to it.
type tariff struct {
	plan   Plan
	policy string
	bucket Bucket
}

// NewAccount makes the account of an app under a plan, with what was used before. The
// zero Used starts with everything unused.
func NewAccount(p Plan, u Used) *Account {
	a := &Account{}
	t := newTariff(p)
	if t.bucket.unit > 0 && !u.Full.IsZero() {
		t.bucket.full.Store(u.Full.UnixNano())
	}
	a.tariff.Store(t)
	if !u.At.IsZero() {
		d := dateOf(u.At)
		a.day.word.Store(join(d.day, u.Day))
		a.month.word.Store(join(d.month, u.Month))
	}
	return a
}

func newTariff(p Plan) *tariff {
	t := &tariff{plan: p, policy: p.header()}
	t.bucket.init(p.Rate, p.Burst)
	return t
}

// Plan is the plan in force.
func (a *Account) Plan() Plan { return a.tariff.Load().plan }

// Used tells what is used at now, as NewAccount takes it.
func (a *Account) Used(now time.Time) Used {
	d := dateOf(now)
	u := Used{At: now, Day: a.day.used(d.day), Month: a.month.used(d.month)}
	if f := a.tariff.Load().bucket.full.Load(); f > d.nano && f != frozen {
		u.Full = time.Unix(0, f)
	}
	return u
}

// Change puts another plan in force. What was used of rate, quotas and slots stays
// used: a change is no way to a fresh bucket. Calls of Change come one at a time.
func (a *Account) Change(p Plan, now time.Time) {
	old, t := a.tariff.Load(), newTariff(p)
	// From the swap to the store, takers see a frozen bucket and look for the new
	// tariff again, so no unit is taken that the new bucket does not know.
	full := old.bucket.full.Swap(frozen)
	t.bucket.adopt(&old.bucket, full, now.UnixNano())
	a.tariff.Store(t)
}

// Take asks for cost units of rate and quotas: all of them or, when any is violated,
// none. It takes no slot: for units within a stream or a request already entered.
func (a *Account) Take(now time.Time, cost int64) Answer { return a.take(now, cost, false) }

// Enter is Take and a slot of concurrency, all or nothing. When it was allowed, the
// caller calls Leave once the request has ended.
func (a *Account) Enter(now time.Time, cost int64) Answer { return a.take(now, cost, true) }

// Hold takes a slot of concurrency alone, if the plan has one left: for units that are
// taken elsewhere. The caller calls Leave as after Enter.
func (a *Account) Hold() bool { return a.requests.enter(1, a.tariff.Load().plan.Concurrency) }

// Leave gives back the slot of an allowed Enter or Hold.
func (a *Account) Leave() { a.requests.leave(1) }

// Connect takes one stream connection, if the plan has one left.
func (a *Account) Connect() bool { return a.connections.enter(1, a.tariff.Load().plan.Connections) }

// Disconnect gives back what Connect took.
func (a *Account) Disconnect() { a.connections.leave(1) }

// Subscribe takes n stream subscriptions, all or none.
func (a *Account) Subscribe(n int64) bool {
	return a.subscriptions.enter(max(n, 0), a.tariff.Load().plan.Subscriptions)
}

// Unsubscribe gives n subscriptions back.
func (a *Account) Unsubscribe(n int64) { a.subscriptions.leave(max(n, 0)) }

// Idle tells whether nothing is held and the bucket is full. Quotas may still be used.
func (a *Account) Idle(now time.Time) bool {
	return a.tariff.Load().bucket.Idle(now) && a.requests.held.Load() == 0 &&
		a.connections.held.Load() == 0 && a.subscriptions.held.Load() == 0
}

func (a *Account) take(now time.Time, cost int64, slot bool) Answer {
	d, cost := dateOf(now), min(max(cost, 0), MaxUnits)
	for {
		t := a.tariff.Load()
		if r := a.look(t, d, cost, slot); !r.Allowed {
			if r.Violated != 0 {
				return r
			}
			continue // frozen
		}
		if r, ok := a.commit(t, d, cost, slot); ok {
			return r
		}
		// Another took the last of something in between: look again and say what.
	}
}

// look judges every limit and takes nothing.
func (a *Account) look(t *tariff, d date, cost int64, slot bool) Answer {
	r := Answer{policy: t.policy}
	var wait int64
	var ok bool
	if r.Rate, wait, ok = t.bucket.take(d.nano, cost, false); !ok {
		if wait == 0 {
			return r
		}
		r.Violated, r.RetryAfter = Burst, time.Duration(wait)
	}
	day, month := a.day.used(d.day), a.month.used(d.month)
	r.Day = standing(t.plan.Daily, day, d.dayLeft)
	r.Month = standing(t.plan.Monthly, month, d.monthLeft)
	if t.plan.Daily > 0 && cost > t.plan.Daily-day {
		r.Violated, r.RetryAfter = r.Violated|Day, max(r.RetryAfter, d.dayLeft)
	}
	if t.plan.Monthly > 0 && cost > t.plan.Monthly-month {
		r.Violated, r.RetryAfter = r.Violated|Month, max(r.RetryAfter, d.monthLeft)
	}
	if slot && t.plan.Concurrency > 0 && a.requests.held.Load() >= t.plan.Concurrency {
		r.Violated |= Concurrency
	}
	r.Allowed = r.Violated == 0
	return r
}

// commit takes from each limit; the bucket comes last since it alone is never given back.
func (a *Account) commit(t *tariff, d date, cost int64, slot bool) (Answer, bool) {
	day, dayUsed, ok := a.day.take(d.day, cost, t.plan.Daily)
	if !ok {
		return Answer{}, false
	}
	month, monthUsed, ok := a.month.take(d.month, cost, t.plan.Monthly)
	if !ok {
		a.day.give(day, cost)
		return Answer{}, false
	}
	if !slot || a.requests.enter(1, t.plan.Concurrency) {
		if s, _, ok := t.bucket.take(d.nano, cost, true); ok {
			return Answer{
				Allowed: true, policy: t.policy, Rate: s,
				Day:   standing(t.plan.Daily, dayUsed, d.dayLeft),
				Month: standing(t.plan.Monthly, monthUsed, d.monthLeft),
			}, true
		}
		if slot {
			a.requests.leave(1)
		}
	}
	a.day.give(day, cost)
	a.month.give(month, cost)
	return Answer{}, false
}
