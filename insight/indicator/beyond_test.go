package indicator

import (
	"math"
	"slices"
	"testing"
)

func TestThePriceOfTheDayBeginsAnewAtMidnightUTC(t *testing.T) {
	f, _ := Find(Catalogue(), "VWAP")
	const day = 86400000
	ts := []float64{day - 7200000, day - 3600000, day, day + 3600000, day + 7200000}
	price := []float64{10, 20, 40, 50, 80}
	volume := []float64{1, 3, 0, 2, 1}
	out := mustBatch(t, f, nil, [][]float64{ts, price, price, price, volume})[0]
	if want := []float64{10, 17.5, 40, 50, 60}; !slices.Equal(out, want) {
		t.Errorf("%v, want %v", out, want)
	}
}

func TestTheRangeOfEveryWindowLengthIsFound(t *testing.T) {
	m := bars(12, 200, 50)
	for n := 1; n <= 70; n++ {
		top, out := make([]float64, 200), make([]float64, 200)
		places(n, m[High], m[Low], m[Close], top, out)
		for at := n - 1; at < 200; at++ {
			h, l := slices.Max(m[High][at-n+1:at+1]), slices.Min(m[Low][at-n+1:at+1])
			if want := place(h, l, m[Close][at]); !same(out[at], want) {
				t.Fatalf("n %d bar %d: %v, want %v", n, at, out[at], want)
			}
		}
	}
}

func TestFillRefusesColumnsOfAnotherLength(t *testing.T) {
	f, _ := Find(Catalogue(), "RSI")
	v, _ := f.Set(nil)
	in := [][]float64{bars(1, 50, 10)[Close]}
	for _, out := range [][][]float64{nil, {make([]float64, 49)}, {make([]float64, 50), make([]float64, 50)}} {
		if err := f.Fill(v, in, out); err == nil {
			t.Errorf("it filled %d columns", len(out))
		}
	}
	used := slices.Repeat([]float64{7}, 50)
	if err := f.Fill(v, in, [][]float64{used}); err != nil || !math.IsNaN(used[13]) || used[14] == 7 {
		t.Errorf("%v %v", err, used[:16])
	}
}

// Numbers of a column are asked several at once, which is quick: none may hide.
func TestOneBadNumberIsFoundWhereverItStands(t *testing.T) {
	for n := 1; n < 40; n++ {
		for at := range n {
			for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
				x := slices.Repeat([]float64{1e308}, n) // sums of these are infinite, they are not
				if unsound(x) != -1 {
					t.Fatal("good numbers are refused")
				}
				if x[at] = bad; unsound(x) != at {
					t.Fatalf("%v at %d of %d is taken for bar %d", bad, at, n, unsound(x))
				}
			}
		}
	}
}

// A mean of a price that stands still is that price, to the bit: distances from it are 0.
func TestMeansOfAPriceThatStandsStillAreThePrice(t *testing.T) {
	x := slices.Concat(bars(2, 300, 77)[Close], slices.Repeat([]float64{0.1}, 3000))
	list := Catalogue()
	for _, name := range []string{"EMA", "RMA", "ZLEMA", "DEMA", "MCGINLEY"} {
		f, _ := Find(list, name)
		v, _ := f.Set(nil)
		out := mustBatch(t, f, v, [][]float64{x})[0]
		if got := out[len(out)-1]; math.Abs(got-0.1) > 1e-17 {
			t.Errorf("%s: %v", name, got)
		}
	}
}
