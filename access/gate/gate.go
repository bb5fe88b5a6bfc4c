// Package gate decides who may ask, and how much: it makes and checks API keys,
// limits their rate, and hands out tickets for browsers' streams.
//
// All keys stand in memory, so that a request is decided without I/O, in about a
// microsecond. The store is asked each second whether another process has changed
// something; a revocation in this process holds from the moment Revoke returns.
// A failing store never turns into "your key is wrong": callers are told Unavailable.
//
// What always holds: a token is seen once, by the caller of Create, and is nowhere
// stored, logged or printed. A key is found by its public part and proved by a
// keyed digest compared in constant time. What is known of a key (revoked, expired)
// is told only to whoever proved to have it. A row that was changed behind our back
// does not open anything: its seal no longer fits.
//
// gate is one of the four places that read the wall clock. api asks it for each
// request, app runs it, cmd makes keys with it.
//
// Limits of this version: the pepper lies in the key store beside the digests
// (setting "pepper.1") unless Options gives one; a secret provider comes with the
// access service. A revocation undone by hand in the store is not noticed, because
// the mark of revocation is outside the seal.
package gate

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/fault"
)

// Options of a gate. The zero value is usable.
type Options struct {
	// Pepper keys the digests. Nil: kept in the store, made on first use.
	Pepper []byte
	// Rate and Burst are for apps whose keys state none. Default 50 and twice the rate.
	Rate, Burst int
	// Public are the scopes that a request without a key has. Default none.
	Public []access.Scope
	// PublicRate and PublicBurst limit such requests per /24 (IPv4) or /48 (IPv6).
	// Default 10 and twice the rate.
	PublicRate, PublicBurst int
	// Proxies are the networks whose X-Forwarded-For is believed. Default none.
	Proxies []netip.Prefix
	// Poll is how often the store is asked for changes (1 s); Flush how often last
	// uses are written (30 s); MaxStale how long known keys are served while the
	// store does not answer (15 min).
	Poll, Flush, MaxStale time.Duration
	Logger                *slog.Logger
}

// Spec is what a new key is to be.
type Spec struct {
	Name     string
	Org, App string // "" is "default"
	Env      string // "live" (default) or "test"
	Scopes   []access.Scope
	Rate     int // requests per second; 0 the gate's
	Burst    int // 0 twice the rate
	Expires  time.Time
}

// Gate admits callers. Make it with New and give it a goroutine with Run.
type Gate struct {
	store access.KeyStore
	opt   Options
	log   *slog.Logger
	now   func() time.Time

	snap  atomic.Pointer[snapshot] // nil until the store has answered once
	alive atomic.Int64             // when the store last answered, ns

	mu      sync.Mutex // held by whoever makes a new snapshot
	macs    *macs
	visits  visitors
	tickets tickets
}

// snapshot is every key at one moment. It is never changed, only replaced; entries
// and buckets live on in the next one.
type snapshot struct {
	epoch int64
	macs  *macs
	keys  map[kid]*entry
	apps  map[app]*bucket
}

type app struct{ org, name string }

// entry is a key with what the hot path needs of it.
type entry struct {
	key     access.Key
	caller  access.Caller
	expires int64 // ns, 0 never
	revoked bool
	used    atomic.Int64 // ns of the last use, 0 if written
}

// nobody has a verifier that no token has, for the compare when a kid is unknown.
var nobody = &entry{}

