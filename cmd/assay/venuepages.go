package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"os"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/book"
	"github.com/assayhq/assay/market/feed"
	"github.com/assayhq/assay/market/venue"
	"github.com/assayhq/assay/market/venue/all"
)

// fixture is one test of a connector, as far as the pages tell of it.
type fixture struct {
	name, shows string
	kinds       map[market.Kind]bool
}

// fixturesOf reads what a connector is tested with; folder is its own, in the source.
func fixturesOf(d *venue.Driver, folder string) ([]fixture, error) {
	files, err := filepath.Glob(filepath.Join(folder, "testdata", "*.txtar"))
	if err != nil {
		return nil, err
	}
	var out []fixture
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			return nil, fault.Wrap(fault.Invalid, err, "%s cannot be read", f)
		}
		x := fixture{name: filepath.Base(f), kinds: map[market.Kind]bool{}}
		head, rest, _ := strings.Cut(string(text), "\n-- meta.json --\n")
		meta, rest, _ := strings.Cut(rest, "\n")
		if strings.Contains(meta, `"venue"`) && !strings.Contains(strings.ReplaceAll(meta, " ", ""), `"venue":"`+string(d.Spec.ID)+`"`) {
			continue
		}
		x.shows = strings.Join(strings.Fields(head), " ")
		for line := range strings.Lines(rest) {
			if !strings.Contains(line, `"type":"instrument"`) {
				continue
			}
			var in struct{ Kind market.Kind }
			if json.Unmarshal([]byte(line), &in) == nil && in.Kind != "" {
				x.kinds[in.Kind] = true
			}
		}
		out = append(out, x)
	}
	return out, nil
}

// folderOf finds a connector's folder: its id, or the beginning of it.
func folderOf(root string, id market.VenueID) string {
	for n := len(id); n > 2; n-- {
		dir := filepath.Join(root, string(id[:n]))
		if s, err := os.Stat(dir); err == nil && s.IsDir() {
			return dir
		}
	}
	return ""
}

var families = map[book.Join]string{
	book.Replace: "whole books", book.Stream: "snapshot in the stream, then changes", book.Chain: "snapshot in the stream, then a chain of changes",
	book.RESTRange: "changes joined to a snapshot by REST", book.RESTTime: "changes joined by time to a snapshot by REST", book.StreamRange: "changes joined to a snapshot asked for on the connection",
}

// venuePages writes a page of each exchange, and the table of all, from the connectors and
// their fixtures under root.
func venuePages(root string) (map[string][]byte, error) {
	files := map[string][]byte{}
	var index bytes.Buffer
	index.WriteString(`# Exchanges

Made by ` + "`make gen`" + ` from the connectors and their fixtures. How a book is followed and how a loss shows: [semantics](../semantics.md#books). What each connector still lacks
stands in its quirks.

| id | exchange | markets | streams | by request | books | a loss shows by | candles | history | fixtures |
|---|---|---|---|---|---|---|---|---|---|
`)
	for _, d := range all.Drivers() {
		folder := folderOf(root, d.Spec.ID)
		if folder == "" {
			return nil, fault.New(fault.Invalid, "%s has no connector of %s: run this in the source", root, d.Spec.ID)
		}
		tests, err := fixturesOf(d, folder)
		if err != nil {
			return nil, err
		}
		l := d.Current()
		kinds := map[market.Kind]bool{}
		for _, f := range tests {
			for k := range f.kinds {
				kinds[k] = true
			}
		}
		var markets []string
		for _, k := range []market.Kind{market.Spot, market.Perpetual, market.Dated, market.Option} {
			if kinds[k] {
				markets = append(markets, string(k))
			}
		}
		fmt.Fprintf(&index, "| [`%s`](%s.md) | %s | %s | %s | %s | %s | %s | %s | %s | %d |\n", d.Spec.ID, d.Spec.ID, d.Spec.Name, strings.Join(markets, ", "), list(l.Channels), asked(d),
			families[l.Book.Join], shows(l), bars(d), cellText(d.Spec.History), len(tests))
		files[string(d.Spec.ID)+".md"] = venuePage(d, markets, tests)
	}
	files["README.md"] = index.Bytes()
	return files, nil
}

