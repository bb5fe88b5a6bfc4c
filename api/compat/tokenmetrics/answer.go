package tokenmetrics

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/assayhq/assay/fault"
)

// answer is what a path says.
type answer struct {
	table
	message string
	// total is how many rows there are on all pages; -1 where they were not all counted,
	// and more tells then whether another page has some.
	total int
	more  bool
	// baseline names the simple method that stands in for an engine; empty: none does.
	baseline string
	asOf     time.Time // of the newest value; zero: unknown
	stale    bool      // the newest value is older than it should be
	warnings []string
}

// write sends an answer in the form that the client takes.
func (f *Face) write(w http.ResponseWriter, r *http.Request, q *query, a *answer) {
	h := w.Header()
	q.link(h, r, a)
	warnings := a.warnings
	if len(q.unknown) > 0 {
		warnings = append([]string{"ignored, because this path has no such parameter: " + strings.Join(q.unknown, ", ")}, warnings...)
	}
	for _, t := range warnings {
		h.Add("Warning", `299 - "`+headerText(t)+`"`)
	}
	media, body := "application/json; charset=utf-8", []byte(nil)
	quoted := q.values["numbers"] == "string"
	switch preferred(r.Header.Get("Accept")) {
	case "text/csv":
		media, body = "text/csv; charset=utf-8", a.csv(nil)
	case "application/x-ndjson":
		media, body = "application/x-ndjson", a.lines(nil, quoted)
	case "application/xml":
		media = "application/xml; charset=utf-8"
		body = append(a.xml([]byte(`<?xml version="1.0" encoding="UTF-8"?>`+"\n<rows>")), "</rows>\n"...)
	default:
		body = f.envelope(make([]byte, 0, 512+a.rows*256), q, a, warnings, quoted)
	}
	sum := sha256.Sum256(body)
	tag := `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
	h.Set("ETag", tag)
	h.Set("Cache-Control", "private, no-cache")
	if none := r.Header.Get("If-None-Match"); none != "" && (none == "*" || strings.Contains(none, tag)) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	send(w, r, http.StatusOK, media, body)
}

// envelope wraps the rows as every client expects them, with members of ours after them.
func (f *Face) envelope(b []byte, q *query, a *answer, warnings []string, quoted bool) []byte {
	b = append(b, `{"success":true,"message":`...)
	b = appendText(b, a.message)
	b = append(b, `,"length":`...)
	b = strconv.AppendInt(b, int64(a.rows), 10)
	b = append(b, `,"data":`...)
	b = a.json(b, quoted)
	b = append(b, `,"pagination":{"total":`...)
	if a.total < 0 {
		b = append(b, `null,"totalPages":null`...)
	} else {
		b = strconv.AppendInt(b, int64(a.total), 10)
		b = append(b, `,"totalPages":`...)
		b = strconv.AppendInt(b, int64((a.total+q.limit-1)/q.limit), 10)
	}
	b = append(b, `,"page":`...)
	b = strconv.AppendInt(b, int64(q.page), 10)
	b = append(b, `,"limit":`...)
	b = strconv.AppendInt(b, int64(q.limit), 10)
	b = append(b, `,"has_more":`...)
	b = strconv.AppendBool(b, a.next(q))
	if len(warnings) > 0 {
		b = append(b, `,"warnings":[`...)
		for i, t := range warnings {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendText(b, t)
		}
		b = append(b, ']')
	}
	b = append(b, `},"as_of":`...)
	b = appendTime(b, a.asOf)
	b = append(b, `,"stale":`...)
	b = strconv.AppendBool(b, a.stale)
	if a.baseline != "" {
		b = append(b, `,"baseline":`...)
		b = appendText(b, a.baseline)
	}
	if simulated, note := f.opt.Board.Simulated(); simulated {
		b = append(b, `,"simulated":`...)
		b = appendText(b, note)
	}
	return append(b, "}\n"...)
}

// next tells whether there are rows after this page.
func (a *answer) next(q *query) bool { return a.more || a.total > q.page*q.limit }

// link points to the next page.
func (q *query) link(h http.Header, r *http.Request, a *answer) {
	if !a.next(q) {
		return
	}
	v, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return
	}
	for name := range v {
		if fold(name) == "page" {
			v.Del(name)
		}
	}
	v.Set("page", strconv.Itoa(q.page+1))
	h.Add("Link", "<"+r.URL.EscapedPath()+"?"+v.Encode()+`>; rel="next"`)
}

// headerText keeps what may stand between quotation marks in a header.
func headerText(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || r == '"' || r == '\\' {
			return '?'
		}
		return r
	}, s)
}

// preferred is the first form named in Accept that there is; JSON otherwise.
func preferred(accept string) string {
	for part := range strings.SplitSeq(accept, ",") {
		media, _, _ := strings.Cut(part, ";")
		switch media = strings.ToLower(strings.TrimSpace(media)); media {
		case "text/csv", "application/x-ndjson", "application/xml", "application/json":
			return media
		}
	}
	return ""
}

// sender is what api's ResponseWriter can do: compress, and leave the body out for HEAD.
type sender interface {
	Send(status int, media string, body []byte)
}

func send(w http.ResponseWriter, r *http.Request, status int, media string, body []byte) {
	if s, ok := w.(sender); ok {
		s.Send(status, media, body)
		return
	}
	h := w.Header()
	h.Set("Content-Type", media)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		w.Write(body) //nolint:errcheck // the client is gone
	}
}

// Fail writes a refusal or a failure in the form of this API. status is the one our own
// API would give; 0 stands for the one that fits the fault.
func (f *Face) Fail(w http.ResponseWriter, r *http.Request, status int, err error) {
	f.epoch(w.Header())
	f.fail(w, r, status, err)
}

func (f *Face) fail(w http.ResponseWriter, r *http.Request, status int, err error) {
	kind, text := fault.Of(err), fault.Public(err)
	if r.Context().Err() == nil && isTimeout(err) {
		kind, text = fault.Unavailable, "the answer took too long; ask for fewer tokens or days"
	}
	if status == 0 {
		status = statusOf(kind)
	}
	code := map[int]string{
		400: "bad_request", 401: "unauthorized", 403: "forbidden", 404: "not_found", 405: "method_not_allowed", 413: "too_large", 414: "too_large",
		422: "invalid_params", 429: "rate_limited", 503: "unavailable",
	}[status]
	if code == "" {
		code = "server_error"
	}
	if kind == fault.Internal {
		text = "something failed on our side; the log has the cause under the request id"
	}
	b := append([]byte(nil), `{"success":false,"message":`...)
	b = appendText(b, text)
	b = append(b, `,"length":0,"data":[],"error":{"code":`...)
	b = appendText(b, code)
	if field := fault.Field(err); field != "" {
		b = append(b, `,"field":`...)
		b = appendText(b, field)
	}
	b = append(b, `,"request_id":`...)
	b = appendText(b, w.Header().Get("X-Request-Id"))
	send(w, r, status, "application/json; charset=utf-8", append(b, "}}\n"...))
}

// statusOf is what this API's clients understand by a fault.
func statusOf(k fault.Kind) int {
	switch k {
	case fault.Invalid:
		return http.StatusBadRequest
	case fault.Unknown:
		return http.StatusNotFound
	case fault.Unauthentic:
		return http.StatusUnauthorized
	case fault.Denied:
		return http.StatusForbidden
	case fault.Exhausted:
		return http.StatusTooManyRequests
	case fault.TooLarge, fault.Conflict:
		return http.StatusUnprocessableEntity
	case fault.Unavailable:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// epoch turns the time until a limit ends into the time at which it does, in seconds since
// 1970, as this API's clients expect it.
func (f *Face) epoch(h http.Header) {
	v := h["X-Ratelimit-Reset"]
	if len(v) != 1 {
		return
	}
	s, err := strconv.ParseInt(v[0], 10, 64)
	if now := f.opt.Now().Unix(); err == nil && s < now/2 {
		h["X-Ratelimit-Reset"] = []string{strconv.FormatInt(now+s, 10)}
	}
}
