package api

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/gate"
	"github.com/assayhq/assay/access/idem"
	"github.com/assayhq/assay/access/signing"
	"github.com/assayhq/assay/fault"
)

// signers are keys with a signer, made when a test first asks for one.
type signers map[string]gate.Made

var private = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32))

func (f *fixture) signer(t testing.TB, sign string) (gate.Made, signing.Key) {
	t.Helper()
	text := sign
	if sign == "ed25519" {
		text = (&access.Signer{Alg: sign, Public: private.Public().(ed25519.PublicKey)}).String()
	}
	m, ok := f.signers[sign]
	if !ok {
		var err error
		m, err = f.gate.Create(t.Context(), gate.By{Name: "test"}, gate.Spec{Name: sign, Org: "acme", App: "bot", Sign: text,
			Scopes: []access.Scope{access.KeysWrite, access.KeysRead, access.MarketRead}})
		if err != nil {
			t.Fatal(err)
		}
		if f.signers == nil {
			f.signers = signers{}
		}
		f.signers[sign] = m
	}
	k := signing.Key{Kid: m.Key.ID, HMAC: []byte(m.Secret)}
	if sign == "ed25519" {
		k = signing.Key{Kid: m.Key.ID, Ed25519: private}
	}
	return m, k
}

// signedAsk asks as the key whose signer is the first word of sign (ed25519, hmac), with
// what the other words change after the signing.
func (f *fixture) signedAsk(t testing.TB, sign, method, target, body string, kv ...string) *httptest.ResponseRecorder {
	t.Helper()
	if sign == "" {
		return f.ask(method, target, body, kv...)
	}
	words := strings.Fields(sign)
	m, k := f.signer(t, words[0])
	kv = append(kv, "Authorization", "Bearer "+m.Token)
	at := f.gate.Now()
	var changes []func(*http.Request)
	after := func(c func(*http.Request)) { changes = append(changes, c) }
	for _, w := range words[1:] {
		switch w {
		case "unsigned":
			return f.ask(method, target, body, kv...)
		case "late":
			at = at.Add(-time.Minute)
		case "otherbody":
			after(func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader(`{"x":1}`)) })
		case "othernonce":
			after(func(r *http.Request) { r.Header.Set(signing.HeaderNonce, "0123456789abcdef") })
		case "shortnonce":
			after(func(r *http.Request) { r.Header.Set(signing.HeaderNonce, "1") })
		case "badtime":
			after(func(r *http.Request) { r.Header.Set(signing.HeaderTimestamp, "yesterday") })
		case "badsignature":
			after(func(r *http.Request) { r.Header.Set(signing.HeaderSignature, "none=") })
		case "twice":
			after(func(r *http.Request) { r.Header.Add(signing.HeaderNonce, "0123456789abcdef") })
		case "twonames":
			after(func(r *http.Request) { r.Header.Add(idem.Header, "another") })
		case "replay":
			after(func(r *http.Request) { r.Header = f.sent.Clone() })
		case "otherkey":
			_, k = f.signer(t, map[string]string{"ed25519": "hmac", "hmac": "ed25519"}[words[0]])
		case "otheralg":
			_, x := f.signer(t, map[string]string{"ed25519": "hmac", "hmac": "ed25519"}[words[0]])
			x.Kid = k.Kid
			k = x
		case "strange":
			kv = append(kv, "Authorization", "Bearer "+m.Token[:68]+"x")
		default:
			t.Fatalf("there is no %q", w)
		}
	}
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(kv); i += 2 {
		r.Header.Set(kv[i], kv[i+1])
	}
	if err := signing.Sign(r, k, at, 0); err != nil {
		t.Fatal(err)
	}
	for _, c := range changes {
		c(r)
	}
	f.sent = r.Header.Clone()
	w := httptest.NewRecorder()
	f.ServeHTTP(w, r)
	return w
}

const checkPath = "/v1/signing/check"

