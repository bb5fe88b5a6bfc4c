package emulator

import (
	"fmt"
	"strings"
	"time"
)

func (x *coinbase) happen(*topic, *event) {}

func (x *coinbase) beat(t *topic, at time.Time) {
	switch t.place {
	case "book":
		if d := t.delta(); d != nil {
			x.v.castBook(t, d, func(d *delta) []byte { return x.level2(t, d, at) })
		}
	case "trades":
		if list := t.p.tape.since(t.told + 1); len(list) > 0 {
			t.told = list[len(list)-1].id
			x.v.cast(t, &message{seq: uint64(t.told), data: x.trades(t, "update", list, at)})
		}
	case "candles":
		if b, ok := t.p.tape.current("5m", 0, at); ok && b.last != t.told {
			t.told = b.last
			x.v.cast(t, &message{data: x.candles(t, "update", []bar{b}, at)})
		}
	default:
		bid, ask := t.p.book.bids[0], t.p.book.asks[0]
		if bid != t.shown || ask != t.shownAsk {
			t.shown, t.shownAsk = bid, ask
			x.v.cast(t, &message{data: x.ticker(t, "update", at)})
		}
	}
}

func (x *coinbase) level2(t *topic, d *delta, at time.Time) []byte {
	kind := "update"
	if d.snapshot {
		kind = "snapshot"
	}
	any := false
	when := x.v.stamp(d.at).Format("2006-01-02T15:04:05.999999Z")
	b := fmt.Appendf(x.envelope("l2_data", at), `{"type":"%s","product_id":"%s","updates":[`, kind, t.p.symbol)
	for i, side := range [][]rung{d.bids, d.asks} {
		for _, r := range side {
			if any {
				b = append(b, ',')
			}
			any = true
			b = append(append(append(b, `{"side":"`...), [...]string{"bid", "offer"}[i]...), `","event_time":"`...)
			b = append(append(b, when...), `","price_level":"`...)
			b = append(plain(b, r.px, t.p.pd), `","new_quantity":"`...)
			b = append(plain(b, r.qty, t.p.qd), `"}`...)
		}
	}
	return append(b, `]}]}`...)
}

// makerSide is the side of the resting order.
func makerSide(t *trade, buy, sell string) string {
	if t.sell {
		return buy
	}
	return sell
}

func (x *coinbase) trades(t *topic, kind string, list []trade, at time.Time) []byte {
	var out []string
	for _, y := range reversed(list) {
		out = append(out, fmt.Sprintf(`{"product_id":"%s","trade_id":"%d","price":"%s","size":"%s","time":"%s","side":"%s"}`, t.p.symbol, y.id,
			plainText(y.px, t.p.pd), plainText(y.qty, t.p.qd), x.v.stamp(y.at).Format("2006-01-02T15:04:05.999999Z"), makerSide(&y, "BUY", "SELL")))
	}
	return fmt.Appendf(x.envelope("market_trades", at), `{"type":"%s","trades":[%s]}]}`, kind, strings.Join(out, ","))
}

func (x *coinbase) candles(t *topic, kind string, bars []bar, at time.Time) []byte {
	var out []string
	for _, b := range bars {
		out = append(out, fmt.Sprintf(`{%s,"product_id":"%s"}`, x.bar(t.p, &b), t.p.symbol))
	}
	return fmt.Appendf(x.envelope("candles", at), `{"type":"%s","candles":[%s]}]}`, kind, strings.Join(out, ","))
}

func (x *coinbase) bar(p *pit, b *bar) string {
	return fmt.Sprintf(`"start":"%d","low":"%s","high":"%s","open":"%s","close":"%s","volume":"%s"`, b.open.Unix(),
		plainText(b.l, p.pd), plainText(b.h, p.pd), plainText(b.o, p.pd), plainText(b.c, p.pd), plainText(b.vol, p.qd))
}

func (x *coinbase) ticker(t *topic, kind string, at time.Time) []byte {
	p, day := t.p, t.p.tape.day(at)
	bid, ask := p.book.bids[0], p.book.asks[0]
	return fmt.Appendf(x.envelope(t.name, at), `{"type":"%s","tickers":[{"type":"ticker","product_id":"%s","price":"%s","volume_24_h":"%s","low_24_h":"%s","high_24_h":"%s","low_52_w":"%s","high_52_w":"%s","price_percent_chg_24_h":"%s","best_bid":"%s","best_ask":"%s","best_bid_quantity":"%s","best_ask_quantity":"%s"}]}]}`,
		kind, p.symbol, plainText(p.tape.lastTrade().px, p.pd), plainText(day.vol, p.qd), plainText(day.l, p.pd), plainText(day.h, p.pd), plainText(day.l/2, p.pd), plainText(day.h*2, p.pd),
		x.percent(&day), plainText(bid.px, p.pd), plainText(ask.px, p.pd), plainText(bid.qty, p.qd), plainText(ask.qty, p.qd))
}

func (x *coinbase) percent(day *bar) string {
	if day.o == 0 {
		return "0"
	}
	return fmt.Sprintf("%.14f", (float64(day.c)/float64(day.o)-1)*100)
}

func (x *coinbase) status() []byte {
	var out []string
	for _, p := range x.v.pits {
		out = append(out, fmt.Sprintf(`{"product_type":"SPOT","id":"%s","base_currency":"%s","quote_currency":"%s","base_increment":"%s","quote_increment":"%s","display_name":"%s/%s","status":"online","status_message":"","min_market_funds":"1"}`,
			p.symbol, p.base(), p.quote(), fixedText(1, p.qd), fixedText(p.tick, p.pd), p.base(), p.quote()))
	}
	return fmt.Appendf(nil, `{"type":"snapshot","products":[%s]}`, strings.Join(out, ","))
}

func (x *coinbase) strange(enum bool) []byte {
	if enum {
		p := x.v.pits[0]
		return fmt.Appendf(x.envelope("market_trades", p.last), `{"type":"update","trades":[{"product_id":"%s","trade_id":"1","price":"%s","size":"1","time":"%s","side":"UNKNOWN_ORDER_SIDE"}]}]}`,
			p.symbol, plainText(p.book.bids[0].px, p.pd), micro(x.v.stamp(p.last)))
	}
	return append(x.envelope("something_new", time.Now()), `{"type":"update","value":1}]}`...)
}

func (x *coinbase) farewell(*conn) time.Duration { return 0 }
