package emulator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/coder/websocket"

	"github.com/assayhq/assay/market"
)

// binance speaks Binance spot: REST snapshots that join a stream of numbered diffs.
// https://github.com/binance/binance-spot-api-docs, seen 2026-07.
type binance struct{ v *Venue }

func (b *binance) rules() rules {
	return rules{lag: 8 * time.Millisecond, maxAge: 24 * time.Hour, handshakes: 300, shakeIn: 5 * time.Minute, messages: 5, messageIn: time.Second,
		sequenced: true, windows: []window{{"", 5 * time.Minute, 61000 * 1000}, {"", time.Minute, 6000}}, stream: "/ws"}
}

func (b *binance) symbol(l *listing) string { return l.base() + l.quote() }

func (b *binance) streams(path string) bool {
	return path == "/ws" || path == "/stream" || strings.HasPrefix(path, "/ws/")
}

// binanceMost is how many streams one connection may have.
const binanceMost = 1024

func (b *binance) open(c *conn) {
	c.ping(20*time.Second, time.Minute)
	c.seal = func(c *conn, m *message, data []byte) []byte {
		if c.path != "/stream" || m.topic == "" {
			return data
		}
		return fmt.Appendf(nil, `{"stream":"%s","data":%s}`, m.topic, data)
	}
	names := strings.TrimPrefix(c.path, "/ws/")
	if c.path == "/stream" {
		names = strings.TrimPrefix(c.query, "streams=")
	} else if c.path == "/ws" {
		return
	}
	for _, n := range strings.Split(names, "/") {
		b.subscribe(c, n)
	}
}

func (b *binance) receive(c *conn, text []byte) {
	var m struct {
		Method string            `json:"method"`
		Params []json.RawMessage `json:"params"`
		ID     json.RawMessage   `json:"id"`
	}
	if err := json.Unmarshal(text, &m); err != nil {
		c.say("ack", fmt.Appendf(nil, `{"error":{"code":3,"msg":"Invalid JSON: %s"}}`, "expected value at line 1 column 1"))
		return
	}
	if len(m.ID) == 0 {
		m.ID = []byte("null")
	}
	var names []string
	for _, p := range m.Params {
		var s string
		if json.Unmarshal(p, &s) == nil {
			names = append(names, s)
		}
	}
	result := "null"
	switch m.Method {
	case "SUBSCRIBE":
		if len(names) == 0 {
			b.complain(c, m.ID, 2, "Invalid request: missing field `params`")
			return
		}
		var fine []string
		for _, n := range names {
			switch b.v.faults.subscription(c, n, b.symbolOf(n)) {
			case NoAck:
				return
			case Refuse:
				b.complain(c, m.ID, 2, "Invalid request: "+n)
				return
			}
			fine = append(fine, n)
		}
		if len(c.subs)+len(fine) > binanceMost {
			c.bye(websocket.StatusPolicyViolation, "Too many streams")
			return
		}
		c.say("ack", fmt.Appendf(nil, `{"result":null,"id":%s}`, m.ID))
		for _, n := range fine {
			b.subscribe(c, n)
		}
		return
	case "UNSUBSCRIBE":
		for _, n := range names {
			b.v.leave(c, n)
		}
	case "LIST_SUBSCRIPTIONS":
		var have []string
		for k := range c.subs {
			have = append(have, k)
		}
		slices.Sort(have)
		result = list(have)
	case "SET_PROPERTY", "GET_PROPERTY":
	default:
		b.complain(c, m.ID, 2, fmt.Sprintf("Invalid request: unknown variant `%s`, expected one of `SUBSCRIBE`, `UNSUBSCRIBE`, `LIST_SUBSCRIPTIONS`, `SET_PROPERTY`, `GET_PROPERTY`", m.Method))
		return
	}
	c.say("ack", fmt.Appendf(nil, `{"result":%s,"id":%s}`, result, m.ID))
}

