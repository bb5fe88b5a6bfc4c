package emulator

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// The account of Coinbase Advanced: a wallet for each currency, and failures of orders in
// answers with status 200.

func (x *coinbase) writes(q *query) bool { return q.r.Method == http.MethodPost }

// uuid spells a number as the venue spells ids.
func uuid(n int64) string {
	return fmt.Sprintf("%08x-0000-4000-8000-%012x", uint32(n), uint64(n)&0xffffffffffff)
}

func (x *coinbase) account(q *query, a *account) reply {
	what := strings.TrimPrefix(q.path, "/api/v3/brokerage/")
	p := q.pit(q.get("product_ids"))
	switch q.r.Method + " " + what {
	case "GET accounts":
		var out [][]byte
		for i, c := range a.assets() {
			w := a.wallets[c]
			out = append(out, fmt.Appendf(nil, `{"uuid":"%s","name":"%s Wallet","currency":"%s","available_balance":{"value":"%s","currency":"%s"},"default":true,"active":true,"created_at":"%s","updated_at":"%s","deleted_at":null,"type":"ACCOUNT_TYPE_CRYPTO","ready":true,"hold":{"value":"%s","currency":"%s"}}`,
				uuid(a.id*1000+int64(i)), c, c, coins(w.free(), 0), c, micro(x.v.stamp(x.v.start)), micro(q.clock()), coins(&w.held, 0), c))
		}
		return answer(200, fmt.Appendf(nil, `{"accounts":%s,"has_next":false,"cursor":"","size":%d}`, listText(out), len(out)))
	case "GET orders/historical/batch":
		list := a.orders
		if q.get("order_status") == "OPEN" {
			list = a.working(nil)
		}
		var out [][]byte
		for _, o := range slices.Backward(list) {
			if p == nil || o.pit == p {
				out = append(out, x.order(o))
			}
		}
		return answer(200, fmt.Appendf(nil, `{"orders":%s,"has_next":false,"cursor":"","sequence":"0"}`, listText(out)))
	case "GET orders/historical/fills":
		var out [][]byte
		for _, f := range slices.Backward(a.trades(p)) {
			role := "TAKER"
			if f.maker {
				role = "MAKER"
			}
			if from := q.get("start_sequence_timestamp"); from != "" && micro(x.v.stamp(f.at)) < from {
				continue
			}
			out = append(out, fmt.Appendf(nil, `{"entry_id":"%s","trade_id":"%s","order_id":"%s","trade_time":"%s","trade_type":"FILL","price":"%s","size":"%s","commission":"%s","product_id":"%s","sequence_timestamp":"%s","liquidity_indicator":"%s","size_in_quote":false,"side":"%s"}`,
				uuid(f.id<<8|f.n&255), uuid(f.id), uuid(f.order.id), micro(x.v.stamp(f.at)), plainText(f.px, f.order.pit.pd), plainText(f.qty, f.order.pit.qd), coins(f.fee, 0), f.order.pit.symbol, micro(x.v.stamp(f.at)), role, side(f.order.ask)))
		}
		return answer(200, fmt.Appendf(nil, `{"fills":%s,"cursor":""}`, listText(out)))
	case "POST orders":
		return x.enter(q, a)
	case "POST orders/batch_cancel":
		var m struct {
			IDs []string `json:"order_ids"`
		}
		json.Unmarshal(q.post(), &m)
		var out [][]byte
		for _, id := range m.IDs {
			done, why := false, "UNKNOWN_CANCEL_ORDER"
			for _, o := range a.orders {
				if uuid(o.id) == id && x.v.cancel(o, q.now) {
					done, why = true, "UNKNOWN_CANCEL_FAILURE_REASON"
				}
			}
			out = append(out, fmt.Appendf(nil, `{"success":%t,"failure_reason":"%s","order_id":%s}`, done, why, jsonText(id)))
		}
		return answer(200, fmt.Appendf(nil, `{"results":%s}`, listText(out)))
	}
	if q.r.Method == http.MethodGet {
		return x.rest(q) // the public data that Advanced serves to keys
	}
	return answer(http.StatusNotFound, []byte(`{"error":"NOT_FOUND","error_details":"","message":""}`))
}

