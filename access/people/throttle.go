package people

import (
	"sync"
	"time"

	"github.com/assayhq/assay/fault"
)

const (
	maxEntries = 100_000
	memory     = 30 * time.Minute // failures are forgotten after so long without one
)

// throttle lets some attempts pass and then makes each wait twice as long as the one
// before, up to a limit. It refuses rather than waits, so that attempts cost no
// memory. It is in memory: each process counts for itself.
type throttle struct {
	free int           // attempts without a wait
	most time.Duration // longest wait

	mu   sync.Mutex
	seen map[string]*tries
}

type tries struct {
	n    int
	last time.Time
	wait time.Duration
}

func newThrottle(free int, most time.Duration) *throttle {
	return &throttle{free: free, most: most, seen: map[string]*tries{}}
}

// enter counts an attempt, or gives fault.Exhausted when it is too early. A refused
// attempt is not counted: who keeps knocking does not lengthen the wait of others.
func (t *throttle) enter(now time.Time, key string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.seen[key]
	if e == nil || now.Sub(e.last) >= memory {
		t.room(now)
		e = &tries{}
		t.seen[key] = e
	}
	if left := e.last.Add(e.wait).Sub(now); e.n > 0 && left > 0 {
		return fault.New(fault.Exhausted, "too many attempts: try again in %d s", int((left+time.Second-1)/time.Second))
	}
	e.n++
	e.last = now
	if over := e.n - t.free; over >= 0 {
		e.wait = t.most
		if over < 20 {
			e.wait = min(t.most, time.Second<<over)
		}
	}
	return nil
}

// forget takes all attempts back after one that succeeded.
func (t *throttle) forget(key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.seen, key)
}

// forgive takes one attempt back. A network is not forgiven everything for one success:
// who guesses may have an account of his own.
func (t *throttle) forgive(key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e := t.seen[key]; e != nil {
		if e.n--; e.n <= 0 {
			delete(t.seen, key)
		} else if e.n < t.free {
			e.wait = 0
		}
	}
}

// room makes room for one entry. When all are young, any one goes: to refuse strangers
// instead would lock people out, and the other throttles still count.
func (t *throttle) room(now time.Time) {
	if len(t.seen) < maxEntries {
		return
	}
	looked := 0
	for k, e := range t.seen { // a few per call, so that no call is long
		if looked++; now.Sub(e.last) >= memory {
			delete(t.seen, k)
		}
		if looked == 64 {
			break
		}
	}
	for k := range t.seen {
		if len(t.seen) < maxEntries {
			return
		}
		delete(t.seen, k)
	}
}
