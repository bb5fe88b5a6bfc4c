package emulator

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/assayhq/assay/market"
)

// gateio speaks Gate's WebSocket and REST API v4: spot, or perpetual contracts settled in
// USDT, which have the same protocol at another address. Books come whole and go on by
// numbers (obu), or as differences to join to a snapshot by REST (order_book_update). A
// contract is one unit of the last decimal of the listing's size. Sizes of contracts are
// strings for who asks so in a header, else integers.
// https://www.gate.com/docs/developers, seen 2026-08.
type gateio struct {
	v       *Venue
	futures bool
}

func (g *gateio) rules() rules {
	r := rules{list: `BTC-USDT 1 6, ETH-USDT 2 4, SOL-USDT 2 3, XRP-USDT 4 1, DOGE-USDT 5 0, ADA-USDT 4 2, LTC-USDT 2 3,
			BTC-USDC 1 6, ETH-USDC 2 4, USDC-USDT 4 2`,
		follow: 35 * time.Millisecond, lag: 20 * time.Millisecond, handshakes: 300, shakeIn: 5 * time.Minute, sequenced: true,
		windows: []window{{"endpoint", 10 * time.Second, 200}}, stream: "/ws/v4/"}
	if g.futures {
		r.list = `BTC-USDT-PERP 1 4, ETH-USDT-PERP 2 2, SOL-USDT-PERP 2 0, LTC-USDT-PERP 2 1`
		r.stream = "/v4/ws/usdt"
	}
	return r
}

func (g *gateio) symbol(l *listing) string { return l.base() + "_" + l.quote() }

func (g *gateio) streams(path string) bool { return path == g.rules().stream }

// prefix is what the names of channels begin with.
func (g *gateio) prefix() string {
	if g.futures {
		return "futures."
	}
	return "spot."
}

func (g *gateio) open(c *conn) {
	c.state = fmt.Sprintf("%016x", mix(uint64(c.n), 3, g.v.world.seed))
	c.ping(20*time.Second, time.Minute)
}

// gateioRequest is what a client says. Its time is looked at only where it is signed.
type gateioRequest struct {
	ID      json.RawMessage `json:"id"`
	Channel string          `json:"channel"`
	Event   string          `json:"event"`
	Payload []string        `json:"payload"`
}

func (g *gateio) receive(c *conn, text []byte) {
	var w gateioRequest
	if json.Unmarshal(text, &w) != nil {
		g.reply(c, &w, 1, "invalid argument struct")
		return
	}
	channel, ours := strings.CutPrefix(w.Channel, g.prefix())
	switch {
	case ours && channel == "ping":
		c.say("heartbeat", fmt.Appendf(nil, `{%s,"conn_id":"%s","channel":"%spong","event":"","result":null}`, g.now(time.Now()), c.state, g.prefix()))
		return
	case !ours, w.Event != "subscribe" && w.Event != "unsubscribe":
		g.reply(c, &w, 2, "unknown channel or event "+w.Channel)
		return
	}
	topics, why := g.topics(channel, w.Payload, c.header.Get("X-Gate-Size-Decimal") == "1")
	if why != "" {
		g.reply(c, &w, 2, why)
		return
	}
	for _, t := range topics {
		if w.Event == "unsubscribe" {
			g.v.leave(c, t.key)
			continue
		}
		if c.subs[t.key] != nil && t.name == "obu" {
			g.reply(c, &w, 2, "Alert sub ob."+t.p.symbol+"."+strconv.Itoa(t.depth))
			return
		}
		switch g.v.faults.subscription(c, t.name, t.p.symbol) {
		case NoAck:
			return
		case Refuse:
			g.reply(c, &w, 3, "internal error")
			return
		}
	}
	g.reply(c, &w, 0, "")
	if w.Event == "subscribe" {
		for _, t := range topics {
			if j, fresh := g.v.join(c, t.key, func() *topic { return t }); fresh {
				g.greet(c, j)
			}
		}
	}
}

// now is the time of a message, in seconds and in milliseconds.
func (g *gateio) now(at time.Time) string {
	t := g.v.stamp(at)
	return fmt.Sprintf(`"time":%d,"time_ms":%d`, t.Unix(), ms(t))
}

// reply answers a request; code 0 is success.
func (g *gateio) reply(c *conn, w *gateioRequest, code int, why string) {
	id, fault, status := "", "", "success"
	if len(w.ID) > 0 {
		id = `"id":` + string(w.ID) + ","
	}
	if code != 0 {
		fault, status = fmt.Sprintf(`"error":{"code":%d,"message":%s},`, code, jsonText(why)), "fail"
	}
	c.say("ack", fmt.Appendf(nil, `{%s,%s"conn_id":"%s","channel":%s,"event":%s,"payload":%s,%s"result":{"status":"%s"}}`,
		g.now(time.Now()), id, c.state, jsonText(w.Channel), jsonText(w.Event), list(w.Payload), fault, status))
}

