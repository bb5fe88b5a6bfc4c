package hyperliquid

import (
	"net/url"
	"time"

	"github.com/assayhq/assay/internal/scan"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/venue"
	"github.com/assayhq/assay/money"
)

// feed reads one connection.
type feed struct{ t *venue.Table }

func open(t *venue.Table, _ *url.URL) venue.Feed { return &feed{t} }

// Decode reads {"channel":…,"data":…}.
func (f *feed) Decode(frame []byte, out *market.Batch) error {
	c := scan.New(frame)
	var channel []byte
	var data scan.Cursor
	has := false
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "channel":
			channel = c.Str()
		case "data":
			data, has = c, true
			c.Skip()
		default:
			c.Skip()
		}
	}
	if err := c.End(); err != nil {
		return err
	}
	if string(channel) == "pong" {
		venue.Say(out, market.Heartbeat, "", "", "")
		return nil
	}
	if !has {
		venue.Say(out, market.Strange, "", "", "message without data of "+string(channel))
		return nil
	}
	switch string(channel) {
	case "trades":
		for ok := data.Arr(); ok && data.NextItem(); {
			trade(&data, f.t, 0, out)
		}
	case "l2Book":
		whole(&data, f.t, out)
	case "bbo":
		best(&data, f.t, out)
	case "candle":
		candle(&data, f.t, out)
	case "activeAssetCtx":
		f.context(&data, out)
	case "subscriptionResponse":
		subscribed(&data, out)
	case "error":
		venue.Say(out, market.Refused, "", "", string(data.Str()))
	case "activeSpotAssetCtx", "allMids", "allDexsAssetCtxs", "notification", "webData2", "webData3", "user", "userFills", "userEvents", "orderUpdates", "post":
		data.Skip() // what we do not ask for
	default:
		venue.Say(out, market.Strange, "", "", "channel "+string(channel))
		data.Skip()
	}
	return data.Err()
}

// subscribed reads {"method":"subscribe","subscription":{"type":…,"coin":…}}.
func subscribed(c *scan.Cursor, out *market.Batch) {
	var kind, coin []byte
	for ok := c.Obj(); ok && c.NextKey(); {
		if !c.Is("subscription") {
			c.Skip()
			continue
		}
		for ok := c.Obj(); ok && c.NextKey(); {
			switch string(c.K) {
			case "type":
				kind = c.Str()
			case "coin":
				coin = c.Str()
			default:
				c.Skip()
			}
		}
	}
	channels := map[string]market.Channel{"trades": market.Trades, "bbo": market.Quotes, "l2Book": market.Books, "candle": market.Candles, "activeAssetCtx": market.Derivatives}
	venue.Say(out, market.Ack, channels[string(kind)], string(coin), "")
}

// trade reads one trade of the stream or of REST. Side is the taker's: B bought, A sold.
func trade(c *scan.Cursor, table *venue.Table, marks market.Mark, out *market.Batch) {
	var t market.Trade
	var coin, side []byte
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "coin":
			coin = c.Str()
		case "side":
			side = c.Str()
		case "px":
			t.Price = c.Price()
		case "sz":
			t.Qty = c.Qty()
		case "time":
			t.At = c.Millis()
		case "tid":
			t.ID = string(c.Raw())
		default:
			c.Skip()
		}
	}
	if len(coin) == 0 || t.Price.IsZero() {
		c.Fail("trade without coin or price")
	}
	if c.Err() != nil {
		return
	}
	in := table.Find(coin)
	x := venue.Trade(out, in)
	x.ID, x.Price, x.Qty, x.At, x.Marks = t.ID, t.Price, t.Qty, t.At, marks
	switch string(side) {
	case "B":
		x.Side = market.Buy
	case "A":
		x.Side = market.Sell
	default:
		venue.Say(out, market.Strange, market.Trades, in.Symbol, "trade of side "+string(side))
	}
}

// level reads {"px":…,"sz":…,"n":…}; null is no level.
func level(c *scan.Cursor) (l market.Level) {
	if c.Peek() != '{' {
		c.Skip()
		return l
	}
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "px":
			l.Price = c.Price()
		case "sz":
			l.Qty = c.Qty()
		default:
			c.Skip()
		}
	}
	return l
}

