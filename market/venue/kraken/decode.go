package kraken

import (
	"net/url"
	"time"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/internal/scan"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/venue"
)

// feed reads version 2. It remembers what the answers to subscriptions said of the
// depth, because the book messages do not repeat it.
// https://docs.kraken.com/exchange/api-reference/spot-websocket-v2
type feed struct {
	t     *venue.Table
	depth map[string]int
}

func open(t *venue.Table, _ *url.URL) venue.Feed { return &feed{t: t, depth: map[string]int{}} }

// head is what stands beside the data of a message.
type head struct {
	channel, kind []byte // kind is "snapshot" or "update"
	method        []byte
	err           []byte
	symbol        []byte
	refused       bool
	at            time.Time
	data, result  scan.Cursor // where these begin
	hasData       bool
	hasResult     bool
}

// Decode reads {"channel":…,"type":…,"data":[…]} and {"method":…,"result":…}.
func (f *feed) Decode(frame []byte, out *market.Batch) error {
	c := scan.New(frame)
	var h head
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "channel":
			h.channel = c.Str()
		case "type":
			h.kind = c.Str()
		case "method":
			h.method = c.Str()
		case "timestamp":
			h.at = c.RFC3339()
		case "data":
			h.data, h.hasData = c, true
			c.Skip()
		case "result":
			h.result, h.hasResult = c, c.Peek() == '{'
			c.Skip()
		case "success":
			h.refused = !c.Bool()
		case "error":
			h.err = c.Raw()
		case "symbol":
			h.symbol = c.Str()
		default:
			c.Skip()
		}
	}
	if err := c.End(); err != nil {
		return err
	}
	switch string(h.channel) {
	case "book", "trade", "ticker", "ohlc":
		return f.rows(&h, out)
	case "instrument":
		return f.pairs(&h, out)
	case "heartbeat":
		venue.Say(out, market.Heartbeat, "", "", "")
	case "status":
		venue.Say(out, market.Info, "", "", "status: "+f.status(&h))
		return h.data.Err()
	case "":
		return f.answer(&h, out)
	default:
		venue.Say(out, market.Strange, "", "", "channel "+string(h.channel))
	}
	return nil
}

// answer reads what came back from a request of ours.
func (f *feed) answer(h *head, out *market.Batch) error {
	var channel market.Channel
	depth, symbol := 0, h.symbol
	if c := &h.result; h.hasResult {
		for ok := c.Obj(); ok && c.NextKey(); {
			switch string(c.K) {
			case "channel":
				channel = channels[string(c.Str())]
			case "symbol":
				symbol = c.Raw()
			case "depth":
				depth = int(c.Int())
			default:
				c.Skip()
			}
		}
		if c.Err() != nil {
			return c.Err()
		}
	}
	switch m := string(h.method); {
	case h.refused || len(h.err) > 0:
		venue.Say(out, market.Refused, channel, string(symbol), string(h.err))
	case m == "subscribe" || m == "unsubscribe":
		if depth > 0 && m == "subscribe" {
			f.depth[string(symbol)] = depth
		}
		venue.Say(out, market.Ack, channel, string(symbol), m)
	case m == "pong":
		venue.Say(out, market.Heartbeat, "", "", "")
	default:
		venue.Say(out, market.Strange, "", "", "message without a channel "+m)
	}
	return nil
}

// channels are the venue's names of ours, in both versions.
var channels = map[string]market.Channel{
	"trade": market.Trades, "ticker": market.Quotes, "spread": market.Quotes, "book": market.Books, "ohlc": market.Candles,
}

func (f *feed) status(h *head) string {
	system := ""
	for ok := h.hasData && h.data.Arr(); ok && h.data.NextItem(); {
		for ok := h.data.Obj(); ok && h.data.NextKey(); {
			if h.data.Is("system") {
				system = string(h.data.Str())
			} else {
				h.data.Skip()
			}
		}
	}
	return system
}

func (f *feed) rows(h *head, out *market.Batch) error {
	c := &h.data
	if !h.hasData {
		c.Fail("message without data")
	}
	snapshot := string(h.kind) == "snapshot"
	for ok := c.Arr(); ok && c.NextItem(); {
		switch string(h.channel) {
		case "book":
			f.book(c, out, snapshot)
		case "trade":
			f.trade(c, out, snapshot)
		case "ticker":
			f.ticker(c, out)
		case "ohlc":
			f.ohlc(c, out)
		}
	}
	if len(out.Candles) > 0 {
		venue.Settle(out, h.at)
	}
	return c.Err()
}

// nobody stands in until the symbol has been read.
var nobody = &market.Instrument{}

func (f *feed) book(c *scan.Cursor, out *market.Batch, snapshot bool) {
	u := venue.Book(out, nobody)
	u.Snapshot = snapshot
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "symbol":
			in := f.t.Find(c.Str())
			u.Venue, u.Pair, u.Symbol = in.Venue, in.Pair, in.Symbol
		case "bids":
			u.Bids = f.levels(c, out)
		case "asks":
			u.Asks = f.levels(c, out)
		case "checksum":
			u.Checksum, u.HasSum = uint32(c.Int()), true
		case "timestamp":
			u.At = c.RFC3339()
		default:
			c.Skip()
		}
	}
	if u.Symbol == "" {
		c.Fail("book without symbol")
	}
	u.Depth = f.depth[u.Symbol]
}

