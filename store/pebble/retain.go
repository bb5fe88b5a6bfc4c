package pebble

import (
	"context"
	"slices"
	"time"

	"github.com/assayhq/assay/market"
)

// Retain deletes the rows whose time is before now less the limit's Keep. A limit
// that names an interval goes before one that does not. Series are done one at a
// time, so that appends are not held up; when ctx ends, what is done stays done.
// Gaps and frames are not its business: gaps are kept, frames have Options.
func (s *Store) Retain(ctx context.Context, now time.Time, limits []market.Retention) (int64, error) {
	s.mu.RLock()
	runs := slices.Clone(s.runs)
	s.mu.RUnlock()
	var total int64
	for _, r := range runs {
		limit, ok := r.keep(limits)
		if !ok || limit.Keep <= 0 {
			continue
		}
		before := bound(now.Add(-limit.Keep))
		if d, ok := r.describe(); !ok || nanos(d.First) >= before {
			continue
		}
		var gone int64
		err := s.submit(ctx, &request{
			done: make(chan error, 1),
			alone: func(tx *txn) (err error) {
				gone, err = r.retain(tx, before)
				return err
			},
		})
		if err != nil {
			return total, err
		}
		total += gone
	}
	return total, ctx.Err()
}

// keep gives the limit that concerns the series.
func (s *series[T]) keep(limits []market.Retention) (best market.Retention, found bool) {
	for _, l := range limits {
		if l.Channel != s.channel || l.Interval != "" && l.Interval != s.name.interval {
			continue
		}
		if !found || l.Interval != "" {
			best, found = l, true
		}
	}
	return best, found
}

// retain deletes the rows before a time: whole chunks, the old part of the chunk
// it falls into, and the old part of the tail.
func (s *series[T]) retain(tx *txn, before int64) (int64, error) {
	s.moving.Lock()
	s.merged, s.staged = true, true
	tx.dirty = append(tx.dirty, s)
	gone, err := s.dropChunks(tx, before)
	if err != nil {
		return 0, err
	}
	all := s.unmerged()
	young := s.between(all, before, forever)
	gone += int64(len(all) - len(young))
	if len(young) < len(all) {
		for ; s.lo < s.hi; s.lo++ {
			if err := tx.batch.SingleDelete(tailKey(s.sid, s.lo), nil); err != nil {
				return 0, err
			}
		}
		s.tail, s.late, s.fresh = slices.Clone(young), nil, slices.Clone(young)
		s.stored = 0
	}
	s.ids = nil
	return gone, s.putSummary(tx)
}

func (s *series[T]) dropChunks(tx *txn, before int64) (gone int64, err error) {
	s.merges++
	if s.chunks == 0 {
		return 0, nil
	}
	it, err := tx.s.chunks(s.sid)
	if err != nil {
		return 0, err
	}
	defer it.Close()
	m := &mover[T]{series: s, tx: tx, version: s.merges}
	young := int64(forever) // the first time that stays
	for ok := seekChunk(it, s.sid, noTime); ok && chunkFirst(it.Key()) < before; ok = it.Next() {
		h, err := headAt(tx.s, s, it)
		if err != nil {
			return 0, err
		}
		if h.last < before {
			if err := tx.batch.Delete(slices.Clone(it.Key()), nil); err != nil {
				return 0, err
			}
			s.chunks--
			s.rows -= int64(h.rows)
			gone += int64(h.rows)
			continue
		}
		_, e, err := load(tx.s, s, it, false)
		if err != nil {
			return 0, err
		}
		rows := e.rows.([]T)
		rest := s.between(rows, before, forever)
		gone += int64(len(rows) - len(rest))
		young = s.time(&rest[0])
		if err := m.replace(chunkFirst(it.Key()), len(rows), rest); err != nil {
			return 0, err
		}
	}
	if young == forever && it.Valid() {
		young = chunkFirst(it.Key())
	}
	s.first = young
	return gone, it.Error()
}
