package pebble

import (
	"context"
	"slices"

	"github.com/assayhq/assay/fault"
)

// Stats is what the store has done since Open and what it takes.
type Stats struct {
	Rows        int64 // rows stored
	Repeated    int64 // rows that were known already
	Writes      int64 // transactions; Rows/Writes is what a sync carries
	Merges      int64 // tails that went to chunks
	Chunks      int64 // chunks written
	Series      int   // series known
	CacheHits   int64 // decoded chunks found in memory
	CacheMisses int64
	CacheBytes  int64   // decoded chunks in memory
	DiskBytes   int64   // files, the write-ahead log included
	FileHits    float64 // share of file blocks found in memory, 0 to 1
	Compactions int64
}

// Stats reports; it is cheap enough for a scrape.
func (s *Store) Stats() Stats {
	s.life.RLock()
	defer s.life.RUnlock()
	s.mu.RLock()
	series := len(s.runs)
	s.mu.RUnlock()
	out := Stats{
		Rows: s.count.rows.Load(), Repeated: s.count.repeated.Load(), Writes: s.count.writes.Load(),
		Merges: s.count.merges.Load(), Chunks: s.count.chunks.Load(), Series: series,
		CacheHits: s.cache.hits.Load(), CacheMisses: s.cache.misses.Load(), CacheBytes: s.cache.bytes(),
	}
	if s.closed {
		return out
	}
	m := s.db.Metrics()
	out.DiskBytes = int64(m.DiskSpaceUsage())
	out.Compactions = m.Compact.Count
	if all := m.BlockCache.Hits + m.BlockCache.Misses; all > 0 {
		out.FileHits = float64(m.BlockCache.Hits) / float64(all)
	}
	return out
}

// Compact merges every tail into chunks and lets Pebble rewrite its files into
// their final, smallest form. It is for maintenance and measuring; nothing needs it.
func (s *Store) Compact(ctx context.Context) error {
	s.mu.RLock()
	runs := slices.Clone(s.runs)
	s.mu.RUnlock()
	for _, r := range runs {
		if err := s.submit(ctx, &request{done: make(chan error, 1), alone: r.settle}); err != nil {
			return err
		}
	}
	s.life.RLock()
	defer s.life.RUnlock()
	if s.closed {
		return errClosed()
	}
	if err := s.db.Flush(); err != nil {
		return fault.Wrap(fault.Unavailable, err, "the history could not be compacted")
	}
	if err := s.db.Compact(ctx, []byte{0}, []byte{0xff}, false); err != nil {
		return fault.Wrap(fault.Unavailable, err, "the history could not be compacted")
	}
	return nil
}

// settle merges the tail, however short.
func (s *series[T]) settle(tx *txn) error {
	if s.pending() == 0 {
		return nil
	}
	s.staged = true
	tx.dirty = append(tx.dirty, s)
	return s.toChunks(tx)
}
