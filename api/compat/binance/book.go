package binance

import (
	"context"

	"github.com/assayhq/assay/market"
)

// pairsOf writes levels as the original does: [price, size].
func pairsOf(levels []market.Level) [][2]string {
	out := make([][2]string, len(levels))
	for i, l := range levels {
		out[i] = [2]string{text(l.Price.Decimal), text(l.Qty.Decimal)}
	}
	return out
}

// partial is a book down to some depth.
type partial struct {
	LastUpdateID uint64      `json:"lastUpdateId"`
	Bids         [][2]string `json:"bids"`
	Asks         [][2]string `json:"asks"`
}

// book reads a valid book; levels 0 is all of it.
func (f *face) book(s *symbol, levels int) (partial, error) {
	if f.opt.Venue == market.ConsensusVenue {
		return partial{}, unsupported("the consensus has no order book")
	}
	b, ok := f.opt.Board.Book(f.opt.Venue, s.Pair, levels)
	switch {
	case !ok:
		return partial{}, busy("no book of %s is kept", s.name)
	case !b.Valid:
		return partial{}, busy("the book is not valid now: %s", clip(b.Reason, 100))
	}
	return partial{b.Seq, pairsOf(b.Bids), pairsOf(b.Asks)}, nil
}

func (f *face) depth(ctx context.Context, q *query) (any, error) {
	s, err := f.symbol(ctx, q)
	if err != nil {
		return nil, err
	}
	n, err := q.limit(100, 5000)
	if err != nil {
		return nil, err
	}
	return f.book(s, n)
}

// best is a symbol's best bid and ask.
type best struct {
	Symbol   string `json:"symbol"`
	BidPrice string `json:"bidPrice"`
	BidQty   string `json:"bidQty"`
	AskPrice string `json:"askPrice"`
	AskQty   string `json:"askQty"`
}

// quote gives the venue's; ok is false where there is none, such as for the consensus.
func (f *face) quote(s *symbol) (market.Quote, bool) {
	for _, q := range f.opt.Board.Quotes(s.Pair) {
		if q.Venue == f.opt.Venue {
			return q, true
		}
	}
	return market.Quote{}, false
}

func (f *face) bookTicker(ctx context.Context, q *query) (any, error) {
	if f.opt.Venue == market.ConsensusVenue {
		return nil, unsupported("the consensus has no bid and ask")
	}
	list, one, err := f.chosen(ctx, q)
	if err != nil {
		return nil, err
	}
	out := []best{}
	for _, s := range list {
		if b, ok := f.quote(s); ok {
			out = append(out, best{s.name, text(b.Bid.Decimal), text(b.BidQty.Decimal), text(b.Ask.Decimal), text(b.AskQty.Decimal)})
		}
	}
	return single(out, one, "bid and ask")
}

// single gives the list, or its one member where one was asked for.
func single[T any](list []T, one bool, what string) (any, error) {
	switch {
	case !one:
		return list, nil
	case len(list) == 0:
		return nil, busy("there is no %s of it yet", what)
	}
	return list[0], nil
}
