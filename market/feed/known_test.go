package feed_test

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/assayhq/assay/bus"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/feed"
)

// A day of trades, many of them late, some told in doubt by a gap; what readers were given
// on the way is what they are given later when they ask for what was known then.
func TestBarsAreGivenAsTheyWereKnownThen(t *testing.T) {
	intervals := []market.Interval{"1m", "5m", "1h", "4h"}
	type view struct {
		at   time.Time
		bars map[market.Interval][]market.Candle
	}
	series := market.Series{Venue: "toy", Pair: "BTC-USD"}
	for seed := range uint64(3) {
		r := rand.New(rand.NewPCG(seed, 17))
		store := openStore(t)
		writer := feed.NewWriter(store, time.Hour, 1<<20, slog.New(slog.DiscardHandler))
		core := feed.NewCore(plainAssets{}, bus.NewLocal(), writer, slog.New(slog.DiscardHandler))
		station := core.NewStation(newToy().driver())
		now := day0.Add(10 * time.Second)
		reader := feed.NewReader(store, core.OpenCandle, noPeg, func() time.Time { return now })
		flush := func() {
			t.Helper()
			if err := writer.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		read := func(i market.Interval, rng market.Range) []market.Candle {
			t.Helper()
			rows, err := reader.CandlesInto(t.Context(), series, i, rng, nil)
			if err != nil {
				t.Fatal(err)
			}
			return rows
		}
		if _, err := station.HTTP("http://toy/list", nil, now, 0); err != nil {
			t.Fatal(err)
		}
		var given []view
		rolled := now.Truncate(time.Hour)
		var gap market.Gap
		for n := range 6000 {
			now = now.Add(time.Duration(1+r.IntN(5000)) * time.Millisecond)
			at := now
			if r.IntN(15) == 0 { // late, by up to an hour
				at = at.Add(-time.Duration(r.IntN(3600)) * time.Second)
			}
			frame := fmt.Sprintf("deal BTCUSD %d %d.5 0.%03d %d", n, 60000+r.IntN(100), 1+r.IntN(900), at.Unix())
			if _, err := station.HTTP("http://toy/deals", []byte(frame), now, 0); err != nil {
				t.Fatal(err)
			}
			core.Tick(now)
			switch {
			case n%900 == 500: // a connection is lost: bars from now on are in doubt
				gap = market.Gap{ID: fmt.Sprint("g", n), Venue: "toy", Kind: market.Disconnected, From: now.Add(-10 * time.Minute)}
				if err := station.Connect("c#0", "ws://toy/ws", gap.From); err != nil {
					t.Fatal(err)
				}
				station.Closed("c#0", now, "lost")
			case n%900 == 560: // it is back
				if err := station.Connect("c#1", "ws://toy/ws", now); err != nil {
					t.Fatal(err)
				}
				if _, err := station.Frame("c#1", fmt.Appendf(nil, "deal BTCUSD x%d 60000 0.1 %d", n, now.Unix()), now, 0); err != nil {
					t.Fatal(err)
				}
				gap.To = now
				station.Closed("c#1", now, "done")
				station.Repaired(market.Gap{ID: "c", Venue: "toy", Kind: market.Disconnected, From: now, To: now}, now, 0)
			case n%900 == 800: // fetched what was missing: told as repaired
				station.Repaired(gap, now, 1)
			}
			flush()
			if hour := now.Truncate(time.Hour); hour.After(rolled) && now.Sub(hour) > 30*time.Second { // as the app does
				b := &market.Batch{Candles: read("1h", market.Range{From: rolled, To: hour})}
				b.Candles = slices.DeleteFunc(b.Candles, func(k market.Candle) bool { return !k.Complete })
				if err := store.Append(t.Context(), b); err != nil {
					t.Fatal(err)
				}
				rolled = hour
			}
			if s := now.Sub(now.Truncate(time.Minute)); r.IntN(40) == 0 && s > 3*time.Second {
				v := view{now, map[market.Interval][]market.Candle{}}
				for _, i := range intervals {
					v.bars[i] = slices.DeleteFunc(read(i, market.Range{From: day0.AddDate(0, 0, -1)}), func(k market.Candle) bool { return i.Next(k.Open).After(now) })
				}
				given = append(given, v)
			}
		}
		corrected := 0
		for _, err := range store.Corrections(t.Context(), series, "1m", market.Range{}) {
			if err != nil {
				t.Fatal(err)
			}
			corrected++
		}
		if len(given) < 50 || corrected < 100 {
			t.Fatalf("seed %d: %d views and %d corrections prove nothing", seed, len(given), corrected)
		}
		for _, v := range given {
			for _, i := range intervals {
				got := read(i, market.Range{From: day0.AddDate(0, 0, -1), KnownAt: v.at})
				for k := range min(len(got), len(v.bars[i])) {
					if got[k] != v.bars[i][k] {
						t.Fatalf("seed %d, %s known at %s, bar %d:\n got %+v\nthen %+v", seed, i, v.at, k, got[k], v.bars[i][k])
					}
				}
				if len(got) != len(v.bars[i]) {
					t.Fatalf("seed %d, %s known at %s: %d bars, then %d", seed, i, v.at, len(got), len(v.bars[i]))
				}
				last := read(i, market.Range{KnownAt: v.at, Limit: 2, Reverse: true})
				for k := range last {
					if w := v.bars[i][len(v.bars[i])-1-k]; last[k] != w {
						t.Fatalf("seed %d, %s known at %s, newest %d:\n got %+v\nthen %+v", seed, i, v.at, k, last[k], w)
					}
				}
			}
		}
	}
}
