package export

import (
	"math"
	"time"

	"github.com/assayhq/assay/insight/indicator"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/money"
)

// kind is what the values of a column are.
type kind uint8

const (
	text   kind = iota
	stamp       // milliseconds of Unix time
	amount      // exact decimal
	count       // 64-bit integer
	real        // float64
	flag
)

// column describes one column. Few tells that its text has few different values.
type column struct {
	name string
	kind kind
	null bool // values may be missing
	few  bool
}

// table is the row model of an export: its columns in order.
type table []column

// Columns gives the names of the columns that a request has, in order.
func (r *Request) Columns() []string {
	var names []string
	for _, c := range newTable(r) {
		names = append(names, c.name)
	}
	return names
}

func newTable(r *Request) table {
	money := amount
	if r.Float {
		money = real
	}
	t := table{{name: "venue", kind: text, few: true}, {name: "pair", kind: text, few: true}}
	if r.Channel == market.Trades {
		return append(t,
			column{name: "id", kind: text, null: true}, column{name: "event_time", kind: stamp, null: true}, column{name: "known_time", kind: stamp, null: true},
			column{name: "price", kind: money}, column{name: "qty", kind: money}, column{name: "side", kind: text, null: true, few: true},
			column{name: "aggregate", kind: flag}, column{name: "marks", kind: text, null: true, few: true})
	}
	t = append(t,
		column{name: "interval", kind: text, few: true}, column{name: "open_time", kind: stamp}, column{name: "close_time", kind: stamp}, column{name: "known_time", kind: stamp, null: true},
		column{name: "open", kind: money}, column{name: "high", kind: money}, column{name: "low", kind: money}, column{name: "close", kind: money},
		column{name: "volume", kind: money}, column{name: "turnover", kind: money, null: true}, column{name: "trades", kind: count, null: true},
		column{name: "complete", kind: flag}, column{name: "revision", kind: count}, column{name: "marks", kind: text, null: true, few: true})
	for i := range r.Indicators {
		for _, n := range r.Indicators[i].columns {
			t = append(t, column{name: n, kind: real, null: true})
		}
	}
	return t
}

// vector is a column of a batch. Of the slices the one of its kind is used; has is as
// long where values may be missing.
type vector struct {
	column
	has   []bool
	text  []string
	num   []int64
	dec   []money.Decimal
	real  []float64
	flags []bool
}

// batch is some rows of a table, column by column.
type batch struct {
	rows int
	cols []vector
	at   int // column that the next value goes to
}

const batchRows = 16384

func newBatch(t table) *batch {
	b := &batch{cols: make([]vector, len(t))}
	for i, c := range t {
		b.cols[i].column = c
	}
	return b
}

func (b *batch) reset() {
	for i := range b.cols {
		v := &b.cols[i]
		v.has, v.text, v.num, v.dec, v.real, v.flags = v.has[:0], v.text[:0], v.num[:0], v.dec[:0], v.real[:0], v.flags[:0]
	}
	b.rows = 0
}

func (b *batch) next(has bool) *vector {
	v := &b.cols[b.at]
	b.at++
	if v.null {
		v.has = append(v.has, has)
	}
	return v
}

func (b *batch) words(s string, has bool) { v := b.next(has); v.text = append(v.text, s) }
func (b *batch) count(n int64, has bool)  { v := b.next(has); v.num = append(v.num, n) }
func (b *batch) flag(x bool)              { v := b.next(true); v.flags = append(v.flags, x) }

func (b *batch) float(x float64) {
	v := b.next(!math.IsNaN(x))
	v.real = append(v.real, x)
}

func (b *batch) amount(d money.Decimal, has bool) {
	v := b.next(has)
	if v.kind == real {
		v.real = append(v.real, float(d))
		return
	}
	v.dec = append(v.dec, d)
}

func (b *batch) time(t time.Time) {
	var ms int64
	if !t.IsZero() {
		ms = t.UnixMilli()
	}
	b.count(ms, !t.IsZero())
}

// known is time rounded up: a row must not look known before it was.
func (b *batch) known(t time.Time) {
	if t.Nanosecond()%int(time.Millisecond) != 0 {
		t = t.Truncate(time.Millisecond).Add(time.Millisecond)
	}
	b.time(t)
}

func (b *batch) trade(t *market.Trade, marks string) {
	b.at = 0
	b.words(string(t.Venue), true)
	b.words(string(t.Pair), true)
	b.words(t.ID, t.ID != "")
	b.time(t.At)
	b.known(t.Received)
	b.amount(t.Price.Decimal, true)
	b.amount(t.Qty.Decimal, true)
	b.words(t.Side.String(), t.Side != market.NoSide)
	b.flag(t.Aggregate)
	b.words(marks, marks != "")
	b.rows++
}

// candle takes a bar with the values of the indicators at it.
func (b *batch) candle(c *market.Candle, marks string, values []float64) {
	b.at = 0
	b.words(string(c.Venue), true)
	b.words(string(c.Pair), true)
	b.words(string(c.Interval), true)
	b.time(c.Open)
	b.time(c.Interval.Next(c.Open))
	b.known(c.Known)
	b.amount(c.O.Decimal, true)
	b.amount(c.H.Decimal, true)
	b.amount(c.L.Decimal, true)
	b.amount(c.C.Decimal, true)
	b.amount(c.Volume.Decimal, true)
	b.amount(c.Turnover, !c.Turnover.IsZero() || c.Volume.IsZero())
	b.count(c.Trades, c.Trades >= 0)
	b.flag(c.Complete)
	b.count(int64(c.Revision), true)
	b.words(marks, marks != "")
	for _, x := range values {
		b.float(x)
	}
	b.rows++
}

// float is the nearest binary float. A quotient of two exact floats is rounded once.
func float(d money.Decimal) float64 {
	if c := d.Coef(); c < 1<<53 {
		f := float64(c) / powers[d.Scale()]
		if d.IsNeg() {
			return -f
		}
		return f
	}
	return d.Float64()
}

var powers = [...]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19}

// decimals is the scale of exact columns, and digits their precision: with them every
// money.Decimal (19 digits, 19 decimals) fits, so none is ever refused or rounded.
const decimals, digits = 19, 38

// value tells which input of an indicator is which column of a bar.
func value(in indicator.Input, c *market.Candle) float64 {
	switch in.Column() {
	case "open":
		return float(c.O.Decimal)
	case "high":
		return float(c.H.Decimal)
	case "low":
		return float(c.L.Decimal)
	case "volume":
		return float(c.Volume.Decimal)
	}
	return float(c.C.Decimal)
}
