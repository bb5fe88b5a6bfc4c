package market

import (
	"context"
	"iter"
	"time"

	"github.com/assayhq/assay/asset"
	"github.com/assayhq/assay/money"
)

// ConsensusPrice is one fair price of an asset over several venues. How it is made
// is in docs/semantics.md; every contribution stands beside it.
type ConsensusPrice struct {
	Asset asset.Code
	Quote asset.Code
	Price money.Price
	// Low and High bound where the true price lies, by the spread and disagreement
	// of the contributions.
	Low, High money.Price
	// Confidence is 0 to 1: how many independent venues agree, and how fresh they are.
	Confidence float64
	At         time.Time // newest contribution
	Computed   time.Time // ours
	Sources    []Contribution
	Marks      Mark // PegAssumed, Stale
}

// Contribution is one venue's part in a ConsensusPrice.
type Contribution struct {
	Venue  VenueID
	Pair   Pair
	Price  money.Price   // in the quote of the consensus
	Raw    money.Price   // in the pair's own quote
	Rate   money.Decimal // that turned Raw into Price; 1 when the quotes are the same
	Weight float64       // share of the whole, 0 when not used
	At     time.Time
	Status ContributionStatus
}

// ContributionStatus says whether a venue's price counted, and if not, why.
type ContributionStatus string

// The statuses of a contribution.
const (
	Used     ContributionStatus = "used"
	IsStale  ContributionStatus = "stale"     // too old
	IsOut    ContributionStatus = "outlier"   // too far from the others
	IsCross  ContributionStatus = "crossed"   // bid at or above ask
	IsFrozen ContributionStatus = "frozen"    // has not changed while the others moved
	NoRate   ContributionStatus = "no_rate"   // its quote could not be converted
	IsClosed ContributionStatus = "not_valid" // its book is being joined again
)

// BookView is a valid book at a moment.
type BookView struct {
	Venue    VenueID
	Pair     Pair
	Bids     []Level // best first
	Asks     []Level
	Seq      uint64 // ours: rises by one with each published change of this book
	At       time.Time
	Received time.Time
	Valid    bool
	// Integrity is how loss would show: "sequence", "checksum", "snapshot" or "none".
	Integrity string
	Marks     Mark
	Reason    string // why it is not valid
}

// VenueState is how a venue's feed is doing.
type VenueState struct {
	ID          VenueID
	Name        string
	State       string // "live", "connecting", "stale", "down", "off"
	Since       time.Time
	Reason      string // why it is not live
	Connections int
	Instruments int
	Subscribed  int
	LastData    time.Time
	Messages    int64
	DecodeFails int64
	Reconnects  int64
	Gaps        int64
	Strange     int64
	// WorkLeftOut counts requests (books, backfill) that a full queue left out.
	WorkLeftOut int64
	// LagP50 and LagP99 are our time minus the venue's, over recent messages.
	LagP50, LagP99 time.Duration
	Simulated      bool
	Docs           string
	History        string
	Channels       []Channel
	Intervals      []Interval
	Quirks         []string
}

// Quality is what is known of the data of one venue and pair.
type Quality struct {
	Venue      VenueID
	Pair       Pair
	Channel    Channel
	State      string // "live", "stale", "joining", "none"
	LastData   time.Time
	Events     int64
	Marks      map[string]int64 // by mark name
	Gaps       int64
	OpenGaps   int64
	Repaired   int64
	Integrity  string
	StaleAfter time.Duration
}

// DerivativeView is how a contract stands: the last of everything its venue said, each
// with the time it was said at (the venue's clock, or ours where it sends none).
type DerivativeView struct {
	// Derivative is merged: Has says what is known of it; At, Received and Marks are of
	// the newest statement. It is never Settled: Funding is the estimate that is to be paid
	// at FundingAt.
	Derivative
	MarkAt, IndexAt, EstimateAt, InterestAt time.Time
	// Paid is the newest settled funding; its FundingAt is zero where none is known.
	Paid       Derivative
	StaleAfter time.Duration // age from which on a value counts as stale
}

// Every is the time between two payments: as stated, or from the last to the next where
// that is a whole number of hours, up to a day; 0 where it is not known.
func (v *DerivativeView) Every() time.Duration {
	if v.Interval > 0 || v.Paid.FundingAt.IsZero() {
		return v.Interval
	}
	if d := v.FundingAt.Sub(v.Paid.FundingAt).Round(time.Minute); d > 0 && d <= 24*time.Hour && d%time.Hour == 0 {
		return d
	}
	return v.Paid.Interval
}

