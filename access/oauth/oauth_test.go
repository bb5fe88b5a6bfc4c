package oauth

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jws"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/fault"
)

// world is clients and a key store in memory.
type world struct {
	mu      sync.Mutex
	doc     []byte
	version int64
	dead    map[string]bool
	down    bool
	keys    map[string]crypto.PublicKey // "client/kid"
}

func (w *world) LoadKeys(context.Context) ([]byte, int64, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return bytes.Clone(w.doc), w.version, nil
}

func (w *world) SaveKeys(_ context.Context, doc []byte, version int64) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if version != w.version {
		return fault.New(fault.Conflict, "another was faster")
	}
	w.doc, w.version = bytes.Clone(doc), version+1
	return nil
}

var scopes = []string{"market:read", "orders:place"}

func (w *world) Authenticate(_ context.Context, id, secret string) (Client, error) {
	if w.down {
		return Client{}, fault.New(fault.Unavailable, "store is down")
	}
	if secret != "se+cret" || (id != "bot" && id != "ops") {
		return Client{}, fault.New(fault.Unauthentic, "no")
	}
	c := Client{ID: id, Cid: "cred_" + id, Scopes: scopes}
	if id == "ops" {
		c.Scopes = []string{"tokens:introspect"}
	}
	return c, w.Live(c.Cid)
}

func (w *world) PublicKey(_ context.Context, id, kid string) (access.ClientKey, error) {
	k, ok := w.keys[id+"/"+kid]
	if !ok {
		return access.ClientKey{}, fault.New(fault.Unauthentic, "no")
	}
	alg := algorithm(k)
	if _, is := k.(*rsa.PublicKey); is {
		alg = strings.ToUpper(kid) // the tests call RSA keys by their algorithm
	}
	der, err := x509.MarshalPKIXPublicKey(k)
	return access.ClientKey{Kid: kid, Alg: alg, Thumbprint: "print-" + kid, Public: der}, err
}

func (w *world) Proved(_ context.Context, id string) (Client, error) {
	return Client{ID: id, Cid: "cred_" + id, Scopes: scopes}, w.Live("cred_" + id)
}

func (w *world) Live(cid string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.dead[cid] {
		return fault.New(fault.Unauthentic, "revoked")
	}
	return nil
}

func (w *world) kill(cid string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.dead[cid] = true
}

