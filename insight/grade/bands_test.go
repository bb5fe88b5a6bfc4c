package grade

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/assayhq/assay/insight"
)

func words(b insight.Bands, grades ...float64) (out []string) {
	var s Bander
	for _, g := range grades {
		if i := s.Close(&b, g); i >= 0 {
			out = append(out, b.Labels[i])
		} else {
			out = append(out, "")
		}
	}
	return out
}

func TestABandChangesAfterTwoClosesBeyondItsEdge(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct {
		name   string
		grades []float64
		want   string
	}{
		{"the first sets it", []float64{61}, "strong"},
		{"at the edge nothing happens", []float64{59, 61, 59, 61.9, 61.9}, "neutral"},
		{"one close is not enough", []float64{59, 63, 59, 63, 59}, "neutral"},
		{"two are", []float64{59, 62, 62}, "strong"},
		{"falling back takes the far edge", []float64{59, 63, 63, 59, 58.5, 58}, "strong"},
		{"and two closes", []float64{59, 63, 63, 57, 57}, "neutral"},
		{"over several bands it goes where both were", []float64{10, 95, 63}, "strong"},
		{"straight to the top", []float64{10, 95, 95}, "very strong"},
		{"straight to the bottom", []float64{90, 5, 5}, "very weak"},
		{"a turn begins to count anew", []float64{50, 63, 37, 63, 63}, "strong"},
		{"no grade, no band", []float64{50, nan}, ""},
		{"and then anew", []float64{50, nan, 81}, "very strong"},
	} {
		got := words(EvenBands(), c.grades...)
		if got[len(got)-1] != c.want {
			t.Errorf("%s: %v gives %q", c.name, c.grades, got)
		}
	}
}

func TestTokenMetricsWords(t *testing.T) {
	for v, want := range map[float64]string{20: "crashing", 21: "losing", 41: "steady", 61: "gaining", 81: "surging"} {
		if got := words(TokenMetricsBands(), v)[0]; got != want {
			t.Errorf("%v is %s, not %s", v, got, want)
		}
	}
	if _, err := BandsNamed("odd"); err == nil {
		t.Error("unknown bands were given")
	}
	if err := CheckBands(insight.Bands{Cuts: []float64{20, 22}, Labels: []string{"a", "b", "c"}, Hysteresis: 2, Confirm: 1}); err == nil {
		t.Error("bands that a hysteresis swallows were taken")
	}
}

// Over random grades: a word never changes on one close, and never toward a band that the
// grade of that close is not beyond the edge of.
func TestBandsAreSteady(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	for _, b := range []insight.Bands{EvenBands(), TokenMetricsBands()} {
		if err := CheckBands(b); err != nil {
			t.Fatal(err)
		}
		var s Bander
		v, before, changes, plain, plainBefore := 50.0, -1, 0, 0, 2
		var last float64
		for i := range 100_000 {
			v = math.Max(0, math.Min(100, v+2*r.NormFloat64()))
			in := s.Close(&b, v)
			if i > 0 && in != before {
				changes++
				for _, x := range []float64{v, last} {
					if in > before && x < b.Cuts[in-1]+b.Hysteresis || in < before && x >= b.Cuts[in]-b.Hysteresis {
						t.Fatalf("from band %d to %d with %v then %v", before, in, last, v)
					}
				}
			}
			k := 0
			for _, c := range b.Cuts {
				if v >= c {
					k++
				}
			}
			if k != plainBefore {
				plain++
			}
			before, last, plainBefore = in, v, k
		}
		if changes == 0 || changes > plain/2 {
			t.Errorf("%s: %d changes, %d without hysteresis", b.Name, changes, plain)
		}
	}
}
