package watch

import (
	"context"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/anomaly"
	"github.com/assayhq/assay/access/gate"
	"github.com/assayhq/assay/fault"
)

// Taken is a step that was taken without asking.
type Taken struct {
	Step    anomaly.Action `json:"step"`
	At      time.Time      `json:"at"`
	Outcome Outcome        `json:"outcome"`
	Until   time.Time      `json:"until,omitzero"`   // until when it can be undone; zero: always
	Undo    string         `json:"undo"`             // the command that undoes it
	Detail  string         `json:"detail,omitempty"` // why it failed
	Halved  *gate.Halved   `json:"halved,omitempty"`
}

// Outcome is what became of a step.
type Outcome string

// The outcomes. A step that stays planned was cut off between the alert and the step; the
// audit log tells whether it was taken.
const (
	Planned Outcome = "planned"
	Done    Outcome = "done"
	Failed  Outcome = "failed"
	Undone  Outcome = "undone"
)

// holds tells whether there is something to undo.
func (t *Taken) holds() bool { return t != nil && (t.Outcome == Done || t.Outcome == Planned) }

func (w *Watcher) planned(a *Alert) *Taken {
	return &Taken{Step: a.Proposed, At: w.opt.Now().UTC(), Outcome: Planned, Undo: "assay alert dismiss " + a.ID}
}

// act takes the step that an alert has planned. Only the node whose change planned it
// gets here, so it is taken once.
func (w *Watcher) act(ctx context.Context, a *Alert) {
	if a.Taken == nil || a.Taken.Outcome != Planned {
		return
	}
	t, g, by := *a.Taken, w.opt.Gate(), gate.By{Name: "watch", Request: a.ID}
	var err error
	switch t.Step {
	case anomaly.Suspend:
		t.Until, err = g.Hold(ctx, by, a.Key, "alert "+a.ID+": "+string(a.Class))
	case anomaly.Halve:
		var h gate.Halved
		h, err = g.Halve(ctx, by, a.Org, a.App)
		t.Halved = &h
	}
	t.Outcome = Done
	if err != nil {
		t.Outcome, t.Detail, t.Halved = Failed, fault.Public(err), nil
		w.log.Error("the step of an alert could not be taken; its owner was told of the alert", "alert", a.ID, "step", t.Step, "err", err)
	}
	_, err = w.opt.Store.Change(ctx, func(tx access.Tx) error {
		is, err := get(tx, "", a.ID)
		if err != nil {
			return err
		}
		is.Taken = &t
		return put(tx, &is)
	})
	if err != nil {
		w.log.Error("a step was taken, but its alert does not say so; the audit log does", "alert", a.ID, "step", t.Step, "err", err)
	}
}
