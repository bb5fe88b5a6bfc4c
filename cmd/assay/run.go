package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/gate"
	"github.com/assayhq/assay/app"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/emulator"
)

// listenFlag adds --listen to a command that serves.
func listenFlag(cmd *cobra.Command, to *string) {
	cmd.Flags().StringVar(to, "listen", "", "address of the API (default 127.0.0.1:8080)")
}

func (c *cli) serve() *cobra.Command {
	var listen string
	var venues []string
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Follow the exchanges and serve the API",
		Long: `Serve connects to the public market data of the exchanges (no keys needed),
checks and stores it, and serves it at --listen. The first start makes a key and
prints it once.`,
		Example: "  assay serve\n  assay serve --venues kraken,coinbase --listen 127.0.0.1:9000",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			over := map[string]any{}
			if listen != "" {
				over["listen"] = listen
			}
			if len(venues) > 0 {
				over["venues"] = venues
			}
			cfg, err := c.load(over)
			if err != nil {
				return err
			}
			a, err := app.New(cfg, versionInfo()["version"], c.logger(cfg.Log))
			if err != nil {
				return err
			}
			if err := a.FollowAll(); err != nil {
				a.Close()
				return err
			}
			l, err := a.Listen()
			if err != nil {
				a.Close()
				return err
			}
			token, err := firstKey(cmd.Context(), a)
			if err != nil {
				a.Close()
				return err
			}
			c.hello(l.Addr(), token, "BTC", "")
			return a.Run(cmd.Context(), l)
		},
	}
	listenFlag(cmd, &listen)
	cmd.Flags().StringSliceVar(&venues, "venues", nil, "exchanges to follow (default all)")
	return cmd
}

// firstKey makes a key when there is none yet, so that the first call is possible.
func firstKey(ctx context.Context, a *app.App) (string, error) {
	if n, _ := a.Gate.Size(); n > 0 {
		return "", nil
	}
	made, err := a.Gate.Create(ctx, operator, gate.Spec{Name: "first", Scopes: []access.Scope{"admin"}})
	return made.Token, err
}

// hello prints where the server is and how to ask it.
func (c *cli) hello(addr net.Addr, token, asset, note string) {
	url := "http://" + addr.String()
	var b strings.Builder
	fmt.Fprintf(&b, "Assay %s is at %s\n", versionInfo()["version"], url)
	if note != "" {
		fmt.Fprintf(&b, "%s\n", note)
	}
	key := "$ASSAY_API_KEY"
	if token != "" {
		fmt.Fprintf(&b, "\n  key   %s   (shown once)\n", token)
		key = token
	} else {
		fmt.Fprintf(&b, "\n  key   `assay key create --name NAME` makes one\n")
	}
	fmt.Fprintf(&b, "  try   curl -H 'Authorization: Bearer %s' %s/v1/prices/%s\n", key, url, asset)
	fmt.Fprintf(&b, "  docs  %s/docs\n\nStop with Ctrl-C.\n", url)
	io.WriteString(c.out, b.String())
}

func (c *cli) demo() *cobra.Command {
	var listen, plan string
	var seed uint64
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "See it work: simulated exchanges on this machine, no network, no files",
		Long: `Demo starts emulated exchanges that speak the real protocols on loopback, connects
the real connectors to them, and serves the API. Every page and answer says that
the data is simulated. Nothing is kept unless you give --data.`,
		Example: "  assay demo\n  assay demo --seed 7 --faults plan.yaml",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			over := map[string]any{}
			if listen != "" {
				over["listen"] = listen
			}
			if c.logLevel == "" {
				over["log.level"] = "error"
			}
			if c.data == "" {
				dir, err := os.MkdirTemp("", "assay-demo-")
				if err != nil {
					return err
				}
				defer os.RemoveAll(dir)
				over["data"] = dir
			}
			cfg, err := c.load(over)
			if err != nil {
				return err
			}
			var faults *emulator.FaultPlan
			if plan != "" {
				text, err := os.ReadFile(plan)
				if err != nil {
					return fault.Wrap(fault.Invalid, err, "the fault plan %s cannot be read", plan)
				}
				if faults, err = emulator.ParseFaults(text); err != nil {
					return err
				}
			}
			a, err := app.New(cfg, versionInfo()["version"], c.logger(cfg.Log))
			if err != nil {
				return err
			}
			booths, err := a.Demo(seed, faults)
			if err != nil {
				a.Close()
				return err
			}
			l, err := c.listenNear(a, listen)
			if err != nil {
				a.Close()
				return err
			}
			made, err := a.Gate.Create(cmd.Context(), operator, gate.Spec{Name: "demo", Env: "test", Scopes: []access.Scope{"admin"}})
			if err != nil {
				a.Close()
				return err
			}
			begun := time.Now()
			return a.Run(cmd.Context(), l, booths, func(ctx context.Context) error {
				c.waitForData(ctx, a, begun)
				c.hello(l.Addr(), made.Token, "BTC", app.SimulatedNote)
				return nil
			})
		},
	}
	listenFlag(cmd, &listen)
	cmd.Flags().Uint64Var(&seed, "seed", 1, "of the simulated market; the same seed tells the same story")
	cmd.Flags().StringVar(&plan, "faults", "", "YAML or JSON file with faults to inject")
	return cmd
}

