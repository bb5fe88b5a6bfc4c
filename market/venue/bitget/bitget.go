// Package bitget reads Bitget: spot, perpetuals and dated futures over the public
// stream of API version 3 (the unified account), of version 2, which is still served,
// and of version 1, which is closed. Requests go to version 3, and to version 2 where
// only that reaches into the past.
//
// Source: https://www.bitget.com/api-doc/uta/intro and /api-doc/common/intro (seen
// 2026-08), checked on a recording of version 1 of 2022 with all its checksums. The
// sections share symbols: what is BTCUSDT in two of them has the key "BTCUSDT" for spot
// and "usdt-futures/BTCUSDT" for the perpetual. Pure; see package venue. The app lists
// it in venue/all.
package bitget

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
	"github.com/assayhq/assay/money"
)

// The sections, as version 3 of the stream spells them.
const (
	spot   = "spot"
	usdt   = "usdt-futures"
	usdc   = "usdc-futures"
	coined = "coin-futures" // settled in the base asset
)

// streamed are the names of intervals on which versions agree; those of utc open at our
// midnight, without the ending at that of Hong Kong. Version 3 has no such endings and
// does not say, so it is asked for the short ones alone.
var (
	streamed = map[market.Interval]string{"1m": "1m", "3m": "3m", "5m": "5m", "15m": "15m", "30m": "30m", "1h": "1H", "4h": "4H"}
	utc      = map[market.Interval]string{"6h": "6Hutc", "12h": "12Hutc", "1d": "1Dutc", "1w": "1Wutc", "1M": "1Mutc"}
)

var quotes = []string{"USDT", "USDC", "USD1", "USDE", "USD", "EUR", "BRL", "TRY", "GBP", "BTC", "ETH", "BGB"}

// Driver is Bitget.
var Driver = venue.Driver{
	Spec: venue.Spec{
		ID: "bitget", Name: "Bitget", Docs: "https://www.bitget.com/api-doc/uta/intro",
		Stream: "wss://ws.bitget.com", Base: "https://api.bitget.com",
		Budgets: []venue.Budget{
			{Name: "market", Rate: venue.Rate{N: 20, Per: time.Second}},
			{Name: "old trades", Rate: venue.Rate{N: 10, Per: time.Second}},
			{Name: "candles", Rate: venue.Rate{N: 20, Per: time.Second}},
			{Name: "old candles", Rate: venue.Rate{N: 20, Per: time.Second}},
		},
		Handshakes: venue.Rate{N: 300, Per: 5 * time.Minute},
		History:    "trades of a month (spot) or three, with times in whole seconds; candles since listing; funding",
		Quirks: []string{
			"Spot and contracts share symbols; the pair tells them apart.",
			"Sizes of contracts are of the base asset, also where they settle in it.",
			"Each book update names its predecessor; a break in the chain is joined again.",
			"Best bid and ask come from the book of depth 1, in older recordings from tickers without sizes.",
			"Of liquidations a contract shows at most the largest of each side a second.",
			"Trades fetched later have times in whole seconds.",
			"Candles of 6 hours and more are asked for in UTC, and only by request.",
		},
	},
	Dialects: []venue.Dialect{{
		Name:        "v3",
		Since:       time.Date(2025, 5, 1, 0, 0, 0, 0, time.UTC),
		Speaks:      speaks("/v3/"),
		Channels:    []market.Channel{market.Trades, market.Quotes, market.Books, market.Candles, market.Derivatives, market.Liquidations},
		Path:        "/v3/ws/public",
		PathFor:     stream,
		Open:        open,
		Subscribe:   func(subs []venue.Sub, _ int) [][]byte { return request("subscribe", subs, arg3) },
		Unsubscribe: func(subs []venue.Sub, _ int) [][]byte { return request("unsubscribe", subs, arg3) },
		Session:     session,
		Book:        book.Rule{Join: book.Chain},
	}, {
		// Its books had a checksum until 2026; since then nothing shows a loss, except
		// that books15 is whole each time.
		Name:        "v2",
		Since:       time.Date(2023, 9, 1, 0, 0, 0, 0, time.UTC),
		Speaks:      speaks("/v2/"),
		Channels:    []market.Channel{market.Trades, market.Quotes, market.Books, market.Candles, market.Derivatives},
		Path:        "/v2/ws/public",
		Open:        open,
		Subscribe:   func(subs []venue.Sub, _ int) [][]byte { return request("subscribe", subs, arg2) },
		Unsubscribe: func(subs []venue.Sub, _ int) [][]byte { return request("unsubscribe", subs, arg2) },
		Session:     session,
		Book:        book.Rule{Join: book.Stream, Checksum: checksum},
	}, {
		Name:        "v1",
		Channels:    []market.Channel{market.Trades, market.Quotes, market.Books, market.Candles, market.Derivatives},
		Path:        "/spot/v1/stream",
		Open:        open,
		Subscribe:   func(subs []venue.Sub, _ int) [][]byte { return request("subscribe", subs, arg1) },
		Unsubscribe: func(subs []venue.Sub, _ int) [][]byte { return request("unsubscribe", subs, arg1) },
		Session:     session,
		Book:        book.Rule{Join: book.Stream, Checksum: checksum},
	}},
	REST:    venue.REST{Request: ask, Decode: answer, Failure: failure, Next: next, Intervals: venue.IntervalList(spotBars), Derivatives: true, Funding: true},
	Private: &Private,
	Guess:   guess,
}

