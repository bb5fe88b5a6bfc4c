package risk

import (
	"encoding/json"
	"math"
	"os"
	"testing"
)

// What quantstats 0.0.81 said of three coins, number by number.
func TestTheNumbersAreThoseOfQuantstats(t *testing.T) {
	b, err := os.ReadFile(shared(t, "golden", "quantstats081_risk.json"))
	if err != nil {
		t.Fatal(err)
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(b, &raw); err != nil {
		t.Fatal(err)
	}
	coin := func(name string) Prices {
		return closes(t, dailyBars(t, shared(t, "candles_1d", "binance_2017_2022", name+"_USDT.csv.gz")))
	}
	checked := 0
	for _, c := range []struct{ key, asset, bench string }{{"BTC", "BTC", ""}, {"ETH_vs_BTC", "ETH", "BTC"}, {"ADA_vs_BTC", "ADA", "BTC"}} {
		want := map[string]float64{}
		if err := json.Unmarshal(raw[c.key], &want); err != nil {
			t.Fatal(err)
		}
		p := coin(c.asset)
		var bench *Prices
		if c.bench != "" {
			b := coin(c.bench)
			bench = &b
		}
		got, err := Quantstats(p, bench, 365, 0)
		if err != nil {
			t.Fatal(err)
		}
		with4, err := Quantstats(p, bench, 365, 0.04)
		if err != nil {
			t.Fatal(err)
		}
		got["sharpe_rf4"] = with4["sharpe"]
		for name, w := range want {
			g, ok := got[name]
			if !ok {
				t.Errorf("%s: there is no %s", c.key, name)
				continue
			}
			checked++
			if math.Abs(g-w) > 1e-9*max(1, math.Abs(w)) {
				t.Errorf("%s %s is %v, quantstats says %v", c.key, name, g, w)
			}
		}
	}
	if checked != 124 {
		t.Errorf("%d numbers compared, not 124", checked)
	}
}
