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

// Mixed gathers the levels of a message whose sides come mixed: bids go into the batch's
// level space, asks behind them. It keeps its space for reuse.
type Mixed struct {
	bids, asks []market.Level
	from       int
}

// Begin begins a message.
func (m *Mixed) Begin(out *market.Batch) {
	m.bids, m.asks = out.Levels(), m.asks[:0]
	m.from = len(m.bids)
}

// Add takes the next level.
func (m *Mixed) Add(ask bool, l market.Level) {
	if ask {
		m.asks = append(m.asks, l)
	} else {
		m.bids = append(m.bids, l)
	}
}

// End gives the two sides, each in the order it came in.
func (m *Mixed) End(out *market.Batch) (bids, asks []market.Level) {
	n := len(m.bids) - m.from
	all := out.KeepLevels(append(m.bids, m.asks...), m.from)
	m.bids = nil
	return all[:n:n], all[n:]
}

// Read reads [[side, price, size], …].
func (m *Mixed) Read(c *scan.Cursor, out *market.Batch) (bids, asks []market.Level) {
	m.Begin(out)
	for ok := c.Arr(); ok && c.NextItem(); {
		var l market.Level
		side, n := market.NoSide, 0
		for ok := c.Arr(); ok && c.NextItem(); n++ {
			switch n {
			case 0:
				side = SideOf(c.Str())
			case 1:
				l.Price = c.Price()
			case 2:
				l.Qty = c.Qty()
			default:
				c.Skip()
			}
		}
		if n < 3 || side == market.NoSide {
			c.Fail("expected [side, price, size]")
		}
		m.Add(side == market.Sell, l)
	}
	return m.End(out)
}

// SideOf reads "buy" and "sell", "bid", "ask" and "offer" and the first letters of these,
// in small letters, in capitals or with one; NoSide for anything else, which the caller
// reports.
func SideOf(b []byte) market.Side {
	switch string(b) { // as most write it, without folding
	case "buy", "BUY", "Buy", "b", "B", "bid", "BID", "Bid":
		return market.Buy
	case "sell", "SELL", "Sell", "s", "S", "ask", "ASK", "Ask", "a", "A", "offer", "OFFER", "Offer", "o", "O":
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

// Clock reads the venue's time from a member of the object that comes next.
func Clock(c *scan.Cursor, out *market.Batch, member string, read func(*scan.Cursor) time.Time) {
	for ok := c.Obj(); ok && c.NextKey(); {
		if c.Is(member) {
			out.Clock = read(c)
		} else {
			c.Skip()
		}
	}
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
