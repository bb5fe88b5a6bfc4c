package deribit

import (
	"bytes"
	"net/url"
	"time"

	"github.com/assayhq/assay/internal/scan"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/venue"
	"github.com/assayhq/assay/money"
)

// feed reads one connection. Tickers tell the best prices too; they are used for that
// only where the connection has no quotes of the instrument, which are newer.
type feed struct {
	t      *venue.Table
	quoted map[*market.Instrument]bool
}

func open(t *venue.Table, _ *url.URL) venue.Feed {
	return &feed{t, map[*market.Instrument]bool{}}
}

// Decode reads {"method":"subscription","params":{"channel":…,"data":…}}, heartbeats, and
// the answers {"id":…,"result":…} and {"id":…,"error":{…}}.
func (f *feed) Decode(frame []byte, out *market.Batch) error {
	c := scan.New(frame)
	var method, channel, kind []byte
	var data, result scan.Cursor
	var why trouble
	hasData, hasResult := false, false
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "method":
			method = c.Str()
		case "params":
			for ok := c.Obj(); ok && c.NextKey(); {
				switch string(c.K) {
				case "channel":
					channel = c.Str()
				case "type":
					kind = c.Str()
				case "data":
					data, hasData = c, true
					c.Skip()
				default:
					c.Skip()
				}
			}
		case "result":
			result, hasResult = c, true
			c.Skip()
		case "error":
			why.read(&c)
		default:
			c.Skip()
		}
	}
	if err := c.End(); err != nil {
		return err
	}
	switch {
	case string(method) == "subscription" && hasData && len(channel) > 0:
		f.data(&data, channel, out)
		return data.Err()
	case string(method) == "heartbeat":
		venue.Say(out, market.Heartbeat, "", "", "")
		if string(kind) == "test_request" {
			venue.Say(out, market.Reply, "", "", tested)
		}
	case why.set:
		venue.Say(out, market.Refused, "", "", why.String())
	case hasResult:
		answered(&result, out)
		return result.Err()
	default:
		venue.Say(out, market.Strange, "", "", "message of method "+string(method))
	}
	return nil
}

// answered tells what the venue says to a request of ours: a list of the channels it
// serves, "ok", or its version.
func answered(c *scan.Cursor, out *market.Batch) {
	switch c.Peek() {
	case '[':
		n := 0
		for ok := c.Arr(); ok && c.NextItem(); n++ {
			name := c.Str()
			head, symbol := cut(name)
			ch := channelOf(head)
			if bytes.HasPrefix(name, []byte("chart.")) {
				ch = market.Candles
			}
			venue.Say(out, market.Ack, ch, string(symbol), "")
		}
		if n == 0 {
			venue.Say(out, market.Refused, "", "", "no channel of the request is served")
		}
	case '{':
		venue.Say(out, market.Heartbeat, "", "", "")
	default:
		venue.Say(out, market.Info, "", "", string(c.Raw()))
	}
}

// cut splits trades.BTC-PERPETUAL.100ms, and chart.trades.BTC-PERPETUAL.1 alike.
func cut(channel []byte) (head, symbol []byte) {
	channel = bytes.TrimPrefix(channel, []byte("chart."))
	head, rest, _ := bytes.Cut(channel, []byte("."))
	symbol, _, _ = bytes.Cut(rest, []byte("."))
	return head, symbol
}

func channelOf(head []byte) market.Channel {
	switch string(head) {
	case "trades":
		return market.Trades
	case "quote":
		return market.Quotes
	case "book":
		return market.Books
	case "ticker":
		return market.Derivatives
	}
	return ""
}

