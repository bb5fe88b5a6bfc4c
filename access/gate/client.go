package gate

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/rotation"
	"github.com/assayhq/assay/fault"
)

// SetClientKeys makes keys the public keys of a ring's programs, all at once: a key
// that is not among them any more proves nothing from now on. Whoever may lend tokens
// for the ring has what its keys have, so a caller needs their scopes himself, or
// keys:grant. also runs in the same transaction with the thumbprints that are gone.
func (g *Gate) SetClientKeys(ctx context.Context, by By, ring string, keys []access.ClientKey, also func(tx access.Tx, client string, gone []string) error) (*access.Ring, error) {
	if len(keys) > access.MaxClientKeys {
		return nil, fault.At(fault.Invalid, "body.keys", "a ring has at most %d public keys", access.MaxClientKeys)
	}
	if err := g.ready(ctx); err != nil {
		return nil, err
	}
	id, err := g.find(ctx, ring)
	if err != nil {
		return nil, err
	}
	var out *access.Ring
	_, err = g.store.Change(ctx, func(tx access.Tx) error {
		now := g.moment()
		rec, err := tx.Get(kindRing, id)
		if err != nil {
			return err
		}
		r, err := g.ringOf(&rec)
		if err != nil {
			return err
		}
		if err := g.may(tx, by, r.Org, access.KeysWrite, "", nil, now); err != nil {
			return err
		}
		grant := map[access.Scope]bool{}
		for i := range r.Keys {
			for _, s := range r.Keys[i].Scopes {
				if !r.Keys[i].State.Terminal() { // a suspended one may come back
					grant[s] = true
				}
			}
		}
		if err := g.may(tx, by, r.Org, access.KeysWrite, "", slices.Sorted(maps.Keys(grant)), now); err != nil {
			return fault.At(fault.Of(err), "body.keys", "%s", fault.Public(err))
		}
		var added, gone, print []string
		fresh := make([]access.ClientKey, 0, len(keys))
		for _, k := range keys {
			k.Added = now
			i := slices.IndexFunc(r.ClientKeys, func(o access.ClientKey) bool { return o.Thumbprint == k.Thumbprint })
			if i >= 0 {
				k.Added = r.ClientKeys[i].Added
			} else {
				added = append(added, k.Thumbprint)
			}
			fresh, print = append(fresh, k), append(print, k.Thumbprint)
		}
		for _, o := range r.ClientKeys {
			if !slices.Contains(print, o.Thumbprint) {
				gone = append(gone, o.Thumbprint)
			}
		}
		r.ClientKeys, out = fresh, r
		if also != nil && len(gone) > 0 {
			if err := also(tx, r.ID, gone); err != nil {
				return err
			}
		}
		return g.save(tx, by, r, []rotation.Event{{Type: "ring.client_keys", Detail: map[string]string{
			"added": strings.Join(added, " "), "removed": strings.Join(gone, " "),
		}}}, now)
	})
	if err != nil {
		return nil, unavailable(err)
	}
	g.follow(ctx)
	return out, nil
}

// Vouch gives the caller behind a ring whose program has just proved itself with a
// public key: that of the key which stands for the ring (Ring.Standard), judged for the
// request as if its secret had been sent.
func (g *Gate) Vouch(r *http.Request, ring string) (*access.Caller, error) {
	no := fault.New(fault.Unauthentic, "the ring has no key that is accepted")
	x, err := g.Ring(r.Context(), "", ring)
	if err != nil {
		return nil, err
	}
	k := x.Standard(g.now())
	if k == nil {
		return nil, no
	}
	id, ok := kidOf(k.ID)
	s := g.snap.Load()
	if s == nil || !g.fresh(false) {
		return nil, stale()
	}
	e := s.find(id)
	if e == nil && ok { // the store knows it and this node does not yet
		if err := g.sync(r.Context()); err != nil {
			return nil, unavailable(err)
		}
		e = g.snap.Load().find(id)
	}
	if e == nil {
		return nil, no
	}
	if err := g.judge(e, r); err != nil {
		return nil, err
	}
	return &e.who().caller, nil
}
