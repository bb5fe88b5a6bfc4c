package app

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/fault"
)

// ledger is an oauth.Ledger that all servers share: what one adds, the others know. It
// lies in the control plane as a fixed number of records, each a list of digests with
// their ends, so that it neither grows nor leaves anything to clean up: whoever writes
// a record leaves out what is over. A digest is 16 bytes of SHA-256.
//
// Add asks the store and is certain. Has answers from memory, which run keeps where it
// is needed; stale tells how old that is.
type ledger struct {
	kind  string
	store access.Store
	begun time.Time
	parts [ledgerParts]atomic.Pointer[map[mark]bool]
	heard atomic.Int64  // ns since begun: when the last good answer was asked for
	turn  chan struct{} // whoever follows holds its place
	epoch int64         // known; belongs to whoever follows
}

// mark is what is remembered of a name.
type mark [16]byte

// The kinds of records: assertions that were used, and tokens that were revoked.
const (
	kindUsed    = "oauth.used"
	kindRevoked = "oauth.revoked"
)

const (
	ledgerParts = 64
	entrySize   = len(mark{}) + 4 // and the end in seconds since 1970
	maxEntries  = 4096            // of a part; more are refused until some are over
)

func newLedger(kind string, store access.Store) *ledger {
	return &ledger{kind: kind, store: store, begun: time.Now(), turn: make(chan struct{}, 1)}
}

func markOf(id string) (m mark, part int) {
	sum := sha256.Sum256([]byte(id))
	copy(m[:], sum[:])
	return m, int(sum[31]) % ledgerParts
}

func partID(part int) string { return fmt.Sprintf("%02d", part) }

// Add is of oauth.Ledger.
func (l *ledger) Add(ctx context.Context, now time.Time, id string, until time.Time) error {
	_, err := l.store.Change(ctx, func(tx access.Tx) error { return l.put(tx, now, id, until, false) })
	return outOfReach(err)
}

// put is Add in a transaction. With again, what is there already stays longer.
func (l *ledger) put(tx access.Tx, now time.Time, id string, until time.Time, again bool) error {
	m, part := markOf(id)
	rec, err := tx.Get(l.kind, partID(part))
	if err != nil && fault.Of(err) != fault.Unknown {
		return err
	}
	body := make([]byte, 0, len(rec.Body)+entrySize)
	for b := rec.Body; len(b) >= entrySize; b = b[entrySize:] {
		if int64(binary.BigEndian.Uint32(b[len(m):])) < now.Unix() {
			continue
		}
		if mark(b[:len(m)]) == m && again {
			continue
		}
		if mark(b[:len(m)]) == m {
			return fault.New(fault.Conflict, "it was used before")
		}
		body = append(body, b[:entrySize]...)
	}
	if len(body) >= maxEntries*entrySize {
		return fault.New(fault.Exhausted, "too many requests of this kind: try again later")
	}
	body = binary.BigEndian.AppendUint32(append(body, m[:]...), uint32(until.Unix()+1)) //nolint:gosec // until 2106
	return tx.Put(l.kind, partID(part), body)
}

// Has is of oauth.Ledger.
func (l *ledger) Has(id string) bool {
	m, part := markOf(id)
	p := l.parts[part].Load()
	return p != nil && (*p)[m]
}

// follow reads what came since the last time.
func (l *ledger) follow(ctx context.Context) error {
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	asked := int64(time.Since(l.begun))
	records, epoch, _, err := l.store.Since(ctx, l.epoch, []string{l.kind}, 2*ledgerParts) // all there are
	if err != nil && fault.Of(err) == fault.Conflict {                                     // the store was put back to an older state
		records, epoch, _, err = l.store.Since(ctx, 0, []string{l.kind}, 2*ledgerParts)
	}
	if err != nil {
		return outOfReach(err)
	}
	for _, r := range records {
		var part int
		if _, err := fmt.Sscanf(r.ID, "%02d", &part); err != nil || part < 0 || part >= ledgerParts {
			continue
		}
		set := make(map[mark]bool, len(r.Body)/entrySize)
		for b := r.Body; len(b) >= entrySize; b = b[entrySize:] {
			set[mark(b[:len(mark{})])] = true
		}
		l.parts[part].Store(&set)
	}
	l.epoch = epoch
	l.heard.Store(asked)
	return nil
}

// stale tells for how long nothing was heard.
func (l *ledger) stale() time.Duration {
	return time.Since(l.begun) - time.Duration(l.heard.Load())
}

// run follows until ctx ends: at once when the store gives a hint, else four times a
// second.
func (l *ledger) run(ctx context.Context, log *slog.Logger) {
	hints, err := l.store.Hints(ctx)
	if err != nil {
		hints = nil // the ticker is enough
	}
	t := time.NewTicker(250 * time.Millisecond)
	defer t.Stop()
	silent := false
	for {
		select {
		case <-hints:
		case <-t.C:
		case <-ctx.Done():
			return
		}
		err := l.follow(ctx)
		if err != nil && !silent && ctx.Err() == nil {
			log.Warn("revoked tokens cannot be followed; tokens are refused when this goes on", "err", err)
		}
		silent = err != nil
	}
}
