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
	"github.com/assayhq/assay/access/gate"
	"github.com/assayhq/assay/api/problem"
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
	slot, err := h.connect(c)
	if err != nil {
		return nil, err
	}
	s, err := h.begin(c, slot, r)
	if err != nil {
		slot.Disconnect()
	}
	return s, err
}

// begin makes the session of a caller who may have one.
func (h *Hub) begin(c *access.Caller, slot *gate.Connection, r *http.Request) (*session, error) {
	s := &session{hub: h, caller: c, slot: slot, key: c.Party(), origin: gate.Origin(r), used: time.Now(), subs: map[topic]*member{}, out: nowhere{}}
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
		s.part(m)
	}
	s.abort()
	s.writers.Wait()
	s.slot.Disconnect()
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
	if err := s.charge(len(fresh)); err != nil {
		return err
	}
	rooms := make([]*room, 0, len(wishes))
	for i := range wishes {
		r, err := h.room(wishes[i].topic)
		if err != nil {
			s.slot.Unsubscribe(len(fresh))
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
			s.part(old)
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
	s.part(m)
	s.slot.Unsubscribe(1)
}

// part leaves a room and keeps what the subscription counts as.
func (s *session) part(m *member) {
	m.r.leave(m)
	s.gone(m)
	delete(s.subs, m.r.topic)
	s.hub.release(m.r)
}

// refusal is the answer of a refused request, as in RFC 9457.
func refusal(w http.ResponseWriter, r *http.Request, err error) {
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

// appendProblem writes the same object for HTTP answers and for `error` messages.
func appendProblem(b []byte, err error) ([]byte, int) {
	c := problem.Of(fault.Of(err))
	type place struct {
		Location string `json:"location"`
		Message  string `json:"message"`
	}
	p := struct {
		Type        string              `json:"type"`
		Title       string              `json:"title"`
		Status      int                 `json:"status"`
		Code        string              `json:"code"`
		Detail      string              `json:"detail"`
		Errors      []place             `json:"errors,omitempty"`
		Suggestions []string            `json:"suggestions,omitempty"`
		Violated    []string            `json:"violated-policies,omitempty"`
		Limits      []problem.Violation `json:"limits,omitempty"`
		Retryable   bool                `json:"retryable"`
	}{Type: c.Page(), Title: c.Title, Status: c.Status, Code: c.Kind.String(), Detail: fault.Public(err), Retryable: c.Kind.Retryable()}
	if l, ok := errors.AsType[*problem.Limited](err); ok {
		p.Type, p.Violated, p.Limits = problem.QuotaExceeded, l.Names(), l.Violated
	}
	if f := fault.Field(err); f != "" {
		p.Errors = []place{{f, p.Detail}}
	}
	var s *suggested
	if errors.As(err, &s) {
		p.Suggestions = s.names
	}
	j, _ := json.Marshal(p)
	return append(b, j...), c.Status
}
