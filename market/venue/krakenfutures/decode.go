package krakenfutures

import (
	"net/url"
	"slices"
	"time"

	"github.com/assayhq/assay/internal/scan"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/venue"
	"github.com/assayhq/assay/money"
)

// feed reads the stream. https://docs.kraken.com/api/docs/futures-api/websocket/book
type feed struct{ t *venue.Table }

func open(t *venue.Table, _ *url.URL) venue.Feed { return &feed{t} }

// message is a frame of any feed: they are flat, and name their kind in any place.
type message struct {
	feed, event, product, text, side, kind, uid []byte
	seq                                         int64
	at                                          time.Time
	price                                       money.Price
	qty                                         money.Qty
	bids, asks                                  []market.Level
	trades                                      scan.Cursor
	ticker                                      ticker
}

// Decode reads {"feed":…,"product_id":…} and {"event":…}.
func (f *feed) Decode(frame []byte, out *market.Batch) error {
	c := scan.New(frame)
	var m message
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "feed":
			m.feed = c.Str()
		case "event":
			m.event = c.Str()
		case "product_id":
			m.product = c.Str()
		case "product_ids": // of an event; the venue confirms one at a time
			for ok := c.Arr(); ok && c.NextItem(); {
				m.product = c.Str()
			}
		case "message":
			m.text = c.Str()
		case "seq":
			m.seq = c.Int()
		case "timestamp", "time":
			m.at = c.Millis()
		case "side":
			m.side = c.Str()
		case "type":
			m.kind = c.Str()
		case "uid":
			m.uid = c.Str()
		case "price":
			m.price = c.Price()
		case "qty":
			m.qty = c.Qty()
		case "bids":
			m.bids = levels(&c, out)
		case "asks":
			m.asks = levels(&c, out)
		case "trades":
			m.trades = c
			c.Skip()
		default:
			m.ticker.read(&c)
		}
	}
	if err := c.End(); err != nil {
		return err
	}
	if m.event != nil {
		say(&m, out)
		return nil
	}
	switch string(m.feed) {
	case "heartbeat":
		venue.Say(out, market.Heartbeat, "", "", "")
		return nil
	case "book", "book_snapshot", "trade", "trade_snapshot", "ticker", "ticker_lite":
	default:
		venue.Say(out, market.Strange, "", "", "feed "+string(m.feed))
		return nil
	}
	if len(m.product) == 0 {
		c.Fail("message without a product")
		return c.Err()
	}
	in := f.t.Find(m.product)
	switch string(m.feed) {
	case "book":
		return difference(&c, &m, in, out)
	case "book_snapshot":
		b := venue.Book(out, in)
		b.Snapshot, b.Bids, b.Asks, b.At = true, venue.Sized(in, m.bids), venue.Sized(in, m.asks), m.at
		b.First, b.Last = uint64(m.seq), uint64(m.seq)
	case "trade":
		return trade(&c, &m, in, 0, out)
	case "trade_snapshot":
		return trades(&m.trades, in, out)
	default:
		m.ticker.tell(in, m.at, out)
	}
	return nil
}

// levels reads [{"price":…,"qty":…},…].
func levels(c *scan.Cursor, out *market.Batch) []market.Level {
	space := out.Levels()
	from := len(space)
	for ok := c.Arr(); ok && c.NextItem(); {
		var l market.Level
		for ok := c.Obj(); ok && c.NextKey(); {
			switch string(c.K) {
			case "price":
				l.Price = c.Price()
			case "qty":
				l.Qty = c.Qty()
			default:
				c.Skip()
			}
		}
		space = append(space, l)
	}
	return out.KeepLevels(space, from)
}

// difference is one level. A side that is not known leaves its number out, so the book
// is asked for again.
func difference(c *scan.Cursor, m *message, in *market.Instrument, out *market.Batch) error {
	if m.seq <= 0 || m.price.IsZero() {
		c.Fail("level without number or price")
		return c.Err()
	}
	side := sideOf(m.side)
	if side == market.NoSide {
		venue.Say(out, market.Strange, market.Books, in.Symbol, "level of side "+string(m.side))
		return nil
	}
	space := out.Levels()
	level := out.KeepLevels(append(space, market.Level{Price: m.price, Qty: in.Size(m.qty)}), len(space))
	b := venue.Book(out, in)
	b.First, b.Last, b.At = uint64(m.seq), uint64(m.seq), m.at
	if side == market.Buy {
		b.Bids = level
	} else {
		b.Asks = level
	}
	return nil
}

func sideOf(b []byte) market.Side {
	switch string(b) {
	case "buy", "Buy":
		return market.Buy
	case "sell", "Sell":
		return market.Sell
	}
	return market.NoSide
}

