// Package risk measures what holding an asset was like: how much it moved, fell and
// recovered, beside a benchmark and beside chance.
//
// A Metric is a measure told as data: name, title, unit, formula, source, range and the
// least number of returns it means anything for. The API, the command line and the
// documents read the Catalogue and nothing else. Measure computes all of them with
// intervals; there are also drawdowns, rolling forms, correlations, price levels with
// their record, cones, scenarios, and a look for pumps.
//
// It does no I/O, reads no clock and keeps no state. Values are float64: these are
// statistics, not money. What always holds: prices and returns are different types, as are
// simple and logarithmic returns; how many periods a year has is said, never guessed;
// a number that is not finite is refused; what is not defined for the data is absent with
// the reason, never zero or infinite; what uses chance takes a seed and gives the same
// answer for it; nothing known later is used for a statement about an earlier time.
//
// api, the command line and insight/grade call it.
package risk

import (
	"math"
	"time"

	"github.com/assayhq/assay/fault"
)

// MaxLength is how many prices or returns are taken at once.
const MaxLength = 200_000

// Kind is what a return is of.
type Kind string

// The kinds: now/then - 1, and its logarithm ln(now/then).
const (
	Simple Kind = "simple"
	Log    Kind = "log"
)

// PerYear is how many periods of a length a year of 365 days has, since these markets do
// not close: 365 for days, 8760 for hours.
func PerYear(period time.Duration) float64 {
	if period <= 0 {
		return 0
	}
	return float64(365*24*time.Hour) / float64(period)
}

// Prices are what an asset cost at times. Make them with NewPrices.
type Prices struct {
	at []time.Time
	v  []float64
}

// NewPrices takes prices in time order; it does not copy. Invalid: lengths that differ,
// times that do not rise, a price that is not finite or below zero, and a price after a
// zero, since what was wiped out does not come back.
func NewPrices(at []time.Time, v []float64) (Prices, error) {
	if err := ordered(at, v, "price"); err != nil {
		return Prices{}, err
	}
	for i, x := range v {
		if x < 0 {
			return Prices{}, fault.New(fault.Invalid, "price %d (%s) is %v; a price is not below zero: are these returns?", i, at[i].UTC().Format(time.RFC3339), x)
		}
		if i > 0 && v[i-1] == 0 && x != 0 {
			return Prices{}, fault.New(fault.Invalid, "price %d (%s) is %v after a price of 0; a return from zero is not defined", i, at[i].UTC().Format(time.RFC3339), x)
		}
	}
	return Prices{at, v}, nil
}

// Len is how many there are.
func (p Prices) Len() int { return len(p.v) }

// Returns are the changes from each price to the next: one fewer than prices. A logarithmic
// return from a price to zero is Invalid.
func (p Prices) Returns(kind Kind, perYear float64) (Returns, error) {
	if len(p.v) < 2 {
		return Returns{}, fault.New(fault.Invalid, "%d prices make no return; two are the least", len(p.v))
	}
	out := make([]float64, len(p.v)-1)
	for i := range out {
		then, now := p.v[i], p.v[i+1]
		switch {
		case kind == Log && now == 0:
			return Returns{}, fault.New(fault.Invalid, "price %d is 0, whose logarithm is not finite; take simple returns", i+1)
		case then == 0:
			out[i] = 0
		case kind == Log:
			out[i] = math.Log(now / then)
		default:
			out[i] = now/then - 1
		}
	}
	return NewReturns(p.at[0], p.at[1:], out, kind, perYear)
}

// Returns are changes per period, each told at the end of its period. Make them with
// NewReturns or Prices.Returns.
type Returns struct {
	from    time.Time
	at      []time.Time
	v       []float64
	kind    Kind
	perYear float64
}

