// Package insight is what market data means: figures of assets, of categories and of the
// market as a whole.
//
// It holds words only: types and the interfaces that faces need, without I/O, goroutines
// or clocks. Amounts of money are exact decimals; shares, changes and ranks are statistics
// in float64. What always holds: a figure says as of when it is and what is wrong with it,
// and one that cannot be had is absent, never zero and never guessed.
//
// The engine insight/figures computes them; api and its compatible faces show them.
package insight

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/money"
)

// Window is a span of time that changes are told for, looking back from now.
type Window string

// The windows.
const (
	Hour      Window = "1h"
	Day       Window = "24h"
	Week      Window = "7d"
	Fortnight Window = "14d"
	Month     Window = "30d"
	TwoMonths Window = "60d"
	Days200   Window = "200d"
	Year      Window = "1y"
)

// Windows lists them, shortest first.
func Windows() []Window {
	return []Window{Hour, Day, Week, Fortnight, Month, TwoMonths, Days200, Year}
}

// Length is the window's span; a year is 365 days.
func (w Window) Length() time.Duration {
	const day = 24 * time.Hour
	switch w {
	case Hour:
		return time.Hour
	case Day:
		return day
	case Week:
		return 7 * day
	case Fortnight:
		return 14 * day
	case Month:
		return 30 * day
	case TwoMonths:
		return 60 * day
	case Days200:
		return 200 * day
	case Year:
		return 365 * day
	}
	return 0
}

// Change is how a price moved over a window.
type Change struct {
	From    money.Decimal // the price then
	At      time.Time     // when it was that: at or before the window's beginning
	Percent float64       // 100 (now/then - 1)
}

// Extreme is a highest or lowest price.
type Extreme struct {
	Price   money.Decimal
	At      time.Time // the beginning of the day (UTC) it was reached on
	Percent float64   // of the price now from it: 100 (now/extreme - 1)
}

// Supply is how many units of an asset there are, from a table: nobody can compute it
// from trades.
type Supply struct {
	Circulating *money.Decimal // nil: not known
	Total       *money.Decimal
	Max         *money.Decimal // nil: none, or not known
	AsOf        time.Time      // of the table's row
	Source      string         // who said so
}

// Point is a value at a time.
type Point struct {
	At    time.Time
	Price money.Decimal
}

// Figures are what is known of an asset now, in one currency (Quote). Nil is unknown.
type Figures struct {
	Asset asset.Code
	Quote asset.Code
	At    time.Time // newest price in it
	Price *money.Decimal

	High24h, Low24h *money.Decimal
	Volume24h       *money.Decimal // traded in 24 h at the venues that are followed, in Quote
	VolumeBase24h   *money.Decimal // the same in units of the asset

	Supply      Supply
	Cap         *money.Decimal // price times circulating supply
	CapDiluted  *money.Decimal // price times maximum supply, or total where there is no maximum
	Rank        int            // by Cap, 1 is the greatest, 0 none
	Excluded    string         // why it has no rank and is in no total: "" if it has, else fiat, metal, commodity, stablecoin, wrapped, staked or migrated
	CapBefore   *money.Decimal // Cap 24 h ago, with the supply of now
	Changes     map[Window]Change
	High, Low   *Extreme // of the history that is stored, which begins at Since
	Since       time.Time
	RSI14       *float64 // of the daily closes in a row that end with the price now
	Sparkline   []Point  // hourly, seven days, oldest first; absent hours are left out
	Marks       []string // what is wrong with it, in the words of docs/insight/figures.md
	Simulated   bool
	Contributed []string // venues whose data is in it
}

// Share is a part of the whole market.
type Share struct {
	Asset   asset.Code
	Percent float64
}

// Global is the market as a whole, as far as it is followed.
type Global struct {
	At          time.Time
	Quote       asset.Code
	Assets      int // with a price
	WithSupply  int // with a market capitalisation: only those are in the totals
	Markets     int // pairs at venues
	Venues      int
	Cap         money.Decimal
	CapBefore   money.Decimal // 24 h ago, of the assets that had a price then
	CapPercent  float64       // change over 24 h
	Volume24h   money.Decimal
	Dominance   []Share // greatest first
	Simulated   bool
	Breadth     float64 // part of the assets that rose over 24 h, 0 to 1
	Description string  // of what is covered, for people
}

// Category is a group of assets.
type Category struct {
	ID         string // a slug: layer-1
	Name       string
	Assets     []asset.Code // by Cap, greatest first
	Cap        money.Decimal
	CapPercent *float64 // change over 24 h
	Volume24h  money.Decimal
	At         time.Time
}

// Market tells figures. It answers from memory; what it has not got yet is Unavailable.
type Market interface {
	// Figures of one asset in a currency (USD, EUR, BTC ...). Unknown when there is no such
	// asset or currency.
	Figures(ctx context.Context, a, quote asset.Code) (Figures, error)
	// All are the figures of every asset with a price, by Cap, those without last.
	All(ctx context.Context, quote asset.Code) ([]Figures, error)
	// Global is the market as a whole.
	Global(ctx context.Context, quote asset.Code) (Global, error)
	// Categories are the groups, by Cap.
	Categories(ctx context.Context, quote asset.Code) ([]Category, error)
	// Rate is how many units of to one unit of from is worth, with the time it is of.
	Rate(ctx context.Context, from, to asset.Code) (money.Decimal, time.Time, error)
}

// Movers are the assets whose price moved most over a window: gainers, greatest rise
// first, or losers, greatest fall first. Those without a change, with a volume below
// least (in their quote) and the excluded ones (stablecoins and other forms) are left out.
func Movers(all []Figures, w Window, losers bool, least money.Decimal) []Figures {
	var out []Figures
	for _, f := range all {
		c, ok := f.Changes[w]
		if !ok || f.Excluded != "" || c.Percent == 0 || losers != (c.Percent < 0) {
			continue
		}
		if least.Sign() > 0 && (f.Volume24h == nil || f.Volume24h.Cmp(least) < 0) {
			continue
		}
		out = append(out, f)
	}
	slices.SortStableFunc(out, func(a, b Figures) int {
		d := cmp.Compare(b.Changes[w].Percent, a.Changes[w].Percent)
		if losers {
			d = -d
		}
		return cmp.Or(d, strings.Compare(string(a.Asset), string(b.Asset)))
	})
	return out
}
