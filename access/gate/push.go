package gate

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/rotation"
	"github.com/assayhq/assay/access/secret"
	"github.com/assayhq/assay/fault"
)

// A push delivers a new key to the keeper of secrets that its client reads from:
//
//  1. staged: the successor is made; its token lies encrypted in the ring;
//  2. the keeper gets it as pending, it is read back from there and proved to be that
//     key, and it is promoted; the old one stays as previous;
//  3. pushed: the encrypted token is dropped. The first use by the client confirms it.
//
// Both keys are accepted all the while, so a process may die between any two lines:
// the next one finds the ring staged, asks the keeper what it has, and goes on, or takes
// everything back. A key is withdrawn only when the keeper is known not to give it out.
//
// The token is proved in this process and not by a request to the server: a request would
// be the first use that confirms a key, and a key that is bound to its client's network
// could not make it. It is the digest, the state and the dates of the key in the snapshot
// that are checked, as for any caller; the snapshot is one that the other nodes have too.

// Times of a push.
const (
	pushFor   = 20 * time.Second // one conversation with a keeper takes at most this long
	pushClaim = 90 * time.Second // nobody else takes a delivery up before: more than all its conversations
	pushAgain = time.Hour        // after a failed delivery, doubled with each up to a day
	pushRest  = time.Minute      // a keeper that does not answer is left alone
)

// pushes are the rings that wait for the pusher of this node.
type pushes struct {
	mu   sync.Mutex
	ids  map[string]bool // waiting or under way
	wait chan string
	down map[string]time.Time // by destination or ring: left alone until then
}

// checkPush refuses places that keys cannot be pushed to.
func (g *Gate) checkPush(org string, p *access.PushTo) error {
	if *p == (access.PushTo{}) {
		return nil
	}
	if g.opt.Destinations[p.To] == nil {
		return fault.At(fault.Invalid, "body.policy.push.to", "there is no destination %q: the settings name them, under secrets.destinations", clip(p.To))
	}
	if err := secret.CheckName(placeOf(org, p.Name)); err != nil {
		return fault.At(fault.Invalid, "body.policy.push.name", "%s/%s is no name of a secret: %s", clip(org), clip(p.Name), fault.Public(err))
	}
	if strings.Contains(org, "/") {
		return fault.At(fault.Invalid, "body.policy.push", "keys of an organisation with / in its name cannot be pushed: it could be taken for another's")
	}
	return nil
}

// placeOf is the name of the secret: everyone pushes below their own organisation.
func placeOf(org, name string) string { return org + "/" + name }

// SetPush says where new keys of a ring are delivered from now on; the zero value is
// nowhere.
func (g *Gate) SetPush(ctx context.Context, by By, id string, to access.PushTo) (*access.Ring, error) {
	r, _, err := g.change(ctx, by, id, access.KeysWrite, false, func(r *access.Ring, _ time.Time) ([]rotation.Event, error) {
		if err := g.checkPush(r.Org, &to); err != nil {
			return nil, err
		}
		if r.Rotation != nil && r.Rotation.Push.Sealed != nil {
			return nil, fault.New(fault.Conflict, "a key of ring %s is being delivered: wait a minute, or roll it back", r.ID)
		}
		if r.Policy.Push == to {
			return nil, nil
		}
		r.Policy.Push = to
		return []rotation.Event{{Type: "ring.push_set", Detail: map[string]string{"to": to.To, "name": to.Name}}}, nil
	})
	return r, err
}

// delivers tells whether this node can push new keys of a ring.
func (g *Gate) delivers(r *access.Ring) bool {
	return r.Policy.Push.To != "" && g.opt.Destinations[r.Policy.Push.To] != nil
}

// unfinished tells whether a delivery waits for somebody to go on with it.
func unfinished(r *access.Ring, now time.Time) bool {
	return r.Rotation != nil && r.Rotation.Push.Sealed != nil && !now.Before(r.Rotation.Push.Until)
}

// due tells whether it is time for a delivery on schedule.
func (g *Gate) due(r *access.Ring, now time.Time) bool {
	if !g.delivers(r) || !rotation.Due(r, now) {
		return false
	}
	x := r.Rotation
	return x == nil || x.Push.Step != access.PushFailed || !now.Before(x.Ended.Add(min(pushAgain<<min(max(x.Push.Fails-1, 0), 5), 24*time.Hour)))
}

