package api

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/accesstest"
	"github.com/assayhq/assay/access/gate"
	"github.com/assayhq/assay/api/problem"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
)

func problemOf(t *testing.T, w *httptest.ResponseRecorder) Problem {
	t.Helper()
	var p Problem
	if ct := w.Header().Get("Content-Type"); ct != "application/problem+json" {
		t.Fatalf("%d %s: %s", w.Code, ct, w.Body)
	}
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestEveryKindOfFaultInEveryFormat(t *testing.T) {
	f := newFixture(t, nil)
	if len(problem.Codes) != len(fault.Kinds()) {
		t.Fatal("problem.Codes and fault.Kinds differ")
	}
	for _, k := range fault.Kinds() {
		if problem.Codes[k].Kind != k {
			t.Fatalf("problem.Codes[%d] is of %v", k, problem.Codes[k].Kind)
		}
		for _, form := range formats {
			w := httptest.NewRecorder()
			r := httptest.NewRequest("GET", "/v1/prices?format="+form.name, nil)
			x := &exchange{ResponseWriter: w, s: f.Server, r: r, id: "x"}
			x.choose()
			x.fail(fault.Wrap(k, errors.New("the cause"), "a <sentence> for %q", "callers"))
			want := "application/problem+json"
			if form.name == "xml" {
				want = "application/problem+xml"
			}
			if w.Code != problem.Codes[k].Status || w.Header().Get("Content-Type") != want {
				t.Errorf("%v as %s: %d %s", k, form.name, w.Code, w.Header().Get("Content-Type"))
			}
			checkSyntax(t, k.String(), want, w.Body.Bytes())
			if !strings.Contains(w.Body.String(), "/errors/"+k.String()) || strings.Contains(w.Body.String(), "the cause") {
				t.Errorf("%v as %s: %s", k, form.name, w.Body)
			}
		}
		if w := f.get("/errors/" + k.String()); w.Code != 200 || !strings.Contains(w.Body.String(), problem.Codes[k].Title) {
			t.Errorf("no page for %v: %d", k, w.Code)
		}
	}
}

func TestWhoIsLetIn(t *testing.T) {
	f := newFixture(t, nil)
	reader := f.create(t, access.MarketRead)
	streamer := f.create(t, access.StreamRead)
	for _, c := range []struct {
		method, target, key string
		status              int
	}{
		{"GET", "/v1/prices", "", 401},
		{"GET", "/v1/prices", "Bearer nonsense", 401},
		{"GET", "/v1/prices", "Bearer " + streamer, 403},
		{"GET", "/v1/prices", "Bearer " + reader, 200},
		{"GET", "/v1/keys", "Bearer " + reader, 403},
		{"POST", "/v1/stream/tickets", "Bearer " + reader, 403},
		{"GET", "/v1/me", "Bearer " + streamer, 200},
		{"GET", "/v1/me", "", 401},
		{"GET", "/healthz", "", 200},
		{"GET", "/readyz", "", 200},
		{"GET", "/version", "Bearer nonsense", 200},
		{"GET", "/docs", "", 200},
		{"GET", "/openapi.json", "", 200},
		{"GET", "/", "", 200},
		{"GET", "/v1/prices?api_key=abc", "", 400},
	} {
		w := f.ask(c.method, c.target, "", "Authorization", c.key)
		if w.Code != c.status {
			t.Errorf("%s %s with %.12q: %d, want %d", c.method, c.target, c.key, w.Code, c.status)
		}
		if (w.Code == 401) != (w.Header().Get("WWW-Authenticate") != "") {
			t.Errorf("%s %s: WWW-Authenticate %q", c.method, c.target, w.Header().Get("WWW-Authenticate"))
		}
	}
	// Every operation of the registry, without a key and with one that may nothing of it.
	for _, op := range f.Operations() {
		target := strings.NewReplacer("{pair}", "BTC-USD", "{asset}", "BTC", "{id}", "BTC", "{venue}", "kraken").Replace(op.Path)
		if op.Scope == "" {
			continue
		}
		if w := f.ask(op.Method, target, "", "Authorization", ""); w.Code != 401 {
			t.Errorf("%s without a key: %d", op.ID, w.Code)
		}
		lesser := reader
		if op.Scope == access.MarketRead {
			lesser = streamer
		}
		w := f.ask(op.Method, target, "", "Authorization", "Bearer "+lesser)
		if op.Scope == access.KeysRotate {
			op.Scope = "keys:"
		}
		if w.Code != 403 || !strings.Contains(w.Body.String(), string(op.Scope)) {
			t.Errorf("%s with a lesser key: %d %s", op.ID, w.Code, w.Body)
		}
	}
}

func TestAFailingKeyStoreIs503(t *testing.T) {
	f := newFixture(t, nil)
	f.store.Cut(errors.New("disk on fire"))
	w := f.get("/v1/keys")
	p := problemOf(t, w)
	if p.Status != 503 || !p.Retryable || w.Header().Get("Retry-After") == "" || strings.Contains(w.Body.String(), "fire") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if !strings.Contains(f.log.String(), "disk on fire") {
		t.Error("the cause is not in the log")
	}
}

func TestLimitsAreToldAndKept(t *testing.T) {
	f := newFixture(t, nil)
	made, err := f.gate.Create(t.Context(), gate.By{Name: "test"}, gate.Spec{Name: "slow", App: "slow", Scopes: []access.Scope{access.MarketRead}, Rate: 1, Burst: 3})
	if err != nil {
		t.Fatal(err)
	}
	tok := made.Token
	w := f.get("/v1/candles/BTC-USD", "Authorization", "Bearer "+tok) // costs 2
	if w.Code != 200 || !strings.HasPrefix(w.Header().Get("RateLimit"), `"burst";r=1;t=`) {
		t.Fatalf("%d %v", w.Code, w.Header())
	}
	w = f.get("/v1/candles/BTC-USD", "Authorization", "Bearer "+tok)
	p := problemOf(t, w)
	if p.Status != 429 || p.Code != "exhausted" || !slices.Contains([]string{"1", "2"}, w.Header().Get("Retry-After")) || w.Header().Get("X-RateLimit-Remaining") != "1" {
		t.Fatalf("%+v %v", p, w.Header())
	}
	if w := f.get("/v1/quotes/BTC-USD", "Authorization", "Bearer "+tok); w.Code != 200 { // costs 1
		t.Fatal(w.Code)
	}
}

func TestAnOpenServerAnswersWithoutAKey(t *testing.T) {
	f := newFixture(t, func(o *Options) {
		g, err := gate.New(accesstest.NewMemory().Link(), gate.Options{Static: time.Hour, Public: []access.Scope{access.MarketRead}})
		if err != nil {
			t.Fatal(err)
		}
		o.Gate = g
	})
	if w := f.get("/v1/prices", "Authorization", ""); w.Code != 200 {
		t.Error(w.Code)
	}
	if w := f.get("/v1/me", "Authorization", ""); w.Code != 200 || !strings.Contains(w.Body.String(), `"key_id":null,"ring":null,"version":null,"state":null,"retire_at":null,"org":"public"`) {
		t.Error(w.Body)
	}
	if w := f.ask("POST", "/v1/keys", "{}", "Authorization", ""); w.Code != 401 {
		t.Error(w.Code)
	}
}

func TestHeadersOfEveryAnswer(t *testing.T) {
	f := newFixture(t, nil)
	for _, target := range []string{"/v1/prices", "/v1/nothing", "/docs", "/openapi.json", "/errors/invalid", "/", "/v1/prices?x=1"} {
		w := f.get(target, "X-Request-Id", "my-id.1")
		h := w.Header()
		if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Cache-Control") == "" || !strings.Contains(h.Get("Vary"), "Accept") {
			t.Errorf("%s: %v", target, h)
		}
		if page := strings.HasPrefix(h.Get("Content-Type"), "text/html"); page && (h.Get("Referrer-Policy") != "no-referrer" || !strings.Contains(h.Get("Content-Security-Policy"), "default-src 'none'")) {
			t.Errorf("%s: %v", target, h)
		}
		if h.Get("X-Request-Id") != "my-id.1" {
			t.Errorf("%s: id %q", target, h.Get("X-Request-Id"))
		}
	}
	for _, bad := range []string{"a b", "x\"y", strings.Repeat("a", 65), "é"} {
		if id := f.get("/healthz", "X-Request-Id", bad).Header().Get("X-Request-Id"); id == bad || !regexp.MustCompile(`^req_[0-9a-z]{10,}$`).MatchString(id) {
			t.Errorf("id %q became %q", bad, id)
		}
	}
}

