package gate

import (
	"context"
	"slices"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/fault"
)

// Run follows the store, renews this node's lease, supervises rotations and writes
// uses until ctx ends; then it gives the lease back. It returns nil.
func (g *Gate) Run(ctx context.Context) error {
	poll, beat, flush := time.NewTicker(g.opt.Poll), time.NewTicker(g.opt.Lease/5), time.NewTicker(g.opt.Flush)
	watch := time.NewTicker(time.Second)
	defer poll.Stop()
	defer beat.Stop()
	defer flush.Stop()
	defer watch.Stop()
	var hints <-chan struct{}
	lent := g.lending(ctx)
	done, granted := make(chan struct{}), make(chan struct{})
	// The supervisor writes, and may have many rings to look at; it must delay neither the
	// follower nor the notes of first uses, which successors wait for.
	go func() {
		defer close(granted)
		for {
			select {
			case <-ctx.Done():
				return
			case w := <-g.wishes:
				g.grant(ctx, w)
			}
		}
	}()
	go func() {
		defer close(done)
		for {
			select {
			case <-ctx.Done():
				return
			case <-watch.C:
				g.supervise(ctx)
			case <-flush.C:
				g.flush(ctx)
			}
		}
	}()
	pushed := make(chan struct{})
	go func() { // keepers may be slow
		defer close(pushed)
		g.pusher(ctx)
	}()
	silent, acked := false, int64(-1)
	step := func(beatNow bool) {
		turn, cancel := context.WithTimeout(ctx, g.opt.Lease/2)
		defer cancel()
		err := g.sync(turn)
		if _, epoch := g.Size(); err == nil && g.opt.Node != "" && (beatNow || epoch != acked) {
			if err = g.beat(turn); err == nil {
				acked = epoch
			}
		}
		if err != nil && !silent && ctx.Err() == nil {
			g.log.Error("the control store does not answer; keys in memory are used until the lease is over", "lease", g.opt.Lease, "reads", g.opt.Static, "err", err)
		} else if err == nil && silent {
			g.log.Info("the control store answers again")
		}
		silent = err != nil
		if hints == nil && err == nil {
			if h, err := g.store.Hints(ctx); err == nil {
				hints = h
			}
		}
	}
	step(true)
	for {
		select {
		case <-ctx.Done():
			<-done
			<-granted
			<-pushed
			<-lent
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			g.flush(last)
			if g.opt.Node != "" {
				_, epoch := g.Size()
				if _, err := g.store.Beat(last, access.Node{ID: g.node, Name: g.opt.Node, Epoch: epoch}, 0); err != nil {
					g.log.Warn("the lease could not be given back; others wait for its end", "err", err)
				}
			}
			return nil
		case <-hints:
			step(false)
		case <-g.wake:
			step(false)
		case <-poll.C:
			step(false)
			g.sweep()
		case <-beat.C:
			step(true)
		}
	}
}

// beat renews the lease. Its end is counted from before the store was asked, so that
// this node fences itself before others take it for fenced, whatever their clocks say.
func (g *Gate) beat(ctx context.Context) error {
	asked := g.mono()
	_, epoch := g.Size()
	if _, err := g.store.Beat(ctx, access.Node{ID: g.node, Name: g.opt.Node, Epoch: epoch}, g.opt.Static); err != nil {
		return err
	}
	if was := g.until.Load(); was == 0 || g.mono() >= was {
		// There was no lease, so receipts did not wait for this node: what changed
		// until it was counted again has to be heard before it decides.
		if err := g.sync(ctx); err != nil {
			return err
		}
	}
	g.until.Store(asked + int64(g.opt.Static))
	return nil
}

// fresh tells whether this node may decide: everything for half a lease after it heard
// from the store, reads until the lease is over. It is the lease that counts, not what
// was heard since: the lease is what others believe.
func (g *Gate) fresh(strict bool) bool {
	now, heard := g.mono(), g.heard.Load()
	if strict {
		return now-heard <= int64(g.opt.Lease/2)
	}
	if g.opt.Node != "" {
		return now < g.until.Load()
	}
	return now-heard < int64(g.opt.Static)
}