func (b *binance) complain(c *conn, id json.RawMessage, code int, msg string) {
	c.say("ack", fmt.Appendf(nil, `{"error":{"code":%d,"msg":%q},"id":%s}`, code, msg, id))
}

func (b *binance) symbolOf(stream string) string {
	s, _, _ := strings.Cut(stream, "@")
	return strings.ToUpper(s)
}

// subscribe joins a stream. Names nobody knows are accepted and stay silent, as they do
// at the venue.
func (b *binance) subscribe(c *conn, stream string) {
	sym, kind, _ := strings.Cut(stream, "@")
	p := b.v.symbols[strings.ToUpper(sym)]
	t := topic{name: stream, p: p}
	interval, isKline := strings.CutPrefix(kind, "kline_")
	switch {
	case stream == "!miniTicker@arr":
		t.p, t.place, t.every, t.data = b.v.pits[0], "quotes", time.Second, "all"
	case p == nil || sym != strings.ToLower(sym):
		b.v.journal.note(Entry{At: time.Now(), What: "unknown stream", Conn: c.id, Channel: stream})
		c.fed = true
		return
	case kind == "trade", kind == "aggTrade":
		t.place = "trades"
	case kind == "bookTicker":
		t.place = "quotes"
	case kind == "ticker", kind == "miniTicker", kind == "avgPrice":
		t.place, t.every = "quotes", time.Second
	case kind == "depth", kind == "depth@1000ms":
		t.place, t.every = "book", time.Second
	case kind == "depth@100ms":
		t.place, t.every = "book", 100*time.Millisecond
	case strings.HasPrefix(kind, "depth"):
		n, pace, _ := strings.Cut(strings.TrimPrefix(kind, "depth"), "@")
		t.depth, _ = strconv.Atoi(n)
		t.place, t.every, t.data = "book", time.Second, "partial"
		if pace == "100ms" {
			t.every = 100 * time.Millisecond
		}
		if !contains([]int{5, 10, 20}, t.depth) {
			return
		}
	case isKline && binanceInterval(interval) != "":
		t.place, t.interval, t.every = "candles", binanceInterval(interval), 2*time.Second
		if interval == "1s" {
			t.every = time.Second
		}
	default:
		b.v.journal.note(Entry{At: time.Now(), What: "unknown stream", Conn: c.id, Channel: stream})
		return
	}
	b.v.join(c, stream, func() *topic { return &t })
}

func binanceInterval(s string) market.Interval {
	for _, i := range []market.Interval{"1s", "1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w", "1M"} {
		if string(i) == s {
			return i
		}
	}
	return ""
}

func (b *binance) happen(t *topic, e *event) {
	_, kind, _ := strings.Cut(t.name, "@")
	switch kind {
	case "trade", "aggTrade":
		for _, x := range e.trades {
			b.v.cast(t, &message{seq: uint64(x.id), data: b.trade(t, &x, kind == "trade")})
		}
	case "bookTicker":
		if bid, ask := t.p.book.bids[0], t.p.book.asks[0]; bid != t.shown || ask != t.shownAsk {
			t.shown, t.shownAsk = bid, ask
			b.v.cast(t, &message{seq: t.p.updates, data: fmt.Appendf(nil, `{"u":%d,"s":"%s","b":"%s","B":"%s","a":"%s","A":"%s"}`,
				t.p.updates, t.p.symbol, b.px(t.p, bid.px), b.qty(t.p, bid.qty), b.px(t.p, ask.px), b.qty(t.p, ask.qty))})
		}
	}
	if t.interval != "" && len(e.trades) > 0 {
		b.close(t, e.at)
	}
}

