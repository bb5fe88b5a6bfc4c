package emulator

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

func (x *cryptocom) method(q *query) string {
	return strings.TrimPrefix(q.path, "/exchange/v1/public/")
}

func (x *cryptocom) cost(q *query) (string, int) { return x.method(q), 1 }

func (x *cryptocom) refuse(q *query, r refusal) reply {
	a := x.fail(q, http.StatusTooManyRequests, 42901, "TOO_MANY_REQUESTS")
	if r.banned {
		a.status = http.StatusForbidden
	}
	return a
}

func (x *cryptocom) fail(q *query, status, code int, msg string) reply {
	return answer(status, fmt.Appendf(nil, `{"id":-1,"method":"public/%s","code":%d,"message":%q}`, x.method(q), code, msg))
}

func (x *cryptocom) ok(q *query, data, extra string) reply {
	return answer(200, fmt.Appendf(nil, `{"id":-1,"method":"public/%s","code":0,"result":{"data":[%s]%s}}`, x.method(q), data, extra))
}

func (x *cryptocom) rest(q *query) reply {
	method, symbol := x.method(q), q.get("instrument_name")
	switch method {
	case "get-instruments":
		return x.instruments(q)
	case "get-tickers":
		var out []string
		for _, p := range x.v.pits {
			if symbol == "" || symbol == p.symbol {
				out = append(out, x.ticker(p, q.now))
			}
		}
		return x.ok(q, strings.Join(out, ","), "")
	case "get-book", "get-trades", "get-candlestick", "get-valuations":
	default:
		return x.fail(q, http.StatusBadRequest, 40002, "METHOD_NOT_FOUND")
	}
	if method == "get-valuations" {
		symbol = strings.Replace(symbol, "-INDEX", "-PERP", 1)
	}
	p := x.v.symbols[symbol]
	if p == nil {
		return x.fail(q, http.StatusBadRequest, 40004, "MISSING_OR_INVALID_ARGUMENT")
	}
	switch method {
	case "get-book":
		return x.snapshot(q, p)
	case "get-trades":
		return x.history(q, p)
	case "get-candlestick":
		return x.candles(q, p)
	}
	return x.valuations(q, p)
}

func (x *cryptocom) instruments(q *query) reply {
	var out []string
	for _, p := range x.v.pits {
		kind, name, extra := "CCY_PAIR", p.base()+"/"+p.quote(), ""
		if p.perp {
			kind, name = "PERPETUAL_SWAP", p.base()+p.quote()+" Perpetual"
			extra = fmt.Sprintf(`,"underlying_symbol":"%s%s-INDEX","contract_size":"1"`, p.base(), p.quote())
		}
		out = append(out, fmt.Sprintf(`{"symbol":"%s","inst_type":"%s","display_name":"%s","base_ccy":"%s","quote_ccy":"%s","quote_decimals":%d,"quantity_decimals":%d,"price_tick_size":"%s","qty_tick_size":"%s","max_leverage":"50","tradable":true,"expiry_timestamp_ms":0,"beta_product":false%s,"margin_buy_enabled":false,"margin_sell_enabled":false,"product_type":"DIGITAL_CURRENCIES"}`,
			p.symbol, kind, name, p.base(), p.quote(), p.pd, p.qd, plainText(p.tick, p.pd), plainText(1, p.qd), extra))
	}
	return x.ok(q, strings.Join(out, ","), "")
}

func (x *cryptocom) snapshot(q *query, p *pit) reply {
	if q.get("depth") == "" {
		return x.fail(q, http.StatusBadRequest, 40004, "MISSING_OR_INVALID_ARGUMENT")
	}
	n := q.limit("depth", 50, 50)
	book := p.book.top(n)
	b := rows([]byte(`{"bids":`), book.bids, x.rung(p))
	b = rows(append(b, `,"asks":`...), book.asks, x.rung(p))
	b = fmt.Appendf(b, `,"t":%d}`, ms(x.v.stamp(p.last)))
	return x.ok(q, string(b), fmt.Sprintf(`,"depth":%d,"instrument_name":"%s"`, n, p.symbol))
}

// bound reads a time in milliseconds or nanoseconds.
func (x *cryptocom) bound(q *query, name string, def time.Time) time.Time {
	n, ok := q.number(name, 0)
	switch {
	case !ok || n == 0:
		return def
	case n > 1e16:
		return time.Unix(0, n)
	}
	return time.UnixMilli(n)
}

// history gives trades from start, inclusive, to end, exclusive, newest first.
func (x *cryptocom) history(q *query, p *pit) reply {
	end := x.bound(q, "end_ts", q.clock())
	start := x.bound(q, "start_ts", end.Add(-24*time.Hour))
	if end.Sub(start) > 7*24*time.Hour {
		return x.fail(q, http.StatusBadRequest, 40005, "INVALID_DATE")
	}
	var list []trade
	for _, t := range p.tape.from(start.Add(-x.v.opt.Skew)) {
		if x.v.stamp(t.at).Before(end) {
			list = append(list, t)
		}
	}
	return x.ok(q, x.trades(p, lastN(list, q.limit("count", 25, 150)), true), fmt.Sprintf(`,"instrument_name":"%s"`, p.symbol))
}

func (x *cryptocom) candles(q *query, p *pit) reply {
	name := q.get("timeframe")
	if name == "" {
		name = "1m"
	}
	i := cryptocomInterval(name)
	if i == "" {
		return x.fail(q, http.StatusBadRequest, 40003, "INVALID_REQUEST")
	}
	end := x.bound(q, "end_ts", q.now)
	start := x.bound(q, "start_ts", q.now.Add(-24*time.Hour))
	if end.After(q.now) {
		end = q.now
	}
	if reach := p.tape.reach(i); start.Before(reach) {
		start = reach
	}
	var out []string
	for _, b := range lastN(p.tape.spans(i, 0, start, end, true), q.limit("count", 25, 300)) {
		out = append(out, x.bar(&b, p, ""))
	}
	return x.ok(q, strings.Join(out, ","), fmt.Sprintf(`,"interval":"%s","instrument_name":"%s"`, name, p.symbol))
}

// valuations gives a row a minute, of paid funding one an hour, newest first.
func (x *cryptocom) valuations(q *query, p *pit) reply {
	what := q.get("valuation_type")
	every, reach := time.Minute, 24*time.Hour
	kind := map[string]string{"index_price": "index", "mark_price": "mark", "funding_rate": "funding", "estimated_funding_rate": "estimatedfunding", "funding_hist": "paid"}[what]
	if kind == "paid" {
		every, reach = time.Hour, 30*24*time.Hour
	}
	if kind == "" || !p.perp || (kind == "index") != strings.HasSuffix(q.get("instrument_name"), "-INDEX") {
		return x.fail(q, http.StatusBadRequest, 40003, "INVALID_REQUEST")
	}
	end := x.bound(q, "end_ts", q.now)
	start := x.bound(q, "start_ts", q.now.Add(-reach))
	if end.After(q.now) {
		end = q.now
	}
	var out []string
	for at := end.UTC().Truncate(every); !at.Before(start) && len(out) < q.limit("count", 25, 300); at = at.Add(-every) {
		row := x.value(p, kind, at)
		if kind == "paid" { // of the hour that ended then
			row = `{"v":"` + x.rate(p, at.Add(-time.Hour)) + `","t":` + strconv.FormatInt(ms(at), 10) + `}`
		}
		out = append(out, row)
	}
	return x.ok(q, strings.Join(out, ","), fmt.Sprintf(`,"instrument_name":"%s"`, q.get("instrument_name")))
}
