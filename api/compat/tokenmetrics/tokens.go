package tokenmetrics

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/assayhq/assay/insight"
	"github.com/assayhq/assay/money"
)

// triple are the columns that every row of a token begins with.
func triple[R any](of func(*R) *token) []field[R] {
	return []field[R]{
		{"TOKEN_ID", "token_id", func(b []byte, r *R) []byte { return strconv.AppendInt(b, int64(of(r).id), 10) }},
		{"TOKEN_NAME", "token_name", func(b []byte, r *R) []byte { return appendText(b, of(r).Name) }},
		{"TOKEN_SYMBOL", "token_symbol", func(b []byte, r *R) []byte { return appendText(b, of(r).Symbol) }},
		{"", "slug", func(b []byte, r *R) []byte { return appendText(b, of(r).slug) }},
	}
}

// linked is the column with the address of our page of the asset: TM_LINK in version 2
// where it has one there, app_link in version 3.
func linked[R any](v2, origin string, of func(*R) *token) field[R] {
	return field[R]{v2, "app_link", func(b []byte, r *R) []byte { return appendText(b, origin+"/v1/assets/"+string(of(r).Code)) }}
}

func itself(t **token) *token { return *t }

// figure is a column of an amount among the figures.
func figure(v2, v3 string, get func(*insight.Figures) *money.Decimal) field[*token] {
	return field[*token]{v2, v3, func(b []byte, t **token) []byte {
		if (*t).figures == nil {
			return append(b, "null"...)
		}
		return appendDecimal(b, get((*t).figures))
	}}
}

// tokenFields are the columns of /tokens.
func tokenFields(q *query, contracts bool) []field[*token] {
	short := func(what string) bool {
		list, _ := q.list("expand")
		return q.version == "v3" && !slices.Contains(list, what)
	}
	fs := append(triple(itself),
		field[*token]{"", "current_price", func(b []byte, t **token) []byte { return appendDecimal(b, (*t).price) }},
		figure("", "market_cap", func(f *insight.Figures) *money.Decimal { return f.Cap }),
		figure("", "total_volume", func(f *insight.Figures) *money.Decimal { return f.Volume24h }),
		figure("", "fully_diluted_valuation", func(f *insight.Figures) *money.Decimal { return f.CapDiluted }),
		figure("", "high_24_h", func(f *insight.Figures) *money.Decimal { return f.High24h }),
		figure("", "low_24_h", func(f *insight.Figures) *money.Decimal { return f.Low24h }),
		field[*token]{"", "price_change_percentage_24_h_in_currency", func(b []byte, t **token) []byte {
			if (*t).figures != nil {
				if c, ok := (*t).figures.Changes[insight.Day]; ok {
					return appendFloat(b, &c.Percent, 5)
				}
			}
			return append(b, "null"...)
		}},
		figure("", "circulating_supply", func(f *insight.Figures) *money.Decimal { return f.Supply.Circulating }),
		figure("", "total_supply", func(f *insight.Figures) *money.Decimal { return f.Supply.Total }),
		figure("", "max_supply", func(f *insight.Figures) *money.Decimal { return f.Supply.Max }),
		field[*token]{"EXCHANGE_LIST", "exchange_list", func(b []byte, t **token) []byte { return exchangeList(b, *t, short("exchange_list")) }},
		field[*token]{"CATEGORY_LIST", "category_list", func(b []byte, t **token) []byte { return categoryList(b, *t, short("category_list")) }},
	)
	if contracts {
		fs = append(fs, of("CONTRACT_ADDRESS", contractList))
	}
	return append(fs, linked("TM_LINK", q.origin, itself),
		field[*token]{"", "updated_at", func(b []byte, t **token) []byte { return appendTime(b, (*t).at) }})
}

func exchangeList(b []byte, t *token, short bool) []byte {
	b = append(b, '[')
	for i, v := range t.lists.venues[t.Code] {
		if i > 0 {
			b = append(b, ',')
		}
		if short {
			b = appendText(b, v.id)
			continue
		}
		b = appendText(append(b, `{"exchange_id":`...), v.id)
		b = appendText(append(b, `,"exchange_name":`...), v.name)
		b = append(b, '}')
	}
	return append(b, ']')
}

