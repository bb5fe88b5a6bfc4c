package gate

import (
	"bytes"
	"net/url"
	"time"

	"github.com/assayhq/assay/internal/scan"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/venue"
	"github.com/assayhq/assay/money"
)

// feed reads one connection of spot or of futures.
type feed struct {
	t  *venue.Table
	of string // what its channels begin with
}

func open(of string) func(*venue.Table, *url.URL) venue.Feed {
	return func(t *venue.Table, _ *url.URL) venue.Feed { return &feed{t, of} }
}

// nobody stands in until the symbol has been read.
var nobody = &market.Instrument{}

func (f *feed) find(symbol []byte) *market.Instrument {
	if len(symbol) == 0 {
		return nobody
	}
	return f.t.Find(symbol)
}

// message is what stands around a result.
type message struct {
	channel, event []byte
	fault          string
	failed         bool
	at             time.Time
	result         scan.Cursor
	has            bool
}

// Decode reads {time,time_ms,channel,event,error,result}: data, where the event is
// update, or the answer to a request of ours.
func (f *feed) Decode(frame []byte, out *market.Batch) error {
	c := scan.New(frame)
	var m message
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "channel":
			m.channel = c.Str()
		case "event":
			m.event = c.Str()
		case "time_ms":
			m.at = c.Millis()
		case "error":
			m.refusal(&c)
		case "result":
			m.result, m.has = c, true
			c.Skip()
		default:
			c.Skip()
		}
	}
	if err := c.End(); err != nil {
		return err
	}
	name, ours := bytes.CutPrefix(m.channel, []byte(f.of))
	switch {
	case m.failed:
		venue.Say(out, market.Refused, "", "", string(m.channel)+": "+m.fault)
	case !ours:
		venue.Say(out, market.Strange, "", "", "message of channel "+string(m.channel))
	case string(name) == "pong":
		venue.Say(out, market.Heartbeat, "", "", "")
	case string(m.event) == "subscribe", string(m.event) == "unsubscribe":
		venue.Say(out, market.Ack, "", "", string(m.channel)+" "+string(m.event))
	case string(m.event) == "update" && m.has:
		f.data(name, &m, out)
		return m.result.Err()
	case string(m.event) == "all": // first messages of channels we do not ask for
	default:
		venue.Say(out, market.Strange, "", "", string(m.channel)+" with event "+string(m.event))
	}
	return nil
}

// refusal reads {"code":2,"message":"unknown currency pair X"}; null is none.
func (m *message) refusal(c *scan.Cursor) {
	if c.Peek() != '{' {
		c.Skip()
		return
	}
	m.failed = true
	for ok := c.Obj(); ok && c.NextKey(); {
		if c.Is("message") {
			m.fault = string(c.Str())
		} else {
			c.Skip()
		}
	}
}

func (f *feed) data(channel []byte, m *message, out *market.Batch) {
	c := &m.result
	switch string(channel) {
	case "trades":
		each(c, func() { f.trade(c, out, 0) })
	case "book_ticker":
		f.quote(c, out)
	case "obu":
		f.book(c, out, true)
	case "order_book_update":
		f.book(c, out, false)
	case "candlesticks":
		each(c, func() { f.candle(c, out) })
	case "tickers":
		each(c, func() { f.ticker(c, m.at, out) })
	case "public_liquidates":
		each(c, func() { f.liquidation(c, out) })
	case "order_book", "trades_v2", "contract_stats", "contract_info":
	default:
		venue.Say(out, market.Strange, "", "", "data of channel "+string(m.channel))
	}
}

// each reads what comes alone or in an array: the venue has done both.
func each(c *scan.Cursor, read func()) {
	if c.Peek() != '[' {
		read()
		return
	}
	for ok := c.Arr(); ok && c.NextItem(); {
		read()
	}
}

// moment reads a time with decimals, in seconds or in milliseconds: the venue calls both
// "ms". No second of a market has twelve digits, and no millisecond fewer.
func moment(c *scan.Cursor) time.Time {
	d := c.Decimal()
	scale := 9
	if d.Cmp(second) >= 0 {
		scale = 6
	}
	ns, err := d.Round(scale).Rescale(scale)
	if err != nil || d.IsNeg() || ns.Coef() > 1<<63-1 {
		c.Fail("expected a time")
		return time.Time{}
	}
	if ns.IsZero() {
		return time.Time{}
	}
	return time.Unix(0, int64(ns.Coef())).UTC()
}

var second = money.MustNew(100_000_000_000, 0)

