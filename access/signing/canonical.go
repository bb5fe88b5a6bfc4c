package signing

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/assayhq/assay/fault"
)

const (
	// DefaultMaxBody is the most bytes of a body that are read to be digested.
	DefaultMaxBody = 1 << 20

	maxPath  = 2048
	maxQuery = 8192
	maxPairs = 256
)

// Parts are what a signature covers, as they are on the wire.
type Parts struct {
	Method string
	Path   string // with its percent-encoding, before the "?"
	Query  string // with its percent-encoding, after the "?"
	Body   []byte
	Header http.Header // only the four headers of a signature are read
}

// Read takes a request apart, of a client or of a server, and leaves its body as if
// unread. More than limit bytes (0: DefaultMaxBody) give fault.TooLarge.
func Read(req *http.Request, limit int64) (Parts, error) {
	if limit <= 0 {
		limit = DefaultMaxBody
	}
	p := Parts{Method: req.Method, Header: req.Header}
	if p.Method == "" {
		p.Method = http.MethodGet
	}
	if req.RequestURI != "" { // a server's request: the bytes that came, before anything was rewritten
		p.Path, p.Query, _ = strings.Cut(req.RequestURI, "?")
	} else if req.URL != nil {
		p.Path, p.Query = req.URL.EscapedPath(), req.URL.RawQuery
		if p.Path == "" {
			p.Path = "/"
		}
	}
	if req.Body == nil || req.Body == http.NoBody {
		return p, nil
	}
	body, err := io.ReadAll(io.LimitReader(req.Body, limit+1))
	closed := req.Body.Close()
	if err != nil {
		return p, fault.Wrap(fault.Invalid, err, "the body could not be read to its end")
	}
	if int64(len(body)) > limit {
		return p, fault.At(fault.TooLarge, "body", "the body of a signed request may have at most %d bytes", limit)
	}
	if closed != nil {
		return p, fault.Wrap(fault.Invalid, closed, "the body could not be closed")
	}
	p.Body = body
	req.Body = io.NopCloser(bytes.NewReader(body))
	req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	return p, nil
}

// Canonical is the text that is signed. Its rules:
//
//   - METHOD: 1 to 16 letters A-Z.
//   - PATH: begins with "/"; decoded once, then every byte outside A-Z a-z 0-9 - . _ ~
//     is written as %XX with upper-case digits, segment by segment. Refused: an encoded
//     or doubled slash, a backslash, "." and ".." segments, a percent sign that would
//     decode again, control characters, what is not UTF-8.
//   - SORTED-QUERY: pairs split at "&", key and value at the first "="; encoded by the
//     same rule; sorted by key, then value, as bytes of the encoded text; duplicates
//     kept; joined as key=value with "&" (a key alone is key=). Refused: "+" and ";"
//     (readers differ on them: write %20, %2B, %3B), empty pairs and keys, control
//     characters, what is not UTF-8, and a repeated key whose values are not in
//     ascending order on the wire: sorting would hide an exchange of them.
//   - SHA256HEX: lower case, of the body as sent; of no bytes when there is none.
func (p Parts) Canonical(ts, nonce, kid string) ([]byte, error) {
	sum := sha256.Sum256(p.Body)
	out := make([]byte, 0, 192+len(p.Path)+len(p.Query))
	out = append(out, "v1\n"...)
	out, err := p.appendTarget(out)
	if err != nil {
		return nil, err
	}
	out = append(out, '\n')
	out = hex.AppendEncode(out, sum[:])
	for _, s := range []string{ts, nonce, kid} {
		out = append(out, '\n')
		out = append(out, s...)
	}
	return out, nil
}

// Fingerprint is a digest of what is asked for: method, path, query and body, not
// the time, nonce or key. Retries of one request have the same, so package idem
// can tell a retry from another request under the same Idempotency-Key.
func (p Parts) Fingerprint() ([32]byte, error) {
	text, err := p.Canonical("", "", "")
	if err != nil {
		return [32]byte{}, err
	}
	return sha256.Sum256(text), nil
}

// appendTarget writes METHOD\nPATH\nSORTED-QUERY.
func (p Parts) appendTarget(out []byte) ([]byte, error) {
	if len(p.Method) == 0 || len(p.Method) > 16 {
		return nil, fault.At(fault.Invalid, "method", "the method must be 1 to 16 letters A-Z")
	}
	for i := range len(p.Method) {
		if p.Method[i] < 'A' || p.Method[i] > 'Z' {
			return nil, fault.At(fault.Invalid, "method", "the method must be 1 to 16 letters A-Z")
		}
	}
	out = append(out, p.Method...)
	out = append(out, '\n')
	out, err := appendPath(out, p.Path)
	if err != nil {
		return nil, err
	}
	out = append(out, '\n')
	return appendQuery(out, p.Query)
}

