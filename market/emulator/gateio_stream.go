package emulator

import (
	"fmt"
	"strings"
	"time"
)

func (g *gateio) happen(t *topic, e *event) {
	switch t.name {
	case "trades":
		if len(e.trades) == 0 {
			return
		}
		if g.futures {
			var out []string
			for i := range e.trades {
				out = append(out, g.contractTrade(t, &e.trades[i]))
			}
			g.v.cast(t, &message{seq: uint64(e.trades[0].id), data: g.update(t, e.at, "["+strings.Join(out, ",")+"]")})
			return
		}
		for i := range e.trades {
			g.v.cast(t, &message{seq: uint64(e.trades[i].id), data: g.update(t, e.at, g.trade(t.p, &e.trades[i]))})
		}
	case "book_ticker":
		bid, ask := t.p.book.bids[0], t.p.book.asks[0]
		if bid == t.shown && ask == t.shownAsk {
			return
		}
		t.shown, t.shownAsk = bid, ask
		g.v.cast(t, &message{seq: t.p.updates, data: g.update(t, e.at, fmt.Sprintf(`{"t":%d,"u":%d,"s":"%s","b":"%s","B":%s,"a":"%s","A":%s}`,
			ms(g.v.stamp(e.at)), t.p.updates, t.p.symbol, plainText(bid.px, t.p.pd), g.size(t, bid.qty), plainText(ask.px, t.p.pd), g.size(t, ask.qty)))})
	}
}

// update wraps a result.
func (g *gateio) update(t *topic, at time.Time, result string) []byte {
	return fmt.Appendf(nil, `{%s,"channel":"%s%s","event":"update","result":%s}`, g.now(at), g.prefix(), t.name, result)
}

// size is a size in base, quoted; of a contract the number of contracts, quoted where
// the client asked for decimals.
func (g *gateio) size(t *topic, qty int64) string {
	switch {
	case !g.futures:
		return quoted(plainText(qty, t.p.qd))
	case t.data.(gateioShape).decimal:
		return quoted(itoa(qty))
	}
	return itoa(qty)
}

func (g *gateio) beat(t *topic, at time.Time) {
	switch t.name {
	case "obu", "order_book_update":
		d := t.delta()
		if d == nil {
			if t.name == "order_book_update" || t.updates == t.p.updates {
				return
			}
			// Numbers go on although no level shown is another.
			d = &delta{book: t.sent, first: t.updates + 1, last: t.p.updates, at: t.last}
			t.updates = t.p.updates
		}
		t.p.truth.mark(d.last)
		g.v.castBook(t, d, func(d *delta) []byte {
			if t.name == "obu" {
				return g.obu(t, d)
			}
			return g.difference(t, d)
		})
	case "candlesticks":
		g.beatCandle(t, at)
	case "tickers":
		g.v.cast(t, &message{data: g.update(t, at, g.ticker(t, at))})
	case "public_liquidates":
		if f, ok := t.p.closingIn(at.Truncate(time.Second).Add(-time.Second)); ok {
			qty := f.qty
			if f.sell {
				qty = -qty
			}
			g.v.cast(t, &message{data: g.update(t, at, fmt.Sprintf(`[{"price":"%s","size":%s,"time":%d,"contract":"%s"}]`, plainText(f.px, t.p.pd), g.size(t, qty), ms(g.v.stamp(f.at)), t.p.symbol))})
		}
	}
}

func (g *gateio) beatCandle(t *topic, at time.Time) {
	if !t.open.IsZero() && !t.interval.Next(t.open).After(at) {
		for _, b := range t.p.tape.spans(t.interval, 0, t.open, t.open, false) {
			g.v.cast(t, &message{data: g.update(t, at, g.candle(t, &b, true))})
		}
		t.open = time.Time{}
	}
	if b, ok := t.p.tape.current(t.interval, 0, at); ok && b.last != t.told {
		t.told, t.open = b.last, b.open
		g.v.cast(t, &message{data: g.update(t, at, g.candle(t, &b, false))})
	}
}

