package coingecko

import (
	"cmp"
	"net/http"
	"slices"
	"strings"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/insight"
)

// asked for by one key of /simple/price: a coin under the word that the caller used.
type named struct {
	key  string
	coin asset.Asset
}

// selected finds the coins that a request means, by ids before names before symbols.
// given tells whether any selector is there at all. Unknown ones are left out.
func (f *Face) selected(q *request) (out []named, given bool, err error) {
	tokens, err := q.choice("include_tokens", "top", "all")
	if err != nil {
		return nil, false, err
	}
	for _, by := range []string{"ids", "names", "symbols"} {
		if q.text(by) == "" {
			continue
		}
		words, err := q.items(by)
		if err != nil {
			return nil, true, err
		}
		if by == "symbols" && tokens == "all" && len(words) > 50 {
			return nil, true, bad("symbols", "at most 50 symbols are taken with include_tokens=all")
		}
		place := map[asset.Code]int{}
		if by != "ids" {
			if place, err = f.order(q); err != nil {
				return nil, true, err
			}
		}
		for _, w := range words {
			out = append(out, f.bear(by, w, tokens == "all", place)...)
		}
		return out, true, nil
	}
	return nil, false, nil
}

// order is every asset's place by capitalisation, from 1 on.
func (f *Face) order(q *request) (map[asset.Code]int, error) {
	rows, err := f.opt.Market.All(q.ctx, "USD")
	if err != nil && !absent(err) {
		return nil, err
	}
	out := make(map[asset.Code]int, len(rows))
	for i := range rows {
		out[rows[i].Asset] = i + 1
	}
	return out, nil
}

// bear are the coins that bear an id, a name or a symbol: the greatest, or all of them.
func (f *Face) bear(by, word string, all bool, place map[asset.Code]int) (out []named) {
	if by == "ids" {
		if a, ok := f.coins[word]; ok {
			out = append(out, named{word, a})
		}
		return out
	}
	for a := range f.opt.Assets.All() {
		if a.CoinGecko == "" || !a.IsCrypto() || by == "names" && !strings.EqualFold(a.Name, word) || by == "symbols" && !strings.EqualFold(a.Symbol, word) {
			continue
		}
		if !all && len(out) > 0 {
			if p := place[a.Code]; p == 0 || place[out[0].coin.Code] != 0 && place[out[0].coin.Code] < p {
				continue
			}
			out = out[:0]
		}
		out = append(out, named{word, a})
	}
	slices.SortStableFunc(out, func(a, b named) int { // those without a place last
		return cmp.Compare(uint(place[a.coin.Code]-1), uint(place[b.coin.Code]-1))
	})
	return out
}

// priceForm is what a simple price has beside the price.
type priceForm struct {
	in        []*currency
	show      map[string]bool
	precision rounding
}

func (f *Face) priceForm(q *request) (p priceForm, err error) {
	if q.text("vs_currencies") == "" {
		return p, missing("vs_currencies")
	}
	ids, err := q.items("vs_currencies")
	if err != nil {
		return p, err
	}
	for _, id := range ids {
		if c := find(id); c != nil {
			p.in = append(p.in, c)
		}
	}
	if p.show, err = q.flags("include_market_cap", "include_24hr_vol", "include_24hr_change", "include_last_updated_at", "x_quality"); err != nil {
		return p, err
	}
	p.precision, err = q.precision()
	return p, err
}

// simple is the prices of one coin. A currency that nothing followed has a rate of is
// null.
func (f *Face) simple(q *request, a asset.Asset, p *priceForm) (object, error) {
	out := object{}
	var newest view
	for _, c := range p.in {
		v, err := f.figures(q, a.Code, c)
		if err != nil && !absent(err) {
			return nil, err
		}
		if v.At.After(newest.At) {
			newest = v
		}
		out = append(out, field{c.id, p.precision.of(v.price())})
		if p.show["include_market_cap"] {
			out = append(out, field{c.id + "_market_cap", v.amount(v.Cap)})
		}
		if p.show["include_24hr_vol"] {
			out = append(out, field{c.id + "_24h_vol", v.amount(v.Volume24h)})
		}
		if p.show["include_24hr_change"] {
			x := v.change(insight.Day)
			if v.marked("stale") {
				x = none
			}
			out = append(out, field{c.id + "_24h_change", x})
		}
	}
	if p.show["include_last_updated_at"] {
		var at any
		if !newest.At.IsZero() {
			at = newest.At.Unix()
		}
		out = append(out, field{"last_updated_at", at})
	}
	if p.show["x_quality"] {
		out = append(out, field{"x_quality", f.quality(newest)})
	}
	return out, nil
}

func (f *Face) simplePrice(q *request) (any, error) {
	p, err := f.priceForm(q)
	if err != nil {
		return nil, err
	}
	coins, given, err := f.selected(q)
	if err != nil {
		return nil, err
	}
	if !given {
		return nil, refuseWith(http.StatusUnprocessableEntity, "Missing parameter ids")
	}
	out := object{}
	seen := map[string]bool{}
	for _, n := range coins {
		if seen[n.key] { // of several bearers of a symbol the answer has room for one
			continue
		}
		seen[n.key] = true
		f.asked.note(n.coin.CoinGecko, q.now)
		row, err := f.simple(q, n.coin, &p)
		if err != nil {
			return nil, err
		}
		out = append(out, field{n.key, row})
	}
	return out, nil
}

// maxContracts is how many addresses one request may ask for.
const maxContracts = 100

func (f *Face) tokenPrice(q *request) (any, error) {
	p, err := f.priceForm(q)
	if err != nil {
		return nil, err
	}
	if q.text("contract_addresses") == "" {
		return nil, missing("contract_addresses")
	}
	addresses, err := splitList("contract_addresses", q.text("contract_addresses"))
	if err != nil {
		return nil, err
	}
	if len(addresses) > maxContracts {
		return nil, bad("contract_addresses", "at most %d addresses are taken at once", maxContracts)
	}
	out := object{}
	for _, address := range addresses {
		a, ok := f.byContract(q.path[0], address)
		if !ok {
			continue
		}
		if strings.HasPrefix(address, "0x") || strings.HasPrefix(address, "0X") {
			address = strings.ToLower(address)
		}
		row, err := f.simple(q, a, &p)
		if err != nil {
			return nil, err
		}
		out = append(out, field{address, row})
	}
	return out, nil
}
