package emulator

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/coder/websocket"

	"github.com/assayhq/assay/market"
)

// kraken speaks Kraken spot: WebSocket v2 with checksummed books of JSON numbers at
// /v2, the frozen v1 at /, REST under /0/public. https://docs.kraken.com, seen 2026-07.
type kraken struct{ v *Venue }

func (k *kraken) rules() rules {
	return rules{list: `BTC-USD 1 8, ETH-USD 2 8, SOL-USD 2 8, XRP-USD 5 8, DOGE-USD 7 8, ADA-USD 6 8, LTC-USD 2 8,
			BTC-EUR 1 8, ETH-EUR 2 8, BTC-USDT 1 8, ETH-USDT 2 8, USDT-USD 5 8, USDC-USD 4 8, EUR-USD 5 8`,
		follow: 150 * time.Millisecond, lag: 30 * time.Millisecond, handshakes: 150, shakeIn: 10 * time.Minute, checksum: true,
		windows: []window{{"", 10 * time.Second, 15}}, stream: "/v2", business: "/"}
}

func (k *kraken) symbol(l *listing) string { return l.base() + "/" + l.quote() }

func (k *kraken) streams(path string) bool { return path == "/v2" || path == "/" || path == "" }

func (k *kraken) open(c *conn) {
	c.every(time.Second, func(at time.Time) bool {
		if len(c.subs) > 0 && at.Sub(c.spoken) >= time.Second {
			text := `{"channel":"heartbeat"}`
			if c.path != "/v2" {
				text = `{"event":"heartbeat"}`
			}
			c.say("heartbeat", []byte(text))
		}
		if len(c.subs) == 0 && at.Sub(c.heard) > time.Minute {
			c.bye(websocket.StatusNormalClosure, "inactive")
		}
		return true
	})
	if c.path != "/v2" {
		c.state = &krakenV1{k: k, c: c}
		c.say("status", fmt.Appendf(nil, `{"connectionID":%d,"event":"systemStatus","status":"online","version":"1.9.6"}`, mix(uint64(c.n), 9, k.v.world.seed)))
		return
	}
	c.say("status", fmt.Appendf(nil, `{"channel":"status","type":"update","data":[{"version":"2.0.10","system":"online","api_version":"v2","connection_id":%d}]}`, mix(uint64(c.n), 9, k.v.world.seed)>>1))
}

// krakenWish is a v2 request.
type krakenWish struct {
	Method string          `json:"method"`
	ID     json.RawMessage `json:"req_id"`
	Params struct {
		Channel  string   `json:"channel"`
		Symbol   []string `json:"symbol"`
		Depth    int      `json:"depth"`
		Interval int      `json:"interval"`
		Snapshot *bool    `json:"snapshot"`
		Trigger  string   `json:"event_trigger"`
	} `json:"params"`
}

func (k *kraken) receive(c *conn, text []byte) {
	if s, ok := c.state.(*krakenV1); ok {
		s.receive(text)
		return
	}
	var w krakenWish
	if err := json.Unmarshal(text, &w); err != nil {
		k.deny(c, &w, "", "Malformed request")
		return
	}
	switch w.Method {
	case "ping":
		c.say("ack", fmt.Appendf(nil, `{"method":"pong"%s%s}`, k.reqID(&w), k.times()))
	case "subscribe", "unsubscribe":
		if w.Params.Channel == "instrument" {
			k.wish(c, &w, "")
			return
		}
		if len(w.Params.Symbol) == 0 {
			k.deny(c, &w, "", "Symbol(s) not found")
		}
		for _, s := range w.Params.Symbol {
			k.wish(c, &w, s)
		}
	default:
		k.deny(c, &w, "", "Unsupported method")
	}
}

func (k *kraken) reqID(w *krakenWish) string {
	if len(w.ID) == 0 {
		return ""
	}
	return `,"req_id":` + string(w.ID)
}

func (k *kraken) times() string {
	at := k.v.stamp(time.Now())
	return fmt.Sprintf(`,"time_in":"%s","time_out":"%s"`, micro(at), micro(at.Add(40*time.Microsecond)))
}

func (k *kraken) deny(c *conn, w *krakenWish, symbol, why string) {
	if symbol != "" {
		symbol = `,"symbol":` + quoted(symbol)
	}
	c.say("ack", fmt.Appendf(nil, `{"error":%q,"method":%q,"success":false%s%s%s}`, why, w.Method, symbol, k.times(), k.reqID(w)))
}

