package emulator

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/pem"
	"fmt"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
)

// Key is a key to a simulated account. Keys are made up from the world's seed; they open
// nothing anywhere.
type Key struct {
	Key        string // what names it; of Hyperliquid the address of its wallet
	Secret     string // a text, base64 or a private key, as the venue hands it out
	Passphrase string // where the venue has one
	ReadOnly   bool   // it may look and not trade

	account *account
}

// Keys are those of the venue's simulated account: one that may trade, and one that may
// only read.
func (v *Venue) Keys() []Key {
	var out []Key
	for _, k := range v.ring.keys {
		out = append(out, *k)
	}
	return out
}

// draw gives bytes that belong to a seed and a purpose.
func draw(seed uint64, purpose string) [32]byte {
	return sha256.Sum256(append(binary.BigEndian.AppendUint64([]byte("a simulated exchange's key "), seed), purpose...))
}

// issue makes up a key as the venue would.
func (v *Venue) issue(name string, readOnly bool) *Key {
	a, b := draw(v.world.seed, string(v.id)+name+"key"), draw(v.world.seed, string(v.id)+name+"secret")
	k := &Key{Key: "sim-" + hex.EncodeToString(a[:8]), Secret: "sim-" + hex.EncodeToString(b[:16]), ReadOnly: readOnly}
	switch v.id {
	case "kraken", "krakenfutures":
		k.Secret = base64.StdEncoding.EncodeToString(b[:])
	case "coinbaseexchange":
		k.Secret, k.Passphrase = base64.StdEncoding.EncodeToString(b[:]), "sim-pass"
	case "okx", "kucoin", "kucoinfutures", "bitget":
		k.Passphrase = "sim-pass"
	case "gemini":
		k.Key = "account-" + k.Key
	case "coinbase":
		k.Key = fmt.Sprintf("organizations/%x-%x-4%03x-8%03x-%x/apiKeys/%x-%x-4%03x-8%03x-%x",
			a[:4], a[4:6], int(a[6])<<4, int(a[7])<<4, a[8:14], b[:4], b[4:6], int(b[6])<<4, int(b[7])<<4, b[8:14])
		if p, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), b[:]); err == nil { // fails once in 2³²
			if der, err := x509.MarshalECPrivateKey(p); err == nil {
				k.Secret = string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}))
			}
		}
	case "hyperliquid":
		k.Secret = "0x" + hex.EncodeToString(b[:])
		k.Key = "0x" + hex.EncodeToString(keccak(secp256k1.PrivKeyFromBytes(b[:]).PubKey().SerializeUncompressed()[1:])[12:])
	}
	return k
}

// public is the public half of a secret that is a private key; nil of other secrets.
func (k *Key) public() crypto.PublicKey {
	block, _ := pem.Decode([]byte(k.Secret))
	if block == nil {
		return nil
	}
	if p, err := x509.ParseECPrivateKey(block.Bytes); err == nil {
		return &p.PublicKey
	}
	if p, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
		if s, ok := p.(crypto.Signer); ok {
			return s.Public()
		}
	}
	return nil
}