// Health is how this node stands towards the store.
type Health struct {
	Node   string
	Epoch  int64
	Keys   int
	Stale  time.Duration // since the last good answer
	Fenced bool          // callers with keys are told Unavailable
}

// Health tells how this node stands.
func (g *Gate) Health() Health {
	h := Health{Node: g.node, Stale: time.Duration(g.mono() - g.heard.Load())}
	h.Keys, h.Epoch = g.Size()
	h.Fenced = !g.fresh(false) || g.snap.Load() == nil
	return h
}

// Receipt says where a change has arrived.
type Receipt struct {
	Epoch   int64         `json:"epoch"`
	Keys    []string      `json:"keys"`             // that ended
	Acked   []string      `json:"acked"`            // nodes that decide by it
	Fenced  []string      `json:"fenced,omitempty"` // nodes that decide nothing any more
	Pending []Pending     `json:"pending,omitempty"`
	Elapsed time.Duration `json:"elapsed"`
}

// Complete tells whether the change holds everywhere.
func (r *Receipt) Complete() bool { return len(r.Pending) == 0 }

// Pending is a node that has not acknowledged; it has fenced itself in Left at the latest.
type Pending struct {
	Node string        `json:"node"`
	Left time.Duration `json:"left"`
}

// Wait is how long a caller waits for a receipt.
type Wait string

// The ways to wait: for every node, for more than half of them, or not at all.
const (
	WaitAll    Wait = "all"
	WaitQuorum Wait = "quorum"
	WaitNone   Wait = "none"
)

// receipt waits until every node has applied an epoch or has fenced itself. It returns
// what is known when ctx ends.
func (g *Gate) receipt(ctx context.Context, epoch int64, keys []string, wait Wait, since time.Time) (Receipt, error) {
	r := Receipt{Epoch: epoch, Keys: keys}
	seen := map[string]string{} // nodes that counted when the change was made
	for try := 0; ; try++ {
		nodes, err := g.store.Nodes(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return r, nil
			}
			return r, unavailable(err)
		}
		r.Acked, r.Fenced, r.Pending = nil, nil, nil
		now := map[string]bool{}
		for _, n := range nodes {
			now[n.ID] = true
			label := n.Name + " " + n.ID
			switch {
			case n.Epoch >= epoch:
				r.Acked = append(r.Acked, label)
			case n.Left <= 0:
				if _, counted := seen[n.ID]; counted || n.Left > -time.Minute {
					r.Fenced = append(r.Fenced, label)
				}
				continue
			default:
				r.Pending = append(r.Pending, Pending{label, n.Left})
			}
			seen[n.ID] = label
		}
		r.Elapsed = time.Since(since)
		done := len(r.Pending) == 0 || wait == WaitNone ||
			wait == WaitQuorum && len(r.Acked)+len(r.Fenced) > len(r.Pending)
		if done {
			return r, nil
		}
		pause := min(5*time.Millisecond<<min(try, 5), 100*time.Millisecond)
		select {
		case <-ctx.Done():
			return r, nil
		case <-time.After(pause):
		}
	}
}

// poke makes Run look at the store at once.
func (g *Gate) poke() {
	select {
	case g.wake <- struct{}{}:
	default:
	}
}

// Nodes lists the nodes that decide by the same store.
func (g *Gate) Nodes(ctx context.Context) ([]access.Node, error) {
	n, err := g.store.Nodes(ctx)
	if err != nil {
		return nil, unavailable(err)
	}
	slices.SortFunc(n, func(a, b access.Node) int { return int(b.Left - a.Left) })
	return n, nil
}

func (g *Gate) sweep() {
	now := g.now()
	g.visits.sweep(now)
	g.tickets.sweep(now)
}

// stale is the answer while keys cannot be checked.
func stale() error {
	return fault.New(fault.Unavailable, "keys cannot be checked now; try again in a moment")
}
