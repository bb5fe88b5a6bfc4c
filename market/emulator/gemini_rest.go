package emulator

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

func (x *gemini) rest(q *query) reply {
	part := strings.Split(strings.Trim(q.path, "/"), "/")
	switch {
	case q.path == "/v1/symbols":
		symbols, _ := x.v.Symbols()
		return answer(200, []byte(list(symbols)))
	case q.path == "/v1/symbols/details/all":
		var out []string
		for _, p := range x.v.pits {
			out = append(out, x.details(p))
		}
		return answer(200, []byte("["+strings.Join(out, ",")+"]"))
	case q.path == "/v1/pricefeed":
		var out []string
		for _, p := range x.v.pits {
			last, day := p.tape.lastTrade(), p.tape.day(q.now)
			out = append(out, fmt.Sprintf(`{"pair":"%s","price":"%s","percentChange24h":"%s"}`, x.upper(p), plainText(last.px, p.pd), ratio(last.px, day.o, 4)))
		}
		return answer(200, []byte("["+strings.Join(out, ",")+"]"))
	case len(part) < 3:
		return x.fail(http.StatusNotFound, "EndpointNotFound", "API entry point `"+q.path+"` not found")
	}
	name := part[2]
	if part[1] == "symbols" && len(part) == 4 && part[2] == "details" {
		name = part[3]
	}
	p := q.pit(strings.ToLower(name))
	if p == nil {
		return x.fail(http.StatusBadRequest, "Bad Request", "Supplied value '"+name+"' is not a valid symbol")
	}
	switch what := part[0] + "/" + part[1]; {
	case what == "v1/symbols":
		return answer(200, []byte(x.details(p)))
	case what == "v1/book":
		return x.book(q, p)
	case what == "v1/trades":
		return x.trades(q, p)
	case what == "v2/candles" && len(part) == 4:
		return x.candles(q, p, part[3])
	case what == "v1/pubticker":
		day := p.tape.day(q.now)
		return answer(200, fmt.Appendf(nil, `{"bid":"%s","ask":"%s","volume":{"%s":"%s","%s":"%s","timestamp":%d},"last":"%s"}`, fixedText(p.book.bids[0].px, p.pd), fixedText(p.book.asks[0].px, p.pd),
			p.base(), plainText(day.vol, p.qd), p.quote(), day.quote.append(nil, p.pd+p.qd, 8), ms(q.clock()), fixedText(p.tape.lastTrade().px, p.pd)))
	case what == "v2/ticker":
		day := p.tape.day(q.now)
		return answer(200, fmt.Appendf(nil, `{"symbol":"%s","open":"%s","high":"%s","low":"%s","close":"%s","changes":[],"bid":"%s","ask":"%s"}`, x.upper(p), fixedText(day.o, p.pd), fixedText(day.h, p.pd),
			fixedText(day.l, p.pd), fixedText(day.c, p.pd), fixedText(p.book.bids[0].px, p.pd), fixedText(p.book.asks[0].px, p.pd)))
	case what == "v1/riskstats" && p.perp:
		return x.risk(q, p)
	case what == "v1/fundingamount" && p.perp:
		_, _, funding := x.prices(p, q.now)
		due := q.clock().Truncate(time.Hour)
		return answer(200, fmt.Appendf(nil, `{"symbol":"%s","fundingDateTime":"%s","fundingTimestampMilliSecs":%d,"nextFundingTimestamp":%d,"fundingAmount":%s,"estimatedFundingAmount":%s}`,
			name, due.Format("2006-01-02T15:04:05.000Z"), ms(due), ms(due.Add(time.Hour)), decimals(funding, 5), decimals(funding, 5)))
	case what == "v1/riskstats", what == "v1/fundingamount":
		return x.fail(http.StatusBadRequest, "InvalidSymbol", "not a perpetual")
	}
	return x.fail(http.StatusNotFound, "EndpointNotFound", "API entry point `"+q.path+"` not found")
}

