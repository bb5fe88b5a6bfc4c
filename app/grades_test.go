package app

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/insight"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/money"
)

// From stored candles and the user's tables to grades, through the real store and reader.
func TestGradesOfStoredCandlesAndTables(t *testing.T) {
	cfg := Defaults()
	cfg.Data = t.TempDir()
	dir := t.TempDir()
	codes := []asset.Code{"BTC", "ETH", "LTC", "DOGE", "ADA", "SOL"}
	today := time.Now().UTC().Truncate(24 * time.Hour)
	activity := "repo,day,commits,merge_commits,authors,asset\n"
	var b market.Batch
	for i, c := range append(codes, "USDC") {
		for d := -200; d < 0; d++ {
			p := money.MustPrice(fmt.Sprintf("%.4f", 100+float64(i)+10*math.Sin(float64(d*(i+2))/9)))
			b.Candles = append(b.Candles, market.Candle{Venue: "kraken", Pair: market.NewPair(c, "USD"), Interval: "1d", Open: today.AddDate(0, 0, d), O: p, H: p, L: p, C: p,
				Volume: money.MustQty(fmt.Sprint(10 + (d*d+i)%7)), Complete: true, Trades: -1, Known: today.AddDate(0, 0, d+1)})
		}
		activity += fmt.Sprintf("owner/%s,%s,%d,0,1,%s\n", c, today.AddDate(0, 0, -3).Format(time.DateOnly), i+1, c)
		chain := "time,CapMrktCurUSD,CapRealUSD,TxTfrValAdjUSD,SplyCur\n"
		for d := -150; d < 0; d++ {
			chain += fmt.Sprintf("%s,%d,%d,%d,%d\n", today.AddDate(0, 0, d).Format(time.DateOnly), 1000+i-d, 800+i*i, 50+i, 10)
		}
		if err := os.WriteFile(filepath.Join(dir, strings.ToLower(string(c))+".csv"), []byte(chain), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cfg.Insight.Activity, cfg.Insight.OnChain = filepath.Join(cfg.Data, "activity.csv"), dir
	if err := os.WriteFile(cfg.Insight.Activity, []byte(activity), 0o600); err != nil {
		t.Fatal(err)
	}
	a, err := New(cfg, "test", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if err := a.History.Append(context.Background(), &b); err != nil {
		t.Fatal(err)
	}
	if err := a.Grades.Step(t.Context()); err != nil {
		t.Fatal(err)
	}
	list, err := a.Grades.Grades(t.Context(), insight.TraderGrade, nil)
	if err != nil || len(list) != len(codes) { // a stablecoin has no grade
		t.Fatal(len(list), err)
	}
	for _, g := range list {
		if time.Now().UTC().Truncate(24*time.Hour).Equal(today) && (g.Value == nil || g.Source != "kraken "+string(g.Asset)+"-USD") {
			t.Errorf("%+v", g)
		}
	}
	for _, k := range []insight.GradeKind{insight.TechnologyGrade, insight.ValuationGrade} {
		list, err = a.Grades.Grades(t.Context(), k, []asset.Code{"BTC"})
		if err != nil || list[0].Value == nil || list[0].Coverage < 0.49 {
			t.Errorf("%s: %+v %v", k, list, err)
		}
	}

	// A mistake in a table or a setting keeps the server from starting, and says where.
	for setting, change := range map[string]func(*Config){
		"insight.activity": func(c *Config) {
			c.Insight.Activity = filepath.Join(dir, "wrong")
			if err := os.WriteFile(c.Insight.Activity, []byte(activity+"x,yesterday,1,0,1,BTC\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		},
		"insight.onchain": func(c *Config) { c.Insight.OnChain = filepath.Join(dir, "nowhere.csv") },
		"insight.bands":   func(c *Config) { c.Insight.Bands = "odd" },
	} {
		c := cfg
		c.Data = t.TempDir()
		change(&c)
		if _, err := New(c, "test", slog.New(slog.DiscardHandler)); fault.Of(err) != fault.Invalid || fault.Field(err) != setting {
			t.Errorf("%s: %v", setting, err)
		}
	}
}
