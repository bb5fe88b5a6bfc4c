// Package market is what venues say: pairs, instruments, trades, quotes, books,
// candles, and the gaps between them.
//
// These are the nouns, with the two interfaces they need (History and Recorder).
// Nothing here does I/O, starts a goroutine or reads a clock: every time stands in
// a field, with who assigned it. Money is exact decimals. Times are UTC. Marks say
// what is wrong with a value; a value is never dropped for being wrong.
// Venues, machines, stores, the feed and the API all speak this language.
package market

import (
	"strings"
	"time"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/money"
)

// VenueID names an exchange: the folder name of its connector, such as "kraken".
// ConsensusVenue is the one that is no exchange.
type VenueID string

// ConsensusVenue is the venue of values that Assay computes over several exchanges.
const ConsensusVenue VenueID = "consensus"

// Pair is our name for what is traded: BASE-QUOTE for spot ("BTC-USD"),
// BASE-QUOTE-PERP for a perpetual, BASE-QUOTE-YYYYMMDD for a dated future. Where a venue
// has a linear and an inverse one of the same name, the inverse one's ends in the coin it
// is settled in: BTC-USD-PERP.BTC.
// Codes are ours: BTC, never XBT.
type Pair string

// NewPair makes a spot pair.
func NewPair(base, quote asset.Code) Pair { return Pair(string(base) + "-" + string(quote)) }

// Perp makes the perpetual of base and quote.
func Perp(base, quote asset.Code) Pair { return NewPair(base, quote) + "-PERP" }

// Future makes the future of base and quote that expires on the day of expiry (UTC).
func Future(base, quote asset.Code, expiry time.Time) Pair {
	return NewPair(base, quote) + Pair("-"+expiry.UTC().Format("20060102"))
}

func (p Pair) cut() (base, quote, kind string) {
	base, rest, _ := strings.Cut(string(p), "-")
	quote, kind, _ = strings.Cut(rest, "-")
	return base, quote, kind
}

// Base is the asset that is bought and sold.
func (p Pair) Base() asset.Code { b, _, _ := p.cut(); return asset.Code(b) }

// Quote is the asset the price is in.
func (p Pair) Quote() asset.Code { _, q, _ := p.cut(); return asset.Code(q) }

// Spot tells whether the pair is for immediate delivery.
func (p Pair) Spot() bool { _, _, k := p.cut(); return k == "" }

// Kind tells by its form what a pair is of; options have no form of their own.
func (p Pair) Kind() Kind {
	switch _, _, k := p.cut(); {
	case k == "":
		return Spot
	case k == "PERP", strings.HasPrefix(k, "PERP."): // PERP.BTC is inverse
		return Perpetual
	}
	return Dated
}

// ParsePair checks a caller's text. Lower case is accepted, and "/" or "_" for "-".
func ParsePair(s string) (Pair, error) {
	u := strings.ToUpper(strings.NewReplacer("/", "-", "_", "-").Replace(s))
	parts := strings.Split(u, "-")
	ok := len(u) <= 64 && (len(parts) == 2 || len(parts) == 3)
	for _, p := range parts {
		ok = ok && p != "" && strings.IndexFunc(p, func(r rune) bool {
			return r != '.' && (r < '0' || r > '9') && (r < 'A' || r > 'Z')
		}) < 0
	}
	if !ok {
		return "", fault.At(fault.Invalid, "pair", "%q is not a pair; write BASE-QUOTE, such as BTC-USD", clip(s, 40))
	}
	return Pair(u), nil
}

func clip(s string, n int) string {
	if len(s) > n {
		return s[:n] + "…"
	}
	return s
}

// Kind is what sort of instrument a pair is.
type Kind string

// The kinds of instrument.
const (
	Spot      Kind = "spot"
	Perpetual Kind = "perpetual"
	Dated     Kind = "future"
	Option    Kind = "option"
)

// Status is whether an instrument trades now, in our words.
type Status string

// The statuses of an instrument.
const (
	Trading       Status = "trading"
	Halted        Status = "halted"
	CancelOnly    Status = "cancel_only"
	PreTrading    Status = "pre_trading"
	Delisted      Status = "delisted"
	StatusUnknown Status = "unknown"
)

