package signing

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/assayhq/assay/fault"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func pairOf(kid string) (Key, Material) {
	k := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32))
	return Key{Kid: kid, Ed25519: k}, Material{Kid: kid, Ed25519: k.Public().(ed25519.PublicKey)}
}

func order(t testing.TB, k Key) *http.Request {
	t.Helper()
	r := httptest.NewRequest("POST", "/v1/orders?b=2&a=1&a=3", strings.NewReader(`{"qty":"1"}`))
	if err := Sign(r, k, noon, 0); err != nil {
		t.Fatal(err)
	}
	return r
}

func check(r *http.Request, m Material, n NonceBook, now time.Time) error {
	p, err := Read(r, 0)
	if err != nil {
		return err
	}
	_, err = Verify(now, p, m, n, 0)
	return err
}

func b64(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

func want(t *testing.T, err error, k fault.Kind, text string) {
	t.Helper()
	if err == nil || fault.Of(err) != k || !strings.Contains(err.Error(), text) {
		t.Fatalf("got %v (%v), want %v with %q", err, fault.Of(err), k, text)
	}
}

func TestASignedRequestIsAcceptedOnceAndItsBodyIsStillThere(t *testing.T) {
	secret := bytes.Repeat([]byte{9}, 32)
	ek, em := pairOf("k1")
	for _, c := range []struct {
		k Key
		m Material
	}{{ek, em}, {Key{Kid: "k1", HMAC: secret}, Material{Kid: "k1", HMAC: secret}}} {
		n := NewNonces(NonceOptions{})
		r := order(t, c.k)
		if err := check(r, c.m, n, noon.Add(time.Second)); err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(r.Body)
		if string(body) != `{"qty":"1"}` {
			t.Fatalf("body %q", body)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		want(t, check(r, c.m, n, noon.Add(2*time.Second)), fault.Unauthentic, "nonce was used")
	}
}

func TestTheSignedTextIsWhatTheDocumentSays(t *testing.T) {
	p := Parts{Method: "GET", Path: "/v1/a%3ab/%7euser", Query: "z=%20&a=b%2fc&flag"}
	got, err := p.Canonical("1700000000000", "nonce", "kid")
	if err != nil {
		t.Fatal(err)
	}
	const none = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	if w := "v1\nGET\n/v1/a%3Ab/~user\na=b%2Fc&flag=&z=%20\n" + none + "\n1700000000000\nnonce\nkid"; string(got) != w {
		t.Fatalf("got\n%s\nwant\n%s", got, w)
	}
}

func TestWhatWasChangedOnTheWayIsRefused(t *testing.T) {
	k, m := pairOf("k1")
	_, other := pairOf("k1")
	other.Ed25519 = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{8}, 32)).Public().(ed25519.PublicKey)
	for name, c := range map[string]struct {
		change func(*http.Request)
		kind   fault.Kind
		text   string
	}{
		"method":    {func(r *http.Request) { r.Method = "PUT" }, fault.Unauthentic, "does not fit"},
		"path":      {func(r *http.Request) { r.RequestURI = "/v1/order?b=2&a=1&a=3" }, fault.Unauthentic, "does not fit"},
		"query":     {func(r *http.Request) { r.RequestURI = "/v1/orders?b=2&a=1&a=4" }, fault.Unauthentic, "does not fit"},
		"dropped":   {func(r *http.Request) { r.RequestURI = "/v1/orders?b=2&a=1" }, fault.Unauthentic, "does not fit"},
		"swapped":   {func(r *http.Request) { r.RequestURI = "/v1/orders?b=2&a=3&a=1" }, fault.Invalid, "ascending"},
		"body":      {func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader(`{"qty":"9"}`)) }, fault.Unauthentic, "does not fit"},
		"nonce":     {func(r *http.Request) { r.Header.Set(HeaderNonce, strings.Repeat("n", 20)) }, fault.Unauthentic, "does not fit"},
		"time":      {func(r *http.Request) { r.Header.Set(HeaderTimestamp, fmt.Sprint(noon.UnixMilli()+1)) }, fault.Unauthentic, "does not fit"},
		"old":       {func(r *http.Request) { r.Header.Set(HeaderTimestamp, fmt.Sprint(noon.UnixMilli()-5001)) }, fault.Unauthentic, "clock"},
		"early":     {func(r *http.Request) { r.Header.Set(HeaderTimestamp, fmt.Sprint(noon.UnixMilli()+5001)) }, fault.Unauthentic, "clock"},
		"time form": {func(r *http.Request) { r.Header.Set(HeaderTimestamp, "0"+fmt.Sprint(noon.UnixMilli())) }, fault.Invalid, "digits"},
		"key":       {func(r *http.Request) { r.Header.Set(HeaderKey, "k2") }, fault.Unauthentic, "another key"},
		"two keys":  {func(r *http.Request) { r.Header.Add(HeaderKey, "k1") }, fault.Invalid, "2 times"},
		"two sigs":  {func(r *http.Request) { r.Header.Add(HeaderSignature, r.Header.Get(HeaderSignature)) }, fault.Invalid, "2 times"},
		"two times": {func(r *http.Request) { r.Header.Add(HeaderTimestamp, "1") }, fault.Invalid, "2 times"},
		"no sig":    {func(r *http.Request) { r.Header.Del(HeaderSignature) }, fault.Unauthentic, "not fully signed"},
		"alg":       {func(r *http.Request) { r.Header.Set(HeaderSignature, "none=") }, fault.Invalid, "ed25519=BASE64"},
		"hmac": {func(r *http.Request) { // the public key as an HMAC secret
			p, _ := Read(r, 0)
			text, _ := p.Canonical(r.Header.Get(HeaderTimestamp), r.Header.Get(HeaderNonce), "k1")
			r.Header.Set(HeaderSignature, prefixHMAC+b64(mac(m.Ed25519, text)))
		}, fault.Unauthentic, "another algorithm"},
	} {
		t.Run(name, func(t *testing.T) {
			r := order(t, k)
			n := NewNonces(NonceOptions{})
			c.change(r)
			want(t, check(r, m, n, noon), c.kind, c.text)
			if n.Len() != 0 {
				t.Fatal("a refused request took room among the nonces")
			}
		})
	}
	want(t, check(order(t, k), other, NewNonces(NonceOptions{}), noon), fault.Unauthentic, "does not fit")
}

