package api

import (
	"context"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/insight"
	"github.com/assayhq/assay/insight/screen"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/money"
)

// registerScreener adds the filter over all figures.
func (s *Server) registerScreener(m insight.Market) {
	f := &screenerFace{figuresFace: figuresFace{s, m}}
	var names []string
	for _, x := range screenFields {
		names = append(names, "`"+x.Name+"`")
	}
	add(s, Operation{ID: "list-screener", Method: http.MethodGet, Path: "/v1/screener", Scope: access.MarketRead, Cost: 3, Tag: "Figures", Summary: "Assets that meet conditions",
		Doc: "`where` has conditions with commas between them, all of which must hold: a field, one of `> >= < <= = !=`, and a value, such as `change_24h>5,volume_24h>1e6,category=layer-1|defi`. An asset without a value in a field meets no condition on it. Fields are named as in the answer: " +
			strings.Join(names, ", ") + "."}, f.list)
}

type screenerFace struct {
	figuresFace
	mu    sync.Mutex
	seen  time.Time
	spots map[asset.Code]spotPlace
	perps map[asset.Code]perpPlace
}

type screenerIn struct {
	Where     string `query:"where" maxLength:"1000" doc:"Conditions, all of which must hold. Default none" example:"change_24h>5,volume_24h>1e6,rank<=200"`
	Order     string `query:"order" maxLength:"40" default:"cap" doc:"Field to order by; what has no value is last" example:"change_24h"`
	Direction string `query:"direction" enum:"desc,asc" default:"desc" doc:"Greatest or least first"`
	Quote     string `query:"quote" default:"USD" maxLength:"64" doc:"Currency that amounts are in, and that conditions on them mean"`
	Limit     int    `query:"limit" minimum:"1" maximum:"500" default:"100" doc:"Rows at most"`
	Cursor    string `query:"cursor" maxLength:"512" doc:"From next_cursor of the page before; the other parameters stay the same"`
	Common
}

// Screened is an asset with everything that can be asked for.
type Screened struct {
	Figure
	Dominance     *float64       `json:"dominance" doc:"Percent of the market's capitalisation"`
	Turnover      *float64       `json:"turnover" doc:"volume_24h in percent of cap"`
	Drawdown      *float64       `json:"drawdown" doc:"Percent below the highest price of the stored history: 50 is half of it"`
	AboveLow      *float64       `json:"above_low" doc:"Percent above the lowest price of the stored history"`
	RSI14         *float64       `json:"rsi_14" doc:"Relative strength index of 14 daily closes of the fair price, today's so far being the last"`
	Categories    []string       `json:"category" doc:"Ids, as in /v1/categories"`
	Venues        []string       `json:"venue" doc:"Whose prices are in it"`
	BestVenue     *string        `json:"best_venue" doc:"Where most rests within one percent of the middle, of spot pairs; null where no book was measured"`
	BestPair      *string        `json:"best_pair"`
	SpreadBps     *float64       `json:"spread_bps" doc:"Median spread there over a day at most, in basis points"`
	Depth         *float64       `json:"depth" doc:"Mean value resting there within one percent of the middle, both sides together, in the quote"`
	Uptime        *float64       `json:"uptime" doc:"Share of the time in which its data there was valid and fresh, 0 to 1"`
	PerpVenue     *string        `json:"perp_venue" doc:"Of the perpetual with the greatest open interest"`
	PerpPair      *string        `json:"perp_pair"`
	FundingRate   *money.Decimal `json:"funding_rate" doc:"Part of a position's value that longs pay at the next payment, as estimated now; null when that is too old"`
	FundingAnnual *money.Decimal `json:"funding_annual" doc:"The rate over 365 days of such payments: 0.1 is ten percent"`
	OpenInterest  *money.Decimal `json:"open_interest" doc:"Of that perpetual, in the quote"`
}

// screenField is a field with where it stands in a row.
type screenField struct {
	screen.Field
	get func(*Screened) screen.Value
}

