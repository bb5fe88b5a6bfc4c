// Package bitstamp reads Bitstamp: the public stream of version 2 and the market
// endpoints of its HTTP interface.
//
// Source: www.bitstamp.net/websocket/v2 and www.bitstamp.net/api (2026-08), checked on
// a recording of 2022. Pure; see package venue.
package bitstamp

import (
	"net/url"
	"strings"
	"time"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/book"
	"github.com/assayhq/assay/market/venue"
)

// steps are the intervals in seconds. The longest is three days; there are no weeks.
var steps = map[market.Interval]string{
	"1m": "60", "3m": "180", "5m": "300", "15m": "900", "30m": "1800", "1h": "3600", "2h": "7200", "4h": "14400",
	"6h": "21600", "12h": "43200", "1d": "86400", "3d": "259200",
}

var quotes = []string{"usd", "eur", "gbp", "btc", "eth", "usdt", "usdc", "pax", "dai", "eurc", "rlusd", "pyusd"}

// Driver is Bitstamp.
var Driver = venue.Driver{
	Spec: venue.Spec{
		ID: "bitstamp", Name: "Bitstamp", Docs: "https://www.bitstamp.net/api/",
		Stream: "wss://ws.bitstamp.net", Base: "https://www.bitstamp.net",
		// 400 a second are allowed, but 10,000 in ten minutes.
		Budgets:    []venue.Budget{{Name: "requests", Rate: venue.Rate{N: 10000, Per: 10 * time.Minute}}},
		Handshakes: venue.Rate{N: 1, Per: time.Second}, // not stated by the venue; ours
		History:    "candles since listing; trades of the last day",
		Quirks: []string{
			"Book changes have a time and no number: a loss does not show, so books are compared with a new snapshot every five minutes.",
			"Best bid and ask come from the channel of the best 100 levels; there is none for the top alone.",
			"Trades of the HTTP interface have whole seconds, those of the stream microseconds.",
			"The stream has no candles.",
		},
	},
	Dialects: []venue.Dialect{{
		Name:      "v2",
		Channels:  []market.Channel{market.Trades, market.Quotes, market.Books},
		Open:      func(t *venue.Table, _ *url.URL) venue.Feed { return &feed{t} },
		Subscribe: func(subs []venue.Sub, _ int) [][]byte { return frames("bts:subscribe", subs) },
		Unsubscribe: func(subs []venue.Sub, _ int) [][]byte {
			return frames("bts:unsubscribe", subs)
		},
		Session: venue.Session{
			Ping: []byte(`{"event":"bts:heartbeat"}`), PingEvery: 30 * time.Second, Idle: 90 * time.Second,
			Batch: 1, MaxLife: 90 * 24 * time.Hour,
			Messages: venue.Rate{N: 20, Per: time.Second}, // not stated by the venue; ours
			// Some pairs change once in minutes, and nothing says that a book is quiet.
			Silence: map[market.Channel]time.Duration{market.Books: 5 * time.Minute, market.Quotes: 5 * time.Minute},
		},
		Book: book.Rule{Join: book.RESTTime, Refresh: 5 * time.Minute},
	}},
	REST:    venue.REST{Request: ask, Decode: answer, Failure: failure, Next: next, Intervals: venue.IntervalList(steps)},
	Guess:   guess,
	Private: &Private,
}

// guess reads ethusd, and btcusd-perp.
func guess(key string) (market.Instrument, bool) {
	name, perp := strings.CutSuffix(key, "-perp")
	in := market.Instrument{Symbol: key, Kind: market.Spot}
	if perp {
		in.Kind = market.Perpetual
	}
	b, q, ok := venue.Split(name, quotes)
	in.Base, in.Quote = asset.Code(strings.ToUpper(b)), asset.Code(strings.ToUpper(q))
	return in, ok
}

// kinds are the channels read, with what stands before the symbol in their names.
var kinds = []struct {
	prefix string
	ch     market.Channel
}{{"live_trades_", market.Trades}, {"order_book_", market.Quotes}, {"diff_order_book_", market.Books}}

func frames(event string, subs []venue.Sub) [][]byte {
	var out [][]byte
	for _, s := range subs {
		for _, k := range kinds {
			if k.ch == s.Channel {
				out = append(out, []byte(`{"event":"`+event+`","data":{"channel":"`+k.prefix+s.Instrument.Symbol+`"}}`))
			}
		}
	}
	return out
}
