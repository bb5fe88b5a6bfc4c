package emulator

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/assayhq/assay/market"
)

// everything subscribes to all public channels of a venue for one market.
func everything(id market.VenueID) (path string, wishes []string) {
	switch id {
	case "binance":
		return "/ws", []string{`{"method":"SUBSCRIBE","params":["btcusdt@depth@100ms","btcusdt@depth","btcusdt@depth5@100ms","btcusdt@trade","btcusdt@aggTrade","btcusdt@bookTicker","btcusdt@kline_1m","btcusdt@kline_1s","btcusdt@ticker","btcusdt@miniTicker","!miniTicker@arr","btcusdt@avgPrice"],"id":1}`}
	case "bitfinex":
		for _, ch := range []string{`book","symbol":"tBTCUSD","len":"250`, `trades","symbol":"tBTCUSD`, `ticker","symbol":"tBTCUSD`, `candles","key":"trade:1m:tBTCUSD`, `status","key":"deriv:tBTCF0:USTF0`} {
			wishes = append(wishes, `{"event":"subscribe","channel":"`+ch+`"}`)
		}
		return "/ws/2", append([]string{`{"event":"conf","flags":229376}`}, wishes...)
	case "gemini":
		return "/?snapshot=-1", []string{`{"id":1,"method":"SUBSCRIBE","params":["btcusd@depth@100ms","btcusd@depth20@100ms","btcusd@bookTicker","btcusd@trade"]}`}
	case "kraken":
		for _, ch := range []string{`"book","depth":25`, `"trade","snapshot":true`, `"ticker","event_trigger":"bbo"`, `"ohlc","interval":1`} {
			wishes = append(wishes, `{"method":"subscribe","params":{"symbol":["BTC/USD"],"channel":`+ch+`}}`)
		}
		return "/v2", append(wishes, `{"method":"subscribe","params":{"channel":"instrument"}}`)
	case "coinbase":
		for _, ch := range []string{"level2", "market_trades", "ticker", "ticker_batch", "candles", "heartbeats", "status"} {
			wishes = append(wishes, `{"type":"subscribe","product_ids":["BTC-USD"],"channel":"`+ch+`"}`)
		}
		return "/", wishes
	case "coinbaseexchange":
		return "/", []string{`{"type":"subscribe","product_ids":["BTC-USD"],"channels":["level2_batch","matches","ticker","ticker_batch","heartbeat"]}`}
	case "deribit":
		for _, ch := range []string{"book.%s.100ms", "trades.%s.100ms", "ticker.%s.100ms", "quote.%s", "chart.trades.%s.1"} {
			wishes = append(wishes, `{"jsonrpc":"2.0","id":1,"method":"public/subscribe","params":{"channels":["`+strings.ReplaceAll(ch, "%s", "BTC-PERPETUAL")+`","`+strings.ReplaceAll(ch, "%s", "BTC_USDC-PERPETUAL")+`"]}}`)
		}
		return "/ws/api/v2", wishes
	case "hyperliquid":
		for _, what := range []string{`"l2Book"`, `"l2Book","fast":true`, `"trades"`, `"bbo"`, `"activeAssetCtx"`, `"candle","interval":"1m"`} {
			wishes = append(wishes, `{"method":"subscribe","subscription":{"coin":"BTC","type":`+what+`}}`)
		}
		return "/ws", wishes
	case "krakenfutures":
		for _, feed := range []string{"book", "trade", "ticker", "ticker_lite", "heartbeat"} {
			wishes = append(wishes, `{"event":"subscribe","feed":"`+feed+`","product_ids":["PF_XBTUSD","PI_XBTUSD"]}`)
		}
		return "/ws/v1", wishes
	case "okx":
		return "/ws/v5/public", []string{`{"op":"subscribe","args":[{"channel":"books","instId":"BTC-USDT"},{"channel":"books5","instId":"BTC-USDT"},{"channel":"bbo-tbt","instId":"BTC-USDT"},{"channel":"tickers","instId":"BTC-USDT"},{"channel":"trades","instId":"BTC-USDT"},{"channel":"books","instId":"BTC-USDT-SWAP"},{"channel":"mark-price","instId":"BTC-USDT-SWAP"},{"channel":"funding-rate","instId":"BTC-USDT-SWAP"},{"channel":"open-interest","instId":"BTC-USDT-SWAP"},{"channel":"index-tickers","instId":"BTC-USDT"},{"channel":"liquidation-orders","instType":"SWAP"}]}`}
	case "bitget":
		for _, s := range []string{"spot", "usdt-futures"} {
			arg := func(topic, more string) string {
				return `{"instType":"` + s + `","topic":"` + topic + `","symbol":"BTCUSDT"` + more + `}`
			}
			wishes = append(wishes, `{"op":"subscribe","args":[`+strings.Join([]string{arg("books", ""), arg("books1", ""), arg("books50", ""), arg("publicTrade", ""), arg("ticker", ""), arg("kline", `,"interval":"1m"`)}, ",")+`]}`)
		}
		return "/v3/ws/public", append(wishes, `{"op":"subscribe","args":[{"instType":"usdt-futures","topic":"liquidation"}]}`)
	case "cryptocom":
		for _, s := range []string{"BTC_USD", "BTCUSD-PERP"} {
			wishes = append(wishes, `{"id":1,"method":"subscribe","params":{"channels":["book.`+s+`.50","trade.`+s+`","ticker.`+s+`","candlestick.1m.`+s+`"],"book_subscription_type":"SNAPSHOT_AND_UPDATE","book_update_frequency":100}}`)
		}
		return "/exchange/v1/market", append(wishes, `{"id":3,"method":"subscribe","params":{"channels":["book.BTC_USD.10","mark.BTCUSD-PERP","index.BTCUSD-INDEX","funding.BTCUSD-PERP","estimatedfunding.BTCUSD-PERP"]}}`)
	case "gate":
		return "/ws/v4/", []string{`{"time":1,"channel":"spot.obu","event":"subscribe","payload":["ob.BTC_USDT.50","ob.BTC_USDT.400"]}`, `{"time":1,"channel":"spot.order_book_update","event":"subscribe","payload":["BTC_USDT","100ms"]}`,
			`{"time":1,"channel":"spot.trades","event":"subscribe","payload":["BTC_USDT"]}`, `{"time":1,"channel":"spot.book_ticker","event":"subscribe","payload":["BTC_USDT"]}`, `{"time":1,"channel":"spot.tickers","event":"subscribe","payload":["BTC_USDT"]}`, `{"time":1,"channel":"spot.candlesticks","event":"subscribe","payload":["1m","BTC_USDT"]}`}
	case "gatefutures":
		return "/v4/ws/usdt", []string{`{"time":1,"channel":"futures.obu","event":"subscribe","payload":["ob.BTC_USDT.400"]}`, `{"time":1,"channel":"futures.order_book_update","event":"subscribe","payload":["BTC_USDT","100ms"]}`,
			`{"time":1,"channel":"futures.trades","event":"subscribe","payload":["BTC_USDT"]}`, `{"time":1,"channel":"futures.book_ticker","event":"subscribe","payload":["BTC_USDT"]}`, `{"time":1,"channel":"futures.tickers","event":"subscribe","payload":["BTC_USDT"]}`,
			`{"time":1,"channel":"futures.candlesticks","event":"subscribe","payload":["1m","BTC_USDT"]}`, `{"time":1,"channel":"futures.public_liquidates","event":"subscribe","payload":["BTC_USDT"]}`}
	case "kucoin":
		for _, topic := range []string{"/market/match", "/market/ticker", "/spotMarket/level1", "/market/level2", "/spotMarket/level2Depth5", "/spotMarket/level2Depth50"} {
			wishes = append(wishes, `{"id":"1","type":"subscribe","topic":"`+topic+`:BTC-USDT","response":true}`)
		}
		return "/?token=" + kucoinToken(42, 1), append(wishes, `{"id":"2","type":"subscribe","topic":"/market/candles:BTC-USDT_1min","response":true}`)
	case "kucoinfutures":
		for _, topic := range []string{"/contractMarket/execution", "/contractMarket/tickerV2", "/contractMarket/level2", "/contractMarket/level2Depth50", "/contract/instrument"} {
			wishes = append(wishes, `{"id":"1","type":"subscribe","topic":"`+topic+`:XBTUSDTM","response":true}`)
		}
		return "/?token=" + kucoinToken(42, 1), wishes
	case "bybit":
		return "/v5/public/linear", []string{`{"op":"subscribe","args":["orderbook.1.BTCUSDT","orderbook.50.BTCUSDT","orderbook.200.BTCUSDT","orderbook.1000.BTCUSDT","publicTrade.BTCUSDT","tickers.BTCUSDT","kline.1.BTCUSDT"]}`}
	case "htx":
		for _, ch := range []string{"trade.detail", "bbo", "depth.step0", "mbp.refresh.20", "kline.1min", "detail"} {
			wishes = append(wishes, `{"sub":"market.btcusdt.`+ch+`","id":"`+ch+`"}`)
		}
		return "/ws", wishes
	case "htxswap":
		for _, ch := range []string{"trade.detail", "bbo", "depth.step0", "depth.size_150.high_freq", "depth.size_20.high_freq", "kline.1min"} {
			wishes = append(wishes, `{"sub":"market.BTC-USDT.`+ch+`","data_type":"incremental","id":"`+ch+`"}`)
		}
		return "/linear-swap-ws", wishes
	case "mexc":
		return "/ws", []string{`{"method":"SUBSCRIPTION","params":["spot@public.aggre.deals.v3.api.pb@100ms@BTCUSDT","spot@public.aggre.depth.v3.api.pb@100ms@BTCUSDT","spot@public.aggre.bookTicker.v3.api.pb@100ms@BTCUSDT","spot@public.kline.v3.api.pb@BTCUSDT@Min1"],"id":1}`}
	case "binanceusdm":
		return "/stream", []string{`{"method":"SUBSCRIBE","params":["btcusdt@depth@100ms","btcusdt@depth","btcusdt@trade","btcusdt@aggTrade","btcusdt@bookTicker","btcusdt@kline_1m","btcusdt@ticker","btcusdt@miniTicker","btcusdt@markPrice@1s","btcusdt@forceOrder"],"id":1}`}
	case "binancecoinm":
		return "/ws", []string{`{"method":"SUBSCRIBE","params":["btcusd_perp@depth@100ms","btcusd_perp@depth@500ms","btcusd_perp@aggTrade","btcusd_perp@bookTicker","btcusd_perp@kline_1m","btcusd_perp@markPrice","btcusd_perp@forceOrder"],"id":1}`}
	case "upbit", "bithumb":
		return "/websocket/v1", []string{`[{"ticket":"t"},{"type":"trade","codes":["KRW-BTC"]},{"type":"orderbook","codes":["KRW-BTC","KRW-BTC.5"]},{"type":"ticker","codes":["KRW-BTC"]}]`}
	}
	for _, ch := range []string{"diff_order_book", "order_book", "live_trades"} {
		wishes = append(wishes, `{"event":"bts:subscribe","data":{"channel":"`+ch+`_btcusd"}}`)
	}
	return "/", wishes
}

