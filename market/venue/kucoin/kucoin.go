// Package kucoin reads KuCoin's classic interfaces: spot, and futures (perpetual and
// dated contracts). Both ask for a ticket (bullet-public) before each connection and
// speak in topics, so they share a decoder; each is a driver of its own.
//
// Source: www.kucoin.com/docs and docs-new (spot and futures, classic, seen 2026-08),
// checked on a recording of spot of 2021. The whole book of spot by REST is signed since
// 2022, and the 100 levels that are public do not suffice to follow differences with: so
// books of spot are the 50 best levels that the stream sends whole, ten times a second.
// Recordings from before join differences to the whole book. The book of futures is
// public, and differences are joined to it. Pure; see package venue. The app lists it in
// venue/all.
package kucoin

import (
	"strconv"
	"strings"
	"time"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/internal/scan"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/book"
	"github.com/assayhq/assay/market/venue"
)

// intervals leaves out weeks and months, whose first day is not documented.
var intervals = map[market.Interval]string{
	"1m": "1min", "3m": "3min", "5m": "5min", "15m": "15min", "30m": "30min", "1h": "1hour", "2h": "2hour", "4h": "4hour",
	"6h": "6hour", "8h": "8hour", "12h": "12hour", "1d": "1day",
}

// Driver is KuCoin spot.
var Driver = venue.Driver{
	Spec: venue.Spec{
		ID: "kucoin", Name: "KuCoin", Docs: "https://www.kucoin.com/docs-new/introduction",
		Stream: "wss://ws-api-spot.kucoin.com", Base: "https://api.kucoin.com",
		Budgets:    []venue.Budget{{Name: "public", Rate: venue.Rate{N: 2000, Per: 30 * time.Second}}},
		Handshakes: venue.Rate{N: 30, Per: time.Minute},
		History:    "candles since listing; trades only the latest 100",
		Quirks: []string{
			"Books are the best 50 levels of each side, sent whole ten times a second: the whole book is for signed requests only.",
			"In recordings from before 2022 differences are joined to the whole book, and have no times.",
			"The id of a trade is its sequence, which stream and REST share; since 2023 the venue's trade id is the same number.",
			"Bars without trades are missing, and the stream does not say when a bar is closed.",
		},
	},
	Dialects: []venue.Dialect{
		dialect("depth50", time.Date(2022, 1, 1, 0, 0, 0, 0, time.UTC), book.Rule{Join: book.Replace, Depth: 50}, map[market.Channel]string{
			market.Trades: match, market.Quotes: level1, market.Books: depth50, market.Candles: candles,
		}),
		dialect("level2", time.Time{}, book.Rule{Join: book.RESTRange}, map[market.Channel]string{
			market.Trades: match, market.Quotes: ticker, market.Books: level2, market.Candles: candles,
		}),
	},
	REST:    venue.REST{Request: ask, Decode: answer, Failure: failure, Next: next, Intervals: venue.IntervalList(intervals)},
	Private: &Private,
	Guess:   guess,
}

// The topics that are read.
const (
	match   = "/market/match"
	ticker  = "/market/ticker"
	level1  = "/spotMarket/level1"
	level2  = "/market/level2"
	depth50 = "/spotMarket/level2Depth50"
	candles = "/market/candles"
)

// dialect is a protocol with these topics; all its connections begin with a ticket.
func dialect(name string, since time.Time, rule book.Rule, topics map[market.Channel]string) venue.Dialect {
	var channels []market.Channel
	for _, ch := range []market.Channel{market.Trades, market.Quotes, market.Books, market.Candles, market.Derivatives} {
		if topics[ch] != "" {
			channels = append(channels, ch)
		}
	}
	return venue.Dialect{
		Name: name, Since: since, Channels: channels, Path: "/", Open: open(topics[market.Books]), Book: rule,
		Subscribe:   func(subs []venue.Sub, id int) [][]byte { return request("subscribe", topics, subs, id) },
		Unsubscribe: func(subs []venue.Sub, id int) [][]byte { return request("unsubscribe", topics, subs, id) },
		Session: venue.Session{
			Ping: []byte(`{"id":"ping","type":"ping"}`), PingEvery: 18 * time.Second, Idle: 40 * time.Second,
			MaxSubs: 300, Batch: 100, Messages: venue.Rate{N: 100, Per: 10 * time.Second}, MaxLife: 24 * time.Hour, ReadLimit: 4 << 20,
			Silence: map[market.Channel]time.Duration{market.Books: 60 * time.Second, market.Quotes: 60 * time.Second},
		},
		Ticket: &venue.Ticket{Request: venue.Request{Path: "/api/v1/bullet-public", Body: "{}", Weight: 10}, Address: address},
	}
}

// address reads {"code","data":{"token","instanceServers":[{"endpoint",…}]}}. The stream
// is where the first server says; the path is its own.
func address(body []byte, _ string) (string, error) {
	c := scan.New(body)
	data, err := envelope(&c)
	if err != nil {
		return "", err
	}
	token, server := "", ""
	for ok := data.Obj(); ok && data.NextKey(); {
		switch string(data.K) {
		case "token":
			token = string(data.Str())
		case "instanceServers":
			for ok := data.Arr(); ok && data.NextItem(); {
				for ok := data.Obj(); ok && data.NextKey(); {
					if data.Is("endpoint") && server == "" {
						server = string(data.Str())
					} else {
						data.Skip()
					}
				}
			}
		default:
			data.Skip()
		}
	}
	if data.Err() != nil || token == "" || server == "" || strings.ContainsAny(token+server, "\"\\ #&") {
		return "", fault.New(fault.Unavailable, "the ticket of KuCoin names no server or no token")
	}
	return server + "?token=" + token, nil
}

// request writes one frame for each topic, with all its symbols.
func request(kind string, topics map[market.Channel]string, subs []venue.Sub, id int) [][]byte {
	var order []string
	names := map[string][]string{}
	for _, s := range subs {
		topic, name := topics[s.Channel], s.Instrument.Symbol
		if s.Channel == market.Candles {
			i := intervals[s.Interval]
			if i == "" {
				continue
			}
			name += "_" + i
		}
		if topic == "" {
			continue
		}
		if names[topic] == nil {
			order = append(order, topic)
		}
		names[topic] = append(names[topic], name)
	}
	var out [][]byte
	for i, topic := range order {
		out = append(out, []byte(`{"id":"`+strconv.Itoa(id)+"."+strconv.Itoa(i)+`","type":"`+kind+`","topic":`+
			strconv.Quote(topic+":"+strings.Join(names[topic], ","))+`,"privateChannel":false,"response":true}`))
	}
	return out
}

// guess reads BTC-USDT.
func guess(key string) (market.Instrument, bool) {
	base, quote, ok := strings.Cut(key, "-")
	ok = ok && base != "" && quote != "" && !strings.Contains(quote, "-")
	return market.Instrument{Symbol: key, Kind: market.Spot, Base: asset.Code(base), Quote: asset.Code(quote)}, ok
}
