package stream

import (
	"context"
	"iter"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/money"
)

// inside runs a story in a bubble: time passes only when everybody waits.
func inside(t *testing.T, opt Options, story func(t *testing.T, h *house)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		h := open(t, opt)
		defer h.stop()
		story(t, h)
	})
}

func TestANewcomerToTradesGetsTheNewestAndThenEachOnce(t *testing.T) {
	inside(t, Options{}, func(t *testing.T, h *house) {
		h.stage.trade("kraken", "BTC-USD", "1", "100.10", "0.5", market.Buy)
		h.stage.trade("kraken", "BTC-USD", "2", "100.20", "0.25", market.Sell)
		c := h.dial("good")
		defer c.bye()
		c.say(`{"op":"subscribe","id":7,"topics":[{"ch":"trades","pair":"btc-usd","venue":"kraken"}]}`)
		if e := c.hear(); e.Op != "subscribed" || e.ID != 7.0 || len(e.Topics) != 1 || e.Topics[0].Sid == 0 {
			t.Fatalf("answer: %s", e.text)
		}
		e := c.hear()
		if x := e.things(t); e.Type != "snapshot" || len(x) != 2 || x[0].ID != "1" || x[1].Price != "100.20" || x[1].Side != "sell" {
			t.Fatalf("snapshot: %s", e.text)
		}
		seq := e.Seq
		h.stage.trade("kraken", "BTC-USD", "3", "100.30", "1", market.Buy)
		if e = c.hear(); e.Type != "update" || e.First != seq+1 || e.Seq != seq+1 || e.things(t)[0].ID != "3" {
			t.Fatalf("first: %s", e.text)
		}
		for _, id := range []string{"4", "5", "6"} { // within the batch time: one message
			h.stage.trade("kraken", "BTC-USD", id, "100.40", "1", market.Buy)
		}
		h.stage.trade("coinbase", "BTC-USD", "x", "9", "1", market.Buy) // not asked for
		if e = c.hear(); e.First != seq+2 || e.Seq != seq+4 || len(e.Data) != 3 {
			t.Fatalf("batch: %s", e.text)
		}
	})
}

func TestABookIsASnapshotThenChangesAndInvalidWhileItIsNotKnown(t *testing.T) {
	inside(t, Options{}, func(t *testing.T, h *house) {
		h.stage.update("kraken", "BTC-USD", true, 0, levels("100", "1", "99", "2"), levels("101", "1", "102", "3"))
		c := h.dial("good")
		defer c.bye()
		c.say(`{"op":"subscribe","topics":[{"ch":"books","pair":"BTC-USD","venue":"kraken","depth":1}]}`)
		c.hear()
		e := c.hear()
		if x := e.things(t); e.Type != "snapshot" || len(x[0].Bids) != 1 || x[0].Bids[0] != [2]string{"100", "1"} || x[0].BookSeq != 1 {
			t.Fatalf("snapshot: %s", e.text)
		}
		h.stage.update("kraken", "BTC-USD", false, 0, levels("100", "0"), nil)
		if e = c.hear(); e.Type != "update" || e.things(t)[0].Bids[0] != [2]string{"100", "0"} {
			t.Fatalf("update: %s", e.text)
		}
		h.stage.gap("kraken", "BTC-USD", false)
		if e = c.hear(); e.Type != "invalid" || e.Reason == "" {
			t.Fatalf("gap: %s", e.text)
		}
		h.stage.update("kraken", "BTC-USD", true, 0, levels("98", "1", "97", "1"), levels("99", "1"))
		h.stage.gap("kraken", "BTC-USD", true)
		if e = c.hear(); e.Type != "snapshot" || len(e.things(t)[0].Bids) != 1 {
			t.Fatalf("again: %s", e.text)
		}
	})
}

func TestThePriceComesAtOnceAndCrossesFollowBothSides(t *testing.T) {
	inside(t, Options{}, func(t *testing.T, h *house) {
		h.stage.price("BTC", "50000")
		h.stage.price("ETH", "2500")
		c := h.dial("good")
		defer c.bye()
		c.say(`{"op":"subscribe","topics":[{"ch":"price","asset":"BTC","quote":"USD"},{"ch":"price","pair":"BTC-ETH"}]}`)
		c.hear()
		if e := c.hear(); e.Pair != "BTC-USD" || e.things(t)[0].Price != "50000" {
			t.Fatal(e.text)
		}
		if e := c.hear(); e.Pair != "BTC-ETH" || e.things(t)[0].Price != "20" {
			t.Fatal(e.text)
		}
		time.Sleep(time.Second)
		h.stage.price("ETH", "2000")
		if e := c.hear(); e.Pair != "BTC-ETH" || e.things(t)[0].Price != "25" {
			t.Fatal(e.text)
		}
	})
}

