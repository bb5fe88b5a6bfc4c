package coingecko

import (
	"context"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/gate"
	"github.com/assayhq/assay/access/limit"
	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/insight"
	"github.com/assayhq/assay/insight/tickers"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/markettest"
	"github.com/assayhq/assay/money"
)

// noon is the moment of the world below.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// usdOf are the prices of the world.
var usdOf = map[asset.Code]string{"BTC": "64000.25", "ETH": "3200.5", "USDT": "1.0001", "WBTC": "63950", "SHIB": "0.00001234", "EUR": "1.25"}

// fake is a small market that stands still: figures and a board.
type fake struct {
	broken error                       // answers every question
	moved  atomic.Pointer[money.Price] // of bitcoin now, nil: as it stands
	quotes []market.Quote
	trades []market.Trade
}

func dec(s string) *money.Decimal { d := money.MustParse(s); return &d }

// in is an amount of USD in another currency, rounded to 12 decimals.
func in(usd string, quote asset.Code) *money.Decimal {
	d := money.MustParse(usd)
	if quote != "USD" {
		var err error
		if d, err = d.Quo(money.MustParse(usdOf[quote]), 12); err != nil {
			panic(err)
		}
	}
	return &d
}

func (f *fake) figures(a, quote asset.Code) insight.Figures {
	x := insight.Figures{Asset: a, Quote: quote, At: noon.Add(-1500 * time.Millisecond), Price: in(usdOf[a], quote), Contributed: []string{"binance", "kraken"}, Marks: []string{}}
	move := func(factor string) insight.Change {
		p, err := x.Price.MulRound(money.MustParse(factor), 12)
		if err != nil {
			panic(err)
		}
		return insight.Change{From: p, At: noon.Add(-24 * time.Hour), Percent: 100 * (x.Price.Float64()/p.Float64() - 1)}
	}
	full := func(circulating, total, max, volume, high, low string) {
		x.Changes = map[insight.Window]insight.Change{}
		for i, w := range insight.Windows() {
			x.Changes[w] = move([]string{"0.999", "1.02", "0.95", "0.9", "0.85", "1.1", "0.7", "0.5"}[i])
		}
		x.Supply = insight.Supply{Circulating: dec(circulating), Total: dec(total), AsOf: noon.Add(-30 * 24 * time.Hour), Source: "table"}
		if max != "" {
			x.Supply.Max = dec(max)
		}
		mul := func(p money.Decimal, s *money.Decimal) *money.Decimal {
			v, err := p.MulRound(*s, 2)
			if err != nil {
				panic(err)
			}
			return &v
		}
		x.Cap = mul(*x.Price, x.Supply.Circulating)
		x.CapBefore = mul(x.Changes[insight.Day].From, x.Supply.Circulating)
		if x.CapDiluted = mul(*x.Price, x.Supply.Total); max != "" {
			x.CapDiluted = mul(*x.Price, x.Supply.Max)
		}
		x.Volume24h, x.High24h, x.Low24h = in(volume, quote), in(high, quote), in(low, quote)
		x.High = &insight.Extreme{Price: *in(high, quote), At: noon.Add(-200 * 24 * time.Hour), Percent: -1.5}
		x.Low = &insight.Extreme{Price: *in(low, quote), At: noon.Add(-3000 * 24 * time.Hour), Percent: 22.25}
		x.Since = noon.Add(-3000 * 24 * time.Hour)
		for i := range 168 {
			x.Sparkline = append(x.Sparkline, insight.Point{At: noon.Add(time.Duration(i-167) * time.Hour), Price: *x.Price})
		}
	}
	switch a {
	case "BTC":
		full("19900000", "19900000", "21000000", "1234567890.12", "65500", "63000.5")
		x.Rank = 1
	case "ETH":
		full("120000000.5", "120000000.5", "", "555000000", "3300", "3100")
		x.Rank = 2
	case "USDT":
		full("100000000000", "100000000000", "", "20000000000", "1.001", "0.999")
		x.Excluded, x.Marks = "stablecoin", []string{"peg_assumed"}
	case "WBTC":
		full("150000", "150000", "", "1000000", "65000", "63000")
		x.Excluded = "wrapped"
	case "EUR":
		x.Excluded = "fiat"
	case "SHIB": // a coin of which little is known
		x.Marks = []string{"stale"}
	}
	return x
}

