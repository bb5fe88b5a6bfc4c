package api

import (
	"context"
	"math/rand/v2"
	"net/http"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/gate"
	"github.com/assayhq/assay/api/problem"
	"github.com/assayhq/assay/fault"
)

// This file is a request's way in, in reading order:
//
//	recover → id → security headers → cross origin → [route] →
//	format → authenticate → limit → authorize → signature → known parameters → repeated? → validate → handler
//
// The part before the route is for every path, the part after it for operations.

const (
	maxURI   = 8 << 10
	maxQuery = 40 // parameters
)

// ServeHTTP is the way in.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := &exchange{ResponseWriter: w, s: s, r: r, began: s.opt.Gate.Now()}
	defer x.end()

	x.identify()
	x.secure()
	if done := x.crossOrigin(); done {
		return
	}
	if len(r.RequestURI) > maxURI {
		x.fail(&problemError{status: http.StatusRequestURITooLong, error: fault.New(fault.TooLarge, "the address has %d bytes; at most %d are read", len(r.RequestURI), maxURI)})
		return
	}
	if done := x.framed(); done {
		return
	}
	s.mux.ServeHTTP(x, r)
}

// end recovers from a panic and writes the line of the access log. It holds no query,
// header or body, so no secret either.
func (x *exchange) end() {
	if x.leave != nil {
		x.leave()
	}
	if p := recover(); p == http.ErrAbortHandler {
		defer panic(p) // a file that was cut off is logged and counted all the same
	} else if p != nil {
		x.s.log.Error("a request ended in a panic", "request_id", x.id, "path", x.r.URL.Path, "panic", p, "stack", string(debug.Stack()))
		if x.status == 0 {
			x.fail(fault.New(fault.Internal, "something failed on our side; the log has the cause under request %s", x.id))
		}
	}
	if ctx := x.r.Context(); x.s.log.Enabled(ctx, levelAccess) {
		x.logLine(ctx)
	}
	x.watched(x.status)
	if m := x.s.opt.Meter; m != nil && x.op != nil && x.caller != nil {
		x.count(m, x.units)
	}
}

// identify takes the caller's request id over when it is well formed, or makes one.
func (x *exchange) identify() {
	x.id = x.r.Header.Get("X-Request-Id")
	if !wellFormed(x.id) {
		b := make([]byte, 0, 20)
		b = append(b, "req_"...)
		x.id = string(strconv.AppendUint(b, rand.Uint64()|1<<63, 36))
	}
	x.set(x.Header(), "X-Request-Id", x.id)
}

