package audit_test

import (
	"bufio"
	"os"
	"path/filepath"
	"testing"

	"github.com/assayhq/assay/access/audit"
)

// hashes is the part of a log that proofs need: a million entries in 64 MB.
type hashes []audit.Hash

func (h hashes) ReadHashes(indexes []int64) ([]audit.Hash, error) {
	out := make([]audit.Hash, len(indexes))
	for i, x := range indexes {
		out[i] = h[x]
	}
	return out, nil
}

// million makes a log of a million entries; each may be nil.
func million(t testing.TB, each func(a audit.Addition)) hashes {
	t.Helper()
	var h hashes
	for i := range 1_000_000 {
		a, err := audit.Append(int64(i), entry(i), h)
		if err != nil {
			t.Fatal(err)
		}
		h = append(h, a.Hashes...)
		if each != nil {
			each(a)
		}
	}
	return h
}

func at(t testing.TB, size int64, h hashes) audit.Checkpoint {
	t.Helper()
	root, err := audit.Root(size, h)
	if err != nil {
		t.Fatal(err)
	}
	return audit.Checkpoint{Size: size, Root: root}
}

func TestAMillionEntriesStayProvable(t *testing.T) {
	if testing.Short() {
		t.Skip("makes a million entries")
	}
	const n = 1_000_000
	leaves := map[int64][]byte{0: nil, 1: nil, 524_287: nil, 524_288: nil, 777_777: nil, n - 1: nil}
	h := million(t, func(a audit.Addition) {
		if _, ok := leaves[a.Seq]; ok {
			leaves[a.Seq] = a.Leaf
		}
	})
	now := at(t, n, h)
	for seq, leaf := range leaves {
		p, err := audit.Prove(seq, n, h)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Check(now, leaf); err != nil || len(p.Path) > 20 {
			t.Errorf("entry %d, %d hashes: %v", seq, len(p.Path), err)
		}
	}
	for _, from := range []int64{1, 2, 3, 524_287, 524_288, 524_289, 999_998, 999_999} {
		p, err := audit.ProveConsistency(from, n, h)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Check(at(t, from, h), now); err != nil {
			t.Errorf("from %d: %v", from, err)
		}
		if p.Check(at(t, from, h), audit.Checkpoint{Size: n, Root: audit.LeafHash(nil)}) == nil {
			t.Errorf("from %d to any root", from)
		}
	}
}

// BenchmarkVerifyMillion reads an export of a million entries from a file.
func BenchmarkVerifyMillion(b *testing.B) {
	path := filepath.Join(b.TempDir(), "export.jsonl")
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	w := bufio.NewWriterSize(f, 1<<20)
	var line []byte
	h := million(b, func(a audit.Addition) {
		line = audit.AppendLine(line[:0], a.Seq, a.Leaf, a.Hashes[0])
		if _, err := w.Write(line); err != nil {
			b.Fatal(err)
		}
	})
	if err := w.Flush(); err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	s, public := keys(b)
	checkpoint, _, err := audit.Sign(audit.Checkpoint{}, 1_000_000, noon, h, s)
	if err != nil {
		b.Fatal(err)
	}
	if st, err := f.Stat(); err == nil {
		b.SetBytes(st.Size())
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := f.Seek(0, 0); err != nil {
			b.Fatal(err)
		}
		if rep, err := audit.VerifyExport(f, checkpoint, public, nil); err != nil || rep.Covered != 1_000_000 {
			b.Fatal(rep, err)
		}
	}
}

// BenchmarkProofs measures the machine alone, with hashes in memory: a store adds one read.
func BenchmarkProofs(b *testing.B) {
	leaves := make([][]byte, 0, 1_000_000)
	h := million(b, func(a audit.Addition) { leaves = append(leaves, a.Leaf) })
	now, older := at(b, 1_000_000, h), at(b, 654_321, h)
	b.Run("prove", func(b *testing.B) {
		i := int64(0)
		for b.Loop() {
			i = (i + 7919) % 1_000_000
			if _, err := audit.Prove(i, 1_000_000, h); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("check", func(b *testing.B) {
		p, _ := audit.Prove(777_777, 1_000_000, h)
		for b.Loop() {
			if err := p.Check(now, leaves[777_777]); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("consistency", func(b *testing.B) {
		for b.Loop() {
			p, _ := audit.ProveConsistency(654_321, 1_000_000, h)
			if err := p.Check(older, now); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("append", func(b *testing.B) {
		e := entry(2)
		for b.Loop() {
			if _, err := audit.Append(1_000_000, e, h); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkInclusionOfAMillion proves one entry among a million; the aim is a millisecond.
func BenchmarkInclusionOfAMillion(b *testing.B) {
	h := million(b, nil)
	seq := int64(0)
	for b.Loop() {
		seq = (seq + 7_919) % 1_000_000
		if _, err := audit.Prove(seq, 1_000_000, h); err != nil {
			b.Fatal(err)
		}
	}
}
