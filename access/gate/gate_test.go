package gate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/accesstest"
	"github.com/assayhq/assay/fault"
)

var (
	owner = By{Name: "test"}
	reads = []access.Scope{access.MarketRead, access.StreamRead}
)

func open(t testing.TB, s access.Store, opt Options) *Gate {
	t.Helper()
	if opt.Static == 0 {
		opt.Static = time.Hour
	}
	g, err := New(s, opt)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func create(t testing.TB, g *Gate, s Spec) Made {
	t.Helper()
	if s.Name == "" {
		s.Name = "test"
	}
	if s.Scopes == nil {
		s.Scopes = reads
	}
	m, err := g.Create(context.Background(), owner, s)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func bearer(token string) *http.Request {
	r := httptest.NewRequest("GET", "/v1/prices", nil)
	r.Header.Set("User-Agent", "bot/1.0")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return r
}

// node is a gate that runs, over its own link to the store.
type node struct {
	*Gate
	link *accesstest.Link
	stop func()
}

func nodes(t testing.TB, m *accesstest.Memory, n int, opt Options) []node {
	var out []node
	for i := range n {
		l := m.Link()
		o := opt
		o.Node = fmt.Sprintf("node%d", i)
		g, err := New(l, o)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		var wg sync.WaitGroup
		wg.Go(func() { g.Run(ctx) })
		out = append(out, node{g, l, func() { cancel(); wg.Wait() }})
	}
	return out
}

func stopAll(list []node) {
	for _, n := range list {
		n.stop()
	}
}

func TestATokenHasItsForm(t *testing.T) {
	form := regexp.MustCompile("^" + TokenPattern + "$")
	seen := map[string]bool{}
	for range 2000 {
		tok, k := newToken("live")
		if !form.MatchString(string(tok[:])) || seen[string(k[:])] {
			t.Fatal(string(k[:]))
		}
		seen[string(k[:])] = true
		if s := fmt.Sprintf("%v %+v %#v %s", tok, tok, tok, tok); strings.Contains(s, string(tok[20:40])) {
			t.Fatal("a token prints itself:", s)
		}
	}
}

func TestWhoIsRefusedAndWhatTheyLearn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := accesstest.NewMemory()
		g := open(t, m.Link(), Options{})
		good := create(t, g, Spec{})
		old := create(t, g, Spec{Expires: time.Now().Add(time.Hour)})
		dead := create(t, g, Spec{})
		if _, err := g.Revoke(t.Context(), owner, Target{Keys: []string{dead.Key.ID}}, "lost", WaitAll); err != nil {
			t.Fatal(err)
		}
		here := create(t, g, Spec{Bounds: access.Bounds{Networks: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::/32")}}})
		night := create(t, g, Spec{Bounds: access.Bounds{Hours: []access.Hours{{From: 22 * 60, To: 2 * 60}}}})
		time.Sleep(2 * time.Hour) // it is two in the morning of 2000-01-01
		forged := []byte(good.Token)
		forged[30]++
		if !strings.ContainsRune(base62, rune(forged[30])) {
			forged[30] = 'a'
		}
		sum := checksum(forged[:bodyLen])
		copy(forged[bodyLen:], sum[:])
		stranger, _ := newToken("live")
		g.heard.Store(g.mono())
		for name, c := range map[string]struct {
			token string
			kind  fault.Kind
			says  string
		}{
			"a typing error":      {good.Token[:68] + "!", fault.Unauthentic, "checksum"},
			"half a token":        {good.Token[:40], fault.Unauthentic, "copied whole"},
			"a wrong secret":      {string(forged), fault.Unauthentic, "not valid"},
			"an unknown key":      {string(stranger[:]), fault.Unauthentic, "not valid"},
			"an expired key":      {old.Token, fault.Unauthentic, "is expired on 2000-01-01T01:00:00Z"},
			"a revoked key":       {dead.Token, fault.Unauthentic, "is revoked"},
			"another network":     {here.Token, fault.Denied, "10.0.0.0/8"},
			"outside its hours":   {night.Token, fault.Denied, "hour"},
			"no key where needed": {"", fault.Unauthentic, "a key is needed"},
		} {
			_, err := g.Authenticate(bearer(c.token))
			if fault.Of(err) != c.kind || !strings.Contains(fault.Public(err), c.says) {
				t.Errorf("%s: %v (%v), want %v saying %q", name, err, fault.Of(err), c.kind, c.says)
			}
			if err != nil && len(c.token) > 60 && strings.Contains(err.Error(), c.token[20:60]) {
				t.Errorf("%s: the error repeats a secret", name)
			}
		}
		// A stranger who knows only the public part of a revoked key learns nothing.
		copy(forged[prefixLen:], dead.Key.ID)
		sum = checksum(forged[:bodyLen])
		copy(forged[bodyLen:], sum[:])
		if _, err := g.Authenticate(bearer(string(forged))); fault.Public(err) != "the key is not valid" {
			t.Errorf("a stranger learned: %v", err)
		}
		r := bearer(here.Token)
		r.RemoteAddr = "[2001:db8::7]:80"
		if _, err := g.Authenticate(r); err != nil {
			t.Error("from its own network:", err)
		}
		r.RemoteAddr = "[::ffff:10.1.2.3]:80"
		if _, err := g.Authenticate(r); err != nil {
			t.Error("IPv4 written as IPv6:", err)
		}
	})
}

func TestARotationLosesNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := accesstest.NewMemory()
		ns := nodes(t, m, 2, Options{})
		defer stopAll(ns)
		a, b := ns[0], ns[1]
		old := create(t, a.Gate, Spec{})
		synctest.Wait()
		ask := func(n node, token string) error {
			_, err := n.Authenticate(bearer(token))
			return err
		}
		if err := ask(b, old.Token); err != nil {
			t.Fatal("a new key, elsewhere:", err)
		}
		next, err := a.Rotate(t.Context(), owner, old.Ring.ID, RotateSpec{Overlap: 2 * time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		for _, n := range ns {
			if ask(n, old.Token) != nil {
				t.Fatal("the old key is refused while the new one is staged")
			}
			if _, due := n.Notice(caller(t, n.Gate, old.Token)); due {
				t.Fatal("a notice before there is a successor in use")
			}
		}
		if err := ask(b, next.Token); err != nil { // the first use
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		n, due := a.Notice(caller(t, a.Gate, old.Token))
		if !due || n.State != access.Retiring || n.Successor != 2 || time.Until(n.RetireAt) > 2*time.Hour {
			t.Fatalf("notice %+v %v", n, due)
		}
		h := http.Header{}
		n.Set(h)
		if v := h.Get("Assay-Credential"); !strings.Contains(v, `state=retiring; retire-at="2000-01-01T02:00:0`) || !strings.HasSuffix(v, ` v2"`) || h.Get("Sunset") == "" {
			t.Fatal(h)
		}
		// The date comes; no message is needed for it.
		a.link.Cut(errors.New("cut"))
		time.Sleep(time.Until(n.RetireAt))
		if err := ask(b, old.Token); fault.Of(err) != fault.Unauthentic || !strings.Contains(fault.Public(err), "suspended: use version 2 of ring") {
			t.Fatal("after the date:", err)
		}
		var d *Dead
		if err := ask(b, old.Token); !errors.As(err, &d) || d.State != "suspended" || d.Successor != 2 {
			t.Fatalf("%+v", d)
		}
		if err := ask(b, next.Token); err != nil {
			t.Fatal(err)
		}
		a.link.Cut(nil)
		// Undo brings it back at once.
		time.Sleep(2 * time.Second)
		if _, err := a.Undo(t.Context(), owner, old.Key.ID); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if err := ask(b, old.Token); err != nil {
			t.Fatal("after the undo:", err)
		}
	})
}

func caller(t testing.TB, g *Gate, token string) *access.Caller {
	t.Helper()
	c, err := g.Authenticate(bearer(token))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestARevocationHasAReceipt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := accesstest.NewMemory()
		ns := nodes(t, m, 3, Options{})
		defer stopAll(ns)
		k := create(t, ns[0].Gate, Spec{})
		synctest.Wait()
		var ended atomic.Int64
		for _, n := range ns {
			n.Follow(func(f []Fate) {
				if f[0].Key == k.Key.ID && f[0].State == access.Revoked {
					ended.Add(1)
				}
			})
			caller(t, n.Gate, k.Token)
		}
		r, err := ns[0].Revoke(t.Context(), owner, Target{Keys: []string{k.Key.ID}}, "compromise", WaitAll)
		if err != nil || !r.Complete() || len(r.Acked) != 3 || len(r.Keys) != 1 {
			t.Fatalf("%+v %v", r, err)
		}
		if r.Elapsed > 300*time.Millisecond {
			t.Error("it took", r.Elapsed)
		}
		for _, n := range ns {
			if _, err := n.Authenticate(bearer(k.Token)); fault.Of(err) != fault.Unauthentic {
				t.Error("accepted after the receipt:", err)
			}
		}
		if ended.Load() != 3 {
			t.Error(ended.Load(), "nodes told their streams")
		}
	})
}

