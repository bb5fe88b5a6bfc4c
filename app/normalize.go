package app

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"time"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/internal/capture"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/feed"
	"github.com/assayhq/assay/market/venue/all"
	"github.com/assayhq/assay/money"
)

// Summary is what `assay normalize --summary` prints.
type Summary struct {
	File  string         `json:"file"`
	Venue market.VenueID `json:"venue"`
	// Events counts what was written (or would be), by type.
	Events map[string]int64 `json:"events"`
	feed.Counts
	feed.BookCounts
	Records           int64   `json:"records"`
	Bytes             int64   `json:"bytes"`
	ReadSeconds       float64 `json:"read_seconds"` // reading, decompressing and unwrapping the recording
	Seconds           float64 `json:"seconds"`      // decoding, checking and keeping the books
	MessagesPerSecond float64 `json:"messages_per_second"`
}

// Intake makes the intake of a venue with the catalogue's asset names.
func Intake(id market.VenueID, cat *asset.Catalogue) (*feed.Intake, error) {
	d, ok := all.Driver(id)
	if !ok {
		return nil, fault.At(fault.Unknown, "venue", "no venue %q; known are %s", id, venueList())
	}
	return feed.NewIntake(d, func(symbol string) string { return string(cat.Normalize(string(id), symbol)) }), nil
}

func venueList() string {
	var b bytes.Buffer
	for i, d := range all.Drivers() {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(string(d.Spec.ID))
	}
	return b.String()
}

// NormalizeOptions says what Normalize prints.
type NormalizeOptions struct {
	Summary bool // only a summary at the end
	All     bool // instruments and notices too
}

// Normalize reads a recording and writes one JSON object a line for each event, or
// a summary. It stops only when the file itself cannot be read; frames that cannot
// be decoded are counted and written as errors.
func Normalize(ctx context.Context, id market.VenueID, path string, w io.Writer, opt NormalizeOptions) (Summary, error) {
	sum := Summary{File: path, Venue: id}
	cat, err := asset.Load()
	if err != nil {
		return sum, err
	}
	k, err := Intake(id, cat)
	if err != nil {
		return sum, err
	}
	r, err := capture.Open(path)
	if err != nil {
		return sum, fault.Wrap(fault.Invalid, err, "%s cannot be opened", path)
	}
	defer r.Close()
	tape := feed.Tape{Intake: k}
	out := bufio.NewWriterSize(w, 1<<16)
	var line []byte
	for {
		if ctx.Err() != nil {
			return sum, errors.Join(out.Flush(), ctx.Err())
		}
		t0 := time.Now()
		recs, rerr := chunk(r)
		t1 := time.Now()
		sum.ReadSeconds += t1.Sub(t0).Seconds()
		for i := range recs {
			rec := &recs[i]
			b, err := tape.Play(rec)
			if opt.Summary {
				continue
			}
			line = line[:0]
			if err != nil {
				line = appendError(line, rec.Line, id, err)
			}
			line = AppendEvents(line, rec.Line, b, opt.All)
			if _, err := out.Write(line); err != nil {
				return sum, err
			}
		}
		sum.Seconds += time.Since(t1).Seconds()
		for i := range recs {
			sum.Records++
			sum.Bytes += int64(len(recs[i].Data))
		}
		if errors.Is(rerr, io.EOF) {
			break
		}
		if rerr != nil {
			return sum, fault.Wrap(fault.Invalid, rerr, "%s: %v", path, rerr)
		}
	}
	sum.Counts, sum.BookCounts = k.Counts, k.BookCounts()
	sum.Events = map[string]int64{"trade": k.Counts.Trades, "quote": k.Counts.Quotes, "book": k.Counts.Books, "candle": k.Counts.Candles, "gap": k.Counts.Gaps}
	if sum.Seconds > 0 {
		sum.MessagesPerSecond = float64(sum.Messages) / sum.Seconds
	}
	if opt.Summary {
		b, err := json.Marshal(sum)
		if err != nil {
			return sum, err
		}
		out.Write(append(b, '\n'))
	}
	return sum, out.Flush()
}

