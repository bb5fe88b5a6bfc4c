package emulator

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// htxSwap speaks HTX's contracts settled in USDT: numbered books that begin by themselves,
// sizes in contracts, which trades and bars state as the sum of buyer's and seller's, and
// streams of their own for mark and index prices and for liquidations. Those settled in
// the coin have a list here, an empty one.
// https://www.htx.com/en-us/opend/newApiPages/, seen 2026-07.
type htxSwap struct{ v *Venue }

// One contract is one unit of the last decimal of the size.
func (h *htxSwap) rules() rules {
	return rules{list: `BTC-USDT-PERP 1 3, ETH-USDT-PERP 2 2, SOL-USDT-PERP 4 0, XRP-USDT-PERP 4 0, LTC-USDT-PERP 2 1`,
		follow: 50 * time.Millisecond, lag: 25 * time.Millisecond, handshakes: 100, shakeIn: time.Minute, messages: 50, messageIn: time.Second,
		sequenced: true, windows: []window{{"", 3 * time.Second, 240}}, tradeID: htxTradeID, stream: "/linear-swap-ws", business: "/linear-swap-notification"}
}

// htxTradeID numbers a trade: the match and the place in it.
func htxTradeID(_ *pit, id int64) string { return itoa(id) + "0000" }

func (h *htxSwap) symbol(l *listing) string { return l.base() + "-" + l.quote() }

func (h *htxSwap) streams(path string) bool {
	return contains([]string{"/linear-swap-ws", "/linear-swap-notification", "/ws_index"}, path)
}

func (h *htxSwap) open(c *conn) {
	c.seal = packer()
	ping := func(at time.Time) []byte { return fmt.Appendf(nil, `{"ping":%d}`, ms(at)) }
	if c.path == "/linear-swap-notification" {
		ping = func(at time.Time) []byte { return fmt.Appendf(nil, `{"op":"ping","ts":"%d"}`, ms(at)) }
	}
	c.state = h.v.heart(c, ping)
}

func (h *htxSwap) receive(c *conn, text []byte) {
	if c.path == "/linear-swap-notification" {
		h.notify(c, text)
		return
	}
	var w htxAsk
	if json.Unmarshal(text, &w) != nil {
		c.say("ack", htxRefusal(h.v, nil, "invalid json"))
		return
	}
	switch {
	case w.Pong != 0:
		c.state.(*htxState).waiting = 0
	case w.Sub != "":
		h.v.htxSubscribe(c, &w, h.topic(c, &w), h.greet)
	case w.Unsub != "":
		h.v.leave(c, c.path+w.Unsub)
		c.say("ack", htxAnswer(h.v, w.ID, "unsubbed", w.Unsub))
	default:
		c.say("ack", htxRefusal(h.v, w.ID, "invalid command"))
	}
}

// notify answers {op,cid,topic} of the stream of notifications.
func (h *htxSwap) notify(c *conn, text []byte) {
	var w struct{ Op, CID, Topic string }
	if json.Unmarshal(text, &w) != nil {
		w.Op = ""
	}
	say := func(code int, msg string) {
		if msg != "" {
			msg = fmt.Sprintf(`,"err-msg":%q`, msg)
		}
		c.say("ack", fmt.Appendf(nil, `{"op":%s,"cid":%s,"topic":%s,"ts":%d,"err-code":%d%s}`, jsonText(w.Op), jsonText(w.CID), jsonText(w.Topic), ms(h.v.stamp(time.Now())), code, msg))
	}
	part := strings.SplitN(w.Topic, ".", 3)
	switch w.Op {
	case "pong":
		c.state.(*htxState).waiting = 0
		return
	case "sub", "unsub":
	default:
		say(2001, "Invalid command.")
		return
	}
	if len(part) != 3 || part[0] != "public" || part[2] != "liquidation_orders" && part[2] != "funding_rate" {
		say(2002, "Invalid topic.")
		return
	}
	p := h.v.symbols[part[1]]
	if p == nil {
		say(2011, "Contract doesnt exist.")
		return
	}
	say(0, "")
	if w.Op == "unsub" {
		h.v.leave(c, c.path+w.Topic)
		return
	}
	h.v.join(c, c.path+w.Topic, func() *topic {
		t := &topic{name: w.Topic, p: p, place: part[2], data: part[2]}
		if part[2] == "funding_rate" {
			t.every = time.Minute
		}
		return t
	})
}

