package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/assayhq/assay/fault"
)

// backfillJob is a job as the server tells it.
type backfillJob struct {
	ID       string     `json:"id"`
	Venue    string     `json:"venue"`
	Pair     string     `json:"pair"`
	What     string     `json:"what"`
	Interval *string    `json:"interval"`
	Start    time.Time  `json:"start"`
	End      time.Time  `json:"end"`
	State    string     `json:"state"`
	Rows     int64      `json:"rows"`
	Added    int64      `json:"added"`
	At       *time.Time `json:"at"`
	Percent  float64    `json:"percent"`
	Left     *float64   `json:"seconds_left"`
	Retries  int64      `json:"retries"`
	Error    *string    `json:"error"`
	Note     *string    `json:"note"`
}

func (j *backfillJob) ended() bool {
	return j.State == "done" || j.State == "cancelled" || j.State == "failed"
}

func (j *backfillJob) what() string {
	if j.Interval != nil {
		return j.What + " " + *j.Interval
	}
	return j.What
}

func (c *cli) backfillCmd() *cobra.Command {
	var venue, pair, what, interval, start, end string
	var share float64
	var detach bool
	cmd := &cobra.Command{
		Use: "backfill --venue VENUE --pair PAIR --start TIME", Short: "Have a running server fetch history of an exchange", Args: cobra.NoArgs,
		Long: `Backfill has a running server ask an exchange by REST for candles, trades or settled
funding of a range, and shows how far it is. Ctrl-C stops watching; the job goes on in
the server, also after its restart: assay backfill list tells how far it is, assay
backfill cancel ID ends it. It uses a share of what the live feed leaves of the
exchange's request allowance.`,
		Example: "  assay backfill --venue kraken --pair BTC-USD --what trades --start 2026-11-01 --end 2026-11-02\n  assay backfill --venue binance --pair BTC-USDT --what candles --interval 1m --start 2026-01-01 --share 0.9\n  assay backfill --venue okx --pair BTC-USDT-PERP --what funding --start 2026-09-01 -o json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			for _, f := range []struct{ name, value string }{{"venue", venue}, {"pair", pair}, {"start", start}} {
				if f.value == "" {
					return usageError{fmt.Errorf("--%s is missing, as in `assay backfill --venue kraken --pair BTC-USD --what candles --interval 1m --start 2026-01-01`", f.name)}
				}
			}
			ask := map[string]any{"venue": venue, "pair": pair, "what": what, "start": start}
			if what == "candles" {
				ask["interval"] = interval
			}
			if end != "" {
				ask["end"] = end
			}
			if cmd.Flags().Changed("share") {
				ask["share"] = share
			}
			return c.backfill(cmd.Context(), ask, detach)
		},
	}
	f := cmd.Flags()
	f.StringVar(&venue, "venue", "", "the exchange, such as kraken")
	f.StringVar(&pair, "pair", "", "what was traded, such as BTC-USD")
	f.StringVar(&what, "what", "candles", "candles, trades or funding")
	f.StringVarP(&interval, "interval", "i", "1m", "length of a candle; one that the exchange has")
	f.StringVar(&start, "start", "", "first time, inclusive: a date or RFC 3339")
	f.StringVar(&end, "end", "", "last time, exclusive (default: now)")
	f.Float64Var(&share, "share", 0.5, "part of what the feed leaves of the exchange's allowance, above 0 and at most 1")
	f.BoolVar(&detach, "detach", false, "print the job and do not wait for it")
	c.clientFlags(cmd)
	cmd.AddCommand(c.backfillList(), c.backfillCancel())
	return cmd
}

// backfill queues a job and shows its progress until it has ended.
func (c *cli) backfill(ctx context.Context, ask map[string]any, detach bool) error {
	var j backfillJob
	if err := c.tellServer(ctx, http.MethodPost, "/v1/backfills", ask, &j); err != nil {
		return err
	}
	live := terminal(c.err)
	said := time.Time{}
	for !detach && !j.ended() {
		if now := time.Now(); !c.quiet && (live || now.Sub(said) >= 10*time.Second) {
			said = now
			if live {
				fmt.Fprint(c.err, "\r\033[K"+j.line())
			} else {
				fmt.Fprintln(c.err, j.line())
			}
		}
		select {
		case <-time.After(500 * time.Millisecond):
		case <-ctx.Done():
			fmt.Fprintf(c.err, "\n%s goes on in the server; `assay backfill cancel %s` ends it\n", j.ID, j.ID)
			return ctx.Err()
		}
		if err := c.read(ctx, "/v1/backfills/"+url.PathEscape(j.ID), url.Values{}, &j); err != nil {
			if ctx.Err() != nil || fault.Of(err) == fault.Unavailable || fault.Of(err) == fault.Exhausted {
				continue // the server is being restarted, or busy: the job goes on
			}
			return err
		}
	}
	if live && !c.quiet && !detach {
		fmt.Fprint(c.err, "\r\033[K")
	}
	if err := c.printBackfills([]backfillJob{j}); err != nil {
		return err
	}
	if j.Note != nil && !c.quiet {
		fmt.Fprintln(c.err, *j.Note)
	}
	if j.State == "failed" {
		why := "it says no more"
		if j.Error != nil {
			why = *j.Error
		}
		return fault.New(fault.Unavailable, "the backfill failed: %s", why)
	}
	return nil
}

