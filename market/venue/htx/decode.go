package htx

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

// feed reads one connection of spot or of contracts.
type feed struct {
	t    *venue.Table
	swap bool
	gz   venue.Gunzip
}

func open(t *venue.Table, _ *url.URL) venue.Feed     { return &feed{t: t} }
func openSwap(t *venue.Table, _ *url.URL) venue.Feed { return &feed{t: t, swap: true} }

// head is what stands around the data of a message, and what an answer says.
type head struct {
	topic    []byte // of ch, or of rep
	status   []byte
	said     []byte // err-msg
	op       []byte
	ack      []byte // of subbed or unsubbed
	sent     time.Time
	ping, ts []byte // as they stand, to be sent back
}

// Decode reads {ch,ts,tick}, {rep,ts,data}, {ping} and the answers to what we asked.
func (f *feed) Decode(frame []byte, out *market.Batch) error {
	text, err := f.gz.Unpack(frame, most)
	if err != nil {
		return err
	}
	c := scan.New(text)
	var h head
	var body scan.Cursor
	early, books, tops, marks := false, len(out.Books), len(out.Quotes), len(out.Derivatives)
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "ch", "rep", "topic":
			h.topic = c.Str()
		case "tick", "data":
			if early = h.topic == nil; early {
				body = c // read when the rest is known
				c.Skip()
				continue
			}
			f.body(&c, &h, out)
		case "ts":
			at := c // once as a time, once as it stands
			h.ts = verbatim(&at)
			h.sent = c.Millis()
		case "ping":
			h.ping = verbatim(&c)
		case "status":
			h.status = c.Str()
		case "op":
			h.op = c.Str()
		case "err-msg", "err_msg":
			h.said = c.Str()
		case "err-code", "err_code":
			if t := c.Raw(); len(h.said) == 0 && string(t) != "0" {
				h.said = t
			}
		case "subbed", "unsubbed":
			h.ack = c.Str()
		default:
			c.Skip()
		}
	}
	if err := c.End(); err != nil {
		return err
	}
	if early && h.topic != nil {
		f.body(&body, &h, out)
		if err := body.Err(); err != nil {
			return err
		}
	}
	for i := books; i < len(out.Books); i++ {
		if out.Books[i].At.IsZero() {
			out.Books[i].At = h.sent
		}
	}
	for i := tops; i < len(out.Quotes); i++ {
		if out.Quotes[i].At.IsZero() {
			out.Quotes[i].At = h.sent
		}
	}
	for i := marks; i < len(out.Derivatives); i++ {
		out.Derivatives[i].At = h.sent
	}
	h.answered(out)
	return nil
}

// verbatim reads a scalar with its quotes, to be sent back as it came.
func verbatim(c *scan.Cursor) []byte {
	if c.Peek() == '"' {
		return append(append([]byte{'"'}, c.Inside()...), '"')
	}
	return c.Raw()
}

// answered tells what a message says that is no data.
func (h *head) answered(out *market.Batch) {
	switch {
	case h.ping != nil:
		venue.Say(out, market.Reply, "", "", `{"pong":`+string(h.ping)+`}`)
	case string(h.op) == "ping" && h.ts != nil:
		venue.Say(out, market.Reply, "", "", `{"op":"pong","ts":`+string(h.ts)+`}`)
	case string(h.op) == "close":
		venue.Say(out, market.Moving, "", "", "the venue closes the connection")
	case len(h.said) > 0, string(h.status) == "error":
		venue.Say(out, market.Refused, "", "", string(h.said))
	case h.ack != nil, string(h.op) == "sub", string(h.op) == "unsub":
		venue.Say(out, market.Ack, "", "", "")
	case h.topic == nil:
		venue.Say(out, market.Strange, "", "", "message without a topic")
	}
}

var dot = []byte{'.'}

// body reads the data of a topic such as market.btcusdt.mbp.150.
func (f *feed) body(c *scan.Cursor, h *head, out *market.Batch) {
	_, rest, _ := bytes.Cut(h.topic, dot)
	symbol, kind, _ := bytes.Cut(rest, dot)
	kind, what, _ := bytes.Cut(kind, dot)
	if len(symbol) == 0 {
		venue.Say(out, market.Strange, "", "", "topic "+string(h.topic))
		c.Skip()
		return
	}
	switch string(kind) {
	case "mbp":
		f.book(c, f.t.Find(symbol), c.Is("data") || bytes.HasPrefix(what, []byte("refresh")), out)
	case "depth":
		whole := string(what) == "step0"
		if !whole && !bytes.HasPrefix(what, []byte("size_")) {
			c.Skip() // prices put together: no book of orders
			return
		}
		f.book(c, f.t.Find(symbol), whole, out)
	case "trade":
		f.trades(c, f.t.Find(symbol), 0, out)
	case "bbo":
		f.best(c, f.t.Find(symbol), out)
	case "kline":
		in, i := f.t.Find(symbol), venue.IntervalOf(intervals, string(what))
		if i == "" {
			venue.Say(out, market.Strange, market.Candles, in.Symbol, "candles of "+string(what))
			c.Skip()
			return
		}
		if c.Peek() == '[' {
			c.Skip() // bars that were asked for on the stream, which we do by REST
			return
		}
		f.kline(c, in, i, out)
	case "mark_price", "index":
		f.price(c, f.t.Find(symbol), string(kind) == "index", out)
	case "liquidation_orders":
		f.liquidations(c, out)
	case "detail", "ticker", "funding_rate", "contract_info", "premium_index", "estimated_rate", "basis":
		c.Skip()
	default:
		venue.Say(out, market.Strange, "", "", "topic "+string(h.topic))
		c.Skip()
	}
}

