package limit

import (
	"container/heap"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// A world in which nodes with holders share one authority over a bad network. Time and
// chance come from the seed alone.
type world struct {
	t     *testing.T
	r     *rand.Rand
	now   int64
	queue events
	order int64

	plan   Plan
	auth   *Authority
	down   bool // the authority
	saved  Reservation
	epoch  uint64
	nodes  []*simNode
	judge  *Bucket // what one node with the whole limit would allow
	faults bool
	store  bool // the authority is what a store keeps, see Call
	kept   Kept
	born   int64

	weight   []float64 // of a node: its part of the load
	requests int64
	accepted int64
	units    int64
	calls    int64
	over     int64
}

type simNode struct {
	h       *Holder
	id      int
	life    int
	cut     int64 // partitioned until
	waiting []simRequest
}

type simRequest struct{ at, cost int64 }

type simEvent struct {
	at, order int64
	do        func()
}

type events []simEvent

func (e events) Len() int { return len(e) }
func (e events) Less(i, j int) bool {
	return e[i].at < e[j].at || e[i].at == e[j].at && e[i].order < e[j].order
}
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)   { *e = append(*e, x.(simEvent)) }
func (e *events) Pop() any     { o := *e; x := o[len(o)-1]; *e = o[:len(o)-1]; return x }

func (w *world) after(d time.Duration, do func()) {
	w.order++
	heap.Push(&w.queue, simEvent{w.now + int64(d), w.order, do})
}

func (w *world) time() time.Time { return time.Unix(0, w.now) }

func (w *world) delay() time.Duration {
	d := time.Duration(200+w.r.ExpFloat64()*300) * time.Microsecond
	if w.faults && w.r.IntN(50) == 0 {
		d += time.Duration(w.r.IntN(400)) * time.Millisecond // late, so out of order
	}
	return d
}

// send carries a message, unless it is lost; sometimes it arrives twice.
func (w *world) send(n *simNode, deliver func()) {
	if w.now < n.cut || w.faults && w.r.IntN(100) == 0 {
		return
	}
	w.after(w.delay(), deliver)
	if w.faults && w.r.IntN(50) == 0 {
		w.after(w.delay(), deliver)
	}
}

func (w *world) poll(n *simNode) {
	q, ok := n.h.Poll(w.time())
	if !ok {
		return
	}
	w.calls++
	life := n.life
	w.send(n, func() {
		if w.down {
			return
		}
		g := w.answer(q)
		if r, ok := w.auth.Due(); ok {
			a := w.auth
			w.after(2*time.Millisecond, func() { // the time of a store
				w.saved = r
				a.Saved(r)
			})
		}
		w.send(n, func() {
			if n.life != life { // another life would ignore it by its seq; try it
				n.h.Receive(w.time(), g)
				return
			}
			n.h.Receive(w.time(), g)
			waiting := n.waiting
			n.waiting = nil
			for _, q := range waiting {
				if w.now-q.at < int64(100*time.Millisecond) {
					w.request(n, q)
				}
			}
		})
	})
}

func (w *world) answer(q Ask) Grant {
	if !w.store {
		return w.auth.Answer(w.time(), q)
	}
	c := Call{App: "a", Plan: w.plan, Since: 1, Ask: q}
	next, g, durable, err := c.Serve(w.kept, time.Unix(0, w.born), w.time(), w.epoch)
	if err != nil {
		w.t.Fatal(err)
	}
	if durable == (next.Saved == w.kept.Saved) {
		w.t.Fatalf("durable is %v from %+v to %+v", durable, w.kept.Saved, next.Saved)
	}
	w.kept = next
	return g
}

func (w *world) request(n *simNode, q simRequest) {
	a, need := n.h.Spend(w.time(), q.cost)
	if a.Allowed {
		cost := q.cost
		w.accepted, w.units = w.accepted+1, w.units+cost
		if w.plan.Rate > 0 && !w.judge.Take(w.time(), cost).Allowed {
			w.over++
		}
	}
	if need == First {
		n.waiting = append(n.waiting, q)
	}
	if need != Nothing {
		w.poll(n)
	}
}

func (w *world) arrivals(n *simNode, rate float64) {
	burst := 1.0
	if w.r.IntN(20) == 0 { // now and then many at once
		burst = 20
	}
	w.after(time.Duration(w.r.ExpFloat64()*burst/rate*1e9), func() {
		for range int(burst) {
			w.requests++
			cost := int64(1)
			if w.r.IntN(10) == 0 {
				cost = 2
			}
			w.request(n, simRequest{w.now, cost})
		}
		w.arrivals(n, rate)
	})
}

