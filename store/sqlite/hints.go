package sqlite

import (
	"context"
	"time"
)

// look is how often a waiter asks whether another process has changed something.
const look = 100 * time.Millisecond

// wake tells the waiters of this process that something changed.
func (s *Store) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.waiters {
		poke(c)
	}
}

// poke leaves one hint; a waiter that has one already needs no second.
func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Hints gives a channel that is poked at once after changes by this Store, and within
// about 100 ms after those of other processes, until ctx or the Store ends. The
// channel is never closed.
func (s *Store) Hints(ctx context.Context) (<-chan struct{}, error) {
	var n int64
	if err := s.read.QueryRowContext(ctx, `SELECT n FROM epoch`).Scan(&n); err != nil {
		return nil, s.ended(ctx, err)
	}
	c := make(chan struct{}, 1)
	s.mu.Lock()
	s.waiters[c] = true
	s.mu.Unlock()
	s.tasks.Go(func() {
		defer func() {
			s.mu.Lock()
			delete(s.waiters, c)
			s.mu.Unlock()
		}()
		tick := time.NewTicker(look)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-s.closing:
				return
			case <-tick.C:
			}
			var now int64
			if err := s.read.QueryRowContext(ctx, `SELECT n FROM epoch`).Scan(&now); err == nil && now != n {
				n = now
				poke(c)
			}
		}
	})
	return c, nil
}
