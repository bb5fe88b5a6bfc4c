package market

import (
	"slices"
	"time"
)

// Correction says that a closed candle was given as Before until After.Known, and as
// After from then on.
type Correction struct {
	Before, After Candle
}

// Why a candle was corrected.
type Why string

// The reasons, as far as the candles tell them.
const (
	LateTrades  Why = "late_trades" // trades of it came after it had been closed
	FilledIn    Why = "backfill"    // trades that were missing were fetched: it is complete now
	InDoubt     Why = "gap"         // it turned out that trades of it may be missing
	VenuesOwn   Why = "venue_bar"   // the venue's own bar took its place, or the venue changed it
	FromFile    Why = "import"      // it was read from a file a user gave
	OtherReason Why = "other"
)

// Why tells the reason.
func (c *Correction) Why() Why {
	before, after := &c.Before, &c.After
	switch {
	case after.Marks&Imported != 0:
		return FromFile
	case after.Marks&VenueBar != 0:
		return VenuesOwn
	case after.Complete && !before.Complete:
		return FilledIn
	case before.Complete && !after.Complete && before.Trades == after.Trades:
		return InDoubt
	case after.Marks&Revised != 0:
		return LateTrades
	case after.Marks&Backfilled != 0:
		return FilledIn
	}
	return OtherReason
}

// Closed tells whether the candle was told when its interval was over: earlier versions
// of such candles are kept, those of a running one are not.
func (c *Candle) Closed() bool {
	return c.Complete || !c.Known.Before(c.Interval.Next(c.Open))
}

// Same tells whether two candles say the same, whenever they were known.
func (c *Candle) Same(d *Candle) bool {
	a, b := *c, *d
	a.Known, b.Known = time.Time{}, time.Time{}
	return a == b
}

// Supersedes tells whether a candle takes the place of an older one of its interval.
func (c *Candle) Supersedes(older *Candle) bool {
	if c.Revision != older.Revision {
		return c.Revision > older.Revision
	}
	return c.Known.After(older.Known)
}

// Corrections tells how the versions of one candle, in any order, followed one another.
func Corrections(versions []Candle) []Correction {
	vs := slices.Clone(versions)
	slices.SortStableFunc(vs, func(a, b Candle) int {
		if c := a.Known.Compare(b.Known); c != 0 {
			return c
		}
		return a.Revision - b.Revision
	})
	var out []Correction
	now := -1 // the version in force
	for i := range vs {
		switch {
		case now < 0:
			now = i
		case !vs[i].Supersedes(&vs[now]): // it never was in force
		case vs[i].Same(&vs[now]):
		case vs[i].Known.Equal(vs[now].Known): // in force for no time
			if n := len(out); n > 0 && out[n-1].After.Known.Equal(vs[i].Known) {
				out[n-1].After = vs[i]
			}
			now = i
		default:
			out = append(out, Correction{Before: vs[now], After: vs[i]})
			now = i
		}
	}
	return out
}
