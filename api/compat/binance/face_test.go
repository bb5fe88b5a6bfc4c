package binance

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/accesstest"
	"github.com/assayhq/assay/access/gate"
	"github.com/assayhq/assay/access/limit"
	"github.com/assayhq/assay/api/compat/compattest"
	"github.com/assayhq/assay/bus"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/money"
)

// door is a gate that lets everybody in, unless it is told otherwise.
type door struct {
	mu         sync.Mutex
	full, shut error
}

func (d *door) Connect(*access.Caller) (*gate.Connection, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return &gate.Connection{}, d.full
}

func (d *door) Live(*access.Caller) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.shut
}

func (d *door) Used(*access.Caller, *http.Request) {}

func (d *door) Plan(*access.Caller) limit.Plan { return limit.Plan{Rate: 10} }

type stage struct {
	http.Handler
	world *compattest.World
	bus   *bus.Local
	door  *door
}

func open(t *testing.T, change func(*Options)) *stage {
	t.Helper()
	s := &stage{world: compattest.New(t), bus: bus.NewLocal(), door: &door{}}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	t.Cleanup(func() { cancel(); wg.Wait() })
	opt := Options{Board: s.world, History: s.world.History, Candles: s.world.History, Bus: s.bus, Gate: s.door, Venue: "binance", Go: func(f func(context.Context)) { wg.Go(func() { f(ctx) }) }}
	if change != nil {
		change(&opt)
	}
	s.Handler = New(opt)
	return s
}

func TestGoldenAnswersOfAVenue(t *testing.T) {
	const b = "/compat/binance/api/v3/"
	compattest.Golden(t, open(t, nil), "venue", b+"ping", b+"time", b+"exchangeInfo", b+"exchangeInfo?symbols=%5B%22BTCUSDT%22%5D", b+"exchangeInfo?symbolStatus=HALT", b+"depth?symbol=BTCUSDT&limit=2", b+"depth?symbol=ETHUSDT",
		b+"trades?symbol=BTCUSDT&limit=2", b+"historicalTrades?symbol=BTCUSDT&fromId=1004&limit=2", b+"aggTrades?symbol=BTCUSDT&limit=1", b+"aggTrades?symbol=BTCUSDT&startTime=1772366391000&endTime=1772366392000",
		b+"klines?symbol=BTCUSDT&interval=1m&limit=2", b+"klines?symbol=BTCUSDT&interval=1m&startTime=1772365500000&endTime=1772365560000", b+"klines?symbol=BTCUSDT&interval=1d&limit=2&timeZone=-1:00", b+"uiKlines?symbol=BTCUSDT&interval=1h&limit=1",
		b+"avgPrice?symbol=BTCUSDT", b+"ticker/24hr?symbol=BTCUSDT", b+"ticker/24hr?symbols=%5B%22BTCUSDT%22,%22ETHUSDT%22%5D&type=MINI", b+"ticker?symbol=BTCUSDT&windowSize=5m", b+"ticker/tradingDay?symbol=BTCUSDT&timeZone=5:45",
		b+"ticker/price", b+"ticker/price?symbol=BTCUSDT", b+"ticker/bookTicker?symbol=BTCUSDT", "/api/v3/time")
}

func TestGoldenAnswersOfTheConsensus(t *testing.T) {
	const b = "/api/v3/"
	compattest.Golden(t, open(t, func(o *Options) { o.Venue = market.ConsensusVenue }), "consensus", b+"exchangeInfo?symbol=BTCUSD", b+"ticker/price?symbol=BTCUSD", b+"trades?symbol=BTCUSD", b+"klines?symbol=BTCUSD&interval=1m&limit=1",
		b+"depth?symbol=BTCUSD", b+"ticker/bookTicker", b+"ticker/24hr?symbol=BTCUSD", b+"depth?symbol=BTCUSDT")
}

