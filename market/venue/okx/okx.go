// Package okx reads OKX: spot, perpetuals and dated futures, over the public and the
// business stream of API version 5, and REST.
//
// Source: https://www.okx.com/docs-v5/en/ (seen 2026-08), checked on recordings of
// 2021 and 2022 with all their checksums. Pure; see package venue. The app lists it
// in venue/all.
package okx

import (
	"strconv"
	"strings"
	"time"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/book"
	"github.com/assayhq/assay/market/venue"
)

// intervals of 6 hours and more exist twice: 1D opens at midnight of Hong Kong,
// 1Dutc at our midnight.
var intervals = map[market.Interval]string{
	"1s": "1s", "1m": "1m", "3m": "3m", "5m": "5m", "15m": "15m", "30m": "30m", "1h": "1H", "2h": "2H", "4h": "4H",
	"6h": "6Hutc", "12h": "12Hutc", "1d": "1Dutc", "1w": "1Wutc", "1M": "1Mutc",
}

// Trades of the channel "trades" are sums over one taker's order, those of
// "trades-all" are single and have the ids of REST, so these are subscribed.
const (
	public   = "/ws/v5/public"
	business = "/ws/v5/business"
)

// Driver is OKX.
var Driver = venue.Driver{
	Spec: venue.Spec{
		ID: "okx", Name: "OKX", Docs: "https://www.okx.com/docs-v5/en/",
		Stream: "wss://ws.okx.com:8443", Base: "https://www.okx.com",
		Budgets: []venue.Budget{
			{Name: "book", Rate: venue.Rate{N: 40, Per: 2 * time.Second}},
			{Name: "instruments", Rate: venue.Rate{N: 20, Per: 2 * time.Second}},
			{Name: "trades", Rate: venue.Rate{N: 100, Per: 2 * time.Second}},
			{Name: "old trades", Rate: venue.Rate{N: 20, Per: 2 * time.Second}},
			{Name: "candles", Rate: venue.Rate{N: 40, Per: 2 * time.Second}},
			{Name: "old candles", Rate: venue.Rate{N: 20, Per: 2 * time.Second}},
			{Name: "clock", Rate: venue.Rate{N: 10, Per: 2 * time.Second}},
		},
		Handshakes: venue.Rate{N: 3, Per: time.Second},
		History:    "trades of the last three months; candles since listing",
		Quirks: []string{
			"Sizes of perpetuals and futures are contracts; what one is worth stands in the instrument.",
			"Candles of 6 hours and more are asked for in UTC; by default the venue opens them at Hong Kong time.",
			"Book updates name their predecessor; until August 2026 they also had a checksum, which is 0 since then.",
			"A book without changes sends an empty update about once a minute.",
			"Trades come from the channel of single trades, so that their ids are those of REST.",
		},
	},
	Dialects: []venue.Dialect{{
		Name:     "v5",
		Channels: []market.Channel{market.Trades, market.Quotes, market.Books, market.Candles},
		Path:     public,
		PathFor: func(s venue.Sub) string {
			if s.Channel == market.Trades || s.Channel == market.Candles {
				return business
			}
			return public
		},
		Open:        open,
		Subscribe:   func(subs []venue.Sub, id int) [][]byte { return request("subscribe", subs, id) },
		Unsubscribe: func(subs []venue.Sub, id int) [][]byte { return request("unsubscribe", subs, id) },
		Session: venue.Session{
			// It closes after 30 s without a word from either side.
			Ping: []byte("ping"), PingEvery: 20 * time.Second, Idle: 30 * time.Second,
			Silence: map[market.Channel]time.Duration{market.Books: 150 * time.Second, market.Quotes: 60 * time.Second},
			Batch:   100, Messages: venue.Rate{N: 480, Per: time.Hour}, ReadLimit: 4 << 20,
		},
		Book: book.Rule{Join: book.Chain, Checksum: checksum},
	}},
	REST:    venue.REST{Request: ask, Decode: answer, Failure: failure, Next: next, Intervals: venue.IntervalList(intervals)},
	Guess:   guess,
	Private: &Private,
}

func request(op string, subs []venue.Sub, id int) [][]byte {
	var args []string
	for _, s := range subs {
		if name := channel(s); name != "" {
			args = append(args, `{"channel":"`+name+`","instId":`+strconv.Quote(s.Instrument.Symbol)+`}`)
		}
	}
	if len(args) == 0 {
		return nil
	}
	return [][]byte{[]byte(`{"id":"` + strconv.Itoa(id) + `","op":"` + op + `","args":[` + strings.Join(args, ",") + `]}`)}
}

func channel(s venue.Sub) string {
	switch s.Channel {
	case market.Trades:
		return "trades-all"
	case market.Quotes:
		return "bbo-tbt"
	case market.Books:
		return "books"
	case market.Candles:
		if n := intervals[s.Interval]; n != "" {
			return "candle" + n
		}
	}
	return ""
}

// guess reads BTC-USDT, BTC-USD-SWAP, BTC-USD-220527 and BTC-USD-220527-30000-C. An
// option has no pair name of ours: its symbol stands for it.
func guess(key string) (market.Instrument, bool) {
	p := strings.Split(strings.ToUpper(key), "-")
	if len(p) < 2 || p[0] == "" || p[1] == "" {
		return market.Instrument{}, false
	}
	in := market.Instrument{
		Symbol: key, Kind: market.Spot, RESTSymbol: key, PriceDecimals: -1, QtyDecimals: -1,
		// BTC-USD_UM-SWAP is settled in dollars, BTC-USD-SWAP in coins: two pairs.
		Base: asset.Code(p[0]), Quote: asset.Code(strings.ReplaceAll(p[1], "_", "")),
	}
	switch {
	case len(p) == 2:
	case len(p) == 3 && p[2] == "SWAP":
		in.Kind = market.Perpetual
	case len(p) == 3:
		day, err := time.Parse("060102", p[2])
		if err != nil {
			return market.Instrument{}, false
		}
		in.Kind, in.Pair = market.Dated, market.Future(in.Base, in.Quote, day)
	case len(p) == 5:
		in.Kind, in.Pair = market.Option, market.Pair(strings.ToUpper(key))
	default:
		return market.Instrument{}, false
	}
	return in, true
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
