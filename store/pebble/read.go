package pebble

import (
	"context"
	"iter"
	"slices"

	"github.com/assayhq/assay/market"

	lsm "github.com/cockroachdb/pebble/v2"
)

// pageChunks is how many chunks are read while the store is held for a reader.
// Between pages nothing is held: a reader that stops reading costs nothing.
const pageChunks = 8

// A cursor is what of a Range is still to be read.
type cursor struct {
	from, to int64
	limit    int // 0: none
	reverse  bool
	chunks   int   // read so far
	known    int64 // rows that became known later are passed over
	done     bool
}

func cursorOf(r market.Range) cursor {
	c := cursor{from: noTime, to: forever, known: forever, limit: r.Limit, reverse: r.Reverse}
	if !r.KnownAt.IsZero() {
		c.known = bound(r.KnownAt)
	}
	if !r.From.IsZero() {
		c.from = bound(r.From)
	}
	if !r.To.IsZero() {
		c.to = bound(r.To)
	}
	c.done = c.from >= c.to
	return c
}

// open gives a view and an iterator over exactly the chunks that belong to it;
// the iterator is nil when no chunk is in reach of the cursor.
func open[T any](s *Store, sr *series[T], c *cursor) (*view[T], *lsm.Iterator, error) {
	for {
		v := sr.view.Load()
		if v.chunks == 0 || c.from > v.last || c.to <= v.first {
			return v, nil, nil
		}
		it, err := s.chunks(sr.sid)
		if err != nil {
			return nil, nil, err
		}
		if !it.First() || len(it.Key()) == chunkKeyLen {
			err := it.Close()
			if err == nil {
				err = s.damaged(sr.name, errCorrupt)
			}
			return nil, nil, err
		}
		b, err := it.ValueAndErr()
		if err == nil {
			var merges uint64
			if merges, err = mergesOf(b); err == nil && merges == v.merges {
				return v, it, nil
			}
		}
		_ = it.Close()
		if err != nil {
			return nil, nil, err
		}
		// The chunks are newer than the view: its successor is about to be published.
		sr.moving.Lock()
		//lint:ignore SA2001 waiting is all that is wanted
		sr.moving.Unlock()
	}
}

// page appends to buf the next rows that c asks for and moves c on.
func page[T any](ctx context.Context, s *Store, sr *series[T], c *cursor, buf []T) ([]T, error) {
	s.life.RLock()
	defer s.life.RUnlock()
	if s.closed {
		return buf, errClosed()
	}
	if err := ctx.Err(); err != nil {
		return buf, err
	}
	v, it, err := open(s, sr, c)
	if err != nil {
		return buf, err
	}
	if it != nil {
		defer it.Close()
	}
	if c.reverse {
		return backward(ctx, s, sr, v, it, c, buf)
	}
	return forward(ctx, s, sr, v, it, c, buf)
}

func forward[T any](ctx context.Context, s *Store, sr *series[T], v *view[T], it *lsm.Iterator, c *cursor, buf []T) ([]T, error) {
	ok := it != nil && seekChunk(it, sr.sid, c.from)
	for n := 0; ok && chunkFirst(it.Key()) < c.to; ok = it.Next() {
		if n >= pageChunks {
			return buf, nil
		}
		h, err := headAt(s, sr, it)
		if err != nil {
			return buf, err
		}
		if h.last < c.from {
			continue
		}
		_, e, err := load(s, sr, it, c.chunks < keepChunks)
		if err != nil {
			return buf, err
		}
		n++
		c.chunks++
		upto := c.to
		if h.last < upto {
			upto = h.last + 1
		}
		rows := sr.between(e.rows.([]T), c.from, c.to)
		buf = take(sr, c, buf, rows, v.part(sr, c.from, upto))
		c.from = upto
		if c.done || ctx.Err() != nil {
			return buf, ctx.Err()
		}
	}
	if it != nil {
		if err := it.Error(); err != nil {
			return buf, err
		}
	}
	buf = take(sr, c, buf, nil, v.part(sr, c.from, c.to))
	c.done = true
	return buf, nil
}

