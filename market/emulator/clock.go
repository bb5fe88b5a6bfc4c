package emulator

import (
	"container/heap"
	"context"
	"slices"
	"time"
)

type task struct {
	at time.Time
	n  int
	do func(at time.Time)
}

type tasks []task

func (t tasks) Len() int { return len(t) }
func (t tasks) Less(i, j int) bool {
	return t[i].at.Before(t[j].at) || t[i].at.Equal(t[j].at) && t[i].n < t[j].n
}
func (t tasks) Swap(i, j int) { t[i], t[j] = t[j], t[i] }
func (t *tasks) Push(x any)   { *t = append(*t, x.(task)) }
func (t *tasks) Pop() any {
	old := *t
	x := old[len(old)-1]
	*t = old[:len(old)-1]
	return x
}

// at lets do run at a time, in order of time and then of asking, with the lock held.
func (v *Venue) at(at time.Time, do func(at time.Time)) {
	v.ticket++
	heap.Push(&v.tasks, task{at, v.ticket, do})
	select {
	case v.wake <- struct{}{}:
	default:
	}
}

// Run moves the market and keeps the sessions' clocks until ctx ends; then it closes
// every connection. It is called once.
func (v *Venue) Run(ctx context.Context) error {
	v.mu.Lock()
	now := time.Now()
	if !v.world.opt.Fast {
		for _, p := range v.pits {
			v.schedule(p, now)
		}
	}
	v.mu.Unlock()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		v.mu.Lock()
		rest := v.advance(time.Now())
		if v.world.opt.Fast {
			rest = min(rest, v.hurry(time.Now()))
		}
		v.mu.Unlock()
		timer.Reset(rest)
		select {
		case <-ctx.Done():
			v.end()
			return nil
		case <-timer.C:
		case <-v.wake:
		}
	}
}

func (v *Venue) schedule(p *pit, from time.Time) {
	v.at(from.Add(p.wait(from)), func(at time.Time) {
		v.tell(p.step(at))
		v.schedule(p, at)
	})
}

// advance runs what is due and says how long to rest.
func (v *Venue) advance(now time.Time) time.Duration {
	for len(v.tasks) > 0 && !v.tasks[0].at.After(now) {
		t := heap.Pop(&v.tasks).(task)
		t.do(t.at)
	}
	if len(v.tasks) == 0 {
		return time.Hour
	}
	return v.tasks[0].at.Sub(now)
}

// hurry lets one event happen in every pit somebody listens to, unless a client's
// queue is filling; it says how long to rest.
func (v *Venue) hurry(now time.Time) time.Duration {
	for _, c := range v.conns {
		if len(c.out) > cap(c.out)/2 {
			return 200 * time.Microsecond
		}
	}
	rest := time.Hour
	for _, p := range v.pits {
		if len(p.topics) == 0 {
			continue
		}
		rest = 0
		e := p.step(now)
		v.tell(e)
		for _, t := range slices.Clone(p.topics) {
			if t.every > 0 && t.place == "book" {
				v.proto.beat(t, e.at)
			}
		}
	}
	return rest
}

// tell lets the topics of a pit know what happened.
func (v *Venue) tell(e *event) {
	for _, t := range slices.Clone(e.pit.topics) {
		t.last = e.at
		v.proto.happen(t, e)
	}
}
