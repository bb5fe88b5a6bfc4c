package emulator

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

func (b *binance) happen(t *topic, e *event) {
	_, kind, _ := strings.Cut(t.name, "@")
	if b.futures() {
		b.futuresHappen(t, kind, e)
		return
	}
	switch kind {
	case "trade", "aggTrade":
		for _, x := range e.trades {
			b.v.cast(t, &message{seq: uint64(x.id), data: b.trade(t, &x, kind == "trade")})
		}
	case "bookTicker":
		if bid, ask := t.p.book.bids[0], t.p.book.asks[0]; bid != t.shown || ask != t.shownAsk {
			t.shown, t.shownAsk = bid, ask
			b.v.cast(t, &message{seq: t.p.updates, data: fmt.Appendf(nil, `{"u":%d,"s":"%s","b":"%s","B":"%s","a":"%s","A":"%s"}`,
				t.p.updates, t.p.symbol, b.px(t.p, bid.px), b.qty(t.p, bid.qty), b.px(t.p, ask.px), b.qty(t.p, ask.qty))})
		}
	}
	if t.interval != "" && len(e.trades) > 0 {
		b.close(t, e.at)
	}
}

func (b *binance) trade(t *topic, x *trade, single bool) []byte {
	at, px, qty := ms(b.v.stamp(x.at)), b.px(t.p, x.px), b.qty(t.p, x.qty)
	if single {
		return fmt.Appendf(nil, `{"e":"trade","E":%d,"s":"%s","t":%d,"p":"%s","q":"%s","T":%d,"m":%t,"M":true}`, at, t.p.symbol, x.id, px, qty, at, x.sell)
	}
	return fmt.Appendf(nil, `{"e":"aggTrade","E":%d,"s":"%s","a":%d,"p":"%s","q":"%s","f":%d,"l":%d,"T":%d,"m":%t,"M":true}`,
		at, t.p.symbol, x.id-binanceAggregate, px, qty, x.id, x.id, at, x.sell)
}

// binanceAggregate is what trade ids are ahead of aggregate ids.
const binanceAggregate = 40_000_000

// px and qty have eight decimals on spot, and those of the contract on futures, where
// inverse ones are counted.
func (b *binance) px(p *pit, n int64) string {
	if b.futures() {
		return fixedText(n, p.pd)
	}
	return longer(n, p.pd, 8)
}

func (b *binance) qty(p *pit, n int64) string {
	if b.futures() {
		return fixedText(n/p.lot, p.qd)
	}
	return longer(n, p.qd, 8)
}

func (b *binance) rung(p *pit) func(x []byte, r rung) []byte {
	return func(x []byte, r rung) []byte { return fmt.Appendf(x, `["%s","%s"]`, b.px(p, r.px), b.qty(p, r.qty)) }
}

func (b *binance) beat(t *topic, at time.Time) {
	switch {
	case b.futures() && t.place != "candles":
		b.futuresBeat(t, at)
	case t.data == "partial":
		now := t.p.book.top(t.depth)
		if slices.Equal(now.bids, t.sent.bids) && slices.Equal(now.asks, t.sent.asks) {
			return
		}
		t.sent = now
		t.p.truth.mark(t.p.updates)
		d := &delta{snapshot: true, book: now, last: t.p.updates}
		b.v.castBook(t, d, func(d *delta) []byte {
			x := fmt.Appendf(nil, `{"lastUpdateId":%d,"bids":`, d.last)
			x = rows(x, d.book.bids, b.rung(t.p))
			x = append(x, `,"asks":`...)
			return append(rows(x, d.book.asks, b.rung(t.p)), '}')
		})
	case t.place == "book":
		d := t.delta()
		if d == nil {
			return
		}
		t.p.truth.mark(d.last)
		b.v.castBook(t, d, func(d *delta) []byte {
			last := d.last
			if b.v.opt.mutant.standing {
				last = d.first
			}
			x := fmt.Appendf(nil, `{"e":"depthUpdate","E":%d,"s":"%s","U":%d,"u":%d,"b":`, ms(b.v.stamp(at)), t.p.symbol, d.first, last)
			x = rows(x, d.bids, b.rung(t.p))
			x = append(x, `,"a":`...)
			return append(rows(x, d.asks, b.rung(t.p)), '}')
		})
	case t.interval != "":
		b.close(t, at)
		if bar, ok := t.p.tape.current(t.interval, 0, at); ok && (bar.last != t.told || !bar.open.Equal(t.open)) {
			t.told, t.open = bar.last, bar.open
			b.v.cast(t, &message{data: b.kline(t, &bar, at, false)})
		}
	case t.data == "all":
		var all [][]byte
		for _, p := range b.v.pits {
			all = append(all, b.ticker(p, at, true))
		}
		b.v.cast(t, &message{data: append(append([]byte{'['}, bytes.Join(all, []byte{','})...), ']')})
	case strings.HasSuffix(t.name, "@avgPrice"):
		b.v.cast(t, &message{data: fmt.Appendf(nil, `{"e":"avgPrice","E":%d,"s":"%s","i":"5m","w":"%s","T":%d}`, ms(b.v.stamp(at)), t.p.symbol,
			b.px(t.p, t.p.tape.lastTrade().px), ms(b.v.stamp(t.p.tape.lastTrade().at)))})
	default:
		b.v.cast(t, &message{data: b.ticker(t.p, at, strings.HasSuffix(t.name, "@miniTicker"))})
	}
}

