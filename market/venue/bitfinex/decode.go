package bitfinex

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

// feed reads one connection. Its data names only the number of a channel, so the feed
// remembers what each number was given for.
type feed struct {
	t        *venue.Table
	channels map[int64]channel
	numbers  map[channel]int64 // the newest number of each
	levels   venue.Mixed
}

// channel is what a channel number stands for.
type channel struct {
	ch       market.Channel
	in       *market.Instrument
	interval market.Interval
}

func open(t *venue.Table, _ *url.URL) venue.Feed {
	return &feed{t: t, channels: map[int64]channel{}, numbers: map[channel]int64{}}
}

// Unsubscribe ends channels by their numbers. See venue.Leaver.
func (f *feed) Unsubscribe(subs []venue.Sub, _ int) [][]byte {
	var out [][]byte
	for _, s := range subs {
		k := channel{ch: s.Channel, in: f.t.Find([]byte(s.Instrument.Key))}
		if s.Channel == market.Candles {
			k.interval = s.Interval
		}
		if n, ok := f.numbers[k]; ok {
			out = append(out, strconv.AppendInt([]byte(`{"event":"unsubscribe","chanId":`), n, 10))
			out[len(out)-1] = append(out[len(out)-1], '}')
		}
	}
	return out
}

// Decode reads an event, which is an object, or data: [number, payload], or [number,
// kind, payload]; with a running number and a time behind it where they are switched on.
func (f *feed) Decode(frame []byte, out *market.Batch) error {
	c := scan.New(frame)
	if c.Peek() == '{' {
		return f.event(&c, out)
	}
	var m message
	if c.Arr() && c.NextItem() {
		m.channel = c.Int()
	}
	if !c.NextItem() {
		c.Fail("message without a payload")
	}
	if c.Peek() == '"' {
		m.kind = c.Str()
	}
	if k := string(m.kind); k == "" || k != "hb" && c.NextItem() {
		m.payload = c
		c.Skip()
	} else if k != "hb" {
		c.Fail("message without a payload")
	}
	for c.NextItem() {
		// Numbers count messages, so none is as large as a time in milliseconds (1973).
		if n := c.Int(); n > 1e11 {
			m.at = time.UnixMilli(n).UTC()
		} else {
			out.Seq, out.HasSeq = n, true
		}
	}
	if err := c.End(); err != nil {
		return err
	}
	f.data(&m, out)
	return m.payload.Err()
}

// message is one message of data.
type message struct {
	channel int64
	kind    []byte
	payload scan.Cursor
	at      time.Time // when the venue sent it
}

func (f *feed) data(m *message, out *market.Batch) {
	k, known := f.channels[m.channel]
	switch kind := string(m.kind); {
	case kind == "hb": // may come before the channel is confirmed
		venue.Say(out, market.Heartbeat, k.ch, "", "")
	case !known:
		venue.Say(out, market.Strange, "", "", "data of channel "+strconv.FormatInt(m.channel, 10)+", which stands for nothing that is read")
	case kind == "cs" && k.ch == market.Books:
		u := venue.Book(out, k.in)
		u.Checksum, u.HasSum, u.At = uint32(m.payload.Int()), true, m.at
	case kind == "te" && k.ch == market.Trades:
		trade(&m.payload, k.in, out)
	case kind == "tu" && k.ch == market.Trades: // the same trade again
	case kind == "fte", kind == "ftu": // trades of funding
	case kind != "":
		venue.Say(out, market.Strange, k.ch, k.in.Symbol, "message of kind "+kind)
	case k.ch == market.Books:
		f.book(m, k.in, out)
	case k.ch == market.Trades:
		trades(&m.payload, k.in, out)
		slices.Reverse(out.Trades)
	case k.ch == market.Quotes:
		ticker(m, k.in, out)
	case k.ch == market.Candles:
		candles(&m.payload, k, out)
		venue.Settle(out, m.at)
	case k.ch == market.Derivatives:
		if m.payload.Arr() {
			status(&m.payload, k.in, out)
		}
	}
}

// many tells whether a payload is a list of rows, as first messages are, and not one row.
func many(c scan.Cursor) bool {
	c.Arr()
	return !c.NextItem() || c.Peek() == '['
}

// book reads [[price, count, amount],…], which is the whole book, or one such row.
func (f *feed) book(m *message, in *market.Instrument, out *market.Batch) {
	u := venue.Book(out, in)
	u.At, u.Snapshot = m.at, many(m.payload)
	f.levels.Begin(out)
	c := &m.payload
	if !u.Snapshot {
		f.levels.Add(level(c))
	} else {
		for ok := c.Arr(); ok && c.NextItem(); {
			f.levels.Add(level(c))
		}
	}
	u.Bids, u.Asks = f.levels.End(out)
}

