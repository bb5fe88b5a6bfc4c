package box_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/accesstest"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/notify"
	"github.com/assayhq/assay/notify/box"
	"github.com/assayhq/assay/notify/notifytest"
	"github.com/assayhq/assay/store/sqlite"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// desk is a box with a clock in the test's hands and a seal that binds and hides, but
// keeps nothing secret.
type desk struct {
	*box.Box
	store *accesstest.Link
	now   time.Time
}

func seal(about string, plain []byte) ([]byte, error) { return veil(about, plain), nil }

func veil(about string, plain []byte) []byte {
	h := sha256.Sum256([]byte(about))
	out := append([]byte{}, h[:]...)
	for i, b := range plain {
		out = append(out, b^h[i%len(h)]^0x5a)
	}
	return out
}

func open(about string, sealed []byte) ([]byte, error) {
	h := sha256.Sum256([]byte(about))
	if len(sealed) < len(h) || !bytes.Equal(sealed[:len(h)], h[:]) {
		return nil, errors.New("it does not fit")
	}
	return veil(about, sealed[len(h):])[len(h):], nil
}

func checkURL(raw string) (string, error) {
	if !strings.HasPrefix(raw, "https://") {
		return "", fault.At(fault.Invalid, "url", "the URL must begin with https://")
	}
	return strings.ToLower(raw), nil
}

func over(t *testing.T, s access.Store, now func() time.Time) *box.Box {
	t.Helper()
	b, err := box.New(s, box.Options{CheckURL: checkURL, Seal: seal, Open: open, Now: now})
	no(t, err)
	return b
}

func newDesk(t *testing.T) *desk {
	d := &desk{store: accesstest.NewMemory().Link(), now: noon}
	d.Box = over(t, d.store, func() time.Time { return d.now })
	return d
}

