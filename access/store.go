package access

import (
	"context"
	"regexp"
	"time"

	"github.com/assayhq/assay/fault"
)

// Record is one thing the control plane remembers: a ring, a plan, a leaf of the
// audit log. Its body means something to whoever wrote it.
type Record struct {
	Kind  string
	ID    string
	Body  []byte // nil: it was deleted
	Epoch int64  // the change that wrote it last
}

// Tx is a look at the records, or a change of them, in one transaction.
type Tx interface {
	// Epoch is that of this change, or of the last one in a View.
	Epoch() int64
	// Get gives fault.Unknown when there is none.
	Get(kind, id string) (Record, error)
	// List gives at most limit records of a kind with ids above after, in order of id.
	List(kind, after string, limit int) ([]Record, error)
	// Put and Delete are of a Change only. A body is at most MaxBody bytes. What is deleted
	// is told by Since, except of kinds that begin with "_": they are many, nobody follows
	// them, and nothing of them stays.
	Put(kind, id string, body []byte) error
	Delete(kind, id string) error
}

// PurgedKind and PurgedID name the record in which a store that keeps its records in a
// table remembers, as its epoch, the last mark of deletion that it purged.
const PurgedKind, PurgedID = "_purged", "floor"

// MaxBody is the most a record may hold.
const MaxBody = 1 << 20

// name is what a kind, an id or the id of a node may be.
var name = regexp.MustCompile(`^[A-Za-z0-9._:/-]{1,200}$`)

// MaxPage bounds how many records one answer may be asked to hold.
const MaxPage = 100_000

// ValidName tells whether a record or a node can have it as a kind or an id.
func ValidName(s string) bool { return name.MatchString(s) }

// CheckRecord refuses kinds and ids that no record can have, as every Store does.
func CheckRecord(kind, id string) error {
	if !ValidName(kind) {
		return fault.At(fault.Invalid, "kind", "a kind is 1 to 200 of A-Z a-z 0-9 . _ : / -; %.40q is not", kind)
	}
	if !ValidName(id) {
		return fault.At(fault.Invalid, "id", "an id is 1 to 200 of A-Z a-z 0-9 . _ : / -; %.40q is not", id)
	}
	return nil
}

// CheckLimit refuses limits of List and Since outside 1 to MaxPage.
func CheckLimit(limit int) error {
	if limit < 1 || limit > MaxPage {
		return fault.At(fault.Invalid, "limit", "a limit is 1 to %d, not %d", MaxPage, limit)
	}
	return nil
}

// Store remembers the control plane. Changes are ordered: each that wrote something
// has the next epoch, without a gap, and whoever knows the epoch n learns what came
// after it from Since. What Change wrote is durable when it returns.
type Store interface {
	// Change runs f in a serializable transaction; when f fails nothing is changed. It
	// gives the epoch of the change, or of the last one when f wrote nothing.
	Change(ctx context.Context, f func(Tx) error) (epoch int64, err error)
	// View runs f on one consistent state.
	View(ctx context.Context, f func(Tx) error) error
	// Since gives the records of the kinds that changed after an epoch, each once as it is
	// now, deleted ones too, in order of epoch, at most about limit; upTo is the epoch
	// that the caller knows afterwards, and more whether there is more to fetch.
	Since(ctx context.Context, epoch int64, kinds []string, limit int) (records []Record, upTo int64, more bool, err error)
	// Purge forgets at most limit marks of deleted records for good, and gives how many: those
	// that every node of the last day has applied. A node that was away for longer and knows only an earlier epoch
	// than one that was forgotten gets fault.Conflict of Since, and reads from 0. To purge is
	// no change: the epoch stays.
	Purge(ctx context.Context, limit int) (n int, err error)
	// Beat renews a node's lease for a time, by the store's clock, telling the epoch the
	// node has applied, and gives the latest epoch.
	Beat(ctx context.Context, n Node, lease time.Duration) (epoch int64, err error)
	// Nodes gives the nodes with the time that is left of their leases; those that have
	// been over for a day are forgotten.
	Nodes(ctx context.Context) ([]Node, error)
	// Hints wakes whoever waits when something may have changed. It may be late, silent or
	// wrong: it is never relied on. Nil when the store has none.
	Hints(ctx context.Context) (<-chan struct{}, error)
	Close() error
}

// Node is one process that decides with a copy of the keys.
type Node struct {
	ID    string        // made anew at each start
	Name  string        // host and address, for people
	Epoch int64         // applied
	Left  time.Duration // of the lease; at or below 0 the node has fenced itself
}
