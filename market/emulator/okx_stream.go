package emulator

import (
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"time"
)

func (o *okx) happen(t *topic, e *event) {
	if t.place == "liquidations" {
		for i := range e.trades {
			if x := &e.trades[i]; t.p.forced(x) {
				o.v.cast(t, &message{data: o.liquidation(t.p, x)})
			}
		}
	}
	if t.place == "trades" {
		for i := range e.trades {
			o.v.cast(t, &message{seq: uint64(e.trades[i].id), data: o.trade(t, &e.trades[i])})
		}
	}
}

func (o *okx) beat(t *topic, at time.Time) {
	switch {
	case t.place == "derivatives":
		o.v.cast(t, &message{data: o.terms(t, at)})
	case t.name == "books":
		o.beatBooks(t, at)
	case t.data == "whole":
		now := t.p.book.top(t.depth)
		if !slices.Equal(now.bids, t.sent.bids) || !slices.Equal(now.asks, t.sent.asks) {
			t.sent = now
			o.v.cast(t, &message{seq: o.number(t.p), data: o.whole(t)})
		}
	case t.place == "candles":
		o.beatCandle(t, at)
	default:
		bid, ask := t.p.book.bids[0], t.p.book.asks[0]
		if bid != t.shown || ask != t.shownAsk {
			t.shown, t.shownAsk = bid, ask
			o.v.cast(t, &message{data: o.tickers(t, at)})
		}
	}
}

func (o *okx) beatBooks(t *topic, at time.Time) {
	if o.v.faults.topic(SequenceReset, t) {
		o.bases[t.p] -= 1_000_000_000
	}
	if d := t.delta(); d != nil {
		d.prev, d.seq = t.seq, o.number(t.p)
		t.seq = d.seq
		t.p.truth.mark(d.seq)
		o.v.castBook(t, d, func(d *delta) []byte { return o.books(t, d) })
	}
	if t.open.IsZero() {
		t.open = at
	}
	if at.Sub(t.open) >= time.Minute { // the empty update that shows the book lives
		t.open = at
		d := &delta{book: t.sent, prev: t.seq, seq: t.seq, at: at}
		o.v.castBook(t, d, func(d *delta) []byte { return o.books(t, d) })
	}
}

func (o *okx) beatCandle(t *topic, at time.Time) {
	shift := okxShift(t.name)
	b, ok := t.p.tape.current(t.interval, shift, at)
	if !t.open.IsZero() && (!ok || !b.open.Equal(t.open)) && !t.interval.Next(t.open.Add(shift)).Add(-shift).After(at) {
		for _, done := range t.p.tape.spans(t.interval, shift, t.open, t.open, false) {
			o.v.cast(t, &message{data: o.candle(t, &done, true)})
		}
		t.open = time.Time{}
	}
	if ok && b.last != t.told {
		t.told, t.open = b.last, b.open
		o.v.cast(t, &message{data: o.candle(t, &b, false)})
	}
}

func (o *okx) arg(t *topic) string {
	return okxArg{Channel: t.name, InstID: t.p.symbol}.names()
}

func (o *okx) rung(p *pit) func(b []byte, r rung) []byte {
	return func(b []byte, r rung) []byte {
		orders := byte('0')
		if r.qty > 0 {
			orders = byte('1' + r.qty%5)
		}
		b = append(plain(append(b, '[', '"'), r.px, p.pd), '"', ',', '"')
		return append(append(append(b, o.size(p, r.qty)...), `","0","`...), orders, '"', ']')
	}
}

func (o *okx) books(t *topic, d *delta) []byte {
	action, prev := "update", int64(d.prev)
	if d.snapshot {
		action, prev = "snapshot", -1
	}
	b := fmt.Appendf(nil, `{%s,"action":"%s","data":[{"asks":`, o.arg(t), action)
	b = rows(b, d.asks, o.rung(t.p))
	b = rows(append(b, `,"bids":`...), d.bids, o.rung(t.p))
	return fmt.Appendf(b, `,"ts":"%d","checksum":%d,"prevSeqId":%d,"seqId":%d}]}`, ms(o.v.stamp(d.at)), o.sum(t.p, d), prev, d.seq)
}

// sum is the signed CRC32 over bid:size:ask:size:… of the best 25, or 0 as sent since
// August 2026.
func (o *okx) sum(p *pit, d *delta) int32 {
	if !o.v.opt.Checksums {
		return 0
	}
	var parts []string
	for i := range 25 {
		if i < len(d.book.bids) {
			parts = append(parts, plainText(d.book.bids[i].px, p.pd), o.size(p, d.book.bids[i].qty))
		}
		if i < len(d.book.asks) {
			parts = append(parts, plainText(d.book.asks[i].px, p.pd), o.size(p, d.book.asks[i].qty))
		}
	}
	sum := crc32.ChecksumIEEE([]byte(strings.Join(parts, ":")))
	if d.spoil {
		sum ^= 0x10101
	}
	return int32(sum)
}

