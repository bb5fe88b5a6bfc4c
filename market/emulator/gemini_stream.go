package emulator

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/assayhq/assay/market"
)

// greet sends the whole book as the first change of it, where the connection asked for it,
// and a first mark and funding.
func (x *gemini) greet(c *conn, t *topic) {
	m := &message{place: t.place, topic: t.name, symbol: t.p.symbol}
	switch {
	case t.place == "status":
		m.data = x.status(t, time.Now())
	case t.place == "quotes":
		t.shown, t.shownAsk = t.p.book.bids[0], t.p.book.asks[0]
		m.data = x.best(t.p, time.Now())
	case t.place != "book" || t.data == "partial":
		return
	default:
		if t.seq == 0 {
			t.seq = x.number()
			t.p.truth.mark(t.seq)
		}
		n := x.wanted(c)
		if n < 0 {
			return
		}
		d := t.snapshot()
		d.bids, d.asks, d.prev = first(d.bids, n), first(d.asks, n), d.seq
		m.d, m.seq = d, d.seq
		m.render = func(d *delta) []byte { return x.change(t.p, d) }
		m.data = m.render(d)
	}
	c.emit(m)
}

func (x *gemini) happen(t *topic, e *event) {
	switch {
	case t.data == "v2":
		x.happenV2(t, e)
	case t.place == "trades":
		for i := range e.trades {
			y := &e.trades[i]
			x.v.cast(t, &message{seq: uint64(y.id), data: fmt.Appendf(nil, `{"E":%d,"s":"%s","t":%d,"p":"%s","q":"%s","m":%t}`,
				x.v.stamp(y.at).UnixNano(), t.p.symbol, y.id, fixedText(y.px, t.p.pd), fixedText(y.qty, t.p.qd), y.sell)})
		}
	case t.place == "quotes":
		if bid, ask := t.p.book.bids[0], t.p.book.asks[0]; bid != t.shown || ask != t.shownAsk {
			t.shown, t.shownAsk = bid, ask
			x.v.cast(t, &message{data: x.best(t.p, e.at)})
		}
	}
}

func (x *gemini) beat(t *topic, at time.Time) {
	switch {
	case t.place == "status":
		x.v.cast(t, &message{data: x.status(t, at)})
	case t.data == "partial":
		top := t.p.book.top(t.depth)
		x.v.cast(t, &message{data: fmt.Appendf(nil, `{"lastUpdateId":%d,"symbol":"%s","bids":%s,"asks":%s}`, x.number(), t.p.symbol, rows(nil, top.bids, x.rung(t.p)), rows(nil, top.asks, x.rung(t.p)))})
	default:
		d := t.delta()
		if d == nil {
			return
		}
		if t.seq == 0 {
			t.seq = x.number()
		}
		// A change begins with the last number of the one before.
		d.prev, d.seq = t.seq, x.number()
		t.seq = d.seq
		t.p.truth.mark(d.seq)
		x.v.castBook(t, d, func(d *delta) []byte { return x.change(t.p, d) })
	}
}

func (x *gemini) rung(p *pit) func(b []byte, r rung) []byte {
	return func(b []byte, r rung) []byte {
		b = append(fixed(append(b, '[', '"'), r.px, p.pd), '"', ',', '"')
		return append(fixed(b, r.qty, p.qd), '"', ']')
	}
}

func (x *gemini) change(p *pit, d *delta) []byte {
	b := fmt.Appendf(nil, `{"e":"depthUpdate","E":%d,"s":"%s","U":%d,"u":%d,"b":`, x.v.stamp(d.at).UnixNano(), p.symbol, d.prev, d.seq)
	b = rows(b, d.bids, x.rung(p))
	b = rows(append(b, `,"a":`...), d.asks, x.rung(p))
	return append(b, '}')
}

func (x *gemini) best(p *pit, at time.Time) []byte {
	bid, ask := p.book.bids[0], p.book.asks[0]
	return fmt.Appendf(nil, `{"u":%d,"E":%d,"s":"%s","b":"%s","B":"%s","a":"%s","A":"%s"}`, x.number(), x.v.stamp(at).UnixNano(), p.symbol,
		fixedText(bid.px, p.pd), fixedText(bid.qty, p.qd), fixedText(ask.px, p.pd), fixedText(ask.qty, p.qd))
}

// prices of a perpetual: the index is the fair price of the world, the mark where its
// makers are, and the funding of an hour is a part of what lies between.
func (x *gemini) prices(p *pit, at time.Time) (mark, index, funding float64) {
	index, mark = x.v.world.Fair(market.NewPair(p.pair.Base(), p.pair.Quote()), at), p.mid(at)
	return mark, index, (mark - index) / 24
}

