package api

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/accesstest"
	"github.com/assayhq/assay/access/gate"
)

// The OWASP API Security Top 10 of 2023, as far as it is the api's; the map from item to
// tests is docs/security/owasp-api-top-10.md.

// operationOf gives the document's view of an operation.
func operationOf(s *Server, op *Operation) *huma.Operation {
	item := s.huma.OpenAPI().Paths[op.Path]
	return map[string]*huma.Operation{"GET": item.Get, "POST": item.Post, "DELETE": item.Delete}[op.Method]
}

// API3: a property that an operation does not have is refused, on every operation with a
// body and at every depth, so no caller sets what is not his to set.
func TestUnknownPropertiesAreRefusedEverywhere(t *testing.T) {
	table := expectations()
	synctest.Test(t, func(t *testing.T) {
		m := newMatrix(t)
		defer m.stop()
		before := m.state(t)
		bodies := 0
		for _, op := range m.Operations() {
			h := operationOf(m.Server, &op)
			if h.RequestBody == nil || table[op.ID].needs != "" { // who may not is told so before the body is read
				continue
			}
			bodies++
			for _, name := range []string{"is_admin", "role", "id", "state", "verifier", "created_at", "tenant", "__proto__"} {
				var body map[string]any
				if err := json.Unmarshal([]byte(orText(m.fill(table[op.ID].ask.body), "{}")), &body); err != nil {
					t.Fatal(op.ID, err)
				}
				body[name] = "x"
				b, _ := json.Marshal(body)
				time.Sleep(100 * time.Millisecond)
				w := m.send(op.Method, m.owner, asked{target: table[op.ID].ask.target, body: string(b)})
				if w.Code != 400 || problemOf(t, w).Code != "invalid" || !strings.Contains(w.Body.String(), name) {
					t.Errorf("%s with the property %s: %d %s", op.ID, name, w.Code, w.Body)
				}
			}
		}
		// Objects inside.
		w := m.send("POST", m.owner, asked{target: "/v1/keys", body: `{"name":"x","scopes":["market:read"],"policy":{"unlimited":true}}`})
		if w.Code != 400 || !strings.Contains(w.Body.String(), "unlimited") {
			t.Errorf("a property inside: %d %s", w.Code, w.Body)
		}
		if m.state(t) != before || bodies < 8 {
			t.Errorf("%d bodies; something was changed", bodies)
		}
	})
}

func orText(s, def string) string {
	if s == "" {
		return def
	}
	return s
}

// API3: what an answer may hold is listed. The names of what must stay inside appear in
// no schema, save in those answers that show a secret once.
func TestNoAnswerHasAPlaceForASecret(t *testing.T) {
	once := map[string]string{"NewKey.token": "", "NewWebhook.secret": "", "Enrolment.secret": "", "LoggedIn.session": "", "Welcome.token": "", "Recovery.recovery_codes": "", "Ticket.ticket": "",
		// Shown once as well, and things that are none.
		"NewKey.signing_secret": "", "Me.token_expires_at": "", "Account.totp": "", "Account.recovery_codes_left": ""}
	inside := []string{"token", "secret", "session", "verifier", "pepper", "password", "hash", "sealed", "recovery", "ticket", "totp", "private", "digest"}
	f := newFixture(t, nil)
	seen := map[string]bool{}
	for name, s := range f.huma.OpenAPI().Components.Schemas.Map() {
		if strings.HasSuffix(name, "Request") || strings.HasSuffix(name, "Body") || strings.HasSuffix(name, "InBody") {
			continue // what is sent to us
		}
		for p := range s.Properties {
			for _, word := range inside {
				if !strings.Contains(p, word) || p == "tokenmetrics_id" {
					continue
				}
				if _, ok := once[name+"."+p]; !ok {
					t.Errorf("the answer %s has a member %s", name, p)
				}
				seen[name+"."+p] = true
			}
		}
	}
	for k := range once {
		if !seen[k] {
			t.Errorf("%s is allowed and does not exist", k)
		}
	}
}

