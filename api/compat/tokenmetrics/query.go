package tokenmetrics

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/assayhq/assay/fault"
)

// Limits of a request; what is beyond them is refused.
const (
	maxParams = 40
	maxValues = 500 // of one list
	maxValue  = 8 << 10
)

// Rows of one page.
const (
	usualLimit = 50
	maxLimit   = 1000
	// rangeLimit is for a range with both ends and no limit: it is answered whole, so that
	// four years of days are one call.
	rangeLimit = 10000
	maxPage    = 1_000_000
)

// query is a request after its three dialects became one.
type query struct {
	version string
	origin  string // scheme and host of this server, for links
	values  map[string]string
	page    int // from 1
	limit   int
	given   bool      // limit was
	from    time.Time // start of the first day; zero: open
	to      time.Time // end of the last day, exclusive; zero: open
	unknown []string
}

// fold makes one name of the spellings of a parameter: token_id, tokenId and tokenid.
func fold(name string) string {
	name = strings.ToLower(strings.ReplaceAll(name, "_", ""))
	switch name {
	case "symbols", "basesymbol":
		return "symbol"
	case "indexid":
		return "id"
	}
	return name
}

// spelled is a folded name as the other API's documents spell it, for messages.
func spelled(key string) string {
	switch key {
	case "tokenid":
		return "token_id"
	case "tokenname":
		return "token_name"
	case "blockchainaddress":
		return "blockchain_address"
	case "startdate":
		return "startDate"
	case "enddate":
		return "endDate"
	case "tradergrade":
		return "traderGrade"
	case "tradergradepercentchange":
		return "traderGradePercentChange"
	case "investorgrade":
		return "investorGrade"
	case "indicestype":
		return "indicesType"
	case "sortby":
		return "sort_by"
	case "topk":
		return "top_k"
	case "quotesymbol":
		return "quote_symbol"
	}
	return key
}

// read reads and checks the parameters. Those the path does not have are ignored, as
// clients expect, and named in the answer.
func (f *Face) read(r *http.Request, version string, known []string) (*query, error) {
	form, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, fault.At(fault.Invalid, "query", "the address is not well formed: write %% as %%25")
	}
	if len(form) > maxParams {
		return nil, fault.At(fault.Invalid, "query", "more than %d parameters", maxParams)
	}
	q := &query{version: version, origin: f.origin(r), values: map[string]string{}}
	names := make([]string, 0, len(form))
	for name := range form {
		names = append(names, name)
	}
	slices.Sort(names) // so that the same request has the same answer
	for _, name := range names {
		key := fold(name)
		if !slices.Contains(known, key) {
			q.unknown = append(q.unknown, plainName(name))
			continue
		}
		v := strings.TrimSpace(strings.Join(form[name], ","))
		if len(v) > maxValue {
			return nil, fault.At(fault.Invalid, plainName(name), "the value has %d bytes; at most %d are read", len(v), maxValue)
		}
		if v == "" {
			continue
		}
		if old := q.values[key]; old != "" {
			v = old + "," + v
		}
		q.values[key] = v
	}
	if err := q.paging(f.opt.MaxTop, slices.Contains(known, "topk")); err != nil {
		return nil, err
	}
	return q, q.dates()
}

// plainName is a parameter's name as it can be repeated in a header.
func plainName(s string) string {
	s = strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '_' || r == '-' || r == '.' {
			return r
		}
		return '?'
	}, s)
	if len(s) > 40 {
		s = s[:40] + "..."
	}
	return s
}

// paging understands all three ways of counting: a first page of 0, of 1, and none.
func (q *query) paging(maxTop int, top bool) error {
	page, err := q.whole("page", 1, 0, maxPage)
	if err != nil {
		return err
	}
	q.page = max(page, 1)
	name, most := "limit", maxLimit
	if top {
		name, most = "topk", maxTop
	}
	_, q.given = q.values[name]
	n, err := q.whole(name, usualLimit, 1, 1<<31-1)
	q.limit = min(n, most)
	return err
}

func (q *query) whole(key string, absent, least, most int) (int, error) {
	v, ok := q.values[key]
	if !ok {
		return absent, nil
	}
	n, err := strconv.Atoi(v)
	switch {
	case err != nil:
		return 0, fault.At(fault.Invalid, spelled(key), "%s must be a whole number, not %q", spelled(key), clip(v))
	case n < least || n > most:
		return 0, fault.At(fault.Invalid, spelled(key), "%s must be from %d to %d, not %d", spelled(key), least, most, n)
	}
	return n, nil
}

// dates reads the two days. Both belong to the range.
func (q *query) dates() error {
	read := func(key string) (time.Time, error) {
		v, ok := q.values[key]
		if !ok {
			return time.Time{}, nil
		}
		t, err := time.Parse(time.DateOnly, v)
		if err != nil || t.Year() < 1970 || t.Year() > 2200 {
			return time.Time{}, fault.At(fault.Invalid, spelled(key), "%s must be a day such as 2025-07-31, not %q", spelled(key), clip(v))
		}
		return t, nil
	}
	var err error
	if q.from, err = read("startdate"); err != nil {
		return err
	}
	if q.to, err = read("enddate"); err != nil {
		return err
	}
	if !q.to.IsZero() {
		q.to = q.to.Add(day)
		if !q.from.Before(q.to) {
			return fault.At(fault.Invalid, "startDate", "startDate %s is after endDate %s", q.values["startdate"], q.values["enddate"])
		}
	}
	return nil
}

// entire tells whether a range with both ends is asked for without a limit.
func (q *query) entire() bool { return !q.given && !q.from.IsZero() && !q.to.IsZero() }

// list gives the values of a comma list without the spaces around them.
func (q *query) list(key string) ([]string, error) {
	v, ok := q.values[key]
	if !ok {
		return nil, nil
	}
	var out []string
	for s := range strings.SplitSeq(v, ",") {
		if s = strings.TrimSpace(s); s != "" {
			out = append(out, s)
		}
	}
	if len(out) > maxValues {
		return nil, fault.At(fault.Invalid, spelled(key), "%s lists %d values; at most %d are taken", spelled(key), len(out), maxValues)
	}
	return out, nil
}

// least reads a minimum; ok is false where none is asked for.
func (q *query) least(key string) (v float64, ok bool, err error) {
	s, ok := q.values[key]
	if !ok {
		return 0, false, nil
	}
	v, err = strconv.ParseFloat(s, 64)
	if err != nil || v != v || v-v != 0 {
		return 0, false, fault.At(fault.Invalid, spelled(key), "%s must be a number, not %q", spelled(key), clip(s))
	}
	return v, true, nil
}

// choice reads one of a few words.
func (q *query) choice(key string, words ...string) (string, error) {
	v, ok := q.values[key]
	if !ok {
		return "", nil
	}
	for _, w := range words {
		if strings.EqualFold(v, w) {
			return w, nil
		}
	}
	return "", fault.At(fault.Invalid, spelled(key), "%s must be one of %s, not %q", spelled(key), strings.Join(words, ", "), clip(v))
}

func clip(s string) string {
	if len(s) > 40 {
		return strings.ToValidUTF8(s[:40], "") + "..."
	}
	return s
}

// origin is this server's address as the client sees it.
func (f *Face) origin(r *http.Request) string {
	if f.opt.Address != "" {
		return strings.TrimSuffix(f.opt.Address, "/")
	}
	scheme := "http"
	if r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https" {
		scheme = "https"
	}
	host := r.Host
	if host == "" || strings.ContainsAny(host, " '\"`$\\<>&;|") {
		host = "localhost"
	}
	return scheme + "://" + host
}
