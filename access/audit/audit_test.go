package audit_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"testing"
	"time"

	"github.com/assayhq/assay/access/audit"
	"github.com/assayhq/assay/fault"
)

// noon is when the stories begin.
var noon = time.Date(2026, 8, 21, 12, 0, 0, 0, time.UTC)

// entry is what happened i seconds after noon.
func entry(i int) audit.Entry {
	e := audit.Entry{
		At: noon.Add(time.Duration(i) * 1_000_000_001), Actor: "key_7f3a", Action: []string{"key.created", "ring.rotated", "key.revoked"}[i%3],
		Org: "org_acme", Subject: fmt.Sprintf("ring_%d", i%7), Request: fmt.Sprintf("req_%06d", i), Epoch: int64(i),
	}
	if i%2 == 0 {
		e.Detail = map[string]string{"reason": "scheduled \"weekly\" <b>", "old_key": fmt.Sprintf("key_%d", i), "note": "naïve\n\u2028☃"}
	}
	return e
}

// grow gives a log of n entries; those from fork on happened otherwise.
func grow(t testing.TB, n, fork int) *audit.Memory {
	t.Helper()
	m := &audit.Memory{}
	for i := range n {
		e := entry(i)
		if i >= fork {
			e.Actor = "key_mallory"
		}
		if _, err := m.Append(e); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

const honest = 1 << 30 // a fork that never comes

// keys makes a signer for a test.
func keys(t testing.TB) (*audit.Signer, string) {
	t.Helper()
	private, public, err := audit.NewSigner("assay.example.com/audit")
	if err != nil {
		t.Fatal(err)
	}
	s, err := audit.ParseSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	return s, public
}

func sign(t testing.TB, s *audit.Signer, m *audit.Memory, size int64) ([]byte, audit.Checkpoint) {
	t.Helper()
	signed, c, err := audit.Sign(audit.Checkpoint{}, size, noon.Add(time.Hour), m, s)
	if err != nil {
		t.Fatal(err)
	}
	return signed, c
}

func export(t testing.TB, m *audit.Memory) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := m.Export(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// mth is the definition in RFC 6962, 2.1, word by word: the second opinion.
func mth(leaves [][]byte) audit.Hash {
	switch n := len(leaves); n {
	case 0:
		return sha256.Sum256(nil)
	case 1:
		return sha256.Sum256(append([]byte{0}, leaves[0]...))
	default:
		k := 1
		for 2*k < n {
			k *= 2
		}
		l, r := mth(leaves[:k]), mth(leaves[k:])
		return sha256.Sum256(append(append([]byte{1}, l[:]...), r[:]...))
	}
}

func TestTheRootIsThatOfRFC6962(t *testing.T) {
	m := &audit.Memory{}
	var leaves [][]byte
	for n := range 201 {
		root, err := audit.Root(int64(n), m)
		if err != nil {
			t.Fatal(err)
		}
		if want := mth(leaves); root != want {
			t.Fatalf("the root of %d entries is %s, want %s", n, root, want)
		}
		a, err := m.Append(entry(n))
		if err != nil {
			t.Fatal(err)
		}
		if a.Seq != int64(n) || a.First != audit.FirstHash(int64(n)) || a.First+int64(len(a.Hashes)) != audit.HashCount(int64(n+1)) {
			t.Fatalf("addition %d stores %d hashes from %d on; the next would not follow it", n, len(a.Hashes), a.First)
		}
		leaves = append(leaves, a.Leaf)
	}
	// Every earlier root is still there to be computed.
	for n := range leaves {
		if root, err := audit.Root(int64(n), m); err != nil || root != mth(leaves[:n]) {
			t.Fatalf("the root of the first %d of %d entries: %s, %v", n, len(leaves), root, err)
		}
	}
}

func TestARefusedEntryChangesNothing(t *testing.T) {
	m := grow(t, 5, honest)
	before, _ := audit.Root(5, m)
	if _, err := m.Append(audit.Entry{At: noon, Actor: "cli", Action: "nodots"}); fault.Of(err) != fault.Invalid || fault.Field(err) != "action" {
		t.Fatalf("got %v", err)
	}
	if after, _ := audit.Root(5, m); m.Size() != 5 || before != after {
		t.Fatal("the log changed")
	}
}

func TestAFailingStoreKeepsItsKind(t *testing.T) {
	down := failing{fault.New(fault.Unavailable, "the database is away")}
	_, errAppend := audit.Append(1, entry(1), down)
	_, errRoot := audit.Root(3, down)
	_, errProve := audit.Prove(1, 3, down)
	_, errConsistency := audit.ProveConsistency(1, 3, down)
	s, _ := keys(t)
	_, _, errSign := audit.Sign(audit.Checkpoint{}, 3, noon, down, s)
	for i, err := range []error{errAppend, errRoot, errProve, errConsistency, errSign} {
		if fault.Of(err) != fault.Unavailable {
			t.Errorf("call %d: %v", i, err)
		}
	}
}

type failing struct{ err error }

func (f failing) ReadHashes([]int64) ([]audit.Hash, error) { return nil, f.err }

func TestSizesBeyondTheBoundsAreRefusedAtOnce(t *testing.T) {
	m := grow(t, 3, honest)
	one := make([]audit.Hash, 1) // without any, tlog would not come to the arithmetic that does not end
	for _, n := range []int64{-1, audit.MaxSize + 1, 1<<63 - 1, -1 << 63} {
		if _, err := audit.Root(n, m); fault.Of(err) != fault.Invalid {
			t.Errorf("Root(%d): %v", n, err)
		}
		if _, err := audit.Append(n, entry(0), m); fault.Of(err) != fault.Invalid {
			t.Errorf("Append(%d): %v", n, err)
		}
		if _, err := audit.Prove(0, n, m); fault.Of(err) != fault.Invalid {
			t.Errorf("Prove(%d): %v", n, err)
		}
		if _, err := audit.ProveConsistency(1, n, m); fault.Of(err) != fault.Invalid {
			t.Errorf("ProveConsistency(%d): %v", n, err)
		}
		leaf, _ := m.Leaf(0)
		if err := (audit.Inclusion{Size: n, Path: one}).Check(audit.Checkpoint{Size: n}, leaf); fault.Of(err) != fault.Invalid {
			t.Errorf("Inclusion(%d): %v", n, err)
		}
		if err := (audit.Consistency{From: 1, To: n, Path: one}).Check(audit.Checkpoint{Size: 1}, audit.Checkpoint{Size: n}); fault.Of(err) != fault.Invalid {
			t.Errorf("Consistency(%d): %v", n, err)
		}
	}
}