// record listens to everything for a while and gives all messages and the journal.
func record(t *testing.T, id market.VenueID, seed uint64, d time.Duration) (text, journal string) {
	plan := RandomFaults(seed, map[FaultKind]float64{Drop: 0.01, Duplicate: 0.01, Reorder: 0.01, Gap: 0.002, BadChecksum: 0.01, Crossed: 0.005, Ghost: 0.005, NewEnum: 0.01, NewType: 0.01})
	inBubble(t, id, Options{Pairs: []market.Pair{"BTC-USD", "BTC-USDT", "BTC-USDT-PERP", "BTC-USD-PERP", "BTC-USD-PERP.BTC", "BTC-USDC-PERP", "BTC-KRW"}, Faults: plan}, func(b *bench) {
		path, wishes := everything(id)
		w := b.dial(path)
		for _, s := range wishes {
			w.send(s)
			time.Sleep(153 * time.Millisecond) // never the moment of a tick: order within one instant is not promised
		}
		var all strings.Builder
		w.until(d, func(s string) {
			var any json.RawMessage
			if frameType([]byte(s)) == websocket.MessageText {
				decode(t, s, &any)
			}
			if strings.HasPrefix(s, `{"ping"`) { // HTX wants it back
				w.send(strings.Replace(s, "ping", "pong", 1))
			}
			all.WriteString(s + "\n")
		})
		text, journal = all.String(), b.v.Journal().String()
	})
	return text, journal
}

