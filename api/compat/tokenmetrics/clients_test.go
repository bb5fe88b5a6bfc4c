package tokenmetrics

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// The official clients, unmodified, at the versions they were recorded at. They are
// installed into a folder of the test when ASSAY_TEST_CLIENTS is set; pandas and requests
// are what the Python client needs.
var (
	pythonPackages = []string{"tmai-api==0.4.0", "requests==2.32.3", "pandas==2.2.3", "tqdm==4.67.1"}
	npmPackage     = "tmai-api@1.0.3"
)

func clientServer(t *testing.T) (url string, paths func() []string) {
	t.Helper()
	if os.Getenv("ASSAY_TEST_CLIENTS") == "" {
		t.Skip("SKIPPED: the official client was not run; set ASSAY_TEST_CLIENTS=1 to install it from its registry and run it")
	}
	f := newFace(t)
	var mu sync.Mutex
	var seen []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		seen = append(seen, r.URL.RequestURI()+" "+r.Header.Get("api_key"))
		mu.Unlock()
		f.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return append([]string(nil), seen...)
	}
}

func run(t *testing.T, dir string, env []string, name string, args ...string) (string, error) {
	t.Helper()
	ctx, done := context.WithTimeout(t.Context(), 4*time.Minute)
	defer done()
	c := exec.CommandContext(ctx, name, args...)
	c.Dir, c.Env = dir, append(os.Environ(), env...)
	out, err := c.CombinedOutput()
	return string(out), err
}

func TestTheOfficialPythonClientWorks(t *testing.T) {
	url, paths := clientServer(t)
	dir := t.TempDir()
	// --no-deps: the client names packages for its notebooks that it does not import.
	if out, err := run(t, dir, nil, "python3", append([]string{"-m", "pip", "install", "--quiet", "--no-deps", "--target", dir}, pythonPackages[0])...); err != nil {
		t.Skipf("SKIPPED: %s could not be installed: %v %s", pythonPackages[0], err, out)
	}
	if out, err := run(t, dir, nil, "python3", append([]string{"-m", "pip", "install", "--quiet", "--target", dir}, pythonPackages[1:]...)...); err != nil {
		t.Skipf("SKIPPED: what the client needs could not be installed: %v %s", err, out)
	}
	const program = `
import sys
from tmai_api import TokenMetricsClient
TokenMetricsClient.BASE_URL = sys.argv[1] + "/v2"
c = TokenMetricsClient(api_key="tm-test")
assert c.tokens.get(symbol="BTC,ETH")["length"] == 2
f = c.daily_ohlcv.get_dataframe(symbol="BTC", startDate="2025-07-01", endDate="2025-08-31")
assert len(f) == 64 and f["DATE"].nunique() == 62, len(f)
assert f["CLOSE"].dtype == "float64", f.dtypes
h = c.hourly_ohlcv.get_dataframe(symbol="BTC", startDate="2025-07-01", endDate="2025-07-30")
assert len(h) == 720, len(h)
g = c.trader_grades.get_dataframe(symbol="BTC", startDate="2025-08-01", endDate="2025-08-20")
assert len(g) == 20 and g["TM_TRADER_GRADE"].between(0, 100).all(), g
assert len(c.investor_grades.get_dataframe(symbol="BTC", startDate="2025-08-01", endDate="2025-08-02")) == 2
s = c.trading_signals.get_dataframe(symbol="BTC", startDate="2025-08-01", endDate="2025-08-29")
assert set(s["TRADING_SIGNAL"]) <= {-1, 0, 1} and len(s) == 29, s
assert len(c.market_metrics.get_dataframe()) == 1
assert len(c.trader_indices.get_dataframe()) == 0
assert len(c.ai_reports.get_dataframe(symbol="BTC")) == 0
assert "No language model" in c.ai_agent.get_answer_text("hi")
print("all right")
`
	out, err := run(t, dir, []string{"PYTHONPATH=" + dir}, "python3", "-c", program, url)
	if err != nil || !strings.Contains(out, "all right") {
		t.Fatalf("%v\n%s\n%s", err, out, strings.Join(paths(), "\n"))
	}
	if seen := paths(); len(seen) < 12 || !strings.HasSuffix(seen[0], " tm-test") {
		t.Error("the client sent something else than it is known to:", seen)
	}
}

func TestTheOfficialJavaScriptClientWorks(t *testing.T) {
	url, paths := clientServer(t)
	dir := t.TempDir()
	if out, err := run(t, dir, nil, "npm", "install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", dir, npmPackage); err != nil {
		first, _, _ := strings.Cut(out, "\n")
		t.Skipf("SKIPPED: %s could not be installed; its recorded requests were replayed instead: %s", npmPackage, first)
	}
	const program = `
const m = await import("tmai-api");
const C = m.TokenMetricsClient ?? m.default?.TokenMetricsClient ?? m.default;
C.BASE_URL = process.argv[2] + "/v2";
const c = new C("tm-test");
const tokens = await c.tokens.get({symbol: "BTC,ETH"});
if (tokens.data.length !== 2) throw new Error(JSON.stringify(tokens));
const bars = await c.dailyOhlcv.get({symbol: "BTC", startDate: "2025-07-01", endDate: "2025-08-31"});
if (bars.data.length !== 62) throw new Error("bars " + bars.data.length);
console.log("all right");
`
	path := filepath.Join(dir, "try.mjs")
	if err := os.WriteFile(path, []byte(program), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := run(t, dir, nil, "node", path, url); err != nil || !strings.Contains(out, "all right") {
		t.Fatalf("%v\n%s\n%s", err, out, strings.Join(paths(), "\n"))
	}
}
