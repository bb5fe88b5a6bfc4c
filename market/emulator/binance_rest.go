package emulator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"sort"
	"strings"
	"time"
)

// binanceArgs lists the parameters each path of spot knows; others are refused.
func binanceArgs(what string) (args string, known bool) {
	switch what {
	case "ping", "time":
		return "", true
	case "exchangeInfo":
		return "symbol symbols permissions showPermissionSets symbolStatus", true
	case "depth":
		return "symbol limit symbolStatus", true
	case "trades":
		return "symbol limit", true
	case "historicalTrades":
		return "symbol limit fromId", true
	case "aggTrades":
		return "symbol limit fromId startTime endTime", true
	case "klines", "uiKlines":
		return "symbol interval startTime endTime timeZone limit", true
	case "ticker/24hr":
		return "symbol symbols type symbolStatus", true
	case "ticker/price", "ticker/bookTicker":
		return "symbol symbols symbolStatus", true
	case "avgPrice":
		return "symbol", true
	}
	return "", false
}

func (b *binance) cost(q *query) (string, int) {
	if b.futures() {
		return b.futuresCost(q)
	}
	switch strings.TrimPrefix(q.path, b.api) {
	case "depth":
		switch n := q.limit("limit", 100, 5000); {
		case n <= 100:
			return "", 5
		case n <= 500:
			return "", 25
		case n <= 1000:
			return "", 50
		}
		return "", 250
	case "trades", "historicalTrades":
		return "", 25
	case "aggTrades":
		return "", 4
	case "klines", "uiKlines", "avgPrice":
		return "", 2
	case "exchangeInfo":
		return "", 20
	case "ticker/24hr":
		if q.get("symbol") == "" {
			return "", 80
		}
		return "", 2
	case "ticker/price", "ticker/bookTicker":
		if q.get("symbol") == "" {
			return "", 4
		}
		return "", 2
	}
	return "", 1
}

func (b *binance) fail(q *query, code int, msg string) reply {
	return b.weigh(q, answer(http.StatusBadRequest, fmt.Appendf(nil, `{"code":%d,"msg":%q}`, code, msg)))
}

func (b *binance) weigh(q *query, a reply) reply {
	if a.header == nil {
		a.header = map[string]string{}
	}
	a.header["X-Mbx-Used-Weight"], a.header["X-Mbx-Used-Weight-1m"] = itoa(int64(q.used)), itoa(int64(q.used))
	return a
}

func (b *binance) refuse(q *query, r refusal) reply {
	status, msg := http.StatusTooManyRequests, "Too much request weight used; current limit is 6000 request weight per 1 MINUTE. Please use WebSocket Streams for live updates to avoid polling the API."
	if r.banned {
		status = http.StatusTeapot
		msg = fmt.Sprintf("Way too much request weight used; IP banned until %d. Please use WebSocket Streams for live updates to avoid bans.", ms(b.v.stamp(r.until)))
	}
	a := b.weigh(q, answer(status, fmt.Appendf(nil, `{"code":-1003,"msg":%q}`, msg)))
	a.header["Retry-After"] = itoa(int64((r.retry + time.Second - 1) / time.Second))
	return a
}

// ts is a time in the unit the request's header asks for.
func (b *binance) ts(q *query, t time.Time) int64 {
	if strings.EqualFold(q.r.Header.Get("X-MBX-TIME-UNIT"), "MICROSECOND") {
		return us(t)
	}
	return ms(t)
}

func (b *binance) rest(q *query) reply {
	args := binanceArgs
	if b.futures() {
		args = futuresArgs
	}
	what, ours := strings.CutPrefix(q.path, b.api)
	known, ok := args(what)
	if !ok || !ours || q.r.Method != http.MethodGet {
		return reply{status: http.StatusNotFound, mime: "text/html", body: []byte("<html><body><h2>404 Not found</h2></body></html>")}
	}
	sent, read := 0, 0
	for k := range q.args {
		sent++
		if contains(strings.Fields(known), k) {
			read++
		}
	}
	if read < sent {
		if known == "" {
			return b.fail(q, -1101, fmt.Sprintf("Too many parameters; expected '0' and received '%d'.", sent))
		}
		return b.fail(q, -1104, fmt.Sprintf("Not all sent parameters were read; read '%d' parameter(s) but was sent '%d'.", read, sent))
	}
	for _, k := range []string{"limit", "startTime", "endTime", "fromId"} {
		if n, ok := q.number(k, 1); !ok || n < 0 {
			return b.fail(q, -1100, fmt.Sprintf("Illegal characters found in parameter '%s'; legal range is '^[0-9]{1,20}$'.", k))
		}
	}
	return b.weigh(q, b.route(q))
}