func (g *gateio) rung(t *topic) func(b []byte, r rung) []byte {
	return func(b []byte, r rung) []byte {
		if g.futures && t.name != "obu" {
			return fmt.Appendf(b, `{"p":"%s","s":%s}`, plainText(r.px, t.p.pd), g.size(t, r.qty))
		}
		qty := quoted(plainText(r.qty, t.p.qd))
		if g.futures {
			qty = quoted(itoa(r.qty))
		}
		return fmt.Appendf(b, `["%s",%s]`, plainText(r.px, t.p.pd), qty)
	}
}

// obu is a message of the chain; sides without a change are left out.
func (g *gateio) obu(t *topic, d *delta) []byte {
	b := fmt.Appendf(nil, `{"channel":"%sobu","result":{"t":%d,`, g.prefix(), ms(g.v.stamp(d.at)))
	if d.snapshot {
		b = append(b, `"full":true,`...)
	}
	b = fmt.Appendf(b, `"s":"ob.%s.%d",`, t.p.symbol, t.depth)
	if !d.snapshot {
		b = fmt.Appendf(b, `"U":%d,`, d.first)
	}
	b = fmt.Appendf(b, `"u":%d`, d.last)
	if len(d.bids) > 0 {
		b = rows(append(b, `,"b":`...), d.bids, g.rung(t))
	}
	if len(d.asks) > 0 {
		b = rows(append(b, `,"a":`...), d.asks, g.rung(t))
	}
	return fmt.Appendf(b, `},"time_ms":%d,"event":"update"}`, ms(g.v.stamp(time.Now())))
}

// difference is a message of the older book.
func (g *gateio) difference(t *topic, d *delta) []byte {
	at := g.v.stamp(d.at)
	b := fmt.Appendf(nil, `{%s,"channel":"%sorder_book_update","event":"update","result":{"t":%d,"e":"depthUpdate","E":%d,"s":"%s","U":%d,"u":%d,"b":`,
		g.now(time.Now()), g.prefix(), ms(at), at.Unix(), t.p.symbol, d.first, d.last)
	b = rows(b, d.bids, g.rung(t))
	b = rows(append(b, `,"a":`...), d.asks, g.rung(t))
	return append(b, "}}"...)
}

func (g *gateio) side(x *trade) string {
	if x.sell {
		return "sell"
	}
	return "buy"
}

func (g *gateio) trade(p *pit, x *trade) string {
	at := g.v.stamp(x.at)
	return fmt.Sprintf(`{"id":%d,"id_market":%d,"create_time":%d,"create_time_ms":"%s","side":"%s","currency_pair":"%s","amount":"%s","price":"%s","range":"%d-%d"}`,
		x.id, x.id, at.Unix(), fixedText(at.UnixNano(), 6), g.side(x), p.symbol, plainText(x.qty, p.qd), plainText(x.px, p.pd), x.id, x.id)
}

// contractTrade has the taker's side in the sign of its size.
func (g *gateio) contractTrade(t *topic, x *trade) string {
	at, qty := g.v.stamp(x.at), x.qty
	if x.sell {
		qty = -qty
	}
	return fmt.Sprintf(`{"size":%s,"id":%d,"create_time":%d,"create_time_ms":%d,"price":"%s","contract":"%s"}`, g.size(t, qty), x.id, at.Unix(), ms(at), plainText(x.px, t.p.pd), t.p.symbol)
}

