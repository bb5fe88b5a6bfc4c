// Package gate decides who may ask, and how much: it makes, rotates and checks API
// keys, limits their rate, and hands out tickets for browsers' streams.
//
// All keys stand in memory as an immutable snapshot, so that a request is decided
// without I/O and without a lock, in about a microsecond. The snapshot follows the
// store: hints wake it, and it asks a few times a second by itself. A node that has
// not heard from the store for the length of its lease fences itself, so whoever
// revokes a key knows after that time at the latest that it is dead everywhere, and
// gets a receipt. Dates (expiry, retirement) are judged by each node's own clock and
// need no message at all. A failing store never turns into "your key is wrong":
// callers are told Unavailable.
//
// What always holds: a token is seen once, by the caller of Create or Rotate, and is
// nowhere logged or printed. A key is found by its public part and proved by a keyed digest
// compared in constant time. What is known of a key (revoked, expired) is told only to
// whoever proved to have it. A record that was changed behind our back opens nothing:
// its seal no longer fits. Whoever changes keys is checked in the very transaction
// that makes the change: a key revoked anywhere makes no other.
//
// The rules of rings are in rotation; the store is an access.Store. gate is one of the
// four places that read the wall clock. api asks it for each request, app runs it, cmd
// makes keys with it.
package gate

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"log/slog"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/limit"
	"github.com/assayhq/assay/access/secret"
	"github.com/assayhq/assay/access/signing"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/notify"
)

// Options of a gate. The zero value is usable.
type Options struct {
	// Node is a name of this process for people, such as host:port. "" is a node that only
	// changes keys (the command line) and takes no lease.
	Node string
	// Peppers key the digests, by version, each of 32 bytes or more; the highest makes new
	// ones, or the one that Pepper names. Nil: one is kept in the store, made on first use.
	Peppers map[int][]byte
	Pepper  int
	// Reload reads the peppers again where they come from, and calls SetPeppers. It is
	// called when a record names a pepper that this node does not have; it limits itself,
	// and must not use the gate for anything else. Nil: there is nothing to read.
	Reload func(ctx context.Context) error
	// Signer gives the private key of the audit log, in the form of audit.NewSigner. stored
	// is the one in the store, or ""; what it gives is used, and the one in the store is
	// deleted when it is the same. "": it stays in the store. Nil: as if it gave "".
	Signer func(ctx context.Context, stored string) (string, error)
	// Destinations are the keepers of secrets that new keys may be pushed to, by the names
	// that policies know them by. Default none.
	Destinations map[string]secret.Writer
	// Rate and Burst are for apps that have none of their own. Default 50 and twice the rate.
	Rate, Burst int
	// Public are the scopes that a request without a key has. Default none.
	Public []access.Scope
	// PublicRate and PublicBurst limit such requests per /24 (IPv4) or /48 (IPv6).
	// Default 10 and twice the rate.
	PublicRate, PublicBurst int
	// Proxies are the networks whose X-Forwarded-For is believed. Default none.
	Proxies []netip.Prefix
	// Poll is how often the store is asked for changes (250 ms); Flush how often uses are
	// written (10 s).
	Poll, Flush time.Duration
	// Lease is how long this node decides without hearing from the store (10 s). What a
	// strict scope allows is refused after half of it already. Static, when longer than
	// Lease, lets reads go on for that time: right where the store is a file on the same
	// machine; between machines it is the time that a revocation may take at worst.
	Lease, Static time.Duration
	// Used tells what an app used so far of its day and month, to go on from after a start.
	// It is asked once per app, with the same now for all apps of one reading, and while
	// nobody else can change keys: it should answer from memory. Nil: everything is unused.
	Used func(org, app string, now time.Time) limit.Used
	// Lender lets all nodes together keep the rate and the quotas of an app. Nil: this node
	// counts by itself, which is right when there is no other.
	Lender Lender
	// Publish hands an event to those who send notices, inside the transaction that made
	// it happen. Nil: nobody is told.
	Publish func(tx access.Tx, e notify.Event) error
	// Tokens checks short-lived tokens that are lent for keys. Nil: only keys are accepted.
	Tokens TokenVerifier
	// Window is how far the time of a signed request may be from now, before or after:
	// 5 s by default, 60 s at most.
	Window time.Duration
	// Watch is told of requests that are refused. Nil: nobody is.
	Watch Watcher
	// Now is the wall clock, time.Now by default.
	Now    func() time.Time
	Logger *slog.Logger
}

