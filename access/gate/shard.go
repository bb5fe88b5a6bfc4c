package gate

import (
	"crypto/subtle"
	"encoding/binary"
	"slices"
)

// shard is a part of the keys: the entries one after the other, and an index over them.
// A map of pointers would take three times the memory and another miss of the cache, and
// its time would tell whether a key is there. A shard that stands in a snapshot is never
// changed.
type shard struct {
	entries []entry
	index   []line
}

// line is a line of the cache with the places of entries: 0 is free, else a tag and the
// position plus one. It is filled from the front; what finds it full goes into the next.
type line [16]uint32

// perLine is how many entries a line has in the mean, so that hardly any is full.
const perLine = 9

// shards is how many there are. A change copies those it touches: of a million keys
// about a hundred kilobytes each.
const shards = 1024

// The upper bits of a place are a tag out of the kid's hash, so that looking for a key
// touches hardly any entry but its own. A shard has room for a million.
const tagMask = uint32(0xfff) << 20

// nobody stands in the shards without keys: there is always an entry to compare with.
var nobody = &shard{entries: make([]entry, 1), index: make([]line, 1)}

// hash spreads kids, which are random and ours: what a caller sends is only looked for.
func (k *kid) hash() uint64 {
	return (binary.LittleEndian.Uint64(k[:8]) ^ uint64(k[8])<<7) * 0x9E3779B97F4A7C15
}

// The parts of a hash: which shard, which tag (never 0), and which of n things.
func shardOf(h uint64) int      { return int(h >> 54) }
func tagOf(h uint64) uint32     { return uint32(h>>10)<<20 | 1<<20 }
func oneOf(h uint64, n int) int { return int(h >> 22 & 0xffffffff * uint64(n) >> 32) }

// look gives the entry of a key. When there is none it gives another, to compare with,
// and does the same work: neither branches nor accesses to memory tell which it was, save
// in about one of a hundred lines, whichever it was.
func (s *shard) look(h uint64, k *kid) (e *entry, is int) {
	tag, at := int32(tagOf(h)), uint32(0)
	l := &s.index[oneOf(h, len(s.index))]
	for _, x := range l {
		at = pick(subtle.ConstantTimeEq(int32(x&tagMask), tag), x, at)
	}
	none := subtle.ConstantTimeEq(int32(at), 0)
	e = &s.entries[pick(none, uint32(oneOf(h, len(s.entries))), at&^tagMask-1)]
	is = e.id.same(k)
	if is|subtle.ConstantTimeEq(int32(at|l[len(l)-1]), 0) == 0 { // another's tag, or a full line
		if other := s.search(h, k); other != nil {
			return other, 1
		}
	}
	return e, is
}

// same is 1 when two kids are the same and 0 when they are not, in the same time.
func (k *kid) same(o *kid) int {
	x := binary.LittleEndian.Uint64(k[:8]) ^ binary.LittleEndian.Uint64(o[:8])
	x |= binary.LittleEndian.Uint64(k[kidLen-8:]) ^ binary.LittleEndian.Uint64(o[kidLen-8:])
	return 1 ^ int((x|-x)>>63)
}

// pick is a when yes is 1 and b when it is 0.
func pick(yes int, a, b uint32) uint32 { return b ^ (a^b)&-uint32(yes) }

// search is look without haste, and nil when there is none.
func (s *shard) search(h uint64, k *kid) *entry {
	tag := tagOf(h)
	for i := oneOf(h, len(s.index)); ; i = (i + 1) % len(s.index) {
		for _, x := range s.index[i] {
			if x == 0 {
				return nil
			}
			if x&tagMask == tag {
				if e := &s.entries[x&^tagMask-1]; e.id == *k {
					return e
				}
			}
		}
	}
}

// copied gives a shard that may be changed, with room for a few more.
func (s *shard) copied() *shard {
	if s == nobody {
		return &shard{index: make([]line, 1)}
	}
	return &shard{entries: append(make([]entry, 0, len(s.entries)+2), s.entries...), index: slices.Clone(s.index)}
}

// set puts an entry in, in the place of the one with its id.
func (s *shard) set(e *entry) (added bool) {
	h := e.id.hash()
	if was := s.search(h, &e.id); was != nil {
		*was = *e
		return false
	}
	if len(s.entries) == cap(s.entries) { // an eighth of slack, where append would make a quarter
		s.entries = append(make([]entry, 0, len(s.entries)+len(s.entries)/8+2), s.entries...)
	}
	s.entries = append(s.entries, *e)
	if len(s.entries) > perLine*len(s.index) {
		s.reindex()
	} else {
		s.list(h, len(s.entries))
	}
	return true
}

// remove takes an entry out; the last one takes its place.
func (s *shard) remove(k *kid) (removed bool) {
	e := s.search(k.hash(), k)
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
	s.index = make([]line, len(s.entries)*9/8/perLine+1)
	for i := range s.entries {
		s.list(s.entries[i].id.hash(), i+1)
	}
}

// list writes a position, counted from one, into the index.
func (s *shard) list(h uint64, position int) {
	for i := oneOf(h, len(s.index)); ; i = (i + 1) % len(s.index) {
		for j := range s.index[i] {
			if s.index[i][j] == 0 {
				s.index[i][j] = tagOf(h) | uint32(position)
				return
			}
		}
	}
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