// topic reads market.BTC-USDT.depth.size_150.high_freq and the like.
func (h *htxSwap) topic(c *conn, w *htxAsk) *topic {
	part := strings.SplitN(w.Sub, ".", 3)
	if len(part) != 3 || part[0] != "market" || h.v.symbols[part[1]] == nil {
		return nil
	}
	t := &topic{name: w.Sub, p: h.v.symbols[part[1]], data: part[2]}
	kind, rest, _ := strings.Cut(part[2], ".")
	if c.path == "/ws_index" {
		if rest != "1min" || kind != "mark_price" && kind != "index" {
			return nil
		}
		t.place, t.every, t.data = "derivatives", time.Second, kind
		return t
	}
	switch {
	case part[2] == "trade.detail":
		t.place = "trades"
	case part[2] == "bbo":
		t.place = "quotes"
	case part[2] == "depth.size_20.high_freq", part[2] == "depth.size_150.high_freq":
		t.place, t.every = "book", 30*time.Millisecond
		t.depth, _ = strconv.Atoi(strings.TrimPrefix(strings.TrimSuffix(rest, ".high_freq"), "size_"))
		if w.DataType == "snapshot" {
			return nil // whole books each time; nobody here asks for them
		}
	case part[2] == "depth.step0":
		t.place, t.every, t.depth = "book", 100*time.Millisecond, 150
	case kind == "kline":
		t.place, t.every, t.interval = "candles", time.Second, htxInterval(rest)
		if t.interval == "" {
			return nil
		}
	default:
		return nil
	}
	return t
}

// next is the following version of a depth; it goes on when nobody listens.
func (h *htxSwap) next(t *topic) uint64 {
	key := strconv.Itoa(t.depth)
	if t.p.us[key] == 0 {
		t.p.us[key] = uint64(1+t.depth) * 1_000_000
	}
	t.p.us[key]++
	return t.p.us[key]
}

func (h *htxSwap) greet(c *conn, t *topic) {
	m := &message{place: t.place, topic: t.name, symbol: t.p.symbol}
	switch {
	case strings.HasSuffix(t.name, ".high_freq"):
		if t.seq == 0 {
			t.sent = t.p.book.top(t.depth)
			t.seq, t.sentAt = h.next(t), t.p.last
			t.p.truth.mark(t.seq)
		}
		m.d, m.seq = t.snapshot(), t.seq
		m.render = func(d *delta) []byte { return h.depth(t, d, time.Now()) }
		m.data = m.render(m.d)
	case t.place == "candles":
		k, ok := t.p.tape.current(t.interval, htxShift(t.interval), time.Now())
		if !ok {
			return
		}
		m.data = h.kline(t, &k, time.Now())
	default:
		return
	}
	c.emit(m)
}

