package pebble

import (
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/money"
)

// The bits of a row's flags column.
const (
	sideBits     = 3      // trades: the side
	aggregateBit = 1 << 2 // trades
	completeBit  = 1 << 2 // candles
	noAt         = 1 << 3 // At is not set; the row stands at Received
	noReceived   = 1 << 4
	noKnown      = 1 << 5
)

func trades() *kind[market.Trade] {
	return &kind[market.Trade]{
		channel: market.Trades, code: 't', chunk: 1024, bytes: 176,
		time:   tradeTime,
		after:  tradeAfter,
		known:  func(t *market.Trade) int64 { return nanos(t.Received) },
		encode: encodeTrades, decode: decodeTrades,
	}
}

func tradeTime(t *market.Trade) int64 {
	if t.At.IsZero() {
		return nanos(t.Received)
	}
	return t.At.UnixNano()
}

// tradeAfter orders by time, then by the venue's number. Trades whose ids are no
// numbers stay in the order they came in, after the numbered ones.
func tradeAfter(a, b *market.Trade) bool {
	ta, tb := tradeTime(a), tradeTime(b)
	if ta != tb {
		return ta > tb
	}
	na, nb := plainNumber(a.ID), plainNumber(b.ID)
	if na != nb {
		return nb
	}
	if !na {
		return false
	}
	if len(a.ID) != len(b.ID) {
		return len(a.ID) > len(b.ID)
	}
	return a.ID > b.ID
}

// plainNumber tells whether an id is digits without a leading zero, of any length.
func plainNumber(s string) bool {
	if s == "" || (s[0] == '0' && len(s) > 1) {
		return false
	}
	for i := range len(s) {
		if !isDigit(s[i]) {
			return false
		}
	}
	return true
}

func encodeTrades(c *coder, dst []byte, rows []market.Trade) []byte {
	n := len(rows)
	c.flags = grow(c.flags, n)
	c.cols[0], c.cols[1] = grow(c.cols[0], n), grow(c.cols[1], n)
	at, received := c.cols[0], c.cols[1]
	for i := range rows {
		t := &rows[i]
		f := byte(t.Side) & sideBits
		if t.Aggregate {
			f |= aggregateBit
		}
		at[i] = tradeTime(t)
		if t.At.IsZero() {
			f |= noAt
		}
		if received[i] = at[i]; t.Received.IsZero() {
			f |= noReceived
		} else {
			received[i] = t.Received.UnixNano()
		}
		c.flags[i] = f
	}
	dst = appendSmall(dst, c.flags)
	dst = c.times(dst, at, received)
	c.strings = grow(c.strings, n)
	for i := range rows {
		c.strings[i] = rows[i].ID
	}
	dst = c.appendTexts(dst, c.strings)
	c.decs[0], c.decs[1] = grow(c.decs[0], n), grow(c.decs[1], n)
	for i := range rows {
		c.decs[0][i], c.decs[1][i] = rows[i].Price.Decimal, rows[i].Qty.Decimal
	}
	dst = c.appendDecimals(dst, [][]money.Decimal{c.decs[0]}, nil)
	dst = c.appendDecimals(dst, [][]money.Decimal{c.decs[1]}, nil)
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

// times writes a row's own time and the time we received it. The lags are taken
// first, because writing a column may divide it in place.
func (c *coder) times(dst []byte, at, received []int64) []byte {
	c.a = append(c.a[:0], at...)
	dst = appendInts(dst, c.a)
	return c.lags(dst, at, received)
}

func decodeTrades(c *coder, r *reader, n int, of name, dst []market.Trade) []market.Trade {
	c.flags = grow(c.flags, n)
	r.small(c.flags)
	for i := range 2 {
		c.cols[i] = grow(c.cols[i], n)
	}
	at, received := c.cols[0], c.cols[1]
	r.ints(at)
	r.lags(at, received)
	if r.err != nil {
		return nil
	}
	for i := range dst {
		t, f := &dst[i], c.flags[i]
		t.Venue, t.Pair = of.venue, of.pair
		t.Side, t.Aggregate = market.Side(f&sideBits), f&aggregateBit != 0
		if f&noAt == 0 {
			t.At = timeOf(at[i])
		}
		if f&noReceived == 0 {
			t.Received = timeOf(received[i])
		}
	}
	c.strings = grow(c.strings, n)
	r.texts(c, c.strings)
	for i := range dst {
		dst[i].ID = c.strings[i]
	}
	r.decimals(c, 1, n, nil)
	if r.err != nil {
		return nil
	}
	for i := range dst {
		dst[i].Price.Decimal = c.decs[0][i]
	}
	r.decimals(c, 1, n, nil)
	if r.err != nil {
		return nil
	}
	for i := range dst {
		dst[i].Qty.Decimal = c.decs[0][i]
	}
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
