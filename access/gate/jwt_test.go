package gate

import (
	"bytes"
	"context"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/accesstest"
	"github.com/assayhq/assay/fault"
)

// lent is a verifier whose tokens are "eyJ.<key id>.<scopes by plus>".
func lent(_ context.Context, text string) (string, []access.Scope, time.Time, error) {
	parts := strings.Split(text, ".")
	if parts[2] == "forged" {
		return "", nil, time.Time{}, fault.New(fault.Unauthentic, "the token is not valid")
	}
	var scopes []access.Scope
	for s := range strings.SplitSeq(parts[2], "+") {
		scopes = append(scopes, access.Scope(s))
	}
	return parts[1], scopes, time.Now().Add(5 * time.Minute), nil
}

func jwt(id, scopes string) string { return "eyJ." + id + "." + scopes }

func lending(t testing.TB, m *accesstest.Memory, opt Options) (*Gate, *jwts) {
	return open(t, m.Link(), opt), &jwts{verify: lent}
}

func TestATokenOfARevokedKeyIsRefusedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, j := lending(t, accesstest.NewMemory(), Options{})
		k := create(t, g, Spec{})
		text := jwt(k.Key.ID, "market:read")
		if _, is, err := j.bearer(g, text, bearer("")); !is || err != nil {
			t.Fatal(is, err)
		}
		if _, err := g.Revoke(t.Context(), owner, Target{Keys: []string{k.Key.ID}}, "lost", WaitAll); err != nil {
			t.Fatal(err)
		}
		c, is, err := j.bearer(g, text, bearer(""))
		if c != nil || !is || fault.Of(err) != fault.Unauthentic || !strings.Contains(err.Error(), "revoked") {
			t.Fatal(c, is, err)
		}
	})
}

func TestATokenIsBoundAsItsKeyIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, j := lending(t, accesstest.NewMemory(), Options{})
		far := create(t, g, Spec{Bounds: access.Bounds{Networks: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}})
		night := create(t, g, Spec{Bounds: access.Bounds{Hours: []access.Hours{{From: 22 * 60, To: 23 * 60}}}})
		short := create(t, g, Spec{Expires: time.Now().Add(time.Hour)})
		time.Sleep(2 * time.Hour)
		g.heard.Store(g.mono())
		for name, c := range map[string]struct {
			text string
			kind fault.Kind
			says string
		}{
			"another network":   {jwt(far.Key.ID, "market:read"), fault.Denied, "10.0.0.0/8"},
			"another hour":      {jwt(night.Key.ID, "market:read"), fault.Denied, "hour"},
			"an expired key":    {jwt(short.Key.ID, "market:read"), fault.Unauthentic, "expired"},
			"an unknown key":    {jwt("00000000000", "market:read"), fault.Unauthentic, "no longer accepted"},
			"a malformed key":   {jwt("0", "market:read"), fault.Unauthentic, "not valid"},
			"a forged token":    {jwt(far.Key.ID, "forged"), fault.Unauthentic, "not valid"},
			"an endless token":  {jwt(far.Key.ID, strings.Repeat("a", maxJWT)), fault.Unauthentic, "longer"},
			"from no such part": {"eyJ." + far.Key.ID + ".forged", fault.Unauthentic, "not valid"},
		} {
			caller, is, err := j.bearer(g, c.text, bearer(""))
			if caller != nil || !is || fault.Of(err) != c.kind || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s: %v %v %v", name, caller, is, err)
			}
		}
		r := bearer("")
		r.RemoteAddr = "10.1.2.3:4"
		if _, _, err := j.bearer(g, jwt(far.Key.ID, "market:read"), r); err != nil {
			t.Error("the right network is refused:", err)
		}
	})
}

