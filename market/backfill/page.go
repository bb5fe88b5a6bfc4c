package backfill

import (
	"context"
	"slices"
	"time"

	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/clean"
	"github.com/assayhq/assay/market/venue"
	"github.com/assayhq/assay/money"
)

// page is what one answer holds of a range, without what is stored already.
type page struct {
	rows        int
	first, last time.Time
	fresh       market.Batch
}

func (p *page) saw(at time.Time) {
	p.rows++
	if p.first.IsZero() || at.Before(p.first) {
		p.first = at
	}
	if at.After(p.last) {
		p.last = at
	}
}

// sift takes from an answer what belongs to the job and is not stored.
func sift(ctx context.Context, h market.History, d *venue.Driver, j *Job, got *market.Batch) (page, error) {
	switch j.What {
	case market.Candles:
		return siftCandles(ctx, h, j, got.Candles)
	case market.Trades:
		return siftTrades(ctx, h, d, j, got.Trades)
	}
	return siftFunding(ctx, h, j, got.Derivatives)
}

func (j *Job) series() market.Series { return market.Series{Venue: j.Venue, Pair: j.Pair} }

// holds tells whether a time is in the job's range.
func (j *Job) holds(at time.Time) bool { return !at.Before(j.Start) && at.Before(j.End) }

// siftCandles leaves bars of ours that are complete alone; one that is not gives way to
// the venue's, which has a higher revision then.
func siftCandles(ctx context.Context, h market.History, j *Job, rows []market.Candle) (p page, err error) {
	for i := range rows {
		if k := &rows[i]; k.Pair == j.Pair && k.Interval == j.Interval && k.Complete && j.holds(k.Open) {
			p.saw(k.Open)
		}
	}
	if p.rows == 0 {
		return p, nil
	}
	stored := map[int64]market.Candle{}
	for k, err := range h.Candles(ctx, j.series(), j.Interval, market.Range{From: p.first, To: p.last.Add(1)}) {
		if err != nil {
			return p, err
		}
		stored[k.Open.Unix()] = k
	}
	for i := range rows {
		k := rows[i]
		if k.Pair != j.Pair || k.Interval != j.Interval || !k.Complete || !j.holds(k.Open) {
			continue
		}
		k.Marks |= market.VenueBar | market.Backfilled
		if old, ok := stored[k.Open.Unix()]; ok {
			if old.Complete && (old.Marks&market.VenueBar == 0 || sameBar(&old, &k)) {
				continue
			}
			k.Revision = old.Revision + 1
			k.Marks |= market.Revised
		}
		stored[k.Open.Unix()] = k
		p.fresh.Candles = append(p.fresh.Candles, k)
	}
	return p, nil
}

func sameBar(a, b *market.Candle) bool {
	return a.O.Equal(b.O.Decimal) && a.H.Equal(b.H.Decimal) && a.L.Equal(b.L.Decimal) && a.C.Equal(b.C.Decimal) &&
		a.Volume.Equal(b.Volume.Decimal) && a.Trades == b.Trades
}

// siftTrades knows a trade by its id, or where past trades have none by what it says.
// Where past trades are sums of one taker's executions, and the single ones are stored,
// the sum adds nothing.
func siftTrades(ctx context.Context, h market.History, d *venue.Driver, j *Job, rows []market.Trade) (p page, err error) {
	for i := range rows {
		if t := &rows[i]; t.Pair == j.Pair && j.holds(t.At) {
			p.saw(t.At)
		}
	}
	if p.rows == 0 {
		return p, nil
	}
	known, single := map[string]bool{}, map[string]money.Decimal{}
	from, to := p.first.Truncate(time.Millisecond), p.last.Truncate(time.Millisecond).Add(time.Millisecond)
	for t, err := range h.Trades(ctx, j.series(), market.Range{From: from, To: to}) {
		if err != nil {
			return p, err
		}
		known[identity(d, &t)] = true
		if !t.Aggregate {
			if sum, err := single[taker(&t)].Add(t.Qty.Decimal); err == nil {
				single[taker(&t)] = sum
			}
		}
	}
	for i := range rows {
		t := rows[i]
		if t.Pair != j.Pair || !j.holds(t.At) || known[identity(d, &t)] {
			continue
		}
		if t.Aggregate {
			if left, err := single[taker(&t)].Sub(t.Qty.Decimal); err == nil && !left.IsNeg() {
				single[taker(&t)] = left
				continue
			}
		}
		known[identity(d, &t)] = true
		t.Marks |= market.Backfilled
		p.fresh.Trades = append(p.fresh.Trades, t)
	}
	return p, nil
}

func identity(d *venue.Driver, t *market.Trade) string {
	if t.ID == "" || d.REST.Nameless {
		return clean.Name(t)
	}
	if t.Aggregate {
		return "sum " + t.ID
	}
	return t.ID
}

// taker names the order behind executions, as far as they tell: its moment, side and price.
func taker(t *market.Trade) string {
	x := *t
	x.Qty = money.Qty{}
	return clean.Name(&x)
}

func siftFunding(ctx context.Context, h market.History, j *Job, rows []market.Derivative) (p page, err error) {
	rows = slices.DeleteFunc(rows, func(x market.Derivative) bool { return !x.Settled || x.Pair != j.Pair || !j.holds(x.FundingAt) })
	for i := range rows {
		p.saw(rows[i].FundingAt)
	}
	if p.rows == 0 {
		return p, nil
	}
	known := map[int64]money.Decimal{}
	for x, err := range h.Funding(ctx, j.series(), market.Range{From: p.first, To: p.last.Add(1)}) {
		if err != nil {
			return p, err
		}
		known[x.FundingAt.UnixNano()] = x.Funding
	}
	for i := range rows {
		x := rows[i]
		if old, ok := known[x.FundingAt.UnixNano()]; ok && old.Equal(x.Funding) {
			continue
		}
		known[x.FundingAt.UnixNano()] = x.Funding
		x.Marks |= market.Backfilled
		p.fresh.Derivatives = append(p.fresh.Derivatives, x)
	}
	return p, nil
}
