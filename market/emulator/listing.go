package emulator

import (
	"math"
	"strconv"
	"strings"

	"github.com/assayhq/assay/market"
)

// listing is one thing a venue trades, as its rule book says it.
type listing struct {
	pair   market.Pair
	symbol string // the venue's name for it on the stream
	pd, qd int    // decimals of price and size
	tick   int64  // price step, in units of the last price decimal
	perp   bool
	index  int
	// inverse: sizes are amounts of the quote, in whole lots of it.
	inverse bool
	usd     float64 // what one unit of the base is worth, about
	lot     int64
}

func (l *listing) base() string  { return string(l.pair.Base()) }
func (l *listing) quote() string { return string(l.pair.Quote()) }

// cents turns a simulated price into whole units of the last price decimal, on the tick.
func (l *listing) cents(price float64) int64 {
	x := int64(math.Round(price * math.Pow10(l.pd) / float64(l.tick)))
	return max(x, 1) * l.tick
}

// whole rounds a size down to lots, and up to one.
func (l *listing) whole(qty int64) int64 { return max(qty/l.lot, 1) * l.lot }

// sized is an amount of dollars as a size of this listing, in units of its last decimal.
func (l *listing) sized(usd float64) int64 {
	if !l.inverse {
		usd /= l.usd
	}
	return l.whole(int64(usd * math.Pow10(l.qd)))
}

// listings reads a rule book: pair, price decimals, size decimals and, where the price
// step is not one unit of the last decimal, the step; of an inverse contract then the
// lot, which is an amount of the quote. name spells a pair as the venue
// does; only, when not empty, keeps those pairs.
func listings(book string, only []market.Pair, name func(*listing) string) []*listing {
	var out []*listing
	for _, row := range strings.Split(book, ",") {
		f := strings.Fields(row)
		if len(f) < 3 {
			continue
		}
		l := &listing{pair: market.Pair(f[0]), tick: 1, lot: 1, perp: strings.Contains(f[0], "-PERP"), index: len(out)}
		l.pd, _ = strconv.Atoi(f[1])
		l.qd, _ = strconv.Atoi(f[2])
		if len(f) > 3 {
			l.tick, _ = strconv.ParseInt(f[3], 10, 64)
		}
		if len(f) > 4 {
			l.inverse = true
			l.lot, _ = strconv.ParseInt(f[4], 10, 64)
		}
		l.symbol = name(l)
		if len(only) == 0 || contains(only, l.pair) {
			out = append(out, l)
		}
	}
	return out
}

func contains[T comparable](xs []T, x T) bool {
	for _, y := range xs {
		if x == y {
			return true
		}
	}
	return false
}
