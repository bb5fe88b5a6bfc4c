package okx

import (
	"bytes"
	"net/url"
	"time"

	"github.com/assayhq/assay/internal/scan"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/venue"
)

// feed reads both streams. https://www.okx.com/docs-v5/en/#order-book-trading-market-data
// It keeps which contracts it has heard of by their index: an index names none of them.
type feed struct {
	t      *venue.Table
	behind map[string][]*market.Instrument
}

func open(t *venue.Table, _ *url.URL) venue.Feed {
	return &feed{t: t, behind: map[string][]*market.Instrument{}}
}

// Decode reads {"arg":{"channel":…,"instId":…},"action":…,"data":[…]}, {"event":…}
// and the text pong.
func (f *feed) Decode(frame []byte, out *market.Batch) error {
	if string(frame) == "pong" {
		venue.Say(out, market.Heartbeat, "", "", "")
		return nil
	}
	c := scan.New(frame)
	var data scan.Cursor
	var event, channel, symbol, action, code, msg []byte
	hasData := false
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "arg":
			for ok := c.Obj(); ok && c.NextKey(); {
				switch string(c.K) {
				case "channel":
					channel = c.Str()
				case "instId":
					symbol = c.Str()
				default:
					c.Skip()
				}
			}
		case "event":
			event = c.Str()
		case "action":
			action = c.Str()
		case "code":
			code = c.Raw()
		case "msg":
			msg = c.Str()
		case "data":
			data, hasData = c, true
			c.Skip()
		default:
			c.Skip()
		}
	}
	if err := c.End(); err != nil {
		return err
	}
	if event != nil {
		if ch := kindOf(channel); ch == market.Derivatives && len(symbol) > 0 && string(channel) != "index-tickers" && string(event) == "subscribe" {
			f.hear(f.t.Find(symbol))
		}
		f.event(out, string(event), kindOf(channel), string(symbol), string(code), string(msg))
		return nil
	}
	if string(channel) == "liquidation-orders" && hasData {
		for ok := data.Arr(); ok && data.NextItem(); {
			f.liquidations(&data, out)
		}
		return data.Err()
	}
	if !hasData || len(symbol) == 0 {
		venue.Say(out, market.Strange, "", "", "message without data of "+string(channel))
		return nil
	}
	if string(channel) == "index-tickers" {
		for ok := data.Arr(); ok && data.NextItem(); {
			readIndex(&data, f.behind[string(symbol)], out)
		}
		return data.Err()
	}
	in := f.t.Find(symbol)
	switch string(channel) {
	case "mark-price", "funding-rate", "open-interest":
		f.hear(in)
		for ok := data.Arr(); ok && data.NextItem(); {
			readTerms(&data, in, out, false)
		}
	case "books", "books-l2-tbt", "books50-l2-tbt":
		for ok := data.Arr(); ok && data.NextItem(); {
			readBook(&data, in, out, string(action) == "snapshot")
		}
	case "books5":
		for ok := data.Arr(); ok && data.NextItem(); {
			readBook(&data, in, out, true)
		}
	case "trades", "trades-all":
		for ok := data.Arr(); ok && data.NextItem(); {
			readTrade(&data, in, out)
		}
	case "bbo-tbt":
		for ok := data.Arr(); ok && data.NextItem(); {
			f.best(&data, in, out)
		}
	case "tickers":
		for ok := data.Arr(); ok && data.NextItem(); {
			f.ticker(&data, in, out)
		}
	default:
		name, isCandle := bytes.CutPrefix(channel, []byte("candle"))
		i := venue.IntervalOf(intervals, string(name))
		if !isCandle || i == "" {
			kind := market.Strange
			if isCandle {
				kind = market.Info // of Hong Kong days, or of a length that is not ours
			}
			venue.Say(out, kind, kindOf(channel), in.Symbol, "channel "+string(channel))
			return nil
		}
		for ok := data.Arr(); ok && data.NextItem(); {
			readCandle(&data, in, i, out)
		}
	}
	return data.Err()
}

// kindOf is our name of a channel; "" for one we do not use.
func kindOf(channel []byte) market.Channel {
	switch {
	case bytes.HasPrefix(channel, []byte("trades")):
		return market.Trades
	case bytes.HasPrefix(channel, []byte("book")):
		return market.Books
	case bytes.HasPrefix(channel, []byte("candle")):
		return market.Candles
	case string(channel) == "tickers" || string(channel) == "bbo-tbt":
		return market.Quotes
	}
	switch string(channel) {
	case "mark-price", "funding-rate", "open-interest", "index-tickers":
		return market.Derivatives
	case "liquidation-orders":
		return market.Liquidations
	}
	return ""
}

