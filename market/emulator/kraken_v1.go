package emulator

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"
)

// krakenV1 is a connection that speaks the old version: arrays with a channel number in
// front, texts for numbers, XBT for BTC.
type krakenV1 struct {
	k *kraken
	c *conn
}

// v1Name spells a pair as version 1 does.
func v1Name(l *listing) string { return krakenAsset(l.base()) + "/" + krakenAsset(l.quote()) }

func (s *krakenV1) pit(name string) *pit {
	for _, p := range s.k.v.pits {
		if v1Name(p.listing) == name {
			return p
		}
	}
	return nil
}

func (s *krakenV1) receive(text []byte) {
	var w struct {
		Event        string          `json:"event"`
		Pair         []string        `json:"pair"`
		ID           json.RawMessage `json:"reqid"`
		Subscription struct {
			Name     string `json:"name"`
			Depth    int    `json:"depth"`
			Interval int    `json:"interval"`
		} `json:"subscription"`
	}
	id := ""
	if json.Unmarshal(text, &w) == nil && len(w.ID) > 0 {
		id = `,"reqid":` + string(w.ID)
	}
	sub := w.Subscription
	switch w.Event {
	case "ping":
		s.c.say("ack", fmt.Appendf(nil, `{"event":"pong"%s}`, id))
		return
	case "subscribe", "unsubscribe":
	default:
		s.c.say("ack", fmt.Appendf(nil, `{"errorMessage":"Malformed request","event":"error"%s}`, id))
		return
	}
	for _, pair := range w.Pair {
		channel, extra := sub.Name, ""
		switch sub.Name {
		case "book":
			if sub.Depth == 0 {
				sub.Depth = 10
			}
			channel, extra = fmt.Sprintf("book-%d", sub.Depth), fmt.Sprintf(`"depth":%d,`, sub.Depth)
		case "ohlc":
			sub.Interval = max(sub.Interval, 1)
			channel, extra = fmt.Sprintf("ohlc-%d", sub.Interval), fmt.Sprintf(`"interval":%d,`, sub.Interval)
		}
		p := s.pit(pair)
		fail := ""
		switch {
		case !contains([]string{"book", "trade", "ticker", "spread", "ohlc"}, sub.Name):
			fail = "Subscription name invalid"
		case sub.Name == "book" && !contains([]int{10, 25, 100, 500, 1000}, sub.Depth):
			fail = "Subscription depth not supported"
		case sub.Name == "ohlc" && krakenInterval(sub.Interval) == "":
			fail = "Subscription ohlc interval not supported"
		case p == nil:
			fail = "Currency pair not supported " + pair
		}
		if fail == "" && w.Event == "subscribe" {
			switch s.k.v.faults.subscription(s.c, channel, p.symbol) {
			case NoAck:
				continue
			case Refuse:
				fail = "Exceeded msg rate"
			}
		}
		if fail != "" {
			s.c.say("ack", fmt.Appendf(nil, `{"errorMessage":%q,"event":"subscriptionStatus","pair":%q%s,"status":"error","subscription":{%s"name":%q}}`, fail, pair, id, extra, sub.Name))
			continue
		}
		key := "v1 " + channel + " " + pair
		status := "subscribed"
		if w.Event == "unsubscribe" {
			s.k.v.leave(s.c, key)
			status = "unsubscribed"
		}
		s.c.say("ack", fmt.Appendf(nil, `{"channelID":%d,"channelName":"%s","event":"subscriptionStatus","pair":"%s"%s,"status":"%s","subscription":{%s"name":"%s"}}`,
			s.k.channelID(p, channel), channel, pair, id, status, extra, sub.Name))
		if status == "subscribed" {
			t, _ := s.k.v.join(s.c, key, func() *topic {
				t := &topic{name: channel, p: p, data: "v1", depth: sub.Depth, place: map[string]string{"book": "book", "trade": "trades", "ohlc": "candles"}[sub.Name]}
				if t.place == "" {
					t.place = "quotes"
				}
				if sub.Name == "ohlc" {
					t.interval = krakenInterval(sub.Interval)
				}
				return t
			})
			s.k.greetV1(s.c, t)
		}
	}
}

// channelID numbers a channel of a pair; the same for every connection.
func (k *kraken) channelID(p *pit, channel string) uint64 {
	return uint64(p.index)*16 + 100 + label(channel)%16
}

// greetV1 sends what a new subscriber gets first.
func (k *kraken) greetV1(c *conn, t *topic) {
	m := &message{place: t.place, topic: t.name, symbol: t.p.symbol}
	switch {
	case t.place == "book":
		m.d = t.snapshot()
		m.render = func(d *delta) []byte { return k.bookV1(t, d) }
		m.data = m.render(m.d)
	case t.place == "trades":
		m.data = k.tradesV1(t, t.p.tape.recent(50))
	case t.name == "ticker":
		m.data = k.tickerV1(t, time.Now())
	default:
		return
	}
	c.emit(m)
}

