package bitget

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/venue"
)

var at = time.Date(2026, 8, 9, 10, 0, 0, 0, time.UTC)

func bars(from time.Time, n int) *market.Batch {
	b := &market.Batch{}
	for i := range n {
		b.Candles = append(b.Candles, market.Candle{Open: from.Add(time.Duration(i) * time.Minute)})
	}
	return b
}

// A window that lacks bars is asked of the archive, once; a full one is not.
func TestTheArchiveIsAskedForHoles(t *testing.T) {
	in, _ := guess("BTCUSDT")
	a := venue.Ask{What: venue.AskCandles, Instrument: in, Interval: "1m", From: at, To: at.Add(300 * time.Minute)}
	path := func() string {
		r, err := ask(a)
		if err != nil {
			t.Fatal(err)
		}
		return r.Path
	}
	if p := path(); !strings.Contains(p, "/spot/market/candles?") || !strings.Contains(p, "limit=200&startTime=1786269600000&endTime=1786281540000") {
		t.Fatal(p)
	}
	full, more := next(a, bars(at, candlePage))
	if !more || full.Cursor != "" || !full.From.Equal(at.Add(candlePage*time.Minute)) {
		t.Fatalf("after a full window: %+v", full)
	}
	a, _ = next(a, bars(at.Add(time.Minute), candlePage-1))
	if p := path(); !strings.Contains(p, "/spot/market/history-candles?") || !a.From.Equal(at) {
		t.Fatal(p)
	}
	a, _ = next(a, bars(at, 1))
	if p := path(); !strings.Contains(p, "/spot/market/candles?") || !a.From.Equal(at.Add(candlePage*time.Minute)) {
		t.Fatal(p)
	}
	if _, more = next(a, bars(a.From, 300-candlePage)); more {
		t.Fatal("the last window is full, and there is more")
	}
}

// Trades go backwards by id within a week, then to the week before.
func TestTradesGoBackwardsByWeeks(t *testing.T) {
	in, _ := guess("usdt-futures/BTCUSDT")
	in.Key = "usdt-futures/BTCUSDT"
	a := venue.Ask{What: venue.AskTrades, Instrument: in, From: at.AddDate(0, 0, -10), To: at}
	page := func(newest, n int) *market.Batch {
		b := &market.Batch{}
		for i := range n {
			b.Trades = append(b.Trades, market.Trade{ID: fmt.Sprint(newest - i), At: at})
		}
		return b
	}
	r, _ := ask(a)
	if !strings.HasPrefix(r.Path, "/api/v2/mix/market/fills-history?symbol=BTCUSDT&productType=usdt-futures&limit=1000&startTime=1785664800000&endTime=1786269600000") || r.Budget != "old trades" {
		t.Fatal(r.Path)
	}
	a, more := next(a, page(5000, tradePage))
	if r, _ = ask(a); !more || !strings.HasSuffix(r.Path, "&idLessThan=4001") {
		t.Fatal(r.Path)
	}
	a, more = next(a, page(4000, 7))
	if r, _ = ask(a); !more || strings.Contains(r.Path, "idLessThan") || !strings.Contains(r.Path, "startTime=1785405600000&endTime=1785664800000") {
		t.Fatal(r.Path)
	}
	if _, more = next(a, page(3000, 7)); more {
		t.Fatal("the beginning was reached, and there is more")
	}
	b := venue.Ask{What: venue.AskTrades, Instrument: in, AfterID: "4500", From: at.Add(-time.Hour), To: at}
	if b, more = next(b, page(5000, tradePage)); more {
		t.Fatalf("the page holds the last known trade, and there is more: %+v", b)
	}
}
