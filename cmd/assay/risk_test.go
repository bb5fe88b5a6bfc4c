package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// barFile writes days of a price.
func barFile(t *testing.T, name string, from int, prices ...float64) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("ts_ms,open,high,low,close,volume\n")
	for i, p := range prices {
		fmt.Fprintf(&b, "%d,%v,%v,%v,%v,10\n", int64(1577836800000)+int64(from+i)*86400000, p, p, p, p)
	}
	f := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(f, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return f
}

func TestRiskOfAFileOfBars(t *testing.T) {
	var prices, twice []float64
	for i := range 60 {
		p := 100 * math.Exp(0.1*math.Sin(float64(i)))
		prices, twice = append(prices, p), append(twice, 2*p)
	}
	btc, eth := barFile(t, "btc.csv", 0, prices...), barFile(t, "eth.csv", 0, twice...)
	out, errs, code := assay(t, "risk", btc)
	for _, want := range []string{"59 returns from 2020-01-01", "365 a year", "max_drawdown", "risk.sharpe/1", "Deepest falls", "It earned"} {
		if code != 0 || !strings.Contains(out, want) {
			t.Errorf("%d %s: no %q in\n%s", code, errs, want, out)
		}
	}
	out, errs, code = assay(t, "risk", btc, "--benchmark", eth, "--rf", "0.02", "-o", "json")
	var a struct {
		Returns    int
		Periods    float64 `json:"periods_per_year"`
		Metrics    map[string]struct{ Value, Low, High *float64 }
		Quantstats map[string]float64
		Drawdowns  []map[string]any
		Reasons    []string
	}
	if err := json.Unmarshal([]byte(out), &a); code != 0 || err != nil {
		t.Fatal(code, errs, err, out)
	}
	if a.Returns != 59 || a.Periods != 365 || math.Abs(*a.Metrics["beta"].Value-1) > 1e-9 || a.Metrics["sharpe"].Low == nil || len(a.Quantstats) < 40 || len(a.Drawdowns) == 0 || len(a.Reasons) < 5 {
		t.Errorf("%s", out)
	}
	again, _, _ := assay(t, "risk", btc, "--benchmark", eth, "--rf", "0.02", "-o", "json")
	if again != out {
		t.Error("the same file has two answers")
	}
	out, errs, code = assay(t, "risk", btc, "--rolling", "30", "--metric", "volatility", "-o", "csv")
	if lines := strings.Split(strings.TrimSpace(out), "\n"); code != 0 || len(lines) != 31 || lines[0] != "time,volatility" || !strings.HasPrefix(lines[30], "2020-02-29T00:00:00Z,") {
		t.Errorf("%d %s\n%s", code, errs, out)
	}
	if out, errs, code := assay(t, "risk", "--list"); code != 0 || !strings.Contains(out, "cvar_cornish_fisher_95") {
		t.Error(code, errs, out)
	}
}

func TestRiskSaysWhatIsWrongWithAFile(t *testing.T) {
	one := barFile(t, "one.csv", 0, 5)
	good := barFile(t, "good.csv", 0, 5, 6, 7)
	later := barFile(t, "later.csv", 100, 5, 6, 7)
	back := barFile(t, "back.csv", 0, 5, 0, 7)
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"risk"}, "the file of bars is missing"},
		{[]string{"risk", one}, "a return takes two"},
		{[]string{"risk", back}, "after a price of 0"},
		{[]string{"risk", good, "--benchmark", later}, "0 bars at equal times"},
		{[]string{"risk", good, "--periods", "-1"}, "periods"},
		{[]string{"risk", good, "--rf", "4000"}, "riskless"},
		{[]string{"risk", good, "--rolling", "2", "--metric", "nonsense"}, "no metric"},
		{[]string{"risk", good, "--metric", "cagr"}, "--rolling"},
		{[]string{"risk", good, "--rolling", "90"}, "window"},
		{[]string{"risk", good + ".not"}, "there is no file"},
	} {
		if out, errs, code := assay(t, c.args...); code == 0 || !strings.Contains(errs, c.want) {
			t.Errorf("%v: %d %q %q, without %q", c.args, code, out, errs, c.want)
		}
	}
}
