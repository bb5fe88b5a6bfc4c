package main

import (
	"context"
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

// operator is whoever has the data folder, or the control plane's address.
var operator = gate.By{Name: "cli"}

// withControl runs f with the control plane.
func (c *cli) withControl(f func(app.Config, access.Store) error) error {
	cfg, err := c.load(nil)
	if err != nil {
		return err
	}
	store, err := app.OpenControl(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer store.Close()
	return f(cfg, store)
}

// withKeys runs f with the control plane and its keys. Servers that share it notice
// changes at once, or within a quarter of a second.
func (c *cli) withKeys(f func(access.Store, *gate.Gate) error) error {
	return c.withControl(func(cfg app.Config, store access.Store) error {
		g, err := app.OpenGate(store, cfg, "", slog.New(slog.DiscardHandler))
		if err != nil {
			return err
		}
		return f(store, g)
	})
}

// withGate is withKeys for those that need the keys alone.
func (c *cli) withGate(f func(*gate.Gate) error) error {
	return c.withKeys(func(_ access.Store, g *gate.Gate) error { return f(g) })
}

type keyRow struct {
	ID        string   `json:"id"`
	Ring      string   `json:"ring"`
	Version   int      `json:"version"`
	Name      string   `json:"name"`
	Org       string   `json:"org"`
	App       string   `json:"app"`
	Env       string   `json:"env"`
	Scopes    []string `json:"scopes"`
	Networks  []string `json:"networks,omitempty"`
	State     string   `json:"state"`
	Created   string   `json:"created_at"`
	Confirmed string   `json:"confirmed_at,omitempty"`
	Expires   string   `json:"expires_at,omitempty"`
	RetireAt  string   `json:"retire_at,omitempty"`
	UndoUntil string   `json:"undo_until,omitempty"`
	LastUsed  string   `json:"last_used_at,omitempty"`
	Signer    string   `json:"signer,omitempty"`
	Token     string   `json:"token,omitempty"`
	Secret    string   `json:"signing_secret,omitempty"`
}

func when(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

func rowOf(r *access.Ring, k *access.Key, used, now time.Time) keyRow {
	row := keyRow{ID: k.ID, Ring: r.ID, Version: k.N, Name: r.Name, Org: r.Org, App: r.App, Env: r.Env, Scopes: access.Words(k.Scopes), State: k.Standing(now), Signer: k.Signer.String(),
		Created: when(k.Created), Confirmed: when(k.Confirmed), Expires: when(k.Expires), RetireAt: when(k.RetireAt), UndoUntil: when(k.UndoUntil), LastUsed: when(used)}
	for _, p := range k.Bounds.Networks {
		row.Networks = append(row.Networks, p.String())
	}
	return row
}

func (c *cli) inJSON() bool { return c.output == "json" || c.output == "jsonl" }

// printMade prints a new key: the token alone on standard output, so that it can be piped.
func (c *cli) printMade(m gate.Made, note string) error {
	if c.inJSON() {
		r := rowOf(m.Ring, m.Key, time.Time{}, time.Now())
		r.Token, r.Secret = m.Token, m.Secret
		return writeJSON(c.out, r)
	}
	fmt.Fprintln(c.out, m.Token)
	if m.Secret != "" {
		fmt.Fprintln(c.out, m.Secret)
		note += "; the second line is the secret that its requests are signed with"
	}
	if !c.quiet {
		fmt.Fprintf(c.err, "key %s is version %d of %s (%s)%s; keep what is above, it is not shown again\n", m.Key.ID, m.Key.N, m.Ring.ID, m.Ring.Name, note)
	}
	return nil
}

// printKeys prints the keys of rings as a table or lines.
func (c *cli) printKeys(ctx context.Context, g *gate.Gate, rings []access.Ring, all bool) error {
	t := newTable("ring", "v", "key", "name", "app", "env", "state", "scopes", "created", "ends", "last used")
	ids := make([]string, len(rings))
	for i := range rings {
		ids[i] = rings[i].ID
	}
	used, err := g.LastUse(ctx, ids...)
	if err != nil {
		return err
	}
	for i := range rings {
		r := &rings[i]
		for j := len(r.Keys) - 1; j >= 0; j-- {
			k := &r.Keys[j]
			if k.State.Terminal() && !all {
				continue
			}
			row := rowOf(r, k, used[k.ID], time.Now())
			if c.inJSON() {
				if err := writeJSON(c.out, row); err != nil {
					return err
				}
				continue
			}
			scopes := strings.Join(row.Scopes, " ")
			for name, set := range access.Presets() {
				if missing, ok := access.Subset(set, k.Scopes); missing == "" && ok && len(set) == len(k.Scopes) {
					scopes = name
				}
			}
			t.row(row.Ring, fmt.Sprint(row.Version), row.ID, row.Name, row.Org+"/"+row.App, row.Env, row.State, scopes, row.Created, or(row.RetireAt, or(row.Expires, "never")), or(row.LastUsed, "not seen"))
		}
	}
	return c.printRows(t, "there are no keys; `assay key create --name NAME` makes one")
}

func (c *cli) keys() *cobra.Command {
	cmd := &cobra.Command{
		Use: "key", Short: "Make, rotate and revoke API keys", Args: cobra.NoArgs,
		Long: "A ring is what you refer to, such as \"laptop\"; keys are its versions. Rotating makes a new\n" +
			"version while the old one goes on; the new one's first use sets the date from which the old\n" +
			"one is refused; stragglers names who still uses it. A key may be given wherever a ring is asked for.",
		Example: "  assay key create --name bot --scope trading --network 203.0.113.0/24 --sign hmac\n  assay key rotate ring_4kT...   # both keys work now\n  assay key stragglers ring_4kT...",
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.keyCreate(), c.keyList(), c.keyRing(), c.keyRotate(), c.keyConfirm(), c.keyRollback(), c.keyExtend(),
		c.keyRetire(), c.keyUndo(), c.keyRevoke(), c.keyStragglers(), c.keyRehearse(), c.keyPushTo(), c.keyJWKS())
	return cmd
}

func (c *cli) keyCreate() *cobra.Command {
	var spec gate.Spec
	var expires, deadline, push string
	var scopes, nets []string
	cmd := &cobra.Command{
		Use: "create --name NAME", Short: "Make a ring with its first key and print it, once", Args: cobra.NoArgs,
		Long:    "The token is printed once and stored nowhere.\n\nScopes, and the presets read-only, agent, trading and admin:\n" + scopeHelp(),
		Example: "  assay key create --name laptop\n  assay key create --name bot --app bots --scope read-only --rate 20 --expires 720h --every 2160h",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if spec.Name == "" {
				return usageError{fmt.Errorf("--name is missing: what you will recognize the key by, such as laptop")}
			}
			for _, s := range scopes {
				spec.Scopes = append(spec.Scopes, access.Scope(s))
			}
			var err error
			if spec.Bounds.Networks, err = networks(nets); err != nil {
				return err
			}
			if expires != "" {
				if spec.Expires, err = expiry(expires, time.Now()); err != nil {
					return err
				}
			}
			spec.Policy.Deadline = access.Deadline(deadline)
			if push != "" {
				if spec.Policy.Push, err = placeOf(push); err != nil {
					return err
				}
			}
			return c.withGate(func(g *gate.Gate) error {
				made, err := g.Create(cmd.Context(), operator, spec)
				if err != nil {
					return err
				}
				return c.printMade(made, "")
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&spec.Name, "name", "", "what you will recognize it by")
	f.StringVar(&spec.Org, "org", "", "organisation that owns it (default \"default\")")
	f.StringVar(&spec.App, "app", "", "app whose limit its requests count against (default \"default\")")
	f.StringVar(&spec.Env, "env", "", "live or test (default live)")
	f.StringSliceVar(&scopes, "scope", []string{"read-only"}, "what it may do: scopes or presets")
	f.StringSliceVar(&nets, "network", nil, "where it may be used from, such as 203.0.113.0/24 (default everywhere)")
	f.IntVar(&spec.Rate, "rate", 0, "requests per second of its app (default 50, or what the app has)")
	f.StringVar(&expires, "expires", "", "when it ends: a duration such as 720h, a date or an RFC 3339 time")
	f.StringVar(&spec.Sign, "sign", "", "who signs what its requests change: ed25519:PUBLIC, or hmac for a secret that is printed once; see assay sign (default nobody)")
	f.DurationVar(&spec.Policy.Overlap, "overlap", 0, "from a new key's first use to the refusal of the old one (default 168h, 24h with scopes that can do harm)")
	f.DurationVar(&spec.Policy.Every, "every", 0, "rotate on this schedule, such as 2160h: by itself with --push, else its owner is reminded (default never)")
	f.StringVar(&push, "push", "", "where its successors are delivered: DESTINATION:NAME (default they are printed)")
	f.StringVar(&deadline, "deadline", "", "what happens to an old key still used at its date: enforce, extend or brownout (default enforce)")
	f.BoolVar(&spec.Policy.Proven, "proven", false, "retire an old key early when all its traffic was seen with the new one")
	return cmd
}

func (c *cli) keyList() *cobra.Command {
	var org, application string
	var all bool
	cmd := &cobra.Command{
		Use: "list", Short: "List the keys", Args: cobra.NoArgs, Example: "  assay key list --all -o json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.withGate(func(g *gate.Gate) error {
				rings, err := g.Rings(cmd.Context(), org, application)
				if err != nil {
					return err
				}
				return c.printKeys(cmd.Context(), g, rings, all)
			})
		},
	}
	cmd.Flags().StringVar(&org, "org", "", "only of this organisation")
	cmd.Flags().StringVar(&application, "app", "", "only of this app")
	cmd.Flags().BoolVar(&all, "all", false, "keys that ended for good too")
	return cmd
}

func (c *cli) keyRing() *cobra.Command {
	return &cobra.Command{
		Use: "ring ID", Short: "Show a ring: its keys, and the rotation under way", Args: cobra.ExactArgs(1), Example: "  assay key ring ring_4kTq0XbT9LmA",
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withGate(func(g *gate.Gate) error {
				r, err := g.Ring(cmd.Context(), "", args[0])
				if err != nil {
					return err
				}
				return c.printRing(cmd.Context(), g, r)
			})
		},
	}
}

func (c *cli) printRing(ctx context.Context, g *gate.Gate, r *access.Ring) error {
	if err := c.printKeys(ctx, g, []access.Ring{*r}, true); err != nil || c.output != "table" {
		return err
	}
	if x := r.Rotation; x != nil {
		fmt.Fprintf(c.out, "\nrotation %s: %s, from version %d to %d, begun %s (%s))", x.ID, x.Phase, x.From, x.To, when(x.Started), x.Reason)
		if x.Phase != access.RolledBack {
			fmt.Fprintf(c.out, "; the old key is refused from %s", when(x.RetireAt))
		}
		fmt.Fprintln(c.out)
	}
	return nil
}

func (c *cli) keyRotate() *cobra.Command {
	var s gate.RotateSpec
	cmd := &cobra.Command{
		Use: "rotate RING", Short: "Make a successor and print it, once; the old key goes on", Args: cobra.ExactArgs(1),
		Long: "Both keys are accepted. The first use of the new one confirms it and sets the date from which\n" +
			"the old one is refused: the overlap later. Until then `assay key stragglers` names who has not\n" +
			"moved, and `assay key rollback` gives it up.",
		Example: "  assay key rotate ring_4kTq0XbT9LmA --overlap 48h\n  assay key rotate ring_4kTq0XbT9LmA --push",
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withGate(func(g *gate.Gate) error {
				made, err := g.Rotate(cmd.Context(), operator, args[0], s)
				if err != nil {
					return err
				}
				if s.Push {
					return c.printPushed(made)
				}
				return c.printMade(made, ", and both it and its predecessor are accepted")
			})
		},
	}
	cmd.Flags().DurationVar(&s.Overlap, "overlap", 0, "from its first use to the refusal of the old key (default the ring's policy)")
	cmd.Flags().BoolVar(&s.Push, "push", false, "deliver it to where the ring's policy says instead of printing it; assay key push-to sets that")
	cmd.Flags().StringVar(&s.Sign, "sign", "", "its signer: ed25519:PUBLIC, hmac, or none (default as before, with a fresh secret for hmac)")
	cmd.Flags().BoolVar(&s.Force, "force", false, "allow an overlap under 65 minutes, or one key more than the policy")
	cmd.Flags().StringVar(&s.Reason, "reason", "", "rotation, schedule or emergency, for the audit log")
	return cmd
}

