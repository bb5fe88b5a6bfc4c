package emulator

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/coder/websocket"

	"github.com/assayhq/assay/market"
)

// kucoin speaks KuCoin's classic interfaces, spot or futures: a ticket names the stream
// and a token without which it does not listen. Spot sends whole books of 50 levels, and
// differences that only signed requests could join; futures send one change a message,
// to join to a snapshot by REST. A contract is one unit of the last decimal of the
// listing's size. https://www.kucoin.com/docs-new, seen 2026-08.
type kucoin struct {
	v       *Venue
	futures bool
	tickets uint64
}

func (k *kucoin) rules() rules {
	r := rules{list: `BTC-USDT 1 8, ETH-USDT 2 7, SOL-USDT 3 4, XRP-USDT 5 4, DOGE-USDT 5 4, ADA-USDT 4 4, LTC-USDT 3 6,
			BTC-USDC 1 8, ETH-USDC 2 7, USDC-USDT 4 4`,
		follow: 45 * time.Millisecond, lag: 25 * time.Millisecond, maxAge: 24 * time.Hour, handshakes: 30, shakeIn: time.Minute,
		messages: 100, messageIn: 10 * time.Second, windows: []window{{"", 30 * time.Second, 2000}}, stream: "/"}
	if k.futures {
		r.list, r.sequenced = `BTC-USDT-PERP 1 3, ETH-USDT-PERP 2 2, SOL-USDT-PERP 3 1, LTC-USDT-PERP 2 1`, true
	}
	return r
}

// symbol is BTC-USDT, or XBTUSDTM of futures.
func (k *kucoin) symbol(l *listing) string {
	if !k.futures {
		return string(l.pair)
	}
	return strings.Replace(l.base(), "BTC", "XBT", 1) + l.quote() + "M"
}

func (k *kucoin) streams(path string) bool { return path == "/" || path == "" }

// kucoinToken is the n-th token of a world. It can be checked without keeping it.
func kucoinToken(seed, n uint64) string { return fmt.Sprintf("%x.%016x", n, mix(seed, n, 47)) }

func (k *kucoin) known(token string) bool {
	var n, sum uint64
	_, err := fmt.Sscanf(token, "%x.%x", &n, &sum)
	return err == nil && token == kucoinToken(k.v.world.seed, n)
}

// The client pings every kucoinPing; a while later it is cut.
const (
	kucoinPing    = 18 * time.Second
	kucoinTimeout = 10 * time.Second
	kucoinTopics  = 400
	kucoinAtOnce  = 100
)

func (k *kucoin) open(c *conn) {
	args, _ := url.ParseQuery(c.query)
	if !k.known(args.Get("token")) {
		c.say("ack", []byte(`{"id":"","type":"error","code":401,"data":"token is invalid"}`))
		c.bye(websocket.StatusPolicyViolation, "token is invalid")
		return
	}
	id := args.Get("connectId")
	if id == "" {
		id = fmt.Sprintf("%010x", mix(uint64(c.n), 3, k.v.world.seed)>>24)
	}
	c.say("status", fmt.Appendf(nil, `{"id":%s,"type":"welcome"}`, jsonText(id)))
	c.every(time.Second, func(at time.Time) bool {
		if at.Sub(c.heard) > kucoinPing+kucoinTimeout {
			c.bye(websocket.StatusNormalClosure, "no ping")
		}
		return true
	})
}

func (k *kucoin) receive(c *conn, text []byte) {
	var w struct {
		ID       json.RawMessage `json:"id"`
		Type     string          `json:"type"`
		Topic    string          `json:"topic"`
		Response bool            `json:"response"`
	}
	bad := json.Unmarshal(text, &w) != nil
	id := strings.Trim(string(w.ID), `"`)
	deny := func(code int, why string) {
		c.say("ack", fmt.Appendf(nil, `{"id":%s,"type":"error","code":%d,"data":%s}`, jsonText(id), code, jsonText(why)))
	}
	switch {
	case bad:
		deny(400, "illegal json")
		return
	case w.Type == "ping":
		c.say("heartbeat", fmt.Appendf(nil, `{"id":%s,"type":"pong","timestamp":%d}`, jsonText(id), us(k.v.stamp(time.Now()))))
		return
	case w.Type != "subscribe" && w.Type != "unsubscribe":
		deny(415, "type is not supported")
		return
	}
	name, list, _ := strings.Cut(w.Topic, ":")
	symbols := strings.Split(list, ",")
	if len(symbols) > kucoinAtOnce {
		deny(509, fmt.Sprintf("exceed max subscription count limitation of %d per time", kucoinAtOnce))
		return
	}
	var topics []*topic
	for _, s := range symbols {
		t := k.topic(name, s)
		if t == nil {
			deny(404, "topic "+w.Topic+" is not found")
			return
		}
		if w.Type == "subscribe" {
			switch k.v.faults.subscription(c, name, t.p.symbol) {
			case NoAck:
				return
			case Refuse:
				deny(500, "internal error")
				return
			}
		}
		topics = append(topics, t)
	}
	if w.Type == "subscribe" && len(c.subs)+len(topics) > kucoinTopics {
		deny(509, fmt.Sprintf("exceed max subscription count limitation of %d per session", kucoinTopics))
		return
	}
	if w.Response {
		c.say("ack", fmt.Appendf(nil, `{"id":%s,"type":"ack"}`, jsonText(id)))
	}
	for i, t := range topics {
		key := name + ":" + symbols[i]
		if w.Type == "unsubscribe" {
			k.v.leave(c, key)
		} else {
			k.v.join(c, key, func() *topic { return t })
		}
	}
}

// topic reads a topic and one symbol of its list; nil for what there is not.
func (k *kucoin) topic(name, symbol string) *topic {
	t := &topic{name: name}
	interval := ""
	if i := strings.LastIndexByte(symbol, '_'); i > 0 {
		symbol, interval = symbol[:i], symbol[i+1:]
	}
	if t.p = k.v.symbols[symbol]; t.p == nil {
		return nil
	}
	switch name {
	case "/market/match", "/contractMarket/execution":
		t.place = "trades"
	case "/spotMarket/level1":
		t.place, t.every = "quotes", 10*time.Millisecond
	case "/market/ticker":
		t.place, t.every = "quotes", 100*time.Millisecond
	case "/contractMarket/tickerV2":
		t.place = "quotes"
	case "/market/level2", "/contractMarket/level2":
		t.place = "book"
	case "/spotMarket/level2Depth5", "/contractMarket/level2Depth5":
		t.place, t.every, t.depth = "book", 100*time.Millisecond, 5
	case "/spotMarket/level2Depth50", "/contractMarket/level2Depth50":
		t.place, t.every, t.depth = "book", 100*time.Millisecond, 50
	case "/market/candles":
		t.place, t.every, t.interval = "candles", time.Second, kucoinInterval(interval)
	case "/contract/instrument":
		t.place, t.every = "status", time.Second
	default:
		return nil
	}
	ofFutures := strings.HasPrefix(name, "/contract")
	if ofFutures != k.futures || (t.place == "candles") != (interval != "") || t.place == "candles" && t.interval == "" {
		return nil
	}
	return t
}

// kucoinInterval reads 1min and 1hour.
func kucoinInterval(s string) market.Interval {
	return map[string]market.Interval{"1min": "1m", "3min": "3m", "5min": "5m", "15min": "15m", "30min": "30m", "1hour": "1h", "2hour": "2h",
		"4hour": "4h", "6hour": "6h", "8hour": "8h", "12hour": "12h", "1day": "1d"}[s]
}

func (k *kucoin) farewell(*conn) time.Duration { return 0 }
