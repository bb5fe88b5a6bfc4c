package emulator

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/coder/websocket"

	"github.com/assayhq/assay/market"
)

// bitget speaks Bitget's unified account: the public stream of version 3, whose whole
// books are chained by seq and pseq, and requests of versions 3 and 2. Contracts have
// the stream symbol of the spot pair; inside the emulator (Truth, Trades, fault plans)
// theirs is "usdt-futures:BTCUSDT". https://www.bitget.com/api-doc/uta, seen 2026-08.
type bitget struct {
	v     *Venue
	bases map[*pit]uint64 // where each book's numbers start now
}

func (x *bitget) rules() rules {
	return rules{list: `BTC-USDT 2 6, ETH-USDT 2 4, SOL-USDT 2 4, XRP-USDT 4 4, DOGE-USDT 5 4, ADA-USDT 4 4, LTC-USDT 2 4,
			BTC-USDC 2 6, ETH-USDC 2 4, USDC-USDT 4 4, BTC-USDT-PERP 1 4, ETH-USDT-PERP 2 2, BTC-USDC-PERP 1 4`,
		follow: 60 * time.Millisecond, lag: 25 * time.Millisecond, maxAge: 24 * time.Hour, handshakes: 300, shakeIn: 5 * time.Minute,
		messages: 10, messageIn: time.Second, sequenced: true, tradeID: x.tradeID, stream: "/v3/ws/public", penalty: 5 * time.Minute,
		windows: []window{{"", time.Minute, 6000}, {"20 a second", time.Second, 20}, {"10 a second", time.Second, 10}}}
}

// section is where a listing trades, as the stream spells it.
func (x *bitget) section(l *listing) string {
	if !l.perp {
		return "spot"
	}
	return strings.ToLower(l.quote()) + "-futures"
}

// bitgetName is the symbol as the wire spells it.
func bitgetName(l *listing) string {
	if l.perp && l.quote() == "USDC" {
		return l.base() + "PERP"
	}
	return l.base() + l.quote()
}

func (x *bitget) symbol(l *listing) string {
	if !l.perp {
		return bitgetName(l)
	}
	return x.section(l) + ":" + bitgetName(l)
}

// pit finds a symbol in a section.
func (x *bitget) pit(section, symbol string) *pit {
	if section != "spot" {
		symbol = section + ":" + symbol
	}
	return x.v.symbols[symbol]
}

func (x *bitget) streams(path string) bool { return path == "/v3/ws/public" }

func (x *bitget) tradeID(_ *pit, id int64) string { return itoa(1_344_000_000_000_000_000 + id) }

// bitgetState is when a connection pinged last, and its requests of an hour.
type bitgetState struct {
	pinged time.Time
	asked  []time.Time
}

func (x *bitget) open(c *conn) {
	state := &bitgetState{pinged: time.Now()}
	c.state = state
	c.every(10*time.Second, func(at time.Time) bool {
		if at.Sub(state.pinged) > 2*time.Minute {
			c.bye(websocket.StatusNormalClosure, "no ping")
		}
		return true
	})
}

// bitgetArg is what a subscription is of.
type bitgetArg struct {
	Type     string `json:"instType"`
	Topic    string `json:"topic"`
	Symbol   string `json:"symbol,omitempty"`
	Interval string `json:"interval,omitempty"`
}

func (a bitgetArg) text() []byte {
	b, _ := json.Marshal(a) // of strings alone
	return b
}

func (x *bitget) receive(c *conn, text []byte) {
	state, now := c.state.(*bitgetState), time.Now()
	if string(text) == "ping" {
		state.pinged = now
		c.say("heartbeat", []byte("pong"))
		return
	}
	var w struct {
		Op   string      `json:"op"`
		Args []bitgetArg `json:"args"`
	}
	if json.Unmarshal(text, &w) != nil || w.Op != "subscribe" && w.Op != "unsubscribe" || len(w.Args) == 0 || len(text) > 4096 {
		x.deny(c, nil, 30003, "Invalid op")
		return
	}
	for len(state.asked) > 0 && now.Sub(state.asked[0]) > time.Hour {
		state.asked = state.asked[1:]
	}
	if state.asked = append(state.asked, now); len(state.asked) > 240 && !x.v.opt.Unlimited {
		x.deny(c, nil, 30006, "request too many")
		return
	}
	for _, a := range w.Args {
		x.wish(c, w.Op, a)
	}
}