func (w *world) keySet(t testing.TB, alg string) *KeySet {
	t.Helper()
	flip := func(kid string, b []byte) ([]byte, error) {
		out := bytes.Clone(b)
		for i := range out {
			out[i] ^= kid[i%len(kid)]
		}
		return out, nil
	}
	k, err := OpenKeySet(t.Context(), KeyOptions{Store: w, Seal: flip, Open: flip, Alg: alg})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func start(t testing.TB, alg string) (*world, *Server) {
	t.Helper()
	w := &world{dead: map[string]bool{}, keys: map[string]crypto.PublicKey{}}
	s, err := New(Options{Issuer: "https://auth.test", Resource: "https://api.test", Scopes: scopes, Clients: w, Keys: w.keySet(t, alg)})
	if err != nil {
		t.Fatal(err)
	}
	return w, s
}

func post(s *Server, path, id, secret string, form url.Values) (int, map[string]any, http.Header) {
	r := httptest.NewRequest("POST", path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if id != "" {
		r.SetBasicAuth(url.QueryEscape(id), url.QueryEscape(secret))
	}
	rec := httptest.NewRecorder()
	s.Handler().ServeHTTP(rec, r)
	var m map[string]any
	_ = json.Unmarshal(rec.Body.Bytes(), &m)
	return rec.Code, m, rec.Header()
}

func ask(t testing.TB, s *Server) string {
	t.Helper()
	code, m, _ := post(s, PathToken, "bot", "se+cret", url.Values{"grant_type": {"client_credentials"}})
	if code != 200 {
		t.Fatal(code, m)
	}
	return m["access_token"].(string)
}

func refused(t *testing.T, s *Server, token string) {
	t.Helper()
	if c, err := s.Verify(t.Context(), token); err == nil || fault.Of(err) != fault.Unauthentic {
		t.Fatalf("%+v %v", c, err)
	}
}

func TestAProvedClientGetsATokenThatSaysWhatRFC9068Asks(t *testing.T) {
	for _, alg := range []string{EdDSA, ES256} {
		_, s := start(t, alg)
		code, m, h := post(s, PathToken, "bot", "se+cret", url.Values{"grant_type": {"client_credentials"}, "scope": {"market:read"}, "resource": {"https://api.test"}})
		if code != 200 || m["token_type"] != "Bearer" || m["expires_in"] != 300.0 || m["scope"] != "market:read" || h.Get("Cache-Control") != "no-store" {
			t.Fatal(code, m, h)
		}
		token := m["access_token"].(string)
		hd, err := header(token)
		if err != nil || hd.Typ != "at+jwt" || hd.Alg != alg {
			t.Fatal(hd, err)
		}
		for range 2 {
			c, err := s.Verify(t.Context(), token)
			if err != nil || c.Issuer != "https://auth.test" || c.Audience != "https://api.test" || c.Subject != "bot" || c.ClientID != "bot" || c.Cid != "cred_bot" || c.ID == "" || c.Expires-c.Issued != 300 || !c.Has("market:read") || c.Has("orders:place") || c.Has("market") {
				t.Fatal(c, err)
			}
		}
	}
}

func TestARevokedCredentialEndsItsTokensAtOnceAndGetsNone(t *testing.T) {
	w, s := start(t, EdDSA)
	token := ask(t, s)
	if _, err := s.Verify(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	w.kill("cred_bot")
	refused(t, s, token)
	if code, m, h := post(s, PathToken, "bot", "se+cret", url.Values{"grant_type": {"client_credentials"}}); code != 401 || m["error"] != "invalid_client" || h.Get("WWW-Authenticate") == "" {
		t.Fatal(code, m)
	}
}

func TestACredentialRevokedBetweenProofAndTokenMintsNothing(t *testing.T) {
	w, s := start(t, EdDSA)
	w.kill("cred_bot")
	if tok, _, err := s.issue(Client{ID: "bot", Cid: "cred_bot"}, ""); err == nil {
		t.Fatal(tok)
	}
}

func TestRequestsThatAreNotClearGetTheErrorOfTheStandard(t *testing.T) {
	w, s := start(t, EdDSA)
	ok := url.Values{"grant_type": {"client_credentials"}}
	with := func(k, v string) url.Values { f := maps.Clone(ok); f[k] = []string{v}; return f }
	for name, c := range map[string]struct {
		id, secret string
		form       url.Values
		code       int
		want       string
	}{
		"wrong secret":   {"bot", "x", ok, 401, "invalid_client"},
		"unknown":        {"nobody", "se+cret", ok, 401, "invalid_client"},
		"none":           {"", "", ok, 401, "invalid_client"},
		"no grant":       {"bot", "se+cret", url.Values{}, 400, "invalid_request"},
		"password grant": {"bot", "se+cret", with("grant_type", "password"), 400, "unsupported_grant_type"},
		"scope":          {"bot", "se+cret", with("scope", "market:read admin:all"), 400, "invalid_scope"},
		"scope spaces":   {"bot", "se+cret", with("scope", "market:read  orders:place"), 400, "invalid_scope"},
		"resource":       {"bot", "se+cret", with("resource", "https://evil.test"), 400, "invalid_target"},
		"twice":          {"bot", "se+cret", url.Values{"grant_type": {"client_credentials", "client_credentials"}}, 400, "invalid_request"},
		"secret in body": {"bot", "se+cret", with("client_secret", "se+cret"), 400, "invalid_request"},
		"two proofs":     {"bot", "se+cret", with("client_assertion", "x"), 400, "invalid_request"},
		"other id":       {"bot", "se+cret", with("client_id", "ops"), 400, "invalid_request"},
		"huge":           {"bot", "se+cret", with("x", strings.Repeat("x", maxForm)), 400, "invalid_request"},
	} {
		if code, m, _ := post(s, PathToken, c.id, c.secret, c.form); code != c.code || m["error"] != c.want {
			t.Errorf("%s: %d %v", name, code, m)
		}
	}
	if code, m, _ := post(s, PathToken+"?grant_type=client_credentials", "bot", "se+cret", ok); code != 400 {
		t.Error(code, m)
	}
	w.down = true
	if code, m, h := post(s, PathToken, "bot", "se+cret", ok); code != 503 || m["error"] != "temporarily_unavailable" || h.Get("Retry-After") == "" {
		t.Error("a store that is down must not look like a wrong secret", code, m)
	}
}

// forge signs any header and claims.
func forge(t testing.TB, h map[string]any, claims any, sign func([]byte) []byte) string {
	t.Helper()
	enc := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(b)
	}
	text := enc(h) + "." + enc(claims)
	return text + "." + base64.RawURLEncoding.EncodeToString(sign([]byte(text)))
}

func TestForgedTokensAreRefused(t *testing.T) {
	_, s := start(t, EdDSA)
	cur := s.o.Keys.ring.Load().current
	pub := cur.signer.Public().(ed25519.PublicKey)
	ours := func(b []byte) []byte { return ed25519.Sign(cur.signer.(ed25519.PrivateKey), b) }
	evilPub, evil, _ := ed25519.GenerateKey(rand.Reader)
	theirs := func(b []byte) []byte { return ed25519.Sign(evil, b) }
	rsaKey, _ := rsa.GenerateKey(rand.Reader, 2048)
	now := time.Now().Unix()
	good := func() map[string]any {
		return map[string]any{"iss": "https://auth.test", "sub": "bot", "aud": "https://api.test", "client_id": "bot", "jti": rand.Text(), "iat": now, "exp": now + 300, "cid": "cred_bot"}
	}
	head := func() map[string]any { return map[string]any{"alg": "EdDSA", "kid": cur.Kid, "typ": "at+jwt"} }
	if _, err := s.Verify(t.Context(), forge(t, head(), good(), ours)); err != nil {
		t.Fatal("the forger's good token must pass, or the test shows nothing:", err)
	}
	jwkOf := map[string]any{"kty": "OKP", "crv": "Ed25519", "x": base64.RawURLEncoding.EncodeToString(evilPub), "kid": cur.Kid}
	set := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a key was fetched from where the token says") }))
	defer set.Close()
	for name, c := range map[string]struct {
		h, c map[string]any // changes; nil value removes
		sign func([]byte) []byte
	}{
		"alg none": {map[string]any{"alg": "none"}, nil, func([]byte) []byte { return nil }},
		"alg None": {map[string]any{"alg": "None"}, nil, ours},
		"hs256":    {map[string]any{"alg": "HS256"}, nil, func(b []byte) []byte { m := hmac.New(sha256.New, pub); m.Write(b); return m.Sum(nil) }},
		"rs256": {map[string]any{"alg": "RS256"}, nil, func(b []byte) []byte {
			d := sha256.Sum256(b)
			x, _ := rsa.SignPKCS1v15(nil, rsaKey, crypto.SHA256, d[:])
			return x
		}},
		"es256":          {map[string]any{"alg": "ES256"}, nil, ours},
		"other key":      {nil, nil, theirs},
		"jwk":            {map[string]any{"jwk": jwkOf}, nil, theirs},
		"jku":            {map[string]any{"jku": set.URL}, nil, theirs},
		"jku no kid":     {map[string]any{"jku": set.URL, "kid": nil}, nil, theirs},
		"x5u":            {map[string]any{"x5u": set.URL}, nil, theirs},
		"kid path":       {map[string]any{"kid": "../../dev/null"}, nil, theirs},
		"kid sql":        {map[string]any{"kid": "' OR 1=1 --"}, nil, theirs},
		"kid list":       {map[string]any{"kid": []string{cur.Kid}}, nil, ours},
		"kid huge":       {map[string]any{"kid": strings.Repeat("k", 200)}, nil, ours},
		"crit":           {map[string]any{"crit": []string{"exp"}, "exp": 1}, nil, ours},
		"b64":            {map[string]any{"b64": false}, nil, ours},
		"typ":            {map[string]any{"typ": "JWT"}, nil, ours},
		"no typ":         {map[string]any{"typ": nil}, nil, ours},
		"iss":            {nil, map[string]any{"iss": "https://evil.test"}, ours},
		"aud":            {nil, map[string]any{"aud": "https://other.test"}, ours},
		"aud list":       {nil, map[string]any{"aud": []string{"https://other.test"}}, ours},
		"no aud":         {nil, map[string]any{"aud": nil}, ours},
		"expired":        {nil, map[string]any{"exp": now - 1}, ours},
		"no exp":         {nil, map[string]any{"exp": nil}, ours},
		"from to-morrow": {nil, map[string]any{"iat": now + 86400, "exp": now + 2*86400}, ours},
		"no cid":         {nil, map[string]any{"cid": nil}, ours},
	} {
		t.Run(name, func(t *testing.T) {
			h, cl := head(), good()
			for k, v := range c.h {
				if h[k] = v; v == nil {
					delete(h, k)
				}
			}
			for k, v := range c.c {
				if cl[k] = v; v == nil {
					delete(cl, k)
				}
			}
			refused(t, s, forge(t, h, cl, c.sign))
		})
	}
	token := ask(t, s)
	for _, x := range []string{"", ".", "..", "a.b.c", token + ".", token + "=", token[:len(token)-2], strings.Repeat("a", maxToken+1), `{"payload":"","signatures":[]}`} {
		refused(t, s, x)
	}
	for c := range strings.SplitSeq("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", "") {
		if x := token[:len(token)-1] + c; x != token {
			refused(t, s, x) // also where only unused bits of the last character differ
		}
	}
	parts := strings.Split(token, ".")
	body, _ := base64.RawURLEncoding.DecodeString(parts[1])
	refused(t, s, parts[0]+"."+base64.RawURLEncoding.EncodeToString(bytes.Replace(body, []byte("market:read"), []byte("market:reac"), 1))+"."+parts[2])
}

func (w *world) assertion(t testing.TB, key any, alg jwa.SignatureAlgorithm, kid string, claims map[string]any) url.Values {
	t.Helper()
	b, _ := json.Marshal(claims)
	h := jws.NewHeaders()
	if err := errors.Join(h.Set("kid", kid), h.Set("typ", "JWT")); err != nil {
		t.Fatal(err)
	}
	out, err := jws.Sign(b, jws.WithKey(alg, key, jws.WithProtectedHeaders(h)))
	if err != nil {
		t.Fatal(err)
	}
	return url.Values{"grant_type": {"client_credentials"}, "client_assertion_type": {bearerAssertion}, "client_assertion": {string(out)}}
}

func TestAnAssertionWorksOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := start(t, EdDSA)
		pub, key, _ := ed25519.GenerateKey(rand.Reader)
		ec, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		w.keys["bot/k1"], w.keys["bot/k2"] = pub, &ec.PublicKey
		fresh := func(over map[string]any) map[string]any {
			now := time.Now().Unix()
			c := map[string]any{"iss": "bot", "sub": "bot", "aud": "https://auth.test/oauth/token", "jti": rand.Text(), "iat": now, "exp": now + 60}
			maps.Copy(c, over)
			return c
		}
		f := w.assertion(t, key, jwa.EdDSA(), "k1", fresh(nil))
		code, m, _ := post(s, PathToken, "", "", f)
		if code != 200 {
			t.Fatal(code, m)
		}
		for range 70 { // each second until long after its end
			if code, _, _ := post(s, PathToken, "", "", f); code != 401 {
				t.Fatal("a replayed assertion was accepted", code)
			}
			time.Sleep(time.Second)
		}
		if code, m, _ := post(s, PathToken, "", "", w.assertion(t, ec, jwa.ES256(), "k2", fresh(map[string]any{"aud": []string{"https://auth.test"}}))); code != 200 {
			t.Fatal(code, m)
		}
		now := time.Now().Unix()
		for name, over := range map[string]map[string]any{
			"iss":       {"iss": "ops"},
			"sub":       {"sub": "ops", "iss": "ops"},
			"aud":       {"aud": "https://evil.test"},
			"two auds":  {"aud": []string{"https://auth.test", "https://evil.test"}},
			"long":      {"exp": now + 3600},
			"old":       {"exp": now - 60},
			"no exp":    {"exp": 0},
			"no jti":    {"jti": ""},
			"not yet":   {"nbf": now + 30},
			"to-morrow": {"iat": now + 3000},
		} {
			if code, m, _ := post(s, PathToken, "", "", w.assertion(t, key, jwa.EdDSA(), "k1", fresh(over))); code != 401 {
				t.Errorf("%s: %d %v", name, code, m)
			}
		}
		// the server's own access token is no assertion, and the other way round
		refused(t, s, f.Get("client_assertion"))
		g := maps.Clone(f)
		g["client_assertion"] = []string{m["access_token"].(string)}
		if code, _, _ := post(s, PathToken, "", "", g); code != 401 {
			t.Error(code)
		}
		if code, _, _ := post(s, PathToken, "", "", w.assertion(t, key, jwa.EdDSA(), "k2", fresh(nil))); code != 401 {
			t.Error("signed by another key than it names", code)
		}
	})
}