func (x *coinbase) order(o *ticket) []byte {
	p, status := o.pit, map[state]string{working: "OPEN", filled: "FILLED", canceled: "CANCELLED", expired: "EXPIRED", prevented: "CANCELLED"}[o.state]
	kind, conf := "LIMIT", fmt.Sprintf(`"limit_limit_gtc":{"base_size":"%s","limit_price":"%s","post_only":%t}`, plainText(o.qty, p.qd), plainText(o.px, p.pd), o.force == postOnly)
	switch {
	case o.market:
		kind, conf = "MARKET", fmt.Sprintf(`"market_market_ioc":{"base_size":"%s"}`, plainText(o.qty, p.qd))
	case o.force == ioc:
		conf = strings.Replace(conf, "limit_limit_gtc", "sor_limit_ioc", 1)
	case o.force == fok:
		conf = strings.Replace(conf, "limit_limit_gtc", "limit_limit_fok", 1)
	}
	return fmt.Appendf(nil, `{"order_id":"%s","product_id":"%s","user_id":"%s","order_configuration":{%s},"side":"%s","client_order_id":%s,"status":"%s","time_in_force":"GOOD_UNTIL_CANCELLED","created_time":"%s","filled_size":"%s","average_filled_price":"%s","filled_value":"%s","total_fees":"%s","pending_cancel":false,"trigger_status":"INVALID_ORDER_TYPE","order_type":"%s","reject_reason":"REJECT_REASON_UNSPECIFIED","settled":%t,"product_type":"SPOT","last_update_time":"%s"}`,
		uuid(o.id), p.symbol, uuid(o.account.id), conf, side(o.ask), jsonText(o.clientID()), status, micro(x.v.stamp(o.created)), plainText(o.done(), p.qd), o.average(), coins(&o.spent, 0), coins(o.paid(), 0), kind, o.state == filled, micro(x.v.stamp(o.updated)))
}

func (x *coinbase) enter(q *query, a *account) reply {
	type sizes struct {
		Base  string `json:"base_size"`
		Quote string `json:"quote_size"`
		Price string `json:"limit_price"`
		Post  bool   `json:"post_only"`
	}
	var m struct {
		Client  string           `json:"client_order_id"`
		Product string           `json:"product_id"`
		Side    string           `json:"side"`
		Conf    map[string]sizes `json:"order_configuration"`
	}
	if json.Unmarshal(q.post(), &m) != nil || m.Client == "" || len(m.Conf) != 1 {
		return answer(http.StatusBadRequest, []byte(`{"error":"INVALID_ARGUMENT","error_details":"client_order_id and one order_configuration are required","message":"client_order_id and one order_configuration are required"}`))
	}
	fail := func(code string) reply {
		return answer(200, fmt.Appendf(nil, `{"success":false,"error_response":{"error":"%s","message":"","error_details":"","preview_failure_reason":"%s"}}`, code, code))
	}
	p := q.pit(m.Product)
	if p == nil {
		return fail("INVALID_PRODUCT_ID")
	}
	for _, o := range a.orders { // the same id gives the same order, whatever became of it
		if o.client == m.Client {
			return x.entered(o)
		}
	}
	w := wish{client: m.Client, pit: p, ask: m.Side == "SELL", force: gtc}
	ok := m.Side == "SELL" || m.Side == "BUY"
	for kind, s := range m.Conf {
		switch kind {
		case "market_market_ioc":
			w.market, w.force = true, ioc
		case "limit_limit_gtc", "limit_limit_gtd":
			if s.Post {
				w.force = postOnly
			}
		case "limit_limit_fok":
			w.force = fok
		case "sor_limit_ioc":
			w.force = ioc
		default:
			return fail("UNSUPPORTED_ORDER_CONFIGURATION")
		}
		fine := true
		if w.market && s.Quote != "" {
			w.funds, fine = units(s.Quote, p.pd+p.qd)
		} else {
			w.qty, fine = units(s.Base, p.qd)
		}
		ok = ok && fine
		if !w.market {
			w.px, fine = units(s.Price, p.pd)
			ok = ok && fine
		}
	}
	if !ok {
		return fail("INVALID_SIZE_PRECISION")
	}
	o, why := x.v.place(a, w, q.now)
	switch why {
	case "":
		return x.entered(o)
	case tooPoor:
		return fail("INSUFFICIENT_FUND")
	case wouldTake:
		return fail("INVALID_LIMIT_PRICE_POST_ONLY")
	case badPrice:
		return fail("INVALID_PRICE_PRECISION")
	}
	return fail("INVALID_SIZE_PRECISION")
}

func (x *coinbase) entered(o *ticket) reply {
	return answer(200, fmt.Appendf(nil, `{"success":true,"success_response":{"order_id":"%s","product_id":"%s","side":"%s","client_order_id":%s}}`, uuid(o.id), o.pit.symbol, side(o.ask), jsonText(o.client)))
}
