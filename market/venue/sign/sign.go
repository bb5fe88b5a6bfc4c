// Package sign is what the signatures of exchanges are made of: keyed hashes in the
// encodings that venues want, tokens, and signatures of curves.
//
// It knows no venue that Assay connects to: those have a sign.go of their own. others.go
// has the schemes of exchanges without a connector, so that one is a folder away. All is
// pure and gives the same bytes for the same input: signatures of ECDSA take their nonce
// from the text (RFC 6979), so they need no randomness and can be compared in a test.
// Errors never hold any part of a key. The sign functions of the connectors use it.
package sign

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"net/url"
	"slices"
	"strings"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/internal/scan"
)

// Keyed is a keyed hash of texts, one behind the other.
func Keyed(h func() hash.Hash, key []byte, text ...string) []byte {
	m := hmac.New(h, key)
	for _, t := range text {
		m.Write([]byte(t))
	}
	return m.Sum(nil)
}

// Hex256 is HMAC-SHA256 in hexadecimal; the most common signature there is.
func Hex256(secret string, text ...string) string {
	return hex.EncodeToString(Keyed(sha256.New, []byte(secret), text...))
}

// Hex384 is HMAC-SHA384 in hexadecimal.
func Hex384(secret string, text ...string) string {
	return hex.EncodeToString(Keyed(sha512.New384, []byte(secret), text...))
}

// Hex512 is HMAC-SHA512 in hexadecimal.
func Hex512(secret string, text ...string) string {
	return hex.EncodeToString(Keyed(sha512.New, []byte(secret), text...))
}

// Base256 is HMAC-SHA256 in base64.
func Base256(secret string, text ...string) string {
	return base64.StdEncoding.EncodeToString(Keyed(sha256.New, []byte(secret), text...))
}

// FromBase64 decodes a secret that a venue gives out as base64.
func FromBase64(venue, secret string) ([]byte, error) {
	b, err := base64.StdEncoding.DecodeString(strings.TrimSpace(secret))
	if err != nil || len(b) == 0 {
		return nil, fault.At(fault.Invalid, "secret", "the secret of %s is base64, with = at its end if need be; what was given is not", venue)
	}
	return b, nil
}

// Sorted orders a raw query by name, then by value, and keeps its encoding.
func Sorted(query string) string {
	if query == "" {
		return ""
	}
	pairs := strings.Split(query, "&")
	slices.SortStableFunc(pairs, func(a, b string) int {
		m, x, _ := strings.Cut(a, "=")
		n, y, _ := strings.Cut(b, "=")
		if c := strings.Compare(m, n); c != 0 {
			return c
		}
		return strings.Compare(x, y)
	})
	return strings.Join(pairs, "&")
}

// Join puts parts of a query together and leaves empty ones out.
func Join(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(p string) bool { return p == "" }), "&")
}

// Plain is a query without its encoding, pair by pair. What cannot be decoded stays.
func Plain(query string) string {
	if !strings.ContainsAny(query, "%+") {
		return query
	}
	p, err := url.QueryUnescape(query)
	if err != nil {
		return query
	}
	return p
}

// Members gives the members of a flat JSON object as a query in their order, not encoded;
// an array is its name with [] for each item. It is what some venues hash of a body.
func Members(body string) (string, error) {
	c := scan.New([]byte(body))
	var out []string
	for ok := c.Obj(); ok && c.NextKey(); {
		name := string(c.K)
		switch c.Peek() {
		case '[':
			for ok := c.Arr(); ok && c.NextItem(); {
				out = append(out, name+"[]="+string(c.Raw()))
			}
		case '{':
			c.Fail("an object inside")
		default:
			out = append(out, name+"="+string(c.Raw()))
		}
	}
	if err := c.End(); err != nil {
		return "", fault.Wrap(fault.Invalid, err, "the body is no flat JSON object, which is what this venue signs")
	}
	return strings.Join(out, "&"), nil
}

// Inner is what stands between the braces of a JSON object, "" for none.
func Inner(body string) (string, error) {
	b := strings.TrimSpace(body)
	if b == "" {
		return "", nil
	}
	if len(b) < 2 || b[0] != '{' || b[len(b)-1] != '}' {
		return "", fault.New(fault.Invalid, "the body is no JSON object, which is what this venue signs")
	}
	return strings.TrimSpace(b[1 : len(b)-1]), nil
}

// Base64 is standard base64 of a text.
func Base64(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

// Quote writes a text as a JSON string.
func Quote(text string) string {
	const digits = "0123456789abcdef"
	b := []byte{'"'}
	for i := range len(text) {
		switch c := text[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < 0x20:
			b = append(b, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		default:
			b = append(b, c)
		}
	}
	return string(append(b, '"'))
}