func TestANodeOutOfTouchFencesItselfBeforeOthersSaySo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := accesstest.NewMemory()
		ns := nodes(t, m, 2, Options{})
		defer stopAll(ns)
		a, b := ns[0], ns[1]
		k := create(t, a.Gate, Spec{Scopes: []access.Scope{access.MarketRead, access.KeysWrite}})
		time.Sleep(3 * time.Second)
		c := caller(t, b.Gate, k.Token)
		b.link.Cut(errors.New("partition"))
		r, err := a.Revoke(t.Context(), owner, Target{Ring: k.Ring.ID}, "compromise", WaitNone)
		if err != nil || len(r.Pending) == 0 || r.Pending[0].Left > 10*time.Second {
			t.Fatalf("%+v %v", r, err)
		}
		cut := time.Now()
		var fenced, strict time.Duration
		done := make(chan struct{})
		go func() {
			defer close(done)
			for time.Since(cut) < 12*time.Second {
				_, err := b.Authenticate(bearer(k.Token))
				if fault.Of(err) == fault.Unauthentic && err != nil {
					t.Error("told that the key is wrong:", err)
				}
				if err != nil && fenced == 0 {
					fenced = time.Since(cut)
				}
				if err := b.Authorize(t.Context(), c, access.KeysWrite); err != nil && strict == 0 {
					if strict = time.Since(cut); fault.Of(err) != fault.Unavailable {
						t.Error("strict:", err)
					}
				}
				time.Sleep(10 * time.Millisecond)
			}
		}()
		wait, stop := context.WithTimeout(t.Context(), 20*time.Second)
		defer stop()
		r, err = a.Revoke(wait, owner, Target{Ring: k.Ring.ID}, "compromise", WaitAll)
		took := time.Since(cut)
		if err != nil || !r.Complete() || len(r.Fenced) != 1 {
			t.Fatalf("%+v %v", r, err)
		}
		<-done
		if fenced == 0 || fenced > took || took > 10*time.Second+200*time.Millisecond {
			t.Errorf("fenced after %s, the receipt says so after %s", fenced, took)
		}
		if strict == 0 || strict > 5500*time.Millisecond {
			t.Errorf("strict scopes go on for %s", strict)
		}
		b.link.Cut(nil)
		time.Sleep(time.Second)
		if _, err := b.Authenticate(bearer(k.Token)); fault.Of(err) != fault.Unauthentic {
			t.Error("after the partition:", err)
		}
	})
}

