package tokenmetrics

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
)

// budget is how many rows one request may read before it is told to ask for less.
const budget = 250_000

// since is before every market.
var since = time.Date(2009, 1, 1, 0, 0, 0, 0, time.UTC)

// isTimeout tells whether the time for an answer ran out.
func isTimeout(err error) bool { return errors.Is(err, context.DeadlineExceeded) }

// dated is a row of a history.
type dated interface{ when() time.Time }

// past is rows of several tokens, newest first and then by market capitalisation.
type past[R dated] struct {
	rows  []R
	total int // -1: not all were counted
	more  bool
}

// place is where a row stands: rows are sorted by it rather than moved about.
type place struct {
	at        int64 // nanoseconds
	rank, row int
}

// gather reads a history of tokens and cuts the page out. read gives a token's rows from a
// time on (inclusive) to another (exclusive), in any order. Without a beginning only as
// much is read as the page needs.
func gather[R dated](ctx context.Context, q *query, tokens []*token, now time.Time, step time.Duration, read func(ctx context.Context, t *token, from, to time.Time) ([]R, error)) (past[R], error) {
	to := q.to
	if to.IsZero() || to.After(now) {
		to = now.Add(step)
	}
	if q.entire() {
		q.limit = rangeLimit
	}
	need := q.page*q.limit + 1
	var all []R
	var order []place
	read1 := func(from time.Time) error {
		all, order = all[:0], order[:0]
		for i, t := range tokens {
			if err := ctx.Err(); err != nil {
				return err
			}
			rows, err := read(ctx, t, from, to)
			if err != nil {
				return err
			}
			for j := range rows {
				order = append(order, place{rows[j].when().UnixNano(), i, len(all) + j})
			}
			if all = append(all, rows...); len(all) > budget {
				return fault.At(fault.TooLarge, "token_id", "more than %d rows would have to be read; ask for fewer tokens or days", budget)
			}
		}
		slices.SortFunc(order, func(a, b place) int {
			return cmp.Or(cmp.Compare(b.at, a.at), cmp.Compare(a.rank, b.rank), cmp.Compare(a.row, b.row))
		})
		return nil
	}
	from := q.from
	var err error
	counted := true
	if !from.IsZero() {
		err = read1(from)
	} else {
		for steps := need/max(len(tokens), 1) + 5; ; steps *= 8 {
			from = since
			if time.Duration(steps) < to.Sub(since)/step {
				from = to.Add(-time.Duration(steps) * step)
			}
			if err = read1(from); err != nil || len(order) >= need || from.Equal(since) {
				break
			}
		}
		counted = from.Equal(since)
	}
	if err != nil {
		return past[R]{}, err
	}
	p := past[R]{total: len(order)}
	for _, o := range pageOf(q, order) {
		p.rows = append(p.rows, all[o.row])
	}
	if !counted {
		p.total, p.more = -1, len(order) > q.page*q.limit
	}
	return p, nil
}

// bars reads a token's finished bars, oldest first.
func (f *Face) bars(ctx context.Context, t *token, i market.Interval, from, to time.Time) ([]market.Candle, error) {
	var out []market.Candle
	now := f.opt.Board.Now()
	s := market.Series{Venue: market.ConsensusVenue, Pair: market.NewPair(t.Code, usd)}
	r := market.Range{From: from, To: to, Limit: budget + 1}
	if into, ok := f.opt.Candles.(candlesInto); ok {
		var err error
		if out, err = into.CandlesInto(ctx, s, i, r, nil); err != nil && fault.Of(err) != fault.Unknown {
			return nil, err
		}
	} else {
		for c, err := range f.opt.Candles.Candles(ctx, s, i, r) {
			if err != nil && fault.Of(err) == fault.Unknown {
				break
			}
			if err != nil {
				return nil, err
			}
			out = append(out, c)
		}
	}
	if len(out) > budget {
		return nil, fault.At(fault.TooLarge, "startDate", "more than %d rows would have to be read; ask for fewer days", budget)
	}
	for len(out) > 0 && i.Next(out[len(out)-1].Open).After(now) {
		out = out[:len(out)-1] // the open bar would change under the reader
	}
	return out, nil
}

// candlesInto is what a reader may offer to spare a copy.
type candlesInto interface {
	CandlesInto(ctx context.Context, s market.Series, i market.Interval, r market.Range, buf []market.Candle) ([]market.Candle, error)
}