func (o *okx) whole(t *topic) []byte {
	book, seq := t.p.book.top(t.depth), o.number(t.p)
	t.p.truth.mark(seq)
	b := fmt.Appendf(nil, `{%s,"data":[{"asks":`, o.arg(t))
	b = rows(b, book.asks, o.rung(t.p))
	b = rows(append(b, `,"bids":`...), book.bids, o.rung(t.p))
	inst := ""
	if t.name == "books5" {
		inst = `"instId":"` + t.p.symbol + `",`
	}
	return fmt.Appendf(b, `,%s"ts":"%d","seqId":%d}]}`, inst, ms(o.v.stamp(t.p.last)), seq)
}

func (o *okx) trade(t *topic, x *trade) []byte {
	extra := `,"source":"0"`
	if t.name == "trades" {
		extra = fmt.Sprintf(`,"count":"1","source":"0","seqId":%d`, o.number(t.p))
	}
	return fmt.Appendf(nil, `{%s,"data":[%s]}`, o.arg(t), o.tradeRow(t.p, x, extra))
}

func (o *okx) tradeRow(p *pit, x *trade, extra string) string {
	side := "buy"
	if x.sell {
		side = "sell"
	}
	return fmt.Sprintf(`{"instId":"%s","tradeId":"%d","px":"%s","sz":"%s","side":"%s","ts":"%d"%s}`, p.symbol, x.id, plainText(x.px, p.pd), o.size(p, x.qty), side, ms(o.v.stamp(x.at)), extra)
}

func (o *okx) candle(t *topic, b *bar, done bool) []byte {
	return fmt.Appendf(nil, `{%s,"data":[%s]}`, o.arg(t), o.row(t.p, b, done))
}

func (o *okx) row(p *pit, b *bar, done bool) string {
	confirm := "0"
	if done {
		confirm = "1"
	}
	quote := string(b.quote.append(nil, p.pd+p.qd, min(p.pd+p.qd, 8)))
	coins := quote // on spot; contracts count themselves, then coins
	switch {
	case p.inverse:
		coins, quote = decimals(float64(b.vol)/(float64(b.c)/pow10(p.pd)), 8), itoa(b.vol)
	case p.perp:
		coins = plainText(b.vol, p.qd)
	}
	return fmt.Sprintf(`["%d","%s","%s","%s","%s","%s","%s","%s","%s"]`, ms(b.open), plainText(b.o, p.pd), plainText(b.h, p.pd), plainText(b.l, p.pd), plainText(b.c, p.pd),
		o.size(p, b.vol), coins, quote, confirm)
}

func (o *okx) tickers(t *topic, at time.Time) []byte {
	return fmt.Appendf(nil, `{%s,"data":[%s]}`, o.arg(t), o.ticker(t.p, at))
}

func (o *okx) ticker(p *pit, at time.Time) string {
	day, last := p.tape.day(at), p.tape.lastTrade()
	bid, ask := p.book.bids[0], p.book.asks[0]
	px := func(n int64) string { return plainText(n, p.pd) }
	return fmt.Sprintf(`{"instType":"%s","instId":"%s","last":"%s","lastSz":"%s","askPx":"%s","askSz":"%s","bidPx":"%s","bidSz":"%s","open24h":"%s","high24h":"%s","low24h":"%s","sodUtc0":"%s","sodUtc8":"%s","volCcy24h":"%s","vol24h":"%s","ts":"%d"}`,
		okxKind(p), p.symbol, px(last.px), o.size(p, last.qty), px(ask.px), o.size(p, ask.qty), px(bid.px), o.size(p, bid.qty), px(day.o), px(day.h), px(day.l), px(day.o), px(day.o),
		day.quote.append(nil, p.pd+p.qd, min(p.pd+p.qd, 8)), o.size(p, day.vol), ms(o.v.stamp(at)))
}

func (o *okx) strange(enum bool) []byte {
	if enum {
		p := o.v.pits[0]
		return fmt.Appendf(nil, `{"arg":{"channel":"trades","instId":"%s"},"data":[{"instId":"%s","tradeId":"1","px":"%s","sz":"1","side":"auction","ts":"%d","count":"1"}]}`, p.symbol, p.symbol, plainText(p.book.bids[0].px, p.pd), ms(o.v.stamp(p.last)))
	}
	return []byte(`{"event":"something-new","data":[{"value":"1"}]}`)
}

func (o *okx) farewell(c *conn) time.Duration {
	c.say("notice", fmt.Appendf(nil, `{"event":"notice","code":"64008","msg":"The connection will soon be closed for a service upgrade. Please reconnect.","connId":"%s"}`, c.state.(*okxState).id))
	return time.Minute
}