func TestARevokedKeyMakesNoOther(t *testing.T) {
	m := accesstest.NewMemory()
	a, b := open(t, m.Link(), Options{}), open(t, m.Link(), Options{})
	for range 10_000 {
		k := create(t, a, Spec{Scopes: []access.Scope{access.KeysWrite, access.MarketRead}})
		if err := b.sync(t.Context()); err != nil {
			t.Fatal(err)
		}
		c := caller(t, b, k.Token)
		var revoked atomic.Bool
		var wg sync.WaitGroup
		wg.Go(func() {
			for range 3 {
				late := revoked.Load()
				if _, err := b.Create(context.Background(), By{Caller: c}, Spec{Name: "mint", Org: "default", Scopes: []access.Scope{access.MarketRead}}); err == nil && late {
					t.Error("a revoked key made another")
				}
			}
		})
		if _, err := a.Revoke(context.Background(), owner, Target{Keys: []string{k.Key.ID}}, "", WaitNone); err != nil {
			t.Fatal(err)
		}
		revoked.Store(true)
		if _, err := b.Create(context.Background(), By{Caller: c}, Spec{Name: "mint", Org: "default", Scopes: []access.Scope{access.MarketRead}}); fault.Of(err) != fault.Unauthentic {
			t.Fatal("a revoked key made another:", err)
		}
		wg.Wait()
		// Keep the store small: this is about the race, not about size.
		m.Forget()
		a.snap.Store(nil)
		b.snap.Store(nil)
		if a.sync(t.Context()) != nil || b.sync(t.Context()) != nil {
			t.Fatal("sync")
		}
	}
}

