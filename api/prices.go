package api

import (
	"context"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/money"
)

type pricesIn struct {
	Assets string `query:"assets" maxLength:"2000" doc:"Assets, separated by commas; at most 100. Default all" example:"BTC,ETH"`
	Quote  string `query:"quote" default:"USD" maxLength:"64" doc:"Asset that prices are in"`
	Common
}

type priceIn struct {
	Asset string `path:"asset" maxLength:"128" doc:"Code, name, id or contract address" example:"BTC"`
	Quote string `query:"quote" default:"USD" maxLength:"64" doc:"Asset that the price is in"`
	Common
}

type quotesIn struct {
	Pair string `path:"pair" maxLength:"64" doc:"Pair" example:"BTC-USD"`
	Common
}

// Price is one fair price over several venues.
type Price struct {
	Asset      string       `json:"asset"`
	Quote      string       `json:"quote"`
	Price      *money.Price `json:"price" doc:"Of one unit of the asset, in the quote; null when no venue gives one now"`
	Low        *money.Price `json:"low" doc:"The true price is not below this, by spreads and disagreement"`
	High       *money.Price `json:"high" doc:"Nor above this"`
	Confidence float64      `json:"confidence" minimum:"0" maximum:"1" doc:"How many independent venues agree, and how fresh they are"`
	TS         *int64       `json:"ts" doc:"Newest contribution, milliseconds"`
	Computed   *int64       `json:"computed_ts" doc:"When it was computed, milliseconds"`
	Sources    []string     `json:"sources" doc:"Venues that counted"`
	Marks      []string     `json:"marks,omitempty" doc:"What is wrong with it, if anything"`
}

// PriceDetail is a price with what each venue contributed.
type PriceDetail struct {
	Price
	Contributions []Contribution `json:"contributions"`
}

// Contribution is one venue's part in a price.
type Contribution struct {
	Venue  string        `json:"venue"`
	Pair   string        `json:"pair"`
	Price  *money.Price  `json:"price" doc:"In the quote of the answer; null when it could not be converted"`
	Raw    money.Price   `json:"raw" doc:"In the pair's own quote"`
	Rate   money.Decimal `json:"rate" doc:"Turned raw into price"`
	Weight float64       `json:"weight" doc:"Share of the whole; 0 when it did not count"`
	TS     *int64        `json:"ts" doc:"Milliseconds"`
	Status string        `json:"status" enum:"used,stale,outlier,crossed,frozen,no_rate,not_valid" doc:"Whether it counted, and if not, why"`
}

// freshPrice is how old the newest contribution may be.
const freshPrice = 30 * time.Second

func (s *Server) prices(_ context.Context, in *pricesIn) (Answer[[]Price], error) {
	var a Answer[[]Price]
	quote, err := s.code("query.quote", in.Quote)
	if err != nil {
		return a, err
	}
	var marks market.Mark
	now, good := s.opt.Board.Now(), 0
	add := func(code asset.Code, p market.ConsensusPrice, ok bool) {
		if !ok {
			a.Data = append(a.Data, Price{Asset: string(code), Quote: string(quote), Sources: []string{}})
			return
		}
		row := priceOf(&p)
		a.Data = append(a.Data, row)
		for _, v := range row.Sources {
			a.Meta.from(market.VenueID(v))
		}
		a.Meta.newest(p.At)
		marks |= p.Marks
		if p.Marks&market.Stale == 0 && now.Sub(p.At) <= freshPrice {
			good++
		}
	}
	a.Data = []Price{}
	if in.Assets == "" {
		for _, p := range s.opt.Board.Prices(quote) {
			add(p.Asset, p, true)
		}
	} else {
		codes, err := s.codes("query.assets", in.Assets, 100)
		if err != nil {
			return a, err
		}
		for _, c := range codes {
			p, ok := s.opt.Board.Price(c, quote)
			add(c, p, ok)
		}
	}
	a.Meta.judge(now, freshPrice, marks)
	if a.Meta.AsOf != nil {
		a.Meta.Quality.State = feedState(good, len(a.Data))
	}
	slices.Sort(a.Meta.Sources)
	return a, nil
}

// codes resolves a list separated by commas; each asset counts once.
func (s *Server) codes(field, list string, limit int) (out []asset.Code, err error) {
	words := strings.Split(list, ",")
	if len(words) > limit {
		return nil, fault.At(fault.Invalid, field, "%d assets; at most %d at once", len(words), limit)
	}
	for _, w := range words {
		c, err := s.code(field, strings.TrimSpace(w))
		if err != nil {
			return nil, err
		}
		if !slices.Contains(out, c) {
			out = append(out, c)
		}
	}
	return out, nil
}

