package emulator

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/assayhq/assay/market"
)

type seoulBook struct {
	Type   string
	Code   string
	Stream string `json:"stream_type"`
	At     int64  `json:"timestamp"`
	Units  []struct {
		AskPrice json.Number `json:"ask_price"`
		AskSize  json.Number `json:"ask_size"`
		BidPrice json.Number `json:"bid_price"`
		BidSize  json.Number `json:"bid_size"`
	} `json:"orderbook_units"`
}

// Every message is the whole book of its moment; a second request replaces the first.
func TestSeoulBooksAreWholeAndRequestsReplace(t *testing.T) {
	for _, id := range []market.VenueID{"upbit", "bithumb"} {
		inBubble(t, id, Options{}, func(b *bench) {
			w := b.dial("/websocket/v1")
			w.send(`[{"ticket":"a"},{"type":"orderbook","codes":["KRW-BTC"]},{"type":"trade","codes":["KRW-BTC"]},{"format":"DEFAULT"}]`)
			n, snapshots := 0, 0
			check := func(s string) {
				var m seoulBook
				decode(t, s, &m)
				if m.Type != "orderbook" {
					return
				}
				if n++; m.Stream == "SNAPSHOT" {
					snapshots++
				}
				book := newPaper()
				for _, u := range m.Units {
					if u.BidPrice != "0" {
						book.set(false, u.BidPrice.String(), u.BidSize.String())
					}
					if u.AskPrice != "0" {
						book.set(true, u.AskPrice.String(), u.AskSize.String())
					}
				}
				bids, asks, ok := b.v.Truth(m.Code).AtTime(time.UnixMilli(m.At))
				if why := book.differs(bids[:min(len(bids), 30)], asks[:min(len(asks), 30)], 0); !ok || why != "" {
					t.Fatalf("%s at %d: %v %s", m.Code, m.At, ok, why)
				}
			}
			w.until(30*time.Second, check)
			if n < 50 || snapshots != 1 {
				t.Fatalf("%s: %d books, %d snapshots", id, n, snapshots)
			}
			w.send(`[{"ticket":"b"},{"type":"orderbook","codes":["KRW-ETH"]}]`)
			w.await(`"code":"KRW-ETH"`)
			w.until(10*time.Second, func(s string) {
				if check(s); strings.Contains(s, "KRW-BTC") {
					t.Fatalf("still subscribed: %s", s)
				}
			})
			w.send(`[{"ticket":"b"},{"method":"LIST_SUBSCRIPTIONS"}]`)
			w.await(`"result":[{"type":"orderbook","codes":["KRW-ETH"]}]`)
			w.send("PING")
			w.await(`{"status":"UP"}`)
			w.send(`[{"type":"trade","codes":["KRW-BTC"]}]`)
			w.await(`"name":"NO_TICKET"`)
		})
	}
}

// Trades are paged by number within a day and then by days, each once.
func TestSeoulTradesPageBackwards(t *testing.T) {
	inBubble(t, "upbit", Options{}, func(b *bench) {
		time.Sleep(time.Minute) // it is New Year: yesterday is another page
		seen, days := map[string]bool{}, 0
		for where := ""; days < 2; {
			var rows []struct {
				ID json.Number `json:"sequential_id"`
			}
			b.get("/v1/trades/ticks?market=KRW-BTC&count=100"+where, &rows)
			for _, r := range rows {
				if seen[r.ID.String()] {
					t.Fatal("twice", r.ID)
				}
				seen[r.ID.String()] = true
			}
			day := ""
			if days > 0 {
				day = fmt.Sprintf("&days_ago=%d", days)
			}
			if len(rows) < 100 {
				days++
				where = fmt.Sprintf("&days_ago=%d", days)
			} else {
				where = day + "&cursor=" + rows[99].ID.String()
			}
			time.Sleep(110 * time.Millisecond)
		}
		if all := b.v.Trades("KRW-BTC"); len(seen) < len(all)-20 || len(seen) < 300 {
			t.Fatalf("%d trades of %d", len(seen), len(all))
		}
	})
}
