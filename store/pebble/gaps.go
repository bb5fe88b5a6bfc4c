package pebble

import (
	"context"
	"encoding/binary"
	"fmt"
	"iter"
	"sync"
	"time"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"

	lsm "github.com/cockroachdb/pebble/v2"
)

// A gapIndex remembers how far back a gap can begin that still reaches a time:
// the longest closed gap and the starts of the open ones. Gaps are few; the rest
// of a query is a scan.
type gapIndex struct {
	mu      sync.Mutex
	longest int64
	open    map[string]int64
}

// indexed is a gap as the index knows it.
type indexed struct {
	id       string
	from, to int64
	open     bool
}

func (x *gapIndex) apply(gaps []indexed) {
	if len(gaps) == 0 {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.open == nil {
		x.open = map[string]int64{}
	}
	for _, g := range gaps {
		if g.open {
			x.open[g.id] = g.from
			continue
		}
		delete(x.open, g.id)
		if g.to > g.from {
			d := g.to - g.from
			if d < 0 { // more than 292 years
				d = forever
			}
			x.longest = max(x.longest, d)
		}
	}
}

// earliest gives the earliest start of a gap that may reach t.
func (x *gapIndex) earliest(t int64) int64 {
	x.mu.Lock()
	defer x.mu.Unlock()
	e := plus(t, -x.longest)
	for _, from := range x.open {
		e = min(e, from)
	}
	return e
}

func copyGaps(r *request, gaps []market.Gap) error {
	for i := range gaps {
		g := &gaps[i]
		if g.ID == "" || len(g.ID) > maxName {
			return fault.At(fault.Invalid, fmt.Sprintf("gaps[%d].id", i), "a gap needs an id of 1 to %d bytes", maxName)
		}
		for _, t := range []time.Time{g.From, g.To, g.Repaired} {
			if !storable(t) {
				return badTime(fmt.Sprintf("gaps[%d]", i), t)
			}
		}
	}
	r.gaps = append(r.gaps, gaps...)
	for i := range r.gaps {
		g := &r.gaps[i]
		for _, s := range []*string{&g.ID, (*string)(&g.Venue), (*string)(&g.Pair), &g.Symbol, (*string)(&g.Channel), (*string)(&g.Kind), &g.Detail, &g.Conn, (*string)(&g.RepairedBy)} {
			*s = cloned(*s)
		}
	}
	return nil
}

func gapKey(from int64, id string) []byte {
	k := binary.BigEndian.AppendUint64([]byte{gapSpace}, keyTime(from))
	return append(k, id...)
}

// putGaps stores gaps under their start, and their start under their id, so that
// a later version finds the one it replaces.
func (tx *txn) putGaps(gaps []market.Gap) error {
	for i := range gaps {
		g := &gaps[i]
		from := nanos(g.From)
		idKey := append([]byte{idSpace}, g.ID...)
		old, known, err := tx.gapStart(g.ID, idKey)
		if err != nil {
			return err
		}
		if known && old != from {
			if err := tx.batch.Delete(gapKey(old, g.ID), nil); err != nil {
				return err
			}
		}
		if err := tx.batch.Set(gapKey(from, g.ID), appendGap(nil, g), nil); err != nil {
			return err
		}
		if err := tx.batch.Set(idKey, binary.BigEndian.AppendUint64(nil, uint64(from)), nil); err != nil {
			return err
		}
		tx.gaps = append(tx.gaps, indexed{g.ID, from, nanos(g.To), g.To.IsZero()})
		tx.rows++
	}
	return nil
}

// gapStart finds where a gap stands now, in this transaction or on disk.
func (tx *txn) gapStart(id string, key []byte) (int64, bool, error) {
	for i := len(tx.gaps) - 1; i >= 0; i-- {
		if tx.gaps[i].id == id {
			return tx.gaps[i].from, true, nil
		}
	}
	b, closer, err := tx.s.db.Get(key)
	if err == lsm.ErrNotFound {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	defer closer.Close()
	if len(b) != 8 {
		return 0, false, errCorrupt
	}
	return int64(binary.BigEndian.Uint64(b)), true, nil
}

func appendGap(dst []byte, g *market.Gap) []byte {
	dst = append(dst, chunkFormat)
	for _, t := range []time.Time{g.From, g.To, g.Repaired} {
		dst = binary.BigEndian.AppendUint64(dst, uint64(nanos(t)))
	}
	dst = binary.AppendUvarint(dst, zig(g.Missing))
	dst = binary.AppendUvarint(dst, zig(g.Restored))
	for _, s := range []string{g.ID, string(g.Venue), string(g.Pair), g.Symbol, string(g.Channel), string(g.Kind), g.Detail, g.Conn, string(g.RepairedBy)} {
		dst = appendText(dst, s)
	}
	return dst
}

func readGap(b []byte) (g market.Gap, err error) {
	r := &reader{b: b}
	if r.byte() != chunkFormat {
		return g, errCorrupt
	}
	for _, t := range []*time.Time{&g.From, &g.To, &g.Repaired} {
		if raw := r.take(8); raw != nil {
			*t = timeOf(int64(binary.BigEndian.Uint64(raw)))
		}
	}
	g.Missing = zag(r.uvarint())
	g.Restored = zag(r.uvarint())
	g.ID = r.text()
	g.Venue = market.VenueID(r.text())
	g.Pair = market.Pair(r.text())
	g.Symbol = r.text()
	g.Channel = market.Channel(r.text())
	g.Kind = market.GapKind(r.text())
	g.Detail = r.text()
	g.Conn = r.text()
	if r.err == nil && len(r.b) > 0 { // rows of before it was noted end here
		g.RepairedBy = market.Repair(r.text())
	}
	return g, r.err
}

func (s *Store) loadGaps() error {
	return s.scan(gapSpace, func(_, value []byte) error {
		g, err := readGap(value)
		if err != nil {
			return err
		}
		s.gaps.apply([]indexed{{g.ID, nanos(g.From), nanos(g.To), g.To.IsZero()}})
		return nil
	})
}

// Gaps gives the gaps that overlap the range, in order of From, then ID. A gap
// touches a range when it begins before To and ends after From, or begins at
// From; an open gap has no end. A gap without a pair concerns every pair of its
// venue and is given for each. Gaps are read in one go before the first is yielded.
func (s *Store) Gaps(ctx context.Context, of market.Series, r market.Range) iter.Seq2[market.Gap, error] {
	return func(yield func(market.Gap, error) bool) {
		gaps, err := s.findGaps(ctx, of, r)
		if err != nil {
			yield(market.Gap{}, err)
			return
		}
		for _, g := range gaps {
			if !yield(g, nil) {
				return
			}
		}
	}
}

func (s *Store) findGaps(ctx context.Context, of market.Series, r market.Range) ([]market.Gap, error) {
	s.life.RLock()
	defer s.life.RUnlock()
	if s.closed {
		return nil, errClosed()
	}
	c := cursorOf(r)
	if c.done || ctx.Err() != nil {
		return nil, ctx.Err()
	}
	opts := &lsm.IterOptions{LowerBound: gapKey(s.gaps.earliest(c.from), ""), UpperBound: []byte{gapSpace + 1}}
	if c.to != forever {
		opts.UpperBound = gapKey(c.to, "")
	}
	it, err := s.db.NewIter(opts)
	if err != nil {
		return nil, err
	}
	defer it.Close()
	step, ok := it.Next, it.First
	if c.reverse {
		step, ok = it.Prev, it.Last
	}
	var out []market.Gap
	for more := ok(); more; more = step() {
		if len(out)%256 == 255 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		v, err := it.ValueAndErr()
		if err != nil {
			return nil, err
		}
		g, err := readGap(v)
		if err != nil {
			return nil, s.damaged(name{venue: of.Venue, pair: of.Pair}, err)
		}
		from := nanos(g.From)
		if !g.To.IsZero() && nanos(g.To) <= c.from && from < c.from {
			continue
		}
		if of.Venue != "" && g.Venue != of.Venue || of.Pair != "" && g.Pair != "" && g.Pair != of.Pair {
			continue
		}
		out = append(out, g)
		if c.limit > 0 && len(out) == c.limit {
			break
		}
	}
	return out, it.Error()
}
