// Package quotation is the market data protocol that Upbit and Bithumb share: one
// request that names all subscriptions, books that are whole in every message, and REST
// lists that are paged backwards.
//
// A Protocol says what differs between them and gives the parts of a driver. Like the
// connectors that use it, it is pure: no socket, no clock.
//
// Sources: https://docs.upbit.com and https://apidocs.bithumb.com (2026-07), checked on
// a recording of Upbit of 2021, whose short names are still served.
package quotation

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/book"
	"github.com/assayhq/assay/market/venue"
	"github.com/assayhq/assay/money"
)

// Protocol is what differs between the exchanges that speak it.
type Protocol struct {
	Name     string // of the exchange, for messages
	Realtime string // the word that leaves out the first, old trade
	DaysAgo  string // the word for trades of an earlier day
	// Zone is what its wall clock is ahead of UTC where a request names a moment of
	// candles, in hours.
	Zone int
	// Intervals are those of REST by their paths; Streamed those of the stream by their types.
	Intervals, Streamed map[market.Interval]string
	// Least is the smallest order by quote asset, as its rules say.
	Least map[string]string
	// Older reads answers of paths that are not of this protocol; nil: there are none.
	Older func(u *url.URL, body []byte, t *venue.Table, out *market.Batch) error
}

// Dialect gives the stream; the caller adds what else it knows. Nothing is acknowledged,
// and each request replaces the one before.
func (p *Protocol) Dialect(name string, session venue.Session) venue.Dialect {
	channels := []market.Channel{market.Trades, market.Quotes, market.Books}
	if len(p.Streamed) > 0 {
		channels = append(channels, market.Candles)
	}
	session.Whole = true
	return venue.Dialect{
		Name: name, Path: "/websocket/v1", Channels: channels, Session: session, Book: book.Rule{Join: book.Replace},
		Open:      func(t *venue.Table, _ *url.URL) venue.Feed { return &feed{p: p, t: t} },
		Subscribe: p.subscribe,
	}
}

// REST gives the request interface.
func (p *Protocol) REST() venue.REST {
	return venue.REST{Request: p.ask, Decode: p.answer, Failure: p.failure, Next: p.next, Intervals: venue.IntervalList(p.Intervals)}
}

// Guess reads KRW-BTC: the quote comes first.
func Guess(key string) (market.Instrument, bool) {
	q, b, ok := strings.Cut(strings.ToUpper(key), "-")
	if !ok || q == "" || b == "" || strings.Contains(b, "-") {
		return market.Instrument{}, false
	}
	return market.Instrument{Symbol: key, Kind: market.Spot, Base: asset.Code(b), Quote: asset.Code(q), PriceDecimals: -1, QtyDecimals: -1}, true
}

// describe adds what the rules of the exchange say to what a symbol tells.
func (p *Protocol) describe(key string) (market.Instrument, bool) {
	in, ok := Guess(key)
	in.Status, in.QtyStep = market.Trading, money.MustParse("0.00000001")
	if least := p.Least[string(in.Quote)]; least != "" {
		in.MinNotional = money.MustParse(least)
	}
	if in.Quote == "BTC" {
		in.PriceTick = in.QtyStep
	}
	return in, ok
}

// subscribe names everything at once. Quotes are the best levels of the book, so both
// are the type orderbook.
func (p *Protocol) subscribe(subs []venue.Sub, id int) [][]byte {
	var order []string
	codes := map[string][]string{}
	for _, s := range subs {
		kind, code := p.kind(s), strconv.Quote(s.Instrument.Symbol)
		if kind == "" || slices.Contains(codes[kind], code) {
			continue
		}
		if codes[kind] == nil {
			order = append(order, kind)
		}
		codes[kind] = append(codes[kind], code)
	}
	if order == nil {
		return nil
	}
	b := []byte(`[{"ticket":"assay-` + strconv.Itoa(id) + `"}`)
	for _, kind := range order {
		b = append(b, `,{"type":"`+kind+`","codes":[`+strings.Join(codes[kind], ",")+`]`...)
		if kind == "trade" {
			b = append(b, `,"`+p.Realtime+`":true`...)
		}
		b = append(b, '}')
	}
	return [][]byte{append(b, `,{"format":"DEFAULT"}]`...)}
}

func (p *Protocol) kind(s venue.Sub) string {
	switch s.Channel {
	case market.Trades:
		return "trade"
	case market.Quotes, market.Books:
		return "orderbook"
	case market.Candles:
		return p.Streamed[s.Interval]
	}
	return ""
}
