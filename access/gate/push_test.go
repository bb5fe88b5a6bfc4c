package gate

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/accesstest"
	"github.com/assayhq/assay/access/rotation"
	"github.com/assayhq/assay/access/secret"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/store/sqlite"
)

// keeper keeps secrets in memory by the rules of secret.Versions. before and after, when
// set, are asked at each call and may make it fail before or after its effect.
type keeper struct {
	mu            sync.Mutex
	held          map[string]secret.Versions
	before, after func(what string) error
	alter         func(secret.Value) secret.Value // what it keeps in the place of a value
}

func newKeeper() *keeper { return &keeper{held: map[string]secret.Versions{}} }

func (k *keeper) step(what, name string, f func(secret.Versions) (secret.Versions, error)) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.before != nil {
		if err := k.before(what); err != nil {
			return err
		}
	}
	v, err := f(k.held[name])
	if err != nil {
		return err
	}
	k.held[name] = v
	if k.after != nil {
		return k.after(what)
	}
	return nil
}

func (k *keeper) Read(_ context.Context, name string) (out secret.Versions, err error) {
	err = k.step("read", name, func(v secret.Versions) (secret.Versions, error) {
		if out = v; !v.Present() {
			return v, fault.New(fault.Unknown, "no secret %s", name)
		}
		return v, nil
	})
	return out, err
}

func (k *keeper) WritePending(_ context.Context, name string, value secret.Value) (id string, err error) {
	if k.alter != nil {
		value = k.alter(value)
	}
	err = k.step("write", name, func(v secret.Versions) (next secret.Versions, err error) {
		next, id, err = v.WithPending(value, secret.NewID())
		return next, err
	})
	return id, err
}

func (k *keeper) Promote(_ context.Context, name, version string) error {
	return k.step("promote", name, func(v secret.Versions) (secret.Versions, error) { return v.Promoted(version) })
}

func (k *keeper) Discard(_ context.Context, name, version string) error {
	return k.step("discard", name, func(v secret.Versions) (secret.Versions, error) { return v.Discarded(version) })
}

// current is what a client that reads the secret gets.
func (k *keeper) current(name string) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.held[name].Current.Value.Reveal()
}

// put makes a value current, as an operator does with the first key.
func (k *keeper) put(t testing.TB, name, text string) {
	t.Helper()
	if _, err := secret.Push(context.Background(), k, name, secret.Of(text), func(context.Context, secret.Value) error { return nil }); err != nil {
		t.Fatal(err)
	}
}

// server is a gate whose turns are taken by hand, so that a year passes in seconds.
type server struct {
	*Gate
	stop func()
}

func serve(t testing.TB, s access.Store, opt Options) server {
	t.Helper()
	if opt.Node == "" {
		opt.Node = "node"
	}
	g := open(t, s, opt)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { g.pusher(ctx) })
	return server{g, func() { cancel(); wg.Wait() }}
}

// turn does what Run does of itself.
func (s server) turn(ctx context.Context) {
	_ = s.sync(ctx)
	_ = s.beat(ctx)
	for len(s.wishes) > 0 {
		s.grant(ctx, <-s.wishes)
	}
	s.supervise(ctx)
	synctest.Wait()
	_ = s.sync(ctx)
}

// reader is a client that keeps its secret in memory for an hour.
type reader struct {
	k       *keeper
	name    string
	token   string
	read    time.Time
	refused []string
	asked   int
}

func (r *reader) ask(g *Gate) {
	if time.Since(r.read) >= time.Hour {
		r.token, r.read = r.k.current(r.name), time.Now()
	}
	r.asked++
	if _, err := g.Authenticate(bearer(r.token)); err != nil {
		r.refused = append(r.refused, fmt.Sprintf("%s: %s", time.Now().Format(time.RFC3339), fault.Public(err)))
	}
}

var pushed = access.PushTo{To: "box", Name: "bot"}

const place = "acme/bot"

// delivered makes a ring whose keys are delivered, with its first key in the keeper.
func deliveredRing(t testing.TB, g *Gate, k *keeper, p access.Policy) Made {
	t.Helper()
	p.Push = pushed
	m := create(t, g, Spec{Org: "acme", Policy: p})
	k.put(t, place, m.Token)
	return m
}