func list(cs []market.Channel) string {
	var out []string
	for _, c := range cs {
		out = append(out, string(c))
	}
	return strings.Join(out, ", ")
}

// asked lists what REST is asked for besides instruments, books, trades and candles.
func asked(d *venue.Driver) string {
	out := []string{"instruments", "books", "trades"}
	if len(d.REST.Intervals) > 0 {
		out = append(out, "candles")
	}
	if d.REST.Derivatives {
		out = append(out, "mark, index, funding, open interest")
	}
	if d.REST.Funding {
		out = append(out, "settled funding")
	}
	if _, err := d.REST.Request(venue.Ask{What: venue.AskClock}); err == nil {
		out = append(out, "clock")
	}
	return strings.Join(out, ", ")
}

func shows(l *venue.Dialect) string {
	s := feed.Integrity(l.Book, false)
	if l.Book.Checksum != nil && s != "checksum" {
		s += ", checksum"
	}
	return s
}

func bars(d *venue.Driver) string {
	var out []string
	for _, i := range d.REST.Intervals {
		out = append(out, string(i))
	}
	return strings.Join(out, " ")
}

func every(r venue.Rate) string {
	if r.N == 0 {
		return "not limited"
	}
	return fmt.Sprintf("%d in %s", r.N, span(r.Per))
}

// span is a duration without the zero parts Go writes: 5m, not 5m0s.
func span(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

func venuePage(d *venue.Driver, markets []string, tests []fixture) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# %s\n\n`%s`, [its documentation](%s). Generated by `make gen`.\n\n", d.Spec.Name, d.Spec.ID, d.Spec.Docs)
	fmt.Fprintf(&b, "| | |\n|---|---|\n| markets | %s |\n| by request | %s |\n| candles by request | %s |\n| history | %s |\n", strings.Join(markets, ", "), asked(d), bars(d), cellText(d.Spec.History))
	for _, x := range d.Spec.Budgets {
		fmt.Fprintf(&b, "| allowance: %s | %s; half of it is used |\n", x.Name, every(x.Rate))
	}
	fmt.Fprintf(&b, "| connections | %s |\n\n## What to know\n", every(d.Spec.Handshakes))
	for _, q := range d.Spec.Quirks {
		fmt.Fprintf(&b, "* %s\n", q)
	}
	b.WriteString("\n## Stream protocols\n| name | spoken since | channels | books | a loss shows by | levels | ping | quiet for | subscriptions a connection |\n|---|---|---|---|---|---|---|---|---|\n")
	for i := range d.Dialects {
		l := &d.Dialects[i]
		since := "as far back as is known"
		if !l.Since.IsZero() {
			since = l.Since.Format(time.DateOnly)
		}
		ping := "by the venue, or none"
		if l.Session.PingEvery > 0 {
			ping = "every " + span(l.Session.PingEvery)
		}
		levels, subs := "all it sends", "not limited"
		if l.Book.Depth > 0 {
			levels = fmt.Sprint(l.Book.Depth)
		}
		if l.Session.MaxSubs > 0 {
			subs = fmt.Sprint(l.Session.MaxSubs)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s | %s | %s |\n", l.Name, since, list(l.Channels), families[l.Book.Join], shows(l), levels, ping, span(l.Session.Idle), subs)
	}
	b.WriteString("\n## Fixtures behind it\n")
	slices.SortFunc(tests, func(x, y fixture) int { return strings.Compare(x.name, y.name) })
	for _, f := range tests {
		fmt.Fprintf(&b, "* `%s`: %s\n", f.name, f.shows)
	}
	return b.Bytes()
}