func (h *htxSwap) happen(t *topic, e *event) {
	switch {
	case len(e.trades) == 0 && t.data != "bbo":
	case t.data == "trade.detail":
		at := ms(h.v.stamp(e.at))
		b := fmt.Appendf(nil, `{"ch":"%s","ts":%d,"tick":{"id":%d,"ts":%d,"data":[`, t.name, at+2, e.trades[0].id, at)
		for i := range e.trades {
			if i > 0 {
				b = append(b, ',')
			}
			b = h.trade(b, t.p, &e.trades[i])
		}
		h.v.cast(t, &message{seq: uint64(e.trades[0].id), data: append(b, ']', '}', '}')})
	case t.data == "bbo":
		if bid, ask := t.p.book.bids[0], t.p.book.asks[0]; bid != t.shown || ask != t.shownAsk {
			t.shown, t.shownAsk = bid, ask
			at := ms(h.v.stamp(e.at))
			h.v.cast(t, &message{seq: t.p.updates, data: fmt.Appendf(nil, `{"ch":"%s","ts":%d,"tick":{"mrid":%d,"id":%d,"bid":%s,"ask":%s,"ts":%d,"version":%d,"ch":"%s"}}`,
				t.name, at+1, t.p.updates, at/1000, h.rung(t.p)(nil, bid), h.rung(t.p)(nil, ask), at, t.p.updates, t.name)})
		}
	case t.data == "liquidation_orders":
		for i := range e.trades {
			if x := &e.trades[i]; x.id%211 == 0 { // a few an hour
				h.v.cast(t, &message{data: fmt.Appendf(nil, `{"op":"notify","topic":"%s","ts":%d,"data":[%s]}`, t.name, ms(h.v.stamp(x.at))+5, h.liquidation(t.p, x))})
			}
		}
	}
}

func (h *htxSwap) liquidation(p *pit, x *trade) string {
	return fmt.Sprintf(`{"symbol":"%s","contract_code":"%s","direction":"%s","offset":"close","volume":%d,"price":%s,"created_at":%d,"amount":%s,"trade_turnover":%s,"business_type":"swap","pair":"%s"}`,
		p.base(), p.symbol, h.side(x), x.qty, h.px(p, x.px), ms(h.v.stamp(x.at)), plainText(x.qty, p.qd), times(x.px, x.qty).append(nil, p.pd+p.qd, 8), p.symbol)
}

func (h *htxSwap) beat(t *topic, at time.Time) {
	switch {
	case t.place == "candles":
		h.v.bars(t, htxShift(t.interval), at, func(k *bar) []byte { return h.kline(t, k, at) })
	case t.data == "depth.step0":
		if t.delta() == nil {
			return
		}
		h.v.castBook(t, t.snapshot(), func(d *delta) []byte { return h.depth(t, d, at) })
	case t.place == "book":
		if d := t.delta(); d != nil {
			t.seq = h.next(t)
			d.seq = t.seq
			t.p.truth.mark(d.seq)
			h.v.castBook(t, d, func(d *delta) []byte { return h.depth(t, d, at) })
		}
	case t.place == "derivatives":
		price := h.mark(t.p, at)
		if t.data == "index" {
			price = h.index(t.p, at)
		}
		h.v.cast(t, &message{data: fmt.Appendf(nil, `{"ch":"%s","ts":%d,"tick":%s}`, t.name, ms(h.v.stamp(at)), h.priceBar(at, price))})
	case t.place == "funding_rate":
		h.v.cast(t, &message{data: fmt.Appendf(nil, `{"op":"notify","topic":"%s","ts":%d,"data":[{"symbol":"%s","contract_code":"%s","fee_asset":"USDT","funding_time":"%d","funding_rate":"%s","estimated_rate":null,"settlement_time":"%d"}]}`,
			t.name, ms(h.v.stamp(at)), t.p.base(), t.p.symbol, ms(h.v.stamp(at)), h.funding(t.p, at), ms(fundingAfter(at)))})
	}
}

func (h *htxSwap) strange(enum bool) []byte {
	p := h.v.pits[0]
	at := ms(h.v.stamp(p.last))
	if enum {
		return fmt.Appendf(nil, `{"ch":"market.%s.trade.detail","ts":%d,"tick":{"id":1,"ts":%d,"data":[{"amount":2,"quantity":1,"trade_turnover":1,"ts":%d,"id":10000,"price":%s,"direction":"auction"}]}}`,
			p.symbol, at, at, at, h.px(p, p.book.bids[0].px))
	}
	return fmt.Appendf(nil, `{"ch":"market.%s.novelty","ts":%d,"tick":{"value":1}}`, p.symbol, at)
}

func (h *htxSwap) farewell(*conn) time.Duration { return 0 }

// The model of what a contract is: the index is the fair price, the mark what the pit's
// makers want now, funding and open interest are quiet noises.

