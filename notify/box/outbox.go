package box

import (
	"context"
	"strings"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/notify"
)

// kept is an event with the time of its last use, from which on it is kept for Keep.
type kept struct {
	Event notify.Event `json:"event"`
	Used  time.Time    `json:"used"`
}

// remember keeps an event. What was published never changes: the first one stays.
func (b *Box) remember(tx access.Tx, e *notify.Event) error {
	now := b.o.Now().UTC()
	k, found, err := get[kept](tx, kindEvent, e.ID)
	if err != nil || found && now.Sub(k.Used) < 24*time.Hour {
		return err
	}
	if !found {
		k.Event = *e
	}
	k.Used = now
	return put(tx, kindEvent, e.ID, k)
}

// Enqueue is notify.Outbox's.
func (b *Box) Enqueue(ctx context.Context, ds ...notify.Delivery) error {
	return b.change(ctx, func(tx access.Tx) error { return b.enqueue(tx, ds...) })
}

func (b *Box) enqueue(tx access.Tx, ds ...notify.Delivery) error {
	open := map[string]*queue{}
	for i := range ds {
		d := &ds[i]
		if d.Endpoint == "" || strings.Contains(d.Endpoint, "/") || !notify.ValidID(d.Event.ID) {
			return fault.New(fault.Invalid, "a delivery needs an endpoint and an event with valid ids")
		}
		q := open[d.Endpoint]
		if q == nil {
			var err error
			if q, err = openQueue(tx, d.Endpoint); err != nil {
				return err
			}
			open[d.Endpoint] = q
		}
		if err := q.add(tx, d); err != nil {
			return err
		}
		if err := b.remember(tx, &d.Event); err != nil {
			return err
		}
	}
	for _, q := range open {
		if err := q.save(tx); err != nil {
			return err
		}
	}
	return nil
}

