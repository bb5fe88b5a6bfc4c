package stream

import "strconv"

// frame is one message of a room, encoded once. It is never changed after it was
// handed on; every session sends the same bytes.
type frame struct {
	json        []byte
	byDepth     map[int][]byte // the same with fewer levels, for books
	first, last uint64         // of the numbers in it; first 0: a snapshot for a newcomer
	lost        int64          // events the room itself lost before it
}

// bytes gives the text for a subscriber who wants depth levels.
func (f *frame) bytes(depth int) []byte {
	if d, ok := f.byDepth[depth]; ok {
		return d
	}
	return f.json
}

// count is how many events a subscriber misses who does not get the frame.
func (f *frame) count() int64 {
	if f.first == 0 {
		return 0
	}
	return int64(f.last-f.first) + 1 + f.lost
}

// splice puts a member in front of the others of a JSON object, in a copy.
func splice(obj []byte, member string, value string) []byte {
	b := make([]byte, 0, len(obj)+len(member)+len(value)+4)
	b = append(b, '{', '"')
	b = append(b, member...)
	b = append(b, '"', ':')
	b = append(b, value...)
	b = append(b, ',')
	return append(b, obj[1:]...)
}

func spliceCount(obj []byte, member string, n int64) []byte {
	return splice(obj, member, strconv.FormatInt(n, 10))
}

func appendUint(b []byte, n uint64) []byte { return strconv.AppendUint(b, n, 10) }

// ring keeps the newest frames of a room, bounded in number and bytes, so that a
// client that was away for a moment can go on where it was.
type ring struct {
	frames    []*frame // oldest first
	bytes     int
	maxFrames int
	maxBytes  int
}

func (r *ring) add(f *frame) {
	r.frames = append(r.frames, f)
	r.bytes += len(f.json)
	cut := 0
	for len(r.frames)-cut > r.maxFrames || r.bytes > r.maxBytes && len(r.frames)-cut > 0 {
		r.bytes -= len(r.frames[cut].json)
		r.frames[cut] = nil
		cut++
	}
	r.frames = r.frames[cut:] // append moves it to new memory now and then, which drops the front
}

// after gives the frames that follow seq, now being the newest number. ok is false
// when they do not go back so far, or seq is not the end of a frame.
func (r *ring) after(seq, now uint64) (frames []*frame, ok bool) {
	if seq == now {
		return nil, true
	}
	lo, hi := 0, len(r.frames)
	for lo < hi {
		m := (lo + hi) / 2
		if r.frames[m].first <= seq {
			lo = m + 1
		} else {
			hi = m
		}
	}
	if lo == len(r.frames) || r.frames[lo].first-uint64(r.frames[lo].lost) != seq+1 {
		return nil, false
	}
	return r.frames[lo:], true
}