// line is the progress of a job on one line.
func (j *backfillJob) line() string {
	if j.State == "queued" {
		return j.ID + " waits for its turn"
	}
	at := ""
	if j.At != nil {
		at = "  at " + j.At.UTC().Format("2006-01-02 15:04")
	}
	line := fmt.Sprintf("%.1f %%  %d rows, %d new%s", j.Percent, j.Rows, j.Added, at)
	if j.Left != nil {
		line += "  " + (time.Duration(*j.Left * float64(time.Second))).Round(time.Second).String() + " left"
	}
	if j.Retries > 0 && j.Error != nil {
		line += fmt.Sprintf("  (%d retries; last: %s)", j.Retries, *j.Error)
	}
	return line
}

func (c *cli) printBackfills(list []backfillJob) error {
	if c.inJSON() {
		for i := range list {
			if err := writeJSON(c.out, list[i]); err != nil {
				return err
			}
		}
		return nil
	}
	t := newTable("id", "venue", "pair", "what", "start", "end", "state", "%", "rows", "new", "left", "error or note")
	for i := range list {
		j := &list[i]
		left, why := "", ""
		if j.Left != nil {
			left = (time.Duration(*j.Left * float64(time.Second))).Round(time.Second).String()
		}
		if j.Note != nil {
			why = *j.Note
		}
		if j.Error != nil && j.State != "done" {
			why = *j.Error
		}
		const day = "2006-01-02 15:04"
		t.row(j.ID, j.Venue, j.Pair, j.what(), j.Start.UTC().Format(day), j.End.UTC().Format(day), j.State, fmt.Sprintf("%.1f", j.Percent), j.Rows, j.Added, left, why)
	}
	return c.printRows(t, "no backfill was asked for yet")
}

func (c *cli) backfillList() *cobra.Command {
	var state string
	cmd := &cobra.Command{
		Use: "list", Short: "Backfills of a running server with their progress", Args: cobra.NoArgs, Example: "  assay backfill list\n  assay backfill list --state running -o json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			q := url.Values{}
			if state != "" {
				q.Set("state", state)
			}
			var list []backfillJob
			if err := c.read(cmd.Context(), "/v1/backfills", q, &list); err != nil {
				return err
			}
			return c.printBackfills(list)
		},
	}
	cmd.Flags().StringVar(&state, "state", "", "queued, running, done, cancelled or failed")
	c.clientFlags(cmd)
	return cmd
}

func (c *cli) backfillCancel() *cobra.Command {
	cmd := &cobra.Command{
		Use: "cancel ID", Short: "Stop a backfill; what it has fetched stays", Args: cobra.ExactArgs(1), Example: "  assay backfill cancel bf_3xk2m5p7q9rstvwz",
		RunE: func(cmd *cobra.Command, args []string) error {
			var j backfillJob
			if err := c.tellServer(cmd.Context(), http.MethodDelete, "/v1/backfills/"+url.PathEscape(args[0]), nil, &j); err != nil {
				return err
			}
			return c.printBackfills([]backfillJob{j})
		},
	}
	c.clientFlags(cmd)
	return cmd
}

// tellServer makes a request with a JSON body (or none) and reads the answer's data.
func (c *cli) tellServer(ctx context.Context, method, path string, ask, data any) error {
	var body io.Reader
	if ask != nil {
		b, err := json.Marshal(ask)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	res, err := c.requestWith(ctx, method, path, nil, body, func(*http.Response) {})
	if err != nil {
		return err
	}
	defer res.Close()
	var a struct{ Data any }
	a.Data = data
	if err := json.NewDecoder(res).Decode(&a); err != nil {
		return fault.Wrap(fault.Unavailable, err, "the server's answer cannot be read")
	}
	return nil
}
