package app

import (
	"context"
	"log/slog"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/gate"
	"github.com/assayhq/assay/access/idem"
)

// openRepeats makes the memory of repeated requests in the control plane.
func openRepeats(store access.Store, g *gate.Gate) (*idem.Records, error) {
	return idem.NewRecords(store, idem.RecordOptions{Seal: g.Seal, Open: g.Open})
}

// sweepRepeats forgets what is over once a minute, secrets above all. Another process
// may do the same.
func sweepRepeats(ctx context.Context, r *idem.Records, log *slog.Logger, now func() time.Time) error {
	return every(ctx, time.Minute, func() {
		if _, err := r.Sweep(ctx, now()); err != nil && ctx.Err() == nil {
			log.Warn("answers kept for retries could not be deleted; they are given no longer, and deleted in a minute", "err", err)
		}
	})
}