func (f *fake) known(quote asset.Code) error {
	if f.broken != nil {
		return f.broken
	}
	if quote != "USD" && usdOf[quote] == "" {
		return fault.At(fault.Unknown, "quote", "there is no rate of %s now", quote)
	}
	return nil
}

func (f *fake) Figures(_ context.Context, a, quote asset.Code) (insight.Figures, error) {
	if err := f.known(quote); err != nil {
		return insight.Figures{}, err
	}
	if usdOf[a] == "" {
		return insight.Figures{}, fault.At(fault.Unknown, "asset", "there are no figures of %s now", a)
	}
	return f.figures(a, quote), nil
}

func (f *fake) All(_ context.Context, quote asset.Code) ([]insight.Figures, error) {
	if err := f.known(quote); err != nil {
		return nil, err
	}
	var out []insight.Figures
	for _, a := range []asset.Code{"BTC", "ETH", "USDT", "WBTC", "EUR", "SHIB"} {
		out = append(out, f.figures(a, quote))
	}
	return out, nil
}

func (f *fake) Global(_ context.Context, quote asset.Code) (insight.Global, error) {
	return insight.Global{At: noon, Quote: quote, Assets: 5, WithSupply: 2, Markets: 4, Venues: 2, Cap: money.MustParse("1657665034600.25"), CapBefore: money.MustParse("1690000000000"),
		CapPercent: -1.913, Volume24h: money.MustParse("21790567890.12"), Dominance: []insight.Share{{Asset: "BTC", Percent: 76.83}, {Asset: "ETH", Percent: 23.17}}}, f.broken
}

func (f *fake) Categories(context.Context, asset.Code) ([]insight.Category, error) {
	p := 2.5
	return []insight.Category{
		{ID: "proof-of-work", Name: "Proof of work", Assets: []asset.Code{"BTC"}, Cap: money.MustParse("1273604975000"), CapPercent: &p, Volume24h: money.MustParse("1234567890.12"), At: noon},
		{ID: "proof-of-stake", Name: "Proof of stake", Assets: []asset.Code{"ETH"}, Cap: money.MustParse("384060001600.25"), Volume24h: money.MustParse("555000000"), At: noon},
	}, f.broken
}

func (f *fake) Rate(_ context.Context, from, to asset.Code) (money.Decimal, time.Time, error) {
	for _, c := range []asset.Code{from, to} {
		if err := f.known(c); err != nil {
			return money.Decimal{}, time.Time{}, err
		}
	}
	one := "1"
	if from != "USD" {
		one = usdOf[from]
	}
	return *in(one, to), noon, nil
}

func (f *fake) Now() time.Time            { return noon }
func (f *fake) Simulated() (bool, string) { return false, "" }

func (f *fake) Venues() []market.VenueState {
	return []market.VenueState{
		{ID: "kraken", Name: "Kraken", State: "live"}, {ID: "binance", Name: "Binance", State: "stale"},
		{ID: "coinbase", Name: "Coinbase", State: "live"}, {ID: "coinbaseexchange", Name: "Coinbase Exchange", State: "off"},
	}
}

func (f *fake) Instruments() []market.Instrument {
	return []market.Instrument{
		{Venue: "kraken", Symbol: "BTC/USD", Pair: "BTC-USD", Kind: market.Spot, Base: "BTC", Quote: "USD", Status: market.Trading},
		{Venue: "binance", Symbol: "BTCUSDT", Pair: "BTC-USDT", Kind: market.Spot, Base: "BTC", Quote: "USDT", Status: market.Trading},
		{Venue: "coinbase", Symbol: "BTC-EUR", Pair: "BTC-EUR", Kind: market.Spot, Base: "BTC", Quote: "EUR", Status: market.Trading},
		{Venue: "coinbaseexchange", Symbol: "BTC-EUR", Pair: "BTC-EUR", Kind: market.Spot, Base: "BTC", Quote: "EUR", Status: market.Trading},
		{Venue: "kraken", Symbol: "ETH/USD", Pair: "ETH-USD", Kind: market.Spot, Base: "ETH", Quote: "USD", Status: market.Trading},
		{Venue: "kraken", Symbol: "SOL/USD", Pair: "SOL-USD", Kind: market.Spot, Base: "SOL", Quote: "USD", Status: market.Trading}, // never traded
		{Venue: "binance", Symbol: "BTCUSDT_PERP", Pair: "BTC-USDT-PERP", Kind: market.Perpetual, Base: "BTC", Quote: "USDT", Status: market.Trading},
	}
}

