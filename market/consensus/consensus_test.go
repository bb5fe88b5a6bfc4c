package consensus

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/money"
)

var t0 = time.Date(2026, 8, 9, 21, 0, 0, 0, time.UTC)

func peg(c asset.Code) (asset.Code, bool) {
	if c == "USDT" || c == "USDC" {
		return "USD", true
	}
	return "", false
}

func fiat(c asset.Code) bool { return c == "USD" || c == "EUR" }

func price(f float64) money.Price {
	d, err := money.FromFloat(f, 2)
	if err != nil {
		panic(err)
	}
	return money.Price{Decimal: d}
}

// fiveVenues offers BTC at about 65,000 on five venues and gives the machine.
func fiveVenues(at time.Time) *Machine {
	m := New("USD", peg, fiat)
	for i := range 5 {
		put(m, i, 65000+float64(i)*3, at)
	}
	return m
}

func venueN(i int) market.VenueID { return market.VenueID(fmt.Sprintf("v%d", i)) }

func put(m *Machine, i int, mid float64, at time.Time) {
	m.Offer(venueN(i), "BTC-USD", price(mid-0.5), price(mid+0.5), at)
}

func tick(t *testing.T, m *Machine, at time.Time) market.ConsensusPrice {
	t.Helper()
	var out market.ConsensusPrice
	m.Tick(at, true, func(p market.ConsensusPrice) {
		if p.Asset == "BTC" {
			out = p
		}
	})
	if out.Asset == "" {
		t.Fatal("no price")
	}
	return out
}

func TestFiveAgreeingVenues(t *testing.T) {
	p := tick(t, fiveVenues(t0), t0)
	if f := p.Price.Float64(); f < 65000 || f > 65012 {
		t.Error(p.Price)
	}
	if p.Confidence < 0.9 || p.Marks != 0 || len(p.Sources) != 5 {
		t.Errorf("confidence %v marks %v sources %d", p.Confidence, p.Marks.Names(), len(p.Sources))
	}
	sum := 0.0
	for _, s := range p.Sources {
		sum += s.Weight
	}
	if math.Abs(sum-1) > 1e-9 {
		t.Error("weights add up to", sum)
	}
}

// One venue of five misbehaves. The consensus must move by less than its own band
// says it may, whatever the venue's volume.
func TestOneVenueThatMisbehavesCannotMoveThePrice(t *testing.T) {
	attacks := map[string]func(m *Machine, at time.Time){
		"prints ten times the price": func(m *Machine, at time.Time) { put(m, 2, 650000, at) },
		"prints a tenth":             func(m *Machine, at time.Time) { put(m, 2, 6500, at) },
		"creeps one percent away":    func(m *Machine, at time.Time) { put(m, 2, 65650, at) },
		"crosses":                    func(m *Machine, at time.Time) { m.Offer(venueN(2), "BTC-USD", price(66000), price(64000), at) },
		"loses its book":             func(m *Machine, at time.Time) { m.Withdraw(venueN(2), "BTC-USD") },
		"floods with fake volume at a moved price": func(m *Machine, at time.Time) {
			for range 1000 {
				m.Traded(&market.Trade{Venue: venueN(2), Pair: "BTC-USD", Price: price(65200), Qty: money.MustQty("1000")}, at)
			}
			put(m, 2, 65200, at)
		},
		"quotes a negative price": func(m *Machine, at time.Time) {
			m.Offer(venueN(2), "BTC-USD", money.MustPrice("-5"), price(65000), at)
		},
	}
	for name, attack := range attacks {
		t.Run(name, func(t *testing.T) {
			m := fiveVenues(t0)
			before := tick(t, m, t0)
			attack(m, t0.Add(time.Second))
			after := tick(t, m, t0.Add(time.Second))
			move := math.Abs(after.Price.Float64() - before.Price.Float64())
			band := math.Max(before.High.Float64()-before.Price.Float64(), after.High.Float64()-after.Price.Float64())
			if move > band {
				t.Errorf("moved by %.2f, band %.2f; %+v", move, band, after.Sources)
			}
		})
	}
}

