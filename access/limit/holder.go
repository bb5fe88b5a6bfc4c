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
	demandSpan = 50 * time.Millisecond  // a short lease covers the node's own demand for this long
	plentySpan = 700 * time.Millisecond // and a long one for this
	returnSpan = 400 * time.Millisecond // what is left of a long lease waits this long for another message to go with
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
	policy atomic.Pointer[string]

	mu     sync.Mutex // what only Poll and Receive use; never held while waiting
	seq    uint64
	polled int64
	rate   float64 // units per nanosecond
	plenty bool    // the last lease was a long one
	back   []Return
	due    int64 // when back is worth a message of its own
}

type lease struct {
	id, epoch uint64
	until     int64
	long      bool
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
func (h *Holder) Change(p Plan) {
	policy := p.header()
	h.burst.Store(p.Burst)
	h.policy.Store(&policy)
}

// Spend asks for cost units of what is held. A cost above the burst is the burst.
func (h *Holder) Spend(now time.Time, cost int64) (Answer, Need) {
	cost = max(cost, 0)
	if b := h.burst.Load(); b > 0 {
		cost = min(cost, b)
	}
	t, last := now.UnixNano(), h.last.Load()
	h.demand.Add(cost)
	r := Answer{Rate: last.Rate, Day: last.Day, Month: last.Month, policy: *h.policy.Load()}
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
			h.retire(i, t)
		}
	}
	short := h.short.Load()
	need := t >= h.next.Load() && (short > 0 || h.left(t) < h.low.Load() && h.demand.Load() > 0)
	unspent := false
	for _, r := range h.back {
		unspent = unspent || r.Unspent > 0
	}
	if !need && !(unspent && t >= h.due) {
		return Ask{}, false
	}
	h.measure(t)
	h.seq++
	q := Ask{Node: h.node, Seq: h.seq}
	if need {
		q.Min = max(short, 1)
		if h.plenty {
			q.Want = max(q.Min, int64(h.rate*float64(plentySpan)), h.burst.Load()/64)
			h.low.Store(max(q.Want/8, int64(h.rate*float64(demandSpan))))
		} else {
			q.Want = max(q.Min, int64(h.rate*float64(demandSpan)))
			h.low.Store(q.Want / 2)
		}
		h.short.Store(0)
	}
	n := copy(q.Returns[:], h.back)
	if h.back = append(h.back[:0], h.back[n:]...); len(h.back) == 0 {
		h.due = 0
	}
	h.sent.Store(t)
	return q, true
}

// measure follows the demand over about demandSpan, a new value counting the more the
// longer it was measured.
func (h *Holder) measure(t int64) {
	gone := t - h.polled
	if h.polled == 0 {
		h.polled = t
		return
	}
	if gone >= int64(10*time.Millisecond) {
		part := float64(gone) / float64(gone+int64(demandSpan))
		h.rate += part * (float64(h.demand.Swap(0))/float64(gone) - h.rate)
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
		l := &lease{id: g.Lease, epoch: g.Epoch, until: sent + int64(g.TTL), long: g.TTL > shortTTL}
		l.left.Store(g.Tokens)
		h.retire(0, t)
		h.leases[0].Store(h.leases[1].Swap(l))
		h.short.Store(0)                 // whoever waits says again what it needs
		if h.plenty = l.long; h.plenty { // the share of a node may be less than it wants
			h.low.Store(min(h.low.Load(), g.Tokens/4))
		}
	} else if g.Violated != 0 {
		h.plenty = false
	}
	h.last.Store(&g)
	h.next.Store(t + int64(g.Next))
	h.sent.Store(0)
}

// retire ends a lease, so that no unit of it can be both spent and returned.
func (h *Holder) retire(i int, t int64) {
	l := h.leases[i].Swap(nil)
	if l == nil {
		return
	}
	if len(h.back) >= maxBack { // the authority drops it after its grace
		h.back = h.back[1:]
	}
	due := t
	if l.long {
		due += int64(returnSpan)
	}
	if h.due == 0 || due < h.due {
		h.due = due
	}
	h.back = append(h.back, Return{l.epoch, l.id, max(l.left.Swap(-1), 0)})
}

// Idle tells whether nothing is held, asked for or to be returned, so that Poll need not
// be called before the next Spend that says so.
func (h *Holder) Idle() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.leases[0].Load() == nil && h.leases[1].Load() == nil && len(h.back) == 0 && h.sent.Load() == 0 && h.short.Load() == 0
}

// Close ends what is held and gives the last message, which returns it. Nothing more can
// be spent until another Grant, which nobody should ask for.
func (h *Holder) Close(now time.Time) (Ask, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	t := now.UnixNano()
	h.retire(0, t)
	h.retire(1, t)
	back := h.back[:0]
	for _, r := range h.back {
		if r.Unspent > 0 {
			back = append(back, r)
		}
	}
	h.back = back
	if len(back) == 0 {
		return Ask{}, false
	}
	h.seq++
	q := Ask{Node: h.node, Seq: h.seq}
	copy(q.Returns[:], back)
	return q, true
}
