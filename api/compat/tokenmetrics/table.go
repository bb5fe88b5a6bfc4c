package tokenmetrics

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/assayhq/assay/money"
)

// field is one column of a path: its name in version 2 and in version 3, and how its value
// is written as JSON. A column without a name in a version is not part of it.
type field[R any] struct {
	v2, v3 string
	put    func(b []byte, r *R) []byte
}

// of makes a field whose name in version 3 follows from the one in version 2.
func of[R any](name string, put func([]byte, *R) []byte) field[R] {
	return field[R]{name, snake(name), put}
}

// snake is version 3's spelling: lower case, with an underscore between a number and a
// capital letter, so VOLUME_24H is volume_24_h but TM_GRADE_24h is tm_grade_24h.
func snake(name string) string {
	b := make([]byte, 0, len(name)+4)
	for i := range len(name) {
		c := name[i]
		if c >= 'A' && c <= 'Z' && i > 0 && name[i-1] >= '0' && name[i-1] <= '9' {
			b = append(b, '_')
		}
		b = append(b, c)
	}
	return strings.ToLower(string(b))
}

// table is rows that can be written in any of the forms.
type table struct {
	names []string
	rows  int
	// put writes the value of a row's column as JSON.
	put func(b []byte, row, col int) []byte
}

// tabulate chooses the columns of a version.
func tabulate[R any](version string, fields []field[R], rows []R) table {
	t := table{rows: len(rows)}
	var puts []func([]byte, *R) []byte
	for _, f := range fields {
		name := f.v2
		if version == "v3" {
			name = f.v3
		}
		if name != "" {
			t.names = append(t.names, name)
			puts = append(puts, f.put)
		}
	}
	t.put = func(b []byte, row, col int) []byte { return puts[col](b, &rows[row]) }
	return t
}

// nothing is a table of the given columns without rows.
func nothing(version string, names ...string) table {
	var fields []field[struct{}]
	for _, n := range names {
		fields = append(fields, of[struct{}](n, nil))
	}
	return tabulate(version, fields, nil)
}

// json appends the rows as an array of objects; with quoted, numbers are strings.
func (t *table) json(b []byte, quoted bool) []byte {
	b = append(b, '[')
	keys := t.keys()
	for r := range t.rows {
		if r > 0 {
			b = append(b, ',')
		}
		b = t.object(b, keys, r, quoted)
	}
	return append(b, ']')
}

// keys are the names as they begin a member.
func (t *table) keys() []string {
	keys := make([]string, len(t.names))
	for i, n := range t.names {
		keys[i] = string(append(appendText(nil, n), ':'))
	}
	return keys
}

func (t *table) object(b []byte, keys []string, r int, quoted bool) []byte {
	b = append(b, '{')
	for c, k := range keys {
		if c > 0 {
			b = append(b, ',')
		}
		b = append(b, k...)
		from := len(b)
		b = t.put(b, r, c)
		if quoted && len(b) > from && (b[from] == '-' || b[from] >= '0' && b[from] <= '9') {
			b = append(b, 0, '"')
			copy(b[from+1:], b[from:len(b)-2])
			b[from] = '"'
			b[len(b)-1] = '"'
		}
	}
	return append(b, '}')
}

// lines appends one object a line.
func (t *table) lines(b []byte, quoted bool) []byte {
	keys := t.keys()
	for r := range t.rows {
		b = append(t.object(b, keys, r, quoted), '\n')
	}
	return b
}

// csv appends the rows as RFC 4180 says; what is nested stays JSON, what is unknown is empty.
func (t *table) csv(b []byte) []byte {
	for i, n := range t.names {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, n...)
	}
	b = append(b, '\n')
	var cell []byte
	for r := range t.rows {
		for c := range t.names {
			if c > 0 {
				b = append(b, ',')
			}
			cell = t.put(cell[:0], r, c)
			b = appendCSV(b, bare(cell))
		}
		b = append(b, '\n')
	}
	return b
}

func appendCSV(b []byte, s string) []byte {
	if !strings.ContainsAny(s, ",\"\r\n") {
		return append(b, s...)
	}
	return append(append(append(b, '"'), strings.ReplaceAll(s, `"`, `""`)...), '"')
}

// xml appends the rows as elements. A name that no element may have becomes a field.
func (t *table) xml(b []byte) []byte {
	var cell []byte
	for r := range t.rows {
		b = append(b, "<row>"...)
		for c, n := range t.names {
			cell = t.put(cell[:0], r, c)
			open, end := "<"+n+">", "</"+n+">"
			if n[0] >= '0' && n[0] <= '9' {
				open, end = `<field name="`+n+`">`, "</field>"
			}
			var text bytes.Buffer
			xml.EscapeText(&text, []byte(bare(cell))) //nolint:errcheck // a buffer takes everything
			b = append(append(append(b, open...), text.Bytes()...), end...)
		}
		b = append(b, "</row>"...)
	}
	return b
}

// bare is a JSON value as plain text.
func bare(cell []byte) string {
	switch {
	case string(cell) == "null":
		return ""
	case len(cell) > 0 && cell[0] == '"':
		var s string
		if json.Unmarshal(cell, &s) == nil {
			return s
		}
	}
	return string(cell)
}

// appendText appends a JSON string.
func appendText(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' || c >= 0x7f {
			j, err := json.Marshal(s)
			if err != nil {
				return append(b, `""`...)
			}
			return append(b, j...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}

func appendDecimal(b []byte, d *money.Decimal) []byte {
	if d == nil {
		return append(b, "null"...)
	}
	return d.Append(b)
}

// appendFloat appends a statistic with at most so many decimals; what is no number is null.
func appendFloat(b []byte, v *float64, decimals int) []byte {
	if v == nil || math.IsNaN(*v) || math.IsInf(*v, 0) {
		return append(b, "null"...)
	}
	s := strconv.AppendFloat(nil, *v, 'f', decimals, 64)
	if bytes.IndexByte(s, '.') >= 0 {
		s = bytes.TrimRight(bytes.TrimRight(s, "0"), ".")
	}
	if string(s) == "-0" {
		s = s[1:]
	}
	return append(b, s...)
}

// timeForm is how the other API writes times.
const timeForm = "2006-01-02T15:04:05.000Z"

func appendTime(b []byte, t time.Time) []byte {
	if t.IsZero() {
		return append(b, "null"...)
	}
	b = append(b, '"')
	return append(t.UTC().AppendFormat(b, timeForm), '"')
}

func appendNull[R any](b []byte, _ *R) []byte { return append(b, "null"...) }