func wellFormed(id string) bool {
	if len(id) == 0 || len(id) > 64 {
		return false
	}
	for i := range len(id) {
		c := id[i]
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	return true
}

// secure sets the headers that hold for every answer; pages add their own policy.
func (x *exchange) secure() {
	h := x.Header()
	h["X-Content-Type-Options"] = noSniff
	h["Cache-Control"] = noStore
}

// Header values that never change, shared so that they are not made for each answer.
// Nothing writes into them.
var (
	noSniff    = []string{"nosniff"}
	noReferrer = []string{"no-referrer"}
	noStore    = []string{"no-store"}
	varies     = []string{"Accept, Accept-Encoding"}
	variesMore = []string{"Accept, Accept-Encoding, Origin"}
)

// crossOrigin lets browsers of the configured origins in, and answers their preflight.
// Keys come in a header, never in a cookie, so no credentials mode is offered.
func (x *exchange) crossOrigin() (done bool) {
	if len(x.s.opt.Origins) == 0 {
		return false
	}
	origin, h := x.r.Header.Get("Origin"), x.Header()
	if origin == "" || (!slices.Contains(x.s.opt.Origins, origin) && !slices.Contains(x.s.opt.Origins, "*")) {
		return false
	}
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Expose-Headers", "X-Request-Id, Link, Retry-After, RateLimit, RateLimit-Policy, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, Assay-Credential, Sunset, Assay-As-Of, Assay-Sources, Assay-Quality, Assay-Simulated, Assay-Not-Financial-Advice, Assay-Next-Cursor, Idempotency-Replayed")
	if x.r.Method != http.MethodOptions || x.r.Header.Get("Access-Control-Request-Method") == "" {
		return false
	}
	h.Set("Access-Control-Allow-Methods", "GET, HEAD, POST, DELETE")
	h.Set("Access-Control-Allow-Headers", "Authorization, X-API-Key, Content-Type, Accept, X-Request-Id, Last-Event-ID, MCP-Protocol-Version, Mcp-Method, Mcp-Name, Idempotency-Key, Assay-Session, Assay-Key, Assay-Timestamp, Assay-Nonce, Assay-Signature")
	h.Set("Access-Control-Max-Age", "600")
	x.WriteHeader(http.StatusNoContent)
	return true
}

// admit is the way into one operation; enter is what lies behind it.
func (s *Server) admit(op *Operation, enter func(*exchange)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		x := w.(*exchange)
		x.op, x.r = op, r // r carries the path's values
		if op.file {
			x.format = inJSON // of what is said beside files
		} else if err := x.choose(); err != nil {
			x.fail(err)
			return
		}
		if op.Scope != "" || op.Cost > 0 {
			cost := op.Cost
			if op.weigh != nil {
				cost = op.weigh(r)
			}
			if err := x.enter(s.opt.Gate.Authenticate, op, cost); err != nil {
				x.fail(err)
				return
			}
		}
		if err := x.known(); err != nil {
			x.fail(err)
			return
		}
		x.once(enter)
	}
}

// enter authenticates, authorizes, limits, and checks the signature where there must be one.
func (x *exchange) enter(authenticate func(*http.Request) (*access.Caller, error), op *Operation, cost int) error {
	// A face that was admitted asks for its caller; only this server puts one there.
	caller := gate.Caller(x.r.Context())
	within := caller != nil
	if !within {
		var err error
		if caller, err = authenticate(x.r); err != nil {
			return err
		}
	}
	x.caller = caller
	g := x.s.opt.Gate
	scope := op.Scope
	if op.also != "" && caller.Has(op.also) {
		scope = op.also
	}
	if n, ok := g.Notice(caller); ok {
		n.Set(x.Header())
	}
	// Refusals count too: whoever may not, may not ask for ever.
	cost = g.Cost(caller, op.class(), cost)
	var limit gate.Limit
	var err error
	if within { // the request around it is the one that is made at the same time
		x.leave = func() {}
		limit, err = g.Allow(caller, cost)
	} else {
		x.leave, limit, err = g.Enter(caller, cost)
	}
	if limit.Allowed {
		x.units = cost
	}
	limit.Set(x.Header())
	if err != nil {
		answer := limit.Answer // a copy, so that only refusals pay for it
		return problem.Limit(err, g.Plan(caller), &answer)
	}
	if err := g.Authorize(x.r.Context(), caller, scope); err != nil {
		return err
	}
	return x.proved(op)
}

// known refuses parameters that the operation does not have, and those given twice: a
// misspelled filter that is silently left out gives wrong data.
func (x *exchange) known() error {
	q := x.r.URL.RawQuery
	if q == "" {
		return nil
	}
	var bad []detail
	seen := make([]string, 0, 8)
	for q != "" {
		var part string
		part, q, _ = strings.Cut(q, "&")
		if part == "" {
			continue
		}
		name, _, _ := strings.Cut(part, "=")
		name = unescape(name)
		switch {
		case len(seen) >= maxQuery:
			return fault.At(fault.Invalid, "query", "more than %d parameters", maxQuery)
		case slices.Contains(seen, name):
			bad = append(bad, detail{Location: "query." + clip(name, 40), Message: "given more than once; separate several values by commas"})
		case !slices.Contains(x.op.query, name):
			bad = append(bad, detail{Location: "query." + clip(name, 40), Message: didYouMean("there is no such parameter", name, x.op.query)})
		}
		seen = append(seen, name)
	}
	if bad == nil {
		return nil
	}
	return &problemError{details: bad, error: fault.New(fault.Invalid, "%s: %s", bad[0].Location, bad[0].Message)}
}

