package htx_test

import (
	"bufio"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/venue"
	"github.com/assayhq/assay/market/venue/htx"
)

// Single messages that others collected are read without an error, and nothing in them
// is strange.
func TestSamplesOfOthersAreRead(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join(os.Getenv("ASSAY_SHARED"), "data/market/rest-samples/gocryptotrader/huobi_ws[^M]*.json"))
	if os.Getenv("ASSAY_SHARED") == "" || len(files) == 0 {
		t.Skip("SKIPPED: no samples here; set ASSAY_SHARED to the folder that holds data/market/rest-samples")
	}
	var b market.Batch
	feed := htx.Driver.Current().Open(venue.NewTable(&htx.Driver, strings.ToUpper), &url.URL{})
	for _, file := range files {
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for s := bufio.NewScanner(f); s.Scan(); {
			if err := feed.Decode(s.Bytes(), &b); err != nil {
				t.Errorf("%s: %v", filepath.Base(file), err)
			}
		}
	}
	if len(b.Trades) != 2 || len(b.Candles) != 1 || len(b.Books) != 1 || len(b.Notices) != 0 {
		t.Errorf("%d trades, %d candles, %d books, notices %+v", len(b.Trades), len(b.Candles), len(b.Books), b.Notices)
	}
}
