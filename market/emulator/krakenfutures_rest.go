package emulator

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"
)

func (k *krakenFutures) cost(q *query) (string, int) {
	switch {
	case strings.HasPrefix(q.path, "/api/history/"):
		return "history", 1
	case strings.HasPrefix(q.path, "/api/charts/"):
		return "charts", 1
	}
	return "derivatives", 1
}

// refuse: the derivatives interface says it in a 200, the others by status.
func (k *krakenFutures) refuse(q *query, r refusal) reply {
	if strings.HasPrefix(q.path, "/derivatives/") && !r.banned {
		return k.fail(q, "apiLimitExceeded")
	}
	a := answer(http.StatusTooManyRequests, []byte(`{"errors":[{"code":429,"message":"Too many requests"}]}`))
	a.header = map[string]string{"Retry-After": itoa(int64(r.retry/time.Second) + 1)}
	return a
}

func (k *krakenFutures) time(q *query) string { return q.clock().Format("2006-01-02T15:04:05.000Z") }

func (k *krakenFutures) fail(q *query, what string) reply {
	return answer(200, fmt.Appendf(nil, `{"result":"error","error":"%s","serverTime":"%s"}`, what, k.time(q)))
}

func (k *krakenFutures) ok(q *query, name, value string) reply {
	return answer(200, fmt.Appendf(nil, `{"result":"success","%s":%s,"serverTime":"%s"}`, name, value, k.time(q)))
}

func (k *krakenFutures) rest(q *query) reply {
	if what, ok := strings.CutPrefix(q.path, "/derivatives/api/v3/"); ok {
		return k.derivatives(q, what)
	}
	part := strings.Split(strings.TrimPrefix(q.path, "/"), "/")
	notFound := answer(http.StatusNotFound, []byte(`{"errors":[{"code":404,"message":"Contract not found"}]}`))
	switch {
	case len(part) == 6 && strings.HasPrefix(q.path, "/api/history/v3/market/") && part[5] == "executions":
		if p := k.v.symbols[part[4]]; p != nil {
			return k.executions(q, p)
		}
	case len(part) == 6 && strings.HasPrefix(q.path, "/api/charts/v1/trade/"):
		if p := k.v.symbols[part[4]]; p != nil {
			return k.candles(q, p, part[5])
		}
	}
	return notFound
}

func (k *krakenFutures) derivatives(q *query, what string) reply {
	name, symbol, single := strings.Cut(what, "/")
	switch what {
	case "instruments":
		return k.instruments(q)
	case "tickers":
		var out []string
		for _, p := range k.v.pits {
			out = append(out, k.state(p, q.now))
		}
		return k.ok(q, "tickers", "["+strings.Join(out, ",")+"]")
	case "orderbook", "history", "historical-funding-rates":
		symbol = q.get("symbol")
	default:
		if name != "tickers" || !single {
			return answer(http.StatusNotFound, []byte(`{"result":"error","error":"notFound"}`))
		}
	}
	p := k.v.symbols[symbol]
	if p == nil {
		return k.fail(q, "contractNotFound")
	}
	switch name {
	case "tickers":
		return k.ok(q, "ticker", k.state(p, q.now))
	case "orderbook":
		rung := func(b []byte, r rung) []byte {
			return fmt.Appendf(b, `[%s,%s]`, plainText(r.px, p.pd), plainText(r.qty, p.qd))
		}
		return k.ok(q, "orderBook", fmt.Sprintf(`{"bids":%s,"asks":%s}`, rows(nil, p.book.bids, rung), rows(nil, p.book.asks, rung)))
	case "history":
		var out []string
		for _, x := range reversed(p.tape.recent(100)) {
			out = append(out, fmt.Sprintf(`{"time":"%s","trade_id":%d,"price":%s,"size":%s,"side":"%s","type":"fill","uid":"%s"}`, k.v.stamp(x.at).Format("2006-01-02T15:04:05.000Z"),
				x.id%1e7, plainText(x.px, p.pd), plainText(x.qty, p.qd), k.side(x.sell), order(p, x.id)))
		}
		return k.ok(q, "history", "["+strings.Join(out, ",")+"]")
	}
	var out []string
	at, rate := p.fundings(time.Time{}, q.now)
	for i := range at {
		x := p.terms(at[i])
		x.hourly = rate[i]
		out = append(out, fmt.Sprintf(`{"timestamp":"%s","fundingRate":%s,"relativeFundingRate":%s}`, at[i].UTC().Format("2006-01-02T15:04:05.000Z"), exponent(x.paid(p.inverse)), exponent(rate[i])))
	}
	return k.ok(q, "rates", "["+strings.Join(out, ",")+"]")
}

