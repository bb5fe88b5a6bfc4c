// Package bus carries events between the parts of one process.
//
// Local is the in-process bus: a publisher never waits; each subscriber has a
// bounded queue of its own, and one that falls behind loses its oldest events and
// is told how many. Within one topic events arrive in the order they were
// published; between topics no order is promised. The feed publishes; the stream,
// recorders and insight subscribe. Other buses keep the same contract.
package bus

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
)

// Local implements market.Bus inside one process.
type Local struct {
	mu     sync.RWMutex
	topics map[market.Topic][]*queue
	lost   atomic.Int64
}

// NewLocal makes an empty bus.
func NewLocal() *Local { return &Local{topics: map[market.Topic][]*queue{}} }

// Lost counts events that subscribers lost so far.
func (b *Local) Lost() int64 { return b.lost.Load() }

// topicsOf gives the two topics that select an event: its venue's, and any venue's.
func topicsOf(e *market.Event) (one, any market.Topic) {
	one = market.Topic{Channel: e.Channel, Venue: e.Venue, Pair: e.Pair}
	if e.Candle != nil {
		one.Interval = e.Candle.Interval
	}
	any = one
	any.Venue = ""
	return one, any
}

// Wants tells whether anybody would get events of the topic's channel and pair,
// so that publishers can save themselves the copying.
func (b *Local) Wants(t market.Topic) bool {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if len(b.topics[t]) > 0 {
		return true
	}
	t.Venue = ""
	return len(b.topics[t]) > 0
}

// Publish hands the events to every subscriber of their topics and never waits.
func (b *Local) Publish(events []market.Event) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if len(b.topics) == 0 {
		return
	}
	for i := range events {
		e := &events[i]
		one, any := topicsOf(e)
		for _, q := range b.topics[one] {
			b.lost.Add(q.push(*e))
		}
		if any != one {
			for _, q := range b.topics[any] {
				b.lost.Add(q.push(*e))
			}
		}
	}
}

// Subscribe makes a queue of at most depth events. It ends with ctx.
func (b *Local) Subscribe(ctx context.Context, depth int, topics ...market.Topic) market.Subscription {
	q := &queue{bus: b, ring: make([]market.Event, max(depth, 1)), wake: make(chan struct{}, 1), done: make(chan struct{})}
	q.Add(topics...)
	context.AfterFunc(ctx, q.Close)
	return q
}

// queue is one subscriber: a ring that drops its oldest when full.
type queue struct {
	bus    *Local
	mu     sync.Mutex
	ring   []market.Event
	head   int
	n      int
	lost   int64
	closed bool
	topics []market.Topic
	wake   chan struct{}
	done   chan struct{}
}

func (q *queue) push(e market.Event) (lost int64) {
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		return 0
	}
	if q.n == len(q.ring) {
		q.head = (q.head + 1) % len(q.ring)
		q.n--
		q.lost++
		lost = 1
	}
	q.ring[(q.head+q.n)%len(q.ring)] = e
	q.n++
	q.mu.Unlock()
	select {
	case q.wake <- struct{}{}:
	default:
	}
	return lost
}

// Next waits for events; see market.Subscription.
func (q *queue) Next(ctx context.Context, buf []market.Event) ([]market.Event, int64, error) {
	for {
		q.mu.Lock()
		if q.n > 0 {
			for range q.n {
				buf = append(buf, q.ring[q.head])
				q.ring[q.head] = market.Event{}
				q.head = (q.head + 1) % len(q.ring)
			}
			q.n = 0
			lost := q.lost
			q.lost = 0
			q.mu.Unlock()
			return buf, lost, nil
		}
		closed := q.closed
		q.mu.Unlock()
		if closed {
			return buf, 0, fault.New(fault.Unavailable, "the subscription was closed")
		}
		select {
		case <-q.wake:
		case <-q.done:
		case <-ctx.Done():
			return buf, 0, ctx.Err()
		}
	}
}

// Add subscribes to more topics; those already there stay as they are.
func (q *queue) Add(topics ...market.Topic) {
	q.bus.mu.Lock()
	defer q.bus.mu.Unlock()
next:
	for _, t := range topics {
		for _, have := range q.bus.topics[t] {
			if have == q {
				continue next
			}
		}
		q.bus.topics[t] = append(q.bus.topics[t], q)
		q.topics = append(q.topics, t)
	}
}

// Remove ends some subscriptions.
func (q *queue) Remove(topics ...market.Topic) {
	q.bus.mu.Lock()
	defer q.bus.mu.Unlock()
	for _, t := range topics {
		q.bus.drop(t, q)
		for i, have := range q.topics {
			if have == t {
				q.topics = append(q.topics[:i], q.topics[i+1:]...)
				break
			}
		}
	}
}

func (b *Local) drop(t market.Topic, q *queue) {
	list := b.topics[t]
	for i, have := range list {
		if have == q {
			b.topics[t] = append(list[:i:i], list[i+1:]...)
			break
		}
	}
	if len(b.topics[t]) == 0 {
		delete(b.topics, t)
	}
}

// Close ends the subscription and wakes whoever waits in Next.
func (q *queue) Close() {
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		return
	}
	q.closed = true
	close(q.done)
	q.mu.Unlock()
	q.bus.mu.Lock()
	defer q.bus.mu.Unlock()
	for _, t := range q.topics {
		q.bus.drop(t, q)
	}
	q.topics = nil
}