// API4: every text, list and number that a caller sends has a bound.
func TestEverythingSentHasABound(t *testing.T) {
	f := newFixture(t, nil)
	reg := f.huma.OpenAPI().Components.Schemas
	var walk func(where string, s *huma.Schema)
	walk = func(where string, s *huma.Schema) {
		if s.Ref != "" {
			s = reg.SchemaFromRef(s.Ref)
		}
		switch s.Type {
		case huma.TypeString:
			if s.MaxLength == nil && len(s.Enum) == 0 && s.Format != "date-time" {
				t.Errorf("%s: a text without maxLength", where)
			}
		case huma.TypeArray:
			if s.MaxItems == nil {
				t.Errorf("%s: a list without maxItems", where)
			}
			walk(where+"[]", s.Items)
		case huma.TypeObject:
			for name, p := range s.Properties {
				walk(where+"."+name, p)
			}
			if of, ok := s.AdditionalProperties.(*huma.Schema); ok && s.MaxProperties != nil {
				walk(where+".*", of) // as many as it says, of names that its handler knows
				break
			}
			if b, ok := s.AdditionalProperties.(bool); !ok || b {
				t.Errorf("%s: an object that takes any property", where)
			}
		}
	}
	for _, op := range f.Operations() {
		if h := operationOf(f.Server, &op); h.RequestBody != nil {
			c := h.RequestBody.Content["application/json"]
			if op.ID == signatureCheck {
				continue // takes anything, of the server's size: it is the text that is signed
			}
			if c == nil || c.Schema == nil {
				t.Errorf("%s: the form of what is sent is not told", op.ID)
				continue
			}
			walk(op.ID, c.Schema)
		}
	}
	// Pages: beyond the largest is refused, not cut.
	pages := 0
	for _, op := range f.Operations() {
		for _, p := range operationOf(f.Server, &op).Parameters {
			if p.Name != "limit" {
				continue
			}
			pages++
			if p.Schema.Maximum == nil || *p.Schema.Maximum > 10_000 {
				t.Errorf("%s: limit has no maximum, or a large one", op.ID)
				continue
			}
			sep := "?"
			target := f.fillIDs(expectations()[op.ID].ask.target)
			if strings.Contains(target, "?limit") {
				target, _, _ = strings.Cut(target, "?")
			}
			if strings.Contains(target, "?") {
				sep = "&"
			}
			for _, limit := range []string{fmt.Sprint(int(*p.Schema.Maximum) + 1), "0", "-1", "99999999999999999999", "1e3"} {
				if w := f.ask(op.Method, target+sep+"limit="+limit, ""); w.Code != 400 {
					t.Errorf("%s with limit=%s: %d %.200s", op.ID, limit, w.Code, w.Body)
				}
			}
		}
	}
	if pages < 5 {
		t.Errorf("only %d operations have pages", pages)
	}
}

func (f *fixture) fillIDs(s string) string {
	return strings.NewReplacer("{hook}", f.hook, "{key}", f.own.ID, "{entry}", "0").Replace(s)
}

// API8, API9: each path takes the methods that the document lists, and no other.
func TestTheMethodsAreThoseOfTheDocument(t *testing.T) {
	f := newFixture(t, nil)
	paths := map[string][]string{}
	for _, op := range f.Operations() {
		paths[op.Path] = append(paths[op.Path], op.Method)
	}
	for path, item := range f.huma.OpenAPI().Paths {
		listed := 0
		for _, h := range []*huma.Operation{item.Get, item.Post, item.Delete, item.Put, item.Patch, item.Head, item.Options, item.Trace} {
			if h != nil {
				listed++
			}
		}
		if listed != len(paths[path]) {
			t.Errorf("%s: the document lists %d methods, the registry %v", path, listed, paths[path])
		}
	}
	for path, methods := range paths {
		target := strings.NewReplacer("{pair}", "BTC-USD", "{asset}", "BTC", "{id}", f.own.ID, "{venue}", "kraken").Replace(path)
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "PROPFIND", "get"} {
			has := slices.Contains(methods, method) || method == "HEAD" && slices.Contains(methods, "GET")
			w := f.ask(method, target, "", "Authorization", "")
			if has == (w.Code == 405) || !has && w.Code != 405 {
				t.Errorf("%s %s: %d", method, path, w.Code)
			}
			if !has {
				allow := strings.Split(w.Header().Get("Allow"), ", ")
				for _, m := range methods {
					if !slices.Contains(allow, m) {
						t.Errorf("%s %s: Allow is %q", method, path, allow)
					}
				}
			}
		}
	}
	if len(paths) != len(f.huma.OpenAPI().Paths) {
		t.Errorf("%d paths are served, %d documented", len(paths), len(f.huma.OpenAPI().Paths))
	}
}

