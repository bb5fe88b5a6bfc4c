package gate

import (
	"context"
	"encoding/json"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/rotation"
	"github.com/assayhq/assay/fault"
)

// wishAgain is how long a key whose wish was handed over does not wish again: a busy key
// must not take the place of others in the queue.
const wishAgain = 250 * time.Millisecond

// wishFor hands something to the granter, unless it is busy: a later use asks again. e is
// the entry of the key, whose use was noted.
func (g *Gate) wishFor(e *entry, w wish) {
	if u := e.used.Load(); u != nil {
		now, was := max(g.mono(), 1), u.wished.Load()
		if was != 0 && now-was < int64(wishAgain) || !u.wished.CompareAndSwap(was, now) {
			return
		}
	}
	select {
	case g.wishes <- w:
	default:
	}
}

// grant writes down what the hot path noticed.
func (g *Gate) grant(ctx context.Context, w wish) {
	s := g.snap.Load()
	if id, ok := kidOf(w.key); ok && s != nil { // many requests ask for the same
		if e := s.find(id); e == nil || w.verifier == nil && e.named() != access.Staged {
			return
		}
	}
	by := By{Name: "first use"}
	_, _, err := g.change(ctx, by, w.ring, access.KeysWrite, false, func(r *access.Ring, now time.Time) ([]rotation.Event, error) {
		k := r.Key(w.key)
		if k == nil {
			return nil, nil
		}
		if w.verifier != nil {
			if k.Pepper < w.pepper {
				k.Verifier, k.Pepper = w.verifier, w.pepper
				g.reseal(k)
				return []rotation.Event{{Type: "key.rehashed", Key: k.ID, N: k.N}}, nil
			}
			return nil, nil
		}
		if k.State != access.Staged {
			return nil, nil
		}
		return rotation.Confirm(r, w.key, now)
	})
	if err != nil && ctx.Err() == nil {
		g.log.Warn("the first use of a key was not noted; its next use will be", "key", w.key, "err", err)
	}
}

// leadFor is how long a supervisor leads without renewing.
const leadFor = 5 * time.Second

type lead struct {
	Node  string    `json:"node"`
	Until time.Time `json:"until"`
}

// supervise lets time pass for the rings that move, on one node at a time. Two that
// both think they lead do no harm: each change is made in a transaction that looks
// again.
func (g *Gate) supervise(ctx context.Context) {
	s := g.snap.Load()
	if s == nil || g.opt.Node == "" {
		return
	}
	g.mu.Lock()
	moving := slices.Collect(maps.Keys(s.rings.moving))
	g.mu.Unlock()
	if len(moving) == 0 || !g.leads(ctx) {
		return
	}
	for _, id := range moving {
		if ctx.Err() != nil {
			return
		}
		if err := g.tick(ctx, id); err != nil && fault.Of(err) != fault.Unknown {
			g.log.Warn("a ring could not be supervised; it is tried again in a second", "ring", id, "err", err)
		}
	}
}

// leads takes or keeps the lead.
func (g *Gate) leads(ctx context.Context) bool {
	var mine bool
	now := g.now()
	look := func(tx access.Tx) (l lead, err error) {
		rec, err := tx.Get(kindLead, "supervisor")
		if err == nil {
			err = json.Unmarshal(rec.Body, &l)
		} else if fault.Of(err) == fault.Unknown {
			err = nil
		}
		mine = l.Node == g.node
		return l, err
	}
	var l lead
	err := g.store.View(ctx, func(tx access.Tx) (err error) { l, err = look(tx); return err })
	if err != nil || !mine && now.Before(l.Until) {
		return false
	}
	if mine && now.Before(l.Until.Add(-leadFor/2)) {
		return true
	}
	_, err = g.store.Change(ctx, func(tx access.Tx) error {
		l, err := look(tx)
		if err != nil || !mine && now.Before(l.Until) {
			return err
		}
		mine = true
		b, _ := json.Marshal(lead{g.node, now.Add(leadFor)})
		return tx.Put(kindLead, "supervisor", b)
	})
	return err == nil && mine
}

// tick lets time pass for one ring: it looks first, and opens a transaction only when
// something is to be changed.
func (g *Gate) tick(ctx context.Context, id string) error {
	r, err := g.Ring(ctx, "", id)
	if err != nil {
		return err
	}
	u, err := g.usage(ctx, id)
	if err != nil {
		return err
	}
	m := migration(r, &u, g.now())
	e := m.evidence(&u)
	look := *r
	look.Keys = slices.Clone(r.Keys)
	if r.Rotation != nil {
		x := *r.Rotation
		look.Rotation = &x
	}
	if rotation.Tick(&look, e, g.moment()) != nil {
		_, _, err = g.change(ctx, By{Name: "supervisor"}, id, access.KeysWrite, false, func(r *access.Ring, now time.Time) ([]rotation.Event, error) {
			return rotation.Tick(r, e, now), nil
		})
		return err
	}
	if g.pushable(r, g.now()) {
		g.offer(id)
		return nil
	}
	if rotation.Due(r, g.now()) && g.opt.Node != "" && !g.delivers(r) {
		return g.scheduled(ctx, r)
	}
	return nil
}

