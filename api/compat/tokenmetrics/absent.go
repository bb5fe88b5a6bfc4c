package tokenmetrics

import (
	"context"

	"github.com/assayhq/assay/fault"
)

// absent is a path whose data nobody here has: no rows, and a message that says so.
func absent(why string, names ...string) func(context.Context, *query) (*answer, error) {
	return func(_ context.Context, q *query) (*answer, error) {
		return &answer{table: nothing(q.version, names...), message: why + " No number is made up in its place."}, nil
	}
}

// checked is a path of which some parameters are read before it answers.
func checked(check func(*query) error, serve func(context.Context, *query) (*answer, error)) func(context.Context, *query) (*answer, error) {
	return func(ctx context.Context, q *query) (*answer, error) {
		if err := check(q); err != nil {
			return nil, err
		}
		return serve(ctx, q)
	}
}

// needToken is for paths that answer for named tokens only.
func (q *query) needToken() error {
	for _, key := range []string{"tokenid", "symbol", "tokenname", "slug", "blockchainaddress"} {
		if _, ok := q.values[key]; ok {
			return nil
		}
	}
	return fault.At(fault.Invalid, "token_id", "token_id or symbol is needed here")
}

func (q *query) selectors() error {
	_, _, err := q.selection()
	return err
}

func (q *query) needID() error {
	if _, ok := q.values["id"]; !ok {
		return fault.At(fault.Invalid, "id", "id is needed here: the number of an index")
	}
	return q.idIsWhole()
}

func (q *query) idIsWhole() error {
	_, err := q.whole("id", 0, 0, 1<<31-1)
	return err
}

func (q *query) indexType() error {
	_, err := q.choice("indicestype", "active", "passive")
	return err
}

func (q *query) moonshots() error {
	if _, err := q.choice("type", "active", "past"); err != nil {
		return err
	}
	_, err := q.choice("sortby", "moonshot_at", "roi_pct", "tm_grade", "market_cap_usd")
	return err
}

// What is missing, for messages.
const (
	noIndices   = "This server keeps no indices yet, so there are neither weights nor levels."
	noMoonshots = "This server picks no tokens: there is no screener with a record yet."
	noSentiment = "No source of news or posts is connected, so there is no sentiment."
	noReports   = "No reports are written here: that needs a language model, and none is connected."
	noInvestors = "There is no table of investors here."
)

// The columns of paths without rows, so that every form of answer has them.
var (
	reportColumns    = []string{"TOKEN_ID", "TOKEN_NAME", "TOKEN_SYMBOL", "INVESTMENT_ANALYSIS_POINTER", "INVESTMENT_ANALYSIS", "DEEP_DIVE", "CODE_REVIEW", "TRADER_REPORT", "FUNDAMENTAL_REPORT", "TECHNOLOGY_REPORT"}
	investorColumns  = []string{"INVESTOR_NAME", "INVESTOR_WEBSITE", "INVESTOR_TWITTER", "ROUND_COUNT", "ROI_AVERAGE", "ROI_MEDIAN"}
	sentimentColumns = []string{"DATETIME", "MARKET_SENTIMENT_GRADE", "MARKET_SENTIMENT_LABEL", "NEWS_SENTIMENT_GRADE", "NEWS_SENTIMENT_LABEL", "NEWS_SUMMARY", "REDDIT_SENTIMENT_GRADE", "REDDIT_SENTIMENT_LABEL", "REDDIT_SUMMARY", "TWITTER_SENTIMENT_GRADE", "TWITTER_SENTIMENT_LABEL", "TWITTER_SUMMARY"}
	indexColumns     = []string{"ID", "NAME", "TICKER", "PRICE", "COINS", "24H", "7D", "1M", "24H_VOLUME", "INDEX_GRADE", "ALL_TIME", "MARKET_CAP", "TOP_GAINERS_ICONS"}
	holdingColumns   = []string{"TOKEN_ID", "TOKEN_NAME", "TOKEN_SYMBOL", "COIN", "CG_ID", "WEIGHT", "MARKET_CAP", "PRICE", "CURRENT_ROI", "TRADER_GRADE", "TRADER_GRADE_CHANGE_24H", "ICON", "DATE"}
	levelColumns     = []string{"ID", "DATE", "INDEX_CUMULATIVE_ROI", "MARKET_CAP", "VOLUME", "FDV"}
	moonshotColumns  = []string{"TOKEN_ID", "TOKEN_NAME", "TOKEN_SYMBOL", "LAST_TRADING_SIGNAL_TIME", "TM_TRADER_GRADE", "TM_TRADER_GRADE_24H_PCT_CHANGE", "PRICE_CHANGE_PERCENTAGE_7D_IN_CURRENCY", "MARKET_CAP", "VOLUME_24H", "MOONSHOT_AT", "MOONSHOT_END_AT", "MOONSHOT_ROI"}
	portfolioColumns = []string{"PORTFOLIO_DATE", "DATE", "INDEX_ID", "TOKEN_ID", "TOKEN_NAME", "TOKEN_SYMBOL", "INDEX_WEIGHT", "AMOUNT_OF_TOKENS", "INITIAL_PRICE"}
	partColumns      = []string{"TOKEN_ID", "TOKEN_NAME", "TOKEN_SYMBOL", "NAME", "ICON", "WEIGHT", "PCT_CHANGE", "TOKEN_ADDRESS"}
	specificColumns  = []string{"ID", "DATE", "INDEX_CUMULATIVE_ROI"}
	tradeColumns     = []string{"DATE", "INDEX_ID", "TOKEN_ID", "TOKEN_NAME", "TOKEN_SYMBOL", "SIDE", "WEIGHT_BEFORE", "WEIGHT_AFTER"}
)