// Whatever one venue of five does, for 1,000 markets: venues with one to five pairs,
// any weights. A twin of the machine that the liar leaves alone says where the price
// would be; the difference must lie in the band that the attacked machine states.
func TestAnyLieOfOneVenueStaysInTheBand(t *testing.T) {
	lies := []string{"ten times", "a tenth", "a little up", "a little down", "crossed", "frozen", "many pairs", "flood", "tight and wrong", "dollar for the stablecoin", "withdrawn", "spread wide"}
	worst := map[string]float64{}
	for seed := range uint64(1000) {
		r := rand.New(rand.NewPCG(seed, 7))
		lie := lies[seed%uint64(len(lies))]
		pairs := []market.Pair{"BTC-USD", "BTC-USDT", "BTC-USDC", "BTC-EUR", "BTC-GBP"}
		rates := []float64{1, 0.9985, 1.0002, 1.08, 1.27}
		listed := make([]int, 5)
		scatter := make([]float64, 5)
		volume := make([]float64, 5)
		for i := range listed {
			listed[i], scatter[i], volume[i] = 1+r.IntN(5), r.NormFloat64()*2e-4, math.Exp(r.NormFloat64()*3+10)
		}
		liar := r.IntN(5)
		fair := 65000.0
		start := func() *Machine {
			m := New("USD", peg, func(c asset.Code) bool { return c == "USD" || c == "EUR" || c == "GBP" })
			return m
		}
		say := func(m *Machine, v int, fair float64, at time.Time) {
			for k := range listed[v] {
				mid := fair * (1 + scatter[v]) / rates[k]
				m.Offer(venueN(v), pairs[k], price(mid*(1-5e-5)), price(mid*(1+5e-5)), at)
				q, _ := money.FromFloat(volume[v]/mid/10, 6)
				m.Traded(&market.Trade{Venue: venueN(v), Pair: pairs[k], Price: price(mid), Qty: money.Qty{Decimal: q}}, at)
			}
		}
		rate := func(m *Machine, v int, at time.Time) {
			for k := 1; k < 5; k++ {
				p, _ := money.FromFloat(rates[k]*(1-1e-5), 6)
				q, _ := money.FromFloat(rates[k]*(1+1e-5), 6)
				m.Offer(venueN(v), market.NewPair(pairs[k].Quote(), "USD"), money.Price{Decimal: p}, money.Price{Decimal: q}, at)
			}
		}
		clean, attacked := start(), start()
		at := t0
		for _, m := range []*Machine{clean, attacked} {
			for v := range 5 {
				if v != 4 || liar == 4 { // stablecoin rates from four or five venues
					rate(m, v, at)
				}
				say(m, v, fair, at)
			}
			tick(t, m, at)
		}
		at = at.Add(time.Second)
		if lie == "frozen" {
			fair *= 0.96
		}
		for v := range 5 {
			say(clean, v, fair, at)
			if v != liar {
				say(attacked, v, fair, at)
			}
		}
		mine := fair * (1 + scatter[liar])
		lieAt := func(p market.Pair, mid, half float64) {
			attacked.Offer(venueN(liar), p, price(mid*(1-half)), price(mid*(1+half)), at)
		}
		switch lie {
		case "ten times":
			lieAt("BTC-USD", mine*10, 1e-4)
		case "a tenth":
			lieAt("BTC-USD", mine/10, 1e-4)
		case "a little up":
			lieAt("BTC-USD", mine*1.004, 1e-4)
		case "a little down":
			lieAt("BTC-USD", mine*0.996, 1e-4)
		case "crossed":
			lieAt("BTC-USD", mine, -1e-2)
		case "many pairs":
			for k, p := range pairs {
				lieAt(p, mine*1.3/rates[k], 1e-5)
			}
		case "flood", "tight and wrong":
			for k, p := range pairs {
				lieAt(p, mine*1.0045/rates[k], 1e-7)
				attacked.Traded(&market.Trade{Venue: venueN(liar), Pair: p, Price: price(mine), Qty: money.MustQty("1000000")}, at)
			}
		case "dollar for the stablecoin":
			lieAt("USDT-USD", 0.5, 1e-3)
			lieAt("USDC-USD", 0.5, 1e-3)
		case "withdrawn":
			for _, p := range pairs {
				attacked.Withdraw(venueN(liar), p)
			}
		case "spread wide":
			lieAt("BTC-USD", mine, 0.2)
		}
		a, b := tick(t, clean, at), tick(t, attacked, at)
		if a.Price.Cmp(b.Low.Decimal) < 0 || a.Price.Cmp(b.High.Decimal) > 0 {
			t.Errorf("seed %d, %s of %s: %s without the lie, %s with it, band %s to %s\n%+v", seed, lie, venueN(liar), a.Price, b.Price, b.Low, b.High, b.Sources)
		}
		worst[lie] = math.Max(worst[lie], math.Abs(b.Price.Float64()/a.Price.Float64()-1)*1e4)
	}
	for _, l := range lies {
		t.Logf("%-26s moves the price by at most %.2f basis points", l, worst[l])
	}
}

