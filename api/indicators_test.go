package api

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/assayhq/assay/insight/indicator"
	"github.com/assayhq/assay/insight/study"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/markettest"
	"github.com/assayhq/assay/money"
)

// walked is a server over n hours of bars, the last of which is still forming.
func walked(t testing.TB, n int) (*fixture, []market.Candle) {
	t.Helper()
	h := markettest.NewMemory()
	b := &market.Batch{}
	price := int64(64_000_00)
	for i := range n {
		price += int64(i*i*7919%401 - 200)
		p := func(d int64) money.Price { return money.Price{Decimal: money.MustNew(price+d, 2)} }
		b.Candles = append(b.Candles, market.Candle{Venue: market.ConsensusVenue, Pair: "BTC-USD", Interval: "1h", Open: noon.Add(time.Duration(i-n+1) * time.Hour),
			O: p(-50), H: p(120), L: p(-130), C: p(0), Volume: money.Qty{Decimal: money.MustNew(int64(1000+i%97), 2)}, Complete: i < n-1, Known: noon})
	}
	if err := h.Append(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	return newFixture(t, func(o *Options) { o.Candles, o.History = h, h }), b.Candles
}

type valuesBody struct {
	Data IndicatorValues `json:"data"`
	Meta Meta            `json:"meta"`
}

func (f *fixture) values(t testing.TB, query string) valuesBody {
	t.Helper()
	w := f.get("/v1/indicators/values/BTC-USD?" + query)
	var b valuesBody
	if err := json.Unmarshal(w.Body.Bytes(), &b); err != nil || w.Code != http.StatusOK {
		t.Fatal(w.Code, err, w.Body)
	}
	return b
}

// The first row asked for has been warmed up by the bars before it, and says the same as
// when everything is asked for; pages say the same as one answer.
func TestRowsAreTheSameHoweverTheyAreAskedFor(t *testing.T) {
	f, list := walked(t, 600)
	all := f.values(t, "functions=SMA(20),RSI,MINMAX(5)&limit=600")
	if len(all.Data.Rows) != 600 || all.Data.Rows[0].Warm || !all.Data.Rows[599].Settled || all.Data.Rows[599].Complete {
		t.Fatal(len(all.Data.Rows), all.Data.Rows[0], all.Data.Rows[599])
	}
	byTS := map[int64]IndicatorRow{}
	for _, r := range all.Data.Rows {
		byTS[r.TS] = r
	}
	check := func(r IndicatorRow) {
		t.Helper()
		for name, x := range byTS[r.TS].Values {
			y := r.Values[name]
			if (x == nil) != (y == nil) || x != nil && math.Abs(*x-*y) > 1e-6*math.Abs(*x) {
				t.Fatalf("%s at %d: %v, and %v in the whole", name, r.TS, y, x)
			}
		}
	}
	some := f.values(t, fmt.Sprintf("functions=SMA(20),RSI,MINMAX(5)&limit=10&start=%d", list[400].Open.UnixMilli()))
	if r := some.Data.Rows[0]; !r.Warm || !r.Settled || r.TS != list[400].Open.UnixMilli() || *some.Data.Functions[1].WarmFrom != r.TS || some.Data.Functions[0].Before < 200 {
		t.Errorf("the first row is not settled: %+v %+v", r, some.Data.Functions[0])
	}
	for _, r := range some.Data.Rows {
		check(r)
	}
	seen := 0
	next := fmt.Sprintf("functions=SMA(20),RSI,MINMAX(5)&limit=100&start=%d", list[0].Open.UnixMilli())
	for q := next; ; {
		page := f.values(t, q)
		for _, r := range page.Data.Rows {
			check(r)
			seen++
		}
		if page.Meta.NextCursor == "" {
			break
		}
		q = next + "&cursor=" + page.Meta.NextCursor
	}
	if seen != 600 {
		t.Errorf("pages have %d rows of 600", seen)
	}
}

// Every function of the catalogue answers, in JSON and CSV, what the library computes.
func TestEveryIndicatorIsServed(t *testing.T) {
	f, list := walked(t, 300)
	bars := study.NewBars(list)
	catalogue := indicator.Catalogue()
	for i := range catalogue {
		one, err := study.Parse(catalogue, catalogue[i].Name, study.Close, 1)
		if err != nil {
			t.Fatal(err)
		}
		want, err := one[0].Batch(&bars)
		if err != nil {
			t.Fatal(err)
		}
		got := f.values(t, "limit=300&functions="+catalogue[i].Name)
		table, err := csv.NewReader(f.get("/v1/indicators/values/BTC-USD?format=csv&limit=300&functions=" + catalogue[i].Name).Body).ReadAll()
		if err != nil || len(table) != 301 || len(got.Data.Rows) != 300 {
			t.Fatal(err, len(table), len(got.Data.Rows))
		}
		for j, r := range got.Data.Rows {
			for o := range want {
				x := r.Values[one[0].Label+"."+catalogue[i].Outputs[o].Name]
				if y := want[o][j]; !finite(y) && x != nil || finite(y) && (x == nil || math.Float64bits(*x) != math.Float64bits(y)) {
					t.Fatalf("%s of row %d: %v, computed %v", one[0].Label, j, x, y)
				}
				if cell := table[j+1][5+o]; cell != strings.TrimPrefix(string(appendStatistic(nil, want[o][j])), "null") {
					t.Fatalf("%s of row %d in CSV: %q, computed %v", one[0].Label, j, cell, want[o][j])
				}
			}
		}
	}
}

// JSON that is written by hand says what the shape says.
func TestTheHandWrittenAnswerIsWhatItsShapeSays(t *testing.T) {
	f, _ := walked(t, 40)
	got, err := f.indicatorValues(t.Context(), &indicatorValuesIn{Pair: "BTC-USD", Venue: "consensus", Interval: "1h", Input: "close", Functions: "RSI,BBANDS(5),LN", Span: Span{Limit: 30}})
	if err != nil {
		t.Fatal(err)
	}
	var a, b any
	hand := got.append(nil, inJSON, false)
	shape := (&cold[IndicatorValues]{&Answer[IndicatorValues]{Data: got.whole(), Meta: got.m}, f.indicatorShape}).append(nil, inJSON, false)
	if err := json.Unmarshal(hand, &a); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(shape, &b); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(a) != fmt.Sprint(b) {
		t.Errorf("by hand  %s\nby shape %s", hand, shape)
	}
	lines := got.append(nil, inLines, false)
	for line := range strings.Lines(string(lines)) {
		if !json.Valid([]byte(line)) {
			t.Errorf("not JSON: %s", line)
		}
	}
}

func TestACostIsWhatTheAddressAsksFor(t *testing.T) {
	for query, want := range map[string]int{
		"functions=RSI&limit=10":                   3,
		"functions=RSI":                            3,
		"functions=RSI,MACD(5,20),SMA,EMA,ATR":     3,
		"functions=RSI,MACD(5,20),SMA,EMA,ATR,OBV": 4,
		"functions=RSI&limit=5000":                 4,
		"functions=A,B,C,D,E,F&limit=5000":         12,
		"functions=))))((&limit=-3":                3,
		"limit=x":                                  3,
		"functions=%zz":                            2,
	} {
		r, err := http.NewRequest("GET", "/v1/indicators/values/BTC-USD", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.URL.RawQuery = query
		if got := weighValues(r); got != want {
			t.Errorf("%s costs %d, want %d", query, got, want)
		}
	}
}

// BenchmarkIndicatorValues is one request without the network, beside the candles that it
// is computed over.
func BenchmarkIndicatorValues(b *testing.B) {
	f, list := walked(b, 1200)
	f.opt.Candles = ready{markettest.NewMemory(), list}
	for _, c := range []struct{ name, target string }{
		{"candles-500", "/v1/candles/BTC-USD"},
		{"values-500x1", "/v1/indicators/values/BTC-USD?functions=RSI"},
		{"values-500x5", "/v1/indicators/values/BTC-USD?functions=RSI,MACD,BBANDS(20),ATR,STOCH"},
		{"values-500x5-csv", "/v1/indicators/values/BTC-USD?functions=RSI,MACD,BBANDS(20),ATR,STOCH&format=csv"},
		{"values-500x5-columns", "/v1/indicators/values/BTC-USD?functions=RSI,MACD,BBANDS(20),ATR,STOCH&format=columns"},
	} {
		b.Run(c.name, func(b *testing.B) {
			r, _ := http.NewRequest("GET", c.target, nil)
			r.Header.Set("Authorization", "Bearer "+f.key)
			b.ReportAllocs()
			start := cpu()
			for b.Loop() {
				f.ServeHTTP(&sink{h: http.Header{}}, r)
			}
			b.ReportMetric(float64((cpu()-start).Microseconds())/float64(b.N), "cpu-us/op")
		})
	}
}
