package feed

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/consensus"
	"github.com/assayhq/assay/money"
)

// combiner makes consensus bars for times when no consensus was computed, such as
// before the first start, from the bars of single venues: the median of each of
// open, high, low and close over the venues that have the bar in the quote or in a
// stablecoin pegged to it, and the sum of their volumes. Such bars carry the mark
// backfilled, and peg_assumed where a stablecoin stood in.
type combiner struct {
	store market.History
	peg   consensus.Peg

	mu   sync.Mutex
	at   time.Time
	list []market.Series // of candles, all venues
}

// listFor is how long the list of stored series is used before it is read again.
const listFor = 15 * time.Second

func (c *combiner) series(ctx context.Context, p market.Pair, now time.Time) ([]market.Series, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.at.IsZero() || now.Sub(c.at) > listFor || now.Before(c.at) {
		all, err := c.store.Series(ctx)
		if err != nil {
			return nil, err
		}
		c.list = c.list[:0]
		for _, s := range all {
			if s.Channel == market.Candles && s.Venue != market.ConsensusVenue && !slices.Contains(c.list, s.Series) {
				c.list = append(c.list, s.Series)
			}
		}
		c.at = now
	}
	var out []market.Series
	for _, s := range c.list {
		if s.Pair.Spot() && s.Pair.Base() == p.Base() && c.counts(s.Pair.Quote(), p.Quote()) {
			out = append(out, s)
		}
	}
	return out, nil
}

func (c *combiner) counts(q, want asset.Code) bool {
	if q == want {
		return true
	}
	to, ok := c.peg(q)
	return ok && to == want
}

// bars appends the combined bars of the range, oldest first.
func (c *combiner) bars(ctx context.Context, p market.Pair, i market.Interval, rng market.Range, buf []market.Candle, now time.Time) ([]market.Candle, error) {
	series, err := c.series(ctx, p, now)
	if err != nil {
		return buf, err
	}
	var all []market.Candle
	for _, s := range series {
		for k, err := range c.store.Candles(ctx, s, i, rng) {
			if err != nil {
				return buf, err
			}
			all = append(all, k)
		}
	}
	slices.SortStableFunc(all, func(a, b market.Candle) int { return a.Open.Compare(b.Open) })
	for len(all) > 0 {
		n := 1
		for n < len(all) && all[n].Open.Equal(all[0].Open) {
			n++
		}
		buf = append(buf, c.one(p, i, all[:n]))
		all = all[n:]
	}
	return buf, nil
}

func (c *combiner) one(p market.Pair, i market.Interval, ks []market.Candle) market.Candle {
	out := market.Candle{Venue: market.ConsensusVenue, Pair: p, Interval: i, Open: ks[0].Open, Trades: -1, Complete: true, Marks: market.Backfilled}
	var volume money.Sum
	for k := range ks {
		volume.Add(ks[k].Volume.Decimal)
		out.Complete = out.Complete && ks[k].Complete
		if ks[k].Known.After(out.Known) {
			out.Known = ks[k].Known
		}
		if ks[k].Pair.Quote() != p.Quote() {
			out.Marks |= market.PegAssumed
		}
	}
	v, _ := volume.Decimal(money.MaxDigits)
	out.Volume = money.Qty{Decimal: v}
	out.O = middle(ks, func(k *market.Candle) money.Price { return k.O })
	out.H = middle(ks, func(k *market.Candle) money.Price { return k.H })
	out.L = middle(ks, func(k *market.Candle) money.Price { return k.L })
	out.C = middle(ks, func(k *market.Candle) money.Price { return k.C })
	return out
}

// middle is the median of a field, exact: of an even number, the mean of the two.
func middle(ks []market.Candle, f func(*market.Candle) money.Price) money.Price {
	ps := make([]money.Price, len(ks))
	for i := range ks {
		ps[i] = f(&ks[i])
	}
	slices.SortFunc(ps, func(a, b money.Price) int { return a.Cmp(b.Decimal) })
	n := len(ps)
	if n%2 == 0 {
		if m, err := money.Mid(ps[n/2-1], ps[n/2]); err == nil {
			return m
		}
	}
	return ps[n/2]
}