func decimalField(name, doc string, at func(*Screened) *money.Decimal) screenField {
	return screenField{screen.Field{Name: name, Doc: doc}, func(x *Screened) screen.Value {
		if d := at(x); d != nil {
			return screen.Number(*d)
		}
		return screen.Value{}
	}}
}

func floatField(name, doc string, at func(*Screened) *float64) screenField {
	return screenField{screen.Field{Name: name, Doc: doc}, func(x *Screened) screen.Value {
		if f := at(x); f != nil {
			return screen.Float(*f)
		}
		return screen.Value{}
	}}
}

func wordField(name, doc string, at func(*Screened) []string) screenField {
	return screenField{screen.Field{Name: name, Doc: doc, Word: true}, func(x *Screened) screen.Value { return screen.Words(at(x)...) }}
}

// screenFields are what can be asked for, each compared as it is shown.
var screenFields = []screenField{
	wordField("asset", "code", func(x *Screened) []string { return []string{x.Asset} }),
	wordField("category", "ids of /v1/categories", func(x *Screened) []string { return x.Categories }),
	wordField("excluded", "why it is in no rank; no: it is in", func(x *Screened) []string {
		if x.Excluded == "" {
			return []string{"no"}
		}
		return []string{x.Excluded}
	}),
	wordField("venue", "whose prices are in it", func(x *Screened) []string { return x.Venues }),
	{screen.Field{Name: "rank"}, func(x *Screened) screen.Value {
		if x.Rank == nil {
			return screen.Value{}
		}
		return screen.Number(money.MustNew(int64(*x.Rank), 0))
	}},
	decimalField("price", "", func(x *Screened) *money.Decimal { return x.Price }),
	floatField("change_1h", "percent", func(x *Screened) *float64 { return x.Change1h }),
	floatField("change_24h", "percent", func(x *Screened) *float64 { return x.Change24h }),
	floatField("change_7d", "percent", func(x *Screened) *float64 { return x.Change7d }),
	floatField("change_14d", "percent", func(x *Screened) *float64 { return x.Change14d }),
	floatField("change_30d", "percent", func(x *Screened) *float64 { return x.Change30d }),
	floatField("change_60d", "percent", func(x *Screened) *float64 { return x.Change60d }),
	floatField("change_200d", "percent", func(x *Screened) *float64 { return x.Change200d }),
	floatField("change_1y", "percent", func(x *Screened) *float64 { return x.Change1y }),
	decimalField("high_24h", "", func(x *Screened) *money.Decimal { return x.High24h }),
	decimalField("low_24h", "", func(x *Screened) *money.Decimal { return x.Low24h }),
	decimalField("volume_24h", "in the quote", func(x *Screened) *money.Decimal { return x.Volume24h }),
	decimalField("volume_base_24h", "in units of the asset", func(x *Screened) *money.Decimal { return x.VolumeBase }),
	decimalField("cap", "", func(x *Screened) *money.Decimal { return x.Cap }),
	decimalField("cap_diluted", "", func(x *Screened) *money.Decimal { return x.CapDiluted }),
	decimalField("supply_circulating", "", func(x *Screened) *money.Decimal { return x.Supply }),
	floatField("dominance", "percent", func(x *Screened) *float64 { return x.Dominance }),
	floatField("turnover", "percent", func(x *Screened) *float64 { return x.Turnover }),
	floatField("drawdown", "percent below the stored high", func(x *Screened) *float64 { return x.Drawdown }),
	floatField("above_low", "percent above the stored low", func(x *Screened) *float64 { return x.AboveLow }),
	floatField("rsi_14", "0 to 100", func(x *Screened) *float64 { return x.RSI14 }),
	floatField("spread_bps", "of the best venue", func(x *Screened) *float64 { return x.SpreadBps }),
	floatField("depth", "of the best venue, in the quote", func(x *Screened) *float64 { return x.Depth }),
	floatField("uptime", "of the best venue, 0 to 1", func(x *Screened) *float64 { return x.Uptime }),
	decimalField("funding_rate", "of the main perpetual", func(x *Screened) *money.Decimal { return x.FundingRate }),
	decimalField("funding_annual", "of the main perpetual", func(x *Screened) *money.Decimal { return x.FundingAnnual }),
	decimalField("open_interest", "of the main perpetual, in the quote", func(x *Screened) *money.Decimal { return x.OpenInterest }),
}

