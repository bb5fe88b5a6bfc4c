package emulator

import (
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"net/url"
	"strings"
)

// The account of Kraken spot: forms with a nonce, old names of assets, ids of letters.

func (k *kraken) writes(q *query) bool {
	return contains([]string{"AddOrder", "CancelOrder", "CancelAll", "CancelAllOrdersAfter", "AmendOrder"}, strings.TrimPrefix(q.path, "/0/private/"))
}

// krakenTx spells a number as the venue spells ids: OABCDE-FGHIJ-KLMNOP.
func krakenTx(first byte, n int64) string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	b := make([]byte, 16)
	for i := range b {
		b[len(b)-1-i] = letters[n&31]
		n >>= 5
	}
	return string(first) + string(b[:5]) + "-" + string(b[5:10]) + "-" + string(b[10:])
}

func (k *kraken) account(q *query, a *account) reply {
	if q.r.Method != http.MethodPost {
		return reply{status: http.StatusMethodNotAllowed, body: []byte(`{"error":["EGeneral:Invalid arguments"]}`)}
	}
	f := krakenForm(string(q.post()))
	switch strings.TrimPrefix(q.path, "/0/private/") {
	case "Balance", "BalanceEx":
		var out []string
		for _, c := range a.assets() {
			w := a.wallets[c]
			if strings.HasSuffix(q.path, "Ex") {
				out = append(out, fmt.Sprintf(`"%s":{"balance":"%s","hold_trade":"%s"}`, krakenID(string(c)), coins(&w.total, 8), coins(&w.held, 8)))
			} else {
				out = append(out, fmt.Sprintf(`"%s":"%s"`, krakenID(string(c)), coins(&w.total, 8)))
			}
		}
		return k.ok(`{%s}`, strings.Join(out, ","))
	case "OpenOrders":
		return k.ok(`{"open":{%s}}`, k.orders(a.working(nil)))
	case "ClosedOrders":
		var list []*ticket
		for _, o := range a.orders {
			if o.state != working {
				list = append(list, o)
			}
		}
		return k.ok(`{"closed":{%s},"count":%d}`, k.orders(list), len(list))
	case "QueryOrders":
		var list []*ticket
		for _, tx := range strings.Split(f.Get("txid"), ",") {
			if o := k.named(a, tx, f.Get("cl_ord_id")); o != nil {
				list = append(list, o)
			}
		}
		if len(list) == 0 {
			return k.fail("EOrder:Unknown order")
		}
		return k.ok(`{%s}`, k.orders(list))
	case "TradesHistory":
		return k.told(f, a)
	case "AddOrder":
		return k.enter(q, f, a)
	case "CancelOrder":
		o := k.named(a, f.Get("txid"), f.Get("cl_ord_id"))
		if o == nil || !k.v.cancel(o, q.now) {
			return k.fail("EOrder:Unknown order")
		}
		return k.ok(`{"count":1}`)
	case "CancelAll":
		list := a.working(nil)
		for _, o := range list {
			k.v.cancel(o, q.now)
		}
		return k.ok(`{"count":%d}`, len(list))
	}
	return k.fail("EGeneral:Unknown method")
}

// krakenForm reads a form or the JSON that may stand for it.
func krakenForm(body string) url.Values {
	f, _ := url.ParseQuery(body)
	var m map[string]any
	if json.Unmarshal([]byte(body), &m) == nil {
		f = url.Values{}
		for name, v := range m {
			f.Set(name, fmt.Sprint(v))
		}
	}
	return f
}

func (k *kraken) named(a *account, tx, client string) *ticket {
	for _, o := range a.orders {
		if tx != "" && krakenTx('O', o.id) == tx {
			return o
		}
	}
	if client != "" {
		return a.byClient[client]
	}
	return nil
}

func (k *kraken) orders(list []*ticket) string {
	var out []string
	for i := len(list) - 1; i >= 0; i-- {
		o := list[i]
		p := o.pit
		status := map[state]string{working: "open", filled: "closed", canceled: "canceled", expired: "canceled", prevented: "canceled"}[o.state]
		kind := "limit"
		if o.market {
			kind = "market"
		}
		client, flags := "", "fciq"
		if o.client != "" {
			client = fmt.Sprintf(`"cl_ord_id":%s,`, jsonText(o.client))
		}
		if o.force == postOnly {
			flags = "fciq,post"
		}
		closed := ""
		if o.state != working {
			closed = fmt.Sprintf(`"closetm":%s,`, plainText(us(k.v.stamp(o.updated)), 6))
		}
		price := k.pxV1(p, o.px)
		text := fmt.Sprintf("%s %s %s @ %s", strings.ToLower(side(o.ask)), fixedText(o.qty, p.qd), krakenAlt(p.listing), kind)
		out = append(out, fmt.Sprintf(`"%s":{"refid":null,"userref":null,%s"status":"%s","opentm":%s,"starttm":0,"expiretm":0,%s"descr":{"pair":"%s","type":"%s","ordertype":"%s","price":"%s","price2":"0","leverage":"none","order":"%s","close":""},"vol":"%s","vol_exec":"%s","cost":"%s","fee":"%s","price":"%s","stopprice":"0","limitprice":"0","misc":"","oflags":"%s"}`,
			krakenTx('O', o.id), client, status, plainText(us(k.v.stamp(o.created)), 6), closed, krakenAlt(p.listing), strings.ToLower(side(o.ask)), kind, price, text,
			longer(o.qty, p.qd, 8), longer(o.done(), p.qd, 8), coins(&o.spent, 5), coins(o.paid(), 5), o.average(), flags))
	}
	return strings.Join(out, ",")
}

