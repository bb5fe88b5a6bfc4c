package main

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/structs"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/cobra"

	"github.com/assayhq/assay/app"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/venue/all"
)

func (c *cli) configCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use: "config", Short: "Print, check and explain the settings", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(
		&cobra.Command{
			Use: "print", Short: "Print the settings as they are in force", Args: cobra.NoArgs, Example: "  assay config print > assay.yaml",
			RunE: func(*cobra.Command, []string) error {
				cfg, err := c.load(nil)
				if err != nil {
					return err
				}
				k := koanf.New(".")
				if err := k.Load(structs.Provider(cfg, "koanf"), nil); err != nil {
					return err
				}
				if c.output == "json" || c.output == "jsonl" {
					return writeJSON(c.out, k.Raw())
				}
				raw := k.Raw()
				plain(raw)
				b, err := yaml.Parser().Marshal(raw)
				if err != nil {
					return err
				}
				_, err = c.out.Write(b)
				return err
			},
		},
		&cobra.Command{
			Use: "check", Short: "Check the settings and say what is wrong", Args: cobra.NoArgs, Example: "  assay config check --config assay.yaml",
			RunE: func(*cobra.Command, []string) error {
				if _, err := c.load(nil); err != nil {
					return err
				}
				fmt.Fprintln(c.out, "the settings are good")
				return nil
			},
		},
		&cobra.Command{
			Use: "doc", Short: "Print the reference of all settings as Markdown", Args: cobra.NoArgs, Example: "  assay config doc > docs/reference/config.md",
			RunE: func(*cobra.Command, []string) error { app.Doc(c.out); return nil },
		},
	)
	return cmd
}

// plain turns durations into their text, so that what is printed can be read back.
func plain(m map[string]any) {
	for k, v := range m {
		switch v := v.(type) {
		case map[string]any:
			plain(v)
		case time.Duration:
			m[k] = v.String()
		}
	}
}

func (c *cli) doctor() *cobra.Command {
	var online, accept bool
	var venue string
	cmd := &cobra.Command{
		Use: "doctor", Short: "Look for what would keep Assay from working, and say how to fix it", Args: cobra.NoArgs,
		Long: `Doctor checks the settings, the data folder and the address. With --live it also
looks up and connects to each exchange (one TCP connection, no request).

With --venue alone it asks a running server what changed in what that exchange sends:
members of messages that are new or gone, values the decoder does not know, messages it
could not read; each with what it means and what to do. --accept makes it known.`,
		Example: "  assay doctor\n  assay doctor --live --venue kraken\n  assay doctor --venue kraken",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if venue != "" && !online {
				return c.drift(cmd.Context(), strings.ToLower(venue), accept)
			}
			t := newTable("check", "result", "what to do")
			bad := 0
			add := func(name, detail string, err error) {
				if err == nil {
					t.row(name, "ok", detail)
					return
				}
				bad++
				t.row(name, "FAILED", fault.Public(err))
			}
			cfg, err := c.load(nil)
			add("settings", "", err)
			if err == nil {
				add("data folder", cfg.Data, writable(cfg.Data))
				add("address", cfg.Listen, free(cfg.Listen))
				detail, err := secretsWork(cmd.Context(), cfg)
				add("secrets", detail, err)
			}
			if online {
				for _, d := range all.Drivers() {
					if venue != "" && d.Spec.ID != market.VenueID(venue) {
						continue
					}
					add(string(d.Spec.ID)+" stream", d.Spec.Stream, reach(cmd.Context(), d.Spec.Stream))
					add(string(d.Spec.ID)+" rest", d.Spec.Base, reach(cmd.Context(), d.Spec.Base))
				}
			}
			switch c.output {
			case "json", "jsonl":
				for _, r := range t.rows {
					if err := writeJSON(c.out, map[string]any{"check": r[0], "ok": r[1] == "ok", "detail": r[2]}); err != nil {
						return err
					}
				}
			case "csv":
				err = t.csv(c.out)
			default:
				err = t.print(c.out)
			}
			if err != nil {
				return err
			}
			if bad > 0 {
				return fault.New(fault.Unavailable, "%d of %d checks failed", bad, len(t.rows))
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&online, "live", false, "connect to the exchanges too")
	cmd.Flags().StringVar(&venue, "venue", "", "only this exchange; without --live: what changed in what it sends")
	cmd.Flags().BoolVar(&accept, "accept", false, "with --venue: the changes were seen and count as known")
	c.clientFlags(cmd)
	return cmd
}

func writable(dir string) error {
	for { // a folder that is not there yet will be made: its nearest parent must allow that
		if _, err := os.Stat(dir); err == nil || filepath.Dir(dir) == dir {
			break
		}
		dir = filepath.Dir(dir)
	}
	f, err := os.CreateTemp(dir, "doctor-*")
	if err != nil {
		return fault.Wrap(fault.Invalid, err, "%s cannot be written; choose another folder with --data", dir)
	}
	f.Close()
	return os.Remove(filepath.Clean(f.Name()))
}

func free(addr string) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return fault.Wrap(fault.Conflict, err, "%s cannot be opened (%v); is a server running already? --listen takes another", addr, err)
	}
	return l.Close()
}

func reach(ctx context.Context, raw string) error {
	u, err := url.Parse(raw)
	if err != nil {
		return err
	}
	host := u.Host
	if !strings.Contains(host, ":") {
		host += ":443"
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", host)
	if err != nil {
		return fault.Wrap(fault.Unavailable, err, "%s cannot be reached (%v); check DNS, firewall and proxy", host, err)
	}
	return conn.Close()
}
