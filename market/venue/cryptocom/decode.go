package cryptocom

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/assayhq/assay/internal/scan"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/venue"
)

// feed reads a connection of either version: the letters of the rows are the same.
type feed struct{ t *venue.Table }

func open(t *venue.Table, _ *url.URL) venue.Feed { return &feed{t} }

// Decode reads {"id":…,"method":…,"code":…,"result":{…}}.
func (f *feed) Decode(frame []byte, out *market.Batch) error {
	c := scan.New(frame)
	var id, code int64
	var method, said []byte
	var result scan.Cursor
	has := false
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "id":
			id = c.Int()
		case "method":
			method = c.Str()
		case "code":
			code = c.Int()
		case "message":
			said = c.Str()
		case "result":
			result, has = c, c.Peek() == '{'
			c.Skip()
		default:
			c.Skip()
		}
	}
	if err := c.End(); err != nil {
		return err
	}
	switch {
	case string(method) == "public/heartbeat":
		venue.Say(out, market.Reply, "", "", `{"id":`+strconv.FormatInt(id, 10)+`,"method":"public/respond-heartbeat"}`)
	case code != 0:
		venue.Say(out, market.Refused, "", "", string(method)+": "+strconv.FormatInt(code, 10)+" "+string(said))
	case has:
		return f.result(&result, out)
	case string(method) == "subscribe" || string(method) == "unsubscribe":
		venue.Say(out, market.Ack, "", "", string(method))
	default:
		venue.Say(out, market.Strange, "", "", "message of method "+string(method))
	}
	return nil
}

// result reads {"instrument_name":…,"subscription":…,"channel":…,"data":[…]}.
func (f *feed) result(c *scan.Cursor, out *market.Batch) error {
	var symbol, channel, interval []byte
	var data scan.Cursor
	var depth int64
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "instrument_name":
			symbol = c.Str()
		case "channel":
			channel = c.Str()
		case "interval":
			interval = c.Str()
		case "depth":
			depth = c.Int()
		case "data":
			data = *c
			c.Skip()
		default:
			c.Skip()
		}
	}
	if c.Err() != nil {
		return c.Err()
	}
	if len(symbol) == 0 || data.Peek() != '[' {
		venue.Say(out, market.Strange, "", "", "result without an instrument or data, of channel "+string(channel))
		return nil
	}
	switch string(channel) {
	case "trade":
		readTrades(&data, f.t.Find(symbol), out)
	case "ticker":
		in := f.t.Find(symbol)
		for ok := data.Arr(); ok && data.NextItem(); {
			readTicker(&data, in, out)
		}
	case "book", "book.update":
		in := f.t.Find(symbol)
		for ok := data.Arr(); ok && data.NextItem(); {
			readBook(&data, in, out, string(channel) == "book", int(depth))
		}
	case "candlestick":
		in, i := f.t.Find(symbol), intervalOf(string(interval))
		if i == "" {
			venue.Say(out, market.Info, market.Candles, in.Symbol, "candles of interval "+string(interval))
			return nil
		}
		for ok := data.Arr(); ok && data.NextItem(); {
			readCandle(&data, in, i, out)
		}
		venue.Settle(out, time.Time{}) // all but the newest of a message are complete
	case "mark", "index", "funding":
		in := subject(f.t, string(symbol))
		for ok := data.Arr(); ok && data.NextItem(); {
			readValue(&data, in, string(channel), out)
		}
	case "estimatedfunding", "settlement":
		// The rate of the interval after this one, and the price at expiry.
	default:
		venue.Say(out, market.Strange, "", string(symbol), "channel "+string(channel))
	}
	return data.Err()
}

func intervalOf(name string) market.Interval {
	if i := venue.IntervalOf(intervals, name); i != "" {
		return i
	}
	return venue.IntervalOf(legacy, name)
}

// subject is the contract that a value is of: an index is told of its perpetual.
func subject(t *venue.Table, symbol string) *market.Instrument {
	if name, ok := strings.CutSuffix(symbol, "-INDEX"); ok {
		symbol = name + "-PERP"
	}
	return t.Find([]byte(symbol))
}

// history is how far apart the trades of a message are that shows the past: those of
// a live one happened together.
const history = 5 * time.Second

// readTrades reads trades, newest first.
func readTrades(c *scan.Cursor, in *market.Instrument, out *market.Batch) {
	from := len(out.Trades)
	for ok := c.Arr(); ok && c.NextItem(); {
		readTrade(c, in, out)
	}
	rows := out.Trades[from:]
	slices.Reverse(rows)
	if n := len(rows); n > 1 && rows[n-1].At.Sub(rows[0].At) > history {
		for i := range rows {
			rows[i].Marks = market.Backfilled
		}
	}
}

