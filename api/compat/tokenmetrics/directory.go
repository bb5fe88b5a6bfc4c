package tokenmetrics

import (
	"cmp"
	"context"
	"hash/fnv"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/insight"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/money"
)

// token is an asset under its number in the other API, with what is known of it now.
type token struct {
	asset.Asset
	id      int
	slug    string
	figures *insight.Figures // nil: none
	price   *money.Decimal
	at      time.Time // of the price
	lists   *lists
}

// lists are what many tokens share within one request.
type lists struct {
	venues     map[asset.Code][]venue
	categories []category
	members    map[asset.Code][]int // indexes of categories
}

type venue struct{ id, name string }

type category struct {
	id         int
	slug, name string
}

// directory is the table of ids. It never changes once made.
type directory struct {
	tokens []token // in the catalogue's order
}

// firstOwn is below the ids of assets whose original id is not known.
const firstOwn = 1_000_000

// newDirectory numbers the assets that live on a ledger. The number of an asset without an
// original id depends on its code only, so it is the same on every server and stays when
// the catalogue grows; of two codes with one number the later in the alphabet moves on.
func newDirectory(all iter.Seq[asset.Asset], ids map[asset.Code]int) *directory {
	d := &directory{}
	taken, given := map[int]bool{}, map[int]bool{}
	for _, id := range ids {
		given[id] = true
	}
	for a := range all {
		if !a.IsCrypto() {
			continue
		}
		id := ids[a.Code]
		if id == 0 && !given[a.TokenMetrics] { // what was given to another is no longer this one's
			id = a.TokenMetrics
		}
		taken[id] = id != 0
		d.tokens = append(d.tokens, token{Asset: a, id: id, slug: slugOf(a)})
	}
	var own []*token
	for i := range d.tokens {
		if d.tokens[i].id == 0 {
			own = append(own, &d.tokens[i])
		}
	}
	slices.SortFunc(own, func(a, b *token) int { return strings.Compare(string(a.Code), string(b.Code)) })
	for _, t := range own {
		id := firstOwn + 1 + number(string(t.Code), 1_000_000_000)
		for taken[id] {
			id++
		}
		t.id, taken[id] = id, true
	}
	return d
}

// number is a text's own number below n.
func number(s string, n int) int {
	h := fnv.New64a()
	h.Write([]byte(s)) //nolint:errcheck // a hash takes everything
	return int(h.Sum64() % uint64(n))
}

// slugOf is CoinGecko's name for the asset, as the other API's slugs are, or one made of its name.
func slugOf(a asset.Asset) string {
	if a.CoinGecko != "" {
		return a.CoinGecko
	}
	return slugged(a.Name)
}

