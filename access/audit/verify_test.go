package audit_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/assayhq/assay/access/audit"
	"github.com/assayhq/assay/fault"
)

// differs checks that an export is refused with a difference, and gives it.
func differs(t *testing.T, name string, file, checkpoint []byte, public string) *audit.Difference {
	t.Helper()
	rep, err := audit.VerifyExport(bytes.NewReader(file), checkpoint, public, nil)
	d, ok := errors.AsType[*audit.Difference](err)
	if !ok || fault.Of(err) != fault.Invalid || rep.First != d {
		t.Fatalf("%s: report %+v, error %v", name, rep, err)
	}
	return d
}

// write writes leaves as a file in which every line is right by itself.
func write(leaves [][]byte) []byte {
	var b []byte
	for i, l := range leaves {
		b = audit.AppendLine(b, int64(i), l, audit.LeafHash(l))
	}
	return b
}

// renumbered gives entries as leaves, numbered anew: what somebody does who wants the
// file to look whole.
func renumbered(t *testing.T, entries []audit.Entry) [][]byte {
	t.Helper()
	out := make([][]byte, len(entries))
	for i, e := range entries {
		e.Seq = int64(i)
		leaf, err := e.Leaf()
		if err != nil {
			t.Fatal(err)
		}
		out[i] = leaf
	}
	return out
}

func TestAnHonestExportIsFoundWhole(t *testing.T) {
	s, public := keys(t)
	m := grow(t, 50, honest)
	file := export(t, m)
	for size := range int64(51) {
		checkpoint, c := sign(t, s, m, size)
		var told []int64
		rep, err := audit.VerifyExport(iotest.OneByteReader(bytes.NewReader(file)), checkpoint, public, func(n int64) { told = append(told, n) })
		if err != nil {
			t.Fatal(err)
		}
		whole, _ := audit.Root(50, m)
		if rep.Entries != 50 || rep.Covered != size || rep.Uncovered != 50-size || rep.Root != whole || rep.First != nil ||
			rep.Origin != c.Origin || !slices.Equal(rep.Checkpoints, []audit.Checkpoint{c}) || !slices.Equal(told, []int64{50}) {
			t.Fatalf("size %d: %+v, progress %v", size, rep, told)
		}
	}
}

func TestTheEmptyLogIsAnExportToo(t *testing.T) {
	s, public := keys(t)
	checkpoint, _ := sign(t, s, &audit.Memory{}, 0)
	if rep, err := audit.VerifyExport(strings.NewReader(""), checkpoint, public, nil); err != nil || rep.Entries != 0 {
		t.Fatalf("%+v, %v", rep, err)
	}
}

func TestProgressIsTold(t *testing.T) {
	s, public := keys(t)
	m := grow(t, 20_000, honest)
	checkpoint, _ := sign(t, s, m, 20_000)
	var told []int64
	if _, err := audit.VerifyExport(bytes.NewReader(export(t, m)), checkpoint, public, func(n int64) { told = append(told, n) }); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(told, []int64{8192, 16384, 20_000}) {
		t.Fatalf("progress %v", told)
	}
}

// Every single bit of the file, whether a checkpoint covers it or not.
func TestAFlippedBitIsFoundInItsLine(t *testing.T) {
	s, public := keys(t)
	m := grow(t, 9, honest)
	file := export(t, m)
	checkpoint, _ := sign(t, s, m, 7)
	seq := int64(0)
	for i := range file {
		for bit := range 8 {
			bad := slices.Clone(file)
			bad[i] ^= 1 << bit
			if d := differs(t, fmt.Sprintf("bit %d of byte %d", bit, i), bad, checkpoint, public); d.From != seq || d.To != seq || d.Line != seq+1 {
				t.Fatalf("bit %d of byte %d is in entry %d; found at %+v", bit, i, seq, d)
			}
		}
		if file[i] == '\n' {
			seq++
		}
	}
}