// The same seed gives the same messages and the same journal, byte by byte; another
// plan seed gives other faults. Every text is valid JSON.
func TestSameSeedSameDay(t *testing.T) {
	for _, id := range IDs() {
		a, ja := record(t, id, 5, 40*time.Second)
		b, jb := record(t, id, 5, 40*time.Second)
		_, jc := record(t, id, 6, 40*time.Second)
		if a != b || ja != jb {
			t.Errorf("%s: two days of one seed differ", id)
		}
		if ja == jc || strings.Count(ja, "\n") < 5 {
			t.Errorf("%s: the journal does not depend on the seed, or is empty:\n%s", id, ja)
		}
		if strings.Count(a, "\n") < 150 {
			t.Errorf("%s: only %d messages", id, strings.Count(a, "\n"))
		}
	}
}

// All REST paths answer valid JSON, marked as simulated.
func TestAllPathsAnswer(t *testing.T) {
	for id, paths := range map[market.VenueID]string{
		"binance":          "/api/v3/ping /api/v3/time /api/v3/exchangeInfo /api/v3/exchangeInfo?symbol=BTCUSDT /api/v3/depth?symbol=BTCUSDT /api/v3/trades?symbol=BTCUSDT /api/v3/historicalTrades?symbol=BTCUSDT /api/v3/aggTrades?symbol=BTCUSDT /api/v3/klines?symbol=BTCUSDT&interval=1d /api/v3/avgPrice?symbol=BTCUSDT /api/v3/ticker/24hr /api/v3/ticker/24hr?symbol=BTCUSDT /api/v3/ticker/price /api/v3/ticker/bookTicker?symbol=BTCUSDT",
		"binanceusdm":      "/fapi/v1/ping /fapi/v1/time /fapi/v1/exchangeInfo /fapi/v1/depth?symbol=BTCUSDT&limit=50 /fapi/v1/trades?symbol=BTCUSDT /fapi/v1/aggTrades?symbol=BTCUSDT /fapi/v1/klines?symbol=BTCUSDT&interval=1h /fapi/v1/premiumIndex?symbol=BTCUSDT /fapi/v1/openInterest?symbol=BTCUSDT /fapi/v1/fundingRate?symbol=BTCUSDT&limit=3 /fapi/v1/ticker/24hr?symbol=BTCUSDT /fapi/v1/ticker/bookTicker",
		"binancecoinm":     "/dapi/v1/time /dapi/v1/exchangeInfo /dapi/v1/depth?symbol=BTCUSD_PERP&limit=50 /dapi/v1/aggTrades?symbol=BTCUSD_PERP /dapi/v1/klines?symbol=BTCUSD_PERP&interval=1d /dapi/v1/premiumIndex?symbol=BTCUSD_PERP /dapi/v1/openInterest?symbol=BTCUSD_PERP /dapi/v1/fundingRate?symbol=BTCUSD_PERP",
		"kraken":           "/0/public/Time /0/public/SystemStatus /0/public/Assets /0/public/AssetPairs /0/public/AssetPairs?pair=XBTUSD /0/public/Ticker /0/public/Ticker?pair=XDGUSD /0/public/OHLC?pair=XXBTZUSD&interval=5 /0/public/Depth?pair=XBTUSD&count=5 /0/public/Trades?pair=XBT/USD /0/public/Spread?pair=BTC/USD",
		"coinbase":         "/v2/time /api/v3/brokerage/time /api/v3/brokerage/market/products?product_type=SPOT /api/v3/brokerage/market/products/BTC-USDC /api/v3/brokerage/market/products/BTC-USD/ticker?limit=5 /api/v3/brokerage/market/product_book?product_id=BTC-USD&limit=5",
		"coinbaseexchange": "/time /products /products/BTC-USD /products/BTC-USD/book?level=2 /products/BTC-USD/ticker /products/BTC-USD/stats /products/BTC-USD/trades /products/BTC-USD/candles?granularity=60",
		"okx":              "/api/v5/public/time /api/v5/public/instruments?instType=SPOT /api/v5/public/instruments?instType=SWAP /api/v5/public/mark-price?instId=BTC-USDT-SWAP&instType=SWAP /api/v5/public/funding-rate?instId=BTC-USD-SWAP /api/v5/public/funding-rate-history?instId=BTC-USDT-SWAP&limit=3 /api/v5/public/open-interest?instId=BTC-USDT-SWAP&instType=SWAP /api/v5/market/index-tickers?instId=BTC-USDT /api/v5/market/ticker?instId=BTC-USD-SWAP /api/v5/market/candles?instId=BTC-USD-SWAP&bar=1H /api/v5/market/ticker?instId=BTC-USDT /api/v5/market/tickers?instType=SPOT /api/v5/market/books?instId=BTC-USDT&sz=5 /api/v5/market/trades?instId=BTC-USDT /api/v5/market/history-trades?instId=BTC-USDT /api/v5/market/candles?instId=BTC-USDT&bar=1D /api/v5/market/history-candles?instId=BTC-USDT&bar=1Dutc",
		"bybit":            "/v5/market/time /v5/market/instruments-info?category=spot /v5/market/instruments-info?category=linear /v5/market/tickers?category=spot /v5/market/tickers?category=linear&symbol=BTCUSDT /v5/market/funding/history?category=linear&symbol=BTCUSDT&limit=3 /v5/market/orderbook?category=linear&symbol=BTCUSDT&limit=50 /v5/market/recent-trade?category=spot&symbol=BTCUSDT /v5/market/kline?category=linear&symbol=BTCUSDT&interval=60",
		"deribit":          "/api/v2/public/get_time /api/v2/public/test /api/v2/public/get_instruments?currency=any&kind=future /api/v2/public/get_instrument?instrument_name=BTC-PERPETUAL /api/v2/public/ticker?instrument_name=BTC_USDC-PERPETUAL /api/v2/public/get_order_book?instrument_name=BTC-PERPETUAL&depth=10 /api/v2/public/get_last_trades_by_instrument?instrument_name=ETH-PERPETUAL&count=5 /api/v2/public/get_last_trades_by_instrument_and_time?instrument_name=BTC-PERPETUAL&start_timestamp=1&end_timestamp=4102444800000&sorting=asc /api/v2/public/get_tradingview_chart_data?instrument_name=BTC-PERPETUAL&resolution=60&start_timestamp=1&end_timestamp=4102444800000 /api/v2/public/get_funding_rate_history?instrument_name=BTC-PERPETUAL&start_timestamp=1&end_timestamp=4102444800000",
		"krakenfutures":    "/derivatives/api/v3/instruments /derivatives/api/v3/tickers /derivatives/api/v3/tickers/PI_XBTUSD /derivatives/api/v3/orderbook?symbol=PF_XBTUSD /derivatives/api/v3/history?symbol=PF_XBTUSD /derivatives/api/v3/historical-funding-rates?symbol=PF_XBTUSD /api/history/v3/market/PF_XBTUSD/executions?count=5 /api/charts/v1/trade/PF_XBTUSD/1h",
		"bitget":           "/api/v2/public/time /api/v3/market/instruments?category=SPOT /api/v3/market/instruments?category=USDT-FUTURES /api/v3/market/instruments?category=COIN-FUTURES /api/v3/market/tickers?category=SPOT /api/v3/market/tickers?category=USDT-FUTURES&symbol=BTCUSDT /api/v3/market/orderbook?category=SPOT&symbol=BTCUSDT&limit=50 /api/v3/market/fills?category=USDC-FUTURES&symbol=BTCPERP /api/v3/market/open-interest?category=USDT-FUTURES /api/v3/market/history-fund-rate?category=USDT-FUTURES&symbol=BTCUSDT&limit=100&cursor=1 /api/v3/market/candles?category=SPOT&symbol=BTCUSDT&interval=1D /api/v2/spot/market/candles?symbol=BTCUSDT&granularity=1Dutc /api/v2/mix/market/candles?symbol=BTCUSDT&productType=usdt-futures&granularity=1H /api/v2/spot/market/fills-history?symbol=BTCUSDT&limit=20",
		"cryptocom":        "/exchange/v1/public/get-instruments /exchange/v1/public/get-tickers /exchange/v1/public/get-tickers?instrument_name=BTCUSD-PERP /exchange/v1/public/get-book?instrument_name=BTC_USD&depth=5 /exchange/v1/public/get-trades?instrument_name=BTC_USDT /exchange/v1/public/get-candlestick?instrument_name=BTC_USD&timeframe=1D /exchange/v1/public/get-valuations?instrument_name=BTCUSD-INDEX&valuation_type=index_price&count=1 /exchange/v1/public/get-valuations?instrument_name=BTCUSD-PERP&valuation_type=funding_hist",
		"bitfinex":         "/v2/platform/status /v2/conf/pub:info:pair,pub:info:pair:futures /v2/conf/pub:list:pair:exchange /v2/tickers?symbols=ALL /v2/ticker/tBTCUSD /v2/book/tBTCUSD/P0?len=100 /v2/trades/tBTCUSD/hist?limit=10 /v2/candles/trade:1h:tBTCUSD/hist /v2/candles/trade:1m:tBTCUSD/last /v2/status/deriv?keys=ALL",
		"gemini":           "/v1/symbols /v1/symbols/details/all /v1/symbols/details/btcusd /v1/pricefeed /v1/book/btcusd?limit_bids=5&limit_asks=5 /v1/trades/BTCUSD?limit_trades=5 /v2/candles/btcusd/1hr /v1/pubticker/btcusd /v2/ticker/btcusd /v1/riskstats/btcgusdperp /v1/fundingamount/btcgusdperp",
		"gate":             "/api/v4/spot/time /api/v4/spot/currency_pairs /api/v4/spot/currency_pairs/BTC_USDT /api/v4/spot/tickers /api/v4/spot/tickers?currency_pair=BTC_USDT /api/v4/spot/order_book?currency_pair=BTC_USDT&limit=5&with_id=true /api/v4/spot/trades?currency_pair=BTC_USDT /api/v4/spot/candlesticks?currency_pair=BTC_USDT&interval=1h",
		"gatefutures":      "/api/v4/futures/usdt/contracts /api/v4/futures/usdt/contracts/BTC_USDT /api/v4/futures/usdt/tickers /api/v4/futures/usdt/order_book?contract=BTC_USDT&with_id=true /api/v4/futures/usdt/trades?contract=BTC_USDT&limit=5 /api/v4/futures/usdt/candlesticks?contract=BTC_USDT&interval=1h&limit=3 /api/v4/futures/usdt/funding_rate?contract=BTC_USDT",
		"kucoin":           "/api/v1/timestamp /api/v2/symbols /api/v1/market/orderbook/level2_20?symbol=BTC-USDT /api/v1/market/orderbook/level2_100?symbol=BTC-USDT /api/v1/market/histories?symbol=BTC-USDT /api/v1/market/candles?symbol=BTC-USDT&type=1hour",
		"kucoinfutures":    "/api/v1/timestamp /api/v1/contracts/active /api/v1/contracts/XBTUSDTM /api/v1/level2/snapshot?symbol=XBTUSDTM /api/v1/trade/history?symbol=XBTUSDTM /api/v1/kline/query?symbol=XBTUSDTM&granularity=60 /api/v1/contract/funding-rates?symbol=XBTUSDTM&from=0&to=4102444800000",
		"htx":              "/v1/common/timestamp /v1/common/symbols /market/depth?symbol=btcusdt&type=step0 /market/depth?symbol=btcusdt&type=step0&depth=5 /market/history/trade?symbol=btcusdt&size=9 /market/history/kline?symbol=btcusdt&period=1day&size=9 /market/detail/merged?symbol=btcusdt",
		"htxswap":          "/api/v1/timestamp /swap-api/v1/swap_contract_info /linear-swap-api/v1/swap_contract_info /linear-swap-ex/market/depth?contract_code=BTC-USDT&type=step6 /linear-swap-ex/market/history/trade?contract_code=BTC-USDT&size=9 /linear-swap-ex/market/history/kline?contract_code=BTC-USDT&period=60min /index/market/history/linear_swap_mark_price_kline?contract_code=BTC-USDT&period=1min&size=1 /linear-swap-api/v1/swap_index?contract_code=BTC-USDT /linear-swap-api/v1/swap_open_interest?contract_code=BTC-USDT /linear-swap-api/v1/swap_funding_rate?contract_code=BTC-USDT /linear-swap-api/v1/swap_historical_funding_rate?contract_code=BTC-USDT&page_index=2&page_size=50",
		"mexc":             "/api/v3/ping /api/v3/time /api/v3/exchangeInfo /api/v3/depth?symbol=BTCUSDT /api/v3/trades?symbol=BTCUSDT /api/v3/aggTrades?symbol=BTCUSDT /api/v3/klines?symbol=BTCUSDT&interval=60m",
		"upbit":            "/v1/market/all?is_details=true /v1/orderbook?markets=KRW-BTC,USDT-BTC /v1/ticker?markets=KRW-BTC /v1/trades/ticks?market=KRW-BTC&count=5 /v1/candles/seconds?market=KRW-BTC&count=5 /v1/candles/minutes/5?market=KRW-BTC&count=5 /v1/candles/days?market=KRW-BTC&to=2000-01-01T00:00:00Z",
		"bithumb":          "/v1/market/all /v1/orderbook?markets=KRW-BTC /v1/ticker?markets=KRW-BTC /v1/trades/ticks?market=KRW-BTC&count=5 /v1/candles/minutes/5?market=KRW-BTC&count=5&to=2000-01-01T08:00:00",
		"bitstamp":         "/api/v2/trading-pairs-info/ /api/v2/markets/ /api/v2/ticker/ /api/v2/ticker/btcusd/ /api/v2/order_book/btcusd/ /api/v2/transactions/btcusd/?time=minute /api/v2/ohlc/btcusd/?step=3600&limit=10",
	} {
		inBubble(t, id, Options{Unlimited: true}, func(b *bench) {
			time.Sleep(90 * time.Second)
			for _, p := range strings.Fields(paths) {
				var any json.RawMessage
				r, body := b.get(p, &any)
				if r.StatusCode != 200 || r.Header.Get("X-Assay-Simulated") != "true" || strings.Contains(body, `"error":["`) || strings.Contains(body, "%!") {
					t.Errorf("%s %s: %d %.200s", id, p, r.StatusCode, body)
				}
			}
		})
	}
}

