package emulator

import (
	"fmt"
	"net/http"
	"sort"
	"strings"
	"time"
)

// cost: every request costs 500 credits of a pool of 50,000 that refills by 10,000 a
// second; here that is a hundred requests in five seconds.
func (d *deribit) cost(*query) (string, int) { return "", 1 }

func (d *deribit) refuse(q *query, r refusal) reply {
	a := d.fail(q, 10028, "too_many_requests", "")
	a.status = http.StatusTooManyRequests
	if r.banned {
		a.header = map[string]string{"Retry-After": itoa(int64(r.retry/time.Second) + 1)}
	}
	return a
}

func (d *deribit) fail(q *query, code int, message, param string) reply {
	data := ""
	if param != "" {
		data = fmt.Sprintf(`"data":{"reason":"wrong format","param":"%s"},`, param)
	}
	return answer(http.StatusBadRequest, fmt.Appendf(nil, `{"jsonrpc":"2.0","error":{"message":"%s",%s"code":%d},%s`, message, data, code, d.clock(q.now)))
}

func (d *deribit) ok(q *query, format string, args ...any) reply {
	return answer(200, fmt.Appendf(fmt.Appendf([]byte(`{"jsonrpc":"2.0","result":`), format, args...), ",%s", d.clock(q.now)))
}

func (d *deribit) rest(q *query) reply {
	what, ok := strings.CutPrefix(q.path, "/api/v2/public/")
	if !ok {
		return answer(http.StatusNotFound, nil)
	}
	switch what {
	case "get_time":
		return d.ok(q, "%d", ms(q.clock()))
	case "test":
		return d.ok(q, `{"version":"1.2.26"}`)
	case "get_instruments":
		return d.instruments(q)
	case "get_instrument", "get_order_book", "ticker", "get_last_trades_by_instrument", "get_last_trades_by_instrument_and_time", "get_tradingview_chart_data", "get_funding_rate_history":
	default:
		return d.fail(q, -32601, "Method not found", "")
	}
	p := d.v.symbols[q.get("instrument_name")]
	if p == nil {
		return d.fail(q, -32602, "Invalid params", "instrument_name")
	}
	switch what {
	case "get_instrument":
		return d.ok(q, "%s", d.instrument(p))
	case "ticker":
		return d.ok(q, "{%s}", d.state(p, q.now))
	case "get_order_book":
		return d.orderBook(q, p)
	case "get_last_trades_by_instrument", "get_last_trades_by_instrument_and_time":
		return d.trades(q, p, strings.HasSuffix(what, "time"))
	}
	from, ok1 := q.number("start_timestamp", 0)
	to, ok2 := q.number("end_timestamp", 0)
	switch {
	case !ok1 || from <= 0:
		return d.fail(q, -32602, "Invalid params", "start_timestamp")
	case !ok2 || to <= 0:
		return d.fail(q, -32602, "Invalid params", "end_timestamp")
	case what == "get_funding_rate_history":
		return d.fundings(q, p, time.UnixMilli(from), time.UnixMilli(to))
	}
	return d.chart(q, p, time.UnixMilli(from), time.UnixMilli(to))
}

func (d *deribit) instruments(q *query) reply {
	kind := q.get("kind")
	if q.get("currency") == "" {
		return d.fail(q, -32602, "Invalid params", "currency")
	}
	if kind != "" && !contains([]string{"future", "option", "spot", "future_combo", "option_combo"}, kind) {
		return d.fail(q, -32602, "Invalid params", "kind")
	}
	var out []string
	for _, p := range d.v.pits {
		mine := "spot"
		if p.perp {
			mine = "future"
		}
		settle := p.quote()
		if p.inverse {
			settle = p.base()
		}
		if (kind == "" || kind == mine) && (q.get("currency") == "any" || q.get("currency") == settle) && q.get("expired") != "true" {
			out = append(out, d.instrument(p))
		}
	}
	return d.ok(q, "[%s]", strings.Join(out, ","))
}

func (d *deribit) instrument(p *pit) string {
	kind, settle, future, expiry := "spot", p.quote(), "linear", int64(32503708800000)
	if p.perp {
		kind = "future"
	}
	if p.inverse {
		settle, future = p.base(), "reversed"
	}
	size := plainText(p.lot, p.qd)
	return fmt.Sprintf(`{"price_index":"%s_%s","kind":"%s","instrument_name":"%s","max_leverage":50,"maker_commission":0.0,"taker_commission":0.0005,"instrument_type":"%s","future_type":"%s","expiration_timestamp":%d,"creation_timestamp":1534167754000,"is_active":true,"state":"open","tick_size":%s,"contract_size":%s,"instrument_id":%d,"min_trade_amount":%s,"settlement_currency":"%s","settlement_period":"perpetual","base_currency":"%s","counter_currency":"%s","quote_currency":"%s","tick_size_steps":[]}`,
		strings.ToLower(p.base()), strings.ToLower(p.quote()), kind, p.symbol, future, future, expiry, plainText(p.tick, p.pd), size, 100+p.index, size, settle, p.base(), p.quote(), p.quote())
}