func (h *htxSwap) index(p *pit, at time.Time) string {
	return strconv.FormatFloat(h.v.world.Fair(p.pair, at), 'f', p.pd+2, 64)
}

func (h *htxSwap) mark(p *pit, at time.Time) string { return fixedText(p.cents(p.mid(at)), p.pd) }

// fundingAfter is when funding is paid next: at 0, 8 and 16 o'clock.
func fundingAfter(at time.Time) time.Time { return at.UTC().Truncate(8 * time.Hour).Add(8 * time.Hour) }

func (h *htxSwap) funding(p *pit, at time.Time) string {
	period := uint64(fundingAfter(at).Unix())
	return strconv.FormatFloat(0.0001+0.00005*bell(mix(h.v.world.seed, label(string(p.pair)), 90), 90, period), 'f', 18, 64)
}

// interest is the contracts open, of both sides together.
func (h *htxSwap) interest(p *pit, at time.Time) int64 {
	usd := 4e8 * (1 + 0.1*math.Tanh(walk(mix(h.v.world.seed, label(string(p.pair)), 91), at.UnixNano())/100))
	return 2 * int64(usd/natureOf(p.pair.Base()).usd*math.Pow10(p.qd))
}

func (h *htxSwap) priceBar(at time.Time, price string) string {
	return fmt.Sprintf(`{"id":%d,"vol":"0","count":"0","open":"%s","close":"%s","low":"%s","high":"%s","amount":"0","trade_turnover":"0"}`, at.Truncate(time.Minute).Unix(), price, price, price, price)
}

func (h *htxSwap) px(p *pit, n int64) string { return plainText(n, p.pd) }

func (h *htxSwap) side(x *trade) string {
	if x.sell {
		return "sell"
	}
	return "buy"
}

func (h *htxSwap) rung(p *pit) func(b []byte, r rung) []byte {
	return func(b []byte, r rung) []byte { return fmt.Appendf(b, `[%s,%d]`, h.px(p, r.px), r.qty) }
}

func (h *htxSwap) depth(t *topic, d *delta, at time.Time) []byte {
	event, version := `,"event":"update"`, d.seq
	bids, asks := d.bids, d.asks
	if d.snapshot {
		event, bids, asks = `,"event":"snapshot"`, d.book.bids, d.book.asks
	}
	if t.data == "depth.step0" {
		event, version = "", uint64(at.Unix())
	}
	b := fmt.Appendf(nil, `{"ch":"%s","ts":%d,"tick":{"mrid":%d,"id":%d,"bids":`, t.name, ms(h.v.stamp(at)), t.p.updates, t.p.updates)
	b = rows(b, bids, h.rung(t.p))
	b = rows(append(b, `,"asks":`...), asks, h.rung(t.p))
	return fmt.Appendf(b, `,"ts":%d,"version":%d,"ch":"%s"%s}}`, ms(h.v.stamp(d.at)), version, t.name, event)
}

// trade writes a trade; its sizes are of buyer and seller together.
func (h *htxSwap) trade(b []byte, p *pit, x *trade) []byte {
	return fmt.Appendf(b, `{"amount":%d,"quantity":%s,"trade_turnover":%s,"ts":%d,"id":%s,"price":%s,"direction":"%s"}`, 2*x.qty, plainText(2*x.qty, p.qd),
		times(x.px, 2*x.qty).append(nil, p.pd+p.qd, 8), ms(h.v.stamp(x.at)), htxTradeID(p, x.id), h.px(p, x.px), h.side(x))
}

func (h *htxSwap) kline(t *topic, k *bar, at time.Time) []byte {
	return fmt.Appendf(nil, `{"ch":"%s","ts":%d,"tick":%s}`, t.name, ms(h.v.stamp(at)), h.row(t.p, k))
}

