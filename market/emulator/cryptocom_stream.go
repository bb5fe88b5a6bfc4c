package emulator

import (
	"fmt"
	"strings"
	"time"
)

func (x *cryptocom) happen(t *topic, e *event) {
	if t.place == "trades" && len(e.trades) > 0 {
		x.v.cast(t, &message{seq: uint64(e.trades[0].id), data: x.result(t, "trade", -1, x.trades(t.p, e.trades, false))})
	}
}

func (x *cryptocom) beat(t *topic, at time.Time) {
	switch t.place {
	case "book":
		x.beatBook(t, at)
	case "candles":
		if b, ok := t.p.tape.current(t.interval, 0, at); ok && b.last != t.told {
			x.last(t, b.open, at)
			t.told, t.open = b.last, b.open
			x.v.cast(t, &message{data: x.candle(t, -1, &b, at)})
		}
	case "derivatives":
		kind, _, _ := strings.Cut(t.name, ".")
		x.v.cast(t, &message{data: x.result(t, kind, -1, x.value(t.p, kind, at))})
	default:
		bid, ask := t.p.book.bids[0], t.p.book.asks[0]
		if bid != t.shown || ask != t.shownAsk {
			t.shown, t.shownAsk = bid, ask
			x.v.cast(t, &message{data: x.result(t, "ticker", -1, x.ticker(t.p, at))})
		}
	}
}

// last sends a bar once more when the next has begun, so that nothing of it is missing.
func (x *cryptocom) last(t *topic, next, at time.Time) {
	if t.open.IsZero() || !t.open.Before(next) {
		return
	}
	for _, done := range t.p.tape.spans(t.interval, 0, t.open, t.open, false) {
		x.v.cast(t, &message{data: x.candle(t, -1, &done, at)})
	}
}

// beatBook sends what changed, or every five seconds that nothing did; or the whole.
func (x *cryptocom) beatBook(t *topic, at time.Time) {
	render := func(d *delta) []byte { return x.book(t, d, at) }
	d := t.delta()
	switch {
	case t.data == "whole":
		t.seq = x.number(t.p)
		t.p.truth.mark(t.seq)
		x.v.castBook(t, t.snapshot(), render)
		return
	case d != nil:
	case at.Sub(t.open) >= 5*time.Second && !t.open.IsZero():
		d = &delta{book: t.sent, at: t.sentAt}
	default:
		if t.open.IsZero() {
			t.open = at
		}
		return
	}
	d.prev, d.seq = t.seq, x.number(t.p)
	t.seq, t.open = d.seq, at
	t.p.truth.mark(d.seq)
	x.v.castBook(t, d, render)
}

// result wraps rows: fields come in this order for all channels.
func (x *cryptocom) result(t *topic, channel string, id int64, data string) []byte {
	symbol, extra := t.p.symbol, ""
	switch {
	case channel == "index":
		symbol = strings.TrimSuffix(symbol, "-PERP") + "-INDEX"
	case t.place == "book":
		extra = fmt.Sprintf(`,"depth":%d`, t.depth)
	case t.place == "candles":
		extra = fmt.Sprintf(`,"interval":"%s"`, strings.Split(t.name, ".")[1])
	}
	return fmt.Appendf(nil, `{"id":%d,"method":"subscribe","code":0,"result":{"instrument_name":"%s","subscription":"%s","channel":"%s"%s,"data":[%s]}}`, id, symbol, t.name, channel, extra, data)
}

func (x *cryptocom) rung(p *pit) func(b []byte, r rung) []byte {
	return func(b []byte, r rung) []byte {
		b = append(fixed(append(b, '[', '"'), r.px, p.pd), '"', ',', '"')
		if r.qty == 0 {
			return append(b, `0","0"]`...)
		}
		return fmt.Appendf(fixed(b, r.qty, p.qd), `","%d"]`, 1+r.qty%4)
	}
}

func (x *cryptocom) book(t *topic, d *delta, at time.Time) []byte {
	b := rows([]byte(`"asks":`), d.asks, x.rung(t.p))
	b = rows(append(b, `,"bids":`...), d.bids, x.rung(t.p))
	times := fmt.Sprintf(`"t":%d,"tt":%d,"u":%d`, ms(x.v.stamp(at)), ms(x.v.stamp(d.at)), d.seq)
	sum := int32(uint32(mix(d.seq, uint64(t.depth), 7)))
	if d.snapshot {
		return x.result(t, "book", -1, fmt.Sprintf(`{%s,%s,"cs":%d}`, b, times, sum))
	}
	return x.result(t, "book.update", -1, fmt.Sprintf(`{"update":{%s},%s,"pu":%d,"cs":%d}`, b, times, d.prev, sum))
}

