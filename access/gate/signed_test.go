package gate

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/accesstest"
	"github.com/assayhq/assay/access/signing"
	"github.com/assayhq/assay/fault"
)

// pair is an Ed25519 key that is always the same, with the text that gives it to a key.
func pair(seed byte) (ed25519.PrivateKey, string) {
	k := ed25519.NewKeyFromSeed([]byte(strings.Repeat(string(rune(seed)), 32)))
	return k, (&access.Signer{Alg: access.Ed25519, Public: k.Public().(ed25519.PublicKey)}).String()
}

// signed is a request signed at a time, in parts.
func signed(t testing.TB, k signing.Key, at time.Time) signing.Parts {
	t.Helper()
	r := httptest.NewRequest("POST", "/v1/orders?a=1", strings.NewReader(`{"qty":"1"}`))
	if err := signing.Sign(r, k, at, 0); err != nil {
		t.Fatal(err)
	}
	p, err := signing.Read(r, 0)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func refuses(t testing.TB, err error, k fault.Kind, text string) {
	t.Helper()
	if err == nil || fault.Of(err) != k || !strings.Contains(err.Error(), text) {
		t.Fatalf("got %v (%v), want %v with %q", err, fault.Of(err), k, text)
	}
}

func TestASuccessorSignsAsItsPredecessorDidUnlessItIsTakenAway(t *testing.T) {
	ctx := t.Context()
	g := open(t, accesstest.NewMemory().Link(), Options{})
	private, public := pair('a')
	k := create(t, g, Spec{Sign: public})
	next, err := g.Rotate(ctx, owner, k.Ring.ID, RotateSpec{})
	if err != nil || next.Secret != "" || next.Key.Signer.String() != public {
		t.Fatal(next.Key, err)
	}
	// In the overlap both sign, each under its own id.
	old, fresh := caller(t, g, k.Token), caller(t, g, next.Token)
	for _, c := range []*access.Caller{old, fresh} {
		p, err := g.Signed(ctx, c, signed(t, signing.Key{Kid: c.KeyID, Ed25519: private}, g.now()))
		if err != nil || p.KeyID != c.KeyID || p.Algorithm != access.Ed25519 {
			t.Fatal(p, err)
		}
	}
	_, err = g.Signed(ctx, old, signed(t, signing.Key{Kid: fresh.KeyID, Ed25519: private}, g.now()))
	refuses(t, err, fault.Unauthentic, "another key")

	h := create(t, g, Spec{Sign: "hmac"})
	if !regexp.MustCompile("^" + SecretPattern + "$").MatchString(h.Secret) {
		t.Fatal(h.Secret)
	}
	again, err := g.Rotate(ctx, owner, h.Ring.ID, RotateSpec{})
	if err != nil || again.Secret == "" || again.Secret == h.Secret {
		t.Fatal("a successor has the same secret", err)
	}
	for _, m := range []Made{h, again} {
		c := caller(t, g, m.Token)
		p, err := g.Signed(ctx, c, signed(t, signing.Key{Kid: c.KeyID, HMAC: []byte(m.Secret)}, g.now()))
		if err != nil || p.Algorithm != access.HMAC {
			t.Fatal(err)
		}
	}
	c := caller(t, g, again.Token)
	_, err = g.Signed(ctx, c, signed(t, signing.Key{Kid: c.KeyID, HMAC: []byte(h.Secret)}, g.now()))
	refuses(t, err, fault.Unauthentic, "does not fit")

	// A key that may rotate itself cannot get rid of its signer.
	self := create(t, g, Spec{Sign: public, Scopes: []access.Scope{access.MarketRead, access.KeysRotate}})
	_, err = g.Rotate(ctx, By{Caller: caller(t, g, self.Token)}, self.Ring.ID, RotateSpec{Sign: "none"})
	refuses(t, err, fault.Denied, "keys:grant")
	plain, err := g.Rotate(ctx, owner, self.Ring.ID, RotateSpec{Sign: "none"})
	if err != nil || plain.Key.Signer != nil || g.Signs(caller(t, g, plain.Token)) {
		t.Fatal(err)
	}
	list, _, err := g.Audit(ctx, "", 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	text := ""
	for _, e := range list {
		text += e.Action + " " + e.Detail["signer"] + "\n"
	}
	if !strings.Contains(text, "key.created "+public) || !strings.Contains(text, "key.rotation_started none: taken away") || strings.Contains(text, "asyh_") {
		t.Fatal(text)
	}
}

func TestTheSecretOfASignerIsNowhere(t *testing.T) {
	m := accesstest.NewMemory()
	g := open(t, m.Link(), Options{})
	k := create(t, g, Spec{Sign: "hmac"})
	err := g.store.View(t.Context(), func(tx access.Tx) error {
		for _, kind := range []string{kindRing, kindLeaf, kindAudit, kindApp} {
			list, err := tx.List(kind, "", 100)
			if err != nil {
				return err
			}
			for _, r := range list {
				if strings.Contains(string(r.Body), k.Secret[5:]) {
					t.Errorf("the secret lies in %s", kind)
				}
			}
		}
		return nil
	})
	if err != nil || strings.Contains(fmt.Sprintf("%+v %#v", k.Key.Signer, k.Key.Signer), "asyh_") {
		t.Fatal(err)
	}
}

func TestAReplayIsRefusedByEveryNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := accesstest.NewMemory()
		ns := nodes(t, m, 3, Options{})
		defer stopAll(ns)
		k := create(t, ns[0].Gate, Spec{Sign: "hmac"})
		synctest.Wait()
		key := signing.Key{Kid: k.Key.ID, HMAC: []byte(k.Secret)}
		for i := range 20 {
			p := signed(t, key, time.Now())
			accepted := 0
			for j := range 6 {
				n := ns[(i+j)%3]
				if _, err := n.Signed(t.Context(), caller(t, n.Gate, k.Token), p); err == nil {
					accepted++
				} else {
					refuses(t, err, fault.Unauthentic, "nonce was used")
				}
			}
			if accepted != 1 {
				t.Fatalf("accepted %d times", accepted)
			}
			time.Sleep(300 * time.Millisecond)
		}
		// A node that was not there when the request came.
		p := signed(t, key, time.Now())
		if _, err := ns[1].Signed(t.Context(), caller(t, ns[1].Gate, k.Token), p); err != nil {
			t.Fatal(err)
		}
		late := open(t, m.Link(), Options{})
		_, err := late.Signed(t.Context(), caller(t, late, k.Token), p)
		refuses(t, err, fault.Unauthentic, "nonce was used")
	})
}

