package main

import (
	"context"
	"crypto/rand"
	"fmt"
	mrand "math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/gate"
	"github.com/assayhq/assay/fault"
)

// summary is what a run prints.
type summary struct {
	Requests         int64   `json:"requests"`
	Rotations        int64   `json:"rotations"`
	Failed           int64   `json:"failed"`
	DroppedStreams   int64   `json:"dropped_streams"`
	AcceptedOutside  int     `json:"accepted_outside"`
	Stragglers       int     `json:"stragglers"`
	StragglersMissed int     `json:"stragglers_missed"`
	P99              float64 `json:"p99_ms"` // of a whole request, its retries included
}

// circle is a ring with its clients, as the controller knows it.
type circle struct {
	id, kid string // of the ring, and of the key in the source
	source  *source
	clients []*client
	busy    atomic.Bool
	// A straggler sits on the key of the first rotation of its ring.
	straggler string // its User-Agent; "" none
	sat       atomic.Bool
}

// control makes the changes.
type control struct {
	f      *fleet
	plan   plan
	tally  *tally
	ledger *ledger
	rings  []*circle
	probes sync.WaitGroup

	rotations, rollbacks, forced, lost, revoked, stuck atomic.Int64
	named, missed, misnamed                            atomic.Int64
	kills, cuts, restarts                              int

	mu       sync.Mutex
	receipts []time.Duration
}

func (f *fleet) files() (out []string) {
	for _, s := range f.servers {
		out = append(out, s.config.Events)
	}
	return out
}

// rotations is the run.
func (f *fleet) rotations(ctx context.Context, p plan) (any, bool, error) {
	reasons, err := os.Create(filepath.Join(f.dir, "reasons.txt"))
	if err != nil {
		return nil, false, err
	}
	defer reasons.Close()
	journal, err := os.Create(filepath.Join(f.dir, "control.jsonl"))
	if err != nil {
		return nil, false, err
	}
	defer journal.Close()
	c := &control{f: f, plan: p, tally: &tally{reasons: reasons}, ledger: &ledger{out: journal}}
	if err := c.prepare(ctx); err != nil {
		return nil, false, err
	}
	f.say("%d clients on %d rings, %.0f requests a second; %d rotations in %v", p.clients, p.rings, p.rate, p.rotations, p.during)

	work, stop := context.WithCancel(ctx)
	var clients sync.WaitGroup
	n := 0
	for _, r := range c.rings {
		for _, cl := range r.clients {
			if n++; n%5 == 0 {
				clients.Go(func() { cl.hold(work) })
			} else {
				clients.Go(func() { cl.run(work, p.rate/(float64(p.clients)*4/5)) })
			}
		}
		if r.straggler != "" {
			clients.Go(func() { c.straggle(work, r) })
		}
	}
	clients.Go(func() { c.progress(work) })
	chaos, calm := context.WithCancel(work)
	var faults sync.WaitGroup
	faults.Go(func() { c.faults(chaos) })
	c.rotate(work)
	calm()
	faults.Wait()
	c.probes.Wait()
	stop()
	clients.Wait()
	if ctx.Err() != nil {
		return nil, false, ctx.Err()
	}
	accepted, outside, err := c.ledger.examine(f.files(), reasons)
	if err != nil {
		return nil, false, err
	}
	c.tally.mu.Lock()
	defer c.tally.mu.Unlock()
	s := summary{Requests: c.tally.requests.Load(), Rotations: c.rotations.Load(), Failed: c.tally.failed.Load(), DroppedStreams: c.tally.dropped.Load(),
		AcceptedOutside: outside, Stragglers: p.stragglers, StragglersMissed: int(c.missed.Load()), P99: millis(percentile(c.tally.took, 0.99))}
	c.report(accepted, &s)
	good := s.Failed == 0 && s.DroppedStreams == 0 && outside == 0 && s.StragglersMissed == 0
	if !good {
		f.say("something was wrong; %s says what", reasons.Name())
	}
	return s, good, nil
}

