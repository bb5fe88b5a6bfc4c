package emulator

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/coder/websocket"

	"github.com/assayhq/assay/market"
)

// hyperliquid speaks Hyperliquid: whole books of 20 levels, the slow ones with each block
// and the fast ones in between; REST is POST to /info. Perpetuals are called by their
// coin, spot markets by number. https://hyperliquid.gitbook.io/hyperliquid-docs, seen 2026-08.
type hyperliquid struct{ v *Venue }

// rules: losing a book shows in nothing, but the next one makes it good, hence sequenced.
func (h *hyperliquid) rules() rules {
	return rules{list: `BTC-USDC-PERP 0 5, ETH-USDC-PERP 1 4, SOL-USDC-PERP 3 2, XRP-USDC-PERP 4 0, DOGE-USDC-PERP 6 0, LTC-USDC-PERP 3 2, HYPE-USDC 4 2`,
		follow: 70 * time.Millisecond, lag: 40 * time.Millisecond, handshakes: 100, shakeIn: time.Minute, sequenced: true,
		messages: 2000, messageIn: time.Minute, windows: []window{{"", time.Minute, 1200}}, stream: "/ws"}
}

func (h *hyperliquid) symbol(l *listing) string {
	if l.perp {
		return l.base()
	}
	return fmt.Sprintf("@%d", 100+l.index)
}

func (h *hyperliquid) streams(path string) bool { return path == "/ws" }

func (h *hyperliquid) open(c *conn) {
	c.every(5*time.Second, func(at time.Time) bool {
		if at.Sub(c.spoken) > time.Minute && at.Sub(c.heard) > time.Minute {
			c.bye(websocket.StatusNormalClosure, "Inactive")
		}
		return true
	})
}

type hyperliquidWish struct {
	Type     string `json:"type"`
	Coin     string `json:"coin"`
	Interval string `json:"interval"`
	Fast     bool   `json:"fast"`
}

func (h *hyperliquid) receive(c *conn, text []byte) {
	var w struct {
		Method       string          `json:"method"`
		Subscription json.RawMessage `json:"subscription"`
	}
	var s hyperliquidWish
	bad := json.Unmarshal(text, &w) != nil
	switch {
	case !bad && w.Method == "ping":
		c.say("ack", []byte(`{"channel":"pong"}`))
		return
	case bad, w.Method != "subscribe" && w.Method != "unsubscribe", json.Unmarshal(w.Subscription, &s) != nil:
		h.deny(c, "Error parsing JSON into valid websocket request: "+string(text))
		return
	}
	t := h.topic(&s)
	if t == nil {
		h.deny(c, "Invalid subscription "+string(w.Subscription))
		return
	}
	key := fmt.Sprintf("%s %s %s %t", s.Type, s.Coin, s.Interval, s.Fast)
	if w.Method == "unsubscribe" {
		if !h.v.leave(c, key) {
			h.deny(c, "Already unsubscribed: "+string(w.Subscription))
			return
		}
		h.confirm(c, w.Method, w.Subscription)
		return
	}
	total := 0
	for _, o := range h.v.conns {
		total += len(o.subs)
	}
	switch {
	case c.subs[key] != nil:
		h.deny(c, "Already subscribed: "+string(w.Subscription))
		return
	case total >= 1000:
		h.deny(c, "Cannot track more than 1000 total subscriptions")
		return
	}
	switch h.v.faults.subscription(c, t.name, t.p.symbol) {
	case NoAck:
		return
	case Refuse:
		h.deny(c, "Invalid subscription "+string(w.Subscription))
		return
	}
	h.confirm(c, w.Method, w.Subscription)
	t, _ = h.v.join(c, key, func() *topic { return t })
	if m := h.message(t, time.Now()); m != nil {
		m.place, m.topic, m.symbol = t.place, t.name, t.p.symbol
		if m.data == nil {
			m.data = m.render(m.d)
		}
		c.emit(m)
	}
}

func (h *hyperliquid) deny(c *conn, why string) {
	c.say("ack", fmt.Appendf(nil, `{"channel":"error","data":%s}`, jsonText(why)))
}

func (h *hyperliquid) confirm(c *conn, method string, subscription []byte) {
	c.say("ack", fmt.Appendf(nil, `{"channel":"subscriptionResponse","data":{"method":"%s","subscription":%s}}`, method, subscription))
}

// topic reads a subscription.
func (h *hyperliquid) topic(s *hyperliquidWish) *topic {
	t := &topic{name: s.Type, p: h.v.symbols[s.Coin]}
	switch s.Type {
	case "l2Book":
		t.place, t.depth, t.every, t.data = "book", 20, 500*time.Millisecond, s.Fast
		if s.Fast {
			t.every = 100 * time.Millisecond
		}
	case "trades":
		t.place = "trades"
	case "bbo":
		t.place = "quotes"
	case "activeAssetCtx":
		t.place, t.every = "quotes", time.Second
	case "candle":
		t.place, t.every, t.interval = "candles", time.Second, hyperliquidInterval(s.Interval)
		if t.interval == "" {
			return nil
		}
	default:
		return nil
	}
	if t.p == nil {
		return nil
	}
	return t
}

func hyperliquidInterval(s string) market.Interval {
	if contains(strings.Fields("1m 3m 5m 15m 30m 1h 2h 4h 8h 12h 1d 3d 1w 1M"), s) {
		return market.Interval(s)
	}
	return ""
}