// Instrument is one thing a venue trades, with the venue's name for it and ours.
// Zero decimals mean that the venue does not state the value.
type Instrument struct {
	Venue       VenueID       `json:"venue"`
	Symbol      string        `json:"symbol"` // the venue's own, as its stream spells it
	Pair        Pair          `json:"pair"`
	Kind        Kind          `json:"kind"`
	Base        asset.Code    `json:"base"`
	Quote       asset.Code    `json:"quote"`
	Status      Status        `json:"status"`
	PriceTick   money.Decimal `json:"price_tick"`   // smallest step of the price, in quote
	QtyStep     money.Decimal `json:"qty_step"`     // smallest step of the size, in base
	MinQty      money.Decimal `json:"min_qty"`      // in base
	MinNotional money.Decimal `json:"min_notional"` // in quote
	// Contract is how much of Unit's counterpart one contract stands for: base for a
	// linear contract, quote for an inverse one. Zero for spot.
	Contract money.Decimal `json:"contract_size"`
	// Unit is what its sizes count. Decoders turn contracts into base where Contract is
	// known and the contract is linear.
	Unit Unit `json:"unit,omitempty"`
	// Settle is the asset that gains and losses are paid in; "" for spot.
	Settle asset.Code `json:"settle,omitempty"`
	// Expiry is when a dated contract ends; zero for spot and perpetuals.
	Expiry time.Time `json:"expiry,omitzero"`
	// PriceDecimals and QtyDecimals are the fixed number of decimals that a
	// checksum over text needs; -1 when the venue does not state them.
	PriceDecimals int `json:"-"`
	QtyDecimals   int `json:"-"`
	// RESTSymbol is the name its REST paths want where that differs from Symbol.
	RESTSymbol string `json:"-"`
	// Key finds it in the venue's symbol table where Symbol alone is not unique.
	Key string `json:"-"`
	// Guessed says that the venue has not described this instrument yet and the
	// pair was derived from its symbol.
	Guessed bool `json:"guessed,omitempty"`
}

// Unit is what the sizes of an instrument count.
type Unit string

// The units of a size.
const (
	InBase      Unit = ""          // the base asset: spot, and linear contracts after conversion
	InQuote     Unit = "quote"     // the quote asset: inverse contracts, such as dollars of BTC-USD-PERP
	InContracts Unit = "contracts" // contracts whose size the venue has not told yet
)

// Size turns a size as the venue states it into the unit of the instrument: contracts
// of a linear instrument become base, exactly; what else there is stays as it is.
func (in *Instrument) Size(q money.Qty) money.Qty {
	if in.Kind == Spot || in.Unit != InBase || in.Contract.IsZero() {
		return q
	}
	d, err := q.Mul(in.Contract)
	if err != nil {
		return q // beyond 19 digits: no such size trades
	}
	return money.Qty{Decimal: d.Trim()}
}

// Open gives the size of open positions in base and their value in quote, at a price of
// the contract; inverse contracts count quote, linear ones base. Both are rounded half to
// even, at 8 decimals. ok is false where the unit or the price is not known.
func (in *Instrument) Open(interest money.Qty, at money.Price) (base money.Qty, value money.Decimal, ok bool) {
	if at.IsZero() || at.IsNeg() {
		return base, value, false
	}
	var err error
	switch in.Unit {
	case InBase:
		base = interest
		value, err = interest.MulRound(at.Decimal, openScale)
	case InQuote:
		value = interest.Decimal
		base.Decimal, err = interest.Quo(at.Decimal, openScale)
	default:
		return base, value, false
	}
	return base, value, err == nil
}

const openScale = 8

// Channel is a kind of data that can be subscribed to.
type Channel string

// The channels.
const (
	Trades  Channel = "trades"
	Quotes  Channel = "quotes"
	Books   Channel = "books"
	Candles Channel = "candles"
	// Derivatives is what a venue says of a contract beside its trades and book:
	// funding, open interest, mark and index price.
	Derivatives Channel = "derivatives"
	// Liquidations is orders by which a venue closes positions of others.
	Liquidations Channel = "liquidations"
	// Funding is settled funding. It is no subscription: venues tell it by REST, or among
	// their Derivatives. A History keeps it apart from what is said in between.
	Funding Channel = "funding"
)