func (h *htxSwap) row(p *pit, k *bar) string {
	return fmt.Sprintf(`{"id":%d,"mrid":%d,"open":%s,"close":%s,"high":%s,"low":%s,"amount":%s,"vol":%d,"trade_turnover":%s,"count":%d}`, k.open.Unix(), p.updates,
		h.px(p, k.o), h.px(p, k.c), h.px(p, k.h), h.px(p, k.l), plainText(2*k.vol, p.qd), 2*k.vol, k.quote.plus(k.quote).append(nil, p.pd+p.qd, 8), 2*k.n)
}

func (h *htxSwap) cost(*query) (string, int) { return "", 1 }

func (h *htxSwap) refuse(_ *query, r refusal) reply { return htxTooMany(r) }

func (h *htxSwap) fail(q *query, code int, msg string) reply {
	return answer(200, fmt.Appendf(nil, `{"status":"error","err_code":%d,"err_msg":%q,"ts":%d}`, code, msg, ms(q.clock())))
}

func (h *htxSwap) ok(q *query, data string) reply {
	return answer(200, fmt.Appendf(nil, `{"status":"ok","data":%s,"ts":%d}`, data, ms(q.clock())))
}

func (h *htxSwap) rest(q *query) reply {
	switch q.path {
	case "/api/v1/timestamp":
		return answer(200, fmt.Appendf(nil, `{"status":"ok","ts":%d}`, ms(q.clock())))
	case "/swap-api/v1/swap_contract_info":
		return h.ok(q, "[]")
	case "/linear-swap-api/v1/swap_contract_info":
		return h.contracts(q)
	}
	p := h.v.symbols[q.get("contract_code")]
	if p == nil {
		return h.fail(q, 1013, "This contract symbol doesnt exist.")
	}
	at := ms(q.clock())
	switch q.path {
	case "/linear-swap-ex/market/depth":
		return h.book(q, p)
	case "/linear-swap-ex/market/history/trade":
		return h.past(q, p)
	case "/linear-swap-ex/market/history/kline":
		return h.klines(q, p)
	case "/index/market/history/linear_swap_mark_price_kline":
		return answer(200, fmt.Appendf(nil, `{"ch":"market.%s.mark_price.1min","status":"ok","data":[%s],"ts":%d}`, p.symbol, h.priceBar(q.clock(), h.mark(p, q.now)), at))
	case "/linear-swap-api/v1/swap_index":
		return h.ok(q, fmt.Sprintf(`[{"index_price":%s,"index_ts":%d,"contract_code":"%s"}]`, h.index(p, q.now), at, p.symbol))
	case "/linear-swap-api/v1/swap_open_interest":
		n := h.interest(p, q.now)
		return h.ok(q, fmt.Sprintf(`[{"volume":%d,"amount":%s,"symbol":"%s","contract_code":"%s","business_type":"swap","pair":"%s","contract_type":"swap"}]`, n, plainText(n, p.qd), p.base(), p.symbol, p.symbol))
	case "/linear-swap-api/v1/swap_funding_rate":
		next := fundingAfter(q.clock())
		return h.ok(q, fmt.Sprintf(`{"estimated_rate":null,"funding_rate":"%s","contract_code":"%s","symbol":"%s","fee_asset":"USDT","funding_time":"%d","next_funding_time":"%d"}`,
			h.funding(p, q.now), p.symbol, p.base(), ms(next), ms(next.Add(8*time.Hour))))
	case "/linear-swap-api/v1/swap_historical_funding_rate":
		return h.fundings(q, p)
	}
	return answer(http.StatusNotFound, []byte(`{"status":"error","err_code":404,"err_msg":"Not Found"}`))
}

func (h *htxSwap) contracts(q *query) reply {
	var out []string
	for _, p := range h.v.pits {
		out = append(out, fmt.Sprintf(`{"symbol":"%s","contract_code":"%s","contract_size":%s,"price_tick":%s,"delivery_date":"","delivery_time":"","create_date":"20201021","contract_status":1,"settlement_date":"%d","support_margin_mode":"all","business_type":"swap","pair":"%s","contract_type":"swap","trade_partition":"USDT"}`,
			p.base(), p.symbol, fixedText(1, p.qd), fixedText(p.tick, p.pd), ms(fundingAfter(q.clock())), p.symbol))
	}
	return h.ok(q, "["+strings.Join(out, ",")+"]")
}

