package binance

import (
	"context"
	"time"

	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/money"
)

// span is a time of one pair: the last length until now, or since a day's beginning.
type span struct {
	pair   market.Pair
	length time.Duration
	zone   time.Duration
	day    bool // since the day began in zone; length does not count
}

// figures are what traded in a span, from bars: exact to the minute.
type figures struct {
	from, to         time.Time
	traded           bool
	open, high, low  money.Decimal
	last, before     money.Decimal // before is the last price before the span, else open
	volume, turnover money.Sum
	trades           int64
}

const minute = time.Minute

// over computes the figures of a span; they are kept for a second.
func (f *face) over(ctx context.Context, s span) (*figures, error) {
	return f.windows.get(ctx, f.opt.Now(), s, func(ctx context.Context) (*figures, error) {
		now := f.opt.Board.Now()
		x := &figures{from: now.Add(-s.length).Truncate(minute), to: now}
		if s.day {
			x.from = calendar{"1d", s.zone}.start(now)
		}
		of := market.Series{Venue: f.opt.Venue, Pair: s.pair}
		// Whole hours are read as such, the edges by the minute.
		first, last := x.from.Add(time.Hour-1).Truncate(time.Hour), now.Truncate(time.Hour)
		parts := []struct {
			i        market.Interval
			from, to time.Time
		}{{"1m", x.from.Add(-5 * minute), first}, {"1h", first, last}, {"1m", last, now.Add(1)}}
		if !first.Before(last) {
			parts = parts[:1]
			parts[0].to = now.Add(1)
		}
		for _, p := range parts {
			bars, err := f.read(ctx, of, p.i, market.Range{From: p.from, To: p.to})
			if err != nil {
				return nil, err
			}
			for k := range bars {
				x.take(&bars[k])
			}
		}
		return x, nil
	})
}

func (x *figures) take(b *market.Candle) {
	if b.Open.Before(x.from) {
		x.before = b.C.Decimal
		return
	}
	if !x.traded {
		x.traded, x.open, x.high, x.low = true, b.O.Decimal, b.H.Decimal, b.L.Decimal
		if x.before.IsZero() {
			x.before = x.open
		}
	}
	if b.H.Cmp(x.high) > 0 {
		x.high = b.H.Decimal
	}
	if b.L.Cmp(x.low) < 0 {
		x.low = b.L.Decimal
	}
	x.last = b.C.Decimal
	x.volume.Add(b.Volume.Decimal)
	x.turnover.Add(b.Turnover)
	x.trades += max(b.Trades, 0)
}

// mean is the price weighted by volume, or the last one where no volume is known.
func (x *figures) mean() money.Decimal {
	v := sum(&x.volume)
	if t := sum(&x.turnover); !v.IsZero() && !t.IsZero() {
		if m, err := t.Quo(v, 8); err == nil {
			return m
		}
	}
	return x.last
}

// change is the difference of last and open, in quote and percent.
func (x *figures) change() (abs, percent string) {
	abs, percent = zero, "0.000"
	d, err := x.last.Sub(x.open)
	if err != nil || x.open.IsZero() {
		return abs, percent
	}
	abs = text(d)
	if hundred, err := d.Mul(money.MustNew(100, 0)); err == nil {
		if p, err := hundred.Quo(x.open, 3); err == nil {
			if q, err := p.Rescale(3); err == nil {
				p = q
			}
			percent = p.String()
		}
	}
	return abs, percent
}
