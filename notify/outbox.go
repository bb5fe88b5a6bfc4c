package notify

import (
	"context"
	"errors"
	"time"
)

// Bounds of an outbox. They are part of its contract.
const (
	// Lease is how long a delivery that Due gave out is kept from other callers. It is
	// longer than one attempt can take, so only a dead deliverer loses its claim.
	Lease = time.Minute
	// MaxHeld is the most deliveries of one endpoint under claim at a time, so that an
	// endpoint that answers slowly does not take every place.
	MaxHeld = 2
	// MaxHeldOrg is the same for all endpoints of an organisation.
	MaxHeldOrg = 16
	// MaxPending is the most deliveries that may wait for one endpoint.
	MaxPending = 10_000
)

// Delivery is one event on its way to one endpoint. The pair of both ids is its identity.
type Delivery struct {
	Event    Event     `json:"event"`
	Endpoint string    `json:"endpoint"` // id
	N        int       `json:"n"`        // number of the next attempt, from 1
	Due      time.Time `json:"due"`      // not before
}

// Outcome is what became of an attempt.
type Outcome string

// The outcomes of an attempt.
const (
	Delivered Outcome = "delivered" // a 2xx answer
	Failed    Outcome = "failed"    // anything else; another attempt follows
	Exhausted Outcome = "exhausted" // failed, and it was the last attempt
	Gone      Outcome = "gone"      // 410: the endpoint was disabled
	Dropped   Outcome = "dropped"   // nothing was sent: the endpoint is disabled or deleted
)

// MaxResponse is the most bytes of an answer that the log keeps.
const MaxResponse = 4 << 10

// Attempt is a row of the delivery log, which the endpoint's owner can read.
type Attempt struct {
	Event    string        `json:"event"`    // id
	Type     string        `json:"type"`     // of the event
	Endpoint string        `json:"endpoint"` // id
	N        int           `json:"n"`        // number of the attempt, from 1; a replay begins again
	At       time.Time     `json:"at"`       // when it began
	Took     time.Duration `json:"took"`     // nanoseconds until the answer was read or given up
	Status   int           `json:"status"`   // HTTP status, 0 without an answer
	Outcome  Outcome       `json:"outcome"`
	Error    string        `json:"error,omitempty"`    // in plain words, no secrets and no addresses
	Response string        `json:"response,omitempty"` // the first MaxResponse bytes
}

// Outbox keeps deliveries until they are made or given up. What it answered it keeps
// over kill -9.
type Outbox interface {
	// Enqueue adds deliveries, all or none. One that already waits keeps its attempt
	// number and is due at the earlier of both times. It gives fault.Exhausted when an
	// endpoint would have more than MaxPending.
	Enqueue(ctx context.Context, ds ...Delivery) error
	// Due claims up to limit deliveries that are due at now, the longest due first, and
	// keeps them from other callers until now+Lease; after that they are due again. It
	// gives no more than MaxHeld of an endpoint and MaxHeldOrg of an organisation, what is
	// under claim already counted.
	Due(ctx context.Context, now time.Time, limit int) ([]Delivery, error)
	// Record logs an attempt and, in the same change, ends its claim: with a next time
	// the delivery is due then as attempt N+1, with a zero one it is removed. An attempt
	// whose number is not that of the waiting delivery was overtaken by another
	// deliverer; it is logged, and removes the delivery only if it was Delivered.
	Record(ctx context.Context, a Attempt, next time.Time) error
}

// History is the past of an outbox: what manual replay and the delivery log need.
type History interface {
	// Event gives an event that was ever enqueued and is still kept, else fault.Unknown.
	Event(ctx context.Context, id string) (Event, error)
	// Attempts gives up to limit attempts at an endpoint, the last recorded first.
	Attempts(ctx context.Context, endpoint string, limit int) ([]Attempt, error)
}

// Endpoints are the places that want events.
type Endpoints interface {
	// Endpoint gives fault.Unknown when there is none.
	Endpoint(ctx context.Context, id string) (Endpoint, error)
	// OfOrg gives the endpoints of an organisation, at most MaxEndpoints.
	OfOrg(ctx context.Context, org string) ([]Endpoint, error)
	// Disable is done once and for all until the owner enables it again; to disable a
	// disabled endpoint changes nothing.
	Disable(ctx context.Context, id, reason string) error
}

// Publish enqueues an event for each endpoint that wants it, due at once. Endpoints are
// enqueued one by one: one with a full queue does not keep the event from the others,
// and the error then names it. To publish the same event again repeats nothing that waits.
func Publish(ctx context.Context, o Outbox, es Endpoints, e Event) error {
	if err := e.Check(); err != nil {
		return err
	}
	all, err := es.OfOrg(ctx, e.Org)
	if err != nil {
		return err
	}
	var errs []error
	for i := range all {
		if all[i].Wants(&e) {
			errs = append(errs, o.Enqueue(ctx, Delivery{Event: e, Endpoint: all[i].ID, N: 1, Due: e.At}))
		}
	}
	return errors.Join(errs...)
}
