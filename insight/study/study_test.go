package study

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/insight/indicator"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/money"
)

// Every function can be asked for by its name alone, and by its label.
func TestEveryFunctionsLabelReadsBackAsItself(t *testing.T) {
	list := indicator.Catalogue()
	for i := range list {
		one, err := Parse(list, list[i].Name, Close, 1)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Parse(list, one[0].Label, Volume, 1)
		real := slices.Contains(list[i].Inputs, indicator.Real)
		if err != nil || !real && again[0].Label != one[0].Label || !slices.Equal(again[0].Values, one[0].Values) {
			t.Errorf("%s: %v %v", one[0].Label, again, err)
		}
		for j, in := range list[i].Inputs {
			if one[0].Columns[j].String() != in.Column() {
				t.Errorf("%s: input %s is %s", one[0].Label, in, one[0].Columns[j])
			}
			for _, p := range list[i].Params {
				if strings.EqualFold(p.Short(), string(in)) {
					t.Errorf("%s: %s is an input and a parameter", list[i].Name, in)
				}
			}
		}
	}
}

func TestArgumentsAreReadInEveryWayTheyMayBeWritten(t *testing.T) {
	list := indicator.Catalogue()
	for text, want := range map[string]string{
		"rsi":                                 "RSI(14)",
		" RSI ( 7 ) ,OBV":                     "RSI(7) OBV",
		"RSI()":                               "RSI(14)",
		"RSI(time_period=7)":                  "RSI(7)",
		"RSI(optInTimePeriod=7)":              "RSI(7)",
		"MACD(fast_period=5;slow_period=20)":  "MACD(5,20,9)",
		"MACD(5,signal_period=3)":             "MACD(5,26,3)",
		"BBANDS(20,2,2,ema)":                  "BBANDS(20,2,2,EMA)",
		"BBANDS(ma_type=1)":                   "BBANDS(5,2,2,EMA)",
		"SMA(5,real=high),SMA(5,real=volume)": "SMA(5,real=high) SMA(5,real=volume)",
		"ATR(high=close)":                     "ATR(14,high=close)",
	} {
		got, err := Parse(list, text, Close, 5)
		var labels []string
		for _, s := range got {
			labels = append(labels, s.Label)
		}
		if err != nil || strings.Join(labels, " ") != want {
			t.Errorf("%s: %v %v, want %s", text, labels, err, want)
		}
	}
	for text, want := range map[string]string{
		"":                                       "is missing",
		"RSI,":                                   "is missing",
		"RSI(14":                                 "closing parenthesis",
		"RSI)14(":                                "do not fit",
		"RSI((14))":                              "do not fit",
		"RSI(14)x":                               "more behind",
		"RSI(14,15)":                             "one more",
		"MACD(,14)":                              "number",
		"RSI(time_period=7,8)":                   "has no name",
		"RSI(7,time_period=8)":                   "twice",
		"RSI(7),RSI(time_period=7)":              "asked for twice",
		"RSI(real=price)":                        "no column",
		"RSI(1)":                                 "from 2 to",
		"RSI(5000)":                              "at most 4999",
		"RSI(x=1)":                               "no parameter",
		"NOSUCH":                                 "no indicator",
		"SMA,EMA,WMA,DEMA,TEMA,TRIMA":            "at most 5",
		"SMA(" + strings.Repeat("1", 3000) + ")": "bytes",
	} {
		_, err := Parse(list, text, Close, 5)
		if err == nil || !strings.Contains(fault.Public(err), want) || fault.Of(err) != fault.Invalid && fault.Of(err) != fault.Unknown {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

func candles(n int) []market.Candle {
	r := rand.New(rand.NewPCG(1, 2))
	var out []market.Candle
	price := 6_400_000.0
	d := func(x float64) money.Price { return money.Price{Decimal: money.MustNew(int64(x), 2)} }
	for i := range n {
		open := price
		price *= math.Exp(0.01 * r.NormFloat64())
		out = append(out, market.Candle{Venue: "kraken", Pair: "BTC-USD", Interval: "1m", Open: time.Unix(int64(i)*60, 0).UTC(), O: d(open), C: d(price), H: d(max(open, price) * 1.001), L: d(min(open, price) * 0.999),
			Volume: money.Qty{Decimal: money.MustNew(r.Int64N(1e6), 3)}, Complete: true})
	}
	return out
}

// However a series comes in, with looks at forming bars, bars told twice, revised ones and
// ones that only the next shows to be over, a track says at the end of each bar what the
// whole history says.
func TestATrackSaysWhatTheWholeHistorySays(t *testing.T) {
	list := indicator.Catalogue()
	rows := candles(400)
	bars := NewBars(rows)
	r := rand.New(rand.NewPCG(5, 6))
	for i := range list {
		one, err := Parse(list, list[i].Name, Close, 1)
		if err != nil {
			t.Fatal(err)
		}
		s := &one[0]
		want, err := s.Batch(&bars)
		if err != nil {
			t.Fatal(err)
		}
		track, err := s.NewTrack("1m")
		if err != nil {
			t.Fatal(err)
		}
		final := map[int64]Reading{}
		var out []Reading
		take := func(k market.Candle) {
			t.Helper()
			var ok bool
			if out, ok, err = track.Take(&k, out[:0]); err != nil || !ok {
				t.Fatal(s.Label, k.Open, ok, err)
			}
			for _, x := range out {
				final[x.At.Unix()/60] = x
			}
		}
		for j := range rows {
			k := rows[j]
			for range r.IntN(3) { // it forms
				f := k
				f.Complete, f.C, f.Volume = false, f.O, money.Qty{}
				f.H, f.L = f.O, f.O
				take(f)
			}
			switch r.IntN(4) {
			case 0: // only the next shows that it is over
				k.Complete = false
			case 1: // revised
				f := k
				f.C = f.L
				take(f)
				k.Revision = 1
			case 2: // told twice
				take(k)
			}
			take(k)
		}
		for j := range rows {
			x := final[int64(j)]
			for o := range want {
				if a, b := x.Values[o], want[o][j]; math.Float64bits(a) != math.Float64bits(b) && !(math.IsNaN(a) && math.IsNaN(b)) {
					t.Fatalf("%s: %s of bar %d is %v, in the whole history %v", s.Label, list[i].Outputs[o].Name, j, a, b)
				}
			}
			if x.Warm != (j >= s.Begin()) || x.Settled != (s.Settle() >= 0 && j >= s.Settle()) {
				t.Fatalf("%s: bar %d: warm %v, settled %v; begins at %d, settles at %d", s.Label, j, x.Warm, x.Settled, s.Begin(), s.Settle())
			}
		}
	}
}

func TestATrackDoesNotGoOnOverWhatItCannotPutInLine(t *testing.T) {
	list := indicator.Catalogue()
	one, _ := Parse(list, "SMA(2)", Close, 1)
	track, err := one[0].NewTrack("1m")
	if err != nil {
		t.Fatal(err)
	}
	rows := candles(10)
	for i := range 4 {
		if _, ok, err := track.Take(&rows[i], nil); !ok || err != nil {
			t.Fatal(ok, err)
		}
	}
	for _, i := range []int{1, 2, 5, 9} {
		if out, ok, _ := track.Take(&rows[i], nil); ok || len(out) > 0 {
			t.Errorf("bar %d was taken behind bar 3: %v", i, out)
		}
	}
	if out, err := track.Skip(&rows[5], nil); err != nil || len(out) != 1 || !out[0].At.Equal(rows[5].Open) {
		t.Error(out, err)
	}
	if out, err := track.Skip(&rows[4], nil); err != nil || len(out) != 0 {
		t.Error("a bar of the past was taken", out, err)
	}
	if out, ok, err := track.Take(&rows[6], nil); !ok || err != nil || len(out) != 1 {
		t.Error(out, ok, err)
	}
}

func FuzzParse(f *testing.F) {
	list := indicator.Catalogue()
	for _, s := range []string{"RSI", "RSI(14),MACD(fast_period=5;slow_period=20)", "BBANDS(20,2,2,EMA)", "SMA(5,real=high)", "((", "A(=,=)", "rsi(1e1)"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := Parse(list, text, Close, 5)
		if err != nil {
			return
		}
		var labels []string
		for _, s := range got {
			labels = append(labels, s.Label)
		}
		again, err := Parse(list, strings.Join(labels, ","), Close, 5)
		if err != nil || len(again) != len(got) {
			t.Fatalf("%q is %v, which does not read back: %v", text, labels, err)
		}
		for i := range again {
			if again[i].Label != got[i].Label || fmt.Sprint(again[i].Values) != fmt.Sprint(got[i].Values) {
				t.Fatalf("%q is %s, which reads as %s", text, got[i].Label, again[i].Label)
			}
		}
	})
}