func stateOf(t testing.TB, g *Gate, id string) *access.Ring {
	t.Helper()
	r, err := g.Ring(context.Background(), "", id)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// actions are those of the audit log, and its text must not hold a token.
func actions(t testing.TB, g *Gate) (out []string) {
	t.Helper()
	list, _, err := g.Audit(context.Background(), "", 0, 10_000)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		out = append(out, e.Action)
		if strings.Contains(string(e.Leaf), "asy_") {
			t.Errorf("a token is in the audit log: %s", e.Action)
		}
	}
	return out
}

func TestAPushedKeyReachesItsClientAndNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKeeper()
		s := serve(t, accesstest.NewMemory().Link(), Options{Destinations: map[string]secret.Writer{"box": k}})
		defer s.stop()
		first := deliveredRing(t, s.Gate, k, access.Policy{})
		made, err := s.Rotate(t.Context(), owner, first.Ring.ID, RotateSpec{Push: true})
		if err != nil {
			t.Fatal(err)
		}
		if made.Token != "" || made.Key.State != access.Staged || made.Ring.Rotation.Push.Step != access.PushDone || made.Ring.Rotation.Push.Sealed != nil {
			t.Fatalf("%+v", made.Ring.Rotation)
		}
		v := k.held[place]
		if v.Previous.Value.Reveal() != first.Token || v.Pending.Present() || v.Current.Value.Reveal() == first.Token {
			t.Fatalf("%+v", v)
		}
		s.turn(t.Context())
		if st := stateOf(t, s.Gate, first.Ring.ID).Key(made.Key.ID).State; st != access.Staged {
			t.Errorf("the test of the delivery confirmed the key: %s", st)
		}
		for _, token := range []string{first.Token, v.Current.Value.Reveal()} {
			if _, err := s.Authenticate(bearer(token)); err != nil {
				t.Error(err)
			}
		}
		s.turn(t.Context())
		if st := stateOf(t, s.Gate, first.Ring.ID).Key(made.Key.ID).State; st != access.Active {
			t.Errorf("after its client's first use the key is %s", st)
		}
		if a := actions(t, s.Gate); !slices.Contains(a, "key.pushed") || !slices.Contains(a, "key.confirmed") {
			t.Errorf("%v", a)
		}
	})
}

func TestWhatCannotBeDeliveredIsWithdrawn(t *testing.T) {
	down := fault.New(fault.Unavailable, "the keeper is down")
	for name, c := range map[string]struct {
		set   func(*keeper)
		begun bool // a key was made
	}{
		"it does not answer":             {func(k *keeper) { k.before = func(string) error { return down } }, false},
		"it refuses to write":            {func(k *keeper) { k.before = only("write", fault.New(fault.Denied, "no")) }, true},
		"it dies when it writes":         {func(k *keeper) { k.before = only("write", down) }, true},
		"it loses the answer of a write": {func(k *keeper) { k.after = only("write", down) }, true},
		"it refuses to promote":          {func(k *keeper) { k.before = only("promote", fault.New(fault.Denied, "no")) }, true},
		"it keeps something else": {func(k *keeper) {
			k.alter = func(v secret.Value) secret.Value { return secret.Of(v.Reveal()[:20] + "x") }
		}, true},
		"a stranger's value is pending": {func(k *keeper) {
			v := k.held[place]
			v.Pending = secret.Version{ID: "s", Value: secret.Of("a stranger's")}
			k.held[place] = v
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := newKeeper()
				s := serve(t, accesstest.NewMemory().Link(), Options{Destinations: map[string]secret.Writer{"box": k}})
				defer s.stop()
				first := deliveredRing(t, s.Gate, k, access.Policy{})
				c.set(k)
				_, err := s.Rotate(t.Context(), owner, first.Ring.ID, RotateSpec{Push: true})
				if err == nil || strings.Contains(err.Error(), "asy_") {
					t.Fatal(err)
				}
				r := stateOf(t, s.Gate, first.Ring.ID)
				if made := len(r.Keys) > 1; made != c.begun {
					t.Errorf("%d keys", len(r.Keys))
				}
				if r.Accepting(time.Now()) != 1 || r.Keys[0].State != access.Active || r.Rotation != nil && r.Rotation.Push.Sealed != nil {
					t.Errorf("%+v", r)
				}
				if k.current(place) != first.Token {
					t.Error("the keeper's current value was touched")
				}
				if a := actions(t, s.Gate); !slices.Contains(a, "ring.push_failed") {
					t.Errorf("%v", a)
				}
				// What was left there does not stand in the way of the next one.
				k.before, k.after, k.alter = nil, nil, nil
				_, err = s.Rotate(t.Context(), owner, first.Ring.ID, RotateSpec{Push: true})
				if stranger := k.held[place].Pending.ID == "s"; (err != nil) != (stranger || name == "it keeps something else" && k.held[place].Pending.Present()) {
					t.Error(err)
				}
			})
		})
	}
}

