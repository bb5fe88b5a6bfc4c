package pebble

import (
	"encoding/binary"
	"math/bits"
	"strconv"

	"github.com/assayhq/assay/money"
)

// The ways a column of decimals is written. In the first three every value is
// raised to one scale and becomes an integer; what is kept beside it gives the
// original scale back, so that the text stays the same to the last zero.
const (
	uniform  = iota // all values have the scale that follows
	trimmed         // no value ends in a zero after its point: the scale follows from the digits
	explicit        // a small column of scales
	wide            // some value does not fit: sign, scale and digits of each
)

// A coder holds scratch space for writing and reading chunks. One goroutine at
// a time uses it.
type coder struct {
	a       []int64
	cols    [4][]int64
	decs    [4][]money.Decimal
	small   []byte
	flags   []byte
	text    []byte
	strings []string
}

// shape says how a column of decimals can be written.
type shape struct {
	mode  byte
	scale int // the highest
}

func shapeOf(ds []money.Decimal) shape {
	low, high, trim := ds[0].Scale(), ds[0].Scale(), true
	for _, d := range ds {
		s := d.Scale()
		low, high = min(low, s), max(high, s)
		trim = trim && (s == 0 || d.Coef()%10 != 0)
	}
	switch {
	case low == high:
		return shape{uniform, high}
	case trim:
		return shape{trimmed, high}
	}
	return shape{explicit, high}
}

// raise writes ds as integers of one scale; false when one does not fit.
func raise(out []int64, ds []money.Decimal, scale int) bool {
	for i, d := range ds {
		diff := scale - d.Scale()
		if diff >= len(tens) {
			return false
		}
		hi, lo := bits.Mul64(d.Coef(), uint64(tens[diff]))
		if hi != 0 || lo > 1<<63-1 {
			return false
		}
		out[i] = int64(lo)
		if d.IsNeg() {
			out[i] = -out[i]
		}
	}
	return true
}

// appendDecimals writes columns of decimals that belong together (the prices of
// a candle, the sides of a quote). With relate, all are raised to one scale and
// relate may replace them by their differences.
func (c *coder) appendDecimals(dst []byte, cols [][]money.Decimal, relate func([][]int64)) []byte {
	var shapes [4]shape
	high := 0
	for i, ds := range cols {
		shapes[i] = shapeOf(ds)
		high = max(high, shapes[i].scale)
	}
	ok := true
	var ints [4][]int64
	for i, ds := range cols {
		c.cols[i] = grow(c.cols[i], len(ds))
		ints[i] = c.cols[i]
		ok = ok && raise(ints[i], ds, high)
	}
	if !ok {
		dst = append(dst, wide)
		for _, ds := range cols {
			for _, d := range ds {
				sign := byte(0)
				if d.IsNeg() {
					sign = 0x80
				}
				dst = append(dst, sign|byte(d.Scale()))
				dst = binary.AppendUvarint(dst, d.Coef())
			}
		}
		return dst
	}
	dst = append(dst, 0, byte(high))
	for i, ds := range cols {
		dst = append(dst, shapes[i].mode)
		switch shapes[i].mode {
		case uniform:
			dst = append(dst, byte(shapes[i].scale))
		case explicit:
			c.small = grow(c.small, len(ds))
			for j, d := range ds {
				c.small[j] = byte(d.Scale())
			}
			dst = appendSmall(dst, c.small)
		}
	}
	if relate != nil {
		relate(ints[:len(cols)])
	}
	for i := range cols {
		dst = appendInts(dst, ints[i])
	}
	return dst
}

// decimals reads what appendDecimals wrote into c.decs; unrelate undoes relate.
func (r *reader) decimals(c *coder, cols, n int, unrelate func([][]int64)) {
	for i := range cols {
		c.decs[i] = grow(c.decs[i], n)
	}
	if r.byte() == wide {
		for i := range cols {
			r.wide(c, c.decs[i])
		}
		return
	}
	high := int(r.byte())
	var modes, scales [4]byte
	var exact [4][]byte
	for i := range cols {
		modes[i] = r.byte()
		switch modes[i] {
		case uniform:
			scales[i] = r.byte()
		case trimmed:
		case explicit:
			exact[i] = make([]byte, n)
			r.small(exact[i])
		default:
			r.fail()
		}
	}
	var ints [4][]int64
	for i := range cols {
		c.cols[i] = grow(c.cols[i], n)
		ints[i] = c.cols[i]
		r.ints(ints[i])
	}
	if r.err != nil || high > money.MaxDigits {
		r.fail()
		return
	}
	if unrelate != nil {
		unrelate(ints[:cols])
	}
	for i := range cols {
		r.lower(c.decs[i], ints[i], modes[i], high, int(scales[i]), exact[i])
	}
}

// lower gives each integer of the common scale its own scale back.
func (r *reader) lower(out []money.Decimal, ints []int64, mode byte, high, scale int, exact []byte) {
	for i, v := range ints {
		s := high
		switch mode {
		case uniform:
			s = scale
		case explicit:
			s = int(exact[i])
		case trimmed:
			for s > 0 && v%10 == 0 {
				v, s = v/10, s-1
			}
		}
		if mode != trimmed && s != high {
			if s > high || high-s >= len(tens) {
				r.fail()
				return
			}
			v /= tens[high-s]
		}
		d, err := money.New(v, s)
		if err != nil {
			r.fail()
			return
		}
		out[i] = d
	}
}

// wide reads decimals one by one; rare, so it goes through text.
func (r *reader) wide(c *coder, out []money.Decimal) {
	for i := range out {
		head := r.byte()
		scale := int(head & 0x7f)
		coef := r.uvarint()
		if r.err != nil || scale > money.MaxDigits {
			r.fail()
			return
		}
		b := c.text[:0]
		if head&0x80 != 0 {
			b = append(b, '-')
		}
		b = strconv.AppendUint(b, coef, 10)
		b = append(b, 'e', '-')
		b = strconv.AppendInt(b, int64(scale), 10)
		d, err := money.Parse(b)
		c.text = b
		if err != nil || d.Scale() != scale {
			r.fail()
			return
		}
		out[i] = d
	}
}
