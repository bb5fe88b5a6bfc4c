package htx

import (
	"bytes"

	"github.com/assayhq/assay/internal/scan"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/venue"
	"github.com/assayhq/assay/money"
)

// size turns contracts into the unit of the instrument: base, or dollars.
func size(in *market.Instrument, contracts money.Qty) money.Qty {
	if in.Unit != market.InQuote {
		return in.Size(contracts)
	}
	d, err := contracts.Mul(in.Contract)
	if err != nil {
		return contracts // beyond 19 digits: no such size trades
	}
	return money.Qty{Decimal: d.Trim()}
}

// sized turns the sizes of levels into the unit of the instrument, in place.
func sized(in *market.Instrument, levels []market.Level) []market.Level {
	if in.Unit != market.InQuote {
		return venue.Sized(in, levels)
	}
	for i := range levels {
		levels[i].Qty = size(in, levels[i].Qty)
	}
	return levels
}

// half is one side's part of a sum of both sides.
func half(both money.Qty) money.Qty {
	d, err := both.Mul(money.MustNew(5, 1))
	if err != nil {
		d, _ = both.MulRound(money.MustNew(5, 1), both.Scale()) // a digit more does not fit
	}
	return money.Qty{Decimal: d.Trim()}
}

// digits is how many digits of a volume are read.
const digits = 18

// cut reads a volume, of which contracts settled in the coin state up to 40 digits.
func cut(c *scan.Cursor) money.Qty {
	t := c.Raw()
	if len(t) == 0 || string(t) == "null" {
		return money.Qty{}
	}
	if point := bytes.IndexByte(t, '.'); point >= 0 && point <= digits && len(t) > digits+1 && !bytes.ContainsAny(t, "eE") {
		t = t[:digits+1]
	}
	d, err := money.Parse(t)
	if err != nil {
		c.Fail("expected a number: " + err.Error())
	}
	return money.Qty{Decimal: d}
}

// price reads a bar of the mark price or of the index, of which the close is the present.
func (f *feed) price(c *scan.Cursor, in *market.Instrument, index bool, out *market.Batch) {
	var last money.Price
	each := func() {
		for ok := c.Obj(); ok && c.NextKey(); {
			if c.Is("close") {
				last = c.Price()
			} else {
				c.Skip()
			}
		}
	}
	if c.Peek() == '[' { // of REST
		for ok := c.Arr(); ok && c.NextItem(); {
			each()
		}
	} else {
		each()
	}
	if last.IsZero() {
		return
	}
	d := venue.Derivative(out, in)
	if index {
		d.Index, d.Has = last, market.StatedIndex
	} else {
		d.Mark, d.Has = last, market.StatedMark
	}
}

// liquidations reads [{contract_code,direction,offset,volume,price,created_at},…].
func (f *feed) liquidations(c *scan.Cursor, out *market.Batch) {
	for ok := c.Arr(); ok && c.NextItem(); {
		l := venue.Liquidation(out, nobody)
		var contracts money.Qty
		in := nobody
		for ok := c.Obj(); ok && c.NextKey(); {
			switch string(c.K) {
			case "contract_code":
				if s := c.Str(); len(s) > 0 {
					in = f.t.Find(s)
					l.Venue, l.Pair, l.Symbol = in.Venue, in.Pair, in.Symbol
				}
			case "direction":
				l.Side = direction(c.Str())
			case "volume":
				contracts = c.Qty()
			case "price":
				l.Price = c.Price()
			case "created_at":
				l.At = c.Millis()
			default:
				c.Skip()
			}
		}
		if l.Qty = size(in, contracts); l.Side == market.NoSide {
			venue.Say(out, market.Strange, market.Liquidations, l.Symbol, "liquidation without a known side")
		}
		if in == nobody || l.Price.IsZero() {
			c.Fail("liquidation without a contract or a price")
		}
	}
}

// nobody stands in until the contract has been read.
var nobody = &market.Instrument{}
