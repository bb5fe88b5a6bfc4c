// Package bithumb reads Bithumb of South Korea: the public stream and interface of its
// API version 2, and the stream before it, which recordings of until 2024 have.
//
// Source: https://apidocs.bithumb.com (seen 2026-07), and a recording of 2021. Version 2
// is the protocol of Upbit, package quotation; decode.go reads the older one. Pure; see
// package venue. The app lists it in venue/all.
package bithumb

import (
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/book"
	"github.com/assayhq/assay/market/venue"
	"github.com/assayhq/assay/market/venue/quotation"
)

var protocol = quotation.Protocol{
	Name: "Bithumb", Realtime: "isOnlyRealtime", DaysAgo: "daysAgo", Zone: 9,
	Intervals: map[market.Interval]string{
		"1m": "minutes/1", "3m": "minutes/3", "5m": "minutes/5", "15m": "minutes/15", "30m": "minutes/30",
		"1h": "minutes/60", "4h": "minutes/240", "1d": "days", "1w": "weeks", "1M": "months",
	},
	Least: map[string]string{"KRW": "5000"},
	Older: answer,
}

// each is what one address may ask in all.
var each = venue.Rate{N: 150, Per: time.Second}

// Driver is Bithumb.
var Driver = venue.Driver{
	Spec: venue.Spec{
		ID: "bithumb", Name: "Bithumb", Docs: "https://apidocs.bithumb.com",
		Stream: "wss://ws-api.bithumb.com", Base: "https://api.bithumb.com",
		// One allowance for all groups; a quarter for each keeps within it.
		Budgets: []venue.Budget{
			{Name: quotation.Markets, Rate: venue.Rate{N: each.N / 4, Per: each.Per}}, {Name: quotation.Orderbooks, Rate: venue.Rate{N: each.N / 4, Per: each.Per}},
			{Name: quotation.Ticks, Rate: venue.Rate{N: each.N / 4, Per: each.Per}}, {Name: quotation.Candles, Rate: venue.Rate{N: each.N / 4, Per: each.Per}},
		},
		Handshakes: venue.Rate{N: 10, Per: time.Second},
		History:    "trades of the last seven days; candles since listing",
		Quirks: []string{
			"Every book message is the whole book, the best 30 levels of each side; best bid and ask are its first.",
			"Price steps depend on the price, so none is stated for markets in won.",
			"Candles in which nothing traded are left out; the stream has no candles.",
			"Nothing acknowledges a subscription: data is the answer.",
			"Recordings of the stream before 2024 have trades without numbers, and wall clocks of Seoul.",
		},
	},
	Dialects: []venue.Dialect{current(), {
		Name:     "legacy",
		Speaks:   func(addr *url.URL) bool { return strings.HasPrefix(addr.Path, "/pub/") },
		Path:     "/pub/ws",
		Channels: []market.Channel{market.Trades},
		Open:     func(t *venue.Table, _ *url.URL) venue.Feed { return &feed{t} },
		Subscribe: func(subs []venue.Sub, _ int) [][]byte {
			var symbols []string
			for _, s := range subs {
				symbols = append(symbols, strconv.Quote(s.Instrument.Symbol))
			}
			return [][]byte{[]byte(`{"type":"transaction","symbols":[` + strings.Join(symbols, ",") + `]}`)}
		},
		Session: venue.Session{Whole: true, Idle: 60 * time.Second, Messages: venue.Rate{N: 10, Per: time.Second}},
		Book:    book.Rule{Join: book.Replace},
	}},
	REST:    protocol.REST(),
	Private: &Private,
	Guess:   guess,
}

func current() venue.Dialect {
	d := protocol.Dialect("v2", venue.Session{
		Ping: []byte("PING"), PingEvery: 30 * time.Second, Idle: 90 * time.Second, // it closes after 120 s
		MaxSubs:  600, // the venue states no limit; this is ours
		Messages: venue.Rate{N: 5, Per: 5 * time.Second},
		Silence:  map[market.Channel]time.Duration{market.Books: 60 * time.Second, market.Quotes: 60 * time.Second},
	})
	d.Since = time.Date(2024, 10, 1, 0, 0, 0, 0, time.UTC)
	d.Speaks = func(addr *url.URL) bool { return strings.HasPrefix(addr.Path, "/websocket/") }
	return d
}

// guess reads KRW-BTC, and the older BTC_KRW.
func guess(key string) (market.Instrument, bool) {
	b, q, older := strings.Cut(strings.ToUpper(key), "_")
	if !older {
		return quotation.Guess(key)
	}
	if b == "" || q == "" || strings.ContainsAny(q, "_-") {
		return market.Instrument{}, false
	}
	return market.Instrument{Symbol: key, Kind: market.Spot, Base: asset.Code(b), Quote: asset.Code(q), PriceDecimals: -1, QtyDecimals: -1}, true
}