// readTrade reads a trade of the stream or of REST; s is the taker's side.
func readTrade(c *scan.Cursor, in *market.Instrument, out *market.Batch) {
	t := venue.Trade(out, in)
	var ns int64
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "d":
			t.ID = string(c.Raw())
		case "p":
			t.Price = c.Price()
		case "q":
			t.Qty = in.Size(c.Qty())
		case "s":
			t.Side = venue.SideOf(c.Str())
		case "t":
			t.At = c.Millis()
		case "tn":
			ns = c.Int()
		default:
			c.Skip()
		}
	}
	if ns != 0 {
		t.At = time.Unix(0, ns).UTC()
	}
	if t.Price.IsZero() {
		c.Fail("trade without price")
	}
	if t.Side == market.NoSide {
		venue.Say(out, market.Strange, market.Trades, in.Symbol, "trade without a known side")
	}
}

// readTicker reads a ticker: of contracts it tells the open interest too. A side that
// is empty has no price.
func readTicker(c *scan.Cursor, in *market.Instrument, out *market.Batch) {
	var q market.Quote
	var interest market.Derivative
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "b":
			q.Bid = c.Price()
		case "bs":
			q.BidQty = in.Size(c.Qty())
		case "k":
			q.Ask = c.Price()
		case "ks":
			q.AskQty = in.Size(c.Qty())
		case "t":
			q.At = c.Millis()
		case "oi":
			interest.Interest, interest.Has = in.Size(c.Qty()), market.StatedInterest
		default:
			c.Skip()
		}
	}
	if !q.Bid.IsZero() || !q.Ask.IsZero() {
		best := venue.Quote(out, in)
		best.Bid, best.BidQty, best.Ask, best.AskQty, best.At = q.Bid, q.BidQty, q.Ask, q.AskQty, q.At
	}
	if interest.Has != 0 && in.Kind != market.Spot {
		d := venue.Derivative(out, in)
		d.Has, d.Interest, d.At = interest.Has, interest.Interest, q.At
	}
}

// readBook reads a whole book {bids,asks,u,…} or changes {update:{bids,asks},u,pu,…}.
// tt is when the book changed last, t when the message was made.
func readBook(c *scan.Cursor, in *market.Instrument, out *market.Batch, snapshot bool, depth int) {
	b := venue.Book(out, in)
	b.Snapshot, b.Depth = snapshot, depth
	var sent time.Time
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "update":
			for ok := c.Obj(); ok && c.NextKey(); {
				readSide(c, in, b, out)
			}
		case "u":
			b.Last = uint64(max(c.Int(), 0))
		case "pu":
			if n := c.Int(); !snapshot {
				b.Prev = n
			}
		case "tt":
			b.At = c.Millis()
		case "t":
			sent = c.Millis()
		default:
			readSide(c, in, b, out)
		}
	}
	if b.At.IsZero() {
		b.At = sent
	}
}

// readSide reads the member just found if it is one side of the book. The third number
// of a level, of orders, is not to be relied on: the venue sends 0.
func readSide(c *scan.Cursor, in *market.Instrument, b *market.BookUpdate, out *market.Batch) {
	if c.Peek() != '[' || !c.Is("bids") && !c.Is("asks") {
		c.Skip()
		return
	}
	bids := c.Is("bids")
	levels := venue.Sized(in, venue.ReadLevels(c, out))
	if bids {
		b.Bids = levels
	} else {
		b.Asks = levels
	}
}

func readCandle(c *scan.Cursor, in *market.Instrument, i market.Interval, out *market.Batch) {
	k := venue.Candle(out, in, i, time.Time{})
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "t":
			k.Open = c.Millis()
		case "o":
			k.O = c.Price()
		case "h":
			k.H = c.Price()
		case "l":
			k.L = c.Price()
		case "c":
			k.C = c.Price()
		case "v":
			k.Volume = in.Size(c.Qty())
		default:
			c.Skip()
		}
	}
	if k.Open.IsZero() {
		c.Fail("candle without a start")
	}
}

// paid is how often funding is.
const paid = time.Hour

// readValue reads {"v":…,"t":…}: a price, or the rate that is paid at the end of the hour.
func readValue(c *scan.Cursor, in *market.Instrument, kind string, out *market.Batch) {
	d := venue.Derivative(out, in)
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "v":
			switch kind {
			case "mark":
				d.Mark, d.Has = c.Price(), market.StatedMark
			case "index":
				d.Index, d.Has = c.Price(), market.StatedIndex
			default:
				d.Funding, d.Has = c.Decimal(), market.StatedFunding
			}
		case "t":
			d.At = c.Millis()
		default:
			c.Skip()
		}
	}
	switch {
	case d.Has == 0 || d.At.IsZero():
		c.Fail("value without number or time")
	case kind == "funding":
		d.Interval, d.FundingAt = paid, d.At.Truncate(paid).Add(paid)
	case kind == "settled":
		d.Interval, d.FundingAt, d.Settled = paid, d.At, true
	}
}
