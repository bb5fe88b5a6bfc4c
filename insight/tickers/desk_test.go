package tickers

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/candle"
	"github.com/assayhq/assay/market/markettest"
	"github.com/assayhq/assay/money"
)

// bench is a market of one pair whose clock a test turns: trades go through the machine
// that makes bars, finished bars into the store, and the desk is told.
type bench struct {
	t       *testing.T
	now     time.Time
	machine *candle.Machine
	store   *markettest.Memory
	desk    *Desk
	trades  []market.Trade
}

var pair = market.Series{Venue: "kraken", Pair: "BTC-USD"}

func newBench(t *testing.T, since time.Time) *bench {
	b := &bench{t: t, now: since, machine: candle.New(pair.Venue, pair.Pair, since), store: markettest.NewMemory()}
	b.desk = New(b, b.store)
	return b
}

func (b *bench) Now() time.Time { return b.now }

func (b *bench) OpenCandle(v market.VenueID, p market.Pair, i market.Interval) (market.Candle, bool) {
	if v != pair.Venue || p != pair.Pair {
		return market.Candle{}, false
	}
	return b.machine.Open(i)
}

func (b *bench) put(k market.Candle) {
	b.t.Helper()
	batch := &market.Batch{Candles: []market.Candle{k}}
	if err := b.store.Append(b.t.Context(), batch); err != nil {
		b.t.Fatal(err)
	}
	if err := b.desk.Append(b.t.Context(), batch); err != nil {
		b.t.Fatal(err)
	}
}

// emit stores bars that are over, as the feed does.
func (b *bench) emit(k market.Candle) {
	if k.Interval == "1m" && (k.Revision > 0 || k.Known.Compare(k.Open.Add(time.Minute)) >= 0) {
		b.put(k)
	}
}

func (b *bench) trade(at time.Time, price, qty string) {
	t := market.Trade{Venue: pair.Venue, Pair: pair.Pair, ID: fmt.Sprint(len(b.trades)), Price: money.MustPrice(price), Qty: money.MustQty(qty), At: at, Received: at}
	b.trades = append(b.trades, t)
	b.machine.Apply(&t, b.emit)
}

func (b *bench) pass(d time.Duration) {
	b.now = b.now.Add(d)
	b.machine.Tick(b.now, b.emit)
	b.desk.mu.Lock()
	b.desk.looked = time.Time{} // the list of series is read anew
	b.desk.mu.Unlock()
}

// naive works a window out from every trade there was.
func (b *bench) naive(span time.Duration) (o, h, l, c, base, quote string, n int64) {
	from := b.now.Truncate(time.Minute).Add(-span)
	var in []market.Trade
	for _, t := range b.trades {
		if !t.At.Before(from) {
			in = append(in, t)
		}
	}
	slices.SortStableFunc(in, func(x, y market.Trade) int { return x.At.Compare(y.At) })
	var volume, turnover money.Sum
	var high, low money.Price
	for i, t := range in {
		volume.Add(t.Qty.Decimal)
		turnover.AddProduct(t.Price.Decimal, t.Qty.Decimal)
		if i == 0 || t.Price.Cmp(high.Decimal) > 0 {
			high = t.Price
		}
		if i == 0 || t.Price.Cmp(low.Decimal) < 0 {
			low = t.Price
		}
	}
	v, _ := volume.Decimal(money.MaxDigits)
	q, _ := turnover.Decimal(8)
	if len(in) == 0 {
		return "", "", "", "", v.String(), q.String(), 0
	}
	return in[0].Price.String(), high.String(), low.String(), in[len(in)-1].Price.String(), v.String(), q.String(), int64(len(in))
}

func (b *bench) agrees(span time.Duration) {
	b.t.Helper()
	got, err := b.desk.Ticker(b.t.Context(), pair, span)
	if err != nil {
		b.t.Fatal(err)
	}
	o, h, l, c, base, quote, n := b.naive(span)
	text := func(p *money.Price) string {
		if p == nil {
			return ""
		}
		return p.String()
	}
	if got.Since.IsZero() {
		if n != 0 {
			b.t.Fatalf("at %s, %s: nothing is known, want %d trades", b.now, span, n)
		}
		return
	}
	same := func(d *money.Decimal, want string) bool { return d != nil && d.Equal(money.MustParse(want)) }
	if text(got.Open) != o || text(got.High) != h || text(got.Low) != l || text(got.Close) != c || !same(got.Base, base) || !same(got.Quote, quote) || got.Trades == nil || *got.Trades != n {
		b.t.Fatalf("at %s, %s:\n got %s %s %s %s %s %s %v\nwant %s %s %s %s %s %s %d", b.now, span,
			text(got.Open), text(got.High), text(got.Low), text(got.Close), got.Base, got.Quote, *got.Trades, o, h, l, c, base, quote, n)
	}
}

