package app_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/gate"
	"github.com/assayhq/assay/app"
)

// server is a whole Assay in the test's hand, on loopback.
type server struct {
	*app.App
	url, key, id string
	stop         func() error
}

func startDemo(t *testing.T, dir string) *server {
	t.Helper()
	cfg := app.Defaults()
	cfg.Data, cfg.Listen = dir, "127.0.0.1:0"
	cfg.Assets, cfg.Pairs = []string{"BTC", "ETH"}, []string{"USDT-USD", "EUR-USD"}
	return start(t, cfg)
}

// start runs a demonstration with these settings.
func start(t *testing.T, cfg app.Config) *server {
	t.Helper()
	a, err := app.New(cfg, "test", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	booths, err := a.Demo(1, nil)
	if err != nil {
		t.Fatal(err)
	}
	l, err := a.Listen()
	if err != nil {
		t.Fatal(err)
	}
	made, err := a.Gate.Create(t.Context(), gate.By{Name: "test"}, gate.Spec{Name: "test", Env: "test", Scopes: []access.Scope{access.MarketRead, access.StreamRead}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx, l, booths) }()
	s := &server{App: a, url: "http://" + l.Addr().String(), key: made.Token, id: made.Key.ID}
	stopped := false
	s.stop = func() error {
		if stopped {
			return nil
		}
		stopped = true
		cancel()
		return <-done
	}
	t.Cleanup(func() { s.stop() }) //nolint:errcheck // told by the test that cares
	return s
}

func (s *server) get(t *testing.T, path string, headers ...string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.key)
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

// eventually tries until ok, for a time that only a broken build needs.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for range 600 {
		if ok() {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("it did not happen: ", what)
}

func TestAWholeServerOverEmulatedExchanges(t *testing.T) {
	dir := t.TempDir()
	s := startDemo(t, dir)
	eventually(t, "six venues or more agree on Bitcoin", func() bool {
		var a struct {
			Data struct {
				Price      string
				Confidence float64
				Sources    []string
			}
			Meta struct {
				Simulated bool
			}
		}
		code, body := s.get(t, "/v1/prices/bitcoin")
		if code != 200 {
			return false
		}
		if err := json.Unmarshal([]byte(body), &a); err != nil {
			t.Fatal(err, body)
		}
		if !a.Meta.Simulated {
			t.Fatal("simulated data must say so: ", body)
		}
		return len(a.Data.Sources) >= 6 && a.Data.Confidence > 0.8
	})
	for _, c := range []struct{ path, accept, want string }{
		{"/v1/books/BTC-USD?venue=kraken&depth=2", "", `"integrity":"checksum"`},
		{"/v1/quotes/BTC-USD", "text/csv", "kraken,"},
		{"/v1/venues", "application/xml", "<state>live</state>"},
		{"/v1/trades/BTC-USDT?venue=binance&limit=2", "", `"side":`},
		{"/v1/quality?pair=BTC-USD", "", `"integrity"`},
		{"/readyz", "", `"ready":true`},
	} {
		eventually(t, c.path, func() bool {
			code, body := s.get(t, c.path, "Accept", or(c.accept, "application/json"))
			return code == 200 && strings.Contains(body, c.want)
		})
	}
	eventually(t, "yesterday's bars were backfilled", func() bool {
		code, body := s.get(t, "/v1/candles/BTC-USD?interval=1h&limit=24&venue=coinbase")
		return code == 200 && strings.Count(body, `"complete":true`) >= 20
	})
	s.watchPrices(t)

	if err := revoke(t, s); err != nil {
		t.Fatal(err)
	}
	if code, body := s.get(t, "/v1/prices/BTC"); code != 401 || !strings.Contains(body, "revoked") {
		t.Errorf("a revoked key gets %d %s", code, body)
	}
	if err := s.stop(); err != nil {
		t.Error("stopping:", err)
	}
	// What was stored is there after a restart, and the key stays revoked.
	again := startDemo(t, dir)
	code, body := again.get(t, "/v1/candles/BTC-USD?interval=1h&limit=24&venue=coinbase")
	if code != 200 || strings.Count(body, `"complete":true`) < 20 {
		t.Errorf("after a restart: %d %.300s", code, body)
	}
	eventually(t, "the time in between is disclosed as a gap", func() bool {
		code, body := again.get(t, "/v1/gaps?venue=kraken")
		return code == 200 && strings.Contains(body, `"restart"`)
	})
	again.key = s.key
	if code, _ := again.get(t, "/v1/prices/BTC"); code != 401 {
		t.Errorf("after a restart the revoked key gets %d", code)
	}
}

func or(s, def string) string {
	if s == "" {
		return def
	}
	return s
}

// watchPrices opens a stream as a client would and waits for three changes.
func (s *server) watchPrices(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	ws, _, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(s.url, "http")+"/v1/stream", &websocket.DialOptions{HTTPHeader: http.Header{"Authorization": {"Bearer " + s.key}}})
	if err != nil {
		t.Fatal(err)
	}
	defer ws.CloseNow()
	if err := ws.Write(ctx, websocket.MessageText, []byte(`{"op":"subscribe","id":1,"topics":[{"ch":"price","asset":"BTC","quote":"USD"},{"ch":"books","pair":"BTC-USD","venue":"kraken"}]}`)); err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for seen["price"] < 3 || seen["books"] < 3 {
		_, b, err := ws.Read(ctx)
		if err != nil {
			t.Fatal(err, seen)
		}
		var m struct{ Ch, Type string }
		if err := json.Unmarshal(b, &m); err != nil {
			t.Fatal(err)
		}
		if m.Ch == "books" && seen["books"] == 0 && m.Type != "snapshot" {
			t.Errorf("a book begins with %q", m.Type)
		}
		seen[m.Ch]++
	}
}

