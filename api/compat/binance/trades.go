package binance

import (
	"context"
	"hash/fnv"
	"slices"
	"strconv"
	"time"

	"github.com/assayhq/assay/market"
)

// print is a trade as the original tells it.
type print struct {
	ID       int64  `json:"id"`
	Price    string `json:"price"`
	Qty      string `json:"qty"`
	QuoteQty string `json:"quoteQty"`
	Time     int64  `json:"time"`
	Maker    bool   `json:"isBuyerMaker"`
	Best     bool   `json:"isBestMatch"`
}

// aggregate is a trade as aggTrades tells it: here each stands alone, so its three ids are
// the same.
type aggregate struct {
	ID    int64  `json:"a"`
	Price string `json:"p"`
	Qty   string `json:"q"`
	First int64  `json:"f"`
	Last  int64  `json:"l"`
	Time  int64  `json:"T"`
	Maker bool   `json:"m"`
	Best  bool   `json:"M"`
}

// id is a trade's number: the venue's own where it is one and a single venue is shown;
// otherwise made of the millisecond and a hash, so that it rises with time, is the same
// whenever it is asked for, and fits 53 bits.
func (f *face) id(t *market.Trade) int64 {
	if f.opt.Venue != market.ConsensusVenue {
		if n, err := strconv.ParseInt(t.ID, 10, 64); err == nil && n >= 0 && n < 1<<53 {
			return n
		}
	}
	h := fnv.New32a()
	h.Write([]byte(string(t.Venue) + "\x00" + t.ID + "\x00" + t.Price.String() + "\x00" + t.Qty.String()))
	return t.At.UnixMilli()*1000 + int64(h.Sum32()%1000)
}

func (f *face) print(t *market.Trade) print {
	p := print{ID: f.id(t), Price: text(t.Price.Decimal), Qty: text(t.Qty.Decimal), QuoteQty: zero, Time: t.At.UnixMilli(), Maker: t.Side == market.Sell, Best: true}
	if q, err := t.Price.MulRound(t.Qty.Decimal, 8); err == nil {
		p.QuoteQty = text(q)
	}
	return p
}

func (f *face) aggregate(t *market.Trade) aggregate {
	id := f.id(t)
	return aggregate{ID: id, Price: text(t.Price.Decimal), Qty: text(t.Qty.Decimal), First: id, Last: id, Time: t.At.UnixMilli(), Maker: t.Side == market.Sell, Best: true}
}

// venue is whose trades are asked for: "" is all.
func (f *face) venue() market.VenueID {
	if f.opt.Venue == market.ConsensusVenue {
		return ""
	}
	return f.opt.Venue
}

// last gives the newest trades, oldest first: those in memory, and before them those
// stored.
func (f *face) last(ctx context.Context, s *symbol, n int) ([]market.Trade, error) {
	list := f.opt.Board.LastTrades(f.venue(), s.Pair, n)
	if len(list) < n && f.opt.Venue != market.ConsensusVenue {
		r := market.Range{Limit: n, Reverse: true}
		known := map[int64]bool{}
		for i := range list {
			known[f.id(&list[i])] = true
		}
		if len(list) > 0 {
			r.To = list[len(list)-1].At.Add(time.Millisecond)
		}
		for t, err := range f.opt.History.Trades(ctx, market.Series{Venue: f.opt.Venue, Pair: s.Pair}, r) {
			if err != nil {
				return nil, err
			}
			if len(list) < n && !known[f.id(&t)] {
				list = append(list, t)
			}
		}
	}
	slices.Reverse(list)
	return list, nil
}

func (f *face) trades(ctx context.Context, q *query) (any, error) {
	s, err := f.symbol(ctx, q)
	if err != nil {
		return nil, err
	}
	n, err := q.limit(500, 1000)
	if err != nil {
		return nil, err
	}
	list, err := f.last(ctx, s, n)
	return each(list, f.print), err
}

func each[T any](list []market.Trade, form func(*market.Trade) T) []T {
	out := make([]T, len(list))
	for i := range list {
		out[i] = form(&list[i])
	}
	return out
}

