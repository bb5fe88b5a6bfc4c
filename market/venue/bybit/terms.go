package bybit

import (
	"strconv"
	"time"

	"github.com/assayhq/assay/internal/scan"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/venue"
	"github.com/assayhq/assay/money"
)

// terms is what a ticker, of the stream or of REST, says of a contract beside its prices.
// Changes have only what changed.
// https://bybit-exchange.github.io/docs/v5/websocket/public/ticker
type terms struct {
	market.Derivative
	due
}

// due is when funding is paid next, and how often.
type due struct {
	at    time.Time
	every time.Duration
}

// read reads the member whose key was just found.
func (d *terms) read(c *scan.Cursor) {
	switch string(c.K) {
	case "markPrice":
		d.Mark = money.Price{Decimal: c.Rounded()}
		d.say(market.StatedMark, !d.Mark.IsZero())
	case "indexPrice":
		d.Index = money.Price{Decimal: c.Rounded()}
		d.say(market.StatedIndex, !d.Index.IsZero())
	case "openInterest":
		d.Interest = money.Qty{Decimal: c.Rounded()}
		d.say(market.StatedInterest, !d.Interest.IsZero())
	case "fundingRate":
		before := *c
		if stated := len(c.Raw()) > 0; stated { // a dated future has none
			*c = before
			d.Funding = c.Rounded()
			d.say(market.StatedFunding, true)
		}
	case "nextFundingTime":
		d.at = c.Millis()
	case "fundingIntervalHour":
		if n, err := strconv.Atoi(string(c.Raw())); err == nil && n > 0 && n <= 24 {
			d.every = time.Duration(n) * time.Hour
		}
	default:
		c.Skip()
	}
}

func (d *terms) say(f market.Stated, is bool) {
	if is {
		d.Has |= f
	}
}

// emit appends what was stated of in, with the time of the next payment.
func (d *terms) emit(in *market.Instrument, out *market.Batch) {
	if d.Has == 0 {
		return
	}
	x := venue.Derivative(out, in)
	d.Venue, d.Pair, d.Symbol = x.Venue, x.Pair, x.Symbol
	if d.Has&market.StatedFunding != 0 {
		d.FundingAt, d.Interval = d.at, d.every
	}
	*x = d.Derivative
}

// state emits what a ticker of the stream states. When funding is paid stands in the
// first one, and is remembered for those that change the rate alone.
func (f *feed) state(in *market.Instrument, d *terms, out *market.Batch) {
	was := f.dues[in]
	if d.at.IsZero() {
		d.at = was.at
	}
	if d.every == 0 {
		d.every = was.every
	}
	if d.due != was {
		f.dues[in] = d.due
	}
	d.emit(in, out)
}

// liquidation reads a row of allLiquidation, or the older object of one. The side is the
// position's: its order is the opposite.
func (f *feed) liquidation(c *scan.Cursor, out *market.Batch) {
	l := venue.Liquidation(out, nobody)
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "s", "symbol":
			in := f.find(c.Str())
			l.Venue, l.Pair, l.Symbol = in.Venue, in.Pair, in.Symbol
		case "S", "side":
			l.Side = venue.Opposite(venue.SideOf(c.Str()))
		case "v", "size":
			l.Qty = c.Qty()
		case "p", "price":
			l.Price = c.Price()
		case "T", "updatedTime":
			l.At = c.Millis()
		default:
			c.Skip()
		}
	}
	if l.Symbol == "" || l.Price.IsZero() {
		c.Fail("liquidation without symbol or price")
	}
	if l.Side == market.NoSide {
		venue.Say(out, market.Strange, market.Liquidations, l.Symbol, "liquidation without a known side")
	}
}

// paid reads a row of the funding history.
func paid(c *scan.Cursor, in *market.Instrument, out *market.Batch) {
	d := venue.Derivative(out, in)
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "fundingRate":
			d.Funding, d.Has = c.Rounded(), market.StatedFunding
		case "fundingRateTimestamp":
			d.FundingAt = c.Millis()
		default:
			c.Skip()
		}
	}
	if d.Has == 0 || d.FundingAt.IsZero() {
		c.Fail("funding without rate or time")
	}
	d.Settled, d.At = true, d.FundingAt
}
