package tokenmetrics

import (
	"context"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/insight"
	"github.com/assayhq/assay/insight/risk"
	"github.com/assayhq/assay/market"
)

// measured is a row that is computed of a token's stored daily bars.
type measured[T any] struct {
	tok *token
	day time.Time // of the newest bar; zero: there are none
	of  T
}

// measure computes one row per token of the page; a token without enough bars has none. When
// none was named, tokens are those with a price.
func measure[T any](ctx context.Context, f *Face, q *query, back time.Duration, of func(t *token, bars []market.Candle) (T, bool)) ([]measured[T], *answer, error) {
	tokens, _, err := f.tokens(ctx, q)
	if err != nil {
		return nil, nil, err
	}
	a := &answer{total: len(tokens)}
	now := f.opt.Board.Now()
	from := since
	if back > 0 {
		from = now.Add(-back).Truncate(day)
	}
	var rows []measured[T]
	read := 0
	for _, t := range pageOf(q, tokens) {
		bars, err := f.bars(ctx, t, daily, from, time.Time{})
		if err != nil {
			return nil, nil, err
		}
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		if read += len(bars); read > 4*budget { // they are not kept, so more than elsewhere
			return nil, nil, fault.At(fault.TooLarge, "limit", "more than %d bars would have to be read; ask for fewer tokens", 4*budget)
		}
		if len(bars) == 0 {
			continue
		}
		v, ok := of(t, bars)
		if !ok {
			continue
		}
		last := bars[len(bars)-1].Open
		rows = append(rows, measured[T]{t, last, v})
		if end := last.Add(day); end.After(a.asOf) {
			a.asOf = end
		}
	}
	a.message = counted(len(rows), "token")
	if missing := min(q.limit, max(0, len(tokens)-(q.page-1)*q.limit)) - len(rows); missing > 0 {
		a.warnings = append(a.warnings, counted(missing, "token")+" without enough stored bars left out")
	}
	f.judge(a, day+time.Hour)
	return rows, a, nil
}

func (m *measured[T]) token() *token { return m.tok }

func measuredDay[T any]() field[measured[T]] {
	return of("DATE", func(b []byte, m *measured[T]) []byte { return appendTime(b, m.day) })
}

// quantColumns are the columns of /quantmetrics and the metrics behind them.
var quantColumns = [...]struct{ column, metric string }{
	{"VOLATILITY", "volatility"}, {"ALL_TIME_RETURN", "comp"}, {"CAGR", "cagr"}, {"SHARPE", "sharpe"}, {"SORTINO", "sortino"}, {"MAX_DRAWDOWN", "max_drawdown"},
	{"SKEW", "skew"}, {"TAIL_RATIO", "tail_ratio"}, {"RISK_REWARD_RATIO", "payoff"}, {"PROFIT_FACTOR", "profit_factor"}, {"KURTOSIS", "kurtosis"},
	{"DAILY_VALUE_AT_RISK", "var_normal_95"}, {"DAILY_RETURN_AVG", "mean"}, {"DAILY_RETURN_STD", ""}, {"EXPECTED_SHORTFALL_CVAR", "cvar_historical_95"},
}

