package grade

import (
	"math"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/insight"
)

func machine(t testing.TB) *Machine {
	t.Helper()
	m, err := New()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// walk is a random history of n bars that ends on day.
func walk(r *rand.Rand, n int, day int32, price float64) *Bars {
	b := &Bars{}
	drift, vol := 0.002*r.NormFloat64(), 0.01+0.04*r.Float64()
	for i := range n {
		next := price * math.Exp(drift+vol*r.NormFloat64())
		top, low := math.Max(price, next)*(1+0.01*r.Float64()), math.Min(price, next)*(1-0.01*r.Float64())
		b.add(day-int32(n-1-i), top, low, next, 1000*math.Exp(0.5*r.NormFloat64()))
		price = next
	}
	return b
}

func (b *Bars) add(day int32, h, l, c, v float64) {
	b.Day, b.High, b.Low, b.Close, b.Volume = append(b.Day, day), append(b.High, h), append(b.Low, l), append(b.Close, c), append(b.Volume, v)
}

func universe(seed uint64, assets, n int, day int32) []Member {
	r := rand.New(rand.NewPCG(seed, 7))
	out := make([]Member, assets)
	for i := range out {
		b := walk(r, n, day, math.Pow(10, 8*r.Float64()-4))
		out[i] = Member{Asset: asset.Code("A" + string(rune('A'+i))), Bars: b, Last: n - 1, Venues: 1 + i%3, MaxSupply: 1000}
		t, err := gather("t", map[asset.Code][]line{"X": table(r, n, day)}, chainColumns, nil)
		if err != nil {
			panic(err)
		}
		t["X"].deviate()
		out[i].Chain = t["X"]
		w, err := gather("t", map[asset.Code][]line{"X": work(r, n, day)}, activityColumns, nil)
		if err != nil {
			panic(err)
		}
		out[i].Activity = w["X"]
	}
	return out
}

func table(r *rand.Rand, n int, day int32) (out []line) {
	for i := range n {
		d := day - int32(n-1-i)
		v := make([]float64, chainColumns)
		for c := range v {
			v[c] = math.Exp(r.NormFloat64())
		}
		out = append(out, line{day: d, known: int64(d+1)*daySeconds + 5000, v: v})
	}
	return out
}

func work(r *rand.Rand, n int, day int32) (out []line) {
	for i := range n {
		d := day - int32(n-1-i)
		out = append(out, line{day: d, known: int64(d+1) * daySeconds, v: []float64{float64(3 + r.IntN(9)), float64(r.IntN(3)), float64(1 + r.IntN(3)), r.Float64(), float64(r.IntN(30) / 29)}})
	}
	return out
}

func same(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) }

func sameScores(t *testing.T, what string, a, b *Scores) {
	t.Helper()
	for k := range a.Value {
		if !same(a.Value[k], b.Value[k]) || a.Coverage[k] != b.Coverage[k] {
			t.Errorf("%s: %s was %v (%v), is %v (%v)", what, insight.GradeKinds()[k], a.Value[k], a.Coverage[k], b.Value[k], b.Coverage[k])
		}
	}
	for p := range a.score {
		if !same(a.score[p], b.score[p]) || !same(a.raw[p], b.raw[p]) {
			t.Errorf("%s: part %d was %v, is %v", what, p, a.score[p], b.score[p])
		}
	}
}

