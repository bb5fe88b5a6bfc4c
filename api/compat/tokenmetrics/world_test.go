package tokenmetrics

import (
	"context"
	"iter"
	"math"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/insight"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/markettest"
	"github.com/assayhq/assay/money"
)

// noon is the moment of the world below.
var noon = time.Date(2025, 9, 10, 12, 0, 0, 0, time.UTC)

// world is a small market that stands still.
type world struct {
	market.Board // of which only the methods below are asked
	history      *markettest.Memory
	assets       []asset.Asset
	figures      []insight.Figures
}

func (w *world) Now() time.Time            { return noon }
func (w *world) Simulated() (bool, string) { return false, "" }

func (w *world) Venues() []market.VenueState {
	return []market.VenueState{{ID: "kraken", Name: "Kraken"}, {ID: "binance", Name: "Binance"}}
}

func (w *world) Instruments() []market.Instrument {
	return []market.Instrument{
		{Venue: "kraken", Pair: "BTC-USD", Kind: market.Spot, Base: "BTC", Quote: "USD"},
		{Venue: "binance", Pair: "BTC-USDT", Kind: market.Spot, Base: "BTC", Quote: "USDT"},
		{Venue: "binance", Pair: "BTC-EUR", Kind: market.Spot, Base: "BTC", Quote: "EUR"},
		{Venue: "kraken", Pair: "ETH-USD", Kind: market.Spot, Base: "ETH", Quote: "USD"},
	}
}

func (w *world) Prices(quote asset.Code) (out []market.ConsensusPrice) {
	for _, f := range w.figures {
		out = append(out, market.ConsensusPrice{Asset: f.Asset, Quote: quote, Price: money.Price{Decimal: *f.Price}, At: f.At})
	}
	return out
}

func (w *world) All(context.Context, asset.Code) ([]insight.Figures, error) { return w.figures, nil }

func (w *world) Figures(_ context.Context, a, _ asset.Code) (insight.Figures, error) {
	for _, f := range w.figures {
		if f.Asset == a {
			return f, nil
		}
	}
	return insight.Figures{}, fault.New(fault.Unknown, "no")
}

func (w *world) Global(context.Context, asset.Code) (insight.Global, error) {
	return insight.Global{At: noon.Add(-time.Second), Cap: money.MustParse("2600000000000.00")}, nil
}

func (w *world) Categories(context.Context, asset.Code) ([]insight.Category, error) {
	return []insight.Category{{ID: "layer-1", Name: "Layer 1", Assets: []asset.Code{"BTC", "ETH"}}}, nil
}

func (w *world) Rate(context.Context, asset.Code, asset.Code) (money.Decimal, time.Time, error) {
	return money.Decimal{}, time.Time{}, fault.New(fault.Unknown, "no")
}

// Formulas, Grades, Grade, History and Record are of insight.Grades.
func (w *world) grades() insight.Grades { return grader{w} }

type grader struct{ w *world }

func (g grader) Formulas() []insight.Formula { return nil }

func (g grader) at(a asset.Code, k insight.GradeKind, d time.Time) *float64 {
	if a != "BTC" && a != "ETH" || k == insight.TechnologyGrade && a == "ETH" {
		return nil
	}
	v := 50 + 40*math.Sin(float64(d.Unix()/86400)/9+float64(len(k))+float64(a[0]))
	return &v
}

func (g grader) Grades(_ context.Context, k insight.GradeKind, _ []asset.Code) ([]insight.Grade, error) {
	var out []insight.Grade
	end := noon.Truncate(day)
	for _, a := range g.w.assets {
		x := insight.Grade{Asset: a.Code, Kind: k, At: end, Value: g.at(a.Code, k, end)}
		if before := g.at(a.Code, k, end.Add(-day)); before != nil {
			c := *x.Value - *before
			x.Change = &c
		}
		out = append(out, x)
	}
	return out, nil
}

func (g grader) Grade(context.Context, asset.Code) ([]insight.Grade, error) { return nil, nil }

func (g grader) History(_ context.Context, a asset.Code, k insight.GradeKind, from, to time.Time, _ int) (out []insight.GradePoint, err error) {
	first := noon.Truncate(day).Add(-120 * day)
	if from.Before(first) {
		from = first
	}
	for d := from.Truncate(day); d.Before(to) && !d.After(noon); d = d.Add(day) {
		if !d.Before(from) {
			out = append(out, insight.GradePoint{At: d, Value: g.at(a, k, d)})
		}
	}
	return out, nil
}

func (g grader) Record(context.Context) ([]insight.GradeRecord, error) { return nil, nil }