func only(what string, err error) func(string) error {
	return func(w string) error {
		if w == what {
			return err
		}
		return nil
	}
}

func TestAKeyThatMayBeOutIsNotWithdrawn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKeeper()
		s := serve(t, accesstest.NewMemory().Link(), Options{Destinations: map[string]secret.Writer{"box": k}})
		defer s.stop()
		first := deliveredRing(t, s.Gate, k, access.Policy{})
		down := fault.New(fault.Unavailable, "the keeper is down")
		// The promotion is made, its answer is lost, and the keeper is not heard of again.
		k.after = func(what string) error {
			if what == "promote" {
				k.before = func(string) error { return down }
				return down
			}
			return nil
		}
		_, err := s.Rotate(t.Context(), owner, first.Ring.ID, RotateSpec{Push: true})
		if err == nil || fault.Of(err) != fault.Unavailable {
			t.Fatal(err)
		}
		client := &reader{k: k, name: place}
		client.ask(s.Gate)
		if len(client.refused) > 0 {
			t.Error(client.refused)
		}
		for range 30 {
			s.turn(t.Context())
			time.Sleep(time.Minute)
		}
		k.mu.Lock()
		k.before, k.after = nil, nil
		k.mu.Unlock()
		for range 5 {
			s.turn(t.Context())
			time.Sleep(time.Minute)
		}
		if x := stateOf(t, s.Gate, first.Ring.ID).Rotation; x.Push.Step != access.PushDone || x.Phase != access.Migrating {
			t.Errorf("%+v", x)
		}
	})
}

func TestARollbackTakesTheKeyBackFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKeeper()
		s := serve(t, accesstest.NewMemory().Link(), Options{Destinations: map[string]secret.Writer{"box": k}})
		defer s.stop()
		first := deliveredRing(t, s.Gate, k, access.Policy{})
		if _, err := s.Rotate(t.Context(), owner, first.Ring.ID, RotateSpec{Push: true}); err != nil {
			t.Fatal(err)
		}
		k.before = func(string) error { return fault.New(fault.Unavailable, "down") }
		if _, err := s.Rollback(t.Context(), owner, first.Ring.ID); fault.Of(err) != fault.Unavailable || err == nil {
			t.Errorf("a key that the keeper gives out was withdrawn: %v", err)
		}
		k.before = nil
		r, err := s.Rollback(t.Context(), owner, first.Ring.ID)
		if err != nil || k.current(place) != first.Token || r.Accepting(time.Now()) != 1 || r.Keys[0].State != access.Active {
			t.Errorf("%v %+v", err, r)
		}
	})
}

