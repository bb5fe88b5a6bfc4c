package emulator

import (
	"fmt"
	"math"
	"strings"
	"time"
)

func (d *deribit) happen(t *topic, _ *event) {
	if !strings.HasPrefix(t.name, "quote.") {
		return
	}
	if bid, ask := t.p.book.bids[0], t.p.book.asks[0]; bid != t.shown || ask != t.shownAsk {
		t.shown, t.shownAsk = bid, ask
		d.v.cast(t, &message{data: d.quote(t)})
	}
}

func (d *deribit) beat(t *topic, at time.Time) {
	switch t.place {
	case "book":
		if x := t.delta(); x != nil {
			x.prev, x.seq = t.seq, d.number(t.p)
			t.seq = x.seq
			t.p.truth.mark(x.seq)
			d.v.castBook(t, x, func(x *delta) []byte { return d.book(t, x) })
		}
	case "trades":
		var rows []string
		for _, x := range t.p.tape.since(t.told + 1) {
			t.told = x.id
			rows = append(rows, d.trade(t.p, &x))
		}
		if rows != nil {
			d.v.cast(t, &message{seq: uint64(t.told), data: d.push(t, "["+strings.Join(rows, ",")+"]")})
		}
	case "candles":
		if b, ok := t.p.tape.current(t.interval, 0, at); ok && b.last != t.told {
			t.told = b.last
			volume, cost := d.volumes(t.p, &b)
			d.v.cast(t, &message{data: d.push(t, fmt.Sprintf(`{"volume":%s,"tick":%d,"open":%s,"low":%s,"high":%s,"cost":%s,"close":%s}`, volume, ms(b.open),
				plainText(b.o, t.p.pd), plainText(b.l, t.p.pd), plainText(b.h, t.p.pd), cost, plainText(b.c, t.p.pd)))})
		}
	default:
		bid, ask, last := t.p.book.bids[0], t.p.book.asks[0], t.p.tape.next
		if bid != t.shown || ask != t.shownAsk || last != t.told {
			t.shown, t.shownAsk, t.told = bid, ask, last
			d.v.cast(t, &message{data: d.ticker(t, at)})
		}
	}
}

// push is a notification of a channel.
func (d *deribit) push(t *topic, data string) []byte {
	return fmt.Appendf(nil, `{"jsonrpc":"2.0","method":"subscription","params":{"channel":"%s","data":%s}}`, t.name, data)
}

func (d *deribit) book(t *topic, x *delta) []byte {
	kind, prev := "snapshot", ""
	if !x.snapshot {
		kind, prev = "change", fmt.Sprintf(`"prev_change_id":%d,`, x.prev)
	}
	rung := func(b []byte, r rung) []byte {
		action := "change"
		switch {
		case r.qty == 0:
			action = "delete"
		case x.snapshot || r.qty%2 == 0: // what was there before is not remembered, and of no account
			action = "new"
		}
		return fmt.Appendf(b, `["%s",%s,%s]`, action, plainText(r.px, t.p.pd), plainText(r.qty, t.p.qd))
	}
	return d.push(t, fmt.Sprintf(`{"type":"%s","timestamp":%d,%s"instrument_name":"%s","change_id":%d,"bids":%s,"asks":%s}`,
		kind, ms(d.v.stamp(x.at)), prev, t.p.symbol, x.seq, rows(nil, x.bids, rung), rows(nil, x.asks, rung)))
}

func (d *deribit) trade(p *pit, x *trade) string {
	side, forced := "buy", ""
	if x.sell {
		side = "sell"
	}
	if p.forced(x) {
		forced = `,"liquidation":"` + []string{"T", "M", "MT"}[x.id%3] + `"`
	}
	v := p.terms(x.at)
	return fmt.Sprintf(`{"trade_seq":%d,"trade_id":"%s","timestamp":%d,"tick_direction":%d,"price":%s,"mark_price":%s,"instrument_name":"%s","index_price":%s,"direction":"%s","amount":%s%s}`,
		x.id%1e7, d.tradeID(p, x.id), ms(d.v.stamp(x.at)), x.id%4, plainText(x.px, p.pd), decimals(v.mark, 4), p.symbol, decimals(v.index, 4), side, plainText(x.qty, p.qd), forced)
}

