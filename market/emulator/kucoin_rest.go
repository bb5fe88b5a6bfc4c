package emulator

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// cost is what the venue's tables say of public requests.
func (k *kucoin) cost(q *query) (string, int) {
	for part, n := range map[string]int{"bullet-public": 10, "symbols": 4, "level2_100": 4, "level2_20": 2, "trade/history": 5, "funding-rates": 5} {
		if strings.HasSuffix(q.path, part) {
			return "", n
		}
	}
	return "", 3
}

func (k *kucoin) refuse(q *query, r refusal) reply {
	a := k.fail(http.StatusTooManyRequests, "429000", "Too many requests")
	a.header = map[string]string{"gw-ratelimit-limit": "2000", "gw-ratelimit-remaining": "0", "gw-ratelimit-reset": itoa(r.retry.Milliseconds())}
	return a
}

func (k *kucoin) fail(status int, code, msg string) reply {
	return answer(status, fmt.Appendf(nil, `{"code":"%s","msg":%s}`, code, jsonText(msg)))
}

func (k *kucoin) ok(q *query, data string) reply {
	a := answer(200, fmt.Appendf(nil, `{"code":"200000","data":%s}`, data))
	a.header = map[string]string{"gw-ratelimit-limit": "2000", "gw-ratelimit-remaining": itoa(int64(q.left))}
	return a
}

func (k *kucoin) list(q *query, rows []string) reply {
	return k.ok(q, "["+strings.Join(rows, ",")+"]")
}

func (k *kucoin) rest(q *query) reply {
	switch {
	case q.path == "/api/v1/bullet-public":
		return k.bullet(q)
	case q.r.Method != http.MethodGet:
		return k.fail(http.StatusMethodNotAllowed, "405000", "Request method not supported")
	case q.path == "/api/v1/timestamp":
		return k.ok(q, itoa(ms(q.clock())))
	case k.futures:
		return k.contracts(q)
	}
	return k.spot(q)
}

// bullet is the ticket: where the stream is, for whoever asks under this name.
func (k *kucoin) bullet(q *query) reply {
	if q.r.Method != http.MethodPost {
		return k.fail(http.StatusMethodNotAllowed, "405000", "Request method not supported")
	}
	k.tickets++
	return k.ok(q, fmt.Sprintf(`{"token":"%s","instanceServers":[{"endpoint":"ws://%s/","encrypt":false,"protocol":"websocket","pingInterval":%d,"pingTimeout":%d}]}`,
		kucoinToken(k.v.world.seed, k.tickets), q.r.Host, kucoinPing.Milliseconds(), kucoinTimeout.Milliseconds()))
}

func (k *kucoin) spot(q *query) reply {
	what, market := strings.CutPrefix(q.path, "/api/v1/market/")
	switch {
	case q.path == "/api/v1/symbols", q.path == "/api/v2/symbols":
		var out []string
		for _, p := range k.v.pits {
			out = append(out, fmt.Sprintf(`{"symbol":"%s","name":"%s","baseCurrency":"%s","quoteCurrency":"%s","feeCurrency":"%s","market":"USDS","baseMinSize":"%s","quoteMinSize":"0.1","baseMaxSize":"10000000000","quoteMaxSize":"99999999","baseIncrement":"%s","quoteIncrement":"0.000001","priceIncrement":"%s","priceLimitRate":"0.1","minFunds":"0.1","isMarginEnabled":true,"enableTrading":true,"feeCategory":1,"callauctionIsEnabled":false,"st":false}`,
				p.symbol, p.symbol, p.base(), p.quote(), p.quote(), plainText(10, p.qd), plainText(1, p.qd), plainText(p.tick, p.pd)))
		}
		return k.list(q, out)
	case q.path == "/api/v3/market/orderbook/level2": // for signed requests only
		return k.fail(http.StatusUnauthorized, "400001", "Please check the header of your request for KC-API-KEY, KC-API-SIGN, KC-API-TIMESTAMP, KC-API-PASSPHRASE")
	case !market || !contains([]string{"orderbook/level2_20", "orderbook/level2_100", "histories", "candles"}, what):
		return k.fail(http.StatusNotFound, "404000", "Url Not Found")
	}
	p := q.pit(q.get("symbol"))
	switch {
	case q.get("symbol") == "":
		return k.fail(http.StatusBadRequest, "400100", "symbol: must not be blank")
	case p == nil:
		return k.fail(http.StatusBadRequest, "900001", "The symbol does not exist")
	case what == "histories":
		var out []string
		for _, x := range reversed(p.tape.recent(100)) {
			out = append(out, fmt.Sprintf(`{"sequence":"%d","price":"%s","size":"%s","side":"%s","time":%d}`, x.id, plainText(x.px, p.pd), plainText(x.qty, p.qd), k.side(&x), k.v.stamp(x.at).UnixNano()))
		}
		return k.list(q, out)
	case what == "candles":
		return k.candles(q, p)
	}
	depth := 100
	if what == "orderbook/level2_20" {
		depth = 20
	}
	book := p.book.top(depth)
	b := rows([]byte(`"bids":`), book.bids, k.level(p))
	b = rows(append(b, `,"asks":`...), book.asks, k.level(p))
	p.truth.mark(p.updates)
	return k.ok(q, fmt.Sprintf(`{"time":%d,"sequence":"%d",%s}`, ms(q.clock()), p.updates, b))
}