// stream is the way in for streams: a key in a header, or a ticket from POST
// /v1/stream/tickets in the address, for browsers.
func (s *Server) stream(w http.ResponseWriter, r *http.Request) {
	x := w.(*exchange)
	x.op, x.r = &Operation{ID: "stream", Scope: access.StreamRead, Cost: 1}, r
	authenticate := s.opt.Gate.Authenticate
	if t := r.URL.Query().Get("ticket"); t != "" && r.Header.Get("Authorization") == "" && r.Header.Get("X-API-Key") == "" {
		authenticate = func(*http.Request) (*access.Caller, error) { return s.opt.Gate.Redeem(t) }
	}
	if err := x.enter(authenticate, x.op, 1); err != nil {
		x.fail(err)
		return
	}
	x.leave() // it is no longer a request: a plan counts streams for themselves
	x.leave = nil
	x.watched(http.StatusSwitchingProtocols)
	// A stream is as long as it likes: the server's deadlines are for answers.
	c := http.NewResponseController(x.ResponseWriter)
	c.SetReadDeadline(time.Time{})
	c.SetWriteDeadline(time.Time{})
	s.opt.Stream.ServeHTTP(x, r.WithContext(gate.WithCaller(r.Context(), x.caller)))
}

// stray answers paths and methods that no operation has.
func (s *Server) stray(w http.ResponseWriter, r *http.Request) {
	x := w.(*exchange)
	x.choose() // a format that cannot be had is not the worst of it
	if allow := s.methods(r); len(allow) > 0 {
		x.Header().Set("Allow", strings.Join(allow, ", "))
		if r.Method == http.MethodOptions {
			x.WriteHeader(http.StatusNoContent)
			return
		}
		x.fail(&problemError{status: http.StatusMethodNotAllowed, error: fault.New(fault.Invalid, "%s cannot be used on %s; use %s", clip(r.Method, 20), clip(r.URL.Path, 100), strings.Join(allow, ", "))})
		return
	}
	if s.opt.Home != nil && !strings.HasPrefix(r.URL.Path, "/v1/") {
		x.Header().Del("Cache-Control") // the pages there have their own
		s.opt.Home.ServeHTTP(x, r)
		return
	}
	x.fail(&problemError{suggestions: nearest(r.URL.Path, s.paths, 3), error: fault.New(fault.Unknown, "there is nothing at %s; /docs lists what there is", clip(r.URL.Path, 100))})
}

// methods lists what a path may be asked with.
func (s *Server) methods(r *http.Request) (allow []string) {
	for _, m := range []string{http.MethodGet, http.MethodPost, http.MethodDelete} {
		probe := &http.Request{Method: m, URL: r.URL, Host: r.Host}
		if _, pattern := s.mux.Handler(probe); pattern != "" && pattern != "/" {
			allow = append(allow, m)
			if m == http.MethodGet {
				allow = append(allow, http.MethodHead)
			}
		}
	}
	if allow != nil {
		allow = append(allow, http.MethodOptions)
	}
	return allow
}

// context is the request's, with the caller in it.
func (x *exchange) context() context.Context {
	ctx := x.r.Context()
	if x.op != nil && x.op.Method != http.MethodGet { // it may change something
		ctx = gate.WithRequest(ctx, x.id)
	}
	if x.caller == nil {
		return ctx
	}
	ctx = gate.WithCaller(ctx, x.caller)
	if x.op.Signed == Required || x.claim != nil {
		ctx = context.WithValue(ctx, exchangeKey{}, x)
	}
	return ctx
}