func TestWhatCanBeReadInTwoWaysIsRefused(t *testing.T) {
	for _, path := range []string{"", "v1", "//a", "/a//b", "/a/./b", "/a/..", "/a/%2e%2E/b", "/a%2fb", "/a%5Cb", `/a\b`, "/a%2541", "/a%", "/a%4", "/a%zz", "/a%00", "/a%0a", "/a%ff", "/a#b", "/a b"} {
		if got, err := appendPath(nil, path); fault.Of(err) != fault.Invalid || err == nil {
			t.Errorf("path %q gave %q, %v", path, got, err)
		}
	}
	for _, q := range []string{"a=b+c", "a=1;b=2", "&", "a=1&&b=2", "=1", "a=%", "a=%f", "a=%00", "a=%fe", "a=2&a=1", "a=#"} {
		if got, err := appendQuery(nil, q); fault.Of(err) != fault.Invalid || err == nil {
			t.Errorf("query %q gave %q, %v", q, got, err)
		}
	}
	if _, err := appendQuery(nil, strings.Repeat("a=1&", 300)+"a=1"); fault.Of(err) != fault.TooLarge {
		t.Error(err)
	}
	r := httptest.NewRequest("POST", "/x", strings.NewReader("12345"))
	if _, err := Read(r, 4); fault.Of(err) != fault.TooLarge {
		t.Error(err)
	}
}

func TestAnOrderOfParametersDoesNotMatterAndValuesEncodeAnyWay(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		v := url.Values{}
		for range rnd.IntN(6) {
			v.Add(string(rune('a'+rnd.IntN(3)))+" é", string(rune(33+rnd.IntN(90))))
		}
		base := Query(v)
		want, err := appendQuery(nil, base)
		if err != nil || string(want) != base {
			t.Fatalf("%q is not its own canonical form: %q %v", base, want, err)
		}
		// every byte encoded in lower case, pairs rotated by whole keys
		var again []string
		for k, vs := range parse(t, base) {
			for _, s := range vs {
				again = append(again, hexed(k)+"="+hexed(s))
			}
		}
		got, err := appendQuery(nil, strings.Join(again, "&"))
		if err != nil || string(got) != base {
			t.Fatalf("%q, %v, want %q", got, err, base)
		}
	}
}

