package api

import (
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
)

// format is how an answer is written.
type format uint8

const (
	inJSON format = iota
	inLines
	inXML
	inCSV
	inColumns
)

// formats are the names of `?format=` with their media types.
var formats = [...]struct{ name, media string }{
	inJSON:    {"json", "application/json"},
	inLines:   {"jsonl", "application/x-ndjson"},
	inXML:     {"xml", "application/xml"},
	inCSV:     {"csv", "text/csv; charset=utf-8"},
	inColumns: {"columns", "application/vnd.assay.columns+json"},
}

// media is the type without its parameters.
func (f format) media() string {
	m, _, _ := strings.Cut(formats[f].media, ";")
	return m
}

// body is something to send.
type body interface {
	append(b []byte, f format, number bool) []byte
}

// choose finds the format that is wanted: `?format=` first, then Accept.
func (x *exchange) choose() error {
	q := x.r.URL.RawQuery
	if q != "" && (strings.Contains(q, "format=") || strings.Contains(q, "decimal=")) {
		v, _ := url.ParseQuery(q)
		switch d := v.Get("decimal"); d {
		case "", "string":
		case "number":
			x.number = true
		default:
			return fault.At(fault.Invalid, "query.decimal", "decimal is string or number")
		}
		if name := v.Get("format"); name != "" {
			for f, known := range formats {
				if known.name == name {
					x.format = format(f)
					return nil
				}
			}
			return fault.At(fault.Unaccepted, "query.format", "there is no format %q; there are json, jsonl, xml, csv and columns", clip(name, 20))
		}
	}
	accept := x.r.Header["Accept"]
	if len(accept) == 0 || (len(accept) == 1 && (accept[0] == "*/*" || accept[0] == "application/json")) {
		return nil
	}
	f, ok := negotiate(strings.Join(accept, ","))
	if !ok {
		return fault.At(fault.Unaccepted, "header.Accept", "none of %q can be written; there are application/json, application/x-ndjson, application/xml, text/csv and application/vnd.assay.columns+json", clip(strings.Join(accept, ", "), 100))
	}
	x.format = f
	return nil
}

// negotiate chooses by RFC 9110: the format with the highest weight, where the most
// specific range decides a format's weight, and the earlier in our list wins a tie. A
// browser's own list names XML and means a page: it gets JSON.
func negotiate(accept string) (format, bool) {
	if len(accept) > 1024 {
		return 0, false
	}
	type weight struct {
		q        float64
		specific int
	}
	var w [len(formats)]weight
	for part := range strings.SplitSeq(accept, ",") {
		m, params, err := mime.ParseMediaType(part)
		if err != nil {
			continue
		}
		if m == "text/html" {
			return inJSON, true
		}
		q := 1.0
		if s, ok := params["q"]; ok {
			if q, err = strconv.ParseFloat(s, 64); err != nil || q < 0 || q > 1 {
				continue
			}
		}
		for f := range formats {
			own := format(f).media()
			group, _, _ := strings.Cut(own, "/")
			specific := 0
			switch {
			case m == own, m == alias[own]:
				specific = 3
			case m == group+"/*":
				specific = 2
			case m == "*/*":
				specific = 1
			}
			if specific > w[f].specific {
				w[f] = weight{q, specific}
			}
		}
	}
	best := -1
	for f := range w {
		if w[f].q > 0 && (best < 0 || w[f].q > w[best].q) {
			best = f
		}
	}
	return format(max(best, 0)), best >= 0
}

// alias are other names of our media types.
var alias = map[string]string{"application/xml": "text/xml", "application/x-ndjson": "application/jsonl"}

// buffer is a body being made. Buffers are shared between answers; those that grew
// large are let go.
type buffer struct{ b []byte }

// pools are a server's buffers, compressors and rows.
type pools struct{ buffers, zips, candles, trades sync.Pool }

// keepRows is how many rows are kept for the next answer.
const keepRows = 8192

func (p *pools) candleRows() []market.Candle {
	if b, ok := p.candles.Get().(*[]market.Candle); ok {
		return (*b)[:0]
	}
	return make([]market.Candle, 0, 512)
}

func (p *pools) candlesBack(b []market.Candle) {
	if cap(b) <= keepRows {
		p.candles.Put(&b)
	}
}

