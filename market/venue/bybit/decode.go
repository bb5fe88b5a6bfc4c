package bybit

import (
	"bytes"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/assayhq/assay/internal/scan"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/venue"
)

// feed reads one connection of one section. It keeps the best prices it must merge
// changes into, and which depth of a book the connection has.
type feed struct {
	t       *venue.Table
	key     []byte // prefix of the section, then the symbol
	prefix  int
	tops    map[*market.Instrument]*top // of orderbook.1
	tickers map[*market.Instrument]*top
	depths  map[*market.Instrument]string
	dues    map[*market.Instrument]due
}

// top is the best bid and ask as known so far.
type top struct{ bid, ask market.Level }

func open(t *venue.Table, addr *url.URL) venue.Feed {
	f := &feed{t: t, tops: map[*market.Instrument]*top{}, tickers: map[*market.Instrument]*top{}, depths: map[*market.Instrument]string{}, dues: map[*market.Instrument]due{}}
	if strings.HasSuffix(addr.Path, "/"+linear) {
		f.key = append(f.key, prefix(linear)...)
	}
	f.prefix = len(f.key)
	return f
}

// nobody stands in until the symbol has been read.
var nobody = &market.Instrument{}

// find gives the instrument of a symbol of this section; nobody for an empty one.
func (f *feed) find(symbol []byte) *market.Instrument {
	if len(symbol) == 0 {
		return nobody
	}
	f.key = append(f.key[:f.prefix], symbol...)
	return f.t.Find(f.key)
}

// head is what stands around the data of a message. Its order differs between
// sections and topics.
type head struct {
	topic, kind []byte
	sent, at    time.Time // ts of the message, cts of the matching engine
}

func (h *head) snapshot() bool { return string(h.kind) == "snapshot" }

// Decode reads {topic,type,ts,data,…} and the answers {op,success,ret_msg,…}.
func (f *feed) Decode(frame []byte, out *market.Batch) error {
	c := scan.New(frame)
	var (
		h           head
		op, said    []byte
		success     = true
		data        scan.Cursor
		books, tops = len(out.Books), len(out.Quotes)
		terms       = len(out.Derivatives)
		early       bool
	)
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "topic":
			h.topic = c.Str()
		case "type":
			if h.kind = c.Str(); !h.snapshot() && string(h.kind) != "delta" {
				venue.Say(out, market.Strange, "", "", "message of type "+string(h.kind))
			}
		case "ts":
			h.sent = c.Millis()
		case "cts":
			h.at = c.Millis()
		case "data":
			if early = h.topic == nil || h.kind == nil; early {
				data = c // read when the rest is known
				c.Skip()
				continue
			}
			f.data(&c, &h, out)
		case "op":
			op = c.Str()
		case "success":
			success = c.Bool()
		case "ret_msg", "retMsg":
			said = c.Str()
		default:
			c.Skip()
		}
	}
	if err := c.End(); err != nil {
		return err
	}
	if early && h.topic != nil {
		f.data(&data, &h, out)
		if err := data.Err(); err != nil {
			return err
		}
	}
	if h.at.IsZero() {
		h.at = h.sent
	}
	for i := books; i < len(out.Books); i++ {
		out.Books[i].At = h.at
	}
	for i := tops; i < len(out.Quotes); i++ {
		out.Quotes[i].At = h.at
	}
	for i := terms; i < len(out.Derivatives); i++ {
		out.Derivatives[i].At = h.at
	}
	if h.topic == nil {
		answered(op, said, success, out)
	}
	return nil
}

// answered tells what the venue says to a request of ours.
func answered(op, said []byte, success bool, out *market.Batch) {
	switch {
	case !success:
		venue.Say(out, market.Refused, "", "", string(op)+": "+string(said))
	case string(op) == "pong", string(op) == "ping":
		venue.Say(out, market.Heartbeat, "", "", "")
	case string(op) == "subscribe", string(op) == "unsubscribe":
		venue.Say(out, market.Ack, "", "", "")
	case string(op) == "auth":
		venue.Say(out, market.Info, "", "", "authenticated")
	default:
		venue.Say(out, market.Strange, "", "", "message without a topic, of op "+string(op))
	}
}

// data reads the data of a topic such as orderbook.200.BTCUSDT.
func (f *feed) data(c *scan.Cursor, h *head, out *market.Batch) {
	kind, rest, _ := bytes.Cut(h.topic, dot)
	switch string(kind) {
	case "orderbook":
		if depth, _, _ := bytes.Cut(rest, dot); string(depth) == "rpi" {
			c.Skip() // sizes of the hidden kind in a third column
		} else {
			f.orderbook(c, h, depth, out)
		}
	case "publicTrade":
		for ok := c.Arr(); ok && c.NextItem(); {
			f.trade(c, out)
		}
	case "tickers":
		f.ticker(c, h, out)
	case "kline":
		name, symbol, _ := bytes.Cut(rest, dot)
		i, in := venue.IntervalOf(intervals, string(name)), f.find(symbol)
		if in == nobody {
			c.Fail("candles without symbol")
			return
		}
		if i == "" {
			venue.Say(out, market.Strange, market.Candles, in.Symbol, "candles of interval "+string(name))
			c.Skip()
			return
		}
		for ok := c.Arr(); ok && c.NextItem(); {
			kline(c, in, i, out)
		}
	case "allLiquidation":
		for ok := c.Arr(); ok && c.NextItem(); {
			f.liquidation(c, out)
		}
	case "liquidation":
		f.liquidation(c, out)
	case "insurance", "priceLimit", "adlAlert", "system", "lt", "tickers_lt", "kline_lt":
		c.Skip()
	default:
		venue.Say(out, market.Strange, "", "", "topic "+string(h.topic))
		c.Skip()
	}
}

