// Package accesstest is the exam of access.Store.
//
// A store passes it in two lines, and a third in its TestMain for the story in which
// a process is killed while it writes. Its stories say what the contract means: what a
// failed change leaves behind, what whoever follows the store by epochs gets to see,
// how two processes share it, how a lease runs down. It never looks inside a store.
// The tests of store/sqlite and store/postgres call it.
package accesstest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/fault"
)

// opener opens the store of one story once more.
type opener func(*testing.T) access.Store

// RunStore examines a store. open opens what lives in dir, which may be open already:
// that is how two processes share it. TestMain of the test must call Child.
func RunStore(t *testing.T, open func(t *testing.T, dir string) access.Store) {
	stories := []struct {
		name string
		tell func(t *testing.T, dir string, open opener)
	}{
		{"what was put comes back", comesBack},
		{"a failed change changes nothing", failedChange},
		{"a change that writes nothing is none", emptyChange},
		{"a transaction ends with its function", ended},
		{"what is deleted is told", tombstones},
		{"what everybody knows to be deleted is forgotten", purged},
		{"of the many nothing stays", traceless},
		{"lists come in pages", pages},
		{"sizes and names have limits", limits},
		{"one change is never split between two answers", unsplit},
		{"whoever knows more than the store is told so", ahead},
		{"two processes see each other", shared},
		{"epochs have no gap under many writers and a follower misses nothing", followed},
		{"counting up in changes loses no count", counted},
		{"a view is one state", oneState},
		{"a cancelled context ends every call", cancelled},
		{"leases run down and are renewed", leases},
		{"a heartbeat waits for a writer no longer than its context", impatient},
		{"hints come", hints},
		{"what was acknowledged survives a kill", killed},
	}
	for _, s := range stories {
		t.Run(strings.ReplaceAll(s.name, " ", "_"), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			s.tell(t, dir, func(t *testing.T) access.Store {
				t.Helper()
				return open(t, dir)
			})
		})
	}
}

func no(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func kind(t *testing.T, err error, want fault.Kind) {
	t.Helper()
	if err == nil || fault.Of(err) != want {
		t.Fatalf("got %v, want an error of kind %v", err, want)
	}
}

func equal(t *testing.T, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("got\n  %+v\nwant\n  %+v", got, want)
	}
}

// put writes records given as kind, id, body and so on in one change.
func put(t *testing.T, s access.Store, texts ...string) int64 {
	t.Helper()
	n, err := s.Change(t.Context(), func(tx access.Tx) error {
		for i := 0; i < len(texts); i += 3 {
			if err := tx.Put(texts[i], texts[i+1], []byte(texts[i+2])); err != nil {
				return err
			}
		}
		return nil
	})
	no(t, err)
	return n
}

func remove(t *testing.T, s access.Store, kind, id string) int64 {
	t.Helper()
	n, err := s.Change(t.Context(), func(tx access.Tx) error { return tx.Delete(kind, id) })
	no(t, err)
	return n
}

func get(t *testing.T, s access.Store, kind, id string) (r access.Record, err error) {
	t.Helper()
	no(t, s.View(t.Context(), func(tx access.Tx) error {
		r, err = tx.Get(kind, id)
		return nil
	}))
	return r, err
}

// latest is the epoch of the last change.
func latest(t *testing.T, s access.Store) (n int64) {
	t.Helper()
	no(t, s.View(t.Context(), func(tx access.Tx) error {
		n = tx.Epoch()
		return nil
	}))
	return n
}

func comesBack(t *testing.T, _ string, open opener) {
	s := open(t)
	big := strings.Repeat("\x00\xff", access.MaxBody/2)
	n := put(t, s, "ring", "acme/books", "one", "ring", "empty", "", "plan", "acme/books", big)
	for range 2 {
		for _, want := range []access.Record{
			{Kind: "ring", ID: "acme/books", Body: []byte("one"), Epoch: n},
			{Kind: "ring", ID: "empty", Body: []byte{}, Epoch: n},
			{Kind: "plan", ID: "acme/books", Body: []byte(big), Epoch: n},
		} {
			got, err := get(t, s, want.Kind, want.ID)
			no(t, err)
			equal(t, got, want)
		}
		_, err := get(t, s, "ring", "nobody")
		kind(t, err, fault.Unknown)
		_, err = get(t, s, "ring", "no \xff name\x00")
		kind(t, err, fault.Unknown)
		no(t, s.Close())
		s = open(t)
	}
	defer s.Close()
	m := put(t, s, "ring", "acme/books", "two")
	equal(t, m, n+1)
	got, err := get(t, s, "ring", "acme/books")
	no(t, err)
	equal(t, got, access.Record{Kind: "ring", ID: "acme/books", Body: []byte("two"), Epoch: m})
}

