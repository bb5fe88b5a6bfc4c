package risk

import (
	"math"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/assayhq/assay/fault"
)

// Two series with holes at different places are paired by time.
func TestCorrelationPairsByTimeNotByPlace(t *testing.T) {
	v := walk(11, 100)
	at := days(101)
	a, err := NewPrices(at, v)
	if err != nil {
		t.Fatal(err)
	}
	// The same prices without day 10: by place nothing would fit any more.
	b, err := NewPrices(append(append(at[:0:0], at[:10]...), at[11:]...), append(append(v[:0:0], v[:10]...), v[11:]...))
	if err != nil {
		t.Fatal(err)
	}
	c, err := Correlate(a, b, 20, 0.1, Options{})
	if err != nil || c.N != 99 || c.Left != 1 || math.Abs(c.Pearson-1) > 1e-12 || math.Abs(c.Spearman-1) > 1e-12 || c.TailDown != 1 || c.TailUp != 1 || c.TailN != 10 {
		t.Errorf("%+v, %v", c, err)
	}
	if !c.Bounded || c.Low > c.Pearson+1e-12 {
		t.Errorf("interval %v to %v", c.Low, c.High)
	}
	if _, err := Correlate(a, b, 200, 0.1, Options{}); fault.Of(err) != fault.Unavailable {
		t.Errorf("too little overlap: %v", err)
	}
}

func TestRanksDoNotMindOutliers(t *testing.T) {
	// Monotone but not straight: ranks agree fully.
	x := []float64{1, 2, 3, 4, 5, 6}
	y := []float64{1, 4, 9, 16, 25, 1e6}
	if p := pearson(ranks(x), ranks(y)); math.Abs(p-1) > 1e-12 {
		t.Errorf("Spearman of a monotone pair is %v", p)
	}
	if got := ranks([]float64{3, 1, 3, 2}); !reflect.DeepEqual(got, []float64{3.5, 1, 3.5, 2}) {
		t.Errorf("ranks with equals: %v", got)
	}
	// Independent series have the tail's own share in common.
	rng := rand.New(rand.NewPCG(4, 4))
	a, b := make([]float64, 20000), make([]float64, 20000)
	for i := range a {
		a[i], b[i] = rng.NormFloat64(), rng.NormFloat64()
	}
	if down, up, _ := tails(a, b, 0.05); math.Abs(down-0.05) > 0.02 || math.Abs(up-0.05) > 0.02 {
		t.Errorf("independent tails: %v, %v", down, up)
	}
}

// randomBars are bars of a walk.
func randomBars(seed uint64, n int) []Bar {
	rng := rand.New(rand.NewPCG(seed, 5))
	price := 100.0
	out := make([]Bar, n)
	for i := range out {
		open := price
		price *= math.Exp(0.02 * rng.NormFloat64())
		hi, lo := max(open, price)*(1+0.01*rng.Float64()), min(open, price)*(1-0.01*rng.Float64())
		out[i] = Bar{day(i), open, hi, lo, price, 1000 * math.Exp(0.4*rng.NormFloat64())}
	}
	return out
}

// On a walk no level knows anything: the edge over random levels is about zero.
func TestLevelsOfARandomWalkHaveNoEdge(t *testing.T) {
	var edge, weight float64
	for seed := range uint64(6) {
		_, rec, err := Levels(randomBars(seed, 1500), LevelOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if rec.Touched < 100 || rec.Random < 1000 {
			t.Fatalf("only %d touched and %d random levels", rec.Touched, rec.Random)
		}
		edge += rec.Edge * float64(rec.Touched)
		weight += float64(rec.Touched)
	}
	if edge /= weight; math.Abs(edge) > 0.04 {
		t.Errorf("levels of a walk hold %.1f %% more often than random ones", 100*edge)
	}
}

// A price that turns at 90 and 110 has levels there, and they hold.
func TestLevelsThatTurnPricesAreFoundAndHold(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 6))
	price := 100.0
	bars := make([]Bar, 1200)
	for i := range bars {
		open := price
		price = 100 + 10*math.Sin(float64(i)/6) + 0.3*rng.NormFloat64()
		bars[i] = Bar{day(i), open, max(open, price) + 0.2*rng.Float64(), min(open, price) - 0.2*rng.Float64(), price, 100}
	}
	levels, rec, err := Levels(bars, LevelOptions{})
	if err != nil {
		t.Fatal(err)
	}
	low, high := false, false
	for _, l := range levels {
		low = low || l.Support && math.Abs(l.Price-90) < 1.5
		high = high || !l.Support && math.Abs(l.Price-110) < 1.5
		if l.Support != (l.Price <= bars[len(bars)-1].Close) || l.Confirmed.Before(l.Last) {
			t.Errorf("%+v", l)
		}
	}
	if !low || !high {
		t.Errorf("the walls at 90 and 110 are not among %+v", levels)
	}
	if rec.Edge < 0.2 {
		t.Errorf("walls hold no better than random levels: %+v", rec)
	}
}

