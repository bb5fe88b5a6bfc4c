package sign

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"strings"

	"github.com/assayhq/assay/fault"
)

// Tokens are JSON Web Tokens in their short form (RFC 7515). Header and claims are taken
// as the text they are, because venues that hash tokens, and tests that compare them, look
// at the order of members.

func token(header, claims string, seal func(text []byte) ([]byte, error)) (string, error) {
	enc := base64.RawURLEncoding
	text := enc.EncodeToString([]byte(header)) + "." + enc.EncodeToString([]byte(claims))
	s, err := seal([]byte(text))
	if err != nil {
		return "", err
	}
	return text + "." + enc.EncodeToString(s), nil
}

// TokenHS256 makes a token with the header of HS256.
func TokenHS256(secret, claims string) string {
	t, _ := token(`{"alg":"HS256","typ":"JWT"}`, claims, func(text []byte) ([]byte, error) {
		return Keyed(sha256.New, []byte(secret), string(text)), nil
	})
	return t
}

// Token makes a token with a private key: ES256 of P-256, or EdDSA of Ed25519. The header
// has to say which.
func Token(key crypto.Signer, header, claims string) (string, error) {
	return token(header, claims, func(text []byte) ([]byte, error) {
		switch k := key.(type) {
		case ed25519.PrivateKey:
			return ed25519.Sign(k, text), nil
		case *ecdsa.PrivateKey:
			return es256(k, text)
		}
		return nil, fault.At(fault.Invalid, "secret", "the key is of a kind that signs no token here")
	})
}

// es256 is r and s with 32 bytes each. Without randomness crypto/ecdsa follows RFC 6979.
// Of the two s that count it takes the lesser, as other programs do, so that the same text
// has one signature.
func es256(k *ecdsa.PrivateKey, text []byte) ([]byte, error) {
	sum := sha256.Sum256(text)
	der, err := k.Sign(nil, sum[:], crypto.SHA256)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "a token could not be signed")
	}
	var rs struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(der, &rs); err != nil {
		return nil, fault.Wrap(fault.Internal, err, "a token could not be signed")
	}
	if n := k.Params().N; new(big.Int).Lsh(rs.S, 1).Cmp(n) > 0 {
		rs.S.Sub(n, rs.S)
	}
	out := make([]byte, 64)
	rs.R.FillBytes(out[:32])
	rs.S.FillBytes(out[32:])
	return out, nil
}

// PrivateKey reads what a venue gives out: PEM of an EC key of P-256 or of an Ed25519 key
// (also with \n in the place of line ends, as in its JSON), or base64 of an Ed25519 key.
func PrivateKey(venue, text string) (crypto.Signer, error) {
	wrong := fault.At(fault.Invalid, "secret", "the secret of %s is a private key: PEM of a P-256 or Ed25519 key, or base64 of an Ed25519 key; what was given is neither", venue)
	text = strings.TrimSpace(strings.ReplaceAll(text, `\n`, "\n"))
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		k, err := Ed25519(text)
		if err != nil {
			return nil, wrong
		}
		return k, nil
	}
	if k, err := x509.ParseECPrivateKey(block.Bytes); err == nil && k.Curve == elliptic.P256() {
		return k, nil
	}
	any, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, wrong
	}
	switch k := any.(type) {
	case ed25519.PrivateKey:
		return k, nil
	case *ecdsa.PrivateKey:
		if k.Curve == elliptic.P256() {
			return k, nil
		}
	}
	return nil, wrong
}

// Ed25519 reads base64 of the 32 bytes of a seed, or of seed and public key.
func Ed25519(text string) (ed25519.PrivateKey, error) {
	b, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	switch {
	case err == nil && len(b) == ed25519.SeedSize:
		return ed25519.NewKeyFromSeed(b), nil
	case err == nil && len(b) == ed25519.PrivateKeySize:
		return ed25519.NewKeyFromSeed(b[:ed25519.SeedSize]), nil
	}
	return nil, fault.At(fault.Invalid, "secret", "the secret is base64 of an Ed25519 key of 32 bytes; what was given is not")
}

// SHA512Hex is the plain hash that some venues sign in a body's place.
func SHA512Hex(text string) string {
	h := sha512.Sum512([]byte(text))
	return hexOf(h[:])
}

// Detached is the signature of a text by an Ed25519 key in PEM or base64, in base64.
func Detached(venue, secret, text string) (string, error) {
	k, err := PrivateKey(venue, secret)
	if err != nil {
		return "", err
	}
	e, ok := k.(ed25519.PrivateKey)
	if !ok {
		return "", fault.At(fault.Invalid, "secret", "%s takes Ed25519 keys, and no other private keys here", venue)
	}
	return base64.StdEncoding.EncodeToString(ed25519.Sign(e, []byte(text))), nil
}
