package pebble

import (
	"container/heap"
	"context"
	"encoding/binary"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"

	lsm "github.com/cockroachdb/pebble/v2"
)

// A block of frames holds at most about this many bytes before compression, and
// spans at most this time, so that a reader knows how far back to begin.
const (
	blockBytes = 256 << 10
	blockSpan  = int64(time.Minute)
)

// A venue is the number under which a venue's frames are kept.
type venue struct {
	number uint32
	id     market.VenueID
	named  bool // its name is on disk; the writer's
}

// A block is frames of one venue, encoded, on their way to the writer.
type block struct {
	venue       *venue
	first, last int64
	value       []byte
}

// frameTotals is kept on disk in the same transaction as the blocks.
type frameTotals struct {
	bytes  int64
	seq    uint64
	newest int64
}

func frameKey(venue uint32, first int64, seq uint64) []byte {
	k := binary.BigEndian.AppendUint64(spaceKey(frameSpace, venue), keyTime(first))
	return binary.BigEndian.AppendUint64(k, seq)
}

// AppendFrames stores frames as they are, and returns when they are on disk. It
// keeps no identity: what is appended twice is there twice.
func (s *Store) AppendFrames(ctx context.Context, fs []market.Frame) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(fs) == 0 {
		return nil
	}
	for i := range fs {
		if fs[i].Venue == "" || len(fs[i].Venue) > maxName {
			return fault.At(fault.Invalid, fmt.Sprintf("frames[%d].venue", i), "a frame needs a venue of 1 to %d bytes", maxName)
		}
		if fs[i].Received.IsZero() || !storable(fs[i].Received) {
			return fault.At(fault.Invalid, fmt.Sprintf("frames[%d].received", i), "a frame needs the time it was received, between 1678 and 2261")
		}
	}
	sorted := slices.Clone(fs)
	slices.SortStableFunc(sorted, func(a, b market.Frame) int { return a.Received.Compare(b.Received) })
	r := &request{done: make(chan error, 1)}
	for len(sorted) > 0 {
		id := sorted[0].Venue
		var mine, rest []market.Frame
		for _, f := range sorted {
			if f.Venue == id {
				mine = append(mine, f)
			} else {
				rest = append(rest, f)
			}
		}
		r.frames = s.pack(r.frames, s.venueOf(id), mine)
		sorted = rest
	}
	return s.submit(ctx, r)
}

func (s *Store) venueOf(id market.VenueID) *venue {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.venues[id]
	if v == nil {
		// Not how many there are: one whose first frames were never stored is not on disk.
		number := uint32(0)
		for _, other := range s.venues {
			number = max(number, other.number+1)
		}
		v = &venue{number: number, id: market.VenueID(cloned(string(id)))}
		s.venues[v.id] = v
	}
	return v
}

// pack cuts sorted frames of one venue into blocks.
func (s *Store) pack(out []block, v *venue, fs []market.Frame) []block {
	for len(fs) > 0 {
		first, size, n := fs[0].Received.UnixNano(), 0, 0
		var raw []byte
		for ; n < len(fs) && size < blockBytes; n++ {
			f := &fs[n]
			at := f.Received.UnixNano()
			if at-first > blockSpan {
				break
			}
			raw = binary.AppendUvarint(raw, uint64(at-first))
			raw = appendText(raw, f.Conn)
			raw = appendText(raw, f.Addr)
			raw = appendText(raw, f.Kind)
			raw = binary.AppendUvarint(raw, uint64(len(f.Data)))
			raw = append(raw, f.Data...)
			size = len(raw)
		}
		last := fs[n-1].Received.UnixNano()
		value := appendHead(nil, head{last: last, rows: n})
		out = append(out, block{v, first, last, s.zip.EncodeAll(raw, value)})
		fs = fs[n:]
	}
	return out
}

func (tx *txn) putFrames(blocks []block) error {
	if len(blocks) == 0 {
		return nil
	}
	t := &tx.s.frames
	for _, b := range blocks {
		if !b.venue.named {
			if err := tx.batch.Set(spaceKey(venueSpace, b.venue.number), []byte(b.venue.id), nil); err != nil {
				return err
			}
			b.venue.named = true
		}
		if err := tx.batch.Set(frameKey(b.venue.number, b.first, t.seq), b.value, nil); err != nil {
			return err
		}
		t.seq++
		t.bytes += int64(len(b.value))
		t.newest = max(t.newest, b.last)
	}
	if err := tx.dropFrames(); err != nil {
		return err
	}
	v := binary.BigEndian.AppendUint64(nil, uint64(t.bytes))
	v = binary.BigEndian.AppendUint64(v, t.seq)
	return tx.batch.Set([]byte{metaSpace}, binary.BigEndian.AppendUint64(v, uint64(t.newest)), nil)
}