func no(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func is(t *testing.T, err error, k fault.Kind) {
	t.Helper()
	if err == nil || fault.Of(err) != k {
		t.Fatalf("got %v, want %v", err, k)
	}
}

func (d *desk) register(t *testing.T, org string, events ...string) (box.Hook, string) {
	t.Helper()
	h, secret, err := d.Register(t.Context(), box.Spec{Org: org, URL: "https://Example.org/in", Events: events})
	no(t, err)
	return h, secret
}

func event(typ string) notify.Event {
	return notify.Event{ID: notify.NewID(), Type: typ, At: noon, Org: "acme", App: "books", Data: []byte(`{"key":"k1"}`)}
}

func (d *desk) publish(t *testing.T, e notify.Event) {
	t.Helper()
	_, err := d.store.Change(t.Context(), func(tx access.Tx) error { return d.Publish(tx, e) })
	no(t, err)
}

func (d *desk) due(t *testing.T, want int) []notify.Delivery {
	t.Helper()
	ds, err := d.Due(t.Context(), d.now, 100)
	no(t, err)
	if len(ds) != want {
		t.Fatalf("%d deliveries are due, want %d", len(ds), want)
	}
	return ds
}

func (d *desk) record(t *testing.T, x notify.Delivery, out notify.Outcome, next time.Time) {
	t.Helper()
	no(t, d.Record(t.Context(), notify.Attempt{Event: x.Event.ID, Type: x.Event.Type, Endpoint: x.Endpoint, N: x.N, At: d.now, Outcome: out}, next))
}

func TestInMemoryItPassesTheExam(t *testing.T) {
	shelf := map[string]*accesstest.Memory{}
	notifytest.RunOutbox(t, func(t *testing.T, dir string) notifytest.Outbox {
		if shelf[dir] == nil {
			shelf[dir] = accesstest.NewMemory()
		}
		return over(t, shelf[dir].Link(), nil)
	})
}

func TestInAFileItPassesTheExam(t *testing.T) {
	notifytest.RunOutbox(t, func(t *testing.T, dir string) notifytest.Outbox {
		s, err := sqlite.Open(filepath.Join(dir, "control.db"), sqlite.Options{})
		no(t, err)
		t.Cleanup(func() { s.Close() })
		return over(t, s, nil)
	})
}

func TestABoxWithoutItsPartsIsRefused(t *testing.T) {
	_, err := box.New(accesstest.NewMemory().Link(), box.Options{CheckURL: checkURL, Seal: seal})
	is(t, err, fault.Internal)
}

func TestAChangeAndItsNoticesAreOne(t *testing.T) {
	d := newDesk(t)
	all, _ := d.register(t, "acme", "*")
	d.register(t, "acme", "usage.*")
	d.register(t, "initech", "*")
	e, stop := event(notify.KeyRevoked), errors.New("the change failed")
	_, err := d.store.Change(t.Context(), func(tx access.Tx) error {
		no(t, d.Publish(tx, e))
		return stop
	})
	if !errors.Is(err, stop) {
		t.Fatal(err)
	}
	d.due(t, 0)
	d.publish(t, e)
	d.publish(t, e) // again: nothing is repeated
	if x := d.due(t, 1)[0]; x.Endpoint != all.ID || string(x.Event.Data) != string(e.Data) {
		t.Errorf("got %+v", x)
	}
	e.Type = "key.stolen"
	_, err = d.store.Change(t.Context(), func(tx access.Tx) error { return d.Publish(tx, e) })
	is(t, err, fault.Invalid)
}

func TestAFullEndpointNeitherUndoesAChangeNorLosesTheEvent(t *testing.T) {
	d := newDesk(t)
	dead, _ := d.register(t, "acme", "*")
	ds := make([]notify.Delivery, notify.MaxPending)
	for i := range ds {
		ds[i] = notifytest.Sample(dead.ID[:5]+"x", i)
		ds[i].Endpoint, ds[i].Event.ID = dead.ID, fmt.Sprintf("msg_%d", i)
	}
	no(t, d.Enqueue(t.Context(), ds...))
	alive, _ := d.register(t, "acme", "key.*")
	e := event(notify.KeyRevoked)
	d.publish(t, e)
	log, err := d.Log(t.Context(), "acme", dead.ID, 10)
	no(t, err)
	if len(log) != 1 || log[0].Outcome != notify.Dropped || log[0].Event != e.ID {
		t.Errorf("log %+v", log)
	}
	hooks, err := d.List(t.Context(), "acme")
	no(t, err)
	for _, h := range hooks {
		if want := map[string]int{dead.ID: notify.MaxPending, alive.ID: 1}[h.ID]; h.Waiting != want {
			t.Errorf("%d wait for %s, want %d", h.Waiting, h.ID, want)
		}
	}
	if _, err := d.Event(t.Context(), e.ID); err != nil {
		t.Error(err)
	}
}

func TestASecretIsSealedAndSignsOnAfterARotation(t *testing.T) {
	d := newDesk(t)
	h, first := d.register(t, "acme", "*")
	if raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(first, "whsec_")); err != nil || len(raw) != 32 || h.URL != "https://example.org/in" {
		t.Fatalf("%s: %d bytes, %v", h.URL, len(raw), err)
	}
	live := func() (out []string) {
		e, err := d.Endpoint(t.Context(), h.ID)
		no(t, err)
		for i := range e.Secrets {
			if e.Secrets[i].Live(d.now) {
				text, err := d.Secret(t.Context(), e.Secrets[i].Ref)
				no(t, err)
				out = append(out, text)
			}
		}
		return out
	}
	_, second, err := d.Rotate(t.Context(), "acme", h.ID, box.DefaultOverlap)
	no(t, err)
	if got := live(); len(got) != 2 || got[0] != first || got[1] != second || first == second {
		t.Fatal("both secrets do not sign")
	}
	d.now = noon.Add(box.DefaultOverlap)
	if got := live(); len(got) != 1 || got[0] != second {
		t.Fatal("the old secret signs after its overlap, or the new one does not")
	}
	h2, third, err := d.Rotate(t.Context(), "acme", h.ID, 0)
	no(t, err)
	if got := live(); len(got) != 1 || got[0] != third || len(h2.Secrets) != 1 {
		t.Fatal("an overlap of 0 left an old secret")
	}
	for range notify.MaxSecrets - 1 {
		_, _, err = d.Rotate(t.Context(), "acme", h.ID, time.Hour)
		no(t, err)
	}
	_, _, err = d.Rotate(t.Context(), "acme", h.ID, time.Hour)
	is(t, err, fault.Conflict)
	_, _, err = d.Rotate(t.Context(), "acme", h.ID, 0)
	no(t, err)
	for _, bad := range []time.Duration{-1, box.MaxOverlap + 1} {
		_, _, err = d.Rotate(t.Context(), "acme", h.ID, bad)
		is(t, err, fault.Invalid)
	}
	no(t, d.store.View(t.Context(), func(tx access.Tx) error {
		rs, err := tx.List("hook", "", 100)
		for _, r := range rs {
			if bytes.Contains(r.Body, []byte("whsec_")) || bytes.Contains(r.Body, []byte(base64.StdEncoding.EncodeToString([]byte(third)))) {
				t.Error("a secret lies open in the store")
			}
		}
		return err
	}))
}

