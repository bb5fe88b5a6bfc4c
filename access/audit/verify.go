package audit

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/assayhq/assay/fault"
)

const (
	// MaxCheckpoints is the most checkpoints that one check compares.
	MaxCheckpoints = 10_000
	// progressEvery is the number of entries between two reports of progress.
	progressEvery = 8192
)

// What says what differs first.
type What string

// What may differ.
const (
	BadLine What = "line" // the line is not written as an export's line, or is too long, or has no line feed
	BadSeq  What = "seq"  // the entry is out of order, doubled, or one before it is missing
	BadLeaf What = "leaf" // the leaf is not a canonical entry, or says another seq than its line
	BadHash What = "hash" // the leaf is not the one whose hash was stored
	BadRoot What = "root" // every line fits its own hash, but together they are not what was signed
	BadSize What = "size" // the export ends before the checkpoint does
	BadFork What = "fork" // two signed checkpoints contradict each other
)

// Difference is the first place where an export is not what was signed.
type Difference struct {
	What What  `json:"what"`
	Line int64 `json:"line"` // in the file, from 1; for size, the line that is missing
	// From and To are the entries between which it lies, both included. They are the same
	// where the place is exact. A root tells only that something changed since the
	// checkpoint before: more checkpoints make it narrower.
	From int64  `json:"from"`
	To   int64  `json:"to"`
	Text string `json:"text"` // a sentence for people; no value of a detail is in it
}

// Error is the sentence, with the place.
func (d *Difference) Error() string {
	if d.From == d.To {
		return fmt.Sprintf("line %d, entry %d: %s", d.Line, d.From, d.Text)
	}
	return fmt.Sprintf("up to line %d, entries %d to %d: %s", d.Line, d.From, d.To, d.Text)
}

// Report tells what a check found. Covered says how far the export is proven, even
// when it differs later on.
type Report struct {
	Origin string `json:"origin"` // the log's name, once a checkpoint is opened
	// Entries is how many were read and fit their own lines. Covered of them are what a
	// checkpoint signs; Uncovered came after the last one, and though they are sound in
	// themselves, only the next checkpoint can tell whether they are all.
	Entries     int64        `json:"entries"`
	Covered     int64        `json:"covered"`
	Uncovered   int64        `json:"uncovered"`
	Checkpoints []Checkpoint `json:"checkpoints"`     // those found true, by size
	Root        Hash         `json:"root"`            // over Entries
	First       *Difference  `json:"first,omitempty"` // nil when there is none
}

// VerifyExport checks an export against a checkpoint: the signature, that every line
// is in its place, that every leaf has the hash beside it, and that the first entries,
// as many as the checkpoint has, have its root. Lines after those are checked in
// themselves and counted as Uncovered.
//
// A nil error means that all of this holds. A difference is fault.Invalid and a
// *Difference (errors.As); it is in Report.First too. A signature that does not hold
// is fault.Unauthentic; a failure of r itself is fault.Unavailable. The log is read
// once, in constant memory. progress may be nil; it is told the entries read so far,
// every few thousand and at the end.
func VerifyExport(r io.Reader, checkpoint []byte, publicKey string, progress func(n int64)) (Report, error) {
	return VerifyConsistency(r, [][]byte{checkpoint}, publicKey, progress)
}

// VerifyConsistency is VerifyExport with several checkpoints of one log, in any order:
// it checks that each is the root of its beginning of the export, so that all of them
// belong to one history. Where they do not, the difference lies between the last
// checkpoint that holds and the first that does not.
func VerifyConsistency(r io.Reader, checkpoints [][]byte, publicKey string, progress func(n int64)) (Report, error) {
	rep := Report{Checkpoints: []Checkpoint{}}
	want, err := openAll(checkpoints, publicKey)
	if err != nil {
		if d, ok := errors.AsType[*Difference](err); ok {
			rep.First = d
		}
		return rep, err
	}
	rep.Origin = want[0].Origin
	if progress == nil {
		progress = func(int64) {}
	}
	if err := follow(r, want, &rep, progress); err != nil {
		d, ok := errors.AsType[*Difference](err)
		if !ok {
			return rep, err
		}
		rep.First = d
		return rep, fault.Wrap(fault.Invalid, d, "the export is not the log that was signed: %s", d.Error())
	}
	return rep, nil
}

// openAll opens checkpoints and sorts them by size. Two of one size must have one root.
func openAll(signed [][]byte, publicKey string) ([]Checkpoint, error) {
	if len(signed) == 0 || len(signed) > MaxCheckpoints {
		return nil, fault.At(fault.Invalid, "checkpoint", "%d checkpoints were given; give 1 to %d", len(signed), MaxCheckpoints)
	}
	v, err := parsePublic(publicKey)
	if err != nil {
		return nil, err
	}
	want := make([]Checkpoint, len(signed))
	for i, s := range signed {
		if want[i], err = open(s, v); err != nil {
			if len(signed) > 1 {
				return nil, fault.Wrap(fault.Of(err), err, "checkpoint %d of %d: %s", i+1, len(signed), fault.Public(err))
			}
			return nil, err
		}
	}
	slices.SortStableFunc(want, func(a, b Checkpoint) int {
		return cmp.Or(cmp.Compare(a.Size, b.Size), a.At.Compare(b.At))
	})
	for i := 1; i < len(want); i++ {
		if a, b := want[i-1], want[i]; a.Size == b.Size && a.Root != b.Root {
			d := &Difference{What: BadFork, Line: a.Size, To: max(a.Size-1, 0),
				Text: fmt.Sprintf("two checkpoints of %d entries, of %s and %s, have different roots: the log was shown in two versions", a.Size, a.At.Format("2006-01-02T15:04:05.000Z"), b.At.Format("2006-01-02T15:04:05.000Z"))}
			return nil, fault.Wrap(fault.Invalid, d, "the checkpoints contradict each other: %s", d.Error())
		}
	}
	return want, nil
}

