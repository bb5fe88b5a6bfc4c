package audit

import (
	"golang.org/x/mod/sumdb/tlog"

	"github.com/assayhq/assay/fault"
)

// maxPath is more than any proof over MaxSize entries holds.
const maxPath = 96

// Inclusion proves that an entry is in a log (RFC 6962, 2.1.1). It goes as JSON.
type Inclusion struct {
	Seq  int64  `json:"seq"`  // the entry's position
	Size int64  `json:"size"` // of the log whose root it leads to
	Path []Hash `json:"path"` // from the leaf up, in base64
}

// Prove proves that the log of size entries holds the entry at seq. It reads at most
// about 80 hashes, in one call.
func Prove(seq, size int64, r Hashes) (Inclusion, error) {
	if err := checkSize(size); err != nil {
		return Inclusion{}, err
	}
	if seq < 0 || seq >= size {
		return Inclusion{}, fault.At(fault.Invalid, "seq", "entry %d is not in a log of %d entries", seq, size)
	}
	p, err := tlog.ProveRecord(size, seq, r)
	if err != nil {
		return Inclusion{}, unread(err)
	}
	return Inclusion{Seq: seq, Size: size, Path: p}, nil
}

// Check tells whether the proof leads from the leaf to the root of the checkpoint. The
// checkpoint must come from Open. Nil means that the leaf is the entry at its seq.
func (p Inclusion) Check(c Checkpoint, leaf []byte) error {
	e, err := ParseLeaf(leaf)
	if err != nil {
		return err
	}
	switch {
	case p.Size != c.Size:
		return fault.At(fault.Invalid, "size", "the proof is for %d entries, the checkpoint of %d", p.Size, c.Size)
	case checkSize(p.Size) != nil || p.Seq < 0 || p.Seq >= p.Size:
		return fault.At(fault.Invalid, "seq", "entry %d is not in a log of %d entries", p.Seq, p.Size)
	case e.Seq != p.Seq:
		return fault.At(fault.Invalid, "seq", "the proof is for entry %d, the leaf is entry %d", p.Seq, e.Seq)
	case len(p.Path) > maxPath:
		return fault.At(fault.TooLarge, "path", "the proof has %d hashes; none needs more than %d", len(p.Path), maxPath)
	}
	if err := tlog.CheckRecord(p.Path, p.Size, c.Root, p.Seq, LeafHash(leaf)); err != nil {
		return fault.Wrap(fault.Invalid, err, "entry %d as given is not in the log of %d entries that the checkpoint signs", p.Seq, p.Size)
	}
	return nil
}

// Consistency proves that a log only grew from one size to another (RFC 6962, 2.1.2).
// It goes as JSON.
type Consistency struct {
	From int64  `json:"from"` // the older size
	To   int64  `json:"to"`   // the newer size
	Path []Hash `json:"path"` // in the order of RFC 6962, in base64
}

// ProveConsistency proves that the log of to entries begins with the log of from
// entries. It reads at most about 80 hashes, in one call.
func ProveConsistency(from, to int64, r Hashes) (Consistency, error) {
	if err := checkSize(to); err != nil {
		return Consistency{}, err
	}
	if from < 0 || from > to {
		return Consistency{}, fault.At(fault.Invalid, "from", "a log of %d entries has no beginning of %d", to, from)
	}
	if from == 0 { // every log begins with the empty one, and tlog does not prove it
		return Consistency{To: to, Path: []Hash{}}, nil
	}
	p, err := tlog.ProveTree(to, from, r)
	if err != nil {
		return Consistency{}, unread(err)
	}
	return Consistency{From: from, To: to, Path: p}, nil
}

// Check tells whether the newer checkpoint is of the log of the older one, with
// entries only added. Both must come from Open, with the same key.
func (p Consistency) Check(older, newer Checkpoint) error {
	switch {
	case older.Origin != newer.Origin:
		return fault.At(fault.Invalid, "origin", "the checkpoints are of two logs, %q and %q", older.Origin, newer.Origin)
	case p.From != older.Size || p.To != newer.Size:
		return fault.At(fault.Invalid, "size", "the proof is from %d to %d entries, the checkpoints from %d to %d", p.From, p.To, older.Size, newer.Size)
	case checkSize(p.To) != nil || p.From < 0 || p.From > p.To:
		return fault.At(fault.Invalid, "from", "a log of %d entries has no beginning of %d", p.To, p.From)
	case len(p.Path) > maxPath:
		return fault.At(fault.TooLarge, "path", "the proof has %d hashes; none needs more than %d", len(p.Path), maxPath)
	}
	if p.From == 0 {
		// tlog has no proof from nothing: what is left to check is that what is empty has
		// the root of the empty log.
		empty, _ := tlog.TreeHash(0, nil) // reads nothing, so nothing fails
		if len(p.Path) > 0 || older.Root != empty || p.To == 0 && newer.Root != empty {
			return fault.New(fault.Invalid, "the proof from an empty log does not hold")
		}
		return nil
	}
	if err := tlog.CheckTree(p.Path, p.To, newer.Root, p.From, older.Root); err != nil {
		return fault.Wrap(fault.Invalid, err, "the log of %d entries is not a continuation of the one of %d: history was changed between them", p.To, p.From)
	}
	return nil
}
