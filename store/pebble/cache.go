package pebble

import (
	"container/list"
	"sync"
	"sync/atomic"
)

// cacheKey names the content of a chunk for ever: a chunk that changes gets
// another version, so nothing in the cache can be out of date.
type cacheKey struct {
	sid     uint32
	first   int64
	version uint64
}

// An entry is a decoded chunk. Its rows are shared and never change.
type entry struct {
	key   cacheKey
	rows  any // []T
	bytes int64
	once  sync.Once
	known *identities // of trades, made when first asked for
}

const shards = 16

// A cache keeps decoded chunks, dropping the longest unused when they take more
// bytes than allowed. Many goroutines use it.
type cache struct {
	shard        [shards]shard
	hits, misses atomic.Int64
}

type shard struct {
	mu    sync.Mutex
	byKey map[cacheKey]*list.Element
	order list.List // newest use first
	bytes int64
	limit int64
}

func newCache(bytes int64) *cache {
	c := &cache{}
	for i := range c.shard {
		c.shard[i].byKey = map[cacheKey]*list.Element{}
		c.shard[i].limit = bytes / shards
	}
	return c
}

func (c *cache) of(k cacheKey) *shard {
	h := (uint64(k.sid)*0x9e3779b97f4a7c15 ^ uint64(k.first)*0xff51afd7ed558ccd) >> 60
	return &c.shard[h%shards]
}

func (c *cache) get(k cacheKey) *entry {
	s := c.of(k)
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.byKey[k]; e != nil {
		s.order.MoveToFront(e)
		c.hits.Add(1)
		return e.Value.(*entry)
	}
	c.misses.Add(1)
	return nil
}

// put adds an entry and gives back the one that stays, which may be an older equal one.
func (c *cache) put(e *entry) *entry {
	s := c.of(e.key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.byKey[e.key]; old != nil {
		return old.Value.(*entry)
	}
	if e.bytes > s.limit {
		return e
	}
	s.byKey[e.key] = s.order.PushFront(e)
	s.bytes += e.bytes
	for s.bytes > s.limit {
		last := s.order.Back()
		old := s.order.Remove(last).(*entry)
		delete(s.byKey, old.key)
		s.bytes -= old.bytes
	}
	return e
}

func (c *cache) bytes() (n int64) {
	for i := range c.shard {
		s := &c.shard[i]
		s.mu.Lock()
		n += s.bytes
		s.mu.Unlock()
	}
	return n
}
