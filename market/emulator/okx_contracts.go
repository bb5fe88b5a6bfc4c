package emulator

import (
	"fmt"
	"path"
	"strings"
	"time"
)

// Perpetuals of OKX count contracts: of 0.01 bitcoin, 0.1 ether, or 100 dollars of an
// inverse one. https://www.okx.com/docs-v5/en/#public-data, seen 2026-08.

// okxWorth is how many decimals a contract is below a coin.
func okxWorth(p *pit) int {
	if p.base() == "BTC" {
		return 2
	}
	return 1
}

// size writes a size as the wire has it.
func (o *okx) size(p *pit, qty int64) string {
	switch {
	case p.inverse:
		return itoa(qty / p.lot)
	case p.perp:
		return plainText(qty, p.qd-okxWorth(p))
	}
	return plainText(qty, p.qd)
}

func okxKind(p *pit) string {
	if p.perp {
		return "SWAP"
	}
	return "SPOT"
}

// contractChannel fills in a channel that contracts alone have; false for any other.
func (o *okx) contractChannel(t *topic, a okxArg) bool {
	switch a.Channel {
	case "mark-price":
		t.every = 200 * time.Millisecond
	case "open-interest":
		t.every = 3 * time.Second
	case "funding-rate":
		t.every = time.Minute
	case "index-tickers":
		t.every = 100 * time.Millisecond
		for _, p := range o.v.pits { // an index has the name of a pair, listed or not
			if p.perp && p.base()+"-"+p.quote() == a.InstID {
				t.p, t.data = p, "index"
			}
		}
	case "liquidation-orders":
		if a.InstType == "SWAP" {
			t.p = o.v.pits[0]
		} else {
			t.p = nil
		}
		t.place = "liquidations"
		return true
	default:
		return false
	}
	if t.place = "derivatives"; t.p != nil && !t.p.perp {
		t.p = nil
	}
	return true
}

// terms writes one message of a channel that says what a contract is.
func (o *okx) terms(t *topic, at time.Time) []byte {
	arg := o.arg(t)
	if t.data == "index" {
		arg = okxArg{Channel: t.name, InstID: t.p.base() + "-" + t.p.quote()}.names()
	}
	return fmt.Appendf(nil, `{%s,"data":[%s]}`, arg, o.term(t.p, t.name, at))
}

// term writes the row of an endpoint or of the channel of its name.
func (o *okx) term(p *pit, what string, at time.Time) string {
	x, ts := p.terms(at), ms(o.v.stamp(at))
	switch what {
	case "mark-price":
		return fmt.Sprintf(`{"instType":"SWAP","instId":"%s","markPx":"%s","ts":"%d"}`, p.symbol, decimals(x.mark, p.pd), ts)
	case "open-interest":
		open := int64(x.interest * pow10(p.qd))
		coins := x.interest
		if p.inverse {
			coins = x.interest / x.mark
		}
		return fmt.Sprintf(`{"instType":"SWAP","instId":"%s","oi":"%s","oiCcy":"%s","oiUsd":"%s","ts":"%d"}`, p.symbol, o.size(p, open), decimals(coins, 8), decimals(coins*x.mark, 4), ts)
	case "index-tickers":
		return fmt.Sprintf(`{"instId":"%s-%s","idxPx":"%s","high24h":"%s","sodUtc0":"%s","open24h":"%s","low24h":"%s","sodUtc8":"%s","ts":"%d"}`, p.base(), p.quote(),
			decimals(x.index, p.pd), decimals(x.index, p.pd), decimals(x.index, p.pd), decimals(x.index, p.pd), decimals(x.index, p.pd), decimals(x.index, p.pd), ts)
	}
	rate, due := p.due(o.v.stamp(at), eight)
	return fmt.Sprintf(`{"formulaType":"withRate","fundingRate":"%s","fundingTime":"%d","impactValue":"20000","instId":"%s","instType":"SWAP","interestRate":"0.0001","maxFundingRate":"0.024","method":"current_period","minFundingRate":"-0.024","nextFundingRate":"","nextFundingTime":"%d","premium":"0","settFundingRate":"","settState":"settled","ts":"%d"}`,
		decimals(rate, 16), ms(due), p.symbol, ms(due.Add(eight)), ts)
}

