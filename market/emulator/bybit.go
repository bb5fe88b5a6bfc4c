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

// bybit speaks Bybit v5 public spot and linear: books of fixed depths whose u rises by
// one. Perpetuals have the stream symbol of the spot pair; inside the emulator (Truth,
// Trades, fault plans) theirs is "linear:BTCUSDT".
// https://bybit-exchange.github.io/docs/v5, seen 2026-07.
type bybit struct{ v *Venue }

func (b *bybit) rules() rules {
	return rules{follow: 40 * time.Millisecond, lag: 20 * time.Millisecond, handshakes: 500, shakeIn: 5 * time.Minute, sequenced: true,
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
	c.say("ack", fmt.Appendf(nil, `{"success":%t,"ret_msg":%s,"conn_id":"%s","req_id":%s,"op":%s}`, ok, jsonText(msg), c.state.(*bybitState).id, jsonText(id), jsonText(op)))
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

func (b *bybit) happen(t *topic, e *event) {
	if t.place == "trades" && len(e.trades) > 0 {
		b.v.cast(t, &message{seq: uint64(e.trades[0].id), data: b.trades(t, e)})
	}
}

func (b *bybit) beat(t *topic, at time.Time) {
	switch {
	case t.depth == 1:
		now := t.p.book.top(1)
		same := slices.Equal(now.bids, t.sent.bids) && slices.Equal(now.asks, t.sent.asks)
		if same && at.Sub(t.open) < 3*time.Second {
			return
		}
		t.open = at
		if !same {
			t.sent, t.seq, t.sentAt = now, b.next(t), t.last
			t.p.truth.mark(t.seq)
		}
		b.v.castBook(t, t.snapshot(), func(d *delta) []byte { return b.book(t, d, at) })
	case t.depth > 0:
		if d := t.delta(); d != nil {
			t.seq = b.next(t)
			d.seq = t.seq
			t.p.truth.mark(d.seq)
			b.v.castBook(t, d, func(d *delta) []byte { return b.book(t, d, at) })
		}
	case t.place == "candles":
		k, ok := t.p.tape.current(t.interval, 0, at)
		if !t.open.IsZero() && !t.interval.Next(t.open).After(at) {
			for _, done := range t.p.tape.spans(t.interval, 0, t.open, t.open, false) {
				b.v.cast(t, &message{data: b.kline(t, &done, at, true)})
			}
			t.open = time.Time{}
		}
		if ok && k.last != t.told {
			t.told, t.open = k.last, k.open
			b.v.cast(t, &message{data: b.kline(t, &k, at, false)})
		}
	default:
		bid, ask, last := t.p.book.bids[0], t.p.book.asks[0], t.p.tape.next
		if bid != t.shown && t.p.perp || ask != t.shownAsk && t.p.perp || last != t.told {
			b.v.cast(t, &message{data: b.tickers(t, at, !t.p.perp)})
			t.shown, t.shownAsk, t.told = bid, ask, last
		}
	}
}

// px and qty write numbers as the category does: trimmed on spot, fixed on linear.
func (b *bybit) px(p *pit, n int64) string {
	if p.perp {
		return fixedText(n, p.pd)
	}
	return plainText(n, p.pd)
}

func (b *bybit) qty(p *pit, n int64) string {
	if p.perp && n != 0 {
		return fixedText(n, p.qd)
	}
	return plainText(n, p.qd)
}

func (b *bybit) rung(p *pit) func(x []byte, r rung) []byte {
	return func(x []byte, r rung) []byte {
		return append(append(append(append(append(x, `["`...), b.px(p, r.px)...), `","`...), b.qty(p, r.qty)...), `"]`...)
	}
}

func (b *bybit) book(t *topic, d *delta, at time.Time) []byte {
	kind, ts := "delta", ms(b.v.stamp(at))
	if d.snapshot {
		kind = "snapshot"
	}
	x := fmt.Appendf(nil, `{"topic":"%s","ts":%d,"type":"%s","data":{"s":"%s","b":`, t.name, ts, kind, b.wire(t.p))
	if t.p.perp {
		x = fmt.Appendf(nil, `{"topic":"%s","type":"%s","ts":%d,"data":{"s":"%s","b":`, t.name, kind, ts, b.wire(t.p))
	}
	x = rows(x, d.bids, b.rung(t.p))
	x = rows(append(x, `,"a":`...), d.asks, b.rung(t.p))
	return fmt.Appendf(x, `,"u":%d,"seq":%d},"cts":%d}`, d.seq, b.engine(t.p), ms(b.v.stamp(d.at)))
}

func (b *bybit) tradeID(p *pit, id int64) string {
	if p.perp {
		return order(p, id)
	}
	return fmt.Sprintf("2290000%012d", id)
}

func (b *bybit) side(t *trade) string {
	if t.sell {
		return "Sell"
	}
	return "Buy"
}

func (b *bybit) trades(t *topic, e *event) []byte {
	var out []string
	for _, x := range e.trades {
		tick := ""
		if t.p.perp {
			tick = `,"L":"ZeroPlusTick"`
		}
		out = append(out, fmt.Sprintf(`{"i":"%s","T":%d,"p":"%s","v":"%s","S":"%s","seq":%d,"s":"%s","BT":false,"RPI":false%s}`,
			b.tradeID(t.p, x.id), ms(b.v.stamp(x.at)), b.px(t.p, x.px), b.qty(t.p, x.qty), b.side(&x), b.engine(t.p), b.wire(t.p), tick))
	}
	return fmt.Appendf(nil, `{"topic":"%s","ts":%d,"type":"snapshot","data":[%s]}`, t.name, ms(b.v.stamp(e.at)), strings.Join(out, ","))
}

func (b *bybit) kline(t *topic, k *bar, at time.Time, done bool) []byte {
	ts, p := ms(b.v.stamp(at)), t.p
	return fmt.Appendf(nil, `{"type":"snapshot","topic":"%s","data":[{"start":%d,"end":%d,"interval":"%s","open":"%s","close":"%s","high":"%s","low":"%s","volume":"%s","turnover":"%s","confirm":%t,"timestamp":%d}],"ts":%d}`,
		t.name, ms(k.open), ms(t.interval.Next(k.open))-1, strings.Split(t.name, ".")[1], b.px(p, k.o), b.px(p, k.c), b.px(p, k.h), b.px(p, k.l), plainText(k.vol, p.qd), k.quote.append(nil, p.pd+p.qd, 8), done, ts, ts)
}

// tickers: spot sends whole ones without quotes; linear sends one, then what changed.
func (b *bybit) tickers(t *topic, at time.Time, whole bool) []byte {
	p, ts := t.p, ms(b.v.stamp(at))
	if !p.perp {
		return fmt.Appendf(nil, `{"topic":"%s","ts":%d,"type":"snapshot","cs":%d,"data":{"symbol":"%s",%s,"usdIndexPrice":"%s"}}`, t.name, ts, b.engine(p), b.wire(p), b.day(p, at), b.index(p, at))
	}
	bid, ask := p.book.bids[0], p.book.asks[0]
	best := fmt.Sprintf(`"bid1Price":"%s","bid1Size":"%s","ask1Price":"%s","ask1Size":"%s"`, b.px(p, bid.px), b.qty(p, bid.qty), b.px(p, ask.px), b.qty(p, ask.qty))
	if whole {
		return fmt.Appendf(nil, `{"topic":"%s","type":"snapshot","data":{"symbol":"%s","tickDirection":"ZeroPlusTick",%s,%s,%s},"cs":%d,"ts":%d}`, t.name, b.wire(p), b.day(p, at), b.perp(p, at), best, b.engine(p), ts)
	}
	var parts []string
	if bid != t.shown {
		parts = append(parts, fmt.Sprintf(`"bid1Price":"%s","bid1Size":"%s"`, b.px(p, bid.px), b.qty(p, bid.qty)))
	}
	if ask != t.shownAsk {
		parts = append(parts, fmt.Sprintf(`"ask1Price":"%s","ask1Size":"%s"`, b.px(p, ask.px), b.qty(p, ask.qty)))
	}
	if p.tape.next != t.told {
		parts = append(parts, fmt.Sprintf(`"lastPrice":"%s"`, b.px(p, p.tape.lastTrade().px)))
	}
	return fmt.Appendf(nil, `{"topic":"%s","type":"delta","data":{"symbol":"%s",%s},"cs":%d,"ts":%d}`, t.name, b.wire(p), strings.Join(parts, ","), b.engine(p), ts)
}

// day is the day's numbers, as ticker fields.
func (b *bybit) day(p *pit, at time.Time) string {
	day := p.tape.day(at)
	return fmt.Sprintf(`"lastPrice":"%s","highPrice24h":"%s","lowPrice24h":"%s","prevPrice24h":"%s","volume24h":"%s","turnover24h":"%s","price24hPcnt":"%s"`,
		b.px(p, p.tape.lastTrade().px), b.px(p, day.h), b.px(p, day.l), b.px(p, day.o), plainText(day.vol, p.qd), day.quote.append(nil, p.pd+p.qd, 8), ratio(day.c, day.o, 4))
}

func (b *bybit) index(p *pit, at time.Time) string {
	return strconv.FormatFloat(b.v.world.dollars(p.pair.Base(), at), 'f', 6, 64)
}

// perp is the fields only perpetuals have.
func (b *bybit) perp(p *pit, at time.Time) string {
	next := at.UTC().Truncate(8 * time.Hour).Add(8 * time.Hour)
	return fmt.Sprintf(`"prevPrice1h":"%s","markPrice":"%s","indexPrice":"%s","openInterest":"59891.732","openInterestValue":"3899996265.01","fundingIntervalHour":"8","nextFundingTime":"%d","fundingRate":"0.0001"`,
		b.px(p, p.tape.lastTrade().px), b.px(p, p.cents(p.mid(at))), b.px(p, p.cents(p.mid(at))), ms(next))
}

func (b *bybit) strange(enum bool) []byte {
	p := b.v.pits[0]
	if enum {
		return fmt.Appendf(nil, `{"topic":"publicTrade.%s","ts":%d,"type":"snapshot","data":[{"i":"1","T":%d,"p":"%s","v":"1","S":"Auction","seq":1,"s":"%s","BT":false,"RPI":false}]}`,
			b.wire(p), ms(b.v.stamp(p.last)), ms(b.v.stamp(p.last)), b.px(p, p.book.bids[0].px), b.wire(p))
	}
	return []byte(`{"topic":"somethingNew.BTCUSDT","ts":1,"type":"snapshot","data":{"value":"1"}}`)
}

func (b *bybit) farewell(*conn) time.Duration { return 0 }
