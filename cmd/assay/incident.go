package main

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/gate"
	"github.com/assayhq/assay/fault"
)

// networks reads addresses and CIDR networks.
func networks(list []string) (out []netip.Prefix, err error) {
	for _, t := range list {
		p, e := netip.ParsePrefix(t)
		if a, e2 := netip.ParseAddr(t); e != nil && e2 == nil {
			p, e = a.Prefix(a.BitLen())
		}
		if e != nil || p != p.Masked() {
			return nil, fault.At(fault.Invalid, "network", "%q is no network; write 203.0.113.7 or 203.0.113.0/24", t)
		}
		out = append(out, p)
	}
	return out, nil
}

// incident contains a leak in one call.
func (c *cli) incident() *cobra.Command {
	var t gate.Target
	var before, cause string
	var yes, reissue bool
	cmd := &cobra.Command{
		Use: "incident", Short: "Contain a leak: revoke with receipt, make new keys, print what is left to do", Args: cobra.NoArgs,
		Long: "Incident revokes every key that fits all that is given, waits until every server has\n" +
			"acknowledged or has fenced itself, makes a new key in each ring with --reissue, and prints\n" +
			"the checklist. docs/operate/incidents.md has the playbooks.",
		Example: "  assay incident --key 3Fq0XbT9LmA --reissue --yes\n  assay incident --org acme --minted-before 2026-11-01 --yes",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if before != "" {
				for _, f := range []string{time.DateOnly, time.RFC3339} {
					if at, err := time.Parse(f, before); err == nil {
						t.MintedBefore = at
					}
				}
				if t.MintedBefore.IsZero() {
					return usageError{fmt.Errorf("--minted-before %q is no date or time; write 2026-11-01 or 2026-11-01T12:00:00Z", before)}
				}
			}
			if !yes {
				return usageError{fmt.Errorf("this revokes keys for good and cuts their callers off; add --yes to do it")}
			}
			return c.withGate(func(g *gate.Gate) error { return c.contain(cmd.Context(), g, t, cause, reissue) })
		},
	}
	f := cmd.Flags()
	f.StringSliceVar(&t.Keys, "key", nil, "these keys")
	f.StringVar(&t.Ring, "ring", "", "all keys of a ring")
	f.StringVar(&t.Org, "org", "", "all keys of an organisation")
	f.StringVar(&t.App, "app", "", "all keys of an app")
	f.StringVar(&before, "minted-before", "", "keys made before this date or time")
	f.IntVar(&t.Pepper, "pepper", 0, "keys made with this version of the pepper")
	f.StringVar(&cause, "cause", "compromise", "why, for the audit log")
	f.BoolVar(&reissue, "reissue", false, "make a new ring with one key for each ring that lost its last one")
	f.BoolVar(&yes, "yes", false, "do it without asking")
	return cmd
}

func (c *cli) contain(ctx context.Context, g *gate.Gate, t gate.Target, cause string, reissue bool) error {
	before, err := g.Rings(ctx, "", "")
	if err != nil {
		return err
	}
	lost := c.revoke(ctx, g, t, cause)
	if lost != nil && fault.Of(lost) != fault.Unavailable {
		return lost
	}
	if reissue {
		now := time.Now()
		for i := range before {
			old := &before[i]
			r, err := g.Ring(ctx, "", old.ID)
			if err != nil {
				return err
			}
			if old.Accepting(now) == 0 || r.Accepting(now) > 0 {
				continue
			}
			k := r.Latest()
			spec := gate.Spec{Name: r.Name, Org: r.Org, App: r.App, Env: r.Env, Scopes: k.Scopes, Bounds: k.Bounds, Policy: r.Policy}
			made, err := g.Create(ctx, operator, spec)
			if strings.HasPrefix(fault.Field(err), "body.policy.push") { // a place that is gone must not keep the owner without a key
				spec.Policy.Push = access.PushTo{}
				made, err = g.Create(ctx, operator, spec)
			}
			if err != nil {
				return err
			}
			if err := c.printMade(made, ", in the place of "+r.ID); err != nil {
				return err
			}
		}
	}
	fmt.Fprint(c.err, "\nStill to do:\n"+
		"  1. the receipt above must name every server as acked or fenced; if not, stop those servers\n"+
		"  2. give the new keys to their owners by a way that the leak did not touch\n"+
		"  3. remove the old ones from where they leaked: repository, image, log, chat\n"+
		"  4. look for uses before the revocation: assay key ring RING\n"+
		"  5. keep the receipt and the log of the time; write down what happened\n")
	return lost
}

// keyRehearse practises a rotation on a ring of its own.
func (c *cli) keyRehearse() *cobra.Command {
	return &cobra.Command{
		Use: "rehearse", Short: "Practise a rotation on a ring made for it, step by step", Args: cobra.NoArgs,
		Long: "Rehearse makes a ring, rotates it, confirms the new key, suspends the old one, undoes that,\n" +
			"rolls back, and revokes everything with a receipt. It touches no other ring.",
		Example: "  assay key rehearse",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.withGate(func(g *gate.Gate) error {
				ctx := cmd.Context()
				step := func(what string, err error) error {
					if err != nil {
						fmt.Fprintf(c.out, "  FAILED  %s: %s\n", what, fault.Public(err))
						return err
					}
					fmt.Fprintf(c.out, "  ok      %s\n", what)
					return nil
				}
				made, err := g.Create(ctx, operator, gate.Spec{Name: "rehearsal " + time.Now().UTC().Format(time.DateOnly), App: "rehearsal", Env: "test", Scopes: []access.Scope{access.MarketRead}, Rehearsal: true})
				if err := step("make a ring with a key", err); err != nil {
					return err
				}
				ring, old := made.Ring.ID, made.Key.ID
				next, err := g.Rotate(ctx, operator, ring, gate.RotateSpec{Overlap: time.Minute, Reason: "rehearsal"})
				if err := step("rotate: both keys are accepted", err); err != nil {
					return err
				}
				_, err = g.Confirm(ctx, operator, next.Key.ID)
				if err := step("confirm: the old key has a date", err); err != nil {
					return err
				}
				_, err = g.Retire(ctx, operator, old, false)
				if err := step("suspend the old key before its date", err); err != nil {
					return err
				}
				_, err = g.Undo(ctx, operator, old)
				if err := step("undo: it is accepted again", err); err != nil {
					return err
				}
				_, err = g.Rollback(ctx, operator, ring)
				if err := step("roll back: the old key is the one to use", err); err != nil {
					return err
				}
				wait, stop := context.WithTimeout(ctx, 20*time.Second)
				defer stop()
				r, err := g.Revoke(wait, operator, gate.Target{Ring: ring}, "rehearsal", gate.WaitAll)
				if err == nil && !r.Complete() {
					err = fault.New(fault.Unavailable, "%d servers have not acknowledged", len(r.Pending))
				}
				if err := step(fmt.Sprintf("revoke everything: %d servers acknowledged, %d are fenced, in %s", len(r.Acked), len(r.Fenced), r.Elapsed.Round(time.Millisecond)), err); err != nil {
					return err
				}
				fmt.Fprintln(c.out, "the rehearsal went well")
				return nil
			})
		},
	}
}
