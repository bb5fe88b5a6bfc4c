// Package dump reads market data that others have written to files: the public
// dumps of exchanges and data vendors, and our own CSV export.
//
// It says what stands in a file as trades, quotes or candles, exactly: decimals
// keep their text, times their precision (seconds, milliseconds, microseconds or
// nanoseconds, told apart by their size). It never stores anything, never guesses
// a number that a spreadsheet has rounded, and never drops a row in silence: a row
// that cannot be read is yielded as a *RowError that says where, what and how to
// fix it, is counted, and reading goes on. Any other error ends the sequence.
// .gz and .zip are opened. The backfill command and tests call it.
package dump

import (
	"archive/zip"
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
)

// About is what a file may not say about itself.
type About struct {
	Venue market.VenueID // needed
	// Pair is what the file's symbol is to us. With a PairOf that knows the
	// symbols, files of many symbols can be read.
	Pair   market.Pair
	PairOf func(symbol string) (market.Pair, error)
	// Symbol is the venue's name; empty takes it from the rows or the file's name.
	Symbol string
	// Interval of candles; empty takes it from the rows or the file's name.
	Interval market.Interval
	// Known is the time the import began: candles carry it.
	Known time.Time
	// Format skips Sniff.
	Format Format
}

// RowError says that one row could not be read, and why.
type RowError struct {
	File   string
	Line   int    // from 1, the header included; for JSON the number of the row
	Column int    // from 1; 0 where the whole row is meant
	Field  string // the column's name
	What   string // what is wrong
	Fix    string // what to do
}

// Error is all of it in one line.
func (e *RowError) Error() string {
	where := fmt.Sprintf("%s:%d", e.File, e.Line)
	if e.Column > 0 {
		where += fmt.Sprintf(":%d", e.Column)
	}
	if e.Field != "" {
		where += ": " + e.Field
	}
	return where + ": " + e.What + "; " + e.Fix
}

// A Reader reads one file, once. One goroutine uses it.
type Reader struct {
	// Format is what the file was found to be.
	Format Format
	// Good and Bad count the rows read so far.
	Good, Bad int64

	about  About
	layout *layout
	name   string
	in     *bufio.Reader
	close  []io.Closer
	used   bool
}

// headBytes is how much of a file Sniff gets to see.
const headBytes = 64 << 10

// Open opens the file at path.
func Open(path string, about About) (*Reader, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fault.Wrap(fault.Unknown, err, "the file %s cannot be opened", path)
	}
	i, err := f.Stat()
	if err == nil {
		var r *Reader
		if r, err = New(filepath.Base(path), f, i.Size(), about); err == nil {
			r.close = append(r.close, f)
			return r, nil
		}
	}
	return nil, errors.Join(err, f.Close())
}

// New reads from memory or an open file. name is the file's, for messages and
// because dumps often carry their symbol and interval in it.
func New(name string, in io.ReaderAt, size int64, about About) (*Reader, error) {
	if about.Venue == "" {
		return nil, fault.At(fault.Invalid, "venue", "say which venue %s is of", name)
	}
	r := &Reader{about: about, name: name}
	plain, err := r.unpack(io.NewSectionReader(in, 0, size), size)
	if err != nil {
		return nil, err
	}
	r.in = bufio.NewReaderSize(plain, headBytes)
	if bom, _ := r.in.Peek(3); bytes.Equal(bom, []byte("\xef\xbb\xbf")) {
		_, _ = r.in.Discard(3)
	}
	if r.Format = about.Format; r.Format == "" {
		head, err := r.in.Peek(headBytes)
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull) {
			return nil, r.broken(err)
		}
		if r.Format, err = Sniff(name, head); err != nil {
			return nil, err
		}
	}
	if r.layout = layoutOf(r.Format); r.layout == nil {
		return nil, fault.At(fault.Invalid, "format", "%q is no format of dumps; the formats are %s", r.Format, strings.Join(formatNames(), ", "))
	}
	if r.about.Pair == "" && r.about.PairOf == nil {
		return nil, fault.At(fault.Invalid, "pair", "say which pair %s is of", name)
	}
	if r.about.Symbol == "" && !r.layout.has("symbol") {
		r.about.Symbol = symbolIn(name)
	}
	if r.layout.channel == market.Candles && r.about.Interval == "" {
		r.about.Interval = intervalIn(name)
	}
	return r, nil
}

// unpack looks through .gz and .zip.
func (r *Reader) unpack(in *io.SectionReader, size int64) (io.Reader, error) {
	var magic [4]byte
	n, _ := in.ReadAt(magic[:], 0)
	switch {
	case n >= 2 && magic[0] == 0x1f && magic[1] == 0x8b:
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, r.broken(err)
		}
		return z, nil
	case n == 4 && string(magic[:]) == "PK\x03\x04":
		z, err := zip.NewReader(in, size)
		if err != nil {
			return nil, r.broken(err)
		}
		var files []*zip.File
		for _, f := range z.File {
			if !f.FileInfo().IsDir() && !strings.HasSuffix(f.Name, ".CHECKSUM") {
				files = append(files, f)
			}
		}
		if len(files) != 1 {
			return nil, fault.New(fault.Invalid, "%s holds %d files; unpack it and import them one by one", r.name, len(files))
		}
		f, err := files[0].Open()
		if err != nil {
			return nil, r.broken(err)
		}
		r.close = append(r.close, f)
		return f, nil
	}
	return in, nil
}

func (r *Reader) broken(err error) error {
	return fault.Wrap(fault.Invalid, err, "%s cannot be read to its end; it is damaged, download it again", r.name)
}

// Channel is what the file holds: trades, quotes or candles.
func (r *Reader) Channel() market.Channel { return r.layout.channel }

// Close closes the file.
func (r *Reader) Close() error {
	var err error
	for _, c := range r.close {
		err = errors.Join(err, c.Close())
	}
	return err
}

// symbolIn takes BTCUSDT out of a name such as BTCUSDT-1m-2024-01-01.zip.
func symbolIn(name string) string {
	for _, part := range strings.FieldsFunc(strings.ToUpper(name), func(c rune) bool { return c == '-' || c == '_' || c == '.' }) {
		if len(part) >= 5 && strings.Trim(part, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == "" && strings.Trim(part, "0123456789") != "" && !notSymbols[part] {
			return part
		}
	}
	return ""
}

// notSymbols are words of file names that look like symbols.
var notSymbols = map[string]bool{"BINANCE": true, "BYBIT": true, "VISION": true, "TRADES": true, "AGGTRADES": true, "KLINES": true, "FREQTRADE": true, "TARDIS": true, "QUOTES": true, "TICKS": true, "PUBLIC": true, "CANDLES": true}

// intervalIn takes 1m out of the same.
func intervalIn(name string) market.Interval {
	for _, part := range strings.FieldsFunc(name, func(c rune) bool { return c == '-' || c == '_' || c == '.' }) {
		if i, err := market.ParseInterval(strings.Replace(part, "mo", "M", 1)); err == nil {
			return i
		}
	}
	return ""
}
