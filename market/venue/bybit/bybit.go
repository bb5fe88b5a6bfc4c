// Package bybit reads Bybit v5: the public streams of spot and of linear contracts
// (perpetuals and dated futures settled in USDT or USDC) and the market endpoints.
//
// Source: bybit-exchange.github.io/docs/v5, pages "WebSocket Stream" and "Market"
// (2026-07), checked on recordings of 2026. The sections share symbols: what is
// BTCUSDT in both has the key "BTCUSDT" for spot and "linear/BTCUSDT" for the
// perpetual. Pure; see package venue.
package bybit

import (
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/book"
	"github.com/assayhq/assay/market/venue"
)

const (
	spot   = "spot"
	linear = "linear"
)

var intervals = map[market.Interval]string{
	"1m": "1", "3m": "3", "5m": "5", "15m": "15", "30m": "30", "1h": "60", "2h": "120", "4h": "240", "6h": "360",
	"12h": "720", "1d": "D", "1w": "W", "1M": "M",
}

var quotes = []string{"USDT", "USDC", "USDE", "USD1", "RLUSD", "XUSD", "USDQ", "EURQ", "EUR", "GBP", "AED", "BRL", "PLN", "TRY", "USD", "DAI", "BTC", "ETH", "SOL", "MNT", "BRZ"}

// Driver is Bybit spot and linear.
var Driver = venue.Driver{
	Spec: venue.Spec{
		ID: "bybit", Name: "Bybit", Docs: "https://bybit-exchange.github.io/docs/v5/intro",
		Stream: "wss://stream.bybit.com", Base: "https://api.bybit.com",
		Budgets:    []venue.Budget{{Name: "requests", Rate: venue.Rate{N: 600, Per: 5 * time.Second}}},
		Handshakes: venue.Rate{N: 500, Per: 5 * time.Minute},
		History:    "candles since listing; trades only the latest 60 (spot) or 1,000 (linear)",
		Quirks: []string{
			"Spot and linear contracts share symbols; the pair tells them apart.",
			"Books are the best 200 levels of each side; their times are the matching engine's where it is sent.",
			"Best bid and ask come from the book of depth 1: spot tickers have none.",
			"Block trades are among the trades.",
			"A wrong request is answered with status 200 and a code in the body.",
		},
	},
	Dialects: []venue.Dialect{{
		Name: "v5",
		Speaks: func(addr *url.URL) bool {
			return !strings.HasSuffix(addr.Path, "/inverse") && !strings.HasSuffix(addr.Path, "/option")
		},
		Channels: []market.Channel{market.Trades, market.Quotes, market.Books, market.Candles},
		Path:     "/v5/public/" + spot,
		PathFor:  func(s venue.Sub) string { return "/v5/public/" + section(s.Instrument) },
		Open:     open,
		Subscribe: func(subs []venue.Sub, id int) [][]byte {
			return request("subscribe", subs, id)
		},
		Unsubscribe: func(subs []venue.Sub, id int) [][]byte {
			return request("unsubscribe", subs, id)
		},
		Session: venue.Session{
			Ping: []byte(`{"op":"ping"}`), PingEvery: 20 * time.Second, Idle: 60 * time.Second,
			MaxSubs: 800, // the names of all may have 21,000 characters together
			Batch:   10,  // spot refuses more in one request
			// The venue does not say how often we may send; this is ours.
			Messages: venue.Rate{N: 10, Per: time.Second},
			Silence:  map[market.Channel]time.Duration{market.Books: 60 * time.Second, market.Quotes: 60 * time.Second},
		},
		Book: book.Rule{Join: book.Chain},
	}},
	REST:    venue.REST{Request: ask, Decode: answer, Failure: failure, Next: next, Intervals: venue.IntervalList(intervals)},
	Guess:   guess,
	Private: &Private,
}

// section gives the section an instrument is traded in.
func section(in *market.Instrument) string {
	if in.Kind == market.Spot || in.Kind == "" {
		return spot
	}
	return linear
}

// prefix is what a section's keys begin with.
func prefix(section string) string {
	if section == spot {
		return ""
	}
	return section + "/"
}

// guess reads BTCUSDT; and of linear BTCUSDT, BTCPERP (in USDC), BTCUSDT-26DEC25 and
// BTC-26DEC25 (in USDC). A linear symbol that is none of these stands for itself.
func guess(key string) (market.Instrument, bool) {
	symbol, isLinear := strings.CutPrefix(key, prefix(linear))
	in := market.Instrument{Symbol: symbol, Kind: market.Spot}
	name, day, dated := strings.Cut(symbol, "-")
	base, quote, ok := venue.Split(name, quotes)
	if isLinear {
		in.Kind = market.Perpetual
		if b, perp := strings.CutSuffix(name, "PERP"); perp && !dated {
			base, quote, ok = b, "USDC", b != ""
		} else if dated && !ok {
			base, quote, ok = name, "USDC", name != ""
		}
	}
	in.Base, in.Quote = asset.Code(base), asset.Code(quote)
	if dated {
		expiry, err := time.Parse("2Jan06", day)
		if err != nil || !isLinear {
			ok = false
		}
		in.Kind, in.Pair = market.Dated, market.Future(in.Base, in.Quote, expiry)
	}
	if isLinear && !ok && symbol != "" {
		return market.Instrument{Symbol: symbol, Kind: market.Perpetual, Pair: market.Pair(strings.ToUpper(symbol))}, true
	}
	return in, ok
}

// topic names a subscription: books of 200 levels, and quotes as the book of one.
func topic(s venue.Sub) string {
	switch s.Channel {
	case market.Trades:
		return "publicTrade." + s.Instrument.Symbol
	case market.Quotes:
		return "orderbook.1." + s.Instrument.Symbol
	case market.Books:
		return "orderbook.200." + s.Instrument.Symbol
	case market.Candles:
		if i := intervals[s.Interval]; i != "" {
			return "kline." + i + "." + s.Instrument.Symbol
		}
	}
	return ""
}

func request(op string, subs []venue.Sub, id int) [][]byte {
	var names []string
	for _, s := range subs {
		if n := topic(s); n != "" {
			names = append(names, strconv.Quote(n))
		}
	}
	if names == nil {
		return nil
	}
	return [][]byte{[]byte(`{"op":"` + op + `","args":[` + strings.Join(names, ",") + `],"req_id":"` + strconv.Itoa(id) + `"}`)}
}
