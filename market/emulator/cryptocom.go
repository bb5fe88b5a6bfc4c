package emulator

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/coder/websocket"

	"github.com/assayhq/assay/market"
)

// cryptocom speaks the Crypto.com Exchange v1: books of 10, 50 or 150 levels chained by
// u and pu, heartbeats that want an answer, and of perpetuals mark, index and hourly
// funding. https://exchange-docs.crypto.com/exchange/v1/rest-ws, seen 2026-08.
type cryptocom struct{ v *Venue }

func (x *cryptocom) rules() rules {
	per := func(method string) window { return window{method, time.Second, 100} }
	return rules{list: `BTC-USD 2 5, ETH-USD 2 4, SOL-USD 2 3, XRP-USD 5 0, DOGE-USD 5 0, ADA-USD 5 0, LTC-USD 2 3, USDT-USD 5 2, USDC-USD 5 2,
			BTC-USDT 2 5, ETH-USDT 2 4, BTC-USD-PERP 1 4, ETH-USD-PERP 2 3`,
		follow: 80 * time.Millisecond, lag: 20 * time.Millisecond, sequenced: true, stream: "/exchange/v1/market", tradeID: x.tradeID,
		windows: []window{per("get-instruments"), per("get-book"), per("get-tickers"), per("get-trades"), per("get-candlestick"), per("get-valuations")}}
}

func (x *cryptocom) symbol(l *listing) string {
	if l.perp {
		return l.base() + l.quote() + "-PERP"
	}
	return l.base() + "_" + l.quote()
}

func (x *cryptocom) streams(path string) bool { return path == "/exchange/v1/market" }

func (x *cryptocom) tradeID(_ *pit, id int64) string { return fmt.Sprintf("4611686018%09d", id) }

// cryptocomState counts a connection's requests of the present second of the clock, and
// remembers the heartbeat that has no answer yet.
type cryptocomState struct {
	second, pending int64
	n, most         int
}

func (x *cryptocom) open(c *conn) {
	now := x.v.stamp(time.Now())
	rest := float64(time.Second-time.Duration(now.Nanosecond())) / float64(time.Second)
	state := &cryptocomState{second: now.Unix(), most: int(100 * rest)}
	c.state = state
	c.every(30*time.Second, func(at time.Time) bool {
		id := ms(x.v.stamp(at))
		state.pending = id
		c.say("heartbeat", fmt.Appendf(nil, `{"id":%d,"method":"public/heartbeat","code":0}`, id))
		x.v.at(at.Add(5*time.Second+2*x.v.rules.lag), func(time.Time) {
			if state.pending == id {
				c.bye(websocket.StatusNormalClosure, "heartbeat not answered")
			}
		})
		return true
	})
}

// hurried counts a request; one too many of a second is refused.
func (s *cryptocomState) hurried(now time.Time) bool {
	if now.Unix() != s.second {
		s.second, s.n, s.most = now.Unix(), 0, 100
	}
	s.n++
	return s.n > s.most
}

func (x *cryptocom) receive(c *conn, text []byte) {
	var w struct {
		ID     *int64 `json:"id"`
		Method string `json:"method"`
		Params struct {
			Channels []string `json:"channels"`
			Type     string   `json:"book_subscription_type"`
			Every    int      `json:"book_update_frequency"`
		} `json:"params"`
	}
	state := c.state.(*cryptocomState)
	failed := json.Unmarshal(text, &w) != nil
	id := int64(-1)
	if w.ID != nil {
		id = *w.ID
	}
	deny := func(code int, msg string) {
		c.say("ack", fmt.Appendf(nil, `{"id":%d,"method":%s,"code":%d,"message":%s,"original":%s}`, id, jsonText(w.Method), code, jsonText(msg), jsonText(string(text))))
	}
	switch {
	case failed:
		w.Method = "ERROR"
		deny(40003, "INVALID_REQUEST")
		return
	case state.hurried(x.v.stamp(time.Now())) && !x.v.opt.Unlimited:
		deny(42901, "TOO_MANY_REQUESTS")
		return
	case w.Method == "public/respond-heartbeat":
		if id == state.pending {
			state.pending = 0
		}
		return
	case w.Method != "subscribe" && w.Method != "unsubscribe":
		deny(40002, "METHOD_NOT_FOUND")
		return
	}
	var topics []*topic
	for _, name := range w.Params.Channels {
		t := x.topic(name, w.Params.Type, w.Params.Every)
		if t == nil {
			deny(10004, `invalid channel {"channels":["`+name+`"]}`)
			return
		}
		if w.Method == "subscribe" {
			switch x.v.faults.subscription(c, t.name, t.p.symbol) {
			case NoAck:
				return
			case Refuse:
				deny(50001, "INTERNAL_SERVER_ERROR")
				return
			}
		}
		topics = append(topics, t)
	}
	if len(c.subs)+len(topics) > 400 && w.Method == "subscribe" {
		deny(40107, "EXCEED_MAX_SUBSCRIPTIONS")
		return
	}
	c.say("ack", fmt.Appendf(nil, `{"id":%d,"method":"%s","code":0}`, id, w.Method))
	for _, t := range topics {
		if w.Method == "unsubscribe" {
			x.forget(c, t.name)
		} else if j, fresh := x.v.join(c, t.key, func() *topic { return t }); fresh {
			x.greet(c, j, id)
		}
	}
}