// oldest is an iterator on a venue's oldest block, in a heap by time.
type oldest []*lsm.Iterator

func frameFirst(key []byte) int64   { return int64(binary.BigEndian.Uint64(key[5:]) ^ 1<<63) }
func (o oldest) Len() int           { return len(o) }
func (o oldest) Less(i, j int) bool { return frameFirst(o[i].Key()) < frameFirst(o[j].Key()) }
func (o oldest) Swap(i, j int)      { o[i], o[j] = o[j], o[i] }
func (o *oldest) Push(x any)        { *o = append(*o, x.(*lsm.Iterator)) }
func (o *oldest) Pop() any {
	last := (*o)[len(*o)-1]
	*o = (*o)[:len(*o)-1]
	return last
}

// dropFrames deletes the oldest blocks until what is on disk keeps the bounds.
// Blocks of this very transaction are not seen by it and stay.
func (tx *txn) dropFrames() (err error) {
	t, opt := &tx.s.frames, &tx.s.opt
	before := int64(noTime)
	if opt.FrameKeep > 0 {
		before = plus(t.newest, -int64(opt.FrameKeep))
	}
	if (opt.FrameBytes <= 0 || t.bytes <= opt.FrameBytes) && opt.FrameKeep <= 0 {
		return nil
	}
	var o oldest
	defer func() {
		for _, it := range o {
			_ = it.Close()
		}
	}()
	tx.s.mu.RLock()
	defer tx.s.mu.RUnlock()
	for _, v := range tx.s.venues {
		it, err := tx.s.db.NewIter(&lsm.IterOptions{LowerBound: spaceKey(frameSpace, v.number), UpperBound: spaceKey(frameSpace, v.number+1)})
		if err != nil {
			return err
		}
		if it.First() {
			o = append(o, it)
		} else if err := it.Close(); err != nil {
			return err
		}
	}
	heap.Init(&o)
	for len(o) > 0 {
		it := o[0]
		v, err := it.ValueAndErr()
		if err != nil {
			return err
		}
		h, _, err := readHead(v)
		if err != nil {
			return err
		}
		if !(opt.FrameBytes > 0 && t.bytes > opt.FrameBytes) && h.last >= before {
			break
		}
		if err := tx.batch.Delete(slices.Clone(it.Key()), nil); err != nil {
			return err
		}
		t.bytes -= int64(len(v))
		if it.Next() {
			heap.Fix(&o, 0)
		} else if err := heap.Pop(&o).(*lsm.Iterator).Close(); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) loadFrames() error {
	err := s.scan(venueSpace, func(key, value []byte) error {
		if len(key) != 5 {
			return errCorrupt
		}
		id := market.VenueID(value)
		s.venues[id] = &venue{number: binary.BigEndian.Uint32(key[1:]), id: id, named: true}
		return nil
	})
	if err != nil {
		return err
	}
	return s.scan(metaSpace, func(_, v []byte) error {
		if len(v) != 24 {
			return errCorrupt
		}
		s.frames = frameTotals{int64(binary.BigEndian.Uint64(v)), binary.BigEndian.Uint64(v[8:]), int64(binary.BigEndian.Uint64(v[16:]))}
		return nil
	})
}

// ReadFrames gives the frames of a venue in order of Received. The store is not
// held between frames.
func (s *Store) ReadFrames(ctx context.Context, id market.VenueID, r market.Range) iter.Seq2[market.Frame, error] {
	return func(yield func(market.Frame, error) bool) {
		s.mu.RLock()
		v := s.venues[id]
		s.mu.RUnlock()
		c := cursorOf(r)
		if err := ctx.Err(); err != nil || v == nil || c.done {
			if err != nil {
				yield(market.Frame{}, err)
			}
			return
		}
		w := &frameWalk{s: s, venue: v, cursor: c}
		given := 0
		for {
			fs, more, err := w.next(ctx)
			for _, f := range fs {
				if !yield(f, nil) {
					return
				}
				if given++; given == c.limit {
					return
				}
			}
			if err != nil {
				yield(market.Frame{}, err)
				return
			}
			if !more {
				return
			}
		}
	}
}
