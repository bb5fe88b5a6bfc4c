package emulator

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/coder/websocket"

	"github.com/assayhq/assay/market"
)

// binance speaks Binance: REST snapshots that join a stream of numbered diffs. What
// futures have of their own stands in binance_futures.go.
// https://github.com/binance/binance-spot-api-docs, seen 2026-07.
type binance struct {
	v   *Venue
	api string // the prefix of its REST paths: /api/v3/ is spot
}

func (b *binance) rules() rules {
	if b.futures() {
		return b.futuresRules()
	}
	return rules{list: `BTC-USDT 2 5, ETH-USDT 2 4, SOL-USDT 2 3, XRP-USDT 4 1, DOGE-USDT 5 0, ADA-USDT 4 1, LTC-USDT 2 3,
			BTC-USDC 2 5, ETH-USDC 2 4, BTC-EUR 2 5, ETH-EUR 2 4, EUR-USDT 4 1, USDC-USDT 5 0`,
		lag: 8 * time.Millisecond, maxAge: 24 * time.Hour, handshakes: 300, shakeIn: 5 * time.Minute, messages: 5, messageIn: time.Second,
		sequenced: true, bans: true, windows: []window{{"", 5 * time.Minute, 61000 * 1000}, {"", time.Minute, 6000}}, stream: "/ws"}
}

func (b *binance) symbol(l *listing) string {
	if l.inverse {
		return l.base() + l.quote() + "_PERP"
	}
	return l.base() + l.quote()
}

func (b *binance) streams(path string) bool {
	if b.futures() {
		_, path = split(path)
	}
	return path == "/ws" || path == "/stream" || strings.HasPrefix(path, "/ws/")
}

// binanceMost is how many streams one connection may have.
const binanceMost = 1024

func (b *binance) open(c *conn) {
	c.ping(20*time.Second, time.Minute)
	c.seal = func(c *conn, m *message, data []byte) []byte {
		if !strings.HasSuffix(c.path, "/stream") || m.topic == "" {
			return data
		}
		return fmt.Appendf(nil, `{"stream":"%s","data":%s}`, m.topic, data)
	}
	_, path := split(c.path)
	names := strings.TrimPrefix(path, "/ws/")
	if path == "/stream" {
		names = strings.TrimPrefix(c.query, "streams=")
	} else if path == "/ws" {
		return
	}
	for _, n := range strings.Split(names, "/") {
		b.subscribe(c, n)
	}
}

func (b *binance) receive(c *conn, text []byte) {
	var m struct {
		Method string            `json:"method"`
		Params []json.RawMessage `json:"params"`
		ID     json.RawMessage   `json:"id"`
	}
	if err := json.Unmarshal(text, &m); err != nil {
		c.say("ack", fmt.Appendf(nil, `{"error":{"code":3,"msg":"Invalid JSON: %s"}}`, "expected value at line 1 column 1"))
		return
	}
	if len(m.ID) == 0 {
		m.ID = []byte("null")
	}
	var names []string
	for _, p := range m.Params {
		var s string
		if json.Unmarshal(p, &s) == nil {
			names = append(names, s)
		}
	}
	result := "null"
	switch m.Method {
	case "SUBSCRIBE":
		if len(names) == 0 {
			b.complain(c, m.ID, 2, "Invalid request: missing field `params`")
			return
		}
		var fine []string
		for _, n := range names {
			switch b.v.faults.subscription(c, n, b.symbolOf(n)) {
			case NoAck:
				return
			case Refuse:
				b.complain(c, m.ID, 2, "Invalid request: "+n)
				return
			}
			fine = append(fine, n)
		}
		if len(c.subs)+len(fine) > binanceMost {
			c.bye(websocket.StatusPolicyViolation, "Too many streams")
			return
		}
		c.say("ack", fmt.Appendf(nil, `{"result":null,"id":%s}`, m.ID))
		for _, n := range fine {
			b.subscribe(c, n)
		}
		return
	case "UNSUBSCRIBE":
		for _, n := range names {
			b.v.leave(c, n)
		}
	case "LIST_SUBSCRIPTIONS":
		var have []string
		for k := range c.subs {
			have = append(have, k)
		}
		slices.Sort(have)
		result = list(have)
	case "SET_PROPERTY", "GET_PROPERTY":
	default:
		b.complain(c, m.ID, 2, fmt.Sprintf("Invalid request: unknown variant `%s`, expected one of `SUBSCRIBE`, `UNSUBSCRIBE`, `LIST_SUBSCRIPTIONS`, `SET_PROPERTY`, `GET_PROPERTY`", m.Method))
		return
	}
	c.say("ack", fmt.Appendf(nil, `{"result":%s,"id":%s}`, result, m.ID))
}

func (b *binance) complain(c *conn, id json.RawMessage, code int, msg string) {
	c.say("ack", fmt.Appendf(nil, `{"error":{"code":%d,"msg":%q},"id":%s}`, code, msg, id))
}

func (b *binance) symbolOf(stream string) string {
	s, _, _ := strings.Cut(stream, "@")
	return strings.ToUpper(s)
}

// subscribe joins a stream. Names nobody knows are accepted and stay silent, as they do
// at the venue.
func (b *binance) subscribe(c *conn, stream string) {
	sym, kind, _ := strings.Cut(stream, "@")
	p := b.v.symbols[strings.ToUpper(sym)]
	t := topic{name: stream, p: p}
	interval, isKline := strings.CutPrefix(kind, "kline_")
	switch {
	case p != nil && b.futures():
		if !b.contractTopic(&t, kind) || !served(c.path, kind) {
			b.v.journal.note(Entry{At: time.Now(), What: "unknown stream", Conn: c.id, Channel: stream})
			c.fed = true
			return
		}
	case stream == "!miniTicker@arr":
		t.p, t.place, t.every, t.data = b.v.pits[0], "quotes", time.Second, "all"
	case p == nil || sym != strings.ToLower(sym):
		b.v.journal.note(Entry{At: time.Now(), What: "unknown stream", Conn: c.id, Channel: stream})
		c.fed = true
		return
	case kind == "trade", kind == "aggTrade":
		t.place = "trades"
	case kind == "bookTicker":
		t.place = "quotes"
	case kind == "ticker", kind == "miniTicker", kind == "avgPrice":
		t.place, t.every = "quotes", time.Second
	case kind == "depth", kind == "depth@1000ms":
		t.place, t.every = "book", time.Second
	case kind == "depth@100ms":
		t.place, t.every = "book", 100*time.Millisecond
	case strings.HasPrefix(kind, "depth"):
		n, pace, _ := strings.Cut(strings.TrimPrefix(kind, "depth"), "@")
		t.depth, _ = strconv.Atoi(n)
		t.place, t.every, t.data = "book", time.Second, "partial"
		if pace == "100ms" {
			t.every = 100 * time.Millisecond
		}
		if !contains([]int{5, 10, 20}, t.depth) {
			return
		}
	case isKline && binanceInterval(interval) != "":
		t.place, t.interval, t.every = "candles", binanceInterval(interval), 2*time.Second
		if interval == "1s" {
			t.every = time.Second
		}
	default:
		b.v.journal.note(Entry{At: time.Now(), What: "unknown stream", Conn: c.id, Channel: stream})
		return
	}
	b.v.join(c, stream, func() *topic { return &t })
}

func binanceInterval(s string) market.Interval {
	for _, i := range []market.Interval{"1s", "1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w", "1M"} {
		if string(i) == s {
			return i
		}
	}
	return ""
}
