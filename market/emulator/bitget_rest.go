package emulator

import (
	"fmt"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/assayhq/assay/market"
)

func (x *bitget) cost(q *query) (string, int) {
	if path.Base(q.path) == "fills-history" {
		return "10 a second", 1
	}
	return "20 a second", 1
}

func (x *bitget) refuse(q *query, r refusal) reply {
	a := x.fail(q, http.StatusTooManyRequests, "429", "Too Many Requests")
	if r.banned {
		a.status = http.StatusForbidden
	}
	return a
}

func (x *bitget) fail(q *query, status int, code, msg string) reply {
	return answer(status, fmt.Appendf(nil, `{"code":"%s","msg":%s,"requestTime":%d,"data":null}`, code, jsonText(msg), ms(q.clock())))
}

func (x *bitget) ok(q *query, data string) reply {
	return answer(200, fmt.Appendf(nil, `{"code":"00000","msg":"success","requestTime":%d,"data":%s}`, ms(q.clock()), data))
}

func (x *bitget) list(q *query, rows []string) reply {
	return x.ok(q, "["+strings.Join(rows, ",")+"]")
}

// where is the section a request is of; "" when it does not say so rightly.
func (x *bitget) where(q *query) string {
	section := "spot"
	if !strings.HasPrefix(q.path, "/api/v2/spot/") {
		section = strings.ToLower(q.get("category") + q.get("productType"))
	}
	if !contains([]string{"spot", "usdt-futures", "usdc-futures", "coin-futures"}, section) {
		return ""
	}
	return section
}

func (x *bitget) rest(q *query) reply {
	what := path.Base(q.path)
	switch strings.TrimSuffix(q.path, what) {
	case "/api/v3/market/", "/api/v2/spot/market/", "/api/v2/mix/market/":
	default:
		if q.path == "/api/v2/public/time" {
			return x.ok(q, fmt.Sprintf(`{"serverTime":"%d"}`, ms(q.clock())))
		}
		return x.fail(q, http.StatusNotFound, "40404", "Request URL NOT FOUND")
	}
	section := x.where(q)
	if section == "" {
		return x.fail(q, http.StatusBadRequest, "40017", "Parameter verification failed")
	}
	if what == "instruments" || what == "tickers" || what == "open-interest" {
		return x.all(q, what, section)
	}
	if q.get("symbol") == "" {
		return x.fail(q, http.StatusBadRequest, "40019", "Parameter symbol cannot be empty")
	}
	p := x.pit(section, q.get("symbol"))
	if p == nil {
		return x.fail(q, http.StatusBadRequest, "40034", "Parameter "+q.get("symbol")+" does not exist")
	}
	v3 := strings.HasPrefix(q.path, "/api/v3/")
	switch {
	case what == "orderbook" && v3:
		book := p.book.top(q.limit("limit", 5, 200))
		return x.ok(q, fmt.Sprintf(`{%s,"ts":"%d"}`, x.sides(p, book.asks, book.bids), ms(x.v.stamp(p.last))))
	case what == "fills" && v3:
		return x.fills(q, p)
	case what == "fills-history" && !v3:
		return x.history(q, p)
	case what == "history-fund-rate" && v3 && p.perp:
		return x.paid(q, p)
	case what == "candles" || what == "history-candles":
		return x.candles(q, p, v3, what == "candles")
	}
	return x.fail(q, http.StatusNotFound, "40404", "Request URL NOT FOUND")
}

