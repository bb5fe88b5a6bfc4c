package app_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/gate"
	"github.com/assayhq/assay/app"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/money"
)

// fourYears is a whole server, without exchanges, that remembers 1,461 days of Bitcoin.
func fourYears(t testing.TB) (a *app.App, url, key, id string) {
	t.Helper()
	cfg := app.Defaults()
	cfg.Data, cfg.Listen = t.TempDir(), "127.0.0.1:0"
	cfg.Compat.TokenMetrics.Paths = []string{"/v2", "/v3/"}
	cfg.Compat.TokenMetrics.IDs = []string{"SOL=4242"}
	a, err := app.New(cfg, "test", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	b := &market.Batch{}
	for i := range 1461 {
		price := func(f float64) money.Price {
			d, err := money.FromFloat((30000+20000*math.Sin(float64(i)/90))*f, 2)
			if err != nil {
				t.Fatal(err)
			}
			return money.Price{Decimal: d}
		}
		open := time.Date(2021, 1, 1+i, 0, 0, 0, 0, time.UTC)
		b.Candles = append(b.Candles, market.Candle{Venue: market.ConsensusVenue, Pair: "BTC-USD", Interval: "1d", Open: open,
			O: price(0.99), H: price(1.02), L: price(0.97), C: price(1), Volume: money.MustQty("24517.12345678"), Trades: -1, Complete: true, Known: open.Add(24 * time.Hour)})
	}
	if err := a.History.Append(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	l, err := a.Listen()
	if err != nil {
		t.Fatal(err)
	}
	made, err := a.Gate.Create(t.Context(), gate.By{Name: "test"}, gate.Spec{Org: "acme", App: "bot", Name: "test", Env: "test", Scopes: []access.Scope{access.MarketRead}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return a, "http://" + l.Addr().String(), made.Token, made.Key.ID
}

type tmBody struct {
	Success bool
	Message *string
	Length  int
	Data    []map[string]any
	Error   struct {
		RequestID string `json:"request_id"`
	}
}

func TestTheTokenMetricsFaceAdmitsItsClients(t *testing.T) {
	a, url, key, id := fourYears(t)
	ask := func(path string, kv ...string) (*http.Response, tmBody) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), "GET", url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i+1 < len(kv); i += 2 {
			req.Header.Set(kv[i], kv[i+1])
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		var b tmBody
		if err := json.NewDecoder(res.Body).Decode(&b); err != nil || b.Message == nil || *b.Message == "" || b.Data == nil {
			t.Errorf("%s: %d and no body of this API: %v %+v", path, res.StatusCode, err, b)
		}
		return res, b
	}
	for _, header := range []string{"x-api-key", "api_key"} {
		for _, path := range []string{"/v2/tokens?symbol=btc", "/v3/tokens?symbol=btc", "/compat/tokenmetrics/v2/tokens?symbol=btc", "/compat/tokenmetrics/v3/tokens/?symbol=btc"} {
			if res, b := ask(path, header, key, "x-integration", "mcp"); res.StatusCode != 200 || !b.Success || b.Length != 1 {
				t.Error(header, path, res.StatusCode, b)
			}
		}
	}
	if _, b := ask("/v2/tokens?token_id=4242", "api_key", key); b.Length != 1 || b.Data[0]["TOKEN_SYMBOL"] != "SOL" {
		t.Error("an id of the settings:", b)
	}
	for name, kv := range map[string][]string{"no key": nil, "x402": {"x-coinbase-402", "true"}, "nonsense": {"x-api-key", "tm-00000000-0000-0000-0000-000000000000"}, "both": {"api_key", key, "x-api-key", "tm-nonsense"}} {
		if res, b := ask("/v2/price?symbol=BTC", kv...); res.StatusCode != 401 || b.Success || b.Error.RequestID == "" || strings.Contains(*b.Message, "nonsense") {
			t.Error(name, res.StatusCode, b)
		}
	}

	// Browsers ask first, without a key.
	pre, _ := http.NewRequestWithContext(t.Context(), "OPTIONS", url+"/v3/price", nil)
	pre.Header.Set("Origin", "https://example.com")
	pre.Header.Set("Access-Control-Request-Method", "GET")
	pre.Header.Set("Access-Control-Request-Headers", "api_key, x-integration")
	if res, err := http.DefaultClient.Do(pre); err != nil || res.StatusCode != 204 || !strings.Contains(res.Header.Get("Access-Control-Allow-Headers"), "api_key") {
		t.Error("preflight:", res, err)
	} else {
		res.Body.Close()
	}

	// The whole address in the request line, as a client behind a proxy writes it.
	c, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "GET https://api.tokenmetrics.com/v2/tokens?symbol=BTC HTTP/1.1\r\nHost: api.tokenmetrics.com\r\nx-api-key: %s\r\n\r\n", key)
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil || res.StatusCode != 200 {
		t.Error("absolute form:", res, err)
	} else {
		res.Body.Close()
	}

	if err := a.Gate.SetApp(t.Context(), gate.By{Name: "test"}, gate.App{Org: "acme", Name: "bot", Rate: 1, Burst: 4}); err != nil {
		t.Fatal(err)
	}
	limited := false
	for range 20 {
		res, b := ask("/v2/price?symbol=BTC", "api_key", key)
		reset, _ := strconv.ParseInt(res.Header.Get("X-RateLimit-Reset"), 10, 64)
		if d := time.Until(time.Unix(reset, 0)); res.Header.Get("X-RateLimit-Reset") != "" && (d < -time.Minute || d > 24*time.Hour) {
			t.Error("the reset is no time in seconds since 1970:", res.Header)
		}
		if res.StatusCode == 429 {
			limited = true
			if _, err := strconv.Atoi(res.Header.Get("Retry-After")); err != nil || reset == 0 || b.Success {
				t.Error(res.Header, b)
			}
			break
		}
	}
	if !limited {
		t.Error("no limit was met")
	}
	if _, err := a.Gate.Revoke(t.Context(), gate.By{Name: "test"}, gate.Target{Keys: []string{id}}, "a test", gate.WaitAll); err != nil {
		t.Fatal(err)
	}
	if res, b := ask("/v2/price?symbol=BTC", "api_key", key); res.StatusCode != 401 || b.Success {
		t.Error("a revoked key:", res.StatusCode, b)
	}
}

const (
	theirs = "/v2/daily-ohlcv?symbol=BTC&startDate=2021-01-01&endDate=2024-12-31"
	native = "/v1/candles/BTC-USD?interval=1d&start=2021-01-01T00:00:00Z&end=2025-01-01T00:00:00Z&limit=5000"
)

func TestFourYearsOfDaysAreOneCall(t *testing.T) {
	a, _, key, _ := fourYears(t)
	for target, member := range map[string]string{theirs: `"DATE":`, native: `"ts":`} {
		r := httptest.NewRequest("GET", target, nil)
		r.Header.Set("X-API-Key", key)
		w := httptest.NewRecorder()
		a.API.ServeHTTP(w, r)
		if n := strings.Count(w.Body.String(), member); w.Code != 200 || n != 1461 {
			t.Errorf("%s: %d, %d days %.300s", target, w.Code, n, w.Body)
		}
	}
}

// Four years of days through the Token Metrics route in one call (its own clients make 51
// of it), beside the native route.
func BenchmarkFourYearsOfDays(b *testing.B) {
	a, _, key, _ := fourYears(b)
	if err := a.Gate.SetApp(b.Context(), gate.By{Name: "test"}, gate.App{Org: "acme", Name: "bot", Rate: 1 << 20, Burst: 1 << 20}); err != nil {
		b.Fatal(err)
	}
	for name, target := range map[string]string{"tokenmetrics": theirs, "native": native} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r := httptest.NewRequest("GET", target, nil)
				r.Header.Set("X-API-Key", key)
				w := httptest.NewRecorder()
				a.API.ServeHTTP(w, r)
				if w.Code != 200 {
					b.Fatal(w.Code)
				}
				b.SetBytes(int64(w.Body.Len()))
			}
		})
	}
}
