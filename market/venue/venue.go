// Package venue is the contract of an exchange: data where exchanges are regular,
// pure functions where they are not.
//
// A Driver says where an exchange is, how it wants to be spoken to and how its
// bytes are read. It never opens a socket, never reads a clock and keeps nothing
// of a frame: package feed owns sockets, time, pacing, reconnects and book joining
// for all of them alike. A new exchange is one folder with one Driver and one line
// in venue/all; venuetest examines it. Connectors, the feed, normalize and the
// API's venue table read it.
package venue

import (
	"net/url"
	"strings"
	"time"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/book"
)

// Driver is everything Assay knows about one exchange.
type Driver struct {
	Spec Spec
	// Dialects are the stream protocols it has spoken, newest first.
	Dialects []Dialect
	REST     REST
	// Guess derives an instrument from a symbol the venue has not described, such
	// as one in a recording without an instrument list. It fills Symbol, Key, Kind,
	// Base, Quote and RESTSymbol in the venue's spelling; ok is false if it cannot.
	Guess func(key string) (in market.Instrument, ok bool)
	// Private is its interface to an account; nil where Assay has none.
	Private *Private
}

// Spec is the exchange as data.
type Spec struct {
	ID     market.VenueID
	Name   string // as it calls itself
	Docs   string // its API documentation
	Stream string // base URL of the stream, scheme and host
	Base   string // base URL of REST, scheme and host
	// Budgets are the request allowances; Request.Budget names one. The first is the default.
	Budgets []Budget
	// Handshakes is how often a connection may be opened.
	Handshakes Rate
	// Header is sent with every request and handshake, for venues that answer in another
	// form without it.
	Header map[string]string
	// ClockSkew is the offset of its clock that it tolerates or that is normal.
	ClockSkew time.Duration
	// Quirks are facts a user of its data should know, one sentence each; docs print them.
	Quirks []string
	// History says how far back REST reaches, in words; docs print it.
	History string
}

// Rate is so many events in a time.
type Rate struct {
	N   int
	Per time.Duration
}

// Budget is an allowance of request weight.
type Budget struct {
	Name string
	Rate
}

// Dialect is one stream protocol of an exchange.
type Dialect struct {
	Name  string
	Since time.Time // first day it was spoken; recordings choose by it
	// Speaks tells whether the stream at addr speaks it; nil means any.
	Speaks func(addr *url.URL) bool
	// Channels lists what can be subscribed to.
	Channels []market.Channel
	// Path is what follows Spec.Stream in the URL for these subscriptions.
	Path string
	// PathFor overrides Path where sections of the market have their own streams;
	// the feed opens one connection per distinct path.
	PathFor func(Sub) string
	// Open makes the decoder of one connection to addr.
	Open func(t *Table, addr *url.URL) Feed
	// Subscribe writes the frames that ask for subs; id is unique on the connection,
	// and 1 in the first call on it: what is said once goes before the first frame.
	Subscribe func(subs []Sub, id int) [][]byte
	// Unsubscribe writes the frames that end subs; nil where the Feed is a Leaver.
	Unsubscribe func(subs []Sub, id int) [][]byte
	// Snapshot writes the frames that ask for whole books on the connection that has
	// their differences (book.StreamRange); nil where they come unasked or by REST. The
	// feed sends them after Subscribe, and again when a book was lost.
	Snapshot func(subs []Sub, id int) [][]byte
	Session  Session
	Book     book.Rule
	// Ticket is a request to make before each connection, for venues whose answer says
	// where to connect (and with what token). nil: Spec.Stream and the path are enough.
	Ticket *Ticket
}

// Ticket asks a venue where to connect.
type Ticket struct {
	Request Request
	// Address reads the answer and gives the whole address to connect to; path is what
	// would have followed Spec.Stream.
	Address func(answer []byte, path string) (addr string, err error)
}