// paid is the fees of an order's fills.
func (o *ticket) paid() *big.Int {
	sum := new(big.Int)
	for _, f := range o.account.fills {
		if f.order == o {
			sum.Add(sum, f.fee)
		}
	}
	return sum
}

// told is the fills, newest first, fifty at a time; start is exclusive.
func (k *kraken) told(f url.Values, a *account) reply {
	start, _ := units(f.Get("start"), 9)
	end, haveEnd := units(f.Get("end"), 9)
	skip, _ := units(f.Get("ofs"), 0)
	var out []string
	count := int64(0)
	for i := len(a.fills) - 1; i >= 0; i-- {
		x := a.fills[i]
		at := k.v.stamp(x.at)
		if at.UnixNano() <= start || haveEnd && at.UnixNano() > end {
			continue
		}
		if count++; count <= skip || len(out) == 50 {
			continue
		}
		o, p := x.order, x.order.pit
		kind := "limit"
		if o.market {
			kind = "market"
		}
		out = append(out, fmt.Sprintf(`"%s":{"ordertxid":"%s","postxid":"TKH2SE-M7IF5-CFI7LT","pair":"%s","time":%s,"type":"%s","ordertype":"%s","price":"%s","cost":"%s","fee":"%s","vol":"%s","margin":"0.00000","leverage":"0","misc":"","trade_id":%d,"maker":%t}`,
			krakenTx('T', x.id<<8|x.n&255), krakenTx('O', o.id), krakenKey(p.listing), plainText(at.UnixNano(), 9), strings.ToLower(side(o.ask)), kind, k.pxV1(p, x.px), coins(p.cost(x.px, x.qty), 5), coins(x.fee, 5), longer(x.qty, p.qd, 8), x.id, x.maker))
	}
	return k.ok(`{"trades":{%s},"count":%d}`, strings.Join(out, ","), count)
}

func (k *kraken) enter(q *query, f url.Values, a *account) reply {
	p := k.find(f.Get("pair"))
	if p == nil {
		return k.fail("EQuery:Unknown asset pair")
	}
	w := wish{client: f.Get("cl_ord_id"), pit: p, ask: f.Get("type") == "sell", force: gtc}
	if f.Get("type") != "sell" && f.Get("type") != "buy" {
		return k.fail("EGeneral:Invalid arguments:type")
	}
	ok := true
	switch f.Get("ordertype") {
	case "limit":
		if w.px, ok = units(f.Get("price"), p.pd); !ok {
			return k.fail("EOrder:Invalid price:" + krakenAlt(p.listing) + " price can only be specified up to " + itoa(int64(p.pd)) + " decimals.")
		}
	case "market":
		w.market = true
	default:
		return k.fail("EGeneral:Invalid arguments:ordertype")
	}
	switch t := strings.ToUpper(f.Get("timeinforce")); t {
	case "", "GTC":
	case "IOC", "FOK":
		w.force = force(t)
	default:
		return k.fail("EGeneral:Invalid arguments:timeinforce")
	}
	flags := strings.Split(f.Get("oflags"), ",")
	if contains(flags, "post") {
		w.force = postOnly
	}
	if contains(flags, "viqc") && w.market && !w.ask {
		w.funds, ok = units(f.Get("volume"), p.pd+p.qd)
	} else {
		w.qty, ok = units(f.Get("volume"), p.qd)
	}
	if !ok {
		return k.fail("EGeneral:Invalid arguments:volume")
	}
	descr := fmt.Sprintf(`"descr":{"order":"%s %s %s @ %s"}`, f.Get("type"), f.Get("volume"), krakenAlt(p.listing), f.Get("ordertype"))
	if f.Get("validate") == "true" {
		return k.ok(`{%s}`, descr)
	}
	o, why := k.v.place(a, w, q.now)
	switch why {
	case "":
		return k.ok(`{%s,"txid":["%s"]}`, descr, krakenTx('O', o.id))
	case tooPoor:
		return k.fail("EOrder:Insufficient funds")
	case wouldTake:
		return k.fail("EOrder:Post only order")
	case twice:
		return k.fail("EOrder:cl_ord_id not unique")
	case badPrice:
		return k.fail("EOrder:Tick size check failed")
	}
	return k.fail("EGeneral:Invalid arguments:volume")
}
