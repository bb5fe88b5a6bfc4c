package accesstest

import (
	"testing"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/fault"
)

// purged: marks of deletions go once every node has applied them, and whoever was away
// for too long is told to read anew.
func purged(t *testing.T, _ string, open opener) {
	s, other := open(t), open(t)
	defer s.Close()
	defer other.Close()
	purge := func(limit, want int) {
		t.Helper()
		n, err := s.Purge(t.Context(), limit)
		no(t, err)
		equal(t, n, want)
	}
	purge(100, 0)
	first := put(t, s, "ring", "a", "one", "ring", "b", "one", "_queue", "1", "x", "_queue", "2", "x", "_queue", "3", "x")
	beat := func(id string, epoch int64, lease time.Duration) {
		t.Helper()
		_, err := other.Beat(t.Context(), access.Node{ID: id, Name: id, Epoch: epoch}, lease)
		no(t, err)
	}
	beat("behind", first, time.Hour)
	beat("ages", 1, -25*time.Hour) // it was away for a day: it reads anew
	gone := remove(t, s, "ring", "a")
	for _, id := range []string{"1", "2", "3"} {
		remove(t, s, "_queue", id)
	}
	last := latest(t, s)
	purge(100, 0) // of those that nobody follows nothing stayed, and "behind" has not heard of the ring yet
	got, _, _, err := s.Since(t.Context(), first, []string{"ring"}, 10)
	no(t, err)
	equal(t, got, []access.Record{{Kind: "ring", ID: "a", Epoch: gone}})
	beat("behind", last, time.Hour)
	purge(100, 1)
	purge(100, 0)
	equal(t, latest(t, other), last) // to purge is no change
	// Who knew of the deletion goes on, a newcomer reads what there is, and who was before
	// it is told.
	for _, after := range []int64{gone, last} {
		got, upTo, _, err := other.Since(t.Context(), after, []string{"ring"}, 10)
		no(t, err)
		equal(t, len(got), 0)
		equal(t, upTo, last)
	}
	_, _, _, err = other.Since(t.Context(), first, []string{"ring"}, 10)
	kind(t, err, fault.Conflict)
	got, upTo, _, err := other.Since(t.Context(), 0, []string{"ring"}, 10)
	no(t, err)
	equal(t, got, []access.Record{{Kind: "ring", ID: "b", Body: []byte("one"), Epoch: first}})
	equal(t, upTo, last)
	// What was deleted can be put again, and deleted again.
	put(t, s, "ring", "a", "back")
	r, err := get(t, other, "ring", "a")
	no(t, err)
	equal(t, string(r.Body), "back")
	again := remove(t, s, "ring", "a")
	got, _, _, err = s.Since(t.Context(), last, []string{"ring"}, 10)
	no(t, err)
	equal(t, got, []access.Record{{Kind: "ring", ID: "a", Epoch: again}})
}
