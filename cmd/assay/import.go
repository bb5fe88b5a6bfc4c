package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/venue/all"
	"github.com/assayhq/assay/store/dump"
	"github.com/assayhq/assay/store/pebble"
)

// importer is one run of the import command.
type importer struct {
	*cli
	venue, pair, interval string
	dryRun                bool
	history               *pebble.Store // nil in a dry run
	known                 time.Time
	shown                 time.Time // when progress was last shown
	rows                  int64     // read so far, of all files
	said                  string    // the last note
}

// mostProblems is how many bad rows of a file are told in words.
const mostProblems = 5

func (c *cli) importCmd() *cobra.Command {
	m := &importer{cli: c}
	cmd := &cobra.Command{
		Use:   "import FILE...",
		Short: "Read market data from files into the history",
		Long: `Import reads candles, trades and quotes from files that others have written, and
stores them marked as imported. It reads the public dumps of Binance, Bybit and
OKX, the CSV files of Tardis, the trades of freqtrade, and CSV with time, open,
high, low, close, volume, such as our own. Files may be packed: .gz or .zip.

What a file says about itself (in its name, its columns or its rows) need not be
said; --dry-run shows what that is and stores nothing. Importing twice is the same
as once: a trade is known by its id or, where a format has none, by all its fields.
The server must not be running on the same folder.

Exit code 7 means that some rows could not be read. Each is told, the others are
stored.`,
		Example: "  assay import BTCUSDT-1h-2023-11.csv --dry-run\n  assay import --venue okx --pair BTC-USDT trades-*.csv.gz\n  assay import --venue kraken --pair BTC-USD --interval 1d days.csv",
		Args:    cobra.MinimumNArgs(1),
		RunE:    func(cmd *cobra.Command, args []string) error { return m.run(cmd.Context(), args) },
	}
	cmd.Flags().StringVar(&m.venue, "venue", "", "the exchange the data is of, such as kraken")
	cmd.Flags().StringVar(&m.pair, "pair", "", "what was traded, such as BTC-USDT")
	cmd.Flags().StringVar(&m.interval, "interval", "", "length of the candles, such as 1d")
	cmd.Flags().BoolVar(&m.dryRun, "dry-run", false, "read and check, store nothing")
	return cmd
}

func (m *importer) run(ctx context.Context, paths []string) error {
	cfg, err := m.load(nil)
	if err != nil {
		return err
	}
	for _, p := range paths { // before anything is stored
		if err := m.look(p); err != nil {
			return err
		}
	}
	if !m.dryRun {
		if err := os.MkdirAll(cfg.Data, 0o700); err != nil {
			return fault.Wrap(fault.Invalid, err, "the data folder %s cannot be made; choose another with --data", cfg.Data)
		}
		if m.history, err = pebble.Open(filepath.Join(cfg.Data, "history"), pebble.Options{}); err != nil {
			return err
		}
	}
	m.known = time.Now().UTC()
	m.shown = m.known
	var done []*importedFile
	for _, p := range paths {
		var f *importedFile
		if f, err = m.file(ctx, p); f != nil {
			done = append(done, f)
		}
		if err != nil {
			break
		}
	}
	if m.history != nil {
		err = errors.Join(err, m.history.Close())
	}
	if ctx.Err() != nil && !m.quiet {
		fmt.Fprintln(m.err, "stopped; what was stored stays, and importing again goes on from there")
	}
	var bad int64
	for _, f := range done {
		bad += f.Bad
	}
	m.warnOfRetention(cfg.Retention, done)
	if e := m.summary(done); e != nil || err != nil {
		return errors.Join(err, e)
	}
	if bad > 0 {
		return fault.Wrap(fault.Invalid, errPartial, "%d of %d rows could not be read", bad, bad+m.rows)
	}
	return nil
}