// Gate admits callers. Make it with New and give it a goroutine with Run.
type Gate struct {
	store access.Store
	opt   Options
	log   *slog.Logger
	now   func() time.Time
	node  string // id of this process

	snap  atomic.Pointer[snapshot] // nil until the store has answered once
	began time.Time                // for monotonic time
	heard atomic.Int64             // ns since began: when the last good answer was asked for
	until atomic.Int64             // ns since began: end of the lease

	mu      sync.Mutex // held by whoever makes a new snapshot
	begun   *draft     // a first reading that was cut short; of whoever holds mu
	peppers atomic.Pointer[peppers]
	lends   *lends // nil: without a Lender
	visits  visitors
	tickets tickets
	jwts    jwts
	signers signers

	wishes    chan wish                      // first uses and re-digests, for the supervisor
	wake      chan struct{}                  // something changed here
	followers atomic.Pointer[[]func([]Fate)] // told of keys that ended
	followMu  sync.Mutex
	uses      uses     // keys used since the last flush
	bases     sync.Map // ring -> usage that this node had written before it was started
	pushes    pushes
}

// wish is something that the hot path noticed and the supervisor writes down.
type wish struct {
	ring, key string
	verifier  []byte // not nil: the digest under a newer pepper
	pepper    int    // its version
}

