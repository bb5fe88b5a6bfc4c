package pebble

import (
	"fmt"
	"time"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/money"
)

// The bits of a derivative's flags column; its lowest four are Has.
const (
	statedBits    = 15
	notReceived   = 1 << 4
	noOwnTime     = 1 << 5 // At is not set
	noFundingTime = 1 << 6 // FundingAt is not set
)

// derivatives are statements: they stand at When, one a moment.
func derivatives() *kind[market.Derivative] {
	return &kind[market.Derivative]{
		channel: market.Derivatives, code: 'd', chunk: 1024, bytes: 280,
		time:  derivativeTime,
		after: func(a, b *market.Derivative) bool { return derivativeTime(a) > derivativeTime(b) },
		wins:  func(older, newer *market.Derivative) bool { return *older != *newer },
		known: func(d *market.Derivative) int64 { return nanos(d.Received) },
		encode: func(c *coder, dst []byte, rows []market.Derivative) []byte {
			return encodeDerivatives(c, dst, rows, false)
		},
		decode: func(c *coder, r *reader, n int, of name, dst []market.Derivative) []market.Derivative {
			return decodeDerivatives(c, r, of, dst, false)
		},
	}
}

// funding are settled ones: they stand at FundingAt.
func funding() *kind[market.Derivative] {
	return &kind[market.Derivative]{
		channel: market.Funding, code: 'f', chunk: 512, bytes: 280,
		time:  derivativeTime,
		after: func(a, b *market.Derivative) bool { return derivativeTime(a) > derivativeTime(b) },
		wins: func(older, newer *market.Derivative) bool {
			o := *older
			o.Received = newer.Received
			return o != *newer
		},
		known: func(d *market.Derivative) int64 { return nanos(d.Received) },
		encode: func(c *coder, dst []byte, rows []market.Derivative) []byte {
			return encodeDerivatives(c, dst, rows, true)
		},
		decode: func(c *coder, r *reader, n int, of name, dst []market.Derivative) []market.Derivative {
			return decodeDerivatives(c, r, of, dst, true)
		},
	}
}

func derivativeTime(d *market.Derivative) int64 { return nanos(d.When()) }