// candles gives bars in which something traded, newest first, at most 1,500; without a
// time the latest 100.
func (k *kucoin) candles(q *query, p *pit) reply {
	i := kucoinInterval(q.get("type"))
	start, ok1 := q.number("startAt", 0)
	end, ok2 := q.number("endAt", 0)
	if i == "" || !ok1 || !ok2 {
		return k.fail(http.StatusBadRequest, "400100", "Incorrect candlestick type or time")
	}
	from, to, most := p.tape.reach(i), q.now, 1500
	if start > 0 {
		from = unskew(k.v, time.Unix(start, 0))
	} else {
		most = 100
	}
	if end > 0 {
		to = unskew(k.v, time.Unix(end, 0).Add(-time.Nanosecond))
	}
	var out []string
	for _, b := range reversed(lastN(p.tape.spans(i, 0, from, to, false), most)) {
		out = append(out, k.candle(p, &b))
	}
	return k.list(q, out)
}

func (k *kucoin) contracts(q *query) reply {
	if q.path == "/api/v1/contracts/active" {
		var out []string
		for _, p := range k.v.pits {
			out = append(out, k.contract(q, p))
		}
		return k.list(q, out)
	}
	if name, ok := strings.CutPrefix(q.path, "/api/v1/contracts/"); ok {
		if p := q.pit(name); p != nil {
			return k.ok(q, k.contract(q, p))
		}
		return k.fail(http.StatusNotFound, "404000", "Contract not found")
	}
	what := strings.TrimPrefix(q.path, "/api/v1/")
	if !contains([]string{"level2/snapshot", "trade/history", "kline/query", "contract/funding-rates"}, what) {
		return k.fail(http.StatusNotFound, "404000", "Url Not Found")
	}
	p := q.pit(q.get("symbol"))
	switch {
	case q.get("symbol") == "":
		return k.fail(http.StatusBadRequest, "400100", "symbol: must not be blank")
	case p == nil:
		return k.fail(http.StatusNotFound, "404000", "Contract not found")
	case what == "level2/snapshot":
		return k.snapshot(q, p)
	case what == "trade/history":
		var out []string
		for _, x := range reversed(p.tape.recent(100)) {
			out = append(out, fmt.Sprintf(`{"sequence":%d,"contractId":%d,"tradeId":"%d","makerOrderId":"%s","takerOrderId":"%s","ts":%d,"size":%d,"price":"%s","side":"%s"}`,
				x.id, p.index+1, x.id, order(p, -x.id), order(p, x.id), k.v.stamp(x.at).UnixNano(), x.qty, plainText(x.px, p.pd), k.side(&x)))
		}
		return k.list(q, out)
	case what == "kline/query":
		return k.klines(q, p)
	}
	return k.funding(q, p)
}

