package emulator

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// The account of Binance spot, seen 2026-08: orders are answered when they are done or
// rest, and a client id may come again once its order is over.

func (b *binance) writes(q *query) bool { return q.r.Method != http.MethodGet }

func (b *binance) account(q *query, a *account) reply {
	f := q.form()
	what := strings.TrimPrefix(q.path, "/api/v3/")
	var p *pit
	if s := f.Get("symbol"); s != "" {
		if p = q.pit(s); p == nil {
			return b.fail(q, -1121, "Invalid symbol.")
		}
	}
	if p == nil && (what == "myTrades" || what == "allOrders" || strings.HasPrefix(what, "order") || what == "openOrders" && q.r.Method == http.MethodDelete) {
		return b.fail(q, -1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.")
	}
	switch q.r.Method + " " + what {
	case "GET account":
		return b.weigh(q, b.balances(q, f, a))
	case "GET openOrders":
		return b.weigh(q, b.orders(q, a.working(p), a))
	case "GET allOrders":
		var list []*ticket
		for _, o := range a.orders {
			if o.pit == p {
				list = append(list, o)
			}
		}
		return b.weigh(q, b.orders(q, list, a))
	case "GET myTrades":
		return b.weigh(q, b.fills(q, f, a, p))
	case "GET order":
		if o := b.named(f, a, p); o != nil {
			return b.weigh(q, answer(200, b.order(q, o)))
		}
		return b.fail(q, -2013, "Order does not exist.")
	case "POST order", "POST order/test":
		return b.weigh(q, b.enter(q, f, a, p, what == "order/test"))
	case "DELETE order":
		o := b.named(f, a, p)
		if o == nil || !b.v.cancel(o, q.now) {
			return b.fail(q, -2011, "Unknown order sent.")
		}
		return b.weigh(q, answer(200, b.canceled(q, o)))
	case "DELETE openOrders":
		list := a.working(p)
		if len(list) == 0 {
			return b.fail(q, -2011, "Unknown order sent.")
		}
		var out [][]byte
		for _, o := range list {
			b.v.cancel(o, q.now)
			out = append(out, b.canceled(q, o))
		}
		return b.weigh(q, array(out))
	}
	return reply{status: http.StatusNotFound, mime: "text/html", body: []byte("<html><body><h2>404 Not found</h2></body></html>")}
}

func (b *binance) named(f url.Values, a *account, p *pit) *ticket {
	id, _ := units(f.Get("orderId"), 0)
	if o := a.find(id, f.Get("origClientOrderId")); o != nil && o.pit == p {
		return o
	}
	return nil
}

func (b *binance) balances(q *query, f url.Values, a *account) reply {
	var out [][]byte
	for _, c := range a.assets() {
		w := a.wallets[c]
		if f.Get("omitZeroBalances") == "true" && w.total.Sign() == 0 {
			continue
		}
		out = append(out, fmt.Appendf(nil, `{"asset":"%s","free":"%s","locked":"%s"}`, c, coins(w.free(), 8), coins(&w.held, 8)))
	}
	return answer(200, fmt.Appendf(nil, `{"makerCommission":10,"takerCommission":10,"buyerCommission":0,"sellerCommission":0,"commissionRates":{"maker":"0.00100000","taker":"0.00100000","buyer":"0.00000000","seller":"0.00000000"},"canTrade":true,"canWithdraw":false,"canDeposit":false,"brokered":false,"requireSelfTradePrevention":false,"preventSor":false,"updateTime":%d,"accountType":"SPOT","balances":%s,"permissions":["SPOT"],"uid":%d}`,
		b.ts(q, q.clock()), listText(out), a.id))
}

func (b *binance) status(o *ticket) string {
	switch {
	case o.state == working && o.done() > 0:
		return "PARTIALLY_FILLED"
	case o.state == working:
		return "NEW"
	case o.state == prevented:
		return "EXPIRED_IN_MATCH"
	}
	return strings.ToUpper(string(o.state))
}

func (b *binance) kind(o *ticket) string {
	switch {
	case o.market:
		return "MARKET"
	case o.force == postOnly:
		return "LIMIT_MAKER"
	}
	return "LIMIT"
}

func (b *binance) lasts(o *ticket) string {
	if o.force == postOnly {
		return "GTC"
	}
	return string(o.force)
}

func side(ask bool) string {
	if ask {
		return "SELL"
	}
	return "BUY"
}

// core is what every answer about an order has.
func (b *binance) core(o *ticket) []byte {
	p := o.pit
	return fmt.Appendf(nil, `"symbol":"%s","orderId":%d,"orderListId":-1,"clientOrderId":%s,"price":"%s","origQty":"%s","executedQty":"%s","origQuoteOrderQty":"%s","cummulativeQuoteQty":"%s","status":"%s","timeInForce":"%s","type":"%s","side":"%s","selfTradePreventionMode":"EXPIRE_MAKER"`,
		p.symbol, o.id, jsonText(o.clientID()), b.px(p, o.px), b.qty(p, o.qty), b.qty(p, o.done()), longer(o.funds, p.pd+p.qd, 8), coins(&o.spent, 8), b.status(o), b.lasts(o), b.kind(o), side(o.ask))
}

// clientID is the owner's id, or one the venue made up.
func (o *ticket) clientID() string {
	if o.client != "" {
		return o.client
	}
	return fmt.Sprintf("sim%019d", o.id)
}

func (b *binance) order(q *query, o *ticket) []byte {
	return fmt.Appendf(nil, `{%s,"stopPrice":"0.00000000","icebergQty":"0.00000000","time":%d,"updateTime":%d,"isWorking":true,"workingTime":%d}`,
		b.core(o), b.ts(q, b.v.stamp(o.created)), b.ts(q, b.v.stamp(o.updated)), b.ts(q, b.v.stamp(o.created)))
}

func (b *binance) canceled(q *query, o *ticket) []byte {
	return fmt.Appendf(nil, `{%s,"origClientOrderId":%s,"transactTime":%d}`, b.core(o), jsonText(o.clientID()), b.ts(q, b.v.stamp(o.updated)))
}

func (b *binance) orders(q *query, list []*ticket, _ *account) reply {
	var out [][]byte
	for _, o := range list {
		out = append(out, b.order(q, o))
	}
	return array(out)
}

func (b *binance) fills(q *query, f url.Values, a *account, p *pit) reply {
	n := q.limit("limit", 500, 1000)
	list := a.trades(p)
	from, start, end := f.Get("fromId"), f.Get("startTime"), f.Get("endTime")
	id, _ := units(from, 0)
	since, _ := units(start, 0)
	until, _ := units(end, 0)
	var kept []*fill
	for _, x := range list {
		at := ms(b.v.stamp(x.at))
		if from != "" && x.id < id || start != "" && at < since || end != "" && at > until {
			continue
		}
		kept = append(kept, x)
	}
	if from != "" || start != "" {
		kept = firstN(kept, n)
	} else {
		kept = lastN(kept, n)
	}
	var out [][]byte
	for _, x := range kept {
		out = append(out, fmt.Appendf(nil, `{"symbol":"%s","id":%d,"orderId":%d,"orderListId":-1,"price":"%s","qty":"%s","quoteQty":"%s","commission":"%s","commissionAsset":"%s","time":%d,"isBuyer":%t,"isMaker":%t,"isBestMatch":true}`,
			p.symbol, x.id, x.order.id, b.px(p, x.px), b.qty(p, x.qty), coins(p.cost(x.px, x.qty), 8), coins(x.fee, 8), x.feeIn, b.ts(q, b.v.stamp(x.at)), !x.order.ask, x.maker))
	}
	return array(out)
}

func (b *binance) enter(q *query, f url.Values, a *account, p *pit, test bool) reply {
	w := wish{client: f.Get("newClientOrderId"), pit: p, ask: f.Get("side") == "SELL", force: gtc}
	if f.Get("side") != "SELL" && f.Get("side") != "BUY" {
		return b.fail(q, -1117, "Invalid side.")
	}
	if len(w.client) > 36 {
		return b.fail(q, -1100, "Illegal characters found in parameter 'newClientOrderId'; legal range is '^[a-zA-Z0-9-_]{1,36}$'.")
	}
	needs := []string{"price", "quantity"}
	switch f.Get("type") {
	case "LIMIT":
		switch t := force(f.Get("timeInForce")); t {
		case gtc, ioc, fok:
			w.force = t
		case "":
			return b.fail(q, -1102, "Mandatory parameter 'timeInForce' was not sent, was empty/null, or malformed.")
		default:
			return b.fail(q, -1115, "Invalid timeInForce.")
		}
	case "LIMIT_MAKER":
		w.force = postOnly
	case "MARKET":
		w.market, needs = true, []string{"quantity"}
		if f.Get("quoteOrderQty") != "" {
			needs = nil
			n, ok := units(f.Get("quoteOrderQty"), min(8, p.pd+p.qd))
			if !ok || n <= 0 || w.ask {
				return b.fail(q, -1111, "Parameter 'quoteOrderQty' has too much precision.")
			}
			for s := min(8, p.pd+p.qd); s < p.pd+p.qd; s++ {
				n *= 10
			}
			w.funds = n
		}
	default:
		return b.fail(q, -1116, "Invalid orderType.")
	}
	for _, name := range needs {
		scale, into := p.pd, &w.px
		if name == "quantity" {
			scale, into = p.qd, &w.qty
		}
		if f.Get(name) == "" {
			return b.fail(q, -1102, fmt.Sprintf("Mandatory parameter '%s' was not sent, was empty/null, or malformed.", name))
		}
		n, ok := units(f.Get(name), scale)
		switch {
		case !ok && name == "price":
			return b.fail(q, -1013, "Filter failure: PRICE_FILTER")
		case !ok || n <= 0:
			return b.fail(q, -1013, "Filter failure: LOT_SIZE")
		}
		*into = n
	}
	if !w.market && p.cost(w.px, w.qty).Cmp(amount(5, 0)) < 0 {
		return b.fail(q, -1013, "Filter failure: NOTIONAL")
	}
	if test {
		return answer(200, []byte("{}"))
	}
	before := len(a.fills)
	o, why := b.v.place(a, w, q.now)
	switch why {
	case "":
	case tooPoor:
		return b.fail(q, -2010, "Account has insufficient balance for requested action.")
	case twice:
		return b.fail(q, -2010, "Duplicate order sent.")
	case wouldTake:
		return b.fail(q, -2010, "Order would immediately match and take.")
	case badPrice:
		return b.fail(q, -1013, "Filter failure: PRICE_FILTER")
	default:
		return b.fail(q, -1013, "Filter failure: LOT_SIZE")
	}
	at := b.ts(q, b.v.stamp(o.created))
	kind := f.Get("newOrderRespType")
	if kind == "" {
		kind = "FULL"
	}
	if kind == "ACK" {
		return answer(200, fmt.Appendf(nil, `{"symbol":"%s","orderId":%d,"orderListId":-1,"clientOrderId":%s,"transactTime":%d}`, p.symbol, o.id, jsonText(o.clientID()), at))
	}
	var fills [][]byte
	for _, x := range a.fills[before:] {
		if x.order == o {
			fills = append(fills, fmt.Appendf(nil, `{"price":"%s","qty":"%s","commission":"%s","commissionAsset":"%s","tradeId":%d}`, b.px(p, x.px), b.qty(p, x.qty), coins(x.fee, 8), x.feeIn, x.id))
		}
	}
	return answer(200, fmt.Appendf(nil, `{%s,"transactTime":%d,"workingTime":%d,"fills":%s}`, b.core(o), at, at, listText(fills)))
}
