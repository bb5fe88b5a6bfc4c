package api

import (
	"context"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/assayhq/assay/market"
)

type scoresIn struct {
	Venue string `query:"venue" maxLength:"32" doc:"Only of this venue"`
	Pair  string `query:"pair" maxLength:"64" doc:"Of this pair at every venue, instead of the venues as wholes" example:"BTC-USD"`
	Pairs bool   `query:"pairs" doc:"Each pair of the venues too"`
	Page
	Common
}

// Score is how a venue, or one pair of it, behaved over the last day at most.
type Score struct {
	Venue       string        `json:"venue"`
	Pair        *string       `json:"pair" doc:"Null: the venue as a whole"`
	From        *time.Time    `json:"from" doc:"Since when it is watched; at most a day"`
	To          time.Time     `json:"to"`
	Uptime      *float64      `json:"uptime" doc:"Share of that time with valid, fresh data; of a venue: with a living feed"`
	Lag         *Distribution `json:"lag_ms" doc:"Our time minus the venue's"`
	Clock       *ClockOffset  `json:"clock" doc:"The venue's clock against ours; null where it was not measured"`
	Gaps        int64         `json:"gaps" doc:"That began"`
	OpenGaps    int64         `json:"open_gaps"`
	GapTime     float64       `json:"gap_s" doc:"Length of the gaps that are over"`
	Repaired    int64         `json:"repaired" doc:"Gaps that were filled later"`
	Restored    int64         `json:"restored" doc:"Trades that were added by it"`
	SpreadBps   *Distribution `json:"spread_bps" doc:"Best ask less best bid, in basis points of the middle"`
	Depth10     *Sides        `json:"depth_10bps" doc:"Mean value resting within 10 basis points of the middle, in the pair's quote; null for a venue as a whole"`
	Depth100    *Sides        `json:"depth_100bps" doc:"The same within 100"`
	AwayBps     *Distribution `json:"away_bps" doc:"Distance of its middle from the consensus price, in basis points"`
	Frozen      *float64      `json:"frozen" doc:"Share of the time in which it stood still while the others moved"`
	Trades      int64         `json:"trades"`
	Outliers    *float64      `json:"outliers" doc:"Share of trades far from its own recent prices"`
	Astray      *float64      `json:"astray" doc:"Share of trades far from the consensus of that moment"`
	Duplicates  *float64      `json:"duplicates" doc:"Share of trades that came twice"`
	OutOfOrder  *float64      `json:"out_of_order" doc:"Share of trades older than the one before"`
	SideChecked int64         `json:"side_checked" doc:"Trades far enough from the middle of their book to tell who crossed the spread"`
	SideAgrees  *float64      `json:"side_agrees" doc:"Share of those whose stated side did; far below 1, and the venue may state the maker's"`
	Bars        int64         `json:"bars_compared" doc:"Candles of ours that were held against the venue's own"`
	BarsEqual   *float64      `json:"bars_equal" doc:"Share of them that agree"`
	Strange     int64         `json:"strange" doc:"Messages and values that are not known; of venues only"`
	DecodeFails int64         `json:"decode_failures"`
	Reconnects  int64         `json:"reconnects"`
	Wash        Wash          `json:"wash" doc:"What the literature looks at for wash trading. Compare venues in one pair; no single number proves anything"`
}

// Distribution is a distribution in three numbers, right within a fifth.
type Distribution struct {
	P50 float64 `json:"p50"`
	P90 float64 `json:"p90"`
	P99 float64 `json:"p99"`
	N   int64   `json:"n" doc:"Values it is of"`
}

// ClockOffset is what a venue's clock is ahead of ours.
type ClockOffset struct {
	Ms     float64   `json:"offset_ms" doc:"Above 0: the venue's clock is ahead"`
	Within float64   `json:"within_ms" doc:"Half of the time the question took"`
	At     time.Time `json:"at"`
}

// Sides is an amount on each side of a book.
type Sides struct {
	Bid float64 `json:"bid"`
	Ask float64 `json:"ask"`
}