func TestTheLogHoldsNoSecret(t *testing.T) {
	f := newFixture(t, nil)
	f.get("/v1/prices?assets=BTC")
	f.get("/v1/prices?api_key=" + f.key)
	f.get("/v1/" + strings.Repeat("x", 300))
	f.ask("POST", "/v1/keys", `{"name":"hidden-name","scopes":["market:read"]}`)
	log := f.log.String()
	for _, bad := range []string{f.key, f.key[20:], "assets=", "api_key", "asy_live_", "hidden-name"} {
		if strings.Contains(log, bad) {
			t.Errorf("the log holds %q:\n%s", bad, log)
		}
	}
	for _, good := range []string{"status=200", "operation=list-prices", "request_id=req_", "key=" + f.own.ID} {
		if !strings.Contains(log, good) {
			t.Errorf("the log lacks %q:\n%s", good, log)
		}
	}
}

func TestAPanicIsAProblemNotABrokenConnection(t *testing.T) {
	f := newFixture(t, nil)
	f.world.broken = "a bug"
	w := f.get("/v1/prices")
	if p := problemOf(t, w); p.Status != 500 || strings.Contains(w.Body.String(), "a bug") || !strings.Contains(f.log.String(), "a bug") {
		t.Errorf("%s\n%s", w.Body, f.log)
	}
}

