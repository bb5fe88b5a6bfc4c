package main

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// figureColumns are what a person wants of the largest and of those that moved.
var figureColumns = []string{"rank", "asset", "price", "change_1h", "change_24h", "change_7d", "cap", "volume_24h", "ts", "marks"}

func (c *cli) top() *cobra.Command {
	var quote, order, assets string
	var limit int
	cmd := &cobra.Command{
		Use: "top", Short: "Print the largest assets of a running server", Args: cobra.NoArgs,
		Long: `Top prints prices, changes in percent, market capitalisation and the volume of 24 h
at the venues that are followed, in one currency; times are UTC. An empty cell is unknown.`,
		Example: "  assay top\n  assay top --quote EUR --order volume --limit 50\n  assay top --assets BTC,ETH -o json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			q := url.Values{"quote": {quote}, "order": {order}, "limit": {fmt.Sprint(limit)}}
			if assets != "" {
				q.Set("assets", strings.ToUpper(assets))
			}
			return c.fetch(cmd.Context(), "/v1/figures", q, figureColumns...)
		},
	}
	f := cmd.Flags()
	f.StringVar(&quote, "quote", "USD", "currency that amounts are in")
	f.StringVar(&order, "order", "cap", "cap, volume, price, change_24h or asset")
	f.StringVar(&assets, "assets", "", "only these, separated by commas")
	f.IntVar(&limit, "limit", 20, "how many")
	c.clientFlags(cmd)
	return cmd
}

func (c *cli) movers() *cobra.Command {
	var quote, window, least string
	var losers bool
	var limit int
	cmd := &cobra.Command{
		Use: "movers", Short: "Print the assets whose price moved most", Args: cobra.NoArgs,
		Long: `Movers prints the greatest rises of a window, or the greatest falls with --losers.
Stablecoins and wrapped or staked forms are left out; changes are in percent.`,
		Example: "  assay movers\n  assay movers --losers --window 7d --min-volume 1000000",
		RunE: func(cmd *cobra.Command, _ []string) error {
			q := url.Values{"quote": {quote}, "window": {window}, "limit": {fmt.Sprint(limit)}, "direction": {"gainers"}}
			if losers {
				q.Set("direction", "losers")
			}
			if least != "" {
				q.Set("min_volume", least)
			}
			columns := figureColumns
			if col := "change_" + window; window != "1h" && window != "24h" && window != "7d" {
				columns = append([]string{"rank", "asset", "price", col}, figureColumns[3:]...)
			}
			return c.fetch(cmd.Context(), "/v1/movers", q, columns...)
		},
	}
	f := cmd.Flags()
	f.StringVar(&quote, "quote", "USD", "currency that amounts are in")
	f.StringVar(&window, "window", "24h", "1h, 24h, 7d, 14d, 30d, 60d, 200d or 1y")
	f.StringVar(&least, "min-volume", "", "leave out what traded less in 24 h, in the currency")
	f.BoolVar(&losers, "losers", false, "the greatest falls instead")
	f.IntVar(&limit, "limit", 20, "how many")
	c.clientFlags(cmd)
	return cmd
}

// screenColumns are what a person wants of what meets conditions; the fields that were
// asked for come after them.
var screenColumns = []string{"rank", "asset", "price", "change_24h", "change_7d", "cap", "volume_24h", "drawdown", "rsi_14"}

func (c *cli) screen() *cobra.Command {
	var where []string
	var quote, order string
	var ascending bool
	var limit int
	cmd := &cobra.Command{
		Use: "screen", Short: "Print the assets that meet conditions", Args: cobra.NoArgs,
		Long: `Screen prints the assets that meet every condition of --where: a field, one of
> >= < <= = !=, and a value, several with commas between them. Fields that are asked for
or ordered by are shown. An asset without a value in a field meets no condition on it;
an empty cell is unknown. A field that there is not is answered with the list of all.`,
		Example: "  assay screen --where 'change_24h>5,volume_24h>1e6,rank<=200' --order change_24h\n  assay screen --where 'drawdown>50,rsi_14<30' --order drawdown --ascending --limit 10\n  assay screen --where 'category=layer-1|defi,funding_annual<0' --order funding_annual --ascending -o csv",
		RunE: func(cmd *cobra.Command, _ []string) error {
			q := url.Values{"quote": {quote}, "order": {order}, "limit": {fmt.Sprint(limit)}}
			if ascending {
				q.Set("direction", "asc")
			}
			text := strings.Join(where, ",")
			if text != "" {
				q.Set("where", text)
			}
			return c.fetch(cmd.Context(), "/v1/screener", q, askedFor(text, order)...)
		},
	}
	f := cmd.Flags()
	f.StringArrayVar(&where, "where", nil, "conditions, such as change_24h>5; may be given several times")
	f.StringVar(&order, "order", "cap", "field to order by, the greatest first")
	f.BoolVar(&ascending, "ascending", false, "the least first")
	f.StringVar(&quote, "quote", "USD", "currency that amounts are in")
	f.IntVar(&limit, "limit", 20, "how many")
	c.clientFlags(cmd)
	return cmd
}

// askedFor are the usual columns with those that conditions and order name.
func askedFor(where, order string) []string {
	out := slices.Clone(screenColumns)
	names := strings.Split(where, ",")
	for _, n := range append(names, order) {
		if at := strings.IndexAny(n, "><=!"); at >= 0 {
			n = n[:at]
		}
		if n = strings.TrimSpace(n); n != "" && !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return append(out, "marks")
}

// tickerColumns are what a person wants of tickers.
var tickerColumns = []string{"venue", "pair", "last", "change_percent", "bid", "ask", "high", "low", "volume_base", "volume_quote", "trades", "hours", "state", "ts", "marks"}

func (c *cli) tickers() *cobra.Command {
	var venue, base, quote, window string
	var limit int
	cmd := &cobra.Command{
		Use: "tickers [PAIR]", Short: "Print what pairs did in the last hours, at each venue", Args: cobra.MaximumNArgs(1),
		Long: `Tickers prints last, best bid and ask, and change, high, low and volumes of a window
that rolls with the clock. Hours says how much of the window is known; times are UTC.`,
		Example: "  assay tickers BTC-USD\n  assay tickers --venue kraken --window 1h\n  assay tickers --base ETH --window 7d -o csv",
		RunE: func(cmd *cobra.Command, args []string) error {
			q := url.Values{"window": {window}, "limit": {fmt.Sprint(limit)}}
			for name, v := range map[string]string{"venue": venue, "base": strings.ToUpper(base), "quote": strings.ToUpper(quote)} {
				if v != "" {
					q.Set(name, v)
				}
			}
			if len(args) > 0 {
				q.Set("pair", args[0])
			}
			return c.fetch(cmd.Context(), "/v1/tickers", q, tickerColumns...)
		},
	}
	f := cmd.Flags()
	f.StringVar(&venue, "venue", "", "only at this venue")
	f.StringVar(&base, "base", "", "only pairs of this asset")
	f.StringVar(&quote, "quote", "", "only pairs that are priced in this asset")
	f.StringVar(&window, "window", "24h", "1h, 4h, 24h or 7d")
	f.IntVar(&limit, "limit", 50, "how many")
	c.clientFlags(cmd)
	return cmd
}