func (f *fake) Price(a, quote asset.Code) (market.ConsensusPrice, bool) {
	if usdOf[a] == "" || quote != "USD" {
		return market.ConsensusPrice{}, false
	}
	price := money.MustPrice(usdOf[a])
	if p := f.moved.Load(); p != nil && a == "BTC" {
		price = *p
	}
	return market.ConsensusPrice{Asset: a, Quote: quote, Price: price, Confidence: 0.875, At: noon, Sources: []market.Contribution{
		{Venue: "kraken", Pair: "BTC-USD", Status: market.Used}, {Venue: "binance", Pair: "BTC-USDT", Status: market.IsOut},
	}}, true
}

func (f *fake) Prices(quote asset.Code) (out []market.ConsensusPrice) {
	for a := range usdOf {
		if p, ok := f.Price(a, quote); ok {
			out = append(out, p)
		}
	}
	return out
}

func (f *fake) Quotes(p market.Pair) (out []market.Quote) {
	for _, q := range f.quotes {
		if q.Pair == p {
			out = append(out, q)
		}
	}
	return out
}

func (f *fake) Book(v market.VenueID, p market.Pair, _ int) (market.BookView, bool) {
	l := func(p, q string) market.Level { return market.Level{Price: money.MustPrice(p), Qty: money.MustQty(q)} }
	return market.BookView{Venue: v, Pair: p, Valid: true, Bids: []market.Level{l("64000", "1"), l("63000", "2"), l("60000", "5")}, Asks: []market.Level{l("64001", "1.5"), l("64500", "2")}}, v == "kraken" && p == "BTC-USD"
}

func (f *fake) LastTrades(v market.VenueID, p market.Pair, limit int) (out []market.Trade) {
	for _, t := range f.trades {
		if t.Venue == v && t.Pair == p && len(out) < limit {
			out = append(out, t)
		}
	}
	return out
}

func (f *fake) OpenCandle(market.VenueID, market.Pair, market.Interval) (market.Candle, bool) {
	return market.Candle{}, false
}

// Drift is empty: nothing changes here.
func (*fake) Drift(market.VenueID) []market.Finding { return nil }

// Scores is empty: no surface of others shows them.
func (*fake) Scores(market.VenueID, market.Pair) []market.Score { return nil }

func (f *fake) Quality(v market.VenueID, p market.Pair) []market.Quality {
	return []market.Quality{{Venue: v, Pair: p, Channel: market.Trades, State: "live"}}
}

// world is the fake with stored candles and a face over it.
type world struct {
	*fake
	*Face
	catalogue *asset.Catalogue
}

func newWorld(t testing.TB, change ...func(*Options)) *world {
	t.Helper()
	c, err := asset.Load()
	if err != nil {
		t.Fatal(err)
	}
	trade := func(v market.VenueID, p market.Pair, price string, ago time.Duration, m market.Mark) market.Trade {
		return market.Trade{Venue: v, Pair: p, Price: money.MustPrice(price), Qty: money.MustQty("0.1"), At: noon.Add(-ago), Received: noon.Add(-ago + time.Second), Marks: m}
	}
	quote := func(v market.VenueID, p market.Pair, bid, ask string) market.Quote {
		return market.Quote{Venue: v, Pair: p, Bid: money.MustPrice(bid), Ask: money.MustPrice(ask), At: noon}
	}
	w := &world{catalogue: c, fake: &fake{
		trades: []market.Trade{
			trade("kraken", "BTC-USD", "64000.10", time.Second, 0), trade("binance", "BTC-USDT", "64010", 2*time.Second, 0),
			trade("coinbase", "BTC-EUR", "51200.5", 30*time.Hour, market.Outlier), trade("coinbaseexchange", "BTC-EUR", "51200.5", time.Hour, 0),
			trade("kraken", "ETH-USD", "3200.5", time.Second, 0),
		},
		quotes: []market.Quote{quote("kraken", "BTC-USD", "64000", "64001"), quote("binance", "BTC-USDT", "64009", "64010"), quote("coinbase", "BTC-EUR", "51200", "51201"), quote("kraken", "ETH-USD", "3200", "3201")},
	}}
	h := past(t)
	o := Options{Market: w.fake, Board: w.fake, Candles: h, Tickers: tickers.New(w.fake, h), Assets: c, Shared: true, Plan: func(c *access.Caller) limit.Plan {
		if c.App == "small" {
			return limit.Plan{Name: "free", History: limit.Span(365 * 24 * time.Hour)}
		}
		return limit.Plan{Name: "pro", Rate: 10, Monthly: 500_000}
	}}
	o.Standing = func(_ context.Context, c *access.Caller) (Standing, error) {
		return Standing{Plan: o.Plan(c), Used: 1234}, nil
	}
	for _, f := range change {
		f(&o)
	}
	if w.Face, err = New(o); err != nil {
		t.Fatal(err)
	}
	return w
}

