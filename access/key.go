package access

import (
	"net/netip"
	"time"
)

// State is where a key stands in its life. Expiry and the date of retirement are not
// states: they are judged by the clock of whoever decides, so they need no message.
type State string

// The states of a key.
const (
	// Staged: made, accepted, not yet seen working. Its first use confirms it.
	Staged State = "staged"
	// Active: the key to use.
	Active State = "active"
	// Retiring: still accepted, but a successor is confirmed; callers should move.
	Retiring State = "retiring"
	// Suspended: no longer accepted, and can be brought back until UndoUntil.
	Suspended State = "suspended"
	// Retired: ended in good order, for ever.
	Retired State = "retired"
	// Withdrawn: a successor that was given up before it was confirmed.
	Withdrawn State = "withdrawn"
	// Revoked: ended at once and for ever.
	Revoked State = "revoked"
)

// Accepting tells whether keys in the state are accepted, dates permitting.
func (s State) Accepting() bool { return s == Staged || s == Active || s == Retiring }

// Terminal tells whether the state is never left.
func (s State) Terminal() bool { return s == Retired || s == Withdrawn || s == Revoked }

// Key is one version in a ring, as it is remembered. Its token is not in it.
type Key struct {
	ID       string  `json:"id"` // public part of the token: 11 base62 characters
	N        int     `json:"n"`  // 1, 2, 3 ... within its ring
	State    State   `json:"state"`
	Verifier []byte  `json:"verifier"` // HMAC-SHA-256 of the token, 32 bytes
	Pepper   int     `json:"pepper"`   // version of the key of that HMAC
	Scopes   []Scope `json:"scopes"`
	Bounds   Bounds  `json:"bounds,omitzero"`
	// Signer, when there is one, checks the signature that every request has which changes something.
	Signer *Signer `json:"signer,omitempty"`

	Created   time.Time `json:"created"`
	CreatedBy string    `json:"created_by,omitempty"` // key id of the caller, or "cli", "schedule"
	Reason    string    `json:"reason,omitempty"`     // why it was made: created, rotation, schedule, emergency, rehearsal
	NotBefore time.Time `json:"not_before,omitzero"`
	Expires   time.Time `json:"expires,omitzero"` // zero: never
	// RetireAt is set once a successor is confirmed; from then on the key is refused at
	// that time by every node's own clock.
	RetireAt  time.Time `json:"retire_at,omitzero"`
	Confirmed time.Time `json:"confirmed,omitzero"` // first use by its client
	Ended     time.Time `json:"ended,omitzero"`     // suspended, retired, withdrawn or revoked
	UndoUntil time.Time `json:"undo_until,omitzero"`
	Cause     string    `json:"cause,omitempty"` // of a revocation: compromise, lost, unused, requested ...
}

// Live tells whether the key is accepted at t. The only clock is the argument.
func (k *Key) Live(t time.Time) bool {
	return k.State.Accepting() && !t.Before(k.NotBefore) &&
		(k.Expires.IsZero() || t.Before(k.Expires)) && (k.RetireAt.IsZero() || t.Before(k.RetireAt))
}

// Standing is the state as a person would tell it at t, dates included: a key past its
// expiry is "expired", one past its retirement "suspended", one before its start "future".
func (k *Key) Standing(t time.Time) string {
	switch {
	case !k.State.Accepting():
		return string(k.State)
	case !k.Expires.IsZero() && !t.Before(k.Expires):
		return "expired"
	case !k.RetireAt.IsZero() && !t.Before(k.RetireAt):
		return string(Suspended)
	case t.Before(k.NotBefore):
		return "future"
	}
	return string(k.State)
}

// Has tells whether the key grants a scope.
func (k *Key) Has(s Scope) bool { return Has(k.Scopes, s) }

// Bounds narrow what a key may be used for, and from where. Empty fields bound nothing.
type Bounds struct {
	Networks []netip.Prefix `json:"networks,omitempty"` // the caller's address must be in one
	Hours    []Hours        `json:"hours,omitempty"`    // the time must be in one
	Venues   []string       `json:"venues,omitempty"`   // for orders and market data of one venue
	Symbols  []string       `json:"symbols,omitempty"`  // pairs such as BTC-USD, for orders
	MaxOrder string         `json:"max_order,omitempty"`
	MaxDaily string         `json:"max_daily,omitempty"` // exact decimals in the quote currency of the pair, for orders
}

// Hours are a daily window in UTC, [From, To) in minutes since midnight; a window
// with To before From goes over midnight. Days are those on which it begins, none is all.
type Hours struct {
	From int            `json:"from"`
	To   int            `json:"to"`
	Days []time.Weekday `json:"days,omitempty"`
}

// Contains tells whether t is in the window.
func (h Hours) Contains(t time.Time) bool {
	t = t.UTC()
	m, day := t.Hour()*60+t.Minute(), t.Weekday()
	in := m >= h.From && m < h.To
	if h.To <= h.From { // over midnight; equal ends are the whole day
		in = m >= h.From || m < h.To
		if m < h.To {
			day = (day + 6) % 7 // it began yesterday
		}
	}
	if !in || len(h.Days) == 0 {
		return in
	}
	for _, d := range h.Days {
		if d == day {
			return true
		}
	}
	return false
}

// Here tells whether an address may use the key. An address that is not known is
// refused when there is a list.
func (b *Bounds) Here(a netip.Addr) bool {
	if len(b.Networks) == 0 {
		return true
	}
	a = a.Unmap().WithZone("")
	for _, p := range b.Networks {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// Now tells whether a time is within the hours.
func (b *Bounds) Now(t time.Time) bool {
	if len(b.Hours) == 0 {
		return true
	}
	for _, h := range b.Hours {
		if h.Contains(t) {
			return true
		}
	}
	return false
}