func (g *gateio) candle(t *topic, b *bar, done bool) string {
	p := t.p
	px := func(n int64) string { return plainText(n, p.pd) }
	name := fmt.Sprintf(`"n":"%s_%s"`, t.interval, p.symbol)
	if g.futures {
		return fmt.Sprintf(`[{"t":%d,"v":%s,"c":"%s","h":"%s","l":"%s","o":"%s",%s,"a":"%s","w":%t}]`, b.open.Unix(), g.size(t, b.vol), px(b.c), px(b.h), px(b.l), px(b.o), name, g.turnover(p, b), done)
	}
	return fmt.Sprintf(`{"t":"%d","v":"%s","c":"%s","h":"%s","l":"%s","o":"%s",%s,"a":"%s","w":%t}`, b.open.Unix(), g.turnover(p, b), px(b.c), px(b.h), px(b.l), px(b.o), name, plainText(b.vol, p.qd), done)
}

func (g *gateio) turnover(p *pit, b *bar) string {
	return string(b.quote.append(nil, p.pd+p.qd, min(p.pd+p.qd, 8)))
}

// ticker is the day's numbers; of contracts in an array, with what they are worth.
func (g *gateio) ticker(t *topic, at time.Time) string {
	if g.futures {
		return "[" + g.contractTicker(t.p, at) + "]"
	}
	return g.spotTicker(t.p, at)
}

func (g *gateio) spotTicker(p *pit, at time.Time) string {
	day := p.tape.day(at)
	px := func(n int64) string { return plainText(n, p.pd) }
	return fmt.Sprintf(`{"currency_pair":"%s","last":"%s","lowest_ask":"%s","highest_bid":"%s","change_percentage":"%s","base_volume":"%s","quote_volume":"%s","high_24h":"%s","low_24h":"%s"}`,
		p.symbol, px(p.tape.lastTrade().px), px(p.book.asks[0].px), px(p.book.bids[0].px), ratio(day.c*100, day.o*100, 2), plainText(day.vol, p.qd), g.turnover(p, &day), px(day.h), px(day.l))
}

func (g *gateio) contractTicker(p *pit, at time.Time) string {
	day, c := p.tape.day(at), p
	px := func(n int64) string { return plainText(n, p.pd) }
	return fmt.Sprintf(`{"contract":"%s","last":"%s","change_percentage":"%s","funding_rate":"%s","funding_rate_indicative":"%s","mark_price":"%s","index_price":"%s","total_size":"%d","volume_24h":"%d","volume_24h_base":"%s","volume_24h_quote":"%s","volume_24h_settle":"%s","quanto_base_rate":"","low_24h":"%s","high_24h":"%s"}`,
		p.symbol, px(p.tape.lastTrade().px), ratio(day.c*100, day.o*100, 2), decimals(c.pays(at, gateioPays), 6), decimals(c.pays(at, gateioPays), 6), decimals(c.mark(at), p.pd+1), decimals(c.spot(at), p.pd+1),
		c.interest(at), day.vol, plainText(day.vol, p.qd), g.turnover(p, &day), g.turnover(p, &day), px(day.l), px(day.h))
}

// gateioPays is the time between two payments of funding.
const gateioPays = 8 * time.Hour

func (g *gateio) strange(enum bool) []byte {
	p := g.v.pits[0]
	switch {
	case enum && g.futures: // a trade of nobody's side
		return g.update(&topic{name: "trades", p: p}, p.last, fmt.Sprintf(`[{"size":0,"id":1,"create_time":%d,"create_time_ms":%d,"price":"%s","contract":"%s"}]`, g.v.stamp(p.last).Unix(), ms(g.v.stamp(p.last)), plainText(p.book.bids[0].px, p.pd), p.symbol))
	case enum:
		return g.update(&topic{name: "trades", p: p}, p.last, fmt.Sprintf(`{"id":1,"create_time":%d,"create_time_ms":"%d.0","side":"auction","currency_pair":"%s","amount":"1","price":"%s"}`, g.v.stamp(p.last).Unix(), ms(g.v.stamp(p.last)), p.symbol, plainText(p.book.bids[0].px, p.pd)))
	}
	return g.update(&topic{name: "something_new", p: p}, p.last, `{"value":"1"}`)
}
