package dump_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

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
		hint      string
		first     string
	}{
		{"binance_vision_ADABTC-1m-2021-11-27.csv", dump.BinanceKlines, 10, 0, `hint venue=binance symbol=ADABTC pair=ADA-BTC interval=1m doubt=""`,
			`candle v A-B 1m 2021-11-27T00:00:00Z o0.00002853 h0.00002854 l0.00002851 c0.00002854 v36304.20000000 t1.03547608 n79 complete=true r0 known 2024-06-01T00:00:00Z [imported]`},
		{"binance_vision_BTCUSDT-1h-2023-11-18.csv", dump.BinanceKlines, 0, 25, `hint venue=binance symbol=BTCUSDT pair=BTC-USDT interval=1h doubt=""`,
			""}, // a spreadsheet rounded its times
		{"binance_vision_FXSUSDT-aggTrades-2023-11-17.csv", dump.OKXTrades, 3600, 0, `hint venue=binance symbol=FXSUSDT pair=FXS-USDT interval= doubt=""`,
			`trade v A-B "FXSUSDT" #12410770 7.50300000 x 25.30000000 "sell" agg=false at 2023-11-17T00:00:10.707Z received - [imported]`},
		{"bybit_FXSUSDT-ticks-2023-10-10.csv", dump.BybitTicks, 15, 0, `hint venue=bybit symbol=FXSUSDT pair=FXS-USDT-PERP interval= doubt=""`,
			`trade v A-B "FXSUSDT" #f7496ecb-b174-51b9-ba56-150186ba6c27 5.2390 x 0.86 "sell" agg=false at 2023-10-10T23:58:07.4922Z received - [imported]`},
		{"freqtrade_XRP_ETH-trades.json.gz", dump.FreqtradeJSON, 12477, 0, `hint venue= symbol=XRP-ETH pair=XRP-ETH interval= doubt=""`,
			`trade v A-B "XRP-ETH" #13519807 0.00141342 x 23.0 "sell" agg=false at 2019-10-11T00:00:11.62Z received - [imported]`},
		{"freqtrade_public_trades_list.csv", dump.FreqtradeCSV, 1000, 0, `hint venue= symbol= pair= interval= doubt=""`,
			`trade v A-B "" #1206419187 1666.8 x 26.062 "buy" agg=false at 2023-02-02T09:20:00.138Z received - [imported]`},
		{"gct_binance_BTCUSDT_24h-trades_2020_11_16.csv", dump.GCTTrades, 1000, 0, `hint venue=binance symbol=BTCUSDT pair=BTC-USDT interval= doubt=""`,
			`trade v A-B "BTCUSDT" # 15993.5 x 0.026472 "" agg=false at 2020-11-16T04:10:46Z received - [imported]`},
		// Its writer put the close where the high belongs: on falling days that shows.
		{"gct_binance_BTCUSDT_24h_2019_2020.csv", dump.GCTCandles, 189, 176, `hint venue=binance symbol=BTCUSDT pair=BTC-USDT interval=1d doubt=""`,
			`candle v A-B 1d 2019-01-01T00:00:00Z o3701.23 h3797.14 l3642 c3797.14 v23741.687033 t0 n-1 complete=true r0 known 2024-06-01T00:00:00Z [imported]`},
		{"okx_BTC-USDT-aggtrades-2023-11-18.csv", dump.OKXTrades, 15, 0, `hint venue=okx symbol=BTC-USDT pair=BTC-USDT interval= doubt=""`,
			`trade v A-B "BTC-USDT" #450372093 35910.6 x 0.00418025 "buy" agg=false at 2023-11-17T16:37:22.832Z received - [imported]`},
		{"tardis_bitmex_trades_XBTUSD.csv", dump.TardisTrades, 10, 0, `hint venue= symbol=XBTUSD pair= interval= doubt="the file is of bitmex; XBTUSD can be BTC-USD-PERP or a future with a day of expiry"`,
			`trade v A-B "XBTUSD" #ccc3c1fa-212c-e8b0-1706-9b9c4f3d5ecf 8531.5 x 2152 "sell" agg=false at 2020-03-01T00:00:03.145Z received 2020-03-01T00:00:03.30716Z [imported]`},
		{"tardis_huobi-dm-swap_quotes_BTC-USD.csv", dump.TardisQuotes, 10, 0, `hint venue= symbol=BTC-USD pair= interval= doubt="the file is of huobi-dm-swap; BTC-USD can be BTC-USD-PERP or a future with a day of expiry"`,
			`quote v A-B "BTC-USD" 8629.2 x 806 / 8629.3 x 5494 at 2020-05-01T00:00:01.099Z received 2020-05-01T00:00:01.234268Z [imported]`},
	} {
		t.Run(c.file, func(t *testing.T) {
			f, err := dump.Open(filepath.Join(dir, c.file))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if got := sayHint(f.Hint); got != c.hint {
				t.Errorf("got\n  %s\nwant\n  %s", got, c.hint)
			}
			rows, bad := drain(t, f, into)
			if f.Format != c.format || f.Good != c.good || f.Bad != c.bad {
				t.Errorf("%s: %d good, %d bad; want %s, %d, %d; first bad: %q", f.Format, f.Good, f.Bad, c.format, c.good, c.bad, append(bad, "none")[0])
			}
			if c.good > 0 && rows[0] != c.first {
				t.Errorf("the first row is\n  %s\nwant\n  %s", rows[0], c.first)
			}
		})
	}
	for _, book := range []string{
		"binance_btcusdt_T_DEPTH_snap.csv", "binance_btcusdt_T_DEPTH_update.csv", "bybit_xrpusdt-ob500.data.zip",
		"tardis_binance-futures_book_snapshot_25_BTCUSDT.csv", "tardis_binance-futures_book_snapshot_5_BTCUSDT.csv", "tardis_deribit_incremental_book_L2_BTC-PERPETUAL.csv",
	} {
		if _, err := dump.Open(filepath.Join(dir, book)); err == nil || !strings.Contains(err.Error(), "books are not imported") {
			t.Errorf("%s: %v", book, err)
		}
	}
}