// gateioShape says how a topic is written.
type gateioShape struct{ decimal bool }

// topics reads a payload. One unknown symbol refuses all of it.
func (g *gateio) topics(channel string, payload []string, decimal bool) (out []*topic, why string) {
	add := func(symbol string, t topic) {
		t.name, t.p, t.data = channel, g.v.symbols[symbol], gateioShape{decimal}
		t.key = fmt.Sprintf("%s %s %v %t", channel, symbol, payload[0], decimal)
		if channel != "candlesticks" && channel != "obu" {
			t.key = fmt.Sprintf("%s %s %t", channel, symbol, decimal)
		}
		if channel == "obu" {
			t.key = fmt.Sprintf("%s %s %d %t", channel, symbol, t.depth, decimal)
		}
		if t.p == nil && why == "" {
			why = "unknown currency pair " + symbol
			if g.futures {
				why = "unknown contract " + symbol
			}
		}
		out = append(out, &t)
	}
	if len(payload) == 0 {
		return nil, "invalid argument"
	}
	switch {
	case channel == "trades":
		for _, s := range payload {
			add(s, topic{place: "trades"})
		}
	case channel == "book_ticker":
		for _, s := range payload {
			add(s, topic{place: "quotes"})
		}
	case channel == "tickers":
		for _, s := range payload {
			add(s, topic{place: "status", every: time.Second})
		}
	case channel == "public_liquidates" && g.futures:
		for _, s := range payload {
			add(s, topic{place: "status", every: time.Second})
		}
	case channel == "obu":
		for _, s := range payload {
			name, ok := strings.CutPrefix(s, "ob.")
			i := max(strings.LastIndexByte(name, '.'), 0)
			every := map[string]time.Duration{".50": 20 * time.Millisecond, ".400": 100 * time.Millisecond}[name[i:]]
			if !ok || every == 0 {
				return nil, "invalid argument " + s
			}
			depth, _ := strconv.Atoi(name[i+1:])
			add(name[:i], topic{place: "book", every: every, depth: depth})
		}
	case channel == "order_book_update":
		every := time.Duration(0)
		if len(payload) >= 2 {
			every = map[string]time.Duration{"20ms": 20 * time.Millisecond, "100ms": 100 * time.Millisecond}[payload[1]]
		}
		if every == 0 {
			return nil, "invalid argument"
		}
		add(payload[0], topic{place: "book", every: every})
	case channel == "candlesticks":
		if len(payload) != 2 || gateioInterval(payload[0]) == "" {
			return nil, "invalid argument"
		}
		add(payload[1], topic{place: "candles", every: time.Second, interval: gateioInterval(payload[0])})
	default:
		return nil, "unknown channel " + g.prefix() + channel
	}
	return out, why
}

func gateioInterval(s string) market.Interval {
	if contains([]string{"1m", "5m", "15m", "30m", "1h", "4h", "8h", "1d"}, s) {
		return market.Interval(s)
	}
	return ""
}

// greet sends what a new subscriber is given at once: the whole book.
func (g *gateio) greet(c *conn, t *topic) {
	if t.name != "obu" {
		return
	}
	if t.seq == 0 {
		t.seq = 1
		t.p.truth.mark(t.updates)
	}
	m := &message{place: t.place, topic: t.name, symbol: t.p.symbol, seq: t.updates, d: t.snapshot()}
	m.render = func(d *delta) []byte { return g.obu(t, d) }
	m.data = m.render(m.d)
	c.emit(m)
}

func (g *gateio) farewell(*conn) time.Duration { return 0 }

func (g *gateio) cost(*query) (string, int) { return "endpoint", 1 }

// refuse tells when requests are taken again in a header of its own.
func (g *gateio) refuse(q *query, r refusal) reply {
	a := g.fail(http.StatusTooManyRequests, "TOO_MANY_REQUESTS", "Request Rate Limit Exceeded")
	a.header = map[string]string{"X-Gate-RateLimit-Limit": "200", "X-Gate-RateLimit-Requests-Remain": "0", "X-Gate-RateLimit-Reset-Timestamp": itoa(g.v.stamp(r.until).Unix())}
	return a
}

func (g *gateio) fail(status int, label, text string) reply {
	return answer(status, fmt.Appendf(nil, `{"label":"%s","message":%s}`, label, jsonText(text)))
}
