package emulator

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/assayhq/assay/market"
)

func (s *seoul) cost(q *query) (string, int) {
	group, _, _ := strings.Cut(strings.TrimPrefix(q.path, "/v1/"), "/")
	return group, 1
}

func (s *seoul) refuse(_ *query, r refusal) reply {
	if r.banned {
		return answer(http.StatusTeapot, fmt.Appendf(nil, `{"error":{"name":"too_many_requests","message":"This IP has been blocked for %d seconds."}}`, int(r.retry/time.Second)+1))
	}
	return answer(http.StatusTooManyRequests, []byte(`{"error":{"name":"too_many_requests","message":"Too many API requests."}}`))
}

func (s *seoul) fail(status int, message string) reply {
	return answer(status, fmt.Appendf(nil, `{"error":{"name":%d,"message":"%s"}}`, status, message))
}

// long is the names REST has.
func long(name, _ string) string { return name }

func (s *seoul) rest(q *query) reply {
	what, ok := strings.CutPrefix(q.path, "/v1/")
	if !ok || q.r.Method != http.MethodGet {
		return s.fail(http.StatusNotFound, "no Route matched with those values")
	}
	a := s.route(q, what)
	group, _ := s.cost(q)
	a.header = map[string]string{"Remaining-Req": fmt.Sprintf("group=%s; min=1800; sec=%d", group, max(q.left, 0))}
	return a
}

func (s *seoul) route(q *query, what string) reply {
	if what == "market/all" {
		return s.markets(q)
	}
	kind, candles := strings.CutPrefix(what, "candles/")
	name := q.get("market")
	if what == "orderbook" || what == "ticker" {
		name = q.get("markets")
	}
	if name == "" {
		return s.fail(http.StatusBadRequest, "Missing request parameter error. Check the required parameters!")
	}
	var pits []*pit
	for _, m := range strings.Split(name, ",") {
		p := q.pit(m)
		if p == nil {
			return s.fail(http.StatusNotFound, "Code not found")
		}
		pits = append(pits, p)
	}
	switch {
	case candles:
		return s.candles(q, pits[0], kind)
	case what == "trades/ticks":
		return s.ticks(q, pits[0])
	case what != "orderbook" && what != "ticker":
		return s.fail(http.StatusNotFound, "no Route matched with those values")
	}
	var out [][]byte
	for _, p := range pits {
		members, at := s.day(p, q.now, long), q.clock()
		if what == "orderbook" {
			book := p.book.top(q.limit("count", 30, 30))
			members = s.units(p, &book, long) + `,"level":0`
		}
		out = append(out, fmt.Appendf(nil, `{"market":"%s","timestamp":%d,%s}`, p.symbol, ms(at), members))
	}
	return array(out)
}

func (s *seoul) markets(q *query) reply {
	var out [][]byte
	for _, p := range s.v.pits {
		extra := ""
		switch {
		case s.bithumb:
			extra = `,"market_warning":"NONE"`
		case q.get("is_details") == "true":
			extra = `,"market_event":{"warning":false,"caution":{"PRICE_FLUCTUATIONS":false,"TRADING_VOLUME_SOARING":false,"DEPOSIT_AMOUNT_SOARING":false,"GLOBAL_PRICE_DIFFERENCES":false,"CONCENTRATION_OF_SMALL_ACCOUNTS":false}}`
		}
		out = append(out, fmt.Appendf(nil, `{"market":"%s","korean_name":"%s","english_name":"%s"%s}`, p.symbol, p.base(), p.base(), extra))
	}
	return array(out)
}

