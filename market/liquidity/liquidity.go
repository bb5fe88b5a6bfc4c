// Package liquidity measures what a book is worth to somebody who wants to trade.
//
// It answers three questions from levels alone: how much rests within a distance of
// the middle (Depths), what a size would cost if taken at once (Take), and how to
// split a size over several books (Route). Amounts are exact decimals; distances in
// basis points are statistics in binary floats. Pure: it keeps nothing and reads no
// clock. The API and the scorecard call it.
package liquidity

import (
	"cmp"
	"slices"

	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/money"
)

// Depth is what rests within Bps basis points of the middle, on each side.
type Depth struct {
	Bps      int
	BidQty   money.Decimal // base
	AskQty   money.Decimal
	BidValue money.Decimal // quote: the sum of price times size
	AskValue money.Decimal
	// BidWhole and AskWhole tell whether the book that is known reaches so far: if not,
	// more may rest there than is counted.
	BidWhole, AskWhole bool
}

// Mid gives the middle of the best bid and ask; ok is false when a side is empty.
func Mid(bids, asks []market.Level) (mid money.Price, ok bool) {
	if len(bids) == 0 || len(asks) == 0 {
		return money.Price{}, false
	}
	m, err := money.Mid(bids[0].Price, asks[0].Price)
	return m, err == nil
}

// Depths sums the levels (best first) within each distance of the middle.
func Depths(bids, asks []market.Level, bps []int) []Depth {
	out := make([]Depth, len(bps))
	mid, ok := Mid(bids, asks)
	for i, b := range bps {
		out[i].Bps = b
		if !ok {
			continue
		}
		out[i].BidQty, out[i].BidValue, out[i].BidWhole = within(bids, edge(mid, -b), -1)
		out[i].AskQty, out[i].AskValue, out[i].AskWhole = within(asks, edge(mid, b), 1)
	}
	return out
}

// edge is the price bps basis points from mid.
func edge(mid money.Price, bps int) money.Decimal {
	f := money.MustNew(int64(10000+bps), 4)
	e, err := mid.MulRound(f, min(mid.Scale()+4, money.MaxDigits-4))
	if err != nil {
		return mid.Decimal
	}
	return e
}

// within sums the levels up to an edge; sign is -1 for bids, 1 for asks.
func within(levels []market.Level, edge money.Decimal, sign int) (qty, value money.Decimal, whole bool) {
	var q, v money.Sum
	for _, l := range levels {
		if l.Price.Cmp(edge)*sign > 0 {
			whole = true
			break
		}
		q.Add(l.Qty.Decimal)
		v.AddProduct(l.Price.Decimal, l.Qty.Decimal)
	}
	qty, _ = q.Decimal(money.MaxDigits)
	value, _ = v.Decimal(money.MaxDigits)
	return qty.Trim(), value.Trim(), whole
}

// Fill is what taking a size at once would give.
type Fill struct {
	Qty     money.Decimal // base that is filled
	Value   money.Decimal // quote that is paid or received
	Average money.Price   // Value per Qty, rounded to 12 decimals
	Worst   money.Price   // the last level touched
	Levels  int           // how many were touched
	// Complete: the whole size is filled. Otherwise the book that is known ends before.
	Complete bool
}

// Take fills a size from levels, best first: qty in base, or, if that is zero, value in
// quote. Sizes are cut to the quantity's own decimals when a value ends inside a level.
func Take(levels []market.Level, qty, value money.Decimal) Fill {
	var out Fill
	var q, v money.Sum
	left, byValue := qty, qty.IsZero()
	if byValue {
		left = value
	}
	for _, l := range levels {
		if left.IsZero() || left.IsNeg() {
			break
		}
		part := l.Qty.Decimal
		if byValue {
			all, err := l.Price.MulRound(part, 18)
			if err != nil {
				break
			}
			if all.Cmp(left) > 0 {
				if part, err = left.Quo(l.Price.Decimal, min(max(l.Qty.Scale(), 8), 12)); err != nil {
					break
				}
				left = money.Decimal{}
			} else if left, err = left.Sub(all); err != nil {
				break
			}
		} else {
			if part.Cmp(left) > 0 {
				part = left
			}
			rest, err := left.Sub(part)
			if err != nil {
				break
			}
			left = rest
		}
		q.Add(part)
		v.AddProduct(l.Price.Decimal, part)
		out.Worst, out.Levels = l.Price, out.Levels+1
	}
	out.Complete = left.IsZero()
	out.Qty, _ = q.Decimal(money.MaxDigits)
	out.Value, _ = v.Decimal(money.MaxDigits)
	out.Qty, out.Value = out.Qty.Trim(), out.Value.Trim()
	if !out.Qty.IsZero() {
		if a, err := out.Value.Quo(out.Qty, 12); err == nil {
			out.Average = money.Price{Decimal: a.Trim()}
		}
	}
	return out
}

