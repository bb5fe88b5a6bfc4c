package app

import (
	"context"
	"log/slog"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/gate"
	"github.com/assayhq/assay/access/meter"
	"github.com/assayhq/assay/store/nats"
)

// hinted gives a store whose changes are told through NATS too, when settings name one.
func hinted(store access.Store, c Control, log *slog.Logger) (access.Store, error) {
	if c.NATS == "" {
		return store, nil
	}
	s, err := nats.Open(store, nats.Options{URL: c.NATS, Credentials: c.NATSCredentials, CA: c.NATSCA, Certificate: c.NATSCertificate, Key: c.NATSKey, Logger: log})
	if err != nil {
		store.Close() //nolint:errcheck // the first error is the one to tell
		return nil, err
	}
	return s, nil
}

// sharedLimits is the store when it lends the units of limits that servers share, or nil.
func sharedLimits(store access.Store) gate.Lender {
	if l, ok := store.(gate.Lender); ok {
		return l
	}
	if u, ok := store.(interface{ Unwrap() access.Store }); ok {
		return sharedLimits(u.Unwrap())
	}
	return nil
}

// shareUsage lets servers on one control plane know what each of them counted; nil when
// this one is alone. What others counted before is read now, because quotas go on from
// it; when that fails they go on from what this server knows.
func shareUsage(cfg Config, m *meter.Meter, store access.Store, log *slog.Logger) *meter.Share {
	if cfg.Control.URL == "" {
		return nil
	}
	s := meter.NewShare(m, store, 0, log)
	ctx, stop := context.WithTimeout(context.Background(), 10*time.Second)
	defer stop()
	if err := s.Turn(ctx); err != nil {
		log.Error("what other servers counted cannot be read yet", "err", err)
	}
	return s
}
