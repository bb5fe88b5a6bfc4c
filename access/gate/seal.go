package gate

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"hash"
	"maps"
	"slices"
	"sync"

	"github.com/assayhq/assay/fault"
)

// macs computes verifiers and seals, under one pepper. Both are HMAC-SHA-256:
// verifiers under the pepper itself, seals under a key derived from it, so that one
// can never pass as the other.
type macs struct {
	verify sync.Pool // of *mac
	seal   []byte
	aead   cipher.AEAD
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
	derive := func(purpose string) []byte {
		d := hmac.New(sha256.New, pepper)
		d.Write([]byte(purpose))
		return d.Sum(nil)
	}
	block, _ := aes.NewCipher(derive("assay: tokens kept for a repeated request, 1")) // 32 bytes: cannot fail
	aead, _ := cipher.NewGCM(block)
	return &macs{
		verify: sync.Pool{New: func() any { return &mac{h: hmac.New(sha256.New, pepper)} }},
		seal:   derive("assay: seal of records, 2"),
		aead:   aead,
	}
}

// take gives a mac to work with; put takes it back and forgets what was in it.
func (m *macs) take() *mac { return m.verify.Get().(*mac) }

func (m *macs) put(x *mac) {
	x.in, x.out = token{}, [sha256.Size]byte{}
	m.verify.Put(x)
}

// proves tells in constant time whether the token in x is the one behind a verifier.
// known is 0 when there is no such key: the work is the same and the answer is no.
func (x *mac) proves(verifier *[32]byte, known int) bool {
	x.h.Reset()
	x.h.Write(x.in[:])
	x.h.Sum(x.out[:0])
	return subtle.ConstantTimeCompare(x.out[:], verifier[:])&known == 1
}

func (m *macs) verifier(t *token) (v [32]byte) {
	x := m.verify.Get().(*mac)
	x.h.Reset()
	x.h.Write(t[:])
	x.h.Sum(v[:0])
	m.verify.Put(x)
	return v
}

// A sealed body is: format 2, the pepper's version, 32 bytes of seal, the content. The
// seal covers the kind, the id and the epoch too: neither another row's body nor an
// older one of the same row fits.
const sealedHead = 1 + 2 + sha256.Size

func (m *macs) sum(kind, id string, epoch int64, version int, content []byte) []byte {
	h := hmac.New(sha256.New, m.seal)
	b := make([]byte, 0, 64)
	for _, s := range []string{kind, id} {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	b = binary.AppendVarint(b, epoch)
	b = binary.AppendVarint(b, int64(version))
	h.Write(b)
	h.Write(content)
	return h.Sum(nil)
}

// peppers are all that are valid, by version; the highest makes what is new.
type peppers struct {
	by     map[int]*macs
	newest int
}

func newPeppers(secrets map[int][]byte) (*peppers, error) {
	p := &peppers{by: map[int]*macs{}}
	for _, v := range slices.Sorted(maps.Keys(secrets)) {
		if len(secrets[v]) < 32 {
			return nil, fault.New(fault.Invalid, "pepper %d has %d bytes; it needs at least 32", v, len(secrets[v]))
		}
		if v < 1 || v > 250 {
			return nil, fault.New(fault.Invalid, "pepper versions are 1 to 250, not %d", v)
		}
		p.by[v], p.newest = newMacs(secrets[v]), v
	}
	if p.newest == 0 {
		return nil, fault.New(fault.Invalid, "there is no pepper")
	}
	return p, nil
}

func (p *peppers) seal(kind, id string, epoch int64, content []byte) []byte {
	b := make([]byte, 0, sealedHead+len(content))
	b = append(b, 2)
	b = binary.BigEndian.AppendUint16(b, uint16(p.newest))
	b = append(b, p.by[p.newest].sum(kind, id, epoch, p.newest, content)...)
	return append(b, content...)
}

// open gives the content of a sealed body, when the seal fits.
func (p *peppers) open(kind, id string, epoch int64, body []byte) ([]byte, bool) {
	if len(body) < sealedHead || body[0] != 2 {
		return nil, false
	}
	version := int(binary.BigEndian.Uint16(body[1:]))
	m := p.by[version]
	if m == nil {
		return nil, false
	}
	content := body[sealedHead:]
	return content, hmac.Equal(m.sum(kind, id, epoch, version, content), body[3:sealedHead])
}

// encrypt keeps something in the store that only whoever has the pepper can read; about
// is bound to it. The result begins with the pepper's version.
func (p *peppers) encrypt(plain []byte, about string) []byte {
	m := p.by[p.newest]
	out := make([]byte, 1+m.aead.NonceSize(), 1+m.aead.NonceSize()+len(plain)+m.aead.Overhead())
	out[0] = byte(p.newest)
	rand.Read(out[1:])
	return m.aead.Seal(out, out[1:], plain, []byte(about))
}

// decrypt gives back what encrypt was given; ok is false for anything else.
func (p *peppers) decrypt(hidden []byte, about string) (plain []byte, ok bool) {
	if len(hidden) < 1 || p.by[int(hidden[0])] == nil {
		return nil, false
	}
	m, b := p.by[int(hidden[0])], hidden[1:]
	if len(b) < m.aead.NonceSize() {
		return nil, false
	}
	plain, err := m.aead.Open(nil, b[:m.aead.NonceSize()], b[m.aead.NonceSize():], []byte(about))
	return plain, err == nil
}
