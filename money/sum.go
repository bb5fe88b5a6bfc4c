package money

import "math/bits"

// Sum adds many non-negative decimals, and products of two, without losing a
// digit: 128 bits hold 38. It is how volumes and turnovers are kept; Decimal
// narrows the result to 19 digits at the end and says whether that was exact.
// The zero value is an empty sum.
type Sum struct {
	hi, lo  uint64
	scale   int
	rounded bool
}

func mul128(hi, lo, m uint64) (h, l uint64, ok bool) {
	c, l := bits.Mul64(lo, m)
	over, p := bits.Mul64(hi, m)
	h, carry := bits.Add64(p, c, 0)
	return h, l, over == 0 && carry == 0
}

func div128(hi, lo, d uint64) (h, l, rem uint64) {
	h, r := hi/d, hi%d
	l, rem = bits.Div64(r, lo, d)
	return h, l, rem
}

// shrink drops one decimal of a 128-bit number, rounding half to even.
func shrink(hi, lo uint64) (h, l uint64, lost bool) {
	h, l, rem := div128(hi, lo, 10)
	if rem > 5 || (rem == 5 && l&1 == 1) {
		var c uint64
		l, c = bits.Add64(l, 1, 0)
		h += c
	}
	return h, l, rem != 0
}

func (s *Sum) add(hi, lo uint64, scale int) {
	for s.scale < scale {
		h, l, ok := mul128(s.hi, s.lo, 10)
		if !ok {
			break
		}
		s.hi, s.lo, s.scale = h, l, s.scale+1
	}
	for scale < s.scale {
		h, l, ok := mul128(hi, lo, 10)
		if !ok {
			break
		}
		hi, lo, scale = h, l, scale+1
	}
	for scale > s.scale {
		var lost bool
		hi, lo, lost = shrink(hi, lo)
		scale, s.rounded = scale-1, s.rounded || lost
	}
	for s.scale > scale {
		var lost bool
		s.hi, s.lo, lost = shrink(s.hi, s.lo)
		s.scale, s.rounded = s.scale-1, s.rounded || lost
	}
	l, c := bits.Add64(s.lo, lo, 0)
	h, c := bits.Add64(s.hi, hi, c)
	if c != 0 { // beyond 38 digits: make room and add again
		h1, l1, r1 := shrink(s.hi, s.lo)
		h2, l2, r2 := shrink(hi, lo)
		l, c = bits.Add64(l1, l2, 0)
		h, _ = bits.Add64(h1, h2, c)
		s.scale, s.rounded = s.scale-1, s.rounded || r1 || r2
	}
	s.hi, s.lo = h, l
}

// Add adds |d|.
func (s *Sum) Add(d Decimal) { s.add(0, d.Coef(), d.Scale()) }

// AddProduct adds |d×e|, exact however many digits the product has.
func (s *Sum) AddProduct(d, e Decimal) {
	hi, lo := bits.Mul64(d.Coef(), e.Coef())
	s.add(hi, lo, d.Scale()+e.Scale())
}

// AddSum adds what another sum holds.
func (s *Sum) AddSum(o Sum) {
	s.add(o.hi, o.lo, o.scale)
	s.rounded = s.rounded || o.rounded
}

// IsZero tells whether nothing but zeros was added.
func (s *Sum) IsZero() bool { return s.hi == 0 && s.lo == 0 }

// Decimal gives the sum in at most 19 digits and maxScale decimals. Exact is
// false when digits had to be rounded (half to even) to fit. A sum of 10^19 or
// more does not fit and gives the largest Decimal and false.
func (s *Sum) Decimal(maxScale int) (d Decimal, exact bool) {
	hi, lo, scale, exact := s.hi, s.lo, s.scale, !s.rounded
	for scale > 0 { // trailing zeros first: they cost nothing
		h, l, rem := div128(hi, lo, 10)
		if rem != 0 || (hi == 0 && lo <= 9_999_999_999_999_999_999 && scale <= maxScale) {
			break
		}
		hi, lo, scale = h, l, scale-1
	}
	for scale > 0 && (hi != 0 || lo > 9_999_999_999_999_999_999 || scale > min(maxScale, MaxDigits)) {
		var lost bool
		hi, lo, lost = shrink(hi, lo)
		scale, exact = scale-1, exact && !lost
	}
	if hi != 0 || lo > 9_999_999_999_999_999_999 {
		return MustParse("9999999999999999999"), false
	}
	d, err := fromCoef(false, lo, scale)
	return d, exact && err == nil
}