func backward[T any](ctx context.Context, s *Store, sr *series[T], v *view[T], it *lsm.Iterator, c *cursor, buf []T) ([]T, error) {
	ok := it != nil && seekChunk(it, sr.sid, c.to-1) && chunkFirst(it.Key()) < c.to
	for n := 0; ok && len(it.Key()) == chunkKeyLen; ok = it.Prev() {
		if n >= pageChunks {
			return buf, nil
		}
		h, err := headAt(s, sr, it)
		if err != nil {
			return buf, err
		}
		if h.last < c.from {
			break
		}
		_, e, err := load(s, sr, it, c.chunks < keepChunks)
		if err != nil {
			return buf, err
		}
		n++
		c.chunks++
		low := max(chunkFirst(it.Key()), c.from)
		buf = take(sr, c, buf, sr.between(e.rows.([]T), c.from, c.to), v.part(sr, low, c.to))
		c.to = low
		if c.done || ctx.Err() != nil {
			return buf, ctx.Err()
		}
		if c.from >= c.to {
			c.done = true
			return buf, nil
		}
	}
	if it != nil {
		if err := it.Error(); err != nil {
			return buf, err
		}
	}
	buf = take(sr, c, buf, nil, v.part(sr, c.from, c.to))
	c.done = true
	return buf, nil
}

// keepChunks is how many chunks of one read go into the cache. A scan of years
// must not push out what everyone else reads.
const keepChunks = 16

// part gives the rows of a time span that are in no chunk.
func (v *view[T]) part(sr *series[T], from, to int64) []T {
	tail := sr.between(v.tail, from, to)
	if len(v.late) == 0 {
		return tail
	}
	late := sr.between(v.late, from, to)
	switch {
	case len(late) == 0:
		return tail
	case len(tail) == 0:
		return late
	}
	return sr.merge(nil, tail, late)
}

// take appends to buf what the cursor still wants of two sorted runs, the second
// newer than the first.
func take[T any](sr *series[T], c *cursor, buf, rows, tail []T) []T {
	if len(tail) > 0 && len(rows) > 0 {
		rows = sr.merge(nil, rows, tail)
	} else if len(rows) == 0 {
		rows = tail
	}
	if c.known != forever {
		rows = sr.knownBy(rows, c.known)
	}
	if c.limit > 0 && len(rows) >= c.limit {
		if c.reverse {
			rows = rows[len(rows)-c.limit:]
		} else {
			rows = rows[:c.limit]
		}
		c.done = true
	} else if c.limit > 0 {
		c.limit -= len(rows)
	}
	from := len(buf)
	buf = append(buf, rows...)
	if c.reverse {
		slices.Reverse(buf[from:])
	}
	return buf
}

// knownBy copies the rows that were known at a time.
func (k *kind[T]) knownBy(rows []T, at int64) []T {
	out := make([]T, 0, len(rows))
	for i := range rows {
		if k.known(&rows[i]) <= at {
			out = append(out, rows[i])
		}
	}
	return out
}

// each yields what r asks for of a series, page by page.
func each[T any](ctx context.Context, s *Store, sr *series[T], r market.Range) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		if err := ctx.Err(); err != nil {
			yield(none, err)
			return
		}
		if sr == nil {
			return
		}
		var buf []T
		for c := cursorOf(r); !c.done; {
			var err error
			buf, err = page(ctx, s, sr, &c, buf[:0])
			for i := range buf {
				if i%1024 == 1023 && ctx.Err() != nil {
					yield(none, ctx.Err())
					return
				}
				if !yield(buf[i], nil) {
					return
				}
			}
			if err != nil {
				yield(none, err)
				return
			}
		}
	}
}

func seriesOf[T any](s *Store, t *table[T], n name) *series[T] {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return t.of[n]
}

