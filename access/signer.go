package access

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"strings"

	"github.com/assayhq/assay/fault"
)

// The algorithms of a signer.
const (
	Ed25519 = "ed25519"     // RFC 8032: the client keeps the private key
	HMAC    = "hmac-sha256" // RFC 2104: client and server have the secret
)

// Signer is what checks the signatures of a key's requests. It belongs to one version
// in a ring and never changes; the next version may bring another.
type Signer struct {
	Alg    string `json:"alg"`
	Public []byte `json:"public,omitempty"` // of Ed25519, 32 bytes
	Sealed []byte `json:"sealed,omitempty"` // of HMAC: the secret, encrypted by the gate
}

// String is the signer as people give and read it: ed25519: with the public key in
// base64, or hmac. It never holds a secret. "" is none.
func (s *Signer) String() string {
	switch {
	case s == nil:
		return ""
	case s.Alg == Ed25519:
		return "ed25519:" + base64.StdEncoding.EncodeToString(s.Public)
	}
	return "hmac"
}

// GoString is String.
func (s *Signer) GoString() string { return s.String() }

// ParseSigner reads what String writes. A public key may stand in base64 as its 32
// bytes (RFC 8032) or as what `openssl pkey -pubout` writes between its lines
// (RFC 8410). A signer of HMAC still lacks its secret.
func ParseSigner(text string) (*Signer, error) {
	if text == "hmac" {
		return &Signer{Alg: HMAC}, nil
	}
	b64, ok := strings.CutPrefix(text, "ed25519:")
	if !ok {
		return nil, fault.At(fault.Invalid, "body.sign", "sign is hmac, or ed25519: with the public key in base64")
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(b64)
	if err != nil || len(raw) > 64 {
		return nil, fault.At(fault.Invalid, "body.sign", "the public key is not base64 of 32 bytes; `openssl pkey -in key.pem -pubout` writes it between its lines")
	}
	if len(raw) != ed25519.PublicKeySize {
		p, err := x509.ParsePKIXPublicKey(raw)
		pub, is := p.(ed25519.PublicKey)
		if err != nil || !is {
			return nil, fault.At(fault.Invalid, "body.sign", "the public key has %d bytes and is no Ed25519 key; give 32 bytes, or the key as openssl writes it", len(raw))
		}
		raw = pub
	}
	return &Signer{Alg: Ed25519, Public: raw}, nil
}
