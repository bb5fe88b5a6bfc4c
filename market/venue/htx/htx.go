// Package htx reads HTX, which was Huobi until 2023: spot (Driver) and perpetual and
// dated swaps (Swap), linear ones and those settled in the coin.
//
// Source: the exchange's documentation, pages "Market Data" and "WebSocket Market Data" of
// spot and of USDT-margined and coin-margined contracts (2026-07), checked on recordings
// of 2021 and 2022. Every frame of the stream is packed in gzip, and every few seconds
// the exchange wants an answer to its ping. Pure; see package venue.
package htx

import (
	"strconv"
	"strings"
	"time"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/book"
	"github.com/assayhq/assay/market/venue"
)

// intervals leaves out days, weeks and months: they begin at 16:00 UTC, midnight in
// Singapore, where ours begin at midnight UTC.
var intervals = map[market.Interval]string{"1m": "1min", "5m": "5min", "15m": "15min", "30m": "30min", "1h": "60min", "4h": "4hour"}

var quotes = []string{"usdt", "usdc", "usdd", "husd", "tusd", "usd1", "btc", "eth", "ht", "trx", "eur", "try", "brl", "uah", "rub", "gbp", "usd"}

// most is what a frame may hold unpacked: whole books of 400 levels have 40 KB.
const most = 4 << 20

// Driver is HTX spot.
var Driver = venue.Driver{
	Spec: venue.Spec{
		ID: "htx", Name: "HTX", Docs: "https://www.htx.com/en-us/opend/newApiPages/",
		Stream: "wss://api.huobi.pro", Base: "https://api.huobi.pro",
		Budgets:    []venue.Budget{{Name: "requests", Rate: venue.Rate{N: 20, Per: time.Second}}},
		Handshakes: venue.Rate{N: 50, Per: time.Minute},
		History:    "candles only the latest 2,000 of each interval; trades only the latest 2,000",
		Quirks: []string{
			"Books are the best 150 levels of each side, ten times a second; the whole book is asked for on the same connection.",
			"Bars of a day and longer begin at 16:00 UTC there and are not read; Assay builds them from shorter ones.",
			"A trade has two ids: the one that its account history shows is used, the other, of more than 20 digits, only in old recordings.",
			"A wrong request is answered with status 200 and an error in the body.",
		},
	},
	Dialects: []venue.Dialect{{
		Name:     "v1",
		Channels: []market.Channel{market.Trades, market.Quotes, market.Books, market.Candles},
		Path:     "/ws",
		PathFor: func(s venue.Sub) string {
			if s.Channel == market.Books {
				return "/feed"
			}
			return "/ws"
		},
		Open:        open,
		Subscribe:   func(subs []venue.Sub, id int) [][]byte { return frames("sub", subs, id, topic) },
		Unsubscribe: func(subs []venue.Sub, id int) [][]byte { return frames("unsub", subs, id, topic) },
		Snapshot:    func(subs []venue.Sub, id int) [][]byte { return frames("req", subs, id, topic) },
		Session: venue.Session{
			// It pings every 5 s and closes when two go unanswered.
			Idle: 20 * time.Second, MaxSubs: 200, Messages: venue.Rate{N: 20, Per: time.Second}, ReadLimit: most,
			Silence: map[market.Channel]time.Duration{market.Books: 60 * time.Second, market.Quotes: 60 * time.Second},
		},
		Book: book.Rule{Join: book.StreamRange, Depth: 150},
	}},
	REST:    venue.REST{Request: ask, Decode: answer, Failure: failure, Next: next, Intervals: venue.IntervalList(intervals)},
	Private: &Private,
	Guess:   guess,
}

// guess reads btcusdt.
func guess(key string) (market.Instrument, bool) {
	symbol := strings.ToLower(key)
	base, quote, ok := venue.Split(symbol, quotes)
	return market.Instrument{Symbol: symbol, Kind: market.Spot, Base: asset.Code(strings.ToUpper(base)), Quote: asset.Code(strings.ToUpper(quote))}, ok
}

// topic names a subscription of spot.
func topic(s venue.Sub) []string {
	name := "market." + s.Instrument.Symbol
	switch s.Channel {
	case market.Trades:
		return []string{name + ".trade.detail"}
	case market.Quotes:
		return []string{name + ".bbo"}
	case market.Books:
		return []string{name + ".mbp.150"}
	case market.Candles:
		if i := intervals[s.Interval]; i != "" {
			return []string{name + ".kline." + i}
		}
	}
	return nil
}

// frames writes one frame for each topic: the exchange takes no more in one.
func frames(verb string, subs []venue.Sub, id int, topics func(venue.Sub) []string) [][]byte {
	var out [][]byte
	for _, s := range subs {
		for _, t := range topics(s) {
			extra := ""
			if strings.HasSuffix(t, ".high_freq") {
				extra = `,"data_type":"incremental"`
			}
			out = append(out, []byte(`{"`+verb+`":`+strconv.Quote(t)+extra+`,"id":"`+strconv.Itoa(id)+"-"+strconv.Itoa(len(out))+`"}`))
		}
	}
	return out
}
