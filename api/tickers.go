package api

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/insight"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/money"
)

func (s *Server) registerTickers(t insight.Tickers) {
	f := tickersFace{s, t}
	add(s, Operation{ID: "list-tickers", Method: http.MethodGet, Path: "/v1/tickers", Scope: access.MarketRead, Cost: 3, Tag: "Prices", Summary: "What each pair did in the last hours, at each venue",
		Doc: "Last, best bid and ask, and open, high, low, change and volumes of a window that rolls with the clock: the whole minutes before this one, and this one so far. It is made of the trades that were recorded here, by the same rule for every venue. A window that is not full yet says since when it is measured."}, f.list)
}

type tickersFace struct {
	*Server
	t insight.Tickers
}

type tickersIn struct {
	Venue  string `query:"venue" maxLength:"32" doc:"Only at this venue" example:"kraken"`
	Pair   string `query:"pair" maxLength:"64" doc:"Only of this pair" example:"BTC-USD"`
	Base   string `query:"base" maxLength:"64" doc:"Only pairs of this asset" example:"BTC"`
	Quote  string `query:"quote" maxLength:"64" doc:"Only pairs that are priced in this asset" example:"USD"`
	Kind   string `query:"kind" enum:"spot,perpetual,future,option" doc:"Only of this kind"`
	Window string `query:"window" enum:"1h,4h,24h,7d" default:"24h" doc:"How far back"`
	Limit  int    `query:"limit" minimum:"1" maximum:"500" default:"100" doc:"Rows at most"`
	Cursor string `query:"cursor" maxLength:"512" doc:"From next_cursor of the page before; the other parameters stay the same"`
	Common
}

// Ticker is what one pair did at one venue in a window.
type Ticker struct {
	Venue       string         `json:"venue"`
	Pair        string         `json:"pair"`
	Kind        string         `json:"kind" enum:"spot,perpetual,future,option"`
	Last        *money.Price   `json:"last" doc:"Price of the newest trade, whenever it was"`
	TS          *int64         `json:"ts" doc:"When that was, milliseconds"`
	Bid         *money.Price   `json:"bid" doc:"Best bid of its valid book, or its newest quote"`
	Ask         *money.Price   `json:"ask"`
	QuoteTS     *int64         `json:"quote_ts" doc:"When bid and ask were so, milliseconds"`
	Open        *money.Price   `json:"open" doc:"Of the first trade in the window; null where none was"`
	High        *money.Price   `json:"high"`
	Low         *money.Price   `json:"low"`
	Change      *money.Decimal `json:"change" doc:"Last less open"`
	Percent     *float64       `json:"change_percent" doc:"The change in percent of open"`
	VolumeBase  *money.Decimal `json:"volume_base" doc:"Traded in units of the base asset; null of contracts whose size is not in it"`
	VolumeQuote *money.Decimal `json:"volume_quote" doc:"Traded in units of the quote asset"`
	Trades      *int64         `json:"trades" doc:"Null where a bar of the venue's does not say"`
	VWAP        *money.Price   `json:"vwap" doc:"Mean price, weighted by volume: volume_quote / volume_base"`
	Window      string         `json:"window" enum:"1h,4h,24h,7d"`
	Start       int64          `json:"start_ts" doc:"The window's beginning, milliseconds"`
	Since       *int64         `json:"since_ts" doc:"From where on trades are known: start_ts, or later while the window is not full"`
	Hours       float64        `json:"hours" doc:"How much of the window that is"`
	State       string         `json:"state" enum:"live,stale,none" doc:"Of the venue's trades of this pair"`
	Marks       []string       `json:"marks,omitempty" doc:"What is wrong with it; see docs/insight/tickers"`
}

