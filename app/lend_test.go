package app

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/accesstest"
	"github.com/assayhq/assay/access/gate"
	"github.com/assayhq/assay/access/oauth"
	"github.com/assayhq/assay/access/people"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/notify/mail"
)

func lending(t *testing.T) (*lender, *gate.Gate, *accesstest.Memory) {
	t.Helper()
	l, m := &lender{}, accesstest.NewMemory()
	g, err := gate.New(m.Link(), gate.Options{Static: time.Hour, Tokens: l.verify})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.open(t.Context(), OAuth{Issuer: "https://api.example.com"}, g, m.Link(), slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	return l, g, m
}

func borrow(l *lender, id, secret, from, scope string) (int, string) {
	r := httptest.NewRequest("POST", oauth.PathToken, strings.NewReader(url.Values{"grant_type": {"client_credentials"}, "scope": {scope}}.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(url.QueryEscape(id), url.QueryEscape(secret))
	r.RemoteAddr = from + ":1"
	w := httptest.NewRecorder()
	l.handler().ServeHTTP(w, r)
	var a struct {
		Token string `json:"access_token"`
	}
	_ = json.Unmarshal(w.Body.Bytes(), &a)
	return w.Code, a.Token
}

func use(g *gate.Gate, token, from string) (*access.Caller, error) {
	r := httptest.NewRequest("GET", "/v1/prices", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	r.RemoteAddr = from + ":1"
	return g.Authenticate(r)
}

func TestATokenIsLentForAKeyAndDiesWithIt(t *testing.T) {
	l, g, m := lending(t)
	spec := gate.Spec{Name: "x", Scopes: []access.Scope{access.MarketRead, access.KeysWrite}}
	spec.Bounds.Networks = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	k, err := g.Create(t.Context(), gate.By{Name: "test"}, spec)
	if err != nil {
		t.Fatal(err)
	}
	wrong := k.Token[:68] + "x"
	if wrong == k.Token {
		wrong = k.Token[:68] + "y"
	}
	for name, c := range map[string][3]string{
		"a wrong secret":  {k.Ring.ID, wrong, "10.0.0.1"},
		"another client":  {"ring_000000000000", k.Token, "10.0.0.1"},
		"another network": {k.Ring.ID, k.Token, "192.0.2.1"},
	} {
		if code, tok := borrow(l, c[0], c[1], c[2], ""); code != http.StatusUnauthorized || tok != "" {
			t.Error(name, code)
		}
	}
	if code, _ := borrow(l, k.Ring.ID, k.Token, "10.0.0.1", "admin:all"); code != http.StatusBadRequest {
		t.Error("a token has more than its key:", code)
	}
	code, tok := borrow(l, k.Ring.ID, k.Token, "10.0.0.1", "market:read")
	if code != http.StatusOK {
		t.Fatal(code)
	}
	if code, _ := borrow(l, k.Ring.ID, tok, "10.0.0.1", ""); code != http.StatusUnauthorized {
		t.Error("a token lends a token:", code)
	}
	c, err := use(g, tok, "10.0.0.1")
	if err != nil || !c.Has(access.MarketRead) || c.Has(access.KeysWrite) {
		t.Fatal(c, err)
	}
	if _, err := use(g, tok, "192.0.2.1"); fault.Of(err) != fault.Denied {
		t.Error(err)
	}
	if _, err := g.Create(t.Context(), gate.By{Caller: c}, gate.Spec{Name: "y", Scopes: []access.Scope{access.MarketRead}}); fault.Of(err) != fault.Denied {
		t.Error("a narrow token makes keys as its key does:", err)
	}
	// Another process opens the same signing keys.
	other := &lender{}
	g2, err := gate.New(m.Link(), gate.Options{Static: time.Hour, Tokens: other.verify})
	if err != nil {
		t.Fatal(err)
	}
	if err := other.open(t.Context(), OAuth{Issuer: "https://api.example.com"}, g2, m.Link(), slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	if _, err := use(g2, tok, "10.0.0.1"); err != nil {
		t.Error("another process refuses it:", err)
	}
	if n := testing.AllocsPerRun(200, func() { _, _ = use(g, tok, "10.0.0.1") }); n > 40 {
		t.Error(n)
	}
	r := httptest.NewRequest("GET", "/v1/prices", nil)
	r.Header.Set("Authorization", "Bearer "+tok)
	r.RemoteAddr = "10.0.0.1:1"
	t.Log("allocations:", testing.AllocsPerRun(200, func() { _, _ = g.Authenticate(r) }), testing.Benchmark(func(b *testing.B) {
		for b.Loop() {
			_, _ = g.Authenticate(r)
		}
	}))
	if _, err := g.Revoke(t.Context(), gate.By{Name: "test"}, gate.Target{Keys: []string{k.Key.ID}}, "lost", gate.WaitNone); err != nil {
		t.Fatal(err)
	}
	if _, err := use(g, tok, "10.0.0.1"); fault.Of(err) != fault.Unauthentic || !strings.Contains(err.Error(), "revoked") {
		t.Error(err)
	}
}

func TestASetOfSigningKeysThatWasChangedSignsNothing(t *testing.T) {
	_, g, m := lending(t)
	m.Tamper(kindKeySet, idKeySet, func(r *access.Record) { r.Body[len(r.Body)-1] ^= 1 })
	if err := new(lender).open(t.Context(), OAuth{Issuer: "https://api.example.com"}, g, m.Link(), slog.New(slog.DiscardHandler)); err == nil {
		t.Error("it was opened")
	}
}

func TestASignUpEndsWithAKeyThatWorks(t *testing.T) {
	m := accesstest.NewMemory()
	g, err := gate.New(m.Link(), gate.Options{Static: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	a, err := newAccounts(People{Page: "https://console.example.com/confirm"}, Mail{Addr: "127.0.0.1:1", From: "a@example.com"}, g, m.Link(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	from := netip.MustParseAddr("192.0.2.1")
	if err := a.SignUp(t.Context(), from, "anna@example.com", "right password", "Acme"); err != nil {
		t.Fatal(err)
	}
	l := <-a.letters.queue
	if !strings.Contains(a.letters.message(l).Text, "confirm#token="+l.Token) {
		t.Error("the letter has no link")
	}
	w, err := a.ConfirmEmail(t.Context(), l.Token)
	if err != nil {
		t.Fatal(err)
	}
	c, err := use(g, w.Key, "192.0.2.1")
	if err != nil || c.Org != w.Org || !c.Has(access.MarketRead) || c.Has(access.KeysWrite) {
		t.Fatal(c, err)
	}
	token, s, err := a.LogIn(t.Context(), from, "anna@example.com", "right password", "")
	if err != nil || s.Account != w.Account {
		t.Fatal(err)
	}
	if _, err := a.Session(t.Context(), token); err != nil {
		t.Error(err)
	}
	e, err := a.BeginTOTP(t.Context(), w.Account, "right password")
	if err != nil || e.Secret == "" {
		t.Error(err)
	}
	if err := a.store.sweep(t.Context(), g.Now().Add(24*time.Hour)); err != nil {
		t.Error(err)
	}
	if _, err := a.Session(t.Context(), token); err != nil {
		t.Error("a young session was swept:", err)
	}
	if err := a.store.sweep(t.Context(), g.Now().Add(26*time.Hour)); err != nil {
		t.Error(err)
	}
	if _, err := a.Session(t.Context(), token); fault.Of(err) != fault.Unauthentic {
		t.Error(err)
	}
}

func TestTheFirstKeyOfAnAppIsOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, err := gate.New(accesstest.NewMemory().Link(), gate.Options{Static: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		f := &freeKeys{gate: g, turn: make(chan struct{}, 1)}
		first, err := f.key(t.Context(), "org_1", "app_1")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.key(t.Context(), "org_1", "app_1"); fault.Of(err) != fault.Conflict {
			t.Error("the same moment makes two:", err)
		}
		time.Sleep(2 * time.Minute)
		second, err := f.key(t.Context(), "org_1", "app_1")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := use(g, first, "192.0.2.1"); fault.Of(err) != fault.Unauthentic {
			t.Error("the key nobody saw still works:", err)
		}
		if _, err := use(g, second, "192.0.2.1"); err != nil {
			t.Error(err)
		}
	})
}

func TestNobodySignsUpWhereNoLettersAreSent(t *testing.T) {
	m := accesstest.NewMemory()
	g, err := gate.New(m.Link(), gate.Options{})
	if err != nil {
		t.Fatal(err)
	}
	a, err := newAccounts(People{}, Mail{}, g, m.Link(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	_, before := g.Size()
	err = a.SignUp(t.Context(), netip.MustParseAddr("192.0.2.1"), "anna@example.com", "right password", "Acme")
	if fault.Of(err) != fault.Unavailable || !strings.Contains(err.Error(), "mail.addr") {
		t.Error(err)
	}
	if _, after := g.Size(); after != before {
		t.Error("something was written")
	}
}

func TestALetterIsTriedAgainAndNeverLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		tries := 0
		l := newLetters(func(context.Context, mail.Message) error {
			tries++
			return fault.New(fault.Unavailable, "anna@example.com: later")
		}, "", time.Now, slog.New(slog.NewTextHandler(&log, nil)))
		l.deliver(t.Context(), people.Letter{To: "anna@example.com", Kind: "confirm", Token: "SECRET"})
		if tries != 3 || strings.Contains(log.String(), "SECRET") || strings.Contains(log.String(), "anna") || !strings.Contains(log.String(), "confirm") {
			t.Error(tries, log.String())
		}
	})
}

func TestADocumentIsWhereItWasWritten(t *testing.T) {
	m := accesstest.NewMemory()
	g, err := gate.New(m.Link(), gate.Options{})
	if err != nil {
		t.Fatal(err)
	}
	p, ctx := persons{m.Link(), g}, t.Context()
	steps := []struct {
		do   func() error
		kind fault.Kind
		ok   bool
	}{
		{func() error { return p.Put(ctx, "org", "a", []byte(`"1"`), 0) }, 0, true},
		{func() error { return p.Put(ctx, "org", "a", []byte(`"2"`), 0) }, fault.Conflict, false},
		{func() error { return p.Put(ctx, "org", "a", []byte(`"2"`), 1) }, 0, true},
		{func() error { return p.Delete(ctx, "org", "a", 1) }, fault.Conflict, false},
		{func() error { return p.Delete(ctx, "org", "b", 0) }, fault.Conflict, false},
	}
	for i, s := range steps {
		if err := s.do(); (err == nil) != s.ok || err != nil && fault.Of(err) != s.kind {
			t.Error(i, err)
		}
	}
	doc, v, err := p.Get(ctx, "org", "a")
	if string(doc) != `"2"` || v != 2 || err != nil {
		t.Error(string(doc), v, err)
	}
	if _, _, err := p.Get(ctx, "org", "none"); fault.Of(err) != fault.Unknown {
		t.Error(err)
	}
	for _, i := range []int{7, 15, 20} { // version, time, seal
		m.Tamper("person.org", "a", func(r *access.Record) { r.Body[i] ^= 1 })
		if _, _, err := p.Get(ctx, "org", "a"); fault.Of(err) != fault.Internal {
			t.Error(i, err)
		}
		m.Tamper("person.org", "a", func(r *access.Record) { r.Body[i] ^= 1 })
	}
	if err := p.Delete(ctx, "org", "a", 2); err != nil {
		t.Error(err)
	}
}
