package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/assayhq/assay/access/compliance"
	"github.com/assayhq/assay/access/gate"
	"github.com/assayhq/assay/api"
)

// complianceCmd writes the report for auditors, and records access reviews.
func (c *cli) complianceCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use: "compliance", Short: "The report for auditors: keys, rotations, revocations, findings", Args: cobra.NoArgs,
		Long: "The report tells the age, last use, end and scopes of every key, how long old and new keys\n" +
			"overlapped in each rotation, the receipts of revocations, and what the CIS rules ask to be\n" +
			"looked at: keys unused for 45 and 90 days, keys older than 90 days, keys without an end.\n" +
			"docs/security/compliance.md maps it to SOC 2, HIPAA, GDPR and PCI DSS; it certifies nothing.",
		Example: "  assay compliance export\n  assay compliance export --format csv > keys.csv\n  assay compliance review --org acme --note \"all keys of Q4 looked at\"",
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.complianceExport(), c.complianceReview())
	return cmd
}

func (c *cli) complianceExport() *cobra.Command {
	var org, format string
	cmd := &cobra.Command{
		Use: "export", Short: "Print the report from this server's control plane", Args: cobra.NoArgs,
		Long: "json is what GET /v1/compliance answers as data, with its schema in the OpenAPI document.\n" +
			"csv is one row per key. The order is fixed: the same state gives the same report.",
		Example: "  assay compliance export --org acme\n  assay compliance export --format json > report.json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if format == "" {
				format = c.output
			}
			return c.withGate(func(g *gate.Gate) error { return c.printCompliance(cmd.Context(), g, org, format) })
		},
	}
	cmd.Flags().StringVar(&org, "org", "", "only of this organisation")
	cmd.Flags().StringVar(&format, "format", "", "table, json or csv (default: as -o says)")
	return cmd
}

func (c *cli) printCompliance(ctx context.Context, g *gate.Gate, org, format string) error {
	r, err := compliance.Make(ctx, g, org)
	if err != nil {
		return err
	}
	out := api.ComplianceOf(r)
	found := map[string][]string{}
	for _, f := range out.Findings {
		found[f.Key] = append(found[f.Key], f.Rule)
	}
	t := newTable("key", "ring", "version", "name", "org", "app", "env", "state", "age d", "idle d", "last used", "expires", "findings")
	for _, k := range out.Keys {
		t.row(k.ID, k.Ring, k.Version, k.Name, k.Org, k.App, k.Env, k.State, k.AgeDays, k.IdleDays, whenever(k.LastUsed), whenever(k.Expires), or(strings.Join(found[k.ID], " "), "-"))
	}
	switch format {
	case "json", "jsonl":
		e := json.NewEncoder(c.out)
		e.SetEscapeHTML(false)
		if format == "json" {
			e.SetIndent("", "  ")
		}
		return e.Encode(out)
	case "csv":
		return t.csv(c.out)
	case "table":
	default:
		return usageError{fmt.Errorf("--format %q: write table, json or csv", format)}
	}
	if len(out.Keys) == 0 {
		fmt.Fprintln(c.err, "there are no keys")
		return nil
	}
	if err := t.print(c.out); err != nil {
		return err
	}
	return c.printHistory(&out)
}

func (c *cli) printHistory(out *api.Compliance) error {
	if len(out.Rotations) > 0 {
		t := newTable("rotation", "ring", "to", "began", "confirmed", "ended", "end", "overlap")
		for _, x := range out.Rotations {
			end := "under way"
			if x.End != nil {
				end = *x.End
			}
			t.row(x.ID, x.Ring, x.To, when(x.Began), whenever(x.Confirmed), whenever(x.Ended), end, time.Duration(x.Overlap)*time.Second)
		}
		if err := part(c.out, t); err != nil {
			return err
		}
	}
	if len(out.Revocations) > 0 {
		t := newTable("receipt", "by", "keys", "cause", "issued", "completed", "took ms", "acked", "fenced", "pending")
		for _, x := range out.Revocations {
			t.row(x.Seq, x.Actor, len(x.Keys), x.Cause, whenever(x.Issued), when(x.Completed), x.TookMS, x.Acked, x.Fenced, x.Pending)
		}
		if err := part(c.out, t); err != nil {
			return err
		}
	}
	if len(out.Reviews) > 0 {
		t := newTable("review", "at", "by", "note")
		for _, x := range out.Reviews {
			t.row(x.Seq, when(x.At), x.Actor, x.Note)
		}
		if err := part(c.out, t); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(c.out, "\n%d keys, %d findings; times in UTC, made %s\n", len(out.Keys), len(out.Findings), when(out.Made))
	return err
}

// part prints a further table, apart from the one before.
func part(w io.Writer, t *table) error {
	if _, err := fmt.Fprintln(w); err != nil {
		return err
	}
	return t.print(w)
}

func whenever(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return when(*t)
}

func (c *cli) complianceReview() *cobra.Command {
	var org, note string
	cmd := &cobra.Command{
		Use: "review", Short: "Record in the audit log that access was reviewed", Args: cobra.NoArgs,
		Example: "  assay compliance review --org acme --note \"keys and roles of Q4 looked at, two revoked\"",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if note == "" {
				return usageError{fmt.Errorf("--note is missing: say what was looked at")}
			}
			if len(note) > 500 {
				return usageError{fmt.Errorf("--note has %d bytes; at most 500", len(note))}
			}
			return c.withGate(func(g *gate.Gate) error {
				if err := g.Reviewed(cmd.Context(), operator, org, note); err != nil {
					return err
				}
				fmt.Fprintln(c.err, "noted in the audit log; `assay compliance export` lists reviews")
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&org, "org", "", "organisation whose access was reviewed; empty: all")
	cmd.Flags().StringVar(&note, "note", "", "what was looked at, at most 500 bytes")
	return cmd
}
