package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/internal/capture"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/store/pebble"
)

func (c *cli) frames() *cobra.Command {
	var venue, from, to string
	cmd := &cobra.Command{
		Use:   "frames --venue NAME [FILE]",
		Short: "Write kept raw messages of an exchange as a recording",
		Long: `Frames writes the raw messages that were kept (setting frames.keep) as a recorded
session, to FILE or standard output. assay normalize and assay replay read it.
The server on the same data folder must be stopped.`,
		Example: "  assay frames --venue kraken --from 2026-08-09 > kraken.jsonl\n  assay replay kraken.jsonl",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if venue == "" {
				return usageError{fmt.Errorf("--venue is missing: the exchange, such as kraken")}
			}
			var r market.Range
			var err error
			if r.From, err = moment("from", from); err != nil {
				return err
			}
			if r.To, err = moment("to", to); err != nil {
				return err
			}
			cfg, err := c.load(nil)
			if err != nil {
				return err
			}
			s, err := pebble.Open(filepath.Join(cfg.Data, "history"), pebble.Options{FrameBytes: cfg.Frames.MaxBytes, FrameKeep: cfg.Frames.MaxAge})
			if err != nil {
				return err
			}
			defer s.Close()
			out := c.out
			if len(args) == 1 {
				f, err := os.Create(args[0])
				if err != nil {
					return fault.Wrap(fault.Invalid, err, "%s cannot be written", args[0])
				}
				defer f.Close()
				out = f
			}
			n, err := writeFrames(cmd, out, s, market.VenueID(venue), r)
			if err != nil {
				return err
			}
			if n == 0 {
				return fault.New(fault.Unknown, "no raw messages of %s are kept in that time; set frames.keep to keep them", venue)
			}
			if !c.quiet {
				fmt.Fprintf(c.err, "%d records\n", n)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&venue, "venue", "", "the exchange")
	cmd.Flags().StringVar(&from, "from", "", "first time, inclusive: a date or RFC 3339")
	cmd.Flags().StringVar(&to, "to", "", "last time, exclusive")
	return cmd
}

func writeFrames(cmd *cobra.Command, w io.Writer, s market.Frames, v market.VenueID, r market.Range) (int, error) {
	out := bufio.NewWriterSize(w, 1<<16)
	n := 0
	var line []byte
	for f, err := range s.ReadFrames(cmd.Context(), v, r) {
		if err != nil {
			return n, err
		}
		if n == 0 {
			line = capture.AppendHeader(line[:0], strings.ToUpper(string(v)), f.Received)
			if _, err := out.Write(line); err != nil {
				return n, err
			}
		}
		line = capture.Append(line[:0], f.Kind, f.Conn, f.Addr, f.Data, f.Received)
		if _, err := out.Write(line); err != nil {
			return n, err
		}
		n++
	}
	return n, out.Flush()
}

// moment reads a date or an RFC 3339 time; "" is the zero time.
func moment(name, s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	for _, f := range []string{time.DateOnly, time.RFC3339Nano} {
		if t, err := time.Parse(f, s); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fault.At(fault.Invalid, name, "%q is no date or time; write 2026-08-09 or 2026-08-09T21:00:00Z", s)
}
