package app

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/accesstest"
	"github.com/assayhq/assay/access/gate"
	"github.com/assayhq/assay/access/oauth"
	"github.com/assayhq/assay/fault"
)

// node is one server process of several that share a control plane.
type node struct {
	*lender
	gate *gate.Gate
}

func newServers(t *testing.T, n int) []node {
	t.Helper()
	m, out := accesstest.NewMemory(), make([]node, n)
	for i := range out {
		l := &lender{}
		g, err := gate.New(m.Link(), gate.Options{Static: time.Hour, Tokens: l.verify})
		if err != nil {
			t.Fatal(err)
		}
		if err := l.open(t.Context(), OAuth{Issuer: "https://api.example.com"}, g, m.Link(), slog.New(slog.DiscardHandler)); err != nil {
			t.Fatal(err)
		}
		out[i] = node{l, g}
	}
	return out
}

func b64(v any) string {
	b, ok := v.([]byte)
	if !ok {
		b, _ = json.Marshal(v)
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// prove makes an assertion as a client does.
func prove(key ed25519.PrivateKey, kid, client string) string {
	head := b64(map[string]any{"alg": "EdDSA", "kid": kid}) + "." + b64(map[string]any{
		"iss": client, "sub": client, "aud": "https://api.example.com/oauth/token", "jti": rand.Text(), "exp": time.Now().Unix() + 60})
	return head + "." + b64(ed25519.Sign(key, []byte(head)))
}

func (s node) post(path, assertion, from string, more ...string) (int, map[string]any) {
	f := url.Values{"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, "client_assertion": {assertion}}
	if path == oauth.PathToken {
		f.Set("grant_type", "client_credentials")
	}
	for i := 0; i < len(more); i += 2 {
		f.Set(more[i], more[i+1])
	}
	r := httptest.NewRequest("POST", path, strings.NewReader(f.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.RemoteAddr = from + ":1"
	w := httptest.NewRecorder()
	s.handler().ServeHTTP(w, r)
	var m map[string]any
	_ = json.Unmarshal(w.Body.Bytes(), &m)
	return w.Code, m
}

func clientKeys(t *testing.T, pub ...ed25519.PublicKey) []access.ClientKey {
	t.Helper()
	var list []string
	for i, p := range pub {
		list = append(list, fmt.Sprintf(`{"kty":"OKP","crv":"Ed25519","kid":"k%d","x":%q}`, i+1, base64.RawURLEncoding.EncodeToString(p)))
	}
	keys, err := oauth.ParseClientKeys([]byte(`{"keys":[` + strings.Join(list, ",") + `]}`))
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func TestAPublicKeyOfARingLendsTokensUntilItIsTakenAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServers(t, 3)
		ctx, by := t.Context(), gate.By{Name: "test"}
		spec := gate.Spec{Name: "x", Scopes: []access.Scope{access.MarketRead, access.KeysRotate}}
		spec.Bounds.Networks = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
		k, err := s[0].gate.Create(ctx, by, spec)
		if err != nil {
			t.Fatal(err)
		}
		ring := k.Ring.ID
		pub1, key1, _ := ed25519.GenerateKey(rand.Reader)
		pub2, key2, _ := ed25519.GenerateKey(rand.Reader)
		if code, _ := s[0].post(oauth.PathToken, prove(key1, "k1", ring), "10.0.0.1"); code != 401 {
			t.Fatal("a key that nobody set lends", code)
		}
		if _, err := s[0].SetClientKeys(ctx, by, ring, clientKeys(t, pub1, pub2)); err != nil {
			t.Fatal(err)
		}
		// Two keys at once, and each node knows them.
		assertion := prove(key1, "k1", ring)
		code, m := s[1].post(oauth.PathToken, assertion, "10.0.0.1")
		one, _ := m["access_token"].(string)
		if code != 200 {
			t.Fatal(code, m)
		}
		code, m = s[2].post(oauth.PathToken, prove(key2, "k2", ring), "10.0.0.1")
		two, _ := m["access_token"].(string)
		if code != 200 {
			t.Fatal(code, m)
		}
		for i := range s {
			if code, _ := s[i].post(oauth.PathToken, assertion, "10.0.0.1"); code != 401 {
				t.Error("an assertion works twice, on node", i, code)
			}
			if _, err := use(s[i].gate, one, "10.0.0.1"); err != nil {
				t.Error(i, err)
			}
		}
		if code, _ := s[0].post(oauth.PathToken, prove(key1, "k2", ring), "10.0.0.1"); code != 401 {
			t.Error("one key signs as another", code)
		}
		if code, _ := s[0].post(oauth.PathToken, prove(key1, "k1", k.Key.ID), "10.0.0.1"); code != 401 {
			t.Error("a key's id is no such client", code)
		}
		if code, _ := s[0].post(oauth.PathToken, prove(key1, "k1", ring), "192.0.2.1"); code != 401 {
			t.Error("the networks of the ring do not hold", code)
		}
		// One token is revoked at one node, and ends at all.
		if code, _ := s[0].post(oauth.PathRevoke, prove(key2, "k2", ring), "10.0.0.1", "token", two); code != 200 {
			t.Fatal(code)
		}
		if _, err := use(s[0].gate, two, "10.0.0.1"); fault.Of(err) != fault.Unauthentic {
			t.Error("it holds at once where it was done:", err)
		}
		for i := range s {
			if err := s[i].gone.follow(ctx); err != nil {
				t.Fatal(err)
			}
			if _, err := use(s[i].gate, two, "10.0.0.1"); fault.Of(err) != fault.Unauthentic {
				t.Error("a revoked token is accepted at node", i, err)
			}
		}
		// The first key goes: its tokens end, the other still lends.
		if _, err := s[2].SetClientKeys(ctx, by, ring, clientKeys(t, pub1, pub2)[1:]); err != nil {
			t.Fatal(err)
		}
		for i := range s {
			_ = s[i].gone.follow(ctx)
			if _, err := use(s[i].gate, one, "10.0.0.1"); fault.Of(err) != fault.Unauthentic {
				t.Error("a token of a key that was taken away is accepted at node", i, err)
			}
		}
		if code, _ := s[0].post(oauth.PathToken, prove(key1, "k1", ring), "10.0.0.1"); code != 401 {
			t.Error(code)
		}
		code, m = s[0].post(oauth.PathToken, prove(key2, "k2", ring), "10.0.0.1")
		three, _ := m["access_token"].(string)
		if code != 200 {
			t.Fatal(code, m)
		}
		// The ring is revoked: so are its tokens, and its public keys lend nothing.
		if _, err := s[0].gate.Revoke(ctx, by, gate.Target{Ring: ring}, "lost", gate.WaitNone); err != nil {
			t.Fatal(err)
		}
		if _, err := use(s[0].gate, three, "10.0.0.1"); fault.Of(err) != fault.Unauthentic {
			t.Error(err)
		}
		if code, _ := s[0].post(oauth.PathToken, prove(key2, "k2", ring), "10.0.0.1"); code != 401 {
			t.Error(code)
		}
		log, _, err := s[0].gate.Audit(ctx, "default", 0, 100)
		seen := 0
		for _, e := range log {
			if e.Action == "ring.client_keys" {
				seen++
			}
		}
		if err != nil || seen != 2 {
			t.Error("changes of public keys in the audit log:", seen, err)
		}
	})
}

func TestAStagedKeyIsNotTakenIntoUseByAPublicKey(t *testing.T) {
	s := newServers(t, 1)[0]
	ctx, by := t.Context(), gate.By{Name: "test"}
	k, err := s.gate.Create(ctx, by, gate.Spec{Name: "x", Scopes: []access.Scope{access.MarketRead}})
	if err != nil {
		t.Fatal(err)
	}
	pub, key, _ := ed25519.GenerateKey(rand.Reader)
	if _, err := s.SetClientKeys(ctx, by, k.Ring.ID, clientKeys(t, pub)); err != nil {
		t.Fatal(err)
	}
	next, err := s.gate.Rotate(ctx, by, k.Ring.ID, gate.RotateSpec{})
	if err != nil {
		t.Fatal(err)
	}
	behind := func() string {
		t.Helper()
		_, m := s.post(oauth.PathToken, prove(key, "k1", k.Ring.ID), "10.0.0.1")
		token, _ := m["access_token"].(string)
		c, err := use(s.gate, token, "10.0.0.1")
		if err != nil {
			t.Fatal(err)
		}
		return c.KeyID
	}
	if got := behind(); got != k.Key.ID {
		t.Error("the successor stands already:", got)
	}
	if _, err := s.gate.Confirm(ctx, by, k.Ring.ID); err != nil {
		t.Fatal(err)
	}
	if got := behind(); got != next.Key.ID {
		t.Error("the old key still stands:", got)
	}
}

func TestWhoSetsPublicKeysNeedsWhatTheyLend(t *testing.T) {
	s := newServers(t, 1)[0]
	ctx, by := t.Context(), gate.By{Name: "test"}
	strong, err := s.gate.Create(ctx, by, gate.Spec{Name: "strong", Scopes: []access.Scope{access.MarketRead, access.WebhooksWrite}})
	if err != nil {
		t.Fatal(err)
	}
	pub, _, _ := ed25519.GenerateKey(rand.Reader)
	for _, c := range []struct {
		org    string
		scopes []access.Scope
		want   fault.Kind
	}{
		{"", []access.Scope{access.MarketRead}, fault.Denied},
		{"", []access.Scope{access.KeysWrite, access.MarketRead}, fault.Denied},
		{"other", []access.Scope{access.KeysWrite, access.KeysGrant}, fault.Unknown},
		{"", []access.Scope{access.KeysWrite, access.MarketRead, access.WebhooksWrite}, 0},
		{"", []access.Scope{access.KeysWrite, access.KeysGrant}, 0},
	} {
		k, err := s.gate.Create(ctx, by, gate.Spec{Name: "caller", Org: c.org, Scopes: c.scopes})
		if err != nil {
			t.Fatal(err)
		}
		who, err := use(s.gate, k.Token, "10.0.0.1")
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.SetClientKeys(ctx, gate.By{Caller: who}, strong.Ring.ID, clientKeys(t, pub))
		if (err == nil) != (c.want == 0) || err != nil && fault.Of(err) != c.want {
			t.Error(c, err)
		}
	}
}

func TestALedgerIsBoundedAndForgetsWhatIsOver(t *testing.T) {
	m := accesstest.NewMemory()
	l, ctx, now := newLedger(kindUsed, m.Link()), t.Context(), time.Unix(1_800_000_000, 0)
	// Names that fall into the first part, found by trying.
	var names []string
	for i := 0; len(names) < 3; i++ {
		if _, part := markOf(fmt.Sprint(i)); part == 0 {
			names = append(names, fmt.Sprint(i))
		}
	}
	_, err := l.store.Change(ctx, func(tx access.Tx) error {
		body := make([]byte, 0, maxEntries*entrySize)
		for i := range maxEntries {
			sum := sha256.Sum256([]byte{byte(i), byte(i >> 8), 1})
			body = append(append(body, sum[:16]...), 0x6b, 0x49, 0xd2, 0x10) // 1 800 000 016
		}
		return tx.Put(kindUsed, partID(0), body)
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Add(ctx, now, names[0], now.Add(time.Minute)); fault.Of(err) != fault.Exhausted {
		t.Error("there is always room:", err)
	}
	later := now.Add(time.Minute)
	if err := l.Add(ctx, later, names[0], later.Add(time.Minute)); err != nil {
		t.Error("what is over still takes room:", err)
	}
	if err := l.Add(ctx, later, names[0], later.Add(time.Minute)); fault.Of(err) != fault.Conflict {
		t.Error("twice:", err)
	}
	if err := l.Add(ctx, later.Add(2*time.Minute), names[0], later.Add(3*time.Minute)); err != nil {
		t.Error("over and still known:", err)
	}
	if l.Has(names[1]) {
		t.Error("never added")
	}
}

func TestTokensWaitWhenRevocationsCannotBeHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServers(t, 1)[0]
		s.lease = 10 * time.Second
		k, err := s.gate.Create(t.Context(), gate.By{Name: "test"}, gate.Spec{Name: "x", Scopes: []access.Scope{access.MarketRead}})
		if err != nil {
			t.Fatal(err)
		}
		code, tok := borrow(s.lender, k.Ring.ID, k.Token, "10.0.0.1", "")
		if code != http.StatusOK {
			t.Fatal(code)
		}
		time.Sleep(11 * time.Second) // nobody follows
		if _, err := use(s.gate, tok, "10.0.0.1"); fault.Of(err) != fault.Unavailable {
			t.Error(err)
		}
		if _, err := use(s.gate, k.Token, "10.0.0.1"); err != nil {
			t.Error("the key itself is judged by the gate:", err)
		}
		_ = s.gone.follow(t.Context())
		if _, err := use(s.gate, tok, "10.0.0.1"); err != nil {
			t.Error(err)
		}
	})
}