// listenNear opens the default address, or the next free port when it is taken and
// the user did not ask for it.
func (c *cli) listenNear(a *app.App, asked string) (net.Listener, error) {
	l, err := a.Listen()
	if err == nil || asked != "" {
		return l, err
	}
	for port := 8081; port < 8100; port++ {
		if l, e := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); e == nil {
			fmt.Fprintf(c.err, "127.0.0.1:8080 is in use; taking port %d\n", port)
			return l, nil
		}
	}
	return nil, err
}

// waitForData waits until the first prices are there, at most a minute.
func (c *cli) waitForData(ctx context.Context, a *app.App, begun time.Time) {
	t := time.NewTicker(20 * time.Millisecond)
	defer t.Stop()
	for time.Since(begun) < time.Minute {
		if p, ok := a.Core.Price("BTC", "USD"); ok && p.Confidence > 0 {
			if !c.quiet {
				fmt.Fprintf(c.err, "first price after %d ms\n", time.Since(begun).Milliseconds())
			}
			return
		}
		select {
		case <-t.C:
		case <-ctx.Done():
			return
		}
	}
	fmt.Fprintln(c.err, "no price after a minute; /readyz tells what each venue waits for")
}

func (c *cli) replay() *cobra.Command {
	var listen, venue string
	var speed float64
	var once bool
	cmd := &cobra.Command{
		Use:   "replay FILE...",
		Short: "Play recorded exchange sessions and serve the API from them",
		Long: `Replay pushes recorded sessions through the very decoders, checks, machines and
stores that live data goes through, in the order in which they were recorded, and
then serves the API from what they said. Time is the recording's. Every answer says
that it is a replay. Nothing is kept unless you give --data.`,
		Example: "  assay replay captures/*.jsonl.zst\n  assay replay --speed 10 session.jsonl.zst",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var files []string
			for _, f := range args {
				if !strings.Contains(f, ".normalized.") {
					files = append(files, f)
				}
			}
			rs, skipped, err := app.Recordings(files, market.VenueID(venue))
			if err != nil {
				return err
			}
			if len(skipped) > 0 && !c.quiet {
				fmt.Fprintf(c.err, "left out, no connector for them yet: %s\n", strings.Join(skipped, ", "))
			}
			if len(rs) == 0 {
				return fault.New(fault.Invalid, "none of the files is of an exchange with a connector")
			}
			over := map[string]any{"backfill": false}
			if listen != "" {
				over["listen"] = listen
			}
			if c.logLevel == "" {
				over["log.level"] = "warn"
			}
			// What was recorded years ago would be past its retention at once.
			for _, k := range []string{"trades", "quotes", "candles_1s"} {
				over["retention."+k] = "0"
			}
			if c.data == "" {
				dir, err := os.MkdirTemp("", "assay-replay-")
				if err != nil {
					return err
				}
				defer os.RemoveAll(dir)
				over["data"] = dir
			}
			cfg, err := c.load(over)
			if err != nil {
				return err
			}
			a, err := app.New(cfg, versionInfo()["version"], c.logger(cfg.Log))
			if err != nil {
				return err
			}
			a.Core.Replay(app.ReplayNote(rs))
			var l net.Listener
			if once {
				l, err = net.Listen("tcp", "127.0.0.1:0")
			} else {
				l, err = c.listenNear(a, listen)
			}
			if err != nil {
				a.Close()
				return err
			}
			made, err := a.Gate.Create(cmd.Context(), operator, gate.Spec{Name: "replay", Env: "test", Scopes: []access.Scope{access.MarketRead, access.StreamRead, access.Ops}})
			if err != nil {
				a.Close()
				return err
			}
			ctx, stop := context.WithCancel(cmd.Context())
			defer stop()
			return a.Run(ctx, l, func(ctx context.Context) error {
				err := a.Replay(ctx, rs, speed, c.replayProgress())
				if err != nil || ctx.Err() != nil {
					return err
				}
				if once {
					stop()
					return nil
				}
				c.hello(l.Addr(), made.Token, "BTC", app.ReplayNote(rs))
				return nil
			})
		},
	}
	listenFlag(cmd, &listen)
	cmd.Flags().StringVar(&venue, "venue", "", "the exchange, when the files do not name it")
	cmd.Flags().Float64Var(&speed, "speed", 0, "how fast: 1 as it happened, 10 ten times as fast, 0 as fast as it goes")
	cmd.Flags().BoolVar(&once, "once", false, "stop at the end instead of serving")
	return cmd
}

// replayProgress says on a terminal how far a file is, and always when it is done.
func (c *cli) replayProgress() func(app.Recording, int64, time.Time, bool) {
	tty := terminal(c.err)
	return func(r app.Recording, n int64, at time.Time, done bool) {
		switch {
		case c.quiet:
		case done:
			clear := ""
			if tty {
				clear = "\r\033[K"
			}
			fmt.Fprintf(c.err, "%s%-18s %s  %d records\n", clear, r.Venue, r.Recorded.Format(time.DateOnly), n)
		case tty:
			fmt.Fprintf(c.err, "\r%-18s %s  %d records…", r.Venue, at.Format("2006-01-02 15:04:05"), n)
		}
	}
}