// pushable tells whether the pusher has something to do for a ring.
func (g *Gate) pushable(r *access.Ring, now time.Time) bool {
	return g.opt.Node != "" && (unfinished(r, now) && g.opt.Destinations[r.Rotation.Push.To] != nil || g.due(r, now))
}

// offer hands a ring to the pusher, unless it has it or is busy: a second later is as good.
func (g *Gate) offer(id string) {
	p := &g.pushes
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.wait == nil || p.ids[id] {
		return
	}
	select {
	case p.wait <- id:
		p.ids[id] = true
	default:
	}
}

// pusher delivers until ctx ends, one ring after the other.
func (g *Gate) pusher(ctx context.Context) {
	p := &g.pushes
	wait := make(chan string, 256)
	p.mu.Lock()
	p.ids, p.wait = map[string]bool{}, wait
	p.mu.Unlock()
	for {
		select {
		case <-ctx.Done():
			return
		case id := <-wait:
			if err := g.deliverDue(ctx, id); err != nil && ctx.Err() == nil {
				g.log.Warn("a key was not delivered; it is tried again, and the old one is in use", "ring", id, "err", err)
			}
			p.mu.Lock()
			delete(p.ids, id)
			p.mu.Unlock()
		}
	}
}

// resting tells whether a destination or a ring is left alone for now.
func (g *Gate) resting(what string, now time.Time) bool {
	g.pushes.mu.Lock()
	defer g.pushes.mu.Unlock()
	until, ok := g.pushes.down[what]
	if ok && !now.Before(until) {
		delete(g.pushes.down, what)
	}
	return now.Before(until)
}

// rest leaves the keeper alone when it does not answer, else only the ring.
func (g *Gate) rest(to, ring string, err error) {
	g.pushes.mu.Lock()
	defer g.pushes.mu.Unlock()
	if g.pushes.down == nil {
		g.pushes.down = map[string]time.Time{}
	}
	switch fault.Of(err) {
	case fault.Unavailable, fault.Unauthentic:
		g.pushes.down[to] = g.now().Add(pushRest)
	default:
		g.pushes.down[ring] = g.now().Add(pushAgain)
	}
}

// mayPush checks the caller before a keeper is asked anything for it; the transaction that
// makes the change checks again.
func (g *Gate) mayPush(ctx context.Context, by By, r *access.Ring) error {
	return unavailableOr(g.store.View(ctx, func(tx access.Tx) error {
		return g.may(tx, by, r.Org, access.KeysWrite, r.ID, nil, g.moment())
	}))
}

// deliverDue goes on with a delivery that was interrupted, or begins one on schedule.
func (g *Gate) deliverDue(ctx context.Context, id string) error {
	r, err := g.Ring(ctx, "", id)
	if err != nil {
		return err
	}
	now := g.moment()
	switch {
	case g.resting(id, now):
	case unfinished(r, now):
		if g.resting(r.Rotation.Push.To, now) {
			return nil
		}
		by := By{Name: "supervisor"}
		mine := ""
		r, _, err = g.change(ctx, by, id, access.KeysWrite, false, func(r *access.Ring, now time.Time) ([]rotation.Event, error) {
			if !unfinished(r, now) {
				return nil, nil // another node was quicker
			}
			mine = r.Rotation.ID
			r.Rotation.Push.Until = now.Add(pushClaim)
			return []rotation.Event{}, nil // the claim is no event
		})
		if err != nil || mine == "" {
			return err
		}
		_, err = g.deliver(ctx, by, r)
	case g.due(r, now):
		if g.resting(r.Policy.Push.To, now) {
			return nil
		}
		if _, err = g.push(ctx, By{Name: "schedule"}, id, RotateSpec{Reason: "schedule"}, true); err != nil {
			g.rest(r.Policy.Push.To, id, err)
		}
	}
	return err
}

