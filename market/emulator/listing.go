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
}

func (l *listing) base() string  { return string(l.pair.Base()) }
func (l *listing) quote() string { return string(l.pair.Quote()) }

// cents turns a simulated price into whole units of the last price decimal, on the tick.
func (l *listing) cents(price float64) int64 {
	x := int64(math.Round(price * math.Pow10(l.pd) / float64(l.tick)))
	return max(x, 1) * l.tick
}

// rulebook is what each venue lists: pair, price decimals, size decimals and, where
// the price step is not one unit of the last decimal, the step.
func rulebook(id market.VenueID) string {
	switch id {
	case "binance":
		return `BTC-USDT 2 5, ETH-USDT 2 4, SOL-USDT 2 3, XRP-USDT 4 1, DOGE-USDT 5 0, ADA-USDT 4 1, LTC-USDT 2 3,
			BTC-USDC 2 5, ETH-USDC 2 4, BTC-EUR 2 5, ETH-EUR 2 4, EUR-USDT 4 1, USDC-USDT 5 0`
	case "coinbase", "coinbaseexchange":
		return `BTC-USD 2 8, ETH-USD 2 8, SOL-USD 2 8, XRP-USD 4 6, DOGE-USD 5 1, ADA-USD 4 8, LTC-USD 2 8,
			BTC-EUR 2 8, ETH-EUR 2 8, BTC-USDT 2 8, ETH-USDT 2 8, USDT-USD 5 2`
	case "kraken":
		return `BTC-USD 1 8, ETH-USD 2 8, SOL-USD 2 8, XRP-USD 5 8, DOGE-USD 7 8, ADA-USD 6 8, LTC-USD 2 8,
			BTC-EUR 1 8, ETH-EUR 2 8, BTC-USDT 1 8, ETH-USDT 2 8, USDT-USD 5 8, USDC-USD 4 8, EUR-USD 5 8`
	case "okx":
		return `BTC-USDT 1 8, ETH-USDT 2 6, SOL-USDT 2 6, XRP-USDT 4 6, DOGE-USDT 5 6, ADA-USDT 4 4, LTC-USDT 2 6,
			BTC-USDC 1 8, ETH-USDC 2 6, BTC-EUR 1 8, USDC-USDT 4 6`
	case "bybit":
		return `BTC-USDT 1 6, ETH-USDT 2 5, SOL-USDT 2 3, XRP-USDT 4 2, DOGE-USDT 5 1, ADA-USDT 4 2, LTC-USDT 2 5,
			BTC-USDC 2 6, BTC-EUR 2 6, USDC-USDT 4 2, BTC-USDT-PERP 2 3 10, ETH-USDT-PERP 2 2`
	case "bitstamp":
		return `BTC-USD 0 8, ETH-USD 1 8, SOL-USD 3 8, XRP-USD 5 8, DOGE-USD 5 8, ADA-USD 5 8, LTC-USD 2 8,
			BTC-EUR 0 8, ETH-EUR 1 8, BTC-USDT 0 8, USDT-USD 5 5, USDC-USD 5 5, EUR-USD 5 5`
	}
	return ""
}

// listings reads the rule book; name spells a pair as the venue does; only, when not
// empty, keeps those pairs.
func listings(id market.VenueID, only []market.Pair, name func(*listing) string) []*listing {
	var out []*listing
	for _, row := range strings.Split(rulebook(id), ",") {
		f := strings.Fields(row)
		if len(f) < 3 {
			continue
		}
		l := &listing{pair: market.Pair(f[0]), tick: 1, perp: strings.HasSuffix(f[0], "-PERP"), index: len(out)}
		l.pd, _ = strconv.Atoi(f[1])
		l.qd, _ = strconv.Atoi(f[2])
		if len(f) > 3 {
			l.tick, _ = strconv.ParseInt(f[3], 10, 64)
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