// New makes a gate over a store. When the store does not answer, the gate still
// comes: it tells callers with keys Unavailable, and Run tries again.
func New(store access.KeyStore, opt Options) (*Gate, error) {
	if store == nil {
		return nil, fault.New(fault.Invalid, "a gate needs a key store")
	}
	if opt.Pepper != nil && len(opt.Pepper) < 32 {
		return nil, fault.New(fault.Invalid, "the pepper has %d bytes; it needs at least 32", len(opt.Pepper))
	}
	for _, s := range opt.Public {
		switch _, known := access.Scopes()[s]; {
		case !known:
			return nil, fault.New(fault.Invalid, "there is no scope %q", s)
		case strings.HasSuffix(string(s), ":write"):
			return nil, fault.New(fault.Invalid, "the scope %s cannot be open to everyone", s)
		}
	}
	opt.Rate = orElse(opt.Rate, 50)
	opt.Burst = orElse(opt.Burst, 2*opt.Rate)
	opt.PublicRate = orElse(opt.PublicRate, 10)
	opt.PublicBurst = orElse(opt.PublicBurst, 2*opt.PublicRate)
	opt.Poll = orElse(opt.Poll, time.Second)
	opt.Flush = orElse(opt.Flush, 30*time.Second)
	opt.MaxStale = orElse(opt.MaxStale, 15*time.Minute)
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	opt.Public = slices.Clone(opt.Public)
	g := &Gate{store: store, opt: opt, log: opt.Logger, now: time.Now}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := g.reload(ctx); err != nil {
		g.log.Error("keys could not be read; callers with keys are told to come back", "err", err)
	}
	return g, nil
}

func orElse[T int | time.Duration](v, def T) T {
	if v > 0 {
		return v
	}
	return def
}

// Now is the gate's clock, for those who have none.
func (g *Gate) Now() time.Time { return g.now() }

// reload reads every key and puts the result in place.
func (g *Gate) reload(ctx context.Context) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	// The epoch is read first: a change between the two reads is then seen twice, not never.
	epoch, err := g.store.Epoch(ctx)
	if err != nil {
		return err
	}
	if g.macs == nil {
		pepper, err := g.pepper(ctx)
		if err != nil {
			return err
		}
		g.macs = newMacs(pepper)
	}
	keys, err := g.store.Keys(ctx)
	if err != nil {
		return err
	}
	old := g.snap.Load()
	next := &snapshot{epoch: epoch, macs: g.macs, keys: make(map[kid]*entry, len(keys)), apps: map[app]*bucket{}}
	for i := range keys {
		k := &keys[i]
		if !g.macs.sealed(k) {
			g.log.Error("a key was changed outside Assay, or made with another pepper; it is not accepted", "key", k.ID, "org", k.Org, "app", k.App)
			continue
		}
		id, ok := kidOf(k.ID)
		if !ok {
			g.log.Error("a key has no valid id; it is not accepted", "key", k.ID)
			continue
		}
		e := newEntry(*k)
		if old != nil {
			if was := old.keys[id]; was != nil {
				e.used.Store(was.used.Load())
			}
		}
		next.keys[id] = e
	}
	g.limits(next, old)
	g.snap.Store(next)
	g.alive.Store(g.now().UnixNano())
	return nil
}

// pepper gives the one of the options, or the store's, which is made if need be.
func (g *Gate) pepper(ctx context.Context) ([]byte, error) {
	if g.opt.Pepper != nil {
		return g.opt.Pepper, nil
	}
	const name = "pepper.1"
	p, err := g.store.Setting(ctx, name)
	if err != nil {
		return nil, err
	}
	if len(p) == 0 {
		fresh := make([]byte, 32)
		rand.Read(fresh)
		if err := g.store.PutSetting(ctx, name, fresh); err != nil {
			return nil, err
		}
		// Read back: had another process been quicker, its pepper is the one.
		if p, err = g.store.Setting(ctx, name); err != nil {
			return nil, err
		}
	}
	if len(p) < 32 {
		return nil, fault.New(fault.Internal, "the stored pepper has %d bytes", len(p))
	}
	return p, nil
}

