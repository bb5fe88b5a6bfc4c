package gate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/fault"
)

// shelf is a KeyStore in memory that can be made to fail.
type shelf struct {
	mu       sync.Mutex
	keys     map[string]access.Key
	settings map[string][]byte
	epoch    int64
	broken   error
	touched  map[string]time.Time
}

func newShelf() *shelf {
	return &shelf{keys: map[string]access.Key{}, settings: map[string][]byte{}, touched: map[string]time.Time{}}
}

func (s *shelf) lock() (func(), error) {
	s.mu.Lock()
	return s.mu.Unlock, s.broken
}

func (s *shelf) breakIt(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken = err
}

func (s *shelf) CreateKey(_ context.Context, k access.Key) error {
	done, err := s.lock()
	defer done()
	if err == nil {
		s.keys[k.ID] = k
		s.epoch++
	}
	return err
}

func (s *shelf) Key(_ context.Context, id string) (access.Key, error) {
	done, err := s.lock()
	defer done()
	k, ok := s.keys[id]
	if err == nil && !ok {
		err = fault.New(fault.Unknown, "no such key")
	}
	return k, err
}

func (s *shelf) Keys(context.Context) ([]access.Key, error) {
	done, err := s.lock()
	defer done()
	var out []access.Key
	for _, k := range s.keys {
		out = append(out, k)
	}
	return out, err
}

func (s *shelf) RevokeKey(_ context.Context, id string, at time.Time) error {
	done, err := s.lock()
	defer done()
	k, ok := s.keys[id]
	if err == nil && !ok {
		return fault.New(fault.Unknown, "no such key")
	}
	if err == nil {
		k.Revoked = at
		s.keys[id] = k
		s.epoch++
	}
	return err
}

func (s *shelf) Touch(_ context.Context, used map[string]time.Time) error {
	done, err := s.lock()
	defer done()
	for id, at := range used {
		s.touched[id] = at
	}
	return err
}

func (s *shelf) Setting(_ context.Context, name string) ([]byte, error) {
	done, err := s.lock()
	defer done()
	return s.settings[name], err
}

func (s *shelf) PutSetting(_ context.Context, name string, v []byte) error {
	done, err := s.lock()
	defer done()
	if err == nil {
		s.settings[name] = v
	}
	return err
}

func (s *shelf) Epoch(context.Context) (int64, error) {
	done, err := s.lock()
	defer done()
	return s.epoch, err
}

