package stream

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/fault"
)

// admit finds out who asks and makes the session, or says why not.
func (h *Hub) admit(r *http.Request) (*session, error) {
	var c *access.Caller
	var err error
	if ticket := r.URL.Query().Get("ticket"); ticket != "" {
		c, err = h.opt.Auth.Redeem(ticket)
	} else {
		c, err = h.opt.Auth.Authenticate(r)
	}
	if err != nil {
		return nil, err
	}
	if !c.Has(access.StreamRead) {
		return nil, fault.New(fault.Denied, "the key does not have the scope %s, which streams need", access.StreamRead)
	}
	if !h.welcome(r) {
		return nil, fault.At(fault.Denied, "header.Origin", "pages of %q may not open streams here: add its host to the allowed origins", clip(r.Header.Get("Origin")))
	}
	s := &session{hub: h, caller: c, key: keyOf(c), origin: originOf(r), used: time.Now(), subs: map[topic]*member{}, out: nowhere{}}
	s.wrote.Store(time.Now().UnixNano())
	h.mu.Lock()
	defer h.mu.Unlock()
	switch l := &h.opt.Limits; {
	case h.draining:
		return nil, fault.New(fault.Unavailable, "the server restarts: connect again in a moment")
	case len(h.sessions) >= l.Connections:
		return nil, fault.New(fault.Exhausted, "%d streams are open, the most this installation allows: try again later", l.Connections)
	}
	if err := h.enter(s, s.key, c); err != nil {
		return nil, err
	}
	h.sessions[s] = struct{}{}
	h.wg.Add(1)
	h.stats.accepted.Add(1)
	return s, nil
}

// dismiss ends a session for good: it is the last thing its goroutine does.
func (h *Hub) dismiss(s *session) {
	for _, m := range s.subs {
		s.unsubscribe(m)
	}
	s.abort()
	s.writers.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.sessions, s)
	h.leave(s)
	if h.draining && len(h.sessions) == 0 {
		close(h.emptied)
	}
	h.wg.Done()
}

// welcome tells whether the page that opens a stream may: none (no browser), one of
// this host, or an allowed one.
func (h *Hub) welcome(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	u, err := url.Parse(origin)
	if err != nil {
		return false
	}
	if strings.EqualFold(u.Host, r.Host) {
		return true
	}
	for _, p := range h.opt.Origins {
		if ok, err := path.Match(strings.ToLower(p), strings.ToLower(u.Host)); p == "*" || err == nil && ok {
			return true
		}
	}
	return false
}

// subscribe joins the rooms of all wishes, or of none. reply makes the answer, which
// goes before the first data.
func (s *session) subscribe(wishes []wish, reply func(joined []joined) []byte) error {
	h := s.hub
	fresh := map[topic]bool{}
	for i := range wishes {
		if err := h.check(&wishes[i]); err != nil {
			return err
		}
		if s.subs[wishes[i].topic] == nil {
			fresh[wishes[i].topic] = true
		}
	}
	if len(s.subs)+len(fresh) > h.opt.Limits.Topics {
		return fault.At(fault.Exhausted, "topics", "a connection may have %d subscriptions, and has %d: unsubscribe some, or open another", h.opt.Limits.Topics, len(s.subs))
	}
	rooms := make([]*room, 0, len(wishes))
	for i := range wishes {
		r, err := h.room(wishes[i].topic)
		if err != nil {
			for _, r := range rooms {
				h.release(r)
			}
			return err
		}
		rooms = append(rooms, r)
	}
	s.hold()
	done := make([]joined, len(wishes))
	for i, r := range rooms {
		if old := s.subs[r.topic]; old != nil { // again: begin anew, with a fresh snapshot
			s.unsubscribe(old)
		}
		m := &member{s: s, r: r}
		s.subs[r.topic] = m
		if s.order != nil {
			s.order[i] = m
		}
		done[i] = joined{m: m, asked: wishes[i].resume, resumed: r.join(m, &wishes[i])}
	}
	s.fill(reply(done))
	return nil
}

// joined is one topic of an answered subscription.
type joined struct {
	m              *member
	asked, resumed bool
}

func (s *session) unsubscribe(m *member) {
	m.r.leave(m)
	s.gone(m)
	delete(s.subs, m.r.topic)
	s.hub.release(m.r)
}

// problem is the answer of a refused request, as in RFC 9457.
func problem(w http.ResponseWriter, r *http.Request, err error) {
	b, status := appendProblem(nil, err)
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="assay"`)
	}
	if fault.Of(err) == fault.Exhausted || fault.Of(err) == fault.Unavailable {
		w.Header().Set("Retry-After", "1")
	}
	w.WriteHeader(status)
	w.Write(b)
}

// codes are the kinds of fault as HTTP and the pages at /errors know them: the API's
// problems have the same, and one type has one title.
var codes = map[fault.Kind]struct {
	status int
	title  string
}{
	fault.Internal:    {http.StatusInternalServerError, "Something failed on our side"},
	fault.Invalid:     {http.StatusBadRequest, "The request is wrong"},
	fault.Unknown:     {http.StatusNotFound, "There is no such thing"},
	fault.Unauthentic: {http.StatusUnauthorized, "Who asks is not known"},
	fault.Denied:      {http.StatusForbidden, "Who asks may not"},
	fault.Exhausted:   {http.StatusTooManyRequests, "A limit is used up"},
	fault.Conflict:    {http.StatusConflict, "The state does not allow it"},
	fault.Unavailable: {http.StatusServiceUnavailable, "Something is out of reach"},
	fault.Unaccepted:  {http.StatusNotAcceptable, "None of the formats can be written"},
	fault.TooLarge:    {http.StatusRequestEntityTooLarge, "More than one request may ask for or send"},
}

// appendProblem writes the same object for HTTP answers and for `error` messages.
func appendProblem(b []byte, err error) ([]byte, int) {
	kind := fault.Of(err)
	c, ok := codes[kind]
	if !ok {
		c = codes[fault.Internal]
	}
	type place struct {
		Location string `json:"location"`
		Message  string `json:"message"`
	}
	p := struct {
		Type        string   `json:"type"`
		Title       string   `json:"title"`
		Status      int      `json:"status"`
		Code        string   `json:"code"`
		Detail      string   `json:"detail"`
		Errors      []place  `json:"errors,omitempty"`
		Suggestions []string `json:"suggestions,omitempty"`
		Retryable   bool     `json:"retryable"`
	}{Type: "/errors/" + kind.String(), Title: c.title, Status: c.status, Code: kind.String(), Detail: fault.Public(err), Retryable: kind.Retryable()}
	if f := fault.Field(err); f != "" {
		p.Errors = []place{{f, p.Detail}}
	}
	var s *suggested
	if errors.As(err, &s) {
		p.Suggestions = s.names
	}
	j, _ := json.Marshal(p)
	return append(b, j...), c.status
}