// best is the best prices, as quotes and tickers have them.
func (d *deribit) best(p *pit) string {
	bid, ask := p.book.bids[0], p.book.asks[0]
	return fmt.Sprintf(`"best_bid_price":%s,"best_bid_amount":%s,"best_ask_price":%s,"best_ask_amount":%s`, plainText(bid.px, p.pd), plainText(bid.qty, p.qd), plainText(ask.px, p.pd), plainText(ask.qty, p.qd))
}

func (d *deribit) quote(t *topic) []byte {
	return d.push(t, fmt.Sprintf(`{"timestamp":%d,"instrument_name":"%s",%s}`, ms(d.v.stamp(t.p.last)), t.p.symbol, d.best(t.p)))
}

func (d *deribit) ticker(t *topic, at time.Time) []byte { return d.push(t, "{"+d.state(t.p, at)+"}") }

// state is the fields of a ticker. Only perpetuals have funding, which is for eight hours.
func (d *deribit) state(p *pit, at time.Time) string {
	x, day := p.terms(at), p.tape.day(at)
	volume, cost := d.volumes(p, &day)
	contract := ""
	if p.perp {
		contract = fmt.Sprintf(`,"open_interest":%s,"current_funding":%s,"funding_8h":%s`, decimals(x.interest, 3), decimals(x.hourly*8, 8), decimals(x.hourly*8, 8))
	}
	return fmt.Sprintf(`"timestamp":%d,"state":"open","stats":{"high":%s,"low":%s,"price_change":%s,"volume":%s,"volume_usd":%s},"index_price":%s,"instrument_name":"%s","last_price":%s,"settlement_price":%s,"min_price":%s,"max_price":%s,"mark_price":%s,%s,"estimated_delivery_price":%s%s`,
		ms(d.v.stamp(at)), plainText(day.h, p.pd), plainText(day.l, p.pd), ratio(day.c, day.o, 4), volume, cost, decimals(x.index, 4), p.symbol, plainText(p.tape.lastTrade().px, p.pd),
		decimals(x.index, 4), decimals(x.mark*0.985, 4), decimals(x.mark*1.015, 4), decimals(x.mark, 4), d.best(p), decimals(x.index, 4), contract)
}

// volumes of a bar in base and in quote. Those of an inverse contract are dollars.
func (d *deribit) volumes(p *pit, b *bar) (volume, cost string) {
	if !p.inverse {
		return plainText(b.vol, p.qd), string(b.quote.append(nil, p.pd+p.qd, min(p.pd+p.qd, 6)))
	}
	base := 0.0
	if b.vol > 0 {
		base = float64(b.vol) / (float64(b.o+b.c) / 2 / math.Pow10(p.pd))
	}
	return decimals(base, 8), plainText(b.vol, p.qd)
}

func (d *deribit) strange(enum bool) []byte {
	p := d.v.pits[0]
	if enum {
		return fmt.Appendf(nil, `{"jsonrpc":"2.0","method":"subscription","params":{"channel":"trades.%s.100ms","data":[{"trade_seq":1,"trade_id":"1","timestamp":%d,"tick_direction":0,"price":%s,"instrument_name":"%s","direction":"auction","amount":10}]}}`,
			p.symbol, ms(d.v.stamp(p.last)), plainText(p.book.bids[0].px, p.pd), p.symbol)
	}
	return []byte(`{"jsonrpc":"2.0","method":"something_new","params":{"value":1}}`)
}

func (d *deribit) farewell(*conn) time.Duration { return 0 }
