package emulator

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// bitstamp speaks Bitstamp: REST snapshots joined to diffs by microsecond times, with
// no number by which a loss would show. https://www.bitstamp.net/api, seen 2026-07.
type bitstamp struct{ v *Venue }

func (x *bitstamp) rules() rules {
	return rules{list: `BTC-USD 0 8, ETH-USD 1 8, SOL-USD 3 8, XRP-USD 5 8, DOGE-USD 5 8, ADA-USD 5 8, LTC-USD 2 8,
			BTC-EUR 0 8, ETH-EUR 1 8, BTC-USDT 0 8, USDT-USD 5 5, USDC-USD 5 5, EUR-USD 5 5`,
		follow: 250 * time.Millisecond, lag: 25 * time.Millisecond, maxAge: 90 * 24 * time.Hour, windows: []window{{"", 10 * time.Minute, 10000}, {"", time.Second, 400}}, stream: "/"}
}

func (x *bitstamp) symbol(l *listing) string { return strings.ToLower(l.base() + l.quote()) }

func (x *bitstamp) streams(path string) bool { return path == "/" || path == "" }

func (x *bitstamp) open(c *conn) {
	c.every(30*time.Second, func(time.Time) bool {
		c.say("heartbeat", []byte(`{"event":"bts:heartbeat","channel":"","data":{"status":"success"}}`))
		return true
	})
}

func (x *bitstamp) receive(c *conn, text []byte) {
	var w struct {
		Event string `json:"event"`
		Data  struct {
			Channel string `json:"channel"`
		} `json:"data"`
	}
	if json.Unmarshal(text, &w) != nil {
		x.deny(c, "", "Incorrect JSON format.")
		return
	}
	channel := w.Data.Channel
	switch w.Event {
	case "bts:heartbeat":
		c.say("heartbeat", []byte(`{"event":"bts:heartbeat","channel":"","data":{"status":"success"}}`))
	case "bts:unsubscribe":
		x.v.leave(c, channel)
		c.say("ack", fmt.Appendf(nil, `{"event":"bts:unsubscription_succeeded","channel":"%s","data":{}}`, channel))
	case "bts:subscribe":
		i := strings.LastIndexByte(channel, '_')
		p := x.v.symbols[channel[i+1:]]
		t := topic{name: channel, p: p}
		switch channel[:max(i, 0)] {
		case "live_trades":
			t.place = "trades"
		case "diff_order_book":
			t.place, t.every = "book", 100*time.Millisecond
		case "order_book":
			t.place, t.every, t.depth, t.data = "book", 100*time.Millisecond, 100, "whole"
		default:
			p = nil
		}
		if p == nil {
			x.deny(c, channel, "Bad subscription string.")
			return
		}
		switch x.v.faults.subscription(c, channel, p.symbol) {
		case NoAck:
			return
		case Refuse:
			x.deny(c, channel, "Subscription failed.")
			return
		}
		c.say("ack", fmt.Appendf(nil, `{"event":"bts:subscription_succeeded","channel":"%s","data":{}}`, channel))
		x.v.join(c, channel, func() *topic { return &t })
	default:
		x.deny(c, "", "Bad event.")
	}
}

func (x *bitstamp) deny(c *conn, channel, why string) {
	c.say("ack", fmt.Appendf(nil, `{"event":"bts:error","channel":%s,"data":{"code":null,"message":%q}}`, jsonText(channel), why))
}
