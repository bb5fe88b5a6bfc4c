package export

import (
	"context"
	"strings"
	"time"

	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/candle"
)

// read fills batches until everything was read.
func (e *Export) read(ctx context.Context, full chan<- *batch, empty <-chan *batch) error {
	r := reading{e: e, ctx: ctx, full: full, empty: empty, b: <-empty, marks: map[market.Mark]string{}}
	for _, p := range e.parts {
		var err error
		if e.req.Channel == market.Trades {
			err = r.trades(p)
		} else {
			err = r.candles(p)
		}
		if err != nil {
			return err
		}
	}
	if r.b.rows > 0 {
		return r.pass(false)
	}
	return ctx.Err()
}

// reading is the reader's side of a run.
type reading struct {
	e     *Export
	ctx   context.Context
	full  chan<- *batch
	empty <-chan *batch
	b     *batch
	marks map[market.Mark]string // as text, made once each
}

// pass hands the batch over and waits for another one, if more is to come.
func (r *reading) pass(more bool) error {
	select {
	case r.full <- r.b:
	case <-r.ctx.Done():
		return r.ctx.Err()
	}
	if !more {
		return nil
	}
	select {
	case r.b = <-r.empty:
		return nil
	case <-r.ctx.Done():
		return r.ctx.Err()
	}
}

func (r *reading) names(m market.Mark) string {
	if m == 0 {
		return ""
	}
	s, ok := r.marks[m]
	if !ok {
		s = strings.Join(m.Names(), ";")
		r.marks[m] = s
	}
	return s
}

// late tells whether a row was not known in time, and counts it.
func (r *reading) late(known time.Time) bool {
	before := r.e.req.KnownBefore
	if before.IsZero() || !known.IsZero() && known.Before(before) {
		return false
	}
	r.e.left.Add(1)
	return true
}

func (r *reading) trades(p part) error {
	for t, err := range r.e.src.History.Trades(r.ctx, p.Series, market.Range{From: p.from, To: p.to}) {
		if err != nil {
			return err
		}
		if r.late(t.Received) {
			continue
		}
		r.b.trade(&t, r.names(t.Marks))
		if r.b.rows == batchRows {
			if err := r.pass(true); err != nil {
				return err
			}
		}
	}
	return r.ctx.Err()
}

// candlesInto is what a reader of candles may offer to spare a copy.
type candlesInto interface {
	CandlesInto(ctx context.Context, s market.Series, i market.Interval, r market.Range, buf []market.Candle) ([]market.Candle, error)
}

func (r *reading) candles(p part) error {
	lanes, err := newLanes(r.e.req.Indicators)
	if err != nil {
		return err
	}
	i := r.e.req.Interval
	var rows []market.Candle
	for from := p.from; from.Before(p.to); {
		to := after(i, from, window(i))
		if p.to.Before(to) {
			to = p.to
		}
		if rows, err = r.bars(p.Series, market.Range{From: from, To: to}, rows[:0]); err != nil {
			return err
		}
		for k := range rows {
			c := &rows[k]
			if r.late(c.Known) {
				continue
			}
			if err := lanes.step(c); err != nil {
				return err
			}
			r.b.candle(c, r.names(c.Marks), lanes.out)
			if r.b.rows == batchRows {
				if err := r.pass(true); err != nil {
					return err
				}
			}
		}
		if err := r.ctx.Err(); err != nil {
			return err
		}
		from = to
	}
	return nil
}

// bars reads as of KnownBefore, so that a candle that was corrected later is told as it was.
func (r *reading) bars(s market.Series, rng market.Range, buf []market.Candle) ([]market.Candle, error) {
	if before := r.e.req.KnownBefore; !before.IsZero() {
		rng.KnownAt = before.Add(-time.Nanosecond)
	}
	if into, ok := r.e.src.Candles.(candlesInto); ok {
		return into.CandlesInto(r.ctx, s, r.e.req.Interval, rng, buf)
	}
	for c, err := range r.e.src.Candles.Candles(r.ctx, s, r.e.req.Interval, rng) {
		if err != nil {
			return buf, err
		}
		buf = append(buf, c)
	}
	return buf, nil
}

// window is how many bars are read at once. A reader may have to make each of shorter
// ones (a day of minutes), so the longer a bar, the fewer.
func window(i market.Interval) int {
	n := 16384
	base := i
	if !candle.Stored(i) {
		base, _ = candle.From(i)
	}
	switch base {
	case "1m":
		n = 8192
	case "1h":
		n = 2048
	case "1d":
		n = 128
	}
	return max(1, n/int(i.Length()/base.Length()))
}

// after is the start of the n-th bar after the one that starts at t.
func after(i market.Interval, t time.Time, n int) time.Time {
	if strings.HasSuffix(string(i), "M") {
		return t.AddDate(0, n, 0)
	}
	return t.Add(time.Duration(n) * i.Length())
}
