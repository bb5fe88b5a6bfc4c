package bitget

import (
	"bytes"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/assayhq/assay/internal/scan"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/venue"
	"github.com/assayhq/assay/money"
)

// feed reads a connection of any version: they say the same with other names. It
// remembers which books it has, for a connection may have several of one instrument.
type feed struct {
	t     *venue.Table
	key   []byte
	books map[*market.Instrument]string // the channel its book comes from
	tops  map[*market.Instrument]bool   // whether books1 tells its best prices
}

func open(t *venue.Table, _ *url.URL) venue.Feed {
	return &feed{t: t, books: map[*market.Instrument]string{}, tops: map[*market.Instrument]bool{}}
}

// head is the arg of a message: what it is about.
type head struct{ section, channel, symbol, interval []byte }

// Decode reads {"action":…,"arg":{…},"data":[…]}, {"event":…,"arg":{…}} and the text pong.
func (f *feed) Decode(frame []byte, out *market.Batch) error {
	if string(frame) == "pong" {
		venue.Say(out, market.Heartbeat, "", "", "")
		return nil
	}
	c := scan.New(frame)
	var h head
	var data scan.Cursor
	var event, action, code, said []byte
	var sent time.Time
	has := false
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "arg":
			h.read(&c)
		case "event":
			event = c.Str()
		case "action":
			action = c.Str()
		case "code":
			code = c.Raw()
		case "msg":
			said = c.Str()
		case "ts":
			sent = c.Millis()
		case "data":
			data, has = c, c.Peek() == '['
			c.Skip()
		default:
			c.Skip()
		}
	}
	if err := c.End(); err != nil {
		return err
	}
	switch {
	case event != nil:
		answered(&h, string(event), string(code)+" "+string(said), out)
	case !has:
		venue.Say(out, market.Strange, "", "", "message without data of "+string(h.channel))
	case string(h.channel) == "liquidation":
		for ok := data.Arr(); ok && data.NextItem(); {
			f.liquidation(&data, &h, out)
		}
	case len(h.symbol) == 0:
		venue.Say(out, market.Strange, "", "", "data without a symbol of "+string(h.channel))
	default:
		f.data(&data, &h, f.find(h.section, h.symbol), string(action) == "snapshot", sent, out)
	}
	return data.Err()
}

// read takes the arg; versions 1 and 2 say channel and instId, version 3 topic and symbol.
func (h *head) read(c *scan.Cursor) {
	if c.Peek() != '{' {
		c.Skip()
		return
	}
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "instType":
			h.section = c.Str()
		case "channel", "topic":
			h.channel = c.Str()
		case "instId", "symbol":
			h.symbol = c.Str()
		case "interval":
			h.interval = c.Str()
		default:
			c.Skip()
		}
	}
}

// find gives the instrument of a symbol in a section, however that is written.
func (f *feed) find(section, symbol []byte) *market.Instrument {
	f.key = f.key[:0]
	switch string(section) {
	case "spot", "SPOT", "sp", "SP":
	case "mc", "MC": // version 1 has all contracts in one
		f.key = append(f.key, prefix(contracts(symbol))...)
	default:
		f.key = append(append(f.key, bytes.ToLower(section)...), '/')
	}
	f.key = append(f.key, symbol...)
	return f.t.Find(f.key)
}

// contracts tells the section of a contract of version 1 by its symbol.
func contracts(symbol []byte) string {
	switch {
	case bytes.HasSuffix(symbol, []byte("USDT")):
		return usdt
	case bytes.HasSuffix(symbol, []byte("PERP")):
		return usdc
	}
	return coined
}

// kindOf is our name of a channel; "" for one we do not use.
func kindOf(channel []byte) market.Channel {
	switch name := string(channel); {
	case name == "trade" || name == "publicTrade":
		return market.Trades
	case name == "books1" || name == "ticker":
		return market.Quotes
	case strings.HasPrefix(name, "books"):
		return market.Books
	case name == "kline" || strings.HasPrefix(name, "candle"):
		return market.Candles
	case name == "liquidation":
		return market.Liquidations
	}
	return ""
}

// answered tells what the venue says to a request of ours.
func answered(h *head, event, said string, out *market.Batch) {
	kind, text := market.Strange, "event "+event
	switch event {
	case "subscribe", "unsubscribe":
		kind, text = market.Ack, event
	case "error":
		kind, text = market.Refused, said
	case "login":
		kind = market.Info
	}
	venue.Say(out, kind, kindOf(h.channel), string(h.symbol), text)
}

