// Package watch runs the anomaly detector beside the gateway: it is told of every answer
// and every refusal, keeps the alerts that come of them, tells their owners, and takes the
// step that an alert proposes where the operator has allowed that step.
//
// What always holds: whoever tells it something never waits, because there is one bounded
// queue, and what does not fit is dropped and counted; one incident is one alert, also
// when several nodes or two starts of one see it, because incidents are looked up in the
// control plane in the transaction that keeps the alert; the alert, its audit entry and
// its notices are one change; a step is taken only after the alert that states it was
// kept, and each step can be taken back by dismissing the alert. How many alerts there
// are, how old they get and how many are new in an hour is bounded.
//
// Each node watches its own traffic: what a key usually does is kept in a file of its own
// and not shared; only the alerts are. It never sees a secret.
//
// It reads the clock through Options.Now. The gate and api tell it what happens, app runs
// it, api and cmd show the alerts.
package watch

import (
	"context"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/anomaly"
	"github.com/assayhq/assay/access/gate"
	"github.com/assayhq/assay/fault"
)

// Options of a Watcher. Store and Gate must be given.
type Options struct {
	Store access.Store
	// Gate gives the gate, which may be made after the watcher that it tells.
	Gate func() *gate.Gate
	Node string // name of this process, for people
	// Org is the organisation that is told of what concerns nobody's key, such as guessing.
	// Default "default".
	Org string
	// Act are the steps that are taken without asking: anomaly.Halve, anomaly.Suspend.
	// Default none. Suspend is only ever proposed for keys that can place orders.
	Act []anomaly.Action
	// Canaries are the ids of keys that were laid out to be found.
	Canaries []string
	// Learn is how long a key is only learnt from; default 7 days.
	Learn time.Duration
	// File keeps what was learnt over restarts; "" keeps it in memory only.
	File string
	// Seed of the detector; 0 is fine in tests, elsewhere it should not be guessed.
	Seed uint64
	// Queue is how many events may wait; default 8192.
	Queue int
	// Now is the clock, time.Now by default.
	Now    func() time.Time
	Logger *slog.Logger
}

// Bounds of what is kept and how much of it is new.
const (
	MaxAlerts = 2000                   // the oldest give way
	Keep      = 90 * 24 * time.Hour    // since the latest evidence
	perHour   = 500                    // new alerts of one node
	keyless   = 60                     // of those, such as concern no key and so cost an attacker nothing
	maxLate   = 256                    // alerts that wait for a store that does not answer
	maxRolls  = 4096                   // rotations that are watched
	maxWords  = 4096                   // names of clients that are kept once
	quiet     = 6 * time.Hour          // after which an incident is new again
	glance    = 100 * time.Millisecond // how often is looked for what was told; sooner when half of the room is taken
	pulse     = 10 * time.Second       // how often minutes are closed and rotations looked at
)

// Watcher is told what happens. Make it with New and give it a goroutine with Run.
type Watcher struct {
	opt  Options
	log  *slog.Logger
	mu   sync.Mutex // held for the time of a copy
	wait []event    // told and not yet taken, at most Options.Queue
	wake chan struct{}

	seen, dropped, alerts, lost atomic.Int64
	busy                        atomic.Bool // with what was taken out of wait

	// What follows belongs to the goroutine of Run.
	spare   []event // takes turns with wait
	machine *anomaly.Watch
	rolls   map[string]gate.Rollover
	words   map[string]string
	causes  map[string]anomaly.Why // of keys that were revoked
	late    []anomaly.Alert
	hour    time.Time
	fresh   int // alerts in this hour
	free    int // of them without a key
}

// event is a use, or a refusal when why is not 0.
type event struct {
	use      anomaly.Use
	version  int
	why      anomaly.Why
	checksum bool
}

var _ gate.Watcher = (*Watcher)(nil)

// New makes a Watcher.
func New(opt Options) (*Watcher, error) {
	if opt.Store == nil || opt.Gate == nil {
		return nil, fault.New(fault.Internal, "a watcher needs a store and a gate")
	}
	for _, a := range opt.Act {
		if a != anomaly.Halve && a != anomaly.Suspend {
			return nil, fault.At(fault.Invalid, "anomalies.act", "%q is no step that can be taken without asking; there are halve and suspend", a)
		}
	}
	if opt.Org == "" {
		opt.Org = "default"
	}
	if opt.Queue <= 0 {
		opt.Queue = 8192
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	w := &Watcher{opt: opt, log: opt.Logger, wait: make([]event, 0, opt.Queue), spare: make([]event, 0, opt.Queue), wake: make(chan struct{}, 1), rolls: map[string]gate.Rollover{}, words: map[string]string{}, causes: map[string]anomaly.Why{}}
	w.load(anomaly.Options{Seed: opt.Seed, Learn: opt.Learn, Cooldown: quiet, Trading: w.trades, Site: w.site})
	return w, nil
}

// Used tells of an answer, or of a stream that was opened. version is that of the key in
// its ring. It never waits.
func (w *Watcher) Used(u anomaly.Use, version int) { w.put(&event{use: u, version: version}) }

// Denied is gate.Watcher's.
func (w *Watcher) Denied(u anomaly.Use) { w.put(&event{use: u}) }

// Refused is gate.Watcher's.
func (w *Watcher) Refused(r anomaly.Refusal) {
	w.put(&event{use: anomaly.Use{At: r.At, Key: r.Key, Ring: r.Ring, App: r.App, Prefix: r.Prefix, Agent: r.Agent}, why: r.Why, checksum: r.Checksum})
}

func (w *Watcher) put(e *event) {
	w.mu.Lock()
	n := len(w.wait)
	fits := n < w.opt.Queue
	if fits {
		w.wait = append(w.wait, *e)
	}
	w.mu.Unlock()
	switch {
	case fits && n == w.opt.Queue/2:
		select {
		case w.wake <- struct{}{}:
		default:
		}
	case !fits:
		if n := w.dropped.Add(1); n&(n-1) == 0 { // the 1st, 2nd, 4th, 8th ...
			w.log.Warn("the watcher is too slow; events are dropped and not judged", "so_far", n)
		}
	}
}

// Stats are counts since the start.
type Stats struct {
	Seen    int64 // events that were judged
	Dropped int64 // events that did not fit into the queue
	Alerts  int64 // alerts that were kept
	Lost    int64 // alerts that were not: too many in an hour, or the store was away for long
}

// Stats tells how it goes. It is safe at any time.
func (w *Watcher) Stats() Stats {
	return Stats{w.seen.Load(), w.dropped.Load(), w.alerts.Load(), w.lost.Load()}
}

// Idle tells whether everything that was told has been judged.
func (w *Watcher) Idle() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.wait) == 0 && !w.busy.Load()
}