func TestWhatIsWrongIsNamedAndPlaced(t *testing.T) {
	s, public := keys(t)
	m := grow(t, 20, honest)
	file := export(t, m)
	checkpoint, _ := sign(t, s, m, 20)
	lines := bytes.SplitAfter(file, []byte("\n"))
	lines = lines[:20]
	join := func(ls ...[][]byte) []byte { return bytes.Join(slices.Concat(ls...), nil) }
	swapped := slices.Clone(lines)
	swapped[4], swapped[9] = swapped[9], swapped[4]
	var leaves [][]byte
	var entries []audit.Entry
	for i := range 20 {
		leaf, _ := m.Leaf(int64(i))
		leaves = append(leaves, leaf)
		e, err := audit.ParseLeaf(leaf)
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, e)
	}
	altered := slices.Clone(leaves)
	altered[6] = bytes.Replace(leaves[6], []byte("org_acme"), []byte("org_acne"), 1)
	stale := audit.AppendLine(nil, 6, altered[6], audit.LeafHash(leaves[6])) // the hash as stored
	spaced := slices.Clone(leaves)
	spaced[3] = bytes.Replace(leaves[3], []byte(`,"seq"`), []byte(`, "seq"`), 1)
	misnumbered := slices.Clone(leaves)
	misnumbered[5] = leaves[6]
	for _, c := range []struct {
		name string
		file []byte
		what audit.What
		from int64
		to   int64
	}{
		{"a leaf altered in the store", join(lines[:6], [][]byte{stale}, lines[7:]), audit.BadHash, 6, 6},
		{"a leaf altered with its hash", write(altered), audit.BadRoot, 0, 19},
		{"a leaf written another way", write(spaced), audit.BadLeaf, 3, 3},
		{"a leaf of another place", write(misnumbered), audit.BadLeaf, 5, 5},
		{"one dropped", join(lines[:7], lines[8:]), audit.BadSeq, 7, 7},
		{"the first dropped", join(lines[1:]), audit.BadSeq, 0, 0},
		{"the last dropped", join(lines[:19]), audit.BadSize, 19, 19},
		{"all dropped", nil, audit.BadSize, 0, 19},
		{"one dropped, the rest renumbered", write(renumbered(t, slices.Delete(slices.Clone(entries), 7, 8))), audit.BadSize, 19, 19},
		{"one dropped, one invented at the end", write(renumbered(t, append(slices.Delete(slices.Clone(entries), 7, 8), entry(99)))), audit.BadRoot, 0, 19},
		{"two swapped", join(swapped), audit.BadSeq, 4, 4},
		{"one doubled", join(lines[:8], lines[7:]), audit.BadSeq, 8, 8},
		{"cut off in a line", file[:len(file)-30], audit.BadLine, 19, 19},
		{"cut off before the last line feed", file[:len(file)-1], audit.BadLine, 19, 19},
		{"an empty line", join(lines[:5], [][]byte{[]byte("\n")}, lines[5:]), audit.BadLine, 5, 5},
		{"line ends of Windows", bytes.ReplaceAll(file, []byte("\n"), []byte("\r\n")), audit.BadLine, 0, 0},
		{"a mark before the text", append([]byte("\xef\xbb\xbf"), file...), audit.BadLine, 0, 0},
		{"a line without end", append(join(lines[:2]), bytes.Repeat([]byte("x"), 1<<20)...), audit.BadLine, 2, 2},
		{"rubbish after it", append(slices.Clone(file), "rubbish\n"...), audit.BadLine, 20, 20},
		{"a zero before a seq", bytes.Replace(file, []byte(`{"seq":5,`), []byte(`{"seq":05,`), 1), audit.BadLine, 5, 5},
		{"another history", export(t, grow(t, 20, 11)), audit.BadRoot, 0, 19},
	} {
		d := differs(t, c.name, c.file, checkpoint, public)
		if d.What != c.what || d.From != c.from || d.To != c.to {
			t.Errorf("%s: found %q at %d..%d (%s), want %q at %d..%d", c.name, d.What, d.From, d.To, d.Text, c.what, c.from, c.to)
		}
		if d.What == audit.BadSize && d.Line != d.From+1 {
			t.Errorf("%s: line %d", c.name, d.Line)
		}
	}
}

