package market

import "time"

// Score is how a venue, or one pair of it, behaved while it was watched: measured
// facts, no verdict. Shares are 0 to 1; -1 means that nothing was there to measure.
// Percentiles come from histograms of half-octave steps, so they are right within a
// fifth. All are statistics in binary floats.
type Score struct {
	Venue VenueID
	Pair  Pair // "" for the venue as a whole
	// From and To bound what was watched; at most a day.
	From, To time.Time

	// Uptime is the share of the time in which its data was valid and fresh.
	Uptime float64
	// Lag is our time minus the venue's; Offset is what its clock is ahead of ours (that
	// part of the lag is no delay), measured by its time endpoint within OffsetError.
	Lag            Spread
	Offset         time.Duration
	OffsetError    time.Duration
	OffsetAt       time.Time // zero: never measured
	Gaps, OpenGaps int64     // that began; that are not over
	GapTime        time.Duration
	Repaired       int64 // gaps that were filled later
	Restored       int64 // trades that were added then
	SpreadBps      Spread
	DepthBid10     float64 // mean value resting within 10 basis points below the middle, in quote; NaN never
	DepthAsk10     float64
	DepthBid100    float64
	DepthAsk100    float64
	AwayBps        Spread  // distance of its middle from the consensus price
	Frozen         float64 // share of the time in which it stood still while the others moved
	Trades         int64
	Value          float64 // traded, in quote
	Outliers       float64 // share of trades far from its own recent prices
	Astray         float64 // share of trades far from the consensus of the venues
	Duplicates     float64 // share of trades that came twice
	OutOfOrder     float64
	SideChecked    int64   // trades far enough from the middle of their book to tell who crossed
	SideAgrees     float64 // share of those whose stated side is the one that crossed
	BarsCompared   int64   // our candles held against the venue's own
	BarsEqual      float64 // share that agrees in every field both have
	Strange        int64   // messages and values that are not known
	DecodeFails    int64
	Reconnects     int64
	Wash           Wash
}

// Spread is a distribution in three numbers and how many values it is of.
type Spread struct {
	P50, P90, P99 float64
	N             int64
}

// Wash is what the literature looks at for wash trading (Cong, Li, Tang, Yang: Crypto
// Wash Trading, Management Science 2023). Real trading has each of them too: a venue
// is remarkable when it differs from its peers in the same pair, not by one number.
type Wash struct {
	// Benford is the mean absolute deviation of the first digits of sizes from Benford's
	// law; 0.006 is close, above 0.015 is not. -1 below 500 trades.
	Benford float64
	// Round is the share of sizes with at most two significant digits: people and their
	// programs prefer them, generators of volume do not.
	Round float64
	// Echo is the share of trades that repeat, within a second, the size of the one
	// before on the other side.
	Echo float64
	// Turnover is traded value per hour, in multiples of what rests within one percent
	// of the middle on both sides.
	Turnover float64
}
