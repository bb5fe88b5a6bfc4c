package venuetest

import (
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/book"
	"github.com/assayhq/assay/market/venue"
)

// now is the present of the exam.
var now = time.Date(2026, 8, 9, 12, 0, 0, 0, time.UTC)

var identifier = regexp.MustCompile(`^[a-z][a-z0-9]+$`)

func upper(s string) string { return strings.ToUpper(s) }

func examineSpec(t *testing.T, d *venue.Driver) {
	s := d.Spec
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	if folder := filepath.Base(dir); !identifier.MatchString(string(s.ID)) || !strings.HasPrefix(string(s.ID), folder) {
		t.Errorf("ID %q is not the name of the folder %q, or that and more in lower case", s.ID, folder)
	}
	if s.Name == "" {
		t.Error("Name is missing")
	}
	address(t, "Docs", s.Docs, "https", true)
	address(t, "Stream", s.Stream, "wss", false)
	address(t, "Base", s.Base, "https", false)
	if len(s.Budgets) == 0 {
		t.Error("Budgets is empty: an exchange without request limits does not exist")
	}
	names := map[string]bool{}
	for _, b := range s.Budgets {
		if b.Name == "" || names[b.Name] {
			t.Errorf("budget %q has no name of its own", b.Name)
		}
		names[b.Name] = true
		rate(t, "budget "+b.Name, b.Rate)
	}
	rate(t, "Handshakes", s.Handshakes)
	if len(s.Quirks) == 0 {
		t.Error("Quirks is empty: say what a user of the data should know")
	}
	for _, q := range s.Quirks {
		if !strings.HasSuffix(q, ".") || len(q) < 20 {
			t.Errorf("quirk %q is no sentence", q)
		}
	}
	if s.History == "" {
		t.Error("History is missing: say how far back REST reaches")
	}
	if d.Guess == nil || d.REST.Request == nil || d.REST.Decode == nil || d.REST.Next == nil {
		t.Fatal("Guess, REST.Request, REST.Decode and REST.Next are needed")
	}
	if len(d.Dialects) == 0 {
		t.Fatal("Dialects is empty")
	}
	names = map[string]bool{}
	for i := range d.Dialects {
		l := &d.Dialects[i]
		if l.Name == "" || names[l.Name] {
			t.Errorf("dialect %d %q has no name of its own", i, l.Name)
		}
		names[l.Name] = true
		if i > 0 && l.Since.After(d.Dialects[i-1].Since) {
			t.Errorf("dialect %s is younger than the one before it: newest come first", l.Name)
		}
		t.Run(l.Name, func(t *testing.T) { examineDialect(t, d, l) })
	}
	if u, err := url.Parse(s.Stream + path(d.Current(), market.Trades)); err == nil {
		if l, err := d.Pick(u, now); err != nil || l != d.Current() {
			t.Errorf("%s does not lead to the newest dialect: %v", u, err)
		}
	}
	for i, v := range d.REST.Intervals {
		if !slices.Contains(market.Intervals(), v) || i > 0 && v.Length() <= d.REST.Intervals[i-1].Length() {
			t.Errorf("interval %q of REST is unknown to market, or out of order", v)
		}
	}
}

func examineDialect(t *testing.T, d *venue.Driver, l *venue.Dialect) {
	if l.Open == nil || l.Subscribe == nil || l.Unsubscribe == nil && !l.Session.Whole && !leaves(d, l) {
		t.Fatal("Open, Subscribe and Unsubscribe are needed")
	}
	if len(l.Channels) == 0 {
		t.Error("Channels is empty")
	}
	for _, c := range l.Channels {
		address(t, "stream of "+string(c), d.Spec.Stream+path(l, c), "wss", true)
	}
	s := l.Session
	if s.Idle <= 0 {
		t.Error("Session.Idle is missing: say when a quiet connection is dead")
	}
	if s.Ping != nil && (s.PingEvery <= 0 || s.PingEvery >= s.Idle) {
		t.Errorf("Session.PingEvery %v is not between 0 and Idle, %v", s.PingEvery, s.Idle)
	}
	rate(t, "Session.Messages", s.Messages)
	for c, quiet := range s.Silence {
		if !slices.Contains(l.Channels, c) || quiet <= 0 {
			t.Errorf("Session.Silence of %s: %v, a channel it has is meant", c, quiet)
		}
	}
	if s.Batch < 0 || s.MaxSubs < 0 || s.ReadLimit < 0 || s.MaxLife < 0 {
		t.Error("Session has a limit below 0")
	}
	if (l.Book.Join == book.StreamRange) != (l.Snapshot != nil) {
		t.Error("a book that is asked for on the connection needs Snapshot, and only such a book")
	}
	if b := l.Book; b.Join == book.RESTTime && b.Refresh <= 0 {
		t.Error("a book whose loss cannot be seen needs Book.Refresh")
	}
}

// leaves tells whether the decoders of a dialect end subscriptions themselves.
func leaves(d *venue.Driver, l *venue.Dialect) bool {
	_, ok := l.Open(venue.NewTable(d, code), &url.URL{}).(venue.Leaver)
	return ok
}

func path(l *venue.Dialect, c market.Channel) string {
	if l.PathFor != nil {
		return l.PathFor(venue.Sub{Channel: c, Instrument: &market.Instrument{}, Interval: "1m"})
	}
	return l.Path
}

func rate(t *testing.T, what string, r venue.Rate) {
	t.Helper()
	if r.N <= 0 || r.Per <= 0 {
		t.Errorf("%s: %d in %v is no rate", what, r.N, r.Per)
	}
}

func address(t *testing.T, what, s, scheme string, pathAllowed bool) {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil || u.Scheme != scheme || u.Host == "" || !pathAllowed && (u.Path != "" || u.RawQuery != "") {
		t.Errorf("%s: %q is no %s address of the kind meant", what, s, scheme)
	}
}
