package coingecko

import (
	"strings"
	"time"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/insight"
	"github.com/assayhq/assay/money"
)

// currency is a unit that prices can be told in.
type currency struct {
	id   string
	name string // "" is the catalogue's
	unit string // how amounts are written
	kind string // crypto, fiat or commodity
	of   asset.Code
	per  int64 // how many make one of it; 0 is 1
	only bool  // in the exchange rates alone
}

// The kinds of currency.
const (
	crypto    = "crypto"
	fiat      = "fiat"
	commodity = "commodity"
)

// currencies are those that this API knows, and 13 that only /exchange_rates has.
var currencies = []currency{
	{id: "btc", unit: "BTC", kind: crypto}, {id: "eth", unit: "ETH", kind: crypto}, {id: "ltc", unit: "LTC", kind: crypto},
	{id: "bch", unit: "BCH", kind: crypto}, {id: "bnb", unit: "BNB", kind: crypto}, {id: "eos", unit: "EOS", kind: crypto},
	{id: "xrp", unit: "XRP", kind: crypto}, {id: "xlm", unit: "XLM", kind: crypto}, {id: "link", unit: "LINK", kind: crypto},
	{id: "dot", unit: "DOT", kind: crypto}, {id: "yfi", unit: "YFI", kind: crypto}, {id: "sol", unit: "SOL", kind: crypto},
	{id: "usd", unit: "$", kind: fiat}, {id: "aed", unit: "AED", kind: fiat}, {id: "ars", unit: "$", kind: fiat},
	{id: "aud", unit: "A$", kind: fiat}, {id: "bdt", unit: "৳", kind: fiat}, {id: "bhd", unit: "BHD", kind: fiat},
	{id: "bmd", unit: "$", kind: fiat, name: "Bermudian dollar"}, {id: "brl", unit: "R$", kind: fiat}, {id: "cad", unit: "CA$", kind: fiat},
	{id: "chf", unit: "CHF", kind: fiat}, {id: "clp", unit: "CLP$", kind: fiat}, {id: "cny", unit: "¥", kind: fiat},
	{id: "czk", unit: "Kč", kind: fiat}, {id: "dkk", unit: "kr", kind: fiat}, {id: "eur", unit: "€", kind: fiat},
	{id: "gbp", unit: "£", kind: fiat}, {id: "gel", unit: "₾", kind: fiat, name: "Georgian lari"}, {id: "hkd", unit: "HK$", kind: fiat},
	{id: "huf", unit: "Ft", kind: fiat}, {id: "idr", unit: "Rp", kind: fiat}, {id: "ils", unit: "₪", kind: fiat},
	{id: "inr", unit: "₹", kind: fiat}, {id: "jpy", unit: "¥", kind: fiat}, {id: "krw", unit: "₩", kind: fiat},
	{id: "kwd", unit: "KWD", kind: fiat}, {id: "lkr", unit: "Rs", kind: fiat}, {id: "mmk", unit: "K", kind: fiat, name: "Burmese kyat"},
	{id: "mxn", unit: "MX$", kind: fiat}, {id: "myr", unit: "RM", kind: fiat}, {id: "ngn", unit: "₦", kind: fiat},
	{id: "nok", unit: "kr", kind: fiat}, {id: "nzd", unit: "NZ$", kind: fiat}, {id: "php", unit: "₱", kind: fiat},
	{id: "pkr", unit: "Rs", kind: fiat}, {id: "pln", unit: "zł", kind: fiat}, {id: "rub", unit: "₽", kind: fiat},
	{id: "sar", unit: "SAR", kind: fiat}, {id: "sek", unit: "kr", kind: fiat}, {id: "sgd", unit: "S$", kind: fiat},
	{id: "thb", unit: "฿", kind: fiat}, {id: "try", unit: "₺", kind: fiat}, {id: "twd", unit: "NT$", kind: fiat},
	{id: "uah", unit: "₴", kind: fiat}, {id: "vef", unit: "Bs.F", kind: fiat, name: "Venezuelan bolívar fuerte"}, {id: "vnd", unit: "₫", kind: fiat},
	{id: "zar", unit: "R", kind: fiat},
	{id: "xdr", unit: "XDR", kind: fiat, name: "Special drawing right"}, {id: "xag", unit: "XAG", kind: commodity}, {id: "xau", unit: "XAU", kind: commodity},
	{id: "bits", unit: "μBTC", kind: crypto, name: "Bits", of: "BTC", per: 1_000_000}, {id: "sats", unit: "sats", kind: crypto, name: "Satoshis", of: "BTC", per: 100_000_000},

	{id: "cop", unit: "COL$", kind: fiat, only: true}, {id: "kes", unit: "KSh", kind: fiat, only: true}, {id: "ron", unit: "lei", kind: fiat, name: "Romanian leu", only: true},
	{id: "dop", unit: "RD$", kind: fiat, name: "Dominican peso", only: true}, {id: "crc", unit: "₡", kind: fiat, name: "Costa Rican colón", only: true},
	{id: "hnl", unit: "L", kind: fiat, name: "Honduran lempira", only: true}, {id: "zmw", unit: "ZK", kind: fiat, name: "Zambian kwacha", only: true},
	{id: "svc", unit: "₡", kind: fiat, name: "Salvadoran colón", only: true}, {id: "bam", unit: "KM", kind: fiat, name: "Convertible mark", only: true},
	{id: "pen", unit: "S/", kind: fiat, only: true}, {id: "gtq", unit: "Q", kind: fiat, name: "Guatemalan quetzal", only: true},
	{id: "lbp", unit: "LL", kind: fiat, name: "Lebanese pound", only: true}, {id: "amd", unit: "֏", kind: fiat, name: "Armenian dram", only: true},
}

