package emulator

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

func (g *gateio) rest(q *query) reply {
	base := "/api/v4/spot/"
	if g.futures {
		base = "/api/v4/futures/usdt/"
	}
	what, ok := strings.CutPrefix(q.path, base)
	if !ok || q.r.Method != http.MethodGet {
		return g.fail(http.StatusNotFound, "NOT_FOUND", "Not Found")
	}
	a := g.route(q, what)
	if a.header == nil {
		a.header = map[string]string{}
	}
	a.header["X-Gate-RateLimit-Limit"], a.header["X-Gate-RateLimit-Requests-Remain"] = "200", itoa(int64(q.left))
	return a
}

func (g *gateio) route(q *query, what string) reply {
	list, symbol := "currency_pairs", "currency_pair"
	if g.futures {
		list, symbol = "contracts", "contract"
	}
	name, single := strings.CutPrefix(what, list+"/")
	if !single {
		name = q.get(symbol)
	}
	p := q.pit(name)
	switch {
	case what == "time" && !g.futures:
		return answer(200, fmt.Appendf(nil, `{"server_time":%d}`, ms(q.clock())))
	case what == list:
		return g.all(func(p *pit) string { return g.describe(q, p) })
	case what == "tickers" && name == "":
		return g.all(func(p *pit) string { return g.tickerOf(q, p) })
	case !single && !contains([]string{"tickers", "order_book", "trades", "candlesticks"}, what) && !(g.futures && what == "funding_rate"):
		return g.fail(http.StatusNotFound, "NOT_FOUND", "Not Found")
	case p == nil && name == "" && !single:
		return g.fail(http.StatusBadRequest, "INVALID_PARAM_VALUE", "Missing required parameter: "+symbol)
	case p == nil && g.futures:
		return g.fail(http.StatusBadRequest, "CONTRACT_NOT_FOUND", "contract not found")
	case p == nil:
		return g.fail(http.StatusBadRequest, "INVALID_CURRENCY_PAIR", "Invalid currency pair "+name)
	case single:
		return answer(200, []byte(g.describe(q, p)))
	}
	switch what {
	case "tickers":
		return answer(200, []byte("["+g.tickerOf(q, p)+"]"))
	case "order_book":
		return g.snapshot(q, p)
	case "trades":
		return g.past(q, p)
	case "funding_rate":
		return g.funding(q, p)
	}
	return g.candles(q, p)
}

func (g *gateio) all(row func(*pit) string) reply {
	var out []string
	for _, p := range g.v.pits {
		out = append(out, row(p))
	}
	return answer(200, []byte("["+strings.Join(out, ",")+"]"))
}

func (g *gateio) tickerOf(q *query, p *pit) string {
	if g.futures {
		return g.contractTicker(p, q.now)
	}
	return g.spotTicker(p, q.now)
}

// describe is a pair, or a contract with what it is said to be now.
func (g *gateio) describe(q *query, p *pit) string {
	if !g.futures {
		return fmt.Sprintf(`{"id":"%s","base":"%s","base_name":"%s","quote":"%s","quote_name":"%s","fee":"0.2","min_base_amount":"%s","min_quote_amount":"3","max_quote_amount":"5000000","amount_precision":%d,"precision":%d,"trade_status":"tradable","sell_start":0,"buy_start":0,"delisting_time":0,"type":"normal"}`,
			p.symbol, p.base(), p.base(), p.quote(), p.quote(), plainText(1, p.qd), p.qd, p.pd)
	}
	c := p
	next := q.clock().Truncate(gateioPays).Add(gateioPays)
	return fmt.Sprintf(`{"name":"%s","type":"direct","quanto_multiplier":"%s","order_price_round":"%s","mark_price_round":"%s","order_size_min":%s,"order_size_max":%s,"enable_decimal":false,"last_price":"%s","mark_price":"%s","index_price":"%s","funding_rate":"%s","funding_rate_indicative":"%s","funding_interval":%d,"funding_next_apply":%d,"position_size":%s,"trade_id":%d,"orderbook_id":%d,"leverage_min":"1","leverage_max":"100","status":"trading","in_delisting":false,"create_time":1546905600}`,
		p.symbol, plainText(1, p.qd), plainText(p.tick, p.pd), plainText(1, p.pd+1), g.count(q, 1), g.count(q, 1000000), plainText(p.tape.lastTrade().px, p.pd), decimals(c.mark(q.now), p.pd+1), decimals(c.spot(q.now), p.pd+1),
		decimals(c.pays(q.now, gateioPays), 6), decimals(c.pays(q.now, gateioPays), 6), int(gateioPays.Seconds()), next.Unix(), g.count(q, c.interest(q.now)), p.tape.next-1, p.updates)
}

