package app

import (
	"strconv"
	"strings"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/api"
	"github.com/assayhq/assay/api/compat/tokenmetrics"
	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/fault"
)

// TokenMetricsFace are the settings of the Token Metrics face.
type TokenMetricsFace struct {
	Enabled bool     `koanf:"enabled" doc:"serve it under /compat/tokenmetrics/v2/ and /v3/"`
	Paths   []string `koanf:"paths" doc:"where to serve it too; the original paths are /v2 and /v3"`
	IDs     []string `koanf:"ids" doc:"original token ids by asset, such as SOL=1234, over those of the catalogue"`
	Address string   `koanf:"address" doc:"address of this server in links to assets; empty: as the client wrote it"`
	MaxTop  int      `koanf:"max_top" doc:"most tokens that top_k may ask for"`
}

// tokenMetrics mounts the face. Its limits are those of our own API.
func (a *App) tokenMetrics() ([]api.Mount, error) {
	c := a.cfg.Compat.TokenMetrics
	if !c.Enabled {
		return nil, nil
	}
	ids := map[asset.Code]int{}
	taken := map[int]asset.Code{}
	for _, pair := range c.IDs {
		code, text, _ := strings.Cut(pair, "=")
		id, err := strconv.Atoi(strings.TrimSpace(text))
		known, ok := a.Catalogue.Get(asset.Code(strings.ToUpper(strings.TrimSpace(code))))
		if err != nil || id < 1 || id > 1<<31-1 || !ok {
			return nil, fault.At(fault.Invalid, "compat.tokenmetrics.ids", "%q is no id of an asset; write SOL=1234, with a code of the catalogue", pair)
		}
		if other, twice := taken[id]; twice {
			return nil, fault.At(fault.Invalid, "compat.tokenmetrics.ids", "%s and %s have one id, %d", other, known.Code, id)
		}
		ids[known.Code], taken[id] = id, known.Code
	}
	f := tokenmetrics.New(tokenmetrics.Options{
		Board: a.Core, Candles: a.Reader, Assets: a.Catalogue.All, Market: a.Figures, Grades: a.Grades,
		IDs: ids, Address: c.Address, MaxTop: c.MaxTop, Now: time.Now,
	})
	patterns := []string{"/compat/tokenmetrics/"}
	for _, p := range c.Paths {
		if !strings.HasPrefix(p, "/") || strings.ContainsAny(p, " {}?#") || strings.Trim(p, "/") == "" {
			return nil, fault.At(fault.Invalid, "compat.tokenmetrics.paths", "%q is no path to serve at; write /v2 or /v3", p)
		}
		patterns = append(patterns, strings.TrimSuffix(p, "/")+"/")
	}
	var out []api.Mount
	for _, p := range patterns {
		out = append(out, api.Mount{Pattern: p, Scope: access.MarketRead, Cost: 2, KeyHeaders: []string{"api_key"}, AnyOrigin: true, Fail: f.Fail, Handler: f})
	}
	return out, nil
}