func hexed(s string) (out string) {
	for i := range len(s) {
		out += fmt.Sprintf("%%%02x", s[i])
	}
	return out
}

func parse(t testing.TB, q string) url.Values {
	t.Helper()
	v, err := url.ParseQuery(q)
	if err != nil {
		t.Fatalf("%q passed but the standard parser refuses it: %v", q, err)
	}
	return v
}

func TestAFullBookRefusesAndNeverForgetsEarly(t *testing.T) {
	n := NewNonces(NonceOptions{PerKey: 3, Total: 5})
	until := noon.Add(5 * time.Second)
	for i := range 3 {
		if err := n.Use(noon, "a", fmt.Sprint(i), until); err != nil {
			t.Fatal(err)
		}
	}
	want(t, n.Use(noon, "a", "3", until), fault.Exhausted, "slow down")
	for i := range 2 {
		if err := n.Use(noon, "b", fmt.Sprint(i), until); err != nil {
			t.Fatal(err)
		}
	}
	want(t, n.Use(noon, "c", "0", until), fault.Exhausted, "slow down")
	for at := noon; !at.After(until); at = at.Add(100 * time.Millisecond) {
		want(t, n.Use(at, "a", "0", until), fault.Unauthentic, "was used")
	}
	later := until.Add(2 * time.Second)
	if err := n.Use(later, "c", "0", later.Add(5*time.Second)); err != nil || n.Len() != 1 {
		t.Fatal(err, n.Len())
	}
	// the clock goes back: what was forgotten is not accepted again
	want(t, n.Use(noon, "a", "0", until), fault.Unauthentic, "too old")
}

func TestARestartAcceptsNothingItsForerunnerCouldHaveAccepted(t *testing.T) {
	k, m := pairOf("k1")
	r := order(t, k)
	n := NewNonces(NonceOptions{After: noon.Add(2 * DefaultWindow)})
	want(t, check(r, m, n, noon.Add(time.Second)), fault.Unauthentic, "too old")
}

// A replayed request is refused at every moment at which its time is accepted.
func TestAReplayIsRefusedForTheWholeWindow(t *testing.T) {
	k, m := pairOf("k1")
	r := order(t, k)
	p, _ := Read(r, 0)
	for first := -5000; first <= 5000; first += 250 {
		n := NewNonces(NonceOptions{})
		if _, err := Verify(noon.Add(time.Duration(first)*time.Millisecond), p, m, n, 0); err != nil {
			t.Fatal(first, err)
		}
		for ms := first; ms <= 20000; ms += 333 {
			if _, err := Verify(noon.Add(time.Duration(ms)*time.Millisecond), p, m, n, 0); err == nil {
				t.Fatalf("accepted at %d ms and again at %d ms", first, ms)
			}
		}
	}
}

func TestSecretsDoNotPrint(t *testing.T) {
	k := Key{Kid: "k", HMAC: []byte("0123456789abcdef0123456789abcdef")}
	m := Material{Kid: "k", HMAC: k.HMAC}
	for _, s := range []string{fmt.Sprint(k, m), fmt.Sprintf("%+v %#v", k, m)} {
		if strings.Contains(s, "0123") || strings.Contains(s, "48 49") || strings.Contains(s, "0x30") {
			t.Fatal(s)
		}
	}
	if err := Sign(httptest.NewRequest("GET", "/", nil), Key{Kid: "k", HMAC: []byte("short")}, noon, 0); fault.Of(err) != fault.Invalid {
		t.Fatal(err)
	}
}