// levels reads [{"price":…,"qty":…},…].
func (f *feed) levels(c *scan.Cursor, out *market.Batch) []market.Level {
	levels := out.Levels()
	from := len(levels)
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
		if l.Price.IsZero() {
			c.Fail("level without price")
		}
		levels = append(levels, l)
	}
	return out.KeepLevels(levels, from)
}

// trade reads one trade; side is the taker's. Those of a snapshot were not seen live.
func (f *feed) trade(c *scan.Cursor, out *market.Batch, snapshot bool) {
	t := venue.Trade(out, nobody)
	if snapshot {
		t.Marks = market.Backfilled
	}
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "symbol":
			in := f.t.Find(c.Str())
			t.Venue, t.Pair, t.Symbol = in.Venue, in.Pair, in.Symbol
		case "side":
			t.Side = venue.SideOf(c.Str())
		case "price":
			t.Price = c.Price()
		case "qty":
			t.Qty = c.Qty()
		case "trade_id":
			t.ID = string(c.Raw())
		case "timestamp":
			t.At = c.RFC3339()
		default:
			c.Skip()
		}
	}
	if t.Symbol == "" || t.Price.IsZero() {
		c.Fail("trade without symbol or price")
	}
	sideless(t, out)
}

// sideless reports a trade whose side is a word we do not know.
func sideless(t *market.Trade, out *market.Batch) {
	if t.Side == market.NoSide {
		venue.Say(out, market.Strange, market.Trades, t.Symbol, "trade without a known side")
	}
}

func (f *feed) ticker(c *scan.Cursor, out *market.Batch) {
	q := venue.Quote(out, nobody)
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "symbol":
			in := f.t.Find(c.Str())
			q.Venue, q.Pair, q.Symbol = in.Venue, in.Pair, in.Symbol
		case "bid":
			q.Bid = c.Price()
		case "bid_qty":
			q.BidQty = c.Qty()
		case "ask":
			q.Ask = c.Price()
		case "ask_qty":
			q.AskQty = c.Qty()
		case "timestamp":
			q.At = c.RFC3339()
		default:
			c.Skip()
		}
	}
	if q.Symbol == "" {
		c.Fail("ticker without symbol")
	}
}

func (f *feed) ohlc(c *scan.Cursor, out *market.Batch) {
	k := venue.Candle(out, nobody, "", time.Time{})
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "symbol":
			in := f.t.Find(c.Str())
			k.Venue, k.Pair = in.Venue, in.Pair
		case "interval":
			k.Interval = venue.IntervalOf(intervals, string(c.Raw()))
		case "interval_begin":
			k.Open = c.RFC3339()
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
		case "trades":
			k.Trades = c.Int()
		default:
			c.Skip()
		}
	}
	if k.Pair == "" || k.Open.IsZero() {
		c.Fail("candle without symbol or time")
	}
	if k.Interval == "" && c.Err() == nil {
		out.Candles = out.Candles[:len(out.Candles)-1]
		venue.Say(out, market.Info, market.Candles, "", "candles of an interval that Assay builds itself")
	}
}

var statuses = map[string]market.Status{
	"online": market.Trading, "cancel_only": market.CancelOnly, "post_only": market.PreTrading, "limit_only": market.Trading,
	"reduce_only": market.Trading, "maintenance": market.Halted, "delisted": market.Delisted, "work_in_progress": market.PreTrading,
}

// pairs reads the pairs of the instrument channel.
func (f *feed) pairs(h *head, out *market.Batch) error {
	c := &h.data
	if !h.hasData {
		c.Fail("message without data")
	}
	for ok := c.Obj(); ok && c.NextKey(); {
		if !c.Is("pairs") {
			c.Skip()
			continue
		}
		for ok := c.Arr(); ok && c.NextItem(); {
			f.pair(c, out)
		}
	}
	return c.Err()
}

func (f *feed) pair(c *scan.Cursor, out *market.Batch) {
	in := market.Instrument{Kind: market.Spot, PriceDecimals: -1, QtyDecimals: -1}
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "symbol":
			in.Symbol = string(c.Str())
		case "base":
			in.Base = asset.Code(c.Str())
		case "quote":
			in.Quote = asset.Code(c.Str())
		case "status":
			in.Status = statuses[string(c.Str())]
		case "price_precision":
			in.PriceDecimals = int(c.Int())
		case "qty_precision":
			in.QtyDecimals = int(c.Int())
		case "tick_size", "price_increment":
			in.PriceTick = c.Decimal()
		case "qty_increment":
			in.QtyStep = c.Decimal()
		case "qty_min":
			in.MinQty = c.Decimal()
		case "cost_min":
			in.MinNotional = c.Decimal()
		default:
			c.Skip()
		}
	}
	if in.Symbol == "" || c.Err() != nil {
		c.Fail("pair without symbol")
		return
	}
	in.RESTSymbol = name(in.Symbol).RESTSymbol
	out.Instruments = append(out.Instruments, *f.t.Learn(in))
}
