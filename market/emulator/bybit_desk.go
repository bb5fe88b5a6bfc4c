package emulator

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// The account of Bybit: one unified wallet, JSON bodies, errors inside answers with 200.

func (b *bybit) writes(q *query) bool { return q.r.Method == http.MethodPost }

func (b *bybit) told(q *query, result string) reply {
	return answer(200, fmt.Appendf(nil, `{"retCode":0,"retMsg":"OK","result":%s,"retExtInfo":{},"time":%d}`, result, ms(q.clock())))
}

func (b *bybit) no(q *query, code int, msg string) reply {
	return answer(200, fmt.Appendf(nil, `{"retCode":%d,"retMsg":%q,"result":{},"retExtInfo":{},"time":%d}`, code, msg, ms(q.clock())))
}

func (b *bybit) spotPit(symbol string) *pit {
	for _, p := range b.v.pits {
		if !p.perp && p.base()+p.quote() == symbol {
			return p
		}
	}
	return nil
}

func (b *bybit) account(q *query, a *account) reply {
	var m struct {
		Category, Symbol, Side, OrderType, Price, Qty, TimeInForce, OrderID, OrderLinkID, MarketUnit string
	}
	if q.r.Method == http.MethodPost {
		if json.Unmarshal(q.post(), &m) != nil {
			return b.no(q, 10001, "Request parameter error.")
		}
	} else {
		m.Category, m.Symbol = q.get("category"), q.get("symbol")
	}
	if q.path == "/v5/account/wallet-balance" {
		return b.wallets(q, a)
	}
	if m.Category != "spot" {
		if q.r.Method == http.MethodGet && contains([]string{"linear", "inverse", "option"}, m.Category) {
			return b.told(q, fmt.Sprintf(`{"list":[],"nextPageCursor":"","category":"%s"}`, m.Category)) // the simulated account trades spot alone
		}
		return b.no(q, 10001, "params error: Category is invalid")
	}
	p := b.spotPit(m.Symbol)
	if p == nil && (m.Symbol != "" || q.r.Method == http.MethodPost) {
		return b.no(q, 10001, "Not supported symbols")
	}
	switch q.r.Method + " " + q.path {
	case "GET /v5/order/realtime", "GET /v5/order/history":
		var out [][]byte
		list := a.working(p)
		if q.path == "/v5/order/history" {
			list = a.orders
		}
		for i := len(list) - 1; i >= 0; i-- {
			if p == nil || list[i].pit == p {
				out = append(out, b.order(list[i]))
			}
		}
		return b.told(q, fmt.Sprintf(`{"category":"spot","nextPageCursor":"","list":%s}`, listText(out)))
	case "GET /v5/execution/list":
		return b.executions(q, a, p)
	case "POST /v5/order/create":
		w := wish{client: m.OrderLinkID, pit: p, ask: m.Side == "Sell", force: gtc, market: m.OrderType == "Market"}
		if m.Side != "Sell" && m.Side != "Buy" {
			return b.no(q, 10001, "Side invalid")
		}
		switch m.TimeInForce {
		case "IOC", "FOK":
			w.force = force(m.TimeInForce)
		case "PostOnly":
			w.force = postOnly
		}
		ok := true
		if w.market && !w.ask && m.MarketUnit != "baseCoin" {
			w.funds, ok = units(m.Qty, p.pd+p.qd)
		} else {
			w.qty, ok = units(m.Qty, p.qd)
		}
		if !ok {
			return b.no(q, 170137, "Order quantity has too many decimals.")
		}
		if !w.market {
			if w.px, ok = units(m.Price, p.pd); !ok {
				return b.no(q, 170134, "Order price has too many decimals.")
			}
		}
		o, why := b.v.place(a, w, q.now)
		switch why {
		case "":
			return b.told(q, fmt.Sprintf(`{"orderId":"%d","orderLinkId":%s}`, o.id, jsonText(o.client)))
		case tooPoor:
			return b.no(q, 170131, "Insufficient balance.")
		case twice:
			return b.no(q, 170141, "Duplicate clientOrderId.")
		case wouldTake: // accepted, and canceled at once
			o := &ticket{wish: w, id: b.v.desk.next, account: a, left: w.qty, state: canceled, rejected: "EC_PostOnlyWillTakeLiquidity", created: q.now, updated: q.now}
			b.v.desk.next++
			a.orders = append(a.orders, o)
			return b.told(q, fmt.Sprintf(`{"orderId":"%d","orderLinkId":%s}`, o.id, jsonText(o.client)))
		case badPrice:
			return b.no(q, 170134, "Order price has too many decimals.")
		}
		return b.no(q, 170137, "Order quantity has too many decimals.")
	case "POST /v5/order/cancel":
		id, _ := units(m.OrderID, 0)
		o := a.find(id, m.OrderLinkID)
		if o == nil || !b.v.cancel(o, q.now) {
			return b.no(q, 170213, "Order does not exist.")
		}
		return b.told(q, fmt.Sprintf(`{"orderId":"%d","orderLinkId":%s}`, o.id, jsonText(o.client)))
	case "POST /v5/order/cancel-all":
		var out [][]byte
		for _, o := range a.working(p) {
			b.v.cancel(o, q.now)
			out = append(out, fmt.Appendf(nil, `{"orderId":"%d","orderLinkId":%s}`, o.id, jsonText(o.client)))
		}
		return b.told(q, fmt.Sprintf(`{"list":%s,"success":"1"}`, listText(out)))
	}
	return reply{status: http.StatusNotFound, mime: "text/plain", body: []byte("404 page not found")}
}

