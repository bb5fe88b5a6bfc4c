package accesstest

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/fault"
)

func unsplit(t *testing.T, _ string, open opener) {
	s := open(t)
	defer s.Close()
	sizes := []int{1, 5, 2, 1, 7, 1}
	first := latest(t, s) + 1
	total := 0
	for c, size := range sizes {
		var texts []string
		for i := range size {
			texts = append(texts, "ring", fmt.Sprintf("%d.%d", c, i), "x", "noise", fmt.Sprintf("%d.%d", c, i), "x")
		}
		put(t, s, texts...)
		total += size
	}
	for limit := 1; limit <= total+1; limit++ {
		var seen []access.Record
		for at, more := first-1, true; more; {
			var page []access.Record
			var upTo int64
			var err error
			page, upTo, more, err = s.Since(t.Context(), at, []string{"ring"}, limit)
			no(t, err)
			if upTo <= at {
				t.Fatalf("limit %d: after %d, up to %d: nobody gets on like this", limit, at, upTo)
			}
			counts := map[int64]int{}
			for _, r := range page {
				counts[r.Epoch]++
			}
			for e, n := range counts {
				if n != sizes[e-first] || e <= at || e > upTo {
					t.Fatalf("limit %d: %d of %d records of epoch %d between %d and %d", limit, n, sizes[e-first], e, at, upTo)
				}
			}
			if len(counts) > 1 && len(page) > limit {
				t.Fatalf("limit %d: %d records of %d changes", limit, len(page), len(counts))
			}
			seen = append(seen, page...)
			at = upTo
		}
		equal(t, len(seen), total)
		equal(t, slices.IsSortedFunc(seen, func(a, b access.Record) int { return int(a.Epoch - b.Epoch) }), true)
	}
	both, upTo, more, err := s.Since(t.Context(), first-1, []string{"noise", "ring"}, 100)
	no(t, err)
	equal(t, fmt.Sprint(len(both), upTo, more), fmt.Sprint(2*total, first+int64(len(sizes))-1, false))
}

func ahead(t *testing.T, _ string, open opener) {
	s := open(t)
	defer s.Close()
	n := put(t, s, "ring", "a", "one")
	_, _, _, err := s.Since(t.Context(), n+1, []string{"ring"}, 10)
	kind(t, err, fault.Conflict)
}

func shared(t *testing.T, _ string, open opener) {
	serve, command := open(t), open(t)
	defer serve.Close()
	n := put(t, serve, "ring", "a", "one")
	m := put(t, command, "ring", "a", "two")
	equal(t, m, n+1)
	no(t, command.Close())
	got, err := get(t, serve, "ring", "a")
	no(t, err)
	equal(t, got, access.Record{Kind: "ring", ID: "a", Body: []byte("two"), Epoch: m})
	equal(t, put(t, serve, "ring", "b", "one"), m+1)
}

// follow reads on from at until it has seen everything up to the epoch end, into state.
// It tells records out of order, and any that come twice in the same state.
func follow(t *testing.T, s access.Store, at, end int64, limit int, state map[string]access.Record) {
	for at < end {
		page, upTo, _, err := s.Since(t.Context(), at, []string{"ring"}, limit)
		if err != nil {
			t.Errorf("following from %d: %v", at, err)
			return
		}
		before := at
		for _, r := range page {
			if r.Epoch <= at || r.Epoch < before || r.Epoch > upTo || state[r.ID].Epoch >= r.Epoch {
				t.Errorf("after %d, up to %d: %s of epoch %d came after one of %d; it was known as of %d", at, upTo, r.ID, r.Epoch, before, state[r.ID].Epoch)
				return
			}
			before = r.Epoch
			state[r.ID] = r
		}
		at = upTo
	}
}