// wish serves one symbol of a subscribe or unsubscribe request.
func (k *kraken) wish(c *conn, w *krakenWish, symbol string) {
	p, ch := k.v.symbols[symbol], w.Params.Channel
	snapshot := w.Params.Snapshot == nil && ch != "trade" || w.Params.Snapshot != nil && *w.Params.Snapshot
	t := topic{name: ch, p: p}
	result := fmt.Sprintf(`"channel":%q,"symbol":%q`, ch, symbol)
	key := ch + " " + symbol
	switch ch {
	case "instrument":
		t.p, t.place = k.v.pits[0], "status"
		result = `"channel":"instrument"`
	case "book":
		if w.Params.Depth == 0 {
			w.Params.Depth = 10
		}
		if !contains([]int{10, 25, 100, 500, 1000}, w.Params.Depth) {
			k.deny(c, w, symbol, "Subscription depth not supported")
			return
		}
		t.place, t.depth = "book", w.Params.Depth
		result += fmt.Sprintf(`,"depth":%d`, t.depth)
		key += fmt.Sprint(" ", t.depth)
	case "trade":
		t.place = "trades"
	case "ticker":
		t.place, t.data = "quotes", w.Params.Trigger
		if t.data != "bbo" {
			t.data = "trades"
		}
		result += fmt.Sprintf(`,"event_trigger":%q`, t.data)
		key += fmt.Sprint(" ", t.data)
	case "ohlc":
		t.place, t.interval = "candles", krakenInterval(max(w.Params.Interval, 1))
		if t.interval == "" {
			k.deny(c, w, symbol, "Subscription ohlc interval not supported")
			return
		}
		t.data = max(w.Params.Interval, 1)
		result += fmt.Sprintf(`,"interval":%d`, t.data)
		key += fmt.Sprint(" ", t.data)
	default:
		k.deny(c, w, symbol, "Channel not supported")
		return
	}
	if p == nil && ch != "instrument" {
		k.deny(c, w, symbol, "Currency pair not supported "+symbol)
		return
	}
	if w.Method == "unsubscribe" {
		if !k.v.leave(c, key) {
			k.deny(c, w, symbol, "Subscription Not Found")
			return
		}
		c.say("ack", fmt.Appendf(nil, `{"method":"unsubscribe","result":{%s},"success":true%s%s}`, result, k.times(), k.reqID(w)))
		return
	}
	switch k.v.faults.subscription(c, ch, symbol) {
	case NoAck:
		return
	case Refuse:
		k.deny(c, w, symbol, "Exceeded subscription rate limit")
		return
	}
	if c.subs[key] != nil {
		k.deny(c, w, symbol, "Already subscribed to one or more symbols")
		return
	}
	c.say("ack", fmt.Appendf(nil, `{"method":"subscribe","result":{%s,"snapshot":%t},"success":true%s%s}`, result, snapshot, k.times(), k.reqID(w)))
	joined, _ := k.v.join(c, key, func() *topic { return &t })
	if snapshot {
		k.snapshot(c, joined)
	}
}

func krakenInterval(minutes int) market.Interval {
	switch minutes {
	case 1, 5, 15, 30:
		return market.Interval(strconv.Itoa(minutes) + "m")
	case 60:
		return "1h"
	case 240:
		return "4h"
	case 1440:
		return "1d"
	case 10080:
		return "1w"
	case 21600:
		return "15d"
	}
	return ""
}

// snapshot tells a new subscriber how things stand.
func (k *kraken) snapshot(c *conn, t *topic) {
	m := &message{place: t.place, topic: t.name, symbol: t.p.symbol}
	switch t.name {
	case "instrument":
		m.data = k.instruments()
	case "book":
		m.d = t.snapshot()
		m.render = func(d *delta) []byte { return k.book(t, d) }
		m.data = m.render(m.d)
	case "trade":
		m.data = k.trades(t, t.p.tape.recent(50), "snapshot")
	case "ticker":
		m.data = k.ticker(t, time.Now(), "snapshot")
	case "ohlc":
		at := time.Now()
		m.data = k.ohlc(t, lastN(t.p.tape.spans(t.interval, 0, at.Add(-time.Duration(720)*t.interval.Length()), at, false), 720), "snapshot", at)
	}
	c.emit(m)
}
