package api

import (
	"net/url"
	"strings"
	"unicode/utf8"
)

// appendJSON appends s as a JSON string.
func appendJSON(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			if (r == utf8.RuneError && n == 1) || r == '\u2028' || r == '\u2029' {
				b = append(b, s[start:i]...)
				switch r {
				case '\u2028':
					b = append(b, `\u2028`...)
				case '\u2029':
					b = append(b, `\u2029`...)
				default:
					b = append(b, `\ufffd`...)
				}
				start = i + n
			}
			i += n
			continue
		}
		if c >= ' ' && c != '"' && c != '\\' {
			i++
			continue
		}
		b = append(b, s[start:i]...)
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\t':
			b = append(b, '\\', 't')
		case '\r':
			b = append(b, '\\', 'r')
		default:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
		i++
		start = i
	}
	b = append(b, s[start:]...)
	return append(b, '"')
}

// appendXML appends s as XML text that is also safe in an attribute.
func appendXML(b []byte, s string) []byte {
	for _, r := range s {
		switch {
		case r == '&':
			b = append(b, "&amp;"...)
		case r == '<':
			b = append(b, "&lt;"...)
		case r == '>':
			b = append(b, "&gt;"...)
		case r == '"':
			b = append(b, "&#34;"...)
		case r == '\n', r == '\t', r == '\r':
			b = append(b, "&#"...)
			if r == '\t' {
				b = append(b, "9;"...)
			} else {
				b = append(b, '1', byte('0'+r-'\n'), ';')
			}
		case r < ' ', r == 0x7f, r == 0xfffe, r == 0xffff:
			b = utf8.AppendRune(b, utf8.RuneError)
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return b
}

// appendCSV appends s as one cell, in quotes where RFC 4180 wants them. Text that a
// spreadsheet would take for a formula is given an apostrophe in front.
func appendCSV(b []byte, s string) []byte {
	if s != "" && strings.IndexByte("=+-@\t\r", s[0]) >= 0 {
		s = "'" + s
	}
	if !strings.ContainsAny(s, ",\"\r\n") {
		return append(b, s...)
	}
	b = append(b, '"')
	for i := range len(s) {
		if s[i] == '"' {
			b = append(b, '"')
		}
		b = append(b, s[i])
	}
	return append(b, '"')
}

// clip shortens a text for an error or a log line.
func clip(s string, n int) string {
	s = strings.ToValidUTF8(s, "\ufffd")
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}

func unescape(s string) string {
	if u, err := url.QueryUnescape(s); err == nil {
		return u
	}
	return s
}

// didYouMean adds the nearest of the words to a sentence.
func didYouMean(sentence, word string, words []string) string {
	if near := nearest(word, words, 1); len(near) > 0 {
		return sentence + "; did you mean " + near[0] + "?"
	}
	if len(words) > 0 && len(words) <= 12 {
		return sentence + "; there are " + strings.Join(words, ", ")
	}
	return sentence
}

// nearest gives up to n of the words that are a few slips away from the one given, or
// begin with it, the nearest first.
func nearest(word string, words []string, n int) []string {
	word = strings.ToLower(clip(word, 64))
	bound := 1 + len(word)/4
	type near struct {
		word  string
		slips int
	}
	var found []near
	for _, w := range words {
		d := slips(word, strings.ToLower(w))
		if len(word) > 1 && d > bound && strings.HasPrefix(strings.ToLower(w), word) {
			d = bound
		}
		if d > bound {
			continue
		}
		i := len(found)
		for i > 0 && found[i-1].slips > d {
			i--
		}
		found = append(found[:i], append([]near{{w, d}}, found[i:]...)...)
		found = found[:min(len(found), n)]
	}
	out := make([]string, len(found))
	for i, f := range found {
		out[i] = f.word
	}
	return out
}

// slips counts the letters wrong, missing or added between two words.
func slips(a, b string) int {
	if len(b) > 80 {
		return len(b)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		left := row[0]
		row[0] = i + 1
		for j := range len(b) {
			up := row[j+1]
			d := left
			if a[i] != b[j] {
				d++
			}
			row[j+1] = min(d, up+1, row[j]+1)
			left = up
		}
	}
	return row[len(b)]
}
