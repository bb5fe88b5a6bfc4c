package emulator

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/coder/websocket"

	"github.com/assayhq/assay/market"
)

// bybit speaks Bybit v5 public spot and linear: books of fixed depths whose u rises by
// one. Perpetuals have the stream symbol of the spot pair; inside the emulator (Truth,
// Trades, fault plans) theirs is "linear:BTCUSDT".
// https://bybit-exchange.github.io/docs/v5, seen 2026-07.
type bybit struct{ v *Venue }

func (b *bybit) rules() rules {
	return rules{list: `BTC-USDT 1 6, ETH-USDT 2 5, SOL-USDT 2 3, XRP-USDT 4 2, DOGE-USDT 5 1, ADA-USDT 4 2, LTC-USDT 2 5,
			BTC-USDC 2 6, BTC-EUR 2 6, USDC-USDT 4 2, BTC-USDT-PERP 2 3 10, ETH-USDT-PERP 2 2`,
		follow: 40 * time.Millisecond, lag: 20 * time.Millisecond, handshakes: 500, shakeIn: 5 * time.Minute, sequenced: true,
		windows: []window{{"", 5 * time.Second, 600}}, penalty: 10 * time.Minute, stream: "/v5/public/spot", business: "/v5/public/linear", tradeID: b.tradeID}
}

func (b *bybit) symbol(l *listing) string {
	if l.perp {
		return "linear:" + l.base() + l.quote()
	}
	return l.base() + l.quote()
}

// wire is the symbol as the stream spells it.
func (b *bybit) wire(p *pit) string { return strings.TrimPrefix(p.symbol, "linear:") }

func (b *bybit) streams(path string) bool {
	return path == "/v5/public/spot" || path == "/v5/public/linear"
}

// bybitState is a connection's name and the length of its topics.
type bybitState struct {
	id    string
	chars int
}

func (b *bybit) open(c *conn) {
	c.state = &bybitState{id: fmt.Sprintf("%020x-%05x", mix(uint64(c.n), 3, b.v.world.seed), c.n)}
	c.every(30*time.Second, func(at time.Time) bool {
		if at.Sub(c.heard) > 10*time.Minute {
			c.bye(websocket.StatusNormalClosure, "idle")
		}
		return true
	})
}

func (b *bybit) receive(c *conn, text []byte) {
	var w struct {
		Op   string   `json:"op"`
		ID   string   `json:"req_id"`
		Args []string `json:"args"`
	}
	if json.Unmarshal(text, &w) != nil {
		b.ack(c, false, "error:json", "", w.ID)
		return
	}
	linear := c.path == "/v5/public/linear"
	state := c.state.(*bybitState)
	switch w.Op {
	case "ping":
		b.ack(c, true, "pong", "ping", w.ID)
		return
	case "subscribe", "unsubscribe":
	default:
		b.ack(c, false, "error:invalid op", w.Op, w.ID)
		return
	}
	if !linear && len(w.Args) > 10 {
		b.ack(c, false, "args size >10", w.Op, w.ID)
		return
	}
	var topics []*topic
	for _, a := range w.Args {
		t, why := b.topic(a, linear)
		if why != "" {
			b.ack(c, false, why, w.Op, w.ID)
			return
		}
		if w.Op == "subscribe" {
			switch b.v.faults.subscription(c, t.name, t.p.symbol) {
			case NoAck:
				return
			case Refuse:
				b.ack(c, false, "error:internal", w.Op, w.ID)
				return
			}
		}
		topics = append(topics, t)
		state.chars += len(a)
	}
	if state.chars > 21000 {
		b.ack(c, false, "args length >21000", w.Op, w.ID)
		return
	}
	word := w.Op
	if linear {
		word = ""
	}
	b.ack(c, true, word, w.Op, w.ID)
	for i, t := range topics {
		key := c.path + w.Args[i]
		if w.Op == "unsubscribe" {
			b.v.leave(c, key)
			state.chars -= 2 * len(w.Args[i])
			continue
		}
		if j, fresh := b.v.join(c, key, func() *topic { return t }); fresh {
			b.greet(c, j)
		}
	}
}

