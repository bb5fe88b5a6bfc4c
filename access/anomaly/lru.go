package anomaly

// lru remembers at most limit things and forgets the one not asked for the longest.
// An attacker who invents prefixes can so displace prefixes, but no key: those are
// counted apart and exist only for requests that were authenticated.
type lru[K comparable, V any] struct {
	limit int
	items map[K]*entry[K, V]
	root  entry[K, V] // root.next is the newest
}

type entry[K comparable, V any] struct {
	prev, next *entry[K, V]
	key        K
	value      V
}

func newLRU[K comparable, V any](limit int) *lru[K, V] {
	l := &lru[K, V]{limit: limit, items: map[K]*entry[K, V]{}}
	l.root.prev, l.root.next = &l.root, &l.root
	return l
}

// at gives the value of a key; fresh says that it was made just now.
func (l *lru[K, V]) at(k K) (v *V, fresh bool) {
	e, ok := l.items[k]
	if ok {
		if l.root.next != e {
			e.prev.next, e.next.prev = e.next, e.prev
			l.front(e)
		}
		return &e.value, false
	}
	if len(l.items) >= l.limit {
		old := l.root.prev
		old.prev.next, old.next.prev = old.next, old.prev
		delete(l.items, old.key)
	}
	e = &entry[K, V]{key: k}
	l.items[k] = e
	l.front(e)
	return &e.value, true
}

func (l *lru[K, V]) front(e *entry[K, V]) {
	e.prev, e.next = &l.root, l.root.next
	e.prev.next, e.next.prev = e, e
}

// get gives the value of a key without making or moving it; nil is none.
func (l *lru[K, V]) get(k K) *V {
	if e, ok := l.items[k]; ok {
		return &e.value
	}
	return nil
}
