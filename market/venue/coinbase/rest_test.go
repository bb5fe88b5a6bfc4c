package coinbase

import (
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/venue"
)

var (
	btc  = market.Instrument{Symbol: "BTC-USD", Kind: market.Spot}
	noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
)

func TestRequests(t *testing.T) {
	for want, a := range map[string]venue.Ask{
		"/api/v3/brokerage/market/products?product_type=SPOT":                                                                 {What: venue.AskInstruments},
		"/api/v3/brokerage/market/product_book?product_id=BTC-USD&limit=50":                                                   {What: venue.AskBook, Depth: 50},
		"/api/v3/brokerage/market/products/BTC-USD/ticker?limit=1000&start=1772366400&end=1772370000":                         {What: venue.AskTrades, From: noon, To: noon.Add(time.Hour)},
		"/api/v3/brokerage/market/products/BTC-USD/candles?granularity=ONE_HOUR&limit=350&start=1772366400&end=1773626399":    {What: venue.AskCandles, Interval: "1h", From: noon},
		"/api/v3/brokerage/market/products/BTC-USD/candles?granularity=ONE_MINUTE&limit=10&start=1772365800&end=1772366399":   {What: venue.AskCandles, Interval: "1m", To: noon, Limit: 10},
		"/api/v3/brokerage/market/products/BTC-USD/candles?granularity=FIVE_MINUTE&limit=350&start=1772366400&end=1772366999": {What: venue.AskCandles, Interval: "5m", From: noon, To: noon.Add(10 * time.Minute)},
	} {
		a.Instrument = btc
		if r, err := ask(a); err != nil || r.Path != want {
			t.Errorf("got %s, %v; want %s", r.Path, err, want)
		}
	}
	for want, a := range map[string]venue.Ask{
		"/products":                                      {What: venue.AskInstruments},
		"/products/BTC-USD/book?level=2":                 {What: venue.AskBook},
		"/products/BTC-USD/trades?limit=5":               {What: venue.AskTrades, Limit: 5},
		"/products/BTC-USD/trades?limit=1000&after=1042": {What: venue.AskTrades, AfterID: "41"},
		"/products/BTC-USD/candles?granularity=60&start=1772366400&end=1772384399":    {What: venue.AskCandles, Interval: "1m", From: noon},
		"/products/BTC-USD/candles?granularity=3600":                                  {What: venue.AskCandles, Interval: "1h"},
		"/products/BTC-USD/candles?granularity=21600&start=1772366400&end=1772387999": {What: venue.AskCandles, Interval: "6h", From: noon, To: noon.Add(6 * time.Hour)},
		"/products/BTC-USD/candles?granularity=86400&start=1746446400&end=1772366399": {What: venue.AskCandles, Interval: "1d", To: noon},
		"/products/BTC-USD/candles?granularity=300&start=1772366400&end=1772366699":   {What: venue.AskCandles, Interval: "5m", From: noon, Limit: 1},
		"/products/BTC-USD/candles?granularity=900&start=1772366400&end=1772367299":   {What: venue.AskCandles, Interval: "15m", From: noon.Add(-time.Second), Limit: 1},
		"/products/BTC-USD/candles?granularity=3600&start=1772366400&end=1773446399":  {What: venue.AskCandles, Interval: "1h", From: noon.Add(-time.Minute)},
		"/products/BTC-USD/trades?limit=1000&after=77":                                {What: venue.AskTrades, From: noon, Cursor: "77"},
	} {
		a.Instrument = btc
		if r, err := exchangeAsk(a); err != nil || r.Path != want {
			t.Errorf("got %s, %v; want %s", r.Path, err, want)
		}
	}
	for _, a := range []venue.Ask{{What: venue.AskCandles, Interval: "3m", From: noon}, {What: 99}} {
		if _, err := ask(a); fault.Of(err) != fault.Invalid {
			t.Errorf("%+v gave %v", a, err)
		}
	}
}

// page makes n trades, oldest first, a second apart.
func page(n int, first int64, from time.Time) *market.Batch {
	var b market.Batch
	for i := range n {
		b.Trades = append(b.Trades, market.Trade{ID: strconv.FormatInt(first+int64(i), 10), At: from.Add(time.Duration(i) * time.Second)})
	}
	return &b
}