// A grade of a day is the same whether the days after it are missing, there, or changed.
func TestNothingComesFromTheFuture(t *testing.T) {
	m := machine(t)
	const n, day = 500, 19000
	for _, at := range []int{120, 300, 430} {
		whole, cut, other := universe(1, 8, n, day), universe(1, 8, n, day), universe(1, 8, n, day)
		of := day - int32(n-1-at)
		r := rand.New(rand.NewPCG(3, 3))
		for i := range whole {
			whole[i].Last, cut[i].Last, other[i].Last = at, at, at
			b := cut[i].Bars
			b.Day, b.High, b.Low, b.Close, b.Volume = b.Day[:at+1], b.High[:at+1], b.Low[:at+1], b.Close[:at+1], b.Volume[:at+1]
			// Rows of the day itself are known only after its close.
			c := cut[i].Chain
			for j := range c.col {
				c.col[j] = c.col[j][:at]
			}
			c.day, c.known, c.sd = c.day[:at], c.known[:at], c.sd[:at]
			w := cut[i].Activity
			for j := range w.col {
				w.col[j] = w.col[j][:at+1]
			}
			w.day, w.known = w.day[:at+1], w.known[:at+1]
			o := other[i]
			for j := at + 1; j < n; j++ {
				f := math.Exp(3 * r.NormFloat64())
				o.Bars.High[j], o.Bars.Low[j], o.Bars.Close[j], o.Bars.Volume[j] = f, f, f, f
				for k := range o.Activity.col {
					o.Activity.col[k][j] = f
				}
			}
			for j := at; j < n; j++ {
				for k := range o.Chain.col {
					o.Chain.col[k][j] = math.Exp(r.NormFloat64())
				}
			}
			o.Chain.deviate()
		}
		a, b, c := make([]Scores, 8), make([]Scores, 8), make([]Scores, 8)
		m.Day(of, whole, a)
		m.Day(of, cut, b)
		m.Day(of, other, c)
		for i := range a {
			sameScores(t, "with the future cut off", &a[i], &b[i])
			sameScores(t, "with another future", &a[i], &c[i])
		}
		if at > 400 && math.IsNaN(a[0].Value[kInvestor]) {
			t.Error("no investor grade: the test would show little")
		}
	}
}

// The TA of a window is that of a longer history, to the precision it promises.
func TestAHistoryBeforeTheWindowDoesNotMatter(t *testing.T) {
	m := machine(t)
	long := universe(5, 6, 900, 19000)
	short := universe(5, 6, 900, 19000)
	for i := range short {
		b := short[i].Bars
		from := 900 - taWindow
		b.Day, b.High, b.Low, b.Close, b.Volume = b.Day[from:], b.High[from:], b.Low[from:], b.Close[from:], b.Volume[from:]
		short[i].Last = taWindow - 1
	}
	a, b := make([]Scores, 6), make([]Scores, 6)
	m.Day(19000, long, a)
	m.Day(19000, short, b)
	for i := range a {
		if a[i].Value[kTA] != b[i].Value[kTA] {
			t.Errorf("asset %d: %v with 900 bars, %v with %d", i, a[i].Value[kTA], b[i].Value[kTA], taWindow)
		}
		for p := pMomentum; p <= pVolume; p++ {
			if !a[i].settled[p] {
				t.Errorf("%s is not settled within the window", m.parts[p].name)
			}
		}
	}
}

func TestSmallPricesAreAsGoodAsLargeOnes(t *testing.T) {
	m := machine(t)
	for _, k := range []float64{1e-9, 1e-4, 1e6, 1e9} {
		plain, scaled := universe(2, 6, 400, 19000), universe(2, 6, 400, 19000)
		for _, x := range scaled {
			for i := range x.Bars.Day {
				x.Bars.High[i] *= k
				x.Bars.Low[i] *= k
				x.Bars.Close[i] *= k
			}
		}
		a, b := make([]Scores, 6), make([]Scores, 6)
		m.Day(19000, plain, a)
		m.Day(19000, scaled, b)
		for i := range a {
			for _, g := range []int{kTA, kQuant, kTrader} {
				if math.Abs(a[i].Value[g]-b[i].Value[g]) > 1e-6 {
					t.Errorf("times %g: %s of asset %d is %v, was %v", k, m.kinds[g], i, b[i].Value[g], a[i].Value[g])
				}
			}
		}
	}
}