// named gives the fields as package screen has them, and where each stands.
func named() (fields []screen.Field, at map[string]func(*Screened) screen.Value) {
	at = map[string]func(*Screened) screen.Value{}
	for _, f := range screenFields {
		fields, at[f.Name] = append(fields, f.Field), f.get
	}
	return fields, at
}

func (f *screenerFace) list(ctx context.Context, in *screenerIn) (Answer[[]Screened], error) {
	a := Answer[[]Screened]{Data: []Screened{}}
	fields, at := named()
	filter, err := screen.Parse(in.Where, fields)
	if err != nil {
		return a, fault.At(fault.Invalid, "query.where", "%s", fault.Public(err))
	}
	if _, err := screen.Find(in.Order, fields); err != nil {
		return a, fault.At(fault.Invalid, "query.order", "%s", fault.Public(err))
	}
	quote, err := f.code("query.quote", in.Quote)
	if err != nil {
		return a, err
	}
	all, err := f.m.All(ctx, quote)
	if err != nil {
		return a, atQuery(err)
	}
	rows, err := f.fill(ctx, all, quote)
	if err != nil {
		return a, err
	}
	index := make([]int, 0, len(rows)) // of the rows that match
	for i := range rows {
		if filter.Match(func(name string) screen.Value { return at[name](&rows[i]) }) {
			index = append(index, i)
		}
	}
	by := at[in.Order]
	slices.SortStableFunc(index, func(i, j int) int { return screen.Compare(by(&rows[i]), by(&rows[j]), in.Direction == "desc") })
	if index, err = page(index, Page{in.Limit, in.Cursor}, &a.Meta, filterDigest("screener", in.Where, in.Order, in.Direction, string(quote))); err != nil {
		return a, err
	}
	shown := make([]insight.Figures, 0, len(index))
	for _, i := range index {
		a.Data = append(a.Data, rows[i])
		shown = append(shown, all[i])
	}
	f.say(&a.Meta, shown)
	return a, nil
}

// fill makes the rows, in the order of the figures.
func (f *screenerFace) fill(ctx context.Context, all []insight.Figures, quote asset.Code) ([]Screened, error) {
	global, err := f.m.Global(ctx, quote)
	if err != nil {
		return nil, err
	}
	groups, err := f.m.Categories(ctx, quote)
	if err != nil {
		return nil, err
	}
	shares, in := map[asset.Code]float64{}, map[asset.Code][]string{}
	for _, s := range global.Dominance {
		shares[s.Asset] = s.Percent
	}
	for _, g := range groups {
		for _, a := range g.Assets {
			in[a] = append(in[a], g.ID)
		}
	}
	spots, perps := f.places(ctx)
	rate, _, err := f.m.Rate(ctx, "USD", quote)
	rated := err == nil
	rows := make([]Screened, len(all))
	for i := range all {
		x := &all[i]
		r := &rows[i]
		*r = Screened{Figure: figureOf(x), Categories: append([]string{}, in[x.Asset]...), Venues: append([]string{}, x.Contributed...)}
		slices.Sort(r.Categories)
		if s, ok := shares[x.Asset]; ok {
			r.Dominance = ptr(round6(s))
		}
		if x.Volume24h != nil && x.Cap != nil && x.Cap.Sign() > 0 {
			r.Turnover = ptr(round6(100 * x.Volume24h.Float64() / x.Cap.Float64()))
		}
		if x.High != nil {
			r.Drawdown = ptr(round6(math.Abs(x.High.Percent)))
		}
		if x.Low != nil {
			r.AboveLow = ptr(round6(x.Low.Percent))
		}
		if x.RSI14 != nil {
			r.RSI14 = ptr(round6(*x.RSI14))
		}
		if p, ok := spots[x.Asset]; ok {
			r.BestVenue, r.BestPair, r.Uptime = ptr(string(p.Venue)), ptr(string(p.Pair)), measured(p.Uptime)
			if p.SpreadBps.N > 0 {
				r.SpreadBps = ptr(digits(p.SpreadBps.P50))
			}
			if rated {
				r.Depth = ptr(digits(p.depth * rate.Float64()))
			}
		}
		if p, ok := perps[x.Asset]; ok {
			r.PerpVenue, r.PerpPair, r.FundingRate, r.FundingAnnual = ptr(p.venue), ptr(p.pair), p.rate, p.annual
			if p.interest != nil && rated {
				if v, err := p.interest.MulRound(rate, 2); err == nil {
					r.OpenInterest = &v
				}
			}
		}
	}
	return rows, nil
}

