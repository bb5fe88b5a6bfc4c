package emulator

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

func (k *kucoin) happen(t *topic, e *event) {
	switch t.name {
	case "/market/match", "/contractMarket/execution":
		for i := range e.trades {
			k.v.cast(t, &message{seq: uint64(e.trades[i].id), data: k.trade(t, &e.trades[i])})
		}
	case "/contractMarket/tickerV2":
		if bid, ask := t.p.book.bids[0], t.p.book.asks[0]; bid != t.shown || ask != t.shownAsk {
			t.shown, t.shownAsk = bid, ask
			k.v.cast(t, &message{seq: t.p.updates, data: k.message(t, "tickerV2", fmt.Sprintf(`{"symbol":"%s","sequence":%d,"bestBidSize":%d,"bestBidPrice":"%s","bestAskPrice":"%s","bestAskSize":%d,"ts":%d}`,
				t.p.symbol, t.p.updates, bid.qty, plainText(bid.px, t.p.pd), plainText(ask.px, t.p.pd), ask.qty, k.v.stamp(e.at).UnixNano()))})
		}
	case "/market/level2":
		if len(e.changes) > 0 {
			k.v.cast(t, &message{seq: t.p.updates, data: k.changes(t, e)})
			t.p.truth.mark(t.p.updates)
		}
	case "/contractMarket/level2":
		k.oneByOne(t, e)
	}
}

// message wraps the data of a topic.
func (k *kucoin) message(t *topic, subject, data string) []byte {
	return fmt.Appendf(nil, `{"topic":"%s:%s","type":"message","subject":"%s","data":%s}`, t.name, t.p.symbol, subject, data)
}

func (k *kucoin) trade(t *topic, x *trade) []byte {
	at := k.v.stamp(x.at).UnixNano()
	if k.futures {
		return k.message(t, "match", fmt.Sprintf(`{"symbol":"%s","sequence":%d,"side":"%s","size":%d,"price":"%s","takerOrderId":"%s","makerOrderId":"%s","tradeId":"%d","ts":%d}`,
			t.p.symbol, x.id, k.side(x), x.qty, plainText(x.px, t.p.pd), order(t.p, x.id), order(t.p, -x.id), x.id, at))
	}
	return k.message(t, "trade.l3match", fmt.Sprintf(`{"makerOrderId":"%s","price":"%s","sequence":"%d","side":"%s","size":"%s","symbol":"%s","takerOrderId":"%s","time":"%d","tradeId":"%d","type":"match"}`,
		order(t.p, -x.id), plainText(x.px, t.p.pd), x.id, k.side(x), plainText(x.qty, t.p.qd), t.p.symbol, order(t.p, x.id), at, x.id))
}

func (k *kucoin) side(x *trade) string {
	if x.sell {
		return "sell"
	}
	return "buy"
}

// changes is a difference of spot: every row has a number of its own.
func (k *kucoin) changes(t *topic, e *event) []byte {
	first := t.p.updates - uint64(len(e.changes)) + 1
	side := map[bool][]string{}
	for i, c := range e.changes {
		side[c.ask] = append(side[c.ask], fmt.Sprintf(`["%s","%s","%d"]`, plainText(c.px, t.p.pd), plainText(c.qty, t.p.qd), first+uint64(i)))
	}
	return k.message(t, "trade.l2update", fmt.Sprintf(`{"changes":{"asks":[%s],"bids":[%s]},"sequenceEnd":%d,"sequenceStart":%d,"symbol":"%s","time":%d}`,
		strings.Join(side[true], ","), strings.Join(side[false], ","), t.p.updates, first, t.p.symbol, ms(k.v.stamp(e.at))))
}

// oneByOne sends each change of a contract's book in a message of its own. The true book
// is known after the last of them.
func (k *kucoin) oneByOne(t *topic, e *event) {
	if len(e.changes) == 0 {
		return
	}
	t.p.truth.mark(t.p.updates)
	book := t.p.book.top(5)
	for i, c := range e.changes {
		d := &delta{book: book, seq: t.p.updates - uint64(len(e.changes)) + 1 + uint64(i), at: e.at}
		if c.ask {
			d.asks = []rung{{c.px, c.qty}}
		} else {
			d.bids = []rung{{c.px, c.qty}}
		}
		k.v.castBook(t, d, func(d *delta) []byte {
			text := "0,sell,0" // only the number moves on
			switch {
			case len(d.bids) > 0:
				text = fmt.Sprintf("%s,buy,%d", plainText(d.bids[0].px, t.p.pd), d.bids[0].qty)
			case len(d.asks) > 0:
				text = fmt.Sprintf("%s,sell,%d", plainText(d.asks[0].px, t.p.pd), d.asks[0].qty)
			}
			return k.message(t, "level2", fmt.Sprintf(`{"sequence":%d,"change":"%s","timestamp":%d}`, d.seq, text, ms(k.v.stamp(d.at))))
		})
	}
}

