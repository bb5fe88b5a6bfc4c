package indicator

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// The exam is for every function of the catalogue: whoever adds one has it examined.

// bars makes a series as markets do: a walk with jumps, plateaus of equal bars, bars
// without volume, and now and then a bar without any range.
func bars(seed uint64, n int, price float64) map[Input][]float64 { return walk(seed, n, price, true) }

// walk is bars with plateaus or without.
func walk(seed uint64, n int, price float64, plateaus bool) map[Input][]float64 {
	r := rand.New(rand.NewPCG(seed, 1))
	m := map[Input][]float64{}
	flat := 0
	tick := price / 65536
	for i := range n {
		m[Time] = append(m[Time], 1.6e12+float64(i)*3600e3)
		open := price
		switch {
		case flat > 0:
			flat--
		case plateaus && r.IntN(90) == 0:
			flat = 3 + r.IntN(30)
		}
		high, low, vol := open, open, 0.0
		if flat == 0 {
			size := 0.01
			if r.IntN(40) == 0 {
				size = 0.08
			}
			price = math.Max(tick, math.Round(open*(1+size*r.NormFloat64())/tick)*tick)
			high = math.Round(math.Max(open, price)*(1+0.006*r.Float64())/tick) * tick
			low = math.Max(tick, math.Round(math.Min(open, price)*(1-0.006*r.Float64())/tick)*tick)
			vol = math.Round(1000 * r.ExpFloat64())
		}
		high, low = max(high, open, price), min(low, open, price)
		m[OpenPrice], m[High], m[Low], m[Close], m[Vol] = append(m[OpenPrice], open), append(m[High], high), append(m[Low], low), append(m[Close], price), append(m[Vol], vol)
	}
	m[Real], m[Real1], m[Periods] = m[Close], m[High], m[High]
	return m
}

// columns are a function's inputs out of bars.
func columns(f *Function, m map[Input][]float64) [][]float64 {
	var in [][]float64
	for _, i := range f.Inputs {
		in = append(in, m[i])
	}
	if f.Name == "MAVP" {
		p := make([]float64, len(in[0]))
		for i := range p {
			p[i] = float64(i * 7 % 40)
		}
		in[1] = p
	}
	return in
}

// settings are the defaults, the least that is allowed, and something odd.
func settings(f *Function) []Values {
	def, _ := f.Set(nil)
	out := []Values{def}
	if len(def) == 0 {
		return out
	}
	least, odd := slices.Clone(def), slices.Clone(def)
	for i, p := range f.Params {
		least[i] = max(p.Min, -4)
		if p.Integer && p.Choices == nil {
			odd[i] = min(p.Max, p.Default*2+1)
		}
		if p.Choices != nil {
			odd[i] = float64(min(4, len(p.Choices)-1))
		}
	}
	return append(out, least, odd)
}

func each(t *testing.T, story func(t *testing.T, f *Function, v Values)) {
	list := Catalogue()
	for i := range list {
		f := &list[i]
		t.Run(f.Name, func(t *testing.T) {
			for _, v := range settings(f) {
				story(t, f, v)
			}
		})
	}
}

func mustBatch(t *testing.T, f *Function, v Values, in [][]float64) [][]float64 {
	t.Helper()
	out, err := f.Batch(v, in)
	if err != nil {
		t.Fatal(f.Name, v, err)
	}
	return out
}

func same(a, b float64) bool { return math.Float64bits(a) == math.Float64bits(b) || a != a && b != b }

