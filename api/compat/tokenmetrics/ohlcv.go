package tokenmetrics

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/assayhq/assay/market"
)

// bar is a row of OHLCV.
type bar struct {
	tok *token
	*market.Candle
}

func (b bar) when() time.Time { return b.Open }

func (b *bar) token() *token { return b.tok }

// ohlcvFields are the columns of bars: the fair price over all exchanges, and what was
// traded in units of the asset.
func ohlcvFields(origin string, hourly bool) []field[bar] {
	at := func(b []byte, r *bar) []byte { return appendTime(b, r.Open) }
	first, second := "DATE", "TIMESTAMP"
	if hourly {
		first, second = second, first
	}
	return append(triple((*bar).token),
		of(first, at), of(second, at),
		of("OPEN", func(b []byte, r *bar) []byte { return r.O.Append(b) }),
		of("HIGH", func(b []byte, r *bar) []byte { return r.H.Append(b) }),
		of("LOW", func(b []byte, r *bar) []byte { return r.L.Append(b) }),
		of("CLOSE", func(b []byte, r *bar) []byte { return r.C.Append(b) }),
		of("VOLUME", func(b []byte, r *bar) []byte { return r.Volume.Append(b) }),
		linked("", origin, (*bar).token),
	)
}

func (f *Face) dailyBars(ctx context.Context, q *query) (*answer, error) {
	return f.ohlcv(ctx, q, daily)
}

func (f *Face) hourlyBars(ctx context.Context, q *query) (*answer, error) {
	return f.ohlcv(ctx, q, hourly)
}

func (f *Face) ohlcv(ctx context.Context, q *query, i market.Interval) (*answer, error) {
	tokens, _, err := f.tokens(ctx, q)
	if err != nil {
		return nil, err
	}
	p, err := gather(ctx, q, tokens, f.opt.Board.Now(), i.Length(), func(ctx context.Context, t *token, from, to time.Time) ([]bar, error) {
		cs, err := f.bars(ctx, t, i, from, to)
		out := make([]bar, len(cs))
		for j := range cs {
			out[j] = bar{t, &cs[j]}
		}
		return out, err
	})
	if err != nil {
		return nil, err
	}
	a := &answer{table: tabulate(q.version, ohlcvFields(q.origin, i == hourly), p.rows), total: p.total, more: p.more}
	a.message = counted(len(p.rows), "bar")
	if len(p.rows) == 0 {
		a.message += " Only finished bars of the fair price in USD that are stored here are answered."
	} else {
		a.asOf = i.Next(p.rows[0].Open)
		if q.page == 1 && (q.to.IsZero() || q.to.After(f.opt.Board.Now())) {
			f.judge(a, i.Length()+10*time.Minute)
		}
	}
	a.flaws(p.rows, i)
	return a, nil
}

// flaws says which bars are missing between those of the page, and which lack data.
func (a *answer) flaws(rows []bar, i market.Interval) {
	if len(rows) == 0 {
		return
	}
	var missing, partial []string
	last := map[int]time.Time{}
	for j := range rows { // newest first
		r := &rows[j]
		if next, ok := last[r.tok.id]; ok {
			for t := i.Next(r.Open); t.Before(next) && len(missing) < 1000; t = i.Next(t) {
				missing = append(missing, r.tok.Symbol+" "+stamp(t, i))
			}
		}
		last[r.tok.id] = r.Open
		if !r.Complete {
			partial = append(partial, r.tok.Symbol+" "+stamp(r.Open, i))
		}
	}
	tell := func(list []string, text string) {
		if n := len(list); n > 0 {
			a.warnings = append(a.warnings, fmt.Sprintf("%d %s: %s", n, text, some(list)))
		}
	}
	tell(missing, "bars are missing between those given")
	tell(partial, "bars are made of data with gaps")
}

func stamp(t time.Time, i market.Interval) string {
	if i == daily {
		return t.UTC().Format(time.DateOnly)
	}
	return t.UTC().Format("2006-01-02T15:04Z")
}

// some lists the first few.
func some(list []string) string {
	const few = 10
	if len(list) > few {
		return strings.Join(list[:few], ", ") + fmt.Sprintf(" and %d more", len(list)-few)
	}
	return strings.Join(list, ", ")
}
