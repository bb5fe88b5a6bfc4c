package gate

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"hash"
	"slices"
	"sync"

	"github.com/assayhq/assay/access"
)

// macs computes verifiers and seals. Both are HMAC-SHA-256: verifiers under the
// pepper, seals under a key derived from it, so that one can never pass as the other.
type macs struct {
	verify sync.Pool // of *mac
	seal   []byte
}

// mac is a keyed hash with room for its input and output, so that the hot path
// allocates nothing.
type mac struct {
	h   hash.Hash
	in  token
	out [sha256.Size]byte
}

func newMacs(pepper []byte) *macs {
	pepper = slices.Clone(pepper)
	d := hmac.New(sha256.New, pepper)
	d.Write([]byte("assay: seal of key rows, 1"))
	return &macs{
		verify: sync.Pool{New: func() any { return &mac{h: hmac.New(sha256.New, pepper)} }},
		seal:   d.Sum(nil),
	}
}

// matches tells in constant time whether t is the token behind a verifier. Known is
// false when there is no such key: the work is the same and the answer is no.
func (m *macs) matches(t *token, verifier *[32]byte, known bool) bool {
	x := m.verify.Get().(*mac)
	x.in = *t
	x.h.Reset()
	x.h.Write(x.in[:])
	x.h.Sum(x.out[:0])
	same := subtle.ConstantTimeCompare(x.out[:], verifier[:])
	x.in, x.out = token{}, [32]byte{}
	m.verify.Put(x)
	return same&b2i(known) == 1
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (m *macs) verifier(t *token) (v [32]byte) {
	x := m.verify.Get().(*mac)
	x.h.Reset()
	x.h.Write(t[:])
	x.h.Sum(v[:0])
	m.verify.Put(x)
	return v
}

// rowSeal covers every field of a key that grants something. Revoked and LastUsed are
// outside it: stores write them without knowing the pepper, and Revoked only takes away.
func (m *macs) rowSeal(k *access.Key) (s [32]byte) {
	b := make([]byte, 0, 256)
	text := func(s string) {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	text(k.ID)
	text(k.Org)
	text(k.App)
	text(k.Env)
	b = append(b, k.Verifier[:]...)
	b = binary.AppendVarint(b, int64(k.PepperVersion))
	scopes := slices.Sorted(slices.Values(k.Scopes))
	b = binary.AppendUvarint(b, uint64(len(scopes)))
	for _, x := range scopes {
		text(string(x))
	}
	b = binary.AppendVarint(b, int64(k.Rate))
	b = binary.AppendVarint(b, int64(k.Burst))
	expires := int64(0)
	if !k.Expires.IsZero() {
		expires = k.Expires.UnixMilli()
	}
	b = binary.AppendVarint(b, expires)
	h := hmac.New(sha256.New, m.seal)
	h.Write(b)
	h.Sum(s[:0])
	return s
}

func (m *macs) sealed(k *access.Key) bool {
	want := m.rowSeal(k)
	return subtle.ConstantTimeCompare(want[:], k.Seal[:]) == 1
}
