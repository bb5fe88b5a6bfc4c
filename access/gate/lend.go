package gate

import (
	"context"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/assayhq/assay/access/limit"
	"github.com/assayhq/assay/fault"
)

// Lender keeps one authority per app for all nodes; a control store that several nodes
// share is one.
type Lender interface {
	// Lend answers at most 500 calls of different apps, in their order, see limit.Call. On
	// an error nothing was granted that anybody may spend.
	Lend(ctx context.Context, calls []limit.Call) ([]limit.Grant, error)
}

// The times of lending.
const (
	maxWait    = 50 * time.Millisecond  // a request waits this long for units that were asked for
	lendPulse  = 50 * time.Millisecond  // what ended unspent is returned in this rhythm
	lendLimit  = time.Second            // an exchange is given up
	lendPause  = 100 * time.Millisecond // after an exchange that failed
	driftAfter = 500 * time.Millisecond // without an answer, and after a failure, a node is adrift
	countEvery = 5 * time.Second        // nodes are counted
	maxLend    = 500                    // calls in an exchange
	maxAsking  = 4096                   // apps that wait for an exchange to begin
)

// lends carries the messages between this node's apps and the Lender. One goroutine
// talks: what many apps want at the same time goes in one exchange.
type lends struct {
	g       *Gate
	lender  Lender
	ask     chan *pool
	heard   atomic.Int64 // g.mono of the last answer
	episode atomic.Int64 // odd while the last exchange failed; counts how often that began
	nodes   atomic.Int64 // that had a lease when they were counted last
}

// pool is what an app may spend on this node.
type pool struct {
	l      *lends
	t      *tenant
	id     string
	used   limit.Used
	holder *limit.Holder
	shared atomic.Bool // the plan has a rate or a quota
	queued atomic.Bool
	turn   atomic.Pointer[chan struct{}] // closed by the next answer
	spare  atomic.Pointer[spare]
}

// spare is the share of a node that is adrift.
type spare struct {
	episode int64
	bucket  *limit.Bucket
}

// lend makes the pool of an app, when units are lent here.
func (g *Gate) lend(t *tenant, u limit.Used) *pool {
	if g.lends == nil {
		return nil
	}
	p := &pool{l: g.lends, t: t, id: appID(t.org, t.name), used: u}
	plan := t.account.Plan()
	p.holder = limit.NewHolder(g.node, plan, 0)
	turn := make(chan struct{})
	p.turn.Store(&turn)
	p.change(plan)
	return p
}

// change follows the app's plan.
func (p *pool) change(plan limit.Plan) {
	if p == nil {
		return
	}
	p.holder.Change(plan)
	p.shared.Store(plan.Rate > 0 || plan.Daily > 0 || plan.Monthly > 0)
}

// take asks for units, and a slot of concurrency of this node, all or nothing.
func (t *tenant) take(g *Gate, cost int64, slot bool) (limit.Answer, error) {
	if p := t.pool; p != nil && p.shared.Load() {
		if slot && !t.account.Hold() {
			a := limit.Answer{Violated: limit.Concurrency}
			return a, t.refused(&a)
		}
		a, err := p.spend(cost)
		if slot && !a.Allowed {
			t.leave()
		}
		return a, err
	}
	var a limit.Answer
	if slot {
		a = t.account.Enter(g.now(), cost)
	} else {
		a = t.account.Take(g.now(), cost)
	}
	return a, t.refused(&a)
}

// spend takes units that this node holds. Who finds too few, and nobody said that there
// are none, waits for an answer, for maxWait at most.
func (p *pool) spend(cost int64) (limit.Answer, error) {
	var over <-chan time.Time
	for {
		turn := *p.turn.Load()
		a, need := p.holder.Spend(p.l.now(), cost)
		if need != limit.Nothing {
			p.l.wants(p)
		}
		if need != limit.First {
			return a, p.t.refused(&a)
		}
		if p.l.adrift() {
			return p.alone(cost)
		}
		if over == nil {
			t := time.NewTimer(maxWait)
			defer t.Stop()
			over = t.C
		}
		select {
		case <-turn:
		case <-over:
			if p.l.adrift() {
				return p.alone(cost)
			}
			return limit.Answer{}, unlent()
		}
	}
}

func unlent() error {
	return fault.New(fault.Unavailable, "limits cannot be checked now; try again in a moment")
}

// alone is how a node decides that cannot reach the authority: an app without quotas has
// its rate divided by the number of nodes, beginning with nothing; one with quotas gets
// nothing. Nodes that are cut off together stay within the rate; while others still
// reach the authority, all together get less than twice the rate.
func (p *pool) alone(cost int64) (limit.Answer, error) {
	plan := p.t.account.Plan()
	if plan.Daily > 0 || plan.Monthly > 0 {
		return limit.Answer{}, unlent()
	}
	episode := p.l.episode.Load()
	s := p.spare.Load()
	if s == nil || s.episode != episode {
		n := max(p.l.nodes.Load(), 1)
		rate := max(plan.Rate/n, 1)
		s = &spare{episode, limit.NewBucket(rate, max(min(plan.Burst/n, rate), 1))}
		s.bucket.Take(p.l.g.now(), limit.MaxBurst)
		p.spare.Store(s)
	}
	b := s.bucket.Take(p.l.g.now(), cost)
	return b, p.t.refused(&b)
}

