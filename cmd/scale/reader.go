package main

import (
	"context"
	"sync"
	"time"

	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/feed"
)

// reader subscribes to everything and measures how late it comes.
type reader struct {
	sub market.Subscription

	mu     sync.Mutex
	known  map[market.Topic]bool
	assets map[market.Pair]bool
	lags   lags
	events int64
	prices int64
	second int64 // the second that is counted, and the events in it
	inIt   int64
	best   int64
}

// follow subscribes to what venues have listed since.
func (r *reader) follow(core *feed.Core) {
	var add []market.Topic
	r.mu.Lock()
	if r.assets == nil {
		r.assets = map[market.Pair]bool{}
	}
	for _, in := range core.Instruments() {
		if in.Kind != market.Spot || r.known[market.Topic{Channel: market.Trades, Venue: in.Venue, Pair: in.Pair}] {
			continue
		}
		for _, ch := range []market.Channel{market.Trades, market.Quotes, market.Books} {
			t := market.Topic{Channel: ch, Venue: in.Venue, Pair: in.Pair}
			r.known[t] = true
			add = append(add, t)
		}
		if p := market.NewPair(in.Pair.Base(), feed.USD); !r.assets[p] {
			r.assets[p] = true
			add = append(add, market.Topic{Channel: market.Prices, Venue: market.ConsensusVenue, Pair: p})
		}
	}
	r.mu.Unlock()
	r.sub.Add(add...)
}

func (r *reader) reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lags, r.events, r.prices, r.second, r.inIt, r.best = lags{}, 0, 0, 0, 0, 0
}

func (r *reader) read(ctx context.Context) {
	var buf []market.Event
	for {
		var err error
		if buf, _, err = r.sub.Next(ctx, buf[:0]); err != nil {
			return
		}
		now := time.Now()
		r.mu.Lock()
		for i := range buf {
			r.take(&buf[i], now)
		}
		r.mu.Unlock()
	}
}

func (r *reader) take(e *market.Event, now time.Time) {
	var at time.Time
	switch {
	case e.Price != nil:
		r.prices++
		return
	case e.Trade != nil:
		at = e.Trade.At
	case e.Quote != nil:
		at = e.Quote.At
	case e.Book != nil:
		at = e.Book.At
	default:
		return
	}
	r.events++
	if s := now.Unix(); s != r.second {
		r.second, r.inIt = s, 0
	}
	r.inIt++
	r.best = max(r.best, r.inIt)
	if !at.IsZero() {
		r.lags.add(now.Sub(at))
	}
}