func TestBodiesAreBounded(t *testing.T) {
	f := newFixture(t, func(o *Options) { o.MaxBody = 1000 })
	if w := f.ask("POST", "/v1/keys", `{"name":"`+strings.Repeat("x", 2000)+`"}`); w.Code != 413 || problemOf(t, w).Code != "too_large" {
		t.Error(w.Code, w.Body)
	}
	if w := f.ask("POST", "/v1/keys", `<x/>`, "Content-Type", "application/xml"); w.Code != 415 || problemOf(t, w).Code != "invalid" {
		t.Error(w.Code, w.Body)
	}
	if w := f.get("/v1/assets?q=" + strings.Repeat("a", 9000)); w.Code != 414 || problemOf(t, w).Code != "too_large" {
		t.Error(w.Code, w.Body)
	}
	if w := f.get("/v1/assets?" + strings.Repeat("a&", 100)); w.Code != 400 {
		t.Error(w.Code, w.Body)
	}
}

func TestBrowsersOfKnownOriginsMayCall(t *testing.T) {
	f := newFixture(t, func(o *Options) { o.Origins = []string{"https://app.example"} })
	w := f.ask("OPTIONS", "/v1/prices", "", "Origin", "https://app.example", "Access-Control-Request-Method", "GET", "Authorization", "")
	if w.Code != 204 || w.Header().Get("Access-Control-Allow-Origin") != "https://app.example" || !strings.Contains(w.Header().Get("Access-Control-Allow-Headers"), "Authorization") {
		t.Error(w.Code, w.Header())
	}
	if w := f.get("/v1/prices", "Origin", "https://app.example"); w.Header().Get("Access-Control-Allow-Origin") == "" || w.Header().Get("Access-Control-Allow-Credentials") != "" {
		t.Error(w.Header())
	}
	if w := f.get("/v1/prices", "Origin", "https://evil.example"); w.Header().Get("Access-Control-Allow-Origin") != "" || w.Code != 200 {
		t.Error(w.Header())
	}
	closed := newFixture(t, nil)
	if w := closed.get("/v1/prices", "Origin", "https://app.example"); w.Header().Get("Access-Control-Allow-Origin") != "" {
		t.Error(w.Header())
	}
}

func TestHead(t *testing.T) {
	f := newFixture(t, nil)
	get, head := f.get("/v1/prices"), f.ask("HEAD", "/v1/prices", "")
	if head.Code != 200 || head.Body.Len() != 0 || head.Header().Get("Content-Length") != get.Header().Get("Content-Length") || head.Header().Get("Content-Length") == "" {
		t.Error(head.Code, head.Body.Len(), head.Header())
	}
}

