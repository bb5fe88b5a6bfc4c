package dump

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
)

// Trades yields the trades of the file in its order.
func (r *Reader) Trades() iter.Seq2[market.Trade, error] { return read(r, r.layout.trade) }

// Quotes yields the quotes of the file in its order.
func (r *Reader) Quotes() iter.Seq2[market.Quote, error] { return read(r, r.layout.quote) }

// Candles yields the candles of the file in its order.
func (r *Reader) Candles() iter.Seq2[market.Candle, error] { return read(r, r.layout.candle) }

// A row is one row on its way to a value. The first thing that is wrong with it
// is kept; what is read after that is zero.
type row struct {
	r      *Reader
	cells  []string
	places []int // of the layout's columns; nil when in order
	line   int
	column func(i int) int
	err    *RowError
}

func (w *row) place(name string) int {
	for i, c := range w.r.layout.columns {
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
	w.err = &RowError{File: w.r.name, Line: w.line, Field: name, What: fmt.Sprintf(what, args...), Fix: fix}
	if i := w.place(name); i >= 0 && i < len(w.cells) && w.column != nil {
		w.err.Column = w.column(i)
	}
}

// A source gives rows until io.EOF. A *RowError of a row it could not even cut
// into cells is not the end.
type source interface {
	next(w *row) error
}

func read[T any](r *Reader, build func(*Reader, *row) T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		switch {
		case build == nil:
			yield(none, fault.At(fault.Invalid, "format", "%s holds %s", r.name, r.layout.channel))
			return
		case r.used:
			yield(none, fault.New(fault.Conflict, "%s has been read; open it again", r.name))
			return
		}
		r.used = true
		var src source = &table{r: r}
		if r.Format == FreqtradeJSON {
			src = &list{r: r}
		}
		for {
			w := &row{r: r}
			err := src.next(w)
			if errors.Is(err, io.EOF) {
				return
			}
			var v T
			if err == nil {
				if v = build(r, w); w.err == nil {
					r.Good++
					if !yield(v, nil) {
						return
					}
					continue
				}
				err = w.err
			}
			var bad *RowError
			if !errors.As(err, &bad) {
				yield(none, r.broken(err))
				return
			}
			r.Bad++
			if !yield(none, bad) {
				return
			}
		}
	}
}

// A table gives the rows of CSV.
type table struct {
	r      *Reader
	csv    *csv.Reader
	places []int
}

func (t *table) next(w *row) error {
	first := t.csv == nil
	if first {
		t.csv = csv.NewReader(t.r.in)
		t.csv.FieldsPerRecord = -1
		t.csv.LazyQuotes = true
		t.csv.ReuseRecord = true
	}
	cells, err := t.csv.Read()
	if err != nil {
		var p *csv.ParseError
		if errors.As(err, &p) {
			return &RowError{File: t.r.name, Line: p.Line, Column: p.Column, What: p.Err.Error(), Fix: "mend the quotes of this row"}
		}
		return err
	}
	w.line, _ = t.csv.FieldPos(0)
	if first && isHeader(cells) {
		places, ok := t.r.layout.find(cells)
		if !ok {
			return &RowError{File: t.r.name, Line: w.line, What: fmt.Sprintf("the header is %s", clip(strings.Join(cells, ","), 200)), Fix: fmt.Sprintf("%s needs the columns %s", t.r.Format, strings.Join(t.r.layout.columns, ","))}
		}
		t.places = places
		return t.next(w)
	}
	w.cells, w.places = cells, t.places
	w.column = func(i int) int { _, c := t.csv.FieldPos(i); return c }
	if least := len(t.r.layout.columns) - t.r.layout.optional; t.places == nil && len(cells) < least {
		return &RowError{File: t.r.name, Line: w.line, What: fmt.Sprintf("%d columns", len(cells)), Fix: fmt.Sprintf("%s has at least %d: %s; the file may have been cut off", t.r.Format, least, strings.Join(t.r.layout.columns, ","))}
	}
	return nil
}

// A list gives the rows of a JSON list of lists.
type list struct {
	r       *Reader
	json    *json.Decoder
	row     int
	stopped bool
}

func (l *list) next(w *row) error {
	if l.stopped {
		return io.EOF
	}
	if l.json == nil {
		l.json = json.NewDecoder(l.r.in)
		l.json.UseNumber()
		if _, err := l.json.Token(); err != nil {
			return err
		}
	}
	l.row++
	w.line = l.row
	if !l.json.More() {
		l.stopped = true
		if _, err := l.json.Token(); err != nil { // the closing bracket
			return errors.Join(errors.New("the list does not end"), io.ErrUnexpectedEOF)
		}
		return io.EOF
	}
	var raw json.RawMessage
	if err := l.json.Decode(&raw); err != nil {
		l.stopped = true // there is no telling where the next row begins
		return fmt.Errorf("row %d: %w", l.row, errors.Join(err, io.ErrUnexpectedEOF))
	}
	var cells []any
	d := json.NewDecoder(strings.NewReader(string(raw)))
	d.UseNumber()
	if err := d.Decode(&cells); err != nil {
		return &RowError{File: l.r.name, Line: l.row, What: clip(string(raw), 60) + " is no list", Fix: "a row is [time, id, type, side, price, amount, cost]"}
	}
	if least := len(l.r.layout.columns) - l.r.layout.optional; len(cells) < least {
		return &RowError{File: l.r.name, Line: l.row, What: fmt.Sprintf("%d values", len(cells)), Fix: fmt.Sprintf("a row has at least %d: time, id, type, side, price, amount", least)}
	}
	for _, c := range cells {
		switch c := c.(type) {
		case nil:
			w.cells = append(w.cells, "")
		case string:
			w.cells = append(w.cells, c)
		default:
			w.cells = append(w.cells, fmt.Sprint(c))
		}
	}
	return nil
}