// The pepper that a token on its way was encrypted with is lost: what the keeper has decides.
func TestATokenThatCannotBeOpenedEndsTheDelivery(t *testing.T) {
	for _, promoted := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			k := newKeeper()
			s := serve(t, accesstest.NewMemory().Link(), Options{Destinations: map[string]secret.Writer{"box": k}})
			defer s.stop()
			first := deliveredRing(t, s.Gate, k, access.Policy{})
			when := map[bool]*func(string) error{false: &k.before, true: &k.after}[promoted]
			*when = func(what string) error { // nothing is heard of the promotion, nor of anything after it
				if what == "promote" {
					down := fault.New(fault.Unavailable, "down")
					k.before = func(string) error { return down }
					return down
				}
				return nil
			}
			if _, err := s.Rotate(t.Context(), owner, first.Ring.ID, RotateSpec{Push: true}); fault.Of(err) != fault.Unavailable || err == nil {
				t.Fatal(err)
			}
			if _, _, err := s.change(t.Context(), owner, first.Ring.ID, access.KeysWrite, false, func(r *access.Ring, _ time.Time) ([]rotation.Event, error) {
				r.Rotation.Push.Sealed = []byte("unreadable")
				return []rotation.Event{}, nil
			}); err != nil {
				t.Fatal(err)
			}
			k.mu.Lock()
			k.before, k.after = nil, nil
			k.mu.Unlock()
			for range 5 {
				time.Sleep(time.Minute)
				s.turn(t.Context())
			}
			r := stateOf(t, s.Gate, first.Ring.ID)
			if want := map[bool]access.PushStep{false: access.PushFailed, true: access.PushDone}[promoted]; r.Rotation.Push.Step != want {
				t.Errorf("promoted %v: %+v", promoted, r.Rotation.Push)
			}
			if _, err := s.Authenticate(bearer(k.current(place))); err != nil {
				t.Errorf("promoted %v: what the keeper gives out is refused: %v", promoted, err)
			}
		})
	}
}

func TestAKeyThatIsNotReadForLongStaysAccepted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKeeper()
		s := serve(t, accesstest.NewMemory().Link(), Options{Destinations: map[string]secret.Writer{"box": k}})
		defer s.stop()
		first := deliveredRing(t, s.Gate, k, access.Policy{Confirm: 24 * time.Hour})
		if _, err := s.Rotate(t.Context(), owner, first.Ring.ID, RotateSpec{Push: true}); err != nil {
			t.Fatal(err)
		}
		for range 40 {
			time.Sleep(24 * time.Hour)
			s.turn(t.Context())
		}
		for _, token := range []string{first.Token, k.current(place)} {
			if _, err := s.Authenticate(bearer(token)); err != nil {
				t.Error(err)
			}
		}
		n := 0
		for _, a := range actions(t, s.Gate) {
			if a == "ring.push_unread" {
				n++
			}
		}
		if n != 1 {
			t.Errorf("its owner was told %d times", n)
		}
	})
}

// The names of others' secrets cannot be reached, nor places that the settings do not name.
func TestNobodyChoosesWhereTheServerDials(t *testing.T) {
	k := newKeeper()
	g := open(t, accesstest.NewMemory().Link(), Options{Destinations: map[string]secret.Writer{"box": k}})
	admin := create(t, g, Spec{Org: "acme", Scopes: []access.Scope{access.KeysWrite, access.MarketRead}})
	caller, err := g.Authenticate(bearer(admin.Token))
	if err != nil {
		t.Fatal(err)
	}
	by := By{Caller: caller}
	for _, p := range []access.PushTo{{To: "vault:https://evil.example/x", Name: "a"}, {To: "elsewhere", Name: "a"}, {To: "box", Name: ""}, {To: "box", Name: "../other/bot"}, {To: "box", Name: "/x"}, {Name: "a"}} {
		if _, err := g.SetPush(t.Context(), by, admin.Ring.ID, p); fault.Of(err) != fault.Invalid || err == nil {
			t.Errorf("%+v: %v", p, err)
		}
		if _, err := g.Create(t.Context(), by, Spec{Org: "acme", Name: "x", Scopes: reads, Policy: access.Policy{Push: p}}); fault.Of(err) != fault.Invalid || err == nil {
			t.Errorf("%+v: %v", p, err)
		}
	}
	if _, err := g.SetPush(t.Context(), by, admin.Ring.ID, access.PushTo{}); err != nil {
		t.Error(err)
	}
	// Somebody of another organisation learns nothing and moves nothing.
	other := create(t, g, Spec{Org: "evil", Scopes: []access.Scope{access.KeysWrite, access.MarketRead}})
	stranger, err := g.Authenticate(bearer(other.Token))
	if err != nil {
		t.Fatal(err)
	}
	ring := deliveredRing(t, g, k, access.Policy{})
	called := false
	k.before = func(string) error { called = true; return nil }
	if _, err := g.Rotate(t.Context(), By{Caller: stranger}, ring.Ring.ID, RotateSpec{Push: true}); fault.Of(err) != fault.Unknown || err == nil || called {
		t.Errorf("%v, keeper asked: %v", err, called)
	}
	if _, err := g.Rollback(t.Context(), By{Caller: stranger}, ring.Ring.ID); fault.Of(err) != fault.Unknown || err == nil || called {
		t.Errorf("%v, keeper asked: %v", err, called)
	}
	if _, err := g.Revoke(t.Context(), owner, Target{Ring: admin.Ring.ID}, "lost", WaitAll); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Rotate(t.Context(), by, ring.Ring.ID, RotateSpec{Push: true}); fault.Of(err) != fault.Unauthentic || err == nil || called {
		t.Errorf("a revoked key moved something: %v", err)
	}
}

