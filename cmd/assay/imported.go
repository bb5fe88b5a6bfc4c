package main

import (
	"fmt"
	"path/filepath"
	"time"

	"github.com/assayhq/assay/app"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/store/dump"
)

// importedFile is what became of one file.
type importedFile struct {
	File     string          `json:"file"`
	Format   dump.Format     `json:"format"`
	Channel  market.Channel  `json:"channel"`
	Venue    market.VenueID  `json:"venue"`
	Pair     market.Pair     `json:"pair"`
	Interval market.Interval `json:"interval,omitempty"`
	Rows     int64           `json:"rows"`     // read well
	Stored   int64           `json:"stored"`   // of those, new or newer than what was there
	Repeated int64           `json:"repeated"` // of those, known already
	Bad      int64           `json:"bad_rows"`
	From     string          `json:"from,omitempty"`
	To       string          `json:"to,omitempty"`
	Rate     float64         `json:"rows_per_second"`
	Problems []string        `json:"problems,omitempty"` // the first bad rows

	from, to time.Time
	took     time.Duration
}

// span takes a batch into the counts.
func (f *importedFile) span(b *market.Batch) int64 {
	n := f.Rows
	add := func(t time.Time) {
		if f.Rows == 0 || t.Before(f.from) {
			f.from, f.From = t, t.Format(time.RFC3339)
		}
		if f.Rows == 0 || t.After(f.to) {
			f.to, f.To = t, t.Format(time.RFC3339)
		}
		f.Rows++
	}
	for i := range b.Trades {
		add(b.Trades[i].At)
	}
	for i := range b.Quotes {
		add(b.Quotes[i].At)
	}
	for i := range b.Candles {
		add(b.Candles[i].Open)
		f.Interval = b.Candles[i].Interval
	}
	return f.Rows - n
}

// progress shows a line that changes on a terminal, else a line each ten seconds.
func (m *importer) progress(f *importedFile, bad int64) {
	pause := 10 * time.Second
	if terminal(m.err) {
		pause = 200 * time.Millisecond
	}
	if m.quiet || time.Since(m.shown) < pause {
		return
	}
	m.shown = time.Now()
	m.clearLine()
	fmt.Fprintf(m.err, "%s: %d rows, %d bad, at %s", filepath.Base(f.File), f.Rows, bad, f.To)
	if !terminal(m.err) {
		fmt.Fprintln(m.err)
	}
}

func (m *importer) clearLine() {
	if terminal(m.err) && !m.quiet {
		fmt.Fprint(m.err, "\r\033[K")
	}
}

// warnOfRetention says, once for each limit, when the next cleaning would take away
// what was imported.
func (m *importer) warnOfRetention(r app.Retention, files []*importedFile) {
	warned := map[string]bool{}
	for _, f := range files {
		name, keep := "", time.Duration(0)
		switch {
		case f.Channel == market.Trades:
			name, keep = "trades", r.Trades
		case f.Channel == market.Quotes:
			name, keep = "quotes", r.Quotes
		case f.Interval == "1s":
			name, keep = "candles_1s", r.OneSecond
		case f.Interval == "1m":
			name, keep = "candles_1m", r.OneMinute
		case f.Interval == "1h":
			name, keep = "candles_1h", r.OneHour
		}
		since := m.known.Add(-keep)
		if keep > 0 && f.Rows > 0 && f.from.Before(since) && !warned[name] {
			warned[name] = true
			fmt.Fprintf(m.err, "warning: %s holds rows from before %s; a running server deletes them, because retention.%s is %s. Set it to 0 to keep them\n",
				filepath.Base(f.File), since.Format(time.DateOnly), name, keep)
		}
	}
}

func (m *importer) summary(files []*importedFile) error {
	if m.output == "json" {
		sum := struct {
			DryRun bool            `json:"dry_run"`
			Rows   int64           `json:"rows"`
			Bad    int64           `json:"bad_rows"`
			From   string          `json:"from,omitempty"`
			To     string          `json:"to,omitempty"`
			Rate   float64         `json:"rows_per_second"`
			Files  []*importedFile `json:"files"`
		}{DryRun: m.dryRun, Files: files}
		var all importedFile
		for _, f := range files {
			sum.Rows += f.Rows
			sum.Bad += f.Bad
			all.took += f.took
			if f.Rows == 0 {
				continue
			}
			if sum.From == "" || f.from.Before(all.from) {
				all.from, sum.From = f.from, f.From
			}
			if sum.To == "" || f.to.After(all.to) {
				all.to, sum.To = f.to, f.To
			}
		}
		sum.Rate = float64(sum.Rows) / max(all.took.Seconds(), 1e-9)
		return writeJSON(m.out, sum)
	}
	t := newTable("file", "holds", "venue", "pair", "rows", "stored", "repeated", "bad", "from", "to", "rows/s")
	for _, f := range files {
		if m.output == "jsonl" {
			if err := writeJSON(m.out, f); err != nil {
				return err
			}
			continue
		}
		holds := string(f.Channel)
		if f.Interval != "" {
			holds += " " + string(f.Interval)
		}
		t.row(filepath.Base(f.File), holds, f.Venue, f.Pair, f.Rows, f.Stored, f.Repeated, f.Bad, f.From, f.To, fmt.Sprintf("%.0f", f.Rate))
	}
	switch m.output {
	case "jsonl":
		return nil
	case "csv":
		return t.csv(m.out)
	}
	if m.dryRun && !m.quiet {
		fmt.Fprintln(m.err, "a dry run: nothing was stored")
	}
	return t.print(m.out)
}
