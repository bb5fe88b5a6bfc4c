package emulator

import (
	"strconv"
	"strings"
	"testing"
	"time"
)

type bitstampBook struct {
	Event, Channel string
	Data           struct {
		Micro      string `json:"microtimestamp"`
		Bids, Asks [][2]string
	}
}

func microTime(s string) time.Time {
	n, _ := strconv.ParseInt(s, 10, 64)
	return time.UnixMicro(n)
}

// A client that buffers diffs, fetches the book and drops what is not newer has the
// venue's book at every microtimestamp, on a venue whose clock is two minutes off.
func TestBitstampBookJoinsByTime(t *testing.T) {
	inBubble(t, "bitstamp", Options{Skew: -2 * time.Minute}, func(b *bench) {
		w := b.dial("/")
		w.send(`{"event":"bts:subscribe","data":{"channel":"diff_order_book_btcusd"}}`)
		w.await("bts:subscription_succeeded")
		w.send(`{"event":"bts:subscribe","data":{"channel":"diff_order_book_nope"}}`)
		w.await("Bad subscription string")
		var buffer []bitstampBook
		w.until(2*time.Second, func(s string) {
			var m bitstampBook
			decode(t, s, &m)
			buffer = append(buffer, m)
		})
		var snap struct {
			Micro      string `json:"microtimestamp"`
			Bids, Asks [][2]string
		}
		b.get("/api/v2/order_book/btcusd/", &snap)
		book, n := newPaper(), 0
		book.pairs(snap.Bids, snap.Asks)
		at := microTime(snap.Micro)
		apply := func(m bitstampBook) {
			if m.Event != "data" || !microTime(m.Data.Micro).After(at) {
				return
			}
			at = microTime(m.Data.Micro)
			book.pairs(m.Data.Bids, m.Data.Asks)
			bids, asks, ok := b.v.Truth("btcusd").AtTime(at)
			if why := book.differs(bids, asks, 0); !ok || why != "" {
				t.Fatalf("at %v: %v %s", at, ok, why)
			}
			n++
		}
		for _, m := range buffer {
			apply(m)
		}
		w.until(time.Minute, func(s string) {
			if strings.Contains(s, `"event":"data"`) {
				var m bitstampBook
				decode(t, s, &m)
				apply(m)
			}
		})
		if n < 100 {
			t.Fatalf("%d diffs", n)
		}
		if off := time.Until(at); off > -2*time.Minute+time.Second || off < -2*time.Minute-time.Second {
			t.Fatalf("the venue's clock is off by %v", off)
		}
	})
}

// Candles come oldest first in the venue's own steps, transactions newest first.
func TestBitstampHistory(t *testing.T) {
	inBubble(t, "bitstamp", Options{}, func(b *bench) {
		var a struct {
			Data struct {
				Pair string
				OHLC []struct{ Timestamp, Close, Volume string }
			}
		}
		b.get("/api/v2/ohlc/ltcusd/?step=60&limit=1000", &a)
		if n := len(a.Data.OHLC); n < 180 || a.Data.Pair != "LTC/USD" || a.Data.OHLC[0].Timestamp > a.Data.OHLC[1].Timestamp {
			t.Fatalf("%d bars of %s", n, a.Data.Pair)
		}
		var list []struct{ Tid, Type string }
		b.get("/api/v2/transactions/btcusd/?time=hour", &list)
		if len(list) < 100 || list[0].Tid < list[1].Tid {
			t.Fatalf("%d transactions", len(list))
		}
		r, _ := b.get("/api/v2/order_book/nope/", nil)
		if r.StatusCode != 404 {
			t.Fatal(r.StatusCode)
		}
	})
}