// book reads {bids,asks} with one of the numberings: seqNum and prevSeqNum of spot,
// version of contracts. whole: no change, and of contracts none with a number, because
// its version is the second it was made.
func (f *feed) book(c *scan.Cursor, in *market.Instrument, whole bool, out *market.Batch) {
	u := venue.Book(out, in)
	u.Snapshot = whole
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "seqNum":
			u.Last = uint64(c.Int())
		case "prevSeqNum":
			u.First = uint64(c.Int()) + 1
		case "version":
			if n := uint64(c.Int()); !f.swap || !whole {
				u.First, u.Last = n, n
			}
		case "event":
			u.Snapshot = u.Snapshot || string(c.Str()) == "snapshot"
		case "bids":
			u.Bids = sized(in, readLevels(c, out))
		case "asks":
			u.Asks = sized(in, readLevels(c, out))
		case "ts":
			u.At = c.Millis()
		default:
			c.Skip()
		}
	}
	if !u.Snapshot && (u.Last == 0 || u.First == 0) {
		c.Fail("change of a book without a number")
	}
	if u.Snapshot {
		u.First = u.Last
	}
}

// readLevels is ReadLevels for sides that may be null when nothing changed.
func readLevels(c *scan.Cursor, out *market.Batch) []market.Level {
	if c.Peek() == 'n' {
		c.Skip()
		return nil
	}
	return venue.ReadLevels(c, out)
}

// best reads {bid,bidSize,ask,askSize} of spot, {bid:[price,size],…} of contracts.
func (f *feed) best(c *scan.Cursor, in *market.Instrument, out *market.Batch) {
	q := venue.Quote(out, in)
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "bid":
			side(c, in, &q.Bid, &q.BidQty)
		case "ask":
			side(c, in, &q.Ask, &q.AskQty)
		case "bidSize":
			q.BidQty = c.Qty()
		case "askSize":
			q.AskQty = c.Qty()
		case "quoteTime", "ts":
			if at := c.Millis(); !at.IsZero() {
				q.At = at
			}
		default:
			c.Skip()
		}
	}
	if q.Bid.IsZero() && q.Ask.IsZero() {
		out.Quotes = out.Quotes[:len(out.Quotes)-1] // nobody offers anything
	}
}

// side reads a best price, alone or as [price,size].
func side(c *scan.Cursor, in *market.Instrument, price *money.Price, qty *money.Qty) {
	if c.Peek() != '[' {
		*price = c.Price()
		return
	}
	c.Arr()
	for n := 0; c.NextItem(); n++ {
		switch n {
		case 0:
			*price = c.Price()
		case 1:
			*qty = size(in, c.Qty())
		default:
			c.Skip()
		}
	}
}

// trades reads {data:[{…},…]} and marks them. Those of spot are newest first.
func (f *feed) trades(c *scan.Cursor, in *market.Instrument, marks market.Mark, out *market.Batch) {
	if c.Peek() == '[' {
		c.Skip() // the latest ones, asked for on the stream, which we do by REST
		return
	}
	from := len(out.Trades)
	for ok := c.Obj(); ok && c.NextKey(); {
		if !c.Is("data") {
			c.Skip()
			continue
		}
		for ok := c.Arr(); ok && c.NextItem(); {
			trade(c, in, f.swap, marks, out)
		}
	}
	if !f.swap {
		slices.Reverse(out.Trades[from:])
	}
}

// trade reads {id,ts,tradeId,amount,price,direction}. The id of spot has 27 digits.
func trade(c *scan.Cursor, in *market.Instrument, swap bool, marks market.Mark, out *market.Batch) {
	t := venue.Trade(out, in)
	t.Marks = marks
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "tradeId", "trade-id":
			t.ID = string(c.Raw())
		case "id":
			if id := c.Raw(); t.ID == "" {
				t.ID = string(id)
			}
		case "ts":
			t.At = c.Millis()
		case "price":
			t.Price = c.Price()
		case "amount":
			if t.Qty = c.Qty(); swap {
				t.Qty = size(in, half(t.Qty))
			}
		case "direction":
			if t.Side = direction(c.Str()); t.Side == market.NoSide {
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

// direction reads a side, and nothing that only begins like one.
func direction(b []byte) market.Side {
	switch string(b) {
	case "buy":
		return market.Buy
	case "sell":
		return market.Sell
	}
	return market.NoSide
}

// kline reads {id,open,close,low,high,amount,vol,count}: amount is in base; vol is in
// quote on spot, where contracts have it as trade_turnover, and in contracts elsewhere.
func (f *feed) kline(c *scan.Cursor, in *market.Instrument, i market.Interval, out *market.Batch) {
	k := venue.Candle(out, in, i, time.Time{})
	var vol, turnover money.Qty
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "id":
			k.Open = c.Seconds()
		case "open":
			k.O = c.Price()
		case "close":
			k.C = c.Price()
		case "high":
			k.H = c.Price()
		case "low":
			k.L = c.Price()
		case "amount":
			k.Volume = cut(c)
		case "vol":
			vol = cut(c)
		case "trade_turnover":
			turnover = cut(c)
		case "count":
			if n := c.Int(); !f.swap {
				k.Trades = n
			}
		default:
			c.Skip()
		}
	}
	if k.Open.IsZero() || k.O.IsZero() {
		c.Fail("candle without a time or a price")
	}
	switch {
	case !f.swap:
		turnover = vol
	case in.Unit == market.InQuote:
		k.Volume, turnover = half(k.Volume), size(in, half(vol))
	default:
		k.Volume, turnover = half(k.Volume), half(turnover)
	}
	k.Turnover = turnover.Decimal
}