func TestOthersThingsDoNotExist(t *testing.T) {
	g := open(t, accesstest.NewMemory().Link(), Options{})
	ours := create(t, g, Spec{Org: "acme", Scopes: []access.Scope{access.KeysWrite, access.KeysRead}})
	theirs := create(t, g, Spec{Org: "evil"})
	by := By{Caller: caller(t, g, ours.Token)}
	ctx := t.Context()
	for name, do := range map[string]func(id string) error{
		"rotate":   func(id string) error { _, err := g.Rotate(ctx, by, id, RotateSpec{}); return err },
		"confirm":  func(id string) error { _, err := g.Confirm(ctx, by, id); return err },
		"rollback": func(id string) error { _, err := g.Rollback(ctx, by, id); return err },
		"retire":   func(id string) error { _, err := g.Retire(ctx, by, id, true); return err },
		"extend":   func(id string) error { _, err := g.Extend(ctx, by, id, time.Now().Add(time.Hour)); return err },
		"revoke": func(id string) error {
			_, err := g.Revoke(ctx, by, Target{Keys: []string{id}}, "", WaitNone)
			return err
		},
		"look": func(id string) error { _, err := g.Ring(ctx, "acme", id); return err },
	} {
		a, b := do(theirs.Key.ID), do("nosuchkey00")
		if fault.Of(a) != fault.Unknown || a == nil {
			t.Errorf("%s: %v", name, a)
		}
		if fault.Of(a) != fault.Of(b) {
			t.Errorf("%s: theirs %v, none %v", name, a, b)
		}
	}
	if r, err := g.Ring(ctx, "", theirs.Ring.ID); err != nil || r.Keys[0].State != access.Active {
		t.Error(r, err)
	}
}

func TestScopesAreNotGivenAway(t *testing.T) {
	g := open(t, accesstest.NewMemory().Link(), Options{})
	writer := create(t, g, Spec{Scopes: []access.Scope{access.KeysWrite, access.MarketRead}})
	granter := create(t, g, Spec{Scopes: []access.Scope{access.KeysWrite, access.KeysGrant}})
	self := create(t, g, Spec{Scopes: []access.Scope{access.KeysRotate, access.MarketRead}})
	other := create(t, g, Spec{})
	by := func(m Made) By { return By{Caller: caller(t, g, m.Token)} }
	spec := Spec{Name: "x", Scopes: []access.Scope{access.Ops}}
	if _, err := g.Create(t.Context(), by(writer), spec); fault.Of(err) != fault.Denied {
		t.Error("gave what it has not:", err)
	}
	if _, err := g.Create(t.Context(), by(granter), spec); err != nil {
		t.Error(err)
	}
	if _, err := g.Create(t.Context(), by(self), Spec{Name: "x", Scopes: reads}); fault.Of(err) != fault.Denied {
		t.Error("may only rotate itself:", err)
	}
	if _, err := g.Rotate(t.Context(), by(self), other.Ring.ID, RotateSpec{}); fault.Of(err) != fault.Denied {
		t.Error("rotated another ring:", err)
	}
	if _, err := g.Rotate(t.Context(), by(self), self.Ring.ID, RotateSpec{Scopes: []access.Scope{access.Admin}}); fault.Of(err) != fault.Denied {
		t.Error("rotated itself up:", err)
	}
	if _, err := g.Rotate(t.Context(), by(self), self.Ring.ID, RotateSpec{}); err != nil {
		t.Error(err)
	}
	if err := g.SetApp(t.Context(), by(writer), App{Org: "default", Name: "default", Rate: 1e6}); fault.Of(err) != fault.Denied {
		t.Error("gave its app a larger limit:", err)
	}
}

