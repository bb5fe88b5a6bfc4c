package gate

import (
	"crypto/rand"
	"hash/crc32"
)

// A token is asy_{live|test}_{kid:11}{secret:43}{crc:6}, all base62. The kid is
// public and the lookup key; the secret has 256 bits; the crc is a CRC-32 (IEEE) of
// everything before it, against typing errors and for secret scanners. It is no
// security check.
const (
	kidLen    = 11
	secretLen = 43
	crcLen    = 6
	prefixLen = len("asy_live_")
	bodyLen   = prefixLen + kidLen + secretLen
	// TokenLen is the length of every token.
	TokenLen = bodyLen + crcLen
)

// TokenPattern finds tokens in text; give it to secret scanners.
const TokenPattern = `asy_(live|test)_[0-9A-Za-z]{60}`

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// kid is the public part of a token.
type kid [kidLen]byte

// token is one as text: it prints as "secret".
type token [TokenLen]byte

func (token) String() string   { return "secret" }
func (token) GoString() string { return "secret" }

// newToken draws a token for env, "live" or "test". crypto/rand does not fail: it
// ends the program when the system has no randomness.
func newToken(env string) (t token, k kid) {
	copy(t[:], "asy_"+env+"_")
	var pool [96]byte
	left := 0
	for i := prefixLen; i < bodyLen; {
		if left == 0 {
			rand.Read(pool[:])
			left = len(pool)
		}
		left--
		if c := pool[left] & 63; c < 62 { // reject 62 and 63: every character is equally likely
			t[i] = base62[c]
			i++
		}
	}
	sum := checksum(t[:bodyLen])
	copy(t[bodyLen:], sum[:])
	copy(k[:], t[prefixLen:])
	return t, k
}

// checksum is the CRC of the body as six base62 digits.
func checksum(body []byte) (out [crcLen]byte) {
	sum := crc32.ChecksumIEEE(body)
	for i := crcLen - 1; i >= 0; i-- {
		out[i] = base62[sum%62]
		sum /= 62
	}
	return out
}

// parse checks the form and the checksum of what a caller sent, before anything else
// is computed from it, and writes it to t.
func parse(s string, t *token) (k kid, ok bool) {
	if len(s) != TokenLen || (s[:prefixLen] != "asy_live_" && s[:prefixLen] != "asy_test_") {
		return k, false
	}
	for i := prefixLen; i < len(s); i++ {
		if !digits[s[i]] {
			return k, false
		}
	}
	copy(t[:], s)
	if checksum(t[:bodyLen]) != [crcLen]byte(t[bodyLen:]) {
		return k, false
	}
	copy(k[:], t[prefixLen:])
	return k, true
}

// digits are the characters of base62.
var digits = func() (is [256]bool) {
	for i := range len(base62) {
		is[base62[i]] = true
	}
	return is
}()
