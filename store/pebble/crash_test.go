package pebble_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/money"
	"github.com/assayhq/assay/store/pebble"
)

// The child of the crash story is this test binary, told so by its environment.
const crashDir, crashFirst = "ASSAY_CRASH_DIR", "ASSAY_CRASH_FIRST"

const crashWriters, crashRows = 3, 40

// TestMain becomes the child when the crash story asks for it.
func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		first, _ := strconv.Atoi(os.Getenv(crashFirst))
		if err := crashChild(dir, first, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "child:", err)
			os.Exit(3)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// crashBatch is batch n: always the same rows, in three series, some of them
// late, one candle that is revised, one gap.
func crashBatch(n int) *market.Batch {
	b := &market.Batch{}
	start := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range crashRows {
		id := n*crashRows + i
		at := start.Add(time.Duration(id) * time.Millisecond)
		if id%17 == 0 {
			at = at.Add(-time.Duration(id%5000) * time.Millisecond)
		}
		b.Trades = append(b.Trades, market.Trade{
			Venue: "kraken", Pair: market.Pair(fmt.Sprintf("C%d-USD", id%3)), ID: strconv.Itoa(id), Side: market.Buy,
			Price: money.Price{Decimal: money.MustNew(int64(100000+id%977), 2)}, Qty: money.Qty{Decimal: money.MustNew(int64(id), 8)}, At: at, Received: at.Add(3 * time.Millisecond),
		})
	}
	open := start.Add(time.Duration(n/7) * time.Minute)
	b.Candles = append(b.Candles, market.Candle{Venue: "kraken", Pair: "C0-USD", Interval: "1m", Open: open, Revision: n % 7, Trades: int64(n), Known: open})
	paid := start.Add(time.Duration(n) * time.Hour)
	b.Derivatives = append(b.Derivatives,
		market.Derivative{Venue: "kraken", Pair: "C0-USD", Has: market.StatedMark, Mark: money.MustPrice("60000.5"), At: start.Add(time.Duration(n) * time.Second), Received: paid},
		market.Derivative{Venue: "kraken", Pair: "C0-USD", Has: market.StatedFunding, Settled: true, Funding: money.MustNew(int64(n), 8), FundingAt: paid, Received: paid})
	b.Liquidations = append(b.Liquidations, market.Liquidation{Venue: "kraken", Pair: "C0-USD", ID: strconv.Itoa(n), Side: market.Sell, Price: money.MustPrice("60000.5"), Qty: money.MustQty("1"), At: start.Add(time.Duration(n/3) * time.Second), Received: paid})
	closed := market.Candle{Venue: "kraken", Pair: "C1-USD", Interval: "1m", Open: start.Add(time.Duration(n/2) * time.Minute), Complete: true, Trades: int64(n)}
	closed.Known = closed.Open.Add(time.Minute + time.Duration(n%2)*time.Second)
	b.Candles = append(b.Candles, closed)
	b.Gaps = append(b.Gaps, market.Gap{ID: fmt.Sprint("g", n), Venue: "kraken", From: open, To: open.Add(time.Second), Missing: int64(n)})
	return b
}

// crashChild appends batches from several goroutines until it is killed, and
// prints the number of each batch that Append has taken.
func crashChild(dir string, first int, out io.Writer) error {
	s, err := pebble.Open(dir, pebble.Options{MemTableBytes: 256 << 10})
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "open")
	var mu sync.Mutex
	var writers sync.WaitGroup
	for w := range crashWriters {
		writers.Go(func() {
			for n := first + w; ; n += crashWriters {
				if err := s.Append(context.Background(), crashBatch(n)); err != nil {
					fmt.Fprintln(os.Stderr, "append:", err)
					return
				}
				mu.Lock()
				fmt.Fprintln(out, n)
				mu.Unlock()
			}
		})
	}
	writers.Wait()
	return nil
}

