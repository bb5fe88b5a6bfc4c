package oauth

import (
	"context"
	"crypto/sha256"
	"sync"
	"time"

	"github.com/assayhq/assay/fault"
)

// Ledger remembers names for a while.
type Ledger interface {
	// Add records id until the moment until: fault.Conflict when it is there
	// already, fault.Exhausted when there is no room. It never forgets early.
	Add(ctx context.Context, now time.Time, id string, until time.Time) error
	// Has tells whether id was added; it answers from memory.
	Has(id string) bool
}

// MemoryLedger is a bounded Ledger in memory.
type MemoryLedger struct {
	most int
	mu   sync.RWMutex
	ends map[string]time.Time
	next time.Time // nothing ends before
}

// NewMemoryLedger makes an empty ledger of at most most names (0: 100 000).
func NewMemoryLedger(most int) *MemoryLedger {
	if most <= 0 {
		most = 100_000
	}
	return &MemoryLedger{most: most, ends: map[string]time.Time{}}
}

// Add is of Ledger.
func (l *MemoryLedger) Add(_ context.Context, now time.Time, id string, until time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if end, ok := l.ends[id]; ok && now.Before(end) {
		return fault.New(fault.Conflict, "it was used before")
	}
	if len(l.ends) >= l.most && !now.Before(l.next) {
		l.next = time.Time{}
		for k, end := range l.ends {
			if !now.Before(end) {
				delete(l.ends, k)
			} else if l.next.IsZero() || end.Before(l.next) {
				l.next = end
			}
		}
	}
	if len(l.ends) >= l.most {
		return fault.New(fault.Exhausted, "too many requests of this kind: try again later")
	}
	l.ends[id] = until
	if l.next.IsZero() || until.Before(l.next) {
		l.next = until
	}
	return nil
}

// Has is of Ledger.
func (l *MemoryLedger) Has(id string) bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	_, ok := l.ends[id]
	return ok
}

// verified is a token whose signature was checked.
type verified struct {
	kid    string
	claims Claims
}

// cache remembers verified tokens by digest in two generations: when the young one is
// full it becomes the old one, and the old one is forgotten. To forget costs one
// more check of a signature, nothing else.
type cache struct {
	half       int
	mu         sync.RWMutex
	young, old map[[32]byte]*verified
}

func newCache(most int) *cache {
	if most <= 1 {
		most = 65_536
	}
	return &cache{half: most / 2, young: map[[32]byte]*verified{}}
}

func (c *cache) get(token string) (sum [32]byte, v *verified) {
	if len(token) > maxToken {
		return sum, nil
	}
	sum = sha256.Sum256([]byte(token))
	c.mu.RLock()
	v = c.young[sum]
	aged := c.old[sum]
	c.mu.RUnlock()
	if v == nil && aged != nil {
		v = aged
		c.put(sum, v)
	}
	return sum, v
}

func (c *cache) put(sum [32]byte, v *verified) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.young) >= c.half {
		c.old, c.young = c.young, map[[32]byte]*verified{}
	}
	c.young[sum] = v
}

func (c *cache) len() int {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return len(c.young) + len(c.old)
}
