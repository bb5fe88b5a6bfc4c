package figures

import (
	"cmp"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/insight"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/money"
)

// view is what is answered in one currency at one moment. It never changes.
type view struct {
	quote      asset.Code
	at         time.Time
	all        []insight.Figures // by Cap, those without last
	index      map[asset.Code]int
	global     insight.Global
	categories []insight.Category
	rates      func(asset.Code) (rate, bool)
	asked      *atomic.Int64
}

// tolerance is how much older than a window's beginning the price of then may be.
func tolerance(w insight.Window) time.Duration {
	switch w {
	case insight.Hour:
		return 10 * time.Minute
	case insight.Day:
		return time.Hour
	case insight.Week:
		return 6 * time.Hour
	}
	return 36 * time.Hour
}

// build makes the view of a currency; nil when it has no rate.
func (e *Engine) build(q asset.Code) *view {
	in, ok := e.usd(q)
	if !ok {
		return nil
	}
	prices := e.prices // never changed once made
	now := e.now
	v := &view{quote: q, at: now, all: make([]insight.Figures, 0, len(prices)), index: make(map[asset.Code]int, len(prices)), asked: e.asked[q]}
	v.rates = func(c asset.Code) (rate, bool) {
		if p, ok := prices[c]; ok && c != USD {
			return rate{p.Price.Decimal, p.At, p.Marks}, true
		}
		if peg, ok := e.opt.Assets.IsStable(c); c == USD || ok && peg == USD {
			return rate{price: one(), at: now}, true
		}
		return rate{}, false
	}
	simulated, _ := e.opt.Board.Simulated()
	rates := map[asset.Code]money.Decimal{}
	cross := func(from asset.Code) (money.Decimal, bool) { // the rate of a quote in q
		if r, ok := rates[from]; ok {
			return r, true
		}
		f, ok := e.usd(from)
		if !ok {
			return money.Decimal{}, false
		}
		r, ok := ratio(f.price, in.price)
		if ok {
			rates[from] = r
		}
		return r, ok
	}
	for a := range prices {
		v.all = append(v.all, e.figures(a, q, in, cross, simulated))
	}
	slices.SortFunc(v.all, func(a, b insight.Figures) int {
		switch {
		case a.Cap == nil && b.Cap == nil:
		case a.Cap == nil:
			return 1
		case b.Cap == nil:
			return -1
		default:
			if d := b.Cap.Cmp(*a.Cap); d != 0 {
				return d
			}
		}
		return strings.Compare(string(a.Asset), string(b.Asset))
	})
	rank := 0
	for i := range v.all {
		f := &v.all[i]
		v.index[f.Asset] = i
		if f.Cap != nil && f.Excluded == "" {
			rank++
			f.Rank = rank
		}
	}
	v.global = e.global(v, simulated)
	v.categories = e.categories(v)
	return v
}

// excluded tells why an asset is in no rank and no total.
func (e *Engine) excluded(a asset.Code) string {
	x, ok := e.opt.Assets.Get(a)
	if !ok {
		return ""
	}
	switch {
	case x.Kind == asset.KindFiat:
		return "fiat"
	case x.Kind == asset.KindMetal:
		return "metal"
	case x.Kind == asset.KindCommodity:
		return "commodity"
	case x.Kind == asset.KindStablecoin, x.Peg != "":
		return "stablecoin"
	case e.supply[a].Staked:
		return "staked"
	case x.Kind == asset.KindWrapped, x.Wraps != "":
		return "wrapped"
	case x.Status == asset.StatusMigrated:
		return "migrated"
	}
	return ""
}

