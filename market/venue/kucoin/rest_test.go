package kucoin

import (
	"strconv"
	"testing"
	"time"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/venue"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestRequests(t *testing.T) {
	btc, xbt := market.Instrument{Symbol: "BTC-USDT"}, market.Instrument{Symbol: "XBTUSDTM"}
	for want, a := range map[string]venue.Ask{
		"/api/v1/market/orderbook/level2_20?symbol=BTC-USDT":                                    {What: venue.AskBook, Depth: 10},
		"/api/v1/market/orderbook/level2_100?symbol=BTC-USDT":                                   {What: venue.AskBook, Depth: 500},
		"/api/v1/market/candles?symbol=BTC-USDT&type=1hour&startAt=1772366400&endAt=1772380799": {What: venue.AskCandles, Interval: "1h", From: noon, To: noon.Add(4 * time.Hour)},
		"/api/v1/market/candles?symbol=BTC-USDT&type=1min&startAt=1772366220&endAt=1772366399":  {What: venue.AskCandles, Interval: "1m", To: noon, Limit: 3},
		"/api/v1/market/candles?symbol=BTC-USDT&type=1min&startAt=1772366400&endAt=1772456399":  {What: venue.AskCandles, Interval: "1m", From: noon},
	} {
		a.Instrument = btc
		if r, err := ask(a); err != nil || r.Path != want {
			t.Errorf("got %s, %v; want %s", r.Path, err, want)
		}
	}
	for want, a := range map[string]venue.Ask{
		"/api/v1/contracts/XBTUSDTM": {What: venue.AskDerivative},
		"/api/v1/contract/funding-rates?symbol=XBTUSDTM&from=1772366400000&to=1772395199999":     {What: venue.AskFunding, From: noon, To: noon.Add(8 * time.Hour)},
		"/api/v1/contract/funding-rates?symbol=XBTUSDTM&from=0&to=5":                             {What: venue.AskFunding, Cursor: "5"},
		"/api/v1/kline/query?symbol=XBTUSDTM&granularity=60&from=1772366400000&to=1772380799999": {What: venue.AskCandles, Interval: "1h", From: noon, To: noon.Add(4 * time.Hour)},
	} {
		a.Instrument = xbt
		if r, err := futuresAsk(a); err != nil || r.Path != want {
			t.Errorf("got %s, %v; want %s", r.Path, err, want)
		}
	}
}

func TestFundingPages(t *testing.T) {
	var got market.Batch
	for i := range fundingPage {
		got.Derivatives = append(got.Derivatives, market.Derivative{FundingAt: noon.Add(time.Duration(i) * 8 * time.Hour)})
	}
	a := venue.Ask{What: venue.AskFunding}
	b, more := futuresNext(a, &got)
	if !more || b.Cursor != strconv.FormatInt(noon.UnixMilli()-1, 10) {
		t.Errorf("%v %q", more, b.Cursor)
	}
	if _, more = futuresNext(b, &got); more {
		t.Error("the same again is no progress")
	}
	got.Derivatives = got.Derivatives[1:]
	if _, more = futuresNext(a, &got); more {
		t.Error("a short page is the last")
	}
}

// The ticket says where to connect, and nothing else is taken for an address.
func TestTicket(t *testing.T) {
	const good = `{"code":"200000","data":{"token":"2neAiuYvAU61ZDXA","instanceServers":[{"endpoint":"wss://ws-api-spot.kucoin.com/","encrypt":true,"protocol":"websocket","pingInterval":18000,"pingTimeout":10000},{"endpoint":"wss://other/"}]}}`
	if addr, err := address([]byte(good), "/"); err != nil || addr != "wss://ws-api-spot.kucoin.com/?token=2neAiuYvAU61ZDXA" {
		t.Errorf("%q %v", addr, err)
	}
	for body, want := range map[string]fault.Kind{
		`{"code":"429000","msg":"Too many requests"}`:                                          fault.Exhausted,
		`{"code":"200000","data":{"token":"","instanceServers":[{"endpoint":"wss://x/"}]}}`:    fault.Unavailable,
		`{"code":"200000","data":{"token":"a&b","instanceServers":[{"endpoint":"wss://x/"}]}}`: fault.Unavailable,
		`{"code":"200000","data":{"token":"a","instanceServers":[]}}`:                          fault.Unavailable,
	} {
		if addr, err := address([]byte(body), "/"); fault.Of(err) != want {
			t.Errorf("%s: %q %v", body, addr, err)
		}
	}
	if _, err := address([]byte(good[:50]), "/"); err == nil {
		t.Error("half a ticket was taken")
	}
}
