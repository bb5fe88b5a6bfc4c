package api

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/money"
)

type venuesIn struct {
	State string `query:"state" enum:"live,connecting,stale,down,off" doc:"Only venues in this state"`
	Common
}

type venueIn struct {
	Venue string `path:"venue" maxLength:"32" doc:"Venue" example:"kraken"`
	Common
}

type instrumentsIn struct {
	Venue  string `query:"venue" maxLength:"32" doc:"Only of this venue"`
	Base   string `query:"base" maxLength:"64" doc:"Only with this asset traded" example:"BTC"`
	Quote  string `query:"quote" maxLength:"64" doc:"Only priced in this asset"`
	Kind   string `query:"kind" enum:"spot,perpetual,future,option" doc:"Only of this kind"`
	Status string `query:"status" enum:"trading,halted,cancel_only,pre_trading,delisted,unknown" doc:"Only in this state"`
	Page
	Common
}

// Venue is how a venue's feed is doing.
type Venue struct {
	ID          string     `json:"id"`
	Name        string     `json:"name"`
	State       string     `json:"state" enum:"live,connecting,stale,down,off"`
	Since       *time.Time `json:"since" doc:"Of the state"`
	Reason      *string    `json:"reason" doc:"Why it is not live"`
	Connections int        `json:"connections"`
	Instruments int        `json:"instruments" doc:"What it trades"`
	Subscribed  int        `json:"subscribed" doc:"Pairs that are followed"`
	LastData    *time.Time `json:"last_data_at"`
	Messages    int64      `json:"messages" doc:"Since the start"`
	DecodeFails int64      `json:"decode_failures"`
	Reconnects  int64      `json:"reconnects"`
	Gaps        int64      `json:"gaps"`
	Strange     int64      `json:"strange" doc:"Messages of a kind that is not known"`
	LagP50      float64    `json:"lag_p50_ms" doc:"Our time minus the venue's, over recent messages"`
	LagP99      float64    `json:"lag_p99_ms"`
	Simulated   bool       `json:"simulated"`
	Channels    []string   `json:"channels"`
	Intervals   []string   `json:"intervals" doc:"Candles that the venue itself offers"`
	History     *string    `json:"history" doc:"How far back its own history goes"`
	Docs        *string    `json:"docs" doc:"The venue's documentation"`
	Quirks      []string   `json:"quirks" doc:"What to know about its data"`
}

func (s *Server) venues(_ context.Context, in *venuesIn) (Answer[[]Venue], error) {
	a := Answer[[]Venue]{Data: []Venue{}}
	live := 0
	for _, v := range s.opt.Board.Venues() {
		if in.State != "" && in.State != v.State {
			continue
		}
		a.Data = append(a.Data, venueOf(&v))
		a.Meta.from(v.ID)
		a.Meta.newest(v.LastData)
		if v.State == "live" {
			live++
		}
	}
	a.Meta.Quality.State = feedState(live, len(a.Data))
	return a, nil
}

func feedState(live, all int) string {
	switch {
	case all == 0:
		return "none"
	case live == all:
		return "live"
	case live == 0:
		return "stale"
	}
	return "partial"
}

func (s *Server) venue(_ context.Context, in *venueIn) (Answer[Venue], error) {
	var a Answer[Venue]
	v, err := s.venueState(in.Venue)
	if err != nil {
		return a, err
	}
	a.Data = venueOf(&v)
	a.Meta.from(v.ID)
	a.Meta.newest(v.LastData)
	live := 0
	if v.State == "live" {
		live = 1
	}
	a.Meta.Quality.State = feedState(live, 1)
	return a, nil
}

// venueState finds a venue by its id.
func (s *Server) venueState(id string) (market.VenueState, error) {
	var ids []string
	for _, v := range s.opt.Board.Venues() {
		if string(v.ID) == strings.ToLower(id) {
			return v, nil
		}
		ids = append(ids, string(v.ID))
	}
	return market.VenueState{}, &problemError{
		suggestions: nearest(id, ids, 3),
		error:       fault.At(fault.Unknown, "venue", "%s", didYouMean("there is no venue "+clip(id, 32)+" here", id, ids)),
	}
}

