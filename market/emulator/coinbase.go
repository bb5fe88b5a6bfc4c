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
	return rules{follow: 20 * time.Millisecond, lag: 20 * time.Millisecond, handshakes: 8, shakeIn: time.Second, messages: 8, messageIn: time.Second,
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

func (x *coinbase) happen(*topic, *event) {}

func (x *coinbase) beat(t *topic, at time.Time) {
	switch t.place {
	case "book":
		if d := t.delta(); d != nil {
			x.v.castBook(t, d, func(d *delta) []byte { return x.level2(t, d, at) })
		}
	case "trades":
		if list := t.p.tape.since(t.told + 1); len(list) > 0 {
			t.told = list[len(list)-1].id
			x.v.cast(t, &message{seq: uint64(t.told), data: x.trades(t, "update", list, at)})
		}
	case "candles":
		if b, ok := t.p.tape.current("5m", 0, at); ok && b.last != t.told {
			t.told = b.last
			x.v.cast(t, &message{data: x.candles(t, "update", []bar{b}, at)})
		}
	default:
		bid, ask := t.p.book.bids[0], t.p.book.asks[0]
		if bid != t.shown || ask != t.shownAsk {
			t.shown, t.shownAsk = bid, ask
			x.v.cast(t, &message{data: x.ticker(t, "update", at)})
		}
	}
}

func (x *coinbase) level2(t *topic, d *delta, at time.Time) []byte {
	kind := "update"
	if d.snapshot {
		kind = "snapshot"
	}
	any := false
	when := x.v.stamp(d.at).Format("2006-01-02T15:04:05.999999Z")
	b := fmt.Appendf(x.envelope("l2_data", at), `{"type":"%s","product_id":"%s","updates":[`, kind, t.p.symbol)
	for i, side := range [][]rung{d.bids, d.asks} {
		for _, r := range side {
			if any {
				b = append(b, ',')
			}
			any = true
			b = append(append(append(b, `{"side":"`...), [...]string{"bid", "offer"}[i]...), `","event_time":"`...)
			b = append(append(b, when...), `","price_level":"`...)
			b = append(plain(b, r.px, t.p.pd), `","new_quantity":"`...)
			b = append(plain(b, r.qty, t.p.qd), `"}`...)
		}
	}
	return append(b, `]}]}`...)
}

// makerSide is the side of the resting order.
func makerSide(t *trade, buy, sell string) string {
	if t.sell {
		return buy
	}
	return sell
}

func (x *coinbase) trades(t *topic, kind string, list []trade, at time.Time) []byte {
	var out []string
	for _, y := range reversed(list) {
		out = append(out, fmt.Sprintf(`{"product_id":"%s","trade_id":"%d","price":"%s","size":"%s","time":"%s","side":"%s"}`, t.p.symbol, y.id,
			plainText(y.px, t.p.pd), plainText(y.qty, t.p.qd), x.v.stamp(y.at).Format("2006-01-02T15:04:05.999999Z"), makerSide(&y, "BUY", "SELL")))
	}
	return fmt.Appendf(x.envelope("market_trades", at), `{"type":"%s","trades":[%s]}]}`, kind, strings.Join(out, ","))
}

func (x *coinbase) candles(t *topic, kind string, bars []bar, at time.Time) []byte {
	var out []string
	for _, b := range bars {
		out = append(out, fmt.Sprintf(`{%s,"product_id":"%s"}`, x.bar(t.p, &b), t.p.symbol))
	}
	return fmt.Appendf(x.envelope("candles", at), `{"type":"%s","candles":[%s]}]}`, kind, strings.Join(out, ","))
}

func (x *coinbase) bar(p *pit, b *bar) string {
	return fmt.Sprintf(`"start":"%d","low":"%s","high":"%s","open":"%s","close":"%s","volume":"%s"`, b.open.Unix(),
		plainText(b.l, p.pd), plainText(b.h, p.pd), plainText(b.o, p.pd), plainText(b.c, p.pd), plainText(b.vol, p.qd))
}

func (x *coinbase) ticker(t *topic, kind string, at time.Time) []byte {
	p, day := t.p, t.p.tape.day(at)
	bid, ask := p.book.bids[0], p.book.asks[0]
	return fmt.Appendf(x.envelope(t.name, at), `{"type":"%s","tickers":[{"type":"ticker","product_id":"%s","price":"%s","volume_24_h":"%s","low_24_h":"%s","high_24_h":"%s","low_52_w":"%s","high_52_w":"%s","price_percent_chg_24_h":"%s","best_bid":"%s","best_ask":"%s","best_bid_quantity":"%s","best_ask_quantity":"%s"}]}]}`,
		kind, p.symbol, plainText(p.tape.lastTrade().px, p.pd), plainText(day.vol, p.qd), plainText(day.l, p.pd), plainText(day.h, p.pd), plainText(day.l/2, p.pd), plainText(day.h*2, p.pd),
		x.percent(&day), plainText(bid.px, p.pd), plainText(ask.px, p.pd), plainText(bid.qty, p.qd), plainText(ask.qty, p.qd))
}

func (x *coinbase) percent(day *bar) string {
	if day.o == 0 {
		return "0"
	}
	return fmt.Sprintf("%.14f", (float64(day.c)/float64(day.o)-1)*100)
}

func (x *coinbase) status() []byte {
	var out []string
	for _, p := range x.v.pits {
		out = append(out, fmt.Sprintf(`{"product_type":"SPOT","id":"%s","base_currency":"%s","quote_currency":"%s","base_increment":"%s","quote_increment":"%s","display_name":"%s/%s","status":"online","status_message":"","min_market_funds":"1"}`,
			p.symbol, p.base(), p.quote(), fixedText(1, p.qd), fixedText(p.tick, p.pd), p.base(), p.quote()))
	}
	return fmt.Appendf(nil, `{"type":"snapshot","products":[%s]}`, strings.Join(out, ","))
}

func (x *coinbase) strange(enum bool) []byte {
	if enum {
		p := x.v.pits[0]
		return fmt.Appendf(x.envelope("market_trades", p.last), `{"type":"update","trades":[{"product_id":"%s","trade_id":"1","price":"%s","size":"1","time":"%s","side":"UNKNOWN_ORDER_SIDE"}]}]}`,
			p.symbol, plainText(p.book.bids[0].px, p.pd), micro(x.v.stamp(p.last)))
	}
	return append(x.envelope("something_new", time.Now()), `{"type":"update","value":1}]}`...)
}

func (x *coinbase) farewell(*conn) time.Duration { return 0 }
