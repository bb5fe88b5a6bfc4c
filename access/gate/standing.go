package gate

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/limit"
	"github.com/assayhq/assay/fault"
)

// Standing is an app with its limits and what is left of them on this node.
type Standing struct {
	App
	Limits limit.Plan   // in force: the plan's, with the app's own rate and burst
	Left   limit.Answer // Rate, Day and Month as of now
}

// maxApps bounds the settings that one listing reads.
const maxApps = access.MaxPage

// Apps lists an organisation's apps, of all for "", by organisation and name: those with
// keys and those with settings of their own. What was changed outside Assay is left out.
func (g *Gate) Apps(ctx context.Context, org string) ([]Standing, error) {
	if err := g.ready(ctx); err != nil {
		return nil, err
	}
	own := map[app]App{}
	err := g.store.View(ctx, func(tx access.Tx) error {
		clear(own)
		list, err := tx.List(kindApp, "", maxApps)
		for i := range list {
			if a, ok := g.appOf(&list[i]); ok {
				own[app{a.Org, a.Name}] = a
			}
		}
		return err
	})
	if err != nil {
		return nil, unavailable(err)
	}
	for _, shard := range g.snap.Load().apps {
		for name := range shard {
			if _, ok := own[name]; !ok {
				own[name] = App{Org: name.org, Name: name.name}
			}
		}
	}
	maps.DeleteFunc(own, func(a app, _ App) bool { return org != "" && a.org != org })
	names := slices.SortedFunc(maps.Keys(own), func(a, b app) int {
		return cmp.Or(cmp.Compare(a.org, b.org), cmp.Compare(a.name, b.name))
	})
	out := make([]Standing, len(names))
	for i, n := range names {
		out[i] = g.standing(own[n])
	}
	return out, nil
}

// Standing is one app's; Unknown when it has neither keys nor settings.
func (g *Gate) Standing(ctx context.Context, org, name string) (Standing, error) {
	a, err := g.App(ctx, org, name)
	if err != nil {
		return Standing{}, err
	}
	if g.snap.Load().tenant(app{org, name}) == nil && a == (App{Org: org, Name: name}) {
		return Standing{}, fault.New(fault.Unknown, "there is no app %q: an app is there once it has a key", clip(name))
	}
	return g.standing(a), nil
}

func (g *Gate) standing(a App) Standing {
	s := Standing{App: a}
	if t := g.snap.Load().tenant(app{a.Org, a.Name}); t != nil {
		s.Limits, s.Left = t.account.Plan(), t.account.Take(g.now(), 0)
	}
	return s
}

// Key is the key behind a caller as this node knows it, without its verifier; ok is false
// without a key, and when it is no longer known.
func (g *Gate) Key(c *access.Caller) (k access.Key, ok bool) {
	id, ok := kidOf(c.KeyID)
	s := g.snap.Load()
	if !ok || s == nil {
		return k, false
	}
	e := s.find(id)
	if e == nil {
		return k, false
	}
	k = access.Key{ID: c.KeyID, N: int(e.n), State: e.named(), Scopes: e.terms.scopes, NotBefore: timeOf(e.notBefore), Expires: timeOf(e.expires), RetireAt: timeOf(e.retireAt)}
	if b := e.terms.bounds; b != nil {
		k.Bounds = *b
	}
	return k, true
}
