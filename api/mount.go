package api

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/gate"
	"github.com/assayhq/assay/fault"
)

// Mount is a handler that is served behind the same admission as the operations. The
// caller is in its requests' context (gate.Caller). Its ResponseWriter is a Sender.
type Mount struct {
	Pattern string // of http.ServeMux, such as "/compat/coingecko/"
	Scope   access.Scope
	Cost    int
	// KeyHeaders are the names under which clients of this face send the key, tried
	// when it is in neither of ours.
	KeyHeaders []string
	// KeyQuery are the parameters of the address under which they send it, tried last:
	// for faces whose contract has the key there and whose clients cannot be changed.
	// They are taken out before anybody else sees the address, so that no log, link or
	// handler has them; the access log writes no query in any case.
	KeyQuery []string
	// AnyOrigin lets browsers of every origin in, for faces whose contract says so, and
	// answers their preflights, which have no key, before admission. Keys are never in
	// cookies, so nothing is lent to a page that it does not have.
	AnyOrigin bool
	// Fail writes a failure that arises before the handler, such as a missing key or a
	// limit, or a panic in it, in the form of this face. status is the one that our own
	// API would answer; fault.Of(err), fault.Public(err) and fault.Field(err) tell the
	// rest, and the cause is in the log already. The caller is in the request's context
	// once its key was proved. The headers of the limit and an integer Retry-After, with
	// 429 and 503, are set. Nil: a problem, as in our own API.
	Fail    func(w http.ResponseWriter, r *http.Request, status int, err error)
	Handler http.Handler
}

// Sender is what the ResponseWriter of a mounted handler can do beside writing: send a
// body whole, compressed when that is worth it and the client takes it, and without the
// body to HEAD. It sets Content-Type and Content-Length, and Vary where there is none.
type Sender interface {
	Send(status int, media string, body []byte)
}

// Send is of Sender.
func (x *exchange) Send(status int, media string, body []byte) { x.write(status, media, body) }

// mountFaces puts the other faces behind admission. Two that want one path, or one of
// ours, are a mistake of the settings and not a panic.
func (s *Server) mountFaces() error {
	taken := map[string]bool{}
	for _, list := range [][]Mount{s.opt.Mounts, s.opt.Open} {
		for _, m := range list {
			_, path, _ := strings.Cut(m.Pattern, "/")
			if path = "/" + path; taken[m.Pattern] || path == "/" || strings.HasPrefix(path, "/v1/") {
				return fault.New(fault.Invalid, "the path %s is asked for by two parts of the server; give one of them another", m.Pattern)
			}
			taken[m.Pattern] = true
		}
	}
	for _, m := range s.opt.Mounts {
		s.mux.HandleFunc(m.Pattern, s.mounted(m))
	}
	for _, m := range s.opt.Open {
		s.mux.Handle(m.Pattern, m.Handler)
	}
	return nil
}

// mounted is the way in for another face.
func (s *Server) mounted(m Mount) http.HandlerFunc {
	op := &Operation{ID: m.Pattern, Scope: m.Scope, Cost: m.Cost}
	return func(w http.ResponseWriter, r *http.Request) {
		x := w.(*exchange)
		x.op, x.r, x.face = op, r, &m
		if m.AnyOrigin && x.anyOrigin() {
			return
		}
		x.foreignKey()
		if err := x.enter(s.opt.Gate.Authenticate, op, m.Cost); err != nil {
			x.fail(err)
			return
		}
		m.Handler.ServeHTTP(x, x.r.WithContext(gate.WithCaller(x.r.Context(), x.caller)))
	}
}

// foreignKey finds the key where clients of the face put it, and puts it where ours is.
// Parameters with a key leave the address whether they are used or not.
func (x *exchange) foreignKey() {
	key := ""
	for _, name := range x.face.KeyHeaders {
		if key = x.r.Header.Get(name); key != "" {
			break
		}
	}
	if q := x.r.URL.RawQuery; q != "" && len(x.face.KeyQuery) > 0 {
		var kept []string
		for part := range strings.SplitSeq(q, "&") {
			name, value, _ := strings.Cut(part, "=")
			if !x.face.keyed(unescape(name)) {
				kept = append(kept, part)
			} else if key == "" {
				key = unescape(value)
			}
		}
		if rest := strings.Join(kept, "&"); rest != q {
			r := x.r.Clone(x.r.Context())
			r.URL.RawQuery = rest
			r.RequestURI = (&url.URL{Path: r.URL.Path, RawPath: r.URL.RawPath, RawQuery: rest}).RequestURI()
			x.r = r
		}
	}
	if key != "" && x.r.Header.Get("Authorization") == "" && x.r.Header.Get("X-API-Key") == "" {
		x.r.Header.Set("X-API-Key", key)
	}
}

func (m *Mount) keyed(name string) bool {
	for _, k := range m.KeyQuery {
		if strings.EqualFold(k, name) {
			return true
		}
	}
	return false
}

// anyOrigin lets every origin in. Preflights are answered here: done.
func (x *exchange) anyOrigin() (done bool) {
	h := x.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Expose-Headers", "*")
	if x.r.Method != http.MethodOptions || x.r.Header.Get("Access-Control-Request-Method") == "" {
		return false
	}
	h.Set("Access-Control-Allow-Methods", "GET, HEAD, POST, OPTIONS")
	h.Set("Access-Control-Allow-Headers", "*")
	if asked := x.r.Header.Get("Access-Control-Request-Headers"); len(asked) > 0 && len(asked) <= 1024 {
		h.Set("Access-Control-Allow-Headers", asked) // "*" leaves Authorization out
	}
	h.Set("Access-Control-Max-Age", "600")
	x.WriteHeader(http.StatusNoContent)
	return true
}

// refuse hands a failure to the face that has a form of its own for it.
func (x *exchange) refuse(status int, err error) (done bool) {
	if x.face == nil || x.face.Fail == nil {
		return false
	}
	h := x.Header()
	if status == http.StatusTooManyRequests && h["Retry-After"] == nil {
		h["Retry-After"] = []string{"1"} // a limit that comes back when something ends
	}
	x.face.Fail(x, x.r.WithContext(x.context()), status, err)
	return true
}