func (f *feed) event(out *market.Batch, event string, ch market.Channel, symbol, code, msg string) {
	switch event {
	case "subscribe", "unsubscribe":
		venue.Say(out, market.Ack, ch, symbol, event)
	case "error", "channel-conn-count-error":
		venue.Say(out, market.Refused, ch, symbol, code+" "+msg)
	case "notice":
		kind := market.Info
		if code == "64008" { // the connection closes in 60 s for an upgrade
			kind = market.Moving
		}
		venue.Say(out, kind, "", "", code+" "+msg)
	case "channel-conn-count", "login":
		venue.Say(out, market.Info, ch, symbol, event)
	default:
		venue.Say(out, market.Strange, ch, symbol, "event "+event)
	}
}

// readBook reads one book of the stream or of REST. Its numbers begin a chain with
// prevSeqId -1, may fall (after maintenance) and are missing in old recordings; a
// checksum of 0 is none, since August 2026.
func readBook(c *scan.Cursor, in *market.Instrument, out *market.Batch, snapshot bool) {
	u := venue.Book(out, in)
	u.Snapshot = snapshot
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "asks":
			u.Asks = venue.ReadLevels(c, out)
		case "bids":
			u.Bids = venue.ReadLevels(c, out)
		case "ts":
			u.At = c.Millis()
		case "seqId":
			u.Last = uint64(max(c.Int(), 0))
		case "prevSeqId":
			if n := c.Int(); n >= 0 && !snapshot {
				u.Prev = n
			}
		case "checksum":
			n := c.Int()
			u.Checksum, u.HasSum = uint32(n), n != 0
		default:
			c.Skip()
		}
	}
	u.Bids, u.Asks = venue.WorthLevels(in, u.Bids), venue.WorthLevels(in, u.Asks)
}

// readTrade reads one trade of the stream or of REST; side is the taker's. Where
// count is above 1, it is the sum of so many fills and has the id of the last.
func readTrade(c *scan.Cursor, in *market.Instrument, out *market.Batch) {
	t := venue.Trade(out, in)
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "tradeId":
			t.ID = string(c.Raw())
		case "px":
			t.Price = c.Price()
		case "sz":
			t.Qty = venue.Worth(in, c.Qty())
		case "side":
			t.Side = venue.SideOf(c.Str())
		case "ts":
			t.At = c.Millis()
		case "count":
			t.Aggregate = c.Int() > 1
		default:
			c.Skip()
		}
	}
	if t.Price.IsZero() {
		c.Fail("trade without price")
	}
	if t.Side == market.NoSide {
		venue.Say(out, market.Strange, market.Trades, in.Symbol, "trade without a known side")
	}
}

// best reads {"asks":[[price, size, …]],"bids":[…],"ts":…}.
func (f *feed) best(c *scan.Cursor, in *market.Instrument, out *market.Batch) {
	q := venue.Quote(out, in)
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "asks":
			if l := venue.ReadLevels(c, out); len(l) > 0 {
				q.Ask, q.AskQty = l[0].Price, venue.Worth(in, l[0].Qty)
			}
		case "bids":
			if l := venue.ReadLevels(c, out); len(l) > 0 {
				q.Bid, q.BidQty = l[0].Price, venue.Worth(in, l[0].Qty)
			}
		case "ts":
			q.At = c.Millis()
		default:
			c.Skip()
		}
	}
}

func (f *feed) ticker(c *scan.Cursor, in *market.Instrument, out *market.Batch) {
	q := venue.Quote(out, in)
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "askPx":
			q.Ask = c.Price()
		case "askSz":
			q.AskQty = venue.Worth(in, c.Qty())
		case "bidPx":
			q.Bid = c.Price()
		case "bidSz":
			q.BidQty = venue.Worth(in, c.Qty())
		case "ts":
			q.At = c.Millis()
		default:
			c.Skip()
		}
	}
}

// readCandle reads [ms, o, h, l, c, volume, volume in coins, volume in quote, confirm];
// older rows end after the seventh. The volume of spot is in base and the next in
// quote; that of contracts is in contracts and the next in base.
func readCandle(c *scan.Cursor, in *market.Instrument, i market.Interval, out *market.Batch) {
	layout := "mohlcvq?qx"
	if in.Kind != market.Spot {
		layout = "mohlc-v?qx"
	}
	venue.ReadRow(c, venue.Candle(out, in, i, time.Time{}), layout)
}
