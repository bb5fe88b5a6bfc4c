package figures

import (
	"context"
	"time"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/market"
)

// read brings the past of assets from the store, one after another, until ctx ends.
func (e *Engine) read(ctx context.Context) {
	if e.opt.History == nil || e.opt.Candles == nil {
		return
	}
	t := time.NewTicker(cadence)
	defer t.Stop()
	for {
		e.Load(ctx, settle)
		select {
		case <-t.C:
		case <-ctx.Done():
			return
		}
	}
}

// Load reads the past of all assets that have waited for it for as long as wait. Run
// calls it; tests and replays may. What cannot be read is logged and tried again.
func (e *Engine) Load(ctx context.Context, wait time.Duration) {
	due := e.due(wait)
	if len(due) == 0 {
		return
	}
	stored, err := e.opt.History.Series(ctx)
	if err != nil {
		if ctx.Err() == nil {
			e.log.Error("figures: the stored series cannot be listed", "err", err)
		}
		return
	}
	by := map[asset.Code][]market.Stored{}
	for _, s := range stored {
		if s.Channel == market.Candles && s.Pair.Spot() {
			by[s.Pair.Base()] = append(by[s.Pair.Base()], s)
		}
	}
	if due[0] == "" { // the first time: whatever is stored
		due = due[:0]
		for a := range by {
			due = append(due, a)
		}
		e.mu.Lock()
		e.primed = true
		e.mu.Unlock()
	}
	for _, a := range due {
		if ctx.Err() != nil {
			return
		}
		if err := e.load(ctx, a, by[a]); err != nil && ctx.Err() == nil {
			e.log.Error("figures: the past of an asset cannot be read", "asset", string(a), "err", err)
			e.mu.Lock()
			e.want(a, e.now)
			e.mu.Unlock()
		}
	}
}

// due takes the assets whose wait is over; "" alone means all there are.
func (e *Engine) due(wait time.Duration) []asset.Code {
	now := e.opt.Board.Now()
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.primed {
		clear(e.wish)
		return []asset.Code{""}
	}
	var out []asset.Code
	for a, since := range e.wish {
		if now.Sub(since) >= wait || now.Before(since) {
			out = append(out, a)
			delete(e.wish, a)
		}
	}
	return out
}

// load reads one asset and puts it in place, with the bars that came meanwhile.
func (e *Engine) load(ctx context.Context, a asset.Code, stored []market.Stored) error {
	e.mu.Lock()
	e.loading, e.arrived = a, nil
	e.mu.Unlock()
	now := e.opt.Board.Now()
	p, err := e.fetch(ctx, a, stored, now)
	e.mu.Lock()
	defer e.mu.Unlock()
	arrived := e.arrived
	e.loading, e.arrived = "", nil
	if err != nil {
		return err
	}
	for i := range arrived {
		if k := &arrived[i]; k.Venue == market.ConsensusVenue {
			p.fair(k, now)
		} else {
			p.traded(k)
		}
	}
	if old := e.pasts[a]; old != nil {
		p.version = old.version + 1
	}
	e.pasts[a] = p
	return nil
}

func (e *Engine) fetch(ctx context.Context, a asset.Code, stored []market.Stored, now time.Time) (*past, error) {
	p := newPast()
	first := now
	for _, s := range stored {
		if s.First.Before(first) && !s.First.IsZero() {
			first = s.First
		}
	}
	fair := market.Series{Venue: market.ConsensusVenue, Pair: market.NewPair(a, USD)}
	for _, part := range []struct {
		interval market.Interval
		back     time.Duration
	}{{"1d", days * 24 * time.Hour}, {"1h", (hours - 4) * time.Hour}, {"1m", (minutes - 4) * time.Minute}} {
		from := part.interval.Start(now.Add(-part.back))
		if from.Before(first) {
			from = part.interval.Start(first)
		}
		for k, err := range e.opt.Candles.Candles(ctx, fair, part.interval, market.Range{From: from, To: now}) {
			if err != nil {
				return nil, err
			}
			p.fair(&k, now)
		}
	}
	from := now.Add(-(minutes - 4) * time.Minute).Truncate(time.Minute)
	begun := map[market.Series]time.Time{} // first minute that is stored
	for _, s := range stored {
		if s.Interval != "1m" || s.Venue == market.ConsensusVenue || s.Last.Before(from) {
			continue
		}
		for k, err := range e.opt.History.Candles(ctx, s.Series, "1m", market.Range{From: from, To: now}) {
			if err != nil {
				return nil, err
			}
			if begun[s.Series].IsZero() {
				begun[s.Series] = k.Open
			}
			p.stored(&k, minuteOf(now))
		}
	}
	// A back-fill reaches less far in minutes than in hours: before the first minute, the
	// hours count. A series that was stored all the time has none to add.
	for _, s := range stored {
		if s.Interval != "1h" || s.Venue == market.ConsensusVenue || s.Last.Before(from) {
			continue
		}
		to := begun[s.Series]
		if to.IsZero() {
			to = now
		}
		for k, err := range e.opt.History.Candles(ctx, s.Series, "1h", market.Range{From: from, To: to}) {
			if err != nil {
				return nil, err
			}
			if !k.Open.Add(time.Hour).After(to) {
				p.stored(&k, minuteOf(now))
			}
		}
	}
	p.newest = max(p.newest, minuteOf(now)-1) // what is older can no longer be revised here
	return p, nil
}
