package emulator

import (
	"fmt"
	"hash/crc32"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/assayhq/assay/market"
)

// greet tells a new subscriber how things stand.
func (x *bitfinex) greet(c *conn, t *topic) {
	m := &message{place: t.place, topic: t.name, symbol: t.p.symbol}
	now := time.Now()
	switch t.place {
	case "book":
		m.d = t.snapshot()
		m.d.at = now
		m.render = func(d *delta) []byte { return x.book(t, d) }
		m.data = m.render(m.d)
	case "trades":
		m.data = x.trades(t.p, reversed(t.p.tape.recent(30)))
	case "candles":
		m.data = x.bars(t.p, reversed(lastN(t.p.tape.spans(t.interval, 0, now.Add(-240*t.interval.Length()), now, false), 240)))
	case "quotes":
		t.shown, t.shownAsk = t.p.book.bids[0], t.p.book.asks[0]
		m.data = x.ticker(t.p, now)
	default:
		m.data = x.status(t.p, now)
	}
	c.emit(m)
}

func (x *bitfinex) happen(t *topic, e *event) {
	switch t.place {
	case "trades":
		for i := range e.trades {
			for _, kind := range []string{"te", "tu"} {
				x.v.cast(t, &message{seq: uint64(e.trades[i].id), data: fmt.Appendf(nil, `"%s",%s`, kind, x.trade(t.p, &e.trades[i]))})
			}
		}
	case "candles":
		if b, ok := t.p.tape.current(t.interval, 0, e.at); ok && len(e.trades) > 0 {
			x.v.cast(t, &message{data: x.bar(t.p, &b)})
		}
	}
}

func (x *bitfinex) beat(t *topic, at time.Time) {
	switch t.place {
	case "book":
		if d := t.delta(); d != nil {
			d.at = at
			x.castBook(t, d)
		}
	case "quotes":
		if bid, ask := t.p.book.bids[0], t.p.book.asks[0]; bid != t.shown || ask != t.shownAsk {
			t.shown, t.shownAsk = bid, ask
			x.v.cast(t, &message{data: x.ticker(t.p, at)})
		}
	default:
		x.v.cast(t, &message{data: x.status(t.p, at)})
	}
}

// castBook sends a change level by level, what goes before what comes, and then the
// checksum to those who want it.
func (x *bitfinex) castBook(t *topic, d *delta) {
	each := func(gone bool) {
		for i, side := range [][]rung{d.bids, d.asks} {
			for _, r := range side {
				if gone != (r.qty == 0) {
					continue
				}
				one := &delta{book: d.book, at: d.at}
				if i == 0 {
					one.bids = []rung{r}
				} else {
					one.asks = []rung{r}
				}
				x.v.castBook(t, one, func(d *delta) []byte { return x.level(t.p, d) })
			}
		}
	}
	each(true)
	each(false)
	sum := &delta{book: d.book, at: d.at}
	render := func(d *delta) []byte {
		if len(d.bids) > 0 { // a fault's
			return x.level(t.p, d)
		}
		return fmt.Appendf(nil, `"cs",%d`, x.sum(t.p, d))
	}
	for _, c := range slices.Clone(t.conns) {
		if c.state.(*bitfinexConn).flags&bitfinexSums != 0 {
			c.emit(&message{place: t.place, topic: t.name, symbol: t.p.symbol, d: sum, render: render, data: render(sum)})
		}
	}
}

// num writes n×10^-scale as JavaScript does.
func (x *bitfinex) num(n int64, scale int) string {
	s := plainText(n, scale)
	digits := strings.TrimLeft(strings.TrimPrefix(s, "0."), "0")
	if !strings.HasPrefix(s, "0.000000") || digits == "" {
		return s
	}
	e := len(s) - len("0.") - len(digits) + 1
	if len(digits) > 1 {
		digits = digits[:1] + "." + digits[1:]
	}
	return digits + "e-" + strconv.Itoa(e)
}

func (x *bitfinex) row(p *pit, r rung, ask bool) string {
	sign := ""
	if ask {
		sign = "-"
	}
	if r.qty == 0 {
		return fmt.Sprintf("[%s,0,%s1]", x.num(r.px, p.pd), sign)
	}
	return fmt.Sprintf("[%s,%d,%s%s]", x.num(r.px, p.pd), 1+r.qty%5, sign, x.num(r.qty, p.qd))
}

// level is the one row of a change; nothing but a heartbeat when a fault took it away.
func (x *bitfinex) level(p *pit, d *delta) []byte {
	switch {
	case len(d.bids) > 0:
		return []byte(x.row(p, d.bids[0], false))
	case len(d.asks) > 0:
		return []byte(x.row(p, d.asks[0], true))
	}
	return []byte(`"hb"`)
}

