package api

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/accesstest"
	"github.com/assayhq/assay/access/anomaly"
	"github.com/assayhq/assay/access/gate"
	"github.com/assayhq/assay/access/watch"
	"github.com/assayhq/assay/notify/box"
	"github.com/assayhq/assay/notify/webhook"
)

// hall is a server that is watched, with a clock in the test's hands, an owner who looks
// at alerts, and a receiver of webhooks.
type hall struct {
	*Server
	gate  *gate.Gate
	store *accesstest.Link
	clock atomic.Int64
	watch *watch.Watcher
	owner string
	inbox chan string
}

func newHall(t *testing.T, act ...anomaly.Action) *hall {
	t.Helper()
	h := &hall{store: accesstest.NewMemory().Link(), inbox: make(chan string, 100)}
	h.clock.Store(time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC).UnixNano())
	now := func() time.Time { return time.Unix(0, h.clock.Load()).UTC() }
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		h.inbox <- string(b)
	}))
	t.Cleanup(receiver.Close)
	u, _ := url.Parse(receiver.URL)
	port, _ := strconv.Atoi(u.Port())
	guard := &webhook.Guard{AllowHTTP: true, AllowPrivate: true, Ports: []uint16{uint16(port)}}
	var notices *box.Box
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var err error
	h.watch, err = watch.New(watch.Options{Store: h.store, Gate: func() *gate.Gate { return h.gate }, Node: "one", Org: "acme", Act: act, Now: now})
	must(err)
	notices, err = box.New(h.store, box.Options{CheckURL: guard.CheckURL, Now: now,
		Seal: func(about string, b []byte) ([]byte, error) { return h.gate.Seal(about, b) },
		Open: func(about string, b []byte) ([]byte, error) { return h.gate.Open(about, b) }})
	must(err)
	h.gate, err = gate.New(h.store, gate.Options{Static: time.Hour, Now: now, Watch: h.watch, Publish: notices.Publish})
	must(err)
	_, _, err = notices.Register(t.Context(), box.Spec{Org: "acme", URL: receiver.URL + "/in", Events: []string{"anomaly.detected"}})
	must(err)
	h.owner = h.create(t, access.KeysRead, access.KeysWrite, access.AuditRead).Token
	w := newWorld()
	mem := worldHistory(t, w)
	h.Server, err = New(Options{Board: w, History: mem, Candles: mem, Assets: catalogue(t), Gate: h.gate, Watch: h.watch, Alerts: &watch.Desk{Store: h.store, Gate: h.gate}})
	must(err)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{}, 2)
	go func() { _ = h.watch.Run(ctx); done <- struct{}{} }()
	e := webhook.New(notices, notices, notices, webhook.Options{Guard: guard, Now: now, Poll: 5 * time.Millisecond})
	go func() { _ = e.Run(ctx); done <- struct{}{} }()
	t.Cleanup(func() { stop(); <-done; <-done })
	return h
}