func (k *kucoin) beat(t *topic, at time.Time) {
	switch {
	case t.depth > 0:
		now := t.p.book.top(t.depth)
		if slices.Equal(now.bids, t.sent.bids) && slices.Equal(now.asks, t.sent.asks) && !t.open.IsZero() {
			return
		}
		t.sent, t.open = now, at
		k.v.castBook(t, &delta{snapshot: true, book: now, at: at}, func(d *delta) []byte { return k.whole(t, d) })
	case t.place == "candles":
		k.beatCandle(t, at)
	case t.name == "/contract/instrument":
		c := t.p
		k.v.cast(t, &message{data: k.message(t, "mark.index.price", fmt.Sprintf(`{"symbol":"%s","granularity":1000,"indexPrice":%s,"markPrice":%s,"timestamp":%d}`,
			t.p.symbol, decimals(c.spot(at), t.p.pd+1), decimals(c.mark(at), t.p.pd+1), ms(k.v.stamp(at))))})
		if at.Unix()%60 == 0 {
			k.v.cast(t, &message{data: k.message(t, "funding.rate", fmt.Sprintf(`{"symbol":"%s","granularity":60000,"fundingRate":%s,"timestamp":%d}`, t.p.symbol, decimals(c.pays(at, kucoinPays), 6), ms(k.v.stamp(at))))})
		}
	default:
		k.beatQuote(t, at)
	}
}

// kucoinPays is the time between two payments of funding.
const kucoinPays = 8 * time.Hour

func (k *kucoin) beatQuote(t *topic, at time.Time) {
	bid, ask := t.p.book.bids[0], t.p.book.asks[0]
	if bid == t.shown && ask == t.shownAsk {
		return
	}
	t.shown, t.shownAsk = bid, ask
	px, qty := func(r rung) string { return plainText(r.px, t.p.pd) }, func(r rung) string { return plainText(r.qty, t.p.qd) }
	when := ms(k.v.stamp(at))
	if t.name == "/spotMarket/level1" {
		k.v.cast(t, &message{data: k.message(t, "level1", fmt.Sprintf(`{"asks":["%s","%s"],"bids":["%s","%s"],"timestamp":%d}`, px(ask), qty(ask), px(bid), qty(bid), when))})
		return
	}
	last := t.p.tape.lastTrade()
	k.v.cast(t, &message{data: k.message(t, "trade.ticker", fmt.Sprintf(`{"bestAsk":"%s","bestAskSize":"%s","bestBid":"%s","bestBidSize":"%s","price":"%s","sequence":"%d","size":"%s","time":%d}`,
		px(ask), qty(ask), px(bid), qty(bid), plainText(last.px, t.p.pd), t.p.updates, plainText(last.qty, t.p.qd), when))})
}

// level writes a level: in text on spot, the size of a contract as a number.
func (k *kucoin) level(p *pit) func(b []byte, r rung) []byte {
	return func(b []byte, r rung) []byte {
		if k.futures {
			return fmt.Appendf(b, `["%s",%d]`, plainText(r.px, p.pd), r.qty)
		}
		return fmt.Appendf(b, `["%s","%s"]`, plainText(r.px, p.pd), plainText(r.qty, p.qd))
	}
}

// whole is a book of so many levels. Its time is when it was taken.
func (k *kucoin) whole(t *topic, d *delta) []byte {
	b := rows([]byte(`{"asks":`), d.book.asks, k.level(t.p))
	b = rows(append(b, `,"bids":`...), d.book.bids, k.level(t.p))
	when := ms(k.v.stamp(d.at))
	if k.futures {
		return k.message(t, "level2", string(fmt.Appendf(b, `,"sequence":%d,"timestamp":%d,"ts":%d}`, t.p.updates, when, when)))
	}
	return k.message(t, "level2", string(fmt.Appendf(b, `,"timestamp":%d}`, when)))
}

// beatCandle tells the running bar when it has changed; nothing says that one is over.
func (k *kucoin) beatCandle(t *topic, at time.Time) {
	b, ok := t.p.tape.current(t.interval, 0, at)
	if !ok || b.last == t.told {
		return
	}
	subject := "trade.candles.update"
	if !b.open.Equal(t.open) {
		subject = "trade.candles.add"
	}
	t.told, t.open = b.last, b.open
	name := map[bool]string{true: "min", false: "hour"}
	n, unit := int(t.interval.Length().Minutes()), true
	if t.interval == "1d" {
		n, name[false], unit = 1, "day", false
	} else if n >= 60 {
		n, unit = n/60, false
	}
	k.v.cast(t, &message{data: fmt.Appendf(nil, `{"topic":"%s:%s_%d%s","type":"message","subject":"%s","data":{"symbol":"%s","candles":%s,"time":%d}}`,
		t.name, t.p.symbol, n, name[unit], subject, t.p.symbol, k.candle(t.p, &b), k.v.stamp(at).UnixNano())})
}

// candle is a bar of spot: the close comes before the high.
func (k *kucoin) candle(p *pit, b *bar) string {
	px := func(n int64) string { return plainText(n, p.pd) }
	return fmt.Sprintf(`["%d","%s","%s","%s","%s","%s","%s"]`, b.open.Unix(), px(b.o), px(b.c), px(b.h), px(b.l), plainText(b.vol, p.qd), b.quote.append(nil, p.pd+p.qd, 8))
}

func (k *kucoin) strange(enum bool) []byte {
	p := k.v.pits[0]
	t := &topic{name: "/market/match", p: p}
	if k.futures {
		t.name = "/contractMarket/execution"
	}
	if enum {
		return k.message(t, "match", fmt.Sprintf(`{"symbol":"%s","sequence":"1","side":"auction","size":"1","price":"%s","tradeId":"1","time":"%d"}`, p.symbol, plainText(p.book.bids[0].px, p.pd), k.v.stamp(p.last).UnixNano()))
	}
	t.name = "/market/somethingNew"
	return k.message(t, "new", `{"value":"1"}`)
}
