// Package scan reads JSON forward, once, without building anything.
//
// A Cursor walks one message. Keys and strings are slices of the message itself;
// decimals are read digit by digit into exact numbers on the way. It exists
// because exchange messages arrive by the hundred thousand a second and every
// general decoder measured here costs two to five times as much (docs/adr/0003).
// Errors stick: after the first one every call returns zero values, so a decoder
// checks once, with End. It never panics, whatever the bytes are, and it does not
// validate what it skips beyond finding where that ends. Venue decoders use it.
package scan

import (
	"bytes"
	"fmt"
	"math"
	"time"

	"github.com/assayhq/assay/money"
)

// Cursor is a position in one JSON message. The zero value is an empty message.
type Cursor struct {
	b   []byte
	i   int
	err error
	// K is the key that NextKey found.
	K []byte
}

// New starts at the beginning of b. The cursor refers to b; it does not copy it.
func New(b []byte) Cursor { return Cursor{b: b} }

// Err gives the first error, or nil.
func (c *Cursor) Err() error { return c.err }

// Fail records an error at the present place unless there is one already.
func (c *Cursor) Fail(what string) {
	if c.err == nil {
		c.err = fmt.Errorf("json: %s at byte %d of %d", what, c.i, len(c.b))
		c.i = len(c.b)
	}
}

// End checks that nothing but white space is left, and gives the first error.
func (c *Cursor) End() error {
	c.space()
	if c.err == nil && c.i < len(c.b) {
		c.Fail("text after the end of the value")
	}
	return c.err
}

func (c *Cursor) space() {
	for c.i < len(c.b) && c.b[c.i] <= ' ' {
		c.i++
	}
}

// Peek gives the first byte of the next value: { [ " t f n - or a digit; 0 at the end.
func (c *Cursor) Peek() byte {
	c.space()
	if c.i < len(c.b) {
		return c.b[c.i]
	}
	return 0
}

func (c *Cursor) enter(open byte, what string) bool {
	c.space()
	if c.i < len(c.b) && c.b[c.i] == open {
		c.i++
		return true
	}
	c.Fail(what)
	return false
}

// Lit steps over s if it comes next, byte for byte, and tells whether it did. It is
// for loops that know how a venue writes and have another way when it does not.
func (c *Cursor) Lit(s string) bool {
	if len(c.b)-c.i >= len(s) && string(c.b[c.i:c.i+len(s)]) == s {
		c.i += len(s)
		return true
	}
	return false
}

// Obj enters an object; use with NextKey.
func (c *Cursor) Obj() bool { return c.enter('{', "expected an object") }

// Arr enters an array; use with NextItem.
func (c *Cursor) Arr() bool { return c.enter('[', "expected an array") }

// NextKey moves to the next member of the object entered last and puts its key in
// K. It is false at the end of the object, which it leaves.
func (c *Cursor) NextKey() bool {
	b, i := c.b, c.i
	for i < len(b) && (b[i] <= ' ' || b[i] == ',') {
		i++
	}
	if i >= len(b) {
		c.i = i
		c.Fail("object is cut off")
		return false
	}
	if b[i] == '}' {
		c.i = i + 1
		return false
	}
	if b[i] != '"' {
		c.i = i
		c.Fail("expected a key")
		return false
	}
	i++
	k := i
	for i < len(b) && b[i] != '"' {
		if b[i] == '\\' {
			i++
		}
		i++
	}
	if i >= len(b) {
		c.Fail("key is cut off")
		return false
	}
	c.K = b[k:i]
	i++
	for i < len(b) && b[i] <= ' ' {
		i++
	}
	if i >= len(b) || b[i] != ':' {
		c.i = i
		c.Fail("expected a colon")
		return false
	}
	c.i = i + 1
	return true
}

// NextItem moves to the next item of the array entered last. It is false at the
// end of the array, which it leaves.
func (c *Cursor) NextItem() bool {
	b, i := c.b, c.i
	for i < len(b) && (b[i] <= ' ' || b[i] == ',') {
		i++
	}
	c.i = i
	if i >= len(b) {
		c.Fail("array is cut off")
		return false
	}
	if b[i] == ']' {
		c.i = i + 1
		return false
	}
	return true
}

// Close skips what is left of the array entered last, and leaves it.
func (c *Cursor) Close() {
	for c.NextItem() {
		c.Skip()
	}
}

// Is tells whether the key found last is k.
func (c *Cursor) Is(k string) bool { return string(c.K) == k }