// trade is one fill; side and kind are the taker's.
func trade(c *scan.Cursor, m *message, in *market.Instrument, marks market.Mark, out *market.Batch) error {
	if m.price.IsZero() {
		c.Fail("trade without a price")
		return c.Err()
	}
	t := venue.Trade(out, in)
	t.ID, t.Price, t.Qty, t.Side, t.At, t.Marks = string(m.uid), m.price, in.Size(m.qty), sideOf(m.side), m.at, marks
	if t.Side == market.NoSide {
		venue.Say(out, market.Strange, market.Trades, in.Symbol, "trade of side "+string(m.side))
	}
	switch string(m.kind) {
	case "liquidation":
		if marks == 0 { // one of a snapshot was told when it happened
			l := venue.Liquidation(out, in)
			l.ID, l.Side, l.Price, l.Qty, l.At = t.ID, t.Side, t.Price, t.Qty, t.At
		}
	case "fill", "block", "termination", "assignment", "":
	default:
		venue.Say(out, market.Strange, market.Trades, in.Symbol, "trade of type "+string(m.kind))
	}
	return nil
}

// trades reads the list that a subscription begins with, newest first.
func trades(c *scan.Cursor, in *market.Instrument, out *market.Batch) error {
	from := len(out.Trades)
	for ok := c.Arr(); ok && c.NextItem(); {
		var m message
		for ok := c.Obj(); ok && c.NextKey(); {
			switch string(c.K) {
			case "uid":
				m.uid = c.Str()
			case "side":
				m.side = c.Str()
			case "type":
				m.kind = c.Str()
			case "time":
				m.at = c.Millis()
			case "qty":
				m.qty = c.Qty()
			case "price":
				m.price = c.Price()
			default:
				c.Skip()
			}
		}
		if err := trade(c, &m, in, market.Backfilled, out); err != nil {
			return err
		}
	}
	slices.Reverse(out.Trades[from:])
	return c.Err()
}

// ticker is the fields of the two ticker feeds that we use.
type ticker struct {
	bid, ask    money.Price
	bidQ, askQ  money.Qty
	mark, index money.Price
	rate        money.Decimal
	interest    money.Qty
	next        time.Time
	has         market.Stated
}

// read takes the value of the key found last, if it is of a ticker.
func (t *ticker) read(c *scan.Cursor) {
	switch string(c.K) {
	case "bid":
		t.bid = c.Price()
	case "ask":
		t.ask = c.Price()
	case "bid_size":
		t.bidQ = c.Qty()
	case "ask_size":
		t.askQ = c.Qty()
	case "markPrice":
		t.mark, t.has = money.Price{Decimal: c.Rounded()}, t.has|market.StatedMark
	case "index":
		t.index, t.has = money.Price{Decimal: c.Rounded()}, t.has|market.StatedIndex
	case "openInterest":
		t.interest, t.has = money.Qty{Decimal: c.Rounded()}, t.has|market.StatedInterest
	case "relative_funding_rate":
		t.rate, t.has = c.Rounded(), t.has|market.StatedFunding
	case "next_funding_rate_time":
		t.next = c.Millis()
	default:
		c.Skip()
	}
}

// tell says the best prices, where there are some, and what is stated of the contract.
// The lite ticker has neither sizes nor a time.
func (t *ticker) tell(in *market.Instrument, at time.Time, out *market.Batch) {
	if !t.bid.IsZero() || !t.ask.IsZero() {
		q := venue.Quote(out, in)
		q.Bid, q.BidQty, q.Ask, q.AskQty, q.At = t.bid, in.Size(t.bidQ), t.ask, in.Size(t.askQ), at
	}
	if t.has == 0 {
		return
	}
	d := venue.Derivative(out, in)
	d.Has, d.Mark, d.Index, d.Interest, d.At = t.has, t.mark, t.index, in.Size(t.interest), at
	if t.has&market.StatedFunding != 0 {
		d.Funding, d.Interval, d.FundingAt = t.rate, time.Hour, t.next
	}
}

// say turns an event into a notice.
func say(m *message, out *market.Batch) {
	symbol := string(m.product)
	switch string(m.event) {
	case "subscribed", "unsubscribed":
		venue.Say(out, market.Ack, channel(m.feed), symbol, string(m.event))
	case "subscribed_failed", "unsubscribed_failed", "error":
		venue.Say(out, market.Refused, channel(m.feed), symbol, string(m.text))
	case "alert":
		kind := market.Refused
		if string(m.text) == "Already subscribed to feed, re-requesting" {
			kind = market.Info
		}
		venue.Say(out, kind, channel(m.feed), symbol, string(m.text))
	case "info", "challenge":
		venue.Say(out, market.Info, "", "", string(m.event))
	case "pong":
		venue.Say(out, market.Heartbeat, "", "", "")
	default:
		venue.Say(out, market.Strange, "", symbol, "event "+string(m.event))
	}
}

func channel(feed []byte) market.Channel {
	switch string(feed) {
	case "book":
		return market.Books
	case "trade":
		return market.Trades
	case "ticker", "ticker_lite":
		return market.Quotes
	}
	return ""
}
