// Package bitfinex reads Bitfinex: the public stream of version 2 and the public half of
// REST v2, for spot and for perpetuals (BTCF0:USTF0).
//
// Source: https://docs.bitfinex.com (seen 2026-08), checked on recordings of 2021 with
// all their sequence numbers. Everything is arrays by position. Pure; see package venue.
// The app lists it in venue/all.
package bitfinex

import (
	"strconv"
	"strings"
	"time"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/book"
	"github.com/assayhq/assay/market/venue"
	"github.com/assayhq/assay/money"
)

// depth is the deepest book there is; of 25, 100 and 250.
const depth = "250"

// hello switches on what a connection sends beside its data: the time of each message
// (32768), a number on each (65536) and checksums of books (131072). It is said once.
const hello = `{"event":"conf","flags":229376}`

// intervals are those whose bars begin where ours do. 3h is not ours, and on which day
// 7D and 14D begin is not documented.
var intervals = map[market.Interval]string{
	"1m": "1m", "5m": "5m", "15m": "15m", "30m": "30m", "1h": "1h", "4h": "4h", "6h": "6h", "12h": "12h", "1d": "1D", "1M": "1M",
}

// Driver is Bitfinex spot and perpetuals.
var Driver = venue.Driver{
	Spec: venue.Spec{
		ID: "bitfinex", Name: "Bitfinex", Docs: "https://docs.bitfinex.com/docs/ws-general",
		Stream: "wss://api-pub.bitfinex.com", Base: "https://api-pub.bitfinex.com",
		Budgets: []venue.Budget{
			{Name: "candles", Rate: venue.Rate{N: 30, Per: time.Minute}},
			{Name: "trades", Rate: venue.Rate{N: 30, Per: time.Minute}},
			{Name: "book", Rate: venue.Rate{N: 30, Per: time.Minute}},
			{Name: "conf", Rate: venue.Rate{N: 15, Per: time.Minute}},
			{Name: "status", Rate: venue.Rate{N: 30, Per: time.Minute}},
		},
		Handshakes: venue.Rate{N: 20, Per: time.Minute},
		History:    "all trades by time and all candles since listing",
		Quirks: []string{
			"All messages of a connection share one numbering, and books carry a checksum of their 25 best levels: both are checked.",
			"A change of the book comes level by level; between two levels of one change the book is neither the old nor the new one.",
			"Best bid and ask come from the ticker, whose sizes are those of the 25 best levels together: they are left out.",
			"Prices have five significant digits and no fixed step, so instruments state none.",
			"Tether is UST, and many assets have old names of three letters; the pair has the usual ones.",
			"The funding of a perpetual is what has accrued so far for the payment to come; its open interest is in the base asset.",
			"Candles without a trade are left out, and weeks are not taken, because their first day is not documented.",
			"The trades of the first message of a subscription are old and marked backfilled.",
		},
	},
	Dialects: []venue.Dialect{{
		Name:      "v2",
		Channels:  []market.Channel{market.Trades, market.Quotes, market.Books, market.Candles, market.Derivatives},
		Path:      "/ws/2",
		Open:      open,
		Subscribe: subscribe,
		Session: venue.Session{
			Idle:    40 * time.Second, // every channel has a heartbeat after 15 quiet seconds
			MaxSubs: 25,
			// The venue does not say how often we may send; this is ours.
			Messages: venue.Rate{N: 10, Per: time.Second},
			Silence:  map[market.Channel]time.Duration{market.Books: 2 * time.Minute},
		},
		Book: book.Rule{Join: book.Stream, Checksum: checksum, ConnSeq: true},
	}},
	REST: venue.REST{
		Request: ask, Decode: answer, Failure: failure, Next: next,
		Intervals: venue.IntervalList(intervals), Derivatives: true,
	},
	Private: &Private,
	Guess:   guess,
}

// subscribe asks for one thing a frame.
func subscribe(subs []venue.Sub, id int) [][]byte {
	var out [][]byte
	for _, s := range subs {
		symbol, what := s.Instrument.Symbol, ""
		switch s.Channel {
		case market.Trades:
			what = `"trades","symbol":` + strconv.Quote(symbol)
		case market.Quotes:
			what = `"ticker","symbol":` + strconv.Quote(symbol)
		case market.Books:
			what = `"book","symbol":` + strconv.Quote(symbol) + `,"prec":"P0","freq":"F0","len":"` + depth + `"`
		case market.Candles:
			if i := intervals[s.Interval]; i != "" {
				what = `"candles","key":` + strconv.Quote("trade:"+i+":"+symbol)
			}
		case market.Derivatives:
			what = `"status","key":` + strconv.Quote("deriv:"+symbol)
		}
		if what == "" {
			continue
		}
		if id == 1 && out == nil {
			out = append(out, []byte(hello))
		}
		out = append(out, []byte(`{"event":"subscribe","channel":`+what+`}`))
	}
	return out
}

// quotes end symbols of more than six letters that have no colon.
var quotes = []string{"USD", "UST", "EUR", "EUT", "GBP", "JPY", "BTC", "ETH", "UDC", "XAUT"}

// guess reads tBTCUSD, tAVAX:USD and tBTCF0:USTF0.
func guess(key string) (market.Instrument, bool) {
	name, ok := strings.CutPrefix(key, "t")
	if !ok {
		return market.Instrument{}, false
	}
	in := named(name)
	return in, in.Base != "" && in.Quote != ""
}

// named makes the instrument of a pair as the lists spell it, without the t.
func named(pair string) market.Instrument {
	in := market.Instrument{Symbol: "t" + pair, Kind: market.Spot, PriceDecimals: -1, QtyDecimals: -1}
	base, quote, ok := strings.Cut(pair, ":")
	switch {
	case ok:
	case len(pair) == 6:
		base, quote = pair[:3], pair[3:]
	default:
		base, quote, _ = venue.Split(pair, quotes)
	}
	if b, ok := strings.CutSuffix(base, "F0"); ok && strings.HasSuffix(quote, "F0") && b != "" {
		in.Kind, base, quote = market.Perpetual, b, strings.TrimSuffix(quote, "F0")
	}
	in.Base, in.Quote = asset.Code(base), asset.Code(quote)
	return in
}

// sumDepth is the levels of each side that a checksum covers.
const sumDepth = 25

// checksum is over price:amount of the best bid, the best ask, the second bid and so on,
// joined by colons; the amounts of asks are negative.
func checksum(text []byte, b *book.Book, _ *market.Instrument) ([]byte, bool) {
	level := func(l market.Level, there bool, sign string) {
		if !there {
			return
		}
		if len(text) > 0 {
			text = append(text, ':')
		}
		text = append(append(number(text, l.Price.Decimal), ':'), sign...)
		text = number(text, l.Qty.Decimal)
	}
	for i := range sumDepth {
		bid, there := b.Bid(i)
		level(bid, there, "")
		ask, there := b.Ask(i)
		level(ask, there, "-")
	}
	return text, true
}

// number writes d as JavaScript does: no zeros at the end, and below a millionth as 1.5e-7.
func number(text []byte, d money.Decimal) []byte {
	d = d.Trim()
	digits := strconv.AppendUint(nil, d.Coef(), 10)
	e := d.Scale() - len(digits) + 1 // 10^-e is the first digit's place
	if e <= 6 || d.IsZero() {
		return d.Append(text)
	}
	text = append(text, digits[0])
	if len(digits) > 1 {
		text = append(append(text, '.'), digits[1:]...)
	}
	return strconv.AppendInt(append(text, "e-"...), int64(e), 10)
}
