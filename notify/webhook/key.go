// Package webhook delivers events to the endpoints that want them, as Standard Webhooks
// 1.0.0 says (https://www.standardwebhooks.com, specification of 2023).
//
// It signs and verifies, decides which URLs and addresses may be called, and runs the
// deliverer: claim, send, record. It never follows a redirect, never uses a proxy from the
// environment and never connects to an address that it has not checked. It does not promise
// an order, neither overall nor per endpoint: a failed event is overtaken by later ones.
// What always holds: every enabled endpoint gets each event at least once, or the log says
// why not; the webhook-id of a repetition is that of the first attempt.
//
// The app runs the Engine; the API asks CheckURL when an endpoint is registered and
// Replay when its owner asks; receivers written in Go may use Verify.
package webhook

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"strings"

	"github.com/assayhq/assay/fault"
)

// Prefixes of keys as text.
const (
	prefixMAC     = "whsec_"
	prefixPrivate = "whsk_"
	prefixPublic  = "whpk_"
)

// Bounds of a symmetric secret, in bytes, from the specification.
const (
	minMAC = 24
	maxMAC = 64
)

// Key signs or verifies. It is a symmetric secret (v1, HMAC-SHA256), an Ed25519 private key
// or an Ed25519 public key (v1a), which only verifies.
type Key struct {
	mac     []byte
	private ed25519.PrivateKey
	public  ed25519.PublicKey
}

// String never shows the key.
func (k Key) String() string { return "secret" }

// GoString never shows the key.
func (k Key) GoString() string { return "secret" }

// ParseKey reads whsec_, whsk_ or whpk_ followed by standard base64 with padding. A
// private key is 64 bytes, seed and public key as in RFC 8032 implementations, or the
// seed of 32 bytes alone. Errors never quote what was given.
func ParseKey(s string) (Key, error) {
	if len(s) > 128 {
		return Key{}, fault.New(fault.TooLarge, "a webhook key has at most 128 characters")
	}
	for _, prefix := range []string{prefixMAC, prefixPrivate, prefixPublic} {
		rest, ok := strings.CutPrefix(s, prefix)
		if !ok {
			continue
		}
		b, err := base64.StdEncoding.Strict().DecodeString(rest)
		// The decoder skips line breaks; a key has none.
		if err != nil || strings.ContainsAny(rest, "\r\n") {
			return Key{}, fault.New(fault.Invalid, "what follows %s is not standard base64 with padding", prefix)
		}
		switch prefix {
		case prefixMAC:
			if len(b) < minMAC || len(b) > maxMAC {
				return Key{}, fault.New(fault.Invalid, "a webhook secret has %d to %d bytes, this one %d", minMAC, maxMAC, len(b))
			}
			return Key{mac: b}, nil
		case prefixPrivate:
			return private(b)
		default:
			if len(b) != ed25519.PublicKeySize {
				return Key{}, fault.New(fault.Invalid, "a webhook public key has %d bytes, this one %d", ed25519.PublicKeySize, len(b))
			}
			return Key{public: b}, nil
		}
	}
	return Key{}, fault.New(fault.Invalid, "a webhook key begins with %s, %s or %s", prefixMAC, prefixPrivate, prefixPublic)
}

func private(b []byte) (Key, error) {
	if len(b) != ed25519.SeedSize && len(b) != ed25519.PrivateKeySize {
		return Key{}, fault.New(fault.Invalid, "a webhook private key has %d or %d bytes, this one %d", ed25519.PrivateKeySize, ed25519.SeedSize, len(b))
	}
	key := ed25519.NewKeyFromSeed(b[:ed25519.SeedSize])
	// A public half of another key would let signatures reveal the private one.
	if len(b) == ed25519.PrivateKeySize && !bytes.Equal(key, b) {
		return Key{}, fault.New(fault.Invalid, "the halves of the webhook private key do not belong together")
	}
	return Key{private: key, public: key.Public().(ed25519.PublicKey)}, nil
}

// NewSecret makes a symmetric secret of 32 random bytes, as whsec_ text.
func NewSecret() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails
	return prefixMAC + base64.StdEncoding.EncodeToString(b)
}

// NewPair makes an Ed25519 key, as whsk_ and whpk_ text.
func NewPair() (secret, public string) {
	seed := make([]byte, ed25519.SeedSize)
	_, _ = rand.Read(seed) // never fails
	key := ed25519.NewKeyFromSeed(seed)
	return prefixPrivate + base64.StdEncoding.EncodeToString(key),
		prefixPublic + base64.StdEncoding.EncodeToString(key.Public().(ed25519.PublicKey))
}