func (f *feed) data(c *scan.Cursor, channel []byte, out *market.Batch) {
	head, symbol := cut(channel)
	if len(symbol) == 0 {
		symbol = nil
	}
	switch {
	case symbol == nil:
		venue.Say(out, market.Strange, "", "", "channel "+string(channel))
		c.Skip()
	case bytes.HasPrefix(channel, []byte("chart.")):
		name := channel[bytes.LastIndexByte(channel, '.')+1:]
		in, i := f.t.Find(symbol), venue.IntervalOf(intervals, string(name))
		if i == "" {
			venue.Say(out, market.Info, market.Candles, in.Symbol, "candles of "+string(name))
			c.Skip()
			return
		}
		chart(c, in, i, out)
	case string(head) == "book":
		f.book(c, channel, f.t.Find(symbol), out)
	case string(head) == "trades":
		for ok := c.Arr(); ok && c.NextItem(); {
			trade(c, f.t, 0, out)
		}
	case string(head) == "quote", string(head) == "ticker", string(head) == "incremental_ticker":
		in := f.t.Find(symbol)
		var t ticker
		t.read(c)
		if c.Err() != nil {
			return
		}
		if string(head) == "quote" {
			f.quoted[in] = true
			t.quote(in, out)
			return
		}
		if !f.quoted[in] && string(head) == "ticker" {
			t.quote(in, out)
		}
		t.tell(in, out)
	case bytes.HasPrefix(head, []byte("deribit_")), string(head) == "perpetual", string(head) == "estimated_expiration_price", string(head) == "markprice",
		string(head) == "instrument", string(head) == "platform_state", string(head) == "rfq", string(head) == "block_trade_confirmations", string(head) == "user":
		c.Skip() // what we do not ask for
	default:
		venue.Say(out, market.Strange, "", "", "channel "+string(channel))
		c.Skip()
	}
}

// book reads a snapshot or a change; each change names the one before it. Grouped books
// (book.X.none.20.100ms) are whole and leave type and actions out.
func (f *feed) book(c *scan.Cursor, channel []byte, in *market.Instrument, out *market.Batch) {
	b := venue.Book(out, in)
	b.Snapshot = bytes.Count(channel, []byte(".")) > 2
	var strange []byte
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "type":
			kind := c.Str()
			if b.Snapshot = string(kind) == "snapshot"; !b.Snapshot && string(kind) != "change" {
				strange = kind
			}
		case "timestamp":
			b.At = c.Millis()
		case "change_id":
			b.Last = uint64(max(c.Int(), 0))
			b.First = b.Last
		case "prev_change_id":
			if n := c.Int(); n > 0 {
				b.Prev = n
			}
		case "bids":
			b.Bids = levels(c, in, out)
		case "asks":
			b.Asks = levels(c, in, out)
		default:
			c.Skip()
		}
	}
	if b.Last == 0 {
		c.Fail("book without a number")
	}
	if b.Snapshot {
		b.Prev = market.NoPrev
	}
	if strange != nil { // a gap shows next
		out.Books = out.Books[:len(out.Books)-1]
		venue.Say(out, market.Strange, market.Books, in.Symbol, "book of type "+string(strange))
	}
}

// levels reads [["new"|"change"|"delete", price, amount],…] and [[price, amount],…].
func levels(c *scan.Cursor, in *market.Instrument, out *market.Batch) []market.Level {
	space := out.Levels()
	from := len(space)
	for ok := c.Arr(); ok && c.NextItem(); {
		var l market.Level
		if !c.Arr() || !c.NextItem() {
			c.Fail("expected a level")
			break
		}
		gone := false
		if c.Peek() == '"' {
			switch action := c.Str(); string(action) {
			case "new", "change":
			case "delete":
				gone = true
			default:
				venue.Say(out, market.Strange, market.Books, in.Symbol, "level that is "+string(action))
			}
			if !c.NextItem() {
				c.Fail("level without a price")
				break
			}
		}
		l.Price = c.Price()
		if !c.NextItem() {
			c.Fail("level without an amount")
			break
		}
		l.Qty = c.Qty()
		if gone {
			l.Qty = money.Qty{}
		}
		c.Close()
		space = append(space, l)
	}
	return out.KeepLevels(space, from)
}

func sideOf(b []byte) market.Side {
	switch string(b) {
	case "buy":
		return market.Buy
	case "sell":
		return market.Sell
	}
	return market.NoSide
}

