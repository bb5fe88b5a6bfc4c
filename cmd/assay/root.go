package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/assayhq/assay/app"
)

// version is set by the linker in a release.
var version = "dev"

// cli is what all commands share.
type cli struct {
	out, err io.Writer
	output   string
	config   string
	data     string
	quiet    bool
	logLevel string
	url, key string
}

func (c *cli) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "assay",
		Short: "The crypto API you run yourself",
		Long: `Assay reads many exchanges, checks what they say, keeps it, and serves it:
one price per asset with its sources, books, trades, candles and the quality of
all of it, by REST and WebSocket, to callers with your keys.

  assay demo                    see it work: simulated exchanges, no network
  assay serve                   follow the real exchanges
  assay price BTC               ask a running server`,
		SilenceUsage: true, SilenceErrors: true,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetOut(c.out)
	root.SetErr(c.err)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	p := root.PersistentFlags()
	p.StringVarP(&c.output, "output", "o", "table", "how results are printed: table, json, jsonl or csv")
	p.StringVar(&c.config, "config", os.Getenv("ASSAY_CONFIG"), "YAML file with settings; see assay config doc")
	p.StringVar(&c.data, "data", "", "folder for everything that is stored")
	p.BoolVarP(&c.quiet, "quiet", "q", false, "print results only, no progress")
	p.StringVar(&c.logLevel, "log", "", "debug, info, warn or error")
	root.AddCommand(
		c.serve(), c.demo(), c.emulate(), c.replay(),
		c.normalize(), c.bench(), c.frames(), c.importCmd(), c.exportCmd(), c.backfillCmd(), c.gapsCmd(),
		c.price(), c.watch(), c.candles(), c.derivatives(), c.funding(), c.top(), c.movers(), c.screen(), c.tickers(), c.venues(), c.depth(), c.slippage(), c.route(),
		c.indicator(), c.risk(), c.grade(), c.mcp(),
		c.keys(), c.sign(), c.plans(), c.apps(), c.usage(),
		c.incident(), c.alertCmd(), c.secrets(), c.account(), c.auditCmd(), c.complianceCmd(),
		c.configCmd(), c.doctor(), c.versionCmd(),
	)
	wrapArgs(root)
	return root
}

// wrapArgs makes a wrong number of arguments a usage error, exit code 2.
func wrapArgs(cmd *cobra.Command) {
	if a := cmd.Args; a != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if err := a(cmd, args); err != nil {
				if _, takes, ok := strings.Cut(cmd.Use, " "); ok && len(args) == 0 && cmd.Runnable() {
					first, _, _ := strings.Cut(strings.TrimSpace(cmd.Example), "\n")
					err = fmt.Errorf("%s is missing, as in `%s`", strings.TrimSuffix(takes, "..."), first)
				}
				return usageError{err}
			}
			return nil
		}
	}
	for _, sub := range cmd.Commands() {
		wrapArgs(sub)
	}
}

// load reads the settings, with the flags that were given on top.
func (c *cli) load(over map[string]any) (app.Config, error) {
	if over == nil {
		over = map[string]any{}
	}
	if c.data != "" {
		over["data"] = c.data
	}
	if c.logLevel != "" {
		over["log.level"] = c.logLevel
	}
	return app.LoadConfig(c.config, os.Environ(), over)
}

// logger writes messages to standard error.
func (c *cli) logger(l app.Log) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(l.Level)) //nolint:errcheck // checked by Config.Check
	opt := &slog.HandlerOptions{Level: level}
	if l.Format == "json" || l.Format == "auto" && !terminal(c.err) {
		return slog.New(slog.NewJSONHandler(c.err, opt))
	}
	return slog.New(slog.NewTextHandler(c.err, opt))
}

// terminal tells whether w is one.
func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	st, err := f.Stat()
	return err == nil && st.Mode()&os.ModeCharDevice != 0
}

func (c *cli) versionCmd() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: cobra.NoArgs, Example: "  assay version -o json",
		RunE: func(*cobra.Command, []string) error {
			v := versionInfo()
			if c.output == "json" || c.output == "jsonl" {
				return writeJSON(c.out, v)
			}
			fmt.Fprintf(c.out, "assay %s (%s, %s)\n", v["version"], v["revision"], v["go"])
			return nil
		},
	}
}

func versionInfo() map[string]string {
	v := map[string]string{"version": version, "revision": "unknown", "go": "unknown"}
	if b, ok := debug.ReadBuildInfo(); ok {
		v["go"] = b.GoVersion
		for _, s := range b.Settings {
			if s.Key == "vcs.revision" && len(s.Value) >= 12 {
				v["revision"] = s.Value[:12]
			}
		}
		if version == "dev" && strings.HasPrefix(b.Main.Version, "v") {
			v["version"] = b.Main.Version
		}
	}
	return v
}