func TestCompressionIsTheSameContent(t *testing.T) {
	f := newFixture(t, nil)
	plain := f.get("/v1/assets/BTC")
	w := f.get("/v1/candles/BTC-USD", "Accept-Encoding", "br, gzip;q=0.5")
	if w.Header().Get("Content-Encoding") != "gzip" {
		t.Fatal(w.Header())
	}
	z, err := gzip.NewReader(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	b, _ := io.ReadAll(z)
	if want := f.get("/v1/candles/BTC-USD").Body.Bytes(); !bytes.Equal(b, want) {
		t.Error("other content")
	}
	for _, no := range []string{"", "br", "gzip;q=0", "identity"} {
		if w := f.get("/v1/candles/BTC-USD", "Accept-Encoding", no); w.Header().Get("Content-Encoding") != "" {
			t.Errorf("%q was compressed", no)
		}
	}
	if w := f.get("/healthz", "Accept-Encoding", "gzip"); w.Header().Get("Content-Encoding") != "" {
		t.Error("a short answer was compressed")
	}
	_ = plain
}

func TestFormatsAreNegotiated(t *testing.T) {
	f := newFixture(t, nil)
	for accept, want := range map[string]string{
		"":                                      "application/json",
		"*/*":                                   "application/json",
		"application/*":                         "application/json",
		"application/json":                      "application/json",
		"application/xml":                       "application/xml",
		"text/xml":                              "application/xml",
		"text/csv":                              "text/csv; charset=utf-8",
		"text/*":                                "text/csv; charset=utf-8",
		"application/x-ndjson":                  "application/x-ndjson",
		"application/jsonl":                     "application/x-ndjson",
		"application/vnd.assay.columns+json":    "application/vnd.assay.columns+json",
		"text/csv;q=0.5, application/xml;q=0.9": "application/xml",
		"application/json;q=0, */*":             "application/x-ndjson",
		"image/png, text/csv;q=0.1":             "text/csv; charset=utf-8",
		"application/xml, application/json":     "application/json",
		"TEXT/CSV; header=present":              "text/csv; charset=utf-8",
		"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8": "application/json",
		"image/png":                 "",
		"application/yaml":          "",
		"application/json;q=0":      "",
		"application/json;q=2":      "",
		strings.Repeat("a/b,", 500): "",
	} {
		w := f.get("/v1/prices", "Accept", accept)
		if want == "" {
			if w.Code != 406 || problemOf(t, w).Code != "unaccepted" {
				t.Errorf("%.40q: %d %s", accept, w.Code, w.Header().Get("Content-Type"))
			}
			continue
		}
		if w.Code != 200 || w.Header().Get("Content-Type") != want {
			t.Errorf("%.40q: %d %s, want %s", accept, w.Code, w.Header().Get("Content-Type"), want)
		}
	}
	if w := f.get("/v1/prices?format=csv", "Accept", "application/xml"); !strings.HasPrefix(w.Header().Get("Content-Type"), "text/csv") {
		t.Error("format does not win over Accept")
	}
}

func TestPagesJoinToTheWhole(t *testing.T) {
	f := newFixture(t, nil)
	for _, c := range []struct {
		target string
		rows   int
	}{
		{"/v1/trades/BTC-USD?venue=kraken&start=2026-03-01&format=jsonl", 10},
		{"/v1/candles/BTC-USD?start=2026-01-01&format=jsonl", 5},
		{"/v1/assets?format=jsonl", 6},
		{"/v1/instruments?format=jsonl", 7},
		{"/v1/derivatives?format=jsonl", 3},
		{"/v1/derivatives/history?venue=kraken&pair=BTC-USD-PERP&start=2026-03-01&format=jsonl", 4},
		{"/v1/funding?pair=BTC-USD-PERP&start=2026-03-01&format=jsonl", 11},
		{"/v1/liquidations?pair=BTC-USD-PERP&start=2026-03-01&format=jsonl", 6},
		{"/v1/quality?format=jsonl", 3},
		{"/v1/gaps?format=jsonl", 2},
		{"/v1/corrections?venue=kraken&pair=ETH-USD&start=2026-02-01&format=jsonl", 5},
	} {
		whole := f.get(c.target).Body.String()
		if n := strings.Count(whole, "\n"); n != c.rows {
			t.Errorf("%s: %d rows, want %d", c.target, n, c.rows)
		}
		for limit := 1; limit <= c.rows+1; limit++ {
			got, next := "", fmt.Sprintf("%s&limit=%d", c.target, limit)
			for range 20 {
				w := f.get(next)
				if w.Code != 200 {
					t.Fatalf("%s: %d %s", next, w.Code, w.Body)
				}
				got += w.Body.String()
				link := w.Header().Get("Link")
				if link == "" {
					next = ""
					break
				}
				next, _, _ = strings.Cut(strings.TrimPrefix(link, "<"), ">")
			}
			if got != whole || next != "" {
				t.Errorf("%s in pages of %d:\n%s\nwant\n%s", c.target, limit, got, whole)
			}
		}
	}
	cursor := f.get("/v1/instruments?limit=1").Header().Get("Assay-Next-Cursor")
	for _, bad := range []string{"/v1/instruments?venue=kraken&cursor=" + cursor, "/v1/assets?cursor=" + cursor, "/v1/instruments?cursor=x" + cursor, "/v1/instruments?cursor=" + cursor[:4],
		"/v1/instruments?cursor=" + makeCursor(filterDigest("instruments", "", "", "", "", ""), -5), "/v1/instruments?cursor=%00"} {
		if w := f.get(bad); w.Code != 400 || problemOf(t, w).Errors[0].Location != "query.cursor" {
			t.Errorf("%s: %d %s", bad, w.Code, w.Body)
		}
	}
	if w := f.get("/v1/instruments?cursor=" + makeCursor(filterDigest("instruments", "", "", "", "", ""), 1<<62)); w.Code != 200 {
		t.Error(w.Code, w.Body)
	}
}

func TestStreamsAreAdmitted(t *testing.T) {
	f := newFixture(t, func(o *Options) {
		o.Stream = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, gate.Caller(r.Context()).KeyID)
			w.(http.Flusher).Flush()
		})
	})
	id := f.own.ID
	if w := f.get("/v1/stream"); w.Body.String() != id || !w.Flushed {
		t.Error(w.Code, w.Body)
	}
	if w := f.get("/v1/stream/sse", "Authorization", ""); w.Code != 401 {
		t.Error(w.Code)
	}
	var made Answer[Ticket]
	json.Unmarshal(f.ask("POST", "/v1/stream/tickets", "").Body.Bytes(), &made)
	if w := f.get(made.Data.URL, "Authorization", ""); w.Body.String() != id {
		t.Error(w.Code, w.Body)
	}
	if w := f.get(made.Data.URL, "Authorization", ""); w.Code != 401 || problemOf(t, w).Errors[0].Location != "query.ticket" {
		t.Error("a ticket worked twice:", w.Code)
	}
	if strings.Contains(f.log.String(), made.Data.Ticket) {
		t.Error("the ticket is in the log")
	}
	if w := newFixture(t, nil).get("/v1/stream"); w.Code != 404 {
		t.Error("a server without streams:", w.Code)
	}
}