func TestOfTwoRatesOfAStablecoinThePegDecides(t *testing.T) {
	m := New("USD", peg, fiat)
	m.Offer("a", "USDT-USD", money.MustPrice("0.9990"), money.MustPrice("0.9992"), t0)
	m.Offer("b", "USDT-USD", money.MustPrice("0.5000"), money.MustPrice("0.5002"), t0)
	m.Offer("c", "BTC-USDT", money.MustPrice("65000"), money.MustPrice("65002"), t0)
	if p := tick(t, m, t0); math.Abs(p.Price.Float64()-65001*0.9991) > 1 {
		t.Error("got", p.Price)
	}
}

func TestAFrozenVenueIsLeftBehindWhenTheMarketMoves(t *testing.T) {
	m := fiveVenues(t0)
	tick(t, m, t0)
	at := t0
	for step := range 40 { // the market falls by four percent; venue 0 stays
		at = at.Add(time.Second)
		for i := 1; i < 5; i++ {
			put(m, i, 65000+float64(i)*3-float64(step)*65, at)
		}
		p := tick(t, m, at)
		want := 65000 + 7.5 - float64(step)*65
		if f := p.Price.Float64(); math.Abs(f-want) > 15 {
			t.Fatalf("step %d: price %.2f, market %.2f", step, f, want)
		}
	}
	p := tick(t, m, at)
	for _, s := range p.Sources {
		if s.Venue == "v0" && s.Status != market.IsFrozen {
			t.Error("the frozen venue counts as", s.Status)
		}
	}
}

// A venue that sends the same prices again and again, with new times, is found before
// it is far enough away to be an outlier; and counts again when it moves.
func TestAVenueThatRepeatsItselfIsFrozen(t *testing.T) {
	m := fiveVenues(t0)
	tick(t, m, t0)
	status := func(p market.ConsensusPrice) market.ContributionStatus {
		for _, s := range p.Sources {
			if s.Venue == "v0" {
				return s.Status
			}
		}
		return ""
	}
	at := t0
	var p market.ConsensusPrice
	for range 30 { // a third of a percent in thirty seconds
		at = at.Add(time.Second)
		for i := 1; i < 5; i++ {
			put(m, i, 65000+float64(i)*3+float64(at.Sub(t0)/time.Second)*7, at)
		}
		put(m, 0, 65000, at)
		p = tick(t, m, at)
	}
	if got := status(p); got != market.IsFrozen {
		t.Errorf("after thirty seconds it counts as %q", got)
	}
	put(m, 0, 65213, at)
	if got := status(tick(t, m, at)); got != market.Used {
		t.Errorf("when it moves again it counts as %q", got)
	}
}

func TestNoVenueHasMoreThanItsCap(t *testing.T) {
	m := fiveVenues(t0)
	m.Traded(&market.Trade{Venue: "v1", Pair: "BTC-USD", Price: price(65000), Qty: money.MustQty("100000")}, t0)
	for _, s := range tick(t, m, t0).Sources {
		if s.Weight > VenueCap+0.001 {
			t.Errorf("%s has %.3f", s.Venue, s.Weight)
		}
	}
}

