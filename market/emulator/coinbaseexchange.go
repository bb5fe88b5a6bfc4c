package emulator

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/coder/websocket"
)

// coinbaseExchange speaks Coinbase Exchange (formerly Pro): snapshot and l2update
// without any numbering, matches with the maker's side.
// https://docs.cdp.coinbase.com/exchange, seen 2026-06.
type coinbaseExchange struct{ v *Venue }

func (x *coinbaseExchange) rules() rules {
	return rules{follow: 20 * time.Millisecond, lag: 20 * time.Millisecond, handshakes: 20, shakeIn: time.Second, messages: 100, messageIn: time.Second,
		windows: []window{{"", time.Second, 15}}, stream: "/"}
}

func (x *coinbaseExchange) symbol(l *listing) string { return string(l.pair) }

func (x *coinbaseExchange) streams(path string) bool { return path == "/" || path == "" }

func (x *coinbaseExchange) open(c *conn) {
	c.state = map[string][]string{}
	c.deadline(5*time.Second, websocket.StatusPolicyViolation, "subscribe required")
}

func (x *coinbaseExchange) deny(c *conn, why string) {
	c.say("ack", fmt.Appendf(nil, `{"type":"error","message":"Failed to subscribe","reason":%q}`, why))
}

func (x *coinbaseExchange) receive(c *conn, text []byte) {
	var w struct {
		Type     string            `json:"type"`
		Products []string          `json:"product_ids"`
		Channels []json.RawMessage `json:"channels"`
	}
	if json.Unmarshal(text, &w) != nil || w.Type != "subscribe" && w.Type != "unsubscribe" {
		c.say("ack", []byte(`{"type":"error","message":"Malformed JSON"}`))
		return
	}
	type wish struct {
		Name     string   `json:"name"`
		Products []string `json:"product_ids"`
	}
	var wishes []wish
	for _, raw := range w.Channels {
		y := wish{Products: w.Products}
		if json.Unmarshal(raw, &y.Name) != nil {
			json.Unmarshal(raw, &y)
		}
		switch {
		case contains([]string{"level2", "level3", "full"}, y.Name):
			x.deny(c, "level2, level3, and full channels now require authentication. https://docs.cdp.coinbase.com/exchange/docs/websocket-auth")
			return
		case !contains([]string{"level2_batch", "matches", "ticker", "ticker_batch", "heartbeat"}, y.Name):
			x.deny(c, y.Name+" is not a valid channel")
			return
		}
		for _, id := range y.Products {
			if x.v.symbols[id] == nil {
				x.deny(c, id+" is not a valid product")
				return
			}
			switch x.v.faults.subscription(c, y.Name, id) {
			case NoAck:
				return
			case Refuse:
				x.deny(c, "internal error")
				return
			}
		}
		wishes = append(wishes, y)
	}
	have := c.state.(map[string][]string)
	for _, y := range wishes {
		for _, id := range y.Products {
			have[y.Name] = slices.DeleteFunc(have[y.Name], func(s string) bool { return s == id })
			if w.Type == "subscribe" {
				have[y.Name] = append(have[y.Name], id)
			}
		}
	}
	var out, names []string
	for n, ids := range have {
		if len(ids) > 0 {
			names = append(names, n)
		}
	}
	slices.Sort(names)
	for _, n := range names {
		out = append(out, fmt.Sprintf(`{"name":"%s","product_ids":%s,"account_ids":null}`, n, list(have[n])))
	}
	c.say("ack", fmt.Appendf(nil, `{"type":"subscriptions","channels":[%s]}`, strings.Join(out, ",")))
	for _, y := range wishes {
		for _, id := range y.Products {
			if w.Type == "unsubscribe" {
				x.v.leave(c, y.Name+" "+id)
			} else {
				x.subscribe(c, y.Name, x.v.symbols[id])
			}
		}
	}
}

func (x *coinbaseExchange) subscribe(c *conn, channel string, p *pit) {
	t := topic{name: channel, p: p}
	switch channel {
	case "level2_batch":
		t.place, t.every = "book", 50*time.Millisecond
	case "matches":
		t.place = "trades"
	case "heartbeat":
		t.place, t.every = "heartbeat", time.Second
	case "ticker_batch":
		t.place, t.every = "quotes", 5*time.Second
	default:
		t.place = "quotes"
	}
	j, fresh := x.v.join(c, channel+" "+p.symbol, func() *topic { return &t })
	if !fresh {
		return
	}
	m := &message{place: j.place, topic: channel, symbol: p.symbol}
	switch channel {
	case "level2_batch":
		m.d = j.snapshot()
		m.render = func(d *delta) []byte { return x.level2(j, d) }
		m.data = m.render(m.d)
	case "matches":
		last := p.tape.lastTrade()
		m.data = x.match(p, &last, "last_match", x.sequence(p, 0))
	case "ticker", "ticker_batch":
		m.data = x.ticker(p, time.Now())
	default:
		return
	}
	c.emit(m)
}

// sequence is the product's number of its n-th last trade's message.
func (x *coinbaseExchange) sequence(p *pit, n int) uint64 { return 10*p.updates - uint64(n) }

