package kraken

import (
	"bytes"
	"net/url"
	"strconv"
	"time"

	"github.com/assayhq/assay/internal/scan"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/venue"
	"github.com/assayhq/assay/money"
)

// feedV1 reads version 1. https://docs.kraken.com/api/docs/websocket-v1
type feedV1 struct{ t *venue.Table }

func openV1(t *venue.Table, _ *url.URL) venue.Feed { return &feedV1{t} }

// Decode reads [channelID, payload, …, "name-argument", "XBT/USD"] and {"event":…}.
// What a payload is stands behind it, so its place is noted and read later; a book
// update of both sides has two.
func (f *feedV1) Decode(frame []byte, out *market.Batch) error {
	c := scan.New(frame)
	if c.Peek() == '{' {
		return f.event(&c, out)
	}
	var parts [2]scan.Cursor
	var words [2][]byte // the channel's name and the pair
	np, nw := 0, 0
	for ok := c.Arr(); ok && c.NextItem(); {
		switch c.Peek() {
		case '{', '[':
			if np == len(parts) {
				c.Fail("too many payloads")
				break
			}
			parts[np] = c
			np++
			c.Skip()
		case '"':
			if nw == len(words) {
				c.Fail("too many names")
				break
			}
			words[nw] = c.Str()
			nw++
		default:
			c.Skip() // the number of the channel
		}
	}
	if np == 0 || nw < 2 || len(words[1]) == 0 {
		c.Fail("expected a payload, the channel's name and a pair")
	}
	if err := c.End(); err != nil {
		return err
	}
	in := f.t.Find(words[1])
	name, arg, _ := bytes.Cut(words[0], []byte("-"))
	p := &parts[0]
	switch string(name) {
	case "book":
		return f.book(parts[:np], arg, in, out)
	case "trade":
		for ok := p.Arr(); ok && p.NextItem(); {
			tradeRow(p, in, out)
		}
	case "ticker":
		f.ticker(p, in, out)
	case "spread":
		f.spread(p, in, out)
	case "ohlc":
		f.ohlc(p, string(arg), in, out)
	default:
		venue.Say(out, market.Strange, "", in.Symbol, "channel "+string(words[0]))
	}
	return p.Err()
}

func (f *feedV1) event(c *scan.Cursor, out *market.Batch) error {
	var event, status, text, pair, name []byte
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "event":
			event = c.Str()
		case "status":
			status = c.Str()
		case "errorMessage":
			text = c.Str()
		case "pair":
			pair = c.Str()
		case "channelName":
			name, _, _ = bytes.Cut(c.Str(), []byte("-"))
		case "subscription":
			for ok := c.Obj(); ok && c.NextKey(); {
				if c.Is("name") && name == nil {
					name = c.Str()
				} else {
					c.Skip()
				}
			}
		default:
			c.Skip()
		}
	}
	if err := c.End(); err != nil {
		return err
	}
	switch string(event) {
	case "heartbeat", "pong":
		venue.Say(out, market.Heartbeat, "", "", "")
	case "systemStatus":
		venue.Say(out, market.Info, "", "", "status: "+string(status))
	case "subscriptionStatus", "error":
		kind := market.Ack
		if text == nil {
			text = status
		} else {
			kind = market.Refused
		}
		venue.Say(out, kind, channels[string(name)], string(pair), string(text))
	default:
		venue.Say(out, market.Strange, "", "", "event "+string(event))
	}
	return nil
}

// book reads {"as":[…],"bs":[…]}, the snapshot, or {"a":[…],"c":"…"} and {"b":[…],"c":"…"}.
// Its time is that of its newest level.
func (f *feedV1) book(parts []scan.Cursor, arg []byte, in *market.Instrument, out *market.Batch) error {
	u := venue.Book(out, in)
	u.Depth, _ = strconv.Atoi(string(arg))
	for i := range parts {
		c := &parts[i]
		for ok := c.Obj(); ok && c.NextKey(); {
			switch string(c.K) {
			case "a", "as":
				u.Snapshot = u.Snapshot || len(c.K) == 2
				u.Asks = timedLevels(c, out, &u.At)
			case "b", "bs":
				u.Snapshot = u.Snapshot || len(c.K) == 2
				u.Bids = timedLevels(c, out, &u.At)
			case "c":
				u.Checksum, u.HasSum = uint32(c.Int()), true
			default:
				c.Skip()
			}
		}
		if c.Err() != nil {
			return c.Err()
		}
	}
	return nil
}

