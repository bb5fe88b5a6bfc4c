package feed

import (
	"context"
	"iter"
	"slices"
	"time"

	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/candle"
	"github.com/assayhq/assay/market/consensus"
)

// Reader gives candles of any interval: stored bars first, holes filled by rolling
// up shorter stored bars, and the open bar at the end from memory.
type Reader struct {
	store market.History
	open  func(market.VenueID, market.Pair, market.Interval) (market.Candle, bool)
	now   func() time.Time
	comb  *combiner
}

// NewReader makes a reader. open gives the unfinished base bars and may be nil; peg
// tells stablecoins, for consensus bars made of venues' bars; now is the time of the data.
func NewReader(store market.History, open func(market.VenueID, market.Pair, market.Interval) (market.Candle, bool), peg consensus.Peg, now func() time.Time) *Reader {
	return &Reader{store: store, open: open, now: now, comb: &combiner{store: store, peg: peg}}
}

// into is what a store may offer beside iteration: bars into the caller's memory.
type into interface {
	CandlesInto(ctx context.Context, s market.Series, i market.Interval, r market.Range, buf []market.Candle) ([]market.Candle, error)
}

// Candles implements market.CandleReader.
func (r *Reader) Candles(ctx context.Context, s market.Series, i market.Interval, rng market.Range) iter.Seq2[market.Candle, error] {
	return func(yield func(market.Candle, error) bool) {
		rows, err := r.CandlesInto(ctx, s, i, rng, nil)
		if err != nil {
			yield(market.Candle{}, err)
			return
		}
		for k := range rows {
			if !yield(rows[k], nil) {
				return
			}
		}
	}
}

// CandlesInto appends the bars of the range to buf.
//
// With KnownAt it gives what it gave then: made of what was known, without what was still
// open. A bar counts as over from its end on.
func (r *Reader) CandlesInto(ctx context.Context, s market.Series, i market.Interval, rng market.Range, buf []market.Candle) ([]market.Candle, error) {
	now, then, limit, start := r.now(), rng.KnownAt, rng.Limit, len(buf)
	if then.IsZero() || then.After(now) {
		rng.KnownAt = time.Time{}
		return r.read(ctx, s, i, rng, buf, now)
	}
	// The bar that was open is read too, because it shows that the one before it was over.
	if end := i.Next(i.Start(then)); rng.To.IsZero() || rng.To.After(end) {
		rng.To = end
	}
	if !rng.From.Before(rng.To) {
		return buf, nil
	}
	if limit > 0 {
		rng.Limit++
	}
	buf, err := r.read(ctx, s, i, rng, buf, then)
	if err != nil {
		return buf, err
	}
	rows := slices.DeleteFunc(buf[start:], func(k market.Candle) bool { return i.Next(k.Open).After(then) })
	if limit > 0 && len(rows) > limit {
		rows = rows[:limit]
	}
	return buf[:start+len(rows)], nil
}

// read is CandlesInto at the time now.
func (r *Reader) read(ctx context.Context, s market.Series, i market.Interval, rng market.Range, buf []market.Candle, now time.Time) ([]market.Candle, error) {
	start := len(buf)
	rng, probe := r.bound(rng, i, now)
	buf, err := r.fill(ctx, s, i, rng, buf, now)
	if err != nil {
		return buf, err
	}
	// A reversed, limited range was read as a window that ends at its end; series with
	// holes may need a longer one.
	for probe && rng.Limit > 0 && len(buf)-start < rng.Limit && rng.From.After(floor) {
		width := rng.To.Sub(rng.From) * 8
		rng.From = rng.To.Add(-width)
		if rng.From.Before(floor) || width <= 0 {
			rng.From = floor
		}
		if buf, err = r.fill(ctx, s, i, rng, buf[:start], now); err != nil {
			return buf, err
		}
	}
	rows := buf[start:]
	if rng.Reverse {
		for a, b := 0, len(rows)-1; a < b; a, b = a+1, b-1 {
			rows[a], rows[b] = rows[b], rows[a]
		}
	}
	if rng.Limit > 0 && len(rows) > rng.Limit {
		rows = rows[:rng.Limit]
	}
	return buf[:start+len(rows)], nil
}

// floor is before any market.
var floor = time.Date(2009, 1, 3, 0, 0, 0, 0, time.UTC)

// bound makes a reversed or open range finite. probe says that From was guessed
// from the limit.
func (r *Reader) bound(rng market.Range, i market.Interval, now time.Time) (market.Range, bool) {
	if rng.To.IsZero() {
		rng.To = i.Next(i.Start(now)).Add(time.Nanosecond)
	}
	if rng.Reverse && rng.Limit > 0 {
		from := i.Start(rng.To.Add(-time.Nanosecond)).Add(-time.Duration(rng.Limit+1) * i.Length())
		if from.After(rng.From) && from.After(floor) {
			rng.From = from
			return rng, true
		}
	}
	return rng, false
}

