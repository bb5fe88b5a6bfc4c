package api

import (
	"context"
	"time"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/backfill"
)

// plainBackfills is a desk with one job on its way and one that has ended.
type plainBackfills struct{}

func (plainBackfills) List() []backfill.Job {
	return []backfill.Job{
		{ID: "bf_2", Request: backfill.Request{Venue: "kraken", Pair: "BTC-USD", What: market.Candles, Interval: "1m", Start: noon.Add(-10 * time.Hour), End: noon, Share: 0.5},
			State: backfill.Running, Pages: 2, Rows: 300, Added: 290, First: noon.Add(-10 * time.Hour), Last: noon.Add(-5 * time.Hour), At: noon.Add(-5 * time.Hour),
			Retries: 1, Error: "Kraken failed (HTTP 502)", Created: noon, Started: noon, Percent: 50, Left: 90 * time.Second},
		{ID: "bf_1", Request: backfill.Request{Venue: "bybit", Pair: "BTC-USDT", What: market.Trades, Start: noon.Add(-time.Hour), End: noon, Share: 0.5},
			State: backfill.Done, Pages: 1, Rows: 60, Added: 60, First: noon.Add(-time.Minute), Last: noon, At: noon.Add(-time.Minute), Backwards: true,
			Note: "Bybit gave nothing before 2026-03-01T11:59:00Z: the last 60 trades", Created: noon, Started: noon, Ended: noon, Percent: 100},
	}
}

func (p plainBackfills) Submit(_ context.Context, r backfill.Request) (backfill.Job, error) {
	if r.Interval == "3m" {
		return backfill.Job{}, fault.At(fault.Invalid, "interval", "Kraken has no candles of 3m; it has 1m, 5m")
	}
	if r.End.IsZero() {
		r.End = noon
	}
	return backfill.Job{ID: "bf_3", Request: r, State: backfill.Queued, Created: noon}, nil
}

func (p plainBackfills) Get(id string) (backfill.Job, error) {
	for _, j := range p.List() {
		if j.ID == id {
			return j, nil
		}
	}
	return backfill.Job{}, fault.At(fault.Unknown, "path.id", "there is no backfill %q; GET /v1/backfills lists them", id)
}

func (p plainBackfills) Cancel(id string) (backfill.Job, error) {
	j, err := p.Get(id)
	if err == nil && !j.State.Ended() {
		j.State, j.Ended, j.Left = backfill.Cancelled, noon, 0
	}
	return j, err
}

// plainRepairs says of every gap that its trades came.
type plainRepairs struct{}

func (plainRepairs) Repair(_ context.Context, g market.Gap) ([]market.Gap, error) {
	if g.To.IsZero() {
		return nil, fault.New(fault.Conflict, "the gap is not over; it can be filled when it is")
	}
	g.Repaired, g.RepairedBy, g.Restored = noon, market.ByTrades, g.Restored+2
	return []market.Gap{g}, nil
}
