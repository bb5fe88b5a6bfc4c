package market

import (
	"context"
	"iter"
	"time"
)

// Series names one run of values in a History.
type Series struct {
	Venue VenueID
	Pair  Pair
}

// Range is what to read: From inclusive, To exclusive; a zero To is the end of
// time. Limit 0 means no limit. Reverse reads newest first.
type Range struct {
	From, To time.Time
	Limit    int
	Reverse  bool
	// KnownAt asks for what was known at that moment; zero is now. Of a candle it gives
	// the version that was in force then, of the others what had been received by then.
	// Rows of which nobody knows when they became known count as always known. Gaps, and
	// quotes and statements that a later one of the same moment has replaced, have no
	// earlier versions.
	KnownAt time.Time
}

// Recorder takes what has to be remembered. An Append that returned nil survives
// kill -9. Appending the same value twice is the same as once: a trade is known by
// (venue, pair, id) or, without an id, by all its fields; a candle by (venue, pair,
// interval, open) with the higher revision winning, and among equal revisions the later Known; a quote by (venue, pair, time);
// a gap by its ID, the later one winning. Books are not stored by it.
//
// A candle that says the same as the one that stands, only later, is no change. One that
// replaces a closed one (Candle.Closed) leaves that as an earlier version, and a closed
// one that comes after its successor becomes one too, if it was known before that.
//
// A Derivative that is Settled is a row of the funding history, known by (venue, pair,
// FundingAt): a later one replaces it only if it says something else than when it was
// received. Every other Derivative is a statement, known by (venue, pair, When), the
// later one winning. A Liquidation is known by (venue, pair, When, ID), or without an ID
// by its side, price and size in the place of it; the first one stays.
type Recorder interface {
	Append(ctx context.Context, b *Batch) error
}

// History is what is remembered of the markets. Every store engine implements it;
// markettest examines it. Values come in time order (At, Open or From). A yielded
// error ends the sequence. Readers never block writers.
type History interface {
	Recorder
	Trades(ctx context.Context, s Series, r Range) iter.Seq2[Trade, error]
	Quotes(ctx context.Context, s Series, r Range) iter.Seq2[Quote, error]
	Candles(ctx context.Context, s Series, i Interval, r Range) iter.Seq2[Candle, error]
	// Derivatives gives statements in order of When, Funding settled ones in order of FundingAt.
	Derivatives(ctx context.Context, s Series, r Range) iter.Seq2[Derivative, error]
	Funding(ctx context.Context, s Series, r Range) iter.Seq2[Derivative, error]
	Liquidations(ctx context.Context, s Series, r Range) iter.Seq2[Liquidation, error]
	// Corrections tells which closed candles were given otherwise before, in order of Open
	// and then of when; the range is of Open.
	Corrections(ctx context.Context, s Series, i Interval, r Range) iter.Seq2[Correction, error]
	// Gaps gives the gaps that overlap the range; an empty Venue or Pair in s matches all.
	Gaps(ctx context.Context, s Series, r Range) iter.Seq2[Gap, error]
	// Series lists what is stored, with first and last times per kind.
	Series(ctx context.Context) ([]Stored, error)
	// Retain deletes what is older than the limits say, and returns how many rows went.
	Retain(ctx context.Context, now time.Time, limits []Retention) (int64, error)
	Close() error
}

// Stored describes one series of a History.
type Stored struct {
	Series
	Channel     Channel  // Trades, Quotes, Candles, Derivatives, Funding or Liquidations
	Interval    Interval // for candles
	Rows        int64    // about; exact after compaction
	First, Last time.Time
}

// Retention says how long values of a channel are kept; Interval narrows it for
// candles. Keep 0 means for ever.
type Retention struct {
	Channel  Channel
	Interval Interval
	Keep     time.Duration
}

// Frame is one recorded message of a venue as it came.
type Frame struct {
	Venue    VenueID
	Conn     string
	Addr     string
	Kind     string // "recv", "send", "connect", "disconnect", "http"
	Data     []byte
	Received time.Time
}

// Frames keeps raw frames, so that a day can be decoded again. Optional.
type Frames interface {
	AppendFrames(ctx context.Context, fs []Frame) error
	ReadFrames(ctx context.Context, v VenueID, r Range) iter.Seq2[Frame, error]
}