func (x *bitget) all(q *query, what, section string) reply {
	var out []string
	for _, p := range x.v.pits {
		if x.section(p.listing) != section || q.get("symbol") != "" && q.get("symbol") != bitgetName(p.listing) {
			continue
		}
		name := fmt.Sprintf(`"symbol":"%s","category":"%s"`, bitgetName(p.listing), strings.ToUpper(section))
		switch {
		case what == "open-interest":
			out = append(out, fmt.Sprintf(`{"symbol":"%s","openInterest":"%s"}`, bitgetName(p.listing), fixedText(p.interest(q.now), p.qd)))
		case what == "tickers":
			more := ""
			if p.perp {
				more = "," + x.numbers(p, q.now)
			}
			out = append(out, fmt.Sprintf(`{%s,"ts":"%d",%s%s}`, name, ms(q.clock()), x.day(p, q.now), more))
		default:
			out = append(out, "{"+name+","+x.instrument(p)+"}")
		}
	}
	if what == "open-interest" {
		return x.ok(q, fmt.Sprintf(`{"list":[%s],"ts":"%d"}`, strings.Join(out, ","), ms(q.clock())))
	}
	return x.list(q, out)
}

func (x *bitget) instrument(p *pit) string {
	s := fmt.Sprintf(`"baseCoin":"%s","quoteCoin":"%s","buyLimitPriceRatio":"0.05","sellLimitPriceRatio":"0.05","minOrderQty":"%s","maxOrderQty":"","pricePrecision":"%d","quantityPrecision":"%d","status":"online","offTime":"","limitOpenTime":"","maintainTime":""`,
		p.base(), p.quote(), plainText(1, p.qd), p.pd, p.qd)
	if !p.perp {
		return s + `,"quotePrecision":"6","minOrderAmount":"1","areaSymbol":"no"`
	}
	return s + fmt.Sprintf(`,"quotePrecision":"","minOrderAmount":"5","priceMultiplier":"%s","quantityMultiplier":"%s","type":"perpetual","symbolType":"crypto","deliveryTime":"","deliveryStartTime":"","deliveryPeriod":"","launchTime":"0","fundInterval":"8","minLeverage":"1","maxLeverage":"150"`,
		plainText(p.tick, p.pd), plainText(1, p.qd))
}

// fills are the newest trades, newest first.
func (x *bitget) fills(q *query, p *pit) reply {
	var out []string
	for _, t := range reversed(p.tape.recent(q.limit("limit", 100, 100))) {
		out = append(out, fmt.Sprintf(`{"execId":"%s","execLinkId":"%s","price":"%s","size":"%s","side":"%s","ts":"%d","isRPI":"no"}`,
			x.tradeID(p, t.id), x.tradeID(p, t.id), fixedText(t.px, p.pd), plainText(t.qty, p.qd), bitgetSide(&t), ms(x.v.stamp(t.at))))
	}
	return x.list(q, out)
}

// history goes backwards by id; its times are whole seconds.
func (x *bitget) history(q *query, p *pit) reply {
	start, ok1 := q.number("startTime", 0)
	end, ok2 := q.number("endTime", 0)
	less, ok3 := q.number("idLessThan", 0)
	if !ok1 || !ok2 || !ok3 || start > 0 && end > 0 && end-start > (7*24*time.Hour).Milliseconds() {
		return x.fail(q, http.StatusBadRequest, "40017", "Parameter verification failed")
	}
	var list []trade
	for _, t := range p.tape.since(0) {
		at := ms(x.v.stamp(t.at))
		if (start == 0 || at >= start) && (end == 0 || at <= end) && (less == 0 || x.tradeID(p, t.id) < itoa(less)) {
			list = append(list, t)
		}
	}
	var out []string
	for _, t := range reversed(lastN(list, q.limit("limit", 500, 1000))) {
		side := bitgetSide(&t)
		out = append(out, fmt.Sprintf(`{"symbol":"%s","tradeId":"%s","side":"%s","price":"%s","size":"%s","ts":"%d"}`, bitgetName(p.listing), x.tradeID(p, t.id),
			strings.ToUpper(side[:1])+side[1:], fixedText(t.px, p.pd), plainText(t.qty, p.qd), x.v.stamp(t.at).Unix()*1000))
	}
	return x.list(q, out)
}

