// Package udf is a data feed for charts that speak TradingView's UDF protocol
// (universal data feed): symbols, search, bars and quotes.
//
// It translates and does not think: bars come from the reader of candles, prices from the
// board. A symbol is VENUE:PAIR, such as kraken:BTC-USD; without a venue it is the
// consensus. It has no marks and no charting library, which is licensed by others and has
// to be brought along.
//
// What always holds: times are seconds and numbers are numbers, as the protocol wants;
// from is inclusive and to exclusive; countback is worth more than from; where there is
// nothing the answer is no_data, with the time of the last bar before it where there is
// one; every failure is {"s":"error","errmsg":...}. Callers were admitted before
// (api.Mount).
//
// Protocol: https://www.tradingview.com/charting-library-docs/latest/connecting_data/UDF/.
// app mounts it.
package udf

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
)

// Options are the parts. All but Logger must be given.
type Options struct {
	Board   market.Board
	Candles market.CandleReader
	Logger  *slog.Logger
}

const prefix = "/compat/udf"

type face struct {
	opt    Options
	routes map[string]route
}

type route struct {
	params string
	answer func(*face, context.Context, url.Values) (any, error)
}

// New makes the handler of everything under /compat/udf/; paths without it are the
// protocol's own, such as /udf/config.
func New(opt Options) http.Handler {
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	return &face{opt, map[string]route{
		"config":          {"", (*face).config},
		"time":            {"", (*face).time},
		"symbols":         {"symbol currencyCode unitId session", (*face).symbols},
		"search":          {"query type exchange limit", (*face).search},
		"history":         {"symbol resolution from to countback currencyCode unitId firstDataRequest", (*face).history},
		"quotes":          {"symbols", (*face).quotes},
		"marks":           {"symbol from to resolution", none},
		"timescale_marks": {"symbol from to resolution", none},
	}}
}

func none(*face, context.Context, url.Values) (any, error) { return []any{}, nil }

func (f *face) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, prefix), "/udf")
	op, ok := f.routes[strings.TrimPrefix(path, "/")]
	var v any
	var err error
	switch {
	case !ok:
		err = fault.New(fault.Unknown, "there is nothing at this path: a data feed has config, time, symbols, search, history, quotes and marks")
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		write(w, http.StatusMethodNotAllowed, failure("a data feed is asked with GET"))
		return
	default:
		var q url.Values
		if q, err = parse(r.URL.RawQuery, op.params); err == nil {
			v, err = op.answer(f, r.Context(), q)
		}
	}
	if err != nil {
		if fault.Of(err) == fault.Internal {
			f.opt.Logger.Error("a request failed", "path", r.URL.Path, "err", err)
		}
		Fail(w, r, status(err), err)
		return
	}
	if n, ok := v.(int64); ok { // the time is plain text
		send(w, http.StatusOK, "text/plain; charset=utf-8", []byte(itoa(n)))
		return
	}
	write(w, http.StatusOK, v)
}

// parse refuses parameters that the operation does not have, and those given twice.
func parse(raw, known string) (url.Values, error) {
	q, err := url.ParseQuery(raw)
	if err != nil {
		return nil, fault.New(fault.Invalid, "the query cannot be read: encode it as a form")
	}
	for name, v := range q {
		switch {
		case !slices.Contains(strings.Fields(known), name):
			return nil, fault.At(fault.Invalid, "query", "there is no parameter %q", clip(name))
		case len(v) > 1:
			return nil, fault.At(fault.Invalid, name, "%s is given more than once", name)
		}
	}
	return q, nil
}

func clip(s string) string {
	if len(s) > 40 {
		return strings.ToValidUTF8(s[:40], "") + "..."
	}
	return s
}

// status is the HTTP status of a failure. Clients of the protocol read the body.
func status(err error) int {
	switch fault.Of(err) {
	case fault.Invalid:
		return http.StatusBadRequest
	case fault.Unknown:
		return http.StatusNotFound
	case fault.Unavailable:
		return http.StatusServiceUnavailable
	case fault.TooLarge:
		return http.StatusRequestEntityTooLarge
	}
	return http.StatusInternalServerError
}

type errorAnswer struct {
	S      string `json:"s"`
	ErrMsg string `json:"errmsg"`
}

func failure(text string) errorAnswer { return errorAnswer{"error", text} }

// Fail writes a failure. It is also for api.Mount.Fail.
func Fail(w http.ResponseWriter, _ *http.Request, status int, err error) {
	write(w, status, failure(fault.Public(err)))
}

func write(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		status, b = http.StatusInternalServerError, []byte(`{"s":"error","errmsg":"the answer cannot be written"}`)
	}
	send(w, status, "application/json; charset=utf-8", b)
}

// sender is api.Sender, which compresses.
type sender interface {
	Send(status int, media string, body []byte)
}

func send(w http.ResponseWriter, status int, media string, b []byte) {
	if s, ok := w.(sender); ok {
		s.Send(status, media, b)
		return
	}
	w.Header().Set("Content-Type", media)
	w.WriteHeader(status)
	w.Write(b)
}
