package gate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/rotation"
	"github.com/assayhq/assay/fault"
)

// By is who asks for a change.
type By struct {
	Caller  *access.Caller // nil: the operator of this installation
	Name    string         // for the audit log when there is no caller: cli, schedule, supervisor
	Request string         // id of the HTTP request
	// Within, when set, is called in the transaction that makes a key, with what was made:
	// what it writes is there exactly when the key is. It may be called again when the
	// transaction is. When it fails, nothing is made.
	Within func(access.Tx, *Made) error

	after func(access.Tx) error // Within, when what was made is known
}

func (b By) who() string {
	if b.Caller != nil {
		return b.Caller.KeyID
	}
	return b.Name
}

// Spec is what a new ring with its first key is to be.
type Spec struct {
	Name     string
	Org, App string // "" is "default"
	Env      string // "live" (default) or "test"
	Scopes   []access.Scope
	Bounds   access.Bounds
	Policy   access.Policy
	Expires  time.Time
	// Sign is the signer, as access.ParseSigner reads it; "" is none.
	Sign string
	// Rate and Burst, when one is set, become the app's.
	Rate, Burst int
	// Rehearsal rings may rotate within seconds.
	Rehearsal bool
}

// Made is a key just made, with its token, which is never seen again.
type Made struct {
	Token string // "" when it was pushed
	Ring  *access.Ring
	Key   *access.Key // of Ring
	Epoch int64
	// Secret is the one that requests are signed with, when the server made it. Like the
	// token it is never seen again.
	Secret string
}

// Create makes a ring with its first key.
func (g *Gate) Create(ctx context.Context, by By, s Spec) (Made, error) {
	if err := g.check(&s); err != nil {
		return Made{}, err
	}
	if err := g.ready(ctx); err != nil {
		return Made{}, err
	}
	now := g.moment()
	t, id := newToken(s.Env)
	p := g.peppers.Load()
	v := p.by[p.newest].verifier(&t)
	r := &access.Ring{ID: "ring_" + name(), Org: s.Org, App: s.App, Env: s.Env, Name: s.Name, Policy: s.Policy, Rehearsal: s.Rehearsal}
	k := access.Key{ID: string(id[:]), Verifier: v[:], Pepper: p.newest, Scopes: s.Scopes, Bounds: s.Bounds, Expires: s.Expires, CreatedBy: by.who(), Reason: "created"}
	signer, secret, err := g.newSigner(s.Sign, k.ID, nil)
	if err != nil {
		return Made{}, err
	}
	k.Signer = signer
	events := told(rotation.Start(r, k, now), nil, signer)
	epoch, err := g.store.Change(ctx, func(tx access.Tx) error {
		if err := g.may(tx, by, r.Org, access.KeysWrite, "", s.Scopes, now); err != nil {
			return err
		}
		if s.Rate != 0 || s.Burst != 0 {
			if err := g.resize(tx, by, App{Org: s.Org, Name: s.App, Rate: s.Rate, Burst: s.Burst}); err != nil {
				return err
			}
		}
		by := by.making(func() *Made { return &Made{string(t[:]), r, &r.Keys[0], tx.Epoch(), secret} })
		return g.save(tx, by, r, events, now)
	})
	if err != nil {
		return Made{}, unavailable(err)
	}
	g.follow(ctx)
	g.spread(ctx, epoch)
	return Made{string(t[:]), r, &r.Keys[0], epoch, secret}, nil
}

func (g *Gate) moment() time.Time { return g.now().UTC().Truncate(time.Millisecond) }

// ready makes sure that there is a snapshot and a pepper.
func (g *Gate) ready(ctx context.Context) error {
	if g.snap.Load() != nil {
		return nil
	}
	if err := g.sync(ctx); err != nil {
		return unavailable(err)
	}
	return nil
}

// follow brings this node's snapshot up to what it has just written, so that a change
// holds here when the call returns. Should that fail, Run does it soon.
func (g *Gate) follow(ctx context.Context) {
	if err := g.sync(ctx); err != nil {
		g.log.Warn("a change of keys was stored but is not in memory yet", "err", err)
	}
	g.poke()
}

