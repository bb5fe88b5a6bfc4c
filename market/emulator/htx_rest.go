package emulator

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

func (h *htx) cost(q *query) (string, int) {
	if strings.HasPrefix(q.path, "/v1") {
		return "/v1", 1
	}
	return "", 1
}

func (h *htx) refuse(_ *query, r refusal) reply { return htxTooMany(r) }

func htxTooMany(r refusal) reply {
	a := answer(http.StatusTooManyRequests, []byte(`{"code":429,"message":"exceeded rate limit","success":false}`))
	if r.banned {
		a.status = http.StatusForbidden
	}
	a.header = map[string]string{"ratelimit-limit": "800", "ratelimit-remaining": "0", "ratelimit-reset": itoa(int64(r.retry / time.Millisecond))}
	return a
}

func (h *htx) fail(q *query, code, msg string) reply {
	return answer(200, fmt.Appendf(nil, `{"ts":%d,"status":"error","err-code":%q,"err-msg":%q}`, ms(q.clock()), code, msg))
}

func (h *htx) rest(q *query) reply {
	switch q.path {
	case "/v1/common/timestamp":
		return answer(200, fmt.Appendf(nil, `{"status":"ok","data":%d}`, ms(q.clock())))
	case "/v1/common/symbols":
		return h.symbols()
	case "/market/depth", "/market/history/trade", "/market/history/kline", "/market/detail/merged":
	default:
		return answer(http.StatusNotFound, []byte(`{"timestamp":"","status":404,"error":"Not Found","message":"No message available"}`))
	}
	p := h.v.symbols[q.get("symbol")]
	if p == nil {
		return h.fail(q, "invalid-parameter", "invalid symbol")
	}
	switch q.path {
	case "/market/depth":
		return h.book(q, p)
	case "/market/history/trade":
		return h.past(q, p)
	case "/market/history/kline":
		return h.klines(q, p)
	}
	day, bid, ask := p.tape.day(q.now), p.book.bids[0], p.book.asks[0]
	return answer(200, fmt.Appendf(nil, `{"ch":"market.%s.detail.merged","status":"ok","ts":%d,"tick":{"id":%d,"version":%d,%s,"bid":%s,"ask":%s}}`, p.symbol, ms(q.clock()), p.updates, p.updates,
		h.bar(p, &day), h.rung(p)(nil, bid), h.rung(p)(nil, ask)))
}

func (h *htx) symbols() reply {
	var out []string
	for _, p := range h.v.pits {
		out = append(out, fmt.Sprintf(`{"base-currency":"%s","quote-currency":"%s","price-precision":%d,"amount-precision":%d,"symbol-partition":"main","symbol":"%s","state":"online","value-precision":8,"min-order-amt":%s,"max-order-amt":1000,"min-order-value":10,"limit-order-min-order-amt":%s,"limit-order-max-order-amt":1000,"limit-order-max-buy-amt":1000,"limit-order-max-sell-amt":1000,"sell-market-min-order-amt":%s,"sell-market-max-order-amt":100,"buy-market-max-order-value":1000000,"leverage-ratio":5,"super-margin-leverage-ratio":3,"api-trading":"enabled","tags":""}`,
			strings.ToLower(p.base()), strings.ToLower(p.quote()), p.pd, p.qd, p.symbol, htxNumber(10, p.qd), htxNumber(10, p.qd), htxNumber(10, p.qd)))
	}
	return answer(200, fmt.Appendf(nil, `{"status":"ok","data":[%s]}`, strings.Join(out, ",")))
}

func (h *htx) book(q *query, p *pit) reply {
	if q.get("type") != "step0" {
		return h.fail(q, "invalid-parameter", "invalid type")
	}
	n, ok := q.number("depth", 150)
	if !ok || !contains([]int64{5, 10, 20, 150}, n) {
		return h.fail(q, "invalid-parameter", "invalid depth")
	}
	b := fmt.Appendf(nil, `{"ch":"market.%s.depth.step0","status":"ok","ts":%d,"tick":{"ts":%d,`, p.symbol, ms(q.clock()), ms(h.v.stamp(p.last)))
	p.truth.mark(p.updates)
	return answer(200, append(h.depth(b, p, p.book.top(int(n)), "version", p.updates), '}', '}'))
}

// past: the latest trades, in batches of one taker, newest first.
func (h *htx) past(q *query, p *pit) reply {
	b := fmt.Appendf(nil, `{"ch":"market.%s.trade.detail","status":"ok","ts":%d,"data":[`, p.symbol, ms(q.clock()))
	var at time.Time
	for i, x := range reversed(p.tape.recent(q.limit("size", 1, 2000))) {
		one := x.at.Truncate(time.Microsecond)
		switch {
		case i > 0 && one.Equal(at):
			b = append(b, ',')
		case i > 0:
			b = append(b, `]},`...)
			fallthrough
		default:
			b = fmt.Appendf(b, `{"id":%d,"ts":%d,"data":[`, x.id*10, ms(h.v.stamp(x.at)))
		}
		at = one
		b = h.trade(b, p, &x, "trade-id")
	}
	if !at.IsZero() {
		b = append(b, `]}`...)
	}
	return answer(200, append(b, ']', '}'))
}

// klines: the latest bars only, newest first.
func (h *htx) klines(q *query, p *pit) reply {
	i := htxInterval(q.get("period"))
	if i == "" {
		return h.fail(q, "invalid-parameter", "invalid period")
	}
	b := fmt.Appendf(nil, `{"ch":"market.%s.kline.%s","status":"ok","ts":%d,"data":[`, p.symbol, q.get("period"), ms(q.clock()))
	list := p.tape.spans(i, htxShift(i), p.tape.reach(i), q.now, true)
	for n, k := range reversed(lastN(list, q.limit("size", 150, 2000))) {
		if n > 0 {
			b = append(b, ',')
		}
		b = fmt.Appendf(b, `{"id":%d,%s}`, k.open.Unix(), h.bar(p, &k))
	}
	return answer(200, append(b, ']', '}'))
}