func TestQuotesAreConvertedByMeasuredRates(t *testing.T) {
	m := New("USD", peg, fiat)
	m.Offer("a", "USDT-USD", money.MustPrice("0.9980"), money.MustPrice("0.9982"), t0)
	m.Offer("b", "USDT-USD", money.MustPrice("0.9979"), money.MustPrice("0.9983"), t0)
	m.Offer("c", "BTC-USDT", money.MustPrice("65000"), money.MustPrice("65002"), t0)
	p := tick(t, m, t0)
	if p.Price.String() != "64877.4981" && math.Abs(p.Price.Float64()-65001*0.9981) > 0.01 {
		t.Error("got", p.Price)
	}
	if p.Marks&market.PegAssumed != 0 {
		t.Error("a measured rate needs no peg")
	}
	n := New("USD", peg, fiat)
	n.Offer("c", "BTC-USDT", money.MustPrice("65000"), money.MustPrice("65002"), t0)
	if p := tick(t, n, t0); p.Marks&market.PegAssumed == 0 || !p.Price.Equal(money.MustParse("65001")) {
		t.Errorf("without a rate the peg stands in, and says so: %v %v", p.Price, p.Marks.Names())
	}
	e := New("USD", peg, fiat)
	e.Offer("c", "BTC-EUR", money.MustPrice("60000"), money.MustPrice("60001"), t0)
	e.Tick(t0, true, func(p market.ConsensusPrice) {
		t.Error("euros without a rate cannot give dollars:", p.Price)
	})
}

func TestSilenceMakesThePriceStaleNotGone(t *testing.T) {
	m := fiveVenues(t0)
	p := tick(t, m, t0)
	old := tick(t, m, t0.Add(TooOld+time.Minute))
	if old.Marks&market.Stale == 0 || old.Confidence != 0 || old.Price != p.Price {
		t.Errorf("%v %v %v", old.Price, old.Confidence, old.Marks.Names())
	}
}

// Whatever venues say, the price lies between the lowest and highest used offer,
// the band holds it, and weights add up to one.
func TestInvariantsUnderRandomOffers(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		m := New("USD", peg, fiat)
		for range 1 + r.IntN(9) {
			mid := 100 * math.Exp(r.NormFloat64()*[]float64{0.001, 0.1, 2}[r.IntN(3)])
			half := mid * math.Abs(r.NormFloat64()) * 0.001
			q := []market.Pair{"BTC-USD", "BTC-USDT", "BTC-EUR", "BTC-ETH"}[r.IntN(4)]
			m.Offer(venueN(r.IntN(6)), q, price(mid-half), price(mid+half+0.01), t0.Add(-time.Duration(r.IntN(200))*time.Second))
		}
		m.Tick(t0, true, func(p market.ConsensusPrice) {
			if p.Marks&market.Stale != 0 {
				return
			}
			lo, hi, sum := math.Inf(1), math.Inf(-1), 0.0
			for _, s := range p.Sources {
				sum += s.Weight
				if s.Status == market.Used {
					lo, hi = math.Min(lo, s.Price.Float64()), math.Max(hi, s.Price.Float64())
				}
			}
			f := p.Price.Float64()
			if f < lo-1e-9 || f > hi+1e-9 || math.Abs(sum-1) > 1e-9 || p.Confidence < 0 || p.Confidence > 1 ||
				p.Low.Cmp(p.Price.Decimal) > 0 || p.High.Cmp(p.Price.Decimal) < 0 {
				t.Fatalf("seed %d: price %v of [%v, %v], weights %v, confidence %v, band %v-%v", seed, p.Price, lo, hi, sum, p.Confidence, p.Low, p.High)
			}
		})
	}
}

func BenchmarkTick(b *testing.B) {
	m := fiveVenues(t0)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		put(m, i%5, 65000+float64(i%7), t0)
		m.Tick(t0, false, func(market.ConsensusPrice) {})
	}
}
