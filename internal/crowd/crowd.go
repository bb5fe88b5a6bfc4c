// Package crowd counts who is inside: in all, and of each key. It refuses whom there is no
// room for, and knows nothing of what they are inside of.
//
// What always holds: never more are inside than the bounds say, and nothing is remembered
// of a key that has left. The faces that keep connections open call it.
package crowd

import "sync"

// Crowd has room for All at once, Each of one key. It may be used by many at once.
type Crowd struct {
	All, Each int

	mu  sync.Mutex
	all int
	by  map[string]int
}

// Enter lets one of a key in, or says that there is no room. all and own are how many are
// inside, in all and of the key, before it.
func (c *Crowd) Enter(key string) (all, own int, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	all, own = c.all, c.by[key]
	if all >= c.All || own >= c.Each {
		return all, own, false
	}
	if c.by == nil {
		c.by = map[string]int{}
	}
	c.all++
	c.by[key]++
	return all, own, true
}

// Leave lets one of a key out again.
func (c *Crowd) Leave(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all--
	if c.by[key]--; c.by[key] <= 0 {
		delete(c.by, key)
	}
}
