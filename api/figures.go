package api

import (
	"context"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/insight"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/money"
)

// registerFigures adds the operations on figures.
func (s *Server) registerFigures(m insight.Market) {
	get := func(id, path string, cost int, summary, doc string) Operation {
		return Operation{ID: id, Method: http.MethodGet, Path: path, Scope: access.MarketRead, Cost: cost, Tag: "Figures", Summary: summary, Doc: doc}
	}
	f := figuresFace{s, m}
	add(s, get("list-figures", "/v1/figures", 2, "Figures of many assets",
		"Price, changes, volume, market capitalisation and rank. Volumes are of the followed venues only. What has no input is null: an asset without a supply has no capitalisation. Figures move between pages; `ts` says of when each is."), f.list)
	add(s, get("get-figures", "/v1/figures/{asset}", 1, "Figures of one asset",
		"With the supply and who stated it, the extremes of the stored history, the prices that changes are counted from, and the closes of seven days."), f.one)
	add(s, get("get-global", "/v1/global", 1, "The market as a whole",
		"Totals of the assets whose supply is known, and each one's share. Stablecoins, currencies, wrapped and staked forms are in no total."), f.global)
	add(s, get("list-categories", "/v1/categories", 2, "Groups of assets",
		"By the classes of the catalogue, greatest first. An asset may be in several."), f.categories)
	s.registerScreener(m)
	add(s, get("list-movers", "/v1/movers", 2, "Assets that moved most",
		"Greatest rises or falls over a window. Stablecoins and other forms of assets are left out."), f.movers)
}

type figuresFace struct {
	*Server
	m insight.Market
}

type figuresIn struct {
	Assets string `query:"assets" maxLength:"2000" doc:"Assets, separated by commas; at most 100. Default all" example:"BTC,ETH"`
	Quote  string `query:"quote" default:"USD" maxLength:"64" doc:"Currency that amounts are in" example:"EUR"`
	Order  string `query:"order" enum:"cap,volume,price,change_24h,asset" default:"cap" doc:"Greatest first, those without last; asset: by code"`
	Page
	Common
}

type figureIn struct {
	Asset string `path:"asset" maxLength:"128" doc:"Code, name, id or contract address" example:"BTC"`
	Quote string `query:"quote" default:"USD" maxLength:"64" doc:"Currency that amounts are in"`
	Common
}

type globalIn struct {
	Quote string `query:"quote" default:"USD" maxLength:"64" doc:"Currency that amounts are in"`
	Common
}

type moversIn struct {
	Direction string `query:"direction" enum:"gainers,losers" default:"gainers" doc:"What rose, or what fell"`
	Window    string `query:"window" enum:"1h,24h,7d,14d,30d,60d,200d,1y" default:"24h" doc:"How far back; a year has 365 days"`
	MinVolume string `query:"min_volume" maxLength:"40" doc:"Leave out what traded less than this in 24 h, in the quote" example:"1000000"`
	Quote     string `query:"quote" default:"USD" maxLength:"64" doc:"Currency that amounts are in"`
	Page
	Common
}

// Figure is what is known of one asset now.
type Figure struct {
	Asset      string         `json:"asset"`
	Quote      string         `json:"quote"`
	Rank       *int           `json:"rank" doc:"By capitalisation; null without one, and for what is excluded"`
	Price      *money.Decimal `json:"price" doc:"Consensus price of one unit"`
	Change1h   *float64       `json:"change_1h" doc:"Percent. Null when no price of then is known"`
	Change24h  *float64       `json:"change_24h" doc:"Percent"`
	Change7d   *float64       `json:"change_7d" doc:"Percent"`
	Change14d  *float64       `json:"change_14d" doc:"Percent"`
	Change30d  *float64       `json:"change_30d" doc:"Percent"`
	Change60d  *float64       `json:"change_60d" doc:"Percent"`
	Change200d *float64       `json:"change_200d" doc:"Percent"`
	Change1y   *float64       `json:"change_1y" doc:"Percent; of 365 days"`
	High24h    *money.Decimal `json:"high_24h"`
	Low24h     *money.Decimal `json:"low_24h"`
	Volume24h  *money.Decimal `json:"volume_24h" doc:"Traded in 24 whole hours of minutes at the followed venues, in the quote"`
	VolumeBase *money.Decimal `json:"volume_base_24h" doc:"The same in units of the asset"`
	Cap        *money.Decimal `json:"cap" doc:"Price times circulating supply"`
	CapDiluted *money.Decimal `json:"cap_diluted" doc:"Price times the greatest supply there can be, or the total where there is no bound"`
	Supply     *money.Decimal `json:"supply_circulating"`
	SupplyAsOf *time.Time     `json:"supply_as_of" doc:"When the supply was so"`
	Excluded   string         `json:"excluded,omitempty" enum:"fiat,metal,commodity,stablecoin,wrapped,staked,migrated" doc:"Why it has no rank and is in no total"`
	TS         *int64         `json:"ts" doc:"Newest price in it, milliseconds"`
	Marks      []string       `json:"marks,omitempty" doc:"What is wrong with it; see docs/insight/figures"`
}

