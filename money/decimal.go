// Package money is exact decimal numbers for prices, sizes and amounts.
//
// A Decimal keeps the digits a venue sent, trailing zeros included, so that its
// text is the venue's text and a checksum over text can be computed from it.
// Price and Qty are different types: adding one to the other does not compile.
// Nothing here is ever a binary float; what does not fit 19 significant digits
// is an error, never a silent rounding. Arithmetic is govalues/decimal; parsing,
// comparing and printing, which the hot path does for every book level, have
// shorter ways here. Pure: no I/O, no clock, no state. Everyone uses it.
package money

import (
	"errors"
	"math/big"
	"math/bits"
	"strconv"

	"github.com/govalues/decimal"
)

// MaxDigits is how many significant digits a Decimal holds.
const MaxDigits = 19

// ErrSyntax says that a text is no plain or exponent decimal number.
var ErrSyntax = errors.New("money: not a decimal number")

// ErrRange says that a number needs more than 19 significant digits or 19 decimals.
var ErrRange = errors.New("money: number needs more than 19 digits")

// Decimal is an exact decimal number: at most 19 significant digits and 19
// decimals. The zero value is 0. Compare with Cmp or Equal, not with ==, which
// tells 1.0 from 1.
type Decimal struct{ v decimal.Decimal }

// Price is an amount of quote asset for one unit of base asset.
type Price struct{ Decimal }

// Qty is an amount of base asset (or contracts, where the instrument says so).
type Qty struct{ Decimal }

var pow10 = [...]uint64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19}

// New is coef × 10^-scale. Scale is 0 to 19.
func New(coef int64, scale int) (Decimal, error) {
	v, err := decimal.New(coef, scale)
	if err != nil {
		return Decimal{}, ErrRange
	}
	return Decimal{v}, nil
}

// MustNew is New for constants in code and tests.
func MustNew(coef int64, scale int) Decimal { return Decimal{decimal.MustNew(coef, scale)} }

// MustParse is Parse for constants in code and tests.
func MustParse(s string) Decimal {
	d, err := Parse([]byte(s))
	if err != nil {
		panic("money.MustParse(" + strconv.Quote(s) + "): " + err.Error())
	}
	return d
}

// MustPrice is MustParse as a Price.
func MustPrice(s string) Price { return Price{MustParse(s)} }

// MustQty is MustParse as a Qty.
func MustQty(s string) Qty { return Qty{MustParse(s)} }

// Parse reads a JSON-style number: digits with an optional sign, point and
// exponent. Trailing zeros are kept. It allocates nothing.
func Parse(b []byte) (Decimal, error) {
	i, neg := 0, false
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		neg, i = b[0] == '-', 1
	}
	var coef uint64
	start := i
	for ; i < len(b); i++ {
		c := b[i] - '0'
		if c > 9 {
			break
		}
		coef = coef*10 + uint64(c)
	}
	digits := i - start
	scale := 0
	if i < len(b) && b[i] == '.' {
		i++
		f := i
		for ; i < len(b); i++ {
			c := b[i] - '0'
			if c > 9 {
				break
			}
			coef = coef*10 + uint64(c)
		}
		scale = i - f
		digits += scale
	}
	if i != len(b) || digits == 0 || digits > 18 {
		return parseSlow(b)
	}
	n := int64(coef)
	if neg {
		n = -n
	}
	v, err := decimal.New(n, scale)
	if err != nil {
		return Decimal{}, ErrRange
	}
	return Decimal{v}, nil
}

