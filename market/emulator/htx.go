package emulator

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/coder/websocket"

	"github.com/assayhq/assay/market"
)

// htx speaks HTX spot: every frame packed in gzip, a ping every 5 s that must be answered,
// and books whose base is asked for on the connection of their changes. Of the merged
// depths only step0 is here.
// https://www.htx.com/en-us/opend/newApiPages/, seen 2026-07.
type htx struct{ v *Venue }

func (h *htx) rules() rules {
	return rules{list: `BTC-USDT 2 6, ETH-USDT 2 4, SOL-USDT 4 3, XRP-USDT 5 2, DOGE-USDT 6 2, ADA-USDT 6 2, LTC-USDT 2 4, USDC-USDT 4 2`,
		follow: 60 * time.Millisecond, lag: 30 * time.Millisecond, handshakes: 100, shakeIn: time.Minute, messages: 50, messageIn: time.Second,
		sequenced: true, windows: []window{{"", time.Second, 800}, {"/v1", time.Second, 10}}, stream: "/ws", business: "/feed"}
}

func (h *htx) symbol(l *listing) string { return strings.ToLower(l.base() + l.quote()) }

func (h *htx) streams(path string) bool { return path == "/ws" || path == "/feed" }

// htxState counts the pings that a client has not answered.
type htxState struct{ waiting int }

// packer seals every frame of a connection in gzip, with one writer for all of them.
func packer() func(*conn, *message, []byte) []byte {
	w := gzip.NewWriter(nil)
	return func(_ *conn, _ *message, data []byte) []byte {
		var b bytes.Buffer
		w.Reset(&b)
		w.Write(data)
		w.Close()
		return b.Bytes()
	}
}

// heart sends pings every 5 s and closes when two go unanswered.
func (v *Venue) heart(c *conn, ping func(at time.Time) []byte) *htxState {
	s := &htxState{}
	c.every(5*time.Second, func(at time.Time) bool {
		if s.waiting >= 2 {
			c.bye(websocket.StatusPolicyViolation, "no pong")
			return false
		}
		s.waiting++
		c.say("heartbeat", ping(v.stamp(at)))
		return true
	})
	return s
}

func (h *htx) open(c *conn) {
	c.seal = packer()
	c.state = h.v.heart(c, func(at time.Time) []byte { return fmt.Appendf(nil, `{"ping":%d}`, ms(at)) })
}

// htxAsk is what a client of a stream of market data says.
type htxAsk struct {
	Sub, Unsub, Req string
	ID              json.RawMessage
	Pong            int64
	DataType        string `json:"data_type"`
}

// htxAnswer writes what the venue says to an htxAsk; word is subbed, unsubbed or empty.
func htxAnswer(v *Venue, id json.RawMessage, word, topic string) []byte {
	if len(id) == 0 {
		id = []byte("null")
	}
	return fmt.Appendf(nil, `{"id":%s,"status":"ok",%s:%s,"ts":%d}`, id, quoted(word), jsonText(topic), ms(v.stamp(time.Now())))
}

func htxRefusal(v *Venue, id json.RawMessage, msg string) []byte {
	if len(id) == 0 {
		id = []byte("null")
	}
	return fmt.Appendf(nil, `{"ts":%d,"status":"error","err-code":"bad-request","err-msg":%s,"id":%s}`, ms(v.stamp(time.Now())), jsonText(msg), id)
}

func (h *htx) receive(c *conn, text []byte) {
	var w htxAsk
	if json.Unmarshal(text, &w) != nil {
		c.say("ack", htxRefusal(h.v, nil, "invalid json"))
		return
	}
	switch {
	case w.Pong != 0:
		c.state.(*htxState).waiting = 0
	case w.Sub != "":
		h.v.htxSubscribe(c, &w, h.topic(c, w.Sub), h.greet)
	case w.Unsub != "":
		h.v.leave(c, c.path+w.Unsub)
		c.say("ack", htxAnswer(h.v, w.ID, "unsubbed", w.Unsub))
	case w.Req != "":
		h.request(c, &w)
	default:
		c.say("ack", htxRefusal(h.v, w.ID, "invalid command"))
	}
}

// htxSubscribe joins a topic; t is nil if there is none of that name.
func (v *Venue) htxSubscribe(c *conn, w *htxAsk, t *topic, greet func(c *conn, t *topic)) {
	if t == nil {
		c.say("ack", htxRefusal(v, w.ID, "invalid topic "+w.Sub))
		return
	}
	switch v.faults.subscription(c, t.name, t.p.symbol) {
	case NoAck:
		return
	case Refuse:
		c.say("ack", htxRefusal(v, w.ID, "error topic "+w.Sub))
		return
	}
	c.say("ack", htxAnswer(v, w.ID, "subbed", w.Sub))
	if j, fresh := v.join(c, c.path+w.Sub, func() *topic { return t }); fresh {
		greet(c, j)
	}
}

