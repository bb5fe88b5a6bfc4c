package emulator

import (
	"fmt"
	"hash/crc32"
	"slices"
	"strconv"
	"strings"
	"time"
)

func (k *kraken) happen(t *topic, e *event) {
	if t.data == "v1" {
		k.happenV1(t, e)
		return
	}
	switch t.name {
	case "book":
		if d := krakenDelta(t); d != nil {
			k.v.castBook(t, d, func(d *delta) []byte { return k.book(t, d) })
		}
	case "trade":
		if len(e.trades) > 0 {
			k.v.cast(t, &message{seq: uint64(e.trades[0].id), data: k.trades(t, e.trades, "update")})
		}
	case "ticker":
		bid, ask := t.p.book.bids[0], t.p.book.asks[0]
		if len(e.trades) > 0 || t.data == "bbo" && (bid != t.shown || ask != t.shownAsk) {
			t.shown, t.shownAsk = bid, ask
			k.v.cast(t, &message{data: k.ticker(t, e.at, "update")})
		}
	case "ohlc":
		if now, ok := t.p.tape.current(t.interval, 0, e.at); ok && len(e.trades) > 0 {
			k.v.cast(t, &message{data: k.ohlc(t, []bar{now}, "update", e.at)})
		}
	}
}

func (k *kraken) beat(*topic, time.Time) {}

// krakenDelta is the topic's delta without deletions of levels that merely left the
// window: the client cuts those off itself.
func krakenDelta(t *topic) *delta {
	d := t.delta()
	if d == nil {
		return nil
	}
	gone := func(ask bool) func(r rung) bool {
		return func(r rung) bool { return r.qty == 0 && t.p.book.size(r.px, ask) > 0 }
	}
	d.bids, d.asks = slices.DeleteFunc(d.bids, gone(false)), slices.DeleteFunc(d.asks, gone(true))
	if len(d.bids)+len(d.asks) == 0 {
		return nil
	}
	return d
}

// number writes n×10^-scale as the venue's JSON numbers look: shortest, with ".0" when
// whole, with an exponent when tiny.
func number(b []byte, n int64, scale int) []byte {
	for scale > 0 && n%10 == 0 && n != 0 {
		n, scale = n/10, scale-1
	}
	if n == 0 {
		return append(b, "0.0"...)
	}
	if scale == 0 {
		return append(strconv.AppendInt(b, n, 10), ".0"...)
	}
	digits := itoa(n)
	if e := scale - len(digits) + 1; e > 5 {
		b = append(b, digits[0])
		if len(digits) > 1 {
			b = append(append(b, '.'), digits[1:]...)
		}
		return append(append(b, "e-"...), strconv.Itoa(e)...)
	}
	return fixed(b, n, scale)
}

func (k *kraken) num(n int64, scale int) string { return string(number(nil, n, scale)) }

func (k *kraken) book(t *topic, d *delta) []byte {
	kind := "update"
	if d.snapshot {
		kind = "snapshot"
	}
	rung := func(b []byte, r rung) []byte {
		return append(number(append(number(append(b, `{"price":`...), r.px, t.p.pd), `,"qty":`...), r.qty, t.p.qd), '}')
	}
	b := fmt.Appendf(nil, `{"channel":"book","type":"%s","data":[{"symbol":"%s","bids":`, kind, t.p.symbol)
	b = rows(b, d.bids, rung)
	b = append(b, `,"asks":`...)
	b = rows(b, d.asks, rung)
	sum := krakenSum(d, 1)
	if k.v.opt.mutant.jumbled {
		sum = krakenSum(&delta{book: ladder{bids: d.book.asks, asks: d.book.bids}}, 1)
	}
	return fmt.Appendf(b, `,"checksum":%d,"timestamp":"%s"}]}`, sum, micro(k.v.stamp(d.at)))
}

// krakenSum is the CRC32 over the ten best asks, then the ten best bids: price and size
// with fixed decimals, without points and leading zeros. zeros is ten to the number of
// decimals that the text of a price has more than the listing (v1).
func krakenSum(d *delta, zeros int64) uint32 {
	var b []byte
	for _, side := range [][]rung{first(d.book.asks, 10), first(d.book.bids, 10)} {
		for _, r := range side {
			b = strconv.AppendInt(strconv.AppendInt(b, r.px*zeros, 10), r.qty, 10)
		}
	}
	sum := crc32.ChecksumIEEE(b)
	if d.spoil {
		sum ^= 0x10101
	}
	return sum
}

func (k *kraken) trades(t *topic, xs []trade, kind string) []byte {
	var out []string
	for _, x := range xs {
		side := "buy"
		if x.sell {
			side = "sell"
		}
		out = append(out, fmt.Sprintf(`{"symbol":"%s","side":"%s","price":%s,"qty":%s,"ord_type":"market","trade_id":%d,"timestamp":"%s"}`,
			t.p.symbol, side, k.num(x.px, t.p.pd), k.num(x.qty, t.p.qd), x.id, micro(k.v.stamp(x.at))))
	}
	return fmt.Appendf(nil, `{"channel":"trade","type":"%s","data":[%s]}`, kind, strings.Join(out, ","))
}

