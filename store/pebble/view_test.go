package pebble

import (
	"fmt"
	"testing"
	"time"

	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/money"

	lsm "github.com/cockroachdb/pebble/v2"
)

// Between the moment a merge is applied and the moment its view is published, the
// chunks hold rows that the view still has in its tail. A reader who comes then
// must see each row once. The test plays the writer's part by hand.
func TestReaderWhoComesInTheMiddleOfAMergeSeesEachRowOnce(t *testing.T) {
	s, err := Open(t.TempDir(), Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	of := market.Series{Venue: "v", Pair: "A-B"}
	b := &market.Batch{}
	for round := range 3 {
		b.Reset()
		for i := range 10 {
			at := time.Unix(int64(round*10+i), 0)
			b.Trades = append(b.Trades, market.Trade{Venue: of.Venue, Pair: of.Pair, ID: fmt.Sprint(1 + round*10 + i), Price: money.MustPrice("1"), Qty: money.MustQty("1"), At: at, Received: at})
		}
		if err := s.Append(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		sr := s.trades.of[name{venue: of.Venue, pair: of.Pair}]
		tx := &txn{s: s, batch: s.db.NewBatch(), code: &coder{}}
		if err := sr.toChunks(tx); err != nil {
			t.Fatal(err)
		}
		if err := s.db.Apply(tx.batch, lsm.NoSync); err != nil {
			t.Fatal(err)
		}
		got := make(chan int)
		for range 2 {
			go func() {
				rows, err := s.TradesInto(t.Context(), of, market.Range{}, nil)
				if err != nil {
					t.Error(err)
				}
				got <- len(rows)
			}()
		}
		// Whoever answers before the view is published either needed no chunk, or
		// was wrong not to wait.
		left := 2
		select {
		case n := <-got:
			left--
			if n != 10*(round+1) {
				t.Errorf("round %d: a reader did not wait and saw %d rows, want %d", round, n, 10*(round+1))
			}
		case <-time.After(50 * time.Millisecond):
		}
		sr.publish()
		for range left {
			if n := <-got; n != 10*(round+1) {
				t.Errorf("round %d: a reader saw %d rows, want %d", round, n, 10*(round+1))
			}
		}
	}
}
