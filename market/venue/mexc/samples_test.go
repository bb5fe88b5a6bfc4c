package mexc_test

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/venue"
	"github.com/assayhq/assay/market/venue/mexc"
)

// Answers and messages that others collected are read without an error, and nothing in
// them is strange. They are of the JSON stream.
func TestSamplesOfOthersAreRead(t *testing.T) {
	dir := filepath.Join(os.Getenv("ASSAY_SHARED"), "data/market/rest-samples/jkorf/Mexc")
	if _, err := os.Stat(dir); os.Getenv("ASSAY_SHARED") == "" || err != nil {
		t.Skip("SKIPPED: no samples here; set ASSAY_SHARED to the folder that holds data/market/rest-samples")
	}
	var b market.Batch
	table := venue.NewTable(&mexc.Driver, strings.ToUpper)
	feed := mexc.Driver.Current().Open(table, &url.URL{})
	for _, name := range []string{"BookTicker", "Trades"} {
		text := read(t, filepath.Join(dir, "Subscriptions/SpotApi", name+".txt"))
		ack, data, _ := strings.Cut(text, "\n= ")
		_, ack, _ = strings.Cut(ack, "\n< ")
		for _, frame := range []string{strings.ReplaceAll(ack, "|1|", "1"), data} {
			if err := feed.Decode([]byte(frame), &b); err != nil {
				t.Errorf("%s: %v in %s", name, err, frame)
			}
		}
	}
	for name, path := range map[string]string{"GetAggregatedTradeHistory": "/api/v3/aggTrades?symbol=BTCUSDT", "GetExchangeInfo": "/api/v3/exchangeInfo", "GetServerTime": "/api/v3/time"} {
		text := strings.SplitN(read(t, filepath.Join(dir, "Endpoints/SpotApi/ExchangeData", name+".txt")), "\n", 4)
		u, err := url.Parse(mexc.Driver.Spec.Base + path)
		if err != nil {
			t.Fatal(err)
		}
		if err := mexc.Driver.REST.Decode(u, []byte(text[3]), table, &b); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(b.Trades) != 2 || len(b.Quotes) != 1 || len(b.Instruments) != 1 || len(b.Notices) != 2 || b.Notices[0].Kind != market.Ack || b.Notices[1].Kind != market.Ack {
		t.Errorf("%d trades, %d quotes, %d instruments, notices %+v", len(b.Trades), len(b.Quotes), len(b.Instruments), b.Notices)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(strings.TrimPrefix(string(text), "\ufeff"), "\r\n", "\n")
}
