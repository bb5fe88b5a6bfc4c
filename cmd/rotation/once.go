package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/gate"
	"github.com/assayhq/assay/access/idem"
	"github.com/assayhq/assay/fault"
)

// rotate makes a successor once, however often the order is repeated and at whichever
// server, as the API does: the answer is written in the transaction that makes the key.
func (n *node) rotate(ctx context.Context, by gate.By, o *order) (made, error) {
	spec := gate.RotateSpec{Overlap: o.Overlap, Force: o.Force, Reason: "rehearsal"}
	claim, was, err := idem.Begin(ctx, n.repeats, n.gate.Now(), idem.Scope{App: "rotation", Route: "rotate", Key: o.Request},
		sha256.Sum256([]byte(o.ID)), idem.Policy{Secret: true, Rerun: true, Lease: time.Second})
	var out made
	switch {
	case errors.Is(err, idem.ErrInFlight): // its server may have been killed
		return out, fault.Wrap(fault.Unavailable, err, "the order is being carried out")
	case err != nil:
		return out, err
	case was != nil:
		return out, json.Unmarshal(was.Body, &out)
	}
	by.Within = func(tx access.Tx, m *gate.Made) error {
		b, err := json.Marshal(madeOf(*m))
		if err != nil {
			return err
		}
		_, err = claim.FinishIn(tx, idem.Answer{Status: 201, Body: b})
		return err
	}
	m, err := n.gate.Rotate(ctx, by, o.ID, spec)
	if err != nil && fault.Of(err) != fault.Unavailable {
		return out, errors.Join(err, claim.Abandon(ctx))
	}
	return madeOf(m), err
}
