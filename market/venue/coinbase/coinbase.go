// Package coinbase reads Coinbase: Advanced Trade, which is the driver "coinbase",
// and the Exchange feed, which is the driver "coinbaseexchange" and what recordings
// of Coinbase made before November 2022 speak.
//
// Sources: docs.cdp.coinbase.com, "Advanced Trade WebSocket Channels" and "REST
// Endpoints" (2026-08), "Exchange WebSocket Channels" and "Exchange REST API"; checked
// on recordings of 2026. Both state the side of the maker, both are turned round here.
// Pure; see package venue.
package coinbase

import (
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/book"
	"github.com/assayhq/assay/market/venue"
)

// Driver is Coinbase by its Advanced Trade interface.
var Driver = venue.Driver{
	Spec: venue.Spec{
		ID: "coinbase", Name: "Coinbase", Docs: "https://docs.cdp.coinbase.com/coinbase-app/advanced-trade-apis/overview",
		Stream: "wss://advanced-trade-ws.coinbase.com", Base: "https://api.coinbase.com",
		Budgets:    []venue.Budget{{Name: "public", Rate: venue.Rate{N: 10, Per: time.Second}}},
		Handshakes: venue.Rate{N: 8, Per: time.Second},
		History:    "candles since listing; trades by time, newest first",
		Quirks: []string{
			"The venue states the maker's side of a trade; Assay gives the taker's.",
			"BTC-USDC and BTC-USD share one book, and so do other USDC products that have an alias: what is subscribed as -USDC arrives under -USD.",
			"All messages of a connection share one numbering: a jump puts every book of the connection in doubt.",
			"Times of books and quotes are those of the message; single levels have their own, which are skipped.",
			"The stream has candles of five minutes only.",
			"The trades of the first message of a subscription are old and marked backfilled.",
			"Answers without a key are cached for about a second.",
		},
	},
	Dialects: []venue.Dialect{{
		Name:     "advanced",
		Since:    time.Date(2022, 11, 1, 0, 0, 0, 0, time.UTC),
		Speaks:   func(addr *url.URL) bool { return !strings.HasPrefix(addr.Host, "ws-feed") },
		Channels: []market.Channel{market.Trades, market.Quotes, market.Books, market.Candles},
		Open:     func(t *venue.Table, _ *url.URL) venue.Feed { return &advanced{t: t} },
		Subscribe: func(subs []venue.Sub, _ int) [][]byte {
			frames := advancedFrames("subscribe", subs)
			if frames != nil { // without heartbeats a quiet connection is closed after 60 to 90 seconds
				frames = append(frames, []byte(`{"type":"subscribe","channel":"heartbeats"}`))
			}
			return frames
		},
		Unsubscribe: func(subs []venue.Sub, _ int) [][]byte { return advancedFrames("unsubscribe", subs) },
		Session: venue.Session{
			Idle: 15 * time.Second, Batch: 100, ReadLimit: 64 << 20, // a book of 50,000 levels is 5 MB
			Messages: venue.Rate{N: 8, Per: time.Second},
			Silence:  map[market.Channel]time.Duration{market.Books: 2 * time.Minute, market.Quotes: 2 * time.Minute},
		},
		Book: book.Rule{Join: book.Stream, ConnSeq: true},
	}, exchangeDialect},
	REST: venue.REST{
		Request: ask, Next: next, Failure: failure, Intervals: venue.IntervalList(intervals),
		Decode: func(u *url.URL, body []byte, t *venue.Table, out *market.Batch) error {
			if !strings.HasPrefix(u.Path, api) {
				return exchangeAnswer(u, body, t, out)
			}
			return answer(u, body, t, out)
		},
	},
	Guess:   guess,
	Private: &Private,
}

// Exchange is Coinbase by its Exchange interface, which needs no key for history.
var Exchange = venue.Driver{
	Spec: venue.Spec{
		ID: "coinbaseexchange", Name: "Coinbase Exchange", Docs: "https://docs.cdp.coinbase.com/exchange/introduction/welcome",
		Stream: "wss://ws-feed.exchange.coinbase.com", Base: "https://api.exchange.coinbase.com",
		Budgets:    []venue.Budget{{Name: "public", Rate: venue.Rate{N: 10, Per: time.Second}}},
		Handshakes: venue.Rate{N: 8, Per: time.Second},
		History:    "all trades by id and all candles since listing",
		Quirks: []string{
			"The venue states the maker's side of a trade; Assay gives the taker's.",
			"Book changes have no numbers and no checksum: a loss shows only when the book crosses.",
			"The channel of book changes without a key is level2_batch, which sends every 50 ms.",
			"Candles of intervals without a trade are left out.",
			"The last trade before a subscription is sent again and marked backfilled.",
		},
	},
	Dialects: []venue.Dialect{exchangeDialect},
	REST: venue.REST{
		Request: exchangeAsk, Next: exchangeNext, Decode: exchangeAnswer, Failure: failure,
		Intervals: venue.IntervalList(granularities),
	},
	Guess:   guess,
	Private: &ExchangePrivate,
}

