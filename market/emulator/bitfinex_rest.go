package emulator

import (
	"fmt"
	"net/http"
	"sort"
	"strings"
	"time"
)

func (x *bitfinex) cost(q *query) (string, int) {
	if strings.HasPrefix(q.path, "/v2/conf/") || strings.HasPrefix(q.path, "/v2/platform/") {
		return "conf", 1
	}
	return "market", 1
}

func (x *bitfinex) rest(q *query) reply {
	path, ok := strings.CutPrefix(q.path, "/v2/")
	if !ok {
		return answer(http.StatusNotFound, []byte(`{"error":"ERR_UNKNOWN_PATH"}`))
	}
	part := strings.Split(path, "/")
	switch {
	case path == "platform/status":
		return answer(200, []byte("[1]"))
	case part[0] == "conf" && len(part) == 2:
		return x.conf(part[1])
	case path == "tickers":
		return x.tickers(q)
	case path == "status/deriv":
		return x.statuses(q)
	case part[0] == "candles" && len(part) == 3:
		return x.candles(q, part[1], part[2])
	case len(part) < 2:
		return answer(http.StatusNotFound, []byte(`{"error":"ERR_UNKNOWN_PATH"}`))
	}
	p := q.pit(part[1])
	if p == nil {
		return x.fail(http.StatusInternalServerError, 10020, "symbol: invalid")
	}
	switch what := part[0] + "/" + strings.Join(part[2:], "/"); what {
	case "ticker/":
		return answer(200, x.ticker(p, q.now))
	case "book/P0":
		n := map[string]int{"": 25, "1": 1, "25": 25, "100": 100, "250": 250}[q.get("len")]
		if n == 0 {
			return x.fail(http.StatusInternalServerError, 10020, "len: invalid")
		}
		top := p.book.top(n)
		return answer(200, x.book(&topic{p: p}, &delta{bids: top.bids, asks: top.asks}))
	case "trades/hist":
		return x.history(q, p)
	}
	return answer(http.StatusNotFound, []byte(`{"error":"ERR_UNKNOWN_PATH"}`))
}

// conf answers one list for each key.
func (x *bitfinex) conf(keys string) reply {
	var out []string
	for _, key := range strings.Split(keys, ",") {
		var rows []string
		for _, p := range x.v.pits {
			name := bitfinexPair(p.listing)
			switch {
			case key == "pub:list:pair:exchange" && !p.perp, key == "pub:list:pair:futures" && p.perp:
				rows = append(rows, quoted(name))
			case key == "pub:info:pair" && !p.perp, key == "pub:info:pair:futures" && p.perp:
				rows = append(rows, fmt.Sprintf(`[%q,[null,null,null,"%s","%s",null,null,null,0.2,0.1,null,null]]`, name, plainText(4000, p.qd), "2000.0"))
			}
		}
		out = append(out, "["+strings.Join(rows, ",")+"]")
	}
	return answer(200, []byte("["+strings.Join(out, ",")+"]"))
}

func (x *bitfinex) tickers(q *query) reply {
	var out []string
	for _, p := range x.v.pits {
		if s := q.get("symbols"); s == "ALL" || contains(strings.Split(s, ","), p.symbol) {
			out = append(out, fmt.Sprintf("[%q,%s", p.symbol, x.ticker(p, q.now)[1:]))
		}
	}
	return answer(200, []byte("["+strings.Join(out, ",")+"]"))
}

func (x *bitfinex) statuses(q *query) reply {
	var out []string
	for _, p := range x.v.pits {
		if s := q.get("keys"); p.perp && (s == "ALL" || contains(strings.Split(s, ","), p.symbol)) {
			out = append(out, fmt.Sprintf("[%q,%s", p.symbol, x.status(p, q.now)[1:]))
		}
	}
	return answer(200, []byte("["+strings.Join(out, ",")+"]"))
}

// span reads start, end (both inclusive), limit and sort; up is the oldest first.
func (x *bitfinex) span(q *query, def int64) (start, end time.Time, n int, up, ok bool) {
	from, ok1 := q.number("start", 0)
	to, ok2 := q.number("end", ms(q.clock()))
	limit, ok3 := q.number("limit", def)
	order, ok4 := q.number("sort", -1)
	if !ok1 || !ok2 || !ok3 || !ok4 || limit < 1 || limit > 10000 {
		return start, end, 0, false, false
	}
	return unskew(x.v, time.UnixMilli(from)), unskew(x.v, time.UnixMilli(to)), int(limit), order > 0, true
}

// history: trades from start to end, by default the newest first and 125.
func (x *bitfinex) history(q *query, p *pit) reply {
	start, end, n, up, ok := x.span(q, 125)
	if !ok {
		return x.fail(http.StatusInternalServerError, 10020, "limit: invalid")
	}
	list := p.tape.from(start)
	end = end.Add(time.Millisecond) // the whole millisecond
	list = list[:sort.Search(len(list), func(i int) bool { return !list[i].at.Before(end) })]
	if up {
		return answer(200, x.trades(p, firstN(list, n)))
	}
	return answer(200, x.trades(p, reversed(lastN(list, n))))
}

// candles: the newest first and 100 by default; none for intervals without a trade.
func (x *bitfinex) candles(q *query, key, section string) reply {
	part := strings.SplitN(key, ":", 3)
	if len(part) < 3 || part[0] != "trade" || bitfinexIntervals[part[1]] == "" {
		return x.fail(http.StatusInternalServerError, 10020, "key: invalid")
	}
	p, i := q.pit(part[2]), bitfinexIntervals[part[1]]
	if p == nil {
		return x.fail(http.StatusInternalServerError, 10020, "symbol: invalid")
	}
	start, end, n, up, ok := x.span(q, 100)
	if !ok {
		return x.fail(http.StatusInternalServerError, 10020, "limit: invalid")
	}
	list := p.tape.spans(i, 0, start, end, false)
	switch {
	case section == "last" && len(list) > 0:
		return answer(200, x.bar(p, &list[len(list)-1]))
	case section != "hist":
		return answer(http.StatusNotFound, []byte(`{"error":"ERR_UNKNOWN_PATH"}`))
	case up:
		return answer(200, x.bars(p, firstN(list, n)))
	}
	return answer(200, x.bars(p, reversed(lastN(list, n))))
}
