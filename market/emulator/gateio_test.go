package emulator

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/money"
)

type gateioBook struct {
	Channel string
	Result  struct {
		Full  bool
		S     string
		First uint64 `json:"U"`
		Last  uint64 `json:"u"`
		B, A  [][2]string
	}
}

// The chain of U and u never breaks, and the book is the venue's at each u; of contracts
// in whole contracts.
func TestGateBookChains(t *testing.T) {
	for _, x := range []struct {
		id            market.VenueID
		path, channel string
	}{{"gate", "/ws/v4/", "spot.obu"}, {"gatefutures", "/v4/ws/usdt", "futures.obu"}} {
		inBubble(t, x.id, Options{}, func(b *bench) {
			w := b.dial(x.path)
			w.send(`{"time":1,"id":7,"channel":"` + x.channel + `","event":"subscribe","payload":["ob.BTC_USDT.400"]}`)
			w.await(`"id":7`)
			book, n, last := newPaper(), 0, uint64(0)
			w.until(time.Minute, func(s string) {
				var m gateioBook
				decode(t, s, &m)
				if m.Result.Full {
					book = newPaper()
				} else if m.Result.First != last+1 {
					t.Fatalf("U %d after %d", m.Result.First, last)
				}
				last = m.Result.Last
				if x.id == "gatefutures" { // a contract is 0.0001 BTC
					for _, r := range append(m.Result.B, m.Result.A...) {
						if strings.Contains(r[1], ".") {
							t.Fatalf("%s contracts", r[1])
						}
					}
					inBase(m.Result.B)
					inBase(m.Result.A)
				}
				book.pairs(m.Result.B, m.Result.A)
				bids, asks, ok := b.v.Truth("BTC_USDT").At(last)
				if why := book.differs(bids, asks, 0); !ok || why != "" {
					t.Fatalf("%s at %d: %v %s", x.id, last, ok, why)
				}
				n++
			})
			if n < 100 {
				t.Fatalf("%d messages", n)
			}
		})
	}
}

func inBase(levels [][2]string) {
	for i := range levels {
		n, _ := money.MustParse(levels[i][1]).Mul(money.MustParse("0.0001"))
		levels[i][1] = n.String()
	}
}

// One unknown symbol refuses a whole request; asking twice for a book is refused too.
func TestGateRefusals(t *testing.T) {
	inBubble(t, "gate", Options{}, func(b *bench) {
		w := b.dial("/ws/v4/")
		w.send(`{"time":1,"channel":"spot.ping"}`)
		w.await(`"channel":"spot.pong"`)
		w.send(`{"time":1,"channel":"spot.trades","event":"subscribe","payload":["BTC_USDT","NOPE_USDT"]}`)
		w.await(`unknown currency pair NOPE_USDT`)
		for range 2 {
			w.send(`{"time":1,"channel":"spot.obu","event":"subscribe","payload":["ob.BTC_USDT.50"]}`)
		}
		w.await(`Alert sub ob.BTC_USDT.50`)
		for path, label := range map[string]string{
			"trades?currency_pair=NOPE_USDT":                                              "INVALID_CURRENCY_PAIR",
			"candlesticks?currency_pair=BTC_USDT&interval=1m&limit=5&from=946684800":      "limit conflicts",
			"candlesticks?currency_pair=BTC_USDT&interval=1m&from=900000000&to=900000060": "too long ago",
			"candlesticks?currency_pair=BTC_USDT&interval=1m&from=900000000&to=940000000": "Too many data points",
		} {
			if r, body := b.get("/api/v4/spot/"+path, nil); r.StatusCode != 400 || !strings.Contains(body, label) {
				t.Errorf("%s: %d %s", path, r.StatusCode, body)
			}
		}
	})
}

// Pages of trades give each trade once; funding is paid every eight hours, and sizes of
// contracts are quoted for who asks so.
func TestGateHistory(t *testing.T) {
	inBubble(t, "gatefutures", Options{}, func(b *bench) {
		seen := map[string]bool{}
		now := time.Now().Unix() - 1 // what is over does not move from page to page
		for skip := 0; ; skip += 50 {
			var page []struct{ ID, Size any }
			b.get(fmt.Sprintf("/api/v4/futures/usdt/trades?contract=BTC_USDT&limit=50&from=%d&to=%d&offset=%d", now-1200, now, skip), &page)
			for _, x := range page {
				if seen[fmt.Sprint(x.ID)] {
					t.Fatal("twice", x.ID)
				}
				seen[fmt.Sprint(x.ID)] = true
			}
			if len(page) < 50 {
				break
			}
		}
		if len(seen) < 100 {
			t.Errorf("%d trades", len(seen))
		}
		var paid []struct{ T int64 }
		b.get("/api/v4/futures/usdt/funding_rate?contract=BTC_USDT&limit=10", &paid)
		if len(paid) != 10 || paid[0].T-paid[1].T != 8*3600 {
			t.Errorf("%v", paid)
		}
	})
}
