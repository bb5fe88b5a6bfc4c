package api

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/liquidity"
	"github.com/assayhq/assay/money"
)

type depthIn struct {
	Pair  string `path:"pair" maxLength:"64" doc:"Pair" example:"BTC-USD"`
	Venue string `query:"venue" maxLength:"32" doc:"Only at this venue"`
	Bps   string `query:"bps" maxLength:"80" default:"10,25,50,100,200" doc:"Distances from the middle in basis points, at most 10 of them, 1 to 5000"`
	Common
}

// BookDepth is what rests near the middle of one venue's book.
type BookDepth struct {
	Venue     string       `json:"venue"`
	Pair      string       `json:"pair"`
	TS        *int64       `json:"ts" doc:"The book's last change by the venue's clock, milliseconds"`
	Valid     bool         `json:"valid" doc:"False while the book is being joined again; there are no bands then"`
	Integrity string       `json:"integrity" enum:"sequence,checksum,snapshot,none"`
	Bid       *money.Price `json:"bid"`
	Ask       *money.Price `json:"ask"`
	SpreadBps *float64     `json:"spread_bps"`
	Bands     []DepthBand  `json:"bands"`
}

// DepthBand is what rests within a distance of the middle.
type DepthBand struct {
	Bps      int           `json:"bps"`
	BidQty   money.Decimal `json:"bid_qty" doc:"In base"`
	AskQty   money.Decimal `json:"ask_qty"`
	BidValue money.Decimal `json:"bid_value" doc:"In quote"`
	AskValue money.Decimal `json:"ask_value"`
	Whole    bool          `json:"whole" doc:"The known book reaches that far on both sides; else more may rest there than is counted"`
}

func (s *Server) depth(_ context.Context, in *depthIn) (Answer[[]BookDepth], error) {
	a := Answer[[]BookDepth]{Data: []BookDepth{}}
	bands, err := parseBands(in.Bps)
	if err != nil {
		return a, err
	}
	p, views, err := s.booksOf(in.Pair, in.Venue)
	if err != nil {
		return a, err
	}
	for i := range views {
		v := &views[i]
		d := BookDepth{Venue: string(v.Venue), Pair: string(p), TS: milli(v.At), Valid: v.Valid, Integrity: v.Integrity, Bands: []DepthBand{}}
		if mid, ok := liquidity.Mid(v.Bids, v.Asks); ok && v.Valid {
			bid, ask := v.Bids[0].Price, v.Asks[0].Price
			spread := digits((ask.Float64() - bid.Float64()) / mid.Float64() * 10000)
			d.Bid, d.Ask, d.SpreadBps = &bid, &ask, &spread
			for _, b := range liquidity.Depths(v.Bids, v.Asks, bands) {
				d.Bands = append(d.Bands, DepthBand{b.Bps, b.BidQty, b.AskQty, b.BidValue, b.AskValue, b.BidWhole && b.AskWhole})
			}
		}
		a.Data = append(a.Data, d)
	}
	s.ofBooks(&a.Meta, views)
	return a, nil
}