// raw writes a request as bytes to a real server and gives the status and body.
func raw(t testing.TB, addr, text string) (int, http.Header, string) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, text); err != nil {
		return 0, nil, ""
	}
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return 0, nil, ""
	}
	defer res.Body.Close()
	b, _ := io.ReadAll(res.Body)
	return res.StatusCode, res.Header, string(b)
}

// wire is a signed request as text, with another target in the place of the signed one.
func wire(t testing.TB, m gate.Made, k signing.Key, signedTarget, target, body, extra string) string {
	t.Helper()
	r := httptest.NewRequest("POST", signedTarget, strings.NewReader(body))
	if err := signing.Sign(r, k, time.Now(), 0); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "POST %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer %s\r\nIdempotency-Key: %d\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n", target, m.Token, rand.Uint64(), len(body))
	for _, h := range []string{signing.HeaderKey, signing.HeaderTimestamp, signing.HeaderNonce, signing.HeaderSignature} {
		fmt.Fprintf(&b, "%s: %s\r\n", h, r.Header.Get(h))
	}
	return b.String() + extra + "\r\n" + body
}

func TestWhatIsAcceptedOverTheWireIsWhatWasSigned(t *testing.T) {
	f := newFixture(t, nil)
	srv := httptest.NewServer(f)
	defer srv.Close()
	addr := srv.Listener.Addr().String()
	m, k := f.signer(t, "hmac")
	signed := checkPath + "?text=a%20b&decimal=string"
	want, err := signing.Parts{Method: "POST", Path: checkPath, Query: "text=a%20b&decimal=string"}.Canonical("", "", "")
	if err != nil {
		t.Fatal(err)
	}
	accepted := map[string]bool{}
	try := func(target string) {
		status, _, body := raw(t, addr, wire(t, m, k, signed, target, "hello", ""))
		if status/100 == 5 {
			t.Fatalf("%q: %d %s", target, status, body)
		}
		if status != http.StatusOK {
			return
		}
		accepted[target] = true
		path, query, _ := strings.Cut(target, "?")
		got, err := signing.Parts{Method: "POST", Path: path, Query: query}.Canonical("", "", "")
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%q was accepted with the signature of %q: %v", target, signed, err)
		}
		v, err := url.ParseQuery(query)
		if err != nil || v.Get("text") != "a b" || v.Get("decimal") != "string" || len(v) != 2 {
			t.Fatalf("%q means %v", target, v)
		}
	}
	for _, target := range []string{signed, checkPath + "?decimal=string&text=a%20b", "/v1/signing/%63heck?text=%61%20b&decimal=string"} {
		if try(target); !accepted[target] {
			t.Errorf("%q means the same and was refused", target)
		}
	}
	for _, target := range []string{"//v1/signing/check?text=a%20b&decimal=string", "/v1/./signing/check?text=a%20b&decimal=string", "/v1/x/../signing/check?text=a%20b&decimal=string",
		"/v1%2fsigning/check?text=a%20b&decimal=string", checkPath + "?text=a+b&decimal=string", checkPath + "?text=a%20b&decimal=string&", checkPath + "?text=a%20b;decimal=string",
		checkPath + "?text=a%20b&decimal=string&text=a", checkPath + "?text=a%20b", "http://x" + signed, checkPath + "/?text=a%20b&decimal=string"} {
		if try(target); accepted[target] && !strings.HasPrefix(target, "http:") {
			t.Errorf("%q was accepted", target)
		}
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	const bits = "%&=+;/.~?#abtexdcimlsrng 0123456789ABCDEFf"
	for range 800 {
		b := []byte(signed)
		for range 1 + rnd.IntN(3) {
			switch i := rnd.IntN(len(b)); rnd.IntN(4) {
			case 0:
				b[i] = bits[rnd.IntN(len(bits))]
			case 1:
				b = append(b[:i:i], append([]byte{bits[rnd.IntN(len(bits))]}, b[i:]...)...)
			case 2:
				b = append(b[:i:i], b[i+1:]...)
			case 3: // the same byte, encoded
				b = append(b[:i:i], append(fmt.Appendf(nil, "%%%02x", b[i]), b[i+1:]...)...)
			}
		}
		try(string(b))
	}
	if len(accepted) < 10 {
		t.Errorf("only %d forms were accepted: the test shows little", len(accepted))
	}
}