func TestTwoServersDoNotShareAFolder(t *testing.T) {
	dir := t.TempDir()
	startDemo(t, dir)
	cfg := app.Defaults()
	cfg.Data = dir
	_, err := app.New(cfg, "test", slog.New(slog.DiscardHandler))
	if err == nil || !strings.Contains(err.Error(), "in use") {
		t.Error("the second one must be told why:", err)
	}
}

func TestAnAddressInUseIsExplained(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	cfg := app.Defaults()
	cfg.Data, cfg.Listen = t.TempDir(), l.Addr().String()
	a, err := app.New(cfg, "test", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if _, err := a.Listen(); err == nil || !strings.Contains(fmt.Sprint(err), "--listen") {
		t.Error(err)
	}
}

func TestConfig(t *testing.T) {
	c, err := app.LoadConfig("", []string{"ASSAY_ASSETS=btc, eth", "ASSAY_RETENTION_TRADES=48h", "ASSAY_API_KEY=x", "ASSAY_LOG_LEVEL=warn"}, map[string]any{"log.level": "debug"})
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Assets) != 2 || c.Retention.Trades != 48*time.Hour || c.Log.Level != "debug" {
		t.Errorf("%+v", c)
	}
	for _, over := range []map[string]any{{"listen": "nowhere"}, {"venues": []string{"mtgox"}}, {"lissten": "x"}, {"pairs": []string{"BTC"}}, {"log.level": "loud"}} {
		if _, err := app.LoadConfig("", nil, over); err == nil {
			t.Errorf("%v was accepted", over)
		}
	}
}

// revoke ends the server's key and wants a receipt of it.
func revoke(t *testing.T, s *server) error {
	r, err := s.Gate.Revoke(t.Context(), gate.By{Name: "test"}, gate.Target{Keys: []string{s.id}}, "", gate.WaitAll)
	if err == nil && (!r.Complete() || len(r.Acked) != 1) {
		t.Errorf("receipt: %+v", r)
	}
	return err
}
