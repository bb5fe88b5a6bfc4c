package insight

import (
	"context"
	"time"

	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/money"
)

// Ticker is what one pair did at one venue in the span up to now. Nil is unknown; a pair
// that is followed and did not trade has a volume of zero and no prices.
type Ticker struct {
	market.Series
	Span time.Duration // as asked for
	From time.Time     // the span's beginning, a whole minute
	// Since is from where on trades are known: From, or later while less is known than was
	// asked for. Zero: nothing is known.
	Since time.Time
	// Until is the end of what is in it: the time of the data.
	Until time.Time

	Open, High, Low, Close *money.Price
	ClosedAt               time.Time      // beginning of the minute that Close is of
	Base                   *money.Decimal // traded, in units of the base asset
	Quote                  *money.Decimal // traded, in units of the quote asset
	Trades                 *int64
	VWAP                   *money.Price // Quote / Base
	Marks                  []string     // what is wrong with it, in the words of docs/insight/tickers.md
}

// Hours is how much of the span is known.
func (t *Ticker) Hours() float64 {
	if t.Since.IsZero() {
		return 0
	}
	return min(t.Until.Sub(t.Since), t.Span).Hours()
}

// Spans of tickers.
var spans = map[Window]time.Duration{Hour: time.Hour, "4h": 4 * time.Hour, Day: 24 * time.Hour, Week: 7 * 24 * time.Hour}

// TickerSpan is the length of a window that tickers are told for: 1h, 4h, 24h and 7d.
func TickerSpan(w Window) (time.Duration, bool) {
	d, ok := spans[w]
	return d, ok
}

// Tickers tells what pairs did in the last hours.
type Tickers interface {
	// Ticker of one series over a span, a whole number of hours from one hour to seven days.
	Ticker(ctx context.Context, s market.Series, span time.Duration) (Ticker, error)
	// Stored tells which series have bars that end after a time.
	Stored(ctx context.Context, after time.Time) (func(market.Series) bool, error)
}