// push rotates a ring and delivers the new key. On schedule it does nothing unless the
// ring is due, which is looked at again in the transaction: another node may have done it.
func (g *Gate) push(ctx context.Context, by By, id string, s RotateSpec, scheduled bool) (Made, error) {
	org := ""
	if c := by.Caller; c != nil && !c.Has(access.Admin) {
		org = c.Org
	}
	r, err := g.Ring(ctx, org, id)
	if err != nil {
		return Made{}, err
	}
	if err := g.mayPush(ctx, by, r); err != nil {
		return Made{}, err
	}
	to := r.Policy.Push
	w := g.opt.Destinations[to.To]
	switch {
	case to.To == "":
		return Made{}, fault.At(fault.Invalid, "body.push", "ring %s says nowhere that its keys are delivered: set its push policy first", r.ID)
	case w == nil:
		return Made{}, fault.New(fault.Conflict, "ring %s delivers its keys to %q, which the settings do not name any more", r.ID, to.To)
	}
	// A keeper that does not answer is found out before there is a key.
	if err := g.clear(ctx, w, r); err != nil {
		g.missed(ctx, by, r.ID, to, err, scheduled)
		return Made{}, err
	}
	claimed := ""
	r, epoch, err := g.change(ctx, by, r.ID, access.KeysWrite, true, func(r *access.Ring, now time.Time) ([]rotation.Event, error) {
		claimed = ""
		if scheduled && !g.due(r, now) {
			return nil, nil
		}
		if x := r.Rotation; x != nil && x.Push.Sealed != nil {
			return nil, fault.New(fault.Conflict, "a key of ring %s is being delivered: wait a minute, or roll it back", r.ID)
		}
		p := g.peppers.Load()
		t, kid := newToken(r.Env)
		v := p.by[p.newest].verifier(&t)
		w := rotation.Wish{ID: "rot_" + name(), Overlap: s.Overlap, Force: s.Force, Reason: s.Reason, By: by.who(),
			Push: access.Pushing{PushTo: to, Step: access.PushStaged, Until: now.Add(pushClaim)}}
		if c := by.Caller; c == nil || c.Has(access.KeysGrant) || c.Has(access.Admin) {
			w.Grant = true
		}
		w.Push.Sealed = p.encrypt(t[:], pushAbout(r.ID, w.ID))
		if x := r.Rotation; x != nil && x.Push.Step == access.PushFailed {
			w.Push.Fails = x.Push.Fails
		}
		claimed = w.ID
		old := accepted(r, now)
		signer, fresh, err := g.nextSigner(s.Sign, string(kid[:]), old, w.Grant)
		switch {
		case err != nil:
			return nil, err
		case fresh != "":
			return nil, fault.At(fault.Conflict, "body.push", "the requests of ring %s are signed with a secret of the server's making, which a delivery would lose: sign with ed25519, or rotate without push", r.ID)
		}
		w.Lifetime = tradingLife(r, s, old)
		events, err := rotation.Rotate(r, access.Key{ID: string(kid[:]), Verifier: v[:], Pepper: p.newest, Scopes: s.Scopes, Bounds: s.Bounds, Signer: signer}, w, now)
		if err != nil {
			return nil, err
		}
		k := r.Key(string(kid[:]))
		return told(events, old, signer), mayTrade(r.Env, k.Scopes, signer != nil, &k.Bounds, k.Expires, now)
	})
	if err != nil || claimed == "" {
		return Made{}, err
	}
	g.spread(ctx, epoch)
	return g.deliver(ctx, by, r)
}

func pushAbout(ring, rot string) string { return "push:" + ring + rot }

// clear takes away a pending value that an earlier delivery of this ring left behind.
func (g *Gate) clear(ctx context.Context, w secret.Writer, r *access.Ring) error {
	ctx, stop := context.WithTimeout(ctx, pushFor)
	defer stop()
	place := placeOf(r.Org, r.Policy.Push.Name)
	v, err := w.Read(ctx, place)
	if fault.Of(err) == fault.Unknown && err != nil {
		return nil
	}
	if err != nil || !v.Pending.Present() {
		return err
	}
	kid, ok := parse(v.Pending.Value.Reveal(), new(token))
	if k := r.Key(string(kid[:])); !ok || k == nil || k.State.Accepting() {
		return fault.New(fault.Conflict, "the secret %s has a pending value that is not of this ring: promote it or discard it there", place)
	}
	return w.Discard(ctx, place, v.Pending.ID)
}

