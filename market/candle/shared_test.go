package candle_test

import (
	"compress/gzip"
	"encoding/csv"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/candle"
	"github.com/assayhq/assay/money"
)

// recorded reads bars that lie beside the module, where there are any: $ASSAY_SHARED/data.
func recorded(t *testing.T, i market.Interval, path ...string) []market.Candle {
	t.Helper()
	dir := os.Getenv("ASSAY_SHARED")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared")
	}
	f, err := os.Open(filepath.Join(append([]string{dir, "data"}, path...)...))
	if err != nil {
		t.Skipf("NOT TESTED: no recorded bars here (%v); set ASSAY_SHARED", err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(z).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var out []market.Candle
	for _, row := range rows[1:] {
		ms, err := strconv.ParseInt(row[0], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, market.Candle{Venue: "binance", Pair: "BTC-USDT", Interval: i, Open: time.UnixMilli(ms).UTC(), Complete: true, Trades: -1,
			O: money.MustPrice(row[1]), H: money.MustPrice(row[2]), L: money.MustPrice(row[3]), C: money.MustPrice(row[4]), Volume: money.MustQty(row[5])})
	}
	return out
}

// Four years of a venue's hours make the venue's own days, digit for digit, in spite of the
// hours that its outages left out.
func TestHoursOfAVenueMakeItsDays(t *testing.T) {
	hours := recorded(t, "1h", "candles_1h", "binance_2017_2022", "BTC_USDT.csv.gz")
	days := recorded(t, "1d", "candles_1d", "binance_2017_2022", "BTC_USDT.csv.gz")
	n := 0
	for got, err := range candle.Roll("1d", func(yield func(market.Candle, error) bool) {
		for _, h := range hours {
			if !yield(h, nil) {
				return
			}
		}
	}) {
		if err != nil {
			t.Fatal(err)
		}
		if n == len(days) {
			t.Fatalf("hours make more than the %d days", n)
		}
		w := days[n]
		n++
		if !got.Open.Equal(w.Open) || got.O.Cmp(w.O.Decimal) != 0 || got.H.Cmp(w.H.Decimal) != 0 || got.L.Cmp(w.L.Decimal) != 0 || got.C.Cmp(w.C.Decimal) != 0 || got.Volume.Cmp(w.Volume.Decimal) != 0 {
			t.Errorf("the hours of %s make %v %v %v %v %v, the venue says %v %v %v %v %v", w.Open.Format(time.DateOnly), got.O, got.H, got.L, got.C, got.Volume, w.O, w.H, w.L, w.C, w.Volume)
		}
	}
	if n != len(days) || n != 1598 {
		t.Errorf("%d days of hours, %d of the venue", n, len(days))
	}
}