// Slippage gives how far a price is from the middle, in basis points, positive when
// it is worse for the taker of that side.
func Slippage(side market.Side, price, mid money.Price) float64 {
	d := (price.Float64()/mid.Float64() - 1) * 10000
	if side == market.Sell {
		d = -d
	}
	return d
}

// Source is one book that a size may be taken from.
type Source struct {
	Venue  market.VenueID
	Pair   market.Pair
	Levels []market.Level // of the side that is taken, best first
	// Rate turns the pair's quote into the quote of the question; 1 when they are the same.
	Rate money.Decimal
	// Fee is the taker's fee as a part of the value: 0.001 is ten basis points.
	Fee money.Decimal
}

// Leg is the part of a size that goes to one source.
type Leg struct {
	Venue market.VenueID
	Pair  market.Pair
	Fill
	Fee money.Decimal // in the pair's quote
	// Cost is what is paid (or received) with the fee, in the quote of the question.
	Cost money.Decimal
}

// step is one level of one source with the price that counts: converted and with fee.
type step struct {
	source int
	level  market.Level
	price  money.Decimal
}

// Route splits qty over the sources so that the whole costs least (a buy) or brings
// most (a sell), fees and conversion included. That is exact for takers: every level
// is an offer of its own, and the best ones are taken first. Legs come in the order
// of sources that are used; complete tells whether all of qty found a place.
func Route(side market.Side, qty money.Decimal, sources []Source) (legs []Leg, complete bool) {
	var steps []step
	for i, s := range sources {
		one := money.MustNew(1, 0)
		factor, err := one.Add(s.Fee)
		if side == market.Sell {
			factor, err = one.Sub(s.Fee)
		}
		if err != nil {
			continue
		}
		for _, l := range s.Levels {
			p, err := l.Price.MulRound(s.Rate, 14)
			if err == nil {
				p, err = p.MulRound(factor, 14)
			}
			if err == nil && !l.Qty.IsZero() {
				steps = append(steps, step{i, l, p})
			}
		}
	}
	slices.SortStableFunc(steps, func(a, b step) int {
		if side == market.Sell {
			return b.price.Cmp(a.price)
		}
		return a.price.Cmp(b.price)
	})
	taken := make([][]market.Level, len(sources))
	left := qty
	for _, s := range steps {
		if left.IsZero() {
			break
		}
		l := s.level
		if l.Qty.Cmp(left) > 0 {
			l.Qty = money.Qty{Decimal: left}
		}
		rest, err := left.Sub(l.Qty.Decimal)
		if err != nil {
			break
		}
		left = rest
		taken[s.source] = append(taken[s.source], l)
	}
	for i, levels := range taken {
		if len(levels) == 0 {
			continue
		}
		s := sources[i]
		var all money.Sum
		for _, l := range levels {
			all.Add(l.Qty.Decimal)
		}
		size, _ := all.Decimal(money.MaxDigits)
		leg := Leg{Venue: s.Venue, Pair: s.Pair, Fill: Take(levels, size, money.Decimal{})}
		leg.Fee, _ = leg.Value.MulRound(s.Fee, 12)
		leg.Fee = leg.Fee.Trim()
		cost, err := leg.Value.Add(leg.Fee)
		if side == market.Sell {
			cost, err = leg.Value.Sub(leg.Fee)
		}
		if err == nil {
			leg.Cost, _ = cost.MulRound(s.Rate, 12)
			leg.Cost = leg.Cost.Trim()
		}
		legs = append(legs, leg)
	}
	slices.SortStableFunc(legs, func(a, b Leg) int { return -cmp.Compare(a.Qty.Float64(), b.Qty.Float64()) })
	return legs, left.IsZero()
}
