// Package signing signs requests and checks signed requests.
//
// A signature covers method, path, query, body, time, nonce and key id, so that a
// request seen by a stranger can neither be changed nor sent again. The signed
// text is eight lines:
//
//	v1\nMETHOD\nPATH\nSORTED-QUERY\nSHA256HEX(body)\nTS_MS\nNONCE\nKID
//
// Ed25519 (RFC 8032) is the default, because the server then holds nothing that
// signs; HMAC-SHA-256 (RFC 2104) is the option. What signed is told by the key,
// never by the request: a request that names another algorithm is refused.
//
// It reads no clock, does no I/O except reading a request's body, and never decides
// what a key may do. What always holds: two requests with the same signed text mean
// the same to every reader of them; what could be read in two ways is refused, not
// guessed. A nonce is remembered only after its signature was proved, so strangers
// cannot fill the memory, and it is remembered as long as its request would be
// accepted. Clients call Sign; the gate calls Verify.
package signing

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/assayhq/assay/fault"
)

// The headers of a signed request. Each must be there exactly once.
const (
	HeaderKey       = "Assay-Key"
	HeaderTimestamp = "Assay-Timestamp" // milliseconds since 1970 UTC
	HeaderNonce     = "Assay-Nonce"     // 16 to 64 of A-Z a-z 0-9 _ -
	HeaderSignature = "Assay-Signature" // ed25519=BASE64 or hmac-sha256=BASE64
)

const (
	prefixEd25519 = "ed25519="
	prefixHMAC    = "hmac-sha256="

	// MinSecret is the least length of an HMAC secret in bytes: the output length
	// of SHA-256, as RFC 2104 section 3 asks.
	MinSecret = 32

	minNonce, maxNonce = 16, 64
	maxKid             = 64
)

// Key signs. Exactly one of Ed25519 and HMAC is set.
type Key struct {
	Kid     string // public name of the key, 1 to 64 of A-Z a-z 0-9 _ -
	Ed25519 ed25519.PrivateKey
	HMAC    []byte // at least MinSecret bytes
}

// String hides the material.
func (Key) String() string { return "secret" }

// GoString hides the material.
func (Key) GoString() string { return "secret" }

// Material checks what the Key of the same Kid signed. Exactly one of Ed25519 and
// HMAC is set; with HMAC it is as secret as the Key.
type Material struct {
	Kid     string
	Ed25519 ed25519.PublicKey
	HMAC    []byte
}

// String hides the material.
func (Material) String() string { return "secret" }

// GoString hides the material.
func (Material) GoString() string { return "secret" }

// Sign stamps req with now and a fresh nonce and signs it. It reads the body, up to
// limit bytes (0: DefaultMaxBody), and puts it back. A request that is signed
// already is signed anew.
func Sign(req *http.Request, k Key, now time.Time, limit int64) error {
	return sign(req, k, now, rand.Text(), limit)
}

func sign(req *http.Request, k Key, now time.Time, nonce string, limit int64) error {
	if !word(k.Kid, 1, maxKid) {
		return fault.At(fault.Invalid, "key.kid", "the key id must be 1 to %d of A-Z a-z 0-9 _ -", maxKid)
	}
	for _, h := range []string{HeaderKey, HeaderTimestamp, HeaderNonce, HeaderSignature} {
		req.Header.Del(h)
	}
	p, err := Read(req, limit)
	if err != nil {
		return err
	}
	ts := strconv.FormatInt(now.UnixMilli(), 10)
	text, err := p.Canonical(ts, nonce, k.Kid)
	if err != nil {
		return err
	}
	var value string
	switch {
	case len(k.Ed25519) == ed25519.PrivateKeySize && k.HMAC == nil:
		value = prefixEd25519 + base64.StdEncoding.EncodeToString(ed25519.Sign(k.Ed25519, text))
	case len(k.HMAC) >= MinSecret && k.Ed25519 == nil:
		value = prefixHMAC + base64.StdEncoding.EncodeToString(mac(k.HMAC, text))
	default:
		return fault.At(fault.Invalid, "key", "a signing key is one Ed25519 private key or an HMAC secret of at least %d bytes", MinSecret)
	}
	req.Header.Set(HeaderKey, k.Kid)
	req.Header.Set(HeaderTimestamp, ts)
	req.Header.Set(HeaderNonce, nonce)
	req.Header.Set(HeaderSignature, value)
	return nil
}

func mac(secret, text []byte) []byte {
	h := hmac.New(sha256.New, secret)
	h.Write(text)
	return h.Sum(nil)
}

// KeyID is the key that a request says signed it, with which the caller finds the
// Material. It proves nothing.
func KeyID(h http.Header) (string, error) {
	kid, err := single(h, HeaderKey)
	if err != nil {
		return "", err
	}
	if !word(kid, 1, maxKid) {
		return "", fault.At(fault.Invalid, "header."+HeaderKey, "the header %s must be 1 to %d of A-Z a-z 0-9 _ -", HeaderKey, maxKid)
	}
	return kid, nil
}

// Signed tells whether a request carries any header of a signature.
func Signed(h http.Header) bool {
	return len(h[HeaderKey])+len(h[HeaderTimestamp])+len(h[HeaderNonce])+len(h[HeaderSignature]) > 0
}

// single gives the header that must be there once. Two of them could be read
// differently by two programs on the way.
func single(h http.Header, name string) (string, error) {
	v := h[name]
	switch len(v) {
	case 1:
		return v[0], nil
	case 0:
		return "", fault.At(fault.Unauthentic, "header."+name, "the request is not fully signed: send the header %s", name)
	}
	return "", fault.At(fault.Invalid, "header."+name, "the header %s was sent %d times; send it once", name, len(v))
}

// word tells whether s is lo to hi characters of A-Z a-z 0-9 _ -.
func word(s string, lo, hi int) bool {
	if len(s) < lo || len(s) > hi {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && c != '_' && c != '-' {
			return false
		}
	}
	return true
}

// stamp reads TS_MS in its only spelling: 1 to 15 digits without a leading zero.
func stamp(s string) (time.Time, bool) {
	if s == "" || len(s) > 15 || s[0] == '0' {
		return time.Time{}, false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return time.Time{}, false
		}
	}
	ms, err := strconv.ParseInt(s, 10, 64)
	return time.UnixMilli(ms), err == nil
}

// split takes the header's algorithm and signature apart.
func split(s string) (alg string, sig []byte, ok bool) {
	var size int
	switch {
	case strings.HasPrefix(s, prefixEd25519):
		alg, size = prefixEd25519, ed25519.SignatureSize
	case strings.HasPrefix(s, prefixHMAC):
		alg, size = prefixHMAC, sha256.Size
	default:
		return "", nil, false
	}
	s = s[len(alg):]
	if len(s) != base64.StdEncoding.EncodedLen(size) {
		return "", nil, false
	}
	sig, err := base64.StdEncoding.Strict().DecodeString(s)
	return alg, sig, err == nil && len(sig) == size
}