func (h *htxSwap) book(q *query, p *pit) reply {
	depth := map[string]int{"step0": 150, "step6": 20}[q.get("type")]
	if depth == 0 {
		return h.fail(q, 1030, "The input is invalid.")
	}
	book := p.book.top(depth)
	b := rows([]byte(`{"asks":`), book.asks, h.rung(p))
	b = rows(append(b, `,"bids":`...), book.bids, h.rung(p))
	name, at := "market."+p.symbol+".depth."+q.get("type"), ms(h.v.stamp(p.last))
	return answer(200, fmt.Appendf(nil, `{"ch":"%s","status":"ok","tick":%s,"ch":"%s","id":%d,"mrid":%d,"ts":%d,"version":%d},"ts":%d}`, name, b, name, at/1000, p.updates, at, at/1000, ms(q.clock())))
}

// past: the latest trades, a batch for each match, newest first.
func (h *htxSwap) past(q *query, p *pit) reply {
	var out []string
	for _, x := range reversed(p.tape.recent(q.limit("size", 1, 2000))) {
		out = append(out, fmt.Sprintf(`{"data":[%s],"id":%d,"ts":%d}`, h.trade(nil, p, &x), x.id, ms(h.v.stamp(x.at))))
	}
	return answer(200, fmt.Appendf(nil, `{"ch":"market.%s.trade.detail","status":"ok","data":[%s],"ts":%d}`, p.symbol, strings.Join(out, ","), ms(q.clock())))
}

// klines: the latest bars, or those from a second to another, at most 2,000; oldest first.
func (h *htxSwap) klines(q *query, p *pit) reply {
	i := htxInterval(q.get("period"))
	from, ok1 := q.number("from", 0)
	to, ok2 := q.number("to", 0)
	if i == "" || !ok1 || !ok2 || (from == 0) != (to == 0) || from > to {
		return h.fail(q, 1030, "The input is invalid.")
	}
	list := p.tape.spans(i, htxShift(i), p.tape.reach(i), q.now, true)
	if from > 0 {
		var within []bar
		for _, k := range list {
			if s := k.open.Unix(); s >= from && s <= to {
				within = append(within, k)
			}
		}
		if list = within; len(list) > 2000 {
			return h.fail(q, 1030, "The input is invalid.")
		}
	} else {
		list = lastN(list, q.limit("size", 150, 2000))
	}
	var out []string
	for _, k := range list {
		out = append(out, h.row(p, &k))
	}
	return answer(200, fmt.Appendf(nil, `{"ch":"market.%s.kline.%s","status":"ok","data":[%s],"ts":%d}`, p.symbol, q.get("period"), strings.Join(out, ","), ms(q.clock())))
}

// fundings: what was paid, newest first, in pages counted from 1.
func (h *htxSwap) fundings(q *query, p *pit) reply {
	size := q.limit("page_size", 20, 50)
	page := q.limit("page_index", 1, 1000)
	const all = 300 // a hundred days
	var out []string
	last := fundingAfter(q.clock()).Add(-8 * time.Hour)
	for n := (page - 1) * size; n < min(page*size, all); n++ {
		at := last.Add(-time.Duration(n) * 8 * time.Hour)
		rate := h.funding(p, at.Add(-time.Second))
		out = append(out, fmt.Sprintf(`{"avg_premium_index":"0.000100000000000000","funding_rate":"%s","realized_rate":"%s","funding_time":"%d","contract_code":"%s","symbol":"%s","fee_asset":"USDT"}`, rate, rate, ms(at), p.symbol, p.base()))
	}
	return h.ok(q, fmt.Sprintf(`{"total_page":%d,"current_page":%d,"total_size":%d,"data":[%s]}`, (all+size-1)/size, page, all, strings.Join(out, ",")))
}