// API8: every answer says that its type is not to be guessed and that it is not to be
// kept, refusals too; no answer names the software behind.
func TestEveryAnswerHasTheSecurityHeaders(t *testing.T) {
	f := newFixture(t, nil)
	for _, op := range f.Operations() {
		for _, key := range []string{"", "Bearer " + f.key} {
			w := f.ask(op.Method, strings.NewReplacer("{pair}", "BTC-USD", "{asset}", "BTC", "{id}", "x", "{venue}", "kraken").Replace(op.Path), "", "Authorization", key)
			h := w.Header()
			if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Cache-Control") != "no-store" || h.Get("X-Request-Id") == "" {
				t.Errorf("%s: %v", op.ID, h)
			}
			for _, no := range []string{"Server", "X-Powered-By", "Set-Cookie", "Access-Control-Allow-Origin", "Access-Control-Allow-Credentials"} {
				if h.Get(no) != "" {
					t.Errorf("%s: %s: %s", op.ID, no, h.Get(no))
				}
			}
		}
	}
}

// API8: only the origins that were named may call from a browser, and never with cookies.
func TestForeignOriginsGetNoPermission(t *testing.T) {
	f := newFixture(t, func(o *Options) { o.Origins = []string{"https://app.example.com"} })
	for origin, ok := range map[string]bool{
		"https://app.example.com": true, "https://app.example.com.evil.example": false, "https://evil.example": false, "null": false,
		"http://app.example.com": false, "https://APP.example.com": false, "https://app.example.com:444": false, "*": false,
	} {
		for _, method := range []string{"GET", "OPTIONS"} {
			w := f.ask(method, "/v1/prices", "", "Origin", origin, "Access-Control-Request-Method", "GET")
			if got := w.Header().Get("Access-Control-Allow-Origin"); (got != "") != ok {
				t.Errorf("%s from %s: allowed %q", method, origin, got)
			}
			if w.Header().Get("Access-Control-Allow-Credentials") != "" {
				t.Errorf("%s from %s: with cookies", method, origin)
			}
		}
	}
}

// API4: what is packed is not unpacked: a small body cannot become a large one.
func TestPackedBodiesAreRefused(t *testing.T) {
	f := newFixture(t, nil)
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	fmt.Fprint(z, `{"name":"x","scopes":["market:read"]}`)
	z.Close()
	for _, encoding := range []string{"gzip", "deflate", "br", "zstd", "gzip, gzip", "identity, gzip"} {
		if w := f.ask("POST", "/v1/keys", b.String(), "Content-Encoding", encoding); w.Code != 415 {
			t.Errorf("%s: %d %s", encoding, w.Code, w.Body)
		}
	}
	if w := f.ask("POST", "/v1/keys", `{"name":"x","scopes":["market:read"]}`, "Content-Encoding", "identity"); w.Code != 201 {
		t.Errorf("identity: %d %s", w.Code, w.Body)
	}
}