func open(t testing.TB, s access.KeyStore, opt Options) *Gate {
	t.Helper()
	g, err := New(s, opt)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func create(t testing.TB, g *Gate, s Spec) (string, access.Key) {
	t.Helper()
	if s.Name == "" {
		s.Name = "test"
	}
	if s.Scopes == nil {
		s.Scopes = []access.Scope{access.MarketRead}
	}
	tok, k, err := g.Create(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return tok, k
}

func bearer(tok string) *http.Request {
	r := httptest.NewRequest("GET", "/v1/prices", nil)
	r.Header.Set("Authorization", "Bearer "+tok)
	return r
}

func TestANewKeyOpensTheGateAndItsTokenIsNowhereStored(t *testing.T) {
	s := newShelf()
	var logged bytes.Buffer
	g := open(t, s, Options{Logger: slog.New(slog.NewTextHandler(&logged, nil))})
	tok, k := create(t, g, Spec{Name: "laptop", Org: "acme", App: "bot", Rate: 7})
	if !regexp.MustCompile("^" + TokenPattern + "$").MatchString(tok) {
		t.Fatalf("token %q has not the published form", tok)
	}
	c, err := g.Authenticate(bearer(tok))
	if err != nil || c.KeyID != k.ID || c.Org != "acme" || c.App != "bot" || !c.Has(access.MarketRead) || c.Has(access.KeysWrite) {
		t.Fatalf("caller %+v, %v", c, err)
	}
	if strings.Contains(fmt.Sprintf("%+v", s.keys), tok[20:60]) || strings.Contains(logged.String(), tok[20:60]) {
		t.Fatal("the secret was stored or logged")
	}
	parsed, _, _ := parse(tok)
	if got := fmt.Sprintf("%v %+v %#v %s", parsed, parsed, parsed, parsed); got != "secret secret secret secret" {
		t.Fatalf("a token prints as %s", got)
	}

	// Another process, or this one after a restart, knows it too.
	if _, err := open(t, s, Options{}).Authenticate(bearer(tok)); err != nil {
		t.Fatal("after a restart:", err)
	}
	// With another pepper nothing stored is worth anything.
	if _, err := open(t, s, Options{Pepper: bytes.Repeat([]byte{7}, 32)}).Authenticate(bearer(tok)); fault.Of(err) != fault.Unauthentic {
		t.Fatal("with another pepper:", err)
	}
}

func TestWhatCallersAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf()
		g := open(t, s, Options{})
		good, _ := create(t, g, Spec{})
		other, _ := create(t, g, Spec{})
		revoked, k := create(t, g, Spec{})
		expired, _ := create(t, g, Spec{Expires: time.Now().Add(time.Hour)})
		if err := g.Revoke(t.Context(), k.ID); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Hour)
		g.alive.Store(g.now().UnixNano())

		last := good[len(good)-1]
		typo := good[:len(good)-1] + string(base62[(strings.IndexByte(base62, last)+1)%62])
		// forged has another secret and a checksum that fits.
		var forged token
		copy(forged[:], good)
		forged[30] = base62[(strings.IndexByte(base62, forged[30])+1)%62]
		sum := checksum(forged[:bodyLen])
		copy(forged[bodyLen:], sum[:])
		stranger, _ := newToken("live")

		h := func(kv ...string) http.Header {
			h := http.Header{}
			for i := 0; i < len(kv); i += 2 {
				h.Add(kv[i], kv[i+1])
			}
			return h
		}
		for _, c := range []struct {
			name, target string
			h            http.Header
			kind         fault.Kind // Internal: admitted
			says         string
		}{
			{"bearer", "/", h("Authorization", "Bearer "+good), fault.Internal, ""},
			{"lower-case scheme", "/", h("Authorization", "bearer  "+good), fault.Internal, ""},
			{"x-api-key", "/", h("X-API-Key", good), fault.Internal, ""},
			{"the same twice", "/", h("X-API-Key", good, "Authorization", "Bearer "+good), fault.Internal, ""},
			{"none", "/", h(), fault.Unauthentic, "a key is needed"},
			{"two different", "/", h("X-API-Key", good, "Authorization", "Bearer "+other), fault.Invalid, "two different"},
			{"two different in one header", "/", h("X-API-Key", good, "X-API-Key", other), fault.Invalid, "two different"},
			{"basic", "/", h("Authorization", "Basic dTpw"), fault.Unauthentic, "scheme"},
			{"empty bearer", "/", h("Authorization", "Bearer"), fault.Unauthentic, "missing"},
			{"not ours", "/", h("X-API-Key", "sk_live_123"), fault.Unauthentic, "asy_live_"},
			{"cut", "/", h("X-API-Key", good[:50]), fault.Unauthentic, "copied whole"},
			{"typo", "/", h("X-API-Key", typo), fault.Unauthentic, "checksum"},
			{"unknown", "/", h("X-API-Key", string(stranger[:])), fault.Unauthentic, "the key is not valid"},
			{"forged", "/", h("X-API-Key", string(forged[:])), fault.Unauthentic, "the key is not valid"},
			{"revoked", "/", h("X-API-Key", revoked), fault.Unauthentic, "was revoked on"},
			{"expired", "/", h("X-API-Key", expired), fault.Unauthentic, "expired on"},
			{"query by name", "/?api_key=x", h(), fault.Invalid, "Authorization: Bearer"},
			{"query by form", "/?x=" + good, h("X-API-Key", good), fault.Invalid, "replace this one"},
			{"query, but no key", "/?quote=USD&keyword=a", h("X-API-Key", good), fault.Internal, ""},
			{"huge", "/", h("X-API-Key", strings.Repeat("a", 1<<16)), fault.Unauthentic, "asy_live_"},
		} {
			r := httptest.NewRequest("GET", c.target, nil)
			r.Header = c.h
			_, err := g.Authenticate(r)
			if c.kind == fault.Internal {
				if err != nil {
					t.Errorf("%s: %v", c.name, err)
				}
				continue
			}
			if fault.Of(err) != c.kind || err == nil || !strings.Contains(fault.Public(err), c.says) {
				t.Errorf("%s: got %v (%v), want %v saying %q", c.name, err, fault.Of(err), c.kind, c.says)
			}
			if err != nil && strings.Contains(err.Error(), good[20:60]) {
				t.Errorf("%s: the error repeats a secret", c.name)
			}
		}
		// A stranger who knows only the public part of a revoked key learns nothing.
		copy(forged[prefixLen:], k.ID)
		sum = checksum(forged[:bodyLen])
		copy(forged[bodyLen:], sum[:])
		if _, err := g.Authenticate(bearer(string(forged[:]))); fault.Public(err) != "the key is not valid" {
			t.Errorf("a stranger learned: %v", err)
		}
	})
}

