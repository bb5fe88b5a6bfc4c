package coinbase

import (
	"slices"
	"time"

	"github.com/assayhq/assay/internal/scan"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/venue"
)

// advanced reads the Advanced Trade stream: {channel,timestamp,sequence_num,events}.
type advanced struct {
	t      *venue.Table
	offers []market.Level // space for the asks of one event, whose levels come mixed
}

// nobody stands in until the product has been read.
var nobody = &market.Instrument{}

// Decode reads one message. Books and quotes get the time of the message: it is
// there in every message, and the event_time of the levels of a snapshot is not
// always that of a change.
func (f *advanced) Decode(frame []byte, out *market.Batch) error {
	c := scan.New(frame)
	var (
		channel, kind, message []byte
		at                     time.Time
		later                  scan.Cursor
		pending                bool
	)
	books, quotes := len(out.Books), len(out.Quotes)
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "channel":
			channel = c.Str()
		case "timestamp":
			at = c.RFC3339()
		case "sequence_num":
			out.Seq, out.HasSeq = c.Int(), true
		case "events":
			if channel == nil {
				later, pending = c, true
				c.Skip()
				continue
			}
			f.events(&c, channel, out)
		case "type":
			kind = c.Str()
		case "message":
			message = c.Str()
		default:
			c.Skip()
		}
	}
	if pending && c.Err() == nil {
		f.events(&later, channel, out)
		if err := later.Err(); err != nil {
			return err
		}
	}
	for i := books; i < len(out.Books); i++ {
		out.Books[i].At = at
	}
	for i := quotes; i < len(out.Quotes); i++ {
		out.Quotes[i].At = at
	}
	switch {
	case c.Err() != nil:
	case string(kind) == "error":
		venue.Say(out, market.Refused, "", "", string(message))
	case channel == nil:
		venue.Say(out, market.Strange, "", "", "message without a channel, of type "+string(kind))
	}
	return c.End()
}

func (f *advanced) events(c *scan.Cursor, channel []byte, out *market.Batch) {
	known := true
	for ok := list(c); ok && c.NextItem(); {
		switch string(channel) {
		case "l2_data":
			f.book(c, out)
		case "market_trades":
			f.trades(c, out)
		case "ticker", "ticker_batch":
			f.tickers(c, out)
		case "candles":
			f.candles(c, out)
		case "subscriptions":
			acks(c, out)
		case "heartbeats":
			c.Skip()
			venue.Say(out, market.Heartbeat, "", "", "")
		case "status", "user", "futures_balance_summary":
			c.Skip()
		default:
			c.Skip()
			known = false
		}
	}
	if !known && c.Err() == nil {
		venue.Say(out, market.Strange, "", "", "channel "+string(channel))
	}
}

// list enters an array, and passes over anything else, such as null.
func list(c *scan.Cursor) bool {
	if c.Peek() == '[' {
		return c.Arr()
	}
	c.Skip()
	return false
}

func (f *advanced) book(c *scan.Cursor, out *market.Batch) {
	var kind, product []byte
	var bids, asks []market.Level
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "type":
			kind = c.Str()
		case "product_id":
			product = c.Str()
		case "updates":
			bids, asks = f.levels(c, out)
		default:
			c.Skip()
		}
	}
	if c.Err() != nil {
		return
	}
	if len(product) == 0 {
		c.Fail("book event without product_id")
		return
	}
	in := f.t.Find(product)
	if string(kind) != "snapshot" && string(kind) != "update" {
		venue.Say(out, market.Strange, market.Books, in.Symbol, "book event of type "+string(kind))
		return
	}
	u := venue.Book(out, in)
	u.Snapshot, u.Bids, u.Asks = string(kind) == "snapshot", bids, asks
}

// levels reads the updates of an event. A first message has 50,000 of them in one
// list, both sides mixed, so the way the venue writes them today is tried first.
func (f *advanced) levels(c *scan.Cursor, out *market.Batch) (bids, asks []market.Level) {
	bids = out.Levels()
	from := len(bids)
	f.offers = f.offers[:0]
	for ok := list(c); ok && c.NextItem(); {
		start := *c
		l, side := quick(c)
		if side == market.NoSide {
			*c = start
			if l, side = slow(c); side == market.NoSide {
				c.Fail("level without a known side")
				break
			}
		}
		if side == market.Buy {
			bids = append(bids, l)
		} else {
			f.offers = append(f.offers, l)
		}
	}
	n := len(bids) - from
	all := out.KeepLevels(append(bids, f.offers...), from)
	return all[:n:n], all[n:]
}

// quick reads a level written exactly as the venue writes it; NoSide if it is not.
func quick(c *scan.Cursor) (l market.Level, side market.Side) {
	if !c.Lit(`{"side":"`) {
		return
	}
	switch {
	case c.Lit(`bid","event_time":`):
		side = market.Buy
	case c.Lit(`offer","event_time":`):
		side = market.Sell
	default:
		return
	}
	c.Skip()
	if c.Lit(`,"price_level":`) {
		l.Price = c.Price()
		if c.Lit(`,"new_quantity":`) {
			if l.Qty = c.Qty(); c.Lit(`}`) {
				return l, side
			}
		}
	}
	return l, market.NoSide
}

