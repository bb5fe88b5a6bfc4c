package kucoin

import (
	"bytes"
	"net/url"
	"slices"
	"time"

	"github.com/assayhq/assay/internal/scan"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/venue"
	"github.com/assayhq/assay/money"
)

// feed reads one connection. books is the topic its books come from.
type feed struct {
	t     *venue.Table
	books string
}

func open(books string) func(*venue.Table, *url.URL) venue.Feed {
	return func(t *venue.Table, _ *url.URL) venue.Feed { return &feed{t, books} }
}

// Decode reads {id,type,topic,subject,data}: a message of a topic, or an answer.
func (f *feed) Decode(frame []byte, out *market.Batch) error {
	c := scan.New(frame)
	var kind, topic, subject, code []byte
	var data scan.Cursor
	has := false
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "type":
			kind = c.Str()
		case "topic":
			topic = c.Str()
		case "subject":
			subject = c.Str()
		case "code":
			code = c.Raw()
		case "data":
			data, has = c, true
			c.Skip()
		default:
			c.Skip()
		}
	}
	if err := c.End(); err != nil {
		return err
	}
	switch string(kind) {
	case "welcome":
		venue.Say(out, market.Info, "", "", "welcome")
	case "pong":
		venue.Say(out, market.Heartbeat, "", "", "")
	case "ack":
		venue.Say(out, market.Ack, "", "", "")
	case "error":
		text := string(code)
		if has && data.Peek() == '"' {
			text += " " + string(data.Str())
		}
		venue.Say(out, market.Refused, "", "", text)
	default:
		if !has || len(topic) == 0 {
			venue.Say(out, market.Strange, "", "", "message of type "+string(kind))
			return nil
		}
		f.message(topic, subject, &data, out)
		return data.Err()
	}
	return nil
}

func (f *feed) message(topic, subject []byte, c *scan.Cursor, out *market.Batch) {
	name, symbol, _ := bytes.Cut(topic, []byte{':'})
	if string(name) == ticker && string(symbol) == "all" {
		symbol = subject // all markets in one topic, which we do not ask for
	}
	switch string(name) {
	case match, execution, ticker, level1, tickerV2, level2, depth50, changes, candles, instrument:
		if len(symbol) == 0 {
			c.Fail("message without a symbol")
			return
		}
	}
	switch string(name) {
	case match, execution:
		readTrade(c, f.t.Find(symbol), out)
	case ticker, level1, tickerV2:
		readTicker(c, f.t.Find(symbol), out)
	case f.books:
		switch f.books {
		case depth50:
			readWhole(c, f.t.Find(symbol), out)
		case level2:
			readChanges(c, f.t.Find(symbol), out)
		default:
			readChange(c, f.t.Find(symbol), out)
		}
	case candles:
		f.candle(symbol, c, out)
	case instrument:
		readMark(subject, c, f.t.Find(symbol), out)
	case level2, depth50, "/spotMarket/level2Depth5", "/market/snapshot", "/indicator/index", "/indicator/markPrice",
		"/contractMarket/level2Depth5", "/contractMarket/level2Depth50", "/contractMarket/snapshot", "/contractMarket/ticker",
		"/contractMarket/limitCandle", "/contract/announcement":
		// more than we ask for
	default:
		venue.Say(out, market.Strange, "", "", "topic "+string(topic))
	}
}

// stamp reads a time in milliseconds, or in nanoseconds: the venue has both under the
// same names. No millisecond of a market has 17 digits.
func stamp(c *scan.Cursor) time.Time {
	n := c.Int()
	switch {
	case n == 0:
		return time.Time{}
	case n > 1e16:
		return time.Unix(0, n).UTC()
	}
	return time.UnixMilli(n).UTC()
}

// readTrade reads {sequence,side,size,price,time|ts,tradeId,…} of stream and REST, spot
// and futures. REST of spot tells no trade id, so the sequence is the id there.
func readTrade(c *scan.Cursor, in *market.Instrument, out *market.Batch) *market.Trade {
	t := venue.Trade(out, in)
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "sequence":
			if id := c.Raw(); in.Kind == market.Spot {
				t.ID = string(id)
			}
		case "tradeId":
			if id := c.Raw(); in.Kind != market.Spot {
				t.ID = string(id)
			}
		case "side":
			t.Side = venue.SideOf(c.Str())
		case "size":
			t.Qty = in.Size(c.Qty())
		case "price":
			t.Price = c.Price()
		case "time", "ts":
			t.At = stamp(c)
		default:
			c.Skip()
		}
	}
	if t.Price.IsZero() {
		c.Fail("trade without a price")
	}
	if t.Side == market.NoSide && c.Err() == nil {
		venue.Say(out, market.Strange, market.Trades, t.Symbol, "trade without a known side")
	}
	return t
}