// What is known at a bar does not change with what comes later.
func TestLevelsUseNothingFromTheFuture(t *testing.T) {
	bars := randomBars(12, 400)
	feed := func(bars []Bar, until int) []pivots {
		book := &levelBook{within: 0.5}
		atr := averageRange(bars, rangeBars)
		for i := 0; i <= until; i++ {
			book.take(bars, i, 3, atr[i])
		}
		var out []pivots
		for _, p := range book.list {
			out = append(out, *p)
		}
		return out
	}
	changed := append(bars[:0:0], bars...)
	for i := 250; i < len(changed); i++ { // another future
		changed[i].High *= 3
		changed[i].Close *= 2
	}
	if !reflect.DeepEqual(feed(bars, 249), feed(changed, 249)) {
		t.Error("levels at bar 249 depend on later bars")
	}
	a, _, err := Levels(bars[:250], LevelOptions{})
	if err != nil || len(a) == 0 {
		t.Fatal(a, err)
	}
	b, _, err := Levels(bars[:250], LevelOptions{})
	if err != nil || !reflect.DeepEqual(a, b) {
		t.Errorf("two runs differ: %v", err)
	}
}

func TestPlantedPumpsAreFound(t *testing.T) {
	found, planted, wrong, bars := 0, 0, 0, 0
	for seed := range uint64(20) {
		b := randomBars(100+seed, 800)
		at := map[int]bool{}
		for _, i := range []int{150, 350, 550, 720} {
			// Up 60 % on twenty times the volume, then back within five bars.
			planted++
			at[i] = true
			base := b[i-1].Close
			path := []float64{1.6, 1.4, 1.2, 1.1, 1.02, 1.0}
			shift := b[i+5].Close
			for k, f := range path {
				open := base
				if k > 0 {
					open = b[i+k-1].Close
				}
				c := base * f
				b[i+k] = Bar{b[i+k].At, open, max(open, c) * 1.02, min(open, c) * 0.99, c, b[i+k].Volume * 20}
			}
			for k := i + 6; k < len(b); k++ { // the walk goes on from there
				f := base / shift
				b[k].Open, b[k].High, b[k].Low, b[k].Close = b[k].Open*f, b[k].High*f, b[k].Low*f, b[k].Close*f
			}
		}
		bars += len(b)
		got, err := Pumps(b, PumpOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range got {
			i := int(p.At.Sub(day(0)).Hours() / 24)
			switch {
			case at[i] && p.Dumped:
				found++
				if len(p.Reasons) != 3 || p.DumpedAt.Before(p.At) || p.PriceZ < 4 || p.VolumeZ < 3 {
					t.Errorf("%+v", p)
				}
			case !at[i]:
				wrong++
			}
		}
	}
	t.Logf("%d of %d planted pumps found, %d wrong in %d bars", found, planted, wrong, bars)
	if found < planted*95/100 || wrong > 4 {
		t.Errorf("%d of %d planted pumps found, %d wrong in %d bars", found, planted, wrong, bars)
	}
	// A rise that stays is told as one that was not given back.
	b := randomBars(7, 300)
	for k := 200; k < 300; k++ {
		b[k].Open, b[k].High, b[k].Low, b[k].Close = b[k].Open*2, b[k].High*2, b[k].Low*2, b[k].Close*2
	}
	b[200].Open, b[200].Low = b[199].Close, min(b[199].Close, b[200].Low)
	b[200].Volume *= 40
	got, err := Pumps(b, PumpOptions{})
	if err != nil || len(got) != 1 || got[0].Dumped || got[0].Open {
		t.Errorf("news: %+v, %v", got, err)
	}
}

func TestScenariosAreArithmetic(t *testing.T) {
	got, err := Scenarios([]float64{2e12, 4e12}, []float64{0.5, 0.6}, 2e7, 50000)
	if err != nil || len(got) != 4 || got[0].Price != 50000 || got[0].Change != 0 || got[3].Price != 4e12*0.6/2e7 {
		t.Errorf("%+v, %v", got, err)
	}
	for _, bad := range []struct {
		caps, shares []float64
		supply       float64
	}{{nil, nil, 1}, {[]float64{1}, []float64{1.1}, 1}, {[]float64{1}, []float64{0.1}, 0}, {[]float64{math.Inf(1)}, []float64{0.1}, 1}, {[]float64{1e308}, []float64{1}, 1e-300}} {
		if _, err := Scenarios(bad.caps, bad.shares, bad.supply, 0); fault.Of(err) != fault.Invalid {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

func TestAComparisonIsTheSameFromBothSides(t *testing.T) {
	a, b := pricesOf(t, walk(21, 200)...), pricesOf(t, walk(22, 200)...)
	c, err := Compare("BTC", "ETH", a, b, 365, Options{Resamples: 100})
	if err != nil {
		t.Fatal(err)
	}
	d, err := Compare("ETH", "BTC", b, a, 365, Options{Resamples: 100})
	if err != nil {
		t.Fatal(err)
	}
	if c.Correlation.Pearson != d.Correlation.Pearson || math.Abs(c.Ahead+d.Ahead-1) > 1e-12 || len(c.Reasons) < 6 {
		t.Errorf("%+v\n%+v", c, d)
	}
	for i, v := range c.A.Values {
		if w := d.B.Values[i]; v.Value != w.Value {
			t.Errorf("%s is %v from one side and %v from the other", v.Metric.Name, v.Value, w.Value)
		}
	}
	rep, err := Measure(Catalogue(), mustReturns(t, a), nil, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range Reasons("BTC", &rep, Drawdowns(mustReturns(t, a), 1)) {
		t.Log(s)
	}
	for _, s := range c.Reasons {
		t.Log(s)
	}
}