func (b *binance) route(q *query) reply {
	what := strings.TrimPrefix(q.path, b.api)
	switch what {
	case "ping":
		return answer(200, []byte("{}"))
	case "time":
		return answer(200, fmt.Appendf(nil, `{"serverTime":%d}`, b.ts(q, q.clock())))
	case "exchangeInfo":
		return b.exchangeInfo(q)
	}
	if p := q.pit(q.get("symbol")); p == nil && (q.get("symbol") != "" || !strings.HasPrefix(what, "ticker/")) {
		if q.get("symbol") == "" {
			return b.fail(q, -1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.")
		}
		return b.fail(q, -1121, "Invalid symbol.")
	}
	switch what {
	case "premiumIndex", "openInterest", "fundingRate":
		return b.terms(q, what)
	case "depth":
		return b.depth(q)
	case "trades", "historicalTrades":
		return b.trades(q)
	case "aggTrades":
		return b.aggTrades(q)
	case "klines", "uiKlines":
		return b.klines(q)
	case "avgPrice":
		x := q.pit(q.get("symbol")).tape.lastTrade()
		return answer(200, fmt.Appendf(nil, `{"mins":5,"price":"%s","closeTime":%d}`, b.px(q.pit(q.get("symbol")), x.px), b.ts(q, b.v.stamp(x.at))))
	}
	return b.tickers(q, strings.TrimPrefix(what, "ticker/"))
}

func (b *binance) depth(q *query) reply {
	if limits := []string{"", "5", "10", "20", "50", "100", "500", "1000"}; b.futures() && !contains(limits, q.get("limit")) {
		return b.fail(q, -4021, q.get("limit")+" is not valid depth limit")
	}
	p, n := q.pit(q.get("symbol")), q.limit("limit", 100, 5000)
	book, last := p.book.top(n), p.updates
	if old := b.v.faults.old(q); old > 0 {
		if x, u, _, ok := p.truth.before(q.now.Add(-old)); ok {
			book, last = x.top(n), u
		}
	} else {
		p.truth.mark(b.number(last))
	}
	x := fmt.Appendf(nil, `{"lastUpdateId":%d,"bids":`, b.number(last))
	if b.futures() {
		x = fmt.Appendf(nil, `{"lastUpdateId":%d,"E":%d,"T":%d,"bids":`, b.number(last), ms(q.clock()), ms(b.v.stamp(p.last)))
	}
	x = rows(x, book.bids, b.rung(p))
	x = append(x, `,"asks":`...)
	return answer(200, append(rows(x, book.asks, b.rung(p)), '}'))
}

func (b *binance) trades(q *query) reply {
	p, n := q.pit(q.get("symbol")), q.limit("limit", 500, 1000)
	list := p.tape.recent(n)
	if from, _ := q.number("fromId", -1); from >= 0 {
		list = firstN(p.tape.since(from), n)
	}
	var out [][]byte
	for _, t := range list {
		out = append(out, fmt.Appendf(nil, `{"id":%d,"price":"%s","qty":"%s","quoteQty":"%s","time":%d,"isBuyerMaker":%t,"isBestMatch":true}`,
			t.id, b.px(p, t.px), b.qty(p, t.qty), times(t.px, t.qty).append(nil, p.pd+p.qd, 8), b.ts(q, b.v.stamp(t.at)), t.sell))
	}
	return array(out)
}

// array joins JSON values.
func array(xs [][]byte) reply {
	return answer(200, append(append([]byte{'['}, bytes.Join(xs, []byte{','})...), ']'))
}

func (b *binance) aggTrades(q *query) reply {
	p, n := q.pit(q.get("symbol")), q.limit("limit", 500, 1000)
	from, _ := q.number("fromId", -1)
	start, _ := q.number("startTime", -1)
	end, _ := q.number("endTime", -1)
	var list []trade
	switch {
	case from >= 0 && (start >= 0 || end >= 0):
		return b.fail(q, -1128, "Combination of optional parameters invalid.")
	case from >= 0:
		list = firstN(p.tape.since(from+binanceAggregate), n)
	case start >= 0 || end >= 0:
		if start >= 0 {
			list = p.tape.from(unskew(b.v, time.UnixMilli(start)))
		} else {
			list = p.tape.recent(keepTrades)
		}
		if end >= 0 {
			stop := unskew(b.v, time.UnixMilli(end+1))
			list = list[:sort.Search(len(list), func(i int) bool { return !list[i].at.Before(stop) })]
		}
		if start >= 0 {
			list = firstN(list, n)
		} else {
			list = lastN(list, n)
		}
	default:
		list = p.tape.recent(n)
	}
	var out [][]byte
	for _, t := range list {
		out = append(out, fmt.Appendf(nil, `{"a":%d,"p":"%s","q":"%s","f":%d,"l":%d,"T":%d,"m":%t,"M":true}`,
			t.id-binanceAggregate, b.px(p, t.px), b.qty(p, t.qty), t.id, t.id, b.ts(q, b.v.stamp(t.at)), t.sell))
	}
	return array(out)
}

// unskew takes a time on the venue's clock back to the simulated one.
func unskew(v *Venue, t time.Time) time.Time { return t.Add(-v.opt.Skew) }

func (b *binance) klines(q *query) reply {
	p, n, i := q.pit(q.get("symbol")), q.limit("limit", 500, b.bars()), binanceInterval(q.get("interval"))
	if i == "" || i == "1s" && b.futures() {
		return b.fail(q, -1120, "Invalid interval.")
	}
	start, _ := q.number("startTime", -1)
	end, _ := q.number("endTime", ms(q.now))
	from := p.tape.reach(i)
	if start >= 0 {
		from = time.UnixMilli(start)
	}
	bars := p.tape.spans(i, 0, from, time.UnixMilli(min(end, ms(q.now))), true)
	if start >= 0 {
		bars = firstN(bars, n)
	} else {
		bars = lastN(bars, n)
	}
	var out [][]byte
	for _, k := range bars {
		out = append(out, fmt.Appendf(nil, `[%d,"%s","%s","%s","%s","%s",%d,"%s",%d,"%s","%s","0"]`, b.ts(q, k.open), b.px(p, k.o), b.px(p, k.h), b.px(p, k.l), b.px(p, k.c),
			b.qty(p, k.vol), b.ts(q, i.Next(k.open).Add(-time.Millisecond)), b.paid(p, k.quote, k.vol, k.c), k.n, b.qty(p, k.buy), b.paid(p, k.paid, k.buy, k.c)))
	}
	return array(out)
}

func (b *binance) exchangeInfo(q *query) reply {
	if b.futures() {
		return b.contracts(q)
	}
	want := map[string]bool{}
	if s := q.get("symbol"); s != "" {
		want[s] = true
	}
	var many []string
	if s := q.get("symbols"); s != "" && json.Unmarshal([]byte(s), &many) != nil {
		return b.fail(q, -1100, "Illegal characters found in parameter 'symbols'; legal range is '^\\[(\"[A-Z0-9-_.]{1,20}\"(,\"[A-Z0-9-_.]{1,20}\"){0,}){0,1}\\]$'.")
	}
	for _, s := range many {
		want[s] = true
	}
	var out [][]byte
	for _, p := range b.v.pits {
		if len(want) > 0 && !want[p.symbol] {
			continue
		}
		delete(want, p.symbol)
		out = append(out, fmt.Appendf(nil, `{"symbol":"%s","status":"TRADING","baseAsset":"%s","baseAssetPrecision":8,"quoteAsset":"%s","quotePrecision":8,"quoteAssetPrecision":8,"baseCommissionPrecision":8,"quoteCommissionPrecision":8,"orderTypes":["LIMIT","LIMIT_MAKER","MARKET"],"icebergAllowed":true,"ocoAllowed":true,"quoteOrderQtyMarketAllowed":true,"allowTrailingStop":true,"cancelReplaceAllowed":true,"isSpotTradingAllowed":true,"isMarginTradingAllowed":true,"filters":[{"filterType":"PRICE_FILTER","minPrice":"%s","maxPrice":"1000000.00000000","tickSize":"%s"},{"filterType":"LOT_SIZE","minQty":"%s","maxQty":"9000.00000000","stepSize":"%s"},{"filterType":"ICEBERG_PARTS","limit":10},{"filterType":"NOTIONAL","minNotional":"5.00000000","applyMinToMarket":true,"maxNotional":"9000000.00000000","applyMaxToMarket":false,"avgPriceMins":5},{"filterType":"MAX_NUM_ORDERS","maxNumOrders":200}],"permissions":[],"permissionSets":[["SPOT","MARGIN"]],"defaultSelfTradePreventionMode":"EXPIRE_MAKER","allowedSelfTradePreventionModes":["EXPIRE_TAKER","EXPIRE_MAKER","EXPIRE_BOTH"]}`,
			p.symbol, p.base(), p.quote(), b.px(p, p.tick), b.px(p, p.tick), b.qty(p, 1), b.qty(p, 1)))
	}
	if len(want) > 0 {
		return b.fail(q, -1121, "Invalid symbol.")
	}
	return answer(200, fmt.Appendf(nil, `{"timezone":"UTC","serverTime":%d,"rateLimits":[{"rateLimitType":"REQUEST_WEIGHT","interval":"MINUTE","intervalNum":1,"limit":6000},{"rateLimitType":"ORDERS","interval":"SECOND","intervalNum":10,"limit":100},{"rateLimitType":"ORDERS","interval":"DAY","intervalNum":1,"limit":200000},{"rateLimitType":"RAW_REQUESTS","interval":"MINUTE","intervalNum":5,"limit":61000}],"exchangeFilters":[],"symbols":[%s]}`,
		b.ts(q, q.clock()), bytes.Join(out, []byte{','})))
}

func (b *binance) tickers(q *query, what string) reply {
	var out [][]byte
	var many []string
	json.Unmarshal([]byte(q.get("symbols")), &many)
	for _, p := range b.v.pits {
		if s := q.get("symbol"); s != "" && s != p.symbol || len(many) > 0 && !contains(many, p.symbol) {
			continue
		}
		bid, ask := p.book.bids[0], p.book.asks[0]
		switch what {
		case "price":
			out = append(out, fmt.Appendf(nil, `{"symbol":"%s","price":"%s"}`, p.symbol, b.px(p, p.tape.lastTrade().px)))
		case "bookTicker":
			out = append(out, fmt.Appendf(nil, `{"symbol":"%s","bidPrice":"%s","bidQty":"%s","askPrice":"%s","askQty":"%s"}`, p.symbol, b.px(p, bid.px), b.qty(p, bid.qty), b.px(p, ask.px), b.qty(p, ask.qty)))
		default:
			day, last, now := p.tape.day(q.now), p.tape.lastTrade(), b.ts(q, q.clock())
			out = append(out, fmt.Appendf(nil, `{"symbol":"%s","priceChange":"%s","priceChangePercent":"%s","weightedAvgPrice":"%s","prevClosePrice":"%s","lastPrice":"%s","lastQty":"%s","bidPrice":"%s","bidQty":"%s","askPrice":"%s","askQty":"%s","openPrice":"%s","highPrice":"%s","lowPrice":"%s","volume":"%s","quoteVolume":"%s","openTime":%d,"closeTime":%d,"firstId":%d,"lastId":%d,"count":%d}`,
				p.symbol, b.px(p, day.c-day.o), b.percent(&day), b.px(p, day.quote.over(day.vol)), b.px(p, day.o), b.px(p, day.c), b.qty(p, last.qty), b.px(p, bid.px), b.qty(p, bid.qty),
				b.px(p, ask.px), b.qty(p, ask.qty), b.px(p, day.o), b.px(p, day.h), b.px(p, day.l), b.qty(p, day.vol), day.quote.append(nil, p.pd+p.qd, 8), now-86400000, now, day.first, day.last, day.n))
		}
	}
	if q.get("symbol") != "" {
		return answer(200, out[0])
	}
	return array(out)
}
