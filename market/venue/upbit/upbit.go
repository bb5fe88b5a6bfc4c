// Package upbit reads Upbit of South Korea: the KRW, BTC and USDT markets, over the
// public stream and the quotation API.
//
// Source: https://docs.upbit.com/kr/reference (seen 2026-07), checked on a recording of
// 2021 in the short format. The protocol, which Bithumb took over, is package quotation.
// Pure; see package venue. The app lists it in venue/all.
package upbit

import (
	"time"

	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/venue"
	"github.com/assayhq/assay/market/venue/quotation"
)

var protocol = quotation.Protocol{
	Name: "Upbit", Realtime: "is_only_realtime", DaysAgo: "days_ago",
	Intervals: map[market.Interval]string{
		"1s": "seconds", "1m": "minutes/1", "3m": "minutes/3", "5m": "minutes/5", "15m": "minutes/15", "30m": "minutes/30",
		"1h": "minutes/60", "4h": "minutes/240", "1d": "days", "1w": "weeks", "1M": "months",
	},
	Streamed: map[market.Interval]string{
		"1s": "candle.1s", "1m": "candle.1m", "3m": "candle.3m", "5m": "candle.5m", "15m": "candle.15m", "30m": "candle.30m",
		"1h": "candle.60m", "4h": "candle.240m",
	},
	Least: map[string]string{"KRW": "5000", "BTC": "0.00005", "USDT": "0.5"},
}

// each is what a group of requests may be asked for. With an Origin header it would be
// one in ten seconds.
var each = venue.Rate{N: 10, Per: time.Second}

// Driver is Upbit.
var Driver = venue.Driver{
	Spec: venue.Spec{
		ID: "upbit", Name: "Upbit", Docs: "https://docs.upbit.com/kr/reference",
		Stream: "wss://api.upbit.com", Base: "https://api.upbit.com",
		Budgets: []venue.Budget{
			{Name: quotation.Markets, Rate: each}, {Name: quotation.Orderbooks, Rate: each},
			{Name: quotation.Ticks, Rate: each}, {Name: quotation.Candles, Rate: each},
		},
		Handshakes: venue.Rate{N: 5, Per: time.Second},
		History:    "trades of the last seven days; candles since listing, those of a second for three months",
		Quirks: []string{
			"Every book message is the whole book, the best 30 levels of each side; best bid and ask are its first.",
			"Price steps of the KRW and USDT markets depend on the price, so none is stated.",
			"Candles in which nothing traded are left out; those of days open at midnight UTC, nine in the morning in Seoul.",
			"Nothing acknowledges a subscription: data is the answer.",
			"The smallest order of a market is taken from its rules, not from its interface.",
		},
	},
	Dialects: []venue.Dialect{protocol.Dialect("v1", venue.Session{
		Ping: []byte("PING"), PingEvery: 30 * time.Second, Idle: 90 * time.Second, // it closes after 120 s
		MaxSubs:  600,                                    // the venue states no limit; this is ours
		Messages: venue.Rate{N: 5, Per: 5 * time.Second}, // 5 a second and 100 a minute are allowed
		Silence:  map[market.Channel]time.Duration{market.Books: 60 * time.Second, market.Quotes: 60 * time.Second},
	})},
	REST:    protocol.REST(),
	Private: &Private,
	Guess:   quotation.Guess,
}
