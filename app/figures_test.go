package app_test

import (
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/assayhq/assay/app"
)

func TestTheDemonstrationTellsFigures(t *testing.T) {
	s := startDemo(t, t.TempDir())
	eventually(t, "BTC has a rank, a change and a volume", func() bool {
		status, body := s.get(t, "/v1/figures/BTC")
		var a struct {
			Data struct {
				Rank   *int     `json:"rank"`
				Change *float64 `json:"change_1h"`
				Volume *string  `json:"volume_24h"`
				Cap    *string  `json:"cap"`
				Source *string  `json:"supply_source"`
			}
			Meta struct{ Simulated bool }
		}
		if status != 200 {
			return false
		}
		if err := json.Unmarshal([]byte(body), &a); err != nil {
			t.Fatal(err)
		}
		if !a.Meta.Simulated {
			t.Fatal("the figures do not say that they are simulated")
		}
		return a.Data.Rank != nil && a.Data.Change != nil && a.Data.Volume != nil && a.Data.Cap != nil && a.Data.Source != nil
	})
	if status, body := s.get(t, "/v1/global?quote=EUR"); status != 200 || !strings.Contains(body, `"asset":"BTC"`) {
		t.Errorf("%d %s", status, body)
	}
}

func TestAWrongSupplyTableStopsTheStart(t *testing.T) {
	cfg := app.Defaults()
	cfg.Data, cfg.Listen = t.TempDir(), "127.0.0.1:0"
	cfg.Insight.Supply = filepath.Join(t.TempDir(), "supply.csv")
	for text, want := range map[string]string{"": "empty", "asset,circulating,as_of,source\nBTC,-1,2026-01,me\n": "row 1"} {
		if err := os.WriteFile(cfg.Insight.Supply, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := app.New(cfg, "test", slog.New(slog.DiscardHandler))
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "supply.csv") {
			t.Errorf("%q: %v", text, err)
		}
	}
}
