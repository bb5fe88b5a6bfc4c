package api

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/money"
)

type tradesIn struct {
	Pair  string `path:"pair" maxLength:"64" doc:"Pair" example:"BTC-USD"`
	Venue string `query:"venue" maxLength:"32" doc:"Venue; needed with start, end, known_at or cursor" example:"kraken"`
	Known
	Span
	Common
}

// Trade is one execution.
type Trade struct {
	TS        int64       `json:"ts" doc:"The venue's clock, milliseconds"`
	Received  *int64      `json:"received_ts" doc:"Our clock, milliseconds"`
	Venue     string      `json:"venue"`
	ID        *string     `json:"id" doc:"The venue's; null where it has none"`
	Price     money.Price `json:"price"`
	Qty       money.Qty   `json:"qty" doc:"In the base asset"`
	Side      *string     `json:"side" enum:"buy,sell" doc:"Who crossed the spread; null where the venue does not say"`
	Aggregate bool        `json:"aggregate" doc:"Several executions of one taker in one row"`
	Marks     []string    `json:"marks,omitempty" doc:"What is wrong with it, if anything"`
}

// freshTrades is how old the newest trade may be before the list counts as stale: many
// pairs trade seldom, so silence of the channel, not age, decides otherwise (see /v1/quality).
const freshTrades = 15 * time.Minute

func (s *Server) trades(ctx context.Context, in *tradesIn) (*rows[market.Trade, Trade], error) {
	p, err := s.pair("path.pair", in.Pair)
	if err != nil {
		return nil, err
	}
	start, end, err := in.times()
	if err != nil {
		return nil, err
	}
	v := market.VenueID(in.Venue)
	a := &rows[market.Trade, Trade]{rowForm: s.tradeForm}
	now := s.opt.Board.Now()
	then, err := in.then(now)
	if err != nil {
		return nil, err
	}
	switch {
	case start.IsZero() && end.IsZero() && then.IsZero() && in.Cursor == "":
		a.list = s.opt.Board.LastTrades(v, p, in.Limit)
		slices.Reverse(a.list)
	case v == "":
		return nil, fault.At(fault.Invalid, "query.venue", "a range of trades is read from one venue: name it")
	default:
		a.back, a.list = s.pools.tradesBack, s.pools.tradeRows()
		if err := s.readTrades(ctx, a, market.Series{Venue: v, Pair: p}, start, end, then, in); err != nil {
			a.free()
			return nil, err
		}
	}
	if len(a.list) == 0 && in.Cursor == "" {
		if err := s.missing(v, p); err != nil {
			a.free()
			return nil, err
		}
	}
	var marks market.Mark
	for i := range a.list {
		marks |= a.list[i].Marks
		a.m.from(a.list[i].Venue)
	}
	if n := len(a.list); n > 0 {
		a.m.newest(a.list[n-1].At)
	} else if v != "" {
		a.m.from(v)
	}
	if (end.IsZero() || end.After(now)) && then.IsZero() && a.m.NextCursor == "" {
		a.m.judge(now, freshTrades, marks)
	} else {
		a.m.past(marks)
	}
	return a, nil
}

// readTrades reads a page of the history. A position is the time of the next trade, and
// how many trades of that very time were given already.
func (s *Server) readTrades(ctx context.Context, a *rows[market.Trade, Trade], of market.Series, start, end, then time.Time, in *tradesIn) error {
	digest := filterDigest("trades", in.Venue, string(of.Pair), in.Start, in.End, in.KnownAt)
	at, err := readCursor(in.Cursor, digest, 2)
	if err != nil {
		return err
	}
	r, skip := market.Range{From: start, To: end, KnownAt: then}, 0
	if at != nil {
		r.From, skip = time.Unix(0, at[0]).UTC(), int(min(at[1], 1<<20))
	}
	r.Limit = skip + in.Limit + 1
	if r.From.IsZero() {
		r.Limit, r.Reverse = in.Limit, true
	}
	for t, err := range s.opt.History.Trades(ctx, of, r) {
		if err != nil {
			return err
		}
		a.list = append(a.list, t)
	}
	if r.Reverse {
		slices.Reverse(a.list)
		return nil
	}
	if n := skip + in.Limit; len(a.list) > n {
		next := a.list[n].At
		same := int64(0)
		for i := n - 1; i >= 0 && a.list[i].At.Equal(next); i-- {
			same++
		}
		a.m.NextCursor = makeCursor(digest, next.UnixNano(), same)
		a.list = a.list[:n]
	}
	a.list = slices.Delete(a.list, 0, min(skip, len(a.list)))
	return nil
}

func newTradeForm() *rowForm[market.Trade, Trade] {
	return &rowForm[market.Trade, Trade]{
		shape: shapeOf[Answer[[]Trade]](),
		head:  "ts,received_ts,venue,id,price,qty,side,aggregate,marks",
		json:  tradeJSON, csv: tradeCSV, convert: tradeOf,
	}
}

func tradeOf(t *market.Trade) Trade {
	out := Trade{TS: t.At.UnixMilli(), Received: milli(t.Received), Venue: string(t.Venue), Price: t.Price, Qty: t.Qty, Aggregate: t.Aggregate}
	if t.ID != "" {
		out.ID = &t.ID
	}
	if t.Side != market.NoSide {
		out.Side = ptr(t.Side.String())
	}
	if t.Marks != 0 {
		out.Marks = t.Marks.Names()
	}
	return out
}

func tradeJSON(b []byte, t *market.Trade, number bool) []byte {
	b = strconv.AppendInt(append(b, `{"ts":`...), t.At.UnixMilli(), 10)
	b = append(b, `,"received_ts":`...)
	if t.Received.IsZero() {
		b = append(b, "null"...)
	} else {
		b = strconv.AppendInt(b, t.Received.UnixMilli(), 10)
	}
	b = appendJSON(append(b, `,"venue":`...), string(t.Venue))
	b = append(b, `,"id":`...)
	if t.ID == "" {
		b = append(b, "null"...)
	} else {
		b = appendJSON(b, t.ID)
	}
	if number {
		b = appendDecimal(append(b, `,"price":`...), t.Price.Decimal)
		b = appendDecimal(append(b, `,"qty":`...), t.Qty.Decimal)
	} else {
		b = appendDecimal(append(b, `,"price":"`...), t.Price.Decimal)
		b = appendDecimal(append(b, `","qty":"`...), t.Qty.Decimal)
		b = append(b, '"')
	}
	switch t.Side {
	case market.Buy:
		b = append(b, `,"side":"buy","aggregate":`...)
	case market.Sell:
		b = append(b, `,"side":"sell","aggregate":`...)
	default:
		b = append(b, `,"side":null,"aggregate":`...)
	}
	b = strconv.AppendBool(b, t.Aggregate)
	if t.Marks != 0 {
		b = marksJSON(append(b, ','), t.Marks)
	}
	return append(b, '}')
}

func tradeCSV(b []byte, t *market.Trade) []byte {
	b = append(strconv.AppendInt(b, t.At.UnixMilli(), 10), ',')
	if !t.Received.IsZero() {
		b = strconv.AppendInt(b, t.Received.UnixMilli(), 10)
	}
	b = appendCSV(append(b, ','), string(t.Venue))
	b = appendCSV(append(b, ','), t.ID)
	b = appendDecimal(append(b, ','), t.Price.Decimal)
	b = appendDecimal(append(b, ','), t.Qty.Decimal)
	b = append(append(b, ','), t.Side.String()...)
	b = strconv.AppendBool(append(b, ','), t.Aggregate)
	return marksCSV(append(b, ','), t.Marks)
}
