package audit

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/assayhq/assay/fault"
)

// MaxCheckpoint is the most bytes of a signed checkpoint: its text and the
// signatures of many witnesses.
const MaxCheckpoint = 16 << 10

// Checkpoint is what the log was at a time. Its zero value is a log of no entries
// that nobody signed.
type Checkpoint struct {
	Origin string    `json:"origin"` // the log's name
	Size   int64     `json:"size"`   // entries
	Root   Hash      `json:"root"`   // of the tree over them
	At     time.Time `json:"at"`     // when it was signed by the signer's clock, to the millisecond
}

// text is the text that is signed: four lines, origin, size, root in base64 and the
// word time with Unix milliseconds. The first three are those of a transparency log's
// checkpoint (C2SP tlog-checkpoint), so that public witnesses can sign it too.
func (c Checkpoint) text() string {
	b := append(make([]byte, 0, 128), c.Origin...)
	b = append(b, '\n')
	b = strconv.AppendInt(b, c.Size, 10)
	b = append(b, '\n')
	b = append(b, c.Root.String()...)
	b = append(b, "\ntime "...)
	b = strconv.AppendInt(b, c.At.UnixMilli(), 10)
	return string(append(b, '\n'))
}

// Sign computes the root over the first size entries and signs it for the time at.
// last is the checkpoint that the log signed before, or the zero value: when the
// stored hashes do not extend it, they were changed behind the log's back, and Sign
// refuses with fault.Conflict rather than sign two histories.
func Sign(last Checkpoint, size int64, at time.Time, r Hashes, s *Signer) (signed []byte, c Checkpoint, err error) {
	root, err := Root(size, r)
	if err != nil {
		return nil, Checkpoint{}, err
	}
	if y := at.UTC().Year(); y < 1970 || y > 9999 {
		return nil, Checkpoint{}, fault.At(fault.Invalid, "at", "the time has the year %d; give one from 1970 to 9999", y)
	}
	c = Checkpoint{Origin: s.name, Size: size, Root: root, At: time.UnixMilli(at.UnixMilli()).UTC()}
	if last != (Checkpoint{}) {
		if err := extends(last, c, r); err != nil {
			return nil, Checkpoint{}, err
		}
	}
	n := note.Note{Text: c.text()}
	if signed, err = note.Sign(&n, s.signer); err != nil {
		return nil, Checkpoint{}, fault.Wrap(fault.Internal, err, "the checkpoint could not be signed")
	}
	return signed, c, nil
}

func extends(last, c Checkpoint, r Hashes) error {
	if c.Size < last.Size {
		return fault.At(fault.Conflict, "size", "the log has %d entries, fewer than the %d signed before: entries were dropped", c.Size, last.Size)
	}
	p, err := ProveConsistency(last.Size, c.Size, r)
	if err != nil {
		return err
	}
	if err := p.Check(last, c); err != nil {
		return fault.Wrap(fault.Conflict, err, "the stored log of %d entries does not extend the one of %d signed before", c.Size, last.Size)
	}
	return nil
}

var errCheckpoint = errors.New("malformed checkpoint")

// Open verifies a signed checkpoint with the log's public key and reads it. A
// signature that does not verify, or by another key, is fault.Unauthentic. Signatures
// of witnesses may stand beside the log's own; they are not judged.
func Open(signed []byte, publicKey string) (Checkpoint, error) {
	v, err := parsePublic(publicKey)
	if err != nil {
		return Checkpoint{}, err
	}
	return open(signed, v)
}

func open(signed []byte, v note.Verifier) (Checkpoint, error) {
	if len(signed) > MaxCheckpoint {
		return Checkpoint{}, fault.New(fault.TooLarge, "the checkpoint has %d bytes; at most %d fit", len(signed), MaxCheckpoint)
	}
	n, err := note.Open(signed, note.VerifierList(v))
	if _, bad := errors.AsType[*note.InvalidSignatureError](err); bad {
		return Checkpoint{}, fault.Wrap(fault.Unauthentic, err, "the checkpoint was altered: its signature does not fit its text")
	}
	if _, other := errors.AsType[*note.UnverifiedNoteError](err); other {
		return Checkpoint{}, fault.Wrap(fault.Unauthentic, err, "the checkpoint is not signed by the key %s+%08x", v.Name(), v.KeyHash())
	}
	if err != nil {
		return Checkpoint{}, fault.Wrap(fault.Invalid, err, "the checkpoint is not a signed note: text, an empty line, signatures")
	}
	if !strict(n) {
		return Checkpoint{}, fault.Wrap(fault.Unauthentic, errCheckpoint, "a signature of the checkpoint is not written in canonical base64")
	}
	c, ok := parseText(n.Text)
	if !ok {
		return Checkpoint{}, fault.Wrap(fault.Invalid, errCheckpoint, "the signed text is not an audit checkpoint: origin, size, root, time")
	}
	if c.Origin != v.Name() {
		return Checkpoint{}, fault.Wrap(fault.Unauthentic, errCheckpoint, "the checkpoint is of the log %q, the key of %q", c.Origin, v.Name())
	}
	return c, nil
}

// yearTenThousand is in Unix milliseconds.
const yearTenThousand = 253402300800000

func parseText(text string) (Checkpoint, bool) {
	lines := strings.Split(text, "\n")
	if len(lines) != 5 {
		return Checkpoint{}, false
	}
	size, err1 := strconv.ParseInt(lines[1], 10, 64)
	root, err2 := tlog.ParseHash(lines[2])
	after, isTime := strings.CutPrefix(lines[3], "time ")
	ms, err3 := strconv.ParseInt(after, 10, 64)
	if err1 != nil || err2 != nil || err3 != nil || !isTime || checkSize(size) != nil || ms < 0 || ms >= yearTenThousand {
		return Checkpoint{}, false
	}
	c := Checkpoint{Origin: lines[0], Size: size, Root: root, At: time.UnixMilli(ms).UTC()}
	return c, c.text() == text // one way to write it: no +7, no 007
}