// level reads [price, count, amount]: bids have amounts above 0, asks below, and a
// count of 0 removes.
func level(c *scan.Cursor) (ask bool, l market.Level) {
	n, count := 0, int64(0)
	for ok := c.Arr(); ok && c.NextItem(); n++ {
		switch n {
		case 0:
			l.Price = c.Price()
		case 1:
			count = c.Int()
		case 2:
			l.Qty = c.Qty()
		default:
			c.Skip()
		}
	}
	if n < 3 || l.Qty.IsZero() {
		c.Fail("expected [price, count, amount]")
	}
	ask = l.Qty.IsNeg()
	l.Qty.Decimal = l.Qty.Abs()
	if count == 0 {
		l.Qty = market.Level{}.Qty
	}
	return ask, l
}

// trades reads a list of trades that were not seen live: a first message, which has the
// newest first, or an answer of REST.
func trades(c *scan.Cursor, in *market.Instrument, out *market.Batch) {
	for ok := c.Arr(); ok && c.NextItem(); {
		trade(c, in, out).Marks = market.Backfilled
	}
}

// trade reads [id, milliseconds, amount, price]; the taker sold where the amount is below 0.
func trade(c *scan.Cursor, in *market.Instrument, out *market.Batch) *market.Trade {
	t := venue.Trade(out, in)
	n := 0
	for ok := c.Arr(); ok && c.NextItem(); n++ {
		switch n {
		case 0:
			t.ID = string(c.Raw())
		case 1:
			t.At = c.Millis()
		case 2:
			t.Qty = c.Qty()
		case 3:
			t.Price = c.Price()
		default:
			c.Skip()
		}
	}
	if n < 4 || t.Price.IsZero() {
		c.Fail("expected [id, time, amount, price]")
	}
	t.Side = market.Buy
	if t.Qty.IsNeg() {
		t.Side, t.Qty.Decimal = market.Sell, t.Qty.Abs()
	}
	return t
}

// ticker reads [bid, size, ask, size, …]. The sizes are those of 25 levels together.
func ticker(m *message, in *market.Instrument, out *market.Batch) {
	q := venue.Quote(out, in)
	q.At = m.at
	n := 0
	c := &m.payload
	for ok := c.Arr(); ok && c.NextItem(); n++ {
		switch n {
		case 0:
			q.Bid = c.Price()
		case 2:
			q.Ask = c.Price()
		default:
			c.Skip()
		}
	}
	if n < 4 {
		c.Fail("ticker is too short")
	}
	if q.Bid.IsZero() && q.Ask.IsZero() { // nothing rests in the book
		out.Quotes = out.Quotes[:len(out.Quotes)-1]
	}
}

// candles reads [[milliseconds, open, close, high, low, volume],…] or one such row.
func candles(c *scan.Cursor, k channel, out *market.Batch) {
	row := func() { venue.ReadRow(c, venue.Candle(out, k.in, k.interval, time.Time{}), "mochlv") }
	if !many(*c) {
		row()
		return
	}
	for ok := c.Arr(); ok && c.NextItem(); {
		row()
	}
}

// fundingEvery is the time between two payments. https://docs.bitfinex.com/reference/ws-public-status
const fundingEvery = 8 * time.Hour

// status reads [time, -, price, spot price, -, insurance fund, -, next payment, accrued
// for it, steps, -, funding now, -, -, mark, -, -, open interest, …], whose array is entered.
func status(c *scan.Cursor, in *market.Instrument, out *market.Batch) {
	d := venue.Derivative(out, in)
	n := 0
	for ; c.NextItem(); n++ {
		if c.Peek() == 'n' { // null is not stated
			c.Skip()
			continue
		}
		switch n {
		case 0:
			d.At = c.Millis()
		case 3:
			d.Index, d.Has = c.Price(), d.Has|market.StatedIndex
		case 7:
			d.FundingAt = c.Millis()
		case 8:
			d.Funding, d.Interval, d.Has = c.Decimal(), fundingEvery, d.Has|market.StatedFunding
		case 14:
			d.Mark, d.Has = c.Price(), d.Has|market.StatedMark
		case 17:
			d.Interest, d.Has = c.Qty(), d.Has|market.StatedInterest
		default:
			c.Skip()
		}
	}
	if n < 12 {
		c.Fail("status is too short")
	}
	if d.Has == 0 {
		out.Derivatives = out.Derivatives[:len(out.Derivatives)-1]
	}
}