// count is a number of contracts, quoted where the client asked for decimals.
func (g *gateio) count(q *query, n int64) string {
	if q.r.Header.Get("X-Gate-Size-Decimal") == "1" {
		return quoted(itoa(n))
	}
	return itoa(n)
}

func (g *gateio) snapshot(q *query, p *pit) reply {
	book, last, at := p.book.top(q.limit("limit", 10, 1000)), p.updates, p.last
	if old := g.v.faults.old(q); old > 0 {
		if x, u, when, ok := p.truth.before(q.now.Add(-old)); ok {
			book, last, at = x.top(q.limit("limit", 10, 1000)), u, when
		}
	} else {
		p.truth.mark(last)
	}
	level := func(b []byte, r rung) []byte {
		return fmt.Appendf(b, `["%s","%s"]`, plainText(r.px, p.pd), plainText(r.qty, p.qd))
	}
	now, when := itoa(ms(q.clock())), itoa(ms(g.v.stamp(at)))
	if g.futures {
		level = func(b []byte, r rung) []byte {
			return fmt.Appendf(b, `{"s":%s,"p":"%s"}`, g.count(q, r.qty), plainText(r.px, p.pd))
		}
		now, when = fixedText(ms(q.clock()), 3), fixedText(ms(g.v.stamp(at)), 3)
	}
	id := ""
	if q.get("with_id") == "true" {
		id = fmt.Sprintf(`"id":%d,`, last)
	}
	b := fmt.Appendf(nil, `{%s"current":%s,"update":%s,"asks":`, id, now, when)
	b = rows(b, book.asks, level)
	b = rows(append(b, `,"bids":`...), book.bids, level)
	return answer(200, append(b, '}'))
}

// between reads from and to, in seconds, both of which are taken in.
func (g *gateio) between(q *query) (from, to time.Time, ok bool) {
	f, ok1 := q.number("from", 0)
	t, ok2 := q.number("to", 0)
	if t == 0 {
		to = q.now
	} else {
		to = unskew(g.v, time.Unix(t+1, 0).Add(-time.Nanosecond))
	}
	return unskew(g.v, time.Unix(f, 0)), to, ok1 && ok2 && f >= 0 && t >= 0
}

// past gives trades newest first: by pages on spot, from an offset on futures.
func (g *gateio) past(q *query, p *pit) reply {
	from, to, ok := g.between(q)
	n := q.limit("limit", 100, 1000)
	page, ok1 := q.number("page", 1)
	skip, ok2 := q.number("offset", 0)
	if !g.futures {
		skip = (page - 1) * int64(n)
	}
	if !ok || !ok1 || !ok2 || skip < 0 || skip > 100_000 {
		return g.fail(http.StatusBadRequest, "INVALID_PARAM_VALUE", "Invalid parameter")
	}
	var out []string
	for _, x := range reversed(p.tape.from(from)) {
		if x.at.After(to) {
			continue
		}
		if skip > 0 {
			skip--
			continue
		}
		if len(out) == n {
			break
		}
		at := g.v.stamp(x.at)
		if g.futures {
			qty := x.qty
			if x.sell {
				qty = -qty
			}
			out = append(out, fmt.Sprintf(`{"id":%d,"create_time":%d,"create_time_ms":%s,"contract":"%s","size":%s,"price":"%s"}`, x.id, at.Unix(), fixedText(ms(at), 3), p.symbol, g.count(q, qty), plainText(x.px, p.pd)))
			continue
		}
		out = append(out, fmt.Sprintf(`{"id":"%d","create_time":"%d","create_time_ms":"%s","currency_pair":"%s","side":"%s","amount":"%s","price":"%s","sequence_id":"%d"}`,
			x.id, at.Unix(), fixedText(at.UnixNano(), 6), p.symbol, g.side(&x), plainText(x.qty, p.qd), plainText(x.px, p.pd), x.id))
	}
	return answer(200, []byte("["+strings.Join(out, ",")+"]"))
}

