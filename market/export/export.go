// Package export writes the history as files that data tools read: candles and trades as
// Parquet, Arrow, CSV and NDJSON, with when each thing happened, when it was known here,
// and indicators beside the candles.
//
// An Export is opened for a Request over a Source, says how large it will be (Estimate),
// and is run once into a writer; Progress can be asked for meanwhile by others. It reads
// window by window and writes batch by batch, so its memory does not grow with the range.
//
// What always holds: prices and amounts are exact in every format unless floats were
// asked for; what is not known is null, never zero; times are UTC in milliseconds, and
// the time from which a row was known is never told earlier than it was; rows of a series
// come oldest first, series one after the other as they were asked for; a run that fails
// has not finished the file. It never judges or repairs a value, and opens no file or
// connection itself.
//
// api streams exports over HTTP, the command line writes them to disk.
package export

import (
	"context"
	"io"
	"iter"
	"maps"
	"sync/atomic"
	"time"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
)

// Format is a kind of file.
type Format string

// The formats.
const (
	Parquet Format = "parquet" // zstd, row groups of up to 262,144 rows
	Arrow   Format = "arrow"   // Arrow IPC file, which pandas calls Feather, zstd
	CSV     Format = "csv"     // RFC 4180 with a line of names
	NDJSON  Format = "ndjson"  // one JSON object a line
)

// Formats lists them.
func Formats() []Format { return []Format{Parquet, Arrow, CSV, NDJSON} }

// Media is the format's media type.
func (f Format) Media() string {
	switch f {
	case Parquet:
		return "application/vnd.apache.parquet"
	case Arrow:
		return "application/vnd.apache.arrow.file"
	case CSV:
		return "text/csv; charset=utf-8"
	}
	return "application/x-ndjson"
}

// Request is what to export.
type Request struct {
	Channel  market.Channel  // Candles or Trades
	Series   []market.Series // in the order of the file; at most 1,000
	Interval market.Interval // of candles
	From, To time.Time       // From inclusive, To exclusive; zero: as far as there is something
	// KnownBefore leaves out every row that was not known here before that time, or of
	// which that is not known. A candle that was corrected later is told as it was then.
	KnownBefore time.Time
	Format      Format
	Float       bool // prices and amounts as binary floating point, which is not exact
	Indicators  []Indicator
	// Notes are what else the file is to say about itself, such as that its data is
	// simulated. Parquet and Arrow files have a place for them, the others have not.
	Notes map[string]string
}

// History is what an export needs of a market.History.
type History interface {
	Trades(ctx context.Context, s market.Series, r market.Range) iter.Seq2[market.Trade, error]
	Series(ctx context.Context) ([]market.Stored, error)
}

// Source is where rows come from.
type Source struct {
	History History
	Candles market.CandleReader
	Now     func() time.Time // the time of the data
}

// Export is one request on its way. Run it once.
type Export struct {
	src    Source
	req    Request
	parts  []part
	size   Estimate
	table  table
	begun  atomic.Int64 // nanoseconds of the wall clock; 0 before Run
	rows   atomic.Int64
	left   atomic.Int64
	bytes  atomic.Int64
	finish atomic.Bool
}

// part is one series with the range of it that is worth reading.
type part struct {
	market.Series
	from, to time.Time
	rows     int64 // about
}

// Summary is what was written.
type Summary struct {
	Rows    int64 `json:"rows"`
	LeftOut int64 `json:"left_out"` // trades not known before Request.KnownBefore, and rows of which that is unknown
	Bytes   int64 `json:"bytes"`
}

const maxSeries = 1000

