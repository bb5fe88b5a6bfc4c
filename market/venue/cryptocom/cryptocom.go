// Package cryptocom reads the Crypto.com Exchange: spot, perpetuals and dated futures
// over the market stream and the public requests of API version 1, and the stream of
// version 2 that came before it.
//
// Source: https://exchange-docs.crypto.com/exchange/v1/rest-ws/index.html (seen
// 2026-08), checked on a recording of version 2 of 2021. Pure; see package venue. The
// app lists it in venue/all.
package cryptocom

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/book"
	"github.com/assayhq/assay/market/venue"
)

// intervals leave out 7D and 14D: the venue does not say on which day they begin.
var intervals = map[market.Interval]string{
	"1m": "1m", "5m": "5m", "15m": "15m", "30m": "30m", "1h": "1h", "2h": "2h", "4h": "4h", "12h": "12h", "1d": "1D", "1M": "1M",
}

// legacy is how older messages and answers still spell them.
var legacy = map[market.Interval]string{
	"1m": "M1", "5m": "M5", "15m": "M15", "30m": "M30", "1h": "H1", "2h": "H2", "4h": "H4", "12h": "H12", "1d": "D1",
}

var quotes = []string{"USDT", "USDC", "USD", "EUR", "BTC", "CRO"}

// Books are the 50 best levels of each side; those of version 2 were the 150 best.
const (
	depth    = 50
	oldDepth = 150
)

// Driver is the Crypto.com Exchange.
var Driver = venue.Driver{
	Spec: venue.Spec{
		ID: "cryptocom", Name: "Crypto.com", Docs: "https://exchange-docs.crypto.com/exchange/v1/rest-ws/index.html",
		Stream: "wss://stream.crypto.com", Base: "https://api.crypto.com",
		Budgets: []venue.Budget{
			{Name: "instruments", Rate: venue.Rate{N: 100, Per: time.Second}},
			{Name: "book", Rate: venue.Rate{N: 100, Per: time.Second}},
			{Name: "trades", Rate: venue.Rate{N: 100, Per: time.Second}},
			{Name: "candles", Rate: venue.Rate{N: 100, Per: time.Second}},
			{Name: "tickers", Rate: venue.Rate{N: 100, Per: time.Second}},
			{Name: "valuations", Rate: venue.Rate{N: 100, Per: time.Second}},
		},
		// The venue does not say how often a connection may be opened; this is ours.
		Handshakes: venue.Rate{N: 1, Per: time.Second},
		History:    "trades and candles by time, as far as the venue keeps them; hourly funding",
		Quirks: []string{
			"Books are the best 50 levels of each side; an update without levels says only that the book lives.",
			"Funding is paid every hour; the rate is fixed for the hours of a four-hour interval.",
			"The index of a contract comes under a name of its own and is told of the perpetual.",
			"Times of streamed trades are milliseconds, those of requested ones nanoseconds.",
			"Candles do not say whether they are complete.",
			"A subscription of trades begins with the last 50, which are marked backfilled.",
		},
	},
	Dialects: []venue.Dialect{{
		Name:        "v1",
		Since:       time.Date(2021, 6, 1, 0, 0, 0, 0, time.UTC), // of the derivatives first, of spot since 2022-09-21
		Speaks:      func(addr *url.URL) bool { return !old(addr) },
		Channels:    []market.Channel{market.Trades, market.Quotes, market.Books, market.Candles, market.Derivatives},
		Path:        "/exchange/v1/market",
		Open:        open,
		Subscribe:   func(subs []venue.Sub, id int) [][]byte { return request("subscribe", subs, id, depth) },
		Unsubscribe: func(subs []venue.Sub, id int) [][]byte { return request("unsubscribe", subs, id, depth) },
		Session: venue.Session{
			// It sends a heartbeat every 30 s and closes 5 s after one without an answer.
			Idle: 75 * time.Second,
			// The allowance counts by the second of the clock in which we connected, of
			// which little may be left.
			Warmup:   time.Second,
			MaxSubs:  100, // 400 channels; a contract's numbers are four
			Batch:    50,
			Messages: venue.Rate{N: 100, Per: time.Second},
			Silence:  map[market.Channel]time.Duration{market.Books: 30 * time.Second, market.Quotes: 60 * time.Second},
		},
		Book: book.Rule{Join: book.Chain, Depth: depth},
	}, {
		// Closed at the end of 2022. Books came whole at first, later with differences
		// that had no numbers.
		Name:        "v2",
		Speaks:      old,
		Channels:    []market.Channel{market.Trades, market.Quotes, market.Books, market.Candles},
		Path:        "/v2/market",
		Open:        open,
		Subscribe:   func(subs []venue.Sub, id int) [][]byte { return request("subscribe", subs, id, oldDepth) },
		Unsubscribe: func(subs []venue.Sub, id int) [][]byte { return request("unsubscribe", subs, id, oldDepth) },
		Session:     venue.Session{Idle: 75 * time.Second, Batch: 50, Messages: venue.Rate{N: 100, Per: time.Second}},
		Book:        book.Rule{Join: book.Stream, Depth: oldDepth},
	}},
	REST:    venue.REST{Request: ask, Decode: answer, Failure: failure, Next: next, Intervals: venue.IntervalList(intervals), Derivatives: true, Funding: true},
	Private: &Private,
	Guess:   guess,
}

