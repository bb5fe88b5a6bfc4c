package app

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/gate"
	"github.com/assayhq/assay/access/limit"
	"github.com/assayhq/assay/access/meter"
	"github.com/assayhq/assay/api"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/internal/pgtest"
)

// TestTwoServersOnOnePostgreSQLShareLimitsAndUsage is the wiring as a whole; what holds
// under kills is shown in access/gate.
func TestTwoServersOnOnePostgreSQLShareLimitsAndUsage(t *testing.T) {
	if testing.Short() {
		t.Skip("runs a database and two servers")
	}
	db := pgtest.Start(t)
	hub, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true})
	if err != nil {
		t.Fatal(err)
	}
	hub.Start()
	defer hub.Shutdown()
	if !hub.ReadyForConnections(10 * time.Second) {
		t.Fatal("the NATS server does not begin")
	}
	var apps [2]*App
	var urls [2]string
	for i := range apps {
		cfg := Defaults()
		cfg.Data, cfg.Control.URL, cfg.Control.NATS, cfg.Control.Node = t.TempDir(), db.URL(), hub.ClientURL(), string(rune('a'+i))
		cfg.Secrets.From = "store"
		a, err := New(cfg, "test", slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- a.Run(ctx, l) }()
		defer func() {
			stop()
			if err := <-done; err != nil {
				t.Error(err)
			}
		}()
		apps[i], urls[i] = a, "http://"+l.Addr().String()
	}
	k, err := apps[0].Gate.Create(t.Context(), gate.By{}, gate.Spec{Name: "bot", App: "bot", Scopes: []access.Scope{access.MarketRead, access.UsageRead}})
	if err != nil {
		t.Fatal(err)
	}
	if err := apps[0].Gate.SetPlan(t.Context(), gate.By{}, limit.Plan{Name: "tiny", Version: 1, Rate: 100, Burst: 100, Daily: 40}); err != nil {
		t.Fatal(err)
	}
	if err := apps[1].Gate.SetApp(t.Context(), gate.By{}, gate.App{Org: k.Ring.Org, Name: "bot", Plan: "tiny"}); err != nil {
		t.Fatal(err)
	}
	get := func(i int, path string) (int, string) {
		r, _ := http.NewRequestWithContext(t.Context(), "GET", urls[i]+path, nil)
		r.Header.Set("Authorization", "Bearer "+k.Token)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(b)
	}
	// Both servers know of key and plan, and a second has gone since the tables were made.
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		one, _ := get(0, "/v1/me")
		two, _ := get(1, "/v1/me")
		if one == 200 && two == 200 {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the servers do not let the key in: ", one, two)
		}
	}
	day := time.Now().UTC().YearDay()
	ok, codes := 2, map[int]int{}
	for i := range 120 {
		code, _ := get(i%2, "/v1/me")
		if codes[code]++; code == 200 {
			ok++
		}
		time.Sleep(5 * time.Millisecond)
	}
	if time.Now().UTC().YearDay() == day && (ok > 40 || ok < 36 || codes[429] == 0) {
		t.Errorf("%d requests were let in on a day with 40 units: %v", ok, codes)
	}
	// The quota is used up, so another plan lets the last questions in.
	if err := apps[0].Gate.SetApp(t.Context(), gate.By{}, gate.App{Org: k.Ring.Org, Name: "bot"}); err != nil {
		t.Fatal(err)
	}
	for i := range apps {
		if err := apps[i].Meter.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	// What each tells the other in a turn of its own; the second knows of both then.
	sum := int64(0)
	for _, a := range apps {
		shared := shareUsage(a.cfg, a.Meter, a.Control, slog.New(slog.DiscardHandler))
		sum = 0
		for _, l := range shared.Usage(time.Now().Add(-24*time.Hour), time.Now().Add(time.Hour), meter.Key{App: api.MeterApp(k.Ring.Org, "bot")}, 0) {
			sum += l.Units
		}
	}
	if sum < int64(ok) {
		t.Errorf("%d units are told, at least %d were used on both", sum, ok)
	}
	var body string
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		var code int
		if code, body = get(1, "/v1/usage"); code == 200 && strings.Contains(body, `"as_of":"2`) {
			return
		}
	}
	t.Error("usage does not say as of when it is: ", body)
}

func TestNATSNeedsAControlPlaneThatIsShared(t *testing.T) {
	cfg := Defaults()
	cfg.Data, cfg.Control.NATS = t.TempDir(), "nats://127.0.0.1:4222"
	if s, err := OpenControl(cfg, slog.New(slog.DiscardHandler)); fault.Of(err) != fault.Invalid {
		t.Errorf("%v, %v", s, err)
	}
}
