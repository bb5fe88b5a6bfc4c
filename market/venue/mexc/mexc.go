// Package mexc reads MEXC spot: the stream in protocol buffers, which is the only one
// since August 2025, the JSON it had before, and the requests of version 3.
//
// Source: the exchange's documentation (mexc.com/api-docs/spot-v3, 2026-07) and its
// published schema of messages. Pure; see package venue.
package mexc

import (
	"strconv"
	"strings"
	"time"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/book"
	"github.com/assayhq/assay/market/venue"
)

// intervals are the names that requests want. Weeks and months are left out: nothing says
// on which day they begin.
var intervals = map[market.Interval]string{"1m": "1m", "5m": "5m", "15m": "15m", "30m": "30m", "1h": "60m", "4h": "4h", "1d": "1d"}

// streamed are the names that the stream has for the same.
var streamed = map[market.Interval]string{"1m": "Min1", "5m": "Min5", "15m": "Min15", "30m": "Min30", "1h": "Min60", "4h": "Hour4", "1d": "Day1"}

var quotes = []string{"USDT", "USDC", "USDE", "USDF", "USD1", "TUSD", "BTC", "ETH", "EUR", "BRL", "MX", "USD"}

// Driver is MEXC spot.
var Driver = venue.Driver{
	Spec: venue.Spec{
		ID: "mexc", Name: "MEXC", Docs: "https://www.mexc.com/api-docs/spot-v3/introduction",
		Stream: "wss://wbs-api.mexc.com", Base: "https://api.mexc.com",
		Budgets:    []venue.Budget{{Name: "weight", Rate: venue.Rate{N: 500, Per: 10 * time.Second}}},
		Handshakes: venue.Rate{N: 30, Per: time.Minute},
		History:    "candles since listing; trades by time, without ids",
		Quirks: []string{
			"Past trades have no ids: two that agree in time, price, size and side count as one.",
			"Trades, books and best prices come ten times a second, each message with what happened since the last.",
			"Snapshots of books may be older than the changes before them; then they are fetched again.",
			"Levels beyond the 1,000 of the snapshot we join with are unknown until they change.",
			"Weekly and monthly bars are not read; Assay builds them from shorter ones.",
		},
	},
	Dialects: []venue.Dialect{{
		Name:        "v3",
		Channels:    []market.Channel{market.Trades, market.Quotes, market.Books, market.Candles},
		Path:        "/ws",
		Open:        open,
		Subscribe:   func(subs []venue.Sub, id int) [][]byte { return request("SUBSCRIPTION", subs, id) },
		Unsubscribe: func(subs []venue.Sub, id int) [][]byte { return request("UNSUBSCRIPTION", subs, id) },
		Session: venue.Session{
			// It closes after 60 s without data.
			Ping: []byte(`{"method":"PING"}`), PingEvery: 20 * time.Second, Idle: 60 * time.Second,
			MaxSubs: 30, Batch: 30, MaxLife: 24 * time.Hour, Messages: venue.Rate{N: 10, Per: time.Second},
			Silence: map[market.Channel]time.Duration{market.Books: 60 * time.Second, market.Quotes: 60 * time.Second},
		},
		Book: book.Rule{Join: book.RESTRange},
	}},
	REST:    venue.REST{Request: ask, Decode: answer, Failure: failure, Next: next, Intervals: venue.IntervalList(intervals), Nameless: true},
	Private: &Private,
	Guess:   guess,
}

// guess reads BTCUSDT.
func guess(key string) (market.Instrument, bool) {
	symbol := strings.ToUpper(key)
	base, quote, ok := venue.Split(symbol, quotes)
	return market.Instrument{Symbol: symbol, Kind: market.Spot, Base: asset.Code(base), Quote: asset.Code(quote)}, ok
}

// topic names a subscription.
func topic(s venue.Sub) string {
	switch s.Channel {
	case market.Trades:
		return "spot@public.aggre.deals.v3.api.pb@100ms@" + s.Instrument.Symbol
	case market.Quotes:
		return "spot@public.aggre.bookTicker.v3.api.pb@100ms@" + s.Instrument.Symbol
	case market.Books:
		return "spot@public.aggre.depth.v3.api.pb@100ms@" + s.Instrument.Symbol
	case market.Candles:
		if i := streamed[s.Interval]; i != "" {
			return "spot@public.kline.v3.api.pb@" + s.Instrument.Symbol + "@" + i
		}
	}
	return ""
}

func request(method string, subs []venue.Sub, id int) [][]byte {
	var names []string
	for _, s := range subs {
		if n := topic(s); n != "" {
			names = append(names, strconv.Quote(n))
		}
	}
	if names == nil {
		return nil
	}
	return [][]byte{[]byte(`{"method":"` + method + `","params":[` + strings.Join(names, ",") + `],"id":` + strconv.Itoa(id) + `}`)}
}