// Open checks a request, finds out what there is of it, and estimates its size. The error
// is Invalid for a request that cannot be met and Unknown when nothing is stored of any
// of its series.
func Open(ctx context.Context, src Source, req Request) (*Export, error) {
	if err := req.check(); err != nil {
		return nil, err
	}
	e := &Export{src: src, req: req, table: newTable(&req)}
	stored, err := src.History.Series(ctx)
	if err != nil {
		return nil, err
	}
	for _, s := range req.Series {
		if p, ok := e.part(s, stored); ok {
			e.parts = append(e.parts, p)
		}
	}
	if len(e.parts) == 0 {
		s := req.Series[0]
		return nil, fault.At(fault.Unknown, "pair", "no %s of %s at %s are stored; `assay import` and a running server store them", req.Channel, s.Pair, s.Venue)
	}
	if e.size, err = e.estimate(ctx); err != nil {
		return nil, err
	}
	return e, nil
}

func (r *Request) check() error {
	switch {
	case r.Channel != market.Candles && r.Channel != market.Trades:
		return fault.At(fault.Invalid, "channel", "candles and trades can be exported, not %q", r.Channel)
	case len(r.Series) == 0:
		return fault.At(fault.Invalid, "pair", "name a pair, such as BTC-USD")
	case len(r.Series) > maxSeries:
		return fault.At(fault.TooLarge, "pair", "%d series; an export has at most %d", len(r.Series), maxSeries)
	case !r.From.IsZero() && !r.To.IsZero() && !r.From.Before(r.To):
		return fault.At(fault.Invalid, "end", "end is not after start; start is inclusive and end exclusive")
	case r.Channel == market.Trades && (r.Interval != "" || len(r.Indicators) > 0):
		return fault.At(fault.Invalid, "interval", "trades have no interval and no indicators")
	}
	if r.Format != Parquet && r.Format != Arrow && r.Format != CSV && r.Format != NDJSON {
		return fault.At(fault.Unaccepted, "format", "there is no format %.20q; there are parquet, arrow, csv and ndjson", string(r.Format))
	}
	if r.Channel == market.Candles {
		if _, err := market.ParseInterval(string(r.Interval)); err != nil {
			return err
		}
	}
	return nil
}

// Run writes the file. When it fails, or ctx ends, what was written is no whole file. An
// error of w is Unavailable.
func (e *Export) Run(ctx context.Context, w io.Writer) (Summary, error) {
	e.begun.Store(time.Now().UnixNano())
	err := e.write(ctx, &counter{w: w, n: &e.bytes})
	if err == nil {
		e.finish.Store(true)
	}
	return Summary{e.rows.Load(), e.left.Load(), e.bytes.Load()}, err
}

// write reads in a goroutine of its own while it encodes: batches go round between them.
func (e *Export) write(ctx context.Context, w io.Writer) error {
	f, err := newFile(w, &e.req, e.table, e.notes())
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	full, empty := make(chan *batch, 2), make(chan *batch, 3)
	for range cap(empty) {
		empty <- newBatch(e.table)
	}
	failed := make(chan error, 1)
	go func() {
		defer close(full)
		failed <- e.read(ctx, full, empty)
	}()
	defer func() { // the reader never outlives us
		cancel()
		for range full {
		}
	}()
	for b := range full {
		if err := f.write(b); err != nil {
			return broken(err)
		}
		e.rows.Add(int64(b.rows))
		b.reset()
		empty <- b
	}
	if err := <-failed; err != nil {
		return err
	}
	return broken(f.close())
}

// notes are what the file says about itself, where the format has a place for it.
func (e *Export) notes() map[string]string {
	n := map[string]string{"assay.channel": string(e.req.Channel)}
	maps.Copy(n, e.req.Notes)
	if !e.req.KnownBefore.IsZero() {
		n["assay.known_before"] = e.req.KnownBefore.UTC().Format(time.RFC3339Nano)
	}
	return n
}

func broken(err error) error {
	if err == nil {
		return nil
	}
	return fault.Wrap(fault.Unavailable, err, "the export could not be written: %v", err)
}

// counter counts what was written.
type counter struct {
	w io.Writer
	n *atomic.Int64
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n.Add(int64(n))
	return n, err
}