func (x *bitget) deny(c *conn, a *bitgetArg, code int, msg string) {
	arg := ""
	if a != nil {
		arg = fmt.Sprintf(`"arg":%s,`, a.text())
	}
	c.say("ack", fmt.Appendf(nil, `{"event":"error",%s"code":%d,"msg":%s}`, arg, code, jsonText(msg)))
}

func (x *bitget) wish(c *conn, op string, a bitgetArg) {
	t := x.topic(a)
	if t == nil {
		x.deny(c, &a, 30001, fmt.Sprintf("instType:%s,topic:%s,symbol:%s doesn't exist", a.Type, a.Topic, a.Symbol))
		return
	}
	if op == "unsubscribe" {
		x.v.leave(c, t.key)
		c.say("ack", fmt.Appendf(nil, `{"event":"unsubscribe","arg":%s}`, a.text()))
		return
	}
	switch x.v.faults.subscription(c, t.name, t.p.symbol) {
	case NoAck:
		return
	case Refuse:
		x.deny(c, &a, 30010, "system error")
		return
	}
	if len(c.subs) >= 1000 {
		x.deny(c, &a, 30007, "subscribe more than 1000 channels")
		return
	}
	c.say("ack", fmt.Appendf(nil, `{"event":"subscribe","arg":%s}`, a.text()))
	if j, fresh := x.v.join(c, t.key, func() *topic { return t }); fresh {
		x.greet(c, j)
	}
}

// topic reads a subscription; nil when there is no such thing. Liquidations of a section
// are kept with its first contract.
func (x *bitget) topic(a bitgetArg) *topic {
	t := &topic{key: string(a.text()), name: a.Topic, p: x.pit(a.Type, a.Symbol), data: a}
	switch a.Topic {
	case "books":
		t.place, t.every = "book", 150*time.Millisecond
	case "books5", "books50":
		t.place, t.every, t.depth = "book", 150*time.Millisecond, map[string]int{"books5": 5, "books50": 50}[a.Topic]
	case "books1":
		t.place, t.every, t.depth = "quotes", 60*time.Millisecond, 1
	case "publicTrade":
		t.place = "trades"
	case "ticker":
		t.place, t.every = "tickers", 150*time.Millisecond
	case "kline":
		t.place, t.every, t.interval = "candles", 500*time.Millisecond, bitgetKline(a.Interval)
		if t.interval == "" {
			return nil
		}
	case "liquidation":
		t.place, t.every = "liquidations", time.Second
		for _, p := range x.v.pits {
			if t.p == nil && p.perp && x.section(p.listing) == a.Type && a.Symbol == "" {
				t.p = p
			}
		}
	default:
		return nil
	}
	if t.p == nil {
		return nil
	}
	return t
}

// bitgetKline are the intervals of topic kline; long ones open at Hong Kong's midnight.
func bitgetKline(s string) market.Interval {
	return map[string]market.Interval{"1m": "1m", "3m": "3m", "5m": "5m", "15m": "15m", "30m": "30m", "1H": "1h", "4H": "4h", "6H": "6h", "12H": "12h", "1D": "1d"}[s]
}

// bitgetShift is how much earlier than UTC a bar of that name opens.
func bitgetShift(i market.Interval, name string) time.Duration {
	if strings.HasSuffix(name, "utc") || i.Length() < 6*time.Hour {
		return 0
	}
	return 8 * time.Hour
}

// number is the book's sequence number now.
func (x *bitget) number(p *pit) uint64 {
	if x.bases == nil {
		x.bases = map[*pit]uint64{}
	}
	if x.bases[p] == 0 {
		x.bases[p] = 1_343_000_000_000_000_000 + mix(x.v.world.seed, uint64(p.index), 5)%1_000_000_000_000_000
	}
	return x.bases[p] + p.version*8
}
