package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/assayhq/assay/access/gate"
	"github.com/assayhq/assay/access/limit"
	"github.com/assayhq/assay/fault"
)

// appRow is an app as it is printed. In every limit 0 is unlimited.
type appRow struct {
	Org           string `json:"org"`
	App           string `json:"app"`
	Plan          string `json:"plan,omitempty"`
	Version       int    `json:"plan_version,omitempty"`
	OwnRate       int    `json:"own_rate,omitempty"`
	OwnBurst      int    `json:"own_burst,omitempty"`
	Rate          int64  `json:"rate"`
	Burst         int64  `json:"burst"`
	Daily         int64  `json:"daily_units"`
	Monthly       int64  `json:"monthly_units"`
	Concurrency   int64  `json:"concurrency"`
	Connections   int64  `json:"connections"`
	Subscriptions int64  `json:"subscriptions"`
	History       string `json:"history"`
}

func appRowOf(s *gate.Standing) appRow {
	p := &s.Limits
	return appRow{s.Org, s.Name, p.Name, p.Version, s.Rate, s.App.Burst, p.Rate, p.Burst, p.Daily, p.Monthly, p.Concurrency, p.Connections, p.Subscriptions, time.Duration(p.History).String()}
}

func (c *cli) apps() *cobra.Command {
	cmd := &cobra.Command{
		Use: "app", Short: "List apps, and give them plans and rates", Args: cobra.NoArgs,
		Long: "An app is what several keys share: its plan, rate and burst. `assay key create --app NAME` makes\n" +
			"one. What it has used is told by `assay usage`, what is left of its limits by GET /v1/apps/NAME.",
		Example: "  assay app list\n  assay app set bots --plan pro\n  assay app show bots",
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.appList(), c.appShow(), c.appSet())
	return cmd
}

func (c *cli) appList() *cobra.Command {
	var org string
	cmd := &cobra.Command{
		Use: "list", Short: "List the apps with their limits", Args: cobra.NoArgs, Example: "  assay app list --org acme",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.withGate(func(g *gate.Gate) error {
				list, err := g.Apps(cmd.Context(), org)
				if err != nil {
					return err
				}
				return c.printApps(list)
			})
		},
	}
	cmd.Flags().StringVar(&org, "org", "", "only of this organisation")
	return cmd
}

func (c *cli) appShow() *cobra.Command {
	var org string
	cmd := &cobra.Command{
		Use: "show NAME", Short: "Show an app with its limits", Args: cobra.ExactArgs(1), Example: "  assay app show bots --org acme",
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withGate(func(g *gate.Gate) error { return c.showApp(cmd.Context(), g, org, args[0]) })
		},
	}
	cmd.Flags().StringVar(&org, "org", "default", "organisation that it belongs to")
	return cmd
}

func (c *cli) appSet() *cobra.Command {
	var org, plan string
	var rate, burst int
	var ahead bool
	cmd := &cobra.Command{
		Use: "set NAME", Short: "Give an app a plan, or a rate and burst of its own", Args: cobra.ExactArgs(1),
		Long: "What is not given stays as it is. --plan \"\" takes the plan away: then the installation's default\n" +
			"rate holds and nothing else is limited. --rate 0 and --burst 0 are the plan's own. It holds at\n" +
			"once on every server, and gives nobody back what was used.",
		Example: "  assay app set bots --plan pro\n  assay app set bots --rate 20 --burst 100\n  assay app set bots --org acme --rate 0 --burst 0",
		RunE: func(cmd *cobra.Command, args []string) error {
			f := cmd.Flags()
			if !f.Changed("plan") && !f.Changed("rate") && !f.Changed("burst") {
				return usageError{fmt.Errorf("say what to set: --plan, --rate or --burst")}
			}
			return c.withGate(func(g *gate.Gate) error {
				if !ahead {
					if _, err := g.Standing(cmd.Context(), org, args[0]); err != nil {
						if fault.Of(err) == fault.Unknown {
							return fault.Wrap(fault.Unknown, err, "%s has no app %q yet; `assay key create --app` makes one, or add --ahead to give it limits before", org, args[0])
						}
						return err
					}
				}
				a, err := g.App(cmd.Context(), org, args[0])
				if err != nil {
					return err
				}
				if f.Changed("plan") {
					a.Plan = plan
				}
				if f.Changed("rate") {
					a.Rate = rate
				}
				if f.Changed("burst") {
					a.Burst = burst
				}
				if err := g.SetApp(cmd.Context(), operator, a); err != nil {
					return err
				}
				return c.showApp(cmd.Context(), g, org, args[0])
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&org, "org", "default", "organisation that it belongs to")
	f.StringVar(&plan, "plan", "", "name of a plan; \"\" is none")
	f.IntVar(&rate, "rate", 0, "units per second instead of the plan's; 0 is the plan's")
	f.IntVar(&burst, "burst", 0, "units at once instead of the plan's; 0 is the plan's, or twice the rate")
	f.BoolVar(&ahead, "ahead", false, "also when it has no keys yet")
	return cmd
}

func (c *cli) showApp(ctx context.Context, g *gate.Gate, org, name string) error {
	s, err := g.Standing(ctx, org, name)
	if err != nil {
		return err
	}
	return c.printApps([]gate.Standing{s})
}

func (c *cli) printApps(list []gate.Standing) error {
	t := newTable("org", "app", "plan", "units", "a day (UTC)", "a month (UTC)", "requests at once", "streams", "subscriptions", "history")
	for i := range list {
		if c.inJSON() {
			if err := writeJSON(c.out, appRowOf(&list[i])); err != nil {
				return err
			}
			continue
		}
		p := &list[i].Limits
		name := "none"
		if p.Name != "" {
			name = fmt.Sprintf("%s v%d", p.Name, p.Version)
		}
		t.row(list[i].Org, list[i].Name, name, own(&list[i], p), amount(p.Daily), amount(p.Monthly), amount(p.Concurrency), amount(p.Connections), amount(p.Subscriptions), history(p.History))
	}
	return c.printRows(t, "there are no apps; `assay key create --name NAME --app APP` makes one")
}

// own is a rate, marked when it is the app's and not its plan's.
func own(s *gate.Standing, p *limit.Plan) string {
	if s.Rate > 0 || s.App.Burst > 0 {
		return rateText(p) + " (its own)"
	}
	return rateText(p)
}
