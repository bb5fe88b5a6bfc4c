package emulator

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

type bybitBook struct {
	Topic, Type string
	Data        struct {
		B, A [][2]string
		U    uint64 `json:"u"`
	}
}

// Each depth counts u by one, and holds exactly the venue's best levels; a perpetual
// has the same name on its own path.
func TestBybitBooks(t *testing.T) {
	for _, x := range []struct {
		path, symbol string
		depth        int
	}{{"/v5/public/spot", "BTCUSDT", 50}, {"/v5/public/spot", "BTCUSDT", 200}, {"/v5/public/spot", "BTCUSDT", 1}, {"/v5/public/linear", "linear:BTCUSDT", 50}} {
		inBubble(t, "bybit", Options{}, func(b *bench) {
			w := b.dial(x.path)
			w.send(fmt.Sprintf(`{"op":"subscribe","args":["orderbook.%d.BTCUSDT"],"req_id":"r1"}`, x.depth))
			w.await(`"req_id":"r1"`)
			book, n, last := newPaper(), 0, uint64(0)
			w.until(time.Minute, func(s string) {
				if !strings.Contains(s, "orderbook") {
					return
				}
				var m bybitBook
				decode(t, s, &m)
				if m.Type == "snapshot" {
					book = newPaper()
				} else if m.Data.U != last+1 {
					t.Fatalf("u %d after %d", m.Data.U, last)
				}
				last = m.Data.U
				book.pairs(m.Data.B, m.Data.A)
				bids, asks, ok := b.v.Truth(x.symbol).At(last)
				if why := book.differs(bids[:min(len(bids), x.depth)], asks[:min(len(asks), x.depth)], 0); !ok || why != "" {
					t.Fatalf("%s %d at %d: %v %s", x.path, x.depth, last, ok, why)
				}
				n++
			})
			if n < 50 {
				t.Fatalf("%s %d: %d messages", x.path, x.depth, n)
			}
		})
	}
}

// Refusals and pongs in the venue's words; spot takes ten args a request.
func TestBybitAnswers(t *testing.T) {
	inBubble(t, "bybit", Options{}, func(b *bench) {
		w := b.dial("/v5/public/spot")
		w.send(`{"op":"ping","req_id":"p"}`)
		w.await(`"ret_msg":"pong"`)
		w.send(`{"op":"subscribe","args":["publicTrade.NOPE"]}`)
		w.await(`Invalid symbol :[publicTrade.NOPE]`)
		w.send(`{"op":"subscribe","args":["a","a","a","a","a","a","a","a","a","a","a"]}`)
		w.await(`args size >10`)
		r, body := b.get("/v5/market/orderbook?category=spot&symbol=NOPE", nil)
		if r.StatusCode != 200 || !strings.Contains(body, `"retCode":10001`) {
			t.Fatal(r.StatusCode, body)
		}
		var k struct {
			Result struct{ List [][]string }
		}
		b.get("/v5/market/kline?category=spot&symbol=BTCUSDT&interval=1&limit=100", &k)
		if len(k.Result.List) != 100 || k.Result.List[0][0] <= k.Result.List[1][0] {
			t.Fatalf("%d bars", len(k.Result.List))
		}
	})
}

// A ticker begins with all that a contract is, and the funding it names is what the
// history tells when it was paid.
func TestBybitContracts(t *testing.T) {
	inBubble(t, "bybit", Options{}, func(b *bench) {
		w := b.dial("/v5/public/linear")
		w.send(`{"op":"subscribe","args":["tickers.BTCUSDT","allLiquidation.BTCUSDT"]}`)
		var first struct {
			Data struct {
				MarkPrice, IndexPrice, OpenInterest, FundingRate, NextFundingTime string
			}
		}
		decode(t, w.await(`"fundingRate"`), &first)
		marks := 0
		w.until(time.Minute, func(s string) {
			if strings.Contains(s, `"delta"`) && strings.Contains(s, "markPrice") {
				marks++
			}
		})
		if d := first.Data; marks < 50 || d.MarkPrice == "" || d.IndexPrice == "" || d.OpenInterest == "" {
			t.Fatalf("%d marks in a minute after %+v", marks, d)
		}
		time.Sleep(8 * time.Hour)
		var a struct {
			Result struct {
				List []struct{ FundingRate, FundingRateTimestamp string }
			}
		}
		b.get("/v5/market/funding/history?category=linear&symbol=BTCUSDT&limit=1", &a)
		if l := a.Result.List; len(l) != 1 || l[0].FundingRate != first.Data.FundingRate || l[0].FundingRateTimestamp != first.Data.NextFundingTime {
			t.Fatalf("due %+v, paid %+v", first.Data, l)
		}
		if _, body := b.get("/v5/market/funding/history?category=linear&symbol=BTCUSDT&startTime=1", nil); !strings.Contains(body, `"retCode":10001`) {
			t.Fatal(body)
		}
	})
}
