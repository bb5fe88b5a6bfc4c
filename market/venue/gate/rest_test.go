package gate

import (
	"strconv"
	"testing"
	"time"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/venue"
)

var (
	btc  = market.Instrument{Symbol: "BTC_USDT"}
	noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
)

func TestRequests(t *testing.T) {
	for want, a := range map[string]venue.Ask{
		"/api/v4/spot/order_book?currency_pair=BTC_USDT&with_id=true&limit=50":                       {What: venue.AskBook, Depth: 50},
		"/api/v4/spot/trades?currency_pair=BTC_USDT&limit=1000&from=1772366400&to=1772370000":        {What: venue.AskTrades, From: noon, To: noon.Add(time.Hour), AfterID: "7"},
		"/api/v4/spot/trades?currency_pair=BTC_USDT&limit=5&page=3":                                  {What: venue.AskTrades, Limit: 5, Cursor: "3"},
		"/api/v4/spot/candlesticks?currency_pair=BTC_USDT&interval=1m&limit=9":                       {What: venue.AskCandles, Interval: "1m", Limit: 9},
		"/api/v4/spot/candlesticks?currency_pair=BTC_USDT&interval=1h&from=1772366400&to=1772380799": {What: venue.AskCandles, Interval: "1h", From: noon, To: noon.Add(4 * time.Hour)},
		"/api/v4/spot/candlesticks?currency_pair=BTC_USDT&interval=1h&from=1772359200&to=1772366399": {What: venue.AskCandles, Interval: "1h", To: noon, Limit: 3},
		"/api/v4/spot/candlesticks?currency_pair=BTC_USDT&interval=1m&from=1772366400&to=1772426399": {What: venue.AskCandles, Interval: "1m", From: noon},
	} {
		a.Instrument = btc
		if r, err := ask(a); err != nil || r.Path != want {
			t.Errorf("got %s, %v; want %s", r.Path, err, want)
		}
	}
	for want, a := range map[string]venue.Ask{
		"/api/v4/futures/usdt/contracts/BTC_USDT":                                                            {What: venue.AskDerivative},
		"/api/v4/futures/usdt/funding_rate?contract=BTC_USDT&limit=1000&from=1772366400&to=1772395200":       {What: venue.AskFunding, From: noon, To: noon.Add(8 * time.Hour)},
		"/api/v4/futures/usdt/funding_rate?contract=BTC_USDT&limit=1000&from=1772366400&to=1772370000":       {What: venue.AskFunding, From: noon, To: noon.Add(8 * time.Hour), Cursor: "1772370000"},
		"/api/v4/futures/usdt/trades?contract=BTC_USDT&limit=1000&from=1772366400&to=1772370000&offset=2000": {What: venue.AskTrades, From: noon, To: noon.Add(time.Hour), Cursor: "2000"},
	} {
		a.Instrument = btc
		if r, err := futuresAsk(a); err != nil || r.Path != want {
			t.Errorf("got %s, %v; want %s", r.Path, err, want)
		}
	}
	if _, err := ask(venue.Ask{What: venue.AskFunding, Instrument: btc}); fault.Of(err) != fault.Invalid {
		t.Errorf("funding of spot: %v", err)
	}
}

// Trades are told newest first: full pages go on to the next page or offset, a short one
// is the last.
func TestPages(t *testing.T) {
	var got market.Batch
	for i := range 10 {
		got.Trades = append(got.Trades, market.Trade{ID: strconv.Itoa(i)})
		got.Derivatives = append(got.Derivatives, market.Derivative{FundingAt: noon.Add(time.Duration(i) * 8 * time.Hour)})
	}
	a := venue.Ask{What: venue.AskTrades, Instrument: btc, From: noon, Limit: 10}
	if b, more := next(a, &got); !more || b.Cursor != "2" {
		t.Errorf("spot: %v %q", more, b.Cursor)
	}
	b, more := futuresNext(a, &got)
	if !more || b.Cursor != "10" {
		t.Errorf("futures: %v %q", more, b.Cursor)
	}
	if b, more = futuresNext(b, &got); !more || b.Cursor != "20" {
		t.Errorf("futures: %v %q", more, b.Cursor)
	}
	a.Limit = 11
	if _, more = next(a, &got); more {
		t.Error("a short page is the last")
	}
	a = venue.Ask{What: venue.AskFunding, Instrument: btc, From: noon.Add(-time.Hour), Limit: 10}
	b, more = futuresNext(a, &got)
	if !more || b.Cursor != strconv.FormatInt(noon.Unix()-1, 10) {
		t.Errorf("funding: %v %q", more, b.Cursor)
	}
	if _, more = futuresNext(b, &got); more {
		t.Error("funding: the same again is no progress")
	}
	a.From = noon
	if _, more = futuresNext(a, &got); more {
		t.Error("funding: the beginning is reached")
	}
}
