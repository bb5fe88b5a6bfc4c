package gate

import (
	"bytes"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/venue"
)

// Messages collected from the venue by others are read without an error, whichever
// dialect they are of. They are not part of the product: ASSAY_SHARED says where they are.
func TestSamples(t *testing.T) {
	paths, _ := filepath.Glob(filepath.Join(os.Getenv("ASSAY_SHARED"), "data/market/rest-samples/gocryptotrader/gateio_ws*.json"))
	if os.Getenv("ASSAY_SHARED") == "" || len(paths) == 0 {
		t.Skip("SKIPPED: no samples here; set ASSAY_SHARED to the folder that holds data/market/rest-samples")
	}
	read := 0
	for _, p := range paths {
		text, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range []*venue.Driver{&Driver, &Futures} {
			for i := range d.Dialects {
				f := d.Dialects[i].Open(venue.NewTable(d, func(s string) string { return s }), &url.URL{})
				for line := range bytes.Lines(text) {
					var out market.Batch
					if len(bytes.TrimSpace(line)) == 0 || bytes.Contains(line, []byte("futures.BTC_USD.20")) {
						continue // the latter is invented: no book of the venue has such a name
					}
					if err := f.Decode(line, &out); err != nil {
						t.Errorf("%s %s: %v in %.300s", d.Spec.ID, d.Dialects[i].Name, err, line)
					}
					read += len(out.Trades) + len(out.Quotes) + len(out.Books) + len(out.Candles) + len(out.Derivatives)
				}
			}
		}
	}
	if read < 10 {
		t.Errorf("only %d events", read)
	}
}
