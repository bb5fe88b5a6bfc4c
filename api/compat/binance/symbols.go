package binance

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/assayhq/assay/market"
)

// symbol is one of our pairs as the original names it.
type symbol struct {
	name string
	market.Instrument
	status string // in the original's words
}

// listing is the symbols that there is data of, by name.
type listing struct {
	all  []symbol
	name map[string]*symbol
}

// symbols lists what the venue trades and we have data of: a symbol that is listed here
// can be asked for.
func (f *face) symbols(ctx context.Context) (*listing, error) {
	return f.listed.get(ctx, f.opt.Now(), struct{}{}, func(ctx context.Context) (*listing, error) {
		l := &listing{name: map[string]*symbol{}}
		if f.opt.Venue == market.ConsensusVenue {
			for _, p := range f.opt.Board.Prices("USD") {
				if p.Asset != p.Quote {
					l.add(market.Instrument{Venue: f.opt.Venue, Pair: market.NewPair(p.Asset, p.Quote), Kind: market.Spot, Base: p.Asset, Quote: p.Quote, Status: market.Trading})
				}
			}
			return l.done(), nil
		}
		stored, err := f.stored.get(ctx, f.opt.Now(), struct{}{}, f.storedPairs)
		if err != nil {
			return nil, err
		}
		live := map[market.Pair]bool{}
		for _, q := range f.opt.Board.Quality(f.opt.Venue, "") {
			live[q.Pair] = true
		}
		for _, in := range f.opt.Board.Instruments() {
			if in.Venue == f.opt.Venue && in.Kind == market.Spot && (live[in.Pair] || stored[in.Pair]) {
				l.add(in)
			}
		}
		return l.done(), nil
	})
}

func (f *face) storedPairs(ctx context.Context) (map[market.Pair]bool, error) {
	list, err := f.opt.History.Series(ctx)
	out := map[market.Pair]bool{}
	for _, s := range list {
		if s.Venue == f.opt.Venue && s.Channel != market.Quotes {
			out[s.Pair] = true
		}
	}
	return out, err
}

func (l *listing) add(in market.Instrument) {
	s := symbol{name: string(in.Base) + string(in.Quote), Instrument: in, status: "TRADING"}
	switch in.Status {
	case market.Halted, market.PreTrading:
		s.status = "HALT"
	case market.CancelOnly:
		s.status = "CANCEL_ONLY"
	case market.Delisted:
		s.status = "BREAK"
	case market.StatusUnknown:
		if in.Guessed {
			s.status = "BREAK"
		}
	}
	l.all = append(l.all, s)
}

func (l *listing) done() *listing {
	slices.SortFunc(l.all, func(a, b symbol) int { return cmp.Or(strings.Compare(a.name, b.name), cmp.Compare(a.Pair, b.Pair)) })
	l.all = slices.CompactFunc(l.all, func(a, b symbol) bool { return a.name == b.name })
	for i := range l.all {
		l.name[l.all[i].name] = &l.all[i]
	}
	return l
}

// symbol gives the one that the parameter symbol names.
func (f *face) symbol(ctx context.Context, q *query) (*symbol, error) {
	name := q.get("symbol")
	if name == "" {
		return nil, mandatory("symbol")
	}
	if err := legal("symbol", name); err != nil {
		return nil, err
	}
	l, err := f.symbols(ctx)
	if err != nil {
		return nil, err
	}
	s := l.name[name]
	if s == nil {
		return nil, bad(-1121, "Invalid symbol.")
	}
	return s, q.stands(s)
}

// chosen gives those that symbol or symbols name: all where neither is sent.
func (f *face) chosen(ctx context.Context, q *query) (out []*symbol, one bool, err error) {
	names, one, err := q.names()
	if err != nil {
		return nil, false, err
	}
	l, err := f.symbols(ctx)
	if err != nil {
		return nil, false, err
	}
	if names == nil {
		for i := range l.all {
			out = append(out, &l.all[i])
		}
	}
	for _, n := range names {
		s := l.name[n]
		if s == nil {
			return nil, false, bad(-1121, "Invalid symbol.")
		}
		out = append(out, s)
	}
	if one {
		return out, true, q.stands(out[0])
	}
	if q.has("symbolStatus") {
		if err := q.stands(&symbol{status: q.get("symbolStatus")}); err != nil {
			return nil, false, err
		}
		out = slices.DeleteFunc(out, func(s *symbol) bool { return s.status != q.get("symbolStatus") })
	}
	return out, false, nil
}