// API2: two keys are none; whoever puts a second one into a request decides nothing.
func TestTwoKeysAreRefused(t *testing.T) {
	f := newFixture(t, nil)
	other := f.create(t, access.AuditRead)
	for i, c := range []struct {
		auth, key []string
		status    int
	}{
		{[]string{"Bearer " + f.key, "Bearer " + other}, nil, 400},
		{[]string{"Bearer " + f.key}, []string{other}, 400},
		{nil, []string{f.key, other}, 400},
		{[]string{"Bearer " + f.key, "Bearer " + f.key}, []string{f.key}, 200},
		{[]string{"Bearer " + f.key, "Basic eDp5"}, nil, 401},
		{[]string{"Bearer " + f.key + ", Bearer " + other}, nil, 401},
		{[]string{"Bearer"}, nil, 401},
		{[]string{"Bearer "}, []string{f.key}, 401},
		{[]string{f.key}, nil, 401},
	} {
		r := httptest.NewRequest("GET", "/v1/keys", nil)
		r.Header["Authorization"], r.Header["X-Api-Key"] = c.auth, c.key
		w := httptest.NewRecorder()
		f.ServeHTTP(w, r)
		if w.Code != c.status {
			t.Errorf("case %d: %d, want %d: %s", i, w.Code, c.status, w.Body)
		}
		if strings.Contains(w.Body.String(), f.key[20:]) || strings.Contains(w.Body.String(), other[20:]) {
			t.Errorf("case %d repeats a key", i)
		}
	}
}

// API2, API8: an address in X-Forwarded-For counts only behind a proxy that is trusted,
// and only the last one that no trusted proxy wrote.
func TestForwardedAddressesAreNotBelieved(t *testing.T) {
	g, err := gate.New(accesstest.NewMemory().Link(), gate.Options{Static: time.Hour, Proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}})
	if err != nil {
		t.Fatal(err)
	}
	made, err := g.Create(t.Context(), gate.By{Name: "test"}, gate.Spec{Name: "bound", Scopes: []access.Scope{access.KeysRead}, Rate: 1000,
		Bounds: access.Bounds{Networks: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("2001:db8::/32")}}})
	if err != nil {
		t.Fatal(err)
	}
	f := newFixture(t, func(o *Options) { o.Gate = g })
	for _, c := range []struct {
		peer string
		xff  []string
		ok   bool
	}{
		{"203.0.113.7:1", nil, true},
		{"198.51.100.1:1", []string{"203.0.113.7"}, false},            // nobody trusted wrote it
		{"10.0.0.1:1", []string{"203.0.113.7"}, true},                 // a proxy did
		{"10.0.0.1:1", []string{"203.0.113.7, 198.51.100.1"}, false},  // the client wrote the first itself
		{"10.0.0.1:1", []string{"198.51.100.1, 203.0.113.7"}, true},   //
		{"10.0.0.1:1", []string{"198.51.100.1", "203.0.113.7"}, true}, // two lines are one list
		{"10.0.0.1:1", []string{"203.0.113.7, 10.0.0.2"}, true},       // two proxies
		{"10.0.0.1:1", []string{"203.0.113.7, nonsense"}, false},      // unreadable: the proxy itself
		{"10.0.0.1:1", []string{"203.0.113.7, "}, false},              //
		{"10.0.0.1:1", []string{"203.0.113.7:80"}, false},             // not an address
		{"10.0.0.1:1", []string{"::ffff:203.0.113.7"}, true},          // the same address in another form
		{"10.0.0.1:1", nil, false},                                    //
		{"[fd00::1]:1", []string{"2001:db8::5"}, true},                //
		{"[2001:db8::5]:1", []string{"198.51.100.1"}, true},           // the peer is the client
		{"[::ffff:203.0.113.7]:1", nil, true},                         //
		{"[::ffff:10.0.0.1]:1", []string{"203.0.113.7"}, true},        //
		{"198.51.100.1:1", []string{"203.0.113.7, 10.0.0.1"}, false},  // it claims to be a proxy
		{"10.0.0.1:1", []string{strings.Repeat("10.0.0.2, ", 900) + "203.0.113.7"}, true},
	} {
		r := httptest.NewRequest("GET", "/v1/keys", nil)
		r.RemoteAddr = c.peer
		r.Header["X-Forwarded-For"] = c.xff
		for _, spoof := range []string{"Forwarded", "X-Real-Ip", "True-Client-Ip", "Cf-Connecting-Ip", "X-Client-Ip"} {
			r.Header.Set(spoof, "203.0.113.7")
		}
		r.Header.Set("Authorization", "Bearer "+made.Token)
		w := httptest.NewRecorder()
		f.ServeHTTP(w, r)
		if (w.Code == 200) != c.ok || w.Code != 200 && w.Code != 403 {
			t.Errorf("from %s with %.60q: %d", c.peer, c.xff, w.Code)
		}
	}
}

