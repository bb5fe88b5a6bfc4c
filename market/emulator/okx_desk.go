package emulator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// The account of OKX: cash orders of spot; what one order of a request met stands in its
// own sCode.

func (x *okx) writes(q *query) bool {
	return q.r.Method == http.MethodPost && strings.HasPrefix(q.path, "/api/v5/trade/")
}

func (x *okx) told(rows [][]byte) reply {
	return answer(200, fmt.Appendf(nil, `{"code":"0","msg":"","data":%s}`, listText(rows)))
}

func (x *okx) account(q *query, a *account) reply {
	switch q.r.Method + " " + strings.TrimPrefix(q.path, "/api/v5/") {
	case "GET account/balance":
		var out [][]byte
		for _, c := range a.assets() {
			w := a.wallets[c]
			out = append(out, fmt.Appendf(nil, `{"ccy":"%s","cashBal":"%s","availBal":"%s","availEq":"%s","frozenBal":"%s","ordFrozen":"%s","eq":"%s","uTime":"%d"}`,
				c, coins(&w.total, 0), coins(w.free(), 0), coins(w.free(), 0), coins(&w.held, 0), coins(&w.held, 0), coins(&w.total, 0), ms(q.clock())))
		}
		return x.told([][]byte{fmt.Appendf(nil, `{"uTime":"%d","totalEq":"","details":%s}`, ms(q.clock()), listText(out))})
	case "GET trade/orders-pending", "GET trade/orders-history":
		list := a.working(nil)
		if strings.HasSuffix(q.path, "history") {
			list = a.orders
		}
		return x.told(x.page(q, list, func(o *ticket) (int64, string) { return o.id, o.pit.symbol }, x.order))
	case "GET trade/order":
		id, _ := units(q.get("ordId"), 0)
		if o := a.find(id, q.get("clOrdId")); o != nil {
			return x.told([][]byte{x.order(o)})
		}
		return answer(200, []byte(`{"code":"51603","msg":"Order does not exist","data":[]}`))
	case "GET trade/fills-history", "GET trade/fills":
		if t := q.get("instType"); t != "" && t != "SPOT" {
			return x.told(nil)
		}
		begin, _ := units(q.get("begin"), 0)
		var list []*fill
		for _, f := range a.fills {
			if ms(x.v.stamp(f.at)) >= begin {
				list = append(list, f)
			}
		}
		return x.told(pageOf(q, list, func(f *fill) (int64, string) { return f.n, f.order.pit.symbol }, x.fill))
	case "POST trade/order", "POST trade/batch-orders", "POST trade/cancel-order", "POST trade/cancel-batch-orders":
		return x.write(q, a, strings.Contains(q.path, "cancel"))
	}
	return reply{status: http.StatusNotFound, body: []byte(`{"msg":"Not Found","code":"404","data":[]}`)}
}

func (x *okx) page(q *query, list []*ticket, key func(*ticket) (int64, string), row func(*ticket) []byte) [][]byte {
	return pageOf(q, list, key, row)
}

// pageOf gives rows newest first, those before the id of after.
func pageOf[T any](q *query, list []T, key func(T) (int64, string), row func(T) []byte) [][]byte {
	after, ok := units(q.get("after"), 0)
	var out [][]byte
	for _, r := range slices.Backward(list) {
		id, symbol := key(r)
		if ok && q.get("after") != "" && id >= after || q.get("instId") != "" && q.get("instId") != symbol {
			continue
		}
		if len(out) == q.limit("limit", 100, 100) {
			break
		}
		out = append(out, row(r))
	}
	return out
}

func (x *okx) order(o *ticket) []byte {
	p, status := o.pit, map[state]string{working: "live", filled: "filled", canceled: "canceled", expired: "canceled", prevented: "canceled"}[o.state]
	if o.state == working && o.done() > 0 {
		status = "partially_filled"
	}
	kind, px := map[force]string{gtc: "limit", ioc: "ioc", fok: "fok", postOnly: "post_only"}[o.force], plainText(o.px, p.pd)
	if o.market {
		kind, px = "market", ""
	}
	average := ""
	if o.done() > 0 {
		average = o.average()
	}
	return fmt.Appendf(nil, `{"instType":"SPOT","instId":"%s","ordId":"%d","clOrdId":%s,"px":"%s","sz":"%s","ordType":"%s","side":"%s","tdMode":"cash","accFillSz":"%s","avgPx":"%s","state":"%s","tgtCcy":"base_ccy","uTime":"%d","cTime":"%d"}`,
		p.symbol, o.id, jsonText(o.client), px, plainText(o.qty, p.qd), kind, strings.ToLower(side(o.ask)), plainText(o.done(), p.qd), average, status, ms(x.v.stamp(o.updated)), ms(x.v.stamp(o.created)))
}