// trades writes trades newest first; only requests tell nanoseconds.
func (x *cryptocom) trades(p *pit, list []trade, nanos bool) string {
	var out []string
	for _, t := range reversed(list) {
		side, tn := "BUY", ""
		if t.sell {
			side = "SELL"
		}
		at := x.v.stamp(t.at)
		if nanos {
			tn = fmt.Sprintf(`,"tn":%d`, at.UnixNano())
		}
		out = append(out, fmt.Sprintf(`{"d":"%s","t":%d%s,"q":"%s","p":"%s","s":"%s","i":"%s","m":"%d"}`, x.tradeID(p, t.id), ms(at), tn, fixedText(t.qty, p.qd), fixedText(t.px, p.pd), side, p.symbol, 4611686018688000000+t.id))
	}
	return strings.Join(out, ",")
}

func (x *cryptocom) ticker(p *pit, at time.Time) string {
	day, last, bid, ask := p.tape.day(at), p.tape.lastTrade(), p.book.bids[0], p.book.asks[0]
	px := func(n int64) string { return fixedText(n, p.pd) }
	interest := "0"
	if p.perp {
		interest = fixedText(p.interest(at), p.qd)
	}
	return fmt.Sprintf(`{"h":"%s","l":"%s","a":"%s","c":"%s","b":"%s","bs":"%s","k":"%s","ks":"%s","i":"%s","v":"%s","vv":"%s","oi":"%s","t":%d}`,
		px(day.h), px(day.l), px(last.px), ratio(day.c, day.o, 4), px(bid.px), fixedText(bid.qty, p.qd), px(ask.px), fixedText(ask.qty, p.qd), p.symbol,
		fixedText(day.vol, p.qd), day.quote.append(nil, p.pd+p.qd, 2), interest, ms(x.v.stamp(at)))
}

func (x *cryptocom) bar(b *bar, p *pit, extra string) string {
	px := func(n int64) string { return fixedText(n, p.pd) }
	return fmt.Sprintf(`{"o":"%s","h":"%s","l":"%s","c":"%s","v":"%s","t":%d%s}`, px(b.o), px(b.h), px(b.l), px(b.c), fixedText(b.vol, p.qd), ms(b.open), extra)
}

func (x *cryptocom) candle(t *topic, id int64, b *bar, at time.Time) []byte {
	return x.result(t, "candlestick", id, x.bar(b, t.p, fmt.Sprintf(`,"ut":%d`, ms(x.v.stamp(at)))))
}

// cryptocomFixed is how long a rate of funding stays; it is paid every hour of it.
const cryptocomFixed = 4 * time.Hour

// value is one row of a contract's numbers, for a whole second.
func (x *cryptocom) value(p *pit, kind string, at time.Time) string {
	c, v := p, ""
	switch at = at.Truncate(time.Second); kind {
	case "index":
		v = decimals(c.spot(at), p.pd+1)
	case "mark":
		v = decimals(c.mark(at), p.pd)
	case "funding":
		v = x.rate(c, at)
	default:
		v = x.rate(c, at.Add(cryptocomFixed))
	}
	return fmt.Sprintf(`{"v":"%s","t":%d}`, v, ms(x.v.stamp(at)))
}

// rate is the hourly rate of the interval that at falls in.
func (x *cryptocom) rate(c *pit, at time.Time) string {
	return decimals(c.pays(at, cryptocomFixed)/cryptocomFixed.Hours(), 9)
}

func (x *cryptocom) strange(enum bool) []byte {
	p := x.v.pits[0]
	if enum {
		return fmt.Appendf(nil, `{"id":-1,"method":"subscribe","code":0,"result":{"instrument_name":"%s","subscription":"trade.%s","channel":"trade","data":[{"d":"1","t":%d,"q":"1","p":"%s","s":"AUCTION","i":"%s","m":"1"}]}}`,
			p.symbol, p.symbol, ms(x.v.stamp(p.last)), fixedText(p.book.bids[0].px, p.pd), p.symbol)
	}
	return fmt.Appendf(nil, `{"id":-1,"method":"subscribe","code":0,"result":{"instrument_name":"%s","subscription":"something-new.%s","channel":"something-new","data":[{"value":"1"}]}}`, p.symbol, p.symbol)
}

func (x *cryptocom) farewell(*conn) time.Duration { return 0 }
