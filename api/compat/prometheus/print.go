package prometheus

import (
	"strconv"
	"strings"
	"time"
)

// The texts below are what format_query answers; parsing one gives the same expression.

func (n num) String() string { return strconv.FormatFloat(n.v, 'f', -1, 64) }
func (s str) String() string { return strconv.Quote(s.v) }

func (s *selector) String() string {
	var b strings.Builder
	b.WriteString(s.name)
	if len(s.matchers) > 0 {
		b.WriteByte('{')
		for i, m := range s.matchers {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(m.label + m.op + strconv.Quote(m.value))
		}
		b.WriteByte('}')
	}
	if s.over > 0 {
		b.WriteString("[" + span(s.over) + "]")
	}
	switch {
	case s.offset > 0:
		b.WriteString(" offset " + span(s.offset))
	case s.offset < 0:
		b.WriteString(" offset -" + span(-s.offset))
	}
	return b.String()
}

// span writes a duration as PromQL reads it.
func span(d time.Duration) string {
	if d == 0 {
		return "0s"
	}
	out := ""
	for i := len(units) - 1; i >= 0; i-- {
		if n := d / units[i].d; n > 0 {
			out += strconv.FormatInt(int64(n), 10) + units[i].name
			d -= n * units[i].d
		}
	}
	return out
}

func list(args []expr) string {
	parts := make([]string, len(args))
	for i, a := range args {
		parts[i] = a.String()
	}
	return "(" + strings.Join(parts, ", ") + ")"
}

func (c *call) String() string { return c.name + list(c.args) }

func (a *aggregate) String() string {
	s := a.op
	if a.grouped {
		word := " by ("
		if a.without {
			word = " without ("
		}
		s += word + strings.Join(a.by, ", ") + ") "
	}
	if a.param != nil {
		return s + list([]expr{a.param, a.of})
	}
	return s + list([]expr{a.of})
}

func (b *binary) String() string {
	op := b.op
	if b.boolean {
		op += " bool"
	}
	if b.matching {
		word := " ignoring ("
		if b.on {
			word = " on ("
		}
		op += word + strings.Join(b.labels, ", ") + ")"
	}
	return operand(b.l) + " " + op + " " + operand(b.r)
}

func operand(e expr) string {
	switch e.(type) {
	case *binary, *negate:
		return "(" + e.String() + ")"
	}
	return e.String()
}

func (n *negate) String() string { return "-" + operand(n.of) }
