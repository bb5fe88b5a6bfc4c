package coinbase

import (
	"time"

	"github.com/assayhq/assay/internal/scan"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/venue"
	"github.com/assayhq/assay/money"
)

// exchange reads the Exchange feed: flat objects that say what they are in "type".
type exchange struct {
	t      *venue.Table
	levels venue.Mixed
}

// member holds the members of a message that mean something in any of its types, so
// that one walk is enough whatever their order.
type member struct {
	kind, product, id, message, reason []byte
	side                               market.Side
	price, bid, ask                    money.Price
	size, bidQty, askQty               money.Qty
	at                                 time.Time
	bids, asks                         []market.Level
}

// Decode reads one message.
func (f *exchange) Decode(frame []byte, out *market.Batch) error {
	c := scan.New(frame)
	var m member
	for ok := c.Obj(); ok && c.NextKey(); {
		f.member(&c, &m, out)
	}
	if err := c.End(); err != nil {
		return err
	}
	switch string(m.kind) {
	case "snapshot", "l2update", "match", "last_match", "ticker", "heartbeat":
		if len(m.product) == 0 {
			c.Fail("message without product_id")
			return c.Err()
		}
	}
	switch string(m.kind) {
	case "snapshot", "l2update":
		u := venue.Book(out, f.t.Find(m.product))
		u.Snapshot, u.Bids, u.Asks, u.At = string(m.kind) == "snapshot", m.bids, m.asks, m.at
	case "match", "last_match":
		if m.price.IsZero() {
			c.Fail("match without a price")
			return c.Err()
		}
		t := venue.Trade(out, f.t.Find(m.product))
		t.ID, t.Price, t.Qty, t.At, t.Side = string(m.id), m.price, m.size, m.at, venue.Opposite(m.side)
		if m.side == market.NoSide {
			venue.Say(out, market.Strange, market.Trades, t.Symbol, "match without a known side")
		}
		if string(m.kind) == "last_match" {
			t.Marks |= market.Backfilled
		}
	case "ticker":
		if m.bid.IsZero() && m.ask.IsZero() {
			break // nothing rests in the book
		}
		q := venue.Quote(out, f.t.Find(m.product))
		q.Bid, q.Ask, q.BidQty, q.AskQty, q.At = m.bid, m.ask, m.bidQty, m.askQty, m.at
	case "heartbeat":
		venue.Say(out, market.Heartbeat, "", string(m.product), "")
	case "error":
		text := string(m.message)
		if len(m.reason) > 0 {
			text += ": " + string(m.reason)
		}
		venue.Say(out, market.Refused, "", "", text)
	case "subscriptions":
		// said while it was read
	case "received", "open", "done", "change", "activate": // the channel full: single orders
	case "status", "auction", "rfq_match", "balance":
	default:
		venue.Say(out, market.Strange, "", string(m.product), "message of type "+string(m.kind))
	}
	return nil
}

func (f *exchange) member(c *scan.Cursor, m *member, out *market.Batch) {
	switch string(c.K) {
	case "type":
		m.kind = c.Str()
	case "product_id":
		m.product = c.Str()
	case "time":
		m.at = c.RFC3339()
	case "trade_id":
		m.id = c.Raw()
	case "side":
		m.side = venue.SideOf(c.Str())
	case "price":
		m.price = c.Price()
	case "size":
		m.size = c.Qty()
	case "best_bid":
		m.bid = c.Price()
	case "best_ask":
		m.ask = c.Price()
	case "best_bid_size":
		m.bidQty = c.Qty()
	case "best_ask_size":
		m.askQty = c.Qty()
	case "message":
		m.message = c.Str()
	case "reason":
		m.reason = c.Str()
	case "bids":
		m.bids = venue.ReadLevels(c, out)
	case "asks":
		m.asks = venue.ReadLevels(c, out)
	case "changes":
		m.bids, m.asks = f.levels.Read(c, out)
	case "channels":
		for ok := list(c); ok && c.NextItem(); {
			subscribed(c, out)
		}
	default:
		c.Skip()
	}
}

// subscribed reads {"name":"level2","product_ids":[…]}.
func subscribed(c *scan.Cursor, out *market.Batch) {
	var ch market.Channel
	n := len(out.Notices)
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "name":
			ch = meaning(c.Str())
		case "product_ids":
			for ok := list(c); ok && c.NextItem(); {
				venue.Say(out, market.Ack, "", string(c.Raw()), "")
			}
		default:
			c.Skip()
		}
	}
	if ch == "" { // heartbeat, status, full: nothing anyone waits for
		out.Notices = out.Notices[:n]
	}
	for i := n; i < len(out.Notices); i++ {
		out.Notices[i].Channel = ch
	}
}