// Twelve months of schedule with a client that reads its secret once an hour: it is never
// refused, and nobody does anything by hand.
func TestAYearOfScheduleRefusesNobody(t *testing.T) {
	for _, where := range []string{"memory", "sqlite"} {
		t.Run(where, func(t *testing.T) {
			if where == "sqlite" && testing.Short() {
				t.Skip("a year on a disk takes some seconds")
			}
			synctest.Test(t, func(t *testing.T) {
				var store access.Store = accesstest.NewMemory().Link()
				pace := time.Hour // of the server's turns; in fact it takes one each second
				if where == "sqlite" {
					s, err := sqlite.Open(filepath.Join(t.TempDir(), "control.db"), sqlite.Options{})
					if err != nil {
						t.Fatal(err)
					}
					defer s.Close()
					store, pace = s, 6*time.Hour
				}
				k := newKeeper()
				s := serve(t, store, Options{Static: 24 * time.Hour, Destinations: map[string]secret.Writer{"box": k}})
				defer s.stop()
				first := deliveredRing(t, s.Gate, k, access.Policy{Every: 30 * 24 * time.Hour, Overlap: 24 * time.Hour, Undo: time.Hour})
				client := &reader{k: k, name: place}
				seen := map[string]bool{}
				last := time.Time{}
				for began := time.Now(); time.Since(began) < 365*24*time.Hour; time.Sleep(10 * time.Minute) {
					if time.Since(last) >= pace {
						s.turn(t.Context())
						last = time.Now()
					}
					client.ask(s.Gate)
					seen[client.token] = true
				}
				r := stateOf(t, s.Gate, first.Ring.ID)
				if len(client.refused) > 0 {
					t.Errorf("%d of %d requests were refused, first %s", len(client.refused), client.asked, client.refused[0])
				}
				if len(seen) < 12 || len(r.Keys) < 12 || r.Accepting(time.Now()) > 2 {
					t.Errorf("%d tokens were used, %d keys, %d accepted", len(seen), len(r.Keys), r.Accepting(time.Now()))
				}
				t.Logf("%d requests, %d refused, %d keys used one after the other", client.asked, len(client.refused), len(seen))
			})
		})
	}
}

