package emulator

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Binance futures: USD-M counts base, COIN-M contracts of 100 or 10 dollars. The numbers
// of books are shared by all markets, so those of one jump.
// https://developers.binance.com/docs/derivatives, seen 2026-07.

func (b *binance) futures() bool { return b.api != "/api/v3/" }

func (b *binance) coin() bool { return b.api == "/dapi/v1/" }

func (b *binance) futuresRules() rules {
	r := rules{list: `BTC-USDT-PERP 1 3, ETH-USDT-PERP 2 3, SOL-USDT-PERP 2 2, XRP-USDT-PERP 4 1, DOGE-USDT-PERP 5 0, BTC-USDC-PERP 1 3`,
		follow: 15 * time.Millisecond, lag: 10 * time.Millisecond, maxAge: 24 * time.Hour, handshakes: 300, shakeIn: 5 * time.Minute, messages: 10, messageIn: time.Second,
		sequenced: true, bans: true, windows: []window{{"", time.Minute, 2400}, {"funding", 5 * time.Minute, 500}}, stream: "/public/stream", business: "/market/stream",
		tradeID: func(_ *pit, id int64) string { return itoa(id - binanceAggregate) }}
	if b.coin() {
		r.list, r.stream, r.business = `BTC-USD-PERP 1 0 1 100, ETH-USD-PERP 2 0 1 10, SOL-USD-PERP 2 0 1 10, XRP-USD-PERP 4 0 1 10`, "/stream", ""
	}
	return r
}

// split cuts the section off a stream path: /market/stream is /stream of market.
func split(path string) (section, rest string) {
	for _, s := range []string{"/public", "/market"} {
		if r, ok := strings.CutPrefix(path, s); ok && strings.HasPrefix(r, "/") {
			return s, r
		}
	}
	return "", path
}

// served tells whether a kind of stream is served on a path: books, quotes and single
// trades are public, all else is market; the old paths have all.
func served(path, kind string) bool {
	section, _ := split(path)
	public := kind == "bookTicker" || kind == "trade" || strings.HasPrefix(kind, "depth")
	return section == "" || public == (section == "/public")
}

// contractTopic fills in what a kind of stream is; false for an unknown one.
func (b *binance) contractTopic(t *topic, kind string) bool {
	interval, isKline := strings.CutPrefix(kind, "kline_")
	switch {
	case kind == "trade", kind == "aggTrade":
		t.place = "trades"
	case kind == "bookTicker":
		t.place = "quotes"
	case kind == "ticker", kind == "miniTicker":
		t.place, t.every = "quotes", time.Second
	case kind == "depth":
		t.place, t.every = "book", 250*time.Millisecond
	case kind == "depth@100ms", kind == "depth@500ms":
		d, _ := time.ParseDuration(strings.TrimPrefix(kind, "depth@"))
		t.place, t.every = "book", d
	case kind == "markPrice@1s":
		t.place, t.every = "derivatives", time.Second
	case kind == "markPrice":
		t.place, t.every = "derivatives", 3*time.Second
	case kind == "forceOrder":
		t.place = "liquidations"
	case isKline && interval != "1s" && binanceInterval(interval) != "":
		t.place, t.interval, t.every = "candles", binanceInterval(interval), 250*time.Millisecond
	default:
		return false
	}
	return true
}

// number is what the wire calls a count of updates.
func (b *binance) number(updates uint64) uint64 {
	if b.futures() {
		return updates * 7
	}
	return updates
}

func (b *binance) futuresHappen(t *topic, kind string, e *event) {
	switch kind {
	case "trade", "aggTrade":
		for i := range e.trades {
			b.v.cast(t, &message{seq: uint64(e.trades[i].id), data: b.deal(t.p, &e.trades[i], kind == "trade")})
		}
	case "bookTicker":
		if bid, ask := t.p.book.bids[0], t.p.book.asks[0]; bid != t.shown || ask != t.shownAsk {
			t.shown, t.shownAsk = bid, ask
			at := ms(b.v.stamp(e.at))
			b.v.cast(t, &message{seq: b.number(t.p.updates), data: fmt.Appendf(nil, `{"e":"bookTicker","u":%d,"s":"%s",%s"b":"%s","B":"%s","a":"%s","A":"%s","T":%d,"E":%d}`,
				b.number(t.p.updates), t.p.symbol, b.pair(t.p), b.px(t.p, bid.px), b.qty(t.p, bid.qty), b.px(t.p, ask.px), b.qty(t.p, ask.qty), at, at)})
		}
	case "forceOrder":
		for i := range e.trades {
			if x := &e.trades[i]; t.p.forced(x) {
				b.v.cast(t, &message{data: b.forced(t.p, x)})
			}
		}
	}
	if t.interval != "" && len(e.trades) > 0 {
		b.close(t, e.at)
	}
}

