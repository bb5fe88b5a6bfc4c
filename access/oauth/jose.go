package oauth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/base64"
	"encoding/json"
	"strings"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jws"

	"github.com/assayhq/assay/fault"
)

// The algorithms. There is no RSA and no HMAC, so neither can be confused.
const (
	EdDSA = "EdDSA" // RFC 8037, with Ed25519
	ES256 = "ES256" // RFC 7518, ECDSA on P-256 with SHA-256
)

// head is what is read of a JOSE header. Where a header says to find keys (jku, jwk,
// x5u, x5c) is not read at all: keys come from us.
type head struct {
	Alg  string          `json:"alg"`
	Kid  string          `json:"kid"`
	Typ  string          `json:"typ"`
	Crit json.RawMessage `json:"crit"`
	B64  json.RawMessage `json:"b64"`
}

// header reads the header of a compact JWS. Nothing in it is proved yet.
func header(token string) (h head, err error) {
	if len(token) > maxToken || strings.Count(token, ".") != 2 {
		return h, errToken()
	}
	for i, part := range strings.Split(token, ".") {
		// All three strictly: a token has one spelling, so it is cached once.
		raw, err := base64.RawURLEncoding.Strict().DecodeString(part)
		if err != nil || i == 0 && json.Unmarshal(raw, &h) != nil {
			return h, errToken()
		}
	}
	// No extension is understood here, and RFC 7515 section 4.1.11 says to refuse
	// what is critical and not understood.
	if h.Crit != nil || h.B64 != nil || h.Kid == "" || len(h.Kid) > 128 {
		return h, errToken()
	}
	return h, nil
}

// check proves a compact JWS with a key and gives its payload. The key tells the
// algorithm; a header that says another is refused.
func check(token string, h head, key crypto.PublicKey) ([]byte, error) {
	alg := algorithm(key)
	if alg == "" || h.Alg != alg {
		return nil, errToken()
	}
	body, err := jws.Verify([]byte(token), jws.WithCompact(), jws.WithKey(jwaOf(alg), key))
	if err != nil {
		return nil, fault.Wrap(fault.Unauthentic, err, "the token is not valid")
	}
	return body, nil
}

func jwaOf(alg string) jwa.SignatureAlgorithm {
	if alg == ES256 {
		return jwa.ES256()
	}
	return jwa.EdDSA()
}

func isP256(key crypto.PublicKey) bool {
	k, ok := key.(*ecdsa.PublicKey)
	return ok && k != nil && k.Curve == elliptic.P256()
}