// New makes a gate over a store. When the store does not answer, the gate still
// comes: it tells callers with keys Unavailable, and Run tries again.
func New(store access.Store, opt Options) (*Gate, error) {
	if store == nil {
		return nil, fault.New(fault.Invalid, "a gate needs a store")
	}
	for _, s := range opt.Public {
		switch _, known := access.Scopes()[s]; {
		case !known:
			return nil, fault.New(fault.Invalid, "there is no scope %q", s)
		case s.Strict() || strings.HasSuffix(string(s), ":write") || s == access.KeysRead || s == access.AuditRead:
			return nil, fault.New(fault.Invalid, "the scope %s cannot be open to everyone", s)
		}
	}
	opt.Rate = orElse(opt.Rate, 50)
	opt.Burst = orElse(opt.Burst, 2*opt.Rate)
	opt.PublicRate = orElse(opt.PublicRate, 10)
	opt.PublicBurst = orElse(opt.PublicBurst, 2*opt.PublicRate)
	opt.Poll = orElse(opt.Poll, 250*time.Millisecond)
	opt.Flush = orElse(opt.Flush, 10*time.Second)
	opt.Lease = orElse(opt.Lease, 10*time.Second)
	opt.Static = max(opt.Static, opt.Lease)
	opt.Window = min(orElse(opt.Window, signing.DefaultWindow), signing.MaxWindow)
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	opt.Public = slices.Clone(opt.Public)
	g := &Gate{store: store, opt: opt, log: opt.Logger, now: opt.Now, began: time.Now(), wishes: make(chan wish, 1024), wake: make(chan struct{}, 1)}
	g.node = "n" + name()
	g.jwts.verify = opt.Tokens
	if opt.Lender != nil && opt.Node != "" {
		g.lends = &lends{g: g, lender: opt.Lender, ask: make(chan *pool, maxAsking)}
	}
	if opt.Peppers != nil {
		if err := g.SetPeppers(opt.Peppers, opt.Pepper); err != nil {
			return nil, err
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	err := g.sync(ctx)
	if err == nil && opt.Node != "" {
		// Nobody is let in before others know of this node: their receipts count it.
		err = g.beat(ctx)
	}
	if err != nil {
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

// name draws 12 base62 characters.
func name() string {
	var b [12]byte
	for i := range b {
		for {
			var c [1]byte
			rand.Read(c[:])
			if x := c[0] & 63; x < 62 {
				b[i] = base62[x]
				break
			}
		}
	}
	return string(b[:])
}

// Now is the gate's clock, for those who have none.
func (g *Gate) Now() time.Time { return g.now() }

// mono is the time since the gate began, which no clock change moves.
func (g *Gate) mono() int64 { return int64(time.Since(g.began)) }

// The kinds of records.
const (
	kindRing   = "ring"
	kindApp    = "app"
	kindPlan   = "plan"
	kindPepper = "pepper"
	kindUse    = "_use"
	kindLead   = "_lead" // who supervises
)

// kinds are those that a snapshot is made of.
var kinds = []string{kindApp, kindPepper, kindPlan, kindRing}

// sync brings the snapshot up to date with the store. It is called by one at a time
// or many; g.mu orders them. What was read before an error is not lost: of a first
// reading it is kept for the next call, and of a later one it holds at once.
func (g *Gate) sync(ctx context.Context) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	asked := g.mono()
	if g.peppers.Load() == nil {
		if err := g.loadPeppers(ctx); err != nil {
			return err
		}
	}
	old, d := g.snap.Load(), g.begun
	if d == nil {
		d = newDraft(old)
	}
	was := d.s.epoch
	err := g.read(ctx, d)
	if err != nil && fault.Of(err) == fault.Conflict && d.s.epoch > 0 {
		// The store is older than what this node knows, as when it was restored from a backup;
		// or this node was away for so long that marks of deletions were purged.
		g.log.Error("what changed since is not known: the control plane was restored from a backup, or this server was away for more than a day; all keys are read again", "epoch", d.s.epoch)
		g.snap.Store(nil)
		g.begun = nil
		g.tell(d.ended) // what was read before that will not be told again
		return err
	}
	if err != nil && old == nil {
		g.begun = d
		return err
	}
	g.begun = nil
	if old == nil || d.s.epoch != was {
		g.settle(d)
		g.snap.Store(d.s)
		for _, ring := range d.gone { // after their keys
			g.signers.drop(ring)
		}
	}
	if err == nil {
		g.heard.Store(asked)
	}
	g.tell(d.ended)
	return err
}

// read takes what changed after the draft's epoch into the draft, page by page.
func (g *Gate) read(ctx context.Context, d *draft) error {
	for more := true; more; {
		var records []access.Record
		var epoch int64
		var err error
		if records, epoch, more, err = g.store.Since(ctx, d.s.epoch, kinds, 5000); err != nil {
			return err
		}
		for i := range records { // before anything is taken from the page
			if err := g.lags(ctx, &records[i]); err != nil {
				return err
			}
		}
		rings := g.unseal(records)
		for i := range records {
			rec := &records[i]
			switch {
			case rec.Kind == kindApp:
				g.sized(d, rec)
			case rec.Kind == kindPlan:
				g.planned(d, rec)
			case rec.Kind != kindRing:
			case rings[i] != nil:
				d.ended = append(d.ended, g.fates(d, rec.ID, rings[i])...)
				g.signers.put(g, rings[i])                                                       // before the keys are known: none is ever accepted without its signer
				d.gone = slices.DeleteFunc(d.gone, func(id string) bool { return id == rec.ID }) // it is back
				d.put(rings[i], g)
			default:
				if rec.Body != nil {
					g.log.Error("a ring was changed outside Assay, or made with another pepper; its keys are not accepted", "ring", rec.ID)
				}
				d.ended = append(d.ended, g.fates(d, rec.ID, nil)...)
				d.drop(rec.ID)
				d.gone = append(d.gone, rec.ID)
			}
		}
		d.s.epoch = epoch
	}
	return nil
}

// unseal reads the rings among records, on all processors when they are many; nil is
// one that was deleted, or whose seal does not fit.
func (g *Gate) unseal(records []access.Record) []*access.Ring {
	out := make([]*access.Ring, len(records))
	some := func(from, to int) {
		for i := from; i < to; i++ {
			if rec := &records[i]; rec.Kind == kindRing && rec.Body != nil {
				out[i], _ = g.ringOf(rec)
			}
		}
	}
	n := len(records)
	if n < 500 {
		some(0, n)
		return out
	}
	var all sync.WaitGroup
	parts := runtime.GOMAXPROCS(0)
	for i := range parts {
		all.Go(func() { some(n*i/parts, n*(i+1)/parts) })
	}
	all.Wait()
	return out
}

// ringOf reads a sealed ring.
func (g *Gate) ringOf(rec *access.Record) (*access.Ring, error) {
	content, ok := g.peppers.Load().open(rec.Kind, rec.ID, rec.Epoch, rec.Body)
	if !ok {
		return nil, fault.New(fault.Internal, "the seal of ring %s does not fit: it was changed outside Assay, or made with another pepper", rec.ID)
	}
	var r access.Ring
	if err := json.Unmarshal(content, &r); err != nil || r.ID != rec.ID {
		return nil, fault.Wrap(fault.Internal, err, "ring %s cannot be read", rec.ID)
	}
	return &r, nil
}

// loadPeppers reads the stored peppers, or makes the first.
func (g *Gate) loadPeppers(ctx context.Context) error {
	secrets := map[int][]byte{}
	read := func(tx access.Tx) error {
		inside, kept, err := storedPeppers(tx)
		if err == nil && kept != nil && len(inside) == 0 {
			err = fault.New(fault.Conflict, "the peppers of this control plane are kept elsewhere (%s): say where with secrets.from", kept.Where)
		}
		secrets = inside
		return err
	}
	if err := g.store.View(ctx, read); err != nil {
		return err
	}
	if len(secrets) == 0 {
		fresh := make([]byte, 32)
		rand.Read(fresh)
		_, err := g.store.Change(ctx, func(tx access.Tx) error {
			if err := read(tx); err != nil || len(secrets) > 0 { // another process was quicker
				return err
			}
			secrets[1] = fresh
			return tx.Put(kindPepper, "1", fresh)
		})
		if err != nil {
			return err
		}
	}
	p, err := newPeppers(secrets)
	if err != nil {
		return err
	}
	g.peppers.Store(p)
	return nil
}

// Fate is what became of a key that was accepted and is not any more.
type Fate struct {
	Key, Ring string
	State     access.State // revoked, suspended ...
}

// fates are the keys of a ring that were accepted in the draft and are not in r.
func (g *Gate) fates(d *draft, ring string, r *access.Ring) (out []Fate) {
	at, ok := ringIDOf(ring)
	if !ok {
		return nil
	}
	for _, id := range d.s.kids(at) {
		e := d.s.find(id)
		if e == nil || !e.named().Accepting() {
			continue
		}
		state := access.Revoked
		if r != nil {
			if k := r.Key(string(id[:])); k != nil {
				state = k.State
			}
		}
		if !state.Accepting() {
			out = append(out, Fate{string(id[:]), ring, state})
		}
	}
	return out
}

// Follow calls f with keys that ended, whenever this node learns of it: streams that
// were opened with them are closed. f must not wait.
func (g *Gate) Follow(f func([]Fate)) {
	g.followMu.Lock()
	defer g.followMu.Unlock()
	var list []func([]Fate)
	if p := g.followers.Load(); p != nil {
		list = slices.Clone(*p)
	}
	list = append(list, f)
	g.followers.Store(&list)
}

func (g *Gate) tell(ended []Fate) {
	if len(ended) == 0 {
		return
	}
	for _, f := range ended {
		g.tickets.drop(f.Key)
	}
	if p := g.followers.Load(); p != nil {
		for _, f := range *p {
			f(ended)
		}
	}
}

// Size is how many keys are in memory, and Epoch which change they are of.
func (g *Gate) Size() (keys int, epoch int64) {
	if s := g.snap.Load(); s != nil {
		return s.size, s.epoch
	}
	return 0, 0
}

// rings lists the ids of an organisation's rings, of all for "".
func (g *Gate) rings(org, app string) []string {
	s := g.snap.Load()
	if s == nil {
		return nil
	}
	ids := map[ringID]bool{}
	for _, x := range s.shards {
		if x == nobody {
			continue
		}
		for i := range x.entries {
			if t := x.entries[i].terms.tenant; (org == "" || t.org == org) && (app == "" || t.name == app) {
				ids[x.entries[i].ring] = true
			}
		}
	}
	out := make([]string, 0, len(ids))
	for id := range ids {
		out = append(out, id.String())
	}
	slices.Sort(out)
	return out
}

func unavailable(err error) error {
	switch fault.Of(err) {
	case fault.Internal:
		return fault.Wrap(fault.Unavailable, err, "keys cannot be read or written now; try again in a moment")
	}
	return err
}