func TestARecordChangedBehindOurBackOpensNothing(t *testing.T) {
	for name, change := range map[string]func(*access.Record){
		"more scopes": func(r *access.Record) {
			r.Body = bytes.Replace(r.Body, []byte("market:read"), []byte("keys:grant!"), 1)
		},
		"another org": func(r *access.Record) {
			r.Body = bytes.Replace(r.Body, []byte(`"org":"acme"`), []byte(`"org":"evil"`), 1)
		},
		"revival":       func(r *access.Record) { r.Body = bytes.Replace(r.Body, []byte("active"), []byte("staged"), 1) },
		"no seal":       func(r *access.Record) { r.Body = r.Body[sealedHead:] },
		"a later epoch": func(r *access.Record) { r.Epoch++ },
		"one bit":       func(r *access.Record) { r.Body[len(r.Body)/2] ^= 1 },
		"nothing left":  func(r *access.Record) { r.Body = []byte{} },
	} {
		m := accesstest.NewMemory()
		k := create(t, open(t, m.Link(), Options{}), Spec{Org: "acme"})
		m.Tamper(kindRing, k.Ring.ID, change)
		var logged bytes.Buffer
		g := open(t, m.Link(), Options{Logger: slog.New(slog.NewTextHandler(&logged, nil))})
		if _, err := g.Authenticate(bearer(k.Token)); fault.Of(err) != fault.Unauthentic {
			t.Errorf("%s: %v", name, err)
		}
		if !strings.Contains(logged.String(), k.Ring.ID) || strings.Contains(logged.String(), k.Token[20:60]) {
			t.Errorf("%s: the log says %s", name, &logged)
		}
	}
}

func TestPeppersRoll(t *testing.T) {
	one, two := bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 32)
	synctest.Test(t, func(t *testing.T) {
		m := accesstest.NewMemory()
		k := create(t, open(t, m.Link(), Options{Peppers: map[int][]byte{1: one}}), Spec{})
		ns := nodes(t, m, 1, Options{Peppers: map[int][]byte{1: one, 2: two}})
		if _, err := ns[0].Authenticate(bearer(k.Token)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if _, err := ns[0].Authenticate(bearer(k.Token)); err != nil {
			t.Fatal("after its digest was renewed:", err)
		}
		stopAll(ns)
		g := open(t, m.Link(), Options{Peppers: map[int][]byte{2: two}})
		if _, err := g.Authenticate(bearer(k.Token)); err != nil {
			t.Fatal("without the old pepper:", err)
		}
	})
}

func TestStragglersAreNamedOverAllNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := accesstest.NewMemory()
		ns := nodes(t, m, 2, Options{})
		defer stopAll(ns)
		k := create(t, ns[0].Gate, Spec{})
		time.Sleep(time.Second)
		use := func(n node, token, agent, addr string) error {
			r := bearer(token)
			r.Header.Set("User-Agent", agent)
			r.RemoteAddr = addr + ":999"
			_, err := n.Authenticate(r)
			return err
		}
		hosts := map[string]string{"bot-a/1": "192.0.2.1", "bot-b/1": "198.51.100.1", "cron/2": "203.0.113.9"}
		for range 60 {
			for agent, addr := range hosts {
				if err := use(ns[len(agent)%2], k.Token, agent, addr); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(time.Second)
		}
		next, err := ns[0].Rotate(t.Context(), owner, k.Ring.ID, RotateSpec{Overlap: 2 * time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		for range 100 {
			for agent, addr := range hosts {
				token := next.Token
				if agent == "cron/2" {
					token = k.Token
				}
				if err := use(ns[len(addr)%2], token, agent, addr); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(time.Second)
		}
		for _, n := range ns {
			_, mig, err := n.Migration(t.Context(), "", k.Ring.ID)
			if err != nil || mig.Known != 3 || mig.Moved != 2 || len(mig.Stragglers) != 1 || mig.Phase != access.Migrating {
				t.Fatalf("%+v %v", mig, err)
			}
			s := mig.Stragglers[0]
			if s.Agent != "cron/2" || s.Network != "203.0.113.0/24" || s.Endpoint != "/v1/prices" || s.Mixed || s.PerMinute < 50 || s.PerMinute > 70 {
				t.Errorf("%+v", s)
			}
		}
		// The date comes and the straggler is refused: it gets its key back by itself.
		time.Sleep(time.Until(caller2(ns[0], k.Token).RetireAt) + 3*time.Second)
		for range 6 {
			if err := use(ns[0], k.Token, "cron/2", "203.0.113.9"); fault.Of(err) != fault.Unauthentic {
				t.Fatal(err)
			}
		}
		time.Sleep(15 * time.Second)
		if err := use(ns[1], k.Token, "cron/2", "203.0.113.9"); err != nil {
			t.Fatal("its suspension was not undone:", err)
		}
	})
}

func caller2(n node, token string) Notice {
	c, err := n.Authenticate(bearer(token))
	if err != nil {
		return Notice{}
	}
	x, _ := n.Notice(c)
	return x
}

func TestAStoreThatFailsIsNeverTheCallersFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := accesstest.NewMemory()
		k := create(t, open(t, m.Link(), Options{}), Spec{})
		l := m.Link()
		l.Cut(errors.New("disk on fire"))
		g, err := New(l, Options{Node: "n", Static: 15 * time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { g.Run(ctx) })
		defer wg.Wait()
		defer cancel()
		if _, err := g.Authenticate(bearer(k.Token)); fault.Of(err) != fault.Unavailable || strings.Contains(fault.Public(err), "fire") {
			t.Fatal("at start:", err)
		}
		l.Cut(nil)
		time.Sleep(time.Second)
		c := caller(t, g, k.Token)
		l.Cut(errors.New("again"))
		time.Sleep(14 * time.Minute)
		caller(t, g, k.Token) // reads go on
		if err := g.Certain(ctx, c); fault.Of(err) != fault.Unavailable {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Minute)
		if _, err := g.Authenticate(bearer(k.Token)); fault.Of(err) != fault.Unavailable {
			t.Fatal("beyond the lease:", err)
		}
		if bad, _ := newToken("live"); true {
			if _, err := g.Authenticate(bearer(string(bad[:]))); fault.Of(err) != fault.Unavailable {
				t.Fatal("a fenced node says no:", err)
			}
		}
	})
}

func TestAStreamGoesOnWithItsNewKey(t *testing.T) {
	g := open(t, accesstest.NewMemory().Link(), Options{})
	k := create(t, g, Spec{App: "bot"})
	next, err := g.Rotate(t.Context(), owner, k.Ring.ID, RotateSpec{})
	if err != nil {
		t.Fatal(err)
	}
	was := caller(t, g, k.Token)
	c, err := g.Reauthenticate(was, next.Token, bearer(""), access.StreamRead)
	if err != nil || c.KeyID != next.Key.ID {
		t.Fatal(c, err)
	}
	if _, err := g.Reauthenticate(was, create(t, g, Spec{App: "site"}).Token, bearer(""), access.StreamRead); fault.Of(err) != fault.Denied {
		t.Error("another app:", err)
	}
	if _, err := g.Reauthenticate(was, create(t, g, Spec{App: "bot", Scopes: []access.Scope{access.MarketRead}}).Token, bearer(""), access.StreamRead); fault.Of(err) != fault.Denied {
		t.Error("a lesser key:", err)
	}
}

func TestAnAppIsLimitedWhicheverKeyItUses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := open(t, accesstest.NewMemory().Link(), Options{})
		one := create(t, g, Spec{Org: "acme", App: "bot", Rate: 10, Burst: 4})
		two, err := g.Rotate(t.Context(), owner, one.Ring.ID, RotateSpec{})
		if err != nil {
			t.Fatal(err)
		}
		ask := func(tok string, cost int) (Limit, error) { return g.Allow(caller(t, g, tok), cost) }
		for i, tok := range []string{one.Token, two.Token, one.Token, two.Token} {
			if l, err := ask(tok, 1); err != nil || l.Rate.Remaining != int64(3-i) {
				t.Fatalf("request %d: %+v %v", i, l, err)
			}
		}
		l, err := ask(one.Token, 1)
		if fault.Of(err) != fault.Exhausted || l.Allowed || l.RetryAfter != 100*time.Millisecond {
			t.Fatalf("the fifth: %+v %v", l, err)
		}
		three := create(t, g, Spec{Org: "acme", App: "bot"}) // does not refill it
		if _, err := ask(three.Token, 1); fault.Of(err) != fault.Exhausted {
			t.Fatal("a new key:", err)
		}
		if _, err := ask(create(t, g, Spec{Org: "acme", App: "site"}).Token, 1); err != nil {
			t.Fatal("another app:", err)
		}
		time.Sleep(100 * time.Millisecond)
		if _, err := ask(two.Token, 1); err != nil {
			t.Fatal("after waiting as told:", err)
		}
	})
}

func TestATicketOpensOneStreamInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := open(t, accesstest.NewMemory().Link(), Options{})
		k := create(t, g, Spec{})
		c := caller(t, g, k.Token)
		ticket, until, err := g.Ticket(c)
		if err != nil || !until.Equal(time.Now().Add(30*time.Second)) {
			t.Fatal(until, err)
		}
		if got, err := g.Redeem(ticket); err != nil || got.KeyID != k.Key.ID {
			t.Fatal(got, err)
		}
		if _, err := g.Redeem(ticket); fault.Of(err) != fault.Unauthentic {
			t.Fatal("twice:", err)
		}
		late, _, _ := g.Ticket(c)
		time.Sleep(30 * time.Second)
		if _, err := g.Redeem(late); fault.Of(err) != fault.Unauthentic {
			t.Fatal("late:", err)
		}
		last, _, _ := g.Ticket(c)
		if _, err := g.Revoke(t.Context(), owner, Target{Ring: k.Ring.ID}, "", WaitAll); err != nil {
			t.Fatal(err)
		}
		if _, err := g.Redeem(last); fault.Of(err) != fault.Unauthentic {
			t.Fatal("of a revoked key:", err)
		}
	})
}

func TestOpenScopesAreLimitedPerNetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := open(t, accesstest.NewMemory().Link(), Options{Public: []access.Scope{access.MarketRead}, PublicRate: 1, PublicBurst: 2,
			Proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}})
		from := func(addr, forwarded string) error {
			r := httptest.NewRequest("GET", "/", nil)
			r.RemoteAddr = addr
			if forwarded != "" {
				r.Header.Set("X-Forwarded-For", forwarded)
			}
			c, err := g.Authenticate(r)
			if err != nil {
				t.Fatal(err)
			}
			_, err = g.Allow(c, 1)
			return err
		}
		for i, step := range []struct {
			addr, forwarded string
			pass            bool
		}{
			{"192.0.2.1:4000", "", true},
			{"192.0.2.200:4000", "", true},
			{"192.0.2.3:4000", "", false},
			{"192.0.2.3:4000", "8.8.8.8", false}, // not our proxy: its word counts for nothing
			{"[::ffff:192.0.2.4]:1", "", false},
			{"10.0.0.1:1", "8.8.8.8, 203.0.113.5", true},
			{"10.0.0.1:1", "1.1.1.1, 203.0.113.6, 10.0.0.2", true},
			{"10.0.0.1:1", "9.9.9.9, 203.0.113.7", false}, // the right-most stranger decides
		} {
			if err := from(step.addr, step.forwarded); (err == nil) != step.pass {
				t.Errorf("step %d, %s %s: %v", i, step.addr, step.forwarded, err)
			}
		}
		time.Sleep(5 * time.Second)
		g.sweep()
		if len(g.visits.seen) != 0 {
			t.Errorf("%d idle networks are remembered", len(g.visits.seen))
		}
	})
	for _, s := range []access.Scope{access.KeysWrite, access.Admin, access.OrdersPlace, access.AuditRead} {
		if _, err := New(accesstest.NewMemory().Link(), Options{Public: []access.Scope{s}}); fault.Of(err) != fault.Invalid {
			t.Error("open to everyone:", s, err)
		}
	}
}