func TestGoldenRefusals(t *testing.T) {
	const b = "/compat/binance/api/v3/"
	compattest.Golden(t, open(t, nil), "refusals", b+"depth", b+"depth?symbol=", b+"depth?symbol=NOPE", b+"depth?symbol=btcusdt", b+"depth?symbol=BTCUSDT&limit=x", b+"depth?symbol=BTCUSDT&symbol=ETHUSDT", b+"depth?symbol=BTCUSDT&foo=1", b+"ping?x=1",
		b+"klines?symbol=BTCUSDT", b+"klines?symbol=BTCUSDT&interval=2m", b+"klines?symbol=BTCUSDT&interval=1m&timeZone=15:00", b+"ticker/24hr?symbol=BTCUSDT&symbols=%5B%22BTCUSDT%22%5D", b+"ticker/24hr?symbols=BTCUSDT", b+"ticker", b+"ticker?symbol=BTCUSDT&windowSize=99m",
		b+"ticker/24hr?symbol=BTCUSDT&type=HUGE", b+"aggTrades?symbol=BTCUSDT&fromId=1&startTime=1", b+"depth?symbol=ETHUSDT&symbolStatus=TRADING", b+"depth?symbol=BTCUSDT&symbolStatus=ODD", b+"order", b+"account?timestamp=1&signature=x", b+"nothing", "/sapi/v1/system/status", "/compat/binance/ws", "/compat/binance/")
}

func TestABookThatIsNotValidIsSaidToBeSo(t *testing.T) {
	s := open(t, nil)
	s.world.Broken = true
	if code, body := compattest.Get(s, "/api/v3/depth?symbol=BTCUSDT"); code != 503 || !strings.Contains(body, `"code":-1001`) || !strings.Contains(body, "3 messages are missing") {
		t.Error(code, body)
	}
}

func TestFailuresOfTheWayInHaveTheOriginalsShape(t *testing.T) {
	for err, want := range map[error]string{
		fault.New(fault.Unauthentic, "no key"):  `401 {"code":-2015,`,
		fault.New(fault.Denied, "no scope"):     `401 {"code":-2015,`,
		fault.New(fault.Exhausted, "too much"):  `429 {"code":-1003,`,
		fault.New(fault.Unavailable, "away"):    `503 {"code":-1001,`,
		fault.New(fault.Internal, "secret sql"): `500 {"code":-1000,"msg":"An unknown error`,
	} {
		w := httptest.NewRecorder()
		Fail(w, nil, 0, err)
		if got := fmt.Sprint(w.Code, " ", w.Body); !strings.HasPrefix(got, want) {
			t.Errorf("%v: %s, want %s", err, got, want)
		}
	}
}

func TestTheWeightOfAMinuteIsTold(t *testing.T) {
	now := time.Unix(600, 0)
	s := open(t, func(o *Options) { o.Now = func() time.Time { return now } })
	used := func() string {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest("GET", "/api/v3/ping", nil))
		return w.Header().Get("X-MBX-USED-WEIGHT-1M")
	}
	if a, b := used(), used(); a != "1" || b != "2" {
		t.Error(a, b)
	}
	now = now.Add(time.Minute)
	if c := used(); c != "1" {
		t.Error("a new minute begins at", c)
	}
}

func TestRandomBadRequestsAreRefusedInTheOriginalsShape(t *testing.T) {
	s := open(t, nil)
	var paths []string
	for _, p := range []string{"ping", "time", "exchangeInfo", "depth", "trades", "historicalTrades", "aggTrades", "klines", "uiKlines", "avgPrice", "ticker/24hr", "ticker", "ticker/tradingDay", "ticker/price", "ticker/bookTicker", "order", "nowhere"} {
		paths = append(paths, "/compat/binance/api/v3/"+p)
	}
	paths = append(paths, "/ws", "/stream", "/ws/btcusdt@trade")
	compattest.Abuse(t, s, paths, []string{"symbol", "symbols", "limit", "interval", "startTime", "endTime", "fromId", "type", "windowSize", "timeZone", "symbolStatus", "streams"}, func(t *testing.T, target string, code int, body string) {
		var e struct {
			Code int    `json:"code"`
			Msg  string `json:"msg"`
		}
		if json.Unmarshal([]byte(body), &e) != nil || e.Code >= 0 || e.Msg == "" {
			t.Errorf("%.200s: %d %.200s", target, code, body)
		}
	})
}

