package gemini

import (
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/assayhq/assay/internal/scan"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/venue"
	"github.com/assayhq/assay/money"
)

// feedV2 reads version 2: flat objects that say what they are in "type".
type feedV2 struct {
	t      *venue.Table
	levels venue.Mixed
}

func openV2(t *venue.Table, _ *url.URL) venue.Feed { return &feedV2{t: t} }

// requestV2 names each subscription once, with its symbols: l2 brings trades and books.
func requestV2(verb string, subs []venue.Sub) [][]byte {
	var order []string
	symbols := map[string][]string{}
	seen := map[string]bool{}
	for _, s := range subs {
		names := []string{"l2"}
		switch s.Channel {
		case market.Trades, market.Books:
		case market.Derivatives:
			names = []string{"mark_price", "funding_amount"}
		case market.Candles:
			if intervals[s.Interval] == "" {
				continue
			}
			names = []string{"candles_" + string(s.Interval)}
		default:
			continue
		}
		symbol := strings.ToUpper(s.Instrument.Symbol)
		for _, n := range names {
			if seen[n+" "+symbol] {
				continue
			}
			seen[n+" "+symbol] = true
			if symbols[n] == nil {
				order = append(order, n)
			}
			symbols[n] = append(symbols[n], strconv.Quote(symbol))
		}
	}
	if order == nil {
		return nil
	}
	list := make([]string, len(order))
	for i, n := range order {
		list[i] = `{"name":"` + n + `","symbols":[` + strings.Join(symbols[n], ",") + `]}`
	}
	return [][]byte{[]byte(`{"type":"` + verb + `","subscriptions":[` + strings.Join(list, ",") + `]}`)}
}

// Decode reads {"type":…,"symbol":…,…}; "type" may stand last.
func (f *feedV2) Decode(frame []byte, out *market.Batch) error {
	c := scan.New(frame)
	var (
		kind, symbol, result, reason []byte
		changes, trades              scan.Cursor
		begins                       bool
		x                            tradeV2
	)
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "type":
			kind = c.Str()
		case "symbol":
			symbol = c.Str()
		case "result":
			result = c.Raw()
		case "reason":
			reason = c.Raw()
		case "changes":
			changes = c
			c.Skip()
		case "trades":
			trades, begins = c, true
			c.Skip()
		case "auction_events":
			begins = true // only the first message of a symbol has them
			c.Skip()
		default:
			x.member(&c)
		}
	}
	if err := c.End(); err != nil {
		return err
	}
	k := string(kind)
	switch {
	case string(result) == "error":
		venue.Say(out, market.Refused, "", string(symbol), string(reason))
		return nil
	case k == "heartbeat":
		venue.Say(out, market.Heartbeat, "", "", "")
		return nil
	case strings.HasPrefix(k, "auction_"), k == "block_trade": // auctions have books of their own
		return nil
	case k == "l2_updates", k == "trade", strings.HasSuffix(k, "_updates"):
		if len(symbol) == 0 {
			c.Fail("message without a symbol")
			return c.Err()
		}
	default:
		venue.Say(out, market.Strange, "", string(symbol), "message of type "+k)
		return nil
	}
	in := find(f.t, symbol)
	switch name, _ := strings.CutSuffix(k, "_updates"); {
	case k == "trade":
		x.put(&c, in, out)
		return c.Err()
	case k == "l2_updates":
		u := venue.Book(out, in)
		u.Snapshot = begins
		u.Bids, u.Asks = f.levels.Read(&changes, out)
		if begins {
			venue.Say(out, market.Ack, market.Books, in.Symbol, "")
			f.past(&trades, in, out)
		}
	case name == "mark_price", name == "funding_amount":
		status(&changes, in, out)
	case strings.HasPrefix(name, "candles_"):
		candlesV2(&changes, in, market.Interval(strings.TrimPrefix(name, "candles_")), out)
	default:
		venue.Say(out, market.Strange, "", in.Symbol, "message of type "+k)
	}
	if changes.Err() != nil {
		return changes.Err()
	}
	return trades.Err()
}

// tradeV2 is the members of a trade. Some have the number of the event only.
type tradeV2 struct {
	id, event []byte
	price     money.Price
	qty       money.Qty
	side      market.Side
	said      []byte // side as sent
	at        time.Time
}

func (x *tradeV2) member(c *scan.Cursor) {
	switch string(c.K) {
	case "tid":
		x.id = c.Raw()
	case "event_id":
		x.event = c.Raw()
	case "price":
		x.price = c.Price()
	case "quantity":
		x.qty = c.Qty()
	case "side":
		x.said = c.Str()
		x.side = takerOf(x.said)
	case "timestamp":
		x.at = c.Millis()
	default:
		c.Skip()
	}
}

func (x *tradeV2) put(c *scan.Cursor, in *market.Instrument, out *market.Batch) {
	if x.price.IsZero() {
		c.Fail("trade without a price")
		return
	}
	t := venue.Trade(out, in)
	if t.ID = string(x.id); len(x.id) == 0 {
		t.ID = string(x.event)
	}
	t.Price, t.Qty, t.Side, t.At = x.price, x.qty, x.side, x.at
	if x.side == market.NoSide {
		venue.Say(out, market.Strange, market.Trades, in.Symbol, "trade of side "+string(x.said))
	}
}

// past reads the trades of a first message, which are old.
func (f *feedV2) past(c *scan.Cursor, in *market.Instrument, out *market.Batch) {
	if c.Peek() == 0 {
		return // there were none
	}
	n := len(out.Trades)
	for ok := c.Arr(); ok && c.NextItem(); {
		var x tradeV2
		for ok := c.Obj(); ok && c.NextKey(); {
			x.member(c)
		}
		x.put(c, in, out)
	}
	for i := n; i < len(out.Trades); i++ {
		out.Trades[i].Marks = market.Backfilled
	}
	oldestFirst(out.Trades[n:])
}

// status reads [{"mark_price":…,"spot_index":…},…] and [{"funding_amount":…},…].
func status(c *scan.Cursor, in *market.Instrument, out *market.Batch) {
	for ok := c.Arr(); ok && c.NextItem(); {
		d := venue.Derivative(out, in)
		var m message
		for ok := c.Obj(); ok && c.NextKey(); {
			switch string(c.K) {
			case "timestamp":
				m.at = nanos(c)
			case "mark_price":
				m.price = c.Price()
			case "spot_index":
				d.Index, d.Has = c.Price(), d.Has|market.StatedIndex
			case "funding_amount":
				m.amount, m.top = c.Decimal(), true
			case "funding_date_time":
				m.due = nanos(c)
			case "funding_interval_in_minutes":
				m.minutes = uint64(c.Int())
			case "is_realized":
				m.paid = c.Bool()
			default:
				c.Skip()
			}
		}
		switch index := d.Has; {
		case m.top:
			m.funding(d)
		case !m.price.IsZero():
			d.Mark, d.At, d.Has = m.price, m.at, index|market.StatedMark
		}
		if d.Has == 0 {
			out.Derivatives = out.Derivatives[:len(out.Derivatives)-1]
		}
	}
}

// candlesV2 reads [[milliseconds, open, high, low, close, volume],…], newest first.
func candlesV2(c *scan.Cursor, in *market.Instrument, i market.Interval, out *market.Batch) {
	if intervals[i] == "" {
		venue.Say(out, market.Strange, market.Candles, in.Symbol, "candles of "+string(i))
		return
	}
	for ok := c.Arr(); ok && c.NextItem(); {
		venue.ReadRow(c, venue.Candle(out, in, i, time.Time{}), "mohlcv")
	}
	venue.Settle(out, time.Time{})
}