// pair is the underlying's name, which messages of COIN-M have beside the symbol.
func (b *binance) pair(p *pit) string {
	if !b.coin() {
		return ""
	}
	return fmt.Sprintf(`"ps":"%s%s",`, p.base(), p.quote())
}

func (b *binance) deal(p *pit, x *trade, single bool) []byte {
	at := ms(b.v.stamp(x.at))
	if single {
		return fmt.Appendf(nil, `{"e":"trade","E":%d,"T":%d,"s":"%s","t":%d,"p":"%s","q":"%s","X":"MARKET","m":%t}`, at, at, p.symbol, x.id, b.px(p, x.px), b.qty(p, x.qty), x.sell)
	}
	return fmt.Appendf(nil, `{"e":"aggTrade","E":%d,"a":%d,"s":"%s","p":"%s","q":"%s","f":%d,"l":%d,"T":%d,"m":%t}`, at, x.id-binanceAggregate, p.symbol, b.px(p, x.px), b.qty(p, x.qty), x.id, x.id, at, x.sell)
}

func (b *binance) forced(p *pit, x *trade) []byte {
	side, at, q := "BUY", ms(b.v.stamp(x.at)), b.qty(p, x.qty)
	if x.sell {
		side = "SELL"
	}
	return fmt.Appendf(nil, `{"e":"forceOrder","E":%d,"o":{"s":"%s",%s"S":"%s","o":"LIMIT","f":"IOC","q":"%s","p":"%s","ap":"%s","X":"FILLED","l":"%s","z":"%s","T":%d}}`,
		at, p.symbol, b.pair(p), side, q, b.px(p, x.px), b.px(p, x.px), q, q, at)
}

func (b *binance) futuresBeat(t *topic, at time.Time) {
	switch t.place {
	case "book":
		d := t.delta()
		if d == nil {
			return
		}
		d.seq, d.prev = b.number(d.last), b.number(d.first-1)
		t.p.truth.mark(d.seq)
		b.v.castBook(t, d, func(d *delta) []byte {
			x := fmt.Appendf(nil, `{"e":"depthUpdate","E":%d,"T":%d,"s":"%s",%s"U":%d,"u":%d,"pu":%d,"b":`, ms(b.v.stamp(at)), ms(b.v.stamp(d.at)), t.p.symbol, b.pair(t.p), b.number(d.first)-3, d.seq, d.prev)
			x = rows(x, d.bids, b.rung(t.p))
			return append(rows(append(x, `,"a":`...), d.asks, b.rung(t.p)), '}')
		})
	case "derivatives":
		x := t.p.terms(at)
		rate, due := t.p.due(b.v.stamp(at), eight)
		b.v.cast(t, &message{data: fmt.Appendf(nil, `{"e":"markPriceUpdate","E":%d,"s":"%s","p":"%s","i":"%s","P":"%s","r":"%s","T":%d}`, ms(b.v.stamp(at)), t.p.symbol,
			decimals(x.mark, 8), decimals(x.index, 8), decimals(x.index, 8), decimals(rate, 8), ms(due))})
	default:
		b.v.cast(t, &message{data: b.ticker(t.p, at, strings.HasSuffix(t.name, "@miniTicker"))})
	}
}

// paid is what a bar's trades came to in quote; on COIN-M, whose volumes are contracts,
// the coins they stand for, taken at the bar's last price.
func (b *binance) paid(p *pit, quote wide, contracts, last int64) string {
	if p.inverse {
		return decimals(float64(contracts)/(float64(last)/pow10(p.pd)), 8)
	}
	return string(quote.append(nil, p.pd+p.qd, 8))
}

func pow10(n int) float64 {
	x, _ := strconv.ParseFloat("1e"+strconv.Itoa(n), 64)
	return x
}

// bars is the most candles of one answer.
func (b *binance) bars() int64 {
	if b.futures() {
		return 1500
	}
	return 1000
}

// futuresArgs lists the parameters each path of futures knows.
func futuresArgs(what string) (args string, known bool) {
	switch what {
	case "ping", "time", "exchangeInfo":
		return "", true
	case "depth", "trades":
		return "symbol limit", true
	case "aggTrades":
		return "symbol limit fromId startTime endTime", true
	case "klines":
		return "symbol interval startTime endTime limit", true
	case "fundingRate":
		return "symbol startTime endTime limit", true
	case "premiumIndex", "openInterest", "ticker/24hr", "ticker/price", "ticker/bookTicker":
		return "symbol pair", true
	}
	return "", false
}

