package emulator

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// The account of Bitstamp: everything is a POST of a form.

func (x *bitstamp) writes(q *query) bool {
	return prefix("/api/v2/buy/", "/api/v2/sell/", "/api/v2/cancel")(q.path)
}

func (x *bitstamp) no(reason, code string) reply {
	return answer(http.StatusBadRequest, fmt.Appendf(nil, `{"status":"error","reason":%q,"response_code":"%s"}`, reason, code))
}

func (x *bitstamp) account(q *query, a *account) reply {
	if q.r.Method != http.MethodPost {
		return reply{status: http.StatusMethodNotAllowed, body: []byte(`{"status":"error","reason":"Method not allowed","code":"API0012"}`)}
	}
	f := q.form()
	parts := strings.Split(strings.Trim(strings.TrimPrefix(q.path, "/api/v2/"), "/"), "/")
	last := parts[len(parts)-1]
	p := q.pit(last)
	switch parts[0] {
	case "account_balances":
		var out [][]byte
		for _, c := range a.assets() {
			w := a.wallets[c]
			out = append(out, fmt.Appendf(nil, `{"available":"%s","currency":"%s","reserved":"%s","total":"%s"}`, coins(w.free(), 8), strings.ToLower(string(c)), coins(&w.held, 8), coins(&w.total, 8)))
		}
		return answer(200, listText(out))
	case "open_orders":
		var out [][]byte
		for _, o := range a.working(p) {
			out = append(out, x.order(o))
		}
		return answer(200, listText(out))
	case "user_transactions":
		return x.executions(f, a, p)
	case "buy", "sell":
		if p == nil {
			return x.no("Unknown currency pair", "400.002")
		}
		return x.enter(q, f, a, p, parts)
	case "cancel_order":
		id, _ := units(f.Get("id"), 0)
		o := a.find(id, "")
		if o == nil || !x.v.cancel(o, q.now) {
			return x.no("Order not found", "404.002")
		}
		return answer(200, fmt.Appendf(nil, `{"id":%d,"amount":%s,"price":%s,"type":%d,"status":"Canceled"}`, o.id, plainText(o.left, o.pit.qd), plainText(o.px, o.pit.pd), kindOf(o.ask)))
	case "order_status":
		id, _ := units(f.Get("id"), 0)
		o := a.find(id, f.Get("client_order_id"))
		if o == nil {
			return x.no("Order not found", "404.002")
		}
		status := map[state]string{working: "Open", filled: "Finished", canceled: "Canceled", expired: "Expired", prevented: "Canceled"}[o.state]
		return answer(200, fmt.Appendf(nil, `{"id":%d,"datetime":"%s","type":"%d","status":"%s","market":"%s/%s","amount_remaining":"%s","client_order_id":%s,"transactions":[]}`, o.id, x.when(o.created), kindOf(o.ask), status, o.pit.base(), o.pit.quote(), fixedText(o.left, o.pit.qd), jsonText(o.client)))
	}
	return answer(http.StatusNotFound, []byte(`{"status":"error","reason":"Not found","code":"API0013"}`))
}

func kindOf(ask bool) int {
	if ask {
		return 1
	}
	return 0
}

func (x *bitstamp) order(o *ticket) []byte {
	p, client := o.pit, "null"
	if o.client != "" {
		client = string(jsonText(o.client))
	}
	pair := p.base() + "/" + p.quote()
	return fmt.Appendf(nil, `{"id":"%d","datetime":"%s","type":"%d","price":"%s","amount":"%s","currency_pair":"%s","market":"%s","client_order_id":%s,"amount_at_create":"%s","limit_price":"%s"}`,
		o.id, x.when(o.created), kindOf(o.ask), fixedText(o.px, p.pd), fixedText(o.left, p.qd), pair, pair, client, fixedText(o.qty, p.qd), fixedText(o.px, p.pd))
}

// executions are the fills, newest first: what came is above zero, what went below.
func (x *bitstamp) executions(f url.Values, a *account, p *pit) reply {
	limit, skip := int64(100), int64(0)
	if n, ok := units(f.Get("limit"), 0); ok {
		limit = min(n, 1000)
	}
	if n, ok := units(f.Get("offset"), 0); ok {
		skip = n
	}
	since, _ := units(f.Get("since_timestamp"), 0)
	list := slices.Clone(a.trades(p))
	if f.Get("sort") != "asc" {
		slices.Reverse(list)
	}
	var out [][]byte
	for _, t := range list {
		if x.v.stamp(t.at).Unix() < since {
			continue
		}
		if skip--; skip >= 0 || int64(len(out)) == limit {
			continue
		}
		p, minus, plus := t.order.pit, "-", ""
		if t.order.ask {
			minus, plus = "", "-"
		}
		base, quote := strings.ToLower(p.base()), strings.ToLower(p.quote())
		out = append(out, fmt.Appendf(nil, `{"id":%d,"order_id":%d,"datetime":"%s","type":"2","fee":"%s","%s":"%s%s","%s":"%s%s","%s_%s":%s}`,
			t.id, t.order.id, x.when(t.at), coins(t.fee, 2), quote, minus, coins(p.cost(t.px, t.qty), 2), base, plus, fixedText(t.qty, p.qd), base, quote, fixedText(t.px, p.pd)))
	}
	return answer(200, listText(out))
}

func (x *bitstamp) enter(q *query, f url.Values, a *account, p *pit, parts []string) reply {
	w := wish{client: f.Get("client_order_id"), pit: p, ask: parts[0] == "sell", force: gtc}
	flag := func(name string) bool { return strings.EqualFold(f.Get(name), "true") }
	switch {
	case flag("moc_order"):
		w.force = postOnly
	case flag("ioc_order"):
		w.force = ioc
	case flag("fok_order"):
		w.force = fok
	}
	ok := true
	if len(parts) == 3 {
		w.market = true
	} else if w.px, ok = units(f.Get("price"), p.pd); !ok {
		return x.no("Ensure that there are no more than "+itoa(int64(p.pd))+" decimal places.", "400.009")
	}
	if len(parts) == 3 && parts[1] == "instant" && !w.ask {
		w.funds, ok = units(f.Get("amount"), p.pd+p.qd)
	} else {
		w.qty, ok = units(f.Get("amount"), p.qd)
	}
	if !ok {
		return x.no("Ensure that there are no more than "+itoa(int64(p.qd))+" decimal places.", "400.009")
	}
	o, why := x.v.place(a, w, q.now)
	switch why {
	case "":
		return answer(200, fmt.Appendf(nil, `{"id":"%d","market":"%s/%s","datetime":"%s","type":"%d","price":"%s","amount":"%s","client_order_id":%s}`,
			o.id, p.base(), p.quote(), x.when(o.created), kindOf(o.ask), fixedText(o.px, p.pd), fixedText(o.qty, p.qd), jsonText(o.client)))
	case tooPoor:
		return x.no("You have only limited funds available. Check your account balance for details.", "400.009")
	case twice:
		return x.no("Order with this client_order_id already exists.", "400.009")
	case wouldTake:
		return x.no("Maker-or-cancel order would take.", "400.009")
	}
	return x.no("Order could not be placed.", "400.009")
}

// when is how Bitstamp writes times of orders and transactions.
func (x *bitstamp) when(t time.Time) string { return x.v.stamp(t).Format("2006-01-02 15:04:05.000000") }