// event is what an event says.
type event struct {
	name, channel, symbol, key, prec, said, status []byte
	number, code                                   int64
	down                                           bool
}

// event reads {"event":…}.
func (f *feed) event(c *scan.Cursor, out *market.Batch) error {
	var e event
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "event":
			e.name = c.Str()
		case "channel":
			e.channel = c.Str()
		case "symbol":
			e.symbol = c.Str()
		case "key":
			e.key = c.Str()
		case "prec":
			e.prec = c.Str()
		case "msg":
			e.said = c.Str()
		case "status":
			e.status = c.Raw()
		case "chanId":
			e.number = c.Int()
		case "code":
			e.code = c.Int()
		case "platform":
			if c.Peek() != '{' {
				c.Skip()
				continue
			}
			for ok := c.Obj(); ok && c.NextKey(); {
				if c.Is("status") {
					e.down = c.Int() == 0
				} else {
					c.Skip()
				}
			}
		default:
			c.Skip()
		}
	}
	if err := c.End(); err != nil {
		return err
	}
	switch string(e.name) {
	case "subscribed":
		f.subscribed(&e, out)
	case "unsubscribed":
		k := f.channels[e.number]
		if k.in == nil {
			k.in = &market.Instrument{}
		}
		venue.Say(out, market.Ack, k.ch, k.in.Symbol, "unsubscribed")
	case "error":
		ch, symbol, _ := meaning(&e)
		venue.Say(out, market.Refused, ch, symbol, string(e.said)+" ("+strconv.FormatInt(e.code, 10)+")")
	case "conf":
		if string(e.status) != "OK" {
			venue.Say(out, market.Refused, "", "", "configuration: "+string(e.status))
			break
		}
		venue.Say(out, market.Ack, "", "", "configured")
	case "info":
		said(&e, out)
	case "pong":
		venue.Say(out, market.Heartbeat, "", "", "")
	default:
		venue.Say(out, market.Strange, "", "", "event "+string(e.name))
	}
	return nil
}

// said reads what the venue tells of itself. https://docs.bitfinex.com/docs/ws-general#info-messages
func said(e *event, out *market.Batch) {
	switch {
	case e.code == 20051:
		venue.Say(out, market.Moving, "", "", "the venue restarts this server")
	case e.code == 20061:
		venue.Say(out, market.Moving, "", "", "maintenance is over: everything is subscribed again")
	case e.code == 20060 || e.down:
		venue.Say(out, market.Info, "", "", "the venue is under maintenance")
	case e.code != 0:
		venue.Say(out, market.Strange, "", "", "info of code "+strconv.FormatInt(e.code, 10)+" "+string(e.said))
	default:
		venue.Say(out, market.Info, "", "", "operative")
	}
}

// subscribed remembers what a channel number stands for.
func (f *feed) subscribed(e *event, out *market.Batch) {
	ch, symbol, interval := meaning(e)
	if ch == "" || len(symbol) < 2 || symbol[0] != 't' {
		venue.Say(out, market.Strange, "", symbol, "subscribed to "+string(e.channel)+" "+string(e.key)+string(e.prec))
		return
	}
	k := channel{ch, f.t.Find([]byte(symbol)), interval}
	f.channels[e.number], f.numbers[k] = k, e.number
	venue.Say(out, market.Ack, ch, k.in.Symbol, "subscribed")
}

// meaning gives our name of what an event is about; ch is "" for what is not read, such
// as books of single orders or of coarser prices.
func meaning(e *event) (ch market.Channel, symbol string, interval market.Interval) {
	symbol = string(e.symbol)
	switch string(e.channel) {
	case "trades":
		return market.Trades, symbol, ""
	case "ticker":
		return market.Quotes, symbol, ""
	case "book":
		if p := string(e.prec); p == "P0" || p == "" {
			return market.Books, symbol, ""
		}
	case "candles":
		return keyed(string(e.key))
	case "status":
		if s, ok := strings.CutPrefix(string(e.key), "deriv:"); ok {
			return market.Derivatives, s, ""
		}
	}
	return "", symbol, ""
}

// keyed reads trade:1m:tBTCUSD, whose symbol may have a colon too.
func keyed(key string) (ch market.Channel, symbol string, interval market.Interval) {
	rest, ok := strings.CutPrefix(key, "trade:")
	name, symbol, _ := strings.Cut(rest, ":")
	interval = venue.IntervalOf(intervals, name)
	if !ok || interval == "" {
		return "", symbol, ""
	}
	return market.Candles, symbol, interval
}
