package bitstamp

import (
	"testing"
	"time"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/venue"
)

var (
	eth  = market.Instrument{Symbol: "ethusd", Kind: market.Spot}
	noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
)

func TestRequests(t *testing.T) {
	for want, a := range map[string]venue.Ask{
		"/api/v2/markets/":                                                            {What: venue.AskInstruments},
		"/api/v2/order_book/ethusd/":                                                  {What: venue.AskBook},
		"/api/v2/transactions/ethusd/?time=hour":                                      {What: venue.AskTrades},
		"/api/v2/transactions/ethusd/?time=day":                                       {What: venue.AskTrades, From: noon},
		"/api/v2/ohlc/ethusd/?step=60&limit=1000":                                     {What: venue.AskCandles, Interval: "1m"},
		"/api/v2/ohlc/ethusd/?step=3600&limit=3&start=1772366400&end=1772377199":      {What: venue.AskCandles, Interval: "1h", From: noon, Limit: 3},
		"/api/v2/ohlc/ethusd/?step=259200&limit=1000&start=1772409600&end=1774915199": {What: venue.AskCandles, Interval: "3d", From: noon, To: noon.AddDate(0, 0, 29).Add(12 * time.Hour)},
	} {
		a.Instrument = eth
		if r, err := ask(a); err != nil || r.Path != want {
			t.Errorf("got %s, %v; want %s", r.Path, err, want)
		}
	}
	for _, i := range []market.Interval{"1w", "8h"} {
		if _, err := ask(venue.Ask{What: venue.AskCandles, Instrument: eth, Interval: i}); fault.Of(err) != fault.Invalid {
			t.Errorf("%s gave %v", i, err)
		}
	}
}

func TestFailures(t *testing.T) {
	for body, want := range map[string]fault.Kind{
		`{"status":"error","reason":"Request rate limit exceeded","code":"400.002"}`: fault.Exhausted,
		`{"error":"Invalid currency pair"}`:                                          fault.Unknown,
		`{"status":"error","reason":{"step":["not a choice"]},"code":"API0021"}`:     fault.Invalid,
	} {
		if err := failure(400, []byte(body)); fault.Of(err) != want {
			t.Errorf("%s gave %v", body, err)
		}
	}
	if err := failure(404, []byte("<html>")); fault.Of(err) != fault.Unknown {
		t.Error(err)
	}
	if err := failure(502, nil); err != nil {
		t.Error(err)
	}
}

func TestSubscriptions(t *testing.T) {
	got := Driver.Current().Subscribe([]venue.Sub{{Channel: market.Books, Instrument: &eth}, {Channel: market.Quotes, Instrument: &eth}, {Channel: market.Trades, Instrument: &eth}}, 1)
	want := []string{"diff_order_book_ethusd", "order_book_ethusd", "live_trades_ethusd"}
	if len(got) != len(want) {
		t.Fatal(len(got))
	}
	for i := range want {
		if string(got[i]) != `{"event":"bts:subscribe","data":{"channel":"`+want[i]+`"}}` {
			t.Errorf("%s", got[i])
		}
	}
}
