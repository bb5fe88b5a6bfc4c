package audit_test

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/assayhq/assay/access/audit"
)

const upTo = 200

// roots gives the root of each size of a log, as a checkpoint that was opened.
func roots(t *testing.T, m *audit.Memory) []audit.Checkpoint {
	t.Helper()
	out := make([]audit.Checkpoint, m.Size()+1)
	for n := range out {
		root, err := audit.Root(int64(n), m)
		if err != nil {
			t.Fatal(err)
		}
		out[n] = audit.Checkpoint{Origin: "o", Size: int64(n), Root: root, At: noon}
	}
	return out
}

func TestEveryEntryOfEverySizeIsProvenAndNothingElseIs(t *testing.T) {
	m, other := grow(t, upTo, honest), grow(t, upTo, 0)
	at := roots(t, m)
	rng := rand.New(rand.NewPCG(1, 2))
	for size := int64(1); size <= upTo; size++ {
		for seq := range size {
			p, err := audit.Prove(seq, size, m)
			if err != nil {
				t.Fatal(err)
			}
			leaf, _ := m.Leaf(seq)
			if err := p.Check(at[size], leaf); err != nil {
				t.Fatalf("entry %d of %d: %v", seq, size, err)
			}
			forged, _ := other.Leaf(seq)
			if p.Check(at[size], forged) == nil {
				t.Fatalf("entry %d of %d was proven with another's leaf", seq, size)
			}
			next, _ := m.Leaf((seq + 1) % upTo)
			if p.Check(at[size], next) == nil {
				t.Fatalf("entry %d of %d was proven with its neighbour's leaf", seq, size)
			}
			if size < upTo && p.Check(at[size+1], leaf) == nil {
				t.Fatalf("entry %d of %d was proven for the next size", seq, size)
			}
			longer := p
			longer.Path = append(slices.Clone(p.Path), audit.Hash{})
			if longer.Check(at[size], leaf) == nil {
				t.Fatalf("entry %d of %d was proven with a hash too many", seq, size)
			}
			if n := len(p.Path); n > 0 {
				bent := p
				bent.Path = slices.Clone(p.Path)
				bent.Path[rng.IntN(n)][rng.IntN(32)] ^= 1 << rng.IntN(8)
				if bent.Check(at[size], leaf) == nil {
					t.Fatalf("entry %d of %d was proven with a flipped bit", seq, size)
				}
				bent.Path = p.Path[:n-1]
				if bent.Check(at[size], leaf) == nil {
					t.Fatalf("entry %d of %d was proven with a hash missing", seq, size)
				}
			}
		}
	}
}

func TestEverySizeContinuesEveryEarlierOne(t *testing.T) {
	const fork = 90
	m, forked := grow(t, upTo, honest), grow(t, upTo, fork)
	at, elsewhere := roots(t, m), roots(t, forked)
	rng := rand.New(rand.NewPCG(3, 4))
	for to := range at {
		for from := range to + 1 {
			p, err := audit.ProveConsistency(int64(from), int64(to), m)
			if err != nil {
				t.Fatal(err)
			}
			if err := p.Check(at[from], at[to]); err != nil {
				t.Fatalf("from %d to %d: %v", from, to, err)
			}
			if to > fork && from > 0 { // a log that forked before to
				q, err := audit.ProveConsistency(int64(from), int64(to), forked)
				if err != nil {
					t.Fatal(err)
				}
				err1, err2 := p.Check(at[from], elsewhere[to]), q.Check(at[from], elsewhere[to])
				if err1 == nil {
					t.Fatalf("from %d to %d: the honest proof passed for a fork", from, to)
				}
				if (err2 == nil) != (from <= fork) {
					t.Fatalf("from %d to %d, forked at %d: %v", from, to, fork, err2)
				}
			}
			if n := len(p.Path); n > 0 {
				bent := p
				bent.Path = slices.Clone(p.Path)
				bent.Path[rng.IntN(n)][rng.IntN(32)] ^= 1 << rng.IntN(8)
				if bent.Check(at[from], at[to]) == nil {
					t.Fatalf("from %d to %d was proven with a flipped bit", from, to)
				}
			}
			p.Path = append(slices.Clone(p.Path), audit.Hash{})
			if p.Check(at[from], at[to]) == nil {
				t.Fatalf("from %d to %d was proven with a hash too many", from, to)
			}
		}
	}
}