// readTicker reads the best prices in the words of any of the three topics that have them.
func readTicker(c *scan.Cursor, in *market.Instrument, out *market.Batch) {
	q := venue.Quote(out, in)
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "bestBid", "bestBidPrice":
			q.Bid = c.Price()
		case "bestBidSize":
			q.BidQty = in.Size(c.Qty())
		case "bestAsk", "bestAskPrice":
			q.Ask = c.Price()
		case "bestAskSize":
			q.AskQty = in.Size(c.Qty())
		case "bids":
			q.Bid, q.BidQty = pair(c)
		case "asks":
			q.Ask, q.AskQty = pair(c)
		case "time", "timestamp", "ts":
			q.At = stamp(c)
		default:
			c.Skip()
		}
	}
	if q.Bid.IsZero() && q.Ask.IsZero() {
		out.Quotes = out.Quotes[:len(out.Quotes)-1] // nothing rests in the book
	}
}

// pair reads ["price","size"]; a side without levels is [] or null.
func pair(c *scan.Cursor) (p money.Price, q money.Qty) {
	if c.Peek() != '[' {
		c.Skip()
		return p, q
	}
	for ok, n := c.Arr(), 0; ok && c.NextItem(); n++ {
		switch n {
		case 0:
			p = c.Price()
		case 1:
			q = c.Qty()
		default:
			c.Skip()
		}
	}
	return p, q
}

// readWhole reads a book of stream or REST: {asks,bids,timestamp|time|ts,sequence}.
func readWhole(c *scan.Cursor, in *market.Instrument, out *market.Batch) {
	b := venue.Book(out, in)
	b.Snapshot = true
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "asks":
			b.Asks = venue.Sized(in, levels(c, out))
		case "bids":
			b.Bids = venue.Sized(in, levels(c, out))
		case "timestamp", "time", "ts":
			b.At = stamp(c)
		case "sequence":
			b.Last = uint64(max(c.Int(), 0))
		default:
			c.Skip()
		}
	}
	b.First = b.Last
}

// levels reads a side; one without levels may be null.
func levels(c *scan.Cursor, out *market.Batch) []market.Level {
	if c.Peek() != '[' {
		c.Skip()
		return nil
	}
	return venue.ReadLevels(c, out)
}

// change is one row of a difference of spot.
type change struct {
	seq uint64
	ask bool
	market.Level
}

// readChanges reads {sequenceStart,sequenceEnd,changes:{asks:[[price,size,sequence]],bids}}.
// Every row has a number of its own, and a snapshot may lie between two of them: so the
// rows become one update each, in their order. A price of 0 only moves the number on.
func readChanges(c *scan.Cursor, in *market.Instrument, out *market.Batch) {
	var first, last uint64
	var at time.Time
	var all []change
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "sequenceStart":
			first = uint64(max(c.Int(), 0))
		case "sequenceEnd":
			last = uint64(max(c.Int(), 0))
		case "time":
			at = stamp(c)
		case "changes":
			for ok := c.Obj(); ok && c.NextKey(); {
				switch string(c.K) {
				case "asks", "bids":
					ask := c.Is("asks")
					for ok := c.Arr(); ok && c.NextItem(); {
						all = append(all, row(c, ask))
					}
				default:
					c.Skip()
				}
			}
		default:
			c.Skip()
		}
	}
	if first == 0 || last < first {
		c.Fail("book without numbers")
	}
	slices.SortStableFunc(all, func(a, b change) int {
		switch {
		case a.seq < b.seq:
			return -1
		case a.seq > b.seq:
			return 1
		}
		return 0
	})
	if len(all) > 0 && (all[0].seq < first || all[len(all)-1].seq > last) {
		c.Fail("book with rows outside its numbers")
	}
	if c.Err() != nil {
		return
	}
	for len(all) > 0 || first <= last {
		u := venue.Book(out, in)
		u.First, u.Last, u.At = first, last, at
		n := 1
		for n < len(all) && all[n].seq == all[0].seq {
			n++
		}
		if len(all) > n {
			u.Last = all[0].seq
		}
		for _, x := range all[:min(n, len(all))] {
			side := &u.Bids
			if x.ask {
				side = &u.Asks
			}
			if space := out.Levels(); x.Price.IsZero() {
				continue
			} else if one := out.KeepLevels(append(space, x.Level), len(space)); *side == nil {
				*side = one
			} else {
				*side = append(*side, x.Level)
			}
		}
		all = all[min(n, len(all)):]
		first = u.Last + 1
	}
}

