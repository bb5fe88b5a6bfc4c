package gate

import (
	"encoding/binary"
	"encoding/json"
	"hash/maphash"
	"maps"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/limit"
	"github.com/assayhq/assay/access/rotation"
)

// snapshot is every key at one epoch. It is never changed, only replaced by a copy of
// the parts that are new; what is known of the use of its keys lives on.
type snapshot struct {
	epoch  int64
	shards [shards]*shard
	rings  *ringIndex
	apps   [256]map[app]*tenant
	seed   maphash.Seed // of apps
	plans  limit.Plans
	size   int
}

type app struct{ org, name string }

// tenant is an app: what its keys share.
type tenant struct {
	app
	account *limit.Account
	leave   func() // account.Leave, made once: Enter hands it out for each request
	pool    *pool  // what other nodes share; nil: the account counts
	own     App    // its settings; belongs to whoever holds Gate.mu
}

// entry is a key with what the hot path needs of it, and no more: there may be a
// million, of 104 bytes. It is copied with its shard, so what changes by use is behind
// a pointer.
type entry struct {
	verifier  [32]byte
	id        kid
	ring      ringID
	pepper    uint8
	state     uint8
	successor uint8 // version that callers should move to, 0 none (255: later than that)
	n         int32
	notBefore int64 // ns, 0: none
	expires   int64
	retireAt  int64
	terms     *terms
	used      *atomic.Pointer[use] // carried on; nil inside until the first use
}

// terms are what a key has in common with others of its app: equal ones are one.
// Nobody changes them; when a ring changes its keys get others.
type terms struct {
	tenant   *tenant
	env      string
	scopes   []access.Scope
	bounds   *access.Bounds // nil: none
	overlap  time.Duration  // of the rotation, for brown-outs
	brownout bool
	signs    bool // the key has a signer
}

// The states, as small as they can be.
var stateNames = []access.State{"", access.Staged, access.Active, access.Retiring, access.Suspended, access.Retired, access.Withdrawn, access.Revoked}

func stateNumber(s access.State) uint8 {
	for i, x := range stateNames {
		if x == s {
			return uint8(i)
		}
	}
	return 0
}

func (e *entry) named() access.State { return stateNames[e.state] }

// find gives the entry of a key, or nil. What it points to is not to be changed.
func (s *snapshot) find(k kid) *entry {
	if e, is := s.look(k); is == 1 {
		return e
	}
	return nil
}

// look is find that gives another entry, and is 0, when there is none, and takes the same time.
func (s *snapshot) look(k kid) (e *entry, is int) {
	h := k.hash()
	return s.shards[shardOf(h)].look(h, &k)
}

// kids are the keys of a ring. Gate.mu is held.
func (s *snapshot) kids(ring ringID) (out []kid) {
	h := ring.hash()
	for _, m := range *s.rings.bucket(h) {
		if m.ring == h {
			if e := s.find(m.key); e != nil && e.ring == ring {
				out = append(out, m.key)
			}
		}
	}
	return out
}

func (s *snapshot) tenant(a app) *tenant { return s.apps[s.appShard(a)][a] }

func (s *snapshot) appShard(a app) uint8 {
	return uint8(maphash.String(s.seed, a.org)) ^ uint8(maphash.String(s.seed, a.name)>>8)
}

// holder is the caller behind a key, with the terms that it was made of.
type holder struct {
	terms  *terms
	caller access.Caller
	narrow atomic.Pointer[narrowed] // as a token that was lent for the key was last seen
}

// who gives the caller behind an entry whose use was noted. It is made at the first use,
// and again when the ring has changed.
func (e *entry) who() *holder {
	u := e.used.Load()
	if u.holder.terms == e.terms {
		return &u.holder
	}
	if c := u.later.Load(); c != nil && c.terms == e.terms {
		return c
	}
	c := new(holder)
	e.hold(c)
	u.later.Store(c)
	return c
}

// told gives the caller behind an entry that may never have been used.
func (e *entry) told() *access.Caller {
	c := new(holder)
	e.hold(c)
	return &c.caller
}

// hold makes the caller, before anybody else sees it.
func (e *entry) hold(c *holder) {
	t := e.terms
	ids := string(e.id[:]) + e.ring.String()
	c.terms, c.caller = t, access.Caller{KeyID: ids[:kidLen], Ring: ids[kidLen:], N: int(e.n), Org: t.tenant.org, App: t.tenant.name, Env: t.env, Scopes: t.scopes, Signs: t.signs}
	if t.bounds != nil {
		c.caller.Bounds = *t.bounds
	}
}

// live is Key.Live on an entry.
func (e *entry) live(now int64) bool {
	return e.named().Accepting() && now >= e.notBefore && (e.expires == 0 || now < e.expires) && (e.retireAt == 0 || now < e.retireAt)
}

// draft is the next snapshot while it is made. Gate.mu is held.
type draft struct {
	s      *snapshot
	copied [shards]bool
	apps   [256]bool        // copied
	now    time.Time        // for what was used before
	resize map[*tenant]bool // whose settings changed
	replan bool             // plans changed
	terms  map[string]*terms
	key    []byte // for a look into terms
	ended  []Fate
	gone   []string // rings that were deleted
}

func newDraft(old *snapshot) *draft {
	d := &draft{s: &snapshot{}, terms: map[string]*terms{}, resize: map[*tenant]bool{}}
	if old != nil {
		*d.s = *old
		return d
	}
	d.s.rings = &ringIndex{moving: map[string]bool{}}
	d.s.seed = maphash.MakeSeed()
	for i := range d.s.shards {
		d.s.shards[i] = nobody
	}
	return d
}

