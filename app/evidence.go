package app

import (
	"context"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/gate"
	"github.com/assayhq/assay/notify/box"
)

// What becomes evidence: the audit log is signed once an hour, also when nobody asks for
// a checkpoint, and what is changed outside of gate gets into it.

// purgePage is how many marks of deleted records go in one transaction.
const purgePage = 500

// evidence signs the audit log, and forgets the marks of deleted records that every
// server has seen, once an hour. Several servers may do the same.
func (a *App) evidence(ctx context.Context) error {
	t := time.NewTicker(time.Hour)
	defer t.Stop()
	for {
		if _, _, err := a.Gate.Checkpoint(ctx); err != nil && ctx.Err() == nil {
			a.log.Error("the audit log was not signed; the next hour tries again", "err", err)
		}
		for more := true; more; {
			n, err := a.Control.Purge(ctx, purgePage)
			if err != nil && ctx.Err() == nil {
				a.log.Warn("marks of deleted records were not purged; the next hour tries again", "err", err)
			}
			more = err == nil && n == purgePage
		}
		select {
		case <-t.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// journalHooks puts changes of endpoints into the audit log, in their transaction. Who
// made one is the caller in the context, or else the program itself.
func journalHooks(of func() *gate.Gate) func(context.Context, access.Tx, box.Changed) error {
	return func(ctx context.Context, tx access.Tx, c box.Changed) error {
		by := gate.ByOf(ctx)
		by.Name = "deliverer" // when there is no caller
		return of().Note(tx, by, gate.Deed{Action: c.Action, Org: c.Org, App: c.App, Subject: c.Endpoint, Detail: c.Detail})
	}
}
