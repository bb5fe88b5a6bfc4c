package main

import (
	"bufio"
	"compress/gzip"
	"encoding/csv"
	"errors"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/assayhq/assay/fault"
)

// barColumns are those that a file of bars must have, in any order; others are left alone.
var barColumns = []string{"ts_ms", "open", "high", "low", "close", "volume"}

// barRow is one bar of a file.
type barRow struct {
	line                           int
	ts                             int64 // start of the bar, milliseconds since 1970 UTC
	open, high, low, close, volume float64
}

// column gives a number of the bar by its column's name.
func (b *barRow) column(name string) (float64, bool) {
	switch name {
	case "ts":
		return float64(b.ts), true
	case "open":
		return b.open, true
	case "high":
		return b.high, true
	case "low":
		return b.low, true
	case "close":
		return b.close, true
	case "volume":
		return b.volume, true
	}
	return 0, false
}

// readBars reads a CSV file with a header line, plain or gzip, "-" for standard input,
// bar by bar. The error is Invalid and names the line and the column.
func readBars(path string, stdin io.Reader, each func(*barRow) error) error {
	in := stdin
	if path != "-" {
		f, err := os.Open(path)
		if errors.Is(err, os.ErrNotExist) {
			return fault.New(fault.Unknown, "there is no file %s", path)
		} else if err != nil {
			return fault.Wrap(fault.Invalid, err, "%s cannot be read: %v", path, err)
		}
		defer f.Close()
		in = f
	}
	buf := bufio.NewReaderSize(in, 1<<16)
	if head, _ := buf.Peek(2); len(head) == 2 && head[0] == 0x1f && head[1] == 0x8b {
		z, err := gzip.NewReader(buf)
		if err != nil {
			return fault.Wrap(fault.Invalid, err, "%s is no gzip file", path)
		}
		defer z.Close()
		buf = bufio.NewReaderSize(z, 1<<16)
	}
	r := csv.NewReader(buf)
	r.ReuseRecord = true
	r.TrimLeadingSpace = true
	head, err := r.Read()
	if err == io.EOF {
		return fault.New(fault.Invalid, "%s is empty: its first line names the columns %s", path, strings.Join(barColumns, ","))
	}
	if err != nil {
		return fault.Wrap(fault.Invalid, err, "%s: %v", path, err)
	}
	var at [6]int
	for i, name := range barColumns {
		at[i] = slices.IndexFunc(head, func(s string) bool {
			return strings.EqualFold(strings.TrimSpace(strings.TrimPrefix(s, "\ufeff")), name)
		})
		if at[i] < 0 {
			return fault.New(fault.Invalid, "%s has no column %s: its first line names the columns %s", path, name, strings.Join(barColumns, ","))
		}
	}
	var b barRow
	first, last := true, int64(0)
	for {
		row, err := r.Read()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fault.Wrap(fault.Invalid, err, "%s: %v", path, err)
		}
		b.line, _ = r.FieldPos(0)
		if b.ts, err = strconv.ParseInt(row[at[0]], 10, 64); err != nil {
			return fault.New(fault.Invalid, "%s line %d: ts_ms is a whole number of milliseconds, not %q", path, b.line, clipCell(row[at[0]]))
		}
		if !first && b.ts <= last {
			return fault.New(fault.Invalid, "%s line %d: ts_ms %d is not after the bar before (%d); sort the file and drop doubles", path, b.line, b.ts, last)
		}
		first, last = false, b.ts
		for i, to := range []*float64{&b.open, &b.high, &b.low, &b.close, &b.volume} {
			x, err := strconv.ParseFloat(row[at[i+1]], 64)
			if err != nil || math.IsNaN(x) || math.IsInf(x, 0) {
				return fault.New(fault.Invalid, "%s line %d: %s is a finite number, not %q", path, b.line, barColumns[i+1], clipCell(row[at[i+1]]))
			}
			*to = x
		}
		if err := each(&b); err != nil {
			return err
		}
	}
}

func clipCell(s string) string {
	if len(s) > 30 {
		return s[:30] + "..."
	}
	return s
}