// Str reads a string. The result is part of the message unless it held escapes.
// null gives nil.
func (c *Cursor) Str() []byte {
	c.space()
	b, i := c.b, c.i
	if i >= len(b) || b[i] != '"' {
		if c.null() {
			return nil
		}
		c.Fail("expected a string")
		return nil
	}
	i++
	s := i
	for i < len(b) {
		switch b[i] {
		case '"':
			c.i = i + 1
			return b[s:i]
		case '\\':
			return c.escaped(s)
		}
		i++
	}
	c.Fail("string is cut off")
	return nil
}

func (c *Cursor) escaped(s int) []byte {
	i := s
	for i < len(c.b) && c.b[i] != '"' {
		if c.b[i] == '\\' {
			i++
		}
		i++
	}
	if i >= len(c.b) {
		c.Fail("string is cut off")
		return nil
	}
	out, ok := Unescape(nil, c.b[s:i])
	if !ok {
		c.Fail("string has a bad escape")
		return nil
	}
	c.i = i + 1
	return out
}

func (c *Cursor) null() bool {
	if c.i+4 <= len(c.b) && string(c.b[c.i:c.i+4]) == "null" {
		c.i += 4
		return true
	}
	return false
}

// Inside reads a string and gives what stands between its quotes, escapes as they
// are; Unescape turns them into what they mean.
func (c *Cursor) Inside() []byte {
	c.space()
	if c.i >= len(c.b) || c.b[c.i] != '"' {
		c.Fail("expected a string")
		return nil
	}
	s := c.i + 1
	c.skipString()
	if c.err != nil {
		return nil
	}
	return c.b[s : c.i-1]
}

// Raw reads a scalar as text: the inside of a string, or a number or word as it stands.
func (c *Cursor) Raw() []byte {
	if c.Peek() == '"' {
		return c.Str()
	}
	s := c.i
	for c.i < len(c.b) {
		switch c.b[c.i] {
		case ',', '}', ']', ' ', '\n', '\r', '\t', ':':
			if c.i == s {
				c.Fail("expected a value")
			}
			return c.b[s:c.i]
		case '{', '[', '"':
			c.Fail("expected a scalar")
			return nil
		}
		c.i++
	}
	if s == c.i {
		c.Fail("expected a value")
	}
	return c.b[s:c.i]
}

// Bool reads true or false; null and "false" are false, "true" is true.
func (c *Cursor) Bool() bool {
	switch t := c.Raw(); string(t) {
	case "true":
		return true
	case "false", "null", "":
		return false
	}
	c.Fail("expected true or false")
	return false
}

// Int reads an integer, bare or in quotes. null and "" are 0.
func (c *Cursor) Int() int64 {
	t := c.Raw()
	if len(t) == 0 || string(t) == "null" {
		return 0
	}
	neg, i := false, 0
	if t[0] == '-' {
		neg, i = true, 1
	}
	var n uint64
	if i == len(t) || len(t)-i > 20 {
		c.Fail("expected an integer")
		return 0
	}
	for ; i < len(t); i++ {
		d := uint64(t[i] - '0')
		if d > 9 || n > (math.MaxUint64-d)/10 {
			c.Fail("expected an integer")
			return 0
		}
		n = n*10 + d
	}
	if n > math.MaxInt64 {
		c.Fail("integer is too large")
		return 0
	}
	if neg {
		return -int64(n)
	}
	return int64(n)
}

// Decimal reads a number, bare or in quotes, keeping the decimals as sent. null
// and "" are 0.
func (c *Cursor) Decimal() money.Decimal {
	c.space()
	b, i := c.b, c.i
	quoted := i < len(b) && b[i] == '"'
	if quoted {
		i++
	}
	var coef int64
	s := i
	for i < len(b) {
		d := b[i] - '0'
		if d > 9 {
			break
		}
		coef = coef*10 + int64(d)
		i++
	}
	digits, scale := i-s, 0
	if i < len(b) && b[i] == '.' {
		i++
		f := i
		for i < len(b) {
			d := b[i] - '0'
			if d > 9 {
				break
			}
			coef = coef*10 + int64(d)
			i++
		}
		scale = i - f
		digits += scale
	}
	if i < len(b) && digits > 0 && digits <= 18 {
		if quoted {
			if b[i] == '"' {
				c.i = i + 1
				if d, err := money.New(coef, scale); err == nil {
					return d
				}
			}
		} else if e := b[i]; e == ',' || e == ']' || e == '}' {
			c.i = i
			if d, err := money.New(coef, scale); err == nil {
				return d
			}
		}
	}
	t := c.Raw()
	if len(t) == 0 || string(t) == "null" {
		return money.Decimal{}
	}
	d, err := money.Parse(t)
	if err != nil {
		c.Fail("expected a number: " + err.Error())
	}
	return d
}

