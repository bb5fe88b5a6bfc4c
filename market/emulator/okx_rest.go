package emulator

import (
	"fmt"
	"net/http"
	"path"
	"sort"
	"strings"
)

func (o *okx) cost(q *query) (string, int) { return path.Base(q.path), 1 }

func (o *okx) refuse(q *query, r refusal) reply {
	a := answer(http.StatusTooManyRequests, []byte(`{"msg":"Too Many Requests","data":[],"code":"50011"}`))
	if r.banned {
		a.status = http.StatusForbidden
	}
	return a
}

func (o *okx) fail(code, msg string) reply {
	return answer(200, fmt.Appendf(nil, `{"code":%q,"msg":%q,"data":[]}`, code, msg))
}

func (o *okx) ok(rows ...string) reply {
	return answer(200, fmt.Appendf(nil, `{"code":"0","msg":"","data":[%s]}`, strings.Join(rows, ",")))
}

func (o *okx) rest(q *query) reply {
	switch q.path {
	case "/api/v5/public/time":
		return o.ok(fmt.Sprintf(`{"ts":"%d"}`, ms(q.clock())))
	case "/api/v5/public/instruments", "/api/v5/market/tickers":
		return o.all(q)
	case "/api/v5/public/mark-price", "/api/v5/public/funding-rate", "/api/v5/public/funding-rate-history", "/api/v5/public/open-interest", "/api/v5/market/index-tickers":
		return o.contract(q)
	case "/api/v5/market/ticker", "/api/v5/market/books", "/api/v5/market/books-full", "/api/v5/market/trades", "/api/v5/market/history-trades",
		"/api/v5/market/candles", "/api/v5/market/history-candles":
	default:
		return answer(http.StatusNotFound, []byte(`{"code":"404","msg":"Not Found","data":[]}`))
	}
	if q.get("instId") == "" {
		a := o.fail("50014", "Parameter instId can not be empty.")
		a.status = http.StatusBadRequest
		return a
	}
	p := o.v.symbols[q.get("instId")]
	if p == nil {
		return o.fail("51001", "Instrument ID, Instrument ID code, or Spread ID doesn't exist.")
	}
	switch path.Base(q.path) {
	case "ticker":
		return o.ok(o.ticker(p, q.now))
	case "books":
		return o.snapshot(q, p, 400)
	case "books-full":
		return o.snapshot(q, p, 5000)
	case "trades":
		var out []string
		for _, t := range reversed(p.tape.recent(q.limit("limit", 100, 500))) {
			out = append(out, o.tradeRow(p, &t, `,"source":"0"`))
		}
		return o.ok(out...)
	case "history-trades":
		return o.history(q, p)
	}
	return o.candles(q, p)
}

func (o *okx) all(q *query) reply {
	if q.get("instType") == "" {
		a := o.fail("50014", "Parameter instType can not be empty.")
		a.status = http.StatusBadRequest
		return a
	}
	if !contains([]string{"SPOT", "MARGIN", "SWAP", "FUTURES", "OPTION"}, q.get("instType")) {
		return o.fail("51000", "Parameter instType error")
	}
	var out []string
	for _, p := range o.v.pits {
		if q.get("instType") != okxKind(p) || q.get("instId") != "" && q.get("instId") != p.symbol {
			continue
		}
		if strings.HasSuffix(q.path, "tickers") {
			out = append(out, o.ticker(p, q.now))
			continue
		}
		if p.perp {
			out = append(out, o.swap(p))
			continue
		}
		out = append(out, fmt.Sprintf(`{"alias":"","auctionEndTime":"","baseCcy":"%s","category":"1","contTdSwTime":"","ctMult":"","ctType":"","ctVal":"","ctValCcy":"","expTime":"","futureSettlement":false,"instFamily":"","instId":"%s","instIdCode":%d,"instType":"SPOT","lever":"10","listTime":"1611907686000","lotSz":"%s","maxIcebergSz":"9999999999.0000000000000000","maxLmtAmt":"20000000","maxLmtSz":"9999999999","maxMktAmt":"1000000","maxMktSz":"1000000","maxStopSz":"1000000","maxTriggerSz":"9999999999.0000000000000000","maxTwapSz":"9999999999.0000000000000000","minSz":"%s","openType":"","optType":"","quoteCcy":"%s","ruleType":"normal","settleCcy":"","state":"live","stk":"","tickSz":"%s","uly":""}`,
			p.base(), p.symbol, 100+p.index, plainText(1, p.qd), plainText(10, p.qd), p.quote(), plainText(p.tick, p.pd)))
	}
	return o.ok(out...)
}

func (o *okx) snapshot(q *query, p *pit, most int64) reply {
	book, seq := p.book.top(q.limit("sz", 1, most)), o.number(p)
	p.truth.mark(seq)
	b := rows([]byte(`{"asks":`), book.asks, o.rung(p))
	b = rows(append(b, `,"bids":`...), book.bids, o.rung(p))
	return o.ok(string(fmt.Appendf(b, `,"ts":"%d","seqId":%d}`, ms(o.v.stamp(p.last)), seq)))
}

// history pages backwards: after gives rows older than an id (type 1) or a time (type
// 2), before newer ones; newest first, at most 100.
func (o *okx) history(q *query, p *pit) reply {
	after, ok1 := q.number("after", 0)
	before, ok2 := q.number("before", 0)
	if !ok1 || !ok2 {
		return o.fail("51000", "Parameter after error")
	}
	list := p.tape.since(0)
	value := func(t *trade) int64 { return t.id }
	if q.get("type") == "2" {
		value = func(t *trade) int64 { return ms(o.v.stamp(t.at)) }
	}
	if after > 0 {
		list = list[:sort.Search(len(list), func(i int) bool { return value(&list[i]) >= after })]
	}
	if before > 0 && q.get("type") != "2" {
		list = list[sort.Search(len(list), func(i int) bool { return value(&list[i]) > before }):]
	}
	var out []string
	for _, t := range reversed(lastN(list, q.limit("limit", 100, 100))) {
		out = append(out, o.tradeRow(p, &t, `,"source":"0"`))
	}
	return o.ok(out...)
}

// candles: after gives bars older than a time, before newer ones; newest first. The
// first path knows the latest 1440 bars and the unfinished one, the history path only
// finished ones.
func (o *okx) candles(q *query, p *pit) reply {
	name := q.get("bar")
	if name == "" {
		name = "1m"
	}
	i, _ := okxInterval(name)
	if i == "" {
		return o.fail("51000", "Parameter bar error")
	}
	shift := okxShift(name)
	after, ok1 := q.number("after", 0)
	before, ok2 := q.number("before", 0)
	if !ok1 || !ok2 {
		return o.fail("51000", "Parameter after error")
	}
	list := p.tape.spans(i, shift, p.tape.reach(i), q.now, true)
	history := strings.HasSuffix(q.path, "history-candles")
	if !history {
		list = lastN(list, 1440)
	}
	var out []string
	n := q.limit("limit", 100, 300)
	for _, b := range reversed(list) {
		at, done := ms(b.open), !i.Next(b.open.Add(shift)).Add(-shift).After(q.now)
		if len(out) == n || after > 0 && at >= after || before > 0 && at <= before || history && !done {
			continue
		}
		out = append(out, o.row(p, &b, done))
	}
	return o.ok(out...)
}
