package emulator

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/coder/websocket"

	"github.com/assayhq/assay/market"
)

// seoul speaks the protocol that Upbit made and Bithumb took over: a request names all
// subscriptions, books are whole, frames are binary.
// https://docs.upbit.com/kr/reference and https://apidocs.bithumb.com, seen 2026-07.
type seoul struct {
	v       *Venue
	bithumb bool
}

func (s *seoul) rules() rules {
	r := rules{list: `BTC-KRW 0 8 1000, ETH-KRW 0 8 1000, XRP-KRW 0 8, DOGE-KRW 1 8, ADA-KRW 0 8, USDT-KRW 1 8, ETH-BTC 8 8, XRP-BTC 8 8,
			BTC-USDT 2 8, ETH-USDT 2 8, XRP-USDT 4 8`,
		follow: 60 * time.Millisecond, lag: 25 * time.Millisecond, handshakes: 5, shakeIn: time.Second, messages: 5, messageIn: time.Second,
		sequenced: true, // a whole book that is lost does no harm
		bans:      true, stream: "/websocket/v1", binary: true}
	for _, group := range []string{"market", "orderbook", "trades", "candles", "ticker"} {
		r.windows = append(r.windows, window{group, time.Second, 10})
	}
	if s.bithumb {
		r.list = `BTC-KRW 0 8 1000, ETH-KRW 0 8 1000, XRP-KRW 0 8, DOGE-KRW 1 8, USDT-KRW 1 8, USDC-KRW 1 8, ETH-BTC 8 8`
		r.handshakes, r.bans, r.windows = 10, false, []window{{"", time.Second, 150}}
	}
	return r
}

func (s *seoul) symbol(l *listing) string { return l.quote() + "-" + l.base() }

func (s *seoul) streams(path string) bool { return path == "/websocket/v1" }

func (s *seoul) open(c *conn) {
	c.every(10*time.Second, func(at time.Time) bool {
		if at.Sub(c.heard) > 2*time.Minute && at.Sub(c.spoken) > 2*time.Minute {
			c.bye(websocket.StatusNormalClosure, "idle")
		}
		return true
	})
}

// seoulWish is one member of a request.
type seoulWish struct {
	Ticket *string  `json:"ticket"`
	Format string   `json:"format"`
	Type   string   `json:"type"`
	Codes  []string `json:"codes"`
	Method string   `json:"method"`
	// Two spellings of each are known.
	OnlyRealtime bool `json:"is_only_realtime"`
	OnlySnapshot bool `json:"is_only_snapshot"`
	Realtime     bool `json:"isOnlyRealtime"`
	Snapshot     bool `json:"isOnlySnapshot"`
}

func (s *seoul) receive(c *conn, text []byte) {
	if string(text) == "PING" {
		c.say("heartbeat", []byte(`{"status":"UP"}`))
		return
	}
	var wishes []seoulWish
	if json.Unmarshal(text, &wishes) != nil || len(wishes) == 0 {
		s.deny(c, "WRONG_FORMAT", "Format이 맞지 않습니다.")
		return
	}
	ticket, format := "", "DEFAULT"
	for _, w := range wishes {
		if w.Ticket != nil {
			ticket = *w.Ticket
		}
		if w.Format != "" {
			format = w.Format
		}
	}
	if ticket == "" {
		s.deny(c, "NO_TICKET", "티켓이 존재하지 않거나 유효하지 않습니다.")
		return
	}
	if wishes[len(wishes)-1].Method == "LIST_SUBSCRIPTIONS" {
		s.list(c, ticket)
		return
	}
	var topics []*topic
	old := map[*topic]bool{} // those whose present state is told at once
	for _, w := range wishes {
		if w.Type == "" {
			continue
		}
		if len(w.Codes) == 0 {
			s.deny(c, "NO_CODES", "구독할 코드를 입력해주세요.")
			return
		}
		for _, code := range w.Codes {
			t, known := s.topic(w.Type, code, format)
			switch {
			case !known:
				s.deny(c, "NO_TYPE", "Type이 존재하지 않습니다.")
				return
			case t == nil:
				continue // a market nobody knows stays silent
			}
			switch s.v.faults.subscription(c, t.name, t.p.symbol) {
			case NoAck:
				continue
			case Refuse:
				s.deny(c, "INVALID_PARAM", "파라미터가 올바르지 않습니다.")
				return
			}
			old[t] = !w.OnlyRealtime && !w.Realtime
			topics = append(topics, t)
		}
	}
	if topics == nil {
		s.deny(c, "NO_TYPE", "Type이 존재하지 않습니다.")
		return
	}
	for key := range c.subs { // all that was asked for before ends
		s.v.leave(c, key)
	}
	c.seal = nil
	if strings.HasSuffix(format, "_LIST") {
		c.seal = func(_ *conn, m *message, data []byte) []byte {
			if m.topic == "" {
				return data
			}
			return append(append([]byte{'['}, data...), ']')
		}
	}
	for _, t := range topics {
		j, fresh := s.v.join(c, format+" "+t.name+" "+t.p.symbol+" "+strconv.Itoa(t.depth), func() *topic { return t })
		if fresh && old[t] {
			s.greet(c, j)
		}
	}
}

