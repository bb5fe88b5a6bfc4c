package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"reflect"

	"github.com/assayhq/assay/api/problem"
	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/fault"
)

// Problem is how a failure is told: RFC 9457, with a few members of ours.
type Problem struct {
	Type        string     `json:"type" format:"uri-reference" doc:"The page that explains the code, on this server; https://iana.org/assignments/http-problem-types#quota-exceeded with violated-policies"`
	Title       string     `json:"title" doc:"The code in words"`
	Status      int        `json:"status"`
	Detail      string     `json:"detail" doc:"What is wrong here and what to do about it"`
	Instance    string     `json:"instance" format:"uri-reference" doc:"The path that was asked for"`
	Code        string     `json:"code" enum:"internal,invalid,unknown,unauthentic,denied,exhausted,conflict,unavailable,unaccepted,too_large" doc:"For programs; the list is closed"`
	RequestID   string     `json:"request_id" doc:"Also in the log of this server"`
	Retryable   bool       `json:"retryable" doc:"Whether the same request may succeed later"`
	Errors      []detail   `json:"errors,omitempty" doc:"Each mistake with its place"`
	Candidates  []AssetRef `json:"candidates,omitempty" doc:"With conflict: the assets that may be meant"`
	Suggestions []string   `json:"suggestions,omitempty" doc:"With unknown: what may be meant"`
	// Violated is a member of the draft whose type problem.QuotaExceeded is.
	Violated []string            `json:"violated-policies,omitempty" doc:"With exhausted: the names of the limits that the request breaks"`
	Limits   []problem.Violation `json:"limits,omitempty" doc:"How each of them stands"`
}

// AssetRef names an asset.
type AssetRef struct {
	Code string `json:"code"`
	Name string `json:"name"`
	Kind string `json:"kind"`
}

type detail struct {
	Location string `json:"location,omitempty" doc:"Such as query.limit or body.name"`
	Message  string `json:"message"`
	Value    string `json:"value,omitempty" doc:"What was sent"`
}

// problemError is an error with more to tell than a fault has.
type problemError struct {
	error
	status      int // instead of the kind's
	details     []detail
	suggestions []string
}

func (p *problemError) Unwrap() error { return p.error }

// fail answers with a problem, once.
func (x *exchange) fail(err error) {
	if x.status != 0 {
		x.s.log.Error("a failure after the answer had begun", "request_id", x.id, "err", err)
		return
	}
	p := x.problem(err)
	h := x.Header()
	switch p.Status {
	case http.StatusUnauthorized:
		h["Www-Authenticate"] = []string{`Bearer realm="assay"`}
	case http.StatusServiceUnavailable:
		if h["Retry-After"] == nil {
			h["Retry-After"] = []string{"2"}
		}
	}
	if x.refuse(p.Status, err) {
		return
	}
	buf := x.s.pools.buffer()
	defer x.s.pools.done(buf)
	shape, v := x.s.problem, reflect.ValueOf(p).Elem()
	if x.format == inXML {
		buf.b = append(buf.b, xmlHead...)
		buf.b = append(buf.b, `<problem xmlns="urn:ietf:rfc:7807">`...)
		for i := range shape.fields {
			if f := &shape.fields[i]; !f.omit || !empty(f.of(v)) {
				buf.b = f.xml(buf.b, f.name, f.of(v))
			}
		}
		buf.b = append(buf.b, "</problem>\n"...)
		x.write(p.Status, "application/problem+xml", buf.b)
		return
	}
	buf.b = append(shape.json(buf.b, v, false), '\n')
	x.write(p.Status, "application/problem+json", buf.b)
}

// problem makes one of an error, and writes causes that are ours into the log.
func (x *exchange) problem(err error) *Problem {
	kind, text := fault.Of(err), fault.Public(err)
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		kind, text = fault.Unavailable, "the answer took too long"
	}
	c := problem.Of(kind)
	p := &Problem{
		Type: c.Page(), Title: c.Title, Status: c.Status, Detail: text,
		Instance: clip(x.r.URL.EscapedPath(), 200), Code: kind.String(), RequestID: x.id, Retryable: kind.Retryable(),
	}
	if pe, ok := errors.AsType[*problemError](err); ok {
		if pe.status != 0 {
			p.Status = pe.status
		}
		p.Errors, p.Suggestions = pe.details, pe.suggestions
	}
	if l, ok := errors.AsType[*problem.Limited](err); ok {
		p.Type, p.Violated, p.Limits = problem.QuotaExceeded, l.Names(), l.Violated
	}
	if f := x.place(fault.Field(err)); f != "" && p.Errors == nil {
		p.Errors = []detail{{Location: f, Message: text}}
	}
	if a, ok := errors.AsType[*asset.Ambiguous](err); ok {
		for _, c := range a.Candidates {
			p.Candidates = append(p.Candidates, AssetRef{string(c.Code), c.Name, string(c.Kind)})
		}
	}
	if n, ok := errors.AsType[*asset.NotFound](err); ok {
		for _, a := range n.Suggestions {
			p.Suggestions = append(p.Suggestions, string(a.Code))
		}
	}
	switch level := slog.LevelError; kind {
	case fault.Unavailable:
		level = slog.LevelWarn
		fallthrough
	case fault.Internal:
		x.s.log.Log(x.r.Context(), level, "a request failed", "request_id", x.id, "path", p.Instance, "code", p.Code, "err", err)
	}
	return p
}

// place turns a field as the lower floors name it, such as "interval", into the
// caller's terms, "query.interval".
func (x *exchange) place(field string) string {
	if field == "" || x.op == nil {
		return field
	}
	for _, where := range []string{"query.", "path.", "body.", "header."} {
		if len(field) > len(where) && field[:len(where)] == where {
			return field
		}
	}
	for _, q := range x.op.query {
		if q == field {
			return "query." + field
		}
	}
	if x.r.PathValue(field) != "" {
		return "path." + field
	}
	return field
}