// figures makes those of one asset.
func (e *Engine) figures(a, q asset.Code, in rate, cross func(asset.Code) (money.Decimal, bool), simulated bool) insight.Figures {
	p := e.prices[a]
	f := insight.Figures{Asset: a, Quote: q, At: p.At, Supply: e.supply[a].Supply, Excluded: e.excluded(a), Simulated: simulated}
	marks := (p.Marks | in.marks).Names()
	for i := range p.Sources {
		if s := &p.Sources[i]; s.Status == market.Used && !slices.Contains(f.Contributed, string(s.Venue)) {
			f.Contributed = append(f.Contributed, string(s.Venue))
		}
	}
	slices.Sort(f.Contributed)
	price, ok := ratio(p.Price.Decimal, in.price)
	if !ok {
		f.Marks = append(marks, "out_of_range")
		return f
	}
	f.Price = &price
	capOf := func(price money.Decimal, supply *money.Decimal) *money.Decimal {
		if supply == nil {
			return nil
		}
		if c, ok := times(price, *supply); ok {
			c = c.Trim()
			return &c
		}
		return nil
	}
	f.Cap = capOf(price, f.Supply.Circulating)
	if f.CapDiluted = capOf(price, f.Supply.Max); f.Supply.Max == nil {
		f.CapDiluted = capOf(price, f.Supply.Total)
	}
	d := e.derive(a, q)
	if d == nil {
		f.Marks = marks
		return f
	}
	f.VolumeBase24h = d.base
	f.Volume24h = e.volume(d, q, cross, &marks)
	marks = append(marks, d.marks...)
	f.Sparkline, f.Since, f.RSI14 = d.spark, d.since, d.rsi
	f.Changes = make(map[insight.Window]insight.Change, len(d.then))
	for w, then := range d.then {
		f.Changes[w] = insight.Change{From: then.price, At: timeOf(then.end), Percent: percent(price, then.price)}
	}
	if then, ok := d.then[insight.Day]; ok {
		f.CapBefore = capOf(then.price, f.Supply.Circulating)
	}
	f.High24h, f.Low24h = further(d.high, price, 1), further(d.low, price, -1)
	f.High, f.Low = extreme(d.top, price, e.now, 1), extreme(d.bottom, price, e.now, -1)
	f.Marks = marks
	return f
}

// further is the bound or the price now, whichever is further out.
func further(bound *money.Decimal, price money.Decimal, sign int) *money.Decimal {
	if bound == nil {
		return nil
	}
	if price.Cmp(*bound)*sign > 0 {
		return &price
	}
	return bound
}

func extreme(x *point, price money.Decimal, now time.Time, sign int) *insight.Extreme {
	if x == nil {
		return nil
	}
	if price.Cmp(x.price)*sign > 0 {
		return &insight.Extreme{Price: price, At: market.Interval("1d").Start(now)}
	}
	return &insight.Extreme{Price: x.price, At: timeOf(x.end), Percent: percent(price, x.price)}
}

// volume converts the turnovers of 24 h with the rates of now.
func (e *Engine) volume(d *derived, q asset.Code, cross func(asset.Code) (money.Decimal, bool), marks *[]string) *money.Decimal {
	if len(d.turn) == 0 {
		return nil
	}
	var sum money.Sum
	counted := false
	for _, t := range d.turn {
		if t.quote == q {
			sum.Add(t.sum)
			counted = true
			continue
		}
		r, ok := cross(t.quote)
		if !ok {
			*marks = append(*marks, "volume_partial")
			continue
		}
		v, _ := mulCents(t.sum, r)
		sum.Add(v)
		counted = true
	}
	if !counted {
		return nil
	}
	v, _ := sum.Decimal(cents)
	return &v
}

