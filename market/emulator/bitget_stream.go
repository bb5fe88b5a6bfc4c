package emulator

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// greet sends what a subscription begins with.
func (x *bitget) greet(c *conn, t *topic) {
	now := time.Now()
	m := &message{place: t.place, topic: t.name, symbol: t.p.symbol}
	switch {
	case t.place == "book" && t.depth == 0:
		if t.seq == 0 {
			t.seq = x.number(t.p)
			t.p.truth.mark(t.seq)
		}
		m.d, m.seq = t.snapshot(), t.seq
		m.render = func(d *delta) []byte { return x.books(t, d, now) }
		m.data = m.render(m.d)
	case t.place == "book" || t.place == "quotes":
		m.data = x.whole(t, now)
	case t.place == "trades":
		m.data = x.push(t, "snapshot", x.trades(t.p, t.p.tape.recent(50)), now)
	case t.place == "candles":
		shift := bitgetShift(t.interval, "")
		list := t.p.tape.spans(t.interval, shift, t.p.tape.reach(t.interval), now, true)
		m.data = x.push(t, "snapshot", x.klines(t.p, lastN(list, 100)), now)
	case t.place == "tickers":
		m.data = x.push(t, "snapshot", x.ticker(t.p, now), now)
	default:
		return
	}
	c.emit(m)
}

func (x *bitget) happen(t *topic, e *event) {
	if t.place == "trades" && len(e.trades) > 0 {
		x.v.cast(t, &message{seq: uint64(e.trades[0].id), data: x.push(t, "update", x.trades(t.p, e.trades), e.at)})
	}
}

func (x *bitget) beat(t *topic, at time.Time) {
	switch {
	case t.place == "book" && t.depth == 0:
		x.beatBooks(t, at)
	case t.place == "book" || t.place == "quotes":
		now := t.p.book.top(t.depth)
		if !slices.Equal(now.bids, t.sent.bids) || !slices.Equal(now.asks, t.sent.asks) {
			t.sent = now
			x.v.cast(t, &message{seq: x.number(t.p), data: x.whole(t, at)})
		}
	case t.place == "candles":
		x.beatKline(t, at)
	case t.place == "liquidations":
		if rows := x.liquidations(t.data.(bitgetArg).Type, at); rows != "" {
			x.v.cast(t, &message{data: x.push(t, "update", rows, at)})
		}
	default:
		bid, ask := t.p.book.bids[0], t.p.book.asks[0]
		if bid != t.shown || ask != t.shownAsk {
			t.shown, t.shownAsk = bid, ask
			x.v.cast(t, &message{data: x.push(t, "snapshot", x.ticker(t.p, at), at)})
		}
	}
}

// beatBooks sends what changed. After a release numbers may begin anew, with pseq 0.
func (x *bitget) beatBooks(t *topic, at time.Time) {
	reset := x.v.faults.topic(SequenceReset, t)
	if reset {
		x.number(t.p)
		x.bases[t.p] -= 1_000_000_000_000
	}
	d := t.delta()
	if d == nil {
		if reset {
			t.seq = 0
		}
		return
	}
	d.prev, d.seq = t.seq, x.number(t.p)
	if reset {
		d.prev = 0
	}
	t.seq = d.seq
	t.p.truth.mark(d.seq)
	x.v.castBook(t, d, func(d *delta) []byte { return x.books(t, d, at) })
}

func (x *bitget) beatKline(t *topic, at time.Time) {
	shift := bitgetShift(t.interval, "")
	b, ok := t.p.tape.current(t.interval, shift, at)
	if !ok || b.last == t.told {
		return
	}
	if !t.open.IsZero() && t.open.Before(b.open) { // the last word on the bar before
		x.v.cast(t, &message{data: x.push(t, "update", x.klines(t.p, t.p.tape.spans(t.interval, shift, t.open, t.open, false)), at)})
	}
	t.told, t.open = b.last, b.open
	x.v.cast(t, &message{data: x.push(t, "update", x.klines(t.p, []bar{b}), at)})
}

// push wraps rows.
func (x *bitget) push(t *topic, action, rows string, at time.Time) []byte {
	return fmt.Appendf(nil, `{"action":"%s","arg":%s,"data":[%s],"ts":%d}`, action, t.data.(bitgetArg).text(), rows, ms(x.v.stamp(at)))
}

func (x *bitget) rung(p *pit) func(b []byte, r rung) []byte {
	return func(b []byte, r rung) []byte {
		b = append(fixed(append(b, '[', '"'), r.px, p.pd), '"', ',', '"')
		return append(plain(b, r.qty, p.qd), '"', ']')
	}
}

func (x *bitget) sides(p *pit, asks, bids []rung) []byte {
	b := rows([]byte(`"a":`), asks, x.rung(p))
	return rows(append(b, `,"b":`...), bids, x.rung(p))
}

func (x *bitget) books(t *topic, d *delta, at time.Time) []byte {
	action, prev := "update", d.prev
	if d.snapshot {
		action, prev = "snapshot", 0
	}
	return x.push(t, action, fmt.Sprintf(`{%s,"checksum":0,"pseq":%d,"seq":%d,"ts":"%d"}`, x.sides(t.p, d.asks, d.bids), prev, d.seq, ms(x.v.stamp(d.at))), at)
}