func TestBadSpecs(t *testing.T) {
	g := open(t, accesstest.NewMemory().Link(), Options{})
	for field, s := range map[string]Spec{
		"body.name":            {Scopes: reads},
		"body.org":             {Name: "x", Scopes: reads, Org: strings.Repeat("o", 101)},
		"body.app":             {Name: "x", Scopes: reads, App: "a\nb"},
		"body.env":             {Name: "x", Scopes: reads, Env: "prod"},
		"body.scopes":          {Name: "x", Scopes: []access.Scope{"market:write"}},
		"body.rate":            {Name: "x", Scopes: reads, Rate: -1},
		"body.burst":           {Name: "x", Scopes: reads, Burst: -1},
		"body.expires_at":      {Name: "x", Scopes: reads, Expires: time.Now().Add(-time.Hour)},
		"body.sign":            {Name: "x", Scopes: []access.Scope{"trading"}},
		"body.networks":        {Name: "x", Scopes: []access.Scope{"trading"}, Sign: "hmac"},
		"body.policy.deadline": {Name: "x", Scopes: reads, Policy: access.Policy{Deadline: "never"}},
		"body.policy.every":    {Name: "x", Scopes: reads, Policy: access.Policy{Every: time.Second}},
	} {
		if _, err := g.Create(t.Context(), owner, s); fault.Of(err) != fault.Invalid || fault.Field(err) != field {
			t.Errorf("%s: %v (%s)", field, err, fault.Field(err))
		}
	}
	if _, err := New(accesstest.NewMemory().Link(), Options{Peppers: map[int][]byte{1: []byte("short")}}); fault.Of(err) != fault.Invalid {
		t.Error("short pepper:", err)
	}
}

func TestManyAtOnce(t *testing.T) {
	m := accesstest.NewMemory()
	ns := nodes(t, m, 2, Options{Poll: time.Millisecond, Flush: time.Millisecond})
	defer stopAll(ns)
	var wg sync.WaitGroup
	for i := range 6 {
		wg.Go(func() {
			for j := range 20 {
				g := ns[j%2].Gate
				k := create(t, g, Spec{App: fmt.Sprint(i % 3)})
				c, err := g.Authenticate(bearer(k.Token))
				if err != nil {
					t.Error(err)
					return
				}
				g.Allow(c, 1)
				if _, err := g.Revoke(context.Background(), owner, Target{Ring: k.Ring.ID}, "", WaitAll); err != nil {
					t.Error(err)
				}
				for _, n := range ns {
					if _, err := n.Authenticate(bearer(k.Token)); fault.Of(err) != fault.Unauthentic {
						t.Errorf("accepted after the receipt: %v", err)
					}
				}
			}
		})
	}
	wg.Wait()
}

func TestTheForecastIsNearTheTruth(t *testing.T) {
	from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var all []time.Time
	for i := range 200 { // callers move along a logistic curve, half of them after two days
		share := (float64(i) + 0.5) / 200
		all = append(all, from.Add(48*time.Hour+time.Duration(float64(8*time.Hour)*logit(share))))
	}
	half := all[:100]
	got, want := forecast(half, 200, from, half[99]), all[199]
	if d := got.Sub(want).Abs(); d > want.Sub(from)/10 {
		t.Errorf("forecast %s, truth %s", got, want)
	}
	if !forecast(all[:2], 200, from, all[2]).IsZero() {
		t.Error("a forecast from two callers")
	}
}

func FuzzToken(f *testing.F) {
	tok, _ := newToken("live")
	test, _ := newToken("test")
	f.Add(string(tok[:]))
	f.Add(string(test[:]))
	f.Add("asy_live_")
	f.Add(strings.Repeat("ü", 40))
	form := regexp.MustCompile("^" + TokenPattern + "$")
	f.Fuzz(func(t *testing.T, s string) {
		var got token
		k, ok := parse(s, &got)
		if !ok {
			return
		}
		if string(got[:]) != s || !form.MatchString(s) || string(k[:]) != s[prefixLen:prefixLen+kidLen] {
			t.Fatalf("accepted %q as %q, kid %q", s, got[:], k)
		}
		for i := prefixLen; i < TokenLen; i++ { // one wrong character never passes
			b := []byte(s)
			b[i] = base62[(strings.IndexByte(base62, b[i])+1)%62]
			if _, ok := parse(string(b), new(token)); ok {
				t.Fatalf("one wrong character at %d passes", i)
			}
		}
	})
}

func logit(p float64) float64 { return math.Log(p / (1 - p)) }