func (f *face) historicalTrades(ctx context.Context, q *query) (any, error) {
	if !q.has("fromId") {
		return f.trades(ctx, q)
	}
	s, list, err := f.from(ctx, q)
	if s == nil || err != nil {
		return nil, err
	}
	return each(list, f.print), nil
}

func (f *face) aggTrades(ctx context.Context, q *query) (any, error) {
	start, err := q.moment("startTime")
	if err != nil {
		return nil, err
	}
	end, err := q.moment("endTime")
	if err != nil {
		return nil, err
	}
	switch {
	case q.has("fromId") && (!start.IsZero() || !end.IsZero()):
		return nil, bad(-1128, "Combination of optional parameters invalid; send fromId or times.")
	case q.has("fromId"):
		_, list, err := f.from(ctx, q)
		return each(list, f.aggregate), err
	case !start.IsZero() && !end.IsZero() && end.Before(start):
		return nil, bad(-1128, "Combination of optional parameters invalid; endTime is before startTime.")
	}
	s, err := f.symbol(ctx, q)
	if err != nil {
		return nil, err
	}
	n, err := q.limit(500, 1000)
	if err != nil {
		return nil, err
	}
	if start.IsZero() && end.IsZero() {
		list, err := f.last(ctx, s, n)
		return each(list, f.aggregate), err
	}
	r := market.Range{From: start, Limit: n, Reverse: start.IsZero()}
	if !end.IsZero() {
		r.To = end.Add(time.Millisecond) // the original's end is inclusive
	}
	list, err := f.between(ctx, s, r)
	return each(list, f.aggregate), err
}

// between reads stored trades, oldest first.
func (f *face) between(ctx context.Context, s *symbol, r market.Range) (list []market.Trade, err error) {
	if f.opt.Venue == market.ConsensusVenue {
		for _, t := range f.opt.Board.LastTrades("", s.Pair, 1000) { // newest first
			if !t.At.Before(r.From) && (r.To.IsZero() || t.At.Before(r.To)) {
				list = append(list, t)
			}
		}
		slices.Reverse(list)
		if len(list) > r.Limit && r.Reverse {
			list = list[len(list)-r.Limit:]
		}
		return list[:min(len(list), r.Limit)], nil
	}
	for t, err := range f.opt.History.Trades(ctx, market.Series{Venue: f.opt.Venue, Pair: s.Pair}, r) {
		if err != nil {
			return nil, err
		}
		list = append(list, t)
	}
	if r.Reverse {
		slices.Reverse(list)
	}
	return list, nil
}

// maxScan is how many stored trades are looked at for the one with a given id.
const maxScan = 200_000

// from reads the trades that begin with fromId.
func (f *face) from(ctx context.Context, q *query) (*symbol, []market.Trade, error) {
	s, err := f.symbol(ctx, q)
	if err != nil {
		return nil, nil, err
	}
	n, err := q.limit(500, 1000)
	if err != nil {
		return nil, nil, err
	}
	id, err := q.whole("fromId", 0)
	if err != nil {
		return nil, nil, err
	}
	if f.opt.Venue == market.ConsensusVenue {
		list, err := f.between(ctx, s, market.Range{From: time.UnixMilli(id / 1000), Limit: n})
		return s, slices.DeleteFunc(list, func(t market.Trade) bool { return f.id(&t) < id }), err
	}
	var list []market.Trade
	seen := 0
	series := market.Series{Venue: f.opt.Venue, Pair: s.Pair}
	for t, err := range f.opt.History.Trades(ctx, series, market.Range{Reverse: true, Limit: maxScan + 1}) {
		if err != nil {
			return nil, nil, err
		}
		if seen++; seen > maxScan {
			return nil, nil, bad(-1130, "Data sent for parameter 'fromId' is not valid: it is more than %d trades back; use aggTrades with startTime.", maxScan)
		}
		if f.id(&t) < id {
			break
		}
		if list = append(list, t); len(list) >= 4*n && len(list) > 4000 {
			list = slices.Delete(list, 0, len(list)-n) // only the oldest are told
		}
	}
	slices.Reverse(list)
	return s, list[:min(len(list), n)], nil
}
