package app

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/gate"
	"github.com/assayhq/assay/access/oauth"
	"github.com/assayhq/assay/internal/leaks"
)

// journal keeps what a server wrote, whoever wrote it.
type journal struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.Write(b)
}

func (j *journal) bytes() []byte {
	j.mu.Lock()
	defer j.mu.Unlock()
	return bytes.Clone(j.b.Bytes())
}

// story is a server that is asked everything, with every secret that it made.
type story struct {
	t       *testing.T
	a       *App
	log     *journal
	errors  bytes.Buffer // bodies and headers of refusals
	told    bytes.Buffer // answers that must hold no secret
	secrets map[string]string
}

// ask sends a request; an answer that shows no secret on purpose is kept for the scan.
func (s *story) ask(method, target, body string, quiet bool, headers ...string) (int, map[string]any) {
	s.t.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if strings.HasPrefix(body, "{") {
		r.Header.Set("Content-Type", "application/json")
	}
	r.RemoteAddr = "127.0.0.1:5000"
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	s.a.API.ServeHTTP(w, r)
	into := &s.told
	if w.Code >= 400 {
		into = &s.errors
	}
	if quiet || w.Code >= 400 {
		_ = w.Header().Write(into)
		into.Write(w.Body.Bytes())
		into.WriteByte('\n')
	}
	var v struct {
		Data map[string]any `json:"data"`
	}
	_ = json.Unmarshal(w.Body.Bytes(), &v)
	return w.Code, v.Data
}

func (s *story) must(code, want int, what string) {
	s.t.Helper()
	if code != want {
		s.t.Fatalf("%s: %d, want %d\n%s", what, code, want, s.errors.String())
	}
}

// keep remembers a secret under a name.
func (s *story) keep(name string, v any) string {
	s.t.Helper()
	text, _ := v.(string)
	if text == "" {
		s.t.Fatalf("no %s in the answer", name)
	}
	s.secrets[name] = text
	return text
}

// open makes a server with everything on, that writes all it can into a log.
func open(t *testing.T) *story {
	t.Helper()
	s := &story{t: t, log: &journal{}, secrets: map[string]string{}}
	cfg := Defaults()
	cfg.Data, cfg.Listen = t.TempDir(), "127.0.0.1:0"
	cfg.OAuth.Issuer = "https://api.example.com"
	cfg.Mail, cfg.People.Page = Mail{Addr: "127.0.0.1:1", From: "a@example.com", Username: "u", Password: "the mail password"}, "https://console.example.com/confirm"
	cfg.Webhooks.HTTP, cfg.Webhooks.Private = true, true
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		s.log.Write(b) // a notice is told to a stranger: it is scanned as the log is
		w.WriteHeader(500)
	}))
	t.Cleanup(hook.Close)
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(hook.URL, "http://"))
	n, _ := strconv.Atoi(port)
	cfg.Webhooks.Ports = []uint16{uint16(n)}
	var err error
	if s.a, err = New(cfg, "test", slog.New(slog.NewJSONHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug}))); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); _ = s.a.delivery.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		<-done
		if err := s.a.Close(); err != nil {
			t.Error(err)
		}
	})
	s.secrets["mail password"], s.secrets["hook address"] = "the mail password", hook.URL+"/in?token=abcdef0123456789"
	return s
}

