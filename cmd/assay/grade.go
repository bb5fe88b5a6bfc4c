package main

import (
	"errors"
	"net/url"
	"strings"

	"github.com/spf13/cobra"
)

func (c *cli) grade() *cobra.Command {
	var kind string
	var record, past, formulas bool
	cmd := &cobra.Command{
		Use: "grade [ASSET...]", Short: "Print grades of a running server, and how they did",
		Long: `Grade prints statistics from 0 to 100 by open formulas: of one asset every kind, of
several or all one kind. An empty value had too little input; coverage is the part of
the formula that had input, and "missing" says how to give the rest (-o json tells all
of it). Times are UTC.
Not financial advice.

--record tells how grades went with what prices did next: the mean rank correlation
(ic), its error by bootstrap of weeks, and how many days it counts.`,
		Example: "  assay grade BTC\n  assay grade --kind quant BTC ETH\n  assay grade --history BTC\n  assay grade --record\n  assay grade --formulas -o json",
		RunE: func(cmd *cobra.Command, args []string) error {
			q := url.Values{}
			if cmd.Flags().Changed("kind") || len(args) != 1 && !record {
				q.Set("kind", kind)
			}
			switch {
			case formulas:
				return c.fetch(cmd.Context(), "/v1/grades/formulas", url.Values{}, "kind", "formula", "version", "horizon", "text")
			case record:
				return c.fetch(cmd.Context(), "/v1/grades/record", q, "kind", "version", "basis", "horizon", "ic", "error", "low", "high", "days", "n", "hits", "calls", "caveat")
			case past:
				if len(args) != 1 {
					return usageError{errors.New("--history takes one asset")}
				}
				return c.fetch(cmd.Context(), "/v1/grades/"+url.PathEscape(args[0])+"/history", q, "ts", "value", "band", "coverage", "written", "formula", "version")
			case len(args) == 1 && !q.Has("kind"):
				return c.fetch(cmd.Context(), "/v1/grades/"+url.PathEscape(args[0]), q, "kind", "value", "change", "band", "trend", "coverage", "ts", "missing")
			}
			if len(args) > 0 {
				q.Set("assets", strings.Join(args, ","))
			}
			return c.fetch(cmd.Context(), "/v1/grades", q, "asset", "kind", "value", "change", "band", "trend", "coverage", "ts", "missing")
		},
	}
	cmd.AddCommand(c.manual("grade", "grade doc docs/insight/grades", gradePages))
	f := cmd.Flags()
	f.StringVar(&kind, "kind", "trader", "trader, investor, technology, valuation, fundamental, combined, ta, quant, quant-long or liquidity")
	f.BoolVar(&record, "record", false, "how grades did")
	f.BoolVar(&past, "history", false, "past grades of one asset")
	f.BoolVar(&formulas, "formulas", false, "the formulas")
	c.clientFlags(cmd)
	return cmd
}