// Handshakes are capped as documented.
func TestHandshakeCap(t *testing.T) {
	inBubble(t, "okx", Options{Pairs: onlyBTC}, func(b *bench) {
		for range 3 {
			b.dial("/ws/v5/public")
		}
		_, r, err := websocket.Dial(b.ctx, "ws://venue/ws/v5/public", &websocket.DialOptions{HTTPClient: b.http})
		if err == nil || r == nil || r.StatusCode != http.StatusTooManyRequests {
			t.Fatalf("fourth handshake in a second: %v", err)
		}
	})
}

// A client that never reads is cut once its queue is full; the market goes on.
func TestSlowClientIsCut(t *testing.T) {
	inBubble(t, "binance", Options{Pairs: onlyBTC, Queue: 50}, func(b *bench) {
		ws, _, err := websocket.Dial(b.ctx, "ws://venue/ws/btcusdt@depth@100ms", &websocket.DialOptions{HTTPClient: b.http})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if b.v.Journal().Count("slow client cut") != 1 {
			t.Fatal(b.v.Journal())
		}
		ws.CloseNow()
	})
}

// The market of a World is one: venues stay near the fair price, which never crosses
// a book for long, and cross rates agree.
func TestVenuesFollowTheFairPrice(t *testing.T) {
	w := NewWorld(3, WorldOptions{})
	at := time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)
	for range 100 {
		at = at.Add(17 * time.Minute)
		cross := w.Fair("BTC-USD", at) / w.Fair("EUR-USD", at)
		if r := cross / w.Fair("BTC-EUR", at); r < 1-1e-12 || r > 1+1e-12 {
			t.Fatal("cross rates do not agree")
		}
		for _, id := range IDs() {
			if r := w.local(id, "BTC-USD", 0, at) / w.Fair("BTC-USD", at); r < 0.999 || r > 1.001 {
				t.Fatalf("%s is off by %v", id, r)
			}
		}
	}
}

