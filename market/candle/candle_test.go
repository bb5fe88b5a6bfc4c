package candle

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/money"
)

var t0 = time.Date(2026, 8, 9, 21, 0, 0, 0, time.UTC)

// day is a market day told as text: "12.5 100.00 2" is a trade 12.5 s after t0 of
// 2 at 100; "tick 75" lets time pass; "gap 10 20" puts a time in doubt. It returns
// the bars of the interval as they were last emitted.
func day(t *testing.T, interval market.Interval, story string) string {
	t.Helper()
	m := New("kraken", "BTC-USD", t0)
	last := map[time.Time]market.Candle{}
	emit := func(k market.Candle) {
		if k.Interval == interval {
			last[k.Open] = k
		}
	}
	sec := func(s string) time.Time {
		d, err := time.ParseDuration(s + "s")
		if err != nil {
			t.Fatal(err)
		}
		return t0.Add(d)
	}
	for line := range strings.Lines(story) {
		f := strings.Fields(line)
		switch {
		case len(f) == 0:
		case f[0] == "tick":
			m.Tick(sec(f[1]), emit)
		case f[0] == "gap":
			m.Doubt(sec(f[1]), sec(f[2]), sec(f[2]), emit)
		case f[0] == "trust":
			m.Trust(sec(f[1]), time.Time{}, emit)
		default:
			tr := market.Trade{Price: money.MustPrice(f[1]), Qty: money.MustQty(f[2]), At: sec(f[0]), Received: sec(f[0])}
			m.Apply(&tr, emit)
		}
	}
	var opens []time.Time
	for o := range last {
		opens = append(opens, o)
	}
	slices.SortFunc(opens, time.Time.Compare)
	var b strings.Builder
	for _, o := range opens {
		k := last[o]
		state := "open"
		if k.Complete {
			state = "complete"
		}
		fmt.Fprintf(&b, "%s o=%s h=%s l=%s c=%s v=%s n=%d %s r%d\n", k.Open.Format("15:04:05"), k.O, k.H, k.L, k.C, k.Volume, k.Trades, state, k.Revision)
	}
	return strings.TrimSpace(b.String())
}