func (c *control) report(accepted int, s *summary) {
	t := c.tally
	c.mu.Lock()
	defer c.mu.Unlock()
	c.f.say("%d acceptances examined; requests took %.1f ms at the median; %d answers and connections were unavailable and retried; %d requests were let in with the spare key",
		accepted, millis(percentile(t.took, 0.5)), t.unavailable.Load(), t.spares.Load())
	c.f.say("rotations: %d, of them rolled back %d, forced into another %d, with the answer lost %d, old key revoked %d, never confirmed %d", s.Rotations,
		c.rollbacks.Load(), c.forced.Load(), c.lost.Load(), c.revoked.Load(), c.stuck.Load())
	c.f.say("clients moved %d times, streams %d times in place (%d messages); %d streams were opened again", t.moves.Load(), t.reauths.Load(), t.ticks.Load(), t.reopen.Load())
	c.f.say("stragglers: %d named, %d missed; %d others were called stragglers", c.named.Load(), c.missed.Load(), c.misnamed.Load())
	c.f.say("faults: %d servers killed, %d cut off for 2 s, database killed %d times", c.kills, c.cuts, c.restarts)
	c.f.say("receipts: %d, p50 %.1f ms, p99 %.1f ms, longest %.1f ms (a killed server's lease of 10 s counts)", len(c.receipts),
		millis(percentile(c.receipts, 0.5)), millis(percentile(c.receipts, 0.99)), millis(percentile(c.receipts, 1)))
}

func (c *control) progress(ctx context.Context) {
	last := int64(0)
	for sleep(ctx, 5*time.Second) == nil {
		n := c.tally.requests.Load()
		c.f.say("%d requests (%d/s), %d rotations begun, %d failed, %d streams dropped, %d retried", n, (n-last)/5, c.rotations.Load(), c.tally.failed.Load(), c.tally.dropped.Load(), c.tally.unavailable.Load())
		last = n
	}
}

// prepare makes the rings, and deals the clients to them.
func (c *control) prepare(ctx context.Context) error {
	for i := range c.plan.rings {
		from := c.f.clock.now()
		var m made
		o := order{App: "app-" + strconv.Itoa(i), Scopes: []access.Scope{access.MarketRead, access.StreamRead}, Policy: access.Policy{Undo: 20 * time.Second}}
		if err := c.f.insist(ctx, "create", o, &m); err != nil {
			return err
		}
		c.ledger.made(m.Kid, from)
		r := &circle{id: m.Ring.ID, kid: m.Kid, source: &source{}}
		r.source.set(m.Token)
		if i < c.plan.stragglers {
			r.straggler = fmt.Sprintf("straggler-%d/1.0", i)
		}
		c.rings = append(c.rings, r)
	}
	// A first key has no other beside it to fall back on, so every server is to know it.
	if err := sleep(ctx, time.Second); err != nil {
		return err
	}
	for i := range c.plan.clients {
		r := c.rings[i%len(c.rings)]
		// The first of a ring watches its source; the others wait to be told.
		r.clients = append(r.clients, &client{f: c.f, tally: c.tally, agent: fmt.Sprintf("client-%d/1.0", i), holder: newHolder(r.source), watches: len(r.clients) == 0})
	}
	return nil
}

// rotate begins the rotations, spread over the time, and waits until all are over.
func (c *control) rotate(ctx context.Context) {
	var all sync.WaitGroup
	defer all.Wait()
	gap := c.plan.during / time.Duration(c.plan.rotations)
	next := time.Now()
	for i := 0; i < c.plan.rotations; {
		if sleep(ctx, time.Until(next)) != nil {
			return
		}
		r := c.rings[mrand.IntN(len(c.rings))]
		if i < c.plan.stragglers {
			r = c.rings[i] // so that there is time for its date
		}
		if !r.busy.CompareAndSwap(false, true) {
			next = time.Now().Add(5 * time.Millisecond)
			continue
		}
		i++
		next = next.Add(gap)
		all.Go(func() {
			err := c.one(ctx, r)
			if err == nil {
				r.busy.Store(false)
			} else if ctx.Err() == nil { // the ring is left alone from now on
				c.tally.failed.Add(1)
				c.tally.reason("a change failed at %.3fs: ring %s: %v", float64(c.f.clock.now())/1e9, r.id, err)
			}
		})
	}
}

// stage makes a successor. Where the answer is to be lost, the request is repeated at any
// server, and must give the same.
func (c *control) stage(ctx context.Context, r *circle, force, lose bool) (made, error) {
	overlaps := []time.Duration{time.Second, 15 * time.Second, between(15*time.Second, c.plan.most)}
	o := order{ID: r.id, Overlap: overlaps[mrand.IntN(len(overlaps))], Force: force, Request: rand.Text()}
	from := c.f.clock.now()
	var m made
	if err := c.f.insist(ctx, "rotate", o, &m); err != nil {
		return m, err
	}
	c.rotations.Add(1)
	c.ledger.made(m.Kid, from)
	if lose {
		c.lost.Add(1)
		var again made
		if err := c.f.insist(ctx, "rotate", o, &again); err != nil {
			return m, fmt.Errorf("a repeated request: %w", err)
		}
		if again.Token != m.Token || again.Kid != m.Kid {
			return m, fmt.Errorf("a repeated request gave key %s after %s", again.Kid, m.Kid)
		}
	}
	return m, nil
}

