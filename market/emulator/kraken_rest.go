package emulator

import (
	"fmt"
	"net/http"
	"sort"
	"strings"
	"time"
)

// krakenAsset is the venue's own short name of an asset.
func krakenAsset(a string) string {
	switch a {
	case "BTC":
		return "XBT"
	case "DOGE":
		return "XDG"
	}
	return a
}

// krakenID is the venue's internal name of an asset: old ones carry a class letter.
func krakenID(a string) string {
	switch a {
	case "BTC", "DOGE", "ETH", "XRP", "LTC":
		return "X" + krakenAsset(a)
	case "USD", "EUR":
		return "Z" + a
	}
	return a
}

// krakenKey is the name of a pair in REST answers.
func krakenKey(l *listing) string {
	base, quote := krakenID(l.base()), krakenID(l.quote())
	switch {
	case l.base() == "USDT" && l.quote() == "USD":
		return "USDTZUSD"
	case l.base() != "DOGE" && len(base) == 4 && base[0] == 'X' && len(quote) == 4 && quote[0] == 'Z', l.base() == "EUR":
		return base + quote
	}
	return krakenAlt(l)
}

func krakenAlt(l *listing) string { return krakenAsset(l.base()) + krakenAsset(l.quote()) }

func (k *kraken) find(name string) *pit {
	for _, p := range k.v.pits {
		if contains([]string{krakenKey(p.listing), krakenAlt(p.listing), v1Name(p.listing), p.symbol, p.base() + p.quote()}, name) {
			return p
		}
	}
	return nil
}

func (k *kraken) cost(q *query) (string, int) { return "", 1 }

func (k *kraken) refuse(q *query, r refusal) reply {
	if r.banned {
		return k.fail("EGeneral:Temporary lockout")
	}
	return k.fail("EAPI:Rate limit exceeded")
}

func (k *kraken) fail(what string) reply {
	return answer(200, fmt.Appendf(nil, `{"error":[%q]}`, what))
}

func (k *kraken) ok(format string, args ...any) reply {
	return answer(200, fmt.Appendf([]byte(`{"error":[],"result":`), format+"}", args...))
}

func (k *kraken) rest(q *query) reply {
	what, ok := strings.CutPrefix(q.path, "/0/public/")
	if !ok {
		return reply{status: http.StatusNotFound, body: []byte(`{"error":["EGeneral:Unknown method"]}`)}
	}
	switch what {
	case "Time":
		return k.ok(`{"unixtime":%d,"rfc1123":"%s"}`, q.clock().Unix(), q.clock().Format("Mon, 02 Jan 06 15:04:05 -0700"))
	case "SystemStatus":
		return k.ok(`{"status":"online","timestamp":"%s"}`, q.clock().Format("2006-01-02T15:04:05Z"))
	case "Assets":
		return k.assets()
	case "AssetPairs":
		return k.assetPairs(q)
	case "Ticker":
		return k.tickers(q)
	}
	if !contains([]string{"OHLC", "Depth", "Trades", "Spread"}, what) {
		return k.fail("EGeneral:Unknown method")
	}
	if q.get("pair") == "" {
		return k.fail("EGeneral:Invalid arguments")
	}
	p := k.find(q.get("pair"))
	if p == nil {
		return k.fail("EQuery:Unknown asset pair")
	}
	switch what {
	case "OHLC":
		return k.candles(q, p)
	case "Depth":
		return k.depth(q, p)
	case "Trades":
		return k.history(q, p)
	}
	bid, ask := p.book.bids[0], p.book.asks[0]
	return k.ok(`{"%s":[[%d,"%s","%s"]],"last":%d}`, krakenKey(p.listing), q.clock().Unix(), k.pxV1(p, bid.px), k.pxV1(p, ask.px), q.clock().Unix())
}

func (k *kraken) assets() reply {
	var out []string
	seen := map[string]bool{}
	for _, p := range k.v.pits {
		for _, a := range []string{p.base(), p.quote()} {
			if !seen[a] {
				seen[a] = true
				out = append(out, fmt.Sprintf(`"%s":{"aclass":"currency","altname":"%s","decimals":10,"display_decimals":5,"status":"enabled"}`, krakenID(a), krakenAsset(a)))
			}
		}
	}
	return k.ok(`{%s}`, strings.Join(out, ","))
}