// NewReturns takes returns as fractions (0.01 is one per cent) in time order; it does not
// copy. from is when the first period began, zero for not known. Invalid: as NewPrices, a
// simple return below -1, a kind or a number of periods that is none.
func NewReturns(from time.Time, at []time.Time, v []float64, kind Kind, perYear float64) (Returns, error) {
	if kind != Simple && kind != Log {
		return Returns{}, fault.At(fault.Invalid, "kind", "returns are simple or log, not %q", string(kind))
	}
	if !(perYear > 0) || perYear > 4e7 {
		return Returns{}, fault.At(fault.Invalid, "periods", "a year has more than 0 periods and at most 40 million, not %v; days are 365, hours 8760", perYear)
	}
	if err := ordered(at, v, "return"); err != nil {
		return Returns{}, err
	}
	if len(v) == 0 {
		return Returns{}, fault.New(fault.Invalid, "there are no returns")
	}
	for i, x := range v {
		if kind == Simple && x < -1 {
			return Returns{}, fault.New(fault.Invalid, "return %d (%s) is %v; holding loses no more than all, which is -1: are these per cent, or prices?", i, at[i].UTC().Format(time.RFC3339), x)
		}
	}
	if from.IsZero() {
		from = at[0]
	}
	return Returns{from, at, v, kind, perYear}, nil
}

// Len is how many there are.
func (r Returns) Len() int { return len(r.v) }

// From and To are when the first period began and the last ended.
func (r Returns) From() time.Time { return r.from }

// To is when the last period ended.
func (r Returns) To() time.Time { return r.at[len(r.at)-1] }

// PerYear is how many periods a year has.
func (r Returns) PerYear() float64 { return r.perYear }

// Simple gives the same changes as simple returns.
func (r Returns) Simple() Returns {
	if r.kind == Simple {
		return r
	}
	out := make([]float64, len(r.v))
	for i, x := range r.v {
		out[i] = math.Expm1(x)
	}
	r.v, r.kind = out, Simple
	return r
}

// Align keeps what both have at equal times: two series of one length. Values that stand at
// the same place but not the same time are never paired. Prices that one of them lacks are
// left out of both, so the return over the hole is one over more than one period for both.
func Align(a, b Prices) (Prices, Prices) {
	var x, y Prices
	for i, j := 0, 0; i < len(a.v) && j < len(b.v); {
		switch c := a.at[i].Compare(b.at[j]); {
		case c < 0:
			i++
		case c > 0:
			j++
		default:
			x.at, x.v = append(x.at, a.at[i]), append(x.v, a.v[i])
			y.at, y.v = append(y.at, b.at[j]), append(y.v, b.v[j])
			i, j = i+1, j+1
		}
	}
	return x, y
}

// Holes is how many steps between prices are longer than 1.5 periods.
func (p Prices) Holes(period time.Duration) int {
	n := 0
	for i := 1; i < len(p.at); i++ {
		if p.at[i].Sub(p.at[i-1]) > period+period/2 {
			n++
		}
	}
	return n
}

// together checks that two series have the same times.
func together(a, b Returns) error {
	if len(a.v) != len(b.v) {
		return fault.At(fault.Invalid, "benchmark", "%d returns beside %d of the benchmark; align them by time first", len(a.v), len(b.v))
	}
	for i := range a.at {
		if !a.at[i].Equal(b.at[i]) {
			return fault.At(fault.Invalid, "benchmark", "return %d is of %s, the benchmark's of %s; align them by time first", i, a.at[i].UTC().Format(time.RFC3339), b.at[i].UTC().Format(time.RFC3339))
		}
	}
	return nil
}

func ordered(at []time.Time, v []float64, what string) error {
	if len(at) != len(v) {
		return fault.New(fault.Invalid, "%d times for %d %ss", len(at), len(v), what)
	}
	if len(v) > MaxLength {
		return fault.New(fault.TooLarge, "%d %ss; at most %d are taken at once", len(v), what, MaxLength)
	}
	for i, x := range v {
		if x-x != 0 {
			return fault.New(fault.Invalid, "%s %d (%s) is not a finite number", what, i, at[i].UTC().Format(time.RFC3339))
		}
		if i > 0 && !at[i].After(at[i-1]) {
			return fault.New(fault.Invalid, "%s %d (%s) is not after the one before; sort them and drop doubles", what, i, at[i].UTC().Format(time.RFC3339))
		}
	}
	return nil
}
