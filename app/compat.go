package app

import (
	"context"
	"sync"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/api"
	"github.com/assayhq/assay/api/compat/binance"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/venue/all"
)

// Compat says which compatible faces are served.
type Compat struct {
	Binance BinanceFace `koanf:"binance" doc:"market data as Binance spot tells them"`
	// TokenMetrics is in tokenmetrics.go.
	TokenMetrics TokenMetricsFace `koanf:"tokenmetrics" doc:"the Token Metrics Data API, versions 2 and 3"`
	UDF          Face             `koanf:"udf" doc:"a data feed for TradingView's charts"`
	Prometheus   Face             `koanf:"prometheus" doc:"the query API of Prometheus"`
}

// Face are the settings that every compatible face has.
type Face struct {
	Enabled bool `koanf:"enabled" doc:"serve it under /compat/ and its name"`
	Paths   bool `koanf:"paths" doc:"serve it at its original paths too"`
}

// BinanceFace are those of the Binance face.
type BinanceFace struct {
	Enabled bool   `koanf:"enabled" doc:"serve it under /compat/binance/"`
	Paths   bool   `koanf:"paths" doc:"serve it at /api/v3/, /ws and /stream too"`
	Venue   string `koanf:"venue" doc:"whose data it shows: an exchange that is followed, or consensus"`
}

func defaultCompat() Compat {
	return Compat{Binance: BinanceFace{Enabled: true, Venue: "binance"}, UDF: Face{Enabled: true}, Prometheus: Face{Enabled: true}, TokenMetrics: TokenMetricsFace{Enabled: true, MaxTop: 100}}
}

// faces are the compatible APIs that the settings ask for.
func (a *App) faces() ([]api.Mount, error) {
	c := a.cfg.Compat
	var out []api.Mount
	if c.Binance.Enabled {
		v := market.VenueID(c.Binance.Venue)
		if _, ok := all.Driver(v); !ok && v != market.ConsensusVenue {
			return nil, fault.At(fault.Invalid, "compat.binance.venue", "there is no venue %q; use consensus or one of %s", v, venueList())
		}
		h := binance.New(binance.Options{Board: a.Core, History: a.History, Candles: a.Reader, Bus: a.Bus, Gate: a.Gate, Venue: v, Go: a.crew.run, Now: time.Now, Origins: a.cfg.Origins, Logger: a.log})
		add := func(scope access.Scope, patterns ...string) {
			for _, p := range patterns {
				out = append(out, api.Mount{Pattern: p, Scope: scope, Cost: 1, KeyHeaders: []string{"X-MBX-APIKEY"}, AnyOrigin: true, Fail: binance.Fail, Handler: h})
			}
		}
		add(access.MarketRead, "/compat/binance/")
		add(access.StreamRead, "/compat/binance/ws", "/compat/binance/ws/", "/compat/binance/stream")
		if c.Binance.Paths {
			add(access.MarketRead, "/api/v3/")
			add(access.StreamRead, "/ws", "/ws/", "/stream")
		}
	}
	more, err := a.tokenMetrics()
	return append(out, more...), err
}

// crew runs the streams of compatible faces and waits for them.
type crew struct {
	mu    sync.Mutex
	ctx   context.Context
	ended bool
	wg    sync.WaitGroup
	stop  context.CancelFunc
}

func newCrew() *crew {
	c := &crew{}
	c.ctx, c.stop = context.WithCancel(context.Background())
	return c
}

// run runs f beside the caller; its context ends when the crew does.
func (c *crew) run(f func(context.Context)) {
	c.mu.Lock()
	if !c.ended {
		c.wg.Go(func() { f(c.ctx) })
		c.mu.Unlock()
		return
	}
	c.mu.Unlock()
	f(c.ctx) // which has ended, so f ends at once
}

// wait keeps the crew until ctx ends, and then until everybody has come home.
func (c *crew) wait(ctx context.Context) error {
	<-ctx.Done()
	c.mu.Lock()
	c.ended = true
	c.mu.Unlock()
	c.stop()
	c.wg.Wait()
	return nil
}