// book is all rows, bids first.
func (x *bitfinex) book(t *topic, d *delta) []byte {
	var out []string
	for _, r := range d.bids {
		out = append(out, x.row(t.p, r, false))
	}
	for _, r := range d.asks {
		out = append(out, x.row(t.p, r, true))
	}
	return []byte("[" + strings.Join(out, ",") + "]")
}

// sum is the signed CRC32 over price and amount of the 25 best levels, bid and ask in
// turn.
func (x *bitfinex) sum(p *pit, d *delta) int32 {
	var parts []string
	for i := range 25 {
		if i < len(d.book.bids) {
			r := d.book.bids[i]
			parts = append(parts, x.num(r.px, p.pd), x.num(r.qty, p.qd))
		}
		if i < len(d.book.asks) {
			r := d.book.asks[i]
			parts = append(parts, x.num(r.px, p.pd), "-"+x.num(r.qty, p.qd))
		}
	}
	sum := crc32.ChecksumIEEE([]byte(strings.Join(parts, ":")))
	if d.spoil {
		sum ^= 0x10101
	}
	return int32(sum)
}

func (x *bitfinex) trade(p *pit, t *trade) string {
	sign := ""
	if t.sell {
		sign = "-"
	}
	return fmt.Sprintf("[%d,%d,%s%s,%s]", t.id, ms(x.v.stamp(t.at)), sign, x.num(t.qty, p.qd), x.num(t.px, p.pd))
}

func (x *bitfinex) trades(p *pit, list []trade) []byte {
	out := make([]string, len(list))
	for i := range list {
		out[i] = x.trade(p, &list[i])
	}
	return []byte("[" + strings.Join(out, ",") + "]")
}

// bar has the close before the high.
func (x *bitfinex) bar(p *pit, b *bar) []byte {
	return fmt.Appendf(nil, "[%d,%s,%s,%s,%s,%s]", ms(b.open), x.num(b.o, p.pd), x.num(b.c, p.pd), x.num(b.h, p.pd), x.num(b.l, p.pd), x.num(b.vol, p.qd))
}

func (x *bitfinex) bars(p *pit, list []bar) []byte {
	out := make([]string, len(list))
	for i := range list {
		out[i] = string(x.bar(p, &list[i]))
	}
	return []byte("[" + strings.Join(out, ",") + "]")
}

// ticker's sizes are those of the 25 best levels together.
func (x *bitfinex) ticker(p *pit, at time.Time) []byte {
	total := func(side []rung) (n int64) {
		for _, r := range first(side, 25) {
			n += r.qty
		}
		return n
	}
	day, last := p.tape.day(at), p.tape.lastTrade()
	change := x.num(max(last.px-day.o, day.o-last.px), p.pd)
	if last.px < day.o {
		change = "-" + change
	}
	return fmt.Appendf(nil, "[%s,%s,%s,%s,%s,%s,%s,%s,%s,%s]", x.num(p.book.bids[0].px, p.pd), x.num(total(p.book.bids), p.qd), x.num(p.book.asks[0].px, p.pd), x.num(total(p.book.asks), p.qd),
		change, ratio(last.px, day.o, 4), x.num(last.px, p.pd), x.num(day.vol, p.qd), x.num(day.h, p.pd), x.num(day.l, p.pd))
}

// status of a perpetual: the index is the fair price of the world, the mark lies where
// its makers are, and the funding is what is between, in parts of a day.
func (x *bitfinex) status(p *pit, at time.Time) []byte {
	fair, mid := x.v.world.Fair(market.NewPair(p.pair.Base(), p.pair.Quote()), at), p.mid(at)
	next := at.UTC().Truncate(8 * time.Hour).Add(8 * time.Hour)
	funding := func(rate float64) string { return strconv.FormatFloat(rate, 'f', 8, 64) }
	rate := (mid/fair - 1) / 3
	open := p.tape.seed%1e11 + 1e11 // 1,000 to 2,000 of base
	return fmt.Appendf(nil, "[%d,null,%s,%s,null,61442700.12,null,%d,%s,%d,null,%s,null,null,%s,null,null,%s,null,null,null,0.0005,0.0025]",
		ms(x.v.stamp(at)), x.num(p.tape.lastTrade().px, p.pd), strconv.FormatFloat(fair, 'f', 4, 64), ms(next), funding(rate), int(at.Sub(next.Add(-8*time.Hour))/time.Minute), funding(rate/2),
		strconv.FormatFloat(mid, 'f', 4, 64), x.num(int64(open), p.qd))
}

func (x *bitfinex) strange(enum bool) []byte {
	if enum {
		return []byte(`{"event":"info","code":29999,"msg":"something new"}`)
	}
	return []byte(`{"event":"something_new","value":1}`)
}
