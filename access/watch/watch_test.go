package watch

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/accesstest"
	"github.com/assayhq/assay/access/anomaly"
	"github.com/assayhq/assay/access/gate"
	"github.com/assayhq/assay/fault"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// post is a watcher that is called by hand, over a gate with one key.
type post struct {
	*Watcher
	desk Desk
	link *accesstest.Link
	made gate.Made
	now  time.Time
}

func newPost(t *testing.T, m *accesstest.Memory, node string, act ...anomaly.Action) *post {
	t.Helper()
	p := &post{link: m.Link(), now: noon}
	clock := func() time.Time { return p.now }
	g, err := gate.New(p.link, gate.Options{Static: time.Hour, Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	if p.Watcher, err = New(Options{Store: p.link, Gate: func() *gate.Gate { return g }, Node: node, Act: act, Now: clock}); err != nil {
		t.Fatal(err)
	}
	p.desk = Desk{p.link, g}
	if p.made, err = g.Create(t.Context(), gate.By{Name: "test"}, gate.Spec{Name: "k", Org: "acme", App: node, Scopes: []access.Scope{access.MarketRead}, Rate: 100}); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *post) finding(at time.Time, s anomaly.Severity, evidence string) anomaly.Alert {
	return anomaly.Alert{At: at, Class: anomaly.ClassBurst, Key: p.made.Key.ID, Ring: p.made.Ring.ID, Subject: p.made.Key.ID, Severity: s, Score: 0.9,
		Proposed: anomaly.Halve, Reasons: []anomaly.Reason{{Feature: "requests a minute", Seen: 90, Expected: 2, Why: "many times what it does"}}, Evidence: []string{evidence}}
}

func (p *post) list(t *testing.T) []Alert {
	t.Helper()
	list, err := p.desk.List(t.Context(), Filter{})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func audited(t *testing.T, p *post, action string) (n int) {
	t.Helper()
	list, _, err := p.desk.Gate.Audit(t.Context(), "", 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		if e.Action == action {
			n++
		}
	}
	return n
}

func TestOneIncidentOnTwoNodesIsOneAlert(t *testing.T) {
	m := accesstest.NewMemory()
	a, b := newPost(t, m, "a"), newPost(t, m, "b")
	x := a.finding(noon, anomaly.Medium, "203.0.113.0/24")
	a.take(t.Context(), []anomaly.Alert{x})
	x.At, x.Evidence = noon.Add(time.Minute), []string{"192.0.2.0/24"}
	b.take(t.Context(), []anomaly.Alert{x})
	list := a.list(t)
	if len(list) != 1 || list[0].Count != 2 || len(list[0].Nodes) != 2 || len(list[0].Evidence) != 2 || list[0].Org != "acme" || list[0].App != "a" {
		t.Fatalf("%+v", list)
	}
	if n := audited(t, a, "anomaly.detected"); n != 1 {
		t.Errorf("it was told %d times", n)
	}
	// Graver news of the same incident is told again and opens it again.
	if _, err := a.desk.Dismiss(t.Context(), gate.By{Name: "test"}, "", list[0].ID); err != nil {
		t.Fatal(err)
	}
	x.Severity, x.Class = anomaly.High, anomaly.ClassStolen
	b.take(t.Context(), []anomaly.Alert{x})
	if list = a.list(t); len(list) != 1 || list[0].State != Open || list[0].Class != anomaly.ClassStolen || audited(t, a, "anomaly.detected") != 2 {
		t.Errorf("%+v", list)
	}
	// After six quiet hours it is another incident.
	x.At = x.At.Add(quiet)
	a.take(t.Context(), []anomaly.Alert{x})
	if list = a.list(t); len(list) != 2 {
		t.Errorf("%d alerts", len(list))
	}
}

func TestNobodyIsSlowedByAnAllowedStepAndItIsTakenBack(t *testing.T) {
	for _, act := range [][]anomaly.Action{nil, {anomaly.Halve}} {
		p := newPost(t, accesstest.NewMemory(), "a", act...)
		was := p.desk.Gate.Plan(p.desk.Gate.Holder(p.made.Key.ID))
		p.take(t.Context(), []anomaly.Alert{p.finding(noon, anomaly.Medium, "x")})
		is, list := p.desk.Gate.Plan(p.desk.Gate.Holder(p.made.Key.ID)), p.list(t)
		if act == nil {
			if is.Rate != was.Rate || list[0].Taken != nil {
				t.Error("a step was taken that nobody allowed:", is.Rate)
			}
			continue
		}
		if is.Rate != was.Rate/2 || list[0].Taken.Outcome != Done || list[0].Taken.Undo != "assay alert dismiss "+list[0].ID {
			t.Errorf("rate %d of %d, %+v", is.Rate, was.Rate, list[0].Taken)
		}
		if _, err := p.desk.Acknowledge(t.Context(), gate.By{Name: "test"}, "", list[0].ID); err != nil || p.list(t)[0].Taken.Outcome != Done {
			t.Error("to acknowledge is not to undo", err)
		}
		if _, err := p.desk.Dismiss(t.Context(), gate.By{Name: "test"}, "", list[0].ID); err != nil {
			t.Fatal(err)
		}
		if is = p.desk.Gate.Plan(p.desk.Gate.Holder(p.made.Key.ID)); is.Rate != was.Rate || p.list(t)[0].Taken.Outcome != Undone {
			t.Error("the rate is not whole again:", is.Rate)
		}
	}
}

func TestLimitsThatWereChangedSinceAreLeftAlone(t *testing.T) {
	p := newPost(t, accesstest.NewMemory(), "a", anomaly.Halve)
	p.take(t.Context(), []anomaly.Alert{p.finding(noon, anomaly.Medium, "x")})
	if err := p.desk.Gate.SetApp(t.Context(), gate.By{Name: "test"}, gate.App{Org: "acme", Name: "a", Rate: 7}); err != nil {
		t.Fatal(err)
	}
	id := p.list(t)[0].ID
	if _, err := p.desk.Dismiss(t.Context(), gate.By{Name: "test"}, "", id); fault.Of(err) != fault.Conflict {
		t.Error(err)
	}
	if p.list(t)[0].State != Open {
		t.Error("a step that could not be undone is noted as undone")
	}
}

func TestAnAlertWaitsForAStoreThatDoesNotAnswer(t *testing.T) {
	p := newPost(t, accesstest.NewMemory(), "a")
	p.link.Cut(errors.New("no route"))
	p.take(t.Context(), []anomaly.Alert{p.finding(noon, anomaly.Medium, "x")})
	p.link.Cut(nil)
	if len(p.list(t)) != 0 {
		t.Fatal("it was stored without a store")
	}
	p.retry(t.Context())
	if len(p.list(t)) != 1 {
		t.Error("it was forgotten")
	}
}

func TestWhatDoesNotFitIsDroppedAndCounted(t *testing.T) {
	m := accesstest.NewMemory().Link()
	w, err := New(Options{Store: m, Gate: func() *gate.Gate { return nil }, Queue: 4})
	if err != nil {
		t.Fatal(err)
	}
	for range 10 { // nobody runs it: nothing waits all the same
		w.Used(anomaly.Use{Key: "k"}, 1)
	}
	if s := w.Stats(); s.Dropped != 6 {
		t.Errorf("%+v", s)
	}
}

func TestAFloodOfIncidentsIsBounded(t *testing.T) {
	p := newPost(t, accesstest.NewMemory(), "a")
	for i := range 3 * keyless { // an attacker has many networks
		p.take(t.Context(), []anomaly.Alert{{At: noon, Class: anomaly.ClassEnumeration, Subject: fmt.Sprintf("2001:db8:%x::/48", i), Severity: anomaly.High, Reasons: []anomaly.Reason{{}}}})
	}
	p.take(t.Context(), []anomaly.Alert{p.finding(noon, anomaly.High, "x")})
	list := p.list(t)
	if len(list) != keyless+1 || p.Stats().Lost != 2*keyless {
		t.Errorf("%d alerts, %+v", len(list), p.Stats())
	}
	// The old go when there is room to be made.
	p.now = noon.Add(Keep + time.Hour)
	p.take(t.Context(), []anomaly.Alert{p.finding(p.now, anomaly.High, "x")})
	if list = p.list(t); len(list) != 1 {
		t.Errorf("%d alerts are kept", len(list))
	}
}

func TestNotesAreNoAlerts(t *testing.T) {
	p := newPost(t, accesstest.NewMemory(), "a")
	p.take(t.Context(), []anomaly.Alert{p.finding(noon, anomaly.Low, "x")})
	if len(p.list(t)) != 0 {
		t.Error("a note is kept")
	}
}

func TestALeakedKeyAndACanaryAreKnown(t *testing.T) {
	p := newPost(t, accesstest.NewMemory(), "a")
	p.opt.Canaries = []string{"canary00000"}
	if _, err := p.desk.Gate.Revoke(t.Context(), gate.By{Name: "test"}, gate.Target{Keys: []string{p.made.Key.ID}}, "compromise", gate.WaitNone); err != nil {
		t.Fatal(err)
	}
	home := netip.MustParsePrefix("203.0.113.0/24")
	p.judge(t.Context(), &event{use: anomaly.Use{At: noon, Key: p.made.Key.ID, Ring: p.made.Ring.ID, Prefix: home, Agent: "x"}, why: anomaly.Revoked})
	p.judge(t.Context(), &event{use: anomaly.Use{At: noon, Key: "canary00000", Ring: "ring_canary", Prefix: home, Agent: "x", Status: 200}})
	var got []string
	for _, a := range p.list(t) {
		got = append(got, string(a.Class)+" "+a.Severity.String())
	}
	if len(got) != 2 || fmt.Sprint(got) != "[canary critical revoked_key high]" && fmt.Sprint(got) != "[revoked_key high canary critical]" {
		t.Error(got)
	}
}

func TestTheGateTellsWhyARequestWasRefused(t *testing.T) {
	heard := &ears{}
	g, err := gate.New(accesstest.NewMemory().Link(), gate.Options{Static: time.Hour, Watch: heard})
	if err != nil {
		t.Fatal(err)
	}
	spec := gate.Spec{Name: "k", Scopes: []access.Scope{access.MarketRead}}
	k, err := g.Create(t.Context(), gate.By{Name: "test"}, spec)
	if err != nil {
		t.Fatal(err)
	}
	spec.Bounds.Networks = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	bound, err := g.Create(t.Context(), gate.By{Name: "test"}, spec)
	if err != nil {
		t.Fatal(err)
	}
	ask := func(token string) {
		r := httptest.NewRequest("GET", "/v1/prices", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("User-Agent", "ccxt/4.4.1 (x)")
		r.RemoteAddr = "203.0.113.7:1"
		_, _ = g.Authenticate(r)
	}
	ask("asy_live_nonsense")
	ask(bound.Token)
	ask(k.Token)
	if len(heard.refused) != 1 || heard.refused[0].Checksum || heard.refused[0].Key != "" {
		t.Errorf("%+v", heard.refused)
	}
	if len(heard.denied) != 1 || heard.denied[0].Denied != "network" || heard.denied[0].Agent != "ccxt/4" || heard.denied[0].Prefix.String() != "203.0.113.0/24" {
		t.Errorf("%+v", heard.denied)
	}
	if _, err := g.Revoke(t.Context(), gate.By{Name: "test"}, gate.Target{Keys: []string{k.Key.ID}}, "", gate.WaitNone); err != nil {
		t.Fatal(err)
	}
	ask(k.Token)
	if n := len(heard.refused); n != 2 || heard.refused[1].Why != anomaly.Revoked || heard.refused[1].Key != k.Key.ID {
		t.Errorf("%+v", heard.refused)
	}
}

func TestALearntKeyIsKnownAfterARestart(t *testing.T) {
	m, file := accesstest.NewMemory(), filepath.Join(t.TempDir(), "habits")
	g, err := gate.New(m.Link(), gate.Options{Static: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	start := func() *Watcher {
		w, err := New(Options{Store: m.Link(), Gate: func() *gate.Gate { return g }, File: file})
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	w := start()
	home := anomaly.Use{At: noon, Key: "k", Ring: "r", Prefix: netip.MustParsePrefix("198.51.100.0/24"), Agent: "sdk/1", Endpoint: "prices", Status: 200}
	for range 9 * 24 {
		home.At = home.At.Add(time.Hour)
		w.judge(t.Context(), &event{use: home})
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := w.Run(ctx); err != nil {
		t.Fatal(err)
	}
	w = start()
	theft := anomaly.Use{At: home.At.Add(time.Hour), Key: "k", Ring: "r", Prefix: netip.MustParsePrefix("203.0.113.0/24"), Agent: "Wget/1", Endpoint: "candles", Status: 200}
	w.judge(t.Context(), &event{use: theft})
	if w.Stats().Alerts != 1 {
		t.Error("a theft after a restart is not seen")
	}
	// A damaged file costs what was learnt and no more.
	if err := os.WriteFile(file, []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	start()
}

type ears struct {
	refused []anomaly.Refusal
	denied  []anomaly.Use
}

func (e *ears) Refused(r anomaly.Refusal) { e.refused = append(e.refused, r) }
func (e *ears) Denied(u anomaly.Use)      { e.denied = append(e.denied, u) }

// What a request pays to be watched. Events are judged while the clock stands.
func BenchmarkUsed(b *testing.B) {
	m := accesstest.NewMemory().Link()
	g, err := gate.New(m, gate.Options{Static: time.Hour})
	if err != nil {
		b.Fatal(err)
	}
	w, err := New(Options{Store: m, Gate: func() *gate.Gate { return g }})
	if err != nil {
		b.Fatal(err)
	}
	r := httptest.NewRequest("GET", "/v1/prices", nil)
	r.RemoteAddr, r.Header["User-Agent"] = "203.0.113.7:1234", []string{"ccxt/4.4.1 (linux)"}
	at := noon
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if i&4095 == 0 {
			b.StopTimer()
			w.drain(b.Context())
			b.StartTimer()
		}
		w.Used(anomaly.Use{At: at, Key: "abcdefghijk", Ring: "ring_1", App: "bot", Prefix: g.Network(r), Agent: gate.Agent(r), Endpoint: "prices", Status: 200, Bytes: 900}, 1)
	}
	if n := w.Stats().Dropped; n > 0 {
		b.Errorf("%d events were dropped", n)
	}
}
