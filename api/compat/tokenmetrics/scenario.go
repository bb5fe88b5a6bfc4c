package tokenmetrics

import (
	"context"
	"strconv"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/insight"
	"github.com/assayhq/assay/money"
)

// scenarios are totals of the market, in trillions of USD.
var scenarios = [...]int64{2, 4, 8, 16}

const scenarioMethod = "baseline: the token keeps its share of the market followed here"

const scenarioText = " This is arithmetic and no prediction: what a unit would be worth if all assets followed here with a known supply had the total of the scenario and the token kept the share that it has now. Cases that would need an opinion (bear, moon, dates, comparisons) are null."

// outlook is what the scenarios of a token are made of.
type outlook struct {
	tok    *token
	global insight.Global
}

func (o *outlook) token() *token { return o.tok }

// outlooks makes /scenario-analysis and /price-prediction, which say the same under
// different names: key is the one of the list of scenarios.
func (f *Face) outlooks(column, key string, both bool) func(context.Context, *query) (*answer, error) {
	return func(ctx context.Context, q *query) (*answer, error) {
		tokens, _, err := f.tokens(ctx, q)
		if err != nil {
			return nil, err
		}
		var rows []outlook
		a := &answer{baseline: scenarioMethod}
		if f.opt.Market != nil {
			g, err := f.opt.Market.Global(ctx, usd)
			if err != nil && fault.Of(err) != fault.Unavailable {
				return nil, err
			}
			if err == nil && g.Cap.Sign() > 0 {
				for _, t := range tokens {
					if t.figures != nil && t.figures.Cap != nil && t.figures.Price != nil && t.figures.Cap.Sign() > 0 {
						rows = append(rows, outlook{t, g})
					}
				}
				a.asOf = g.At
			}
		}
		page := pageOf(q, rows)
		fs := append(triple((*outlook).token), of("DATE", func(b []byte, o *outlook) []byte { return appendTime(b, o.global.At.Truncate(day)) }))
		if both {
			fs = append(fs, of("SCENARIO_ANALYSIS", func(b []byte, o *outlook) []byte { return o.list(b) }))
		}
		fs = append(fs, of(column, func(b []byte, o *outlook) []byte { return o.append(b, key) }),
			linked("", q.origin, (*outlook).token), of("METHOD", func(b []byte, _ *outlook) []byte { return appendText(b, scenarioMethod) }))
		a.table, a.total = tabulate(q.version, fs, page), len(rows)
		a.message = counted(len(page), "token") + scenarioText
		f.judge(a, 10*day)
		return a, nil
	}
}

func (o *outlook) append(b []byte, key string) []byte {
	f := o.tok.figures
	b = appendDecimal(append(b, `{"token_mcap":`...), f.Cap)
	b = o.global.Cap.Append(append(b, `,"total_mcap":`...))
	b = append(b, `,"category_name":`...)
	if m := o.tok.lists.members[o.tok.Code]; len(m) > 0 {
		b = appendText(b, o.tok.lists.categories[m[0]].name)
	} else {
		b = append(b, "null"...)
	}
	b = appendDecimal(append(b, `,"current_price":`...), f.Price)
	b = append(b, `,"predicted_date":null,"similar_tokens_info":null,"avg_past_performance":null,"self_past_performance":null,`...)
	b = append(appendText(b, key), ':')
	return append(o.list(b), '}')
}

// list is one row per scenario. Amounts are exact to the digits that are shown.
func (o *outlook) list(b []byte) []byte {
	f := o.tok.figures
	b = append(b, '[')
	for i, n := range scenarios {
		if i > 0 {
			b = append(b, ',')
		}
		label := strconv.FormatInt(n, 10) + "T"
		whole := money.MustNew(n*1_000_000_000_000, 0)
		factor, err := whole.Quo(o.global.Cap, 18)
		b = append(appendText(append(b, `{"scenario":`...), label), `,"total_mcap_scenario":`...)
		b = whole.Append(b)
		write := func(name string, v *money.Decimal, scale int) {
			b = append(append(append(b, `,"predicted_`...), name...), `_base":`...)
			d, e := money.Decimal{}, err
			if v != nil && e == nil {
				d, e = v.MulRound(factor, scale)
			}
			if v == nil || e != nil {
				b = append(b, "null"...)
			} else {
				b = d.Append(b)
			}
			for _, c := range []string{"bear", "moon"} {
				b = append(append(append(append(append(b, `,"predicted_`...), name...), '_'), c...), `":null`...)
			}
		}
		write("fdv", f.CapDiluted, 2)
		write("mcap", f.Cap, 2)
		write("price", f.Price, 8)
		b = append(b, `,"predicted_roi_base":`...)
		if err == nil {
			roi := factor.Float64() - 1
			b = appendFloat(b, &roi, 4)
		} else {
			b = append(b, "null"...)
		}
		b = append(b, `,"predicted_roi_bear":null,"predicted_roi_moon":null}`...)
	}
	return append(b, ']')
}
