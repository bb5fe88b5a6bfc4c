package gate

import (
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/assayhq/assay/access/accesstest"
)

// TestRefusalsTakeTheSameTime asks whether the time of a refusal tells anything: whether
// a key is there, or how much of a secret is right. It compares classes of tokens by
// Welch's t-test as dudect does (Reparaz, Balasch, Verbauwhede, 2017): the classes come
// at random, slow outliers are cropped at several thresholds, and the largest |t| counts.
// Each sample is of another key, so that memory is as cold for one class as for the other.
//
// What a clock says depends on the machine, so without ASSAY_TIMING=1 it is only told,
// of few samples. ASSAY_TIMING_SAMPLES sets how many a class has.
func TestRefusalsTakeTheSameTime(t *testing.T) {
	strict := os.Getenv("ASSAY_TIMING") == "1"
	samples := 2_000
	if strict {
		samples = 1_000_000
	}
	if n, err := strconv.Atoi(os.Getenv("ASSAY_TIMING_SAMPLES")); err == nil {
		samples = n
	}
	g := open(t, accesstest.NewMemory().Link(), Options{})
	p := g.peppers.Load()
	const keys = 4096
	d := newDraft(g.snap.Load())
	const unknown, wrong, last = 0, 1, 2
	var tokens [3][keys]token
	for i := range keys {
		right, id := newToken("live")
		r := ring(i, keys, id, p.by[p.newest].verifier(&right), p.newest)
		d.put(&r, g)
		other, _ := newToken("live")
		copy(other[prefixLen:], id[:])
		tokens[wrong][i] = summed(other)
		off := right
		off[bodyLen-1] = base62[(slices.Index([]byte(base62), off[bodyLen-1])+1)%62]
		tokens[last][i] = summed(off)
	}
	g.snap.Store(d.s)
	// Each entry stands in for one unknown key, as it is the one of one known key: so both
	// classes read the same memory, and what is left is the work.
	stand := map[*entry]bool{&nobody.entries[0]: true}
	for i := 0; i < keys; {
		other, id := newToken("live")
		if e, _ := d.s.look(id); !stand[e] {
			stand[e] = true
			tokens[unknown][i] = other
			i++
		}
	}
	for _, pair := range []struct {
		name string
		a, b int
	}{
		{"unknown key / wrong secret", unknown, wrong},
		{"unknown key / last byte wrong", unknown, last},
		{"wrong secret / last byte wrong", wrong, last},
		{"the test itself: wrong secret / wrong secret", wrong, wrong},
	} {
		classes := [2]int{pair.a, pair.b}
		var took [2][]float64
		r, rnd := bearer(""), rand.New(rand.NewPCG(1, 2))
		for range 2 * samples {
			x := rnd.Uint32()
			class := int(x & 1)
			r.Header["Authorization"] = []string{"Bearer " + string(tokens[classes[class]][x>>1%keys][:])} // made anew, wherever it came from
			start := time.Now()
			_, err := g.Authenticate(r)
			took[class] = append(took[class], float64(time.Since(start)))
			if err == nil {
				t.Fatal("accepted")
			}
		}
		tt, gap := welch(took)
		t.Logf("%s: |t| = %.2f, difference of means %.1f ns, %d samples of each", pair.name, tt, gap, samples)
		if strict && tt >= 4.5 {
			t.Errorf("%s: |t| = %.2f is not below 4.5: the time tells one from the other", pair.name, tt)
		}
	}
}

// summed gives a token with the checksum that its body has now.
func summed(t token) token {
	sum := checksum(t[:bodyLen])
	copy(t[bodyLen:], sum[:])
	return t
}

// welch gives the largest |t| over croppings of the upper tail, and the difference of
// means at that cropping. The thresholds are percentiles of both classes together.
func welch(took [2][]float64) (most, gap float64) {
	all := slices.Concat(took[0], took[1])
	slices.Sort(all)
	for i := range 20 {
		share := 1 - math.Pow(0.5, 10*float64(i+1)/20)
		limit := all[min(int(share*float64(len(all))), len(all)-1)]
		var n, mean, m2 [2]float64
		for c := range took {
			for _, x := range took[c] {
				if x > limit {
					continue
				}
				n[c]++
				delta := x - mean[c]
				mean[c] += delta / n[c]
				m2[c] += delta * (x - mean[c])
			}
		}
		if n[0] < 1000 || n[1] < 1000 {
			continue
		}
		if v := m2[0]/(n[0]-1)/n[0] + m2[1]/(n[1]-1)/n[1]; v > 0 {
			if t := math.Abs(mean[0]-mean[1]) / math.Sqrt(v); t > most {
				most, gap = t, mean[0]-mean[1]
			}
		}
	}
	return most, gap
}

// A test of the test: it must see what it is to see.
func TestATimingDifferenceWouldBeSeen(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for _, c := range []struct {
		by   float64
		seen bool
	}{{0, false}, {3, true}} {
		var took [2][]float64
		for range 50_000 {
			class := rnd.IntN(2)
			x := 500 + 40*rnd.NormFloat64() + c.by*float64(class)
			if rnd.IntN(50) == 0 {
				x += 5000 * rnd.ExpFloat64() // interrupted
			}
			took[class] = append(took[class], x)
		}
		if tt, _ := welch(took); (tt >= 4.5) != c.seen {
			t.Errorf("a difference of %g ns has |t| = %.2f", c.by, tt)
		}
	}
}
