package emulator

import (
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// query is one HTTP request as a protocol sees it.
type query struct {
	v       *Venue
	r       *http.Request
	path    string
	args    url.Values
	now     time.Time
	address string
	body    []byte // of a POST, once it was asked for
	used    int    // weight used in the last window looked at, this request included
	left    int
}

// reply is an HTTP answer.
type reply struct {
	status int
	body   []byte
	header map[string]string
	mime   string // application/json if empty
}

func answer(status int, body []byte) reply { return reply{status: status, body: body} }

// Handler serves the venue's REST paths and its WebSocket endpoints. It can be put
// into any HTTP server; the market moves only while Run runs.
func (v *Venue) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Assay-Simulated", "true")
		if strings.EqualFold(r.Header.Get("Upgrade"), "websocket") && v.proto.streams(r.URL.Path) {
			v.stream(w, r)
			return
		}
		if v.rules.lag > 0 && !v.world.opt.Fast {
			select {
			case <-time.After(v.rules.lag):
			case <-r.Context().Done():
				return
			}
		}
		v.write(w, v.serve(r))
	})
}

// serve answers a REST request, with the lock held for its whole length.
func (v *Venue) serve(r *http.Request) reply {
	v.mu.Lock()
	defer v.mu.Unlock()
	q := &query{v: v, r: r, path: r.URL.Path, now: time.Now(), address: clientOf(r)}
	var err error
	if q.args, err = url.ParseQuery(r.URL.RawQuery); err != nil {
		return answer(http.StatusBadRequest, []byte("bad query"))
	}
	if ref, ok := v.admit(q, v.rules.bans); !ok {
		return v.proto.refuse(q, ref)
	}
	if a, hit := v.faults.answer(q); hit {
		return a
	}
	if a, own := v.private(q); own {
		return v.faults.maul(q, a)
	}
	return v.faults.maul(q, v.proto.rest(q))
}

func (v *Venue) write(w http.ResponseWriter, a reply) {
	if a.mime == "" {
		a.mime = "application/json"
	}
	w.Header().Set("Content-Type", a.mime)
	for k, x := range a.header {
		w.Header().Set(k, x)
	}
	w.WriteHeader(a.status)
	w.Write(a.body)
}

func clientOf(r *http.Request) string {
	if h, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		return h
	}
	return r.RemoteAddr
}

// post is the body of the request, up to a megabyte of it.
func (q *query) post() []byte {
	if q.body == nil {
		q.body, _ = io.ReadAll(io.LimitReader(q.r.Body, 1<<20))
	}
	return q.body
}

// get is a parameter, or "".
func (q *query) get(name string) string { return q.args.Get(name) }

// number is an integer parameter; without it def; ok is false when it is no integer.
func (q *query) number(name string, def int64) (n int64, ok bool) {
	s := q.args.Get(name)
	if s == "" {
		return def, true
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return def, false
	}
	return n, true
}

// limit is a count parameter held between 1 and most.
func (q *query) limit(name string, def, most int64) int {
	n, ok := q.number(name, def)
	if !ok || n <= 0 {
		n = def
	}
	return int(min(n, most))
}

// pit is the listing of a symbol parameter, by the stream's name.
func (q *query) pit(symbol string) *pit { return q.v.symbols[symbol] }

// clock is now as the venue states it.
func (q *query) clock() time.Time { return q.v.stamp(q.now) }
