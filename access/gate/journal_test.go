package gate

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/accesstest"
	"github.com/assayhq/assay/access/audit"
	"github.com/assayhq/assay/notify"
)

func TestEverythingIsInTheLogAndTamperingShows(t *testing.T) {
	m := accesstest.NewMemory()
	var told []string
	g := open(t, m.Link(), Options{Publish: func(_ access.Tx, e notify.Event) error {
		told = append(told, e.Type)
		return nil
	}})
	k := create(t, g, Spec{Org: "acme"})
	next, err := g.Rotate(t.Context(), owner, k.Ring.ID, RotateSpec{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.Confirm(t.Context(), owner, next.Key.ID); err != nil {
		t.Fatal(err)
	}
	early, _, err := g.Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.Revoke(t.Context(), owner, Target{Keys: []string{k.Key.ID}}, "compromise", WaitAll); err != nil {
		t.Fatal(err)
	}
	create(t, g, Spec{Org: "other"})
	list, _, err := g.Audit(t.Context(), "acme", 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	var actions []string
	for _, e := range list {
		actions = append(actions, e.Action)
		if e.Org != "acme" || e.Actor != "test" || strings.Contains(string(e.Leaf), k.Token[20:60]) {
			t.Errorf("%s", e.Leaf)
		}
	}
	want := "key.created key.rotation_started key.confirmed key.retiring key.revoked"
	if got := strings.Join(actions, " "); got != want {
		t.Errorf("log: %s, want %s", got, want)
	}
	if got := strings.Join(told, " "); !strings.HasPrefix(got, "key.created key.rotation_started key.confirmed key.retiring key.revoked") {
		t.Errorf("told: %s", got)
	}
	note, public, err := g.Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	n, err := g.Export(t.Context(), &file, nil)
	if err != nil || n != 7 {
		t.Fatal(n, err)
	}
	if rep, err := audit.VerifyConsistency(bytes.NewReader(file.Bytes()), [][]byte{early, note}, public, nil); err != nil || rep.Covered != 7 {
		t.Fatal(rep, err)
	}
	// Somebody with access to the disk rewrites an entry, and its hash with it.
	m.Tamper(kindLeaf, number(4), func(r *access.Record) { r.Body = bytes.Replace(r.Body, []byte("compromise"), []byte("unusedunus"), 1) })
	file.Reset()
	if _, err := g.Export(t.Context(), &file, nil); err != nil {
		t.Fatal(err)
	}
	_, err = audit.VerifyExport(bytes.NewReader(file.Bytes()), note, public, nil)
	var d *audit.Difference
	if !errors.As(err, &d) || d.From != 4 {
		t.Error("an entry was rewritten:", err)
	}
	// And a second history is not signed.
	m.Tamper(kindHash, number(audit.FirstHash(3)+2), func(r *access.Record) { r.Body[0] ^= 1 })
	create(t, g, Spec{Org: "acme"})
	if _, _, err := g.Checkpoint(t.Context()); err == nil {
		t.Error("a log that does not continue the signed one was signed")
	}
}
