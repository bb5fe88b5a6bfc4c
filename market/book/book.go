// Package book keeps order books and knows when one can be trusted.
//
// Book is the levels. Machine is one venue's book of one pair on one connection:
// it takes the updates in the order they came and says of each whether the book
// is valid after it. It joins snapshots and differences, follows sequence numbers,
// compares checksums and notices a crossed book. It never publishes a book whose
// correctness it cannot vouch for by the venue's own rule, never reads a clock and
// does no I/O. The feed owns one Machine per (connection, symbol).
package book

import (
	"slices"

	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/money"
)

// Book is two sides of resting sizes. Both are sorted with the best price last,
// because most changes happen there and appending costs nothing. The zero value
// is an empty book.
type Book struct {
	bids []market.Level // ascending price
	asks []market.Level // descending price
}

// Load replaces the book. Levels may come in any order; those of size 0 are left out.
func (b *Book) Load(bids, asks []market.Level) {
	b.bids = load(b.bids[:0], bids, 1)
	b.asks = load(b.asks[:0], asks, -1)
}

// load fills side from levels and sorts it so that sign×price ascends.
func load(side, levels []market.Level, sign int) []market.Level {
	side = slices.Grow(side, len(levels))
	for i := len(levels) - 1; i >= 0; i-- { // venues send the best first
		if !levels[i].Qty.IsZero() {
			side = append(side, levels[i])
		}
	}
	sorted := true
	for i := 1; i < len(side); i++ {
		if side[i-1].Price.Cmp(side[i].Price.Decimal)*sign >= 0 {
			sorted = false
			break
		}
	}
	if sorted {
		return side
	}
	// A later level of the same price wins, as it would as an update: stable sort
	// keeps the arrival order, reversed above.
	slices.SortStableFunc(side, func(x, y market.Level) int { return x.Price.Cmp(y.Price.Decimal) * sign })
	return slices.CompactFunc(side, func(x, y market.Level) bool { return x.Price.Equal(y.Price.Decimal) })
}

// Set puts one level of the bids (or asks); size 0 removes it.
func (b *Book) Set(bid bool, l market.Level) {
	if bid {
		b.bids = set(b.bids, l, 1)
	} else {
		b.asks = set(b.asks, l, -1)
	}
}

func set(side []market.Level, l market.Level, sign int) []market.Level {
	i, found := find(side, l.Price, sign)
	switch {
	case found && l.Qty.IsZero():
		return slices.Delete(side, i, i+1)
	case found:
		side[i] = l
		return side
	case l.Qty.IsZero():
		return side // removing what is not there is common and harmless
	}
	return slices.Insert(side, i, l)
}

// find gives the place of price in side, looking near the best first.
func find(side []market.Level, p money.Price, sign int) (int, bool) {
	n := len(side)
	lo := max(0, n-6)
	for i := n - 1; i >= lo; i-- {
		switch c := side[i].Price.Cmp(p.Decimal) * sign; {
		case c == 0:
			return i, true
		case c < 0:
			return i + 1, false
		}
	}
	hi := lo
	lo = 0
	for lo < hi {
		m := int(uint(lo+hi) >> 1)
		c := side[m].Price.Cmp(p.Decimal) * sign
		if c == 0 {
			return m, true
		}
		if c < 0 {
			lo = m + 1
		} else {
			hi = m
		}
	}
	return lo, false
}

// Apply puts the levels of an update.
func (b *Book) Apply(u *market.BookUpdate) {
	for _, l := range u.Bids {
		b.bids = set(b.bids, l, 1)
	}
	for _, l := range u.Asks {
		b.asks = set(b.asks, l, -1)
	}
}

// Truncate drops what lies deeper than depth levels on each side.
func (b *Book) Truncate(depth int) {
	b.bids = cut(b.bids, depth)
	b.asks = cut(b.asks, depth)
}

func cut(side []market.Level, depth int) []market.Level {
	if n := len(side) - depth; n > 0 {
		return slices.Delete(side, 0, n)
	}
	return side
}

// Len gives the number of levels of each side.
func (b *Book) Len() (bids, asks int) { return len(b.bids), len(b.asks) }

// Bid gives the i-th best bid, 0 the best.
func (b *Book) Bid(i int) (market.Level, bool) { return nth(b.bids, i) }

// Ask gives the i-th best ask, 0 the best.
func (b *Book) Ask(i int) (market.Level, bool) { return nth(b.asks, i) }

func nth(side []market.Level, i int) (market.Level, bool) {
	if i < 0 || i >= len(side) {
		return market.Level{}, false
	}
	return side[len(side)-1-i], true
}

// Top appends the best n levels of each side, best first; n <= 0 means all.
func (b *Book) Top(n int, bids, asks []market.Level) ([]market.Level, []market.Level) {
	return top(b.bids, n, bids), top(b.asks, n, asks)
}

func top(side []market.Level, n int, out []market.Level) []market.Level {
	if n <= 0 || n > len(side) {
		n = len(side)
	}
	for i := len(side) - 1; i >= len(side)-n; i-- {
		out = append(out, side[i])
	}
	return out
}

// Crossed tells whether the best bid is at or above the best ask.
func (b *Book) Crossed() bool {
	nb, na := len(b.bids), len(b.asks)
	return nb > 0 && na > 0 && b.bids[nb-1].Price.Cmp(b.asks[na-1].Price.Decimal) >= 0
}

// Reset empties the book and keeps its memory.
func (b *Book) Reset() { b.bids, b.asks = b.bids[:0], b.asks[:0] }
