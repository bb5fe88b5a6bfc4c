package pebble

import (
	"encoding/binary"
	"math"
	"sync"
	"time"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
)

// A kind is what the store has to know of a type of row. Everything else (tails,
// chunks, merging, reading) is the same for all.
type kind[T any] struct {
	channel market.Channel
	code    byte // in the dictionary of series
	chunk   int  // rows that a chunk is meant to hold
	bytes   int  // memory of one row, about
	// time is the row's place in its series, in nanoseconds.
	time func(*T) int64
	// after tells whether a belongs strictly after b.
	after func(a, b *T) bool
	// wins tells whether a row replaces an older one of the same time; nil where
	// several rows may share a time.
	wins func(older, newer *T) bool
	// same tells whether two rows of one time are one row, the first of which stays; nil
	// where that is decided otherwise.
	same func(a, b *T) bool
	// known is when a row became known, noTime where nobody can tell.
	known  func(*T) int64
	hidden bool // not in the list of what is stored
	encode func(c *coder, dst []byte, rows []T) []byte
	decode func(c *coder, r *reader, n int, of name, dst []T) []T
}

// A table is all series of one kind.
type table[T any] struct {
	*kind[T]
	of   map[name]*series[T] // guarded by the store's mu
	lent sync.Pool           // memory of requests, of *[]T
}

func newTable[T any](k *kind[T]) *table[T] { return &table[T]{kind: k, of: map[name]*series[T]{}} }

// name is what a series is of.
type name struct {
	venue    market.VenueID
	pair     market.Pair
	interval market.Interval // candles only
}

// maxRows bounds what a decoder will make room for.
const maxRows = 1 << 24

// noTime stands for a time that is not set. It sorts before every other.
const noTime = math.MinInt64

func nanos(t time.Time) int64 {
	if t.IsZero() {
		return noTime
	}
	return t.UnixNano()
}

func timeOf(ns int64) time.Time {
	if ns == noTime {
		return time.Time{}
	}
	return time.Unix(0, ns).UTC()
}

// The seconds between which a time fits 64 bits of nanoseconds, with a margin.
const firstSecond, lastSecond = -9_223_372_000, 9_223_372_000

func storable(t time.Time) bool {
	if t.IsZero() {
		return true
	}
	s := t.Unix()
	return s > firstSecond && s < lastSecond
}

// clean drops the monotonic reading and the zone, so that what is in memory is
// what would come back from disk.
func clean(t time.Time) time.Time { return timeOf(nanos(t)) }

func badTime(field string, t time.Time) error {
	return fault.At(fault.Invalid, field, "%s is outside the years 1678 to 2261 that the history can hold", t.Format(time.RFC3339))
}

// bound turns an end of a Range into nanoseconds.
func bound(t time.Time) int64 {
	switch s := t.Unix(); {
	case s <= firstSecond:
		return math.MinInt64
	case s >= lastSecond:
		return math.MaxInt64
	}
	return t.UnixNano()
}

// appendRows writes rows as one block: their number and their columns.
func (k *kind[T]) appendRows(c *coder, dst []byte, rows []T) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(rows)))
	return k.encode(c, dst, rows)
}

// parse reads a block back.
func (k *kind[T]) parse(c *coder, b []byte, of name) ([]T, error) {
	r := &reader{b: b}
	n := r.uvarint()
	if r.err != nil || n == 0 || n > maxRows {
		return nil, errCorrupt
	}
	dst := k.decode(c, r, int(n), of, make([]T, n))
	if r.err != nil || len(r.b) != 0 {
		return nil, errCorrupt
	}
	return dst, nil
}

// lags writes late against base, either as distances or as they are, whichever is shorter.
func (c *coder) lags(dst []byte, base, late []int64) []byte {
	c.a = grow(c.a, len(late))
	for i := range late {
		c.a[i] = late[i] - base[i]
	}
	from := len(dst)
	dst = appendInts(append(dst, 1), c.a)
	plain := appendInts(append(c.text[:0], 0), late)
	c.text = plain
	if len(plain) < len(dst)-from {
		dst = append(dst[:from], plain...)
	}
	return dst
}

func (r *reader) lags(base, late []int64) {
	relative := r.byte() == 1
	r.ints(late)
	if relative {
		for i := range late {
			late[i] += base[i]
		}
	}
}
