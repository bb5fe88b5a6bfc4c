package main

import (
	"fmt"
	"net/url"
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