// scheduled notes that a ring is due. The new token must reach its client, so it is
// the client, or a push into its secrets manager, that rotates; the notice says it is time.
func (g *Gate) scheduled(ctx context.Context, r *access.Ring) error {
	_, _, err := g.change(ctx, By{Name: "schedule"}, r.ID, access.KeysWrite, false, func(r *access.Ring, now time.Time) ([]rotation.Event, error) {
		if r.Noticed.Add(24 * time.Hour).After(now) {
			return nil, nil
		}
		r.Noticed = now
		return []rotation.Event{{Type: "ring.rotation_due", Key: r.Latest().ID, N: r.Latest().N, Detail: map[string]string{"every": r.Policy.Every.String()}}}, nil
	})
	return err
}

// flush writes what this node knows of the traffic of the rings whose keys were used
// since the last time. It looks at no others.
func (g *Gate) flush(ctx context.Context) {
	s := g.snap.Load()
	if s == nil || g.opt.Node == "" {
		return
	}
	list := g.uses.take()
	if len(list) == 0 {
		return
	}
	changed := map[string]usage{}
	for _, u := range list {
		if e := s.find(u.id); e != nil { // else the key ended meanwhile
			changed[e.ring.String()] = usage{}
		}
	}
	for ring := range changed {
		changed[ring] = g.local(s, ring)
	}
	mine := func(ring string) string { return ring + "/" + g.opt.nodeName() }
	for part := range slices.Chunk(slices.Sorted(maps.Keys(changed)), 20) {
		_, err := g.store.Change(ctx, func(tx access.Tx) error {
			for _, ring := range part {
				// What this node saw before it was last started counts too.
				base, known := g.bases.Load(ring)
				if !known {
					base = usage{}
					rec, err := tx.Get(kindUse, mine(ring))
					if err == nil {
						var v usage
						if json.Unmarshal(rec.Body, &v) == nil {
							base = v
						}
					} else if fault.Of(err) != fault.Unknown {
						return err
					}
					g.bases.Store(ring, base)
				}
				var u usage
				u.merge(base.(usage))
				u.merge(changed[ring])
				if err := tx.Put(kindUse, mine(ring), u.json()); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			if ctx.Err() == nil {
				g.log.Warn("uses of keys were not written; they will be next time", "rings", len(changed), "err", err)
			}
			for _, u := range list {
				g.uses.add(u)
			}
			return
		}
	}
}

// nodeName keeps the records of a node under one id over its restarts.
func (o *Options) nodeName() string {
	b := []byte(o.Node)
	for i, c := range b {
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && c != '.' && c != ':' && c != '-' {
			b[i] = '_'
		}
	}
	return string(b[:min(len(b), 60)])
}

// local is what this node saw of a ring.
func (g *Gate) local(s *snapshot, ring string) usage {
	u := usage{Last: map[string]time.Time{}, Prints: map[string][]Print{}}
	id, ok := ringIDOf(ring)
	if !ok {
		return u
	}
	g.mu.Lock()
	kids := s.kids(id)
	g.mu.Unlock()
	for _, id := range kids {
		e := s.find(id)
		if e == nil {
			continue
		}
		x := e.used.Load()
		if x == nil {
			continue
		}
		if at := x.last.Load(); at != 0 {
			u.Last[string(id[:])] = time.Unix(0, at).UTC()
		}
		if p := x.tell(); p != nil {
			u.Prints[string(id[:])] = p
		}
	}
	return u
}

// usage is what all nodes saw of a ring: this one now, others some seconds ago.
func (g *Gate) usage(ctx context.Context, ring string) (usage, error) {
	s := g.snap.Load()
	if s == nil {
		return usage{}, stale()
	}
	u := g.local(s, ring) // before the store is asked: whoever waits for g.mu must not hold the store
	err := g.store.View(ctx, func(tx access.Tx) error { return g.others(tx, ring, &u) })
	return u, unavailableOr(err)
}

// others merges what other nodes saw of a ring into u, and what this one had seen before
// it was started.
func (g *Gate) others(tx access.Tx, ring string, u *usage) error {
	mine := ring + "/" + g.opt.nodeName()
	base, flushed := g.bases.Load(ring)
	if flushed {
		u.merge(base.(usage))
	}
	list, err := tx.List(kindUse, ring+"/", 100)
	for _, rec := range list {
		if len(rec.ID) <= len(ring) || rec.ID[:len(ring)] != ring {
			break
		}
		if rec.ID == mine && flushed {
			continue
		}
		var v usage
		if json.Unmarshal(rec.Body, &v) == nil {
			u.merge(v)
		}
	}
	return err
}

// Migration tells how far the traffic of a ring has moved, and names who has not.
func (g *Gate) Migration(ctx context.Context, org, id string) (*access.Ring, Migration, error) {
	r, err := g.Ring(ctx, org, id)
	if err != nil {
		return nil, Migration{}, err
	}
	u, err := g.usage(ctx, r.ID)
	if err != nil {
		return nil, Migration{}, err
	}
	return r, migration(r, &u, g.now()), nil
}

// draw is a number from 0 to 99 for brown-outs.
func draw() int { return rand.IntN(100) }
