package emulator

import (
	"fmt"
	"hash/crc32"
	"strings"
	"testing"
	"time"

	"github.com/assayhq/assay/money"
)

type okxBooks struct {
	Arg    struct{ Channel string }
	Action string
	Data   []struct {
		Asks, Bids [][4]string
		Checksum   int32
		Prev       int64 `json:"prevSeqId"`
		Seq        int64 `json:"seqId"`
	}
}

// The chain of seqId and prevSeqId never breaks, the book is the venue's at each seqId,
// and old-style checksums are right over the texts as sent.
func TestOKXBookChains(t *testing.T) {
	for _, checksums := range []bool{false, true} {
		inBubble(t, "okx", Options{Checksums: checksums}, func(b *bench) {
			w := b.dial("/ws/v5/public")
			w.send(`{"op":"subscribe","args":[{"channel":"books","instId":"BTC-USDT"}]}`)
			w.await(`"event":"subscribe"`)
			book, n, empties, last := newPaper(), 0, 0, int64(0)
			w.until(2*time.Minute+5*time.Second, func(s string) {
				if !strings.Contains(s, `"action"`) {
					return
				}
				var m okxBooks
				decode(t, s, &m)
				d := m.Data[0]
				if m.Action == "snapshot" && d.Prev != -1 || m.Action == "update" && d.Prev != last {
					t.Fatalf("prevSeqId %d, have %d", d.Prev, last)
				}
				last = d.Seq
				if d.Prev == d.Seq {
					empties++
				}
				for _, r := range d.Bids {
					book.set(false, r[0], r[1])
				}
				for _, r := range d.Asks {
					book.set(true, r[0], r[1])
				}
				bids, asks, ok := b.v.Truth("BTC-USDT").At(uint64(d.Seq))
				if why := book.differs(bids, asks, 0); !ok || why != "" {
					t.Fatalf("at %d: %v %s", d.Seq, ok, why)
				}
				want := int32(0)
				if checksums {
					want = book.okxSum()
				}
				if d.Checksum != want {
					t.Fatalf("checksum %d, want %d", d.Checksum, want)
				}
				n++
			})
			if n < 200 || empties < 1 {
				t.Fatalf("%d messages, %d empty ones", n, empties)
			}
		})
	}
}

func (p *paper) okxSum() int32 {
	var parts []string
	bids, asks := p.best(false), p.best(true)
	for i := range 25 {
		if i < len(bids) {
			parts = append(parts, bids[i], p.bids[bids[i]])
		}
		if i < len(asks) {
			parts = append(parts, asks[i], p.asks[asks[i]])
		}
	}
	return int32(crc32.ChecksumIEEE([]byte(strings.Join(parts, ":"))))
}

// Candles live on the business path; the public path says so.
func TestOKXPathsPingsAndDeadline(t *testing.T) {
	inBubble(t, "okx", Options{}, func(b *bench) {
		w := b.dial("/ws/v5/public")
		w.send(`{"op":"subscribe","args":[{"channel":"candle1m","instId":"BTC-USDT"}]}`)
		w.await(`"code":"60018"`)
		w.send("ping")
		if s := w.await("pong"); s != "pong" {
			t.Fatal(s)
		}
		start := time.Now()
		w.until(time.Hour, func(string) {})
		if d := time.Since(start); d > 31*time.Second {
			t.Fatalf("without a subscription open for %v", d)
		}
		w = b.dial("/ws/v5/business")
		w.send(`{"op":"subscribe","args":[{"channel":"candle1m","instId":"BTC-USDT"},{"channel":"trades-all","instId":"BTC-USDT"}]}`)
		confirmed := 0
		w.until(3*time.Minute, func(s string) {
			if strings.Contains(s, `candle1m`) && strings.HasSuffix(s, `"1"]]}`) {
				confirmed++
			}
		})
		if confirmed < 2 || confirmed > 3 {
			t.Fatalf("%d closed candles in 3 minutes", confirmed)
		}
	})
}

// history-trades pages backwards by id, each trade once; candles page newest first.
func TestOKXHistory(t *testing.T) {
	inBubble(t, "okx", Options{}, func(b *bench) {
		seen, after := map[string]bool{}, ""
		for {
			var a struct{ Data []struct{ TradeID string } }
			b.get("/api/v5/market/history-trades?instId=BTC-USDT&limit=100"+after, &a)
			for _, x := range a.Data {
				if seen[x.TradeID] {
					t.Fatal("twice", x.TradeID)
				}
				seen[x.TradeID] = true
				after = "&after=" + x.TradeID
			}
			if len(a.Data) < 100 {
				break
			}
			time.Sleep(110 * time.Millisecond)
		}
		if all := b.v.Trades("BTC-USDT"); len(seen) < len(all)-40 || len(seen) < 300 {
			t.Fatalf("%d trades of %d", len(seen), len(all))
		}
		rows, last := 0, int64(1<<62)
		for after := ""; ; {
			var a struct{ Data [][]string }
			b.get("/api/v5/market/candles?instId=BTC-USDT&bar=1m&limit=50"+after, &a)
			for _, r := range a.Data {
				var at int64
				fmt.Sscan(r[0], &at)
				if at >= last {
					t.Fatal("not newest first")
				}
				last = at
				rows++
			}
			if len(a.Data) < 50 {
				break
			}
			after = "&after=" + a.Data[len(a.Data)-1][0]
		}
		if rows < 180 {
			t.Fatalf("%d bars of three hours", rows)
		}
	})
}

// A contract's book counts contracts, and an index is told by its own name.
func TestOKXContractsAreCounted(t *testing.T) {
	for symbol, worth := range map[string]string{"BTC-USDT-SWAP": "0.01", "ETH-USDT-SWAP": "0.1", "BTC-USD-SWAP": "100"} {
		inBubble(t, "okx", Options{}, func(b *bench) {
			w := b.dial("/ws/v5/public")
			w.send(`{"op":"subscribe","args":[{"channel":"index-tickers","instId":"` + strings.TrimSuffix(symbol, "-SWAP") + `"}]}`)
			w.await(`"idxPx"`)
			w.send(`{"op":"subscribe","args":[{"channel":"books","instId":"` + symbol + `"}]}`)
			book, n := newPaper(), 0
			w.until(30*time.Second, func(s string) {
				if !strings.Contains(s, `"action"`) {
					return
				}
				var m okxBooks
				decode(t, s, &m)
				d := m.Data[0]
				set := func(ask bool, rows [][4]string) {
					for _, r := range rows {
						q, err := money.MustParse(r[1]).Mul(money.MustParse(worth))
						if err != nil {
							t.Fatal(err)
						}
						book.set(ask, r[0], q.String())
					}
				}
				set(false, d.Bids)
				set(true, d.Asks)
				bids, asks, ok := b.v.Truth(symbol).At(uint64(d.Seq))
				if why := book.differs(bids, asks, 0); !ok || why != "" {
					t.Fatalf("%s at %d: %v %s", symbol, d.Seq, ok, why)
				}
				n++
			})
			if n < 50 {
				t.Fatalf("%s: %d messages", symbol, n)
			}
		})
	}
}