// timedLevels reads [[price, size, seconds, …], …] and moves newest to the last time.
func timedLevels(c *scan.Cursor, out *market.Batch, newest *time.Time) []market.Level {
	levels := out.Levels()
	from := len(levels)
	for ok := c.Arr(); ok && c.NextItem(); {
		var l market.Level
		n := 0
		for ok := c.Arr(); ok && c.NextItem(); n++ {
			switch n {
			case 0:
				l.Price = c.Price()
			case 1:
				l.Qty = c.Qty()
			case 2:
				if at := c.Seconds(); at.After(*newest) {
					*newest = at
				}
			default:
				c.Skip() // "r": sent again
			}
		}
		if n < 3 {
			c.Fail("expected [price, size, time]")
		}
		levels = append(levels, l)
	}
	return out.KeepLevels(levels, from)
}

// tradeRow reads [price, size, seconds, "b" or "s" of the taker, type, text, id]; the
// id is only in REST.
func tradeRow(c *scan.Cursor, in *market.Instrument, out *market.Batch) {
	t := venue.Trade(out, in)
	n := 0
	for ok := c.Arr(); ok && c.NextItem(); n++ {
		switch n {
		case 0:
			t.Price = c.Price()
		case 1:
			t.Qty = c.Qty()
		case 2:
			t.At = c.Seconds()
		case 3:
			t.Side = venue.SideOf(c.Str())
		case 6:
			t.ID = string(c.Raw())
		default:
			c.Skip()
		}
	}
	if n < 4 || t.Price.IsZero() {
		c.Fail("expected [price, size, time, side]")
	}
	sideless(t, out)
}

// ticker reads {"a":[price, whole lots, size],"b":[…],…}.
func (f *feedV1) ticker(c *scan.Cursor, in *market.Instrument, out *market.Batch) {
	q := venue.Quote(out, in)
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "a":
			q.Ask, q.AskQty = best(c)
		case "b":
			q.Bid, q.BidQty = best(c)
		default:
			c.Skip()
		}
	}
}

// best reads [price, whole lots, size]; whole lots are the size rounded down.
func best(c *scan.Cursor) (p money.Price, q money.Qty) {
	n := 0
	for ok := c.Arr(); ok && c.NextItem(); n++ {
		switch n {
		case 0:
			p = c.Price()
		case 2:
			q = c.Qty()
		default:
			c.Skip()
		}
	}
	if n < 3 {
		c.Fail("expected [price, lots, size]")
	}
	return p, q
}

// spread reads [bid, ask, seconds, bid size, ask size].
func (f *feedV1) spread(c *scan.Cursor, in *market.Instrument, out *market.Batch) {
	q := venue.Quote(out, in)
	n := 0
	for ok := c.Arr(); ok && c.NextItem(); n++ {
		switch n {
		case 0:
			q.Bid = c.Price()
		case 1:
			q.Ask = c.Price()
		case 2:
			q.At = c.Seconds()
		case 3:
			q.BidQty = c.Qty()
		case 4:
			q.AskQty = c.Qty()
		default:
			c.Skip()
		}
	}
	if n < 3 {
		c.Fail("expected [bid, ask, time]")
	}
}

// ohlc reads [time of the last change, end, o, h, l, c, average, volume, trades]. The
// start is an interval before the end.
func (f *feedV1) ohlc(c *scan.Cursor, minutes string, in *market.Instrument, out *market.Batch) {
	i := venue.IntervalOf(intervals, minutes)
	if i == "" {
		venue.Say(out, market.Info, market.Candles, in.Symbol, "candles of "+minutes+" minutes, an interval that Assay builds itself")
		return
	}
	k := venue.Candle(out, in, i, time.Time{})
	venue.ReadRow(c, k, "-sohlc-vn")
	k.Open = k.Open.Add(-i.Length()) // the row has the end
}
