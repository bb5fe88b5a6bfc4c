package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/assayhq/assay/money"
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
			return c.bands(cmd.Context(), "/v1/depth/"+url.PathEscape(strings.ToUpper(args[0])), q)
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
			return c.legs(cmd.Context(), "/v1/route/"+url.PathEscape(strings.ToUpper(args[0])), q)
		},
	}
	cmd.Flags().StringVar(&qty, "qty", "1", "size in base")
	cmd.Flags().StringVar(&fees, "fees", "", "your taker fees, as VENUE:BASISPOINTS,...")
	cmd.Flags().StringVar(&venues, "venues", "", "only these venues, separated by commas")
	cmd.Flags().BoolVar(&any, "any-quote", false, "also pairs in other currencies and stablecoins, converted")
	c.clientFlags(cmd)
	return cmd
}

// read asks for JSON and decodes what stands under "data".
func (c *cli) read(ctx context.Context, path string, q url.Values, into any) error {
	body, err := c.ask(ctx, path, q)
	if err != nil {
		return err
	}
	defer body.Close()
	answer := struct {
		Data any `json:"data"`
	}{into}
	if err := json.NewDecoder(body).Decode(&answer); err != nil {
		return fmt.Errorf("the server's answer cannot be read: %w", err)
	}
	return nil
}

// bands prints a line per venue, with the value of both sides within each distance.
func (c *cli) bands(ctx context.Context, path string, q url.Values) error {
	if c.output != "table" {
		return c.fetch(ctx, path, q)
	}
	var books []struct {
		Venue, Bid, Ask string
		Valid           bool
		SpreadBps       *float64 `json:"spread_bps"`
		Bands           []struct {
			Bps      int
			BidValue money.Decimal `json:"bid_value"`
			AskValue money.Decimal `json:"ask_value"`
			Whole    bool
		}
	}
	if err := c.read(ctx, path, q, &books); err != nil {
		return err
	}
	head := []string{"venue", "bid", "ask", "spread"}
	for _, b := range books {
		if len(b.Bands) > 0 {
			for _, x := range b.Bands {
				head = append(head, fmt.Sprintf("bid %d", x.Bps), fmt.Sprintf("ask %d", x.Bps))
			}
			break
		}
	}
	t := newTable(append(head, "")...)
	for _, b := range books {
		cells := []any{b.Venue, b.Bid, b.Ask, ""}
		if b.SpreadBps != nil {
			cells[3] = fmt.Sprintf("%.2f", *b.SpreadBps)
		}
		note := ""
		if !b.Valid {
			note = "being joined again"
		}
		for _, x := range b.Bands {
			cells = append(cells, x.BidValue.Round(0), x.AskValue.Round(0))
			if !x.Whole && note == "" {
				note = fmt.Sprintf("the known book ends within %d", x.Bps)
			}
		}
		for len(cells) < len(head) {
			cells = append(cells, "")
		}
		t.row(append(cells, note)...)
	}
	return c.printRows(t, "no venue has a book of it")
}

// legs prints a line per leg, then the whole.
func (c *cli) legs(ctx context.Context, path string, q url.Values) error {
	if c.output != "table" {
		return c.fetch(ctx, path, q)
	}
	type leg struct{ Venue, Pair, Qty, Value, Fee, Rate, Cost, Average, Worst string }
	var r struct {
		Asked, Filled, Cost, Average string
		Complete                     bool
		Legs                         []leg
		Best                         *leg     `json:"best_single"`
		LeftOut                      []string `json:"left_out"`
	}
	if err := c.read(ctx, path, q, &r); err != nil {
		return err
	}
	t := newTable("venue", "pair", "qty", "average", "worst", "fee", "rate", "cost")
	for _, l := range r.Legs {
		t.row(l.Venue, l.Pair, l.Qty, l.Average, l.Worst, l.Fee, l.Rate, l.Cost)
	}
	t.row("all", "", r.Filled, r.Average, "", "", "", r.Cost)
	if r.Best != nil {
		t.row("best alone: "+r.Best.Venue, r.Best.Pair, r.Best.Qty, r.Best.Average, r.Best.Worst, r.Best.Fee, r.Best.Rate, r.Best.Cost)
	}
	if err := c.printRows(t, ""); err != nil {
		return err
	}
	if !r.Complete {
		fmt.Fprintf(c.err, "%s of %s could be filled\n", r.Filled, r.Asked)
	}
	for _, x := range r.LeftOut {
		fmt.Fprintln(c.err, "left out:", x)
	}
	return nil
}
