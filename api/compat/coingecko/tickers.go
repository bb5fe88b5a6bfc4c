package coingecko

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/insight"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/money"
)

// exchangeIDs are names of exchanges there that differ from ours.
var exchangeIDs = map[market.VenueID]string{
	"bybit": "bybit_spot", "coinbase": "gdax", "cryptocom": "crypto_com", "htx": "huobi", "krakenfutures": "kraken_futures", "mexc": "mxc", "okx": "okex",
}

func exchangeID(v market.VenueID) string {
	if id, ok := exchangeIDs[v]; ok {
		return id
	}
	return string(v)
}

// venues are the exchanges, by name. The second feed of Coinbase is the same book as the
// first and is shown only without it.
func (f *Face) venues() []market.VenueState {
	all := f.opt.Board.Venues()
	has := func(id market.VenueID) bool {
		return slices.ContainsFunc(all, func(v market.VenueState) bool { return v.ID == id })
	}
	out := make([]market.VenueState, 0, len(all))
	for _, v := range all {
		if v.ID != "coinbaseexchange" || !has("coinbase") {
			out = append(out, v)
		}
	}
	slices.SortStableFunc(out, func(a, b market.VenueState) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// venue finds an exchange by its id there, or by ours.
func (f *Face) venue(id string) (market.VenueState, error) {
	id = strings.ToLower(id)
	for _, v := range f.venues() {
		if exchangeID(v.ID) == id || string(v.ID) == id {
			return v, nil
		}
	}
	return market.VenueState{}, fault.New(fault.Unknown, "exchange not found")
}

// tickerForm is what a ticker has beside the usual.
type tickerForm struct{ logo, depth, quality bool }

// ticker is one pair at one exchange, with what it is sorted by.
type ticker struct {
	row    object
	base   string
	volume number // in USD
	cap    number
}

func rowsOf(rows []ticker) list {
	out := make(list, len(rows))
	for i := range rows {
		out[i] = rows[i].row
	}
	return out
}

// tickers are the spot pairs that have traded since they are followed, the greatest
// volume first.
func (f *Face) tickers(q *request, want func(market.Instrument) bool, form tickerForm) ([]ticker, error) {
	states := map[market.VenueID]market.VenueState{}
	for _, v := range f.venues() {
		states[v.ID] = v
	}
	btc, eth, usd := find("btc"), find("eth"), find("usd")
	var out []ticker
	for _, in := range f.opt.Board.Instruments() {
		v, known := states[in.Venue]
		if in.Kind != market.Spot || !known || in.Status == market.Delisted || !want(in) {
			continue
		}
		last := f.opt.Board.LastTrades(in.Venue, in.Pair, 1)
		if len(last) == 0 {
			continue
		}
		base, err := f.volume.of(q.ctx, f.opt.Tickers, in.Venue, in.Pair, q.now)
		if err != nil {
			return nil, err
		}
		price := number{last[0].Price.Decimal, true}
		amount := number{}
		if base.ok {
			amount = times(price, base.d)
		}
		converted := func(n number) object {
			o := object{}
			for _, c := range []*currency{btc, eth, usd} {
				x := number{}
				if r, _ := f.worth(q, in.Quote, c); n.ok && r.ok {
					x = times(n, r.d)
				}
				o = append(o, field{c.id, x})
			}
			return o
		}
		t := ticker{base: string(in.Base), volume: converted(amount)[2].value.(number)}
		var capitalised any
		if x, err := f.opt.Market.Figures(q.ctx, in.Base, "USD"); err == nil {
			t.cap = num(x.Cap)
			capitalised = t.cap
		}
		at := offset(last[0].At)
		m := object{{"name", v.Name}, {"identifier", exchangeID(v.ID)}, {"has_trading_incentive", false}}
		if form.logo {
			m = append(m, field{"logo", ""})
		}
		t.row = object{{"base", f.ticker(in.Base)}, {"target", f.ticker(in.Quote)}, {"market", m}, {"last", price}, {"volume", base}}
		if form.depth {
			up, down := f.depth(q, in)
			t.row = append(t.row, object{{"cost_to_move_up_usd", up}, {"cost_to_move_down_usd", down}}...)
		}
		stale, anomaly, marks := f.judged(in, v, last[0], q.now)
		t.row = append(t.row, object{
			{"converted_last", converted(price)}, {"converted_volume", converted(amount)}, {"trust_score", nil}, {"bid_ask_spread_percentage", f.spread(in)},
			{"timestamp", at}, {"last_traded_at", at}, {"last_fetch_at", offset(last[0].Received)}, {"is_anomaly", anomaly}, {"is_stale", stale},
			{"trade_url", ""}, {"token_info_url", nil}, {"coin_id", f.idOf(in.Base)}, {"target_coin_id", f.idOf(in.Quote)}, {"coin_mcap_usd", capitalised},
		}...)
		if form.quality {
			t.row = append(t.row, field{"x_quality", object{{"marks", marks}, {"venue_state", v.State}, {"symbol", in.Symbol}}})
		}
		out = append(out, t)
	}
	slices.SortStableFunc(out, byVolume(-1))
	return out, nil
}

// byVolume orders by converted volume; what has none is last.
func byVolume(sign int) func(a, b ticker) int {
	return func(a, b ticker) int { return byNumber(sign, a.volume, b.volume) }
}

func byNumber(sign int, a, b number) int {
	switch {
	case !a.ok && !b.ok:
		return 0
	case !a.ok:
		return 1
	case !b.ok:
		return -1
	}
	return sign * a.d.Cmp(b.d)
}

// ticker is what an asset is called in a pair.
func (f *Face) ticker(c asset.Code) string {
	if a, ok := f.opt.Assets.Get(c); ok {
		return strings.ToUpper(a.Symbol)
	}
	return string(c)
}

// offset is how times look in tickers.
func offset(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format("2006-01-02T15:04:05") + "+00:00"
}

// quote is the best bid and ask of a pair at an exchange.
func (f *Face) quote(in market.Instrument) (market.Quote, bool) {
	for _, x := range f.opt.Board.Quotes(in.Pair) {
		if x.Venue == in.Venue {
			return x, true
		}
	}
	return market.Quote{}, false
}

// spread is the part of the best ask that the best bid is below it, in percent.
func (f *Face) spread(in market.Instrument) stat {
	x, ok := f.quote(in)
	if !ok || x.Ask.Sign() <= 0 || x.Bid.Sign() <= 0 {
		return none
	}
	d, err := x.Ask.Sub(x.Bid.Decimal)
	if err != nil {
		return none
	}
	return stat(100 * d.Float64() / x.Ask.Float64())
}

// judged tells by our own marks whether a ticker is stale or an anomaly: stale is a venue
// that is not live, a channel that has stopped, or a trade older than a day; an anomaly is
// a last trade far from those before it, a crossed quote, or a price that the consensus
// left out as too far from the others.
func (f *Face) judged(in market.Instrument, v market.VenueState, last market.Trade, now time.Time) (stale, anomaly bool, marks words) {
	marks = words{}
	marks = append(marks, last.Marks.Names()...)
	stale = v.State != "live" || now.Sub(last.At) > day
	for _, q := range f.opt.Board.Quality(in.Venue, in.Pair) {
		if q.Channel == market.Trades && q.State == "stale" {
			stale = true
		}
	}
	anomaly = last.Marks&market.Outlier != 0
	if x, ok := f.quote(in); ok && x.Marks&market.Crossed != 0 {
		anomaly, marks = true, append(marks, "crossed")
	}
	if p, ok := f.opt.Board.Price(in.Base, "USD"); ok {
		for i := range p.Sources {
			if s := &p.Sources[i]; s.Venue == in.Venue && s.Pair == in.Pair && s.Status == market.IsOut {
				anomaly, marks = true, append(marks, "outside_consensus")
			}
		}
	}
	return stale, anomaly, marks
}

// deepest is how many levels of a book are looked at.
const deepest = 5000

// depth is what it costs to move a price by two percent, in USD; null where the book that
// is kept does not reach so far.
func (f *Face) depth(q *request, in market.Instrument) (up, down number) {
	b, ok := f.opt.Board.Book(in.Venue, in.Pair, deepest)
	rate, _ := f.worth(q, in.Quote, find("usd"))
	if !ok || !b.Valid || !rate.ok || len(b.Asks) == 0 || len(b.Bids) == 0 {
		return
	}
	mid, err := money.Mid(b.Asks[0].Price, b.Bids[0].Price)
	if err != nil {
		return
	}
	side := func(levels []market.Level, factor string, beyond int) number {
		bound, err := mid.MulRound(money.MustParse(factor), 12)
		if err != nil {
			return number{}
		}
		var sum money.Sum
		for _, l := range levels {
			if l.Price.Cmp(bound)*beyond > 0 {
				v, _ := sum.Decimal(8)
				x := times(number{v, true}, rate.d)
				x.d = x.d.Round(2)
				return x
			}
			sum.AddProduct(l.Price.Decimal, l.Qty.Decimal)
		}
		return number{}
	}
	return side(b.Asks, "1.02", 1), side(b.Bids, "0.98", -1)
}

// perPage is how many tickers a page has.
const perPage = 100

// paged sorts tickers, cuts a page, and tells the others in headers.
func (q *request) paged(rows []ticker, order string) (list, error) {
	page, err := q.count("page", 1)
	if err != nil {
		return nil, err
	}
	switch order {
	case "volume_asc", "trust_score_asc":
		slices.SortStableFunc(rows, byVolume(1))
	case "market_cap_asc":
		slices.SortStableFunc(rows, func(a, b ticker) int { return byNumber(1, a.cap, b.cap) })
	case "market_cap_desc":
		slices.SortStableFunc(rows, func(a, b ticker) int { return byNumber(-1, a.cap, b.cap) })
	case "base_target":
		slices.SortStableFunc(rows, func(a, b ticker) int { return strings.Compare(a.base, b.base) })
	}
	q.header["Per-Page"] = []string{strconv.Itoa(perPage)}
	q.header["Total"] = []string{strconv.Itoa(len(rows))}
	if page*perPage < len(rows) {
		q.header["Link"] = []string{fmt.Sprintf(`<?page=%d>; rel="next"`, page+1)}
	}
	return rowsOf(cut(rows, (page-1)*perPage, perPage)), nil
}

// tickerQuery reads what both listings of tickers share.
func (q *request) tickerQuery(orders ...string) (form tickerForm, order string, err error) {
	show, err := q.flags("include_exchange_logo", "depth", "x_quality")
	if err != nil {
		return form, "", err
	}
	if _, err = q.choice("dex_pair_format", "", "contract_address", "symbol"); err != nil {
		return form, "", err
	}
	order, err = q.choice("order", append([]string{"trust_score_desc", "trust_score_asc", "volume_desc", "volume_asc"}, orders...)...)
	return tickerForm{show["include_exchange_logo"], show["depth"], show["x_quality"]}, order, err
}

func (f *Face) coinTickers(q *request) (any, error) {
	a, err := f.byID(q.path[0])
	if err != nil {
		return nil, err
	}
	form, order, err := q.tickerQuery()
	if err != nil {
		return nil, err
	}
	at, err := q.items("exchange_ids")
	if err != nil {
		return nil, err
	}
	f.asked.note(a.CoinGecko, q.now)
	rows, err := f.tickers(q, func(in market.Instrument) bool {
		return in.Base == a.Code && (at == nil || slices.Contains(at, exchangeID(in.Venue)) || slices.Contains(at, string(in.Venue)))
	}, form)
	if err != nil {
		return nil, err
	}
	page, err := q.paged(rows, order)
	return object{{"name", a.Name}, {"tickers", page}}, err
}

func (f *Face) exchangeTickers(q *request) (any, error) {
	v, err := f.venue(q.path[0])
	if err != nil {
		return nil, err
	}
	form, order, err := q.tickerQuery("market_cap_asc", "market_cap_desc", "base_target")
	if err != nil {
		return nil, err
	}
	coins, err := q.items("coin_ids")
	if err != nil {
		return nil, err
	}
	rows, err := f.tickers(q, func(in market.Instrument) bool {
		return in.Venue == v.ID && (coins == nil || slices.Contains(coins, f.idOf(in.Base)) || slices.Contains(coins, f.idOf(in.Quote)))
	}, form)
	if err != nil {
		return nil, err
	}
	page, err := q.paged(rows, order)
	return object{{"name", v.Name}, {"tickers", page}}, err
}

// profile is an exchange as the listings show it.
func (f *Face) profile(v market.VenueState, rank int, traded number) object {
	return object{{"id", exchangeID(v.ID)}, {"name", v.Name}, {"year_established", nil}, {"country", nil}, {"description", ""}, {"url", ""}, {"image", ""},
		{"has_trading_incentive", false}, {"trust_score", nil}, {"trust_score_rank", orNone(rank)}, {"trade_volume_24h_btc", traded}}
}

// traded is an exchange with its volume of 24 hours.
type traded struct {
	venue   market.VenueState
	volume  number // in BTC
	tickers []ticker
}

// busy are the exchanges by volume over the pairs that are followed.
func (f *Face) busy(q *request) ([]traded, error) {
	usd, _ := f.worth(q, "BTC", find("usd"))
	var out []traded
	for _, v := range f.venues() {
		t := traded{venue: v}
		var err error
		if t.tickers, err = f.tickers(q, func(in market.Instrument) bool { return in.Venue == v.ID }, tickerForm{}); err != nil {
			return nil, err
		}
		t.volume = total(t.tickers, usd)
		out = append(out, t)
	}
	slices.SortStableFunc(out, func(a, b traded) int { return byNumber(-1, a.volume, b.volume) })
	return out, nil
}

// total is a volume in BTC.
func total(rows []ticker, btc number) number {
	var sum money.Sum
	known := false
	for i := range rows {
		if v := rows[i].volume; v.ok {
			sum.Add(v.d)
			known = true
		}
	}
	if !known || !btc.ok {
		return number{}
	}
	v, _ := sum.Decimal(8)
	out := over(number{v, true}, btc.d)
	out.d = out.d.Round(8)
	return out
}

func (f *Face) exchanges(q *request) (any, error) {
	from, size, err := q.page(100, 250)
	if err != nil {
		return nil, err
	}
	all, err := f.busy(q)
	if err != nil {
		return nil, err
	}
	out := list{}
	for i, t := range cut(all, from, size) {
		out = append(out, f.profile(t.venue, from+i+1, t.volume))
	}
	return out, nil
}

func (f *Face) exchangeNames(q *request) (any, error) {
	status, err := q.choice("status", "active", "inactive")
	if err != nil {
		return nil, err
	}
	out := list{}
	for _, v := range f.venues() {
		if (v.State == "off") == (status == "inactive") {
			out = append(out, object{{"id", exchangeID(v.ID)}, {"name", v.Name}})
		}
	}
	return out, nil
}

func (f *Face) exchange(q *request) (any, error) {
	v, err := f.venue(q.path[0])
	if err != nil {
		return nil, err
	}
	if _, err := q.choice("dex_pair_format", "", "contract_address", "symbol"); err != nil {
		return nil, err
	}
	all, err := f.busy(q)
	if err != nil {
		return nil, err
	}
	rank, mine := 0, traded{}
	for i := range all {
		if all[i].venue.ID == v.ID {
			rank, mine = i+1, all[i]
		}
	}
	coins := map[string]bool{}
	for i := range mine.tickers {
		coins[mine.tickers[i].base] = true
	}
	out := f.profile(v, rank, mine.volume)[1:] // the id is in the address already
	for _, name := range []string{"facebook_url", "reddit_url", "telegram_url", "slack_url", "other_url_1", "other_url_2", "twitter_handle", "public_notice", "alert_notice"} {
		out = append(out, field{name, ""})
	}
	return append(out, object{{"centralized", true}, {"coins", len(coins)}, {"pairs", len(mine.tickers)}, {"tickers", rowsOf(cut(mine.tickers, 0, perPage))}, {"status_updates", list{}}}...), nil
}

// volumes keeps the volume of each pair for a little while: many answers need all of them.
type volumes struct {
	mu   sync.Mutex
	kept map[market.Series]kept
}

type kept struct {
	at time.Time
	v  number
}

// The bounds of what volumes keeps.
const (
	keepVolume = 10 * time.Second
	mostKept   = 20_000
)

// of is what was traded of a pair in the last 24 hours, in units of the base; none where
// no bar is stored.
func (s *volumes) of(ctx context.Context, tickers insight.Tickers, v market.VenueID, p market.Pair, now time.Time) (number, error) {
	series := market.Series{Venue: v, Pair: p}
	s.mu.Lock()
	k, ok := s.kept[series]
	s.mu.Unlock()
	if ok && now.Sub(k.at) < keepVolume && !now.Before(k.at) {
		return k.v, nil
	}
	t, err := tickers.Ticker(ctx, series, day)
	if err != nil {
		return number{}, err
	}
	out := num(t.Base)
	if out.ok {
		out.d = out.d.Round(8)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kept == nil || len(s.kept) >= mostKept {
		s.kept = map[market.Series]kept{}
	}
	s.kept[series] = kept{now, out}
	return out, nil
}
