package coingecko

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/insight"
	"github.com/assayhq/assay/market"
)

// byID finds a coin by the id of that API.
func (f *Face) byID(id string) (asset.Asset, error) {
	a, ok := f.coins[strings.ToLower(id)]
	if !ok {
		return a, coinNotFound()
	}
	return a, nil
}

// byContract finds a coin by its chain and address.
func (f *Face) byContract(platform, address string) (asset.Asset, bool) {
	for _, a := range f.coins {
		for _, c := range a.Contracts {
			if c.Chain == strings.ToLower(platform) && sameAddress(c.Address, address) {
				return a, true
			}
		}
	}
	return asset.Asset{}, false
}

// sameAddress ignores the case of hexadecimal addresses only.
func sameAddress(a, b string) bool {
	return a == b || strings.HasPrefix(a, "0x") && strings.EqualFold(a, b)
}

// idOf is the id of an asset there, "" for currencies and what the table does not have.
func (f *Face) idOf(c asset.Code) string {
	if a, ok := f.opt.Assets.Get(c); ok && a.IsCrypto() {
		return a.CoinGecko
	}
	return ""
}

func symbol(a asset.Asset) string { return strings.ToLower(a.Symbol) }

// absent tells whether there are no figures because nothing that is followed has any;
// other failures are the request's.
func absent(err error) bool { return fault.Of(err) == fault.Unknown }

func (f *Face) list(q *request) (any, error) {
	platforms, err := q.flag("include_platform", false)
	if err != nil {
		return nil, err
	}
	status, err := q.choice("status", "active", "inactive")
	if err != nil {
		return nil, err
	}
	out := list{}
	for a := range f.opt.Assets.All() {
		if a.CoinGecko == "" || !a.IsCrypto() || (a.Status == asset.StatusActive) != (status == "active") {
			continue
		}
		row := object{{"id", a.CoinGecko}, {"symbol", symbol(a)}, {"name", a.Name}}
		if platforms {
			row = append(row, field{"platforms", contracts(a)})
		}
		out = append(out, row)
	}
	return out, nil
}

func contracts(a asset.Asset) object {
	out := object{}
	for _, c := range a.Contracts {
		out = append(out, field{c.Chain, c.Address})
	}
	return out
}

// coin is one coin with all that is known of it.
func (f *Face) coin(q *request) (any, error) {
	a, err := f.byID(q.path[0])
	if err != nil {
		return nil, err
	}
	return f.whole(q, a)
}

func (f *Face) contract(q *request) (any, error) {
	a, ok := f.byContract(q.path[0], q.path[1])
	if !ok {
		return nil, coinNotFound()
	}
	out, err := f.whole(q, a)
	if err != nil {
		return nil, err
	}
	return append(out, field{"contract_address", strings.ToLower(q.path[1])}), nil
}

