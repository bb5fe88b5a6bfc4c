package okx

import (
	"net/url"
	"slices"
	"strconv"

	"github.com/assayhq/assay/internal/scan"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/venue"
	"github.com/assayhq/assay/money"
)

// What a contract is beside its trades and book: mark price, funding, open interest and
// the index behind it, each with a channel and an endpoint of its own.
// https://www.okx.com/docs-v5/en/#public-data

// The answers that say what a contract is now, in the order in which they are asked for.
const (
	markPart = iota
	fundingPart
	interestPart
	indexPart
	parts
)

func askTerms(a venue.Ask, id string) (venue.Request, error) {
	const public = "/api/v5/public/"
	path := public + "mark-price" + id + "&instType=" + kind(&a.Instrument)
	switch {
	case a.What == venue.AskFunding:
		path = public + "funding-rate-history" + id + "&limit=" + strconv.Itoa(venue.PageSize(a, paidPage))
		if a.Cursor != "" {
			path += "&after=" + url.QueryEscape(a.Cursor) // older than
		} else if !a.To.IsZero() {
			path += "&after=" + venue.MS(a.To)
		}
	case a.Section == fundingPart:
		path = public + "funding-rate" + id
	case a.Section == interestPart:
		path = public + "open-interest" + id + "&instType=" + kind(&a.Instrument)
	case a.Section == indexPart:
		path = "/api/v5/market/index-tickers?instId=" + url.QueryEscape(underlying(a.Instrument.Symbol))
	}
	return venue.Request{Path: path, Budget: "contracts"}, nil
}

// nextTerms goes through the answers of now; a dated future has no funding. Payments are
// paged backwards.
func nextTerms(a venue.Ask, got *market.Batch) (venue.Ask, bool) {
	if a.What == venue.AskDerivative {
		if a.Section++; a.Section == fundingPart && a.Instrument.Kind == market.Dated {
			a.Section++
		}
		return a, a.Section < parts
	}
	if a.From.IsZero() || len(got.Derivatives) < venue.PageSize(a, paidPage) {
		return a, false
	}
	oldest := got.Derivatives[0].FundingAt // pages are turned round
	cursor := venue.MS(oldest)
	if !oldest.After(a.From) || cursor == a.Cursor {
		return a, false
	}
	a.Cursor = cursor
	return a, true
}

// readRow reads a row of REST, which names its contract.
func readRow(c *scan.Cursor, t *venue.Table, out *market.Batch, settled bool) {
	start := *c
	var symbol []byte
	for ok := c.Obj(); ok && c.NextKey(); {
		if c.Is("instId") {
			symbol = c.Str()
		} else {
			c.Skip()
		}
	}
	if len(symbol) == 0 {
		c.Fail("row without instId")
		return
	}
	*c = start
	readTerms(c, t.Find(symbol), out, settled)
}

// readTerms reads a row of a mark price, a funding rate or an open interest. The rate is
// what is paid at fundingTime, and nextFundingTime is the payment after that one.
func readTerms(c *scan.Cursor, in *market.Instrument, out *market.Batch, settled bool) {
	d := venue.Derivative(out, in)
	next, realized := d.At, money.Decimal{}
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "markPx":
			d.Mark, d.Has = money.Price{Decimal: c.Rounded()}, d.Has|market.StatedMark
		case "fundingRate":
			d.Funding, d.Has = c.Rounded(), d.Has|market.StatedFunding
		case "realizedRate":
			realized = c.Rounded()
		case "fundingTime":
			d.FundingAt = c.Millis()
		case "nextFundingTime":
			next = c.Millis()
		case "oi":
			d.Interest, d.Has = venue.Worth(in, money.Qty{Decimal: c.Rounded()}), d.Has|market.StatedInterest
		case "ts":
			d.At = c.Millis()
		default:
			c.Skip()
		}
	}
	if d.Has == 0 {
		c.Fail("row that states nothing")
	}
	if !next.IsZero() && !d.FundingAt.IsZero() && next.After(d.FundingAt) {
		d.Interval = next.Sub(d.FundingAt)
	}
	if settled {
		d.Settled, d.At = true, d.FundingAt
		if !realized.IsZero() {
			d.Funding = realized // what was paid, after all
		}
	}
}

// readIndex reads {"idxPx":…,"ts":…}, which is of all the contracts on it.
func readIndex(c *scan.Cursor, on []*market.Instrument, out *market.Batch) {
	var d market.Derivative
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "idxPx":
			d.Index = money.Price{Decimal: c.Rounded()}
		case "ts":
			d.At = c.Millis()
		default:
			c.Skip()
		}
	}
	if d.Index.IsZero() {
		c.Fail("index without a price")
		return
	}
	for _, in := range on {
		x := venue.Derivative(out, in)
		x.Index, x.At, x.Has = d.Index, d.At, market.StatedIndex
	}
}

// hear notes a contract that the connection is about.
func (f *feed) hear(in *market.Instrument) {
	i := underlying(in.Symbol)
	if !slices.Contains(f.behind[i], in) {
		f.behind[i] = append(f.behind[i], in)
	}
}

// contracts are those on an index, as far as they are known.
func contracts(t *venue.Table, index string) []*market.Instrument {
	var out []*market.Instrument
	for _, in := range t.All() {
		if (in.Kind == market.Perpetual || in.Kind == market.Dated) && underlying(in.Symbol) == index {
			out = append(out, in)
		}
	}
	return out
}

// liquidations reads {"instId":…,"details":[{"side":…,"bkPx":…,"sz":…,"ts":…}]}.
func (f *feed) liquidations(c *scan.Cursor, out *market.Batch) {
	var in *market.Instrument
	from := len(out.Liquidations)
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "instId":
			if s := c.Str(); len(s) > 0 {
				in = f.t.Find(s)
			}
		case "details":
			for ok := c.Arr(); ok && c.NextItem(); {
				out.Liquidations = append(out.Liquidations, market.Liquidation{})
				detail(c, &out.Liquidations[len(out.Liquidations)-1])
			}
		default:
			c.Skip()
		}
	}
	if in == nil {
		c.Fail("liquidation without instId")
		return
	}
	for i := from; i < len(out.Liquidations); i++ {
		l := &out.Liquidations[i]
		l.Venue, l.Pair, l.Symbol, l.Qty = in.Venue, in.Pair, in.Symbol, venue.Worth(in, l.Qty)
		if l.Side == market.NoSide {
			venue.Say(out, market.Strange, market.Liquidations, in.Symbol, "liquidation without a known side")
		}
	}
}

// detail reads one order: its side, and the price at which the position was bankrupt.
func detail(c *scan.Cursor, l *market.Liquidation) {
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "side":
			l.Side = venue.SideOf(c.Str())
		case "bkPx":
			l.Price = c.Price()
		case "sz":
			l.Qty = c.Qty()
		case "ts":
			l.At = c.Millis()
		default:
			c.Skip()
		}
	}
}
