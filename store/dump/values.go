package dump

import (
	"strings"
	"time"

	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/money"
)

// decimal reads a number exactly.
func (w *row) decimal(name string) money.Decimal {
	text := w.get(name)
	d, err := money.Parse([]byte(text))
	switch {
	case text == "":
		w.bad(name, "the row may have been cut off", "there is no value")
	case err == money.ErrRange:
		w.bad(name, "a value holds at most 19 digits and 19 decimals", "%s has too many digits", clip(text, 40))
	case err != nil:
		w.bad(name, "write a plain decimal number", "%q is not a number", clip(text, 40))
	}
	return d
}

func (w *row) price(name string) money.Price {
	d := w.decimal(name)
	if d.Sign() <= 0 {
		w.bad(name, "check the order of the columns", "a price is above 0, this is %s", d)
	}
	return money.Price{Decimal: d}
}

func (w *row) qty(name string) money.Qty {
	d := w.decimal(name)
	if d.IsNeg() {
		w.bad(name, "write the size without its side", "a size is not below 0, this is %s", d)
	}
	return money.Qty{Decimal: d}
}

// count reads a whole number.
func (w *row) count(name string) int64 {
	text := w.get(name)
	n, ok := whole(text)
	if !ok {
		w.bad(name, "write a whole number", "%q is not a whole number", clip(text, 40))
	}
	return n
}

func whole(s string) (int64, bool) {
	if s == "" || len(s) > 18 {
		return 0, false
	}
	var n int64
	for i := range len(s) {
		d := s[i] - '0'
		if d > 9 {
			return 0, false
		}
		n = n*10 + int64(d)
	}
	return n, true
}

// The units of a time are told apart by size: the ranges of plausible years do
// not touch.
var (
	earliest = time.Date(2009, 1, 1, 0, 0, 0, 0, time.UTC)
	latest   = time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
)

// time reads a Unix time in seconds (a fraction is allowed), milliseconds,
// microseconds or nanoseconds.
func (w *row) time(name string) time.Time {
	text := w.get(name)
	t, ok := moment(text)
	switch {
	case ok && (t.Before(earliest) || t.After(latest)):
		w.bad(name, "times are Unix seconds, milli-, micro- or nanoseconds", "%s would be %s", text, t.Format(time.RFC3339))
	case ok:
		return t
	case strings.ContainsAny(text, "eE"):
		w.bad(name, "a spreadsheet has rounded it; download the file again", "%q is not exact", clip(text, 40))
	default:
		w.bad(name, "times are Unix seconds, milli-, micro- or nanoseconds", "%q is not a time", clip(text, 40))
	}
	return time.Time{}
}

func moment(s string) (time.Time, bool) {
	digits, fraction, split := strings.Cut(s, ".")
	n, ok := whole(digits)
	if !ok && len(digits) == 19 { // nanoseconds until the year 2262
		var last int64
		if n, ok = whole(digits[:18]); ok {
			if last, ok = whole(digits[18:]); ok && n < 900_000_000_000_000_000 {
				n = n*10 + last
			}
		}
	}
	if !ok {
		return time.Time{}, false
	}
	unit := int64(1)
	switch {
	case n < 1e11:
		unit = 1e9
	case n < 1e14:
		unit = 1e6
	case n < 1e17:
		unit = 1e3
	}
	var rest int64
	if split {
		if fraction = strings.TrimRight(fraction, "0"); len(fraction) > 9 {
			fraction = fraction[:9] // below a nanosecond
		}
		if fraction != "" {
			if rest, ok = whole(fraction); !ok {
				return time.Time{}, false
			}
		}
		rest *= unit
		for range fraction {
			rest /= 10
		}
	}
	seconds := 1e9 / unit // how many units a second has
	return time.Unix(n/seconds, n%seconds*unit+rest).UTC(), true
}

// side reads the taker's side.
func (w *row) side(name string) market.Side {
	switch text := w.get(name); strings.ToLower(text) {
	case "buy":
		return market.Buy
	case "sell":
		return market.Sell
	case "", "any", "unknown":
		return market.NoSide
	default:
		w.bad(name, "write buy or sell", "%q is no side", clip(text, 20))
	}
	return market.NoSide
}

// makerSide turns "the buyer was the maker" round.
func (w *row) makerSide(name string) market.Side {
	if w.truth(name) {
		return market.Sell
	}
	return market.Buy
}

func (w *row) truth(name string) bool {
	switch text := w.get(name); strings.ToLower(text) {
	case "true":
		return true
	case "false":
	default:
		w.bad(name, "write true or false", "%q is not true or false", clip(text, 20))
	}
	return false
}

// symbol is the venue's name of what the row is of: the row's own, or the one in
// the file's name. All rows of a file have the same.
func (w *row) symbol() string {
	f := w.f
	if !f.layout.has("symbol") {
		return f.Hint.Symbol
	}
	got := w.get("symbol")
	switch {
	case got == "":
		w.bad("symbol", "name the symbol", "there is no symbol")
	case f.symbol == "":
		f.symbol = strings.Clone(got)
	case f.symbol != got:
		w.bad("symbol", "give each symbol its own file", "this row is of %s, the file of %s", clip(got, 40), f.symbol)
	}
	return f.symbol
}

// interval gives the interval of a candle: the file's, or the one that lasts as
// long as the first candle.
func (w *row) interval(length time.Duration) market.Interval {
	into := &w.f.into
	if into.Interval == "" && length > 0 && w.err == nil {
		into.Interval = intervalOf(length)
	}
	if into.Interval == "" {
		w.bad("", "say which interval it is", "the length of the candles is not known")
		return ""
	}
	if length > 0 && intervalOf(length) != into.Interval {
		w.bad("close_time", "give each interval its own file", "this candle lasts %s, those of the file %s", length, into.Interval)
	}
	return into.Interval
}

// intervalOf gives the interval of a length; a month has 28 to 31 days.
func intervalOf(length time.Duration) market.Interval {
	for _, i := range market.Intervals() {
		if i.Length() == length {
			return i
		}
	}
	if days := length.Hours() / 24; days >= 28 && days <= 31 {
		return "1M"
	}
	return ""
}
