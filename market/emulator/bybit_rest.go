package emulator

import (
	"fmt"
	"net/http"
	"path"
	"strings"
	"time"
)

func (b *bybit) cost(*query) (string, int) { return "", 1 }

// refuse: the venue's edge answers 403; its application, when the plan says so, answers
// 200 with code 10006 and the moment of return in a header.
func (b *bybit) refuse(q *query, r refusal) reply {
	if !r.forced || r.banned {
		a := reply{status: http.StatusForbidden, mime: "text/plain", body: []byte("403, access too frequent. Please try again in 10 minutes.")}
		if r.forced || r.banned {
			a.header = map[string]string{"Retry-After": itoa(int64(r.retry / time.Second))}
		}
		return a
	}
	a := b.fail(q, 10006, "Too many visits. Exceeded the API Rate Limit.")
	a.header = map[string]string{"X-Bapi-Limit": "50", "X-Bapi-Limit-Status": "0", "X-Bapi-Limit-Reset-Timestamp": itoa(ms(b.v.stamp(r.until)))}
	return a
}

func (b *bybit) fail(q *query, code int, msg string) reply {
	return answer(200, fmt.Appendf(nil, `{"retCode":%d,"retMsg":%q,"result":{},"retExtInfo":{},"time":%d}`, code, msg, ms(q.clock())))
}

func (b *bybit) ok(q *query, result string) reply {
	return answer(200, fmt.Appendf(nil, `{"retCode":0,"retMsg":"OK","result":%s,"retExtInfo":{},"time":%d}`, result, ms(q.clock())))
}

func (b *bybit) rest(q *query) reply {
	if q.path == "/v5/market/time" {
		return b.ok(q, fmt.Sprintf(`{"timeSecond":"%d","timeNano":"%d"}`, q.clock().Unix(), q.clock().UnixNano()))
	}
	if !strings.HasPrefix(q.path, "/v5/market/") {
		return answer(http.StatusNotFound, nil)
	}
	category := q.get("category")
	if category == "" && path.Base(q.path) == "kline" {
		category = "linear"
	}
	if !contains([]string{"spot", "linear", "inverse", "option"}, category) {
		return b.fail(q, 10001, "Illegal category")
	}
	if q.path == "/v5/market/funding/history" {
		return b.funding(q, category)
	}
	switch path.Base(q.path) {
	case "instruments-info", "tickers":
		return b.all(q, category)
	case "orderbook", "recent-trade", "kline":
	default:
		return answer(http.StatusNotFound, nil)
	}
	name := q.get("symbol")
	if category == "linear" {
		name = "linear:" + name
	}
	p := b.v.symbols[name]
	if p == nil || category == "inverse" || category == "option" {
		return b.fail(q, 10001, "Not supported symbols")
	}
	switch path.Base(q.path) {
	case "orderbook":
		return b.orderbook(q, p)
	case "recent-trade":
		return b.recent(q, p, category)
	}
	return b.klines(q, p, category)
}

func (b *bybit) all(q *query, category string) reply {
	var out []string
	for _, p := range b.v.pits {
		if p.perp != (category == "linear") || category != "spot" && category != "linear" || q.get("symbol") != "" && q.get("symbol") != b.wire(p) {
			continue
		}
		switch {
		case path.Base(q.path) == "tickers":
			bid, ask := p.book.bids[0], p.book.asks[0]
			extra := fmt.Sprintf(`"usdIndexPrice":"%s"`, b.index(p, q.now))
			if p.perp {
				extra = b.perp(p, q.now)
			}
			out = append(out, fmt.Sprintf(`{"symbol":"%s","bid1Price":"%s","bid1Size":"%s","ask1Price":"%s","ask1Size":"%s",%s,%s}`, b.wire(p), b.px(p, bid.px), b.qty(p, bid.qty), b.px(p, ask.px), b.qty(p, ask.qty), b.day(p, q.now), extra))
		case p.perp:
			out = append(out, fmt.Sprintf(`{"symbol":"%s","contractType":"LinearPerpetual","status":"Trading","baseCoin":"%s","quoteCoin":"%s","launchTime":"1584230400000","deliveryTime":"0","deliveryFeeRate":"","priceScale":"%d","leverageFilter":{"minLeverage":"1","maxLeverage":"100.00","leverageStep":"0.01"},"priceFilter":{"minPrice":"%s","maxPrice":"1999999.80","tickSize":"%s"},"lotSizeFilter":{"maxOrderQty":"1190.000","minOrderQty":"%s","qtyStep":"%s","postOnlyMaxOrderQty":"1190.000","maxMktOrderQty":"500.000","minNotionalValue":"5"},"unifiedMarginTrade":true,"fundingInterval":480,"settleCoin":"%s","copyTrading":"both","upperFundingRate":"0.005","lowerFundingRate":"-0.005","isPreListing":false,"preListingInfo":null,"symbolType":""}`,
				b.wire(p), p.base(), p.quote(), p.pd, fixedText(p.tick, p.pd), fixedText(p.tick, p.pd), fixedText(1, p.qd), fixedText(1, p.qd), p.quote()))
		default:
			out = append(out, fmt.Sprintf(`{"symbolId":%d,"symbol":"%s","baseCoin":"%s","quoteCoin":"%s","innovation":"0","status":"Trading","marginTrading":"utaOnly","stTag":"0","lotSizeFilter":{"basePrecision":"%s","quotePrecision":"0.0000001","minOrderQty":"%s","maxOrderQty":"230","minOrderAmt":"5","maxOrderAmt":"8000000","maxLimitOrderQty":"230","maxMarketOrderQty":"120","postOnlyMaxLimitOrderSize":"1150"},"priceFilter":{"tickSize":"%s"},"riskParameters":{"priceLimitRatioX":"0.005","priceLimitRatioY":"0.01"},"symbolType":"","xstockMultiplier":"1"}`,
				9+p.index, p.symbol, p.base(), p.quote(), fixedText(1, p.qd), fixedText(1, p.qd), plainText(p.tick, p.pd)))
		}
	}
	cursor := ""
	if category != "spot" {
		cursor = `"nextPageCursor":"",`
	}
	return b.ok(q, fmt.Sprintf(`{%s"category":"%s","list":[%s]}`, cursor, category, strings.Join(out, ",")))
}