// Session is how a connection is kept.
type Session struct {
	Ping      []byte        // text frame to send; nil: the protocol's own ping frames
	PingEvery time.Duration // 0: the venue pings, or nobody does
	// Idle is how long the whole connection may be quiet before it counts as dead.
	Idle time.Duration
	// Silence is how long a subscribed channel may bring no data before it counts as
	// stale. Heartbeats and pongs do not count.
	Silence map[market.Channel]time.Duration
	// MaxSubs is how many subscriptions one connection carries; 0 is no limit.
	MaxSubs int
	// Batch is how many subscriptions one frame carries; 0 is no limit.
	Batch int
	// Whole: a subscription replaces all that were asked for on the connection before,
	// so Subscribe is always given every one of them, Batch does not count, and a single
	// book is joined again by asking for everything once more.
	Whole bool
	// Messages is how often we may send.
	Messages Rate
	// Warmup is how long after connecting nothing is sent, for venues whose allowance is
	// cut short in the second in which a connection is opened.
	Warmup time.Duration
	// MaxLife is when the venue closes; the feed moves before.
	MaxLife time.Duration
	// ReadLimit is the largest message in bytes; 0 is 1 MiB.
	ReadLimit int64
}

// Sub is one thing to subscribe to.
type Sub struct {
	Channel    market.Channel
	Instrument *market.Instrument
	Interval   market.Interval // for candles
}

// Feed reads the frames of one connection. It may keep what the protocol obliges
// it to (such as which channel number means what), never the frame.
type Feed interface {
	// Decode appends what one frame says to out. An error means that the frame could
	// not be read; nothing of it is used then.
	Decode(frame []byte, out *market.Batch) error
}

// Leaver is a Feed of a venue that ends subscriptions by numbers it gave out itself:
// only the decoder of the connection knows them. What was never confirmed needs no frame.
type Leaver interface {
	Unsubscribe(subs []Sub, id int) [][]byte
}

// REST is an exchange's request interface as two pure functions.
type REST struct {
	// Request gives the request that answers an Ask, or fault.Invalid with a
	// sentence when the exchange cannot (an interval it lacks, say).
	Request func(Ask) (Request, error)
	// Decode reads an answer. What it is stands in the URL, so recorded answers
	// decode too. Errors the exchange hides in a 200 come back as *fault.Error.
	Decode func(u *url.URL, body []byte, t *Table, out *market.Batch) error
	// Failure turns an HTTP error answer into a *fault.Error; nil judges by status alone.
	Failure func(status int, body []byte) error
	// Next gives the ask for the page after got; false when there is none.
	Next func(a Ask, got *market.Batch) (Ask, bool)
	// Intervals are the candle intervals it has.
	Intervals []market.Interval
	// Nameless tells that past trades come without ids, though the stream may have them:
	// then trades are known by time, price, size and side.
	Nameless bool
	// Derivatives and Funding tell that AskDerivative and AskFunding are answered.
	Derivatives, Funding bool
}

// What is the kind of an Ask.
type What uint8

// The kinds of Ask.
const (
	AskInstruments What = iota
	AskBook
	AskTrades
	AskCandles
	AskClock
	AskDerivative // mark, index, funding and open interest of a contract now
	AskFunding    // settled funding of a contract between From and To
)

// Ask is a question to an exchange's REST interface.
type Ask struct {
	What       What
	Instrument market.Instrument
	Interval   market.Interval
	// From (inclusive) and To (exclusive) bound trades and candles; zero From asks
	// for the most recent.
	From, To time.Time
	Limit    int // rows wanted, 0 the most it gives
	// AfterID is the last trade id we have, for venues that page by id.
	AfterID string
	Cursor  string // where the next page starts, in the venue's terms; set by Next
	Depth   int    // levels of a book, 0 the most that is cheap
	Section int    // for instrument lists in several parts: which, from 0
}

// Request is one GET to make, or a POST where Body is set.
type Request struct {
	// Path follows Spec.Base, with its query. With a Body it may end in a fragment
	// (#l2Book,BTC), which is not sent: Decode finds there what the address alone does
	// not tell.
	Path   string
	Body   string // JSON to POST; "" is a GET
	Weight int    // 0 counts as 1
	Budget string // "" is the first
}