func (b *binance) trade(t *topic, x *trade, single bool) []byte {
	at, px, qty := ms(b.v.stamp(x.at)), b.px(t.p, x.px), b.qty(t.p, x.qty)
	if single {
		return fmt.Appendf(nil, `{"e":"trade","E":%d,"s":"%s","t":%d,"p":"%s","q":"%s","T":%d,"m":%t,"M":true}`, at, t.p.symbol, x.id, px, qty, at, x.sell)
	}
	return fmt.Appendf(nil, `{"e":"aggTrade","E":%d,"s":"%s","a":%d,"p":"%s","q":"%s","f":%d,"l":%d,"T":%d,"m":%t,"M":true}`,
		at, t.p.symbol, x.id-binanceAggregate, px, qty, x.id, x.id, at, x.sell)
}

// binanceAggregate is what trade ids are ahead of aggregate ids.
const binanceAggregate = 40_000_000

func (b *binance) px(p *pit, n int64) string  { return longer(n, p.pd, 8) }
func (b *binance) qty(p *pit, n int64) string { return longer(n, p.qd, 8) }

func (b *binance) rung(p *pit) func(x []byte, r rung) []byte {
	return func(x []byte, r rung) []byte { return fmt.Appendf(x, `["%s","%s"]`, b.px(p, r.px), b.qty(p, r.qty)) }
}

func (b *binance) beat(t *topic, at time.Time) {
	switch {
	case t.data == "partial":
		now := t.p.book.top(t.depth)
		if slices.Equal(now.bids, t.sent.bids) && slices.Equal(now.asks, t.sent.asks) {
			return
		}
		t.sent = now
		t.p.truth.mark(t.p.updates)
		d := &delta{snapshot: true, book: now, last: t.p.updates}
		b.v.castBook(t, d, func(d *delta) []byte {
			x := fmt.Appendf(nil, `{"lastUpdateId":%d,"bids":`, d.last)
			x = rows(x, d.book.bids, b.rung(t.p))
			x = append(x, `,"asks":`...)
			return append(rows(x, d.book.asks, b.rung(t.p)), '}')
		})
	case t.place == "book":
		d := t.delta()
		if d == nil {
			return
		}
		t.p.truth.mark(d.last)
		b.v.castBook(t, d, func(d *delta) []byte {
			x := fmt.Appendf(nil, `{"e":"depthUpdate","E":%d,"s":"%s","U":%d,"u":%d,"b":`, ms(b.v.stamp(at)), t.p.symbol, d.first, d.last)
			x = rows(x, d.bids, b.rung(t.p))
			x = append(x, `,"a":`...)
			return append(rows(x, d.asks, b.rung(t.p)), '}')
		})
	case t.interval != "":
		b.close(t, at)
		if bar, ok := t.p.tape.current(t.interval, 0, at); ok && (bar.last != t.told || !bar.open.Equal(t.open)) {
			t.told, t.open = bar.last, bar.open
			b.v.cast(t, &message{data: b.kline(t, &bar, at, false)})
		}
	case t.data == "all":
		var all [][]byte
		for _, p := range b.v.pits {
			all = append(all, b.ticker(p, at, true))
		}
		b.v.cast(t, &message{data: append(append([]byte{'['}, bytes.Join(all, []byte{','})...), ']')})
	case strings.HasSuffix(t.name, "@avgPrice"):
		b.v.cast(t, &message{data: fmt.Appendf(nil, `{"e":"avgPrice","E":%d,"s":"%s","i":"5m","w":"%s","T":%d}`, ms(b.v.stamp(at)), t.p.symbol,
			b.px(t.p, t.p.tape.lastTrade().px), ms(b.v.stamp(t.p.tape.lastTrade().at)))})
	default:
		b.v.cast(t, &message{data: b.ticker(t.p, at, strings.HasSuffix(t.name, "@miniTicker"))})
	}
}

// close tells the bar shown last for good, once its time is over.
func (b *binance) close(t *topic, at time.Time) {
	if t.open.IsZero() || t.interval.Next(t.open).After(at) {
		return
	}
	for _, bar := range t.p.tape.spans(t.interval, 0, t.open, t.open, false) {
		b.v.cast(t, &message{data: b.kline(t, &bar, at, true)})
	}
	t.open = time.Time{}
}