var session = venue.Session{
	// It closes after two minutes without our ping.
	Ping: []byte("ping"), PingEvery: 25 * time.Second, Idle: 60 * time.Second,
	MaxSubs:  50,                                 // 1,000 are allowed, more than 50 advised against
	Batch:    20,                                 // a request may have 4,096 bytes
	Messages: venue.Rate{N: 5, Per: time.Second}, // 10 a second are allowed, and 240 requests an hour
	MaxLife:  24 * time.Hour, ReadLimit: 8 << 20,
	Silence: map[market.Channel]time.Duration{market.Books: 60 * time.Second, market.Quotes: 60 * time.Second},
}

func speaks(prefix string) func(*url.URL) bool {
	return func(addr *url.URL) bool { return strings.HasPrefix(addr.Path, prefix) }
}

// stream gives contracts a connection of their own, because a connection's books are found
// by symbol. What follows the # is not sent.
func stream(s venue.Sub) string {
	if part := section(s.Instrument); part != spot {
		return "/v3/ws/public#" + part
	}
	return "/v3/ws/public"
}

// section gives the section an instrument is traded in.
func section(in *market.Instrument) string {
	part, _, has := strings.Cut(in.Key, "/")
	switch {
	case has:
		return part
	case in.Kind == market.Spot || in.Kind == "":
		return spot
	}
	return usdt
}

// prefix is what a section's keys begin with.
func prefix(section string) string {
	if section == spot {
		return ""
	}
	return section + "/"
}

// request asks for channels; arg writes one of them, or nothing.
func request(op string, subs []venue.Sub, arg func(venue.Sub) string) [][]byte {
	var args []string
	for _, s := range subs {
		if a := arg(s); a != "" && !slices.Contains(args, a) {
			args = append(args, a)
		}
	}
	if args == nil {
		return nil
	}
	return [][]byte{[]byte(`{"op":"` + op + `","args":[` + strings.Join(args, ",") + `]}`)}
}

// arg3 names a subscription of version 3. Liquidations are told of a section together.
func arg3(s venue.Sub) string {
	topic, more := "", ""
	contract := s.Instrument.Kind != market.Spot
	switch s.Channel {
	case market.Trades:
		topic = "publicTrade"
	case market.Quotes:
		topic = "books1"
	case market.Books:
		topic = "books"
	case market.Candles:
		if n := streamed[s.Interval]; n != "" {
			topic, more = "kline", `,"interval":"`+n+`"`
		}
	case market.Derivatives:
		if contract {
			topic = "ticker"
		}
	case market.Liquidations:
		if contract {
			return `{"instType":"` + section(s.Instrument) + `","topic":"liquidation"}`
		}
	}
	if topic == "" {
		return ""
	}
	return `{"instType":"` + section(s.Instrument) + `","topic":"` + topic + `","symbol":` + strconv.Quote(s.Instrument.Symbol) + more + `}`
}

// channel names a subscription of versions 1 and 2.
func channel(s venue.Sub, quotes string) string {
	switch s.Channel {
	case market.Trades:
		return "trade"
	case market.Quotes:
		return quotes
	case market.Books:
		return "books"
	case market.Candles:
		if n := streamed[s.Interval]; n != "" {
			return "candle" + n
		}
	case market.Derivatives:
		if s.Instrument.Kind != market.Spot {
			return "ticker"
		}
	}
	return ""
}

func arg2(s venue.Sub) string {
	return older(strings.ToUpper(section(s.Instrument)), channel(s, "books1"), s)
}

func arg1(s venue.Sub) string {
	part := "MC"
	if section(s.Instrument) == spot {
		part = "SP"
	}
	return older(part, channel(s, "ticker"), s)
}

func older(section, channel string, s venue.Sub) string {
	if channel == "" {
		return ""
	}
	return `{"instType":"` + section + `","channel":"` + channel + `","instId":` + strconv.Quote(s.Instrument.Symbol) + `}`
}

// one is the size of a contract: Bitget counts in the base asset.
var one = money.MustNew(1, 0)

// guess reads BTCUSDT, and of contracts BTCUSDT, BTCPERP (in USDC) and BTCUSD (settled
// in BTC). Dated ones stand for themselves.
func guess(key string) (market.Instrument, bool) {
	part, symbol, contract := strings.Cut(key, "/")
	if contract = contract && strings.HasSuffix(part, "-futures"); !contract {
		part, symbol = spot, key
	}
	in := market.Instrument{Symbol: symbol, Kind: market.Spot, PriceDecimals: -1, QtyDecimals: -1}
	base, quote, ok := venue.Split(symbol, quotes)
	if contract {
		in.Kind = market.Perpetual
		if b, perp := strings.CutSuffix(symbol, "PERP"); perp {
			base, quote, ok = b, "USDC", b != ""
		}
		if !ok && symbol != "" {
			in.Kind, in.Pair = market.Dated, market.Pair(strings.ToUpper(symbol))
			return in, true
		}
	}
	in.Base, in.Quote = asset.Code(base), asset.Code(quote)
	settled(&in, part)
	return in, ok
}

// settled says how a contract of a section is settled.
func settled(in *market.Instrument, section string) {
	switch {
	case in.Kind == market.Spot:
	case section == coined:
		in.Settle = in.Base
	default:
		in.Settle, in.Contract = in.Quote, one
	}
}

// sumDepth is the levels of each side that a checksum covers.
const sumDepth = 25

// checksum is over "bid:size:ask:size:…" of the best levels as they were sent; a side
// that has no more is left out.
func checksum(text []byte, b *book.Book, _ *market.Instrument) ([]byte, bool) {
	for i := range sumDepth {
		if l, ok := b.Bid(i); ok {
			text = append(l.Qty.Append(append(l.Price.Append(text), ':')), ':')
		}
		if l, ok := b.Ask(i); ok {
			text = append(l.Qty.Append(append(l.Price.Append(text), ':')), ':')
		}
	}
	if len(text) > 0 {
		text = text[:len(text)-1]
	}
	return text, true
}
