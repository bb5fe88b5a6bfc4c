// Package prometheus answers the query API of Prometheus over the market, so that Grafana
// and promtool can ask it as they ask a Prometheus server.
//
// The values are prices, bars and volumes (metrics.go says which), read from the reader of
// candles when they are asked for; nothing is scraped and nothing stored. It evaluates a
// part of PromQL by itself: selectors with matchers and offset, arithmetic and comparisons,
// aggregations, rate, increase, delta and functions over time. What it does not have it
// refuses by name. docs/compat/prometheus.md lists both.
//
// What always holds: a failure is {"status":"error","errorType":...,"error":...}; what is
// not understood is bad_data with its place; a query that would read or compute more than
// the limits allow is refused; values are float64, as in Prometheus, and statistics, not
// money. Callers were admitted before (api.Mount).
//
// Protocol: https://prometheus.io/docs/prometheus/latest/querying/api/. app mounts it.
package prometheus

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
)

// Options are the parts. All but Now, Version and Logger must be given.
type Options struct {
	Board   market.Board
	History market.History
	Candles market.CandleReader
	Now     func() time.Time // for what is kept in memory; nil: the wall clock
	Version string
	Logger  *slog.Logger
}

const (
	prefix   = "/compat/prometheus"
	maxBody  = 64 << 10
	maxSteps = 11_000
	maxTime  = 30 * time.Second
)

type face struct {
	opt    Options
	known  known
	routes map[string]route
}

type route struct {
	params string
	answer func(*face, context.Context, url.Values) (any, error)
}

// New makes the handler of everything under /compat/prometheus/api/v1/ and, without the
// first two parts, of the original paths.
func New(opt Options) http.Handler {
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	return &face{opt: opt, routes: map[string]route{
		"query":            {"query time timeout limit stats lookback_delta", (*face).query},
		"query_range":      {"query start end step timeout limit stats lookback_delta", (*face).queryRange},
		"format_query":     {"query", (*face).format},
		"series":           {"match[] start end limit", (*face).series},
		"labels":           {"match[] start end limit", (*face).labels},
		"metadata":         {"metric limit limit_per_metric", (*face).metadata},
		"status/buildinfo": {"", (*face).build},
	}}
}

func (f *face) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name, ok := strings.CutPrefix(strings.TrimPrefix(r.URL.Path, prefix), "/api/v1/")
	op, found := f.routes[name]
	if rest, is := strings.CutPrefix(name, "label/"); is && !found {
		if l, is := strings.CutSuffix(rest, "/values"); is && l != "" && !strings.Contains(l, "/") {
			found = true
			op = route{"match[] start end limit", func(f *face, ctx context.Context, q url.Values) (any, error) { return f.labelValues(ctx, l, q) }}
		}
	}
	if !ok || !found {
		refuse(w, http.StatusNotFound, "not_found", "there is nothing at this path; there are query, query_range, series, labels, label/NAME/values, metadata, format_query and status/buildinfo")
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead && r.Method != http.MethodPost {
		w.Header().Set("Allow", "GET, HEAD, POST")
		refuse(w, http.StatusMethodNotAllowed, "bad_data", "ask with GET, or with POST and a form")
		return
	}
	q, err := read(w, r, op.params)
	var v any
	if err == nil {
		ctx, cancel := context.WithTimeout(r.Context(), limit(q))
		defer cancel()
		v, err = op.answer(f, ctx, q)
	}
	if err != nil {
		if fault.Of(err) == fault.Internal && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled) {
			f.opt.Logger.Error("a query failed", "path", r.URL.Path, "err", err)
		}
		Fail(w, r, 0, err)
		return
	}
	write(w, http.StatusOK, struct {
		Status string `json:"status"`
		Data   any    `json:"data"`
	}{"success", v})
}

// limit is how long a query may take: what it asks for, at most maxTime.
func limit(q url.Values) time.Duration {
	if d, err := step(q.Get("timeout")); err == nil && d > 0 && d < maxTime {
		return d
	}
	return maxTime
}