// spread waits, for a second at most, until the other nodes know of a new key, so that
// its first use works wherever it comes in. A node that is out of touch for longer says
// 503 to keys that it does not know.
func (g *Gate) spread(ctx context.Context, epoch int64) {
	wait, stop := context.WithTimeout(ctx, time.Second)
	defer stop()
	if _, err := g.receipt(wait, epoch, nil, WaitAll, time.Now()); err != nil {
		g.log.Warn("a new key was stored; whether every server knows it is not known", "err", err)
	}
}

// may checks, in the transaction that makes the change, that whoever asks for it is
// still accepted and has the scope. own is a ring that its own key may rotate.
func (g *Gate) may(tx access.Tx, by By, org string, need access.Scope, own string, grant []access.Scope, now time.Time) error {
	c := by.Caller
	if c == nil {
		return nil
	}
	gone := fault.New(fault.Unauthentic, "the key %s is no longer accepted", c.KeyID)
	if c.KeyID == "" {
		return fault.New(fault.Unauthentic, "this needs a key with the scope %s", need)
	}
	rec, err := tx.Get(kindRing, c.Ring)
	if err != nil {
		if fault.Of(err) == fault.Unknown {
			return gone
		}
		return err
	}
	r, err := g.ringOf(&rec)
	if err != nil {
		return gone
	}
	k := r.Key(c.KeyID)
	if k == nil || !k.Live(now) {
		return gone
	}
	// A token that was lent for the key may have less than the key: both must have it.
	has := func(s access.Scope) bool { return k.Has(s) && c.Has(s) }
	switch {
	case own != "" && own == r.ID && has(access.KeysRotate):
	case !has(need) && !has(access.Admin):
		return fault.New(fault.Denied, "the key %s lacks the scope %s, which this needs", k.ID, need)
	case org != r.Org && !has(access.Admin):
		// Others' things do not exist for the caller.
		return errForeign
	}
	if missing, ok := access.Subset(grant, slices.DeleteFunc(slices.Clone(k.Scopes), func(s access.Scope) bool { return !c.Has(s) })); !ok && !has(access.KeysGrant) {
		return fault.At(fault.Denied, "body.scopes", "the key %s cannot grant %s: it does not have it", k.ID, missing)
	}
	return nil
}

// save writes a ring with what happened to it.
func (g *Gate) save(tx access.Tx, by By, r *access.Ring, events []rotation.Event, now time.Time) error {
	content, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if err := tx.Put(kindRing, r.ID, g.peppers.Load().seal(kindRing, r.ID, tx.Epoch(), content)); err != nil {
		return err
	}
	if by.after != nil {
		if err := by.after(tx); err != nil {
			return err
		}
	}
	return g.journal(tx, by, r, events, now)
}

// making is b with Within to be called for what is made.
func (b By) making(m func() *Made) By {
	if within := b.Within; within != nil {
		b.after = func(tx access.Tx) error { return within(tx, m()) }
	}
	return b
}

// change runs f on a ring in a transaction that saves it, with the caller checked.
// ring is the id of a ring, or of a key in it.
func (g *Gate) change(ctx context.Context, by By, ring string, need access.Scope, own bool, f func(r *access.Ring, now time.Time) ([]rotation.Event, error)) (*access.Ring, int64, error) {
	if err := g.ready(ctx); err != nil {
		return nil, 0, err
	}
	id, err := g.find(ctx, ring)
	if err != nil {
		return nil, 0, err
	}
	var out *access.Ring
	epoch, err := g.store.Change(ctx, func(tx access.Tx) error {
		now := g.moment()
		rec, err := tx.Get(kindRing, id)
		if err != nil {
			if fault.Of(err) == fault.Unknown {
				return noRing(ring)
			}
			return err
		}
		r, err := g.ringOf(&rec)
		if err != nil {
			return err
		}
		self := ""
		if own {
			self = r.ID
		}
		if err := g.may(tx, by, r.Org, need, self, nil, now); err != nil {
			if errors.Is(err, errForeign) {
				return noRing(ring)
			}
			return err
		}
		out = r
		events, err := f(r, now)
		if err != nil || events == nil {
			return err
		}
		return g.save(tx, by, r, events, now)
	})
	if err != nil {
		return nil, 0, unavailable(err)
	}
	g.follow(ctx)
	return out, epoch, nil
}