func TestTradePages(t *testing.T) {
	a := venue.Ask{What: venue.AskTrades, Instrument: btc, From: noon, Limit: 10}
	b, more := next(a, page(10, 90, noon.Add(time.Minute+time.Millisecond)))
	if !more || b.Cursor != "1772366461" {
		t.Errorf("advanced: %v %q", more, b.Cursor)
	}
	if c, _ := next(b, page(10, 90, noon.Add(time.Minute+time.Millisecond))); c.Cursor != "1772366460" {
		t.Errorf("advanced: a page that does not move must: %q", c.Cursor)
	}
	if _, more = next(a, page(9, 90, noon.Add(time.Minute))); more {
		t.Error("advanced: a short page is the last")
	}
	if _, more = next(a, page(10, 90, noon.Add(-time.Minute))); more {
		t.Error("advanced: a page that began before is the last")
	}
	if b, more = exchangeNext(a, page(10, 90, noon.Add(time.Minute))); !more || b.Cursor != "90" {
		t.Errorf("exchange by time: %v %q", more, b.Cursor)
	}
	a = venue.Ask{What: venue.AskTrades, Instrument: btc, AfterID: "89", Limit: 10}
	if b, more = exchangeNext(a, page(10, 90, noon)); !more || b.AfterID != "99" {
		t.Errorf("exchange by id: %v %q", more, b.AfterID)
	}
	if _, more = exchangeNext(a, page(10, 85, noon)); more {
		t.Error("exchange by id: the newest trade is reached")
	}
}

func TestFailures(t *testing.T) {
	for body, want := range map[string]fault.Kind{
		`{"error":"NOT_FOUND","error_details":"","message":"valid product_id is required"}`: fault.Unknown,
		`{"message":"NotFound"}`: fault.Unknown,
		`{"errors":[{"id":"rate_limit_exceeded","message":"slow down"}]}`:      fault.Exhausted,
		`{"error":"INVALID_ARGUMENT","message":"number of candles too large"}`: fault.Invalid,
	} {
		if err := failure(400, []byte(body)); fault.Of(err) != want {
			t.Errorf("%s gave %v", body, err)
		}
	}
	if err := failure(502, []byte("<html>")); err != nil {
		t.Errorf("a page of a proxy is no answer of the venue: %v", err)
	}
}

// A recording says where it was connected; before November 2022 that was the Exchange feed.
func TestDialectOfARecording(t *testing.T) {
	for addr, want := range map[string]string{
		"wss://ws-feed.pro.coinbase.com":       "exchange",
		"wss://ws-feed.exchange.coinbase.com/": "exchange",
		"wss://advanced-trade-ws.coinbase.com": "advanced",
		"ws://127.0.0.1:9000/":                 "advanced",
	} {
		u, err := url.Parse(addr)
		if err != nil {
			t.Fatal(err)
		}
		if d, err := Driver.Pick(u, noon); err != nil || d.Name != want {
			t.Errorf("%s: %v %v", addr, d, err)
		}
		if d, err := Driver.Pick(u, noon.AddDate(-5, 0, 0)); err != nil || d.Name != "exchange" {
			t.Errorf("%s in 2021: %v %v", addr, d, err)
		}
	}
}

func TestSubscriptions(t *testing.T) {
	subs := []venue.Sub{{Channel: market.Books, Instrument: &btc}, {Channel: market.Trades, Instrument: &btc}, {Channel: market.Candles, Instrument: &btc, Interval: "1h"}}
	var got string
	for _, f := range Driver.Current().Subscribe(subs, 1) {
		got += string(f) + "\n"
	}
	if want := `{"type":"subscribe","product_ids":["BTC-USD"],"channel":"market_trades"}
{"type":"subscribe","product_ids":["BTC-USD"],"channel":"level2"}
{"type":"subscribe","channel":"heartbeats"}
`; got != want {
		t.Errorf("got\n%s", got)
	}
	want := `{"type":"subscribe","channels":[{"name":"heartbeat","product_ids":["BTC-USD"]},{"name":"matches","product_ids":["BTC-USD"]},{"name":"level2_batch","product_ids":["BTC-USD"]}]}`
	if got := Exchange.Current().Subscribe(subs, 1); len(got) != 1 || string(got[0]) != want {
		t.Errorf("got %s", got)
	}
}
