package dump_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/store/dump"
)

// sharedDumps finds the recorded public dumps, which are too large for the
// repository: $ASSAY_SHARED/data, or shared/data beside or above this module.
func sharedDumps(t *testing.T) string {
	t.Helper()
	var tried []string
	if s := os.Getenv("ASSAY_SHARED"); s != "" {
		tried = append(tried, s)
	}
	if dir, err := os.Getwd(); err == nil {
		for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
			tried = append(tried, filepath.Join(dir, "shared"))
		}
	}
	for _, s := range tried {
		dir := filepath.Join(s, "data", "market", "dumps")
		if _, err := os.Stat(dir); err == nil {
			return dir
		}
	}
	t.Skipf("NOT TESTED: no recorded dumps in %s; set ASSAY_SHARED", strings.Join(tried, ", "))
	return ""
}

func TestRecordedDumps(t *testing.T) {
	dir := sharedDumps(t)
	for _, c := range []struct {
		file      string
		format    dump.Format
		good, bad int64
		first     string
	}{
		{"binance_vision_ADABTC-1m-2021-11-27.csv", dump.BinanceKlines, 10, 0, "v ADA-BTC 1m 2021-11-27T00:00:00Z 0.00002853 0.00002854 0.00002851 0.00002854 v36304.20000000 t1.03547608 n79 true r0 0001-01-01 [imported]"},
		{"binance_vision_BTCUSDT-1h-2023-11-18.csv", dump.BinanceKlines, 0, 25, ""}, // a spreadsheet rounded its times
		{"binance_vision_FXSUSDT-aggTrades-2023-11-17.csv", dump.OKXTrades, 3600, 0, "v ADA-BTC FXSUSDT #12410770 7.50300000 x 25.30000000 sell agg=false 2023-11-17T00:00:10.707Z 0001-01-01T00:00:00Z [imported]"},
		{"bybit_FXSUSDT-ticks-2023-10-10.csv", dump.BybitTicks, 15, 0, "v ADA-BTC FXSUSDT #f7496ecb-b174-51b9-ba56-150186ba6c27 5.2390 x 0.86 sell agg=false 2023-10-10T23:58:07.4922Z 0001-01-01T00:00:00Z [imported]"},
		{"freqtrade_XRP_ETH-trades.json.gz", dump.FreqtradeJSON, 12477, 0, "v ADA-BTC  #13519807 0.00141342 x 23.0 sell agg=false 2019-10-11T00:00:11.62Z 0001-01-01T00:00:00Z [imported]"},
		{"freqtrade_public_trades_list.csv", dump.FreqtradeCSV, 1000, 0, "v ADA-BTC  #1206419187 1666.8 x 26.062 buy agg=false 2023-02-02T09:20:00.138Z 0001-01-01T00:00:00Z [imported]"},
		{"gct_binance_BTCUSDT_24h-trades_2020_11_16.csv", dump.GCTTrades, 1000, 0, "v ADA-BTC BTCUSDT # 15993.5 x 0.026472  agg=false 2020-11-16T04:10:46Z 0001-01-01T00:00:00Z [imported]"},
		// Its writer put the close where the high belongs: on falling days that shows.
		{"gct_binance_BTCUSDT_24h_2019_2020.csv", dump.GCTCandles, 189, 176, "v ADA-BTC 1d 2019-01-01T00:00:00Z 3701.23 3797.14 3642 3797.14 v23741.687033 t0 n-1 true r0 0001-01-01 [imported]"},
		{"okx_BTC-USDT-aggtrades-2023-11-18.csv", dump.OKXTrades, 15, 0, "v ADA-BTC  #450372093 35910.6 x 0.00418025 buy agg=false 2023-11-17T16:37:22.832Z 0001-01-01T00:00:00Z [imported]"},
		{"tardis_bitmex_trades_XBTUSD.csv", dump.TardisTrades, 10, 0, "v ADA-BTC XBTUSD #ccc3c1fa-212c-e8b0-1706-9b9c4f3d5ecf 8531.5 x 2152 sell agg=false 2020-03-01T00:00:03.145Z 2020-03-01T00:00:03.30716Z [imported]"},
		{"tardis_huobi-dm-swap_quotes_BTC-USD.csv", dump.TardisQuotes, 10, 0, "v ADA-BTC BTC-USD 8629.2 x 806 / 8629.3 x 5494 2020-05-01T00:00:01.099Z 2020-05-01T00:00:01.234268Z"},
	} {
		t.Run(c.file, func(t *testing.T) {
			about := dump.About{Venue: "v", Pair: "ADA-BTC"}
			if c.format == dump.GCTCandles {
				about.Interval = "1d"
			}
			r, err := dump.Open(filepath.Join(dir, c.file), about)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			var rows, bad []string
			switch r.Channel() {
			case market.Trades:
				rows, bad = drain(t, r.Trades(), sayTrade)
			case market.Quotes:
				rows, bad = drain(t, r.Quotes(), sayQuote)
			default:
				rows, bad = drain(t, r.Candles(), sayCandle)
			}
			if r.Format != c.format || r.Good != c.good || r.Bad != c.bad {
				t.Errorf("%s: %d good, %d bad; want %s, %d, %d; first bad: %q", r.Format, r.Good, r.Bad, c.format, c.good, c.bad, append(bad, "none")[0])
			}
			if c.first != "" && (len(rows) == 0 || rows[0] != c.first) {
				t.Errorf("the first row is\n  %s\nwant\n  %s", append(rows, "none")[0], c.first)
			}
		})
	}
	for _, book := range []string{
		"binance_btcusdt_T_DEPTH_snap.csv", "binance_btcusdt_T_DEPTH_update.csv", "bybit_xrpusdt-ob500.data.zip",
		"tardis_binance-futures_book_snapshot_25_BTCUSDT.csv", "tardis_binance-futures_book_snapshot_5_BTCUSDT.csv", "tardis_deribit_incremental_book_L2_BTC-PERPETUAL.csv",
	} {
		r, err := dump.Open(filepath.Join(dir, book), dump.About{Venue: "v", Pair: "A-B"})
		if err == nil || !strings.Contains(err.Error(), "books are not imported") {
			t.Errorf("%s: %v", book, errors.Join(err))
		}
		if r != nil {
			_ = r.Close()
		}
	}
}
