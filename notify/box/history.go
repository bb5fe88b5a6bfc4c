package box

import (
	"context"
	"fmt"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/notify"
)

// The log of an endpoint is a ring of MaxAttempts places, <endpoint>/000 to /999, and
// <endpoint>/n with how many attempts there ever were: it is bounded without deleting.

type counter struct {
	N  int       `json:"n"`
	At time.Time `json:"at"` // of the last
}

func counterID(endpoint string) string { return endpoint + "/n" }

func attemptID(endpoint string, n int) string {
	return fmt.Sprintf("%s/%03d", endpoint, n%MaxAttempts)
}

// note adds an attempt to the log.
func note(tx access.Tx, a notify.Attempt) error {
	c, _, err := get[counter](tx, kindAttempt, counterID(a.Endpoint))
	if err != nil {
		return err
	}
	if len(a.Response) > notify.MaxResponse {
		a.Response = a.Response[:notify.MaxResponse]
	}
	if err := put(tx, kindAttempt, attemptID(a.Endpoint, c.N), a); err != nil {
		return err
	}
	return put(tx, kindAttempt, counterID(a.Endpoint), counter{c.N + 1, a.At})
}

// Event is notify.History's.
func (b *Box) Event(ctx context.Context, id string) (e notify.Event, err error) {
	err = b.store.View(ctx, func(tx access.Tx) error {
		e, err = event(tx, id)
		return err
	})
	return e, err
}

func event(tx access.Tx, id string) (notify.Event, error) {
	if !notify.ValidID(id) {
		return notify.Event{}, fault.New(fault.Unknown, "no event %.64q", id)
	}
	k, found, err := get[kept](tx, kindEvent, id)
	if err == nil && !found {
		err = fault.New(fault.Unknown, "no event %.64q is kept; events are kept for %d days", id, Keep/(24*time.Hour))
	}
	return k.Event, err
}

// Attempts is notify.History's.
func (b *Box) Attempts(ctx context.Context, endpoint string, limit int) (out []notify.Attempt, err error) {
	err = b.store.View(ctx, func(tx access.Tx) error {
		out, err = attempts(tx, endpoint, limit)
		return err
	})
	return out, err
}

func attempts(tx access.Tx, endpoint string, limit int) (out []notify.Attempt, err error) {
	c, _, err := get[counter](tx, kindAttempt, counterID(endpoint))
	if err != nil {
		return nil, err
	}
	for n := c.N - 1; n >= max(0, c.N-MaxAttempts) && len(out) < limit; n-- {
		a, found, err := get[notify.Attempt](tx, kindAttempt, attemptID(endpoint, n))
		if err != nil {
			return nil, err
		}
		if !found {
			break // what is older was swept
		}
		out = append(out, a)
	}
	return out, nil
}

// Sweep deletes the events and attempts that are older than Keep, a few at a time so that
// nobody waits for it, and tells how many. To run it once a day is enough.
func (b *Box) Sweep(ctx context.Context) (deleted int, err error) {
	limit := b.o.Now().Add(-Keep)
	for _, kind := range []string{kindEvent, kindAttempt} {
		for after, more := "", true; more; {
			var n int
			var last string
			err := b.change(ctx, func(tx access.Tx) error {
				n, last = 0, ""
				rs, err := tx.List(kind, after, page)
				if err != nil {
					return err
				}
				for _, r := range rs {
					last = r.ID
					age, err := decode[struct{ Used, At time.Time }](r)
					if err != nil {
						return err
					}
					if age.Used.After(limit) || age.At.After(limit) {
						continue
					}
					if err := tx.Delete(kind, r.ID); err != nil {
						return err
					}
					n++
				}
				more = len(rs) == page
				return nil
			})
			if err != nil {
				return deleted, err
			}
			deleted, after = deleted+n, last
		}
	}
	return deleted, nil
}