// candles gives a number of the newest bars, or those of a time, oldest first; not both,
// at most 1,000, and none older than 10,000 intervals.
func (g *gateio) candles(q *query, p *pit) reply {
	name := q.get("interval")
	if name == "" {
		name = "30m"
	}
	i := gateioInterval(name)
	from, to, ok := g.between(q)
	ranged := q.get("from") != "" || q.get("to") != ""
	refuse := func(why string) reply { return g.fail(http.StatusBadRequest, "INVALID_PARAM_VALUE", why) }
	n := q.limit("limit", 100, 1000)
	switch {
	case i == "" || !ok:
		return refuse("Invalid interval or range")
	case ranged && q.get("limit") != "":
		return refuse("limit conflicts with from and to")
	case !ranged || q.get("from") == "":
		from = to.Add(-time.Duration(n) * i.Length())
	case to.Sub(from) > 1000*i.Length():
		return refuse("Too many data points requested. Maximum 1000 points are allowed")
	case q.now.Sub(from) > 10_000*i.Length():
		return refuse("Candlestick too long ago. Maximum 10000 points ago are allowed")
	}
	if reach := p.tape.reach(i); from.Before(reach) {
		from = reach
	}
	var out []string
	for _, b := range lastN(p.tape.spans(i, 0, from, to, true), 1000) {
		px := func(n int64) string { return plainText(n, p.pd) }
		if g.futures {
			out = append(out, fmt.Sprintf(`{"t":%d,"v":%s,"c":"%s","h":"%s","l":"%s","o":"%s","sum":"%s"}`, b.open.Unix(), g.count(q, b.vol), px(b.c), px(b.h), px(b.l), px(b.o), g.turnover(p, &b)))
			continue
		}
		out = append(out, fmt.Sprintf(`["%d","%s","%s","%s","%s","%s","%s","%t"]`, b.open.Unix(), g.turnover(p, &b), px(b.c), px(b.h), px(b.l), px(b.o), plainText(b.vol, p.qd), !i.Next(b.open).After(q.now)))
	}
	if !ranged {
		out = lastN(out, n)
	}
	return answer(200, []byte("["+strings.Join(out, ",")+"]"))
}

// gateioListed is how long before the start the contracts have paid funding.
const gateioListed = 400 * 24 * time.Hour

// funding gives what was paid, newest first.
func (g *gateio) funding(q *query, p *pit) reply {
	from, to, ok := g.between(q)
	if !ok {
		return g.fail(http.StatusBadRequest, "INVALID_PARAM_VALUE", "Invalid range")
	}
	if first := g.v.start.Add(-gateioListed); from.Before(first) {
		from = first
	}
	if to.After(q.now) {
		to = q.now
	}
	var out []string
	n := q.limit("limit", 100, 1000)
	for at := to.UTC().Truncate(gateioPays); !at.Before(from) && len(out) < n; at = at.Add(-gateioPays) {
		out = append(out, fmt.Sprintf(`{"t":%d,"r":"%s"}`, at.Unix(), decimals(p.pays(at.Add(-time.Second), gateioPays), 6)))
	}
	return answer(200, []byte("["+strings.Join(out, ",")+"]"))
}