// status is a mark, whose i is the index on another scale, or the funding of the hour.
func (x *gemini) status(t *topic, at time.Time) []byte {
	mark, index, funding := x.prices(t.p, at)
	e := x.v.stamp(at).UnixNano()
	if t.name == "markprice" {
		return fmt.Appendf(nil, `{"e":"markPrice","E":%d,"s":"%s","p":"%s","i":"%s"}`, e, t.p.symbol, decimals(mark, 3), decimals(index*100, 3))
	}
	due := at.UTC().Truncate(time.Hour).Add(time.Hour)
	return fmt.Appendf(nil, `{"e":"fundingAmount","E":%d,"s":"%s","T":%d,"i":60,"f":"%s","r":"%s","p":"%s","R":false}`, e, t.p.symbol, due.UnixNano(), decimals(funding, 5), decimals(funding/mark*100, 5), decimals(mark, 3))
}

// receiveV2 reads {"type":"subscribe","subscriptions":[{"name":"l2","symbols":[…]}]}.
func (x *gemini) receiveV2(c *conn, text []byte) {
	var w struct {
		Type          string
		Subscriptions []struct {
			Name    string
			Symbols []string
		}
	}
	if json.Unmarshal(text, &w) != nil || w.Type != "subscribe" && w.Type != "unsubscribe" {
		c.say("ack", []byte(`{"result":"error","reason":"InvalidJson"}`))
		return
	}
	for _, s := range w.Subscriptions {
		for _, symbol := range s.Symbols {
			p := x.v.symbols[strings.ToLower(symbol)]
			if p == nil || symbol != strings.ToUpper(symbol) {
				c.say("ack", []byte(`{"result":"error","reason":"NoValidTradingPairs"}`))
				continue
			}
			for _, place := range []string{"book", "trades"} {
				key := "v2 " + place + " " + symbol
				switch {
				case s.Name != "l2":
				case w.Type == "unsubscribe":
					x.v.leave(c, key)
				default:
					t, fresh := x.v.join(c, key, func() *topic { return &topic{name: "l2", place: place, p: p, data: "v2"} })
					if fresh && place == "book" {
						x.begin(c, t)
					}
				}
			}
		}
	}
}

func (x *gemini) upper(p *pit) string { return strings.ToUpper(p.symbol) }

// changes lists the levels of both sides; a size of nothing is 0.0.
func (x *gemini) changes(p *pit, d *delta) string {
	var out []string
	for i, side := range [][]rung{d.bids, d.asks} {
		for _, r := range side {
			qty := plainText(r.qty, p.qd)
			if !strings.Contains(qty, ".") {
				qty += ".0"
			}
			out = append(out, fmt.Sprintf(`[%q,"%s","%s"]`, [...]string{"buy", "sell"}[i], fixedText(r.px, p.pd), qty))
		}
	}
	return "[" + strings.Join(out, ",") + "]"
}

func (x *gemini) tradeV2(p *pit, t *trade) string {
	side := "buy"
	if t.sell {
		side = "sell"
	}
	return fmt.Sprintf(`{"type":"trade","symbol":"%s","event_id":%d,"tid":%d,"timestamp":%d,"price":"%s","quantity":"%s","side":%q}`, x.upper(p), t.id+7, t.id, ms(x.v.stamp(t.at)), fixedText(t.px, p.pd), plainText(t.qty, p.qd), side)
}

// begin sends the first message of a symbol: the whole book and the last trades.
func (x *gemini) begin(c *conn, t *topic) {
	var trades []string
	for _, y := range t.p.tape.recent(50) {
		trades = append(trades, x.tradeV2(t.p, &y))
	}
	d := t.snapshot()
	render := func(d *delta) []byte {
		return fmt.Appendf(nil, `{"auction_events":[],"changes":%s,"symbol":"%s","trades":[%s],"type":"l2_updates"}`, x.changes(t.p, d), x.upper(t.p), strings.Join(trades, ","))
	}
	c.emit(&message{place: t.place, topic: t.name, symbol: t.p.symbol, d: d, render: render, data: render(d)})
}

func (x *gemini) happenV2(t *topic, e *event) {
	if t.place == "trades" {
		for _, y := range slices.Clone(e.trades) {
			x.v.cast(t, &message{seq: uint64(y.id), data: []byte(x.tradeV2(t.p, &y))})
		}
		return
	}
	if d := t.delta(); d != nil {
		x.v.castBook(t, d, func(d *delta) []byte {
			return fmt.Appendf(nil, `{"changes":%s,"symbol":"%s","type":"l2_updates"}`, x.changes(t.p, d), x.upper(t.p))
		})
	}
}
