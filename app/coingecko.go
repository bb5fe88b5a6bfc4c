package app

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/api"
	"github.com/assayhq/assay/api/compat/coingecko"
	"github.com/assayhq/assay/fault"
)

// CoinGecko are the settings of the face for clients of the CoinGecko API.
type CoinGecko struct {
	Enabled bool     `koanf:"enabled" doc:"serve it under /compat/coingecko/api/v3/"`
	Paths   []string `koanf:"paths" doc:"more places to serve it at, such as /api/v3"`
}

// coingecko gives the face at each of its places.
func (a *App) coingecko() ([]api.Mount, error) {
	c := a.cfg.Compat.CoinGecko
	if !c.Enabled {
		return nil, nil
	}
	face, err := coingecko.New(coingecko.Options{
		Market: a.Figures, Board: a.Core, Candles: a.Reader, Tickers: a.Tickers, Assets: a.Catalogue,
		Standing: a.standing, Plan: a.Gate.Plan, Gate: a.Gate, Go: a.crew.run, Shared: slices.Contains(a.cfg.Public, string(access.MarketRead)),
	})
	if err != nil {
		return nil, err
	}
	keyHeaders, keyQuery := []string{"X-Cg-Pro-Api-Key", "X-Cg-Demo-Api-Key"}, []string{"x_cg_pro_api_key", "x_cg_demo_api_key"}
	var out []api.Mount
	for _, p := range append([]string{"/compat/coingecko/api/v3"}, c.Paths...) {
		p = strings.TrimSuffix(p, "/")
		if !strings.HasPrefix(p, "/") || strings.ContainsAny(p, " {}?#%") {
			return nil, fault.At(fault.Invalid, "compat.coingecko.paths", "%q is no place to serve at; write it as /api/v3", p)
		}
		out = append(out, api.Mount{
			Pattern: p + "/", Scope: access.MarketRead, Cost: 1, AnyOrigin: true, Fail: face.Fail, Handler: http.StripPrefix(p, face),
			KeyHeaders: keyHeaders, KeyQuery: keyQuery,
		})
	}
	out = append(out, api.Mount{Pattern: "/compat/coingecko/v1", Scope: access.StreamRead, Cost: 1, Fail: face.Fail, Handler: face.Stream(), KeyHeaders: keyHeaders, KeyQuery: keyQuery})
	return out, nil
}

// standing is how a caller with a key stands against its plan.
func (a *App) standing(ctx context.Context, c *access.Caller) (s coingecko.Standing, err error) {
	s.Plan = a.Gate.Plan(c)
	app, err := a.Gate.Standing(ctx, c.Org, c.App)
	if fault.Of(err) == fault.Unknown {
		return s, nil
	}
	if m := app.Left.Month; err == nil && m.Limit > 0 {
		s.Used = m.Limit - m.Remaining
	}
	return s, err
}
