package main

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/gate"
	"github.com/assayhq/assay/app"
	"github.com/assayhq/assay/fault"
)

// withGate runs f with the keys of the data folder. A server that runs on the same
// folder notices changes within a second.
func (c *cli) withGate(f func(*gate.Gate) error) error {
	cfg, err := c.load(nil)
	if err != nil {
		return err
	}
	log := slog.New(slog.DiscardHandler)
	keys, err := app.OpenKeys(cfg, log)
	if err != nil {
		return err
	}
	defer keys.Close()
	g, err := app.OpenGate(keys, cfg, log)
	if err != nil {
		return err
	}
	return f(g)
}

type keyRow struct {
	ID       string   `json:"id"`
	Name     string   `json:"name"`
	Env      string   `json:"env"`
	Scopes   []string `json:"scopes"`
	Rate     int      `json:"rate_per_second"`
	State    string   `json:"state"`
	Created  string   `json:"created_at"`
	Expires  string   `json:"expires_at,omitempty"`
	LastUsed string   `json:"last_used_at,omitempty"`
	Token    string   `json:"token,omitempty"`
}

func rowOf(k *access.Key, now time.Time) keyRow {
	r := keyRow{ID: k.ID, Name: k.Name, Env: k.Env, Rate: k.Rate, State: "live", Created: k.Created.Format(time.RFC3339)}
	for _, s := range k.Scopes {
		r.Scopes = append(r.Scopes, string(s))
	}
	if !k.Expires.IsZero() {
		r.Expires = k.Expires.Format(time.RFC3339)
	}
	if !k.LastUsed.IsZero() {
		r.LastUsed = k.LastUsed.Format(time.RFC3339)
	}
	switch {
	case !k.Revoked.IsZero():
		r.State = "revoked"
	case !k.Live(now):
		r.State = "expired"
	}
	return r
}

func (c *cli) keys() *cobra.Command {
	cmd := &cobra.Command{
		Use: "key", Short: "Make, list and revoke API keys", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	var name, expires string
	var scopes []string
	var rate int
	create := &cobra.Command{
		Use: "create --name NAME", Short: "Make a key and print it, once", Args: cobra.NoArgs,
		Long:    "Create makes a key in the data folder. The token is printed once and stored nowhere.\n\nScopes:\n" + scopeHelp(),
		Example: "  assay key create --name laptop\n  assay key create --name bot --scope market:read --rate 20 --expires 720h",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if name == "" {
				return usageError{fmt.Errorf("--name is missing: what you will recognize the key by, such as laptop")}
			}
			spec := gate.Spec{Name: name, Rate: rate}
			for _, s := range scopes {
				spec.Scopes = append(spec.Scopes, access.Scope(s))
			}
			if expires != "" {
				at, err := expiry(expires, time.Now())
				if err != nil {
					return err
				}
				spec.Expires = at
			}
			return c.withGate(func(g *gate.Gate) error {
				token, k, err := g.Create(cmd.Context(), spec)
				if err != nil {
					return err
				}
				if c.output == "json" || c.output == "jsonl" {
					r := rowOf(&k, time.Now())
					r.Token = token
					return writeJSON(c.out, r)
				}
				fmt.Fprintln(c.out, token)
				if !c.quiet {
					fmt.Fprintf(c.err, "key %s (%s) made; keep the line above, it is not shown again\n", k.ID, k.Name)
				}
				return nil
			})
		},
	}
	create.Flags().StringVar(&name, "name", "", "what you will recognize it by")
	create.Flags().StringSliceVar(&scopes, "scope", []string{string(access.MarketRead), string(access.StreamRead)}, "what it may do")
	create.Flags().IntVar(&rate, "rate", 0, "requests per second (default 50)")
	create.Flags().StringVar(&expires, "expires", "", "when it ends: a duration such as 720h, a date or an RFC 3339 time")
	list := &cobra.Command{
		Use: "list", Short: "List the keys", Args: cobra.NoArgs, Example: "  assay key list -o json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.withGate(func(g *gate.Gate) error {
				keys, err := g.List(cmd.Context())
				if err != nil {
					return err
				}
				t := newTable("id", "name", "env", "scopes", "state", "created", "expires", "last used")
				for i := range keys {
					r := rowOf(&keys[i], time.Now())
					if c.output == "json" || c.output == "jsonl" {
						if err := writeJSON(c.out, r); err != nil {
							return err
						}
						continue
					}
					t.row(r.ID, r.Name, r.Env, strings.Join(r.Scopes, " "), r.State, r.Created, or(r.Expires, "never"), or(r.LastUsed, "never"))
				}
				switch c.output {
				case "table":
					if len(keys) == 0 {
						fmt.Fprintln(c.err, "there are no keys; `assay key create --name NAME` makes one")
						return nil
					}
					return t.print(c.out)
				case "csv":
					return t.csv(c.out)
				}
				return nil
			})
		},
	}
	var yes bool
	revoke := &cobra.Command{
		Use: "revoke ID", Short: "End a key for good", Args: cobra.ExactArgs(1), Example: "  assay key revoke 3Fq0XbT9LmA --yes",
		RunE: func(cmd *cobra.Command, args []string) error {
			if !yes {
				return usageError{fmt.Errorf("revoking cannot be undone and cuts its callers off; add --yes to do it")}
			}
			return c.withGate(func(g *gate.Gate) error {
				if err := g.Revoke(cmd.Context(), args[0]); err != nil {
					return err
				}
				fmt.Fprintf(c.err, "key %s is revoked; a running server refuses it within a second\n", args[0])
				return nil
			})
		},
	}
	revoke.Flags().BoolVar(&yes, "yes", false, "do it without asking")
	cmd.AddCommand(create, list, revoke)
	return cmd
}

func or(s, def string) string {
	if s == "" {
		return def
	}
	return s
}

func scopeHelp() string {
	var lines []string
	for s, what := range access.Scopes() {
		lines = append(lines, fmt.Sprintf("  %-12s %s", s, what))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// expiry reads a duration from now, a date, or a time.
func expiry(s string, now time.Time) (time.Time, error) {
	if d, err := time.ParseDuration(s); err == nil && d > 0 {
		return now.Add(d).UTC(), nil
	}
	for _, f := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(f, s); err == nil {
			if !t.After(now) {
				return t, fault.At(fault.Invalid, "expires", "%s is in the past", s)
			}
			return t.UTC(), nil
		}
	}
	return time.Time{}, fault.At(fault.Invalid, "expires", "%q is no duration, date or time; write 720h, 2027-01-31 or 2027-01-31T12:00:00Z", s)
}
