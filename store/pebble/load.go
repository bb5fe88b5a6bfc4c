package pebble

import (
	"encoding/binary"
	"strings"

	"github.com/assayhq/assay/market"

	lsm "github.com/cockroachdb/pebble/v2"
)

func cloned(s string) string { return strings.Clone(s) }

// loadAll brings into memory what the store keeps there: names, summaries,
// tails, the index of gaps and the totals of frames. It reads no chunk.
func (s *Store) loadAll() error {
	bySID := map[uint32]run{}
	err := s.scan(nameSpace, func(key, value []byte) error {
		code, n, err := readName(value)
		if err != nil {
			return err
		}
		sid := binary.BigEndian.Uint32(key[1:])
		r, err := s.restore(code, sid, n)
		if err != nil {
			return err
		}
		bySID[sid] = r
		s.nextSID = max(s.nextSID, sid+1)
		return nil
	})
	if err != nil {
		return err
	}
	c := &coder{}
	err = s.scan(tailSpace, func(key, value []byte) error {
		if len(key) != 13 || len(value) == 0 || value[0] != chunkFormat {
			return errCorrupt
		}
		sid, seq := binary.BigEndian.Uint32(key[1:]), binary.BigEndian.Uint64(key[5:])
		r := bySID[sid]
		if r == nil {
			return errCorrupt
		}
		return r.(interface {
			reload(s *Store, c *coder, seq uint64, b []byte) error
		}).reload(s, c, seq, value[1:])
	})
	if err != nil {
		return err
	}
	for _, r := range s.runs {
		r.publish()
	}
	if err := s.loadGaps(); err != nil {
		return err
	}
	return s.loadFrames()
}

func (s *Store) restore(code byte, sid uint32, n name) (run, error) {
	switch code {
	case s.trades.code:
		return restored(s, s.trades, sid, n)
	case s.quotes.code:
		return restored(s, s.quotes, sid, n)
	case s.candles.code:
		return restored(s, s.candles, sid, n)
	case s.versions.code:
		return restored(s, s.versions, sid, n)
	case s.derivatives.code:
		return restored(s, s.derivatives, sid, n)
	case s.funding.code:
		return restored(s, s.funding, sid, n)
	case s.liquidations.code:
		return restored(s, s.liquidations, sid, n)
	}
	return nil, errCorrupt
}

func restored[T any](s *Store, t *table[T], sid uint32, n name) (run, error) {
	sr := newSeries(t.kind, sid, n)
	sr.named = true
	b, closer, err := s.db.Get(summaryOf(sid))
	switch {
	case err == nil:
		sr.summary, err = readSummary(b)
		sr.high, sr.highs = sr.number, sr.numbered
		_ = closer.Close()
		if err != nil {
			return nil, err
		}
	case err != lsm.ErrNotFound:
		return nil, err
	}
	t.of[n] = sr
	r := any(sr).(run)
	s.runs = append(s.runs, r)
	return r, nil
}

// reload puts a tail record back into memory.
func (s *series[T]) reload(st *Store, c *coder, seq uint64, b []byte) error {
	rows, err := s.kind.parse(c, b, s.name)
	if err != nil {
		return st.damaged(s.name, err)
	}
	if s.lo == s.hi {
		s.lo = seq
	}
	s.hi = seq + 1
	s.stored += len(rows)
	if ts, ok := any(rows).([]market.Trade); ok {
		for i := range ts {
			if n, ok := number(ts[i].ID); ok && (!s.numbered || n > s.number) {
				s.numbered, s.number = true, n
			}
		}
	}
	s.insert(rows)
	st.tails += int64((s.pending() - s.counts) * s.bytes)
	s.counts = s.pending()
	return nil
}

// scan calls f with each key of a space. The slices are good during the call.
func (s *Store) scan(space byte, f func(key, value []byte) error) error {
	it, err := s.db.NewIter(&lsm.IterOptions{LowerBound: []byte{space}, UpperBound: []byte{space + 1}})
	if err != nil {
		return err
	}
	for ok := it.First(); ok; ok = it.Next() {
		v, err := it.ValueAndErr()
		if err == nil {
			err = f(it.Key(), v)
		}
		if err != nil {
			_ = it.Close()
			return err
		}
	}
	return it.Close()
}