// newWorld has Bitcoin and Ether since 2021, a coin of the same ticker as another, and
// tokens nobody trades.
func newWorld(t testing.TB) *world {
	d := func(s string) *money.Decimal { v := money.MustParse(s); return &v }
	at := noon.Add(-2 * time.Second)
	w := &world{history: markettest.NewMemory()}
	w.assets = []asset.Asset{
		{Code: "USD", Name: "US Dollar", Symbol: "USD", Kind: asset.KindFiat},
		{Code: "BTC", Name: "Bitcoin", Symbol: "BTC", Kind: asset.KindCoin, CoinGecko: "bitcoin", TokenMetrics: 3375, Classes: []asset.Classification{{Class: asset.ClassProofOfWork}}, Aliases: []asset.Alias{{Symbol: "XBT"}}},
		{Code: "ETH", Name: "Ethereum", Symbol: "ETH", Kind: asset.KindCoin, CoinGecko: "ethereum", TokenMetrics: 3306, OtherNames: []string{"Ether"}, Classes: []asset.Classification{{Class: asset.ClassProofOfStake}}},
		{Code: "BEAM", Name: "Beam", Symbol: "BEAM", Kind: asset.KindCoin, CoinGecko: "beam"},
		{Code: "BEAMX", Name: "Beam (Merit Circle)", Symbol: "BEAM", Kind: asset.KindToken, Contracts: []asset.Contract{{Chain: "ethereum", Address: "0x62D0A8458eD7719FDAF978fe5929C6D342B0bFcE", Decimals: 18}}},
		{Code: "USDT", Name: "Tether", Symbol: "USDT", Kind: asset.KindStablecoin, Peg: "USD", Classes: []asset.Classification{{Class: asset.ClassStablecoin}}},
	}
	w.figures = []insight.Figures{
		{Asset: "BTC", Quote: "USD", At: at, Price: d("112345.60"), High24h: d("113000"), Low24h: d("111000.5"), Volume24h: d("25000000000"), Cap: d("2237000000000.00"), CapDiluted: d("2359257600000.00"), Rank: 1,
			Supply: insight.Supply{Circulating: d("19911000"), Total: d("19911000"), Max: d("21000000")}, Changes: map[insight.Window]insight.Change{insight.Day: {Percent: 1.2345678}}},
		{Asset: "ETH", Quote: "USD", At: at, Price: d("4310.5"), Volume24h: d("9000000000"), Cap: d("520000000000.00"), Rank: 2, Supply: insight.Supply{Circulating: d("120700000")}},
		{Asset: "BEAMX", Quote: "USD", At: at, Price: d("0.0061"), Cap: d("310000000.00"), Rank: 3},
		{Asset: "BEAM", Quote: "USD", At: at, Price: d("0.031")},
	}
	b := &market.Batch{}
	candle := func(pair market.Pair, i market.Interval, open time.Time, price float64) {
		p := func(f float64) money.Price {
			v, err := money.FromFloat(f, 2)
			if err != nil {
				t.Fatal(err)
			}
			return money.Price{Decimal: v}
		}
		b.Candles = append(b.Candles, market.Candle{
			Venue: market.ConsensusVenue, Pair: pair, Interval: i, Open: open, O: p(price * 0.99), H: p(price * 1.02), L: p(price * 0.97), C: p(price),
			Volume: money.MustQty("1234.5678"), Trades: -1, Complete: !i.Next(open).After(noon),
		})
	}
	start := time.Date(2021, 1, 1, 0, 0, 0, 0, time.UTC)
	n := 0
	for o := start; !o.After(noon); o = o.Add(day) {
		x := float64(n)
		if o != time.Date(2024, 2, 10, 0, 0, 0, 0, time.UTC) { // a day is missing
			candle("BTC-USD", daily, o, 60000+20000*math.Sin(x/60)+2000*math.Sin(x*1.7))
		}
		if n > 1000 {
			candle("ETH-USD", daily, o, 3000+1000*math.Sin(x/60+0.3)+150*math.Sin(x*2.3))
		}
		n++
	}
	for o := time.Date(2025, 6, 25, 0, 0, 0, 0, time.UTC); !o.After(noon); o = o.Add(time.Hour) {
		x := float64(o.Unix() / 3600)
		candle("BTC-USD", hourly, o, 110000+3000*math.Sin(x/40))
	}
	if err := w.history.Append(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) options() Options {
	return Options{
		Board: w, Candles: w.history, Market: w, Grades: w.grades(),
		Assets: func() iter.Seq[asset.Asset] {
			return func(yield func(asset.Asset) bool) {
				for _, a := range w.assets {
					if !yield(a) {
						return
					}
				}
			}
		},
	}
}

func newFace(t testing.TB) *Face { return New(newWorld(t).options()) }

func get(f *Face, target string, kv ...string) *httptest.ResponseRecorder {
	return ask(f, "GET", target, "", kv...)
}
