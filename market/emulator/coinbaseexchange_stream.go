package emulator

import (
	"fmt"
	"strings"
	"time"
)

func (x *coinbaseExchange) happen(t *topic, e *event) {
	switch t.name {
	case "matches":
		for i := range e.trades {
			seq := x.sequence(t.p, len(e.trades)-1-i)
			x.v.cast(t, &message{seq: seq, data: x.match(t.p, &e.trades[i], "match", seq)})
		}
	case "ticker":
		if len(e.trades) > 0 {
			x.v.cast(t, &message{seq: x.sequence(t.p, 0), data: x.ticker(t.p, e.at)})
		}
	}
}

func (x *coinbaseExchange) beat(t *topic, at time.Time) {
	switch t.name {
	case "level2_batch":
		if d := t.delta(); d != nil {
			x.v.castBook(t, d, func(d *delta) []byte { return x.level2(t, d) })
		}
	case "heartbeat":
		x.v.cast(t, &message{data: fmt.Appendf(nil, `{"type":"heartbeat","last_trade_id":%d,"product_id":"%s","sequence":%d,"time":"%s"}`,
			t.p.tape.next-1, t.p.symbol, x.sequence(t.p, 0), micro(x.v.stamp(at)))})
	case "ticker_batch":
		x.v.cast(t, &message{data: x.ticker(t.p, at)})
	}
}

func (x *coinbaseExchange) level2(t *topic, d *delta) []byte {
	p, when := t.p, micro(x.v.stamp(d.at))
	if d.snapshot {
		rung := func(b []byte, r rung) []byte {
			return fmt.Appendf(b, `["%s","%s"]`, fixedText(r.px, p.pd), longer(r.qty, p.qd, 8))
		}
		return fmt.Appendf(nil, `{"type":"snapshot","product_id":"%s","asks":%s,"bids":%s,"time":"%s"}`, p.symbol, rows(nil, d.asks, rung), rows(nil, d.bids, rung), when)
	}
	var out []string
	for i, side := range [][]rung{d.bids, d.asks} {
		for _, r := range side {
			out = append(out, fmt.Sprintf(`["%s","%s","%s"]`, [...]string{"buy", "sell"}[i], fixedText(r.px, p.pd), longer(r.qty, p.qd, 8)))
		}
	}
	return fmt.Appendf(nil, `{"type":"l2update","product_id":"%s","changes":[%s],"time":"%s"}`, p.symbol, strings.Join(out, ","), when)
}

// order is the made-up id of an order.
func order(p *pit, n int64) string {
	a, b := mix(uint64(n), uint64(p.index), 11), mix(uint64(n), uint64(p.index), 12)
	return fmt.Sprintf("%08x-%04x-4%03x-8%03x-%012x", a>>32, a>>16&0xffff, a&0xfff, b>>52, b&0xffffffffffff)
}

func (x *coinbaseExchange) match(p *pit, t *trade, kind string, seq uint64) []byte {
	return fmt.Appendf(nil, `{"type":"%s","trade_id":%d,"maker_order_id":"%s","taker_order_id":"%s","side":"%s","size":"%s","price":"%s","product_id":"%s","sequence":%d,"time":"%s"}`,
		kind, t.id, order(p, 2*t.id), order(p, 2*t.id+1), makerSide(t, "buy", "sell"), longer(t.qty, p.qd, 8), fixedText(t.px, p.pd), p.symbol, seq, micro(x.v.stamp(t.at)))
}

// ticker tells the taker's side, unlike match.
func (x *coinbaseExchange) ticker(p *pit, at time.Time) []byte {
	day, last := p.tape.day(at), p.tape.lastTrade()
	bid, ask := p.book.bids[0], p.book.asks[0]
	return fmt.Appendf(nil, `{"type":"ticker","sequence":%d,"product_id":"%s","price":"%s","open_24h":"%s","volume_24h":"%s","low_24h":"%s","high_24h":"%s","volume_30d":"%s","best_bid":"%s","best_bid_size":"%s","best_ask":"%s","best_ask_size":"%s","side":"%s","time":"%s","trade_id":%d,"last_size":"%s"}`,
		x.sequence(p, 0), p.symbol, fixedText(last.px, p.pd), fixedText(day.o, p.pd), longer(day.vol, p.qd, 8), fixedText(day.l, p.pd), fixedText(day.h, p.pd), longer(day.vol, p.qd, 8),
		fixedText(bid.px, p.pd), longer(bid.qty, p.qd, 8), fixedText(ask.px, p.pd), longer(ask.qty, p.qd, 8), makerSide(&last, "sell", "buy"), micro(x.v.stamp(last.at)), last.id, longer(last.qty, p.qd, 8))
}

func (x *coinbaseExchange) strange(enum bool) []byte {
	if enum {
		p := x.v.pits[0]
		return fmt.Appendf(nil, `{"type":"match","trade_id":1,"side":"auction","size":"1.00000000","price":"%s","product_id":"%s","sequence":%d,"time":"%s"}`,
			fixedText(p.book.bids[0].px, p.pd), p.symbol, x.sequence(p, 0), micro(x.v.stamp(p.last)))
	}
	return []byte(`{"type":"something_new","value":1}`)
}

func (x *coinbaseExchange) farewell(*conn) time.Duration { return 0 }
