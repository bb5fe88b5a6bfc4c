package venue

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/internal/scan"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/money"
)

func assetCode(s string) asset.Code { return asset.Code(s) }

// ReadLevels reads [[price, size, ...], ...] into the batch's level space. What
// follows the size in a row is skipped.
func ReadLevels(c *scan.Cursor, out *market.Batch) []market.Level {
	levels := out.Levels()
	from := len(levels)
	for ok := c.Arr(); ok && c.NextItem(); {
		if !c.Arr() || !c.NextItem() {
			c.Fail("expected [price, size]")
			break
		}
		p := c.Price()
		if !c.NextItem() {
			c.Fail("level has no size")
			break
		}
		levels = append(levels, market.Level{Price: p, Qty: c.Qty()})
		c.Close()
	}
	return out.KeepLevels(levels, from)
}

// SideOf reads "buy"/"sell" in any case, "b"/"s" and "bid"/"offer"; NoSide for
// anything else, which the caller reports.
func SideOf(b []byte) market.Side {
	if len(b) == 0 {
		return market.NoSide
	}
	switch b[0] {
	case 'b', 'B':
		return market.Buy
	case 's', 'S', 'o', 'O', 'a', 'A':
		return market.Sell
	}
	return market.NoSide
}

// Opposite gives the other side, for venues that state the maker's.
func Opposite(s market.Side) market.Side {
	switch s {
	case market.Buy:
		return market.Sell
	case market.Sell:
		return market.Buy
	}
	return s
}

// Decimals gives the number of decimals of a step such as 0.01 (2) or 0.00000100 (6).
func Decimals(step money.Decimal) int { return step.Trim().Scale() }

// Split guesses base and quote of a symbol without separator from the quotes a
// venue uses, longest first.
func Split(symbol string, quotes []string) (base, quote string, ok bool) {
	for _, q := range quotes {
		if len(symbol) > len(q) && strings.HasSuffix(symbol, q) && len(q) > len(quote) {
			quote = q
		}
	}
	if quote == "" {
		return "", "", false
	}
	return symbol[:len(symbol)-len(quote)], quote, true
}

// Trade appends a trade and returns it for filling in; venue names come from in.
func Trade(out *market.Batch, in *market.Instrument) *market.Trade {
	out.Trades = append(out.Trades, market.Trade{Venue: in.Venue, Pair: in.Pair, Symbol: in.Symbol})
	return &out.Trades[len(out.Trades)-1]
}

// Quote appends a quote and returns it for filling in.
func Quote(out *market.Batch, in *market.Instrument) *market.Quote {
	out.Quotes = append(out.Quotes, market.Quote{Venue: in.Venue, Pair: in.Pair, Symbol: in.Symbol})
	return &out.Quotes[len(out.Quotes)-1]
}

// Book appends a book update and returns it for filling in. Prev is NoPrev.
func Book(out *market.Batch, in *market.Instrument) *market.BookUpdate {
	out.Books = append(out.Books, market.BookUpdate{Venue: in.Venue, Pair: in.Pair, Symbol: in.Symbol, Prev: market.NoPrev})
	return &out.Books[len(out.Books)-1]
}

// Candle appends a candle and returns it for filling in. Trades is -1 (unknown).
func Candle(out *market.Batch, in *market.Instrument, i market.Interval, open time.Time) *market.Candle {
	out.Candles = append(out.Candles, market.Candle{Venue: in.Venue, Pair: in.Pair, Interval: i, Open: open, Trades: -1})
	return &out.Candles[len(out.Candles)-1]
}

// Derivative appends what a contract is said to be and returns it for filling in:
// set Has with each field.
func Derivative(out *market.Batch, in *market.Instrument) *market.Derivative {
	out.Derivatives = append(out.Derivatives, market.Derivative{Venue: in.Venue, Pair: in.Pair, Symbol: in.Symbol})
	return &out.Derivatives[len(out.Derivatives)-1]
}

// Liquidation appends a liquidation and returns it for filling in.
func Liquidation(out *market.Batch, in *market.Instrument) *market.Liquidation {
	out.Liquidations = append(out.Liquidations, market.Liquidation{Venue: in.Venue, Pair: in.Pair, Symbol: in.Symbol})
	return &out.Liquidations[len(out.Liquidations)-1]
}

// Sized turns the sizes of levels into the instrument's unit, in place.
func Sized(in *market.Instrument, levels []market.Level) []market.Level {
	if in.Kind != market.Spot && !in.Contract.IsZero() && in.Unit == market.InBase {
		for i := range levels {
			levels[i].Qty = in.Size(levels[i].Qty)
		}
	}
	return levels
}

// Worth turns a number of contracts into what they are worth in the instrument's unit:
// base for a linear contract, quote for an inverse one. It is for venues that count
// contracts; where the instrument knows no size, the number stays.
func Worth(in *market.Instrument, q money.Qty) money.Qty {
	if in.Kind == market.Spot || in.Unit == market.InContracts || in.Contract.IsZero() {
		return q
	}
	d, err := q.Mul(in.Contract)
	if err != nil {
		return q // beyond 19 digits: no such size trades
	}
	return money.Qty{Decimal: d.Trim()}
}

// WorthLevels is Worth of each level, in place.
func WorthLevels(in *market.Instrument, levels []market.Level) []market.Level {
	for i := range levels {
		levels[i].Qty = Worth(in, levels[i].Qty)
	}
	return levels
}

// Say appends a notice.
func Say(out *market.Batch, k market.NoticeKind, ch market.Channel, symbol, text string) {
	out.Notices = append(out.Notices, market.Notice{Kind: k, Channel: ch, Symbol: symbol, Text: text})
}

// Settle sets Complete on the candles of a REST answer: a bar is complete when the
// venue's own time of the answer, known, has passed its end. Venues whose answers
// carry no time leave the newest bar incomplete.
func Settle(out *market.Batch, known time.Time) {
	newest := -1
	for i := range out.Candles {
		k := &out.Candles[i]
		if !known.IsZero() {
			k.Complete = !k.Interval.Next(k.Open).After(known)
			continue
		}
		k.Complete = true
		if newest < 0 || k.Open.After(out.Candles[newest].Open) {
			newest = i
		}
	}
	if known.IsZero() && newest >= 0 {
		out.Candles[newest].Complete = false
	}
}

// MS writes a time as milliseconds since 1970.
func MS(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }

// Sec writes a time as whole seconds since 1970, rounded up when up is set, so
// that an exclusive end stays exclusive.
func Sec(t time.Time, up bool) string {
	s := t.Unix()
	if up && t.Nanosecond() > 0 && s < math.MaxInt64 {
		s++
	}
	return strconv.FormatInt(s, 10)
}