// dial opens a stream.
func dial(t *testing.T, s *stage, path string) *websocket.Conn {
	t.Helper()
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	c, _, err := websocket.Dial(t.Context(), srv.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	c.SetReadLimit(1 << 20)
	t.Cleanup(func() { c.CloseNow() })
	return c
}

// await reads until a message has the text.
func await(t *testing.T, c *websocket.Conn, text string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for {
		_, b, err := c.Read(ctx)
		if err != nil {
			t.Fatalf("no message with %q: %v", text, err)
		}
		if strings.Contains(string(b), text) {
			return string(b)
		}
	}
}

func say(t *testing.T, c *websocket.Conn, text string) {
	t.Helper()
	if err := c.Write(t.Context(), websocket.MessageText, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

// until publishes again and again until somebody listens.
func (s *stage) publish(e market.Event) {
	for !s.bus.Wants(market.Topic{Channel: e.Channel, Venue: e.Venue, Pair: e.Pair}) {
		time.Sleep(time.Millisecond)
	}
	s.bus.Publish([]market.Event{e})
}

func trade(id string) market.Event {
	return market.Event{Channel: market.Trades, Venue: "binance", Pair: "BTC-USDT", Trade: &market.Trade{Venue: "binance", Pair: "BTC-USDT", ID: id, Price: money.MustPrice("64000.5"), Qty: money.MustQty("0.1"), Side: market.Sell, At: compattest.Noon}}
}

func TestARawStreamTellsTrades(t *testing.T) {
	s := open(t, nil)
	c := dial(t, s, "/compat/binance/ws/btcusdt@trade")
	s.publish(trade("77"))
	want := `{"e":"trade","E":1772366400000,"s":"BTCUSDT","t":77,"p":"64000.50000000","q":"0.10000000","T":1772366400000,"m":true,"M":true}`
	if got := await(t, c, "trade"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestACombinedStreamNamesItsStreams(t *testing.T) {
	s := open(t, nil)
	c := dial(t, s, "/stream?streams=btcusdt@aggTrade/btcusdt@bookTicker/btcusdt@depth5@100ms/btcusdt@ticker/btcusdt@kline_1m/!miniTicker@arr")
	s.publish(trade("77"))
	if got := await(t, c, `"stream":"btcusdt@aggTrade"`); !strings.Contains(got, `"data":{"e":"aggTrade",`) || !strings.Contains(got, `"a":77,"p":"64000.50000000"`) {
		t.Error(got)
	}
	if got := await(t, c, `"stream":"btcusdt@ticker"`); !strings.Contains(got, `"e":"24hrTicker"`) || !strings.Contains(got, `"b":"64060.00000000"`) {
		t.Error(got)
	}
}

func TestSubscriptionsComeAndGo(t *testing.T) {
	s := open(t, nil)
	c := dial(t, s, "/ws/0") // ccxt names its connections by numbers
	for _, x := range [][2]string{
		{`{"method":"LIST_SUBSCRIPTIONS","id":1}`, `{"result":[],"id":1}`},
		{`{"method":"SUBSCRIBE","params":["btcusdt@trade","btcusdt@depth"],"id":"a"}`, `{"result":null,"id":"a"}`},
		{`{"method":"LIST_SUBSCRIPTIONS","id":2}`, `{"result":["btcusdt@trade","btcusdt@depth"],"id":2}`},
		{`{"method":"UNSUBSCRIBE","params":["btcusdt@trade","never@was"],"id":3}`, `{"result":null,"id":3}`},
		{`{"method":"LIST_SUBSCRIPTIONS","id":4}`, `{"result":["btcusdt@depth"],"id":4}`},
		{`{"method":"GET_PROPERTY","params":["combined"],"id":5}`, `{"result":false,"id":5}`},
		{`{"method":"SET_PROPERTY","params":["combined",true],"id":6}`, `{"result":null,"id":6}`},
		{`{"method":"GET_PROPERTY","params":["combined"],"id":7}`, `{"result":true,"id":7}`},
		{`{"method":"SET_PROPERTY","params":["combined",3],"id":8}`, `{"error":{"code":1,"msg":"Invalid value type: expected Boolean"},"id":8}`},
		{`{"method":"SUBSCRIBE","params":["btcusdt@nonsense"],"id":9}`, `{"error":{"code":2,"msg":"Invalid request: there is no stream 'btcusdt@nonsense'"},"id":9}`},
		{`{"method":"SUBSCRIBE","params":["nope@trade"],"id":10}`, `{"error":{"code":2,"msg":"Invalid request: Invalid symbol."},"id":10}`},
		{`nonsense`, `{"error":{"code":3,"msg":"Invalid JSON"},"id":null}`},
	} {
		say(t, c, x[0])
		if got := await(t, c, ``); got != x[1] {
			t.Errorf("%s\ngot  %s\nwant %s", x[0], got, x[1])
		}
	}
}

func changed(seq uint64, snapshot bool, bid, qty string) market.Event {
	return market.Event{Channel: market.Books, Venue: "binance", Pair: "BTC-USDT", Seq: seq, Book: &market.BookUpdate{Snapshot: snapshot, Bids: []market.Level{{Price: money.MustPrice(bid), Qty: money.MustQty(qty)}}}}
}

func TestUpdateIDsJumpWhereChangesWereMissed(t *testing.T) {
	x := &changes{}
	tell := func(events ...market.Event) string {
		for i := range events {
			x.take(&events[i])
		}
		out := fmt.Sprint(x.first, "-", x.last, " ", pairsOf(x.side[0]))
		*x = changes{last: x.last}
		return out
	}
	for i, step := range []struct {
		events []market.Event
		want   string
	}{
		{[]market.Event{changed(43, false, "10", "1"), changed(44, false, "10", "2"), changed(45, false, "11", "0")}, "43-45 [[10.00000000 2.00000000] [11.00000000 0.00000000]]"},
		{[]market.Event{changed(46, false, "10", "3")}, "46-46 [[10.00000000 3.00000000]]"},
		{[]market.Event{changed(47, false, "10", "4"), {Channel: market.Books, Seq: 48, Gap: &market.Gap{}}, changed(49, true, "9", "1"), changed(50, false, "9", "2")}, "50-50 [[9.00000000 2.00000000]]"},
		{[]market.Event{changed(53, false, "8", "1")}, "53-53 [[8.00000000 1.00000000]]"},
	} {
		if got := tell(step.events...); got != step.want {
			t.Errorf("%d: got %s, want %s", i, got, step.want)
		}
	}
}

func TestADepthStreamJoinsTheBookOfREST(t *testing.T) {
	s := open(t, nil)
	c := dial(t, s, "/ws/btcusdt@depth@100ms")
	_, body := compattest.Get(s, "/api/v3/depth?symbol=BTCUSDT&limit=1")
	if !strings.Contains(body, `"lastUpdateId":42`) {
		t.Fatal(body)
	}
	s.publish(changed(43, false, "64060.00", "9"))
	if got := await(t, c, "depthUpdate"); !strings.Contains(got, `"U":43,"u":43,"b":[["64060.00000000","9.00000000"]],"a":[]`) {
		t.Error(got)
	}
}

func TestAStreamBeyondThePlanIsRefused(t *testing.T) {
	s := open(t, nil)
	s.door.full = fault.New(fault.Exhausted, "more than 2 streams at the same time: close one")
	srv := httptest.NewServer(s)
	defer srv.Close()
	_, res, err := websocket.Dial(t.Context(), srv.URL+"/ws/btcusdt@trade", nil)
	if err == nil || res.StatusCode != http.StatusTooManyRequests {
		t.Error(res.StatusCode, err)
	}
}

func TestAStreamTakesOfItsAppsPlanAndGivesBack(t *testing.T) {
	g, err := gate.New(accesstest.NewMemory().Link(), gate.Options{Static: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	by := gate.By{Name: "test"}
	key, err := g.Create(t.Context(), by, gate.Spec{Name: "bot", Org: "acme", App: "bot", Scopes: []access.Scope{access.StreamRead}})
	if err != nil {
		t.Fatal(err)
	}
	if err := g.SetPlan(t.Context(), by, limit.Plan{Name: "two", Version: 1, Connections: 1, Subscriptions: 2}); err != nil {
		t.Fatal(err)
	}
	if err := g.SetApp(t.Context(), by, gate.App{Org: "acme", Name: "bot", Plan: "two"}); err != nil {
		t.Fatal(err)
	}
	s := open(t, func(o *Options) { o.Gate = g })
	face := s.Handler
	s.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Set("X-API-Key", key.Token)
		c, err := g.Authenticate(r)
		if err != nil {
			t.Error(err)
		}
		face.ServeHTTP(w, r.WithContext(gate.WithCaller(r.Context(), c)))
	})
	srv := httptest.NewServer(s)
	defer srv.Close()
	refused := func(path string) bool {
		c, res, err := websocket.Dial(t.Context(), srv.URL+path, nil)
		if err == nil {
			c.CloseNow()
			return false
		}
		return res != nil && res.StatusCode == http.StatusTooManyRequests
	}
	if !refused("/stream?streams=btcusdt@trade/btcusdt@depth/btcusdt@ticker") {
		t.Error("three subscriptions of two")
	}
	c := dial(t, s, "/ws/btcusdt@trade")
	say(t, c, `{"method":"SUBSCRIBE","params":["btcusdt@depth","btcusdt@miniTicker"],"id":1}`)
	if got := await(t, c, `"id":1`); !strings.Contains(got, `"code":-1003`) {
		t.Error(got)
	}
	say(t, c, `{"method":"UNSUBSCRIBE","params":["btcusdt@trade"],"id":2}`)
	await(t, c, `"id":2`)
	say(t, c, `{"method":"SUBSCRIBE","params":["btcusdt@depth","btcusdt@avgPrice"],"id":3}`)
	if got := await(t, c, `"id":3`); !strings.Contains(got, `"result":null`) {
		t.Error(got)
	}
	if !refused("/ws/btcusdt@trade") {
		t.Error("two streams of one")
	}
	c.CloseNow()
	for refused("/ws/btcusdt@trade") { // until the end of the first has been seen
		time.Sleep(time.Millisecond)
	}
}

func TestAStreamEndsWithItsKey(t *testing.T) {
	s := open(t, nil)
	c := dial(t, s, "/ws/btcusdt@trade")
	s.door.mu.Lock()
	s.door.shut = fault.New(fault.Unauthentic, "revoked")
	s.door.mu.Unlock()
	if _, _, err := c.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusPolicyViolation {
		t.Error(err)
	}
}

func TestWhoDoesNotReadIsClosed(t *testing.T) {
	s := open(t, nil)
	c := dial(t, s, "/ws/btcusdt@trade")
	deadline := time.Now().Add(20 * time.Second)
	for i := 0; s.bus.Lost() == 0; i++ { // nobody reads: sooner or later buffers are full
		s.publish(trade(fmt.Sprint(i)))
		if time.Now().After(deadline) {
			t.Fatal("the bus lost nothing")
		}
	}
	for {
		if _, _, err := c.Read(t.Context()); err != nil {
			if websocket.CloseStatus(err) != websocket.StatusTryAgainLater {
				t.Error(err)
			}
			return
		}
	}
}

func TestTooManyMessagesCloseTheStream(t *testing.T) {
	s := open(t, nil)
	c := dial(t, s, "/ws")
	for range maxRate + 5 {
		if c.Write(t.Context(), websocket.MessageText, []byte(`{"method":"LIST_SUBSCRIPTIONS","id":1}`)) != nil {
			break
		}
	}
	for {
		if _, _, err := c.Read(t.Context()); err != nil {
			if websocket.CloseStatus(err) != websocket.StatusPolicyViolation {
				t.Error(err)
			}
			return
		}
	}
}

func FuzzStreamNames(f *testing.F) {
	for _, s := range []string{"btcusdt@trade", "btcusdt@kline_1m@+08:00", "!ticker_1h@arr", "btcusdt@depth20@100ms", "@", "!@"} {
		f.Add(s)
	}
	var h *face
	f.Fuzz(func(t *testing.T, name string) {
		if h == nil {
			h = open(t, nil).Handler.(*face)
		}
		c, err := h.channel(context.Background(), name)
		if err == nil && (c.kind == "" || c.name != name) {
			t.Errorf("%q: %+v", name, c)
		}
	})
}