// real starts the server as app runs it, and gives what one connection answers to bytes.
func real(t *testing.T, f *fixture) func(raw string) (answers []*http.Response, bodies []string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := f.HTTP()
	done := make(chan struct{})
	go func() { defer close(done); _ = srv.Serve(l) }()
	t.Cleanup(func() { srv.Close(); <-done })
	return func(raw string) (answers []*http.Response, bodies []string) {
		t.Helper()
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(20 * time.Second))
		go func() {
			_, _ = io.WriteString(c, raw) // the server may hang up early
			_ = c.(*net.TCPConn).CloseWrite()
		}()
		in := bufio.NewReader(c)
		for {
			res, err := http.ReadResponse(in, nil)
			if err != nil {
				return answers, bodies
			}
			b, _ := io.ReadAll(res.Body)
			answers, bodies = append(answers, res), append(bodies, string(b))
		}
	}
}

// API8: requests that two servers could read in two ways are refused, or are the last on
// their connection: nothing behind them is taken for a request.
func TestNoRequestIsSmuggledIn(t *testing.T) {
	f := newFixture(t, nil)
	send := real(t, f)
	key := "Authorization: Bearer " + f.key + "\r\n"
	hidden := "GET /v1/me HTTP/1.1\r\nHost: x\r\n" + key + "\r\n"
	for name, raw := range map[string]string{
		"length and chunks":    "POST /v1/keys HTTP/1.1\r\nHost: x\r\n" + key + "Content-Type: application/json\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden,
		"chunks and length":    "POST /v1/keys HTTP/1.1\r\nHost: x\r\n" + key + "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n" + hidden,
		"chunks alone":         "POST /v1/keys HTTP/1.1\r\nHost: x\r\n" + key + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden,
		"two lengths":          "POST /v1/keys HTTP/1.1\r\nHost: x\r\n" + key + "Content-Length: 0\r\nContent-Length: 5\r\n\r\n" + hidden,
		"a list of lengths":    "POST /v1/keys HTTP/1.1\r\nHost: x\r\n" + key + "Content-Length: 0, 5\r\n\r\n" + hidden,
		"a signed length":      "POST /v1/keys HTTP/1.1\r\nHost: x\r\n" + key + "Content-Length: +0\r\n\r\n" + hidden,
		"space before colon":   "POST /v1/keys HTTP/1.1\r\nHost: x\r\n" + key + "Content-Length : 0\r\n\r\n" + hidden,
		"unknown coding":       "POST /v1/keys HTTP/1.1\r\nHost: x\r\n" + key + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + hidden,
		"two codings":          "POST /v1/keys HTTP/1.1\r\nHost: x\r\n" + key + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" + hidden,
		"coding twice":         "POST /v1/keys HTTP/1.1\r\nHost: x\r\n" + key + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" + hidden,
		"tab in coding":        "POST /v1/keys HTTP/1.1\r\nHost: x\r\n" + key + "Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n" + hidden,
		"bare CR in a header":  "POST /v1/keys HTTP/1.1\r\nHost: x\r\n" + key + "X: a\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden,
		"no host":              "GET /v1/me HTTP/1.1\r\n" + key + "\r\n" + hidden,
		"two hosts":            "GET /v1/me HTTP/1.1\r\nHost: a\r\nHost: b\r\n" + key + "\r\n" + hidden,
		"NUL in a header":      "GET /v1/me HTTP/1.1\r\nHost: x\r\nX: a\x00b\r\n" + key + "\r\n" + hidden,
		"bad chunk size":       "POST /v1/keys HTTP/1.1\r\nHost: x\r\n" + key + "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n" + hidden,
		"HTTP/1.0 with chunks": "POST /v1/keys HTTP/1.0\r\nHost: x\r\n" + key + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden,
		"another version":      "GET /v1/me HTTP/3.7\r\nHost: x\r\n" + key + "\r\n" + hidden,
	} {
		answers, bodies := send(raw)
		if len(answers) > 1 {
			t.Errorf("%s: %d answers on one connection, the last %s", name, len(answers), bodies[len(bodies)-1])
		}
		if len(answers) == 1 && answers[0].StatusCode/100 == 2 {
			t.Errorf("%s: %d", name, answers[0].StatusCode)
		}
	}
	// The test itself can tell: two honest requests have two answers.
	if answers, _ := send(hidden + hidden); len(answers) != 2 || answers[1].StatusCode != 200 {
		t.Errorf("two honest requests: %d answers", len(answers))
	}
	// A line that ends without CR is read, as RFC 9112 2.2 allows, and in one way only.
	bare := strings.ReplaceAll(hidden, "\r\n", "\n")
	if answers, _ := send(bare + bare); len(answers) > 2 {
		t.Errorf("bare line feeds: %d answers", len(answers))
	}
}