func (w *world) start(n *simNode) {
	n.life++
	n.waiting = nil
	n.h = NewHolder(fmt.Sprint("n", n.id), w.plan, uint64(w.now))
}

func (w *world) ticks(n *simNode) {
	w.after(50*time.Millisecond, func() { w.poll(n); w.ticks(n) })
}

func (w *world) mishaps() {
	w.after(time.Duration(w.r.ExpFloat64()*500)*time.Millisecond, func() {
		n := w.nodes[w.r.IntN(len(w.nodes))]
		switch w.r.IntN(3) {
		case 0:
			w.start(n) // killed: what it held is lost
		case 1:
			n.cut = w.now + int64(w.r.IntN(500))*int64(time.Millisecond)
		case 2:
			if !w.down {
				w.down = true
				w.after(time.Duration(w.r.IntN(300))*time.Millisecond, func() { w.down = false; w.rise() })
			}
		}
		w.mishaps()
	})
}

func (w *world) rise() {
	w.epoch++
	w.kept.State, w.born = nil, w.now
	w.auth = NewAuthority(w.plan, w.epoch, w.saved, w.time())
}

// simulate runs for some seconds; load is relative to the rate, skewed nodes get shares
// that halve from one to the next.
func simulate(t *testing.T, seed uint64, p Plan, nodes int, load float64, skew, faults bool, span time.Duration, more ...func(*world)) *world {
	w := &world{t: t, r: rand.New(rand.NewPCG(seed, 9)), plan: p, now: time.Date(2026, 3, 31, 23, 59, 55, 0, time.UTC).UnixNano(), faults: faults, judge: NewBucket(p.Rate, p.Burst)}
	begin := w.now
	for _, f := range more {
		f(w)
	}
	w.rise()
	var sum float64
	for i := range nodes {
		s := 1.0
		if skew {
			s = math.Pow(0.5, float64(i))
		}
		w.weight = append(w.weight, s)
		sum += s
	}
	for i := range nodes {
		n := &simNode{id: i}
		w.nodes = append(w.nodes, n)
		w.start(n)
		w.ticks(n)
		// 1.1 units is the mean cost.
		w.arrivals(n, max(load*float64(p.Rate)/1.1*w.weight[i]/sum, 0.01))
	}
	if faults {
		w.mishaps()
	}
	for len(w.queue) > 0 && w.queue[0].at-begin < int64(span) {
		e := heap.Pop(&w.queue).(simEvent)
		w.now = e.at
		e.do()
	}
	return w
}

func (w *world) perRequest() float64 { return float64(w.calls) / float64(max(w.requests, 1)) }

func TestNoClusterEverExceedsTheLimitWhateverFails(t *testing.T) {
	spans := 3 * time.Second
	seeds := uint64(6)
	if testing.Short() {
		seeds = 1
	}
	var accepted int64
	for nodes := 1; nodes <= 9; nodes++ {
		for seed := range seeds {
			for _, p := range []Plan{{Rate: 1000, Burst: 200}, {Rate: 70, Burst: 7}, {Rate: 333, Burst: 1000}} {
				for _, load := range []float64{0.5, 1.5, 20} {
					w := simulate(t, seed*100+uint64(nodes), p, nodes, load, seed%2 == 1, true, spans, func(w *world) { w.store = seed%3 == 0 })
					accepted += w.accepted
					if w.over > 0 {
						t.Fatalf("%d nodes, seed %d, rate %d, burst %d, load %v: %d of %d accepted requests were over the limit", nodes, seed, p.Rate, p.Burst, load, w.over, w.accepted)
					}
				}
			}
		}
	}
	if accepted < 10000 {
		t.Errorf("only %d requests were accepted: the test shows nothing", accepted)
	}
}

func TestAClusterUsesWhatItMayAndAsksSeldom(t *testing.T) {
	p := Plan{Rate: 1000, Burst: 1000}
	span := 20 * time.Second
	for _, c := range []struct {
		nodes       int
		load        float64
		skew        bool
		util, calls float64
	}{
		{1, 0.5, false, 0, 0.05}, {3, 0.5, false, 0, 0.05}, {9, 0.5, false, 0, 0.05},
		{1, 1.5, false, 0.99, 0.35}, {3, 1.5, false, 0.99, 0.35}, {9, 1.5, false, 0.99, 0.35},
		{9, 1.5, true, 0.97, 0.35}, {1, 20, false, 0.99, 0.35}, {3, 20, true, 0.97, 0.35}, {9, 20, true, 0.97, 0.35}, {9, 20, false, 0.97, 0.35},
	} {
		w := simulate(t, 42, p, c.nodes, c.load, c.skew, false, span)
		// The authority's first LeaseTTL grants nothing and its bucket starts empty.
		ideal := float64(p.Rate) * (span - LeaseTTL).Seconds()
		if c.load < 1 {
			ideal *= c.load
		}
		util := float64(w.units) / ideal
		t.Logf("%d nodes, load %4.1f, skewed %-5v: %.4f of ideal, %.4f accepted, %.3f calls/request, over %d", c.nodes, c.load, c.skew, util, float64(w.accepted)/float64(w.requests), w.perRequest(), w.over)
		if util < c.util || w.perRequest() > c.calls || w.over > 0 {
			t.Errorf("wanted at least %.2f and at most %.2f calls/request", c.util, c.calls)
		}
	}
}

