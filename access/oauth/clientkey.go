package oauth

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"slices"

	"github.com/lestrrat-go/jwx/v3/jwk"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/fault"
)

// MaxClientKeySet is the most bytes of a client's key set.
const MaxClientKeySet = 32 << 10

const (
	minRSA, maxRSA = 2048, 4096 // bits; more only costs us time
	maxKid         = 128        // bytes
)

// privateParts are members of a JWK that nobody but its owner may have.
var privateParts = []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"}

// ParseClientKeys reads the public keys of a client from a JWK set (RFC 7517): Ed25519,
// P-256, or RSA of 2048 to 4096 bits with its algorithm. A key without an id has its
// thumbprint as one. Refused: private keys, addresses of keys, the same key or id
// twice, more than access.MaxClientKeys. A set without keys gives none.
func ParseClientKeys(doc []byte) ([]access.ClientKey, error) {
	if len(doc) > MaxClientKeySet {
		return nil, fault.At(fault.TooLarge, "keys", "a set of public keys has at most %d bytes", MaxClientKeySet)
	}
	var set struct {
		Keys []map[string]json.RawMessage `json:"keys"`
	}
	d := json.NewDecoder(bytes.NewReader(doc))
	if err := d.Decode(&set); err != nil || d.More() || set.Keys == nil {
		return nil, fault.At(fault.Invalid, "keys", `this is not a JWK set such as {"keys":[{"kty":"OKP","crv":"Ed25519","x":"..."}]}`)
	}
	if len(set.Keys) > access.MaxClientKeys {
		return nil, fault.At(fault.Invalid, "keys", "a ring has at most %d public keys: take old ones out", access.MaxClientKeys)
	}
	var out []access.ClientKey
	for i, members := range set.Keys {
		k, err := clientKey(members)
		if err != nil {
			return nil, fault.At(fault.Of(err), "keys", "key %d of the set: %s", i+1, fault.Public(err))
		}
		if slices.ContainsFunc(out, func(o access.ClientKey) bool { return o.Kid == k.Kid || o.Thumbprint == k.Thumbprint }) {
			return nil, fault.At(fault.Invalid, "keys", "key %d of the set, or its kid, is in the set twice", i+1)
		}
		out = append(out, k)
	}
	return out, nil
}

func clientKey(members map[string]json.RawMessage) (k access.ClientKey, err error) {
	for _, m := range privateParts {
		if _, has := members[m]; has {
			return k, fault.New(fault.Invalid, "it is a private or secret key (it has %q): never send that, make a new one, and send its public part", m)
		}
	}
	if _, has := members["x5u"]; has {
		return k, fault.New(fault.Invalid, "keys are not fetched from an address (x5u): send the key itself")
	}
	var words [3]string
	for i, name := range []string{"kid", "alg", "use"} {
		raw, has := members[name]
		if has && (json.Unmarshal(raw, &words[i]) != nil || words[i] == "") {
			return k, fault.New(fault.Invalid, "its %s is not a text", name)
		}
	}
	kid, alg, use := words[0], words[1], words[2]
	if use != "" && use != "sig" {
		return k, fault.New(fault.Invalid, "its use is not sig")
	}
	if len(kid) > maxKid {
		return k, fault.New(fault.Invalid, "its kid has more than %d bytes", maxKid)
	}
	raw, err := json.Marshal(members)
	if err != nil {
		return k, fault.New(fault.Invalid, "it is not a JWK")
	}
	parsed, err := jwk.ParseKey(raw)
	if err != nil {
		return k, fault.New(fault.Invalid, "it is not a JWK")
	}
	var public any
	if err := jwk.Export(parsed, &public); err != nil {
		return k, fault.Wrap(fault.Invalid, err, "it is not a public key of a kind known here: use Ed25519, P-256 or RSA")
	}
	if k.Alg, err = algOf(public, alg); err != nil {
		return k, err
	}
	if k.Public, err = x509.MarshalPKIXPublicKey(public); err != nil {
		return k, fault.Wrap(fault.Invalid, err, "it is not a public key of a kind known here: use Ed25519, P-256 or RSA")
	}
	sum, err := parsed.Thumbprint(crypto.SHA256)
	if err != nil {
		return k, fault.Wrap(fault.Internal, err, "it has no thumbprint")
	}
	k.Thumbprint = base64.RawURLEncoding.EncodeToString(sum)
	if k.Kid = kid; kid == "" {
		k.Kid = k.Thumbprint
	}
	return k, nil
}

// algOf gives the algorithm of a client's key; said is what its JWK says.
func algOf(public crypto.PublicKey, said string) (string, error) {
	if r, ok := public.(*rsa.PublicKey); ok {
		switch bits := r.N.BitLen(); {
		case bits < minRSA || bits > maxRSA:
			return "", fault.New(fault.Invalid, "it is an RSA key of %d bits; use %d to %d, or better Ed25519", bits, minRSA, maxRSA)
		case r.E < 65537 || r.E%2 == 0:
			return "", fault.New(fault.Invalid, "it is an RSA key with a weak exponent; use 65537")
		case said != PS256 && said != RS256:
			return "", fault.New(fault.Invalid, `it is an RSA key: say "alg":"PS256" (or RS256), for it is used with one only`)
		}
		return said, nil
	}
	alg := algorithm(public)
	if alg == "" || said != "" && said != alg {
		return "", fault.New(fault.Invalid, "use Ed25519 with EdDSA, P-256 with ES256, or RSA with PS256 or RS256")
	}
	return alg, nil
}

// KeyName is how a Ledger of revocations names all tokens that were lent for a
// client's public key.
func KeyName(client, thumbprint string) string { return "key/" + client + "/" + thumbprint }