func (k *kraken) assetPairs(q *query) reply {
	var want []*pit
	for _, name := range strings.FieldsFunc(q.get("pair"), func(r rune) bool { return r == ',' }) {
		p := k.find(name)
		if p == nil {
			return k.fail("EQuery:Unknown asset pair")
		}
		want = append(want, p)
	}
	if len(want) == 0 {
		want = k.v.pits
	}
	var out []string
	for _, p := range want {
		out = append(out, fmt.Sprintf(`"%s":{"altname":"%s","wsname":"%s","aclass_base":"currency","base":"%s","aclass_quote":"currency","quote":"%s","lot":"unit","cost_decimals":5,"pair_decimals":%d,"lot_decimals":%d,"lot_multiplier":1,"leverage_buy":[2,3],"leverage_sell":[2,3],"fees":[[0,0.4],[10000,0.35]],"fees_maker":[[0,0.25],[10000,0.2]],"fee_volume_currency":"ZUSD","margin_call":80,"margin_stop":40,"ordermin":"0.00005","costmin":"0.5","tick_size":"%s","status":"online"}`,
			krakenKey(p.listing), krakenAlt(p.listing), v1Name(p.listing), krakenID(p.base()), krakenID(p.quote()), p.pd, p.qd, plainText(p.tick, p.pd)))
	}
	return k.ok(`{%s}`, strings.Join(out, ","))
}

func (k *kraken) tickers(q *query) reply {
	var out []string
	for _, p := range k.v.pits {
		if q.get("pair") == "" {
			out = append(out, fmt.Sprintf(`"%s":%s`, krakenKey(p.listing), k.ticker24(p, q.now, true)))
		}
	}
	for _, name := range strings.FieldsFunc(q.get("pair"), func(r rune) bool { return r == ',' }) {
		p := k.find(name)
		if p == nil {
			return k.fail("EQuery:Unknown asset pair")
		}
		out = append(out, fmt.Sprintf(`"%s":%s`, krakenKey(p.listing), k.ticker24(p, q.now, true)))
	}
	return k.ok(`{%s}`, strings.Join(out, ","))
}

// candles: at most the latest 720 bars whatever since says; the last is unfinished, and
// "last" names the bar before it.
func (k *kraken) candles(q *query, p *pit) reply {
	minutes, ok := q.number("interval", 1)
	i := krakenInterval(int(minutes))
	if !ok || i == "" {
		return k.fail("EGeneral:Invalid arguments")
	}
	since, _ := q.number("since", 0)
	bars := lastN(p.tape.spans(i, 0, q.now.Add(-time.Duration(720)*i.Length()), q.now, true), 720)
	var out []string
	last := since
	for n, b := range bars {
		if n < len(bars)-1 {
			last = b.open.Unix()
		}
		if b.open.Unix() < since {
			continue
		}
		out = append(out, fmt.Sprintf(`[%d,"%s","%s","%s","%s","%s","%s",%d]`, b.open.Unix(), k.pxV1(p, b.o), k.pxV1(p, b.h), k.pxV1(p, b.l), k.pxV1(p, b.c),
			k.pxV1(p, b.quote.over(b.vol)), fixedText(b.vol, p.qd), b.n))
	}
	return k.ok(`{"%s":[%s],"last":%d}`, krakenKey(p.listing), strings.Join(out, ","), last)
}

func (k *kraken) depth(q *query, p *pit) reply {
	book := p.book.top(q.limit("count", 100, 500))
	at := q.clock().Unix()
	rung := func(b []byte, r rung) []byte {
		return fmt.Appendf(b, `["%s","%s",%d]`, k.pxV1(p, r.px), fixedText(r.qty, p.qd), at)
	}
	return k.ok(`{"%s":{"asks":%s,"bids":%s}}`, krakenKey(p.listing), rows(nil, book.asks, rung), rows(nil, book.bids, rung))
}

// history: trades later than since (nanoseconds), oldest first, at most 1000; "last" is
// the since of the next page.
func (k *kraken) history(q *query, p *pit) reply {
	n := q.limit("count", 1000, 1000)
	list := p.tape.recent(n)
	last := q.get("since")
	if last != "" {
		since, ok := q.number("since", 0)
		if !ok {
			return k.fail("EGeneral:Invalid arguments")
		}
		if since < 1e12 {
			since *= 1e9 // seconds are taken as well
		}
		all := p.tape.since(0)
		from := unskew(k.v, time.Unix(0, since))
		list = firstN(all[sort.Search(len(all), func(i int) bool { return all[i].at.After(from) }):], n)
	}
	var out []string
	for _, t := range list {
		side := "b"
		if t.sell {
			side = "s"
		}
		at := k.v.stamp(t.at)
		last = itoa(at.UnixNano())
		out = append(out, fmt.Sprintf(`["%s","%s",%s,"%s","m","",%d]`, k.pxV1(p, t.px), fixedText(t.qty, p.qd), plainText(at.UnixNano(), 9), side, t.id))
	}
	return k.ok(`{"%s":[%s],"last":"%s"}`, krakenKey(p.listing), strings.Join(out, ","), last)
}