// FigureDetail is a figure with where it comes from.
type FigureDetail struct {
	Figure
	SupplyTotal  *money.Decimal `json:"supply_total"`
	SupplyMax    *money.Decimal `json:"supply_max" doc:"Null: there is none, or it is not known"`
	SupplySource *string        `json:"supply_source" doc:"Who stated the supply"`
	CapBefore    *money.Decimal `json:"cap_24h_ago" doc:"With the supply of now"`
	High         *FigureExtreme `json:"high" doc:"Highest price of the stored history"`
	Low          *FigureExtreme `json:"low" doc:"Lowest price of the stored history"`
	Since        *time.Time     `json:"since" doc:"Where the stored history begins"`
	Changes      []FigureChange `json:"changes" doc:"What changes are counted from, the shortest window first"`
	Sparkline    []FigurePoint  `json:"sparkline" doc:"Hourly closes of seven days, oldest first"`
	Venues       []string       `json:"venues" doc:"Whose prices counted"`
}

// FigureExtreme is a highest or lowest price.
type FigureExtreme struct {
	Price   money.Decimal `json:"price"`
	TS      *int64        `json:"ts" doc:"The day's beginning (UTC), milliseconds"`
	Percent float64       `json:"percent" doc:"Of the price now from it"`
}

// FigureChange is a price of then and how far it moved.
type FigureChange struct {
	Window  string        `json:"window"`
	From    money.Decimal `json:"from"`
	TS      *int64        `json:"ts" doc:"When it was that, milliseconds"`
	Percent float64       `json:"percent"`
}

// FigurePoint is a close.
type FigurePoint struct {
	TS    *int64        `json:"ts" doc:"The hour's end, milliseconds"`
	Price money.Decimal `json:"price"`
}

// Global is the market as a whole.
type Global struct {
	Quote       string          `json:"quote"`
	Assets      int             `json:"assets" doc:"With a price"`
	WithSupply  int             `json:"assets_in_totals" doc:"With a capitalisation, and not excluded"`
	Markets     int             `json:"markets" doc:"Pairs at venues that traded in 24 h"`
	Venues      int             `json:"venues"`
	Cap         money.Decimal   `json:"cap"`
	CapBefore   money.Decimal   `json:"cap_24h_ago" doc:"Of the assets that had a price then"`
	CapPercent  float64         `json:"cap_change_24h" doc:"Percent, of the assets that had a price then"`
	Volume24h   money.Decimal   `json:"volume_24h"`
	Breadth     float64         `json:"breadth" doc:"Part of the assets that rose over 24 h, 0 to 1"`
	TS          *int64          `json:"ts" doc:"Milliseconds"`
	Description string          `json:"description"`
	Dominance   []GlobalPortion `json:"dominance" doc:"Shares of the capitalisation, greatest first; together 100"`
}

// GlobalPortion is one asset's part of the market.
type GlobalPortion struct {
	Asset   string  `json:"asset"`
	Percent float64 `json:"percent"`
}

// Category is a group of assets.
type Category struct {
	ID         string        `json:"id"`
	Name       string        `json:"name"`
	Assets     []string      `json:"assets" doc:"By capitalisation, greatest first"`
	Cap        money.Decimal `json:"cap"`
	CapPercent *float64      `json:"cap_change_24h" doc:"Percent"`
	Volume24h  money.Decimal `json:"volume_24h"`
	TS         *int64        `json:"ts" doc:"Milliseconds"`
}

// round6 keeps what a percentage can mean.
func round6(f float64) float64 { return math.Round(f*1e6) / 1e6 }

