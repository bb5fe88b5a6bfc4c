// Package binance reads Binance spot: streams of api docs 2026-07 and older
// recordings, whose public formats are the same.
//
// Source: the exchange's own documentation repository (binance-spot-api-docs,
// change log of 2026-07-17), checked on recordings of 2021. Pure; see package venue.
package binance

import (
	"strconv"
	"strings"
	"time"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/book"
	"github.com/assayhq/assay/market/venue"
)

var intervals = map[market.Interval]string{
	"1s": "1s", "1m": "1m", "3m": "3m", "5m": "5m", "15m": "15m", "30m": "30m", "1h": "1h", "2h": "2h",
	"4h": "4h", "6h": "6h", "8h": "8h", "12h": "12h", "1d": "1d", "3d": "3d", "1w": "1w", "1M": "1M",
}

var quotes = []string{"USDT", "USDC", "FDUSD", "TUSD", "BUSD", "USD1", "USD", "BTC", "ETH", "BNB", "EUR", "GBP", "TRY", "BRL", "JPY", "AUD", "DAI", "PAX", "USDS", "RUB", "UAH", "NGN", "ZAR", "PLN", "RON", "ARS", "BIDR", "IDRT", "BKRW", "VAI", "XRP", "TRX", "DOGE", "DOT", "EURI", "MXN", "CZK", "COP", "BVND", "AEUR", "USDP"}

// Driver is Binance spot.
var Driver = venue.Driver{
	Spec: venue.Spec{
		ID: "binance", Name: "Binance", Docs: "https://developers.binance.com/docs/binance-spot-api-docs",
		Stream: "wss://stream.binance.com:9443", Base: "https://api.binance.com",
		Budgets:    []venue.Budget{{Name: "weight", Rate: venue.Rate{N: 6000, Per: time.Minute}}},
		Handshakes: venue.Rate{N: 300, Per: 5 * time.Minute},
		History:    "all trades by id and all candles since listing",
		Quirks: []string{
			"Best bid and ask carry no venue time; the time we received them stands in.",
			"The maker flag m is turned into the taker's side.",
			"Levels beyond the 1,000 of the snapshot we join with are unknown until they change.",
		},
	},
	Dialects: []venue.Dialect{{
		Name:     "spot",
		Channels: []market.Channel{market.Trades, market.Quotes, market.Books, market.Candles},
		Path:     "/stream",
		Open:     open,
		Subscribe: func(subs []venue.Sub, id int) [][]byte {
			return request("SUBSCRIBE", subs, id)
		},
		Unsubscribe: func(subs []venue.Sub, id int) [][]byte {
			return request("UNSUBSCRIBE", subs, id)
		},
		Session: venue.Session{
			Idle: 60 * time.Second, MaxSubs: 1024, Batch: 100, MaxLife: 24 * time.Hour,
			Messages: venue.Rate{N: 4, Per: time.Second}, // 5 allowed, pongs count
			Silence:  map[market.Channel]time.Duration{market.Books: 60 * time.Second, market.Quotes: 60 * time.Second},
		},
		Book: book.Rule{Join: book.RESTRange},
	}},
	REST:    venue.REST{Request: ask, Decode: answer, Failure: failure, Next: next, Intervals: venue.IntervalList(intervals)},
	Guess:   guess,
	Private: &Private,
}

func guess(key string) (market.Instrument, bool) {
	b, q, ok := venue.Split(strings.ToUpper(key), quotes)
	return market.Instrument{Symbol: strings.ToUpper(key), Kind: market.Spot, Base: asset.Code(b), Quote: asset.Code(q)}, ok
}

func stream(s venue.Sub) string {
	name := strings.ToLower(s.Instrument.Symbol)
	switch s.Channel {
	case market.Trades:
		return name + "@trade"
	case market.Quotes:
		return name + "@bookTicker"
	case market.Books:
		return name + "@depth@100ms"
	case market.Candles:
		return name + "@kline_" + intervals[s.Interval]
	}
	return ""
}

func request(method string, subs []venue.Sub, id int) [][]byte {
	var names []string
	for _, s := range subs {
		if n := stream(s); n != "" {
			names = append(names, strconv.Quote(n))
		}
	}
	return [][]byte{[]byte(`{"method":"` + method + `","params":[` + strings.Join(names, ",") + `],"id":` + strconv.Itoa(id) + `}`)}
}
