package main

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"github.com/spf13/cobra"
)

// scored is what the table of venues shows of an answer of /v1/scores.
type scored struct {
	Venue  string   `json:"venue"`
	Pair   *string  `json:"pair"`
	Uptime *float64 `json:"uptime"`
	Lag    *spread  `json:"lag_ms"`
	Clock  *struct {
		Ms float64 `json:"offset_ms"`
	} `json:"clock"`
	Gaps     int64   `json:"gaps"`
	OpenGaps int64   `json:"open_gaps"`
	Repaired int64   `json:"repaired"`
	Spread   *spread `json:"spread_bps"`
	Depth    *struct {
		Bid float64 `json:"bid"`
		Ask float64 `json:"ask"`
	} `json:"depth_100bps"`
	Away      *spread  `json:"away_bps"`
	Frozen    *float64 `json:"frozen"`
	Trades    int64    `json:"trades"`
	Outliers  *float64 `json:"outliers"`
	Astray    *float64 `json:"astray"`
	Side      *float64 `json:"side_agrees"`
	BarsEqual *float64 `json:"bars_equal"`
	Strange   int64    `json:"strange"`
	Wash      struct {
		Benford *float64 `json:"benford"`
		Round   *float64 `json:"round"`
		Echo    *float64 `json:"echo"`
	} `json:"wash"`
}

type spread struct {
	P50 float64 `json:"p50"`
	P99 float64 `json:"p99"`
}

func (c *cli) venues() *cobra.Command {
	var pair string
	cmd := &cobra.Command{
		Use: "venues [VENUE]", Short: "Print how the venues of a running server behave", Args: cobra.MaximumNArgs(1),
		Long: `Venues prints what was measured over the last day at most: uptime, lag and clock in
milliseconds, gaps and how many were filled, spread and distance from the consensus in
basis points, prints that were far off, sides against the book, our candles against the
venue's own. With --pair the venues are compared in that pair, with the value resting
within one percent of the middle and hints at wash trading. These are facts, no verdict;
an empty cell was not measured. -o json has all of it.`,
		Example: "  assay venues\n  assay venues --pair BTC-USDT\n  assay venues kraken -o json",
		RunE: func(cmd *cobra.Command, args []string) error {
			q := url.Values{}
			if len(args) > 0 {
				q.Set("venue", strings.ToLower(args[0]))
			}
			if pair != "" {
				q.Set("pair", strings.ToUpper(pair))
			}
			return c.scores(cmd.Context(), q, pair != "")
		},
	}
	cmd.AddCommand(c.manual("exchange", "venues doc docs/venues", func() (map[string][]byte, error) { return venuePages("market/venue") }))
	cmd.Flags().StringVar(&pair, "pair", "", "compare the venues in this pair")
	c.clientFlags(cmd)
	return cmd
}

func (c *cli) scores(ctx context.Context, q url.Values, pair bool) error {
	if c.output != "table" {
		return c.fetch(ctx, "/v1/scores", q)
	}
	var list []scored
	if err := c.read(ctx, "/v1/scores", q, &list); err != nil {
		return err
	}
	head := []string{"venue", "uptime", "lag p50", "p99", "clock", "gaps", "open", "filled", "spread", "away", "trades", "far off", "side ok", "bars ok", "strange"}
	if pair {
		head = []string{"venue", "uptime", "lag p50", "p99", "gaps", "spread p50", "p99", "away", "frozen", "bid 1%", "ask 1%", "trades", "far off", "side ok", "benford", "round", "echo"}
	}
	t := newTable(head...)
	for i := range list {
		x := &list[i]
		far := x.Outliers
		if x.Astray != nil && (far == nil || *x.Astray > *far) {
			far = x.Astray
		}
		if !pair {
			clock := ""
			if x.Clock != nil {
				clock = fmt.Sprintf("%+.0f", x.Clock.Ms)
			}
			t.row(x.Venue, percent(x.Uptime), p50(x.Lag), p99(x.Lag), clock, x.Gaps, x.OpenGaps, x.Repaired, p50(x.Spread), p50(x.Away), x.Trades, percent(far), percent(x.Side), percent(x.BarsEqual), x.Strange)
			continue
		}
		bid, ask := "", ""
		if x.Depth != nil {
			bid, ask = fmt.Sprintf("%.0f", x.Depth.Bid), fmt.Sprintf("%.0f", x.Depth.Ask)
		}
		t.row(x.Venue, percent(x.Uptime), p50(x.Lag), p99(x.Lag), x.Gaps, p50(x.Spread), p99(x.Spread), p50(x.Away), percent(x.Frozen), bid, ask, x.Trades, percent(far), percent(x.Side), four(x.Wash.Benford), percent(x.Wash.Round), percent(x.Wash.Echo))
	}
	return c.printRows(t, "no venue has been watched yet")
}

func percent(v *float64) string {
	if v == nil {
		return ""
	}
	return fmt.Sprintf("%.2f%%", *v*100)
}

func four(v *float64) string {
	if v == nil {
		return ""
	}
	return fmt.Sprintf("%.4f", *v)
}

func p50(s *spread) string {
	if s == nil {
		return ""
	}
	return fmt.Sprintf("%.2f", s.P50)
}

func p99(s *spread) string {
	if s == nil {
		return ""
	}
	return fmt.Sprintf("%.2f", s.P99)
}
