package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/assayhq/assay/app"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
)

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

func (c *cli) normalize() *cobra.Command {
	var venue string
	var opt app.NormalizeOptions
	cmd := &cobra.Command{
		Use:   "normalize --venue NAME FILE",
		Short: "Read a recorded exchange session and print what it says",
		Long: `Normalize reads a recorded session (JSON lines, plain or zstd) through the same
decoders and checks that live data goes through, and writes one JSON object a line:
trades, quotes, book snapshots and differences, candles, gaps. The protocol is the
one the exchange spoke on the day of the recording. docs/semantics.md says what each
field means.

Exit code 7 means that some frames could not be read; they are in the output as errors.`,
		Example: "  assay normalize --venue kraken session.jsonl.zst | head\n  assay normalize --venue kraken --summary session.jsonl.zst",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if venue == "" {
				return usageError{fmt.Errorf("--venue is missing: the exchange the file was recorded from, such as kraken")}
			}
			sum, err := app.Normalize(cmd.Context(), market.VenueID(venue), args[0], c.out, opt)
			if err != nil {
				return err
			}
			if sum.DecodeErrors > 0 {
				return fault.Wrap(fault.Invalid, errPartial, "%d of %d messages could not be read", sum.DecodeErrors, sum.Messages+sum.Answers)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&venue, "venue", "", "the exchange, such as kraken")
	cmd.Flags().BoolVar(&opt.Summary, "summary", false, "print one JSON object with counts and throughput instead")
	cmd.Flags().BoolVar(&opt.All, "all", false, "print instruments and notices too")
	return cmd
}

func (c *cli) bench() *cobra.Command {
	var atLeast time.Duration
	cmd := &cobra.Command{
		Use:   "bench FILE...",
		Short: "Measure how fast recordings are normalized on one thread",
		Long: `Bench plays recordings from memory through decoders, checks and books, on one
thread, for at least --time each, and prints the median round. Reading and
decompressing the files is not counted; instrument lists are read once before.`,
		Example: "  assay bench captures/*.jsonl.zst",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var files []string
			for _, a := range args {
				if st, err := os.Stat(a); err == nil && st.IsDir() {
					more, _ := filepath.Glob(filepath.Join(a, "*.jsonl*"))
					files = append(files, more...)
					continue
				}
				files = append(files, a)
			}
			slices.Sort(files)
			note := c.err
			if c.quiet {
				note = io.Discard
			}
			rows, err := app.Bench(cmd.Context(), files, atLeast, note)
			if err != nil {
				return err
			}
			if c.output != "table" {
				for _, r := range rows {
					if err := writeJSON(c.out, r); err != nil {
						return err
					}
				}
				return nil
			}
			t := newTable("recording", "messages", "messages/s", "MB/s", "allocs/message", "checksums", "books", "errors", "rounds")
			for _, r := range rows {
				t.row(r.Name, r.Messages, fmt.Sprintf("%.0f", r.PerSecond), fmt.Sprintf("%.0f", r.MBPerSecond), fmt.Sprintf("%.2f", r.Allocs), r.Checksums, r.Joined, r.Errors, r.Rounds)
			}
			return t.print(c.out)
		},
	}
	cmd.Flags().DurationVar(&atLeast, "time", 2*time.Second, "how long to play each recording")
	return cmd
}