// read reads the parameters of the address and of a form.
func read(w http.ResponseWriter, r *http.Request, known string) (url.Values, error) {
	if r.Method == http.MethodPost {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	}
	if err := r.ParseForm(); err != nil {
		if _, big := errors.AsType[*http.MaxBytesError](err); big {
			return nil, fault.New(fault.TooLarge, "the form has more than %d bytes", maxBody)
		}
		return nil, fault.New(fault.Invalid, "the parameters cannot be read: encode them as a form")
	}
	for name, v := range r.Form {
		switch {
		case !slices.Contains(strings.Fields(known), name):
			return nil, fault.At(fault.Invalid, "query", "there is no parameter %q here", clip(name))
		case len(v) > 1 && name != "match[]":
			return nil, fault.At(fault.Invalid, name, "the parameter %q is given more than once", name)
		}
	}
	for _, name := range []string{"limit", "limit_per_metric"} {
		if s := r.Form.Get(name); s != "" {
			if _, err := strconv.ParseUint(s, 10, 31); err != nil {
				return nil, parameter(name, "%q is no number", clip(s))
			}
		}
	}
	return r.Form, nil
}

func parameter(name, format string, args ...any) error {
	return fault.At(fault.Invalid, name, "invalid parameter "+strconv.Quote(name)+": "+format, args...)
}

// moment reads a time: seconds with a fraction, or RFC 3339.
func moment(name, s string, def time.Time) (time.Time, error) {
	if s == "" {
		return def, nil
	}
	if n, err := strconv.ParseFloat(s, 64); err == nil && math.Abs(n) < 1e11 {
		return time.UnixMilli(int64(math.Round(n * 1000))).UTC(), nil
	}
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil && t.Year() > 0 {
		return t.UTC(), nil
	}
	return time.Time{}, parameter(name, "cannot parse %q to a valid timestamp", clip(s))
}

// step reads a length of time: seconds with a fraction, or 1h30m.
func step(s string) (time.Duration, error) {
	if n, err := strconv.ParseFloat(s, 64); err == nil && math.Abs(n) <= maxDuration.Seconds() {
		return time.Duration(n * float64(time.Second)).Round(time.Millisecond), nil
	}
	if d, ok := duration(s); ok {
		return d, nil
	}
	return 0, parameter("step", "cannot parse %q to a valid duration", clip(s))
}

// result is an answer to a query.
type result struct {
	Type   kindName `json:"resultType"`
	Result any      `json:"result"`
}

type kindName string

// point is a time and a value, written as Prometheus does.
type point struct {
	t int64
	v float64
}

func (p point) MarshalJSON() ([]byte, error) {
	b := append(make([]byte, 0, 40), '[')
	b = strconv.AppendFloat(b, float64(p.t)/1000, 'f', -1, 64)
	b = append(b, `,"`...)
	switch {
	case math.IsInf(p.v, 1):
		b = append(b, "+Inf"...)
	case math.IsInf(p.v, -1):
		b = append(b, "-Inf"...)
	default:
		b = strconv.AppendFloat(b, p.v, 'f', -1, 64)
	}
	return append(b, `"]`...), nil
}

func (l labels) MarshalJSON() ([]byte, error) {
	m := map[string]string{}
	for _, x := range l {
		m[x.name] = x.value
	}
	return json.Marshal(m)
}

type one struct {
	Metric labels `json:"metric"`
	Value  point  `json:"value"`
}

type many struct {
	Metric labels  `json:"metric"`
	Values []point `json:"values"`
}

func (f *face) parse(q url.Values) (expr, []*selector, error) {
	if len(q.Get("query")) > 8<<10 {
		return nil, nil, parameter("query", "it has more than 8 KiB")
	}
	e, picks, err := parseQuery(q.Get("query"))
	if err != nil {
		return nil, nil, fault.At(fault.Invalid, "query", "invalid parameter \"query\": %s", fault.Public(err))
	}
	return e, picks, nil
}

func (f *face) query(ctx context.Context, q url.Values) (any, error) {
	at, err := moment("time", q.Get("time"), f.opt.Board.Now())
	if err != nil {
		return nil, err
	}
	e, picks, err := f.parse(q)
	if err != nil {
		return nil, err
	}
	if s, ok := e.(str); ok {
		return result{"string", [2]any{float64(at.UnixMilli()) / 1000, s.v}}, nil
	}
	if err := f.load(ctx, picks, at, at); err != nil {
		return nil, err
	}
	most, _ := strconv.Atoi(q.Get("limit"))
	if s, ok := e.(*selector); ok && s.over > 0 {
		out := []many{}
		for _, x := range s.data {
			if ts, vs := s.window(x, at.UnixMilli()); len(ts) > 0 {
				out = append(out, many{x.labels, points(ts, vs)})
			}
		}
		return result{"matrix", cut(out, most)}, nil
	}
	w := &evaluation{ctx: ctx}
	v, err := w.eval(e, at.UnixMilli())
	if err != nil {
		return nil, err
	}
	if v.scalar {
		return result{"scalar", point{at.UnixMilli(), v.n}}, nil
	}
	out := []one{}
	for _, s := range v.list {
		out = append(out, one{s.labels, point{at.UnixMilli(), s.v}})
	}
	if err := unique(v.list); err != nil {
		return nil, err
	}
	return result{"vector", cut(out, most)}, nil
}

