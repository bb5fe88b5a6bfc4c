package pebble

import (
	"context"
	"slices"
	"time"

	"github.com/assayhq/assay/market"

	lsm "github.com/cockroachdb/pebble/v2"
)

// A frameWalk reads blocks of frames one by one. Blocks of several connections
// overlap in time, so a frame waits until no block that is still to be read can
// hold one before it.
type frameWalk struct {
	s     *Store
	venue *venue
	cursor
	at      []byte // key of the next block; nil at the start
	waiting []market.Frame
}

// next reads a block and gives the frames that are now certain to be next.
func (w *frameWalk) next(ctx context.Context) (ready []market.Frame, more bool, err error) {
	if err := ctx.Err(); err != nil {
		return nil, false, err
	}
	w.s.life.RLock()
	defer w.s.life.RUnlock()
	if w.s.closed {
		return nil, false, errClosed()
	}
	opts := &lsm.IterOptions{
		LowerBound: frameKey(w.venue.number, plus(w.from, -blockSpan), 0),
		UpperBound: frameKey(w.venue.number, w.to, 0),
	}
	it, err := w.s.db.NewIter(opts)
	if err != nil {
		return nil, false, err
	}
	defer it.Close()
	var ok bool
	switch {
	case w.reverse && w.at == nil:
		ok = it.Last()
	case w.reverse:
		ok = it.SeekLT(w.at)
	case w.at == nil:
		ok = it.First()
	default:
		ok = it.SeekGE(w.at)
	}
	if !ok {
		return w.release(0, true), false, it.Error()
	}
	fs, err := w.block(it)
	if err != nil {
		return nil, false, err
	}
	w.waiting = append(w.waiting, fs...)
	slices.SortStableFunc(w.waiting, func(a, b market.Frame) int {
		if w.reverse {
			return b.Received.Compare(a.Received)
		}
		return a.Received.Compare(b.Received)
	})
	if w.reverse {
		w.at = slices.Clone(it.Key())
		if !it.Prev() {
			return w.release(0, true), false, it.Error()
		}
		return w.release(frameFirst(it.Key())+blockSpan, false), true, nil
	}
	if !it.Next() {
		return w.release(0, true), false, it.Error()
	}
	w.at = slices.Clone(it.Key())
	return w.release(frameFirst(it.Key()), false), true, nil
}

// release gives the waiting frames up to a time, or all.
func (w *frameWalk) release(until int64, all bool) []market.Frame {
	n := len(w.waiting)
	if !all {
		for n = 0; n < len(w.waiting); n++ {
			t := w.waiting[n].Received.UnixNano()
			if w.reverse && t <= until || !w.reverse && t > until {
				break
			}
		}
	}
	ready := w.waiting[:n:n]
	w.waiting = slices.Clone(w.waiting[n:])
	return ready
}

// block decodes the frames of the range in the block the iterator stands on. In
// reverse it turns them round, so that a stable sort keeps equal times reversed.
func (w *frameWalk) block(it *lsm.Iterator) ([]market.Frame, error) {
	v, err := it.ValueAndErr()
	if err != nil {
		return nil, err
	}
	h, body, err := readHead(v)
	if err != nil || h.last < w.from {
		return nil, err
	}
	raw, err := w.s.unzip.DecodeAll(body, nil)
	if err != nil {
		return nil, w.s.damaged(name{venue: w.venue.id}, err)
	}
	first := frameFirst(it.Key())
	r := &reader{b: raw}
	var out []market.Frame
	var conn, addr, kind string
	for len(r.b) > 0 {
		at := first + int64(r.uvarint())
		conn, addr, kind = r.like(conn), r.like(addr), r.like(kind)
		size := r.uvarint()
		data := r.take(size)
		if r.err != nil {
			return nil, w.s.damaged(name{venue: w.venue.id}, errCorrupt)
		}
		if at < w.from || at >= w.to {
			continue
		}
		out = append(out, market.Frame{Venue: w.venue.id, Conn: conn, Addr: addr, Kind: kind, Data: data[:size:size], Received: time.Unix(0, at).UTC()})
	}
	if w.reverse {
		slices.Reverse(out)
	}
	return out, nil
}

// like reads a text, without a new copy when it is the same as before.
func (r *reader) like(before string) string {
	b := r.take(r.uvarint())
	if string(b) == before {
		return before
	}
	return string(b)
}
