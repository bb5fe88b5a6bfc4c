package binance

import (
	"net/url"
	"strconv"

	"github.com/assayhq/assay/internal/scan"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/venue"
	"github.com/assayhq/assay/money"
)

// feed reads the streams of spot and, where contracts says so, of sizes in contracts.
type feed struct {
	t         *venue.Table
	contracts bool
}

func open(t *venue.Table, _ *url.URL) venue.Feed { return &feed{t: t} }

// Decode reads {"stream":…,"data":{…}} as well as the bare event, answers to requests
// and errors. The first key tells which: no event has one of the outer names.
func (f *feed) Decode(frame []byte, out *market.Batch) error {
	c := scan.New(frame)
	if c.Peek() == '[' {
		c.Skip() // arrays of mini tickers; nothing we asked for
		return c.End()
	}
	start := c
	ok := c.Obj()
	for first := true; ok && c.NextKey(); first = false {
		switch {
		case c.Is("stream"), c.Is("id"), c.Is("code"):
			c.Skip()
		case c.Is("data"):
			f.event(&c, out)
		case c.Is("result"):
			c.Skip()
			venue.Say(out, market.Ack, "", "", "")
		case c.Is("error"), c.Is("msg"):
			venue.Say(out, market.Refused, "", "", string(snip(&c)))
		case first:
			c = start
			f.event(&c, out)
			return c.End()
		default:
			c.Skip()
		}
	}
	return c.End()
}

func snip(c *scan.Cursor) []byte {
	if c.Peek() != '{' {
		return c.Raw()
	}
	var text []byte
	for ok := c.Obj(); ok && c.NextKey(); {
		if c.Is("msg") {
			text = c.Str()
		} else {
			c.Skip()
		}
	}
	return text
}

// event reads an event object. Its type mostly comes first; best bid and ask have
// none, so an object that begins otherwise is read as these, and again if a type
// turns up after all.
func (f *feed) event(c *scan.Cursor, out *market.Batch) {
	start := *c
	if !c.Obj() || !c.NextKey() {
		c.Fail("empty event")
		return
	}
	kind := ""
	if c.Is("e") {
		kind = string(c.Str())
		if !c.NextKey() {
			return
		}
	} else if kind = f.ticker(c, out); kind == "" || c.Err() != nil {
		return
	} else {
		*c = start
		c.Obj()
		c.NextKey()
	}
	switch kind {
	case "depthUpdate":
		f.depth(c, out)
	case "trade", "aggTrade":
		f.trade(c, out, kind == "aggTrade")
	case "kline":
		f.kline(c, out)
	case "bookTicker":
		f.best(c, out)
	case "markPriceUpdate":
		f.mark(c, out)
	case "forceOrder":
		f.forced(c, out)
	case "serverShutdown":
		venue.Say(out, market.Moving, "", "", "the venue restarts this server")
		rest(c)
	case "24hrTicker", "24hrMiniTicker", "avgPrice", "blockTrade":
		rest(c)
	default:
		venue.Say(out, market.Strange, "", "", "event "+kind)
		rest(c)
	}
}

// rest skips the member whose key was just read and all that follow.
func rest(c *scan.Cursor) {
	for more := true; more; more = c.NextKey() {
		c.Skip()
	}
}

func (f *feed) depth(c *scan.Cursor, out *market.Batch) {
	u, in := venue.Book(out, nobody), nobody
	for more := true; more; more = c.NextKey() {
		switch string(c.K) {
		case "E":
			u.At = c.Millis()
		case "s":
			in = f.t.Find(c.Str())
			u.Venue, u.Pair, u.Symbol = in.Venue, in.Pair, in.Symbol
		case "U":
			u.First = uint64(c.Int())
		case "pu":
			u.Prev = c.Int()
		case "u":
			u.Last = uint64(c.Int())
		case "b":
			u.Bids = venue.ReadLevels(c, out)
		case "a":
			u.Asks = venue.ReadLevels(c, out)
		default:
			c.Skip()
		}
	}
	if u.Symbol == "" || u.Last == 0 {
		c.Fail("depth update without symbol or number")
	}
	if f.contracts {
		u.Bids, u.Asks = venue.WorthLevels(in, u.Bids), venue.WorthLevels(in, u.Asks)
	}
}