// whole is a book of few levels, a snapshot each time.
func (x *bitget) whole(t *topic, at time.Time) []byte {
	book, seq := t.p.book.top(t.depth), x.number(t.p)
	t.p.truth.mark(seq)
	return x.push(t, "snapshot", fmt.Sprintf(`{%s,"checksum":0,"pseq":0,"seq":%d,"ts":"%d"}`, x.sides(t.p, book.asks, book.bids), seq, ms(x.v.stamp(t.p.last))), at)
}

func bitgetSide(t *trade) string {
	if t.sell {
		return "sell"
	}
	return "buy"
}

// trades writes trades of the stream, newest first.
func (x *bitget) trades(p *pit, list []trade) string {
	var out []string
	for _, t := range reversed(list) {
		out = append(out, fmt.Sprintf(`{"p":"%s","S":"%s","T":"%d","v":"%s","i":"%s","L":"%s","isRPI":"no"}`,
			fixedText(t.px, p.pd), bitgetSide(&t), ms(x.v.stamp(t.at)), plainText(t.qty, p.qd), x.tradeID(p, t.id), x.tradeID(p, t.id)))
	}
	return strings.Join(out, ",")
}

func (x *bitget) klines(p *pit, list []bar) string {
	var out []string
	for _, b := range list {
		px := func(n int64) string { return fixedText(n, p.pd) }
		out = append(out, fmt.Sprintf(`{"start":"%d","open":"%s","close":"%s","high":"%s","low":"%s","volume":"%s","turnover":"%s"}`,
			ms(b.open), px(b.o), px(b.c), px(b.h), px(b.l), plainText(b.vol, p.qd), b.quote.append(nil, p.pd+p.qd, min(p.pd+p.qd, 8))))
	}
	return strings.Join(out, ",")
}

// bitgetPaid is how often funding is.
const bitgetPaid = 8 * time.Hour

// numbers is what only contracts have.
func (x *bitget) numbers(p *pit, at time.Time) string {
	c := p
	return fmt.Sprintf(`"indexPrice":"%s","markPrice":"%s","fundingRate":"%s","openInterest":"%s","deliveryTime":"","deliveryStartTime":"","deliveryStatus":""`,
		decimals(c.spot(at), 12), decimals(c.mark(at), p.pd), decimals(c.pays(at, bitgetPaid), 6), fixedText(c.interest(at), p.qd))
}

// day is what every ticker has.
func (x *bitget) day(p *pit, at time.Time) string {
	day, bid, ask := p.tape.day(at), p.book.bids[0], p.book.asks[0]
	px := func(n int64) string { return fixedText(n, p.pd) }
	return fmt.Sprintf(`"highPrice24h":"%s","lowPrice24h":"%s","openPrice24h":"%s","lastPrice":"%s","turnover24h":"%s","volume24h":"%s","bid1Price":"%s","ask1Price":"%s","bid1Size":"%s","ask1Size":"%s","price24hPcnt":"%s"`,
		px(day.h), px(day.l), px(day.o), px(p.tape.lastTrade().px), day.quote.append(nil, p.pd+p.qd, min(p.pd+p.qd, 6)), plainText(day.vol, p.qd),
		px(bid.px), px(ask.px), plainText(bid.qty, p.qd), plainText(ask.qty, p.qd), ratio(day.c, day.o, 5))
}

func (x *bitget) ticker(p *pit, at time.Time) string {
	if !p.perp {
		return "{" + x.day(p, at) + "}"
	}
	next := x.v.stamp(at).Truncate(bitgetPaid).Add(bitgetPaid)
	return fmt.Sprintf(`{%s,%s,"nextFundingTime":"%d"}`, x.day(p, at), x.numbers(p, at), ms(next))
}

// liquidations are rare: at each second a contract of the section may have one, of a
// long position when its price fell in the last minute.
func (x *bitget) liquidations(section string, at time.Time) string {
	var out []string
	for _, p := range x.v.pits {
		r := mix(p.tape.seed, uint64(at.Unix()), 41)
		if !p.perp || x.section(p.listing) != section || r%23 != 0 {
			continue
		}
		side, mark := "sell", p.mark(at)
		if mark < p.mark(at.Add(-time.Minute)) {
			side = "buy"
		}
		out = append(out, fmt.Sprintf(`{"symbol":"%s","side":"%s","price":"%s","amount":"%s","ts":"%d"}`, bitgetName(p.listing), side, fixedText(p.cents(mark), p.pd), fixedText(1+int64(r>>8%5000), p.qd), ms(x.v.stamp(at))))
	}
	return strings.Join(out, ",")
}

func (x *bitget) strange(enum bool) []byte {
	p := x.v.pits[0]
	t := topic{p: p, data: bitgetArg{Type: x.section(p.listing), Topic: "publicTrade", Symbol: bitgetName(p.listing)}}
	if enum {
		return x.push(&t, "update", fmt.Sprintf(`{"p":"%s","S":"auction","T":"%d","v":"1","i":"1","L":"1"}`, fixedText(p.book.bids[0].px, p.pd), ms(x.v.stamp(p.last))), p.last)
	}
	t.data = bitgetArg{Type: x.section(p.listing), Topic: "something-new", Symbol: bitgetName(p.listing)}
	return x.push(&t, "snapshot", `{"value":"1"}`, p.last)
}

func (x *bitget) farewell(*conn) time.Duration { return 0 }