func TestARowChangedBehindOurBackOpensNothing(t *testing.T) {
	for name, change := range map[string]func(*access.Key){
		"more scopes":     func(k *access.Key) { k.Scopes = append(k.Scopes, access.KeysWrite) },
		"later expiry":    func(k *access.Key) { k.Expires = k.Expires.Add(time.Hour) },
		"no expiry":       func(k *access.Key) { k.Expires = time.Time{} },
		"another app":     func(k *access.Key) { k.App = "theirs" },
		"another rate":    func(k *access.Key) { k.Rate = 1e6 },
		"fields shifted":  func(k *access.Key) { k.Org, k.App = k.Org+k.App, "" },
		"another's proof": func(k *access.Key) { k.Verifier[0]++ },
	} {
		s := newShelf()
		tok, k := create(t, open(t, s, Options{}), Spec{Org: "acme", App: "bot", Expires: time.Now().Add(time.Hour)})
		change(&k)
		s.keys[k.ID] = k
		var logged bytes.Buffer
		g := open(t, s, Options{Logger: slog.New(slog.NewTextHandler(&logged, nil))})
		if _, err := g.Authenticate(bearer(tok)); fault.Of(err) != fault.Unauthentic {
			t.Errorf("%s: %v", name, err)
		}
		if !strings.Contains(logged.String(), k.ID) {
			t.Errorf("%s: not in the log: %s", name, &logged)
		}
	}
}

func TestAFailingStoreIsNeverTheCallersFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf()
		tok, _ := create(t, open(t, s, Options{}), Spec{})
		s.breakIt(errors.New("disk on fire"))
		g := open(t, s, Options{})
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- g.Run(ctx) }()

		_, err := g.Authenticate(bearer(tok))
		if fault.Of(err) != fault.Unavailable || strings.Contains(fault.Public(err), "fire") {
			t.Fatal("at start:", err)
		}
		if _, _, err := g.Create(ctx, Spec{Name: "x", Scopes: []access.Scope{access.MarketRead}}); fault.Of(err) != fault.Unavailable {
			t.Fatal("create:", err)
		}
		s.breakIt(nil)
		time.Sleep(1100 * time.Millisecond)
		c, err := g.Authenticate(bearer(tok))
		if err != nil {
			t.Fatal("after the store came back:", err)
		}

		// It fails again: known keys are served, for a while.
		s.breakIt(errors.New("again"))
		time.Sleep(14 * time.Minute)
		if _, err := g.Authenticate(bearer(tok)); err != nil {
			t.Fatal("within MaxStale:", err)
		}
		if err := g.Confirm(ctx, c); fault.Of(err) != fault.Unavailable {
			t.Fatal("confirm without a store:", err)
		}
		time.Sleep(2 * time.Minute)
		if _, err := g.Authenticate(bearer(tok)); fault.Of(err) != fault.Unavailable {
			t.Fatal("beyond MaxStale:", err)
		}
		stop()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	})
}