// one is one rotation of a ring, until its old key is over.
func (c *control) one(ctx context.Context, r *circle) error {
	oldKid, oldToken := r.kid, r.source.read()
	draw := mrand.IntN(100)
	sitting := r.straggler != "" && r.sat.CompareAndSwap(false, true)
	if sitting {
		draw = 99 // its date must come
	}
	m, err := c.stage(ctx, r, false, draw%10 == 0)
	if err != nil {
		return err
	}
	if draw < 8 { // given up before anybody has the new key
		if err := sleep(ctx, between(0, time.Second)); err != nil {
			return err
		}
		var after access.Ring
		if err := c.back(ctx, r, &after); err != nil {
			return err
		}
		c.ledger.ends(m.Kid, c.f.clock.now()+int64(lease), "withdrawn")
		return nil
	}
	if err := sleep(ctx, between(0, 2*time.Second)); err != nil {
		return err
	}
	r.source.set(m.Token)
	r.kid = m.Kid
	at, err := c.confirmed(ctx, r, m.Kid, oldKid)
	if err != nil {
		return err
	}
	c.ledger.ends(oldKid, at+int64(clockBound), "its date")
	switch {
	case draw < 18: // given up while traffic moves
		if err := sleep(ctx, between(0, 3*time.Second)); err != nil {
			return err
		}
		if left := time.Duration(at - c.f.clock.now()); left < 6*time.Second {
			return c.over(ctx, oldToken, at) // too late for it
		}
		c.ledger.reopened(oldKid, c.f.clock.now())
		r.source.set(oldToken)
		r.kid = oldKid
		var after access.Ring
		if err := c.back(ctx, r, &after); err != nil {
			return err
		}
		k := after.Key(m.Kid)
		if k == nil || k.RetireAt.IsZero() {
			return fmt.Errorf("the successor %s has no date after it was given up", m.Kid)
		}
		at = k.RetireAt.UnixNano() - c.f.epoch
		c.ledger.ends(m.Kid, at+int64(clockBound), "its date, after it was given up")
		return c.over(ctx, m.Token, at)
	case draw < 33: // the old key has leaked: revoked once everyone has moved
		return c.revoke(ctx, r, oldKid, oldToken)
	case draw < 38: // another rotation into this one
		next, err := c.stage(ctx, r, true, false)
		if err != nil {
			return err
		}
		c.forced.Add(1)
		c.ledger.forced(oldKid, c.f.clock.now())
		r.source.set(next.Token)
		r.kid = next.Kid
		date, err := c.confirmed(ctx, r, next.Kid, m.Kid)
		if err != nil {
			return err
		}
		c.ledger.ends(m.Kid, date+int64(clockBound), "its date")
		c.probes.Go(func() { _ = c.over(ctx, oldToken, at) })
		return c.over(ctx, m.Token, date)
	case sitting:
		c.probes.Go(func() { c.name(ctx, r, oldKid, at) })
	}
	return c.over(ctx, oldToken, at)
}

// back gives the rotation of a ring up. The answer may be lost, and then there is nothing
// more to give up.
func (c *control) back(ctx context.Context, r *circle, after *access.Ring) error {
	c.rollbacks.Add(1)
	err := c.f.insist(ctx, "rollback", order{ID: r.id}, after)
	if fault.Of(err) == fault.Conflict && err != nil {
		if again := c.f.insist(ctx, "ring", order{ID: r.id}, after); again != nil {
			return again
		}
		if x := after.Rotation; x != nil && x.Phase == access.RolledBack {
			return nil
		}
	}
	return err
}

// confirmed waits until a ring's new key was seen in use, and gives the date of the old
// one, in ns of the true clock.
func (c *control) confirmed(ctx context.Context, r *circle, kid, old string) (int64, error) {
	for until := time.Now().Add(time.Minute); time.Now().Before(until); {
		if err := sleep(ctx, 300*time.Millisecond); err != nil {
			return 0, err
		}
		var now access.Ring
		if err := c.f.insist(ctx, "ring", order{ID: r.id}, &now); err != nil {
			return 0, err
		}
		k, o := now.Key(kid), now.Key(old)
		if k != nil && o != nil && k.State == access.Active && !o.RetireAt.IsZero() {
			return o.RetireAt.UnixNano() - c.f.epoch, nil
		}
	}
	c.stuck.Add(1)
	return 0, fmt.Errorf("the new key %s was not confirmed within a minute", kid)
}