func TestABookWhoseGapIsToldAfterTheSnapshotThatEndedItStaysInUse(t *testing.T) {
	inside(t, Options{}, func(t *testing.T, h *house) {
		h.stage.update("kraken", "BTC-USD", true, 0, levels("10", "1"), levels("11", "1"))
		c := h.dial("good")
		defer c.bye()
		c.say(`{"op":"subscribe","topics":[{"ch":"books","pair":"BTC-USD","venue":"kraken"}]}`)
		c.hear()
		c.hear()
		h.stage.update("kraken", "BTC-USD", true, 0, levels("20", "1"), levels("21", "1"))
		h.stage.announce("kraken", "BTC-USD", time.Time{}) // as when one frame brought both
		h.stage.announce("kraken", "BTC-USD", time.Now())
		heard := c.until(func(e *envelope) bool { return e.Type == "snapshot" && e.things(t)[0].BookSeq == 4 })
		if x := heard[len(heard)-1].things(t)[0]; x.Bids[0][0] != "20" {
			t.Error(heard)
		}
	})
}

func TestAVenueStartedAnewCountsFromOneAgain(t *testing.T) {
	inside(t, Options{}, func(t *testing.T, h *house) {
		for range 5 {
			h.stage.update("kraken", "BTC-USD", true, 0, levels("10", "1"), levels("11", "1"))
		}
		c := h.dial("good")
		defer c.bye()
		c.say(`{"op":"subscribe","topics":[{"ch":"books","pair":"BTC-USD","venue":"kraken"}]}`)
		c.hear()
		c.hear()
		h.stage.mu.Lock()
		clear(h.stage.seqs)
		h.stage.mu.Unlock()
		h.stage.update("kraken", "BTC-USD", true, 0, levels("20", "1"), levels("21", "1"))
		if e := c.hear(); e.Type != "snapshot" || e.things(t)[0].Bids[0][0] != "20" {
			t.Error(e.text)
		}
	})
}

func TestQuotesOfAllVenuesStandSideBySide(t *testing.T) {
	inside(t, Options{}, func(t *testing.T, h *house) {
		h.stage.quote("kraken", "BTC-USD", "100.0", "101.0")
		h.stage.quote("coinbase", "BTC-USD", "100.5", "100.9")
		h.stage.mu.Lock()
		h.stage.sim = "a recording"
		h.stage.mu.Unlock()
		c := h.dial("good")
		defer c.bye()
		c.say(`{"op":"subscribe","topics":[{"ch":"quotes","pair":"BTC-USD"}]}`)
		c.hear()
		if e := c.hear(); !e.Simulated || len(e.Data) != 2 || e.things(t)[0].Venue != "coinbase" || e.things(t)[1].Bid != "100.0" {
			t.Fatal(e.text)
		}
		time.Sleep(time.Second)
		h.stage.quote("kraken", "BTC-USD", "100.1", "101.0")
		if e := c.hear(); e.Type != "update" || e.Venue != "" || e.things(t)[0].Venue != "kraken" {
			t.Fatal(e.text)
		}
		c.say(`{"op":"subscribe","topics":[{"ch":"quotes","pair":"BTC-USD"}]}`) // again: a fresh snapshot
		c.hear()
		if e := c.hear(); e.Type != "snapshot" || e.things(t)[1].Bid+e.things(t)[0].Bid == "" || len(e.Data) != 2 {
			t.Fatal(e.text)
		}
	})
}

// shelf gives the stored bars of any interval.
type shelf struct {
	mu   sync.Mutex
	rows []market.Candle
}

func (s *shelf) Candles(_ context.Context, _ market.Series, i market.Interval, r market.Range) iter.Seq2[market.Candle, error] {
	return func(yield func(market.Candle, error) bool) {
		s.mu.Lock()
		rows := slices.Clone(s.rows)
		s.mu.Unlock()
		for _, k := range rows {
			if k.Interval == i && !k.Open.Before(r.From) && !yield(k, nil) {
				return
			}
		}
	}
}

func TestLongerBarsAreReadWhenTheirPartsChange(t *testing.T) {
	s := &shelf{}
	inside(t, Options{Candles: s}, func(t *testing.T, h *house) {
		open := market.Interval("5m").Start(time.Now())
		bar := func(o time.Time, close string, complete bool) market.Candle {
			k := market.Candle{Venue: "kraken", Pair: "BTC-USD", Interval: "5m", Open: o, Complete: complete}
			k.O, k.H, k.L, k.C = money.MustPrice("1"), money.MustPrice("9"), money.MustPrice("1"), money.MustPrice(close)
			return k
		}
		s.rows = []market.Candle{bar(open, "2", false)}
		c := h.dial("good")
		defer c.bye()
		c.say(`{"op":"subscribe","topics":[{"ch":"candles","pair":"BTC-USD","venue":"kraken","interval":"5m"}]}`)
		c.hear()
		if e := c.hear(); e.Type != "snapshot" || e.things(t)[0].Close != "2" {
			t.Fatal(e.text)
		}
		for i, closes := range []string{"3", "4"} {
			s.mu.Lock()
			s.rows = []market.Candle{bar(open, closes, i == 1)}
			s.mu.Unlock()
			h.stage.candle(market.Candle{Venue: "kraken", Pair: "BTC-USD", Interval: "1m", Open: open})
			h.stage.candle(market.Candle{Venue: "kraken", Pair: "BTC-USD", Interval: "1m", Open: open}) // says nothing new
			if e := c.hear(); len(e.Data) != 1 || e.things(t)[0].Close != closes || e.things(t)[0].Complete != (i == 1) {
				t.Fatal(e.text)
			}
		}
	})
}