func (b *bybit) wallets(q *query, a *account) reply {
	if q.get("accountType") != "UNIFIED" {
		return b.no(q, 10001, "accountType only support UNIFIED.")
	}
	var out [][]byte
	for _, c := range a.assets() {
		w := a.wallets[c]
		out = append(out, fmt.Appendf(nil, `{"coin":"%s","equity":"%s","walletBalance":"%s","locked":"%s","borrowAmount":"0","unrealisedPnl":"0","cumRealisedPnl":"0"}`, c, coins(&w.total, 0), coins(&w.total, 0), coins(&w.held, 0)))
	}
	return b.told(q, fmt.Sprintf(`{"list":[{"accountType":"UNIFIED","coin":%s}]}`, listText(out)))
}

func (b *bybit) order(o *ticket) []byte {
	status := map[state]string{filled: "Filled", canceled: "Cancelled", expired: "Cancelled", prevented: "Cancelled", working: "New"}[o.state]
	switch {
	case o.state == working && o.done() > 0:
		status = "PartiallyFilled"
	case o.state != working && o.state != filled && o.done() > 0:
		status = "PartiallyFilledCanceled"
	}
	kind, tif := "Limit", string(o.force)
	if o.market {
		kind, tif = "Market", "IOC"
	}
	if o.force == postOnly {
		tif = "PostOnly"
	}
	reason := "EC_NoError"
	if o.rejected != "" {
		reason = o.rejected
	}
	p := o.pit
	return fmt.Appendf(nil, `{"orderId":"%d","orderLinkId":%s,"symbol":"%s","price":"%s","qty":"%s","side":"%s","orderType":"%s","timeInForce":"%s","orderStatus":"%s","rejectReason":"%s","avgPrice":"%s","leavesQty":"%s","cumExecQty":"%s","cumExecValue":"%s","stopOrderType":"","marketUnit":"","createdTime":"%d","updatedTime":"%d"}`,
		o.id, jsonText(o.client), p.base()+p.quote(), plainText(o.px, p.pd), plainText(o.qty, p.qd), title(side(o.ask)), kind, tif, status, reason, o.average(), plainText(o.left, p.qd), plainText(o.done(), p.qd), coins(&o.spent, 0),
		ms(b.v.stamp(o.created)), ms(b.v.stamp(o.updated)))
}

// title is Buy of BUY.
func title(s string) string { return s[:1] + strings.ToLower(s[1:]) }

func (b *bybit) executions(q *query, a *account, p *pit) reply {
	list, n := a.trades(p), q.limit("limit", 50, 100)
	before := int64(1 << 62)
	if c := q.get("cursor"); c != "" {
		before, _ = units(c, 0)
	}
	since, _ := units(q.get("startTime"), 0)
	var out [][]byte
	cursor := ""
	for i := len(list) - 1; i >= 0; i-- {
		x := list[i]
		if x.n >= before || ms(b.v.stamp(x.at)) < since {
			continue
		}
		if len(out) == n {
			cursor = itoa(list[i+1].n)
			break
		}
		o := x.order
		kind := "Limit"
		if o.market {
			kind = "Market"
		}
		out = append(out, fmt.Appendf(nil, `{"symbol":"%s","orderId":"%d","orderLinkId":%s,"side":"%s","orderPrice":"%s","orderQty":"%s","leavesQty":"0","orderType":"%s","execFee":"%s","feeCurrency":"%s","execId":"%d-%d","execPrice":"%s","execQty":"%s","execType":"Trade","execValue":"%s","execTime":"%d","isMaker":%t}`,
			o.pit.base()+o.pit.quote(), o.id, jsonText(o.client), title(side(o.ask)), plainText(o.px, o.pit.pd), plainText(o.qty, o.pit.qd), kind, coins(x.fee, 0), x.feeIn, x.id, x.n, plainText(x.px, o.pit.pd), plainText(x.qty, o.pit.qd), coins(o.pit.cost(x.px, x.qty), 0), ms(b.v.stamp(x.at)), x.maker))
	}
	return b.told(q, fmt.Sprintf(`{"category":"spot","nextPageCursor":"%s","list":%s}`, cursor, listText(out)))
}