// Trades gives the trades of a series in order of At (Received where At is not
// set), trades of one time by their number. See market.History.
func (s *Store) Trades(ctx context.Context, of market.Series, r market.Range) iter.Seq2[market.Trade, error] {
	return each(ctx, s, seriesOf(s, s.trades, name{venue: of.Venue, pair: of.Pair}), r)
}

// Quotes gives the quotes of a series in order of At (Received where At is not set).
func (s *Store) Quotes(ctx context.Context, of market.Series, r market.Range) iter.Seq2[market.Quote, error] {
	return each(ctx, s, seriesOf(s, s.quotes, name{venue: of.Venue, pair: of.Pair}), r)
}

// Candles gives the candles of a series in order of Open.
func (s *Store) Candles(ctx context.Context, of market.Series, i market.Interval, r market.Range) iter.Seq2[market.Candle, error] {
	if !r.KnownAt.IsZero() {
		return s.candlesThen(ctx, of, i, r)
	}
	return each(ctx, s, seriesOf(s, s.candles, name{of.Venue, of.Pair, i}), r)
}

// Derivatives gives the statements of a series in order of When.
func (s *Store) Derivatives(ctx context.Context, of market.Series, r market.Range) iter.Seq2[market.Derivative, error] {
	return each(ctx, s, seriesOf(s, s.derivatives, name{venue: of.Venue, pair: of.Pair}), r)
}

// Funding gives the settled funding of a series in order of FundingAt.
func (s *Store) Funding(ctx context.Context, of market.Series, r market.Range) iter.Seq2[market.Derivative, error] {
	return each(ctx, s, seriesOf(s, s.funding, name{venue: of.Venue, pair: of.Pair}), r)
}

// Liquidations gives the liquidations of a series in order of When, those of one moment
// as they came.
func (s *Store) Liquidations(ctx context.Context, of market.Series, r market.Range) iter.Seq2[market.Liquidation, error] {
	return each(ctx, s, seriesOf(s, s.liquidations, name{venue: of.Venue, pair: of.Pair}), r)
}

// CandlesInto appends to buf what Candles would give. With a buf that is large
// enough it allocates next to nothing; servers reuse theirs.
func (s *Store) CandlesInto(ctx context.Context, of market.Series, i market.Interval, r market.Range, buf []market.Candle) ([]market.Candle, error) {
	if !r.KnownAt.IsZero() {
		return s.intoThen(ctx, of, i, r, buf)
	}
	return into(ctx, s, seriesOf(s, s.candles, name{of.Venue, of.Pair, i}), r, buf)
}

// TradesInto appends to buf what Trades would give.
func (s *Store) TradesInto(ctx context.Context, of market.Series, r market.Range, buf []market.Trade) ([]market.Trade, error) {
	return into(ctx, s, seriesOf(s, s.trades, name{venue: of.Venue, pair: of.Pair}), r, buf)
}

func into[T any](ctx context.Context, s *Store, sr *series[T], r market.Range, buf []T) ([]T, error) {
	if err := ctx.Err(); err != nil {
		return buf, err
	}
	if sr == nil {
		return buf, nil
	}
	for c := cursorOf(r); !c.done; {
		var err error
		if buf, err = page(ctx, s, sr, &c, buf); err != nil {
			return buf, err
		}
	}
	return buf, nil
}

// Series lists what is stored, kind by kind, each in the order they were first seen. See market.History.
func (s *Store) Series(ctx context.Context) ([]market.Stored, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.RLock()
	runs := slices.Clone(s.runs)
	s.mu.RUnlock()
	var out []market.Stored
	for _, r := range runs {
		if d, ok := r.describe(); ok && r.listed() {
			out = append(out, d)
		}
	}
	slices.SortStableFunc(out, func(a, b market.Stored) int { return order(a.Channel) - order(b.Channel) })
	return out, nil
}

func order(c market.Channel) int {
	return slices.Index([]market.Channel{market.Trades, market.Quotes, market.Candles, market.Derivatives, market.Funding, market.Liquidations}, c)
}