// fill reads bars of the range oldest first, holes filled.
func (r *Reader) fill(ctx context.Context, s market.Series, i market.Interval, rng market.Range, buf []market.Candle, now time.Time) ([]market.Candle, error) {
	limit := 0
	if !rng.Reverse {
		limit = rng.Limit
	}
	base, has := candle.From(i)
	if !candle.Stored(i) {
		return r.rolled(ctx, s, i, base, rng, limit, buf, now)
	}
	start := len(buf)
	buf, err := r.stored(ctx, s, i, market.Range{From: rng.From, To: rng.To, Limit: limit, KnownAt: rng.KnownAt}, buf)
	if err != nil {
		return buf, err
	}
	if !has {
		return r.tail(s, i, rng, limit, buf, start), nil
	}
	// Look for holes; in the common case there is at most the one at the end.
	next := rng.From
	for k := start; k < len(buf); k++ {
		if next.IsZero() || next.Before(floor) {
			next = buf[k].Open
		}
		if buf[k].Open.After(i.Start(next.Add(i.Length() - 1))) {
			part, err := r.hole(ctx, s, i, base, market.Range{From: next, To: buf[k].Open, KnownAt: rng.KnownAt}, nil, now)
			if err != nil {
				return buf, err
			}
			if len(part) > 0 {
				buf = append(buf, part...)
				copy(buf[k+len(part):], buf[k:len(buf)-len(part)])
				copy(buf[k:], part)
				k += len(part)
			}
		}
		next = i.Next(buf[k].Open)
	}
	if limit > 0 && len(buf)-start >= limit {
		return buf[:start+limit], nil
	}
	if next.Before(rng.To) {
		return r.hole(ctx, s, i, base, market.Range{From: next, To: rng.To, KnownAt: rng.KnownAt}, buf, now)
	}
	return buf, nil
}

// hole makes the bars of a time in which none are stored: rolled up from shorter
// ones, and for the consensus from the bars of the venues where those are missing.
func (r *Reader) hole(ctx context.Context, s market.Series, i, base market.Interval, rng market.Range, buf []market.Candle, now time.Time) ([]market.Candle, error) {
	if s.Venue != market.ConsensusVenue || i == "1s" {
		return r.rolled(ctx, s, i, base, rng, 0, buf, now)
	}
	start := len(buf)
	buf, err := r.comb.bars(ctx, s.Pair, i, rng, buf, now)
	if err != nil {
		return buf, err
	}
	// The end of the range, which venues' bars do not reach yet, comes from our own.
	next := rng.From
	if n := len(buf); n > start {
		next = i.Next(buf[n-1].Open)
	}
	if next.Before(rng.To) {
		return r.rolled(ctx, s, i, base, market.Range{From: next, To: rng.To, KnownAt: rng.KnownAt}, 0, buf, now)
	}
	return buf, nil
}

func (r *Reader) stored(ctx context.Context, s market.Series, i market.Interval, rng market.Range, buf []market.Candle) ([]market.Candle, error) {
	if f, ok := r.store.(into); ok {
		return f.CandlesInto(ctx, s, i, rng, buf)
	}
	for k, err := range r.store.Candles(ctx, s, i, rng) {
		if err != nil {
			return buf, err
		}
		buf = append(buf, k)
	}
	return buf, nil
}

// tail adds the open base bar.
func (r *Reader) tail(s market.Series, i market.Interval, rng market.Range, limit int, buf []market.Candle, start int) []market.Candle {
	if r.open == nil || !rng.KnownAt.IsZero() || limit > 0 && len(buf)-start >= limit {
		return buf
	}
	k, ok := r.open(s.Venue, s.Pair, i)
	if !ok || k.Open.Before(rng.From) || !k.Open.Before(rng.To) {
		return buf
	}
	if n := len(buf); n > start && !buf[n-1].Open.Before(k.Open) {
		return buf
	}
	return append(buf, k)
}

// rolled makes bars of i from bars of base.
func (r *Reader) rolled(ctx context.Context, s market.Series, i, base market.Interval, rng market.Range, limit int, buf []market.Candle, now time.Time) ([]market.Candle, error) {
	from := rng.From
	if !from.IsZero() {
		if aligned := i.Start(from); aligned.Before(from) {
			from = i.Next(aligned)
		}
	}
	var parts []market.Candle
	var err error
	if base == "1m" || base == "1s" {
		if parts, err = r.fill(ctx, s, base, market.Range{From: from, To: rng.To, KnownAt: rng.KnownAt}, nil, now); err == nil {
			parts = r.tail(s, base, market.Range{From: from, To: rng.To, KnownAt: rng.KnownAt}, 0, parts, 0)
		}
	} else {
		parts, err = r.fill(ctx, s, base, market.Range{From: from, To: rng.To, KnownAt: rng.KnownAt}, nil, now)
	}
	if err != nil {
		return buf, err
	}
	n := 0
	for k, err := range candle.Roll(i, slice(parts)) {
		if err != nil {
			return buf, err
		}
		if end := i.Next(k.Open); !k.Complete && !end.After(now) && !k.Known.Before(end) && allComplete(parts, k.Open, end) {
			k.Complete = true // the last bar of the range, and it is over
		}
		buf = append(buf, k)
		if n++; limit > 0 && n >= limit {
			break
		}
	}
	return buf, nil
}

func allComplete(parts []market.Candle, from, to time.Time) bool {
	for j := len(parts) - 1; j >= 0 && !parts[j].Open.Before(from); j-- {
		if parts[j].Open.Before(to) && !parts[j].Complete {
			return false
		}
	}
	return true
}

func slice(rows []market.Candle) iter.Seq2[market.Candle, error] {
	return func(yield func(market.Candle, error) bool) {
		for _, k := range rows {
			if !yield(k, nil) {
				return
			}
		}
	}
}