func TestARevocationHoldsAtOnceHereAndSoonElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf()
		here, there := open(t, s, Options{}), open(t, s, Options{})
		ctx, stop := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { there.Run(ctx) })

		tok, k := create(t, here, Spec{})
		time.Sleep(1100 * time.Millisecond)
		c, err := there.Authenticate(bearer(tok))
		if err != nil {
			t.Fatal("a new key, elsewhere:", err)
		}
		ticket, _, err := here.Ticket(c)
		if err != nil {
			t.Fatal(err)
		}
		if err := here.Revoke(ctx, k.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := here.Authenticate(bearer(tok)); fault.Of(err) != fault.Unauthentic {
			t.Fatal("here:", err)
		}
		if _, err := here.Redeem(ticket); fault.Of(err) != fault.Unauthentic {
			t.Fatal("a ticket of a revoked key:", err)
		}
		if err := there.Confirm(ctx, c); fault.Of(err) != fault.Unauthentic {
			t.Fatal("elsewhere, asked for certain:", err)
		}
		time.Sleep(1100 * time.Millisecond)
		if _, err := there.Authenticate(bearer(tok)); fault.Of(err) != fault.Unauthentic {
			t.Fatal("elsewhere, a poll later:", err)
		}
		if err := there.Live(c); fault.Of(err) != fault.Unauthentic {
			t.Fatal("an open stream elsewhere:", err)
		}
		if err := here.Revoke(ctx, "nosuchkeyid"); fault.Of(err) != fault.Unknown {
			t.Fatal("revoking what is not there:", err)
		}
		stop()
		wg.Wait()
	})
}

func TestLastUsesAreWrittenInBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf()
		g := open(t, s, Options{})
		ctx, stop := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { g.Run(ctx) })
		tok, k := create(t, g, Spec{})
		idle, _ := create(t, g, Spec{})
		_ = idle
		at := time.Now()
		g.Authenticate(bearer(tok))
		if keys, _ := g.List(ctx); len(keys) != 2 || (!keys[0].LastUsed.Equal(at) && !keys[1].LastUsed.Equal(at)) {
			t.Fatalf("List does not know the use in memory: %+v", keys)
		}
		time.Sleep(31 * time.Second)
		s.mu.Lock()
		if len(s.touched) != 1 || !s.touched[k.ID].Equal(at) {
			t.Errorf("written: %v", s.touched)
		}
		s.touched = map[string]time.Time{}
		s.mu.Unlock()
		g.Authenticate(bearer(tok))
		stop()
		wg.Wait()
		if len(s.touched) != 1 {
			t.Error("the last use was not written at the end")
		}
	})
}

func TestAnAppIsLimitedWhicheverKeyItUses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := open(t, newShelf(), Options{})
		one, _ := create(t, g, Spec{Org: "acme", App: "bot", Rate: 10, Burst: 4})
		two, _ := create(t, g, Spec{Org: "acme", App: "bot", Rate: 10, Burst: 4})
		else_, _ := create(t, g, Spec{Org: "acme", App: "site", Rate: 10, Burst: 4})
		ask := func(tok string, cost int) (Limit, error) {
			c, err := g.Authenticate(bearer(tok))
			if err != nil {
				t.Fatal(err)
			}
			return g.Allow(c, cost)
		}
		for i, tok := range []string{one, two, one, two} {
			if l, err := ask(tok, 1); err != nil || l.Remaining != 3-i {
				t.Fatalf("request %d: %+v %v", i, l, err)
			}
		}
		l, err := ask(one, 1)
		if fault.Of(err) != fault.Exhausted || l.Allowed || l.Remaining != 0 || l.RetryAfter != 100*time.Millisecond || l.Reset != 400*time.Millisecond {
			t.Fatalf("the fifth: %+v %v", l, err)
		}
		if _, err := ask(else_, 1); err != nil {
			t.Fatal("another app:", err)
		}
		// A third key of the app does not refill it.
		three, _ := create(t, g, Spec{Org: "acme", App: "bot", Rate: 10, Burst: 4})
		if _, err := ask(three, 1); fault.Of(err) != fault.Exhausted {
			t.Fatal("a new key:", err)
		}
		time.Sleep(100 * time.Millisecond)
		if _, err := ask(two, 1); err != nil {
			t.Fatal("after waiting as told:", err)
		}
		time.Sleep(time.Second)
		if l, err := ask(two, 100); err != nil || l.Remaining != 0 {
			t.Fatalf("a request dearer than the burst passes when full: %+v %v", l, err)
		}
		h := http.Header{}
		l, _ = ask(two, 2)
		l.Set(h)
		for k, want := range map[string]string{
			"RateLimit-Policy": `"app";q=4;w=1`, "RateLimit": `"app";r=0;t=1`, "Retry-After": "1",
			"X-RateLimit-Limit": "4", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1",
		} {
			if h.Get(k) != want {
				t.Errorf("%s: %q, want %q", k, h.Get(k), want)
			}
		}
	})
}