// works proves that a text is the token of a key which is accepted now.
func (g *Gate) works(v secret.Value, ring, key string) error {
	var t token
	id, ok := parse(v.Reveal(), &t)
	s := g.snap.Load()
	switch {
	case !g.fresh(false) || s == nil:
		return stale()
	case !ok || string(id[:]) != key:
		return fault.New(fault.Conflict, "what the keeper gives back is not the key that was written")
	}
	e := s.find(id)
	if e == nil || e.ring.String() != ring {
		return fault.New(fault.Conflict, "the key %s is not known", key)
	}
	m := g.peppers.Load().by[int(e.pepper)]
	if m == nil {
		return stale()
	}
	if v := m.verifier(&t); subtle.ConstantTimeCompare(v[:], e.verifier[:]) != 1 {
		return fault.New(fault.Conflict, "what the keeper gives back does not prove the key %s", key)
	}
	if now := g.now(); !e.live(now.UnixNano()) {
		return e.dead(now)
	}
	return nil
}

// watched notes whether a value may have become current.
type watched struct {
	secret.Writer
	promoting bool
}

// Promote is secret.Writer's.
func (w *watched) Promote(ctx context.Context, name, version string) error {
	w.promoting = true
	return w.Writer.Promote(ctx, name, version)
}

// deliver brings the staged key of a ring to its keeper. Whoever calls it has the claim.
func (g *Gate) deliver(ctx context.Context, by By, r *access.Ring) (Made, error) {
	x := r.Rotation
	next, place := r.Version(x.To), placeOf(r.Org, x.Push.Name)
	w := &watched{Writer: g.opt.Destinations[x.Push.To]}
	if next == nil || w.Writer == nil {
		return Made{}, fault.New(fault.Conflict, "ring %s has nothing to deliver, or its destination %q is gone from the settings", r.ID, x.Push.To)
	}
	plain, ok := g.peppers.Load().decrypt(x.Push.Sealed, pushAbout(r.ID, x.ID))
	if !ok {
		return g.blind(ctx, by, r, w)
	}
	v := secret.Of(string(plain))
	if x.Phase == access.RolledBack || !next.State.Accepting() {
		// Given up while it was under way: the keeper must not give it out.
		return Made{}, g.withdraw(ctx, by, r, w, v, false, fault.New(fault.Conflict, "the rotation was given up"))
	}
	turn, stop := context.WithTimeout(ctx, pushFor)
	defer stop()
	_, err := secret.Push(turn, w, place, v, func(ctx context.Context, v secret.Value) error {
		back, err := w.Read(ctx, place)
		if err != nil {
			return err
		}
		got := back.Pending.Value
		if !back.Pending.Present() {
			got = back.Current.Value
		}
		return g.works(got, r.ID, next.ID)
	})
	if err == nil {
		return g.delivered(ctx, by, r, w, v)
	}
	if ctx.Err() != nil { // this process ends, or whoever asked has gone: another goes on
		return Made{}, err
	}
	return g.doubt(ctx, by, r, w, v, err)
}

// blind ends a delivery whose token cannot be opened any more, as after the loss of a
// pepper: what the keeper has decides.
func (g *Gate) blind(ctx context.Context, by By, r *access.Ring, w secret.Writer) (Made, error) {
	turn, stop := context.WithTimeout(ctx, pushFor)
	defer stop()
	has, err := w.Read(turn, placeOf(r.Org, r.Rotation.Push.Name))
	if err != nil && fault.Of(err) != fault.Unknown {
		return Made{}, err
	}
	if v := has.Current.Value; g.works(v, r.ID, r.Version(r.Rotation.To).ID) == nil {
		return g.delivered(ctx, by, r, w, v)
	}
	return Made{}, g.fail(ctx, by, r, fault.New(fault.Internal, "the token that was to be delivered cannot be opened any more"))
}

