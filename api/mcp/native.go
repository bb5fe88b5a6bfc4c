package mcp

import "strings"

// allGroups are the groups of Assay's own tools.
var allGroups = []string{"market", "insight", "reference"}

// text, one and count are arguments that many tools have.
func text(name, doc, example string) arg {
	return arg{name: name, kind: "string", doc: doc, example: example}
}

func one(name, doc, def string, of ...string) arg {
	return arg{name: name, kind: "string", doc: doc, enum: of, def: def}
}

func count(def string, most float64) arg {
	return arg{name: "limit", kind: "integer", def: def, least: 1, most: most}
}

func must(a arg) arg { a.required = true; return a }

var quote = arg{name: "quote", kind: "string", def: "USD"}

// assets of one kind of argument: one asset is asked for by itself, where more is known.
func single(v values) bool {
	if a := v["assets"]; a != "" && !strings.Contains(a, ",") {
		v["asset"] = a
		delete(v, "assets")
		return true
	}
	return false
}

// drop leaves out what an operation does not have.
func drop(v values, names ...string) {
	for _, n := range names {
		delete(v, n)
	}
}

// take gives an argument that chooses an operation and is in no address.
func take(v values, name string) string {
	s := v[name]
	delete(v, name)
	return s
}

var intervals = []string{"1m", "5m", "15m", "1h", "4h", "1d", "1w"}