// quant measures the risk of tokens over all their stored days.
func (f *Face) quant(ctx context.Context, q *query) (*answer, error) {
	var metrics []risk.Metric
	for _, m := range risk.Catalogue() {
		for _, c := range quantColumns {
			if m.Name == c.metric {
				metrics = append(metrics, m)
			}
		}
	}
	type values map[string]float64
	rows, a, err := measure(ctx, f, q, 0, func(_ *token, bars []market.Candle) (values, bool) {
		p, err := closes(bars)
		if err != nil || p.Len() < 3 {
			return nil, false
		}
		r, err := p.Returns(risk.Simple, risk.PerYear(day))
		if err != nil {
			return nil, false
		}
		rep, err := risk.Measure(metrics, r, nil, risk.Options{Resamples: -1})
		if err != nil {
			return nil, false
		}
		out := values{}
		for _, v := range rep.Values {
			if v.Known {
				out[v.Metric.Name] = v.Value
			}
		}
		return out, true
	})
	if err != nil {
		return nil, err
	}
	fs := append(triple((*measured[values]).token), measuredDay[values]())
	for _, c := range quantColumns {
		fs = append(fs, of(c.column, func(b []byte, m *measured[values]) []byte {
			v, ok := m.of[c.metric]
			if c.metric == "" {
				v, ok = m.of["volatility"]
				v /= math.Sqrt(365)
			}
			if !ok {
				return append(b, "null"...)
			}
			return appendFloat(b, &v, 6)
		}))
	}
	a.table = tabulate(q.version, append(fs, linked("", q.origin, (*measured[values]).token)), rows)
	a.message += " Over all stored daily closes in USD, returns as fractions, a year of 365 days, no riskless return; value at risk is normal at 95 %."
	return a, nil
}

// closes are bars as the package risk takes them.
func closes(bars []market.Candle) (risk.Prices, error) {
	at, v := make([]time.Time, len(bars)), make([]float64, len(bars))
	for i := range bars {
		at[i], v[i] = bars[i].Open, bars[i].C.Float64()
	}
	return risk.NewPrices(at, v)
}

// Of the correlations.
const (
	correlationDays  = 90
	correlationLeast = 30
	correlationPeers = 100
	correlationEnds  = 10
)

type related struct {
	symbol string
	value  float64
}

// correlation tells the ten most and the ten least correlated of the hundred greatest tokens.
func (f *Face) correlation(ctx context.Context, q *query) (*answer, error) {
	quotes, err := q.list("quotesymbol")
	if err != nil {
		return nil, err
	}
	all, err := f.ranked(ctx)
	if err != nil {
		return nil, err
	}
	type peer struct {
		tok    *token
		prices risk.Prices
	}
	var peers []peer
	from := f.opt.Board.Now().Add(-(correlationDays + 1) * day).Truncate(day)
	for _, t := range all {
		if len(peers) == correlationPeers || t.price == nil {
			break
		}
		bars, err := f.bars(ctx, t, daily, from, time.Time{})
		if err != nil {
			return nil, err
		}
		if p, err := closes(bars); err == nil && p.Len() > correlationLeast {
			peers = append(peers, peer{t, p})
		}
	}
	rows, a, err := measure(ctx, f, q, (correlationDays+1)*day, func(t *token, bars []market.Candle) ([]related, bool) {
		own, err := closes(bars)
		if err != nil || own.Len() <= correlationLeast {
			return nil, false
		}
		var list []related
		for _, p := range peers {
			if p.tok.Code == t.Code || quotes != nil && !slices.ContainsFunc(quotes, func(s string) bool { return hasSymbol(p.tok, s) }) {
				continue
			}
			if c, err := risk.Correlate(own, p.prices, correlationLeast, 0, risk.Options{Resamples: -1}); err == nil {
				list = append(list, related{p.tok.Symbol, c.Pearson})
			}
		}
		slices.SortStableFunc(list, func(a, b related) int {
			switch {
			case a.value > b.value:
				return -1
			case a.value < b.value:
				return 1
			}
			return 0
		})
		if n := len(list); n > 2*correlationEnds {
			list = append(list[:correlationEnds:correlationEnds], list[n-correlationEnds:]...)
		}
		return list, true
	})
	if err != nil {
		return nil, err
	}
	a.table = tabulate(q.version, append(triple((*measured[[]related]).token), measuredDay[[]related](),
		of("TOP_CORRELATION", func(b []byte, m *measured[[]related]) []byte {
			b = append(b, '[')
			for i, r := range m.of {
				if i > 0 {
					b = append(b, ',')
				}
				b = appendText(append(b, `{"token":`...), r.symbol)
				b = appendFloat(append(b, `,"correlation":`...), &r.value, 4)
				b = append(b, '}')
			}
			return append(b, ']')
		}),
		linked("", q.origin, (*measured[[]related]).token)), rows)
	a.message += " Pearson's correlation of the logarithms of daily changes over " + strconv.Itoa(correlationDays) + " days, of at least " + strconv.Itoa(correlationLeast) + " days in common."
	return a, nil
}

