package binance

import (
	"github.com/assayhq/assay/internal/scan"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/venue"
	"github.com/assayhq/assay/money"
)

// best reads a best bid and ask of futures, which has a type and times.
func (f *feed) best(c *scan.Cursor, out *market.Batch) {
	q, in := venue.Quote(out, nobody), nobody
	for more := true; more; more = c.NextKey() {
		switch string(c.K) {
		case "s":
			in = f.t.Find(c.Str())
			q.Venue, q.Pair, q.Symbol = in.Venue, in.Pair, in.Symbol
		case "b":
			q.Bid = c.Price()
		case "B":
			q.BidQty = c.Qty()
		case "a":
			q.Ask = c.Price()
		case "A":
			q.AskQty = c.Qty()
		case "E":
			q.At = c.Millis()
		default:
			c.Skip()
		}
	}
	if q.Symbol == "" {
		c.Fail("quote without symbol")
	}
	if f.contracts {
		q.BidQty, q.AskQty = venue.Worth(in, q.BidQty), venue.Worth(in, q.AskQty)
	}
}

// mark reads a mark price with the index and the funding that is due at T. A dated
// future has neither rate nor time.
func (f *feed) mark(c *scan.Cursor, out *market.Batch) {
	d := venue.Derivative(out, nobody)
	for more := true; more; more = c.NextKey() {
		switch string(c.K) {
		case "s":
			in := f.t.Find(c.Str())
			d.Venue, d.Pair, d.Symbol = in.Venue, in.Pair, in.Symbol
		case "p":
			d.Mark = money.Price{Decimal: c.Rounded()}
		case "i":
			d.Index = money.Price{Decimal: c.Rounded()}
		case "r":
			d.Funding = c.Rounded()
		case "T":
			d.FundingAt = c.Millis()
		case "E":
			d.At = c.Millis()
		default:
			c.Skip()
		}
	}
	if d.Symbol == "" || d.Mark.IsZero() {
		c.Fail("mark price without symbol or price")
	}
	state(d)
}

// state says which fields were stated: a price of 0 and a funding without a time are not.
func state(d *market.Derivative) {
	if !d.Mark.IsZero() {
		d.Has |= market.StatedMark
	}
	if !d.Index.IsZero() {
		d.Has |= market.StatedIndex
	}
	if !d.FundingAt.IsZero() {
		d.Has |= market.StatedFunding
	}
}

// forced reads {"o":{…}}: an order by which a position was closed.
func (f *feed) forced(c *scan.Cursor, out *market.Batch) {
	l := venue.Liquidation(out, nobody)
	for more := true; more; more = c.NextKey() {
		if !c.Is("o") {
			c.Skip()
			continue
		}
		in := nobody
		for ok := c.Obj(); ok && c.NextKey(); {
			switch string(c.K) {
			case "s":
				in = f.t.Find(c.Str())
				l.Venue, l.Pair, l.Symbol = in.Venue, in.Pair, in.Symbol
			case "S":
				l.Side = venue.SideOf(c.Str())
			case "q":
				l.Qty = c.Qty()
			case "p":
				l.Price = c.Price()
			case "T":
				l.At = c.Millis()
			default:
				c.Skip()
			}
		}
		if f.contracts {
			l.Qty = venue.Worth(in, l.Qty)
		}
	}
	if l.Symbol == "" || l.Price.IsZero() {
		c.Fail("liquidation without symbol or price")
	}
	if l.Side == market.NoSide {
		venue.Say(out, market.Strange, market.Liquidations, l.Symbol, "liquidation without a known side")
	}
}
