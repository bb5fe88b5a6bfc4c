package pebble

import (
	"encoding/binary"
	"errors"
	"math"
	"math/bits"
)

// errCorrupt says that stored bytes are no chunk of ours.
var errCorrupt = errors.New("stored bytes are damaged")

// The ways a column of integers is written. The writer tries all and takes the shortest.
const (
	constant   = iota // one value for all rows
	offsets           // the smallest value, then each value's distance from it
	deltas            // the first value, then each value's distance from the one before
	deltaDelta        // the first value and step, then each step's distance from the one before
)

var tens = [...]int64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18}

func zig(v int64) uint64     { return uint64(v<<1) ^ uint64(v>>63) }
func zag(u uint64) int64     { return int64(u>>1) ^ -int64(u&1) }
func width(u uint64) int     { return (bits.Len64(u|1) + 6) / 7 }
func zigLen(v int64) int     { return width(zig(v)) }
func isDigit(c byte) bool    { return c-'0' <= 9 }
func keyTime(t int64) uint64 { return uint64(t) ^ 1<<63 }

// unitOf gives the largest power of ten that divides every value.
func unitOf(vs []int64) int {
	u := len(tens) - 1
	for _, v := range vs {
		for u > 0 && v%tens[u] != 0 {
			u--
		}
		if u == 0 {
			break
		}
	}
	return u
}

// appendInts writes a column: one byte of mode and unit, then variable-length
// integers. It may divide vs in place by their common power of ten.
func appendInts(dst []byte, vs []int64) []byte {
	if len(vs) == 0 {
		return dst
	}
	same := true
	for _, v := range vs[1:] {
		if v != vs[0] {
			same = false
			break
		}
	}
	if same {
		dst = append(dst, constant)
		return binary.AppendUvarint(dst, zig(vs[0]))
	}
	u := unitOf(vs)
	if u > 0 {
		d := tens[u]
		for i := range vs {
			vs[i] /= d
		}
	}
	low := vs[0]
	for _, v := range vs[1:] {
		low = min(low, v)
	}
	size := [4]int{math.MaxInt, zigLen(low), zigLen(vs[0]), zigLen(vs[0])}
	prev, step := vs[0], int64(0)
	size[offsets] += width(uint64(vs[0] - low))
	for _, v := range vs[1:] {
		d := v - prev
		size[offsets] += width(uint64(v - low))
		size[deltas] += zigLen(d)
		size[deltaDelta] += zigLen(d - step)
		prev, step = v, d
	}
	mode := offsets
	if size[deltas] < size[mode] {
		mode = deltas
	}
	if size[deltaDelta] < size[mode] {
		mode = deltaDelta
	}
	dst = append(dst, byte(mode|u<<2))
	switch mode {
	case offsets:
		dst = binary.AppendUvarint(dst, zig(low))
		for _, v := range vs {
			dst = binary.AppendUvarint(dst, uint64(v-low))
		}
	case deltas:
		prev = 0
		for _, v := range vs {
			dst = binary.AppendUvarint(dst, zig(v-prev))
			prev = v
		}
	case deltaDelta:
		dst = binary.AppendUvarint(dst, zig(vs[0]))
		prev, step = vs[0], 0
		for _, v := range vs[1:] {
			d := v - prev
			dst = binary.AppendUvarint(dst, zig(d-step))
			prev, step = v, d
		}
	}
	return dst
}

// A reader takes columns off stored bytes. After the first damage it gives
// zeros; whoever uses it checks err at the end.
type reader struct {
	b   []byte
	err error
}

func (r *reader) fail() {
	r.err = errCorrupt
	r.b = nil
}

func (r *reader) byte() byte {
	if len(r.b) == 0 {
		r.fail()
		return 0
	}
	c := r.b[0]
	r.b = r.b[1:]
	return c
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) take(n uint64) []byte {
	if n > uint64(len(r.b)) {
		r.fail()
		return nil
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

// ints reads a column of len(dst) values.
func (r *reader) ints(dst []int64) {
	if len(dst) == 0 || r.err != nil {
		return
	}
	head := r.byte()
	mode, u := int(head&3), int(head>>2)
	if u >= len(tens) {
		r.fail()
		return
	}
	if mode == constant {
		v := zag(r.uvarint())
		for i := range dst {
			dst[i] = v
		}
		return
	}
	scale := tens[u]
	var low int64
	if mode == offsets {
		low = zag(r.uvarint())
	}
	b, p := r.b, 0
	var prev, step int64
	for i := range dst {
		var x uint64
		if p+1 < len(b) && b[p+1] < 0x80 { // one or two bytes, nearly always
			if c := b[p]; c < 0x80 {
				x = uint64(c)
				p++
			} else {
				x = uint64(c&0x7f) | uint64(b[p+1])<<7
				p += 2
			}
		} else {
			v, n := binary.Uvarint(b[p:])
			if n <= 0 {
				r.fail()
				return
			}
			x = v
			p += n
		}
		switch mode {
		case offsets:
			dst[i] = (low + int64(x)) * scale
		case deltas:
			prev += zag(x)
			dst[i] = prev * scale
		default:
			if i == 0 {
				prev = zag(x)
			} else {
				step += zag(x)
				prev += step
			}
			dst[i] = prev * scale
		}
	}
	r.b = b[p:]
}

// appendSmall writes a column of bytes: a dictionary of the values that occur
// and as few bits as tell them apart.
func appendSmall(dst []byte, vs []byte) []byte {
	if len(vs) == 0 {
		return dst
	}
	var place [256]byte
	var seen [256]bool
	var dict []byte
	for _, v := range vs {
		if !seen[v] {
			seen[v] = true
			place[v] = byte(len(dict))
			dict = append(dict, v)
		}
	}
	dst = append(dst, byte(len(dict)-1))
	dst = append(dst, dict...)
	w := smallBits(len(dict))
	if w == 0 {
		return dst
	}
	var acc byte
	var n uint
	for _, v := range vs {
		acc |= place[v] << n
		if n += w; n == 8 {
			dst = append(dst, acc)
			acc, n = 0, 0
		}
	}
	if n > 0 {
		dst = append(dst, acc)
	}
	return dst
}

func smallBits(values int) uint {
	switch {
	case values <= 1:
		return 0
	case values <= 2:
		return 1
	case values <= 4:
		return 2
	case values <= 16:
		return 4
	}
	return 8
}

// small reads a column of len(dst) bytes.
func (r *reader) small(dst []byte) {
	if len(dst) == 0 || r.err != nil {
		return
	}
	n := int(r.byte()) + 1
	dict := r.take(uint64(n))
	if dict == nil {
		return
	}
	w := smallBits(n)
	if w == 0 {
		for i := range dst {
			dst[i] = dict[0]
		}
		return
	}
	packed := r.take((uint64(len(dst))*uint64(w) + 7) / 8)
	if packed == nil {
		return
	}
	mask := byte(1<<w - 1)
	for i := range dst {
		bit := uint(i) * w
		x := packed[bit/8] >> (bit % 8) & mask
		if int(x) >= n {
			r.fail()
			return
		}
		dst[i] = dict[x]
	}
}