func cut[T any](list []T, most int) []T {
	if most > 0 && len(list) > most {
		return list[:most]
	}
	return list
}

func points(ts []int64, vs []float64) []point {
	out := make([]point, len(ts))
	for i := range ts {
		out[i] = point{ts[i], vs[i]}
	}
	return out
}

// unique refuses a vector in which labels stand twice.
func unique(list []sample) error {
	seen := make(map[string]bool, len(list))
	for _, s := range list {
		k := s.labels.key()
		if seen[k] {
			return fault.At(fault.Conflict, "query", "vector cannot contain metrics with the same labelset")
		}
		seen[k] = true
	}
	return nil
}

func (f *face) queryRange(ctx context.Context, q url.Values) (any, error) {
	for _, name := range []string{"start", "end", "step"} {
		if q.Get(name) == "" {
			return nil, parameter(name, "it is missing")
		}
	}
	start, err := moment("start", q.Get("start"), time.Time{})
	if err != nil {
		return nil, err
	}
	end, err := moment("end", q.Get("end"), time.Time{})
	if err != nil {
		return nil, err
	}
	by, err := step(q.Get("step"))
	switch {
	case err != nil:
		return nil, err
	case end.Before(start):
		return nil, parameter("end", "end timestamp must not be before start time")
	case by < time.Millisecond:
		return nil, parameter("step", "zero or negative query resolution step widths are not accepted. Try a positive integer")
	case end.Sub(start)/by > maxSteps:
		return nil, fault.At(fault.Invalid, "step", "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)")
	}
	e, picks, err := f.parse(q)
	if err != nil {
		return nil, err
	}
	if k := e.gives(); k != scalar && k != vector {
		return nil, parameter("query", "invalid expression type %q for range query, must be Scalar or instant Vector", k)
	}
	if err := f.load(ctx, picks, start, end); err != nil {
		return nil, err
	}
	w := &evaluation{ctx: ctx}
	var order []*many
	found := map[string]*many{}
	for t := start; !t.After(end); t = t.Add(by) {
		v, err := w.eval(e, t.UnixMilli())
		if err != nil {
			return nil, err
		}
		if v.scalar {
			v.list = []sample{{nil, v.n}}
		} else if err := unique(v.list); err != nil {
			return nil, err
		}
		for _, s := range v.list {
			k := s.labels.key()
			m := found[k]
			if m == nil {
				m = &many{Metric: s.labels}
				found[k], order = m, append(order, m)
			}
			m.Values = append(m.Values, point{t.UnixMilli(), s.v})
		}
	}
	slices.SortFunc(order, func(a, b *many) int { return strings.Compare(a.Metric.key(), b.Metric.key()) })
	most, _ := strconv.Atoi(q.Get("limit"))
	if order == nil {
		order = []*many{}
	}
	return result{"matrix", cut(order, most)}, nil
}

func (f *face) format(_ context.Context, q url.Values) (any, error) {
	e, _, err := f.parse(q)
	if err != nil {
		return nil, err
	}
	return e.String(), nil
}

// matching gives the series that match[] picks; all where it is not sent and need not be.
func (f *face) matching(ctx context.Context, q url.Values, must bool) ([]labels, error) {
	for _, name := range []string{"start", "end"} {
		if _, err := moment(name, q.Get(name), time.Time{}); err != nil {
			return nil, err
		}
	}
	list := q["match[]"]
	if len(list) == 0 && must {
		return nil, fault.At(fault.Invalid, "match[]", "no match[] parameter provided")
	}
	if len(list) > maxSelectors {
		return nil, parameter("match[]", "more than %d of them", maxSelectors)
	}
	var picks []*selector
	for _, m := range list {
		e, _, err := parseQuery(m)
		s, ok := e.(*selector)
		if err != nil || !ok || s.over != 0 || s.offset != 0 {
			return nil, parameter("match[]", "%q is no selector", clip(m))
		}
		picks = append(picks, s)
	}
	all, err := f.sources(ctx)
	var out []labels
	for _, x := range all {
		if len(picks) == 0 || slices.ContainsFunc(picks, func(s *selector) bool { return s.fits(x.labels) }) {
			out = append(out, x.labels)
		}
	}
	return out, err
}

