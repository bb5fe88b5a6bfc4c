package app

import (
	"context"
	"log/slog"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/gate"
	"github.com/assayhq/assay/notify"
	"github.com/assayhq/assay/notify/box"
	"github.com/assayhq/assay/notify/webhook"
)

// Webhooks says what endpoints may be.
type Webhooks struct {
	Off     bool     `koanf:"off" doc:"deliver nothing from this process; another one that shares the control plane does"`
	HTTP    bool     `koanf:"http" doc:"allow endpoints that are http://; what is sent can be read on the way"`
	Private bool     `koanf:"private" doc:"allow endpoints in private networks and on this machine; whoever may register one can then call services there"`
	Ports   []uint16 `koanf:"ports" doc:"ports that endpoints may have; empty is 443 and 8443"`
}

func (w Webhooks) guard() *webhook.Guard {
	return &webhook.Guard{AllowHTTP: w.HTTP, AllowPrivate: w.Private, Ports: w.Ports}
}

// openNotices makes the box of notices. gate gives the gate that seals, which is made
// after the box because it publishes into it.
func openNotices(store access.Store, cfg Config, gate func() *gate.Gate) (*box.Box, error) {
	return box.New(store, box.Options{
		CheckURL: cfg.Webhooks.guard().CheckURL,
		Seal:     func(about string, b []byte) ([]byte, error) { return gate().Seal(about, b) },
		Open:     func(about string, b []byte) ([]byte, error) { return gate().Open(about, b) },
		Journal:  journalHooks(gate),
	})
}

// openDelivery makes what sends the notices in the box.
func (a *App) openDelivery() *webhook.Engine {
	return webhook.New(a.Notices, a.Notices, a.Notices, webhook.Options{Guard: a.cfg.Webhooks.guard(), Agent: "assay-webhook/" + a.version, Log: a.log})
}

// waking is a store whose changes, once they are durable, wake the delivery of what they
// published. Notices of other processes are found by asking each second.
type waking struct {
	access.Store
	wake func()
}

// Change is access.Store's.
func (w waking) Change(ctx context.Context, f func(access.Tx) error) (int64, error) {
	var published bool
	epoch, err := w.Store.Change(ctx, func(tx access.Tx) error {
		published = false // it may be tried again
		return f(marked{tx, &published})
	})
	if err == nil && published {
		w.wake()
	}
	return epoch, err
}

// marked is a transaction that remembers whether something was published in it.
type marked struct {
	access.Tx
	published *bool
}

// marking is a box's Publish that says so to the transaction.
func marking(publish func(access.Tx, notify.Event) error) func(access.Tx, notify.Event) error {
	return func(tx access.Tx, e notify.Event) error {
		if m, ok := tx.(marked); ok {
			*m.published = true
		}
		return publish(tx, e)
	}
}

// sweepNotices forgets old events and attempts once an hour. Another process may do the same.
func sweepNotices(ctx context.Context, b *box.Box, log *slog.Logger) error {
	t := time.NewTicker(time.Hour)
	defer t.Stop()
	for {
		select {
		case <-t.C:
		case <-ctx.Done():
			return nil
		}
		if n, err := b.Sweep(ctx); err != nil && ctx.Err() == nil {
			log.Error("old notices could not be deleted", "err", err)
		} else if n > 0 {
			log.Info("old notices deleted", "records", n)
		}
	}
}
