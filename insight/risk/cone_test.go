package risk

import (
	"math"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"
)

// clustered makes returns whose movement comes in waves (GARCH 1,1 with fat tails), as real
// ones do.
func clustered(t *testing.T, seed uint64, n int) Returns {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 2))
	v, at := make([]float64, n), make([]time.Time, n)
	variance := 0.0016
	for i := range v {
		// Student t with 5 degrees of freedom, of variance one.
		c := 0.0
		for range 5 {
			z := rng.NormFloat64()
			c += z * z
		}
		x := rng.NormFloat64() / math.Sqrt(c/5) * math.Sqrt(3.0/5)
		v[i] = math.Sqrt(variance) * x
		variance = 0.00006 + 0.08*v[i]*v[i] + 0.88*variance
		at[i] = day(i + 1)
	}
	r, err := NewReturns(day(0), at, v, Log, 365)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func day(i int) time.Time { return time.Date(2020, 1, 1+i, 0, 0, 0, 0, time.UTC) }

func TestConesHoldTheTruthAsOftenAsTheySay(t *testing.T) {
	for _, h := range []int{1, 7, 30} {
		var in90, in80, n float64
		for seed := range uint64(8) {
			c, err := Cover(clustered(t, seed, 3000), 500, 11, ConeOptions{Horizon: h, Shares: []float64{0.8, 0.9}, Paths: 400})
			if err != nil {
				t.Fatal(err)
			}
			in80 += c[0].Inside * float64(c[0].N)
			in90 += c[1].Inside * float64(c[1].N)
			n += float64(c[1].N)
		}
		in80, in90 = in80/n, in90/n
		t.Logf("%d ahead: 80 %% cones held %.1f %%, 90 %% cones %.1f %% of %v", h, 100*in80, 100*in90, n)
		if in90 < 0.87 || in90 > 0.93 {
			t.Errorf("%d ahead, 90 %% cones held %.1f %%", h, 100*in90)
		}
		if in80 < 0.76 || in80 > 0.84 {
			t.Errorf("%d ahead, 80 %% cones held %.1f %%", h, 100*in80)
		}
	}
}

func TestConesHoldTheTruthOnRealDays(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join(shared(t, "candles_1d", "binance_2017_2022"), "*.csv.gz"))
	for _, h := range []int{1, 7, 30} {
		var in80, in90, n float64
		for _, f := range files {
			r, err := closes(t, dailyBars(t, f)).Returns(Log, 365)
			if err != nil {
				t.Fatal(err)
			}
			if r.Len() < 365+h {
				continue
			}
			c, err := Cover(r, 365, 7, ConeOptions{Horizon: h, Shares: []float64{0.8, 0.9}, Paths: 300})
			if err != nil {
				t.Fatal(err)
			}
			in80 += c[0].Inside * float64(c[0].N)
			in90 += c[1].Inside * float64(c[1].N)
			n += float64(c[1].N)
		}
		t.Logf("%d days ahead: 80 %% cones held %.1f %%, 90 %% cones %.1f %% of %v, of %d coins", h, 100*in80/n, 100*in90/n, n, len(files))
		if x := in90 / n; x < 0.87 || x > 0.93 {
			t.Errorf("%d days ahead, 90 %% cones held %.1f %%", h, 100*x)
		}
	}
}
