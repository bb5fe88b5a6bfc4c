package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/assayhq/assay/access/meter"
	"github.com/assayhq/assay/api"
	"github.com/assayhq/assay/fault"
)

type usageRow struct {
	Org string `json:"org"`
	api.Usage
}

// usage tells what was used, from the meter's files.
func (c *cli) usage() *cobra.Command {
	var org, application, by, from, to, export string
	cmd := &cobra.Command{
		Use: "usage", Short: "What each app has used, from the files of this server", Args: cobra.NoArgs,
		Long: "Usage sums requests, units and bytes by app and hour, day or month (UTC). It reads the\n" +
			"data folder and may run beside the server; what was used in the last second or so may\n" +
			"not be there yet. With several servers each has its own files. --export cloudevents\n" +
			"writes the counters of all closed hours as events, one a line; an event that is\n" +
			"exported twice has the same id.",
		Example: "  assay usage --by month\n  assay usage --org acme --start 2026-11-01 -o csv\n  assay usage --export cloudevents --start 2026-11-01 --end 2026-11-02 > usage.jsonl",
		RunE: func(*cobra.Command, []string) error {
			if by != "hour" && by != "day" && by != "month" {
				return usageError{fmt.Errorf("--by %q: write hour, day or month", by)}
			}
			now := time.Now().UTC()
			start, err := flagTime("start", from, time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC))
			if err != nil {
				return err
			}
			end, err := flagTime("end", to, now.Add(time.Minute))
			if err != nil {
				return err
			}
			if !start.Before(end) {
				return usageError{fmt.Errorf("--end is not after --start; start is inclusive and end exclusive")}
			}
			if application != "" && org == "" {
				org = "default"
			}
			cfg, err := c.load(nil)
			if err != nil {
				return err
			}
			l, err := readUsage(filepath.Join(cfg.Data, "usage"))
			if err != nil {
				return err
			}
			switch export {
			case "":
				return c.printUsage(l.Usage(start, end, meter.Key{}, api.UsageBy(by)), org, application, by)
			case "cloudevents":
				if org != "" {
					return usageError{fmt.Errorf("--export writes all apps; leave --org and --app out")}
				}
				// An hour is exported once nothing can be added to it any more, on disk too.
				if closed := now.Add(-time.Minute).Truncate(time.Hour); end.After(closed) {
					end = closed
				}
				return l.Export(c.out, start, end)
			}
			return usageError{fmt.Errorf("--export %q: write cloudevents", export)}
		},
	}
	f := cmd.Flags()
	f.StringVar(&org, "org", "", "only this organisation")
	f.StringVar(&application, "app", "", "only this app, of the organisation default if none is given")
	f.StringVar(&by, "by", "day", "hour, day or month")
	f.StringVar(&from, "start", "", "date or time, inclusive; the first of this month when not given")
	f.StringVar(&to, "end", "", "date or time, exclusive; now when not given")
	f.StringVar(&export, "export", "", "write events instead: cloudevents")
	return cmd
}

func flagTime(name, text string, or time.Time) (time.Time, error) {
	if text == "" {
		return or, nil
	}
	for _, f := range []string{time.DateOnly, time.RFC3339} {
		if at, err := time.Parse(f, text); err == nil {
			return at.UTC(), nil
		}
	}
	return or, usageError{fmt.Errorf("--%s %q is no date or time; write 2026-11-01 or 2026-11-01T12:00:00Z", name, text)}
}

// readUsage reads the meter's files, which a server may be writing and putting together
// meanwhile: a file that is gone is in a newer one, so all are read again.
func readUsage(dir string) (*meter.Ledger, error) {
	for try := 1; ; try++ {
		names, err := filepath.Glob(filepath.Join(dir, "usage-*.log"))
		if err != nil {
			return nil, fault.Wrap(fault.Invalid, err, "the folder %s cannot be listed", dir)
		}
		if len(names) == 0 {
			return nil, fault.New(fault.Unknown, "there is no usage in %s: no server has metered into this folder", dir)
		}
		slices.Sort(names)
		l := meter.NewLedger()
		for i, name := range names {
			if err = mergeFile(l, name); err != nil && i == len(names)-1 && fault.Of(err) == fault.Invalid {
				err = nil // the last record is still being written
			}
			if err != nil {
				break
			}
		}
		if err == nil || try == 5 || !errors.Is(err, fs.ErrNotExist) {
			return l, err
		}
	}
}

func mergeFile(l *meter.Ledger, name string) error {
	f, err := os.Open(name)
	if err != nil {
		return fault.Wrap(fault.Unavailable, err, "the usage file %s cannot be opened", name)
	}
	defer f.Close()
	if err := l.Merge(f); err != nil {
		return fault.Wrap(fault.Of(err), err, "%s: %s", filepath.Base(name), fault.Public(err))
	}
	return nil
}

func (c *cli) printUsage(lines []meter.Line, org, application, by string) error {
	orgs := map[string][]meter.Line{}
	for _, l := range lines {
		o, a, _ := strings.Cut(l.App, "/")
		if (org == "" || o+"/" == api.MeterApp(org, "")) && (application == "" || a == application) {
			orgs[o] = append(orgs[o], l)
		}
	}
	form := time.DateOnly
	switch by {
	case "hour":
		form = "2006-01-02T15:04Z"
	case "month":
		form = "2006-01"
	}
	unescape := strings.NewReplacer("%2F", "/", "%25", "%")
	t := newTable(by, "org", "app", "requests", "refused", "failed", "units", "bytes")
	for _, o := range slices.Sorted(maps.Keys(orgs)) {
		for _, u := range api.SumUsage(orgs[o], by) {
			if c.inJSON() {
				if err := writeJSON(c.out, usageRow{unescape.Replace(o), u}); err != nil {
					return err
				}
				continue
			}
			t.row(u.Start.Format(form), unescape.Replace(o), u.App, u.Requests, u.Refused, u.Failed, u.Units, u.Bytes)
		}
	}
	return c.printRows(t, "")
}
