package emulator

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/assayhq/assay/market"
)

func (x *bitstamp) cost(*query) (string, int) { return "", 1 }

func (x *bitstamp) refuse(q *query, r refusal) reply {
	a := x.fail(http.StatusTooManyRequests, "400.002", "Too many requests. Rate limit exceeded.")
	if r.banned {
		a.status = http.StatusForbidden
	}
	a.header = map[string]string{"Retry-After": itoa(int64((r.retry + time.Second - 1) / time.Second))}
	return a
}

func (x *bitstamp) fail(status int, code, why string) reply {
	return answer(status, fmt.Appendf(nil, `{"status":"error","reason":%q,"code":%q}`, why, code))
}

func (x *bitstamp) rest(q *query) reply {
	what, ok := strings.CutPrefix(q.path, "/api/v2/")
	part := strings.Split(strings.Trim(what, "/"), "/")
	if !ok || len(part) > 2 {
		return x.fail(http.StatusNotFound, "404.001", "Not found.")
	}
	switch {
	case part[0] == "trading-pairs-info" || part[0] == "markets":
		return x.markets(part[0] == "markets")
	case part[0] == "ticker" && len(part) == 1:
		var out []string
		for _, p := range x.v.pits {
			out = append(out, x.ticker(q, p, true))
		}
		return answer(200, []byte("["+strings.Join(out, ",")+"]"))
	case len(part) < 2 || !contains([]string{"ticker", "ticker_hour", "order_book", "transactions", "ohlc"}, part[0]):
		return x.fail(http.StatusNotFound, "404.001", "Not found.")
	}
	p := x.v.symbols[part[1]]
	if p == nil {
		return x.fail(http.StatusNotFound, "404.002", "Invalid market symbol.")
	}
	switch part[0] {
	case "order_book":
		return x.orderBook(q, p)
	case "transactions":
		return x.transactions(q, p)
	case "ohlc":
		return x.ohlc(q, p)
	}
	return answer(200, []byte(x.ticker(q, p, false)))
}

func (x *bitstamp) markets(newer bool) reply {
	var out []string
	for _, p := range x.v.pits {
		if newer {
			out = append(out, fmt.Sprintf(`{"name":"%s/%s","market_symbol":"%s","base_currency":"%s","base_decimals":%d,"counter_currency":"%s","counter_decimals":%d,"minimum_order_value":"10","trading":"Enabled","instant_order_counter_decimals":2,"instant_and_market_orders":"Enabled","description":"%s / %s","market_type":"SPOT"}`,
				p.base(), p.quote(), p.symbol, p.base(), p.qd, p.quote(), p.pd, p.base(), p.quote()))
		} else {
			out = append(out, fmt.Sprintf(`{"name":"%s/%s","url_symbol":"%s","base_decimals":%d,"counter_decimals":%d,"minimum_order":"10.0 %s","trading":"Enabled","instant_order_counter_decimals":2,"instant_and_market_orders":"Enabled","description":"%s / %s"}`,
				p.base(), p.quote(), p.symbol, p.qd, p.pd, p.quote(), p.base(), p.quote()))
		}
	}
	return answer(200, []byte("["+strings.Join(out, ",")+"]"))
}

func (x *bitstamp) ticker(q *query, p *pit, named bool) string {
	day, pair, pct := p.tape.day(q.now), "", 0.0
	if named {
		pair = fmt.Sprintf(`,"pair":"%s/%s"`, p.base(), p.quote())
	}
	if day.o > 0 {
		pct = (float64(day.c)/float64(day.o) - 1) * 100
	}
	px := func(n int64) string { return fixedText(n, p.pd) }
	return fmt.Sprintf(`{"timestamp":"%d","open":"%s","high":"%s","low":"%s","last":"%s","volume":"%s","vwap":"%s","bid":"%s","ask":"%s","side":"%d","open_24":"%s","percent_change_24":"%.2f"%s}`,
		q.clock().Unix(), px(day.o), px(day.h), px(day.l), px(p.tape.lastTrade().px), fixedText(day.vol, p.qd), px(day.quote.over(day.vol)), px(p.book.bids[0].px), px(p.book.asks[0].px),
		p.tape.lastTrade().id%2, px(day.o), pct, pair)
}

func (x *bitstamp) orderBook(q *query, p *pit) reply {
	book, at := p.book.top(0), p.last
	if old := x.v.faults.old(q); old > 0 {
		if b, _, when, ok := p.truth.before(q.now.Add(-old)); ok {
			book, at = b, when
		}
	}
	at = x.v.stamp(at)
	b := fmt.Appendf(nil, `{"timestamp":"%d","microtimestamp":"%d","bids":`, at.Unix(), us(at))
	b = rows(b, book.bids, x.rung(p))
	b = rows(append(b, `,"asks":`...), book.asks, x.rung(p))
	return answer(200, append(b, '}'))
}

// transactions: the last minute, hour or day, newest first.
func (x *bitstamp) transactions(q *query, p *pit) reply {
	span, ok := map[string]time.Duration{"": time.Hour, "minute": time.Minute, "hour": time.Hour, "day": 24 * time.Hour}[q.get("time")]
	if !ok {
		return x.fail(http.StatusBadRequest, "400.001", "Invalid time interval.")
	}
	var out []string
	for _, t := range reversed(p.tape.from(q.now.Add(-span))) {
		kind := 0
		if t.sell {
			kind = 1
		}
		out = append(out, fmt.Sprintf(`{"date":"%d","tid":"%d","amount":"%s","type":"%d","price":"%s"}`, x.v.stamp(t.at).Unix(), t.id, fixedText(t.qty, p.qd), kind, fixedText(t.px, p.pd)))
	}
	return answer(200, []byte("["+strings.Join(out, ",")+"]"))
}

func bitstampInterval(step int64) market.Interval {
	return map[int64]market.Interval{60: "1m", 180: "3m", 300: "5m", 900: "15m", 1800: "30m", 3600: "1h", 7200: "2h", 14400: "4h", 21600: "6h", 43200: "12h", 86400: "1d", 259200: "3d"}[step]
}

// ohlc: oldest first, quiet bars with volume zero, the last one unfinished.
func (x *bitstamp) ohlc(q *query, p *pit) reply {
	step, ok1 := q.number("step", 0)
	start, ok2 := q.number("start", 0)
	end, ok3 := q.number("end", 0)
	i, n := bitstampInterval(step), q.limit("limit", 0, 1000)
	if !ok1 || !ok2 || !ok3 || i == "" || n <= 0 {
		return x.fail(http.StatusBadRequest, "400.001", "Invalid step or limit.")
	}
	from, to := p.tape.reach(i), q.now
	if start > 0 {
		from = time.Unix(start, 0)
	}
	if end > 0 && time.Unix(end, 0).Before(to) {
		to = time.Unix(end, 0)
	}
	list := p.tape.spans(i, 0, from, to, true)
	if start > 0 {
		list = firstN(list, n)
	}
	var out []string
	for _, b := range lastN(list, n) {
		out = append(out, fmt.Sprintf(`{"timestamp":"%d","open":"%s","high":"%s","low":"%s","close":"%s","volume":"%s"}`, b.open.Unix(), fixedText(b.o, p.pd), fixedText(b.h, p.pd), fixedText(b.l, p.pd), fixedText(b.c, p.pd), fixedText(b.vol, p.qd)))
	}
	return answer(200, fmt.Appendf(nil, `{"data":{"pair":"%s/%s","ohlc":[%s]}}`, p.base(), p.quote(), strings.Join(out, ",")))
}
