package pebble

import (
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/money"
)

func quotes() *kind[market.Quote] {
	return &kind[market.Quote]{
		channel: market.Quotes, code: 'q', chunk: 1024, bytes: 192,
		time:   quoteTime,
		after:  func(a, b *market.Quote) bool { return quoteTime(a) > quoteTime(b) },
		wins:   func(older, newer *market.Quote) bool { return *older != *newer },
		known:  func(q *market.Quote) int64 { return nanos(q.Received) },
		encode: encodeQuotes, decode: decodeQuotes,
	}
}

func quoteTime(q *market.Quote) int64 {
	if q.At.IsZero() {
		return nanos(q.Received)
	}
	return q.At.UnixNano()
}

// spread keeps the bid and writes the ask as its distance from it.
func spread(c [][]int64) {
	bid, ask := c[0], c[1]
	for i := range ask {
		ask[i] -= bid[i]
	}
}

func unspread(c [][]int64) {
	bid, ask := c[0], c[1]
	for i := range ask {
		ask[i] += bid[i]
	}
}

func encodeQuotes(c *coder, dst []byte, rows []market.Quote) []byte {
	n := len(rows)
	c.flags = grow(c.flags, n)
	c.cols[0], c.cols[1] = grow(c.cols[0], n), grow(c.cols[1], n)
	at, received := c.cols[0], c.cols[1]
	for i := range rows {
		q := &rows[i]
		f := byte(0)
		at[i] = quoteTime(q)
		if q.At.IsZero() {
			f |= noAt
		}
		if received[i] = at[i]; q.Received.IsZero() {
			f |= noReceived
		} else {
			received[i] = q.Received.UnixNano()
		}
		c.flags[i] = f
	}
	dst = appendSmall(dst, c.flags)
	dst = c.times(dst, at, received)
	for i := range c.decs {
		c.decs[i] = grow(c.decs[i], n)
	}
	for i := range rows {
		q := &rows[i]
		c.decs[0][i], c.decs[1][i] = q.Bid.Decimal, q.Ask.Decimal
		c.decs[2][i], c.decs[3][i] = q.BidQty.Decimal, q.AskQty.Decimal
	}
	dst = c.appendDecimals(dst, [][]money.Decimal{c.decs[0], c.decs[1]}, spread)
	dst = c.appendDecimals(dst, [][]money.Decimal{c.decs[2]}, nil)
	dst = c.appendDecimals(dst, [][]money.Decimal{c.decs[3]}, nil)
	c.strings = grow(c.strings, n)
	c.a = grow(c.a, n)
	for i := range rows {
		c.strings[i] = rows[i].Symbol
	}
	dst = c.appendTexts(dst, c.strings)
	c.a = grow(c.a, n)
	for i := range rows {
		c.a[i] = int64(rows[i].Marks)
	}
	return appendInts(dst, c.a)
}

func decodeQuotes(c *coder, r *reader, n int, of name, dst []market.Quote) []market.Quote {
	c.flags = grow(c.flags, n)
	r.small(c.flags)
	c.cols[0], c.cols[1] = grow(c.cols[0], n), grow(c.cols[1], n)
	at, received := c.cols[0], c.cols[1]
	r.ints(at)
	r.lags(at, received)
	if r.err != nil {
		return nil
	}
	for i := range dst {
		q, f := &dst[i], c.flags[i]
		q.Venue, q.Pair = of.venue, of.pair
		if f&noAt == 0 {
			q.At = timeOf(at[i])
		}
		if f&noReceived == 0 {
			q.Received = timeOf(received[i])
		}
	}
	r.decimals(c, 2, n, unspread)
	if r.err != nil {
		return nil
	}
	for i := range dst {
		dst[i].Bid.Decimal, dst[i].Ask.Decimal = c.decs[0][i], c.decs[1][i]
	}
	r.decimals(c, 1, n, nil)
	if r.err != nil {
		return nil
	}
	for i := range dst {
		dst[i].BidQty.Decimal = c.decs[0][i]
	}
	r.decimals(c, 1, n, nil)
	if r.err != nil {
		return nil
	}
	for i := range dst {
		dst[i].AskQty.Decimal = c.decs[0][i]
	}
	c.strings = grow(c.strings, n)
	r.texts(c, c.strings)
	c.a = grow(c.a, n)
	r.ints(c.a)
	if r.err != nil {
		return nil
	}
	for i := range dst {
		dst[i].Symbol, dst[i].Marks = c.strings[i], market.Mark(c.a[i])
	}
	clear(c.strings)
	return dst
}