func (b *binance) futuresCost(q *query) (string, int) {
	switch strings.TrimPrefix(q.path, b.api) {
	case "depth":
		switch n := q.limit("limit", 500, 1000); {
		case n <= 50:
			return "", 2
		case n <= 100:
			return "", 5
		case n <= 500:
			return "", 10
		}
		return "", 20
	case "klines":
		switch n := q.limit("limit", 500, 1500); {
		case n < 100:
			return "", 1
		case n < 500:
			return "", 2
		case n <= 1000:
			return "", 5
		}
		return "", 10
	case "trades":
		return "", 5
	case "aggTrades":
		return "", 20
	case "fundingRate":
		return "funding", 1
	case "ticker/24hr":
		if q.get("symbol") == "" {
			return "", 40
		}
	}
	return "", 1
}

// terms answers what a contract is now, or what funding was paid.
func (b *binance) terms(q *query, what string) reply {
	p := q.pit(q.get("symbol"))
	x := p.terms(q.now)
	rate, due := p.due(q.clock(), eight)
	switch what {
	case "openInterest":
		open := decimals(x.interest, p.qd)
		if p.inverse {
			open = itoa(int64(x.interest) / p.lot)
		}
		return answer(200, fmt.Appendf(nil, `{"symbol":"%s","openInterest":"%s","time":%d}`, p.symbol, open, ms(q.clock())))
	case "premiumIndex":
		row := fmt.Appendf(nil, `{"symbol":"%s","markPrice":"%s","indexPrice":"%s","estimatedSettlePrice":"%s","lastFundingRate":"%s","interestRate":"0.00010000","nextFundingTime":%d,"time":%d}`,
			p.symbol, decimals(x.mark, 8), decimals(x.index, 8), decimals(x.index, 8), decimals(rate, 8), ms(due), ms(q.clock()))
		if b.coin() {
			return array([][]byte{row})
		}
		return answer(200, row)
	}
	start, _ := q.number("startTime", 0)
	end, _ := q.number("endTime", ms(q.now))
	n := q.limit("limit", 100, 1000)
	at, rates := p.settled(time.UnixMilli(start), time.UnixMilli(min(end, ms(q.now))), eight)
	var out [][]byte
	for i := range at {
		out = append(out, fmt.Appendf(nil, `{"symbol":"%s","fundingTime":%d,"fundingRate":"%s","markPrice":"%s"}`, p.symbol, ms(at[i]), decimals(rates[i], 8), decimals(p.terms(at[i]).mark, 8)))
	}
	if start > 0 {
		return array(firstN(out, n))
	}
	return array(lastN(out, n))
}

// contracts lists what is traded.
func (b *binance) contracts(q *query) reply {
	var out [][]byte
	for _, p := range b.v.pits {
		extra, settle := `"status":"TRADING",`, p.quote()
		if b.coin() {
			extra, settle = fmt.Sprintf(`"contractStatus":"TRADING","contractSize":%d,`, p.lot), p.base()
		}
		out = append(out, fmt.Appendf(nil, `{"symbol":"%s","pair":"%s%s","contractType":"PERPETUAL","deliveryDate":4133404800000,"onboardDate":1569398400000,%s"maintMarginPercent":"2.5000","requiredMarginPercent":"5.0000","baseAsset":"%s","quoteAsset":"%s","marginAsset":"%s","pricePrecision":%d,"quantityPrecision":%d,"baseAssetPrecision":8,"quotePrecision":8,"underlyingType":"COIN","underlyingSubType":["PoW"],"triggerProtect":"0.0500","liquidationFee":"0.012500","marketTakeBound":"0.05","filters":[{"minPrice":"%s","maxPrice":"4529764","filterType":"PRICE_FILTER","tickSize":"%s"},{"stepSize":"%s","filterType":"LOT_SIZE","maxQty":"1000","minQty":"%s"},{"stepSize":"%s","filterType":"MARKET_LOT_SIZE","maxQty":"120","minQty":"%s"},{"limit":200,"filterType":"MAX_NUM_ORDERS"},{"notional":"5","filterType":"MIN_NOTIONAL"}],"orderTypes":["LIMIT","MARKET"],"timeInForce":["GTC","IOC","FOK","GTX"]}`,
			p.symbol, p.base(), p.quote(), extra, p.base(), p.quote(), settle, p.pd, p.qd, b.px(p, p.tick), b.px(p, p.tick), b.qty(p, p.lot), b.qty(p, p.lot), b.qty(p, p.lot), b.qty(p, p.lot)))
	}
	return answer(200, fmt.Appendf(nil, `{"timezone":"UTC","serverTime":%d,"rateLimits":[{"rateLimitType":"REQUEST_WEIGHT","interval":"MINUTE","intervalNum":1,"limit":2400},{"rateLimitType":"ORDERS","interval":"MINUTE","intervalNum":1,"limit":1200}],"exchangeFilters":[],"symbols":[%s]}`,
		ms(q.clock()), bytes.Join(out, []byte{','})))
}