func (e *Engine) global(v *view, simulated bool) insight.Global {
	g := insight.Global{At: v.at, Quote: v.quote, Assets: len(v.all), Simulated: simulated}
	var total, before, same, volume money.Sum
	rose, moved := 0, 0
	for i := range v.all {
		f := &v.all[i]
		if f.Volume24h != nil {
			volume.Add(*f.Volume24h)
		}
		if f.Excluded != "" {
			continue
		}
		if c, ok := f.Changes[insight.Day]; ok {
			moved++
			if c.Percent > 0 {
				rose++
			}
		}
		if f.Cap == nil {
			continue
		}
		g.WithSupply++
		total.Add(*f.Cap)
		if f.CapBefore != nil {
			before.Add(*f.CapBefore)
			same.Add(*f.Cap)
		}
	}
	g.Cap, _ = total.Decimal(cents)
	g.CapBefore, _ = before.Decimal(cents)
	g.Volume24h, _ = volume.Decimal(cents)
	if !before.IsZero() {
		now, _ := same.Decimal(cents)
		g.CapPercent = percent(now, g.CapBefore)
	}
	if moved > 0 {
		g.Breadth = float64(rose) / float64(moved)
	}
	if t := g.Cap.Float64(); t > 0 {
		for i := range v.all {
			if f := &v.all[i]; f.Rank > 0 {
				g.Dominance = append(g.Dominance, insight.Share{Asset: f.Asset, Percent: 100 * f.Cap.Float64() / t})
			}
		}
	}
	venues := map[market.VenueID]bool{}
	since := minuteOf(v.at) - 24*60
	for a, p := range e.pasts {
		if _, ok := e.prices[a]; !ok {
			continue
		}
		for s, n := range p.seen {
			if n > since {
				venues[s.Venue] = true
				g.Markets++
			}
		}
	}
	g.Venues = len(venues)
	g.Description = "Assets that the followed venues trade and whose supply is known. Stablecoins, currencies, metals and commodities, wrapped, staked and migrated forms are left out of capitalisation, dominance and breadth; the volume counts them."
	return g
}

// names of classes for people, where the slug does not do.
var classNames = map[asset.Class]string{
	asset.ClassNFT: "NFT", asset.ClassProofOfStake: "Proof of stake", asset.ClassProofOfWork: "Proof of work",
	asset.ClassCrossChain: "Cross-chain", asset.ClassEnergyEfficient: "Energy-efficient",
}

// categories groups by class. Wrapped, staked and migrated forms are left out: what they
// stand for is in already.
func (e *Engine) categories(v *view) []insight.Category {
	type sums struct{ cap, before, same, volume money.Sum }
	groups := map[asset.Class]*insight.Category{}
	totals := map[asset.Class]*sums{}
	for i := range v.all {
		f := &v.all[i]
		if f.Excluded == "wrapped" || f.Excluded == "staked" || f.Excluded == "migrated" {
			continue
		}
		x, _ := e.opt.Assets.Get(f.Asset)
		for _, c := range x.Classes {
			g, s := groups[c.Class], totals[c.Class]
			if g == nil {
				name := classNames[c.Class]
				if name == "" {
					name = strings.ToUpper(string(c.Class[:1])) + string(c.Class[1:])
				}
				g, s = &insight.Category{ID: string(c.Class), Name: name, At: v.at}, &sums{}
				groups[c.Class], totals[c.Class] = g, s
			}
			g.Assets = append(g.Assets, f.Asset)
			if f.Volume24h != nil {
				s.volume.Add(*f.Volume24h)
			}
			if f.Cap == nil {
				continue
			}
			s.cap.Add(*f.Cap)
			if f.CapBefore != nil {
				s.before.Add(*f.CapBefore)
				s.same.Add(*f.Cap)
			}
		}
	}
	out := make([]insight.Category, 0, len(groups))
	for c, g := range groups {
		s := totals[c]
		g.Cap, _ = s.cap.Decimal(cents)
		g.Volume24h, _ = s.volume.Decimal(cents)
		if !s.before.IsZero() {
			now, _ := s.same.Decimal(cents)
			before, _ := s.before.Decimal(cents)
			p := percent(now, before)
			g.CapPercent = &p
		}
		out = append(out, *g)
	}
	slices.SortFunc(out, func(a, b insight.Category) int { return cmp.Or(b.Cap.Cmp(a.Cap), strings.Compare(a.ID, b.ID)) })
	return out
}
