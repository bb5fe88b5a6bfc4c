package watch

import (
	"cmp"
	"context"
	"slices"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/anomaly"
	"github.com/assayhq/assay/access/gate"
	"github.com/assayhq/assay/access/rotation"
	"github.com/assayhq/assay/fault"
)

// Desk is where people answer alerts.
type Desk struct {
	Store access.Store
	Gate  *gate.Gate
}

// Filter says which alerts are wanted; zero fields want all.
type Filter struct {
	Org      string // "": of every organisation
	State    State
	Class    anomaly.Class
	Severity anomaly.Severity // at least
	Key      string
	Ring     string
}

func (f *Filter) wants(a *Alert) bool {
	return (f.Org == "" || f.Org == a.Org) && (f.State == "" || f.State == a.State) && (f.Class == "" || f.Class == a.Class) &&
		a.Severity >= f.Severity && (f.Key == "" || f.Key == a.Key) && (f.Ring == "" || f.Ring == a.Ring)
}

// List gives alerts, those with the latest evidence first.
func (d Desk) List(ctx context.Context, f Filter) (out []Alert, err error) {
	err = d.Store.View(ctx, func(tx access.Tx) error {
		list, err := all(tx)
		out = slices.DeleteFunc(list, func(a Alert) bool { return !f.wants(&a) })
		return err
	})
	if err != nil {
		return nil, unavailable(err)
	}
	slices.SortStableFunc(out, func(a, b Alert) int { return cmp.Or(b.Last.Compare(a.Last), cmp.Compare(b.ID, a.ID)) })
	return out, nil
}

// Get gives one alert. Of other organisations' not even the existence is told: org ""
// is the operator.
func (d Desk) Get(ctx context.Context, org, id string) (a Alert, err error) {
	err = d.Store.View(ctx, func(tx access.Tx) error { a, err = get(tx, org, id); return err })
	return a, unavailable(err)
}

// Acknowledge notes that somebody has seen an alert; what was done stays done.
func (d Desk) Acknowledge(ctx context.Context, by gate.By, org, id string) (Alert, error) {
	return d.decide(ctx, by, org, id, Acknowledged)
}

// Dismiss notes that an alert was no abuse, and undoes what was done by itself. When that
// fails nothing is noted, and it can be tried again.
func (d Desk) Dismiss(ctx context.Context, by gate.By, org, id string) (Alert, error) {
	a, err := d.Get(ctx, org, id)
	if err != nil {
		return a, err
	}
	if a.Taken.holds() {
		switch {
		case a.Taken.Step == anomaly.Suspend:
			err = d.Gate.Release(ctx, by, a.Key)
		case a.Taken.Halved != nil:
			err = d.Gate.Restore(ctx, by, *a.Taken.Halved)
		default:
			err = fault.New(fault.Conflict, "the step %s of alert %s was cut off while it was taken: look at the audit log and set the app's limits by hand", a.Taken.Step, id)
		}
		if err != nil {
			return a, err
		}
	}
	return d.decide(ctx, by, org, id, Dismissed)
}

func (d Desk) decide(ctx context.Context, by gate.By, org, id string, to State) (a Alert, err error) {
	_, err = d.Store.Change(ctx, func(tx access.Tx) error {
		if a, err = get(tx, org, id); err != nil || a.State == to {
			return err
		}
		name := by.Name
		if by.Caller != nil {
			name = by.Caller.KeyID
		}
		a.State, a.By, a.Decided = to, name, d.Gate.Now().UTC()
		if to == Dismissed && a.Taken.holds() {
			a.Taken.Outcome = Undone
		}
		if err := put(tx, &a); err != nil {
			return err
		}
		return d.Gate.Report(tx, by, access.KeysWrite, a.ring(), rotation.Event{Type: "anomaly." + string(to), Key: a.Key, Detail: map[string]string{"alert": a.ID, "class": string(a.Class)}})
	})
	return a, unavailable(err)
}