// whole reads {"coin":…,"time":…,"levels":[[bids],[asks]]}, the whole book, of the stream
// or of REST.
func whole(c *scan.Cursor, table *venue.Table, out *market.Batch) {
	var coin []byte
	var sides [2][]market.Level
	var at time.Time
	n := 0
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "coin":
			coin = c.Str()
		case "time":
			at = c.Millis()
		case "levels":
			for ok := c.Arr(); ok && c.NextItem(); n++ {
				levels := out.Levels()
				from := len(levels)
				for ok := c.Arr(); ok && c.NextItem(); {
					levels = append(levels, level(c))
				}
				if levels = out.KeepLevels(levels, from); n < 2 {
					sides[n] = levels
				}
			}
		default:
			c.Skip()
		}
	}
	if len(coin) == 0 || n != 2 {
		c.Fail("book without coin or sides")
	}
	if c.Err() != nil {
		return
	}
	b := venue.Book(out, table.Find(coin))
	b.Snapshot, b.At, b.Bids, b.Asks = true, at, sides[0], sides[1]
}

// best reads {"coin":…,"time":…,"bbo":[bid or null, ask or null]}.
func best(c *scan.Cursor, table *venue.Table, out *market.Batch) {
	var coin []byte
	var at time.Time
	var sides [2]market.Level
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "coin":
			coin = c.Str()
		case "time":
			at = c.Millis()
		case "bbo":
			n := 0
			for ok := c.Arr(); ok && c.NextItem(); n++ {
				if l := level(c); n < 2 {
					sides[n] = l
				}
			}
		default:
			c.Skip()
		}
	}
	if len(coin) == 0 {
		c.Fail("quote without a coin")
	}
	if c.Err() != nil {
		return
	}
	q := venue.Quote(out, table.Find(coin))
	q.Bid, q.BidQty, q.Ask, q.AskQty, q.At = sides[0].Price, sides[0].Qty, sides[1].Price, sides[1].Qty, at
}

// candle reads {"t":…,"T":…,"s":coin,"i":interval,"o":…,"c":…,"h":…,"l":…,"v":…,"n":…} of
// the stream or of REST.
func candle(c *scan.Cursor, table *venue.Table, out *market.Batch) {
	var coin, name []byte
	k := market.Candle{Trades: -1}
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "s":
			coin = c.Str()
		case "i":
			name = c.Str()
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
			k.Volume = c.Qty()
		case "n":
			k.Trades = c.Int()
		default:
			c.Skip()
		}
	}
	if len(coin) == 0 || k.Open.IsZero() {
		c.Fail("candle without coin or time")
	}
	if c.Err() != nil {
		return
	}
	in, i := table.Find(coin), venue.IntervalOf(intervals, string(name))
	if i == "" {
		venue.Say(out, market.Info, market.Candles, in.Symbol, "candles of "+string(name))
		return
	}
	x := venue.Candle(out, in, i, k.Open)
	x.O, x.H, x.L, x.C, x.Volume, x.Trades = k.O, k.H, k.L, k.C, k.Volume, k.Trades
}

// context reads {"coin":…,"ctx":{…}}.
func (f *feed) context(c *scan.Cursor, out *market.Batch) {
	var coin []byte
	var x state
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "coin":
			coin = c.Str()
		case "ctx":
			x.read(c)
		default:
			c.Skip()
		}
	}
	if len(coin) == 0 {
		c.Fail("context without a coin")
	}
	if c.Err() == nil {
		x.tell(f.t.Find(coin), out)
	}
}

// state is what is said of a perpetual.
type state struct {
	mark, index money.Price
	rate        money.Decimal
	interest    money.Qty
	has         market.Stated
}

func (s *state) read(c *scan.Cursor) {
	for ok := c.Obj(); ok && c.NextKey(); {
		if c.Peek() == 'n' { // null: not known of a coin that does not trade
			c.Skip()
			continue
		}
		switch string(c.K) {
		case "markPx":
			s.mark, s.has = money.Price{Decimal: c.Rounded()}, s.has|market.StatedMark
		case "oraclePx":
			s.index, s.has = money.Price{Decimal: c.Rounded()}, s.has|market.StatedIndex
		case "funding":
			s.rate, s.has = c.Rounded(), s.has|market.StatedFunding
		case "openInterest":
			s.interest, s.has = money.Qty{Decimal: c.Rounded()}, s.has|market.StatedInterest
		default:
			c.Skip()
		}
	}
}

func (s *state) tell(in *market.Instrument, out *market.Batch) {
	if s.has == 0 || in.Kind == market.Spot {
		return
	}
	d := venue.Derivative(out, in)
	d.Has, d.Mark, d.Index, d.Interest = s.has, s.mark, s.index, s.interest
	if s.has&market.StatedFunding != 0 {
		d.Funding, d.Interval = s.rate, time.Hour
	}
}
