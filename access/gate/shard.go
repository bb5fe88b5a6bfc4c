package gate

import "encoding/binary"

// shard is a part of the keys: the entries one after the other, and an index over them
// with open addressing. A map of pointers would take three times the memory and another
// miss of the cache. A shard that stands in a snapshot is never changed.
type shard struct {
	entries []entry
	index   []uint32 // a power of two long; 0 is free, else a tag and the position plus one
}

// shards is how many there are. A change copies those it touches: of a million keys
// about a hundred kilobytes each.
const shards = 1024

// The upper bits of an index word are a tag out of the kid's hash, so that looking for
// a key touches hardly any entry but its own. A shard has room for a million.
const tagMask = uint32(0xfff) << 20

// hash spreads kids, which are random and ours: what a caller sends is only looked for.
func (k *kid) hash() uint64 {
	return (binary.LittleEndian.Uint64(k[:8]) ^ uint64(k[8])<<7) * 0x9E3779B97F4A7C15
}

// The parts of a hash: which shard, which tag, and where the index is asked first.
func shardOf(h uint64) int  { return int(h >> 54) }
func tagOf(h uint64) uint32 { return uint32(h>>42) << 20 }
func (s *shard) first(h uint64) uint32 {
	return uint32(h>>16) & uint32(len(s.index)-1)
}

func (s *shard) find(h uint64, k *kid) *entry {
	if s == nil || len(s.index) == 0 {
		return nil
	}
	tag, mask := tagOf(h), uint32(len(s.index)-1)
	for i := s.first(h); s.index[i] != 0; i = (i + 1) & mask {
		if x := s.index[i]; x&tagMask == tag {
			if e := &s.entries[x&^tagMask-1]; e.id == *k {
				return e
			}
		}
	}
	return nil
}

// copied gives a shard that may be changed, with room for a few more.
func (s *shard) copied() *shard {
	if s == nil {
		return &shard{}
	}
	c := &shard{entries: make([]entry, len(s.entries), len(s.entries)+2), index: make([]uint32, len(s.index))}
	copy(c.entries, s.entries)
	copy(c.index, s.index)
	return c
}

// set puts an entry in, in the place of the one with its id.
func (s *shard) set(e *entry) (added bool) {
	h := e.id.hash()
	if was := s.find(h, &e.id); was != nil {
		*was = *e
		return false
	}
	if len(s.entries) == cap(s.entries) { // an eighth of slack, where append would make a quarter
		s.entries = append(make([]entry, 0, len(s.entries)+len(s.entries)/8+2), s.entries...)
	}
	s.entries = append(s.entries, *e)
	if len(s.entries) > len(s.index)/4*3 {
		s.reindex()
	} else {
		s.list(h, len(s.entries))
	}
	return true
}

// remove takes an entry out; the last one takes its place.
func (s *shard) remove(k *kid) (removed bool) {
	e := s.find(k.hash(), k)
	if e == nil {
		return false
	}
	last := len(s.entries) - 1
	*e = s.entries[last]
	s.entries[last] = entry{}
	s.entries = s.entries[:last]
	s.reindex() // rare, and simpler than to mend the index
	return true
}

func (s *shard) reindex() {
	size := 4
	for len(s.entries) > size/4*3 {
		size *= 2
	}
	s.index = make([]uint32, size)
	for i := range s.entries {
		s.list(s.entries[i].id.hash(), i+1)
	}
}

// list writes a position, counted from one, into the index.
func (s *shard) list(h uint64, position int) {
	i, mask := s.first(h), uint32(len(s.index)-1)
	for s.index[i] != 0 {
		i = (i + 1) & mask
	}
	s.index[i] = tagOf(h) | uint32(position)
}

// ringIndex knows which keys a ring has, and which rings need a supervisor's eye. It is
// shared by snapshots and belongs to whoever holds Gate.mu. What it says of keys is
// where to look: the entries know best which ring they are of.
type ringIndex struct {
	members [4096][]member // by the hash of the ring
	moving  map[string]bool
}

// member is a key of a ring with this hash.
type member struct {
	ring uint32
	key  kid
}

const ringLen = len("ring_") + 12

// ringID is a ring's id without "ring_", which all have.
type ringID [12]byte

func (r ringID) String() string { return "ring_" + string(r[:]) }

func ringIDOf(id string) (r ringID, ok bool) {
	if len(id) != ringLen || id[:5] != "ring_" {
		return r, false
	}
	copy(r[:], id[5:])
	return r, true
}

func (r *ringID) hash() uint32 {
	return uint32(binary.LittleEndian.Uint64(r[:8]) * 0x9E3779B97F4A7C15 >> 32)
}

func (x *ringIndex) bucket(hash uint32) *[]member { return &x.members[hash%uint32(len(x.members))] }

// add notes a key of a ring; once is enough.
func (x *ringIndex) add(m member) {
	b := x.bucket(m.ring)
	for i := range *b {
		if (*b)[i] == m {
			return
		}
	}
	if len(*b) == cap(*b) {
		*b = append(make([]member, 0, len(*b)+len(*b)/8+2), *b...)
	}
	*b = append(*b, m)
}

func (x *ringIndex) remove(m member) {
	b := x.bucket(m.ring)
	for i := range *b {
		if (*b)[i] == m {
			last := len(*b) - 1
			(*b)[i] = (*b)[last]
			*b = (*b)[:last]
			return
		}
	}
}