// followed: eight writers over two opens put and delete records of a few ids, one to
// three in a change, while followers with small limits read along.
func followed(t *testing.T, _ string, open opener) {
	const writers, changes, ids = 8, 25, 40
	opens := []access.Store{open(t), open(t)}
	defer opens[0].Close()
	defer opens[1].Close()
	first := put(t, opens[0], "ring", "0", "x")
	end := first + writers*changes
	var mu sync.Mutex
	want := map[string]access.Record{"0": {Kind: "ring", ID: "0", Body: []byte("x"), Epoch: first}}
	epochs := map[int64]bool{}
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for c := range changes {
				var wrote []access.Record
				n, err := opens[w%2].Change(t.Context(), func(tx access.Tx) error {
					wrote = wrote[:0]
					for i := range 1 + c%3 {
						r := access.Record{Kind: "ring", ID: fmt.Sprint((w*7 + c*11 + i) % ids), Epoch: tx.Epoch()}
						var err error
						if _, missing := tx.Get("ring", r.ID); missing == nil && c%4 == 0 {
							err = tx.Delete("ring", r.ID)
						} else {
							r.Body = fmt.Appendf(nil, "%d by %d", c, w)
							err = tx.Put("ring", r.ID, r.Body)
						}
						if err != nil {
							return err
						}
						wrote = append(wrote, r)
					}
					return nil
				})
				if err != nil {
					t.Errorf("writer %d: %v", w, err)
					return
				}
				mu.Lock()
				if epochs[n] {
					t.Errorf("two changes are of epoch %d", n)
				}
				epochs[n] = true
				for _, r := range wrote {
					if r.Epoch != n {
						t.Errorf("a change was told epoch %d and then %d", r.Epoch, n)
					}
					if want[r.ID].Epoch < n {
						want[r.ID] = r
					}
				}
				mu.Unlock()
			}
		})
	}
	along := make([]map[string]access.Record, 3)
	for i := range along {
		along[i] = map[string]access.Record{}
		all.Go(func() { follow(t, opens[i%2], 0, end, 1+3*i, along[i]) })
	}
	all.Wait()
	if t.Failed() {
		return
	}
	equal(t, len(epochs), writers*changes)
	equal(t, latest(t, opens[1]), end)
	equal(t, slices.Min(slices.Collect(maps.Keys(epochs))), first+1)
	after := map[string]access.Record{}
	follow(t, opens[1], 0, end, 2, after) // each once
	equal(t, after, want)
	for _, state := range along {
		equal(t, state, want)
	}
}

// counted: what a change reads is what it changes.
func counted(t *testing.T, _ string, open opener) {
	const writers, each = 6, 10
	opens := []access.Store{open(t), open(t)}
	defer opens[0].Close()
	defer opens[1].Close()
	put(t, opens[0], "count", "n", "")
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for range each {
				_, err := opens[w%2].Change(t.Context(), func(tx access.Tx) error {
					r, err := tx.Get("count", "n")
					if err != nil {
						return err
					}
					return tx.Put("count", "n", append(r.Body, '|'))
				})
				if err != nil {
					t.Errorf("writer %d: %v", w, err)
				}
			}
		})
	}
	all.Wait()
	r, err := get(t, opens[0], "count", "n")
	no(t, err)
	equal(t, len(r.Body), writers*each)
}

func oneState(t *testing.T, _ string, open opener) {
	s, other := open(t), open(t)
	defer s.Close()
	defer other.Close()
	n := put(t, s, "ring", "a", "one", "ring", "b", "one")
	no(t, s.View(t.Context(), func(tx access.Tx) error {
		equal(t, tx.Epoch(), n)
		put(t, other, "ring", "a", "two", "ring", "c", "two")
		put(t, s, "ring", "b", "two")
		for range 2 {
			for _, id := range []string{"a", "b"} {
				r, err := tx.Get("ring", id)
				no(t, err)
				equal(t, r, access.Record{Kind: "ring", ID: id, Body: []byte("one"), Epoch: n})
			}
			all, err := tx.List("ring", "", 10)
			no(t, err)
			equal(t, len(all), 2)
		}
		return nil
	}))
	equal(t, latest(t, s), n+2)
}