// A price that does not move is neither good nor bad.
func TestAFlatPriceIsInTheMiddle(t *testing.T) {
	m := machine(t)
	b := &Bars{}
	for d := range int32(400) {
		b.add(d, 0.1, 0.1, 0.1, 5)
	}
	out := make([]Scores, 1)
	m.Day(399, []Member{{Asset: "X", Bars: b, Last: 399}}, out)
	if v := out[0].Value[kTA]; math.Abs(v-50) > 1e-9 {
		t.Errorf("TA of a flat price is %v, not 50", v)
	}
	if c := out[0].Coverage[kTA]; math.Abs(c-1) > 1e-12 {
		t.Errorf("coverage %v", c)
	}
	for k, v := range out[0].Value {
		if math.IsInf(v, 0) || v < 0 || v > 100 {
			t.Errorf("%s is %v", m.kinds[k], v)
		}
	}
}

// What has no input is left out and said; below half there is no grade.
func TestMissingInputIsLeftOutAndSaid(t *testing.T) {
	m := machine(t)
	all := universe(4, 8, 400, 19000)
	for i := range all {
		all[i].Chain, all[i].Activity = nil, nil
	}
	out := make([]Scores, len(all))
	m.Day(19000, all, out)
	for i := range out {
		s := &out[i]
		if math.IsNaN(s.Value[kTrader]) || math.Abs(s.Coverage[kTrader]-1) > 1e-12 {
			t.Fatalf("trader needs bars only: %v, coverage %v", s.Value[kTrader], s.Coverage[kTrader])
		}
		if want := 0.8*s.Value[kTA] + 0.2*s.Value[kQuant]; math.Abs(s.Value[kTrader]-want) > 1e-9 {
			t.Errorf("trader is %v, not 0.8 TA + 0.2 quant = %v", s.Value[kTrader], want)
		}
		if want := (0.7*s.Value[kTrader] + 0.1*s.Value[kLiquidity]) / 0.8; math.Abs(s.Value[kCombined]-want) > 1e-9 || math.Abs(s.Coverage[kCombined]-0.8) > 1e-9 {
			t.Errorf("combined without sentiment is %v with coverage %v, not %v with 0.8", s.Value[kCombined], s.Coverage[kCombined], want)
		}
		for _, k := range []int{kTechnology, kValuation, kFundamental, kInvestor} {
			var g insight.Grade
			m.Fill(&g, k, s, true)
			if g.Value != nil {
				t.Errorf("%s has the value %v without input", g.Kind, *g.Value)
			}
			if len(g.Missing) == 0 || g.Coverage >= MinCoverage {
				t.Errorf("%s: coverage %v, missing %v", g.Kind, g.Coverage, g.Missing)
			}
		}
		var g insight.Grade
		m.Fill(&g, kTechnology, s, true)
		if !strings.Contains(strings.Join(g.Missing, " "), "insight.activity") {
			t.Errorf("it does not say how to give the input: %v", g.Missing)
		}
	}
	// With the tables, technology has all of its parts, and investor what it is made of.
	all = universe(4, 8, 400, 19000)
	m.Day(19000, all, out)
	if c := out[0].Coverage[kTechnology]; math.Abs(c-1) > 1e-9 {
		t.Errorf("coverage of technology %v", c)
	}
	if c := out[0].Coverage[kInvestor]; math.Abs(c-(0.35*5/6+0.25+0.2*0.75+0.2)) > 1e-9 {
		t.Errorf("coverage of investor %v", c)
	}
}

func TestAPercentileNeedsPeers(t *testing.T) {
	m := machine(t)
	all := universe(4, MinPeers-1, 400, 19000)
	out := make([]Scores, len(all))
	m.Day(19000, all, out)
	var g insight.Grade
	m.Fill(&g, kQuant, &out[0], true)
	if g.Value != nil || !strings.Contains(g.Missing[0], "5 assets") {
		t.Errorf("%+v", g)
	}
	if math.IsNaN(out[0].Value[kTrader]) || math.Abs(out[0].Coverage[kTrader]-0.8) > 1e-12 {
		t.Errorf("trader of TA alone: %v, coverage %v", out[0].Value[kTrader], out[0].Coverage[kTrader])
	}
}

