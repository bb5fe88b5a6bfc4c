package emulator

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/assayhq/assay/market"
)

// gemini speaks Gemini: the streams of ws.gemini.com at /, whose books are chained by
// numbers that all symbols share; the archived market data of version 2 at /v2/marketdata;
// REST under /v1 and /v2. https://developer.gemini.com, seen 2026-09.
type gemini struct {
	v    *Venue
	last uint64 // number given last
}

func (x *gemini) rules() rules {
	return rules{list: `BTC-USD 2 8, ETH-USD 2 6, SOL-USD 3 6, XRP-USD 4 6, DOGE-USD 5 6, LTC-USD 2 5, BTC-USDT 2 8, ETH-USDT 2 6,
			BTC-EUR 2 8, ETH-EUR 2 6, USDT-USD 5 6, USDC-USD 5 6, BTC-GUSD-PERP 1 4 5, ETH-GUSD-PERP 2 3 5, SOL-GUSD-PERP 3 1 5`,
		follow: 200 * time.Millisecond, lag: 30 * time.Millisecond, handshakes: 300, shakeIn: 5 * time.Minute, sequenced: true,
		windows: []window{{"", time.Minute, 120}}, stream: "/?snapshot=-1", business: "/v2/marketdata"}
}

func (x *gemini) symbol(l *listing) string {
	s := strings.ToLower(l.base() + l.quote())
	if l.perp {
		s += "perp"
	}
	return s
}

func (x *gemini) streams(path string) bool {
	return path == "/" || path == "" || strings.TrimSuffix(path, "/") == "/v2/marketdata"
}

// number is the next of the numbers that all books share.
func (x *gemini) number() uint64 {
	if x.last == 0 {
		x.last = 1764527605190000
	}
	x.last += 3
	return x.last
}

func (x *gemini) open(c *conn) {
	if strings.HasPrefix(c.path, "/v2") {
		c.every(5*time.Second, func(at time.Time) bool {
			c.say("heartbeat", fmt.Appendf(nil, `{"timestamp":%d,"type":"heartbeat"}`, ms(x.v.stamp(at))))
			return true
		})
		return
	}
	c.ping(20*time.Second, time.Minute)
}

// geminiWish is a request. Params is a list of streams, or an object for depth.
type geminiWish struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
}

func (x *gemini) receive(c *conn, text []byte) {
	if strings.HasPrefix(c.path, "/v2") {
		x.receiveV2(c, text)
		return
	}
	var w geminiWish
	if json.Unmarshal(text, &w) != nil || len(w.ID) == 0 {
		x.deny(c, &w, -1013, "Invalid parameters")
		return
	}
	switch method := strings.ToLower(w.Method); method {
	case "ping":
		x.grant(c, &w, "")
	case "time":
		x.grant(c, &w, fmt.Sprintf(`,"result":{"serverTime":%d}`, ms(x.v.stamp(time.Now()))))
	case "conninfo":
		x.grant(c, &w, `,"rateLimits":[{"rateLimitType":"REQUEST_WEIGHT","interval":"SECOND","intervalNum":10,"limit":7000,"count":1},{"rateLimitType":"CONNECTION_ATTEMPTS","interval":"MINUTE","intervalNum":5,"limit":300,"count":1}]`)
	case "list_subscriptions":
		var names []string
		for k := range c.subs {
			names = append(names, k)
		}
		slices.Sort(names)
		x.grant(c, &w, `,"result":`+list(names))
	case "depth":
		x.depth(c, &w)
	case "subscribe", "unsubscribe":
		x.wishes(c, &w, method == "subscribe")
	default:
		x.deny(c, &w, -1020, "Unsupported operation")
	}
}

func (x *gemini) grant(c *conn, w *geminiWish, extra string) {
	c.say("ack", fmt.Appendf(nil, `{"id":%s,"status":200%s}`, w.ID, extra))
}

func (x *gemini) deny(c *conn, w *geminiWish, code int, why string) {
	id := string(w.ID)
	if id == "" {
		id = "null"
	}
	c.say("ack", fmt.Appendf(nil, `{"id":%s,"status":400,"error":{"code":%d,"msg":%s}}`, id, code, jsonText(why)))
}

