// Package leaks finds what looks like a secret in text: keys with a checksum that fits,
// private keys, password hashes, secrets of second factors and of webhooks, JSON Web
// Tokens. Tests ask it of logs and of what is exported, cmd/logscan of the output of
// other programs. It never repeats what it found, and knows nobody.
//
// A token is found by its form and its checksum, so a text that only speaks of tokens,
// such as asy_live_..., is none.
package leaks

import (
	"hash/crc32"
	"regexp"
)

// Finding is a place that looks like a secret. The secret is not in it.
type Finding struct {
	What string // token, private key, password hash ...
	Line int    // from 1
	At   int    // offset in the text, in bytes
}

var kinds = []struct {
	what string
	form *regexp.Regexp
}{
	{"token", regexp.MustCompile(`asy_(?:live|test)_[0-9A-Za-z]{60}`)},
	{"private key", regexp.MustCompile(`-----BEGIN [A-Z ]*PRIVATE KEY-----|PRIVATE\+KEY\+[a-z0-9./-]+\+[0-9a-f]{8}\+`)},
	{"private JWK", regexp.MustCompile(`"d"\s*:\s*"[0-9A-Za-z_-]{43}"`)},
	{"password hash", regexp.MustCompile(`\$argon2(?:id|i|d)\$v=\d+\$m=\d+,t=\d+,p=\d+\$[0-9A-Za-z+/]{16,}`)},
	{"second factor", regexp.MustCompile(`otpauth://[a-z]+/[^\s"]*secret=[A-Z2-7]{16,}`)},
	{"webhook secret", regexp.MustCompile(`whsec_[0-9A-Za-z+/]{32,}={0,2}`)},
	{"JSON Web Token", regexp.MustCompile(`eyJ[0-9A-Za-z_-]{10,}\.eyJ[0-9A-Za-z_-]{10,}\.[0-9A-Za-z_-]{40,}`)},
}

// Find gives every place of text that looks like a secret.
func Find(text []byte) (out []Finding) {
	for _, k := range kinds {
		for _, at := range k.form.FindAllIndex(text, -1) {
			if k.what == "token" && !whole(text[at[0]:at[1]]) {
				continue
			}
			line := 1
			for _, c := range text[:at[0]] {
				if c == '\n' {
					line++
				}
			}
			out = append(out, Finding{k.what, line, at[0]})
		}
	}
	return out
}

// whole tells whether a token's last six characters are the CRC-32 of the rest in base62.
func whole(token []byte) bool {
	const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	body := token[:len(token)-6]
	sum := crc32.ChecksumIEEE(body)
	for i := len(token) - 1; i >= len(body); i-- {
		if token[i] != digits[sum%62] {
			return false
		}
		sum /= 62
	}
	return true
}