func categoryList(b []byte, t *token, short bool) []byte {
	b = append(b, '[')
	for i, n := range t.lists.members[t.Code] {
		c := t.lists.categories[n]
		if i > 0 {
			b = append(b, ',')
		}
		if short {
			b = appendText(b, c.slug)
			continue
		}
		b = strconv.AppendInt(append(b, `{"category_id":`...), int64(c.id), 10)
		b = appendText(append(b, `,"category_name":`...), c.name)
		b = appendText(append(b, `,"category_slug":`...), c.slug)
		b = append(b, '}')
	}
	return append(b, ']')
}

func contractList(b []byte, t **token) []byte {
	b = append(b, '{')
	var seen []string
	for _, c := range (*t).Contracts {
		if slices.Contains(seen, c.Chain) {
			continue // a chain has one member; the first contract is the main one
		}
		if len(seen) > 0 {
			b = append(b, ',')
		}
		seen = append(seen, c.Chain)
		b = appendText(append(appendText(b, c.Chain), ':'), c.Address)
	}
	return append(b, '}')
}

func (f *Face) listTokens(ctx context.Context, q *query) (*answer, error) {
	if err := q.expandable(); err != nil {
		return nil, err
	}
	all, err := f.ranked(ctx)
	if err != nil {
		return nil, err
	}
	keep, _, err := q.selection()
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(t *token) bool { return !keep(t) })
	return f.tokenAnswer(q, all, tokenFields(q, true)), nil
}

func (q *query) expandable() error {
	list, err := q.list("expand")
	if err != nil {
		return err
	}
	for _, w := range list {
		one := &query{values: map[string]string{"expand": w}}
		if _, err := one.choice("expand", "exchange_list", "category_list"); err != nil {
			return err
		}
	}
	return nil
}

// topTokens are those with a market capitalisation, or a price where no figures are kept.
func (f *Face) topTokens(ctx context.Context, q *query) (*answer, error) {
	if err := q.expandable(); err != nil {
		return nil, err
	}
	all, err := f.ranked(ctx)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(t *token) bool { return t.figures == nil || t.figures.Cap == nil })
	a := f.tokenAnswer(q, all, tokenFields(q, q.version == "v3"))
	if len(all) == 0 {
		a.message = "No market capitalisations are known here: they need figures and a table of supplies. Nothing is made up in their place."
	}
	return a, nil
}

func (f *Face) prices(ctx context.Context, q *query) (*answer, error) {
	all, _, err := f.tokens(ctx, q)
	if err != nil {
		return nil, err
	}
	return f.tokenAnswer(q, all, append(triple(itself),
		field[*token]{"CURRENT_PRICE", "current_price", func(b []byte, t **token) []byte { return appendDecimal(b, (*t).price) }},
		linked("", q.origin, itself))), nil
}

// tokenAnswer is one row per token.
func (f *Face) tokenAnswer(q *query, all []*token, fields []field[*token]) *answer {
	page := pageOf(q, all)
	a := &answer{table: tabulate(q.version, fields, page), total: len(all), message: counted(len(page), "token")}
	for _, t := range page {
		if t.at.After(a.asOf) {
			a.asOf = t.at
		}
	}
	f.judge(a, time.Minute)
	return a
}

// judge says whether the newest value is older than it should be.
func (f *Face) judge(a *answer, most time.Duration) {
	a.stale = !a.asOf.IsZero() && f.opt.Board.Now().Sub(a.asOf) > most
}

// counted says how many there are, as messages do.
func counted(n int, what string) string {
	switch n {
	case 0:
		return "No " + what + " fits what was asked for."
	case 1:
		return "1 " + what + "."
	}
	if strings.HasSuffix(what, "y") {
		what = what[:len(what)-1] + "ie"
	}
	return strconv.Itoa(n) + " " + what + "s."
}