func (f *Face) whole(q *request, a asset.Asset) (object, error) {
	want := map[string]bool{}
	for _, n := range []string{"localization", "tickers", "market_data", "community_data", "developer_data"} {
		v, err := q.flag(n, true)
		if err != nil {
			return nil, err
		}
		want[n] = v
	}
	more, err := q.flags("sparkline", "include_categories_details", "x_quality")
	if err != nil {
		return nil, err
	}
	if _, err := q.choice("dex_pair_format", "", "contract_address", "symbol"); err != nil {
		return nil, err
	}
	f.asked.note(a.CoinGecko, q.now)
	v, err := f.figures(q, a.Code, find("usd"))
	if err != nil && !absent(err) {
		return nil, err
	}
	rank, rankAll, err := f.ranks(q, a.Code)
	if err != nil {
		return nil, err
	}
	cats, err := f.categoriesOf(q, a)
	if err != nil {
		return nil, err
	}
	platform, platforms, details := any(nil), object{{"", ""}}, object{{"", object{{"decimal_place", decimals(a)}, {"contract_address", ""}}}}
	if len(a.Contracts) > 0 {
		platform, platforms, details = a.Contracts[0].Chain, contracts(a), object{}
		for _, c := range a.Contracts {
			details = append(details, field{c.Chain, object{{"decimal_place", c.Decimals}, {"contract_address", c.Address}}})
		}
	}
	names := words{}
	for _, c := range cats {
		names = append(names, c.Name)
	}
	out := object{
		{"id", a.CoinGecko}, {"symbol", symbol(a)}, {"name", a.Name}, {"web_slug", a.CoinGecko},
		{"asset_platform_id", platform}, {"platforms", platforms}, {"detail_platforms", details},
		{"block_time_in_minutes", blockTime(a)}, {"hashing_algorithm", nil}, {"categories", names},
	}
	if more["include_categories_details"] {
		l := list{}
		for _, c := range cats {
			l = append(l, object{{"id", c.ID}, {"name", c.Name}})
		}
		out = append(out, field{"categories_details", l})
	}
	out = append(out, object{{"preview_listing", false}, {"public_notice", orNull(a.Note)}, {"additional_notices", words{}}, {"has_supply_breakdown", false}}...)
	if want["localization"] {
		out = append(out, field{"localization", object{{"en", a.Name}}})
	}
	out = append(out, object{
		{"description", object{{"en", description(a)}}}, {"links", links(a)}, {"image", images()}, {"country_origin", ""}, {"genesis_date", genesis(a)},
		{"sentiment_votes_up_percentage", nil}, {"sentiment_votes_down_percentage", nil}, {"watchlist_portfolio_users", nil},
		{"market_cap_rank", rank}, {"market_cap_rank_with_rehypothecated", rankAll}, {"status_updates", list{}},
	}...)
	if want["market_data"] {
		data, err := f.marketData(q, a, v, more["sparkline"])
		if err != nil {
			return nil, err
		}
		out = append(out, field{"market_data", append(data, object{{"market_cap_rank", rank}, {"market_cap_rank_with_rehypothecated", rankAll}}...)})
	}
	if want["community_data"] {
		out = append(out, field{"community_data", nothing("facebook_likes", "reddit_average_posts_48h", "reddit_average_comments_48h", "reddit_subscribers", "reddit_accounts_active_48h", "telegram_channel_user_count")})
	}
	if want["developer_data"] {
		d := nothing("forks", "stars", "subscribers", "total_issues", "closed_issues", "pull_requests_merged", "pull_request_contributors")
		out = append(out, field{"developer_data", append(d, object{{"code_additions_deletions_4_weeks", nothing("additions", "deletions")}, {"commit_count_4_weeks", nil}, {"last_4_weeks_commit_activity_series", list{}}}...)})
	}
	out = append(out, field{"last_updated", orNow(v.At, q)})
	if want["tickers"] {
		rows, err := f.tickers(q, func(in market.Instrument) bool { return in.Base == a.Code }, tickerForm{})
		if err != nil {
			return nil, err
		}
		out = append(out, field{"tickers", rowsOf(cut(rows, 0, 100))})
	}
	if more["x_quality"] {
		out = append(out, field{"x_quality", f.quality(v)})
	}
	return out, nil
}