// limits gives each app of next a bucket: the old one where its size is the same, so
// that neither a new key nor a reload refills it. The largest of an app's live keys decides.
func (g *Gate) limits(next, old *snapshot) {
	type size struct{ rate, burst int }
	sizes := map[app]size{}
	for _, e := range next.keys {
		if e.revoked {
			continue
		}
		rate := orElse(e.key.Rate, g.opt.Rate)
		burst := e.key.Burst
		if burst == 0 {
			burst = 2 * rate
			if e.key.Rate == 0 {
				burst = g.opt.Burst
			}
		}
		a := app{e.key.Org, e.key.App}
		s := sizes[a]
		sizes[a] = size{max(s.rate, rate), max(s.burst, burst)}
	}
	for a, s := range sizes {
		b := newBucket(s.rate, s.burst)
		if old != nil {
			if was := old.apps[a]; was != nil {
				if was.rate == b.rate && was.burst == b.burst {
					b = was
				} else {
					b.tat.Store(was.tat.Load())
				}
			}
		}
		next.apps[a] = b
	}
}

func newEntry(k access.Key) *entry {
	e := &entry{key: k, revoked: !k.Revoked.IsZero()}
	e.caller = access.Caller{KeyID: k.ID, Org: k.Org, App: k.App, Scopes: k.Scopes}
	if !k.Expires.IsZero() {
		e.expires = k.Expires.UnixNano()
	}
	return e
}

func kidOf(id string) (k kid, ok bool) {
	if len(id) != kidLen {
		return k, false
	}
	copy(k[:], id)
	return k, true
}