func failedChange(t *testing.T, _ string, open opener) {
	s := open(t)
	defer s.Close()
	n := put(t, s, "ring", "a", "one", "ring", "b", "one")
	sorry := errors.New("we thought better of it")
	_, err := s.Change(t.Context(), func(tx access.Tx) error {
		no(t, tx.Put("ring", "a", []byte("two")))
		no(t, tx.Put("ring", "c", []byte("two")))
		no(t, tx.Delete("ring", "b"))
		r, err := tx.Get("ring", "a")
		no(t, err)
		equal(t, string(r.Body), "two") // a change sees itself
		_, err = tx.Get("ring", "b")
		kind(t, err, fault.Unknown)
		return sorry
	})
	if !errors.Is(err, sorry) {
		t.Fatalf("the reason for the failure is lost: %v", err)
	}
	func() {
		defer func() { _ = recover() }()
		_, _ = s.Change(t.Context(), func(tx access.Tx) error {
			no(t, tx.Put("ring", "a", []byte("three")))
			panic("a defect")
		})
	}()
	equal(t, latest(t, s), n)
	records, upTo, more, err := s.Since(t.Context(), 0, []string{"ring"}, 10)
	no(t, err)
	equal(t, records, []access.Record{{Kind: "ring", ID: "a", Body: []byte("one"), Epoch: n}, {Kind: "ring", ID: "b", Body: []byte("one"), Epoch: n}})
	equal(t, upTo, n)
	equal(t, more, false)
	equal(t, put(t, s, "ring", "a", "four"), n+1)
}

func emptyChange(t *testing.T, _ string, open opener) {
	s := open(t)
	defer s.Close()
	n := put(t, s, "ring", "a", "one")
	got, err := s.Change(t.Context(), func(tx access.Tx) error {
		equal(t, tx.Epoch(), n+1)
		_, err := tx.Get("ring", "a")
		return errors.Join(err, tx.Delete("ring", "nobody"))
	})
	no(t, err)
	equal(t, got, n)
	equal(t, latest(t, s), n)
}

func ended(t *testing.T, _ string, open opener) {
	s := open(t)
	defer s.Close()
	put(t, s, "ring", "a", "one")
	var kept []access.Tx
	_, err := s.Change(t.Context(), func(tx access.Tx) error { kept = append(kept, tx); return nil })
	no(t, err)
	no(t, s.View(t.Context(), func(tx access.Tx) error {
		kept = append(kept, tx)
		kind(t, tx.Put("ring", "b", nil), fault.Internal)
		kind(t, tx.Delete("ring", "a"), fault.Internal)
		return nil
	}))
	for _, tx := range kept {
		_, err := tx.Get("ring", "a")
		kind(t, err, fault.Internal)
		_, err = tx.List("ring", "", 1)
		kind(t, err, fault.Internal)
		kind(t, tx.Put("ring", "b", nil), fault.Internal)
		kind(t, tx.Delete("ring", "a"), fault.Internal)
	}
	_, err = get(t, s, "ring", "b")
	kind(t, err, fault.Unknown)
}

func tombstones(t *testing.T, _ string, open opener) {
	s := open(t)
	defer s.Close()
	n := put(t, s, "ring", "a", "one", "ring", "b", "one")
	m := remove(t, s, "ring", "a")
	equal(t, m, n+1)
	equal(t, remove(t, s, "ring", "a"), m)      // again
	equal(t, remove(t, s, "ring", "nobody"), m) // never there
	_, err := get(t, s, "ring", "a")
	kind(t, err, fault.Unknown)
	no(t, s.View(t.Context(), func(tx access.Tx) error {
		all, err := tx.List("ring", "", 10)
		equal(t, all, []access.Record{{Kind: "ring", ID: "b", Body: []byte("one"), Epoch: n}})
		return err
	}))
	gone := access.Record{Kind: "ring", ID: "a", Epoch: m}
	for after, want := range map[int64][]access.Record{0: {{Kind: "ring", ID: "b", Body: []byte("one"), Epoch: n}, gone}, n: {gone}, m: nil} {
		got, upTo, _, err := s.Since(t.Context(), after, []string{"ring"}, 10)
		no(t, err)
		equal(t, got, want)
		equal(t, upTo, m)
	}
	equal(t, put(t, s, "ring", "a", "back"), m+1)
	got, _, _, err := s.Since(t.Context(), n, []string{"ring"}, 10)
	no(t, err)
	equal(t, got, []access.Record{{Kind: "ring", ID: "a", Body: []byte("back"), Epoch: m + 1}})
}

