package anomaly

import (
	"math"
	"math/rand/v2"
)

// forest is an ensemble of half-space trees. Each tree halves a random dimension of a
// random box at every node; the number of recent points in a node, the mass, is high
// where points are usual. One window of points is counted while the window before is
// judged by, so it follows a stream without storing it.
//
// There is one forest for all keys. Its features are relative to the key's own past,
// so a thing that many keys do at once (an outage, a busy market) is usual to it.
// Source: S. C. Tan, K. M. Ting, T. F. Liu, Fast anomaly detection for streaming
// data, IJCAI 2011.
type forest struct {
	depth, window int
	trees         []tree
	seen          int
	ready         bool
}

type tree struct {
	dim    []uint8   // of inner nodes
	split  []float32 // of inner nodes
	before []uint8   // mass of the window before, all nodes
	now    []uint8   // mass of this window; at most 250 fits
}

// trees is the size of the ensemble in the paper.
const trees = 25

func newForest(seed uint64, dims, depth, window int) *forest {
	r := rand.New(rand.NewPCG(seed, 0x48535472656573))
	f := &forest{depth: depth, window: window, trees: make([]tree, trees)}
	for i := range f.trees {
		inner, all := 1<<depth-1, 1<<(depth+1)-1
		t := tree{make([]uint8, inner), make([]float32, inner), make([]uint8, all), make([]uint8, all)}
		lo, hi := make([]float64, dims), make([]float64, dims)
		for d := range dims {
			// A random point and a box around it that holds 0..1: trees differ though
			// they halve at the middle.
			s := r.Float64()
			reach := 2 * max(s, 1-s)
			lo[d], hi[d] = s-reach, s+reach
		}
		t.grow(r, 0, lo, hi)
		f.trees[i] = t
	}
	return f
}

func (t *tree) grow(r *rand.Rand, node int, lo, hi []float64) {
	if node >= len(t.dim) {
		return
	}
	d := r.IntN(len(lo))
	mid, l, h := (lo[d]+hi[d])/2, lo[d], hi[d]
	t.dim[node], t.split[node] = uint8(d), float32(mid)
	hi[d] = mid
	t.grow(r, 2*node+1, lo, hi)
	lo[d], hi[d] = mid, h
	t.grow(r, 2*node+2, lo, hi)
	lo[d] = l
}

// judge gives how odd a point in 0..1 of every dimension is, from 0 (usual) to 1, and
// then counts it. Before the first window is full everything is usual.
func (f *forest) judge(x []float32) float64 {
	sum := 0.0
	limit := uint8(f.window / 10)
	for i := range f.trees {
		t := &f.trees[i]
		node, depth, judged := 0, 0, false
		for {
			t.now[node]++
			if m := t.before[node]; !judged && (m <= limit || depth == f.depth) {
				judged = true
				sum += float64(m) * float64(uint32(1)<<depth)
			}
			if depth == f.depth {
				break
			}
			node = 2*node + 1
			if x[t.dim[(node-1)/2]] >= t.split[(node-1)/2] {
				node++
			}
			depth++
		}
	}
	odd := 0.0
	if f.ready {
		most := float64(trees) * float64(f.window) * float64(uint32(1)<<f.depth)
		odd = 1 - math.Log1p(sum)/math.Log1p(most)
	}
	if f.seen++; f.seen == f.window {
		f.seen, f.ready = 0, true
		for i := range f.trees {
			t := &f.trees[i]
			t.before, t.now = t.now, t.before
			clear(t.now)
		}
	}
	return odd
}