func TestASealedSecretFitsNowhereElse(t *testing.T) {
	m := accesstest.NewMemory()
	b := over(t, m.Link(), nil)
	h, _, err := b.Register(t.Context(), box.Spec{Org: "acme", URL: "https://a.org", Events: []string{"*"}})
	no(t, err)
	m.Tamper("hook", "id/"+h.ID, func(r *access.Record) {
		r.Body = bytes.ReplaceAll(r.Body, []byte(h.ID+"/1"), []byte(h.ID+"/2"))
	})
	_, err = b.Secret(t.Context(), h.ID+"/2")
	is(t, err, fault.Invalid)
	_, err = b.Secret(t.Context(), h.ID+"/1")
	is(t, err, fault.Unknown)
	_, err = b.Secret(t.Context(), "elsewhere")
	is(t, err, fault.Unknown)
}

func TestEndpointsAreBoundedAndChecked(t *testing.T) {
	d := newDesk(t)
	for _, c := range []struct {
		s     box.Spec
		field string
	}{
		{box.Spec{Org: "acme", URL: "http://a.org", Events: []string{"*"}}, "url"},
		{box.Spec{Org: "acme", URL: "https://a.org", Events: []string{"keys.*"}}, "events"},
		{box.Spec{Org: "acme", URL: "https://a.org"}, "events"},
		{box.Spec{Org: "acme", URL: "https://a.org", Events: []string{"*"}, Description: strings.Repeat("x", 201)}, "description"},
		{box.Spec{URL: "https://a.org", Events: []string{"*"}}, "org"},
		{box.Spec{Org: strings.Repeat("x", 101), URL: "https://a.org", Events: []string{"*"}}, "org"},
	} {
		if _, _, err := d.Register(t.Context(), c.s); fault.Of(err) != fault.Invalid || fault.Field(err) != c.field {
			t.Errorf("%+v: %v at %q", c.s, err, fault.Field(err))
		}
	}
	for range notify.MaxEndpoints {
		d.register(t, "a cme/é", "*")
	}
	_, _, err := d.Register(t.Context(), box.Spec{Org: "a cme/é", URL: "https://a.org", Events: []string{"*"}})
	is(t, err, fault.Conflict)
	list, err := d.List(t.Context(), "a cme/é")
	no(t, err)
	if len(list) != notify.MaxEndpoints {
		t.Fatalf("%d endpoints", len(list))
	}
	if h, err := d.Delete(t.Context(), "a cme/é", list[0].ID); err != nil || h.ID != list[0].ID {
		t.Fatalf("%+v, %v", h, err)
	}
	d.register(t, "a cme/é", "*")
}

func TestAnotherOrganisationsEndpointDoesNotExist(t *testing.T) {
	d := newDesk(t)
	h, _ := d.register(t, "acme", "*")
	ctx := t.Context()
	calls := map[string]func(id string) error{
		"delete": func(id string) error { _, err := d.Delete(ctx, "initech", id); return err },
		"enable": func(id string) error { _, err := d.Enable(ctx, "initech", id); return err },
		"rotate": func(id string) error { _, _, err := d.Rotate(ctx, "initech", id, 0); return err },
		"log":    func(id string) error { _, err := d.Log(ctx, "initech", id, 1); return err },
		"test":   func(id string) error { _, err := d.Test(ctx, "initech", id); return err },
		"replay": func(id string) error { _, err := d.Replay(ctx, "initech", id, "", noon); return err },
	}
	for name, f := range calls {
		for _, id := range []string{h.ID, "", "hook_none", "../x y", strings.Repeat("a", 300)} {
			if err := f(id); fault.Of(err) != fault.Unknown || err == nil {
				t.Errorf("%s %.20q: %v", name, id, err)
			}
		}
	}
	if list, err := d.List(ctx, "initech"); err != nil || len(list) != 0 {
		t.Errorf("%v, %v", list, err)
	}
	if e, err := d.OfOrg(ctx, "acme"); err != nil || len(e) != 1 {
		t.Errorf("%v, %v", e, err)
	}
	is(t, d.Disable(ctx, "hook_none", "x"), fault.Unknown)
}