// stands checks the parameter symbolStatus, where it is sent, against a symbol's.
func (q *query) stands(s *symbol) error {
	switch want := q.get("symbolStatus"); want {
	case "":
		return nil
	case "TRADING", "HALT", "BREAK", "CANCEL_ONLY":
		if s.status != want {
			return bad(-1220, "The symbol's status does not match the requested symbolStatus.")
		}
		return nil
	}
	return bad(-1122, "Invalid symbolStatus.")
}

// rateLimit is a limit as exchangeInfo tells it.
type rateLimit struct {
	Type     string `json:"rateLimitType"`
	Interval string `json:"interval"`
	Num      int    `json:"intervalNum"`
	Limit    int64  `json:"limit"`
}

func (f *face) exchangeInfo(ctx context.Context, q *query) (any, error) {
	if q.has("symbolStatus") && (q.has("symbol") || q.has("symbols")) {
		return nil, bad(-1128, "Combination of optional parameters invalid; symbolStatus goes without symbols.")
	}
	if s := q.get("showPermissionSets"); s != "" && s != "true" && s != "false" {
		return nil, malformed("showPermissionSets", "^(true|false)$")
	}
	list, _, err := f.chosen(ctx, q)
	if err != nil {
		return nil, err
	}
	if p := q.get("permissions"); p != "" && !strings.Contains(p, "SPOT") {
		list = nil
	}
	type info struct {
		Timezone        string           `json:"timezone"`
		ServerTime      int64            `json:"serverTime"`
		RateLimits      []rateLimit      `json:"rateLimits"`
		ExchangeFilters []any            `json:"exchangeFilters"`
		Symbols         []map[string]any `json:"symbols"`
	}
	out := info{Timezone: "UTC", ServerTime: f.opt.Board.Now().UnixMilli(), RateLimits: []rateLimit{}, ExchangeFilters: []any{}, Symbols: []map[string]any{}}
	if n := f.allowance(ctx); n > 0 {
		out.RateLimits = append(out.RateLimits, rateLimit{"REQUEST_WEIGHT", "MINUTE", 1, n})
	}
	for _, s := range list {
		out.Symbols = append(out.Symbols, s.describe())
	}
	return out, nil
}

// describe is a symbol as exchangeInfo tells it. Filters that the venue does not state
// are left out.
func (s *symbol) describe() map[string]any {
	filters := []map[string]string{}
	if !s.PriceTick.IsZero() {
		filters = append(filters, map[string]string{"filterType": "PRICE_FILTER", "minPrice": text(s.PriceTick), "tickSize": text(s.PriceTick)})
	}
	if !s.QtyStep.IsZero() {
		least := s.MinQty
		if least.IsZero() {
			least = s.QtyStep
		}
		filters = append(filters, map[string]string{"filterType": "LOT_SIZE", "minQty": text(least), "stepSize": text(s.QtyStep)})
	}
	if !s.MinNotional.IsZero() {
		filters = append(filters, map[string]string{"filterType": "NOTIONAL", "minNotional": text(s.MinNotional)})
	}
	return map[string]any{
		"symbol": s.name, "status": s.status,
		"baseAsset": s.Base, "baseAssetPrecision": 8, "quoteAsset": s.Quote, "quotePrecision": 8, "quoteAssetPrecision": 8,
		"baseCommissionPrecision": 8, "quoteCommissionPrecision": 8, "orderTypes": []string{},
		"icebergAllowed": false, "ocoAllowed": false, "otoAllowed": false, "quoteOrderQtyMarketAllowed": false, "allowTrailingStop": false, "cancelReplaceAllowed": false, "amendAllowed": false,
		"isSpotTradingAllowed": s.status == "TRADING", "isMarginTradingAllowed": false,
		"filters": filters, "permissions": []string{}, "permissionSets": [][]string{{"SPOT"}},
		"defaultSelfTradePreventionMode": "NONE", "allowedSelfTradePreventionModes": []string{"NONE"},
	}
}
