package bitget_test

import (
	"bytes"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/venue"
	"github.com/assayhq/assay/market/venue/bitget"
)

// samples finds messages that others collected: $ASSAY_SHARED, or a folder shared above
// the module. They are not part of the product, so without them the test is skipped, aloud.
func samples(t *testing.T) string {
	t.Helper()
	const place = "data/market/rest-samples/jkorf/Bitget"
	dirs := []string{os.Getenv("ASSAY_SHARED")}
	if wd, err := os.Getwd(); err == nil {
		for d := wd; d != filepath.Dir(d); d = filepath.Dir(d) {
			dirs = append(dirs, filepath.Join(d, "shared"))
		}
	}
	for _, d := range dirs {
		if _, err := os.Stat(filepath.Join(d, place)); err == nil && d != "" {
			return filepath.Join(d, place)
		}
	}
	t.Skip("SKIPPED: no sample messages here; set ASSAY_SHARED to the folder that holds " + place)
	return ""
}

// said counts what a batch holds.
func said(b *market.Batch) int {
	return len(b.Trades) + len(b.Quotes) + len(b.Books) + len(b.Candles) + len(b.Derivatives) + len(b.Instruments)
}

// Answers that others recorded decode, whatever version they are of. The samples do not
// tell the whole address, so what they are of is added.
func TestSampleAnswersDecode(t *testing.T) {
	dir := samples(t)
	const of = "symbol=BTCUSDT&productType=USDT-FUTURES"
	for file, query := range map[string]string{
		"Futures/ExchangeData/GetKlines":             of + "&granularity=5m",
		"Futures/ExchangeData/GetOpenInterest":       of,
		"Futures/ExchangeData/GetOrderBook":          of,
		"Futures/ExchangeData/GetRecentTrades":       of,
		"Futures/ExchangeData/GetTrades":             of,
		"Futures/ExchangeData/GetTicker":             of,
		"Futures/ExchangeData/GetTickers":            "productType=COIN-FUTURES",
		"Spot/ExchangeData/GetHistoricalKlines":      "symbol=BTCUSDT&granularity=1Mutc",
		"Spot/ExchangeData/GetTrades":                "symbol=BTCUSDT",
		"Unified/ExchangeData/GetFundingRateHistory": "category=USDT-FUTURES&symbol=BTCUSDT",
		"Unified/ExchangeData/GetFuturesSymbols":     "category=USDT-FUTURES",
		"Unified/ExchangeData/GetFuturesTickers":     "category=USDT-FUTURES",
		"Unified/ExchangeData/GetKlineHistory":       "category=SPOT&symbol=ETHUSDT&interval=1m",
		"Unified/ExchangeData/GetOpenInterest":       "category=USDT-FUTURES",
		"Unified/ExchangeData/GetOrderBook":          "category=SPOT&symbol=ETHUSDT",
		"Unified/ExchangeData/GetRecentTrades":       "category=SPOT&symbol=ETHUSDT",
	} {
		text, err := os.ReadFile(filepath.Join(dir, "Endpoints", file+".txt"))
		if err != nil {
			t.Error(err)
			continue
		}
		head := strings.SplitN(strings.ReplaceAll(string(text), "\r", ""), "\n", 4)
		body := head[3][strings.Index("\n"+head[3], "\n{"):]
		u, err := url.Parse(bitget.Driver.Spec.Base + strings.TrimSpace(head[1]) + "?" + query)
		if err != nil {
			t.Fatal(err)
		}
		var b market.Batch
		if err := bitget.Driver.REST.Decode(u, []byte(body), table(), &b); err != nil || said(&b) == 0 {
			t.Errorf("%s: %v, %d rows", file, err, said(&b))
		}
	}
}

// Messages of the stream that others recorded decode.
func TestSampleMessagesDecode(t *testing.T) {
	dir := samples(t)
	for file, addr := range map[string]string{
		"Spot/Klines": "/v2/ws/public", "Spot/Ticker": "/v2/ws/public", "Spot/Trades": "/v2/ws/public",
		"Futures/Kline": "/v2/ws/public", "Futures/Ticker": "/v2/ws/public", "Futures/Trade": "/v2/ws/public",
		"Unified/Book": "/v3/ws/public", "Unified/Ticker": "/v3/ws/public",
	} {
		text, err := os.ReadFile(filepath.Join(dir, "Subscriptions", file+".txt"))
		if err != nil {
			t.Error(err)
			continue
		}
		f := bitget.Driver.Dialects[0].Open(table(), &url.URL{Path: addr})
		n, strange := 0, 0
		for _, part := range frames(text) {
			var b market.Batch
			if err := f.Decode(part, &b); err != nil {
				t.Errorf("%s: %v in %.200s", file, err, part)
			}
			n += said(&b)
			for _, x := range b.Notices {
				if x.Kind == market.Strange {
					strange++
				}
				if x.Kind == market.Info { // a candle of Hong Kong days
					n++
				}
			}
		}
		if n == 0 || strange > 0 {
			t.Errorf("%s: %d events, %d strange", file, n, strange)
		}
	}
}

// frames gives what the venue sends in a sample: < answers and = updates. > is ours.
func frames(text []byte) [][]byte {
	var out [][]byte
	keep := false
	for line := range bytes.Lines(text) {
		line = bytes.TrimSpace(line)
		if len(line) > 0 && strings.ContainsRune("<>=", rune(line[0])) {
			if keep = line[0] != '>'; keep {
				out = append(out, nil)
			}
			line = line[1:]
		}
		if keep {
			out[len(out)-1] = append(append(out[len(out)-1], line...), ' ')
		}
	}
	return out
}

func table() *venue.Table { return venue.NewTable(&bitget.Driver, func(s string) string { return s }) }