func TestAStreamOutlivesTheServersDeadlines(t *testing.T) {
	f := newFixture(t, func(o *Options) {
		o.Stream = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			for range 4 {
				select {
				case <-r.Context().Done():
					return
				case <-time.After(50 * time.Millisecond):
				}
				fmt.Fprintln(w, "tick")
				w.(http.Flusher).Flush()
			}
		})
	})
	srv := httptest.NewUnstartedServer(f)
	srv.Config.ReadTimeout, srv.Config.WriteTimeout = 60*time.Millisecond, 60*time.Millisecond
	srv.Start()
	defer srv.Close()
	r, _ := http.NewRequest("GET", srv.URL+"/v1/stream", nil)
	r.Header.Set("Authorization", "Bearer "+f.key)
	res, err := srv.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if b, err := io.ReadAll(res.Body); err != nil || strings.Count(string(b), "tick") != 4 {
		t.Errorf("%q %v", b, err)
	}
}

func TestOtherFacesAreAdmittedToo(t *testing.T) {
	f := newFixture(t, func(o *Options) {
		o.Mounts = []Mount{{Pattern: "/compat/x/", Scope: access.MarketRead, Cost: 1, KeyHeaders: []string{"x-cg-pro-api-key"},
			Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, gate.Caller(r.Context()).App) })}}
	})
	if w := f.get("/compat/x/ping", "Authorization", "", "X-Cg-Pro-Api-Key", f.key); w.Code != 200 || w.Body.String() != "bot" || w.Header().Get("RateLimit") == "" {
		t.Error(w.Code, w.Body, w.Header())
	}
	if w := f.get("/compat/x/ping", "Authorization", ""); w.Code != 401 {
		t.Error(w.Code)
	}
	if w := f.get("/compat/x/ping", "Authorization", "Bearer "+f.create(t, access.StreamRead)); w.Code != 403 {
		t.Error(w.Code)
	}
}