// Over real loopback: one REST call, one stream, one clean end.
func TestLoopbackSmoke(t *testing.T) {
	v, err := New("binance", NewWorld(1, WorldOptions{Rate: 50, History: time.Hour}), Options{Pairs: onlyBTC})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- v.Serve(ctx, l) }()
	at := v.Endpoint(l.Addr().String())
	r, err := http.Get(at.REST + "/api/v3/depth?symbol=BTCUSDT")
	if err != nil {
		t.Fatal(err)
	}
	if body, _ := io.ReadAll(r.Body); !strings.Contains(string(body), "lastUpdateId") {
		t.Fatalf("%s", body)
	}
	ws, _, err := websocket.Dial(ctx, at.Stream+"/btcusdt@depth@100ms", nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, data, err := ws.Read(ctx); err != nil || !strings.Contains(string(data), "depthUpdate") {
			t.Fatalf("%s %v", data, err)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	http.DefaultClient.CloseIdleConnections()
}

// In fast mode the market moves as fast as a client reads, and nothing is lost.
func TestFastMode(t *testing.T) {
	v, err := New("binance", NewWorld(1, WorldOptions{Fast: true, History: time.Hour}), Options{Pairs: onlyBTC})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- v.Serve(ctx, l) }()
	ws, _, err := websocket.Dial(ctx, v.Endpoint(l.Addr().String()).WS+"/ws/btcusdt@depth@100ms", nil)
	if err != nil {
		t.Fatal(err)
	}
	start, last, n := time.Now(), uint64(0), 20000
	for range n {
		_, data, err := ws.Read(ctx)
		if err != nil {
			t.Fatal(err)
		}
		var m binanceDiff
		if json.Unmarshal(data, &m); last != 0 && m.First != last+1 {
			t.Fatal("lost a message")
		}
		last = m.Last
	}
	t.Logf("%d messages in %v", n, time.Since(start))
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}
