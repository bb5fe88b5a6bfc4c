package gate

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/audit"
	"github.com/assayhq/assay/access/rotation"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/notify"
)

// The kinds of records of the audit log: a leaf by its number, a hash of the tree by
// its index, how many leaves there are, the latest checkpoint, and the signing key.
const (
	kindLeaf  = "_audit"
	kindHash  = "_audithash"
	kindAudit = "audit" // ids: size, checkpoint, signer
)

func number(n int64) string { return fmt.Sprintf("%019d", n) }

// journal writes what happened into the audit log and hands it to those who send
// notices, in the transaction that made it happen (R7).
func (g *Gate) journal(tx access.Tx, by By, r *access.Ring, events []rotation.Event, now time.Time) error {
	size, err := auditSize(tx)
	if err != nil {
		return err
	}
	h := txHashes{tx}
	for _, ev := range events {
		e := audit.Entry{At: now, Actor: by.who(), Action: ev.Type, Org: r.Org, Subject: r.ID, Request: by.Request, Epoch: tx.Epoch(), Detail: map[string]string{"app": r.App}}
		if e.Actor == "" {
			e.Actor = "operator"
		}
		if e.Subject == "" {
			e.Subject = r.Org + "/" + r.App
		}
		if ev.Key != "" {
			e.Detail["key"], e.Detail["version"] = ev.Key, fmt.Sprint(ev.N)
		}
		for k, v := range ev.Detail {
			e.Detail[k] = fmt.Sprintf("%.1000s", strings.ToValidUTF8(v, "?"))
		}
		a, err := audit.Append(size, e, h)
		if err != nil {
			return err
		}
		if err := tx.Put(kindLeaf, number(size), a.Leaf); err != nil {
			return err
		}
		for i := range a.Hashes {
			if err := tx.Put(kindHash, number(a.First+int64(i)), a.Hashes[i][:]); err != nil {
				return err
			}
		}
		size++
		if err := g.publish(tx, r, ev, now); err != nil {
			return err
		}
	}
	return tx.Put(kindAudit, "size", []byte(number(size)))
}

// publish hands an event to whoever sends notices, when it is one of those that are told.
func (g *Gate) publish(tx access.Tx, r *access.Ring, ev rotation.Event, now time.Time) error {
	if g.opt.Publish == nil || r.Org == "" {
		return nil
	}
	if _, told := notify.Types()[ev.Type]; !told {
		return nil
	}
	data, err := json.Marshal(struct {
		Ring    string            `json:"ring,omitempty"`
		Name    string            `json:"name,omitempty"`
		Key     string            `json:"key,omitempty"`
		Version int               `json:"version,omitempty"`
		Detail  map[string]string `json:"detail,omitempty"`
	}{r.ID, r.Name, ev.Key, ev.N, ev.Detail})
	if err != nil {
		return err
	}
	return g.opt.Publish(tx, notify.Event{ID: notify.NewID(), Type: ev.Type, At: now, Org: r.Org, App: r.App, Data: data})
}

func auditSize(tx access.Tx) (n int64, err error) {
	rec, err := tx.Get(kindAudit, "size")
	if err != nil {
		if fault.Of(err) == fault.Unknown {
			return 0, nil
		}
		return 0, err
	}
	if _, err := fmt.Sscanf(string(rec.Body), "%d", &n); err != nil {
		return 0, fault.Wrap(fault.Internal, err, "the size of the audit log cannot be read")
	}
	return n, nil
}

// txHashes reads the tree's hashes in a transaction.
type txHashes struct{ tx access.Tx }

// ReadHashes is audit.Hashes'.
func (t txHashes) ReadHashes(indexes []int64) ([]audit.Hash, error) {
	out := make([]audit.Hash, len(indexes))
	for i, x := range indexes {
		rec, err := t.tx.Get(kindHash, number(x))
		if err != nil {
			return nil, err
		}
		if copy(out[i][:], rec.Body) != len(out[i]) {
			return nil, fault.New(fault.Internal, "hash %d of the audit log has %d bytes", x, len(rec.Body))
		}
	}
	return out, nil
}

// AuditEntry is one entry with its number.
type AuditEntry struct {
	audit.Entry
	Leaf []byte
}

// Audit gives entries from one on, of an organisation (all for ""), at most limit, and
// the number to go on from.
func (g *Gate) Audit(ctx context.Context, org string, from int64, limit int) (out []AuditEntry, next int64, err error) {
	next = from
	err = g.store.View(ctx, func(tx access.Tx) error {
		out = nil
		for scanned := 0; len(out) < limit && scanned < 20_000; {
			after := ""
			if next > 0 {
				after = number(next - 1)
			}
			list, err := tx.List(kindLeaf, after, min(1000, 20_000-scanned))
			if err != nil || len(list) == 0 {
				return err
			}
			for _, rec := range list {
				e, err := audit.ParseLeaf(rec.Body)
				if err != nil {
					return fault.Wrap(fault.Internal, err, "entry %d of the audit log cannot be read", next)
				}
				scanned++
				next++
				if org == "" || e.Org == org {
					if out = append(out, AuditEntry{e, rec.Body}); len(out) == limit {
						return nil
					}
				}
			}
		}
		return nil
	})
	return out, next, unavailableOr(err)
}

