// Package markettest is the exam of market.History and market.Frames.
//
// Whoever keeps market data passes it in two lines: Run for the history,
// RunFrames for raw frames. The stories say what the contract means where its
// words are short: what counts as the same trade, in which order equal times
// come, what a range includes. Memory is the plainest History there is; the
// seeded story compares an engine with it, and tests that need some History use it.
// It never looks inside an engine, never measures time and never waits for one.
package markettest

import (
	"fmt"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/money"
)

// Open opens the History that lives in dir. The exam closes it, and may open the
// same dir again after that.
type Open func(t *testing.T, dir string) market.History

// Run examines a History.
func Run(t *testing.T, open func(t *testing.T, dir string) market.History) {
	stories := []struct {
		name string
		tell func(t *testing.T, x *exam)
	}{
		{"what was appended is read back exactly", readBackExactly},
		{"nineteen digits and nineteen decimals survive", widestDecimals},
		{"prices may change their scale from row to row", scaleChanges},
		{"ids of every shape survive", oddIDs},
		{"a quote without a venue's time stands at the time we received it", quoteWithoutTime},
		{"a batch may be reused at once", batchIsReused},
		{"a batch that cannot be stored is refused as a whole", refusedAsAWhole},
		{"a trade appended twice is there once", tradesOnce},
		{"a trade from another channel with another precision is the same trade", tradeOfOtherPrecision},
		{"trades without id are known by all their fields", tradesWithoutID},
		{"the candle with the higher revision wins", higherRevisionWins},
		{"what was known at a moment is given as it was given then", knownAtAMoment},
		{"an earlier version that comes late finds its place", versionsInAnyOrder},
		{"corrections tell from what to what, and when", correctionsAreTold},
		{"the later quote of one moment stays", laterQuoteStays},
		{"what is said of a contract is read back, one statement a moment", statementsOfContracts},
		{"settled funding is a history of its own", settledFunding},
		{"a liquidation told twice is there once", liquidationsOnce},
		{"contracts have ranges, a list and retention as the others do", contractsAsOthers},
		{"a range takes From in and leaves To out", rangeEnds},
		{"limit and reverse work together", limitAndReverse},
		{"a range without To has no end", noEnd},
		{"unknown series and empty ranges are empty, not errors", emptyAnswers},
		{"late trades find their place", lateTrades},
		{"a day written backwards reads forwards", writtenBackwards},
		{"trades of one moment stand in the order of their numbers", oneMoment},
		{"many series do not mix", manySeries},
		{"a gap is opened, closed and repaired", gapLife},
		{"a gap overlaps what it touches", gapOverlap},
		{"the list of series tells what there is", listOfSeries},
		{"retention deletes what is old and nothing else", retention},
		{"everything is there after a reopen", reopened},
		{"readers see whole rows in order while a writer writes", readersAndWriter},
		{"writers at the same time lose nothing", writersTogether},
		{"a cancelled context ends reading and appending", cancelled},
		{"a reader may stop early and append while reading", stopEarly},
		{"random days agree with the plain model", randomDays},
	}
	for _, s := range stories {
		t.Run(strings.ReplaceAll(s.name, " ", "_"), func(t *testing.T) {
			t.Parallel()
			x := &exam{open: open, dir: t.TempDir()}
			x.History = open(t, x.dir)
			t.Cleanup(func() {
				if x.History != nil {
					if err := x.Close(); err != nil {
						t.Errorf("Close: %v", err)
					}
				}
			})
			s.tell(t, x)
		})
	}
}

// An exam is one engine in one directory.
type exam struct {
	market.History
	open Open
	dir  string
}

func (x *exam) reopen(t *testing.T) {
	t.Helper()
	if err := x.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	x.History = x.open(t, x.dir)
}

func (x *exam) append(t *testing.T, b *market.Batch) {
	t.Helper()
	if err := x.Append(t.Context(), b); err != nil {
		t.Fatalf("Append: %v", err)
	}
}

func (x *exam) trades(t *testing.T, s market.Series, r market.Range) []market.Trade {
	t.Helper()
	return collect(t, x.Trades(t.Context(), s, r))
}

func (x *exam) quotes(t *testing.T, s market.Series, r market.Range) []market.Quote {
	t.Helper()
	return collect(t, x.Quotes(t.Context(), s, r))
}

func (x *exam) candles(t *testing.T, s market.Series, i market.Interval, r market.Range) []market.Candle {
	t.Helper()
	return collect(t, x.Candles(t.Context(), s, i, r))
}

func (x *exam) corrections(t *testing.T, s market.Series, i market.Interval, r market.Range) []market.Correction {
	t.Helper()
	return collect(t, x.Corrections(t.Context(), s, i, r))
}

func (x *exam) gaps(t *testing.T, s market.Series, r market.Range) []market.Gap {
	t.Helper()
	return collect(t, x.Gaps(t.Context(), s, r))
}

func (x *exam) derivatives(t *testing.T, s market.Series, r market.Range) []market.Derivative {
	t.Helper()
	return collect(t, x.Derivatives(t.Context(), s, r))
}

func (x *exam) funding(t *testing.T, s market.Series, r market.Range) []market.Derivative {
	t.Helper()
	return collect(t, x.Funding(t.Context(), s, r))
}

func (x *exam) liquidations(t *testing.T, s market.Series, r market.Range) []market.Liquidation {
	t.Helper()
	return collect(t, x.Liquidations(t.Context(), s, r))
}

func collect[T any](t *testing.T, seq iter.Seq2[T, error]) []T {
	t.Helper()
	var out []T
	for v, err := range seq {
		if err != nil {
			t.Fatalf("reading: %v", err)
		}
		out = append(out, v)
	}
	return out
}