func TestAStreamGivesTheBitsOfABatch(t *testing.T) {
	each(t, func(t *testing.T, f *Function, v Values) {
		in := columns(f, bars(7, 700, 100))
		want := mustBatch(t, f, v, in)
		run, err := f.Open(v)
		if err != nil {
			t.Fatal(err)
		}
		row, got, peek, old := make([]float64, len(in)), make([]float64, len(want)), make([]float64, len(want)), make([]float64, len(want))
		var clone *Run
		for at := range in[0] {
			for i := range in {
				row[i] = in[i][at] * 1.01 // a bar that does not come to be
			}
			if f.Name == "MAVP" {
				row[1] = in[1][at]
			}
			if _, err := run.Peek(row, peek); err != nil {
				t.Fatal(err)
			}
			for i := range in {
				row[i] = in[i][at]
			}
			peekWarm, _ := run.Peek(row, peek)
			warm, err := run.Update(row, got)
			if err != nil || warm != (at >= f.Begin(v)) || warm != peekWarm {
				t.Fatalf("%v bar %d: warm %v, %v; begin is %d", v, at, warm, err, f.Begin(v))
			}
			for i := range want {
				if !same(got[i], want[i][at]) || !same(peek[i], got[i]) {
					t.Fatalf("%v bar %d %s: stream %v, peek %v, batch %v", v, at, f.Outputs[i].Name, got[i], peek[i], want[i][at])
				}
			}
			if clone != nil {
				if _, err := clone.Update(row, old); err != nil || !slices.EqualFunc(old, got, same) {
					t.Fatalf("%v bar %d: a copy gives %v, the run %v", v, at, old, got)
				}
			}
			if at == 333 {
				clone = run.Clone()
				run2 := run.Clone()
				for range 50 { // another copy that goes elsewhere leaves the run alone
					row[0] *= 1.1
					run2.Update(row, old)
				}
			}
		}
	})
}

func TestNothingComesFromTheFuture(t *testing.T) {
	each(t, func(t *testing.T, f *Function, v Values) {
		in := columns(f, bars(8, 600, 100))
		whole := mustBatch(t, f, v, in)
		for _, n := range []int{1, 2, 40, 41, 97, 250, 251, 599} {
			part := make([][]float64, len(in))
			bent := make([][]float64, len(in))
			for i := range in {
				part[i] = in[i][:n]
				bent[i] = slices.Clone(in[i])
				for j := n; j < len(bent[i]); j++ {
					bent[i][j] = 3 + float64(j%5)
				}
			}
			short, other := mustBatch(t, f, v, part), mustBatch(t, f, v, bent)
			for i := range whole {
				for at := range n {
					if !same(short[i][at], whole[i][at]) || !same(other[i][at], whole[i][at]) {
						t.Fatalf("%v %s bar %d: %v of %d bars, %v of all, %v when later bars change", v, f.Outputs[i].Name, at, short[i][at], n, whole[i][at], other[i][at])
					}
				}
			}
		}
	})
}

func TestSmallPricesAreAsGoodAsLargeOnes(t *testing.T) {
	each(t, func(t *testing.T, f *Function, v Values) {
		m := bars(9, 500, 100)
		base := mustBatch(t, f, v, columns(f, m))
		try := func(price, volume, tolerance float64) {
			scaled := map[Input][]float64{}
			for k, c := range m {
				scaled[k] = slices.Clone(c)
				for i := range c {
					switch k {
					case Vol:
						scaled[k][i] *= volume
					case Time:
					default:
						scaled[k][i] *= price
					}
				}
			}
			v := slices.Clone(v)
			for i, p := range f.Params {
				if p.OfPrice {
					v[i] *= price
				}
			}
			got := mustBatch(t, f, v, columns(f, scaled))
			for i, o := range f.Outputs {
				if o.Free {
					continue
				}
				by := math.Pow(price, float64(o.PriceDegree)) * math.Pow(volume, float64(o.VolumeDegree))
				size := magnitude(base[i])
				for at := range base[i] {
					want := base[i][at] * by
					if d := math.Abs(got[i][at] - want); d > tolerance*math.Max(math.Abs(want), size*by) || (got[i][at] != got[i][at]) != (want != want) {
						t.Fatalf("%v %s bar %d with prices x %g, volumes x %g: %v, want %v", v, o.Name, at, price, volume, got[i][at], want)
					}
				}
			}
		}
		// Powers of two change no bit of a mantissa, so the answer must be exact to rounding.
		try(0x1p-30, 1, 1e-12)
		try(0x1p30, 1, 1e-12)
		try(1, 0x1p-20, 1e-12)
		try(1, 0x1p20, 1e-12)
		if f.Group != Pattern { // where prices are compared, rounding can tip the scales
			try(0x1p-30, 0x1p20, 1e-12)
		}
	})
}