// chunk reads records into memory of their own, so that decoding can be timed
// apart from reading: up to 4,096 or 32 MB.
func chunk(r *capture.Reader) ([]capture.Record, error) {
	var recs []capture.Record
	size := 0
	for len(recs) < 4096 && size < 32<<20 {
		var rec capture.Record
		if err := r.Next(&rec); err != nil {
			return recs, err
		}
		rec.Data = bytes.Clone(rec.Data)
		size += len(rec.Data)
		recs = append(recs, rec)
	}
	return recs, nil
}

func appendError(b []byte, line int64, v market.VenueID, err error) []byte {
	b = head(b, "error", line, v, "", "")
	b = key(b, "text", err.Error())
	return append(b, '}', '\n')
}

func head(b []byte, kind string, line int64, v market.VenueID, symbol string, p market.Pair) []byte {
	b = append(b, `{"type":"`...)
	b = append(b, kind...)
	b = append(b, `","line":`...)
	b = strconv.AppendInt(b, line, 10)
	b = key(b, "venue", string(v))
	b = key(b, "symbol", symbol)
	return key(b, "pair", string(p))
}

// key appends ,"name":"value".
func key(b []byte, name, value string) []byte {
	b = append(b, `,"`...)
	b = append(b, name...)
	b = append(b, `":`...)
	for i := range len(value) {
		if c := value[i]; c < ' ' || c == '"' || c == '\\' || c >= 0x7f {
			q, _ := json.Marshal(value)
			return append(b, q...)
		}
	}
	b = append(b, '"')
	b = append(b, value...)
	return append(b, '"')
}

func decimal(b []byte, name string, d money.Decimal) []byte {
	b = append(b, `,"`...)
	b = append(b, name...)
	b = append(b, `":"`...)
	b = d.Append(b)
	return append(b, '"')
}

// known is decimal, or null where the venue does not state the value.
func known(b []byte, name string, d money.Decimal) []byte {
	if !d.IsZero() {
		return decimal(b, name, d)
	}
	b = append(b, `,"`...)
	b = append(b, name...)
	return append(b, `":null`...)
}

// stamp appends the venue's time, or ours with a note when the venue sent none.
func stamp(b []byte, at, received time.Time) []byte {
	if at.IsZero() {
		b = append(b, `,"ts":"`...)
		b = appendTime(b, received)
		return append(b, `","ts_source":"received"`...)
	}
	b = append(b, `,"ts":"`...)
	b = appendTime(b, at)
	return append(b, '"')
}

// appendTime writes RFC 3339 in UTC with 3, 6 or 9 decimals, as many as needed.
func appendTime(b []byte, t time.Time) []byte {
	t = t.UTC()
	switch ns := t.Nanosecond(); {
	case ns%1_000_000 == 0:
		return t.AppendFormat(b, "2006-01-02T15:04:05.000Z")
	case ns%1_000 == 0:
		return t.AppendFormat(b, "2006-01-02T15:04:05.000000Z")
	}
	return t.AppendFormat(b, "2006-01-02T15:04:05.000000000Z")
}

// AppendEvents writes what a batch says, one JSON object a line. all adds
// instruments and notices.
func AppendEvents(b []byte, line int64, e *market.Batch, all bool) []byte {
	for i := range e.Gaps {
		b = appendGap(b, line, &e.Gaps[i])
	}
	if all {
		for i := range e.Instruments {
			in := &e.Instruments[i]
			b = head(b, "instrument", line, in.Venue, in.Symbol, in.Pair)
			b = key(b, "kind", string(in.Kind))
			b = key(b, "status", string(in.Status))
			b = decimal(b, "price_tick", in.PriceTick)
			b = decimal(b, "qty_step", in.QtyStep)
			b = append(b, '}', '\n')
		}
	}
	for i := range e.Trades {
		t := &e.Trades[i]
		b = head(b, "trade", line, t.Venue, t.Symbol, t.Pair)
		b = key(b, "id", t.ID)
		b = decimal(b, "price", t.Price.Decimal)
		b = decimal(b, "size", t.Qty.Decimal)
		b = key(b, "side", t.Side.String())
		b = stamp(b, t.At, t.Received)
		if t.Aggregate {
			b = append(b, `,"aggregate":true`...)
		}
		if t.Marks&market.Backfilled != 0 {
			b = append(b, `,"backfilled":true`...)
		}
		b = append(b, '}', '\n')
	}
	for i := range e.Quotes {
		q := &e.Quotes[i]
		b = head(b, "quote", line, q.Venue, q.Symbol, q.Pair)
		b = decimal(b, "bid", q.Bid.Decimal)
		b = known(b, "bid_size", q.BidQty.Decimal)
		b = decimal(b, "ask", q.Ask.Decimal)
		b = known(b, "ask_size", q.AskQty.Decimal)
		b = stamp(b, q.At, q.Received)
		b = append(b, '}', '\n')
	}
	for i := range e.Books {
		b = appendBook(b, line, &e.Books[i])
	}
	for i := range e.Candles {
		b = appendCandle(b, line, &e.Candles[i])
	}
	if all {
		for i := range e.Notices {
			n := &e.Notices[i]
			b = append(b, `{"type":"notice","line":`...)
			b = strconv.AppendInt(b, line, 10)
			b = key(b, "kind", [...]string{"ack", "refused", "heartbeat", "moving", "info", "strange", "reply"}[n.Kind])
			b = key(b, "symbol", n.Symbol)
			b = key(b, "text", n.Text)
			b = append(b, '}', '\n')
		}
	}
	return b
}