// Annual is a funding rate over 365 days of payments of that size, not compounded; ok is
// false where the time between payments is not known.
func Annual(rate money.Decimal, every time.Duration) (annual money.Decimal, ok bool) {
	if every < time.Second {
		return annual, false
	}
	times, err := money.MustNew(int64(365*24*time.Hour/time.Second), 0).Quo(money.MustNew(int64(every/time.Second), 0), openScale)
	if err == nil {
		annual, err = rate.MulRound(times, openScale)
	}
	return annual, err == nil
}

// Finding is one thing in what a venue sends that is not as it was, or that its decoder
// does not know.
type Finding struct {
	Venue  VenueID   `json:"venue"`
	On     string    `json:"on"`     // "stream" or "rest"
	Kind   string    `json:"kind"`   // "new_member", "vanished_member", "strange", "unreadable"
	What   string    `json:"what"`   // the path of the member, or what the decoder said
	Sample string    `json:"sample"` // beginning of a message that shows it
	Count  int64     `json:"count"`  // messages that had it, of those looked at; of a vanished member: that did not
	First  time.Time `json:"first"`
	Last   time.Time `json:"last"`
}

// Board is the present state of the markets, as the feed keeps it in memory. All
// answers are copies. Reading never blocks the feed.
type Board interface {
	Now() time.Time // the time of the data: wall clock when live, the recording's in a replay
	Simulated() (bool, string)
	Venues() []VenueState
	Instruments() []Instrument
	Price(a, quote asset.Code) (ConsensusPrice, bool)
	Prices(quote asset.Code) []ConsensusPrice
	Quotes(p Pair) []Quote
	Book(v VenueID, p Pair, depth int) (BookView, bool)
	LastTrades(v VenueID, p Pair, limit int) []Trade
	// OpenCandle is the unfinished bar, if trades came in it.
	OpenCandle(v VenueID, p Pair, i Interval) (Candle, bool)
	Quality(v VenueID, p Pair) []Quality
	// Derivatives tells how contracts stand, by pair and venue; "" for v or p means all.
	Derivatives(v VenueID, p Pair) []DerivativeView
	// Liquidations gives the newest ones, newest first; "" for v or p means all.
	Liquidations(v VenueID, p Pair, limit int) []Liquidation
	// Scores tells how venues and their pairs behaved over the last day: for each venue
	// the whole first, then its pairs; with p only that pair.
	Scores(v VenueID, p Pair) []Score
	// Drift tells what changed in what venues send; "" means all.
	Drift(v VenueID) []Finding
}

// Event is one thing that happened, as subscribers get it. Exactly one of the
// pointers is set; what they point to is never changed after publishing.
type Event struct {
	Channel     Channel // Trades, Quotes, Books, Candles, Derivatives, Liquidations or Prices
	Venue       VenueID
	Pair        Pair // or the asset and quote of a price
	Trade       *Trade
	Quote       *Quote
	Book        *BookUpdate
	Candle      *Candle
	Price       *ConsensusPrice
	Derivative  *DerivativeView // how the contract stands since a statement
	Liquidation *Liquidation
	Gap         *Gap
	Seq         uint64 // rises by one per (channel, venue, pair)
}

// Prices is the channel of consensus prices.
const Prices Channel = "price"

// Topic selects events: a channel, a pair (or asset-quote for prices) and a venue,
// "" for all venues.
type Topic struct {
	Channel  Channel
	Venue    VenueID
	Pair     Pair
	Interval Interval
}

// Bus carries events from the feed to whoever listens.
type Bus interface {
	// Publish never blocks on a slow subscriber.
	Publish(events []Event)
	// Subscribe gives events of the topics until ctx ends. depth bounds the queue; a
	// subscriber that falls behind loses the oldest, and the next event it gets is
	// preceded by a note of how many were lost.
	Subscribe(ctx context.Context, depth int, topics ...Topic) Subscription
}

// Subscription is one subscriber's queue.
type Subscription interface {
	// Next waits for events and appends them to buf; lost tells how many were dropped
	// since the last call because the subscriber was slow.
	Next(ctx context.Context, buf []Event) (events []Event, lost int64, err error)
	// Add and Remove change the topics.
	Add(topics ...Topic)
	Remove(topics ...Topic)
	Close()
}

// CandleReader gives finished and unfinished candles of any interval: stored ones,
// rolled up where only shorter ones are stored, and the open one at the end.
type CandleReader interface {
	Candles(ctx context.Context, s Series, i Interval, r Range) iter.Seq2[Candle, error]
}