// marketMetrics is one row: today's. The past of totals is not kept, and a total of then
// with the supplies of now would be a number made up.
func (f *Face) marketMetrics(ctx context.Context, q *query) (*answer, error) {
	fs, rows := marketFields(), []total(nil)
	a := &answer{}
	if f.opt.Market != nil {
		g, err := f.opt.Market.Global(ctx, usd)
		if err != nil && fault.Of(err) != fault.Unavailable {
			return nil, err
		}
		d := g.At.UTC().Truncate(day)
		if err == nil && !g.At.IsZero() && !d.Before(q.from) && (q.to.IsZero() || d.Before(q.to)) {
			t := total{day: d, global: g}
			if b, err := f.opt.Market.Figures(ctx, "BTC", usd); err == nil {
				t.btc = b
			}
			if f.opt.Grades != nil {
				if t.high, err = f.highShare(ctx); err != nil {
					return nil, err
				}
			}
			rows = append(rows, t)
			a.asOf = g.At
		}
	}
	page := pageOf(q, rows)
	a.table, a.total = tabulate(q.version, fs, page), len(rows)
	a.message = counted(len(page), "day") + " Totals are of the assets followed here whose supply is known, as of now; totals of the past are not kept, and what has no input is null."
	f.judge(a, 10*time.Minute)
	return a, nil
}

// highShare is the share of graded tokens whose trader grade is 60 or more, in per cent.
func (f *Face) highShare(ctx context.Context) (*float64, error) {
	list, err := f.opt.Grades.Grades(ctx, insight.TraderGrade, nil)
	if err != nil {
		if k := fault.Of(err); k == fault.Unavailable || k == fault.Unknown {
			return nil, nil
		}
		return nil, err
	}
	high, n := 0, 0
	for _, g := range list {
		if g.Value != nil {
			n++
			if *g.Value >= 60 {
				high++
			}
		}
	}
	if n == 0 {
		return nil, nil
	}
	share := 100 * float64(high) / float64(n)
	return &share, nil
}

// total is a row of /market-metrics.
type total struct {
	day    time.Time
	global insight.Global
	btc    insight.Figures
	high   *float64
}

func marketFields() []field[total] {
	fs := []field[total]{
		of("DATE", func(b []byte, t *total) []byte { return appendTime(b, t.day) }),
		of("TOTAL_CRYPTO_MCAP", func(b []byte, t *total) []byte { return t.global.Cap.Append(b) }),
		of("TM_GRADE_PERC_HIGH_COINS", func(b []byte, t *total) []byte { return appendFloat(b, t.high, 2) }),
		of("TM_GRADE_SIGNAL", appendNull[total]), of("LAST_TM_GRADE_SIGNAL", appendNull[total]), of("RECT_SIGNAL", appendNull[total]),
		of("ALTS_MARKET_CAP", func(b []byte, t *total) []byte {
			if t.btc.Cap == nil {
				return append(b, "null"...)
			}
			rest, err := t.global.Cap.Sub(*t.btc.Cap)
			if err != nil || rest.IsNeg() {
				return append(b, "null"...)
			}
			return rest.Append(b)
		}),
		of("BTC_PRICE", func(b []byte, t *total) []byte { return appendDecimal(b, t.btc.Price) }),
		of("BTC_MARKET_CAP", func(b []byte, t *total) []byte { return appendDecimal(b, t.btc.Cap) }),
	}
	for _, n := range []string{"VOL_INDEX", "VOL_10", "VOL_90", "ALTS_INDICATOR", "ABOVE_MA", "FEAR_AND_GREED_VALUE"} {
		fs = append(fs, of(n, appendNull[total]))
	}
	return fs
}
