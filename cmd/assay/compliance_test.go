package main

import (
	"encoding/json"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/accesstest"
	"github.com/assayhq/assay/access/gate"
	"github.com/assayhq/assay/api"
	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/feed"
	"github.com/assayhq/assay/market/markettest"
)

func TestTheReportForAuditorsIsTheSameEachTime(t *testing.T) {
	dir := t.TempDir()
	if out, _, code := assay(t, "compliance", "export", "--data", dir); code != 0 || out != "" {
		t.Errorf("an empty report: %d %q", code, out)
	}
	assay(t, "key", "create", "--data", dir, "--name", "laptop", "--org", "acme")
	assay(t, "key", "create", "--data", dir, "--name", "server", "--org", "acme", "--expires", "720h")
	out, _, _ := assay(t, "key", "list", "--data", dir, "-o", "json")
	var k keyRow
	if err := json.Unmarshal([]byte(strings.SplitN(out, "\n", 2)[0]), &k); err != nil {
		t.Fatal(out, err)
	}
	assay(t, "key", "rotate", "--data", dir, k.Ring)
	if _, errs, code := assay(t, "key", "revoke", "--data", dir, k.ID, "--yes", "--cause", "compromise"); code != 0 {
		t.Fatal(errs)
	}
	if _, errs, code := assay(t, "compliance", "review", "--data", dir, "--org", "acme", "--note", "looked at all"); code != 0 {
		t.Fatal(errs)
	}
	out, errs, code := assay(t, "compliance", "export", "--data", dir, "--format", "json", "--org", "acme")
	var r api.Compliance
	if err := json.Unmarshal([]byte(out), &r); err != nil || code != 0 {
		t.Fatal(errs, err)
	}
	if len(r.Keys) != 3 || len(r.Rotations) != 1 || len(r.Revocations) != 1 || len(r.Reviews) != 1 {
		t.Fatalf("%d keys, %d rotations, %d revocations, %d reviews\n%s", len(r.Keys), len(r.Rotations), len(r.Revocations), len(r.Reviews), out)
	}
	if x := r.Revocations[0]; x.Cause != "compromise" || x.Issued == nil || x.Completed.Before(*x.Issued) || len(x.Keys) != 1 || x.Keys[0] != k.ID || x.Pending != 0 {
		t.Errorf("%+v", x)
	}
	if x := r.Rotations[0]; x.End == nil || *x.End != "revoked" || x.From == nil || *x.From != k.ID {
		t.Errorf("%+v", x)
	}
	again, _, _ := assay(t, "compliance", "export", "--data", dir, "--format", "json", "--org", "acme")
	same := func(s string) string { return s[strings.Index(s, `"org"`):] } // but for the time it was made
	if same(again) != same(out) {
		t.Error("two reports of one state differ")
	}
	if out, _, _ := assay(t, "compliance", "export", "--data", dir, "--format", "json", "--org", "other"); strings.Contains(out, k.ID) {
		t.Error("another organisation's report tells of the key")
	}
	for format, want := range map[string]string{"csv": "key,ring,version", "table": "3 keys"} {
		if out, _, code := assay(t, "compliance", "export", "--data", dir, "--format", format); code != 0 || !strings.Contains(out, want) {
			t.Errorf("%s: %d %s", format, code, out)
		}
	}
	if _, errs, code := assay(t, "compliance", "export", "--data", dir, "--format", "pdf"); code != 2 || !strings.Contains(errs, "table, json or csv") {
		t.Error(code, errs)
	}
}

