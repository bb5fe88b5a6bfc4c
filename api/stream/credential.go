package stream

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/gate"
	"github.com/assayhq/assay/fault"
)

// herald tells at once of keys that ended. It calls with its own locks held: the hub
// asks nothing of the gate in return.
type herald interface{ Follow(f func([]gate.Fate)) }

// noticer knows what the holder of a key should be told.
type noticer interface {
	Notice(c *access.Caller) (n gate.Notice, ok bool)
}

// renewer takes another key for an open stream.
type renewer interface {
	Reauthenticate(was *access.Caller, token string, r *http.Request, need access.Scope) (*access.Caller, error)
}

// witness notes that a key is in use.
type witness interface {
	Used(c *access.Caller, r *http.Request)
}

const (
	useEvery   = 10 * time.Second // how often an open stream counts as a use of its key
	retryAfter = time.Second      // between two attempts of a session to change its key
)

// enter puts a session into the index under a key. The lock is held, and Live is asked
// under it: a gate first decides that a key has ended and then tells, so either it is
// seen here, or ended comes afterwards and finds the session.
func (h *Hub) enter(s *session, key string, c *access.Caller) error {
	if n := h.opt.Limits.PerKey; len(h.byKey[key]) >= n {
		return fault.New(fault.Exhausted, "%d streams of this key are open, the most it may have: close one, or subscribe to several topics in one", n)
	}
	if err := h.opt.Auth.Live(c); err != nil {
		return err
	}
	if h.byKey[key] == nil {
		h.byKey[key] = map[*session]struct{}{}
	}
	h.byKey[key][s] = struct{}{}
	return nil
}

// leave takes a session out of the index. The lock is held.
func (h *Hub) leave(s *session) {
	delete(h.byKey[s.key], s)
	if len(h.byKey[s.key]) == 0 {
		delete(h.byKey, s.key)
	}
}

// ended closes the streams of keys that have ended, as the gate tells it.
func (h *Hub) ended(fates []gate.Fate) {
	for _, f := range fates {
		h.expel(f.Key, string(f.State), fault.New(fault.Unauthentic, "the key %s is %s, and its streams end: connect with another", f.Key, f.State))
	}
}

// expel ends the sessions of a key that is no longer accepted. It does so under the
// lock: a session that has just moved to another key stays.
func (h *Hub) expel(key, state string, why error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	last := failure(nil, why)
	for s := range h.byKey[key] {
		if s.finish(closeRevoked, "credential_"+state, last) {
			h.stats.revoked.Add(1)
		}
	}
}

// holder is a key and its sessions at one time.
type holder struct {
	caller   *access.Caller // with the key itself, whatever token was sent for it
	key      string
	sessions []*session
	lent     []borrower
}

// borrower is a session that was opened with a token lent for a key, which ends before it.
type borrower struct {
	s      *session
	caller *access.Caller
}

// holders lists all sessions by key. The lock is held.
func (h *Hub) holders() []holder {
	out := make([]holder, 0, len(h.byKey))
	for key, set := range h.byKey {
		k := holder{key: key, sessions: make([]*session, 0, len(set))}
		for s := range set {
			k.caller = s.caller
			k.sessions = append(k.sessions, s)
			if !s.caller.Until.IsZero() {
				k.lent = append(k.lent, borrower{s, s.caller})
			}
		}
		if len(k.lent) > 0 && !k.caller.Until.IsZero() {
			whole := *k.caller
			whole.Until = time.Time{}
			k.caller = &whole
		}
		out = append(out, k)
	}
	return out
}

