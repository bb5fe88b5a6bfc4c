package signing

import (
	"strings"
	"sync"
	"time"

	"github.com/assayhq/assay/fault"
)

// Nonces is a NonceBook in memory. It is exact: no nonce is forgotten before its
// time, none is refused that was not used. When it is full it refuses, because to
// forget early would let a request be sent twice.
//
// One entry costs about 250 bytes with the longest nonce and key id, so the default
// Total holds at most about 65 MB.
type Nonces struct {
	perKey, total int

	mu    sync.Mutex
	used  map[entry]struct{}
	count map[string]int    // by key id
	ends  map[int64][]entry // by the second after which an entry may go
	swept int64             // every second up to this one is gone
}

type entry struct{ kid, nonce string }

// NonceOptions bound the memory of Nonces.
type NonceOptions struct {
	// PerKey and Total are the most nonces remembered at a time for one key and for
	// all. Defaults 16 384 and 262 144. One key cannot take the room of all others.
	PerKey, Total int
	// After closes the gap that a restart leaves: requests that could have been
	// used before this moment, because their window ends not later, are refused.
	// A process that starts at t and takes t plus twice its window accepts no
	// replay of what its forerunner accepted; zero accepts at once.
	After time.Time
}

// NewNonces makes an empty book.
func NewNonces(o NonceOptions) *Nonces {
	if o.PerKey <= 0 {
		o.PerKey = 16_384
	}
	if o.Total <= 0 {
		o.Total = 262_144
	}
	n := &Nonces{perKey: o.PerKey, total: o.Total, used: map[entry]struct{}{}, count: map[string]int{}, ends: map[int64][]entry{}}
	if !o.After.IsZero() {
		n.swept = o.After.Unix()
	}
	return n
}

// Use records a nonce; see NonceBook.
func (n *Nonces) Use(now time.Time, kid, nonce string, until time.Time) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.sweep(now.Unix() - 1) // a whole second later than needed: until has fractions
	end := until.Unix()
	if end <= n.swept {
		// The clock went back, or the process has just started: what was used
		// then is no longer known.
		return fault.At(fault.Unauthentic, "header."+HeaderTimestamp, "the request is too old to be told from a replay: sign again")
	}
	e := entry{kid, nonce}
	if _, ok := n.used[e]; ok {
		return Used()
	}
	if len(n.used) >= n.total || n.count[kid] >= n.perKey {
		return fault.At(fault.Exhausted, "header."+HeaderNonce, "too many signed requests within the time window: slow down")
	}
	// Cloned, so that an entry does not keep the request it came with.
	e = entry{strings.Clone(kid), strings.Clone(nonce)}
	n.used[e] = struct{}{}
	n.count[e.kid]++
	n.ends[end] = append(n.ends[end], e)
	return nil
}

// Len is how many nonces are remembered.
func (n *Nonces) Len() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.used)
}

// sweep drops what ends at or before second to. There are at most as many seconds
// with entries as two windows are long.
func (n *Nonces) sweep(to int64) {
	if to <= n.swept {
		return
	}
	for s, es := range n.ends {
		if s > to {
			continue
		}
		for _, e := range es {
			delete(n.used, e)
			if n.count[e.kid]--; n.count[e.kid] == 0 {
				delete(n.count, e.kid)
			}
		}
		delete(n.ends, s)
	}
	n.swept = to
}
