package oauth

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/fault"
)

func setOf(t testing.TB, keys ...map[string]any) []byte {
	t.Helper()
	b, err := json.Marshal(map[string]any{"keys": keys})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func jwkOf(t testing.TB, key any, more ...string) map[string]any {
	t.Helper()
	k, err := jwk.Import(key)
	if err != nil {
		t.Fatal(err)
	}
	b, _ := json.Marshal(k)
	var m map[string]any
	_ = json.Unmarshal(b, &m)
	for i := 0; i < len(more); i += 2 {
		m[more[i]] = more[i+1]
	}
	return m
}

func TestOnlyPublicKeysOfKnownKindsAreTaken(t *testing.T) {
	pub, private, _ := ed25519.GenerateKey(rand.Reader)
	ec, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ec384, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	big, _ := rsa.GenerateKey(rand.Reader, 2048)
	small := map[string]any{"kty": "RSA", "alg": "RS256", "e": "AQAB", "n": base64.RawURLEncoding.EncodeToString(append([]byte{0x80}, make([]byte, 127)...))}
	got, err := ParseClientKeys(setOf(t, jwkOf(t, pub), jwkOf(t, &ec.PublicKey, "kid", "two"), jwkOf(t, &big.PublicKey, "alg", PS256, "kid", "three")))
	if err != nil || len(got) != 3 || got[0].Kid != got[0].Thumbprint || got[0].Alg != EdDSA || got[1].Alg != ES256 || got[1].Kid != "two" || got[2].Alg != PS256 {
		t.Fatal(got, err)
	}
	if none, err := ParseClientKeys([]byte(`{"keys":[]}`)); err != nil || len(none) != 0 {
		t.Error(none, err)
	}
	for name, doc := range map[string][]byte{
		"a private key":       setOf(t, jwkOf(t, private)),
		"a private RSA key":   setOf(t, jwkOf(t, big, "alg", RS256)),
		"a shared secret":     setOf(t, map[string]any{"kty": "oct", "k": "AAAA"}),
		"another curve":       setOf(t, jwkOf(t, &ec384.PublicKey)),
		"RSA without alg":     setOf(t, jwkOf(t, &big.PublicKey)),
		"RSA as HMAC":         setOf(t, jwkOf(t, &big.PublicKey, "alg", "HS256")),
		"RSA as none":         setOf(t, jwkOf(t, &big.PublicKey, "alg", "none")),
		"a short RSA key":     setOf(t, small),
		"EC as RSA":           setOf(t, jwkOf(t, &ec.PublicKey, "alg", RS256)),
		"for encryption":      setOf(t, jwkOf(t, pub, "use", "enc")),
		"from an address":     setOf(t, jwkOf(t, pub, "x5u", "https://evil.test")),
		"the same twice":      setOf(t, jwkOf(t, pub, "kid", "a"), jwkOf(t, pub, "kid", "b")),
		"one kid for two":     setOf(t, jwkOf(t, pub, "kid", "a"), jwkOf(t, &ec.PublicKey, "kid", "a")),
		"a long kid":          setOf(t, jwkOf(t, pub, "kid", strings.Repeat("k", 129))),
		"not a set":           []byte(`[]`),
		"a key, not a set":    setOf(t, nil)[:3],
		"something after it":  append(setOf(t, jwkOf(t, pub)), '{', '}'),
		"a large document":    []byte(`{"keys":[` + strings.Repeat(" ", MaxClientKeySet) + `]}`),
		"a kid that is a num": []byte(`{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":7}]}`),
	} {
		if got, err := ParseClientKeys(doc); err == nil {
			t.Errorf("%s was taken: %v", name, got)
		} else if strings.Contains(err.Error(), base64.RawURLEncoding.EncodeToString(private.Seed())) {
			t.Errorf("%s: the error tells the key", name)
		}
	}
	var many []map[string]any
	for range access.MaxClientKeys + 1 {
		p, _, _ := ed25519.GenerateKey(rand.Reader)
		many = append(many, jwkOf(t, p))
	}
	if _, err := ParseClientKeys(setOf(t, many...)); fault.Of(err) != fault.Invalid {
		t.Error(err)
	}
}

func FuzzParseClientKeys(f *testing.F) {
	f.Add([]byte(`{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`))
	f.Add([]byte(`{"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}]}`))
	f.Add([]byte(`{"keys":[{"kty":"RSA","n":"AA","e":"AQAB","alg":"PS256"}]}`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		keys, err := ParseClientKeys(doc)
		if err == nil && len(keys) > access.MaxClientKeys {
			t.Fatal(len(keys))
		}
		for _, k := range keys {
			if k.Kid == "" || k.Thumbprint == "" || len(k.Public) == 0 || !strings.Contains("EdDSA ES256 PS256 RS256", k.Alg) {
				t.Fatal(k)
			}
		}
	})
}

func claimsOf(over ...any) map[string]any {
	now := time.Now().Unix()
	c := map[string]any{"iss": "bot", "sub": "bot", "aud": "https://auth.test", "jti": rand.Text(), "exp": now + 60}
	for i := 0; i < len(over); i += 2 {
		c[over[i].(string)] = over[i+1]
	}
	return c
}

func TestAnRSAKeyIsForOneAlgorithm(t *testing.T) {
	w, s := start(t, EdDSA)
	key, _ := rsa.GenerateKey(rand.Reader, 2048)
	w.keys["bot/ps256"], w.keys["bot/rs256"] = &key.PublicKey, &key.PublicKey
	for _, c := range []struct {
		alg  jwa.SignatureAlgorithm
		kid  string
		want int
	}{{jwa.PS256(), "ps256", 200}, {jwa.RS256(), "rs256", 200}, {jwa.RS256(), "ps256", 401}, {jwa.PS256(), "rs256", 401}, {jwa.PS384(), "ps256", 401}, {jwa.RS512(), "rs256", 401}} {
		if code, m, _ := post(s, PathToken, "", "", w.assertion(t, key, c.alg, c.kid, claimsOf())); code != c.want {
			t.Error(c, code, m)
		}
	}
}

func TestAHeaderCannotBringItsOwnKey(t *testing.T) {
	w, s := start(t, EdDSA)
	pub, _, _ := ed25519.GenerateKey(rand.Reader)
	evil, key, _ := ed25519.GenerateKey(rand.Reader)
	w.keys["bot/k1"] = pub
	for name, h := range map[string]map[string]any{
		"jwk":  {"alg": "EdDSA", "kid": "k1", "jwk": jwkOf(t, evil)},
		"jku":  {"alg": "EdDSA", "kid": "k1", "jku": "https://evil.test/jwks"},
		"x5u":  {"alg": "EdDSA", "kid": "k1", "x5u": "https://evil.test/x"},
		"none": {"alg": "none", "kid": "k1"},
		"hmac": {"alg": "HS256", "kid": "k1"},
	} {
		a := forge(t, h, claimsOf(), func(b []byte) []byte { return ed25519.Sign(key, b) })
		f := url.Values{"grant_type": {"client_credentials"}, "client_assertion_type": {bearerAssertion}, "client_assertion": {a}}
		if code, m, _ := post(s, PathToken, "", "", f); code != 401 {
			t.Error(name, code, m)
		}
	}
}

func TestAClientWithAPublicKeyAsksAboutAndEndsItsTokens(t *testing.T) {
	w, s := start(t, EdDSA)
	pub, key, _ := ed25519.GenerateKey(rand.Reader)
	w.keys["bot/k1"] = pub
	proof := func(more ...string) url.Values {
		f := w.assertion(t, key, jwa.EdDSA(), "k1", claimsOf())
		for i := 0; i < len(more); i += 2 {
			f.Set(more[i], more[i+1])
		}
		return f
	}
	_, m, _ := post(s, PathToken, "", "", proof())
	token, _ := m["access_token"].(string)
	is := func(want bool) {
		t.Helper()
		if code, m, _ := post(s, PathIntrospect, "", "", proof("token", token)); code != 200 || m["active"] != want || want && m["client_key"] != "print-k1" {
			t.Fatal(code, m)
		}
	}
	is(true)
	_, m, _ = post(s, PathToken, "", "", proof())
	other, _ := m["access_token"].(string)
	if code, _, _ := post(s, PathRevoke, "", "", proof("token", token)); code != 200 {
		t.Fatal(code)
	}
	is(false)
	if _, err := s.Verify(t.Context(), other); err != nil {
		t.Fatal("another token ended too:", err)
	}
	// The key is taken away: what was lent for it ends, what was lent for the secret stays.
	bySecret := ask(t, s)
	if err := s.o.Revoked.Add(t.Context(), time.Now(), KeyName("bot", "print-k1"), time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	refused(t, s, other)
	if _, err := s.Verify(t.Context(), bySecret); err != nil {
		t.Fatal(err)
	}
}