func TestAHeaderThatIsSentTwiceIsRefusedOverTheWire(t *testing.T) {
	f := newFixture(t, nil)
	srv := httptest.NewServer(f)
	defer srv.Close()
	m, k := f.signer(t, "ed25519")
	for _, extra := range []string{"Assay-Key: " + k.Kid, "assay-nonce: 0123456789abcdef", "ASSAY-TIMESTAMP: 1", "Assay-Signature: ed25519=", "Idempotency-Key: 2",
		"Authorization: Bearer " + f.key, "X-API-Key: " + f.key} {
		status, _, body := raw(t, srv.Listener.Addr().String(), wire(t, m, k, checkPath, checkPath, "", extra+"\r\n"))
		if status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", extra, status, body)
		}
	}
	// The body that is signed is the body that is read, however it is sent.
	text := strings.Replace(wire(t, m, k, checkPath, checkPath, "hello", ""), "Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n", 1)
	head, _, _ := strings.Cut(text, "\r\n\r\n")
	if status, _, body := raw(t, srv.Listener.Addr().String(), head+"\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"); status != http.StatusOK {
		t.Error(status, body)
	}
	text = strings.Replace(wire(t, m, k, checkPath, checkPath, "hello", ""), "Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", 1)
	head, _, _ = strings.Cut(text, "\r\n\r\n")
	if status, _, body := raw(t, srv.Listener.Addr().String(), head+"\r\n\r\n2\r\nHE\r\n3\r\nllo\r\n0\r\n\r\n"); status == http.StatusOK {
		t.Error(status, body)
	}
	if status, _, _ := raw(t, srv.Listener.Addr().String(), wire(t, m, k, checkPath, checkPath, strings.Repeat("x", 1<<17), "")); status != http.StatusRequestEntityTooLarge {
		t.Error("a long body:", status)
	}
}

func TestAKeyThatSignsChangesNothingUnsigned(t *testing.T) {
	f := newFixture(t, nil)
	m, _ := f.signer(t, "hmac")
	n := 0
	for _, op := range f.Operations() {
		if op.Scope == "" && op.Cost == 0 || op.Method == "GET" {
			continue
		}
		n++
		w := f.ask(op.Method, strings.NewReplacer("{id}", m.Key.ID).Replace(op.Path), "", "Authorization", "Bearer "+m.Token)
		if p := problemOf(t, w); w.Code != 401 && w.Code != 403 || w.Code == 401 && !strings.Contains(p.Detail, "not fully signed") {
			t.Errorf("%s: %d %s", op.ID, w.Code, p.Detail)
		}
	}
	if n < 10 {
		t.Fatal("only", n)
	}
	if w := f.get("/v1/prices", "Authorization", "Bearer "+m.Token); w.Code != 200 {
		t.Error("a read needs no signature:", w.Code)
	}
	if log := f.log.String(); strings.Contains(log, "asyh_") || strings.Contains(log, "asy_live_") || strings.Contains(log, "hmac-sha256=") {
		t.Error("the log holds secrets")
	}
}

// flaky is a memory of repeated requests whose server is killed now and then: before
// the request is done, or after it and before its answer is kept.
type flaky struct {
	idem.Store
	kill func(where string) bool
}

func (s *flaky) Insert(ctx context.Context, now time.Time, id [32]byte, r idem.Record) (idem.Record, bool, error) {
	was, mine, err := s.Store.Insert(ctx, now, id, r)
	if mine && err == nil && s.kill("before the request is done") {
		return idem.Record{}, false, fault.New(fault.Unavailable, "killed")
	}
	return was, mine, err
}

func (s *flaky) Replace(ctx context.Context, id [32]byte, was [16]byte, r idem.Record) error {
	if r.Done && s.kill("before the answer is kept") {
		return fault.New(fault.Unavailable, "killed")
	}
	return s.Store.Replace(ctx, id, was, r)
}