// exponent writes a figure as their JSON does: the shortest form, 4.2e-7 where it is small.
func exponent(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }

func (k *krakenFutures) instruments(q *query) reply {
	out := []string{`{"symbol":"in_xbtusd","type":"spot index","tradeable":false}`}
	for _, p := range k.v.pits {
		kind := "flexible_futures"
		if p.inverse {
			kind = "futures_inverse"
		}
		out = append(out, fmt.Sprintf(`{"symbol":"%s","type":"%s","tickSize":%s,"contractSize":1,"tradeable":true,"impactMidSize":1,"maxPositionSize":1000000,"openingDate":"2022-03-22T13:18:45.000Z","marginLevels":[{"numNonContractUnits":0,"initialMargin":0.02,"maintenanceMargin":0.01}],"fundingRateCoefficient":24,"maxRelativeFundingRate":0.0025,"contractValueTradePrecision":%d,"postOnly":false,"base":"%s","quote":"%s","pair":"%s:%s","category":"Layer 1","tags":[]}`,
			p.symbol, kind, plainText(p.tick, p.pd), p.qd, p.base(), p.quote(), p.base(), p.quote()))
	}
	return k.ok(q, "instruments", "["+strings.Join(out, ",")+"]")
}

// state is a ticker of REST, whose funding is an amount.
func (k *krakenFutures) state(p *pit, at time.Time) string {
	bid, ask, day, last, x := p.book.bids[0], p.book.asks[0], p.tape.day(at), p.tape.lastTrade(), p.terms(at)
	return fmt.Sprintf(`{"tag":"perpetual","pair":"%s","symbol":"%s","markPrice":%s,"bid":%s,"bidSize":%s,"ask":%s,"askSize":%s,"vol24h":%s,"volumeQuote":%s,"openInterest":%s,"open24h":%s,"high24h":%s,"low24h":%s,"indexPrice":%s,"last":%s,"lastTime":"%s","lastSize":%s,"suspended":false,"fundingRate":%s,"fundingRatePrediction":%s,"postOnly":false,"change24h":%s}`,
		k.pair(p), p.symbol, digits(x.mark), plainText(bid.px, p.pd), plainText(bid.qty, p.qd), plainText(ask.px, p.pd), plainText(ask.qty, p.qd), plainText(day.vol, p.qd), plainText(day.vol, p.qd),
		decimals(x.interest, 15), plainText(day.o, p.pd), plainText(day.h, p.pd), plainText(day.l, p.pd), decimals(x.index, 2), plainText(last.px, p.pd), micro(k.v.stamp(last.at)),
		plainText(last.qty, p.qd), exponent(x.paid(p.inverse)), exponent(x.paid(p.inverse)), ratio(day.c, day.o, 4))
}