// trade reads one trade of the stream or of REST, and gives its time; direction is the
// taker's. Legs of combinations are left out.
func trade(c *scan.Cursor, table *venue.Table, marks market.Mark, out *market.Batch) time.Time {
	var t market.Trade
	var symbol, direction, forced []byte
	leg := false
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "instrument_name":
			symbol = c.Str()
		case "trade_id":
			t.ID = string(c.Raw())
		case "price":
			t.Price = c.Price()
		case "amount":
			t.Qty = c.Qty()
		case "timestamp":
			t.At = c.Millis()
		case "direction":
			direction = c.Str()
		case "liquidation":
			forced = c.Str()
		case "combo_id":
			leg = len(c.Raw()) > 0
		default:
			c.Skip()
		}
	}
	if len(symbol) == 0 || t.Price.IsZero() {
		c.Fail("trade without instrument or price")
	}
	if c.Err() != nil || leg {
		return t.At
	}
	in := table.Find(symbol)
	x := venue.Trade(out, in)
	x.ID, x.Price, x.Qty, x.At, x.Side, x.Marks = t.ID, t.Price, t.Qty, t.At, sideOf(direction), marks
	if x.Side == market.NoSide {
		venue.Say(out, market.Strange, market.Trades, in.Symbol, "trade of direction "+string(direction))
	}
	if len(forced) > 0 && marks == 0 {
		liquidations(in, x, string(forced), out)
	}
	return t.At
}

// liquidations tells whose side of a trade was liquidated: the maker's (M), the taker's
// (T), or both.
func liquidations(in *market.Instrument, t *market.Trade, forced string, out *market.Batch) {
	add := func(side market.Side) {
		l := venue.Liquidation(out, in)
		l.ID, l.Side, l.Price, l.Qty, l.At = t.ID, side, t.Price, t.Qty, t.At
	}
	switch forced {
	case "T":
		add(t.Side)
	case "M":
		add(venue.Opposite(t.Side))
	case "MT":
		add(t.Side)
		add(venue.Opposite(t.Side))
	case "none":
	default:
		venue.Say(out, market.Strange, market.Liquidations, in.Symbol, "liquidation "+forced)
	}
}

// ticker is the fields of quotes and tickers that we use.
type ticker struct {
	bid, ask    money.Price
	bidQ, askQ  money.Qty
	mark, index money.Price
	rate        money.Decimal
	interest    money.Qty
	at          time.Time
	has         market.Stated
}

func (t *ticker) read(c *scan.Cursor) {
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "timestamp":
			t.at = c.Millis()
		case "best_bid_price":
			t.bid = c.Price()
		case "best_bid_amount":
			t.bidQ = c.Qty()
		case "best_ask_price":
			t.ask = c.Price()
		case "best_ask_amount":
			t.askQ = c.Qty()
		case "mark_price":
			t.mark, t.has = money.Price{Decimal: c.Rounded()}, t.has|market.StatedMark
		case "index_price":
			t.index, t.has = money.Price{Decimal: c.Rounded()}, t.has|market.StatedIndex
		case "open_interest":
			t.interest, t.has = money.Qty{Decimal: c.Rounded()}, t.has|market.StatedInterest
		case "current_funding":
			t.rate, t.has = c.Rounded(), t.has|market.StatedFunding
		default:
			c.Skip()
		}
	}
}

// quote tells the best prices; a side without orders is 0.
func (t *ticker) quote(in *market.Instrument, out *market.Batch) {
	q := venue.Quote(out, in)
	q.Bid, q.BidQty, q.Ask, q.AskQty, q.At = t.bid, t.bidQ, t.ask, t.askQ, t.at
}

// tell says what is stated of a contract. Spot has a mark and an index as well, which are
// of no contract.
func (t *ticker) tell(in *market.Instrument, out *market.Batch) {
	if t.has == 0 || in.Kind == market.Spot {
		return
	}
	d := venue.Derivative(out, in)
	d.Has, d.Mark, d.Index, d.Interest, d.At = t.has, t.mark, t.index, t.interest, t.at
	if t.has&market.StatedFunding != 0 {
		d.Funding, d.Interval = t.rate, 8*time.Hour
	}
}

// chart reads the running candle of a stream.
func chart(c *scan.Cursor, in *market.Instrument, i market.Interval, out *market.Batch) {
	k := venue.Candle(out, in, i, time.Time{})
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "tick":
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
			k.Volume = money.Qty{Decimal: c.Rounded()}
		case "cost":
			k.Turnover = c.Rounded()
		default:
			c.Skip()
		}
	}
	if k.Open.IsZero() {
		c.Fail("candle without a time")
	}
}
