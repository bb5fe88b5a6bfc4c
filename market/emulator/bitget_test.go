package emulator

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// Books of spot and of the perpetual of one symbol chain by pseq from their snapshots,
// and are the venue's at each seq.
func TestBitgetBooksChain(t *testing.T) {
	inBubble(t, "bitget", Options{}, func(b *bench) {
		w := b.dial("/v3/ws/public")
		w.send(`{"op":"subscribe","args":[{"instType":"spot","topic":"books","symbol":"BTCUSDT"},{"instType":"usdt-futures","topic":"books","symbol":"BTCUSDT"}]}`)
		books, last, n := map[string]*paper{}, map[string]int64{}, map[string]int{}
		w.until(time.Minute, func(s string) {
			if !strings.Contains(s, `"action"`) {
				return
			}
			var m struct {
				Action string
				Arg    struct{ InstType string }
				Data   []struct {
					A, B      [][2]string
					Seq, Pseq int64
				}
			}
			decode(t, s, &m)
			part, d := m.Arg.InstType, m.Data[0]
			if m.Action == "snapshot" {
				books[part] = newPaper()
			}
			if m.Action == "snapshot" && d.Pseq != 0 || m.Action == "update" && d.Pseq != last[part] {
				t.Fatalf("%s: pseq %d, have %d", part, d.Pseq, last[part])
			}
			last[part] = d.Seq
			for _, r := range d.B {
				books[part].set(false, r[0], r[1])
			}
			for _, r := range d.A {
				books[part].set(true, r[0], r[1])
			}
			name := "BTCUSDT"
			if part != "spot" {
				name = part + ":" + name
			}
			bids, asks, ok := b.v.Truth(name).At(uint64(d.Seq))
			if why := books[part].differs(bids, asks, 0); !ok || why != "" {
				t.Fatalf("%s at %d: %v %s", part, d.Seq, ok, why)
			}
			n[part]++
		})
		if n["spot"] < 50 || n["usdt-futures"] < 50 {
			t.Errorf("%v", n)
		}
	})
}

// Who does not ping for two minutes is cut; more than ten messages a second are too many.
func TestBitgetPingsAndPace(t *testing.T) {
	inBubble(t, "bitget", Options{}, func(b *bench) {
		w, start := b.dial("/v3/ws/public"), time.Now()
		w.send(`{"op":"subscribe","args":[{"instType":"spot","topic":"nothing","symbol":"BTCUSDT"}]}`)
		w.await(`"code":30001`)
		if w.until(5*time.Minute, func(string) {}) || time.Since(start) < 2*time.Minute {
			t.Errorf("without a ping open for %v", time.Since(start))
		}
		w = b.dial("/v3/ws/public")
		for range 4 {
			w.send("ping")
			w.await("pong")
			if !w.until(time.Minute, func(string) {}) {
				t.Fatal("cut although it pinged")
			}
		}
		for range 11 {
			w.send("ping")
		}
		if w.until(5*time.Second, func(string) {}) {
			t.Error("eleven messages at once were taken")
		}
	})
}

// Contracts have numbers that move, liquidations come now and then, and paid funding
// has a row every eight hours.
func TestBitgetContracts(t *testing.T) {
	inBubble(t, "bitget", Options{}, func(b *bench) {
		w := b.dial("/v3/ws/public")
		w.send(`{"op":"subscribe","args":[{"instType":"usdt-futures","topic":"liquidation"},{"instType":"usdt-futures","topic":"ticker","symbol":"BTCUSDT"}]}`)
		forced, marks := 0, map[string]bool{}
		for range 2 {
			w.send("ping")
			w.until(90*time.Second, func(s string) {
				var m struct {
					Arg  struct{ Topic string }
					Data []struct{ MarkPrice, OpenInterest, NextFundingTime, Side string }
				}
				if s == "pong" {
					return
				}
				decode(t, s, &m)
				for _, d := range m.Data {
					if m.Arg.Topic == "liquidation" {
						forced++
						continue
					}
					if marks[d.MarkPrice] = true; d.OpenInterest == "" || !strings.HasSuffix(d.NextFundingTime, "00000") {
						t.Fatalf("%+v", d)
					}
				}
			})
		}
		if forced < 3 || forced > 60 || len(marks) < 20 {
			t.Errorf("%d liquidations, %d marks in three minutes", forced, len(marks))
		}
	})
}

// Old trades page backwards by id, each once, with times in whole seconds.
func TestBitgetHistory(t *testing.T) {
	inBubble(t, "bitget", Options{}, func(b *bench) {
		seen, less := map[string]bool{}, ""
		for {
			var a struct {
				Data []struct{ TradeID, TS string }
			}
			b.get("/api/v2/spot/market/fills-history?symbol=BTCUSDT&limit=200"+less, &a)
			for _, x := range a.Data {
				if seen[x.TradeID] || !strings.HasSuffix(x.TS, "000") {
					t.Fatal("twice, or not a whole second:", x)
				}
				seen[x.TradeID] = true
				less = fmt.Sprint("&idLessThan=", x.TradeID)
			}
			if len(a.Data) < 200 {
				break
			}
			time.Sleep(200 * time.Millisecond)
		}
		if all := b.v.Trades("BTCUSDT"); len(seen) < len(all)-40 || len(seen) < 250 {
			t.Errorf("%d trades of %d", len(seen), len(all))
		}
	})
}
