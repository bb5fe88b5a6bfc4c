package anomaly

import (
	"math/rand/v2"
	"testing"
	"time"
)

func TestTheTreesFindWhatIsApart(t *testing.T) {
	f, r := newForest(1, 4, 10, 250), rand.New(rand.NewPCG(5, 5))
	usual := func() []float32 {
		x := make([]float32, 4)
		for i := range x {
			x[i] = float32(0.3 + 0.02*r.NormFloat64())
		}
		return x
	}
	for i := range 2000 {
		if odd := f.judge(usual()); i < 250 && odd != 0 {
			t.Fatalf("point %d is odd before anything is known", i)
		}
	}
	most := 0.0
	for range 200 {
		most = max(most, f.judge(usual()))
	}
	if apart := f.judge([]float32{0.95, 0.9, 0.3, 0.05}); apart <= most {
		t.Errorf("a point apart has %.3f, the oddest of 200 usual ones %.3f", apart, most)
	}
}

// What Tan, Ting and Liu define, checked node by node: the children of a node share
// its mass, and the root holds the window.
func TestMassOfChildrenIsMassOfTheParent(t *testing.T) {
	f, r := newForest(2, 6, 8, 250), rand.New(rand.NewPCG(6, 6))
	x := make([]float32, 6)
	for range 1000 {
		for i := range x {
			x[i] = r.Float32()
		}
		f.judge(x)
	}
	for i, tr := range f.trees {
		if tr.before[0] != 250 {
			t.Fatalf("tree %d: the root has mass %d, want the window of 250", i, tr.before[0])
		}
		for n := range tr.dim {
			if tr.before[n] != tr.before[2*n+1]+tr.before[2*n+2] {
				t.Fatalf("tree %d node %d: mass %d of children %d and %d", i, n, tr.before[n], tr.before[2*n+1], tr.before[2*n+2])
			}
		}
	}
}

func BenchmarkObserve(b *testing.B) {
	w := newWorld(1)
	d := New(Options{})
	var uses []Use
	for m := range 1440 {
		w.minute(m)
		uses = append(uses, w.uses...)
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		u := uses[i%len(uses)]
		// Each lap is a day later, so that minutes and hours do close.
		u.At = u.At.Add(time.Duration(i/len(uses)) * 24 * time.Hour)
		d.Observe(u)
		i++
	}
}
