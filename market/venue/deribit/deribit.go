// Package deribit reads Deribit v2: perpetuals and dated futures, inverse ones
// (BTC-PERPETUAL) and linear ones (BTC_USDC-PERPETUAL), and its spot markets, by JSON-RPC
// over WebSocket and HTTP. Options and combinations are not listed, but what a recording
// has of them is read.
//
// Source: docs.deribit.com (seen 2026-08), checked on a recording of 2021. Pure; see
// package venue.
package deribit

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
	"1m": "1", "3m": "3", "5m": "5", "15m": "15", "30m": "30", "1h": "60", "2h": "120", "6h": "360", "12h": "720", "1d": "1D",
}

// Driver is Deribit.
var Driver = venue.Driver{
	Spec: venue.Spec{
		ID: "deribit", Name: "Deribit", Docs: "https://docs.deribit.com/",
		Stream: "wss://www.deribit.com", Base: "https://www.deribit.com",
		// 500 credits a request of a pool of 50,000 that refills by 10,000 a second.
		Budgets:    []venue.Budget{{Name: "requests", Rate: venue.Rate{N: 20, Per: time.Second}}},
		Handshakes: venue.Rate{N: 30, Per: time.Minute}, // not said; 32 may be open
		History:    "trades and candles since listing",
		Quirks: []string{
			"Sizes of inverse contracts are dollars, those of linear ones and of spot are in the base asset; no size counts contracts.",
			"Books, trades and tickers are those of every 100 ms; those of every change need an account.",
			"Funding is the rate of eight hours that is in force now and is paid all the time; its history has a row for each hour.",
			"Trades that are the legs of a combination are left out: their prices were not made in this market.",
			"A liquidation is a trade one side of which was liquidated, and is among the trades too; a trade of two is told as two liquidations.",
			"Options and combinations are not listed.",
			"Candles have their volume in the base asset and their turnover in the quote, those of inverse contracts too.",
		},
	},
	Dialects: []venue.Dialect{{
		Name:        "v2",
		Channels:    []market.Channel{market.Trades, market.Quotes, market.Books, market.Candles, market.Derivatives, market.Liquidations},
		Path:        "/ws/api/v2",
		Open:        open,
		Subscribe:   subscribe,
		Unsubscribe: func(subs []venue.Sub, id int) [][]byte { return request("unsubscribe", subs, id) },
		Session: venue.Session{
			// We ask it to send heartbeats and to test us; see subscribe.
			Idle:    90 * time.Second,
			Silence: map[market.Channel]time.Duration{market.Books: 60 * time.Second, market.Quotes: 60 * time.Second},
			Batch:   100, Messages: venue.Rate{N: 3, Per: time.Second}, ReadLimit: 4 << 20,
		},
		Book: book.Rule{Join: book.Chain},
	}},
	REST:    venue.REST{Request: ask, Decode: answer, Failure: failure, Next: next, Intervals: venue.IntervalList(intervals), Derivatives: true, Funding: true},
	Private: &Private,
	Guess:   guess,
}

// subscribe begins a connection with the wish for heartbeats. From then on the venue
// wants an answer to each test_request.
func subscribe(subs []venue.Sub, id int) [][]byte {
	frames := request("subscribe", subs, id)
	if id == 1 && frames != nil {
		frames = append([][]byte{[]byte(`{"jsonrpc":"2.0","id":1000000001,"method":"public/set_heartbeat","params":{"interval":30}}`)}, frames...)
	}
	return frames
}

// tested is the answer to a test_request.
const tested = `{"jsonrpc":"2.0","id":1000000002,"method":"public/test","params":{}}`

func request(what string, subs []venue.Sub, id int) [][]byte {
	var names []string
	seen := map[string]bool{}
	for _, s := range subs {
		if n := topic(s); n != "" && !seen[n] {
			seen[n] = true
			names = append(names, strconv.Quote(n))
		}
	}
	if names == nil {
		return nil
	}
	return [][]byte{[]byte(`{"jsonrpc":"2.0","id":` + strconv.Itoa(id) + `,"method":"public/` + what + `","params":{"channels":[` + strings.Join(names, ",") + `]}}`)}
}

func topic(s venue.Sub) string {
	name := s.Instrument.Symbol
	switch s.Channel {
	case market.Trades, market.Liquidations:
		return "trades." + name + ".100ms"
	case market.Quotes:
		return "quote." + name
	case market.Books:
		return "book." + name + ".100ms"
	case market.Derivatives:
		return "ticker." + name + ".100ms"
	case market.Candles:
		if i := intervals[s.Interval]; i != "" {
			return "chart.trades." + name + "." + i
		}
	}
	return ""
}

// guess reads BTC_USDC (spot), BTC-PERPETUAL and BTC-27MAR26 (inverse, in dollars),
// BTC_USDC-PERPETUAL and BTC_USDC-27MAR26 (linear). What has more parts is an option or a
// combination, and its symbol stands for it.
func guess(key string) (market.Instrument, bool) {
	symbol := strings.ToUpper(key)
	part := strings.Split(symbol, "-")
	base, quote, linear := strings.Cut(part[0], "_")
	in := market.Instrument{Symbol: symbol, RESTSymbol: symbol, Base: asset.Code(base), Quote: asset.Code(quote), Kind: market.Spot}
	if base == "" || linear && quote == "" || len(part) == 1 && !linear || strings.Contains(quote, "_") {
		return market.Instrument{}, false
	}
	if len(part) == 1 {
		return in, true
	}
	if in.Settle = in.Quote; !linear {
		in.Quote, in.Settle, in.Unit = "USD", in.Base, market.InQuote
	}
	switch {
	case len(part) > 2:
		return market.Instrument{Symbol: symbol, RESTSymbol: symbol, Kind: market.Option, Pair: market.Pair(symbol)}, true
	case part[1] == "PERPETUAL":
		in.Kind = market.Perpetual
	default:
		day, err := time.Parse("2Jan06", part[1])
		if err != nil {
			return market.Instrument{}, false
		}
		in.Kind, in.Expiry, in.Pair = market.Dated, day, market.Future(in.Base, in.Quote, day)
	}
	return in, true
}