// ringChange is a command that changes a ring and shows it.
func (c *cli) ringChange(use, short, example string, f func(ctx context.Context, g *gate.Gate, id string) (*access.Ring, error)) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Args: cobra.ExactArgs(1), Example: example,
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withGate(func(g *gate.Gate) error {
				r, err := f(cmd.Context(), g, args[0])
				if err != nil {
					return err
				}
				return c.printRing(cmd.Context(), g, r)
			})
		},
	}
}

func (c *cli) keyConfirm() *cobra.Command {
	return c.ringChange("confirm RING", "Confirm a successor without waiting for its first use", "  assay key confirm ring_4kTq0XbT9LmA",
		func(ctx context.Context, g *gate.Gate, id string) (*access.Ring, error) {
			return g.Confirm(ctx, operator, id)
		})
}

func (c *cli) keyRollback() *cobra.Command {
	return c.ringChange("rollback RING", "Give a rotation up: the old key is the one to use again", "  assay key rollback ring_4kTq0XbT9LmA",
		func(ctx context.Context, g *gate.Gate, id string) (*access.Ring, error) {
			return g.Rollback(ctx, operator, id)
		})
}

func (c *cli) keyExtend() *cobra.Command {
	var to string
	cmd := c.ringChange("extend RING --to WHEN", "Move the date from which old keys are refused", "  assay key extend ring_4kTq0XbT9LmA --to 48h",
		func(ctx context.Context, g *gate.Gate, id string) (*access.Ring, error) {
			at, err := expiry(to, time.Now())
			if err != nil {
				return nil, err
			}
			return g.Extend(ctx, operator, id, at)
		})
	cmd.Flags().StringVar(&to, "to", "24h", "a duration from now, a date or an RFC 3339 time")
	return cmd
}

