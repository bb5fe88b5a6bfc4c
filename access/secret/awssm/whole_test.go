package awssm_test

import (
	"log/slog"
	"net/http/httptest"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/gate"
	"github.com/assayhq/assay/app"
)

// The whole installation over AWS, both ways, against our own imitation and against moto
// when it is there.
func TestAnInstallationOverAWS(t *testing.T) {
	t.Run("own", func(t *testing.T) {
		s, url := newService(t)
		t.Setenv("AWS_ACCESS_KEY_ID", s.keyID)
		t.Setenv("AWS_SECRET_ACCESS_KEY", s.key)
		whole(t, url)
	})
	t.Run("moto", func(t *testing.T) {
		program := os.Getenv("ASSAY_MOTO")
		if program == "" {
			program, _ = exec.LookPath("moto_server")
		}
		if program == "" {
			t.Skip("SKIPPED: no moto_server on the PATH and ASSAY_MOTO is not set; the installation over moto was not run")
		}
		t.Setenv("AWS_ACCESS_KEY_ID", "a")
		t.Setenv("AWS_SECRET_ACCESS_KEY", "b")
		whole(t, moto(t, program))
	})
}

func whole(t *testing.T, url string) {
	log := slog.New(slog.DiscardHandler)
	cfg := app.Defaults()
	cfg.Data = t.TempDir()
	cfg.Secrets.From = "awssm:eu-central-1/assay?endpoint=" + url
	cfg.Secrets.Destinations = map[string]string{"clients": "awssm:eu-central-1/clients?endpoint=" + url}
	store, err := app.OpenControl(cfg, log)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	g, err := app.OpenGate(store, cfg, "node", log)
	if err != nil {
		t.Fatal(err)
	}
	by := gate.By{Name: "test"}
	first, err := g.Create(t.Context(), by, gate.Spec{Name: "bot", Org: "acme", Scopes: []access.Scope{access.MarketRead}, Policy: access.Policy{Push: access.PushTo{To: "clients", Name: "bot"}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := g.Checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
	n, _, err := app.RotatePepper(t.Context(), cfg, store, time.Now())
	if err != nil || n != 2 {
		t.Fatal(n, err)
	}
	rows, err := app.OwnSecrets(t.Context(), cfg)
	if err != nil || len(rows) != 2 || rows[0].Previous == "" || rows[1].Current == "" {
		t.Errorf("%+v %v", rows, err)
	}
	if _, err := g.Rotate(t.Context(), by, first.Ring.ID, gate.RotateSpec{Push: true}); err != nil {
		t.Fatal(err)
	}
	k, err := app.OpenKeeper(cfg, "clients")
	if err != nil {
		t.Fatal(err)
	}
	v, err := k.Read(t.Context(), "acme/bot")
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest("GET", "/v1/prices", nil)
	r.Header.Set("Authorization", "Bearer "+v.Current.Value.Reveal())
	if c, err := g.Authenticate(r); err != nil || c.N != 2 {
		t.Errorf("%v", err)
	}
}