// ticks gives the trades of one day in UTC, newest first: without a number of days ago,
// of the day of the last trade.
func (s *seoul) ticks(q *query, p *pit) reply {
	word := "days_ago"
	if s.bithumb {
		word = "daysAgo"
	}
	ago, ok1 := q.number(word, 0)
	cursor, ok2 := q.number("cursor", 0)
	if !ok1 || !ok2 || q.get(word) != "" && (ago < 1 || ago > 7) {
		return s.fail(http.StatusBadRequest, "Invalid parameter. Check the given value!")
	}
	end := ""
	if to := strings.ReplaceAll(q.get("to"), ":", ""); to != "" {
		if _, err := strconv.Atoi(to); err != nil || len(to) != 6 {
			return s.fail(http.StatusBadRequest, "Invalid parameter. Check the given value!")
		}
		end = to
	}
	last := p.tape.lastTrade()
	day := s.v.stamp(last.at).AddDate(0, 0, -int(ago)).Format("2006-01-02")
	var out [][]byte
	for _, x := range reversed(p.tape.since(0)) {
		at := s.v.stamp(x.at)
		if at.Format("2006-01-02") != day || cursor > 0 && x.id >= cursor || end != "" && at.Format("150405") >= end {
			continue
		}
		if len(out) == q.limit("count", 1, 500) {
			break
		}
		row := fmt.Appendf(nil, `{"market":"%s","trade_date_utc":"%s","trade_time_utc":"%s","timestamp":%d,"trade_price":%s,"trade_volume":%s,"prev_closing_price":%s,"change_price":0,"ask_bid":"%s","sequential_id":%d}`,
			p.symbol, day, at.Format("15:04:05"), ms(at), plainText(x.px, p.pd), plainText(x.qty, p.qd), plainText(x.px, p.pd), seoulSide(&x), x.id)
		if s.bithumb { // its numbers are texts
			row = fmt.Appendf(nil, `{"market":"%s","trade_date_utc":"%s","trade_time_utc":"%s","timestamp":"%d","trade_price":"%s","trade_volume":"%s","prev_closing_price":"%s","change_price":"0","ask_bid":"%s","sequential_id":"%d"}`,
				p.symbol, day, at.Format("15:04:05"), ms(at), plainText(x.px, p.pd), plainText(x.qty, p.qd), plainText(x.px, p.pd), seoulSide(&x), x.id)
		}
		out = append(out, row)
	}
	return array(out)
}

// seoulPaths are the candles of REST.
var seoulPaths = map[string]market.Interval{"seconds": "1s", "minutes/1": "1m", "minutes/3": "3m", "minutes/5": "5m", "minutes/15": "15m", "minutes/30": "30m",
	"minutes/60": "1h", "minutes/240": "4h", "days": "1d", "weeks": "1w", "months": "1M"}

// candles gives bars that began before the moment to, newest first; those without a
// trade are left out. A moment without a zone is of UTC, at Bithumb of Seoul.
func (s *seoul) candles(q *query, p *pit, kind string) reply {
	i := seoulPaths[kind]
	if i == "" || i == "1s" && s.bithumb {
		return s.fail(http.StatusNotFound, "no Route matched with those values")
	}
	end := q.now
	if to := q.get("to"); to != "" {
		at, ok := s.moment(to)
		if !ok {
			return s.fail(http.StatusBadRequest, "Invalid parameter. Check the given value!")
		}
		end = at
	}
	var list []bar
	for _, k := range p.tape.spans(i, 0, p.tape.reach(i), q.now, false) {
		if k.open.Before(end) {
			list = append(list, k)
		}
	}
	unit := ""
	if n, ok := strings.CutPrefix(kind, "minutes/"); ok {
		unit = `,"unit":` + n
	}
	var out [][]byte
	for _, k := range reversed(lastN(list, q.limit("count", 1, 200))) {
		last := min(ms(i.Next(k.open))-1, ms(q.clock()))
		out = append(out, fmt.Appendf(nil, `{"market":"%s",%s,"timestamp":%d%s}`, p.symbol, s.bar(p, &k, long), last, unit))
	}
	return answer(200, append(append([]byte{'['}, bytes.Join(out, []byte{','})...), ']'))
}

func (s *seoul) moment(text string) (time.Time, bool) {
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at, true
	}
	at, err := time.Parse("2006-01-02T15:04:05", strings.Replace(text, " ", "T", 1))
	if s.bithumb {
		at = at.Add(-9 * time.Hour)
	}
	return at, err == nil
}
