package bybit

import (
	"net/url"
	"testing"
	"time"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/venue"
)

func same(s string) string { return s }

var (
	cash = market.Instrument{Symbol: "BTCUSDT", Kind: market.Spot}
	perp = market.Instrument{Symbol: "BTCUSDT", Kind: market.Perpetual, Key: "linear/BTCUSDT"}
	noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
)

func TestRequests(t *testing.T) {
	for want, a := range map[string]venue.Ask{
		"/v5/market/instruments-info?category=spot":                                                               {What: venue.AskInstruments},
		"/v5/market/instruments-info?category=linear&limit=1000":                                                  {What: venue.AskInstruments, Section: 1},
		"/v5/market/instruments-info?category=linear&limit=1000&cursor=a%26b":                                     {What: venue.AskInstruments, Section: 1, Cursor: "a&b"},
		"/v5/market/orderbook?category=spot&symbol=BTCUSDT&limit=200":                                             {What: venue.AskBook, Instrument: cash, Depth: 1000},
		"/v5/market/orderbook?category=linear&symbol=BTCUSDT&limit=500":                                           {What: venue.AskBook, Instrument: perp, Depth: 1000},
		"/v5/market/recent-trade?category=spot&symbol=BTCUSDT&limit=60":                                           {What: venue.AskTrades, Instrument: cash},
		"/v5/market/recent-trade?category=linear&symbol=BTCUSDT&limit=1000":                                       {What: venue.AskTrades, Instrument: perp},
		"/v5/market/kline?category=linear&symbol=BTCUSDT&interval=M&limit=1000":                                   {What: venue.AskCandles, Instrument: perp, Interval: "1M"},
		"/v5/market/kline?category=spot&symbol=BTCUSDT&interval=60&limit=2&start=1772366400000&end=1772373599999": {What: venue.AskCandles, Instrument: cash, Interval: "1h", From: noon, Limit: 2},
	} {
		if r, err := ask(a); err != nil || r.Path != want {
			t.Errorf("got %s, %v; want %s", r.Path, err, want)
		}
	}
	a, more := next(venue.Ask{What: venue.AskInstruments}, &market.Batch{})
	if !more || a.Section != 1 {
		t.Error("the linear section follows the spot section")
	}
	if _, more = next(a, &market.Batch{}); more {
		t.Error("there are two sections")
	}
}

func TestRefusals(t *testing.T) {
	u, _ := url.Parse("https://api.bybit.com/v5/market/kline?category=spot&symbol=XUSDT&interval=60")
	for body, want := range map[string]fault.Kind{
		`{"retCode":10001,"retMsg":"params error: Symbol Invalid","result":{},"time":1}`: fault.Unknown,
		`{"result":{"list":[]},"retMsg":"interval is invalid","retCode":10001}`:          fault.Invalid,
		`{"retCode":10006,"retMsg":"Too many visits!","result":null}`:                    fault.Exhausted,
		`{"retCode":10018,"retMsg":"ip","result":{}}`:                                    fault.Exhausted,
		`{"retCode":10016,"retMsg":"Server error","result":{}}`:                          fault.Unavailable,
	} {
		var out market.Batch
		if err := answer(u, []byte(body), venue.NewTable(&Driver, same), &out); fault.Of(err) != want {
			t.Errorf("%s gave %v", body, err)
		}
	}
	if err := failure(403, []byte("access too frequent")); fault.Of(err) != fault.Exhausted {
		t.Error(err)
	}
	if err := failure(502, []byte("<html>")); err != nil {
		t.Error(err)
	}
}