// wishes serves a list of streams: one bad name refuses all. Whole books come before the
// answer.
func (x *gemini) wishes(c *conn, w *geminiWish, join bool) {
	var names []string
	if json.Unmarshal(w.Params, &names) != nil || len(names) == 0 {
		x.deny(c, w, -1013, "Invalid parameters")
		return
	}
	var topics []*topic
	for _, n := range names {
		t := x.topic(n)
		if t == nil {
			x.deny(c, w, -1013, "Invalid stream name: "+n)
			return
		}
		topics = append(topics, t)
	}
	for i, n := range names {
		t := topics[i]
		if !join {
			x.v.leave(c, strings.ToLower(n))
			continue
		}
		switch x.v.faults.subscription(c, t.name, t.p.symbol) {
		case NoAck:
			return
		case Refuse:
			x.deny(c, w, -1000, "Internal server error")
			return
		}
	}
	for i, n := range names {
		if !join {
			break
		}
		if t, fresh := x.v.join(c, strings.ToLower(n), func() *topic { return topics[i] }); fresh {
			x.greet(c, t)
		}
	}
	x.grant(c, w, "")
}

// topic reads the name of a stream; nil when there is none of that name.
func (x *gemini) topic(name string) *topic {
	symbol, what, _ := strings.Cut(strings.ToLower(name), "@")
	t := &topic{name: what, p: x.v.symbols[symbol]}
	kind, pace, paced := strings.Cut(what, "@")
	if t.p == nil || paced && pace != "100ms" {
		return nil
	}
	t.every = time.Second
	if paced {
		t.every = 100 * time.Millisecond
	}
	switch {
	case kind == "depth":
		t.place = "book"
	case strings.HasPrefix(kind, "depth"):
		if t.depth, _ = strconv.Atoi(kind[len("depth"):]); !contains([]int{5, 10, 20}, t.depth) {
			return nil
		}
		t.place, t.data = "book", "partial"
	case paced:
		return nil
	case kind == "bookticker":
		t.place, t.every = "quotes", 0
	case kind == "trade":
		t.place, t.every = "trades", 0
	case kind == "markprice" && t.p.perp:
		t.place = "status"
	case kind == "fundingamount" && t.p.perp:
		t.place, t.every = "status", time.Minute
	default:
		return nil
	}
	return t
}

// depth answers with a book once.
func (x *gemini) depth(c *conn, w *geminiWish) {
	var ask struct {
		Symbol string `json:"symbol"`
		Limit  int    `json:"limit"`
	}
	json.Unmarshal(w.Params, &ask) //nolint:errcheck // an unreadable one names no symbol
	p := x.v.symbols[strings.ToLower(ask.Symbol)]
	if p == nil {
		x.deny(c, w, -1013, "Invalid symbol")
		return
	}
	if ask.Limit <= 0 {
		ask.Limit = 100
	}
	top := p.book.top(min(ask.Limit, 5000))
	x.grant(c, w, fmt.Sprintf(`,"result":{"lastUpdateId":%d,"bids":%s,"asks":%s}`, x.number(), rows(nil, top.bids, x.rung(p)), rows(nil, top.asks, x.rung(p))))
}

// wanted is how many levels a whole book has on a connection; 0 is all, -1 no book.
func (x *gemini) wanted(c *conn) int {
	q, _ := url.ParseQuery(c.query)
	n, err := strconv.Atoi(q.Get("snapshot"))
	switch {
	case err != nil || n == 0:
		return -1
	case n < 0:
		return 0
	}
	return n
}

func (x *gemini) farewell(*conn) time.Duration { return 0 }

func (x *gemini) strange(enum bool) []byte {
	p := x.v.pits[0]
	if enum {
		return fmt.Appendf(nil, `{"e":"auctionTrade","E":%d,"s":"%s","p":"%s","q":"1"}`, x.v.stamp(p.last).UnixNano(), p.symbol, fixedText(p.book.bids[0].px, p.pd))
	}
	return []byte(`{"e":"somethingNew","value":1}`)
}

func (x *gemini) cost(*query) (string, int) { return "", 1 }

func (x *gemini) refuse(_ *query, r refusal) reply {
	a := x.fail(http.StatusTooManyRequests, "RateLimit", "Requests were made too frequently")
	if r.banned {
		a.status = http.StatusForbidden
	}
	a.header = map[string]string{"Retry-After": itoa(int64((r.retry + time.Second - 1) / time.Second))}
	return a
}

func (x *gemini) fail(status int, reason, why string) reply {
	return answer(status, fmt.Appendf(nil, `{"result":"error","reason":%q,"message":%s}`, reason, jsonText(why)))
}

// geminiWindows is how far candles reach: one fixed window each.
var geminiWindows = map[string]struct {
	interval market.Interval
	reach    time.Duration
}{
	"1m": {"1m", 24 * time.Hour}, "5m": {"5m", 7 * 24 * time.Hour}, "15m": {"15m", 14 * 24 * time.Hour}, "30m": {"30m", 31 * 24 * time.Hour},
	"1hr": {"1h", 62 * 24 * time.Hour}, "6hr": {"6h", 365 * 24 * time.Hour}, "1day": {"1d", 365 * 24 * time.Hour},
}
