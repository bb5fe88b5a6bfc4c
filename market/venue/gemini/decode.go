package gemini

import (
	"net/url"
	"strings"
	"time"

	"github.com/assayhq/assay/internal/scan"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/venue"
	"github.com/assayhq/assay/money"
)

// feed reads the streams. The first message of a book after a subscription is the whole
// book, and all that tells is that it begins with the number it ends with, so the feed
// remembers which books have begun. A connection whose address does not ask for whole
// books gets none.
type feed struct {
	t     *venue.Table
	begun map[*market.Instrument]start
	whole bool
}

// start is how the book of a subscription began.
type start struct {
	number uint64 // of the whole book; 0 before it came
	// again: the subscription before brought no whole book, so whatever comes first now is
	// taken for it. Otherwise a lost one would make the first change pass for all.
	again bool
}

func open(t *venue.Table, addr *url.URL) venue.Feed {
	n := addr.Query().Get("snapshot")
	return &feed{t: t, begun: map[*market.Instrument]start{}, whole: addr.Host == "" || n != "" && n != "0"}
}

// find gives the instrument of a symbol in any case.
func find(t *venue.Table, symbol []byte) *market.Instrument {
	var space [32]byte
	lower := space[:0]
	for _, b := range symbol {
		if b >= 'A' && b <= 'Z' {
			b += 'a' - 'A'
		}
		lower = append(lower, b)
	}
	return t.Find(lower)
}

// takerOf reads "buy" and "sell"; auctions and blocks have no taker.
func takerOf(side []byte) market.Side {
	switch string(side) {
	case "buy":
		return market.Buy
	case "sell":
		return market.Sell
	}
	return market.NoSide
}

// message holds the members that mean something in any message, so that one walk is
// enough. Events mostly say nothing of their kind: what they have tells it.
type message struct {
	id, kind, symbol, tid, said []byte
	at, due                     time.Time
	first, last, minutes        uint64
	status, code                int64
	bids, asks                  []market.Level // of a book
	bid, ask                    market.Level   // of a quote
	price                       money.Price    // p: of a trade, or the mark
	qty                         money.Qty
	amount                      money.Decimal
	maker, paid, whole, top     bool // the buyer was the maker; funding was paid; a partial book; a quote
	levels                      bool
	control                     bool // it answers a request
}

// Decode reads {"e":…}, a quote, a trade, or {"id":…,"status":…}.
func (f *feed) Decode(frame []byte, out *market.Batch) error {
	c := scan.New(frame)
	var m message
	for ok := c.Obj(); ok && c.NextKey(); {
		m.member(&c, out)
	}
	if err := c.End(); err != nil {
		return err
	}
	if m.control {
		f.answered(&m, out)
		return nil
	}
	return f.event(&c, &m, out)
}

func (m *message) member(c *scan.Cursor, out *market.Batch) {
	switch string(c.K) {
	case "id":
		m.id, m.control = c.Raw(), true
	case "status":
		if c.Peek() == '"' {
			c.Skip() // of a bet
		} else {
			m.status = c.Int()
		}
	case "error":
		m.failed(c)
	case "e":
		m.kind = c.Str()
	case "E":
		m.at = nanos(c)
	case "s":
		m.symbol = c.Str()
	case "U":
		m.first, m.levels = uint64(c.Int()), true
	case "u":
		m.last = uint64(c.Int())
	case "b":
		if c.Peek() == '[' {
			m.bids, m.levels = venue.ReadLevels(c, out), true
		} else {
			m.bid.Price, m.top = c.Price(), true
		}
	case "a":
		if c.Peek() == '[' {
			m.asks, m.levels = venue.ReadLevels(c, out), true
		} else {
			m.ask.Price, m.top = c.Price(), true
		}
	case "B":
		m.bid.Qty = c.Qty()
	case "A":
		m.ask.Qty = c.Qty()
	case "t":
		m.tid = c.Raw()
	case "p":
		m.price = c.Price()
	case "q":
		m.qty = c.Qty()
	case "m":
		m.maker = c.Bool()
	case "T":
		m.due = nanos(c)
	case "f":
		m.amount = c.Decimal()
	case "R":
		m.paid = c.Bool()
	case "lastUpdateId":
		m.whole = true
		c.Skip()
	case "i": // minutes of a funding; of a mark, an index on an unknown scale
		if d := c.Decimal(); d.Scale() == 0 {
			m.minutes = d.Coef()
		}
	default:
		c.Skip()
	}
}

