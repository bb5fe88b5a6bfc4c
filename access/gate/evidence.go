package gate

import (
	"context"
	"strconv"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/audit"
	"github.com/assayhq/assay/access/rotation"
	"github.com/assayhq/assay/fault"
)

// What the audit log tells and what proves it: proofs against signed checkpoints, and
// the way in for those who change other things than keys.

// requestKey is where a context keeps the id of the request that changes something.
type requestKey struct{}

// WithRequest gives a context that knows the id of its request, for the audit log.
func WithRequest(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestKey{}, id)
}

// ByOf is who asks and with which request, as far as a context knows.
func ByOf(ctx context.Context) By {
	id, _ := ctx.Value(requestKey{}).(string)
	return By{Caller: Caller(ctx), Request: id}
}

// Deed is something that somebody did to a thing that is no ring: an endpoint, an
// account, a role.
type Deed struct {
	Action  string // dotted words, such as webhook.created
	Org     string // whose log it belongs to; may be empty
	App     string
	Subject string            // what it was done to
	Detail  map[string]string // no secrets, nothing personal
}

// Note puts a deed into the audit log, in the transaction of the change that it tells
// of: whoever changes something in tx calls it there, so that there is neither without
// the other.
func (g *Gate) Note(tx access.Tx, by By, d Deed) error {
	r := &access.Ring{ID: d.Subject, Org: d.Org, App: d.App}
	return g.journal(tx, by, r, []rotation.Event{{Type: d.Action, Detail: d.Detail}}, g.moment())
}

// Reviewed records that somebody looked at who has access, of one organisation or of all
// for "".
func (g *Gate) Reviewed(ctx context.Context, by By, org, note string) error {
	subject := org
	if subject == "" {
		subject = "installation"
	}
	_, err := g.store.Change(ctx, func(tx access.Tx) error {
		return g.Note(tx, by, Deed{Action: "access.reviewed", Org: org, Subject: subject, Detail: map[string]string{"note": note}})
	})
	return unavailableOr(err)
}

// Inclusion proves that one entry is in the audit log.
type Inclusion struct {
	Note   []byte // signed checkpoint whose root the proof leads to
	Public string // verifies the note
	Leaf   []byte // the entry's canonical JSON
	Proof  audit.Inclusion
}

// Inclusion proves the entry at seq against the latest checkpoint, which is signed now
// when it does not cover the entry. Another organisation's entry does not exist for org;
// "" is the operator.
func (g *Gate) Inclusion(ctx context.Context, org string, seq int64) (p Inclusion, err error) {
	if seq < 0 || seq >= audit.MaxSize {
		return p, fault.At(fault.Invalid, "entry", "entries are numbered from 0")
	}
	s, err := g.signer(ctx)
	if err != nil {
		return p, err
	}
	p.Public = s.PublicKey()
	for try := 0; ; try++ {
		covered := false
		err := g.store.View(ctx, func(tx access.Tx) error {
			rec, err := tx.Get(kindLeaf, number(seq))
			if err != nil {
				if fault.Of(err) == fault.Unknown {
					return noEntry(seq)
				}
				return err
			}
			e, err := audit.ParseLeaf(rec.Body)
			if err != nil {
				return fault.Wrap(fault.Internal, err, "entry %d of the audit log cannot be read", seq)
			}
			if org != "" && e.Org != org {
				return noEntry(seq)
			}
			p.Leaf = rec.Body
			sealed, err := tx.Get(kindAudit, "checkpoint")
			if err != nil {
				if fault.Of(err) == fault.Unknown {
					return nil
				}
				return err
			}
			c, err := audit.Open(sealed.Body, p.Public)
			if err != nil {
				return fault.Wrap(fault.Internal, err, "the latest checkpoint cannot be opened")
			}
			if covered = seq < c.Size; covered {
				p.Note = sealed.Body
				p.Proof, err = audit.Prove(seq, c.Size, txHashes{tx})
			}
			return err
		})
		if err != nil || covered {
			return p, unavailableOr(err)
		}
		if try > 0 {
			return p, fault.New(fault.Unavailable, "entry %s is not in the latest checkpoint; try again in a moment", strconv.FormatInt(seq, 10))
		}
		if _, _, err := g.Checkpoint(ctx); err != nil {
			return p, err
		}
	}
}

func noEntry(seq int64) error {
	return fault.At(fault.Unknown, "entry", "the audit log has no entry %d of this organisation", seq)
}

// Consistency proves that the audit log of to entries begins with the one of from
// entries. to 0 is the log of the latest checkpoint.
func (g *Gate) Consistency(ctx context.Context, from, to int64) (p audit.Consistency, err error) {
	s, err := g.signer(ctx)
	if err != nil {
		return p, err
	}
	err = g.store.View(ctx, func(tx access.Tx) error {
		size, err := auditSize(tx)
		if err != nil {
			return err
		}
		if to == 0 {
			rec, err := tx.Get(kindAudit, "checkpoint")
			if err != nil {
				if fault.Of(err) == fault.Unknown {
					return fault.At(fault.Unknown, "to", "no checkpoint was signed yet: ask for one first")
				}
				return err
			}
			c, err := audit.Open(rec.Body, s.PublicKey())
			if err != nil {
				return fault.Wrap(fault.Internal, err, "the latest checkpoint cannot be opened")
			}
			to = c.Size
		}
		if to > size {
			return fault.At(fault.Unknown, "to", "the audit log has %d entries, not %d", size, to)
		}
		p, err = audit.ProveConsistency(from, to, txHashes{tx})
		return err
	})
	return p, unavailableOr(err)
}

// AuditSize is the number of entries in the audit log.
func (g *Gate) AuditSize(ctx context.Context) (n int64, err error) {
	err = g.store.View(ctx, func(tx access.Tx) error {
		n, err = auditSize(tx)
		return err
	})
	return n, unavailableOr(err)
}
