package api

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/money"
)

type candlesIn struct {
	Pair     string `path:"pair" maxLength:"64" doc:"Pair" example:"BTC-USD"`
	Venue    string `query:"venue" default:"consensus" maxLength:"32" doc:"Venue, or consensus for bars of the fair price"`
	Interval string `query:"interval" default:"1h" enum:"1s,5s,15s,30s,1m,3m,5m,15m,30m,1h,2h,4h,6h,8h,12h,1d,3d,1w,1M" doc:"Length of a candle, in UTC"`
	Known
	Span
	Common
}

// Candle is what traded in one interval.
type Candle struct {
	TS       int64          `json:"ts" doc:"Start of the interval, milliseconds"`
	Open     money.Price    `json:"open"`
	High     money.Price    `json:"high"`
	Low      money.Price    `json:"low"`
	Close    money.Price    `json:"close"`
	Volume   money.Qty      `json:"volume" doc:"In the base asset"`
	Turnover *money.Decimal `json:"turnover" doc:"In the quote asset"`
	Trades   *int64         `json:"trades" doc:"How many"`
	Complete bool           `json:"complete" doc:"The interval is over and nothing is missing as far as we know"`
	Revision int            `json:"revision" doc:"Rises each time late trades change it"`
	Marks    []string       `json:"marks,omitempty" doc:"What is wrong with it, if anything"`
}

// candlesInto is what a reader may offer to spare a copy.
type candlesInto interface {
	CandlesInto(ctx context.Context, s market.Series, i market.Interval, r market.Range, buf []market.Candle) ([]market.Candle, error)
}

func (s *Server) candles(ctx context.Context, in *candlesIn) (*rows[market.Candle, Candle], error) {
	p, err := s.pair("path.pair", in.Pair)
	if err != nil {
		return nil, err
	}
	start, end, err := in.times()
	if err != nil {
		return nil, err
	}
	series := market.Series{Venue: market.VenueID(in.Venue), Pair: p}
	interval := market.Interval(in.Interval)
	then, err := in.then(s.opt.Board.Now())
	if err != nil {
		return nil, err
	}
	digest := filterDigest("candles", in.Venue, string(p), in.Interval, in.Start, in.End, in.KnownAt)
	at, err := readCursor(in.Cursor, digest, 1)
	if err != nil {
		return nil, err
	}
	r := market.Range{From: start, To: end, Limit: in.Limit + 1, KnownAt: then}
	if at != nil {
		r.From = time.UnixMilli(at[0]).UTC()
	}
	if r.From.IsZero() {
		r.Limit, r.Reverse = in.Limit, true
	}
	a := &rows[market.Candle, Candle]{rowForm: s.candleForm, back: s.pools.candlesBack}
	a.list, err = s.readCandles(ctx, series, interval, r, s.pools.candleRows())
	if err != nil {
		a.free()
		return nil, err
	}
	if r.Reverse {
		slices.Reverse(a.list)
	} else if len(a.list) > in.Limit {
		a.m.NextCursor = makeCursor(digest, a.list[in.Limit].Open.UnixMilli())
		a.list = a.list[:in.Limit]
	}
	if len(a.list) == 0 && at == nil {
		if err := s.missing(series.Venue, p); err != nil {
			a.free()
			return nil, err
		}
	}
	if !then.IsZero() {
		end = then // what was known then is history now
	}
	s.judgeCandles(a, series.Venue, interval, end)
	return a, nil
}

func (s *Server) readCandles(ctx context.Context, of market.Series, i market.Interval, r market.Range, buf []market.Candle) ([]market.Candle, error) {
	if into, ok := s.opt.Candles.(candlesInto); ok {
		return into.CandlesInto(ctx, of, i, r, buf)
	}
	for c, err := range s.opt.Candles.Candles(ctx, of, i, r) {
		if err != nil {
			return buf, err
		}
		buf = append(buf, c)
	}
	return buf, nil
}

func (s *Server) judgeCandles(a *rows[market.Candle, Candle], v market.VenueID, i market.Interval, end time.Time) {
	a.m.from(v)
	now := s.opt.Board.Now()
	var marks market.Mark
	for j := range a.list {
		marks |= a.list[j].Marks
	}
	if n := len(a.list); n > 0 {
		last := &a.list[n-1]
		until := i.Next(last.Open)
		if until.After(now) {
			until = now
			if !last.Known.IsZero() && last.Known.Before(now) {
				until = last.Known
			}
		}
		a.m.newest(until)
	}
	if (end.IsZero() || end.After(now)) && a.m.NextCursor == "" {
		a.m.judge(now, i.Length()+time.Minute, marks)
	} else {
		a.m.past(marks)
	}
}