// follow reads the export and compares it with the checkpoints, which rise in size.
func follow(r io.Reader, want []Checkpoint, rep *Report, progress func(int64)) error {
	in := bufio.NewReaderSize(r, MaxLine)
	var tree frontier
	defer func() {
		rep.Entries, rep.Root = tree.size, tree.root()
		rep.Uncovered = rep.Entries - rep.Covered
		progress(rep.Entries)
	}()
	for {
		for len(want) > 0 && want[0].Size == tree.size {
			c := want[0]
			want = want[1:]
			if c.Root != tree.root() {
				return &Difference{What: BadRoot, Line: tree.size, From: min(rep.Covered, max(tree.size-1, 0)), To: max(tree.size-1, 0),
					Text: fmt.Sprintf("the root of these %d entries is %s, the checkpoint has %s: an entry was altered or replaced together with its hash", tree.size, tree.root(), c.Root)}
			}
			rep.Covered = c.Size
			rep.Checkpoints = append(rep.Checkpoints, c)
		}
		raw, err := in.ReadSlice('\n')
		switch {
		case err == io.EOF && len(raw) == 0:
			if len(want) > 0 {
				last := want[len(want)-1]
				return &Difference{What: BadSize, Line: tree.size + 1, From: tree.size, To: last.Size - 1,
					Text: fmt.Sprintf("the export ends after %d entries, the checkpoint has %d", tree.size, last.Size)}
			}
			return nil
		case err == io.EOF:
			return exactly(BadLine, tree.size, "the line has no line feed: the file was cut off")
		case errors.Is(err, bufio.ErrBufferFull):
			return exactly(BadLine, tree.size, fmt.Sprintf("the line is longer than %d bytes", MaxLine))
		case err != nil:
			return fault.Wrap(fault.Unavailable, err, "the export could not be read after line %d", tree.size)
		}
		h, d := entryHash(raw[:len(raw)-1], tree.size)
		if d != nil {
			return d
		}
		tree.add(h)
		if tree.size%progressEvery == 0 {
			progress(tree.size)
		}
	}
}

// entryHash checks one line by itself and gives the hash of its leaf.
func entryHash(raw []byte, seq int64) (Hash, *Difference) {
	if bytes.HasSuffix(raw, []byte("\r")) {
		return Hash{}, exactly(BadLine, seq, "the line ends with CR LF: the file was rewritten on the way")
	}
	l, wrong := parseLine(raw)
	if wrong != "" {
		return Hash{}, exactly(BadLine, seq, "the line is not one of an export: "+wrong)
	}
	switch {
	case l.seq > seq:
		return Hash{}, exactly(BadSeq, seq, fmt.Sprintf("entry %d stands where %d belongs: it was moved, or entries are missing", l.seq, seq))
	case l.seq < seq:
		return Hash{}, exactly(BadSeq, seq, fmt.Sprintf("entry %d stands where %d belongs: it is there twice, or was moved", l.seq, seq))
	case seq >= MaxSize:
		return Hash{}, exactly(BadSeq, seq, "a log has no more entries than that")
	}
	h := LeafHash(l.leaf)
	if !l.has(h) {
		return Hash{}, exactly(BadHash, seq, fmt.Sprintf("the leaf has the hash %s, the line says %q: one of the two was altered", h, l.hash))
	}
	e, err := ParseLeaf(l.leaf)
	if err != nil {
		return Hash{}, exactly(BadLeaf, seq, fault.Public(err))
	}
	if e.Seq != seq {
		return Hash{}, exactly(BadLeaf, seq, fmt.Sprintf("the leaf says that it is entry %d", e.Seq))
	}
	return h, nil
}

func exactly(w What, seq int64, text string) *Difference {
	return &Difference{What: w, Line: seq + 1, From: seq, To: seq, Text: text}
}

// frontier is a tree of which only the roots of the full subtrees are kept, the
// largest first: all that growing and a root need. Their sizes are the bits of size.
type frontier struct {
	size  int64
	roots []Hash
}

func (f *frontier) add(h Hash) {
	for s := f.size; s&1 == 1; s >>= 1 {
		last := len(f.roots) - 1
		h = tlog.NodeHash(f.roots[last], h)
		f.roots = f.roots[:last]
	}
	f.roots = append(f.roots, h)
	f.size++
}

func (f *frontier) root() Hash {
	if f.size == 0 {
		h, _ := tlog.TreeHash(0, nil) // without entries nothing is read, so nothing fails
		return h
	}
	h := f.roots[len(f.roots)-1]
	for i := len(f.roots) - 2; i >= 0; i-- {
		h = tlog.NodeHash(f.roots[i], h)
	}
	return h
}
