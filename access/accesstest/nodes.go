package accesstest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/assayhq/assay/access"
)

// patience ends a story that would wait for ever; no story depends on its length.
const patience = time.Minute

func nodes(t *testing.T, s access.Store) map[string]access.Node {
	t.Helper()
	all, err := s.Nodes(t.Context())
	no(t, err)
	out := map[string]access.Node{}
	for _, n := range all {
		out[n.ID] = n
	}
	equal(t, len(out), len(all))
	return out
}

func leases(t *testing.T, _ string, open opener) {
	s, other := open(t), open(t)
	defer s.Close()
	defer other.Close()
	equal(t, len(nodes(t, s)), 0)
	n := put(t, s, "ring", "a", "one")
	beat := func(s access.Store, node access.Node, lease time.Duration) {
		t.Helper()
		got, err := s.Beat(t.Context(), node, lease)
		no(t, err)
		equal(t, got, n)
	}
	beat(s, access.Node{ID: "long", Name: "host-1:8080", Epoch: n - 1}, time.Hour)
	beat(other, access.Node{ID: "short", Name: "host-2:8080", Epoch: n}, time.Millisecond)
	beat(other, access.Node{ID: "ages", Name: "gone", Epoch: n}, -25*time.Hour)
	seen := nodes(t, other)
	equal(t, len(seen), 2) // the third has been over for a day
	long := seen["long"]
	if long.Left <= 0 || long.Left > time.Hour {
		t.Fatalf("a lease of an hour has %v left", long.Left)
	}
	equal(t, long, access.Node{ID: "long", Name: "host-1:8080", Epoch: n - 1, Left: long.Left})
	for left := seen["short"].Left; left > 0; left = nodes(t, s)["short"].Left {
		time.Sleep(time.Millisecond)
	}
	if later := nodes(t, s)["long"].Left; later >= long.Left {
		t.Fatalf("a lease runs from %v to %v", long.Left, later)
	}
	beat(s, access.Node{ID: "short", Name: "host-2:8080", Epoch: n}, time.Hour)
	beat(s, access.Node{ID: "long", Name: "host-1:8080", Epoch: n}, 2*time.Hour)
	seen = nodes(t, s)
	if seen["short"].Left <= 0 || seen["long"].Left <= time.Hour || seen["long"].Epoch != n {
		t.Fatalf("renewed leases are %+v", seen)
	}
	beat(s, access.Node{ID: "short", Name: "host-2:8080", Epoch: n}, 0)
	if left := nodes(t, s)["short"].Left; left > 0 {
		t.Fatalf("a lease that was given up has %v left", left)
	}
	equal(t, latest(t, s), n)
	records, upTo, _, err := s.Since(t.Context(), n, []string{"ring"}, 10)
	no(t, err)
	equal(t, len(records), 0)
	equal(t, upTo, n)
}

func impatient(t *testing.T, _ string, open opener) {
	s, other := open(t), open(t)
	defer s.Close()
	defer other.Close()
	_, err := s.Change(t.Context(), func(tx access.Tx) error {
		no(t, tx.Put("ring", "a", nil))
		for _, waits := range []access.Store{s, other} {
			ctx, stop := context.WithTimeout(t.Context(), 30*time.Millisecond)
			_, err := waits.Beat(ctx, access.Node{ID: "a"}, time.Hour)
			stop()
			// An engine may let both write at once. One that cannot gives up in time.
			if err != nil && !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("a heartbeat that would wait: %v", err)
			}
			ctx, stop = context.WithTimeout(t.Context(), 30*time.Millisecond)
			_, err = waits.Change(ctx, func(tx access.Tx) error { return tx.Put("ring", "b", nil) })
			stop()
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("a change within a change: %v", err)
			}
		}
		return nil
	})
	no(t, err)
	_, err = other.Beat(t.Context(), access.Node{ID: "a"}, time.Hour)
	no(t, err)
}

func hints(t *testing.T, _ string, open opener) {
	s, other := open(t), open(t)
	defer s.Close()
	defer other.Close()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	hint, err := s.Hints(ctx)
	no(t, err)
	if hint == nil {
		t.Skip("this store has no hints")
	}
	at := latest(t, s)
	for _, writer := range []access.Store{other, s, other} {
		n := put(t, writer, "ring", "a", "x")
		for at < n { // a hint may be wrong, so we look
			select {
			case _, open := <-hint:
				if !open {
					t.Fatal("the hints ended")
				}
				_, at, _, err = s.Since(t.Context(), at, []string{"ring"}, 10)
				no(t, err)
			case <-time.After(patience):
				t.Fatal("no hint came")
			}
		}
	}
}