func (b *binance) kline(t *topic, k *bar, at time.Time, closed bool) []byte {
	return fmt.Appendf(nil, `{"e":"kline","E":%d,"s":"%s","k":{"t":%d,"T":%d,"s":"%s","i":"%s","f":%d,"L":%d,"o":"%s","c":"%s","h":"%s","l":"%s","v":"%s","n":%d,"x":%t,"q":"%s","V":"%s","Q":"%s","B":"0"}}`,
		ms(b.v.stamp(at)), t.p.symbol, ms(k.open), ms(t.interval.Next(k.open))-1, t.p.symbol, t.interval, k.first, k.last,
		b.px(t.p, k.o), b.px(t.p, k.c), b.px(t.p, k.h), b.px(t.p, k.l), b.qty(t.p, k.vol), k.n, closed,
		k.quote.append(nil, t.p.pd+t.p.qd, 8), b.qty(t.p, k.buy), k.paid.append(nil, t.p.pd+t.p.qd, 8))
}

func (b *binance) ticker(p *pit, at time.Time, mini bool) []byte {
	day, last, now := p.tape.day(at), p.tape.lastTrade(), ms(b.v.stamp(at))
	if mini {
		return fmt.Appendf(nil, `{"e":"24hrMiniTicker","E":%d,"s":"%s","c":"%s","o":"%s","h":"%s","l":"%s","v":"%s","q":"%s"}`,
			now, p.symbol, b.px(p, day.c), b.px(p, day.o), b.px(p, day.h), b.px(p, day.l), b.qty(p, day.vol), day.quote.append(nil, p.pd+p.qd, 8))
	}
	bid, ask := p.book.bids[0], p.book.asks[0]
	return fmt.Appendf(nil, `{"e":"24hrTicker","E":%d,"s":"%s","p":"%s","P":"%s","w":"%s","x":"%s","c":"%s","Q":"%s","b":"%s","B":"%s","a":"%s","A":"%s","o":"%s","h":"%s","l":"%s","v":"%s","q":"%s","O":%d,"C":%d,"F":%d,"L":%d,"n":%d}`,
		now, p.symbol, b.px(p, day.c-day.o), b.percent(&day), b.px(p, day.quote.over(day.vol)), b.px(p, day.o), b.px(p, day.c), b.qty(p, last.qty),
		b.px(p, bid.px), b.qty(p, bid.qty), b.px(p, ask.px), b.qty(p, ask.qty), b.px(p, day.o), b.px(p, day.h), b.px(p, day.l), b.qty(p, day.vol),
		day.quote.append(nil, p.pd+p.qd, 8), now-86400000, now, day.first, day.last, day.n)
}

func (b *binance) percent(day *bar) string {
	if day.o == 0 {
		return "0.000"
	}
	return strconv.FormatFloat((float64(day.c)/float64(day.o)-1)*100, 'f', 3, 64)
}

func (b *binance) strange(enum bool) []byte {
	if enum {
		p := b.v.pits[0]
		return fmt.Appendf(nil, `{"e":"trade","E":%d,"s":"%s","t":%d,"p":"%s","q":"%s","T":%d,"m":"auction","M":true}`,
			ms(b.v.stamp(p.last)), p.symbol, 1, b.px(p, p.book.bids[0].px), b.qty(p, 1), ms(b.v.stamp(p.last)))
	}
	return fmt.Appendf(nil, `{"e":"somethingNew","E":%d,"v":1}`, ms(b.v.stamp(time.Now())))
}

func (b *binance) farewell(c *conn) time.Duration {
	c.say("notice", fmt.Appendf(nil, `{"e":"serverShutdown","E":%d}`, ms(b.v.stamp(time.Now()))))
	return 10 * time.Minute
}