// liquidation is the message of an order that closed another's position.
func (o *okx) liquidation(p *pit, x *trade) []byte {
	side, pos := "buy", "short"
	if x.sell {
		side, pos = "sell", "long"
	}
	return fmt.Appendf(nil, `{%s,"data":[{"details":[{"bkLoss":"0","bkPx":"%s","ccy":"","posSide":"%s","side":"%s","sz":"%s","ts":"%d"}],"instFamily":"%s-%s","instId":"%s","instType":"SWAP","uly":"%s-%s"}]}`,
		okxArg{Channel: "liquidation-orders", InstType: "SWAP"}.names(), plainText(x.px, p.pd), pos, side, o.size(p, x.qty), ms(o.v.stamp(x.at)), p.base(), p.quote(), p.symbol, p.base(), p.quote())
}

// swap is a perpetual's row of the instrument list.
func (o *okx) swap(p *pit) string {
	worth, kind, of, settle, step := plainText(1, okxWorth(p)), "linear", p.base(), p.quote(), o.size(p, 1)
	if p.inverse {
		worth, kind, of, settle, step = itoa(p.lot), "inverse", p.quote(), p.base(), "1"
	}
	return fmt.Sprintf(`{"alias":"","auctionEndTime":"","baseCcy":"","category":"1","contTdSwTime":"","ctMult":"1","ctType":"%s","ctVal":"%s","ctValCcy":"%s","expTime":"","futureSettlement":false,"instFamily":"%s-%s","instId":"%s","instIdCode":%d,"instType":"SWAP","lever":"100","listTime":"1573557408000","lotSz":"%s","maxLmtAmt":"20000000","maxLmtSz":"100000000","maxMktSz":"30000","minSz":"%s","openType":"","optType":"","quoteCcy":"","ruleType":"normal","settleCcy":"%s","state":"live","stk":"","tickSz":"%s","uly":"%s-%s"}`,
		kind, worth, of, p.base(), p.quote(), p.symbol, 10000+p.index, step, step, settle, plainText(p.tick, p.pd), p.base(), p.quote())
}

// contract answers what contracts alone have. Payments come newest first: after gives
// older ones than a time, before newer ones.
func (o *okx) contract(q *query) reply {
	what, id := path.Base(q.path), q.get("instId")
	if what == "index-tickers" && id != "" {
		id += "-SWAP"
	}
	p := o.v.symbols[id]
	if id == "" || p == nil || !p.perp {
		return o.fail("51001", "Instrument ID, Instrument ID code, or Spread ID doesn't exist.")
	}
	if what == "mark-price" || what == "open-interest" {
		if q.get("instType") != "SWAP" {
			return o.fail("51000", "Parameter instType error")
		}
	}
	if !strings.HasSuffix(what, "history") {
		return o.ok(o.term(p, what, q.now))
	}
	after, ok1 := q.number("after", 0)
	before, ok2 := q.number("before", 0)
	if !ok1 || !ok2 {
		return o.fail("51000", "Parameter after error")
	}
	at, rates := p.settled(q.now.AddDate(0, -3, 0), q.now, eight)
	var out []string
	for i := len(at) - 1; i >= 0 && len(out) < q.limit("limit", 100, 400); i-- {
		if when := ms(at[i]); (after == 0 || when < after) && (before == 0 || when > before) {
			rate := decimals(rates[i], 16)
			out = append(out, fmt.Sprintf(`{"formulaType":"withRate","fundingRate":"%s","fundingTime":"%d","instId":"%s","instType":"SWAP","method":"current_period","realizedRate":"%s"}`, rate, when, p.symbol, rate))
		}
	}
	return o.ok(out...)
}