// fencedFlaky is flaky over records that are written with the key.
type fencedFlaky struct {
	*idem.Records
	flaky *flaky
}

func (s fencedFlaky) Insert(ctx context.Context, now time.Time, id [32]byte, r idem.Record) (idem.Record, bool, error) {
	return s.flaky.Insert(ctx, now, id, r)
}

// Replace lets a retry take over, and never keeps an answer.
func (s fencedFlaky) Replace(ctx context.Context, id [32]byte, was [16]byte, r idem.Record) error {
	if r.Done {
		return fault.New(fault.Unavailable, "killed")
	}
	return s.Records.Replace(ctx, id, was, r)
}

// Whatever is retried, by the old key or the new, and wherever the server is killed in
// between: each name has at most one effect, and all good answers to it are the same.
func TestARetryAcrossARotationIsOneEffect(t *testing.T) {
	for seed := range uint64(12) {
		fenced := seed%2 == 1
		synctest.Test(t, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 1))
			kills := 0
			f := newFixture(t, func(o *Options) {
				o.Repeats = &flaky{o.Repeats, func(string) bool {
					if rnd.IntN(3) == 0 {
						kills++
						return true
					}
					return false
				}}
				if x := o.Repeats.(*flaky); fenced {
					o.Repeats = fencedFlaky{x.Store.(*idem.Records), x}
				}
			})
			keys := []string{f.key}
			next, err := f.gate.Rotate(t.Context(), gate.By{Name: "test"}, f.own.ID, gate.RotateSpec{})
			if err != nil {
				t.Fatal(err)
			}
			keys = append(keys, next.Token)
			answers := map[int]string{}
			for range 240 {
				n := rnd.IntN(12)
				w := f.ask("POST", "/v1/keys", fmt.Sprintf(`{"name":"n%d","scopes":["market:read"]}`, n), "Authorization", "Bearer "+keys[rnd.IntN(2)], "Idempotency-Key", fmt.Sprint("name-", n))
				switch w.Code {
				case 201:
					if was, ok := answers[n]; ok && was != w.Body.String() {
						t.Fatalf("two answers\n%s\n%s", was, w.Body)
					}
					if _, ok := answers[n]; !ok && w.Header().Get(idem.HeaderReplayed) == "true" {
						t.Fatal("a replay of what was never answered")
					}
					answers[n] = w.Body.String()
				case 409, 503:
				default:
					t.Fatal(w.Code, w.Body)
				}
				time.Sleep(time.Duration(rnd.IntN(30)) * time.Second / 10)
			}
			rings, err := f.gate.Rings(t.Context(), "", "")
			if err != nil {
				t.Fatal(err)
			}
			made := map[string]int{}
			for _, r := range rings {
				made[r.Name]++
			}
			for n := range 12 {
				if fenced && answers[n] == "" { // nothing is in doubt for ever
					t.Errorf("n%d was never answered", n)
				}
				if got := made[fmt.Sprint("n", n)]; got > 1 || got == 0 && answers[n] != "" {
					t.Errorf("n%d was made %d times", n, made[fmt.Sprint("n", n)])
				}
			}
			if kills == 0 {
				t.Error("nothing was killed")
			}
		})
	}
}

