package meter

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/assayhq/assay/access/accesstest"
)

func turn(t *testing.T, list ...*Share) {
	t.Helper()
	for _, s := range list {
		if err := s.Turn(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

func units(s *Share) int64 { return total(s.Usage(early, late, Key{}, 0)).Units }

func TestEveryNodeTellsWhatAllHaveCountedAlsoAfterADisksLoss(t *testing.T) {
	var clock atomic.Int64
	clock.Store(noon.Unix())
	now := func() time.Time { return time.Unix(clock.Load(), 0) }
	store := accesstest.NewMemory()
	dirs := []string{t.TempDir(), t.TempDir()}
	node := func(i int) (*Meter, *Share) {
		m := open(t, Options{Dir: dirs[i], Node: string(rune('a' + i)), Batch: time.Microsecond, Now: now})
		return m, NewShare(m, store.Link(), 0, nil)
	}
	add := func(m *Meter, app string, n int64) {
		t.Helper()
		if err := m.Add(ctx, Key{App: app, Ring: "r", Key: "k", Class: "book", Status: 2}, Counts{1, n, 0}); err != nil {
			t.Fatal(err)
		}
	}
	ma, a := node(0)
	mb, b := node(1)
	if !a.AsOf().IsZero() {
		t.Error("as of a time before others were ever heard of")
	}
	add(ma, "x", 1)
	add(mb, "x", 10)
	add(mb, "y", 100)
	turn(t, a, b, a)
	if units(a) != 111 || units(b) != 111 || !a.AsOf().Equal(now().Add(-10*time.Second)) {
		t.Errorf("a tells %d and b %d as of %v, want 111", units(a), units(b), a.AsOf())
	}
	turn(t, a, b, a, b)
	clock.Add(2 * 3600)
	add(mb, "x", 1000)
	turn(t, b, a)
	if got := a.Usage(early, late, Key{App: "x"}, ByHour|ByApp); len(got) != 2 || got[0].Units != 11 || got[1].Units != 1000 {
		t.Errorf("hours of x: %v", got)
	}
	// b is killed before it told what it counted last, starts again hours later ...
	add(mb, "x", 10_000)
	mb.Close()
	clock.Add(5 * 3600)
	mb, b = node(1)
	turn(t, b, a)
	if units(a) != 11_111 || units(b) != 11_111 {
		t.Errorf("after a kill a tells %d and b %d, want 11111", units(a), units(b))
	}
	// ... and once more with an empty disk.
	mb.Close()
	dirs[1] = t.TempDir()
	mb, b = node(1)
	add(mb, "x", 100_000)
	turn(t, b, a)
	if units(a) != 111_111 || units(b) != 111_111 {
		t.Errorf("after the loss of a disk a tells %d and b %d, want 111111", units(a), units(b))
	}
	if total(ma.Usage(early, late, Key{}, 0)).Units != 1 {
		t.Error("what others counted went into a node's own meter, and so into its export")
	}
}

func TestAnAppWithManyRowsIsToldInParts(t *testing.T) {
	store := accesstest.NewMemory()
	one := open(t, Options{Node: "one", Relaxed: true})
	two := NewShare(open(t, Options{Node: "two"}), store.Link(), 0, nil)
	name := make([]byte, 240)
	for i := range 9000 {
		for j := range name {
			name[j] = byte('a' + (i>>(j%14))&1)
		}
		one.Add(ctx, Key{App: string(name), Status: 2}, Counts{1, 1, 0})
		one.Add(ctx, Key{App: string(name), Status: 4}, Counts{1, 1, 0})
	}
	s := NewShare(one, store.Link(), 0, nil)
	turn(t, s, two)
	if got, want := units(two), units(s); got != want || got == 0 {
		t.Errorf("another node tells %d of %d units", got, want)
	}
}

func TestTurnsGoOnAfterTheStoreWasAwayAndPutBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := accesstest.NewMemory()
		l := store.Link()
		m := open(t, Options{Node: "one", Relaxed: true})
		s, two := NewShare(m, l, 0, nil), NewShare(open(t, Options{Node: "two"}), store.Link(), 0, nil)
		run, stop := context.WithCancel(t.Context())
		go s.Run(run)
		m.Add(ctx, Key{App: "x"}, Counts{1, 1, 0})
		l.Cut(errors.New("away"))
		time.Sleep(time.Minute)
		l.Cut(nil)
		m.Add(ctx, Key{App: "x"}, Counts{1, 1, 0})
		time.Sleep(11 * time.Second)
		turn(t, two)
		if units(two) != 2 {
			t.Errorf("%d units are told, want 2", units(two))
		}
		stop()
		synctest.Wait()
		old := accesstest.NewMemory()
		s.store, two.store = old.Link(), old.Link() // an older copy, without any of it
		turn(t, s)
		three := NewShare(open(t, Options{Node: "three"}), old.Link(), 0, nil)
		turn(t, three)
		if units(three) != 2 {
			t.Errorf("%d units are told after the store was put back, want 2", units(three))
		}
		m.Close()
	})
}