// close tells the bar shown last for good, once its time is over.
func (b *binance) close(t *topic, at time.Time) {
	if t.open.IsZero() || t.interval.Next(t.open).After(at) {
		return
	}
	for _, bar := range t.p.tape.spans(t.interval, 0, t.open, t.open, false) {
		b.v.cast(t, &message{data: b.kline(t, &bar, at, true)})
	}
	t.open = time.Time{}
}

func (b *binance) kline(t *topic, k *bar, at time.Time, closed bool) []byte {
	return fmt.Appendf(nil, `{"e":"kline","E":%d,"s":"%s","k":{"t":%d,"T":%d,"s":"%s","i":"%s","f":%d,"L":%d,"o":"%s","c":"%s","h":"%s","l":"%s","v":"%s","n":%d,"x":%t,"q":"%s","V":"%s","Q":"%s","B":"0"}}`,
		ms(b.v.stamp(at)), t.p.symbol, ms(k.open), ms(t.interval.Next(k.open))-1, t.p.symbol, t.interval, k.first, k.last,
		b.px(t.p, k.o), b.px(t.p, k.c), b.px(t.p, k.h), b.px(t.p, k.l), b.qty(t.p, k.vol), k.n, closed,
		b.paid(t.p, k.quote, k.vol, k.c), b.qty(t.p, k.buy), b.paid(t.p, k.paid, k.buy, k.c))
}

func (b *binance) ticker(p *pit, at time.Time, mini bool) []byte {
	day, last, now := p.tape.day(at), p.tape.lastTrade(), ms(b.v.stamp(at))
	if mini {
		return fmt.Appendf(nil, `{"e":"24hrMiniTicker","E":%d,"s":"%s","c":"%s","o":"%s","h":"%s","l":"%s","v":"%s","q":"%s"}`,
			now, p.symbol, b.px(p, day.c), b.px(p, day.o), b.px(p, day.h), b.px(p, day.l), b.qty(p, day.vol), day.quote.append(nil, p.pd+p.qd, 8))
	}
	bid, ask := p.book.bids[0], p.book.asks[0]
	return fmt.Appendf(nil, `{"e":"24hrTicker","E":%d,"s":"%s","p":"%s","P":"%s","w":"%s","x":"%s","c":"%s","Q":"%s","b":"%s","B":"%s","a":"%s","A":"%s","o":"%s","h":"%s","l":"%s","v":"%s","q":"%s","O":%d,"C":%d,"F":%d,"L":%d,"n":%d}`,
		now, p.symbol, b.px(p, day.c-day.o), b.percent(&day), b.px(p, day.quote.over(day.vol)), b.px(p, day.o), b.px(p, day.c), b.qty(p, last.qty),
		b.px(p, bid.px), b.qty(p, bid.qty), b.px(p, ask.px), b.qty(p, ask.qty), b.px(p, day.o), b.px(p, day.h), b.px(p, day.l), b.qty(p, day.vol),
		day.quote.append(nil, p.pd+p.qd, 8), now-86400000, now, day.first, day.last, day.n)
}

func (b *binance) percent(day *bar) string {
	if day.o == 0 {
		return "0.000"
	}
	return strconv.FormatFloat((float64(day.c)/float64(day.o)-1)*100, 'f', 3, 64)
}

func (b *binance) strange(enum bool) []byte {
	if enum {
		p := b.v.pits[0]
		return fmt.Appendf(nil, `{"e":"trade","E":%d,"s":"%s","t":%d,"p":"%s","q":"%s","T":%d,"m":"auction","M":true}`,
			ms(b.v.stamp(p.last)), p.symbol, 1, b.px(p, p.book.bids[0].px), b.qty(p, 1), ms(b.v.stamp(p.last)))
	}
	return fmt.Appendf(nil, `{"e":"somethingNew","E":%d,"v":1}`, ms(b.v.stamp(time.Now())))
}

func (b *binance) farewell(c *conn) time.Duration {
	c.say("notice", fmt.Appendf(nil, `{"e":"serverShutdown","E":%d}`, ms(b.v.stamp(time.Now()))))
	return 10 * time.Minute
}