func TestRevocationAndIntrospectionAreForTheOwner(t *testing.T) {
	_, s := start(t, EdDSA)
	token := ask(t, s)
	is := func(id string, want bool) {
		t.Helper()
		code, m, _ := post(s, PathIntrospect, id, "se+cret", url.Values{"token": {token}})
		if code != 200 || m["active"] != want || want && (m["cid"] != "cred_bot" || m["scope"] == "") || !want && len(m) != 1 {
			t.Fatal(code, m)
		}
	}
	is("bot", true)
	is("ops", true) // holds tokens:introspect
	if code, _, _ := post(s, PathIntrospect, "", "", url.Values{"token": {token}}); code != 401 {
		t.Fatal(code)
	}
	if code, _, _ := post(s, PathRevoke, "ops", "se+cret", url.Values{"token": {token}}); code != 200 {
		t.Fatal(code)
	}
	is("bot", true) // somebody else's revocation does nothing
	for range 2 {
		if code, _, _ := post(s, PathRevoke, "bot", "se+cret", url.Values{"token": {token}}); code != 200 {
			t.Fatal(code)
		}
	}
	is("bot", false)
	refused(t, s, token)
	if code, _, _ := post(s, PathRevoke, "bot", "se+cret", url.Values{"token": {"rubbish"}}); code != 200 {
		t.Fatal(code)
	}
}

