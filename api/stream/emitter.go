package stream

import (
	"slices"
	"strconv"
)

// emitter makes the messages of one flush: items of one type that follow each other
// stand in one message. Nothing it made is sent before the flush is over.
type emitter struct {
	r         *room
	newcomer  bool // how things stand, for one subscriber: takes no numbers
	ts        int64
	simulated bool

	start  uint64 // number before the first item
	seq    uint64 // number of the last item
	lost   int64  // to be told in the next message
	frames []*frame

	kind   string
	reason string
	data   []byte
	n      int
	begun  bool
}

// maxData is after how many bytes of items a message of updates is closed.
const maxData = 128 << 10

func (r *room) emitter() *emitter {
	e := &r.em
	b := r.hub.opt.Board
	sim, _ := b.Simulated()
	ts := b.Now().UnixMilli()
	*e = emitter{r: r, ts: max(ts, 0), simulated: sim, start: r.seq, seq: r.seq, frames: e.frames[:0], data: e.data[:0]}
	return e
}

// open begins an item of a kind: append it to what open gives, and hand it to close.
func (e *emitter) open(kind string) []byte {
	if e.begun && e.kind != kind {
		e.finish()
	}
	e.begun, e.kind = true, kind
	if e.n > 0 {
		e.data = append(e.data, ',')
	}
	return e.data
}

func (e *emitter) close(b []byte) {
	e.data = b
	e.n++
	if len(b) > maxData && e.kind == update {
		e.finish()
	}
}

// empty begins a message that is sent even if no item follows.
func (e *emitter) empty(kind string) { e.begun, e.kind = true, kind }

// fail emits that the topic's values are not valid, and why.
func (e *emitter) fail(reason string) {
	if e.begun {
		e.finish()
	}
	e.begun, e.kind, e.reason, e.n = true, invalid, reason, 1
	e.finish()
}

// lose notes events that will never be sent: the numbers jump and the next message
// tells how many.
func (e *emitter) lose(n int64) {
	if n > 0 {
		if e.begun {
			e.finish()
		}
		e.lost += n
		e.seq += uint64(n)
	}
}

// drop forgets what was emitted so far in this flush.
func (e *emitter) drop() {
	clear(e.frames)
	e.frames, e.data, e.n, e.begun, e.seq = e.frames[:0], e.data[:0], 0, false, e.start
}

// variants adds to the message being made, which must hold a single item, the same
// item as subscribers want it who asked for fewer levels.
func (e *emitter) variants(item func(b []byte, depth int) []byte) {
	f := e.finish()
	for d := range e.r.depths {
		if d != 0 {
			if f.byDepth == nil {
				f.byDepth = map[int][]byte{}
			}
			e.data = item(e.data[:0], d)
			f.byDepth[d] = e.compose(f.first, f.last, snapshot, "")
		}
	}
	e.data = e.data[:0]
}

// finish makes a frame of the items so far.
func (e *emitter) finish() *frame {
	f := &frame{last: e.seq}
	if !e.newcomer {
		f.first = e.seq + 1
		e.seq += uint64(e.n)
		f.last = e.seq
		f.lost, e.lost = e.lost, 0
	}
	f.json = e.compose(f.first, f.last, e.kind, e.reason)
	e.frames = append(e.frames, f)
	e.data, e.n, e.begun, e.reason = e.data[:0], 0, false, ""
	return f
}

// result closes the last message and gives all of them.
func (e *emitter) result() []*frame {
	if e.begun {
		e.finish()
	}
	out := slices.Clone(e.frames)
	clear(e.frames)
	if cap(e.data) > 2*maxData {
		e.data = nil
	}
	return out
}

func (e *emitter) compose(first, last uint64, kind, reason string) []byte {
	b := make([]byte, 0, len(e.r.prefix)+len(e.data)+len(reason)+160)
	b = append(b, e.r.prefix...)
	b = append(b, `,"type":"`...)
	b = append(b, kind...)
	b = append(b, '"')
	if first != 0 {
		b = append(b, `,"first_seq":`...)
		b = strconv.AppendUint(b, first, 10)
	}
	b = append(b, `,"seq":`...)
	b = strconv.AppendUint(b, last, 10)
	b = append(b, `,"ts":`...)
	b = strconv.AppendInt(b, e.ts, 10)
	if e.simulated {
		b = append(b, `,"simulated":true`...)
	}
	if reason != "" {
		b = append(b, `,"reason":`...)
		b = appendText(b, reason)
	}
	b = append(b, `,"data":[`...)
	b = append(b, e.data...)
	return append(b, "]}"...)
}