// code is the asset behind a currency.
func (c *currency) code() asset.Code {
	if c.of != "" {
		return c.of
	}
	return asset.Code(strings.ToUpper(c.id))
}

// scaled turns an amount in the asset into one in the currency.
func (c *currency) scaled(n number) number {
	if c.per == 0 || !n.ok {
		return n
	}
	return times(n, money.MustNew(c.per, 0))
}

func find(id string) *currency {
	for i := range currencies {
		if c := &currencies[i]; c.id == id && !c.only {
			return c
		}
	}
	return nil
}

// versus reads the one currency that is asked for.
func (q *request) versus() (*currency, error) {
	s := strings.ToLower(q.text("vs_currency"))
	if s == "" {
		return nil, missing("vs_currency")
	}
	c := find(s)
	if c == nil {
		return nil, invalid("vs_currency")
	}
	return c, nil
}

// rate is how many of a currency one USD is worth; none when nothing that is followed
// tells.
func (f *Face) rate(q *request, c *currency) (number, time.Time) {
	return f.worth(q, "USD", c)
}

// worth is how many of a currency one unit of an asset is worth.
func (f *Face) worth(q *request, a asset.Code, c *currency) (number, time.Time) {
	if a == c.code() {
		return c.scaled(number{money.MustNew(1, 0), true}), q.now
	}
	d, at, err := f.opt.Market.Rate(q.ctx, a, c.code())
	if err != nil {
		return number{}, at
	}
	return c.scaled(number{d, true}), at
}

// spoken are the currencies that have a rate now.
func (f *Face) spoken(q *request) []*currency {
	var out []*currency
	for i := range currencies {
		if c := &currencies[i]; !c.only {
			if n, _ := f.rate(q, c); n.ok {
				out = append(out, c)
			}
		}
	}
	return out
}

// currencyName is its name for people.
func (f *Face) currencyName(c *currency) string {
	if c.name != "" {
		return c.name
	}
	if a, ok := f.opt.Assets.Get(c.code()); ok {
		return a.Name
	}
	return strings.ToUpper(c.id)
}

func (f *Face) supported(q *request) (any, error) {
	out := words{}
	for _, c := range f.spoken(q) {
		out = append(out, c.id)
	}
	return out, nil
}

// rates are all against one bitcoin.
func (f *Face) rates(q *request) (any, error) {
	out := object{}
	for i := range currencies {
		c := &currencies[i]
		if n, _ := f.worth(q, "BTC", c); n.ok {
			out = append(out, field{c.id, object{{"name", f.currencyName(c)}, {"unit", c.unit}, {"value", n}, {"type", c.kind}}})
		}
	}
	return object{{"rates", out}}, nil
}

// times is a product: exact while it has 19 digits, else with as many decimals as fit.
func times(n number, d money.Decimal) number {
	if !n.ok {
		return n
	}
	if v, err := n.d.Mul(d); err == nil {
		return number{v, true}
	}
	for _, scale := range []int{12, 8, 4, 2, 0} {
		if v, err := n.d.MulRound(d, scale); err == nil {
			return number{v, true}
		}
	}
	return number{}
}

// over is a quotient with about fifteen digits.
func over(n number, d money.Decimal) number {
	if !n.ok || d.Sign() <= 0 {
		return number{}
	}
	v, err := n.d.Quo(d, 18)
	if err != nil {
		return number{}
	}
	return number{v, true}
}

// minus is a difference; null when either is.
func minus(a, b number) number {
	if !a.ok || !b.ok {
		return number{}
	}
	v, err := a.d.Sub(b.d)
	if err != nil {
		v, err = a.d.Round(8).Sub(b.d.Round(8))
	}
	return number{v, err == nil}
}

// percent is 100 (now/then - 1), a statistic.
func percent(now, then number) stat {
	if !now.ok || !then.ok || then.d.Sign() <= 0 {
		return none
	}
	return stat(100 * (now.d.Float64()/then.d.Float64() - 1))
}

// figures are those of an asset in a currency, with ok false when there are none.
func (f *Face) figures(q *request, a asset.Code, c *currency) (view, error) {
	x, err := f.opt.Market.Figures(q.ctx, a, c.code())
	return view{x, c}, err
}

// view is figures in a currency that may be a part of their quote: a satoshi is a
// bitcoin's.
type view struct {
	insight.Figures
	in *currency
}

func (v *view) amount(d *money.Decimal) number { return v.in.scaled(num(d)) }
func (v *view) price() number                  { return v.amount(v.Price) }

// change is over a window; absent is null.
func (v *view) change(w insight.Window) stat {
	if c, ok := v.Changes[w]; ok {
		return stat(c.Percent)
	}
	return none
}

// stale tells whether the price is too old for a change of a day to mean anything.
func (v *view) marked(name string) bool {
	for _, m := range v.Marks {
		if m == name {
			return true
		}
	}
	return false
}
