// Package compliance makes the report that an auditor asks for: every key with its age,
// last use, end and scopes, how long old and new keys overlapped in each rotation, the
// receipt of each revocation, and what the CIS rules find wrong.
//
// It reads rings, uses and the audit log, and decides and changes nothing: a finding is
// for people. It never tells a secret, and of another organisation not even that it
// exists. What always holds: the same store at the same time gives the same report, byte
// for byte; a date that is not known is absent, never guessed. The audit log is read from
// its end back to a bound, and the report says from which entry on.
//
// api serves the report, the command line exports it.
package compliance

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/gate"
)

// Source is what a report is made from; *gate.Gate is one.
type Source interface {
	Now() time.Time
	Rings(ctx context.Context, org, app string) ([]access.Ring, error)
	LastUse(ctx context.Context, rings ...string) (map[string]time.Time, error)
	AuditSize(ctx context.Context) (int64, error)
	Audit(ctx context.Context, org string, from int64, limit int) ([]gate.AuditEntry, int64, error)
}

// The ages at which the CIS benchmarks ask for action.
const (
	day    = 24 * time.Hour
	Unused = 45 * day // a credential unused for longer is to be disabled
	Stale  = 90 * day // one unused for longer is a finding of the older benchmarks
	Old    = 90 * day // a key older than this is to be rotated
)

// maxEntries is how many of the last entries of the audit log are read.
const maxEntries = 200_000

// Report is the state of an organisation's credentials at a moment, and their history.
type Report struct {
	Made        time.Time
	Org         string // "": every organisation
	From        int64  // first entry of the audit log that was read; 0: all of it
	Keys        []Key
	Rotations   []Rotation
	Revocations []Revocation
	Reviews     []Review
	Findings    []Finding
}

// Key is one key of a ring.
type Key struct {
	ID, Ring, Name, Org, App, Env string
	Version                       int
	State                         string // as access.Key.Standing
	Scopes                        []access.Scope
	Created                       time.Time
	Age                           time.Duration // until the report, or until it ended
	LastUsed                      time.Time     // zero: no use is known
	Idle                          time.Duration // since the last use, or since it was made
	Expires                       time.Time     // zero: never
	Ended                         time.Time     // zero: accepted
	live                          bool
}

// Rotation is how one key followed another.
type Rotation struct {
	ID, Ring, Org string
	From, To      string // ids of keys; From "" when the log does not name it
	Began         time.Time
	Confirmed     time.Time // first use of the successor; zero: not seen
	Ended         time.Time // the old key was refused or the rotation given up; zero: under way
	End           string    // suspended, retired, revoked, rolled_back, withdrawn; "" under way
	Overlap       time.Duration
}

// Revocation is the receipt of one revocation.
type Revocation struct {
	Seq       int64 // of the receipt in the audit log
	Actor     string
	Keys      []string
	Cause     string
	Issued    time.Time // the change was stored; zero: outside of what was read
	Completed time.Time // the receipt was filed
	Took      time.Duration
	Acked     int // nodes that decided by it
	Fenced    int // nodes out of touch that decide nothing
	Pending   int // nodes that might still have accepted the keys: not 0 is an incomplete one
}

// Review is an access review that somebody confirmed.
type Review struct {
	Seq   int64
	At    time.Time
	Actor string
	Note  string
}

// Finding is a key that a rule asks to be looked at.
type Finding struct {
	Key, Ring string
	Rule      string // one of Rules
	Detail    string
}

// The rules of findings.
const (
	RuleUnused = "unused_45d"   // CIS: disable credentials unused for 45 days
	RuleStale  = "unused_90d"   // the same at 90 days
	RuleOld    = "older_90d"    // CIS: rotate keys every 90 days
	RuleNoEnd  = "no_expiry"    // accepted for ever, and not rotated by a schedule
	RuleWide   = "admin_scopes" // may act for every organisation or grant what it lacks
)

// Make makes the report of an organisation, of all for "".
func Make(ctx context.Context, src Source, org string) (*Report, error) {
	r := &Report{Made: src.Now().UTC().Truncate(time.Millisecond), Org: org, Keys: []Key{}, Rotations: []Rotation{}, Revocations: []Revocation{}, Reviews: []Review{}, Findings: []Finding{}}
	rings, err := src.Rings(ctx, org, "")
	if err != nil {
		return nil, err
	}
	slices.SortFunc(rings, func(a, b access.Ring) int {
		return cmp.Or(cmp.Compare(a.Org, b.Org), cmp.Compare(a.App, b.App), a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID))
	})
	ids := make([]string, len(rings))
	for i := range rings {
		ids[i] = rings[i].ID
	}
	used, err := src.LastUse(ctx, ids...)
	if err != nil {
		return nil, err
	}
	mine := map[string]bool{} // keys of the report
	for i := range rings {
		for j := range rings[i].Keys {
			k := r.key(&rings[i], &rings[i].Keys[j], used[rings[i].Keys[j].ID])
			mine[k.ID] = true
			r.Keys = append(r.Keys, k)
			r.judge(&rings[i], &k)
		}
	}
	return r, r.read(ctx, src, mine)
}

func (r *Report) key(ring *access.Ring, k *access.Key, used time.Time) Key {
	out := Key{ID: k.ID, Ring: ring.ID, Name: ring.Name, Org: ring.Org, App: ring.App, Env: ring.Env, Version: k.N, State: k.Standing(r.Made),
		Scopes: k.Scopes, Created: k.Created, LastUsed: used, Expires: k.Expires, live: k.Live(r.Made)}
	end := r.Made
	if !out.live {
		for _, t := range []time.Time{k.Ended, k.RetireAt, k.Expires} {
			if !t.IsZero() && !t.After(r.Made) {
				out.Ended, end = t, t
				break
			}
		}
	}
	out.Age = max(end.Sub(k.Created), 0)
	out.Idle = max(end.Sub(latest(used, k.Created)), 0)
	return out
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// judge finds what the rules say of an accepted key.
func (r *Report) judge(ring *access.Ring, k *Key) {
	if !k.live {
		return
	}
	found := func(rule, detail string) { r.Findings = append(r.Findings, Finding{k.ID, k.Ring, rule, detail}) }
	days := func(d time.Duration) string { return cmp.Or(itoa(int64(d/day)), "0") + " days" }
	switch {
	case k.Idle > Stale:
		found(RuleStale, "unused for "+days(k.Idle))
	case k.Idle > Unused:
		found(RuleUnused, "unused for "+days(k.Idle))
	}
	if k.Age > Old {
		found(RuleOld, "made "+days(k.Age)+" ago")
	}
	if k.Expires.IsZero() && ring.Policy.Every == 0 && ring.Policy.Lifetime == 0 {
		found(RuleNoEnd, "no expiry, no lifetime of its successors and no schedule")
	}
	if access.Has(k.Scopes, access.Admin) || access.Has(k.Scopes, access.KeysGrant) {
		found(RuleWide, "it has "+string(access.Admin)+" or "+string(access.KeysGrant))
	}
}