// Wash is what may hint at wash trading.
type Wash struct {
	Benford  *float64 `json:"benford" doc:"Mean deviation of the first digits of sizes from Benford's law: below 0.006 close, above 0.015 not. Null below 500 trades"`
	Round    *float64 `json:"round" doc:"Share of sizes with at most two significant digits, which people prefer"`
	Echo     *float64 `json:"echo" doc:"Share of trades that repeat the size before within a second on the other side"`
	Turnover *float64 `json:"turnover" doc:"Value traded per hour in multiples of what rests within one percent of the middle"`
}

func (s *Server) scores(_ context.Context, in *scoresIn) (Answer[[]Score], error) {
	a := Answer[[]Score]{Data: []Score{}}
	v, p, err := s.series(in.Venue, in.Pair)
	if err != nil {
		return a, err
	}
	list := s.opt.Board.Scores(v, p)
	if p == "" && !in.Pairs {
		list = slices.DeleteFunc(list, func(x market.Score) bool { return x.Pair != "" })
	}
	slices.SortStableFunc(list, func(x, y market.Score) int { return strings.Compare(string(x.Venue), string(y.Venue)) })
	flag := ""
	if in.Pairs {
		flag = "pairs"
	}
	if list, err = page(list, in.Page, &a.Meta, filterDigest("scores", in.Venue, string(p), flag)); err != nil {
		return a, err
	}
	for i := range list {
		a.Data = append(a.Data, scoreOf(&list[i]))
		a.Meta.from(list[i].Venue)
		a.Meta.newest(list[i].To)
	}
	slices.Sort(a.Meta.Sources)
	return a, nil
}

func scoreOf(x *market.Score) Score {
	out := Score{
		Venue: string(x.Venue), Pair: known(string(x.Pair)), From: moment(x.From), To: x.To, Uptime: measured(x.Uptime),
		Lag: distribution(x.Lag), Gaps: x.Gaps, OpenGaps: x.OpenGaps, GapTime: x.GapTime.Seconds(), Repaired: x.Repaired, Restored: x.Restored,
		SpreadBps: distribution(x.SpreadBps), AwayBps: distribution(x.AwayBps), Frozen: measured(x.Frozen),
		Trades: x.Trades, Outliers: measured(x.Outliers), Astray: measured(x.Astray), Duplicates: measured(x.Duplicates), OutOfOrder: measured(x.OutOfOrder),
		SideChecked: x.SideChecked, SideAgrees: measured(x.SideAgrees), Bars: x.BarsCompared, BarsEqual: measured(x.BarsEqual),
		Strange: x.Strange, DecodeFails: x.DecodeFails, Reconnects: x.Reconnects,
		Wash: Wash{Benford: measured(x.Wash.Benford), Round: measured(x.Wash.Round), Echo: measured(x.Wash.Echo), Turnover: measured(x.Wash.Turnover)},
	}
	if !x.OffsetAt.IsZero() {
		out.Clock = &ClockOffset{Ms: millis(x.Offset), Within: millis(x.OffsetError), At: x.OffsetAt}
	}
	if x.Pair != "" && !math.IsNaN(x.DepthBid10) { // values in different quotes do not add up
		out.Depth10 = &Sides{Bid: digits(x.DepthBid10), Ask: digits(x.DepthAsk10)}
		out.Depth100 = &Sides{Bid: digits(x.DepthBid100), Ask: digits(x.DepthAsk100)}
	}
	return out
}

// measured is a statistic, or null for -1, which means that nothing was there to measure.
func measured(v float64) *float64 {
	if v < 0 {
		return nil
	}
	v = digits(v)
	return &v
}

// digits rounds a statistic to six significant digits.
func digits(v float64) float64 {
	if v == 0 || math.IsNaN(v) || math.IsInf(v, 0) {
		return 0
	}
	p := math.Pow10(5 - int(math.Floor(math.Log10(math.Abs(v)))))
	return math.Round(v*p) / p
}

func distribution(x market.Spread) *Distribution {
	if x.N == 0 {
		return nil
	}
	return &Distribution{P50: digits(x.P50), P90: digits(x.P90), P99: digits(x.P99), N: x.N}
}