// row reads ["price","size","sequence"].
func row(c *scan.Cursor, ask bool) change {
	x := change{ask: ask}
	n := 0
	for ok := c.Arr(); ok && c.NextItem(); n++ {
		switch n {
		case 0:
			x.Price = c.Price()
		case 1:
			x.Qty = c.Qty()
		case 2:
			x.seq = uint64(max(c.Int(), 0))
		default:
			c.Skip()
		}
	}
	if n < 3 {
		c.Fail("change is too short")
	}
	return x
}

// readChange reads a difference of futures: {"sequence":18,"change":"5000.0,sell,83"}.
func readChange(c *scan.Cursor, in *market.Instrument, out *market.Batch) {
	b := venue.Book(out, in)
	var text []byte
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "sequence":
			b.Last = uint64(max(c.Int(), 0))
		case "change":
			text = c.Str()
		case "timestamp":
			b.At = stamp(c)
		default:
			c.Skip()
		}
	}
	part := bytes.Split(text, []byte{','})
	if b.Last == 0 || len(part) != 3 {
		c.Fail("book without a number or a change")
		return
	}
	price, err1 := money.Parse(part[0])
	qty, err2 := money.Parse(part[2])
	side := venue.SideOf(part[1])
	if err1 != nil || err2 != nil || side == market.NoSide {
		c.Fail("change is not price, side, size")
		return
	}
	b.First = b.Last
	if price.IsZero() {
		return // only the number moves on
	}
	space := out.Levels()
	one := venue.Sized(in, out.KeepLevels(append(space, market.Level{Price: money.Price{Decimal: price}, Qty: money.Qty{Decimal: qty}}), len(space)))
	if side == market.Buy {
		b.Bids = one
	} else {
		b.Asks = one
	}
}

// candle reads {symbol,candles:[t,open,close,high,low,volume,turnover],time}; the topic
// names symbol and interval, BTC-USDT_1min.
func (f *feed) candle(name []byte, c *scan.Cursor, out *market.Batch) {
	i := bytes.LastIndexByte(name, '_')
	if i <= 0 {
		c.Fail("candles without symbol or interval")
		return
	}
	in, interval := f.t.Find(name[:i]), venue.IntervalOf(intervals, string(name[i+1:]))
	if interval == "" {
		venue.Say(out, market.Strange, market.Candles, in.Symbol, "candles of interval "+string(name[i+1:]))
		return
	}
	seen := false
	for ok := c.Obj(); ok && c.NextKey(); {
		if c.Is("candles") {
			venue.ReadRow(c, venue.Candle(out, in, interval, time.Time{}), "sochlvq")
			seen = true
		} else {
			c.Skip()
		}
	}
	if !seen {
		c.Fail("message without a candle")
	}
}

// readMark reads what a contract is said to be: its mark and index, or its funding.
func readMark(subject []byte, c *scan.Cursor, in *market.Instrument, out *market.Batch) {
	switch string(subject) {
	case "mark.index.price", "funding.rate":
	default:
		venue.Say(out, market.Strange, market.Derivatives, in.Symbol, "subject "+string(subject))
		return
	}
	d := venue.Derivative(out, in)
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "markPrice":
			d.Mark, d.Has = c.Price(), d.Has|market.StatedMark
		case "indexPrice":
			d.Index, d.Has = c.Price(), d.Has|market.StatedIndex
		case "fundingRate":
			d.Funding, d.Has = c.Decimal(), d.Has|market.StatedFunding
		case "timestamp":
			d.At = stamp(c)
		default:
			c.Skip()
		}
	}
}