func (d *draft) shard(k *kid) *shard {
	i := shardOf(k.hash())
	if !d.copied[i] {
		d.copied[i] = true
		d.s.shards[i] = d.s.shards[i].copied()
	}
	return d.s.shards[i]
}

func (d *draft) tenant(a app, make func() *tenant) *tenant {
	if t := d.s.tenant(a); t != nil {
		return t
	}
	i := d.s.appShard(a)
	if !d.apps[i] {
		d.apps[i] = true
		if d.s.apps[i] = maps.Clone(d.s.apps[i]); d.s.apps[i] == nil {
			d.s.apps[i] = map[app]*tenant{}
		}
	}
	t := make()
	d.s.apps[i][a] = t
	return t
}

// drop takes a ring's keys out.
func (d *draft) drop(id string) {
	if ring, ok := ringIDOf(id); ok {
		d.keep(ring, nil)
		delete(d.s.rings.moving, id)
	}
}

// keep takes those of a ring's keys out that are not among kept.
func (d *draft) keep(ring ringID, kept []kid) {
	for _, k := range d.s.kids(ring) {
		if !slices.Contains(kept, k) {
			if x := d.shard(&k); x.remove(&k) {
				d.s.size--
				if len(x.entries) == 0 {
					i := shardOf(k.hash())
					d.s.shards[i], d.copied[i] = nobody, false
				}
			}
			d.s.rings.remove(member{ring.hash(), k})
		}
	}
}

// put takes a ring's keys in, in the place of what they were.
func (d *draft) put(r *access.Ring, g *Gate) {
	ring, ok := ringIDOf(r.ID)
	if !ok {
		g.log.Error("a ring has no valid id; its keys are not accepted", "ring", r.ID)
		return
	}
	a := app{r.Org, r.App}
	t := d.tenant(a, func() *tenant { return g.newTenant(d, a) })
	moving := r.Policy.Every > 0 || (r.Rotation != nil && r.Rotation.Push.Sealed != nil)
	latest := r.Latest()
	var few [4]kid
	kept := few[:0]
	for i := range r.Keys {
		k := &r.Keys[i]
		id, ok := kidOf(k.ID)
		if !ok || len(k.Verifier) != 32 {
			g.log.Error("a key has no valid id or verifier; it is not accepted", "ring", r.ID, "key", k.ID)
			continue
		}
		e := entry{id: id, ring: ring, pepper: uint8(k.Pepper), state: stateNumber(k.State), n: int32(k.N), terms: d.termsOf(r, k, t),
			notBefore: nanos(k.NotBefore), expires: nanos(k.Expires), retireAt: nanos(k.RetireAt)}
		copy(e.verifier[:], k.Verifier)
		if latest != nil && latest.N > k.N {
			e.successor = uint8(min(latest.N, 255))
		}
		if was := d.s.find(id); was != nil {
			e.used = was.used
		} else {
			e.used = new(atomic.Pointer[use])
		}
		switch k.State {
		case access.Staged, access.Retiring, access.Suspended:
			moving = true
		}
		if d.shard(&id).set(&e) {
			d.s.size++
		}
		d.s.rings.add(member{ring.hash(), id})
		kept = append(kept, id)
	}
	d.keep(ring, kept)
	if moving {
		d.s.rings.moving[r.ID] = true
	} else {
		delete(d.s.rings.moving, r.ID)
	}
}

// maxTerms bounds the terms remembered while a draft is made; after that, equal ones
// may be there twice.
const maxTerms = 1 << 16

// termsOf gives a key's terms, and equal keys the same.
func (d *draft) termsOf(r *access.Ring, k *access.Key, t *tenant) *terms {
	x := terms{tenant: t, env: "live", scopes: k.Scopes, brownout: r.Policy.Deadline == access.Brownout, signs: k.Signer != nil}
	if r.Env == "test" {
		x.env = "test"
	}
	if r.Rotation != nil {
		x.overlap = r.Rotation.Overlap
	}
	b := d.key[:0]
	for _, s := range [...]string{t.org, t.name, x.env} {
		b = append(binary.AppendUvarint(b, uint64(len(s))), s...)
	}
	b = binary.AppendVarint(b, int64(x.overlap))
	b = strconv.AppendBool(b, x.brownout)
	b = strconv.AppendBool(b, x.signs)
	for _, s := range x.scopes {
		b = append(append(b, s...), ' ')
	}
	if y := &k.Bounds; len(y.Networks)+len(y.Hours)+len(y.Venues)+len(y.Symbols) > 0 || y.MaxOrder != "" || y.MaxDaily != "" {
		text, _ := json.Marshal(y) // plain values: cannot fail
		b = append(b, text...)
		x.bounds = new(k.Bounds)
	}
	d.key = b
	if p := d.terms[string(b)]; p != nil {
		return p
	}
	if len(d.terms) >= maxTerms {
		clear(d.terms)
	}
	d.terms[string(b)] = &x
	return &x
}

func nanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

func kidOf(id string) (k kid, ok bool) {
	if len(id) != kidLen {
		return k, false
	}
	copy(k[:], id)
	return k, true
}

// brown tells whether a brown-out refuses this request. draw is a random number below 100.
func (e *entry) brown(now time.Time, draw int) bool {
	if !e.terms.brownout || e.named() != access.Retiring {
		return false
	}
	k := access.Key{State: access.Retiring, RetireAt: time.Unix(0, e.retireAt)}
	return draw < rotation.Refuse(&k, access.Policy{Deadline: access.Brownout}, e.terms.overlap, now)
}
