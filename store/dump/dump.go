// Package dump reads market data that others have written to files: the public
// dumps of exchanges and data vendors, and our own CSV exports.
//
// It says what stands in a file as trades, quotes or candles, exactly: decimals
// keep their text, times their precision (seconds, milliseconds, microseconds or
// nanoseconds, told apart by their size). It never stores anything, never guesses
// a number that a spreadsheet has rounded, and never drops a row in silence: a row
// that cannot be read is yielded as a *RowError that says where, what and how to
// fix it, is counted, and reading goes on. Any other error ends the sequence. A
// file is streamed: memory does not grow with it, nor with what is wrong in it.
// .gz and .zip are opened. The import command and tests call it.
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

// Options say what a file may not say about itself, and how it is read.
type Options struct {
	Venue market.VenueID // needed
	Pair  market.Pair    // needed: what the file's symbol is to us
	// Interval of candles; empty takes it from the file's Hint or its rows.
	Interval market.Interval
	// Known is the time the import began: candles carry it.
	Known time.Time
	// Rows is how many rows make a batch. 0 means 5,000.
	Rows int
}

// RowError says that one row could not be read, and why.
type RowError struct {
	File   string
	Line   int    // from 1, the header included; for JSON the number of the row
	Column int    // in bytes, from 1; 0 where the whole row is meant
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

// A File is one dump, read once. One goroutine uses it.
type File struct {
	// Format is what the file was found to be.
	Format Format
	// Hint is what it says about itself.
	Hint Hint
	// Good and Bad count the rows read so far.
	Good, Bad int64

	layout *layout
	name   string
	in     *bufio.Reader
	close  []io.Closer
	used   bool

	// While it is read:
	into   Options
	symbol string
}

// headBytes is how much of a file is looked at before it is read, and how long a
// row may be: the longest of any format is a hundredth of it.
const headBytes = 64 << 10

// Open opens the file at path.
func Open(path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "the file %s cannot be opened", path)
	}
	i, err := f.Stat()
	switch {
	case err != nil:
		err = fault.Wrap(fault.Unavailable, err, "the file %s cannot be read", path)
	case !i.Mode().IsRegular():
		err = fault.New(fault.Invalid, "%s is no file", path)
	default:
		var d *File
		if d, err = New(filepath.Base(path), f, i.Size()); err == nil {
			d.close = append(d.close, f)
			return d, nil
		}
	}
	return nil, errors.Join(err, f.Close())
}

// New reads from memory or an open file. name is the file's, for messages and
// because dumps often carry their symbol and interval in it.
func New(name string, in io.ReaderAt, size int64) (*File, error) {
	f := &File{name: name}
	plain, err := f.unpack(io.NewSectionReader(in, 0, size), size)
	if err == nil {
		err = f.begin(plain)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func (f *File) begin(plain io.Reader) error {
	f.in = bufio.NewReaderSize(plain, headBytes)
	if bom, _ := f.in.Peek(3); bytes.Equal(bom, []byte("\xef\xbb\xbf")) {
		_, _ = f.in.Discard(3)
	}
	head, err := f.in.Peek(headBytes)
	if err != nil && !errors.Is(err, io.EOF) && (len(head) == 0 || !errors.Is(err, io.ErrUnexpectedEOF)) {
		return f.broken(err)
	}
	if f.Format, err = Sniff(f.name, head); err != nil {
		return err
	}
	f.layout = layoutOf(f.Format)
	f.Hint = f.look(head)
	return nil
}

// unpack looks through .gz and .zip.
func (f *File) unpack(in *io.SectionReader, size int64) (io.Reader, error) {
	var magic [4]byte
	n, _ := in.ReadAt(magic[:], 0)
	switch {
	case n >= 2 && magic[0] == 0x1f && magic[1] == 0x8b:
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, f.broken(err)
		}
		return z, nil
	case n == 4 && string(magic[:]) == "PK\x03\x04":
		z, err := zip.NewReader(in, size)
		if err != nil {
			return nil, f.broken(err)
		}
		var files []*zip.File
		for _, e := range z.File {
			if !e.FileInfo().IsDir() && !strings.HasSuffix(e.Name, ".CHECKSUM") {
				files = append(files, e)
			}
		}
		if len(files) != 1 {
			return nil, fault.New(fault.Invalid, "%s holds %d files; unpack it and import them one by one", f.name, len(files))
		}
		e, err := files[0].Open()
		if err != nil {
			return nil, f.broken(err)
		}
		f.close = append(f.close, e)
		return e, nil
	}
	return in, nil
}

func (f *File) broken(err error) error {
	return fault.Wrap(fault.Invalid, err, "%s cannot be read to its end; it is damaged, download it again", f.name)
}

// Name is the file's, without its folder.
func (f *File) Name() string { return f.name }

// Channel is what the file holds: trades, quotes or candles.
func (f *File) Channel() market.Channel { return f.layout.channel }

// Close closes the file.
func (f *File) Close() error {
	var err error
	for _, c := range f.close {
		err = errors.Join(err, c.Close())
	}
	return err
}
