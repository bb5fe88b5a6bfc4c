package people

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"github.com/assayhq/assay/fault"
)

const console = "https://console.example.com"

// device is an authenticator in software: one ES256 credential, attestation none.
type device struct {
	key    *ecdsa.PrivateKey
	id     []byte
	count  uint32
	flags  byte   // user present 1, verified 4
	origin string // that the browser says
	handle string
}

func newDevice(t *testing.T) *device {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &device{key: k, id: []byte(rand.Text()), flags: 5, origin: console}
}

func url64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func challengeOf(t *testing.T, c Ceremony) string {
	t.Helper()
	var o struct {
		PublicKey struct {
			Challenge string `json:"challenge"`
			User      struct {
				ID string `json:"id"`
			} `json:"user"`
		} `json:"publicKey"`
	}
	if err := json.Unmarshal([]byte(c.Options), &o); err != nil || o.PublicKey.Challenge == "" {
		t.Fatal(c.Options, err)
	}
	return o.PublicKey.Challenge
}

func (d *device) client(kind, challenge string) []byte {
	b, _ := json.Marshal(map[string]any{"type": kind, "challenge": challenge, "origin": d.origin, "crossOrigin": false})
	return b
}

func (d *device) data(more byte) []byte {
	sum := sha256.Sum256([]byte("console.example.com"))
	return binary.BigEndian.AppendUint32(append(sum[:], d.flags|more), d.count)
}

// create answers navigator.credentials.create.
func (d *device) create(challenge string) []byte {
	auth := append(d.data(0x40), make([]byte, 16)...)
	auth = append(binary.BigEndian.AppendUint16(auth, uint16(len(d.id))), d.id...)
	point, _ := d.key.PublicKey.Bytes() // 4, x, y
	auth = append(auth, 0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21, 0x58, 32)
	auth = append(append(append(auth, point[1:33]...), 0x22, 0x58, 32), point[33:]...)
	object := []byte("\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x58")
	object = append(append(object, byte(len(auth))), auth...)
	b, _ := json.Marshal(map[string]any{"id": url64(d.id), "rawId": url64(d.id), "type": "public-key", "response": map[string]any{
		"clientDataJSON": url64(d.client("webauthn.create", challenge)), "attestationObject": url64(object)}})
	return b
}

// get answers navigator.credentials.get.
func (d *device) get(challenge string) []byte {
	client, auth := d.client("webauthn.get", challenge), d.data(0)
	sum := sha256.Sum256(client)
	sum = sha256.Sum256(append(auth[:len(auth):len(auth)], sum[:]...))
	sig, _ := ecdsa.SignASN1(rand.Reader, d.key, sum[:])
	b, _ := json.Marshal(map[string]any{"id": url64(d.id), "rawId": url64(d.id), "type": "public-key", "response": map[string]any{
		"clientDataJSON": url64(client), "authenticatorData": url64(auth), "signature": url64(sig), "userHandle": url64([]byte(d.handle))}})
	return b
}

func newConsole(t *testing.T) *town {
	t.Helper()
	w := newTown(t)
	var err error
	if w.passkeys, err = relyingParty(console, "Assay"); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *town) enrol(t *testing.T, id string, d *device) Passkey {
	t.Helper()
	c, err := w.BeginPasskey(t.Context(), id, passA, "")
	if err != nil {
		t.Fatal(err)
	}
	k, err := w.AddPasskey(t.Context(), id, c.Token, "laptop", d.create(challengeOf(t, c)))
	if err != nil {
		t.Fatal(err)
	}
	d.handle = id
	return k
}

func (w *town) knock(t *testing.T, change func(*device, *string), d device) error {
	t.Helper()
	c, err := w.BeginPasskeyLogIn(t.Context(), home)
	if err != nil {
		t.Fatal(err)
	}
	challenge := challengeOf(t, c)
	if change != nil {
		change(&d, &challenge)
	}
	token, s, err := w.LogInPasskey(t.Context(), home, c.Token, d.get(challenge))
	if err == nil {
		if got, err := w.Session(t.Context(), token); err != nil || got.Account != s.Account {
			t.Fatal(got, err)
		}
	}
	return err
}

func TestAPasskeyLogsIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newConsole(t)
		ada, bob := w.settle(t, mailA), w.settle(t, "bob@example.com")
		d, other := newDevice(t), newDevice(t)
		_, err := w.BeginPasskey(t.Context(), ada.Account, "wrong", "")
		kind(t, err, fault.Unauthentic)
		k := w.enrol(t, ada.Account, d)
		w.enrol(t, bob.Account, other)
		d.count = 1
		if err := w.knock(t, nil, *d); err != nil {
			t.Fatal(err)
		}
		for name, change := range map[string]func(*device, *string){
			"the same count":      nil,
			"a count backwards":   func(d *device, _ *string) { d.count = 0 },
			"another origin":      func(d *device, _ *string) { d.count, d.origin = 9, "https://evil.example.com" },
			"another challenge":   func(d *device, c *string) { d.count, *c = 9, url64(make([]byte, 32)) },
			"another key":         func(d *device, _ *string) { d.count, d.key = 9, other.key },
			"another account":     func(d *device, _ *string) { d.count, d.handle = 9, bob.Account },
			"no account":          func(d *device, _ *string) { d.count, d.handle = 9, "acc_none" },
			"a user not verified": func(d *device, _ *string) { d.count, d.flags = 9, 1 },
			"an unknown passkey":  func(d *device, _ *string) { d.count, d.id = 9, []byte("another") },
		} {
			if err := w.knock(t, change, *d); fault.Of(err) != fault.Unauthentic || err == nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		// An answer is looked at once.
		c, _ := w.BeginPasskeyLogIn(t.Context(), home)
		d.count = 10
		answer := d.get(challengeOf(t, c))
		if _, _, err := w.LogInPasskey(t.Context(), home, c.Token, answer); err != nil {
			t.Fatal(err)
		}
		_, _, err = w.LogInPasskey(t.Context(), home, c.Token, answer)
		kind(t, err, fault.Unauthentic)
		fresh, _ := w.BeginPasskeyLogIn(t.Context(), home)
		_, _, err = w.LogInPasskey(t.Context(), home, fresh.Token, answer)
		kind(t, err, fault.Unauthentic)
		// And soon.
		late, _ := w.BeginPasskeyLogIn(t.Context(), home)
		time.Sleep(riteTime)
		d.count = 11
		_, _, err = w.LogInPasskey(t.Context(), home, late.Token, d.get(challengeOf(t, late)))
		kind(t, err, fault.Unauthentic)
		if p, err := w.Profile(t.Context(), ada.Account); err != nil || len(p.Passkeys) != 1 || p.Passkeys[0].Used.IsZero() {
			t.Fatal(p, err)
		}
		kind(t, w.RemovePasskey(t.Context(), ada.Account, k.ID, "wrong"), fault.Unauthentic)
		if err := w.RemovePasskey(t.Context(), ada.Account, k.ID, passA); err != nil {
			t.Fatal(err)
		}
		kind(t, w.knock(t, func(d *device, _ *string) { d.count = 12 }, *d), fault.Unauthentic)
	})
}

func TestAPasskeyIsAddedByItsAccountOnly(t *testing.T) {
	w := newConsole(t)
	ada, bob := w.settle(t, mailA), w.settle(t, "bob@example.com")
	for name, change := range map[string]func(*device){
		"another origin":      func(d *device) { d.origin = "https://evil.example.com" },
		"a user not verified": func(d *device) { d.flags = 1 },
	} {
		c, err := w.BeginPasskey(t.Context(), ada.Account, passA, "")
		if err != nil {
			t.Fatal(err)
		}
		d := newDevice(t)
		change(d)
		if _, err := w.AddPasskey(t.Context(), ada.Account, c.Token, "x", d.create(challengeOf(t, c))); fault.Of(err) != fault.Unauthentic || err == nil {
			t.Error(name, err)
		}
	}
	c, _ := w.BeginPasskey(t.Context(), ada.Account, passA, "")
	_, err := w.AddPasskey(t.Context(), bob.Account, c.Token, "x", newDevice(t).create(challengeOf(t, c)))
	kind(t, err, fault.Unauthentic)
	_, err = newTown(t).BeginPasskeyLogIn(t.Context(), home)
	kind(t, err, fault.Unavailable)
	for _, origin := range []string{"console.example.com", "http://console.example.com", "https://console.example.com/x", "https://u@x.example.com"} {
		if _, err := relyingParty(origin, "x"); err == nil {
			t.Error(origin, "is taken")
		}
	}
}