// Sum is Decimal for a total that stands beside other values, such as a turnover: one of
// more digits than a decimal holds is 0, which is not told, so that it does not cost them.
func (c *Cursor) Sum() money.Decimal {
	before := *c
	d := c.Decimal()
	if before.err == nil && c.err != nil {
		if _, err := money.Parse(before.Raw()); err == money.ErrRange && before.err == nil {
			*c = before
			return money.Decimal{}
		}
	}
	return d
}

// Rounded is Decimal for a figure that a venue computed in floating point, such as a
// funding rate or a mark price: its last digits are rounded away where they do not fit.
func (c *Cursor) Rounded() money.Decimal {
	before := *c
	d := c.Decimal()
	if before.err == nil && c.err != nil {
		if r, err := money.ParseRounded(before.Raw()); err == nil && before.err == nil {
			*c = before
			return r
		}
	}
	return d
}

// Price is Decimal as a price.
func (c *Cursor) Price() money.Price { return money.Price{Decimal: c.Decimal()} }

// Qty is Decimal as a size.
func (c *Cursor) Qty() money.Qty { return money.Qty{Decimal: c.Decimal()} }

// Skip passes over the next value, whatever it is.
func (c *Cursor) Skip() {
	switch c.Peek() {
	case '"':
		c.skipString()
	case '{', '[':
		depth := 0
		for c.i < len(c.b) {
			switch c.b[c.i] {
			case '"':
				c.skipString()
				continue
			case '{', '[':
				depth++
			case '}', ']':
				depth--
				if depth == 0 {
					c.i++
					return
				}
			}
			c.i++
		}
		c.Fail("value is cut off")
	default:
		c.Raw()
	}
}

func (c *Cursor) skipString() {
	i := c.i + 1
	for i < len(c.b) {
		n := bytes.IndexByte(c.b[i:], '"')
		if n < 0 {
			break
		}
		i += n
		e := i - 1
		for e > c.i && c.b[e] == '\\' {
			e--
		}
		i++
		if (i-1-e)%2 == 1 { // an even number of backslashes before the quote
			c.i = i
			return
		}
	}
	c.Fail("string is cut off")
}

// Millis reads a time in milliseconds since 1970, bare or in quotes. 0 is the zero time.
func (c *Cursor) Millis() time.Time {
	if n := c.Int(); n != 0 {
		return time.UnixMilli(n).UTC()
	}
	return time.Time{}
}

// Micros reads a time in microseconds since 1970, bare or in quotes.
func (c *Cursor) Micros() time.Time {
	if n := c.Int(); n != 0 {
		return time.UnixMicro(n).UTC()
	}
	return time.Time{}
}

// Seconds reads a time in seconds since 1970 with up to 9 decimals, exactly.
func (c *Cursor) Seconds() time.Time {
	d := c.Decimal()
	if d.IsZero() {
		return time.Time{}
	}
	ns, err := d.Round(9).Rescale(9)
	if err != nil || d.IsNeg() || ns.Coef() > math.MaxInt64 {
		c.Fail("expected a time in seconds")
		return time.Time{}
	}
	return time.Unix(0, int64(ns.Coef())).UTC()
}

// RFC3339 reads a time such as 2026-08-09T21:05:48.228568804Z. "" and null are the zero time.
func (c *Cursor) RFC3339() time.Time {
	t := c.Str()
	if len(t) == 0 {
		return time.Time{}
	}
	at, ok := ParseRFC3339(t)
	if !ok {
		c.Fail("expected an RFC 3339 time")
	}
	return at
}

// ParseRFC3339 reads the common form quickly and every other form by package time.
func ParseRFC3339(t []byte) (time.Time, bool) {
	n := len(t)
	if n >= 20 && t[n-1] == 'Z' && t[4] == '-' && t[7] == '-' && t[10] == 'T' && t[13] == ':' && t[16] == ':' {
		y, ok1 := digits(t[0:4])
		mo, ok2 := digits(t[5:7])
		d, ok3 := digits(t[8:10])
		h, ok4 := digits(t[11:13])
		mi, ok5 := digits(t[14:16])
		s, ok6 := digits(t[17:19])
		ns, ok7 := 0, true
		if n > 20 {
			f := t[20 : n-1]
			ns, ok7 = digits(f)
			ok7 = ok7 && t[19] == '.' && len(f) <= 9
			for k := len(f); ok7 && k < 9; k++ {
				ns *= 10
			}
		}
		if ok1 && ok2 && ok3 && ok4 && ok5 && ok6 && ok7 && mo >= 1 && mo <= 12 && d >= 1 && d <= 31 && h < 24 && mi < 60 && s < 60 {
			return time.Date(y, time.Month(mo), d, h, mi, s, ns, time.UTC), true
		}
	}
	at, err := time.Parse(time.RFC3339Nano, string(t))
	return at.UTC(), err == nil
}

func digits(b []byte) (int, bool) {
	n := 0
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, len(b) > 0
}
