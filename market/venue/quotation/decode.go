package quotation

import (
	"strings"
	"time"

	"github.com/assayhq/assay/internal/scan"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/venue"
	"github.com/assayhq/assay/money"
)

// feed reads one connection. asks is space for one side of a book, used again.
type feed struct {
	p    *Protocol
	t    *venue.Table
	asks []market.Level
}

// row is what a message of the stream or a row of REST says, whatever its type: the same
// names mean the same everywhere.
type row struct {
	kind, code, stream, side, id []byte
	price, open, high, low       money.Price
	qty, volume                  money.Qty
	turnover                     money.Decimal
	at, traded, start            time.Time
	bids, asks                   []market.Level
	book                         bool
	status, method, fault        []byte
}

// Decode reads one object, or with the format JSON_LIST a list of them.
func (f *feed) Decode(frame []byte, out *market.Batch) error {
	c := scan.New(frame)
	if c.Peek() != '[' {
		f.message(&c, out)
		return c.End()
	}
	for ok := c.Arr(); ok && c.NextItem(); {
		f.message(&c, out)
	}
	return c.End()
}

func (f *feed) message(c *scan.Cursor, out *market.Batch) {
	r := read(c, out, &f.asks)
	if c.Err() != nil {
		return
	}
	i := venue.IntervalOf(f.p.Streamed, string(r.kind))
	switch kind := string(r.kind); {
	case r.fault != nil:
		venue.Say(out, market.Refused, "", string(r.code), string(r.fault))
	case string(r.status) == "UP":
		venue.Say(out, market.Heartbeat, "", "", "")
	case r.method != nil:
		venue.Say(out, market.Ack, "", "", string(r.method)) // the list of subscriptions
	case kind == "ticker", kind == "myOrder", kind == "myAsset":
	case kind != "trade" && kind != "orderbook" && i == "":
		venue.Say(out, market.Strange, "", string(r.code), "message of type "+kind)
	case len(r.code) == 0:
		c.Fail("message without a code")
	case kind == "trade":
		r.trade(c, f.t.Find(r.code), out, string(r.stream) == "SNAPSHOT")
	case kind == "orderbook":
		in := f.t.Find(r.code)
		r.books(in, out)
		if len(r.bids) > 0 && len(r.asks) > 0 {
			q := venue.Quote(out, in)
			q.Bid, q.BidQty, q.Ask, q.AskQty, q.At = r.bids[0].Price, r.bids[0].Qty, r.asks[0].Price, r.asks[0].Qty, r.at
		}
	default:
		r.candle(c, f.t.Find(r.code), i, out)
	}
}

// read reads one object with the long or the short names. Levels go into the batch's
// space; asks is space for the side that has to wait.
func read(c *scan.Cursor, out *market.Batch, asks *[]market.Level) (r row) {
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "type", "ty":
			r.kind = c.Str()
		case "code", "cd", "market":
			r.code = c.Str()
		case "stream_type", "st":
			r.stream = c.Str()
		case "ask_bid", "ab":
			r.side = c.Str()
		case "sequential_id", "sid":
			r.id = c.Raw()
		case "trade_price", "tp":
			r.price = c.Price()
		case "trade_volume", "tv":
			r.qty = c.Qty()
		case "opening_price", "op":
			r.open = c.Price()
		case "high_price", "hp":
			r.high = c.Price()
		case "low_price", "lp":
			r.low = c.Price()
		case "candle_acc_trade_volume", "catv":
			r.volume = money.Qty{Decimal: c.Sum()}
		case "candle_acc_trade_price", "catp":
			r.turnover = c.Sum()
		case "candle_date_time_utc", "cdttmu":
			r.start = utc(c)
		case "timestamp", "tms":
			r.at = c.Millis()
		case "trade_timestamp", "ttms":
			r.traded = c.Millis()
		case "orderbook_units", "obu":
			r.book = true
			r.bids, r.asks = units(c, out, asks)
		case "status":
			r.status = c.Raw()
		case "method":
			r.method = c.Str()
		case "error":
			r.fault = refused(c)
		default:
			c.Skip()
		}
	}
	return r
}

// units reads [{"ask_price":…,"bid_price":…,"ask_size":…,"bid_size":…}], best first. A
// side that has fewer levels is filled up with zeros.
func units(c *scan.Cursor, out *market.Batch, space *[]market.Level) (bids, asks []market.Level) {
	levels := out.Levels()
	from := len(levels)
	asks = (*space)[:0]
	for ok := c.Arr(); ok && c.NextItem(); {
		var bid, ask market.Level
		for ok := c.Obj(); ok && c.NextKey(); {
			switch string(c.K) {
			case "ask_price", "ap":
				ask.Price = c.Price()
			case "bid_price", "bp":
				bid.Price = c.Price()
			case "ask_size", "as":
				ask.Qty = c.Qty()
			case "bid_size", "bs":
				bid.Qty = c.Qty()
			default:
				c.Skip()
			}
		}
		if !bid.Price.IsZero() {
			levels = append(levels, bid)
		}
		if !ask.Price.IsZero() {
			asks = append(asks, ask)
		}
	}
	*space = asks
	bids = out.KeepLevels(levels, from)
	levels = out.Levels()
	from = len(levels)
	return bids, out.KeepLevels(append(levels, asks...), from)
}

// utc reads 2026-03-01T12:00:00, which has no zone.
func utc(c *scan.Cursor) time.Time {
	text := string(c.Str())
	if text == "" {
		return time.Time{}
	}
	at, err := time.Parse("2006-01-02T15:04:05", strings.TrimSuffix(text, "Z"))
	if err != nil {
		c.Fail("expected a time")
	}
	return at
}

// refused reads {"name":…,"message":…}; the name may be a number.
func refused(c *scan.Cursor) []byte {
	if c.Peek() != '{' {
		return c.Raw()
	}
	var name, text []byte
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "name":
			name = c.Raw()
		case "message":
			text = c.Str()
		default:
			c.Skip()
		}
	}
	return append(append(append([]byte{}, name...), ": "...), text...)
}

// trade appends the row as a trade; ASK is a taker that sold. old marks one that was
// made before we asked.
func (r *row) trade(c *scan.Cursor, in *market.Instrument, out *market.Batch, old bool) {
	if r.price.IsZero() {
		c.Fail("trade without a price")
		return
	}
	t := venue.Trade(out, in)
	t.ID, t.Price, t.Qty, t.Side, t.At = string(r.id), r.price, r.qty, venue.SideOf(r.side), r.traded
	if t.At.IsZero() {
		t.At = r.at // rows of REST have one time
	}
	if old {
		t.Marks = market.Backfilled
	}
	if string(r.side) != "ASK" && string(r.side) != "BID" {
		t.Side = market.NoSide
		venue.Say(out, market.Strange, market.Trades, in.Symbol, "trade without a known side")
	}
}

func (r *row) books(in *market.Instrument, out *market.Batch) {
	u := venue.Book(out, in)
	u.Snapshot, u.Bids, u.Asks, u.At = true, r.bids, r.asks, r.at
}

func (r *row) candle(c *scan.Cursor, in *market.Instrument, i market.Interval, out *market.Batch) {
	if r.start.IsZero() {
		c.Fail("candle without a start")
		return
	}
	k := venue.Candle(out, in, i, r.start)
	k.O, k.H, k.L, k.C, k.Volume, k.Turnover = r.open, r.high, r.low, r.price, r.volume, r.turnover
}