func (k *kraken) ticker(t *topic, at time.Time, kind string) []byte {
	p, day := t.p, t.p.tape.day(at)
	bid, ask := p.book.bids[0], p.book.asks[0]
	pct := 0.0
	if day.o > 0 {
		pct = float64(day.c-day.o) * 100 / float64(day.o)
	}
	change := k.num(max(day.c-day.o, day.o-day.c), p.pd)
	if day.c < day.o {
		change = "-" + change
	}
	return fmt.Appendf(nil, `{"channel":"ticker","type":"%s","data":[{"symbol":"%s","bid":%s,"bid_qty":%s,"ask":%s,"ask_qty":%s,"last":%s,"volume":%s,"vwap":%s,"low":%s,"high":%s,"change":%s,"change_pct":%.2f}]}`,
		kind, p.symbol, k.num(bid.px, p.pd), k.num(bid.qty, p.qd), k.num(ask.px, p.pd), k.num(ask.qty, p.qd), k.num(p.tape.lastTrade().px, p.pd),
		k.num(day.vol, p.qd), k.num(day.quote.over(day.vol), p.pd), k.num(day.l, p.pd), k.num(day.h, p.pd), change, pct)
}

func (k *kraken) ohlc(t *topic, bars []bar, kind string, at time.Time) []byte {
	var out []string
	p := t.p
	for _, b := range bars {
		out = append(out, fmt.Sprintf(`{"symbol":"%s","open":%s,"high":%s,"low":%s,"close":%s,"trades":%d,"volume":%s,"vwap":%s,"interval_begin":"%s","interval":%d,"timestamp":"%s"}`,
			p.symbol, k.num(b.o, p.pd), k.num(b.h, p.pd), k.num(b.l, p.pd), k.num(b.c, p.pd), b.n, k.num(b.vol, p.qd), k.num(b.quote.over(b.vol), p.pd),
			b.open.UTC().Format("2006-01-02T15:04:05.000000000Z"), t.data, micro(t.interval.Next(b.open))))
	}
	return fmt.Appendf(nil, `{"channel":"ohlc","type":"%s","timestamp":"%s","data":[%s]}`, kind, k.v.stamp(at).Format("2006-01-02T15:04:05.000000000Z"), strings.Join(out, ","))
}

func (k *kraken) instruments() []byte {
	var assets, pairs []string
	seen := map[string]bool{}
	for _, p := range k.v.pits {
		for _, a := range []string{p.base(), p.quote()} {
			if !seen[a] {
				seen[a] = true
				assets = append(assets, fmt.Sprintf(`{"id":"%s","status":"enabled","precision":10,"precision_display":5,"borrowable":true,"collateral_value":1.0,"margin_rate":0.01}`, a))
			}
		}
		pairs = append(pairs, fmt.Sprintf(`{"symbol":"%s","base":"%s","quote":"%s","status":"online","qty_precision":%d,"qty_increment":%s,"price_precision":%d,"cost_precision":5,"marginable":false,"has_index":true,"cost_min":0.5,"tick_size":%s,"price_increment":%s,"qty_min":%s}`,
			p.symbol, p.base(), p.quote(), p.qd, k.num(1, p.qd), p.pd, k.num(p.tick, p.pd), k.num(p.tick, p.pd), k.num(5000, 8)))
	}
	return fmt.Appendf(nil, `{"channel":"instrument","type":"snapshot","data":{"assets":[%s],"pairs":[%s]}}`, strings.Join(assets, ","), strings.Join(pairs, ","))
}

func (k *kraken) strange(enum bool) []byte {
	if enum {
		p := k.v.pits[0]
		return fmt.Appendf(nil, `{"channel":"trade","type":"update","data":[{"symbol":"%s","side":"auction","price":%s,"qty":1.0,"ord_type":"market","trade_id":1,"timestamp":"%s"}]}`,
			p.symbol, k.num(p.book.bids[0].px, p.pd), micro(k.v.stamp(p.last)))
	}
	return []byte(`{"channel":"something_new","type":"update","data":[{"value":1}]}`)
}

func (k *kraken) farewell(c *conn) time.Duration {
	if c.path == "/v2" {
		c.say("notice", fmt.Appendf(nil, `{"channel":"status","type":"update","data":[{"version":"2.0.10","system":"maintenance","api_version":"v2","connection_id":%d}]}`, c.n))
	} else {
		c.say("notice", fmt.Appendf(nil, `{"connectionID":%d,"event":"systemStatus","status":"maintenance","version":"1.9.6"}`, c.n))
	}
	return 5 * time.Second
}
