package notify

import (
	"slices"
	"strings"
	"time"

	"github.com/assayhq/assay/fault"
)

// State is whether an endpoint is delivered to.
type State string

// The states of an endpoint.
const (
	Enabled State = "enabled"
	// Disabled: nothing is sent. Its owner switched it off, or it answered 410 Gone.
	Disabled State = "disabled"
)

// Bounds of endpoints, kept by whoever registers them.
const (
	MaxEndpoints = 64 // of one organisation
	MaxPatterns  = 32 // event patterns of one endpoint
	MaxSecrets   = 4  // signing secrets of one endpoint at a time: more than a rotation needs
)

// SecretRef points to a signing secret. The secret itself lives elsewhere.
type SecretRef struct {
	Ref    string    `json:"ref"`              // name under which the keeper of secrets knows it
	Public string    `json:"public,omitempty"` // whpk_... of an Ed25519 key, to show to the receiver
	Until  time.Time `json:"until,omitzero"`   // no longer signed with from then on; zero: without end
}

// Live tells whether deliveries at t are signed with it.
func (s *SecretRef) Live(t time.Time) bool { return s.Until.IsZero() || t.Before(s.Until) }

// Endpoint is a place that wants events. Each of its live secrets signs every
// delivery, so a secret is replaced by adding one and giving the old one an Until.
type Endpoint struct {
	ID      string      `json:"id"`
	Org     string      `json:"org"`
	App     string      `json:"app,omitempty"` // "": events of every app of the organisation
	URL     string      `json:"url"`           // as webhook's CheckURL returned it
	Events  []string    `json:"events"`        // patterns: a type, a prefix such as key.*, or *
	Secrets []SecretRef `json:"secrets"`
	State   State       `json:"state"`
	Reason  string      `json:"reason,omitempty"` // why it is disabled
	Created time.Time   `json:"created"`
}

// Wants tells whether an event is to be delivered there.
func (e *Endpoint) Wants(v *Event) bool {
	return e.State == Enabled && e.Org == v.Org && (e.App == "" || e.App == v.App) &&
		slices.ContainsFunc(e.Events, func(p string) bool { return Match(p, v.Type) })
}

// Match tells whether a pattern covers an event type. A pattern is a type, "*", or a
// prefix of whole words followed by ".*".
func Match(pattern, typ string) bool {
	if prefix, ok := strings.CutSuffix(pattern, "*"); ok {
		return prefix == "" || strings.HasSuffix(prefix, ".") && strings.HasPrefix(typ, prefix)
	}
	return pattern == typ
}

// CheckPatterns refuses patterns that cover no event type: they are mistakes that would
// otherwise show only by silence.
func CheckPatterns(patterns []string) error {
	if len(patterns) == 0 || len(patterns) > MaxPatterns {
		return fault.At(fault.Invalid, "events", "an endpoint needs 1 to %d event patterns, such as key.*", MaxPatterns)
	}
	for _, p := range patterns {
		covers := false
		for t := range Types() {
			covers = covers || Match(p, t)
		}
		if !covers {
			return fault.At(fault.Invalid, "events", "event pattern %.64q covers no event type; use a type, a prefix such as key.*, or *", p)
		}
	}
	return nil
}