// doubt finds out after an error whether the keeper has the new key nevertheless.
func (g *Gate) doubt(ctx context.Context, by By, r *access.Ring, w *watched, v secret.Value, cause error) (Made, error) {
	never := !w.promoting && r.Rotation.By == by.who() // whoever made the key had not come so far
	turn, stop := context.WithTimeout(ctx, pushFor/2)
	defer stop()
	has, err := w.Read(turn, placeOf(r.Org, r.Rotation.Push.Name))
	switch {
	case err == nil && has.Current.Present() && has.Current.Value.Equal(v):
		if g.works(has.Current.Value, r.ID, r.Version(r.Rotation.To).ID) == nil {
			return g.delivered(ctx, by, r, w, v)
		}
	case err != nil && fault.Of(err) != fault.Unknown && !never:
		// It may have been promoted, by this process or the one before: both keys go on
		// until the keeper answers.
		return Made{}, fault.Wrap(fault.Unavailable, cause, "whether the keeper %q gives out the new key of ring %s is not known; both keys are accepted, and it is looked at again", r.Rotation.Push.To, r.ID)
	}
	return Made{}, g.withdraw(ctx, by, r, w, v, never, cause)
}

// delivered notes that the keeper has the key.
func (g *Gate) delivered(ctx context.Context, by By, r *access.Ring, w secret.Writer, v secret.Value) (Made, error) {
	rot, was := r.Rotation.ID, r
	r, epoch, err := g.change(ctx, By{Name: by.who(), Request: by.Request}, r.ID, access.KeysWrite, false, func(r *access.Ring, now time.Time) ([]rotation.Event, error) {
		x := r.Rotation
		if x == nil || x.ID != rot || x.Push.Sealed == nil || x.Phase == access.RolledBack {
			return nil, nil
		}
		x.Push.Step, x.Push.Sealed, x.Push.Fails, x.Push.Until, x.Push.Why = access.PushDone, nil, 0, time.Time{}, ""
		k := r.Version(x.To)
		return []rotation.Event{{Type: "key.pushed", Key: k.ID, N: k.N, Detail: map[string]string{"to": x.Push.To, "name": x.Push.Name}}}, nil
	})
	if err != nil {
		return Made{}, err // the keeper has it, and the next process will notice
	}
	if r.Rotation == nil || r.Rotation.ID != rot || r.Rotation.Phase == access.RolledBack {
		err := fault.New(fault.Conflict, "the rotation of ring %s was given up while its key was delivered", r.ID)
		if back := g.restore(ctx, was, w, v); back != nil {
			return Made{}, fault.Wrap(fault.Conflict, back, "%s, and the keeper still gives it out", fault.Public(err))
		}
		return Made{}, err
	}
	return Made{Ring: r, Key: r.Version(r.Rotation.To), Epoch: epoch}, nil
}

// withdraw takes a delivery back: the keeper gives the old key again, then the new one ends.
// never says that the keeper cannot have given the new one out, whatever it answers now.
func (g *Gate) withdraw(ctx context.Context, by By, r *access.Ring, w secret.Writer, v secret.Value, never bool, cause error) error {
	if err := g.restore(ctx, r, w, v); err != nil && !never {
		return fault.Wrap(fault.Of(err), err, "the delivery of a key of ring %s failed and could not be taken back; both keys are accepted, and it is tried again", r.ID)
	}
	return g.fail(ctx, by, r, cause)
}

// restore makes the keeper give out what it gave before v, and forget v where it is pending.
func (g *Gate) restore(ctx context.Context, r *access.Ring, w secret.Writer, v secret.Value) error {
	ctx, stop := context.WithTimeout(ctx, pushFor)
	defer stop()
	place := placeOf(r.Org, r.Rotation.Push.Name)
	has, err := w.Read(ctx, place)
	if err != nil {
		if fault.Of(err) == fault.Unknown {
			return nil
		}
		return err
	}
	switch {
	case has.Pending.Present() && has.Pending.Value.Equal(v):
		return w.Discard(ctx, place, has.Pending.ID)
	case !has.Current.Present() || !has.Current.Value.Equal(v):
		return nil // it never became current, or somebody has replaced it
	case !has.Previous.Present():
		return fault.New(fault.Conflict, "the keeper has no value of before to go back to")
	}
	kid, ok := parse(has.Previous.Value.Reveal(), new(token))
	if !ok {
		return fault.New(fault.Conflict, "what the keeper has as its previous value is no key of this ring")
	}
	_, err = secret.Push(ctx, w, place, has.Previous.Value, func(_ context.Context, v secret.Value) error {
		return g.works(v, r.ID, string(kid[:]))
	})
	return err
}

