package score

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/money"
)

var noon = time.Date(2026, 8, 9, 12, 0, 0, 0, time.UTC)

func sold(price, qty string, side market.Side) *market.Trade {
	return &market.Trade{Venue: "kraken", Pair: "BTC-USD", Price: money.MustPrice(price), Qty: money.MustQty(qty), Side: side}
}

func pair(t *testing.T, m *Machine, at time.Time) market.Score {
	t.Helper()
	s := m.Scores("BTC-USD", at)
	if len(s) != 1 {
		t.Fatalf("%d scores", len(s))
	}
	return s[0]
}

func near(a, b, within float64) bool { return math.Abs(a-b) <= within*math.Abs(b) }

func TestUptimeIsTheShareOfTheTimeWithGoodData(t *testing.T) {
	m := New("kraken")
	at := noon
	for i := range 101 { // 500 s in steps of five; bad in the last fifth
		m.Sample("BTC-USD", at, Sample{Good: i <= 80, Spread: 2, Depth: [4]float64{10, 20, 100, 300}, Frozen: i > 90})
		at = at.Add(5 * time.Second)
	}
	s := pair(t, m, at)
	if s.Uptime != 0.8 || s.Frozen != 0.1 || s.DepthAsk100 != 300 || !near(s.SpreadBps.P50, 2, 0.2) || !s.From.Equal(noon) {
		t.Errorf("%+v", s)
	}
	// Nobody watched for an hour: that hour counts neither way.
	m.Sample("BTC-USD", at.Add(time.Hour), Sample{Good: true})
	if s := pair(t, m, at.Add(time.Hour)); s.Uptime < 0.8 || s.Uptime > 0.82 {
		t.Error("after a pause", s.Uptime)
	}
}

func TestPercentilesAreRightWithinAFifth(t *testing.T) {
	m := New("kraken")
	r := rand.New(rand.NewPCG(1, 2))
	for range 20000 {
		m.Lag("BTC-USD", noon, time.Duration(math.Exp(r.NormFloat64()+4)*float64(time.Millisecond)))
	}
	s := pair(t, m, noon)
	for q, got := range map[float64]float64{0: s.Lag.P50, 1.2816: s.Lag.P90, 2.3263: s.Lag.P99} {
		if want := math.Exp(q + 4); !near(got, want, 0.2) {
			t.Errorf("the percentile at %v sigma is %v, want %v", q, got, want)
		}
	}
}

func TestSidesAreHeldAgainstTheBook(t *testing.T) {
	m := New("kraken")
	for range 90 {
		m.Trade(sold("101", "1", market.Buy), 99, 101, noon)
	}
	for range 10 {
		m.Trade(sold("101", "1", market.Sell), 99, 101, noon) // the maker's side
	}
	m.Trade(sold("100.1", "1", market.Sell), 99, 101, noon) // too near the middle to tell
	m.Trade(sold("101", "1", market.Buy), 0, 0, noon)       // no book
	if s := pair(t, m, noon); s.SideChecked != 100 || s.SideAgrees != 0.9 || s.Trades != 102 {
		t.Errorf("%+v", s)
	}
}

func TestAGapIsCountedOnceAndItsRepairToo(t *testing.T) {
	m := New("kraken")
	g := market.Gap{ID: "a", Venue: "kraken", Kind: market.Disconnected, From: noon}
	m.Gap(&g, noon)
	m.Gap(&g, noon)
	if s := m.Scores("", noon)[0]; s.Gaps != 1 || s.OpenGaps != 1 {
		t.Errorf("open: %+v", s)
	}
	g.To = noon.Add(time.Minute)
	m.Gap(&g, g.To)
	part := g
	part.ID, part.Pair, part.Repaired, part.Restored = "a|BTC-USD", "BTC-USD", g.To.Add(time.Second), 12
	m.Gap(&part, part.Repaired)
	s := m.Scores("", g.To)
	if s[0].Gaps != 1 || s[0].OpenGaps != 0 || s[0].GapTime != time.Minute || s[0].Repaired != 1 || s[0].Restored != 12 || s[1].Repaired != 1 {
		t.Errorf("over: %+v", s)
	}
}

func TestWashTradingShows(t *testing.T) {
	honest, washed := New("a"), New("b")
	r := rand.New(rand.NewPCG(3, 4))
	at := noon
	for i := range 5000 {
		at = at.Add(700 * time.Millisecond)
		size := math.Exp(r.NormFloat64()*2 - 2)
		q := fmt.Sprintf("%.5f", size)
		if r.IntN(3) == 0 { // people like round sizes
			q = fmt.Sprintf("%.1g", size)
			if d, err := money.Parse([]byte(q)); err != nil || d.IsZero() {
				q = "0.1"
			}
		}
		honest.Trade(sold("100", q, market.Side(1+r.IntN(2))), 0, 0, at)
		if i%2 == 0 { // a program draws a size evenly and trades it with itself
			u := fmt.Sprintf("%.5f", 0.5+r.Float64()/2)
			washed.Trade(sold("100", u, market.Buy), 0, 0, at)
			washed.Trade(sold("100", u, market.Sell), 0, 0, at.Add(100*time.Millisecond))
		}
	}
	a, b := pair(t, honest, at).Wash, pair(t, washed, at).Wash
	if a.Benford > 0.015 || b.Benford < 0.04 || a.Round < 0.3 || b.Round > 0.02 || a.Echo > 0.02 || b.Echo < 0.45 {
		t.Errorf("honest %+v, washed %+v", a, b)
	}
}

func TestADayIsForgottenSlotBySlot(t *testing.T) {
	m := New("kraken")
	for h := range 60 {
		m.Trade(sold("100", "1", market.Buy), 0, 0, noon.Add(time.Duration(h)*time.Hour))
	}
	now := noon.Add(60 * time.Hour)
	if s := pair(t, m, now); s.Trades < 20 || s.Trades > 24 || now.Sub(s.From) > 24*time.Hour {
		t.Errorf("%d trades since %v", s.Trades, s.From)
	}
	if s := pair(t, m, now.Add(48*time.Hour)); s.Trades != 0 {
		t.Error("two days later", s.Trades)
	}
}

func BenchmarkTrade(b *testing.B) {
	m := New("kraken")
	x := sold("65000.5", "0.01234", market.Buy)
	b.ReportAllocs()
	for b.Loop() {
		m.Trade(x, 65000, 65001, noon)
	}
}