func (s *seoul) deny(c *conn, name, message string) {
	c.say("ack", fmt.Appendf(nil, `{"error":{"name":"%s","message":"%s"}}`, name, message))
}

// list tells what is subscribed to.
func (s *seoul) list(c *conn, ticket string) {
	codes := map[string][]string{}
	for _, t := range c.subs {
		codes[t.name] = append(codes[t.name], t.p.symbol)
	}
	var rows []string
	for name, have := range codes {
		slices.Sort(have)
		rows = append(rows, fmt.Sprintf(`{"type":"%s","codes":%s}`, name, list(have)))
	}
	slices.Sort(rows)
	c.say("ack", fmt.Appendf(nil, `{"method":"LIST_SUBSCRIPTIONS","result":[%s],"ticket":%s}`, strings.Join(rows, ","), jsonText(ticket)))
}

// seoulTopic is what a topic remembers beside the common things.
type seoulTopic struct {
	short   bool    // the format SIMPLE
	waiting []*conn // who gets the whole book at the next beat, as a snapshot
}

// topic reads a subscription; nil for a market that is not listed.
func (s *seoul) topic(kind, code, format string) (t *topic, known bool) {
	market, depth, _ := strings.Cut(code, ".")
	t = &topic{name: kind, p: s.v.symbols[market], data: &seoulTopic{short: strings.HasPrefix(format, "SIMPLE")}}
	switch i := seoulStreamed(kind); {
	case kind == "trade":
		t.place = "trades"
	case kind == "ticker":
		t.place, t.every = "quotes", 100*time.Millisecond
	case kind == "orderbook":
		t.place, t.every, t.depth = "book", 100*time.Millisecond, 30
		if n, err := strconv.Atoi(depth); err == nil && contains([]int{1, 5, 15, 30}, n) {
			t.depth = n
		}
	case i != "" && !s.bithumb:
		t.place, t.every, t.interval = "candles", time.Second, i
	default:
		return nil, false
	}
	if t.p == nil {
		return nil, true
	}
	return t, true
}

// seoulStreamed reads the type of candles of the stream.
func seoulStreamed(kind string) market.Interval {
	return map[string]market.Interval{"candle.1s": "1s", "candle.1m": "1m", "candle.3m": "3m", "candle.5m": "5m", "candle.15m": "15m", "candle.30m": "30m",
		"candle.60m": "1h", "candle.240m": "4h"}[kind]
}

// greet tells a new subscriber what is.
func (s *seoul) greet(c *conn, t *topic) {
	m := &message{place: t.place, topic: t.name, symbol: t.p.symbol}
	now := time.Now()
	switch t.place {
	case "book":
		x := t.data.(*seoulTopic)
		x.waiting = append(x.waiting, c)
		return
	case "trades":
		last := t.p.tape.lastTrade()
		m.data = s.trade(t, &last, "SNAPSHOT")
	case "candles":
		k, ok := t.p.tape.current(t.interval, 0, now)
		if !ok {
			return
		}
		m.data = s.candle(t, &k, now, "SNAPSHOT")
	default:
		m.data = s.ticker(t, now, "SNAPSHOT")
	}
	c.emit(m)
}
