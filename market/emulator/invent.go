package emulator

import (
	"fmt"
	"math"
	"strings"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/market"
)

// invented tells whether a code is that of a coin that exists in worlds only.
func invented(a asset.Code) bool {
	s := string(a)
	return len(s) >= 4 && s[0] == 'C' && strings.Trim(s[1:], "0123456789") == ""
}

// inventions are n spot listings of invented coins. The price has five digits or so.
func inventions(w *World, book string, n int, name func(*listing) string) []*listing {
	quote := asset.Code("USDC")
	for _, q := range []asset.Code{"USD", "USDT"} {
		if strings.Contains(book, "-"+string(q)+" ") {
			quote = q
		}
	}
	first := strings.Count(book, ",") + 1
	var out []*listing
	for i := range n {
		code := asset.Code(fmt.Sprintf("C%03d", i+1))
		size := int(math.Floor(math.Log10(w.nature(code).usd)))
		l := &listing{pair: market.NewPair(code, quote), tick: 1, lot: 1, index: first + i, pd: 4 - size, qd: max(1+size, 0) + 1}
		l.symbol = name(l)
		out = append(out, l)
	}
	return out
}
