// Package rotation holds the rules by which a ring of keys changes: how a successor
// is staged, confirmed by its first use, how the old key is retired, suspended,
// brought back, or revoked.
//
// It is pure: each function takes a ring, a wish and the time, changes the ring or
// refuses, and gives the events to record. gate calls it inside a transaction of the
// store, so a rule that holds here holds for every node.
//
// What always holds:
//
//	R1  A ring does not lose its last accepted key, unless that is forced or an
//	    emergency; a key is retired only when a successor was confirmed.
//	R2  No more keys are accepted than the policy allows; another is a Conflict.
//	R3  A successor may do at most what the old key may, unless the caller may grant.
//	R4  An old key never lives longer because of a rotation.
//	R5  Limits and references are of the app and the ring; nothing here changes them.
//	R8  Emergencies go through at once.
//	R9  A suspension can be undone in its time, not after a compromise.
//
// (R6, the authoritative check of keys that make keys, and R7, one transaction for
// change, audit and notices, are gate's. R10, that a repeated request is the same
// rotation, is idem's.)
package rotation

import (
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/fault"
)

// Event is something that happened to a ring, for the audit log and the notices.
type Event struct {
	Type   string // as in notify: key.confirmed ...
	Key    string // id of the key it is about
	N      int
	Detail map[string]string
}

// Settle is the least time between a change that arms a date and that date: every
// node has the news by then or has fenced itself.
const Settle = 15 * time.Second

// maxKeys bounds a ring; the oldest ended keys are forgotten beyond it.
const maxKeys = 24

