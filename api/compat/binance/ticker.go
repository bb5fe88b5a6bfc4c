package binance

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/money"
)

// mini is a ticker without quotes and changes.
type mini struct {
	Symbol   string `json:"symbol"`
	Open     string `json:"openPrice"`
	High     string `json:"highPrice"`
	Low      string `json:"lowPrice"`
	Last     string `json:"lastPrice"`
	Volume   string `json:"volume"`
	Turnover string `json:"quoteVolume"`
	From     int64  `json:"openTime"`
	To       int64  `json:"closeTime"`
	FirstID  int64  `json:"firstId"` // -1: not known from bars
	LastID   int64  `json:"lastId"`
	Count    int64  `json:"count"`
}

// change is what a full ticker has beside.
type change struct {
	Change  string `json:"priceChange"`
	Percent string `json:"priceChangePercent"`
	Mean    string `json:"weightedAvgPrice"`
}

type full struct {
	mini
	change
}

// daily is a full ticker of 24 hours.
type daily struct {
	full
	Before  string `json:"prevClosePrice"`
	LastQty string `json:"lastQty"`
	Bid     string `json:"bidPrice"`
	BidQty  string `json:"bidQty"`
	Ask     string `json:"askPrice"`
	AskQty  string `json:"askQty"`
}

func (f *face) mini(s *symbol, x *figures) mini {
	m := mini{Symbol: s.name, Open: text(x.open), High: text(x.high), Low: text(x.low), Last: text(x.last), Volume: text(sum(&x.volume)), Turnover: text(sum(&x.turnover)),
		From: x.from.UnixMilli(), To: x.to.UnixMilli(), FirstID: -1, LastID: -1, Count: x.trades}
	if t, ok := f.newestTrade(s); ok {
		m.LastID = f.id(&t)
	}
	return m
}

func (f *face) full(s *symbol, x *figures) full {
	abs, percent := x.change()
	return full{f.mini(s, x), change{abs, percent, text(x.mean())}}
}

func (f *face) daily(s *symbol, x *figures) daily {
	d := daily{full: f.full(s, x), Before: text(x.before), LastQty: zero, Bid: zero, BidQty: zero, Ask: zero, AskQty: zero}
	if t, ok := f.newestTrade(s); ok {
		d.LastQty = text(t.Qty.Decimal)
	}
	if q, ok := f.quote(s); ok {
		d.Bid, d.BidQty, d.Ask, d.AskQty = text(q.Bid.Decimal), text(q.BidQty.Decimal), text(q.Ask.Decimal), text(q.AskQty.Decimal)
	}
	return d
}

func (f *face) newestTrade(s *symbol) (market.Trade, bool) {
	if list := f.opt.Board.LastTrades(f.venue(), s.Pair, 1); len(list) > 0 {
		return list[0], true
	}
	return market.Trade{}, false
}

// each computes the answer of several symbols.
func (f *face) each(ctx context.Context, list []*symbol, one bool, w span, form func(*symbol, *figures) any) (any, error) {
	out := []any{}
	for _, s := range list {
		w.pair = s.Pair
		x, err := f.over(ctx, w)
		if err != nil {
			return nil, err
		}
		out = append(out, form(s, x))
	}
	return single(out, one, "data")
}

func (f *face) ticker24(ctx context.Context, q *query) (any, error) {
	whole, err := q.full()
	if err != nil {
		return nil, err
	}
	list, one, err := f.chosen(ctx, q)
	if err != nil {
		return nil, err
	}
	return f.each(ctx, list, one, span{length: 24 * time.Hour}, func(s *symbol, x *figures) any {
		if whole {
			return f.daily(s, x)
		}
		return f.mini(s, x)
	})
}

