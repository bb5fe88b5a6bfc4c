package emulator

import (
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// proto writes one protocol buffer.
type proto []byte

// text adds a field of text, also an empty one.
func (p *proto) text(n protowire.Number, s string) {
	*p = protowire.AppendString(protowire.AppendTag(*p, n, protowire.BytesType), s)
}

// number adds a field of a number.
func (p *proto) number(n protowire.Number, x int64) {
	*p = protowire.AppendVarint(protowire.AppendTag(*p, n, protowire.VarintType), uint64(x))
}

// wrap is the message around a body; the numbers of its fields are those of the schema.
func (m *mexc) wrap(t *topic, at time.Time, n protowire.Number, body proto) []byte {
	var p proto
	p.text(1, t.name)
	p.text(3, t.p.symbol)
	p.number(6, ms(m.v.stamp(at)))
	p.text(n, string(body))
	return p
}

func (m *mexc) beat(t *topic, at time.Time) {
	switch t.place {
	case "trades":
		m.deals(t, at)
	case "quotes":
		bid, ask := t.p.book.bids[0], t.p.book.asks[0]
		if bid == t.shown && ask == t.shownAsk {
			return
		}
		t.shown, t.shownAsk = bid, ask
		var p proto
		p.text(1, m.px(t.p, bid.px))
		p.text(2, m.qty(t.p, bid.qty))
		p.text(3, m.px(t.p, ask.px))
		p.text(4, m.qty(t.p, ask.qty))
		p.text(5, itoa(int64(t.p.updates)))
		m.v.cast(t, &message{seq: t.p.updates, data: m.wrap(t, at, 315, p)})
	case "book":
		d := t.delta()
		if d == nil {
			return
		}
		t.p.truth.mark(d.last)
		m.v.castBook(t, d, func(d *delta) []byte { return m.wrap(t, at, 313, m.depth(t.p, d)) })
	case "candles":
		m.v.bars(t, 0, at, func(k *bar) []byte { return m.kline(t, k, at) })
	}
}

// deals tells all that was traded since the last message.
func (m *mexc) deals(t *topic, at time.Time) {
	list := t.p.tape.since(t.told + 1)
	if len(list) == 0 {
		return
	}
	var p proto
	for i := range list {
		x := &list[i]
		t.told = x.id
		side := int64(1)
		if x.sell {
			side = 2
		}
		var one proto
		one.text(1, m.px(t.p, x.px))
		one.text(2, m.qty(t.p, x.qty))
		one.number(3, side)
		one.number(4, ms(m.v.stamp(x.at)))
		one.text(5, mexcTradeID(t.p, x.id))
		p.text(1, string(one))
	}
	p.text(2, "spot@public.aggre.deals.v3.api.pb@100ms")
	m.v.cast(t, &message{seq: uint64(list[0].id), data: m.wrap(t, at, 314, p)})
}

func (m *mexc) depth(pit *pit, d *delta) proto {
	var p proto
	for n, side := range [][]rung{d.asks, d.bids} {
		for _, r := range side {
			var level proto
			level.text(1, m.px(pit, r.px))
			level.text(2, m.qty(pit, r.qty))
			p.text(protowire.Number(n+1), string(level))
		}
	}
	p.text(3, "spot@public.aggre.depth.v3.api.pb@100ms")
	p.text(4, itoa(int64(d.first)))
	p.text(5, itoa(int64(d.last)))
	return p
}

func (m *mexc) kline(t *topic, k *bar, at time.Time) []byte {
	var p proto
	p.text(1, t.data.(string))
	p.number(2, k.open.Unix())
	for i, px := range []int64{k.o, k.c, k.h, k.l} {
		p.text(protowire.Number(3+i), m.px(t.p, px))
	}
	p.text(7, plainText(k.vol, t.p.qd))
	p.text(8, string(k.quote.append(nil, t.p.pd+t.p.qd, 8)))
	p.number(9, t.interval.Next(k.open).Unix())
	return m.wrap(t, at, 308, p)
}

func (m *mexc) px(p *pit, n int64) string { return fixedText(n, p.pd) }

// qty writes a size; the venue removes a level with a bare 0.
func (m *mexc) qty(p *pit, n int64) string {
	if n == 0 {
		return "0"
	}
	return plainText(n, p.qd)
}

func (m *mexc) strange(enum bool) []byte {
	t := &topic{name: "spot@public.aggre.deals.v3.api.pb@100ms@" + m.v.pits[0].symbol, p: m.v.pits[0]}
	if !enum {
		return m.wrap(t, t.p.last, 399, proto("\x0a\x01x"))
	}
	var one, p proto
	one.text(1, m.px(t.p, t.p.book.bids[0].px))
	one.text(2, "1")
	one.number(3, 7)
	one.number(4, ms(m.v.stamp(t.p.last)))
	p.text(1, string(one))
	return m.wrap(t, t.p.last, 314, p)
}
