package mcp

import (
	"encoding/json"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"
)

// tokenMetrics are the tools that the server of Token Metrics offers, by its names and
// arguments, answered by the face that speaks its API: prompts and agents that were written
// for it keep working. As there, a result is one text, the body, and a failure begins with
// "Error fetching data:".
func tokenMetrics() []*tool {
	args := func(must string, names ...string) (out []arg) {
		for _, n := range names {
			a := arg{name: n, kind: "string", size: 2000}
			switch n {
			case "limit":
				a = arg{name: n, kind: "integer", least: 1, most: 1000}
			case "page":
				a = arg{name: n, kind: "integer", least: 0, most: 100_000}
			case "top_k":
				a = arg{name: n, kind: "integer", least: 1, most: 1000}
			case "startDate", "endDate":
				a.doc = "YYYY-MM-DD"
			case "token_id":
				a.doc, a.example = "Comma-separated ids; get_tokens_data lists them", "3375"
			case "symbol":
				a.doc, a.example = "Comma-separated symbols", "BTC,ETH"
			}
			a.required = must == n || must == "token_id symbol" && (n == "token_id" || n == "symbol")
			if a.required && a.example == "" {
				a.example = "1"
			}
			out = append(out, a)
		}
		return out
	}
	filters := []string{"token_id", "symbol", "startDate", "endDate", "category", "exchange", "marketcap", "fdv", "volume"}
	with := func(more ...string) []string { return append(append([]string{}, filters...), more...) }
	t := func(name, path, doc string, a []arg) *tool {
		return &tool{
			name: name, doc: doc, args: a, routes: []string{"/compat/tokenmetrics/v2" + path}, form: asText,
			prefix: "Error fetching data: ", absent: "this server does not speak the Token Metrics API, or not this part of it; its owner can turn on compat.tokenmetrics, and Assay's own tools are at /mcp without set",
		}
	}
	return []*tool{
		t("get_tokens_data", "/tokens", "List tokens with their ids", args("", "token_id", "token_name", "symbol", "category", "exchange", "blockchain_address", "limit", "page")),
		t("get_tokens_price", "/price", "Current prices of tokens", args("token_id", "token_id")),
		t("get_tokens_hourly_ohlcv", "/hourly-ohlcv", "Hourly OHLCV of tokens", args("", "token_id", "token_name", "symbol", "startDate", "endDate", "limit", "page")),
		t("get_tokens_daily_ohlcv", "/daily-ohlcv", "Daily OHLCV of tokens", args("", "token_id", "token_name", "symbol", "startDate", "endDate", "limit", "page")),
		t("get_tokens_investor_grade", "/investor-grades", "Long-term grades of tokens", args("", with("investorGrade", "limit", "page")...)),
		t("get_market_metrics", "/market-metrics", "Metrics of the whole market by day", args("", "startDate", "endDate", "limit", "page")),
		t("get_tokens_trading_signal", "/trading-signals", "Trading signals of tokens by day", args("", with("signal", "limit", "page")...)),
		t("get_tokens_hourly_trading_signals", "/hourly-trading-signals", "Trading signals of tokens by hour", args("token_id", "token_id", "limit", "page")),
		t("get_tokens_ai_report", "/ai-reports", "Written reports on tokens", args("", "token_id", "symbol", "limit", "page")),
		t("get_crypto_investors", "/crypto-investors", "Investors in crypto", args("", "limit", "page")),
		t("get_top_tokens_by_market_cap", "/top-market-cap-tokens", "Tokens with the greatest capitalisation", args("", "top_k", "page")),
		t("get_tokens_resistance_and_support", "/resistance-support", "Resistance and support levels of tokens", args("token_id symbol", "token_id", "symbol", "limit", "page")),
		t("get_sentiment", "/sentiments", "Sentiment of the market", nil),
		t("get_tokens_quant_metrics", "/quantmetrics", "Risk and return statistics of tokens", args("", "token_id", "symbol", "category", "exchange", "marketcap", "volume", "fdv", "limit", "page")),
		t("get_tokens_scenario_analysis", "/scenario-analysis", "Prices by scenarios of the market's worth", args("", "token_id", "symbol", "limit", "page")),
		t("get_tokens_correlation", "/correlation", "Tokens that move most and least alike", args("", "token_id", "token_name", "symbol", "category", "exchange", "limit", "page")),
		t("get_indices", "/indices", "Indices of tokens", args("", "indicesType", "limit", "page")),
		t("get_indices_holdings", "/indices-holdings", "What an index holds", args("id", "id")),
		t("get_indices_performance", "/indices-performance", "How an index did", args("id", "id", "startDate", "endDate", "limit", "page")),
		t("get_moonshot_tokens", "/moonshot-tokens", "Small tokens that rise, current or past", args("", "type", "limit", "page")),
		t("get_token_tm_grade", "/tm-grade", "Combined grade of a token now", args("token_id", "token_id")),
		t("get_token_tm_grade_historical", "/tm-grade-history", "Combined grades of a token by day", args("token_id", "token_id", "startDate", "endDate", "limit", "page")),
		t("get_token_technology_grade", "/technology-grade", "Technology grade of a token", args("", "token_id", "symbol", "startDate", "endDate")),
	}
}

// asText is the body as it came.
func asText(_ values, body []byte) *sdk.CallToolResult {
	return &sdk.CallToolResult{Content: []sdk.Content{&sdk.TextContent{Text: string(body)}}}
}

// openAI are the two tools that connectors of ChatGPT ask for.
func openAI() []*tool {
	return []*tool{
		{
			name: "search", doc: "Find crypto assets by name, ticker or contract address; fetch takes their ids.", routes: []string{"/v1/assets"},
			args: []arg{must(text("query", "", "bitcoin"))}, form: found,
			pick: func(v values) string {
				v["q"], v["limit"] = take(v, "query"), "10"
				return "/v1/assets"
			},
		},
		{
			name: "fetch", doc: "Price, changes, volume, capitalisation and supply of an asset, with time and sources.", routes: []string{"/v1/figures/{id}"},
			args: []arg{must(text("id", "From search", "BTC"))}, form: fetched,
			pick: func(values) string { return "/v1/figures/{id}" },
		},
	}
}

type page struct {
	ID    string `json:"id"`
	Title string `json:"title"`
	Text  string `json:"text,omitempty"`
	URL   string `json:"url"`
}

func found(_ values, body []byte) *sdk.CallToolResult {
	var in struct{ Data []struct{ Code, Name string } }
	if json.Unmarshal(body, &in) != nil {
		return failed("the server's answer cannot be read")
	}
	out := struct {
		Results []page `json:"results"`
	}{[]page{}}
	for _, a := range in.Data {
		out.Results = append(out.Results, page{ID: a.Code, Title: a.Name + " (" + a.Code + ")", URL: "/v1/figures/" + a.Code})
	}
	return both(out)
}

func fetched(v values, body []byte) *sdk.CallToolResult {
	return both(page{ID: v["id"], Title: v["id"], Text: string(body), URL: "/v1/figures/" + v["id"]})
}

func both(v any) *sdk.CallToolResult {
	j, err := json.Marshal(v)
	if err != nil {
		return failed("the answer cannot be written")
	}
	return &sdk.CallToolResult{StructuredContent: json.RawMessage(j), Content: []sdk.Content{&sdk.TextContent{Text: string(j)}}}
}
