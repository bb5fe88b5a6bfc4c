package app

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/api"
	"github.com/assayhq/assay/api/compat/binance"
	"github.com/assayhq/assay/api/compat/prometheus"
	"github.com/assayhq/assay/api/compat/udf"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/venue/all"
)

// Compat says which compatible faces are served.
type Compat struct {
	Binance    BinanceFace `koanf:"binance" doc:"market data as Binance spot tells them"`
	UDF        Face        `koanf:"udf" doc:"a data feed for TradingView's charts"`
	Prometheus Face        `koanf:"prometheus" doc:"the query API of Prometheus"`
	CoinGecko  CoinGecko   `koanf:"coingecko" doc:"the CoinGecko API v3"`
	// TokenMetrics is in tokenmetrics.go.
	TokenMetrics TokenMetricsFace `koanf:"tokenmetrics" doc:"the Token Metrics Data API, versions 2 and 3"`
}

// Face are the settings that every compatible face has.
type Face struct {
	Enabled bool     `koanf:"enabled" doc:"serve it under /compat/ and its name"`
	Paths   []string `koanf:"paths" doc:"more places to serve it at, such as / for its original paths"`
}

// BinanceFace are those of the Binance face.
type BinanceFace struct {
	Enabled bool     `koanf:"enabled" doc:"serve it under /compat/binance/"`
	Paths   []string `koanf:"paths" doc:"more places to serve it at; / is the original paths /api/v3/, /ws and /stream"`
	Venue   string   `koanf:"venue" doc:"whose data it shows: an exchange that is followed, or consensus"`
}

func defaultCompat() Compat {
	return Compat{Binance: BinanceFace{Enabled: true, Venue: "binance"}, UDF: Face{Enabled: true}, Prometheus: Face{Enabled: true}, CoinGecko: CoinGecko{Enabled: true}, TokenMetrics: TokenMetricsFace{Enabled: true, MaxTop: 100}}
}

// faces are the compatible APIs that the settings ask for.
func (a *App) faces() ([]api.Mount, error) {
	var out []api.Mount
	for _, f := range []func() ([]api.Mount, error){a.binance, a.udf, a.prometheus, a.coingecko, a.tokenMetrics} {
		mounts, err := f()
		if err != nil {
			return nil, err
		}
		out = append(out, mounts...)
	}
	return out, nil
}

func (a *App) binance() ([]api.Mount, error) {
	c := a.cfg.Compat.Binance
	if !c.Enabled {
		return nil, nil
	}
	v := market.VenueID(c.Venue)
	if _, ok := all.Driver(v); !ok && v != market.ConsensusVenue {
		return nil, fault.At(fault.Invalid, "compat.binance.venue", "there is no venue %q; use consensus or one of %s", v, venueList())
	}
	h := binance.New(binance.Options{Board: a.Core, History: a.History, Candles: a.Reader, Bus: a.Bus, Gate: a.Gate, Venue: v, Go: a.crew.run, Now: time.Now, Origins: a.cfg.Origins, Logger: a.log})
	data := api.Mount{Scope: access.MarketRead, Cost: 1, KeyHeaders: []string{"X-MBX-APIKEY"}, AnyOrigin: true, Fail: binance.Fail, Handler: h}
	stream := data
	stream.Scope = access.StreamRead
	out, err := places("compat.binance.paths", c.Paths, data, "/compat/binance/", "/api/v3/")
	if err != nil {
		return nil, err
	}
	more, err := places("compat.binance.paths", c.Paths, stream, "/compat/binance/ws", "/ws")
	out = append(out, more...)
	for _, p := range []string{"/ws/", "/stream"} {
		more, _ = places("", c.Paths, stream, "/compat/binance"+p, p)
		out = append(out, more...)
	}
	return out, err
}

func (a *App) udf() ([]api.Mount, error) {
	if !a.cfg.Compat.UDF.Enabled {
		return nil, nil
	}
	h := udf.New(udf.Options{Board: a.Core, Candles: a.Reader, Logger: a.log})
	return places("compat.udf.paths", a.cfg.Compat.UDF.Paths, api.Mount{Scope: access.MarketRead, Cost: 1, AnyOrigin: true, Fail: udf.Fail, Handler: h}, "/compat/udf/", "/")
}

func (a *App) prometheus() ([]api.Mount, error) {
	if !a.cfg.Compat.Prometheus.Enabled {
		return nil, nil
	}
	h := prometheus.New(prometheus.Options{Board: a.Core, History: a.History, Candles: a.Reader, Version: a.version, Logger: a.log})
	return places("compat.prometheus.paths", a.cfg.Compat.Prometheus.Paths, api.Mount{Scope: access.MarketRead, Cost: 1, AnyOrigin: true, Fail: prometheus.Fail, Handler: h}, "/compat/prometheus/", "/api/v1/")
}

// places mounts a face at its own pattern and, below each of the paths, at its original one.
func places(setting string, paths []string, m api.Mount, own, original string) ([]api.Mount, error) {
	m.Pattern = own
	out := []api.Mount{m}
	h := m.Handler
	for _, p := range paths {
		p = strings.TrimSuffix(p, "/")
		if p != "" && !strings.HasPrefix(p, "/") || strings.ContainsAny(p, " {}?#%") || p+original == "/" {
			return nil, fault.At(fault.Invalid, setting, "%q is no place to serve at; write it as /market", p)
		}
		m.Pattern, m.Handler = p+original, http.StripPrefix(p, h)
		out = append(out, m)
	}
	return out, nil
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
