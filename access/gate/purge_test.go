package gate_test

import (
	"testing"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/accesstest"
	"github.com/assayhq/assay/access/gate"
	"github.com/assayhq/assay/fault"
)

// A node that was away for so long that a deletion is not told any more reads everything
// anew, and does not go on with what was deleted.
func TestANodeFurtherBehindThanThePurgeReadsAnew(t *testing.T) {
	m := accesstest.NewMemory()
	here, err := gate.New(m.Link(), gate.Options{Static: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	made, err := here.Create(t.Context(), gate.By{Name: "test"}, gate.Spec{Name: "x", Scopes: []access.Scope{access.MarketRead}})
	if err != nil {
		t.Fatal(err)
	}
	away, err := gate.New(m.Link(), gate.Options{Static: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	link := m.Link()
	if _, err := link.Change(t.Context(), func(tx access.Tx) error { return tx.Delete("ring", made.Ring.ID) }); err != nil {
		t.Fatal(err)
	}
	if n, err := link.Purge(t.Context(), 100); err != nil || n != 1 {
		t.Fatal(n, err)
	}
	if _, err := away.Rings(t.Context(), "", ""); fault.Of(err) != fault.Conflict {
		t.Errorf("it was not told: %v", err)
	}
	if list, err := away.Rings(t.Context(), "", ""); err != nil || len(list) != 0 {
		t.Errorf("%d rings, %v", len(list), err)
	}
}
