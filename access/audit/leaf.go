package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/assayhq/assay/fault"
)

// Leaf gives the bytes that the log hashes: the entry as JSON in the one form that
// RFC 8785 allows, that is without white space, with sorted names, and with only
// those characters escaped that must be. Empty fields are left out. The same entry
// gives the same bytes on every machine, and different entries give different bytes.
func (e Entry) Leaf() ([]byte, error) {
	names := e.names()
	if err := e.check(names); err != nil {
		return nil, err
	}
	leaf := e.encode(make([]byte, 0, 384), names)
	if len(leaf) > MaxLeaf {
		return nil, fault.At(fault.TooLarge, "detail", "the entry has %d bytes as JSON; at most %d fit", len(leaf), MaxLeaf)
	}
	return leaf, nil
}

// encode writes the fields in alphabetical order, which for these names is the order
// of RFC 8785 too. names are those in Detail, in order.
func (e Entry) encode(b []byte, names []string) []byte {
	b = append(b, `{"action":`...)
	b = quote(b, e.Action)
	b = append(b, `,"actor":`...)
	b = quote(b, e.Actor)
	b = append(b, `,"at":"`...)
	b = e.At.UTC().AppendFormat(b, time.RFC3339Nano)
	b = append(b, '"')
	if len(names) > 0 {
		b = append(b, `,"detail":{`...)
		for i, k := range names {
			if i > 0 {
				b = append(b, ',')
			}
			b = quote(b, k)
			b = append(b, ':')
			b = quote(b, e.Detail[k])
		}
		b = append(b, '}')
	}
	if e.Epoch != 0 {
		b = append(b, `,"epoch":`...)
		b = strconv.AppendInt(b, e.Epoch, 10)
	}
	b = named(b, `,"org":`, e.Org)
	b = named(b, `,"request":`, e.Request)
	b = append(b, `,"seq":`...)
	b = strconv.AppendInt(b, e.Seq, 10)
	b = named(b, `,"subject":`, e.Subject)
	return append(b, '}')
}

func named(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	return quote(append(b, name...), value)
}

// quote writes a string as RFC 8785, 3.2.2.2 has it. encoding/json cannot be used: it
// escapes U+2028 and U+2029 in every mode.
func quote(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	from := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' {
			continue
		}
		b = append(b, s[from:i]...)
		from = i + 1
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\b':
			b = append(b, '\\', 'b')
		case '\t':
			b = append(b, '\\', 't')
		case '\n':
			b = append(b, '\\', 'n')
		case '\f':
			b = append(b, '\\', 'f')
		case '\r':
			b = append(b, '\\', 'r')
		default:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	b = append(b, s[from:]...)
	return append(b, '"')
}

var errForm = errors.New("not an audit entry in its canonical form")

// ParseLeaf is the inverse of Leaf. It accepts only what Leaf writes, byte for byte:
// another order of names, a space, an escape too many or an unknown name is refused,
// so that two different leaves never mean the same entry.
func ParseLeaf(leaf []byte) (Entry, error) {
	if len(leaf) > MaxLeaf {
		return Entry{}, fault.New(fault.TooLarge, "the leaf has %d bytes; at most %d fit", len(leaf), MaxLeaf)
	}
	c := cursor{rest: leaf}
	e, ok := c.entry()
	if !ok {
		return Entry{}, fault.Wrap(fault.Invalid, errForm, "the leaf leaves the form at byte %d", len(leaf)-len(c.rest))
	}
	names := e.names()
	if err := e.check(names); err != nil {
		return Entry{}, err
	}
	// The cursor takes a little more than the form allows, such as needless escapes or
	// unsorted details: writing the entry again settles every such question at once.
	if !bytes.Equal(e.encode(make([]byte, 0, len(leaf)+16), names), leaf) {
		return Entry{}, fault.Wrap(fault.Invalid, errForm, "the leaf is not written the one way its entry is written")
	}
	return e, nil
}

// cursor reads a leaf from left to right. Names come in one order, so each is either
// next or absent.
type cursor struct{ rest []byte }

func (c *cursor) entry() (e Entry, ok bool) {
	var at string
	if !c.skip(`{"action":`) || !c.text(&e.Action) || !c.skip(`,"actor":`) || !c.text(&e.Actor) || !c.skip(`,"at":`) || !c.text(&at) {
		return e, false
	}
	var err error
	if e.At, err = time.Parse(time.RFC3339Nano, at); err != nil {
		return e, false
	}
	e.At = e.At.UTC()
	if c.skip(`,"detail":{`) {
		e.Detail = map[string]string{}
		for more := true; more; more = c.skip(`,`) {
			var k, v string
			if len(e.Detail) > MaxDetails || !c.text(&k) || !c.skip(`:`) || !c.text(&v) {
				return e, false
			}
			e.Detail[k] = v
		}
		if !c.skip(`}`) {
			return e, false
		}
	}
	if c.skip(`,"epoch":`) && !c.number(&e.Epoch) || c.skip(`,"org":`) && !c.text(&e.Org) || c.skip(`,"request":`) && !c.text(&e.Request) {
		return e, false
	}
	if !c.skip(`,"seq":`) || !c.number(&e.Seq) || c.skip(`,"subject":`) && !c.text(&e.Subject) {
		return e, false
	}
	return e, c.skip(`}`) && len(c.rest) == 0
}

func (c *cursor) skip(s string) bool {
	if len(c.rest) < len(s) || string(c.rest[:len(s)]) != s {
		return false
	}
	c.rest = c.rest[len(s):]
	return true
}

func (c *cursor) text(to *string) bool {
	if !c.skip(`"`) {
		return false
	}
	escaped := false
	for i := 0; i < len(c.rest); i++ {
		switch c.rest[i] {
		case '\\':
			escaped = true
			i++
		case '"':
			raw := c.rest[:i]
			if !utf8.Valid(raw) {
				return false
			}
			if !escaped {
				*to = string(raw)
			} else if json.Unmarshal(slices.Concat([]byte{'"'}, raw, []byte{'"'}), to) != nil {
				return false
			}
			c.rest = c.rest[i+1:]
			return true
		}
	}
	return false
}

func (c *cursor) number(to *int64) bool {
	n := 0
	for n < len(c.rest) && n < 19 && c.rest[n] >= '0' && c.rest[n] <= '9' {
		n++
	}
	v, err := strconv.ParseInt(string(c.rest[:n]), 10, 64)
	if err != nil {
		return false
	}
	*to = v
	c.rest = c.rest[n:]
	return true
}