// Contracts tells whether a channel exists for contracts only, not for spot.
func (c Channel) Contracts() bool { return c == Derivatives || c == Liquidations || c == Funding }

// Side is the taker's side: who crossed the spread. Venues that state the maker's
// side are turned round by their decoders.
type Side uint8

// The sides.
const (
	NoSide Side = iota
	Buy
	Sell
)

// String is "buy", "sell" or "".
func (s Side) String() string {
	switch s {
	case Buy:
		return "buy"
	case Sell:
		return "sell"
	}
	return ""
}

// MarshalText is String.
func (s Side) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Mark is a set of things that are wrong with a value. See docs/semantics.md.
type Mark uint16

// The marks. A value can have several.
const (
	Late       Mark = 1 << iota // its candle had already been closed when it came
	Duplicate                   // the same id was seen before
	OutOfOrder                  // older than the one before it
	Crossed                     // bid at or above ask
	Outlier                     // far from this pair's recent prices
	Stale                       // the channel behind it has stopped
	Ahead                       // its time is ahead of ours by more than the clock bound
	Backfilled                  // fetched later by REST, not seen live
	Revised                     // replaced an earlier value
	VenueBar                    // a candle the venue made, not we from its trades
	Imported                    // read from a file a user gave
	PegAssumed                  // converted at 1:1 because no rate was measured
	Astray                      // far from the consensus price of the venues at that moment
)

var markNames = [...]string{"late", "duplicate", "out_of_order", "crossed", "outlier", "stale", "ahead", "backfilled", "revised", "venue_bar", "imported", "peg_assumed", "astray"}

// Names lists the marks that are set, in a fixed order.
func (m Mark) Names() []string {
	out := []string{}
	for i, n := range markNames {
		if m&(1<<i) != 0 {
			out = append(out, n)
		}
	}
	return out
}

// MarkNames lists every mark in bit order.
func MarkNames() []string { return append([]string(nil), markNames[:]...) }

// Trade is one execution, or several of one taker where Aggregate is set.
type Trade struct {
	Venue     VenueID
	Pair      Pair
	Symbol    string // the venue's own
	ID        string // the venue's; "" where it has none
	Price     money.Price
	Qty       money.Qty
	Side      Side
	Aggregate bool      // ID is of an aggregate, not of a single execution
	At        time.Time // the venue's clock
	Received  time.Time // ours, set by the feed
	Marks     Mark      // set by clean
}

// Quote is the best bid and ask of one venue.
type Quote struct {
	Venue    VenueID
	Pair     Pair
	Symbol   string
	Bid, Ask money.Price
	BidQty   money.Qty
	AskQty   money.Qty
	At       time.Time // the venue's clock; zero where the venue sends none
	Received time.Time // ours
	Marks    Mark
}

// Level is one price of a book and the whole size resting there; size 0 removes.
type Level struct {
	Price money.Price
	Qty   money.Qty
}

// BookUpdate is a snapshot of a book, or levels that changed. Sizes are absolute.
// Which of the sequence fields mean something is the venue's book.Rule.
type BookUpdate struct {
	Venue    VenueID
	Pair     Pair
	Symbol   string
	Snapshot bool
	Bids     []Level // in the venue's order
	Asks     []Level
	First    uint64 // sequence of the first change in it
	Last     uint64 // sequence after it
	Prev     int64  // sequence it must follow; NoPrev where not stated
	Checksum uint32 // the venue's, over the book after it
	HasSum   bool   // Checksum was sent and is meant to be checked
	Depth    int    // levels the venue keeps on each side, as the channel says; 0: the rule's
	Frame    int64  // number of the frame it came in, set by the feed
	At       time.Time
	Received time.Time
	Marks    Mark
}

// NoPrev says that a BookUpdate does not state its predecessor.
const NoPrev = -1 << 63

