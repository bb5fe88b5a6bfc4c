package grades

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/insight"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/markettest"
	"github.com/assayhq/assay/money"
)

var start = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

// coins is a market of random walks: daily bars for n days until start and beyond, and
// hourly ones of the days after it. Asset i has a history of its own seed.
func coins(t testing.TB, assets, n, beyond int) *markettest.Memory {
	t.Helper()
	h := markettest.NewMemory()
	for i := range assets {
		addCoin(t, h, asset.Code(fmt.Sprintf("C%c", 'A'+i)), uint64(i), n, beyond)
	}
	return h
}

func addCoin(t testing.TB, h *markettest.Memory, a asset.Code, seed uint64, n, beyond int) {
	r := rand.New(rand.NewPCG(seed, 5))
	price := math.Pow(10, 4*r.Float64()-2)
	var b market.Batch
	dec := func(x float64) money.Decimal { return money.MustParse(fmt.Sprintf("%.9f", x)) }
	for d := -n; d < beyond; d++ {
		open := start.AddDate(0, 0, d)
		next := price * math.Exp(0.04*r.NormFloat64())
		top, low := math.Max(price, next)*1.01, math.Min(price, next)*0.99
		volume := money.Qty{Decimal: dec(100 + 900*r.Float64())}
		c := market.Candle{Venue: market.ConsensusVenue, Pair: market.NewPair(a, "USD"), Interval: "1d", Open: open, O: money.Price{Decimal: dec(price)}, H: money.Price{Decimal: dec(top)}, L: money.Price{Decimal: dec(low)}, C: money.Price{Decimal: dec(next)}, Volume: volume, Complete: true, Known: open.AddDate(0, 0, 1)}
		b.Candles = append(b.Candles, c)
		if d >= 0 {
			for hour := range 24 {
				x := c
				x.Interval, x.Open = "1h", open.Add(time.Duration(hour)*time.Hour)
				x.Known = x.Open.Add(time.Hour)
				b.Candles = append(b.Candles, x)
			}
		}
		price = next
	}
	if err := h.Append(context.Background(), &b); err != nil {
		t.Fatal(err)
	}
}

// clock is a time that a test moves.
type clock struct{ now time.Time }

func (c *clock) at(day int, of time.Duration) { c.now = start.AddDate(0, 0, day).Add(of) }