func TestTheHomePageSaysWhenDataIsNotLive(t *testing.T) {
	f := newFixture(t, nil)
	if b := f.get("/").Body.String(); strings.Contains(b, "Not live") || !strings.Contains(b, "Kraken") || !strings.Contains(b, "http://example.com/v1/prices") {
		t.Error(b)
	}
	f.world.simulated = "Replay of recorded data from 2026-01-01 <b>"
	if b := f.get("/").Body.String(); !strings.Contains(b, "Not live") || !strings.Contains(b, "&lt;b&gt;") {
		t.Error(b)
	}
	w := f.get("/v1/prices")
	if !strings.Contains(w.Body.String(), `"simulated":true,"simulated_note":"Replay`) || w.Header().Get("Assay-Simulated") != "true" {
		t.Error(w.Body, w.Header())
	}
	home := newFixture(t, func(o *Options) {
		o.Home = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "mine ", r.URL.Path) })
	})
	for _, p := range []string{"/", "/markets/BTC", "/app.js"} {
		if b := home.get(p).Body.String(); b != "mine "+p {
			t.Errorf("%s: %s", p, b)
		}
	}
	if w := home.get("/v1/nothing"); w.Code != 404 {
		t.Error(w.Code)
	}
}

// TestBadRequestsAreProblems throws nonsense at every operation: whatever comes, the
// answer is an answer or a problem of the caller's, never ours.
func TestBadRequestsAreProblems(t *testing.T) {
	f := newFixture(t, nil)
	rnd := rand.New(rand.NewPCG(1, 2))
	values := []string{"", "0", "-1", "1e9", "99999999999999999999", "null", "BTC-USD", "BTC", "btc/usd", "../../etc/passwd", "%00", "'; DROP TABLE keys;--", "<script>", strings.Repeat("a", 5000),
		"ünïcode", "\xff\xfe", "1772352000000", "1772352000", "2026-13-45", "9999-01-01", "-2026-01-01T00:00:00Z", "true", "kraken", "consensus", "1h", "1M", "csv", "AQ", "AAAAAAAAAAAAAAAA", ",,,,", "{}", "[]", "a=b&c=d", "😀", "NaN", "0x10", " "}
	names := []string{"start", "end", "limit", "cursor", "venue", "interval", "depth", "assets", "quote", "class", "q", "format", "decimal", "pair", "state", "open", "channel", "kind", "nonsense", "limit[]", ""}
	pick := func(from []string) string { return from[rnd.IntN(len(from))] }
	kinds := map[int]int{}
	for i := range 12000 {
		op := f.ops[rnd.IntN(len(f.ops))]
		target := op.Path
		for strings.Contains(target, "{") {
			a, b := strings.Index(target, "{"), strings.Index(target, "}")
			target = target[:a] + url.PathEscape(pick(values)) + target[b+1:]
		}
		if i%7 == 0 {
			target += "/" + url.PathEscape(pick(values))
		}
		var q []string
		for range rnd.IntN(4) {
			v := pick(values)
			if rnd.IntN(4) > 0 {
				v = url.QueryEscape(v)
			} else if u, err := url.Parse("/?x=" + v); err != nil || u == nil || strings.ContainsAny(v, " \x00#") {
				v = ""
			}
			q = append(q, pick(names)+"="+v)
		}
		if q != nil {
			target += "?" + strings.Join(q, "&")
		}
		u, err := url.ParseRequestURI(target)
		if err != nil {
			continue
		}
		r := httptest.NewRequest(op.Method, "/", nil)
		if op.Method == "POST" && op.ID == "create-key" {
			r = httptest.NewRequest("POST", "/", strings.NewReader(pick([]string{"", "{}", "[]", "null", `{"name":1}`, `{"name":"a","scopes":[]}`, `{"name":"a","scopes":["x"]}`, `{"name":"a","scopes":null,"rate":1e99}`, "\xff", `{"name":"a","scopes":["market:read"],"expires_at":"yesterday"}`, strings.Repeat("[", 10000)})))
			r.Header.Set("Content-Type", "application/json")
		}
		r.URL, r.RequestURI = u, target
		r.Header.Set("Authorization", "Bearer "+f.key)
		r.Header.Set("Accept", pick([]string{"", "*/*", "text/csv", "application/xml", "image/png", "a", ";;", "application/json;q=x"}))
		w := httptest.NewRecorder()
		f.ServeHTTP(w, r)
		kinds[w.Code]++
		switch {
		case w.Code >= 500:
			t.Fatalf("%s %s: %d %s", op.Method, target, w.Code, w.Body)
		case w.Code >= 400:
			if ct := w.Header().Get("Content-Type"); !strings.HasPrefix(ct, "application/problem+") {
				t.Fatalf("%s %s: %d %s", op.Method, target, w.Code, ct)
			}
		}
		checkSyntax(t, target, w.Header().Get("Content-Type"), w.Body.Bytes())
	}
	if kinds[400] < 300 || kinds[200] < 100 {
		t.Errorf("the mix is too thin: %v", kinds)
	}
	if strings.Contains(f.log.String(), "panic") {
		t.Error("something panicked on the way")
	}
}