func (x *coinbaseExchange) happen(t *topic, e *event) {
	switch t.name {
	case "matches":
		for i := range e.trades {
			seq := x.sequence(t.p, len(e.trades)-1-i)
			x.v.cast(t, &message{seq: seq, data: x.match(t.p, &e.trades[i], "match", seq)})
		}
	case "ticker":
		if len(e.trades) > 0 {
			x.v.cast(t, &message{seq: x.sequence(t.p, 0), data: x.ticker(t.p, e.at)})
		}
	}
}

func (x *coinbaseExchange) beat(t *topic, at time.Time) {
	switch t.name {
	case "level2_batch":
		if d := t.delta(); d != nil {
			x.v.castBook(t, d, func(d *delta) []byte { return x.level2(t, d) })
		}
	case "heartbeat":
		x.v.cast(t, &message{data: fmt.Appendf(nil, `{"type":"heartbeat","last_trade_id":%d,"product_id":"%s","sequence":%d,"time":"%s"}`,
			t.p.tape.next-1, t.p.symbol, x.sequence(t.p, 0), micro(x.v.stamp(at)))})
	case "ticker_batch":
		x.v.cast(t, &message{data: x.ticker(t.p, at)})
	}
}

func (x *coinbaseExchange) level2(t *topic, d *delta) []byte {
	p, when := t.p, micro(x.v.stamp(d.at))
	if d.snapshot {
		rung := func(b []byte, r rung) []byte {
			return fmt.Appendf(b, `["%s","%s"]`, fixedText(r.px, p.pd), longer(r.qty, p.qd, 8))
		}
		return fmt.Appendf(nil, `{"type":"snapshot","product_id":"%s","asks":%s,"bids":%s,"time":"%s"}`, p.symbol, rows(nil, d.asks, rung), rows(nil, d.bids, rung), when)
	}
	var out []string
	for i, side := range [][]rung{d.bids, d.asks} {
		for _, r := range side {
			out = append(out, fmt.Sprintf(`["%s","%s","%s"]`, [...]string{"buy", "sell"}[i], fixedText(r.px, p.pd), longer(r.qty, p.qd, 8)))
		}
	}
	return fmt.Appendf(nil, `{"type":"l2update","product_id":"%s","changes":[%s],"time":"%s"}`, p.symbol, strings.Join(out, ","), when)
}

// order is the made-up id of an order.
func order(p *pit, n int64) string {
	a, b := mix(uint64(n), uint64(p.index), 11), mix(uint64(n), uint64(p.index), 12)
	return fmt.Sprintf("%08x-%04x-4%03x-8%03x-%012x", a>>32, a>>16&0xffff, a&0xfff, b>>52, b&0xffffffffffff)
}

func (x *coinbaseExchange) match(p *pit, t *trade, kind string, seq uint64) []byte {
	return fmt.Appendf(nil, `{"type":"%s","trade_id":%d,"maker_order_id":"%s","taker_order_id":"%s","side":"%s","size":"%s","price":"%s","product_id":"%s","sequence":%d,"time":"%s"}`,
		kind, t.id, order(p, 2*t.id), order(p, 2*t.id+1), makerSide(t, "buy", "sell"), longer(t.qty, p.qd, 8), fixedText(t.px, p.pd), p.symbol, seq, micro(x.v.stamp(t.at)))
}

// ticker tells the taker's side, unlike match.
func (x *coinbaseExchange) ticker(p *pit, at time.Time) []byte {
	day, last := p.tape.day(at), p.tape.lastTrade()
	bid, ask := p.book.bids[0], p.book.asks[0]
	return fmt.Appendf(nil, `{"type":"ticker","sequence":%d,"product_id":"%s","price":"%s","open_24h":"%s","volume_24h":"%s","low_24h":"%s","high_24h":"%s","volume_30d":"%s","best_bid":"%s","best_bid_size":"%s","best_ask":"%s","best_ask_size":"%s","side":"%s","time":"%s","trade_id":%d,"last_size":"%s"}`,
		x.sequence(p, 0), p.symbol, fixedText(last.px, p.pd), fixedText(day.o, p.pd), longer(day.vol, p.qd, 8), fixedText(day.l, p.pd), fixedText(day.h, p.pd), longer(day.vol, p.qd, 8),
		fixedText(bid.px, p.pd), longer(bid.qty, p.qd, 8), fixedText(ask.px, p.pd), longer(ask.qty, p.qd, 8), makerSide(&last, "sell", "buy"), micro(x.v.stamp(last.at)), last.id, longer(last.qty, p.qd, 8))
}

func (x *coinbaseExchange) strange(enum bool) []byte {
	if enum {
		p := x.v.pits[0]
		return fmt.Appendf(nil, `{"type":"match","trade_id":1,"side":"auction","size":"1.00000000","price":"%s","product_id":"%s","sequence":%d,"time":"%s"}`,
			fixedText(p.book.bids[0].px, p.pd), p.symbol, x.sequence(p, 0), micro(x.v.stamp(p.last)))
	}
	return []byte(`{"type":"something_new","value":1}`)
}

func (x *coinbaseExchange) farewell(*conn) time.Duration { return 0 }