func TestAClusterNeverExceedsAQuotaOverRestarts(t *testing.T) {
	for seed := range uint64(20) {
		p := Plan{Rate: 1000, Burst: 500, Daily: 800, Monthly: 5000}
		// The simulation begins 5 s before midnight, at the end of a month.
		w := simulate(t, seed, p, 1+int(seed%9), 3, true, true, 4900*time.Millisecond, func(w *world) { w.store = seed%2 == 0 })
		if w.units > p.Daily {
			t.Fatalf("seed %d: %d units were accepted on a day with %d", seed, w.units, p.Daily)
		}
		if w.units < p.Daily/4 {
			t.Errorf("seed %d: only %d units of %d were ever accepted", seed, w.units, p.Daily)
		}
	}
	for _, store := range []bool{false, true} {
		w := simulate(t, 5, Plan{Rate: 1000, Burst: 500, Daily: 800}, 3, 3, false, false, 10*time.Second, func(w *world) { w.store = store })
		if w.units > 1600 || w.units < 1580 {
			t.Errorf("%d units on two days with 800 each", w.units)
		}
	}
}

func TestAReturnedLeaseCountsOnceAndNeverForAnotherEpoch(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	a := NewAuthority(Plan{Rate: 10, Burst: 100}, 7, Reservation{}, now)
	if g := a.Answer(now, Ask{Node: "a", Seq: 1, Min: 1, Want: 1}); g.Tokens > 0 {
		t.Errorf("a new authority grants at once: %+v", g)
	}
	r, _ := a.Due()
	a.Saved(r)
	now = now.Add(LeaseTTL + 10*time.Second)
	g := a.Answer(now, Ask{Node: "a", Seq: 1, Min: 20, Want: 20})
	if g.Tokens != 20 {
		t.Fatalf("granted %+v", g)
	}
	back := Return{g.Epoch, g.Lease, 20}
	left := a.Answer(now, Ask{Returns: [4]Return{{8, g.Lease, 20}, {7, g.Lease + 1, 20}}}).Rate.Remaining
	if left != 80 {
		t.Errorf("%d units are left after foreign returns, want 80", left)
	}
	left = a.Answer(now, Ask{Returns: [4]Return{back, back}}).Rate.Remaining
	if left = max(left, a.Answer(now, Ask{Returns: [4]Return{back}}).Rate.Remaining); left != 100 {
		t.Errorf("%d units are left after one lease returned three times, want 100", left)
	}
}

func BenchmarkSpend(b *testing.B) {
	h := NewHolder("n", Plan{Rate: 1e9, Burst: 1e9}, 1)
	now := time.Unix(1_800_000_000, 0)
	h.Spend(now, 1)
	q, _ := h.Poll(now)
	h.Receive(now, Grant{Seq: q.Seq, Epoch: 1, Lease: 1, Tokens: math.MaxInt64, TTL: LeaseTTL})
	b.ReportAllocs()
	for b.Loop() {
		if a, _ := h.Spend(now, 1); !a.Allowed {
			b.Fatal(a)
		}
	}
}

func TestANewAuthorityWaitsForLeasesOfTheOneBeforeAndStartsEmpty(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	a := NewAuthority(Plan{Rate: 1000, Burst: 100}, 2, Reservation{}, now)
	r, _ := a.Due()
	a.Saved(r)
	for d := time.Duration(0); d < LeaseTTL; d += time.Millisecond {
		if g := a.Answer(now.Add(d), Ask{Node: "a", Min: 1, Want: 1}); g.Tokens > 0 || g.Next != LeaseTTL-d {
			t.Fatalf("%v after its start it grants %d, next %v", d, g.Tokens, g.Next)
		}
	}
	if g := a.Answer(now.Add(LeaseTTL+5*time.Millisecond), Ask{Node: "a", Min: 6, Want: 6}); g.Tokens > 0 || g.Rate.Remaining != 5 {
		t.Errorf("5 ms later there are %d of the 5 units that came back; granted %d", g.Rate.Remaining, g.Tokens)
	}
}
