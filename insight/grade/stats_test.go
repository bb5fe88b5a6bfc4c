package grade

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestAQuantileIsThatOfTheSortedValues(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		x := make([]float64, 2+r.IntN(60))
		for i := range x {
			x[i] = float64(r.IntN(20)) // with ties
		}
		y := slices.Sorted(slices.Values(x))
		from := 0
		for _, q := range []float64{0, 0.05, 0.5, 0.95, 1} {
			at := q * float64(len(y)-1)
			k := int(at)
			want := y[k]
			if k+1 < len(y) {
				want += (at - float64(k)) * (y[k+1] - y[k])
			}
			if got := quantile(x, q, from); math.Abs(got-want) > 1e-12 {
				t.Fatalf("quantile %v of %v is %v, not %v", q, y, got, want)
			}
			from = k
		}
	}
}

func TestRanksShareWhatIsEqual(t *testing.T) {
	all := make([]Scores, 5)
	for i, v := range []float64{3, 1, 3, 2, 9} {
		all[i].reset()
		all[i].set(pFees, v)
	}
	rank(pFees, 1, all, make([]float64, 5), nil)
	for i, want := range []float64{60, 10, 60, 30, 90} {
		if got := all[i].score[pFees]; math.Abs(got-want) > 1e-12 {
			t.Errorf("asset %d has the percentile %v, not %v", i, got, want)
		}
	}
}

func TestSpearman(t *testing.T) {
	a := []float64{1, 2, 3, 4, 5, 6}
	for _, c := range []struct {
		b    []float64
		want float64
	}{{[]float64{1, 8, 27, 64, 125, 216}, 1}, {[]float64{6, 5, 4, 3, 2, 1}, -1}, {[]float64{1, 1, 1, 1, 1, 1}, math.NaN()},
		{[]float64{2, 1, 4, 3, 6, 5}, 1 - 6*6/(6.0*35)}} {
		if got := Spearman(a, c.b); !same(math.Round(got*1e12), math.Round(c.want*1e12)) {
			t.Errorf("%v: %v, not %v", c.b, got, c.want)
		}
	}
}
