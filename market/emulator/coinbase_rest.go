package emulator

import (
	"fmt"
	"net/http"
	"sort"
	"strings"
	"time"

	"github.com/assayhq/assay/market"
)

func (x *coinbase) cost(*query) (string, int) { return "", 1 }

func (x *coinbase) refuse(q *query, r refusal) reply {
	a := answer(http.StatusTooManyRequests, []byte(`{"errors":[{"id":"rate_limit_exceeded","message":"Too many requests"}]}`))
	if r.banned {
		a.status = http.StatusForbidden
	}
	a.header = map[string]string{"Retry-After": itoa(int64((r.retry + time.Second - 1) / time.Second))}
	return a
}

func (x *coinbase) fail(status int, code, why string) reply {
	return answer(status, fmt.Appendf(nil, `{"error":%q,"error_details":%q,"message":%q}`, code, why, why))
}

func (x *coinbase) rest(q *query) reply {
	if q.path == "/v2/time" {
		return answer(200, fmt.Appendf(nil, `{"data":{"iso":"%s","epoch":%d}}`, q.clock().Format(time.RFC3339), q.clock().Unix()))
	}
	what, ok := strings.CutPrefix(q.path, "/api/v3/brokerage/")
	if what == "time" {
		return answer(200, fmt.Appendf(nil, `{"iso":"%s","epochSeconds":"%d","epochMillis":"%d"}`, q.clock().Format(time.RFC3339), q.clock().Unix(), ms(q.clock())))
	}
	what, market := strings.CutPrefix(what, "market/")
	if !ok || !market {
		return answer(http.StatusUnauthorized, []byte("Unauthorized\n"))
	}
	if what == "products" {
		return x.products(q)
	}
	if what == "product_book" {
		if p := x.find(q.get("product_id")); p != nil {
			return x.book(q, p)
		}
		return x.fail(http.StatusBadRequest, "INVALID_ARGUMENT", "valid product_id is required")
	}
	id, ok := strings.CutPrefix(what, "products/")
	id, part, _ := strings.Cut(id, "/")
	if !ok || part != "" && part != "ticker" && part != "candles" {
		return x.fail(http.StatusNotFound, "NOT_FOUND", "not found")
	}
	p := x.find(id)
	if p == nil {
		return x.fail(http.StatusNotFound, "NOT_FOUND", "valid product_id is required")
	}
	switch part {
	case "ticker":
		return x.recent(q, p)
	case "candles":
		return x.bars(q, p)
	}
	return answer(200, x.product(q, p))
}

func (x *coinbase) product(q *query, p *pit) []byte {
	day := p.tape.day(q.now)
	alias := ""
	if p.quote() == "USD" && p.base() != "USDT" {
		alias = quoted(p.base() + "-USDC")
	}
	return fmt.Appendf(nil, `{"product_id":"%s","price":"%s","price_percentage_change_24h":"%s","volume_24h":"%s","volume_percentage_change_24h":"1.5","base_increment":"%s","quote_increment":"%s","quote_min_size":"1","quote_max_size":"150000000","base_min_size":"%s","base_max_size":"3400","base_name":"%s","quote_name":"%s","watched":false,"is_disabled":false,"new":false,"status":"online","cancel_only":false,"limit_only":false,"post_only":false,"trading_disabled":false,"auction_mode":false,"product_type":"SPOT","quote_currency_id":"%s","base_currency_id":"%s","fcm_trading_session_details":null,"mid_market_price":"","alias":"","alias_to":[%s],"base_display_symbol":"%s","quote_display_symbol":"%s","view_only":false,"price_increment":"%s","display_name":"%s","product_venue":"CBE","approximate_quote_24h_volume":"%s","high_24h":"%s","low_24h":"%s"}`,
		p.symbol, plainText(p.tape.lastTrade().px, p.pd), x.percent(&day), plainText(day.vol, p.qd), plainText(1, p.qd), plainText(p.tick, p.pd), plainText(1, p.qd), p.base(), p.quote(), p.quote(), p.base(),
		alias, p.base(), p.quote(), plainText(p.tick, p.pd), p.symbol, day.quote.append(nil, p.pd+p.qd, 2), plainText(day.h, p.pd), plainText(day.l, p.pd))
}