// topic reads market.btcusdt.mbp.150 and the like; nil if this stream has none such.
func (h *htx) topic(c *conn, name string) *topic {
	part := strings.SplitN(name, ".", 3)
	if len(part) != 3 || part[0] != "market" || h.v.symbols[part[1]] == nil {
		return nil
	}
	t := &topic{name: name, p: h.v.symbols[part[1]], data: part[2]}
	kind, depth, _ := strings.Cut(part[2], ".")
	if c.path == "/feed" {
		t.place, t.every = "book", 100*time.Millisecond
		t.depth, _ = strconv.Atoi(depth)
		if kind != "mbp" || !contains([]int{5, 20, 150, 400}, t.depth) {
			return nil
		}
		return t
	}
	switch {
	case part[2] == "trade.detail":
		t.place = "trades"
	case part[2] == "bbo":
		t.place = "quotes"
	case part[2] == "detail":
		t.place, t.every = "quotes", time.Second
	case part[2] == "depth.step0":
		t.place, t.every, t.depth = "book", time.Second, 150
	case contains([]string{"mbp.refresh.5", "mbp.refresh.10", "mbp.refresh.20"}, part[2]):
		t.place, t.every = "book", 100*time.Millisecond
		t.depth, _ = strconv.Atoi(part[2][len("mbp.refresh."):])
	case kind == "kline":
		t.place, t.every, t.interval = "candles", time.Second, htxInterval(depth)
		if t.interval == "" {
			return nil
		}
	default:
		return nil
	}
	return t
}

func htxInterval(s string) market.Interval {
	return map[string]market.Interval{"1min": "1m", "5min": "5m", "15min": "15m", "30min": "30m", "60min": "1h", "4hour": "4h", "1day": "1d", "1week": "1w", "1mon": "1M"}[s]
}

// htxShift is what bars of a day and longer are ahead: they begin at midnight in Singapore.
func htxShift(i market.Interval) time.Duration {
	if i.Length() >= 24*time.Hour {
		return 8 * time.Hour
	}
	return 0
}

func (h *htx) greet(c *conn, t *topic) {
	if c.path == "/feed" {
		t.p.truth.mark(t.updates)
	}
	if t.place == "candles" {
		if k, ok := t.p.tape.current(t.interval, htxShift(t.interval), time.Now()); ok {
			c.emit(&message{place: t.place, topic: t.name, symbol: t.p.symbol, data: h.kline(t, &k, time.Now())})
		}
	}
}

// request answers with a whole book, whose changes come under the same name.
func (h *htx) request(c *conn, w *htxAsk) {
	t := h.topic(c, w.Req)
	if t == nil || c.path != "/feed" {
		c.say("ack", htxRefusal(h.v, w.ID, "invalid topic "+w.Req))
		return
	}
	// The base is of the same make as the changes: it is where the last one led to.
	book, last := t.p.book.top(t.depth), t.p.updates
	if j := h.v.topics[c.path+w.Req]; j != nil {
		book, last = j.sent, j.updates
	} else {
		t.p.truth.mark(last)
	}
	now := time.Now()
	if old := h.v.faults.old(&query{v: h.v, path: w.Req, args: url.Values{"symbol": {t.p.symbol}}, now: now}); old > 0 {
		if x, u, _, ok := t.p.truth.before(now.Add(-old)); ok {
			book, last = x.top(t.depth), u
		}
	}
	id := w.ID
	if len(id) == 0 {
		id = []byte("null")
	}
	b := fmt.Appendf(nil, `{"id":%s,"rep":%s,"status":"ok","ts":%d,"data":{"seqNum":%d,"bids":`, id, jsonText(w.Req), ms(h.v.stamp(now)), last)
	b = rows(b, book.bids, h.rung(t.p))
	b = rows(append(b, `,"asks":`...), book.asks, h.rung(t.p))
	c.say("answer", append(b, '}', '}'))
}

func (h *htx) strange(enum bool) []byte {
	p := h.v.pits[0]
	if enum {
		at := ms(h.v.stamp(p.last))
		return fmt.Appendf(nil, `{"ch":"market.%s.trade.detail","ts":%d,"tick":{"id":1,"ts":%d,"data":[{"id":1,"ts":%d,"tradeId":1,"amount":1,"price":%s,"direction":"auction"}]}}`,
			p.symbol, at, at, at, htxNumber(p.book.bids[0].px, p.pd))
	}
	return fmt.Appendf(nil, `{"ch":"market.%s.novelty","ts":%d,"tick":{"value":1}}`, p.symbol, ms(h.v.stamp(p.last)))
}

func (h *htx) farewell(*conn) time.Duration { return 0 }