// contract describes one, with what it is worth now.
func (k *kucoin) contract(q *query, p *pit) string {
	c := p
	next := q.clock().Truncate(kucoinPays).Add(kucoinPays)
	return fmt.Sprintf(`{"symbol":"%s","rootSymbol":"%s","type":"FFWCSX","firstOpenDate":1585555200000,"expireDate":null,"settleDate":null,"baseCurrency":"%s","quoteCurrency":"%s","settleCurrency":"%s","maxOrderQty":1000000,"maxPrice":1000000.0,"lotSize":1,"tickSize":%s,"indexPriceTickSize":%s,"multiplier":%s,"isQuanto":false,"isInverse":false,"isDeleverage":true,"status":"Open","fundingFeeRate":%s,"predictedFundingFeeRate":null,"fundingRateGranularity":%d,"openInterest":"%d","turnoverOf24h":0,"volumeOf24h":0,"markPrice":%s,"indexPrice":%s,"lastTradePrice":%s,"nextFundingRateTime":%d,"nextFundingRateDateTime":%d,"maxLeverage":100}`,
		p.symbol, p.quote(), strings.Replace(p.base(), "BTC", "XBT", 1), p.quote(), p.quote(), plainText(p.tick, p.pd), plainText(1, p.pd+1), plainText(1, p.qd), decimals(c.pays(q.now, kucoinPays), 6), kucoinPays.Milliseconds(),
		c.interest(q.now), decimals(c.mark(q.now), p.pd+1), decimals(c.spot(q.now), p.pd+1), plainText(p.tape.lastTrade().px, p.pd), next.Sub(q.clock()).Milliseconds(), ms(next))
}

func (k *kucoin) snapshot(q *query, p *pit) reply {
	book, last, at := p.book.top(0), p.updates, p.last
	if old := k.v.faults.old(q); old > 0 {
		if x, u, when, ok := p.truth.before(q.now.Add(-old)); ok {
			book, last, at = x.top(0), u, when
		}
	} else {
		p.truth.mark(last)
	}
	b := rows([]byte(`"bids":`), book.bids, k.level(p))
	b = rows(append(b, `,"asks":`...), book.asks, k.level(p))
	return k.ok(q, fmt.Sprintf(`{"sequence":%d,"symbol":"%s",%s,"ts":%d}`, last, p.symbol, b, k.v.stamp(at).UnixNano()))
}

// klines gives bars oldest first, at most 500 from the beginning of the time asked for.
func (k *kucoin) klines(q *query, p *pit) reply {
	minutes, ok := q.number("granularity", 0)
	from, ok1 := q.number("from", 0)
	to, ok2 := q.number("to", ms(q.clock()))
	i := kucoinInterval(fmt.Sprintf("%dmin", minutes))
	switch {
	case minutes == 1440:
		i = "1d"
	case minutes >= 60:
		i = kucoinInterval(fmt.Sprintf("%dhour", minutes/60))
	}
	if !ok || !ok1 || !ok2 || i == "" || minutes >= 60 && minutes%60 != 0 {
		return k.fail(http.StatusBadRequest, "400100", "granularity or time invalid")
	}
	first := p.tape.reach(i)
	if from > 0 {
		first = unskew(k.v, time.UnixMilli(from))
	}
	list := p.tape.spans(i, 0, first, unskew(k.v, time.UnixMilli(to)), false)
	if from > 0 {
		list = firstN(list, 500)
	} else {
		list = lastN(list, 500)
	}
	var out []string
	for _, b := range list {
		px := func(n int64) string { return plainText(n, p.pd) }
		out = append(out, fmt.Sprintf(`[%d,%s,%s,%s,%s,%d,%s]`, ms(b.open), px(b.o), px(b.h), px(b.l), px(b.c), b.vol, b.quote.append(nil, p.pd+p.qd, min(p.pd+p.qd, 8))))
	}
	return k.list(q, out)
}

// funding gives what was paid between two times, newest first, at most 100.
func (k *kucoin) funding(q *query, p *pit) reply {
	from, ok1 := q.number("from", -1)
	to, ok2 := q.number("to", -1)
	if !ok1 || !ok2 || from < 0 || to < 0 {
		return k.fail(http.StatusBadRequest, "400100", "from and to: must not be null")
	}
	first := k.v.start.Add(-400 * 24 * time.Hour)
	if at := unskew(k.v, time.UnixMilli(from)); at.After(first) {
		first = at
	}
	last := q.now
	if at := unskew(k.v, time.UnixMilli(to)); at.Before(last) {
		last = at
	}
	var out []string
	for at := last.UTC().Truncate(kucoinPays); !at.Before(first) && len(out) < 100; at = at.Add(-kucoinPays) {
		out = append(out, fmt.Sprintf(`{"symbol":"%s","fundingRate":%s,"timepoint":%d}`, p.symbol, decimals(p.pays(at.Add(-time.Second), kucoinPays), 6), ms(at)))
	}
	return k.list(q, out)
}
