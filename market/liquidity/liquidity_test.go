package liquidity

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/money"
)

func levels(rows ...string) []market.Level {
	var out []market.Level
	for i := 0; i < len(rows); i += 2 {
		out = append(out, market.Level{Price: money.MustPrice(rows[i]), Qty: money.MustQty(rows[i+1])})
	}
	return out
}

func TestDepthCountsWhatRestsWithinADistance(t *testing.T) {
	bids := levels("100.0", "1", "99.95", "2", "99.5", "3", "98", "4")
	asks := levels("100.2", "1.5", "100.6", "2", "101.2", "10")
	got := Depths(bids, asks, []int{10, 50, 100, 500}) // the middle is 100.1
	want := "[{10 1 1.5 100 150.3 true true} {50 3 3.5 299.9 351.5 true true} {100 6 3.5 598.4 351.5 true true} {500 10 13.5 990.4 1363.5 false false}]"
	if s := fmt.Sprint(got); s != want {
		t.Errorf("\n%s, want\n%s", s, want)
	}
	if d := Depths(nil, asks, []int{10}); d[0].AskQty.Sign() != 0 || d[0].AskWhole {
		t.Error("a book without bids has no middle", d)
	}
}

func TestTakingASizeWalksTheBook(t *testing.T) {
	asks := levels("100", "1", "101", "2", "110", "1")
	for _, c := range []struct{ qty, value, want string }{
		{"0.5", "0", "{0.5 50 100 100 1 true}"},
		{"2", "0", "{2 201 100.5 101 2 true}"},
		{"4", "0", "{4 412 103 110 3 true}"},
		{"5", "0", "{4 412 103 110 3 false}"},
		{"0", "201", "{2 201 100.5 101 2 true}"},
		{"0", "1000", "{4 412 103 110 3 false}"},
		{"0", "0", "{0 0 0 0 0 true}"},
	} {
		if got := fmt.Sprint(Take(asks, money.MustParse(c.qty), money.MustParse(c.value))); got != c.want {
			t.Errorf("%s / %s: %s, want %s", c.qty, c.value, got, c.want)
		}
	}
	if s := Slippage(market.Sell, money.MustPrice("99"), money.MustPrice("100")); s < 99.9 || s > 100.1 {
		t.Error("a sale one percent below the middle slips by", s)
	}
}

func TestARouteTakesTheCheapestLevelsFeesIncluded(t *testing.T) {
	one := money.MustNew(1, 0)
	legs, ok := Route(market.Buy, money.MustParse("3"), []Source{
		{Venue: "a", Pair: "BTC-USD", Levels: levels("100", "1", "102", "5"), Rate: one, Fee: money.MustParse("0.001")},
		{Venue: "b", Pair: "BTC-USDT", Levels: levels("100.5", "1", "103", "5"), Rate: money.MustParse("0.999"), Fee: money.MustParse("0.01")},
	})
	if !ok || len(legs) != 2 || legs[0].Venue != "a" || legs[0].Qty.String() != "2" || legs[1].Cost.String() != "101.403495" {
		t.Errorf("%v %+v", ok, legs)
	}
	if _, ok := Route(market.Sell, money.MustParse("30"), []Source{{Levels: levels("100", "1"), Rate: one}}); ok {
		t.Error("more than there is cannot be complete")
	}
}

// No other split of a size costs less than the route: random splits are tried.
func TestNoSplitBeatsTheRoute(t *testing.T) {
	one := money.MustNew(1, 0)
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 3))
		var sources []Source
		for v := range 2 + r.IntN(3) {
			s := Source{Venue: market.VenueID(fmt.Sprint("v", v)), Rate: one, Fee: money.MustNew(int64(r.IntN(30)), 4)}
			price := int64(10000 + r.IntN(50))
			for range 1 + r.IntN(8) {
				s.Levels = append(s.Levels, market.Level{Price: money.Price{Decimal: money.MustNew(price, 2)}, Qty: money.Qty{Decimal: money.MustNew(int64(1+r.IntN(9)), 1)}})
				price += int64(1 + r.IntN(20))
			}
			sources = append(sources, s)
		}
		var all int64
		for _, s := range sources {
			for _, l := range s.Levels {
				n, _ := l.Qty.Rescale(1)
				all += int64(n.Coef())
			}
		}
		want := 1 + r.Int64N(all)
		legs, ok := Route(market.Buy, money.MustNew(want, 1), sources)
		if !ok {
			t.Fatal(seed, "is not complete")
		}
		best, sum := 0.0, 0.0
		for _, l := range legs {
			best += l.Cost.Float64()
			sum += l.Qty.Float64()
		}
		if sum < float64(want)/10-1e-9 || sum > float64(want)/10+1e-9 {
			t.Fatal(seed, sum, want)
		}
		for range 50 { // hand the tenths out at random
			share := make([]int64, len(sources))
			for range want {
				share[r.IntN(len(sources))]++
			}
			cost, fits := 0.0, true
			for i, n := range share {
				f := Take(sources[i].Levels, money.MustNew(n, 1), money.Decimal{})
				fits = fits && f.Complete
				cost += f.Value.Float64() * (1 + sources[i].Fee.Float64())
			}
			if fits && cost < best-1e-6 {
				t.Fatalf("seed %d: a random split costs %.6f, the route %.6f", seed, cost, best)
			}
		}
	}
}
