// Package notifytest is the exam of notify.Outbox, and an outbox and endpoints in
// memory for tests.
//
// The memory outbox passes the exam but survives nothing: it is never for production.
// The exam's stories say what the contract means; it never looks inside and never waits.
// Tests of stores and of deliverers call it.
package notifytest

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/notify"
)

// Memory is an outbox with its history.
type Memory struct {
	mu       sync.Mutex
	waiting  []waiting
	events   map[string]notify.Event
	attempts []notify.Attempt
}

type waiting struct {
	notify.Delivery
	held time.Time // end of the claim
}

// NewMemory makes an empty outbox.
func NewMemory() *Memory { return &Memory{events: map[string]notify.Event{}} }

func (m *Memory) find(event, endpoint string) int {
	return slices.IndexFunc(m.waiting, func(w waiting) bool { return w.Event.ID == event && w.Endpoint == endpoint })
}

// Enqueue is notify.Outbox's.
func (m *Memory) Enqueue(ctx context.Context, ds ...notify.Delivery) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	count, at := map[string]int{}, map[[2]string]int{} // at: place in waiting by identity
	for i, w := range m.waiting {
		count[w.Endpoint]++
		at[[2]string{w.Event.ID, w.Endpoint}] = i
	}
	fresh := map[[2]string]bool{}
	for _, d := range ds {
		id := [2]string{d.Event.ID, d.Endpoint}
		if _, ok := at[id]; ok || fresh[id] {
			continue
		}
		fresh[id] = true
		if count[d.Endpoint]++; count[d.Endpoint] > notify.MaxPending {
			return fault.New(fault.Exhausted, "endpoint %s has %d deliveries waiting; repair or disable it", d.Endpoint, notify.MaxPending)
		}
	}
	for _, d := range ds {
		id := [2]string{d.Event.ID, d.Endpoint}
		if i, ok := at[id]; ok {
			if w := &m.waiting[i]; d.Due.Before(w.Due) {
				w.Due = d.Due
			}
			continue
		}
		at[id] = len(m.waiting)
		m.events[d.Event.ID] = d.Event
		m.waiting = append(m.waiting, waiting{Delivery: d})
	}
	return nil
}

// Due is notify.Outbox's.
func (m *Memory) Due(ctx context.Context, now time.Time, limit int) ([]notify.Delivery, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	endpoint, org := map[string]int{}, map[string]int{}
	for _, w := range m.waiting {
		if w.held.After(now) {
			endpoint[w.Endpoint]++
			org[w.Event.Org]++
		}
	}
	slices.SortStableFunc(m.waiting, func(a, b waiting) int { return a.Due.Compare(b.Due) })
	var out []notify.Delivery
	for i := range m.waiting {
		w := &m.waiting[i]
		if len(out) >= limit || w.Due.After(now) {
			break
		}
		if w.held.After(now) || endpoint[w.Endpoint] >= notify.MaxHeld || org[w.Event.Org] >= notify.MaxHeldOrg {
			continue
		}
		w.held = now.Add(notify.Lease)
		endpoint[w.Endpoint]++
		org[w.Event.Org]++
		out = append(out, w.Delivery)
	}
	return out, nil
}

// Record is notify.Outbox's.
func (m *Memory) Record(ctx context.Context, a notify.Attempt, next time.Time) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.attempts = append(m.attempts, a)
	i := m.find(a.Event, a.Endpoint)
	switch {
	case i < 0:
	case a.Outcome == notify.Delivered, m.waiting[i].N == a.N && next.IsZero():
		m.waiting = slices.Delete(m.waiting, i, i+1)
	case m.waiting[i].N == a.N:
		w := &m.waiting[i]
		w.N, w.Due, w.held = a.N+1, next, time.Time{}
	}
	return nil
}

// Event is notify.History's.
func (m *Memory) Event(_ context.Context, id string) (notify.Event, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e, ok := m.events[id]
	if !ok {
		return e, fault.New(fault.Unknown, "no event %.64q", id)
	}
	return e, nil
}

// Attempts is notify.History's.
func (m *Memory) Attempts(_ context.Context, endpoint string, limit int) ([]notify.Attempt, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []notify.Attempt
	for _, a := range slices.Backward(m.attempts) {
		if len(out) < limit && a.Endpoint == endpoint {
			out = append(out, a)
		}
	}
	return out, nil
}

// Waiting gives what is neither made nor given up, for a test to look at.
func (m *Memory) Waiting() []notify.Delivery {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []notify.Delivery
	for _, w := range m.waiting {
		out = append(out, w.Delivery)
	}
	return out
}

// Places are endpoints in memory.
type Places struct {
	mu  sync.Mutex
	all map[string]notify.Endpoint
}

// NewPlaces holds the given endpoints.
func NewPlaces(es ...notify.Endpoint) *Places {
	p := &Places{all: map[string]notify.Endpoint{}}
	for _, e := range es {
		p.all[e.ID] = e
	}
	return p
}

// Put adds or replaces an endpoint.
func (p *Places) Put(e notify.Endpoint) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all[e.ID] = e
}

// Endpoint is notify.Endpoints'.
func (p *Places) Endpoint(_ context.Context, id string) (notify.Endpoint, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	e, ok := p.all[id]
	if !ok {
		return e, fault.New(fault.Unknown, "no endpoint %.64q", id)
	}
	return e, nil
}

// OfOrg is notify.Endpoints'.
func (p *Places) OfOrg(_ context.Context, org string) ([]notify.Endpoint, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []notify.Endpoint
	for _, e := range p.all {
		if e.Org == org {
			out = append(out, e)
		}
	}
	return out, nil
}

// Disable is notify.Endpoints'.
func (p *Places) Disable(_ context.Context, id, reason string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	e, ok := p.all[id]
	if !ok {
		return fault.New(fault.Unknown, "no endpoint %.64q", id)
	}
	if e.State != notify.Disabled {
		e.State, e.Reason = notify.Disabled, reason
		p.all[id] = e
	}
	return nil
}