// now is by a clock that nobody sets, since leases are spans of time.
func (l *lends) now() time.Time { return time.Unix(1, l.g.mono()) }

// adrift tells whether the authority cannot be reached.
func (l *lends) adrift() bool {
	return l != nil && l.episode.Load()&1 == 1 && l.g.mono()-l.heard.Load() > int64(driftAfter)
}

func (l *lends) wants(p *pool) {
	if p.queued.CompareAndSwap(false, true) {
		select {
		case l.ask <- p:
		default: // many wait already; the next request asks again
			p.queued.Store(false)
		}
	}
}

// run talks until ctx ends, and then returns what is held.
func (l *lends) run(ctx context.Context) {
	pulse := time.NewTicker(lendPulse)
	defer pulse.Stop()
	active := map[*pool]bool{}
	var counted, failed int64
	for {
		var some []*pool
		select {
		case <-ctx.Done():
			l.give(context.WithoutCancel(ctx), active)
			return
		case p := <-l.ask:
			some = append(some, p)
			for more := true; more && len(some) < maxLend; {
				select {
				case p := <-l.ask:
					some = append(some, p)
				default:
					more = false
				}
			}
		case <-pulse.C:
			some = slices.Collect(maps.Keys(active))
		}
		for _, p := range some {
			active[p] = true
			p.queued.Store(false)
		}
		if failed != 0 && l.g.mono()-failed < int64(lendPause) {
			continue // they are active, so the pulse comes back to them
		}
		failed = 0
		for part := range slices.Chunk(some, maxLend) {
			if !l.exchange(ctx, part, active) {
				failed = max(l.g.mono(), 1)
				break
			}
		}
		if now := l.g.mono(); failed == 0 && (counted == 0 || now-counted > int64(countEvery)) {
			counted = max(now, 1)
			l.count(ctx)
		}
	}
}

// exchange sends what apps have to say, and tells whether it was answered.
func (l *lends) exchange(ctx context.Context, some []*pool, active map[*pool]bool) bool {
	var since int64
	if s := l.g.snap.Load(); s != nil { // before the plans are read: they may be newer, not older
		since = s.epoch
	}
	var calls []limit.Call
	var from []*pool
	for _, p := range some {
		if q, ok := p.holder.Poll(l.now()); ok {
			calls = append(calls, limit.Call{App: p.id, Plan: p.t.account.Plan(), Since: since, Used: p.used, Ask: q})
			from = append(from, p)
		} else if p.holder.Idle() {
			delete(active, p)
		}
	}
	if len(calls) == 0 {
		return true
	}
	turn, cancel := context.WithTimeout(ctx, lendLimit)
	defer cancel()
	grants, err := l.lender.Lend(turn, calls)
	if err != nil || len(grants) != len(calls) {
		if n := l.episode.Load(); n&1 == 0 && ctx.Err() == nil {
			l.episode.Store(n + 1)
			l.g.log.Error("limits that servers share cannot be asked for; apps without quotas get a share of their rate, others nothing", "err", err)
		}
		return false
	}
	l.heard.Store(l.g.mono())
	if n := l.episode.Load(); n&1 == 1 {
		l.episode.Store(n + 1)
		l.g.log.Info("limits that servers share can be asked for again")
	}
	for i, p := range from {
		p.holder.Receive(l.now(), grants[i])
		turn := make(chan struct{})
		close(*p.turn.Swap(&turn))
	}
	return true
}

// count learns how many nodes there are.
func (l *lends) count(ctx context.Context) {
	turn, cancel := context.WithTimeout(ctx, lendLimit)
	defer cancel()
	nodes, err := l.g.store.Nodes(turn)
	if err != nil {
		return
	}
	n := int64(0)
	for _, x := range nodes {
		if x.Left > 0 {
			n++
		}
	}
	l.nodes.Store(n)
}

// give returns everything, so that quotas lose nothing by a restart.
func (l *lends) give(ctx context.Context, active map[*pool]bool) {
	ctx, cancel := context.WithTimeout(ctx, 2*lendLimit)
	defer cancel()
	var calls []limit.Call
	for p := range active {
		if q, ok := p.holder.Close(l.now()); ok {
			// Since 0: whatever plan the authority has, it keeps.
			calls = append(calls, limit.Call{App: p.id, Plan: p.t.account.Plan(), Used: p.used, Ask: q})
		}
	}
	for part := range slices.Chunk(calls, maxLend) {
		if _, err := l.lender.Lend(ctx, part); err != nil {
			l.g.log.Warn("units that were not used could not be returned; they count as used", "apps", len(part), "err", err)
			return
		}
	}
}

// lending runs the exchange beside Run; the channel is closed when it has ended.
func (g *Gate) lending(ctx context.Context) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		if g.lends != nil {
			g.lends.run(ctx)
		}
	}()
	return done
}
