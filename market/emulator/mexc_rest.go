package emulator

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

func (m *mexc) cost(q *query) (string, int) {
	n := 1
	switch q.path {
	case "/api/v3/exchangeInfo":
		n = 10
	case "/api/v3/trades":
		n = 5
	}
	return "endpoint", n
}

func (m *mexc) refuse(_ *query, r refusal) reply {
	a := answer(http.StatusTooManyRequests, []byte(`{"code":429,"msg":"Too many requests, please try again later","_extend":null}`))
	if r.banned {
		a.status = http.StatusForbidden
	}
	a.header = map[string]string{"Retry-After": itoa(int64((r.retry + time.Second - 1) / time.Second))}
	return a
}

func (m *mexc) fail(code int, msg string) reply {
	return answer(http.StatusBadRequest, fmt.Appendf(nil, `{"code":%d,"msg":%q,"_extend":null}`, code, msg))
}

func (m *mexc) rest(q *query) reply {
	what, _ := strings.CutPrefix(q.path, "/api/v3/")
	switch what {
	case "ping":
		return answer(200, []byte(`{}`))
	case "time":
		return answer(200, fmt.Appendf(nil, `{"serverTime":%d}`, ms(q.clock())))
	case "exchangeInfo":
		return m.info(q)
	case "depth", "trades", "aggTrades", "klines":
	default:
		return answer(http.StatusNotFound, []byte(`{"code":404,"msg":"Not Found","_extend":null}`))
	}
	if q.get("symbol") == "" {
		return m.fail(700004, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.")
	}
	p := m.v.symbols[q.get("symbol")]
	if p == nil {
		return m.fail(-1121, "Invalid symbol.")
	}
	start, ok1 := q.number("startTime", 0)
	end, ok2 := q.number("endTime", 0)
	if !ok1 || !ok2 {
		return m.fail(-1128, "Combination of optional parameters invalid.")
	}
	switch what {
	case "depth":
		return m.book(q, p)
	case "klines":
		return m.klines(q, p, start, end)
	}
	list := p.tape.recent(q.limit("limit", 500, 1000))
	if what == "aggTrades" && (start != 0 || end != 0) {
		if start == 0 || end < start || end-start > time.Hour.Milliseconds() {
			return m.fail(-1128, "Combination of optional parameters invalid.")
		}
		var within []trade
		for _, x := range p.tape.since(0) {
			if at := ms(m.v.stamp(x.at)); at >= start && at <= end {
				within = append(within, x)
			}
		}
		list = lastN(within, q.limit("limit", 500, 1000))
	}
	form := `{"id":null,"price":"%s","qty":"%s","quoteQty":"%s","time":%d,"isBuyerMaker":%t,"isBestMatch":true,"tradeType":"BID"}`
	if what == "aggTrades" {
		form = `{"a":null,"f":null,"l":null,"p":"%s","q":"%s","T":%[4]d,"m":%[5]t,"M":true}`
	}
	var out [][]byte
	for _, x := range reversed(list) {
		out = append(out, fmt.Appendf(nil, form, m.px(p, x.px), m.qty(p, x.qty), times(x.px, x.qty).append(nil, p.pd+p.qd, 8), ms(m.v.stamp(x.at)), x.sell))
	}
	return array(out)
}

func (m *mexc) info(q *query) reply {
	var out []string
	for _, p := range m.v.pits {
		out = append(out, fmt.Sprintf(`{"symbol":"%s","status":"1","baseAsset":"%s","baseAssetPrecision":%d,"quoteAsset":"%s","quotePrecision":%d,"quoteAssetPrecision":%d,"baseCommissionPrecision":%d,"quoteCommissionPrecision":%d,"orderTypes":["LIMIT","MARKET","LIMIT_MAKER"],"isSpotTradingAllowed":true,"isMarginTradingAllowed":false,"quoteAmountPrecision":"1","baseSizePrecision":"%s","permissions":["SPOT"],"filters":[],"maxQuoteAmount":"2000000","makerCommission":"0","takerCommission":"0.0005","quoteAmountPrecisionMarket":"1","maxQuoteAmountMarket":"100000","fullName":"%s","tradeSideType":1}`,
			p.symbol, p.base(), p.qd, p.quote(), p.pd, p.pd, p.qd, p.pd, plainText(10, p.qd), p.base()))
	}
	return answer(200, fmt.Appendf(nil, `{"timezone":"CST","serverTime":%d,"rateLimits":[],"exchangeFilters":[],"symbols":[%s]}`, ms(q.clock()), strings.Join(out, ",")))
}

// book is of a cache that follows the stream: where the last message of changes led to.
func (m *mexc) book(q *query, p *pit) reply {
	n := q.limit("limit", 100, 5000)
	book, last := p.book.top(n), p.updates
	if t := m.v.topics["spot@public.aggre.depth.v3.api.pb@100ms@"+p.symbol]; t != nil {
		book, last = ladder{first(t.sent.bids, n), first(t.sent.asks, n)}, t.updates
	} else {
		p.truth.mark(last)
	}
	if old := m.v.faults.old(q); old > 0 {
		if x, u, _, ok := p.truth.before(q.now.Add(-old)); ok {
			book, last = x.top(n), u
		}
	}
	rung := func(b []byte, r rung) []byte { return fmt.Appendf(b, `["%s","%s"]`, m.px(p, r.px), m.qty(p, r.qty)) }
	b := rows(fmt.Appendf(nil, `{"lastUpdateId":%d,"bids":`, last), book.bids, rung)
	b = rows(append(b, `,"asks":`...), book.asks, rung)
	return answer(200, fmt.Appendf(b, `,"timestamp":%d}`, ms(q.clock())))
}

// klines: oldest first; from a time the first ones after it, else the latest.
func (m *mexc) klines(q *query, p *pit, start, end int64) reply {
	i := mexcInterval(q.get("interval"))
	if i == "" {
		return m.fail(-1121, "Invalid interval.")
	}
	from, to := p.tape.reach(i), q.now
	if start > 0 {
		from = time.UnixMilli(start)
	}
	if end > 0 && time.UnixMilli(end).Before(to) {
		to = time.UnixMilli(end)
	}
	n, list := q.limit("limit", 500, 500), p.tape.spans(i, 0, from, to, true)
	if start > 0 {
		list = firstN(list, n)
	}
	var out [][]byte
	for _, k := range lastN(list, n) {
		out = append(out, fmt.Appendf(nil, `[%d,"%s","%s","%s","%s","%s",%d,"%s"]`, ms(k.open), m.px(p, k.o), m.px(p, k.h), m.px(p, k.l), m.px(p, k.c), plainText(k.vol, p.qd), ms(i.Next(k.open)), k.quote.append(nil, p.pd+p.qd, 8)))
	}
	return array(out)
}