func TestAProofOfTwoLogsIsNone(t *testing.T) {
	at := roots(t, grow(t, 9, honest))
	p, _ := audit.ProveConsistency(4, 9, grow(t, 9, honest))
	older := at[4]
	older.Origin = "another"
	if p.Check(older, at[9]) == nil {
		t.Fatal("checkpoints of two logs were found consistent")
	}
}

func TestALeafThatSaysAnotherPlaceIsNotProvenHere(t *testing.T) {
	e := entry(1)
	e.Seq = 5
	leaf, err := e.Leaf()
	if err != nil {
		t.Fatal(err)
	}
	c := audit.Checkpoint{Size: 1, Root: audit.LeafHash(leaf)} // a log that was filled wrongly, and signed
	if (audit.Inclusion{Size: 1}).Check(c, leaf) == nil {
		t.Fatal("entry 5 was proven to be entry 0")
	}
}

func TestProofsTravelAsJSON(t *testing.T) {
	m := grow(t, 7, honest)
	p, _ := audit.Prove(6, 7, m)
	b, err := json.Marshal(p)
	if err != nil || !strings.HasPrefix(string(b), `{"seq":6,"size":7,"path":["`) {
		t.Fatalf("%s, %v", b, err)
	}
	var back audit.Inclusion
	if err := json.Unmarshal(b, &back); err != nil || !reflect.DeepEqual(p, back) {
		t.Fatalf("%+v, %v", back, err)
	}
	c, _ := audit.ProveConsistency(7, 7, m)
	if b, err := json.Marshal(c); err != nil || string(b) != `{"from":7,"to":7,"path":[]}` {
		t.Fatalf("%s, %v", b, err)
	}
	single, _ := audit.Prove(0, 1, m)
	if b, _ := json.Marshal(single); string(b) != `{"seq":0,"size":1,"path":[]}` {
		t.Fatalf("%s", b)
	}
}

func FuzzProofsFromStrangers(f *testing.F) {
	m := &audit.Memory{}
	for i := range 9 {
		if _, err := m.Append(entry(i)); err != nil {
			f.Fatal(err)
		}
	}
	p, _ := audit.Prove(3, 9, m)
	b, _ := json.Marshal(p)
	f.Add(b, int64(9))
	f.Add([]byte(`{"seq":0,"size":9223372036854775807,"path":[]}`), int64(1<<63-1))
	c, _ := audit.ProveConsistency(3, 9, m)
	b, _ = json.Marshal(c)
	f.Add(b, int64(9))
	leaf, _ := m.Leaf(3)
	root, _ := audit.Root(9, m)
	three, _ := audit.Root(3, m)
	f.Fuzz(func(t *testing.T, b []byte, size int64) {
		var in audit.Inclusion
		if json.Unmarshal(b, &in) == nil {
			if in.Check(audit.Checkpoint{Size: size, Root: root}, leaf) == nil && !reflect.DeepEqual(in, p) {
				t.Fatalf("%+v proves what only %+v should", in, p)
			}
		}
		var con audit.Consistency
		if json.Unmarshal(b, &con) == nil && con.From > 0 {
			if con.Check(audit.Checkpoint{Size: 3, Root: three}, audit.Checkpoint{Size: size, Root: root}) == nil && !reflect.DeepEqual(con, c) {
				t.Fatalf("%+v proves what only %+v should", con, c)
			}
		}
	})
}