func appendBook(b []byte, line int64, u *market.BookUpdate) []byte {
	if u.Frame > 0 {
		line = u.Frame // a difference that waited for its snapshot keeps its own line
	}
	b = head(b, "book", line, u.Venue, u.Symbol, u.Pair)
	b = append(b, `,"snapshot":`...)
	b = strconv.AppendBool(b, u.Snapshot)
	b = levels(b, "bids", u.Bids)
	b = levels(b, "asks", u.Asks)
	if u.Last > 0 {
		b = append(b, `,"seq":`...)
		b = strconv.AppendUint(b, u.Last, 10)
	}
	b = stamp(b, u.At, u.Received)
	return append(b, '}', '\n')
}

func levels(b []byte, name string, side []market.Level) []byte {
	b = append(b, `,"`...)
	b = append(b, name...)
	b = append(b, `":[`...)
	for i := range side {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `["`...)
		b = side[i].Price.Append(b)
		b = append(b, `","`...)
		if side[i].Qty.IsZero() {
			b = append(b, '0') // however the venue wrote it, 0 removes
		} else {
			b = side[i].Qty.Append(b)
		}
		b = append(b, `"]`...)
	}
	return append(b, ']')
}

func appendCandle(b []byte, line int64, k *market.Candle) []byte {
	b = append(b, `{"type":"candle","line":`...)
	b = strconv.AppendInt(b, line, 10)
	b = key(b, "venue", string(k.Venue))
	b = key(b, "pair", string(k.Pair))
	b = key(b, "interval", string(k.Interval))
	b = decimal(b, "open", k.O.Decimal)
	b = decimal(b, "high", k.H.Decimal)
	b = decimal(b, "low", k.L.Decimal)
	b = decimal(b, "close", k.C.Decimal)
	b = decimal(b, "volume", k.Volume.Decimal)
	if !k.Turnover.IsZero() {
		b = decimal(b, "turnover", k.Turnover)
	}
	if k.Trades >= 0 {
		b = append(b, `,"trades":`...)
		b = strconv.AppendInt(b, k.Trades, 10)
	}
	b = append(b, `,"complete":`...)
	b = strconv.AppendBool(b, k.Complete)
	b = stamp(b, k.Open, k.Known)
	return append(b, '}', '\n')
}

func appendGap(b []byte, line int64, g *market.Gap) []byte {
	kind := "gap"
	if g.Kind == market.Disconnected {
		kind = "disconnect"
	}
	b = head(b, kind, line, g.Venue, g.Symbol, g.Pair)
	b = key(b, "channel", string(g.Channel))
	b = key(b, "kind", string(g.Kind))
	b = append(b, `,"from":"`...)
	b = appendTime(b, g.From)
	b = append(b, '"')
	if !g.To.IsZero() {
		b = append(b, `,"to":"`...)
		b = appendTime(b, g.To)
		b = append(b, '"')
	}
	if g.Missing >= 0 {
		b = append(b, `,"missing":`...)
		b = strconv.AppendInt(b, g.Missing, 10)
	}
	b = key(b, "text", g.Detail)
	return append(b, '}', '\n')
}
