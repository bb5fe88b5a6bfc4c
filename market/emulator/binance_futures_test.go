package emulator

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/assayhq/assay/market"
)

// Numbers of a futures book jump, and each update names the one before; streams are
// served on their own path only, and a contract of COIN-M counts dollars by the hundred.
func TestBinanceFuturesBooksNameTheirPredecessor(t *testing.T) {
	for _, x := range []struct {
		api, path, symbol string
		id                market.VenueID
	}{{"/fapi/v1/", "/public/ws", "BTCUSDT", "binanceusdm"}, {"/dapi/v1/", "/ws", "BTCUSD_PERP", "binancecoinm"}} {
		inBubble(t, x.id, Options{}, func(b *bench) {
			w := b.dial(x.path)
			name := strings.ToLower(x.symbol)
			w.send(`{"method":"SUBSCRIBE","params":["` + name + `@depth@100ms","` + name + `@markPrice@1s"],"id":1}`)
			var first struct {
				Last       uint64 `json:"lastUpdateId"`
				Bids, Asks [][2]string
			}
			w.await(`"depthUpdate"`)
			b.get(x.api+"depth?symbol="+x.symbol+"&limit=1000", &first)
			book, n, last, lot := newPaper(), 0, uint64(0), int64(1)
			if x.id == "binancecoinm" {
				lot = 100
			}
			set := func(ask bool, rows [][2]string) {
				for _, r := range rows {
					if lot > 1 {
						q, err := strconv.ParseInt(r[1], 10, 64)
						if err != nil {
							t.Fatal(err)
						}
						r[1] = itoa(q * lot)
					}
					book.set(ask, r[0], r[1])
				}
			}
			set(false, first.Bids)
			set(true, first.Asks)
			marks := 0
			w.until(time.Minute, func(s string) {
				if strings.Contains(s, "markPriceUpdate") {
					marks++
				}
				if !strings.Contains(s, "depthUpdate") {
					return
				}
				var m struct {
					U  uint64
					L  uint64          `json:"u"`
					P  uint64          `json:"pu"`
					B  [][2]string     `json:"b"`
					A  [][2]string     `json:"a"`
					At json.RawMessage `json:"T"`
				}
				decode(t, s, &m)
				if m.L <= first.Last {
					return
				}
				if last == 0 && m.P > first.Last || last > 0 && m.P != last || m.U <= m.P || m.U == m.P+1 {
					t.Fatalf("from %d to %d after %d, have %d", m.U, m.L, m.P, last)
				}
				last = m.L
				set(false, m.B)
				set(true, m.A)
				bids, asks, ok := b.v.Truth(x.symbol).At(last)
				if why := book.differs(bids, asks, 0); !ok || why != "" {
					t.Fatalf("%s at %d: %v %s", x.symbol, last, ok, why)
				}
				n++
			})
			if n < 100 || (marks > 0) != (x.path == "/ws") {
				t.Fatalf("%s: %d updates, %d mark prices on %s", x.id, n, marks, x.path)
			}
		})
	}
}

// The rate of now is the one that is paid when its time comes.
func TestBinanceFundingIsPaidAsItWasDue(t *testing.T) {
	inBubble(t, "binanceusdm", Options{}, func(b *bench) {
		var now struct {
			Rate string `json:"lastFundingRate"`
			Due  int64  `json:"nextFundingTime"`
		}
		b.get("/fapi/v1/premiumIndex?symbol=BTCUSDT", &now)
		time.Sleep(8*time.Hour + time.Minute)
		var paid []struct {
			Rate string `json:"fundingRate"`
			At   int64  `json:"fundingTime"`
		}
		b.get("/fapi/v1/fundingRate?symbol=BTCUSDT", &paid)
		if n := len(paid); n == 0 || paid[n-1].At != now.Due || paid[n-1].Rate != now.Rate {
			t.Fatalf("due %+v, paid %+v", now, paid)
		}
	})
}
