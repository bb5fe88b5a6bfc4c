package api

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/money"
)

// riskDays are bars of the days before the world's noon: BTC and ETH move together, ETH
// more, and lacks one day. One day of BTC is pumped.
func riskDays() (out []market.Candle) {
	midnight := market.Interval("1d").Start(noon)
	price := func(x float64) money.Price { return money.MustPrice(fmt.Sprintf("%.2f", x)) }
	state := uint64(42)
	draw := func() float64 { // a sum of four is near enough to normal
		s := 0.0
		for range 4 {
			state = state*6364136223846793005 + 1442695040888963407
			s += float64(state>>33)/float64(1<<31) - 0.5
		}
		return s
	}
	btc, eth := 40000.0, 2000.0
	for i := range 200 {
		open := midnight.AddDate(0, 0, i-200)
		common, own := 0.03*draw(), 0.03*draw()
		volume := "1000"
		for _, c := range []struct {
			pair  market.Pair
			price *float64
			move  float64
		}{{"BTC-USD", &btc, common}, {"ETH-USD", &eth, 1.2*common + own}} {
			before := *c.price
			*c.price *= 1 + c.move
			if c.pair == "BTC-USD" && i == 150 {
				*c.price, volume = before*1.5, "30000"
			} else if c.pair == "BTC-USD" && i == 151 {
				*c.price = before / 1.5
			}
			if c.pair == "ETH-USD" && i == 77 {
				continue
			}
			out = append(out, market.Candle{Venue: market.ConsensusVenue, Pair: c.pair, Interval: "1d", Open: open, O: price(before), H: price(max(before, *c.price) * 1.01), L: price(min(before, *c.price) * 0.99), C: price(*c.price),
				Volume: money.MustQty(volume), Turnover: money.MustParse("1"), Trades: 10, Complete: true, Known: open.Add(24 * time.Hour)})
		}
	}
	// The day that is not over has a price that must not count.
	out = append(out, market.Candle{Venue: market.ConsensusVenue, Pair: "BTC-USD", Interval: "1d", Open: midnight, O: price(btc), H: price(9e6), L: price(1), C: price(9e6), Volume: money.MustQty("1"), Turnover: money.MustParse("1"), Trades: 1, Known: noon})
	return out
}

func TestRiskIsOfBarsThatAreOver(t *testing.T) {
	f := newFixture(t, nil)
	var a struct {
		Data Risk
		Meta Meta
	}
	w := f.ask(http.MethodGet, "/v1/risk/bitcoin?window=365&benchmark=ETH", "")
	if err := json.Unmarshal(w.Body.Bytes(), &a); w.Code != 200 || err != nil {
		t.Fatal(w.Code, err, w.Body)
	}
	// 200 days, of which ETH lacks one: 199 in common, 198 returns.
	if a.Data.Returns != 198 || a.Data.Holes != 1 || a.Data.PerYear != 365 || a.Data.Benchmark != "ETH" {
		t.Errorf("%+v", a.Data)
	}
	if want := market.Interval("1d").Start(noon); a.Meta.AsOf == nil || !a.Meta.AsOf.Equal(want) {
		t.Errorf("as of %v, not %v", a.Meta.AsOf, want)
	}
	for _, m := range a.Data.Metrics {
		if m.Name == "best" && (m.Value == nil || math.Abs(*m.Value-0.5) > 0.01) {
			t.Errorf("the best day is %v, which is not the pump: did the open day count?", *m.Value)
		}
		if m.N != 198 || m.Definition != "risk."+m.Name+"/1" || (m.Value == nil) == (m.Why == "") {
			t.Errorf("%+v", m)
		}
	}
	if len(a.Data.Reasons) < 6 || len(a.Data.Quantstats) < 40 {
		t.Errorf("%d sentences, %d numbers of quantstats", len(a.Data.Reasons), len(a.Data.Quantstats))
	}
	again := f.ask(http.MethodGet, "/v1/risk/bitcoin?window=365&benchmark=ETH", "")
	if again.Body.String() != w.Body.String() {
		t.Error("the same question has two answers")
	}
}

func TestRiskSaysWhyThereIsNone(t *testing.T) {
	f := newFixture(t, nil)
	for target, want := range map[string]struct {
		code int
		text string
	}{
		"/v1/risk/XYZXYZ":                           {404, "XYZXYZ"},
		"/v1/risk/USDT":                             {404, "USDT-USD"},
		"/v1/risk/BTC?interval=1w":                  {503, "it takes two"},
		"/v1/risk/BTC?window=1":                     {400, "window"},
		"/v1/risk/BTC?window=20000":                 {400, "window"},
		"/v1/risk/BTC?interval=1s":                  {400, "interval"},
		"/v1/risk/BTC/rolling?metric=sharp":         {404, "smart_sharpe"},
		"/v1/risk/BTC/rolling?metric=beta":          {400, "benchmark"},
		"/v1/risk/BTC/rolling?window=400":           {400, "window"},
		"/v1/risk/BTC/levels?bars=20":               {503, "too few for levels"},
		"/v1/risk/BTC/cone?bars=20":                 {503, "too few"},
		"/v1/correlation?assets=BTC":                {400, "two assets"},
		"/v1/correlation":                           {400, "assets"},
		"/v1/compare?a=BTC&b=bitcoin":               {400, "two assets"},
		"/v1/compare?a=BTC&b=ETH&c=1":               {400, "c"},
		"/v1/risk/BTC?benchmark=USDT":               {404, "USDT-USD"},
		"/v1/risk/BTC?rf=" + strings.Repeat("9", 9): {400, "rf"},
	} {
		w := f.ask(http.MethodGet, target, "")
		if w.Code != want.code || !strings.Contains(w.Body.String(), want.text) {
			t.Errorf("%s: %d %s, not %d with %q", target, w.Code, w.Body, want.code, want.text)
		}
	}
}

func FuzzNumbersOfScenarios(f *testing.F) {
	for _, s := range []string{"1,2", "2e12", "", ",", "NaN", "Inf", "-1", " 1 , 2 ", "0x1p9", strings.Repeat("1,", 30)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := numbers("query.caps", s)
		for _, x := range got {
			if err != nil || math.IsNaN(x) || math.IsInf(x, 0) || len(got) > 20 {
				t.Errorf("%q: %v, %v", s, got, err)
			}
		}
	})
}
