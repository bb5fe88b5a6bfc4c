package coingecko

import (
	"slices"
	"strings"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/insight"
)

// markets is the table of coins.
func (f *Face) markets(q *request) (any, error) {
	c, err := q.versus()
	if err != nil {
		return nil, err
	}
	order, err := q.choice("order", "market_cap_desc", "market_cap_asc", "volume_desc", "volume_asc", "id_asc", "id_desc", "gecko_desc", "gecko_asc", "market_cap_rank_asc", "market_cap_rank_desc")
	if err != nil {
		return nil, err
	}
	from, size, err := q.page(100, 250)
	if err != nil {
		return nil, err
	}
	show, err := q.flags("sparkline", "include_rehypothecated", "x_quality")
	if err != nil {
		return nil, err
	}
	windows, err := q.windows()
	if err != nil {
		return nil, err
	}
	precision, err := q.precision()
	if err != nil {
		return nil, err
	}
	all, err := f.opt.Market.All(q.ctx, c.code())
	if absent(err) { // the currency has no rate: the rows are there, their money is not
		all, err = f.opt.Market.All(q.ctx, "USD")
		for i := range all {
			all[i] = insight.Figures{Asset: all[i].Asset, At: all[i].At, Supply: all[i].Supply, Excluded: all[i].Excluded, Cap: all[i].Cap, Marks: all[i].Marks}
		}
		if err == nil {
			all = slices.Clone(all)
		}
		c = &currency{id: c.id, kind: noRate}
	}
	if err != nil && !absent(err) {
		return nil, err
	}
	own, every := f.placed(all)
	rows, err := f.chosen(q, all)
	if err != nil {
		return nil, err
	}
	f.sort(rows, order)
	out := list{}
	for _, x := range cut(rows, from, size) {
		a, _ := f.opt.Assets.Get(x.Asset)
		v := view{x, c}
		if c.kind == noRate {
			v.Cap = nil
		}
		r := f.row(&v, precision)
		row := object{
			{"id", a.CoinGecko}, {"symbol", symbol(a)}, {"name", a.Name}, {"image", ""}, {"current_price", r["current_price"]},
			{"market_cap", r["market_cap"].(number).whole()}, {"market_cap_rank", orNone(own[x.Asset])},
			{"fully_diluted_valuation", r["fully_diluted_valuation"].(number).whole()}, {"total_volume", r["total_volume"].(number).whole()},
			{"high_24h", r["high_24h"]}, {"low_24h", r["low_24h"]}, {"price_change_24h", r["price_change_24h"]},
			{"price_change_percentage_24h", r["price_change_percentage_24h"]}, {"market_cap_change_24h", r["market_cap_change_24h"]},
			{"market_cap_change_percentage_24h", r["market_cap_change_percentage_24h"]}, {"circulating_supply", r["circulating_supply"]},
			{"total_supply", r["total_supply"]}, {"max_supply", r["max_supply"]}, {"ath", r["ath"]}, {"ath_change_percentage", r["ath_change_percentage"]},
			{"ath_date", r["ath_date"]}, {"atl", r["atl"]}, {"atl_change_percentage", r["atl_change_percentage"]}, {"atl_date", r["atl_date"]},
			{"roi", nil}, {"last_updated", moment(x.At)},
		}
		if show["include_rehypothecated"] {
			row = append(row, field{"market_cap_rank_with_rehypothecated", orNone(every[x.Asset])})
		}
		if show["sparkline"] {
			row = append(row, field{"sparkline_in_7d", object{{"price", sparks(&v, precision)}}})
		}
		for _, w := range windows {
			row = append(row, field{"price_change_percentage_" + string(w) + "_in_currency", v.change(w)})
		}
		if show["x_quality"] {
			row = append(row, field{"x_quality", f.quality(v)})
		}
		out = append(out, row)
	}
	return out, nil
}

// noRate is the kind of a currency that has no rate now.
const noRate = "none"

// windows reads the changes that are asked for, in the order of their lengths.
func (q *request) windows() ([]insight.Window, error) {
	asked, err := q.items("price_change_percentage")
	if err != nil {
		return nil, err
	}
	var out []insight.Window
	for _, w := range insight.Windows() {
		if slices.Contains(asked, string(w)) && w != insight.TwoMonths {
			out = append(out, w)
		}
	}
	for _, s := range asked {
		if !slices.Contains(out, insight.Window(s)) {
			return nil, bad("price_change_percentage", "use 1h, 24h, 7d, 14d, 30d, 200d, 1y")
		}
	}
	return out, nil
}

// chosen are the rows that a request asks for. A coin that is asked for by itself has a
// row though it has no price.
func (f *Face) chosen(q *request, all []insight.Figures) ([]insight.Figures, error) {
	if id := strings.ToLower(q.text("category")); id != "" {
		cats, err := f.opt.Market.Categories(q.ctx, "USD")
		if err != nil && !absent(err) {
			return nil, err
		}
		for i := range cats {
			if cats[i].ID == id {
				return f.kept(all, func(c asset.Code) bool { return slices.Contains(cats[i].Assets, c) }), nil
			}
		}
		return nil, refuseWith(404, "category not found")
	}
	coins, given, err := f.selected(q)
	if err != nil || !given {
		return f.kept(all, func(asset.Code) bool { return true }), err
	}
	want := map[asset.Code]bool{}
	for _, n := range coins {
		want[n.coin.Code] = true
		f.asked.note(n.coin.CoinGecko, q.now)
	}
	out := f.kept(all, func(c asset.Code) bool { return want[c] })
	for _, x := range out {
		delete(want, x.Asset)
	}
	for _, n := range coins {
		if want[n.coin.Code] {
			delete(want, n.coin.Code)
			out = append(out, insight.Figures{Asset: n.coin.Code})
		}
	}
	return out, nil
}

// kept are the rows of coins, without currencies and those that have no id there.
func (f *Face) kept(all []insight.Figures, want func(asset.Code) bool) []insight.Figures {
	out := make([]insight.Figures, 0, len(all))
	for i := range all {
		if f.idOf(all[i].Asset) != "" && want(all[i].Asset) {
			out = append(out, all[i])
		}
	}
	return out
}

// sort orders rows that stand by capitalisation; null is last whichever way.
func (f *Face) sort(rows []insight.Figures, order string) {
	by, way, _ := cutLast(order)
	sign := 1
	if way == "desc" {
		sign = -1
	}
	slices.SortStableFunc(rows, func(a, b insight.Figures) int {
		x, y := a.Cap, b.Cap
		switch by {
		case "id":
			return sign * strings.Compare(f.idOf(a.Asset), f.idOf(b.Asset))
		case "volume":
			x, y = a.Volume24h, b.Volume24h
		case "market_cap_rank": // the first rank is the greatest
			x, y = b.Cap, a.Cap
			if (x == nil) != (y == nil) {
				x, y = y, x
			}
		}
		switch {
		case x == nil && y == nil:
			return 0
		case x == nil:
			return 1
		case y == nil:
			return -1
		}
		return sign * x.Cmp(*y)
	})
}

// cutLast cuts at the last underscore.
func cutLast(s string) (head, tail string, ok bool) {
	i := strings.LastIndexByte(s, '_')
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}