func newCandleForm() *rowForm[market.Candle, Candle] {
	return &rowForm[market.Candle, Candle]{
		shape: shapeOf[Answer[[]Candle]](),
		head:  "ts,open,high,low,close,volume,turnover,trades,complete,revision,marks",
		json:  candleJSON, csv: candleCSV, convert: candleOf,
	}
}

func candleOf(c *market.Candle) Candle {
	out := Candle{TS: c.Open.UnixMilli(), Open: c.O, High: c.H, Low: c.L, Close: c.C, Volume: c.Volume, Complete: c.Complete, Revision: c.Revision}
	if turnoverKnown(c) {
		out.Turnover = &c.Turnover
	}
	if c.Trades >= 0 {
		out.Trades = &c.Trades
	}
	if c.Marks != 0 {
		out.Marks = c.Marks.Names()
	}
	return out
}

func turnoverKnown(c *market.Candle) bool { return !c.Turnover.IsZero() || c.Volume.IsZero() }

func candleJSON(b []byte, c *market.Candle, number bool) []byte {
	b = append(b, `{"ts":`...)
	b = strconv.AppendInt(b, c.Open.UnixMilli(), 10)
	if number {
		b = appendDecimal(append(b, `,"open":`...), c.O.Decimal)
		b = appendDecimal(append(b, `,"high":`...), c.H.Decimal)
		b = appendDecimal(append(b, `,"low":`...), c.L.Decimal)
		b = appendDecimal(append(b, `,"close":`...), c.C.Decimal)
		b = appendDecimal(append(b, `,"volume":`...), c.Volume.Decimal)
	} else {
		b = appendDecimal(append(b, `,"open":"`...), c.O.Decimal)
		b = appendDecimal(append(b, `","high":"`...), c.H.Decimal)
		b = appendDecimal(append(b, `","low":"`...), c.L.Decimal)
		b = appendDecimal(append(b, `","close":"`...), c.C.Decimal)
		b = appendDecimal(append(b, `","volume":"`...), c.Volume.Decimal)
		b = append(b, '"')
	}
	b = append(b, `,"turnover":`...)
	switch {
	case !turnoverKnown(c):
		b = append(b, "null"...)
	case number:
		b = appendDecimal(b, c.Turnover)
	default:
		b = append(appendDecimal(append(b, '"'), c.Turnover), '"')
	}
	b = append(b, `,"trades":`...)
	if c.Trades < 0 {
		b = append(b, "null"...)
	} else {
		b = strconv.AppendInt(b, c.Trades, 10)
	}
	if c.Complete {
		b = append(b, `,"complete":true,"revision":`...)
	} else {
		b = append(b, `,"complete":false,"revision":`...)
	}
	b = strconv.AppendInt(b, int64(c.Revision), 10)
	if c.Marks != 0 {
		b = append(b, ',')
		b = marksJSON(b, c.Marks)
	}
	return append(b, '}')
}

// marksJSON appends the member; names of marks need no escaping.
func marksJSON(b []byte, m market.Mark) []byte {
	b = append(b, `"marks":[`...)
	for i, n := range m.Names() {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(append(b, '"'), n...), '"')
	}
	return append(b, ']')
}

func marksCSV(b []byte, m market.Mark) []byte {
	if m == 0 {
		return b
	}
	for i, n := range m.Names() {
		if i > 0 {
			b = append(b, ';')
		}
		b = append(b, n...)
	}
	return b
}

func candleCSV(b []byte, c *market.Candle) []byte {
	b = strconv.AppendInt(b, c.Open.UnixMilli(), 10)
	b = appendDecimal(append(b, ','), c.O.Decimal)
	b = appendDecimal(append(b, ','), c.H.Decimal)
	b = appendDecimal(append(b, ','), c.L.Decimal)
	b = appendDecimal(append(b, ','), c.C.Decimal)
	b = appendDecimal(append(b, ','), c.Volume.Decimal)
	b = append(b, ',')
	if turnoverKnown(c) {
		b = appendDecimal(b, c.Turnover)
	}
	b = append(b, ',')
	if c.Trades >= 0 {
		b = strconv.AppendInt(b, c.Trades, 10)
	}
	b = strconv.AppendBool(append(b, ','), c.Complete)
	b = strconv.AppendInt(append(b, ','), int64(c.Revision), 10)
	return marksCSV(append(b, ','), c.Marks)
}
