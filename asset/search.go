package asset

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"
)

// The ranks of a search hit, best first.
const (
	hitCode       = iota // the code itself
	hitExact             // another ticker, a name or the CoinGecko id, in full
	hitCodePrefix        // the beginning of a code or ticker
	hitNamePrefix        // the beginning of a name
	hitWord              // the beginning of a later word of a name
	hitInside            // anywhere in a ticker, a name or the CoinGecko id
	noHit
)

// Search gives the assets whose tickers, names or CoinGecko id contain the text,
// best first: whole matches, then beginnings of tickers, of names, of words in
// names, then the rest; equals in the catalogue's order. Case does not matter. A
// limit below 1 means no limit; empty text finds nothing.
func (c *Catalogue) Search(q string, limit int) []Asset {
	f := fold(q)
	if f == "" || len(f) > maxQuery {
		return nil
	}
	type hit struct{ row, rank int }
	var hits []hit
	for i := range c.assets {
		if r := rank(&c.assets[i], f); r < noHit {
			hits = append(hits, hit{i, r})
		}
	}
	slices.SortStableFunc(hits, func(a, b hit) int { return cmp.Compare(a.rank, b.rank) })
	if limit > 0 && len(hits) > limit {
		hits = hits[:limit]
	}
	out := make([]Asset, len(hits))
	for i, h := range hits {
		out[i] = c.assets[h.row]
	}
	return out
}

func rank(a *Asset, f string) int {
	if fold(string(a.Code)) == f {
		return hitCode
	}
	best := noHit
	see := func(text string, prefix int) {
		s := fold(text)
		switch {
		case s == f:
			best = min(best, hitExact)
		case strings.HasPrefix(s, f):
			best = min(best, prefix)
		case strings.Contains(s, " "+f):
			best = min(best, hitWord)
		case strings.Contains(s, f):
			best = min(best, hitInside)
		}
	}
	for t := range a.tickers {
		see(t, hitCodePrefix)
	}
	for n := range a.names {
		see(n, hitNamePrefix)
	}
	see(a.CoinGecko, hitInside)
	return best
}

// similar gives up to three assets with a ticker or name within a few slips of
// the folded query, the nearest first.
func (c *Catalogue) similar(f string) []Asset {
	q := []rune(f)
	bound := 3
	switch n := utf8.RuneCountInString(f); {
	case n < 3:
		return nil // everything short is near to everything short
	case n <= 4:
		bound = 1
	case n <= 8:
		bound = 2
	}
	type near struct{ row, slips int }
	var found []near
	for i, a := range c.assets {
		best := bound + 1
		try := func(s string) bool {
			best = min(best, slips(q, []rune(fold(s)), bound))
			return best > 0
		}
		a.tickers(try)
		a.names(try)
		try(a.CoinGecko)
		if best <= bound {
			found = append(found, near{i, best})
		}
	}
	slices.SortStableFunc(found, func(a, b near) int { return cmp.Compare(a.slips, b.slips) })
	found = found[:min(3, len(found))]
	out := make([]Asset, len(found))
	for i, n := range found {
		out[i] = c.assets[n.row]
	}
	return out
}

// slips counts the letters wrong, missing, added or swapped with a neighbour
// (optimal string alignment distance). Above the bound it gives bound+1.
func slips(a, b []rune, bound int) int {
	if max(len(a), len(b))-min(len(a), len(b)) > bound {
		return bound + 1
	}
	before, above, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range above {
		above[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		least := i
		for j := 1; j <= len(b); j++ {
			wrong := 1
			if a[i-1] == b[j-1] {
				wrong = 0
			}
			row[j] = min(above[j]+1, row[j-1]+1, above[j-1]+wrong)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
			least = min(least, row[j])
		}
		// Row minima grow by at most one, so past bound+1 the row above is past the
		// bound too, and no swap can reach back to a smaller number.
		if least > bound+1 {
			return bound + 1
		}
		before, above, row = above, row, before
	}
	return min(above[len(b)], bound+1)
}