func (f *feed) data(c *scan.Cursor, h *head, in *market.Instrument, snapshot bool, sent time.Time, out *market.Batch) {
	switch name := string(h.channel); kindOf(h.channel) {
	case market.Trades:
		readTrades(c, in, snapshot, out)
	case market.Quotes:
		for ok := c.Arr(); ok && c.NextItem(); {
			if name == "books1" {
				f.best(c, in, out)
			} else {
				f.ticker(c, in, sent, out)
			}
		}
	case market.Books:
		// A connection that has books of several depths gives the first.
		if had := f.books[in]; had == "" {
			f.books[in] = name
		} else if had != name {
			c.Skip()
			return
		}
		for ok := c.Arr(); ok && c.NextItem(); {
			readBook(c, in, snapshot, out)
		}
	case market.Candles:
		f.candles(c, h, in, out)
	default:
		venue.Say(out, market.Strange, "", in.Symbol, "channel "+name)
	}
}

// readTrades reads trades, newest first; side is the taker's. A snapshot shows the past.
func readTrades(c *scan.Cursor, in *market.Instrument, past bool, out *market.Batch) {
	from := len(out.Trades)
	for ok := c.Arr(); ok && c.NextItem(); {
		readTrade(c, in, out)
	}
	rows := out.Trades[from:]
	slices.Reverse(rows)
	for i := range rows {
		if past {
			rows[i].Marks = market.Backfilled
		}
	}
}

// readTrade reads [ms, price, size, side] of version 1, or an object of version 2, of
// version 3, or of a request.
func readTrade(c *scan.Cursor, in *market.Instrument, out *market.Batch) {
	t := venue.Trade(out, in)
	if c.Peek() == '[' {
		for ok, i := c.Arr(), 0; ok && c.NextItem(); i++ {
			switch i {
			case 0:
				t.At = c.Millis()
			case 1:
				t.Price = c.Price()
			case 2:
				t.Qty = c.Qty()
			case 3:
				t.Side = venue.SideOf(c.Str())
			default:
				c.Skip()
			}
		}
	} else {
		for ok := c.Obj(); ok && c.NextKey(); {
			switch string(c.K) {
			case "tradeId", "i", "execId":
				t.ID = string(c.Raw())
			case "price", "p", "P":
				t.Price = c.Price()
			case "size", "v":
				t.Qty = c.Qty()
			case "side", "S":
				t.Side = venue.SideOf(c.Str())
			case "ts", "T":
				t.At = c.Millis()
			default:
				c.Skip()
			}
		}
	}
	if t.Price.IsZero() {
		c.Fail("trade without price")
	}
	if t.Side == market.NoSide {
		venue.Say(out, market.Strange, market.Trades, in.Symbol, "trade without a known side")
	}
}

// readBook reads a book of the stream or of REST. Version 3 numbers them; a checksum of
// 0 is none, since 2026.
func readBook(c *scan.Cursor, in *market.Instrument, snapshot bool, out *market.Batch) {
	b := venue.Book(out, in)
	b.Snapshot = snapshot
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "asks", "a":
			b.Asks = venue.ReadLevels(c, out)
		case "bids", "b":
			b.Bids = venue.ReadLevels(c, out)
		case "ts":
			b.At = c.Millis()
		case "seq":
			b.Last = uint64(max(c.Int(), 0))
		case "pseq":
			if n := c.Int(); !snapshot {
				b.Prev = n
			}
		case "checksum":
			n := c.Int()
			b.Checksum, b.HasSum = uint32(n), n != 0
		default:
			c.Skip()
		}
	}
}

// best reads the book of depth 1.
func (f *feed) best(c *scan.Cursor, in *market.Instrument, out *market.Batch) {
	f.tops[in] = true
	q := venue.Quote(out, in)
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "asks", "a":
			if l := venue.ReadLevels(c, out); len(l) > 0 {
				q.Ask, q.AskQty = l[0].Price, l[0].Qty
			}
		case "bids", "b":
			if l := venue.ReadLevels(c, out); len(l) > 0 {
				q.Bid, q.BidQty = l[0].Price, l[0].Qty
			}
		case "ts":
			q.At = c.Millis()
		default:
			c.Skip()
		}
	}
}

// ticker reads a ticker of the stream; its prices count where books1 is not subscribed.
func (f *feed) ticker(c *scan.Cursor, in *market.Instrument, sent time.Time, out *market.Batch) {
	quotes := len(out.Quotes)
	readTicker(c, in, sent, out)
	if f.tops[in] {
		out.Quotes = out.Quotes[:quotes]
	}
}