func (p *pools) tradeRows() []market.Trade {
	if b, ok := p.trades.Get().(*[]market.Trade); ok {
		return (*b)[:0]
	}
	return make([]market.Trade, 0, 512)
}

func (p *pools) tradesBack(b []market.Trade) {
	if cap(b) <= keepRows {
		p.trades.Put(&b)
	}
}

func (p *pools) buffer() *buffer {
	if b, ok := p.buffers.Get().(*buffer); ok {
		b.b = b.b[:0]
		return b
	}
	return &buffer{make([]byte, 0, 64<<10)}
}

func (p *pools) done(b *buffer) {
	if cap(b.b) <= keepBuffer {
		p.buffers.Put(b)
	}
}

func (p *pools) zip(w io.Writer) *gzip.Writer {
	z, ok := p.zips.Get().(*gzip.Writer)
	if !ok {
		z, _ = gzip.NewWriterLevel(w, gzip.BestSpeed) // the level is a valid one
		return z
	}
	z.Reset(w)
	return z
}

const keepBuffer = 2 << 20

// send writes an answer whole. What the formats without a place for it would lose,
// such as the age, is in headers for all of them.
func (x *exchange) send(status int, m *Meta, a body) {
	x.s.complete(m)
	h := x.Header()
	x.tell(h, m)
	if m.NotAdvice != "" {
		x.set(h, "Assay-Not-Financial-Advice", "true")
	}
	if m.NextCursor != "" {
		x.set(h, "Assay-Next-Cursor", m.NextCursor)
		x.set(h, "Link", `<`+x.next(m.NextCursor)+`>; rel="next"`)
	}
	buf := x.s.pools.buffer()
	buf.b = a.append(buf.b, x.format, x.number)
	x.write(status, formats[x.format].media, buf.b)
	x.s.pools.done(buf)
}

// tell writes what is known of an answer into its headers.
func (x *exchange) tell(h http.Header, m *Meta) {
	if m.AsOf != nil {
		x.set(h, "Assay-As-Of", m.AsOf.UTC().Format(timeForm))
	}
	x.set(h, "Assay-Quality", m.Quality.header())
	if len(m.Sources) > 0 {
		x.set(h, "Assay-Sources", strings.Join(m.Sources, ", "))
	}
	if m.Simulated {
		x.set(h, "Assay-Simulated", "true")
	}
}

// next is the address of the next page.
func (x *exchange) next(cursor string) string {
	q := x.r.URL.Query()
	q.Set("cursor", cursor)
	return (&url.URL{Path: x.r.URL.Path, RawPath: x.r.URL.RawPath, RawQuery: q.Encode()}).String()
}

// write sends a body, compressed when it is worth it and wanted.
func (x *exchange) write(status int, media string, b []byte) {
	b = x.keep(status, media, b)
	h := x.Header()
	x.set(h, "Content-Type", media)
	if h["Vary"] == nil { // a mounted face may vary by less
		h["Vary"] = varies
		if len(x.s.opt.Origins) > 0 {
			h["Vary"] = variesMore
		}
	}
	if len(b) > 1024 && acceptsGzip(x.r.Header["Accept-Encoding"]) {
		buf := x.s.pools.buffer()
		z := x.s.pools.zip(buf)
		z.Write(b)
		z.Close()
		x.s.pools.zips.Put(z)
		x.set(h, "Content-Encoding", "gzip")
		x.set(h, "Content-Length", strconv.Itoa(len(buf.b)))
		x.WriteHeader(status)
		x.Write(buf.b)
		x.s.pools.done(buf)
		return
	}
	x.set(h, "Content-Length", strconv.Itoa(len(b)))
	x.WriteHeader(status)
	if x.r.Method != http.MethodHead {
		x.Write(b)
	}
}

// Write appends; it is for the compressor.
func (b *buffer) Write(p []byte) (int, error) {
	b.b = append(b.b, p...)
	return len(p), nil
}

func acceptsGzip(accept []string) bool {
	for _, line := range accept {
		for part := range strings.SplitSeq(line, ",") {
			name, q, _ := strings.Cut(strings.TrimSpace(part), ";")
			if name = strings.TrimSpace(name); name != "gzip" && name != "*" {
				continue
			}
			q = strings.ReplaceAll(q, " ", "")
			return q != "q=0" && q != "q=0.0" && q != "q=0.00" && q != "q=0.000"
		}
	}
	return false
}