// rolling answers ticker and ticker/tradingDay, which want symbols to be named.
func (f *face) rolling(ctx context.Context, q *query, w span) (any, error) {
	whole, err := q.full()
	if err != nil {
		return nil, err
	}
	if !q.has("symbol") && !q.has("symbols") {
		return nil, bad(-1128, "Combination of optional parameters invalid; send symbol or symbols.")
	}
	list, one, err := f.chosen(ctx, q)
	if err != nil {
		return nil, err
	}
	return f.each(ctx, list, one, w, func(s *symbol, x *figures) any {
		if whole {
			return f.full(s, x)
		}
		return f.mini(s, x)
	})
}

func (f *face) ticker(ctx context.Context, q *query) (any, error) {
	length, ok := window(q.get("windowSize"))
	if !ok {
		return nil, bad(-1130, "Data sent for parameter 'windowSize' is not valid; use 1m to 59m, 1h to 23h, or 1d to 7d.")
	}
	return f.rolling(ctx, q, span{length: length})
}

// window reads a windowSize; "" is a day.
func window(s string) (time.Duration, bool) {
	if s == "" {
		return 24 * time.Hour, true
	}
	n, err := strconv.Atoi(s[:len(s)-1])
	if err != nil || n < 1 || s[0] < '1' {
		return 0, false
	}
	switch s[len(s)-1] {
	case 'm':
		return time.Duration(n) * time.Minute, n <= 59
	case 'h':
		return time.Duration(n) * time.Hour, n <= 23
	case 'd':
		return time.Duration(n) * 24 * time.Hour, n <= 7
	}
	return 0, false
}

func (f *face) tradingDay(ctx context.Context, q *query) (any, error) {
	zone, err := q.zone()
	if err != nil {
		return nil, err
	}
	return f.rolling(ctx, q, span{day: true, zone: zone})
}

// price is the newest price of a symbol: of the consensus, or of the last trade, or else
// of the last bar of a day.
func (f *face) price(ctx context.Context, s *symbol) (money.Decimal, bool) {
	if f.opt.Venue == market.ConsensusVenue {
		p, ok := f.opt.Board.Price(s.Base, s.Quote)
		return p.Price.Decimal, ok
	}
	if t, ok := f.newestTrade(s); ok {
		return t.Price.Decimal, true
	}
	x, err := f.over(ctx, span{pair: s.Pair, length: 24 * time.Hour})
	if err != nil || !x.traded {
		return money.Decimal{}, false
	}
	return x.last, true
}

func (f *face) tickerPrice(ctx context.Context, q *query) (any, error) {
	list, one, err := f.chosen(ctx, q)
	if err != nil {
		return nil, err
	}
	type price struct {
		Symbol string `json:"symbol"`
		Price  string `json:"price"`
	}
	out := []price{}
	for _, s := range list {
		if p, ok := f.price(ctx, s); ok {
			out = append(out, price{s.name, text(p)})
		}
	}
	return single(out, one, "price")
}

func (f *face) avgPrice(ctx context.Context, q *query) (any, error) {
	s, err := f.symbol(ctx, q)
	if err != nil {
		return nil, err
	}
	p, at, err := f.average(ctx, s)
	if err != nil {
		return nil, err
	}
	return struct {
		Mins  int    `json:"mins"`
		Price string `json:"price"`
		Close int64  `json:"closeTime"`
	}{5, text(p), at.UnixMilli()}, nil
}

// average is the mean price of five minutes, weighted by volume; without trades in them,
// the last price.
func (f *face) average(ctx context.Context, s *symbol) (money.Decimal, time.Time, error) {
	x, err := f.over(ctx, span{pair: s.Pair, length: 5 * time.Minute})
	if err != nil {
		return money.Decimal{}, time.Time{}, err
	}
	at := x.to
	if t, ok := f.newestTrade(s); ok {
		at = t.At
	}
	if x.traded {
		return x.mean(), at, nil
	}
	if p, ok := f.price(ctx, s); ok {
		return p, at, nil
	}
	return money.Decimal{}, at, busy("there is no price of %s yet", strings.ToUpper(s.name))
}
