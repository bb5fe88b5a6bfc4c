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

// The algorithms of RFC 7518 and RFC 8037. Tokens of ours have one of the first two;
// the assertion of a client may have any. There is no HMAC, so a public key cannot be
// taken for a shared one.
const (
	EdDSA = "EdDSA" // with Ed25519
	ES256 = "ES256" // ECDSA on P-256 with SHA-256
	PS256 = "PS256" // RSASSA-PSS with SHA-256
	RS256 = "RS256" // RSASSA-PKCS1-v1_5 with SHA-256
)

// assertionAlgs are those of clients, for the metadata.
func assertionAlgs() []string { return []string{EdDSA, ES256, PS256, RS256} }

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

// check proves a compact JWS with a key and gives its payload. alg is what the key is
// for; a header that says another is refused.
func check(token string, h head, key crypto.PublicKey, alg string) ([]byte, error) {
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
	switch alg {
	case ES256:
		return jwa.ES256()
	case PS256:
		return jwa.PS256()
	case RS256:
		return jwa.RS256()
	}
	return jwa.EdDSA()
}

func isP256(key crypto.PublicKey) bool {
	k, ok := key.(*ecdsa.PublicKey)
	return ok && k != nil && k.Curve == elliptic.P256()
}