func encodeDerivatives(c *coder, dst []byte, rows []market.Derivative, settled bool) []byte {
	n := len(rows)
	c.flags = grow(c.flags, n)
	for i := range 3 {
		c.cols[i] = grow(c.cols[i], n)
	}
	when, received, other := c.cols[0], c.cols[1], c.cols[2]
	for i := range rows {
		d := &rows[i]
		f := byte(d.Has) & statedBits
		when[i] = derivativeTime(d)
		received[i], other[i] = when[i], when[i]
		if d.Received.IsZero() {
			f |= notReceived
		} else {
			received[i] = d.Received.UnixNano()
		}
		if d.At.IsZero() {
			f |= noOwnTime
		} else if settled {
			other[i] = d.At.UnixNano()
		}
		if d.FundingAt.IsZero() {
			f |= noFundingTime
		} else if !settled {
			other[i] = d.FundingAt.UnixNano()
		}
		c.flags[i] = f
	}
	dst = appendSmall(dst, c.flags)
	dst = c.times(dst, when, received)
	dst = c.lags(dst, when, other)
	c.a = grow(c.a, n)
	for i := range rows {
		c.a[i] = int64(rows[i].Interval)
	}
	dst = appendInts(dst, c.a)
	for i := range c.decs {
		c.decs[i] = grow(c.decs[i], n)
	}
	for i := range rows {
		d := &rows[i]
		c.decs[0][i], c.decs[1][i], c.decs[2][i], c.decs[3][i] = d.Mark.Decimal, d.Index.Decimal, d.Funding, d.Interest.Decimal
	}
	dst = c.appendDecimals(dst, [][]money.Decimal{c.decs[0], c.decs[1]}, spread)
	dst = c.appendDecimals(dst, [][]money.Decimal{c.decs[2]}, nil)
	dst = c.appendDecimals(dst, [][]money.Decimal{c.decs[3]}, nil)
	c.strings = grow(c.strings, n)
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

func decodeDerivatives(c *coder, r *reader, of name, dst []market.Derivative, settled bool) []market.Derivative {
	n := len(dst)
	c.flags = grow(c.flags, n)
	r.small(c.flags)
	for i := range 3 {
		c.cols[i] = grow(c.cols[i], n)
	}
	when, received, other := c.cols[0], c.cols[1], c.cols[2]
	r.ints(when)
	r.lags(when, received)
	r.lags(when, other)
	if r.err != nil {
		return nil
	}
	for i := range dst {
		d, f := &dst[i], c.flags[i]
		d.Venue, d.Pair, d.Has, d.Settled = of.venue, of.pair, market.Stated(f&statedBits), settled
		at, paid := when, other
		if settled {
			at, paid = other, when
		}
		if f&notReceived == 0 {
			d.Received = timeOf(received[i])
		}
		if f&noOwnTime == 0 {
			d.At = timeOf(at[i])
		}
		if f&noFundingTime == 0 {
			d.FundingAt = timeOf(paid[i])
		}
	}
	c.a = grow(c.a, n)
	r.ints(c.a)
	for i := range dst {
		dst[i].Interval = time.Duration(c.a[i])
	}
	r.decimals(c, 2, n, unspread)
	if r.err != nil {
		return nil
	}
	for i := range dst {
		dst[i].Mark.Decimal, dst[i].Index.Decimal = c.decs[0][i], c.decs[1][i]
	}
	r.decimals(c, 1, n, nil)
	if r.err != nil {
		return nil
	}
	for i := range dst {
		dst[i].Funding = c.decs[0][i]
	}
	r.decimals(c, 1, n, nil)
	if r.err != nil {
		return nil
	}
	for i := range dst {
		dst[i].Interest.Decimal = c.decs[0][i]
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

// copyDerivatives deals statements and settled funding out to their own series.
func (s *Store) copyDerivatives(r *request, rows []market.Derivative) error {
	var said, paid []int
	for i := range rows {
		d := &rows[i]
		if err := checkName("derivatives", i, d.Venue, d.Pair); err != nil {
			return err
		}
		if err := checkTimes("derivatives", i, d.At, d.Received, [2]string{"at", "received"}); err != nil {
			return err
		}
		if !storable(d.FundingAt) {
			return badTime(fmt.Sprintf("derivatives[%d].funding_at", i), d.FundingAt)
		}
		if d.Has > statedBits {
			return fault.At(fault.Invalid, fmt.Sprintf("derivatives[%d].has", i), "%d names fields that there are not", d.Has)
		}
		if !d.Settled {
			said = append(said, i)
			continue
		}
		if d.FundingAt.IsZero() {
			return fault.At(fault.Invalid, fmt.Sprintf("derivatives[%d].funding_at", i), "settled funding needs the time it was paid at")
		}
		paid = append(paid, i)
	}
	if err := s.dealDerivatives(r, s.derivatives, rows, said); err != nil {
		return err
	}
	return s.dealDerivatives(r, s.funding, rows, paid)
}

func (s *Store) dealDerivatives(r *request, t *table[market.Derivative], rows []market.Derivative, places []int) error {
	if len(places) == 0 {
		return nil
	}
	d := newSorter(t, len(places))
	for k, i := range places {
		if err := d.next(s, name{venue: rows[i].Venue, pair: rows[i].Pair}, k); err != nil {
			return err
		}
	}
	d.deal(r, len(places))
	for k, i := range places {
		g := &d.groups[d.place[k]]
		v := rows[i]
		v.Venue, v.Pair = g.series.name.venue, g.series.name.pair
		v.Symbol = g.series.ownSymbol(v.Symbol)
		v.At, v.Received, v.FundingAt = clean(v.At), clean(v.Received), clean(v.FundingAt)
		g.rows = append(g.rows, v)
	}
	r.derivatives = append(r.derivatives, d.groups...)
	return nil
}
