package coingecko

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/accesstest"
	"github.com/assayhq/assay/access/gate"
	"github.com/assayhq/assay/api"
	"github.com/assayhq/assay/market/markettest"
)

// service is the whole server with the face mounted, as the app does it.
type service struct {
	url  string
	key  string
	ring string
	log  *safeLog
	g    *gate.Gate
	w    *world
}

type safeLog struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *safeLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *safeLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func serve(t *testing.T, public ...access.Scope) *service {
	t.Helper()
	s := &service{log: &safeLog{}}
	var err error
	if s.g, err = gate.New(accesstest.NewMemory().Link(), gate.Options{Static: time.Hour, Public: public, PublicRate: 1, PublicBurst: 5}); err != nil {
		t.Fatal(err)
	}
	made, err := s.g.Create(t.Context(), gate.By{Name: "test"}, gate.Spec{Name: "all", Org: "acme", App: "bot", Scopes: []access.Scope{access.MarketRead, access.StreamRead}, Rate: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var streams sync.WaitGroup
	t.Cleanup(func() { cancel(); streams.Wait() })
	s.w = newWorld(t, func(o *Options) {
		o.Gate, o.Go = s.g, func(f func(context.Context)) { streams.Go(func() { f(ctx) }) }
	})
	w := s.w
	s.key, s.ring = made.Token, made.Ring.ID
	h := markettest.NewMemory()
	a, err := api.New(api.Options{
		Board: w.fake, History: h, Candles: h, Assets: w.catalogue, Gate: s.g, Logger: slog.New(slog.NewTextHandler(s.log, nil)),
		Mounts: []api.Mount{{
			Pattern: "/api/v3/", Scope: access.MarketRead, Cost: 1, AnyOrigin: true, Fail: w.Fail, Handler: http.StripPrefix("/api/v3", w),
			KeyHeaders: []string{"X-Cg-Pro-Api-Key", "X-Cg-Demo-Api-Key"}, KeyQuery: []string{"x_cg_pro_api_key", "x_cg_demo_api_key"},
		}, {Pattern: "/v1x", Scope: access.StreamRead, Cost: 1, Fail: w.Fail, Handler: w.Stream(), KeyQuery: []string{"x_cg_pro_api_key"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(a)
	t.Cleanup(srv.Close)
	s.url = srv.URL + "/api/v3"
	return s
}

func (s *service) get(t *testing.T, path string, kv ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", s.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(kv); i += 2 {
		r.Header.Set(kv[i], kv[i+1])
	}
	res, err := (&http.Transport{DisableCompression: true, DisableKeepAlives: true}).RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(b)
}

func TestAKeyIsFoundWhereverClientsPutIt(t *testing.T) {
	s := serve(t)
	for _, header := range []string{"x-cg-pro-api-key", "X-CG-DEMO-API-KEY", "X-API-Key"} {
		if res, b := s.get(t, "/ping", header, s.key); res.StatusCode != 200 {
			t.Error(header, res.StatusCode, b)
		}
	}
	for _, q := range []string{"?x_cg_pro_api_key=" + s.key, "/?a=b&x_cg_demo_api_key=" + s.key, "?x%5Fcg_demo_api_key=" + s.key} {
		if res, b := s.get(t, "/ping"+q); res.StatusCode != 200 {
			t.Error(q, res.StatusCode, b)
		}
	}
	for path, kv := range map[string][]string{"/ping": nil, "/ping?x_cg_pro_api_key=wrong": nil, "/coins/list": {"x-cg-pro-api-key", "CG-wrong"}} {
		res, b := s.get(t, path, kv...)
		if res.StatusCode != 401 || !strings.Contains(b, `"error_code":10002`) || !json.Valid([]byte(b)) {
			t.Error(path, res.StatusCode, b)
		}
	}
	if secret := s.key[len(s.key)-20:]; strings.Contains(s.log.String(), secret) || strings.Contains(s.log.String(), "x_cg") || !strings.Contains(s.log.String(), "/api/v3/ping") {
		t.Error("the log has a key or a query:", s.log)
	}
}

func TestCallersWithoutAKeyHaveALimitWithAnIntegerRetryAfter(t *testing.T) {
	s := serve(t, access.MarketRead)
	for range 50 {
		res, b := s.get(t, "/ping")
		if res.StatusCode == 200 {
			continue
		}
		after := res.Header.Get("Retry-After")
		if res.StatusCode != 429 || !strings.HasPrefix(b, `{"status":{"error_code":429,"error_message":"`) || after == "" || strings.Trim(after, "0123456789") != "" || res.Header.Get("X-RateLimit-Limit") == "" {
			t.Error(res.StatusCode, b, res.Header)
		}
		if res, b := s.get(t, "/key", "x-cg-pro-api-key", s.key); res.StatusCode != 200 {
			t.Error("a key is not limited with the others:", res.StatusCode, b)
		}
		return
	}
	t.Error("no limit was met")
}

func TestTheServerCompressesAndLetsBrowsersIn(t *testing.T) {
	s := serve(t)
	res, b := s.get(t, "/coins/list?", "x-cg-pro-api-key", s.key, "Accept-Encoding", "gzip", "Origin", "https://a.example")
	if res.Header.Get("Content-Encoding") != "gzip" || res.Header.Get("Access-Control-Allow-Origin") != "*" || res.Header.Get("Vary") != "Accept-Encoding" {
		t.Fatal(res.Header)
	}
	z, err := gzip.NewReader(strings.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := io.ReadAll(z); err != nil || !json.Valid(plain) {
		t.Error(err)
	}
	if res, _ := s.get(t, "/coins/list", "x-cg-pro-api-key", s.key, "Accept-Encoding", "gzip", "If-None-Match", res.Header.Get("Etag")); res.StatusCode != 304 {
		t.Error(res.StatusCode)
	}
	if res, b := s.get(t, "/simple/price?ids=bitcoin%2Cethereum&vs_currencies=usd", "x-cg-pro-api-key", s.key); res.StatusCode != 200 || !strings.Contains(b, "ethereum") {
		t.Error(res.StatusCode, b)
	}
	if res, b := s.get(t, "/nothing", "x-cg-pro-api-key", s.key); res.StatusCode != 404 || !strings.HasPrefix(b, `{"error":"Incorrect path.`) {
		t.Error(res.StatusCode, b)
	}
}

// install runs a package manager. Without one, or without its registry, the test says so
// and ends.
func install(t *testing.T, dir, name string, args ...string) {
	t.Helper()
	if testing.Short() {
		t.Skip("SKIPPED: -short")
	}
	bin, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("SKIPPED: there is no %s here", name)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	c := exec.CommandContext(ctx, bin, args...)
	c.Dir, c.WaitDelay = dir, 5*time.Second
	if b, err := c.CombinedOutput(); err != nil {
		t.Skipf("SKIPPED: the client cannot be installed here (%v): %.300s", err, b)
	}
}

// script copies a client's script beside what was installed, and runs it.
func script(t *testing.T, dir, bin, name string, env []string, args ...string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("clients", name))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	c := exec.CommandContext(ctx, bin, append([]string{name}, args...)...)
	c.Dir, c.WaitDelay, c.Env = dir, 5*time.Second, append(os.Environ(), env...)
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s: %s", name, bytes.TrimSpace(out))
}

// TestTheOfficialClientWorksUnmodified installs it from its registry and asks everything.
func TestTheOfficialClientWorksUnmodified(t *testing.T) {
	dir := t.TempDir()
	b, err := os.ReadFile(filepath.Join("clients", "package.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "package.json"), b, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip("SKIPPED: there is no node here")
	}
	install(t, dir, "npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--fetch-retries=0", "--prefer-offline")
	s := serve(t)
	script(t, dir, "node", "official.mjs", nil, s.url, s.key)
}

func TestPycoingeckoWorksUnmodified(t *testing.T) {
	dir := t.TempDir()
	list, err := filepath.Abs(filepath.Join("clients", "requirements.txt"))
	if err != nil {
		t.Fatal(err)
	}
	install(t, dir, "python3", "-m", "pip", "install", "--quiet", "--retries", "0", "--disable-pip-version-check", "--target", filepath.Join(dir, "lib"), "-r", list)
	s := serve(t)
	script(t, dir, "python3", "python.py", []string{"PYTHONPATH=" + filepath.Join(dir, "lib")}, s.url, s.key)
}
