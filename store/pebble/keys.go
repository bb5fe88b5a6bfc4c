package pebble

import (
	"encoding/binary"
	"math"

	"github.com/assayhq/assay/market"
)

// The first byte of a key says what it is. docs/format/history.md is the whole story.
const (
	chunkSpace = 'c' // series, 0: the series' summary; series, 1, first time: a chunk
	frameSpace = 'f' // venue, first time, sequence: a block of raw frames
	gapSpace   = 'g' // start, id: a gap
	idSpace    = 'i' // id: the start of the gap with that id
	metaSpace  = 'm' // frame totals
	nameSpace  = 's' // series: kind, venue, pair, interval
	tailSpace  = 't' // series, sequence: rows of one append that are in no chunk yet
	venueSpace = 'v' // number: the venue of frames
)

const (
	summaryKey = 0
	chunkKey   = 1
)

func spaceKey(space byte, sid uint32) []byte {
	return binary.BigEndian.AppendUint32([]byte{space}, sid)
}

func summaryOf(sid uint32) []byte { return append(spaceKey(chunkSpace, sid), summaryKey) }

func appendChunkKey(dst []byte, sid uint32, first int64) []byte {
	dst = append(dst[:0], chunkSpace)
	dst = binary.BigEndian.AppendUint32(dst, sid)
	dst = append(dst, chunkKey)
	return binary.BigEndian.AppendUint64(dst, keyTime(first))
}

// chunkFirst takes the first time out of a chunk's key.
func chunkFirst(key []byte) int64 {
	return int64(binary.BigEndian.Uint64(key[6:]) ^ 1<<63)
}

// afterChunks is the first key behind all chunks of a series.
func afterChunks(sid uint32) []byte { return append(spaceKey(chunkSpace, sid), chunkKey+1) }

func tailKey(sid uint32, seq uint64) []byte {
	return binary.BigEndian.AppendUint64(spaceKey(tailSpace, sid), seq)
}

// A head stands before the rows of a chunk, so that most questions about a chunk
// are answered without reading its rows.
type head struct {
	version uint64 // the merge that wrote it; with series and first time it names the content for ever
	last    int64  // time of the last row
	rows    int
}

// chunkFormat is the first byte of every stored block.
const chunkFormat = 1

const headLen = 1 + 8 + 8 + 4

func appendHead(dst []byte, h head) []byte {
	dst = append(dst, chunkFormat)
	dst = binary.BigEndian.AppendUint64(dst, h.version)
	dst = binary.BigEndian.AppendUint64(dst, uint64(h.last))
	return binary.BigEndian.AppendUint32(dst, uint32(h.rows))
}

func readHead(b []byte) (h head, rest []byte, err error) {
	if len(b) < headLen || b[0] != chunkFormat {
		return h, nil, errCorrupt
	}
	h.version = binary.BigEndian.Uint64(b[1:])
	h.last = int64(binary.BigEndian.Uint64(b[9:]))
	h.rows = int(binary.BigEndian.Uint32(b[17:]))
	return h, b[headLen:], nil
}

// A summary is what a series knows of its chunks. It changes in the same
// transaction as they do.
type summary struct {
	merges      uint64 // how often tails were merged; names a state of the chunks
	chunks      int64
	rows        int64
	first, last int64 // times of the first and the last row in chunks
	lastFirst   int64 // first time of the last chunk
	lastRows    int64 // rows of the last chunk
	number      uint64
	numbered    bool // number is the highest trade number so far
}

func (s *summary) append(dst []byte) []byte {
	dst = append(dst, chunkFormat)
	dst = binary.AppendUvarint(dst, s.merges)
	for _, v := range []int64{s.chunks, s.rows, s.first, s.last, s.lastFirst, s.lastRows} {
		dst = binary.AppendUvarint(dst, zig(v))
	}
	n := byte(0)
	if s.numbered {
		n = 1
	}
	return binary.AppendUvarint(append(dst, n), s.number)
}

func readSummary(b []byte) (s summary, err error) {
	r := &reader{b: b}
	if r.byte() != chunkFormat {
		return s, errCorrupt
	}
	s.merges = r.uvarint()
	for _, p := range []*int64{&s.chunks, &s.rows, &s.first, &s.last, &s.lastFirst, &s.lastRows} {
		*p = zag(r.uvarint())
	}
	s.numbered = r.byte() == 1
	s.number = r.uvarint()
	return s, r.err
}

// mergesOf reads only what names the state of the chunks.
func mergesOf(b []byte) (uint64, error) {
	if len(b) < 2 || b[0] != chunkFormat {
		return 0, errCorrupt
	}
	v, n := binary.Uvarint(b[1:])
	if n <= 0 {
		return 0, errCorrupt
	}
	return v, nil
}

func appendName(dst []byte, code byte, n name) []byte {
	dst = append(dst, code)
	dst = appendText(dst, string(n.venue))
	dst = appendText(dst, string(n.pair))
	return appendText(dst, string(n.interval))
}

func readName(b []byte) (code byte, n name, err error) {
	r := &reader{b: b}
	code = r.byte()
	n.venue = market.VenueID(r.text())
	n.pair = market.Pair(r.text())
	n.interval = market.Interval(r.text())
	return code, n, r.err
}

// forever is the exclusive end of a range that has none.
const forever = math.MaxInt64