// parseSlow handles exponents, more than 18 digits, and errors.
func parseSlow(b []byte) (Decimal, error) {
	var digits []byte
	neg, seen, point, scale, exp := false, false, false, 0, 0
	i := 0
	if i < len(b) && (b[i] == '-' || b[i] == '+') {
		neg = b[i] == '-'
		i++
	}
loop:
	for ; i < len(b); i++ {
		switch c := b[i]; {
		case c >= '0' && c <= '9':
			seen = true
			if len(digits) > 0 || c != '0' {
				digits = append(digits, c)
			}
			if point {
				scale++
			}
		case c == '.' && !point:
			point = true
		default:
			break loop
		}
		if len(digits) > 60 || scale > 60 {
			return Decimal{}, ErrRange
		}
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') && seen {
		n, err := strconv.Atoi(string(b[i+1:]))
		if err != nil || n > 60 || n < -60 {
			return Decimal{}, ErrSyntax
		}
		exp, i = n, len(b)
	}
	if i != len(b) || !seen {
		return Decimal{}, ErrSyntax
	}
	scale -= exp
	for scale < 0 && len(digits) > 0 {
		digits = append(digits, '0')
		scale++
	}
	if len(digits) == 0 {
		scale = min(max(scale, 0), MaxDigits)
	}
	// Zeros at the end of the fraction carry no value; drop them only when the number would not fit otherwise.
	for (len(digits) > MaxDigits || scale > MaxDigits) && scale > 0 && len(digits) > 0 && digits[len(digits)-1] == '0' {
		digits = digits[:len(digits)-1]
		scale--
	}
	if len(digits) > MaxDigits || scale > MaxDigits {
		return Decimal{}, ErrRange
	}
	coef, err := strconv.ParseUint("0"+string(digits), 10, 64)
	if err != nil {
		return Decimal{}, ErrRange
	}
	return fromCoef(neg, coef, scale)
}

// ParseRounded is Parse for a figure that somebody computed in floating point, such as
// 7.792297123456789e-12: what has more digits or decimals than a Decimal holds is
// rounded, half away from zero, to as many as fit.
func ParseRounded(b []byte) (Decimal, error) {
	d, err := Parse(b)
	if err != ErrRange || len(b) > 64 {
		return d, err
	}
	r, ok := new(big.Rat).SetString(string(b))
	if !ok {
		return Decimal{}, ErrSyntax
	}
	for scale := MaxDigits; scale >= 0; scale-- {
		if d, err := Parse([]byte(r.FloatString(scale))); err == nil {
			return d, nil
		}
	}
	return Decimal{}, ErrRange
}

// fromCoef builds a Decimal from an unsigned coefficient, which may exceed int64.
func fromCoef(neg bool, coef uint64, scale int) (Decimal, error) {
	if coef <= 1<<63-1 {
		n := int64(coef)
		if neg {
			n = -n
		}
		return New(n, scale)
	}
	var d Decimal
	text := make([]byte, 0, 24)
	text = strconv.AppendUint(text, coef, 10)
	text = pad(text, 0, scale)
	v, err := decimal.Parse(string(text))
	if err != nil || v.Coef() != coef {
		return d, ErrRange
	}
	if neg {
		v = v.Neg()
	}
	return Decimal{v}, nil
}

// pad inserts the decimal point so that scale digits follow it; text[from:] are digits.
func pad(text []byte, from, scale int) []byte {
	if scale == 0 {
		return text
	}
	for len(text)-from <= scale {
		text = append(text, 0)
		copy(text[from+1:], text[from:])
		text[from] = '0'
	}
	text = append(text, 0)
	p := len(text) - 1 - scale
	copy(text[p+1:], text[p:])
	text[p] = '.'
	return text
}

// Coef gives the digits as an unsigned integer: 1.50 has 150.
func (d Decimal) Coef() uint64 { return d.v.Coef() }

// Scale gives the number of decimals: 1.50 has 2.
func (d Decimal) Scale() int { return d.v.Scale() }

// Sign is -1, 0 or 1.
func (d Decimal) Sign() int { return d.v.Sign() }

// IsZero tells whether the value is zero, whatever its scale.
func (d Decimal) IsZero() bool { return d.v.Coef() == 0 }

// IsNeg tells whether the value is below zero.
func (d Decimal) IsNeg() bool { return d.v.IsNeg() }

