package pebble

import (
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"

	lsm "github.com/cockroachdb/pebble/v2"
)

// A run is a series of any kind, as the writer and the lists see it.
type run interface {
	finish(tx *txn) error
	publish()
	abandon()
	describe() (market.Stored, bool)
	listed() bool
	settle(tx *txn) error
	retain(tx *txn, before int64) (int64, error)
	keep(limits []market.Retention) (r market.Retention, found bool)
}

// A txn is one write to Pebble: everything that the requests waiting at that
// moment want. It is applied as a whole or not at all.
type txn struct {
	s       *Store
	batch   *lsm.Batch
	dirty   []run
	code    *coder
	buf     []byte
	waiting []*request
	gaps    []indexed
	rows    int64
}

// The most requests that share one write.
const maxShared = 64

// write is the writer goroutine: the only one that changes the store. It takes
// what waits in the queue, applies it as one transaction, shows readers the
// result and passes the transaction to the acker, which waits for the disk.
func (s *Store) write() {
	defer close(s.acks)
	code := &coder{}
	var held *request
	for {
		first := held
		held = nil
		if first == nil {
			r, ok := <-s.queue
			if !ok {
				return
			}
			first = r
		}
		tx := &txn{s: s, batch: s.db.NewBatch(), code: code, waiting: []*request{first}}
		if first.alone == nil {
		gather:
			for len(tx.waiting) < maxShared {
				select {
				case r, ok := <-s.queue:
					if !ok {
						break gather
					}
					if r.alone != nil {
						held = r
						break gather
					}
					tx.waiting = append(tx.waiting, r)
				default:
					break gather
				}
			}
		}
		s.commit(tx)
	}
}

func (s *Store) commit(tx *txn) {
	err := s.broken
	if err == nil {
		err = tx.build()
	}
	if err == nil && !tx.batch.Empty() {
		if s.opt.NoSync {
			err = s.db.Apply(tx.batch, lsm.NoSync)
		} else {
			err = s.db.ApplyNoSyncWait(tx.batch, lsm.Sync)
		}
	}
	if err != nil {
		for _, r := range tx.dirty {
			r.abandon()
		}
		if s.broken == nil {
			s.broken = fault.Wrap(fault.Unavailable, err, "the history cannot be written; see the log, then restart")
			s.log.Error("history: write failed, refusing further writes", "dir", s.dir, "error", err)
		}
		for _, r := range tx.waiting {
			r.done <- s.broken
		}
		_ = tx.batch.Close()
		return
	}
	for _, r := range tx.dirty {
		r.publish()
	}
	for _, r := range tx.waiting {
		for _, back := range r.lent {
			back()
		}
	}
	s.gaps.apply(tx.gaps)
	s.count.rows.Add(tx.rows)
	s.count.writes.Add(1)
	s.acks <- tx
}

// acknowledge is the acker goroutine. Transactions reach it in the order they
// were applied, and one that is on disk has all before it on disk: so a caller
// whose rows were all known already still waits for those that made them known.
func (s *Store) acknowledge() {
	for tx := range s.acks {
		var err error
		if !s.opt.NoSync && !tx.batch.Empty() {
			if err = tx.batch.SyncWait(); err != nil {
				err = fault.Wrap(fault.Unavailable, err, "the history could not be brought to disk")
				s.log.Error("history: sync failed", "dir", s.dir, "error", err)
			}
		}
		for _, r := range tx.waiting {
			r.done <- err
		}
		if err == nil {
			_ = tx.batch.Close()
		}
	}
}

func (tx *txn) build() error {
	for _, r := range tx.waiting {
		if r.alone != nil {
			if err := r.alone(tx); err != nil {
				return err
			}
		}
		for _, g := range r.trades {
			rows, err := tx.s.newTrades(g.series, g.rows)
			if err != nil {
				return err
			}
			stage(tx, g.series, rows, len(g.rows))
		}
		for _, g := range r.quotes {
			stage(tx, g.series, g.rows, len(g.rows))
		}
		for _, g := range r.candles {
			if err := tx.putCandles(g); err != nil {
				return err
			}
		}
		for _, g := range r.derivatives {
			stage(tx, g.series, g.rows, len(g.rows))
		}
		for _, g := range r.liquidations {
			rows, err := newRows(tx.s, g.series, g.rows)
			if err != nil {
				return err
			}
			stage(tx, g.series, rows, len(g.rows))
		}
		if err := tx.putGaps(r.gaps); err != nil {
			return err
		}
		if err := tx.putFrames(r.frames); err != nil {
			return err
		}
	}
	for _, r := range tx.dirty {
		if err := r.finish(tx); err != nil {
			return err
		}
	}
	return nil
}

// stage puts rows into the tail of their series.
func stage[T any](tx *txn, sr *series[T], rows []T, came int) {
	kept := sr.insert(rows)
	tx.s.count.repeated.Add(int64(came - len(kept)))
	if len(kept) == 0 {
		return
	}
	tx.rows += int64(len(kept))
	if !sr.staged {
		sr.staged = true
		tx.dirty = append(tx.dirty, sr)
	}
	if len(sr.fresh) == 0 {
		sr.fresh = kept
	} else {
		sr.fresh = append(sr.fresh[:len(sr.fresh):len(sr.fresh)], kept...)
	}
}

// finish writes what the transaction brought to a series: a tail record, or,
// when the tail is long enough, chunks.
func (s *series[T]) finish(tx *txn) error {
	if !s.named {
		key := spaceKey(nameSpace, s.sid)
		if err := tx.batch.Set(key, appendName(nil, s.code, s.name), nil); err != nil {
			return err
		}
		s.named = true
	}
	tx.s.tails += int64((s.pending() - s.counts) * s.bytes)
	s.counts = s.pending()
	enough := s.chunk
	if tx.s.tails > tx.s.opt.TailBytes {
		enough = leastTail
	}
	if len(s.fresh) == 0 {
		return nil
	}
	if !s.merged && (s.pending() >= enough || s.stored+len(s.fresh) >= 4*s.chunk) {
		return s.toChunks(tx)
	}
	tx.buf = append(tx.buf[:0], chunkFormat)
	tx.buf = s.appendRows(tx.code, tx.buf, s.fresh)
	if err := tx.batch.Set(tailKey(s.sid, s.hi), tx.buf, nil); err != nil {
		return err
	}
	s.hi++
	s.stored += len(s.fresh)
	s.fresh = nil
	return nil
}

// abandon gives up a transaction that failed. The store takes no further writes,
// so only readers matter: they keep the last published view.
func (s *series[T]) abandon() {
	if s.merged {
		s.merged = false
		s.moving.Unlock()
	}
}

// leastTail is how short a tail is merged when all tails together take more than
// their share of memory.
const leastTail = 32
