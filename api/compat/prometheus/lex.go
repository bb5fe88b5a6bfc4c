package prometheus

import (
	"strconv"
	"strings"
	"time"

	"github.com/assayhq/assay/fault"
)

// token is a piece of a query.
type token struct {
	kind byte // i identifier, n number, s string, d duration, o operator, 0 end
	text string
	num  float64
	dur  time.Duration
	pos  int
}

const maxTokens = 2000

// units of durations, longest spelling first.
var units = []struct {
	name string
	d    time.Duration
}{{"ms", time.Millisecond}, {"s", time.Second}, {"m", time.Minute}, {"h", time.Hour}, {"d", 24 * time.Hour}, {"w", 7 * 24 * time.Hour}, {"y", 365 * 24 * time.Hour}}

func wrong(pos int, format string, args ...any) error {
	return fault.At(fault.Invalid, "query", "1:"+strconv.Itoa(pos+1)+": parse error: "+format, args...)
}

// lex cuts a query into tokens.
func lex(s string) ([]token, error) {
	var out []token
	for i := 0; i < len(s); {
		if len(out) >= maxTokens {
			return nil, wrong(i, "the query has more than %d parts", maxTokens)
		}
		c := s[i]
		start := i
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			i++
			continue
		case c == '#':
			for i < len(s) && s[i] != '\n' {
				i++
			}
			continue
		case letter(c):
			for i < len(s) && (letter(s[i]) || digit(s[i])) {
				i++
			}
			out = append(out, token{kind: 'i', text: s[start:i], pos: start})
		case digit(c) || c == '.' && i+1 < len(s) && digit(s[i+1]):
			t, n, err := number(s[i:], i)
			if err != nil {
				return nil, err
			}
			i += n
			out = append(out, t)
		case c == '"' || c == '\'' || c == '`':
			t, n, err := quoted(s[i:], i)
			if err != nil {
				return nil, err
			}
			i += n
			out = append(out, t)
		default:
			n := 1
			if i+1 < len(s) {
				switch s[i : i+2] {
				case "==", "!=", ">=", "<=", "=~", "!~":
					n = 2
				}
			}
			if n == 1 && !strings.ContainsRune("+-*/%^(){}[],=<>@:", rune(c)) {
				return nil, wrong(i, "unexpected character %q", c)
			}
			out = append(out, token{kind: 'o', text: s[i : i+n], pos: start})
			i += n
		}
	}
	return append(out, token{pos: len(s), text: "end of input"}), nil
}

func letter(c byte) bool { return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }
func digit(c byte) bool  { return c >= '0' && c <= '9' }

// number reads a number, or a duration such as 1h30m.
func number(s string, pos int) (token, int, error) {
	i := 0
	for i < len(s) && (digit(s[i]) || letter(s[i]) || s[i] == '.' || (s[i] == '+' || s[i] == '-') && i > 0 && (s[i-1] == 'e' || s[i-1] == 'E') && !strings.HasPrefix(s, "0x")) {
		i++
	}
	if d, ok := duration(s[:i]); ok {
		return token{kind: 'd', text: s[:i], dur: d, pos: pos}, i, nil
	}
	if n, err := strconv.ParseFloat(s[:i], 64); err == nil {
		return token{kind: 'n', text: s[:i], num: n, pos: pos}, i, nil
	}
	if n, err := strconv.ParseInt(s[:i], 0, 64); err == nil {
		return token{kind: 'n', text: s[:i], num: float64(n), pos: pos}, i, nil
	}
	return token{}, 0, wrong(pos, "bad number or duration %q", clip(s[:i]))
}

// maxDuration bounds every time in a query.
const maxDuration = 10 * 365 * 24 * time.Hour

// duration reads 1h30m: units from great to small, each once.
func duration(s string) (d time.Duration, ok bool) {
	last := maxDuration + 1
	for s != "" {
		i := 0
		for i < len(s) && digit(s[i]) {
			i++
		}
		n, err := strconv.ParseInt(s[:i], 10, 40)
		if err != nil {
			return 0, false
		}
		found := false
		for _, u := range units {
			if rest, has := strings.CutPrefix(s[i:], u.name); has && (rest == "" || digit(rest[0])) {
				if u.d >= last || n > int64(maxDuration/u.d) {
					return 0, false
				}
				d, last, s, found = d+time.Duration(n)*u.d, u.d, rest, true
				break
			}
		}
		if !found || d > maxDuration {
			return 0, false
		}
	}
	return d, last <= maxDuration
}

func quoted(s string, pos int) (token, int, error) {
	q := s[0]
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '\\' && q != '`':
			i++
		case s[i] == q:
			text := s[1:i]
			if q != '`' {
				body := text
				if q == '\'' {
					body = strings.ReplaceAll(strings.ReplaceAll(body, `\'`, `'`), `"`, `\"`)
				}
				u, err := strconv.Unquote(`"` + body + `"`)
				if err != nil {
					return token{}, 0, wrong(pos, "bad escape in a string")
				}
				text = u
			}
			return token{kind: 's', text: text, pos: pos}, i + 1, nil
		}
	}
	return token{}, 0, wrong(pos, "a string has no end")
}

func clip(s string) string {
	if len(s) > 40 {
		return strings.ToValidUTF8(s[:40], "") + "..."
	}
	return s
}