func (x *coinbase) products(q *query) reply {
	var out []string
	for _, p := range x.v.pits {
		if t := q.get("product_type"); t != "" && t != "SPOT" || len(q.args["product_ids"]) > 0 && !contains(q.args["product_ids"], p.symbol) {
			continue
		}
		out = append(out, string(x.product(q, p)))
	}
	return answer(200, fmt.Appendf(nil, `{"products":[%s],"num_products":%d,"pagination":{"prev_cursor":"","next_cursor":"","has_next":false,"has_prev":false}}`, strings.Join(out, ","), len(out)))
}

func (x *coinbase) book(q *query, p *pit) reply {
	book := p.book.top(q.limit("limit", 10000, 10000))
	rung := func(b []byte, r rung) []byte {
		return fmt.Appendf(b, `{"price":"%s","size":"%s"}`, plainText(r.px, p.pd), plainText(r.qty, p.qd))
	}
	return answer(200, fmt.Appendf(nil, `{"pricebook":{"product_id":"%s","bids":%s,"asks":%s,"time":"%s"}}`, p.symbol, rows(nil, book.bids, rung), rows(nil, book.asks, rung), micro(x.v.stamp(p.last))))
}

// recent gives trades newest first; start and end are unix seconds, both inclusive.
func (x *coinbase) recent(q *query, p *pit) reply {
	n := q.limit("limit", 100, 1000)
	list := p.tape.since(0)
	if s, ok := q.number("start", 0); ok && s > 0 {
		list = p.tape.from(unskew(x.v, time.Unix(s, 0)))
	}
	if e, ok := q.number("end", 0); ok && e > 0 {
		stop := unskew(x.v, time.Unix(e, 0))
		list = list[:sort.Search(len(list), func(i int) bool { return list[i].at.After(stop) })]
	}
	var out []string
	for _, t := range reversed(lastN(list, n)) {
		out = append(out, fmt.Sprintf(`{"trade_id":"%d","product_id":"%s","price":"%s","size":"%s","time":"%s","side":"%s","bid":"","ask":"","exchange":"coinbase"}`, t.id, p.symbol,
			plainText(t.px, p.pd), plainText(t.qty, p.qd), x.v.stamp(t.at).Format("2006-01-02T15:04:05.999999Z"), makerSide(&t, "BUY", "SELL")))
	}
	bid, ask := p.book.bids[0], p.book.asks[0]
	return answer(200, fmt.Appendf(nil, `{"trades":[%s],"best_bid":"%s","best_ask":"%s"}`, strings.Join(out, ","), plainText(bid.px, p.pd), plainText(ask.px, p.pd)))
}

func coinbaseInterval(granularity string) market.Interval {
	return map[string]market.Interval{"ONE_MINUTE": "1m", "FIVE_MINUTE": "5m", "FIFTEEN_MINUTE": "15m", "THIRTY_MINUTE": "30m", "ONE_HOUR": "1h", "TWO_HOUR": "2h",
		"FOUR_HOUR": "4h", "SIX_HOUR": "6h", "ONE_DAY": "1d"}[granularity]
}

// bars: newest first, at most 350, none for intervals without a trade.
func (x *coinbase) bars(q *query, p *pit) reply {
	i := coinbaseInterval(q.get("granularity"))
	start, ok1 := q.number("start", 0)
	end, ok2 := q.number("end", 0)
	switch {
	case i == "":
		return x.fail(http.StatusBadRequest, "INVALID_ARGUMENT", "granularity is invalid")
	case !ok1 || !ok2 || start == 0 || end == 0 || end < start:
		return x.fail(http.StatusBadRequest, "INVALID_ARGUMENT", "start and end timestamps are invalid")
	case time.Duration(end-start)*time.Second/i.Length() > 350:
		return x.fail(http.StatusBadRequest, "INVALID_ARGUMENT", "number of candles requested should be less than 350")
	}
	var out []string
	list := p.tape.spans(i, 0, time.Unix(start, 0), time.Unix(end, 0), false)
	for _, b := range firstN(reversed(list), q.limit("limit", 350, 350)) {
		out = append(out, "{"+x.bar(p, &b)+"}")
	}
	return answer(200, fmt.Appendf(nil, `{"candles":[%s]}`, strings.Join(out, ",")))
}