// find gives the ring behind a ring's or a key's id.
func (g *Gate) find(ctx context.Context, id string) (string, error) {
	if strings.HasPrefix(id, "ring_") {
		return id, nil
	}
	k, ok := kidOf(id)
	if !ok {
		return "", noRing(id)
	}
	for try := 0; ; try++ {
		if s := g.snap.Load(); s != nil {
			if e := s.find(k); e != nil {
				return e.ring.String(), nil
			}
		}
		if try > 0 {
			return "", noRing(id)
		}
		if err := g.sync(ctx); err != nil {
			return "", unavailable(err)
		}
	}
}

// errForeign is what others' things are to a caller: not there.
var errForeign = fault.New(fault.Unknown, "there is no such ring or key")

// noRing is the one answer for an id that names nothing, and for one that names another
// organisation's: the two cannot be told apart.
func noRing(asked string) error {
	return fault.At(fault.Unknown, "path.id", "there is no ring or key %q", clip(asked))
}

// check fills in what a Spec leaves open and refuses what makes no sense.
func (g *Gate) check(s *Spec) error {
	if s.Org == "" {
		s.Org = "default"
	}
	if s.App == "" {
		s.App = "default"
	}
	if s.Env == "" {
		s.Env = "live"
	}
	for _, f := range []struct{ field, text string }{{"body.name", s.Name}, {"body.org", s.Org}, {"body.app", s.App}} {
		if len(f.text) > 100 || strings.ContainsFunc(f.text, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return fault.At(fault.Invalid, f.field, "at most 100 bytes without control characters")
		}
	}
	scopes, unknown := access.ParseScopes(access.Words(s.Scopes))
	switch {
	case unknown != "":
		return fault.At(fault.Invalid, "body.scopes", "there is no scope or preset %q; there are %v and %v", clip(unknown), sorted(access.Scopes()), sorted(access.Presets()))
	case s.Name == "":
		return fault.At(fault.Invalid, "body.name", "a key needs a name, so that its owner knows it again")
	case s.Env != "live" && s.Env != "test":
		return fault.At(fault.Invalid, "body.env", "env is live or test")
	case len(scopes) == 0:
		return fault.At(fault.Invalid, "body.scopes", "a key needs at least one scope")
	case !s.Expires.IsZero() && !s.Expires.After(g.now()):
		return fault.At(fault.Invalid, "body.expires_at", "the key would be expired already")
	}
	if err := mayTrade(s.Env, scopes, s.Sign != "", &s.Bounds, s.Expires, g.now()); err != nil {
		return err
	}
	s.Scopes = scopes
	if !s.Expires.IsZero() {
		s.Expires = s.Expires.UTC().Truncate(time.Millisecond)
	}
	if err := g.checkPush(s.Org, &s.Policy.Push); err != nil {
		return err
	}
	return checkPolicy(&s.Policy)
}

func sorted[K ~string, V any](m map[K]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, string(k))
	}
	slices.Sort(out)
	return out
}

func checkPolicy(p *access.Policy) error {
	switch {
	case p.MaxAccepting < 0 || p.MaxAccepting > 5 || p.MaxAccepting == 1:
		return fault.At(fault.Invalid, "body.policy.max_accepting", "2 to 5 keys may be accepted at a time: a rotation needs two")
	case p.Overlap < 0 || p.Overlap > access.MaxOverlap:
		return fault.At(fault.Invalid, "body.policy.overlap", "an overlap is %s to %s", access.MinOverlap, access.MaxOverlap)
	case p.Deadline != "" && p.Deadline != access.Enforce && p.Deadline != access.Extend && p.Deadline != access.Brownout:
		return fault.At(fault.Invalid, "body.policy.deadline", "%q is no deadline policy; use enforce, extend or brownout", clip(string(p.Deadline)))
	case p.Every < 0 || p.Every > 0 && p.Every < time.Hour:
		return fault.At(fault.Invalid, "body.policy.every", "a schedule rotates every hour or less often")
	case p.Lifetime < 0 || p.Confirm < 0 || p.Undo < 0 || p.Cap < 0:
		return fault.At(fault.Invalid, "body.policy", "durations are not below 0")
	}
	return nil
}

