package emulator

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

func (h *htx) happen(t *topic, e *event) {
	switch {
	case t.place == "trades" && len(e.trades) > 0:
		at := ms(h.v.stamp(e.at))
		b := fmt.Appendf(nil, `{"ch":"%s","ts":%d,"tick":{"id":%d,"ts":%d,"data":[`, t.name, at, t.p.updates, at)
		for i, x := range reversed(e.trades) { // the newest first
			if i > 0 {
				b = append(b, ',')
			}
			b = h.trade(b, t.p, &x, "tradeId")
		}
		h.v.cast(t, &message{seq: uint64(e.trades[0].id), data: append(b, ']', '}', '}')})
	case t.data == "bbo":
		if bid, ask := t.p.book.bids[0], t.p.book.asks[0]; bid != t.shown || ask != t.shownAsk {
			t.shown, t.shownAsk = bid, ask
			at := ms(h.v.stamp(e.at))
			h.v.cast(t, &message{seq: t.p.updates, data: fmt.Appendf(nil, `{"ch":"%s","ts":%d,"tick":{"seqId":%d,"ask":%s,"askSize":%s,"bid":%s,"bidSize":%s,"quoteTime":%d,"symbol":"%s"}}`,
				t.name, at+1, t.p.updates, htxNumber(ask.px, t.p.pd), htxNumber(ask.qty, t.p.qd), htxNumber(bid.px, t.p.pd), htxNumber(bid.qty, t.p.qd), at, t.p.symbol)})
		}
	}
}

func (h *htx) beat(t *topic, at time.Time) {
	kind, _ := t.data.(string)
	switch {
	case t.place == "candles":
		h.v.bars(t, htxShift(t.interval), at, func(k *bar) []byte { return h.kline(t, k, at) })
	case t.place == "quotes":
		day := t.p.tape.day(at)
		h.v.cast(t, &message{data: fmt.Appendf(nil, `{"ch":"%s","ts":%d,"tick":{"id":%d,%s}}`, t.name, ms(h.v.stamp(at)), t.p.updates, h.bar(t.p, &day))})
	case kind == "depth.step0" || strings.HasPrefix(kind, "mbp.refresh"):
		d := t.delta()
		if d == nil && kind != "depth.step0" {
			return
		}
		d = t.snapshot()
		d.last = t.updates
		t.p.truth.mark(d.last)
		h.v.castBook(t, d, func(d *delta) []byte { return h.whole(t, d, at, kind) })
	default:
		before := t.updates
		d := t.delta()
		if d == nil {
			return
		}
		d.prev = before
		t.p.truth.mark(d.last)
		h.v.castBook(t, d, func(d *delta) []byte {
			b := fmt.Appendf(nil, `{"ch":"%s","ts":%d,"tick":{"seqNum":%d,"prevSeqNum":%d,"bids":`, t.name, ms(h.v.stamp(at)), d.last, d.prev)
			b = rows(b, d.bids, h.rung(t.p))
			b = rows(append(b, `,"asks":`...), d.asks, h.rung(t.p))
			return append(b, '}', '}')
		})
	}
}

// bars tells the present bar of a topic when it has changed, and the one before for the
// last time when its interval is over.
func (v *Venue) bars(t *topic, shift time.Duration, at time.Time, write func(k *bar) []byte) {
	k, ok := t.p.tape.current(t.interval, shift, at)
	if !t.open.IsZero() && (!ok || !k.open.Equal(t.open)) {
		for _, done := range t.p.tape.spans(t.interval, shift, t.open, t.open, false) {
			if done.last != t.told {
				v.cast(t, &message{data: write(&done)})
			}
		}
		t.open = time.Time{}
	}
	if ok && k.last != t.told {
		t.told, t.open = k.last, k.open
		v.cast(t, &message{data: write(&k)})
	}
}

func (h *htx) whole(t *topic, d *delta, at time.Time, kind string) []byte {
	number := "version"
	if strings.HasPrefix(kind, "mbp") {
		number = "seqNum"
	}
	b := fmt.Appendf(nil, `{"ch":"%s","ts":%d,"tick":{`, t.name, ms(h.v.stamp(at)))
	b = append(h.depth(b, t.p, d.book, number, d.last), fmt.Sprintf(`,"ts":%d}}`, ms(h.v.stamp(d.at)))...)
	return b
}

// depth writes both sides and their number.
func (h *htx) depth(b []byte, p *pit, book ladder, number string, n uint64) []byte {
	b = rows(append(b, `"bids":`...), book.bids, h.rung(p))
	b = rows(append(b, `,"asks":`...), book.asks, h.rung(p))
	return fmt.Appendf(b, `,"%s":%d`, number, n)
}

func (h *htx) kline(t *topic, k *bar, at time.Time) []byte {
	return fmt.Appendf(nil, `{"ch":"%s","ts":%d,"tick":{"id":%d,%s}}`, t.name, ms(h.v.stamp(at)), k.open.Unix(), h.bar(t.p, k))
}

// bar writes what a bar and a day have in common.
func (h *htx) bar(p *pit, k *bar) string {
	return fmt.Sprintf(`"open":%s,"close":%s,"low":%s,"high":%s,"amount":%s,"vol":%s,"count":%d`, htxNumber(k.o, p.pd), htxNumber(k.c, p.pd), htxNumber(k.l, p.pd), htxNumber(k.h, p.pd),
		htxNumber(k.vol, p.qd), k.quote.append(nil, p.pd+p.qd, 8), k.n)
}

// trade writes a trade; the id of the stream and of requests is spelled in two ways.
func (h *htx) trade(b []byte, p *pit, x *trade, id string) []byte {
	side := "buy"
	if x.sell {
		side = "sell"
	}
	at := ms(h.v.stamp(x.at))
	return fmt.Appendf(b, `{"id":%d%012d%06d,"ts":%d,"%s":%d,"amount":%s,"price":%s,"direction":"%s"}`, 105_000_000+x.id/1000, uint64(x.id)*7919%1e12, x.id%1000, at, id, x.id,
		htxNumber(x.qty, p.qd), htxNumber(x.px, p.pd), side)
}

func (h *htx) rung(p *pit) func(b []byte, r rung) []byte {
	return func(b []byte, r rung) []byte {
		return fmt.Appendf(b, `[%s,%s]`, htxNumber(r.px, p.pd), htxNumber(r.qty, p.qd))
	}
}

// htxNumber writes n×10^-scale as the venue's Java does: with an exponent when it is
// below 0.001 or above ten million, and with a decimal always.
func htxNumber(n int64, scale int) string {
	s := plainText(n, scale)
	f, err := strconv.ParseFloat(s, 64)
	switch {
	case err == nil && n != 0 && (f < 1e-3 || f >= 1e7):
		digits := strings.TrimRight(strconv.FormatInt(n, 10), "0")
		exp := len(strconv.FormatInt(n, 10)) - 1 - scale
		if len(digits) == 1 {
			digits += "0"
		}
		return digits[:1] + "." + digits[1:] + "E" + strconv.Itoa(exp)
	case !strings.Contains(s, "."):
		return s + ".0"
	}
	return s
}