func TestWhatAnEndpointMissedIsReplayed(t *testing.T) {
	d := newDesk(t)
	h, _ := d.register(t, "acme", "key.*")
	good, bad := event(notify.KeyRevoked), event(notify.KeyLeaked)
	d.publish(t, good)
	d.publish(t, bad)
	for _, x := range d.due(t, 2) {
		if x.Event.ID == good.ID {
			d.record(t, x, notify.Delivered, time.Time{})
		} else {
			d.record(t, x, notify.Gone, time.Time{})
		}
	}
	no(t, d.Disable(t.Context(), h.ID, "it answered 410 Gone"))
	_, err := d.Replay(t.Context(), "acme", h.ID, "", noon)
	is(t, err, fault.Conflict)
	d.publish(t, event(notify.KeyRevoked)) // nobody listens
	d.due(t, 0)
	if h, err = d.Enable(t.Context(), "acme", h.ID); err != nil || h.State != notify.Enabled || h.Reason != "" || h.Waiting != 0 {
		t.Fatalf("%+v, %v", h, err)
	}
	if n, err := d.Replay(t.Context(), "acme", h.ID, "", noon.Add(time.Second)); n != 0 || err != nil {
		t.Errorf("%d, %v: nothing was missed since", n, err)
	}
	if n, err := d.Replay(t.Context(), "acme", h.ID, "", noon); n != 1 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if x := d.due(t, 1)[0]; x.Event.ID != bad.ID || x.N != 1 {
		t.Errorf("got %+v", x)
	}
	if n, err := d.Replay(t.Context(), "acme", h.ID, good.ID, time.Time{}); n != 1 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	foreign := event(notify.KeyRevoked)
	foreign.Org = "initech"
	no(t, d.Enqueue(t.Context(), notify.Delivery{Event: foreign, Endpoint: "other", N: 1, Due: noon}))
	_, err = d.Replay(t.Context(), "acme", h.ID, foreign.ID, time.Time{})
	is(t, err, fault.Unknown)
	_, err = d.Replay(t.Context(), "acme", h.ID, "no id", time.Time{})
	is(t, err, fault.Unknown)
	_, err = d.Replay(t.Context(), "acme", h.ID, "", time.Time{})
	is(t, err, fault.Invalid)
}

func TestATestIsOfATypeThatTheEndpointWants(t *testing.T) {
	d := newDesk(t)
	h, _ := d.register(t, "acme", "usage.*", "key.leaked")
	id, err := d.Test(t.Context(), "acme", h.ID)
	no(t, err)
	x := d.due(t, 1)[0]
	if x.Event.ID != id || x.Event.Type != notify.KeyLeaked || string(x.Event.Data) != `{"test":true}` {
		t.Errorf("got %+v", x.Event)
	}
	no(t, x.Event.Check())
}

