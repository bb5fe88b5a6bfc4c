package api

import (
	"context"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/money"
)

type bookIn struct {
	Pair  string `path:"pair" maxLength:"64" doc:"Pair" example:"BTC-USD"`
	Venue string `query:"venue" required:"true" maxLength:"32" doc:"Venue" example:"kraken"`
	Depth int    `query:"depth" minimum:"1" maximum:"1000" default:"50" doc:"Levels on each side at most"`
	Common
}

// Book is an order book at a moment.
type Book struct {
	Venue     string   `json:"venue"`
	Pair      string   `json:"pair"`
	Seq       uint64   `json:"seq" doc:"Ours: rises by one with each published change of this book, here and in streams"`
	TS        *int64   `json:"ts" doc:"The venue's clock, milliseconds"`
	Received  *int64   `json:"received_ts" doc:"Our clock, milliseconds"`
	Valid     bool     `json:"valid" doc:"False while the book is being joined again; it has no levels then"`
	Reason    *string  `json:"reason" doc:"Why it is not valid"`
	Integrity string   `json:"integrity" enum:"sequence,checksum,snapshot,none" doc:"How a lost message would show"`
	Bids      []Level  `json:"bids" doc:"Best first"`
	Asks      []Level  `json:"asks" doc:"Best first"`
	Marks     []string `json:"marks,omitempty" doc:"What is wrong with it, if anything"`
}

// Level is one price and what rests there, in JSON as [price, qty].
type Level struct {
	Price money.Price `json:"price"`
	Qty   money.Qty   `json:"qty"`
}

func (Level) pair() {}

// Schema tells that a level is a pair.
func (Level) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeArray, Items: &huma.Schema{Type: huma.TypeString, Format: "decimal"}, MinItems: ptr(2), MaxItems: ptr(2), Description: "[price, qty]"}
}

// freshBook is how old a book's last change may be before it counts as stale.
const freshBook = time.Minute

// bookAnswer writes a view of a book as it is.
type bookAnswer struct {
	v     market.BookView
	m     Meta
	shape *shape // of Answer[Book]
}

func (s *Server) book(_ context.Context, in *bookIn) (*bookAnswer, error) {
	p, err := s.pair("path.pair", in.Pair)
	if err != nil {
		return nil, err
	}
	v := market.VenueID(in.Venue)
	view, ok := s.opt.Board.Book(v, p, in.Depth)
	if !ok {
		if err := s.missing(v, p); err != nil {
			return nil, err
		}
		return nil, fault.At(fault.Unknown, "venue", "there is no book of %s at %s: it is not subscribed to", p, v)
	}
	a := &bookAnswer{v: view, shape: s.bookShape}
	a.m.from(v)
	a.m.newest(view.At)
	if view.At.IsZero() {
		a.m.newest(view.Received)
	}
	a.m.judge(s.opt.Board.Now(), freshBook, view.Marks)
	if !view.Valid {
		a.m.Quality.State = "joining"
	}
	return a, nil
}

func (a *bookAnswer) meta() *Meta { return &a.m }
func (a *bookAnswer) free()       {}

func (a *bookAnswer) append(b []byte, f format, number bool) []byte {
	switch f {
	case inJSON:
		b = append(b, `{"data":`...)
		b = a.json(b, number)
		b = append(b, `,"meta":`...)
		b = appendMeta(a.shape, b, &a.m)
		return append(b, "}\n"...)
	case inLines:
		return append(a.json(b, number), '\n')
	case inCSV:
		b = append(b, "side,position,price,qty\r\n"...)
		b = levelsCSV(b, "bid", a.v.Bids)
		return levelsCSV(b, "ask", a.v.Asks)
	}
	c := cold[Book]{&Answer[Book]{Data: bookOf(&a.v), Meta: a.m}, a.shape}
	return c.append(b, f, number)
}

func bookOf(v *market.BookView) Book {
	out := Book{
		Venue: string(v.Venue), Pair: string(v.Pair), Seq: v.Seq, TS: milli(v.At), Received: milli(v.Received),
		Valid: v.Valid, Integrity: v.Integrity, Bids: levels(v.Bids), Asks: levels(v.Asks),
	}
	if v.Reason != "" {
		out.Reason = &v.Reason
	}
	if v.Marks != 0 {
		out.Marks = v.Marks.Names()
	}
	return out
}

func levels(in []market.Level) []Level {
	out := make([]Level, len(in))
	for i, l := range in {
		out[i] = Level(l)
	}
	return out
}

func (a *bookAnswer) json(b []byte, number bool) []byte {
	v := &a.v
	b = appendJSON(append(b, `{"venue":`...), string(v.Venue))
	b = appendJSON(append(b, `,"pair":`...), string(v.Pair))
	b = strconv.AppendUint(append(b, `,"seq":`...), v.Seq, 10)
	b = timeJSON(append(b, `,"ts":`...), v.At)
	b = timeJSON(append(b, `,"received_ts":`...), v.Received)
	b = strconv.AppendBool(append(b, `,"valid":`...), v.Valid)
	b = append(b, `,"reason":`...)
	if v.Reason == "" {
		b = append(b, "null"...)
	} else {
		b = appendJSON(b, v.Reason)
	}
	b = appendJSON(append(b, `,"integrity":`...), v.Integrity)
	b = levelsJSON(append(b, `,"bids":[`...), v.Bids, number)
	b = levelsJSON(append(b, `],"asks":[`...), v.Asks, number)
	b = append(b, ']')
	if v.Marks != 0 {
		b = marksJSON(append(b, ','), v.Marks)
	}
	return append(b, '}')
}

func timeJSON(b []byte, t time.Time) []byte {
	if t.IsZero() {
		return append(b, "null"...)
	}
	return strconv.AppendInt(b, t.UnixMilli(), 10)
}

func levelsJSON(b []byte, ls []market.Level, number bool) []byte {
	for i := range ls {
		if i > 0 {
			b = append(b, ',')
		}
		if number {
			b = appendDecimal(append(b, '['), ls[i].Price.Decimal)
			b = appendDecimal(append(b, ','), ls[i].Qty.Decimal)
			b = append(b, ']')
		} else {
			b = appendDecimal(append(b, `["`...), ls[i].Price.Decimal)
			b = appendDecimal(append(b, `","`...), ls[i].Qty.Decimal)
			b = append(b, `"]`...)
		}
	}
	return b
}

func levelsCSV(b []byte, side string, ls []market.Level) []byte {
	for i := range ls {
		b = append(append(b, side...), ',')
		b = strconv.AppendInt(b, int64(i+1), 10)
		b = appendDecimal(append(b, ','), ls[i].Price.Decimal)
		b = appendDecimal(append(b, ','), ls[i].Qty.Decimal)
		b = append(b, "\r\n"...)
	}
	return b
}