// A rolling window equals one that is worked out from all trades, whatever the moment, also
// when trades come late and revise bars of hours that were added up before.
func TestWindowEqualsEveryTradeAddedUp(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 7))
			b := newBench(t, time.Date(2026, 3, 1, 9, 17, 31, 0, time.UTC))
			busy := 1 + r.IntN(400)
			for range 900 {
				b.pass(time.Duration(r.IntN(busy*1000)+1) * time.Millisecond)
				at := b.now
				if r.IntN(12) == 0 { // late, by minutes at most: the machine keeps an hour
					at = at.Add(-time.Duration(r.IntN(600)) * time.Second)
				}
				if !at.Before(b.now.Add(-20 * time.Minute)) {
					b.trade(at, fmt.Sprintf("%d.%02d", 60000+r.IntN(5000), r.IntN(100)), fmt.Sprintf("0.%04d", 1+r.IntN(9999)))
				}
				if r.IntN(8) == 0 {
					b.agrees([]time.Duration{time.Hour, 4 * time.Hour, 24 * time.Hour, 168 * time.Hour}[r.IntN(4)])
				}
			}
			if b.machine.Missed > 0 {
				t.Fatalf("the machine lost %d trades: the test asks for too much", b.machine.Missed)
			}
		})
	}
}

// The number of hours that are kept is bounded, and forgetting changes no answer.
func TestWhatIsKeptIsBounded(t *testing.T) {
	b := newBench(t, time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC))
	b.desk.most = 30
	for i := range 1500 {
		b.pass(time.Minute)
		b.trade(b.now, fmt.Sprint(100+i%7), "0.5")
		if i%50 == 0 {
			b.agrees(24 * time.Hour)
			b.agrees(4 * time.Hour)
			if b.desk.hours > 30 {
				t.Fatalf("%d hours are kept", b.desk.hours)
			}
		}
	}
}

// A window that is not full yet says since when it is measured; hours of the venue's that a
// back-fill brought count before the first minute, as wholes.
func TestAWindowSaysHowMuchOfItIsKnown(t *testing.T) {
	begin := time.Date(2026, 3, 1, 9, 30, 0, 0, time.UTC)
	b := newBench(t, begin)
	if got, err := b.desk.Ticker(t.Context(), pair, time.Hour); err != nil || !got.Since.IsZero() || got.Base != nil || got.Hours() != 0 {
		t.Fatalf("of nothing: %+v %v", got, err)
	}
	b.trade(begin, "100", "1")
	b.pass(90 * time.Minute)
	got, err := b.desk.Ticker(t.Context(), pair, 24*time.Hour)
	if err != nil || !got.Since.Equal(begin) || got.Hours() != 1.5 || !slices.Contains(got.Marks, "volume_short") {
		t.Fatalf("after ninety minutes: since %s, %g hours, %v %v", got.Since, got.Hours(), got.Marks, err)
	}
	if got, _ = b.desk.Ticker(t.Context(), pair, time.Hour); got.Hours() != 1 || got.Open != nil || !got.Base.IsZero() || len(got.Marks) != 0 {
		t.Fatalf("a quiet hour: %+v", got)
	}
	for i := range 48 {
		h := begin.Truncate(time.Hour).Add(time.Duration(i-48) * time.Hour)
		b.put(market.Candle{Venue: pair.Venue, Pair: pair.Pair, Interval: "1h", Open: h, O: money.MustPrice("90"), H: money.MustPrice("95"), L: money.MustPrice("85"), C: money.MustPrice("91"),
			Volume: money.MustQty("2"), Turnover: money.MustParse("181"), Trades: -1, Complete: true, Known: h.Add(time.Hour), Marks: market.VenueBar | market.Backfilled})
	}
	b.pass(30 * time.Minute) // 11:30
	got, err = b.desk.Ticker(t.Context(), pair, 24*time.Hour)
	want := time.Date(2026, 2, 28, 12, 0, 0, 0, time.UTC) // 11:30 lies within an hour of the venue's
	if err != nil || !got.Since.Equal(want) || got.Hours() != 23.5 || got.Base.String() != "43" || got.Quote.String() != "3901" || got.Trades != nil || got.VWAP.String() != "90.7209" {
		t.Fatalf("with hours: since %s, %g hours, %s %s %v %v %v", got.Since, got.Hours(), got.Base, got.Quote, got.VWAP, got.Marks, err)
	}
	if !slices.Equal(got.Marks, []string{"volume_hourly", "volume_short"}) {
		t.Errorf("marks %v", got.Marks)
	}
	if _, err := b.desk.Ticker(t.Context(), pair, 90*time.Minute); err == nil {
		t.Error("a window of an hour and a half was taken")
	}
	in, err := b.desk.Stored(t.Context(), b.now.Add(-3*time.Hour))
	if err != nil || !in(pair) || in(market.Series{Venue: "okx", Pair: "BTC-USD"}) {
		t.Errorf("stored: %v", err)
	}
}