// funding gives payments, newest first: the latest, those up to an end, or those between
// a start and an end. A start alone is refused.
func (b *bybit) funding(q *query, category string) reply {
	p := b.v.symbols["linear:"+q.get("symbol")]
	if category != "linear" || p == nil {
		return b.fail(q, 10001, "Not supported symbols")
	}
	start, ok1 := q.number("startTime", 0)
	end, ok2 := q.number("endTime", ms(q.clock()))
	if !ok1 || !ok2 || q.get("startTime") != "" && q.get("endTime") == "" {
		return b.fail(q, 10001, "params error: startTime or endTime invalid")
	}
	at, rates := p.settled(time.UnixMilli(start), time.UnixMilli(min(end, ms(q.clock()))), eight)
	var out []string
	for i := len(at) - 1; i >= 0 && len(out) < q.limit("limit", 200, 200); i-- {
		out = append(out, fmt.Sprintf(`{"symbol":"%s","fundingRate":"%s","fundingRateTimestamp":"%d"}`, b.wire(p), decimals(rates[i], 8), ms(at[i])))
	}
	return b.ok(q, fmt.Sprintf(`{"category":"linear","list":[%s]}`, strings.Join(out, ",")))
}

func (b *bybit) orderbook(q *query, p *pit) reply {
	most, def := int64(200), int64(1)
	if p.perp {
		most, def = 500, 25
	}
	book := p.book.top(q.limit("limit", def, most))
	u := 900_000_000_000 + p.version
	p.truth.mark(u)
	return b.ok(q, fmt.Sprintf(`{"s":"%s","b":%s,"a":%s,"ts":%d,"u":%d,"seq":%d,"cts":%d}`, b.wire(p), rows(nil, book.bids, b.rung(p)), rows(nil, book.asks, b.rung(p)), ms(q.clock()), u, b.engine(p), ms(b.v.stamp(p.last))))
}

func (b *bybit) recent(q *query, p *pit, category string) reply {
	most, def := int64(60), int64(60)
	if p.perp {
		most, def = 1000, 500
	}
	var out []string
	for _, t := range reversed(p.tape.recent(q.limit("limit", def, most))) {
		out = append(out, fmt.Sprintf(`{"execId":"%s","symbol":"%s","price":"%s","size":"%s","side":"%s","time":"%d","isBlockTrade":false,"isRPITrade":false,"seq":"%d"}`, b.tradeID(p, t.id), b.wire(p), b.px(p, t.px), b.qty(p, t.qty), b.side(&t), ms(b.v.stamp(t.at)), b.engine(p)))
	}
	return b.ok(q, fmt.Sprintf(`{"category":"%s","list":[%s]}`, category, strings.Join(out, ",")))
}

// klines: newest first, padded. With start alone the first limit bars from it, else the
// latest limit bars up to end.
func (b *bybit) klines(q *query, p *pit, category string) reply {
	i := bybitInterval(q.get("interval"))
	if i == "" {
		return b.fail(q, 10001, "Invalid period!")
	}
	start, ok1 := q.number("start", 0)
	end, ok2 := q.number("end", 0)
	if !ok1 || !ok2 {
		return b.fail(q, 10001, "params error: start or end invalid")
	}
	from, to := p.tape.reach(i), q.now
	if start > 0 {
		from = time.UnixMilli(start)
	}
	if end > 0 && time.UnixMilli(end).Before(to) {
		to = time.UnixMilli(end)
	}
	n := q.limit("limit", 200, 1000)
	list := p.tape.spans(i, 0, from, to, true)
	if start > 0 && end == 0 {
		list = firstN(list, n)
	}
	var out []string
	for _, k := range reversed(lastN(list, n)) {
		out = append(out, fmt.Sprintf(`["%d","%s","%s","%s","%s","%s","%s"]`, ms(k.open), b.px(p, k.o), b.px(p, k.h), b.px(p, k.l), b.px(p, k.c), plainText(k.vol, p.qd), k.quote.append(nil, p.pd+p.qd, 8)))
	}
	return b.ok(q, fmt.Sprintf(`{"symbol":"%s","category":"%s","list":[%s]}`, b.wire(p), category, strings.Join(out, ",")))
}
