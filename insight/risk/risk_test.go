package risk

import (
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assayhq/assay/fault"
)

func days(n int) []time.Time {
	out := make([]time.Time, n)
	for i := range out {
		out[i] = day(i)
	}
	return out
}

func pricesOf(t *testing.T, v ...float64) Prices {
	t.Helper()
	p, err := NewPrices(days(len(v)), v)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func returnsOf(t *testing.T, v ...float64) Returns {
	t.Helper()
	at := days(len(v) + 1)
	r, err := NewReturns(at[0], at[1:], v, Simple, 365)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// walk is a price that moves by chance.
func walk(seed uint64, n int) []float64 {
	rng := rand.New(rand.NewPCG(seed, 3))
	v := []float64{100}
	for range n {
		v = append(v, v[len(v)-1]*math.Exp(0.03*rng.NormFloat64()))
	}
	return v
}

func measure(t *testing.T, r Returns, bench *Returns, resamples int) Report {
	t.Helper()
	rep, err := Measure(Catalogue(), r, bench, Options{Resamples: resamples})
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

func TestEveryMetricIsDescribed(t *testing.T) {
	seen := map[string]bool{}
	qs := map[string]bool{}
	for _, m := range Catalogue() {
		if seen[m.Name] || m.Title == "" || m.Group == "" || m.Unit == "" || m.Formula == "" || m.Source == "" || m.MinN < 1 || m.compute == nil {
			t.Errorf("%s is told twice or not whole: %+v", m.Name, m)
		}
		if m.Quantstats != "" && qs[m.Quantstats] {
			t.Errorf("two metrics have quantstats' name %s", m.Quantstats)
		}
		seen[m.Name], qs[m.Quantstats] = true, true
		if m.Differs != "" && m.Quantstats != "" {
			t.Errorf("%s differs from quantstats and has its name", m.Name)
		}
	}
	for _, d := range Differences() {
		if d.Reason == "" || d.Metric != "(all)" && d.Metric != "" && !seen[d.Metric] || d.Same != "" && d.Same != "Quantstats" && !seen[d.Same] {
			t.Errorf("a difference without a reason or a metric: %+v", d)
		}
	}
	if _, err := Find(Catalogue(), "sharp"); fault.Of(err) != fault.Unknown || !strings.Contains(err.Error(), "smart_sharpe") {
		t.Errorf("a name nearly right: %v", err)
	}
}

// Prices in another currency unit have the same returns, so every metric is the same.
func TestMetricsDoNotDependOnTheScaleOfPrices(t *testing.T) {
	v := walk(1, 300)
	want := measure(t, mustReturns(t, pricesOf(t, v...)), nil, -1)
	for _, k := range []float64{1e-9, 1e-3, 7, 1e9} {
		scaled := slices.Clone(v)
		for i := range scaled {
			scaled[i] *= k
		}
		got := measure(t, mustReturns(t, pricesOf(t, scaled...)), nil, -1)
		for i, g := range got.Values {
			if w := want.Values[i]; math.Abs(g.Value-w.Value) > 1e-8*max(1, math.Abs(w.Value)) {
				t.Errorf("times %v, %s is %v, not %v", k, g.Metric.Name, g.Value, w.Value)
			}
		}
	}
}

func mustReturns(t *testing.T, p Prices) Returns {
	t.Helper()
	r, err := p.Returns(Simple, 365)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// What does not look at the order is the same for any order; the path is not.
func TestTheOrderOfReturnsMattersOnlyForPaths(t *testing.T) {
	r := mustReturns(t, pricesOf(t, walk(2, 200)...))
	shuffled := slices.Clone(r.v)
	rand.New(rand.NewPCG(9, 9)).Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	a, b := measure(t, r, nil, -1), measure(t, returnsOf(t, shuffled...), nil, -1)
	path := map[string]bool{"smart_sharpe": true, "autocorr_penalty": true, "calmar": true, "martin": true, "recovery_factor": true, "cons_wins": true, "cons_losses": true, "ulcer_index_qs": true, "upi_qs": true, "serenity_qs": true, "recovery_qs": true}
	differ := 0
	for i, v := range a.Values {
		same := math.Abs(v.Value-b.Values[i].Value) <= 1e-9*max(1, math.Abs(v.Value))
		switch {
		case path[v.Metric.Name] || v.Metric.Group == Fall:
			if !same {
				differ++
			}
		case !same:
			t.Errorf("%s is %v in one order and %v in another", v.Metric.Name, v.Value, b.Values[i].Value)
		}
	}
	if differ < 8 {
		t.Errorf("only %d path metrics differ: was anything shuffled?", differ)
	}
}

func TestAWipeOutStaysAWipeOut(t *testing.T) {
	r := mustReturns(t, pricesOf(t, 100, 120, 0, 0))
	rep := measure(t, r, nil, -1)
	for name, want := range map[string]float64{"comp": -1, "cagr": -1, "max_drawdown": -1, "worst": -1, "calmar": -1, "geometric_mean": -1} {
		if v, _ := rep.Value(name); !v.Known || v.Value != want {
			t.Errorf("%s of a wipe-out is %v (%s), not %v", name, v.Value, v.Why, want)
		}
	}
	if _, err := NewPrices(days(3), []float64{100, 0, 5}); fault.Of(err) != fault.Invalid {
		t.Errorf("a price after zero: %v", err)
	}
	if _, err := pricesOf(t, 100, 0).Returns(Log, 365); fault.Of(err) != fault.Invalid {
		t.Errorf("a log return to zero: %v", err)
	}
	if _, err := NewReturns(day(0), days(1), []float64{-1.2}, Simple, 365); fault.Of(err) != fault.Invalid {
		t.Errorf("a loss of more than all: %v", err)
	}
	if _, err := NewCone(r, ConeOptions{}); err == nil {
		t.Error("a cone out of nothing")
	}
}

func TestAPriceThatNeverMovesHasNoRatios(t *testing.T) {
	// 0.1 is not exact: sums of it must not look like movement.
	v := make([]float64, 50)
	for i := range v {
		v[i] = 0.1
	}
	r := mustReturns(t, pricesOf(t, v...))
	rep := measure(t, r, &r, 100)
	for name, known := range map[string]bool{"comp": true, "volatility": true, "max_drawdown": true, "sharpe": false, "sortino": false, "calmar": false, "kelly": false, "beta": false, "skew": false, "kurtosis": false, "psr": false, "win_rate": false, "correlation": false} {
		got, ok := rep.Value(name)
		switch {
		case !ok || got.Known != known:
			t.Errorf("%s: known %v, %v", name, got.Known, got.Value)
		case !known && got.Why == "":
			t.Errorf("%s is absent without a reason", name)
		case known && got.Value != 0:
			t.Errorf("%s is %v", name, got.Value)
		}
	}
	// The same step each time has movement of the price and none of the return.
	steps := make([]float64, 30)
	for i := range steps {
		steps[i] = 0.1
	}
	if v, _ := func() (Value, bool) { x := measure(t, returnsOf(t, steps...), nil, -1); return x.Value("sharpe") }(); v.Known {
		t.Errorf("the Sharpe ratio of equal returns is %v", v.Value)
	}
}

func TestOneBarIsTooFewForMost(t *testing.T) {
	if _, err := pricesOf(t, 5).Returns(Simple, 365); fault.Of(err) != fault.Invalid {
		t.Errorf("returns of one price: %v", err)
	}
	rep := measure(t, returnsOf(t, 0.02), nil, 400)
	for _, v := range rep.Values {
		if v.N != 1 || v.Bounded {
			t.Errorf("%s of one return has n %d, interval %v", v.Metric.Name, v.N, v.Bounded)
		}
		if v.Known && v.Metric.MinN > 1 {
			t.Errorf("%s needs %d returns", v.Metric.Name, v.Metric.MinN)
		}
	}
	if v, _ := rep.Value("comp"); !v.Known || math.Abs(v.Value-0.02) > 1e-15 {
		t.Errorf("comp is %v", v.Value)
	}
}

func TestWhatIsNoNumberIsRefused(t *testing.T) {
	for _, x := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		if _, err := NewPrices(days(2), []float64{1, x}); fault.Of(err) != fault.Invalid {
			t.Errorf("%v as a price: %v", x, err)
		}
		if _, err := NewReturns(day(0), days(1), []float64{x}, Simple, 365); fault.Of(err) != fault.Invalid {
			t.Errorf("%v as a return: %v", x, err)
		}
		if _, err := NewReturns(day(0), days(1), []float64{0}, Simple, x); fault.Of(err) != fault.Invalid {
			t.Errorf("%v periods: %v", x, err)
		}
	}
	if _, err := NewPrices([]time.Time{day(1), day(1)}, []float64{1, 1}); fault.Of(err) != fault.Invalid {
		t.Errorf("one time twice: %v", err)
	}
	if _, err := NewPrices(days(2), []float64{1, -1}); fault.Of(err) != fault.Invalid {
		t.Errorf("a price below zero: %v", err)
	}
}

func TestLogAndSimpleReturnsOfOnePriceMeasureTheSame(t *testing.T) {
	p := pricesOf(t, walk(4, 120)...)
	l, err := p.Returns(Log, 365)
	if err != nil {
		t.Fatal(err)
	}
	a, b := measure(t, mustReturns(t, p), nil, -1), measure(t, l, nil, -1)
	for i, v := range a.Values {
		if math.Abs(v.Value-b.Values[i].Value) > 1e-9*max(1, math.Abs(v.Value)) {
			t.Errorf("%s is %v of simple and %v of log returns", v.Metric.Name, v.Value, b.Values[i].Value)
		}
	}
}

func TestTheIntervalsAreTheSameForTheSameSeed(t *testing.T) {
	r := mustReturns(t, pricesOf(t, walk(5, 150)...))
	a, b := measure(t, r, &r, 200), measure(t, r, &r, 200)
	strip := func(r Report) (out []Value) {
		for _, v := range r.Values {
			v.Metric = nil
			out = append(out, v)
		}
		return out
	}
	if !reflect.DeepEqual(strip(a), strip(b)) {
		t.Error("two runs with one seed differ")
	}
	c, err := Measure(Catalogue(), r, &r, Options{Resamples: 200, Seed: 2})
	if err != nil {
		t.Fatal(err)
	}
	if reflect.DeepEqual(strip(a), strip(c)) {
		t.Error("another seed gives the same intervals")
	}
	for _, v := range a.Values {
		if v.Bounded && v.Low > v.High {
			t.Errorf("%s lies between %v and %v", v.Metric.Name, v.Low, v.High)
		}
	}
	if v, _ := a.Value("sharpe"); !v.Bounded || v.Low >= v.Value || v.High <= v.Value {
		t.Errorf("the interval of the Sharpe ratio: %+v", v)
	}
}

// The interval of a mean holds the truth about as often as it says, also when returns
// come in waves.
func TestTheIntervalOfTheMeanHoldsTheTruth(t *testing.T) {
	in, n := 0, 150
	mean := []Metric{}
	for _, m := range Catalogue() {
		if m.Name == "mean" {
			mean = append(mean, m)
		}
	}
	for seed := range uint64(n) {
		r := clustered(t, 1000+seed, 250)
		r.kind = Simple // whose true mean is 0
		for i := range r.v {
			r.v[i] = max(r.v[i], -0.99)
		}
		rep, err := Measure(mean, r, nil, Options{Resamples: 200})
		if err != nil {
			t.Fatal(err)
		}
		if v := rep.Values[0]; v.Low <= 0 && v.High >= 0 {
			in++
		}
	}
	if share := float64(in) / float64(n); share < 0.88 || share > 0.99 {
		t.Errorf("95 %% intervals of the mean held the truth in %.1f %%", 100*share)
	}
}

func TestABenchmarkOfItselfHasBetaOne(t *testing.T) {
	r := mustReturns(t, pricesOf(t, walk(6, 100)...))
	rep := measure(t, r, &r, -1)
	for name, want := range map[string]float64{"beta": 1, "alpha": 0, "r2": 1, "correlation": 1, "tracking_error": 0, "up_capture": 1, "down_capture": 1} {
		if v, _ := rep.Value(name); !v.Known || math.Abs(v.Value-want) > 1e-12 {
			t.Errorf("%s of itself is %v (%s)", name, v.Value, v.Why)
		}
	}
	if v, _ := rep.Value("information_ratio"); v.Known {
		t.Errorf("information over itself is %v", v.Value)
	}
	other := mustReturns(t, pricesOf(t, walk(7, 99)...))
	if _, err := Measure(Catalogue(), r, &other, Options{}); fault.Of(err) != fault.Invalid {
		t.Errorf("a benchmark of another length: %v", err)
	}
	// A lever of two on the benchmark.
	double := make([]float64, len(r.v))
	for i, x := range r.v {
		double[i] = 2 * x
	}
	rep = measure(t, returnsOf(t, double...), &r, -1)
	for name, want := range map[string]float64{"beta": 2, "alpha": 0, "up_capture": 2, "down_capture": 2} {
		if v, _ := rep.Value(name); math.Abs(v.Value-want) > 1e-12 {
			t.Errorf("%s of a lever of two is %v", name, v.Value)
		}
	}
}

func TestADrawdownTableTellsEachFall(t *testing.T) {
	r := mustReturns(t, pricesOf(t, 100, 90, 95, 110, 55, 44, 88, 110, 105))
	got := Drawdowns(r, 0)
	if len(got) != 3 {
		t.Fatalf("%d falls, not 3: %+v", len(got), got)
	}
	deep := got[0]
	if math.Abs(deep.Depth+0.6) > 1e-12 || !deep.Start.Equal(day(3)) || !deep.Trough.Equal(day(5)) || !deep.End.Equal(day(7)) || deep.Days != 4 || deep.Periods != 3 || deep.Recovery != 48*time.Hour {
		t.Errorf("the deepest: %+v", deep)
	}
	if first := got[1]; !first.Start.Equal(day(0)) || !first.Recovered || math.Abs(first.Depth+0.1) > 1e-12 {
		t.Errorf("the one from the start: %+v", first)
	}
	if open := got[2]; open.Recovered || !open.End.IsZero() || math.Abs(open.Now-(105.0/110-1)) > 1e-12 || open.Days != 1 {
		t.Errorf("the open one: %+v", open)
	}
	if v, _ := func() (Value, bool) { x := measure(t, r, nil, -1); return x.Value("max_drawdown") }(); math.Abs(v.Value-deep.Depth) > 1e-12 {
		t.Errorf("the maximum is %v, the table's %v", v.Value, deep.Depth)
	}
}

func TestRollingValuesKnowOnlyTheirWindow(t *testing.T) {
	v := walk(8, 120)
	r := mustReturns(t, pricesOf(t, v...))
	for _, name := range []string{"sharpe", "max_drawdown", "var_historical_95", "beta"} {
		c := Catalogue()
		m, err := Find(c, name)
		if err != nil {
			t.Fatal(err)
		}
		all, err := Rolling(m, r, &r, 30, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if len(all) != 91 || !all[0].At.Equal(r.at[29]) || !all[90].At.Equal(r.To()) {
			t.Fatalf("%s: %d points from %v", name, len(all), all[0].At)
		}
		part := mustReturns(t, pricesOf(t, v[:80]...))
		early, err := Rolling(m, part, &part, 30, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(early, all[:len(early)]) {
			t.Errorf("%s changes when more days come", name)
		}
	}
	m := Catalogue()[0]
	if _, err := Rolling(&m, r, nil, 500, Options{}); fault.Of(err) != fault.Invalid {
		t.Errorf("a window longer than the data: %v", err)
	}
}

func TestThreeWaysToAValueAtRiskAgreeOnNormalReturns(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	v := make([]float64, 20000)
	for i := range v {
		v[i] = max(-1, 0.02*rng.NormFloat64())
	}
	r := returnsOf(t, v...)
	for _, m := range []Method{Historical, Normal, CornishFisher} {
		x, c, err := ValueAtRisk(r, m, 0.05)
		if err != nil || math.Abs(x+0.0329) > 0.0008 || math.Abs(c+0.04125) > 0.001 {
			t.Errorf("%s: %v, %v, %v", m, x, c, err)
		}
		if c > x {
			t.Errorf("%s: the shortfall %v is better than the value at risk %v", m, c, x)
		}
	}
	// The closed form of the shortfall is the mean of the quantiles below the tail.
	const s, k = -0.4, 2.0
	total, n := 0.0, 200000
	for i := range n {
		total += stretched(normalAt(0.05*(float64(i)+0.5)/float64(n)), s, k)
	}
	z := normalAt(0.05)
	d := math.Exp(-z*z/2) / math.Sqrt(2*math.Pi) / 0.05
	z1, z2, z3 := -d, 1-z*d, -(z*z+2)*d
	if closed := z1 + (z2-1)*s/6 + (z3-3*z1)*k/24 - (2*z3-5*z1)*s*s/36; math.Abs(closed-total/float64(n)) > 1e-3 {
		t.Errorf("the shortfall is %v, the mean of the quantiles %v", closed, total/float64(n))
	}
	if _, _, err := ValueAtRisk(r, "magic", 0.05); fault.Of(err) != fault.Invalid {
		t.Errorf("an unknown method: %v", err)
	}
	if _, _, err := ValueAtRisk(r, Normal, 0.9); fault.Of(err) != fault.Invalid {
		t.Errorf("a tail of 0.9: %v", err)
	}
}

func TestManyTrialsDeflateTheSharpeRatio(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 1))
	v := make([]float64, 500)
	for i := range v {
		v[i] = 0.0015 + 0.02*rng.NormFloat64()
	}
	r := returnsOf(t, v...)
	last := 2.0
	for _, trials := range []int{1, 10, 100, 10000} {
		p, err := DeflatedSharpe(r, trials, 0)
		if err != nil || p >= last || p < 0 {
			t.Errorf("%d trials: %v, %v (before %v)", trials, p, err, last)
		}
		last = p
	}
	one, _ := DeflatedSharpe(r, 1, 0)
	if v, _ := func() (Value, bool) { x := measure(t, r, nil, -1); return x.Value("psr") }(); one != v.Value {
		t.Errorf("one trial is %v, the probabilistic ratio %v", one, v.Value)
	}
}
