package box

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/notify"
)

// Log gives up to limit attempts at an organisation's endpoint, the last recorded first.
func (b *Box) Log(ctx context.Context, org, id string, limit int) (out []notify.Attempt, err error) {
	err = b.store.View(ctx, func(tx access.Tx) error {
		f, err := owned(tx, org, id)
		if err != nil {
			return err
		}
		out, err = attempts(tx, f.ID, limit)
		return err
	})
	return out, err
}

// ready gives an endpoint that can be delivered to.
func ready(tx access.Tx, org, id string) (*filed, error) {
	f, err := owned(tx, org, id)
	if err == nil && f.State != notify.Enabled {
		err = fault.New(fault.Conflict, "the endpoint is disabled (%s); enable it first", f.Reason)
	}
	return f, err
}

// Test sends an endpoint an event of the first type that it wants, whose data is
// {"test":true}, and gives the event's id.
func (b *Box) Test(ctx context.Context, org, id string) (string, error) {
	e := notify.Event{ID: notify.NewID(), At: b.o.Now().UTC(), Org: org, Data: []byte(`{"test":true}`)}
	err := b.change(ctx, func(tx access.Tx) error {
		f, err := ready(tx, org, id)
		if err != nil {
			return err
		}
		e.App = f.App
		for _, t := range slices.Sorted(maps.Keys(notify.Types())) {
			if slices.ContainsFunc(f.Events, func(p string) bool { return notify.Match(p, t) }) {
				e.Type = t
				break
			}
		}
		return b.enqueue(tx, notify.Delivery{Event: e, Endpoint: id, N: 1, Due: e.At})
	})
	if err != nil {
		return "", err
	}
	return e.ID, nil
}

// Replay sends one event again, or with an empty id all events whose attempts since a time
// are in the log without one that was delivered. A repetition has the webhook-id of the
// first delivery; what still waits is made due at once. It tells how many there are.
func (b *Box) Replay(ctx context.Context, org, id, eventID string, since time.Time) (n int, err error) {
	if (eventID == "") == since.IsZero() {
		return 0, fault.At(fault.Invalid, "body", "say what to replay: delivery, the id of an event, or since, a time; not both")
	}
	now := b.o.Now().UTC()
	err = b.change(ctx, func(tx access.Tx) error {
		n = 0
		f, err := ready(tx, org, id)
		if err != nil {
			return err
		}
		ids := []string{eventID}
		if eventID == "" {
			if ids, err = missed(tx, f.ID, since); err != nil {
				return err
			}
		}
		var ds []notify.Delivery
		for _, x := range ids {
			e, err := event(tx, x)
			if err == nil && e.Org != org { // another's event does not exist for it
				err = fault.New(fault.Unknown, "no event %.64q", x)
			}
			if fault.Of(err) == fault.Unknown && err != nil && eventID == "" {
				continue // swept between its attempt and now
			}
			if err != nil {
				return err
			}
			ds = append(ds, notify.Delivery{Event: e, Endpoint: f.ID, N: 1, Due: now})
		}
		n = len(ds)
		return b.enqueue(tx, ds...)
	})
	return n, err
}

// missed gives the events that were attempted since a time and never delivered.
func missed(tx access.Tx, endpoint string, since time.Time) (out []string, err error) {
	log, err := attempts(tx, endpoint, MaxAttempts)
	if err != nil {
		return nil, err
	}
	done := map[string]bool{}
	for _, a := range log {
		if a.Outcome == notify.Delivered {
			done[a.Event] = true
		}
	}
	for _, a := range slices.Backward(log) { // the oldest first
		if !done[a.Event] && !a.At.Before(since) {
			done[a.Event] = true
			out = append(out, a.Event)
		}
	}
	return out, nil
}
