package app_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/feed"
	"github.com/assayhq/assay/market/venue/all"
)

// samples are single answers and messages of exchanges, kept beside the recordings: where
// each came from, and what it must give. A stream message has a wss address; wrap, where
// there is one, is the envelope that the sample lacks.
var samples = []struct {
	venue           market.VenueID
	file, url, wrap string
	want            string
}{
	{"deribit", "deribit/http_get_instrument.json", "https://www.deribit.com/api/v2/public/get_instrument?instrument_name=BTC-PERPETUAL", "", "instruments 1"},
	{"deribit", "deribit/http_get_instrument_option.json", "https://www.deribit.com/api/v2/public/get_instrument?instrument_name=BTC-27DEC24-100000-C", "", ""},
	{"deribit", "deribit/http_get_instruments_future_combo.json", "https://www.deribit.com/api/v2/public/get_instruments?currency=any&kind=future_combo", "", ""},
	{"deribit", "deribit/http_get_instruments_option_combo.json", "https://www.deribit.com/api/v2/public/get_instruments?currency=any&kind=option_combo", "", ""},
	{"deribit", "deribit/http_get_last_trades_historical_combo.json", "https://www.deribit.com/api/v2/public/get_last_trades_by_instrument?instrument_name=BTC-CS-19MAY26-70000_75000", "", "trades 1"},
	{"deribit", "deribit/http_test.json", "https://www.deribit.com/api/v2/public/test", "", ""},
	{"deribit", "deribit/ws_book_snapshot.json", "wss://www.deribit.com/ws/api/v2", "", "books 1"},
	{"deribit", "deribit/ws_book_delta.json", "wss://www.deribit.com/ws/api/v2", "", "waiting 1"},
	{"deribit", "deribit/ws_quote.json", "wss://www.deribit.com/ws/api/v2", "", "quotes 1"},
	{"deribit", "deribit/ws_ticker.json", "wss://www.deribit.com/ws/api/v2", "", "quotes 1 derivatives 1"},
	{"deribit", "deribit/ws_subscribe_response.json", "wss://www.deribit.com/ws/api/v2", "", "notices 2"},
	{"deribit", "deribit/ws_test_request.json", "wss://www.deribit.com/ws/api/v2", "", "notices 2"},
	{"deribit", "deribit/ws_volatility_index.json", "wss://www.deribit.com/ws/api/v2", "", ""},
	{"hyperliquid", "hyperliquid/http_meta_perp_sample.json", "https://api.hyperliquid.xyz/info#meta", "", "instruments 3"},
	{"hyperliquid", "hyperliquid/http_funding_history.json", "https://api.hyperliquid.xyz/info#fundingHistory,BTC", "", "derivatives 3"},
	{"hyperliquid", "hyperliquid/http_l2_book_snapshot.json", "https://api.hyperliquid.xyz/info#l2Book,BTC", "", "books 1"},
	{"hyperliquid", "hyperliquid/ws_book_data.json", "wss://api.hyperliquid.xyz/ws", `{"channel":"l2Book","data":%s}`, "books 1"},
	{"hyperliquid", "hyperliquid/ws_allmids.json", "wss://api.hyperliquid.xyz/ws", "", ""},
	{"hyperliquid", "hyperliquid/ws_all_dexs_asset_ctxs.json", "wss://api.hyperliquid.xyz/ws", "", ""},
	{"hyperliquid", "hyperliquid/ws_user_fill_liquidation.json", "wss://api.hyperliquid.xyz/ws", "", ""},
	{"krakenfutures", "kraken/http_futures_instrument_no_fee_schedule.json", "https://futures.kraken.com/derivatives/api/v3/instruments", "", "instruments 1"},
	{"krakenfutures", "kraken/http_futures_tickers.json", "https://futures.kraken.com/derivatives/api/v3/tickers", "", "derivatives 2"},
	{"krakenfutures", "kraken/http_futures_historical_funding_rates.json", "https://futures.kraken.com/derivatives/api/v3/historical-funding-rates?symbol=PF_XBTUSD", "", "derivatives 3"},
	{"krakenfutures", "kraken/http_futures_public_executions.json", "https://futures.kraken.com/api/history/v3/market/PF_XBTUSD/executions", "", "trades 3"},
	{"krakenfutures", "kraken/http_futures_candles_mark.json", "https://futures.kraken.com/api/charts/v1/trade/PF_XBTUSD/1h", "", "candles 3"},
	{"krakenfutures", "kraken/http_futures_candles_spot.json", "https://futures.kraken.com/api/charts/v1/trade/PF_XBTUSD/1h", "", "candles 3"},
	{"krakenfutures", "kraken/ws_futures_trade.json", "wss://futures.kraken.com/ws/v1", "", "trades 1"},
	{"krakenfutures", "kraken/ws_futures_trade_snapshot.json", "wss://futures.kraken.com/ws/v1", "", "trades 2"},
	{"binanceusdm", "binance/futures/market_data_json/book_ticker_stream.json", "wss://fstream.binance.com/public/stream", "", "quotes 1"},
	{"binanceusdm", "binance/futures/market_data_json/kline_stream_closed.json", "wss://fstream.binance.com/market/stream", "", "candles 1"},
	{"binanceusdm", "binance/futures/market_data_json/liquidation_stream.json", "wss://fstream.binance.com/market/stream", "", "liquidations 1"},
	{"binanceusdm", "binance/futures/market_data_json/mark_price_stream.json", "wss://fstream.binance.com/market/stream", "", "derivatives 1"},
	{"binanceusdm", "binance/futures/market_data_json/ticker_stream.json", "wss://fstream.binance.com/market/stream", "", ""},
	{"binanceusdm", "binance/futures/market_data_json/trade_stream.json", "wss://fstream.binance.com/public/stream", "", "trades 1"},
	{"bybit", "bybit/http_get_funding_history.json", "https://api.bybit.com/v5/market/funding/history?category=linear&symbol=BTCUSDT", "", "derivatives 2"},
	{"bybit", "bybit/http_get_instruments_inverse.json", "https://api.bybit.com/v5/market/instruments-info?category=inverse", "", ""},
	{"bybit", "bybit/http_get_instruments_option.json", "https://api.bybit.com/v5/market/instruments-info?category=option", "", ""},
	{"bybit", "bybit/http_get_instruments_linear_symbol_type.json", "https://api.bybit.com/v5/market/instruments-info?category=linear", "", "instruments 1"},
	{"bybit", "bybit/ws_ticker_linear.json", "wss://stream.bybit.com/v5/public/linear", "", "quotes 1 derivatives 1"},
	{"bybit", "bybit/ws_kline.json", "wss://stream.bybit.com/v5/public/linear", "", "candles 1"},
	{"bybit", "bybit/ws_orderbook_delta.json", "wss://stream.bybit.com/v5/public/linear", "", ""},                 // one side of a best price that never began
	{"bybit", "bybit/ws_public_trade.json", "wss://stream.bybit.com/v5/public/linear", "", "notices 1 strange 1"}, // made up: there is no topic trade.linear
	{"bybit", "bybit/ws_subscription_ack.json", "wss://stream.bybit.com/v5/public/linear", "", "notices 1"},
	{"okx", "okx/http_get_instruments_swap.json", "https://www.okx.com/api/v5/public/instruments?instType=SWAP", "", "instruments 3"},
	{"okx", "okx/http_get_instruments_futures.json", "https://www.okx.com/api/v5/public/instruments?instType=FUTURES", "", "instruments 6"},
	{"okx", "okx/http_get_instruments_option.json", "https://www.okx.com/api/v5/public/instruments?instType=OPTION", "", ""},
	{"okx", "okx/http_get_mark_price.json", "https://www.okx.com/api/v5/public/mark-price?instType=SWAP&instId=BTC-USDT-SWAP", "", "derivatives 1"},
	{"okx", "okx/ws_funding_rate.json", "wss://ws.okx.com:8443/ws/v5/public", "", "derivatives 1"},
	{"okx", "okx/ws_bbo_tbt.json", "wss://ws.okx.com:8443/ws/v5/public", "", "quotes 1"},
	{"okx", "okx/ws_books_update.json", "wss://ws.okx.com:8443/ws/v5/public", "", "waiting 1"},
}