func TestTheLimitIsNeverExceeded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBucket(100, 20)
		start, passed := time.Now(), 0
		for range 5000 {
			if b.take(time.Now(), 1).Allowed {
				passed++
			}
			time.Sleep(time.Millisecond)
		}
		if bound := 20 + int(time.Since(start)/(10*time.Millisecond)); passed > bound || passed < bound-1 {
			t.Fatalf("%d passed, the bound is %d", passed, bound)
		}
	})
}

func TestOpenScopesAreLimitedPerNetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := open(t, newShelf(), Options{Public: []access.Scope{access.MarketRead}, PublicRate: 1, PublicBurst: 2,
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
			if c.KeyID != "" || c.Org != PublicOrg || !c.Has(access.MarketRead) || c.Has(access.KeysWrite) {
				t.Fatalf("caller %+v", c)
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
			{"192.0.2.3:4000", "", false},        // the same /24
			{"192.0.2.3:4000", "8.8.8.8", false}, // not our proxy: its word counts for nothing
			{"[::ffff:192.0.2.4]:1", "", false},  // the same, spelled as IPv6
			{"198.51.100.1:1", "", true},         // another
			{"[2001:db8:1::1]:1", "", true},      //
			{"[2001:db8:1:ffff::1]:1", "", true}, // the same /48
			{"[2001:db8:1:1::1]:1", "", false},   //
			{"10.0.0.1:1", "8.8.8.8, 203.0.113.5", true},
			{"10.0.0.1:1", "1.1.1.1, 203.0.113.6, 10.0.0.2", true},
			{"10.0.0.1:1", "9.9.9.9, 203.0.113.7", false}, // right-most stranger decides
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
		if err := from("192.0.2.1:1", ""); err != nil {
			t.Error(err)
		}
	})
	if _, err := New(newShelf(), Options{Public: []access.Scope{access.KeysWrite}}); fault.Of(err) != fault.Invalid {
		t.Error("everyone may make keys:", err)
	}
}

func TestATicketOpensOneStreamInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := open(t, newShelf(), Options{})
		tok, k := create(t, g, Spec{})
		c, _ := g.Authenticate(bearer(tok))
		ticket, until, err := g.Ticket(c)
		if err != nil || !until.Equal(time.Now().Add(30*time.Second)) {
			t.Fatal(until, err)
		}
		if got, err := g.Redeem(ticket); err != nil || got.KeyID != k.ID {
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
		for range maxTicketsEach {
			if _, _, err := g.Ticket(c); err != nil {
				t.Fatal(err)
			}
		}
		if _, _, err := g.Ticket(c); fault.Of(err) != fault.Exhausted {
			t.Fatal("too many:", err)
		}
		time.Sleep(30 * time.Second)
		if _, _, err := g.Ticket(c); err != nil {
			t.Fatal("after the old ones ran out:", err)
		}
	})
}

func TestBadSpecs(t *testing.T) {
	g := open(t, newShelf(), Options{})
	ok := []access.Scope{access.MarketRead}
	for field, s := range map[string]Spec{
		"body.name":       {Scopes: ok},
		"body.org":        {Name: "x", Scopes: ok, Org: strings.Repeat("o", 101)},
		"body.app":        {Name: "x", Scopes: ok, App: "a\nb"},
		"body.env":        {Name: "x", Scopes: ok, Env: "prod"},
		"body.scopes":     {Name: "x", Scopes: []access.Scope{"market:write"}},
		"body.rate":       {Name: "x", Scopes: ok, Rate: -1},
		"body.burst":      {Name: "x", Scopes: ok, Burst: -1},
		"body.expires_at": {Name: "x", Scopes: ok, Expires: time.Now().Add(-time.Hour)},
	} {
		if _, _, err := g.Create(t.Context(), s); fault.Of(err) != fault.Invalid || fault.Field(err) != field {
			t.Errorf("%s: %v (%s)", field, err, fault.Field(err))
		}
	}
	if _, err := New(newShelf(), Options{Pepper: []byte("short")}); fault.Of(err) != fault.Invalid {
		t.Error("short pepper:", err)
	}
}