// nothing are keys whose values are not collected here.
func nothing(names ...string) object {
	out := object{}
	for _, n := range names {
		out = append(out, field{n, nil})
	}
	return out
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func orNow(t time.Time, q *request) string {
	if t.IsZero() {
		t = q.now
	}
	return iso(t)
}

func decimals(a asset.Asset) any {
	if a.Decimals == nil {
		return nil
	}
	return *a.Decimals
}

func blockTime(a asset.Asset) any {
	if a.BlockSeconds <= 0 {
		return nil
	}
	return stat(a.BlockSeconds / 60)
}

func description(a asset.Asset) string { return strings.TrimSpace(a.Purpose + " " + a.UseCase) }

// images are keys that clients read; there are no pictures here.
func images() object { return object{{"thumb", ""}, {"small", ""}, {"large", ""}} }

// genesis is the day of the first block where the catalogue states it as a day.
func genesis(a asset.Asset) any {
	if a.Profile == nil || len(a.Profile.Launched) < 10 {
		return nil
	}
	day := a.Profile.Launched[:10]
	if _, err := time.Parse(time.DateOnly, day); err != nil {
		return nil
	}
	return day
}

func links(a asset.Asset) object {
	some := func(s ...string) words {
		out := words{}
		for _, x := range s {
			if x != "" {
				out = append(out, x)
			}
		}
		return out
	}
	github := words{}
	if strings.Contains(a.Links.Source, "github.com") {
		github = words{a.Links.Source}
	}
	return object{
		{"homepage", some(a.Links.Website)}, {"whitepaper", a.Links.Whitepaper}, {"blockchain_site", some(a.Links.Explorer)},
		{"official_forum_url", words{}}, {"chat_url", words{}}, {"announcement_url", words{}}, {"snapshot_url", nil},
		{"twitter_screen_name", ""}, {"facebook_username", ""}, {"bitcointalk_thread_identifier", nil}, {"telegram_channel_identifier", ""},
		{"subreddit_url", ""}, {"repos_url", object{{"github", github}, {"bitbucket", words{}}}},
	}
}

// ranks are a coin's places by capitalisation: without and with forms that stand for
// another coin.
func (f *Face) ranks(q *request, a asset.Code) (rank, all any, err error) {
	rows, err := f.opt.Market.All(q.ctx, "USD")
	if err != nil {
		if absent(err) {
			return nil, nil, nil
		}
		return nil, nil, err
	}
	own, every := f.placed(rows)
	return orNone(own[a]), orNone(every[a]), nil
}

func orNone(n int) any {
	if n == 0 {
		return nil
	}
	return n
}

// placed ranks coins by capitalisation, which is the order of the rows. Unlike our own
// rank it has stablecoins, as clients of this API expect; what stands for another coin
// is in the second only.
func (f *Face) placed(rows []insight.Figures) (own, every map[asset.Code]int) {
	own, every = map[asset.Code]int{}, map[asset.Code]int{}
	for i := range rows {
		x := &rows[i]
		if x.Cap == nil || f.idOf(x.Asset) == "" {
			continue
		}
		every[x.Asset] = len(every) + 1
		if !slices.Contains([]string{"wrapped", "staked", "migrated"}, x.Excluded) {
			own[x.Asset] = len(own) + 1
		}
	}
	return own, every
}

// marketData has each figure in every currency that has a rate.
func (f *Face) marketData(q *request, a asset.Asset, usd view, sparkline bool) (object, error) {
	maps := []string{"current_price", "ath", "ath_change_percentage", "ath_date", "atl", "atl_change_percentage", "atl_date", "market_cap",
		"fully_diluted_valuation", "total_volume", "high_24h", "low_24h", "price_change_24h_in_currency", "price_change_percentage_1h_in_currency",
		"price_change_percentage_24h_in_currency", "price_change_percentage_7d_in_currency", "price_change_percentage_14d_in_currency",
		"price_change_percentage_30d_in_currency", "price_change_percentage_60d_in_currency", "price_change_percentage_200d_in_currency",
		"price_change_percentage_1y_in_currency", "market_cap_change_24h_in_currency", "market_cap_change_percentage_24h_in_currency"}
	of := map[string]object{}
	for _, c := range f.spoken(q) {
		v, err := f.figures(q, a.Code, c)
		if absent(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		put := func(name string, x any) {
			switch n := x.(type) {
			case number:
				if !n.ok {
					return
				}
			case stat:
				if n != n { // none
					return
				}
			case nil:
				return
			}
			of[name] = append(of[name], field{c.id, x})
		}
		r := f.row(&v, usual)
		for _, name := range []string{"ath", "ath_change_percentage", "ath_date", "atl", "atl_change_percentage", "atl_date", "market_cap", "fully_diluted_valuation", "total_volume", "high_24h", "low_24h"} {
			put(name, r[name])
		}
		put("current_price", r["current_price"])
		put("price_change_24h_in_currency", r["price_change_24h"])
		put("market_cap_change_24h_in_currency", r["market_cap_change_24h"])
		put("market_cap_change_percentage_24h_in_currency", r["market_cap_change_percentage_24h"])
		for _, w := range insight.Windows() {
			put("price_change_percentage_"+string(w)+"_in_currency", v.change(w))
		}
	}
	out := object{}
	for _, m := range maps {
		if of[m] == nil {
			of[m] = object{}
		}
		out = append(out, field{m, of[m]})
	}
	r := f.row(&usd, usual)
	out = append(out, object{
		{"total_value_locked", nil}, {"mcap_to_tvl_ratio", nil}, {"fdv_to_tvl_ratio", nil}, {"roi", nil},
		{"price_change_24h", r["price_change_24h"]}, {"market_cap_change_24h", r["market_cap_change_24h"]}, {"market_cap_change_percentage_24h", r["market_cap_change_percentage_24h"]},
	}...)
	for _, w := range insight.Windows()[1:] {
		out = append(out, field{"price_change_percentage_" + string(w), usd.change(w)})
	}
	ratio := none
	if usd.Cap != nil && usd.CapDiluted != nil && usd.CapDiluted.Sign() > 0 {
		ratio = stat(usd.Cap.Float64() / usd.CapDiluted.Float64())
	}
	_, capped := a.MaxSupply()
	out = append(out, object{
		{"market_cap_fdv_ratio", ratio}, {"total_supply", r["total_supply"]}, {"max_supply", r["max_supply"]},
		{"max_supply_infinite", a.Supply != nil && a.Supply.Policy == "uncapped" && !capped},
		{"circulating_supply", r["circulating_supply"]}, {"outstanding_supply", nil}, {"outstanding_token_value_usd", nil}, {"last_updated", orNow(usd.At, q)},
	}...)
	if sparkline {
		out = append(out, field{"sparkline_7d", object{{"price", sparks(&usd, usual)}}})
	}
	return out, nil
}

func sparks(v *view, r rounding) list {
	out := list{}
	for i := range v.Sparkline {
		out = append(out, r.of(v.amount(&v.Sparkline[i].Price)))
	}
	return out
}

// row has the figures of a coin in a currency, by the names that several answers share.
func (f *Face) row(v *view, r rounding) map[string]any {
	m := map[string]any{
		"current_price": r.of(v.price()), "market_cap": v.amount(v.Cap), "fully_diluted_valuation": v.amount(v.CapDiluted), "total_volume": v.amount(v.Volume24h),
		"high_24h": r.of(v.amount(v.High24h)), "low_24h": r.of(v.amount(v.Low24h)),
		"price_change_24h": number{}, "price_change_percentage_24h": v.change(insight.Day),
		"market_cap_change_24h": number{}, "market_cap_change_percentage_24h": none,
		"circulating_supply": num(v.Supply.Circulating), "total_supply": num(v.Supply.Total), "max_supply": num(v.Supply.Max),
		"ath": number{}, "ath_change_percentage": none, "ath_date": nil, "atl": number{}, "atl_change_percentage": none, "atl_date": nil,
	}
	if v.marked("stale") { // as that API does: an old price has no change of a day
		m["price_change_percentage_24h"] = none
	} else {
		if c, ok := v.Changes[insight.Day]; ok {
			m["price_change_24h"] = r.of(minus(v.price(), v.amount(&c.From)))
		}
		m["market_cap_change_24h"] = minus(v.amount(v.Cap), v.amount(v.CapBefore))
		m["market_cap_change_percentage_24h"] = percent(v.amount(v.Cap), v.amount(v.CapBefore))
	}
	for name, x := range map[string]*insight.Extreme{"ath": v.High, "atl": v.Low} {
		if x != nil {
			m[name], m[name+"_change_percentage"], m[name+"_date"] = r.of(v.amount(&x.Price)), stat(x.Percent), iso(x.At)
		}
	}
	return m
}

// quality is what our own API tells of a value beside it.
func (f *Face) quality(v view) object {
	marks, venues := words{}, words{}
	marks = append(marks, v.Marks...)
	venues = append(venues, v.Contributed...)
	out := object{{"as_of", moment(v.At)}, {"sources", venues}, {"marks", marks}, {"is_stale", v.marked("stale")}, {"simulated", v.Simulated}}
	if p, ok := f.opt.Board.Price(v.Asset, "USD"); ok {
		anomalies := words{}
		for i := range p.Sources {
			if s := &p.Sources[i]; s.Status == market.IsOut && !slices.Contains(anomalies, string(s.Venue)) {
				anomalies = append(anomalies, string(s.Venue))
			}
		}
		out = append(out, object{{"confidence", stat(p.Confidence)}, {"anomalies", anomalies}}...)
	}
	if v.Supply.Source != "" {
		out = append(out, object{{"supply_source", v.Supply.Source}, {"supply_as_of", moment(v.Supply.AsOf)}}...)
	}
	if !v.Since.IsZero() {
		out = append(out, field{"history_since", iso(v.Since)})
	}
	return out
}

// movers are the coins whose price rose and fell most.
func (f *Face) movers(q *request) (any, error) {
	c, err := q.versus()
	if err != nil {
		return nil, err
	}
	word, err := q.choice("duration", "24h", "1h", "7d", "14d", "30d", "60d", "200d", "1y")
	if err != nil {
		return nil, err
	}
	top := 1000
	switch s, err := q.choice("top_coins", "1000", "300", "500", "all"); {
	case err != nil:
		return nil, err
	case s == "300":
		top = 300
	case s == "500":
		top = 500
	case s == "all":
		top = len(f.coins)
	}
	rows, err := f.opt.Market.All(q.ctx, c.code())
	if absent(err) {
		return object{{"top_gainers", list{}}, {"top_losers", list{}}}, nil
	}
	if err != nil {
		return nil, err
	}
	own, _ := f.placed(rows)
	w := insight.Window(word)
	var up []view
	for i := range rows {
		if n := own[rows[i].Asset]; n == 0 || n > top {
			continue
		}
		if _, ok := rows[i].Changes[w]; ok && rows[i].Price != nil {
			up = append(up, view{rows[i], c})
		}
	}
	slices.SortStableFunc(up, func(a, b view) int { return cmpFloat(b.Changes[w].Percent, a.Changes[w].Percent) })
	down := slices.Clone(up)
	slices.Reverse(down)
	side := func(views []view, sign float64) list {
		out := list{}
		for i := range views {
			v := &views[i]
			if v.Changes[w].Percent*sign <= 0 || len(out) == 30 {
				break
			}
			a, _ := f.opt.Assets.Get(v.Asset)
			out = append(out, object{{"id", a.CoinGecko}, {"symbol", symbol(a)}, {"name", a.Name}, {"image", ""}, {"market_cap_rank", orNone(own[v.Asset])},
				{c.id, usual.of(v.price())}, {c.id + "_24h_vol", v.amount(v.Volume24h)}, {c.id + "_" + word + "_change", v.change(w)}})
			if w != insight.Day {
				last := out[len(out)-1].(object)
				out[len(out)-1] = append(last, field{c.id + "_24h_change", v.change(insight.Day)})
			}
		}
		return out
	}
	return object{{"top_gainers", side(up, 1)}, {"top_losers", side(down, -1)}}, nil
}

func cmpFloat(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// key tells how the caller stands. Without a key there is nothing to tell.
func (f *Face) key(q *request) (any, error) {
	if q.caller == nil || q.caller.KeyID == "" {
		return nil, fault.New(fault.Unauthentic, "this is about a key, and none was sent")
	}
	if f.opt.Standing == nil {
		return nil, refuseWith(http.StatusNotImplemented, "plans are not kept here")
	}
	s, err := f.opt.Standing(q.ctx, q.caller)
	if err != nil {
		return nil, err
	}
	name := s.Plan.Name
	if name == "" {
		name = "default"
	}
	var minute, credit, left any
	if s.Plan.Rate > 0 {
		minute = s.Plan.Rate * 60
	}
	if s.Plan.Monthly > 0 {
		credit, left = s.Plan.Monthly, max(s.Plan.Monthly-s.Used, 0)
	}
	return object{{"plan", name}, {"rate_limit_request_per_minute", minute}, {"monthly_call_credit", credit}, {"current_total_monthly_calls", s.Used},
		{"current_remaining_monthly_calls", left}, {"api_key_rate_limit_request_per_minute", minute}, {"api_key_monthly_call_credit", credit},
		{"api_key_current_total_monthly_calls", s.Used}}, nil
}

// reach refuses times that the caller's plan does not reach back to.
func (f *Face) reach(q *request, from time.Time) error {
	if f.opt.Plan == nil || q.caller == nil || q.caller.KeyID == "" {
		return nil
	}
	p := f.opt.Plan(q.caller)
	if back := time.Duration(p.History); back > 0 && from.Before(q.now.Add(-back-24*time.Hour)) {
		return &refusal{fault.New(fault.Denied, "the plan %s reaches back %d days", p.Name, int(back/(24*time.Hour))), http.StatusUnauthorized, codePast}
	}
	return nil
}