func TestMarketDays(t *testing.T) {
	for name, c := range map[string]struct{ story, want string }{
		"a bar opens with its first trade and closes with the next bar's": {
			"1 100 1\n2 103.5 2\n59 99 0.5\n61 101 1",
			"21:00:00 o=100 h=103.5 l=99 c=99 v=3.5 n=3 complete r0\n21:01:00 o=101 h=101 l=101 c=101 v=1 n=1 open r0",
		},
		"time closes a bar that no trade closes": {
			"1 100 1\ntick 63",
			"21:00:00 o=100 h=100 l=100 c=100 v=1 n=1 complete r0",
		},
		"a late trade revises its bar": {
			"1 100 1\n61 101 1\n30 150 2",
			"21:00:00 o=100 h=150 l=100 c=150 v=3 n=2 complete r1\n21:01:00 o=101 h=101 l=101 c=101 v=1 n=1 open r0",
		},
		"a late trade before the first changes the open, not the close": {
			"5 100 1\n61 101 1\n2 90 1",
			"21:00:00 o=90 h=100 l=90 c=100 v=2 n=2 complete r1\n21:01:00 o=101 h=101 l=101 c=101 v=1 n=1 open r0",
		},
		"a minute without trades has no bar, until a late trade makes one": {
			"1 100 1\n130 102 1\n70 101 1",
			"21:00:00 o=100 h=100 l=100 c=100 v=1 n=1 complete r0\n21:01:00 o=101 h=101 l=101 c=101 v=1 n=1 complete r1\n21:02:00 o=102 h=102 l=102 c=102 v=1 n=1 open r0",
		},
		"a gap makes its bars incomplete, and trust makes them whole again": {
			"1 100 1\ngap 20 40\n61 101 1\ntick 130\ntrust 20",
			"21:00:00 o=100 h=100 l=100 c=100 v=1 n=1 complete r1\n21:01:00 o=101 h=101 l=101 c=101 v=1 n=1 complete r0",
		},
		"a bar in doubt stays incomplete": {
			"1 100 1\ngap 20 40\n61 101 1",
			"21:00:00 o=100 h=100 l=100 c=100 v=1 n=1 open r0\n21:01:00 o=101 h=101 l=101 c=101 v=1 n=1 open r0",
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got := day(t, "1m", c.story); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

func TestABarThatBeganBeforeWeListenedIsNotComplete(t *testing.T) {
	m := New("kraken", "BTC-USD", t0.Add(10*time.Second))
	var got []market.Candle
	emit := func(k market.Candle) { got = append(got, k) }
	m.Apply(&market.Trade{Price: money.MustPrice("100"), Qty: money.MustQty("1"), At: t0.Add(20 * time.Second)}, emit)
	m.Tick(t0.Add(2*time.Minute), emit)
	for _, k := range got {
		if k.Interval == "1m" && k.Complete {
			t.Error("complete, though its first ten seconds are unknown")
		}
	}
}

// The same trades in any order of arrival give the same final bars.
func TestOrderOfArrivalDoesNotMatter(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 7))
		var trades []market.Trade
		for i := range 60 {
			trades = append(trades, market.Trade{ID: fmt.Sprint(i), Price: money.Price{Decimal: money.MustNew(10000+r.Int64N(500), 2)}, Qty: money.Qty{Decimal: money.MustNew(1+r.Int64N(99), 3)}, At: t0.Add(time.Duration(i)*2*time.Second + time.Duration(i))})
		}
		final := func(in []market.Trade) map[string]market.Candle {
			m := New("kraken", "BTC-USD", t0)
			out := map[string]market.Candle{}
			emit := func(k market.Candle) {
				k.Revision, k.Marks, k.Known, k.Complete = 0, 0, time.Time{}, false
				out[string(k.Interval)+k.Open.String()] = k
			}
			for i := range in {
				tr := in[i]
				m.Apply(&tr, emit)
			}
			m.Tick(t0.Add(time.Hour), emit)
			return out
		}
		want := final(trades)
		mixed := slices.Clone(trades)
		for i := range mixed { // disorder within what is kept: swap near neighbours
			j := i + r.IntN(8)
			if j < len(mixed) {
				mixed[i], mixed[j] = mixed[j], mixed[i]
			}
		}
		got := final(mixed)
		if len(got) != len(want) {
			t.Fatalf("seed %d: %d bars, want %d", seed, len(got), len(want))
		}
		for k, w := range want {
			if g := got[k]; g.O != w.O || g.H != w.H || g.L != w.L || g.C != w.C || !g.Volume.Equal(w.Volume.Decimal) || g.Trades != w.Trades || !g.Turnover.Equal(w.Turnover) {
				t.Fatalf("seed %d: %s\n got %+v\nwant %+v", seed, k, g, w)
			}
		}
	}
}

// Longer bars rolled up from shorter ones equal those made from the trades.
func TestRollingUpEqualsBuildingFromTrades(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	m := New("kraken", "BTC-USD", t0)
	bars := map[market.Interval]map[time.Time]market.Candle{"1s": {}, "1m": {}}
	emit := func(k market.Candle) { bars[k.Interval][k.Open] = k }
	for i := range 5000 {
		tr := market.Trade{Price: money.Price{Decimal: money.MustNew(10000+r.Int64N(500), 2)}, Qty: money.Qty{Decimal: money.MustNew(1+r.Int64N(99), 3)}, At: t0.Add(time.Duration(i) * 211 * time.Millisecond)}
		m.Apply(&tr, emit)
	}
	m.Tick(t0.Add(time.Hour), emit)
	var seconds []market.Candle
	for _, k := range bars["1s"] {
		seconds = append(seconds, k)
	}
	slices.SortFunc(seconds, func(a, b market.Candle) int { return a.Open.Compare(b.Open) })
	n := 0
	for k, err := range Roll("1m", func(yield func(market.Candle, error) bool) {
		for _, s := range seconds {
			if !yield(s, nil) {
				return
			}
		}
	}) {
		if err != nil {
			t.Fatal(err)
		}
		w := bars["1m"][k.Open]
		if k.O != w.O || k.H != w.H || k.L != w.L || k.C != w.C || !k.Volume.Equal(w.Volume.Decimal) || !k.Turnover.Equal(w.Turnover) || k.Trades != w.Trades {
			t.Errorf("%v\n got %+v\nwant %+v", k.Open, k, w)
		}
		n++
	}
	if n != len(bars["1m"]) {
		t.Errorf("%d bars, want %d", n, len(bars["1m"]))
	}
}

func BenchmarkApply(b *testing.B) {
	m := New("kraken", "BTC-USD", t0)
	tr := market.Trade{Price: money.MustPrice("58721.20000"), Qty: money.MustQty("0.02798644"), At: t0}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		tr.At = t0.Add(time.Duration(i) * time.Millisecond)
		m.Apply(&tr, func(market.Candle) {})
	}
}
