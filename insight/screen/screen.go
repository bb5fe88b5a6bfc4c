// Package screen filters rows by conditions on their fields, such as
// "change_24h>5,volume_24h>=1e6,category=layer-1".
//
// A text has conditions separated by commas, all of which must hold. A condition is a
// field, an operator and a value: > >= < <= = != for numbers, = and != for words. Numbers
// are compared as exact decimals; an exponent is allowed (1e9). Words are compared without
// regard to case, and may be several with | between them: = wants one of them to be the
// field's, != none. A row in which a field has no value matches no condition on it, not
// even !=: what is not known is neither above nor below nor different.
//
// Pure: no I/O and no clock. The api fills in the rows.
package screen

import (
	"slices"
	"strings"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/money"
)

// The bounds of a text.
const (
	mostConditions = 20
	mostWords      = 50
)

// Field is something that rows may have.
type Field struct {
	Name string
	Word bool // its values are words; else numbers
	Doc  string
}

// Value is what a row has in a field. The zero value is none.
type Value struct {
	Known  bool
	Number money.Decimal
	Words  []string
}

// Number is a known number.
func Number(d money.Decimal) Value { return Value{Known: true, Number: d} }

// Float is a statistic with six decimals, as answers show it; what does not fit is none.
func Float(f float64) Value {
	d, err := money.FromFloat(f, 6)
	return Value{Known: err == nil, Number: d}
}

// Words are the words of a row; none is no value.
func Words(w ...string) Value { return Value{Known: len(w) > 0, Words: w} }

// Condition is one thing that must hold.
type Condition struct {
	Field  string
	Op     string // > >= < <= = !=
	Number money.Decimal
	Words  []string
}

// Filter is a text, read.
type Filter []Condition

// operators, the longer before those that they begin with.
var operators = []string{">=", "<=", "!=", ">", "<", "="}

// Parse reads a text. The empty one has no conditions: every row matches.
func Parse(text string, fields []Field) (Filter, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	var out Filter
	for part := range strings.SplitSeq(text, ",") {
		if len(out) == mostConditions {
			return nil, fault.New(fault.Invalid, "there are more than %d conditions", mostConditions)
		}
		c, err := condition(strings.TrimSpace(part), fields)
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}

func condition(text string, fields []Field) (Condition, error) {
	var c Condition
	at := strings.IndexAny(text, "><=!")
	if at > 0 {
		for _, op := range operators {
			if strings.HasPrefix(text[at:], op) {
				c.Op = op
				break
			}
		}
	}
	if c.Op == "" {
		return c, fault.New(fault.Invalid, "%q is no condition; write a field, an operator (> >= < <= = !=) and a value, such as change_24h>5", clip(text))
	}
	c.Field = strings.TrimSpace(text[:at])
	value := strings.TrimSpace(text[at+len(c.Op):])
	f, err := Find(c.Field, fields)
	if err != nil {
		return c, err
	}
	if f.Word {
		if c.Op != "=" && c.Op != "!=" {
			return c, fault.New(fault.Invalid, "%s is a word: compare it with = or !=", f.Name)
		}
		for w := range strings.SplitSeq(value, "|") {
			if w = strings.TrimSpace(w); w == "" || len(c.Words) == mostWords {
				return c, fault.New(fault.Invalid, "%q: give one word, or up to %d with | between them", clip(text), mostWords)
			}
			c.Words = append(c.Words, w)
		}
		return c, nil
	}
	if c.Number, err = money.Parse([]byte(value)); err != nil {
		return c, fault.New(fault.Invalid, "%q is no number to compare %s with; write 5, -2.5 or 1e9", clip(value), f.Name)
	}
	return c, nil
}

// Find gives a field by its name; the error lists those there are.
func Find(name string, fields []Field) (Field, error) {
	i := slices.IndexFunc(fields, func(f Field) bool { return f.Name == name })
	if i < 0 {
		var names []string
		for _, f := range fields {
			names = append(names, f.Name)
		}
		return Field{}, fault.New(fault.Invalid, "there is no field %q; there are: %s", clip(name), strings.Join(names, ", "))
	}
	return fields[i], nil
}

func clip(s string) string {
	if len(s) > 60 {
		return s[:60] + "..."
	}
	return s
}

// Match tells whether all conditions hold; get gives the row's value in a field.
func (f Filter) Match(get func(field string) Value) bool {
	for i := range f {
		if !f[i].holds(get(f[i].Field)) {
			return false
		}
	}
	return true
}

func (c *Condition) holds(v Value) bool {
	if !v.Known {
		return false
	}
	if c.Words != nil {
		has := slices.ContainsFunc(v.Words, func(w string) bool {
			return slices.ContainsFunc(c.Words, func(x string) bool { return strings.EqualFold(w, x) })
		})
		return has == (c.Op == "=")
	}
	d := v.Number.Cmp(c.Number)
	switch c.Op {
	case ">":
		return d > 0
	case ">=":
		return d >= 0
	case "<":
		return d < 0
	case "<=":
		return d <= 0
	case "!=":
		return d != 0
	}
	return d == 0
}

// Compare orders two values of a field: descending has the greatest first. What has no
// value comes last either way.
func Compare(a, b Value, descending bool) int {
	switch {
	case !a.Known && !b.Known:
		return 0
	case !a.Known:
		return 1
	case !b.Known:
		return -1
	}
	d := a.Number.Cmp(b.Number)
	if a.Words != nil || b.Words != nil {
		d = slices.Compare(a.Words, b.Words)
	}
	if descending {
		return -d
	}
	return d
}
