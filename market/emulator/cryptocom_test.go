package emulator

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// heartbeat answers a heartbeat, if the message is one.
func (w *wire) heartbeat(s string) {
	if strings.Contains(s, "public/heartbeat") {
		w.send(strings.Replace(s, "public/heartbeat", "public/respond-heartbeat", 1))
	}
}

// Updates chain from the snapshot by pu and u, the book is the venue's at each u, and
// quiet books send an empty update.
func TestCryptocomBookChains(t *testing.T) {
	inBubble(t, "cryptocom", Options{Rate: 0.2}, func(b *bench) {
		w := b.dial("/exchange/v1/market")
		w.send(`{"id":1,"method":"subscribe","params":{"channels":["book.BTC_USD.50"],"book_subscription_type":"SNAPSHOT_AND_UPDATE","book_update_frequency":100}}`)
		book, n, empties, last := newPaper(), 0, 0, int64(-1)
		w.until(3*time.Minute, func(s string) {
			w.heartbeat(s)
			var m struct {
				Result struct {
					Channel string
					Data    []struct {
						Bids, Asks [][3]string
						Update     struct{ Bids, Asks [][3]string }
						U, PU      int64
					}
				}
			}
			decode(t, s, &m)
			if len(m.Result.Data) == 0 {
				return
			}
			d := m.Result.Data[0]
			if m.Result.Channel == "book.update" {
				if d.PU != last {
					t.Fatalf("pu %d, have %d", d.PU, last)
				}
				d.Bids, d.Asks = d.Update.Bids, d.Update.Asks
			}
			if last = d.U; len(d.Bids)+len(d.Asks) == 0 {
				empties++
			}
			for _, r := range d.Bids {
				book.set(false, r[0], r[1])
			}
			for _, r := range d.Asks {
				book.set(true, r[0], r[1])
			}
			bids, asks, ok := b.v.Truth("BTC_USD").At(uint64(d.U))
			if why := book.differs(bids, asks, 50); !ok || why != "" {
				t.Fatalf("at %d: %v %s", d.U, ok, why)
			}
			n++
		})
		if n < 20 || empties < 3 {
			t.Errorf("%d messages, %d of them empty", n, empties)
		}
	})
}

// Who does not answer a heartbeat is cut after five seconds, who does stays.
func TestCryptocomHeartbeats(t *testing.T) {
	inBubble(t, "cryptocom", Options{}, func(b *bench) {
		silent, start := b.dial("/exchange/v1/market"), time.Now()
		if silent.until(time.Minute, func(string) {}) || time.Since(start) < 34*time.Second || time.Since(start) > 37*time.Second {
			t.Errorf("the silent one was there until %v", time.Since(start))
		}
	})
	inBubble(t, "cryptocom", Options{}, func(b *bench) {
		polite := b.dial("/exchange/v1/market")
		if !polite.until(3*time.Minute, polite.heartbeat) {
			t.Error("it was cut although it answered")
		}
	})
}

// In the second in which a connection is opened only that part of the allowance is
// left which is left of the second.
func TestCryptocomAllowanceIsCutInTheFirstSecond(t *testing.T) {
	inBubble(t, "cryptocom", Options{}, func(b *bench) {
		time.Sleep(985*time.Millisecond - time.Duration(time.Now().Nanosecond()))
		w := b.dial("/exchange/v1/market")
		wish := `{"id":%d,"method":"subscribe","params":{"channels":["ticker.BTC_USD"]}}`
		w.send(fmt.Sprintf(wish, 1))
		w.send(fmt.Sprintf(wish, 2))
		w.await(`"code":42901`)
		time.Sleep(time.Second)
		w.send(fmt.Sprintf(wish, 3))
		w.await(`{"id":3,"method":"subscribe","code":0}`)
	})
}

// Trades page backwards by nanoseconds without loss; paid funding has a row an hour.
func TestCryptocomHistory(t *testing.T) {
	inBubble(t, "cryptocom", Options{}, func(b *bench) {
		seen, end := map[string]bool{}, ""
		for {
			var a struct {
				Result struct {
					Data []struct {
						D  string
						TN int64
					}
				}
			}
			b.get("/exchange/v1/public/get-trades?instrument_name=BTC_USD&count=150"+end, &a)
			for _, x := range a.Result.Data {
				if seen[x.D] {
					t.Fatal("twice", x.D)
				}
				seen[x.D] = true
				end = fmt.Sprint("&end_ts=", x.TN)
			}
			if len(a.Result.Data) < 150 {
				break
			}
		}
		if all := b.v.Trades("BTC_USD"); len(seen) < len(all)-40 || len(seen) < 300 {
			t.Errorf("%d trades of %d", len(seen), len(all))
		}
		var f struct {
			Result struct{ Data []struct{ T int64 } }
		}
		b.get("/exchange/v1/public/get-valuations?instrument_name=BTCUSD-PERP&valuation_type=funding_hist&count=10", &f)
		if len(f.Result.Data) != 10 || f.Result.Data[0].T%3600000 != 0 || f.Result.Data[0].T-f.Result.Data[9].T != 9*3600000 {
			t.Errorf("paid funding: %v", f.Result.Data)
		}
	})
}
