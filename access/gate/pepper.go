package gate

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"strconv"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/fault"
)

// keptID is the record beside the peppers that says that they lie elsewhere. It is no
// number, so a program that does not know it refuses to start instead of making a
// pepper of its own.
const keptID = "kept"

// Kept says where the peppers of a control plane lie when they are not in it, and knows
// them again. It holds nothing that helps to find one.
type Kept struct {
	Where  string         `json:"where"`            // the kind of keeper: file, env, vault, awssm
	Checks map[int]string `json:"checks,omitempty"` // by version: 64 bits of a keyed digest of nothing secret
}

// CheckOf is what Kept remembers of a pepper: the first 64 bits of a digest under it.
func CheckOf(pepper []byte) string {
	m := hmac.New(sha256.New, pepper)
	m.Write([]byte("assay: check of a pepper, 1"))
	return hex.EncodeToString(m.Sum(nil)[:8])
}

// StoredPeppers gives the peppers that lie in a control plane, by version, and the mark
// that says that they lie elsewhere, nil when there is none.
func StoredPeppers(ctx context.Context, store access.Store) (inside map[int][]byte, kept *Kept, err error) {
	err = store.View(ctx, func(tx access.Tx) (err error) {
		inside, kept, err = storedPeppers(tx)
		return err
	})
	return inside, kept, err
}

func storedPeppers(tx access.Tx) (map[int][]byte, *Kept, error) {
	list, err := tx.List(kindPepper, "", 300)
	if err != nil {
		return nil, nil, err
	}
	inside := map[int][]byte{}
	var kept *Kept
	for _, rec := range list {
		if rec.ID == keptID {
			kept = &Kept{}
			if err := json.Unmarshal(rec.Body, kept); err != nil {
				return nil, nil, fault.Wrap(fault.Internal, err, "the mark that the peppers lie elsewhere cannot be read")
			}
			continue
		}
		if v, err := strconv.Atoi(rec.ID); err == nil && len(rec.Body) >= 32 {
			inside[v] = rec.Body
		}
	}
	return inside, kept, nil
}

// KeepPeppers notes that the peppers of a control plane lie elsewhere, and takes those
// out that lie in it. Whoever calls it has written them there, durably. A pepper that is
// in the store and not in the argument is fault.Conflict, as is one that differs.
func KeepPeppers(ctx context.Context, store access.Store, where string, peppers map[int][]byte) (moved int, err error) {
	_, err = store.Change(ctx, func(tx access.Tx) error {
		moved = 0
		inside, kept, err := storedPeppers(tx)
		if err != nil {
			return err
		}
		if err := kept.Fits(peppers); err != nil {
			return err
		}
		for v, p := range inside {
			if !hmac.Equal(p, peppers[v]) {
				return fault.New(fault.Conflict, "pepper %d lies in the control plane, and the secrets have another one or none", v)
			}
			if err := tx.Delete(kindPepper, strconv.Itoa(v)); err != nil {
				return err
			}
			moved++
		}
		next := Kept{Where: where, Checks: map[int]string{}}
		for v, p := range peppers {
			next.Checks[v] = CheckOf(p)
		}
		b, err := json.Marshal(next)
		if err != nil {
			return err
		}
		if was, err := json.Marshal(kept); err == nil && kept != nil && string(was) == string(b) {
			return nil
		}
		return tx.Put(kindPepper, keptID, b)
	})
	return moved, unavailableOr(err)
}

// Fits tells whether peppers are those that a control plane was used with: none that it
// knows may be missing or be another. A nil Kept fits all.
func (k *Kept) Fits(peppers map[int][]byte) error {
	if k == nil {
		return nil
	}
	for v, check := range k.Checks {
		switch p, ok := peppers[v]; {
		case !ok:
			return fault.New(fault.Conflict, "the secrets have no pepper %d, which keys were made with: bring it back to where it was kept (%s)", v, k.Where)
		case CheckOf(p) != check:
			return fault.New(fault.Conflict, "pepper %d of the secrets is not the one that keys were made with: they are of another installation, or were replaced", v)
		}
	}
	return nil
}

// SetPeppers puts peppers in the place of those that the gate has, while it runs. newest
// makes what is new, 0 is the highest; all verify. A pepper that the gate has and is
// missing or different among them is fault.Conflict, and the gate goes on as it was.
func (g *Gate) SetPeppers(secrets map[int][]byte, newest int) error {
	p, err := newPeppers(secrets)
	if err != nil {
		return err
	}
	if newest != 0 {
		if p.by[newest] == nil {
			return fault.New(fault.Invalid, "there is no pepper %d to make new digests with", newest)
		}
		p.newest = newest
	}
	for old := g.peppers.Load(); ; old = g.peppers.Load() {
		if old != nil {
			for v, m := range old.by {
				if n := p.by[v]; n == nil || !hmac.Equal(m.seal, n.seal) {
					return fault.New(fault.Conflict, "pepper %d is in use and is missing from the secrets, or is another one there", v)
				}
			}
		}
		if g.peppers.CompareAndSwap(old, p) {
			return nil
		}
	}
}

// Pepper is the version that makes new digests, 0 while none is known.
func (g *Gate) Pepper() int {
	if p := g.peppers.Load(); p != nil {
		return p.newest
	}
	return 0
}

// lags gives fault.Unavailable when a record is sealed with a pepper that others know and
// this node does not, even after it has asked for it. Its keys are neither right nor
// wrong here then. A version that nobody knows is no reason to stop: such a record was
// changed outside Assay, and its seal will not fit.
func (g *Gate) lags(ctx context.Context, rec *access.Record) error {
	if g.opt.Reload == nil || rec.Kind == kindPepper || len(rec.Body) < sealedHead || rec.Body[0] != 2 {
		return nil
	}
	version := int(binary.BigEndian.Uint16(rec.Body[1:]))
	missing := func() bool { return g.peppers.Load().by[version] == nil }
	if !missing() {
		return nil
	}
	turn, stop := context.WithTimeout(ctx, g.opt.Lease/4)
	defer stop()
	failed := g.opt.Reload(turn)
	if !missing() {
		return nil
	}
	_, kept, err := StoredPeppers(ctx, g.store)
	if err != nil {
		return err
	}
	if kept == nil || kept.Checks[version] == "" {
		return nil
	}
	return fault.Wrap(fault.Unavailable, failed, "the record %s is sealed with pepper %d, which this node does not have yet", rec.ID, version)
}
