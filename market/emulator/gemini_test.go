package emulator

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

type geminiChange struct {
	E, First, Last int64
	Symbol         string
	B, A           [][]string
}

// UnmarshalJSON is there because U and u differ in case only.
func (g *geminiChange) UnmarshalJSON(b []byte) error {
	var m map[string]json.RawMessage
	if err := json.Unmarshal(b, &m); err != nil {
		return err
	}
	for k, into := range map[string]any{"E": &g.E, "U": &g.First, "u": &g.Last, "s": &g.Symbol, "b": &g.B, "a": &g.A} {
		if err := json.Unmarshal(m[k], into); err != nil {
			return fmt.Errorf("%s: %w", k, err)
		}
	}
	return nil
}

// A client that takes the first message for the whole book and applies those that begin
// with the last number of the one before has the venue's book.
func TestGeminiBookIsAChain(t *testing.T) {
	inBubble(t, "gemini", Options{}, func(b *bench) {
		w := b.dial("/?snapshot=-1")
		w.send(`{"id":"a","method":"subscribe","params":["btcusd@depth@100ms","BTCUSD@trade","btcusd@bookTicker"]}`)
		book, n, last := newPaper(), 0, int64(0)
		acked := false
		w.until(time.Minute, func(s string) {
			if s == `{"id":"a","status":200}` {
				if acked = true; n == 0 {
					t.Fatal("the answer came before the whole book")
				}
			}
			if !strings.Contains(s, `"depthUpdate"`) {
				return
			}
			var m geminiChange
			decode(t, s, &m)
			if last != 0 && m.First != last || last == 0 && m.First != m.Last {
				t.Fatalf("message %d begins with %d after %d", n, m.First, last)
			}
			last = m.Last
			for _, r := range m.B {
				book.set(false, r[0], r[1])
			}
			for _, r := range m.A {
				book.set(true, r[0], r[1])
			}
			bids, asks, ok := b.v.Truth("btcusd").At(uint64(last))
			if why := book.differs(bids, asks, 0); !ok || why != "" {
				t.Fatalf("message %d: %v %s", n, ok, why)
			}
			n++
		})
		if n < 60 || !acked {
			t.Fatalf("%d book messages, acknowledged: %t", n, acked)
		}
	})
}

// One bad name refuses a whole request; without the parameter there is no whole book.
func TestGeminiAnswers(t *testing.T) {
	inBubble(t, "gemini", Options{}, func(b *bench) {
		w := b.dial("/")
		w.send(`{"id":4,"method":"SUBSCRIBE","params":["btcusd@trade","nosuchusd@trade"]}`)
		w.await(`{"id":4,"status":400,"error":{"code":-1013,"msg":"Invalid stream name: nosuchusd@trade"}}`)
		w.send(`{"id":5,"method":"list_subscriptions"}`)
		w.await(`{"id":5,"status":200,"result":[]}`)
		w.send(`{"id":6,"method":"dance"}`)
		w.await(`"code":-1020`)
		w.send(`{"id":"p","method":"ping"}`)
		w.await(`{"id":"p","status":200}`)
		w.send(`{"id":7,"method":"subscribe","params":["btcusd@depth@100ms","btcgusdperp@markPrice","btcgusdperp@fundingAmount"]}`)
		w.await(`"e":"fundingAmount"`)
		var m geminiChange
		decode(t, w.await(`"depthUpdate"`), &m)
		if m.First == m.Last {
			t.Error("a whole book came unasked")
		}
		w.send(`{"id":8,"method":"subscribe","params":["btcusd@markPrice"]}`)
		w.await(`"code":-1013`)
	})
}

// Version 2 names its symbols in upper case, begins with book and trades, and beats.
func TestGeminiVersionTwo(t *testing.T) {
	inBubble(t, "gemini", Options{}, func(b *bench) {
		w := b.dial("/v2/marketdata")
		w.send(`{"type":"subscribe","subscriptions":[{"name":"l2","symbols":["btcusd"]}]}`)
		w.await("NoValidTradingPairs")
		w.send(`{"type":"subscribe","subscriptions":[{"name":"l2","symbols":["BTCUSD"]}]}`)
		book, n := newPaper(), 0
		w.until(30*time.Second, func(s string) {
			var m struct {
				Type    string
				Changes [][]string
			}
			decode(t, s, &m)
			for _, r := range m.Changes {
				book.set(r[0] == "sell", r[1], r[2])
			}
			if m.Type == "l2_updates" {
				n++
			}
		})
		time.Sleep(time.Second)
		if n < 30 {
			t.Fatalf("%d changes", n)
		}
		w.await(`"type":"heartbeat"`)
	})
}

// The kept history pages by id, each trade once; candles have one window.
func TestGeminiHistory(t *testing.T) {
	inBubble(t, "gemini", Options{}, func(b *bench) {
		time.Sleep(time.Minute)
		want := b.v.Trades("btcusd")
		seen, since := 0, "1"
		for more := true; more; {
			var page []struct{ Tid json.Number }
			b.get("/v1/trades/btcusd?limit_trades=100&since_tid="+since, &page)
			for i := len(page) - 1; i >= 0; i-- {
				if seen < len(want) && page[i].Tid.String() != want[seen].ID {
					t.Fatalf("trade %d is %s, want %s", seen, page[i].Tid, want[seen].ID)
				}
				seen++
			}
			if more = len(page) == 100; more {
				since = page[0].Tid.String()
			}
		}
		if seen < len(want) {
			t.Fatalf("%d trades, the venue has %d", seen, len(want))
		}
		var bars [][]json.Number
		b.get("/v2/candles/btcusd/1m", &bars)
		if len(bars) < 180 || len(bars) > 1441 {
			t.Fatalf("%d bars", len(bars))
		}
		var all []struct {
			Symbol string
			Tick   json.Number `json:"tick_size"`
		}
		b.get("/v1/symbols/details/all", &all)
		if len(all) < 10 || all[0].Symbol != "BTCUSD" || all[0].Tick != "0.00000001" {
			t.Error(all)
		}
		body := ""
		for range 121 {
			_, body = b.get("/v1/symbols", nil)
		}
		if !strings.Contains(body, `"reason":"RateLimit"`) {
			t.Error(body)
		}
	})
}