// say writes a row so that two rows that differ in anything read differently.
func say(v any) string {
	switch v := v.(type) {
	case market.Trade:
		return fmt.Sprintf("%s %s %s #%s %s x %s %s agg=%v at %s received %s %v", v.Venue, v.Pair, v.Symbol, v.ID, v.Price, v.Qty, v.Side, v.Aggregate, moment(v.At), moment(v.Received), v.Marks.Names())
	case market.Quote:
		return fmt.Sprintf("%s %s %s %s x %s / %s x %s at %s received %s %v", v.Venue, v.Pair, v.Symbol, v.Bid, v.BidQty, v.Ask, v.AskQty, moment(v.At), moment(v.Received), v.Marks.Names())
	case market.Candle:
		return fmt.Sprintf("%s %s %s %s O%s H%s L%s C%s V%s T%s n%d complete=%v rev%d %v known %s", v.Venue, v.Pair, v.Interval, moment(v.Open), v.O, v.H, v.L, v.C, v.Volume, v.Turnover, v.Trades, v.Complete, v.Revision, v.Marks.Names(), moment(v.Known))
	case market.Correction:
		return say(v.Before) + " became " + say(v.After)
	case market.Derivative:
		return fmt.Sprintf("%s %s %s has %04b mark %s index %s funding %s every %s at %s settled=%v interest %s at %s received %s %v", v.Venue, v.Pair, v.Symbol, v.Has, v.Mark, v.Index, v.Funding, v.Interval, moment(v.FundingAt), v.Settled, v.Interest, moment(v.At), moment(v.Received), v.Marks.Names())
	case market.Liquidation:
		return fmt.Sprintf("%s %s %s #%s %s x %s %s at %s received %s %v", v.Venue, v.Pair, v.Symbol, v.ID, v.Price, v.Qty, v.Side, moment(v.At), moment(v.Received), v.Marks.Names())
	case market.Gap:
		return fmt.Sprintf("%s %s %s %s %s %s from %s to %s missing %d %q repaired %s by %q restored %d %s", v.ID, v.Venue, v.Pair, v.Symbol, v.Channel, v.Kind, moment(v.From), moment(v.To), v.Missing, v.Detail, moment(v.Repaired), v.RepairedBy, v.Restored, v.Conn)
	case market.Frame:
		return fmt.Sprintf("%s %s %s %s %s %q", v.Venue, v.Conn, v.Addr, v.Kind, moment(v.Received), v.Data)
	}
	return fmt.Sprintf("%+v", v)
}

// moment is a time with its zone: a time that is not in UTC is not the same.
func moment(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.Format("2006-01-02T15:04:05.999999999Z07:00")
}

// same fails the test at the first row that differs.
func same[T any](t *testing.T, what string, got, want []T) {
	t.Helper()
	for i := range min(len(got), len(want)) {
		if g, w := say(got[i]), say(want[i]); g != w {
			t.Fatalf("%s: row %d of %d is\n  %s\nwant\n  %s", what, i, len(want), g, w)
		}
	}
	if len(got) != len(want) {
		extra := ""
		if len(got) > len(want) {
			extra = "; the first too many is " + say(got[len(want)])
		} else {
			extra = "; the first missing is " + say(want[len(got)])
		}
		t.Fatalf("%s: %d rows, want %d%s", what, len(got), len(want), extra)
	}
}

// perp is a contract.
var perp = market.Series{Venue: "okx", Pair: "BTC-USDT-PERP"}

// The series and the morning in which most stories happen.
var (
	btc     = market.Series{Venue: "kraken", Pair: "BTC-USD"}
	eth     = market.Series{Venue: "binance", Pair: "ETH-USDT"}
	morning = time.Date(2024, 5, 6, 9, 0, 0, 0, time.UTC)
)

func at(d time.Duration) time.Time { return morning.Add(d) }

// trade makes a plausible trade number n, d after the morning began.
func trade(s market.Series, n int, d time.Duration) market.Trade {
	t := market.Trade{
		Venue: s.Venue, Pair: s.Pair, Symbol: "XBT/USD", ID: fmt.Sprint(1000 + n),
		Price: money.MustPrice(fmt.Sprintf("%d.%d0", 60000+n%97, n%10)),
		Qty:   money.MustQty(fmt.Sprintf("0.%08d", 1+n%99999)),
		Side:  market.Side(1 + n%2), At: at(d), Received: at(d + 37*time.Millisecond + time.Duration(n)),
	}
	return t
}

func candle(s market.Series, i market.Interval, open time.Time, rev int) market.Candle {
	return market.Candle{
		Venue: s.Venue, Pair: s.Pair, Interval: i, Open: open,
		O: money.MustPrice("60000.10"), H: money.MustPrice("60100.00"), L: money.MustPrice("59990.5"), C: money.MustPrice("60050"),
		Volume: money.MustQty("12.34500000"), Turnover: money.MustParse("741000.125"), Trades: 321,
		Complete: true, Revision: rev, Known: open.Add(i.Length() + time.Second),
	}
}

func quote(s market.Series, d time.Duration, bid, ask string) market.Quote {
	return market.Quote{
		Venue: s.Venue, Pair: s.Pair, Symbol: "XBT/USD", Bid: money.MustPrice(bid), Ask: money.MustPrice(ask),
		BidQty: money.MustQty("1.50"), AskQty: money.MustQty("0.007"), At: at(d), Received: at(d + 5*time.Millisecond),
	}
}

// from makes n trades, one each step.
func run(s market.Series, first, n int, step time.Duration) []market.Trade {
	out := make([]market.Trade, n)
	for i := range out {
		out[i] = trade(s, first+i, time.Duration(first+i)*step)
	}
	return out
}