func old(addr *url.URL) bool { return strings.HasPrefix(addr.Path, "/v2/") }

// request asks for channels. The parameters of books mean nothing to the others.
func request(op string, subs []venue.Sub, id, depth int) [][]byte {
	var names []string
	for _, s := range subs {
		for _, n := range topics(s, depth) {
			if n = strconv.Quote(n); !slices.Contains(names, n) {
				names = append(names, n)
			}
		}
	}
	if names == nil {
		return nil
	}
	books := ""
	if depth != oldDepth && op == "subscribe" {
		books = `,"book_subscription_type":"SNAPSHOT_AND_UPDATE","book_update_frequency":100`
	}
	return [][]byte{[]byte(`{"id":` + strconv.Itoa(id) + `,"method":"` + op + `","params":{"channels":[` + strings.Join(names, ",") + `]` + books + `}}`)}
}

// topics names the channels of a subscription. What a contract is said to be comes in
// four: its open interest stands in the ticker. A dated one has no funding, and shares
// the index of the perpetual.
func topics(s venue.Sub, depth int) []string {
	symbol := s.Instrument.Symbol
	switch s.Channel {
	case market.Trades:
		return []string{"trade." + symbol}
	case market.Quotes:
		return []string{"ticker." + symbol}
	case market.Books:
		return []string{"book." + symbol + "." + strconv.Itoa(depth)}
	case market.Candles:
		if n := intervals[s.Interval]; n != "" {
			return []string{"candlestick." + n + "." + symbol}
		}
	case market.Derivatives:
		switch s.Instrument.Kind {
		case market.Perpetual:
			return []string{"ticker." + symbol, "mark." + symbol, "funding." + symbol, "index." + index(symbol)}
		case market.Dated:
			return []string{"ticker." + symbol, "mark." + symbol}
		}
	}
	return nil
}

// index is the name of the index behind a contract: BTCUSD-INDEX of BTCUSD-PERP.
func index(symbol string) string {
	name, _, _ := strings.Cut(symbol, "-")
	return name + "-INDEX"
}

// guess reads BTC_USDT, BTCUSD-PERP and BTCUSD-240628. What a contract is worth is in
// the instrument list alone.
func guess(key string) (market.Instrument, bool) {
	in := market.Instrument{Symbol: key, Kind: market.Spot, PriceDecimals: -1, QtyDecimals: -1}
	base, quote, ok := strings.Cut(key, "_")
	if name, end, contract := strings.Cut(key, "-"); contract {
		base, quote, ok = venue.Split(name, quotes)
		in.Kind, in.Unit, in.Settle = market.Perpetual, market.InContracts, asset.Code(quote)
		if end != "PERP" {
			day, err := time.Parse("060102", end)
			ok = ok && err == nil
			in.Kind, in.Expiry, in.Pair = market.Dated, day, market.Future(asset.Code(base), asset.Code(quote), day)
		}
	}
	in.Base, in.Quote = asset.Code(base), asset.Code(quote)
	return in, ok && base != "" && quote != ""
}