// API4: headers, addresses and bodies beyond their bounds are refused.
func TestBombsAreRefused(t *testing.T) {
	f := newFixture(t, nil)
	send := real(t, f)
	key := "Authorization: Bearer " + f.key + "\r\n"
	big := strings.Repeat("a", 40<<10)
	many := strings.Repeat("X-A: b\r\n", 6000)
	for name, c := range map[string]struct {
		raw    string
		status int
	}{
		"a long header":   {"GET /v1/me HTTP/1.1\r\nHost: x\r\n" + key + "X-A: " + big + "\r\n\r\n", 431},
		"many headers":    {"GET /v1/me HTTP/1.1\r\nHost: x\r\n" + key + many + "\r\n", 431},
		"a long address":  {"GET /v1/me?x=" + strings.Repeat("a", 9<<10) + " HTTP/1.1\r\nHost: x\r\n" + key + "\r\n", 414},
		"many parameters": {"GET /v1/prices?" + strings.Repeat("a=1&", 50) + " HTTP/1.1\r\nHost: x\r\n" + key + "\r\n", 400},
		"a long body":     {"POST /v1/keys HTTP/1.1\r\nHost: x\r\n" + key + "Content-Type: application/json\r\nContent-Length: 100000\r\n\r\n" + `{"name":"` + strings.Repeat("a", 100000-11) + `"}`, 413},
		"chunks for ever": {"POST /v1/keys HTTP/1.1\r\nHost: x\r\n" + key + "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n" + strings.Repeat("1000\r\n"+strings.Repeat(" ", 4096)+"\r\n", 40) + "0\r\n\r\n", 413},
		"deep nesting":    {"POST /v1/keys HTTP/1.1\r\nHost: x\r\n" + key + "Content-Type: application/json\r\nContent-Length: 40000\r\n\r\n" + strings.Repeat("[", 20000) + strings.Repeat("]", 20000), 400},
	} {
		answers, bodies := send(c.raw)
		if len(answers) != 1 || answers[0].StatusCode != c.status {
			t.Errorf("%s: %d answers, want one of %d: %.200v", name, len(answers), c.status, bodies)
			for _, a := range answers {
				t.Log(a.StatusCode)
			}
		}
	}
}

