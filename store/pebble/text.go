package pebble

import (
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"strings"
)

// The ways a column of texts is written.
const (
	oneText  = iota // the same for all rows
	fewTexts        // a dictionary and a small column
	allTexts        // lengths, then all bytes
	numbers         // plain decimal numbers below 2^63, as a column of integers
	uuids           // lower-case UUIDs as 16 bytes each
)

// appendTexts writes a column of texts. c lends its scratch space.
func (c *coder) appendTexts(dst []byte, vs []string) []byte {
	same := true
	for _, v := range vs {
		if v != vs[0] {
			same = false
			break
		}
	}
	if same {
		dst = append(dst, oneText)
		return appendText(dst, vs[0])
	}
	if c.numbers(vs) {
		dst = append(dst, numbers)
		return appendInts(dst, c.a)
	}
	if isUUID(vs[0]) && isUUID(vs[len(vs)-1]) {
		if out, ok := appendUUIDs(append(dst, uuids), vs); ok {
			return out
		}
	}
	if places, dict, ok := c.few(vs); ok {
		dst = append(dst, fewTexts, byte(len(dict)))
		for _, d := range dict {
			dst = appendText(dst, d)
		}
		return appendSmall(dst, places)
	}
	dst = append(dst, allTexts)
	c.a = c.a[:0]
	for _, v := range vs {
		c.a = append(c.a, int64(len(v)))
	}
	dst = appendInts(dst, c.a)
	for _, v := range vs {
		dst = append(dst, v...)
	}
	return dst
}

func appendText(dst []byte, s string) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(s)))
	return append(dst, s...)
}

func (r *reader) text() string { return string(r.take(r.uvarint())) }

// number reads a plain decimal number without leading zeros that fits 19 digits.
func number(s string) (uint64, bool) {
	if len(s) == 0 || len(s) > 19 || (s[0] == '0' && len(s) > 1) {
		return 0, false
	}
	var n uint64
	for i := range len(s) {
		d := s[i] - '0'
		if d > 9 {
			return 0, false
		}
		n = n*10 + uint64(d)
	}
	return n, true
}

// numbers fills c.a when every text is a number that an int64 holds.
func (c *coder) numbers(vs []string) bool {
	c.a = c.a[:0]
	for _, v := range vs {
		n, ok := number(v)
		if !ok || n > 1<<63-1 {
			return false
		}
		c.a = append(c.a, int64(n))
	}
	return true
}

// few finds at most 255 different texts, giving up when they are too many to pay.
func (c *coder) few(vs []string) (places []byte, dict []string, ok bool) {
	c.small = c.small[:0]
	most := min(255, len(vs)/4+1)
	var at map[string]byte
	for _, v := range vs {
		p, known := byte(0), false
		if at != nil {
			p, known = at[v]
		} else {
			for i, d := range dict {
				if d == v {
					p, known = byte(i), true
					break
				}
			}
		}
		if !known {
			if len(dict) == most {
				return nil, nil, false
			}
			p = byte(len(dict))
			dict = append(dict, v)
			if at != nil {
				at[v] = p
			} else if len(dict) > 16 {
				at = make(map[string]byte, most)
				for i, d := range dict {
					at[d] = byte(i)
				}
			}
		}
		c.small = append(c.small, p)
	}
	return c.small, dict, true
}

func isUUID(s string) bool {
	return len(s) == 36 && s[8] == '-' && s[13] == '-' && s[18] == '-' && s[23] == '-'
}

// uuidCuts are the five groups of hex digits in a UUID's text.
var uuidCuts = [5][2]int{{0, 8}, {9, 13}, {14, 18}, {19, 23}, {24, 36}}

func appendUUIDs(dst []byte, vs []string) ([]byte, bool) {
	for _, v := range vs {
		if !isUUID(v) {
			return nil, false
		}
		for _, cut := range uuidCuts {
			for i := cut[0]; i < cut[1]; i += 2 {
				hi, lo := strings.IndexByte(hexDigits, v[i]), strings.IndexByte(hexDigits, v[i+1])
				if hi < 0 || lo < 0 {
					return nil, false
				}
				dst = append(dst, byte(hi<<4|lo))
			}
		}
	}
	return dst, true
}

const hexDigits = "0123456789abcdef"

// texts reads a column of len(dst) texts. All of them share one allocation.
func (r *reader) texts(c *coder, dst []string) {
	if len(dst) == 0 || r.err != nil {
		return
	}
	switch r.byte() {
	case oneText:
		s := r.text()
		for i := range dst {
			dst[i] = s
		}
	case fewTexts:
		dict := make([]string, r.byte())
		for i := range dict {
			dict[i] = r.text()
		}
		c.small = grow(c.small, len(dst))
		r.small(c.small)
		if r.err != nil {
			return
		}
		for i, p := range c.small {
			if int(p) >= len(dict) {
				r.fail()
				return
			}
			dst[i] = dict[p]
		}
	case allTexts:
		c.a = grow(c.a, len(dst))
		r.ints(c.a)
		var sum int64
		for _, n := range c.a {
			if n < 0 || n > int64(len(r.b)) {
				r.fail()
				return
			}
			sum += n
		}
		all := string(r.take(uint64(sum)))
		if r.err != nil {
			return
		}
		for i, n := range c.a {
			dst[i], all = all[:n], all[n:]
		}
	case numbers:
		c.a = grow(c.a, len(dst))
		r.ints(c.a)
		if r.err != nil {
			return
		}
		c.text = c.text[:0]
		for _, n := range c.a {
			c.text = strconv.AppendUint(c.text, uint64(n), 10)
		}
		all := string(c.text)
		for i, n := range c.a {
			w := digitsOf(uint64(n))
			dst[i], all = all[:w], all[w:]
		}
	case uuids:
		raw := r.take(uint64(len(dst)) * 16)
		if r.err != nil {
			return
		}
		c.text = grow(c.text, len(dst)*36)
		for i := range dst {
			out, in := c.text[i*36:], raw[i*16:]
			for _, cut := range uuidCuts {
				n := (cut[1] - cut[0]) / 2
				hex.Encode(out[cut[0]:cut[1]], in[:n])
				in = in[n:]
			}
			out[8], out[13], out[18], out[23] = '-', '-', '-', '-'
		}
		all := string(c.text)
		for i := range dst {
			dst[i], all = all[:36], all[36:]
		}
	default:
		r.fail()
	}
}

func digitsOf(n uint64) int {
	w := 1
	for n >= 10 {
		n /= 10
		w++
	}
	return w
}

func grow[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n, n+n/4)
	}
	return s[:n]
}
