package stream

import (
	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/gate"
	"github.com/assayhq/assay/access/limit"
	"github.com/assayhq/assay/api/problem"
)

// tariff counts streams and their subscriptions against what the caller's app may have.
// A stream is counted once, however often its key changes: keys of one app share its
// limits, and a stream never goes on with a key of another.
type tariff interface {
	Connect(c *access.Caller) (*gate.Connection, error)
	Plan(c *access.Caller) limit.Plan
}

// connect takes one of the streams that the caller's app may have open. What it gives is
// never nil and is given back by Disconnect.
func (h *Hub) connect(c *access.Caller) (*gate.Connection, error) {
	t, ok := h.opt.Auth.(tariff)
	if !ok {
		return &gate.Connection{}, nil
	}
	slot, err := t.Connect(c)
	return slot, h.limited(c, err)
}

// charge takes n subscriptions of those that the app may have on all streams together.
func (s *session) charge(n int) error {
	return s.hub.limited(s.caller, s.slot.Subscribe(n))
}

// limited adds to an error how the caller stands against the limit that it breaks.
func (h *Hub) limited(c *access.Caller, err error) error {
	t, ok := h.opt.Auth.(tariff)
	if err == nil || !ok {
		return err
	}
	return problem.Limit(err, t.Plan(c), nil)
}
