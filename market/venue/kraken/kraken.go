// Package kraken reads Kraken spot: the stream of version 2, the older version 1
// (frozen, and most of what was ever recorded), and REST.
//
// Source: https://docs.kraken.com/exchange/api-reference (seen 2026-08), checked on
// recordings of 2021 with all their checksums. Pure; see package venue. The app
// lists it in venue/all.
package kraken

import (
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/book"
	"github.com/assayhq/assay/market/venue"
	"github.com/assayhq/assay/money"
)

// depth is the deepest book there is; of 10, 25, 100, 500 and 1000.
const depth = 1000

// intervals are in minutes. Weeks (10080) and fortnights (21600) are left out: the
// documents do not say on which day they begin, and ours begin on Monday.
var intervals = map[market.Interval]string{
	"1m": "1", "5m": "5", "15m": "15", "30m": "30", "1h": "60", "4h": "240", "1d": "1440",
}

// Driver is Kraken spot.
var Driver = venue.Driver{
	Spec: venue.Spec{
		ID: "kraken", Name: "Kraken", Docs: "https://docs.kraken.com/exchange/api-reference/spot-websocket-v2",
		Stream: "wss://ws.kraken.com", Base: "https://api.kraken.com",
		Budgets:    []venue.Budget{{Name: "public", Rate: venue.Rate{N: 1, Per: time.Second}}},
		Handshakes: venue.Rate{N: 150, Per: 10 * time.Minute},
		History:    "all trades since listing; candles only the latest 720 of each interval, whatever is asked for",
		Quirks: []string{
			"Bitcoin and dogecoin are XBT and XDG in REST and in version 1 of the stream, BTC and DOGE in version 2.",
			"The book carries a checksum of its ten best levels, which is compared after every update.",
			"Version 1 of the stream has no trade ids and no time on its ticker.",
			"REST pages trades by time; the last microsecond of a page is asked for twice, and the ids tell the repeats.",
			"Weekly candles are not taken, because their first day is not documented; Assay builds weeks from days.",
			"Dark pools, which have no stream, are not listed.",
		},
	},
	Dialects: []venue.Dialect{{
		Name:        "v2",
		Since:       time.Date(2023, 10, 1, 0, 0, 0, 0, time.UTC),
		Speaks:      v2,
		Channels:    []market.Channel{market.Trades, market.Quotes, market.Books, market.Candles},
		Path:        "/v2",
		Open:        open,
		Subscribe:   func(subs []venue.Sub, id int) [][]byte { return request("subscribe", subs, id) },
		Unsubscribe: func(subs []venue.Sub, id int) [][]byte { return request("unsubscribe", subs, id) },
		Session: venue.Session{
			// A heartbeat comes every second once anything is subscribed.
			Ping: []byte(`{"method":"ping"}`), PingEvery: 10 * time.Second, Idle: 25 * time.Second,
			Silence: map[market.Channel]time.Duration{market.Books: 60 * time.Second, market.Quotes: 60 * time.Second},
			Batch:   100, Messages: venue.Rate{N: 5, Per: time.Second}, ReadLimit: 8 << 20,
		},
		Book: book.Rule{Join: book.Stream, Depth: depth, Checksum: fixed},
	}, {
		Name:        "v1",
		Speaks:      func(u *url.URL) bool { return !v2(u) },
		Channels:    []market.Channel{market.Trades, market.Quotes, market.Books, market.Candles},
		Path:        "/",
		Open:        openV1,
		Subscribe:   func(subs []venue.Sub, id int) [][]byte { return requestV1("subscribe", subs, id) },
		Unsubscribe: func(subs []venue.Sub, id int) [][]byte { return requestV1("unsubscribe", subs, id) },
		Session: venue.Session{
			Ping: []byte(`{"event":"ping"}`), PingEvery: 10 * time.Second, Idle: 25 * time.Second,
			Silence: map[market.Channel]time.Duration{market.Books: 60 * time.Second, market.Quotes: 60 * time.Second},
			Batch:   100, Messages: venue.Rate{N: 5, Per: time.Second}, ReadLimit: 8 << 20,
		},
		Book: book.Rule{Join: book.Stream, Depth: depth, Checksum: asSent},
	}},
	REST:    venue.REST{Request: ask, Decode: answer, Failure: failure, Next: next, Intervals: venue.IntervalList(intervals)},
	Guess:   guess,
	Private: &Private,
}

func v2(u *url.URL) bool { return strings.HasSuffix(u.Path, "/v2") }

// request groups subscriptions: one frame for each channel and interval.
func request(method string, subs []venue.Sub, id int) [][]byte {
	return group(subs, func(ch market.Channel, i market.Interval, names string) string {
		params := ""
		switch ch {
		case market.Trades:
			params = `"channel":"trade","snapshot":false`
		case market.Quotes:
			params = `"channel":"ticker","event_trigger":"bbo"`
		case market.Books:
			params = `"channel":"book","depth":` + strconv.Itoa(depth)
		case market.Candles:
			if intervals[i] == "" {
				return ""
			}
			params = `"channel":"ohlc","interval":` + intervals[i]
		default:
			return ""
		}
		return `{"method":"` + method + `","params":{` + params + `,"symbol":[` + names + `]},"req_id":` + strconv.Itoa(id) + `}`
	}, current)
}

