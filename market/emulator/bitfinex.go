package emulator

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/assayhq/assay/market"
)

// bitfinex speaks Bitfinex v2: arrays by position on numbered channels, with a running
// number, a time and checksums of books where a client switches them on; REST under /v2.
// https://docs.bitfinex.com/docs/ws-general, seen 2026-08.
type bitfinex struct{ v *Venue }

// The flags of a client's configuration.
const (
	bitfinexTimes = 32768
	bitfinexSeq   = 65536
	bitfinexSums  = 131072
)

// bitfinexMost is how many channels a connection has at most.
const bitfinexMost = 25

func (x *bitfinex) rules() rules {
	return rules{list: `BTC-USD 0 8, ETH-USD 1 8, SOL-USD 3 8, XRP-USD 4 8, DOGE-USD 5 8, ADA-USD 5 8, LTC-USD 3 8, BTC-USDT 0 8, ETH-USDT 1 8,
			BTC-EUR 0 8, ETH-EUR 1 8, USDT-USD 4 8, USDC-USD 4 8, EUR-USD 4 8, BTC-USDT-PERP 0 8, ETH-USDT-PERP 1 8`,
		follow: 200 * time.Millisecond, lag: 40 * time.Millisecond, handshakes: 20, shakeIn: time.Minute, checksum: true, sequenced: true,
		windows: []window{{"conf", time.Minute, 15}, {"market", time.Minute, 30}}, penalty: time.Minute, stream: "/ws/2"}
}

// bitfinexAsset is the venue's own name of an asset.
func bitfinexAsset(a string) string {
	switch a {
	case "USDT":
		return "UST"
	case "USDC":
		return "UDC"
	}
	return a
}

// bitfinexPair joins two names: with a colon where one has more than three letters.
func bitfinexPair(l *listing) string {
	base, quote := bitfinexAsset(l.base()), bitfinexAsset(l.quote())
	switch {
	case l.perp:
		return base + "F0:" + quote + "F0"
	case len(base) > 3 || len(quote) > 3:
		return base + ":" + quote
	}
	return base + quote
}

func (x *bitfinex) symbol(l *listing) string { return "t" + bitfinexPair(l) }

func (x *bitfinex) streams(path string) bool { return path == "/ws/2" }

// bitfinexConn is a connection's configuration and channels.
type bitfinexConn struct {
	flags int64
	last  int64 // channel number given last
	chans []*bitfinexChan
}

type bitfinexChan struct {
	number        int64
	key           string // of the venue's topic
	topic, symbol string
	spoken        time.Time
}

func (s *bitfinexConn) find(is func(*bitfinexChan) bool) *bitfinexChan {
	if i := slices.IndexFunc(s.chans, is); i >= 0 {
		return s.chans[i]
	}
	return nil
}

func (s *bitfinexConn) of(topic, symbol string) *bitfinexChan {
	return s.find(func(h *bitfinexChan) bool { return h.topic == topic && h.symbol == symbol })
}

func (x *bitfinex) open(c *conn) {
	s := &bitfinexConn{last: 10000 * int64(c.n)}
	c.state = s
	// seal puts a payload on its channel, behind it the number and the time.
	c.seal = func(c *conn, m *message, data []byte) []byte {
		h := s.of(m.topic, m.symbol)
		if h == nil || data[0] == '{' {
			return data
		}
		h.spoken = time.Now()
		b := fmt.Appendf(nil, "[%d,%s", h.number, data)
		if s.flags&bitfinexSeq != 0 {
			c.seq++
			b = fmt.Appendf(b, ",%d", c.seq)
		}
		if s.flags&bitfinexTimes != 0 {
			at := h.spoken
			if m.d != nil {
				at = m.d.at
			}
			b = fmt.Appendf(b, ",%d", ms(x.v.stamp(at)))
		}
		return append(b, ']')
	}
	c.say("status", fmt.Appendf(nil, `{"event":"info","version":2,"serverId":"%016x","platform":{"status":1}}`, mix(uint64(c.n), 7, x.v.world.seed)))
	c.every(time.Second, func(at time.Time) bool {
		for _, h := range s.chans {
			if at.Sub(h.spoken) >= 15*time.Second {
				c.emit(&message{place: "heartbeat", topic: h.topic, symbol: h.symbol, data: []byte(`"hb"`)})
			}
		}
		return true
	})
}

// bitfinexWish is a client's event.
type bitfinexWish struct {
	Event   string          `json:"event"`
	Channel string          `json:"channel"`
	Symbol  string          `json:"symbol"`
	Key     string          `json:"key"`
	Prec    string          `json:"prec"`
	Freq    string          `json:"freq"`
	Len     json.RawMessage `json:"len"`
	SubID   json.RawMessage `json:"subId"`
	ChanID  int64           `json:"chanId"`
	Flags   int64           `json:"flags"`
	CID     json.RawMessage `json:"cid"`
}

func (x *bitfinex) receive(c *conn, text []byte) {
	var w bitfinexWish
	s := c.state.(*bitfinexConn)
	if json.Unmarshal(text, &w) != nil {
		x.deny(c, &w, 10000, "Unknown event")
		return
	}
	switch w.Event {
	case "ping":
		cid := ""
		if len(w.CID) > 0 {
			cid = `,"cid":` + string(w.CID)
		}
		c.say("ack", fmt.Appendf(nil, `{"event":"pong","ts":%d%s}`, ms(x.v.stamp(time.Now())), cid))
	case "conf":
		s.flags = w.Flags
		c.say("ack", fmt.Appendf(nil, `{"event":"conf","status":"OK","flags":%d}`, w.Flags))
	case "subscribe":
		x.subscribe(c, s, &w)
	case "unsubscribe":
		h := s.find(func(h *bitfinexChan) bool { return h.number == w.ChanID })
		if h == nil {
			x.deny(c, &w, 10401, "unsubscribe: not subscribed")
			return
		}
		x.v.leave(c, h.key)
		s.chans = slices.DeleteFunc(s.chans, func(o *bitfinexChan) bool { return o == h })
		c.say("ack", fmt.Appendf(nil, `{"event":"unsubscribed","status":"OK","chanId":%d}`, h.number))
	default:
		x.deny(c, &w, 10000, "Unknown event")
	}
}