func TestManyAtOnce(t *testing.T) {
	s := newShelf()
	g := open(t, s, Options{Poll: time.Millisecond, Flush: time.Millisecond, Public: []access.Scope{access.MarketRead}})
	other := open(t, s, Options{})
	ctx, stop := context.WithCancel(t.Context())
	var run, wg sync.WaitGroup
	run.Go(func() { g.Run(ctx) })
	for i := range 8 {
		wg.Go(func() {
			for j := range 50 {
				tok, k := create(t, []*Gate{g, other}[j%2], Spec{App: fmt.Sprint(i % 3), Rate: 1e6})
				if j%2 == 0 {
					c, err := g.Authenticate(bearer(tok))
					if err != nil {
						t.Error(err)
						return
					}
					g.Allow(c, 1)
					tk, _, _ := g.Ticket(c)
					g.Redeem(tk)
				}
				if err := g.Revoke(ctx, k.ID); err != nil {
					t.Error(err)
				}
				if _, err := g.Authenticate(bearer(tok)); fault.Of(err) != fault.Unauthentic {
					t.Errorf("accepted after Revoke returned: %v", err)
				}
				r := httptest.NewRequest("GET", "/", nil)
				r.RemoteAddr = fmt.Sprintf("192.0.%d.1:1", j)
				c, _ := g.Authenticate(r)
				g.Allow(c, 1)
				g.List(ctx)
			}
		})
	}
	wg.Wait()
	stop()
	run.Wait()
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
		got, k, ok := parse(s)
		if !ok {
			return
		}
		if string(got[:]) != s || !form.MatchString(s) || string(k[:]) != s[prefixLen:prefixLen+kidLen] {
			t.Fatalf("accepted %q as %q, kid %q", s, got[:], k)
		}
		for i := prefixLen; i < TokenLen; i++ { // one wrong character never passes
			b := []byte(s)
			b[i] = base62[(strings.IndexByte(base62, b[i])+1)%62]
			if _, _, ok := parse(string(b)); ok {
				t.Fatalf("one wrong character at %d passes", i)
			}
		}
	})
}

func BenchmarkAuthenticate(b *testing.B) {
	s := newShelf()
	s.settings["pepper.1"] = bytes.Repeat([]byte{1}, 32)
	m := newMacs(s.settings["pepper.1"])
	toks := make([]string, 0, 100_000)
	for i := range 100_000 {
		t, id := newToken("live")
		k := access.Key{ID: string(id[:]), Name: "k", Org: "acme", App: fmt.Sprint(i % 1000), Env: "live",
			Verifier: m.verifier(&t), PepperVersion: 1, Scopes: []access.Scope{access.MarketRead}, Rate: 1 << 20}
		k.Seal = m.rowSeal(&k)
		s.keys[k.ID] = k
		toks = append(toks, string(t[:]))
	}
	g := open(b, s, Options{})
	r := bearer("")
	heads := make([][]string, len(toks))
	for i, t := range toks {
		heads[i] = []string{"Bearer " + t}
	}
	b.Run("good", func(b *testing.B) {
		b.ReportAllocs()
		i := 0
		for b.Loop() {
			r.Header["Authorization"] = heads[i%len(heads)]
			i += 7919
			c, err := g.Authenticate(r)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := g.Allow(c, 1); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("malformed", func(b *testing.B) {
		b.ReportAllocs()
		bad := toks[0][:68] + "!"
		for b.Loop() {
			if _, _, ok := parse(bad); ok {
				b.Fatal()
			}
		}
	})
	b.Run("unknown", func(b *testing.B) {
		b.ReportAllocs()
		t, _ := newToken("live")
		r.Header["Authorization"] = []string{"Bearer " + string(t[:])}
		for b.Loop() {
			if _, err := g.Authenticate(r); err == nil {
				b.Fatal()
			}
		}
	})
}
