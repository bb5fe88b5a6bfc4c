package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/export"
	"github.com/assayhq/assay/market/feed"
	"github.com/assayhq/assay/store/pebble"
)

// exporter is one run of the export command.
type exporter struct {
	*cli
	channel                              market.Channel
	pair, venue, interval, from, to      string
	known, format, indicators, file, url string
	float, estimate                      bool
}

func (c *cli) exportCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use: "export", Short: "Write candles or trades to a file that data tools read", Args: cobra.NoArgs,
		Example: "  assay export candles --pair BTC-USD --interval 1h -O btc.parquet\n  assay export trades --venue kraken --pair BTC-USD --from 2026-08-01 --to 2026-09-01 -O trades.parquet",
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.exportOf(market.Candles), c.exportOf(market.Trades))
	return cmd
}

func (c *cli) exportOf(channel market.Channel) *cobra.Command {
	x := &exporter{cli: c, channel: channel}
	cmd := &cobra.Command{
		Use:   string(channel) + " --pair PAIR -O FILE",
		Short: "Write " + string(channel) + " to a Parquet, Arrow, CSV or NDJSON file",
		Long: `Export writes ` + string(channel) + ` of any range to a file, with when each row happened and
known_time, from which on it was known here. It reads the data folder, whose server
must be stopped, or with --url a running server.

The file has another name while it is being written; if that fails nothing is left.
--estimate says how large it will be and writes nothing.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return x.run(cmd.Context()) },
	}
	f := cmd.Flags()
	f.StringVar(&x.pair, "pair", "", "what was traded, such as BTC-USD; several with commas")
	f.StringVar(&x.from, "from", "", "first time, inclusive: a date or RFC 3339 (default: from the first row)")
	f.StringVar(&x.to, "to", "", "last time, exclusive (default: now)")
	f.StringVar(&x.known, "known-before", "", "leave out what was not known here before that time")
	f.StringVar(&x.format, "format", "", "parquet, arrow, csv or ndjson (default: as the file's name ends)")
	f.StringVarP(&x.file, "out", "O", "", "the file; - is standard output")
	f.BoolVar(&x.float, "float", false, "prices and amounts as binary floating point, which is not exact")
	f.BoolVar(&x.estimate, "estimate", false, "say how large the file will be, write nothing")
	f.StringVar(&x.url, "url", os.Getenv("ASSAY_URL"), "a running server (ASSAY_URL); without it the data folder is read")
	f.StringVar(&c.key, "key", "", "an API key for it (ASSAY_API_KEY)")
	if channel == market.Candles {
		cmd.Example = "  assay export candles --pair BTC-USD -i 1h -O btc.parquet\n  assay export candles --venue kraken,binance --pair BTC-USDT,ETH-USDT -i 1m --from 2026-01-01 -O minutes.arrow\n  assay export candles --pair BTC-USD -i 1d --indicators 'RSI,MACD(fast_period=5)' -O days.csv\n  assay export candles --url http://127.0.0.1:8080 --pair BTC-USD --estimate"
		f.StringVar(&x.venue, "venue", string(market.ConsensusVenue), "exchanges, with commas; consensus for bars of the fair price")
		f.StringVarP(&x.interval, "interval", "i", "1h", "length of a candle: 1s to 1M")
		f.StringVar(&x.indicators, "indicators", "", "columns beside the candles, such as RSI,MACD(fast_period=5)")
	} else {
		cmd.Example = "  assay export trades --venue kraken --pair BTC-USD --from 2026-08-01 --to 2026-09-01 -O trades.parquet\n  assay export trades --venue kraken --pair BTC-USD --known-before 2026-08-02 -O -  --format csv | head"
		f.StringVar(&x.venue, "venue", "", "exchanges, with commas")
	}
	return cmd
}

func (x *exporter) run(ctx context.Context) error {
	switch {
	case x.pair == "":
		return usageError{fmt.Errorf("--pair is missing: what was traded, such as BTC-USD")}
	case x.venue == "":
		return usageError{fmt.Errorf("--venue is missing: the exchange, such as kraken")}
	case x.file == "" && !x.estimate:
		return usageError{fmt.Errorf("-O is missing: the file to write, such as out.parquet, or - for standard output")}
	}
	if x.format == "" {
		x.format = string(export.Parquet)
		if end := strings.TrimPrefix(filepath.Ext(x.file), "."); slices.Contains(export.Formats(), export.Format(end)) {
			x.format = end
		}
	}
	if x.url != "" {
		return x.fromServer(ctx)
	}
	return x.fromFolder(ctx)
}

// request is the export as the flags say it.
func (x *exporter) request() (r export.Request, err error) {
	r = export.Request{Channel: x.channel, Interval: market.Interval(x.interval), Format: export.Format(x.format), Float: x.float}
	for _, t := range []struct {
		name, text string
		to         *time.Time
	}{{"from", x.from, &r.From}, {"to", x.to, &r.To}, {"known-before", x.known, &r.KnownBefore}} {
		if *t.to, err = moment(t.name, t.text); err != nil {
			return r, err
		}
	}
	if r.Indicators, err = export.ParseIndicators(x.indicators); err != nil {
		return r, err
	}
	for v := range strings.SplitSeq(x.venue, ",") {
		for text := range strings.SplitSeq(x.pair, ",") {
			p, err := market.ParsePair(strings.TrimSpace(text))
			if err != nil {
				return r, err
			}
			if s := (market.Series{Venue: market.VenueID(strings.TrimSpace(v)), Pair: p}); !slices.Contains(r.Series, s) {
				r.Series = append(r.Series, s)
			}
		}
	}
	return r, nil
}

func (x *exporter) fromFolder(ctx context.Context) (err error) {
	r, err := x.request()
	if err != nil {
		return err
	}
	cfg, err := x.load(nil)
	if err != nil {
		return err
	}
	dir := filepath.Join(cfg.Data, "history")
	if _, err := os.Stat(dir); err != nil {
		return fault.Wrap(fault.Unknown, err, "there is no history in %s; choose the folder with --data, or a running server with --url", cfg.Data)
	}
	catalogue, err := asset.Load()
	if err != nil {
		return err
	}
	h, err := pebble.Open(dir, pebble.Options{})
	if fault.Of(err) == fault.Conflict {
		return fault.Wrap(fault.Conflict, err, "%s is in use by a running server; ask it with --url http://127.0.0.1:8080", cfg.Data)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	now := func() time.Time { return time.Now().UTC() }
	e, err := export.Open(ctx, export.Source{History: h, Candles: feed.NewReader(h, nil, catalogue.IsStable, now), Now: now}, r)
	if err != nil {
		return err
	}
	if x.estimate {
		return x.tell(e.Estimate())
	}
	return x.save(e.Estimate(), func() export.Progress { return e.Progress(time.Now()) }, func(w io.Writer) (export.Summary, error) { return e.Run(ctx, w) })
}

// fromServer asks a running server for the same.
func (x *exporter) fromServer(ctx context.Context) error {
	q := url.Values{"pair": {x.pair}, "venue": {x.venue}, "format": {x.format}}
	for k, v := range map[string]string{"interval": x.interval, "start": x.from, "end": x.to, "known_before": x.known, "indicators": x.indicators} {
		if v != "" {
			q.Set(k, v)
		}
	}
	if x.float {
		q.Set("float", "true")
	}
	x.cli.url = x.url
	path := "/v1/exports/" + string(x.channel)
	if x.estimate {
		q.Set("estimate", "true")
		return x.askSize(ctx, path, q)
	}
	var head http.Header
	var trailer *http.Header
	body, err := x.askWith(ctx, path, q, func(res *http.Response) { head, trailer = res.Header, &res.Trailer })
	if err != nil {
		return err
	}
	defer body.Close()
	var size export.Estimate
	_, _ = fmt.Sscanf(head.Get("Assay-Export-Estimate"), "rows=%d, bytes=%d", &size.Rows, &size.Bytes) //nolint:errcheck // it is for progress alone
	begun := time.Now()
	var got atomic.Int64
	progress := func() export.Progress {
		p := export.Progress{Bytes: got.Load()}
		if size.Bytes > 0 {
			share := min(0.999, float64(p.Bytes)/float64(size.Bytes))
			p.Rows, p.Percent = int64(share*float64(size.Rows)), 100*share
			if took := time.Since(begun); share > 0 {
				p.Rate = float64(p.Rows) / took.Seconds()
				p.Left = time.Duration(float64(took) * (1 - share) / share)
			}
		}
		return p
	}
	return x.save(size, progress, func(w io.Writer) (sum export.Summary, err error) {
		sum.Bytes, err = io.Copy(w, io.TeeReader(body, tally{&got}))
		if err != nil {
			return sum, fault.Wrap(fault.Unavailable, err, "the server cut the export off: %v", err)
		}
		if sum.Rows, err = strconv.ParseInt(trailer.Get("Assay-Export-Rows"), 10, 64); err != nil {
			return sum, fault.New(fault.Unavailable, "the server ended the export without saying how many rows it has, so it may not be whole")
		}
		sum.LeftOut, _ = strconv.ParseInt(trailer.Get("Assay-Export-Left-Out"), 10, 64) //nolint:errcheck // 0 then
		return sum, nil
	})
}

func (x *exporter) askSize(ctx context.Context, path string, q url.Values) error {
	body, err := x.ask(ctx, path, q)
	if err != nil {
		return err
	}
	defer body.Close()
	var a struct{ Data export.Estimate }
	if err := json.NewDecoder(body).Decode(&a); err != nil {
		return fault.Wrap(fault.Unavailable, err, "the server's answer cannot be read")
	}
	return x.tell(a.Data)
}

type tally struct{ n *atomic.Int64 }

func (t tally) Write(b []byte) (int, error) {
	t.n.Add(int64(len(b)))
	return len(b), nil
}

// save writes the file under another name and gives it its own when it is whole.
func (x *exporter) save(size export.Estimate, progress func() export.Progress, write func(io.Writer) (export.Summary, error)) error {
	if !x.quiet {
		fmt.Fprintf(x.err, "about %d rows, %s\n", size.Rows, bytesText(size.Bytes))
	}
	stop := x.watchExport(progress)
	begun := time.Now()
	var sum export.Summary
	var err error
	if x.file == "-" {
		sum, err = write(x.out)
	} else {
		sum, err = intoFile(x.file, write)
	}
	stop()
	if err != nil {
		return err
	}
	if !x.quiet {
		took := time.Since(begun)
		fmt.Fprintf(x.err, "%d rows, %s in %s (%.0f rows/s)\n", sum.Rows, bytesText(sum.Bytes), took.Round(10*time.Millisecond), float64(sum.Rows)/max(took.Seconds(), 1e-9))
		if sum.LeftOut > 0 {
			fmt.Fprintf(x.err, "%d rows were left out: not known before %s\n", sum.LeftOut, x.known)
		}
		if sum.Rows == 0 {
			fmt.Fprintln(x.err, "there is nothing in that range; the file has its columns and no rows")
		}
	}
	return nil
}

// intoFile leaves a whole file or none.
func intoFile(path string, write func(io.Writer) (export.Summary, error)) (sum export.Summary, err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*.part")
	if err != nil {
		return sum, fault.Wrap(fault.Invalid, err, "%s cannot be written: %v", path, err)
	}
	defer func() {
		if err != nil {
			_ = f.Close()           //nolint:errcheck // it goes away
			_ = os.Remove(f.Name()) //nolint:errcheck // the first error is the one to tell
		}
	}()
	w := bufio.NewWriterSize(f, 1<<20)
	if sum, err = write(w); err != nil {
		return sum, err
	}
	for _, step := range []func() error{w.Flush, func() error { return f.Chmod(0o644) }, f.Sync, f.Close, func() error { return os.Rename(f.Name(), path) }} {
		if err = step(); err != nil {
			return sum, fault.Wrap(fault.Unavailable, err, "%s cannot be written: %v", path, err)
		}
	}
	return sum, nil
}

// watchExport shows progress until what it gives is called: a line that changes on a
// terminal, else a line each ten seconds.
func (x *exporter) watchExport(progress func() export.Progress) (stop func()) {
	if x.quiet {
		return func() {}
	}
	live := terminal(x.err)
	pause := 10 * time.Second
	if live {
		pause = 200 * time.Millisecond
	}
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		t := time.NewTicker(pause)
		defer t.Stop()
		for {
			select {
			case <-end:
				if live {
					fmt.Fprint(x.err, "\r\033[K")
				}
				return
			case <-t.C:
			}
			p := progress()
			line := fmt.Sprintf("%.1f %%  %d rows  %s  %.0f rows/s", p.Percent, p.Rows, bytesText(p.Bytes), p.Rate)
			if p.Left > 0 {
				line += "  " + p.Left.Round(time.Second).String() + " left"
			}
			if live {
				fmt.Fprint(x.err, "\r\033[K"+line)
			} else {
				fmt.Fprintln(x.err, line)
			}
		}
	}()
	return func() { close(end); <-ended }
}

// tell prints an estimate.
func (x *exporter) tell(size export.Estimate) error {
	if x.output == "json" || x.output == "jsonl" {
		return writeJSON(x.out, size)
	}
	t := newTable("rows (about)", "size (about)", "format")
	t.row(size.Rows, bytesText(size.Bytes), x.format)
	if x.output == "csv" {
		return t.csv(x.out)
	}
	return t.print(x.out)
}

// bytesText is a size for people.
func bytesText(n int64) string {
	const units = "kMGTP"
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	f, i := float64(n)/1000, 0
	for ; f >= 999.95 && i < len(units)-1; i++ {
		f /= 1000
	}
	return fmt.Sprintf("%.1f %cB", f, units[i])
}
