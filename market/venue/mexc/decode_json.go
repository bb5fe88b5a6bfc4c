package mexc

import (
	"bytes"
	"errors"
	"strings"
	"time"

	"github.com/assayhq/assay/internal/scan"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/venue"
)

// text reads the answers {id,code,msg}, and {c,d,s,t} of streams before August 2025.
func (f *feed) text(frame []byte, out *market.Batch) error {
	c := scan.New(frame)
	var channel, symbol, msg []byte
	var code int64
	var at time.Time
	var body scan.Cursor
	has := false
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "msg":
			msg = c.Str()
		case "code":
			code = c.Int()
		case "c":
			channel = c.Str()
		case "s":
			symbol = c.Str()
		case "t":
			at = c.Millis()
		case "d":
			body, has = c, true
			c.Skip()
		default:
			c.Skip()
		}
	}
	if err := c.End(); err != nil {
		return err
	}
	if !has || channel == nil {
		said(code, string(msg), out)
		return nil
	}
	if len(symbol) == 0 {
		return errors.New("json: a message without a symbol")
	}
	return f.old(channel, f.t.Find(symbol), at, &body, out)
}

// said tells what the venue says to a request of ours. A refusal has the code 0 too.
func said(code int64, msg string, out *market.Batch) {
	switch {
	case code != 0 || strings.HasPrefix(msg, "Not Subscribed"):
		venue.Say(out, market.Refused, "", "", msg)
	case msg == "PONG":
		venue.Say(out, market.Heartbeat, "", "", "")
	case strings.Contains(msg, "@"):
		venue.Say(out, market.Ack, "", "", "")
	default:
		venue.Say(out, market.Strange, "", "", "message "+msg)
	}
}

// old reads the data of a channel such as spot@public.deals.v3.api@BTCUSDT.
func (f *feed) old(channel []byte, in *market.Instrument, at time.Time, c *scan.Cursor, out *market.Batch) error {
	name, _, _ := bytes.Cut(bytes.TrimPrefix(channel, []byte("spot@public.")), []byte(".v3.api"))
	switch string(name) {
	case "deals":
		oldTrades(c, in, out)
	case "bookTicker":
		oldBest(c, in, at, out)
	case "increase.depth":
		oldDepth(c, in, at, out)
	case "kline":
		return oldCandle(c, in, out)
	case "limit.depth", "miniTicker", "miniTickers":
	default:
		if !bytes.Contains(channel, []byte("@private.")) {
			venue.Say(out, market.Strange, "", in.Symbol, "channel "+string(channel))
		}
	}
	return c.Err()
}

func oldTrades(c *scan.Cursor, in *market.Instrument, out *market.Batch) {
	for ok := c.Obj(); ok && c.NextKey(); {
		if !c.Is("deals") {
			c.Skip()
			continue
		}
		for ok := c.Arr(); ok && c.NextItem(); {
			t := venue.Trade(out, in)
			for ok := c.Obj(); ok && c.NextKey(); {
				switch string(c.K) {
				case "p":
					t.Price = c.Price()
				case "v":
					t.Qty = c.Qty()
				case "t":
					t.At = c.Millis()
				case "S":
					if t.Side = side(c.Int()); t.Side == market.NoSide {
						venue.Say(out, market.Strange, market.Trades, in.Symbol, "trade without a known side")
					}
				default:
					c.Skip()
				}
			}
			if t.Price.IsZero() {
				c.Fail("trade without a price")
			}
		}
	}
}

func oldBest(c *scan.Cursor, in *market.Instrument, at time.Time, out *market.Batch) {
	q := venue.Quote(out, in)
	q.At = at
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "b":
			q.Bid = c.Price()
		case "B":
			q.BidQty = c.Qty()
		case "a":
			q.Ask = c.Price()
		case "A":
			q.AskQty = c.Qty()
		default:
			c.Skip()
		}
	}
}

// oldDepth reads {bids,asks,r}: each change has a number, one above the last.
func oldDepth(c *scan.Cursor, in *market.Instrument, at time.Time, out *market.Batch) {
	u := venue.Book(out, in)
	u.At = at
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "bids":
			u.Bids = oldLevels(c, out)
		case "asks":
			u.Asks = oldLevels(c, out)
		case "r":
			u.Last = uint64(c.Int())
			u.First = u.Last
		default:
			c.Skip()
		}
	}
	if u.Last == 0 {
		c.Fail("change of a book without a number")
	}
}

func oldLevels(c *scan.Cursor, out *market.Batch) []market.Level {
	all := out.Levels()
	from := len(all)
	for ok := c.Arr(); ok && c.NextItem(); {
		var l market.Level
		for ok := c.Obj(); ok && c.NextKey(); {
			switch string(c.K) {
			case "p":
				l.Price = c.Price()
			case "v":
				l.Qty = c.Qty()
			default:
				c.Skip()
			}
		}
		all = append(all, l)
	}
	return out.KeepLevels(all, from)
}

func oldCandle(c *scan.Cursor, in *market.Instrument, out *market.Batch) error {
	for ok := c.Obj(); ok && c.NextKey(); {
		if !c.Is("k") {
			c.Skip()
			continue
		}
		k, name := venue.Candle(out, in, "", time.Time{}), ""
		for ok := c.Obj(); ok && c.NextKey(); {
			switch string(c.K) {
			case "t":
				k.Open = c.Seconds()
			case "i":
				name = string(c.Str())
			case "o":
				k.O = c.Price()
			case "c":
				k.C = c.Price()
			case "h":
				k.H = c.Price()
			case "l":
				k.L = c.Price()
			case "v":
				k.Volume = c.Qty()
			case "a":
				k.Turnover = c.Sum()
			default:
				c.Skip()
			}
		}
		if err := named(k, name, c.Err(), in, out); err != nil {
			return err
		}
	}
	return c.Err()
}
