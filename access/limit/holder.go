package limit

import (
	"sync"
	"sync/atomic"
	"time"
)

// Need is what a Spend makes worth doing.
type Need uint8

// The needs.
const (
	Nothing Need = iota // the answer stands
	Ahead               // the answer stands; a Poll now keeps the next ones from waiting
	First               // nothing is decided: Poll, and Spend again when a Grant was received
)

const (
	demandSpan = 50 * time.Millisecond  // a lease covers the node's own demand for this long
	askTimeout = 100 * time.Millisecond // an Ask without answer is given up
	maxBack    = 16
)

// Holder is a node's side of the limit of one app: it spends only units that it holds.
// Spend is lock-free and allocates nothing; all methods may be called at the same time.
type Holder struct {
	node   string
	burst  atomic.Int64
	leases [2]atomic.Pointer[lease] // older first
	demand atomic.Int64             // units asked for since the last Poll
	short  atomic.Int64             // largest cost that found too little
	next   atomic.Int64             // asking before is of no use
	low    atomic.Int64             // fewer units than this: ask ahead
	sent   atomic.Int64             // time of the Ask without answer; 0: none
	last   atomic.Pointer[Grant]

	mu     sync.Mutex // what only Poll and Receive use; never held while waiting
	seq    uint64
	polled int64
	rate   float64 // units per nanosecond
	back   []Return
}

type lease struct {
	id, epoch uint64
	until     int64
	left      atomic.Int64 // -1: ended
}

func (l *lease) take(now, n int64) bool {
	if l == nil || now >= l.until {
		return false
	}
	for {
		have := l.left.Load()
		if have < n {
			return false
		}
		if l.left.CompareAndSwap(have, have-n) {
			return true
		}
	}
}

// NewHolder makes the holder of an app on a node. seq is a number above all that an
// earlier holder of this node used, such as the time in nanoseconds.
func NewHolder(node string, p Plan, seq uint64) *Holder {
	h := &Holder{node: node, seq: seq}
	h.Change(p)
	h.last.Store(&Grant{})
	return h
}

// Change tells the holder of another plan; what it holds stays.
func (h *Holder) Change(p Plan) { h.burst.Store(p.Burst) }

// Spend asks for cost units of what is held. A cost above the burst is the burst.
func (h *Holder) Spend(now time.Time, cost int64) (Answer, Need) {
	cost = max(cost, 0)
	if b := h.burst.Load(); b > 0 {
		cost = min(cost, b)
	}
	t, last := now.UnixNano(), h.last.Load()
	h.demand.Add(cost)
	r := Answer{Rate: last.Rate, Day: last.Day, Month: last.Month}
	free := h.sent.Load() == 0 && t >= h.next.Load()
	if cost == 0 || h.leases[0].Load().take(t, cost) || h.leases[1].Load().take(t, cost) {
		r.Allowed = true
		if free && h.left(t) < h.low.Load() {
			return r, Ahead
		}
		return r, Nothing
	}
	for { // remember the largest, so that the next lease is large enough
		s := h.short.Load()
		if s >= cost || h.short.CompareAndSwap(s, cost) {
			break
		}
	}
	if wait := h.next.Load() - t; wait > 0 {
		r.Violated, r.RetryAfter = last.Violated, time.Duration(wait)
		if r.Violated == 0 {
			r.Violated = Burst // some were given, and are spent
		}
		return r, Nothing
	}
	return r, First
}

// left is what can be spent at t.
func (h *Holder) left(t int64) (n int64) {
	for i := range h.leases {
		if l := h.leases[i].Load(); l != nil && t < l.until {
			n += max(l.left.Load(), 0)
		}
	}
	return n
}

// Poll gives the message to send to the authority, if one is worth sending now. The
// owner calls it when Spend says so, and every 50 ms or so, that leases which ended
// unspent are returned while they still count.
func (h *Holder) Poll(now time.Time) (Ask, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	t := now.UnixNano()
	if s := h.sent.Load(); s != 0 && t-s < int64(askTimeout) {
		return Ask{}, false
	}
	for i := range h.leases {
		if l := h.leases[i].Load(); l != nil && (t >= l.until || l.left.Load() == 0) {
			h.retire(i)
		}
	}
	short := h.short.Load()
	need := t >= h.next.Load() && (short > 0 || h.left(t) < h.low.Load() && h.demand.Load() > 0)
	unspent := false
	for _, r := range h.back {
		unspent = unspent || r.Unspent > 0
	}
	if !need && !unspent {
		return Ask{}, false
	}
	h.measure(t)
	h.seq++
	q := Ask{Node: h.node, Seq: h.seq}
	if need {
		q.Min = max(short, 1)
		q.Want = max(q.Min, int64(h.rate*float64(demandSpan)))
		h.low.Store(q.Want / 2)
		h.short.Store(0)
	}
	n := copy(q.Returns[:], h.back)
	h.back = append(h.back[:0], h.back[n:]...)
	h.sent.Store(t)
	return q, true
}

// measure follows the demand: half of the new value, over at least 10 ms.
func (h *Holder) measure(t int64) {
	gone := t - h.polled
	if h.polled == 0 {
		h.polled = t
		return
	}
	if gone >= int64(10*time.Millisecond) {
		h.rate = h.rate/2 + float64(h.demand.Swap(0))/float64(gone)/2
		h.polled = t
	}
}

// Receive takes the authority's answer. An answer that was given up, repeated or meant
// for another life of this node changes nothing.
func (h *Holder) Receive(now time.Time, g Grant) {
	h.mu.Lock()
	defer h.mu.Unlock()
	sent := h.sent.Load()
	if sent == 0 || g.Seq != h.seq {
		return
	}
	t := now.UnixNano()
	if g.Tokens > 0 {
		l := &lease{id: g.Lease, epoch: g.Epoch, until: sent + int64(g.TTL)}
		l.left.Store(g.Tokens)
		h.retire(0)
		h.leases[0].Store(h.leases[1].Swap(l))
	}
	h.last.Store(&g)
	h.next.Store(t + int64(g.Next))
	h.sent.Store(0)
}

// retire ends a lease, so that no unit of it can be both spent and returned.
func (h *Holder) retire(i int) {
	l := h.leases[i].Swap(nil)
	if l == nil {
		return
	}
	if len(h.back) >= maxBack { // the authority drops it after its grace
		h.back = h.back[1:]
	}
	h.back = append(h.back, Return{l.epoch, l.id, max(l.left.Swap(-1), 0)})
}
