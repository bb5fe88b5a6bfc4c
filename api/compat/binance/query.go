package binance

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// query is the parameters of a request: each known to the operation, and given once.
type query struct{ v url.Values }

func parse(r *http.Request, known string) (*query, error) {
	v, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, bad(-1100, "Illegal characters found in a parameter.")
	}
	names := strings.Fields(known)
	sent, read, stray := 0, 0, ""
	for name, values := range v {
		sent++
		if !slices.Contains(names, name) {
			stray = clip(name, 40)
			continue
		}
		read++
		if len(values) > 1 {
			return nil, bad(-1101, "Duplicate values for parameter '%s'.", name)
		}
		if values[0] == "" {
			return nil, bad(-1105, "Parameter '%s' was empty.", name)
		}
	}
	switch {
	case read < sent && known == "":
		return nil, bad(-1101, "Too many parameters; expected '0' and received '%d'.", sent)
	case read < sent:
		return nil, bad(-1104, "Not all sent parameters were read; read '%d' parameter(s) but was sent '%d' ('%s' is not known).", read, sent, stray)
	}
	return &query{v}, nil
}

func clip(s string, n int) string {
	if len(s) > n {
		return strings.ToValidUTF8(s[:n], "") + "..."
	}
	return s
}

func (q *query) get(name string) string { return q.v.Get(name) }
func (q *query) has(name string) bool   { return q.v.Has(name) }

// whole gives a parameter that is a whole number of at least 0; def where it is not sent.
func (q *query) whole(name string, def int64) (int64, error) {
	s := q.get(name)
	if s == "" {
		return def, nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 {
		return 0, malformed(name, "^[0-9]{1,20}$")
	}
	return n, nil
}

// limit is cut to max, as in the original.
func (q *query) limit(def, most int) (int, error) {
	n, err := q.whole("limit", int64(def))
	if err == nil && n == 0 {
		err = invalid("limit")
	}
	return int(min(n, int64(most))), err
}

// moment is a time in milliseconds, or microseconds where it has more digits; zero where
// it is not sent.
func (q *query) moment(name string) (time.Time, error) {
	n, err := q.whole(name, -1)
	switch {
	case err != nil || n < 0:
		return time.Time{}, err
	case n > 1e17:
		return time.Time{}, invalid(name)
	case n > 1e14:
		return time.UnixMicro(n).UTC(), nil
	}
	return time.UnixMilli(n).UTC(), nil
}

// zone is the parameter timeZone: "0", "8", "-1:00", "05:45", from -12:00 to +14:00.
func (q *query) zone() (time.Duration, error) {
	s := q.get("timeZone")
	if s == "" {
		return 0, nil
	}
	d, ok := parseZone(s)
	if !ok {
		return 0, invalid("timeZone")
	}
	return d, nil
}

func parseZone(s string) (time.Duration, bool) {
	t := strings.TrimLeft(s, "+-")
	if len(s)-len(t) > 1 {
		return 0, false
	}
	hours, minutes, two := strings.Cut(t, ":")
	h, err := strconv.ParseUint(hours, 10, 8)
	m := uint64(0)
	if err == nil && two {
		m, err = strconv.ParseUint(minutes, 10, 8)
	}
	if err != nil || m > 59 || len(hours) > 2 || two && len(minutes) != 2 {
		return 0, false
	}
	d := time.Duration(h)*time.Hour + time.Duration(m)*time.Minute
	if s[0] == '-' {
		d = -d
	}
	return d, d >= -12*time.Hour && d <= 14*time.Hour && d%(15*time.Minute) == 0
}

// maxSymbols is how many symbols may be named at once where each costs work.
const maxSymbols = 100

// names reads symbol or symbols: nil where neither is sent. one says that the answer is an
// object and no list.
func (q *query) names() (names []string, one bool, err error) {
	switch {
	case q.has("symbol") && q.has("symbols"):
		return nil, false, bad(-1128, "Combination of optional parameters invalid; send symbol or symbols.")
	case q.has("symbol"):
		return []string{q.get("symbol")}, true, legal("symbol", q.get("symbol"))
	case !q.has("symbols"):
		return nil, false, nil
	}
	const form = `^\[("[A-Z0-9-_.]{1,20}"(,"[A-Z0-9-_.]{1,20}"){0,}){0,1}\]$`
	if json.Unmarshal([]byte(q.get("symbols")), &names) != nil || len(names) == 0 {
		return nil, false, malformed("symbols", form)
	}
	if len(names) > maxSymbols {
		return nil, false, bad(-1101, "Too many parameters; expected '%d' symbols and received '%d'.", maxSymbols, len(names))
	}
	for i, s := range names {
		if legal("symbols", s) != nil {
			return nil, false, malformed("symbols", form)
		}
		if slices.Contains(names[:i], s) {
			return nil, false, bad(-1101, "Duplicate values for parameter 'symbols'.")
		}
	}
	return names, false, nil
}

// legal checks the letters of a symbol.
func legal(name, s string) error {
	ok := len(s) >= 1 && len(s) <= 20
	for i := range len(s) {
		c := s[i]
		ok = ok && (c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.')
	}
	if !ok {
		return malformed(name, "^[A-Z0-9-_.]{1,20}$")
	}
	return nil
}

// full reads the parameter type.
func (q *query) full() (bool, error) {
	switch q.get("type") {
	case "", "FULL":
		return true, nil
	case "MINI":
		return false, nil
	}
	return false, bad(-1135, "Invalid type; use FULL or MINI.")
}