// over waits for a key's date, then shows the key to every server: none may take it. The
// ring is at rest when it returns.
func (c *control) over(ctx context.Context, token string, at int64) error {
	if err := sleep(ctx, time.Duration(at-c.f.clock.now())+clockBound+10*time.Millisecond); err != nil {
		return err
	}
	for range 3 {
		c.show(ctx, token)
		if err := sleep(ctx, 600*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// show shows a key to every server. Whether one takes it is for the oracle.
func (c *control) show(ctx context.Context, token string) {
	for i := range servers {
		_, _ = c.f.ask(ctx, i, token, "probe/1.0")
	}
}

// revoke revokes a key that nobody uses any more, while it is shown to every server.
func (c *control) revoke(ctx context.Context, r *circle, kid, token string) error {
	for _, cl := range r.clients {
		for until := time.Now().Add(15 * time.Second); cl.holder.token() == token; {
			if time.Now().After(until) {
				return fmt.Errorf("%s was not told to move within 15 s", cl.agent)
			}
			if err := sleep(ctx, 50*time.Millisecond); err != nil {
				return err
			}
		}
	}
	if err := sleep(ctx, 1500*time.Millisecond); err != nil { // streams move at their next message
		return err
	}
	probing, stop := context.WithCancel(ctx)
	defer stop()
	c.probes.Go(func() {
		for probing.Err() == nil {
			c.show(probing, token)
			_ = sleep(probing, 5*time.Millisecond)
		}
	})
	began := time.Now()
	for {
		var rec gate.Receipt
		if err := c.f.insist(ctx, "revoke", order{ID: kid}, &rec); err != nil {
			return err
		}
		if rec.Complete() {
			break
		}
	}
	c.ledger.ends(kid, c.f.clock.now(), "revoked, with a receipt")
	took := time.Since(began)
	c.revoked.Add(1)
	c.mu.Lock()
	c.receipts = append(c.receipts, took)
	c.mu.Unlock()
	return sleep(ctx, time.Second) // the probe goes on
}

// straggle uses the first key of a ring until that is refused.
func (c *control) straggle(ctx context.Context, r *circle) {
	token, refused := r.source.read(), 0
	for refused < 3 && sleep(ctx, 200*time.Millisecond) == nil {
		if res, err := c.f.ask(ctx, mrand.IntN(servers), token, r.straggler); err == nil && res.status == 401 {
			refused++
		}
	}
}

// name asks, before a date, who has not moved: the straggler must be among them.
func (c *control) name(ctx context.Context, r *circle, kid string, at int64) {
	if sleep(ctx, time.Duration(at-c.f.clock.now())-3*time.Second) != nil {
		return
	}
	var m gate.Migration
	err := c.f.insist(ctx, "migration", order{ID: r.id}, &m)
	found := false
	for _, s := range m.Stragglers {
		if s.Agent == r.straggler && s.Key == kid {
			found = true
		} else {
			c.misnamed.Add(1)
		}
	}
	if found && c.f.clock.now() < at {
		c.named.Add(1)
		return
	}
	c.missed.Add(1)
	c.tally.reason("straggler missed: %s on key %s of ring %s, asked at %.3fs for a date at %.3fs: %v, %+v", r.straggler, kid, r.id, float64(c.f.clock.now())/1e9, float64(at)/1e9, err, m.Stragglers)
}

// faults breaks things, one after the other, and mends each before the next. It stops
// some time after the last rotation has begun, so that the dates are waited for in peace.
func (c *control) faults(ctx context.Context) {
	until := time.Now().Add(c.plan.during + 5*time.Second)
	for i := 0; sleep(ctx, c.plan.faults) == nil && time.Now().Before(until); i++ {
		s := c.f.servers[mrand.IntN(servers)]
		switch i % 5 {
		case 0, 3:
			c.f.say("fault: %s is killed and started again", s.config.Name)
			c.kills++
			s.kill()
			_ = sleep(ctx, between(0, time.Second))
			if err := s.start(); err != nil {
				c.tally.reason("%s could not be started again: %v", s.config.Name, err)
				c.tally.failed.Add(1)
			}
		case 1, 4:
			c.f.say("fault: %s is cut off from the database for 2 s", s.config.Name)
			c.cuts++
			s.wire.cut()
			_ = sleep(ctx, 2*time.Second)
			s.wire.mend()
		case 2:
			c.f.say("fault: the database is killed and started again")
			c.restarts++
			err := c.f.database.Kill()
			if err == nil {
				err = c.f.database.Again()
			}
			if err != nil {
				c.tally.reason("the database could not be started again: %v", err)
				c.tally.failed.Add(1)
				return
			}
		}
	}
}
