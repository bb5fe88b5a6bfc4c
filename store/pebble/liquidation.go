package pebble

import (
	"fmt"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
)

// liquidations are written as trades are: they have the same columns.
func liquidations() *kind[market.Liquidation] {
	return &kind[market.Liquidation]{
		channel: market.Liquidations, code: 'l', chunk: 512, bytes: 176,
		time:  liquidationTime,
		after: func(a, b *market.Liquidation) bool { return liquidationTime(a) > liquidationTime(b) },
		same: func(a, b *market.Liquidation) bool {
			return a.ID == b.ID && (a.ID != "" || a.Side == b.Side && a.Price == b.Price && a.Qty == b.Qty)
		},
		known: func(l *market.Liquidation) int64 { return nanos(l.Received) },
		encode: func(c *coder, dst []byte, rows []market.Liquidation) []byte {
			ts := make([]market.Trade, len(rows))
			for i := range rows {
				l := &rows[i]
				ts[i] = market.Trade{Venue: l.Venue, Pair: l.Pair, Symbol: l.Symbol, ID: l.ID, Price: l.Price, Qty: l.Qty, Side: l.Side, At: l.At, Received: l.Received, Marks: l.Marks}
			}
			return encodeTrades(c, dst, ts)
		},
		decode: func(c *coder, r *reader, n int, of name, dst []market.Liquidation) []market.Liquidation {
			ts := decodeTrades(c, r, n, of, make([]market.Trade, n))
			for i := range ts {
				t := &ts[i]
				dst[i] = market.Liquidation{Venue: t.Venue, Pair: t.Pair, Symbol: t.Symbol, ID: t.ID, Price: t.Price, Qty: t.Qty, Side: t.Side, At: t.At, Received: t.Received, Marks: t.Marks}
			}
			return dst
		},
	}
}

func liquidationTime(l *market.Liquidation) int64 { return nanos(l.When()) }

func (s *Store) copyLiquidations(r *request, rows []market.Liquidation) error {
	if len(rows) == 0 {
		return nil
	}
	d := newSorter(s.liquidations, len(rows))
	for i := range rows {
		l := &rows[i]
		if err := checkName("liquidations", i, l.Venue, l.Pair); err != nil {
			return err
		}
		if err := checkTimes("liquidations", i, l.At, l.Received, [2]string{"at", "received"}); err != nil {
			return err
		}
		if l.Side > market.Sell {
			return fault.At(fault.Invalid, fmt.Sprintf("liquidations[%d].side", i), "%d is no side", l.Side)
		}
		if err := d.next(s, name{venue: l.Venue, pair: l.Pair}, i); err != nil {
			return err
		}
	}
	d.deal(r, len(rows))
	for i := range rows {
		g := &d.groups[d.place[i]]
		l := rows[i]
		l.Venue, l.Pair = g.series.name.venue, g.series.name.pair
		l.ID = cloned(l.ID)
		l.Symbol = g.series.ownSymbol(l.Symbol)
		l.At, l.Received = clean(l.At), clean(l.Received)
		g.rows = append(g.rows, l)
	}
	r.liquidations = d.groups
	return nil
}
