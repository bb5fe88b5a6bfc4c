package venuetest

import (
	"testing"

	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/book"
	"github.com/assayhq/assay/market/venue"
)

// coverage is what the fixtures show: by dialect, or "http", the kinds of thing seen.
type coverage map[string]map[string]bool

func (c coverage) add(scope, what string) {
	if c[scope] == nil {
		c[scope] = map[string]bool{}
	}
	c[scope][what] = true
}

func (c coverage) batch(scope string, b *market.Batch) {
	for _, u := range b.Books {
		if u.Snapshot {
			c.add(scope, "book snapshot")
		} else {
			c.add(scope, "book update")
		}
	}
	for _, n := range b.Notices {
		c.add(scope, noticeNames[n.Kind])
	}
	if len(b.Trades) > 0 {
		c.add(scope, "trades")
	}
	if len(b.Quotes) > 0 {
		c.add(scope, "quotes")
	}
	if len(b.Candles) > 0 {
		c.add(scope, "candles")
	}
	if len(b.Derivatives) > 0 {
		c.add(scope, "derivatives")
		for _, d := range b.Derivatives {
			if d.Settled {
				c.add(scope, "settled funding")
			}
		}
	}
	if len(b.Liquidations) > 0 {
		c.add(scope, "liquidations")
	}
	if !b.Clock.IsZero() {
		c.add(scope, "the clock")
	}
	if len(b.Instruments) > 0 {
		c.add(scope, "instruments")
	}
}

// examine demands that the fixtures show everything a driver says it has.
func (c coverage) examine(t *testing.T, d *venue.Driver) {
	need := func(scope, what string) {
		t.Helper()
		if !c[scope][what] {
			t.Errorf("no fixture shows %s of %s", what, scope)
		}
	}
	for i := range d.Dialects {
		l := &d.Dialects[i]
		for _, ch := range l.Channels {
			switch {
			case ch != market.Books:
				need(l.Name, string(ch))
			case l.Book.Join == book.Replace:
				need(l.Name, "book snapshot")
			default:
				need(l.Name, "book update")
				if l.Book.Join == book.Stream || l.Book.Join == book.Chain || l.Book.Join == book.StreamRange {
					need(l.Name, "book snapshot")
				}
			}
		}
		need(l.Name, "ack")
		need(l.Name, "refused")
		need(l.Name, "strange")
		if l.Session.Ping != nil {
			need(l.Name, "heartbeat")
		}
		if l.Book.Checksum != nil {
			need(l.Name, "checksum")
		}
	}
	for _, what := range []string{"instruments", "book snapshot", "trades", "error"} {
		need("http", what)
	}
	if len(d.REST.Intervals) > 0 {
		need("http", "candles")
	}
	if _, err := d.REST.Request(venue.Ask{What: venue.AskClock}); err == nil {
		need("http", "the clock")
	}
	if d.REST.Derivatives {
		need("http", "derivatives")
	}
	if d.REST.Funding {
		need("http", "settled funding")
	}
}