func TestASecretIsGivenAgainToItsAskerOnlyAndForTenMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, nil)
		body := `{"name":"n","scopes":["market:read"]}`
		first := f.ask("POST", "/v1/keys", body, "Idempotency-Key", "1")
		again := f.ask("POST", "/v1/keys", body, "Idempotency-Key", "1")
		if first.Code != 201 || again.Body.String() != first.Body.String() || again.Header().Get(idem.HeaderReplayed) != "true" {
			t.Fatal(again.Code, again.Body)
		}
		// Another key of the app guesses the name.
		other := f.create(t, access.KeysWrite, access.MarketRead)
		if w := f.ask("POST", "/v1/keys", body, "Idempotency-Key", "1", "Authorization", "Bearer "+other); w.Code != 422 || strings.Contains(w.Body.String(), "asy_live_") {
			t.Fatal(w.Code, w.Body)
		}
		time.Sleep(10 * time.Minute)
		w := f.ask("POST", "/v1/keys", body, "Idempotency-Key", "1")
		if p := problemOf(t, w); w.Code != 409 || !strings.Contains(p.Detail, "10 minutes") {
			t.Fatal(w.Code, w.Body)
		}
		// What was refused may be asked for again.
		bad := f.ask("POST", "/v1/keys", `{"name":"n","scopes":["nonsense"]}`, "Idempotency-Key", "2")
		good := f.ask("POST", "/v1/keys", body, "Idempotency-Key", "2")
		if bad.Code != 400 || good.Code != 201 {
			t.Fatal(bad.Code, good.Code)
		}
	})
}

func TestTheCheckTellsWhatTheServerSaw(t *testing.T) {
	f := newFixture(t, nil)
	w := f.signedAsk(t, "ed25519", "POST", checkPath+"?text=x", "hello", "Idempotency-Key", "1", "X-Request-Id", "first")
	var a struct{ Data SignatureCheck }
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil || w.Code != 200 {
		t.Fatal(w.Code, w.Body)
	}
	m, _ := f.signer(t, "ed25519")
	if a.Data.KeyID != m.Key.ID || a.Data.Algorithm != "ed25519" || a.Data.RequestID != "first" || len(a.Data.Digest) != 64 || a.Data.SkewMS < -1 || a.Data.SkewMS > 1000 {
		t.Fatalf("%+v", a.Data)
	}
	again := f.signedAsk(t, "ed25519", "POST", checkPath+"?text=x", "hello", "Idempotency-Key", "1", "X-Request-Id", "second")
	if again.Body.String() != w.Body.String() || again.Header().Get("X-Request-Id") != "second" || again.Header().Get(idem.HeaderReplayed) != "true" {
		t.Fatal(again.Code, again.Body)
	}
}

// killed is a server that never comes to keep an answer after the request was done.
type killed struct{ *idem.Records }

func (killed) Replace(context.Context, [32]byte, [16]byte, idem.Record) error {
	return fault.New(fault.Unavailable, "killed")
}

func TestAKeyAndTheAnswerThatHoldsItAreKeptTogether(t *testing.T) {
	f := newFixture(t, func(o *Options) { o.Repeats = killed{o.Repeats.(*idem.Records)} })
	for what, c := range map[string]struct{ target, body string }{
		"made":    {"/v1/keys?format=xml", `{"name":"n","scopes":["market:read"],"sign":"hmac"}`},
		"rotated": {"/v1/rings/" + f.own.ID + "/rotate", `{}`},
	} {
		first := f.ask("POST", c.target, c.body, "Idempotency-Key", what)
		again := f.ask("POST", c.target, c.body, "Idempotency-Key", what)
		if first.Code != 201 || again.Code != 201 || again.Body.String() != first.Body.String() || again.Header().Get(idem.HeaderReplayed) != "true" {
			t.Errorf("%s: %d %s\n%d %s", what, first.Code, first.Body, again.Code, again.Body)
		}
		for _, h := range []string{"Content-Type", "Assay-Quality", "Assay-Sources"} {
			if first.Header().Get(h) == "" || again.Header().Get(h) != first.Header().Get(h) {
				t.Errorf("%s: %s is %q, then %q", what, h, first.Header().Get(h), again.Header().Get(h))
			}
		}
	}
	// Elsewhere it is not known then whether the request was done, and it is not done again.
	body := `{"url":"https://up.example.org/in","events":["*"]}`
	if w := f.ask("POST", "/v1/webhooks", body, "Idempotency-Key", "1"); w.Code != 201 {
		t.Fatal(w.Code, w.Body)
	}
	if w := f.ask("POST", "/v1/webhooks", body, "Idempotency-Key", "1"); w.Code != 409 || w.Header().Get("Retry-After") != "1" {
		t.Fatal(w.Code, w.Body)
	}
}