// Many random changes, singly and together: whatever changes a byte is noticed, and
// never later than at the first line that changed.
func TestRandomTamperingIsFound(t *testing.T) {
	s, public := keys(t)
	const n = 24
	m := grow(t, n, honest)
	file := export(t, m)
	checkpoint, _ := sign(t, s, m, n)
	rounds := 3000
	if testing.Short() {
		rounds = 600
	}
	for seed := range rounds {
		rng := rand.New(rand.NewPCG(uint64(seed), 7))
		bad := slices.Clone(file)
		var done []string
		for range 1 + rng.IntN(3) {
			var what string
			bad, what = tamper(t, rng, bad)
			done = append(done, what)
		}
		if bytes.Equal(bad, file) {
			continue
		}
		d := differs(t, fmt.Sprintf("seed %d, %v", seed, done), bad, checkpoint, public)
		same := 0
		for same < len(bad) && same < len(file) && bad[same] == file[same] {
			same++
		}
		// Equal lines are never blamed, unless for the whole.
		if first := int64(bytes.Count(file[:same], []byte("\n"))); d.What != audit.BadRoot && d.To < first {
			t.Fatalf("seed %d, %v: entry %d is blamed, the first %d are untouched", seed, done, d.To, first)
		}
	}
}

func tamper(t *testing.T, rng *rand.Rand, file []byte) ([]byte, string) {
	if len(file) == 0 {
		return file, "nothing left"
	}
	lines := bytes.SplitAfter(file, []byte("\n"))
	lines = lines[:max(len(lines)-1, 1)]
	i, j, at := rng.IntN(len(lines)), rng.IntN(len(lines)), rng.IntN(len(file))
	switch rng.IntN(10) {
	case 0:
		file = slices.Clone(file)
		file[at] ^= 1 << rng.IntN(8)
		return file, "bit"
	case 1:
		return slices.Delete(slices.Clone(file), at, at+1), "byte dropped"
	case 2:
		return slices.Insert(slices.Clone(file), at, byte(rng.IntN(256))), "byte inserted"
	case 3:
		return slices.Clone(file[:at]), "truncated"
	case 4:
		return bytes.Join(slices.Delete(slices.Clone(lines), min(i, j), max(i, j)), nil), "lines dropped"
	case 5:
		lines = slices.Clone(lines)
		lines[i], lines[j] = lines[j], lines[i]
		return bytes.Join(lines, nil), "swapped"
	case 6:
		return bytes.Join(slices.Insert(slices.Clone(lines), i, lines[j]), nil), "doubled"
	case 7:
		return bytes.ReplaceAll(file, []byte("org_acme"), []byte("org_evil")), "edited without the hash"
	}
	// The rest rewrites entries and everything that depends on them.
	var entries []audit.Entry
	for _, l := range lines {
		_, after, _ := bytes.Cut(l, []byte(`,"leaf":`))
		leaf, _, _ := bytes.Cut(after, []byte(`,"hash":"`))
		e, err := audit.ParseLeaf(leaf)
		if err != nil {
			return file, "already broken"
		}
		entries = append(entries, e)
	}
	if rng.IntN(2) == 0 {
		entries[i].Subject = fmt.Sprint("ring_", rng.IntN(1000), "x")
		return write(renumbered(t, entries)), "forked"
	}
	entries[i], entries[j] = entries[j], entries[i]
	return write(renumbered(t, entries)), "swapped and renumbered"
}

func TestMoreCheckpointsNarrowTheSearch(t *testing.T) {
	s, public := keys(t)
	m, forked := grow(t, 60, honest), grow(t, 60, 33)
	var all [][]byte
	for size := int64(60); size >= 0; size -= 10 { // in any order
		c, _ := sign(t, s, m, size)
		all = append(all, c)
	}
	rep, err := audit.VerifyConsistency(bytes.NewReader(export(t, m)), all, public, nil)
	if err != nil || rep.Covered != 60 || len(rep.Checkpoints) != 7 {
		t.Fatalf("%+v, %v", rep, err)
	}
	rep, err = audit.VerifyConsistency(bytes.NewReader(export(t, forked)), all, public, nil)
	if err == nil || rep.First == nil || rep.First.What != audit.BadRoot || rep.First.From != 30 || rep.First.To != 39 || rep.Covered != 30 || len(rep.Checkpoints) != 4 {
		t.Fatalf("%+v, %+v, %v", rep, rep.First, err)
	}
}