func TestGuesses(t *testing.T) {
	table := venue.NewTable(&Driver, same)
	for key, want := range map[string]market.Pair{
		"BTCUSDT":                "BTC-USDT",
		"ETHBTC":                 "ETH-BTC",
		"linear/BTCUSDT":         "BTC-USDT-PERP",
		"linear/1000PEPEUSDT":    "1000PEPE-USDT-PERP",
		"linear/BTCPERP":         "BTC-USDC-PERP",
		"linear/BTCUSDT-26DEC25": "BTC-USDT-20251226",
		"linear/BTC-26DEC25":     "BTC-USDC-20251226",
		"linear/NOTHING":         "NOTHING",
		"BTC-26DEC25":            "BTC-26DEC25", // no such thing in spot: the name stands for itself
	} {
		if in := table.Find([]byte(key)); in.Pair != want {
			t.Errorf("%s is %s, want %s", key, in.Pair, want)
		}
	}
}

// The same symbol in two sections: each connection must find its own, and a quote is
// made only once both sides are known.
func TestSectionsOfOneSymbol(t *testing.T) {
	table := venue.NewTable(&Driver, same)
	for path, want := range map[string]market.Pair{"/v5/public/spot": "BTC-USDT", "/v5/public/linear": "BTC-USDT-PERP"} {
		f := Driver.Current().Open(table, &url.URL{Path: path})
		var out market.Batch
		for _, frame := range []string{
			`{"data":{"s":"BTCUSDT","b":[["9","1"]],"a":[],"u":7,"seq":1},"cts":1772366400001,"topic":"orderbook.1.BTCUSDT","ts":1772366400002,"type":"snapshot"}`,
			`{"topic":"orderbook.1.BTCUSDT","type":"delta","ts":1772366400003,"data":{"s":"BTCUSDT","b":[],"a":[["10","2"]],"u":8,"seq":2}}`,
			`{"topic":"orderbook.1.BTCUSDT","type":"delta","ts":1772366400004,"data":{"s":"BTCUSDT","b":[["9","0"]],"a":[],"u":9,"seq":3}}`,
		} {
			if err := f.Decode([]byte(frame), &out); err != nil {
				t.Fatal(err)
			}
		}
		if len(out.Quotes) != 1 || len(out.Books) != 0 {
			t.Fatalf("%s: %d quotes, %d books", path, len(out.Quotes), len(out.Books))
		}
		q := out.Quotes[0]
		if q.Pair != want || q.Bid.String() != "9" || q.AskQty.String() != "2" || !q.At.Equal(noon.Add(3*time.Millisecond)) {
			t.Errorf("%s: %+v", path, q)
		}
	}
	if got := Driver.Current().PathFor(venue.Sub{Instrument: &perp}); got != "/v5/public/linear" {
		t.Error(got)
	}
}

func TestSubscriptions(t *testing.T) {
	subs := []venue.Sub{{Channel: market.Books, Instrument: &perp}, {Channel: market.Quotes, Instrument: &perp}, {Channel: market.Candles, Instrument: &perp, Interval: "1s"}}
	got := Driver.Current().Subscribe(subs, 4)
	if len(got) != 1 || string(got[0]) != `{"op":"subscribe","args":["orderbook.200.BTCUSDT","orderbook.1.BTCUSDT"],"req_id":"4"}` {
		t.Errorf("%s", got)
	}
}

func BenchmarkDelta(b *testing.B) {
	frame := []byte(`{"topic":"orderbook.200.BTCUSDT","type":"delta","ts":1786310818130,"data":{"s":"BTCUSDT","b":[["65095.30","0.005"],["65094.60","0.076"],["65093.10","0"],["65092.20","0.641"]],"a":[["65116.60","0"],["65116.80","0.002"],["65129.10","0"]],"u":14768461,"seq":753843907770},"cts":1786310818128}`)
	f := Driver.Current().Open(venue.NewTable(&Driver, same), &url.URL{Path: "/v5/public/linear"})
	var out market.Batch
	b.SetBytes(int64(len(frame)))
	b.ReportAllocs()
	for b.Loop() {
		out.Reset()
		if err := f.Decode(frame, &out); err != nil {
			b.Fatal(err)
		}
	}
}
