package coingecko

import (
	"slices"
	"strings"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/insight"
)

// global is the market as a whole, as far as it is followed.
func (f *Face) global(q *request) (any, error) {
	g, err := f.opt.Market.Global(q.ctx, "USD")
	if err != nil {
		return nil, err
	}
	caps, volumes, shares := object{}, object{}, object{}
	for _, c := range f.spoken(q) {
		r, _ := f.rate(q, c)
		cap, volume := times(num(&g.Cap), r.d), times(num(&g.Volume24h), r.d)
		if cap.ok && volume.ok {
			caps, volumes = append(caps, field{c.id, cap}), append(volumes, field{c.id, volume})
		}
	}
	for _, s := range g.Dominance {
		if a, ok := f.opt.Assets.Get(s.Asset); ok && len(shares) < 10 {
			shares = append(shares, field{symbol(a), stat(s.Percent)})
		}
	}
	return object{{"data", object{
		{"active_cryptocurrencies", g.Assets}, {"upcoming_icos", 0}, {"ongoing_icos", 0}, {"ended_icos", 0}, {"markets", g.Venues},
		{"total_market_cap", caps}, {"total_volume", volumes}, {"market_cap_percentage", shares},
		{"market_cap_change_percentage_24h_usd", stat(g.CapPercent)}, {"volume_change_percentage_24h_usd", nil}, {"updated_at", g.At.Unix()},
	}}}, nil
}

// groups are the categories there are now.
func (f *Face) groups(q *request) ([]insight.Category, error) {
	all, err := f.opt.Market.Categories(q.ctx, "USD")
	if absent(err) {
		return nil, nil
	}
	return all, err
}

func (f *Face) categoriesOf(q *request, a asset.Asset) ([]insight.Category, error) {
	all, err := f.groups(q)
	var out []insight.Category
	for _, c := range all {
		if slices.Contains(c.Assets, a.Code) {
			out = append(out, c)
		}
	}
	return out, err
}

func (f *Face) categoryNames(q *request) (any, error) {
	all, err := f.groups(q)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b insight.Category) int { return strings.Compare(a.ID, b.ID) })
	out := list{}
	for _, c := range all {
		out = append(out, object{{"category_id", c.ID}, {"name", c.Name}})
	}
	return out, nil
}

func (f *Face) categories(q *request) (any, error) {
	order, err := q.choice("order", "market_cap_desc", "market_cap_asc", "name_desc", "name_asc", "market_cap_change_24h_desc", "market_cap_change_24h_asc")
	if err != nil {
		return nil, err
	}
	all, err := f.groups(q)
	if err != nil {
		return nil, err
	}
	by, way, _ := cutLast(order)
	sign := 1
	if way == "desc" {
		sign = -1
	}
	slices.SortStableFunc(all, func(a, b insight.Category) int {
		switch by {
		case "name":
			return sign * strings.Compare(a.Name, b.Name)
		case "market_cap":
			return sign * a.Cap.Cmp(b.Cap)
		}
		switch {
		case a.CapPercent == nil && b.CapPercent == nil:
			return 0
		case a.CapPercent == nil:
			return 1
		case b.CapPercent == nil:
			return -1
		}
		return sign * cmpFloat(*a.CapPercent, *b.CapPercent)
	})
	out := list{}
	for i := range all {
		c := &all[i]
		change, top, pictures := none, words{}, words{}
		if c.CapPercent != nil {
			change = stat(*c.CapPercent)
		}
		for _, a := range c.Assets {
			if id := f.idOf(a); id != "" && len(top) < 3 {
				top, pictures = append(top, id), append(pictures, "")
			}
		}
		out = append(out, object{{"id", c.ID}, {"name", c.Name}, {"market_cap", num(&c.Cap)}, {"market_cap_change_24h", change}, {"content", ""},
			{"top_3_coins_id", top}, {"top_3_coins", pictures}, {"volume_24h", num(&c.Volume24h)}, {"updated_at", iso(c.At)}})
	}
	return out, nil
}

// chain is a ledger that tokens live on.
type chain struct {
	id, name, short string
	number          int // of EIP-155; 0: none
	native          asset.Code
}

var chains = []chain{
	{"ethereum", "Ethereum", "Ethereum", 1, "ETH"}, {"binance-smart-chain", "BNB Smart Chain", "BSC", 56, "BNB"}, {"polygon-pos", "Polygon", "Polygon", 137, "POL"},
	{"arbitrum-one", "Arbitrum One", "Arbitrum", 42161, "ETH"}, {"optimistic-ethereum", "Optimism", "Optimism", 10, "ETH"}, {"base", "Base", "Base", 8453, "ETH"},
	{"avalanche", "Avalanche", "AVAX", 43114, "AVAX"}, {"solana", "Solana", "Solana", 0, "SOL"}, {"tron", "TRON", "TRON", 0, "TRX"},
}

func (f *Face) platforms(q *request) (any, error) {
	filter, err := q.choice("filter", "", "nft")
	if err != nil {
		return nil, err
	}
	out := list{}
	for _, c := range chains {
		if filter == "nft" {
			break // none has collections here
		}
		var number any
		if c.number != 0 {
			number = c.number
		}
		out = append(out, object{{"id", c.id}, {"chain_identifier", number}, {"name", c.name}, {"shortname", c.short}, {"native_coin_id", orNull(f.idOf(c.native))}, {"image", images()}})
	}
	return out, nil
}

// tokenList is the list of a chain's tokens in the form that wallets read.
func (f *Face) tokenList(q *request) (any, error) {
	i := slices.IndexFunc(chains, func(c chain) bool { return c.id == strings.ToLower(q.path[0]) })
	if i < 0 {
		return nil, refuseWith(404, "asset platform not found")
	}
	tokens := list{}
	for a := range f.opt.Assets.All() {
		for _, k := range a.Contracts {
			if k.Chain == chains[i].id && a.CoinGecko != "" {
				tokens = append(tokens, object{{"chainId", chains[i].number}, {"address", k.Address}, {"name", a.Name}, {"symbol", strings.ToUpper(a.Symbol)}, {"decimals", k.Decimals}, {"logoURI", ""}})
			}
		}
	}
	return object{{"name", chains[i].name}, {"logoURI", ""}, {"keywords", words{}}, {"timestamp", iso(q.now)}, {"tokens", tokens}, {"version", object{{"major", 1}, {"minor", 0}, {"patch", 0}}}}, nil
}
