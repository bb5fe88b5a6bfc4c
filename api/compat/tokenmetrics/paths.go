package tokenmetrics

import "github.com/assayhq/assay/insight"

// paths is the table of everything that can be asked for, in both versions alike. docs/
// compat/tokenmetrics.md has it for people, with where each answer comes from.
func (f *Face) paths() map[string]route {
	dates := []string{"startdate", "enddate"}
	paging := []string{"limit", "page", "numbers"}
	with := func(lists ...[]string) (out []string) {
		for _, l := range lists {
			out = append(out, l...)
		}
		return out
	}
	history := with(tokenParams(), dates)
	index := with(paging, dates, []string{"id"})
	trader := func(q *query) []field[graded] { return traderFields(q.origin) }
	investor := func(q *query) []field[graded] { return investorFields(q.origin) }
	technology := func(q *query) []field[graded] { return technologyFields(q.origin) }
	fundamental := func(history bool) func(*query) []field[graded] {
		return func(q *query) []field[graded] { return fundamentalFields(q.origin, history) }
	}
	combined := func(history bool) func(*query) []field[graded] {
		return func(q *query) []field[graded] { return combinedFields(q.origin, history) }
	}
	all := []insight.GradeKind{insight.FundamentalGrade, insight.CombinedGrade, insight.TraderGrade, insight.QuantGrade}
	parts := []insight.GradeKind{insight.InvestorGrade, insight.FundamentalGrade, insight.TechnologyGrade, insight.ValuationGrade}
	return map[string]route{
		"tokens":                {tokenParams("expand"), f.listTokens},
		"top-market-cap-tokens": {[]string{"topk", "page", "numbers", "expand"}, f.topTokens},
		"price":                 {tokenParams(), f.prices},
		"daily-ohlcv":           {history, f.dailyBars},
		"hourly-ohlcv":          {history, f.hourlyBars},

		"trader-grades":             {with(history, []string{"tradergrade", "tradergradepercentchange"}), f.gradePath(true, trader, insight.TAGrade, insight.QuantGrade, insight.TraderGrade)},
		"investor-grades":           {with(history, []string{"investorgrade"}), f.gradePath(true, investor, parts...)},
		"tm-grade":                  {history, f.gradePath(false, combined(false), all...)},
		"tm-grade-history":          {history, f.gradePath(true, combined(true), all...)},
		"technology-grade":          {history, f.gradePath(false, technology, insight.TechnologyGrade)},
		"technology-grade-history":  {history, f.gradePath(true, technology, insight.TechnologyGrade)},
		"fundamental-grade":         {history, f.gradePath(false, fundamental(false), insight.FundamentalGrade)},
		"fundamental-grade-history": {history, f.gradePath(true, fundamental(true), insight.FundamentalGrade)},

		"trading-signals":        {with(history, []string{"signal"}), f.tradingSignals},
		"hourly-trading-signals": {history, f.hourlySignals},
		"market-metrics":         {with(paging, dates), f.marketMetrics},
		"resistance-support":     {tokenParams(), f.levels},
		"quantmetrics":           {tokenParams(), f.quant},
		"scenario-analysis":      {tokenParams(), f.outlooks("SCENARIO_PREDICTION", "scenario_prediction", true)},
		"price-prediction":       {tokenParams(), f.outlooks("PRICE_PREDICTION", "price_prediction", false)},
		"correlation":            {tokenParams("quotesymbol", "target"), f.correlation},

		"ai-reports":          {tokenParams(), checked((*query).selectors, absent(noReports, reportColumns...))},
		"crypto-investors":    {paging, absent(noInvestors, investorColumns...)},
		"sentiments":          {with(paging, []string{"symbol"}), absent(noSentiment, sentimentColumns...)},
		"indices":             {with(paging, []string{"indicestype"}), checked((*query).indexType, absent(noIndices, indexColumns...))},
		"indices-holdings":    {index, checked((*query).needID, absent(noIndices, holdingColumns...))},
		"indices-performance": {index, checked((*query).idIsWhole, absent(noIndices, levelColumns...))},
		"moonshot-tokens":     {with(paging, []string{"type", "sortby"}), checked((*query).moonshots, absent(noMoonshots, moonshotColumns...))},

		"trader-indices":             {index, checked((*query).idIsWhole, absent(noIndices, portfolioColumns...))},
		"investor-indices":           {index, checked((*query).idIsWhole, absent(noIndices, portfolioColumns...))},
		"index-holdings":             {with(index, []string{"type"}), checked((*query).idIsWhole, absent(noIndices, partColumns...))},
		"sector-indices-holdings":    {with(index, []string{"type"}), checked((*query).idIsWhole, absent(noIndices, partColumns...))},
		"index-specific-performance": {index, checked((*query).idIsWhole, absent(noIndices, specificColumns...))},
		"indices-transaction":        {index, checked((*query).idIsWhole, absent(noIndices, tradeColumns...))},
		"sector-index-transaction":   {index, checked((*query).idIsWhole, absent(noIndices, tradeColumns...))},
	}
}
