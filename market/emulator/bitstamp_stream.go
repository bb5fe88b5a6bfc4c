package emulator

import (
	"fmt"
	"slices"
	"time"
)

func (x *bitstamp) happen(t *topic, e *event) {
	if t.place == "trades" {
		for i := range e.trades {
			x.v.cast(t, &message{seq: uint64(e.trades[i].id), data: x.trade(t, &e.trades[i])})
		}
	}
}

func (x *bitstamp) beat(t *topic, at time.Time) {
	if t.data == "whole" {
		now := t.p.book.top(t.depth)
		if slices.Equal(now.bids, t.sent.bids) && slices.Equal(now.asks, t.sent.asks) {
			return
		}
		t.sent, t.sentAt = now, t.last
		x.v.castBook(t, t.snapshot(), func(d *delta) []byte { return x.book(t, d) })
		return
	}
	if d := t.delta(); d != nil {
		x.v.castBook(t, d, func(d *delta) []byte { return x.book(t, d) })
	}
}

func (x *bitstamp) rung(p *pit) func(b []byte, r rung) []byte {
	return func(b []byte, r rung) []byte {
		b = append(fixed(append(b, '[', '"'), r.px, p.pd), '"', ',', '"')
		return append(fixed(b, r.qty, p.qd), '"', ']')
	}
}

func (x *bitstamp) book(t *topic, d *delta) []byte {
	at := x.v.stamp(d.at)
	b := fmt.Appendf(nil, `{"data":{"timestamp":"%d","microtimestamp":"%d","bids":`, at.Unix(), us(at))
	b = rows(b, d.bids, x.rung(t.p))
	b = rows(append(b, `,"asks":`...), d.asks, x.rung(t.p))
	return fmt.Appendf(b, `},"channel":"%s","event":"data"}`, t.name)
}

func (x *bitstamp) trade(t *topic, y *trade) []byte {
	at, kind := x.v.stamp(y.at), 0
	if y.sell {
		kind = 1
	}
	return fmt.Appendf(nil, `{"data":{"id":%d,"timestamp":"%d","amount":%s,"amount_str":"%s","price":%s,"price_str":"%s","type":%d,"microtimestamp":"%d","buy_order_id":%d,"sell_order_id":%d},"channel":"%s","event":"trade"}`,
		y.id, at.Unix(), plainText(y.qty, t.p.qd), fixedText(y.qty, t.p.qd), plainText(y.px, t.p.pd), fixedText(y.px, t.p.pd), kind, us(at)/1000*1000,
		1443875737346049+2*y.id, 1443875737346050+2*y.id, t.name)
}

func (x *bitstamp) strange(enum bool) []byte {
	p := x.v.pits[0]
	if enum {
		return fmt.Appendf(nil, `{"data":{"id":1,"timestamp":"%d","amount":1,"amount_str":"1.00000000","price":%s,"price_str":"%s","type":7,"microtimestamp":"%d","buy_order_id":1,"sell_order_id":2},"channel":"live_trades_%s","event":"trade"}`,
			x.v.stamp(p.last).Unix(), fixedText(p.book.bids[0].px, p.pd), fixedText(p.book.bids[0].px, p.pd), us(x.v.stamp(p.last)), p.symbol)
	}
	return []byte(`{"event":"bts:something_new","channel":"","data":{"value":1}}`)
}

func (x *bitstamp) farewell(c *conn) time.Duration {
	c.say("notice", []byte(`{"event":"bts:request_reconnect","channel":"","data":""}`))
	return 10 * time.Second
}