func figureOf(f *insight.Figures) Figure {
	out := Figure{
		Asset: string(f.Asset), Quote: string(f.Quote), Price: f.Price, High24h: f.High24h, Low24h: f.Low24h, Volume24h: f.Volume24h, VolumeBase: f.VolumeBase24h,
		Cap: f.Cap, CapDiluted: f.CapDiluted, Supply: f.Supply.Circulating, SupplyAsOf: moment(f.Supply.AsOf), Excluded: f.Excluded, TS: milli(f.At), Marks: f.Marks,
	}
	if f.Rank > 0 {
		out.Rank = &f.Rank
	}
	for w, to := range map[insight.Window]**float64{
		insight.Hour: &out.Change1h, insight.Day: &out.Change24h, insight.Week: &out.Change7d, insight.Fortnight: &out.Change14d,
		insight.Month: &out.Change30d, insight.TwoMonths: &out.Change60d, insight.Days200: &out.Change200d, insight.Year: &out.Change1y,
	} {
		if c, ok := f.Changes[w]; ok {
			*to = ptr(round6(c.Percent))
		}
	}
	return out
}

// say fills in the meta of figures.
func (f *figuresFace) say(m *Meta, rows []insight.Figures) {
	good, marks := 0, map[string]bool{}
	now := f.opt.Board.Now()
	for i := range rows {
		r := &rows[i]
		m.newest(r.At)
		for _, v := range r.Contributed {
			m.from(market.VenueID(v))
		}
		for _, x := range r.Marks {
			marks[x] = true
		}
		if !slices.Contains(r.Marks, "stale") && now.Sub(r.At) <= freshPrice {
			good++
		}
	}
	slices.Sort(m.Sources)
	m.judge(now, freshPrice, 0)
	if m.AsOf != nil {
		m.Quality.State = feedState(good, len(rows))
	}
	for x := range marks {
		m.Quality.Marks = append(m.Quality.Marks, x)
	}
	slices.Sort(m.Quality.Marks)
}

func (f *figuresFace) all(ctx context.Context, quote string) ([]insight.Figures, error) {
	q, err := f.code("query.quote", quote)
	if err != nil {
		return nil, err
	}
	rows, err := f.m.All(ctx, q)
	return rows, atQuery(err)
}

// atQuery says where a currency that has no rate was given.
func atQuery(err error) error {
	if err != nil && fault.Field(err) == "quote" {
		return fault.At(fault.Of(err), "query.quote", "%s", fault.Public(err))
	}
	return err
}

func (f figuresFace) list(ctx context.Context, in *figuresIn) (Answer[[]Figure], error) {
	a := Answer[[]Figure]{Data: []Figure{}}
	rows, err := f.all(ctx, in.Quote)
	if err != nil {
		return a, err
	}
	if in.Assets != "" {
		codes, err := f.codes("query.assets", in.Assets, 100)
		if err != nil {
			return a, err
		}
		rows = slices.DeleteFunc(rows, func(r insight.Figures) bool { return !slices.Contains(codes, r.Asset) })
	}
	orderFigures(rows, in.Order)
	if rows, err = page(rows, in.Page, &a.Meta, filterDigest("figures", in.Assets, in.Quote, in.Order)); err != nil {
		return a, err
	}
	for i := range rows {
		a.Data = append(a.Data, figureOf(&rows[i]))
	}
	f.say(&a.Meta, rows)
	return a, nil
}

// orderFigures puts the greatest first and those without last; they come by cap.
func orderFigures(rows []insight.Figures, order string) {
	by := map[string]func(*insight.Figures) *money.Decimal{
		"volume": func(f *insight.Figures) *money.Decimal { return f.Volume24h },
		"price":  func(f *insight.Figures) *money.Decimal { return f.Price },
	}[order]
	slices.SortStableFunc(rows, func(a, b insight.Figures) int {
		switch {
		case order == "asset":
			return strings.Compare(string(a.Asset), string(b.Asset))
		case order == "change_24h":
			x, ok := a.Changes[insight.Day]
			y, ok2 := b.Changes[insight.Day]
			switch {
			case ok != ok2:
				return map[bool]int{true: -1, false: 1}[ok]
			case x.Percent > y.Percent:
				return -1
			case x.Percent < y.Percent:
				return 1
			}
			return 0
		case by == nil:
			return 0
		}
		x, y := by(&a), by(&b)
		switch {
		case x == nil && y == nil:
			return 0
		case x == nil:
			return 1
		case y == nil:
			return -1
		}
		return y.Cmp(*x)
	})
}