func TestTheLogIsARingAndIsSwept(t *testing.T) {
	d := newDesk(t)
	h, _ := d.register(t, "acme", "*")
	e := event(notify.KeyRevoked)
	d.publish(t, e)
	x := d.due(t, 1)[0]
	for range box.MaxAttempts + 5 {
		d.now = d.now.Add(time.Second)
		d.record(t, x, notify.Failed, d.now.Add(time.Hour))
		x.N++
	}
	d.record(t, x, notify.Exhausted, time.Time{})
	log, err := d.Log(t.Context(), "acme", h.ID, 2*box.MaxAttempts)
	no(t, err)
	if len(log) != box.MaxAttempts || log[0].N != box.MaxAttempts+6 || log[len(log)-1].N != 7 {
		t.Fatalf("%d attempts, from %d to %d", len(log), log[0].N, log[len(log)-1].N)
	}
	if n, err := d.Sweep(t.Context()); n != 0 || err != nil {
		t.Fatalf("%d, %v: nothing is old", n, err)
	}
	d.now = d.now.Add(box.Keep + time.Second)
	if n, err := d.Sweep(t.Context()); n != box.MaxAttempts+2 || err != nil { // the event and the counter too
		t.Fatalf("%d, %v", n, err)
	}
	_, err = d.Event(t.Context(), e.ID)
	is(t, err, fault.Unknown)
	if log, err = d.Log(t.Context(), "acme", h.ID, 10); len(log) != 0 || err != nil {
		t.Fatalf("%v, %v", log, err)
	}
}

func TestWhatWaitedLongerThanItsEventEndsInTheLog(t *testing.T) {
	d := newDesk(t)
	h, _ := d.register(t, "acme", "*")
	d.publish(t, event(notify.KeyRevoked))
	d.now = d.now.Add(box.Keep + time.Hour)
	_, err := d.Sweep(t.Context())
	no(t, err)
	later := event(notify.KeyLeaked)
	d.publish(t, later)
	if x := d.due(t, 1)[0]; x.Event.ID != later.ID {
		t.Errorf("got %+v", x)
	}
	log, err := d.Log(t.Context(), "acme", h.ID, 10)
	no(t, err)
	if len(log) != 1 || log[0].Outcome != notify.Dropped {
		t.Errorf("log %+v", log)
	}
}

// counting counts what is read.
type counting struct {
	access.Store
	reads int
}

type countingTx struct {
	access.Tx
	c *counting
}

func (t countingTx) Get(kind, id string) (access.Record, error) {
	t.c.reads++
	return t.Tx.Get(kind, id)
}

func (t countingTx) List(kind, after string, limit int) ([]access.Record, error) {
	rs, err := t.Tx.List(kind, after, limit)
	t.c.reads += 1 + len(rs)
	return rs, err
}

func (c *counting) Change(ctx context.Context, f func(access.Tx) error) (int64, error) {
	return c.Store.Change(ctx, func(tx access.Tx) error { return f(countingTx{tx, c}) })
}

func (c *counting) View(ctx context.Context, f func(access.Tx) error) error {
	return c.Store.View(ctx, func(tx access.Tx) error { return f(countingTx{tx, c}) })
}

func TestALongQueueIsNotReadToFindWhatIsDue(t *testing.T) {
	c := &counting{Store: accesstest.NewMemory().Link()}
	b := over(t, c, nil)
	ds := make([]notify.Delivery, notify.MaxPending)
	for i := range ds {
		ds[i] = notifytest.Sample("dead", i)
	}
	no(t, b.Enqueue(t.Context(), ds...))
	no(t, b.Enqueue(t.Context(), notifytest.Sample("quick", 1)))
	c.reads = 0
	for range 3 {
		if _, err := b.Due(t.Context(), noon.Add(time.Minute), 10); err != nil {
			t.Fatal(err)
		}
	}
	if c.reads > 60 {
		t.Errorf("%d records were read of a queue of %d", c.reads, len(ds))
	}
}

func BenchmarkADelivery(b *testing.B) {
	s, err := sqlite.Open(filepath.Join(b.TempDir(), "control.db"), sqlite.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	x, err := box.New(s, box.Options{CheckURL: checkURL, Seal: seal, Open: open})
	if err != nil {
		b.Fatal(err)
	}
	for i := 0; b.Loop(); i++ {
		d := notifytest.Sample("a", i)
		if err := x.Enqueue(b.Context(), d); err != nil {
			b.Fatal(err)
		}
		got, err := x.Due(b.Context(), noon.Add(time.Minute), 1)
		if err != nil || len(got) != 1 {
			b.Fatal(len(got), err)
		}
		if err := x.Record(b.Context(), notify.Attempt{Event: d.Event.ID, Endpoint: "a", N: 1, At: noon, Outcome: notify.Delivered}, time.Time{}); err != nil {
			b.Fatal(err)
		}
	}
}
