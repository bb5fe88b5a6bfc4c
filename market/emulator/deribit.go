package emulator

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/coder/websocket"

	"github.com/assayhq/assay/market"
)

// deribit speaks Deribit v2: JSON-RPC over one WebSocket path, books chained by change_id
// and prev_change_id, heartbeats that have to be answered. It lists inverse perpetuals,
// whose sizes are dollars, linear ones in USDC, and spot in USDC.
// https://docs.deribit.com, seen 2026-08.
type deribit struct{ v *Venue }

func (d *deribit) rules() rules {
	return rules{list: `BTC-USD-PERP 1 0 5 10, ETH-USD-PERP 2 0 5 1, BTC-USDC-PERP 1 3, ETH-USDC-PERP 2 2, SOL-USDC-PERP 2 1, XRP-USDC-PERP 4 0,
			BTC-USDC 0 4, ETH-USDC 1 3`,
		follow: 40 * time.Millisecond, lag: 20 * time.Millisecond, handshakes: 30, shakeIn: time.Minute, sequenced: true, tradeID: d.tradeID,
		windows: []window{{"", 5 * time.Second, 100}}, stream: "/ws/api/v2"}
}

func (d *deribit) symbol(l *listing) string {
	switch {
	case l.inverse:
		return l.base() + "-PERPETUAL"
	case l.perp:
		return l.base() + "_" + l.quote() + "-PERPETUAL"
	}
	return l.base() + "_" + l.quote()
}

// tradeID: each currency numbers its trades, and all but Bitcoin's carry its name.
func (d *deribit) tradeID(p *pit, id int64) string {
	switch {
	case !p.inverse:
		return "USDC-" + itoa(id)
	case p.base() == "BTC":
		return itoa(id)
	}
	return p.base() + "-" + itoa(id)
}

func (d *deribit) streams(path string) bool { return path == "/ws/api/v2" }

// deribitState is when a connection asked for subscriptions, how often it wants
// heartbeats, and whether it owes us an answer to one.
type deribitState struct {
	asked  []time.Time
	beat   time.Duration
	tested bool
}

func (d *deribit) open(c *conn) { c.state = &deribitState{} }

type deribitWish struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params struct {
		Channels []string `json:"channels"`
		Interval int      `json:"interval"`
	} `json:"params"`
}

func (d *deribit) receive(c *conn, text []byte) {
	var w deribitWish
	if json.Unmarshal(text, &w) != nil || w.Method == "" {
		d.deny(c, &w, -32600, "request entity is not valid JSON-RPC", "")
		return
	}
	state := c.state.(*deribitState)
	switch w.Method {
	case "public/test", "public/hello":
		state.tested = false
		d.say(c, &w, `{"version":"1.2.26"}`)
	case "public/set_heartbeat":
		if w.Params.Interval < 10 {
			d.deny(c, &w, -32602, "Invalid params", "interval")
			return
		}
		if state.beat == 0 {
			d.beats(c, state, time.Duration(w.Params.Interval)*time.Second)
		}
		d.say(c, &w, `"ok"`)
	case "public/subscribe", "public/unsubscribe":
		d.subscription(c, &w, state)
	default:
		d.deny(c, &w, -32601, "Method not found", "")
	}
}

func (d *deribit) ids(w *deribitWish) string {
	if len(w.ID) == 0 {
		return ""
	}
	return `,"id":` + string(w.ID)
}

// clock is the tail of every answer.
func (d *deribit) clock(at time.Time) string {
	n := us(d.v.stamp(at))
	return fmt.Sprintf(`"usIn":%d,"usOut":%d,"usDiff":120,"testnet":false}`, n, n+120)
}

func (d *deribit) say(c *conn, w *deribitWish, result string) {
	c.say("ack", fmt.Appendf(nil, `{"jsonrpc":"2.0"%s,"result":%s,%s`, d.ids(w), result, d.clock(time.Now())))
}

func (d *deribit) deny(c *conn, w *deribitWish, code int, message, param string) {
	data := ""
	if param != "" {
		data = fmt.Sprintf(`"data":{"reason":"wrong format","param":"%s"},`, param)
	}
	c.say("ack", fmt.Appendf(nil, `{"jsonrpc":"2.0"%s,"error":{"message":%s,%s"code":%d},%s`, d.ids(w), jsonText(message), data, code, d.clock(time.Now())))
}