func (x *bitfinex) deny(c *conn, w *bitfinexWish, code int, why string) {
	about := ""
	for _, m := range []struct{ name, value string }{{"channel", w.Channel}, {"symbol", w.Symbol}, {"key", w.Key}} {
		if m.value != "" {
			about += fmt.Sprintf(`,%q:%s`, m.name, jsonText(m.value))
		}
	}
	c.say("ack", fmt.Appendf(nil, `{"event":"error","msg":%q,"code":%d%s}`, why, code, about))
}

// topic reads a wish; ack is what its confirmation repeats.
func (x *bitfinex) topic(w *bitfinexWish) (t topic, ack, why string) {
	symbol := w.Symbol
	switch w.Channel {
	case "trades":
		t = topic{name: "trades", place: "trades"}
	case "ticker":
		t = topic{name: "ticker", place: "quotes", every: time.Second}
	case "book":
		size := strings.Trim(string(w.Len), `"`)
		prec, freq := w.Prec, w.Freq
		if size == "" {
			size = "25"
		}
		if prec == "" {
			prec = "P0"
		}
		if freq == "" {
			freq = "F0"
		}
		depth := map[string]int{"1": 1, "25": 25, "100": 100, "250": 250}[size]
		every := map[string]time.Duration{"F0": 100 * time.Millisecond, "F1": 2 * time.Second}[freq]
		switch {
		case depth == 0:
			return t, "", "len: invalid"
		case prec != "P0":
			return t, "", "prec: invalid"
		case every == 0:
			return t, "", "freq: invalid"
		}
		// Real time is gathered for a tenth of a second, so that a millisecond names one book.
		t = topic{name: "book", place: "book", every: every, depth: depth}
		ack = fmt.Sprintf(`,"prec":"P0","freq":%q,"len":%q`, freq, size)
	case "candles":
		rest, ok := strings.CutPrefix(w.Key, "trade:")
		var name string
		name, symbol, _ = strings.Cut(rest, ":")
		t = topic{name: "candles " + name, place: "candles", interval: bitfinexIntervals[name]}
		if !ok || t.interval == "" {
			return t, "", "key: invalid"
		}
	case "status":
		var ok bool
		if symbol, ok = strings.CutPrefix(w.Key, "deriv:"); !ok {
			return t, "", "key: invalid"
		}
		t = topic{name: "status", place: "status", every: time.Second}
	default:
		return t, "", "channel: unknown"
	}
	t.p = x.v.symbols[symbol]
	if t.p == nil || t.name == "status" && !t.p.perp {
		return t, "", "symbol: invalid"
	}
	if w.Key != "" {
		return t, fmt.Sprintf(`,"key":%s`, jsonText(w.Key)), ""
	}
	return t, fmt.Sprintf(`,"symbol":%q%s,"pair":%q`, symbol, ack, symbol[1:]), ""
}

func (x *bitfinex) subscribe(c *conn, s *bitfinexConn, w *bitfinexWish) {
	t, ack, why := x.topic(w)
	switch {
	case why == "channel: unknown":
		x.deny(c, w, 10302, why)
		return
	case why != "":
		x.deny(c, w, 10300, why)
		return
	case s.of(t.name, t.p.symbol) != nil:
		x.deny(c, w, 10301, "subscribe: dup")
		return
	case len(s.chans) >= bitfinexMost:
		x.deny(c, w, 10305, "subscribe: limit")
		return
	}
	switch x.v.faults.subscription(c, t.name, t.p.symbol) {
	case NoAck:
		return
	case Refuse:
		x.deny(c, w, 10300, "subscribe: failed")
		return
	}
	s.last++
	h := &bitfinexChan{number: s.last, key: fmt.Sprint(t.name, " ", t.p.symbol, " ", t.depth, " ", t.every), topic: t.name, symbol: t.p.symbol, spoken: time.Now()}
	s.chans = append(s.chans, h)
	sub := ""
	if len(w.SubID) > 0 {
		sub = `,"subId":` + string(w.SubID)
	}
	c.say("ack", fmt.Appendf(nil, `{"event":"subscribed","channel":%q,"chanId":%d%s%s}`, w.Channel, h.number, ack, sub))
	joined, _ := x.v.join(c, h.key, func() *topic { return &t })
	x.greet(c, joined)
}

// bitfinexIntervals are the keys of candles.
var bitfinexIntervals = map[string]market.Interval{"1m": "1m", "5m": "5m", "15m": "15m", "30m": "30m", "1h": "1h", "4h": "4h", "6h": "6h", "12h": "12h", "1D": "1d", "1M": "1M"}

func (x *bitfinex) farewell(c *conn) time.Duration {
	c.say("notice", []byte(`{"event":"info","code":20051,"msg":"Stopping. Please try to reconnect"}`))
	return 10 * time.Second
}

func (x *bitfinex) refuse(_ *query, r refusal) reply {
	a := x.fail(http.StatusTooManyRequests, 11010, "ratelimit: error")
	a.header = map[string]string{"Retry-After": itoa(int64((r.retry + time.Second - 1) / time.Second))}
	return a
}

func (x *bitfinex) fail(status, code int, why string) reply {
	return answer(status, fmt.Appendf(nil, `["error",%d,%q]`, code, why))
}