// executions pages by time and by token: since is inclusive, before is not; newest first
// unless sort says asc.
func (k *krakenFutures) executions(q *query, p *pit) reply {
	since, ok1 := q.number("since", 0)
	before, ok2 := q.number("before", 1<<62)
	n := q.limit("count", 1000, 1000)
	if !ok1 || !ok2 {
		return answer(http.StatusBadRequest, []byte(`{"errors":[{"code":400,"message":"Invalid timestamp"}]}`))
	}
	list := slices.Clone(p.tape.since(0))
	when := func(i int) int64 { return ms(k.v.stamp(list[i].at)) }
	list = list[sort.Search(len(list), func(i int) bool { return when(i) >= since }):]
	list = list[:sort.Search(len(list), func(i int) bool { return when(i) >= before })]
	asc := q.get("sort") == "asc"
	if !asc {
		slices.Reverse(list)
	}
	if token, err := base64.StdEncoding.DecodeString(q.get("continuation_token")); err == nil && len(token) > 0 {
		id, _ := strconv.ParseInt(string(token), 10, 64)
		i := slices.IndexFunc(list, func(x trade) bool { return x.id == id })
		list = list[max(i, 0):]
	}
	more := ""
	if len(list) > n {
		more = fmt.Sprintf(`,"continuationToken":"%s"`, base64.StdEncoding.EncodeToString([]byte(itoa(list[n].id))))
		list = list[:n]
	}
	var out []string
	for i := range list {
		out = append(out, k.execution(p, &list[i]))
	}
	return answer(200, fmt.Appendf(nil, `{"elements":[%s],"len":%d%s}`, strings.Join(out, ","), len(list), more))
}

func (k *krakenFutures) execution(p *pit, x *trade) string {
	at, side := ms(k.v.stamp(x.at)), map[bool]string{true: "Sell", false: "Buy"}
	leg := func(id int64, sell bool, kind string) string {
		return fmt.Sprintf(`{"uid":"%s","tradeable":"%s","direction":"%s","quantity":"%s","timestamp":%d,"limitPrice":"%s","orderType":"%s","reduceOnly":false,"lastUpdateTimestamp":%d}`,
			order(p, id), p.symbol, side[sell], plainText(x.qty, p.qd), at, plainText(x.px, p.pd), kind, at)
	}
	return fmt.Sprintf(`{"uid":"%s","timestamp":%d,"event":{"Execution":{"execution":{"uid":"%s","makerOrder":%s,"takerOrder":%s,"timestamp":%d,"quantity":"%s","price":"%s","markPrice":"%s","limitFilled":true,"usdValue":"%s"},"takerReducedQuantity":""}}}`,
		order(p, x.id+3e9), at, order(p, x.id), leg(x.id+1e9, !x.sell, "Post"), leg(x.id+2e9, x.sell, "IoC"), at, plainText(x.qty, p.qd), plainText(x.px, p.pd), digits(p.terms(x.at).mark), plainText(x.qty, p.qd))
}

// candles: padded, oldest first, at most 2000 from the start of the range or, without one,
// the latest.
func (k *krakenFutures) candles(q *query, p *pit, resolution string) reply {
	i := chartInterval(resolution)
	from, ok1 := q.number("from", 0)
	to, ok2 := q.number("to", q.now.Unix())
	if i == "" || !ok1 || !ok2 {
		return answer(http.StatusBadRequest, []byte(`{"errors":[{"code":400,"message":"Invalid resolution or range"}]}`))
	}
	start := p.tape.reach(i)
	if from > 0 {
		start = time.Unix(from, 0)
	}
	list := p.tape.spans(i, 0, start, time.Unix(min(to, q.now.Unix()), 0), true)
	more := len(list) > 2000
	if from > 0 {
		list = firstN(list, 2000)
	} else {
		list = lastN(list, 2000)
	}
	var out []string
	for _, b := range list {
		out = append(out, fmt.Sprintf(`{"time":%d,"open":"%s","high":"%s","low":"%s","close":"%s","volume":"%s"}`, ms(b.open), fixedText(b.o, p.pd), fixedText(b.h, p.pd), fixedText(b.l, p.pd), fixedText(b.c, p.pd), plainText(b.vol, p.qd)))
	}
	return answer(200, fmt.Appendf(nil, `{"candles":[%s],"more_candles":%t}`, strings.Join(out, ","), more))
}