func requestV1(event string, subs []venue.Sub, id int) [][]byte {
	return group(subs, func(ch market.Channel, i market.Interval, names string) string {
		sub := ""
		switch ch {
		case market.Trades:
			sub = `"name":"trade"`
		case market.Quotes:
			sub = `"name":"spread"`
		case market.Books:
			sub = `"name":"book","depth":` + strconv.Itoa(depth)
		case market.Candles:
			if intervals[i] == "" {
				return ""
			}
			sub = `"name":"ohlc","interval":` + intervals[i]
		default:
			return ""
		}
		return `{"event":"` + event + `","reqid":` + strconv.Itoa(id) + `,"pair":[` + names + `],"subscription":{` + sub + `}}`
	}, older)
}

// group calls frame once for each channel and interval among subs, with the quoted
// names of its symbols; an empty frame is left out.
func group(subs []venue.Sub, frame func(market.Channel, market.Interval, string) string, spell func(string) string) [][]byte {
	type kind struct {
		ch market.Channel
		i  market.Interval
	}
	var kinds []kind
	names := map[kind][]string{}
	for _, s := range subs {
		k := kind{s.Channel, s.Interval}
		if names[k] == nil {
			kinds = append(kinds, k)
		}
		names[k] = append(names[k], strconv.Quote(spell(s.Instrument.Symbol)))
	}
	var out [][]byte
	for _, k := range kinds {
		if f := frame(k.ch, k.i, strings.Join(names[k], ",")); f != "" {
			out = append(out, []byte(f))
		}
	}
	return out
}

// current and older spell a symbol with a slash as version 2 and version 1 do.
func current(symbol string) string { return spell(symbol, "XBT", "BTC", "XDG", "DOGE") }
func older(symbol string) string   { return spell(symbol, "BTC", "XBT", "DOGE", "XDG") }

func spell(symbol string, names ...string) string {
	base, quote, ok := strings.Cut(symbol, "/")
	for i := 0; i < len(names); i += 2 {
		if base == names[i] {
			base = names[i+1]
		}
		if quote == names[i] {
			quote = names[i+1]
		}
	}
	if !ok {
		return base
	}
	return base + "/" + quote
}

// quotes end the names that REST knows pairs by.
var quotes = []string{"USD", "EUR", "GBP", "CAD", "AUD", "JPY", "CHF", "USDT", "USDC", "DAI", "PYUSD", "XBT", "BTC", "ETH", "DOT", "EURT", "RLUSD"}

// guess reads "XBT/USD" and "BTC/USD" of the streams, "XBTUSD" and "XXBTZUSD" of REST.
func guess(key string) (market.Instrument, bool) {
	symbol := key
	base, quote, ok := strings.Cut(key, "/")
	if !ok {
		if len(key) == 8 && strings.IndexByte("XZ", key[0]) >= 0 && strings.IndexByte("XZ", key[4]) >= 0 {
			base, quote, ok = key[1:4], key[5:], true
		} else {
			base, quote, ok = venue.Split(key, quotes)
		}
		symbol = current(base + "/" + quote)
	}
	if !ok || base == "" || quote == "" {
		return market.Instrument{}, false
	}
	return name(symbol), true
}

// name makes the instrument of a symbol with a slash, in either spelling.
func name(symbol string) market.Instrument {
	base, quote, _ := strings.Cut(current(symbol), "/")
	return market.Instrument{
		Symbol: symbol, Kind: market.Spot, Base: asset.Code(base), Quote: asset.Code(quote),
		RESTSymbol: strings.Replace(older(symbol), "/", "", 1), PriceDecimals: -1, QtyDecimals: -1,
	}
}

// sumDepth is the levels of each side that a checksum covers, asks first.
// https://docs.kraken.com/exchange/guides/spot-ws-book-v2
const sumDepth = 10

// asSent is the checksum of version 1: digits as they were sent.
func asSent(text []byte, b *book.Book, _ *market.Instrument) ([]byte, bool) {
	return sum(text, b, -1, -1)
}

// fixed is the checksum of version 2: digits at the precision of the instrument.
// An unknown precision, or a number finer than it, cannot be checked.
func fixed(text []byte, b *book.Book, in *market.Instrument) ([]byte, bool) {
	if in.PriceDecimals < 0 || in.QtyDecimals < 0 {
		return text, false
	}
	return sum(text, b, in.PriceDecimals, in.QtyDecimals)
}

func sum(text []byte, b *book.Book, price, qty int) ([]byte, bool) {
	ok := true
	for i := range 2 * sumDepth {
		l, there := b.Ask(i)
		if i >= sumDepth {
			l, there = b.Bid(i - sumDepth)
		}
		if there {
			text, ok = digits(text, l.Price.Decimal, price, ok)
			text, ok = digits(text, l.Qty.Decimal, qty, ok)
		}
	}
	return text, ok
}

// digits appends d without its point and leading zeros; scale -1 is its own.
func digits(text []byte, d money.Decimal, scale int, ok bool) ([]byte, bool) {
	if scale >= 0 {
		r, err := d.Rescale(scale)
		d, ok = r, ok && err == nil
	}
	return strconv.AppendUint(text, d.Coef(), 10), ok
}