// Two targets with the same canonical text mean the same to the standard library's
// readers: same path, same parameters, same order of each parameter's values.
func FuzzEqualTextIsEqualMeaning(f *testing.F) {
	f.Add("/a%3Ab", "x=1&y=%20", "/a:b", "y=%20&x=1")
	f.Add("/v1/../x", "a=1;b", "/x", "a=%2B")
	f.Fuzz(func(t *testing.T, p1, q1, p2, q2 string) {
		one, err1 := Parts{Method: "GET", Path: p1, Query: q1}.appendTarget(nil)
		two, err2 := Parts{Method: "GET", Path: p2, Query: q2}.appendTarget(nil)
		if err1 != nil {
			return
		}
		_, rest, _ := strings.Cut(string(one), "\n")
		cp, cq, _ := strings.Cut(rest, "\n")
		again, err := Parts{Method: "GET", Path: cp, Query: cq}.appendTarget(nil)
		if err != nil || !bytes.Equal(again, one) {
			t.Fatalf("%q is not stable: %q %v", one, again, err)
		}
		same(t, p1, q1, cp, cq)
		if err2 == nil && bytes.Equal(one, two) {
			same(t, p1, q1, p2, q2)
		}
	})
}

func same(t *testing.T, p1, q1, p2, q2 string) {
	t.Helper()
	a, err := url.PathUnescape(p1)
	if err != nil {
		t.Fatal(err)
	}
	b, err := url.PathUnescape(p2)
	if err != nil || a != b {
		t.Fatalf("%q and %q differ: %v", p1, p2, err)
	}
	if x, y := parse(t, q1), parse(t, q2); !reflect.DeepEqual(x, y) {
		t.Fatalf("%q and %q differ: %v %v", q1, q2, x, y)
	}
}

func FuzzVerifyHeaders(f *testing.F) {
	_, m := pairOf("k1")
	// What order signs with this nonce. It is written down because fuzzing runs in several
	// processes, each of which would draw another.
	good := http.Header{HeaderKey: {"k1"}, HeaderTimestamp: {"1772366400000"}, HeaderNonce: {"YOE75KG5BKHRVAW5RZL3XDFQFG"},
		HeaderSignature: {"ed25519=xqmwrary2JTvQFmjKrvGlOOuxoqY6QtqSVdXRmLdOpDYp8CtDiGN9L94jOq7pvzkpN5YGYHukVD1kWW5Ag0yBQ=="}}
	f.Add("k1", good.Get(HeaderTimestamp), good.Get(HeaderNonce), good.Get(HeaderSignature))
	f.Fuzz(func(t *testing.T, kid, ts, nonce, sig string) {
		h := http.Header{HeaderKey: {kid}, HeaderTimestamp: {ts}, HeaderNonce: {nonce}, HeaderSignature: {sig}}
		p := Parts{Method: "POST", Path: "/v1/orders", Query: "b=2&a=1&a=3", Body: []byte(`{"qty":"1"}`), Header: h}
		if _, err := Verify(noon, p, m, NewNonces(NonceOptions{}), 0); err == nil && !reflect.DeepEqual(h, good) {
			t.Fatalf("accepted %v", h)
		}
	})
}

type anyNonce struct{}

func (anyNonce) Use(time.Time, string, string, time.Time) error { return nil }

func BenchmarkVerify(b *testing.B) {
	secret := bytes.Repeat([]byte{9}, 32)
	ek, em := pairOf("k1")
	for name, c := range map[string]struct {
		k Key
		m Material
	}{"ed25519": {ek, em}, "hmac": {Key{Kid: "k1", HMAC: secret}, Material{Kid: "k1", HMAC: secret}}} {
		b.Run(name, func(b *testing.B) {
			r := httptest.NewRequest("POST", "/v1/orders?a=1&b=2", bytes.NewReader(make([]byte, 1024)))
			if err := Sign(r, c.k, noon, 0); err != nil {
				b.Fatal(err)
			}
			p, _ := Read(r, 0)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Verify(noon, p, c.m, anyNonce{}, 0); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkNonceUse(b *testing.B) {
	n := NewNonces(NonceOptions{PerKey: 1 << 30, Total: 1 << 30})
	i := 0
	for b.Loop() {
		i++
		at := noon.Add(time.Duration(i) * 100 * time.Microsecond)
		if err := n.Use(at, "k1", fmt.Sprint(i), at.Add(5*time.Second)); err != nil {
			b.Fatal(err)
		}
	}
}
