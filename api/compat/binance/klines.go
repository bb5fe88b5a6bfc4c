package binance

import (
	"context"
	"slices"
	"time"

	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/money"
)

// intervals are the original's, each of which is one of ours.
var intervals = []string{"1s", "1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w", "1M"}

func interval(s string) (market.Interval, error) {
	if !slices.Contains(intervals, s) {
		return "", bad(-1120, "Invalid interval.")
	}
	return market.Interval(s), nil
}

func (f *face) klines(ctx context.Context, q *query) (any, error) {
	s, err := f.symbol(ctx, q)
	if err != nil {
		return nil, err
	}
	if !q.has("interval") {
		return nil, mandatory("interval")
	}
	i, err := interval(q.get("interval"))
	if err != nil {
		return nil, err
	}
	zone, err := q.zone()
	if err != nil {
		return nil, err
	}
	start, err := q.moment("startTime")
	if err != nil {
		return nil, err
	}
	end, err := q.moment("endTime")
	if err != nil {
		return nil, err
	}
	if !start.IsZero() && !end.IsZero() && end.Before(start) {
		return [][]any{}, nil
	}
	n, err := q.limit(500, 1000)
	if err != nil {
		return nil, err
	}
	r := market.Range{From: start, Limit: n, Reverse: start.IsZero()}
	if !end.IsZero() {
		r.To = end.Add(time.Millisecond) // inclusive
	}
	bars, err := f.bars(ctx, s.Pair, calendar{i, zone}, r)
	out := make([][]any, len(bars))
	for k := range bars {
		b := &bars[k]
		trades := max(b.Trades, 0)
		out[k] = []any{b.Open.UnixMilli(), text(b.O.Decimal), text(b.H.Decimal), text(b.L.Decimal), text(b.C.Decimal), text(b.Volume.Decimal),
			calendar{i, zone}.next(b.Open).UnixMilli() - 1, text(b.Turnover), trades, zero, zero, "0"}
	}
	return out, err
}

// calendar is an interval whose days begin at midnight of a zone.
type calendar struct {
	market.Interval
	zone time.Duration
}

// plain tells whether the zone makes no difference.
func (c calendar) plain() bool {
	l := c.Length()
	return c.zone == 0 || l <= 12*time.Hour && c.zone%l == 0
}

func (c calendar) start(t time.Time) time.Time {
	if c.plain() {
		return c.Start(t)
	}
	return c.Start(t.Add(c.zone)).Add(-c.zone)
}

func (c calendar) next(open time.Time) time.Time {
	return c.Next(open.Add(c.zone)).Add(-c.zone)
}

// part is an interval that divides c in its zone.
func (c calendar) part() market.Interval {
	for _, i := range []market.Interval{"1h", "30m", "15m"} {
		if l := i.Length(); c.zone%l == 0 && c.Length()%l == 0 && c.Length() > l {
			return i
		}
	}
	return "1m"
}

// maxParts bounds how many bars are read to make those of a zone.
const maxParts = 60_000

// bars reads candles, oldest first.
func (f *face) bars(ctx context.Context, p market.Pair, c calendar, r market.Range) ([]market.Candle, error) {
	of := market.Series{Venue: f.opt.Venue, Pair: p}
	if c.plain() {
		list, err := f.read(ctx, of, c.Interval, r)
		if r.Reverse {
			slices.Reverse(list)
		}
		return list, err
	}
	base := c.part()
	if r.To.IsZero() {
		r.To = f.opt.Board.Now().Add(time.Millisecond)
	}
	span := time.Duration(min(int64(r.Limit)*int64(c.Length()/base.Length()), maxParts)) * base.Length()
	if r.Reverse {
		r.From = c.start(r.To.Add(-span))
	} else if aligned := c.start(r.From); aligned.Before(r.From) {
		r.From = c.next(aligned)
	}
	// The last bar that opens in the range is read to its end.
	until := c.next(c.start(r.To.Add(-1)))
	if most := r.From.Add(span + c.Length()); !r.Reverse && until.After(most) {
		until = most
	}
	parts, err := f.read(ctx, of, base, market.Range{From: r.From, To: until})
	if err != nil {
		return nil, err
	}
	var out []market.Candle
	for k := range parts {
		out = c.join(out, &parts[k])
	}
	if r.Reverse {
		return out[max(0, len(out)-r.Limit):], nil
	}
	return out[:min(len(out), r.Limit)], nil
}

// join adds a part to the bar it belongs to.
func (c calendar) join(out []market.Candle, p *market.Candle) []market.Candle {
	open := c.start(p.Open)
	if n := len(out); n == 0 || !out[n-1].Open.Equal(open) {
		b := *p
		b.Open, b.Interval = open, c.Interval
		return append(out, b)
	}
	b := &out[len(out)-1]
	if p.H.Cmp(b.H.Decimal) > 0 {
		b.H = p.H
	}
	if p.L.Cmp(b.L.Decimal) < 0 {
		b.L = p.L
	}
	b.C = p.C
	var volume, turnover money.Sum
	volume.Add(b.Volume.Decimal)
	volume.Add(p.Volume.Decimal)
	turnover.Add(b.Turnover)
	turnover.Add(p.Turnover)
	b.Volume.Decimal, _ = volume.Decimal(money.MaxDigits)
	b.Turnover, _ = turnover.Decimal(money.MaxDigits)
	b.Trades += max(p.Trades, 0)
	b.Complete = b.Complete && p.Complete
	return out
}

func (f *face) read(ctx context.Context, of market.Series, i market.Interval, r market.Range) (out []market.Candle, err error) {
	for b, err := range f.opt.Candles.Candles(ctx, of, i, r) {
		if err != nil {
			return nil, err
		}
		out = append(out, b)
	}
	return out, nil
}
