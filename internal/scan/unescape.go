package scan

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// Unescape appends the meaning of the inside of a JSON string to dst. ok is false
// for a bad escape. Half a surrogate pair becomes U+FFFD, as in encoding/json.
func Unescape(dst, raw []byte) (out []byte, ok bool) {
	for {
		n := bytes.IndexByte(raw, '\\')
		if n < 0 || n+1 >= len(raw) {
			return append(dst, raw...), n < 0
		}
		dst = append(dst, raw[:n]...)
		e := raw[n+1]
		raw = raw[n+2:]
		switch e {
		case '"', '\\', '/':
			dst = append(dst, e)
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			r, good := hex4(raw)
			if !good {
				return dst, false
			}
			raw = raw[4:]
			if utf16.IsSurrogate(r) {
				second := rune(utf8.RuneError)
				if len(raw) >= 6 && raw[0] == '\\' && raw[1] == 'u' {
					if r2, good := hex4(raw[2:]); good {
						second = r2
					}
				}
				if r = utf16.DecodeRune(r, second); r != utf8.RuneError {
					raw = raw[6:]
				}
			}
			dst = utf8.AppendRune(dst, r)
		default:
			return dst, false
		}
	}
}

func hex4(b []byte) (rune, bool) {
	if len(b) < 4 {
		return 0, false
	}
	var r rune
	for _, c := range b[:4] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}