// TestNoSecretIsLoggedExportedOrRepeated tells the whole story of keys, people, tokens
// and endpoints to one server that logs everything, and finds none of the secrets it
// made, nor anything that looks like one, in the log, in refusals, in the audit log, in
// the report for auditors, or in the store's file.
func TestNoSecretIsLoggedExportedOrRepeated(t *testing.T) {
	s := open(t)
	by := gate.By{Name: "test"}
	scopes := access.Presets()["admin"]
	scopes = slices.DeleteFunc(slices.Clone(scopes), func(x access.Scope) bool { return x == access.Admin })
	made, err := s.a.Gate.Create(t.Context(), by, gate.Spec{Name: "root", Org: "acme", Scopes: scopes, Rate: 10_000})
	if err != nil {
		t.Fatal(err)
	}
	root := s.keep("root key", made.Token)
	auth := []string{"Authorization", "Bearer " + root}

	// Keys: made, rotated, used, revoked, and used again.
	code, k := s.ask("POST", "/v1/keys", `{"name":"bot","scopes":["market:read","keys:rotate:self"]}`, false, auth...)
	s.must(code, 201, "create")
	bot := s.keep("bot key", k["token"])
	ring := fmt.Sprint(k["ring"])
	code, k2 := s.ask("POST", "/v1/rings/"+ring+"/rotate", `{}`, false, append(slices.Clone(auth), "Idempotency-Key", "once")...)
	s.must(code, 201, "rotate")
	next := s.keep("next key", k2["token"])
	s.ask("GET", "/v1/me", "", true, "Authorization", "Bearer "+next)
	s.ask("POST", "/v1/rings/"+ring+"/confirm", "", true, auth...)
	code, _ = s.ask("DELETE", "/v1/keys/"+fmt.Sprint(k["id"])+"?wait=none&cause=compromise", "", true, auth...)
	s.must(code, 200, "revoke")
	for _, wrong := range []string{bot, root[:68] + "x", root[:20] + next[20:], "asy_live_nonsense", "Basic " + root} {
		code, _ = s.ask("GET", "/v1/keys", "", true, "Authorization", "Bearer "+wrong)
		s.must(code, 401, "a wrong key")
	}
	// Keys where they do not belong.
	s.ask("GET", "/v1/prices?api_key="+root, "", true)
	s.ask("GET", "/v1/prices?assets="+root, "", true, auth...)
	s.ask("GET", "/v1/keys/"+root, "", true, auth...)
	s.ask("GET", "/v1/nothing", "", true, "X-API-Key", root, "Cookie", "key="+root, "Referer", "https://x/?k="+root)
	s.ask("POST", "/v1/keys", `{"name":7,"scopes":["market:read"],"token":"`+bot+`"}`, true, auth...)
	s.ask("POST", "/v1/keys", `{"name":"x","scopes":["`+bot+`"]`, true, auth...)
	s.ask("GET", "/v1/me", "", true, "Authorization", "Bearer "+root, "X-API-Key", bot)

	// People, with a second factor.
	code, _ = s.ask("POST", "/v1/account/signup", `{"email":"anna@example.com","password":"a right good password","org":"Acme"}`, true)
	s.must(code, 202, "sign-up")
	s.secrets["password"] = "a right good password"
	letter := <-s.a.people.letters.queue
	s.keep("letter", letter.Token)
	s.a.people.letters.deliver(cancelled(), letter) // no mail server: it fails, and says so
	code, w := s.ask("POST", "/v1/account/confirm", `{"token":"`+letter.Token+`"}`, false)
	s.must(code, 201, "confirm")
	s.keep("first key", w["token"])
	code, _ = s.ask("POST", "/v1/account/confirm", `{"token":"`+letter.Token+`"}`, true)
	s.must(code, 401, "confirm twice")
	logIn := func(password, code string) (int, map[string]any) {
		return s.ask("POST", "/v1/account/login", fmt.Sprintf(`{"email":"anna@example.com","password":%q,"code":%q}`, password, code), false)
	}
	s.secrets["wrong password"] = "a wrong and long password"
	code, _ = logIn("a wrong and long password", "")
	s.must(code, 401, "a wrong password")
	code, in := logIn("a right good password", "")
	s.must(code, 201, "log-in")
	session := s.keep("session", in["session"])
	code, e := s.ask("POST", "/v1/account/totp/begin", `{"password":"a right good password"}`, false, "Assay-Session", session)
	s.must(code, 201, "second factor")
	secret := s.keep("second factor", e["secret"])
	now, err := totp.GenerateCode(secret, s.a.Gate.Now())
	if err != nil {
		t.Fatal(err)
	}
	code, rec := s.ask("POST", "/v1/account/totp/enable", `{"code":"`+now+`"}`, false, "Assay-Session", session)
	s.must(code, 200, "enable")
	for i, x := range rec["recovery_codes"].([]any) {
		s.keep(fmt.Sprint("recovery code ", i), x)
	}
	logIn("a right good password", "000000")
	code, in = logIn("a right good password", s.secrets["recovery code 0"])
	s.must(code, 201, "recovery code")
	s.keep("session 2", in["session"])
	s.ask("POST", "/v1/account/password", `{"old":"a right good password","new":"short"}`, true, "Assay-Session", s.secrets["session 2"])
	s.secrets["new password"] = "a new and longer password"
	code, _ = s.ask("POST", "/v1/account/password", `{"old":"a right good password","new":"a new and longer password"}`, true, "Assay-Session", s.secrets["session 2"])
	s.must(code, 200, "change of password")
	s.ask("POST", "/v1/account/logout", ``, true, "Assay-Session", session)

	// Tokens lent for keys.
	lend := func(id, key string) (int, string) {
		form := url.Values{"grant_type": {"client_credentials"}, "client_id": {id}, "client_secret": {key}, "scope": {"market:read"}}.Encode()
		r := httptest.NewRequest("POST", oauth.PathToken, strings.NewReader(form))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.SetBasicAuth(url.QueryEscape(id), url.QueryEscape(key))
		if id != "" {
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader("grant_type=client_credentials&scope=market%3Aread")), -1
		}
		w := httptest.NewRecorder()
		s.a.API.ServeHTTP(w, r)
		var v struct {
			Token string `json:"access_token"`
		}
		_ = json.Unmarshal(w.Body.Bytes(), &v)
		if w.Code >= 400 {
			s.errors.Write(w.Body.Bytes())
		}
		return w.Code, v.Token
	}
	code, lent := lend(ring, next)
	s.must(code, 200, "a token")
	s.keep("lent token", lent)
	s.ask("GET", "/v1/me", "", true, "Authorization", "Bearer "+lent)
	s.ask("GET", "/v1/me", "", true, "Authorization", "Bearer "+lent[:len(lent)-3]+"abc")
	if code, _ := lend(ring, bot); code != 401 {
		t.Errorf("a revoked key lends: %d", code)
	}
	if code, _ := lend("ring_x", root); code != 401 {
		t.Errorf("another client: %d", code)
	}

	// Endpoints.
	code, h := s.ask("POST", "/v1/webhooks", `{"url":"`+s.secrets["hook address"]+`","events":["*"]}`, false, auth...)
	s.must(code, 201, "endpoint")
	s.keep("signing secret", h["secret"])
	code, h2 := s.ask("POST", "/v1/webhooks/"+fmt.Sprint(h["id"])+"/rotate", `{}`, false, auth...)
	s.must(code, 201, "rotate endpoint")
	s.keep("signing secret 2", h2["secret"])
	code, _ = s.ask("POST", "/v1/webhooks/"+fmt.Sprint(h["id"])+"/test", ``, true, auth...)
	s.must(code, 202, "test")
	for range 600 { // the engine looks for work once a second or so
		if bytes.Contains(s.log.bytes(), []byte(`"test":true`)) {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if !bytes.Contains(s.log.bytes(), []byte(`"test":true`)) {
		t.Errorf("the notice did not arrive: %s", s.log.bytes())
	}
	s.ask("GET", "/v1/webhooks/"+fmt.Sprint(h["id"])+"/deliveries", "", true, auth...)
	s.ask("DELETE", "/v1/webhooks/"+fmt.Sprint(h["id"]), "", false, auth...) // it tells its owner the address
	code, tk := s.ask("POST", "/v1/stream/tickets", "", false, auth...)
	s.must(code, 201, "ticket")
	s.keep("ticket", tk["ticket"])
	s.ask("GET", "/v1/stream?ticket="+s.secrets["ticket"], "", true)
	s.ask("GET", "/v1/stream?ticket="+s.secrets["ticket"], "", true)

	// What is told of all this.
	for _, path := range []string{"/v1/audit?limit=1000", "/v1/compliance", "/v1/keys", "/v1/rings", "/v1/me", "/v1/nodes", "/v1/usage", "/v1/audit/checkpoint", "/v1/audit/proofs/inclusion?entry=3", oauth.PathJWKS, oauth.PathServer, "/openapi.json"} {
		if code, _ := s.ask("GET", path, "", true, auth...); code != 200 {
			t.Errorf("%s: %d", path, code)
		}
	}
	var export bytes.Buffer
	if n, err := s.a.Gate.Export(t.Context(), &export, nil); err != nil || n < 15 {
		t.Fatal(n, err)
	}
	for _, action := range []string{"key.created", "key.revoked", "key.revocation_receipt", "webhook.created", "webhook.secret_rotated", "webhook.deleted", "account.created", "org.created", "account.totp_enabled", "account.password_changed"} {
		if !strings.Contains(export.String(), action) {
			t.Errorf("the audit log says nothing of %s", action)
		}
	}
	if n := strings.Count(export.String(), `"request":"req_`); n < 10 {
		t.Errorf("only %d entries of the audit log name their request", n)
	}
	texts := map[string][]byte{"the log": s.log.bytes(), "refusals": s.errors.Bytes(), "answers": s.told.Bytes(), "the audit log": export.Bytes()}
	for _, name := range []string{"control.db", "control.db-wal"} {
		b, err := os.ReadFile(filepath.Join(s.a.cfg.Data, name))
		if err == nil {
			texts[name] = b
		}
	}
	if len(texts["the log"]) < 2000 || len(texts["control.db"])+len(texts["control.db-wal"]) == 0 || len(s.secrets) < 20 {
		t.Fatalf("too little to scan: %d bytes of log, %d secrets", len(texts["the log"]), len(s.secrets))
	}
	for where, text := range texts {
		for name, v := range s.secrets {
			if name == "hook address" && strings.HasPrefix(where, "control.db") {
				continue // an address is stored as it is: its owner sees it
			}
			if bytes.Contains(text, []byte(v)) || len(v) > 60 && bytes.Contains(text, []byte(v[20:50])) {
				t.Errorf("%s holds the %s", where, name)
			}
		}
		for _, f := range leaks.Find(text) {
			t.Errorf("%s, line %d: something that looks like a %s: %.80q", where, f.Line, f.What, text[max(f.At-60, 0):f.At])
		}
	}
	t.Logf("%d secrets in %d bytes of log, %d of refusals, %d of answers, %d of audit log: none found", len(s.secrets), len(texts["the log"]), s.errors.Len(), s.told.Len(), export.Len())
}

func cancelled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// TestTheWholeSurfaceAsksWhoIsThere asks every route of the server as app puts it
// together, without a key and with ones that prove nothing.
func TestTheWholeSurfaceAsksWhoIsThere(t *testing.T) {
	s := open(t)
	made, err := s.a.Gate.Create(t.Context(), gate.By{Name: "test"}, gate.Spec{Name: "root", Scopes: access.Presets()["read-only"], Rate: 10_000})
	if err != nil {
		t.Fatal(err)
	}
	other, err := s.a.Gate.Create(t.Context(), gate.By{Name: "test"}, gate.Spec{Name: "other", Scopes: access.Presets()["read-only"]})
	if err != nil {
		t.Fatal(err)
	}
	code, lent := borrow(&s.a.lent, made.Ring.ID, made.Token, "127.0.0.1", "market:read")
	s.must(code, 200, "a token")
	none := []string{"eyJhbGciOiJub25lIn0", strings.Split(lent, ".")[1], ""}
	keys := map[string]string{
		"no key": "", "forged": made.Token[:20] + other.Token[20:], "a token without signature": strings.Join(none, "."), "a token cut short": lent[:len(lent)-4],
	}
	cells := 0
	for _, op := range s.a.API.Operations() {
		if op.Scope == "" && op.Cost == 0 {
			continue
		}
		target := strings.NewReplacer("{pair}", "BTC-USD", "{asset}", "BTC", "{id}", made.Ring.ID, "{venue}", "kraken").Replace(op.Path)
		for name, key := range keys {
			var h []string
			if key != "" {
				h = []string{"Authorization", "Bearer " + key}
			}
			code, _ := s.ask(op.Method, target, "", true, h...)
			cells++
			if code != 401 {
				t.Errorf("%s %s with %s: %d", op.Method, target, name, code)
			}
		}
	}
	for _, path := range []string{"/v1/stream", "/v1/stream/sse", "/v1/stream?ticket=nonsense"} {
		for name, key := range keys {
			var h []string
			if key != "" {
				h = []string{"Authorization", "Bearer " + key}
			}
			if code, _ := s.ask("GET", path, "", true, h...); code != 401 {
				t.Errorf("GET %s with %s: %d", path, name, code)
			}
			cells++
		}
	}
	for _, path := range []string{oauth.PathToken, oauth.PathIntrospect, oauth.PathRevoke} {
		for _, body := range []string{"", "grant_type=client_credentials", "token=" + lent, "grant_type=password&username=x&password=y"} {
			code, _ := s.ask("POST", path, body, true, "Content-Type", "application/x-www-form-urlencoded")
			cells++
			if code/100 == 2 {
				t.Errorf("POST %s %.30s: %d", path, body, code)
			}
		}
		if code, _ := s.ask("GET", path, "", true); code/100 == 2 {
			t.Errorf("GET %s: %d", path, code)
		}
	}
	t.Logf("the whole surface: %d cells", cells)
}
