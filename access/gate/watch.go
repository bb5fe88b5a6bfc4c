package gate

import (
	"context"
	"encoding/json"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/anomaly"
	"github.com/assayhq/assay/access/limit"
	"github.com/assayhq/assay/access/rotation"
	"github.com/assayhq/assay/fault"
)

// This file is what the gate tells a watcher of abuse, and the steps that such a one may
// take: each of them can be undone.

// Watcher is told of requests that the gate itself refuses, with the true reason, which
// the caller may not be told. Its methods must not wait: they are called on the way in.
type Watcher interface {
	// Refused is told of requests that were not authenticated.
	Refused(anomaly.Refusal)
	// Denied is told of a key that was proved and may not be used from there or then.
	Denied(anomaly.Use)
}

// Network is the /24 (IPv4) or /48 (IPv6) that a request comes from.
func (g *Gate) Network(r *http.Request) netip.Prefix { return network(g.ClientAddr(r)) }

// Agent is the family and major version of the client that sends a request, as
// "ccxt/4", at most 40 bytes.
func Agent(r *http.Request) string {
	f := family(agent(r))
	if i := strings.IndexByte(f, '/'); i >= 0 {
		if j := strings.IndexByte(f[i:], '.'); j >= 0 {
			return f[:i+j]
		}
	}
	return f
}

// unproved tells the watcher of a token that opened nothing. e is nil where the token is
// malformed; known says that e is the key that was presented.
func (g *Gate) unproved(r *http.Request, id kid, e *entry, known bool) {
	if g.opt.Watch == nil {
		return
	}
	f := anomaly.Refusal{At: g.now(), Why: anomaly.Unknown, Prefix: g.Network(r), Agent: Agent(r), Checksum: e != nil}
	if e != nil {
		f.Key = string(id[:])
	}
	if known {
		f.Why, f.Ring, f.App = anomaly.Forged, e.ring.String(), e.terms.tenant.name
	}
	g.opt.Watch.Refused(f)
}

// ended tells the watcher of a key that was proved and is not accepted any more. Why it
// was revoked is in the store, and for the watcher to ask.
func (g *Gate) ended(r *http.Request, e *entry, addr netip.Addr, at time.Time) {
	if g.opt.Watch == nil {
		return
	}
	f := anomaly.Refusal{At: at, Key: string(e.id[:]), Ring: e.ring.String(), App: e.terms.tenant.name, Prefix: network(addr), Agent: Agent(r), Checksum: true}
	k := access.Key{State: e.named(), Expires: timeOf(e.expires), RetireAt: timeOf(e.retireAt), NotBefore: timeOf(e.notBefore)}
	switch access.State(k.Standing(at)) {
	case access.Revoked, access.Withdrawn:
		f.Why = anomaly.Revoked
	case access.Suspended, access.Retired:
		f.Why = anomaly.Suspended
	case "expired":
		f.Why = anomaly.Expired
	default:
		return // before its date: nothing has ended
	}
	g.opt.Watch.Refused(f)
}

// outside tells the watcher of a key that was proved, from where or when it may not be
// used.
func (g *Gate) outside(r *http.Request, e *entry, addr netip.Addr, at time.Time, bound string) {
	if g.opt.Watch == nil {
		return
	}
	c := e.told()
	g.opt.Watch.Denied(anomaly.Use{At: at, Key: c.KeyID, Ring: c.Ring, App: c.App, Prefix: network(addr), Agent: Agent(r),
		Endpoint: bound, Status: http.StatusForbidden, Denied: bound})
}

// Holder is whose key this is, accepted or not, as far as this node knows; nil when it
// knows no such key.
func (g *Gate) Holder(key string) *access.Caller {
	id, ok := kidOf(key)
	s := g.snap.Load()
	if !ok || s == nil {
		return nil
	}
	if e := s.find(id); e != nil {
		return e.told()
	}
	return nil
}

