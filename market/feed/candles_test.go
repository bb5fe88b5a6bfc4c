package feed_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/candle"
	"github.com/assayhq/assay/market/feed"
	"github.com/assayhq/assay/money"
	"github.com/assayhq/assay/store/pebble"
)

var day0 = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC) // a Monday

func openStore(t *testing.T) *pebble.Store {
	t.Helper()
	s, err := pebble.Open(t.TempDir(), pebble.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func noPeg(asset.Code) (asset.Code, bool) { return "", false }

func minute(v market.VenueID, p market.Pair, at time.Time, r *rand.Rand) market.Candle {
	o := 10000 + r.Int64N(1000)
	price := func(n int64) money.Price { return money.Price{Decimal: money.MustNew(n, 2)} }
	return market.Candle{Venue: v, Pair: p, Interval: "1m", Open: at, O: price(o), H: price(o + 50), L: price(o - 50), C: price(o + 7),
		Volume: money.Qty{Decimal: money.MustNew(r.Int64N(500), 3)}, Turnover: money.MustNew(r.Int64N(50000), 2), Trades: r.Int64N(9), Complete: true, Known: at.Add(time.Minute)}
}

// Whatever is stored (minutes everywhere, hours here and there), every interval reads
// as if it had been rolled up from all the minutes.
func TestEveryIntervalReadsAsIfRolledUpFromMinutes(t *testing.T) {
	for seed := range uint64(12) {
		r := rand.New(rand.NewPCG(seed, 3))
		store := openStore(t)
		var minutes []market.Candle
		for m := range 3 * 24 * 60 {
			if r.IntN(50) == 0 {
				continue // a minute without trades
			}
			minutes = append(minutes, minute("kraken", "BTC-USD", day0.Add(time.Duration(m)*time.Minute), r))
		}
		each := func(yield func(market.Candle, error) bool) {
			for _, k := range minutes {
				if !yield(k, nil) {
					return
				}
			}
		}
		b := &market.Batch{Candles: minutes}
		for k, err := range candle.Roll("1h", each) {
			if err != nil {
				t.Fatal(err)
			}
			if k.Complete && r.IntN(3) > 0 {
				b.Candles = append(b.Candles, k)
			}
		}
		if err := store.Append(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		now := day0.Add(4 * 24 * time.Hour)
		reader := feed.NewReader(store, nil, noPeg, func() time.Time { return now })
		series := market.Series{Venue: "kraken", Pair: "BTC-USD"}
		for _, i := range []market.Interval{"1m", "5m", "1h", "4h", "1d", "1w", "1M"} {
			var want []market.Candle
			for k, err := range candle.Roll(i, each) {
				if err != nil {
					t.Fatal(err)
				}
				want = append(want, k)
			}
			if i == "1m" {
				want = minutes
			}
			n := 0
			for k, err := range reader.Candles(t.Context(), series, i, market.Range{From: day0.AddDate(0, 0, -1), To: now}) {
				if err != nil {
					t.Fatal(err)
				}
				if n >= len(want) {
					t.Fatalf("seed %d %s: more than %d bars", seed, i, len(want))
				}
				w := want[n]
				if !k.Open.Equal(w.Open) || !k.O.Equal(w.O.Decimal) || !k.H.Equal(w.H.Decimal) || !k.L.Equal(w.L.Decimal) || !k.C.Equal(w.C.Decimal) || !k.Volume.Equal(w.Volume.Decimal) || k.Trades != w.Trades {
					t.Fatalf("seed %d %s bar %d:\n got %+v\nwant %+v", seed, i, n, k, w)
				}
				n++
			}
			if n != len(want) {
				t.Fatalf("seed %d %s: %d bars, want %d", seed, i, n, len(want))
			}
			newest, err := reader.CandlesInto(t.Context(), series, i, market.Range{Limit: 3, Reverse: true}, nil)
			if err != nil {
				t.Fatal(err)
			}
			for k := range newest {
				if w := want[len(want)-1-k]; !newest[k].Open.Equal(w.Open) {
					t.Errorf("seed %d %s: newest %d opens %v, want %v", seed, i, k, newest[k].Open, w.Open)
				}
			}
			if len(newest) != min(3, len(want)) {
				t.Errorf("seed %d %s: %d newest bars of %d", seed, i, len(newest), len(want))
			}
		}
	}
}

// Before the first consensus price was computed, its bars come from the venues.
func TestConsensusBarsBeforeTheFirstStart(t *testing.T) {
	store := openStore(t)
	bar := func(v market.VenueID, p market.Pair, c string) market.Candle {
		return market.Candle{Venue: v, Pair: p, Interval: "1h", Open: day0, O: money.MustPrice("100"), H: money.MustPrice("120"), L: money.MustPrice("90"), C: money.MustPrice(c), Volume: money.MustQty("2.5"), Trades: -1, Complete: true, Marks: market.VenueBar, Known: day0.Add(2 * time.Hour)}
	}
	b := &market.Batch{Candles: []market.Candle{bar("kraken", "BTC-USD", "110"), bar("coinbase", "BTC-USD", "111"), bar("binance", "BTC-USDT", "900"), bar("okx", "BTC-EUR", "1")}}
	if err := store.Append(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	peg := func(c asset.Code) (asset.Code, bool) { return "USD", c == "USDT" }
	r := feed.NewReader(store, nil, peg, func() time.Time { return day0.Add(5 * time.Hour) })
	got, err := r.CandlesInto(t.Context(), market.Series{Venue: market.ConsensusVenue, Pair: "BTC-USD"}, "1h", market.Range{From: day0, To: day0.Add(5 * time.Hour)}, nil)
	if err != nil || len(got) != 1 {
		t.Fatal(got, err)
	}
	k := got[0]
	if s := fmt.Sprint(k.C, k.Volume, k.Marks.Names(), k.Complete); s != "111 7.5 [backfilled peg_assumed] true" {
		t.Error("the median close, the sum of volumes, and what is assumed:", s)
	}
}