func TestAKeeperThatIsDownForAWeekDelaysTheRotationAndNothingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKeeper()
		s := serve(t, accesstest.NewMemory().Link(), Options{Destinations: map[string]secret.Writer{"box": k}})
		defer s.stop()
		first := deliveredRing(t, s.Gate, k, access.Policy{Every: 30 * 24 * time.Hour, Overlap: 24 * time.Hour})
		client := &reader{k: k, name: place}
		client.ask(s.Gate)
		time.Sleep(31 * 24 * time.Hour)
		k.mu.Lock()
		k.before = func(string) error { return fault.New(fault.Unavailable, "the keeper is down") }
		k.mu.Unlock()
		for range 7 * 24 {
			s.turn(t.Context())
			client.ask(s.Gate)
			time.Sleep(time.Hour)
		}
		if r := stateOf(t, s.Gate, first.Ring.ID); len(r.Keys) != 1 || len(client.refused) > 0 {
			t.Errorf("%d keys, %v", len(r.Keys), client.refused)
		}
		n := 0
		for _, a := range actions(t, s.Gate) {
			if a == "ring.push_failed" {
				n++
			}
		}
		if n < 5 || n > 9 {
			t.Errorf("in seven days its owner was told %d times", n)
		}
		k.mu.Lock()
		k.before = nil
		k.mu.Unlock()
		for range 48 {
			s.turn(t.Context())
			client.ask(s.Gate)
			time.Sleep(time.Hour)
		}
		if r := stateOf(t, s.Gate, first.Ring.ID); len(r.Keys) != 2 || r.Keys[1].State != access.Active || len(client.refused) > 0 {
			t.Errorf("%+v, %v", r, client.refused)
		}
	})
}

var errDead = errors.New("this process is dead")

// fate lets a process die at its nth step; from then on nothing it does has an effect.
type fate struct {
	mu   sync.Mutex
	left int
	dead bool
	at   string
}

func (f *fate) step(what string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.dead {
		if f.left--; f.left < 0 {
			f.dead, f.at = true, what
		}
	}
	if f.dead {
		return errDead
	}
	return nil
}

func (f *fate) gone() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.dead
}

// dying is a store that dies with its process, before or after a change.
type dying struct {
	access.Store
	f *fate
}

func (d dying) Change(ctx context.Context, f func(access.Tx) error) (int64, error) {
	if err := d.f.step("before a change"); err != nil {
		return 0, err
	}
	e, err := d.Store.Change(ctx, f)
	if dead := d.f.step("after a change"); dead != nil {
		return 0, dead
	}
	return e, err
}

func (d dying) View(ctx context.Context, f func(access.Tx) error) error {
	if d.f.gone() {
		return errDead
	}
	return d.Store.View(ctx, f)
}

func (d dying) Since(ctx context.Context, e int64, kinds []string, n int) ([]access.Record, int64, bool, error) {
	if d.f.gone() {
		return nil, 0, false, errDead
	}
	return d.Store.Since(ctx, e, kinds, n)
}

// mine is one process's view of a keeper that several share.
type mine struct {
	*keeper
	f *fate
}

func (m mine) around(what string, do func() error) error {
	if err := m.f.step("before " + what); err != nil {
		return err
	}
	err := do()
	if dead := m.f.step("after " + what); dead != nil {
		return dead
	}
	return err
}

func (m mine) Read(ctx context.Context, name string) (v secret.Versions, err error) {
	err = m.around("read", func() (err error) { v, err = m.keeper.Read(ctx, name); return err })
	return v, err
}

func (m mine) WritePending(ctx context.Context, name string, value secret.Value) (id string, err error) {
	err = m.around("write", func() (err error) { id, err = m.keeper.WritePending(ctx, name, value); return err })
	return id, err
}

func (m mine) Promote(ctx context.Context, name, version string) error {
	return m.around("promote", func() error { return m.keeper.Promote(ctx, name, version) })
}

func (m mine) Discard(ctx context.Context, name, version string) error {
	return m.around("discard", func() error { return m.keeper.Discard(ctx, name, version) })
}

