package main

import (
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"
)

// gapRow is a gap as the server tells it.
type gapRow struct {
	ID       string     `json:"id"`
	Venue    string     `json:"venue"`
	Pair     *string    `json:"pair"`
	Channel  *string    `json:"channel"`
	Kind     string     `json:"kind"`
	From     time.Time  `json:"from"`
	To       *time.Time `json:"to"`
	Missing  *int64     `json:"missing"`
	Detail   string     `json:"detail"`
	Repaired *time.Time `json:"repaired_at"`
	Restored int64      `json:"restored"`
	By       *string    `json:"repaired_by"`
}

func (c *cli) gapsCmd() *cobra.Command {
	var venue, pair, start, end string
	var open, summary bool
	var limit int
	cmd := &cobra.Command{
		Use: "gaps", Short: "When data was missing at a running server, and how that was made good", Args: cobra.NoArgs,
		Example: "  assay gaps --venue kraken\n  assay gaps --open\n  assay gaps --summary\n  assay gaps --start 2026-11-01 -o csv",
		RunE: func(cmd *cobra.Command, _ []string) error {
			q := url.Values{}
			for k, v := range map[string]string{"venue": venue, "pair": pair, "start": start, "end": end} {
				if v != "" {
					q.Set(k, v)
				}
			}
			if summary {
				return c.fetch(cmd.Context(), "/v1/gaps/summary", q, "venue", "gaps", "open", "closed", "repaired", "seconds_missing", "trades_restored", "oldest_open")
			}
			if open {
				q.Set("open", "true")
			}
			q.Set("limit", fmt.Sprint(limit))
			if c.output != "table" {
				return c.fetch(cmd.Context(), "/v1/gaps", q)
			}
			var list []gapRow
			if err := c.read(cmd.Context(), "/v1/gaps", q, &list); err != nil {
				return err
			}
			return c.printGaps(list)
		},
	}
	f := cmd.Flags()
	f.StringVar(&venue, "venue", "", "only of this exchange")
	f.StringVar(&pair, "pair", "", "only of this pair")
	f.StringVar(&start, "start", "", "first time, inclusive (default: 24 hours ago)")
	f.StringVar(&end, "end", "", "last time, exclusive")
	f.BoolVar(&open, "open", false, "only those that are not over")
	f.BoolVar(&summary, "summary", false, "what they come to, per exchange")
	f.IntVar(&limit, "limit", 500, "how many at most")
	c.clientFlags(cmd)
	cmd.AddCommand(c.gapsRepair())
	return cmd
}

func (c *cli) gapsRepair() *cobra.Command {
	cmd := &cobra.Command{
		Use: "repair ID", Short: "Try again to fill a gap of trades", Args: cobra.ExactArgs(1),
		Long:    "Repair has the server ask the exchange now for the trades that a gap misses. Where the\nexchange does not reach back that far, its one-minute candles take the place of our\nincomplete ones.",
		Example: "  assay gaps repair 'kraken|kraken.ws.1#0|||disconnect|1790000000000000000'",
		RunE: func(cmd *cobra.Command, args []string) error {
			var list []gapRow
			if err := c.tellServer(cmd.Context(), http.MethodPost, "/v1/gaps/"+url.PathEscape(args[0])+"/repair", nil, &list); err != nil {
				return err
			}
			if c.inJSON() {
				return writeJSON(c.out, list)
			}
			return c.printGaps(list)
		},
	}
	c.clientFlags(cmd)
	return cmd
}

func (c *cli) printGaps(list []gapRow) error {
	text := func(s *string) string {
		if s == nil {
			return "all"
		}
		return *s
	}
	t := newTable("from", "lasted", "venue", "pair", "channel", "kind", "missing", "repaired by", "restored", "id")
	for i := range list {
		g := &list[i]
		lasted, missing, by := "open", "", "-"
		if g.To != nil {
			lasted = g.To.Sub(g.From).Round(time.Millisecond).String()
		}
		if g.Missing != nil {
			missing = fmt.Sprint(*g.Missing)
		}
		switch {
		case g.By != nil:
			by = *g.By
		case g.Repaired != nil:
			by = "yes"
		}
		t.row(g.From.UTC().Format("2006-01-02 15:04:05"), lasted, g.Venue, text(g.Pair), text(g.Channel), g.Kind, missing, by, g.Restored, g.ID)
	}
	return c.printRows(t, "no gap is known")
}
