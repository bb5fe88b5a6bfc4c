package emulator

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// Numbers of a book rise by one a level, and after each event the book is the venue's,
// of a linear contract and of an inverse one.
func TestKrakenFuturesBookCountsLevels(t *testing.T) {
	inBubble(t, "krakenfutures", Options{}, func(b *bench) {
		for _, symbol := range []string{"PF_XBTUSD", "PI_XBTUSD"} {
			w := b.dial("/ws/v1")
			w.await(`"event":"info"`)
			w.send(`{"event":"subscribe","feed":"book","product_ids":["` + symbol + `"]}`)
			w.await(`"event":"subscribed","feed":"book","product_ids":["` + symbol + `"]`)
			book, last, same := newPaper(), int64(0), 0
			w.until(40*time.Second, func(s string) {
				var m struct {
					Feed, Side string
					Seq        int64
					Price, Qty json.Number
					Bids, Asks []struct{ Price, Qty json.Number }
				}
				decode(t, s, &m)
				if m.Feed == "book_snapshot" {
					for _, r := range m.Bids {
						book.set(false, r.Price.String(), r.Qty.String())
					}
					for _, r := range m.Asks {
						book.set(true, r.Price.String(), r.Qty.String())
					}
				} else {
					if m.Seq != last+1 {
						t.Fatalf("seq %d after %d", m.Seq, last)
					}
					book.set(m.Side == "sell", m.Price.String(), m.Qty.String())
				}
				last = m.Seq
				if bids, asks, ok := b.v.Truth(symbol).At(uint64(m.Seq)); ok {
					same++
					if why := book.differs(bids, asks, 0); why != "" {
						t.Fatalf("at %d: %s", m.Seq, why)
					}
				}
			})
			if same < 50 {
				t.Errorf("%s: %d books compared", symbol, same)
			}
		}
	})
}

// Without a ping for a minute the connection ends; answers are in the venue's words.
func TestKrakenFuturesAnswers(t *testing.T) {
	inBubble(t, "krakenfutures", Options{}, func(b *bench) {
		w := b.dial("/ws/v1")
		w.send(`{"event":"subscribe","feed":"trade","product_ids":["pf_xbtusd","PF_NOPEUSD"]}`)
		w.await(`{"event":"subscribed","feed":"trade","product_ids":["PF_XBTUSD"]}`)
		if s := w.await(`trade_snapshot`); strings.Count(s, `"uid"`) != 100 {
			t.Errorf("%d trades to begin with", strings.Count(s, `"uid"`))
		}
		w.await(`{"event":"error","message":"Invalid product id"}`)
		w.send(`{"event":"subscribe","feed":"trade","product_ids":["PF_XBTUSD"]}`)
		w.await(`Already subscribed to feed, re-requesting`)
		start := time.Now()
		if w.until(5*time.Minute, func(string) {}) || time.Since(start) > 70*time.Second {
			t.Errorf("open for %v without a ping", time.Since(start))
		}
		r, body := b.get("/derivatives/api/v3/orderbook?symbol=PF_NOPEUSD", nil)
		if r.StatusCode != 200 || !strings.Contains(body, `"error":"contractNotFound"`) {
			t.Error(r.StatusCode, body)
		}
		type page struct {
			Elements []struct {
				Event struct {
					Execution struct{ Execution struct{ UID string } }
				}
			}
			Token string `json:"continuationToken"`
		}
		seen, token := map[string]bool{}, ""
		for range 60 {
			var p page
			b.get("/api/history/v3/market/PF_XBTUSD/executions?count=100&continuation_token="+token, &p)
			for _, e := range p.Elements {
				if id := e.Event.Execution.Execution.UID; seen[id] {
					t.Fatal("twice", id)
				} else {
					seen[id] = true
				}
			}
			if token = p.Token; token == "" {
				break
			}
		}
		if all := b.v.Trades("PF_XBTUSD"); len(seen) < len(all)-5 || !seen[all[0].ID] {
			t.Errorf("%d of %d trades", len(seen), len(all))
		}
		var k struct {
			Candles []struct{ Time int64 }
			More    bool `json:"more_candles"`
		}
		from := time.Now().Add(-time.Hour).Truncate(time.Minute)
		b.get(fmt.Sprintf("/api/charts/v1/trade/PI_XBTUSD/1m?from=%d&to=%d", from.Unix(), from.Add(9*time.Minute).Unix()), &k)
		if len(k.Candles) != 10 || k.More || k.Candles[0].Time != from.UnixMilli() {
			t.Errorf("%+v", k)
		}
	})
}