func slugged(s string) string {
	return strings.Join(strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') }), "-")
}

// tokenParams are what every path of tokens can be narrowed by.
func tokenParams(more ...string) []string {
	return append([]string{"tokenid", "symbol", "tokenname", "slug", "blockchainaddress", "category", "exchange", "marketcap", "volume", "fdv", "limit", "page", "numbers"}, more...)
}

// tokens gives those that a request selects, by market capitalisation. Several selectors
// narrow each other. named tells whether any was given; where none was, only tokens with a
// price are meant.
func (f *Face) tokens(ctx context.Context, q *query) (out []*token, named bool, err error) {
	all, err := f.ranked(ctx)
	if err != nil {
		return nil, false, err
	}
	keep, named, err := q.selection()
	if err != nil {
		return nil, false, err
	}
	for _, t := range all {
		if (named || t.price != nil) && keep(t) {
			out = append(out, t)
		}
	}
	return out, named, nil
}

// ranked gives all tokens with their figures and prices.
func (f *Face) ranked(ctx context.Context) ([]*token, error) {
	l, err := f.lists(ctx)
	if err != nil {
		return nil, err
	}
	own := make([]token, len(f.book.tokens))
	copy(own, f.book.tokens)
	byCode := make(map[asset.Code]*token, len(own))
	for i := range own {
		own[i].lists = l
		byCode[own[i].Code] = &own[i]
	}
	for _, p := range f.opt.Board.Prices(usd) {
		if t := byCode[p.Asset]; t != nil {
			d := p.Price.Decimal
			t.price, t.at = &d, p.At
		}
	}
	out := make([]*token, 0, len(own))
	if f.opt.Market != nil {
		all, err := f.opt.Market.All(ctx, usd)
		if err != nil && fault.Of(err) != fault.Unavailable {
			return nil, err
		}
		for i := range all {
			t := byCode[all[i].Asset]
			if t == nil || t.figures != nil {
				continue
			}
			t.figures = &all[i]
			if all[i].Price != nil {
				t.price, t.at = all[i].Price, all[i].At
			}
			out = append(out, t)
		}
	}
	for i := range own { // after those with figures, as the catalogue has them; priced ones first
		if t := &own[i]; t.figures == nil && t.price != nil {
			out = append(out, t)
		}
	}
	for i := range own {
		if t := &own[i]; t.figures == nil && t.price == nil {
			out = append(out, t)
		}
	}
	return out, nil
}

// lists gathers where assets trade and what groups they are in.
func (f *Face) lists(ctx context.Context) (*lists, error) {
	l := &lists{venues: map[asset.Code][]venue{}, members: map[asset.Code][]int{}}
	names := map[market.VenueID]string{}
	for _, v := range f.opt.Board.Venues() {
		names[v.ID] = v.Name
	}
	type place struct {
		a asset.Code
		v market.VenueID
	}
	seen := map[place]bool{}
	for _, in := range f.opt.Board.Instruments() {
		if p := (place{in.Base, in.Venue}); in.Kind == market.Spot && !seen[p] {
			seen[p] = true
			l.venues[in.Base] = append(l.venues[in.Base], venue{string(in.Venue), cmp.Or(names[in.Venue], string(in.Venue))})
		}
	}
	for _, vs := range l.venues {
		slices.SortFunc(vs, func(a, b venue) int { return strings.Compare(a.id, b.id) })
	}
	add := func(slug, name string, members func(yield func(asset.Code))) {
		n := len(l.categories)
		l.categories = append(l.categories, category{1 + number(slug, 1_000_000), slug, name})
		members(func(a asset.Code) {
			if !slices.Contains(l.members[a], n) {
				l.members[a] = append(l.members[a], n)
			}
		})
	}
	var have []string
	if f.opt.Market != nil {
		groups, err := f.opt.Market.Categories(ctx, usd)
		if err != nil && fault.Of(err) != fault.Unavailable {
			return nil, err
		}
		groups = slices.Clone(groups)
		slices.SortFunc(groups, func(a, b insight.Category) int { return strings.Compare(a.ID, b.ID) })
		for _, g := range groups {
			have = append(have, g.ID)
			add(g.ID, g.Name, func(yield func(asset.Code)) {
				for _, a := range g.Assets {
					yield(a)
				}
			})
		}
	}
	for _, c := range asset.Classes() {
		if slices.Contains(have, string(c)) {
			continue
		}
		add(string(c), strings.ReplaceAll(string(c), "-", " "), func(yield func(asset.Code)) {
			for i := range f.book.tokens {
				if f.book.tokens[i].Is(c) {
					yield(f.book.tokens[i].Code)
				}
			}
		})
	}
	return l, nil
}

// selection makes one condition of all selectors and filters.
func (q *query) selection() (keep func(*token) bool, named bool, err error) {
	var conds []func(*token) bool
	add := func(c func(*token) bool) { conds = append(conds, c) }
	for _, s := range []struct {
		key string
		is  func(t *token, v string) bool
	}{
		{"symbol", hasSymbol},
		{"tokenname", hasName},
		{"slug", func(t *token, v string) bool {
			return strings.EqualFold(t.slug, v) || strings.EqualFold(slugged(t.Name), v)
		}},
		{"blockchainaddress", hasAddress},
		{"category", inCategory},
		{"exchange", tradesAt},
	} {
		list, err := q.list(s.key)
		if err != nil {
			return nil, false, err
		}
		if list == nil {
			continue
		}
		if s.key != "category" && s.key != "exchange" {
			named = true
		}
		add(func(t *token) bool {
			return slices.ContainsFunc(list, func(v string) bool { return s.is(t, v) })
		})
	}
	list, err := q.list("tokenid")
	if err != nil {
		return nil, false, err
	}
	if list != nil {
		named = true
		ids := make([]int, 0, len(list))
		for _, v := range list {
			id, err := strconv.Atoi(v)
			if err != nil {
				return nil, false, fault.At(fault.Invalid, "token_id", "token_id must list whole numbers, not %q", clip(v))
			}
			ids = append(ids, id)
		}
		add(func(t *token) bool { return slices.Contains(ids, t.id) })
	}
	for _, m := range []struct {
		key string
		of  func(*insight.Figures) *money.Decimal
	}{
		{"marketcap", func(f *insight.Figures) *money.Decimal { return f.Cap }},
		{"volume", func(f *insight.Figures) *money.Decimal { return f.Volume24h }},
		{"fdv", func(f *insight.Figures) *money.Decimal { return f.CapDiluted }},
	} {
		least, ok, err := q.least(m.key)
		if err != nil {
			return nil, false, err
		}
		if ok {
			add(func(t *token) bool {
				if t.figures == nil {
					return false
				}
				v := m.of(t.figures)
				return v != nil && v.Float64() >= least
			})
		}
	}
	return func(t *token) bool {
		for _, c := range conds {
			if !c(t) {
				return false
			}
		}
		return true
	}, named, nil
}

func hasSymbol(t *token, v string) bool {
	if strings.EqualFold(t.Symbol, v) || strings.EqualFold(string(t.Code), v) {
		return true
	}
	return slices.ContainsFunc(t.Aliases, func(a asset.Alias) bool { return a.Venue == "" && strings.EqualFold(a.Symbol, v) })
}

func hasName(t *token, v string) bool {
	if strings.EqualFold(t.Name, v) {
		return true
	}
	return slices.ContainsFunc(t.OtherNames, func(n string) bool { return strings.EqualFold(n, v) })
}

// hasAddress compares chain:address; addresses that begin with 0x without case.
func hasAddress(t *token, v string) bool {
	chain, addr, _ := strings.Cut(v, ":")
	return slices.ContainsFunc(t.Contracts, func(c asset.Contract) bool {
		return strings.EqualFold(c.Chain, chain) && (c.Address == addr || strings.HasPrefix(c.Address, "0x") && strings.EqualFold(c.Address, addr))
	})
}

func inCategory(t *token, v string) bool {
	return slices.ContainsFunc(t.lists.members[t.Code], func(i int) bool {
		c := t.lists.categories[i]
		return strings.EqualFold(c.slug, v) || strings.EqualFold(c.name, v) || c.slug == slugged(v)
	})
}

func tradesAt(t *token, v string) bool {
	return slices.ContainsFunc(t.lists.venues[t.Code], func(e venue) bool { return strings.EqualFold(e.id, v) || strings.EqualFold(e.name, v) })
}

// pageOf cuts the page out of all rows.
func pageOf[T any](q *query, all []T) []T {
	from := min((q.page-1)*q.limit, len(all))
	return all[from:min(from+q.limit, len(all))]
}