// Run judges what is told until ctx ends, then writes down what was learnt. It returns nil.
func (w *Watcher) Run(ctx context.Context) error {
	t, look, save := time.NewTicker(pulse), time.NewTicker(glance), time.NewTicker(saveEvery)
	defer t.Stop()
	defer save.Stop()
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			w.save()
			return nil
		case <-save.C:
			w.save()
		case <-w.wake:
			w.drain(ctx)
		case <-look.C:
			w.drain(ctx)
		case <-t.C:
			now := w.opt.Now()
			w.follow()
			w.take(ctx, w.machine.Tick(now))
			w.retry(ctx)
		}
	}
}

// drain judges what waits. Whoever tells something finds room again at once.
func (w *Watcher) drain(ctx context.Context) {
	w.mu.Lock()
	list := w.wait
	w.wait = w.spare[:0]
	w.busy.Store(true)
	w.mu.Unlock()
	for i := range list {
		w.judge(ctx, &list[i])
		list[i] = event{}
	}
	w.spare = list
	w.busy.Store(false)
}

// judge hands an event to the machine.
func (w *Watcher) judge(ctx context.Context, e *event) {
	w.seen.Add(1)
	u := &e.use
	u.Agent, u.Endpoint = w.word(u.Agent), w.word(u.Endpoint)
	if len(w.opt.Canaries) > 0 && u.Key != "" && e.why != anomaly.Unknown && e.why != anomaly.Forged && slices.Contains(w.opt.Canaries, u.Key) {
		e.why = anomaly.Canary
	}
	if e.why == 0 {
		if len(w.rolls) > 0 {
			if x, ok := w.rolls[u.Ring]; ok {
				u.Successor = e.version > x.From
			}
		}
		w.take(ctx, w.machine.Observe(*u))
		return
	}
	r := anomaly.Refusal{At: u.At, Why: e.why, Key: u.Key, Ring: u.Ring, App: u.App, Prefix: u.Prefix, Agent: u.Agent, Checksum: e.checksum}
	if r.Why == anomaly.Revoked {
		r.Why = w.cause(ctx, r.Ring, r.Key)
	}
	w.take(ctx, w.machine.Refuse(r))
}

// word gives the one copy of a name, so that no request's memory is held on to.
func (w *Watcher) word(s string) string {
	if c, ok := w.words[s]; ok {
		return c
	}
	if len(w.words) >= maxWords {
		clear(w.words)
	}
	s = strings.Clone(s)
	w.words[s] = s
	return s
}

// cause tells a key that was revoked because it had leaked from one that was not.
func (w *Watcher) cause(ctx context.Context, ring, key string) anomaly.Why {
	if y, ok := w.causes[key]; ok {
		return y
	}
	r, err := w.opt.Gate().Ring(ctx, "", ring)
	if err != nil {
		return anomaly.Revoked
	}
	y := anomaly.Revoked
	if k := r.Key(key); k != nil && (strings.Contains(k.Cause, "leak") || k.Cause == "compromise") {
		y = anomaly.Leaked
	}
	if len(w.causes) >= maxWords {
		clear(w.causes)
	}
	w.causes[key] = y
	return y
}

// follow tells the machine of rotations that began, moved their date, or are over.
func (w *Watcher) follow() {
	now := map[string]gate.Rollover{}
	for _, x := range w.opt.Gate().Rollovers(maxRolls) {
		now[x.Ring] = x
		if was, ok := w.rolls[x.Ring]; !ok || !was.Deadline.Equal(x.Deadline) {
			w.machine.Begin(x.Rollover)
		}
	}
	for ring := range w.rolls {
		if _, ok := now[ring]; !ok {
			w.machine.End(ring)
		}
	}
	w.rolls = now
}

func (w *Watcher) trades(key string) bool {
	c := w.opt.Gate().Holder(key)
	return c != nil && c.Has(access.OrdersPlace)
}

// site is the allow-listed network of a key that a client's network belongs to.
func (w *Watcher) site(key string, p netip.Prefix) string {
	c := w.opt.Gate().Holder(key)
	if c == nil {
		return ""
	}
	for _, n := range c.Bounds.Networks {
		if n.Overlaps(p) {
			return n.String()
		}
	}
	return ""
}
