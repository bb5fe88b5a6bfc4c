package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/gate"
	"github.com/assayhq/assay/access/secret"
	"github.com/assayhq/assay/app"
	"github.com/assayhq/assay/fault"
)

func (c *cli) secrets() *cobra.Command {
	cmd := &cobra.Command{
		Use: "secret", Short: "Look after the secrets of this installation, without showing them", Args: cobra.NoArgs,
		Long: "The pepper that keys the digests of API keys, and the key that signs the audit log, are kept\n" +
			"where the setting secrets.from says. No command prints a value. docs/operate/secrets.md has\n" +
			"the playbooks.",
		Example: "  assay secret list\n  assay secret rotate pepper",
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.secretList(), c.secretPut(), c.secretRotate())
	return cmd
}

func (c *cli) secretList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Aliases: []string{"show-names"}, Short: "List the secrets by name, and the destinations of keys", Args: cobra.NoArgs, Example: "  assay secret list -o json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := c.load(nil)
			if err != nil {
				return err
			}
			ctx, stop := context.WithTimeout(cmd.Context(), 30*time.Second)
			defer stop()
			rows, err := app.OwnSecrets(ctx, cfg)
			if err != nil {
				return err
			}
			for _, name := range slices.Sorted(maps.Keys(cfg.Secrets.Destinations)) {
				k, err := app.OpenKeeper(cfg, name)
				if err != nil {
					return err
				}
				rows = append(rows, app.SecretRow{Name: name, Keeper: k.Kind, Note: "a destination of new keys"})
			}
			t := newTable("name", "keeper", "current", "previous", "pending", "note")
			for _, r := range rows {
				if c.inJSON() {
					if err := writeJSON(c.out, r); err != nil {
						return err
					}
					continue
				}
				t.row(r.Name, r.Keeper, short(r.Current), short(r.Previous), short(r.Pending), r.Note)
			}
			return c.printRows(t, "")
		},
	}
}

// short is the beginning of a version's id.
func short(id string) string {
	if id == "" {
		return "-"
	}
	return id[:min(len(id), 12)]
}