// Cmp is -1, 0 or 1. 1.0 equals 1.
func (d Decimal) Cmp(e Decimal) int {
	a, b := d.v, e.v
	if a.IsNeg() != b.IsNeg() {
		if a.IsNeg() {
			return -1
		}
		return 1
	}
	ac, bc := a.Coef(), b.Coef()
	if ds := a.Scale() - b.Scale(); ds > 0 {
		hi, lo := bits.Mul64(bc, pow10[ds])
		if hi != 0 {
			return a.Cmp(b)
		}
		bc = lo
	} else if ds < 0 {
		hi, lo := bits.Mul64(ac, pow10[-ds])
		if hi != 0 {
			return a.Cmp(b)
		}
		ac = lo
	}
	r := 0
	if ac < bc {
		r = -1
	} else if ac > bc {
		r = 1
	}
	if a.IsNeg() {
		return -r
	}
	return r
}

// Equal tells whether both are the same number.
func (d Decimal) Equal(e Decimal) bool { return d.Cmp(e) == 0 }

// exact accepts a library result only when nothing was rounded away: the library
// rounds to 19 digits, so each operation below is asked for at its exact scale.
func exact(v decimal.Decimal, err error) (Decimal, error) {
	if err != nil {
		return Decimal{}, ErrRange
	}
	return Decimal{v}, nil
}

// Add gives d+e exactly, or ErrRange.
func (d Decimal) Add(e Decimal) (Decimal, error) {
	return exact(d.v.AddExact(e.v, max(d.Scale(), e.Scale())))
}

// Sub gives d-e exactly, or ErrRange.
func (d Decimal) Sub(e Decimal) (Decimal, error) {
	return exact(d.v.SubExact(e.v, max(d.Scale(), e.Scale())))
}

// Mul gives d×e exactly, or ErrRange.
func (d Decimal) Mul(e Decimal) (Decimal, error) {
	d, e = d.Trim(), e.Trim()
	if s := d.Scale() + e.Scale(); s <= MaxDigits {
		return exact(d.v.MulExact(e.v, s))
	}
	return Decimal{}, ErrRange
}

// Quo gives d÷e rounded half to even at scale decimals. The only operation that
// rounds, because a quotient has no exact form in general.
func (d Decimal) Quo(e Decimal, scale int) (Decimal, error) {
	v, err := d.v.Quo(e.v)
	if err != nil {
		return Decimal{}, ErrRange
	}
	return Decimal{v.Round(scale)}, nil
}

// Neg gives -d.
func (d Decimal) Neg() Decimal { return Decimal{d.v.Neg()} }

// Abs gives d without its sign.
func (d Decimal) Abs() Decimal { return Decimal{d.v.Abs()} }

// Trim drops the zeros at the end of the fraction; the value stays the same.
func (d Decimal) Trim() Decimal { return Decimal{d.v.Trim(0)} }

// Round rounds half to even at scale decimals.
func (d Decimal) Round(scale int) Decimal { return Decimal{d.v.Round(scale)} }

// Rescale gives the same value written with scale decimals, or ErrRange if that
// would lose digits or not fit.
func (d Decimal) Rescale(scale int) (Decimal, error) {
	diff := scale - d.Scale()
	if scale < 0 || scale > MaxDigits {
		return d, ErrRange
	}
	switch {
	case diff == 0:
		return d, nil
	case diff > 0:
		hi, lo := bits.Mul64(d.Coef(), pow10[diff])
		if hi != 0 {
			return d, ErrRange
		}
		return fromCoef(d.IsNeg(), lo, scale)
	}
	if d.Coef()%pow10[-diff] != 0 {
		return d, ErrRange
	}
	return fromCoef(d.IsNeg(), d.Coef()/pow10[-diff], scale)
}

