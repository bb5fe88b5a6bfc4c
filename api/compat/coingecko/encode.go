package coingecko

import (
	"encoding/json"
	"hash/fnv"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/assayhq/assay/money"
)

// appender is a value that knows how it looks in JSON.
type appender interface{ appendJSON(b []byte) []byte }

// field is one member of an object. An object keeps their order.
type field struct {
	name  string
	value any
}

type object []field

type list []any

// number is an exact decimal, or null.
type number struct {
	d  money.Decimal
	ok bool
}

func num(d *money.Decimal) number {
	if d == nil {
		return number{}
	}
	return number{*d, true}
}

// stat is a statistic, or null when it is none.
type stat float64

var none = stat(math.NaN())

func (o object) appendJSON(b []byte) []byte {
	b = append(b, '{')
	for i := range o {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendText(b, o[i].name), ':')
		b = appendValue(b, o[i].value)
	}
	return append(b, '}')
}

func (l list) appendJSON(b []byte) []byte {
	b = append(b, '[')
	for i := range l {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendValue(b, l[i])
	}
	return append(b, ']')
}

func (n number) appendJSON(b []byte) []byte {
	if !n.ok {
		return append(b, "null"...)
	}
	return n.d.Trim().Append(b)
}

func (s stat) appendJSON(b []byte) []byte {
	f := float64(s)
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(b, "null"...)
	}
	return strconv.AppendFloat(b, f, 'f', -1, 64)
}

// words are a list of texts.
type words []string

func (w words) appendJSON(b []byte) []byte {
	b = append(b, '[')
	for i, s := range w {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendText(b, s)
	}
	return append(b, ']')
}

func appendValue(b []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(b, "null"...)
	case appender:
		return v.appendJSON(b)
	case string:
		return appendText(b, v)
	case bool:
		return strconv.AppendBool(b, v)
	case int:
		return strconv.AppendInt(b, int64(v), 10)
	case int64:
		return strconv.AppendInt(b, v, 10)
	}
	return append(b, "null"...) // no other type is put into an answer
}

func appendText(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			q, _ := json.Marshal(s) // a string always has a form in JSON
			return append(b, q...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}

// iso is how times look in objects of coins.
func iso(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// moment is iso, or null for no time.
func moment(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return iso(t)
}

// send writes an answer that may be kept for some seconds.
func (f *Face) send(w http.ResponseWriter, r *http.Request, answer any, keep int) {
	body := appendValue(make([]byte, 0, 4096), answer)
	h := w.Header()
	n := strconv.Itoa(keep)
	switch {
	case keep == 0:
		h["Cache-Control"] = []string{"private, no-store"}
	case f.opt.Shared:
		h["Cache-Control"] = []string{"public, max-age=" + n + ", s-maxage=" + n}
	default: // a cache between would give answers to those who may not ask
		h["Cache-Control"] = []string{"private, max-age=" + n}
	}
	h["Age"] = []string{"0"}
	sum := fnv.New64a()
	sum.Write(body) //nolint:errcheck // it never fails
	tag := `W/"` + strconv.FormatUint(sum.Sum64(), 36) + `"`
	h["Etag"] = []string{tag}
	if keep > 0 && tagged(r.Header.Get("If-None-Match"), tag) {
		h["Vary"] = []string{"Accept-Encoding"}
		w.WriteHeader(http.StatusNotModified)
		return
	}
	write(w, r, http.StatusOK, body)
}

// tagged compares weakly, as If-None-Match does.
func tagged(header, tag string) bool {
	for part := range strings.SplitSeq(header, ",") {
		if part = strings.TrimSpace(part); part == "*" || part != "" && strings.TrimPrefix(part, "W/") == strings.TrimPrefix(tag, "W/") {
			return true
		}
	}
	return false
}

// write sends a body through the server's own way, which compresses, where there is one.
func write(w http.ResponseWriter, r *http.Request, status int, body []byte) {
	const media = "application/json; charset=utf-8"
	h := w.Header()
	h["Vary"] = []string{"Accept-Encoding"}
	if s, ok := w.(interface {
		Send(status int, media string, body []byte)
	}); ok {
		s.Send(status, media, body)
		return
	}
	h.Set("Content-Type", media)
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		w.Write(body) //nolint:errcheck // the client has gone: nobody to tell
	}
}
