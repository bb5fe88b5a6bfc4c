package api

import (
	"encoding/json"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/gate"
	"github.com/assayhq/assay/access/limit"
	"github.com/assayhq/assay/api/problem"
)

// planned gives the fixture's app a plan.
func (f *fixture) planned(t *testing.T, p limit.Plan) {
	t.Helper()
	by := gate.By{Name: "test"}
	if err := f.gate.SetPlan(t.Context(), by, p); err != nil {
		t.Fatal(err)
	}
	if err := f.gate.SetApp(t.Context(), by, gate.App{Org: "acme", Name: "bot", Plan: p.Name}); err != nil {
		t.Fatal(err)
	}
}

func TestARefusalNamesEachLimitAndWhatIsLeftOfIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // begins at midnight UTC
		f := newFixture(t, nil)
		f.planned(t, limit.Plan{Name: "tiny", Version: 1, Rate: 1, Burst: 8, Daily: 8, Monthly: 100})
		if w := f.get("/v1/keys"); w.Code != 200 { // 5 units
			t.Fatal(w.Code, w.Body)
		}
		w := f.get("/v1/keys")
		p := problemOf(t, w)
		if w.Code != 429 || p.Type != problem.QuotaExceeded || p.Code != "exhausted" || !p.Retryable || len(p.Violated) != 2 {
			t.Fatalf("%d %+v", w.Code, p)
		}
		for i, want := range []struct {
			policy                  string
			limit, remaining, reset int64
		}{{"burst", 8, 3, 5}, {"day", 8, 3, 86400}} {
			v := p.Limits[i]
			if v.Policy != want.policy || v.Limit != want.limit || v.Remaining == nil || *v.Remaining != want.remaining || v.Reset == nil || *v.Reset != want.reset {
				t.Errorf("%s: %s", want.policy, w.Body)
			}
		}
		if w := f.get("/v1/keys?format=xml"); !strings.Contains(w.Body.String(), "<violated-policies><item>burst</item><item>day</item>") || !strings.Contains(w.Body.String(), "<policy>day</policy><limit>8</limit><remaining>3</remaining>") {
			t.Error(w.Body)
		}
		if w := f.get("/v1/me"); w.Code != 200 || !strings.Contains(w.Body.String(), `"plan":"tiny","plan_version":1`) || !strings.Contains(w.Body.String(), `"remaining":{"burst":2,"daily_units":2,"monthly_units":94}`) {
			t.Error(w.Body)
		}
		// What is no limit of a plan keeps the page of its code as its type.
		if p := problemOf(t, f.get("/v1/keys/none/retire", "Authorization", "")); p.Limits != nil || strings.Contains(p.Type, "quota") {
			t.Errorf("%+v", p)
		}
	})
}

func TestARequestTooManyAtTheSameTimeIsToldAsSuch(t *testing.T) {
	f := newFixture(t, nil)
	f.planned(t, limit.Plan{Name: "one", Version: 1, Concurrency: 1})
	r := httptest.NewRequest("GET", "/v1/me", nil)
	r.Header.Set("Authorization", "Bearer "+f.key)
	c, err := f.gate.Authenticate(r)
	if err != nil {
		t.Fatal(err)
	}
	leave, _, err := f.gate.Enter(c, 1)
	if err != nil {
		t.Fatal(err)
	}
	w := f.get("/v1/me")
	if w.Code != 429 || !strings.Contains(w.Body.String(), `"violated-policies":["concurrency"],"limits":[{"policy":"concurrency","limit":1,"remaining":0,"reset":null}]`) {
		t.Error(w.Code, w.Body)
	}
	leave()
	if w := f.get("/v1/me"); w.Code != 200 {
		t.Error(w.Code, w.Body)
	}
}