var exchangeDialect = venue.Dialect{
	Name:     "exchange",
	Channels: []market.Channel{market.Trades, market.Quotes, market.Books},
	Open:     func(t *venue.Table, _ *url.URL) venue.Feed { return &exchange{t: t} },
	Subscribe: func(subs []venue.Sub, _ int) [][]byte {
		return exchangeFrames("subscribe", append([]string{"heartbeat"}, exchangeChannels...), subs)
	},
	Unsubscribe: func(subs []venue.Sub, _ int) [][]byte { return exchangeFrames("unsubscribe", exchangeChannels, subs) },
	Session: venue.Session{
		Idle: 15 * time.Second, Batch: 100, ReadLimit: 64 << 20,
		Messages: venue.Rate{N: 20, Per: time.Second},
		Silence:  map[market.Channel]time.Duration{market.Books: 2 * time.Minute},
	},
	Book: book.Rule{Join: book.Stream},
}

// guess reads BASE-QUOTE; futures such as BIT-24APR26-CDE are not guessed.
func guess(key string) (market.Instrument, bool) {
	b, q, ok := strings.Cut(strings.ToUpper(key), "-")
	return market.Instrument{Symbol: strings.ToUpper(key), Kind: market.Spot, Base: asset.Code(b), Quote: asset.Code(q)},
		ok && b != "" && q != "" && !strings.Contains(q, "-")
}

// channels are the names of the Advanced channels as subscribed; level2 arrives as l2_data.
var channels = []struct {
	name string
	ch   market.Channel
}{{"market_trades", market.Trades}, {"ticker", market.Quotes}, {"level2", market.Books}, {"candles", market.Candles}}

var exchangeChannels = []string{"matches", "ticker", "level2_batch"}

// meaning turns the name of a channel in an acknowledgement into ours; "" for others.
func meaning(name []byte) market.Channel {
	switch string(name) {
	case "market_trades", "matches":
		return market.Trades
	case "ticker", "ticker_batch", "ticker_1000":
		return market.Quotes
	case "level2", "level2_batch", "level2_50":
		return market.Books
	case "candles":
		return market.Candles
	}
	return ""
}

// products lists the symbols of subs whose channel is ch, quoted.
func products(subs []venue.Sub, ch market.Channel) string {
	var names []string
	for _, s := range subs {
		if s.Channel == ch && (ch != market.Candles || s.Interval == "" || s.Interval == "5m") {
			names = append(names, strconv.Quote(s.Instrument.Symbol))
		}
	}
	return strings.Join(names, ",")
}

// advancedFrames names one channel a frame, as the venue wants it.
func advancedFrames(verb string, subs []venue.Sub) [][]byte {
	var out [][]byte
	for _, c := range channels {
		if p := products(subs, c.ch); p != "" {
			out = append(out, []byte(`{"type":"`+verb+`","product_ids":[`+p+`],"channel":"`+c.name+`"}`))
		}
	}
	return out
}

// exchangeFrames names all channels in one frame, each with its products.
func exchangeFrames(verb string, names []string, subs []venue.Sub) [][]byte {
	var list []string
	for _, n := range names {
		p := products(subs, meaning([]byte(n)))
		if n == "heartbeat" {
			var all []venue.Sub
			seen := map[string]bool{}
			for _, s := range subs {
				if !seen[s.Instrument.Symbol] {
					seen[s.Instrument.Symbol] = true
					all = append(all, venue.Sub{Channel: market.Trades, Instrument: s.Instrument})
				}
			}
			p = products(all, market.Trades)
		}
		if p != "" {
			list = append(list, `{"name":"`+n+`","product_ids":[`+p+`]}`)
		}
	}
	if list == nil {
		return nil
	}
	return [][]byte{[]byte(`{"type":"` + verb + `","channels":[` + strings.Join(list, ",") + `]}`)}
}

// failure reads {"error":"NOT_FOUND","message":"…"}, {"errors":[{"id":"…","message":"…"}]}
// and the Exchange's {"message":"NotFound"}.
func failure(status int, body []byte) error {
	text := strings.ToLower(string(body[:min(len(body), 2000)]))
	switch {
	case strings.Contains(text, "not_found"), strings.Contains(text, "notfound"), strings.Contains(text, "valid product_id"):
		return fault.New(fault.Unknown, "Coinbase does not know the product")
	case status == 429, strings.Contains(text, "rate_limit_exceeded"), strings.Contains(text, "resource_exhausted"), strings.Contains(text, "rate limit exceeded"):
		return fault.New(fault.Exhausted, "Coinbase limits our requests")
	case status == 400 && strings.Contains(text, "message"):
		return fault.New(fault.Invalid, "Coinbase refused the request: %s", said(body))
	case strings.Contains(text, "under maintenance"):
		return fault.New(fault.Unavailable, "Coinbase is under maintenance")
	}
	return nil
}