func (x *okx) fill(f *fill) []byte {
	o, role := f.order, "T"
	if f.maker {
		role = "M"
	}
	return fmt.Appendf(nil, `{"instType":"SPOT","instId":"%s","tradeId":"%d","ordId":"%d","clOrdId":%s,"billId":"%d","fillPx":"%s","fillSz":"%s","side":"%s","execType":"%s","fee":"-%s","feeCcy":"%s","ts":"%d","fillTime":"%d"}`,
		o.pit.symbol, f.id, o.id, jsonText(o.client), f.n, plainText(f.px, o.pit.pd), plainText(f.qty, o.pit.qd), strings.ToLower(side(o.ask)), role, coins(f.fee, 0), f.feeIn, ms(x.v.stamp(f.at)), ms(x.v.stamp(f.at)))
}

// wanted is one order, or one cancellation, of a request.
type okxWanted struct {
	InstID, Side, OrdType, Sz, Px, TdMode, TgtCcy, ClOrdID, OrdID string
}

func (x *okx) write(q *query, a *account, cancel bool) reply {
	body := bytes.TrimSpace(q.post())
	if len(body) > 0 && body[0] != '[' {
		body = append(append([]byte{'['}, body...), ']')
	}
	var list []okxWanted
	if json.Unmarshal(body, &list) != nil || len(list) == 0 {
		return answer(http.StatusBadRequest, []byte(`{"code":"50002","msg":"JSON syntax error","data":[]}`))
	}
	var out [][]byte
	bad := 0
	for _, m := range list {
		id, code, msg := x.one(q, a, &m, cancel)
		if code != "0" {
			bad++
		}
		out = append(out, fmt.Appendf(nil, `{"ordId":"%s","clOrdId":%s,"tag":"","ts":"%d","sCode":"%s","sMsg":%q}`, id, jsonText(m.ClOrdID), ms(q.clock()), code, msg))
	}
	code, msg := "0", ""
	switch {
	case bad == len(list):
		code, msg = "1", "All operations failed"
	case bad > 0:
		code, msg = "2", "Bulk operation partially succeeded."
	}
	return answer(200, fmt.Appendf(nil, `{"code":"%s","msg":"%s","data":%s,"inTime":"%d","outTime":"%d"}`, code, msg, listText(out), us(q.clock()), us(q.clock())))
}

func (x *okx) one(q *query, a *account, m *okxWanted, cancel bool) (id, code, msg string) {
	p := q.pit(m.InstID)
	if p == nil || p.perp {
		return "", "51001", "Instrument ID, Instrument ID code, or Spread ID doesn't exist."
	}
	if cancel {
		n, _ := units(m.OrdID, 0)
		o := a.find(n, m.ClOrdID)
		if o == nil || !x.v.cancel(o, q.now) {
			return m.OrdID, "51400", "Cancellation failed as the order has been filled, canceled or does not exist."
		}
		return itoa(o.id), "0", ""
	}
	w := wish{client: m.ClOrdID, pit: p, ask: m.Side == "sell"}
	switch m.OrdType {
	case "limit":
		w.force = gtc
	case "market":
		w.market, w.force = true, ioc
	case "ioc", "fok":
		w.force = force(strings.ToUpper(m.OrdType))
	case "post_only":
		w.force = postOnly
	default:
		return "", "51000", "Parameter ordType error"
	}
	if m.Side != "sell" && m.Side != "buy" || m.TdMode != "cash" {
		return "", "51000", "Parameter side or tdMode error"
	}
	ok := true
	if w.market && !w.ask && m.TgtCcy != "base_ccy" {
		w.funds, ok = units(m.Sz, p.pd+p.qd)
	} else {
		w.qty, ok = units(m.Sz, p.qd)
	}
	if !ok {
		return "", "51121", "Order quantity must be a multiple of the lot size."
	}
	if !w.market {
		if w.px, ok = units(m.Px, p.pd); !ok {
			return "", "51006", "Order price is not within the price limit"
		}
	}
	o, why := x.v.place(a, w, q.now)
	switch why {
	case "":
		return itoa(o.id), "0", "Order placed"
	case tooPoor:
		return "", "51008", "Order failed. Insufficient balance in account."
	case twice:
		return "", "51016", "Client order ID already exists."
	case badPrice:
		return "", "51006", "Order price is not within the price limit"
	case wouldTake: // accepted, and canceled at once
		o := &ticket{wish: w, id: x.v.desk.next, account: a, left: w.qty, state: canceled, created: q.now, updated: q.now}
		x.v.desk.next++
		a.orders = append(a.orders, o)
		return itoa(o.id), "0", "Order placed"
	}
	return "", "51121", "Order quantity must be a multiple of the lot size."
}