func unavailableOr(err error) error {
	if err == nil {
		return nil
	}
	return unavailable(err)
}

// Export writes the whole audit log as lines that audit.VerifyExport reads.
func (g *Gate) Export(ctx context.Context, w io.Writer, progress func(int64)) (n int64, err error) {
	for {
		var list []access.Record
		var hashes []audit.Hash
		err := g.store.View(ctx, func(tx access.Tx) (err error) {
			after := ""
			if n > 0 {
				after = number(n - 1)
			}
			if list, err = tx.List(kindLeaf, after, 1000); err != nil {
				return err
			}
			at := make([]int64, len(list))
			for i := range list {
				at[i] = audit.FirstHash(n + int64(i))
			}
			hashes, err = txHashes{tx}.ReadHashes(at)
			return err
		})
		if err != nil {
			return n, unavailable(err)
		}
		if len(list) == 0 {
			return n, nil
		}
		var line []byte
		for i := range list {
			line = audit.AppendLine(line[:0], n, list[i].Body, hashes[i])
			if _, err := w.Write(line); err != nil {
				return n, err
			}
			n++
		}
		if progress != nil {
			progress(n)
		}
	}
}

// signer gives the key that signs checkpoints: the one that Options.Signer gives, or else
// one that is made at the first use and lies encrypted under the pepper in the store.
func (g *Gate) signer(ctx context.Context) (*audit.Signer, error) {
	const about = "wrap:audit signer"
	p := g.peppers.Load()
	if p == nil {
		return nil, stale()
	}
	var text string
	read := func(tx access.Tx) error {
		rec, err := tx.Get(kindAudit, "signer")
		if err != nil {
			return err
		}
		plain, ok := p.decrypt(rec.Body, about)
		if !ok {
			return fault.New(fault.Internal, "the signing key of the audit log cannot be opened: it was changed, or its pepper is gone")
		}
		text = string(plain)
		return nil
	}
	err := g.store.View(ctx, read)
	if g.opt.Signer != nil && (err == nil || fault.Of(err) == fault.Unknown) {
		given, err := g.opt.Signer(ctx, text)
		if err != nil {
			return nil, err
		}
		if given != "" {
			if given == text {
				_, err = g.store.Change(ctx, func(tx access.Tx) error { return tx.Delete(kindAudit, "signer") })
				if err != nil {
					return nil, unavailable(err)
				}
			}
			return audit.ParseSigner(given)
		}
	}
	if err != nil && fault.Of(err) == fault.Unknown {
		private, _, err2 := audit.NewSigner("assay/" + strings.ToLower(name()))
		if err2 != nil {
			return nil, err2
		}
		_, err = g.store.Change(ctx, func(tx access.Tx) error {
			if err := read(tx); err == nil || fault.Of(err) != fault.Unknown {
				return err // another process was quicker
			}
			text = private
			return tx.Put(kindAudit, "signer", p.encrypt([]byte(private), about))
		})
	}
	if err != nil {
		return nil, unavailable(err)
	}
	return audit.ParseSigner(text)
}

// Checkpoint signs the audit log as it is now, and gives the public key to check it
// with. It refuses to sign a log that does not continue the last one it signed.
func (g *Gate) Checkpoint(ctx context.Context) (signed []byte, public string, err error) {
	s, err := g.signer(ctx)
	if err != nil {
		return nil, "", err
	}
	_, err = g.store.Change(ctx, func(tx access.Tx) error {
		var last audit.Checkpoint
		rec, err := tx.Get(kindAudit, "checkpoint")
		switch {
		case err == nil:
			if last, err = audit.Open(rec.Body, s.PublicKey()); err != nil {
				return err
			}
		case fault.Of(err) != fault.Unknown:
			return err
		}
		size, err := auditSize(tx)
		if err != nil {
			return err
		}
		// A log that stands still is signed again after an hour: that it still is what it was.
		if rec.Body != nil && last.Size == size && g.moment().Sub(last.At) < time.Hour {
			signed = rec.Body
			return nil
		}
		signed, _, err = audit.Sign(last, size, g.moment(), txHashes{tx}, s)
		if err != nil {
			return err
		}
		return tx.Put(kindAudit, "checkpoint", signed)
	})
	return signed, s.PublicKey(), unavailableOr(err)
}
