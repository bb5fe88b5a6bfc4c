package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/anomaly"
	"github.com/assayhq/assay/access/gate"
	"github.com/assayhq/assay/access/watch"
)

// alertCmd shows and answers what looks like abuse.
func (c *cli) alertCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use: "alert", Short: "Show and answer what looks like abuse of keys", Args: cobra.NoArgs,
		Long: "A server watches how keys are used and keeps an alert for each incident: a key at work where it\n" +
			"never was, a burst, ids being guessed, a rotation that leaves a client behind. An alert proposes\n" +
			"one step; none is taken without asking unless the setting anomalies.act allows it.\n" +
			"docs/operate/anomalies.md says what each class means and what to do.",
		Example: "  assay alert list --state open\n  assay alert show alr_019c0a4b2e8f1d2c3b4a5968\n  assay alert dismiss alr_019c0a4b2e8f1d2c3b4a5968",
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.alertList(), c.alertShow(),
		c.alertAnswer("ack ALERT", "Note that an alert was seen; what was done without asking stays done", "assay alert ack", watch.Acknowledged),
		c.alertAnswer("dismiss ALERT", "Note that an alert was no abuse, and undo what was done without asking", "assay alert dismiss", watch.Dismissed))
	return cmd
}

// withDesk runs f with the alerts of the control plane.
func (c *cli) withDesk(f func(watch.Desk) error) error {
	return c.withKeys(func(store access.Store, g *gate.Gate) error { return f(watch.Desk{Store: store, Gate: g}) })
}

func (c *cli) alertList() *cobra.Command {
	var f watch.Filter
	var state, class, severity string
	cmd := &cobra.Command{
		Use: "list", Short: "List alerts, those with the latest evidence first", Args: cobra.NoArgs, Example: "  assay alert list --state open --severity high",
		RunE: func(cmd *cobra.Command, _ []string) error {
			f.State, f.Class = watch.State(state), anomaly.Class(class)
			if state != "" && f.State != watch.Open && f.State != watch.Acknowledged && f.State != watch.Dismissed {
				return usageError{fmt.Errorf("--state %q: write open, acknowledged or dismissed", state)}
			}
			for severity != "" && f.Severity.String() != severity {
				if f.Severity++; f.Severity > anomaly.Critical {
					return usageError{fmt.Errorf("--severity %q: write medium, high or critical", severity)}
				}
			}
			return c.withDesk(func(d watch.Desk) error {
				list, err := d.List(cmd.Context(), f)
				if err != nil {
					return err
				}
				t := newTable("alert", "latest (UTC)", "severity", "class", "about", "org/app", "state", "proposed", "step", "times")
				for i := range list {
					a := &list[i]
					if c.inJSON() {
						if err := writeJSON(c.out, a); err != nil {
							return err
						}
						continue
					}
					t.row(a.ID, when(a.Last), a.Severity, string(a.Class), a.Subject, a.Org+"/"+a.App, string(a.State), string(a.Proposed), stepOf(a), a.Count)
				}
				return c.printRows(t, "there are no such alerts")
			})
		},
	}
	cmd.Flags().StringVar(&f.Org, "org", "", "only of this organisation")
	cmd.Flags().StringVar(&state, "state", "", "open, acknowledged or dismissed")
	cmd.Flags().StringVar(&class, "class", "", "only of this class, such as stolen_key")
	cmd.Flags().StringVar(&severity, "severity", "", "at least medium, high or critical")
	cmd.Flags().StringVar(&f.Key, "key", "", "only about this key")
	cmd.Flags().StringVar(&f.Ring, "ring", "", "only about this ring")
	return cmd
}

func stepOf(a *watch.Alert) string {
	if a.Taken == nil {
		return "-"
	}
	return string(a.Taken.Step) + ", " + string(a.Taken.Outcome)
}

func (c *cli) alertShow() *cobra.Command {
	return &cobra.Command{
		Use: "show ALERT", Short: "Show one alert with the features that led to it", Args: cobra.ExactArgs(1), Example: "  assay alert show alr_019c0a4b2e8f1d2c3b4a5968",
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withDesk(func(d watch.Desk) error {
				a, err := d.Get(cmd.Context(), "", args[0])
				if err != nil {
					return err
				}
				return c.printAlert(&a)
			})
		},
	}
}

func (c *cli) alertAnswer(use, short, example string, to watch.State) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Args: cobra.ExactArgs(1), Example: "  " + example + " alr_019c0a4b2e8f1d2c3b4a5968",
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withDesk(func(d watch.Desk) error {
				answer := d.Acknowledge
				if to == watch.Dismissed {
					answer = d.Dismiss
				}
				a, err := answer(cmd.Context(), operator, "", args[0])
				if err != nil {
					return err
				}
				return c.printAlert(&a)
			})
		},
	}
}

func (c *cli) printAlert(a *watch.Alert) error {
	if c.inJSON() {
		return writeJSON(c.out, a)
	}
	t := newTable("field", "value")
	row := func(name, v string) {
		if v != "" {
			t.row(name, v)
		}
	}
	row("alert", a.ID)
	row("class", fmt.Sprintf("%s, %s, score %.2f", a.Class, a.Severity, a.Score))
	row("state", strings.TrimSpace(string(a.State)+" "+a.By))
	row("about", a.Subject)
	row("key", a.Key)
	row("ring", a.Ring)
	row("org/app", a.Org+"/"+a.App)
	row("first (UTC)", when(a.At))
	row("latest (UTC)", fmt.Sprintf("%s, told %d times by %s", when(a.Last), a.Count, strings.Join(a.Nodes, ", ")))
	for _, r := range a.Reasons {
		row("because", fmt.Sprintf("%s %.4g, usual %.4g: %s", r.Feature, r.Seen, r.Expected, r.Why))
	}
	for _, e := range a.Evidence {
		row("seen", e)
	}
	row("proposed", string(a.Proposed))
	if x := a.Taken; x != nil {
		row("step", strings.TrimSuffix(stepOf(a)+": "+x.Detail, ": "))
		row("undo", x.Undo)
		if !x.Until.IsZero() {
			row("undo until", x.Until.UTC().Format(time.RFC3339))
		}
	}
	if c.output == "csv" {
		return t.csv(c.out)
	}
	return t.print(c.out)
}
