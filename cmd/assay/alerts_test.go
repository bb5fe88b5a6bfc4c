package main

import (
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/anomaly"
	"github.com/assayhq/assay/access/watch"
	"github.com/assayhq/assay/app"
)

func TestAlertsAreListedShownAndAnswered(t *testing.T) {
	dir := t.TempDir()
	if out, errs, code := assay(t, "alert", "list", "--data", dir); code != 0 || out != "" || !strings.Contains(errs, "no such alerts") {
		t.Errorf("code %d: %s%s", code, out, errs)
	}
	store, err := app.OpenControl(app.Config{Data: dir}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	a := watch.Alert{ID: "alr_1", Subject: "203.0.113.0/24", Org: "default", Class: anomaly.ClassEnumeration, Severity: anomaly.High, Score: 1, At: at, Last: at, Count: 1,
		Reasons:  []anomaly.Reason{{Feature: "well-formed unknown keys", Seen: 12, Expected: 8, Why: "from one network within ten minutes"}},
		Evidence: []string{"203.0.113.0/24"}, Nodes: []string{"one"}, Proposed: anomaly.Pin, State: watch.Open}
	b, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Change(t.Context(), func(tx access.Tx) error { return tx.Put("_alert", a.ID, b) }); err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args, want string
		code       int
	}{
		{"alert list", "enumeration", 0},
		{"alert list --severity critical -o json", "", 0},
		{"alert list -o json", `"severity":"high"`, 0},
		{"alert show alr_1", "well-formed unknown keys 12, usual 8", 0},
		{"alert ack alr_1", "acknowledged cli", 0},
		{"alert dismiss alr_1", "dismissed cli", 0},
		{"alert list --state open -o json", "", 0},
		{"alert list --state shut", "", 2},
		{"alert show alr_2", "", 3},
	} {
		out, errs, code := assay(t, append(strings.Fields(c.args), "--data", dir)...)
		if code != c.code || !strings.Contains(out, c.want) || c.want == "" && out != "" {
			t.Errorf("%s: code %d\n%s%s", c.args, code, out, errs)
		}
	}
}
