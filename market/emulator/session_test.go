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
	case "okx":
		return "/ws/v5/public", []string{`{"op":"subscribe","args":[{"channel":"books","instId":"BTC-USDT"},{"channel":"books5","instId":"BTC-USDT"},{"channel":"bbo-tbt","instId":"BTC-USDT"},{"channel":"tickers","instId":"BTC-USDT"},{"channel":"trades","instId":"BTC-USDT"},{"channel":"books","instId":"BTC-USDT-SWAP"},{"channel":"mark-price","instId":"BTC-USDT-SWAP"},{"channel":"funding-rate","instId":"BTC-USDT-SWAP"},{"channel":"open-interest","instId":"BTC-USDT-SWAP"},{"channel":"index-tickers","instId":"BTC-USDT"},{"channel":"liquidation-orders","instType":"SWAP"}]}`}
	case "binanceusdm":
		return "/stream", []string{`{"method":"SUBSCRIBE","params":["btcusdt@depth@100ms","btcusdt@depth","btcusdt@trade","btcusdt@aggTrade","btcusdt@bookTicker","btcusdt@kline_1m","btcusdt@ticker","btcusdt@miniTicker","btcusdt@markPrice@1s","btcusdt@forceOrder"],"id":1}`}
	case "binancecoinm":
		return "/ws", []string{`{"method":"SUBSCRIBE","params":["btcusd_perp@depth@100ms","btcusd_perp@depth@500ms","btcusd_perp@aggTrade","btcusd_perp@bookTicker","btcusd_perp@kline_1m","btcusd_perp@markPrice","btcusd_perp@forceOrder"],"id":1}`}
	case "upbit", "bithumb":
		return "/websocket/v1", []string{`[{"ticket":"t"},{"type":"trade","codes":["KRW-BTC"]},{"type":"orderbook","codes":["KRW-BTC","KRW-BTC.5"]},{"type":"ticker","codes":["KRW-BTC"]}]`}
	case "bybit":
		return "/v5/public/linear", []string{`{"op":"subscribe","args":["orderbook.1.BTCUSDT","orderbook.50.BTCUSDT","orderbook.200.BTCUSDT","orderbook.1000.BTCUSDT","publicTrade.BTCUSDT","tickers.BTCUSDT","kline.1.BTCUSDT","allLiquidation.BTCUSDT"]}`}
	}
	for _, ch := range []string{"diff_order_book", "order_book", "live_trades"} {
		wishes = append(wishes, `{"event":"bts:subscribe","data":{"channel":"`+ch+`_btcusd"}}`)
	}
	return "/", wishes
}

// record listens to everything for a while and gives all messages and the journal.
func record(t *testing.T, id market.VenueID, seed uint64, d time.Duration) (text, journal string) {
	plan := RandomFaults(seed, map[FaultKind]float64{Drop: 0.01, Duplicate: 0.01, Reorder: 0.01, Gap: 0.002, BadChecksum: 0.01, Crossed: 0.005, Ghost: 0.005, NewEnum: 0.01, NewType: 0.01})
	inBubble(t, id, Options{Pairs: []market.Pair{"BTC-USD", "BTC-USDT", "BTC-USDT-PERP", "BTC-USD-PERP", "BTC-KRW"}, Faults: plan}, func(b *bench) {
		path, wishes := everything(id)
		w := b.dial(path)
		for _, s := range wishes {
			w.send(s)
			time.Sleep(153 * time.Millisecond) // never the moment of a tick: order within one instant is not promised
		}
		var all strings.Builder
		w.until(d, func(s string) {
			var any json.RawMessage
			decode(t, s, &any)
			all.WriteString(s + "\n")
		})
		text, journal = all.String(), b.v.Journal().String()
	})
	return text, journal
}

// The same seed gives the same messages and the same journal, byte by byte; another
// plan seed gives other faults. Every message is valid JSON.
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