// A process is killed before and after each change of the store and each call of the
// keeper, in deliveries that go well and in such that fail. Another process takes over.
func TestADeathAtAnyStepLocksNobodyOut(t *testing.T) {
	for _, failing := range []bool{false, true} {
		died := map[string]int{}
		for n := 0; ; n++ {
			over := false
			synctest.Test(t, func(t *testing.T) {
				m, k := accesstest.NewMemory(), newKeeper()
				setup := open(t, m.Link(), Options{Destinations: map[string]secret.Writer{"box": k}})
				first := deliveredRing(t, setup, k, access.Policy{Every: 30 * 24 * time.Hour, Overlap: 2 * time.Hour, Undo: time.Hour})
				client := &reader{k: k, name: place}
				time.Sleep(31 * 24 * time.Hour)
				f := &fate{left: n}
				if failing {
					k.before = only("promote", fault.New(fault.Denied, "not today"))
				}
				a := serve(t, dying{m.Link(), f}, Options{Node: "a", Destinations: map[string]secret.Writer{"box": mine{k, f}}})
				_ = setup.sync(t.Context())
				client.ask(setup)
				for range 4 {
					a.turn(t.Context())
					time.Sleep(time.Second)
				}
				a.stop()
				over = !f.dead
				died[f.at]++
				f.mu.Lock()
				f.dead = true
				f.mu.Unlock()
				_ = setup.sync(t.Context())
				client.ask(setup)
				client.read = time.Time{}
				_ = setup.sync(t.Context())
				client.ask(setup) // it reads its secret anew right after the death
				k.mu.Lock()
				k.before = nil
				k.mu.Unlock()
				b := serve(t, m.Link(), Options{Node: "b", Destinations: map[string]secret.Writer{"box": k}})
				defer b.stop()
				for range 12 * 60 {
					b.turn(t.Context())
					client.ask(b.Gate)
					if r := stateOf(t, b.Gate, first.Ring.ID); r.Accepting(time.Now()) > 2 || r.Accepting(time.Now()) < 1 {
						t.Fatalf("%d keys are accepted", r.Accepting(time.Now()))
					}
					time.Sleep(time.Minute)
				}
				r := stateOf(t, b.Gate, first.Ring.ID)
				last := r.Latest()
				if len(client.refused) > 0 || last.N == 1 || last.State != access.Active || r.Rotation.Push.Sealed != nil || k.held[place].Pending.Present() {
					t.Errorf("killed %s (step %d, failing %v): %d refused %.1v, key %d is %s, %+v", f.at, n, failing, len(client.refused), client.refused, last.N, last.State, r.Rotation)
				}
			})
			if over || n > 60 {
				break
			}
		}
		t.Logf("deliveries that fail: %v; killed %v", failing, died)
		if len(died) < 6 {
			t.Errorf("only %d places of death", len(died))
		}
	}
}

// Of several nodes that all believe it is time, one makes the key.
func TestOneNodeRotates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, k := accesstest.NewMemory(), newKeeper()
		to := map[string]secret.Writer{"box": k}
		a := serve(t, m.Link(), Options{Node: "a", Destinations: to})
		defer a.stop()
		b := serve(t, m.Link(), Options{Node: "b", Destinations: to})
		defer b.stop()
		first := deliveredRing(t, a.Gate, k, access.Policy{Every: time.Hour, Overlap: 2 * time.Hour})
		_ = b.sync(t.Context())
		time.Sleep(2 * time.Hour)
		for _, s := range []server{a, b} {
			_ = s.sync(t.Context())
			_ = s.beat(t.Context())
		}
		var wg sync.WaitGroup
		for range 5 {
			for _, s := range []server{a, b} {
				wg.Go(func() { _ = s.deliverDue(t.Context(), first.Ring.ID) })
			}
		}
		wg.Wait()
		r := stateOf(t, a.Gate, first.Ring.ID)
		if len(r.Keys) != 2 || r.Rotation.Push.Step != access.PushDone {
			t.Errorf("%d keys, %+v", len(r.Keys), r.Rotation)
		}
	})
}

func TestWithoutADestinationTheNoticeStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, accesstest.NewMemory().Link(), Options{})
		defer s.stop()
		first := create(t, s.Gate, Spec{Policy: access.Policy{Every: time.Hour}})
		time.Sleep(2 * time.Hour)
		s.turn(t.Context())
		if r := stateOf(t, s.Gate, first.Ring.ID); len(r.Keys) != 1 || !slices.Contains(actions(t, s.Gate), "ring.rotation_due") {
			t.Errorf("%+v", r)
		}
		if _, err := s.Rotate(t.Context(), owner, first.Ring.ID, RotateSpec{Push: true}); fault.Of(err) != fault.Invalid || err == nil {
			t.Error(err)
		}
	})
}