// fail withdraws the new key of a delivery that the keeper does not give out.
func (g *Gate) fail(ctx context.Context, by By, r *access.Ring, cause error) error {
	rot, why := r.Rotation.ID, reason(cause)
	_, _, err := g.change(ctx, By{Name: by.who(), Request: by.Request}, r.ID, access.KeysWrite, false, func(r *access.Ring, now time.Time) ([]rotation.Event, error) {
		x := r.Rotation
		if x == nil || x.ID != rot || x.Push.Sealed == nil {
			return nil, nil
		}
		k := r.Version(x.To)
		ev := []rotation.Event{{Type: "ring.push_failed", Key: k.ID, N: k.N, Detail: map[string]string{"to": x.Push.To, "name": x.Push.Name, "error": why}}}
		x.Push.Step, x.Push.Sealed, x.Push.Until, x.Push.Why, x.Push.Fails = access.PushFailed, nil, time.Time{}, why, x.Push.Fails+1
		if k.State == access.Staged {
			back, err := rotation.Rollback(r, "it could not be delivered", now)
			if err != nil { // the old key has ended: this one is all there is
				return ev, nil
			}
			ev = append(ev, back...)
		}
		return ev, nil
	})
	if err != nil {
		return err
	}
	return fault.Wrap(fault.Of(cause), cause, "the new key of ring %s could not be delivered to %q and was withdrawn; the old one is in use as before", r.ID, r.Rotation.Push.To)
}

// missed notes a delivery that was not begun, on schedule once a day.
func (g *Gate) missed(ctx context.Context, by By, id string, to access.PushTo, cause error, scheduled bool) {
	why := reason(cause)
	_, _, err := g.change(ctx, by, id, access.KeysWrite, true, func(r *access.Ring, now time.Time) ([]rotation.Event, error) {
		if scheduled {
			if r.Noticed.Add(24 * time.Hour).After(now) {
				return nil, nil
			}
			r.Noticed = now
		}
		return []rotation.Event{{Type: "ring.push_failed", Detail: map[string]string{"to": to.To, "name": to.Name, "error": why}}}, nil
	})
	if err != nil && ctx.Err() == nil {
		g.log.Warn("a failed delivery was not noted", "ring", id, "err", err)
	}
}

// takeBack makes the keeper of a pushed key give the old one again, before the rotation is
// rolled back.
func (g *Gate) takeBack(ctx context.Context, by By, id string) error {
	org := ""
	if c := by.Caller; c != nil && !c.Has(access.Admin) {
		org = c.Org
	}
	r, err := g.Ring(ctx, org, id)
	if err != nil {
		return err
	}
	x := r.Rotation
	if x == nil || x.Phase == access.Done || x.Phase == access.RolledBack || x.Push.Step != access.PushDone && x.Push.Step != access.PushStaged {
		return nil
	}
	if err := g.mayPush(ctx, by, r); err != nil {
		return err
	}
	w, next := g.opt.Destinations[x.Push.To], r.Version(x.To)
	switch {
	case x.Push.Sealed != nil && g.now().Before(x.Push.Until):
		return fault.New(fault.Conflict, "a key of ring %s is being delivered: try again in a minute", r.ID)
	case w == nil:
		return fault.New(fault.Conflict, "the key was delivered to %q, which the settings do not name any more, so it cannot be taken back there", x.Push.To)
	}
	turn, stop := context.WithTimeout(ctx, pushFor)
	defer stop()
	has, err := w.Read(turn, placeOf(r.Org, x.Push.Name))
	if err != nil {
		if fault.Of(err) == fault.Unknown {
			return nil
		}
		return fault.Wrap(fault.Of(err), err, "the keeper may give out the new key and cannot be told otherwise now: try again, or revoke the key")
	}
	if kid, ok := parse(has.Current.Value.Reveal(), new(token)); !ok || next == nil || next.ID != string(kid[:]) {
		return nil // the new key never got there, or somebody has put another value in its place
	}
	return g.restore(ctx, r, w, has.Current.Value)
}

// reason tells a failure with its causes, as far as they are for callers.
func reason(err error) string {
	var texts []string
	for known := (*fault.Error)(nil); len(texts) < 4 && errors.As(err, &known); err = errors.Unwrap(known) {
		texts = append(texts, fault.Public(known))
	}
	return fmt.Sprintf("%.300s", strings.Join(texts, ": "))
}
