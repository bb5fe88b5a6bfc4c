package notify_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/notify"
	"github.com/assayhq/assay/notify/notifytest"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

func event(typ string) notify.Event {
	return notify.Event{ID: notify.NewID(), Type: typ, At: noon, Org: "acme", App: "books", Data: json.RawMessage(`{ "key": "k1" }`)}
}

func endpoint(id string, patterns ...string) notify.Endpoint {
	return notify.Endpoint{ID: id, Org: "acme", Events: patterns, State: notify.Enabled}
}

func TestEveryTypeHasAMeaningAndGoodForm(t *testing.T) {
	if n := len(notify.Types()); n != 19 {
		t.Errorf("%d types", n)
	}
	for name, meaning := range notify.Types() {
		if len(meaning) < 20 || strings.Count(name, ".") != 1 || strings.ToLower(name) != name {
			t.Errorf("%s: %q", name, meaning)
		}
	}
}

func TestIDsAreFreshAndValid(t *testing.T) {
	a, b := notify.NewID(), notify.NewID()
	if a == b || !notify.ValidID(a) || len(a) != 30 {
		t.Errorf("%s %s", a, b)
	}
	for _, s := range []string{"", "msg_", "evt_a", "msg_a.b", "msg_a b", "msg_\n", "msg_" + strings.Repeat("a", 61)} {
		if notify.ValidID(s) {
			t.Errorf("%q is valid", s)
		}
	}
}

func TestABadEventSaysWhere(t *testing.T) {
	for _, c := range []struct {
		change func(*notify.Event)
		kind   fault.Kind
		field  string
	}{
		{func(e *notify.Event) { e.ID = "msg_a.b" }, fault.Invalid, "id"},
		{func(e *notify.Event) { e.Type = "key.stolen" }, fault.Invalid, "type"},
		{func(e *notify.Event) { e.Org = "" }, fault.Invalid, "org"},
		{func(e *notify.Event) { e.At = time.Time{} }, fault.Invalid, "at"},
		{func(e *notify.Event) { e.Data = json.RawMessage(`[1]`) }, fault.Invalid, "data"},
		{func(e *notify.Event) { e.Data = json.RawMessage(`{`) }, fault.Invalid, "data"},
		{func(e *notify.Event) {
			e.Data = json.RawMessage(`{"a":"` + strings.Repeat("x", notify.MaxData) + `"}`)
		}, fault.TooLarge, "data"},
	} {
		e := event(notify.KeyLeaked)
		if err := e.Check(); err != nil {
			t.Fatal(err)
		}
		c.change(&e)
		if err := e.Check(); fault.Of(err) != c.kind || fault.Field(err) != c.field {
			t.Errorf("got %v at %q, want %v at %s", err, fault.Field(err), c.kind, c.field)
		}
	}
}

func TestAPayloadIsMinimalAndStable(t *testing.T) {
	e := event(notify.KeyRevoked)
	e.At = noon.In(time.FixedZone("x", 3600))
	got, err := e.Payload()
	if err != nil {
		t.Fatal(err)
	}
	want := `{"type":"key.revoked","timestamp":"2026-03-02T12:00:00Z","org":"acme","app":"books","data":{"key":"k1"}}`
	if string(got) != want {
		t.Errorf("got %s", got)
	}
}

func TestPatternsCoverWholeWords(t *testing.T) {
	for _, c := range []struct {
		pattern, typ string
		want         bool
	}{
		{"*", "key.revoked", true}, {"key.*", "key.revoked", true}, {"key.revoked", "key.revoked", true},
		{"key.*", "usage.threshold", false}, {"ke*", "key.revoked", false}, {"key.rev*", "key.revoked", false},
		{"", "key.revoked", false}, {"key", "key.revoked", false}, {"*.revoked", "key.revoked", false},
	} {
		if notify.Match(c.pattern, c.typ) != c.want {
			t.Errorf("%q on %q is %v", c.pattern, c.typ, !c.want)
		}
	}
	if err := notify.CheckPatterns([]string{"key.*", "usage.threshold", "*"}); err != nil {
		t.Error(err)
	}
	for _, bad := range [][]string{nil, {"keys.*"}, {"key.*", ""}, make([]string, 33)} {
		if fault.Of(notify.CheckPatterns(bad)) != fault.Invalid {
			t.Errorf("%v passed", bad)
		}
	}
}

func TestAnEventGoesToThoseWhoWantIt(t *testing.T) {
	off, foreign, app := endpoint("off", "*"), endpoint("foreign", "*"), endpoint("app", "*")
	off.State, foreign.Org, app.App = notify.Disabled, "initech", "ledger"
	places := notifytest.NewPlaces(endpoint("all", "*"), endpoint("keys", "key.*"), endpoint("usage", "usage.*"), off, foreign, app)
	box := notifytest.NewMemory()
	e := event(notify.KeyRevoked)
	for range 2 { // the second changes nothing
		if err := notify.Publish(t.Context(), box, places, e); err != nil {
			t.Fatal(err)
		}
	}
	got := map[string]int{}
	for _, d := range box.Waiting() {
		got[d.Endpoint]++
	}
	if len(got) != 2 || got["all"] != 1 || got["keys"] != 1 {
		t.Errorf("delivered to %v", got)
	}
}

func TestAFullEndpointDoesNotKeepAnEventFromOthers(t *testing.T) {
	box := notifytest.NewMemory()
	ds := make([]notify.Delivery, notify.MaxPending)
	for i := range ds {
		ds[i] = notifytest.Sample("dead", i)
	}
	if err := box.Enqueue(t.Context(), ds...); err != nil {
		t.Fatal(err)
	}
	err := notify.Publish(t.Context(), box, notifytest.NewPlaces(endpoint("dead", "*"), endpoint("alive", "*")), event(notify.KeyRevoked))
	if f, ok := errors.AsType[*fault.Error](err); !ok || f.Kind != fault.Exhausted || !strings.Contains(f.Public, "dead") {
		t.Errorf("got %v", err)
	}
	w := box.Waiting()
	if w[len(w)-1].Endpoint != "alive" {
		t.Error("the other endpoint got nothing")
	}
}