func TestMeTellsAllThatHoldsForANewKey(t *testing.T) {
	f := newFixture(t, nil)
	ends := f.gate.Now().Add(100 * 24 * time.Hour).UTC().Truncate(time.Millisecond)
	by := gate.By{Name: "test"}
	k, err := f.gate.Create(t.Context(), by, gate.Spec{Name: "narrow", Org: "acme", App: "desk", Env: "test", Scopes: []access.Scope{access.MarketRead}, Expires: ends,
		Bounds: access.Bounds{Networks: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}, Hours: []access.Hours{{From: 0, To: 0, Days: []time.Weekday{0, 1, 2, 3, 4, 5, 6}}}, Venues: []string{"kraken"}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.gate.SetApp(t.Context(), by, gate.App{Org: "acme", Name: "desk", Plan: "free"}); err != nil {
		t.Fatal(err)
	}
	next, err := f.gate.Rotate(t.Context(), by, k.Ring.ID, gate.RotateSpec{})
	if err != nil {
		t.Fatal(err)
	}
	var a struct{ Data Me }
	w := f.get("/v1/me", "Authorization", "Bearer "+next.Token)
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil || w.Code != 200 {
		t.Fatal(w.Code, w.Body)
	}
	m := a.Data
	if *m.KeyID != next.Key.ID || *m.Ring != k.Ring.ID || *m.Version != 2 || *m.State != "staged" || m.Org != "acme" || m.App != "desk" || *m.Env != "test" {
		t.Errorf("%s", w.Body)
	}
	if len(m.Bounds.Networks) != 1 || m.Bounds.Networks[0] != "192.0.2.0/24" || len(m.Bounds.Hours) != 1 || m.Bounds.Hours[0] != "00:00-00:00 Sun Mon Tue Wed Thu Fri Sat" || m.Bounds.Venues[0] != "kraken" {
		t.Errorf("%s", w.Body)
	}
	if *m.Plan != "free" || *m.PlanV != 1 || m.Limits.Rate != 5 || m.Limits.Connections != 1 || m.Limits.History != "168h" || *m.Remaining.DailyUnits != 9_999 || m.TokenEnds != nil {
		t.Errorf("%s", w.Body)
	}
	if strings.Contains(w.Body.String(), next.Token[20:]) {
		t.Error("it tells the secret")
	}
	w = f.get("/v1/me", "Authorization", "Bearer "+k.Token)
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil || a.Data.Expires == nil || !a.Data.Expires.Equal(ends) || *a.Data.State != "active" {
		t.Errorf("%s %v", w.Body, ends)
	}
}

func TestAPlanHoldsFromTheNextRequestOn(t *testing.T) {
	f := newFixture(t, nil)
	admin := f.create(t, access.Admin)
	plan := `{"version":1,"rate":7,"burst":70,"daily_units":0,"monthly_units":0,"concurrency":0,"connections":3,"subscriptions":30,"history":"24h"}`
	as := []string{"Authorization", "Bearer " + admin}
	if w := f.ask("POST", "/v1/plans/seven", plan, as...); w.Code != 200 {
		t.Fatal(w.Code, w.Body)
	}
	if w := f.ask("POST", "/v1/plans/seven", plan, as...); w.Code != 200 { // the same again
		t.Error(w.Code, w.Body)
	}
	if w := f.ask("POST", "/v1/plans/seven", strings.Replace(plan, "70", "71", 1), as...); w.Code != 409 {
		t.Error(w.Code, w.Body)
	}
	if w := f.ask("POST", "/v1/apps/bot", `{"plan":"seven","rate":0,"burst":0}`, as...); w.Code != 200 {
		t.Fatal(w.Code, w.Body)
	}
	if w := f.get("/v1/me"); w.Header().Get("RateLimit-Policy") != `"burst";q=70;w=10` {
		t.Error(w.Header())
	}
	// Whoever may change keys but not plans may take less, and no more.
	if w := f.ask("POST", "/v1/apps/bot", `{"plan":"seven","rate":6,"burst":60}`); w.Code != 200 {
		t.Error(w.Code, w.Body)
	}
	if w := f.ask("POST", "/v1/apps/bot", `{"plan":"seven","rate":8,"burst":80}`); w.Code != 403 {
		t.Error(w.Code, w.Body)
	}
	if w := f.ask("POST", "/v1/apps/bot", `{"plan":"seven"}`); w.Code != 400 { // nothing is guessed
		t.Error(w.Code, w.Body)
	}
	for _, x := range [][2]string{{"GET", "/v1/plans"}, {"GET", "/v1/apps"}, {"POST", "/v1/apps/bot"}, {"POST", "/v1/plans/seven"}} {
		if w := f.ask(x[0], x[1], "", "Authorization", "Bearer "+f.create(t, access.MarketRead)); w.Code != 403 {
			t.Errorf("%s %s with market:read alone: %d", x[0], x[1], w.Code)
		}
	}
}
