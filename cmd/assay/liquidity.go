package main

import (
	"net/url"
	"strings"

	"github.com/spf13/cobra"
)

func (c *cli) depth() *cobra.Command {
	var venue, bps string
	cmd := &cobra.Command{
		Use: "depth PAIR", Short: "Print what rests near the middle of the books of a pair", Args: cobra.ExactArgs(1),
		Long: `Depth prints per venue the best prices and, within distances of the middle in basis
points, the value in quote that rests on each side. Where whole is false the book that is
known ends before that distance.`,
		Example: "  assay depth BTC-USDT\n  assay depth BTC-USD --venue kraken --bps 5,50 -o json",
		RunE: func(cmd *cobra.Command, args []string) error {
			q := url.Values{"bps": {bps}}
			if venue != "" {
				q.Set("venue", strings.ToLower(venue))
			}
			return c.fetch(cmd.Context(), "/v1/depth/"+url.PathEscape(strings.ToUpper(args[0])), q, "venue", "bid", "ask", "spread_bps", "bands", "ts")
		},
	}
	cmd.Flags().StringVar(&venue, "venue", "", "only this venue")
	cmd.Flags().StringVar(&bps, "bps", "10,50,100", "distances in basis points")
	c.clientFlags(cmd)
	return cmd
}

func (c *cli) slippage() *cobra.Command {
	var qty, value, venue string
	cmd := &cobra.Command{
		Use: "slippage PAIR buy|sell", Short: "Print what a size would cost at each venue", Args: cobra.ExactArgs(2),
		Long: `Slippage takes a size from each venue's book of this moment and prints the average and
worst price, and how far the average is from the middle in basis points, without fees.`,
		Example: "  assay slippage BTC-USDT buy --qty 2.5\n  assay slippage ETH-USD sell --value 100000",
		RunE: func(cmd *cobra.Command, args []string) error {
			q := url.Values{"side": {strings.ToLower(args[1])}}
			for name, v := range map[string]string{"qty": qty, "value": value, "venue": strings.ToLower(venue)} {
				if v != "" {
					q.Set(name, v)
				}
			}
			return c.fetch(cmd.Context(), "/v1/slippage/"+url.PathEscape(strings.ToUpper(args[0])), q, "venue", "qty", "value", "average", "worst", "slippage_bps", "levels", "complete", "ts")
		},
	}
	cmd.Flags().StringVar(&qty, "qty", "", "size in base")
	cmd.Flags().StringVar(&value, "value", "", "size in quote, instead of --qty")
	cmd.Flags().StringVar(&venue, "venue", "", "only this venue")
	c.clientFlags(cmd)
	return cmd
}

func (c *cli) route() *cobra.Command {
	var qty, fees, venues string
	var any bool
	cmd := &cobra.Command{
		Use: "route PAIR buy|sell", Short: "Print how to split a size over the venues", Args: cobra.ExactArgs(2),
		Long: `Route prints the split over the books of this moment that costs least (or brings most),
with your taker fees in basis points. It places no order.`,
		Example: "  assay route BTC-USDT buy --qty 25 --fees binance:10,okx:8\n  assay route BTC-USD sell --qty 3 --any-quote -o json",
		RunE: func(cmd *cobra.Command, args []string) error {
			q := url.Values{"side": {strings.ToLower(args[1])}, "qty": {qty}, "fees": {fees}, "venues": {venues}}
			if any {
				q.Set("quotes", "money")
			}
			return c.fetch(cmd.Context(), "/v1/route/"+url.PathEscape(strings.ToUpper(args[0])), q, "pair", "side", "filled", "complete", "cost", "average", "legs", "left_out")
		},
	}
	cmd.Flags().StringVar(&qty, "qty", "1", "size in base")
	cmd.Flags().StringVar(&fees, "fees", "", "your taker fees, as VENUE:BASISPOINTS,...")
	cmd.Flags().StringVar(&venues, "venues", "", "only these venues, separated by commas")
	cmd.Flags().BoolVar(&any, "any-quote", false, "also pairs in other currencies and stablecoins, converted")
	c.clientFlags(cmd)
	return cmd
}