// Create makes a key and gives its token, which is never seen again.
func (g *Gate) Create(ctx context.Context, s Spec) (string, access.Key, error) {
	if err := g.check(&s); err != nil {
		return "", access.Key{}, err
	}
	if g.snap.Load() == nil {
		if err := g.reload(ctx); err != nil {
			return "", access.Key{}, unavailable(err)
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	t, id := newToken(s.Env)
	k := access.Key{
		ID: string(id[:]), Name: s.Name, Org: s.Org, App: s.App, Env: s.Env,
		Verifier: g.macs.verifier(&t), PepperVersion: 1,
		Scopes: s.Scopes, Rate: s.Rate, Burst: s.Burst,
		Created: g.now().UTC().Truncate(time.Millisecond), Expires: s.Expires,
	}
	k.Seal = g.macs.rowSeal(&k)
	if err := g.store.CreateKey(ctx, k); err != nil {
		return "", access.Key{}, unavailable(err)
	}
	g.replace(id, newEntry(k))
	return string(t[:]), k, nil
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
	s.Scopes = slices.Compact(slices.Sorted(slices.Values(s.Scopes)))
	known := access.Scopes()
	for _, x := range s.Scopes {
		if _, ok := known[x]; !ok {
			return fault.At(fault.Invalid, "body.scopes", "there is no scope %q; there are %v", clip(string(x)), slices.Sorted(maps.Keys(known)))
		}
	}
	switch {
	case s.Name == "":
		return fault.At(fault.Invalid, "body.name", "a key needs a name, so that its owner knows it again")
	case s.Env != "live" && s.Env != "test":
		return fault.At(fault.Invalid, "body.env", "env is live or test")
	case len(s.Scopes) == 0:
		return fault.At(fault.Invalid, "body.scopes", "a key needs at least one scope")
	case s.Rate < 0 || s.Rate > maxRate:
		return fault.At(fault.Invalid, "body.rate", "rate is 0 to %d requests per second", maxRate)
	case s.Burst < 0 || s.Burst > maxRate:
		return fault.At(fault.Invalid, "body.burst", "burst is 0 to %d requests", maxRate)
	case !s.Expires.IsZero() && !s.Expires.After(g.now()):
		return fault.At(fault.Invalid, "body.expires_at", "the key would be expired already")
	}
	if !s.Expires.IsZero() {
		s.Expires = s.Expires.UTC().Truncate(time.Millisecond)
	}
	return nil
}

func clip(s string) string { return fmt.Sprintf("%.40s", s) }

// replace puts one entry into a copy of the snapshot. g.mu is held.
func (g *Gate) replace(id kid, e *entry) {
	old := g.snap.Load()
	next := &snapshot{epoch: old.epoch, macs: old.macs, keys: maps.Clone(old.keys), apps: map[app]*bucket{}}
	if was := old.keys[id]; was != nil {
		e.used.Store(was.used.Load())
	}
	next.keys[id] = e
	g.limits(next, old)
	g.snap.Store(next)
}

// Revoke ends a key. When it returns nil the key opens nothing in this process any
// more, and in others after their next poll.
func (g *Gate) Revoke(ctx context.Context, id string) error {
	at := g.now().UTC().Truncate(time.Millisecond)
	if err := g.store.RevokeKey(ctx, id, at); err != nil {
		if fault.Of(err) == fault.Unknown {
			return fault.Wrap(fault.Unknown, err, "there is no key %q", clip(id))
		}
		return unavailable(err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	k, ok := kidOf(id)
	if s := g.snap.Load(); ok && s != nil && s.keys[k] != nil {
		key := s.keys[k].key
		key.Revoked = at
		g.replace(k, newEntry(key))
	}
	g.tickets.drop(id)
	return nil
}

// List gives every key of the store, newest first, last uses in memory included.
func (g *Gate) List(ctx context.Context) ([]access.Key, error) {
	keys, err := g.store.Keys(ctx)
	if err != nil {
		return nil, unavailable(err)
	}
	s := g.snap.Load()
	for i := range keys {
		if id, ok := kidOf(keys[i].ID); ok && s != nil && s.keys[id] != nil {
			if used := s.keys[id].used.Load(); used != 0 {
				keys[i].LastUsed = time.Unix(0, used).UTC()
			}
		}
	}
	slices.SortStableFunc(keys, func(a, b access.Key) int { return b.Created.Compare(a.Created) })
	return keys, nil
}

// Run asks the store for changes and writes last uses until ctx ends; then it writes
// them once more. It returns nil.
func (g *Gate) Run(ctx context.Context) error {
	poll, flush := time.NewTicker(g.opt.Poll), time.NewTicker(g.opt.Flush)
	defer poll.Stop()
	defer flush.Stop()
	silent := false
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			g.flush(last)
			return nil
		case <-poll.C:
			err := g.poll(ctx)
			if err != nil && !silent && ctx.Err() == nil {
				g.log.Error("the key store does not answer; known keys are served", "for_at_most", g.opt.MaxStale, "err", err)
			} else if err == nil && silent {
				g.log.Info("the key store answers again")
			}
			silent = err != nil
			g.sweep()
		case <-flush.C:
			g.flush(ctx)
		}
	}
}

func (g *Gate) poll(ctx context.Context) error {
	s := g.snap.Load()
	if s == nil {
		return g.reload(ctx)
	}
	epoch, err := g.store.Epoch(ctx)
	if err != nil {
		return err
	}
	if epoch != s.epoch {
		return g.reload(ctx)
	}
	g.alive.Store(g.now().UnixNano())
	return nil
}

func (g *Gate) flush(ctx context.Context) {
	s := g.snap.Load()
	if s == nil {
		return
	}
	used := map[string]time.Time{}
	marks := map[kid]int64{}
	for id, e := range s.keys {
		if at := e.used.Load(); at != 0 {
			used[e.key.ID], marks[id] = time.Unix(0, at).UTC(), at
		}
	}
	if len(used) == 0 {
		return
	}
	if err := g.store.Touch(ctx, used); err != nil {
		g.log.Warn("last uses of keys were not written; they will be next time", "keys", len(used), "err", err)
		return
	}
	for id, at := range marks {
		s.keys[id].used.CompareAndSwap(at, 0)
	}
}

func (g *Gate) sweep() {
	now := g.now()
	g.visits.sweep(now)
	g.tickets.sweep(now)
}

func unavailable(err error) error {
	switch fault.Of(err) {
	case fault.Invalid, fault.Unknown, fault.Conflict, fault.Unavailable:
		return err
	}
	return fault.Wrap(fault.Unavailable, err, "keys cannot be read or written now; try again in a moment")
}