func event(typ string, k *access.Key, detail ...string) Event {
	e := Event{Type: typ, Key: k.ID, N: k.N}
	for i := 0; i+1 < len(detail); i += 2 {
		if e.Detail == nil {
			e.Detail = map[string]string{}
		}
		e.Detail[detail[i]] = detail[i+1]
	}
	return e
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// Start puts the first key into a ring. It is active at once: there is nobody to move.
func Start(r *access.Ring, k access.Key, now time.Time) []Event {
	k.N, k.State, k.Created = 1, access.Active, now
	r.Created, r.Keys = now, []access.Key{k}
	return []Event{event("key.created", &r.Keys[0], "name", r.Name)}
}

// Wish is what a rotation shall be.
type Wish struct {
	ID       string        // of the rotation
	Overlap  time.Duration // 0: the policy's
	Force    bool          // a short overlap, or more keys than the policy allows
	Grant    bool          // the caller may give more than the old key has
	Reason   string        // rotation, schedule, emergency, rehearsal
	By       string
	Lifetime time.Duration
	Push     access.Pushing // how the token is delivered; the zero value: it is given to whoever asked
}

// Rotate stages a successor. Its fields that are not set (scopes, bounds) are the old
// key's; both keys are accepted from now on.
func Rotate(r *access.Ring, k access.Key, w Wish, now time.Time) ([]Event, error) {
	old := current(r, now)
	if old == nil {
		return nil, fault.New(fault.Conflict, "ring %s has no key that is accepted, so there is nothing to rotate: make a new one", r.ID)
	}
	if k.Scopes == nil {
		k.Scopes = old.Scopes
	}
	p := r.Policy.WithDefaults(old.Scopes)
	if n := r.Accepting(now); n >= p.MaxAccepting && !w.Force { // R2
		return nil, fault.New(fault.Conflict, "ring %s has %d accepted keys, the most its policy allows: wait for the rotation under way, confirm it, roll it back, or revoke a key", r.ID, n)
	}
	if r.Accepting(now) >= 5 {
		return nil, fault.New(fault.Conflict, "ring %s has 5 accepted keys, which is the most there can be: revoke one", r.ID)
	}
	if !w.Grant { // R3
		if s, ok := access.Subset(k.Scopes, old.Scopes); !ok {
			return nil, fault.At(fault.Denied, "body.scopes", "the successor would get %s, which key %s does not have; that needs the scope %s", s, old.ID, access.KeysGrant)
		}
		if !narrower(&k.Bounds, &old.Bounds) {
			return nil, fault.At(fault.Denied, "body.bounds", "the successor would be bound less than key %s; that needs the scope %s", old.ID, access.KeysGrant)
		}
	}
	if empty(&k.Bounds) {
		k.Bounds = old.Bounds
	}
	overlap := w.Overlap
	if overlap == 0 {
		overlap = p.Overlap
	}
	switch {
	case overlap < access.MinOverlap && !w.Force && !r.Rehearsal:
		return nil, fault.At(fault.Invalid, "body.overlap", "an overlap of %s is shorter than the hour for which clients keep a secret in memory: take %s or more, or force it", overlap, access.MinOverlap)
	case overlap > access.MaxOverlap:
		return nil, fault.At(fault.Invalid, "body.overlap", "an overlap of %s is longer than %s", overlap, access.MaxOverlap)
	}
	life := w.Lifetime
	if life == 0 {
		life = p.Lifetime
	}
	k.N, k.State, k.Created, k.CreatedBy, k.Reason = r.Keys[len(r.Keys)-1].N+1, access.Staged, now, w.By, w.Reason
	if life > 0 && k.Expires.IsZero() {
		k.Expires = now.Add(life)
	}
	from := old.N
	r.Keys = append(r.Keys, k)
	forget(r)
	r.Rotation = &access.Rotation{
		ID: w.ID, From: from, To: k.N, Phase: access.Staging, Reason: w.Reason, By: w.By, Started: now, Overlap: overlap,
		RetireAt: now.Add(overlap), Limit: now.Add(overlap + p.Cap), Push: w.Push,
	}
	nk := &r.Keys[len(r.Keys)-1]
	return []Event{event("key.rotation_started", nk, "rotation", w.ID, "reason", w.Reason, "retire_at", stamp(r.Rotation.RetireAt), "confirm_by", stamp(now.Add(p.Confirm)))}, nil
}

// current is the key that a rotation starts from: the newest that is accepted.
func current(r *access.Ring, now time.Time) *access.Key {
	for i := len(r.Keys) - 1; i >= 0; i-- {
		if r.Keys[i].Live(now) {
			return &r.Keys[i]
		}
	}
	return nil
}

func empty(b *access.Bounds) bool {
	return len(b.Networks) == 0 && len(b.Hours) == 0 && len(b.Venues) == 0 && len(b.Symbols) == 0 && b.MaxOrder == "" && b.MaxDaily == ""
}

// narrower tells whether a, where it says anything, allows at most what b does. Sizes
// and hours must be the same; lists must be parts.
func narrower(a, b *access.Bounds) bool {
	if empty(a) {
		return true // takes over b
	}
	for _, p := range a.Networks {
		in := len(b.Networks) == 0
		for _, q := range b.Networks {
			in = in || q.Bits() <= p.Bits() && q.Contains(p.Addr())
		}
		if !in {
			return false
		}
	}
	part := func(a, b []string) bool {
		if len(b) == 0 {
			return true
		}
		for _, x := range a {
			found := false
			for _, y := range b {
				found = found || x == y
			}
			if !found {
				return false
			}
		}
		return len(a) > 0
	}
	sameHours := len(b.Hours) == 0
	if !sameHours && len(a.Hours) == len(b.Hours) {
		sameHours = true
		for i := range a.Hours {
			x, y := a.Hours[i], b.Hours[i]
			sameHours = sameHours && x.From == y.From && x.To == y.To && len(x.Days) == len(y.Days)
			for j := range x.Days {
				sameHours = sameHours && x.Days[j] == y.Days[j]
			}
		}
	}
	return (len(b.Networks) == 0 || len(a.Networks) > 0) && part(a.Venues, b.Venues) && part(a.Symbols, b.Symbols) && sameHours &&
		(b.MaxOrder == "" || a.MaxOrder == b.MaxOrder) && (b.MaxDaily == "" || a.MaxDaily == b.MaxDaily)
}

// forget drops the oldest ended keys of a long ring.
func forget(r *access.Ring) {
	for i := 0; len(r.Keys) > maxKeys && i < len(r.Keys); {
		if r.Keys[i].State.Terminal() {
			r.Keys = append(r.Keys[:i:i], r.Keys[i+1:]...)
		} else {
			i++
		}
	}
}

// Confirm notes that a staged key works for its client: it becomes the active one,
// and every older accepted key gets the date of its retirement.
func Confirm(r *access.Ring, id string, now time.Time) ([]Event, error) {
	k := r.Key(id)
	switch {
	case k == nil:
		return nil, fault.New(fault.Unknown, "ring %s has no key %s", r.ID, id)
	case k.State == access.Active:
		return nil, nil // twice is the same as once
	case k.State != access.Staged:
		return nil, fault.New(fault.Conflict, "key %s is %s; only a staged key is confirmed", id, k.Standing(now))
	case !k.Live(now):
		return nil, fault.New(fault.Conflict, "key %s is %s", id, k.Standing(now))
	}
	k.State, k.Confirmed = access.Active, now
	at := now.Add(Settle)
	if x := r.Rotation; x != nil && x.To == k.N {
		if x.RetireAt.Before(at) {
			x.RetireAt = at
		}
		at = x.RetireAt
		x.Phase = access.Migrating
	}
	ev := []Event{event("key.confirmed", k, "retire_at", stamp(at))}
	for i := range r.Keys {
		o := &r.Keys[i]
		if o.N < k.N && o.State.Accepting() {
			o.State = access.Retiring
			if o.RetireAt.IsZero() || at.Before(o.RetireAt) { // R4: a date already given is not moved back
				o.RetireAt = at
			}
			ev = append(ev, event("key.retiring", o, "retire_at", stamp(o.RetireAt), "successor", k.ID))
		}
	}
	return ev, nil
}

// confirmed tells whether a key newer than n works for its client.
func confirmed(r *access.Ring, n int, now time.Time) bool {
	for i := range r.Keys {
		if k := &r.Keys[i]; k.N > n && k.State == access.Active && k.Live(now) {
			return true
		}
	}
	return false
}

// suspend ends a retiring key in a way that can be undone.
func suspend(r *access.Ring, k *access.Key, why string, now time.Time) Event {
	p := r.Policy.WithDefaults(k.Scopes)
	k.State, k.Ended, k.UndoUntil = access.Suspended, now, now.Add(p.Undo)
	if x := r.Rotation; x != nil && x.From == k.N && x.Phase == access.Migrating {
		x.Phase = access.Closed
	}
	return event("key.suspended", k, "because", why, "undo_until", stamp(k.UndoUntil))
}

// Retire suspends a key before its date.
func Retire(r *access.Ring, id string, force bool, now time.Time) ([]Event, error) {
	k := r.Key(id)
	switch {
	case k == nil:
		return nil, fault.New(fault.Unknown, "ring %s has no key %s", r.ID, id)
	case k.State == access.Suspended:
		return nil, nil
	case !k.State.Accepting():
		return nil, fault.New(fault.Conflict, "key %s is %s already", id, k.Standing(now))
	case !confirmed(r, k.N, now) && !force: // R1
		return nil, fault.New(fault.Conflict, "no successor of key %s was seen working, so its callers would be locked out: rotate and use the new key first, or force it", id)
	}
	return []Event{suspend(r, k, "asked", now)}, nil
}

// Undo brings a suspended key back for a while.
func Undo(r *access.Ring, id, why string, now time.Time) ([]Event, error) {
	k := r.Key(id)
	switch {
	case k == nil:
		return nil, fault.New(fault.Unknown, "ring %s has no key %s", r.ID, id)
	case k.State == access.Retiring && !k.Live(now): // past its date, not yet noted
	case k.State != access.Suspended:
		return nil, fault.New(fault.Conflict, "key %s is %s; only a suspended key is brought back", id, k.Standing(now))
	case !now.Before(k.UndoUntil): // R9
		return nil, fault.New(fault.Conflict, "the suspension of key %s could be undone until %s", id, stamp(k.UndoUntil))
	}
	if !k.Expires.IsZero() && !now.Before(k.Expires) { // R4
		return nil, fault.New(fault.Conflict, "key %s expired on %s", id, stamp(k.Expires))
	}
	overlap := access.MinOverlap
	if x := r.Rotation; x != nil && x.From == k.N {
		overlap = min(max(x.Overlap, Settle), 24*time.Hour)
		x.Phase, x.RetireAt, x.Undone = access.Migrating, now.Add(overlap), x.Undone+1
	}
	k.State, k.RetireAt, k.Ended, k.UndoUntil = access.Retiring, now.Add(overlap), time.Time{}, time.Time{}
	return []Event{event("key.rolled_back", k, "because", why, "retire_at", stamp(k.RetireAt))}, nil
}

// Rollback gives a rotation up: the old key is the one to use again. A successor that
// nobody has used ends at once; one that is in use gets a date, so that its callers
// can move back.
func Rollback(r *access.Ring, why string, now time.Time) ([]Event, error) {
	x := r.Rotation
	if x == nil || x.Phase == access.Done || x.Phase == access.RolledBack {
		return nil, fault.New(fault.Conflict, "ring %s has no rotation under way", r.ID)
	}
	old, next := r.Version(x.From), r.Version(x.To)
	switch {
	case old == nil || next == nil || old.State.Terminal():
		return nil, fault.New(fault.Conflict, "the old key of ring %s has ended for good; rotate again", r.ID)
	case !old.Expires.IsZero() && !now.Before(old.Expires):
		return nil, fault.New(fault.Conflict, "the old key %s expired on %s", old.ID, stamp(old.Expires))
	case old.State == access.Suspended && !now.Before(old.UndoUntil):
		return nil, fault.New(fault.Conflict, "the suspension of key %s could be undone until %s", old.ID, stamp(old.UndoUntil))
	}
	old.State, old.RetireAt, old.Ended, old.UndoUntil = access.Active, time.Time{}, time.Time{}, time.Time{}
	ev := []Event{event("key.rolled_back", old, "because", why, "rotation", x.ID)}
	switch {
	case next.State == access.Staged:
		next.State, next.Ended = access.Withdrawn, now
		ev = append(ev, event("key.withdrawn", next))
	case next.State == access.Active:
		next.State, next.RetireAt = access.Retiring, now.Add(max(x.Overlap, Settle))
		ev = append(ev, event("key.retiring", next, "retire_at", stamp(next.RetireAt), "successor", old.ID))
	}
	x.Phase, x.Ended = access.RolledBack, now
	return ev, nil
}

// Push moves the date of a retirement.
func Push(r *access.Ring, to time.Time, now time.Time) ([]Event, error) {
	x := r.Rotation
	if x == nil || x.Phase != access.Migrating && x.Phase != access.Staging {
		return nil, fault.New(fault.Conflict, "ring %s has no rotation under way", r.ID)
	}
	if to.After(x.Limit) {
		return nil, fault.At(fault.Invalid, "body.retire_at", "the date can be moved up to %s", stamp(x.Limit))
	}
	if to.Before(now.Add(Settle)) {
		to = now.Add(Settle)
	}
	x.RetireAt = to
	var ev []Event
	for i := range r.Keys {
		if k := &r.Keys[i]; k.State == access.Retiring && k.N < x.To {
			k.RetireAt = to
			ev = append(ev, event("key.retiring", k, "retire_at", stamp(to)))
		}
	}
	return ev, nil
}

// Revoke ends keys at once and for ever: all that match. It may end the last accepted
// key of a ring: who revokes has a reason.
func Revoke(r *access.Ring, match func(*access.Key) bool, cause string, now time.Time) (ev []Event) {
	for i := range r.Keys {
		k := &r.Keys[i]
		if k.State == access.Revoked || k.State == access.Retired || k.State == access.Withdrawn || !match(k) {
			continue
		}
		k.State, k.Ended, k.Cause, k.UndoUntil = access.Revoked, now, cause, time.Time{}
		ev = append(ev, event("key.revoked", k, "cause", cause))
	}
	if ev == nil {
		return nil
	}
	if x := r.Rotation; x != nil && x.Phase != access.Done && x.Phase != access.RolledBack {
		old, next := r.Version(x.From), r.Version(x.To)
		switch {
		case old == nil || old.State == access.Revoked:
			// The old key is gone at once, so whoever has the new one uses it.
			if next != nil && next.State == access.Staged {
				next.State = access.Active
			}
			x.Phase, x.Ended = access.Done, now
		case next == nil || next.State == access.Revoked:
			// The successor is gone: the old key is the only one there is.
			if old.State == access.Retiring && old.Live(now) {
				old.State, old.RetireAt = access.Active, time.Time{}
			}
			x.Phase, x.Ended = access.RolledBack, now
		}
	}
	// Where only keys with a date are left, the newest of them is the one to use now.
	if last := current(r, now); last != nil && last.State == access.Retiring {
		last.State, last.RetireAt = access.Active, time.Time{}
	}
	return ev
}