func TestSamplesAreRead(t *testing.T) {
	dir := filepath.Join(filepath.Dir(captures(t)), "rest-samples", "nautilus")
	at := time.Date(2026, 8, 9, 0, 0, 0, 0, time.UTC)
	for _, s := range samples {
		t.Run(strings.TrimSuffix(s.file, ".json"), func(t *testing.T) {
			body, err := os.ReadFile(filepath.Join(dir, s.file))
			if err != nil {
				t.Skipf("SKIPPED: no such sample here (%v)", err)
			}
			if s.wrap != "" {
				body = fmt.Appendf(nil, s.wrap, body)
			}
			d, ok := all.Driver(s.venue)
			if !ok {
				t.Fatal("no such exchange")
			}
			k := feed.NewIntake(d, strings.ToUpper)
			if strings.HasPrefix(s.url, "wss:") {
				c, err := k.Connect("1", s.url, at)
				if err == nil {
					_, err = c.Frame(body, at, 0)
				}
				if err != nil {
					t.Fatal(err)
				}
			} else if _, err := k.HTTP(s.url, body, at, 0); err != nil {
				t.Fatal(err)
			}
			n := k.Counts
			var got []string
			for _, x := range []struct {
				name string
				n    int64
			}{{"trades", n.Trades}, {"quotes", n.Quotes}, {"books", n.Books}, {"candles", n.Candles}, {"derivatives", n.Derivatives}, {"liquidations", n.Liquidations},
				{"instruments", n.Instruments}, {"notices", n.Notices}, {"waiting", n.Waiting}, {"strange", n.Strange}} {
				if x.n > 0 {
					got = append(got, fmt.Sprint(x.name, " ", x.n))
				}
			}
			if strings.Join(got, " ") != s.want {
				t.Errorf("gives %q, want %q", strings.Join(got, " "), s.want)
			}
		})
	}
}
