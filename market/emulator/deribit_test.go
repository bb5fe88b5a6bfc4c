package emulator

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// The chain of change_id and prev_change_id never breaks, and the book is the venue's at
// each change, of an inverse contract and of a linear one.
func TestDeribitBookChains(t *testing.T) {
	inBubble(t, "deribit", Options{}, func(b *bench) {
		for _, symbol := range []string{"BTC-PERPETUAL", "BTC_USDC-PERPETUAL"} {
			w := b.dial("/ws/api/v2")
			w.send(`{"jsonrpc":"2.0","id":7,"method":"public/subscribe","params":{"channels":["book.` + symbol + `.100ms","book.NOPE.100ms"]}}`)
			w.await(`"id":7,"result":["book.` + symbol + `.100ms"]`)
			book, last, n := newPaper(), int64(0), 0
			w.until(time.Minute, func(s string) {
				var m struct {
					Params struct {
						Data struct {
							Type       string
							Change     int64 `json:"change_id"`
							Prev       int64 `json:"prev_change_id"`
							Bids, Asks [][3]json.Token
						}
					}
				}
				decode(t, s, &m)
				d := m.Params.Data
				if d.Type == "change" && d.Prev != last {
					t.Fatalf("prev_change_id %d, have %d", d.Prev, last)
				}
				last = d.Change
				for _, side := range []struct {
					ask  bool
					rows [][3]json.Token
				}{{false, d.Bids}, {true, d.Asks}} {
					for _, r := range side.rows {
						book.set(side.ask, r[1].(json.Number).String(), r[2].(json.Number).String())
					}
				}
				bids, asks, ok := b.v.Truth(symbol).At(uint64(d.Change))
				if why := book.differs(bids, asks, 0); !ok || why != "" {
					t.Fatalf("at %d: %v %s", d.Change, ok, why)
				}
				n++
			})
			if n < 100 {
				t.Errorf("%s: %d messages", symbol, n)
			}
		}
	})
}

// Who wants heartbeats must answer them; refusals are JSON-RPC errors.
func TestDeribitHeartbeatsAndRefusals(t *testing.T) {
	inBubble(t, "deribit", Options{}, func(b *bench) {
		w := b.dial("/ws/api/v2")
		w.send(`{"jsonrpc":"2.0","id":1,"method":"public/set_heartbeat","params":{"interval":5}}`)
		w.await(`"code":-32602`)
		w.send(`{"jsonrpc":"2.0","id":2,"method":"public/set_heartbeat","params":{"interval":10}}`)
		w.await(`"id":2,"result":"ok"`)
		for range 3 {
			w.await(`"type":"test_request"`)
			w.send(`{"jsonrpc":"2.0","id":3,"method":"public/test"}`)
			w.await(`"version"`)
		}
		w.send(`{"jsonrpc":"2.0","id":4,"method":"public/subscribe","params":{"channels":["book.BTC-PERPETUAL.raw"]}}`)
		w.await(`raw_subscriptions_not_available_for_unauthorized`)
		w.await(`"type":"test_request"`)
		start := time.Now()
		if w.until(time.Minute, func(string) {}) || time.Since(start) > 11*time.Second {
			t.Errorf("open %v after a test_request without an answer", time.Since(start))
		}
		r, body := b.get("/api/v2/public/ticker?instrument_name=NOPE", nil)
		if r.StatusCode != 400 || !strings.Contains(body, `"param":"instrument_name"`) {
			t.Error(r.StatusCode, body)
		}
		for range 100 {
			r, body = b.get("/api/v2/public/get_time", nil)
		}
		if r.StatusCode != 429 || !strings.Contains(body, `"code":10028`) {
			t.Error(r.StatusCode, body)
		}
	})
}
