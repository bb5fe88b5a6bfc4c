package audit

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/assayhq/assay/fault"
)

// Bounds of an entry. They keep a leaf well below what a store holds in one record
// and a line of an export below what a checker reads at once.
const (
	// MaxLeaf is the most bytes of a leaf.
	MaxLeaf = 64 << 10
	// MaxName is the most bytes of an actor, an action, an organisation, a subject, a
	// request or a name in Detail.
	MaxName = 256
	// MaxDetails is the most values in Detail.
	MaxDetails = 64
	// MaxSize is the most entries of a log. Sizes and positions come from proofs and
	// files that anybody may have written, and the arithmetic of tlog does not end near
	// the largest int64.
	MaxSize = 1 << 40
	// MaxEpoch is the largest epoch: the last integer that every reader of JSON keeps
	// exactly (RFC 8785, 3.2.2.3).
	MaxEpoch = 1<<53 - 1
)

// Entry is one thing that happened, and who made it happen.
type Entry struct {
	Seq     int64     // position in the log, from 0 without a gap; Append assigns it
	At      time.Time // by the clock of whoever wrote the entry; kept to the nanosecond, in UTC
	Actor   string    // who: a key id, a person, or a part of the program such as schedule
	Action  string    // what, as dotted words: key.created, key.revoked, ring.rotated
	Org     string    // whose log it belongs to; may be empty
	Subject string    // what it was done to, such as a key or a ring; may be empty
	Request string    // id of the request that asked for it; may be empty
	Epoch   int64     // change of the store that it came with; 0 when there was none
	// Detail holds whatever else is worth knowing, under names such as old_key. The
	// values are opaque here: the caller seals those that are personal.
	Detail map[string]string
}

// Check tells what about an entry keeps it out of a log.
func (e Entry) Check() error { return e.check(e.names()) }

// names gives the names in Detail in order.
func (e Entry) names() []string {
	if len(e.Detail) == 0 {
		return nil
	}
	names := make([]string, 0, len(e.Detail))
	for k := range e.Detail {
		names = append(names, k)
	}
	slices.Sort(names)
	return names
}

// check is Check for a caller that has the names in order already.
func (e Entry) check(names []string) error {
	if e.Seq < 0 || e.Seq >= MaxSize {
		return fault.At(fault.Invalid, "seq", "seq %d is outside 0..%d", e.Seq, int64(MaxSize-1))
	}
	if y := e.At.UTC().Year(); y < 1970 || y > 9999 {
		return fault.At(fault.Invalid, "at", "the time has the year %d; give one from 1970 to 9999", y)
	}
	if e.Epoch < 0 || e.Epoch > MaxEpoch {
		return fault.At(fault.Invalid, "epoch", "epoch %d is outside 0..%d", e.Epoch, int64(MaxEpoch))
	}
	for _, f := range []struct{ name, value string }{
		{"actor", e.Actor}, {"action", e.Action}, {"org", e.Org}, {"subject", e.Subject}, {"request", e.Request},
	} {
		if len(f.value) > MaxName {
			return fault.At(fault.Invalid, f.name, "%s has %d bytes; at most %d fit", f.name, len(f.value), MaxName)
		}
		if !utf8.ValidString(f.value) {
			return fault.At(fault.Invalid, f.name, "%s is not valid UTF-8", f.name)
		}
	}
	if e.Actor == "" {
		return fault.At(fault.Invalid, "actor", "an entry needs an actor: a key, a person, or the part of the program that acted")
	}
	if !isAction(e.Action) {
		return fault.At(fault.Invalid, "action", "action %q is not two or more lower-case words with dots between, such as key.created", e.Action)
	}
	if len(e.Detail) > MaxDetails {
		return fault.At(fault.Invalid, "detail", "%d details; at most %d fit", len(e.Detail), MaxDetails)
	}
	for _, k := range names { // in order, so that the same entry gives the same error
		if len(k) > MaxName || !isWord(k, "_.-") {
			return fault.At(fault.Invalid, "detail", "detail name %.64q is not of the form a-z, then a-z 0-9 _ . -, of at most %d bytes", k, MaxName)
		}
		if !utf8.ValidString(e.Detail[k]) { // the value may be private: only its name is told
			return fault.At(fault.Invalid, "detail."+k, "the value of detail %s is not valid UTF-8; encode bytes as base64", k)
		}
	}
	return nil
}

// isAction tells whether s is two or more words with dots between.
func isAction(s string) bool {
	word, rest, dotted := strings.Cut(s, ".")
	if !dotted {
		return false
	}
	for ; dotted; word, rest, dotted = strings.Cut(rest, ".") {
		if !isWord(word, "_") {
			return false
		}
	}
	return isWord(word, "_")
}

// isWord tells whether s is a letter a-z and then letters, digits and marks. It is a
// loop because a check of a long export asks it some millions of times.
func isWord(s, marks string) bool {
	if s == "" || s[0] < 'a' || s[0] > 'z' {
		return false
	}
	for i := 1; i < len(s); i++ {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && strings.IndexByte(marks, c) < 0 {
			return false
		}
	}
	return true
}