// Publish enqueues an event for each endpoint that wants it, in a transaction of the
// caller's: the change and its notices are kept together or not at all. An endpoint whose
// queue is full does not undo the change: its log says that the event was dropped, from
// where it can be replayed.
func (b *Box) Publish(tx access.Tx, e notify.Event) error {
	if err := e.Check(); err != nil {
		return err
	}
	hooks, err := ofOrg(tx, e.Org)
	if err != nil {
		return err
	}
	for i := range hooks {
		h := &hooks[i]
		if !h.Wants(&e) {
			continue
		}
		err := b.enqueue(tx, notify.Delivery{Event: e, Endpoint: h.ID, N: 1, Due: e.At})
		if fault.Of(err) == fault.Exhausted {
			err = b.drop(tx, &e, h.ID, fault.Public(err))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// drop logs that an event is not delivered.
func (b *Box) drop(tx access.Tx, e *notify.Event, endpoint, why string) error {
	if err := b.remember(tx, e); err != nil {
		return err
	}
	return note(tx, notify.Attempt{Event: e.ID, Type: e.Type, Endpoint: endpoint, N: 1, At: b.o.Now().UTC(), Outcome: notify.Dropped, Error: why})
}

// Due is notify.Outbox's.
func (b *Box) Due(ctx context.Context, now time.Time, limit int) (out []notify.Delivery, err error) {
	// Most of the time nothing is due, which a look finds out without keeping writers waiting.
	some := false
	err = b.store.View(ctx, func(tx access.Tx) error {
		qs, err := queues(tx)
		some = false
		for _, q := range qs {
			some = some || q.ready(now)
		}
		return err
	})
	if err != nil || !some || limit < 1 {
		return nil, err
	}
	err = b.change(ctx, func(tx access.Tx) (err error) {
		out, err = b.claim(tx, now, limit)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (q *queue) ready(now time.Time) bool {
	return q.Count > 0 && q.First <= nanos(now) && q.live(now) < notify.MaxHeld
}

// runner is a queue that takes part in a claim.
type runner struct {
	*queue
	read  bool
	rest  []place // not claimed, due first
	taken bool
}

// next is when its next delivery is due; before it was read, at the earliest.
func (r *runner) next() int64 {
	if r.read {
		return r.rest[0].due
	}
	return r.First
}

func (b *Box) claim(tx access.Tx, now time.Time, limit int) (out []notify.Delivery, err error) {
	qs, err := queues(tx)
	if err != nil {
		return nil, err
	}
	org := map[string]int{}
	var run []*runner
	for _, q := range qs {
		org[q.Org] += q.live(now)
		if q.ready(now) {
			run = append(run, &runner{queue: q})
		}
	}
	all := run
	for len(out) < limit && len(run) > 0 {
		at := 0
		for i, r := range run {
			if r.next() < run[at].next() {
				at = i
			}
		}
		r := run[at]
		if !r.read {
			if err := r.load(tx, now); err != nil {
				return nil, err
			}
		}
		if len(r.rest) == 0 || r.rest[0].due > nanos(now) || r.live(now) >= notify.MaxHeld || org[r.Org] >= notify.MaxHeldOrg {
			run = append(run[:at:at], run[at+1:]...)
			continue
		}
		if r.later(run) { // what was due first is under claim: another goes before
			continue
		}
		d, ok, err := b.take(tx, r, now)
		if err != nil {
			return nil, err
		}
		if ok {
			out = append(out, d)
			org[r.Org]++
		}
		if len(r.rest) == 0 {
			run = append(run[:at:at], run[at+1:]...)
		}
	}
	for _, r := range all {
		if !r.taken {
			continue
		}
		if err := r.save(tx); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (r *runner) load(tx access.Tx, now time.Time) error {
	list, err := r.list(tx, 2*notify.MaxHeld)
	for _, p := range list {
		if !r.holds(p.event, now) {
			r.rest = append(r.rest, p)
		}
	}
	r.read = true
	return err
}

// later tells whether another runner has something that may be due before.
func (r *runner) later(run []*runner) bool {
	for _, o := range run {
		if o.next() < r.next() {
			return true
		}
	}
	return false
}

// take claims a runner's next delivery. One whose event is no longer kept has waited for
// longer than Keep, with no deliverer running: it ends here.
func (b *Box) take(tx access.Tx, r *runner, now time.Time) (d notify.Delivery, ok bool, err error) {
	x := r.rest[0]
	r.rest, r.taken = r.rest[1:], true
	p, found, err := get[pending](tx, kindDelivery, keyID(r.endpoint, x.event))
	if err != nil {
		return d, false, err
	}
	if !found {
		return d, false, fault.New(fault.Internal, "the delivery of %s to %s is in the queue and nowhere else", x.event, r.endpoint)
	}
	k, found, err := get[kept](tx, kindEvent, x.event)
	if err != nil {
		return d, false, err
	}
	if !found {
		if err := r.remove(tx, x.event, p); err != nil {
			return d, false, err
		}
		return d, false, note(tx, notify.Attempt{Event: x.event, Endpoint: r.endpoint, N: p.N, At: now.UTC(), Outcome: notify.Dropped, Error: "it waited so long that the event is no longer kept"})
	}
	r.hold(x.event, now)
	return notify.Delivery{Event: k.Event, Endpoint: r.endpoint, N: p.N, Due: time.Unix(0, p.Due).UTC()}, true, nil
}

// Record is notify.Outbox's.
func (b *Box) Record(ctx context.Context, a notify.Attempt, next time.Time) error {
	return b.change(ctx, func(tx access.Tx) error {
		if err := note(tx, a); err != nil {
			return err
		}
		p, found, err := get[pending](tx, kindDelivery, keyID(a.Endpoint, a.Event))
		if err != nil || !found || a.Outcome != notify.Delivered && p.N != a.N {
			return err
		}
		q, err := openQueue(tx, a.Endpoint)
		if err != nil {
			return err
		}
		if a.Outcome == notify.Delivered || next.IsZero() {
			err = q.remove(tx, a.Event, p)
		} else {
			err = q.again(tx, a.Event, p, next)
		}
		if err != nil {
			return err
		}
		return q.save(tx)
	})
}