// RotateSpec is how a ring shall be rotated; the zero value is by its policy.
type RotateSpec struct {
	Overlap time.Duration
	Force   bool
	Reason  string // "" is rotation
	// Sign is the successor's signer. "": as before, with a fresh secret where that is of
	// the server's making. "none" takes it away, which needs keys:grant.
	Sign   string
	Scopes []access.Scope // nil: as before
	Bounds access.Bounds  // empty: as before
	// Push delivers the token to the keeper that the ring's policy names; it is not given
	// to the caller.
	Push bool
}

// Rotate stages a successor in a ring and gives its token, or pushes it.
func (g *Gate) Rotate(ctx context.Context, by By, ring string, s RotateSpec) (Made, error) {
	if s.Reason == "" {
		s.Reason = "rotation"
	}
	if s.Scopes != nil {
		scopes, unknown := access.ParseScopes(access.Words(s.Scopes))
		if unknown != "" {
			return Made{}, fault.At(fault.Invalid, "body.scopes", "there is no scope %q", clip(unknown))
		}
		s.Scopes = scopes
	}
	if s.Push {
		return g.push(ctx, by, ring, s, false)
	}
	var token, secret, made string
	var ringed *access.Ring
	by = by.making(func() *Made { return &Made{Token: token, Ring: ringed, Key: ringed.Key(made), Secret: secret} })
	r, epoch, err := g.change(ctx, by, ring, access.KeysWrite, true, func(r *access.Ring, now time.Time) ([]rotation.Event, error) {
		p := g.peppers.Load()
		t, id := newToken(r.Env)
		v := p.by[p.newest].verifier(&t)
		token, made, ringed = string(t[:]), string(id[:]), r
		w := rotation.Wish{ID: "rot_" + name(), Overlap: s.Overlap, Force: s.Force, Reason: s.Reason, By: by.who()}
		if c := by.Caller; c == nil || c.Has(access.KeysGrant) || c.Has(access.Admin) {
			w.Grant = true
		}
		old := accepted(r, now)
		signer, fresh, err := g.nextSigner(s.Sign, made, old, w.Grant)
		if err != nil {
			return nil, err
		}
		secret = fresh
		w.Lifetime = tradingLife(r, s, old)
		events, err := rotation.Rotate(r, access.Key{ID: made, Verifier: v[:], Pepper: p.newest, Scopes: s.Scopes, Bounds: s.Bounds, Signer: signer}, w, now)
		if err != nil {
			return nil, err
		}
		k := r.Key(made)
		return told(events, old, signer), mayTrade(r.Env, k.Scopes, signer != nil, &k.Bounds, k.Expires, now)
	})
	if err != nil {
		return Made{}, err
	}
	g.spread(ctx, epoch)
	return Made{token, r, r.Key(made), epoch, secret}, nil
}

// Confirm notes that a ring's staged key works, without waiting for its first use. id
// is of the key, or of the ring.
func (g *Gate) Confirm(ctx context.Context, by By, id string) (*access.Ring, error) {
	r, _, err := g.change(ctx, by, id, access.KeysWrite, true, func(r *access.Ring, now time.Time) ([]rotation.Event, error) {
		key := id
		if r.Key(id) == nil {
			k := r.Latest()
			if k == nil || k.State != access.Staged {
				return nil, fault.New(fault.Conflict, "ring %s has no key that waits to be confirmed", r.ID)
			}
			key = k.ID
		}
		return rotation.Confirm(r, key, now)
	})
	return r, err
}

// Rollback gives the rotation of a ring up. A key that was pushed is taken back first:
// the keeper gives the old one again.
func (g *Gate) Rollback(ctx context.Context, by By, id string) (*access.Ring, error) {
	if err := g.takeBack(ctx, by, id); err != nil {
		return nil, err
	}
	r, _, err := g.change(ctx, by, id, access.KeysWrite, true, func(r *access.Ring, now time.Time) ([]rotation.Event, error) {
		return rotation.Rollback(r, "asked", now)
	})
	return r, err
}

// Retire suspends a key before its date; Undo brings it back.
func (g *Gate) Retire(ctx context.Context, by By, key string, force bool) (*access.Ring, error) {
	r, _, err := g.change(ctx, by, key, access.KeysWrite, true, func(r *access.Ring, now time.Time) ([]rotation.Event, error) {
		return rotation.Retire(r, key, force, now)
	})
	return r, err
}

