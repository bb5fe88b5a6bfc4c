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
	return rules{list: `BTC-USD 2 8, ETH-USD 2 8, SOL-USD 2 8, XRP-USD 4 6, DOGE-USD 5 1, ADA-USD 4 8, LTC-USD 2 8,
			BTC-EUR 2 8, ETH-EUR 2 8, BTC-USDT 2 8, ETH-USDT 2 8, USDT-USD 5 2`,
		follow: 20 * time.Millisecond, lag: 20 * time.Millisecond, handshakes: 20, shakeIn: time.Second, messages: 100, messageIn: time.Second,
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
