package coingecko

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/insight"
)

// search looks for coins, exchanges and categories.
func (f *Face) search(q *request) (any, error) {
	text := q.text("query")
	if text == "" && !q.query.Has("query") {
		return nil, missing("query")
	}
	if len(text) > 100 {
		return nil, bad("query", "at most 100 bytes are looked for")
	}
	rows, err := f.opt.Market.All(q.ctx, "USD")
	if err != nil && !absent(err) {
		return nil, err
	}
	own, _ := f.placed(rows)
	found := f.opt.Assets.Search(text, 100)
	coins := list{}
	const last = math.MaxInt
	place := func(n int) int {
		if n == 0 {
			return last
		}
		return n
	}
	slices.SortStableFunc(found, func(a, b asset.Asset) int { return cmp.Compare(place(own[a.Code]), place(own[b.Code])) })
	for _, a := range found {
		if a.CoinGecko != "" && a.IsCrypto() && len(coins) < 25 {
			coins = append(coins, object{{"id", a.CoinGecko}, {"name", a.Name}, {"api_symbol", a.CoinGecko}, {"symbol", strings.ToUpper(a.Symbol)},
				{"market_cap_rank", orNone(own[a.Code])}, {"thumb", ""}, {"large", ""}})
		}
	}
	low := strings.ToLower(text)
	exchanges, categories := list{}, list{}
	for _, v := range f.venues() {
		if low != "" && (strings.Contains(strings.ToLower(v.Name), low) || strings.Contains(exchangeID(v.ID), low)) {
			exchanges = append(exchanges, object{{"id", exchangeID(v.ID)}, {"name", v.Name}, {"market_type", "spot"}, {"thumb", ""}, {"large", ""}})
		}
	}
	groups, err := f.groups(q)
	if err != nil {
		return nil, err
	}
	for _, c := range groups {
		if low != "" && strings.Contains(strings.ToLower(c.Name), low) {
			categories = append(categories, object{{"id", c.ID}, {"name", c.Name}})
		}
	}
	return object{{"coins", coins}, {"exchanges", exchanges}, {"icos", list{}}, {"categories", categories}, {"nfts", list{}}}, nil
}

// popular counts which coins are asked for here, with a half-life of a day. It has at
// most one row per coin of the catalogue.
type popular struct {
	mu   sync.Mutex
	rows map[string]heat
}

type heat struct {
	weight float64
	at     time.Time
}

// halfLife is after how long a request counts half.
const halfLife = 24 * time.Hour

func (h heat) now(t time.Time) float64 {
	return h.weight * math.Exp2(-max(t.Sub(h.at), 0).Hours()/halfLife.Hours())
}

// note counts a request for a coin.
func (p *popular) note(id string, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.rows == nil {
		p.rows = map[string]heat{}
	}
	p.rows[id] = heat{p.rows[id].now(now) + 1, now}
}

// top are the coins asked for most.
func (p *popular) top(n int, now time.Time) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	ids := make([]string, 0, len(p.rows))
	for id := range p.rows {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b string) int {
		if d := cmpFloat(p.rows[b].now(now), p.rows[a].now(now)); d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	return ids[:min(n, len(ids))]
}

// trending are the coins that callers of this server asked for most, with a rank and a
// price; there are none before anybody asked.
func (f *Face) trending(q *request) (any, error) {
	shown := 15
	if more, err := q.items("show_max"); err != nil {
		return nil, err
	} else if slices.Contains(more, "coins") || slices.Contains(more, "true") {
		shown = 30
	}
	rows, err := f.opt.Market.All(q.ctx, "USD")
	if err != nil && !absent(err) {
		return nil, err
	}
	own, _ := f.placed(rows)
	btc := find("btc")
	coins := list{}
	for _, id := range f.asked.top(len(f.coins), q.now) {
		a := f.coins[id]
		i := slices.IndexFunc(rows, func(x insight.Figures) bool { return x.Asset == a.Code })
		if i < 0 || own[a.Code] == 0 || rows[i].Price == nil || len(coins) == shown {
			continue
		}
		v := view{rows[i], find("usd")}
		rate, _ := f.worth(q, "USD", btc)
		in := func(n number) number {
			if !rate.ok {
				return number{}
			}
			return times(n, rate.d)
		}
		price, err := f.figures(q, a.Code, btc)
		if err != nil && !absent(err) {
			return nil, err
		}
		changes := object{{"usd", v.change(insight.Day)}}
		coins = append(coins, object{{"item", object{
			{"id", id}, {"coin_id", f.numbers[id]}, {"name", a.Name}, {"symbol", a.Symbol}, {"market_cap_rank", own[a.Code]}, {"thumb", ""}, {"small", ""}, {"large", ""},
			{"slug", id}, {"price_btc", price.price()}, {"score", len(coins)},
			{"data", object{{"price", usual.of(v.price())}, {"price_btc", plain(price.price())}, {"price_change_percentage_24h", changes},
				{"market_cap", dollars(v.amount(v.Cap))}, {"market_cap_btc", plain(in(v.amount(v.Cap)))}, {"total_volume", dollars(v.amount(v.Volume24h))},
				{"total_volume_btc", plain(in(v.amount(v.Volume24h)))}, {"sparkline", ""}, {"content", nil}}},
		}}})
	}
	return object{{"coins", coins}, {"nfts", list{}}, {"categories", list{}}}, nil
}

// plain is a number as text, "" when it is unknown.
func plain(n number) string {
	if !n.ok {
		return ""
	}
	return n.d.Trim().String()
}

// dollars is an amount as people write it.
func dollars(n number) string {
	if !n.ok {
		return ""
	}
	s := n.d.Round(0).Trim().String()
	var b []byte
	for i := range len(s) {
		if i > 0 && (len(s)-i)%3 == 0 {
			b = append(b, ',')
		}
		b = append(b, s[i])
	}
	return "$" + string(b)
}
