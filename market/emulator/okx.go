package emulator

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/assayhq/assay/market"
)

// okx speaks OKX v5: books of 400 levels chained by seqId and prevSeqId, text pings.
// https://www.okx.com/docs-v5, seen 2026-08.
type okx struct {
	v     *Venue
	bases map[*pit]uint64 // where each book's numbers start now
}

func (o *okx) rules() rules {
	return rules{list: `BTC-USDT 1 8, ETH-USDT 2 6, SOL-USDT 2 6, XRP-USDT 4 6, DOGE-USDT 5 6, ADA-USDT 4 4, LTC-USDT 2 6,
			BTC-USDC 1 8, ETH-USDC 2 6, BTC-EUR 1 8, USDC-USDT 4 6,
			BTC-USDT-PERP 1 4, ETH-USDT-PERP 2 3, BTC-USD-PERP 1 0 1 100`,
		follow: 30 * time.Millisecond, lag: 15 * time.Millisecond, handshakes: 3, shakeIn: time.Second, checksum: o.v.opt.Checksums, sequenced: true,
		stream: "/ws/v5/public", business: "/ws/v5/business", windows: []window{{"candles", 2 * time.Second, 40}, {"history-candles", 2 * time.Second, 20},
			{"books", 2 * time.Second, 40}, {"books-full", 2 * time.Second, 10}, {"trades", 2 * time.Second, 100}, {"history-trades", 2 * time.Second, 20},
			{"instruments", 2 * time.Second, 20}, {"ticker", 2 * time.Second, 20}, {"tickers", 2 * time.Second, 20}, {"time", 2 * time.Second, 10},
			{"mark-price", 2 * time.Second, 10}, {"funding-rate", 2 * time.Second, 20}, {"funding-rate-history", 2 * time.Second, 10}, {"open-interest", 2 * time.Second, 20},
			{"index-tickers", 2 * time.Second, 20}}}
}

func (o *okx) symbol(l *listing) string {
	if l.perp {
		return l.base() + "-" + l.quote() + "-SWAP"
	}
	return string(l.pair)
}

func (o *okx) streams(path string) bool { return path == "/ws/v5/public" || path == "/ws/v5/business" }

// okxState counts a connection's operations.
type okxState struct {
	id  string
	ops []time.Time
}

func (o *okx) open(c *conn) {
	c.state = &okxState{id: fmt.Sprintf("%08x", uint32(mix(uint64(c.n), 3, o.v.world.seed)))}
	c.deadline(30*time.Second, 4004, "No data received in 30s.")
	c.every(5*time.Second, func(at time.Time) bool {
		if at.Sub(c.heard) > 30*time.Second && at.Sub(c.spoken) > 30*time.Second {
			c.bye(4004, "No data received in 30s.")
		}
		return true
	})
}

type okxArg struct {
	Channel  string `json:"channel"`
	InstID   string `json:"instId"`
	InstType string `json:"instType"`
}

// names is the argument as the answers repeat it.
func (a okxArg) names() string {
	if a.InstID == "" {
		return fmt.Sprintf(`"arg":{"channel":"%s","instType":"%s"}`, a.Channel, a.InstType)
	}
	return fmt.Sprintf(`"arg":{"channel":"%s","instId":"%s"}`, a.Channel, a.InstID)
}

func (o *okx) receive(c *conn, text []byte) {
	if string(text) == "ping" {
		c.say("heartbeat", []byte("pong"))
		return
	}
	var w struct {
		ID   string   `json:"id"`
		Op   string   `json:"op"`
		Args []okxArg `json:"args"`
	}
	if json.Unmarshal(text, &w) != nil || w.Op != "subscribe" && w.Op != "unsubscribe" || len(w.Args) == 0 {
		o.deny(c, "60012", "Illegal request: "+string(text))
		return
	}
	state, now := c.state.(*okxState), time.Now()
	for len(state.ops) > 0 && now.Sub(state.ops[0]) > time.Hour {
		state.ops = state.ops[1:]
	}
	if state.ops = append(state.ops, now); len(state.ops) > 480 && !o.v.opt.Unlimited {
		o.deny(c, "60014", "Requests too frequent")
		return
	}
	for _, a := range w.Args {
		o.wish(c, w.Op, a)
	}
}

func (o *okx) deny(c *conn, code, msg string) {
	c.say("ack", fmt.Appendf(nil, `{"event":"error","code":"%s","msg":%s,"connId":"%s"}`, code, jsonText(msg), c.state.(*okxState).id))
}