// look finds out whether a file can be imported at all, and says what was taken
// from the file itself.
func (m *importer) look(path string) error {
	f, err := dump.Open(path)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // it was only looked at
	o, err := m.options(f)
	if err != nil {
		return err
	}
	if _, ok := all.Driver(o.Venue); !ok && o.Venue != market.ConsensusVenue && !m.quiet {
		fmt.Fprintf(m.err, "there is no connector for %s; its history is stored under that name all the same\n", o.Venue)
	}
	if h := f.Hint.Pair; h != "" && h != o.Pair && !m.quiet {
		fmt.Fprintf(m.err, "%s: this looks like %s, and is imported as %s as you say\n", f.Name(), h, o.Pair)
	}
	var taken []string
	if m.venue == "" {
		taken = append(taken, "--venue "+string(o.Venue))
	}
	if m.pair == "" {
		taken = append(taken, "--pair "+string(o.Pair))
	}
	if m.interval == "" && o.Interval != "" {
		taken = append(taken, "--interval "+string(o.Interval))
	}
	if note := strings.Join(taken, " "); note != m.said && note != "" && !m.quiet {
		m.said = note // a year of files says it once
		fmt.Fprintf(m.err, "%s: taken from the file itself: %s\n", f.Name(), note)
	}
	return nil
}

// options joins what the user says with what the file says.
func (m *importer) options(f *dump.File) (o dump.Options, err error) {
	h := f.Hint
	o = dump.Options{Venue: h.Venue, Pair: h.Pair, Interval: h.Interval, Known: m.known}
	if m.venue != "" {
		o.Venue = market.VenueID(m.venue)
		if len(m.venue) > 40 || strings.Trim(m.venue, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return o, fault.At(fault.Invalid, "venue", "%.40q is no venue; write it in small letters, such as kraken", m.venue)
		}
	}
	if m.pair != "" {
		if o.Pair, err = market.ParsePair(m.pair); err != nil {
			return o, err
		}
	}
	if m.interval != "" {
		if f.Channel() != market.Candles {
			return o, fault.At(fault.Invalid, "interval", "%s holds %s; leave --interval out", f.Name(), f.Channel())
		}
		if o.Interval, err = market.ParseInterval(m.interval); err != nil {
			return o, err
		}
	}
	doubt := ""
	if h.Doubt != "" {
		doubt = " (" + h.Doubt + ")"
	}
	switch {
	case o.Venue == "":
		return o, fault.At(fault.Invalid, "venue", "%s does not say which exchange it is of%s; add --venue, such as --venue kraken", f.Name(), doubt)
	case o.Pair == "":
		return o, fault.At(fault.Invalid, "pair", "%s does not say what was traded%s; add --pair, such as --pair BTC-USDT or BTC-USDT-PERP", f.Name(), doubt)
	case o.Interval == "" && f.Channel() == market.Candles && f.Format != dump.BinanceKlines: // whose rows say it
		return o, fault.At(fault.Invalid, "interval", "%s does not show how long its candles are; add --interval, such as --interval 1h", f.Name())
	}
	return o, nil
}

// file imports one file and tells what became of it, as far as it came.
func (m *importer) file(ctx context.Context, path string) (*importedFile, error) {
	f, err := dump.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // it was only read
	o, err := m.options(f)
	if err != nil {
		return nil, err
	}
	out := &importedFile{File: path, Format: f.Format, Channel: f.Channel(), Venue: o.Venue, Pair: o.Pair, Interval: o.Interval}
	begun := time.Now()
	before := m.stored()
	for b, e := range f.Read(o) {
		var bad *dump.RowError
		switch {
		case errors.As(e, &bad):
			if len(out.Problems) < mostProblems {
				out.Problems = append(out.Problems, bad.Error())
				m.clearLine()
				fmt.Fprintln(m.err, bad)
			}
			e = ctx.Err()
		case e == nil:
			m.rows += out.span(b)
			if e = ctx.Err(); e == nil && m.history != nil {
				e = m.history.Append(ctx, b)
			}
		}
		if err = e; err != nil {
			break
		}
		m.progress(out, f.Bad)
	}
	m.clearLine()
	if more := f.Bad - int64(len(out.Problems)); more > 0 {
		fmt.Fprintf(m.err, "%s: and %d more bad rows\n", f.Name(), more)
	}
	after := m.stored()
	out.Bad, out.took = f.Bad, time.Since(begun)
	out.Stored, out.Repeated = after.Rows-before.Rows, after.Repeated-before.Repeated
	out.Rate = float64(out.Rows) / max(out.took.Seconds(), 1e-9)
	return out, err
}

func (m *importer) stored() pebble.Stats {
	if m.history == nil {
		return pebble.Stats{}
	}
	return m.history.Stats()
}
