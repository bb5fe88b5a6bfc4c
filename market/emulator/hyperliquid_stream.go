package emulator

import (
	"fmt"
	"math"
	"strings"
	"time"
)

func (h *hyperliquid) happen(t *topic, e *event) {
	switch t.name {
	case "trades":
		if len(e.trades) == 0 {
			return
		}
		var out []string
		for i := range e.trades {
			out = append(out, h.trade(t.p, &e.trades[i]))
		}
		h.v.cast(t, &message{seq: uint64(e.trades[0].id), data: fmt.Appendf(nil, `{"channel":"trades","data":[%s]}`, strings.Join(out, ","))})
	case "bbo":
		if bid, ask := t.p.book.bids[0], t.p.book.asks[0]; bid != t.shown || ask != t.shownAsk {
			h.v.cast(t, h.message(t, e.at))
		}
	}
}

func (h *hyperliquid) beat(t *topic, at time.Time) {
	if t.name == "candle" {
		if b, ok := t.p.tape.current(t.interval, 0, at); !ok || b.last == t.told {
			return
		}
	}
	if m := h.message(t, at); m != nil {
		h.v.cast(t, m)
	}
}

// message is what a topic has to say at a moment; nil when it is nothing.
func (h *hyperliquid) message(t *topic, at time.Time) *message {
	p := t.p
	switch t.name {
	case "l2Book":
		return h.whole(t, at)
	case "bbo":
		t.shown, t.shownAsk = p.book.bids[0], p.book.asks[0]
		return &message{data: fmt.Appendf(nil, `{"channel":"bbo","data":{"coin":"%s","time":%d,"bbo":[%s,%s]}}`, p.symbol, ms(h.v.stamp(at)), h.rung(nil, p, t.shown), h.rung(nil, p, t.shownAsk))}
	case "activeAssetCtx":
		name := "activeAssetCtx"
		if !p.perp {
			name = "activeSpotAssetCtx"
		}
		return &message{data: fmt.Appendf(nil, `{"channel":"%s","data":{"coin":"%s","ctx":%s}}`, name, p.symbol, h.context(p, at))}
	case "candle":
		if b, ok := p.tape.current(t.interval, 0, at); ok {
			t.told = b.last
			return &message{data: fmt.Appendf(nil, `{"channel":"candle","data":%s}`, h.candle(p, t.interval.Next(b.open), string(t.interval), &b))}
		}
	}
	return nil
}

// whole is the book as it was at the full millisecond before, which is the time it states.
func (h *hyperliquid) whole(t *topic, at time.Time) *message {
	at = at.Truncate(time.Millisecond)
	book, _, _, ok := t.p.truth.before(at)
	if !ok {
		return nil
	}
	d := &delta{snapshot: true, book: book.top(t.depth), at: at, seq: uint64(ms(at))}
	d.bids, d.asks = d.book.bids, d.book.asks
	return &message{seq: d.seq, d: d, render: func(d *delta) []byte {
		fast := ""
		if t.data == true {
			fast = `,"fast":true`
		}
		return fmt.Appendf(nil, `{"channel":"l2Book","data":{%s%s}}`, h.book(t.p, d), fast)
	}}
}

func (h *hyperliquid) book(p *pit, d *delta) string {
	rung := func(b []byte, r rung) []byte { return h.rung(b, p, r) }
	return fmt.Sprintf(`"coin":"%s","time":%d,"levels":[%s,%s]`, p.symbol, ms(h.v.stamp(d.at)), rows(nil, d.bids, rung), rows(nil, d.asks, rung))
}

func (h *hyperliquid) rung(b []byte, p *pit, r rung) []byte {
	return fmt.Appendf(b, `{"px":"%s","sz":"%s","n":%d}`, pointed(r.px, p.pd), pointed(r.qty, p.qd), 1+r.qty%5)
}

// pointed writes a number without zeros at its end, but always with a point: 60000.0.
func pointed(n int64, scale int) string {
	s := plainText(n, scale)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

func (h *hyperliquid) trade(p *pit, x *trade) string {
	side := "B"
	if x.sell {
		side = "A"
	}
	hash := fmt.Sprintf("0x%016x%016x%016x%016x", mix(uint64(x.id), 1, 7), mix(uint64(x.id), 2, 7), mix(uint64(x.id), 3, 7), mix(uint64(x.id), 4, 7))
	return fmt.Sprintf(`{"coin":"%s","side":"%s","px":"%s","sz":"%s","time":%d,"hash":"%s","tid":%d,"users":["0x%040x","0x%040x"]}`,
		p.symbol, side, pointed(x.px, p.pd), pointed(x.qty, p.qd), ms(h.v.stamp(x.at)), hash, x.id, mix(uint64(x.id), 5, 7), mix(uint64(x.id), 6, 7))
}

// context is how a market stands. Funding is per hour.
func (h *hyperliquid) context(p *pit, at time.Time) string {
	x, day := p.terms(at), p.tape.day(at)
	bid, ask := p.book.bids[0], p.book.asks[0]
	common := fmt.Sprintf(`"prevDayPx":"%s","dayNtlVlm":"%s","markPx":"%s","midPx":"%s","dayBaseVlm":"%s"`, pointed(day.o, p.pd), day.quote.append(nil, p.pd+p.qd, 6), pointed(p.cents(x.mark), p.pd),
		decimals(float64(bid.px+ask.px)/2/math.Pow10(p.pd), p.pd+1), pointed(day.vol, p.qd))
	if !p.perp {
		return fmt.Sprintf(`{"coin":"%s","circulatingSupply":"1000000.0",%s}`, p.symbol, common)
	}
	return fmt.Sprintf(`{"funding":"%s","openInterest":"%s","premium":"%s","oraclePx":"%s","impactPxs":["%s","%s"],%s}`,
		decimals(x.hourly, 10), decimals(x.interest, p.qd), decimals(x.mark/x.index-1, 10), pointed(p.cents(x.index), p.pd), pointed(bid.px, p.pd), pointed(ask.px, p.pd), common)
}

func (h *hyperliquid) candle(p *pit, end time.Time, interval string, b *bar) string {
	return fmt.Sprintf(`{"t":%d,"T":%d,"s":"%s","i":"%s","o":"%s","c":"%s","h":"%s","l":"%s","v":"%s","n":%d}`, ms(b.open), ms(end)-1, p.symbol, interval,
		pointed(b.o, p.pd), pointed(b.c, p.pd), pointed(b.h, p.pd), pointed(b.l, p.pd), pointed(b.vol, p.qd), b.n)
}

func (h *hyperliquid) strange(enum bool) []byte {
	p := h.v.pits[0]
	if enum {
		return fmt.Appendf(nil, `{"channel":"trades","data":[{"coin":"%s","side":"X","px":"%s","sz":"1.0","time":%d,"hash":"0x0","tid":1}]}`, p.symbol, pointed(p.book.bids[0].px, p.pd), ms(h.v.stamp(p.last)))
	}
	return []byte(`{"channel":"somethingNew","data":{"value":"1"}}`)
}

func (h *hyperliquid) farewell(*conn) time.Duration { return 0 }