func (d *deribit) orderBook(q *query, p *pit) reply {
	depth, ok := q.number("depth", 5)
	if !ok || !contains([]int64{1, 5, 10, 20, 50, 100, 1000, 10000}, depth) {
		return d.fail(q, -32602, "Invalid params", "depth")
	}
	book, seq := p.book.top(int(depth)), d.number(p)
	p.truth.mark(seq)
	rung := func(b []byte, r rung) []byte {
		return fmt.Appendf(b, `[%s,%s]`, plainText(r.px, p.pd), plainText(r.qty, p.qd))
	}
	return d.ok(q, `{%s,"change_id":%d,"bids":%s,"asks":%s}`, d.state(p, p.last), seq, rows(nil, book.bids, rung), rows(nil, book.asks, rung))
}

// trades: the latest, or those of a range with both ends; newest first unless sorting
// says asc.
func (d *deribit) trades(q *query, p *pit, ranged bool) reply {
	n := q.limit("count", 10, 1000)
	list := p.tape.since(0)
	if ranged {
		from, ok1 := q.number("start_timestamp", 0)
		to, ok2 := q.number("end_timestamp", 0)
		if !ok1 || !ok2 || from <= 0 || to <= 0 {
			return d.fail(q, -32602, "Invalid params", "start_timestamp")
		}
		when := func(i int) int64 { return ms(d.v.stamp(list[i].at)) }
		list = list[sort.Search(len(list), func(i int) bool { return when(i) >= from }):]
		list = list[:sort.Search(len(list), func(i int) bool { return when(i) > to })]
	}
	more := len(list) > n
	if q.get("sorting") == "asc" {
		list = firstN(list, n)
	} else {
		list = reversed(lastN(list, n))
	}
	var out []string
	for i := range list {
		out = append(out, d.trade(p, &list[i]))
	}
	return d.ok(q, `{"trades":[%s],"has_more":%t}`, strings.Join(out, ","), more)
}

// fundings: a row for each hour, the latest 744 of a range.
func (d *deribit) fundings(q *query, p *pit, from, to time.Time) reply {
	if !p.perp {
		return d.fail(q, -32602, "Invalid params", "instrument_name")
	}
	if to.After(q.now) {
		to = q.now
	}
	at, rate := p.fundings(from, to)
	var out []string
	for i := max(0, len(at)-744); i < len(at); i++ {
		out = append(out, fmt.Sprintf(`{"timestamp":%d,"index_price":%s,"prev_index_price":%s,"interest_8h":%s,"interest_1h":%s}`, ms(at[i]), decimals(p.terms(at[i]).index, 2),
			decimals(p.terms(at[i].Add(-time.Hour)).index, 2), exponent(rate[i]*8), exponent(rate[i])))
	}
	return d.ok(q, "[%s]", strings.Join(out, ","))
}

// chart: padded bars as arrays side by side, the latest 5000 of a range.
func (d *deribit) chart(q *query, p *pit, from, to time.Time) reply {
	i := deribitInterval(q.get("resolution"))
	if i == "" {
		return d.fail(q, -32602, "Invalid params", "resolution")
	}
	if first := p.tape.reach(i); from.Before(first) {
		from = first
	}
	if to.After(q.now) {
		to = q.now
	}
	var ticks, opens, highs, lows, closes, volumes, costs []string
	for _, b := range lastN(p.tape.spans(i, 0, from, to, true), 5000) {
		volume, cost := d.volumes(p, &b)
		ticks, opens, highs = append(ticks, itoa(ms(b.open))), append(opens, plainText(b.o, p.pd)), append(highs, plainText(b.h, p.pd))
		lows, closes, volumes, costs = append(lows, plainText(b.l, p.pd)), append(closes, plainText(b.c, p.pd)), append(volumes, volume), append(costs, cost)
	}
	status := "ok"
	if ticks == nil {
		status = "no_data"
	}
	j := func(xs []string) string { return "[" + strings.Join(xs, ",") + "]" }
	return d.ok(q, `{"volume":%s,"ticks":%s,"status":"%s","open":%s,"low":%s,"high":%s,"cost":%s,"close":%s}`, j(volumes), j(ticks), status, j(opens), j(lows), j(highs), j(costs), j(closes))
}