// Candle is what traded in one interval. It is known by (venue, pair, interval, open time).
type Candle struct {
	Venue    VenueID
	Pair     Pair
	Interval Interval
	Open     time.Time // start of the interval, inclusive, UTC
	O        money.Price
	H        money.Price
	L        money.Price
	C        money.Price
	Volume   money.Qty     // base asset
	Turnover money.Decimal // quote asset; zero with Volume above zero means unknown
	Trades   int64         // -1 unknown
	Complete bool          // the interval is over and no trade is missing as far as we know
	Revision int           // 0 first; rises each time late trades change it
	Marks    Mark
	Known    time.Time // when we last changed it; set by the feed or the import
}

// Stated is a set of the fields of a Derivative that a message stated.
type Stated uint8

// The fields a Derivative can state.
const (
	StatedMark Stated = 1 << iota
	StatedIndex
	StatedFunding
	StatedInterest
)

// Derivative is what a venue says of a contract at a moment: only the fields in Has
// were said, the others are zero. Readers keep the last of each.
type Derivative struct {
	Venue  VenueID
	Pair   Pair
	Symbol string
	Has    Stated
	Mark   money.Price // what positions are valued at
	Index  money.Price // of the spot markets behind it
	// Funding is the part of a position's value that longs pay to shorts, per Interval:
	// 0.0001 is one basis point. It is an estimate until Settled.
	Funding  money.Decimal
	Interval time.Duration // between two payments; 0 where not stated
	// FundingAt is when Funding is paid (or was, if Settled); zero where not stated.
	FundingAt time.Time
	Settled   bool // Funding was paid at FundingAt: a row of the funding history
	// Interest is all open positions of one side, in the instrument's Unit.
	Interest money.Qty
	At       time.Time // the venue's clock; zero where the venue sends none
	Received time.Time // ours, set by the feed
	Marks    Mark
}

// When is the moment it is of: when it was settled, else the venue's time, else ours.
func (d *Derivative) When() time.Time {
	switch {
	case d.Settled && !d.FundingAt.IsZero():
		return d.FundingAt
	case d.At.IsZero():
		return d.Received
	}
	return d.At
}

// Liquidation is an order by which a venue closed a position that had lost its margin.
type Liquidation struct {
	Venue    VenueID
	Pair     Pair
	Symbol   string
	ID       string      // the venue's; "" where it has none
	Side     Side        // of the order: Sell closes a long position
	Price    money.Price // of the order or of its execution, as the venue's quirks say
	Qty      money.Qty   // in the instrument's Unit
	At       time.Time
	Received time.Time
	Marks    Mark
}

// When is the moment it is of: the venue's time, else ours.
func (l *Liquidation) When() time.Time {
	if l.At.IsZero() {
		return l.Received
	}
	return l.At
}

// GapKind is why data is missing.
type GapKind string

// The kinds of gap.
const (
	Disconnected   GapKind = "disconnect" // the connection was lost
	SequenceGap    GapKind = "gap"        // the venue's numbering jumped
	BadChecksum    GapKind = "checksum"   // our book differed from the venue's
	Silence        GapKind = "stale"      // the channel stopped while the connection lived
	CrossedBook    GapKind = "crossed"    // the book crossed and was thrown away
	DecodeFailure  GapKind = "decode"     // a frame could not be read
	PlannedRestart GapKind = "restart"    // Assay itself was not running
	Mismatch       GapKind = "mismatch"   // our candle is not the venue's own
)

// Gap says that data of a channel is missing or was in doubt between two times.
type Gap struct {
	ID       string // assigned by the feed; unique
	Venue    VenueID
	Pair     Pair // "" for all pairs of the connection
	Symbol   string
	Channel  Channel // "" for all channels
	Kind     GapKind
	From     time.Time // last good data before it
	To       time.Time // first good data after it; zero while open
	Missing  int64     // messages missing by the venue's numbering; -1 unknown
	Detail   string    // one sentence for people
	Repaired time.Time // when backfill filled it; zero if not
	Restored int64     // rows that backfill added
	Conn     string    // the connection
	// RepairedBy says how what was missing was made good; "" if it was not, and in
	// entries of before it was noted.
	RepairedBy Repair
}