func TestATokenHasWhatItAndItsKeyBothHave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, j := lending(t, accesstest.NewMemory(), Options{})
		k := create(t, g, Spec{}) // market:read, stream:read
		text := jwt(k.Key.ID, "market:read+keys:write")
		c, _, err := j.bearer(g, text, bearer(""))
		if err != nil {
			t.Fatal(err)
		}
		if !c.Has(access.MarketRead) || c.Has(access.StreamRead) || c.Has(access.KeysWrite) || c.KeyID != k.Key.ID || c.Ring != k.Ring.ID {
			t.Fatalf("%+v", c)
		}
		if again, _, _ := j.bearer(g, text, bearer("")); again != c {
			t.Error("the same token has two callers")
		}
		if full, err := g.Authenticate(bearer(k.Token)); err != nil || !full.Has(access.StreamRead) {
			t.Error("a token has narrowed its key:", full, err)
		}
		r := bearer("")
		if n := testing.AllocsPerRun(100, func() { j.bearer(g, text, r) }); n > 5 { // the verifier here makes 4
			t.Errorf("a token that comes again costs %v allocations", n)
		}
		if other, _, err := j.bearer(g, jwt(k.Key.ID, "stream:read"), r); err != nil || !other.Has(access.StreamRead) || other.Has(access.MarketRead) {
			t.Error("a token has another's scopes:", other, err)
		}
		if again, _, err := j.bearer(g, text, r); err != nil || !again.Has(access.MarketRead) {
			t.Error("a forgotten token is refused:", err)
		}
	})
}

func TestATokenOnANodeWithoutLeaseIsNotJudged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := accesstest.NewMemory()
		list := nodes(t, m, 1, Options{Lease: 5 * time.Second})
		defer stopAll(list)
		g, j := list[0].Gate, &jwts{verify: lent}
		k := create(t, g, Spec{})
		list[0].link.Cut(fault.New(fault.Unavailable, "cut"))
		time.Sleep(time.Minute)
		for _, text := range []string{jwt(k.Key.ID, "market:read"), jwt("00000000000", "market:read"), jwt(k.Key.ID, "forged")} {
			if _, is, err := j.bearer(g, text, bearer("")); !is || fault.Of(err) != fault.Unavailable {
				t.Error(text, is, err)
			}
		}
	})
}

func TestOnlyJWTsAreTakenForJWTs(t *testing.T) {
	g, j := lending(t, accesstest.NewMemory(), Options{})
	k := create(t, g, Spec{})
	for _, text := range []string{"", k.Token, "eyJ", "eyJ.a", "eyJ.a.b.c", "xyJ.a.b"} {
		if _, is, err := j.bearer(g, text, bearer("")); is || err != nil {
			t.Errorf("%q: %v %v", text, is, err)
		}
	}
	if _, is, _ := new(jwts).bearer(g, jwt(k.Key.ID, "market:read"), bearer("")); is {
		t.Error("tokens are accepted although nothing verifies them")
	}
}

func TestWhatIsSealedOpensOnlyAsWhatItIs(t *testing.T) {
	m := accesstest.NewMemory()
	g := open(t, m.Link(), Options{})
	sealed, err := g.Seal("a", []byte("plain words"))
	if err != nil || bytes.Contains(sealed, []byte("plain")) {
		t.Fatal(sealed, err)
	}
	if again, _ := g.Seal("a", []byte("plain words")); bytes.Equal(again, sealed) {
		t.Error("the same twice looks the same")
	}
	other := open(t, m.Link(), Options{})
	if b, err := other.Open("a", sealed); err != nil || string(b) != "plain words" {
		t.Error("another process cannot open it:", err)
	}
	if _, err := g.Open("b", sealed); err == nil {
		t.Error("it opened about something else")
	}
	for i := range sealed {
		bad := bytes.Clone(sealed)
		bad[i] ^= 1
		if _, err := g.Open("a", bad); err == nil {
			t.Error("it opened although byte", i, "was changed")
		}
		if _, err := g.Open("a", sealed[:i]); err == nil {
			t.Error("it opened although it was cut at", i)
		}
	}
}

func TestAVisitIsLimitedWhereNothingIsPublic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := open(t, accesstest.NewMemory().Link(), Options{PublicRate: 1, PublicBurst: 3})
		r := bearer("")
		for range 3 {
			if _, err := g.Visit(r); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := g.Visit(r); fault.Of(err) != fault.Exhausted {
			t.Error(err)
		}
		r.RemoteAddr = "198.51.100.9:1"
		if _, err := g.Visit(r); err != nil {
			t.Error("another network waits too:", err)
		}
	})
}