// spotPlace is the spot pair of an asset with the deepest book.
type spotPlace struct {
	market.Score
	depth float64 // in USD
}

// perpPlace is the perpetual of an asset with the greatest open interest.
type perpPlace struct {
	venue, pair  string
	rate, annual *money.Decimal
	interest     *money.Decimal // in USD
}

// keepPlaces is how long the choice of places holds: they are means of hours.
const keepPlaces = 5 * time.Second

// places finds the best spot pair and the main perpetual of each asset.
func (f *screenerFace) places(ctx context.Context) (map[asset.Code]spotPlace, map[asset.Code]perpPlace) {
	now := f.opt.Board.Now()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.spots != nil && now.Sub(f.seen) < keepPlaces && !now.Before(f.seen) {
		return f.spots, f.perps
	}
	rates := map[asset.Code]*money.Decimal{}
	dollars := func(c asset.Code) *money.Decimal {
		r, ok := rates[c]
		if !ok {
			if v, _, err := f.m.Rate(ctx, c, "USD"); err == nil {
				r = &v
			}
			rates[c] = r
		}
		return r
	}
	spots := map[asset.Code]spotPlace{}
	for _, x := range f.opt.Board.Scores("", "") {
		if x.Pair == "" || !x.Pair.Spot() || math.IsNaN(x.DepthBid100) || math.IsNaN(x.DepthAsk100) {
			continue
		}
		r := dollars(x.Pair.Quote())
		if r == nil {
			continue
		}
		d := (x.DepthBid100 + x.DepthAsk100) * r.Float64()
		if old, ok := spots[x.Pair.Base()]; !ok || d > old.depth {
			spots[x.Pair.Base()] = spotPlace{x, d}
		}
	}
	perps := map[asset.Code]perpPlace{}
	of := f.instrument()
	list := f.opt.Board.Derivatives("", "")
	for i := range list {
		x := &list[i]
		if x.Pair.Kind() != market.Perpetual {
			continue
		}
		d := derivativeOf(x, of(x.Venue, x.Pair), now)
		p := perpPlace{venue: d.Venue, pair: d.Pair}
		if !slices.Contains(d.Stale, "funding") {
			p.rate, p.annual = d.Funding, d.FundingAnnual
		}
		if r := dollars(x.Pair.Quote()); r != nil && d.InterestValue != nil && !slices.Contains(d.Stale, "open_interest") {
			if v, err := d.InterestValue.MulRound(*r, 2); err == nil {
				p.interest = &v
			}
		}
		old, ok := perps[x.Pair.Base()]
		if !ok || old.interest == nil && p.interest != nil || p.interest != nil && p.interest.Cmp(*old.interest) > 0 {
			perps[x.Pair.Base()] = p
		}
	}
	f.spots, f.perps, f.seen = spots, perps, now
	return spots, perps
}