func TestTwoVersionsOfOneLogAreAForkWhateverTheFile(t *testing.T) {
	s, public := keys(t)
	m := grow(t, 20, honest)
	a, _ := sign(t, s, m, 15)
	b, _ := sign(t, s, grow(t, 20, 3), 15)
	rep, err := audit.VerifyConsistency(bytes.NewReader(export(t, m)), [][]byte{a, b}, public, nil)
	if d, ok := errors.AsType[*audit.Difference](err); !ok || d.What != audit.BadFork || rep.First != d {
		t.Fatalf("%+v, %v", rep, err)
	}
	later, _ := sign(t, s, grow(t, 20, 3), 19) // signed over another beginning
	rep, err = audit.VerifyConsistency(bytes.NewReader(export(t, m)), [][]byte{a, later}, public, nil)
	if err == nil || rep.Covered != 15 || rep.First.From != 15 || rep.First.To != 18 {
		t.Fatalf("%+v, %v", rep, err)
	}
	if _, err := audit.VerifyConsistency(bytes.NewReader(export(t, m)), [][]byte{a, a}, public, nil); err != nil {
		t.Fatalf("the same checkpoint twice: %v", err)
	}
}

func TestNothingIsReadWithoutAGoodCheckpoint(t *testing.T) {
	s, public := keys(t)
	checkpoint, _ := sign(t, s, grow(t, 3, honest), 3)
	_, stranger := keys(t)
	unread := iotest.ErrReader(errors.New("it was read"))
	if _, err := audit.VerifyExport(unread, checkpoint, stranger, nil); fault.Of(err) != fault.Unauthentic {
		t.Errorf("%v", err)
	}
	if _, err := audit.VerifyConsistency(unread, [][]byte{checkpoint, checkpoint[:20]}, public, nil); fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), "checkpoint 2 of 2") {
		t.Errorf("%v", err)
	}
	if _, err := audit.VerifyConsistency(unread, nil, public, nil); fault.Of(err) != fault.Invalid {
		t.Errorf("%v", err)
	}
}

func TestABrokenReaderIsNoTampering(t *testing.T) {
	s, public := keys(t)
	m := grow(t, 9, honest)
	checkpoint, _ := sign(t, s, m, 9)
	file := export(t, m)
	r := io.MultiReader(bytes.NewReader(file[:len(file)/2]), iotest.ErrReader(errors.New("disk")))
	rep, err := audit.VerifyExport(r, checkpoint, public, nil)
	if fault.Of(err) != fault.Unavailable || rep.First != nil || rep.Entries == 0 {
		t.Fatalf("%+v, %v", rep, err)
	}
}

func FuzzVerifyExport(f *testing.F) {
	s, public := keys(f)
	m := grow(f, 6, honest)
	file := export(f, m)
	checkpoint, _ := sign(f, s, m, 4)
	covered := bytes.Join(bytes.SplitAfter(file, []byte("\n"))[:4], nil)
	f.Add(file)
	f.Add(covered)
	f.Add(append(slices.Clone(covered), `{"seq":4,"leaf":,"hash":"`...))
	f.Add([]byte(`{"seq":00,"leaf":{},"hash":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}` + "\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		rep, err := audit.VerifyExport(bytes.NewReader(b), checkpoint, public, nil)
		if err != nil {
			if _, ok := errors.AsType[*audit.Difference](err); !ok || rep.First == nil {
				t.Fatalf("a file that can be read gave %v", err)
			}
			return
		}
		if !bytes.HasPrefix(b, covered) || rep.Covered != 4 || rep.Entries != int64(bytes.Count(b, []byte("\n"))) {
			t.Fatalf("%+v of a file that was never written: %q", rep, b)
		}
	})
}