// Table is a venue's symbols, shared by its connections. Not safe for concurrent
// use: its owner is one feed.
type Table struct {
	venue market.VenueID
	code  func(symbol string) string
	guess func(string) (market.Instrument, bool)
	byKey map[string]*market.Instrument
	pairs map[market.Pair]*market.Instrument
	list  []*market.Instrument
}

// NewTable makes an empty table. code turns the venue's name of an asset into ours.
func NewTable(d *Driver, code func(symbol string) string) *Table {
	return &Table{venue: d.Spec.ID, code: code, guess: d.Guess, byKey: map[string]*market.Instrument{}, pairs: map[market.Pair]*market.Instrument{}}
}

// Venue gives whose table it is.
func (t *Table) Venue() market.VenueID { return t.venue }

// Find gives the instrument of a key (the symbol, mostly). An unknown one is
// guessed from its name and stays marked Guessed until Learn brings the truth; the
// pointer stays the same. It never fails: a symbol nobody can read becomes an
// instrument whose pair is the symbol itself.
func (t *Table) Find(key []byte) *market.Instrument {
	if in := t.byKey[string(key)]; in != nil {
		return in
	}
	k := string(key)
	in, ok := t.guess(k)
	if !ok {
		in = market.Instrument{Symbol: k, Kind: market.Spot, Status: market.StatusUnknown}
	}
	in.Key = k
	in.Guessed = true
	in.PriceDecimals, in.QtyDecimals = -1, -1
	return t.put(in)
}

// Learn takes a described instrument: our codes are filled in, and the entry with
// its key is replaced in place.
func (t *Table) Learn(in market.Instrument) *market.Instrument {
	if in.Key == "" {
		in.Key = in.Symbol
	}
	return t.put(in)
}

func (t *Table) put(in market.Instrument) *market.Instrument {
	in.Venue = t.venue
	if in.Status == "" {
		in.Status = market.StatusUnknown
	}
	if in.Base != "" && in.Pair == "" {
		in.Base, in.Quote = assetCode(t.code(string(in.Base))), assetCode(t.code(string(in.Quote)))
		in.Pair = market.NewPair(in.Base, in.Quote)
		if in.Kind == market.Perpetual {
			in.Pair = market.Perp(in.Base, in.Quote)
		}
	}
	if in.Pair == "" {
		in.Pair = market.Pair(strings.ToUpper(in.Symbol))
	}
	p := t.byKey[in.Key]
	if p == nil {
		p = new(market.Instrument)
		t.byKey[in.Key] = p
		t.list = append(t.list, p)
	}
	*p = in
	if old := t.pairs[in.Pair]; old == nil || old.Guessed || !in.Guessed {
		t.pairs[in.Pair] = p
	}
	return p
}

// Alias makes key another name of an instrument that is in the table, such as the
// one its REST paths use. It does not show in All.
func (t *Table) Alias(key string, in *market.Instrument) { t.byKey[key] = in }

// Code gives our name of an asset of this venue.
func (t *Table) Code(symbol string) string { return t.code(symbol) }

// ByPair gives the venue's instrument of our pair.
func (t *Table) ByPair(p market.Pair) (*market.Instrument, bool) {
	in, ok := t.pairs[p]
	return in, ok
}

// All lists the instruments in the order they became known.
func (t *Table) All() []*market.Instrument { return t.list }

// Pick chooses the dialect that was spoken at addr on the day of at: the newest
// one not younger than that day which speaks there.
func (d *Driver) Pick(addr *url.URL, at time.Time) (*Dialect, error) {
	for i := range d.Dialects {
		l := &d.Dialects[i]
		if !at.Before(l.Since) && (addr == nil || l.Speaks == nil || l.Speaks(addr)) {
			return l, nil
		}
	}
	where := ""
	if addr != nil {
		where = " at " + addr.Host + addr.Path
	}
	return nil, fault.New(fault.Invalid, "no protocol of %s is known that was spoken%s on %s", d.Spec.Name, where, at.UTC().Format(time.DateOnly))
}

// Current gives the newest dialect, which live connections use.
func (d *Driver) Current() *Dialect { return &d.Dialects[0] }