func venueOf(v *market.VenueState) Venue {
	out := Venue{
		ID: string(v.ID), Name: v.Name, State: v.State, Since: moment(v.Since), Reason: known(v.Reason), Connections: v.Connections,
		Instruments: v.Instruments, Subscribed: v.Subscribed, LastData: moment(v.LastData), Messages: v.Messages, DecodeFails: v.DecodeFails,
		Reconnects: v.Reconnects, Gaps: v.Gaps, Strange: v.Strange, LagP50: millis(v.LagP50), LagP99: millis(v.LagP99), Simulated: v.Simulated,
		Channels: words(v.Channels), Intervals: words(v.Intervals), History: known(v.History), Docs: known(v.Docs), Quirks: words(v.Quirks),
	}
	return out
}

func words[T ~string](in []T) []string {
	out := make([]string, len(in))
	for i, w := range in {
		out[i] = string(w)
	}
	return out
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// Instrument is one thing a venue trades.
type Instrument struct {
	Venue       string         `json:"venue"`
	Symbol      string         `json:"symbol" doc:"The venue's own name"`
	Pair        string         `json:"pair" doc:"Ours"`
	Kind        string         `json:"kind" enum:"spot,perpetual,future,option"`
	Base        string         `json:"base"`
	Quote       string         `json:"quote"`
	Status      string         `json:"status" enum:"trading,halted,cancel_only,pre_trading,delisted,unknown"`
	PriceTick   *money.Decimal `json:"price_tick" doc:"Smallest step of the price, in quote; null where the venue does not say"`
	QtyStep     *money.Decimal `json:"qty_step" doc:"Smallest step of the size, in its unit"`
	MinQty      *money.Decimal `json:"min_qty" doc:"In its unit"`
	MinNotional *money.Decimal `json:"min_notional" doc:"In quote"`
	Unit        string         `json:"unit" enum:"base,quote,contracts" doc:"What its sizes count: base, but quote for inverse contracts; contracts where the venue has not told what one is worth"`
	Contract    *money.Decimal `json:"contract_size" doc:"Base that one contract stands for, quote for an inverse one; null for spot"`
	Settle      *string        `json:"settle" doc:"Asset that gains and losses of a contract are paid in"`
	Expiry      *time.Time     `json:"expiry" doc:"When a dated contract ends"`
	Guessed     bool           `json:"guessed" doc:"The venue has not described it yet; the pair was derived from its symbol"`
}

func (s *Server) instruments(_ context.Context, in *instrumentsIn) (Answer[[]Instrument], error) {
	a := Answer[[]Instrument]{Data: []Instrument{}}
	if in.Venue != "" {
		if _, err := s.venueState(in.Venue); err != nil {
			return a, err
		}
	}
	// An asset outside the catalogue may trade all the same: a coin listed this morning.
	base := s.opt.Assets.Normalize("", in.Base)
	quote := s.opt.Assets.Normalize("", in.Quote)
	all := slices.DeleteFunc(s.opt.Board.Instruments(), func(i market.Instrument) bool {
		return (in.Venue != "" && !strings.EqualFold(string(i.Venue), in.Venue)) ||
			(in.Base != "" && i.Base != base) || (in.Quote != "" && i.Quote != quote) ||
			(in.Kind != "" && string(i.Kind) != in.Kind) || (in.Status != "" && string(i.Status) != in.Status)
	})
	all, err := page(all, in.Page, &a.Meta, filterDigest("instruments", in.Venue, string(base), string(quote), in.Kind, in.Status))
	if err != nil {
		return a, err
	}
	for i := range all {
		a.Data = append(a.Data, instrumentOf(&all[i]))
		a.Meta.from(all[i].Venue)
	}
	slices.Sort(a.Meta.Sources)
	return a, nil
}

func instrumentOf(i *market.Instrument) Instrument {
	return Instrument{
		Venue: string(i.Venue), Symbol: i.Symbol, Pair: string(i.Pair), Kind: string(i.Kind), Base: string(i.Base), Quote: string(i.Quote), Status: string(i.Status),
		PriceTick: stated(i.PriceTick), QtyStep: stated(i.QtyStep), MinQty: stated(i.MinQty), MinNotional: stated(i.MinNotional), Unit: unitName(i.Unit), Contract: stated(i.Contract), Settle: known(string(i.Settle)), Expiry: moment(i.Expiry), Guessed: i.Guessed,
	}
}

// unitName is a unit in words.
func unitName(u market.Unit) string {
	if u == market.InBase {
		return "base"
	}
	return string(u)
}

// stated is a decimal, or null when it is zero, which means not stated.
func stated(d money.Decimal) *money.Decimal {
	if d.IsZero() {
		return nil
	}
	return &d
}
