package stream

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/assayhq/assay/market"
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