func (f figuresFace) one(ctx context.Context, in *figureIn) (Answer[FigureDetail], error) {
	var a Answer[FigureDetail]
	quote, err := f.code("query.quote", in.Quote)
	if err != nil {
		return a, err
	}
	code, err := f.code("path.asset", in.Asset)
	if err != nil {
		return a, err
	}
	x, err := f.m.Figures(ctx, code, quote)
	if err != nil {
		if fault.Field(err) == "asset" {
			return a, fault.At(fault.Of(err), "path.asset", "%s", fault.Public(err))
		}
		return a, atQuery(err)
	}
	d := FigureDetail{
		Figure: figureOf(&x), SupplyTotal: x.Supply.Total, SupplyMax: x.Supply.Max, SupplySource: known(x.Supply.Source), CapBefore: x.CapBefore,
		High: extremeOf(x.High), Low: extremeOf(x.Low), Since: moment(x.Since), Changes: []FigureChange{}, Sparkline: []FigurePoint{}, Venues: []string{},
	}
	for _, w := range insight.Windows() {
		if c, ok := x.Changes[w]; ok {
			d.Changes = append(d.Changes, FigureChange{string(w), c.From, milli(c.At), round6(c.Percent)})
		}
	}
	for _, p := range x.Sparkline {
		d.Sparkline = append(d.Sparkline, FigurePoint{milli(p.At), p.Price})
	}
	d.Venues = append(d.Venues, x.Contributed...)
	a.Data = d
	f.say(&a.Meta, []insight.Figures{x})
	return a, nil
}

func extremeOf(x *insight.Extreme) *FigureExtreme {
	if x == nil {
		return nil
	}
	return &FigureExtreme{x.Price, milli(x.At), round6(x.Percent)}
}

func (f figuresFace) global(ctx context.Context, in *globalIn) (Answer[Global], error) {
	var a Answer[Global]
	quote, err := f.code("query.quote", in.Quote)
	if err != nil {
		return a, err
	}
	g, err := f.m.Global(ctx, quote)
	if err != nil {
		return a, atQuery(err)
	}
	a.Data = Global{
		Quote: string(g.Quote), Assets: g.Assets, WithSupply: g.WithSupply, Markets: g.Markets, Venues: g.Venues, Cap: g.Cap, CapBefore: g.CapBefore, CapPercent: round6(g.CapPercent),
		Volume24h: g.Volume24h, Breadth: round4(g.Breadth), TS: milli(g.At), Description: g.Description, Dominance: []GlobalPortion{},
	}
	for _, s := range g.Dominance {
		a.Data.Dominance = append(a.Data.Dominance, GlobalPortion{string(s.Asset), s.Percent})
	}
	a.Meta.newest(g.At)
	a.Meta.from(market.ConsensusVenue)
	a.Meta.judge(f.opt.Board.Now(), freshPrice, 0)
	return a, nil
}

func (f figuresFace) categories(ctx context.Context, in *globalIn) (Answer[[]Category], error) {
	a := Answer[[]Category]{Data: []Category{}}
	quote, err := f.code("query.quote", in.Quote)
	if err != nil {
		return a, err
	}
	groups, err := f.m.Categories(ctx, quote)
	if err != nil {
		return a, atQuery(err)
	}
	for i := range groups {
		g := &groups[i]
		c := Category{ID: g.ID, Name: g.Name, Assets: []string{}, Cap: g.Cap, CapPercent: g.CapPercent, Volume24h: g.Volume24h, TS: milli(g.At)}
		for _, x := range g.Assets {
			c.Assets = append(c.Assets, string(x))
		}
		a.Data = append(a.Data, c)
		a.Meta.newest(g.At)
	}
	a.Meta.from(market.ConsensusVenue)
	a.Meta.judge(f.opt.Board.Now(), freshPrice, 0)
	return a, nil
}

func (f figuresFace) movers(ctx context.Context, in *moversIn) (Answer[[]Figure], error) {
	a := Answer[[]Figure]{Data: []Figure{}}
	var least money.Decimal
	if in.MinVolume != "" {
		var err error
		if least, err = money.Parse([]byte(in.MinVolume)); err != nil || least.IsNeg() {
			return a, fault.At(fault.Invalid, "query.min_volume", "%q is no amount; write a decimal number that is not below zero, such as 1000000", clip(in.MinVolume, 40))
		}
	}
	rows, err := f.all(ctx, in.Quote)
	if err != nil {
		return a, err
	}
	rows = insight.Movers(rows, insight.Window(in.Window), in.Direction == "losers", least)
	if rows, err = page(rows, in.Page, &a.Meta, filterDigest("movers", in.Direction, in.Window, in.MinVolume, in.Quote)); err != nil {
		return a, err
	}
	for i := range rows {
		a.Data = append(a.Data, figureOf(&rows[i]))
	}
	f.say(&a.Meta, rows)
	return a, nil
}
