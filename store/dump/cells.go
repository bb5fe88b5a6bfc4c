package dump

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
)

// A table gives the rows of CSV, one a line: no dump has a cell with a line break,
// and a quote that is never closed must cost one row, not the rest of the file.
type table struct {
	f      *File
	line   int
	begun  bool
	places []int
	cells  []string
	starts []int
}

func (t *table) next(w *row) error {
	for {
		text, err := t.read(w)
		if err != nil {
			return err
		}
		if strings.TrimSpace(text) == "" {
			continue // also what a last line break leaves behind
		}
		var closed bool
		if t.cells, t.starts, closed = cut(text, t.cells[:0], t.starts[:0]); !closed {
			t.begun = true
			return w.whole("close the quote or take it out", "a quote is opened and not closed")
		}
		if !t.begun {
			t.begun = true
			if isHeader(t.cells) {
				t.places, _ = t.f.layout.find(t.cells) // Sniff has found them all
				continue
			}
		}
		w.cells, w.starts, w.places = t.cells, t.starts, t.places
		return w.enough("the file may have been cut off")
	}
}

// read gives the next line without its end.
func (t *table) read(w *row) (string, error) {
	b, err := t.f.in.ReadSlice('\n')
	if len(b) == 0 && err != nil {
		return "", err
	}
	t.line++
	w.line = t.line
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = t.f.in.ReadSlice('\n')
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return "", err
		}
		return "", w.whole("the line breaks may be lost; download the file again", "this line is longer than %d kB", headBytes>>10)
	case err != nil && !errors.Is(err, io.EOF):
		return "", err
	}
	return string(bytes.TrimRight(b, "\r\n")), nil
}

// cut appends the cells of a line and where each begins; closed is false when a
// quote is not.
func cut(line string, cells []string, starts []int) (_ []string, _ []int, closed bool) {
	at := 0
	for {
		starts = append(starts, at+1)
		rest := line[at:]
		if strings.HasPrefix(rest, `"`) {
			text, n, ok := quoted(rest)
			if !ok {
				return cells, starts, false
			}
			tail, _, more := strings.Cut(rest[n:], ",")
			cells = append(cells, text+tail)
			at += n + len(tail) + 1
			if !more {
				return cells, starts, true
			}
			continue
		}
		text, _, more := strings.Cut(rest, ",")
		cells = append(cells, text)
		at += len(text) + 1
		if !more {
			return cells, starts, true
		}
	}
}

// quoted reads a cell in quotes, in which two quotes stand for one, and how long it is.
func quoted(s string) (text string, n int, ok bool) {
	for i := 1; i < len(s); i++ {
		if s[i] != '"' {
			continue
		}
		if i+1 < len(s) && s[i+1] == '"' {
			i++
			continue
		}
		return strings.ReplaceAll(s[1:i], `""`, `"`), i + 1, true
	}
	return "", 0, false
}