func parseBands(text string) ([]int, error) {
	var out []int
	for _, t := range strings.Split(text, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(t))
		if err != nil || n < 1 || n > 5000 || len(out) == 10 {
			return nil, fault.At(fault.Invalid, "query.bps", "%q: give at most ten whole numbers from 1 to 5000, such as 10,50,100", clip(text, 40))
		}
		out = append(out, n)
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// booksOf gives the books of a pair, at one venue or at all that have one.
func (s *Server) booksOf(pair, venue string) (market.Pair, []market.BookView, error) {
	p, err := s.pair("path.pair", pair)
	if err != nil {
		return p, nil, err
	}
	var out []market.BookView
	for _, v := range s.opt.Board.Venues() {
		if venue != "" && venue != string(v.ID) {
			continue
		}
		if b, ok := s.opt.Board.Book(v.ID, p, wholeBook); ok {
			out = append(out, b)
		}
	}
	if len(out) == 0 {
		if err := s.missing(market.VenueID(venue), p); err != nil {
			return p, nil, err
		}
		return p, nil, fault.At(fault.Unknown, "pair", "no venue has a book of %s here: it is not subscribed to", p)
	}
	return p, out, nil
}

// wholeBook is more levels than any book has.
const wholeBook = 1 << 20

// ofBooks says in an answer's meta how good the books behind it are.
func (s *Server) ofBooks(m *Meta, views []market.BookView) {
	valid := 0
	for i := range views {
		m.from(views[i].Venue)
		if views[i].Valid {
			valid++
		}
		at := views[i].At
		if at.IsZero() {
			at = views[i].Received
		}
		m.newest(at)
	}
	slices.Sort(m.Sources)
	m.judge(s.opt.Board.Now(), freshBook, 0)
	if valid < len(views) {
		m.Quality.State = feedState(valid, len(views))
	}
}

// Sized is a side and a size to trade.
type Sized struct {
	Pair  string `path:"pair" maxLength:"64" doc:"Pair" example:"BTC-USD"`
	Side  string `query:"side" enum:"buy,sell" required:"true" doc:"What you would do"`
	Qty   string `query:"qty" maxLength:"40" doc:"Size in base; this or value" example:"2.5"`
	Value string `query:"value" maxLength:"40" doc:"Size in quote; this or qty" example:"100000"`
}

func (in *Sized) size() (side market.Side, qty, value money.Decimal, err error) {
	side = market.Buy
	if in.Side == "sell" {
		side = market.Sell
	}
	if (in.Qty == "") == (in.Value == "") {
		return side, qty, value, fault.At(fault.Invalid, "query.qty", "give the size either as qty, in base, or as value, in quote")
	}
	read := func(field, text string) money.Decimal {
		var d money.Decimal
		if text == "" || err != nil {
			return d
		}
		if d, err = money.Parse([]byte(text)); err != nil || d.Sign() <= 0 {
			err = fault.At(fault.Invalid, "query."+field, "%q is no size above zero", clip(text, 40))
		}
		return d
	}
	qty, value = read("qty", in.Qty), read("value", in.Value)
	return side, qty, value, err
}

type slippageIn struct {
	Sized
	Venue string `query:"venue" maxLength:"32" doc:"Only at this venue"`
	Common
}

// Slippage is what a size would cost at one venue if it were taken at once.
type Slippage struct {
	Venue     string        `json:"venue"`
	Pair      string        `json:"pair"`
	TS        *int64        `json:"ts"`
	Valid     bool          `json:"valid" doc:"False while the book is being joined again; nothing is filled then"`
	Integrity string        `json:"integrity" enum:"sequence,checksum,snapshot,none"`
	Mid       *money.Price  `json:"mid"`
	Qty       money.Decimal `json:"qty" doc:"Filled, in base"`
	Value     money.Decimal `json:"value" doc:"Paid or received, in quote, without fees"`
	Average   *money.Price  `json:"average"`
	Worst     *money.Price  `json:"worst" doc:"The last level touched"`
	Bps       *float64      `json:"slippage_bps" doc:"Of the average from the middle; positive is worse for you"`
	Levels    int           `json:"levels"`
	Complete  bool          `json:"complete" doc:"The whole size is filled; else the known book ends before"`
}

func (s *Server) slippage(_ context.Context, in *slippageIn) (Answer[[]Slippage], error) {
	a := Answer[[]Slippage]{Data: []Slippage{}}
	side, qty, value, err := in.size()
	if err != nil {
		return a, err
	}
	p, views, err := s.booksOf(in.Pair, in.Venue)
	if err != nil {
		return a, err
	}
	for i := range views {
		v := &views[i]
		x := Slippage{Venue: string(v.Venue), Pair: string(p), TS: milli(v.At), Valid: v.Valid, Integrity: v.Integrity}
		if mid, ok := liquidity.Mid(v.Bids, v.Asks); ok && v.Valid {
			f := liquidity.Take(taken(side, v), qty, value)
			x.Mid, x.Qty, x.Value, x.Levels, x.Complete = &mid, f.Qty, f.Value, f.Levels, f.Complete
			if f.Levels > 0 {
				bps := digits(liquidity.Slippage(side, f.Average, mid))
				x.Average, x.Worst, x.Bps = &f.Average, &f.Worst, &bps
			}
		}
		a.Data = append(a.Data, x)
	}
	slices.SortStableFunc(a.Data, func(x, y Slippage) int {
		switch {
		case x.Complete != y.Complete:
			if x.Complete {
				return -1
			}
			return 1
		case x.Bps == nil || y.Bps == nil || *x.Bps == *y.Bps:
			return 0
		case *x.Bps < *y.Bps:
			return -1
		}
		return 1
	})
	s.ofBooks(&a.Meta, views)
	return a, nil
}

// taken is the side of a book that a taker trades with.
func taken(side market.Side, v *market.BookView) []market.Level {
	if side == market.Sell {
		return v.Bids
	}
	return v.Asks
}

type routeIn struct {
	Pair   string `path:"pair" maxLength:"64" doc:"Pair" example:"BTC-USD"`
	Side   string `query:"side" enum:"buy,sell" required:"true" doc:"What you would do"`
	Qty    string `query:"qty" required:"true" maxLength:"40" doc:"Size in base" example:"2.5"`
	Fees   string `query:"fees" maxLength:"400" doc:"Your taker fees in basis points, as VENUE:BPS, separated by commas; a venue that is not named costs nothing" example:"kraken:26,binance:10"`
	Venues string `query:"venues" maxLength:"400" doc:"Only these venues, separated by commas"`
	Quotes string `query:"quotes" enum:"same,money" default:"same" doc:"same: only this pair. money: also pairs of the same base in other currencies and stablecoins, converted by their consensus rates"`
	Common
}

// Route is how a size is best split over the venues by their books of this moment.
type Route struct {
	Pair     string        `json:"pair"`
	Side     string        `json:"side" enum:"buy,sell"`
	Asked    money.Decimal `json:"asked" doc:"In base"`
	Filled   money.Decimal `json:"filled"`
	Complete bool          `json:"complete"`
	Cost     money.Decimal `json:"cost" doc:"Paid or received with fees, in the pair's quote"`
	Average  *money.Price  `json:"average" doc:"Cost per base"`
	Legs     []RouteLeg    `json:"legs" doc:"Largest first"`
	Best     *RouteLeg     `json:"best_single" doc:"The best venue for all of it alone, to compare; null where no single one can fill it"`
	LeftOut  []string      `json:"left_out" doc:"Venues whose book could not be used, each with the reason"`
}

// RouteLeg is the part that goes to one venue.
type RouteLeg struct {
	Venue   string        `json:"venue"`
	Pair    string        `json:"pair"`
	Qty     money.Decimal `json:"qty"`
	Value   money.Decimal `json:"value" doc:"In that pair's quote, without the fee"`
	Fee     money.Decimal `json:"fee" doc:"In that pair's quote"`
	Rate    money.Decimal `json:"rate" doc:"Turns that pair's quote into the quote asked for"`
	Cost    money.Decimal `json:"cost" doc:"With fee, in the quote asked for"`
	Average money.Price   `json:"average" doc:"In that pair's quote"`
	Worst   money.Price   `json:"worst"`
	Levels  int           `json:"levels"`
}

func (s *Server) route(_ context.Context, in *routeIn) (Answer[Route], error) {
	var a Answer[Route]
	q := Sized{Side: in.Side, Qty: in.Qty}
	side, qty, _, err := q.size()
	if err != nil {
		return a, err
	}
	p, err := s.pair("path.pair", in.Pair)
	if err != nil {
		return a, err
	}
	fees, err := parseFees(in.Fees)
	if err != nil {
		return a, err
	}
	only := map[string]bool{}
	for _, v := range strings.Split(in.Venues, ",") {
		if v = strings.ToLower(strings.TrimSpace(v)); v == "" {
			continue
		}
		if _, err := s.venueState(v); err != nil {
			return a, err
		}
		only[v] = true
	}
	a.Data = Route{Pair: string(p), Side: in.Side, Asked: qty, Legs: []RouteLeg{}, LeftOut: []string{}}
	sources, views, left := s.routeSources(p, side, in.Quotes == "money", only, fees)
	a.Data.LeftOut = append(a.Data.LeftOut, left...)
	if len(views) == 0 {
		if err := s.missing("", p); err != nil {
			return a, err
		}
	}
	legs, complete := liquidity.Route(side, qty, sources)
	a.Data.Complete = complete
	var cost, filled money.Sum
	for _, l := range legs {
		a.Data.Legs = append(a.Data.Legs, legOf(&l, sources))
		cost.Add(l.Cost)
		filled.Add(l.Qty)
	}
	a.Data.Cost, _ = cost.Decimal(money.MaxDigits)
	a.Data.Filled, _ = filled.Decimal(money.MaxDigits)
	if !a.Data.Filled.IsZero() {
		if d, err := a.Data.Cost.Quo(a.Data.Filled, 12); err == nil {
			a.Data.Average = &money.Price{Decimal: d.Trim()}
		}
	}
	a.Data.Best = bestSingle(side, qty, sources)
	s.ofBooks(&a.Meta, views)
	return a, nil
}

// routeSources gives the books that a size may go to, and why others may not.
func (s *Server) routeSources(p market.Pair, side market.Side, others bool, only map[string]bool, fees map[market.VenueID]money.Decimal) (sources []liquidity.Source, views []market.BookView, left []string) {
	pairs := []market.Pair{p}
	if others && p.Spot() {
		for _, i := range s.opt.Board.Instruments() {
			if i.Base == p.Base() && i.Pair.Spot() && !slices.Contains(pairs, i.Pair) {
				pairs = append(pairs, i.Pair)
			}
		}
	}
	for _, v := range s.opt.Board.Venues() {
		if len(only) > 0 && !only[string(v.ID)] {
			continue
		}
		for _, o := range pairs {
			b, ok := s.opt.Board.Book(v.ID, o, wholeBook)
			if !ok {
				continue
			}
			rate, ok := s.quoteRate(o.Quote(), p.Quote())
			switch {
			case !ok && o != p:
				continue // quoted in a coin or in money without a rate
			case !b.Valid:
				left = append(left, string(v.ID)+" "+string(o)+": "+b.Reason)
				views = append(views, b)
				continue
			case s.opt.Board.Now().Sub(b.Received) > freshBook:
				left = append(left, string(v.ID)+" "+string(o)+": its book has not changed for more than "+freshBook.String())
				continue
			}
			views = append(views, b)
			sources = append(sources, liquidity.Source{Venue: v.ID, Pair: o, Levels: taken(side, &b), Rate: rate, Fee: fees[v.ID]})
		}
	}
	return sources, views, left
}

// quoteRate turns an amount of one currency or stablecoin into another.
func (s *Server) quoteRate(from, to asset.Code) (money.Decimal, bool) {
	one := money.MustNew(1, 0)
	if from == to {
		return one, true
	}
	usd := func(c asset.Code) (money.Decimal, bool) {
		if c == "USD" {
			return one, true
		}
		if _, stable := s.opt.Assets.IsStable(c); !stable && !s.opt.Assets.IsFiat(c) {
			return one, false
		}
		x, ok := s.opt.Board.Price(c, "USD")
		return x.Price.Decimal, ok && !x.Price.IsZero() && x.Marks&market.Stale == 0
	}
	a, ok1 := usd(from)
	b, ok2 := usd(to)
	if !ok1 || !ok2 {
		return one, false
	}
	r, err := a.Quo(b, 10)
	return r, err == nil
}

func legOf(l *liquidity.Leg, sources []liquidity.Source) RouteLeg {
	out := RouteLeg{Venue: string(l.Venue), Pair: string(l.Pair), Qty: l.Qty, Value: l.Value, Fee: l.Fee, Cost: l.Cost, Average: l.Average, Worst: l.Worst, Levels: l.Levels}
	for _, x := range sources {
		if x.Venue == l.Venue && x.Pair == l.Pair {
			out.Rate = x.Rate
		}
	}
	return out
}

// bestSingle gives the one source that would fill all of it best.
func bestSingle(side market.Side, qty money.Decimal, sources []liquidity.Source) *RouteLeg {
	var best *RouteLeg
	for _, x := range sources {
		legs, complete := liquidity.Route(side, qty, []liquidity.Source{x})
		if !complete {
			continue
		}
		l := legOf(&legs[0], sources)
		better := best == nil
		if !better {
			c := l.Cost.Cmp(best.Cost)
			better = side == market.Buy && c < 0 || side == market.Sell && c > 0
		}
		if better {
			best = &l
		}
	}
	return best
}

// parseFees reads VENUE:BPS,….
func parseFees(text string) (map[market.VenueID]money.Decimal, error) {
	out := map[market.VenueID]money.Decimal{}
	for _, part := range strings.Split(text, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		name, bps, ok := strings.Cut(part, ":")
		d, err := money.Parse([]byte(bps))
		if ok && err == nil {
			d, err = d.Mul(money.MustNew(1, 4))
		}
		if !ok || err != nil || d.Abs().Cmp(money.MustNew(1, 1)) > 0 {
			return nil, fault.At(fault.Invalid, "query.fees", "%q is no fee; write VENUE:BPS with at most 1000 basis points, such as kraken:26", clip(part, 40))
		}
		out[market.VenueID(strings.ToLower(name))] = d
	}
	return out, nil
}