func TestATokenEndsWhenItSays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, s := start(t, EdDSA)
		token := ask(t, s)
		time.Sleep(299 * time.Second)
		if _, err := s.Verify(t.Context(), token); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		refused(t, s, token)
	})
}

func kids(s *KeySet) map[Phase]string {
	m := map[Phase]string{}
	for _, r := range s.Records() {
		m[r.Phase] = r.Kid
	}
	return m
}

// A year of two processes: every token is accepted for its whole life by both, every
// key was published for a day before it signed, and every old key goes.
func TestKeysRotateWithoutATokenBeingRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, a := start(t, EdDSA)
		b, err := New(Options{Issuer: "https://auth.test", Resource: "https://api.test", Clients: w, Keys: w.keySet(t, EdDSA)})
		if err != nil {
			t.Fatal(err)
		}
		first := map[string]time.Time{}
		var live []string
		var signed = map[string]bool{}
		tick := 4 * time.Minute
		for i := range 365 * 24 * 15 {
			if i%3 != 0 && i%360 != 0 && i > 360 { // most of the year is alike: sparse
				time.Sleep(tick)
				continue
			}
			for _, s := range []*Server{a, b} {
				if err := s.o.Keys.Tick(t.Context()); err != nil {
					t.Fatal(err)
				}
				var set struct {
					Keys []struct{ Kid, Alg, Use, D string }
				}
				if json.Unmarshal(s.o.Keys.JWKS(), &set) != nil || len(set.Keys) < 2 || len(set.Keys) > 3 {
					t.Fatalf("%s", s.o.Keys.JWKS())
				}
				for _, k := range set.Keys {
					if k.D != "" || k.Alg != EdDSA || k.Use != "sig" {
						t.Fatal("published:", k)
					}
					if first[k.Kid].IsZero() {
						first[k.Kid] = time.Now()
					}
				}
			}
			if i%30 == 0 {
				cur := kids(a.o.Keys)[Current]
				if age := time.Since(first[cur]); len(signed) > 0 && !signed[cur] && age < 24*time.Hour {
					t.Fatal("a key signs that was published for only", age)
				}
				signed[cur] = true
				live = append(live[:0], ask(t, a), ask(t, b))
				for _, tok := range live {
					for _, s := range []*Server{a, b} {
						if _, err := s.Verify(t.Context(), tok); err != nil {
							t.Fatal(err)
						}
					}
				}
			}
			time.Sleep(tick)
			if i%30 == 0 {
				_ = a.o.Keys.Tick(t.Context())
				for _, tok := range live {
					if _, err := a.Verify(t.Context(), tok); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		if len(signed) < 11 || len(signed) > 13 {
			t.Fatalf("%d keys signed in a year", len(signed))
		}
	})
}