func most(q url.Values) int {
	n, _ := strconv.Atoi(q.Get("limit"))
	return n
}

func (f *face) series(ctx context.Context, q url.Values) (any, error) {
	list, err := f.matching(ctx, q, true)
	if list == nil {
		list = []labels{}
	}
	return cut(list, most(q)), err
}

func (f *face) labels(ctx context.Context, q url.Values) (any, error) {
	list, err := f.matching(ctx, q, false)
	out := []string{}
	for _, l := range list {
		for _, x := range l {
			if !slices.Contains(out, x.name) {
				out = append(out, x.name)
			}
		}
	}
	slices.Sort(out)
	return cut(out, most(q)), err
}

func (f *face) labelValues(ctx context.Context, name string, q url.Values) (any, error) {
	for i := range len(name) {
		if !letter(name[i]) && (i == 0 || !digit(name[i])) {
			return nil, parameter("name", "invalid label name: %q", clip(name))
		}
	}
	list, err := f.matching(ctx, q, false)
	seen := map[string]bool{}
	out := []string{}
	for _, l := range list {
		if v := l.get(name); v != "" && !seen[v] {
			seen[v] = true
			out = append(out, v)
		}
	}
	slices.Sort(out)
	return cut(out, most(q)), err
}

func (f *face) metadata(_ context.Context, q url.Values) (any, error) {
	type about struct {
		Type string `json:"type"`
		Help string `json:"help"`
		Unit string `json:"unit"`
	}
	out := map[string][]about{}
	for _, m := range metrics() {
		if n := q.Get("metric"); (n == "" || n == m.name) && (most(q) == 0 || len(out) < most(q)) {
			out[m.name] = []about{{m.kind, m.help, ""}}
		}
	}
	return out, nil
}

// build tells a version of Prometheus whose API this is like, for clients that look at it.
func (f *face) build(context.Context, url.Values) (any, error) {
	return map[string]string{"version": "2.42.0", "revision": "assay " + f.opt.Version, "branch": "", "buildUser": "", "buildDate": "", "goVersion": ""}, nil
}

// Fail writes a failure. It is also for api.Mount.Fail.
func Fail(w http.ResponseWriter, _ *http.Request, _ int, err error) {
	text := fault.Public(err)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		refuse(w, http.StatusServiceUnavailable, "timeout", "query timed out")
		return
	case errors.Is(err, context.Canceled):
		refuse(w, http.StatusServiceUnavailable, "canceled", "query was canceled")
		return
	}
	switch fault.Of(err) {
	case fault.Invalid:
		refuse(w, http.StatusBadRequest, "bad_data", text)
	case fault.Unauthentic:
		refuse(w, http.StatusUnauthorized, "bad_data", text)
	case fault.Denied:
		refuse(w, http.StatusForbidden, "bad_data", text)
	case fault.Exhausted:
		refuse(w, http.StatusTooManyRequests, "unavailable", text)
	case fault.Unknown:
		refuse(w, http.StatusNotFound, "not_found", text)
	case fault.Conflict, fault.TooLarge:
		refuse(w, http.StatusUnprocessableEntity, "execution", text)
	case fault.Unavailable:
		refuse(w, http.StatusServiceUnavailable, "unavailable", text)
	default:
		refuse(w, http.StatusInternalServerError, "internal", "something failed on our side; the log has the cause")
	}
}

func refuse(w http.ResponseWriter, status int, kind, text string) {
	write(w, status, struct {
		Status string `json:"status"`
		Type   string `json:"errorType"`
		Error  string `json:"error"`
	}{"error", kind, text})
}

// sender is api.Sender, which compresses.
type sender interface {
	Send(status int, media string, body []byte)
}

func write(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		status, b = http.StatusInternalServerError, []byte(`{"status":"error","errorType":"internal","error":"the answer cannot be written"}`)
	}
	if s, ok := w.(sender); ok {
		s.Send(status, "application/json", b)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(b)
}