// Undo brings a suspended key back for a while.
func (g *Gate) Undo(ctx context.Context, by By, key string) (*access.Ring, error) {
	r, _, err := g.change(ctx, by, key, access.KeysWrite, false, func(r *access.Ring, now time.Time) ([]rotation.Event, error) {
		return rotation.Undo(r, key, "asked", now)
	})
	return r, err
}

// Extend moves the date on which a ring's old keys are refused.
func (g *Gate) Extend(ctx context.Context, by By, id string, to time.Time) (*access.Ring, error) {
	r, _, err := g.change(ctx, by, id, access.KeysWrite, false, func(r *access.Ring, now time.Time) ([]rotation.Event, error) {
		return rotation.Push(r, to.UTC().Truncate(time.Millisecond), now)
	})
	return r, err
}

// Target says which keys to revoke; what is set must all fit.
type Target struct {
	Keys         []string // ids
	Ring         string
	Org, App     string
	MintedBefore time.Time
	Pepper       int // made with this pepper's version
}

func (t *Target) empty() bool {
	return len(t.Keys) == 0 && t.Ring == "" && t.Org == "" && t.App == "" && t.MintedBefore.IsZero() && t.Pepper == 0
}

func (t *Target) fits(r *access.Ring, k *access.Key) bool {
	return (len(t.Keys) == 0 || slices.Contains(t.Keys, k.ID)) && (t.Ring == "" || t.Ring == r.ID) &&
		(t.Org == "" || t.Org == r.Org) && (t.App == "" || t.App == r.App) &&
		(t.MintedBefore.IsZero() || k.Created.Before(t.MintedBefore)) && (t.Pepper == 0 || t.Pepper == k.Pepper)
}

// maxRevoked bounds the rings of one transaction of a revocation.
const maxRevoked = 500