func appendPath(out []byte, path string) ([]byte, error) {
	if len(path) > maxPath {
		return nil, fault.At(fault.TooLarge, "path", "the path may have at most %d bytes", maxPath)
	}
	if path == "" || path[0] != '/' {
		return nil, fault.At(fault.Invalid, "path", "the path of a signed request must begin with a slash")
	}
	for i, seg := range strings.Split(path[1:], "/") {
		if seg == "" && i != strings.Count(path, "/")-1 {
			return nil, fault.At(fault.Invalid, "path", "the path has an empty segment: write one slash, not two")
		}
		out = append(out, '/')
		raw, err := decode(seg, "path")
		if err != nil {
			return nil, err
		}
		if raw == "." || raw == ".." {
			return nil, fault.At(fault.Invalid, "path", "the path has a %q segment: send it resolved", raw)
		}
		for j := range len(raw) {
			switch c := raw[j]; {
			case c == '/' || c == '\\':
				return nil, fault.At(fault.Invalid, "path", "the path has an encoded slash or a backslash, which readers take differently")
			case c == '%' && j+2 < len(raw) && isHex(raw[j+1]) && isHex(raw[j+2]):
				return nil, fault.At(fault.Invalid, "path", "the path is percent-encoded twice: encode it once")
			}
		}
		out = appendEncoded(out, raw)
	}
	return out, nil
}

type pair struct{ key, value string } // encoded

func appendQuery(out []byte, query string) ([]byte, error) {
	if query == "" {
		return out, nil
	}
	if len(query) > maxQuery || strings.Count(query, "&") >= maxPairs {
		return nil, fault.At(fault.TooLarge, "query", "the query may have at most %d bytes and %d parameters", maxQuery, maxPairs)
	}
	if i := strings.IndexAny(query, "+;"); i >= 0 {
		return nil, fault.At(fault.Invalid, "query", "the query has %q, which readers take differently: write %%20 for a space, %%2B for +, %%3B for ;", query[i:i+1])
	}
	pairs := make([]pair, 0, 8)
	for s := range strings.SplitSeq(query, "&") {
		k, v, _ := strings.Cut(s, "=")
		if k == "" {
			return nil, fault.At(fault.Invalid, "query", "the query has a parameter without a name: remove it")
		}
		k, err := normal(k)
		if err != nil {
			return nil, err
		}
		v, err = normal(v)
		if err != nil {
			return nil, err
		}
		pairs = append(pairs, pair{k, v})
	}
	slices.SortStableFunc(pairs, func(a, b pair) int { return strings.Compare(a.key, b.key) })
	for i, p := range pairs {
		if i > 0 {
			if p.key == pairs[i-1].key && p.value < pairs[i-1].value {
				return nil, fault.At(fault.Invalid, "query", "the values of a repeated parameter must be sent in ascending order")
			}
			out = append(out, '&')
		}
		out = append(out, p.key...)
		out = append(out, '=')
		out = append(out, p.value...)
	}
	return out, nil
}

// Query writes parameters as a query that can be signed: url.Values.Encode writes a
// space as "+", which is refused.
func Query(v url.Values) string {
	var pairs []pair
	for k, vs := range v {
		for _, s := range vs {
			pairs = append(pairs, pair{string(appendEncoded(nil, k)), string(appendEncoded(nil, s))})
		}
	}
	slices.SortFunc(pairs, func(a, b pair) int {
		return 2*strings.Compare(a.key, b.key) + strings.Compare(a.value, b.value)
	})
	var out strings.Builder
	for i, p := range pairs {
		if i > 0 {
			out.WriteByte('&')
		}
		out.WriteString(p.key + "=" + p.value)
	}
	return out.String()
}

// normal encodes s in its only spelling. Most text needs no change and no memory.
func normal(s string) (string, error) {
	plain := true
	for i := range len(s) {
		if !unreserved(s[i]) {
			plain = false
			break
		}
	}
	if plain {
		return s, nil
	}
	raw, err := decode(s, "query")
	if err != nil {
		return "", err
	}
	return string(appendEncoded(make([]byte, 0, len(s)+16), raw)), nil
}

var errEscape = errors.New("a percent sign without two hexadecimal digits")

// decode takes percent-encoding away once.
func decode(s, field string) (string, error) {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '%':
			if i+2 >= len(s) || !isHex(s[i+1]) || !isHex(s[i+2]) {
				return "", &fault.Error{Kind: fault.Invalid, Field: field, Public: "a percent sign must be followed by two hexadecimal digits; write %25 for a percent sign", Cause: errEscape}
			}
			c = unhex(s[i+1])<<4 | unhex(s[i+2])
			i += 2
		case c == '#' || c == ' ':
			return "", fault.At(fault.Invalid, field, "the %s has %q unencoded", field, c)
		}
		if c < ' ' || c == 0x7f {
			return "", fault.At(fault.Invalid, field, "the %s has a control character", field)
		}
		out = append(out, c)
	}
	if !utf8.Valid(out) {
		return "", fault.At(fault.Invalid, field, "the %s is not UTF-8", field)
	}
	return string(out), nil
}

func appendEncoded(out []byte, raw string) []byte {
	const digits = "0123456789ABCDEF"
	for i := range len(raw) {
		if c := raw[i]; unreserved(c) {
			out = append(out, c)
		} else {
			out = append(out, '%', digits[c>>4], digits[c&15])
		}
	}
	return out
}

// unreserved are the characters of RFC 3986 section 2.3.
func unreserved(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '.' || c == '_' || c == '~'
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func unhex(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	case c >= 'a':
		return c - 'a' + 10
	}
	return c - 'A' + 10
}