func TestManyCopiesAtOnceAreOneRequest(t *testing.T) {
	m := accesstest.NewMemory()
	a, b := open(t, m.Link(), Options{}), open(t, m.Link(), Options{})
	k := create(t, a, Spec{Sign: "hmac"})
	if err := b.sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	p := signed(t, signing.Key{Kid: k.Key.ID, HMAC: []byte(k.Secret)}, time.Now())
	ok := make(chan bool, 16)
	for i := range cap(ok) {
		g := []*Gate{a, b}[i%2]
		c := caller(t, g, k.Token)
		go func() { _, err := g.Signed(context.Background(), c, p); ok <- err == nil }()
	}
	n := 0
	for range cap(ok) {
		if <-ok {
			n++
		}
	}
	if n != 1 {
		t.Fatalf("accepted %d times", n)
	}
}

func TestNoncesDoNotPileUp(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	g := open(t, accesstest.NewMemory().Link(), Options{Now: func() time.Time { return now }})
	k := create(t, g, Spec{Sign: "hmac"})
	key := signing.Key{Kid: k.Key.ID, HMAC: []byte(k.Secret)}
	for range 400 {
		if _, err := g.Signed(t.Context(), caller(t, g, k.Token), signed(t, key, now)); err != nil {
			t.Fatal(err)
		}
		now = now.Add(5 * time.Second)
	}
	n := 0
	if err := g.store.View(t.Context(), func(tx access.Tx) error {
		list, err := tx.List(kindNonce, "", 1000)
		n = len(list)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if most := int(nonceKept/(5*time.Second)) + 2; n > most {
		t.Fatalf("%d nonces are kept, want at most %d", n, most)
	}
}

func TestClocksThatDiffer(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		window, off time.Duration
		ok          bool
	}{
		{0, 5 * time.Second, true}, {0, -5 * time.Second, true}, {0, 5001 * time.Millisecond, false}, {0, -5001 * time.Millisecond, false},
		{time.Second, 1001 * time.Millisecond, false}, {time.Hour, time.Minute, true}, {time.Hour, -time.Minute, true}, {time.Hour, 60_001 * time.Millisecond, false},
	} {
		g := open(t, accesstest.NewMemory().Link(), Options{Window: c.window, Now: func() time.Time { return now }})
		k := create(t, g, Spec{Sign: "hmac"})
		p, err := g.Signed(t.Context(), caller(t, g, k.Token), signed(t, signing.Key{Kid: k.Key.ID, HMAC: []byte(k.Secret)}, now.Add(c.off)))
		if c.ok && (err != nil || p.Skew != -c.off) {
			t.Errorf("%v with a window of %v: %v %v", c.off, c.window, p.Skew, err)
		}
		if !c.ok {
			refuses(t, err, fault.Unauthentic, "clock")
		}
	}
}

func TestASignedRequestIsNotAcceptedWithoutTheStore(t *testing.T) {
	l := accesstest.NewMemory().Link()
	g := open(t, l, Options{})
	k := create(t, g, Spec{Sign: "hmac"})
	c := caller(t, g, k.Token)
	l.Cut(fault.New(fault.Unavailable, "out of reach"))
	_, err := g.Signed(t.Context(), c, signed(t, signing.Key{Kid: c.KeyID, HMAC: []byte(k.Secret)}, g.now()))
	refuses(t, err, fault.Unavailable, "")
}

func TestASignerOutlivesItsPepper(t *testing.T) {
	m := accesstest.NewMemory()
	one, two := []byte(strings.Repeat("1", 32)), []byte(strings.Repeat("2", 32))
	k := create(t, open(t, m.Link(), Options{Peppers: map[int][]byte{1: one}}), Spec{Sign: "hmac"})
	g := open(t, m.Link(), Options{Peppers: map[int][]byte{1: one, 2: two}})
	caller(t, g, k.Token)
	g.grant(t.Context(), <-g.wishes)
	g = open(t, m.Link(), Options{Peppers: map[int][]byte{2: two}})
	c := caller(t, g, k.Token)
	if _, err := g.Signed(t.Context(), c, signed(t, signing.Key{Kid: c.KeyID, HMAC: []byte(k.Secret)}, g.now())); err != nil {
		t.Fatal(err)
	}
}

func TestWhatTradesIsBound(t *testing.T) {
	g := open(t, accesstest.NewMemory().Link(), Options{})
	_, public := pair('a')
	nets := access.Bounds{Networks: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}
	trading := []access.Scope{"trading"}
	soon := g.now().Add(89 * 24 * time.Hour)
	for field, s := range map[string]Spec{
		"body.sign":     {Name: "x", Scopes: trading, Bounds: nets},
		"body.networks": {Name: "x", Scopes: trading, Sign: public, Expires: g.now().Add(91 * 24 * time.Hour)},
	} {
		if _, err := g.Create(t.Context(), owner, s); fault.Field(err) != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	create(t, g, Spec{Scopes: trading, Env: "test"})
	create(t, g, Spec{Scopes: trading, Sign: public, Bounds: nets})
	k := create(t, g, Spec{Scopes: trading, Sign: public, Expires: soon})
	// A rotation cannot get around it, and does not fail for want of an end.
	_, err := g.Rotate(t.Context(), owner, k.Ring.ID, RotateSpec{Sign: "none"})
	refuses(t, err, fault.Invalid, "must sign")
	next, err := g.Rotate(t.Context(), owner, k.Ring.ID, RotateSpec{})
	if err != nil || next.Key.Expires.IsZero() || next.Key.Expires.Sub(g.now()) > TradeLife {
		t.Fatal(next.Key, err)
	}
	reader := create(t, g, Spec{})
	_, err = g.Rotate(t.Context(), owner, reader.Ring.ID, RotateSpec{Scopes: trading})
	refuses(t, err, fault.Invalid, "must sign")
	if r, err := g.Ring(t.Context(), "", reader.Ring.ID); err != nil || len(r.Keys) != 1 {
		t.Fatal("a refused rotation left a key", err)
	}
}

func TestSignersAreGivenInAnyUsualForm(t *testing.T) {
	for text, want := range map[string]string{
		"hmac": "hmac",
		"ed25519:11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=":                 "ed25519:11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", // RFC 8032, 7.1, test 1
		"ed25519:MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=": "ed25519:11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
	} {
		s, err := access.ParseSigner(text)
		if err != nil || s.String() != want {
			t.Errorf("%s: %v %v", text, s, err)
		}
	}
	for _, text := range []string{"", "none", "rsa", "ed25519:", "ed25519:AAAA", "ed25519:*", "ed25519:" + strings.Repeat("A", 200), "ED25519:11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="} {
		if _, err := access.ParseSigner(text); fault.Of(err) != fault.Invalid {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// What a signed request of 1 KB costs of the processor, without the store's change.
func BenchmarkSigned(b *testing.B) {
	private, public := pair('a')
	for name, s := range map[string]Spec{"ed25519": {Sign: public}, "hmac": {Sign: "hmac"}} {
		b.Run(name, func(b *testing.B) {
			g := open(b, accesstest.NewMemory().Link(), Options{})
			k := create(b, g, s)
			key := signing.Key{Kid: k.Key.ID, HMAC: []byte(k.Secret)}
			if name == "ed25519" {
				key = signing.Key{Kid: k.Key.ID, Ed25519: private}
			}
			r := httptest.NewRequest(http.MethodPost, "/v1/orders?a=1&b=2", strings.NewReader(strings.Repeat("x", 1024)))
			if err := signing.Sign(r, key, g.now(), 0); err != nil {
				b.Fatal(err)
			}
			p, _ := signing.Read(r, 0)
			m, _, _ := g.signers.find(k.Key.ID)
			at := g.now()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := signing.Verify(at, p, m, every{}, 0); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// every accepts each nonce.
type every struct{}

func (every) Use(time.Time, string, string, time.Time) error { return nil }

func TestNothingIsMadeWhenItsAnswerCannotBeKept(t *testing.T) {
	g := open(t, accesstest.NewMemory().Link(), Options{})
	k := create(t, g, Spec{})
	by := By{Name: "test", Within: func(_ access.Tx, m *Made) error {
		if m.Token == "" || m.Ring == nil || m.Key == nil || !strings.Contains(m.Token, m.Key.ID) {
			t.Errorf("%+v", m)
		}
		return fault.New(fault.Unavailable, "full")
	}}
	_, err := g.Create(t.Context(), by, Spec{Name: "x", Scopes: reads})
	refuses(t, err, fault.Unavailable, "full")
	_, err = g.Rotate(t.Context(), by, k.Ring.ID, RotateSpec{})
	refuses(t, err, fault.Unavailable, "full")
	rings, err := g.Rings(t.Context(), "", "")
	if err != nil || len(rings) != 1 || len(rings[0].Keys) != 1 {
		t.Fatal(rings, err)
	}
}

func FuzzParseSigner(f *testing.F) {
	f.Add("hmac")
	f.Add("ed25519:11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=")
	f.Add("ed25519:MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := access.ParseSigner(text)
		if err != nil {
			return
		}
		again, err := access.ParseSigner(s.String())
		if err != nil || again.String() != s.String() || s.Alg == access.Ed25519 && len(s.Public) != ed25519.PublicKeySize {
			t.Fatalf("%q is %q", text, s)
		}
	})
}

func TestAKeyThatSignsIsNeverTakenForOneThatDoesNot(t *testing.T) {
	g := open(t, accesstest.NewMemory().Link(), Options{})
	_, public := pair('a')
	k := create(t, g, Spec{Sign: public})
	c := caller(t, g, k.Token)

	// Its ring is read again and again, as after each change of it.
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
				g.signers.put(g, k.Ring)
			}
		}
	}()
	missed, lost := 0, 0
	for range 100_000 {
		if !g.Signs(c) {
			missed++
		}
		if _, _, ok := g.signers.find(c.KeyID); !ok {
			lost++
		}
	}
	close(stop)
	<-done
	if missed > 0 || lost > 0 {
		t.Fatalf("%d times a request would have passed unsigned, %d times its signature could not have been checked", missed, lost)
	}

	// Its ring is deleted between its admission and the look at its signature.
	g.signers.drop(k.Ring.ID)
	if !g.Signs(c) {
		t.Fatal("a key whose ring was deleted may leave its signature out")
	}
	_, err := g.Signed(t.Context(), c, signing.Parts{})
	refuses(t, err, fault.Unauthentic, "no longer accepted")
}
