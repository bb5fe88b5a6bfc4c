package vault_test

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/gate"
	"github.com/assayhq/assay/app"
	"github.com/assayhq/assay/fault"
)

// The whole installation over a vault, both ways: its own secrets come from there, and
// the keys of clients go there.
func TestAnInstallationOverAVault(t *testing.T) {
	s, url := newServer(t)
	t.Setenv("ASSAY_SECRET_VAULT_ROLE_ID", "the role")
	t.Setenv("ASSAY_SECRET_VAULT_SECRET_ID", "the secret id")
	log := slog.New(slog.DiscardHandler)
	cfg := app.Defaults()
	cfg.Data = t.TempDir()
	cfg.Secrets.From = "vault:" + url + "/kv/assay/own"
	cfg.Secrets.Destinations = map[string]string{"clients": "vault:" + url + "/kv/assay/clients"}
	open := func() (access.Store, *gate.Gate) {
		t.Helper()
		store, err := app.OpenControl(cfg, log)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { store.Close() })
		g, err := app.OpenGate(store, cfg, "node", log)
		if err != nil {
			t.Fatal(err)
		}
		return store, g
	}
	ask := func(g *gate.Gate, token string) error {
		r := httptest.NewRequest("GET", "/v1/prices", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		_, err := g.Authenticate(r)
		return err
	}
	store, g := open()
	by := gate.By{Name: "test"}
	first, err := g.Create(t.Context(), by, gate.Spec{Name: "bot", Org: "acme", Scopes: []access.Scope{access.MarketRead}, Policy: access.Policy{Push: access.PushTo{To: "clients", Name: "bot"}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := g.Checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"assay/own/pepper", "assay/own/audit-signer"} {
		if len(s.texts(name)) != 1 {
			t.Errorf("the vault has no %s", name)
		}
	}
	made, err := g.Rotate(t.Context(), by, first.Ring.ID, gate.RotateSpec{Push: true})
	if err != nil {
		t.Fatal(err)
	}
	got := s.texts("assay/clients/acme/bot")
	if made.Token != "" || len(got) != 1 || ask(g, got[0]) != nil || ask(g, first.Token) != nil {
		t.Fatalf("the vault has %d texts", len(got))
	}
	// Answers are lost at each call that changes something, and the next rotation comes
	// through all the same or leaves everything as it was.
	for _, call := range []string{"PUT kv/data/assay/clients/acme/bot"} {
		if _, err := g.Revoke(t.Context(), by, gate.Target{Keys: []string{first.Key.ID}}, "test", gate.WaitNone); err != nil {
			t.Fatal(err)
		}
		s.mu.Lock()
		s.lose[call] = 1
		s.mu.Unlock()
		if _, err := g.Rotate(t.Context(), by, first.Ring.ID, gate.RotateSpec{Push: true}); err != nil {
			t.Errorf("%s: %v", call, err)
		}
		if n := len(s.texts("assay/clients/acme/bot")); n != 2 {
			t.Errorf("%d texts", n)
		}
	}
	current := func() string {
		v, err := app.OpenKeeper(cfg, "clients")
		if err != nil {
			t.Fatal(err)
		}
		x, err := v.Read(context.Background(), "acme/bot")
		if err != nil {
			t.Fatal(err)
		}
		return x.Current.Value.Reveal()
	}
	token := current()
	if err := ask(g, token); err != nil {
		t.Error(err)
	}
	store.Close()
	_, g = open()
	if err := ask(g, token); err != nil {
		t.Errorf("after a restart: %v", err)
	}
	s.mu.Lock()
	s.sealed = true
	s.mu.Unlock()
	if _, err := g.Rotate(t.Context(), by, first.Ring.ID, gate.RotateSpec{Push: true}); err == nil || strings.Contains(err.Error(), "asy_") {
		t.Errorf("%v", err)
	}
	if err := ask(g, token); err != nil {
		t.Errorf("while the vault is sealed: %v", err)
	}
	if _, err := app.OwnSecrets(t.Context(), cfg); fault.Of(err) != fault.Unavailable || err == nil {
		t.Errorf("%v", err)
	}
}