// nobody stands in until the symbol has been read.
var nobody = &market.Instrument{}

func (f *feed) trade(c *scan.Cursor, out *market.Batch, aggregate bool) {
	t, in := venue.Trade(out, nobody), nobody
	t.Aggregate = aggregate
	for more := true; more; more = c.NextKey() {
		switch string(c.K) {
		case "s":
			in = f.t.Find(c.Str())
			t.Venue, t.Pair, t.Symbol = in.Venue, in.Pair, in.Symbol
		case "t":
			if id := c.Raw(); !aggregate {
				t.ID = string(id)
			}
		case "a":
			if id := c.Raw(); aggregate {
				t.ID = string(id)
			}
		case "p":
			t.Price = c.Price()
		case "q":
			t.Qty = c.Qty()
		case "T":
			t.At = c.Millis()
		case "m":
			t.Side = market.Buy
			if c.Bool() {
				t.Side = market.Sell
			}
		default:
			c.Skip()
		}
	}
	if t.Symbol == "" || t.Price.IsZero() {
		c.Fail("trade without symbol or price")
	}
	if f.contracts {
		t.Qty = venue.Worth(in, t.Qty)
	}
}

// ticker reads best bid and ask. It gives the type if there is one: then it was
// something else, and nothing is kept.
func (f *feed) ticker(c *scan.Cursor, out *market.Batch) (kind string) {
	q := venue.Quote(out, nobody)
	seen := 0
	for more := true; more; more = c.NextKey() {
		seen++
		if p := c.Peek(); p == '[' || p == '{' {
			c.Skip() // it is no quote; its type follows
			continue
		}
		switch string(c.K) {
		case "e":
			kind = string(c.Raw())
			out.Quotes = out.Quotes[:len(out.Quotes)-1]
			return kind
		case "s":
			in := f.t.Find(c.Str())
			q.Venue, q.Pair, q.Symbol = in.Venue, in.Pair, in.Symbol
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
	if q.Symbol == "" || q.Bid.IsZero() && q.Ask.IsZero() {
		out.Quotes = out.Quotes[:len(out.Quotes)-1]
		venue.Say(out, market.Strange, "", "", "event without a type, of "+strconv.Itoa(seen)+" members")
	}
	return ""
}

func (f *feed) kline(c *scan.Cursor, out *market.Batch) {
	for more := true; more; more = c.NextKey() {
		if !c.Is("k") {
			c.Skip()
			continue
		}
		k := venue.Candle(out, nobody, "", zero)
		for ok := c.Obj(); ok && c.NextKey(); {
			switch string(c.K) {
			case "t":
				k.Open = c.Millis()
			case "s":
				in := f.t.Find(c.Str())
				k.Venue, k.Pair = in.Venue, in.Pair
			case "i":
				k.Interval = venue.IntervalOf(intervals, string(c.Str()))
			case "o":
				k.O = c.Price()
			case "c":
				k.C = c.Price()
			case "h":
				k.H = c.Price()
			case "l":
				k.L = c.Price()
			case "v":
				if v := c.Qty(); !f.contracts {
					k.Volume = v
				}
			case "q":
				if v := c.Sum(); f.contracts { // the volume in base; v counts contracts
					k.Volume = money.Qty{Decimal: v}
				} else {
					k.Turnover = v
				}
			case "n":
				k.Trades = c.Int()
			case "x":
				k.Complete = c.Bool()
			default:
				c.Skip()
			}
		}
		if k.Pair == "" || k.Interval == "" {
			c.Fail("candle without symbol or interval")
		}
	}
}
