// Package box keeps notices in the control plane: the endpoints that want them, the
// deliveries that wait, and the log of attempts.
//
// It implements notify.Outbox, notify.History and notify.Endpoints over an access.Store,
// and gives out the signing secrets, which are sealed where they lie. It sends nothing,
// never knows how the seal is made, and never tells a secret other than to whoever made it
// and to the deliverer. What always holds: a notice is published in the same transaction
// as the change that it tells of, so there is neither without the other; what waits, what
// is logged and how many endpoints there are is bounded. Two processes may share a store.
//
// The gateway calls Publish, webhook.Engine delivers from it, the API lets owners register
// endpoints, and whoever keeps house calls Sweep.
package box

import (
	"context"
	"encoding/json"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/notify"
)

// Kinds of records. Those that begin with an underscore are nobody else's to follow.
const (
	kindEvent    = "_event"
	kindQueue    = "_queue" // heads of what waits
	kindDelivery = "_delivery"
	kindAttempt  = "_attempt"
	kindHook     = "hook"
)

// Bounds of what is kept.
const (
	// Keep is how long events and attempts are kept. It is far longer than a delivery waits.
	Keep = 30 * 24 * time.Hour
	// MaxAttempts is the most attempts in the log of one endpoint; the oldest give way.
	MaxAttempts = 1000
)

// Options of a Box. CheckURL, Seal and Open must be given.
type Options struct {
	// CheckURL gives the form of an endpoint's URL to keep, or refuses it.
	CheckURL func(raw string) (string, error)
	// Seal encrypts a secret; about is bound to it, so that it opens in no other place.
	Seal func(about string, plain []byte) ([]byte, error)
	// Open is Seal's reverse. An error of the kind fault.Unavailable says that it cannot be
	// opened now; any other, that it never will be.
	Open func(about string, sealed []byte) ([]byte, error)
	// Journal puts a change of an endpoint into the audit log, in the change's own
	// transaction. ctx is the caller's. Nil: nobody keeps one.
	Journal func(ctx context.Context, tx access.Tx, c Changed) error
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Changed is a change of an endpoint, for the audit log.
type Changed struct {
	Action   string // webhook.created, deleted, enabled, disabled, secret_rotated
	Org, App string
	Endpoint string
	Detail   map[string]string // no secret; of the URL only the host
}

func (b *Box) journal(ctx context.Context, tx access.Tx, action string, f *filed, detail map[string]string) error {
	if b.o.Journal == nil {
		return nil
	}
	return b.o.Journal(ctx, tx, Changed{Action: "webhook." + action, Org: f.Org, App: f.App, Endpoint: f.ID, Detail: detail})
}

// Box keeps notices. It is safe for many at once and has no state besides the store's.
type Box struct {
	store access.Store
	o     Options
}

var (
	_ notify.Outbox    = (*Box)(nil)
	_ notify.History   = (*Box)(nil)
	_ notify.Endpoints = (*Box)(nil)
)

// New makes a box over a store, which stays its owner's to close.
func New(store access.Store, o Options) (*Box, error) {
	if store == nil || o.CheckURL == nil || o.Seal == nil || o.Open == nil {
		return nil, fault.New(fault.Internal, "a box of notices needs a store, a check of URLs and a seal")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Box{store: store, o: o}, nil
}

// page is how many records are read at a time.
const page = 200

// get reads a record's body; found is false when there is none.
func get[T any](tx access.Tx, kind, id string) (v T, found bool, err error) {
	r, err := tx.Get(kind, id)
	if err != nil {
		if fault.Of(err) == fault.Unknown {
			err = nil
		}
		return v, false, err
	}
	v, err = decode[T](r)
	return v, err == nil, err
}

func decode[T any](r access.Record) (v T, err error) {
	if err = json.Unmarshal(r.Body, &v); err != nil {
		return v, fault.Wrap(fault.Internal, err, "the record %s %s cannot be read", r.Kind, r.ID)
	}
	return v, nil
}

func put(tx access.Tx, kind, id string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fault.Wrap(fault.Internal, err, "the record %s %s cannot be written", kind, id)
	}
	return tx.Put(kind, id, b)
}

func (b *Box) change(ctx context.Context, f func(access.Tx) error) error {
	_, err := b.store.Change(ctx, f)
	return err
}