func traceless(t *testing.T, _ string, open opener) {
	s := open(t)
	defer s.Close()
	n := put(t, s, "_many", "a", "one", "ring", "b", "one")
	m := remove(t, s, "_many", "a")
	equal(t, m, n+1) // a change like any other
	_, err := get(t, s, "_many", "a")
	kind(t, err, fault.Unknown)
	got, upTo, _, err := s.Since(t.Context(), 0, []string{"_many"}, 10)
	no(t, err)
	equal(t, len(got), 0)
	equal(t, upTo, m)
}

func pages(t *testing.T, _ string, open opener) {
	s := open(t)
	defer s.Close()
	// In the order of bytes, which is not that of any language.
	ids := []string{"-", "10", "9", "A", "Z", "_", "a", "a.b", "a/b", "a:b", "b"}
	texts := []string{"rinf", "a", "other", "rinh", "a", "other"}
	for i := range ids {
		texts = append(texts, "ring", ids[len(ids)-1-i], "x")
	}
	put(t, s, texts...)
	remove(t, s, "ring", "A")
	want := append(append([]string{}, ids[:3]...), ids[4:]...)
	for _, limit := range []int{1, 3, len(want), 100} {
		var got []string
		no(t, s.View(t.Context(), func(tx access.Tx) error {
			for after := ""; ; {
				page, err := tx.List("ring", after, limit)
				no(t, err)
				if len(page) == 0 {
					return nil
				}
				if len(page) > limit {
					t.Fatalf("a page of %d has %d", limit, len(page))
				}
				for _, r := range page {
					got = append(got, r.ID)
				}
				after = page[len(page)-1].ID
			}
		}))
		equal(t, got, want)
	}
}

func limits(t *testing.T, _ string, open opener) {
	s := open(t)
	defer s.Close()
	n := put(t, s, strings.Repeat("k", 200), strings.Repeat("i", 200), "x", "_leaf", "A:z-9/._", "x")
	_, err := s.Change(t.Context(), func(tx access.Tx) error {
		kind(t, tx.Put("ring", "a", make([]byte, access.MaxBody+1)), fault.TooLarge)
		for _, bad := range []string{"", " ", "ä", "a\n", "a\x00", "\xff", "%", strings.Repeat("a", 201)} {
			kind(t, tx.Put("ring", bad, nil), fault.Invalid)
			kind(t, tx.Put(bad, "a", nil), fault.Invalid)
			kind(t, tx.Delete("ring", bad), fault.Invalid)
			_, err := tx.List(bad, "", 1)
			kind(t, err, fault.Invalid)
			if bad != "" { // from the beginning
				_, err = tx.List("ring", bad, 1)
				kind(t, err, fault.Invalid)
			}
		}
		_, err := tx.List("ring", "", 0)
		kind(t, err, fault.Invalid)
		return nil
	})
	no(t, err)
	equal(t, latest(t, s), n)
	_, _, _, err = s.Since(t.Context(), 0, []string{"ring"}, 0)
	kind(t, err, fault.Invalid)
	_, err = s.Beat(t.Context(), access.Node{ID: "no good"}, 0)
	kind(t, err, fault.Invalid)
	_, err = s.Beat(t.Context(), access.Node{ID: "a", Name: strings.Repeat("n", 201)}, 0)
	kind(t, err, fault.Invalid)
	got, upTo, more, err := s.Since(t.Context(), 0, nil, 1)
	no(t, err)
	equal(t, fmt.Sprint(len(got), upTo, more), fmt.Sprint(0, n, false))
}

func cancelled(t *testing.T, _ string, open opener) {
	s := open(t)
	defer s.Close()
	n := put(t, s, "ring", "a", "one")
	ctx, stop := context.WithCancel(t.Context())
	stop()
	nothing := func(access.Tx) error { return nil }
	_, changeErr := s.Change(ctx, nothing)
	_, _, _, sinceErr := s.Since(ctx, 0, []string{"ring"}, 1)
	_, beatErr := s.Beat(ctx, access.Node{ID: "a"}, 0)
	_, nodesErr := s.Nodes(ctx)
	during, stop := context.WithCancel(t.Context())
	defer stop()
	_, duringErr := s.Change(during, func(tx access.Tx) error {
		no(t, tx.Put("ring", "a", []byte("two")))
		stop()
		return nil
	})
	for what, err := range map[string]error{
		"Change": changeErr, "View": s.View(ctx, nothing), "Since": sinceErr, "Beat": beatErr, "Nodes": nodesErr, "Change, late": duringErr,
	} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v, want context.Canceled", what, err)
		}
	}
	equal(t, latest(t, s), n)
	equal(t, put(t, s, "ring", "b", "one"), n+1)
}