// paid is settled funding, newest first, by pages.
func (x *bitget) paid(q *query, p *pit) reply {
	page, ok := q.number("cursor", 1)
	if !ok || page < 1 {
		return x.fail(q, http.StatusBadRequest, "40017", "Parameter verification failed")
	}
	n := q.limit("limit", 20, 100)
	first := p.tape.reach("1d")
	at := q.clock().Truncate(bitgetPaid).Add(-time.Duration(page-1) * time.Duration(n) * bitgetPaid)
	var out []string
	for ; len(out) < n && !at.Before(first); at = at.Add(-bitgetPaid) {
		out = append(out, fmt.Sprintf(`{"symbol":"%s","fundingRate":"%s","fundingRateTimestamp":"%d"}`, bitgetName(p.listing), decimals(p.pays(at.Add(-bitgetPaid), bitgetPaid), 6), ms(at)))
	}
	return x.ok(q, `{"resultList":[`+strings.Join(out, ",")+`]}`)
}

// bitgetBar reads a name of an interval: spot of version 2 has its own.
func bitgetBar(name string, spot, v3 bool) (market.Interval, bool) {
	if v3 {
		i := bitgetKline(name)
		return i, i != ""
	}
	short := strings.TrimSuffix(name, "utc")
	i := map[string]market.Interval{"6H": "6h", "12H": "12h", "1D": "1d", "1W": "1w", "1M": "1M"}[short]
	switch {
	case i != "" && (short != name || !spot || short == "1M"):
	case short != name:
		return "", false
	case spot:
		i = map[string]market.Interval{"1min": "1m", "3min": "3m", "5min": "5m", "15min": "15m", "30min": "30m", "1h": "1h", "4h": "4h", "6h": "6h", "12h": "12h", "1day": "1d", "1week": "1w"}[name]
	default:
		i = map[string]market.Interval{"1m": "1m", "3m": "3m", "5m": "5m", "15m": "15m", "30m": "30m", "1H": "1h", "2H": "2h", "4H": "4h"}[name]
	}
	return i, i != ""
}

// candles gives bars from startTime up to, not including, endTime, in the order of time.
// One path forgets short bars after a month, the other has all but gives fewer.
func (x *bitget) candles(q *query, p *pit, v3, recent bool) reply {
	name := q.get("granularity") + q.get("interval")
	i, ok := bitgetBar(name, !p.perp, v3)
	start, ok1 := q.number("startTime", 0)
	end, ok2 := q.number("endTime", 0)
	if !ok || !ok1 || !ok2 || !recent && end == 0 && !v3 {
		return x.fail(q, http.StatusBadRequest, "40017", "Parameter verification failed")
	}
	from, to, most := p.tape.reach(i), q.now, int64(1000)
	if recent && i.Length() < 15*time.Minute && from.Before(q.now.AddDate(0, -1, 0)) {
		from = q.now.AddDate(0, -1, 0)
	}
	if at := time.UnixMilli(start); start > 0 && at.After(from) {
		from = at
	}
	if at := time.UnixMilli(end); end > 0 && at.Before(to) {
		to = at.Add(-time.Nanosecond)
	}
	switch {
	case v3:
		most = 100
	case !recent:
		most = 200
	}
	var out []string
	for _, b := range lastN(p.tape.spans(i, bitgetShift(i, name), from, to, true), q.limit("limit", 100, most)) {
		px := func(n int64) string { return fixedText(n, p.pd) }
		sum := b.quote.append(nil, p.pd+p.qd, min(p.pd+p.qd, 6))
		dollars := ""
		if !p.perp && !v3 {
			dollars = `,"` + string(sum) + `"`
		}
		out = append(out, fmt.Sprintf(`["%d","%s","%s","%s","%s","%s"%s,"%s"]`, ms(b.open), px(b.o), px(b.h), px(b.l), px(b.c), plainText(b.vol, p.qd), dollars, sum))
	}
	return x.list(q, out)
}
