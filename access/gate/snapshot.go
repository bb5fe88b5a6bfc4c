package gate

import (
	"maps"
	"sync/atomic"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/limit"
	"github.com/assayhq/assay/access/rotation"
)

// snapshot is every key at one epoch. It is never changed, only replaced by a copy of
// the parts that are new; the counters in its entries live on.
type snapshot struct {
	epoch  int64
	shards [256]map[kid]*entry
	rings  *ringIndex
	apps   map[app]*tenant
	plans  limit.Plans
	size   int
}

// ringIndex knows which keys a ring has, and which rings need a supervisor's eye.
// It is shared by snapshots and belongs to whoever holds Gate.mu.
type ringIndex struct {
	keys   map[string][]kid
	moving map[string]bool // staged, retiring or suspended keys, or a schedule
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
// million.
type entry struct {
	verifier  [32]byte
	id        kid
	pepper    uint8
	state     uint8
	env       uint8 // 0 live, 1 test
	brownout  bool
	n         int32
	notBefore int64 // ns, 0: none
	expires   int64
	retireAt  int64
	ring      string
	tenant    *tenant
	scopes    *[]access.Scope // shared with all keys that have the same
	bounds    *access.Bounds  // nil: none
	use       *use            // carried on
	caller    atomic.Pointer[access.Caller]
	successor uint8         // version that callers should move to, 0 none (255: later than that)
	overlap   time.Duration // of the rotation, for brown-outs
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

// shard spreads kids, which are random.
func (k *kid) shard() uint8 { return uint8(k[0]*7) ^ uint8(k[1]*31) ^ k[2] }

func (s *snapshot) find(k kid) *entry { return s.shards[k.shard()][k] }

// who gives the caller behind an entry; it is made at the first use.
func (e *entry) who() *access.Caller {
	if c := e.caller.Load(); c != nil {
		return c
	}
	c := &access.Caller{KeyID: string(e.id[:]), Ring: e.ring, N: int(e.n), Org: e.tenant.org, App: e.tenant.name, Env: "live", Scopes: *e.scopes}
	if e.env == 1 {
		c.Env = "test"
	}
	if e.bounds != nil {
		c.Bounds = *e.bounds
	}
	e.caller.CompareAndSwap(nil, c)
	return e.caller.Load()
}

// live is Key.Live on an entry.
func (e *entry) live(now int64) bool {
	return e.named().Accepting() && now >= e.notBefore && (e.expires == 0 || now < e.expires) && (e.retireAt == 0 || now < e.retireAt)
}

// draft is the next snapshot while it is made. Gate.mu is held.
type draft struct {
	s      *snapshot
	copied [256]bool
	apps   bool
	now    time.Time        // for what was used before
	resize map[*tenant]bool // whose settings changed
	replan bool             // plans changed
	scopes map[string]*[]access.Scope
}

func newDraft(old *snapshot) *draft {
	d := &draft{s: &snapshot{}, scopes: map[string]*[]access.Scope{}, resize: map[*tenant]bool{}}
	if old != nil {
		*d.s = *old
		return d
	}
	d.s.rings = &ringIndex{keys: map[string][]kid{}, moving: map[string]bool{}}
	d.s.apps = map[app]*tenant{}
	d.apps = true
	return d
}

func (d *draft) shard(i uint8) map[kid]*entry {
	if !d.copied[i] {
		d.copied[i] = true
		if m := d.s.shards[i]; m != nil {
			d.s.shards[i] = maps.Clone(m)
		} else {
			d.s.shards[i] = map[kid]*entry{}
		}
	}
	return d.s.shards[i]
}

func (d *draft) tenant(a app, make func() *tenant) *tenant {
	if t := d.s.apps[a]; t != nil {
		return t
	}
	if !d.apps {
		d.apps = true
		d.s.apps = maps.Clone(d.s.apps)
	}
	t := make()
	d.s.apps[a] = t
	return t
}

// drop takes a ring's keys out.
func (d *draft) drop(ring string) {
	for _, k := range d.s.rings.keys[ring] {
		delete(d.shard(k.shard()), k)
		d.s.size--
	}
	delete(d.s.rings.keys, ring)
	delete(d.s.rings.moving, ring)
}

// put takes a ring's keys in, in the place of what they were.
func (d *draft) put(r *access.Ring, g *Gate) {
	old := map[kid]*entry{}
	for _, k := range d.s.rings.keys[r.ID] {
		old[k] = d.s.find(k)
	}
	d.drop(r.ID)
	a := app{r.Org, r.App}
	t := d.tenant(a, func() *tenant { return g.newTenant(d, a) })
	moving := r.Policy.Every > 0 || (r.Rotation != nil && r.Rotation.Push.Sealed != nil)
	latest := r.Latest()
	kids := make([]kid, 0, len(r.Keys))
	for i := range r.Keys {
		k := &r.Keys[i]
		id, ok := kidOf(k.ID)
		if !ok || len(k.Verifier) != 32 {
			g.log.Error("a key has no valid id or verifier; it is not accepted", "ring", r.ID, "key", k.ID)
			continue
		}
		e := &entry{id: id, pepper: uint8(k.Pepper), state: stateNumber(k.State), n: int32(k.N), ring: r.ID, tenant: t,
			notBefore: nanos(k.NotBefore), expires: nanos(k.Expires), retireAt: nanos(k.RetireAt)}
		copy(e.verifier[:], k.Verifier)
		if r.Env == "test" {
			e.env = 1
		}
		e.scopes = d.shared(k.Scopes)
		if b := k.Bounds; len(b.Networks)+len(b.Hours)+len(b.Venues)+len(b.Symbols) > 0 || b.MaxOrder != "" || b.MaxDaily != "" {
			e.bounds = &b
		}
		if latest != nil && latest.N > k.N {
			e.successor = uint8(min(latest.N, 255))
		}
		if r.Rotation != nil {
			e.overlap = r.Rotation.Overlap
		}
		e.brownout = r.Policy.Deadline == access.Brownout
		if was := old[id]; was != nil {
			e.use = was.use
		} else {
			e.use = new(use)
		}
		switch k.State {
		case access.Staged, access.Retiring, access.Suspended:
			moving = true
		}
		d.shard(id.shard())[id] = e
		d.s.size++
		kids = append(kids, id)
	}
	d.s.rings.keys[r.ID] = kids
	if moving {
		d.s.rings.moving[r.ID] = true
	}
}

// shared gives one copy of equal lists of scopes.
func (d *draft) shared(scopes []access.Scope) *[]access.Scope {
	key := ""
	for _, s := range scopes {
		key += string(s) + " "
	}
	if p := d.scopes[key]; p != nil {
		return p
	}
	d.scopes[key] = &scopes
	return &scopes
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
	if !e.brownout || e.named() != access.Retiring {
		return false
	}
	k := access.Key{State: access.Retiring, RetireAt: time.Unix(0, e.retireAt)}
	return draw < rotation.Refuse(&k, access.Policy{Deadline: access.Brownout}, e.overlap, now)
}