func (s *Server) price(_ context.Context, in *priceIn) (Answer[PriceDetail], error) {
	var a Answer[PriceDetail]
	quote, err := s.code("query.quote", in.Quote)
	if err != nil {
		return a, err
	}
	code, err := s.code("path.asset", in.Asset)
	if err != nil {
		return a, err
	}
	p, ok := s.opt.Board.Price(code, quote)
	if !ok {
		return a, fault.At(fault.Unknown, "path.asset", "there is no price of %s in %s now: no connected venue trades it, or none has sent data yet; /v1/instruments?base=%s lists who would", code, quote, code)
	}
	a.Data = PriceDetail{Price: priceOf(&p), Contributions: make([]Contribution, 0, len(p.Sources))}
	for i := range p.Sources {
		c := &p.Sources[i]
		row := Contribution{Venue: string(c.Venue), Pair: string(c.Pair), Raw: c.Raw, Rate: c.Rate, Weight: round4(c.Weight), TS: milli(c.At), Status: string(c.Status)}
		if !c.Price.IsZero() {
			row.Price = &c.Price
		}
		a.Data.Contributions = append(a.Data.Contributions, row)
	}
	for _, v := range a.Data.Sources {
		a.Meta.from(market.VenueID(v))
	}
	a.Meta.newest(p.At)
	a.Meta.judge(s.opt.Board.Now(), freshPrice, p.Marks)
	return a, nil
}

func priceOf(p *market.ConsensusPrice) Price {
	out := Price{Asset: string(p.Asset), Quote: string(p.Quote), Price: &p.Price, Confidence: round4(p.Confidence), TS: milli(p.At), Computed: milli(p.Computed), Sources: []string{}}
	if !p.High.IsZero() {
		out.Low, out.High = &p.Low, &p.High
	}
	for i := range p.Sources {
		if c := &p.Sources[i]; c.Status == market.Used && !slices.Contains(out.Sources, string(c.Venue)) {
			out.Sources = append(out.Sources, string(c.Venue))
		}
	}
	if p.Marks != 0 {
		out.Marks = p.Marks.Names()
	}
	return out
}

// round4 keeps what a share or a confidence can mean, and what JSON can hold.
func round4(f float64) float64 {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return 0
	}
	return math.Round(f*1e4) / 1e4
}

// Quote is the best bid and ask of one venue.
type Quote struct {
	Venue    string      `json:"venue"`
	Pair     string      `json:"pair"`
	Bid      money.Price `json:"bid"`
	BidQty   *money.Qty  `json:"bid_qty" doc:"null where the venue does not state it"`
	Ask      money.Price `json:"ask"`
	AskQty   *money.Qty  `json:"ask_qty" doc:"null where the venue does not state it"`
	TS       *int64      `json:"ts" doc:"The venue's clock, milliseconds; null where it sends none"`
	Received *int64      `json:"received_ts" doc:"Our clock, milliseconds"`
	Marks    []string    `json:"marks,omitempty" doc:"What is wrong with it, if anything"`
}

// freshQuote is how old the newest quote may be.
const freshQuote = time.Minute

func (s *Server) quotes(_ context.Context, in *quotesIn) (Answer[[]Quote], error) {
	a := Answer[[]Quote]{Data: []Quote{}}
	p, err := s.pair("path.pair", in.Pair)
	if err != nil {
		return a, err
	}
	var marks market.Mark
	for _, q := range s.opt.Board.Quotes(p) {
		row := Quote{Venue: string(q.Venue), Pair: string(q.Pair), Bid: q.Bid, BidQty: sizeOf(q.BidQty), Ask: q.Ask, AskQty: sizeOf(q.AskQty), TS: milli(q.At), Received: milli(q.Received)}
		if q.Marks != 0 {
			row.Marks = q.Marks.Names()
		}
		a.Data = append(a.Data, row)
		a.Meta.from(q.Venue)
		marks |= q.Marks
		if q.At.IsZero() {
			a.Meta.newest(q.Received)
		} else {
			a.Meta.newest(q.At)
		}
	}
	if len(a.Data) == 0 {
		if err := s.missing("", p); err != nil {
			return a, err
		}
	}
	a.Meta.judge(s.opt.Board.Now(), freshQuote, marks&^market.Stale)
	return a, nil
}

// sizeOf is nil for a size that the venue does not state.
func sizeOf(q money.Qty) *money.Qty {
	if q.IsZero() {
		return nil
	}
	return &q
}