// forget ends a subscription, whatever kind of book it asked for.
func (x *cryptocom) forget(c *conn, name string) {
	for key, t := range c.subs {
		if t.name == name {
			x.v.leave(c, key)
		}
	}
}

// topic reads a channel: its key tells kinds of books apart, its name is the channel.
func (x *cryptocom) topic(name, kind string, every int) *topic {
	part := strings.SplitN(name, ".", 3)
	if len(part) < 2 {
		return nil
	}
	t := &topic{key: name, name: name, p: x.v.symbols[part[1]]}
	switch {
	case part[0] == "book" && len(part) == 3:
		t.place = "book"
		t.depth = map[string]int{"10": 10, "50": 50, "150": 150}[part[2]]
		if kind != "SNAPSHOT_AND_UPDATE" { // whole ones
			kind, every, t.data = "SNAPSHOT", 500, "whole"
		}
		t.key += fmt.Sprint(" ", kind, " ", every)
		t.every = time.Duration(every) * time.Millisecond
		if t.depth == 0 || !slices.Contains([]int{10, 100, 500}, every) {
			return nil
		}
	case part[0] == "candlestick" && len(part) == 3:
		t.place, t.every, t.interval, t.p = "candles", 500*time.Millisecond, cryptocomInterval(part[1]), x.v.symbols[part[2]]
		if t.interval == "" {
			return nil
		}
	case len(part) != 2:
		return nil
	case part[0] == "trade":
		t.place = "trades"
	case part[0] == "ticker":
		t.place, t.every = "quotes", 100*time.Millisecond
	case part[0] == "index":
		t.place, t.every, t.p = "derivatives", time.Second, x.v.symbols[strings.TrimSuffix(part[1], "-INDEX")+"-PERP"]
	case part[0] == "mark" || part[0] == "funding" || part[0] == "estimatedfunding":
		t.place, t.every = "derivatives", time.Second
		if t.p != nil && !t.p.perp {
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

func cryptocomInterval(s string) market.Interval {
	return map[string]market.Interval{"1m": "1m", "5m": "5m", "15m": "15m", "30m": "30m", "1h": "1h", "2h": "2h", "4h": "4h", "12h": "12h", "1D": "1d", "1M": "1M",
		"M1": "1m", "M5": "5m", "M15": "15m", "M30": "30m", "H1": "1h", "H2": "2h", "H4": "4h", "H12": "12h", "D1": "1d"}[s]
}

// number is the book's sequence number now; it rises by steps of its own.
func (x *cryptocom) number(p *pit) uint64 {
	return 354_000_000_000_000 + mix(x.v.world.seed, uint64(p.index), 5)%1_000_000_000*1000 + p.version*448
}

// greet sends what a subscription begins with.
func (x *cryptocom) greet(c *conn, t *topic, id int64) {
	now := time.Now()
	m := &message{place: t.place, topic: t.name, symbol: t.p.symbol}
	switch kind, _, _ := strings.Cut(t.name, "."); kind {
	case "book":
		if t.seq == 0 {
			t.seq = x.number(t.p)
			t.p.truth.mark(t.seq)
		}
		m.d, m.seq = t.snapshot(), t.seq
		m.render = func(d *delta) []byte { return x.book(t, d, now) }
		m.data = m.render(m.d)
	case "trade":
		m.data = x.result(t, "trade", id, x.trades(t.p, t.p.tape.recent(50), false))
	case "ticker":
		m.data = x.result(t, "ticker", id, x.ticker(t.p, now))
	case "candlestick":
		b, ok := t.p.tape.current(t.interval, 0, now)
		if !ok {
			return
		}
		m.data = x.candle(t, id, &b, now)
	default:
		m.data = x.result(t, kind, id, x.value(t.p, kind, now))
	}
	c.emit(m)
}