// magnitude is the mean size of what is there.
func magnitude(x []float64) float64 {
	s, n := 0.0, 0
	for _, v := range x {
		if v == v {
			s, n = s+math.Abs(v), n+1
		}
	}
	return s / math.Max(1, float64(n))
}

func TestFlatWindowsGiveNumbers(t *testing.T) {
	each(t, func(t *testing.T, f *Function, v Values) {
		if f.Group == MathShape {
			return // a cosine has no inverse at 100, however long one waits
		}
		flat := map[Input][]float64{}
		for _, k := range []Input{Real, Real1, Periods, OpenPrice, High, Low, Close} {
			flat[k] = slices.Repeat([]float64{100}, 400)
		}
		flat[Vol], flat[Time] = make([]float64, 400), bars(1, 400, 1)[Time]
		for name, m := range map[string]map[Input][]float64{"constant": flat, "plateaus": bars(3, 400, 1e-7)} {
			for i, out := range mustBatch(t, f, v, columns(f, m)) {
				for at := f.Begin(v); at < len(out); at++ {
					if out[at]-out[at] != 0 {
						t.Fatalf("%v %s on a %s series: bar %d is %v", v, f.Outputs[i].Name, name, at, out[at])
					}
				}
			}
		}
	})
}

func TestANumberThatIsNotFiniteChangesNothing(t *testing.T) {
	each(t, func(t *testing.T, f *Function, v Values) {
		in := columns(f, bars(4, 300, 100))
		want := mustBatch(t, f, v, in)
		run, _ := f.Open(v)
		row, got := make([]float64, len(in)), make([]float64, len(want))
		for at := range in[0] {
			for i := range in {
				row[i] = in[i][at]
			}
			for i, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
				keep := row[i%len(row)]
				row[i%len(row)] = bad
				if _, err := run.Update(row, got); err == nil {
					t.Fatal("it took", bad)
				}
				if _, err := run.Peek(row, got); err == nil {
					t.Fatal("it peeked at", bad)
				}
				row[i%len(row)] = keep
			}
			run.Update(row, got)
			for i := range want {
				if !same(got[i], want[i][at]) {
					t.Fatalf("%v bar %d: %v after refusals, %v without", v, at, got[i], want[i][at])
				}
			}
		}
		in[0] = slices.Clone(in[0])
		in[0][17] = math.Inf(1)
		if _, err := f.Batch(v, in); err == nil {
			t.Fatal("a batch took infinity")
		}
	})
}

func TestABarAllocatesNothing(t *testing.T) {
	each(t, func(t *testing.T, f *Function, v Values) {
		in := columns(f, bars(5, 200, 100))
		run, _ := f.Open(v)
		row, out := make([]float64, len(in)), make([]float64, len(f.Outputs))
		at := 0
		bar := func() {
			for i := range in {
				row[i] = in[i][at%200]
			}
			at++
			run.Peek(row, out)
			run.Update(row, out)
		}
		bar()
		if n := testing.AllocsPerRun(150, bar); n != 0 {
			t.Fatalf("%v: %v allocations a bar", v, n)
		}
	})
}

func TestALongerHistoryChangesNothingOnceSettled(t *testing.T) {
	each(t, func(t *testing.T, f *Function, v Values) {
		if f.Settle(v) < 0 { // a running total has no end of its beginning
			return
		}
		for _, seed := range []uint64{6, 404, 505} {
			settles(t, f, v, seed)
		}
	})
}

