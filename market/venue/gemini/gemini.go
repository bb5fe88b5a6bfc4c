// Package gemini reads Gemini, spot and perpetuals: the streams at ws.gemini.com, the
// archived market data of version 2 (which recordings until 2026 speak) and REST.
//
// Source: https://developer.gemini.com (seen 2026-09), checked on a recording of version 2
// of 2026. Pure; see package venue. The app lists it in venue/all.
package gemini

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

// intervals are the names of REST; version 2 of the stream says 1h, 6h and 1d.
var intervals = map[market.Interval]string{"1m": "1m", "5m": "5m", "15m": "15m", "30m": "30m", "1h": "1hr", "6h": "6hr", "1d": "1day"}

// archive is the path of version 2.
const archive = "/v2/marketdata"

// Driver is Gemini spot and perpetuals.
var Driver = venue.Driver{
	Spec: venue.Spec{
		ID: "gemini", Name: "Gemini", Docs: "https://developer.gemini.com/websocket/streams",
		Stream: "wss://ws.gemini.com", Base: "https://api.gemini.com",
		Budgets:    []venue.Budget{{Name: "public", Rate: venue.Rate{N: 120, Per: time.Minute}}},
		Handshakes: venue.Rate{N: 300, Per: 5 * time.Minute},
		History:    "trades of the last seven days; of candles one fixed window for each interval, about 1,440 of a minute and a year of days",
		Quirks: []string{
			"The fields tick_size and quote_increment of the instrument list are the steps of the size and of the price, in that order.",
			"Changes of a book name their first and last number; where one begins with the last of the one before, all must.",
			"The first book message after a subscription is the whole book and does not say so.",
			"A stream name the venue does not know refuses its whole request, so each instrument has a request of its own.",
			"Mark price and funding of perpetuals come from streams that the venue does not document; the index and open interest from REST only.",
			"Funding is stated as an amount for one unit of base; the rate is that amount by the mark price, rounded at 10 decimals.",
			"The two perpetuals of a base, in GUSD and in USDC, share one book.",
			"Version 2 of the stream, as recorded, has neither numbers nor checksums: a loss shows only when the book crosses.",
			"Symbols are in lower case as in the present stream; version 2 writes them in upper case.",
		},
	},
	Dialects: []venue.Dialect{{
		Name:        "streams",
		Since:       time.Date(2025, 7, 1, 0, 0, 0, 0, time.UTC),
		Speaks:      func(u *url.URL) bool { return strings.Trim(u.Path, "/") == "" },
		Channels:    []market.Channel{market.Trades, market.Quotes, market.Books, market.Derivatives},
		Path:        "/?snapshot=-1", // the first message of a book is all of it
		Open:        open,
		Subscribe:   subscribe,
		Unsubscribe: unsubscribe,
		Session: venue.Session{
			Ping: []byte(`{"id":"ping","method":"ping"}`), PingEvery: 15 * time.Second, Idle: 40 * time.Second,
			Messages:  venue.Rate{N: 20, Per: time.Second},
			Silence:   map[market.Channel]time.Duration{market.Books: 90 * time.Second, market.Quotes: 90 * time.Second},
			ReadLimit: 8 << 20,
		},
		Book: book.Rule{Join: book.Chain},
	}, {
		Name:        "v2",
		Speaks:      archived,
		Channels:    []market.Channel{market.Trades, market.Books, market.Candles, market.Derivatives},
		Path:        archive,
		Open:        openV2,
		Subscribe:   func(subs []venue.Sub, _ int) [][]byte { return requestV2("subscribe", subs) },
		Unsubscribe: func(subs []venue.Sub, _ int) [][]byte { return requestV2("unsubscribe", subs) },
		Session: venue.Session{
			Idle:      20 * time.Second, // a heartbeat comes every five
			Messages:  venue.Rate{N: 5, Per: time.Second},
			Silence:   map[market.Channel]time.Duration{market.Books: 90 * time.Second},
			ReadLimit: 8 << 20,
		},
		Book: book.Rule{Join: book.Stream},
	}},
	REST: venue.REST{
		Request: ask, Decode: answer, Failure: failure, Next: next,
		Intervals: venue.IntervalList(intervals), Derivatives: true,
	},
	Private: &Private,
	Guess:   guess,
}

func archived(u *url.URL) bool { return strings.HasPrefix(u.Path, archive) }

// streams are the names of the streams of a subscription.
func streams(s venue.Sub) []string {
	switch symbol := strings.ToLower(s.Instrument.Symbol); s.Channel {
	case market.Trades:
		return []string{symbol + "@trade"}
	case market.Quotes:
		return []string{symbol + "@bookTicker"}
	case market.Books:
		return []string{symbol + "@depth@100ms"}
	case market.Derivatives:
		return []string{symbol + "@markPrice", symbol + "@fundingAmount"}
	}
	return nil
}

// leave begins the id of a request that ends a book: whatever the answer, the next message
// of that book is the first of a new subscription.
const leave = "leave "

func subscribe(subs []venue.Sub, id int) [][]byte {
	return each(subs, func(s venue.Sub, streams string) string {
		return `{"id":` + strconv.Quote(strconv.Itoa(id)+" "+s.Instrument.Symbol) + `,"method":"SUBSCRIBE","params":[` + streams + `]}`
	})
}

func unsubscribe(subs []venue.Sub, id int) [][]byte {
	return each(subs, func(s venue.Sub, streams string) string {
		name := strconv.Itoa(id) + " " + s.Instrument.Symbol
		if strings.Contains(streams, "@depth") {
			name = leave + s.Instrument.Symbol
		}
		return `{"id":` + strconv.Quote(name) + `,"method":"UNSUBSCRIBE","params":[` + streams + `]}`
	})
}

// each writes one frame for each instrument; what is not documented is asked for apart,
// so that it cannot refuse the rest.
func each(subs []venue.Sub, frame func(s venue.Sub, streams string) string) [][]byte {
	type part struct {
		symbol string
		odd    bool
	}
	var order []part
	names, first := map[part][]string{}, map[part]venue.Sub{}
	for _, s := range subs {
		p := part{s.Instrument.Symbol, s.Channel == market.Derivatives}
		for _, n := range streams(s) {
			if names[p] == nil {
				order, first[p] = append(order, p), s
			}
			names[p] = append(names[p], strconv.Quote(n))
		}
	}
	var out [][]byte
	for _, p := range order {
		out = append(out, []byte(frame(first[p], strings.Join(names[p], ","))))
	}
	return out
}

// quotes end the symbols.
var quotes = []string{"USD", "GUSD", "RLUSD", "USDC", "USDT", "EUR", "GBP", "SGD", "BTC", "ETH", "LTC", "BCH", "FIL", "DAI", "SOL"}

// guess reads btcusd, BTCUSD and btcgusdperp.
func guess(key string) (market.Instrument, bool) {
	in := market.Instrument{Symbol: strings.ToLower(key), Kind: market.Spot, PriceDecimals: -1, QtyDecimals: -1}
	if strings.IndexFunc(in.Symbol, func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') }) >= 0 {
		return in, false
	}
	name, perp := strings.CutSuffix(strings.ToUpper(key), "PERP")
	base, quote, ok := venue.Split(name, quotes)
	if name == "PAXGUSD" || name == "USDGUSD" { // of PAXG and USDG in dollars
		base, quote = base+"G", "USD"
	}
	if perp {
		in.Kind = market.Perpetual
	}
	in.Base, in.Quote = asset.Code(base), asset.Code(quote)
	return in, ok
}
