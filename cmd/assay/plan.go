package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/assayhq/assay/access/gate"
	"github.com/assayhq/assay/access/limit"
	"github.com/assayhq/assay/fault"
)

// maxPlanFile bounds a file of plans; limit reads no longer one either.
const maxPlanFile = 1 << 20

func (c *cli) plans() *cobra.Command {
	cmd := &cobra.Command{
		Use: "plan", Short: "List and change the plans that apps can be given", Args: cobra.NoArgs,
		Long: "A plan says how much an app may use: rate and burst in units per second, units per day and\n" +
			"month (UTC), requests, streams and subscriptions at the same time. free, pro, business and\n" +
			"enterprise come with Assay. A change has a higher version, holds for all apps of the plan at\n" +
			"once, and gives nobody back what was used.",
		Example: "  assay plan list\n  assay plan show pro -o json > pro.json   # edit it, raise its version\n  assay plan set pro.json",
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.planList(), c.planShow(), c.planSet())
	return cmd
}

func (c *cli) planList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the plans in force", Args: cobra.NoArgs, Example: "  assay plan list",
		RunE: func(*cobra.Command, []string) error {
			return c.withGate(func(g *gate.Gate) error {
				all := g.Plans()
				var list []limit.Plan
				for _, name := range slices.Sorted(maps.Keys(all)) {
					list = append(list, all[name])
				}
				return c.printPlans(list)
			})
		},
	}
}

func (c *cli) planShow() *cobra.Command {
	return &cobra.Command{
		Use: "show NAME", Short: "Show a plan with what it costs; -o json prints the file that set reads", Args: cobra.ExactArgs(1),
		Example: "  assay plan show pro\n  assay plan show pro -o json > pro.json",
		RunE: func(_ *cobra.Command, args []string) error {
			return c.withGate(func(g *gate.Gate) error {
				all := g.Plans()
				p, ok := all[args[0]]
				if !ok {
					return fault.New(fault.Unknown, "there is no plan %q; there are %s", args[0], strings.Join(slices.Sorted(maps.Keys(all)), ", "))
				}
				return c.printPlan(p)
			})
		},
	}
}

func (c *cli) planSet() *cobra.Command {
	return &cobra.Command{
		Use: "set FILE.json", Short: "Make or change a plan; - reads standard input", Args: cobra.ExactArgs(1),
		Long: "The file holds one plan, or {\"plans\": [...]} with several, which are set one after another. A\n" +
			"limit of 0, or one that is left out, is unlimited. The version must be above that of the plan\n" +
			"in force; the same plan again changes nothing.",
		Example: "  assay plan set pro.json\n  assay plan show pro -o json | sed 's/\"version\":1/\"version\":2/' | assay plan set -",
		RunE: func(cmd *cobra.Command, args []string) error {
			list, err := readPlans(args[0], cmd.InOrStdin())
			if err != nil {
				return err
			}
			return c.withGate(func(g *gate.Gate) error {
				for _, p := range list {
					if err := g.SetPlan(cmd.Context(), operator, p); err != nil {
						return err
					}
				}
				if len(list) == 1 {
					return c.printPlan(list[0])
				}
				return c.printPlans(list)
			})
		},
	}
}

// readPlans reads one plan or several, by name.
func readPlans(name string, stdin io.Reader) ([]limit.Plan, error) {
	in := stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, fault.Wrap(fault.Invalid, err, "the file %s cannot be opened: %v", name, err)
		}
		defer f.Close()
		in = f
	}
	b, err := io.ReadAll(io.LimitReader(in, maxPlanFile+1))
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "%s cannot be read: %v", name, err)
	}
	var several struct {
		Plans json.RawMessage `json:"plans"`
	}
	if json.Unmarshal(b, &several) == nil && several.Plans == nil {
		b = slices.Concat([]byte(`{"plans":[`), b, []byte(`]}`))
	}
	all, err := limit.ParsePlans(b)
	if err != nil {
		return nil, fault.Wrap(fault.Of(err), err, "%s: %s", name, planSentence(err))
	}
	var list []limit.Plan
	for _, n := range slices.Sorted(maps.Keys(all)) {
		list = append(list, all[n])
	}
	return list, nil
}

// planSentence is what is wrong with a plan, with its place.
func planSentence(err error) string {
	if f := fault.Field(err); f != "" {
		return f + " " + fault.Public(err)
	}
	return fault.Public(err)
}

// amount writes a limit: 0 is unlimited.
func amount(n int64) string {
	if n == 0 {
		return "unlimited"
	}
	return fmt.Sprint(n)
}

// rateText writes a rate with its burst.
func rateText(p *limit.Plan) string {
	if p.Rate == 0 {
		return "unlimited"
	}
	return fmt.Sprintf("%d/s, %d at once", p.Rate, p.Burst)
}

// history writes how far back data may be read.
func history(s limit.Span) string {
	switch d := time.Duration(s); {
	case d == 0:
		return "all"
	case d%(24*time.Hour) == 0:
		return fmt.Sprintf("%d days", d/(24*time.Hour))
	default:
		return d.String()
	}
}

func (c *cli) printPlans(list []limit.Plan) error {
	t := newTable("plan", "version", "units", "a day (UTC)", "a month (UTC)", "requests at once", "streams", "subscriptions", "history")
	for _, p := range list {
		if c.inJSON() {
			if err := writeJSON(c.out, p); err != nil {
				return err
			}
			continue
		}
		t.row(p.Name, p.Version, rateText(&p), amount(p.Daily), amount(p.Monthly), amount(p.Concurrency), amount(p.Connections), amount(p.Subscriptions), history(p.History))
	}
	return c.printRows(t, "there are no plans; `assay plan set FILE.json` makes one")
}

func (c *cli) printPlan(p limit.Plan) error {
	if err := c.printPlans([]limit.Plan{p}); err != nil || c.output != "table" || len(p.Weights) == 0 {
		return err
	}
	t := newTable("class", "units a request")
	for _, class := range slices.Sorted(maps.Keys(p.Weights)) {
		t.row(class, p.Weights[class])
	}
	fmt.Fprintln(c.out)
	return t.print(c.out)
}
