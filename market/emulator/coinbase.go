package emulator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/coder/websocket"
)

// coinbase speaks Coinbase Advanced Trade: one sequence over all messages of a
// connection, whole books as snapshots, and the maker's side in trades.
// https://docs.cdp.coinbase.com/advanced-trade, seen 2026-08.
type coinbase struct{ v *Venue }

func (x *coinbase) rules() rules {
	return rules{list: `BTC-USD 2 8, ETH-USD 2 8, SOL-USD 2 8, XRP-USD 4 6, DOGE-USD 5 1, ADA-USD 4 8, LTC-USD 2 8,
			BTC-EUR 2 8, ETH-EUR 2 8, BTC-USDT 2 8, ETH-USDT 2 8, USDT-USD 5 2`,
		follow: 20 * time.Millisecond, lag: 20 * time.Millisecond, handshakes: 8, shakeIn: time.Second, messages: 8, messageIn: time.Second,
		sequenced: true, windows: []window{{"", time.Second, 10}}, stream: "/"}
}

func (x *coinbase) symbol(l *listing) string { return string(l.pair) }

func (x *coinbase) streams(path string) bool { return path == "/" || path == "" }

// coinbaseState is what a connection subscribed to, for the subscriptions message.
type coinbaseState struct {
	channels map[string][]string
	counter  int64 // heartbeats
	beating  bool
}

// numberHere stands where the connection's next sequence number belongs.
const numberHere = 0

func (x *coinbase) open(c *conn) {
	c.state = &coinbaseState{channels: map[string][]string{}}
	c.seal = func(c *conn, _ *message, data []byte) []byte {
		i := bytes.IndexByte(data, numberHere)
		if i < 0 {
			return data
		}
		out := append(append([]byte(nil), data[:i]...), itoa(int64(c.seq))...)
		c.seq++
		return append(out, data[i+1:]...)
	}
	c.deadline(5*time.Second, websocket.StatusPolicyViolation, "subscribe required")
	c.every(10*time.Second, func(at time.Time) bool {
		if !c.state.(*coinbaseState).beating && at.Sub(c.spoken) > 75*time.Second {
			c.bye(websocket.StatusGoingAway, "idle")
		}
		return true
	})
}

// envelope opens a message; the caller appends events and "]}".
func (x *coinbase) envelope(channel string, at time.Time) []byte {
	b := fmt.Appendf(nil, `{"channel":"%s","timestamp":"%s","sequence_num":`, channel, x.v.stamp(at).Format(time.RFC3339Nano))
	return append(append(b, numberHere), `,"events":[`...)
}

// find is the listing of a product; dollar-coin books are the dollar books.
func (x *coinbase) find(product string) *pit {
	if p := x.v.symbols[product]; p != nil {
		return p
	}
	if s, ok := strings.CutSuffix(product, "-USDC"); ok {
		return x.v.symbols[s+"-USD"]
	}
	return nil
}

func (x *coinbase) receive(c *conn, text []byte) {
	var w struct {
		Type     string   `json:"type"`
		Products []string `json:"product_ids"`
		Channel  string   `json:"channel"`
	}
	if json.Unmarshal(text, &w) != nil || w.Type != "subscribe" && w.Type != "unsubscribe" {
		c.say("ack", []byte(`{"type":"error","message":"invalid message"}`))
		return
	}
	if !contains([]string{"heartbeats", "candles", "status", "ticker", "ticker_batch", "level2", "market_trades"}, w.Channel) {
		c.say("ack", fmt.Appendf(nil, `{"type":"error","message":"channel %s is not supported"}`, w.Channel))
		return
	}
	state := c.state.(*coinbaseState)
	if len(w.Products) == 0 {
		if w.Channel != "heartbeats" && w.Channel != "status" {
			c.say("ack", []byte(`{"type":"error","message":"product_ids is required"}`))
			return
		}
		w.Products = []string{w.Channel}
	}
	for _, id := range w.Products {
		if w.Channel != "heartbeats" && w.Channel != "status" && x.find(id) == nil {
			c.say("ack", fmt.Appendf(nil, `{"type":"error","message":"%s is not a valid product"}`, id))
			return
		}
	}
	for _, id := range w.Products {
		switch x.v.faults.subscription(c, w.Channel, id) {
		case NoAck:
			return
		case Refuse:
			c.say("ack", fmt.Appendf(nil, `{"type":"error","message":"failed to subscribe to %s"}`, id))
			return
		}
	}
	for _, id := range w.Products {
		have := state.channels[w.Channel]
		if w.Type == "unsubscribe" {
			state.channels[w.Channel] = slices.DeleteFunc(have, func(s string) bool { return s == id })
			if p := x.find(id); p != nil {
				x.v.leave(c, w.Channel+" "+p.symbol)
			}
			continue
		}
		if !contains(have, id) {
			state.channels[w.Channel] = append(have, id)
		}
		x.subscribe(c, w.Channel, x.find(id))
	}
	if len(state.channels[w.Channel]) == 0 {
		delete(state.channels, w.Channel)
		if w.Channel == "heartbeats" {
			state.beating = false
		}
	}
	subs, _ := json.Marshal(state.channels)
	c.say("ack", fmt.Appendf(x.envelope("subscriptions", time.Now()), `{"subscriptions":%s}]}`, subs))
}

func (x *coinbase) subscribe(c *conn, channel string, p *pit) {
	c.fed = true
	switch channel {
	case "heartbeats":
		x.heartbeats(c)
		return
	case "status":
		c.say("status", append(append(x.envelope("status", time.Now()), x.status()...), "]}"...))
		return
	}
	t := topic{name: channel, p: p}
	switch channel {
	case "level2":
		t.place, t.every = "book", 50*time.Millisecond
	case "market_trades":
		t.place, t.every = "trades", 250*time.Millisecond
	case "ticker":
		t.place, t.every = "quotes", 100*time.Millisecond
	case "ticker_batch":
		t.place, t.every = "quotes", 5*time.Second
	case "candles":
		t.place, t.every, t.interval = "candles", time.Second, "5m"
	}
	j, fresh := x.v.join(c, channel+" "+p.symbol, func() *topic { return &t })
	if !fresh {
		return
	}
	m := &message{place: j.place, topic: channel, symbol: p.symbol}
	switch channel {
	case "level2":
		m.d = j.snapshot()
		m.render = func(d *delta) []byte { return x.level2(j, d, time.Now()) }
		m.data = m.render(m.d)
	case "market_trades":
		recent := p.tape.since(j.told + 1 - 100)
		m.data = x.trades(j, "snapshot", recent[:max(0, len(recent)-int(p.tape.next-1-j.told))], time.Now())
	case "candles":
		m.data = x.candles(j, "snapshot", lastN(p.tape.spans("5m", 0, time.Now().Add(-9*time.Hour), time.Now(), false), 100), time.Now())
	default:
		m.data = x.ticker(j, "snapshot", time.Now())
	}
	c.emit(m)
}

// heartbeats sends one a second until the client unsubscribes.
func (x *coinbase) heartbeats(c *conn) {
	state := c.state.(*coinbaseState)
	if state.beating {
		return
	}
	state.beating = true
	c.every(time.Second, func(at time.Time) bool {
		if !state.beating {
			return false
		}
		state.counter++
		up := at.Sub(x.v.start)
		c.say("heartbeat", fmt.Appendf(x.envelope("heartbeats", at), `{"current_time":"%s m=+%.9f","heartbeat_counter":%d}]}`,
			x.v.stamp(at).Format("2006-01-02 15:04:05.999999999 -0700 MST"), up.Seconds(), state.counter))
		return true
	})
}
