package signing

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"time"

	"github.com/assayhq/assay/fault"
)

const (
	// DefaultWindow is how far a request's time may be from now, before or after.
	DefaultWindow = 5 * time.Second
	// MaxWindow is the widest window that is accepted.
	MaxWindow = 60 * time.Second
)

// NonceBook remembers which nonces were used. Use records the nonce of kid until the
// moment until, or refuses: fault.Unauthentic when it is recorded already,
// fault.Exhausted when there is no room. It is called only for proved requests.
type NonceBook interface {
	Use(now time.Time, kid, nonce string, until time.Time) error
}

// Seen is what a signature proved of a request.
type Seen struct {
	Time   time.Time // that was signed
	Digest [32]byte  // SHA-256 of the signed text
}

// Used is the refusal of a nonce that was used, for those who keep a NonceBook.
func Used() error {
	return fault.At(fault.Unauthentic, "header."+HeaderNonce, "this nonce was used: take a new one for every request and every retry")
}

// Verify tells whether p was signed by the key of m at about now and is seen for the
// first time. window is how far its time may be from now: 0 means DefaultWindow,
// more than MaxWindow is MaxWindow. The error tells what is wrong: fault.Invalid for
// a form that cannot be right, fault.Unauthentic for a wrong signature, time or
// nonce, fault.Exhausted when no more nonces can be remembered.
func Verify(now time.Time, p Parts, m Material, nonces NonceBook, window time.Duration) (Seen, error) {
	if window <= 0 {
		window = DefaultWindow
	}
	window = min(window, MaxWindow)

	kid, err := KeyID(p.Header)
	if err != nil {
		return Seen{}, err
	}
	ts, err := single(p.Header, HeaderTimestamp)
	if err != nil {
		return Seen{}, err
	}
	nonce, err := single(p.Header, HeaderNonce)
	if err != nil {
		return Seen{}, err
	}
	sent, err := single(p.Header, HeaderSignature)
	if err != nil {
		return Seen{}, err
	}
	if kid != m.Kid {
		return Seen{}, fault.At(fault.Unauthentic, "header."+HeaderKey, "the request is signed by another key")
	}
	at, ok := stamp(ts)
	if !ok {
		return Seen{}, fault.At(fault.Invalid, "header."+HeaderTimestamp, "the header %s must be milliseconds since 1970 in plain digits", HeaderTimestamp)
	}
	if !word(nonce, minNonce, maxNonce) {
		return Seen{}, fault.At(fault.Invalid, "header."+HeaderNonce, "the header %s must be %d to %d of A-Z a-z 0-9 _ -", HeaderNonce, minNonce, maxNonce)
	}
	alg, sig, ok := split(sent)
	if !ok {
		return Seen{}, fault.At(fault.Invalid, "header."+HeaderSignature, "the header %s must be ed25519=BASE64 or hmac-sha256=BASE64 with padding", HeaderSignature)
	}
	if d := now.Sub(at); d > window || d < -window {
		return Seen{}, fault.At(fault.Unauthentic, "header."+HeaderTimestamp, "the request's time is more than %v from the server's: set the clock and sign again", window)
	}
	text, err := p.Canonical(ts, nonce, kid)
	if err != nil {
		return Seen{}, err
	}
	switch {
	case alg == prefixEd25519 && len(m.Ed25519) == ed25519.PublicKeySize && m.HMAC == nil:
		ok = ed25519.Verify(m.Ed25519, text, sig)
	case alg == prefixHMAC && len(m.HMAC) >= MinSecret && m.Ed25519 == nil:
		ok = hmac.Equal(sig, mac(m.HMAC, text))
	default:
		return Seen{}, fault.At(fault.Unauthentic, "header."+HeaderSignature, "this key signs with another algorithm")
	}
	if !ok {
		return Seen{}, fault.At(fault.Unauthentic, "header."+HeaderSignature, "the signature does not fit the request: sign exactly what is sent; the text to sign has the SHA-256 %x here", sha256.Sum256(text))
	}
	return Seen{at, sha256.Sum256(text)}, nonces.Use(now, kid, nonce, at.Add(window))
}
