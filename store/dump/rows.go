package dump

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
)

// Read yields the file's rows in their order, in batches. Each holds up to
// into.Rows rows and is good until the next is asked for. A *RowError stands for
// one row, without a batch; any other error is the last.
func (f *File) Read(into Options) iter.Seq2[*market.Batch, error] {
	return func(yield func(*market.Batch, error) bool) {
		if err := f.check(&into); err != nil {
			yield(nil, err)
			return
		}
		f.used, f.into = true, into
		src, w, b := f.source(), &row{f: f}, &market.Batch{}
		rows := 0
		for {
			err := f.next(src, w, b)
			switch bad := (*RowError)(nil); {
			case err == nil:
				f.Good++
				rows++
			case errors.As(err, &bad):
				f.Bad++
				if !yield(nil, bad) {
					return
				}
				continue
			}
			if rows == into.Rows || err != nil && rows > 0 {
				if !yield(b, nil) {
					return
				}
				b.Reset()
				rows = 0
			}
			if err != nil {
				if !errors.Is(err, io.EOF) {
					yield(nil, f.broken(err))
				}
				return
			}
		}
	}
}

func (f *File) check(into *Options) error {
	if into.Interval == "" {
		into.Interval = f.Hint.Interval
	}
	if into.Rows <= 0 {
		into.Rows = 5000
	}
	switch {
	case into.Venue == "":
		return fault.At(fault.Invalid, "venue", "say which venue %s is of", f.name)
	case into.Pair == "":
		return fault.At(fault.Invalid, "pair", "say which pair %s is of", f.name)
	case f.used:
		return fault.New(fault.Conflict, "%s has been read; open it again", f.name)
	}
	return nil
}

// next puts one row into b.
func (f *File) next(src source, w *row, b *market.Batch) error {
	w.err = nil
	if err := src.next(w); err != nil {
		return err
	}
	l := f.layout
	switch {
	case l.trade != nil:
		if t := l.trade(w); w.err == nil {
			b.Trades = append(b.Trades, t)
		}
	case l.quote != nil:
		if q := l.quote(w); w.err == nil {
			b.Quotes = append(b.Quotes, q)
		}
	default:
		if c := l.candle(w); w.err == nil {
			b.Candles = append(b.Candles, c)
		}
	}
	if w.err != nil {
		return w.err
	}
	return nil
}

// A row is one row on its way to a value. The first thing that is wrong with it
// is kept; what is read after that is zero.
type row struct {
	f      *File
	cells  []string
	starts []int // where the cells begin in the line, in bytes from 1; empty for JSON
	places []int // of the layout's columns; nil when in order
	line   int
	err    *RowError
}

func (w *row) place(name string) int {
	for i, c := range w.f.layout.columns {
		if c == name {
			if w.places != nil {
				return w.places[i]
			}
			return i
		}
	}
	return -1
}

// get gives the text of a column, "" where the row has none.
func (w *row) get(name string) string {
	if i := w.place(name); i >= 0 && i < len(w.cells) {
		return strings.TrimSpace(w.cells[i])
	}
	return ""
}

// bad says what is wrong with a column.
func (w *row) bad(name, fix, what string, args ...any) {
	if w.err != nil {
		return
	}
	w.err = &RowError{File: w.f.name, Line: w.line, Field: name, What: fmt.Sprintf(what, args...), Fix: fix}
	if i := w.place(name); i >= 0 && i < len(w.starts) {
		w.err.Column = w.starts[i]
	}
}

// whole says what is wrong with all of a row.
func (w *row) whole(fix, what string, args ...any) error {
	return &RowError{File: w.f.name, Line: w.line, What: fmt.Sprintf(what, args...), Fix: fix}
}

// enough checks that the columns that are needed are there.
func (w *row) enough(fix string) error {
	l := w.f.layout
	if least := len(l.columns) - l.optional; w.places == nil && len(w.cells) < least {
		return w.whole(fix, "%d columns, where %s has at least %d: %s", len(w.cells), l.format, least, strings.Join(l.columns[:least], ","))
	}
	return nil
}

// A source gives rows until io.EOF. A *RowError of a row it could not even cut
// into cells is not the end.
type source interface {
	next(w *row) error
}

func (f *File) source() source {
	if f.Format == FreqtradeJSON {
		return &list{f: f}
	}
	return &table{f: f}
}
