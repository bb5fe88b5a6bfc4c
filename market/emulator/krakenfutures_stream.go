package emulator

import (
	"fmt"
	"strings"
	"time"
)

// happen: each level that changed is a message of its own, with a number of its own.
func (k *krakenFutures) happen(t *topic, e *event) {
	switch t.place {
	case "book":
		last := t.p.updates
		t.p.truth.mark(last)
		for i, c := range e.changes {
			d := &delta{seq: last - uint64(len(e.changes)-1-i), at: e.at, book: t.p.book.top(10)}
			if c.ask {
				d.asks = []rung{{c.px, c.qty}}
			} else {
				d.bids = []rung{{c.px, c.qty}}
			}
			k.v.castBook(t, d, func(d *delta) []byte { return k.book(t.p, d) })
		}
	case "trades":
		for i := range e.trades {
			k.v.cast(t, &message{seq: uint64(e.trades[i].id), data: k.trade(t.p, &e.trades[i])})
		}
	}
}

func (k *krakenFutures) beat(t *topic, at time.Time) {
	bid, ask, last := t.p.book.bids[0], t.p.book.asks[0], t.p.tape.next
	if bid != t.shown || ask != t.shownAsk || last != t.told {
		t.shown, t.shownAsk, t.told = bid, ask, last
		k.v.cast(t, &message{data: k.ticker(t, at)})
	}
}

func (k *krakenFutures) side(sell bool) string {
	if sell {
		return "sell"
	}
	return "buy"
}

// book writes a snapshot or one level. A fault that took the level away leaves the best
// bid as it is in its place.
func (k *krakenFutures) book(p *pit, d *delta) []byte {
	if d.snapshot {
		rung := func(b []byte, r rung) []byte {
			return fmt.Appendf(b, `{"price":%s,"qty":%s}`, plainText(r.px, p.pd), plainText(r.qty, p.qd))
		}
		b := fmt.Appendf(nil, `{"feed":"book_snapshot","product_id":"%s","timestamp":%d,"seq":%d,"tickSize":null,"bids":`, p.symbol, ms(k.v.stamp(d.at)), d.seq)
		b = append(rows(b, d.bids, rung), `,"asks":`...)
		return append(rows(b, d.asks, rung), '}')
	}
	r, sell := d.book.bids[0], false
	switch {
	case len(d.bids) > 0:
		r = d.bids[0]
	case len(d.asks) > 0:
		r, sell = d.asks[0], true
	}
	return fmt.Appendf(nil, `{"feed":"book","product_id":"%s","side":"%s","seq":%d,"price":%s,"qty":%s,"timestamp":%d}`,
		p.symbol, k.side(sell), d.seq, plainText(r.px, p.pd), plainText(r.qty, p.qd), ms(k.v.stamp(d.at)))
}

func (k *krakenFutures) trade(p *pit, x *trade) []byte {
	kind := "fill"
	if p.forced(x) {
		kind = "liquidation"
	}
	return fmt.Appendf(nil, `{"feed":"trade","product_id":"%s","uid":"%s","side":"%s","type":"%s","seq":%d,"time":%d,"qty":%s,"price":%s}`,
		p.symbol, order(p, x.id), k.side(x.sell), kind, x.id%1e7, ms(k.v.stamp(x.at)), plainText(x.qty, p.qd), plainText(x.px, p.pd))
}

// paid is the funding of an hour as an amount: of the quote for each coin, or of the coin
// for each dollar of an inverse contract.
func (t *terms) paid(inverse bool) float64 {
	if inverse {
		return t.hourly / t.index
	}
	return t.hourly * t.index
}

func (k *krakenFutures) pair(p *pit) string {
	return strings.Replace(p.base(), "BTC", "XBT", 1) + ":" + p.quote()
}

func (k *krakenFutures) ticker(t *topic, at time.Time) []byte {
	p := t.p
	bid, ask, day, x := p.book.bids[0], p.book.asks[0], p.tape.day(at), p.terms(at)
	px := func(n int64) string { return plainText(n, p.pd) }
	if t.name == "ticker_lite" {
		return fmt.Appendf(nil, `{"feed":"ticker_lite","product_id":"%s","bid":%s,"ask":%s,"change":%s,"premium":0.0,"volume":%s,"tag":"perpetual","pair":"%s","dtm":0,"maturityTime":0,"volumeQuote":%s}`,
			p.symbol, px(bid.px), px(ask.px), ratio(day.c, day.o, 9), plainText(day.vol, p.qd), k.pair(p), plainText(day.vol, p.qd))
	}
	hour := at.UTC().Truncate(time.Hour).Add(time.Hour)
	return fmt.Appendf(nil, `{"time":%d,"product_id":"%s","funding_rate":%s,"funding_rate_prediction":%s,"relative_funding_rate":%s,"relative_funding_rate_prediction":%s,"next_funding_rate_time":%d,"feed":"ticker","bid":%s,"ask":%s,"bid_size":%s,"ask_size":%s,"volume":%s,"dtm":0,"leverage":"50x","index":%s,"premium":0.0,"last":%s,"change":%s,"suspended":false,"tag":"perpetual","pair":"%s","openInterest":%s,"markPrice":%s,"maturityTime":0,"post_only":false,"volumeQuote":%s}`,
		ms(k.v.stamp(at)), p.symbol, exponent(x.paid(p.inverse)), exponent(x.paid(p.inverse)), exponent(x.hourly), exponent(x.hourly), ms(hour), px(bid.px), px(ask.px),
		plainText(bid.qty, p.qd), plainText(ask.qty, p.qd), plainText(day.vol, p.qd), decimals(x.index, 2), px(p.tape.lastTrade().px), ratio(day.c, day.o, 9), k.pair(p),
		decimals(x.interest, 4), digits(x.mark), plainText(day.vol, p.qd))
}

func (k *krakenFutures) strange(enum bool) []byte {
	p := k.v.pits[0]
	if enum {
		return fmt.Appendf(nil, `{"feed":"trade","product_id":"%s","uid":"%s","side":"sell","type":"auction","seq":1,"time":%d,"qty":1,"price":%s}`,
			p.symbol, order(p, 1), ms(k.v.stamp(p.last)), plainText(p.book.bids[0].px, p.pd))
	}
	return fmt.Appendf(nil, `{"feed":"something_new","product_id":"%s","value":1}`, p.symbol)
}

func (k *krakenFutures) farewell(*conn) time.Duration { return 0 }
