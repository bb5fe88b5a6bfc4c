package emulator

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

func (b *bybit) happen(t *topic, e *event) {
	if t.place == "trades" && len(e.trades) > 0 {
		b.v.cast(t, &message{seq: uint64(e.trades[0].id), data: b.trades(t, e)})
	}
	if t.place == "liquidations" {
		for i := range e.trades {
			if x := &e.trades[i]; t.p.forced(x) {
				b.v.cast(t, &message{data: b.liquidation(t, x)})
			}
		}
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
		second := t.p.perp && at.Truncate(time.Second).After(t.open)
		if bid != t.shown && t.p.perp || ask != t.shownAsk && t.p.perp || last != t.told || second {
			b.v.cast(t, &message{data: b.tickers(t, at, !t.p.perp)})
			t.shown, t.shownAsk, t.told = bid, ask, last
			if second {
				t.open = at.Truncate(time.Second)
			}
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
		day := p.tape.day(at)
		parts = append(parts, fmt.Sprintf(`"lastPrice":"%s","turnover24h":"%s","volume24h":"%s"`, b.px(p, day.c), day.quote.append(nil, p.pd+p.qd, 4), fixedText(day.vol, p.qd)))
	}
	if at.Truncate(time.Second).After(t.open) { // mark and index every second, the rest when it changes
		x := p.terms(at)
		parts = append(parts, fmt.Sprintf(`"markPrice":"%s","indexPrice":"%s"`, decimals(x.mark, p.pd), decimals(x.index, p.pd)))
		if at.Truncate(time.Minute).After(t.open) {
			rate, due := p.due(b.v.stamp(at), eight)
			parts = append(parts, fmt.Sprintf(`"openInterest":"%s","openInterestValue":"%s","nextFundingTime":"%d","fundingRate":"%s"`, decimals(x.interest, p.qd), decimals(x.interest*x.mark, 4), ms(due), decimals(rate, 8)))
		}
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
	x := p.terms(at)
	rate, due := p.due(b.v.stamp(at), eight)
	return fmt.Sprintf(`"prevPrice1h":"%s","markPrice":"%s","indexPrice":"%s","openInterest":"%s","openInterestValue":"%s","fundingIntervalHour":"8","nextFundingTime":"%d","fundingRate":"%s"`,
		b.px(p, p.tape.lastTrade().px), decimals(x.mark, p.pd), decimals(x.index, p.pd), decimals(x.interest, p.qd), decimals(x.interest*x.mark, 4), ms(due), decimals(rate, 8))
}

// liquidation names the side of the position that was closed: a taker that sold closed a
// long one, which is Buy.
func (b *bybit) liquidation(t *topic, x *trade) []byte {
	side, at := "Sell", ms(b.v.stamp(x.at))
	if x.sell {
		side = "Buy"
	}
	return fmt.Appendf(nil, `{"topic":"%s","type":"snapshot","ts":%d,"data":[{"T":%d,"s":"%s","S":"%s","v":"%s","p":"%s"}]}`, t.name, at, at, b.wire(t.p), side, b.qty(t.p, x.qty), b.px(t.p, x.px))
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
