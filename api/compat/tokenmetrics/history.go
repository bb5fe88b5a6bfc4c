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
	read1 := func(from time.Time) ([]R, error) {
		type placed struct {
			row  R
			rank int
		}
		var all []placed
		for i, t := range tokens {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			rows, err := read(ctx, t, from, to)
			if err != nil {
				return nil, err
			}
			for _, r := range rows {
				all = append(all, placed{r, i})
			}
			if len(all) > budget {
				return nil, fault.At(fault.TooLarge, "token_id", "more than %d rows would have to be read; ask for fewer tokens or days", budget)
			}
		}
		slices.SortStableFunc(all, func(a, b placed) int {
			return cmp.Or(b.row.when().Compare(a.row.when()), cmp.Compare(a.rank, b.rank))
		})
		out := make([]R, len(all))
		for i := range all {
			out[i] = all[i].row
		}
		return out, nil
	}
	from := q.from
	var rows []R
	var err error
	counted := true
	if !from.IsZero() {
		rows, err = read1(from)
	} else {
		for steps := need/max(len(tokens), 1) + 5; ; steps *= 8 {
			from = since
			if time.Duration(steps) < to.Sub(since)/step {
				from = to.Add(-time.Duration(steps) * step)
			}
			if rows, err = read1(from); err != nil || len(rows) >= need || from.Equal(since) {
				break
			}
		}
		counted = from.Equal(since)
	}
	if err != nil {
		return past[R]{}, err
	}
	p := past[R]{rows: pageOf(q, rows), total: len(rows)}
	if !counted {
		p.total, p.more = -1, len(rows) > q.page*q.limit
	}
	return p, nil
}

// bars reads a token's finished bars, oldest first.
func (f *Face) bars(ctx context.Context, t *token, i market.Interval, from, to time.Time) ([]market.Candle, error) {
	var out []market.Candle
	now := f.opt.Board.Now()
	s := market.Series{Venue: market.ConsensusVenue, Pair: market.NewPair(t.Code, usd)}
	for c, err := range f.opt.Candles.Candles(ctx, s, i, market.Range{From: from, To: to}) {
		if err != nil {
			if fault.Of(err) == fault.Unknown {
				return nil, nil
			}
			return nil, err
		}
		if len(out) >= budget {
			return nil, fault.At(fault.TooLarge, "startDate", "more than %d rows would have to be read; ask for fewer days", budget)
		}
		if !i.Next(c.Open).After(now) { // the open bar would change under the reader
			out = append(out, c)
		}
	}
	return out, nil
}
