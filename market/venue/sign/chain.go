package sign

import (
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"
	"golang.org/x/crypto/sha3"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/internal/scan"
)

func hexOf(b []byte) string { return hex.EncodeToString(b) }

// Keccak is the hash of Ethereum, which is SHA-3 with the padding of before the standard.
func Keccak(parts ...[]byte) [32]byte {
	h := sha3.NewLegacyKeccak256()
	for _, p := range parts {
		h.Write(p)
	}
	var out [32]byte
	h.Sum(out[:0])
	return out
}

// Recoverable signs a hash with a key of secp256k1, given in hexadecimal, as Ethereum
// does: r and s, and v of 27 or 28, from which the address can be recovered.
func Recoverable(key string, sum [32]byte) (r, s [32]byte, v byte, err error) {
	b, e := hex.DecodeString(strings.TrimPrefix(strings.TrimSpace(key), "0x"))
	var k secp256k1.ModNScalar
	if e != nil || len(b) != 32 || k.SetByteSlice(b) || k.IsZero() {
		return r, s, 0, fault.At(fault.Invalid, "secret", "the secret is a private key of 32 bytes in hexadecimal; what was given is not")
	}
	c := ecdsa.SignCompact(secp256k1.NewPrivateKey(&k), sum[:], false)
	copy(r[:], c[1:33])
	copy(s[:], c[33:])
	return r, s, c[0], nil
}

// Pack turns JSON into MessagePack. Members keep their order, whole numbers take their
// shortest form; other numbers are an error, since what is signed has to be exact.
func Pack(json string) ([]byte, error) {
	c := scan.New([]byte(json))
	out := pack(&c, nil, 0)
	if err := c.End(); err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "what is to be signed cannot be packed")
	}
	return out, nil
}

// deepest is how deep values may lie in each other.
const deepest = 32

func pack(c *scan.Cursor, out []byte, depth int) []byte {
	if depth > deepest {
		c.Fail("values lie too deep in each other")
		return out
	}
	switch c.Peek() {
	case '{':
		n, inner := 0, []byte(nil)
		for ok := c.Obj(); ok && c.NextKey(); n++ {
			name, ok := scan.Unescape(nil, c.K)
			if !ok {
				c.Fail("key with a bad escape")
			}
			inner = pack(c, text(inner, name), depth+1)
		}
		return append(sized(out, n, 0x80, 15, 0xde), inner...)
	case '[':
		n, inner := 0, []byte(nil)
		for ok := c.Arr(); ok && c.NextItem(); n++ {
			inner = pack(c, inner, depth+1)
		}
		return append(sized(out, n, 0x90, 15, 0xdc), inner...)
	case '"':
		return text(out, c.Str())
	}
	switch w := string(c.Raw()); w {
	case "null":
		return append(out, 0xc0)
	case "false":
		return append(out, 0xc2)
	case "true":
		return append(out, 0xc3)
	default:
		if n, err := strconv.ParseUint(w, 10, 64); err == nil {
			return unsigned(out, n)
		}
		if n, err := strconv.ParseInt(w, 10, 64); err == nil {
			return negative(out, n)
		}
		c.Fail("expected a whole number")
	}
	return out
}

// sized writes the head of something with n items: small ones in one byte, others in
// three or five.
func sized(out []byte, n int, small byte, most int, wide byte) []byte {
	switch {
	case n <= most:
		return append(out, small|byte(n))
	case n < 1<<16:
		return append(out, wide, byte(n>>8), byte(n))
	}
	return append(out, wide+1, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
}

func text(out, s []byte) []byte {
	if len(s) > 31 && len(s) < 256 {
		return append(append(out, 0xd9, byte(len(s))), s...)
	}
	return append(sized(out, len(s), 0xa0, 31, 0xda), s...)
}

func unsigned(out []byte, n uint64) []byte {
	switch {
	case n < 1<<7:
		return append(out, byte(n))
	case n < 1<<8:
		return append(out, 0xcc, byte(n))
	case n < 1<<16:
		return append(out, 0xcd, byte(n>>8), byte(n))
	case n < 1<<32:
		return append(out, 0xce, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
	}
	return append(out, 0xcf, byte(n>>56), byte(n>>48), byte(n>>40), byte(n>>32), byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
}

func negative(out []byte, n int64) []byte {
	switch {
	case n >= -32:
		return append(out, byte(n))
	case n >= -1<<7:
		return append(out, 0xd0, byte(n))
	case n >= -1<<15:
		return append(out, 0xd1, byte(n>>8), byte(n))
	case n >= -1<<31:
		return append(out, 0xd2, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
	}
	return append(out, 0xd3, byte(n>>56), byte(n>>48), byte(n>>40), byte(n>>32), byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
}