// Revoke ends every key that the target names, at once and for ever, and waits until
// every node has acknowledged that or has fenced itself. The receipt says so; when ctx
// ends first it names the nodes that may still accept the keys, and for how long.
func (g *Gate) Revoke(ctx context.Context, by By, t Target, cause string, wait Wait) (Receipt, error) {
	since := time.Now()
	if t.empty() {
		return Receipt{}, fault.New(fault.Invalid, "say what to revoke: keys, a ring, an app, an organisation, a date or a pepper")
	}
	if cause == "" {
		cause = "requested"
	}
	if err := g.ready(ctx); err != nil {
		return Receipt{}, err
	}
	if by.Caller != nil && !by.Caller.Has(access.Admin) {
		if t.Org != "" && t.Org != by.Caller.Org {
			return Receipt{}, errForeign
		}
		t.Org = by.Caller.Org
	}
	ids := map[string]bool{}
	switch {
	case t.Ring != "":
		ids[t.Ring] = true
	case len(t.Keys) > 0:
		for _, k := range t.Keys {
			ring, err := g.find(ctx, k)
			if err != nil {
				return Receipt{}, err
			}
			ids[ring] = true
		}
	default:
		if err := g.sync(ctx); err != nil { // all there are, not all that this node happens to know
			return Receipt{}, unavailable(err)
		}
		for _, id := range g.rings(t.Org, t.App) {
			ids[id] = true
		}
	}
	list := make([]string, 0, len(ids))
	for id := range ids {
		list = append(list, id)
	}
	slices.Sort(list)
	var ended []string
	var epoch int64
	known := false
	for part := range slices.Chunk(list, maxRevoked) {
		var now []string
		e, err := g.store.Change(ctx, func(tx access.Tx) error {
			now = nil
			at := g.moment()
			if err := g.may(tx, by, t.orgOr(by), access.KeysWrite, "", nil, at); err != nil {
				return err
			}
			for _, id := range part {
				rec, err := tx.Get(kindRing, id)
				if fault.Of(err) == fault.Unknown && err != nil {
					continue
				} else if err != nil {
					return err
				}
				r, err := g.ringOf(&rec)
				if err != nil {
					return err
				}
				for i := range r.Keys {
					known = known || t.fits(r, &r.Keys[i])
				}
				events := rotation.Revoke(r, func(k *access.Key) bool { return t.fits(r, k) }, cause, at)
				if events == nil {
					continue
				}
				for _, e := range events {
					now = append(now, e.Key)
				}
				if err := g.save(tx, by, r, events, at); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return Receipt{Epoch: epoch, Keys: ended}, unavailable(err)
		}
		epoch, ended = max(epoch, e), append(ended, now...)
	}
	g.follow(ctx)
	if !known {
		switch { // as for what is nowhere: others' things do not exist
		case t.Ring != "":
			return Receipt{}, noRing(t.Ring)
		case len(t.Keys) > 0:
			return Receipt{}, noRing(t.Keys[0])
		}
		return Receipt{}, errForeign
	}
	rec, err := g.receipt(ctx, epoch, ended, wait, since)
	if err != nil {
		return rec, err
	}
	return rec, g.file(ctx, by, "key.revocation_receipt", &rec, t)
}

func (t *Target) orgOr(by By) string {
	if t.Org != "" {
		return t.Org
	}
	if by.Caller != nil {
		return by.Caller.Org
	}
	return ""
}

// file puts a receipt into the audit log.
func (g *Gate) file(ctx context.Context, by By, action string, r *Receipt, t Target) error {
	_, err := g.store.Change(ctx, func(tx access.Tx) error {
		ring := &access.Ring{ID: t.Ring, Org: t.Org, App: t.App}
		return g.journal(tx, by, ring, []rotation.Event{{Type: action, Detail: map[string]string{
			"epoch": fmt.Sprint(r.Epoch), "keys": strings.Join(r.Keys, " "), "acked": fmt.Sprint(len(r.Acked)), "fenced": fmt.Sprint(len(r.Fenced)),
			"pending": fmt.Sprint(len(r.Pending)), "elapsed_ms": fmt.Sprint(r.Elapsed.Milliseconds()),
		}}}, g.moment())
	})
	if err != nil {
		g.log.Warn("the keys are revoked, but the receipt was not filed in the audit log", "err", err)
	}
	return nil
}

// Ring gives one ring as it is stored now. Of other organisations' rings not even the
// existence is told: org "" is the operator.
func (g *Gate) Ring(ctx context.Context, org, asked string) (*access.Ring, error) {
	if err := g.ready(ctx); err != nil {
		return nil, err
	}
	id, err := g.find(ctx, asked)
	if err != nil {
		return nil, err
	}
	var r *access.Ring
	err = g.store.View(ctx, func(tx access.Tx) error {
		rec, err := tx.Get(kindRing, id)
		if err != nil {
			return err
		}
		r, err = g.ringOf(&rec)
		return err
	})
	if err != nil && fault.Of(err) != fault.Unknown {
		return nil, unavailable(err)
	}
	if err != nil || org != "" && r.Org != org {
		return nil, noRing(asked)
	}
	return r, nil
}

// Rings gives the rings of an organisation (all for ""), of one app when it is named,
// newest first. A ring whose seal does not fit is left out, and logged.
func (g *Gate) Rings(ctx context.Context, org, app string) ([]access.Ring, error) {
	if err := g.sync(ctx); err != nil {
		return nil, unavailable(err)
	}
	var out []access.Ring
	for part := range slices.Chunk(g.rings(org, app), 1000) {
		err := g.store.View(ctx, func(tx access.Tx) error {
			for _, id := range part {
				rec, err := tx.Get(kindRing, id)
				if err != nil {
					if fault.Of(err) == fault.Unknown {
						continue
					}
					return err
				}
				if r, err := g.ringOf(&rec); err == nil {
					out = append(out, *r)
				}
			}
			return nil
		})
		if err != nil {
			return nil, unavailable(err)
		}
	}
	slices.SortStableFunc(out, func(a, b access.Ring) int { return b.Created.Compare(a.Created) })
	return out, nil
}

// LastUse is when this node or, some seconds ago, another saw the keys of rings used, by
// key id. A key that is not there was never seen. All rings are looked up in one look at
// the store.
func (g *Gate) LastUse(ctx context.Context, rings ...string) (map[string]time.Time, error) {
	s := g.snap.Load()
	if s == nil {
		return nil, stale()
	}
	all := make([]usage, len(rings))
	for i, ring := range rings {
		all[i] = g.local(s, ring)
	}
	last := map[string]time.Time{}
	err := g.store.View(ctx, func(tx access.Tx) error {
		for i, ring := range rings {
			if err := g.others(tx, ring, &all[i]); err != nil {
				return err
			}
			maps.Copy(last, all[i].Last)
		}
		return nil
	})
	return last, unavailableOr(err)
}
