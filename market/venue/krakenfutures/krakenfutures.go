// Package krakenfutures reads Kraken Futures: perpetuals and dated futures, linear ones
// (PF_, FF_) and inverse ones (PI_, FI_), by the v1 stream, the derivatives API v3 and
// the charts and history endpoints beside it.
//
// Source: docs.kraken.com/api/docs/guides/futures-introduction and the feed and endpoint
// pages (seen 2026-08), checked on a recording of 2021. Pure; see package venue.
package krakenfutures

import (
	"strconv"
	"strings"
	"time"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/book"
	"github.com/assayhq/assay/market/venue"
	"github.com/assayhq/assay/money"
)

// intervals of the charts. Weeks are left out: it is not said on which day theirs begin.
var intervals = map[market.Interval]string{
	"1m": "1m", "5m": "5m", "15m": "15m", "30m": "30m", "1h": "1h", "4h": "4h", "12h": "12h", "1d": "1d",
}

// quotes are what its contracts are priced in.
var quotes = []string{"USD", "EUR", "GBP", "USDT", "USDC", "XBT"}

// Driver is Kraken Futures.
var Driver = venue.Driver{
	Spec: venue.Spec{
		ID: "krakenfutures", Name: "Kraken Futures", Docs: "https://docs.kraken.com/api/docs/guides/futures-introduction",
		Stream: "wss://futures.kraken.com", Base: "https://futures.kraken.com",
		Budgets: []venue.Budget{
			{Name: "derivatives", Rate: venue.Rate{N: 500, Per: 10 * time.Second}},
			{Name: "history", Rate: venue.Rate{N: 100, Per: 10 * time.Minute}},
			{Name: "charts", Rate: venue.Rate{N: 100, Per: 10 * time.Second}}, // not said; this is ours
		},
		Handshakes: venue.Rate{N: 100, Per: time.Minute}, // not said; this is ours
		History:    "trades and candles since listing",
		Quirks: []string{
			"Inverse contracts (PI_, FI_) have pairs that name the coin they are settled in, such as BTC-USD-PERP.BTC; linear ones (PF_, FF_) have the plain name.",
			"Sizes of linear contracts are in the base asset; sizes, open interest and candle volumes of inverse ones are dollars.",
			"Best bid and ask come from the ticker, at most once a second.",
			"Funding is the relative rate per hour that is in force now; what REST gives as an amount per contract is divided by the index.",
			"A liquidation is a trade whose taker was liquidated: it is among the trades too, as are block trades.",
			"A subscription to trades begins with the newest hundred, which are marked as backfilled.",
			"The venue has no clock of its own to ask; weekly candles are left out.",
		},
	},
	Dialects: []venue.Dialect{{
		Name:      "v1",
		Channels:  []market.Channel{market.Trades, market.Quotes, market.Books, market.Derivatives, market.Liquidations},
		Path:      "/ws/v1",
		Open:      open,
		Subscribe: func(subs []venue.Sub, _ int) [][]byte { return request("subscribe", subs) },
		Unsubscribe: func(subs []venue.Sub, _ int) [][]byte {
			return request("unsubscribe", subs)
		},
		Session: venue.Session{
			PingEvery: 30 * time.Second, // it closes after 60 s without one
			Idle:      60 * time.Second,
			Silence:   map[market.Channel]time.Duration{market.Books: 60 * time.Second, market.Quotes: 60 * time.Second},
			Batch:     100, Messages: venue.Rate{N: 100, Per: time.Second}, ReadLimit: 4 << 20,
		},
		Book: book.Rule{Join: book.Chain},
	}},
	REST:    venue.REST{Request: ask, Decode: answer, Failure: failure, Next: next, Intervals: venue.IntervalList(intervals), Derivatives: true, Funding: true},
	Private: &Private,
	Guess:   guess,
}

// feedOf names the feed of a channel: quotes and derivatives share one, as do trades
// and liquidations.
func feedOf(c market.Channel) string {
	switch c {
	case market.Trades, market.Liquidations:
		return "trade"
	case market.Quotes, market.Derivatives:
		return "ticker"
	case market.Books:
		return "book"
	}
	return ""
}

// request asks for each feed once, with all of its contracts.
func request(event string, subs []venue.Sub) [][]byte {
	var out [][]byte
	for _, feed := range []string{"book", "trade", "ticker"} {
		var names []string
		seen := map[string]bool{}
		for _, s := range subs {
			if feedOf(s.Channel) == feed && !seen[s.Instrument.Symbol] {
				seen[s.Instrument.Symbol] = true
				names = append(names, strconv.Quote(s.Instrument.Symbol))
			}
		}
		if names != nil {
			out = append(out, []byte(`{"event":"`+event+`","feed":"`+feed+`","product_ids":[`+strings.Join(names, ",")+`]}`))
		}
	}
	return out
}

// one is what a contract of this venue stands for: one of the base asset, or one dollar
// of an inverse one.
var one = money.MustNew(1, 0)

// guess reads PF_XBTUSD, PI_XBTUSD, FI_XBTUSD_260327 and FF_XBTUSD_260327. The letters say
// whether it is a perpetual or dated, and whether it is inverse.
func guess(key string) (market.Instrument, bool) {
	symbol := strings.ToUpper(key)
	part := strings.Split(symbol, "_")
	if len(part) < 2 || len(part) > 3 {
		return market.Instrument{}, false
	}
	base, quote, ok := venue.Split(part[1], quotes)
	in := market.Instrument{Symbol: symbol, RESTSymbol: symbol, Kind: market.Perpetual, Contract: one}
	inverse := false
	switch part[0] {
	case "PF", "PV":
	case "PI":
		inverse = true
	case "FF", "FV":
		in.Kind = market.Dated
	case "FI":
		in.Kind, inverse = market.Dated, true
	default:
		ok = false
	}
	if !ok || (in.Kind == market.Dated) != (len(part) == 3) {
		return market.Instrument{}, false
	}
	in.Base, in.Quote = plain(base), plain(quote)
	in.Settle = in.Quote
	if inverse {
		in.Settle, in.Unit = in.Base, market.InQuote
	}
	if in.Kind == market.Dated {
		day, err := time.Parse("060102", part[2])
		if err != nil {
			return market.Instrument{}, false
		}
		in.Expiry = day
	}
	name(&in)
	return in, true
}

// plain is our name of the one asset that contracts name differently.
func plain(a string) asset.Code {
	if a == "XBT" {
		return "BTC"
	}
	return asset.Code(a)
}

// name sets the pair. A linear and an inverse contract have the same base, quote and day,
// so the coin that the inverse one is settled in stands in its name.
func name(in *market.Instrument) {
	in.Pair = market.Perp(in.Base, in.Quote)
	if in.Kind == market.Dated {
		in.Pair = market.Future(in.Base, in.Quote, in.Expiry)
	}
	if in.Unit == market.InQuote {
		in.Pair += market.Pair("." + in.Settle)
	}
}