// trade reads one of spot, with a side and an amount, or one of futures, whose size is
// negative when the taker sold.
func (f *feed) trade(c *scan.Cursor, out *market.Batch, marks market.Mark) {
	t := venue.Trade(out, nobody)
	t.Marks = marks
	in := nobody
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "id":
			t.ID = string(c.Raw())
		case "create_time":
			if at := moment(c); t.At.IsZero() {
				t.At = at
			}
		case "create_time_ms":
			t.At = moment(c)
		case "side":
			t.Side = venue.SideOf(c.Str())
		case "currency_pair", "contract":
			in = f.find(c.Str())
		case "amount":
			t.Qty = c.Qty()
		case "size":
			t.Side, t.Qty = signed(c.Qty())
		case "price":
			t.Price = c.Price()
		default:
			c.Skip()
		}
	}
	if in == nobody || t.Price.IsZero() {
		c.Fail("trade without symbol or price")
		return
	}
	t.Venue, t.Pair, t.Symbol, t.Qty = in.Venue, in.Pair, in.Symbol, in.Size(t.Qty)
	if t.Side == market.NoSide {
		venue.Say(out, market.Strange, market.Trades, t.Symbol, "trade without a known side")
	}
}

// signed turns a size with a sign into a side and a size.
func signed(q money.Qty) (market.Side, money.Qty) {
	switch q.Sign() {
	case 1:
		return market.Buy, q
	case -1:
		return market.Sell, money.Qty{Decimal: q.Abs()}
	}
	return market.NoSide, q
}

func (f *feed) quote(c *scan.Cursor, out *market.Batch) {
	q := venue.Quote(out, nobody)
	in := nobody
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "t":
			q.At = c.Millis()
		case "s":
			in = f.find(c.Str())
		case "b":
			q.Bid = c.Price()
		case "B":
			q.BidQty = c.Qty()
		case "a":
			q.Ask = c.Price()
		case "A":
			q.AskQty = c.Qty()
		default:
			c.Skip()
		}
	}
	if in == nobody {
		c.Fail("quote without symbol")
		return
	}
	if q.Bid.IsZero() && q.Ask.IsZero() { // nothing rests in the book
		out.Quotes = out.Quotes[:len(out.Quotes)-1]
		return
	}
	q.Venue, q.Pair, q.Symbol, q.BidQty, q.AskQty = in.Venue, in.Pair, in.Symbol, in.Size(q.BidQty), in.Size(q.AskQty)
}

// book reads {t,full,s,U,u,b,a}. In the chain (obu) the symbol stands inside the name of
// the subscription, and an update whose U is not the last u plus one shows a loss.
func (f *feed) book(c *scan.Cursor, out *market.Batch, chain bool) {
	b := venue.Book(out, nobody)
	var symbol []byte
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "t":
			b.At = c.Millis()
		case "full":
			b.Snapshot = c.Bool()
		case "s":
			symbol = c.Str()
		case "U":
			b.First = uint64(c.Int())
		case "u":
			b.Last = uint64(c.Int())
		case "b":
			b.Bids = levels(c, out)
		case "a":
			b.Asks = levels(c, out)
		default:
			c.Skip()
		}
	}
	deep := depth
	if chain {
		symbol, deep = topic(symbol)
	}
	if len(symbol) == 0 || b.Last == 0 || b.First == 0 && !b.Snapshot {
		c.Fail("book without symbol or numbers")
		return
	}
	if deep != depth {
		out.Books = out.Books[:len(out.Books)-1] // another book of the same symbol, which has a chain of its own
		return
	}
	in := f.find(symbol)
	b.Venue, b.Pair, b.Symbol = in.Venue, in.Pair, in.Symbol
	b.Bids, b.Asks = venue.Sized(in, b.Bids), venue.Sized(in, b.Asks)
	if b.Snapshot {
		b.First = b.Last
	} else if chain {
		b.Prev = int64(b.First) - 1
	}
}

// topic takes "ob.BTC_USDT.400" apart.
func topic(s []byte) (symbol []byte, levels int) {
	s, ok := bytes.CutPrefix(s, []byte("ob."))
	i := bytes.LastIndexByte(s, '.')
	if !ok || i < 0 || len(s)-i > 6 {
		return nil, 0
	}
	for _, d := range s[i+1:] {
		levels = levels*10 + int(d-'0')
	}
	return s[:i], levels
}

// levels reads [["price","size"],…], or [{"p":"price","s":size},…] as older books of
// futures have it.
func levels(c *scan.Cursor, out *market.Batch) []market.Level {
	start := *c
	if !c.Arr() || !c.NextItem() || c.Peek() != '{' {
		*c = start
		return venue.ReadLevels(c, out)
	}
	all := out.Levels()
	from := len(all)
	for more := true; more; more = c.NextItem() {
		var l market.Level
		for ok := c.Obj(); ok && c.NextKey(); {
			switch string(c.K) {
			case "p":
				l.Price = c.Price()
			case "s":
				l.Qty = c.Qty()
			default:
				c.Skip()
			}
		}
		all = append(all, l)
	}
	return out.KeepLevels(all, from)
}