func FuzzQuery(f *testing.F) {
	for _, s := range []string{"limit=5", "start=1772352000000&end=2026-03-02", "cursor=AQ&format=xml", "venue=%zz", "a&b&c=;", "interval=1M&decimal=number"} {
		f.Add(s)
	}
	var x *fixture
	f.Fuzz(func(t *testing.T, q string) {
		if x == nil {
			x = newFixture(t, nil)
		}
		for _, path := range []string{"/v1/candles/BTC-USD", "/v1/trades/BTC-USD", "/v1/assets"} {
			r := httptest.NewRequest("GET", path, nil)
			r.URL.RawQuery = q
			r.Header.Set("Authorization", "Bearer "+x.key)
			w := httptest.NewRecorder()
			x.ServeHTTP(w, r)
			if w.Code >= 500 {
				t.Fatalf("%s?%s: %d %s", path, q, w.Code, w.Body)
			}
			checkSyntax(t, q, w.Header().Get("Content-Type"), w.Body.Bytes())
		}
	})
}

func TestTimesOfCallers(t *testing.T) {
	for in, want := range map[string]string{
		"":                              "",
		"2026-03-01":                    "2026-03-01T00:00:00.000Z",
		"2026-03-01T12:00:00Z":          "2026-03-01T12:00:00.000Z",
		"2026-03-01T12:00:00.123456Z":   "2026-03-01T12:00:00.123Z",
		"2026-03-01T12:00:00+02:00":     "2026-03-01T10:00:00.000Z",
		"2026-03-01T12:00:00 02:00":     "2026-03-01T10:00:00.000Z", // an unescaped plus
		"1772366400000":                 "2026-03-01T12:00:00.000Z",
		"946684800000":                  "2000-01-01T00:00:00.000Z",
		"1772366400":                    "error 1772366400000",
		"17723664000":                   "error 13 digits",
		"17723664000000":                "error 13 digits",
		"99999999999999999999999999999": "error 13 digits",
		"yesterday":                     "error no time",
		"2026-3-1":                      "error no time",
		"1969-12-31":                    "error 1970",
		"2201-01-01":                    "error 1970",
	} {
		got, err := parseTime("query.start", in)
		text := got.Format(timeForm)
		switch {
		case err != nil:
			text = "error " + fault.Public(err)
		case got.IsZero():
			text = ""
		}
		if text != want && !(strings.HasPrefix(want, "error ") && strings.HasPrefix(text, "error ") && strings.Contains(text, want[6:])) {
			t.Errorf("%q: %q, want %q", in, text, want)
		}
	}
}

func TestPairsOfCallers(t *testing.T) {
	f := newFixture(t, nil)
	for in, want := range map[string]market.Pair{
		"BTC-USD": "BTC-USD", "btc/usd": "BTC-USD", "xbt_usd": "BTC-USD", "XBT-USD-PERP": "BTC-USD-PERP", "USD-XBT-20260327": "USD-BTC-20260327", "ABC-DEF": "ABC-DEF",
	} {
		if got, err := f.pair("path.pair", in); err != nil || got != want {
			t.Errorf("%s: %s %v", in, got, err)
		}
	}
}

func TestNearest(t *testing.T) {
	words := []string{"limit", "start", "interval", "venue"}
	for in, want := range map[string][]string{"limt": {"limit"}, "intervall": {"interval"}, "Venue": {"venue"}, "zzz": {}, "st": {"start"}, "": {}} {
		if got := nearest(in, words, 2); !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", in, got, want)
		}
	}
}