func settles(t *testing.T, f *Function, v Values, seed uint64) {
	n, cut := 4000+f.Settle(v), 500
	// While nothing moves, a ratio of two fading means does not forget.
	in := columns(f, walk(seed, n, 100, false))
	part := make([][]float64, len(in))
	for i := range in {
		part[i] = in[i][cut:]
	}
	whole, short := mustBatch(t, f, v, in), mustBatch(t, f, v, part)
	for i, o := range f.Outputs {
		size := magnitude(whole[i])
		for at := f.Begin(v) + f.Settle(v) + 1; at < len(short[i]); at++ {
			a, b := whole[i][at+cut], short[i][at]
			if o.Unit == Bars && f.Group == MathOp { // a position in the series: it moves with the start
				b += float64(cut)
			}
			if d := math.Abs(a - b); d > 1e-6*math.Max(math.Abs(a), size) || (a != a) != (b != b) {
				t.Fatalf("%v %s bar %d (settle %d): %v, and %v with %d more bars before", v, o.Name, at, f.Settle(v), b, a, cut)
			}
		}
	}
}

func TestOutputsStayInTheirRange(t *testing.T) {
	each(t, func(t *testing.T, f *Function, v Values) {
		for i, p := range f.Params {
			if p.Choices != nil && v[i] > typeWMA { // the others overshoot what they smooth
				return
			}
		}
		for i, out := range mustBatch(t, f, v, columns(f, bars(11, 800, 3))) {
			o := f.Outputs[i]
			for at := f.Begin(v); at < len(out); at++ {
				if o.Integer() && out[at] != math.Trunc(out[at]) {
					t.Fatalf("%s bar %d is %v, not a whole number", o.Name, at, out[at])
				}
				if slack := 1e-9 * (o.Most - o.Least); o.Least != o.Most && (out[at] < o.Least-slack || out[at] > o.Most+slack) {
					t.Fatalf("%v %s bar %d is %v, outside %v to %v", v, o.Name, at, out[at], o.Least, o.Most)
				}
			}
		}
	})
}

func TestEveryFunctionTellsWhatItIs(t *testing.T) {
	seen := map[string]bool{}
	list := Catalogue()
	for i := range list {
		f := &list[i]
		if seen[f.Name] {
			t.Errorf("%s is there twice", f.Name)
		}
		seen[f.Name] = true
		if f.Title == "" || f.Doc == "" || f.Formula == "" || f.Source == "" || f.Group == "" || len(f.Inputs) == 0 || len(f.Outputs) == 0 {
			t.Errorf("%s lacks a title, doc, formula, source, group, input or output", f.Name)
		}
		names := map[string]bool{}
		for _, p := range f.Params {
			if p.Doc == "" || p.Default < p.Min || p.Default > p.Max || names[p.Short()] {
				t.Errorf("%s: the parameter %s lacks a doc, has a default outside its range, or is there twice", f.Name, p.Name)
			}
			names[p.Short()] = true
			if _, err := f.Set(map[string]string{p.Short(): fmt.Sprint(p.Min)}); err != nil {
				t.Errorf("%s: %v", f.Name, err)
			}
			if _, err := f.Set(map[string]string{p.Name: fmt.Sprint(p.Max + 1)}); err == nil {
				t.Errorf("%s takes %s above its greatest", f.Name, p.Name)
			}
		}
		for _, o := range f.Outputs {
			if names[o.Name] || o.Unit == "" || o.Form == "" {
				t.Errorf("%s: the output %s is there twice, or lacks a unit or form", f.Name, o.Name)
			}
			names[o.Name] = true
		}
		if got, err := Find(list, f.Name); err != nil || got.Name != f.Name {
			t.Errorf("%s is not found: %v", f.Name, err)
		}
	}
}
