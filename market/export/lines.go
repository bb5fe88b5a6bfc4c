package export

import (
	"io"
	"math"
	"strconv"
	"time"
	"unicode/utf8"
)

// file is a format at work. close writes what comes last; without it the file is not whole.
type file interface {
	write(b *batch) error
	close() error
}

func newFile(w io.Writer, r *Request, t table, notes map[string]string) (file, error) {
	switch r.Format {
	case Parquet:
		return newParquet(w, t, notes)
	case Arrow:
		return newArrow(w, t, notes)
	}
	l := &lines{w: w, json: r.Format == NDJSON}
	if !l.json {
		for i, c := range t {
			if i > 0 {
				l.buf = append(l.buf, ',')
			}
			l.buf = appendCSV(l.buf, c.name)
		}
		l.buf = append(l.buf, "\r\n"...)
	}
	return l, nil
}

// lines are CSV and NDJSON: decimals with the digits they are stored with, as strings in
// JSON, because its readers make floats of numbers.
type lines struct {
	w    io.Writer
	json bool
	buf  []byte
	date dates
}

func (l *lines) write(b *batch) error {
	for row := range b.rows {
		for i := range b.cols {
			v := &b.cols[i]
			switch {
			case !l.json && i > 0:
				l.buf = append(l.buf, ',')
			case l.json && i == 0:
				l.buf = append(appendJSON(append(l.buf, '{'), v.name), ':')
			case l.json:
				l.buf = append(appendJSON(append(l.buf, ','), v.name), ':')
			}
			switch {
			case !v.null || v.has[row]:
				l.value(v, row)
			case l.json:
				l.buf = append(l.buf, "null"...)
			}
		}
		if l.json {
			l.buf = append(l.buf, "}\n"...)
		} else {
			l.buf = append(l.buf, "\r\n"...)
		}
		if len(l.buf) >= 1<<16 {
			if err := l.flush(); err != nil {
				return err
			}
		}
	}
	return l.flush()
}

func (l *lines) flush() error {
	_, err := l.w.Write(l.buf)
	l.buf = l.buf[:0]
	return err
}

func (l *lines) close() error { return l.flush() }

func (l *lines) value(v *vector, row int) {
	switch v.kind {
	case text:
		if l.json {
			l.buf = appendJSON(l.buf, v.text[row])
		} else {
			l.buf = appendCSV(l.buf, v.text[row])
		}
	case stamp:
		if l.json {
			l.buf = append(l.date.append(append(l.buf, '"'), v.num[row]), '"')
		} else {
			l.buf = l.date.append(l.buf, v.num[row])
		}
	case amount:
		if l.json {
			l.buf = append(v.dec[row].Append(append(l.buf, '"')), '"')
		} else {
			l.buf = v.dec[row].Append(l.buf)
		}
	case count:
		l.buf = strconv.AppendInt(l.buf, v.num[row], 10)
	case real:
		l.buf = appendFloat(l.buf, v.real[row])
	case flag:
		l.buf = strconv.AppendBool(l.buf, v.flags[row])
	}
}

// appendFloat writes the shortest form that reads back the same.
func appendFloat(b []byte, x float64) []byte {
	if a := math.Abs(x); a != 0 && (a < 1e-6 || a >= 1e21) {
		return strconv.AppendFloat(b, x, 'e', -1, 64)
	}
	return strconv.AppendFloat(b, x, 'f', -1, 64)
}

// dates writes times; rows of one day share the date's text.
type dates struct {
	day  int64
	text []byte
}

const dayMillis = 24 * 60 * 60 * 1000

// append writes 2026-01-31T12:00:00.000Z.
func (d *dates) append(b []byte, ms int64) []byte {
	day := ms / dayMillis
	if ms%dayMillis < 0 {
		day--
	}
	if day != d.day || d.text == nil {
		d.day = day
		d.text = time.UnixMilli(day*dayMillis).UTC().AppendFormat(d.text[:0], "2006-01-02T")
	}
	ms -= day * dayMillis
	b = append(b, d.text...)
	two := func(n int64, then byte) { b = append(b, byte('0'+n/10), byte('0'+n%10), then) }
	two(ms/3_600_000, ':')
	two(ms/60_000%60, ':')
	two(ms/1000%60, '.')
	ms %= 1000
	return append(b, byte('0'+ms/100), byte('0'+ms/10%10), byte('0'+ms%10), 'Z')
}

// appendCSV quotes where RFC 4180 wants it.
func appendCSV(b []byte, s string) []byte {
	plain := true
	for i := range len(s) {
		c := s[i]
		plain = plain && c != ',' && c != '"' && c != '\r' && c != '\n'
	}
	if plain {
		return append(b, s...)
	}
	b = append(b, '"')
	for i := range len(s) {
		if s[i] == '"' {
			b = append(b, '"')
		}
		b = append(b, s[i])
	}
	return append(b, '"')
}

// appendJSON writes a string; what is not UTF-8 becomes the replacement character.
func appendJSON(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for _, c := range s {
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', byte(c))
		case c < 0x20:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		case c == utf8.RuneError:
			b = append(b, "\ufffd"...)
		default:
			b = utf8.AppendRune(b, c)
		}
	}
	return append(b, '"')
}
