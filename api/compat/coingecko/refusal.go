package coingecko

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/assayhq/assay/access/gate"
	"github.com/assayhq/assay/api/problem"
	"github.com/assayhq/assay/fault"
)

// The codes that clients of that API know.
const (
	codeKey   = 10002 // the key is missing or wrong
	codeScope = 10005 // the key may not ask for this
	codePast  = 10012 // the plan does not reach back so far
)

// refusal is an error that has a status of its own here.
type refusal struct {
	error
	status int
	code   int // 0: none
}

func (r *refusal) Unwrap() error { return r.error }

func refuseWith(status int, format string, args ...any) error {
	return &refusal{error: fault.New(fault.Invalid, format, args...), status: status}
}

// missing and invalid are the two errors that apps of that API look for by their text.
func missing(name string) error {
	return refuseWith(http.StatusUnprocessableEntity, "Missing parameter %s", name)
}
func invalid(name string) error {
	return refuseWith(http.StatusUnprocessableEntity, "invalid %s", name)
}

func bad(name, format string, args ...any) error {
	return fault.At(fault.Invalid, "query."+name, name+": "+format, args...)
}

func coinNotFound() error { return fault.New(fault.Unknown, "coin not found") }

// Fail writes a failure in the form of this API. It is of api.Mount. status 0 is the
// error's own.
func (f *Face) Fail(w http.ResponseWriter, r *http.Request, status int, err error) {
	f.refuse(w, r, status, err)
}

func (f *Face) refuse(w http.ResponseWriter, r *http.Request, status int, err error) {
	kind, text, code := fault.Of(err), fault.Public(err), 0
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		kind, text = fault.Unavailable, "the answer took too long"
	}
	if status == 0 {
		status = problem.Of(kind).Status
	}
	if own, ok := errors.AsType[*refusal](err); ok {
		status, code = own.status, own.code
	}
	h := w.Header()
	h["Cache-Control"] = []string{"no-store"}
	inStatus := object{{"error_code", status}, {"error_message", text}}
	var body object
	switch {
	case code == codePast:
		body = object{{"error", object{{"status", f.stamped(code, text)}}}}
	case status == http.StatusUnauthorized:
		body = object{{"status", f.stamped(codeKey, text)}}
	case kind == fault.Denied && gate.Caller(r.Context()) != nil:
		body = object{{"status", f.stamped(codeScope, text)}}
	case status == http.StatusTooManyRequests, status >= 500 && status != http.StatusNotImplemented:
		if h["Retry-After"] == nil && status != http.StatusInternalServerError {
			h["Retry-After"] = []string{"2"}
		}
		body = object{{"status", inStatus}}
	default:
		body = object{{"error", text}}
	}
	write(w, r, status, body.appendJSON(nil))
}

func (f *Face) stamped(code int, text string) object {
	return object{{"timestamp", iso(f.opt.Board.Now())}, {"error_code", code}, {"error_message", text}}
}

// elsewhere are the paths of that API for which there is no data here, with the reason.
var elsewhere = []struct{ path, why string }{
	{"onchain", "data of decentralised exchanges is not collected here yet"},
	{"nfts", "data of NFT collections is not collected here"},
	{"derivatives", "derivatives are not answered in this form yet; /v1/instruments lists perpetuals and futures"},
	{"entities", "holdings of companies and governments are not collected here"},
	{"companies", "holdings of companies and governments are not collected here"},
	{"governments", "holdings of companies and governments are not collected here"},
	{"public_treasury", "holdings of companies and governments are not collected here"},
	{"news", "news is not collected here"},
	{"insights", "news is not collected here"},
	{"global/decentralized_finance_defi", "figures of decentralised finance are not collected here"},
	{"global/market_cap_chart", "the total capitalisation of the past is not kept here"},
	{"coins/list/new", "when a coin was listed is not known here"},
	{"coins/{}/circulating_supply_chart", "supplies of the past are not kept here"},
	{"coins/{}/circulating_supply_chart/range", "supplies of the past are not kept here"},
	{"coins/{}/total_supply_chart", "supplies of the past are not kept here"},
	{"coins/{}/total_supply_chart/range", "supplies of the past are not kept here"},
	{"coins/{}/supply_breakdown", "who holds a supply is not known here"},
	{"exchanges/{}/volume_chart", "volumes of whole exchanges are not kept here; /v1/candles has those of each pair"},
	{"exchanges/{}/volume_chart/range", "volumes of whole exchanges are not kept here; /v1/candles has those of each pair"},
}

// refused says why a path that no route has is not answered.
func refused(parts []string) error {
	for _, e := range elsewhere {
		if _, ok := match(e.path, parts); ok || !strings.Contains(e.path, "/") && parts[0] == e.path {
			return refuseWith(http.StatusNotImplemented, "/%s: %s", strings.Join(parts[:min(len(parts), 2)], "/"), e.why)
		}
	}
	var near []string
	for _, r := range routes {
		if head, _, _ := strings.Cut(r.path, "/"); head == parts[0] && !slices.Contains(near, "/"+r.path) {
			near = append(near, "/"+strings.ReplaceAll(r.path, "{}", "{id}"))
		}
	}
	text := "Incorrect path. Check it against the list in docs/compat/coingecko.md"
	if near != nil {
		text += "; beginning the same there are " + strings.Join(near, ", ")
	}
	return fault.New(fault.Unknown, "%s", text)
}
