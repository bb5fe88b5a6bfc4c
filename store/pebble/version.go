package pebble

import (
	"context"
	"iter"

	"github.com/assayhq/assay/market"

	lsm "github.com/cockroachdb/pebble/v2"
)

// versions are the closed candles that later ones took the place of: a series of its own
// beside the candles, in which one interval has as many rows as it had versions.
func versions() *kind[market.Candle] {
	k := candles()
	k.code, k.hidden, k.wins = 'v', true, nil
	k.after = func(a, b *market.Candle) bool {
		if ta, tb := candleTime(a), candleTime(b); ta != tb {
			return ta > tb
		}
		return nanos(a.Known) > nanos(b.Known)
	}
	k.same = func(a, b *market.Candle) bool { return *a == *b }
	return k
}

// putCandles stages what candles change, and what they leave behind. A row is held
// against the one that stands, wherever that is: only new and superseding rows go to the
// tail, so that among a series' rows of one time the later one always wins.
func (tx *txn) putCandles(g group[market.Candle]) error {
	look := &looker{s: tx.s, series: g.series}
	defer look.close()
	kept := g.rows[:0]
	var at map[int64]int // places in kept, by time
	if len(g.rows) > 1 {
		at = make(map[int64]int, len(g.rows))
	}
	var left []market.Candle
	for i := range g.rows {
		c := g.rows[i]
		when := candleTime(&c)
		place, mine := at[when]
		var old market.Candle
		found := mine
		if mine {
			old = kept[place]
		} else {
			var err error
			if old, found, err = look.candle(when); err != nil {
				return err
			}
		}
		switch {
		case !found:
			if at != nil {
				at[when] = len(kept)
			}
			kept = append(kept, c)
		case !c.Supersedes(&old):
			if c.Closed() && c.Known.Before(old.Known) && !c.Same(&old) {
				left = append(left, c)
			}
		case c.Same(&old): // no change: when we first knew stays
		default:
			if old.Closed() && old.Known.Before(c.Known) {
				left = append(left, old)
			}
			if mine {
				kept[place] = c
				continue
			}
			if at != nil {
				at[when] = len(kept)
			}
			kept = append(kept, c)
		}
	}
	stage(tx, g.series, kept, len(g.rows))
	if len(left) == 0 {
		return nil
	}
	sr := find(tx.s, tx.s.versions, g.series.name)
	rows, err := newRows(tx.s, sr, left)
	if err != nil {
		return err
	}
	stage(tx, sr, rows, len(rows))
	return nil
}

// A looker finds the candle that stands, for the writer.
type looker struct {
	s      *Store
	series *series[market.Candle]
	it     *lsm.Iterator
}

func (l *looker) close() {
	if l.it != nil {
		_ = l.it.Close()
	}
}

func (l *looker) candle(at int64) (c market.Candle, found bool, err error) {
	sr := l.series
	for _, rows := range [][]market.Candle{sr.late, sr.tail} { // late ones are newer
		if same := sr.between(rows, at, plus(at, 1)); len(same) > 0 {
			return same[0], true, nil
		}
	}
	if sr.chunks == 0 || at < sr.first || at > sr.last {
		return c, false, nil
	}
	if l.it == nil {
		if l.it, err = l.s.chunks(sr.sid); err != nil {
			return c, false, err
		}
	}
	if !seekChunk(l.it, sr.sid, at) {
		return c, false, l.s.damaged(sr.name, errCorrupt)
	}
	_, e, err := load(l.s, sr, l.it, true)
	if err != nil {
		return c, false, err
	}
	if same := sr.between(e.rows.([]market.Candle), at, plus(at, 1)); len(same) > 0 {
		return same[0], true, nil
	}
	return c, false, nil
}

// candlesThen gives the candles of a series as they were known at r.KnownAt: it walks
// candles and earlier versions side by side, because versions are few.
func (s *Store) candlesThen(ctx context.Context, of market.Series, i market.Interval, r market.Range) iter.Seq2[market.Candle, error] {
	return func(yield func(market.Candle, error) bool) {
		then, n := bound(r.KnownAt), name{of.Venue, of.Pair, i}
		all := market.Range{From: r.From, To: r.To, Reverse: r.Reverse}
		next, stop := iter.Pull2(each(ctx, s, seriesOf(s, s.versions, n), all))
		defer stop()
		older, err, more := next()
		given := 0
		for c, failed := range each(ctx, s, seriesOf(s, s.candles, n), all) {
			if failed != nil {
				yield(c, failed)
				return
			}
			best, found := c, nanos(c.Known) <= then
			for ; more && err == nil && !behind(&older, &c, r.Reverse); older, err, more = next() {
				if older.Open.Equal(c.Open) && nanos(older.Known) <= then && (!found || older.Supersedes(&best)) {
					best, found = older, true
				}
			}
			if err != nil {
				yield(older, err)
				return
			}
			if !found {
				continue
			}
			if !yield(best, nil) {
				return
			}
			if given++; given == r.Limit {
				return
			}
		}
	}
}

// intoThen appends to buf what candlesThen gives.
func (s *Store) intoThen(ctx context.Context, of market.Series, i market.Interval, r market.Range, buf []market.Candle) ([]market.Candle, error) {
	for c, err := range s.candlesThen(ctx, of, i, r) {
		if err != nil {
			return buf, err
		}
		buf = append(buf, c)
	}
	return buf, nil
}

// behind tells whether a version is of a later interval than c, in the direction of reading.
func behind(v, c *market.Candle, reverse bool) bool {
	if reverse {
		return v.Open.Before(c.Open)
	}
	return v.Open.After(c.Open)
}

// Corrections tells how closed candles were corrected; see market.History.
func (s *Store) Corrections(ctx context.Context, of market.Series, i market.Interval, r market.Range) iter.Seq2[market.Correction, error] {
	return func(yield func(market.Correction, error) bool) {
		n := name{of.Venue, of.Pair, i}
		given := 0
		// tell gives the corrections of one interval, whose earlier versions are vs.
		tell := func(vs []market.Candle) bool {
			open := vs[0].Open
			stands, err := into(ctx, s, seriesOf(s, s.candles, n), market.Range{From: open, To: open.Add(1)}, nil)
			if err != nil {
				yield(market.Correction{}, err)
				return false
			}
			list := market.Corrections(append(vs, stands...))
			for k := range list {
				c := list[k]
				if r.Reverse {
					c = list[len(list)-1-k]
				}
				if !r.KnownAt.IsZero() && c.After.Known.After(r.KnownAt) {
					continue
				}
				if !yield(c, nil) {
					return false
				}
				if given++; given == r.Limit {
					return false
				}
			}
			return true
		}
		var vs []market.Candle
		for v, err := range each(ctx, s, seriesOf(s, s.versions, n), market.Range{From: r.From, To: r.To, Reverse: r.Reverse}) {
			if err != nil {
				yield(market.Correction{}, err)
				return
			}
			if len(vs) > 0 && !vs[0].Open.Equal(v.Open) {
				if !tell(vs) {
					return
				}
				vs = nil
			}
			vs = append(vs, v)
		}
		if len(vs) > 0 {
			tell(vs)
		}
	}
}
