package emulator

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/coder/websocket"

	"github.com/assayhq/assay/market"
)

// mexc speaks MEXC spot v3: data as protocol buffers, answers as JSON, changes of books
// that join a snapshot of a cache.
// https://www.mexc.com/api-docs/spot-v3, seen 2026-07.
type mexc struct{ v *Venue }

func (m *mexc) rules() rules {
	return rules{list: `BTC-USDT 2 8, ETH-USDT 2 5, SOL-USDT 2 2, XRP-USDT 4 2, DOGE-USDT 5 2, ADA-USDT 4 2, LTC-USDT 2 4, BTC-USDC 2 6, USDC-USDT 4 2`,
		follow: 80 * time.Millisecond, lag: 40 * time.Millisecond, maxAge: 24 * time.Hour, messages: 100, messageIn: time.Second,
		sequenced: true, windows: []window{{"endpoint", 10 * time.Second, 500}}, tradeID: mexcTradeID, stream: "/ws"}
}

// mexcTradeID is as the stream spells it; past trades have none.
func mexcTradeID(_ *pit, id int64) string { return fmt.Sprintf("505979%012dX1", id) }

func (m *mexc) symbol(l *listing) string { return l.base() + l.quote() }

func (m *mexc) streams(path string) bool { return path == "/ws" }

// mexcMost is how many subscriptions one connection may have.
const mexcMost = 30

func (m *mexc) open(c *conn) {
	c.deadline(30*time.Second, websocket.StatusNormalClosure, "no subscription")
	c.every(10*time.Second, func(at time.Time) bool {
		if at.Sub(c.spoken) > time.Minute {
			c.bye(websocket.StatusNormalClosure, "no data")
		}
		return true
	})
}

func (m *mexc) receive(c *conn, text []byte) {
	var w struct {
		Method string
		Params []string
		ID     int64
	}
	if json.Unmarshal(text, &w) != nil {
		m.answer(c, 0, 10000, "Invalid request")
		return
	}
	switch w.Method {
	case "PING":
		c.say("heartbeat", fmt.Appendf(nil, `{"id":%d,"code":0,"msg":"PONG"}`, w.ID))
	case "SUBSCRIPTION":
		m.subscribe(c, w.ID, w.Params)
	case "UNSUBSCRIPTION":
		for _, n := range w.Params {
			m.v.leave(c, n)
		}
		m.answer(c, w.ID, 0, strings.Join(w.Params, ","))
	default:
		m.answer(c, w.ID, 10000, "Invalid method")
	}
}

func (m *mexc) answer(c *conn, id int64, code int, msg string) {
	c.say("ack", fmt.Appendf(nil, `{"id":%d,"code":%d,"msg":%s}`, id, code, jsonText(msg)))
}

// subscribe takes the names it knows and says which it does not.
func (m *mexc) subscribe(c *conn, id int64, names []string) {
	var fine, bad []string
	var topics []*topic
	for _, n := range names {
		t := m.topic(n)
		if t == nil || len(c.subs)+len(topics) >= mexcMost {
			bad = append(bad, n)
			continue
		}
		switch m.v.faults.subscription(c, t.name, t.p.symbol) {
		case NoAck:
			continue
		case Refuse:
			bad = append(bad, n)
			continue
		}
		fine, topics = append(fine, n), append(topics, t)
	}
	if len(bad) > 0 {
		m.answer(c, id, 0, fmt.Sprintf("Not Subscribed successfully! [%s].  Reason： Blocked! ", strings.Join(bad, ",")))
	}
	if len(fine) > 0 {
		m.answer(c, id, 0, strings.Join(fine, ","))
	}
	for _, t := range topics {
		if j, fresh := m.v.join(c, t.name, func() *topic { return t }); fresh && j.place == "candles" {
			if k, ok := j.p.tape.current(j.interval, 0, time.Now()); ok {
				c.emit(&message{place: j.place, topic: j.name, symbol: j.p.symbol, data: m.kline(j, &k, time.Now())})
			}
		}
	}
}

// topic reads spot@public.aggre.depth.v3.api.pb@100ms@BTCUSDT and the like.
func (m *mexc) topic(name string) *topic {
	part := strings.Split(name, "@")
	if len(part) != 4 || part[0] != "spot" {
		return nil
	}
	pace := map[string]time.Duration{"100ms": 100 * time.Millisecond, "10ms": 10 * time.Millisecond}[part[2]]
	t := &topic{name: name, every: pace, p: m.v.symbols[part[3]]}
	switch part[1] {
	case "public.aggre.deals.v3.api.pb":
		t.place = "trades"
	case "public.aggre.bookTicker.v3.api.pb":
		t.place = "quotes"
	case "public.aggre.depth.v3.api.pb":
		t.place = "book"
	case "public.kline.v3.api.pb":
		t.place, t.every, t.p, t.interval, t.data = "candles", time.Second, m.v.symbols[part[2]], mexcStreamed(part[3]), part[3]
		if t.interval == "" {
			return nil
		}
	default:
		return nil
	}
	if t.p == nil || t.every == 0 {
		return nil
	}
	return t
}

func mexcStreamed(s string) market.Interval {
	return map[string]market.Interval{"Min1": "1m", "Min5": "5m", "Min15": "15m", "Min30": "30m", "Min60": "1h", "Hour4": "4h", "Hour8": "8h", "Day1": "1d", "Week1": "1w", "Month1": "1M"}[s]
}

func mexcInterval(s string) market.Interval {
	return map[string]market.Interval{"1m": "1m", "5m": "5m", "15m": "15m", "30m": "30m", "60m": "1h", "4h": "4h", "1d": "1d", "1W": "1w", "1M": "1M"}[s]
}

func (m *mexc) happen(*topic, *event) {}

func (m *mexc) farewell(*conn) time.Duration { return 0 }