// logServer serves the audit log of a gate.
func logServer(t *testing.T) (url, key string, g *gate.Gate, m *accesstest.Memory) {
	t.Helper()
	m = accesstest.NewMemory()
	g, err := gate.New(m.Link(), gate.Options{Static: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	made, err := g.Create(t.Context(), gate.By{Name: "test"}, gate.Spec{Name: "auditor", Scopes: []access.Scope{access.AuditRead}, Rate: 1000})
	if err != nil {
		t.Fatal(err)
	}
	c, err := asset.Parse([]byte(`[{"code":"USD","name":"US dollar","symbol":"USD","kind":"fiat","decimals":2}]`))
	if err != nil {
		t.Fatal(err)
	}
	h := markettest.NewMemory()
	core := feed.NewCore(c, nil, nil, nil)
	s, err := api.New(api.Options{Board: core, History: h, Candles: feed.NewReader(h, func(market.VenueID, market.Pair, market.Interval) (market.Candle, bool) {
		return market.Candle{}, false
	}, nil, time.Now), Assets: c, Gate: g})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	return srv.URL, made.Token, g, m
}

func TestAServerIsCheckedAgainstWhatItSignedBefore(t *testing.T) {
	url, key, g, _ := logServer(t)
	t.Setenv("ASSAY_API_KEY", key)
	dir := t.TempDir()
	verify := func() (string, string, int) {
		return assay(t, "audit", "verify", "--server", url, "--checkpoint", filepath.Join(dir, "c"), "--key", filepath.Join(dir, "k"))
	}
	if out, errs, code := verify(); code != 0 || !strings.Contains(out, "kept") {
		t.Fatal(code, out, errs)
	}
	kept, err := os.ReadFile(filepath.Join(dir, "c"))
	if err != nil {
		t.Fatal(err)
	}
	if out, errs, code := verify(); code != 0 || !strings.Contains(out, "continues") {
		t.Fatal(code, out, errs)
	}
	for range 5 {
		if err := g.Reviewed(t.Context(), gate.By{Name: "test"}, "", "looked"); err != nil {
			t.Fatal(err)
		}
	}
	if out, errs, code := verify(); code != 0 || !strings.Contains(out, "continues the one of") {
		t.Fatal(code, out, errs)
	}
	// The checkpoint moves on with each check, and the old one still holds.
	if err := os.WriteFile(filepath.Join(dir, "c"), kept, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, errs, code := verify(); code != 0 {
		t.Fatal(code, errs)
	}
	kept, err = os.ReadFile(filepath.Join(dir, "c"))
	if err != nil || len(kept) == 0 {
		t.Fatal("no checkpoint was kept", err)
	}
	// A server with another log, whatever it says, does not continue this one.
	url2, key2, _, _ := logServer(t)
	url = url2
	t.Setenv("ASSAY_API_KEY", key2)
	if _, errs, code := verify(); code == 0 || !strings.Contains(errs, "not signed by the key") {
		t.Fatal(code, errs)
	}
	if now, err := os.ReadFile(filepath.Join(dir, "c")); err != nil || string(now) != string(kept) {
		t.Fatal("the kept checkpoint was lost", err)
	}
}

// A log that was cut behind the server's back, and signed anew with the same key, shows.
func TestAForkedLogShows(t *testing.T) {
	url, key, g, m := logServer(t)
	t.Setenv("ASSAY_API_KEY", key)
	dir := t.TempDir()
	verify := func() (string, string, int) {
		return assay(t, "audit", "verify", "--server", url, "--checkpoint", filepath.Join(dir, "c"), "--key", filepath.Join(dir, "k"))
	}
	note := func() {
		t.Helper()
		if err := g.Reviewed(t.Context(), gate.By{Name: "test"}, "", "looked"); err != nil {
			t.Fatal(err)
		}
	}
	size := func() string {
		m2 := ""
		m.Tamper("audit", "size", func(r *access.Record) { m2 = string(r.Body) })
		return m2
	}
	before := size()
	note()
	note()
	if out, errs, code := verify(); code != 0 {
		t.Fatal(out, errs)
	}
	// Somebody with the disk takes the two entries and the checkpoint away and goes on.
	m.Tamper("audit", "size", func(r *access.Record) { r.Body = []byte(before) })
	m.Tamper("audit", "checkpoint", func(r *access.Record) { r.Body = nil })
	if _, errs, code := verify(); code == 0 || !strings.Contains(errs, "fewer than") {
		t.Errorf("a log that lost entries: %d %s", code, errs)
	}
	time.Sleep(2 * time.Millisecond) // other entries of the same number
	note()
	note()
	note()
	if _, errs, code := verify(); code == 0 || !strings.Contains(errs, "continuation") {
		t.Errorf("a forked log: %d %s", code, errs)
	}
}
