package emulator

import (
	"fmt"
	"net/http"
	"sort"
	"strings"
	"time"

	"github.com/assayhq/assay/market"
)

func (x *coinbaseExchange) cost(*query) (string, int) { return "", 1 }

func (x *coinbaseExchange) refuse(q *query, r refusal) reply {
	a := answer(http.StatusTooManyRequests, []byte(`{"message":"Public rate limit exceeded"}`))
	if r.banned {
		a.status = http.StatusForbidden
	}
	a.header = map[string]string{"Retry-After": itoa(int64((r.retry + time.Second - 1) / time.Second))}
	return a
}

func (x *coinbaseExchange) fail(status int, why string) reply {
	return answer(status, fmt.Appendf(nil, `{"message":%q}`, why))
}

func (x *coinbaseExchange) rest(q *query) reply {
	if q.r.Header.Get("User-Agent") == "" {
		return x.fail(http.StatusBadRequest, "User-Agent header is required.")
	}
	switch q.path {
	case "/time":
		return answer(200, fmt.Appendf(nil, `{"iso":"%s","epoch":%s}`, q.clock().Format("2006-01-02T15:04:05.000Z"), fixedText(ms(q.clock()), 3)))
	case "/products":
		var out []string
		for _, p := range x.v.pits {
			out = append(out, x.product(p))
		}
		return answer(200, []byte("["+strings.Join(out, ",")+"]"))
	}
	id, ok := strings.CutPrefix(q.path, "/products/")
	id, part, _ := strings.Cut(id, "/")
	p := x.v.symbols[id]
	if !ok || p == nil {
		return x.fail(http.StatusNotFound, "NotFound")
	}
	switch part {
	case "":
		return answer(200, []byte(x.product(p)))
	case "book":
		return x.book(q, p)
	case "ticker":
		last, day := p.tape.lastTrade(), p.tape.day(q.now)
		return answer(200, fmt.Appendf(nil, `{"ask":"%s","bid":"%s","volume":"%s","trade_id":%d,"price":"%s","size":"%s","time":"%s"}`, fixedText(p.book.asks[0].px, p.pd), fixedText(p.book.bids[0].px, p.pd),
			longer(day.vol, p.qd, 8), last.id, fixedText(last.px, p.pd), longer(last.qty, p.qd, 8), micro(x.v.stamp(last.at))))
	case "stats":
		day := p.tape.day(q.now)
		return answer(200, fmt.Appendf(nil, `{"open":"%s","high":"%s","low":"%s","last":"%s","volume":"%s","volume_30day":"%s"}`, fixedText(day.o, p.pd), fixedText(day.h, p.pd), fixedText(day.l, p.pd), fixedText(day.c, p.pd), longer(day.vol, p.qd, 8), longer(day.vol, p.qd, 8)))
	case "trades":
		return x.trades(q, p)
	case "candles":
		return x.candles(q, p)
	}
	return x.fail(http.StatusNotFound, "NotFound")
}

func (x *coinbaseExchange) product(p *pit) string {
	return fmt.Sprintf(`{"id":"%s","base_currency":"%s","quote_currency":"%s","quote_increment":"%s","base_increment":"%s","display_name":"%s/%s","min_market_funds":"1","margin_enabled":false,"post_only":false,"limit_only":false,"cancel_only":false,"status":"online","status_message":"","trading_disabled":false,"fx_stablecoin":false,"max_slippage_percentage":"0.02000000","auction_mode":false,"high_bid_limit_percentage":""}`,
		p.symbol, p.base(), p.quote(), fixedText(p.tick, p.pd), fixedText(1, p.qd), p.base(), p.quote())
}

func (x *coinbaseExchange) book(q *query, p *pit) reply {
	depth := 0
	switch q.get("level") {
	case "", "1":
		depth = 1
	case "2":
	default:
		return x.fail(http.StatusBadRequest, "Invalid level")
	}
	book := p.book.top(depth)
	rung := func(b []byte, r rung) []byte {
		return fmt.Appendf(b, `["%s","%s",%d]`, fixedText(r.px, p.pd), longer(r.qty, p.qd, 8), 1+r.qty%5)
	}
	return answer(200, fmt.Appendf(nil, `{"bids":%s,"asks":%s,"sequence":%d,"auction_mode":false,"auction":null,"time":"%s"}`, rows(nil, book.bids, rung), rows(nil, book.asks, rung), x.sequence(p, 0), micro(x.v.stamp(p.last))))
}

// trades: newest first. after=n gives trades older than n, before=n newer than n (the
// newest page of them, not the nearest).
func (x *coinbaseExchange) trades(q *query, p *pit) reply {
	n := q.limit("limit", 1000, 1000)
	after, ok1 := q.number("after", 0)
	before, ok2 := q.number("before", 0)
	if !ok1 || !ok2 {
		return x.fail(http.StatusBadRequest, "Invalid cursor")
	}
	list := p.tape.since(before + 1)
	if after > 0 {
		list = list[:sort.Search(len(list), func(i int) bool { return list[i].id >= after })]
	}
	list = reversed(lastN(list, n))
	var out []string
	for _, t := range list {
		out = append(out, fmt.Sprintf(`{"trade_id":%d,"side":"%s","size":"%s","price":"%s","time":"%s"}`, t.id, makerSide(&t, "buy", "sell"), longer(t.qty, p.qd, 8), longer(t.px, p.pd, 8), micro(x.v.stamp(t.at))))
	}
	a := answer(200, []byte("["+strings.Join(out, ",")+"]"))
	if len(list) > 0 {
		a.header = map[string]string{"Cb-Before": itoa(list[0].id), "Cb-After": itoa(list[len(list)-1].id)}
	}
	return a
}

// candles: rows [time, low, high, open, close, volume] of numbers, newest first, at most
// 300, none for intervals without a trade.
func (x *coinbaseExchange) candles(q *query, p *pit) reply {
	i := map[string]market.Interval{"60": "1m", "300": "5m", "900": "15m", "3600": "1h", "21600": "6h", "86400": "1d"}[q.get("granularity")]
	if i == "" {
		return x.fail(http.StatusBadRequest, "Unsupported granularity")
	}
	end, ok1 := moment(q.get("end"), q.now)
	start, ok2 := moment(q.get("start"), end.Add(-299*i.Length()))
	if !ok1 || !ok2 {
		return x.fail(http.StatusBadRequest, "Invalid date")
	}
	if end.Sub(start)/i.Length() > 300 {
		return x.fail(http.StatusBadRequest, "granularity too small for the requested time range. Count of aggregations requested exceeds 300")
	}
	var out []string
	for _, b := range reversed(p.tape.spans(i, 0, start, end, false)) {
		out = append(out, fmt.Sprintf(`[%d,%s,%s,%s,%s,%s]`, b.open.Unix(), plainText(b.l, p.pd), plainText(b.h, p.pd), plainText(b.o, p.pd), plainText(b.c, p.pd), plainText(b.vol, p.qd)))
	}
	return answer(200, []byte("["+strings.Join(out, ",")+"]"))
}

// moment reads an ISO time or unix seconds.
func moment(s string, def time.Time) (time.Time, bool) {
	if s == "" {
		return def, true
	}
	var sec int64
	if _, err := fmt.Sscanf(s, "%d", &sec); err == nil && !strings.Contains(s, "-") {
		return time.Unix(sec, 0), true
	}
	for _, f := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02"} {
		if t, err := time.Parse(f, s); err == nil {
			return t, true
		}
	}
	return def, false
}
