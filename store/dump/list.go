package dump

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// A list gives the rows of a JSON list of lists. It finds where a row ends by its
// brackets, so that one that is no JSON does not spoil the next.
type list struct {
	f     *File
	row   int
	begun bool
	ended bool
	buf   []byte
}

var errNoEnd = errors.Join(errors.New("the list does not end"), io.ErrUnexpectedEOF)

func (l *list) next(w *row) error {
	if l.ended {
		return io.EOF
	}
	c, err := l.byte()
	if err == nil && !l.begun {
		l.begun = true // c is the opening bracket: Sniff has seen it
		if c, err = l.byte(); err == nil && c == ']' {
			return l.end(w)
		}
	} else if err == nil {
		if c == ']' {
			return l.end(w)
		}
		if c != ',' {
			return fmt.Errorf("row %d is followed by %q, not by a comma", l.row, c)
		}
		c, err = l.byte()
	}
	if err != nil {
		return noEnd(err)
	}
	l.row++
	w.line = l.row
	fits, err := l.element(c)
	switch {
	case err != nil:
		return noEnd(err)
	case !fits:
		return w.whole("a row is [time, id, type, side, price, amount, cost]", "this row is longer than %d kB", headBytes>>10)
	}
	return l.cells(w)
}

// cells reads the values of the row in l.buf.
func (l *list) cells(w *row) error {
	var values []any
	d := json.NewDecoder(bytes.NewReader(l.buf))
	d.UseNumber()
	if err := d.Decode(&values); err != nil {
		return w.whole("a row is [time, id, type, side, price, amount, cost]", "%s is no list", clip(string(l.buf), 60))
	}
	w.cells, w.starts = w.cells[:0], nil
	for _, v := range values {
		switch v := v.(type) {
		case nil:
			w.cells = append(w.cells, "")
		case string:
			w.cells = append(w.cells, v)
		default:
			w.cells = append(w.cells, fmt.Sprint(v))
		}
	}
	return w.enough("a row is [time, id, type, side, price, amount, cost]")
}

// end is after the closing bracket: nothing may follow.
func (l *list) end(w *row) error {
	l.ended = true
	c, err := l.byte()
	switch {
	case err == nil:
		w.line = l.row + 1
		return w.whole("give each list its own file", "the list has ended, and %q follows", c)
	default:
		return err
	}
}

// byte gives the next byte that is no space.
func (l *list) byte() (byte, error) {
	for {
		c, err := l.f.in.ReadByte()
		if err != nil || c != ' ' && c != '\t' && c != '\r' && c != '\n' {
			return c, err
		}
	}
}

func noEnd(err error) error {
	if errors.Is(err, io.EOF) {
		return errNoEnd
	}
	return err
}

// element reads one value that begins with c into l.buf; false when it is too long
// to be kept.
func (l *list) element(c byte) (fits bool, err error) {
	l.buf = l.buf[:0]
	fits = true
	depth, text, escaped := 0, false, false
	for ; ; c, err = l.f.in.ReadByte() {
		if err != nil {
			return false, err
		}
		switch {
		case escaped:
			escaped = false
		case text:
			escaped, text = c == '\\', c != '"'
		case c == '"':
			text = true
		case c == '[' || c == '{':
			depth++
		case depth == 0 && (c == ',' || c == ']'): // of the list around
			return fits, l.f.in.UnreadByte()
		case c == ']' || c == '}':
			depth--
		}
		if fits = fits && len(l.buf) < headBytes; fits {
			l.buf = append(l.buf, c)
		}
		if depth <= 0 && !text && (c == ']' || c == '}') {
			return fits, nil
		}
	}
}
