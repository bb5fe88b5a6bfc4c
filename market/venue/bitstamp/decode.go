package bitstamp

import (
	"bytes"
	"strconv"
	"time"

	"github.com/assayhq/assay/internal/scan"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/venue"
	"github.com/assayhq/assay/money"
)

type feed struct{ t *venue.Table }

// data holds the members of "data" that mean something in any event. It stands before
// the channel that says what it is, so all are read in one walk.
type data struct {
	bids, asks      []market.Level
	id, said        []byte
	price           money.Price
	qty             money.Qty
	kind            int64
	seconds, micros time.Time
}

func (d *data) at() time.Time {
	if d.micros.IsZero() {
		return d.seconds // before 2019
	}
	return d.micros
}

// Decode reads {event,channel,data}.
func (f *feed) Decode(frame []byte, out *market.Batch) error {
	c := scan.New(frame)
	var event, channel []byte
	d := data{kind: -1}
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "event":
			event = c.Str()
		case "channel":
			channel = c.Str()
		case "data":
			d.read(&c, out)
		default:
			c.Skip()
		}
	}
	if err := c.End(); err != nil {
		return err
	}
	switch string(event) {
	case "data", "trade":
		f.event(&c, channel, &d, out)
	case "bts:subscription_succeeded", "bts:unsubscription_succeeded":
		ch, symbol := split(channel)
		venue.Say(out, market.Ack, ch, string(symbol), "")
	case "bts:heartbeat":
		venue.Say(out, market.Heartbeat, "", "", "")
	case "bts:request_reconnect":
		venue.Say(out, market.Moving, "", "", "the venue asks for a new connection")
	case "bts:error":
		ch, symbol := split(channel)
		venue.Say(out, market.Refused, ch, string(symbol), string(d.said))
	case "order_created", "order_changed", "order_deleted": // live_orders_: single orders
	default:
		venue.Say(out, market.Strange, "", "", "event "+string(event))
	}
	return c.Err()
}

func (d *data) read(c *scan.Cursor, out *market.Batch) {
	if c.Peek() != '{' {
		c.Skip()
		return
	}
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "bids":
			d.bids = venue.ReadLevels(c, out)
		case "asks":
			d.asks = venue.ReadLevels(c, out)
		case "id":
			d.id = c.Raw()
		case "price_str":
			d.price = c.Price()
		case "amount_str":
			d.qty = c.Qty()
		case "type":
			d.kind = c.Int()
		case "timestamp":
			d.seconds = c.Seconds()
		case "microtimestamp":
			d.micros = c.Micros()
		case "message":
			d.said = c.Str()
		default:
			c.Skip()
		}
	}
}

// split takes the symbol off the name of a channel; ch is "" for those not read.
func split(name []byte) (ch market.Channel, symbol []byte) {
	for _, k := range kinds {
		if s, ok := bytes.CutPrefix(name, []byte(k.prefix)); ok {
			return k.ch, s
		}
	}
	return "", nil
}

func (f *feed) event(c *scan.Cursor, channel []byte, d *data, out *market.Batch) {
	ch, symbol := split(channel)
	if ch != "" && len(symbol) == 0 {
		c.Fail("channel without a symbol")
		return
	}
	switch ch {
	case market.Trades:
		in := f.t.Find(symbol)
		t := venue.Trade(out, in)
		t.ID, t.Price, t.Qty, t.At, t.Side = string(d.id), d.price, d.qty, d.at(), taker(d.kind)
		if t.Side == market.NoSide {
			venue.Say(out, market.Strange, market.Trades, in.Symbol, "trade of type "+strconv.FormatInt(d.kind, 10))
		}
		if t.Price.IsZero() {
			c.Fail("trade without a price")
		}
	case market.Books:
		if d.at().IsZero() {
			c.Fail("book change without a time")
			return
		}
		u := venue.Book(out, f.t.Find(symbol))
		u.Bids, u.Asks, u.At = d.bids, d.asks, d.at()
	case market.Quotes:
		if len(d.bids)+len(d.asks) == 0 {
			return
		}
		q := venue.Quote(out, f.t.Find(symbol))
		q.At = d.at()
		if len(d.bids) > 0 {
			q.Bid, q.BidQty = d.bids[0].Price, d.bids[0].Qty
		}
		if len(d.asks) > 0 {
			q.Ask, q.AskQty = d.asks[0].Price, d.asks[0].Qty
		}
	default:
		if !bytes.HasPrefix(channel, []byte("detail_order_book_")) && !bytes.HasPrefix(channel, []byte("live_orders_")) && !bytes.HasPrefix(channel, []byte("private-")) {
			venue.Say(out, market.Strange, "", "", "channel "+string(channel))
		}
	}
}

// taker reads the type of a trade: 0 bought, 1 sold.
func taker(kind int64) market.Side {
	switch kind {
	case 0:
		return market.Buy
	case 1:
		return market.Sell
	}
	return market.NoSide
}