// failed reads {"code":…,"msg":…}.
func (m *message) failed(c *scan.Cursor) {
	if c.Peek() != '{' {
		m.said = c.Raw()
		return
	}
	for ok := c.Obj(); ok && c.NextKey(); {
		switch string(c.K) {
		case "code":
			m.code = c.Int()
		case "msg":
			m.said = c.Str()
		default:
			c.Skip()
		}
	}
}

// nanos reads a time in nanoseconds since 1970.
func nanos(c *scan.Cursor) time.Time {
	if n := c.Int(); n != 0 {
		return time.Unix(0, n).UTC()
	}
	return time.Time{}
}

// answered reads what came back from a request; its id names the instrument.
func (f *feed) answered(m *message, out *market.Batch) {
	id := string(m.id)
	_, symbol, _ := strings.Cut(id, " ")
	if id == "ping" && m.status == 200 {
		venue.Say(out, market.Heartbeat, "", "", "")
		return
	}
	if strings.HasPrefix(id, leave) {
		in := find(f.t, []byte(symbol))
		f.begun[in] = start{again: f.begun[in].number == 0}
	}
	if m.status != 200 {
		venue.Say(out, market.Refused, "", symbol, string(m.said))
		return
	}
	venue.Say(out, market.Ack, "", symbol, "")
}

func (f *feed) event(c *scan.Cursor, m *message, out *market.Batch) error {
	kind := string(m.kind)
	switch {
	case kind != "":
	case m.levels:
		kind = "depthUpdate"
	case m.top:
		kind = "bookTicker"
	case len(m.tid) > 0:
		kind = "trade"
	case m.whole:
		kind = "partial"
	}
	switch kind {
	case "depthUpdate", "bookTicker", "trade", "markPrice", "fundingAmount":
		if len(m.symbol) == 0 {
			c.Fail("event without a symbol")
			return c.Err()
		}
	}
	switch kind {
	case "depthUpdate":
		if m.last == 0 {
			c.Fail("book without a number")
			break
		}
		in := find(f.t, m.symbol)
		s := f.begun[in]
		if s.number == 0 && (m.first == m.last || s.again) {
			s.number = m.last
			f.begun[in] = s
		}
		u := venue.Book(out, in)
		u.Snapshot, u.Bids, u.Asks, u.At = f.whole && s.number == m.last, m.bids, m.asks, m.at
		u.First, u.Last = m.first, m.last
	case "bookTicker":
		if m.bid.Price.IsZero() && m.ask.Price.IsZero() {
			break // nothing rests in the book
		}
		q := venue.Quote(out, find(f.t, m.symbol))
		q.Bid, q.BidQty, q.Ask, q.AskQty, q.At = m.bid.Price, m.bid.Qty, m.ask.Price, m.ask.Qty, m.at
	case "trade":
		if m.price.IsZero() {
			c.Fail("trade without a price")
			break
		}
		t := venue.Trade(out, find(f.t, m.symbol))
		t.ID, t.Price, t.Qty, t.At, t.Side = string(m.tid), m.price, m.qty, m.at, market.Buy
		if m.maker {
			t.Side = market.Sell
		}
	case "markPrice":
		d := venue.Derivative(out, find(f.t, m.symbol))
		d.Mark, d.At, d.Has = m.price, m.at, market.StatedMark
	case "fundingAmount":
		m.funding(venue.Derivative(out, find(f.t, m.symbol)))
	case "partial", "contractStatus": // books of the first levels, and bets: nothing we asked for
	default:
		venue.Say(out, market.Strange, "", string(m.symbol), "event "+kind)
	}
	return c.Err()
}

// funding turns an amount for one unit of base into a rate.
func (m *message) funding(d *market.Derivative) {
	d.At, d.FundingAt, d.Settled = m.at, m.due, m.paid
	if m.minutes > 0 && m.minutes < 1<<20 {
		d.Interval = time.Duration(m.minutes) * time.Minute
	}
	if !m.price.IsZero() {
		d.Mark, d.Has = m.price, market.StatedMark
		if rate, err := m.amount.Quo(m.price.Decimal, 10); err == nil {
			d.Funding, d.Has = rate.Trim(), d.Has|market.StatedFunding
		}
	}
}