// readTicker reads a ticker of any version: the best prices, and what a contract is said
// to be. One without a time has that of the message.
func readTicker(c *scan.Cursor, in *market.Instrument, sent time.Time, out *market.Batch) {
	q, d := venue.Quote(out, in), market.Derivative{}
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "bidPr", "bid1Price", "bestBid":
			q.Bid = c.Price()
		case "bidSz", "bid1Size":
			q.BidQty = c.Qty()
		case "askPr", "ask1Price", "bestAsk":
			q.Ask = c.Price()
		case "askSz", "ask1Size":
			q.AskQty = c.Qty()
		case "ts", "systemTime":
			q.At = c.Millis()
		case "markPrice":
			d.Mark = mean(c)
		case "indexPrice":
			d.Index = mean(c)
		case "holdingAmount", "openInterest", "holding":
			d.Interest = c.Qty()
			d.Has |= market.StatedInterest
		case "fundingRate", "capitalRate":
			if empty(c) {
				c.Skip()
				continue
			}
			d.Funding = c.Decimal()
			d.Has |= market.StatedFunding
		case "nextFundingTime", "nextSettleTime":
			d.FundingAt = c.Millis()
		default:
			c.Skip()
		}
	}
	if q.At.IsZero() {
		q.At = sent
	}
	if !d.Mark.IsZero() {
		d.Has |= market.StatedMark
	}
	if !d.Index.IsZero() {
		d.Has |= market.StatedIndex
	}
	if in.Kind == market.Dated { // it is delivered, not funded
		d.Has &^= market.StatedFunding
	}
	if in.Kind != market.Spot && d.Has != 0 {
		x := venue.Derivative(out, in)
		x.Has, x.Mark, x.Index, x.Interest, x.At = d.Has, d.Mark, d.Index, d.Interest, q.At
		if d.Has&market.StatedFunding != 0 {
			x.Funding, x.FundingAt = d.Funding, d.FundingAt
		}
	}
	if q.Bid.IsZero() && q.Ask.IsZero() {
		out.Quotes = out.Quotes[:len(out.Quotes)-1]
	}
}

// mean reads a computed price: digits beyond those that a price holds are cut off, as in
// 90247.5410266912815894.
func mean(c *scan.Cursor) money.Price {
	text := c.Raw()
	if len(text) == 0 || string(text) == "null" {
		return money.Price{}
	}
	const most = 18
	if dot := bytes.IndexByte(text, '.'); dot >= 0 && dot < most && len(text) > most+1 {
		text = text[:most+1]
	}
	d, err := money.Parse(text)
	if err != nil {
		c.Fail("expected a number: " + err.Error())
	}
	return money.Price{Decimal: d}
}

// empty tells whether the next value is "" or null.
func empty(c *scan.Cursor) bool {
	ahead := *c
	v := ahead.Raw()
	return len(v) == 0 || string(v) == "null"
}

// candles reads candles of channel candle1m or of topic kline; those that a newer one of
// the same message follows are complete.
func (f *feed) candles(c *scan.Cursor, h *head, in *market.Instrument, out *market.Batch) {
	name := string(h.interval)
	if n, old := bytes.CutPrefix(h.channel, []byte("candle")); old {
		name = string(n)
	}
	i := venue.IntervalOf(streamed, name)
	if i == "" {
		i = venue.IntervalOf(utc, name)
	}
	if i == "" { // of Hong Kong days, or of a length that is not ours
		venue.Say(out, market.Info, market.Candles, in.Symbol, "candles of interval "+strconv.Quote(name))
		c.Skip()
		return
	}
	for ok := c.Arr(); ok && c.NextItem(); {
		if c.Peek() == '[' {
			venue.ReadRow(c, venue.Candle(out, in, i, time.Time{}), "mohlcv?q")
		} else {
			readKline(c, in, i, out)
		}
	}
	venue.Settle(out, time.Time{})
}

func readKline(c *scan.Cursor, in *market.Instrument, i market.Interval, out *market.Batch) {
	k := venue.Candle(out, in, i, time.Time{})
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "start":
			k.Open = c.Millis()
		case "open":
			k.O = c.Price()
		case "high":
			k.H = c.Price()
		case "low":
			k.L = c.Price()
		case "close":
			k.C = c.Price()
		case "volume":
			k.Volume = c.Qty()
		case "turnover":
			k.Turnover = c.Sum()
		default:
			c.Skip()
		}
	}
	if k.Open.IsZero() {
		c.Fail("candle without a start")
	}
}

// liquidation reads one; side is that of the position, which the order closes.
func (f *feed) liquidation(c *scan.Cursor, h *head, out *market.Batch) {
	var symbol []byte
	var l market.Liquidation
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "symbol":
			symbol = c.Str()
		case "side":
			l.Side = venue.Opposite(venue.SideOf(c.Str()))
		case "price":
			l.Price = c.Price()
		case "amount":
			l.Qty = c.Qty()
		case "ts":
			l.At = c.Millis()
		default:
			c.Skip()
		}
	}
	if len(symbol) == 0 || l.Price.IsZero() {
		c.Fail("liquidation without symbol or price")
		return
	}
	x := venue.Liquidation(out, f.find(h.section, symbol))
	x.Side, x.Price, x.Qty, x.At = l.Side, l.Price, l.Qty, l.At
	if l.Side == market.NoSide {
		venue.Say(out, market.Strange, market.Liquidations, x.Symbol, "liquidation without a known side")
	}
}
