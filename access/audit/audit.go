// Package audit is a log of who did what that cannot be changed unseen: entries are
// the leaves of a Merkle tree (RFC 6962, through golang.org/x/mod/sumdb/tlog), and
// the root of the tree is signed from time to time (Ed25519 notes, through
// golang.org/x/mod/sumdb/note). Whoever keeps a signed checkpoint can later tell
// whether an entry was altered, dropped, moved or slipped in, with nothing but an
// export and the public key.
//
// It encodes entries, computes the hashes that an append adds, signs and opens
// checkpoints, makes and checks proofs of inclusion and consistency, and checks
// exports. It never stores anything, reads no clock and talks to nobody: leaves and
// hashes are written by the caller, in the transaction of the change that they tell
// of. It does not decide what is personal either: a caller seals such values in
// Detail before appending, under a key per person, and erases them by destroying that
// key; the leaf, and with it every proof, stays as it was.
//
// What always holds: an entry has exactly one leaf and a leaf exactly one entry; a
// check that returns no error has compared every byte it was given, in the part that
// the checkpoint covers and after it; no input of any size or content makes a check
// panic, run without end, or hold more than one line and one hash per level in memory.
// What cannot be told: whether entries after the last checkpoint that left the house
// are all there. So checkpoints are handed out often, to somebody else.
//
// access/gate appends and signs, api serves proofs and exports, and the command line
// checks exports offline.
package audit

import (
	"golang.org/x/mod/sumdb/tlog"

	"github.com/assayhq/assay/fault"
)

// Hash is a SHA-256 hash of a leaf or of a node above (RFC 6962, 2.1). As text and in
// JSON it is standard base64.
type Hash = tlog.Hash

// Hashes reads stored hashes. tlog.HashReaderFunc makes one of a function.
type Hashes interface {
	// ReadHashes gives the hashes at these indexes, in the order asked for, or an error
	// when any is missing. There are at most about 80 indexes.
	ReadHashes(indexes []int64) ([]Hash, error)
}

// Addition is what an append adds to the log. The caller writes all of it or nothing.
type Addition struct {
	Seq    int64  // the leaf's position
	Leaf   []byte // the entry's canonical JSON
	First  int64  // index at which the first of Hashes is stored; the others follow
	Hashes []Hash // the hash of the leaf, then of each subtree that it completes
}

// Append computes what the entry e adds to a log of seq entries; e.Seq is set to seq.
// It reads at most 40 hashes. Two appends to the same log must not run side by side:
// that is what the caller's transaction is for.
func Append(seq int64, e Entry, r Hashes) (Addition, error) {
	e.Seq = seq
	leaf, err := e.Leaf()
	if err != nil {
		return Addition{}, err
	}
	hashes, err := tlog.StoredHashes(seq, leaf, r)
	if err != nil {
		return Addition{}, unread(err)
	}
	return Addition{Seq: seq, Leaf: leaf, First: FirstHash(seq), Hashes: hashes}, nil
}

// FirstHash is the index of the hash of the leaf at seq; the hashes of the subtrees
// that the leaf completes follow it.
func FirstHash(seq int64) int64 { return tlog.StoredHashIndex(0, seq) }

// HashCount is the number of hashes that a log of so many entries stores.
func HashCount(size int64) int64 { return tlog.StoredHashCount(size) }

// Root is the root of the tree over the first size entries. That of no entries is the
// hash of nothing (RFC 6962, 2.1).
func Root(size int64, r Hashes) (Hash, error) {
	if err := checkSize(size); err != nil {
		return Hash{}, err
	}
	h, err := tlog.TreeHash(size, r)
	if err != nil {
		return Hash{}, unread(err)
	}
	return h, nil
}

// LeafHash is the hash of a leaf: SHA-256 of a zero byte and the leaf.
func LeafHash(leaf []byte) Hash { return tlog.RecordHash(leaf) }

func checkSize(size int64) error {
	if size < 0 || size > MaxSize {
		return fault.At(fault.Invalid, "size", "size %d is outside 0..%d", size, int64(MaxSize))
	}
	return nil
}

// unread keeps the kind that the caller's reader gave its error.
func unread(err error) error {
	return fault.Wrap(fault.Of(err), err, "the stored hashes of the audit log could not be read")
}