func engine(t testing.TB, h *markettest.Memory, c *clock, change func(*Options)) *Engine {
	t.Helper()
	opt := Options{Candles: h, Stored: h, Now: func() time.Time { return c.now }, Backcast: 60}
	if change != nil {
		change(&opt)
	}
	e, err := New(opt)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func step(t testing.TB, e *Engine) {
	t.Helper()
	if err := e.Step(context.Background()); err != nil {
		t.Fatal(err)
	}
}

func points(t testing.TB, e *Engine, a asset.Code, k insight.GradeKind) []insight.GradePoint {
	t.Helper()
	out, err := e.History(context.Background(), a, k, time.Time{}, time.Time{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestGradesAreThereAfterTheFirstStep(t *testing.T) {
	h, c := coins(t, 8, 500, 0), &clock{now: start.Add(3 * time.Minute)}
	e := engine(t, h, c, nil)
	if _, err := e.Record(t.Context()); fault.Of(err) != fault.Unavailable {
		t.Errorf("before the first step: %v", err)
	}
	step(t, e)
	list, err := e.Grades(t.Context(), insight.TraderGrade, nil)
	if err != nil || len(list) != 8 {
		t.Fatal(len(list), err)
	}
	for i, g := range list {
		if g.Value == nil || g.Coverage < 0.999 || g.Band == "" || g.Trend == "" || g.Change == nil || !g.At.Equal(start) || g.Formula != "assay-trader" || g.Version != 1 || g.Source != "consensus "+string(g.Asset)+"-USD" {
			t.Errorf("%+v", g)
		}
		if i > 0 && *g.Value > *list[i-1].Value {
			t.Error("the best do not stand first")
		}
	}
	all, err := e.Grade(t.Context(), "CA")
	if err != nil || len(all) != len(insight.GradeKinds()) {
		t.Fatal(all, err)
	}
	for _, g := range all {
		if len(g.Components) == 0 {
			t.Errorf("%s has no components", g.Kind)
		}
		if g.Kind == insight.TechnologyGrade && (g.Value != nil || !strings.Contains(g.Missing[0], "insight.activity")) {
			t.Errorf("%+v", g)
		}
	}
	if n := len(points(t, e, "CA", insight.TraderGrade)); n != 60 {
		t.Errorf("%d days of history", n)
	}
	if _, err := e.Grade(t.Context(), "USDT"); fault.Of(err) != fault.Unknown {
		t.Error(err)
	}
	if _, err := e.Grades(t.Context(), "astrology", nil); fault.Of(err) != fault.Unknown {
		t.Error(err)
	}
}

// The history of a day is the same whether it was computed then or much later.
func TestAHistoryComputedLaterIsTheSame(t *testing.T) {
	h, c := coins(t, 8, 300, 30), &clock{}
	c.at(0, 3*time.Minute)
	then := engine(t, h, c, nil)
	step(t, then)
	c.at(30, 3*time.Minute)
	later := engine(t, h, c, nil)
	step(t, later)
	at := map[time.Time]float64{}
	for _, p := range points(t, then, "CB", insight.TraderGrade) {
		at[p.At] = *p.Value
	}
	same := 0
	for _, p := range points(t, later, "CB", insight.TraderGrade) {
		if v, both := at[p.At]; both {
			if same++; v != *p.Value {
				t.Errorf("%s was %v, is %v", p.At, v, *p.Value)
			}
		}
	}
	if same != 30 {
		t.Errorf("%d days were compared", same)
	}
}

func TestACloseIsWrittenDownAndStands(t *testing.T) {
	dir := t.TempDir()
	h, c := coins(t, 6, 300, 20), &clock{}
	real := func(o *Options) { o.Dir = dir }
	c.at(0, 3*time.Minute)
	e := engine(t, h, c, real)
	for d := range 12 {
		c.at(d, 3*time.Minute)
		step(t, e)
	}
	written := points(t, e, "CC", insight.TraderGrade)
	last := written[len(written)-1]
	if last.Written.IsZero() || last.Written.Sub(last.At) > onTime {
		t.Fatalf("%+v", last)
	}
	record, err := e.Record(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, r := range record {
		if r.Kind == insight.TraderGrade && r.Basis == "issued" && r.Horizon == 1 {
			found = true
			if r.Days != 11 || r.N != 66 || r.IC == nil || r.Universe != 6 {
				t.Errorf("%+v", r)
			}
		}
		if r.Kind == insight.TechnologyGrade && r.Note == "" {
			t.Errorf("%+v", r)
		}
	}
	if !found || len(record) != len(insight.GradeKinds())*2*4 {
		t.Errorf("%d records", len(record))
	}

	// Later the candles turn out to have been others. What was written stands.
	other := coins(t, 6, 301, 20)
	e = engine(t, other, c, real)
	step(t, e)
	again := points(t, e, "CC", insight.TraderGrade)
	for i := range 11 {
		a, b := written[len(written)-1-i], again[len(again)-1-i]
		if *a.Value != *b.Value || !a.Written.Equal(b.Written) || !a.At.Equal(b.At) {
			t.Errorf("written as %+v, shown as %+v", a, b)
		}
	}
	g, err := e.Grades(t.Context(), insight.TraderGrade, []asset.Code{"CC"})
	if err != nil || *g[0].Value != *last.Value {
		t.Errorf("the grade is %v, written was %v (%v)", g, *last.Value, err)
	}
}

func TestWhatIsTooLateOrSimulatedIsNotWritten(t *testing.T) {
	for name, x := range map[string]struct {
		of        time.Duration
		simulated bool
	}{"late": {onTime + time.Minute, false}, "simulated": {3 * time.Minute, true}} {
		dir := t.TempDir()
		c := &clock{}
		c.at(0, x.of)
		e := engine(t, coins(t, 6, 200, 0), c, func(o *Options) { o.Dir, o.Simulated = dir, func() bool { return x.simulated } })
		step(t, e)
		if files, _ := filepath.Glob(filepath.Join(dir, "*")); len(files) != 0 {
			t.Errorf("%s: %v were written", name, files)
		}
	}
}

func TestATamperedRecordSaysSoAndIsNotAddedTo(t *testing.T) {
	dir := t.TempDir()
	h, c := coins(t, 6, 300, 20), &clock{}
	real := func(o *Options) { o.Dir = dir }
	e := engine(t, h, c, real)
	for d := range 5 {
		c.at(d, 3*time.Minute)
		step(t, e)
	}
	path := filepath.Join(dir, "assay-trader-v1.jsonl")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(text, []byte("\n"))
	if len(lines) != 7 { // heading, five closes, nothing
		t.Fatalf("%d lines", len(lines))
	}
	for name, change := range map[string]func() []byte{
		"a digit": func() []byte {
			x := bytes.Clone(text)
			i := bytes.Index(x, []byte(`"CA":[`)) + 6
			x[i] = '0' + (x[i]-'0'+1)%10
			return x
		},
		"a line removed": func() []byte { return bytes.Join(append(append([][]byte{}, lines[:2]...), lines[3:]...), nil) },
		"swapped":        func() []byte { return bytes.Join([][]byte{lines[0], lines[2], lines[1], lines[3]}, nil) },
		"no heading":     func() []byte { return bytes.Join(lines[1:], nil) },
		"nonsense":       func() []byte { return append(bytes.Clone(text), "{}\n"...) },
	} {
		if err := os.WriteFile(path, change(), 0o600); err != nil {
			t.Fatal(err)
		}
		before, _ := os.ReadFile(path)
		e := engine(t, h, c, real)
		c.at(5, 3*time.Minute)
		step(t, e)
		after, _ := os.ReadFile(path)
		if !bytes.Equal(before, after) {
			t.Errorf("%s: it was added to", name)
		}
		record, _ := e.Record(t.Context())
		said := false
		for _, r := range record {
			said = said || r.Kind == insight.TraderGrade && r.Basis == "issued" && strings.Contains(r.Note, "not as it was written")
		}
		if !said {
			t.Errorf("%s: the record does not say so", name)
		}
		if _, err := e.Grades(t.Context(), insight.TraderGrade, nil); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Half a line at the end is what a crash leaves: it goes, and the record goes on.
	if err := os.WriteFile(path, append(bytes.Clone(text), `{"day":"2026-03`...), 0o600); err != nil {
		t.Fatal(err)
	}
	c.at(6, 3*time.Minute)
	step(t, engine(t, h, c, real))
	after, _ := os.ReadFile(path)
	if !bytes.HasPrefix(after, text) || bytes.Count(after, []byte("\n")) != 7 {
		t.Errorf("after half a line:\n%s", after)
	}
}

// Within the day the trader grade moves with the hours; the investor's does not.
func TestTheTraderGradeMovesWithinTheDay(t *testing.T) {
	h, c := coins(t, 6, 300, 1), &clock{}
	c.at(0, 5*time.Hour+3*time.Minute)
	e := engine(t, h, c, nil)
	step(t, e)
	g, err := e.Grade(t.Context(), "CA")
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range g {
		within := x.Kind == insight.TAGrade || x.Kind == insight.TraderGrade || x.Kind == insight.CombinedGrade
		if x.Provisional != within || within && !x.At.Equal(start.Add(5*time.Hour)) || !within && !x.At.Equal(start) {
			t.Errorf("%s: provisional %v at %s", x.Kind, x.Provisional, x.At)
		}
	}
	closed := points(t, e, "CA", insight.TraderGrade)
	if v := *closed[len(closed)-1].Value; v == *g[4].Value || math.Abs(*g[4].Change-(*g[4].Value-v)) > 1e-12 {
		t.Errorf("closed at %v, now %v, change %v", v, *g[4].Value, *g[4].Change)
	}
}

// An asset that stopped trading is graded on its days and not after them.
func TestADeadAssetKeepsItsDays(t *testing.T) {
	h, c := coins(t, 6, 300, 0), &clock{}
	dead := markettest.NewMemory()
	addCoin(t, dead, "DEAD", 77, 300, 0)
	for k, err := range dead.Candles(t.Context(), market.Series{Venue: market.ConsensusVenue, Pair: "DEAD-USD"}, "1d", market.Range{To: start.AddDate(0, 0, -20)}) {
		if err != nil {
			t.Fatal(err)
		}
		if err := h.Append(t.Context(), &market.Batch{Candles: []market.Candle{k}}); err != nil {
			t.Fatal(err)
		}
	}
	c.at(0, 3*time.Minute)
	e := engine(t, h, c, nil)
	step(t, e)
	g, err := e.Grades(t.Context(), insight.TraderGrade, []asset.Code{"DEAD"})
	if err != nil || g[0].Value != nil || !strings.Contains(g[0].Missing[0], "no closed daily bar of 2026-02-28") {
		t.Fatalf("%+v %v", g, err)
	}
	n := 0
	for _, p := range points(t, e, "DEAD", insight.TraderGrade) {
		if p.Value != nil {
			n++
		}
	}
	if n != 40 {
		t.Errorf("%d graded days of 40", n)
	}
}

// Nothing stored yet, then an asset without a past, then one with a past.
func TestAssetsComeOneByOne(t *testing.T) {
	h, c := markettest.NewMemory(), &clock{}
	c.at(0, 3*time.Minute)
	e := engine(t, h, c, nil)
	step(t, e)
	if list, err := e.Grades(t.Context(), insight.TraderGrade, nil); err != nil || len(list) != 0 {
		t.Errorf("%v %v", list, err)
	}
	addCoin(t, h, "NEW", 1, 0, 1)
	c.now = c.now.Add(10 * time.Second)
	step(t, e)
	list, err := e.Grades(t.Context(), insight.TraderGrade, nil)
	if err != nil || len(list) != 1 || list[0].Value != nil || len(list[0].Missing) == 0 {
		t.Fatalf("%+v %v", list, err)
	}
	addCoin(t, h, "OLD", 2, 200, 1)
	c.now = c.now.Add(refresh)
	step(t, e)
	list, err = e.Grades(t.Context(), insight.TraderGrade, nil)
	if err != nil || len(list) != 2 || list[0].Asset != "OLD" || list[0].Value == nil || math.Abs(list[0].Coverage-0.8) > 1e-12 {
		t.Fatalf("%+v %v", list, err)
	}
}

// A replay goes back in time and on: grades are those of its own days.
func TestAClockThatGoesBackBeginsAnew(t *testing.T) {
	h, c := coins(t, 6, 300, 20), &clock{}
	e := engine(t, h, c, nil)
	for _, d := range []int{10, 0, 3} {
		c.at(d, 3*time.Minute)
		step(t, e)
		p := points(t, e, "CA", insight.TraderGrade)
		if last := p[len(p)-1].At; !last.Equal(start.AddDate(0, 0, d)) {
			t.Errorf("day %d: the newest grade is of %s", d, last)
		}
	}
}

func BenchmarkHourlyStepOf200Assets(b *testing.B) {
	h, c := markettest.NewMemory(), &clock{}
	for i := range 200 {
		addCoin(b, h, asset.Code(fmt.Sprintf("C%d", i)), uint64(i), 400, 1)
	}
	c.at(0, 3*time.Minute)
	e := engine(b, h, c, func(o *Options) { o.Backcast = 1 })
	step(b, e)
	n := 0
	for b.Loop() {
		n++
		c.at(0, time.Duration(1+n%20)*time.Hour+3*time.Minute)
		step(b, e)
	}
}