// slow reads a level with its members in any order.
func slow(c *scan.Cursor) (l market.Level, side market.Side) {
	seen := 0
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "side":
			side = venue.SideOf(c.Str())
		case "price_level":
			l.Price = c.Price()
			seen |= 1
		case "new_quantity":
			l.Qty = c.Qty()
			seen |= 2
		default:
			c.Skip()
		}
	}
	if seen != 3 {
		c.Fail("level without price or quantity")
	}
	return l, side
}

// trades reads an event of trades, newest first on the wire, and gives them oldest
// first. Those of a snapshot are the last ones before the subscription.
func (f *advanced) trades(c *scan.Cursor, out *market.Batch) {
	n := len(out.Trades)
	snapshot := false
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "type":
			snapshot = string(c.Str()) == "snapshot"
		case "trades":
			for ok := list(c); ok && c.NextItem(); {
				trade(c, f.t, out)
			}
		default:
			c.Skip()
		}
	}
	oldestFirst(out.Trades[n:])
	for i := n; snapshot && i < len(out.Trades); i++ {
		out.Trades[i].Marks |= market.Backfilled
	}
}

func oldestFirst(trades []market.Trade) {
	if n := len(trades); n > 1 && !trades[0].At.Before(trades[n-1].At) {
		slices.Reverse(trades)
	}
}

// trade reads one trade of the stream or of REST.
func trade(c *scan.Cursor, t *venue.Table, out *market.Batch) {
	tr := venue.Trade(out, nobody)
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "product_id":
			in := t.Find(c.Str())
			tr.Venue, tr.Pair, tr.Symbol = in.Venue, in.Pair, in.Symbol
		case "trade_id":
			tr.ID = string(c.Raw())
		case "price":
			tr.Price = c.Price()
		case "size":
			tr.Qty = c.Qty()
		case "time":
			tr.At = c.RFC3339()
		case "side":
			if tr.Side = venue.Opposite(venue.SideOf(c.Str())); tr.Side == market.NoSide {
				venue.Say(out, market.Strange, market.Trades, tr.Symbol, "trade without a known side")
			}
		default:
			c.Skip()
		}
	}
	if tr.Symbol == "" || tr.Price.IsZero() {
		c.Fail("trade without product or price")
	}
}

func (f *advanced) tickers(c *scan.Cursor, out *market.Batch) {
	for ok := c.Obj(); ok && c.NextKey(); {
		if !c.Is("tickers") {
			c.Skip()
			continue
		}
		for ok := c.Arr(); ok && c.NextItem(); {
			q := venue.Quote(out, nobody)
			for ok := c.Obj(); ok && c.NextKey(); {
				switch string(c.K) {
				case "product_id":
					in := f.t.Find(c.Str())
					q.Venue, q.Pair, q.Symbol = in.Venue, in.Pair, in.Symbol
				case "best_bid":
					q.Bid = c.Price()
				case "best_bid_quantity":
					q.BidQty = c.Qty()
				case "best_ask":
					q.Ask = c.Price()
				case "best_ask_quantity":
					q.AskQty = c.Qty()
				default:
					c.Skip()
				}
			}
			if q.Symbol == "" {
				c.Fail("ticker without product")
			} else if q.Bid.IsZero() && q.Ask.IsZero() {
				out.Quotes = out.Quotes[:len(out.Quotes)-1] // nothing rests in the book
			}
		}
	}
}

// candles reads bars of five minutes. The newest of each product still grows.
func (f *advanced) candles(c *scan.Cursor, out *market.Batch) {
	n := len(out.Candles)
	for ok := c.Obj(); ok && c.NextKey(); {
		if !c.Is("candles") {
			c.Skip()
			continue
		}
		for ok := c.Arr(); ok && c.NextItem(); {
			candle(c, f.t, nobody, "5m", out)
		}
	}
	list := out.Candles[n:]
	for i := range list {
		for j := range list {
			if list[j].Pair == list[i].Pair && list[j].Open.After(list[i].Open) {
				list[i].Complete = true
				break
			}
		}
	}
}

// candle reads one bar of the stream, which names its product, or of REST.
func candle(c *scan.Cursor, t *venue.Table, in *market.Instrument, i market.Interval, out *market.Batch) {
	k := venue.Candle(out, in, i, time.Time{})
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "start":
			k.Open = c.Seconds()
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
		case "product_id":
			in := t.Find(c.Str())
			k.Venue, k.Pair = in.Venue, in.Pair
		default:
			c.Skip()
		}
	}
	if k.Pair == "" || k.Open.IsZero() {
		c.Fail("candle without product or start")
	}
}

// acks reads {"subscriptions":{"level2":["BTC-USD"],…}}: all that is subscribed now.
func acks(c *scan.Cursor, out *market.Batch) {
	for ok := c.Obj(); ok && c.NextKey(); {
		if !c.Is("subscriptions") {
			c.Skip()
			continue
		}
		for ok := c.Obj(); ok && c.NextKey(); {
			ch := meaning(c.K)
			for ok := list(c); ok && c.NextItem(); {
				if p := c.Raw(); ch != "" {
					venue.Say(out, market.Ack, ch, string(p), "")
				}
			}
		}
	}
}
