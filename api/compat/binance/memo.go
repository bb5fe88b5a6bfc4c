package binance

import (
	"context"
	"sync"
	"time"

	"github.com/assayhq/assay/access/gate"
)

// memo keeps computed values for a while, so that many who ask for the same cost one
// computation. Failures are not kept. It holds at most maxMemo values and forgets all when
// there would be more.
type memo[K comparable, V any] struct {
	ttl time.Duration
	mu  sync.Mutex
	m   map[K]*kept[V]
}

const maxMemo = 4096

type kept[V any] struct {
	turn chan struct{} // holds a token while nobody computes
	at   time.Time
	ok   bool
	v    V
}

func (m *memo[K, V]) get(ctx context.Context, now time.Time, key K, compute func(context.Context) (V, error)) (v V, err error) {
	m.mu.Lock()
	c := m.m[key]
	if c == nil {
		if m.m == nil || len(m.m) >= maxMemo {
			m.m = map[K]*kept[V]{}
		}
		c = &kept[V]{turn: make(chan struct{}, 1)}
		c.turn <- struct{}{}
		m.m[key] = c
	}
	m.mu.Unlock()
	select {
	case <-c.turn:
		defer func() { c.turn <- struct{}{} }()
	case <-ctx.Done():
		return v, ctx.Err()
	}
	if c.ok && now.Sub(c.at) < m.ttl {
		return c.v, nil
	}
	if v, err = compute(ctx); err == nil {
		c.v, c.at, c.ok = v, now, true
	}
	return v, err
}

// weights counts the requests of each caller in the running minute.
type weights struct {
	mu     sync.Mutex
	minute int64
	used   map[string]int
}

const maxCallers = 100_000

func (w *weights) add(caller string, now time.Time) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	if m := now.Unix() / 60; m != w.minute || w.used == nil || len(w.used) >= maxCallers {
		w.minute, w.used = m, map[string]int{}
	}
	w.used[caller]++
	return w.used[caller]
}

// allowance is how many units a minute the caller has; 0: not limited.
func (f *face) allowance(ctx context.Context) int64 {
	c := gate.Caller(ctx)
	if c == nil {
		return 0
	}
	return f.opt.Gate.Plan(c).Rate * 60
}