// Owner is the holder of one of a ring's keys; nil when this node knows no such ring.
func (g *Gate) Owner(ring string) *access.Caller {
	s := g.snap.Load()
	if s == nil {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if id, ok := ringIDOf(ring); ok {
		for _, k := range s.kids(id) {
			return s.find(k).told()
		}
	}
	return nil
}

// Rollover is a rotation whose successor is confirmed and whose older key still has time.
type Rollover struct {
	anomaly.Rollover
	From int // the newest version that is to be replaced
}

// Rollovers are those under way, as this node knows them, at most limit.
func (g *Gate) Rollovers(limit int) (out []Rollover) {
	s := g.snap.Load()
	if s == nil {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.now().UnixNano()
	for ring := range s.rings.moving {
		var x Rollover
		rid, _ := ringIDOf(ring)
		for _, id := range s.kids(rid) {
			if e := s.find(id); e != nil && e.named() == access.Retiring && e.retireAt > now && e.successor != 0 {
				x.Ring, x.From = ring, max(x.From, int(e.n))
				x.Deadline = timeOf(e.retireAt)
				x.Began = x.Deadline.Add(-e.terms.overlap)
			}
		}
		if x.Ring != "" {
			if out = append(out, x); len(out) >= limit {
				return out
			}
		}
	}
	return out
}

// Report writes what another part found or did about an organisation's keys into the audit
// log, and tells those who get notices, in that part's transaction. need is the scope that
// by must have; r says whose matter it is: ID, Org, App and Name are read.
func (g *Gate) Report(tx access.Tx, by By, need access.Scope, r *access.Ring, e rotation.Event) error {
	now := g.moment()
	if err := g.may(tx, by, r.Org, need, "", nil, now); err != nil {
		return err
	}
	return g.journal(tx, by, r, []rotation.Event{e}, now)
}

// heldFor is how long a key that Hold suspended can be released; after that it is retired.
const heldFor = 30 * 24 * time.Hour

// Hold suspends an active key at once, although it has no successor, and tells until when
// Release brings it back as it was. The old key of a ring's latest rotation is not held: it
// is a Conflict, because the rules of the rotation would bring it back by themselves.
func (g *Gate) Hold(ctx context.Context, by By, key, why string) (until time.Time, err error) {
	_, _, err = g.change(ctx, by, key, access.KeysWrite, false, func(r *access.Ring, now time.Time) ([]rotation.Event, error) {
		k := r.Key(key)
		switch {
		case k == nil:
			return nil, fault.New(fault.Unknown, "ring %s has no key %s", r.ID, key)
		case k.State != access.Active || !k.Live(now):
			return nil, fault.New(fault.Conflict, "key %s is %s; only an active key is held", key, k.Standing(now))
		case r.Rotation != nil && r.Rotation.From == k.N:
			return nil, fault.New(fault.Conflict, "ring %s is being rotated away from key %s, or was: retire or revoke it", r.ID, key)
		}
		until = now.Add(heldFor)
		k.State, k.Ended, k.UndoUntil = access.Suspended, now, until
		return []rotation.Event{{Type: "key.suspended", Key: k.ID, N: k.N, Detail: map[string]string{
			"because": why, "undo_until": until.Format(time.RFC3339)}}}, nil
	})
	return until, err
}

// Release brings a key back that Hold suspended. One that is active already is left so.
func (g *Gate) Release(ctx context.Context, by By, key string) error {
	_, _, err := g.change(ctx, by, key, access.KeysWrite, false, func(r *access.Ring, now time.Time) ([]rotation.Event, error) {
		k := r.Key(key)
		switch {
		case k == nil:
			return nil, fault.New(fault.Unknown, "ring %s has no key %s", r.ID, key)
		case k.State == access.Active:
			return nil, nil
		case k.State != access.Suspended || !k.RetireAt.IsZero() || !now.Before(k.UndoUntil):
			return nil, fault.New(fault.Conflict, "key %s is %s and was not held, or too long ago", key, k.Standing(now))
		}
		k.State, k.Ended, k.UndoUntil = access.Active, time.Time{}, time.Time{}
		return []rotation.Event{{Type: "key.released", Key: k.ID, N: k.N}}, nil
	})
	return err
}

// Halved is what Halve changed: an app's own settings before and after.
type Halved struct {
	Was App `json:"was"`
	Now App `json:"now"`
}

// Halve gives an app half of its rate and burst, at least one unit.
func (g *Gate) Halve(ctx context.Context, by By, org, name string) (h Halved, err error) {
	err = g.put(ctx, func(tx access.Tx) error {
		if h.Was, err = g.appIn(tx, org, name); err != nil {
			return err
		}
		var p limit.Plan
		if p, err = g.planIn(tx, h.Was.Plan); err != nil {
			return err
		}
		now := g.terms(h.Was, p)
		if now.Rate < 2 {
			return fault.New(fault.Conflict, "the app %s of %s has no rate that could be halved", clip(name), clip(org))
		}
		h.Now = h.Was
		h.Now.Rate, h.Now.Burst = int(now.Rate/2), int(max(now.Burst/2, 1))
		return g.putApp(tx, by, h.Now)
	})
	return h, err
}

// Restore gives an app back what Halve took, unless somebody has changed its limits since.
func (g *Gate) Restore(ctx context.Context, by By, h Halved) error {
	return g.put(ctx, func(tx access.Tx) error {
		is, err := g.appIn(tx, h.Now.Org, h.Now.Name)
		if err != nil || is == h.Was {
			return err
		}
		if is != h.Now {
			b, _ := json.Marshal(is)
			return fault.New(fault.Conflict, "the limits of the app were changed since, to %s: they are left as they are", b)
		}
		// Half of a rate was given by us, so giving it back needs no more than keys:write.
		if err := g.may(tx, by, is.Org, access.KeysWrite, "", nil, g.moment()); err != nil {
			return err
		}
		return g.putApp(tx, By{Name: by.who(), Request: by.Request}, h.Was)
	})
}