func (o *okx) wish(c *conn, op string, a okxArg) {
	p := o.v.symbols[a.InstID]
	t := topic{name: a.Channel, p: p}
	bar, isCandle := strings.CutPrefix(a.Channel, "candle")
	business := false
	switch {
	case a.Channel == "books":
		t.place, t.depth, t.every = "book", 400, 100*time.Millisecond
	case a.Channel == "books5":
		t.place, t.depth, t.every, t.data = "book", 5, 100*time.Millisecond, "whole"
	case a.Channel == "bbo-tbt":
		t.place, t.depth, t.every, t.data = "quotes", 1, 10*time.Millisecond, "whole"
	case a.Channel == "books-l2-tbt", a.Channel == "books50-l2-tbt":
		o.deny(c, "60011", "Please log in")
		return
	case o.contractChannel(&t, a):
		p = t.p
	case a.Channel == "tickers":
		t.place, t.every = "quotes", 100*time.Millisecond
	case a.Channel == "trades":
		t.place = "trades"
	case a.Channel == "trades-all":
		t.place, business = "trades", true
	case isCandle:
		t.place, t.every, business = "candles", 500*time.Millisecond, true
		t.interval, _ = okxInterval(bar)
	}
	if t.place == "" || p == nil || business != (c.path == "/ws/v5/business") || isCandle && t.interval == "" {
		o.deny(c, "60018", fmt.Sprintf("Wrong URL or channel:%s,instId:%s doesn't exist. Please use the correct URL, channel and parameters referring to API document.", a.Channel, a.InstID))
		return
	}
	key := a.Channel + " " + a.InstID + a.InstType
	id := c.state.(*okxState).id
	if op == "unsubscribe" {
		o.v.leave(c, key)
		c.say("ack", fmt.Appendf(nil, `{"event":"unsubscribe",%s,"connId":"%s"}`, a.names(), id))
		return
	}
	switch o.v.faults.subscription(c, a.Channel, a.InstID) {
	case NoAck:
		return
	case Refuse:
		o.deny(c, "60013", "Invalid args")
		return
	}
	c.say("ack", fmt.Appendf(nil, `{"event":"subscribe",%s,"connId":"%s"}`, a.names(), id))
	if a.Channel == "liquidation-orders" { // of all contracts of the kind
		for _, p := range o.v.pits {
			if p.perp {
				o.v.join(c, key+p.symbol, func() *topic { return &topic{name: a.Channel, place: "liquidations", p: p} })
			}
		}
		return
	}
	j, fresh := o.v.join(c, key, func() *topic { return &t })
	if !fresh {
		return
	}
	m := &message{place: j.place, topic: j.name, symbol: p.symbol}
	switch {
	case j.place == "derivatives":
		m.data = o.terms(j, time.Now())
	case j.name == "books":
		if j.seq == 0 {
			j.seq = o.number(p)
			p.truth.mark(j.seq)
		}
		m.d, m.seq = j.snapshot(), j.seq
		m.render = func(d *delta) []byte { return o.books(j, d) }
		m.data = m.render(m.d)
	case j.data == "whole":
		m.data = o.whole(j)
	case j.place == "trades":
		last := p.tape.lastTrade()
		m.data = o.trade(j, &last)
	case j.place == "candles":
		if b, ok := p.tape.current(j.interval, okxShift(j.name), time.Now()); ok {
			m.data = o.candle(j, &b, false)
		} else {
			return
		}
	default:
		m.data = o.tickers(j, time.Now())
	}
	c.emit(m)
}

// number is the book's sequence number now.
func (o *okx) number(p *pit) uint64 {
	if o.bases == nil {
		o.bases = map[*pit]uint64{}
	}
	if o.bases[p] == 0 {
		o.bases[p] = 40_000_000_000 + mix(o.v.world.seed, uint64(p.index), 5)%1_000_000_000
	}
	return o.bases[p] + p.version
}

// okxInterval reads a bar name; utc says that long bars open at UTC instead of Hong
// Kong midnight.
func okxInterval(bar string) (i market.Interval, utc bool) {
	bar, utc = strings.CutSuffix(bar, "utc")
	i = map[string]market.Interval{"1s": "1s", "1m": "1m", "3m": "3m", "5m": "5m", "15m": "15m", "30m": "30m", "1H": "1h", "2H": "2h", "4H": "4h",
		"6H": "6h", "12H": "12h", "1D": "1d", "3D": "3d", "1W": "1w", "1M": "1M"}[bar]
	if utc && i.Length() < 6*time.Hour {
		return "", true
	}
	return i, utc
}

// okxShift is how much earlier than UTC a bar of that name opens.
func okxShift(name string) time.Duration {
	i, utc := okxInterval(strings.TrimPrefix(name, "candle"))
	if utc || i.Length() < 6*time.Hour {
		return 0
	}
	return 8 * time.Hour
}