func (f tickersFace) list(ctx context.Context, in *tickersIn) (Answer[[]Ticker], error) {
	a := Answer[[]Ticker]{Data: []Ticker{}}
	v, p, err := f.series(in.Venue, in.Pair)
	if err != nil {
		return a, err
	}
	span, _ := insight.TickerSpan(insight.Window(in.Window))
	now := f.opt.Board.Now()
	stored, err := f.t.Stored(ctx, now.Add(-span-time.Minute))
	if err != nil {
		return a, err
	}
	base, quote := f.opt.Assets.Normalize("", in.Base), f.opt.Assets.Normalize("", in.Quote)
	list := slices.DeleteFunc(f.opt.Board.Instruments(), func(i market.Instrument) bool {
		return v != "" && i.Venue != v || p != "" && i.Pair != p || in.Base != "" && i.Base != base || in.Quote != "" && i.Quote != quote || in.Kind != "" && string(i.Kind) != in.Kind ||
			!stored(market.Series{Venue: i.Venue, Pair: i.Pair}) && len(f.opt.Board.LastTrades(i.Venue, i.Pair, 1)) == 0
	})
	if list, err = page(list, Page{in.Limit, in.Cursor}, &a.Meta, filterDigest("tickers", in.Venue, string(p), in.Base, in.Quote, in.Kind, in.Window)); err != nil {
		return a, err
	}
	of, state := f.instrument(), f.tradeStates(v, p)
	live, marks := 0, map[string]bool{}
	var quotes []market.Quote
	for i := range list {
		x := &list[i]
		if i == 0 || list[i-1].Pair != x.Pair {
			quotes = f.opt.Board.Quotes(x.Pair)
		}
		t, err := f.t.Ticker(ctx, market.Series{Venue: x.Venue, Pair: x.Pair}, span)
		if err != nil {
			return a, err
		}
		row := f.row(x, of(x.Venue, x.Pair).Unit, &t, quotes, in.Window)
		row.State = state(x.Venue, x.Pair)
		if row.State == "live" {
			live++
		}
		for _, m := range row.Marks {
			marks[m] = true
		}
		a.Meta.from(x.Venue)
		if row.TS != nil {
			a.Meta.newest(time.UnixMilli(*row.TS).UTC())
		}
		a.Data = append(a.Data, row)
	}
	slices.Sort(a.Meta.Sources)
	a.Meta.Quality.State = feedState(live, len(a.Data))
	for m := range marks {
		a.Meta.Quality.Marks = append(a.Meta.Quality.Marks, m)
	}
	slices.Sort(a.Meta.Quality.Marks)
	return a, nil
}

// tradeStates gives a function that tells how the trades of a series come in.
func (f tickersFace) tradeStates(v market.VenueID, p market.Pair) func(market.VenueID, market.Pair) string {
	states := map[market.Series]string{}
	for _, q := range f.opt.Board.Quality(v, p) {
		if q.Channel == market.Trades {
			states[market.Series{Venue: q.Venue, Pair: q.Pair}] = q.State
		}
	}
	return func(v market.VenueID, p market.Pair) string {
		if s := states[market.Series{Venue: v, Pair: p}]; s != "" {
			return s
		}
		return "none"
	}
}

func (f tickersFace) row(x *market.Instrument, unit market.Unit, t *insight.Ticker, quotes []market.Quote, window string) Ticker {
	out := Ticker{
		Venue: string(x.Venue), Pair: string(x.Pair), Kind: string(x.Kind), Open: t.Open, High: t.High, Low: t.Low, VolumeBase: t.Base, VolumeQuote: t.Quote, Trades: t.Trades, VWAP: t.VWAP,
		Window: window, Start: t.From.UnixMilli(), Since: milli(t.Since), Hours: round4(t.Hours()), Marks: t.Marks,
	}
	if x.Kind == market.Spot {
		unit = market.InBase
	}
	switch unit { // sizes of such contracts are no amounts of the base
	case market.InQuote:
		out.VolumeBase, out.VolumeQuote, out.VWAP = nil, t.Base, nil
	case market.InContracts:
		out.VolumeBase, out.VolumeQuote, out.VWAP = nil, nil, nil
	}
	if last := f.opt.Board.LastTrades(x.Venue, x.Pair, 1); len(last) > 0 && !last[0].At.Before(t.ClosedAt) {
		l := &last[0]
		out.Last, out.TS = &l.Price, milli(l.At)
		out.Marks = append(out.Marks, l.Marks.Names()...)
		if t.Open != nil && !l.At.Before(t.From) { // a minute that just ended may be on its way to the store
			if l.Price.Cmp(t.High.Decimal) > 0 {
				out.High = &l.Price
			}
			if l.Price.Cmp(t.Low.Decimal) < 0 {
				out.Low = &l.Price
			}
		}
	} else if t.Close != nil {
		out.Last, out.TS = t.Close, milli(t.ClosedAt)
	}
	if out.Open != nil && out.Last != nil {
		if c, err := out.Last.Sub(out.Open.Decimal); err == nil {
			out.Change = &c
		}
		if o := out.Open.Float64(); o > 0 {
			out.Percent = ptr(round6(100 * (out.Last.Float64()/o - 1)))
		}
	}
	for i := range quotes {
		if q := &quotes[i]; q.Venue == x.Venue {
			out.Bid, out.Ask, out.QuoteTS = positive(q.Bid), positive(q.Ask), milli(q.At)
			if out.QuoteTS == nil {
				out.QuoteTS = milli(q.Received)
			}
			if q.Marks&market.Crossed != 0 {
				out.Marks = append(out.Marks, market.Crossed.Names()...)
			}
		}
	}
	slices.Sort(out.Marks)
	out.Marks = slices.Compact(out.Marks)
	return out
}

// positive is a price, or null where there is none.
func positive(p money.Price) *money.Price {
	if p.Sign() <= 0 {
		return nil
	}
	return &p
}