var dot = []byte{'.'}

func (f *feed) orderbook(c *scan.Cursor, h *head, depth []byte, out *market.Batch) {
	in := nobody
	var bids, asks []market.Level
	var u uint64
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "s":
			in = f.find(c.Str())
		case "b":
			bids = venue.ReadLevels(c, out)
		case "a":
			asks = venue.ReadLevels(c, out)
		case "u":
			u = uint64(c.Int())
		default:
			c.Skip()
		}
	}
	if in == nobody || u == 0 {
		c.Fail("book without symbol or number")
	}
	if c.Err() != nil {
		return
	}
	snapshot := h.snapshot() || u == 1 // 1: the service began anew, and this is all of it
	if string(depth) == "1" {
		f.best(in, snapshot, bids, asks, out)
		return
	}
	// Each depth counts for itself. A connection that has two of them gives the first.
	if had := f.depths[in]; had == "" {
		f.depths[in] = string(depth)
	} else if had != string(depth) {
		return
	}
	b := venue.Book(out, in)
	b.Snapshot, b.Bids, b.Asks, b.First, b.Last = snapshot, bids, asks, u, u
	b.Depth, _ = strconv.Atoi(string(depth))
}

// best follows the book of depth 1, which is a quote.
func (f *feed) best(in *market.Instrument, snapshot bool, bids, asks []market.Level, out *market.Batch) {
	p := f.tops[in]
	if p == nil {
		p = &top{}
		f.tops[in] = p
	}
	if snapshot {
		*p = top{}
	}
	p.bid, p.ask = change(p.bid, bids), change(p.ask, asks)
	p.quote(in, out)
}

// change applies the levels of one side to its best one.
func change(best market.Level, levels []market.Level) market.Level {
	for _, l := range levels {
		if !l.Qty.IsZero() {
			best = l
		} else if l.Price.Equal(best.Price.Decimal) {
			best = market.Level{}
		}
	}
	return best
}

// quote emits what is known once both sides are.
func (p *top) quote(in *market.Instrument, out *market.Batch) {
	if p.bid.Price.IsZero() || p.ask.Price.IsZero() {
		return
	}
	q := venue.Quote(out, in)
	q.Bid, q.BidQty, q.Ask, q.AskQty = p.bid.Price, p.bid.Qty, p.ask.Price, p.ask.Qty
}

// ticker merges the changes of a linear ticker; one of spot has no bid and no ask. It is
// a quote only where the book of depth 1 was not asked for.
func (f *feed) ticker(c *scan.Cursor, h *head, out *market.Batch) {
	in := nobody
	var now top
	var has [4]bool
	var d terms
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "symbol":
			in = f.find(c.Str())
		case "bid1Price":
			now.bid.Price, has[0] = c.Price(), true
		case "bid1Size":
			now.bid.Qty, has[1] = c.Qty(), true
		case "ask1Price":
			now.ask.Price, has[2] = c.Price(), true
		case "ask1Size":
			now.ask.Qty, has[3] = c.Qty(), true
		default:
			d.read(c)
		}
	}
	if in == nobody {
		c.Fail("ticker without symbol")
	}
	if c.Err() != nil {
		return
	}
	f.state(in, &d, out)
	if has == [4]bool{} || f.tops[in] != nil {
		return
	}
	p := f.tickers[in]
	if p == nil {
		if !h.snapshot() {
			return // a change of what was never sent
		}
		p = &top{}
		f.tickers[in] = p
	}
	if h.snapshot() {
		*p = top{}
	}
	if has[0] {
		p.bid.Price = now.bid.Price
	}
	if has[1] {
		p.bid.Qty = now.bid.Qty
	}
	if has[2] {
		p.ask.Price = now.ask.Price
	}
	if has[3] {
		p.ask.Qty = now.ask.Qty
	}
	p.quote(in, out)
}

func (f *feed) trade(c *scan.Cursor, out *market.Batch) {
	t := venue.Trade(out, nobody)
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "s":
			in := f.find(c.Str())
			t.Venue, t.Pair, t.Symbol = in.Venue, in.Pair, in.Symbol
		case "i":
			t.ID = string(c.Raw())
		case "p":
			t.Price = c.Price()
		case "v":
			t.Qty = c.Qty()
		case "T":
			t.At = c.Millis()
		case "S":
			if t.Side = venue.SideOf(c.Str()); t.Side == market.NoSide {
				venue.Say(out, market.Strange, market.Trades, t.Symbol, "trade without a known side")
			}
		default:
			c.Skip()
		}
	}
	if t.Symbol == "" || t.Price.IsZero() {
		c.Fail("trade without symbol or price")
	}
}

func kline(c *scan.Cursor, in *market.Instrument, i market.Interval, out *market.Batch) {
	k := venue.Candle(out, in, i, time.Time{})
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "start":
			k.Open = c.Millis()
		case "open":
			k.O = c.Price()
		case "close":
			k.C = c.Price()
		case "high":
			k.H = c.Price()
		case "low":
			k.L = c.Price()
		case "volume":
			k.Volume = c.Qty()
		case "turnover":
			k.Turnover = c.Sum()
		case "confirm":
			k.Complete = c.Bool()
		default:
			c.Skip()
		}
	}
	if k.Open.IsZero() {
		c.Fail("candle without a start")
	}
}