// API1, API8: no way to write a path reaches a route without what the route asks for, and
// no redirect leaves this server.
func TestNoWayOfWritingAPathGoesAroundTheGate(t *testing.T) {
	f := newFixture(t, func(o *Options) {
		o.Mounts = []Mount{{Pattern: "/compat/x/", Scope: access.MarketRead, Cost: 1, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "in") })}}
	})
	send := real(t, f)
	lesser := "Authorization: Bearer " + f.create(t, access.StreamRead) + "\r\n"
	tricks := []string{
		"//v1/keys", "/v1//keys", "/v1/./keys", "/v1/../v1/keys", "/v1/%2e%2e/v1/keys", "/v1/%2e/keys", "/healthz/../v1/keys", "/healthz/%2e%2e/v1/keys", "/healthz%2f..%2fv1%2fkeys",
		"/docs/..%2fv1/keys", "/v1/keys/", "/v1/keys//", "/v1/keys.", "/v1/keys..", "/v1/keys;x=1", "/v1;x/keys", "/V1/keys", "/v1/KEYS", "/v1/keys%20", "/v1/keys%00", "/v1/keys%0a", "/v1/keys%09",
		"/v1/keys%2f", "/v1%2fkeys", "/v1/k%65ys", "/%76%31/keys", "/v1/keys%3fx", "/v1/keys#x", "/v1/keys\\", "/v1\\keys", "/compat/x/../../v1/keys", "/compat/x/%2e%2e/%2e%2e/v1/keys", "/compat//x/ping", "/compat/x", "/compat/x/..",
		"http://other/v1/keys", "//evil.example/v1/keys", "/\\evil.example", "/%5cevil.example", "//evil.example/..", "/.well-known/../v1/keys", "/v1/rings/../keys", "/v1/rings/..%2f..%2fkeys", "*",
	}
	checked := 0
	for _, path := range tricks {
		for _, key := range []string{"", lesser} {
			for _, method := range []string{"GET", "POST"} {
				answers, bodies := send(method + " " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + key + "\r\n")
				for i, a := range answers {
					checked++
					if a.StatusCode/100 == 2 && path != "/compat/x/.." {
						t.Errorf("%s %s: %d %.200s", method, path, a.StatusCode, bodies[i])
					}
					if to := a.Header.Get("Location"); strings.HasPrefix(to, "//") || strings.Contains(to, "\\") || strings.Contains(to, "://") {
						t.Errorf("%s %s is sent to %s", method, path, to)
					}
				}
			}
		}
	}
	if checked < len(tricks) {
		t.Errorf("only %d answers", checked)
	}
}

// API4: whoever sends slowly is cut off: the server that app runs has every deadline.
func TestTheServerHasItsDeadlines(t *testing.T) {
	srv := newFixture(t, nil).HTTP()
	for name, d := range map[string]time.Duration{"header": srv.ReadHeaderTimeout, "read": srv.ReadTimeout, "write": srv.WriteTimeout, "idle": srv.IdleTimeout} {
		if d <= 0 || d > 2*time.Minute {
			t.Errorf("the deadline for %s is %s", name, d)
		}
	}
	if srv.ReadHeaderTimeout > 10*time.Second || srv.MaxHeaderBytes > 64<<10 || srv.MaxHeaderBytes == 0 {
		t.Error(srv.ReadHeaderTimeout, srv.MaxHeaderBytes)
	}
	// And they work: half a header, then silence.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv.ReadHeaderTimeout, srv.ReadTimeout = 50*time.Millisecond, 50*time.Millisecond
	done := make(chan struct{})
	go func() { defer close(done); _ = srv.Serve(l) }()
	defer func() { srv.Close(); <-done }()
	for _, begun := range []string{"GET /v1/me HTTP/1.1\r\nHost: x\r\nX-A: ", "POST /v1/account/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"} {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(c, begun)
		_ = c.SetReadDeadline(time.Now().Add(30 * time.Second))
		if _, err := io.Copy(io.Discard, c); err != nil { // it ends by itself
			t.Errorf("%.20q is kept open: %v", begun, err)
		}
		c.Close()
	}
}
