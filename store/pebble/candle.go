package pebble

import (
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/money"
)

func candles() *kind[market.Candle] {
	return &kind[market.Candle]{
		channel: market.Candles, code: 'c', chunk: 512, bytes: 240,
		time:   candleTime,
		after:  func(a, b *market.Candle) bool { return candleTime(a) > candleTime(b) },
		wins:   func(older, newer *market.Candle) bool { return newer.Supersedes(older) },
		known:  func(c *market.Candle) int64 { return nanos(c.Known) },
		encode: encodeCandles, decode: decodeCandles,
	}
}

func candleTime(c *market.Candle) int64 { return c.Open.UnixNano() }

// relateOHLC writes the opening price as its distance from the close before, and
// the others as distances from the nearest price already known.
func relateOHLC(c [][]int64) {
	o, h, l, cl := c[0], c[1], c[2], c[3]
	for i := range o {
		h[i] -= max(o[i], cl[i])
		l[i] = min(o[i], cl[i]) - l[i]
	}
	for i := len(o) - 1; i >= 0; i-- {
		cl[i] -= o[i]
		if i > 0 { // cl[i-1] still is a price here
			o[i] -= cl[i-1]
		}
	}
}

func unrelateOHLC(c [][]int64) {
	o, h, l, cl := c[0], c[1], c[2], c[3]
	for i := range o {
		if i > 0 {
			o[i] += cl[i-1]
		}
		cl[i] += o[i]
		h[i] += max(o[i], cl[i])
		l[i] = min(o[i], cl[i]) - l[i]
	}
}

func encodeCandles(c *coder, dst []byte, rows []market.Candle) []byte {
	n := len(rows)
	c.flags = grow(c.flags, n)
	c.cols[0], c.cols[1] = grow(c.cols[0], n), grow(c.cols[1], n)
	open, known := c.cols[0], c.cols[1]
	for i := range rows {
		k := &rows[i]
		f := byte(0)
		if k.Complete {
			f |= completeBit
		}
		open[i] = k.Open.UnixNano()
		if known[i] = open[i]; k.Known.IsZero() {
			f |= noKnown
		} else {
			known[i] = k.Known.UnixNano()
		}
		c.flags[i] = f
	}
	dst = appendSmall(dst, c.flags)
	dst = c.times(dst, open, known)
	for i := range c.decs {
		c.decs[i] = grow(c.decs[i], n)
	}
	for i := range rows {
		k := &rows[i]
		c.decs[0][i], c.decs[1][i], c.decs[2][i], c.decs[3][i] = k.O.Decimal, k.H.Decimal, k.L.Decimal, k.C.Decimal
	}
	dst = c.appendDecimals(dst, c.decs[:], relateOHLC)
	for i := range rows {
		c.decs[0][i], c.decs[1][i] = rows[i].Volume.Decimal, rows[i].Turnover
	}
	dst = c.appendDecimals(dst, [][]money.Decimal{c.decs[0]}, nil)
	dst = c.appendDecimals(dst, [][]money.Decimal{c.decs[1]}, nil)
	c.a = grow(c.a, n)
	for i := range rows {
		c.a[i] = rows[i].Trades
	}
	dst = appendInts(dst, c.a)
	for i := range rows {
		c.a[i] = int64(rows[i].Revision)
	}
	dst = appendInts(dst, c.a)
	for i := range rows {
		c.a[i] = int64(rows[i].Marks)
	}
	return appendInts(dst, c.a)
}

func decodeCandles(c *coder, r *reader, n int, of name, dst []market.Candle) []market.Candle {
	c.flags = grow(c.flags, n)
	r.small(c.flags)
	c.cols[0], c.cols[1] = grow(c.cols[0], n), grow(c.cols[1], n)
	open, known := c.cols[0], c.cols[1]
	r.ints(open)
	r.lags(open, known)
	if r.err != nil {
		return nil
	}
	for i := range dst {
		k, f := &dst[i], c.flags[i]
		k.Venue, k.Pair, k.Interval = of.venue, of.pair, of.interval
		k.Open, k.Complete = timeOf(open[i]), f&completeBit != 0
		if f&noKnown == 0 {
			k.Known = timeOf(known[i])
		}
	}
	r.decimals(c, 4, n, unrelateOHLC)
	if r.err != nil {
		return nil
	}
	for i := range dst {
		k := &dst[i]
		k.O.Decimal, k.H.Decimal, k.L.Decimal, k.C.Decimal = c.decs[0][i], c.decs[1][i], c.decs[2][i], c.decs[3][i]
	}
	r.decimals(c, 1, n, nil)
	if r.err != nil {
		return nil
	}
	for i := range dst {
		dst[i].Volume.Decimal = c.decs[0][i]
	}
	r.decimals(c, 1, n, nil)
	if r.err != nil {
		return nil
	}
	for i := range dst {
		dst[i].Turnover = c.decs[0][i]
	}
	c.a = grow(c.a, n)
	r.ints(c.a)
	for i := range dst {
		dst[i].Trades = c.a[i]
	}
	r.ints(c.a)
	for i := range dst {
		dst[i].Revision = int(c.a[i])
	}
	r.ints(c.a)
	for i := range dst {
		dst[i].Marks = market.Mark(c.a[i])
	}
	if r.err != nil {
		return nil
	}
	return dst
}