// candle reads {t,v,c,h,l,o,n,a,w}; n is interval and symbol, "1m_BTC_USDT". On spot v is
// the turnover and a the volume; on futures v is the volume, in contracts.
func (f *feed) candle(c *scan.Cursor, out *market.Batch) {
	k := venue.Candle(out, nobody, "", time.Time{})
	var name []byte
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "n":
			name = c.Str()
		case "a":
			if f.of == spot {
				k.Volume = c.Qty()
			} else {
				c.Skip()
			}
		case "v":
			if f.of == spot {
				k.Turnover = c.Sum()
			} else {
				k.Volume = c.Qty()
			}
		case "w":
			k.Complete = c.Bool()
		default:
			bar(c, k)
		}
	}
	interval, symbol, _ := bytes.Cut(name, []byte{'_'})
	in := f.find(symbol)
	if in == nobody || k.Open.IsZero() {
		c.Fail("candle without symbol or time")
		return
	}
	k.Venue, k.Pair, k.Interval, k.Volume = in.Venue, in.Pair, venue.IntervalOf(intervals, string(interval)), in.Size(k.Volume)
	if k.Interval == "" {
		out.Candles = out.Candles[:len(out.Candles)-1]
		venue.Say(out, market.Strange, market.Candles, in.Symbol, "candles of interval "+string(interval))
	}
}

// bar reads a member that candles of stream and of REST share.
func bar(c *scan.Cursor, k *market.Candle) {
	switch string(c.K) {
	case "t":
		k.Open = c.Seconds()
	case "o":
		k.O = c.Price()
	case "h":
		k.H = c.Price()
	case "l":
		k.L = c.Price()
	case "c":
		k.C = c.Price()
	default:
		c.Skip()
	}
}

// ticker reads what a contract is said to be. Spot has nothing of that, and its best
// prices have no sizes.
func (f *feed) ticker(c *scan.Cursor, at time.Time, out *market.Batch) {
	if f.of == spot {
		c.Skip()
		return
	}
	d := venue.Derivative(out, nobody)
	d.At = at
	in := nobody
	for ok := c.Obj(); ok && c.NextKey(); {
		if c.Is("contract") {
			in = f.find(c.Str())
		} else {
			stated(c, d)
		}
	}
	contract(c, d, in, out)
}

// stated reads a member of a ticker, or of a contract by REST, into d.
func stated(c *scan.Cursor, d *market.Derivative) {
	if c.Peek() == '{' || c.Peek() == '[' {
		c.Skip()
		return
	}
	before := *c
	if text := c.Raw(); len(text) == 0 || string(text) == "null" {
		return // says nothing
	}
	after := *c
	*c = before
	switch string(c.K) {
	case "mark_price":
		d.Mark, d.Has = c.Price(), d.Has|market.StatedMark
	case "index_price":
		d.Index, d.Has = c.Price(), d.Has|market.StatedIndex
	case "funding_rate":
		d.Funding, d.Has = c.Decimal(), d.Has|market.StatedFunding
	case "total_size", "position_size": // the long side
		d.Interest, d.Has = c.Qty(), d.Has|market.StatedInterest
	case "funding_interval":
		d.Interval = time.Duration(min(max(c.Int(), 0), 1<<31)) * time.Second
	case "funding_next_apply":
		d.FundingAt = moment(c)
	default:
		*c = after
	}
}

// contract finishes a derivative, or takes it back if it says nothing.
func contract(c *scan.Cursor, d *market.Derivative, in *market.Instrument, out *market.Batch) {
	if in == nobody {
		c.Fail("contract without name")
	}
	if d.Has == 0 || in == nobody {
		out.Derivatives = out.Derivatives[:len(out.Derivatives)-1]
		return
	}
	d.Venue, d.Pair, d.Symbol, d.Interest = in.Venue, in.Pair, in.Symbol, in.Size(d.Interest)
}

func (f *feed) liquidation(c *scan.Cursor, out *market.Batch) {
	l := venue.Liquidation(out, nobody)
	in := nobody
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "contract":
			in = f.find(c.Str())
		case "price":
			l.Price = c.Price()
		case "size":
			l.Side, l.Qty = signed(c.Qty())
		case "time":
			if at := moment(c); l.At.IsZero() {
				l.At = at
			}
		case "time_ms":
			l.At = moment(c)
		default:
			c.Skip()
		}
	}
	if in == nobody || l.Price.IsZero() {
		c.Fail("liquidation without contract or price")
		return
	}
	l.Venue, l.Pair, l.Symbol, l.Qty = in.Venue, in.Pair, in.Symbol, in.Size(l.Qty)
}
