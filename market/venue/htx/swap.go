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

// The two kinds of contract, as paths spell them: settled in USDT, and in the coin.
const (
	linear  = "linear-swap"
	inverse = "swap"
)

// Swap is HTX's perpetual and dated contracts.
var Swap = venue.Driver{
	Spec: venue.Spec{
		ID: "htxswap", Name: "HTX Contracts", Docs: "https://www.htx.com/en-us/opend/newApiPages/",
		Stream: "wss://api.hbdm.com", Base: "https://api.hbdm.com",
		Budgets:    []venue.Budget{{Name: "requests", Rate: venue.Rate{N: 240, Per: 3 * time.Second}}},
		Handshakes: venue.Rate{N: 50, Per: time.Minute},
		History:    "candles since listing; funding since listing; trades only the latest 2,000",
		Quirks: []string{
			"It states sizes of trades, volumes and open interest as the sum of the buyer's and the seller's; Assay states half of that, which is what the book loses by a trade.",
			"Contracts are turned into the base asset; those settled in the coin into dollars.",
			"Volumes in base of contracts settled in the coin have more digits than a decimal holds and are cut after 18.",
			"Bars of a day and longer begin at 16:00 UTC there and are not read; Assay builds them from shorter ones.",
			"The stream has mark and index prices; funding and open interest come by request.",
			"Liquidations state the price at which the position was taken over, not that of its execution.",
		},
	},
	Dialects: []venue.Dialect{{
		Name:        "v1",
		Channels:    []market.Channel{market.Trades, market.Quotes, market.Books, market.Candles, market.Derivatives, market.Liquidations},
		Path:        "/" + linear + "-ws",
		PathFor:     swapPath,
		Open:        openSwap,
		Subscribe:   func(subs []venue.Sub, id int) [][]byte { return swapFrames("sub", subs, id) },
		Unsubscribe: func(subs []venue.Sub, id int) [][]byte { return swapFrames("unsub", subs, id) },
		Session: venue.Session{
			Idle: 20 * time.Second, MaxSubs: 200, Messages: venue.Rate{N: 20, Per: time.Second}, ReadLimit: most,
			Silence: map[market.Channel]time.Duration{market.Books: 60 * time.Second, market.Quotes: 60 * time.Second},
		},
		Book: book.Rule{Join: book.Chain, Depth: 150},
	}},
	REST: venue.REST{Request: askSwap, Decode: answerSwap, Failure: failure, Next: nextSwap, Intervals: venue.IntervalList(intervals),
		Derivatives: true, Funding: true},
	Private: &SwapPrivate,
	Guess:   guessSwap,
}

// section tells which kind of contract a code such as BTC-USDT or BTC-USD is.
func section(code string) string {
	if _, quote, _ := strings.Cut(code, "-"); quote == "USD" {
		return inverse
	}
	return linear
}

func swapPath(s venue.Sub) string {
	switch s.Channel {
	case market.Derivatives:
		return "/ws_index"
	case market.Liquidations:
		return "/" + section(s.Instrument.Symbol) + "-notification"
	}
	return "/" + section(s.Instrument.Symbol) + "-ws"
}

// expires is the time of day at which dated contracts are settled.
const expires = 8 * time.Hour

// guessSwap reads BTC-USDT, BTC-USD and BTC-USDT-260327. How much a contract is, nobody
// can tell from its name.
func guessSwap(key string) (market.Instrument, bool) {
	p := strings.Split(strings.ToUpper(key), "-")
	if len(p) < 2 || len(p) > 3 || p[0] == "" || p[1] == "" {
		return market.Instrument{}, false
	}
	in := market.Instrument{Symbol: strings.ToUpper(key), Kind: market.Perpetual, Base: asset.Code(p[0]), Quote: asset.Code(p[1]), Unit: market.InContracts}
	in.Settle = in.Quote
	if section(in.Symbol) == inverse {
		in.Settle = in.Base
	}
	if len(p) == 3 {
		day, err := time.Parse("060102", p[2])
		if err != nil {
			return market.Instrument{}, false
		}
		in.Kind, in.Expiry, in.Pair = market.Dated, day.Add(expires), market.Future(in.Base, in.Quote, day)
	}
	return in, true
}

// swapTopic names the subscriptions on the streams of market data.
func swapTopic(s venue.Sub) []string {
	name := "market." + s.Instrument.Symbol
	switch s.Channel {
	case market.Trades:
		return []string{name + ".trade.detail"}
	case market.Quotes:
		return []string{name + ".bbo"}
	case market.Books:
		return []string{name + ".depth.size_150.high_freq"}
	case market.Candles:
		if i := intervals[s.Interval]; i != "" {
			return []string{name + ".kline." + i}
		}
	case market.Derivatives:
		if s.Instrument.Kind == market.Dated { // its index is that of the perpetual
			return []string{name + ".mark_price.1min"}
		}
		return []string{name + ".mark_price.1min", name + ".index.1min"}
	}
	return nil
}

// swapFrames adds to frames the stream of liquidations, which is spoken to in another way.
func swapFrames(verb string, subs []venue.Sub, id int) [][]byte {
	out := frames(verb, subs, id, swapTopic)
	for _, s := range subs {
		if s.Channel == market.Liquidations {
			topic := "public." + s.Instrument.Symbol + ".liquidation_orders"
			out = append(out, []byte(`{"op":"`+verb+`","cid":"`+strconv.Itoa(id)+"-"+strconv.Itoa(len(out))+`","topic":`+strconv.Quote(topic)+`}`))
		}
	}
	return out
}