// beats sends heartbeats, and asks a client that has not spoken since the last one; who
// does not answer is cut.
func (d *deribit) beats(c *conn, state *deribitState, every time.Duration) {
	state.beat = every
	c.every(every, func(at time.Time) bool {
		if state.tested {
			c.bye(websocket.StatusNormalClosure, "no answer to test_request")
			return false
		}
		kind := "heartbeat"
		if at.Sub(c.heard) >= every/2 {
			kind, state.tested = "test_request", true
		}
		c.say("heartbeat", fmt.Appendf(nil, `{"jsonrpc":"2.0","method":"heartbeat","params":{"type":"%s"}}`, kind))
		return true
	})
}

// subscription serves a list of channels. The answer lists those that are served; names
// that nobody knows are passed over.
func (d *deribit) subscription(c *conn, w *deribitWish, state *deribitState) {
	now := time.Now()
	for len(state.asked) > 0 && now.Sub(state.asked[0]) >= 3*time.Second {
		state.asked = state.asked[1:]
	}
	if state.asked = append(state.asked, now); len(state.asked) > 10 && !d.v.opt.Unlimited {
		d.deny(c, w, 10028, "too_many_requests", "")
		return
	}
	if len(w.Params.Channels) == 0 || len(w.Params.Channels) > 500 {
		d.deny(c, w, -32602, "Invalid params", "channels")
		return
	}
	var served []string
	var fresh []*topic
	silent := false
	for _, name := range w.Params.Channels {
		if strings.HasSuffix(name, ".raw") {
			d.deny(c, w, 13778, "raw_subscriptions_not_available_for_unauthorized", "")
			return
		}
		t := d.topic(name)
		if t == nil {
			continue
		}
		if w.Method == "public/unsubscribe" {
			if d.v.leave(c, name) {
				served = append(served, name)
			}
			continue
		}
		switch d.v.faults.subscription(c, t.name, t.p.symbol) {
		case NoAck:
			silent = true
			continue
		case Refuse:
			d.deny(c, w, 11050, "bad_request", "")
			silent = true
			continue
		}
		served = append(served, name)
		if j, isNew := d.v.join(c, name, func() *topic { return t }); isNew {
			fresh = append(fresh, j)
		}
	}
	if len(served) > 0 || !silent {
		d.say(c, w, list(served))
	}
	for _, t := range fresh {
		d.greet(c, t)
	}
}

// topic reads a channel's name: book.BTC-PERPETUAL.100ms, chart.trades.BTC-PERPETUAL.1.
func (d *deribit) topic(name string) *topic {
	part := strings.Split(name, ".")
	if part[0] == "chart" {
		part = part[1:]
	}
	if len(part) < 2 || d.v.symbols[part[1]] == nil {
		return nil
	}
	t := &topic{name: name, p: d.v.symbols[part[1]], every: 100 * time.Millisecond}
	kind := part[0]
	if strings.HasPrefix(name, "chart.") {
		kind = "chart"
	}
	switch {
	case kind == "chart" && len(part) == 3:
		t.place, t.every, t.interval = "candles", time.Second, deribitInterval(part[2])
		if t.interval == "" {
			return nil
		}
	case kind == "quote" && len(part) == 2:
		t.place, t.every = "quotes", 0
	case len(part) != 3 || part[2] != "100ms":
		return nil
	case kind == "book":
		t.place = "book"
	case kind == "trades":
		t.place = "trades"
	case kind == "ticker":
		t.place = "quotes"
	default:
		return nil
	}
	return t
}

func deribitInterval(s string) market.Interval {
	return map[string]market.Interval{"1": "1m", "3": "3m", "5": "5m", "15": "15m", "30": "30m", "60": "1h", "120": "2h", "360": "6h", "720": "12h", "1D": "1d"}[s]
}

// number is a book's change_id now.
func (d *deribit) number(p *pit) uint64 { return 30_000_000_000 + uint64(p.index)*1e9 + p.updates }

// greet tells a new subscriber how things stand.
func (d *deribit) greet(c *conn, t *topic) {
	m := &message{place: t.place, topic: t.name, symbol: t.p.symbol}
	switch {
	case t.place == "book":
		if t.seq == 0 {
			t.seq = d.number(t.p)
			t.p.truth.mark(t.seq)
		}
		m.d, m.seq = t.snapshot(), t.seq
		m.render = func(x *delta) []byte { return d.book(t, x) }
		m.data = m.render(m.d)
	case strings.HasPrefix(t.name, "quote."):
		m.data = d.quote(t)
	case t.place == "quotes":
		m.data = d.ticker(t, time.Now())
	default:
		return
	}
	c.emit(m)
}
