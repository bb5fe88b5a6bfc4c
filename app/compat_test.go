package app_test

import (
	"context"
	_ "embed"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/assayhq/assay/app"
)

//go:embed testdata/binance-clients.mjs
var binanceClients string

// demoWith starts a demonstration with settings changed.
func demoWith(t *testing.T, change func(*app.Config)) *server {
	t.Helper()
	cfg := app.Defaults()
	cfg.Data, cfg.Listen = t.TempDir(), "127.0.0.1:0"
	cfg.Assets, cfg.Pairs = []string{"BTC", "ETH"}, []string{"USDT-USD"}
	change(&cfg)
	return start(t, cfg)
}

func TestCompatibleFacesAreServedUnderTheirNamesAndWhereTheyWere(t *testing.T) {
	s := demoWith(t, func(c *app.Config) {
		c.Compat.Binance.Paths, c.Compat.UDF.Paths, c.Compat.Prometheus.Paths = []string{"/", "/exchange/"}, []string{"/udf"}, []string{"/"}
	})
	for path, want := range map[string]string{
		"/compat/binance/api/v3/ping": "{}", "/api/v3/ping": "{}", "/exchange/api/v3/ping": "{}", "/udf/marks": "[]", "/compat/udf/marks": "[]",
		"/api/v1/query?query=1%2B1": `"2"]}}`, "/compat/prometheus/api/v1/query?query=2*2": `"4"]}}`,
	} {
		if code, body := s.get(t, path); code != 200 || !strings.HasSuffix(strings.TrimSpace(body), want) {
			t.Errorf("%s: %d %s", path, code, body)
		}
	}
	res, err := http.Get(s.url + "/api/v3/ping")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusUnauthorized {
		t.Error("without a key:", res.Status)
	}
	req, _ := http.NewRequestWithContext(t.Context(), "GET", s.url+"/api/v3/time", nil)
	req.Header.Set("X-MBX-APIKEY", s.key)
	if res, err = http.DefaultClient.Do(req); err != nil || res.StatusCode != 200 {
		t.Error("with the key where Binance's clients put it:", res, err)
	}
	res.Body.Close()
	// A stream of the face ends when the server does.
	var c *websocket.Conn
	for range 100 { // until the simulated exchange has sent its first trade
		if c, _, err = websocket.Dial(t.Context(), s.url+"/ws/btcusdt@miniTicker", &websocket.DialOptions{HTTPHeader: http.Header{"X-Mbx-Apikey": {s.key}}}); err == nil {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	if _, b, err := c.Read(t.Context()); err != nil || !strings.Contains(string(b), "24hrMiniTicker") {
		t.Error(string(b), err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.stop() }()
	for {
		if _, _, err := c.Read(t.Context()); err != nil {
			if websocket.CloseStatus(err) != websocket.StatusServiceRestart {
				t.Error(err)
			}
			break
		}
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestAFaceThatIsOffIsNotThere(t *testing.T) {
	s := demoWith(t, func(c *app.Config) { c.Compat.Binance.Enabled, c.Compat.UDF.Enabled = false, false })
	for _, path := range []string{"/compat/binance/api/v3/ping", "/compat/udf/time", "/api/v3/ping", "/api/v1/query?query=1"} {
		if code, body := s.get(t, path); code != 404 {
			t.Errorf("%s: %d %s", path, code, body)
		}
	}
}

func TestAVenueThatIsNoneIsRefusedAtTheStart(t *testing.T) {
	cfg := app.Defaults()
	cfg.Data = t.TempDir()
	cfg.Compat.Binance.Venue = "nowhere"
	if _, err := app.New(cfg, "test", slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "nowhere") {
		t.Error(err)
	}
}

// The clients that people have, as they are, from the registry: about 6 s to install and
// 20 s to run.
func TestBinanceClientsWorkUnmodified(t *testing.T) {
	if os.Getenv("ASSAY_TEST_CLIENTS") == "" {
		t.Skip("NOT TESTED: ccxt and @binance/spot; set ASSAY_TEST_CLIENTS=1 to install and run them (npm, 90 MB): make clients")
	}
	npm, err := exec.LookPath("npm")
	if err != nil {
		t.Skip("NOT TESTED: npm is not here")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "clients.mjs"), []byte(binanceClients), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(within time.Duration, env []string, name string, args ...string) (string, error) {
		ctx, cancel := context.WithTimeout(t.Context(), within)
		defer cancel()
		c := exec.CommandContext(ctx, name, args...)
		c.Dir, c.Env = dir, append(os.Environ(), env...)
		c.WaitDelay = time.Second
		out, err := c.CombinedOutput()
		return string(out), err
	}
	began := time.Now()
	if out, err := run(90*time.Second, nil, npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", "--save-exact", "ccxt@4.5.84", "@binance/spot@32.0.4"); err != nil {
		t.Skipf("NOT TESTED: npm cannot install the clients: %v\n%s", err, out)
	}
	installed := time.Now()
	s := demoWith(t, func(c *app.Config) { c.Public = []string{"market:read", "stream:read"} })
	out, err := run(80*time.Second, []string{"ASSAY_URL=" + s.url}, "node", "clients.mjs")
	if err != nil || !strings.Contains(out, "all is well") {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("installed in %s, ran in %s\n%s", installed.Sub(began).Round(time.Second), time.Since(installed).Round(time.Second), out)
}