func TestARotationWaitsForThePublicationAndThePreviousKeyGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, s := start(t, EdDSA)
		k := s.o.Keys
		if err := k.Rotate(t.Context()); fault.Of(err) != fault.Conflict {
			t.Fatal(err)
		}
		before := kids(k)
		time.Sleep(k.Lead())
		token := ask(t, s)
		if err := k.Rotate(t.Context()); err != nil {
			t.Fatal(err)
		}
		after := kids(k)
		if after[Previous] != before[Current] || after[Current] != before[Next] || after[Next] == "" || after[Next] == before[Next] {
			t.Fatal(before, after)
		}
		if _, err := s.Verify(t.Context(), token); err != nil {
			t.Fatal("a token of the previous key is refused:", err)
		}
		time.Sleep(k.Keep())
		if k.accepts(before[Current], time.Now()) {
			t.Fatal("a previous key outlives its time, even without a tick")
		}
		if err := k.Tick(t.Context()); err != nil || strings.Contains(string(k.JWKS()), before[Current]) {
			t.Fatal("a previous key is published after its time", err)
		}
	})
}

func TestADroppedKeyTakesItsTokensWithIt(t *testing.T) {
	w, s := start(t, EdDSA)
	token := ask(t, s)
	if _, err := s.Verify(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	other := w.keySet(t, EdDSA) // another process drops
	was := kids(other)
	if err := other.Drop(t.Context(), was[Current]); err != nil {
		t.Fatal(err)
	}
	if now := kids(other); now[Current] != was[Next] || now[Next] == "" {
		t.Fatal(was, now)
	}
	if err := s.o.Keys.Tick(t.Context()); err != nil {
		t.Fatal(err)
	}
	refused(t, s, token)
	if _, err := s.Verify(t.Context(), ask(t, s)); err != nil {
		t.Fatal(err)
	}
	if err := other.Drop(t.Context(), "no"); fault.Of(err) != fault.Unknown {
		t.Fatal(err)
	}
}

func TestStoredKeysAreSealedAndAnExchangedKeyIsNoticed(t *testing.T) {
	w, s := start(t, EdDSA)
	for _, h := range s.o.Keys.ring.Load().keys {
		if seed := h.signer.(ed25519.PrivateKey).Seed(); bytes.Contains(w.doc, []byte(base64.StdEncoding.EncodeToString(seed)[:20])) {
			t.Fatal("a private key is stored in the open")
		}
	}
	var recs []KeyRecord
	_ = json.Unmarshal(w.doc, &recs)
	recs[0].Sealed, recs[1].Sealed = recs[1].Sealed, recs[0].Sealed
	w.doc, _ = json.Marshal(recs)
	same := func(_ string, b []byte) ([]byte, error) { return b, nil }
	if _, err := OpenKeySet(t.Context(), KeyOptions{Store: w, Seal: same, Open: same}); err == nil {
		t.Fatal("exchanged keys were loaded")
	}
}

func TestMetadataNamesWhatIsThere(t *testing.T) {
	_, s := start(t, EdDSA)
	for path, want := range map[string]string{PathServer: `"token_endpoint":"https://auth.test/oauth/token"`, PathResource: `"authorization_servers":["https://auth.test"]`, PathJWKS: `"crv":"Ed25519"`} {
		rec := httptest.NewRecorder()
		s.Handler().ServeHTTP(rec, httptest.NewRequest("GET", path, nil))
		if rec.Code != 200 || !strings.Contains(rec.Body.String(), want) || rec.Header().Get("Cache-Control") != "public, max-age=3600" {
			t.Errorf("%s: %d %s", path, rec.Code, rec.Body)
		}
	}
}

func TestMemoriesAreBounded(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	l := NewMemoryLedger(2)
	for i := range 2 {
		if err := l.Add(t.Context(), now, fmt.Sprint(i), now.Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Add(t.Context(), now, "2", now.Add(time.Minute)); fault.Of(err) != fault.Exhausted {
		t.Fatal(err)
	}
	if err := l.Add(t.Context(), now.Add(time.Minute), "2", now.Add(time.Hour)); err != nil || l.Has("0") {
		t.Fatal(err)
	}
	c := newCache(10)
	for i := range 100 {
		sum, _ := c.get(fmt.Sprint(i))
		c.put(sum, &verified{})
		if c.len() > 10 {
			t.Fatal(c.len())
		}
		if _, v := c.get(fmt.Sprint(i)); v == nil {
			t.Fatal("the newest is not there")
		}
	}
}

func FuzzVerify(f *testing.F) {
	_, s := start(f, EdDSA)
	good := ask(f, s)
	f.Add(good)
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Fuzz(func(t *testing.T, token string) {
		if c, err := s.Verify(t.Context(), token); err == nil && token != good {
			t.Fatalf("accepted %q: %+v", token, c)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	_, s := start(b, EdDSA)
	token := ask(b, s)
	b.Run("cached", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := s.Verify(b.Context(), token); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("first", func(b *testing.B) {
		for b.Loop() {
			if _, err := s.open(token, time.Now()); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func TestAShortLifetimeDoesNotShortenThePublication(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, s := start(t, EdDSA)
		k := s.o.Keys
		k.o.Lifetime = time.Hour
		first := kids(k)[Current]
		for range 23 {
			time.Sleep(time.Hour)
			if err := k.Tick(t.Context()); err != nil || kids(k)[Current] != first {
				t.Fatal("a key signs that was published for less than a day", err)
			}
		}
		time.Sleep(time.Hour)
		if err := k.Tick(t.Context()); err != nil || kids(k)[Current] == first {
			t.Fatal(err)
		}
	})
}
