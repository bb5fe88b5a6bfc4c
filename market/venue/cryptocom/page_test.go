package cryptocom

import (
	"strings"
	"testing"
	"time"

	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/venue"
)

// Trades go backwards: the next page ends a nanosecond after the oldest of this one,
// so that others of that very moment are not left out.
func TestTradesGoBackwardsByTime(t *testing.T) {
	at := time.Date(2026, 8, 9, 10, 0, 0, 123456789, time.UTC)
	in, _ := guess("BTC_USD")
	a := venue.Ask{What: venue.AskTrades, Instrument: in, From: at.Add(-time.Hour), To: at}
	page := &market.Batch{}
	for i := range tradePage {
		page.Trades = append(page.Trades, market.Trade{At: at.Add(-time.Duration(i) * time.Second)})
	}
	b, more := next(a, page)
	r, err := ask(b)
	if !more || err != nil || !strings.HasSuffix(r.Path, "&count=150&start_ts=1786266000123456789&end_ts=1786269451123456790") {
		t.Fatal(more, err, r.Path)
	}
	if _, more = next(b, page); more {
		t.Error("the same page again has a next one")
	}
	page.Trades = page.Trades[:tradePage-1]
	if _, more = next(a, page); more {
		t.Error("a short page has a next one")
	}
}

// A contract is asked about in parts, a dated one in fewer; spot not at all.
func TestPartsOfAContract(t *testing.T) {
	for key, want := range map[string]int{"BTCUSD-PERP": 4, "BTCUSD-261225": 2, "BTC_USD": 0} {
		in, ok := guess(key)
		a, n := venue.Ask{What: venue.AskDerivative, Instrument: in}, 0
		for more := ok; more; a, more = next(a, &market.Batch{}) {
			if _, err := ask(a); err != nil {
				break
			}
			n++
		}
		if n != want {
			t.Errorf("%s: %d requests, want %d", key, n, want)
		}
	}
}