func (h *hall) create(t *testing.T, scopes ...access.Scope) gate.Made {
	t.Helper()
	sign := ""
	if access.Has(scopes, access.OrdersPlace) {
		sign = "hmac"
	}
	m, err := h.gate.Create(t.Context(), gate.By{Name: "test"}, gate.Spec{Name: "k", Org: "acme", App: "bot", Scopes: scopes, Sign: sign, Rate: 1 << 20, Expires: h.gate.Now().Add(80 * 24 * time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func (h *hall) ask(method, path, token, from, agent string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("User-Agent", agent)
	r.RemoteAddr = from + ":1234"
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func (h *hall) pass(d time.Duration) { h.clock.Add(int64(d)) }

// habit lets a client work for days: in the hours of a working day, every ten minutes.
func (h *hall) habit(t *testing.T, token string, days int) {
	t.Helper()
	for range days * 144 {
		h.pass(10 * time.Minute)
		if hour := h.gate.Now().Hour(); hour < 8 || hour >= 18 {
			continue
		}
		for _, p := range []string{"/v1/prices", "/v1/venues"} {
			if w := h.ask("GET", p, token, "198.51.100.7", "assay-py/2.1.3"); w.Code != http.StatusOK {
				t.Fatal(p, w.Code, w.Body)
			}
		}
	}
	h.settle(t)
}

// settle waits until everything that was told has been judged.
func (h *hall) settle(t *testing.T) {
	t.Helper()
	for range 2000 {
		if h.watch.Idle() {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatal("the watcher does not come to an end")
}

func (h *hall) alerts(t *testing.T, query string) []Alert {
	t.Helper()
	h.settle(t)
	w := h.ask("GET", "/v1/alerts"+query, h.owner, "192.0.2.1", "curl/8")
	var a struct{ Data []Alert }
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil || w.Code != 200 {
		t.Fatal(w.Code, w.Body, err)
	}
	return a.Data
}

// told waits for the webhook that tells of an alert.
func (h *hall) told(t *testing.T, id string) string {
	t.Helper()
	for {
		select {
		case b := <-h.inbox:
			if strings.Contains(b, id) {
				return b
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("no webhook tells of alert %s", id)
		}
	}
}

// steal uses a key from elsewhere at night, much and for other things.
func (h *hall) steal(t *testing.T, token string) {
	t.Helper()
	now := h.gate.Now()
	h.clock.Store(now.Truncate(24 * time.Hour).Add(27*time.Hour + 12*time.Minute).UnixNano())
	for i := range 200 {
		h.pass(100 * time.Millisecond)
		h.ask("GET", "/v1/candles/BTC-USD?interval=1h&limit="+strconv.Itoa(1+i%5), token, "203.0.113.9", "Wget/1.21")
	}
}

func TestAStolenKeyIsSeenAuditedAndToldByWebhook(t *testing.T) {
	h := newHall(t)
	k := h.create(t, access.MarketRead)
	h.habit(t, k.Token, 9)
	if list := h.alerts(t, ""); len(list) != 0 {
		t.Fatalf("nine honest days raise %+v", list)
	}
	h.steal(t, k.Token)
	list := h.alerts(t, "?key="+k.Key.ID)
	if len(list) != 1 {
		t.Fatalf("one theft is %d alerts", len(list))
	}
	a := list[0]
	evidence := strings.Join(a.Evidence, " ")
	if a.Class != "stolen_key" || a.Severity != "high" || a.State != "open" || *a.Ring != k.Ring.ID || len(a.Reasons) < 3 || a.Step != nil ||
		!strings.Contains(evidence, "203.0.113.0/24") || !strings.Contains(evidence, "Wget/1") {
		t.Errorf("%+v", a)
	}
	body := h.told(t, a.ID)
	for _, want := range []string{`"type":"anomaly.detected"`, k.Key.ID, "stolen_key", "203.0.113.0/24"} {
		if !strings.Contains(body, want) {
			t.Errorf("the webhook does not say %s: %s", want, body)
		}
	}
	w := h.ask("GET", "/v1/audit", h.owner, "192.0.2.1", "curl/8")
	if !strings.Contains(w.Body.String(), `"action":"anomaly.detected"`) || !strings.Contains(w.Body.String(), a.ID) {
		t.Errorf("the audit log does not tell of it: %s", w.Body)
	}
	if strings.Contains(body+w.Body.String(), k.Token[20:]) {
		t.Error("a token is told")
	}
	// Others do not see it, and it can be answered.
	other, err := h.gate.Create(t.Context(), gate.By{Name: "test"}, gate.Spec{Name: "o", Org: "rival", Scopes: []access.Scope{access.KeysRead, access.KeysWrite}})
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range [][2]string{{"GET", ""}, {"POST", "/dismiss"}, {"POST", "/acknowledge"}} {
		if w := h.ask(x[0], "/v1/alerts/"+a.ID+x[1], other.Token, "192.0.2.2", "curl/8"); w.Code != http.StatusNotFound {
			t.Error("another organisation:", x, w.Code, w.Body)
		}
	}
	if w := h.ask("POST", "/v1/alerts/"+a.ID+"/acknowledge", h.owner, "192.0.2.1", "curl/8"); w.Code != 200 || !strings.Contains(w.Body.String(), `"state":"acknowledged"`) {
		t.Error(w.Code, w.Body)
	}
	if n := len(h.alerts(t, "?state=open&key="+k.Key.ID)); n != 0 {
		t.Error("an alert that was seen is open")
	}
}

func TestGuessedKeysRaiseAnAlert(t *testing.T) {
	h := newHall(t)
	elsewhere, err := gate.New(accesstest.NewMemory().Link(), gate.Options{Static: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 12 {
		m, err := elsewhere.Create(t.Context(), gate.By{Name: "test"}, gate.Spec{Name: fmt.Sprint(i), Scopes: []access.Scope{access.MarketRead}})
		if err != nil {
			t.Fatal(err)
		}
		if w := h.ask("GET", "/v1/prices", m.Token, "203.0.113.9", "x"); w.Code != http.StatusUnauthorized {
			t.Fatal(w.Code)
		}
	}
	list := h.alerts(t, "?class=enumeration")
	if len(list) != 1 || list[0].Key != nil || list[0].Subject != "203.0.113.0/24" {
		t.Fatalf("%+v", list)
	}
	h.told(t, list[0].ID)
}

func TestAFailedRollOverNamesTheClient(t *testing.T) {
	h := newHall(t)
	k := h.create(t, access.MarketRead)
	old := func() int { return h.ask("GET", "/v1/prices", k.Token, "198.51.100.7", "assay-py/2.1.3").Code }
	for range 3 {
		h.pass(time.Hour)
		old()
	}
	next, err := h.gate.Rotate(t.Context(), gate.By{Name: "test"}, k.Ring.ID, gate.RotateSpec{})
	if err != nil {
		t.Fatal(err)
	}
	h.ask("GET", "/v1/prices", next.Token, "192.0.2.7", "assay-go/1.0")
	if _, err := h.gate.Confirm(t.Context(), gate.By{Name: "test"}, next.Key.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := h.gate.Retire(t.Context(), gate.By{Name: "test"}, k.Key.ID, false); err != nil {
		t.Fatal(err)
	}
	for range 6 {
		h.pass(time.Second)
		if c := old(); c != http.StatusUnauthorized {
			t.Fatal(c)
		}
	}
	list := h.alerts(t, "?class=failed_rollover&severity=critical")
	if len(list) != 1 || *list[0].Ring != k.Ring.ID || list[0].Evidence[0] != "198.51.100.0/24 assay-py/2" {
		t.Fatalf("%+v", list)
	}
	if body := h.told(t, list[0].ID); !strings.Contains(body, `"clients":"198.51.100.0/24 assay-py/2"`) {
		t.Error(body)
	}
}

func TestAStolenTradingKeyIsSuspendedWhenSoConfiguredAndComesBack(t *testing.T) {
	h := newHall(t, anomaly.Suspend)
	k := h.create(t, access.MarketRead, access.OrdersPlace)
	h.habit(t, k.Token, 9)
	h.steal(t, k.Token)
	list := h.alerts(t, "?class=stolen_key")
	if len(list) != 1 || list[0].Step == nil || *list[0].Step != "suspend" || *list[0].StepState != "done" || list[0].Undo == nil || list[0].UndoUntil == nil {
		t.Fatalf("%+v", list)
	}
	owner := func() int { return h.ask("GET", "/v1/prices", k.Token, "198.51.100.7", "assay-py/2.1.3").Code }
	if c := owner(); c != http.StatusUnauthorized {
		t.Fatal("the key works on:", c)
	}
	if w := h.ask("POST", "/v1/alerts/"+list[0].ID+"/dismiss", h.owner, "192.0.2.1", "curl/8"); w.Code != 200 || !strings.Contains(w.Body.String(), `"step_state":"undone"`) {
		t.Fatal(w.Code, w.Body)
	}
	if c := owner(); c != http.StatusOK {
		t.Error("a dismissed alert leaves the key suspended:", c)
	}
}

// alert keeps one alert whose step was taken.
func (f *fixture) alert(t *testing.T) {
	t.Helper()
	a := watch.Alert{ID: "alr_018e000000000123456789ab", Subject: "abcdefghijk", Org: "acme", App: "bot", Ring: "ring_abcdefghijkl", Key: "abcdefghijk",
		Class: anomaly.ClassStolen, Severity: anomaly.High, Score: 0.71, At: noon, Last: noon.Add(time.Minute), Count: 2, Nodes: []string{"one"}, Proposed: anomaly.Suspend, State: watch.Open,
		Reasons:  []anomaly.Reason{{Feature: "network", Seen: 2.5, Expected: 2.1, Why: "the key was never used from this network; the figure is -log10 of the chance"}},
		Evidence: []string{"203.0.113.0/24", "Wget/1"},
		Taken:    &watch.Taken{Step: anomaly.Suspend, At: noon, Outcome: watch.Failed, Detail: "it was rotated", Undo: "assay alert dismiss alr_018e000000000123456789ab"}}
	b, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.store.Change(t.Context(), func(tx access.Tx) error { return tx.Put("_alert", a.ID, b) }); err != nil {
		t.Fatal(err)
	}
}
