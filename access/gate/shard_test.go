package gate

import (
	"math/rand/v2"
	"testing"
)

func TestAShardFindsWhatAMapFinds(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, 8))
	pool := make([]kid, 3000)
	for i := range pool {
		_, pool[i] = newToken("live")
	}
	s, is := nobody.copied(), map[kid]int32{}
	for n := range int32(20_000) {
		k := pool[rnd.IntN(len(pool))]
		_, there := is[k]
		if rnd.IntN(5) > 1 {
			if s.set(&entry{id: k, n: n}) == there {
				t.Fatal("added what was there, or not what was not")
			}
			is[k] = n
		} else if rnd.IntN(4) == 0 {
			if s.remove(&k) != there {
				t.Fatal("removed what was not there, or not what was")
			}
			delete(is, k)
		}
		if rnd.IntN(50) == 0 {
			old := s
			if s = s.copied(); len(old.entries) != len(is) {
				t.Fatal(len(old.entries), len(is))
			}
		}
		if len(s.entries) == 0 {
			continue
		}
		k = pool[rnd.IntN(len(pool))]
		want, there := is[k]
		if e, found := s.look(k.hash(), &k); (found == 1) != there || there && (e.n != want || e.id != k) {
			t.Fatal(found, there)
		}
	}
}

func TestOnlyWhatWasUsedIsFlushed(t *testing.T) {
	var l uses
	a, b := &use{id: kid{1}}, &use{id: kid{2}}
	l.add(a)
	l.add(b)
	l.add(a)
	if got := l.take(); len(got) != 2 {
		t.Fatal(got)
	}
	if got := l.take(); got != nil {
		t.Fatal("taken twice:", got)
	}
	l.add(b)
	if got := l.take(); len(got) != 1 || got[0] != b {
		t.Fatal(got)
	}
}