// Repair is how a gap was made good.
type Repair string

// The repairs.
const (
	ByTrades   Repair = "trades"   // the missing trades were fetched by REST, all of them
	ByCandles  Repair = "candles"  // bars of the venue took the place of ours; single trades are still missing
	BySnapshot Repair = "snapshot" // a new snapshot made the book whole; what happened in between is not known
)

// Notice is what a frame said that is no market data.
type Notice struct {
	Kind    NoticeKind
	Channel Channel
	Symbol  string
	Text    string
}

// NoticeKind is the kind of a Notice.
type NoticeKind uint8

// The kinds of notice.
const (
	Ack       NoticeKind = iota // a subscription was accepted
	Refused                     // a subscription or request was refused
	Heartbeat                   // the connection lives; says nothing about any channel
	Moving                      // the venue asks us to reconnect elsewhere or again
	Info                        // anything else worth a log line
	Strange                     // a message type, field or enum value we do not know
	Reply                       // the venue wants an answer: Text is the frame to send back at once
)

// Batch is what one frame said. Its owner reuses it: whoever keeps a value
// beyond the call copies it (levels included).
type Batch struct {
	Trades       []Trade
	Quotes       []Quote
	Books        []BookUpdate
	Candles      []Candle
	Derivatives  []Derivative
	Liquidations []Liquidation
	Instruments  []Instrument
	Notices      []Notice
	Gaps         []Gap
	// Seq is the connection-wide number of the frame, where the venue has one.
	Seq    int64
	HasSeq bool
	// Cursor is where the next page of a REST answer starts, in the venue's terms.
	Cursor string
	// Clock is the venue's time of a REST answer, where the answer states it.
	Clock  time.Time
	levels []Level
}

// Reset empties the batch and keeps its memory.
func (b *Batch) Reset() {
	b.Trades, b.Quotes, b.Books = b.Trades[:0], b.Quotes[:0], b.Books[:0]
	b.Candles, b.Instruments, b.Notices = b.Candles[:0], b.Instruments[:0], b.Notices[:0]
	b.Gaps, b.Derivatives, b.Liquidations = b.Gaps[:0], b.Derivatives[:0], b.Liquidations[:0]
	b.levels = b.levels[:0]
	b.Seq, b.HasSeq, b.Cursor, b.Clock = 0, false, "", time.Time{}
}

// Levels gives the batch's shared space for levels: append to it and hand the
// result to KeepLevels, which returns the new part.
func (b *Batch) Levels() []Level { return b.levels }

// KeepLevels takes back what Levels gave, grown, and returns levels[from:].
// Earlier parts stay valid even when the space had to move.
func (b *Batch) KeepLevels(levels []Level, from int) []Level {
	b.levels = levels
	return levels[from:len(levels):len(levels)]
}

// Empty tells whether the frame said nothing about the market.
func (b *Batch) Empty() bool {
	return len(b.Trades)+len(b.Quotes)+len(b.Books)+len(b.Candles)+len(b.Derivatives)+len(b.Liquidations)+len(b.Instruments)+len(b.Gaps) == 0
}

// Clone copies the batch deeply, for those who keep it.
func (b *Batch) Clone() *Batch {
	c := &Batch{Seq: b.Seq, HasSeq: b.HasSeq, Cursor: b.Cursor, Clock: b.Clock}
	c.Trades = append(c.Trades, b.Trades...)
	c.Quotes = append(c.Quotes, b.Quotes...)
	c.Candles = append(c.Candles, b.Candles...)
	c.Derivatives = append(c.Derivatives, b.Derivatives...)
	c.Liquidations = append(c.Liquidations, b.Liquidations...)
	c.Instruments = append(c.Instruments, b.Instruments...)
	c.Notices = append(c.Notices, b.Notices...)
	c.Gaps = append(c.Gaps, b.Gaps...)
	for _, u := range b.Books {
		u.Bids = append([]Level(nil), u.Bids...)
		u.Asks = append([]Level(nil), u.Asks...)
		c.Books = append(c.Books, u)
	}
	return c
}