func (k *kraken) happenV1(t *topic, e *event) {
	bid, ask := t.p.book.bids[0], t.p.book.asks[0]
	moved := bid != t.shown || ask != t.shownAsk
	t.shown, t.shownAsk = bid, ask
	switch {
	case t.place == "book":
		if d := krakenDelta(t); d != nil {
			k.v.castBook(t, d, func(d *delta) []byte { return k.bookV1(t, d) })
		}
	case t.place == "trades":
		if len(e.trades) > 0 {
			k.v.cast(t, &message{seq: uint64(e.trades[0].id), data: k.tradesV1(t, e.trades)})
		}
	case t.name == "ticker":
		if len(e.trades) > 0 {
			k.v.cast(t, &message{data: k.tickerV1(t, e.at)})
		}
	case t.name == "spread":
		if moved {
			k.v.cast(t, &message{data: fmt.Appendf(nil, `[%d,["%s","%s","%s","%s","%s"],"spread","%s"]`, k.channelID(t.p, t.name), k.pxV1(t.p, bid.px), k.pxV1(t.p, ask.px),
				seconds(k.v.stamp(e.at)), fixedText(bid.qty, t.p.qd), fixedText(ask.qty, t.p.qd), v1Name(t.p.listing))})
		}
	case t.interval != "":
		if b, ok := t.p.tape.current(t.interval, 0, e.at); ok && len(e.trades) > 0 {
			k.v.cast(t, &message{data: fmt.Appendf(nil, `[%d,["%s","%s","%s","%s","%s","%s","%s","%s",%d],"%s","%s"]`, k.channelID(t.p, t.name), seconds(k.v.stamp(e.at)), seconds(t.interval.Next(b.open)),
				k.pxV1(t.p, b.o), k.pxV1(t.p, b.h), k.pxV1(t.p, b.l), k.pxV1(t.p, b.c), k.pxV1(t.p, b.quote.over(b.vol)), fixedText(b.vol, t.p.qd), b.n, t.name, v1Name(t.p.listing))})
		}
	}
}

// decimalsV1 is how many decimals a price text of version 1 has: at least five.
func decimalsV1(p *pit) int { return max(p.pd, 5) }

func (k *kraken) pxV1(p *pit, n int64) string { return longer(n, p.pd, decimalsV1(p)) }

func (k *kraken) bookV1(t *topic, d *delta) []byte {
	p, at := t.p, seconds(k.v.stamp(d.at))
	rung := func(b []byte, r rung) []byte {
		return fmt.Appendf(b, `["%s","%s","%s"]`, k.pxV1(p, r.px), fixedText(r.qty, p.qd), at)
	}
	b := fmt.Appendf(nil, `[%d,`, k.channelID(p, t.name))
	sum := krakenSum(d, int64(math.Pow10(decimalsV1(p)-p.pd)))
	switch {
	case d.snapshot:
		b = rows(append(b, `{"as":`...), d.asks, rung)
		b = append(rows(append(b, `,"bs":`...), d.bids, rung), '}')
	case len(d.asks) > 0 && len(d.bids) > 0:
		b = append(rows(append(b, `{"a":`...), d.asks, rung), `},{"b":`...)
		b = fmt.Appendf(rows(b, d.bids, rung), `,"c":"%d"}`, sum)
	case len(d.asks) > 0:
		b = fmt.Appendf(rows(append(b, `{"a":`...), d.asks, rung), `,"c":"%d"}`, sum)
	default:
		b = fmt.Appendf(rows(append(b, `{"b":`...), d.bids, rung), `,"c":"%d"}`, sum)
	}
	return fmt.Appendf(b, `,"%s","%s"]`, t.name, v1Name(p.listing))
}

func (k *kraken) tradesV1(t *topic, xs []trade) []byte {
	var out []string
	for _, x := range xs {
		side := "b"
		if x.sell {
			side = "s"
		}
		out = append(out, fmt.Sprintf(`["%s","%s","%s","%s","m",""]`, k.pxV1(t.p, x.px), fixedText(x.qty, t.p.qd), seconds(k.v.stamp(x.at)), side))
	}
	return fmt.Appendf(nil, `[%d,[%s],"trade","%s"]`, k.channelID(t.p, t.name), strings.Join(out, ","), v1Name(t.p.listing))
}

func (k *kraken) tickerV1(t *topic, at time.Time) []byte {
	return fmt.Appendf(nil, `[%d,%s,"ticker","%s"]`, k.channelID(t.p, t.name), k.ticker24(t.p, at, false), v1Name(t.p.listing))
}

// ticker24 is the ticker object of version 1 and of REST, which quotes whole lots and
// tells one opening price.
func (k *kraken) ticker24(p *pit, at time.Time, rest bool) string {
	day, last, today := p.tape.day(at), p.tape.lastTrade(), bar{}
	if bars := p.tape.spans("1d", 0, at.UTC().Truncate(24*time.Hour), at, false); len(bars) > 0 {
		today = bars[0]
	}
	bid, ask := p.book.bids[0], p.book.asks[0]
	lots := func(r rung) string {
		s := itoa(r.qty / int64(math.Pow10(p.qd)))
		if rest {
			return `"` + s + `"`
		}
		return s
	}
	px := func(n int64) string { return k.pxV1(p, n) }
	open := fmt.Sprintf(`["%s","%s"]`, px(today.o), px(day.o))
	if rest {
		open = `"` + px(today.o) + `"`
	}
	return fmt.Sprintf(`{"a":["%s",%s,"%s"],"b":["%s",%s,"%s"],"c":["%s","%s"],"v":["%s","%s"],"p":["%s","%s"],"t":[%d,%d],"l":["%s","%s"],"h":["%s","%s"],"o":%s}`,
		px(ask.px), lots(ask), fixedText(ask.qty, p.qd), px(bid.px), lots(bid), fixedText(bid.qty, p.qd), px(last.px), fixedText(last.qty, p.qd),
		fixedText(today.vol, p.qd), fixedText(day.vol, p.qd), px(today.quote.over(today.vol)), px(day.quote.over(day.vol)), today.n, day.n,
		px(today.l), px(day.l), px(today.h), px(day.h), open)
}