func (c *cli) secretPut() *cobra.Command {
	var to, from string
	cmd := &cobra.Command{
		Use: "put NAME", Short: "Write a secret; the one before stays as its previous version", Args: cobra.ExactArgs(1),
		Long: "The value is read from standard input, or from a file; one line end at its end is no part of it.\n" +
			"With --to it goes to a destination of keys, such as a client's first key: the name begins with\n" +
			"the organisation there.",
		Example: "  assay key create --name bot -q | assay secret put acme/bot --to clients\n  assay secret put exchange/kraken-key --file kraken.txt",
		RunE: func(cmd *cobra.Command, args []string) error {
			name := args[0]
			if to == "" && (name == app.PepperSecret || name == app.SignerSecret) {
				return usageError{fmt.Errorf("replacing %s would end every key or break the audit log; `assay secret rotate pepper` adds a version", name)}
			}
			cfg, err := c.load(nil)
			if err != nil {
				return err
			}
			k, err := app.OpenKeeper(cfg, to)
			switch {
			case err != nil:
				return err
			case k.Writer == nil:
				return fault.New(fault.Conflict, "the keeper %s can only be read: write the secret where it comes from", k.Kind)
			}
			in := cmd.InOrStdin()
			if from != "" {
				f, err := os.Open(from)
				if err != nil {
					return fault.Wrap(fault.Invalid, err, "%s cannot be read", from)
				}
				defer f.Close()
				in = f
			}
			b, err := io.ReadAll(io.LimitReader(in, secret.MaxValue+3))
			if err != nil {
				return err
			}
			v := secret.Of(strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r"))
			ctx, stop := context.WithTimeout(cmd.Context(), time.Minute)
			defer stop()
			r, err := secret.Push(ctx, k.Writer, name, v, func(ctx context.Context, v secret.Value) error {
				back, err := k.Read(ctx, name)
				if err == nil && !back.Pending.Value.Equal(v) && !back.Current.Value.Equal(v) {
					err = fault.New(fault.Conflict, "the keeper gives another text back than was written")
				}
				return err
			})
			if err != nil {
				return err
			}
			what := "is now"
			if r.Already {
				what = "was already"
			}
			fmt.Fprintf(c.out, "version %s %s the current one of %s in %s\n", short(r.Version), what, name, k.Kind)
			return nil
		},
	}
	cmd.Flags().StringVar(&to, "to", "", "a destination of the settings (default where our own secrets are)")
	cmd.Flags().StringVar(&from, "file", "", "file with the value (default standard input)")
	return cmd
}

func (c *cli) secretRotate() *cobra.Command {
	return &cobra.Command{
		Use: "rotate pepper", Short: "Add a version of the pepper; the older ones go on verifying", Args: cobra.ExactArgs(1),
		Long: "Servers read the new version within secrets.refresh, and make digests with it once all of them\n" +
			"know it. Each key is digested anew at its next use. No key becomes invalid.",
		Example: "  assay secret rotate pepper",
		RunE: func(cmd *cobra.Command, args []string) error {
			if args[0] != app.PepperSecret {
				return usageError{fmt.Errorf("only the pepper can be rotated here; a client's key is rotated by `assay key rotate RING --push`, another secret is replaced by `assay secret put`")}
			}
			return c.withControl(func(cfg app.Config, store access.Store) error {
				ctx, stop := context.WithTimeout(cmd.Context(), time.Minute)
				defer stop()
				n, from, err := app.RotatePepper(ctx, cfg, store, time.Now())
				if err != nil {
					return err
				}
				if c.inJSON() {
					return writeJSON(c.out, map[string]any{"version": n, "from": when(from)})
				}
				fmt.Fprintf(c.out, "pepper %d is written; new digests are made with it from %s, and keys are digested anew at their next use\n", n, when(from))
				return nil
			})
		},
	}
}

// keyPushTo says where a ring's keys are delivered.
func (c *cli) keyPushTo() *cobra.Command {
	return &cobra.Command{
		Use: "push-to RING [DESTINATION:NAME]", Short: "Say where new keys of a ring are delivered; without a place, nowhere", Args: cobra.RangeArgs(1, 2),
		Long: "DESTINATION is one of secrets.destinations in the settings, NAME the secret there, behind the\n" +
			"organisation's name: `clients:bot` of the organisation acme is the secret acme/bot. With a\n" +
			"schedule (--every at key create) the servers then rotate and deliver by themselves.",
		Example: "  assay key push-to ring_4kTq0XbT9LmA clients:bot",
		RunE: func(cmd *cobra.Command, args []string) error {
			var to access.PushTo
			if len(args) == 2 {
				var err error
				if to, err = placeOf(args[1]); err != nil {
					return err
				}
			}
			return c.withGate(func(g *gate.Gate) error {
				r, err := g.SetPush(cmd.Context(), operator, args[0], to)
				if err != nil {
					return err
				}
				return c.printRing(cmd.Context(), g, r)
			})
		},
	}
}

// placeOf reads DESTINATION:NAME.
func placeOf(s string) (access.PushTo, error) {
	to, name, ok := strings.Cut(s, ":")
	if !ok || to == "" || name == "" {
		return access.PushTo{}, usageError{fmt.Errorf("%q is no place to push to; write DESTINATION:NAME, such as clients:bot", s)}
	}
	return access.PushTo{To: to, Name: name}, nil
}

// printPushed tells where a new key went; nobody sees it.
func (c *cli) printPushed(m gate.Made) error {
	x := m.Ring.Rotation
	if c.inJSON() {
		return writeJSON(c.out, struct {
			keyRow
			Pushed access.PushTo `json:"pushed"`
		}{rowOf(m.Ring, m.Key, time.Time{}, time.Now()), x.Push.PushTo})
	}
	fmt.Fprintf(c.out, "key %s is version %d of %s (%s); it was delivered to %s as %s/%s, and both it and its predecessor are accepted\n", m.Key.ID, m.Key.N, m.Ring.ID, m.Ring.Name, x.Push.To, m.Ring.Org, x.Push.Name)
	return nil
}

// secretsWork is what doctor tells: whether our own secrets can be read, and whether each
// destination can be opened. Nothing is written.
func secretsWork(ctx context.Context, cfg app.Config) (string, error) {
	ctx, stop := context.WithTimeout(ctx, 15*time.Second)
	defer stop()
	rows, err := app.OwnSecrets(ctx, cfg)
	if err != nil {
		return "", err
	}
	for name := range cfg.Secrets.Destinations {
		k, err := app.OpenKeeper(cfg, name)
		if err != nil {
			return "", err
		}
		if _, err := k.Read(ctx, "doctor"); err != nil && fault.Of(err) != fault.Unknown {
			return "", fault.Wrap(fault.Of(err), err, "the destination %s: %s", name, fault.Public(err))
		}
	}
	return rows[0].Keeper + ", pepper: " + rows[0].Note, nil
}