// review looks after the sessions of one key, once a second. It catches what nobody
// tells of: dates that pass, and a gate that lost its lease.
func (h *Hub) review(k holder, now time.Time) {
	err := h.opt.Auth.Live(k.caller)
	switch fault.Of(err) {
	case fault.Unauthentic:
		state := string(access.Revoked)
		if d, ok := errors.AsType[*gate.Dead](err); ok {
			state = d.State
		}
		h.expel(k.key, state, err)
	case fault.Unavailable:
		last := failure(nil, err)
		for _, s := range k.sessions {
			s.finish(closeLater, "credential_unavailable", last)
		}
	}
	if err == nil {
		h.collect(k.lent)
	}
	var notice gate.Notice
	var due bool
	if n, ok := h.opt.Auth.(noticer); ok && err == nil {
		notice, due = n.Notice(k.caller)
	}
	w, _ := h.opt.Auth.(witness)
	for _, s := range k.sessions {
		if s.told.now(k.key, &notice, due && notice.Due(), now) {
			s.answer(appendNotice(nil, &notice))
		}
		if err == nil && w != nil && now.Sub(s.used) >= useEvery {
			s.used = now
			w.Used(k.caller, s.origin)
		}
		s.tick(now)
	}
}

// collect ends the sessions whose token has ended, though its key goes on. Like expel it
// leaves alone who has just moved to another credential.
func (h *Hub) collect(lent []borrower) {
	for _, b := range lent {
		err := h.opt.Auth.Live(b.caller)
		if fault.Of(err) != fault.Unauthentic {
			continue
		}
		h.mu.Lock()
		if b.s.caller == b.caller && b.s.finish(closeRevoked, "credential_expired", failure(nil, err)) {
			h.stats.revoked.Add(1)
		}
		h.mu.Unlock()
	}
}

// told is what a session was told of its key's retirement: at first, an hour before
// the date, and five minutes before it. Another key or another date begins anew.
type told struct {
	key   string
	date  time.Time
	stage int
}

// now tells whether it is time for a message, and counts it as sent.
func (t *told) now(key string, n *gate.Notice, due bool, now time.Time) bool {
	if !due {
		*t = told{}
		return false
	}
	if t.key != key || !t.date.Equal(n.RetireAt) {
		*t = told{key: key, date: n.RetireAt}
	}
	stage := 1
	if left := n.RetireAt.Sub(now); n.RetireAt.IsZero() {
	} else if left <= 5*time.Minute {
		stage = 3
	} else if left <= time.Hour {
		stage = 2
	}
	if stage <= t.stage {
		return false
	}
	t.stage = stage
	return true
}

func appendNotice(b []byte, n *gate.Notice) []byte {
	b = append(b, `{"op":"notice","notice":"credential.retiring","state":`...)
	b = appendText(b, string(n.State))
	if !n.RetireAt.IsZero() {
		b = append(b, `,"retire_at":"`...)
		b = append(n.RetireAt.UTC().AppendFormat(b, time.RFC3339), '"')
	}
	b = append(b, `,"ring":`...)
	b = appendText(b, n.Ring)
	if n.Successor > 0 {
		b = append(b, `,"successor":`...)
		b = strconv.AppendInt(b, int64(n.Successor), 10)
	}
	return append(b, '}')
}

// reauth goes on with another key. Subscriptions and the queue know nothing of keys,
// so nothing happens to them.
func (s *session) reauth(q *request) error {
	now := time.Now()
	if !s.tried.IsZero() && now.Sub(s.tried) < retryAfter {
		return fault.New(fault.Exhausted, "a stream may change its key once a second: wait")
	}
	s.tried = now
	h := s.hub
	a, ok := h.opt.Auth.(renewer)
	if !ok {
		return fault.New(fault.Denied, "streams cannot change their key here: connect again with the other one")
	}
	c, err := a.Reauthenticate(s.caller, q.token, s.origin, access.StreamRead)
	if err != nil {
		return err
	}
	if err := h.move(s, c); err != nil {
		return err
	}
	b := append(reply("reauth", q.id), `,"key":`...)
	b = appendText(b, c.KeyID)
	b = append(b, `,"ring":`...)
	b = appendText(b, c.Ring)
	b = append(b, `,"version":`...)
	b = strconv.AppendInt(b, int64(c.N), 10)
	s.answer(append(b, '}'))
	return nil
}

// move makes a session one of another key, whose limit it counts against from now on.
func (h *Hub) move(s *session, c *access.Caller) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if key := c.Party(); key != s.key {
		if err := h.enter(s, key, c); err != nil {
			return err
		}
		h.leave(s)
		s.key = key
	}
	s.caller = c
	return nil
}