// A young coin's rank says little: it is drawn to 50.
func TestAYoungCoinIsDrawnToTheMiddle(t *testing.T) {
	m := machine(t)
	all := universe(8, 7, 400, 19000)
	for i := range all {
		all[i].Bars = walk(rand.New(rand.NewPCG(9, uint64(i))), 400, 19000, 1)
	}
	best := walk(rand.New(rand.NewPCG(1, 1)), 46, 19000, 1)
	for i := range best.Close { // rises every day by the same
		best.Close[i] = math.Exp(0.01 * float64(i))
	}
	all[0].Bars, all[0].Last = best, 45
	out := make([]Scores, len(all))
	m.Day(19000, all, out)
	n := 45.0
	mean := 0.0
	for p := pSharpe; p <= pProfit; p++ {
		mean += out[0].score[p]
	}
	// Sortino, tail ratio and profit factor of a series without a loss are beyond any number.
	if want := 50 + (mean/6-50)*n/(n+90); math.Abs(out[0].Value[kQuant]-want) > 1e-9 || want < 60 {
		t.Errorf("quant is %v, want %v", out[0].Value[kQuant], want)
	}
}

// Within the day only TA moves, and with the bar that closes the day it is the day's.
func TestTheHourBecomesTheDay(t *testing.T) {
	m := machine(t)
	now, before := universe(6, 6, 400, 19000), universe(6, 6, 400, 19000)
	for i := range before {
		before[i].Last--
	}
	day, prev := make([]Scores, 6), make([]Scores, 6)
	m.Day(19000, now, day)
	m.Day(18999, before, prev)
	for i := range now {
		b := now[i].Bars
		h := m.Hour(before[i], Bar{High: b.High[399], Low: b.Low[399], Close: b.Close[399]}, &prev[i])
		for p := pMomentum; p <= pChannel; p++ {
			// The window of the hour is one bar longer, which settled parts do not feel.
			if math.Abs(h.score[p]-day[i].score[p]) > 1e-4 {
				t.Errorf("%s is %v in the last hour, %v at the close", m.parts[p].name, h.score[p], day[i].score[p])
			}
		}
		if h.Value[kQuant] != prev[i].Value[kQuant] || h.Value[kLiquidity] != prev[i].Value[kLiquidity] {
			t.Error("quant or liquidity moved within the day")
		}
	}
}

func TestFormulasAreWhole(t *testing.T) {
	m := machine(t)
	for _, f := range m.Formulas() {
		sum := 0.0
		for _, c := range f.Components {
			sum += c.Weight
			if c.Name == "" || c.Formula == "" || len(c.Inputs) == 0 || c.Source == "" || c.Weight <= 0 {
				t.Errorf("%s: a component is not described: %+v", f.ID, c)
			}
		}
		if math.Abs(sum-1) > 1e-12 || f.Version < 1 || f.Text == "" {
			t.Errorf("%s version %d: weights sum to %v", f.ID, f.Version, sum)
		}
	}
	for p, s := range m.parts {
		if s.how == "" {
			t.Errorf("part %d does not say how to give its input", p)
		}
	}
}

// cpuTime is what the process has used: on a busy machine it says more than the clock.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func BenchmarkDayOf1000Assets(b *testing.B) {
	m := machine(b)
	all := universe(1, 1000, 1100, 19000)
	out := make([]Scores, len(all))
	begun := cpuTime()
	for b.Loop() {
		m.Day(19000, all, out)
	}
	b.ReportMetric(float64((cpuTime()-begun).Milliseconds())/float64(b.N), "cpu-ms/op")
}

func BenchmarkHourOf1000Assets(b *testing.B) {
	m := machine(b)
	all := universe(1, 1000, 1100, 19000)
	out := make([]Scores, len(all))
	m.Day(19000, all, out)
	begun := cpuTime()
	defer func() { b.ReportMetric(float64((cpuTime()-begun).Milliseconds())/float64(b.N), "cpu-ms/op") }()
	for b.Loop() {
		for i := range all {
			m.Hour(all[i], Bar{High: 1, Low: 1, Close: 1}, &out[i])
		}
	}
}