// native are Assay's own tools: few, because every model reads all of them in every
// conversation, and each for a question that people ask.
func native() []*tool {
	return []*tool{
		{
			name: "find_assets", group: "reference", routes: []string{"/v1/assets"},
			doc:  "Find assets by name, ticker or contract address; other tools take the code.",
			args: []arg{must(text("q", "", "chainlink")), count("10", 50)},
		},
		{
			name: "quote", group: "market", routes: []string{"/v1/prices/{asset}", "/v1/prices"},
			doc:   "Current consensus price with confidence and sources. One asset: each venue's share too.",
			args:  []arg{must(text("assets", "Codes", "BTC,ETH")), quote},
			units: "prices in quote per unit; confidence and weight 0 to 1",
			pick: func(v values) string {
				if single(v) {
					return "/v1/prices/{asset}"
				}
				return "/v1/prices"
			},
		},
		{
			name: "order_book", group: "market", routes: []string{"/v1/quotes/{pair}", "/v1/books/{pair}"},
			doc:   "Best bid and ask at every venue, or one venue's book.",
			args:  []arg{must(text("pair", "", "BTC-USD")), text("venue", "", "kraken"), {name: "depth", kind: "integer", def: "10", least: 1, most: 100}},
			units: "prices in the pair's quote, sizes in its base",
			pick: func(v values) string {
				if v["venue"] != "" {
					return "/v1/books/{pair}"
				}
				drop(v, "depth")
				return "/v1/quotes/{pair}"
			},
		},
		{
			name: "candles", group: "market", routes: []string{"/v1/candles/{pair}"},
			doc:   "OHLCV bars, oldest first: the newest, or from start (UTC, inclusive) to end (exclusive).",
			args:  []arg{must(text("pair", "", "BTC-USD")), one("interval", "", "1h", intervals...), text("start", "", "2026-01-31"), text("end", "", ""), text("venue", "Default: consensus", ""), count("100", 500)},
			units: "prices in the pair's quote, volume in its base; ts is the bar's start; complete false: may still change",
		},
		{
			name: "derivatives", group: "market", routes: []string{"/v1/derivatives", "/v1/funding", "/v1/liquidations"},
			doc:   "Perpetuals and futures: mark, basis, funding, open interest now; funding paid; liquidations.",
			args:  []arg{one("what", "", "now", "now", "funding", "liquidations"), text("pair", "For funding", "BTC-USDT-PERP"), text("base", "For now", "BTC"), text("venue", "", ""), count("50", 500)},
			units: "funding: part of a position's value per interval, positive: longs pay; open interest and qty in unit",
			pick: func(v values) string {
				switch take(v, "what") {
				case "funding":
					drop(v, "base")
					return "/v1/funding"
				case "liquidations":
					drop(v, "base")
					return "/v1/liquidations"
				}
				return "/v1/derivatives"
			},
		},
		{
			name: "indicators", group: "insight", routes: []string{"/v1/indicators/values/{pair}", "/v1/indicators"},
			doc:   "Technical indicators (all of TA-Lib and more), several at once. Without pair: search the catalogue by q.",
			args:  []arg{text("pair", "", "BTC-USD"), {name: "functions", kind: "string", example: "RSI(14),MACD", size: 1000}, one("interval", "", "1d", intervals...), count("30", 500), text("q", "", "")},
			units: "statistics in floating point; the catalogue tells each output's unit", advice: true,
			pick: func(v values) string {
				if v["pair"] == "" {
					drop(v, "functions", "interval", "limit")
					return "/v1/indicators"
				}
				drop(v, "q")
				return "/v1/indicators/values/{pair}"
			},
		},
		{
			name: "figures", group: "market", routes: []string{"/v1/figures", "/v1/figures/{asset}", "/v1/screener"},
			doc:   "Rank, cap, supply, volume, changes. One: more. None: the largest, or where.",
			args:  []arg{text("assets", "Codes", "BTC,ETH"), text("where", "", "change_7d>5"), quote, one("order", "", "cap", "cap", "volume", "price", "change_24h"), count("20", 100)},
			units: "amounts in quote; changes in percent; volume of the followed venues",
			pick: func(v values) string {
				if v["where"] != "" {
					drop(v, "assets")
					if v["order"] == "volume" {
						v["order"] = "volume_24h"
					}
					return "/v1/screener"
				}
				drop(v, "where")
				if single(v) {
					drop(v, "order", "limit")
					return "/v1/figures/{asset}"
				}
				return "/v1/figures"
			},
		},
		{
			name: "market_overview", group: "market", routes: []string{"/v1/global", "/v1/movers", "/v1/categories"},
			doc:   "Market totals and dominance, gainers, losers, categories.",
			args:  []arg{one("what", "", "global", "global", "gainers", "losers", "categories"), one("window", "", "24h", "1h", "24h", "7d", "30d", "1y"), quote, count("10", 100)},
			units: "amounts in quote; changes and dominance in percent; breadth 0 to 1",
			pick: func(v values) string {
				what := take(v, "what")
				if what == "gainers" || what == "losers" {
					v["direction"] = what
					return "/v1/movers"
				}
				drop(v, "window", "limit")
				return map[string]string{"global": "/v1/global", "categories": "/v1/categories"}[what]
			},
		},
		{
			name: "grades", group: "insight", routes: []string{"/v1/grades", "/v1/grades/{asset}", "/v1/grades/{asset}/history", "/v1/grades/record", "/v1/grades/formulas"},
			doc: "Grades 0-100 by open formulas. One asset: all grades with components. record: how well grades predicted.",
			args: []arg{text("assets", "Default all", "BTC"), one("kind", "", "", "trader", "investor", "technology", "valuation", "fundamental", "combined", "ta", "quant", "liquidity"),
				one("what", "", "now", "now", "history", "record", "formulas"), count("20", 100)},
			units: "grades 0 to 100; change in points", advice: true,
			pick: func(v values) string {
				switch take(v, "what") {
				case "history":
					single(v)
					return "/v1/grades/{asset}/history"
				case "record":
					drop(v, "assets", "limit")
					return "/v1/grades/record"
				case "formulas":
					drop(v, "assets", "limit", "kind")
					return "/v1/grades/formulas"
				}
				if single(v) {
					drop(v, "kind", "limit")
					return "/v1/grades/{asset}"
				}
				return "/v1/grades"
			},
		},
		{
			name: "risk", group: "insight", routes: []string{"/v1/risk/{asset}", "/v1/risk/{asset}/drawdowns", "/v1/risk/{asset}/levels", "/v1/risk/{asset}/cone", "/v1/risk/{asset}/pumps"},
			doc:   "Volatility, Sharpe, VaR and more; drawdowns; support and resistance levels; price cone; pumps.",
			args:  []arg{must(text("asset", "", "BTC")), one("what", "", "metrics", "metrics", "drawdowns", "levels", "cone", "pumps"), one("interval", "", "1d", "1h", "4h", "1d", "1w"), text("benchmark", "For metrics", "")},
			units: "returns and drawdowns as fractions: 0.01 is one percent", advice: true,
			pick: func(v values) string {
				what := take(v, "what")
				if what == "metrics" {
					return "/v1/risk/{asset}"
				}
				drop(v, "benchmark")
				return "/v1/risk/{asset}/" + what
			},
		},
		{
			name: "correlation", group: "insight", routes: []string{"/v1/correlation"},
			doc:   "How assets move together: Pearson, Spearman, tail dependence.",
			args:  []arg{must(text("assets", "2 to 20", "BTC,ETH,SOL")), one("interval", "", "1d", "1h", "4h", "1d", "1w"), {name: "window", kind: "integer", def: "365", least: 10, most: 1000}},
			units: "correlations -1 to 1, of log returns", advice: true,
		},
		{
			name: "data_quality", group: "reference", routes: []string{"/v1/quality", "/v1/gaps", "/v1/venues"},
			doc:  "Freshness by venue and pair, gaps of 24 h, or state of venues.",
			args: []arg{one("what", "", "quality", "quality", "gaps", "venues"), text("venue", "", ""), text("pair", "", ""), count("50", 200)},
			pick: func(v values) string {
				what := take(v, "what")
				if what == "venues" {
					drop(v, "venue", "pair", "limit")
				}
				return "/v1/" + what
			},
		},
		{
			name: "account", group: "reference", routes: []string{"/v1/me"},
			doc: "The caller's scopes, plan and limits left.",
		},
	}
}