// details: tick_size is the step of the size, quote_increment that of the price.
func (x *gemini) details(p *pit) string {
	product, contract := "spot", "vanilla"
	if p.perp {
		product, contract = "swap", "linear"
	}
	return fmt.Sprintf(`{"symbol":"%s","base_currency":"%s","quote_currency":"%s","tick_size":%s,"quote_increment":%s,"min_order_size":"%s","status":"open","wrap_enabled":false,"product_type":%q,"contract_type":%q,"contract_price_currency":"%s"}`,
		x.upper(p), p.base(), p.quote(), fixedText(1, p.qd), fixedText(p.tick, p.pd), plainText(1, p.qd), product, contract, p.quote())
}

// book: 50 levels a side by default, all with a limit of 0.
func (x *gemini) book(q *query, p *pit) reply {
	bids, ok1 := q.number("limit_bids", 50)
	asks, ok2 := q.number("limit_asks", 50)
	if !ok1 || !ok2 || bids < 0 || asks < 0 {
		return x.fail(http.StatusBadRequest, "Bad Request", "limit_bids and limit_asks are numbers")
	}
	at := q.clock().Unix()
	rung := func(b []byte, r rung) []byte {
		return fmt.Appendf(b, `{"price":"%s","amount":"%s","timestamp":"%d"}`, fixedText(r.px, p.pd), plainText(r.qty, p.qd), at)
	}
	return answer(200, fmt.Appendf(nil, `{"bids":%s,"asks":%s}`, rows(nil, first(p.book.bids, int(bids)), rung), rows(nil, first(p.book.asks, int(asks)), rung)))
}

// trades: the newest, or with a beginning the oldest after it; listed newest first.
func (x *gemini) trades(q *query, p *pit) reply {
	n := q.limit("limit_trades", 50, 500)
	page := p.tape.recent(n)
	since, ok1 := q.number("since_tid", 0)
	from, ok2 := q.number("timestamp", 0)
	switch {
	case !ok1 || !ok2:
		return x.fail(http.StatusBadRequest, "Bad Request", "timestamp and since_tid are numbers")
	case since > 0:
		page = firstN(p.tape.since(since+1), n)
	case from > 0:
		at := time.UnixMilli(from)
		if from < 1e11 {
			at = time.Unix(from, 0)
		}
		page = firstN(p.tape.from(unskew(x.v, at)), n)
	}
	var out []string
	for _, t := range reversed(page) {
		side, at := "buy", x.v.stamp(t.at)
		if t.sell {
			side = "sell"
		}
		out = append(out, fmt.Sprintf(`{"timestamp":%d,"timestampms":%d,"tid":%d,"price":"%s","amount":"%s","exchange":"gemini","type":%q}`, at.Unix(), ms(at), t.id, fixedText(t.px, p.pd), plainText(t.qty, p.qd), side))
	}
	return answer(200, []byte("["+strings.Join(out, ",")+"]"))
}

// candles: one window, newest first; intervals without a trade repeat the last close.
func (x *gemini) candles(q *query, p *pit, name string) reply {
	w, ok := geminiWindows[name]
	if !ok {
		return x.fail(http.StatusBadRequest, "Bad Request", "time_frame is not valid")
	}
	var out []string
	for _, b := range reversed(p.tape.spans(w.interval, 0, q.now.Add(-w.reach), q.now, true)) {
		out = append(out, fmt.Sprintf("[%d,%s,%s,%s,%s,%s]", ms(b.open), plainText(b.o, p.pd), plainText(b.h, p.pd), plainText(b.l, p.pd), plainText(b.c, p.pd), plainText(b.vol, p.qd)))
	}
	return answer(200, []byte("["+strings.Join(out, ",")+"]"))
}

// risk is the state of a perpetual; its open interest is in base.
func (x *gemini) risk(q *query, p *pit) reply {
	mark, index, _ := x.prices(p, q.now)
	units := 10 + float64(p.tape.seed%1000)/100
	return answer(200, fmt.Appendf(nil, `{"product_type":"PerpetualSwapContract","mark_price":"%s","index_price":"%s","open_interest":"%s","open_interest_notional":"%s"}`, decimals(mark, 3), decimals(index, 5), decimals(units, 4), decimals(units*mark, 4)))
}