// Float64 is for statistics only: the nearest binary float.
func (d Decimal) Float64() float64 {
	if c := d.v.Coef(); c < 1<<53 { // it and the power of ten are exact, so their quotient is the nearest
		f := float64(c) / float64(pow10[d.v.Scale()])
		if d.v.IsNeg() {
			f = -f
		}
		return f
	}
	f, _ := d.v.Float64()
	return f
}

// FromFloat is for statistics only: f rounded to scale decimals. It refuses NaN
// and infinities.
func FromFloat(f float64, scale int) (Decimal, error) {
	v, err := decimal.NewFromFloat64(f)
	if err != nil {
		return Decimal{}, ErrRange
	}
	return Decimal{v.Round(scale)}, nil
}

// twoDigits are the texts of 00 to 99.
const twoDigits = "00010203040506070809" + "10111213141516171819" + "20212223242526272829" + "30313233343536373839" + "40414243444546474849" +
	"50515253545556575859" + "60616263646566676869" + "70717273747576777879" + "80818283848586878889" + "90919293949596979899"

// Append appends the plain text, trailing zeros included: 1.50, -0.001. It writes
// two digits at a time: long answers and checksums are little else than decimals.
func (d Decimal) Append(b []byte) []byte {
	coef, scale := d.v.Coef(), d.v.Scale()
	if d.v.IsNeg() {
		b = append(b, '-')
	}
	var buf [24]byte
	i := len(buf)
	if scale > 0 {
		whole := coef / pow10[scale]
		part := coef - whole*pow10[scale]
		coef = whole
		stop := i - scale
		for i-2 >= stop {
			q := part / 100
			r := (part - q*100) * 2
			part = q
			i -= 2
			buf[i], buf[i+1] = twoDigits[r], twoDigits[r+1]
		}
		if i > stop {
			i--
			buf[i] = byte('0' + part)
		}
		i--
		buf[i] = '.'
	}
	for coef >= 100 {
		q := coef / 100
		r := (coef - q*100) * 2
		coef = q
		i -= 2
		buf[i], buf[i+1] = twoDigits[r], twoDigits[r+1]
	}
	if coef >= 10 {
		i -= 2
		buf[i], buf[i+1] = twoDigits[coef*2], twoDigits[coef*2+1]
	} else {
		i--
		buf[i] = byte('0' + coef)
	}
	return append(b, buf[i:]...)
}

// AppendText implements encoding.TextAppender; it never fails.
func (d Decimal) AppendText(b []byte) ([]byte, error) { return d.Append(b), nil }

// String is the plain text, trailing zeros included.
func (d Decimal) String() string { return string(d.Append(make([]byte, 0, 24))) }

// MarshalText is String as bytes; used by JSON (a string), XML and CSV.
func (d Decimal) MarshalText() ([]byte, error) { return d.Append(nil), nil }

// UnmarshalText reads what Parse reads.
func (d *Decimal) UnmarshalText(b []byte) error {
	v, err := Parse(b)
	if err == nil {
		*d = v
	}
	return err
}

// UnmarshalJSON reads 1.5 and "1.5"; null leaves the value as it is.
func (d *Decimal) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		return nil
	}
	if len(b) >= 2 && b[0] == '"' && b[len(b)-1] == '"' {
		b = b[1 : len(b)-1]
	}
	return d.UnmarshalText(b)
}

// MulRound gives d×e rounded half to even at scale decimals; for conversions by a
// measured rate, which is itself rounded.
func (d Decimal) MulRound(e Decimal, scale int) (Decimal, error) {
	v, err := d.v.Mul(e.v)
	if err != nil {
		return Decimal{}, ErrRange
	}
	return Decimal{v.Round(scale)}, nil
}

// Mid gives the exact middle of two prices.
func Mid(a, b Price) (Price, error) {
	s, err := a.Add(b.Decimal)
	if err != nil {
		return Price{}, err
	}
	m, err := s.Mul(MustNew(5, 1))
	return Price{m}, err
}
