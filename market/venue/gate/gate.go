// Package gate reads Gate (gate.com, formerly Gate.io): spot, and the perpetual contracts
// that are settled in USDT. Both speak one protocol, version 4, at two addresses, so they
// share a decoder; each is a driver of its own.
//
// Source: www.gate.com/docs/developers (spot and futures, REST and WebSocket v4, seen
// 2026-08), checked on recordings of 2021 (spot) and 2023 (futures). Since August 2025
// books come whole from the stream (obu); before, differences were joined to a snapshot
// by REST (order_book_update). Pure; see package venue. The app lists it in venue/all.
package gate

import (
	"strconv"
	"strings"
	"time"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/book"
	"github.com/assayhq/assay/market/venue"
)

// What channels are called begins with the market.
const (
	spot    = "spot."
	futures = "futures."
)

// intervals leaves out 7d and 30d, whose bars do not open on Mondays and on the first of
// a month for sure.
var intervals = map[market.Interval]string{
	"1m": "1m", "5m": "5m", "15m": "15m", "30m": "30m", "1h": "1h", "4h": "4h", "8h": "8h", "1d": "1d",
}

// Driver is Gate spot.
var Driver = venue.Driver{
	Spec: venue.Spec{
		ID: "gate", Name: "Gate", Docs: "https://www.gate.com/docs/developers/apiv4/ws/en/",
		Stream: "wss://api.gateio.ws", Base: "https://api.gateio.ws",
		Budgets:    budgets("instruments", "book", "trades", "candles", "clock"),
		Handshakes: venue.Rate{N: 300, Per: 5 * time.Minute},
		History:    "trades by time, 30 days; candles of the latest 10,000 intervals",
		Quirks: []string{
			"Books are the best 400 levels of each side.",
			"Candles of the stream state volume in base only since 2022; in older recordings they have turnover alone.",
			"Bars without trades repeat the last price.",
			"The ticker's best prices have no sizes and are not taken for quotes.",
		},
	},
	Dialects: dialects(spot, "/ws/v4/", market.Trades, market.Quotes, market.Books, market.Candles),
	REST:     venue.REST{Request: ask, Decode: answer, Failure: failure, Next: next, Intervals: venue.IntervalList(intervals)},
	Private:  &Private,
	Guess:    guess,
}

// budgets: every endpoint has an allowance of its own.
func budgets(names ...string) []venue.Budget {
	var out []venue.Budget
	for _, n := range names {
		out = append(out, venue.Budget{Name: n, Rate: venue.Rate{N: 200, Per: 10 * time.Second}})
	}
	return out
}

// dialects are the two ways of books; all else is alike.
func dialects(of, path string, channels ...market.Channel) []venue.Dialect {
	d := venue.Dialect{
		Name: "obu", Since: time.Date(2025, 8, 1, 0, 0, 0, 0, time.UTC),
		Channels: channels, Path: path, Open: open(of),
		Subscribe:   func(subs []venue.Sub, id int) [][]byte { return request(of, "obu", "subscribe", subs, id) },
		Unsubscribe: func(subs []venue.Sub, id int) [][]byte { return request(of, "obu", "unsubscribe", subs, id) },
		Session: venue.Session{
			Ping: []byte(`{"time":1,"channel":"` + of + `ping"}`), PingEvery: 15 * time.Second, Idle: 45 * time.Second,
			Batch: 50, Messages: venue.Rate{N: 10, Per: time.Second}, // it names no limit; this is ours
			Silence: map[market.Channel]time.Duration{market.Books: 60 * time.Second, market.Quotes: 60 * time.Second},
		},
		Book: book.Rule{Join: book.Chain, Depth: depth},
	}
	old := d
	old.Name, old.Since, old.Book = "order_book_update", time.Time{}, book.Rule{Join: book.RESTRange}
	old.Subscribe = func(subs []venue.Sub, id int) [][]byte { return request(of, old.Name, "subscribe", subs, id) }
	old.Unsubscribe = func(subs []venue.Sub, id int) [][]byte { return request(of, old.Name, "unsubscribe", subs, id) }
	return []venue.Dialect{d, old}
}

// depth is the levels of a book on each side: 50 every 20 ms, or 400 every 100 ms.
const depth = 400

// channels are the venue's names of those that take a list of symbols.
var channels = map[market.Channel]string{
	market.Trades: "trades", market.Quotes: "book_ticker", market.Derivatives: "tickers", market.Liquidations: "public_liquidates",
}

// request writes one frame for each channel that takes a list, and one for each
// subscription of the others. The venue asks for a time in every frame but looks at it
// only where the frame is signed; its own examples send an invented one.
func request(of, books, event string, subs []venue.Sub, id int) [][]byte {
	var order []string
	lists := map[string][]string{}
	list := func(channel, what string) {
		if lists[channel] == nil {
			order = append(order, channel)
		}
		lists[channel] = append(lists[channel], strconv.Quote(what))
	}
	var out [][]byte
	frame := func(channel, payload string) {
		out = append(out, []byte(`{"time":1,"id":`+strconv.Itoa(id)+`,"channel":"`+of+channel+`","event":"`+event+`","payload":[`+payload+`]}`))
	}
	for _, s := range subs {
		name := s.Instrument.Symbol
		switch {
		case s.Channel == market.Books && books == "obu":
			list(books, "ob."+name+"."+strconv.Itoa(depth))
		case s.Channel == market.Books:
			frame(books, strconv.Quote(name)+`,"100ms"`)
		case s.Channel == market.Candles:
			if i := intervals[s.Interval]; i != "" {
				frame("candlesticks", `"`+i+`",`+strconv.Quote(name))
			}
		case channels[s.Channel] != "":
			list(channels[s.Channel], name)
		}
	}
	for _, channel := range order {
		frame(channel, strings.Join(lists[channel], ","))
	}
	return out
}

// guess reads BTC_USDT.
func guess(key string) (market.Instrument, bool) {
	i := strings.LastIndexByte(key, '_')
	if i <= 0 || i == len(key)-1 {
		return market.Instrument{}, false
	}
	return market.Instrument{Symbol: key, Kind: market.Spot, Base: asset.Code(key[:i]), Quote: asset.Code(key[i+1:])}, true
}