func (c *cli) keyRetire() *cobra.Command {
	var force bool
	cmd := c.ringChange("retire KEY", "Suspend a key before its date; undo brings it back", "  assay key retire 3Fq0XbT9LmA",
		func(ctx context.Context, g *gate.Gate, id string) (*access.Ring, error) {
			return g.Retire(ctx, operator, id, force)
		})
	cmd.Flags().BoolVar(&force, "force", false, "even when no successor was seen working")
	return cmd
}

func (c *cli) keyUndo() *cobra.Command {
	return c.ringChange("undo KEY", "Bring a suspended key back for a while", "  assay key undo 3Fq0XbT9LmA",
		func(ctx context.Context, g *gate.Gate, id string) (*access.Ring, error) {
			return g.Undo(ctx, operator, id)
		})
}

func (c *cli) keyRevoke() *cobra.Command {
	var yes bool
	var cause string
	cmd := &cobra.Command{
		Use: "revoke ID...", Short: "End keys or rings for good, everywhere, with a receipt", Args: cobra.MinimumNArgs(1), Example: "  assay key revoke 3Fq0XbT9LmA --yes",
		RunE: func(cmd *cobra.Command, args []string) error {
			if !yes {
				return usageError{fmt.Errorf("revoking cannot be undone and cuts its callers off; add --yes to do it")}
			}
			return c.withGate(func(g *gate.Gate) error {
				var t gate.Target
				for _, a := range args {
					if strings.HasPrefix(a, "ring_") {
						if len(args) > 1 {
							return usageError{fmt.Errorf("revoke one ring, or several keys, at a time")}
						}
						t.Ring = a
					} else {
						t.Keys = append(t.Keys, a)
					}
				}
				return c.revoke(cmd.Context(), g, t, cause)
			})
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "do it without asking")
	cmd.Flags().StringVar(&cause, "cause", "requested", "why, for the audit log")
	return cmd
}

// revoke revokes and prints the receipt. One that is not complete is an error, so that
// scripts notice.
func (c *cli) revoke(ctx context.Context, g *gate.Gate, t gate.Target, cause string) error {
	wait, stop := context.WithTimeout(ctx, 20*time.Second)
	defer stop()
	r, err := g.Revoke(wait, operator, t, cause, gate.WaitAll)
	if err != nil {
		return err
	}
	if c.inJSON() {
		if err := writeJSON(c.out, map[string]any{"complete": r.Complete(), "epoch": r.Epoch, "keys": r.Keys, "acked": r.Acked, "fenced": r.Fenced, "pending": r.Pending, "elapsed_ms": r.Elapsed.Milliseconds()}); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(c.out, "revoked %d keys with change %d, in %s\n", len(r.Keys), r.Epoch, r.Elapsed.Round(time.Millisecond))
		for _, k := range r.Keys {
			fmt.Fprintf(c.out, "  key    %s\n", k)
		}
		for _, n := range r.Acked {
			fmt.Fprintf(c.out, "  acked  %s\n", n)
		}
		for _, n := range r.Fenced {
			fmt.Fprintf(c.out, "  fenced %s (out of touch: decides nothing)\n", n)
		}
		if len(r.Acked)+len(r.Fenced)+len(r.Pending) == 0 {
			fmt.Fprintln(c.out, "  no server is running")
		}
	}
	if !r.Complete() {
		var names []string
		for _, p := range r.Pending {
			names = append(names, fmt.Sprintf("%s (%s at most)", p.Node, p.Left.Round(time.Second)))
		}
		return fault.New(fault.Unavailable, "the keys are revoked, but these servers have not acknowledged and may still accept them: %s", strings.Join(names, ", "))
	}
	return nil
}

func (c *cli) keyStragglers() *cobra.Command {
	return &cobra.Command{
		Use: "stragglers RING", Short: "Name who still uses an old key, and tell when all will have moved", Args: cobra.ExactArgs(1),
		Example: "  assay key stragglers ring_4kTq0XbT9LmA",
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withGate(func(g *gate.Gate) error {
				_, m, err := g.Migration(cmd.Context(), "", args[0])
				if err != nil {
					return err
				}
				if c.inJSON() {
					return writeJSON(c.out, m)
				}
				t := newTable("key", "network", "client", "endpoint", "per minute", "last seen", "refused", "note")
				for _, s := range m.Stragglers {
					note := ""
					if s.Mixed {
						note = "some of several have moved"
					}
					t.row(s.Key, s.Network, s.Agent, s.Endpoint, fmt.Sprintf("%.1f", s.PerMinute), when(s.Last), fmt.Sprint(s.Refused), note)
				}
				if c.output == "csv" {
					return t.csv(c.out)
				}
				switch {
				case m.Phase == "":
					fmt.Fprintln(c.err, "the ring was not rotated yet; `assay key rotate` does it")
					return nil
				case len(m.Stragglers) == 0:
					fmt.Fprintf(c.out, "nobody uses the old key any more (%d of %d ways of use have moved; rotation %s)\n", m.Moved, m.Known, m.Phase)
					return nil
				}
				if err := t.print(c.out); err != nil {
					return err
				}
				fmt.Fprintf(c.out, "\n%d of %d ways of use have moved; the old key is refused from %s; all will have moved: %s\n", m.Moved, m.Known, when(m.RetireAt), or(when(m.Forecast), "too little to tell"))
				return nil
			})
		},
	}
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
		lines = append(lines, fmt.Sprintf("  %-17s %s", s, what))
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