func (b *bybit) ack(c *conn, ok bool, msg, op, id string) {
	reqID := fmt.Sprintf(`"req_id":%s,`, jsonText(id))
	if id == "" && c.path == "/v5/public/spot" {
		reqID = ""
	}
	c.say("ack", fmt.Appendf(nil, `{"success":%t,"ret_msg":%s,"conn_id":"%s",%s"op":%s}`, ok, jsonText(msg), c.state.(*bybitState).id, reqID, jsonText(op)))
}

// topic reads a subscription.
func (b *bybit) topic(arg string, linear bool) (*topic, string) {
	part := strings.Split(arg, ".")
	sym := part[len(part)-1]
	if linear {
		sym = "linear:" + sym
	}
	t := &topic{name: arg, p: b.v.symbols[sym]}
	switch {
	case part[0] == "orderbook" && len(part) == 3:
		t.depth, _ = strconv.Atoi(part[1])
		t.place = "book"
		t.every = map[int]time.Duration{1: 10 * time.Millisecond, 50: 20 * time.Millisecond, 200: 100 * time.Millisecond, 1000: 200 * time.Millisecond}[t.depth]
		if t.every == 0 {
			return nil, "error:handler not found,topic:" + arg
		}
		if t.depth == 1 {
			t.place = "quotes"
		}
	case part[0] == "publicTrade" && len(part) == 2:
		t.place = "trades"
	case part[0] == "tickers" && len(part) == 2:
		t.place, t.every = "quotes", 50*time.Millisecond
		if linear {
			t.every = 100 * time.Millisecond
		}
	case part[0] == "allLiquidation" && len(part) == 2 && linear:
		t.place = "liquidations"
	case part[0] == "kline" && len(part) == 3:
		t.place, t.every, t.interval = "candles", time.Second, bybitInterval(part[1])
		if t.interval == "" {
			return nil, "Invalid period!"
		}
	default:
		return nil, "error:handler not found,topic:" + arg
	}
	if t.p == nil {
		return nil, "Invalid symbol :[" + arg + "]"
	}
	return t, ""
}

func bybitInterval(s string) market.Interval {
	return map[string]market.Interval{"1": "1m", "3": "3m", "5": "5m", "15": "15m", "30": "30m", "60": "1h", "120": "2h", "240": "4h", "360": "6h", "720": "12h", "D": "1d", "W": "1w", "M": "1M"}[s]
}

// next is the following u of a depth; each depth counts in a range of its own.
func (b *bybit) next(t *topic) uint64 {
	key := strconv.Itoa(t.depth)
	if t.p.us[key] == 0 {
		t.p.us[key] = uint64(1+t.depth) * 1_000_000
	}
	t.p.us[key]++
	return t.p.us[key]
}

// engine is the matching engine's number, common to all depths.
func (b *bybit) engine(p *pit) uint64 {
	return 100_000_000_000 + uint64(p.index)*1_000_000_000 + p.version
}

func (b *bybit) greet(c *conn, t *topic) {
	m := &message{place: t.place, topic: t.name, symbol: t.p.symbol}
	switch {
	case t.depth > 0:
		if t.seq == 0 {
			t.sent = t.p.book.top(t.depth)
			t.seq, t.sentAt = b.next(t), t.p.last
			t.p.truth.mark(t.seq)
		}
		m.d, m.seq = t.snapshot(), t.seq
		m.render = func(d *delta) []byte { return b.book(t, d, time.Now()) }
		m.data = m.render(m.d)
	case t.place == "quotes":
		m.data = b.tickers(t, time.Now(), true)
	case t.place == "candles":
		k, ok := t.p.tape.current(t.interval, 0, time.Now())
		if !ok {
			return
		}
		m.data = b.kline(t, &k, time.Now(), false)
	default:
		return
	}
	c.emit(m)
}
