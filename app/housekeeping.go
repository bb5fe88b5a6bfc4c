package app

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/assayhq/assay/market"
)

// every calls f after each span of time until ctx ends.
func every(ctx context.Context, span time.Duration, f func()) error {
	t := time.NewTicker(span)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			f()
		case <-ctx.Done():
			return nil
		}
	}
}

// housekeeping rolls minutes up to stored hours and days, and deletes what is past
// its retention. Both can fail and be done again an hour later.
func (a *App) housekeeping(ctx context.Context) error {
	t := time.NewTicker(time.Minute)
	defer t.Stop()
	last := a.Core.Now().Truncate(time.Hour)
	for {
		select {
		case <-t.C:
		case <-ctx.Done():
			return nil
		}
		now := a.Core.Now()
		hour := now.Truncate(time.Hour)
		if !hour.After(last) || now.Sub(hour) < 30*time.Second {
			continue
		}
		if err := a.RollUp(ctx, last, hour); err != nil && ctx.Err() == nil {
			a.log.Error("hours could not be rolled up; they are made when asked for", "err", err)
		}
		last = hour
		n, err := a.History.Retain(ctx, now, a.retention())
		if err != nil && ctx.Err() == nil {
			a.log.Error("old rows could not be deleted", "err", err)
		} else if n > 0 {
			a.log.Info("old rows deleted", "rows", n)
		}
	}
}

func (a *App) retention() []market.Retention {
	r := a.cfg.Retention
	return []market.Retention{
		{Channel: market.Trades, Keep: r.Trades}, {Channel: market.Quotes, Keep: r.Quotes},
		{Channel: market.Candles, Interval: "1s", Keep: r.OneSecond}, {Channel: market.Candles, Interval: "1m", Keep: r.OneMinute},
		{Channel: market.Candles, Interval: "1h", Keep: r.OneHour},
		{Channel: market.Derivatives, Keep: r.Derivatives}, {Channel: market.Liquidations, Keep: r.Liquidations},
	}
}

// RollUp stores the hour and day bars that ended in [from, to), so that long charts
// need not be rolled up from minutes each time. Bars that are incomplete are left to
// the reader, which makes them from what there is.
func (a *App) RollUp(ctx context.Context, from, to time.Time) error {
	series, err := a.History.Series(ctx)
	if err != nil {
		return err
	}
	for _, s := range series {
		if s.Channel != market.Candles || s.Interval != "1m" || s.Last.Before(from.Add(-time.Hour)) {
			continue
		}
		var b market.Batch
		for _, i := range []market.Interval{"1h", "1d"} {
			start := i.Start(from)
			if i == "1d" && i.Start(to).Equal(start) {
				continue
			}
			for k, err := range a.Reader.Candles(ctx, s.Series, i, market.Range{From: start, To: to}) {
				if err != nil {
					return err
				}
				if k.Complete {
					b.Candles = append(b.Candles, k)
				}
			}
		}
		if len(b.Candles) > 0 {
			if err := a.History.Append(ctx, &b); err != nil {
				return err
			}
		}
	}
	return nil
}

// frameWriter keeps raw frames in batches. A full queue drops frames, counted and
// logged: they are a convenience, and must not slow the feed.
type frameWriter struct {
	store market.Frames
	log   *slog.Logger
	mu    sync.Mutex
	queue []market.Frame
	lost  int64
}

func newFrameWriter(s market.Frames, log *slog.Logger) *frameWriter {
	return &frameWriter{store: s, log: log}
}

// maxFrames bounds the frames that wait to be stored.
const maxFrames = 100_000

func (f *frameWriter) add(x market.Frame) {
	x.Data = append([]byte(nil), x.Data...)
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.queue) >= maxFrames {
		f.lost++
		return
	}
	f.queue = append(f.queue, x)
}

func (f *frameWriter) flush(ctx context.Context) {
	f.mu.Lock()
	q, lost := f.queue, f.lost
	f.queue, f.lost = nil, 0
	f.mu.Unlock()
	if lost > 0 {
		f.log.Warn("raw frames were not kept: the disk is too slow", "frames", lost)
	}
	if len(q) == 0 {
		return
	}
	if err := f.store.AppendFrames(ctx, q); err != nil {
		f.log.Error("raw frames could not be stored", "frames", len(q), "err", err)
	}
}

func (f *frameWriter) run(ctx context.Context) error {
	t := time.NewTicker(time.Second)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			f.flush(ctx)
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			f.flush(last)
			return nil
		}
	}
}
