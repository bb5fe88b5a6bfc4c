package webhook

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/notify"
	reference "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

func parsed(t testing.TB, s string) Key {
	t.Helper()
	k, err := ParseKey(s)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func headers(id string, at time.Time, sig string) http.Header {
	h := http.Header{}
	h.Set("webhook-id", id)
	h.Set("webhook-timestamp", strconv.FormatInt(at.Unix(), 10))
	h.Set("webhook-signature", sig)
	return h
}

func TestTheReferenceLibraryVerifiesOursAndWeVerifyTheirs(t *testing.T) {
	for i := range 50 {
		secret := NewSecret()
		theirs, err := reference.NewWebhook(secret)
		if err != nil {
			t.Fatal(err)
		}
		id, body := notify.NewID(), bytes.Repeat([]byte{byte(i), '.'}, i)
		now := time.Now() // the library reads the clock
		sig, err := Sign(id, now, body, parsed(t, NewSecret()), parsed(t, secret))
		if err != nil {
			t.Fatal(err)
		}
		if err := theirs.Verify(body, headers(id, now, sig)); err != nil {
			t.Fatalf("they refuse ours: %v", err)
		}
		sig, err = theirs.Sign(id, now, body)
		if err != nil {
			t.Fatal(err)
		}
		if err := Verify(headers(id, now, sig), body, now, parsed(t, secret)); err != nil {
			t.Fatalf("we refuse theirs: %v", err)
		}
	}
}

func TestSecretsAreReplacedWithoutAGap(t *testing.T) {
	older, newer := parsed(t, NewSecret()), parsed(t, NewSecret())
	private, public := NewPair()
	body := []byte(`{"type":"key.revoked"}`)
	sig, err := Sign("msg_1", noon, body, older, newer, parsed(t, private))
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(sig, " "); n != 2 || !strings.HasPrefix(sig, "v1,") || !strings.Contains(sig, " v1a,") {
		t.Fatalf("signature %q", sig)
	}
	for name, k := range map[string]Key{"older": older, "newer": newer, "public": parsed(t, public), "private": parsed(t, private)} {
		if err := Verify(headers("msg_1", noon, sig), body, noon, k); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := Verify(headers("msg_1", noon, sig), body, noon, parsed(t, NewSecret())); fault.Of(err) != fault.Unauthentic {
		t.Errorf("a stranger's key: %v", err)
	}
}

func TestAChangedDeliveryIsRefused(t *testing.T) {
	private, public := NewPair()
	secret := NewSecret()
	body := []byte(`{"a":1}`)
	sig, _ := Sign("msg_1", noon, body, parsed(t, secret), parsed(t, private))
	mac := strings.Fields(sig)[0]
	for name, c := range map[string]struct {
		h    http.Header
		body string
		now  time.Time
		want fault.Kind
	}{
		"body":            {headers("msg_1", noon, sig), `{"a":2}`, noon, fault.Unauthentic},
		"id":              {headers("msg_2", noon, sig), `{"a":1}`, noon, fault.Unauthentic},
		"time":            {headers("msg_1", noon.Add(time.Second), sig), `{"a":1}`, noon, fault.Unauthentic},
		"too old":         {headers("msg_1", noon, sig), `{"a":1}`, noon.Add(Tolerance + time.Second), fault.Unauthentic},
		"too new":         {headers("msg_1", noon, sig), `{"a":1}`, noon.Add(-Tolerance - time.Second), fault.Unauthentic},
		"version":         {headers("msg_1", noon, "v2"+mac[2:]), `{"a":1}`, noon, fault.Unauthentic},
		"mac as ed25519":  {headers("msg_1", noon, "v1a"+mac[2:]), `{"a":1}`, noon, fault.Unauthentic},
		"no base64":       {headers("msg_1", noon, "v1,=="), `{"a":1}`, noon, fault.Unauthentic},
		"empty":           {headers("msg_1", noon, "v1,"), `{"a":1}`, noon, fault.Unauthentic},
		"no signature":    {headers("msg_1", noon, ""), `{"a":1}`, noon, fault.Invalid},
		"no id":           {headers("", noon, sig), `{"a":1}`, noon, fault.Invalid},
		"many signatures": {headers("msg_1", noon, strings.Repeat("v1,a ", 17)+mac), `{"a":1}`, noon, fault.Invalid},
		"far future":      {headers("msg_1", time.Unix(1<<62, 0), sig), `{"a":1}`, noon, fault.Unauthentic},
		"before 1970":     {headers("msg_1", time.Unix(-5, 0), sig), `{"a":1}`, noon, fault.Invalid},
	} {
		if err := Verify(c.h, []byte(c.body), c.now, parsed(t, secret), parsed(t, public)); err == nil || fault.Of(err) != c.want {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
	for _, edge := range []time.Time{noon.Add(Tolerance), noon.Add(-Tolerance)} {
		if err := Verify(headers("msg_1", noon, sig), body, edge, parsed(t, secret)); err != nil {
			t.Errorf("at the edge: %v", err)
		}
	}
}

func TestWhatCannotSignSaysSo(t *testing.T) {
	_, public := NewPair()
	for name, try := range map[string]func() (string, error){
		"no key":       func() (string, error) { return Sign("msg_1", noon, nil) },
		"a public key": func() (string, error) { return Sign("msg_1", noon, nil, parsed(t, public)) },
		"a full stop":  func() (string, error) { return Sign("msg_1.2", noon, nil, parsed(t, NewSecret())) },
		"no id":        func() (string, error) { return Sign("", noon, nil, parsed(t, NewSecret())) },
	} {
		if s, err := try(); err == nil || s != "" {
			t.Errorf("%s: signed %q", name, s)
		}
	}
}

func TestKeysAreReadStrictlyAndNeverShown(t *testing.T) {
	private, public := NewPair()
	other, _ := NewPair()
	for _, s := range []string{
		"", "whsec_", "whsec_YQ==", "secret", "whsec_" + strings.Repeat("A", 24), "whsec_" + strings.Repeat("A", 88), // 18 and 66 bytes
		strings.TrimSuffix(NewSecret(), "="), NewSecret() + "\n", "WHSEC_" + NewSecret()[6:], "whpk_" + private[5:], "whsk_" + public[5:30],
		private[:40] + other[40:], strings.Repeat("whsec_", 100),
	} {
		if k, err := ParseKey(s); err == nil {
			t.Errorf("%q was read", s)
		} else if len(s) > 20 && strings.Contains(err.Error(), s[6:]) {
			t.Errorf("the error shows the key: %v", err)
		} else if k.mac != nil || k.private != nil {
			t.Error("a refused key was given")
		}
	}
	if _, err := ParseKey("whsk_" + public[5:]); err != nil { // 32 bytes are a seed
		t.Error(err)
	}
	k := parsed(t, private)
	if s := fmt.Sprintf("%v %+v %#v %s", k, k, &k, []Key{k}); strings.Count(s, "secret") != 4 || len(s) > 60 {
		t.Errorf("shown as %s", s)
	}
}

func FuzzVerify(f *testing.F) {
	secret := NewSecret()
	k, _ := ParseKey(secret)
	private, _ := NewPair()
	p, _ := ParseKey(private)
	sig, _ := Sign("msg_1", noon, []byte("{}"), k)
	f.Add("msg_1", strconv.FormatInt(noon.Unix(), 10), sig, []byte("{}"))
	f.Add("msg_1", "-1", "v1,AA== v1a,AA==", []byte("{}"))
	f.Fuzz(func(t *testing.T, id, stamp, sigs string, body []byte) {
		h := http.Header{}
		h.Set(HeaderID, id)
		h.Set(HeaderTimestamp, stamp)
		h.Set(HeaderSignature, sigs)
		if Verify(h, body, noon, k, p) == nil && (id != "msg_1" || string(body) != "{}") {
			t.Fatal("a forgery was accepted")
		}
	})
}

func FuzzParseKey(f *testing.F) {
	private, public := NewPair()
	f.Add(private)
	f.Add(public)
	f.Add(NewSecret())
	f.Fuzz(func(t *testing.T, s string) {
		k, err := ParseKey(s)
		if err != nil {
			return
		}
		if k.public != nil && k.private == nil {
			return
		}
		sig, err := Sign("msg_1", noon, nil, k)
		if err != nil || Verify(headers("msg_1", noon, sig), nil, noon, k) != nil {
			t.Fatalf("a key that was read does not work: %v", err)
		}
	})
}