// past has two days of five-minute bars, 120 days of hours and 400 days of days. Prices
// rise by a cent with each bar; every bar of a coin trades 12 units an hour.
func past(t testing.TB) *markettest.Memory {
	t.Helper()
	m := markettest.NewMemory()
	b := &market.Batch{}
	for _, s := range []struct {
		series market.Series
		start  string
		step   string
	}{
		{market.Series{Venue: market.ConsensusVenue, Pair: "BTC-USD"}, "60000", "0.01"}, {market.Series{Venue: market.ConsensusVenue, Pair: "EUR-USD"}, "1.2", "0.000001"},
		{market.Series{Venue: "kraken", Pair: "BTC-USD"}, "60000", "0.01"}, {market.Series{Venue: "binance", Pair: "BTC-USDT"}, "60000", "0.01"},
	} {
		for _, x := range []struct {
			i      market.Interval
			length time.Duration
			volume string
		}{{"1m", 26 * time.Hour, "0.2"}, {"5m", 48 * time.Hour, "1"}, {"30m", 48 * time.Hour, "6"}, {"1h", 120 * 24 * time.Hour, "12"}, {"4h", 60 * 24 * time.Hour, "48"}, {"1d", 400 * 24 * time.Hour, "288"}} {
			price := money.MustPrice(s.start)
			for at := x.i.Start(noon.Add(-x.length)); at.Before(noon); at = x.i.Next(at) {
				c := market.Candle{Venue: s.series.Venue, Pair: s.series.Pair, Interval: x.i, Open: at, O: price, L: price, Volume: money.MustQty(x.volume), Trades: -1, Complete: true, Known: noon}
				next, err := price.Add(money.MustParse(s.step))
				if err != nil {
					t.Fatal(err)
				}
				price = money.Price{Decimal: next}
				c.C, c.H = price, price
				b.Candles = append(b.Candles, c)
			}
		}
	}
	if err := m.Append(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	return m
}

// ask sends a request without the prefix; kv are headers.
func (w *world) ask(target string, kv ...string) *httptest.ResponseRecorder {
	method := "GET"
	if m, rest, ok := strings.Cut(target, " "); ok && slices.Contains([]string{"HEAD", "POST", "OPTIONS"}, m) {
		method, target = m, rest
	}
	r := httptest.NewRequest(method, target, nil)
	if i := slices.Index(kv, "app"); i >= 0 {
		r = r.WithContext(gate.WithCaller(r.Context(), &access.Caller{KeyID: "k", Org: "acme", App: kv[i+1]}))
		kv = slices.Delete(slices.Clone(kv), i, i+2)
	}
	for i := 0; i+1 < len(kv); i += 2 {
		r.Header.Set(kv[i], kv[i+1])
	}
	out := httptest.NewRecorder()
	w.ServeHTTP(out, r)
	return out
}

// Derivatives are none.
func (*fake) Derivatives(market.VenueID, market.Pair) []market.DerivativeView { return nil }

// Liquidations are none.
func (*fake) Liquidations(market.VenueID, market.Pair, int) []market.Liquidation { return nil }