// A process that appends is killed at a random moment, again and again. Whatever
// it had acknowledged must be there exactly once, whatever else is there must be
// whole, and the next process opens the directory without help.
func TestKilledProcessLosesNothingItAcknowledged(t *testing.T) {
	rounds := 50
	if testing.Short() {
		rounds = 8
	}
	dir := t.TempDir()
	r := rand.New(rand.NewPCG(uint64(os.Getpid()), 1))
	acked := map[int]bool{}
	next := 0
	for round := range rounds {
		child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^$")
		child.Env = append(os.Environ(), crashDir+"="+dir, crashFirst+"="+strconv.Itoa(next))
		child.Stderr = os.Stderr
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		if !lines.Scan() || lines.Text() != "open" {
			t.Fatalf("round %d: the child did not open the history: %q", round, lines.Text())
		}
		enough, seen := 1+r.IntN(150), 0
		for lines.Scan() {
			n, err := strconv.Atoi(lines.Text())
			if err != nil {
				t.Fatalf("round %d: %v", round, err)
			}
			acked[n] = true
			next = max(next, n+1)
			if seen++; seen == enough {
				if err := child.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		_ = child.Wait()
		next += crashWriters // what was under way may or may not be there: leave it be
		next += (crashWriters - next%crashWriters) % crashWriters
		checkAfterCrash(t, dir, round, acked)
		if t.Failed() {
			return
		}
	}
	t.Logf("%d rounds, %d acknowledged batches, none lost", rounds, len(acked))
}

func checkAfterCrash(t *testing.T, dir string, round int, acked map[int]bool) {
	t.Helper()
	s, err := pebble.Open(dir, pebble.Options{})
	if err != nil {
		t.Fatalf("round %d: opening after the kill: %v", round, err)
	}
	defer s.Close()
	found := map[int]int{} // batch → rows
	for i := range 3 {
		pair := market.Pair(fmt.Sprintf("C%d-USD", i))
		seen := map[string]bool{}
		var last time.Time
		for tr, err := range s.Trades(t.Context(), market.Series{Venue: "kraken", Pair: pair}, market.Range{}) {
			if err != nil {
				t.Fatalf("round %d: %v", round, err)
			}
			id, err := strconv.Atoi(tr.ID)
			if err != nil || seen[tr.ID] || tr.At.Before(last) {
				t.Fatalf("round %d: trade %s twice, out of order or spoilt", round, tr.ID)
			}
			if want := crashBatch(id / crashRows).Trades[id%crashRows]; tr != want {
				t.Fatalf("round %d: trade %s is %+v, want %+v", round, tr.ID, tr, want)
			}
			seen[tr.ID], last = true, tr.At
			found[id/crashRows]++
		}
	}
	contracts := map[string]map[int]int{"statement": {}, "payment": {}, "liquidation": {}}
	start := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	perp := market.Series{Venue: "kraken", Pair: "C0-USD"}
	for d, err := range s.Derivatives(t.Context(), perp, market.Range{}) {
		if err != nil {
			t.Fatal(err)
		}
		contracts["statement"][int(d.At.Sub(start)/time.Second)]++
	}
	for d, err := range s.Funding(t.Context(), perp, market.Range{}) {
		if err != nil {
			t.Fatal(err)
		}
		contracts["payment"][int(d.Funding.Coef())]++
	}
	for l, err := range s.Liquidations(t.Context(), perp, market.Range{}) {
		if err != nil {
			t.Fatal(err)
		}
		n, _ := strconv.Atoi(l.ID)
		contracts["liquidation"][n]++
	}
	for what, of := range contracts {
		for n := range found {
			if of[n] != 1 {
				t.Fatalf("round %d: the %s of batch %d is there %d times", round, what, n, of[n])
			}
		}
	}
	gaps := map[string]bool{}
	for g, err := range s.Gaps(t.Context(), market.Series{}, market.Range{}) {
		if err != nil {
			t.Fatal(err)
		}
		gaps[g.ID] = true
	}
	versions := map[int64]bool{}
	bars := market.Series{Venue: "kraken", Pair: "C1-USD"}
	for c, err := range s.Candles(t.Context(), bars, "1m", market.Range{}) {
		if err != nil {
			t.Fatal(err)
		}
		versions[c.Trades] = true
	}
	for c, err := range s.Corrections(t.Context(), bars, "1m", market.Range{}) {
		if err != nil {
			t.Fatal(err)
		}
		if versions[c.Before.Trades] || !versions[c.After.Trades] || c.Before.Trades+1 != c.After.Trades {
			t.Fatalf("round %d: version %d became %d", round, c.Before.Trades, c.After.Trades)
		}
		versions[c.Before.Trades] = true
	}
	for n := range found {
		if !versions[int64(n)] {
			t.Fatalf("round %d: the bar of batch %d is there in no version", round, n)
		}
	}
	best := map[int64]int{}
	for n, rows := range found {
		if rows != crashRows || !gaps[fmt.Sprint("g", n)] {
			t.Fatalf("round %d: batch %d is there with %d of %d rows, its gap %v: batches must be whole", round, n, rows, crashRows, gaps[fmt.Sprint("g", n)])
		}
		best[int64(n/7)] = max(best[int64(n/7)], n)
	}
	for n := range acked {
		if found[n] != crashRows {
			t.Fatalf("round %d: batch %d was acknowledged and is lost", round, n)
		}
	}
	for c, err := range s.Candles(t.Context(), market.Series{Venue: "kraken", Pair: "C0-USD"}, "1m", market.Range{}) {
		if err != nil {
			t.Fatal(err)
		}
		minute := int64(c.Open.Sub(start) / time.Minute)
		if int(c.Trades) != best[minute] {
			t.Fatalf("round %d: the candle of minute %d is of batch %d, want %d", round, minute, c.Trades, best[minute])
		}
		delete(best, minute)
	}
	if len(best) > 0 {
		t.Fatalf("round %d: %d candles are lost", round, len(best))
	}
}
