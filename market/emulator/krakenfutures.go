package emulator

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/coder/websocket"

	"github.com/assayhq/assay/market"
)

// krakenFutures speaks Kraken Futures: the v1 stream whose books are one level a message,
// numbered by one; the derivatives API v3, and charts and history beside it. It lists
// linear perpetuals (PF_) and inverse ones (PI_), whose sizes are dollars.
// https://docs.kraken.com/api/docs/guides/futures-introduction, seen 2026-08.
type krakenFutures struct{ v *Venue }

func (k *krakenFutures) rules() rules {
	return rules{list: `BTC-USD-PERP 0 4, ETH-USD-PERP 1 3, SOL-USD-PERP 2 2, XRP-USD-PERP 5 0, DOGE-USD-PERP 6 0, LTC-USD-PERP 2 2,
			BTC-USD-PERP.BTC 1 0 5 1, ETH-USD-PERP.ETH 2 0 5 1`,
		follow: 60 * time.Millisecond, lag: 25 * time.Millisecond, handshakes: 100, shakeIn: time.Minute, sequenced: true,
		messages: 100, messageIn: time.Second, tradeID: order, stream: "/ws/v1",
		windows: []window{{"derivatives", 10 * time.Second, 500}, {"history", 10 * time.Minute, 100}, {"charts", 10 * time.Second, 100}}}
}

func (k *krakenFutures) symbol(l *listing) string {
	kind := "PF_"
	if l.inverse {
		kind = "PI_"
	}
	return kind + strings.Replace(l.base(), "BTC", "XBT", 1) + l.quote()
}

func (k *krakenFutures) streams(path string) bool { return path == "/ws/v1" }

func (k *krakenFutures) open(c *conn) {
	c.say("status", []byte(`{"event":"info","version":1}`))
	c.every(5*time.Second, func(at time.Time) bool {
		if at.Sub(c.heard) > time.Minute { // a ping, or anything else
			c.bye(websocket.StatusNormalClosure, "no ping")
		}
		return true
	})
}

func (k *krakenFutures) receive(c *conn, text []byte) {
	var w struct {
		Event    string   `json:"event"`
		Feed     string   `json:"feed"`
		Products []string `json:"product_ids"`
	}
	if json.Unmarshal(text, &w) != nil {
		k.tell(c, "alert", "Bad websocket message")
		return
	}
	if w.Event != "subscribe" && w.Event != "unsubscribe" {
		k.tell(c, "error", "Invalid event")
		return
	}
	switch w.Feed {
	case "book", "trade", "ticker", "ticker_lite":
	case "heartbeat":
		k.heartbeat(c, w.Event)
		return
	case "fills", "open_orders", "open_positions", "balances":
		k.tell(c, "alert", "Failed to subscribe to authenticated feed")
		return
	default:
		k.tell(c, "error", "Invalid feed")
		return
	}
	for _, s := range w.Products {
		p := k.v.symbols[strings.ToUpper(s)]
		if p == nil {
			k.tell(c, "error", "Invalid product id")
			continue
		}
		k.wish(c, w.Event, w.Feed, p)
	}
}

func (k *krakenFutures) tell(c *conn, event, text string) {
	c.say("ack", fmt.Appendf(nil, `{"event":"%s","message":%s}`, event, jsonText(text)))
}

func (k *krakenFutures) heartbeat(c *conn, event string) {
	c.state = event == "subscribe"
	c.say("ack", fmt.Appendf(nil, `{"event":"%sd","feed":"heartbeat"}`, event))
	c.every(10*time.Second, func(at time.Time) bool {
		if c.state != true {
			return false
		}
		c.say("heartbeat", fmt.Appendf(nil, `{"feed":"heartbeat","time":%d}`, ms(k.v.stamp(at))))
		return true
	})
}

// wish serves one product. It is confirmed by itself.
func (k *krakenFutures) wish(c *conn, event, feed string, p *pit) {
	key := feed + " " + p.symbol
	if event == "subscribe" {
		switch k.v.faults.subscription(c, feed, p.symbol) {
		case NoAck:
			return
		case Refuse:
			k.tell(c, "alert", "Failed to subscribe")
			return
		}
		if c.subs[key] != nil {
			k.tell(c, "alert", "Already subscribed to feed, re-requesting")
			k.greet(c, c.subs[key])
			return
		}
	}
	c.say("ack", fmt.Appendf(nil, `{"event":"%sd","feed":"%s","product_ids":["%s"]}`, event, feed, p.symbol))
	if event == "unsubscribe" {
		k.v.leave(c, key)
		return
	}
	t := &topic{name: feed, p: p}
	switch feed {
	case "book":
		t.place = "book"
	case "trade":
		t.place = "trades"
	default:
		t.place, t.every = "quotes", time.Second
	}
	t, _ = k.v.join(c, key, func() *topic { return t })
	k.greet(c, t)
}

// greet tells a new subscriber how things stand.
func (k *krakenFutures) greet(c *conn, t *topic) {
	m := &message{place: t.place, topic: t.name, symbol: t.p.symbol}
	switch t.place {
	case "book":
		book := t.p.book.top(0)
		m.seq = t.p.updates
		m.d = &delta{snapshot: true, bids: book.bids, asks: book.asks, book: book, seq: m.seq, at: t.p.last}
		t.p.truth.mark(m.seq)
		m.render = func(d *delta) []byte { return k.book(t.p, d) }
		m.data = m.render(m.d)
	case "trades":
		var out []string
		for _, x := range reversed(t.p.tape.recent(100)) {
			out = append(out, string(k.trade(t.p, &x)))
		}
		m.data = fmt.Appendf(nil, `{"feed":"trade_snapshot","product_id":"%s","trades":[%s]}`, t.p.symbol, strings.Join(out, ","))
	default:
		m.data = k.ticker(t, time.Now())
	}
	c.emit(m)
}

// chartInterval reads a resolution of the charts.
func chartInterval(s string) market.Interval {
	if contains([]string{"1m", "5m", "15m", "30m", "1h", "4h", "12h", "1d", "1w"}, s) {
		return market.Interval(s)
	}
	return ""
}
